"""The work that a person leaves open at the end of a shift: work that this person has begun, taken or requested and
that has not ended. No I/O.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.links.link import Link, format_link
from console.domain.record_kinds import RECORD_KINDS

BULK_RUN_KIND = "bulk-run"
OPERATION_KIND = "operation"


class LeftOpenReason(StrEnum):
    """Reason for which a piece of work counts as left open, such as an operation that has not ended, a taken record,
    or a draft. A list of left-open work is sorted in the order of these members. The first two stay
    assigned to the person until the person gives them back or hands them over."""

    TAKEN = "taken"
    """The person has taken the record."""
    INCIDENT = "incident"
    """The person owns the incident."""
    OPERATION = "operation"
    """The person began an operation. It is still running, or its outcome is unknown."""
    REQUEST = "request"
    """The person's desk has sent a request to a worker. The worker has not answered yet, or this desk never got
    the answer.
    """
    BULK_RUN = "bulk_run"
    """The person made a bulk run that is not done."""
    REFUND = "refund"
    """The person requested a refund. A second person must decide."""
    PROPOSAL = "proposal"
    """The person proposed an outcome. A second person must confirm it."""
    DRAFT = "draft"
    """The person has typed something into a dialog and not sent it."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """One piece of work that a person has left open since the instant `since`.

    - `kind` and `id` name its record. An operation without a record and a bulk run have a kind and id of their own;
      for a request about no record both are "".
    - `until` is the end of a take; None for all other work.
    - `name` is the name of a draft or of a bulk run; "" for all other work.
    - `corporation_number` is the number of the corporation of its record or operation; None if it is unknown.
    - `action` is the action of an operation, such as `refund.submit`; None for all other work.
    - `is_outcome_unknown` is True for an operation whose outcome a probe or a person must find out; False for one
      that still runs.
    """

    reason: LeftOpenReason
    kind: str
    id: str
    since: datetime
    until: datetime | None = None
    name: str = ""
    action: str | None = None
    corporation_number: str | None = None
    is_outcome_unknown: bool = False

    @property
    def wording_key(self) -> str:
        """The wording key of the text that names this kind of work; its placeholder is `action`."""
        return f"left_open.{self.reason}.unknown" if self.is_outcome_unknown else f"left_open.{self.reason}"

    @property
    def link(self) -> str | None:
        """The link that shows this work in the window; None if there is no such link."""
        if self.kind in RECORD_KINDS:
            return format_link(Link("record", self.id, self.kind))
        if self.kind == OPERATION_KIND:
            return format_link(Link("operation", self.id))
        return format_link(Link("incident", self.id)) if self.reason is LeftOpenReason.INCIDENT else None
