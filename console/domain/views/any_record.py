"""Results of services for records of any kind: the details of a record, pages of queues, and results of actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from console.domain.records import CreditCheck, Document, EvidenceItem, LeaseHolder, Operation, TimelineEntry

if TYPE_CHECKING:  # imported for types only: a lookup of credit checks doesn't need them
    from console.domain.allowed_action import AllowedAction
    from console.domain.explained_state import Explanation, NextStep
    from console.domain.payments.records import Order, Payment, Refund
    from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
    from console.domain.queues.mismatches import Mismatch
    from console.domain.registry.facts import CorporationFacts
    from console.domain.service_results import OperationDetails
    from console.domain.tasks.records import Note, Take


@dataclass(frozen=True, slots=True)
class CreditCheckDetails:
    """All data that the screen of a credit check or the command `show` needs, read in one transaction.

    - `holder`: the person and process that call the provider or hold the record's lease; None if no process does
    - `awaiting`: "second_person" while a decision waits for its second person, otherwise None
    - `last_answer_at`: the time of AlarmBox's last answer; None if there was none
    - `history`: all credit checks of the corporation number; `documents`: the stored PDFs of this credit check
    - `taken`: the running take of the record; None if no person has taken it
    - `open_alert_id`: the id of the oldest open alert about the record; None if there is none
    - `corporation`: the registry's facts about the number; None if this desk has no registry
    """

    record: CreditCheck
    explanation: "Explanation"
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    documents: tuple[Document, ...]
    actions: "tuple[AllowedAction, ...]"
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    last_answer_at: datetime | None = None
    history: tuple[CreditCheck, ...] = ()
    taken: "Take | None" = None
    notes: "tuple[Note, ...]" = ()
    open_alert_id: int | None = None
    corporation: "CorporationFacts | None" = None


def find_evidence_of_last_call(evidence: Sequence[EvidenceItem]) -> EvidenceItem | None:
    """Return the newest evidence of a call to AlarmBox, also if AlarmBox didn't answer the call; None if there was no
    call. `evidence` is the evidence of a credit check, oldest first."""
    return next((item for item in reversed(evidence) if item.source.startswith("alarmbox.")), None)


AnyRecordDetails: TypeAlias = "CreditCheckDetails | OperationDetails | OrderDetails | PaymentDetails | RefundDetails"
"""The details of one record of any kind, for its screen or for the command `show`."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A record in a queue with its explanation. `since` is the instant (UTC) at which the record got its present
    state, None if no such instant is stored. `owner` is the person whose take of the record is running; None for no
    take. `mismatch` is set only in the queue of records with a mismatch: it has the states and amounts that our
    database, the provider and the order state.
    """

    record: "CreditCheck | Order | Payment | Refund"
    explanation: "Explanation"
    since: datetime | None
    owner: str | None = None
    mismatch: "Mismatch | None" = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of a queue; `next_cursor` is an opaque text with which the next page is read, None on the last
    page. `filter` and `sort` are the text forms of the filter and the sort order of the page; "" for the whole
    queue in its own sort order.
    """

    queue: str
    items: tuple[QueueItem, ...]
    next_cursor: str | None
    filter: str = ""
    sort: str = ""


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The record after a person's decision; `awaiting` is "second_person" while the second person's decision is
    missing.
    """

    record: "CreditCheck | Order | Payment | Refund | Operation"
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class UnfinishedOperation:
    """An operation that has begun and not ended, with its record. The list of such operations is shown after a crash.
    `record` is None if the record is missing or can't be read; `next_step` is the step that a person or the program
    must do; `holder` is the person and process that hold its lease, None if no process does.
    """

    operation: Operation
    record: "CreditCheck | Order | Payment | Refund | None"
    next_step: "NextStep"
    holder: LeaseHolder | None = None
