"""Tests of the heartbeat: it renews each held lease until the lease is released, and no renewal waits for another
one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest

from console.app import Console
from console.domain.clock import TimeScale
from console.domain.errors import ConsoleError
from console.domain.process.daemon_threads import DaemonThread
from console.domain.process.lease_names import (
    make_credit_check_lease_name,
    make_payment_lease_name,
    make_refund_lease_name,
)
from console.sandbox.server import Sandbox
from console.services.credit_checks.provider_tokens import REFRESH_LEASE_NAME
from console.services.guarded.leases import acquire_lease, hold_lease, keep_lease_renewed
from console.services.process.heartbeat import Heartbeat
from console.store.operations import leases
from tests.crash.signals import SignalTestStage, open_stage
from tests.support.money_desks import import_paid_payment, insert_order, request_refund
from tests.support.places import Place
from tests.support.refusals import call_for_refusal
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

LEASE_SECONDS = 2.0
FAST_TIME_SCALE = TimeScale(100)
"""Time scale with which the heartbeat renews each lease every 0.15 s."""


@pytest.fixture
def heartbeat() -> Iterator[Heartbeat]:
    made = Heartbeat(FAST_TIME_SCALE)
    yield made
    made.close()


def test_a_hanging_renewal_delays_no_other_renewal(heartbeat: Heartbeat) -> None:
    """If three renewals hang in their database, the fourth is still done in time, and a hanging renewal is not
    started again.
    """
    let_go, hanging, beats = Event(), [0, 0, 0], [0]

    def make_hanging_beat(beat_index: int) -> Callable[[], None]:
        def count_and_hang() -> None:
            hanging[beat_index] += 1
            let_go.wait(MAX_WAIT_SECONDS)

        return count_and_hang

    def count_beat() -> None:
        beats[0] += 1

    for beat_index in range(3):
        heartbeat.add_beat(f"slow-{beat_index}", make_hanging_beat(beat_index))
    heartbeat.add_beat("quick", count_beat)
    wait_until(lambda: beats[0] >= 3, "three beats beside those that hang")
    assert hanging == [1, 1, 1]
    let_go.set()
    wait_until(lambda: min(hanging) >= 2, "the others to go on")


def test_the_thread_ends_with_the_last_beat(heartbeat: Heartbeat) -> None:
    """The heartbeat's thread runs only while a lease is held; the next lease starts it again."""
    has_beaten = Event()
    for _ in range(2):
        heartbeat.add_beat("only", has_beaten.set)
        assert has_beaten.wait(MAX_WAIT_SECONDS)
        heartbeat.remove_beat("only")
        wait_until(lambda: heartbeat._thread is None, "the thread to end")
        has_beaten.clear()


@pytest.mark.expects_log("each renewal that is left out")
def test_used_up_memory_ends_no_heartbeat(heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the memory is used up when the timer makes the thread of a beat, the lease is renewed in the next interval.
    The timer goes on: without it, no lease of this process would ever be renewed again.
    """
    failed, renewed = Event(), Event()

    class ThreadWithoutMemory(DaemonThread):
        def __init__(self, function: Callable[[], object], name: str) -> None:
            if name == "heartbeat of a lease" and not failed.is_set():
                failed.set()
                raise MemoryError
            super().__init__(function, name)

    monkeypatch.setattr("console.services.process.heartbeat.DaemonThread", ThreadWithoutMemory)
    heartbeat.add_beat("lease", renewed.set)
    assert failed.wait(MAX_WAIT_SECONDS)
    assert renewed.wait(MAX_WAIT_SECONDS)


@pytest.mark.expects_log("each renewal that is left out")
def test_a_thread_that_cannot_start_misses_one_beat_only(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the operating system starts no thread for the timer, for a beat, or for both, no exception is raised, and
    the lease is renewed as soon as threads start again. `close` works before that.
    """
    refused, renewed = Event(), Event()
    threads_allowed = 0
    start_thread = Thread.start

    def start_allowed_thread(thread: Thread) -> None:
        nonlocal threads_allowed
        if threads_allowed == 0:
            refused.set()
            raise RuntimeError("can't start new thread")
        threads_allowed -= 1
        start_thread(thread)

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", start_allowed_thread)
        heartbeat.add_beat("first", renewed.set)  # no timer
        assert refused.is_set()
        refused.clear()
        threads_allowed = 1
        heartbeat.add_beat("second", renewed.set)  # the timer, but no thread of a beat
        assert refused.wait(MAX_WAIT_SECONDS)
        assert not renewed.is_set()
        threads_allowed = 1_000
        assert renewed.wait(MAX_WAIT_SECONDS)

        threads_allowed = 0
        without_timer = Heartbeat(FAST_TIME_SCALE)
        without_timer.add_beat("only", renewed.set)
        without_timer.close()


def test_a_lease_is_kept_until_its_release(place: Place, sandbox: Sandbox) -> None:
    """A held lease is renewed beyond its own length, and is free at once after its release."""
    with place.open_desk(sandbox) as one, place.open_desk(sandbox) as other:
        context, beats = one._context, Event()
        length = context.heartbeat.scale_lease_seconds
        with hold_lease(context, "something"):
            moved = _read_lease_end(other, "something")
            wait_until(lambda: _read_lease_end(other, "something") != moved, "its end to move on")
            moved = _read_lease_end(other, "something")
            beats.wait(length)
            assert _read_lease_end(other, "something") not in (None, moved)
            in_the_way = call_for_refusal(lambda: _acquire_and_release_lease(other, "something"))
            assert (in_the_way.code, in_the_way.detail["holder"] is not None) == ("in_progress", True)
        _acquire_and_release_lease(other, "something")


def _read_lease_end(console: Console, name: str) -> object:
    """Return the time until which the lease is held; None if it is not held."""
    with console.database.read() as conn:
        holder = leases.find_holder(conn, name)
    return holder and holder.until


def _acquire_and_release_lease(console: Console, name: str) -> None:
    """Acquire the lease and release it at once."""
    with hold_lease(console._context, name):
        pass


# Each place that asks a provider under a lease


def _prepare_check(stage: SignalTestStage) -> tuple[str, Callable[[Console], object]]:
    """Prepare a credit check with an unknown outcome, and a read at AlarmBox that hangs when a person confirms the
    purchase. Return the name of its lease and the function that makes the call.
    """
    from console.domain.records import PurchaseRequest

    stage.sandbox.control.add_fault("close_after_charge", call="purchase", times=1)
    with suppress(ConsoleError):
        stage.maker.credit_checks.purchase(PurchaseRequest("1180301018771", "1"))
    (record,) = stage.maker.lookup.find_records("1180301018771").credit_checks
    stage.sandbox.control.add_fault("hang", call="detail")
    number = stage.sandbox.control.read_ledger("1180301018771")["entries"][0]["id"]
    act = lambda console: console.recovery.resolve("credit-check", record.id, "success", "seen", number)  # noqa: E731
    return make_credit_check_lease_name(record.id), act


def _prepare_refund(stage: SignalTestStage) -> tuple[str, Callable[[Console], object]]:
    """Prepare a refund with an unknown outcome whose probe hangs. Return the name of its lease and the function that
    makes the call.
    """
    payment = import_paid_payment(stage.maker, stage.sandbox, "ORD-1").id
    refund = request_refund(stage.maker, payment).id
    stage.sandbox.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    with suppress(ConsoleError):
        stage.checker.refunds.approve(refund)
    stage.sandbox.control.add_fault("hang", call="paypay_refund_details")
    return make_refund_lease_name(payment), lambda console: console.refunds.probe(refund)


def _prepare_payment(stage: SignalTestStage) -> tuple[str, Callable[[Console], object]]:
    """Prepare a payment whose probe hangs. Return the name of its lease and the function that makes the call."""
    payment = stage.maker.payments.start(insert_order(stage.place, "ORD-1", 3_300), "paypay").payment.id
    stage.sandbox.control.add_fault("hang", call="paypay_payment")
    return make_payment_lease_name(payment), lambda console: console.payments.probe(payment)


def _prepare_token(stage: SignalTestStage) -> tuple[str, Callable[[Console], object]]:
    """Prepare a purchase whose token refresh hangs. Return the name of the lease that the refresh acquires, and the
    function that makes the purchase.
    """
    from console.domain.records import PurchaseRequest

    stage.sandbox.control.add_fault("hang", call="token")
    return REFRESH_LEASE_NAME, lambda console: console.credit_checks.purchase(PurchaseRequest("1180301018771", "1"))


PREPARE_FUNCTION_BY_CALL = {
    "credit check": _prepare_check,
    "refund": _prepare_refund,
    "payment": _prepare_payment,
    "token": _prepare_token,
}


@pytest.mark.parametrize("call_name", PREPARE_FUNCTION_BY_CALL)
def test_a_lease_is_kept_while_a_provider_hangs(place: Place, call_name: str) -> None:
    """If the provider hangs for longer than a lease lasts, another process still cannot acquire the lease during the
    whole call.
    """
    with open_stage(place) as stage:
        name, act = PREPARE_FUNCTION_BY_CALL[call_name](stage)
        person = "lead-b" if call_name == "refund" else "op-a"
        with place.open_desk(stage.sandbox, person=person, **_make_unscaled_settings(stage)) as slow:
            slow._context.heartbeat.scale_lease_seconds, slow._context.heartbeat._beat_seconds = (
                LEASE_SECONDS,
                LEASE_SECONDS / 3,
            )
            asking = Thread(target=lambda: ignore_refusal(lambda: act(slow)), daemon=True)
            asking.start()
            assert stage.sandbox.control.wait_until_counts_reached(held=1)
            first = _read_lease_end(stage.maker, name)
            assert first is not None
            begun = time.monotonic()
            wait_until(lambda: time.monotonic() > begun + LEASE_SECONDS, "the lease to be over if it were not kept")
            assert _read_lease_end(stage.maker, name) not in (None, first)
            assert acquire_lease(stage.maker._context, name) is None
            stage.sandbox.control.clear_faults()
            stage.sandbox.control.release_calls()
            asking.join(MAX_WAIT_SECONDS)
        lease = acquire_lease(stage.maker._context, name)
        assert lease is not None
        with keep_lease_renewed(stage.maker._context, lease):
            pass


def _make_unscaled_settings(stage: SignalTestStage) -> dict[str, Any]:
    """Return settings without scaled waits, so that calls last much longer than the leases."""
    from tests.support.money_desks import make_provider_settings

    return {**make_provider_settings(stage.sandbox.url), "TIME_SCALE": "1"}


def ignore_refusal(act: Callable[[], object]) -> None:
    """Call `act` and ignore a refusal."""
    with suppress(ConsoleError):
        act()


def test_a_heartbeat_closed_during_its_start_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the heartbeat is closed while its thread starts, the close waits until the thread has started, because only
    then the thread can be joined.
    """
    starting, go_on = Event(), Event()

    class SlowlyStarted(DaemonThread):
        def start(self) -> None:
            starting.set()
            assert go_on.wait(MAX_WAIT_SECONDS)
            super().start()

    monkeypatch.setattr("console.services.process.heartbeat.DaemonThread", SlowlyStarted)
    heartbeat, failures = Heartbeat(FAST_TIME_SCALE), list[BaseException]()

    def close_heartbeat() -> None:
        try:
            heartbeat.close()
        except RuntimeError as failure:
            failures.append(failure)

    adding = Thread(target=heartbeat.add_beat, args=("lease", lambda: None))
    closing = Thread(target=close_heartbeat)
    adding.start()
    assert starting.wait(MAX_WAIT_SECONDS)
    closing.start()
    closing.join(0.2)  # without the lock it has failed by now
    go_on.set()
    adding.join()
    closing.join()
    assert failures == []
