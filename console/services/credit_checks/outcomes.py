"""What an outcome means for a credit check: the one place that writes success, error and unknown.

tx2, a probe, a person's decision and an answer delivered late all end here, so that a record is settled the same
way whoever learns the truth.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from console.domain.dates import day_begins, day_ended
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.records import (
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    Work,
    WorkState,
)
from console.domain.schedules import INCOMPLETE_REFETCHES, PURCHASE_PROBES, next_at
from console.providers.protocol import Capabilities
from console.services.described import ended_state
from console.services.desk import Desk
from console.store import approvals, cases, credit_checks, evidence, journal
from console.store.engine import Transaction
from console.store.leases import naive

KIND = credit_checks.KIND
_MISFITS = ("other_number", "bad_id")
_log = logging.getLogger("console.guard")


class Settling:
    """What becomes of purchases that their own process didn't end."""

    def __init__(self, desk: Desk, capabilities: Callable[[], Capabilities]) -> None:
        self._desk = desk
        self._capabilities = capabilities

    def deliver(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        return deliver(self._desk, operation_id, outcome, self._capabilities())

    def lapse(self, operation_id: str) -> bool:
        return lapse(self._desk, operation_id, self._capabilities())


@contextmanager
def tolerated(what: str) -> Iterator[None]:
    """For what must not spoil what has already been achieved: log it and go on."""
    try:
        yield
    except Exception:
        _log.warning("tolerated: %s", what, exc_info=True)


@credit_checks.runs_again()
def record_outcome(
    desk: Desk, tx: Transaction, record_id: int, outcome: Outcome[CheckReport], can: Capabilities
) -> None:
    """Write what a purchase's outcome means, in the transaction that ends its journal row."""
    record = _required(tx, record_id)
    keep_answer(desk, tx, record, "purchase", outcome)
    _write_outcome(desk, tx, record, outcome, can)


def _write_outcome(
    desk: Desk, tx: Transaction, record: CreditCheck, outcome: Outcome[CheckReport], can: Capabilities
) -> None:
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None:
        write_success(desk, tx, record, outcome.found)
    elif outcome.kind in (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED):
        write_error(desk, tx, record, outcome.reason)
    else:
        write_unknown(desk, tx, record, outcome.reason, can)


def keep_answer(desk: Desk, tx: Transaction, record: CreditCheck, call: str, outcome: Outcome[object]) -> int:
    """Keep the provider's answer as evidence of the record."""
    who = desk.holder().operator
    source = f"alarmbox.{call}"
    return evidence.add_answer(tx.conn, (KIND, record.id), record.operation_id, source, who, outcome, desk.now())


def write_success(
    desk: Desk,
    tx: Transaction,
    record: CreditCheck,
    report: CheckReport,
    why: Mapping[str, object] | None = None,
) -> None:
    """Bought: from here on nothing may call this record anything else. What is missing is fetched by itself."""
    now = desk.now()
    at = next_at(INCOMPLETE_REFETCHES, 0, now, desk.scale)
    credit_checks.change(
        tx.conn,
        record,
        now,
        status=CheckState.SUCCESS,
        certainty=Certainty.KNOWN.value,
        error_code=None,
        credit_check_id=report.credit_check_id,
        **report_values(report, record, now),
        **credit_checks.work_values(Work(WorkState.SCHEDULED, at, "incomplete")),
    )
    if record.certainty is Certainty.UNKNOWN:
        approvals.close(tx.conn, KIND, str(record.id), now)
    desk.note(tx, "credit-check.bought", record.id, {"provider_id": report.credit_check_id, **(why or {})})


def report_values(report: CheckReport, record: CreditCheck, now: datetime) -> dict[str, object]:
    """Columns that a provider's report fills; what it doesn't say stays as it is. Days become UTC instants."""
    values: dict[str, object] = {
        "company_name": report.company_name[: credit_checks.NAME_LENGTH] if report.company_name else None,
        "result": report.result,
        "purchased_at": day_begins(report.purchase_date) if report.purchase_date else None,
        "expired_at": day_ended(report.expiration_date) if report.expiration_date else None,
    }
    if report.expired and (values["expired_at"] is None or _later(values["expired_at"], now)):
        # The provider's word that the viewing period is over counts more than our arithmetic with its dates.
        values["expired_at"] = record.expired_at if record.expired_at and record.expired_at <= now else now
    return {name: stored(value) for name, value in values.items() if value is not None}


def _later(value: object, now: datetime) -> bool:
    return isinstance(value, datetime) and value > now


def stored(value: object) -> object:
    return naive(value) if isinstance(value, datetime) else value


def write_error(
    desk: Desk, tx: Transaction, record: CreditCheck, cause: str, why: Mapping[str, object] | None = None
) -> None:
    """Certainly not bought: the number is free again, and what a renewal had superseded lives again."""
    now = desk.now()
    credit_checks.change(
        tx.conn,
        record,
        now,
        status=CheckState.ERROR,
        certainty=Certainty.KNOWN.value,
        error_code=cause[:64],
        **credit_checks.work_values(Work()),
    )
    approvals.close(tx.conn, KIND, str(record.id), now)
    desk.note(tx, "credit-check.not_bought", record.id, why, reason=cause[:64])
    old = credit_checks.renewed_by(tx.conn, record.id)
    if old is not None:
        credit_checks.change(tx.conn, old, now, superseded_at=None, superseded_by=None)
        desk.note(tx, "credit-check.restored", old.id, {"instead_of": record.id})


def write_unknown(desk: Desk, tx: Transaction, record: CreditCheck, cause: str, can: Capabilities) -> None:
    """It may have been charged. Stays claimed; asked about by itself where the provider can tell."""
    now = desk.now()
    work = Work(WorkState.NEEDS_REVIEW, reason="no_list_call")
    if cause in _MISFITS:
        work = Work(WorkState.NEEDS_REVIEW, reason="answer_does_not_fit")
    elif can.finds_purchases:
        work = Work(WorkState.SCHEDULED, next_at(PURCHASE_PROBES, 0, now, desk.scale), "unknown")
    credit_checks.change(
        tx.conn,
        record,
        now,
        certainty=Certainty.UNKNOWN.value,
        error_code=cause[:64],
        **credit_checks.work_values(work),
    )
    desk.note(tx, "credit-check.unknown", record.id, reason=cause[:64])


def lapse(desk: Desk, operation_id: str, can: Capabilities) -> bool:
    """Write down that a process went away in the middle: unknown for a purchase, ended for a reading."""
    return desk.write(lambda tx: _lapse(desk, tx, operation_id, can))


@credit_checks.runs_again()
def _lapse(desk: Desk, tx: Transaction, operation_id: str, can: Capabilities) -> bool:
    operation = journal.find(tx.conn, operation_id)
    if operation is None:
        return False
    effect = operation.action in journal.EFFECTS
    if not journal.lapse(tx.conn, operation_id, journal.state_after_lapse(operation.action), desk.now()):
        return False
    kind, subject = operation.subject_kind, operation.subject_id
    record = credit_checks.find(tx.conn, subject or 0) if kind == KIND else None
    if effect and record is not None and record.state is CheckState.PENDING:
        write_unknown(desk, tx, record, "lapsed", can)
    else:
        desk.note(tx, f"{operation.action}.lapsed", subject, kind=kind, result="failed", reason="lapsed")
    return True


def deliver(desk: Desk, operation_id: str, outcome: Outcome[CheckReport], can: Capabilities) -> bool:
    """Settle an operation by an answer that came too late for its own tx2; harmless when repeated.

    Only an outcome that nobody knows is settled. A record that was decided meanwhile keeps its state: the answer
    is kept as evidence, and a contradiction becomes a case.
    """
    if not desk.write(lambda tx: _deliver(desk, tx, operation_id, outcome, can)):
        return False
    with tolerated("end of a delivered operation"):
        bought = outcome.kind is OutcomeClass.SUCCEEDED
        if outcome.kind is not OutcomeClass.UNKNOWN:
            provider_id = outcome.found.credit_check_id if outcome.found else None
            desk.spool.ended(operation_id, holds_claim=bought, provider_id=provider_id)
    return True


def _deliver(
    desk: Desk, tx: Transaction, operation_id: str, outcome: Outcome[CheckReport], can: Capabilities
) -> bool:
    operation = journal.find(tx.conn, operation_id)
    record = credit_checks.find(tx.conn, operation.subject_id or 0) if operation else None
    if operation is None or record is None:
        return False
    if record.state is not CheckState.PENDING:
        _keep_contradiction(desk, tx, record, outcome)
    else:
        _settle_by_answer(desk, tx, record, operation_id, outcome, can)
    return True


def _settle_by_answer(
    desk: Desk, tx: Transaction, record: CreditCheck, operation_id: str, outcome: Outcome[CheckReport],
    can: Capabilities,
) -> None:  # fmt: skip
    """The answer is kept before anything is settled by it: on a server the database asks for it."""
    keep_answer(desk, tx, record, "purchase", outcome)
    journal.settle(tx.conn, operation_id, ended_state(outcome, effect=True), outcome, desk.now())
    desk.note(tx, "credit-check.late_answer", record.id, {"operation": operation_id, "outcome": outcome.kind.value})
    _write_outcome(desk, tx, record, outcome, can)


def _keep_contradiction(desk: Desk, tx: Transaction, record: CreditCheck, outcome: Outcome[CheckReport]) -> None:
    keep_answer(desk, tx, record, "purchase.late", outcome)
    kept = {"outcome": outcome.kind.value, "kept_state": record.state.value}
    desk.note(tx, "credit-check.late_answer", record.id, kept)
    bought = outcome.kind is OutcomeClass.SUCCEEDED
    same = outcome.found is not None and outcome.found.credit_check_id == record.credit_check_id
    if bought and not (record.state is CheckState.SUCCESS and same):
        contradict(desk, tx, record, f"bought {outcome.found.credit_check_id if outcome.found else ''}")


@credit_checks.runs_again()
def contradict(desk: Desk, tx: Transaction, record: CreditCheck, observed: str) -> None:
    """The provider says otherwise about something known: the state stays, a person looks at it."""
    now = desk.now()
    if cases.open_case(tx.conn, "contradicted", KIND, record.id, observed, record.state.value, now):
        fresh = _required(tx, record.id)
        work = Work(WorkState.NEEDS_REVIEW, reason="contradicted")
        credit_checks.change(tx.conn, fresh, now, **credit_checks.work_values(work))
        desk.note(tx, "credit-check.contradicted", record.id, {"observed": observed})


def _required(tx: Transaction, record_id: int) -> CreditCheck:
    record = credit_checks.find(tx.conn, record_id)
    if record is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(record_id)})
    return record
