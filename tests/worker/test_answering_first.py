"""The receiver answers a hint or a callback as soon as its row is stored. The sender doesn't wait until the provider
answers our question about the payment.
"""

import threading
from collections.abc import Callable, Iterator

import pytest

from console.domain.records import WorkState
from tests.support.payment_desks import Scene
from tests.support.waiting import until
from tests.worker.calling import LONG, Running, serving

CALLS = {"paypay": "paypay_payment", "atom": "atom_verification"}
pytestmark = pytest.mark.engines("sqlite", "mariadb")


@pytest.fixture
def hanging(scene: Scene) -> Iterator[Callable[[str], None]]:
    """Yield a function that makes the sandbox hold back the answers of a provider; they are released at the end."""

    def hang(provider: str) -> None:
        scene.control.add_fault("hang", call=CALLS[provider], times="always")

    yield hang
    release(scene)


def release(scene: Scene) -> None:
    scene.control.clear_faults()
    for call in CALLS.values():
        scene.control.release_calls(call=call)


def begun(scene: Scene, provider: str, number: str) -> int:
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    payment = scene.payments.start(scene.order(number, minor, currency), provider).payment
    scene.money.move_payment(provider, number, "paid")
    return payment.id


def deliver(scene: Scene, receiver: Running, provider: str, number: str) -> None:
    answer = receiver.deliver(scene.post(provider, number))
    assert (answer.status, answer.body) == (200, b"OK")


def events(scene: Scene) -> list[tuple[str, int | None]]:
    return [(str(done), whose) for done, whose in scene.place.sql("SELECT done, payment_id FROM payment_events")]


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_provider_that_hangs_keeps_no_notice_waiting(
    scene: Scene, hanging: Callable[[str], None], provider: str
) -> None:
    """The provider holds back the answer to the first question. The receiver still answers all further notices, more
    than it can ask about at once, and repeated ones. After the provider has answered, each is booked, at once or by a
    due task.
    """
    numbers = [f"ORD-{n}" for n in range(4)]
    whose = [begun(scene, provider, number) for number in numbers]
    scene.order("ORD-9", 3300)
    hanging(provider)
    with serving(scene.taker, threads_per_pool=1, queue_length=1) as receiver:
        deliver(scene, receiver, provider, numbers[0])
        assert scene.control.wait_until_reached(held=1)
        for number in numbers:
            deliver(scene, receiver, provider, number)
        assert receiver.deliver(scene.bank("e-1", "ORD-9")).status == 200
        assert scene.order_now("ORD-9").state == "paid"
        assert events(scene)[:4] == [("queued", one) for one in whose]
        assert {scene.order_now(number).state for number in numbers} == {"pending"}
        release(scene)
        until(lambda: scene.payment(whose[0]).state == "completed", "the first one is booked", LONG)
    scene.run_due_tasks()
    assert {scene.order_now(number).state for number in numbers} == {"paid"}
    assert {done for done, _ in events(scene)} <= {"booked", "unchanged"}
    assert scene.audited("payment.booked") == len(numbers) + 1


def test_a_provider_that_hangs_does_not_keep_the_receiver(scene: Scene, hanging: Callable[[str], None]) -> None:
    """A receiver that is stopped waits for an open question to the provider at most `drain_timeout_seconds`. A due
    task asks again later.
    """
    payment_id = begun(scene, "paypay", "ORD-1")
    hanging("paypay")
    with serving(scene.taker, drain_timeout_seconds=1) as receiver:
        deliver(scene, receiver, "paypay", "ORD-1")
        assert scene.control.wait_until_reached(held=1)
        receiver.end()
    assert events(scene) == [("queued", payment_id)]
    release(scene)
    until(lambda: not [one for one in threading.enumerate() if "ask-" in one.name], "nobody asks any more", LONG)
    scene.run_due_tasks()
    assert scene.payment(payment_id).state == "completed"


def test_a_second_failure_waits_to_be_asked_about(scene: Scene, hanging: Callable[[str], None]) -> None:
    """A notice of a failure arrives that is equal to an earlier one, after the payment was paid in between. Its row
    is queued again, and a due task asks the provider.
    """
    payment_id = begun(scene, "paypay", "ORD-1")
    scene.money.move_payment("paypay", "ORD-1", "failed")
    failed = scene.post("paypay", "ORD-1")
    assert scene.payments.receive_notice(failed).done == "booked"
    scene.money.move_payment("paypay", "ORD-1", "paid")
    assert scene.deliver("paypay", "ORD-1").done == "booked"
    scene.money.move_payment("paypay", "ORD-1", "failed")
    heard = scene.payments.check_notice(failed)
    assert (heard.store_notice().done, heard.must_ask_provider) == ("repeated", True)
    assert events(scene)[0] == ("queued", payment_id)
    scene.run_due_tasks()
    assert scene.payment(payment_id).state == "reversed"
    assert scene.payment(payment_id).work.state is WorkState.NEEDS_REVIEW
    assert "queued" not in {done for done, _ in events(scene)}
