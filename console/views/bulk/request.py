"""The request for a bulk run, before its records are frozen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.domain.bulk.records import ChosenRecord
from console.domain.tasks.records import BulkAction

if TYPE_CHECKING:
    from console.app import Console

RecordSource = Callable[["Console"], Sequence[ChosenRecord] | str]
"""A function that returns the records to freeze, with the versions that were shown, or the name of a queue. It is
called in a worker thread. Two sources of the same records must be equal, so that a repeated request keeps its request
id.
"""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """The action and the source of its records. `record_count` is the number of records as far as it is known."""

    action: BulkAction
    source: RecordSource
    record_count: int
