"""Plugin of a payment provider: one object with the settings, the adapter and the notice readers of the provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Protocol

from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import HistoryKind, NoticeKind
from console.settings.provider_access import ConfiguredProvider, ProviderSettingsT

if TYPE_CHECKING:  # types alone: every start imports this module
    from datetime import date

    from console.domain.payments.states import PaymentState, RefundState
    from console.domain.provider_outcome import Outcome
    from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
    from console.providers.payments.adapter_arguments import AdapterArguments
    from console.providers.payments.notices import Hint
    from console.providers.payments.provider import PaymentProvider


@dataclass(frozen=True, slots=True, eq=False)
class HintReader(Generic[ProviderSettingsT]):
    """Functions that read the unsigned notices of a provider. `list_networks` returns the networks (CIDR) from which
    the provider sends notices. `parse_notice` parses a notice's body and raises UnreadableJson for a body that is no
    notice of the provider. `stored_fields`: names of the fields of a notice (a JSON object) that are stored as
    evidence.
    """

    list_networks: Callable[[ProviderSettingsT], Sequence[str]]
    parse_notice: Callable[[bytes], Hint]
    stored_fields: Sequence[str]


class HistoryRowIndex(Protocol):
    """Interface of an index of the history rows that a reconciliation has read so far. It finds repeated rows."""

    def add_row_if_new(self, row: HistoryRow) -> bool:
        """Add a row to the index and return True. If an equal row (the same payment, the same state; for a refund
        also the same amount and time) was added before, add nothing and return False.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DailyFileFunctions(Generic[ProviderSettingsT]):
    """Functions that download and read a provider's daily files. Each file contains one day.

    - `merchant_id_credential`: name of the secret that contains our merchant id in these files
    - `find_day(url, merchant_id)`: returns the day of the file at this URL; None if the file is of another merchant
      or contains more than one day
    - `download_file(url, adapter_arguments)`: downloads a file and returns the outcome with its bytes
    - `read_rows(file, merchant_id, day, index)`: yields the rows of a merchant's file of this day, and adds each
      accepted row to the index
    """

    merchant_id_credential: str
    find_day: Callable[[str, str], date | None]
    download_file: Callable[[str, AdapterArguments[ProviderSettingsT]], Outcome[bytes]]
    read_rows: Callable[[BinaryIO, str, date, HistoryRowIndex], Iterable[HistoryRow | RefusedRow]]


DAILY_FILE_WORD_NAMES = ("gone", "late")
"""Parts of the keys of two sentences that a provider with daily files must have: `daily_file.gone.<provider>` (the
download address has expired) and `daily_file.late.<provider>` (the time at which a late file normally arrives), with
the provider's name.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProviderPlugin(ConfiguredProvider[ProviderSettingsT]):
    """A payment provider with its settings and its adapter. The program imports the module of each plugin at every
    start, so such a module imports its adapter only when one of the functions below is called.

    `make_adapter` makes the adapter without sending anything; it raises ConsoleError `bad_profile` for an invalid
    URL. `find_payment_state` returns the payment state for one of the provider's own words, `find_refund_state` the
    refund state; each of these functions returns None for an unknown word.

    `hints` must be set if `notice_source` is HINTS, and only then; `daily_files` if `history_source` is DAILY_FILES,
    and only then; `sentences_by_key` then has the sentences of DAILY_FILE_WORD_NAMES. Callbacks are read by the
    adapter itself (`CallbackReader`).
    """

    make_adapter: Callable[[AdapterArguments[ProviderSettingsT]], PaymentProvider]
    find_payment_state: Callable[[str], PaymentState | None]
    find_refund_state: Callable[[str], RefundState | None] = lambda _word: None
    hints: HintReader[ProviderSettingsT] | None = None
    daily_files: DailyFileFunctions[ProviderSettingsT] | None = None

    def __post_init__(self) -> None:
        if (self.notice_source is NoticeKind.HINTS) != (self.hints is not None):
            raise ValueError(f"{self.name}: hints are read by `hints`")
        if (self.history_source is HistoryKind.DAILY_FILES) != (self.daily_files is not None):
            raise ValueError(f"{self.name}: daily files are read by `daily_files`")
        file_words = {f"daily_file.{word}.{self.name}" for word in DAILY_FILE_WORD_NAMES}
        if self.daily_files is not None and not file_words <= self.sentences_by_key.keys():
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
