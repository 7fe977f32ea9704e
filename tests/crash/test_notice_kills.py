"""The receiver of a notice is killed at any step; the notice is still booked exactly once."""

from contextlib import suppress
from http.client import HTTPException

import pytest

from console.sandbox.server import Sandbox
from tests.crash import notice_kills
from tests.support.payment_desks import open_payment_desk
from tests.support.places import Place
from tests.support.waiting import wait_until
from tests.support.worker_process import fork_worker
from tests.worker.running_receiver import post_notice


def test_a_kill_at_any_step_books_a_notice_once(place: Place, seed: int) -> None:
    """After the receiver of a notice was killed at any step, payment, order and event are booked once. This is so
    whether or not the sender repeats a notice that was stored before the kill."""
    tally = notice_kills.kill_receiver_at_each_step(place, tuple(notice_kills.STEPS_BY_SOURCE), seed)
    print(f"demand 3: {place.engine}: notices: {tally['kills']} kills at every step: each booked once")
    assert tally["kills"] == sum(map(len, notice_kills.STEPS_BY_SOURCE.values()))


@pytest.mark.parametrize("step", ["before_confirm", "after_confirm", "before_notice_end"])
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_kill_after_the_notice_reply_leaves_a_due_question(
    place: Place, sandbox: Sandbox, provider: str, step: str
) -> None:
    """A worker stores a notice and answers its sender. It is killed before or after it asks the provider about the
    payment, before it has stored the notice's end. The sender doesn't repeat the notice, so a due task of another
    worker asks the provider, and the payment is booked once.
    """
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    with open_payment_desk(place, sandbox) as scene:
        payment = scene.payments.start(scene.insert_order("ORD-1", minor, currency), provider).payment
        # a poll of the worker, due 10 s after the start, would book the payment, so that the notice needs no question
        scene.place.sql("UPDATE payments SET work_at = '2999-01-01 00:00:00', version = version + 1")
        scene.money.change_payment_state(provider, "ORD-1", "paid")
        with fork_worker(place, sandbox.url, desk=1, FAILPOINT=f"{step}:1:kill") as worker:
            with suppress(HTTPException, OSError):  # another thread asks already and may die before the answer
                assert post_notice(worker.port, scene.make_provider_notice(provider, "ORD-1")) == 200
            wait_until(lambda: not worker.is_alive, "it is killed")
            assert worker.process.returncode == -9
        events = scene.place.sql("SELECT done, payment_id FROM payment_events")
        assert events == [("queued", payment.id)]

        def is_order_paid() -> bool:
            scene.run_due_tasks()
            return scene.read_order("ORD-1").state == "paid"

        wait_until(is_order_paid, "its order follows")
        assert scene.read_payment(payment.id).state == "completed"
        assert scene.place.sql("SELECT COUNT(*) FROM payment_events WHERE done = 'queued'") == [(0,)]
        assert scene.count_audit_entries("payment.booked") == 1
