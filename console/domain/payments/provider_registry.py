"""The payment providers of this program.

Each provider has one module, listed in `PROVIDER_MODULES`. The code of every layer reads the traits of a provider
from this registry instead of comparing the provider's name. A provider's module defines `PLUGIN`, one object with a
part for each layer: `ProviderTraits` of this module, `ConfiguredProvider` for the settings, `ProviderPlugin` for the
adapters and services. The modules are imported when a provider is first requested.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timezone
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import TypeVar

from console.domain.calendar_days import JST

PROVIDER_MODULES: tuple[str, ...] = (
    "console.providers.paypay.plugin",
    "console.providers.atom.plugin",
)
"""Names of the modules of all payment providers, in the order in which screens list the providers."""
CREDIT_CHECK_PROVIDER = "alarmbox"
"""Name of the provider of every credit check. It is no payment provider, so it has no traits here."""


class HistoryKind(StrEnum):
    """Form in which a provider gives its history of payments, which a reconciliation compares with the stored
    payments. DAILY_FILES: one file for each day; EACH_PAYMENT: the provider has no list, so the program queries each
    payment.
    """

    DAILY_FILES = "daily_files"
    """The provider makes one file for each day and announces it by a notice."""
    EACH_PAYMENT = "each_payment"
    """The provider has no list of payments: a reconciliation asks the provider about each payment that began in the
    compared days.
    """


class NoticeKind(StrEnum):
    """Kind of the notices that a provider sends. HINTS: the notices are unsigned and prove nothing, so the console
    queries the provider about the payment. CALLBACKS: the notices are signed, so the console books them and then
    queries the provider to confirm them.
    """

    HINTS = "hints"
    """Unsigned notices: they prove nothing; the console only asks the provider about the payment."""
    CALLBACKS = "callbacks"
    """Signed notices: the console books them, and then asks the provider to confirm them."""


# Plugins are never compared or printed; each method that `dataclass` makes is compiled at every start.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProviderTraits:
    """Facts about a payment provider that any layer may read.

    - `name`: lower-case letters and digits. It is stored with each payment, is an argument of commands, and begins
      the names of the provider's settings.
    - `time_zone`: time zone of the provider's calendar days.
    - `history_source`: form of the provider's history of payments.
    - `reversible_days`: days after a payment in which the payer's bank may reverse it; None if a success is final.
    - `notice_source`, `notice_path`: kind of the provider's notices, and the URL path at which the receiver accepts
      them; None if the provider sends no notices.
    - `order_handle_column`, `order_payment_column`: columns of the shop's order that store the payment's handle and
      the provider's payment id; None if the shop has no such column.
    - `sentences_by_key`: sentences that concern only this provider, by wording key, then by language.
    """

    name: str
    time_zone: timezone
    history_source: HistoryKind
    reversible_days: int | None = None
    notice_source: NoticeKind | None = None
    notice_path: str | None = None
    order_handle_column: str | None = None
    order_payment_column: str | None = None
    sentences_by_key: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


TraitsT = TypeVar("TraitsT", bound=ProviderTraits)


def list_providers_of_type(traits_class: type[TraitsT]) -> tuple[TraitsT, ...]:
    """Return all payment providers, in the order of `PROVIDER_MODULES`, typed as `traits_class`: ProviderTraits or a
    subclass such as ProviderPlugin. Raises TypeError if the plugin of a provider isn't an instance of `traits_class`.
    """
    plugins = _load_traits(PROVIDER_MODULES)
    for plugin in plugins:
        if not isinstance(plugin, traits_class):
            raise TypeError(f"{plugin.name} is no {traits_class.__name__}")
    return plugins  # type: ignore[return-value]  # each was checked


def find_provider(provider_name: str) -> ProviderTraits | None:
    """Return the payment provider with this name; None for an unknown name and for a sender of signed notices that is
    no payment provider.
    """
    return next((plugin for plugin in _load_traits(PROVIDER_MODULES) if plugin.name == provider_name), None)


def list_provider_names() -> tuple[str, ...]:
    """Return the names of all payment providers, in the order of `PROVIDER_MODULES`."""
    return tuple(plugin.name for plugin in _load_traits(PROVIDER_MODULES))


def get_time_zone(provider_name: str) -> timezone:
    """Return the time zone of the provider's calendar days. If `provider_name` is no payment provider, return the
    time zone of Japan.
    """
    provider = find_provider(provider_name)
    return provider.time_zone if provider else JST


def lacks_history(provider_name: str) -> bool:
    """True if the provider has no history, so that a reconciliation asks it about each of our payments."""
    provider = find_provider(provider_name)
    return provider is not None and provider.history_source is HistoryKind.EACH_PAYMENT


def has_daily_files(provider_name: str) -> bool:
    """True if the provider makes one file of its history for each day. False for a source of signed notices."""
    provider = find_provider(provider_name)
    return provider is not None and provider.history_source is HistoryKind.DAILY_FILES


def get_reversible_days(provider_name: str) -> int | None:
    """Return the number of days in which the payer's bank may reverse a payment of this provider; None if a success
    is final, or if `provider_name` is no payment provider.
    """
    provider = find_provider(provider_name)
    return provider.reversible_days if provider else None


@cache
def _load_traits(modules: tuple[str, ...]) -> tuple[ProviderTraits, ...]:
    """Import the modules with these names and return the `PLUGIN` object of each. Raises TypeError if such an object
    is no payment provider. The caller passes names of modules, because the domain package must not import the
    packages of the layers above it."""
    plugins = [import_module(module).PLUGIN for module in modules]
    for module, plugin in zip(modules, plugins, strict=True):
        if not isinstance(plugin, ProviderTraits):
            raise TypeError(f"PLUGIN of {module} is no payment provider")
    return tuple(plugins)
