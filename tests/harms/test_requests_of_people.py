"""The worker can act in a person's name only with a desk request of that person. Neither the worker alone, nor
another person, nor both together can replace the request."""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest

from console.domain.desk_requests.records import make_request_id
from tests.harms.attacks import ERROR_NUMBERS_OF_INVALID_STATEMENTS
from tests.store.forbidden import CHECKS_TABLE, NOW_SQL
from tests.support import server_fixtures
from tests.support.places import Engine, use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import Team, apply_accounts

LEASE_END_MS_SQL = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + 45000"
CORPORATION_NUMBER = "1180301018771"
PAYMENT_ID = 1
UNREFUNDED_PAYMENT_ID = 2
REFUND_ID = 1
REFUND_YEN = 300
PEOPLE = {"op-a": ["operator"], "lead-b": ["approver"], "lead-c": ["approver"]}
SERVER_TIME_SQL = f"{NOW_SQL}"
_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]


ARGUMENTS_BY_ACTION = {
    "refund request": '[{{"of": {{"reason": "broken"}}}}]',
    "resolve": '["payment", "1", "", "seen"]',
}
"""Arguments of a request with the words that these tests store; braces are doubled for
`RequestingTeam.execute_in_session`."""


@dataclass(frozen=True)
class RequestingTeam:
    """A team whose people act by desk requests, with a paid payment and a refund of it that op-a has requested."""

    team: Team

    def execute_in_session(self, person: str, *statements: str) -> list[tuple[Any, ...]]:
        """Execute the statements in one session with AUTOCOMMIT, and return the rows of the last statement. Raises
        pymysql.MySQLError at the first refused statement. `{me}` in a statement means the account of `person`, and
        for example `{op_a}` that of op-a.
        """
        names = {short.replace("-", "_"): name for short, name in self.team.names.items()}
        connection = self.team.open_connection(person)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.format(me=self.team.names.get(person, person), **names))
                return list(cursor.fetchall())
        finally:
            connection.close()

    def check_refused(self, person: str, *statements: str) -> None:
        with pytest.raises(pymysql.MySQLError) as caught:
            self.execute_in_session(person, *statements)
        assert caught.value.args[0] not in ERROR_NUMBERS_OF_INVALID_STATEMENTS, (caught.value, statements)

    def store_request(
        self, person: str, action: str, kind: str | None = None, id: object = None, **more: object
    ) -> str:
        """Store a request for `action` about the record `kind` and `id`, confirmed with the password, as this
        person's desk stores it. Return the id of the request. `more` replaces or adds columns of the row.
        """
        request = make_request_id()
        values = {"id": request, "action": action, "args": ARGUMENTS_BY_ACTION.get(action, "[]"), "desk": "d",
                  "subject_kind": kind, "subject_id": id, "confirmed": 1}  # fmt: skip
        self.execute_in_session(person, _make_insert("requests", values | more))
        return request

    def take_request(self, request: str) -> tuple[str, str]:
        """Let the worker take this request. Return the statements by which a session of the worker acts for the
        person of the request."""
        self.execute_in_session(
            "worker",
            "UPDATE requests SET state = 'taken', taken_by = '{me}', worker = 's', lease_clock = 'server',"
            f" lease_expires = {LEASE_END_MS_SQL}, fence = fence + 1 WHERE id = '{request}'",
        )
        return ("SET NAMES utf8mb4", f"SET @console_request = '{request}'")


def _make_insert(table: str, values: Mapping[str, object]) -> str:
    texts = [
        "NULL" if value is None else str(value)[1:] if str(value).startswith("=") else f"'{value}'"
        for value in values.values()
    ]
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(texts)})"


def make_vote_insert(person: str, refund_id: int = REFUND_ID) -> str:
    return _make_insert(
        "approvals",
        {"subject_kind": "refund", "subject_id": refund_id, "action": "refund.approve", "proposed": "approved",
         "person": f"{{{person}}}", "at": f"={SERVER_TIME_SQL}"},
    )  # fmt: skip


def make_refund_statements(
    maker: str, minor: int = REFUND_YEN, payment_id: int = UNREFUNDED_PAYMENT_ID, id: int | None = None
) -> tuple[str, str]:
    """Return two SQL statements: one that reserves the amount of the payment, and one that inserts a refund request
    of `maker`.
    """
    reserve = (
        f"UPDATE payments SET reserved_minor = reserved_minor + {minor}, version = version + 1"
        f" WHERE id = {payment_id}"
    )
    row = {
        "payment_id": payment_id, "refund_amount": minor, "currency": "JPY", "status": "requested",
        "maker": f"{{{maker}}}", "reason": "broken", "saw": "[]", "radar": "[]", "checkers_needed": 1,
        "decide_by": f"={NOW_SQL} + INTERVAL 72 HOUR", "created_at": f"={NOW_SQL}", "changed_at": f"={NOW_SQL}",
    }  # fmt: skip
    return reserve, _make_insert("refunds", row if id is None else {"id": id} | row)


@contextmanager
def open_requesting_team(engine: Engine, *, can_act: bool) -> Iterator[RequestingTeam]:
    """Yield the people of PEOPLE on a server of `engine`, with the payments of `_make_payment_inserts`. If `can_act`
    is True, they execute their actions at their own desks; otherwise they send desk requests to the worker.
    """
    with use_shared_nodes(engine) as nodes, lend_team(nodes) as people:
        entries = [
            {"name": people.names[name], "roles": roles, "may_buy": True, "acts": can_act}
            for name, roles in PEOPLE.items()
        ]
        apply_accounts(people.owner, entries, {})
        made = RequestingTeam(people)
        made.execute_in_session("owner", *_make_payment_inserts(people.names["op-a"]))
        yield made


@pytest.fixture(scope="module", params=_ENGINES)
def requesting_team(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    with open_requesting_team(request.param, can_act=False) as made:
        yield made


def _make_payment_inserts(maker: str) -> Sequence[str]:
    """Return statements that insert two paid payments of 1,000 yen, and a refund of the first one that waits for its
    approver."""
    payment = {
        "provider": "paypay", "currency": "JPY", "asked_minor": 1000, "captured_minor": 1000, "status": "completed",
        "certainty": "known", "work_state": "none", "created_at": f"={NOW_SQL}", "changed_at": f"={NOW_SQL}",
        "paid_at": f"={NOW_SQL}",
    }  # fmt: skip
    return (
        "SET SESSION sql_mode = ''",
        _make_insert(
            "payments", {"id": PAYMENT_ID, "merchant_payment_id": "ORD-1", "reserved_minor": REFUND_YEN} | payment
        ),
        _make_insert("payments", {"id": UNREFUNDED_PAYMENT_ID, "merchant_payment_id": "ORD-2"} | payment),
        make_refund_statements("maker", payment_id=PAYMENT_ID, id=REFUND_ID)[1].replace("{maker}", maker),
    )


ACTIONS_OTHER_THAN_APPROVE = ("probe", "take", "refund withdraw", "refund submit", "note", "resolve", "purchase")


@pytest.mark.parametrize("action", ACTIONS_OTHER_THAN_APPROVE)
def test_a_request_for_another_action_is_no_vote(requesting_team: RequestingTeam, action: str) -> None:
    """lead-b requests another action about a refund than its approval. The worker can't store an approval of lead-b
    with this request."""
    taken = requesting_team.take_request(requesting_team.store_request("lead-b", action, "refund", REFUND_ID))
    requesting_team.check_refused("worker", *taken, make_vote_insert("lead_b"))


def test_a_vote_counts_only_for_its_refund(requesting_team: RequestingTeam) -> None:
    for kind, id in (("refund", 2), ("payment", REFUND_ID), ("refund", None), (None, None), ("refund", "1 ")):
        taken = requesting_team.take_request(requesting_team.store_request("lead-b", "refund approve", kind, id))
        requesting_team.check_refused("worker", *taken, make_vote_insert("lead_b"))


def test_a_vote_needs_the_password(requesting_team: RequestingTeam) -> None:
    """If a request to approve was stored without the person's password, the worker can store no approval with it, and
    can't mark the request as confirmed later."""
    request = requesting_team.store_request("lead-b", "refund approve", "refund", REFUND_ID, confirmed=0)
    requesting_team.check_refused("worker", f"UPDATE requests SET confirmed = 1 WHERE id = '{request}'")
    requesting_team.check_refused("worker", *requesting_team.take_request(request), make_vote_insert("lead_b"))


@pytest.mark.parametrize("person", ["op_a", "lead_c", "worker"])
def test_a_desk_request_permits_nothing_in_another_persons_name(requesting_team: RequestingTeam, person: str) -> None:
    """With lead-b's request, the worker can store neither an approval in another person's name nor one in its own
    name.
    """
    taken = requesting_team.take_request(
        requesting_team.store_request("lead-b", "refund approve", "refund", REFUND_ID)
    )
    requesting_team.check_refused("worker", *taken, make_vote_insert(person))


@pytest.mark.parametrize(
    "changed_arguments",
    [
        {"action": "probe"},
        {"action": "refund request", "amount_minor": REFUND_YEN + 1},
        {"action": "refund request", "amount_minor": None},
        {"action": "refund request", "amount_minor": REFUND_YEN, "id": PAYMENT_ID},
        {"action": "refund request", "amount_minor": REFUND_YEN, "kind": "order"},
    ],
)
def test_the_worker_cannot_store_a_refund_of_another_amount(
    requesting_team: RequestingTeam, changed_arguments: dict[str, Any]
) -> None:
    facts = {"kind": "payment", "id": UNREFUNDED_PAYMENT_ID, **changed_arguments}
    taken = requesting_team.take_request(requesting_team.store_request("op-a", **facts))
    requesting_team.check_refused("worker", *taken, "START TRANSACTION", *make_refund_statements("op_a"))


OTHER_CORPORATION_NUMBER = "5010001192707"


def make_check_insert(number: str = CORPORATION_NUMBER) -> str:
    """Return the INSERT statement of a credit check of this corporation number whose purchase begins, as the services
    write it."""
    row = {
        "client_id": 1, "corporation_number": number, "status": "pending", "certainty": "known", "work_state": "none",
        "operation_id": str(uuid.uuid4()), "version": 1, "created_at": f"={NOW_SQL}", "changed_at": f"={NOW_SQL}",
    }  # fmt: skip
    return _make_insert(CHECKS_TABLE, row)


@pytest.mark.parametrize(
    ("person", "action", "number"),
    [
        ("op-a", "purchase", OTHER_CORPORATION_NUMBER), ("op-a", "purchase", ""), ("op-a", "purchase",
        f"{CORPORATION_NUMBER} "),
        ("op-a", "refetch", CORPORATION_NUMBER), ("lead-b", "refund approve", CORPORATION_NUMBER),
    ],
)  # fmt: skip
def test_the_worker_cannot_store_a_purchase_of_another_company(
    requesting_team: RequestingTeam, person: str, action: str, number: str
) -> None:
    taken = requesting_team.take_request(requesting_team.store_request(person, action, "company", number))
    requesting_team.check_refused("worker", *taken, make_check_insert())
    requesting_team.check_refused("worker", make_check_insert())
    request_statements = requesting_team.take_request(
        requesting_team.store_request("op-a", "purchase", "company", CORPORATION_NUMBER)
    )
    requesting_team.execute_in_session(
        "worker", *request_statements, "START TRANSACTION", make_check_insert(), "ROLLBACK"
    )


def test_the_worker_alone_stores_no_approval_of_a_person(requesting_team: RequestingTeam) -> None:
    """The worker can't store an approval in lead-b's name without a valid request. The test tries it without a
    request, and with a request that is invented, has ended, has expired, whose lease has expired, or that the worker
    hasn't taken."""
    waiting = requesting_team.store_request("lead-b", "refund approve", "refund", REFUND_ID)
    requesting_team.check_refused("worker", make_vote_insert("lead_b"))
    for request_id in (waiting, str(uuid.uuid4()), "", "%"):
        requesting_team.check_refused("worker", f"SET @console_request = '{request_id}'", make_vote_insert("lead_b"))
    ended = requesting_team.take_request(waiting)
    requesting_team.execute_in_session(
        "worker", f"UPDATE requests SET state = 'ended', result = '', ended_at = {NOW_SQL} WHERE id = '{waiting}'"
    )
    requesting_team.check_refused("worker", *ended, make_vote_insert("lead_b"))
    lapsed = requesting_team.take_request(
        request := requesting_team.store_request("lead-b", "refund approve", "refund", REFUND_ID)
    )
    requesting_team.execute_in_session("owner", f"UPDATE requests SET lease_expires = 1 WHERE id = '{request}'")
    requesting_team.check_refused("worker", *lapsed, make_vote_insert("lead_b"))
    late = requesting_team.store_request("lead-b", "refund approve", "refund", REFUND_ID)
    requesting_team.execute_in_session(
        "owner", f"UPDATE requests SET expires_at = {NOW_SQL} - INTERVAL 1 SECOND WHERE id = '{late}'"
    )
    with pytest.raises(pymysql.MySQLError):
        requesting_team.take_request(late)


def _make_rejection(refund_id: int = REFUND_ID) -> str:
    return (
        "UPDATE refunds SET status = 'rejected', declined_because = 'no', work_state = 'none',"
        f" changed_at = {NOW_SQL}, version = version + 1 WHERE id = {refund_id}"
    )


@pytest.mark.parametrize(
    ("action", "arguments", "decision"),
    [
        ("refund approve", "[1, {seen}]", make_vote_insert("lead_b")),
        ("refund reject", '[1, "no", {seen}]', _make_rejection()),
    ],
)
def test_a_decision_is_about_the_version_of_the_refund_that_the_person_has_seen(
    requesting_team: RequestingTeam, action: str, arguments: str, decision: str
) -> None:
    """The database refuses the worker's decision in lead-b's name about a refund that has changed since lead-b saw
    it, and accepts one about the seen version. A request that names no version is for any version."""
    ((version,),) = requesting_team.execute_in_session("owner", f"SELECT version FROM refunds WHERE id = {REFUND_ID}")
    for seen, is_accepted in ((version - 1, False), (version + 1, False), (f'"{version} "', False), (version, True),
                              ("null", True)):  # fmt: skip
        taken = requesting_team.take_request(
            requesting_team.store_request("lead-b", action, "refund", REFUND_ID, args=arguments.format(seen=seen))
        )
        if is_accepted:
            requesting_team.execute_in_session("worker", *taken, "START TRANSACTION", decision, "ROLLBACK")
        else:
            with pytest.raises(pymysql.MySQLError, match="the person has not asked for this decision"):
                requesting_team.execute_in_session("worker", *taken, "START TRANSACTION", decision, "ROLLBACK")


def make_audit_insert(person: str, session: str, request: str, action: str = "refund.approved") -> str:
    """Return the INSERT statement of the first audit entry of the chain of `session`: `person` has done `action` to
    the refund. Its detail names the desk request `request` and the worker.
    """
    detail = f'{{{{"request":"{request}","worker":"{{worker}}"}}}}'
    values = {"session": session, "seq": 1, "at": f"={SERVER_TIME_SQL}", "who": f"{{{person}}}", "desk": "d",
              "what": action,
              "subject_kind": "refund", "subject_id": REFUND_ID, "result": "done", "detail": detail,
              "prev_hash": "0" * 64, "hash": "a" * 64}  # fmt: skip
    return _make_insert("audit_log", values)


def make_session_insert(session: str, operator: str | None) -> str:
    values = {"id": session, "operator": operator, "desk": "d", "host": "h", "process": 1, "program": "worker",
              "started_at": f"={NOW_SQL}"}  # fmt: skip
    return _make_insert("sessions", values)


def test_an_audit_entry_by_the_worker_belongs_to_the_workers_session(requesting_team: RequestingTeam) -> None:
    """An audit entry that the worker writes in op-a's name must belong to a session of the worker's account. The
    database refuses an entry in a session without an account or in an unknown session. It also refuses a session that
    the worker inserts for op-a, and a change of the worker's session.
    """
    request = requesting_team.store_request("op-a", "note", "refund", REFUND_ID)
    taken = requesting_team.take_request(request)
    nobodys, unnamed, own = (str(uuid.uuid4()) for _ in range(3))
    requesting_team.check_refused("worker", *taken, make_audit_insert("op_a", nobodys, request))
    requesting_team.execute_in_session("worker", make_session_insert(unnamed, None))
    requesting_team.check_refused("worker", *taken, make_audit_insert("op_a", unnamed, request))
    requesting_team.check_refused("worker", *taken, make_session_insert(str(uuid.uuid4()), "{op_a}"))
    requesting_team.execute_in_session("worker", make_session_insert(own, "{worker}"))
    requesting_team.check_refused("worker", f"UPDATE sessions SET operator = NULL WHERE id = '{own}'")
    requesting_team.check_refused("worker", f"REPLACE INTO sessions SELECT * FROM sessions WHERE id = '{own}'")
    requesting_team.execute_in_session("worker", *taken, make_audit_insert("op_a", own, request))
    (writer,) = requesting_team.execute_in_session(
        "owner",
        f"SELECT a.who, s.operator FROM audit_log a JOIN sessions s ON s.id = a.session WHERE a.session = '{own}'",
    )
    assert writer == (requesting_team.team.names["op-a"], requesting_team.team.names["worker"])


def test_the_database_sets_person_and_time_of_a_desk_request(requesting_team: RequestingTeam) -> None:
    """The database itself sets the person, the time and the state of a desk request. It replaces other values in the
    INSERT, or refuses the INSERT. It also refuses an invalid request id, too many arguments, and a request of the
    worker.
    """
    request = make_request_id()
    given = {"id": request, "action": "probe", "args": "[]", "who": "{lead_b}", "at": "2020-01-01",
             "expires_at": "2099-01-01"}  # fmt: skip
    requesting_team.execute_in_session("op-a", _make_insert("requests", given))
    (row,) = requesting_team.execute_in_session(
        "owner",
        f"SELECT who, ABS(TIMESTAMPDIFF(SECOND, at, {NOW_SQL})) < 60, TIMESTAMPDIFF(SECOND, at, expires_at)"
        f" FROM requests WHERE id = '{request}'",
    )
    assert row == (requesting_team.team.names["op-a"], 1, 60)
    wrong: tuple[dict[str, object], ...] = (
        {"state": "taken"}, {"state": "ended", "result": "x"}, {"taken_by": "{worker}"}, {"fence": 7},
        {"id": "not-a-uuid"}, {"id": str(uuid.uuid4())}, {"args": "x" * 16_385},
    )  # fmt: skip
    for more in wrong:
        requesting_team.check_refused(
            "op-a", _make_insert("requests", {"id": make_request_id(), "action": "probe", "args": "[]"} | more)
        )
    requesting_team.check_refused(
        "worker", _make_insert("requests", {"id": make_request_id(), "action": "probe", "args": "[]"})
    )


def test_a_person_has_a_limited_number_of_waiting_requests(requesting_team: RequestingTeam) -> None:
    """A person can have at most 100 waiting requests. The next request is refused, while other people can still store
    theirs."""
    for _ in range(100):
        requesting_team.store_request("lead-c", "probe")
    with pytest.raises(pymysql.MySQLError, match="too many requests"):
        requesting_team.store_request("lead-c", "probe")
    requesting_team.store_request("op-a", "probe")


@pytest.mark.parametrize("action", ["resolve", "audit", "withdraw"])
def test_no_file_is_added_to_an_old_request(requesting_team: RequestingTeam, action: str) -> None:
    """A person can't add parts of a file to a request that has waited for longer than the hour for which the parts of
    the person's files are counted. Otherwise, while no worker is running, a person could fill the server's disk in
    one night.
    """
    subject = ("request", requesting_team.store_request("op-a", "probe")) if action == "withdraw" else (None, None)
    request = requesting_team.store_request("op-a", action, *subject, evidence_sha256="a" * 64)
    requesting_team.execute_in_session(
        "op-a", _make_insert("request_files", {"request": request, "part": 0, "content": "x"})
    )
    requesting_team.execute_in_session(
        "owner", f"UPDATE requests SET at = {NOW_SQL} - INTERVAL 61 MINUTE WHERE id = '{request}'"
    )
    requesting_team.check_refused(
        "op-a", _make_insert("request_files", {"request": request, "part": 1, "content": "x"})
    )


def test_requests_of_maker_and_approver_complete_a_refund(requesting_team: RequestingTeam) -> None:
    """With the request of the requester op-a, and then the request of the approver lead-b, the worker can store the
    refund and its approval."""
    request_statements = requesting_team.take_request(
        requesting_team.store_request(
            "op-a", "refund request", "payment", UNREFUNDED_PAYMENT_ID, amount_minor=REFUND_YEN
        )
    )
    requesting_team.execute_in_session(
        "worker", *request_statements, "START TRANSACTION", *make_refund_statements("op_a"), "COMMIT"
    )
    ((newest,),) = requesting_team.execute_in_session("owner", "SELECT MAX(id) FROM refunds")
    requesting_team.check_refused("worker", *request_statements, make_vote_insert("op_a", newest))
    voted = requesting_team.take_request(requesting_team.store_request("lead-b", "refund approve", "refund", newest))
    requesting_team.execute_in_session("worker", *voted, make_vote_insert("lead_b", newest))
    people = requesting_team.execute_in_session("owner",
    f"SELECT r.maker, a.person FROM refunds r JOIN approvals a ON a.subject_id = r.id"
                       f" WHERE r.id = {newest}")  # fmt: skip
    assert people == [(requesting_team.team.names["op-a"], requesting_team.team.names["lead-b"])]
