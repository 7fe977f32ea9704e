"""Tests of a due payment that this desk cannot process: it delays no other payment and uses up no attempt of another
desk.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment
from console.domain.provider_outcome import Outcome
from console.domain.records import Certainty, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS
from console.sandbox.server import Sandbox
from console.services.payment_intake import due_tasks
from console.services.payments import timeouts
from console.services.payments.probe import PaymentProber
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.engines("sqlite")
MORE_THAN_A_DAY = timedelta(days=1, hours=1)


@pytest.fixture
def desk_without_credentials(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[PaymentDesk]:
    """Yield a second desk on the same database, without PayPay's credentials."""
    missing: dict[str, Any] = {"SECRET_PAYPAY_API_KEY": None, "SECRET_PAYPAY_API_SECRET": None}
    with open_payment_desk(place, sandbox, clock, **missing) as scene:
        yield scene


def begin_unknown_payment(scene: PaymentDesk, number: str) -> Payment:
    """Start a payment of an order with this number. The call gets no usable answer, and then the payer pays. Return
    the payment, whose outcome is unknown.
    """
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    call_for_refusal(lambda: scene.payments.start(scene.insert_order(number, 3300), "paypay"))
    payment = scene.find_payment("paypay", number)
    assert payment is not None
    assert payment.certainty is Certainty.UNKNOWN
    scene.money.change_payment_state("paypay", number, "paid")
    return payment


def pass_a_day(scene: PaymentDesk, clock: MovedClock) -> None:
    """Move our clock and the provider's clock forward by MORE_THAN_A_DAY, so that the next attempt of each schedule
    becomes due.
    """
    clock.offset += MORE_THAN_A_DAY
    scene.control.change_settings(advance_seconds=MORE_THAN_A_DAY.total_seconds())


def test_a_desk_without_credentials_uses_up_no_attempt(
    scene: PaymentDesk, desk_without_credentials: PaymentDesk, clock: MovedClock
) -> None:
    """A desk without the provider's credentials runs its due tasks on more days than the schedule has probes. This
    uses up no attempt: the desk with credentials still probes the payment automatically.
    """
    payment = begin_unknown_payment(scene, "ORD-1")
    for _ in range(len(PAYMENT_PROBE_WAITS) + 2):
        pass_a_day(scene, clock)
        desk_without_credentials.run_due_tasks()
    work = scene.read_payment(payment.id).work
    assert (work.state, work.reason, work.attempt) == (WorkState.SCHEDULED, "unknown", 0)
    scene.run_due_tasks()
    assert scene.read_payment(payment.id).certainty is Certainty.KNOWN


def test_a_desk_without_credentials_does_not_delay_an_expiry(
    scene: PaymentDesk, desk_without_credentials: PaymentDesk, clock: MovedClock
) -> None:
    """A payment has expired. A desk without the provider's credentials first runs the saga that ends expired
    payments, without a result: the desk with credentials still ends the payment at its next run.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    clock.offset += timedelta(seconds=305)
    scene.control.change_settings(advance_seconds=305)
    for _ in range(3):
        desk_without_credentials.run_due_tasks()
    assert scene.read_payment(payment.id).state == "token_generated"
    scene.run_due_tasks()
    assert (scene.read_payment(payment.id).state, scene.read_order("ORD-1").state) == ("expired", "cancelled")


def test_a_desk_without_credentials_ends_the_other_payments(
    scene: PaymentDesk,
    desk_without_credentials: PaymentDesk,
    clock: MovedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two payments have expired. A desk can't ask the provider of the first one, and each batch has a single payment.
    The desk still ends the second payment, and leaves the first one unchanged.
    """
    unchanged = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    ended = scene.payments.start(scene.insert_order("ORD2", 50_000, "INR"), "atom").payment
    monkeypatch.setattr(timeouts, "BATCH_SIZE", 1)
    pass_a_day(scene, clock)
    desk_without_credentials.run_due_tasks()
    assert (scene.read_payment(ended.id).state, scene.read_payment(unchanged.id).state) == (
        "expired",
        "token_generated",
    )


@pytest.mark.expects_log("the fault at one payment")
def test_a_payment_that_fails_here_delays_no_other_payment(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll of one payment always fails with a bug: after all attempts of its schedule a person must look. The
    next payment is still polled, although each run polls only one payment.
    """
    broken, other = begin_unknown_payment(scene, "ORD-1"), begin_unknown_payment(scene, "ORD-2")
    ask = PaymentProber.ask_provider

    def fail_for_one(prober: PaymentProber, payment: Payment) -> Outcome[PaymentReport] | None:
        if payment.id == broken.id:
            raise RuntimeError("a bug")
        return ask(prober, payment)

    monkeypatch.setattr(PaymentProber, "ask_provider", fail_for_one)
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    pass_a_day(scene, clock)
    for _ in range(2):
        scene.run_due_tasks()
    assert scene.read_payment(other.id).certainty is Certainty.KNOWN
    for _ in PAYMENT_PROBE_WAITS:
        pass_a_day(scene, clock)
        scene.run_due_tasks()
    stored_payment = scene.read_payment(broken.id)
    assert (stored_payment.certainty, stored_payment.work.state, stored_payment.work.reason) == (
        Certainty.UNKNOWN,
        WorkState.NEEDS_REVIEW,
        "probes_ended",
    )
