"""The result of the verification of an audit trail that has no wrong entry."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntryPosition:
    """The id and the time (aware) of an audit entry."""

    id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedTrail:
    """The result of the verification of an intact audit trail. `rows` is the number of verified audit entries.
    `first` and `last` are the entries with the smallest and the largest id; both are None for an empty trail."""

    rows: int
    first: AuditEntryPosition | None = None
    last: AuditEntryPosition | None = None
