"""Tests of the age of a provider's side: it is the age of the newest answer that states the facts of this side, also
of an answer that a refund has caused or that changes nothing."""

from datetime import datetime

from console.domain.payments.records import Payment
from console.domain.payments.service_results import ComparedSide
from console.domain.payments.states import RefundState
from tests.support.refund_desks import RefundDesk, call_and_get_code


def read_provider_side(desk: RefundDesk, payment: Payment) -> tuple[ComparedSide, datetime]:
    """Return the provider's side on the page of the payment, and the time of the newest answer in its evidence."""
    view = desk.console.payments.read_payment(payment.id)
    newest_answer_at = max(item.at for item in view.evidence if item.source == "paypay.payment")
    return view.sides[1], newest_answer_at


def test_the_answer_before_a_refund_is_the_age_of_the_payment(desk: RefundDesk) -> None:
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


def test_a_probe_of_a_completed_refund_is_its_age(desk: RefundDesk) -> None:
    """A person probes a refund that is completed. The provider's side then has the age of this answer, although the
    answer changes nothing."""
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
