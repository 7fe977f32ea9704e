"""The request from which the bulk dialog creates a bulk run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.domain.bulk.records import ChosenRecord
from console.domain.tasks.records import BulkAction

if TYPE_CHECKING:
    from console.app import Console

RecordLister = Callable[["Console"], Sequence[ChosenRecord] | str]
"""A function that returns the records to freeze, each with the version that the person saw, or the name of a queue
whose records are all taken. A worker thread calls the function. Two sources of the same records must be equal, so
that a repeated request keeps its request id.
"""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A person's request for a bulk run: the action, a function that returns the records, and their number
    (`record_count`). While the window has not read the list to its end, `record_count` is only the number known
    so far.
    """

    action: BulkAction
    source: RecordLister
    record_count: int
