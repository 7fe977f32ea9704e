"""The result of a verification of the audit trail that found no wrong entry."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntryPosition:
    """The id and the time (aware) of an audit entry."""

    id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedTrail:
    """The verified audit entries: their number, and the first and the last one by id; both None for an empty
    trail."""

    rows: int
    first: AuditEntryPosition | None = None
    last: AuditEntryPosition | None = None
