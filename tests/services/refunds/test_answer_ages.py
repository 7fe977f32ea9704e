"""Tests of the age of a provider's side: it is the age of the newest answer that states the facts of this side, also
of an answer that a refund has caused or that changes nothing."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from console.domain.money import Money
from console.domain.payments.compared_sides import ComparedSide
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.services.refunds.late_outcomes import apply_refund_report
from console.store.database.engine import Transaction
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code


def read_provider_side(desk: RefundDesk, payment: Payment) -> tuple[ComparedSide, datetime]:
    """Return the provider's side on the page of the payment, and the time of the newest answer in its evidence."""
    view = desk.console.payments.read_payment(payment.id)
    newest_answer_at = max(item.at for item in view.evidence if item.source == "paypay.payment")
    return view.sides[1], newest_answer_at


def test_the_answer_before_a_refund_is_the_newest_about_the_payment(desk: RefundDesk) -> None:
    """Before a refund is approved and sent, the program asks the provider about the payment. The page of the payment
    shows the time of this answer, not that of an answer some days earlier."""
    payment = desk.make_paid_payment()
    desk.move_clock(hours=30)
    refund = desk.approve_refund(desk.request_refund(payment, "100"))
    assert refund.state is RefundState.SUBMITTED
    side, newest_answer_at = read_provider_side(desk, payment)
    assert (side.asked, side.old, side.word, side.minor) == (newest_answer_at, False, "COMPLETED", 3_300)


def test_the_answer_of_a_refused_approval_states_the_facts_of_the_payment(desk: RefundDesk) -> None:
    """If the provider's answer about the payment doesn't allow the refund, the page of the payment shows the facts of
    that answer. The payment's own state stays."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, "100")
    desk.control.payments_control.change_payment_state("paypay", "ORD-1", "failed")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "not_allowed"
    side, newest_answer_at = read_provider_side(desk, payment)
    assert (side.asked, side.word, side.differs) == (newest_answer_at, "FAILED", ("state",))
    assert desk.read_payment(payment.id).state is payment.state


def test_a_probe_of_a_completed_refund_renews_its_age(desk: RefundDesk) -> None:
    """A person probes a refund that is completed. On the refund's page the provider's side then has the age of
    this answer, although the answer changes nothing.
    """
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment, "100"))
    desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    desk.probe_refund(refund)
    desk.move_clock(hours=30)
    desk.probe_refund(refund)
    view = desk.refunds.read_refund(refund.id)
    newest_answer_at = max(item.at for item in view.evidence if item.source == "paypay.refund_status")
    assert view.record.state is RefundState.COMPLETED
    assert (view.sides[1].asked, view.sides[1].word) == (newest_answer_at, "REFUNDED")


def _apply_at(desk: RefundDesk, payment: Payment, report: RefundReport, at: datetime, tx: Transaction) -> bool:
    """Apply the report to the refund of the payment, as part of an answer that was given at the time `at`."""
    return apply_refund_report(desk.context, tx, payment.id, report, at)


def make_listed_report(refund: Refund, payment: Payment, word: str, state: RefundState) -> RefundReport:
    """Return the report about the refund in PayPay's answer about the payment."""
    amount = Money(refund.amount_minor, refund.currency)
    return RefundReport(refund.provider_refund_key or "", None, word, state, amount, payment.provider_payment_id)


@pytest.mark.parametrize("state", [RefundState.SUBMITTED, RefundState.COMPLETED])
def test_an_answer_about_the_payment_renews_the_age_of_its_refunds(desk: RefundDesk, state: RefundState) -> None:
    """PayPay's answer about a payment lists the payment's refunds. It is the newest statement about each of them, so
    the provider's side of a refund has the age of this answer, also if the answer changes nothing. The refund gets no
    further evidence."""
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment, "100"))
    if state is RefundState.COMPLETED:
        desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
        desk.probe_refund(refund)
    desk.move_clock(hours=30 * desk.context.scale.factor)
    before = desk.refunds.read_refund(refund.id)
    assert before.sides[1].old is (state is RefundState.SUBMITTED)
    answered_at = desk.context.now()
    report = make_listed_report(refund, payment, str(before.sides[1].word), state)
    desk.context.write(lambda tx: apply_refund_report(desk.context, tx, payment.id, report, answered_at))
    after = desk.refunds.read_refund(refund.id)
    assert (after.record.state, after.sides[1].old, after.sides[1].word) == (state, False, before.sides[1].word)
    assert after.sides[1].asked == answered_at
    assert len(after.evidence) == len(before.evidence)


def test_an_older_answer_about_the_payment_changes_no_refund(desk: RefundDesk) -> None:
    """An answer about the payment that was asked for before the refund's newest answer changes nothing; a later one
    is stored as the provider's statement.
    """
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment, "100"))
    desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    desk.probe_refund(refund)
    stored = desk.refunds.read_refund(refund.id).record
    assert stored.told_at is not None
    report = make_listed_report(refund, payment, "CREATED", RefundState.SUBMITTED)
    for age, word in ((timedelta(minutes=1), "REFUNDED"), (-timedelta(seconds=1), "CREATED")):
        at = stored.told_at - age
        desk.context.write(partial(_apply_at, desk, payment, report, at))
        assert desk.refunds.read_refund(refund.id).record.provider_state == word
