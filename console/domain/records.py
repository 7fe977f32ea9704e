"""The frozen values that travel between rooms: what a record is, what is missing, what happens next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class CheckState(StrEnum):
    """Business state of a credit check as stored."""

    PENDING = "pending"
    SUCCESS = "success"
    ERROR = "error"


class Certainty(StrEnum):
    """Do we know?"""

    KNOWN = "known"
    UNKNOWN = "unknown"


class WorkState(StrEnum):
    """Who does what next?"""

    NONE = "none"
    SCHEDULED = "scheduled"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Work:
    """The work axis: `at` (UTC) when scheduled, `reason` a stable code, `attempt` how many were made."""

    state: WorkState = WorkState.NONE
    at: datetime | None = None
    reason: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class CreditCheck:
    """One row of the credit checks, read with everything derived. Instants are aware UTC."""

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
    error_code: str | None = None
    viewing_over: bool = False
    duplicate_of: int | None = None

    @property
    def superseded(self) -> bool:
        return self.superseded_by is not None

    @property
    def live(self) -> bool:
        """Holds the claim on (client, corporation number)."""
        return self.state is not CheckState.ERROR and not self.superseded and self.duplicate_of is None


class OperationState(StrEnum):
    """State of a journal row."""

    CALLING = "calling"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One guarded operation of the journal; `source` is "desk" when only the desk's spool knows it."""

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


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a record's history; `what` is a code, `detail` its facts, `result` done | refused | failed."""

    at: datetime
    who: str
    what: str
    detail: Mapping[str, object] = field(default_factory=dict)
    result: str = "done"


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A kept answer or a person's proof. `summary` is safe to show; `body` is the redacted text."""

    id: int
    at: datetime
    source: str
    sha256: str
    summary: str
    body: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next, as a code with facts, and the terminal command that a person may run, if any."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Verdict, why and next of a record, each a wording code with facts; `may_act` names the roles."""

    verdict: str
    why: str
    next_step: NextStep
    facts: Mapping[str, object] = field(default_factory=dict)
    may_act: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A stored PDF of a record: path relative to the documents root, named by its content."""

    path: str
    sha256: str
    bytes: int
    fetched_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds a lease, since when and until when (wall time, for people; never used for judging)."""

    name: str
    operator: str
    desk: str
    host: str
    process: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class AllowedAction:
    """Whether the reader may act now: `reason` is a wording code with facts where not."""

    action: str
    allowed: bool
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreditCheckView:
    """Everything that one record's screen or `show` needs, read in one call."""

    record: CreditCheck
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    documents: tuple[Document, ...]
    actions: tuple[AllowedAction, ...]
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    asked_at: datetime | None = None
    history: tuple[CreditCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class OperationView:
    """One journal entry with its history."""

    record: Operation
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class LookupResult:
    """All we have for one corporation number, newest first."""

    corporation_number: str
    credit_checks: tuple[CreditCheck, ...]
    stripped_prefix: bool = False


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A record in a queue with why it is there, since when and what happens next."""

    record: CreditCheck
    explanation: Explanation
    since: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A keyset page; `next_cursor` is opaque text, None at the end."""

    queue: str
    items: tuple[QueueItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many wait, capped at 1,000 (`capped`), and since when the oldest does."""

    queue: str
    count: int
    capped: bool
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """What a person asks to buy; `reasons` and `deal` are AlarmBox's own numbers."""

    corporation_number: str
    client_id: str
    deal: int | None = None
    reasons: tuple[int, ...] = ()
    comment: str | None = None
    renew: bool = False


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """What the purchase dialog shows before asking: facts of this moment, nothing reserved."""

    corporation_number: str
    clients: tuple[str, ...]
    live: tuple[CreditCheck, ...]
    last: CreditCheck | None
    running: LeaseHolder | None
    renewal: bool
    read_at: datetime


@dataclass(frozen=True, slots=True)
class RefetchResult:
    """What a re-fetch brought: names of changed fields and the record's documents."""

    record: CreditCheck
    changed: tuple[str, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The record after a decision; `awaiting` is "second_person" while one more is needed."""

    record: CreditCheck | Operation
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a vendor says about one credit check, already validated by its adapter. Dates are Japanese days."""

    credit_check_id: int
    corporation_number: str | None = None
    company_name: str | None = None
    result: str | None = None
    purchase_date: date | None = None
    expiration_date: date | None = None
    expired: bool | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """An operator with roles; `may_buy` is a flag of the person."""

    name: str
    roles: frozenset[str]
    may_buy: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit trail."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    result: str
    reason: str | None
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of `doctor`: what was looked at, whether it is well, and what to do next if not."""

    name: str
    ok: bool
    message: str
    next: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """Something begun and not ended, for the list shown after a crash."""

    operation: Operation
    record: CreditCheck | None
    next_step: NextStep
    holder: LeaseHolder | None = None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """How often a due task did something in this run."""

    task: str
    count: int
