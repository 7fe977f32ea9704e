"""Tests that requests which one person locks in an open transaction do not delay the requests of other people."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from console.app import Console
from console.domain.desk_requests.records import DeskRequestState, make_request_id
from console.sandbox.server import Sandbox
from console.services.desk_requests.locked_requests import SKIP_LOCKED_REQUEST_AFTER_SECONDS, LockedRequests
from console.store.database import server
from console.store.desk_requests import requests
from console.store.desk_requests.requests import LockedIds
from console.worker.request_threads import REQUEST_THREAD_COUNT
from tests.services.desk_requests.test_execution import read_request_state, store_request, take_next_request
from tests.services.desk_requests.test_lock_holders import (
    buy_as_lead,
    execute_requests_and_end_lock_holders,
    make_locking_statement_for_reader,
    open_connection,
)
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode
from tests.support.waiting import wait_until

INSERT_WITHDRAWAL_SQL = (
    "INSERT INTO requests (id, action, args, subject_kind, subject_id)"
    " VALUES ('{withdrawal}', 'withdraw', '[]', 'request', '{request}')"
)
"""A statement by which a person withdraws their own request. Until its transaction ends, nobody knows if a worker may
take the request.
"""
LOCK_REQUEST_SQL = "SELECT COUNT(*) FROM own_requests WHERE id = '{request}' FOR UPDATE"
"""A statement by which a person locks their own request."""


@pytest.fixture
def desk_and_worker(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console]]:
    """Yield the desk of op-a and a worker. On a cluster they use the same node, because a node does not see the locks
    of another node.
    """
    start_team_mode(place, "op-a", "lead-b")
    with (
        place.open_desk(sandbox, desk=1) as desk,
        place.open_desk(sandbox, person="worker", desk=1) as worker,
    ):
        yield desk, worker


@contextmanager
def open_locking_transaction(place: Place, statement: str, *requests: str) -> Iterator[Any]:
    """Inside the block op-a has one open transaction without time limits, which has executed the statement once for
    each request. The block gets the connection.
    """
    with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute("BEGIN")
        for request in requests:
            locking_statement = make_locking_statement_for_reader(place, statement)
            cursor.execute(locking_statement.format(request=request, withdrawal=make_request_id()))
        yield connection


with_each_locking_statement = pytest.mark.parametrize(
    "statement", [INSERT_WITHDRAWAL_SQL, LOCK_REQUEST_SQL], ids=["withdraws", "locks"]
)


@pytest.fixture
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database lets a thread wait for a lock for longer than a request may wait for a worker, so no wait for a
    lock ends during the test.
    """
    usual, long = f"innodb_lock_wait_timeout = {server.LOCK_WAIT_SECONDS}", "innodb_lock_wait_timeout = 600"
    settings = tuple(statement.replace(usual, long) for statement in server._SESSION_SETTINGS)
    assert settings != server._SESSION_SETTINGS
    monkeypatch.setattr(server, "_SESSION_SETTINGS", settings)
    monkeypatch.setattr(server, "_SET_LOCK_WAIT_SQL", server._SET_LOCK_WAIT_SQL.replace(usual, long))


@with_each_locking_statement
@pytest.mark.usefixtures("long_waits")
def test_an_open_transaction_delays_no_other_persons_requests(
    place: Place, sandbox: Sandbox, desk_and_worker: tuple[Console, Console], statement: str
) -> None:
    """Although op-a locks more requests than a worker has threads, the worker executes lead-b's purchase. It also
    executes lead-b's request about a record that a locked request of op-a is about.
    """
    desk, worker = desk_and_worker
    (number,) = invent_numbers(1, seed=111)
    requests = [store_request(desk, subject=str(count)) for count in range(REQUEST_THREAD_COUNT + 2)]
    with open_locking_transaction(place, statement, *requests) as connection:
        with keep_executing_desk_requests(worker), place.open_desk(sandbox, person="lead-b", desk=1) as other:
            try:
                buy_as_lead(place, sandbox, number)
                about_the_same = store_request(other, subject="1")
                wait_until(
                    lambda: read_request_state(other, about_the_same) is DeskRequestState.ENDED,
                    "the end of the other request",
                )
                states = [read_request_state(desk, request) for request in requests]
            finally:
                connection.commit()  # the worker can end only without the thread that waits
        assert states == [DeskRequestState.WAITING] * len(requests)


@with_each_locking_statement
def test_the_session_that_locks_an_own_request_is_ended(
    place: Place, desk_and_worker: tuple[Console, Console], statement: str
) -> None:
    """A person's open session locks the person's own request, and a worker's thread waits for this request: the
    worker finds and ends the blocking session, and then executes the request.
    """
    desk, worker = desk_and_worker
    requests = [store_request(desk, subject=str(count)) for count in range(2)]
    with open_locking_transaction(place, statement, *requests), execute_requests_and_end_lock_holders(worker):
        for request in requests:
            wait_until(lambda: read_request_state(desk, request) is DeskRequestState.ENDED, "the end of the request")  # noqa: B023
    ((count,),) = place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'lock_holder.ended'")
    assert count


def test_a_locked_lapsed_request_delays_no_other_request(
    place: Place, sandbox: Sandbox, desk_and_worker: tuple[Console, Console]
) -> None:
    """If a lapsed request is locked, the worker executes other requests, and marks the lapsed request after its lock
    has ended.
    """
    desk, worker = desk_and_worker
    (number,) = invent_numbers(1, seed=112)
    request = store_request(desk)
    place.sql("UPDATE requests SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    with keep_executing_desk_requests(worker):
        with open_locking_transaction(place, LOCK_REQUEST_SQL, request) as connection:
            buy_as_lead(place, sandbox, number)
            connection.commit()
        wait_until(
            lambda: place.sql(f"SELECT state FROM requests WHERE id = '{request}'") == [("lapsed",)], "its end"
        )


@pytest.mark.usefixtures("long_waits")
def test_progress_steps_of_locked_requests_do_not_block_the_worker(
    place: Place, sandbox: Sandbox, desk_and_worker: tuple[Console, Console]
) -> None:
    """The worker's thread that finds requests also stores the progress steps of running requests. The thread doesn't
    wait for locked requests, so another person's purchase is executed.
    """
    desk, worker = desk_and_worker
    (number,) = invent_numbers(1, seed=113)
    for count in range(20):
        store_request(desk, subject=str(count))
    running = [taken for _ in range(20) if (taken := take_next_request(worker, 600)) is not None]
    with open_locking_transaction(place, LOCK_REQUEST_SQL, *(taken.id for taken in running)) as connection:
        for taken in running:
            worker.desk_request_executor._remember_latest_step(taken, "asking")
        with keep_executing_desk_requests(worker):
            try:
                buy_as_lead(place, sandbox, number)
            finally:
                connection.commit()


@pytest.mark.usefixtures("long_waits")
def test_a_locked_request_of_an_ended_worker_stops_no_other_worker(
    place: Place, sandbox: Sandbox, desk_and_worker: tuple[Console, Console]
) -> None:
    """The worker's thread that finds requests also releases the requests of an ended worker. It releases a locked
    request later, and the other requests are executed meanwhile.
    """
    desk, worker = desk_and_worker
    requests_of_desk = [store_request(desk, subject=str(count)) for count in range(2)]
    with place.open_desk(sandbox, person="worker", desk=1) as ended:
        ended.desk_request_executor.announce_presence()
        holder = ended.desk_request_executor._make_holder()
        for _ in requests_of_desk:
            assert ended._context.write(lambda tx: requests.take_next_request(tx, holder, 600))
    with (
        open_locking_transaction(place, LOCK_REQUEST_SQL, requests_of_desk[0]) as connection,
        keep_executing_desk_requests(worker),
    ):
        try:
            wait_until(
                lambda: read_request_state(desk, requests_of_desk[1]) is DeskRequestState.ENDED,
                "the end of the other request",
            )
            assert read_request_state(desk, requests_of_desk[0]) is DeskRequestState.TAKEN
            buy_as_lead(place, sandbox, invent_numbers(1, seed=114)[0])
        finally:
            connection.commit()
        wait_until(
            lambda: read_request_state(desk, requests_of_desk[0]) is DeskRequestState.ENDED,
            "the end of the locked request",
        )


def test_people_take_turns_in_the_wait_for_locks() -> None:
    """The worker tries the locked requests of several people in turns. A request that stays locked for too long no
    longer blocks the later requests about its record.
    """
    clock = ManualClock()
    locked = LockedRequests(clock)
    for request, person in (("a1", "op-a"), ("a2", "op-a"), ("b1", "op-b")):
        locked.add(request, person)
    assert locked.ids == LockedIds(frozenset({"a1", "a2", "b1"}), frozenset())
    assert [locked.choose_next_id() for _ in range(4)] == ["a1", "b1", "a1", "b1"]
    clock.sleep(SKIP_LOCKED_REQUEST_AFTER_SECONDS)
    locked.remove("a1")
    assert locked.ids.passed_over_ids == {"a2", "b1"}
    assert locked.choose_next_id() == "a2"
