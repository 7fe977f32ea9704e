"""Access to the payment providers of this desk: with all calls, or only with the calls that read."""

from collections.abc import Callable, Mapping
from threading import Lock

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.states import PaymentState
from console.providers import payment_plugin
from console.providers.payment_plugin import AdapterArguments, ProviderPlugin
from console.providers.payment_provider import PaymentReader, PaymentVendor
from console.services.credit_checks.provider_tokens import NoCalls, SpacedCalls
from console.services.process.context import ServiceContext
from console.settings.provider_access import S


def make_adapter_arguments(context: ServiceContext, plugin: ProviderPlugin[S]) -> AdapterArguments[S]:
    """Return the arguments with which a provider's adapter is created, from this desk's settings. At a desk that asks
    a worker the adapter can't call the provider. May read the keyring; sends nothing.
    """
    own = context.settings.provider_settings_of(plugin)
    return AdapterArguments(
        own_settings=own,
        url=context.settings.provider_url(plugin.name),
        secrets=context.settings.secrets_of(plugin.name),
        gate=NoCalls() if context.asks else SpacedCalls(context, plugin.name, own.spacing_seconds),
        clock=context.clock,
        scale=context.scale,
    )


class PaymentVendors:
    """The providers by name, each created at its first use. Services that must never move money get only
    `get_reader`.
    """

    def __init__(self, make: Callable[[str], PaymentVendor]) -> None:
        """`make` creates a provider; it raises not_found for an unknown name and bad_profile for a provider that is
        not configured.
        """
        self._make = make
        self._vendors: dict[str, PaymentVendor] = {}
        self._lock = Lock()

    def get_vendor(self, provider: str) -> PaymentVendor:
        """Return the provider with the calls that move money. Raises the errors of `make`."""
        with self._lock:
            if provider not in self._vendors:
                self._vendors[provider] = self._make(provider)
            return self._vendors[provider]

    def get_reader(self, provider: str) -> PaymentReader:
        """Return the provider with only the calls that read. Raises the errors of `make`."""
        return self.get_vendor(provider).reader()

    def find_reader(self, provider: str) -> PaymentReader | None:
        """Return the provider with only the calls that read; None if it only sends notices or is not configured on
        this desk.
        """
        try:
            return self.get_reader(provider)
        except ConsoleError as unfit:
            if unfit.code not in (ErrorCode.NOT_FOUND, ErrorCode.BAD_PROFILE):
                raise
            return None


NOTICE_WORDS: Mapping[str, PaymentState] = {
    "payment.succeeded": PaymentState.PAYMENT_SUCCESS,
    "payment.failed": PaymentState.PAYMENT_FAILED,
    "payment.reversed": PaymentState.PAYMENT_FAILED,
    "payment.cancelled": PaymentState.PAYMENT_FAILED,
    "payment.expired": PaymentState.EXPIRED,
    "payment.pending": PaymentState.USER_PAYMENT,
}
"""The payment state that each type of a signed notice means. Other types mean no state."""


def find_state(provider: str, provider_word: str | None) -> PaymentState | None:
    """Return our payment state for a provider's own name of a state; None for an unknown name."""
    if provider_word is None:
        return None
    plugin = payment_plugin.find(provider)
    if plugin is not None:
        return plugin.meaning(provider_word)
    return NOTICE_WORDS.get(provider_word)
