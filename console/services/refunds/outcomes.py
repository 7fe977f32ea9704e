"""What an outcome means for a refund: the one place that writes accepted, refunded, failed, unknown and not sent.

tx2, a probe, two people, an answer delivered late and the refunds in a payment's details all end here. In each
transaction the answer is kept first, then the journal, the refund, and its payment's money last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from console.domain.errors import ConsoleError
from console.domain.order_records import Refund, SetAsideState
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState
from console.domain.records import Certainty, OperationState, Work, WorkState
from console.domain.schedules import (
    REFUND_POLLS,
    REFUND_PROBES,
    REFUND_SENDINGS,
    SLOW_REFUND_POLLS,
    next_at,
    next_of_endless,
)
from console.providers.payment_protocol import PaymentCapabilities
from console.services import refund_orders, settling
from console.services.described import HAPPENED
from console.services.desk import Desk
from console.store import approvals, cases, evidence, idempotency, journal, payments, refunds, set_asides
from console.store.engine import Transaction

KIND = refunds.KIND
SUBMISSION, COOLING_OFF, POLL, UNKNOWN = "submission", "cooling_off", "poll", "unknown"
"""Reasons of scheduled work: to be sent; to be sent later; asked whether it is done; asked what became of it."""
MISFITS = frozenset({"other_id", "other_payment", "other_amount", "other_currency", "listed_twice"})
"""Reasons of answers that are about something else than was asked."""
RETENTION = "order_no_longer_kept"
LONGEST_WORD = 40
_R = RefundState


class MoneyLost(Exception):
    """The sums of a payment don't hold what its refund holds: nothing is written."""


def required(tx: Transaction, refund_id: int) -> Refund:
    """The refund as it is in this transaction. Raises not_found."""
    refund = refunds.find(tx.conn, refund_id)
    if refund is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(refund_id)})
    return refund


def keep_answer(desk: Desk, tx: Transaction, refund: Refund, call: str, outcome: Outcome[object]) -> int:
    """Keep the provider's answer, or the lack of one, as evidence of the refund."""
    payment = payments.find(tx.conn, refund.payment_id)
    source = f"{payment.provider if payment else 'provider'}.{call}"
    who = desk.holder().operator
    return evidence.add_answer(tx.conn, (KIND, refund.id), refund.operation_id, source, who, outcome, desk.now())


# Which outcome is which writing


@refunds.runs_again()
def record_outcome(
    desk: Desk, tx: Transaction, refund_id: int, outcome: Outcome[RefundReport], can: PaymentCapabilities
) -> None:
    """Write what a sending's outcome means, in the transaction that ends its journal row."""
    refund = required(tx, refund_id)
    keep_answer(desk, tx, refund, "refund", outcome)
    if refund.state is not _R.SUBMITTING:  # somebody else was told meanwhile what became of it
        compare(desk, tx, refund, outcome)
    elif outcome.kind in HAPPENED or refused(outcome):
        write_settled(desk, tx, refund, outcome, can)
    elif unsent(outcome):
        write_unsent(desk, tx, refund, outcome.reason)
    else:
        write_unknown(desk, tx, refund, outcome.reason)


def unsent(outcome: Outcome[RefundReport]) -> bool:
    """Whether certainly nothing happened, and the same key may be sent again."""
    never_sent = outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is Sent.NO
    return never_sent or outcome.kind in (OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


def refused(outcome: Outcome[RefundReport]) -> bool:
    """Whether the provider has ended it without effect."""
    return outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is not Sent.NO


def write_settled(
    desk: Desk, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport], can: PaymentCapabilities | None,
    why: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    """The provider's word on a refund: done, accepted, or ended without effect."""
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None:
        write_completed(desk, tx, refund, outcome.found, why)
    elif outcome.kind in HAPPENED:
        write_submitted(desk, tx, refund, outcome.found, can, why)
    else:
        write_failed(desk, tx, refund, outcome.reason, outcome.found, why)


# Writing


def write_completed(
    desk: Desk, tx: Transaction, refund: Refund, report: RefundReport | None,
    why: Mapping[str, object] | None = None, provider_id: str | None = None,
) -> None:  # fmt: skip
    """The money is back with the payer. Where the provider has no number of its own, our key is the number."""
    now = desk.now()
    number = refund.provider_refund_id or provider_id or (report and report.provider_refund_id)
    _become(desk, tx, refund, _R.COMPLETED, report, refund_txn_id=number or refund.provider_refund_key)
    _move(payments.settle_refund(tx.conn, refund.payment_id, refund.amount_minor, now), refund)
    _end_set_aside(tx, refund, SetAsideState.REFUNDED, now)
    desk.note(tx, "refund.completed", refund.id, {**_facts(refund), **(why or {})}, kind=KIND)
    refund_orders.follow(desk, tx, refund.payment_id)


def write_submitted(
    desk: Desk, tx: Transaction, refund: Refund, report: RefundReport | None, can: PaymentCapabilities | None,
    why: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    """Accepted, and on its way: from here on nothing is sent again, and the provider is asked whether it is done."""
    number = refund.provider_refund_id or (report and report.provider_refund_id)
    at = next_of_endless(polls(can), 0, desk.now(), desk.scale)
    work = refunds.work_values(Work(WorkState.SCHEDULED, at, POLL))
    _become(desk, tx, refund, _R.SUBMITTED, report, refund_txn_id=number, **work)
    desk.note(tx, "refund.accepted", refund.id, {**_facts(refund), **(why or {})}, kind=KIND)


def _become(
    desk: Desk, tx: Transaction, refund: Refund, state: RefundState, report: RefundReport | None, **values: object
) -> None:  # fmt: skip
    """Write what is known of it from now on; whatever waited for that is closed."""
    now = desk.now()
    known: dict[str, object] = {"status": state, "certainty": Certainty.KNOWN, "error_code": None}
    known |= refunds.work_values(Work()) | told(report, now) | values
    refunds.change(tx.conn, refund, now, **known)
    _close(desk, tx, refund)


def polls(can: PaymentCapabilities | None) -> Sequence[timedelta]:
    """When a provider is asked whether an accepted refund is done."""
    return SLOW_REFUND_POLLS if can is not None and can.slow_refunds else REFUND_POLLS


def write_failed(
    desk: Desk, tx: Transaction, refund: Refund, cause: str, report: RefundReport | None = None,
    why: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    """Certainly not refunded, and never will be under this key: the amount is free again."""
    _become(desk, tx, refund, _R.FAILED, report, error_code=cause[:64])
    release(desk, tx, refund)
    desk.note(tx, "refund.failed", refund.id, {**_facts(refund), **(why or {})}, kind=KIND, reason=cause[:64])


def write_unsent(desk: Desk, tx: Transaction, refund: Refund, cause: str) -> None:
    """Nothing happened, and the approval still holds: it is sent again by itself, later, with its one key."""
    now, attempt = desk.now(), refund.work.attempt
    at = next_at(REFUND_SENDINGS, attempt, now, desk.scale)
    work = Work(WorkState.SCHEDULED, at, SUBMISSION, attempt + 1)
    if at is None:
        work = Work(WorkState.NEEDS_REVIEW, None, "not_sent", attempt + 1)
    _write_approved(desk, tx, refund, work, error_code=cause[:64])
    desk.note(tx, "refund.not_sent", refund.id, _facts(refund), kind=KIND, result="failed", reason=cause[:64])


def write_undone(desk: Desk, tx: Transaction, refund: Refund, **counted: object) -> None:
    """Proven not to have happened, by a provider that keeps keys: sent again at the next occasion, the same key."""
    _write_approved(desk, tx, refund, Work(WorkState.SCHEDULED, desk.now(), SUBMISSION), error_code=None, **counted)
    desk.note(tx, "refund.did_not_happen", refund.id, _facts(refund), kind=KIND)


def _write_approved(desk: Desk, tx: Transaction, refund: Refund, work: Work, **values: object) -> None:
    values |= {"status": _R.APPROVED, "certainty": Certainty.KNOWN, **refunds.work_values(work)}
    refunds.change(tx.conn, refund, desk.now(), **values)
    approvals.close(tx.conn, KIND, str(refund.id), desk.now())
    free_key(tx, refund)


def write_unknown(desk: Desk, tx: Transaction, refund: Refund, cause: str) -> None:
    """It may have happened. Its amount stays reserved, nothing else of the payment is sent, and it is asked about."""
    now = desk.now()
    work = Work(WorkState.SCHEDULED, next_at(REFUND_PROBES, 0, now, desk.scale), UNKNOWN)
    if cause in MISFITS:
        work = Work(WorkState.NEEDS_REVIEW, reason="answer_does_not_fit")
    elif cause == RETENTION:
        work = Work(WorkState.NEEDS_REVIEW, reason=RETENTION)
    unknown = {"certainty": Certainty.UNKNOWN, "error_code": cause[:64]}
    refunds.change(tx.conn, refund, now, **unknown, **refunds.work_values(work))
    if cause in MISFITS:
        cases.open_case(tx.conn, "answer_does_not_fit", KIND, refund.id, cause, _expected(refund), now)
    desk.note(tx, "refund.unknown", refund.id, _facts(refund), kind=KIND, reason=cause[:64])


# What else changes with it


def release(desk: Desk, tx: Transaction, refund: Refund) -> None:
    """Give back what an ended refund held, and let its key be used anew. After the refund's own row."""
    now, aside = desk.now(), refund.set_aside_id is not None
    _move(payments.release(tx.conn, refund.payment_id, refund.amount_minor, now, to_set_aside=aside), refund)
    _end_set_aside(tx, refund, SetAsideState.OPEN, now)
    free_key(tx, refund)


def free_key(tx: Transaction, refund: Refund) -> None:
    """What came to nothing keeps nobody from asking for the same again."""
    if refund.operation_id is None:
        return
    key = journal.key_of(tx.conn, refund.operation_id)
    if key is not None and not key.endswith(f"#{refund.operation_id}"):
        idempotency.set_aside(tx.conn, refund.operation_id, key)


def _move(moved: bool, refund: Refund) -> None:
    if not moved:
        raise MoneyLost(f"payment {refund.payment_id}, refund {refund.id}")


def _end_set_aside(tx: Transaction, refund: Refund, state: SetAsideState, now: datetime) -> None:
    item = set_asides.find(tx.conn, refund.set_aside_id) if refund.set_aside_id is not None else None
    if item is not None:
        set_asides.change(tx.conn, item, now, state, refund.id if state is SetAsideState.REFUNDED else None)


def _close(desk: Desk, tx: Transaction, refund: Refund) -> None:
    """First halves of decisions and open cases about it are settled with it."""
    approvals.close(tx.conn, KIND, str(refund.id), desk.now())
    cases.close_cases(tx.conn, KIND, refund.id, desk.now())


def told(report: RefundReport | None, now: datetime) -> dict[str, object]:
    return {} if report is None else {"provider_state": report.provider_state[:LONGEST_WORD], "told_at": now}


def _facts(refund: Refund) -> dict[str, object]:
    return {"payment": refund.payment_id, "minor": refund.amount_minor, "currency": refund.currency}


def _expected(refund: Refund) -> str:
    return f"{refund.provider_refund_key} {refund.amount_minor} {refund.currency}"


# Outcomes that nobody knows, settled later


def settle(
    desk: Desk, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport], can: PaymentCapabilities | None,
    by: str,
) -> None:  # fmt: skip
    """End an unknown by the provider's word, already kept as evidence."""
    end_operation(desk, tx, refund, outcome)
    write_settled(desk, tx, refund, outcome, can, {"by": by})


def end_operation(desk: Desk, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]) -> None:
    """Write the end of the refund's sending into the journal, and after the commit on the desk."""
    operation = refund.operation_id
    if operation is None:
        return
    happened = outcome.kind in HAPPENED
    state = OperationState.DONE if happened else OperationState.FAILED
    journal.settle(tx.conn, operation, state, outcome, desk.now())

    def end() -> None:
        with settling.tolerated("end of a settled refund"):
            desk.spool.ended(operation, holds_claim=happened)

    tx.after_commit(end)


def compare(desk: Desk, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]) -> None:
    """A late answer about a refund whose outcome is known: it never undoes it; what contradicts it is a case."""
    known, said = refund.state, outcome.kind
    if known is _R.SUBMITTED and said is OutcomeClass.SUCCEEDED and outcome.found is not None:
        write_completed(desk, tx, refund, outcome.found, {"by": "late_answer"})
    elif (said in HAPPENED and known not in (_R.SUBMITTED, _R.COMPLETED)) or (
        refused(outcome) and known is _R.COMPLETED
    ):
        contradict(desk, tx, refund, f"{said.value} {outcome.reason}")


@refunds.runs_again()
def contradict(desk: Desk, tx: Transaction, refund: Refund, observed: str, rule: str = "contradicted") -> None:
    """The provider says otherwise about something known: the state stays, a person looks at it."""
    now = desk.now()
    if cases.open_case(tx.conn, rule, KIND, refund.id, observed, refund.state.value, now):
        work = Work(WorkState.NEEDS_REVIEW, reason=rule)
        refunds.change(tx.conn, required(tx, refund.id), now, **refunds.work_values(work))
        desk.note(tx, "refund.contradicted", refund.id, {"observed": observed[:255]}, kind=KIND, reason=rule)
