"""The frozen values that records are made of: states, checks, operations, evidence, people."""

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
    dates_zone: str | None = None
    """The zone in which its row holds `purchased_at` and `expired_at`; None: UTC. Here they are UTC always."""

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
class PurchaseRequest:
    """What a person asks to buy; `reasons` and `deal` are AlarmBox's own numbers."""

    corporation_number: str
    client_id: str
    deal: int | None = None
    reasons: tuple[int, ...] = ()
    comment: str | None = None
    renew: bool = False


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
