"""What the worker keeps and what people are shown of it: tasks, sagas, alerts, reconciliations, bulk runs. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

LATE_FACTOR = 2
"""A task is late when it has not ended for this many times its interval."""


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A due task and when it last ran. `trouble` is the code of what its last run failed by, `failures` how often in
    a row; `position` is where a sweep that is made in parts goes on.
    """

    name: str
    every: timedelta
    next_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    taken: int = 0
    trouble: str | None = None
    failures: int = 0
    position: str | None = None
    version: int = 1

    def late(self, now: datetime) -> bool:
        """Whether it should have ended long ago."""
        return now > self.next_at + (LATE_FACTOR - 1) * self.every


class SagaState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    COMPENSATED = "compensated"
    STUCK = "stuck"
    """A fault of ours keeps it from going on: it has not ended, and waits for a person."""


@dataclass(frozen=True, slots=True)
class Saga:
    """Something done in steps, each in its own transaction; `step` is the one that is done next."""

    id: int
    kind: str
    subject_kind: str
    subject_id: int
    state: SagaState
    step: str
    facts: Mapping[str, object]
    begun_at: datetime
    changed_at: datetime
    reason: str | None = None
    next_at: datetime | None = None
    attempts: int = 0
    ended_at: datetime | None = None
    version: int = 1


class StockState(StrEnum):
    HELD = "held"
    RELEASED = "released"
    USED = "used"


class Rule(StrEnum):
    """Between an order and its payment."""

    PAID_UNNOTICED = "A"
    """Paid at the provider, and the order still pending after a grace."""
    PAID_WITHOUT_PAYMENT = "B"
    """The order is paid, and no payment of it succeeded."""
    PAID_TOO_LATE = "C"
    """Paid after it had expired or failed, or after its order was cancelled: refund or compensation to decide."""


ALERT_TOPIC = "alerts.order_payment_inconsistency.v1"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that doesn't fit; open until `resolved_at`."""

    id: int
    rule_id: str
    subject_kind: str
    subject_id: int
    order_no: str | None
    observed: str
    expected: str
    detected_at: datetime
    resolved_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AlertItem:
    """An open alert and what settles it: `action` (None: nothing here does) on the record `kind` `id`."""

    alert: Alert
    action: str | None
    kind: str
    id: int


class Verdict(StrEnum):
    """What a comparison of their history with ours says of one payment."""

    MATCHED = "matched"
    IMPORTED = "imported"
    MISSING_THERE = "missing_there"
    DIFFERENT_STATE = "different_state"
    DIFFERENT_AMOUNT = "different_amount"
    REFUSED = "refused"
    """A row of theirs that is not believed: of no payment, and in no count."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment that does not match. `ours` and `theirs` are short texts of states and sums."""

    row_key: str
    verdict: Verdict
    payment_id: int | None
    ours: str | None
    theirs: str | None
    case_opened: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """A reconciliation so far. `run_id` is None for a dry run, which writes nothing. `refused`: rows of theirs that
    are not believed; while there are such, nothing is said to be missing there. `differences` are the first 1,000.
    """

    provider: str
    from_day: date
    to_day: date
    matched: int = 0
    imported: int = 0
    missing_there: int = 0
    different_state: int = 0
    different_amount: int = 0
    differences: tuple[Difference, ...] = ()
    cases: tuple[Alert, ...] = ()
    run_id: int | None = None
    evidence_id: int | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    refused: int = 0


class BulkAction(StrEnum):
    """Never money."""

    PROBE = "probe"
    REFETCH = "refetch"
    TAKE = "take"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class BulkRow:
    """One record of a frozen set. `saw` is the version that was frozen; `result` None: not done yet."""

    position: int
    kind: str
    subject_id: int
    saw: int
    result: str | None = None
    reason: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BulkRun:
    """A frozen set of records and what is done to each. `most`: how many of them, from the first one on."""

    id: int
    action: BulkAction
    state: str
    made_by: str
    made_at: datetime
    size: int
    most: int
    done: int
    words: str | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    changed_at: datetime | None = None
    version: int = 1

    @property
    def name(self) -> str:
        return f"BS-{self.id}"


@dataclass(frozen=True, slots=True)
class Take:
    """Who works on a record, and until when others leave it to them."""

    kind: str
    subject_id: int
    person: str
    taken_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote beside a record."""

    id: int
    kind: str
    subject_id: int
    person: str
    words: str
    at: datetime
