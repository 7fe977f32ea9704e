"""A due payment that this process can't handle holds up no other one, and uses up no attempt of another desk."""

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
from console.services.payments.probe import PaymentProber
from tests.support.desks import MovedClock
from tests.support.payment_desks import Scene, paying
from tests.support.places import Place
from tests.support.refusals import refusal

pytestmark = pytest.mark.engines("sqlite")
DAY = timedelta(days=1, hours=1)


@pytest.fixture
def bare(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Scene]:
    """A desk beside, without PayPay's credentials."""
    missing: dict[str, Any] = {"SECRET_PAYPAY_API_KEY": None, "SECRET_PAYPAY_API_SECRET": None}
    with paying(place, sandbox, clock, **missing) as scene:
        yield scene


def begin_unknown(scene: Scene, number: str) -> Payment:
    """A payment whose start was not answered."""
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    refusal(lambda: scene.payments.start(scene.order(number, 3300), "paypay"))
    payment = scene.of_number("paypay", number)
    assert payment is not None
    assert payment.certainty is Certainty.UNKNOWN
    scene.money.move_payment("paypay", number, "paid")
    return payment


def pass_a_day(scene: Scene, clock: MovedClock) -> None:
    """For us and for the provider, so that each attempt of a schedule becomes due."""
    clock.offset += DAY
    scene.control.change_settings(advance_seconds=DAY.total_seconds())


def test_a_desk_that_cannot_ask_uses_up_no_attempt(scene: Scene, bare: Scene, clock: MovedClock) -> None:
    """Its due tasks run for weeks; then the desk with the credentials still asks by itself."""
    payment = begin_unknown(scene, "ORD-1")
    for _ in range(len(PAYMENT_PROBE_WAITS) + 2):
        pass_a_day(scene, clock)
        bare.run_due()
    work = scene.payment(payment.id).work
    assert (work.state, work.reason, work.attempt) == (WorkState.SCHEDULED, "unknown", 0)
    scene.run_due()
    assert scene.payment(payment.id).certainty is Certainty.KNOWN


def test_a_desk_that_cannot_ask_delays_no_end(scene: Scene, bare: Scene, clock: MovedClock) -> None:
    """It runs the saga of an expired payment first; the desk with the credentials ends the payment at once."""
    payment = scene.payments.start(scene.order("ORD-1", 3300), "paypay").payment
    clock.offset += timedelta(seconds=305)
    scene.control.change_settings(advance_seconds=305)
    for _ in range(3):
        bare.run_due()
    assert scene.payment(payment.id).state == "token_generated"
    scene.run_due()
    assert (scene.payment(payment.id).state, scene.order_now("ORD-1").state) == ("expired", "cancelled")


@pytest.mark.expects_log("the fault at one payment")
def test_a_payment_that_fails_here_lets_the_others_pass(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of this program at one payment: that one moves on through its schedule to a person, the one after it
    is asked about although a run has room for one only."""
    broken, other = begin_unknown(scene, "ORD-1"), begin_unknown(scene, "ORD-2")
    ask = PaymentProber.ask_provider

    def fail_for_one(prober: PaymentProber, payment: Payment) -> Outcome[PaymentReport] | None:
        if payment.id == broken.id:
            raise RuntimeError("a bug")
        return ask(prober, payment)

    monkeypatch.setattr(PaymentProber, "ask_provider", fail_for_one)
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    pass_a_day(scene, clock)
    for _ in range(2):
        scene.run_due()
    assert scene.payment(other.id).certainty is Certainty.KNOWN
    for _ in PAYMENT_PROBE_WAITS:
        pass_a_day(scene, clock)
        scene.run_due()
    found = scene.payment(broken.id)
    assert (found.certainty, found.work.state, found.work.reason) == (
        Certainty.UNKNOWN,
        WorkState.NEEDS_REVIEW,
        "probes_ended",
    )
