"""Tests that the receiver answers a hint or a callback as soon as its row is stored. The sender doesn't wait until
the provider has answered the receiver's question about the payment.
"""

import threading
from collections.abc import Callable, Iterator

import pytest

from console.domain.records import WorkState
from tests.support.payment_desks import PaymentDesk
from tests.support.waiting import wait_until
from tests.worker.running_receiver import WAIT_LIMIT_SECONDS, RunningReceiver, run_receiver

PROVIDER_CALL_BY_PROVIDER = {"paypay": "paypay_payment", "atom": "atom_verification"}
pytestmark = pytest.mark.engines("sqlite", "mariadb")


@pytest.fixture
def hold_answers(scene: PaymentDesk) -> Iterator[Callable[[str], None]]:
    """Yield a function that makes the sandbox hold back the answers of a provider. The answers are released at the
    end of the test.
    """

    def add_hang(provider: str) -> None:
        scene.control.add_fault("hang", call=PROVIDER_CALL_BY_PROVIDER[provider], times="always")

    yield add_hang
    release_answers(scene)


def release_answers(scene: PaymentDesk) -> None:
    scene.control.clear_faults()
    for call in PROVIDER_CALL_BY_PROVIDER.values():
        scene.control.release_calls(call=call)


def make_begun_payment(scene: PaymentDesk, provider: str, number: str) -> int:
    """Start a payment, let the payer pay it at the provider, and return the payment's id."""
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    payment = scene.payments.start(scene.insert_order(number, minor, currency), provider).payment
    scene.money.change_payment_state(provider, number, "paid")
    return payment.id


def deliver_notice(scene: PaymentDesk, receiver: RunningReceiver, provider: str, number: str) -> None:
    answer = receiver.deliver_notice(scene.make_provider_notice(provider, number))
    assert (answer.status, answer.body) == (200, b"OK")


def read_events(scene: PaymentDesk) -> list[tuple[str, int | None]]:
    """Return (state, id of its payment) of each stored event."""
    return [(str(done), whose) for done, whose in scene.place.sql("SELECT done, payment_id FROM payment_events")]


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_provider_that_hangs_delays_no_notice(
    scene: PaymentDesk, hold_answers: Callable[[str], None], provider: str
) -> None:
    """The provider doesn't answer the receiver's first question. The receiver still answers all further notices,
    including repeated ones, even if they are more than it can ask about at the same time. After the provider has
    answered, each notice is booked, at once or by a due task.
    """
    numbers = [f"ORD-{n}" for n in range(4)]
    whose = [make_begun_payment(scene, provider, number) for number in numbers]
    scene.insert_order("ORD-9", 3300)
    hold_answers(provider)
    with run_receiver(scene.taker, threads_per_pool=1, queue_length=1) as receiver:
        deliver_notice(scene, receiver, provider, numbers[0])
        assert scene.control.wait_until_counts_reached(held=1)
        for number in numbers:
            deliver_notice(scene, receiver, provider, number)
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200
        assert scene.read_order("ORD-9").state == "paid"
        assert read_events(scene)[:4] == [("queued", one) for one in whose]
        assert {scene.read_order(number).state for number in numbers} == {"pending"}
        release_answers(scene)
        wait_until(
            lambda: scene.read_payment(whose[0]).state == "completed", "the first one is booked", WAIT_LIMIT_SECONDS
        )
    scene.run_due_tasks()
    assert {scene.read_order(number).state for number in numbers} == {"paid"}
    assert {done for done, _ in read_events(scene)} <= {"booked", "unchanged"}
    assert scene.count_audit_entries("payment.booked") == len(numbers) + 1


def test_a_hanging_provider_does_not_delay_the_stop_of_the_receiver(
    scene: PaymentDesk, hold_answers: Callable[[str], None]
) -> None:
    """A receiver that is being stopped waits at most `drain_timeout_seconds` for an open question to the provider. A
    due task asks the provider again later.
    """
    payment_id = make_begun_payment(scene, "paypay", "ORD-1")
    hold_answers("paypay")
    with run_receiver(scene.taker, drain_timeout_seconds=1) as receiver:
        deliver_notice(scene, receiver, "paypay", "ORD-1")
        assert scene.control.wait_until_counts_reached(held=1)
        receiver.end()
    assert read_events(scene) == [("queued", payment_id)]
    release_answers(scene)
    wait_until(
        lambda: not [one for one in threading.enumerate() if "ask-" in one.name],
        "nobody asks any more",
        WAIT_LIMIT_SECONDS,
    )
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "completed"


def test_a_repeated_failure_notice_is_queued_again(scene: PaymentDesk, hold_answers: Callable[[str], None]) -> None:
    """A payment failed, was then paid, and now a failure notice arrives that equals the earlier one. The receiver
    queues the row of this notice again, and a due task asks the provider.
    """
    payment_id = make_begun_payment(scene, "paypay", "ORD-1")
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    failed = scene.make_provider_notice("paypay", "ORD-1")
    assert scene.payments.receive_notice(failed).done == "booked"
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.deliver_notice("paypay", "ORD-1").done == "booked"
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    notice = scene.payments.check_notice(failed)
    assert (notice.store_notice().done, notice.must_ask_provider) == ("repeated", True)
    assert read_events(scene)[0] == ("queued", payment_id)
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "reversed"
    assert scene.read_payment(payment_id).work.state is WorkState.NEEDS_REVIEW
    assert "queued" not in {done for done, _ in read_events(scene)}
