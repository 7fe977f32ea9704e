"""Log events: the program writes each event at the place in the code where it happens, with a correlation id and
without data about a payer.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.domain.errors import ConsoleError
from console.domain.process.log_events import LOGGER_NAME, EventLineFormatter, LogEvent
from console.domain.records import PurchaseRequest
from console.services.monitoring.metrics import MetricFigureReader
from console.services.payments import next_work as payment_work
from console.store.operations import leases
from tests.support.desks import MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.payment_desks import PaymentDesk
from tests.support.places import Place

CORPORATION_NUMBER, OTHER_NUMBER = invent_numbers(2, seed=91)


@contextmanager
def collect_events() -> Iterator[list[dict[str, Any]]]:
    """Inside the block, collect the log events in the form in which a desk or a worker writes them; the block gets
    the list.
    """
    events: list[dict[str, Any]] = []

    class CollectingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append(json.loads(self.format(record)))

    logger, handler = logging.getLogger(LOGGER_NAME), CollectingHandler()
    handler.setFormatter(EventLineFormatter())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield events
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def select_events(events: list[dict[str, Any]], event: LogEvent) -> list[dict[str, Any]]:
    """Return the collected events of this kind."""
    return [one for one in events if one["event"] == event]


@pytest.mark.engines("sqlite")
def test_a_payment_writes_one_log_event_per_step(scene: PaymentDesk) -> None:
    """The start of a payment, its code and its notice each write one log event. The events of the start and the code
    have the same correlation id.
    """
    order = scene.insert_order("ORD-1", 3300)
    with collect_events() as events:
        payment = scene.payments.start(order, "paypay").payment
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-1"))
    (begun,), (token,) = (
        select_events(events, LogEvent.PAYMENT_INITIATED),
        select_events(events, LogEvent.TOKEN_RECEIVED),
    )
    assert (begun["payment"], begun["order"], begun["provider"]) == (payment.id, order, "paypay")
    assert (token["payment"], token["correlation"]) == (payment.id, begun["correlation"])
    (came,) = select_events(events, LogEvent.CALLBACK_RECEIVED)
    assert (came["source"], len(came["correlation"])) == ("paypay", 16)


@pytest.mark.engines("sqlite")
def test_a_notice_with_a_bad_signature_is_logged_without_its_body(scene: PaymentDesk) -> None:
    """A notice with a bad signature writes a log event with the reason of the refusal and without the notice's
    body.
    """
    post = scene.make_bank_notice("event-1", "ORD-CANARY", "4711")
    with collect_events() as events:
        for header in ("t=1,v1=" + "0" * 64, "rubbish"):
            scene.payments.receive_notice(replace(post, headers=(("X-Notice-Signature", header),)))
    reasons = [one["reason"] for one in select_events(events, LogEvent.SIGNATURE_VERIFICATION_FAILED)]
    assert reasons == ["signature", "no_signature"]
    assert "CANARY" not in json.dumps(events)
    assert select_events(events, LogEvent.CALLBACK_RECEIVED) == []


@pytest.mark.engines("sqlite")
def test_a_failed_call_logs_its_number_of_tries(scene: PaymentDesk, clock: MovedClock) -> None:
    """A poll whose calls to the provider fail writes log events with the kind of the call and the number of the
    attempt, but without the ids in the call.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.control.add_fault("status:503", call="paypay_payment", times=50)
    with collect_events() as events:
        for _ in range(3):
            clock.offset += timedelta(minutes=2)
            scene.control.change_settings(advance_seconds=120)
            scene.run_due_tasks()
    polls = [
        one
        for one in select_events(events, LogEvent.API_CALL_FAILED)
        if one.get("record", "").startswith(payment_work.POLL_REASON)
    ]
    assert len(polls) >= 2
    assert [one["retries"] for one in polls] == sorted({one["retries"] for one in polls})
    assert {(one["call"], one["status"]) for one in polls} == {("GET /v2/codes/payments/…", 503)}
    assert payment.merchant_payment_id not in json.dumps(events)


def test_duplicates_and_waits_of_all_desks_are_counted(place: Place) -> None:
    """The worker's figures count the refused duplicates and the waits for leases of all desks since the worker's
    start.
    """
    with place.desk(InMemoryAlarmBox()) as desk, place.desk(InMemoryAlarmBox(), desk=1) as worker:
        figures = MetricFigureReader(worker._context, worker._record_readers.queues, lambda: (0, 0))
        figures.read_figures()
        with collect_events() as events:
            desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
            with pytest.raises(ConsoleError, match="already_purchased"):
                desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        assert [one["code"] for one in select_events(events, LogEvent.DUPLICATE_REFUSED)] == ["already_purchased"]
        figures.read_figures()
        assert figures.count_refused_duplicates() == 1
        assert sum(figures.read_lease_wait_counts_and_seconds()[0]) == 1
        figures.read_figures()
        assert figures.count_refused_duplicates() == 1, "a row of the trail is counted once"


def test_a_wait_for_a_lease_is_logged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purchase that waited for a lease writes a log event with the name of the lease and the waiting time. A
    purchase that didn't wait writes no such event.
    """
    with place.desk(InMemoryAlarmBox(), TIME_SCALE="1") as console:
        context, name = console._context, "alarmbox_credit_check_1"
        taken = context.write(lambda tx: leases.acquire(tx, name, context.make_holder(), context.now(), 600))
        assert taken is not None
        real_sleep = context.clock.sleep

        def release_and_sleep(seconds: float) -> None:
            context.write(lambda tx: leases.release(tx.conn, taken))
            real_sleep(seconds)

        monkeypatch.setattr(context.clock, "sleep", release_and_sleep)
        with collect_events() as events:
            console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
            console.credit_checks.purchase(PurchaseRequest(OTHER_NUMBER, "1"))
        (waited,) = select_events(events, LogEvent.LEASE_WAITED)
        assert (waited["lease"], waited["free"], waited["seconds"] > 0) == (name, True, True)
