"""Events of which a person is notified: actions of other people or of the program that concern this person. No
I/O."""

from dataclasses import dataclass
from enum import StrEnum

from console.domain.links.link import Link
from console.domain.record_kinds import RECORD_KINDS


class PersonalEventKind(StrEnum):
    """Kinds of events of which a person is notified, such as a refund that waits for approval or a mention in a
    note. A person switches the notifications of each kind on and off; the values are stored."""

    APPROVAL_NEEDED = "approval"
    """A refund or a proposed outcome waits for the person's decision."""
    DECISION = "decision"
    """A refund or an outcome that the person has requested was decided, or the time to decide about it is over."""
    HAND_OVER = "hand_over"
    """A colleague has handed over a record or an incident to the person."""
    MENTION = "mention"
    """A colleague has mentioned the person in a note."""
    INCIDENT = "incident"
    """An incident that the person owns has become worse."""
    BULK_RUN = "bulk_run"
    """A bulk run of the person has ended."""


@dataclass(frozen=True, slots=True)
class PersonalEvent:
    """One event that concerns a person. `key` is unique; the same event has the same key each time the events are
    read. No name of a payer and no text that a person has written is part of an event, because the person's desktop
    shows the event.

    - `event_name`: the name of the event; with `kind` the end of a wording key, such as `decision.rejected`.
    - `subject_kind`, `subject_id`: the record, incident, operation or bulk run that the event is about.
    - `number`: the number that people use for the record, such as our number of the payment, or the name of a bulk
      run; None if there is none or it was not read.
    - `record_state`: for an event about a proposal that this person has made and that has ended, the present state
      of the proposal's record (None if this record is an operation); None for all other events.
    """

    kind: PersonalEventKind
    key: str
    event_name: str
    subject_kind: str
    subject_id: str
    number: str | None = None
    record_state: str | None = None

    @property
    def link(self) -> Link | None:
        """The link to the page of the subject; None for a bulk run, which has no page."""
        if self.subject_kind in RECORD_KINDS:
            return Link("record", self.subject_id, self.subject_kind)
        return {
            "operation": Link("operation", self.subject_id),
            "incident": Link("incident", self.subject_id),
        }.get(self.subject_kind)
