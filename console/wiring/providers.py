"""Build the payment providers, the client of the registry's Web-API and the publisher of alerts from the settings of
a desk, at their first use.
"""

from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments import provider_registry
from console.domain.setting_problems import SettingProblem
from console.settings.provider_access import spacing_seconds
from console.settings.settings import Settings

if TYPE_CHECKING:
    from console.domain.alerts.events import Publisher
    from console.domain.errors.details import BadProfile
    from console.providers.payments.provider import PaymentProvider
    from console.providers.registry.client import RegistryApi
    from console.services.process.context import ServiceContext

REGISTRY_SPACING_SECONDS = 1.0
"""Time between two calls to the Web-API of the corporation registry; it locks out who asks too often."""


def configured_providers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the enabled payment providers. May read the keyring."""
    return tuple(name for name in provider_registry.provider_names() if settings.is_enabled(name))


def open_adapter(context: "ServiceContext", name: str) -> "PaymentProvider":
    """Create the payment provider `name` from the settings and return it. Sends nothing. A desk for whose person a
    worker acts needs no settings of the provider.

    Raises not_found for an unknown name, and bad_profile for a missing or invalid setting.
    """
    from console.providers.payments import plugin as payment_plugin
    from console.services.payments.providers import make_adapter_arguments

    plugin, settings = payment_plugin.find_plugin(name), context.settings
    if plugin is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": name[:40]})
    if context.asks_worker:  # the worker has the credentials; this desk reads the capabilities alone
        return plugin.make_adapter(make_adapter_arguments(context, plugin))
    if not settings.is_enabled(name):
        facts: BadProfile = {
            "variable": f"CONSOLE_{name.upper()}_URL",
            "problem": SettingProblem.PROVIDER_DISABLED,
            "provider": name,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, facts)
    for variable in settings.missing_secret_names(name):
        raise ConsoleError(ErrorCode.BAD_PROFILE, {"variable": variable, "problem": SettingProblem.SETTING_MISSING})
    return plugin.make_adapter(make_adapter_arguments(context, plugin))


def open_registry_api(context: "ServiceContext") -> "RegistryApi | None":
    """Create the client of the corporation registry's Web-API; None without an application id. Sends nothing. May
    read the keyring.
    """
    settings = context.settings
    application_id = None if context.asks_worker else settings.secret("REGISTRY_APPLICATION_ID")
    if not application_id:
        return None
    from console.providers.registry.client import RegistryApi, RegistryConfig
    from console.services.credit_checks.provider_tokens import SpacedCalls

    url = settings.provider_url("registry")
    gate = SpacedCalls(context, "registry", spacing_seconds(url, REGISTRY_SPACING_SECONDS))
    return RegistryApi(RegistryConfig(url, application_id), gate=gate, clock=context.clock, scale=context.scale)


def open_publisher(context: "ServiceContext") -> "Publisher | None":
    """Create the configured publisher of alerts and return it; None if none is configured. Sends nothing. Raises
    bad_profile for a missing or invalid setting.
    """
    alerts = context.settings.alerts
    key = alerts.require_usable(context.settings.secret)
    if alerts.webhook is not None:
        from console.providers.alerts.webhook import AlertWebhook

        return AlertWebhook(
            alerts.webhook, key, clock=context.clock, scale=context.scale, private=alerts.webhook_networks
        )
    if alerts.brokers:
        from console.providers.alerts.kafka import AlertKafka

        return AlertKafka(alerts.brokers)
    return None
