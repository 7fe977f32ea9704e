"""Tests of the sender of the outbox: each event is sent at least once, always with the same id and in the order of
its key; the sender retries for ever.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from console.domain.alerts.events import AlertMessage, AlertPublisher
from console.domain.tasks.records import ALERT_TOPIC
from console.sandbox.server import Sandbox
from console.services.alerts.outbox_sender import (
    ALERT_RULE,
    MAX_CONSECUTIVE_SEND_FAILURES,
    OTHER_PUBLISHER_PERIOD,
    OUTBOX_RETRY_WAITS,
    RETRY_JITTER_FRACTION,
    UNPUBLISHED_EVENT_ALERT_AGE,
    OutboxSender,
)
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.process.failpoints import FailpointReached, Failpoints
from console.store.alerts import alerts, outbox
from console.wiring.providers import make_alert_publisher
from tests.support.alert_receiver import SIGNATURE_KEY, AlertReceiver, receive_alerts
from tests.support.children import Child, Pipe
from tests.support.desks import MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock, open_quick_desk
from tests.support.refusals import call_for_refusal

expects_log_of_unaccepted_events = pytest.mark.expects_log("events that are not taken are told of")


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with receive_alerts() as made:
        yield made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def context(tmp_path: Path, receiver: AlertReceiver, clock: ManualClock) -> Iterator[ServiceContext]:
    """Yield the service context of a desk whose events are sent to the receiver."""
    with open_quick_desk(
        tmp_path / "desk", InMemoryAlarmBox(), clock, **make_webhook_settings(receiver.url)
    ) as console:
        yield console._context


def make_webhook_settings(url: str) -> dict[str, str]:
    """Return the settings of a desk that sends its events to this URL."""
    return {"ALERTS_WEBHOOK_URL": url, "SECRET_ALERTS_WEBHOOK_KEY": SIGNATURE_KEY, "TIME_SCALE": "1"}


def store_events(context: ServiceContext, *names: str) -> list[str]:
    """Store an event for each of these names, such as `a-1`, in the outbox; the event's key is the part of the name
    before the hyphen. Return the names.
    """
    for name in names:
        body = f'{{"event_id": "{name}"}}'
        assert context.write(
            lambda tx, name=name, body=body: outbox.add_event(  # type: ignore[misc]  # of this turn
                tx.conn, ALERT_TOPIC, name, name.split("-")[0], body, context.now()
            )
        )
    return list(names)


def make_sender(context: ServiceContext) -> OutboxSender:
    """Return a sender of the outbox that uses the publisher from the desk's settings."""
    return OutboxSender(context, lambda: make_alert_publisher(context))


def run_sender(context: ServiceContext, sender: OutboxSender | None = None) -> int:
    """Run the sender once and return the number of events that the receiver accepted. `sender` is the sender; by
    default a new one is made.
    """
    with act_as(WORKER):
        return (sender or make_sender(context)).send_due_events()


def count_waiting(context: ServiceContext) -> int:
    """Return the number of events in the outbox that the receiver hasn't accepted yet."""
    with context.database.read() as conn:
        return outbox.count_unpublished_events(conn).unpublished_count


def test_events_are_sent_signed_in_order(context: ServiceContext, receiver: AlertReceiver) -> None:
    """Each event is sent once, with a signature, and after the earlier events of the same key."""
    names = store_events(context, "a-1", "b-1", "a-2", "a-3", "b-2")
    assert run_sender(context) == len(names)
    assert sorted(receiver.event_ids) == sorted(names)
    assert [name for name in receiver.event_ids if name[0] == "a"] == ["a-1", "a-2", "a-3"]
    assert [name for name in receiver.event_ids if name[0] == "b"] == ["b-1", "b-2"]
    assert receiver.signed == [True] * len(names)
    assert (run_sender(context), count_waiting(context)) == (0, 0)


@pytest.mark.expects_log("an event that can't be sent is logged")
def test_an_event_that_breaks_the_publisher_holds_up_no_other(
    context: ServiceContext, receiver: AlertReceiver, clock: ManualClock
) -> None:
    """The publisher raises an unexpected exception for the oldest event: the events of other keys are sent in the
    same run, and the event itself is sent after its wait, when the publisher can send it.
    """
    store_events(context, "a-1", "b-1")
    working_publisher = make_alert_publisher(context)

    class BreakingPublisher(AlertPublisher):
        def publish(self, message: AlertMessage) -> str | None:
            if message.event_id == "a-1":
                raise ValueError("can't be sent")
            assert working_publisher is not None
            return working_publisher.publish(message)

        def close(self) -> None:
            pass

    assert run_sender(context, OutboxSender(context, BreakingPublisher)) == 1
    assert (receiver.event_ids, count_waiting(context)) == (["b-1"], 1)
    clock.sleep(OUTBOX_RETRY_WAITS[0].total_seconds() * (1 + RETRY_JITTER_FRACTION))
    assert (run_sender(context), receiver.event_ids) == (1, ["b-1", "a-1"])


@expects_log_of_unaccepted_events
@pytest.mark.parametrize("status", [301, 302, 400, 404, 410, 500, 503])
def test_an_event_that_was_not_accepted_is_sent_again(
    context: ServiceContext, receiver: AlertReceiver, clock: ManualClock, status: int
) -> None:
    """An event that the receiver answers with an error or a redirect is sent again after a wait. Later events of the
    same key wait for it, events of other keys don't. The sender follows no redirect.
    """
    store_events(context, "a-1", "a-2", "b-1")
    receiver.answers = lambda event, nth: status if event["event_id"] == "a-1" and nth < 3 else 200
    assert run_sender(context) == 1
    assert receiver.event_ids == ["a-1", "b-1"]
    assert set(receiver.paths) == {"/alerts"}
    clock.at += OUTBOX_RETRY_WAITS[0] * (1 + RETRY_JITTER_FRACTION)
    assert run_sender(context) == 2
    assert receiver.event_ids == ["a-1", "b-1", "a-1", "a-2"]


@expects_log_of_unaccepted_events
def test_publication_attempts_become_rare_and_never_end(
    context: ServiceContext, receiver: AlertReceiver, clock: ManualClock
) -> None:
    """The wait after each attempt to send an event is the planned one within its jitter, and the 31st attempt still
    sends the event.
    """
    store_events(context, "a-1")
    receiver.answers = lambda _event, _nth: 500
    for attempt in range(30):
        assert run_sender(context) == 0
        assert len(receiver.events) == attempt + 1
        with context.database.read() as conn:
            event = outbox.find(conn, "a-1")
        assert event is not None
        assert (event.attempts, event.last_error) == (attempt + 1, "status_500")
        step = OUTBOX_RETRY_WAITS[min(attempt, len(OUTBOX_RETRY_WAITS) - 1)]
        assert step * (1 - RETRY_JITTER_FRACTION) <= event.next_at - clock.now() <= step * (1 + RETRY_JITTER_FRACTION)
        clock.at = event.next_at
    receiver.answers = lambda _event, _nth: 200
    assert (run_sender(context), count_waiting(context)) == (1, 0)


@expects_log_of_unaccepted_events
def test_an_unreachable_receiver_is_not_called_for_a_while(context: ServiceContext, receiver: AlertReceiver) -> None:
    """After MAX_CONSECUTIVE_SEND_FAILURES failures in a row the sender's run stops and sends no other event."""
    store_events(context, *(f"{key}-1" for key in "abcdefgh"))
    receiver.answers = lambda _event, _nth: 503
    assert run_sender(context) == 0
    assert len(receiver.events) == MAX_CONSECUTIVE_SEND_FAILURES


@expects_log_of_unaccepted_events
def test_a_long_wait_of_the_outbox_raises_one_alert(
    context: ServiceContext, receiver: AlertReceiver, clock: ManualClock
) -> None:
    """One alert is raised while the oldest event waits too long. The alert closes when the receiver has accepted the
    event.
    """
    store_events(context, "a-1")
    receiver.answers = lambda _event, _nth: 503
    run_sender(context)
    assert list_late_alerts(context) == []
    clock.at += UNPUBLISHED_EVENT_ALERT_AGE + timedelta(seconds=1)
    for _ in range(2):
        run_sender(context)
        clock.at += 2 * OUTBOX_RETRY_WAITS[-1]
    (observed,) = list_late_alerts(context)
    assert observed.startswith("1 since ")
    receiver.answers = lambda _event, _nth: 200
    run_sender(context)
    assert list_late_alerts(context) == []


@expects_log_of_unaccepted_events
def test_the_alert_closes_when_the_publisher_is_removed(
    tmp_path: Path, receiver: AlertReceiver, clock: ManualClock
) -> None:
    """The alert about waiting events closes when the setting of the webhook has been removed."""
    receiver.answers = lambda _event, _nth: 503
    settings = make_webhook_settings(receiver.url)
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), clock, **settings) as console:
        store_events(console._context, "a-1")
        clock.at += 2 * UNPUBLISHED_EVENT_ALERT_AGE
        run_sender(console._context)
        assert len(list_late_alerts(console._context)) == 1
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), clock) as console:
        run_sender(console._context)
        assert (count_waiting(console._context), list_late_alerts(console._context)) == (1, [])


@expects_log_of_unaccepted_events
@pytest.mark.engines("mariadb")
def test_a_worker_without_a_publisher_leaves_the_alert_of_another_worker(
    place: Place, sandbox: Sandbox, receiver: AlertReceiver
) -> None:
    """Of two workers of a team, only one has the setting of a webhook; the receiver accepts no event. The alert
    about waiting events stays open, also after the task of the worker without the setting has run. The alert
    closes when the worker with the setting has made no attempt to send for a long time.
    """
    receiver.answers, clock = lambda _event, _nth: 503, MovedClock()
    settings = make_webhook_settings(receiver.url)
    with (
        place.open_desk(sandbox, clock, person="worker", desk=0, **settings) as first,
        place.open_desk(sandbox, clock, person="worker", desk=1, TIME_SCALE="1") as second,
    ):
        store_events(first._context, "a-1")
        clock.offset += 2 * UNPUBLISHED_EVENT_ALERT_AGE
        for console in (first, second, second):
            run_sender(console._context)
            assert len(list_late_alerts(second._context)) == 1
        clock.offset += OTHER_PUBLISHER_PERIOD + 2 * OUTBOX_RETRY_WAITS[0]
        run_sender(second._context)
        assert list_late_alerts(second._context) == []


def list_late_alerts(context: ServiceContext) -> list[str]:
    """Return the texts of the open alerts about events that wait too long."""
    with context.database.read() as conn:
        return [alert.observed for alert in alerts.list_open_alerts_of_rule(conn, ALERT_RULE, 10)]


@pytest.mark.parametrize(("step", "first_run_count"), [("before_publish", 0), ("after_publish", 1)])
def test_an_interrupted_event_is_sent_again_with_its_id(
    context: ServiceContext, receiver: AlertReceiver, step: str, first_run_count: int
) -> None:
    """If a run is stopped before or after it sends an event, the next run sends the event with the same id, so that
    the receiver can detect a second copy.
    """
    store_events(context, "a-1", "a-2")
    context.failpoints = Failpoints((step, 1, "raise"))
    with pytest.raises(FailpointReached):
        run_sender(context)
    assert (receiver.event_ids, count_waiting(context)) == (["a-1"] * first_run_count, 2)
    assert run_sender(context) == 2
    assert receiver.event_ids == ["a-1"] * first_run_count + ["a-1", "a-2"]


def publish_in_child(pipe: Pipe, home: Path, url: str, failpoint: str) -> None:
    """Send the due events in a child process, which its failpoint kills."""
    with (
        open_quick_desk(home, InMemoryAlarmBox(), None, FAILPOINT=failpoint, **make_webhook_settings(url)) as console,
        act_as(WORKER),
    ):
        pipe.send("open")
        make_sender(console._context).send_due_events()


def test_an_event_sent_before_a_kill_is_sent_again(tmp_path: Path, receiver: AlertReceiver) -> None:
    """A process is killed after it has sent an event and before it has stored that the event was sent. The next run
    sends the same event with the same id, and then the next event.
    """
    home = tmp_path / "desk"
    with open_quick_desk(home, InMemoryAlarmBox(), None, **make_webhook_settings(receiver.url)) as console:
        store_events(console._context, "a-1", "a-2")
        child = Child(publish_in_child, home, receiver.url, "after_publish:1:kill")
        try:
            assert (child.wait_for_report(), child.wait_for_end()) == ("open", -9)
        finally:
            child.kill()
        assert (receiver.event_ids, count_waiting(console._context)) == (["a-1"], 2)
        assert run_sender(console._context) == 2
    assert receiver.event_ids == ["a-1", "a-1", "a-2"]


def test_two_workers_publish_each_event(context: ServiceContext, receiver: AlertReceiver) -> None:
    """If two workers send the same outbox at once, each event arrives, and the first copies of the events of a key
    arrive in their order.
    """
    names = store_events(context, *(f"{key}-{number}" for number in range(1, 6) for key in "abc"))
    start = Barrier(2)

    def run_at_start() -> None:
        start.wait()
        run_sender(context)

    threads = [Thread(target=run_at_start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = list(dict.fromkeys(receiver.event_ids))
    assert sorted(first) == sorted(names)
    for key in "abc":
        assert [name for name in first if name[0] == key] == [f"{key}-{number}" for number in range(1, 6)]
    assert count_waiting(context) == 0


def test_events_without_a_receiver_wait(tmp_path: Path, clock: ManualClock) -> None:
    """If no receiver is configured, the events wait and no alert about waiting events is raised."""
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), clock) as console:
        store_events(console._context, "a-1")
        clock.at += 2 * UNPUBLISHED_EVENT_ALERT_AGE
        assert (
            run_sender(console._context),
            count_waiting(console._context),
            list_late_alerts(console._context),
        ) == (
            0,
            1,
            [],
        )


@pytest.mark.parametrize(("key", "problem"), [("", "missing"), ("short", "token_short")])
def test_no_event_is_sent_without_a_signing_key(
    tmp_path: Path, receiver: AlertReceiver, key: str, problem: str
) -> None:
    """Without a usable signing key, the sender sends no event. The error states the problem of the key, and the
    check `publishing` of the command `doctor` fails.
    """
    extra = make_webhook_settings(receiver.url) | {"SECRET_ALERTS_WEBHOOK_KEY": key}
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), None, **extra) as console:
        store_events(console._context, "a-1")
        refused = call_for_refusal(run_sender, console._context)
        assert (refused.code, refused.detail["problem"]) == ("bad_profile", problem)
        check = next(one for one in console.health.run_all_checks() if one.name == "publishing")
        assert not check.ok
    assert receiver.events == []


def test_the_publisher_is_opened_once(context: ServiceContext) -> None:
    """The sender opens its publisher once for several runs, so that the HTTP client's connections are reused."""
    opened: list[str] = []

    class RecordingPublisher:
        def publish(self, message: AlertMessage) -> str | None:
            opened.append(message.event_id)
            return None

        def close(self) -> None:
            opened.append("closed")

    def open_recording_publisher() -> AlertPublisher:
        opened.append("opened")
        return RecordingPublisher()

    made = OutboxSender(context, open_recording_publisher)
    store_events(context, "a-1")
    run_sender(context, made)
    store_events(context, "a-2")
    run_sender(context, made)
    assert opened == ["opened", "a-1", "a-2"]
