"""Creates, from the settings of a desk, the adapter of AlarmBox, the adapters of the payment providers, the client of
the registry's Web-API and the publisher of alerts. No function of this module sends a request."""

from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments import provider_registry
from console.domain.setting_problems import SettingProblem
from console.settings.provider_access import choose_spacing_seconds
from console.settings.settings import Settings

if TYPE_CHECKING:
    from console.domain.alerts.events import AlertPublisher
    from console.domain.errors.details import BadProfileDetail
    from console.providers.alarmbox.client import AlarmBox
    from console.providers.credit_checks.provider import CreditCheckProvider
    from console.providers.credit_checks.tokens import AuthorisationCalls, AuthorisationTokenStore
    from console.providers.payments.provider import PaymentProvider
    from console.providers.registry.client import RegistryApi
    from console.services.process.context import ServiceContext

REGISTRY_CALL_SPACING_SECONDS = 1.0
"""Time between two calls to the Web-API of the corporation registry, in seconds. The publisher blocks a desk that
calls more often."""


def make_credit_check_adapter(context: "ServiceContext") -> "CreditCheckProvider":
    """Create the adapter of AlarmBox, the provider of credit checks, from the settings and return it. This function
    sends no request. In team mode, in which a worker calls the providers for the person, the adapter refuses every
    call to AlarmBox; only its capabilities can be read.

    Raises bad_profile if a needed setting is missing (the error names its variable), or if the settings name another
    merchant than that of the database.
    """
    if not context.acts_through_worker:
        return _make_alarmbox_and_token_store(context)[0]
    # The worker has the credentials; this desk reads the capabilities alone.
    from console.providers.alarmbox.client import PRODUCTION_URL, AlarmBoxConfig, make_alarmbox_adapter
    from console.services.credit_checks.provider_tokens import ProviderCallRefuser

    settings = context.settings
    url = settings.get_provider_url("alarmbox") or PRODUCTION_URL
    config = AlarmBoxConfig(url, "", "", finds_purchases=settings.finds_alarmbox_purchases)
    return make_alarmbox_adapter(
        config,
        tokens=ProviderCallRefuser(),
        rate_limiter=ProviderCallRefuser(),
        clock=context.clock,
        scale=context.scale,
    )


def make_alarmbox_authorisation(context: "ServiceContext") -> "tuple[AuthorisationCalls, AuthorisationTokenStore]":
    """Return the calls with which a person authorises this console at AlarmBox, and the store of the resulting
    tokens. This call sends no request. Raises bad_profile if a needed setting is missing (the error names its
    variable), or if the settings name another merchant than that of the database."""
    adapter, tokens = _make_alarmbox_and_token_store(context)
    return adapter.oauth_calls, tokens


def _make_alarmbox_and_token_store(context: "ServiceContext") -> "tuple[AlarmBox, AuthorisationTokenStore]":
    from console.providers.alarmbox.client import PRODUCTION_URL, AlarmBoxConfig, make_alarmbox_adapter
    from console.providers.alarmbox.oauth import OUT_OF_BAND_REDIRECT_URI
    from console.services.credit_checks.provider_tokens import DatabaseRateLimiter, DatabaseTokenStore
    from console.services.process.merchants import require_own_merchant

    settings = context.settings
    client_id, secret = settings.read_secret("ALARMBOX_CLIENT_ID"), settings.read_secret("ALARMBOX_CLIENT_SECRET")
    if not client_id or not secret:
        variable = "CONSOLE_SECRET_ALARMBOX_CLIENT_ID" if not client_id else "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET"
        raise ConsoleError(ErrorCode.BAD_PROFILE, {"variable": variable, "problem": SettingProblem.SETTING_MISSING})
    require_own_merchant(context, "alarmbox")
    config = AlarmBoxConfig(
        base_url=settings.get_provider_url("alarmbox") or PRODUCTION_URL,
        client_id=client_id,
        client_secret=secret,
        finds_purchases=settings.finds_alarmbox_purchases,
        redirect_uri=settings.alarmbox_redirect_uri or OUT_OF_BAND_REDIRECT_URI,
    )
    tokens = DatabaseTokenStore(context, "alarmbox", settings.read_secret("ALARMBOX_REFRESH_TOKEN"), context.cipher)
    adapter = make_alarmbox_adapter(
        config,
        tokens=tokens,
        rate_limiter=DatabaseRateLimiter(context, "alarmbox", settings.alarmbox_spacing_seconds),
        clock=context.clock,
        scale=context.scale,
    )
    return adapter, tokens


def list_enabled_payment_providers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the payment providers that the settings of a desk enable. This function may read the
    keyring."""
    return tuple(name for name in provider_registry.list_provider_names() if settings.is_enabled(name))


def make_payment_adapter(context: "ServiceContext", name: str) -> "PaymentProvider":
    """Create the adapter of the payment provider `name` from the settings and return it. This function sends no
    request. In team mode, in which a worker calls the providers for the person, the adapter needs no settings,
    because only its capabilities are read.

    Raises not_found for an unknown name, and bad_profile for a missing or invalid setting, or if the settings name
    another merchant than that of the database.
    """
    from console.providers.payments import plugin as payment_plugin
    from console.services.payments.providers import make_adapter_arguments

    plugin, settings = payment_plugin.find_plugin(name), context.settings
    if plugin is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": name[:40]})
    if context.acts_through_worker:  # the worker has the credentials; this desk reads the capabilities alone
        return plugin.make_adapter(make_adapter_arguments(context, plugin))
    if not settings.is_enabled(name):
        facts: BadProfileDetail = {
            "variable": f"CONSOLE_{name.upper()}_URL",
            "problem": SettingProblem.PROVIDER_DISABLED,
            "provider": name,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, facts)
    for variable in settings.list_missing_secret_names(name):
        raise ConsoleError(ErrorCode.BAD_PROFILE, {"variable": variable, "problem": SettingProblem.SETTING_MISSING})
    return plugin.make_adapter(make_adapter_arguments(context, plugin))


def make_registry_client(context: "ServiceContext") -> "RegistryApi | None":
    """Create the client of the Web-API of the corporation registry's publisher and return it. Return None if the
    settings have no application id, and in team mode, in which a worker acts for the person. This function sends no
    request, and may read the keyring.
    """
    settings = context.settings
    application_id = None if context.acts_through_worker else settings.read_secret("REGISTRY_APPLICATION_ID")
    if not application_id:
        return None
    from console.providers.registry.client import RegistryApi, RegistryConfig
    from console.services.credit_checks.provider_tokens import DatabaseRateLimiter

    url = settings.get_provider_url("registry")
    rate_limiter = DatabaseRateLimiter(
        context, "registry", choose_spacing_seconds(url, REGISTRY_CALL_SPACING_SECONDS)
    )
    return RegistryApi(
        RegistryConfig(url, application_id), rate_limiter=rate_limiter, clock=context.clock, scale=context.scale
    )


def make_alert_publisher(context: "ServiceContext") -> "AlertPublisher | None":
    """Create the configured publisher of alerts and return it; None if no publisher is configured. This call sends no
    request. Raises bad_profile for a missing or invalid setting.
    """
    alerts = context.settings.alerts
    key = alerts.require_usable_publisher(context.settings.read_secret)
    if alerts.webhook_url is not None:
        from console.providers.alerts.webhook import WebhookAlertPublisher

        return WebhookAlertPublisher(
            alerts.webhook_url,
            key,
            clock=context.clock,
            scale=context.scale,
            private_networks=alerts.webhook_networks,
        )
    if alerts.brokers:
        from console.providers.alerts.kafka import KafkaAlertPublisher

        return KafkaAlertPublisher(alerts.brokers)
    return None
