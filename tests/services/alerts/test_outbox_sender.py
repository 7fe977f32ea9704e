"""Each event in the outbox is sent at least once, with one id, in order; the sender never gives up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from console.domain.alerts.events import AlertMessage, AlertPublisher
from console.domain.tasks.records import ALERT_TOPIC
from console.services.alerts.outbox_sender import (
    ALERT_RULE,
    MAX_CONSECUTIVE_SEND_FAILURES,
    OUTBOX_RETRY_WAITS,
    RETRY_JITTER_FRACTION,
    UNPUBLISHED_ALERT_AGE,
    OutboxSender,
)
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.process.failpoints import FailpointReached, Failpoints
from console.store.alerts import alerts, outbox
from console.wiring.providers import open_publisher
from tests.support.alert_receiver import KEY, Receiver, receiving
from tests.support.children import Child, Pipe
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import HandClock, quick_desk
from tests.support.refusals import refusal

WARNED = pytest.mark.expects_log("events that are not taken are told of")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def context(tmp_path: Path, receiver: Receiver, clock: HandClock) -> Iterator[ServiceContext]:
    with quick_desk(tmp_path / "desk", LedgerVendor(), clock, **told(receiver.url)) as console:
        yield console._context


def told(url: str) -> dict[str, str]:
    return {"ALERTS_WEBHOOK_URL": url, "SECRET_ALERTS_WEBHOOK_KEY": KEY, "TIME_SCALE": "1"}


def put(context: ServiceContext, *names: str) -> list[str]:
    """Events `key-number`, oldest first."""
    for name in names:
        body = f'{{"event_id": "{name}"}}'
        assert context.write(
            lambda tx, name=name, body=body: outbox.add_event(  # type: ignore[misc]  # of this turn
                tx.conn, ALERT_TOPIC, name, name.split("-")[0], body, context.now()
            )
        )
    return list(names)


def publishing(context: ServiceContext) -> OutboxSender:
    return OutboxSender(context, lambda: open_publisher(context))


def run(context: ServiceContext, made: OutboxSender | None = None) -> int:
    with act_as(WORKER):
        return (made or publishing(context)).send_due_events()


def waiting(context: ServiceContext) -> int:
    with context.database.read() as conn:
        return outbox.count_unpublished_events(conn).unpublished_count


def test_events_are_told_signed_and_in_order(context: ServiceContext, receiver: Receiver) -> None:
    """Each once, those of one key as they were written; the body as it stands, the signature over time and body."""
    names = put(context, "a-1", "b-1", "a-2", "a-3", "b-2")
    assert run(context) == len(names)
    assert sorted(receiver.ids) == sorted(names)
    assert [name for name in receiver.ids if name[0] == "a"] == ["a-1", "a-2", "a-3"]
    assert [name for name in receiver.ids if name[0] == "b"] == ["b-1", "b-2"]
    assert receiver.signed == [True] * len(names)
    assert (run(context), waiting(context)) == (0, 0)


@WARNED
@pytest.mark.parametrize("status", [301, 302, 400, 404, 410, 500, 503])
def test_whatever_is_not_taken_comes_again(
    context: ServiceContext, receiver: Receiver, clock: HandClock, status: int
) -> None:
    """Not at once but later; a redirect is not followed; what follows it waits, what belongs to others does not."""
    put(context, "a-1", "a-2", "b-1")
    receiver.answers = lambda event, nth: status if event["event_id"] == "a-1" and nth < 3 else 200
    assert run(context) == 1
    assert receiver.ids == ["a-1", "b-1"]
    assert set(receiver.asked) == {"/alerts"}
    clock.at += OUTBOX_RETRY_WAITS[0] * (1 + RETRY_JITTER_FRACTION)
    assert run(context) == 2
    assert receiver.ids == ["a-1", "b-1", "a-1", "a-2"]


@WARNED
def test_attempts_become_rare_and_never_end(context: ServiceContext, receiver: Receiver, clock: HandClock) -> None:
    """Each wait is as long as planned, give or take its jitter; after a week it is still tried."""
    put(context, "a-1")
    receiver.answers = lambda _event, _nth: 500
    for attempt in range(30):
        assert run(context) == 0
        assert len(receiver.got) == attempt + 1
        with context.database.read() as conn:
            event = outbox.find(conn, "a-1")
        assert event is not None
        assert (event.attempts, event.last_error) == (attempt + 1, "status_500")
        step = OUTBOX_RETRY_WAITS[min(attempt, len(OUTBOX_RETRY_WAITS) - 1)]
        assert step * (1 - RETRY_JITTER_FRACTION) <= event.next_at - clock.now() <= step * (1 + RETRY_JITTER_FRACTION)
        clock.at = event.next_at
    receiver.answers = lambda _event, _nth: 200
    assert (run(context), waiting(context)) == (1, 0)


@WARNED
def test_a_receiver_that_is_down_is_left_alone(context: ServiceContext, receiver: Receiver) -> None:
    """After a few in a row the others wait for the next run."""
    put(context, *(f"{key}-1" for key in "abcdefgh"))
    receiver.answers = lambda _event, _nth: 503
    assert run(context) == 0
    assert len(receiver.got) == MAX_CONSECUTIVE_SEND_FAILURES


@WARNED
def test_people_are_told_when_it_takes_long(context: ServiceContext, receiver: Receiver, clock: HandClock) -> None:
    """One alert while the oldest waits too long, which ends when it was taken."""
    put(context, "a-1")
    receiver.answers = lambda _event, _nth: 503
    run(context)
    assert late(context) == []
    clock.at += UNPUBLISHED_ALERT_AGE + timedelta(seconds=1)
    for _ in range(2):
        run(context)
        clock.at += 2 * OUTBOX_RETRY_WAITS[-1]
    (observed,) = late(context)
    assert observed.startswith("1 since ")
    receiver.answers = lambda _event, _nth: 200
    run(context)
    assert late(context) == []


def late(context: ServiceContext) -> list[str]:
    with context.database.read() as conn:
        return [alert.observed for alert in alerts.list_open_alerts_of_rule(conn, ALERT_RULE, 10)]


@pytest.mark.parametrize(("step", "sent"), [("before_publish", 0), ("after_publish", 1)])
def test_broken_off_in_between_it_is_told_again_with_the_same_id(
    context: ServiceContext, receiver: Receiver, step: str, sent: int
) -> None:
    """Never lost; told twice at most, and whoever is told can see that."""
    put(context, "a-1", "a-2")
    context.failpoints = Failpoints((step, 1, "raise"))
    with pytest.raises(FailpointReached):
        run(context)
    assert (receiver.ids, waiting(context)) == (["a-1"] * sent, 2)
    assert run(context) == 2
    assert receiver.ids == ["a-1"] * sent + ["a-1", "a-2"]


def publish(pipe: Pipe, home: Path, url: str, failpoint: str) -> None:
    """A worker of its own, for a kill."""
    with quick_desk(home, LedgerVendor(), None, FAILPOINT=failpoint, **told(url)) as console, act_as(WORKER):
        pipe.send("open")
        publishing(console._context).send_due_events()


def test_killed_between_sending_and_writing_it_down(tmp_path: Path, receiver: Receiver) -> None:
    """kill -9: the next process sends the same event with the same id, and then goes on."""
    home = tmp_path / "desk"
    with quick_desk(home, LedgerVendor(), None, **told(receiver.url)) as console:
        put(console._context, "a-1", "a-2")
        child = Child(publish, home, receiver.url, "after_publish:1:kill")
        try:
            assert (child.report(), child.ended()) == ("open", -9)
        finally:
            child.kill()
        assert (receiver.ids, waiting(console._context)) == (["a-1"], 2)
        assert run(console._context) == 2
    assert receiver.ids == ["a-1", "a-1", "a-2"]


def test_two_workers_at_once(context: ServiceContext, receiver: Receiver) -> None:
    """Each event is told, with one id, and its first telling keeps its place among those of its key."""
    names = put(context, *(f"{key}-{number}" for number in range(1, 6) for key in "abc"))
    start = Barrier(2)

    def work() -> None:
        start.wait()
        run(context)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = list(dict.fromkeys(receiver.ids))
    assert sorted(first) == sorted(names)
    for key in "abc":
        assert [name for name in first if name[0] == key] == [f"{key}-{number}" for number in range(1, 6)]
    assert waiting(context) == 0


def test_without_a_receiver_events_wait(tmp_path: Path, clock: HandClock) -> None:
    """Nobody is told, nothing is lost, and no alert is raised of that."""
    with quick_desk(tmp_path / "desk", LedgerVendor(), clock) as console:
        put(console._context, "a-1")
        clock.at += 2 * UNPUBLISHED_ALERT_AGE
        assert (run(console._context), waiting(console._context), late(console._context)) == (0, 1, [])


@pytest.mark.parametrize(("key", "problem"), [("", "missing"), ("short", "token_short")])
def test_nothing_is_sent_without_a_key(tmp_path: Path, receiver: Receiver, key: str, problem: str) -> None:
    """The missing setting is named before anything is sent; the command `doctor` names it too."""
    extra = told(receiver.url) | {"SECRET_ALERTS_WEBHOOK_KEY": key}
    with quick_desk(tmp_path / "desk", LedgerVendor(), None, **extra) as console:
        put(console._context, "a-1")
        refused = refusal(run, console._context)
        assert (refused.code, refused.detail["problem"]) == ("bad_profile", problem)
        check = next(one for one in console.health.run_all_checks() if one.name == "publishing")
        assert not check.ok
    assert receiver.got == []


def test_the_publisher_is_opened_once(context: ServiceContext) -> None:
    """A client that keeps connections is kept."""
    opened: list[str] = []

    class Kept:
        def publish(self, message: AlertMessage) -> str | None:
            opened.append(message.event_id)
            return None

        def close(self) -> None:
            opened.append("closed")

    def open_it() -> AlertPublisher:
        opened.append("opened")
        return Kept()

    made = OutboxSender(context, open_it)
    put(context, "a-1")
    run(context, made)
    put(context, "a-2")
    run(context, made)
    assert opened == ["opened", "a-1", "a-2"]
