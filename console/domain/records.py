"""Immutable values of credit checks, operations, evidence, leases, people and audit entries, and the states that
records of all kinds share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a program without a registry doesn't import its values
    from console.domain.registry.facts import RegistryEntry


LARGEST_CREDIT_CHECK_ID = 2_147_483_647
"""Largest id of AlarmBox that the column `credit_check_id` (INT) can hold."""
RESOLVED_BY_PEOPLE_CAUSE = "resolved_by_people"
"""Error code of a record whose outcome two people have decided with evidence, because the provider gave no outcome.
"""


class CheckState(StrEnum):
    """State of a credit check, stored in its row. PENDING: the purchase has not ended; SUCCESS: it succeeded; ERROR:
    it failed. An unknown outcome isn't a state but a `Certainty`."""

    PENDING = "pending"
    SUCCESS = "success"
    ERROR = "error"


class Certainty(StrEnum):
    """Certainty of a record's state, stored in addition to the state: UNKNOWN if the record's last call was sent and
    its outcome isn't known.
    """

    KNOWN = "known"
    UNKNOWN = "unknown"


def is_valid_credit_check_id(value: object) -> bool:
    """Return True if AlarmBox can have given the id `value` to a credit check: an integer from 1 to
    LARGEST_CREDIT_CHECK_ID. True and 12345.0 are not valid ids."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_CREDIT_CHECK_ID


class WorkState(StrEnum):
    """State of a record's next step. NONE: no step; SCHEDULED: the program does the step at a set time; NEEDS_REVIEW:
    a person must look at the record.
    """

    NONE = "none"
    SCHEDULED = "scheduled"
    NEEDS_REVIEW = "needs_review"


class WorkReason(StrEnum):
    """Reason of a record's next step. The values are stored in the column `work_reason`, and the catalogue of
    wordings has a text `work.reason.<value>` for each.
    """

    AMOUNT_DIFFERS = "amount_differs"
    ANSWER_DOES_NOT_FIT = "answer_does_not_fit"
    """The provider's answer is about another record or amount than the question."""
    CONFIRM = "confirm"
    """A callback reports the payment as paid; a read at the provider must confirm it."""
    CONTRADICTED = "contradicted"
    """A report of the provider contradicts the record's state."""
    COOLING_OFF = "cooling_off"
    DUPLICATE = "duplicate"
    """Another credit check has the claim in place of this one."""
    INCOMPLETE = "incomplete"
    """Parts of the purchased credit check are missing."""
    LAPSED = "lapsed"
    """The process of the record's operation ended during the call to the provider."""
    MOVE_ORDER = "move_order"
    """The order of the paid payment must be set to paid."""
    NO_LIST_CALL = "no_list_call"
    """The purchase has no answer, and the provider has no call that lists purchases."""
    NO_ORDER = "no_order"
    """The payment is paid and has no order."""
    NOT_MOVED = "not_moved"
    """The order of a paid payment could not be set to paid."""
    NOT_SENT = "not_sent"
    """The approved refund could not be sent."""
    NUMBER_UNREADABLE = "number_unreadable"
    """Another application has written a corporation number that isn't valid."""
    ORDER_DELETED_AT_PROVIDER = "order_no_longer_kept"
    """The provider no longer stores the refund's order, so a probe can't show the outcome."""
    OTHER_PAYMENT = "other_payment"
    """The provider's id in a report belongs to another payment of ours."""
    PAID_AFTER_CANCEL = "paid_after_cancel"
    PAID_LATE = "paid_late"
    PAID_TWICE = "paid_twice"
    """The order was paid by two payments."""
    PAID_WITHOUT_PAYMENT = "paid_without_payment"
    """The order is paid, but none of its payments has succeeded, or all its money went back."""
    POLL = "poll"
    """The provider has accepted the refund; a due task reads whether it is completed."""
    PROBES_ENDED = "probes_ended"
    """The last automatic probe gave no outcome."""
    RECONCILE_AMOUNT = "reconcile_amount"
    """The provider's history has another amount."""
    RECONCILE_MISSING_THERE = "reconcile_missing_there"
    """The provider's history lacks the payment or refund."""
    RECONCILE_STATE = "reconcile_state"
    """The provider's history has another state."""
    RECONCILE_UNRECORDED_REFUND = "reconcile_unknown_refund"
    """The provider's history has a refund that this database doesn't have. The stored word is older than the term."""
    REFETCHES_ENDED = "refetches_ended"
    """The last automatic re-fetch did not get the missing parts."""
    REFUND_SLOW = "refund_slow"
    """The provider accepted the refund 24 hours ago and has not completed it."""
    REVERSED = "reversed"
    """The payment was reversed: the payer's bank took the money back, and a person must tell the shop."""
    SET_ASIDE = "set_aside"
    """A part of the paid amount is set aside."""
    STATE_UNREADABLE = "state_unreadable"
    """The shop has written a state that no order can have."""
    SUBMISSION = "submission"
    """The approved refund is to be sent."""
    TIMEOUT_STUCK = "timeout_stuck"
    """The saga that ends the expired payment has stopped."""
    UNKNOWN = "unknown"
    """The outcome of the record's last call is unknown; a probe is scheduled."""
    UNMATCHED_NOTICE = "unmatched_notice"
    UNRECORDED_REFUND = "unknown_refund"
    """The provider has a refund that this database doesn't have. The stored word is older than the term."""
    UNVERIFIED_NOTICE = "unverified_notice"
    """The signature of a notice is not valid."""
    WAITING = "waiting"
    """The payer can still pay; a due task reads the payment."""
    WRITTEN_BY_OTHER = "written_by_other"
    """Another application has written the row."""


RECONCILIATION_CASE_RULES = (
    WorkReason.RECONCILE_STATE,
    WorkReason.RECONCILE_AMOUNT,
    WorkReason.RECONCILE_MISSING_THERE,
    WorkReason.RECONCILE_UNRECORDED_REFUND,
)
"""Rule ids of the cases that a reconciliation opens about payments and refunds."""


@dataclass(frozen=True, slots=True)
class Work:
    """The next step of a record. `at` is the time (UTC) at which a scheduled step is due, `reason` a stable code,
    `attempt` the number of attempts made so far.
    """

    state: WorkState = WorkState.NONE
    at: datetime | None = None
    reason: str | None = None
    attempt: int = 0


def find_next_attempt_time(work: Work, now: datetime) -> datetime | None:
    """Return the time of the next scheduled attempt; None if no attempt is scheduled, or if its time has passed. If
    its time has passed, a worker or desk makes the attempt at its next run of the due tasks; a sentence with the past
    time would be wrong.
    """
    return work.at if work.at is not None and work.at > now else None


_USUAL_DELAY_OF_ATTEMPT = timedelta(minutes=2)  # desks and workers run the due tasks each minute


def is_attempt_overdue(work: Work, now: datetime) -> bool:
    """True if a scheduled attempt should have been made by now: its time passed more than two minutes ago, so no
    worker or desk runs the due tasks, or their clocks differ."""
    return work.state is WorkState.SCHEDULED and work.at is not None and work.at + _USUAL_DELAY_OF_ATTEMPT < now


@dataclass(frozen=True, slots=True)
class CreditCheck:
    """One credit check as stored. Instants are aware UTC. A field is None if it has no value yet or none is known.
    `incomplete` has the names of missing fields. `viewing_over`: the provider no longer shows the report.
    `credit_check_id` is AlarmBox's id of the bought credit check.

    `superseded_by` is the id of the credit check that renewed this one, `duplicate_of` the id of the credit check
    that has the claim in its place. `result` is AlarmBox's verdict, such as `ok`. `pdf_file_path` is the path of the
    current PDF in the documents. `sent_at` is the time at which the purchase began. `dates_zone` is the time zone in
    which an adopted row of another application has its dates.
    """

    id: int
    corporation_number: str
    client_id: str
    state: CheckState
    certainty: Certainty
    work: Work
    credit_check_id: int | None
    company_name: str | None
    result: str | None
    purchased_at: datetime | None
    expired_at: datetime | None
    pdf_file_path: str | None
    incomplete: tuple[str, ...]
    superseded_by: int | None
    operation_id: str | None
    version: int
    created_at: datetime | None = None
    changed_at: datetime | None = None
    state_since: datetime | None = None
    """The instant at which state or certainty last changed; None if it is unknown."""
    sent_at: datetime | None = None
    """The instant at which the purchase began, just before it was sent; None for a row that another application
    wrote."""
    error_code: str | None = None
    viewing_over: bool = False
    duplicate_of: int | None = None
    dates_zone: str | None = None
    """Time zone in which the database row stores `purchased_at` and `expired_at`; None for UTC. In this object both
    are always UTC.
    """
    relations: "CheckRelations | None" = field(default=None, repr=False, compare=False)
    """The related facts from which the explanation of the record's state is made; None if they were not read."""
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)
    """The registry's facts about the record's corporation; None if they were not read, or if there are none."""

    @property
    def is_superseded(self) -> bool:
        """True if a renewal has replaced this record."""
        return self.superseded_by is not None

    @property
    def is_live(self) -> bool:
        """True if the record holds the claim on its pair of client and corporation number."""
        return self.state is not CheckState.ERROR and not self.is_superseded and self.duplicate_of is None


@dataclass(frozen=True, slots=True)
class ReadOnlySwitch:
    """The newest setting (`is_on`) of the read-only switch of one scope. The scope is everything, or one provider by
    its name. `person` set it at `at`; `reason` is that person's text.
    """

    scope: str
    is_on: bool
    reason: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckRelations:
    """The related facts of a credit check.

    - `proposed_state`: the state that a first person has proposed in a decision; None if no decision is proposed.
      `lacks_second_person`: no person except the first one may confirm this decision now
    - `claim_holder_id`: the id of another credit check that holds the claim on the same client and corporation
      number; None if there is none
    - `finds_purchases`: the provider can be queried about an unknown purchase
    - `open_denial_ids`: the ids of credit checks that block a purchase for the same client and corporation number.
      People decided that they were not bought, AlarmBox reports that they were bought, and no person has acknowledged
      this. The record itself may be one of them.
    - `lost_renewal_id`: the id of a credit check that blocks a purchase for the same client and corporation number,
      because it gave up its claim for a renewal that this database doesn't have; it may be the record itself
    - `contradicting_answer_text`: the provider's answer that contradicts the record, as its open alert stores it;
      None without such an alert
    - `change_alert_id`: the id of the open alert about a change of the corporation of a live bought credit check;
      None if there is none
    - `observed_change`: the change itself, as this alert stores it; "" without such an alert
    - `read_only_switch`: the switch that stops purchases; None if no switch does, or if the record's next step isn't
      a purchase
    """

    claim_holder_id: int | None = None
    finds_purchases: bool = True
    read_only_switch: ReadOnlySwitch | None = None
    open_denial_ids: tuple[int, ...] = ()
    lost_renewal_id: int | None = None
    proposed_state: str | None = None
    contradicting_answer_text: str | None = None
    lacks_second_person: bool = False
    change_alert_id: int | None = None
    observed_change: str = ""

    @property
    def awaits_second_person(self) -> bool:
        """True if a first person has proposed a decision, and a second person must still confirm it."""
        return self.proposed_state is not None


class OperationState(StrEnum):
    """State of an operation in the journal. CALLING: a process has claimed the operation and sends it. DONE and
    FAILED: the outcome is recorded. UNKNOWN: the operation may have had its effect; a probe or a person must find out
    its outcome."""

    CALLING = "calling"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class LostOperationState(StrEnum):
    """State of an operation that the database has lost. OPEN: no person has handled it, and it still blocks its
    repetition. RESTORED: the operation and its record are in the database again. DECIDED: two people have decided the
    outcome. ENDED: the operation blocks nothing, because it certainly failed. ACKNOWLEDGED: the provider has made the
    refund, and it blocks nothing, because a person has acknowledged the case about it.
    """

    OPEN = "open"
    RESTORED = "restored"
    DECIDED = "decided"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Operation:
    """One guarded operation. `action` is the name of the guarded action, such as `credit-check.purchase`. `source` is
    "database" if the journal has the operation, "desk" if only the spool of a desk has it. `subject_kind` and
    `subject_id` name the record that the call is about; the id is None if it isn't known. `ended_at`, `outcome_class`
    and `reason` are None while the operation has not ended.
    """

    id: str
    action: str
    subject_kind: str
    subject_id: int | None
    state: OperationState
    operator: str
    desk: str
    started_at: datetime
    ended_at: datetime | None
    corporation_number: str | None = None
    client_id: str | None = None
    outcome_class: str | None = None
    reason: str | None = None
    source: str = "database"

    @property
    def is_lost_without_effect(self) -> bool:
        """True for a lost operation that certainly had no effect: it blocks nothing, and a probe would learn nothing
        new."""
        return self.source == "desk" and self.state is OperationState.FAILED


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event in a record's history. `what` is the code of the event and `detail` has its facts; `result` is done,
    refused or failed.
    """

    at: datetime
    actor: str
    what: str
    detail: Mapping[str, object] = field(default_factory=dict)
    result: str = "done"


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A stored answer of a provider, or evidence that a person handed in. `source` names the call, such as
    `paypay.refund`, or is "person". `who` is the person or program that made the call or handed in the evidence.
    `summary` contains no secret; `body` is the text without secrets and payer data.
    """

    id: int
    at: datetime
    source: str
    sha256: str
    summary: str
    body: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored PDF of a record. `path` is relative to the folder of documents; the file's name is the hash of its
    content. `is_current` is True if the record has this path; otherwise the PDF is an earlier version. `bytes` is the
    size of the file.
    """

    path: str
    sha256: str
    bytes: int
    fetched_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """The person and process that hold the lease `name`. `since` and `until` are only for display, because the
    database's clock decides when a lease expires.
    """

    name: str
    operator: str
    desk: str
    host: str
    process: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """A person's request to buy a credit check. `reasons` and `deal` are code numbers that AlarmBox defines,
    `comment` is a text for AlarmBox. `renew`: replace a live credit check whose validity has ended.
    """

    corporation_number: str
    client_id: str
    deal: int | None = None
    reasons: tuple[int, ...] = ()
    comment: str | None = None
    renew: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """A provider's statement about one credit check, validated by its adapter. `result` is the verdict about the
    company; `expired` is True if the validity has ended. Dates are calendar days in Japan. A field is None if the
    provider didn't state the value."""

    credit_check_id: int
    corporation_number: str | None = None
    company_name: str | None = None
    result: str | None = None
    purchase_date: date | None = None
    expiration_date: date | None = None
    expired: bool | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """An operator with roles. `may_buy`: this person may buy credit checks, if one of the roles also allows a
    purchase.
    """

    name: str
    roles: frozenset[str]
    may_buy: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit trail: `who` did `what` with the record `subject`, with a result, a reason and further
    facts in `detail`. `number` is the number by which people know the subject: an order number, our payment number
    (of a payment, or of a refund's payment), or a corporation number (of a credit check); "" for other subjects, or
    if it was not read."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    result: str
    reason: str | None
    detail: Mapping[str, object] = field(default_factory=dict)
    number: str = ""
