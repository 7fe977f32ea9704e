"""The payment providers of this program: one module each, registered by its name in `PROVIDER_MODULES`.

Every layer reads the traits of a provider here instead of comparing a provider's name. A module defines `PLUGIN`, one
object with a part for each layer: `ProviderTraits` here, `ConfiguredProvider` in the
settings, `ProviderPlugin` in the providers and services. Modules are imported when they are first asked for.
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
"""The registered modules: one for each payment provider, in the order on screen."""


class HistoryKind(StrEnum):
    """Form in which a provider gives the history of some days, with which a reconciliation compares."""

    DAILY_FILES = "daily_files"
    """One file for each day, announced by a notice."""
    EACH_PAYMENT = "each_payment"
    """The provider has no list: a reconciliation asks it about each payment that began in these days."""


class NoticeKind(StrEnum):
    """Evidence that a notice of the provider gives."""

    HINTS = "hints"
    """Unsigned notices: they prove nothing, and only cause a question to the provider."""
    CALLBACKS = "callbacks"
    """Signed notices: they are booked, and then confirmed by a question to the provider."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProviderTraits:
    """The values of a payment provider that any layer may read.

    - `name`: lower-case letters and digits. It is stored with each payment, is an argument of commands, and
      begins the names of the provider's settings.
    - `time_zone`: of the provider's calendar days.
    - `reversible_days`: days after a payment in which its bank may reverse the success; None if it is final.
    - `notice_source`, `notice_path`: evidence of its notices, and the receiver's path for them; None without notices.
    - `order_handle_column`, `order_payment_column`: columns of the shop's order for the payment's handle and for the
      provider's payment id; None if the shop has no such column.
    - `words`: by key, then by language, the sentences about this provider alone.
    """

    name: str
    time_zone: timezone
    history_source: HistoryKind
    reversible_days: int | None = None
    notice_source: NoticeKind | None = None
    notice_path: str | None = None
    order_handle_column: str | None = None
    order_payment_column: str | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


P = TypeVar("P", bound=ProviderTraits)


def registered_parts(part: type[P]) -> tuple[P, ...]:
    """Return all payment providers, typed as `part`. Raises TypeError for a plugin that isn't an instance of
    `part`.
    """
    plugins = _load_traits(PROVIDER_MODULES)
    for plugin in plugins:
        if not isinstance(plugin, part):
            raise TypeError(f"{plugin.name} is no {part.__name__}")
    return plugins  # type: ignore[return-value]  # each was checked


def find_provider(name: str) -> ProviderTraits | None:
    """Return the payment provider of that name; None for a source of signed notices or an unknown name."""
    return next((plugin for plugin in _load_traits(PROVIDER_MODULES) if plugin.name == name), None)


def provider_names() -> tuple[str, ...]:
    """Return the names of all payment providers, in the order of registration."""
    return tuple(plugin.name for plugin in _load_traits(PROVIDER_MODULES))


def time_zone(name: str) -> timezone:
    """Return the time zone of the provider's calendar days; Japan for a source that only sends signed notices."""
    provider = find_provider(name)
    return provider.time_zone if provider else JST


def reversible_days(name: str) -> int | None:
    """Return the number of days in which a bank may reverse a success; None if a success is final."""
    provider = find_provider(name)
    return provider.reversible_days if provider else None


@cache
def _load_traits(modules: tuple[str, ...]) -> tuple[ProviderTraits, ...]:
    """The plugins of these modules. The domain names them as text, because it imports no layer above itself."""
    plugins = [import_module(module).PLUGIN for module in modules]
    for module, plugin in zip(modules, plugins, strict=True):
        if not isinstance(plugin, ProviderTraits):
            raise TypeError(f"PLUGIN of {module} is no payment provider")
    return tuple(plugins)
