"""A desk has the credentials of another merchant, as after a new contract. The gateway's answer "no such payment"
then holds only for the new merchant's payments, and proves nothing about a payment that was started under the former
merchant. This desk therefore doesn't ask about such a payment or its refunds.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.records import Certainty, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_POLL_WAITS
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import format_error_message
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk, pass_time
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.engines("sqlite")
OTHER_CREDENTIALS = {"api_key": "other-key", "api_secret": "other-secret", "merchant_id": "200000000000000002"}


@pytest.fixture
def desk_of_new_merchant(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PaymentDesk]:
    """A desk on the same database with the credentials of the new merchant. The program's check of the merchant is
    switched off, so that only the stored records protect the payments.
    """
    monkeypatch.setattr("console.services.payments.providers.require_own_merchant", lambda *_: None)
    scene.control.change_settings(paypay=OTHER_CREDENTIALS)
    credential_settings = {f"SECRET_PAYPAY_{name.upper()}": text for name, text in OTHER_CREDENTIALS.items()}
    with open_payment_desk(place, sandbox, clock, TIME_SCALE="20", **credential_settings) as desk:
        yield desk


def test_a_paid_payment_of_the_former_merchant_gets_no_second_code(
    scene: PaymentDesk, desk_of_new_merchant: PaymentDesk, clock: MovedClock
) -> None:
    """The payer pays a code in its last second. The desk of the new merchant can't ask the gateway about the payment:
    a probe is refused, and after all automatic attempts the payment waits for a person. The order gets no other code
    and isn't cancelled. The desk with the former credentials books the payment.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    pass_time(scene, clock, timedelta(seconds=400))
    error = call_for_refusal(lambda: desk_of_new_merchant.payments.start(order, "paypay"))
    assert (error.code, error.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    for _ in PAYMENT_POLL_WAITS:
        desk_of_new_merchant.run_due_tasks()
        pass_time(scene, clock, timedelta(days=1, hours=1))
    stored_payment = scene.read_payment(payment.id)
    assert (stored_payment.state, scene.read_order("ORD-1").state) == ("token_generated", "pending")
    assert (stored_payment.work.state, stored_payment.work.reason) == (WorkState.NEEDS_REVIEW, "probes_ended")
    refusal = call_for_refusal(lambda: desk_of_new_merchant.payments.probe(payment.id))
    assert (refusal.code, refusal.detail["problem"]) == ("bad_profile", "record_of_other_merchant")
    for language in ("ja", "en"):
        assert "record_of_other_merchant" not in format_error_message(refusal, language)
    assert scene.payments.probe(payment.id).state == "completed"
    assert scene.place.sql("SELECT merchant_payment_id FROM payments") == [("ORD-1",)]


def test_an_ended_payment_of_the_former_merchant_stops_the_next_one_for_a_day(
    scene: PaymentDesk, desk_of_new_merchant: PaymentDesk, clock: MovedClock
) -> None:
    """A payment of the former merchant has ended, but its code may still be paid, and the new credentials can't
    delete the code: the order gets no other payment for a day.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "expired")
    assert scene.payments.probe(payment.id).state == "expired"
    error = call_for_refusal(lambda: desk_of_new_merchant.payments.start(order, "paypay"))
    assert (error.code, error.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    pass_time(scene, clock, timedelta(days=1, hours=1))
    assert desk_of_new_merchant.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-2"


def test_an_unknown_payment_of_the_former_merchant_stays_unknown(
    scene: PaymentDesk, desk_of_new_merchant: PaymentDesk, clock: MovedClock
) -> None:
    """The desk of the new merchant refuses to probe an unknown payment of the former merchant, to which the gateway
    would answer that it does not exist: the payment stays unknown.
    """
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    call_for_refusal(lambda: scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay"))
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    pass_time(scene, clock, timedelta(hours=1))
    with pytest.raises(ConsoleError):
        desk_of_new_merchant.payments.probe(payment.id)
    stored_payment = scene.read_payment(payment.id)
    assert (stored_payment.certainty, stored_payment.error_code) == (Certainty.UNKNOWN, payment.error_code)


def test_an_unknown_refund_of_the_former_merchant_stays_unknown(
    scene: PaymentDesk, desk_of_new_merchant: PaymentDesk, place: Place, clock: MovedClock
) -> None:
    """A refund of the former merchant has an unknown outcome. The desk of the new merchant refuses to probe it and to
    decide it, before it asks the gateway. The refund stays unknown and isn't sent again. The desk with the former
    credentials learns the outcome.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    refund = scene.console.refunds.request(RefundRequest(payment.id, "1000", "sent back"))
    scene.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    with place.open_console_of_person(scene.console, "lead-b") as lead:
        assert call_for_refusal(lambda: lead.refunds.approve(refund.id)).code == "outcome_unknown"
    for _ in range(3):
        pass_time(scene, clock, timedelta(minutes=10))
        assert (
            call_for_refusal(lambda: desk_of_new_merchant.console.refunds.probe(refund.id)).detail["problem"]
            == "record_of_other_merchant"
        )
        desk_of_new_merchant.console.recovery.run_all_tasks()
    for target in ("failed", "completed"):
        decided = call_for_refusal(
            lambda target=target: desk_of_new_merchant.console.refunds.resolve(refund.id, target, "seen", "R-1")
        )
        assert decided.detail["problem"] == "record_of_other_merchant"
    stored_refund = scene.console.refunds.read_refund(refund.id).record
    assert (stored_refund.state, stored_refund.certainty) == ("submitting", Certainty.UNKNOWN)
    assert len(scene.control.read_requests(call="paypay_refund")) == 1
    assert scene.console.refunds.probe(refund.id).state in ("submitted", "completed")
