"""Access to the payment providers of this desk: with all calls, or only with the calls that read."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.states import PaymentState, RefundState
from console.providers.payments import plugin as payment_plugin
from console.providers.payments.adapter_arguments import AdapterArguments
from console.providers.payments.plugin import ProviderPlugin
from console.services.credit_checks.provider_tokens import DatabaseRateLimiter, ProviderCallRefuser
from console.services.process.context import ServiceContext
from console.services.process.merchants import require_own_merchant
from console.settings.provider_access import ProviderSettingsT

if TYPE_CHECKING:
    from console.providers.payments.provider import PaymentProvider, PaymentReader


def make_adapter_arguments(
    context: ServiceContext, plugin: ProviderPlugin[ProviderSettingsT]
) -> AdapterArguments[ProviderSettingsT]:
    """Return the arguments for creating the adapter of the provider that `plugin` declares, from this desk's
    settings. If a worker acts for the desk's person, the created adapter can't call the provider. This function may
    read the keyring but sends nothing. Raises bad_profile if the database belongs to another merchant of the
    provider.
    """
    own_settings = context.settings.get_provider_settings(plugin)
    if not context.acts_through_worker:
        require_own_merchant(context, plugin.name)
    return AdapterArguments(
        own_settings=own_settings,
        url=context.settings.get_provider_url(plugin.name),
        secrets=context.settings.read_secrets(plugin.name),
        rate_limiter=ProviderCallRefuser()
        if context.acts_through_worker
        else DatabaseRateLimiter(context, plugin.name, own_settings.spacing_seconds),
        clock=context.clock,
        scale=context.scale,
    )


class PaymentProviders:
    """The payment providers by name; each adapter is created when it is first used. A service that must never move
    money uses `get_reader` only.
    """

    def __init__(self, make_adapter: "Callable[[str], PaymentProvider]") -> None:
        """Store the function `make_adapter`, which creates the adapter of the provider with the given name. It raises
        not_found if no payment provider has this name, and bad_profile if the provider is not configured on this
        desk.
        """
        self._make_adapter = make_adapter
        self._adapters: dict[str, PaymentProvider] = {}
        self._lock = Lock()

    def get_adapter(self, provider: str) -> "PaymentProvider":
        """Return the provider's adapter with all calls, including those that move money. Raises not_found if no
        payment provider has this name (a sender of notices isn't one), and bad_profile if the provider is not
        configured on this desk.
        """
        with self._lock:
            if provider not in self._adapters:
                self._adapters[provider] = self._make_adapter(provider)
            return self._adapters[provider]

    def get_reader(self, provider: str) -> "PaymentReader":
        """Return the provider's adapter with only the calls that read. Raises not_found if no payment provider has
        this name, and bad_profile if the provider is not configured on this desk.
        """
        return self.get_adapter(provider).make_reader()

    def get_merchant_id(self, provider: str) -> str:
        """Return the id that the provider has given to our shop (merchant), as this desk's settings name it. Raises
        the errors of `get_adapter`."""
        return self.get_adapter(provider).merchant_id

    def find_reader(self, provider: str) -> "PaymentReader | None":
        """Return the provider's adapter with only the calls that read; None if the provider only sends notices or is
        not configured on this desk.
        """
        try:
            return self.get_reader(provider)
        except ConsoleError as error:
            if error.code not in (ErrorCode.NOT_FOUND, ErrorCode.BAD_PROFILE):
                raise
            return None


PAYMENT_STATE_BY_NOTICE_TYPE: Mapping[str, PaymentState] = {
    "payment.succeeded": PaymentState.PAYMENT_SUCCESS,
    "payment.failed": PaymentState.PAYMENT_FAILED,
    "payment.reversed": PaymentState.PAYMENT_FAILED,
    "payment.cancelled": PaymentState.PAYMENT_FAILED,
    "payment.expired": PaymentState.EXPIRED,
    "payment.pending": PaymentState.USER_PAYMENT,
}
"""The payment state for each event type of a signed notice. An event of another type doesn't state the payment's
state.
"""


def find_payment_state_of_provider_word(provider: str, provider_word: str | None) -> PaymentState | None:
    """Return our payment state for the provider's own name of a state (`provider_word`); None for an unknown name or
    None.
    """
    if provider_word is None:
        return None
    plugin = payment_plugin.find_plugin(provider)
    if plugin is not None:
        return plugin.find_payment_state(provider_word)
    return PAYMENT_STATE_BY_NOTICE_TYPE.get(provider_word)


def find_refund_state_of_provider_word(provider: str, provider_word: str | None) -> RefundState | None:
    """Return our refund state for the provider's own name of a refund's state (`provider_word`); None for an
    unknown provider, an unknown name or None."""
    plugin = payment_plugin.find_plugin(provider)
    return plugin.find_refund_state(provider_word) if plugin is not None and provider_word is not None else None
