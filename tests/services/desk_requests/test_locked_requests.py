"""Rows that a person locks in an open transaction delay no other person's requests."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from console.app import Console
from console.domain.desk_requests.records import DeskRequestState, make_request_id
from console.sandbox.server import Sandbox
from console.services.desk_requests.locked_requests import PASS_OVER_AFTER_SECONDS, LockedRequests
from console.store.database import server
from console.store.desk_requests import requests
from console.store.desk_requests.requests import LockedIds
from console.worker.request_threads import REQUEST_THREAD_COUNT
from tests.services.desk_requests.test_execution import ask, state, take
from tests.services.desk_requests.test_lock_holders import as_possible, buys, connect, watching
from tests.support.asking import ask_only, executing
from tests.support.invented import numbers
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.waiting import until

WITHDRAWS = (
    "INSERT INTO requests (id, action, args, subject_kind, subject_id)"
    " VALUES ('{withdrawal}', 'withdraw', '[]', 'request', '{request}')"
)
"""A person withdraws an own request, and does not commit: then nobody knows if it may be taken."""
LOCKS = "SELECT COUNT(*) FROM own_requests WHERE id = '{request}' FOR UPDATE"
"""A person locks an own request."""


@pytest.fixture
def people(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console]]:
    """The desk of op-a and a worker, at one node, because a node knows no locks of another one."""
    ask_only(place, "op-a", "lead-b")
    with (
        place.opened(sandbox, desk=1) as desk,
        place.opened(sandbox, person="worker", desk=1) as worker,
    ):
        yield desk, worker


@contextmanager
def open_transaction(place: Place, statement: str, *requests: str) -> Iterator[Any]:
    """op-a says this about each request in one open transaction, without time limits."""
    with closing(connect(place, "op-a", 1)) as line, line.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute("BEGIN")
        for request in requests:
            cursor.execute(as_possible(place, statement).format(request=request, withdrawal=make_request_id()))
        yield line


each_lock = pytest.mark.parametrize("statement", [WITHDRAWS, LOCKS], ids=["withdraws", "locks"])


@pytest.fixture
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits for a lock does so for longer than a request lives, so it is no help that waits end."""
    usual, long = f"innodb_lock_wait_timeout = {server.LOCK_WAIT_SECONDS}", "innodb_lock_wait_timeout = 600"
    settings = tuple(statement.replace(usual, long) for statement in server._SESSION_SETTINGS)
    assert settings != server._SESSION_SETTINGS
    monkeypatch.setattr(server, "_SESSION_SETTINGS", settings)
    monkeypatch.setattr(server, "_SET_LOCK_WAIT_SQL", server._SET_LOCK_WAIT_SQL.replace(usual, long))


@each_lock
@pytest.mark.usefixtures("long_waits")
def test_an_open_transaction_holds_up_nobody_else(
    place: Place, sandbox: Sandbox, people: tuple[Console, Console], statement: str
) -> None:
    """Nobody ends it, and it is about more requests than a worker has threads: lead-b's purchase is done meanwhile,
    and so is lead-b's request about a record about which op-a has asked before."""
    desk, worker = people
    (number,) = numbers(1, seed=111)
    requests = [ask(desk, subject=str(count)) for count in range(REQUEST_THREAD_COUNT + 2)]
    with open_transaction(place, statement, *requests) as line:
        with executing(worker), place.opened(sandbox, person="lead-b", desk=1) as other:
            try:
                buys(place, sandbox, number)
                about_the_same = ask(other, subject="1")
                until(lambda: state(other, about_the_same) is DeskRequestState.ENDED, "the end of the other request")
                states = [state(desk, request) for request in requests]
            finally:
                line.commit()  # the worker can end only without the thread that waits
        assert states == [DeskRequestState.WAITING] * len(requests)


@each_lock
def test_who_locks_an_own_request_is_ended(place: Place, people: tuple[Console, Console], statement: str) -> None:
    """The worker waits for it with one thread: so the session is found. Then the request is executed."""
    desk, worker = people
    requests = [ask(desk, subject=str(count)) for count in range(2)]
    with open_transaction(place, statement, *requests), watching(worker):
        for request in requests:
            until(lambda: state(desk, request) is DeskRequestState.ENDED, "the end of the request")  # noqa: B023
    ((count,),) = place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'lock_holder.ended'")
    assert count


def test_what_lapsed_and_is_locked_holds_up_nobody(
    place: Place, sandbox: Sandbox, people: tuple[Console, Console]
) -> None:
    """A worker marks it as lapsed once nobody locks it."""
    desk, worker = people
    (number,) = numbers(1, seed=112)
    request = ask(desk)
    place.sql("UPDATE requests SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    with executing(worker):
        with open_transaction(place, LOCKS, request) as line:
            buys(place, sandbox, number)
            line.commit()
        until(lambda: place.sql(f"SELECT state FROM requests WHERE id = '{request}'") == [("lapsed",)], "its end")


@pytest.mark.usefixtures("long_waits")
def test_a_step_of_a_locked_request_stops_no_worker(
    place: Place, sandbox: Sandbox, people: tuple[Console, Console]
) -> None:
    """The thread that looks for everybody's requests stores how far commands are, and doesn't wait for the locks. The
    server ends each wait after ten seconds."""
    desk, worker = people
    (number,) = numbers(1, seed=113)
    for count in range(20):
        ask(desk, subject=str(count))
    running = [taken for _ in range(20) if (taken := take(worker, 600)) is not None]
    with open_transaction(place, LOCKS, *(taken.id for taken in running)) as line:
        for taken in running:
            worker.desk_requests._remember_latest_step(taken, "asking")
        with executing(worker):
            try:
                buys(place, sandbox, number)
            finally:
                line.commit()


@pytest.mark.usefixtures("long_waits")
def test_a_locked_request_of_an_ended_worker_stops_no_other_worker(
    place: Place, sandbox: Sandbox, people: tuple[Console, Console]
) -> None:
    """The same thread gives free the requests of a worker that has ended; a locked one later."""
    desk, worker = people
    requests_of_desk = [ask(desk, subject=str(count)) for count in range(2)]
    with place.opened(sandbox, person="worker", desk=1) as ended:
        ended.desk_requests.announce_presence()
        holder = ended.desk_requests._make_holder()
        for _ in requests_of_desk:
            assert ended._context.write(lambda tx: requests.take_next_request(tx, holder, 600))
    with open_transaction(place, LOCKS, requests_of_desk[0]) as line, executing(worker):
        try:
            until(lambda: state(desk, requests_of_desk[1]) is DeskRequestState.ENDED, "the end of the other request")
            assert state(desk, requests_of_desk[0]) is DeskRequestState.TAKEN
            buys(place, sandbox, numbers(1, seed=114)[0])
        finally:
            line.commit()
        until(lambda: state(desk, requests_of_desk[0]) is DeskRequestState.ENDED, "the end of the locked request")


def test_people_take_turns_in_the_wait_for_locks() -> None:
    """Nobody's request waits for all locked requests of another person; at first it keeps its place."""
    clock = HandClock()
    locked = LockedRequests(clock)
    for request, person in (("a1", "op-a"), ("a2", "op-a"), ("b1", "op-b")):
        locked.add(request, person)
    assert locked.ids == LockedIds(frozenset({"a1", "a2", "b1"}), frozenset())
    assert [locked.choose_next() for _ in range(4)] == ["a1", "b1", "a1", "b1"]
    clock.sleep(PASS_OVER_AFTER_SECONDS)
    locked.remove("a1")
    assert locked.ids.passed_over_ids == {"a2", "b1"}
    assert locked.choose_next() == "a2"
