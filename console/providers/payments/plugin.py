"""Plugin of a payment provider: one object with the settings, the adapter and the notice readers of the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import HistoryKind, NoticeKind
from console.settings.provider_access import ConfiguredProvider, ProviderSettingsT

if TYPE_CHECKING:  # types alone: every start imports this module
    from console.domain.payments.states import PaymentState, RefundState
    from console.providers.payments.adapter_arguments import AdapterArguments
    from console.providers.payments.daily_files import DailyFileFunctions
    from console.providers.payments.notices import HintReader
    from console.providers.payments.provider import PaymentProvider


DAILY_FILE_WORD_NAMES = ("gone", "late")
"""Parts of the keys of two sentences that a provider with daily files must have: `daily_file.gone.<provider>` (the
download address has expired) and `daily_file.late.<provider>` (the time at which a late file normally arrives), with
the provider's name.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProviderPlugin(ConfiguredProvider[ProviderSettingsT]):
    """A payment provider with its settings and its adapter. The program imports the module of each plugin at every
    start, so such a module imports its adapter only when one of the functions below is called.

    `make_adapter` makes the adapter without sending anything; it raises ConsoleError `bad_profile` for an invalid
    URL. `find_payment_state` returns the payment state for one of the provider's own words, `find_refund_state` the
    refund state; each of these functions returns None for an unknown word.

    `make_hint_reader` makes the reader of hints; it must be set if `notice_source` is HINTS, and only then.
    `make_daily_file_functions` makes the functions that read daily files; it must be set if `history_source` is
    DAILY_FILES, and only then; `sentences_by_key` then has the sentences of DAILY_FILE_WORD_NAMES. Callbacks are read
    by the adapter itself (`CallbackReader`).
    """

    make_adapter: Callable[[AdapterArguments[ProviderSettingsT]], PaymentProvider]
    find_payment_state: Callable[[str], PaymentState | None]
    find_refund_state: Callable[[str], RefundState | None] = lambda _word: None
    make_hint_reader: Callable[[], HintReader[ProviderSettingsT]] | None = None
    make_daily_file_functions: Callable[[], DailyFileFunctions[ProviderSettingsT]] | None = None

    def __post_init__(self) -> None:
        if (self.notice_source is NoticeKind.HINTS) != (self.make_hint_reader is not None):
            raise ValueError(f"{self.name}: hints are read by `make_hint_reader`")
        if (self.history_source is HistoryKind.DAILY_FILES) != (self.make_daily_file_functions is not None):
            raise ValueError(f"{self.name}: daily files are read by `make_daily_file_functions`")
        file_words = {f"daily_file.{word}.{self.name}" for word in DAILY_FILE_WORD_NAMES}
        if self.make_daily_file_functions is not None and not file_words <= self.sentences_by_key.keys():
            raise ValueError(f"{self.name}: sentences about daily files are missing: {sorted(file_words)}")


def find_plugin(provider_name: str) -> ProviderPlugin[Any] | None:
    """Return the payment provider with this name; None for an unknown name and for a sender of notices that isn't a
    payment provider.
    """
    return next(
        (
            plugin
            for plugin in provider_registry.list_providers_of_type(ProviderPlugin)
            if plugin.name == provider_name
        ),
        None,
    )
