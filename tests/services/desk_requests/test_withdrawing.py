"""A person withdraws a desk request: the request is either taken by a worker or withdrawn, never both."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Barrier, Event
from typing import Any

import pytest

from console.app import Console
from console.domain.desk_requests.records import NewDeskRequest, OwnRequestState, TakenDeskRequest, make_request_id
from console.domain.desk_requests.rules import AUDIT_REQUEST_ACTION
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.guarded.answer_serialization import CallAnswer, serialize_answer
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.desk_requests import requests
from tests.services.desk_requests.test_execution import store_request, take_locked_request, take_next_request
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

RACE_COUNT = 25


@pytest.fixture
def desk_worker_and_other(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console, Console]]:
    """The desk of one person, a worker, and another person's desk. On Galera each of them uses its own node."""
    start_team_mode(place, "op-a", "lead-b")
    with ExitStack() as stack:
        desk = stack.enter_context(place.open_desk(sandbox))
        worker = stack.enter_context(place.open_desk(sandbox, person="worker", desk=1))
        other = stack.enter_context(place.open_desk(sandbox, person="lead-b", desk=2))
        yield desk, worker, other


def insert_withdrawal(desk: Console, request: str) -> bool:
    """Insert a withdrawal of the request. Return False if a worker has taken the request, or if it is already
    withdrawn.
    """
    withdrawal = NewDeskRequest(make_request_id(), "withdraw", "[]", "request", request)
    try:
        desk._context.write(lambda tx: requests.insert_request(tx, withdrawal, "desk"))
    except UniqueViolation:
        return False
    return True


def test_a_withdrawn_request_is_never_taken(desk_worker_and_other: tuple[Console, Console, Console]) -> None:
    """No worker takes a withdrawn request, and the next request about the same record does not wait for the withdrawn
    one. A second withdrawal changes nothing.
    """
    desk, worker, _ = desk_worker_and_other
    first, second = store_request(desk), store_request(desk)
    assert insert_withdrawal(desk, first)
    taken = take_next_request(worker)
    assert taken is not None
    assert taken.id == second
    assert take_next_request(worker) is None
    assert not insert_withdrawal(desk, first)
    assert worker.desk_request_executor.count_waiting_requests() == 0


def test_a_request_that_is_withdrawn_during_the_search_is_not_taken(
    desk_worker_and_other: tuple[Console, Console, Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person withdraws a request after a worker has found it, and before the worker takes it: the worker takes the
    next request instead.
    """
    desk, worker, _ = desk_worker_and_other
    first, second = store_request(desk), store_request(desk)
    read_takable_requests = requests._read_takable_requests
    search_results: list[list[str]] = []

    def read_and_withdraw(*arguments: Any, **options: Any) -> Any:
        rows = read_takable_requests(*arguments, **options)
        search_results.append([row.id for row in rows])
        if len(search_results) == 1:
            assert insert_withdrawal(desk, first)
        return rows

    monkeypatch.setattr(requests, "_read_takable_requests", read_and_withdraw)
    taken = take_next_request(worker)
    assert taken is not None
    assert taken.id == second
    assert search_results == [[first], [second]]


def test_a_taken_request_cannot_be_withdrawn(desk_worker_and_other: tuple[Console, Console, Console]) -> None:
    """A person cannot withdraw a request that a worker has taken or ended."""
    desk, worker, _ = desk_worker_and_other
    request = store_request(desk)
    taken = take_next_request(worker)
    assert taken is not None
    assert not insert_withdrawal(desk, request)
    assert worker._context.write(lambda tx: requests.store_answer(tx, taken, "{}"))
    assert not insert_withdrawal(desk, request)


def test_a_person_withdraws_only_own_requests(
    place: Place, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A person can withdraw only own requests that exist. Another person's request, a request for an audit entry and
    a withdrawal can't be withdrawn. A worker can't withdraw any request.
    """
    desk, worker, other = desk_worker_and_other
    request, entry = store_request(desk), NewDeskRequest(make_request_id(), AUDIT_REQUEST_ACTION, "{}")
    desk._context.write(lambda tx: requests.insert_request(tx, entry, "desk"))
    others = [(desk, what) for what in (entry.id, make_request_id(), request.upper(), f"{request} ")]
    for person, what in ((other, request), (worker, request), *others):
        with pytest.raises(ConsoleError) as refused:
            insert_withdrawal(person, what)
        assert refused.value.code == "not_allowed"
    assert insert_withdrawal(desk, request)
    ((withdrawal,),) = place.sql("SELECT id FROM requests WHERE action = 'withdraw'")
    with pytest.raises(ConsoleError):
        insert_withdrawal(desk, withdrawal)


def test_either_the_worker_or_the_withdrawal_gets_the_request(
    place: Place, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A worker takes a request at the moment at which the person withdraws it: either the worker or the withdrawal
    succeeds, never both. On Galera they use different nodes.
    """
    desk, worker, _ = desk_worker_and_other
    winners: set[bool] = set()
    for turn in range(RACE_COUNT):
        request, start = store_request(desk, subject=str(turn)), Barrier(2)

        def race_to_withdraw(request: str = request, start: Barrier = start) -> bool:
            start.wait()
            return insert_withdrawal(desk, request)

        def race_to_take(start: Barrier = start) -> bool:
            start.wait()
            try:
                return take_next_request(worker) is not None
            except requests.RequestLocked as locked:
                return take_locked_request(worker, locked.request_id) is not None

        with ThreadPoolExecutor(2) as threads:
            withdrawn, taken = threads.submit(race_to_withdraw), threads.submit(race_to_take)
            assert withdrawn.result(MAX_WAIT_SECONDS) is not taken.result(MAX_WAIT_SECONDS)
        state = place.sql(f"SELECT state FROM requests WHERE id = '{request}'")
        assert state == [("asked" if withdrawn.result() else "taken",)]
        winners.add(withdrawn.result())
    assert winners


def test_a_request_being_taken_is_not_reported_as_lapsed(
    place: Place, sandbox: Sandbox, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A worker takes the request in time, but its COMMIT is late: the desk waits for the answer and doesn't report
    that nothing was sent. On Galera the desk's withdrawal can be first; then the worker doesn't get the request.
    """
    desk, worker, _ = desk_worker_and_other
    (number,) = invent_numbers(1, seed=33)
    worker.desk_request_executor.announce_presence()
    is_taken, may_commit = Event(), Event()

    def take_slowly() -> TakenDeskRequest | None:
        def take_and_wait(tx: Transaction) -> TakenDeskRequest | None:
            taken = requests.take_next_request(tx, worker._context.make_holder(), 45.0)
            is_taken.set()
            may_commit.wait(MAX_WAIT_SECONDS)
            return taken

        return worker._context.write(take_and_wait)

    def has_request_expired() -> bool:
        (row,) = place.sql("SELECT MAX(expires_at) < UTC_TIMESTAMP(6) FROM requests WHERE action = 'purchase'")
        return bool(row[0])

    with ThreadPoolExecutor(2) as threads:
        bought = threads.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        try:
            wait_until(
                lambda: place.sql("SELECT COUNT(*) FROM requests WHERE action = 'purchase'") == [(1,)], "the request"
            )
            place.sql(
                "UPDATE requests SET expires_at = UTC_TIMESTAMP(6) + INTERVAL 2 SECOND WHERE action = 'purchase'"
            )
            late = threads.submit(take_slowly)
            assert is_taken.wait(MAX_WAIT_SECONDS)
            wait_until(has_request_expired, "the end of its time")
            wait_until(lambda: bought.done() or has_withdrawal_been_sent(place), "the desk to see it")
        finally:
            may_commit.set()
        taken = late.result(MAX_WAIT_SECONDS)
        if taken is not None:
            answer = json.dumps(
                {"answer": serialize_answer(CallAnswer(error=ConsoleError(ErrorCode.NO_OPERATOR))), "repeated": False}
            )
            worker._context.write(lambda tx: requests.store_answer(tx, taken, answer))
        with pytest.raises(ConsoleError) as raised:
            bought.result(MAX_WAIT_SECONDS)
    assert raised.value.code == ("worker_away" if taken is None else "no_operator")


def has_withdrawal_been_sent(place: Place) -> bool:
    """Return True if an SQL statement that withdraws a request is waiting for a lock or has succeeded."""
    waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO requests%withdraw%'"
    return place.sql(waiting) != [(0,)] or bool(place.sql("SELECT 1 FROM requests WHERE action = 'withdraw'"))


def test_a_lapsed_request_is_reported_and_listed(
    desk_worker_and_other: tuple[Console, Console, Console], place: Place
) -> None:
    """No worker takes the request in time: the desk withdraws the request and reports `worker_away`, and the list of
    own requests shows it as lapsed.
    """
    desk, worker, _ = desk_worker_and_other
    (number,) = invent_numbers(1, seed=34)
    worker.desk_request_executor.announce_presence()
    with ThreadPoolExecutor(1) as thread:
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        wait_until(
            lambda: place.sql("SELECT COUNT(*) FROM requests WHERE action = 'purchase'") == [(1,)], "the request"
        )
        place.sql("UPDATE requests SET expires_at = UTC_TIMESTAMP(6) WHERE action = 'purchase'")
        with pytest.raises(ConsoleError) as away:
            bought.result(MAX_WAIT_SECONDS)
    assert (away.value.code, take_next_request(worker)) == ("worker_away", None)
    assert [one.state for one in desk.own_desk_requests.list_recent_requests()] == [OwnRequestState.LAPSED]


def test_ctrl_c_withdraws_the_waiting_request(
    place: Place, sandbox: Sandbox, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A person presses Ctrl+C while a command waits for its desk request: the request is withdrawn, and the command
    reports that nothing was sent. A worker that starts later sends nothing.
    """
    _, worker, _ = desk_worker_and_other
    (number,) = invent_numbers(1, seed=31)

    def is_request_stored() -> bool:
        worker.desk_request_executor.announce_presence()
        return place.sql("SELECT count(*) FROM requests WHERE action = 'purchase'") == [(1,)]

    env = place.make_environment(sandbox.url, "op-a", 5)
    command = [sys.executable, "-m", "console", "--json", "purchase", number, "--client", "1"]
    worker.desk_request_executor.announce_presence()
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        wait_until(is_request_stored, "the request")
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=MAX_WAIT_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    assert '"interrupted"' in out
    with keep_executing_desk_requests(worker):
        wait_until(lambda: worker.desk_request_executor.count_waiting_requests() == 0, "the worker to look")
    assert not sandbox.ledger.list_charges_of_number(number)
