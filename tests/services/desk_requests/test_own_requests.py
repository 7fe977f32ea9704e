"""The list of a person's own desk requests, and the answer that a waiting desk gets when its request is withdrawn."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.desk_requests.records import (
    NewDeskRequest,
    OwnRequest,
    OwnRequestState,
    make_request_id,
    make_withdrawal_id,
)
from console.domain.desk_requests.rules import AUDIT_REQUEST_ACTION
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.desk_requests.own_requests import LISTED_REQUEST_AGE_SECONDS
from console.services.desk_requests.request_wait import RequestWait, report_request_state_to
from console.store.desk_requests import requests
from tests.services.desk_requests.test_execution import store_request, take_next_request
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until


@pytest.fixture
def desk_worker_and_other(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, Console, Console]]:
    """The desk of one person, a worker, and another person's desk. On Galera each of them uses its own node."""
    start_team_mode(place, "op-a", "lead-b")
    with ExitStack() as stack:
        desk = stack.enter_context(place.open_desk(sandbox))
        worker = stack.enter_context(place.open_desk(sandbox, person="worker", desk=1))
        other = stack.enter_context(place.open_desk(sandbox, person="lead-b", desk=2))
        yield desk, worker, other


def list_own_requests(desk: Console) -> dict[str, OwnRequest]:
    """Return the person's own desk requests in a dictionary by id."""
    return {request.id: request for request in desk.own_desk_requests.list_recent_requests()}


def test_own_requests_in_every_state_are_listed(
    place: Place, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """The list contains this person's requests in every state, the newest first. It leaves out requests for audit
    entries, withdrawals, and requests older than a day.
    """
    desk, worker, other = desk_worker_and_other
    old = NewDeskRequest(make_request_id(), "probe", "[]")
    entry = NewDeskRequest(make_request_id(), AUDIT_REQUEST_ACTION, "{}")
    for more in (old, entry):
        desk._context.write(lambda tx, more=more: requests.insert_request(tx, more, "desk"))  # type: ignore[misc]  # bound
    lapsed, withdrawn, taken, waiting = (store_request(desk, subject=str(number)) for number in range(4))
    place.sql(f"UPDATE requests SET expires_at = expires_at - INTERVAL 2 MINUTE WHERE id IN ('{lapsed}', '{old.id}')")
    age_sql = f"INTERVAL {LISTED_REQUEST_AGE_SECONDS + 60} SECOND"
    place.sql(f"UPDATE requests SET at = at - {age_sql} WHERE id = '{old.id}'")
    assert desk.own_desk_requests.withdraw(withdrawn)
    row = take_next_request(worker)
    assert row is not None
    assert row.id == taken
    store_request(other)
    states = {id: request.state for id, request in list_own_requests(desk).items()}
    assert states == {
        waiting: OwnRequestState.WAITING,
        taken: OwnRequestState.TAKEN,
        withdrawn: OwnRequestState.WITHDRAWN,
        lapsed: OwnRequestState.LAPSED,
    }
    assert list(states) == sorted(states, reverse=True), (
        "ids of one millisecond have no order but that of their letters"
    )
    assert not desk.own_desk_requests.withdraw(taken)
    assert list_own_requests(desk)[taken].state is OwnRequestState.TAKEN


def test_a_request_whose_worker_died_is_listed_as_abandoned(
    place: Place, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """The worker that took a request is killed. After its lease has expired, the desk no longer lists the request
    as taken, but as abandoned: still open, and not to be withdrawn. When the next worker has taken the request
    over, the desk lists it as taken again.
    """
    desk, worker, _ = desk_worker_and_other
    request = store_request(desk)
    take_next_request(worker)
    place.sql("UPDATE requests SET lease_expires = 1")
    listed = list_own_requests(desk)[request]
    assert (listed.state, listed.is_open) == (OwnRequestState.ABANDONED, True)
    assert not desk.own_desk_requests.withdraw(request)
    take_next_request(worker)
    assert list_own_requests(desk)[request].state is OwnRequestState.TAKEN


def test_a_request_of_a_desk_with_a_late_clock_is_listed(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of a desk is 25 hours behind while it stores and withdraws requests, then it is put right. By the
    server's clock the requests are new: each desk of the person lists them in the order in which they were stored,
    and a search finds them.
    """
    start_team_mode(place, "op-a")
    true_time = time.time_ns
    with place.open_desk(sandbox) as desk, place.open_desk(sandbox, person="op-a", desk=2) as other_desk:
        early = store_request(desk)
        with monkeypatch.context() as patch:
            patch.setattr(time, "time_ns", lambda: true_time() - 25 * 3600 * 10**9)
            withdrawn, waiting = store_request(desk, subject="2"), store_request(desk, subject="3")
            assert desk.own_desk_requests.withdraw(withdrawn)
        assert waiting < early
        states = {
            early: OwnRequestState.WAITING,
            withdrawn: OwnRequestState.WITHDRAWN,
            waiting: OwnRequestState.WAITING,
        }
        for each_desk in (desk, other_desk):
            listed = list_own_requests(each_desk)
            assert {id: request.state for id, request in listed.items()} == states
            assert list(listed) == [waiting, withdrawn, early]
        with desk.database.read() as conn:
            assert requests.find_subject_of_own_request(conn, 24 * 3600, waiting) == ("credit-check", "3")
            assert requests.find_subject_of_own_request(conn, 0, waiting) is None


def test_the_list_reads_only_the_newest_rows_of_the_person(place: Place, sandbox: Sandbox) -> None:
    """The table has many requests of other people and old ones of the person: the server finds the person's requests
    of the last day in an index, and reads no other rows.
    """
    start_team_mode(place, "op-a", "lead-b")
    with place.open_desk(sandbox) as desk, place.open_desk(sandbox, person="lead-b", desk=2) as other:
        own_id = store_request(desk)
        for _ in range(8):
            store_request(other)
        place.drop_table_triggers("requests")
        for number in range(2, 9):
            place.sql(
                "INSERT INTO requests (id, who, at, expires_at, action, args, state) SELECT UUID(), who,"
                f" IF(id = '{own_id}' OR at < UTC_TIMESTAMP() - INTERVAL 1 DAY, at - INTERVAL {number} DAY, at),"
                " expires_at, action, args, 'ended' FROM requests"
            )
        with desk.database.read() as conn:
            before = count_read_rows(conn)
            listed = requests.list_own_requests(conn, LISTED_REQUEST_AGE_SECONDS, 200)
            subject = requests.find_subject_of_own_request(conn, LISTED_REQUEST_AGE_SECONDS, own_id)
            read_rows = count_read_rows(conn) - before
    assert [request.id for request in listed] == [own_id]
    assert subject == ("credit-check", "1")
    assert place.sql("SELECT COUNT(*) > 1000 FROM requests") == [(1,)]
    assert read_rows < 30


def count_read_rows(conn: Connection) -> int:
    """Return the number of rows and index entries that the server has read for this connection so far."""
    rows = conn.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
    return sum(int(count) for name, count in rows if name != "Handler_read_rnd_deleted")


def test_a_repeated_withdrawal_adds_no_row(
    place: Place, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A withdrawal is repeated, for example because the answer to its COMMIT was lost: the repetition adds no row and
    returns True again.
    """
    desk, worker, other = desk_worker_and_other
    request = store_request(desk)
    assert desk.own_desk_requests.withdraw(request)
    assert desk.own_desk_requests.withdraw(request)
    assert place.sql("SELECT id, subject_id FROM requests WHERE action = 'withdraw'") == [
        (make_withdrawal_id(request), request)
    ]
    assert take_next_request(worker) is None
    with pytest.raises(ConsoleError) as refused:
        other.own_desk_requests.withdraw(store_request(desk))
    assert refused.value.code == "not_allowed"


def test_a_waiting_window_learns_that_its_worker_died(
    place: Place, sandbox: Sandbox, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """The worker that took a purchase is killed before it began: the waiting window learns that the worker doesn't
    respond. The next worker buys, once.
    """
    desk, worker, _ = desk_worker_and_other
    (number,) = invent_numbers(1, seed=42)
    wait = RequestWait()
    worker.desk_request_executor.announce_presence()

    def buy_reporting_state() -> CreditCheck:
        with report_request_state_to(wait):
            return desk.credit_checks.purchase(PurchaseRequest(number, "1"))

    with ThreadPoolExecutor(1) as thread:
        bought = thread.submit(buy_reporting_state)
        wait_until(lambda: take_next_request(worker) is not None, "the request")
        wait_until(lambda: wait.is_taken, "the taken request")
        assert not wait.is_abandoned
        place.sql("UPDATE requests SET lease_expires = 1")
        wait_until(lambda: wait.is_abandoned, "the end of the lease")
        with keep_executing_desk_requests(worker):
            assert bought.result(MAX_WAIT_SECONDS).corporation_number == number
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1


def test_a_waiting_window_reports_a_withdrawal(
    sandbox: Sandbox, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A person withdraws the request in another window: the window that waits for the answer reports at once that
    nothing was sent. The same request id can be used again.
    """
    desk, worker, _ = desk_worker_and_other
    (number,) = invent_numbers(1, seed=41)
    wait = RequestWait()
    worker.desk_request_executor.announce_presence()

    def buy_reporting_state() -> CreditCheck:
        with report_request_state_to(wait):
            return desk.credit_checks.purchase(PurchaseRequest(number, "1"), request_id="mine")

    with ThreadPoolExecutor(1) as thread:
        bought = thread.submit(buy_reporting_state)
        wait_until(lambda: wait.desk_request_id is not None, "the request")
        assert wait.desk_request_id is not None
        assert not wait.is_taken
        assert desk.own_desk_requests.withdraw(wait.desk_request_id)
        with pytest.raises(ConsoleError) as raised:
            bought.result(MAX_WAIT_SECONDS)
    assert (raised.value.code, raised.value.detail["reason"]) == ("interrupted", "withdrawn")
    assert wait.is_over
    assert not sandbox.ledger.list_charges_of_number(number)
    with keep_executing_desk_requests(worker):
        assert buy_reporting_state().corporation_number == number
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1
    assert not desk._context.spool.list_own_requests(desk._context.database_id) - {
        wait.desk_request_id,
        *list_own_requests(desk),
    }


def test_the_answer_for_a_killed_desk_is_marked(
    place: Place, sandbox: Sandbox, desk_worker_and_other: tuple[Console, Console, Console]
) -> None:
    """A desk is killed while the worker executes its request. The next process of this desk lists the request with
    its answer, and marks the answer as one that the person has never seen. Another desk doesn't mark it.
    """
    _, worker, _ = desk_worker_and_other
    first, second = invent_numbers(2, seed=43)
    with keep_executing_desk_requests(worker), place.open_desk(sandbox, desk=5) as desk:
        desk.credit_checks.purchase(PurchaseRequest(first, "1"))
    sandbox.control.add_fault("hang", call="purchase", number=second)
    command = [sys.executable, "-m", "console", "--json", "purchase", second, "--client", "1"]
    with keep_executing_desk_requests(worker):
        child = subprocess.Popen(command, env=place.make_environment(sandbox.url, "op-a", 5), stdout=subprocess.PIPE)
        try:
            assert sandbox.control.wait_until_counts_reached(held=1)
        finally:
            child.kill()
            child.communicate()
        sandbox.control.release_calls()
        with place.open_desk(sandbox, desk=5) as desk, place.open_desk(sandbox, desk=6) as elsewhere:
            wait_until(
                lambda: all(not one.is_open for one in desk.own_desk_requests.list_recent_requests()), "the answer"
            )
            own_list, other_list = (
                desk.own_desk_requests.list_recent_requests(),
                elsewhere.own_desk_requests.list_recent_requests(),
            )
    assert [(one.is_unanswered, _read_corporation_number(one)) for one in own_list] == [
        (True, second),
        (False, first),
    ]
    assert [one.is_unanswered for one in other_list] == [False, False]


def test_a_failed_request_is_listed_with_its_error(desk_worker_and_other: tuple[Console, Console, Console]) -> None:
    """A failed request is listed with the code and detail of its error. A desk that isn't in team mode has no list of
    requests.
    """
    desk, worker, _ = desk_worker_and_other
    with keep_executing_desk_requests(worker), pytest.raises(ConsoleError) as raised:
        desk.recovery.probe("credit-check", "4711")
    (request,) = desk.own_desk_requests.list_recent_requests()
    assert request.answer_error is not None
    assert (request.answer_error.code, request.answer_error.detail) == (raised.value.code, raised.value.detail)
    assert (request.action, request.subject_kind, request.subject_id) == ("probe", "credit-check", "4711")
    assert worker.own_desk_requests.list_recent_requests() == ()


def _read_corporation_number(request: OwnRequest) -> str | None:
    """Return the corporation number of the credit check that the request bought; None if the request has no credit
    check.
    """
    return request.answer_value.corporation_number if isinstance(request.answer_value, CreditCheck) else None
