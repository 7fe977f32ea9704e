"""Several workers share the desk requests and take over requests from one another. Requests about one record are
executed one after the other.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from console.app import Console, open_console
from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.records import DeskRequestState, NewDeskRequest, TakenDeskRequest, make_request_id
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.interrupts import InterruptedBeforeAction
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.desk_requests.execution import _write_temporary_file
from console.services.desk_requests.own_requests import parse_stored_answer
from console.settings.settings import Settings
from console.store.database.engine import Transaction
from console.store.desk_requests import requests
from console.store.operations import leases
from console.worker.request_threads import DeskRequestThreads
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.sql_proxy import SqlProxy
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until


def store_request(desk: Console, action: str = "probe", subject: str | None = "1") -> str:
    """Store a desk request about the credit check `subject` (None: about no record), and return the request's id."""
    request = NewDeskRequest(make_request_id(), action, '["credit-check", "1"]', "credit-check", subject)
    desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
    return request.id


def take_next_request(worker: Console, seconds: float = 45.0) -> TakenDeskRequest | None:
    """Let the worker take the next request with a lease of this many seconds, and return the request; None if no
    request may run.
    """
    context = worker._context
    return context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), seconds))


def take_locked_request(worker: Console, request: str) -> TakenDeskRequest | None:
    """Let the worker take a request that was locked when the worker found it. The worker waits for the end of the
    lock. Return the taken request; None if it may not run any more.
    """
    context = worker._context
    return context.write(lambda tx: requests.take_locked_request(tx, context.make_holder(), 45.0, request))


def read_request_state(desk: Console, request: str) -> DeskRequestState:
    """Return the state of the request; it is LAPSED if no worker took the request in time."""
    with desk.database.read() as conn:
        progress = requests.read_progress(conn, request)
    assert progress is not None
    return DeskRequestState.LAPSED if progress.is_lapsed else progress.state


@pytest.fixture
def desk_and_workers(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console, Console]]:
    """Yield a desk and two workers."""
    start_team_mode(place, "op-a")
    with ExitStack() as stack:
        desk = stack.enter_context(place.open_desk(sandbox))
        first = stack.enter_context(place.open_desk(sandbox, person="worker", desk=1))
        second = stack.enter_context(place.open_desk(sandbox, person="worker", desk=2))
        yield desk, first, second


def test_only_one_request_about_a_record_is_executed_at_a_time(
    desk_and_workers: tuple[Console, Console, Console],
) -> None:
    """The second request about a record waits until the first request has ended; requests about other records do not
    wait.
    """
    desk, first, second = desk_and_workers
    ids = [
        store_request(desk),
        store_request(desk),
        store_request(desk, subject="2"),
        store_request(desk, subject=None),
        store_request(desk, subject=None),
    ]
    taken = [take_next_request(worker) for worker in (first, second, first, second, first)]
    assert [None if one is None else one.id for one in taken] == [ids[0], ids[2], ids[3], ids[4], None]
    assert taken[0] is not None
    first._context.write(lambda tx: requests.store_answer(tx, taken[0], "{}"))  # type: ignore[arg-type]  # checked above
    following = take_next_request(second)
    assert following is not None
    assert (following.id, following.person) == (ids[1], desk.database.account_name)


def test_a_worker_takes_over_a_request_after_its_lease(
    place: Place, desk_and_workers: tuple[Console, Console, Console]
) -> None:
    """After the lease of a taken request has expired, another worker takes the request with a higher fencing token,
    and the first worker can no longer store an answer.
    """
    desk, first, second = desk_and_workers
    request = store_request(desk)
    taken_request = take_next_request(first)
    assert taken_request is not None
    assert take_next_request(second) is None
    place.sql("UPDATE requests SET lease_expires = 1")
    again = take_next_request(second)
    assert again is not None
    assert (again.id, again.fencing_token) == (request, taken_request.fencing_token + 1)
    assert not first._context.write(lambda tx: requests.store_answer(tx, taken_request, "mine"))
    assert read_request_state(desk, request) is DeskRequestState.TAKEN
    assert second._context.write(lambda tx: requests.store_answer(tx, again, "done"))
    assert read_request_state(desk, request) is DeskRequestState.ENDED


def test_a_worker_that_ends_gives_back_a_request_whose_lock_it_has_awaited(
    desk_and_workers: tuple[Console, Console, Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker waits for the lock of a request when it is asked to end. It gets the request after it has given up its
    presence, and executes it no more: another worker can take it at once, and not only after the end of the lease."""
    desk, first, second = desk_and_workers
    request, executor, stop = store_request(desk), first.desk_request_executor, Event()
    executor.announce_presence()
    executor._locked_requests.add(request, "op-a")
    take_locked = executor.take_locked_request

    def take_locked_request_after_stop() -> bool:
        stop.set()
        executor.release_presence_lease()
        return take_locked()

    monkeypatch.setattr(executor, "take_locked_request", take_locked_request_after_stop)
    threads = DeskRequestThreads(executor, stop)
    threads._wake_lock_waiting_thread()
    threads._take_locked_requests_until_stopped()
    taken = take_next_request(second)
    assert taken is not None
    assert (taken.id, taken.fencing_token) == (request, 2)


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_take_whose_commit_was_not_answered_is_not_lost(place: Place, sandbox: Sandbox, is_locked: bool) -> None:
    """The database's answer to the COMMIT of a take is lost. The worker recognises that it has taken the request, and
    executes it at once: otherwise nobody would execute it until the end of the lease.
    """
    start_team_mode(place, "op-a")
    assert isinstance(place, ServerPlace)
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as proxy, place.open_desk(sandbox) as desk:
        environment = place.make_environment(sandbox.url, "worker", 1)
        environment["CONSOLE_DATABASE_URL"] = proxy.make_url(environment["CONSOLE_DATABASE_URL"])
        with open_console(Settings.load(environment)) as worker:
            assert take_next_request(worker) is None  # connects
            request = store_request(desk)
            with proxy.cause_fault("lost_reply", sql_prefix="COMMIT") as fault:
                taken = take_locked_request(worker, request) if is_locked else take_next_request(worker)
    assert fault.has_happened
    assert taken is not None
    assert (taken.id, taken.fencing_token) == (request, 1)


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_worker_that_slept_writes_no_second_audit_entry(
    place: Place, desk_and_workers: tuple[Console, Console, Console], *, is_ended: bool
) -> None:
    """A worker takes a request for an audit entry and sleeps until another worker has taken the request over, or has
    also ended it. The first worker then writes no entry, so the trail has the entry once, and no entry about an
    unreadable request.
    """
    desk, first, second = desk_and_workers
    context = desk._context
    context.write(lambda tx: context.record_audit(tx, AuditAction.LIST_EXPORTED, "1", {}, kind="export"))
    first_take = take_next_request(first)
    assert first_take is not None
    place.sql("UPDATE requests SET lease_expires = 1")
    second_take = take_next_request(second)
    assert second_take is not None
    executors = [(first, first_take), (second, second_take)]
    for worker, taken in reversed(executors) if is_ended else executors:
        worker.desk_request_executor._write_requested_audit_entry(taken)
    assert place.sql("SELECT what FROM audit_log WHERE detail LIKE '%\"request\"%'") == [("list.exported",)]
    assert read_request_state(desk, first_take.id) is DeskRequestState.ENDED


def test_a_worker_that_ends_returns_its_unbegun_request(
    desk_and_workers: tuple[Console, Console, Console],
) -> None:
    """A worker is ordered to end before it has written or sent anything for its request: it gives the request back,
    and another worker can take the request at once.
    """
    desk, first, second = desk_and_workers

    def raise_interrupted(_call: object) -> object:
        raise InterruptedBeforeAction

    first.desk_request_executor._commands = {"probe": raise_interrupted}
    request = store_request(desk)
    assert not first.desk_request_executor.execute_next()
    taken = take_next_request(second)
    assert taken is not None
    assert (taken.id, taken.fencing_token) == (request, 2)


def test_a_request_that_waited_too_long_is_never_run(
    place: Place, desk_and_workers: tuple[Console, Console, Console]
) -> None:
    """A request that no worker took within its time limit lapses, and no worker takes it afterwards."""
    desk, worker, _ = desk_and_workers
    request = store_request(desk)
    place.sql("UPDATE requests SET expires_at = expires_at - INTERVAL 60 SECOND")
    assert read_request_state(desk, request) is DeskRequestState.LAPSED
    assert take_next_request(worker) is None
    assert place.sql("SELECT state FROM requests") == [("lapsed",)]


@pytest.mark.expects_log("an answer that the database refuses is told")
def test_an_answer_refused_by_the_database_is_stored_later(
    desk_and_workers: tuple[Console, Console, Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database refuses the worker's answer twice, the worker stores it at the third attempt. If the database
    refuses it three times, a success is reported as `possible_repeat` and an error by its own code, never as a bug.
    """
    desk, worker, _ = desk_and_workers
    sound, refused = requests.store_answer, [0]

    def refuse_or_store(tx: Transaction, taken: TakenDeskRequest, text: str, last_step: str | None = None) -> bool:
        if refused[0]:
            refused[0] -= 1
            raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.REFUSED_BY_THE_DATABASE})
        return sound(tx, taken, text, last_step)

    def raise_already_decided(_call: object) -> object:
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"state": "completed"})

    monkeypatch.setattr(requests, "store_answer", refuse_or_store)
    answers = []
    for command, times in ((lambda _: "sound", 2), (lambda _: "sound", 3), (raise_already_decided, 3)):
        worker.desk_request_executor._commands = {"probe": command}
        request, refused[0] = store_request(desk), times
        assert worker.desk_request_executor.execute_next()
        with desk.database.read() as conn:
            stored = requests.read_progress(conn, request)
        assert stored is not None
        answer = parse_stored_answer(stored.result or "")[0]
        answers.append(answer.value or (answer.error and answer.error.code))
    assert answers == ["sound", "possible_repeat", "already_decided"]


def test_a_second_worker_answers_with_a_killed_workers_purchase(
    place: Place, sandbox: Sandbox, desk_and_workers: tuple[Console, Console, Console]
) -> None:
    """If the first worker buys and ends before it answers, the second worker answers the request with that purchase
    and does not buy again.
    """
    desk, first, second = desk_and_workers
    (number,) = invent_numbers(1, seed=8)
    first.desk_request_executor.announce_presence()
    with ThreadPoolExecutor(1) as thread:
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        wait_until(lambda: first.desk_request_executor.count_waiting_requests() > 0, "the request")
        taken_request = take_next_request(first)
        assert taken_request is not None
        first.desk_request_executor._make_answer(taken_request)
        place.sql("UPDATE requests SET lease_expires = 1")
        with keep_executing_desk_requests(second):
            assert bought.result(MAX_WAIT_SECONDS).corporation_number == number
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1


def test_a_worker_whose_lease_another_one_ended_still_writes_the_outcome(place: Place, sandbox: Sandbox) -> None:
    """While a first worker waits for AlarmBox, a second worker assumes that the first worker has ended, and ends the
    first worker's lease of the request. Then the first worker gets AlarmBox's answer: it writes the purchase, and the
    desk gets the result.
    """
    (number,) = invent_numbers(1, seed=9)
    start_team_mode(place, "op-a")
    sandbox.control.add_fault("hang_after_charge", call="purchase", number=number, seconds=3600)
    with (
        place.open_desk(sandbox) as desk,
        place.open_desk(sandbox, person="worker", desk=1, TIME_SCALE="1") as worker,
        ThreadPoolExecutor(2) as threads,
    ):
        worker.desk_request_executor.announce_presence()
        bought = threads.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        wait_until(lambda: worker.desk_request_executor.count_waiting_requests() > 0, "the request")
        executed = threads.submit(worker.desk_request_executor.execute_next)
        wait_until(lambda: len(sandbox.ledger.list_charges_of_number(number)) == 1, "the charge")
        place.sql("UPDATE requests SET lease_expires = 0")
        sandbox.control.release_calls()
        assert executed.result(MAX_WAIT_SECONDS)
        assert bought.result(MAX_WAIT_SECONDS).credit_check_id is not None
    assert place.sql("SELECT state, fence FROM requests") == [("ended", 1)]


def test_a_write_is_repeated_after_the_heartbeat_renewed_the_lease(
    place: Place, desk_and_workers: tuple[Console, Console, Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease of a request expires while the worker executes the request, so the database refuses the worker's
    write. The heartbeat has renewed the lease before the worker tries to renew it: the worker repeats the write, and
    the desk gets the result.
    """
    desk, worker, _ = desk_and_workers
    context = worker._context
    try_to_write, refused = context._try_to_write, []

    def refuse_and_renew(write_changes: Callable[[Transaction], object]) -> object:
        try:
            return try_to_write(write_changes)
        except ConsoleError as refusal:
            refused.append(refusal.code)
            place.sql("UPDATE requests SET lease_expires = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + 45000")
            raise

    def write_after_the_lease(_call: object) -> str:
        place.sql("UPDATE requests SET lease_expires = 1")
        (number,) = invent_numbers(1, seed=10)
        context.write(lambda tx: leases.acquire(tx, f"probe:{number}", context.make_holder(), context.now(), 45.0))
        return "sound"

    monkeypatch.setattr(context, "_try_to_write", refuse_and_renew)
    worker.desk_request_executor._commands = {"probe": write_after_the_lease}
    request = store_request(desk)
    assert worker.desk_request_executor.execute_next()
    with desk.database.read() as conn:
        stored = requests.read_progress(conn, request)
    assert stored is not None
    assert parse_stored_answer(stored.result or "")[0].value == "sound"
    assert refused == ["not_allowed"]


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_full_disk_of_the_worker_is_not_a_program_error() -> None:
    """If the worker can't write the evidence of a decision to a temporary file, the person's decision is refused with
    `storage_full` and the path of the file, not with an internal error.
    """
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(ConsoleError) as refused:
                _write_temporary_file(stack, b"x" * 1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert str(refused.value.detail.get("file")).endswith("evidence")
