"""Atom tells whole seconds: what happened after a read of ours, in the same second, is news all the same."""

import pytest

from tests.support.payment_desks import Scene

pytestmark = pytest.mark.engines("sqlite")


def failed(scene: Scene) -> int:
    """A payment that was told to have failed, and read so."""
    payment = scene.payments.start(scene.order("ORD-1", 50_000, "INR"), "atom").payment.id
    scene.money.move_payment("atom", "ORD-1", "failed")
    assert scene.deliver("atom", "ORD-1").done == "booked"
    assert scene.payment(payment).state == "payment_failed"
    return payment


def test_paid_in_the_second_of_our_read(scene: Scene) -> None:
    """Booked as late and completed, never taken for money that was taken back."""
    payment = failed(scene)
    read_at = scene.payment(payment).told_at
    assert read_at is not None
    at = read_at.replace(microsecond=0)
    scene.money.move_payment("atom", "ORD-1", "paid", another_attempt=True, at=at.isoformat())
    assert scene.deliver("atom", "ORD-1").done == "booked"
    record = scene.payment(payment)
    assert (record.state, record.late_after, scene.cases()) == ("completed", "payment_failed", [])
    assert scene.order_now("ORD-1").state == "paid"
