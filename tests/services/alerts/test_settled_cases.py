"""A case about a payment closes when what it was about has been put right, and the others of the payment stay."""

from datetime import timedelta

import pytest

from console.domain.payments.records import RefundRequest
from console.domain.records import Work, WorkState
from console.store.alerts import cases
from tests.support.payment_desks import Scene

pytestmark = pytest.mark.engines("sqlite")


def paid(scene: Scene, change: str) -> int:
    """A payment that was paid after the shop had changed its order."""
    payment = scene.payments.start(scene.order("ORD-1", 3300), "paypay").payment.id
    scene.place.sql(f"UPDATE orders SET {change} WHERE merch_txn_id = 'ORD-1'")
    scene.money.move_payment("paypay", "ORD-1", "paid")
    scene.payments.probe(payment)
    return payment


def mended(scene: Scene, payment: int) -> None:
    """The shop takes its change back, and the order follows."""
    scene.place.sql("UPDATE orders SET total_amount = 3300 WHERE merch_txn_id = 'ORD-1'")
    scene.payments.set_order_paid(payment)


def refunded(scene: Scene, payment: int, amount: str) -> None:
    refund = scene.console.refunds.request(RefundRequest(payment, amount, "sent back"))
    with scene.place.acting(scene.console, "lead-b") as checker:
        checker.refunds.approve(refund.id)
    scene.console.refunds.probe(refund.id)
    assert scene.console.refunds.read_refund(refund.id).record.state == "completed"


def test_an_order_that_could_not_follow_and_does(scene: Scene) -> None:
    payment = paid(scene, "total_amount = 4400")
    assert (scene.cases(), scene.payment(payment).work.reason) == (["not_moved"], "not_moved")
    mended(scene, payment)
    assert scene.order_now("ORD-1").state == "paid"
    assert (scene.cases(), scene.payment(payment).work) == ([], Work())


def test_another_case_of_the_payment_stays(scene: Scene) -> None:
    payment, now = paid(scene, "total_amount = 4400"), scene.context.now() + timedelta(seconds=1)
    scene.context.write(lambda tx: cases.open_case(tx.conn, "contradicted", "payment", payment, "x", "y", now))
    mended(scene, payment)
    work = scene.payment(payment).work
    assert scene.cases() == ["contradicted"]
    assert (work.state, work.reason) == (WorkState.NEEDS_REVIEW, "contradicted")


def test_paid_too_late_and_all_of_it_refunded(scene: Scene) -> None:
    """A part of it leaves the rest to be decided about."""
    payment = paid(scene, "status = 'cancelled'")
    assert scene.cases() == ["paid_after_cancel"]
    refunded(scene, payment, "1000")
    assert scene.cases() == ["paid_after_cancel"]
    refunded(scene, payment, "2300")
    assert (scene.cases(), scene.payment(payment).work) == ([], Work())
