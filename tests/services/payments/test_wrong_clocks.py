"""Tests of desks with wrong clocks that share the database of a server: the server's clock decides which deadline has
passed and which answer is the newest.
"""

from datetime import timedelta

import pytest

from tests.services.payments.test_timeouts import call_at_failpoint, run_timeout_task, start_with_stock
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal


@pytest.mark.engines("mariadb")
def test_a_worker_with_a_clock_ahead_expires_no_payment(scene: PaymentDesk, clock: MovedClock) -> None:
    """If a worker's clock is ahead, a payment at Atom, whose token has no expiry, does not expire while the payer can
    still pay.
    """
    payment = start_with_stock(scene, provider="atom")
    clock.offset += timedelta(days=2)
    run_timeout_task(scene)
    assert (scene.read_payment(payment.id).state, scene.read_order("ORD-1").state) == ("token_generated", "pending")
    assert scene.payments.start(scene.read_order("ORD-1").id, "atom").payment.id == payment.id


@pytest.mark.engines("mariadb")
def test_a_token_started_by_a_slow_clock_lasts_a_day(scene: PaymentDesk, clock: MovedClock) -> None:
    """If a desk's clock is behind, the token of its payment at Atom still expires a day after its start by the
    server's clock. No second token is created before that.
    """
    clock.offset -= timedelta(days=2)
    order = scene.insert_order("ORD-1", 50_000, "INR")
    first = scene.payments.start(order, "atom").payment
    assert scene.payments.start(order, "atom").payment.id == first.id
    run_timeout_task(scene)
    assert scene.read_payment(first.id).state == "token_generated"


@pytest.mark.engines("mariadb")
def test_a_desk_with_a_slow_clock_books_the_newest_state(scene: PaymentDesk, clock: MovedClock) -> None:
    """If the payer gave up, started again and paid, a desk whose clock is behind still uses the provider's newest
    answer.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "cancelled")
    assert scene.payments.probe(payment.id).state == "payment_failed"
    clock.offset -= timedelta(hours=1)
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    assert scene.payments.probe(payment.id).state == "completed"
    scene.money.change_payment_state("atom", "ORD-1", "reversed")
    assert scene.payments.probe(payment.id).state == "reversed"


@pytest.mark.usefixtures("moved_server_clock")
@pytest.mark.parametrize("fault", [None, "status:503", "result:DYNAMIC_QR_ALREADY_PAID"])
def test_an_expired_code_is_deleted_before_the_next_code(
    scene: PaymentDesk, clock: MovedClock, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If our clock was ahead when the payment expired, the payer can still pay its code. The program deletes that
    code at the provider before it creates another one. While the deletion fails, the start is refused.
    """
    scene.control.change_settings(paypay_code_seconds=60)
    payment = start_with_stock(scene)
    order, read_provider_payment = scene.read_order("ORD-1").id, scene.control.payments_control.read_payment
    clock.offset += timedelta(seconds=100)

    def check_expired_and_start_again() -> None:
        assert (scene.read_payment(payment.id).state, read_provider_payment("paypay", "ORD-1")["state"]) == (
            "expired",
            "CREATED",
        )
        if fault is not None:
            scene.control.add_fault(fault, call="paypay_delete_code", times=1)
            refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
            assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
            assert len(scene.control.read_requests(call="paypay_create")) == 1
        assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-2"
        assert read_provider_payment("paypay", "ORD-1")["state"] == "GONE"

    call_at_failpoint(scene, "before_cancel_order", check_expired_and_start_again, monkeypatch)
    run_timeout_task(scene)
    assert len(scene.control.read_requests(call="paypay_create")) == 2


@pytest.mark.usefixtures("moved_server_clock")
def test_a_paid_code_that_expired_prevents_another_code(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the code of an expired payment was paid, the provider refuses to delete it. The program then queries the
    provider and sets the order to paid.
    """
    scene.control.change_settings(paypay_code_seconds=60)
    start_with_stock(scene)
    order = scene.read_order("ORD-1").id
    clock.offset += timedelta(seconds=100)

    def pay_and_start_again() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"

    call_at_failpoint(scene, "before_cancel_order", pay_and_start_again, monkeypatch)
    run_timeout_task(scene)
    assert scene.read_order("ORD-1").state == "paid"
    assert len(scene.control.read_requests(call="paypay_create")) == 1
