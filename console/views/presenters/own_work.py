"""The unfinished operations of the acting person, grouped by their next step. The home page counts each group, and
the dialog of unfinished work lists it.
"""

from collections.abc import Sequence
from enum import StrEnum

from console.domain.access.permissions import is_same_person
from console.domain.records import OperationState
from console.domain.views.any_record import UnfinishedOperation


class OwnWorkGroup(StrEnum):
    """The next step of an operation that a person has begun: its call is still running (RUNNING); a person must
    resolve it (TO_RESOLVE); or the program probes it at a time that is already set (SCHEDULED). The values are the
    ends of wording keys, `home.*`."""

    RUNNING = "running"
    TO_RESOLVE = "to_settle"
    SCHEDULED = "by_itself"


def list_own_work(
    operations: Sequence[UnfinishedOperation], person: str | None, group: OwnWorkGroup | None = None
) -> list[UnfinishedOperation]:
    """Return the operations in `operations` that `person` has begun. If `group` is given, return only the operations
    in this group; if it is None, return the operations of all groups."""
    return [
        work
        for work in operations
        if is_same_person(work.operation.operator, person or "") and group in (None, _find_own_work_group(work))
    ]


def _find_own_work_group(work: UnfinishedOperation) -> OwnWorkGroup:
    """Return the group of this operation: RUNNING while its call runs, SCHEDULED if the next step of its record has a
    time, otherwise TO_RESOLVE."""
    if work.operation.state is OperationState.CALLING:
        return OwnWorkGroup.RUNNING
    is_scheduled = work.record is not None and work.record.work.at is not None
    return OwnWorkGroup.SCHEDULED if is_scheduled else OwnWorkGroup.TO_RESOLVE
