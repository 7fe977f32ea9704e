"""Workers share the requests, take over from one another, and run those about one record one after the other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from console.app import Console
from console.domain.desk_requests.records import DeskRequestState, NewDeskRequest, TakenDeskRequest, make_request_id
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.interrupts import Interrupted
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.desk_requests.own_requests import parse_stored_answer
from console.store.database.engine import Transaction
from console.store.desk_requests import requests
from tests.support.asking import ask_only, executing
from tests.support.invented import numbers
from tests.support.places import Place
from tests.support.waiting import PATIENCE_SECONDS, until


def ask(desk: Console, action: str = "probe", subject: str | None = "1") -> str:
    request = NewDeskRequest(make_request_id(), action, '["credit-check", "1"]', "credit-check", subject)
    desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
    return request.id


def take(worker: Console, seconds: float = 45.0) -> TakenDeskRequest | None:
    context = worker._context
    return context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), seconds))


def take_locked(worker: Console, request: str) -> TakenDeskRequest | None:
    """Take a request that was found locked, as soon as it isn't."""
    context = worker._context
    return context.write(lambda tx: requests.take_locked_request(tx, context.make_holder(), 45.0, request))


def state(desk: Console, request: str) -> DeskRequestState:
    with desk.database.read() as conn:
        seen = requests.read_progress(conn, request)
    assert seen is not None
    return DeskRequestState.LAPSED if seen.is_lapsed else seen.state


@pytest.fixture
def people(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console, Console]]:
    """A desk and two workers."""
    ask_only(place, "op-a")
    with ExitStack() as stack:
        desk = stack.enter_context(place.opened(sandbox))
        first = stack.enter_context(place.opened(sandbox, person="worker", desk=1))
        second = stack.enter_context(place.opened(sandbox, person="worker", desk=2))
        yield desk, first, second


def test_one_record_at_a_time(people: tuple[Console, Console, Console]) -> None:
    """The second request about a record waits for the end of the first; another record doesn't."""
    desk, first, second = people
    ids = [ask(desk), ask(desk), ask(desk, subject="2"), ask(desk, subject=None), ask(desk, subject=None)]
    taken = [take(worker) for worker in (first, second, first, second, first)]
    assert [None if one is None else one.id for one in taken] == [ids[0], ids[2], ids[3], ids[4], None]
    assert taken[0] is not None
    first._context.write(lambda tx: requests.store_answer(tx, taken[0], "{}"))  # type: ignore[arg-type]  # checked above
    following = take(second)
    assert following is not None
    assert (following.id, following.person) == (ids[1], desk.database.account)


def test_a_worker_takes_over(place: Place, people: tuple[Console, Console, Console]) -> None:
    """A request that a worker left is taken by another after its lease has expired, with a higher fencing token; then
    the first worker can't write.
    """
    desk, first, second = people
    request = ask(desk)
    left = take(first)
    assert left is not None
    assert take(second) is None
    place.sql("UPDATE requests SET lease_expires = 1")
    again = take(second)
    assert again is not None
    assert (again.id, again.fencing_token) == (request, left.fencing_token + 1)
    assert not first._context.write(lambda tx: requests.store_answer(tx, left, "mine"))
    assert state(desk, request) is DeskRequestState.TAKEN
    assert second._context.write(lambda tx: requests.store_answer(tx, again, "done"))
    assert state(desk, request) is DeskRequestState.ENDED


def test_a_worker_that_is_told_to_end_gives_its_request_back(people: tuple[Console, Console, Console]) -> None:
    """Nothing was written or sent, so another worker may take it at once, long before the lease ends."""
    desk, first, second = people

    def interrupted(_call: object) -> object:
        raise Interrupted

    first.desk_requests._commands = {"probe": interrupted}
    request = ask(desk)
    assert not first.desk_requests.execute_next()
    taken = take(second)
    assert taken is not None
    assert (taken.id, taken.fencing_token) == (request, 2)


def test_a_request_that_waited_too_long_is_never_run(place: Place, people: tuple[Console, Console, Console]) -> None:
    desk, worker, _ = people
    request = ask(desk)
    place.sql("UPDATE requests SET expires_at = expires_at - INTERVAL 60 SECOND")
    assert state(desk, request) is DeskRequestState.LAPSED
    assert take(worker) is None
    assert place.sql("SELECT state FROM requests") == [("lapsed",)]


@pytest.mark.expects_log("an answer that the database refuses is told")
def test_an_answer_that_cannot_be_stored(
    people: tuple[Console, Console, Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that the database refuses twice is stored at the third try. If it is always refused, a success is
    reported as done and an error by its code, never as a bug.
    """
    desk, worker, _ = people
    sound, refused = requests.store_answer, [0]

    def store(tx: Transaction, taken: TakenDeskRequest, text: str) -> bool:
        if refused[0]:
            refused[0] -= 1
            raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.REFUSED_BY_THE_DATABASE})
        return sound(tx, taken, text)

    def fail(_call: object) -> object:
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"state": "completed"})

    monkeypatch.setattr(requests, "store_answer", store)
    told = []
    for command, times in ((lambda _: "sound", 2), (lambda _: "sound", 3), (fail, 3)):
        worker.desk_requests._commands = {"probe": command}
        request, refused[0] = ask(desk), times
        assert worker.desk_requests.execute_next()
        with desk.database.read() as conn:
            stored = requests.read_progress(conn, request)
        assert stored is not None
        answer = parse_stored_answer(stored.result or "")[0]
        told.append(answer.value or (answer.error and answer.error.code))
    assert told == ["sound", "possible_repeat", "already_decided"]


def test_what_a_killed_worker_bought_is_answered(
    place: Place, sandbox: Sandbox, people: tuple[Console, Console, Console]
) -> None:
    """The first worker buys and ends before it answers. The second one has the request's answer without buying."""
    desk, first, second = people
    (number,) = numbers(1, seed=8)
    first.desk_requests.announce_presence()
    with ThreadPoolExecutor(1) as thread:
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        until(lambda: first.desk_requests.count_waiting_requests() > 0, "the request")
        left = take(first)
        assert left is not None
        first.desk_requests._make_answer(left)
        place.sql("UPDATE requests SET lease_expires = 1")
        with executing(second):
            assert bought.result(PATIENCE_SECONDS).corporation_number == number
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1
