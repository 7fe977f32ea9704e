"""The request from which the bulk dialog creates a bulk run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.domain.bulk.records import ChosenRecord
from console.domain.tasks.records import BulkAction

if TYPE_CHECKING:
    from console.app import Console

RecordLister = Callable[["Console"], Sequence[ChosenRecord] | str]
"""A function that returns the records of the new run, each with the version that the person saw; or a text, the name
of a queue all of whose records belong to the run. A background thread calls the function. Two listers of the same
records must be equal, so that a repeated request keeps its request id.
"""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A person's request for a bulk run: the action, the function that returns its records (see RecordLister), and
    the number of these records. While the window has not read the list to its end, `record_count` is only the number
    of the records read so far.
    """

    action: BulkAction
    list_records: RecordLister
    record_count: int
