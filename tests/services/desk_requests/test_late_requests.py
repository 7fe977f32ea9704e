"""A worker takes a desk request and ends. Hours later the next worker executes no request that was not begun in time,
and still answers each request that was begun.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from types import NoneType

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.bulk.records import ChosenRecord
from console.domain.desk_requests.records import NewDeskRequest, OwnRequestState, TakenDeskRequest, make_request_id
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.bulk.execute import BulkExecutor
from console.services.desk_requests.own_requests import parse_stored_answer
from console.services.guarded import answer_serialization
from console.services.guarded.answer_serialization import CallAnswer
from console.store.desk_requests import requests
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode

UNKNOWN_ANSWER = ("outcome_unknown", {"reason": "asked"})
"""Code and detail of the answer to a request whose outcome nobody knows."""


class SimulatedKill(BaseException):
    """An exception that stands for the end of a worker's process."""


@dataclass(frozen=True)
class DeskWithTwoWorkers:
    """A desk of op-a, and two workers that never run at the same time."""

    place: Place
    sandbox: Sandbox
    desk: Console
    first_worker: Console
    second_worker: Console

    def store_request(
        self, action: str, *arguments: object, kind: str, id: object, request_id: str | None = None
    ) -> str:
        """Store a desk request of op-a, and return its id."""
        args = json.dumps([answer_serialization.serialize_value(argument) for argument in arguments])
        request = NewDeskRequest(make_request_id(), action, args, kind, str(id), request_id=request_id)
        self.desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
        return request.id

    def take_request(self) -> TakenDeskRequest:
        """Let the first worker take the next request, and return it."""
        context = self.first_worker._context
        taken = context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), 45.0))
        assert taken is not None
        return taken

    def make_taken_requests_old(self, seconds: int = 36_000) -> None:
        """Let this many seconds pass for the taken requests: their workers have ended."""
        self.place.sql(
            "UPDATE request_ids SET lease_expires = 1",
            "UPDATE requests SET lease_expires = 1 WHERE state = 'taken'",
            f"UPDATE requests SET at = at - INTERVAL {seconds} SECOND,"
            f" expires_at = expires_at - INTERVAL {seconds} SECOND WHERE state = 'taken'",
        )

    def read_state(self, request: str) -> str:
        """Return the stored state of the request."""
        return str(self.place.sql(f"SELECT state FROM requests WHERE id = '{request}'")[0][0])

    def read_answer(self, request: str) -> CallAnswer:
        """Return the stored answer of the request, which must have ended."""
        ((state, result),) = self.place.sql(f"SELECT state, result FROM requests WHERE id = '{request}'")
        assert state == "ended"
        return parse_stored_answer(result)[0]

    def buy(self, seed: int) -> CreditCheck:
        """Buy the credit check of an invented company, whose number `seed` decides, by way of the first worker.
        Return its record.
        """
        (number,) = invent_numbers(1, seed=seed)
        self.first_worker.desk_request_executor.announce_presence()
        with keep_executing_desk_requests(self.first_worker):
            return self.desk.credit_checks.purchase(PurchaseRequest(number, "1"))


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[DeskWithTwoWorkers]:
    start_team_mode(place, "op-a")
    with ExitStack() as stack:
        desk = stack.enter_context(place.open_desk(sandbox))
        first = stack.enter_context(place.open_desk(sandbox, person="worker", desk=1))
        second = stack.enter_context(place.open_desk(sandbox, person="worker", desk=2))
        yield DeskWithTwoWorkers(place, sandbox, desk, first, second)


@pytest.mark.parametrize("is_given_back", [True, False])
def test_a_request_that_no_worker_began_is_not_run_late(scene: DeskWithTwoWorkers, *, is_given_back: bool) -> None:
    """The only worker takes a purchase request and ends before it begins: it gives the request back, or it is killed.
    When a worker starts after the request's time, the request lapses, and nothing is bought.
    """
    (number,) = invent_numbers(1, seed=61)
    request = scene.store_request("purchase", PurchaseRequest(number, "1"), kind="company", id=number)
    taken = scene.take_request()
    if is_given_back:
        scene.first_worker._context.write(lambda tx: requests.end_lease(tx.conn, taken))
    scene.make_taken_requests_old(60)
    assert scene.second_worker.desk_request_executor.count_waiting_requests() == 1
    assert not scene.second_worker.desk_request_executor.execute_next()
    assert scene.read_state(request) == "lapsed"
    assert [own.state for own in scene.desk.own_desk_requests.list_recent_requests()] == [OwnRequestState.LAPSED]
    assert scene.sandbox.ledger.list_charges_of_number(number) == []


def test_a_request_whose_worker_died_before_any_write_lapses(
    scene: DeskWithTwoWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker was killed after it had stored the request id, and before it wrote or sent anything. The request
    lapses, and another worker does not execute it.
    """
    (number,) = invent_numbers(1, seed=62)
    request = scene.store_request("purchase", PurchaseRequest(number, "1"), kind="company", id=number)

    def kill_at_step(name: str) -> None:
        if name == "after_request_id":
            raise SimulatedKill

    monkeypatch.setattr(scene.first_worker._context.failpoints, "reach", kill_at_step)
    taken = scene.take_request()
    with pytest.raises(SimulatedKill):
        scene.first_worker.desk_request_executor._make_answer(taken)
    assert scene.place.sql("SELECT state, subject_kind FROM request_ids") == [("running", None)]
    scene.make_taken_requests_old()
    scene.second_worker.desk_request_executor.execute_next()
    assert scene.read_state(request) == "lapsed"
    assert scene.sandbox.ledger.list_charges_of_number(number) == []


def test_an_approval_that_no_worker_began_is_not_run_late(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """An approver approves a refund with the password, and the only worker is killed before it begins. Hours later
    the next worker sends no refund, and the approver can withdraw the approval.
    """
    start_team_mode(place, "op-a", "lead-b")
    settings = {"REFUND_COOLING_OFF_SECONDS": "0", **make_settings(sandbox.url)}
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1, **settings) as worker,
        place.open_desk(sandbox, clock, person="worker", desk=2, **settings) as second,
        open_payment_desk(place, sandbox, clock) as payment_scene,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as lead,
    ):
        desk = payment_scene.console
        with keep_executing_desk_requests(worker):
            desk.payments.start(payment_scene.insert_order("ORD-1", 3300), "paypay")
            payment_scene.money.change_payment_state("paypay", "ORD-1", "paid")
            payment = payment_scene.find_payment("paypay", "ORD-1")
            assert payment is not None
            desk.payments.probe(payment.id)
            refund = desk.refunds.request(
                RefundRequest(payment.id, "1000", "returned", reason_code=RefundReason.WRONG_AMOUNT)
            )
        request = NewDeskRequest(
            make_request_id(), "refund approve", f"[{refund.id}, null]", "refund", str(refund.id),
            is_password_confirmed=True,
        )  # fmt: skip
        lead._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
        scene = DeskWithTwoWorkers(place, sandbox, lead, worker, second)
        scene.take_request()
        scene.make_taken_requests_old()
        second.desk_request_executor.execute_next()
        assert place.sql("SELECT status FROM refunds") == [("requested",)]
        assert scene.read_state(request.id) == "lapsed"
        assert lead.own_desk_requests.withdraw(request.id)


def test_a_late_request_is_answered_with_its_stored_answer(scene: DeskWithTwoWorkers) -> None:
    """The first worker bought and was killed before it answered. Hours later the next worker answers with the
    purchase, and buys nothing.
    """
    (number,) = invent_numbers(1, seed=63)
    request = scene.store_request("purchase", PurchaseRequest(number, "1"), kind="company", id=number)
    scene.first_worker.desk_request_executor._make_answer(scene.take_request())
    scene.make_taken_requests_old()
    assert scene.second_worker.desk_request_executor.execute_next()
    answer = scene.read_answer(request)
    assert isinstance(answer.value, CreditCheck)
    assert answer.value.corporation_number == number
    assert len(scene.sandbox.ledger.list_charges_of_number(number)) == 1


@pytest.mark.parametrize(("fault", "code"), [(None, None), ("status:422", "provider_refused")])
def test_only_the_answer_to_an_earlier_call_is_a_repetition(
    scene: DeskWithTwoWorkers, fault: str | None, code: str | None
) -> None:
    """A worker takes over a request that a killed worker has executed: the person gets the answer as a first one, not
    marked as a repetition. The answer to the person's next call with the same request id is marked as a repetition,
    also after a takeover.
    """
    (number,) = invent_numbers(1, seed=69)
    if fault is not None:
        scene.sandbox.control.add_fault(fault, call="purchase", number=number)
    for is_repetition in (False, True):
        request = scene.store_request(
            "purchase", PurchaseRequest(number, "1"), kind="company", id=number, request_id="job-1"
        )
        scene.first_worker.desk_request_executor._make_answer(scene.take_request())
        scene.make_taken_requests_old(30)
        assert scene.second_worker.desk_request_executor.execute_next()
        ((result,),) = scene.place.sql(f"SELECT result FROM requests WHERE id = '{request}'")
        answer, is_marked = parse_stored_answer(result)
        assert (answer.error and answer.error.code, is_marked) == (code, is_repetition)
        assert answer.error is None or ("duplicate" in answer.error.detail) is is_repetition


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_worker_whose_database_fails_does_not_deny_an_earlier_purchase(
    scene: DeskWithTwoWorkers, monkeypatch: pytest.MonkeyPatch, *, is_begun: bool
) -> None:
    """The first worker was killed, after or before it bought. The next worker can't read the database. It answers
    with this failure, which says that nothing was sent, only if nothing was bought; otherwise a later worker answers
    with the purchase.
    """
    (number,) = invent_numbers(1, seed=67)
    request = scene.store_request("purchase", PurchaseRequest(number, "1"), kind="company", id=number)
    taken = scene.take_request()
    if is_begun:
        scene.first_worker.desk_request_executor._make_answer(taken)
    scene.make_taken_requests_old(30)

    def raise_unreachable(*_: object) -> None:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    with monkeypatch.context() as patch:
        patch.setattr(requests, "read_request_file", raise_unreachable)
        with pytest.raises(ConsoleError) if is_begun else nullcontext():
            scene.second_worker.desk_request_executor.execute_next()
    if is_begun:
        assert scene.read_state(request) == "taken"
        scene.make_taken_requests_old(0)
        assert scene.second_worker.desk_request_executor.execute_next()
    answer = scene.read_answer(request)
    assert (type(answer.value), answer.error and answer.error.code) == (
        (CreditCheck, None) if is_begun else (NoneType, "database_unreachable")
    )


def test_a_worker_of_another_version_does_not_deny_an_earlier_purchase(scene: DeskWithTwoWorkers) -> None:
    """The first worker bought and was killed before it answered. The next worker doesn't know the command of the
    request: it answers that the outcome is unknown, not that the request was refused.
    """
    (number,) = invent_numbers(1, seed=68)
    request = scene.store_request("purchase", PurchaseRequest(number, "1"), kind="company", id=number)
    scene.first_worker.desk_request_executor._make_answer(scene.take_request())
    scene.make_taken_requests_old(30)
    scene.second_worker.desk_request_executor._form_by_command = {}
    assert scene.second_worker.desk_request_executor.execute_next()
    error = scene.read_answer(request).error
    assert (error and (error.code, error.detail)) == UNKNOWN_ANSWER


@pytest.mark.parametrize(("seconds", "is_executed"), [(90, True), (36_000, False)])
def test_a_begun_request_is_executed_again_only_shortly_after_its_time(
    scene: DeskWithTwoWorkers, monkeypatch: pytest.MonkeyPatch, seconds: int, *, is_executed: bool
) -> None:
    """A worker has begun a request and stored something, but the answer can't be found. Shortly after the request's
    time the next worker executes it; hours later it answers that the outcome is unknown.
    """
    check = scene.buy(64)
    request = scene.store_request("take", "credit-check", check.id, kind="credit-check", id=check.id)
    with monkeypatch.context() as patch:
        patch.setattr(type(scene.first_worker.request_ids), "_end_call", lambda *_: True)
        scene.first_worker.desk_request_executor._make_answer(scene.take_request())
    scene.make_taken_requests_old(seconds)
    assert scene.second_worker.desk_request_executor.execute_next()
    error = scene.read_answer(request).error
    assert (error and (error.code, error.detail)) == (None if is_executed else UNKNOWN_ANSWER)
    assert scene.place.sql("SELECT fence FROM request_ids WHERE command = 'take'") == [(1 + is_executed,)]


def test_a_begun_bulk_run_is_continued_hours_later(
    scene: DeskWithTwoWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed while it executes a bulk run of takes, which only its maker may continue. Hours later the
    next worker continues the run and answers the request.
    """
    check = scene.buy(65)
    with keep_executing_desk_requests(scene.first_worker):
        run = scene.desk.bulk_runs.create_run("take", [ChosenRecord("credit-check", check.id, check.version)])
    request = scene.store_request("bulk run", run.id, None, kind="bulk-run", id=run.id)

    def raise_process_killed(*_: object) -> None:
        raise SimulatedKill

    taken = scene.take_request()
    with monkeypatch.context() as patch:
        patch.setattr(BulkExecutor, "_run_rows", raise_process_killed)
        with pytest.raises(SimulatedKill):
            scene.first_worker.desk_request_executor._make_answer(taken)
    assert scene.place.sql("SELECT state FROM bulk_runs") == [("running",)]
    scene.make_taken_requests_old()
    assert scene.second_worker.desk_request_executor.execute_next()
    assert scene.read_answer(request).error is None
    assert scene.place.sql("SELECT state FROM bulk_runs") == [("done",)]


def test_a_run_of_due_tasks_taken_over_late_is_not_repeated(scene: DeskWithTwoWorkers) -> None:
    """The database doesn't know if a worker has begun a request for due tasks. Hours later the next worker runs none,
    and answers that the outcome is unknown.
    """
    request = NewDeskRequest(make_request_id(), "run due", "[]")
    scene.desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
    scene.take_request()
    scene.make_taken_requests_old()
    assert scene.second_worker.desk_request_executor.execute_next()
    error = scene.read_answer(request.id).error
    assert (error and (error.code, error.detail)) == UNKNOWN_ANSWER
    assert scene.place.sql("SELECT COUNT(*) FROM tasks") == [(0,)]


def test_a_worker_that_slept_executes_nothing_late(scene: DeskWithTwoWorkers) -> None:
    """A worker takes a request, and its machine sleeps until the request's time is over. After that the worker
    can't renew the lease of the request, so it can't act for the person.
    """
    scene.store_request("probe", "credit-check", 1, kind="credit-check", id=1)
    taken = scene.take_request()
    assert scene.first_worker._context.write(lambda tx: requests.renew_lease(tx.conn, taken, 45.0))
    scene.make_taken_requests_old()
    assert not scene.first_worker._context.write(lambda tx: requests.renew_lease(tx.conn, taken, 45.0))


def test_a_late_beat_begins_no_lease_again_that_the_worker_has_ended(scene: DeskWithTwoWorkers) -> None:
    """A worker that ends gives a request back while a beat of its heartbeat is running. The beat doesn't renew the
    lease, so that another worker can take the request at once.
    """
    scene.store_request("probe", "credit-check", 1, kind="credit-check", id=1)
    taken = scene.take_request()
    executor = scene.first_worker.desk_request_executor
    assert executor._renew_desk_request_lease(taken)
    scene.first_worker._context.write(lambda tx: requests.end_lease(tx.conn, taken))
    assert not executor._renew_desk_request_lease(taken)
    assert scene.second_worker.desk_request_executor.count_waiting_requests() == 1


_TAKE_OVER_SQL = (
    "UPDATE requests SET taken_by = '{worker}', worker = 's', lease_expires = {lease_ms}, fence = fence + 1"
    " WHERE id = '{request}'"
)
_RENEW_SQL = "UPDATE requests SET lease_expires = {lease_ms} WHERE id = '{request}'"
_LAPSE_SQL = "UPDATE requests SET state = 'lapsed' WHERE id = '{request}'"
_LEASE_END_MS_SQL = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + 45000"


@pytest.mark.parametrize(
    ("statement", "is_begun", "is_old", "is_accepted"),
    [
        (_TAKE_OVER_SQL, False, True, False),
        (_RENEW_SQL, False, True, False),
        (_TAKE_OVER_SQL, True, True, True),
        (_RENEW_SQL, True, True, True),
        (_LAPSE_SQL, True, True, False),
        (_LAPSE_SQL, False, False, False),
        (_LAPSE_SQL, False, True, True),
    ],
)
def test_the_database_refuses_late_leases_and_early_lapses(
    scene: DeskWithTwoWorkers, statement: str, *, is_begun: bool, is_old: bool, is_accepted: bool
) -> None:
    """If no worker began a request in time, the database refuses statements of the worker's account that take the
    request over or renew its lease. It also refuses to set a request to lapsed if the request was begun or if its
    time isn't over.
    """
    check = scene.buy(66)
    request = scene.store_request("note", "credit-check", check.id, "called", kind="credit-check", id=check.id)
    taken = scene.take_request()
    if is_begun:
        scene.first_worker.desk_request_executor._make_answer(taken)
    if is_old:
        scene.make_taken_requests_old()
    else:
        scene.place.sql("UPDATE requests SET lease_expires = 1 WHERE state = 'taken'")
    sql = statement.format(
        worker=scene.first_worker.database.account_name, lease_ms=_LEASE_END_MS_SQL, request=request
    )
    database = scene.first_worker.database
    if is_accepted:
        database.write(lambda tx: tx.conn.execute(text(sql)))
    else:
        with pytest.raises(ConsoleError) as refused:
            database.write(lambda tx: tx.conn.execute(text(sql)))
        assert refused.value.detail["reason"] == "refused_by_the_database"
