"""A person is disabled after their desk has stored requests. A worker executes none of them, but each of them ends,
and the audit entries among them reach the trail.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.desk_requests.records import NewDeskRequest, TakenDeskRequest, make_request_id
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.desk_requests.execution import MAX_EXECUTIONS_PER_REQUEST
from console.services.guarded import answer_serialization
from console.services.process.context import act_for_requester
from console.store.audit.trail import AuditTrail, NewAuditEntry
from console.store.database.engine import Transaction
from console.store.desk_requests import requests
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode
from tests.support.waiting import wait_until

OPENED_RECORD_ENTRY = json.dumps(
    {"what": "credit-check.opened", "subject_kind": "credit-check", "subject_id": "1", "result": "done",
     "reason": None, "detail": {}}
)  # fmt: skip


@dataclass(frozen=True)
class DisabledScene:
    """A worker, the desk of op-b, and the desk of op-a, whose database account a test disables."""

    place: ServerPlace
    worker: Console
    desk: Console
    other_desk: Console

    @property
    def name(self) -> str:
        """The account name of op-a."""
        return self.place.get_account_name("op-a")

    def disable_person(self) -> None:
        """Disable op-a, and wait until the worker's node of a cluster has applied this."""
        self.place.sql(f"UPDATE operators SET disabled_at = UTC_TIMESTAMP() WHERE name = '{self.name}'")

        def is_disabled_for_worker() -> bool:
            with self.worker.database.read() as conn:
                query = text("SELECT disabled_at FROM operators WHERE name = :name")
                return conn.scalar(query, {"name": self.name}) is not None

        wait_until(is_disabled_for_worker, "the worker's node has the disabled person")

    def take_request(self) -> TakenDeskRequest:
        """Let the worker take the next request, and return it."""
        context = self.worker._context
        taken = context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), 45.0))
        assert taken is not None
        return taken

    def use_up_executions(self) -> None:
        """Take the request as often as a request may be executed; each time the lease ends without an answer."""
        for _ in range(MAX_EXECUTIONS_PER_REQUEST):
            self.take_request()
            self.place.sql("UPDATE requests SET lease_expires = 1")

    def list_entries(self, action: str) -> list[tuple[str, str]]:
        """Return (person, result) of all audit entries with this action."""
        return self.place.sql(f"SELECT who, result FROM audit_log WHERE what = '{action}' ORDER BY id")


def store_request(desk: Console, action: str, args: str, kind: str | None = None, id: object = None) -> str:
    """Store a desk request for `action` with the JSON text `args` as its arguments, about the record with this
    kind and id, or about none. Return the request's id.
    """
    request = NewDeskRequest(make_request_id(), action, args, kind, None if id is None else str(id))
    desk._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
    return request.id


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[DisabledScene]:
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a", "op-b")
    with ExitStack() as stack:
        worker = stack.enter_context(place.open_desk(sandbox, person="worker", desk=1))
        desk = stack.enter_context(place.open_desk(sandbox, person="op-a", desk=2))
        other = stack.enter_context(place.open_desk(sandbox, person="op-b", desk=3))
        yield DisabledScene(place, worker, desk, other)


def test_openings_of_a_disabled_person_reach_the_trail(scene: DisabledScene) -> None:
    """A person has opened records and is disabled before a worker writes the entries: each entry is written in the
    person's name at the first attempt, and then the entry of another person.
    """
    for desk in (*[scene.desk] * 3, scene.other_desk):
        store_request(desk, "audit", OPENED_RECORD_ENTRY)
    scene.disable_person()
    assert [scene.worker.desk_request_executor.execute_next() for _ in range(5)] == [True] * 4 + [False]
    assert scene.place.sql("SELECT DISTINCT state, fence FROM requests") == [("ended", 1)]
    other_name = scene.place.get_account_name("op-b")
    assert scene.list_entries("credit-check.opened") == [(scene.name, "done")] * 3 + [(other_name, "done")]


@pytest.mark.expects_log("the database refuses the acts of a disabled person")
def test_no_act_of_a_disabled_person_is_executed(scene: DisabledScene, sandbox: Sandbox) -> None:
    """A person has asked for a note and a purchase, and is disabled before a worker acts: both requests end with a
    refusal, and nothing is written or bought.
    """
    number, other_number = invent_numbers(2, seed=33)
    with keep_executing_desk_requests(scene.worker):
        check = scene.desk.credit_checks.purchase(PurchaseRequest(number, "1"))
    store_request(scene.desk, "note", f'["credit-check", {check.id}, "x"]', "credit-check", check.id)
    purchase = answer_serialization.serialize_value(PurchaseRequest(other_number, "1"))
    store_request(scene.desk, "purchase", json.dumps([purchase]), "company", other_number)
    scene.disable_person()
    assert [scene.worker.desk_request_executor.execute_next() for _ in range(3)] == [True, True, False]
    rows = scene.place.sql("SELECT state, fence, result FROM requests ORDER BY at DESC LIMIT 2")
    assert [(state, fence) for state, fence, _ in rows] == [("ended", 1)] * 2
    assert all("not_allowed" in result for *_, result in rows)
    assert scene.place.sql("SELECT COUNT(*) FROM notes") == [(0,)]
    assert sandbox.ledger.list_charges_of_number(other_number) == []


_INSERT_REQUEST_ID_SQL = (
    "INSERT INTO request_ids (person, request_id, command, fingerprint, state, begun_ms, desk, host, process, since,"
    " token, lease_clock, lease_expires, fence) VALUES ('{name}', '{id}', 'c', 'f', 'running', 1, 'd', 'h', 1,"
    " SYSDATE(), 't', 'server', 1, 1)"
)


def test_the_database_accepts_only_audit_entries_for_a_disabled_person(scene: DisabledScene) -> None:
    """While a worker executes a request of a person, it may store a request id in the person's name. Each act except
    an audit entry begins with this write. After the person has been disabled, the database refuses to store the
    request id.
    """
    store_request(scene.desk, "audit", OPENED_RECORD_ENTRY)
    taken = scene.take_request()

    def store_request_id(id: str) -> None:
        sql = _INSERT_REQUEST_ID_SQL.format(name=scene.name, id=id)
        with act_for_requester(taken):
            scene.worker.database.write(lambda tx: tx.conn.execute(text(sql)))

    store_request_id("before")
    scene.disable_person()
    with pytest.raises(ConsoleError) as refused:
        store_request_id("after")
    assert "a request id is stored in the name of its own person" in str(refused.value.detail["problem"])


@pytest.mark.expects_log("a request that is given up")
@pytest.mark.parametrize("action", ["probe", "audit"])
def test_a_request_of_a_disabled_person_is_given_up(scene: DisabledScene, action: str) -> None:
    """Eight executions of a request have not ended, and its person has been disabled: the request ends, also if it is
    for an audit entry, and an audit entry says so.
    """
    arguments = {"probe": '["credit-check", "1"]', "audit": OPENED_RECORD_ENTRY}
    store_request(scene.desk, action, arguments[action], "credit-check", 1)
    scene.use_up_executions()
    scene.disable_person()
    assert scene.worker.desk_request_executor.execute_next()
    assert scene.place.sql("SELECT state, fence FROM requests") == [("ended", MAX_EXECUTIONS_PER_REQUEST + 1)]
    assert scene.list_entries("request.given_up") == [(scene.name, "failed")]


@pytest.mark.expects_log("an entry that the database refuses")
@pytest.mark.parametrize("is_given_up", [False, True])
def test_an_entry_refused_in_the_persons_name_is_written_by_the_worker(
    scene: DisabledScene, monkeypatch: pytest.MonkeyPatch, *, is_given_up: bool
) -> None:
    """The database refuses every audit entry in the person's name: the worker writes an entry in its own name, with
    the person as a fact, and the request ends.
    """
    store_request(scene.desk, "audit", OPENED_RECORD_ENTRY)
    if is_given_up:
        scene.use_up_executions()
    record_all = AuditTrail.record_all

    def refuse_name_of_person(trail: AuditTrail, tx: Transaction, entries: Sequence[NewAuditEntry]) -> None:
        if any(entry.person == scene.name for entry in entries):
            raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.REFUSED_BY_THE_DATABASE})
        record_all(trail, tx, entries)

    monkeypatch.setattr(AuditTrail, "record_all", refuse_name_of_person)
    assert scene.worker.desk_request_executor.execute_next()
    assert scene.place.sql("SELECT state FROM requests") == [("ended",)]
    action = "request.given_up" if is_given_up else "request.unreadable"
    ((person, detail),) = scene.place.sql(f"SELECT who, detail FROM audit_log WHERE what = '{action}'")
    assert (person, json.loads(detail)["person"]) == (scene.worker.database.account_name, scene.name)
