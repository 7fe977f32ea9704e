"""People in team mode can read only the data that their screens show, whatever SQL statement they use: no payer's
name, no secret, and no row that belongs to another person.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import pymysql
import pytest

from console.domain.desk_requests.records import make_request_id
from console.store.access.people_views import RECORD_TABLES, SAME_PAYER_VIEW
from console.store.database.server import make_people_database_name
from tests.store.forbidden import NOW_SQL
from tests.support import server_fixtures
from tests.support.places import use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import Team, apply_accounts

_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]
PEOPLE = {"op-a": "operator", "lead-b": "approver", "aud-e": "auditor", "adm-f": "admin"}
PAYER = "PAYER-55512345678"
OTHER_PAYER = "Yamada-7"
SECRETS = (
    PAYER, OTHER_PAYER, "PAYER-555", "sealed-pair", "key-of-answer", "lock-of-answer", "store-key-print",
    "lease-token", "handle-of-code", "answer-kept", "chosen-id",
)  # fmt: skip
TEXTS_OF_LEAD_B = ("words-of-lead-b", "file-of-lead-b", "answer-for-lead-b", "signed-in-lead-b")
"""Texts in lead-b's requests, and in audit entries that are about lead-b and no record."""
_LARGEST_READ_BYTES = 1_000_000
_PLAN_QUERIES_OF_MARIADB = ("SHOW EXPLAIN FORMAT=JSON FOR {number}",)
_PLAN_QUERIES_OF_MYSQL = (
    "EXPLAIN FORMAT=TREE FOR CONNECTION {number}",
    "SET explain_json_format_version = 2",
    "EXPLAIN FORMAT=JSON FOR CONNECTION {number}",
)
"""Statements that show the plan of the statement that the session `number` executes. In the other formats MySQL shows
a person no plan of a statement on views (error 1345).
"""


@dataclass(frozen=True)
class ReadingTeam:
    """A team whose people are in team mode, with rows of every kind that some person must not see.
    `connection_by_person` has the open connections by person.
    """

    team: Team

    connection_by_person: dict[str, Any] = field(default_factory=dict)

    def execute_as_person(self, person: str, *statements: str) -> list[tuple[Any, ...]]:
        """Execute the statements with the person's database account. Return the rows of the last one."""
        if person not in self.connection_by_person:
            self.connection_by_person[person] = self.team.open_connection(person)
        with self.connection_by_person[person].cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def check_refused(self, person: str, *statements: str) -> None:
        with pytest.raises(pymysql.MySQLError):
            self.execute_as_person(person, *statements)

    def list_readable_columns(self, person: str) -> dict[str, list[str]]:
        """Return the columns of every table and view that the server shows to this person, by `schema`.`table`."""
        rows = self.execute_as_person(
            person,
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
            " WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')",
        )
        columns_by_place: dict[str, list[str]] = {}
        for schema, table, column in rows:
            columns_by_place.setdefault(f"`{schema}`.`{table}`", []).append(str(column))
        return columns_by_place


def _make_insert(table: str, **values: object) -> str:
    texts = [
        "NULL" if value is None else str(value)[1:] if str(value).startswith("=") else f"'{value}'"
        for value in values.values()
    ]
    return f"INSERT INTO {table} ({', '.join(f'`{name}`' for name in values)}) VALUES ({', '.join(texts)})"


@pytest.fixture(scope="module", params=_ENGINES)
def reading_team(request: pytest.FixtureRequest) -> Iterator[ReadingTeam]:
    with use_shared_nodes(request.param) as nodes, lend_team(nodes) as people:
        entries = [{"name": people.names[name], "roles": [role], "acts": False} for name, role in PEOPLE.items()]
        apply_accounts(people.owner, entries, {})
        made = ReadingTeam(people)
        made.execute_as_person("owner", "SET SESSION sql_mode = ''", *_make_rows_of_person(people.names["lead-b"]))
        request_id = make_request_id()
        made.execute_as_person(
            "lead-b",
            _make_insert("requests", id=request_id, action="note", args="words-of-lead-b", evidence_sha256="x"),
            _make_insert("request_files", request=request_id, part=0, content="file-of-lead-b"),
        )
        made.execute_as_person("owner", "UPDATE requests SET state = 'ended', result = 'answer-for-lead-b'")
        yield made
        for line in made.connection_by_person.values():
            line.close()


def _make_rows_of_person(person: str) -> Iterator[str]:
    at = {"created_at": f"={NOW_SQL}", "changed_at": f"={NOW_SQL}"}
    for number, payer in enumerate((PAYER, PAYER, OTHER_PAYER, None), 1):
        yield _make_insert(
            "payments", id=number, provider="paypay", merchant_payment_id=f"ORD-{number}", payer_ref=payer,
            order_id={2: 1, 4: 1}.get(number),
            currency="JPY", asked_minor=1, captured_minor=1, status="completed", handle="handle-of-code",
            url="handle-of-code", **at,
        )  # fmt: skip
    for number, saw in enumerate((f'{{"payer": "{PAYER}", "version": 1}}', '{"payer": null}', f"[{PAYER}"), 1):
        yield _make_insert(
            "refunds", id=number, payment_id=number, refund_amount=1, currency="JPY", status="completed",
            maker=person, reason=f"sent back to {PAYER if number < 3 else 'p'}", saw=saw,
            radar=f'[{{"comment": "{PAYER if number < 3 else "p"} knows"}}]',
            ticket=f"T {PAYER if number < 3 else 'p'}", checkers_needed=1, decide_by=f"={NOW_SQL}", **at,
        )  # fmt: skip
    yield from _make_rows_with_payer_names(at["created_at"])
    entry = {"desk": "d", "at": f"={NOW_SQL}", "result": "done", "prev_hash": "p", "hash": "h", "session": "s"}
    yield _make_insert("audit_log", seq=1, who=person, what="session_created", detail="signed-in-lead-b", **entry)
    yield _make_insert("audit_log", seq=2, who=person, what="payment.opened", subject_kind="payment", subject_id="1",
                  detail="seen by all", **entry)  # fmt: skip
    yield _make_insert("audit_log", seq=3, who=person, what="payment.probed", subject_kind="payment", subject_id="1",
                  detail="seen by all", **entry)  # fmt: skip
    yield _make_insert("provider_tokens", provider="alarmbox", sealed="sealed-pair", version=1,
    used_first="sealed-pair",
                  changed_at=f"={NOW_SQL}")  # fmt: skip
    yield _make_insert(
        "operations", id="o", action="payment.probe", subject_kind="payment", subject_id=1, state="done",
        idempotency_key="i", fingerprint="f", operator=person, desk="d", host="h", process=1, session="s",
        started_at=f"={NOW_SQL}", lease_clock="c", lease_expires=1, answer_lock="lock-of-answer",
        answer_key="key-of-answer",
    )  # fmt: skip
    yield "REPLACE INTO console_meta (name, value) VALUES ('store_key_fingerprint', 'store-key-print')"
    yield _make_insert("leases", name="purchase 1", slot=0, operator=person, lease_clock="c", lease_expires=1,
    fence=1,
                  token="lease-token")  # fmt: skip
    yield _make_insert(
        "request_ids", person=person, request_id="chosen-id", command="c", fingerprint="f", state="kept", begun_ms=1,
        answer="answer-kept", desk="d", host="h", process=1, since=f"={NOW_SQL}", token="t", lease_clock="c",
        lease_expires=1, fence=1,
    )  # fmt: skip


def _make_rows_with_payer_names(at: str) -> Iterator[str]:
    """Yield INSERT statements of texts that contain a payer's name, about payments 1 and 3, refund 1 and order 1.
    Also yield INSERTs of texts without a name about credit check 1, and about payment 4, which has no payer and is
    the newest payment of order 1. `at` is the SQL or text of the time in each row.
    """
    text = f"{PAYER} {PAYER}"
    for number, (kind, id, said) in enumerate(
        [("payment", 1, text), ("refund", 1, text), ("payment", 3, OTHER_PAYER), ("payment", 4, "plain"),
         ("credit-check", 1, "plain"), ("order", 1, text)], 1
    ):  # fmt: skip
        yield _make_insert("evidence", id=number, subject_kind=kind, subject_id=id, at=at, source="person", who="p",
                      sha256="s", summary=said, body=said)  # fmt: skip
        yield _make_insert("alerts", id=number, rule_id="r", subject_kind=kind, subject_id=id, observed=said,
                      expected=said, detected_at=at, note=said)  # fmt: skip
        yield _make_insert("notes", id=number, kind=kind, subject_id=id, person="p", words=said, at=at)
        yield _make_insert("incident_steps", id=number, incident_id=number, position=1, action="resolve", person="p",
                      at=at, words=said)  # fmt: skip
    yield _make_insert("payment_events", source="paypay", event_id="e", payment_id=1, kind="k", received_at=at,
                  done="kept", body=text)  # fmt: skip
    yield _make_insert(
        "reconciliation_rows", run_id=1, row_key="k", verdict="v", payment_id=1, ours=text, theirs=text
    )


def list_hidden_texts(person: str) -> tuple[str, ...]:
    """Return the texts that the database must hide from this person everywhere."""
    own = {"lead-b": TEXTS_OF_LEAD_B, "aud-e": ("signed-in-lead-b",)}.get(person, ())
    return (*SECRETS, *(text for text in TEXTS_OF_LEAD_B if text not in own))


@pytest.mark.parametrize("person", PEOPLE)
def test_rights_of_people_are_on_views_only(reading_team: ReadingTeam, person: str) -> None:
    """A person's grants are only SELECT on views and INSERT on the two views of requests. The person has no right on
    a column, a table or a whole database.
    """
    holder = f"`{make_people_database_name(reading_team.team.database)}`."
    for (line,) in reading_team.execute_as_person(person, "SHOW GRANTS"):
        if " ON " in line and not line.startswith("GRANT USAGE ON *.*"):
            rights, _, place = line.removeprefix("GRANT ").partition(" ON ")
            assert place.startswith(holder), line
            assert not place.startswith(f"{holder}*"), line
            inserted = place.removeprefix(holder).startswith(("`requests`", "`request_files`"))
            assert rights == ("INSERT" if inserted else "SELECT"), line


@pytest.mark.parametrize("person", PEOPLE)
def test_a_person_in_team_mode_reads_no_table(reading_team: ReadingTeam, person: str) -> None:
    """A person in team mode can't read, write, lock or describe a table, or find it in the server's own lists. The
    person also can't change, lock or redefine a view, or read its definition.
    """
    database = reading_team.team.database
    tables = [
        table
        for table, _ in reading_team.execute_as_person("owner", "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")
    ]
    assert len(tables) > 30
    for table in tables:
        place = f"`{database}`.`{table}`"
        for statement in (
            f"SELECT 1 FROM {place}", f"SELECT COUNT(*) FROM {place}", f"SHOW CREATE TABLE {place}",
            f"SHOW COLUMNS FROM {place}", f"HANDLER {place} OPEN", f"LOCK TABLES {place} READ",
            f"DELETE FROM {place}", f"INSERT INTO {place} VALUES ()", f"CREATE TABLE mine LIKE {place}",
            f"CHECKSUM TABLE {place}",
        ):  # fmt: skip
            reading_team.check_refused(person, statement)
    reading_team.check_refused(person, f"USE `{database}`")
    for view in ("payments", "requests", "audit_log"):
        place = f"`{make_people_database_name(database)}`.`{view}`"
        reading_team.check_refused(person, f"SHOW CREATE VIEW {place}")
        reading_team.check_refused(person, f"LOCK TABLES {place} WRITE")
        reading_team.check_refused(person, f"CREATE OR REPLACE VIEW {place} AS SELECT 1")
        reading_team.check_refused(person, f"UPDATE {place} SET id = id")
        reading_team.check_refused(person, f"DELETE FROM {place}")
    assert all(
        place.startswith(f"`{make_people_database_name(database)}`.")
        for place in reading_team.list_readable_columns(person)
    )


@pytest.mark.parametrize("person", PEOPLE)
def test_people_read_no_secret(reading_team: ReadingTeam, person: str) -> None:
    """A person reads each column of each view. The person also uses conditions that collect the values into a user
    variable before the view's own condition removes the rows. No secret appears.
    """
    result_by_query: dict[str, str] = {}
    for place, columns in reading_team.list_readable_columns(person).items():
        with suppress(pymysql.MySQLError):  # one may insert requests, and not read them there
            result_by_query[place] = repr(reading_team.execute_as_person(person, f"SELECT * FROM {place}"))
        for column in columns:
            taken = f"(@taken := CONCAT(COALESCE(@taken, ''), ' ', COALESCE(`{column}`, ''))) IS NOT NULL"
            for condition in (taken, f"{taken} OR TRUE", f"`{column}` IS NOT NULL AND {taken}"):
                with suppress(pymysql.MySQLError):
                    filtered = f"SELECT 1 FROM {place} WHERE {condition}"
                    collected_rows = reading_team.execute_as_person(
                        person, "SET @taken = NULL", filtered, "SELECT @taken"
                    )
                    result_by_query[f"{place} {column} {condition}"] = repr(collected_rows)
    assert len(result_by_query) > (20 if person == "adm-f" else 400)
    for where, text in result_by_query.items():
        assert len(text) < _LARGEST_READ_BYTES
        assert not [secret for secret in list_hidden_texts(person) if secret in text], where


def _read_plan(readers: ReadingTeam, person: str, statement: str) -> str:
    """Return the plan of a running statement in each format in which the server shows it to another session of the
    same person; "" if the statement ended before its plan was ready.
    """
    is_mariadb = readers.team.server.is_mariadb
    queries = _PLAN_QUERIES_OF_MARIADB if is_mariadb else _PLAN_QUERIES_OF_MYSQL
    sign_of_plan = "query_block" if is_mariadb else "< 0"  # the end of the statement's own condition
    waiting = readers.team.open_connection(person)

    def execute_waiting() -> None:
        with suppress(pymysql.MySQLError), waiting.cursor() as cursor:
            cursor.execute(statement)

    thread = Thread(target=execute_waiting)
    thread.start()
    number, plan = waiting.thread_id(), ""
    try:
        while thread.is_alive() and sign_of_plan not in plan:
            plan = ""
            for query in queries:
                with suppress(pymysql.MySQLError):
                    plan += repr(readers.execute_as_person(person, query.format(number=number)))
    finally:
        with suppress(pymysql.MySQLError):
            readers.execute_as_person(person, f"KILL {number}")
        thread.join()
    return plan if sign_of_plan in plan else ""


@pytest.mark.parametrize("person", ["op-a", "aud-e"])
def test_no_secret_is_in_a_plan(reading_team: ReadingTeam, person: str) -> None:
    """If a running statement finds a row by its id, the statement's plan shows the values of this row. A person's
    plans contain no secret.
    """
    people, read = f"`{make_people_database_name(reading_team.team.database)}`", 0
    names = [f"x{number}" for number in range(14)]
    # The server gives the plan between two rows: a statement that sleeps gives it when it wakes up, or never.
    endless = " ".join(f"JOIN {people}.payments {name}" for name in names)
    for place, columns in reading_team.list_readable_columns(person).items():
        key = next((name for name in ("id", "payment_id") if name in columns), None)
        if key is None or place.endswith(("`requests`", "`request_files`")):
            continue
        ((number,),) = reading_team.execute_as_person(
            person, f"SELECT MIN(`{key}`) FROM {place}"
        )  # a cluster doesn't number from 1
        if number is None:
            continue  # without a row of this number the statement ends at once
        row = ", ".join(f"COALESCE(v.`{column}`, '')" for column in columns)
        condition = f"v.`{key}` = '{number}' AND CONCAT_WS(' ', {row}) <> x0.id AND {'.id + '.join(names)}.id < 0"
        plan = ""
        while not plan:  # a busy server may give none in the statement's time
            plan = _read_plan(
                reading_team, person, f"SELECT STRAIGHT_JOIN 1 FROM {place} v {endless} WHERE {condition}"
            )
        if place.endswith(".`payments`"):
            assert "ORD-1" in plan, "the plan has no values of the row"
        assert not [secret for secret in list_hidden_texts(person) if secret in plan], place
        read += 1
    assert read > 5


_QUERIES_THAT_REVEAL_VALUES = (
    "EXPLAIN EXTENDED {query}", "EXPLAIN FORMAT=JSON {query}", "ANALYZE FORMAT=JSON {query}",
    "EXPLAIN ANALYZE {query}", "EXPLAIN FORMAT=TREE {query}", "{query}", "SHOW WARNINGS",
    "SELECT * FROM information_schema.optimizer_trace",
    "ANALYZE TABLE {place}", "ANALYZE TABLE {place} PERSISTENT FOR ALL",
    "ANALYZE TABLE {place} UPDATE HISTOGRAM ON {column} WITH 8 BUCKETS",
    "CHECK TABLE {place} EXTENDED", "CHECKSUM TABLE {place} EXTENDED", "SHOW INDEX FROM {place}",
    "CREATE TEMPORARY TABLE mine AS {query}", "SHOW CREATE VIEW {place}",
)  # fmt: skip
"""Statements by which a server explains the statement `{query}`, and statements that work on a whole table."""
_SERVER_DIAGNOSTICS = (
    *(f"information_schema.{name}" for name in (
        "views", "triggers", "routines", "check_constraints", "statistics", "partitions", "column_statistics",
        "profiling", "processlist", "innodb_trx", "innodb_buffer_page", "innodb_ft_index_table", "table_statistics",
    )),
    *(f"mysql.{name}" for name in ("column_stats", "index_stats", "innodb_index_stats", "general_log", "slow_log")),
    *(f"performance_schema.{name}" for name in (
        "events_statements_current", "events_statements_history", "prepared_statements_instances", "data_locks",
        "metadata_locks", "table_handles", "user_variables_by_thread",
    )),
)  # fmt: skip
"""Tables in which a server describes its own state."""


@pytest.mark.parametrize("person", PEOPLE)
def test_no_secret_is_in_a_diagnostic(reading_team: ReadingTeam, person: str) -> None:
    """A person lets the server explain a statement, trace its optimisation, describe a view, and list its tables and
    sessions. No secret appears in the results or in the message of a refusal.
    """
    switched_on = ("SET optimizer_trace = 'enabled=on'", "SET optimizer_trace_max_mem_size = 16777216",
                   "SET profiling = 1")  # fmt: skip
    statements = [f"SELECT * FROM {table}" for table in _SERVER_DIAGNOSTICS]
    for place, columns in reading_team.list_readable_columns(person).items():
        key = next((name for name in ("id", "payment_id") if name in columns), columns[0])
        for condition in (f"`{key}` = 1", f"`{columns[-1]}` LIKE '%e%'"):
            query = f"SELECT * FROM {place} WHERE {condition}"
            statements += (
                text.format(query=query, place=place, column=f"`{columns[-1]}`")
                for text in _QUERIES_THAT_REVEAL_VALUES
            )
    for statement in switched_on:
        with suppress(pymysql.MySQLError):
            reading_team.execute_as_person(person, statement)
    answered = 0
    for statement in statements:
        try:
            text = repr(reading_team.execute_as_person(person, statement))
            answered += 1
        except pymysql.MySQLError as refusal:
            text = repr(refusal)
        assert not [secret for secret in list_hidden_texts(person) if secret in text], statement
    assert answered > 50


@pytest.mark.parametrize("person", ["op-a", "lead-b", "aud-e"])
def test_payers_are_masked_and_still_comparable(reading_team: ReadingTeam, person: str) -> None:
    """The views mask payers as the screens do, and no condition on a payer's name finds a row. A person can still see
    which payments have the same payer.
    """
    rows = reading_team.execute_as_person(person, "SELECT payer_ref FROM payments ORDER BY id")
    assert [row[0] for row in rows] == ["****5678", "****5678", "****da-7", None]
    same = reading_team.execute_as_person(
        person, f"SELECT other_id FROM {SAME_PAYER_VIEW} WHERE payment_id = 1 ORDER BY other_id"
    )
    assert same == [(1,), (2,)]
    saw = [str(text) for (text,) in reading_team.execute_as_person(person, "SELECT saw FROM refunds ORDER BY id")]
    assert "****5678" in saw[0]
    assert '"version": 1' in saw[0]
    assert saw[1:] == ['{"payer": null}', "{}"]
    for pattern in ("PAYER%", "Y%"):
        assert reading_team.execute_as_person(
            person, f"SELECT COUNT(*) FROM payments WHERE payer_ref LIKE '{pattern}'"
        ) == [(0,)]


@pytest.mark.parametrize("person", ["op-a", "lead-b", "aud-e"])
def test_payers_are_masked_in_texts(reading_team: ReadingTeam, person: str) -> None:
    """A text about a payment, a refund or an order is masked if it contains the name of the payer of this payment, or
    of the payment of this refund or order. An older program may have written such texts, or a person in a note, a
    ticket or a comment.
    """
    masked = "****5678 ****5678"
    texts = [masked, masked, "****da-7", "plain", "plain", masked]
    assert reading_team.execute_as_person(person, "SELECT summary, body FROM evidence ORDER BY id") == [
        (text, text) for text in texts
    ]
    rows = reading_team.execute_as_person(person, "SELECT observed, expected, note FROM alerts ORDER BY id")
    assert rows == [(text, text, text) for text in texts]
    assert reading_team.execute_as_person(person, "SELECT body FROM payment_events") == [(masked,)]
    assert reading_team.execute_as_person(person, "SELECT ours, theirs FROM reconciliation_rows") == [
        (masked, masked)
    ]
    for table in ("notes", "incident_steps"):
        assert reading_team.execute_as_person(person, f"SELECT words FROM {table} ORDER BY id") == [
            (text,) for text in texts
        ]
    assert reading_team.execute_as_person(person, "SELECT reason, ticket, radar FROM refunds WHERE id = 1") == [
        ("sent back to ****5678", "T ****5678", '[{"comment": "****5678 knows"}]')
    ]


@pytest.mark.parametrize(
    ("person", "entries"),
    [("op-a", ["payment.opened", "payment.probed"]),
     ("lead-b", ["session_created", "payment.opened", "payment.probed"]),
     ("aud-e", ["session_created", "payment.opened", "payment.probed"])],
)  # fmt: skip
def test_people_read_only_their_own_audit_entries(reading_team: ReadingTeam, person: str, entries: list[str]) -> None:
    """A person can read only the audit entries of the person's own actions and those about records. The auditor can
    read all entries.
    """
    owner = reading_team.team.names["lead-b"]
    rows = reading_team.execute_as_person(person, f"SELECT what FROM audit_log WHERE who = '{owner}' ORDER BY id")
    assert [what for (what,) in rows] == entries


def test_an_administrator_reads_no_records(reading_team: ReadingTeam) -> None:
    """The account of an administrator can't read the tables of records; it can read the limits."""
    for table in RECORD_TABLES:
        if table != "accounts":
            reading_team.check_refused("adm-f", f"SELECT 1 FROM {table}")
    assert reading_team.execute_as_person("adm-f", "SELECT COUNT(*) > 0 FROM limits") == [(1,)]


@pytest.mark.parametrize("person", PEOPLE)
def test_people_read_only_their_own_requests(reading_team: ReadingTeam, person: str) -> None:
    """A person can read only the person's own desk requests, in the view `own_requests`. No person can change a
    request or read an attached file.
    """
    mine = make_request_id()
    reading_team.execute_as_person(person, _make_insert("requests", id=mine, action="probe", args="mine"))
    assert (mine, "mine") in reading_team.execute_as_person(person, "SELECT id, args FROM own_requests")
    names = {name for (name,) in reading_team.execute_as_person(person, "SELECT who FROM own_requests")}
    assert names == {reading_team.team.names[person]}
    for statement in (
        "SELECT id FROM requests", "SELECT 1 FROM request_files", "DELETE FROM requests",
        "UPDATE requests SET args = ''",
        f"REPLACE INTO requests (id, action, args) VALUES ('{mine}', 'probe', '')",
        f"INSERT INTO requests (id, action, args) VALUES ('{mine}', 'probe', '') ON DUPLICATE KEY UPDATE args = 'x'",
        _make_insert("own_requests", id=make_request_id(), action="probe", args=""),
    ):  # fmt: skip
        reading_team.check_refused(person, statement)
