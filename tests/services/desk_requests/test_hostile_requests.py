"""Requests that a person inserts by SQL and that no desk would write: the worker refuses each of them, and still
executes the normal requests of all people.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import pymysql
import pytest

from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.bulk.records import ChosenRecord
from console.domain.desk_requests.records import make_request_id
from console.domain.desk_requests.rules import LONGEST_ARGUMENTS_BYTES
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.bulk.runs import MAX_ROWS_PER_BULK_RUN
from console.services.desk_requests.arguments import read_arguments
from console.services.desk_requests.commands import LARGEST_LIST_BYTES, LONG_LIST_PLACEHOLDER_KEY
from console.services.desk_requests.execution import MAX_EXECUTIONS_PER_REQUEST
from console.services.guarded import answer_serialization
from console.store.constraints.desk_requests import MAX_REQUESTS_PER_HOUR
from console.store.desk_requests import requests
from console.store.desk_requests.requested_audit import parse_audit_entry
from console.wiring.desk_requests import DESK_REQUEST_FORM_BY_COMMAND
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, -1, 2**63, 1.5, "", "x" * 9_000, "\ud800", "a\0b", [], [1], {"map": {}}, {"map": {"file": "x"}},
    {"tuple": [1, {"tuple": []}]}, {"set": []}, {"at": "2026-11-22T00:00:00"}, {"day": "0001-01-01"}, {"of": 1},
    {"enum": "console.domain.records:Certainty", "is": "known"}, {"enum": "os:Name", "is": 1},
    {"made": "console.domain.records:PurchaseRequest", "of": {"corporation_number": 7, "client_id": "1"}},
    {"made": "console.domain.records:PurchaseRequest", "of": {"corporation_number": "1180301018771"}},
    {"made": "console.domain.errors:ConsoleError", "of": {}}, {"made": "subprocess:Popen", "of": {"args": "id"}},
    {"made": "console.domain.payments.records:RefundRequest",
     "of": {"payment_id": 1, "amount": "9e999999999", "reason": "x", "answers": {"tuple": [1]}}},
)  # fmt: skip
"""Values of every kind in the place of an argument."""
LONG_ARGUMENT_TEXTS = ("9" * 5_000, "x" * 9_000)
"""Texts in the place of one argument, beside arguments that the command accepts. Python converts a text of more than
4,300 digits to no number.
"""
INVALID_ARGUMENT_TEXTS = (
    "", "null", "{}", "[", '"x"', "[NaN]", "[Infinity, 1]", "[1e999]", "[" * 7_000 + "]" * 7_000,
    "[" + "9" * 5_000 + "]",
    '[{"map":' * 1_200 + "{}" + "}]" * 1_200, '["\\ud800"]', "[1]]", '["credit-check", "1", "1"]',
)  # fmt: skip


def open_connection(place: Place, person: str = "op-a") -> Any:
    """Return a plain database connection with the person's account."""
    assert isinstance(place, ServerPlace)
    parts = urlsplit(place.url(person))
    return place.database.nodes[0].connect(
        unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:]
    )


def insert_request(connection: Any, action: str, args: str, **more: object) -> str:
    """Insert a desk request for `action` by plain SQL, with the text `args` in place of the JSON list of its
    arguments, and return its id. `more` adds or replaces values, by column.
    """
    values = {"id": make_request_id(), "action": action, "args": args} | more
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO requests ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    return str(values["id"])


def read_answers(place: Place) -> list[tuple[str, str, str | None]]:
    """Return the action, state and error code of all requests except those for audit entries, oldest first."""
    rows = place.sql("SELECT action, state, result FROM requests WHERE action <> 'audit' ORDER BY at")
    return [(action, state, _read_error_code(result)) for action, state, result in rows]


def _read_error_code(result: str | None) -> str | None:
    """Return the error code in a stored result; None if the result is a success or there is no result."""
    answer = answer_serialization.deserialize_answer(json.loads(result)["answer"]) if result else None
    return answer.error.code if answer and answer.error else None


@pytest.fixture
def worker(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    """Yield the console of a worker, which executes no request by itself. The people op-a and lead-b are in team
    mode.
    """
    start_team_mode(place, "op-a", "lead-b")
    with place.open_desk(sandbox, person="worker", desk=1) as console:
        yield console


def require_purchases_are_executed(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """Assert that the worker executes a purchase by op-a, who has sent the hostile requests, and a purchase by
    lead-b.
    """
    with ExitStack() as stack:
        stack.enter_context(keep_executing_desk_requests(worker))
        for person, number in zip(("op-a", "lead-b"), invent_numbers(2, seed=77), strict=True):
            desk = stack.enter_context(place.open_desk(sandbox, person=person, desk=2))
            assert desk.credit_checks.purchase(PurchaseRequest(number, "1")).corporation_number == number
            assert len(sandbox.ledger.list_charges_of_number(number)) == 1


def test_every_command_declares_its_argument_types(worker: Console) -> None:
    """For each command that a worker executes, the program declares the types of the arguments."""
    assert set(DESK_REQUEST_FORM_BY_COMMAND) == set(worker.desk_request_executor._commands)


def _make_hostile_arguments(command: str) -> Iterator[str]:
    """Yield hostile argument texts for the command: in turn each argument is replaced by values of every kind, and
    other texts aren't lists of arguments at all.
    """
    types = DESK_REQUEST_FORM_BY_COMMAND[command].argument_types
    usual: list[Any] = [1] * len(types)
    fitting = list(map(_make_fitting_argument, types))
    for at in range(len(usual)):
        for value in HOSTILE_VALUES:
            yield json.dumps([*usual[:at], value, *usual[at + 1 :]])
            yield json.dumps([value] * len(usual))
        for value in LONG_ARGUMENT_TEXTS:
            yield json.dumps([*fitting[:at], value, *fitting[at + 1 :]])
    yield from INVALID_ARGUMENT_TEXTS


def _make_fitting_argument(required_type: Any) -> Any:
    """Return a value of JSON types that the worker accepts for an argument of this type. If the type is a class of
    the domain, return 1.
    """
    choices = get_args(required_type) if isinstance(required_type, UnionType) else (required_type,)
    if NoneType in choices:
        return None
    return {str: "credit-check", bool: False}.get(choices[0], 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"NaN",
        b"7",
        b'{"map": {}}',
        b'[{"record": "note"}]',
        b"[" * 99_000,
        json.dumps({"tuple": [{"map": {LONG_LIST_PLACEHOLDER_KEY: 2}}]}).encode(),
    ],
    ids=["empty", "no text", "no JSON", "number", "map", "other", "deep", "nested"],
)
def test_a_hostile_long_list_is_refused(tmp_path: Path, content: bytes) -> None:
    """The file that contains the long list of a request has anything but a list of records: the request is refused
    with ValueError.
    """
    with pytest.raises(ValueError):
        _read_arguments_with_list(tmp_path / "list", content)


@pytest.mark.parametrize(
    "content",
    [b"[" + b"{}," * 100_000 + b"{}]", b" " * LARGEST_LIST_BYTES + b"[]"],
    ids=["many", "large"],
)
def test_a_long_list_above_the_limits_is_not_read(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match="too long a list"):
        _read_arguments_with_list(tmp_path / "list", content)


def test_the_longest_list_of_records_is_accepted(tmp_path: Path) -> None:
    """A list of the largest number of records with long ids is read back as it was written."""
    records = (ChosenRecord("credit-check", 2**63 - 1, 2**31 - 1),) * MAX_ROWS_PER_BULK_RUN
    content = json.dumps(answer_serialization.serialize_value(records)).encode()
    assert _read_arguments_with_list(tmp_path / "list", content) == ("probe", records, None)


def _read_arguments_with_list(file: Path, content: bytes) -> tuple[Any, ...]:
    """Return the arguments of a request for a bulk run, whose list of records is in `file` with this content."""
    file.write_bytes(content)
    args = json.dumps(["probe", {"map": {LONG_LIST_PLACEHOLDER_KEY: 2}}])
    return read_arguments(args, DESK_REQUEST_FORM_BY_COMMAND["bulk freeze"].argument_types, file)


@pytest.mark.parametrize("command", sorted(DESK_REQUEST_FORM_BY_COMMAND))
def test_arguments_have_the_types_of_their_command(command: str) -> None:
    """Each hostile argument text is refused with ValueError or accepted. If it is accepted, it has as many arguments
    as the command; none is a list, an object or a number with a fraction, and all can be stored as JSON in UTF-8.
    """
    for text in _make_hostile_arguments(command):
        try:
            arguments = read_arguments(text, DESK_REQUEST_FORM_BY_COMMAND[command].argument_types, None)
        except ValueError:
            continue
        assert len(arguments) == len(DESK_REQUEST_FORM_BY_COMMAND[command].argument_types)
        assert not {bytes, dict, float, list} & set(map(type, arguments))
        values = [asdict(one) if is_dataclass(one) and not isinstance(one, type) else one for one in arguments]
        json.dumps(values, ensure_ascii=False, allow_nan=False, default=str).encode()


def test_no_argument_stops_a_worker(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """For every command, the worker ends each request that has hostile arguments. No internal error occurs, and no
    purchase is made.
    """
    with closing(open_connection(place)) as connection:
        for command, form in DESK_REQUEST_FORM_BY_COMMAND.items():
            insert_request(connection, command, '[{"made": "subprocess:Popen", "of": {"args": "id"}}]')
            for text in {text for text in _make_hostile_arguments(command) if len(text) < LONGEST_ARGUMENTS_BYTES}:
                with suppress(ValueError):
                    facts = form.read_facts(worker._context, read_arguments(text, form.argument_types, None))
                    columns = {"subject_kind": facts.kind, "subject_id": facts.id, "proposed": facts.proposed_value}
                    insert_request(connection, command, text, amount_minor=facts.amount_minor, **columns)
            while worker.desk_request_executor.execute_next():
                pass
        for command in ("", "PURCHASE", "purchase ", "__init__", "db upgrade", "x" * 40):
            insert_request(connection, command, "[]")
    while worker.desk_request_executor.execute_next():
        pass
    ends = read_answers(place)
    assert {command for command, *_ in ends} >= set(DESK_REQUEST_FORM_BY_COMMAND)
    assert {state for _, state, _ in ends} == {"ended"}
    assert [(command, code) for command, _, code in ends if code == "internal_error"] == []
    assert len({code for _, _, code in ends}) > 3
    assert not sandbox.ledger.list_charges_of_number()
    require_purchases_are_executed(place, sandbox, worker)


def test_a_request_whose_columns_contradict_its_arguments_is_refused(
    place: Place, sandbox: Sandbox, worker: Console
) -> None:
    """The columns of a request name another record, corporation or amount than its arguments, or they name none: the
    worker refuses the request before it sends or writes anything.
    """
    number, other = invent_numbers(2, seed=78)
    request = answer_serialization.serialize_value(PurchaseRequest(number, "1"))
    lies: tuple[dict[str, object], ...] = (
        {}, {"subject_kind": "company", "subject_id": other}, {"subject_kind": "Company", "subject_id": number},
        {"subject_kind": "company", "subject_id": number, "amount_minor": 1},
        {"subject_kind": "company", "subject_id": number, "proposed": "error"},
        {"subject_kind": "company", "subject_id": number, "evidence_sha256": "0" * 64},
    )  # fmt: skip
    with closing(open_connection(place)) as connection:
        for lie in lies:
            insert_request(connection, "purchase", json.dumps([request]), **lie)
        insert_request(connection, "probe", '["credit-check", "1"]', subject_kind="credit-check", subject_id="2")
    while worker.desk_request_executor.execute_next():
        pass
    assert {code for _, _, code in read_answers(place)} == {"usage"}
    assert not sandbox.ledger.list_charges_of_number()


def test_an_audit_entry_with_invalid_characters_is_written_escaped(
    place: Place, sandbox: Sandbox, worker: Console
) -> None:
    """If a desk sends an audit entry with a file name that is not valid text, the worker writes the entry and escapes
    the invalid characters.
    """
    facts = {"file": "a\ud800.csv", "\udfff": 1}
    with place.open_desk(sandbox, person="op-a", desk=2) as desk:
        context = desk._context
        context.write(lambda tx: context.record_audit(tx, AuditAction.LIST_EXPORTED, "1", facts, kind="export"))
        context.write(
            lambda tx: context.record_audit(
                tx, AuditAction.LIST_EXPORTED, "2", {**facts, "x": "\ud800" * 9_000}, kind="export"
            )
        )
    while worker.desk_request_executor.execute_next():
        pass
    written = place.sql("SELECT subject_id, detail FROM audit_log WHERE what = 'list.exported' ORDER BY subject_id")
    details = {subject: json.loads(detail) for subject, detail in written}
    assert (details["1"]["file"], details["1"]["\\udfff"]) == ("a\\ud800.csv", 1)
    assert "\\ud800" in details["2"]["cut"]


def test_a_shortened_audit_entry_keeps_its_request_id(place: Place, worker: Console) -> None:
    """An audit entry has facts that are too long and are therefore cut: the stored entry still contains the request's
    id and the worker's name.
    """
    entry = {"what": "credit-check.opened", "subject_kind": "credit-check", "subject_id": "1", "result": "done",
             "reason": None, "detail": {"a": ""}}  # fmt: skip
    length = LONGEST_ARGUMENTS_BYTES - len(json.dumps(entry))
    with closing(open_connection(place)) as connection:
        request = insert_request(connection, "audit", json.dumps(entry | {"detail": {"a": "x" * length}}))
    while worker.desk_request_executor.execute_next():
        pass
    ((person, text),) = place.sql("SELECT who, detail FROM audit_log WHERE what = 'credit-check.opened'")
    detail = json.loads(text)
    assert (person, detail["request"], detail["worker"]) == (
        place.get_account_name("op-a"),
        request,
        place.get_account_name("worker"),
    )
    assert detail["cut"].startswith('{"a":"xxx')


def test_an_audit_entry_of_an_unknown_action_is_refused(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """A person's request can make the worker write only audit entries that a desk may send. Forged entries about
    executed actions, audit roots and unreadable entries are refused, and an audit entry about each refused request is
    written.
    """
    entry: dict[str, Any] = {
        "what": "credit-check.opened", "subject_kind": "credit-check", "subject_id": "1", "result": "done",
        "reason": None, "detail": {},
    }  # fmt: skip
    forged: list[dict[str, Any]] = [
        {"what": "audit.root"}, {"what": "audit.root", "result": "refused"}, {"what": "refund.approved"},
        {"what": "x" * 100, "result": "refused"}, {"what": None}, {"result": "x"}, {"subject_id": {"a": 1}},
        {"subject_kind": 7}, {"detail": [1]}, {"detail": {"a": "\ud800"}}, {"reason": []},
    ]  # fmt: skip
    with closing(open_connection(place)) as connection:
        for more in forged:
            insert_request(connection, "audit", json.dumps(entry | more))
        for text in (*INVALID_ARGUMENT_TEXTS, json.dumps(entry).replace("{}", '{"a": 1e999}')):
            insert_request(connection, "audit", text)
        insert_request(
            connection,
            "audit",
            json.dumps(entry | {"subject_id": "9" * 300, "reason": "r" * 300, "subject_kind": "k" * 99}),
        )
        insert_request(connection, "audit", json.dumps(entry))
    while worker.desk_request_executor.execute_next():
        pass
    assert place.sql("SELECT DISTINCT state FROM requests") == [("ended",)]
    written = place.sql(
        "SELECT what, result, COUNT(*) FROM audit_log WHERE detail LIKE '%\"request\"%' GROUP BY what, result"
        " ORDER BY what"
    )
    assert written == [
        ("credit-check.opened", "done", 2),
        ("request.unreadable", "refused", len(forged) + len(INVALID_ARGUMENT_TEXTS) + 1),
    ]  # fmt: skip
    require_purchases_are_executed(place, sandbox, worker)


@pytest.mark.expects_log("an entry that the database refuses")
def test_a_request_ends_if_the_database_refuses_its_audit_entry(
    place: Place, worker: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses to store the audit entry that a request contains: the worker ends the request, and the
    audit trail has an entry about the refused request.
    """
    with closing(open_connection(place)) as connection:
        insert_request(connection, "audit", json.dumps({"what": "story.opened", "subject_kind": None,
                                                        "subject_id": None, "result": "done", "reason": None,
                                                        "detail": {}}))  # fmt: skip
    root = parse_audit_entry("x", json.dumps({"what": "audit.exported", "subject_kind": "audit", "subject_id": None,
                                     "result": "done", "reason": None, "detail": {}}))  # fmt: skip
    forged = type(root)(
        place.get_account_name("lead-b"), root.action
    )  # in the name of somebody else: the trigger refuses it
    monkeypatch.setattr("console.services.desk_requests.execution.parse_audit_entry", lambda *_: forged)
    assert worker.desk_request_executor.execute_next()
    assert place.sql("SELECT state FROM requests") == [("ended",)]
    assert place.sql("SELECT who, what FROM audit_log WHERE what LIKE 'request%'") == [
        (place.get_account_name("op-a"), "request.unreadable")
    ]


@pytest.mark.expects_log("a request that is given up")
def test_a_request_that_ends_every_worker_is_given_up(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """Each worker that executed a request ended during the execution. After the last allowed execution the request
    is given up: its answer is an unknown outcome, and an audit entry is written.
    """
    context = worker._context
    with closing(open_connection(place)) as connection:
        insert_request(connection, "probe", '["credit-check", "1"]', subject_kind="credit-check", subject_id="1")
    for _ in range(MAX_EXECUTIONS_PER_REQUEST):
        taken = context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), 45))
        assert taken is not None
        place.sql("UPDATE requests SET lease_expires = 1")
    assert worker.desk_request_executor.execute_next()
    assert read_answers(place) == [("probe", "ended", "outcome_unknown")]
    assert place.sql("SELECT who, result FROM audit_log WHERE what = 'request.given_up'") == [
        (place.get_account_name("op-a"), "failed")
    ]
    require_purchases_are_executed(place, sandbox, worker)


def test_many_requests_of_one_person_do_not_delay_another(place: Place, worker: Console) -> None:
    """One person has stored 60 requests, most of them about one record and the others about different records.
    Another person's request is among the next three requests that a worker takes.
    """
    context = worker._context

    def take_request(*, only_first_of_person: bool = False) -> str | None:
        """Take the next request and return its person; None if there is none."""
        taken = context.write(
            lambda tx: requests.take_next_request(
                tx, context.make_holder(), 45, only_first_of_person=only_first_of_person
            )
        )
        return None if taken is None else taken.person

    mine, other = place.get_account_name("op-a"), place.get_account_name("lead-b")
    with closing(open_connection(place)) as connection, closing(open_connection(place, "lead-b")) as second:
        for number in range(60):
            insert_request(
                connection, "probe", "[]", subject_kind="credit-check", subject_id="1" if number < 40 else str(number)
            )
        assert take_request() == mine
        insert_request(second, "probe", "[]", subject_kind="credit-check", subject_id="1")
        insert_request(second, "probe", "[]", subject_kind="payment", subject_id="7")
        assert (
            take_request(only_first_of_person=True) is None
        )  # the only one of lead-b that may run is the second one
        assert [take_request() for _ in range(3)].count(other) == 1
        insert_request(second, "audit", "{}")
        assert take_request() == mine
    place.sql("UPDATE requests SET lease_expires = 1 WHERE state = 'taken'")
    assert take_request(only_first_of_person=True) in (mine, other)


def test_many_requests_about_one_record_do_not_delay_another_person(place: Place, worker: Console) -> None:
    """Two people send requests about one record: the worker takes a request of each person in turn, and executes each
    person's requests in the order in which they were sent.
    """
    with closing(open_connection(place)) as connection, closing(open_connection(place, "lead-b")) as other:
        mine = [insert_request(connection, "probe", "[]", subject_kind="refund", subject_id="1") for _ in range(5)]
        theirs = [insert_request(other, "probe", "[]", subject_kind="refund", subject_id="1") for _ in range(2)]
    while worker.desk_request_executor.execute_next():
        pass
    ended_ids = [id for (id,) in place.sql("SELECT id FROM requests WHERE state = 'ended' ORDER BY ended_at")]
    assert ended_ids == [mine[0], theirs[0], mine[1], theirs[1], *mine[2:]]


def test_an_uncommitted_request_does_not_delay_another_person(place: Place, worker: Console) -> None:
    """While one person's transaction has an inserted request and does not commit, the worker still executes another
    person's requests.
    """
    read_committed = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    with closing(open_connection(place)) as connection, closing(open_connection(place, "lead-b")) as other:
        with connection.cursor() as cursor, other.cursor() as cursor_of_other:
            cursor.execute(read_committed)
            cursor.execute("BEGIN")
            cursor_of_other.execute(read_committed)
            cursor_of_other.execute("SET SESSION innodb_lock_wait_timeout = 300")
        insert_request(connection, "probe", "[]")
        insert_request(other, "probe", "[]")
        place.sql(f"UPDATE requests SET expires_at = '2020-01-01' WHERE who = '{place.get_account_name('lead-b')}'")
        insert_request(other, "probe", "[]")
        while worker.desk_request_executor.execute_next():
            pass
        connection.rollback()
    assert sorted(place.sql("SELECT state FROM requests")) == [("ended",), ("lapsed",)]


def test_a_person_stores_a_limited_number_of_requests(place: Place) -> None:
    """In one hour a person can store at most 10,000 requests and a limited number of file parts, including those of
    ended requests. The limit doesn't affect another person.
    """
    start_team_mode(place, "op-a", "lead-b")
    table = "SELECT ones.n + 10 * tens.n + 100 * hundreds.n + 1000 * thousands.n AS n FROM" + ",".join(
        f" (SELECT 0 AS n {' '.join(f'UNION ALL SELECT {digit}' for digit in range(1, 10))}) {name}"
        for name in ("ones", "tens", "hundreds", "thousands")
    )
    assert MAX_REQUESTS_PER_HOUR == 10_000
    add = "INSERT INTO request_files (request, part, content) VALUES (%s, %s, 'x')"
    # First the files: an insertion reads all requests of its person, which takes long when there are 10,000 of them.
    with closing(open_connection(place)) as connection, connection.cursor() as cursor:
        parts = [insert_request(connection, "resolve", "[]", evidence_sha256="0" * 64) for _ in range(51)]
        for request in parts[:50]:
            for part in range(10):
                cursor.execute(add, (request, part))
        with pytest.raises(pymysql.MySQLError, match="too many files"):
            cursor.execute(add, (parts[50], 0))
        with pytest.raises(pymysql.MySQLError, match="short"):
            cursor.execute(add, (parts[50], 10))
    place.sql(
        "INSERT INTO requests (id, who, at, expires_at, action, args, state)"
        f" SELECT CONCAT('01900000-0000-7000-8000-', LPAD(n, 12, '0')), '', NOW(), NOW(), 'probe', '[]', 'ended'"
        f" FROM ({table}) numbers WHERE n >= {len(parts)}",
        f"UPDATE requests SET who = '{place.get_account_name('op-a')}' WHERE state = 'ended'",
    )
    with closing(open_connection(place)) as connection, closing(open_connection(place, "lead-b")) as other:
        with pytest.raises(pymysql.MySQLError, match="in an hour"):
            insert_request(connection, "probe", "[]")
        insert_request(other, "probe", "[]")
    place.sql("UPDATE requests SET at = at - INTERVAL 1 HOUR WHERE state = 'ended'")
    with closing(open_connection(place)) as connection, connection.cursor() as cursor:
        insert_request(connection, "probe", "[]")
        with pytest.raises(pymysql.MySQLError, match="too many files"):
            cursor.execute(add, (parts[50], 0))


@pytest.mark.parametrize("isolation", ["READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_uncommitted_requests_count_for_the_limit(place: Place, isolation: str) -> None:
    """The limit also counts requests in the person's uncommitted transactions: a second transaction waits for the
    first one. This applies in every isolation level, also with INSERT … SELECT.
    """
    start_team_mode(place, "op-a")
    columns = "id, action, args, who, at, expires_at, evidence_sha256"
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(open_connection(place))) for _ in range(2)]
        for connection in connections:
            cursor = stack.enter_context(connection.cursor())
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            cursor.execute("BEGIN")
            asks = (
                f"INSERT INTO requests ({columns}) SELECT '{make_request_id()}', 'probe', '[]', '', NOW(), NOW(), '0'"
                " FROM operators LIMIT 1"
            )
            if connection is connections[0]:
                cursor.execute(asks)
            else:
                with pytest.raises(pymysql.MySQLError, match="Lock wait timeout"):
                    cursor.execute(asks)


def test_one_request_id_of_two_people_means_two_requests(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """Two people use the same request id, and one of them also uses the row id of the other person's request: each
    person gets the answer to their own request.
    """
    first, second = invent_numbers(2, seed=79)
    with (
        keep_executing_desk_requests(worker),
        place.open_desk(sandbox, desk=2) as desk,
        place.open_desk(sandbox, person="lead-b", desk=3) as other,
    ):
        mine = desk.credit_checks.purchase(PurchaseRequest(first, "1"), request_id="same")
        theirs = other.credit_checks.purchase(PurchaseRequest(second, "1"), request_id="same")
        ((row,),) = place.sql(f"SELECT id FROM requests WHERE args LIKE '%{first}%'")
        third = invent_numbers(3, seed=79)[2]
        again = other.credit_checks.purchase(PurchaseRequest(third, "1"), request_id=row)
    assert [record.corporation_number for record in (mine, theirs, again)] == [first, second, third]
    with closing(open_connection(place, "lead-b")) as connection, pytest.raises(pymysql.MySQLError):
        insert_request(connection, "probe", "[]", id=row)
    assert place.sql(f"SELECT who, action FROM requests WHERE id = '{row}'") == [
        (place.get_account_name("op-a"), "purchase")
    ]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("incident snooze", '[1, {"at": "2026-11-26T00:00:00"}, "x"]'),
        ("reconcile", '["paypay", {"at": "2026-11-20T00:00:00+00:00"}, {"day": "2026-11-20"}]'),
        ("reconcile", '["paypay", {"day": "2026-11-20"}, {"at": "2026-11-20T00:00:00"}]'),
    ],
)
def test_an_instant_without_a_zone_or_in_place_of_a_day_is_refused(command: str, args: str) -> None:
    """A request argument that is a time without a time zone, or a time where a day is expected, is refused with
    ValueError.
    """
    with pytest.raises(ValueError, match="type"):
        read_arguments(args, DESK_REQUEST_FORM_BY_COMMAND[command].argument_types, None)
    in_zone = read_arguments(
        '[1, {"at": "2026-11-26T00:00:00+09:00"}, "x"]',
        DESK_REQUEST_FORM_BY_COMMAND["incident snooze"].argument_types,
        None,
    )
    assert in_zone[1].isoformat() == "2026-11-26T00:00:00+09:00"
