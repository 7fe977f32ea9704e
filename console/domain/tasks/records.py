"""Values that the worker stores and that the screens show: tasks, sagas, alerts, reconciliations, bulk runs, takes
and notes. No I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from console.domain.tasks.states import SagaState

if TYPE_CHECKING:
    from console.domain.registry.facts import RegistryEntry


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A scheduled task and its last run. `begun_at` is the beginning of the last run, None if there was none.
    `ended_at` is the end of the last run that has written its end; if it is None or earlier than `begun_at`, the last
    run has not written its end (see `is_task_running`). Of the run that ended at `ended_at`,
    `handled_record_count` is the number of records on which it worked, and `error_code` its error code, None after a
    success. `failures` is the number of consecutive failed runs. `position` is the place at which the next run of a
    task with several parts continues.
    """

    name: str
    interval: timedelta
    next_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    handled_record_count: int = 0
    error_code: str | None = None
    failures: int = 0
    position: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Saga:
    """A process of several steps for the record `subject_kind` `subject_id`; each step has a transaction of its own.
    `step` is the next step, due at `next_at`; `facts` has the values that earlier steps stored. `attempts` counts the
    attempts of the present step. `reason` is the code of the reason for which the saga waits, is stuck or has ended.
    """

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


class AlertRule(StrEnum):
    """Rules that an order and its payments must fulfil. If an order breaks a rule, the program raises an alert.
    PAID_UNNOTICED: a payment is paid but its order is still pending; PAID_WITHOUT_PAYMENT: the order is paid, but
    no payment succeeded or all its money went back; PAID_TOO_LATE: a payment was paid too late. Each value is the
    rule's id.
    """

    PAID_UNNOTICED = "A"
    """Broken if a payment was paid at the provider and its order is still pending after a grace period."""
    PAID_WITHOUT_PAYMENT = "B"
    """Broken if an order is paid and has payments, and after a grace period none of them has succeeded, or all its
    money went back."""
    PAID_TOO_LATE = "C"
    """Broken if a payment was paid after it had expired or failed, or is a paid payment of a cancelled order. People
    decide about a refund or another compensation.
    """


ALERT_TOPIC = "alerts.order_payment_inconsistency.v1"
"""Topics under which events about alerts are sent: ALERT_TOPIC for alerts about orders and payments, COMPANY_TOPIC
for alerts about changed corporations."""
COMPANY_TOPIC = "alerts.corporation_changed.v1"


@dataclass(frozen=True, slots=True)
class Alert:
    """A contradiction or delay that the program has found: the record `subject_kind` `subject_id` breaks the rule
    `rule_id`. The alert is open while `resolved_at` is None. `observed` and `expected` are short texts of states and
    amounts. `number` is the number that people use for the record; None if it was not read, or if the record has
    none. `order_no` is the order number, if the alert concerns an order.

    `acknowledged_by` is the person who has acknowledged the alert, with the text `note`. `registry_entry` is the
    registry's entry about the corporation, if the alert is about a changed corporation; None if it was not read, or
    if the registry doesn't have it.
    """

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
    number: str | None = None
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class AlertItem:
    """An open alert, and the action that removes its cause: `action` on the record `kind` `id`. `action` is None if
    no action of the console removes the cause. `number` is our number of the payment, the corporation number, or
    the order number in the notice, that the alert is about; None for another record.
    """

    alert: Alert
    action: str | None
    kind: str
    id: int
    number: str | None = None


class ReconciliationVerdict(StrEnum):
    """Result of the comparison of a payment with the provider's history. MATCHED: equal. IMPORTED: this database
    lacked the payment, and the reconciliation imported it. MISSING_THERE: the provider lacks the payment.
    DIFFERENT_STATE, DIFFERENT_AMOUNT: state or amount differ. REFUSED: a row of the history was rejected."""

    MATCHED = "matched"
    IMPORTED = "imported"
    MISSING_THERE = "missing_there"
    DIFFERENT_STATE = "different_state"
    DIFFERENT_AMOUNT = "different_amount"
    REFUSED = "refused"
    """A rejected row of the provider's history. The row isn't assigned to a payment and isn't counted as a compared
    payment.
    """


@dataclass(frozen=True, slots=True)
class ReconciliationDifference:
    """One payment that doesn't match the provider's history. `ours` and `theirs` are short texts with the state and
    amount in this database and at the provider; each is None if that side has no payment. `row_key` is unique within
    the run. `payment_id` is None if no payment is stored. `case_opened`: the reconciliation opened a case about the
    difference.
    """

    row_key: str
    verdict: ReconciliationVerdict
    payment_id: int | None
    ours: str | None
    theirs: str | None
    case_opened: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """Result of a reconciliation so far.

    `matched` to `different_amount` are numbers of payments. `run_id` is None for a dry run, which writes nothing.
    `refused` is the number of rejected rows. `is_missing_unknown` is True if one of them has prevented the search for
    payments that are missing at the provider; `missing_there` is then 0, although payments may be missing.
    `differences` has the first 1,000 differences, `cases` the cases about them and the alerts about the run.
    `evidence_id` is the evidence of the first file of the provider that the run has read; None if it has read none.
    `ended_at` is None while the run has not ended.
    """

    provider: str
    from_day: date
    to_day: date
    matched: int = 0
    imported: int = 0
    missing_there: int = 0
    different_state: int = 0
    different_amount: int = 0
    differences: tuple[ReconciliationDifference, ...] = ()
    cases: tuple[Alert, ...] = ()
    run_id: int | None = None
    evidence_id: int | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    refused: int = 0
    is_missing_unknown: bool = False


class BulkAction(StrEnum):
    """Actions that a bulk run can execute on its records: probe, re-fetch, take or note. None of them moves money."""

    PROBE = "probe"
    REFETCH = "refetch"
    TAKE = "take"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class BulkRow:
    """One record of a bulk run, at `position` in its list, counted from 1 (0 before the row is stored).
    `expected_version` is the record's version that the person saw when the run was created; `result` is None until
    the row is processed. `reason` is the code of the reason for the result, as `join_reason_and_person` stores it.
    """

    position: int
    kind: str
    subject_id: int
    expected_version: int
    result: str | None = None
    reason: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BulkRun:
    """A fixed list of records and the action on them. `made_by` is the person who created the run at `made_at`.
    `state` is frozen (not begun), running, paused, stopped or done. `size` is the number of rows; only the first
    `most` rows are processed; `done` is the number of rows with a result. `words` is the text for the action `note`.
    `reason` is the code of the reason for the run's state, such as `discarded`. `begun_position` is the position of
    the row whose call of a provider began last (None: no call has begun, or the run is done). If its process crashed
    in this row, the row has no result.
    """

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
    begun_position: int | None = None

    @property
    def name(self) -> str:
        """The name of the bulk run on screen, such as `BS-7`."""
        return format_run_name(self.id)


def format_run_name(run_id: int) -> str:
    """Return the name that the screens show for the bulk run with this id, such as `BS-7`."""
    return f"BS-{run_id}"


@dataclass(frozen=True, slots=True)
class Take:
    """A person's mark on a record, from `taken_at` until `until`: this person works on it. `kind` and `subject_id`
    name the record.
    """

    kind: str
    subject_id: int
    person: str
    taken_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A text (`words`) that a person has written about a record at the instant `at`. `kind` and `subject_id` name the
    record.
    """

    id: int
    kind: str
    subject_id: int
    person: str
    words: str
    at: datetime
