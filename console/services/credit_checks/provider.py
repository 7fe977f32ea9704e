"""Access to the configured provider of credit checks, either with all calls or with only the calls that read."""

from collections.abc import Callable
from threading import Lock

from console.domain.errors import ConsoleError, ErrorCode
from console.providers.credit_checks.provider import CreditCheckCapabilities, CreditCheckProvider, CreditCheckReader

_NO_CREDIT_CHECK_CAPABILITIES = CreditCheckCapabilities(
    identifies_by_number=False, gives_verdict=False, has_pdf=False, finds_purchases=False
)
"""The capabilities while no credit-check provider is configured: all False."""


class CreditCheckAdapterSource:
    """Creates the adapter of the credit-check provider when it is needed for the first time. Services that must
    never buy get only `get_reader`."""

    def __init__(self, make_adapter: Callable[[], CreditCheckProvider]) -> None:
        self._make_adapter = make_adapter
        self._adapter: CreditCheckProvider | None = None
        self._lock = Lock()

    def get_adapter(self) -> CreditCheckProvider:
        """Return the provider's adapter with all calls. Raises bad_profile if the provider is not configured."""
        with self._lock:
            if self._adapter is None:
                self._adapter = self._make_adapter()
            return self._adapter

    def get_capabilities(self) -> CreditCheckCapabilities:
        """Return the capabilities of the credit-check provider. If the provider is not configured, all
        capabilities are False, so that people can still decide about purchases."""
        try:
            return self.get_adapter().capabilities
        except ConsoleError as unfit:
            if unfit.code != ErrorCode.BAD_PROFILE:
                raise
            return _NO_CREDIT_CHECK_CAPABILITIES

    def get_reader(self) -> CreditCheckReader:
        """Return the provider's adapter with only the calls that read. Raises bad_profile if the provider is not
        configured."""
        return self.get_adapter().make_reader()
