"""The work that a person leaves open at the end of a shift: begun, taken or requested by this person, and not
ended yet by anybody. No I/O.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.links.link import RECORD_KINDS, Link, link_text

BULK_RUN_KIND = "bulk-run"
OPERATION_KIND = "operation"


class LeftReason(StrEnum):
    """Why something is left open, in the order of the list."""

    OPERATION = "operation"
    """The person began an operation. It is still running, or its outcome is unknown."""
    REQUEST = "request"
    """The person's desk asked a worker, which has not answered yet, or whose answer this desk never got."""
    BULK_RUN = "bulk_run"
    """The person made a bulk run that is not done."""
    TAKEN = "taken"
    """The person has taken the record."""
    INCIDENT = "incident"
    """The person owns the incident."""
    REFUND = "refund"
    """The person requested a refund. A second person must decide."""
    PROPOSAL = "proposal"
    """The person proposed an outcome. A second person must confirm it."""
    DRAFT = "draft"
    """The person has typed something into a dialog and not sent it."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """One thing that a person leaves open since the instant `since`.

    - `kind` and `id` are those of its record. An operation without a record and a bulk run have their own; a request
      about no record has "" for both.
    - `until` is the end of a take; None for everything else.
    - `name` is the name of a draft or of a bulk run; "" for everything else.
    """

    reason: LeftReason
    kind: str
    id: str
    since: datetime
    until: datetime | None = None
    name: str = ""

    @property
    def link(self) -> str | None:
        """The link that shows it in the window; None if it has none."""
        if self.kind in RECORD_KINDS:
            return link_text(Link("record", self.id, self.kind))
        if self.kind == OPERATION_KIND:
            return link_text(Link("operation", self.id))
        return link_text(Link("incident", self.id)) if self.reason is LeftReason.INCIDENT else None
