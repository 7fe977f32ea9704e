"""What somebody wants done to many records, before it is frozen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.domain.bulk_records import Chosen
from console.domain.worker_records import BulkAction
from console.views.desk_api import Desk

Source = Callable[[Desk], Sequence[Chosen] | str]
"""What is to be frozen, called in a worker thread: records as they were seen, or a whole queue by its name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants done to which records; `n` of them as far as is known."""

    action: BulkAction
    source: Source
    n: int
