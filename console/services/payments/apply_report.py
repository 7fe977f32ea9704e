"""Apply a provider's report about a payment. All sources of reports use this module: notice, callback, probe,
reconciliation, import, and a decision of people. A repeated report changes nothing, and the payment's state changes
only along the table of transitions.

The caller's transaction makes three steps. It stores the provider's answer as evidence, then changes the payment's
state, and then books the payment's money.

If the payment is completed after these steps, or if a signed notice has booked it as paid, a separate transaction
then sets the order to paid. A failure of that transaction does not undo the booking.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from console.domain.audit.actions import AuditAction
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport, RefundReport
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import (
    PROVIDER_CLOCK_TOLERANCE,
    ReportEffect,
    ReportSource,
    are_all_reports_reads,
    compute_report_effect,
    ends_unknown_outcome,
    find_paid_time_problem,
    is_other_amount_missing,
    is_unknown_because_of_other_amount,
    replace_unclear_reversal,
)
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, PaymentState, RefundState
from console.domain.provider_outcome import Outcome
from console.domain.records import Certainty, OperationState, Work, WorkReason, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS, compute_next_attempt_time
from console.services.payments import account_limits as account_money
from console.services.payments import next_work as payment_work
from console.services.payments import order_columns, order_status, timeout_start
from console.services.payments.listed_facts import (
    FACT_SEPARATOR,
    close_case_that_lacks_a_fact,
    end_acknowledged_case,
    end_case_with_other_text,
    list_facts_with_open_case,
)
from console.services.payments.unrecorded_refunds import open_case_of_unrecorded_refunds
from console.services.process.context import ServiceContext
from console.store.alerts import cases
from console.store.database.engine import RunAgain, Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.operations import journal
from console.store.payments import payments
from console.store.records import evidence
from console.store.refunds import approvals

PAYMENT_KIND = payments.PAYMENT_KIND
LONGEST_PROVIDER_STATE_CHARACTERS = 40
OTHER_PAYMENT_REASON = "other_payment"
"""Reason for which a payment's outcome stays unknown: another payment of ours has the provider's id in the report."""
ReportEffectName = Literal["booked", "changed", "unchanged", "unknown"]
"""Effect of a report on the payment: an amount was booked, another value was changed or a case opened, nothing was
changed, or the payment's outcome stays unknown.
"""


@dataclass(frozen=True, slots=True)
class ReportWithSource:
    """One report about a payment, with its source and the time at which it was true (`effective_at`, UTC).
    `source_kind` is the kind of the source; `source_name` is the name of the source in the evidence, such as
    `payment`, `callback`, `notice` or `import`. `answer` is the provider's answer, which is stored as evidence.
    `event_id` is the id of the notice that contained the report, None for other sources.
    """

    report: PaymentReport
    effective_at: datetime
    source_kind: ReportSource
    source_name: str
    answer: Outcome[PaymentReport]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedReport:
    """The effect that an applied report had on the payment `payment_id`: `booked` (its money was booked), `changed`
    (its state changed, or the report is the reason for a case), `unchanged`, or `unknown` (its outcome became
    unknown)."""

    payment_id: int
    effect: ReportEffectName


@payments.run_again_if_stale()
def apply_report(
    context: ServiceContext,
    tx: Transaction,
    payment: Payment,
    sourced_report: ReportWithSource,
    *,
    is_read_in_transaction: bool = False,
) -> AppliedReport:
    """Apply the report `sourced_report` to a payment in the caller's transaction. Return the report's effect.

    Pass `is_read_in_transaction=True` if `payment` was read in the same transaction; otherwise this function reads
    the payment again. Raises not_found if the payment is missing.
    """
    current_payment = payment if is_read_in_transaction else payment_work.require_payment(tx, payment.id)
    now = read_current_time(tx.conn, context.now())
    sourced_report = limit_report_time_to_now(sourced_report, now)
    effect = _replace_effect_if_id_is_shared(
        tx,
        current_payment,
        sourced_report,
        compute_report_effect(
            _remove_future_report_time(current_payment, now),
            sourced_report.report,
            sourced_report.effective_at,
            sourced_report.source_kind,
        ),
    )
    if PaymentState.REVERSED in effect.new_states and order_status.list_further_capture_cases(
        tx.conn, current_payment.id
    ):
        effect = replace_unclear_reversal(effect, sourced_report.report, sourced_report.source_kind)
    effect = _add_earlier_other_amounts(tx, current_payment, sourced_report, effect)
    if effect.booked_amount is not None:
        sourced_report = _leave_out_wrong_paid_time(context, tx, current_payment, sourced_report, now)
    if sourced_report.source_kind is not ReportSource.PEOPLE:  # The caller stores the evidence of people.
        store_answer(context, tx, current_payment, sourced_report.source_name, sourced_report.answer)
    try:
        _write_report(context, tx, current_payment, sourced_report, effect)
    except UniqueViolation:  # Another transaction has just given the provider's id to another payment.
        raise RunAgain from None
    _apply_refunds(context, tx, current_payment, sourced_report)
    return AppliedReport(current_payment.id, _classify_effect(effect))


@payments.run_again_if_stale()
def store_stated_facts(
    context: ServiceContext, tx: Transaction, payment: Payment, sourced_report: ReportWithSource
) -> None:
    """Write the state and the amounts that the provider states in the report, and the time at which they were true,
    into the columns of the payment's provider side. Change nothing else: no state, no certainty, no case.

    Callers use this function for an answer about the payment that they don't apply. Then the page of the payment
    shows the facts of this answer with the age of this answer. Write nothing if `apply_report` wouldn't store the
    facts either, because a newer report is stored or because the report may be about another attempt to pay. The
    caller stores the answer as evidence.
    """
    current_payment = payment_work.require_payment(tx, payment.id)
    now = read_current_time(tx.conn, context.now())
    sourced_report = limit_report_time_to_now(sourced_report, now)
    report, effective_at = sourced_report.report, sourced_report.effective_at
    effect = compute_report_effect(
        _remove_future_report_time(current_payment, now), report, effective_at, sourced_report.source_kind
    )
    if effect.is_newest_report and effect.unknown_reason is None:
        values = make_report_values(report, current_payment, effective_at)
        payments.change_payment(tx.conn, current_payment, context.now(), **values)


def limit_report_time_to_now(sourced_report: ReportWithSource, now: datetime) -> ReportWithSource:
    """Return the report with a time `effective_at` that is not in the future. `now` is the time by the clock of the
    database. If a provider's or desk's clock was ahead and `effective_at` is after `now`, the returned report has
    `now` as its time. Otherwise every later report would count as older.

    There are two exceptions. A notice or callback may have a time that is at most PROVIDER_CLOCK_TOLERANCE ahead,
    because the clock of its sender decides the sequence of the sender's notices. A decision of people is returned
    unchanged.
    """
    is_notice = sourced_report.source_kind in (ReportSource.NOTICE, ReportSource.CALLBACK)
    is_from_future = sourced_report.effective_at > now + (PROVIDER_CLOCK_TOLERANCE if is_notice else timedelta(0))
    is_bounded = is_from_future and sourced_report.source_kind is not ReportSource.PEOPLE
    return replace(sourced_report, effective_at=now) if is_bounded else sourced_report


def _remove_future_report_time(payment: Payment, now: datetime) -> Payment:
    """Return the payment without the time of its newest report if that time is in the future, because a clock was
    wrong: then the present report is the newest one."""
    is_from_future = payment.told_at is not None and payment.told_at > now + PROVIDER_CLOCK_TOLERANCE
    return replace(payment, told_at=None) if is_from_future else payment


def _leave_out_wrong_paid_time(
    context: ServiceContext, tx: Transaction, payment: Payment, sourced_report: ReportWithSource, now: datetime
) -> ReportWithSource:
    """Return the report, without its time of payment if that time can't be right. `find_paid_time_problem` checks
    whether the time is in the future or before the payment began; the problem is written into the audit trail.

    A payment whose report has no time of payment counts as paid at the time at which the report was true. If that
    time can't be right either, the payment counts as paid at `now`.
    """
    begun_at = payment.begun_at if payment.operation_id is not None else None
    paid_at = sourced_report.report.paid_at
    problem = find_paid_time_problem(paid_at, now, begun_at)
    if problem is None or paid_at is None:
        return sourced_report
    is_true_at_wrong = find_paid_time_problem(sourced_report.effective_at, now, begun_at) is not None
    effective_at = now if is_true_at_wrong else sourced_report.effective_at
    facts = {"at": paid_at.isoformat(), "instead": effective_at.isoformat()}
    context.record_audit(
        tx, AuditAction.PAYMENT_TIME_NOT_TAKEN, payment.id, facts, kind=PAYMENT_KIND, reason=problem.value
    )
    return replace(sourced_report, report=replace(sourced_report.report, paid_at=None), effective_at=effective_at)


def store_answer(
    context: ServiceContext, tx: Transaction, payment: Payment, call_name: str, answer: Outcome[object]
) -> int:
    """Store the provider's answer, or the information that no answer came, as evidence of the payment. `call_name` is
    the name of the call in the evidence. Return the id of the evidence.
    """
    operator, source = context.make_holder().operator, f"{payment.provider}.{call_name}"
    return evidence.add_answer(
        tx.conn, (PAYMENT_KIND, payment.id), payment.operation_id, source, operator, answer, context.now()
    )


def is_newest_stored_answer(tx: Transaction, payment: Payment, call_name: str, answer: Outcome[object]) -> bool:
    """True if the newest answer of this call that is stored as evidence of the payment equals `answer`. `call_name`
    is the name of the call in the evidence."""
    return evidence.has_equal_newest_answer(
        tx.conn, (PAYMENT_KIND, payment.id), f"{payment.provider}.{call_name}", answer
    )


def _replace_effect_if_id_is_shared(
    tx: Transaction, payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect
) -> ReportEffect:
    """Return the effect that the report may have. This is `effect`, with one exception: the report would book this
    payment, but another payment of ours already has the provider's payment id in the report. Then the returned effect
    books nothing and opens a case.
    """
    id_at_provider = sourced_report.report.provider_payment_id
    if effect.booked_amount is None or id_at_provider is None:
        return effect
    owner = payments.find_by_id_at_provider(tx.conn, payment.provider, id_at_provider)
    if owner is None or owner.id == payment.id:
        return effect
    return ReportEffect(
        unknown_reason=OTHER_PAYMENT_REASON,
        case_rule=OTHER_PAYMENT_REASON,
        case_observed=f"{id_at_provider} of {owner.id}",
        is_newest_report=effect.is_newest_report,
    )


def _add_earlier_other_amounts(
    tx: Transaction, payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect
) -> ReportEffect:
    """Return the effect; if its case is about another paid amount than the requested one, the case also names the
    other amounts that earlier notices have reported as paid, and that no person has acknowledged. Each notice is
    about one payment, so a later one doesn't correct it. A read that follows only reads replaces them
    (`are_all_reports_reads`): no amount is added then.
    """
    is_case_of_amounts = effect.case_rule == WorkReason.AMOUNT_DIFFERS or (
        effect.case_rule == WorkReason.CONTRADICTED
        and effect.booked_amount is not None
        and is_unknown_because_of_other_amount(payment)
    )
    if not is_case_of_amounts or are_all_reports_reads(payment, sourced_report.source_kind):
        return effect
    rule, observed = WorkReason.AMOUNT_DIFFERS, effect.case_observed
    return replace(effect, case_observed=list_facts_with_open_case(tx.conn, payment.id, rule, observed))


def _write_report(
    context: ServiceContext, tx: Transaction, payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect
) -> None:
    if ends_unknown_outcome(effect, payment):
        cases.close_cases(tx.conn, PAYMENT_KIND, payment.id, context.now())
    is_case_opened = effect.case_rule is not None and _open_case(context, tx, payment, effect)
    values = _make_column_values(context, payment, sourced_report, effect)
    end_state = effect.new_states[-1] if effect.new_states else payment.state
    if _must_release_amount(payment, end_state):
        account_money.release_amount(tx, payment)
        values["account_minor"] = 0
    must_set_order_paid = _must_set_order_paid(payment, sourced_report, effect, end_state)
    work = _choose_next_work(
        context,
        tx,
        payment,
        effect,
        end_state,
        is_case_opened=is_case_opened,
        must_set_order_paid=must_set_order_paid,
    )
    values |= payments.make_work_values(work)
    is_number_reported = _is_missing_id_at_provider_reported(tx, payment, sourced_report, effect)
    if is_number_reported:
        values["provider_payment_id"] = sourced_report.report.provider_payment_id
    payments.move_payment_along_path(tx.conn, payment, effect.new_states, context.now(), **values)
    if effect.booked_amount is not None:
        _book_amount(context, tx, payment, effect.booked_amount)
    if must_set_order_paid:
        tx.call_after_commit(lambda: order_status.set_order_paid_after_payment(context, payment.id))
    elif payment.order_id is not None and (effect.new_states or is_number_reported):
        tx.call_after_commit(lambda: order_columns.write_order_column_values(context, payment.id))
    if end_state is PaymentState.REVERSED and effect.new_states:
        account_money.subtract_reversed_amount(context, tx, payment.id)
        approvals.close_proposals(tx.conn, PAYMENT_KIND, str(payment.id), context.now())  # nobody could confirm them
    if effect.new_states and end_state in ENDED_UNPAID_STATES:
        timeout_start.begin_timeout_saga_at_cancellation(context, tx, payment)
    if ends_unknown_outcome(effect, payment):
        _settle_operation(context, tx, payment, sourced_report)
    _write_audit_entry(context, tx, payment, sourced_report, effect, end_state)


def _is_missing_id_at_provider_reported(
    tx: Transaction, payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect
) -> bool:
    """True if the provider's answer contains the provider's payment id that our paid payment lacks. People have
    decided that the payment is paid without stating this id. The answer must also report the payment as paid, and no
    other payment of ours may have the id."""
    report = sourced_report.report
    return (
        payment.provider_payment_id is None
        and report.provider_payment_id is not None
        and sourced_report.source_kind is ReportSource.READ
        and payment.state in PAID_STATES
        and report.state in PAID_STATES
        and (effect.case_rule, effect.unknown_reason) == (None, None)
        and payments.find_by_id_at_provider(tx.conn, payment.provider, report.provider_payment_id) is None
    )


def _settle_operation(
    context: ServiceContext, tx: Transaction, payment: Payment, sourced_report: ReportWithSource
) -> None:
    """Close the open proposals of people about the payment, and settle the operation that started the payment with
    the provider's answer in `sourced_report`."""
    now = context.now()
    approvals.close_proposals(tx.conn, PAYMENT_KIND, str(payment.id), now)
    if payment.operation_id is not None:
        journal.settle_operation(tx.conn, payment.operation_id, OperationState.DONE, sourced_report.answer, now)


def _must_set_order_paid(
    payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect, end_state: PaymentState
) -> bool:
    """True if the payment's order must be set to paid after the report `sourced_report`. This is so if the report
    completes the payment, or if a signed notice books the payment as paid. `effect` is the report's effect,
    `end_state` the payment's state after the report. A callback is not sufficient: the provider must first confirm
    the payment in its answer to a question.
    """
    if payment.order_id is None or not effect.new_states:
        return False
    is_booked_by_notice = (
        effect.booked_amount is not None
        and sourced_report.source_kind is ReportSource.NOTICE
        and end_state in PAID_STATES
    )
    return end_state is PaymentState.COMPLETED or is_booked_by_notice


def _must_release_amount(payment: Payment, end_state: PaymentState) -> bool:
    """True if the amount that the payment has reserved on its account must be released, because the payment ends
    unpaid. `end_state` is the payment's state after the report."""
    return payment.account_minor > 0 and end_state in ENDED_UNPAID_STATES


def _make_column_values(
    context: ServiceContext, payment: Payment, sourced_report: ReportWithSource, effect: ReportEffect
) -> dict[str, object]:
    """Return the new values of the payment's columns, except the state, after a report with the effect `effect`.

    The values are: the provider's state and amounts, unless people made the report or a newer report is stored; the
    id of the event; the certainty with the error code; the time and amount of a payment that the report proves; and
    the payer, if no payer is stored yet. If `is_other_amount_missing` returns True, an older report's state and
    amounts are stored too, with the time of the newer report.
    """
    report, values = sourced_report.report, dict[str, object]()
    is_stored = effect.is_newest_report or is_other_amount_missing(effect, payment)
    if is_stored and sourced_report.source_kind is not ReportSource.PEOPLE:
        newer_time = None if effect.is_newest_report else payment.told_at
        values |= make_report_values(report, payment, newer_time or sourced_report.effective_at)
    if sourced_report.event_id is not None:
        values["payment_last_event_id"] = sourced_report.event_id[:128]
    if effect.unknown_reason is not None:
        return values | {"certainty": Certainty.UNKNOWN, "error_code": effect.unknown_reason}
    if ends_unknown_outcome(effect, payment) or effect.new_states:
        is_end_unpaid = bool(effect.new_states) and effect.new_states[-1] in ENDED_UNPAID_STATES
        has_cause = is_end_unpaid or sourced_report.source_kind is ReportSource.PEOPLE
        cause = sourced_report.answer.reason[:64] if has_cause else None
        values |= {"certainty": Certainty.KNOWN, "error_code": cause}
    if effect.booked_amount is not None:
        values |= {
            "provider_payment_id": report.provider_payment_id,
            "paid_at": report.paid_at or sourced_report.effective_at,
            "account_minor": 0,
        }
    if report.payer is not None and payment.payer is None:
        values["payer_ref"] = report.payer[:255]
    return values


def make_report_values(report: PaymentReport, payment: Payment, at: datetime) -> dict[str, object]:
    """Return the values of the payment's columns that store the provider's state and amounts. `at` is the time at
    which the report was true. An amount in a currency other than the payment's can't be stored: the column gets no
    amount then, because an earlier amount would count as the amount of this report.
    """
    amount = report.amount
    values: dict[str, object] = {
        "provider_state": report.provider_state[:LONGEST_PROVIDER_STATE_CHARACTERS],
        "told_at": at,
    }
    if amount is not None:
        values["provider_minor"] = amount.minor if amount.currency == payment.currency else None
    if report.refunds is not None:
        values["provider_refunded_minor"] = _sum_refunded_amount(report.refunds)
    return values


def _sum_refunded_amount(refunds: tuple[RefundReport, ...]) -> int:
    completed_refunds = (refund for refund in refunds if refund.state is RefundState.COMPLETED)
    return sum(refund.amount.minor for refund in completed_refunds if refund.amount is not None)


def _book_amount(context: ServiceContext, tx: Transaction, payment: Payment, amount: Money) -> None:
    """Add the amount that was paid to the payment and to the balance of its account. Must run after the change of the
    payment's state."""
    payments.set_captured_amount(tx.conn, payment.id, amount.minor, context.now())
    account_money.book_amount(context, tx, payment, amount)


def _open_case(context: ServiceContext, tx: Transaction, payment: Payment, effect: ReportEffect) -> bool:
    """Open the case of the report's effect. Return True if a case was opened.

    If a case of the same rule is already open, the new case replaces it in three situations. First: a person has
    acknowledged the open case, and the new case has a text that no person has acknowledged. Second: the cases list
    further captures of the payer's money (the rule `paid_twice`), and the open case lacks one that the report has.
    Third: the cases list other paid amounts than the requested one, and the new case has another text. Otherwise no
    case is opened.
    """
    expected = f"{payment.state} {payment.captured_minor or payment.asked_minor} {payment.currency}"
    observed: str | None = effect.case_observed
    if effect.case_rule == WorkReason.PAID_TWICE:
        captures = effect.case_observed.split(FACT_SEPARATOR)
        observed = close_case_that_lacks_a_fact(context, tx, payment.id, WorkReason.PAID_TWICE, captures).case_text
    elif effect.case_rule is not None:
        end_acknowledged_case(context, tx, (PAYMENT_KIND, payment.id), effect.case_rule, effect.case_observed)
    if effect.case_rule == WorkReason.AMOUNT_DIFFERS:
        end_case_with_other_text(context, tx, payment.id, effect.case_rule, effect.case_observed)
    return observed is not None and cases.open_case(
        tx.conn, effect.case_rule or "", PAYMENT_KIND, payment.id, observed, expected, context.now()
    )


def _choose_next_work(
    context: ServiceContext,
    tx: Transaction,
    payment: Payment,
    effect: ReportEffect,
    end_state: PaymentState,
    *,
    is_case_opened: bool,
    must_set_order_paid: bool,
) -> Work:
    """Return the next work of the payment after a report with the effect `effect`. `end_state` is the payment's state
    after the report. `is_case_opened`: the report has opened a case, which a person must review.
    `must_set_order_paid`: a due task must set the order to paid."""
    now = context.now()
    if effect.unknown_reason is not None and effect.case_rule is None:
        return payment_work.make_probe_work(context, payment)
    if payment.work.reason == payment_work.MOVE_ORDER_REASON and end_state in PAID_STATES:
        # The order is set to paid first; the payment's open cases determine its work after that.
        return payment.work
    if must_set_order_paid:
        return Work(
            WorkState.SCHEDULED,
            compute_next_attempt_time(PAYMENT_PROBE_WAITS, 0, now, context.scale),
            payment_work.MOVE_ORDER_REASON,
        )
    if is_case_opened or effect.unknown_reason is not None:
        return Work(WorkState.NEEDS_REVIEW, reason=effect.case_rule)
    if not effect.new_states and not ends_unknown_outcome(effect, payment):
        return payment.work
    return payment_work.choose_work(context, tx, payment, end_state)


def _write_audit_entry(
    context: ServiceContext,
    tx: Transaction,
    payment: Payment,
    sourced_report: ReportWithSource,
    effect: ReportEffect,
    end_state: PaymentState,
) -> None:
    """Write an audit entry if the report has changed the payment's state, booked its money, made its outcome
    unknown, or is the reason for a case. `effect` is the report's effect, `end_state` the payment's state after the
    report."""
    suffix = _choose_audit_suffix(payment, effect, end_state)
    if suffix is None:
        return
    provider_word = sourced_report.report.provider_state[:LONGEST_PROVIDER_STATE_CHARACTERS]
    facts: dict[str, object] = {"by": sourced_report.source_name, "state": end_state.value, "word": provider_word}
    if effect.booked_amount is not None:
        facts |= {"minor": effect.booked_amount.minor, "currency": effect.booked_amount.currency}
    if payment.state in ENDED_UNPAID_STATES and effect.booked_amount is not None:
        facts["late"] = True
    context.record_audit(
        tx,
        AuditAction(f"payment.{suffix}"),
        payment.id,
        facts,
        kind=PAYMENT_KIND,
        reason=effect.unknown_reason or effect.case_rule,
    )


def _choose_audit_suffix(payment: Payment, effect: ReportEffect, end_state: PaymentState) -> str | None:
    """Return the end of the name of the audit action about the report's effect, such as `booked` in `payment.booked`;
    None if no audit entry is written. `end_state` is the payment's state after the report."""
    if effect.unknown_reason is not None:
        return None if payment.error_code == effect.unknown_reason else "unknown"
    if end_state is PaymentState.REVERSED and effect.new_states:
        return "reversed"
    if effect.booked_amount is not None:
        return "booked"
    if effect.case_rule is not None:
        return effect.case_rule
    return "moved" if effect.new_states else None


def _classify_effect(effect: ReportEffect) -> ReportEffectName:
    """Return the name of the report's effect, as in `AppliedReport`."""
    if effect.unknown_reason is not None:
        return "unknown"
    if effect.booked_amount is not None:
        return "booked"
    return "changed" if effect.new_states or effect.case_rule else "unchanged"


def _apply_refunds(
    context: ServiceContext, tx: Transaction, payment: Payment, sourced_report: ReportWithSource
) -> None:
    """Apply the refunds in a payment's report to our refunds. If the report contains a refund whose key no refund of
    ours has, open a case.
    """
    effective_at = sourced_report.effective_at
    if not sourced_report.report.refunds:
        return
    unrecorded_keys = [
        refund.key
        for refund in sourced_report.report.refunds
        if not context.apply_refund_report(context, tx, payment.id, refund, effective_at)
    ]
    open_case_of_unrecorded_refunds(context, tx, payment.id, unrecorded_keys)
