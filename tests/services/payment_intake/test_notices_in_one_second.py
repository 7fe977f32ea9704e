"""Atom's times have whole seconds: an event that happens after our last read, but in the same second, still counts as
newer than the read. And Atom's clock may be behind ours: an earlier time of payment doesn't prove that the success
came before the read.
"""

from datetime import timedelta

import pytest

from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")


def make_failed_payment(scene: PaymentDesk) -> int:
    """Return the id of a payment that Atom reported as failed."""
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment.id
    scene.money.change_payment_state("atom", "ORD-1", "failed")
    assert scene.deliver_notice("atom", "ORD-1").done == "booked"
    assert scene.read_payment(payment).state == "payment_failed"
    return payment


def test_a_success_in_the_second_of_our_read_is_booked(scene: PaymentDesk) -> None:
    """Our read finds a failed payment, and in the same second Atom reports a success: the payment is completed as
    paid late, and isn't treated as reversed.
    """
    payment = make_failed_payment(scene)
    read_at = scene.read_payment(payment).told_at
    assert read_at is not None
    at = read_at.replace(microsecond=0)
    scene.money.change_payment_state("atom", "ORD-1", "paid", another_attempt=True, at=at.isoformat())
    assert scene.deliver_notice("atom", "ORD-1").done == "booked"
    record = scene.read_payment(payment)
    assert (record.state, record.late_after, scene.list_open_alert_rules()) == ("completed", "payment_failed", [])
    assert scene.read_order("ORD-1").state == "paid"


def test_a_success_by_a_clock_that_is_behind_is_booked(scene: PaymentDesk) -> None:
    """Our read finds a failed payment, and then the payer's second attempt succeeds. By Atom's clock, which is four
    minutes behind, that was before the read: the payment is completed as paid late, and isn't treated as reversed.
    """
    payment = make_failed_payment(scene)
    read_at = scene.read_payment(payment).told_at
    assert read_at is not None
    at = read_at.replace(microsecond=0) - timedelta(minutes=4)
    scene.money.change_payment_state("atom", "ORD-1", "paid", another_attempt=True, at=at.isoformat())
    assert scene.deliver_notice("atom", "ORD-1").done == "booked"
    record = scene.read_payment(payment)
    assert (record.state, record.late_after, scene.list_open_alert_rules()) == ("completed", "payment_failed", [])
    assert scene.read_order("ORD-1").state == "paid"


def test_a_late_callback_of_a_payment_that_was_taken_back_is_reversed_by_the_next_read(scene: PaymentDesk) -> None:
    """The payer pays, the money goes back, and our read finds a failed payment before the callback of the success
    arrives. The callback books the payment, and the read that follows it reverses the payment.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment.id
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    late_callback = scene.make_provider_notice("atom", "ORD-1")
    scene.money.change_payment_state("atom", "ORD-1", "failed")
    scene.payments.probe(payment)
    assert scene.read_payment(payment).state == "payment_failed"
    scene.payments.receive_notice(late_callback)
    assert (scene.read_payment(payment).state, scene.list_open_alert_rules()) == ("reversed", ["reversed"])
