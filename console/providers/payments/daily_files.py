"""Daily files of a payment provider: the functions that download and read them. Each file contains one day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Generic, Protocol

from console.domain.provider_outcome import Outcome
from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
from console.providers.payments.adapter_arguments import AdapterArguments
from console.settings.provider_access import ProviderSettingsT


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
