"""Every person in team mode tries every form of SQL statement on every table and column: no row of other people
changes, and everybody can still work.

The statements are made from the present schema, so that new tables and columns are included. The test compares the
content of every table, the triggers, the counters and the providers' ledgers before and after. Then each person does
the ordinary work by desk requests and a worker.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest

from console.domain.desk_requests.records import make_request_id
from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck
from console.services.process.passwords import use_password_reader
from console.store.constraints import fitness
from console.store.database.engine import Database
from console.store.database.server import make_people_database_name
from console.wiring.desk_requests import DESK_REQUEST_FORM_BY_COMMAND
from tests.harms.scene import CHECKS_TABLE, AttackedDatabase, open_attacked_database
from tests.support import server_fixtures
from tests.support.places import use_shared_nodes
from tests.support.team_mode import keep_executing_desk_requests
from tests.support.teams import PERSON_NAME_BY_ROLE, ROLES_BY_PERSON, apply_accounts

PEOPLE_IN_TEAM_MODE = tuple(who for role, who in PERSON_NAME_BY_ROLE.items() if role != "worker")
TABLES_FILLED_BY_PEOPLE = ("requests", "request_files")
"""Tables to which people add rows of their own."""
_TEXT_VALUES_SQL = ("''", "'{me}'", "'{other}'", "'approved'", "'completed'", "'success'", "'error'", "'ended'",
          "'taken'",
          "'../../etc/passwd'", "'x'' OR 1=1'", "REPEAT('x', 70000)")  # fmt: skip
_NUMBER_VALUES_SQL = ("-1", "0", "1", "2147483647", "9223372036854775807", "1e300")
_TIME_VALUES_SQL = ("'1970-01-02 00:00:01'", "'9999-12-31 23:59:59'", "SYSDATE(6)")
_STATE_VALUES_SQL = (
    "'approved'", "'submitting'", "'submitted'", "'completed'", "'failed'", "'rejected'", "'expired'", "'success'",
    "'error'", "'pending'", "'known'", "'unknown'", "'paid'", "'refunded'", "'cancelled'", "'ended'", "'lapsed'",
)  # fmt: skip
SELECT_REQUESTS_SQL = (
    "SELECT id, who, at, expires_at, action, args, subject_kind, subject_id, amount_minor, proposed, evidence_sha256,"
    " request_id, desk FROM requests ORDER BY id"
)
"""Query of the columns of all desk requests that no account may change."""
_STATE_COLUMNS = ("status", "state", "certainty", "proposed")
_VALUES_BY_COLUMN_TYPE = {
    "int": _NUMBER_VALUES_SQL,
    "decimal": _NUMBER_VALUES_SQL,
    "double": _NUMBER_VALUES_SQL,
    "date": _TIME_VALUES_SQL,
}
_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]
_SET_CHECKS_OFF_SQL = (
    "SET SESSION sql_mode = '', foreign_key_checks = 0, unique_checks = 0, group_concat_max_len = 4"
    " /*M! , default_regex_flags = 'MULTILINE,EXTENDED,DOTALL' */"
)


def _make_soak_variants(*variants: tuple[str, ...]) -> Iterator[object]:
    """Yield pytest parameters of variants that only the soak runs. Each variant is a tuple of argument values."""
    return (pytest.param(*variant, marks=pytest.mark.soak) for variant in variants)


@dataclass(frozen=True)
class AttackedTeam:
    """A team whose people act by desk requests, with one record of each kind. `column_types_by_table` has the column
    types of each table and view, by its quoted name.
    """

    scene: AttackedDatabase
    bought_check: CreditCheck
    unknown_check: CreditCheck
    payment: Payment
    refund: Refund
    column_types_by_table: Mapping[str, Mapping[str, str]]

    def read_protected_content(self) -> dict[str, object]:
        """Return the content that no account may change: the checksum of every table except those of desk requests,
        the number of triggers, routines, events and views, and the counters.
        """
        run = self.scene.sql
        tables_and_types = run("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")
        tables = [table for table, _ in tables_and_types if table not in TABLES_FILLED_BY_PEOPLE]
        made: dict[str, object] = dict(run(f"CHECKSUM TABLE {', '.join(tables)} EXTENDED"))
        for what in ("triggers", "routines", "events", "views"):
            schema = "table_schema" if what == "views" else f"{what[:-1]}_schema"
            made[what] = run(
                f"SELECT COUNT(*) FROM information_schema.{what} WHERE {schema} LIKE CONCAT(DATABASE(), '%')"
            )
        made["counters"] = {
            table: next_
            for table, next_ in self.scene.read_next_ids().items()
            if table not in TABLES_FILLED_BY_PEOPLE
        }
        return made

    def list_database_faults(self) -> list[str]:
        """Run `db check` as the schema account, and return the names of the findings that stop purchases."""
        database = Database(self.scene.people.owner, without_time_limit=True)
        try:
            return [
                finding.check_name
                for finding in fitness.check_fitness(database)
                if not finding.has_passed and finding.stops_purchases
            ]
        finally:
            database.close()

    def check_ordinary_work(self) -> None:
        """Do the ordinary work of each person by desk requests and a worker; the approver types the password. Raises
        AssertionError if a step fails.
        """
        password = unquote(urlsplit(self.scene.people.urls["lead-b"]).password or "")
        with keep_executing_desk_requests(self.scene.get_desk("worker")), use_password_reader(lambda: password):
            self.scene.check_ordinary_work()

    def execute_requests(self) -> None:
        """Let the worker execute all waiting desk requests."""
        worker = self.scene.get_desk("worker")
        while worker.desk_request_executor.execute_next():
            pass

    def check_no_harm(self) -> None:
        """Raise AssertionError if AlarmBox has charged again, if the payment was refunded, or if the open refund no
        longer waits for approval.
        """
        assert self.scene.count_charges(self.bought_check.corporation_number) == 1
        assert self.scene.count_charges(self.unknown_check.corporation_number) == 1
        assert self.scene.count_refunds(self.payment) == 0
        assert self.scene.sql(f"SELECT status FROM refunds WHERE id = {self.refund.id}") == [("requested",)]


@pytest.fixture(scope="module")
def attacked_team(request: pytest.FixtureRequest) -> Iterator[AttackedTeam]:
    with use_shared_nodes(request.param) as nodes, open_attacked_database(*nodes) as made:
        check, unknown, payment = made.buy_new(), made.buy_without_answer(), made.make_paid_payment()
        refund = made.request_refund(payment)
        names = made.people.names
        people = [
            {
                "name": names[person],
                "roles": list(roles),
                "may_buy": roles[0] in ("operator", "approver"),
                "acts": False,
            }
            for person, roles in ROLES_BY_PERSON.items()
            if roles != ("worker",)
        ]
        apply_accounts(made.people.owner, people, {})
        for person in list(ROLES_BY_PERSON):
            made.restart_desk(person)
        yield AttackedTeam(made, check, unknown, payment, refund, _read_column_types(made))


def _read_column_types(attacked_database: AttackedDatabase) -> Mapping[str, Mapping[str, str]]:
    """Return the column types of each table and view, by its quoted name, such as `` `console`.`payments` ``."""
    types_by_table: dict[str, dict[str, str]] = {}
    database = attacked_database.people.database
    for schema, table, column, kind in attacked_database.sql(
        "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema IN ('{database}', '{make_people_database_name(database)}')"
        " ORDER BY 1, 2, ordinal_position"
    ):
        types_by_table.setdefault(f"`{schema}`.`{table}`", {})[str(column)] = str(kind)
    return types_by_table


def make_attack_values(column: str, kind: str, count: int = 2) -> Iterator[str]:
    """Yield SQL values that an attacker writes into a column of this type: NULL, states for a state column, and
    `count` further values, which depend on the name of the column.
    """
    choice = next((values for part, values in _VALUES_BY_COLUMN_TYPE.items() if part in kind), _TEXT_VALUES_SQL)
    first = zlib.crc32(column.encode())
    yield "NULL"
    if column in _STATE_COLUMNS:
        yield from _STATE_VALUES_SQL
    yield from (choice[(first + step) % len(choice)] for step in range(count))


def make_update_statements(table: str, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield statements that set each column to several values: a plain UPDATE for each value, and one other form of
    UPDATE in turn.
    """
    for column, kind in columns.items():
        for turn, value in enumerate(make_attack_values(column, kind)):
            yield f"UPDATE {table} SET `{column}` = {value}"
            forms = (
                f"UPDATE {table} t JOIN (SELECT 1 AS one) j SET t.`{column}` = {value}",
                f"INSERT INTO {table} (`{column}`) VALUES ({value})",
                f"INSERT INTO {table} SELECT * FROM {table} ON DUPLICATE KEY UPDATE `{column}` = {value}",
                f"REPLACE INTO {table} SET `{column}` = {value}",
                f"INSERT INTO {table} (`{column}`) WITH one AS (SELECT {value} AS v) SELECT v FROM one",
                f'EXECUTE IMMEDIATE "UPDATE IGNORE {table} SET `{column}` = {value}"',
            )
            yield forms[(turn + len(column)) % len(forms)]


def list_table_statements(table: str, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield statements that work on a whole table, such as DROP and LOCK."""
    first, plain = next(iter(columns)), table.rpartition(".")[2].strip("`")
    yield from (
        f"DELETE FROM {table}", f"DELETE t FROM {table} t", f"TRUNCATE TABLE {table}", f"DROP TABLE {table}",
        f"DROP VIEW {table}", f"ALTER TABLE {table} COMMENT 'x'", f"ALTER TABLE {table} DROP COLUMN `{first}`",
        f"ALTER TABLE {table} AUTO_INCREMENT = 9223372036854775806", f"RENAME TABLE {table} TO {table[:-1]}_x`",
        f"CREATE INDEX x ON {table} (`{first}`)", f"OPTIMIZE TABLE {table}", f"REPAIR TABLE {table}",
        f"ANALYZE TABLE {table}", f"REPLACE INTO {table} SELECT * FROM {table}", f"LOCK TABLES {table} WRITE",
        f"LOCK TABLES {table} READ", f"FLUSH TABLES {table} WITH READ LOCK", f"BACKUP LOCK {table}",
        f"CREATE TRIGGER {plain}_x BEFORE INSERT ON {table} FOR EACH ROW SET @x = 1", f"HANDLER {table} OPEN",
        f"HANDLER `{plain}` READ FIRST", f"HANDLER `{plain}` CLOSE", f"CREATE TEMPORARY TABLE {table} (id INT)",
        f"CREATE OR REPLACE VIEW {table} AS SELECT 1", f"CREATE OR REPLACE TABLE {table} (id INT)",
        f"LOAD DATA LOCAL INFILE '/dev/null' INTO TABLE {table}", f"SELECT * FROM {table} LIMIT 1 FOR UPDATE",
        f"SELECT * FROM {table} INTO OUTFILE '/tmp/{plain}'", f"SELECT * FROM {table} PROCEDURE ANALYSE()",
    )  # fmt: skip


def list_server_statements(stage: AttackedTeam) -> Iterator[str]:
    """Yield statements that work on the database, the accounts or the server."""
    database = stage.scene.people.database
    for place in (database, make_people_database_name(database)):
        yield from (
            f"CREATE TABLE `{place}`.x (id INT)", f"CREATE VIEW `{place}`.x AS SELECT 1", f"DROP DATABASE `{place}`",
            f"CREATE PROCEDURE `{place}`.x() SELECT 1", f"CREATE FUNCTION `{place}`.x() RETURNS INT RETURN 1",
            f"CREATE EVENT `{place}`.x ON SCHEDULE EVERY 1 SECOND DO SELECT 1", f"CREATE SEQUENCE `{place}`.x",
            f"ALTER DATABASE `{place}` CHARACTER SET latin1", f"CALL `{place}`.console_end_lock_holder()",
            f"DROP PROCEDURE `{place}`.console_end_lock_holder", f"GRANT ALL ON `{place}`.* TO '{{me}}'@'%'",
        )  # fmt: skip
    yield from (
        "SET GLOBAL read_only = 1", "SET GLOBAL max_connections = 1", "SET GLOBAL innodb_flush_log_at_trx_commit = 0",
        "SET GLOBAL event_scheduler = ON", "SET GLOBAL wsrep_on = OFF", "SET SESSION wsrep_on = OFF",
        "SET SESSION sql_log_bin = 0", "FLUSH PRIVILEGES", "FLUSH TABLES WITH READ LOCK", "SHUTDOWN", "RESET MASTER",
        "CREATE USER x", "DROP USER '{other}'@'%'", "ALTER USER '{other}'@'%' IDENTIFIED BY 'x'", "CREATE ROLE x",
        "SET PASSWORD FOR '{other}'@'%' = PASSWORD('x')", f"SET ROLE `{database}/worker`", "SET ROLE NONE",
        "ALTER USER '{me}'@'%' WITH MAX_USER_CONNECTIONS 0", "RENAME USER '{other}'@'%' TO 'x'@'%'",
        "INSERT INTO mysql.user SELECT * FROM mysql.user", "UPDATE mysql.global_priv SET Priv = '{{}}'",
        "INSTALL SONAME 'x'", "PURGE BINARY LOGS BEFORE NOW()", "XA ROLLBACK 'w'", "XA COMMIT 'w'",
        "SET @console_request = (SELECT MAX(id) FROM requests)", "SET SESSION insert_id = 9223372036854775806",
        "SELECT GET_LOCK('desk_requests', 0)", "DO RELEASE_ALL_LOCKS()", "SET @console_repeaters = '{other}'",
        "SET SESSION wsrep_trx_fragment_size = 1",
    )  # fmt: skip


@contextmanager
def open_attacker_cursor(stage: AttackedTeam, person: str) -> Iterator[Any]:
    """Yield a cursor of a plain client with this person's account, on another node than the worker's, in a session
    with its checks switched off.
    """
    people = replace(stage.scene.people, server=stage.scene.nodes[-1])
    connection = people.open_connection(person, local_infile=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SET_CHECKS_OFF_SQL)
            yield cursor
    finally:
        connection.close()


def execute_if_allowed(cursor: Any, statement: str, names: Mapping[str, str]) -> bool:
    """Execute one statement, after replacing the placeholders by `names`. Return True if the server executes it,
    False if it refuses it.
    """
    for name, value in names.items():
        statement = statement.replace(f"{{{name}}}", value)
    try:
        cursor.execute(statement)
        cursor.fetchall()
    except (pymysql.MySQLError, UnicodeError):
        return False
    return True


@pytest.mark.parametrize(
    ("attacked_team", "person"),
    [(one, person) for one in _ENGINES for person in PEOPLE_IN_TEAM_MODE],
    indirect=["attacked_team"],
)
def test_a_person_in_team_mode_changes_nothing_by_sql(attacked_team: AttackedTeam, person: str) -> None:
    """A person in team mode tries every form of SQL statement with several values on each column of each table and
    view, then statements about sessions and the server. No statement changes a row of other people.
    """
    names = {"me": attacked_team.scene.people.names[person], "other": attacked_team.scene.people.names["worker"]}
    before, wishes, tried, passed = (
        attacked_team.read_protected_content(),
        attacked_team.scene.sql(SELECT_REQUESTS_SQL),
        0,
        [],
    )
    with open_attacker_cursor(attacked_team, person) as cursor:
        own_place = make_people_database_name(attacked_team.scene.people.database)
        for table, columns in attacked_team.column_types_by_table.items():
            mine = (
                table.startswith(f"`{own_place}`") and table.rpartition(".")[2].strip("`") in TABLES_FILLED_BY_PEOPLE
            )
            for statement in (*make_update_statements(table, columns), *list_table_statements(table, columns)):
                tried += 1
                if (
                    execute_if_allowed(cursor, statement, names)
                    and not statement.startswith(("SELECT", "HANDLER"))
                    and not mine
                ):
                    passed.append(statement)
        for statement in list_server_statements(attacked_team):
            tried += 1
            execute_if_allowed(cursor, statement, names)
    assert attacked_team.read_protected_content() == before, passed
    assert set(attacked_team.scene.sql(SELECT_REQUESTS_SQL)) >= set(wishes)
    assert tried > 1_000
    assert passed == []
    assert attacked_team.list_database_faults() == []
    rows = attacked_team.scene.sql("SELECT DISTINCT who, state FROM requests WHERE state = 'asked'")
    assert set(rows) <= {(names["me"], "asked")}
    attacked_team.execute_requests()
    assert attacked_team.scene.sql("SELECT COUNT(*) FROM requests WHERE state IN ('asked', 'taken')") == [(0,)]
    attacked_team.check_no_harm()
    attacked_team.check_ordinary_work()


@pytest.mark.parametrize(
    ("attacked_team", "person"),
    [
        *((one, "op-a") for one in _ENGINES),
        *((one, "lead-b") for one in _ENGINES if one != "galera"),
        *_make_soak_variants(("galera", "lead-b"), *product(_ENGINES, ("aud-e", "adm-f"))),
    ],
    indirect=["attacked_team"],
)
def test_no_desk_request_changes_more_than_its_command_allows(attacked_team: AttackedTeam, person: str) -> None:
    """A person inserts desk requests of each command for each kind of record, with a hostile value in each column in
    turn, and the worker executes them. The provider charges nothing, and no money is refunded.
    """
    subjects = (
        ("credit-check", attacked_team.unknown_check.id), ("refund", attacked_team.refund.id), ("payment",
        attacked_team.payment.id),
        ("company", attacked_team.bought_check.corporation_number), (None, None),
    )  # fmt: skip
    arguments = {
        "refund approve": f"[{attacked_team.refund.id}, null]",
        "refund submit": f"[{attacked_team.refund.id}]",
        "resolve": f'["credit-check", "{attacked_team.unknown_check.id}", "error", "not on the bill", null, null]',
    }
    if person == "lead-b":  # an approver approves, and that is no harm
        arguments.pop("refund approve")
    own_columns = attacked_team.column_types_by_table[
        f"`{make_people_database_name(attacked_team.scene.people.database)}`.`requests`"
    ]
    names = {"me": attacked_team.scene.people.names[person], "other": attacked_team.scene.people.names["lead-c"]}
    number = 0
    with open_attacker_cursor(attacked_team, person) as cursor:
        for command in DESK_REQUEST_FORM_BY_COMMAND:
            for kind, id in subjects:
                kind_text, id_text = (f"'{kind}'", f"'{id}'") if kind else ("NULL", "NULL")
                args = arguments.get(command, f"[{id if isinstance(id, int) else 1}]").replace("'", "''")
                usual = {"id": f"'{make_request_id()}'", "action": f"'{command}'", "args": f"'{args}'",
                         "subject_kind": kind_text, "subject_id": id_text, "proposed": "'error'",
                         "amount_minor": "1000"}  # fmt: skip
                columns = list(own_columns)
                hostile = columns[number % len(columns)]
                number += 1
                value = list(make_attack_values(f"{hostile}{number}", own_columns[hostile]))[number % 3]
                for row in (usual, {**usual, hostile: value, "id": f"'{make_request_id()}'"}):
                    execute_if_allowed(
                        cursor, f"INSERT INTO requests ({', '.join(row)}) VALUES ({', '.join(row.values())})", names
                    )
            attacked_team.execute_requests()
    assert set(attacked_team.scene.sql("SELECT DISTINCT state FROM requests")) == {("ended",)}
    assert attacked_team.scene.sql("SELECT COUNT(*) FROM requests WHERE result LIKE '%internal_error%'") == [(0,)]
    attacked_team.check_no_harm()
    attacked_team.check_ordinary_work()


def _read_protected_rows(cursor: Any) -> Sequence[object]:
    """Return the rows that may change only by two people, by a claim or by the schema account, as the session of
    `cursor` reads them.
    """
    queries = (
        "SELECT id, status, checkers_needed, maker, refund_amount FROM refunds ORDER BY id",
        "SELECT subject_kind, subject_id, action, proposed, person FROM approvals ORDER BY id",
        f"SELECT id, claim_number, client_id, certainty, superseded_at IS NULL FROM {CHECKS_TABLE} ORDER BY id",
        "SELECT name, roles, may_buy, disabled_at IS NULL, asks FROM operators ORDER BY name",
        "SELECT * FROM limits ORDER BY 1, 2",
        SELECT_REQUESTS_SQL,
    )
    rows_of_queries = []
    for query in queries:
        cursor.execute(query)
        rows_of_queries.append(cursor.fetchall())
    return rows_of_queries


def _make_row_updates(table: str, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield statements that set each column of one row to each value. Each also increases the row's version by one,
    as the program does.
    """
    raised = ", version = version + 1" if "version" in columns else ""
    for column, kind in columns.items():
        for value in make_attack_values(column, kind, 4):
            for order in ("ASC", "DESC"):
                yield f"UPDATE {table} SET `{column}` = {value}{raised} ORDER BY 1 {order} LIMIT 1"


def _try_all_changes(
    stage: AttackedTeam, first_statements: Sequence[str], names: Mapping[str, str]
) -> tuple[int, int, list[str]]:
    """As the worker, try every change of every column, each in a transaction that begins with the statements
    `first_statements` and is rolled back. Return the number of tries, the number that the server executed, and the
    statements that changed rows of `_read_protected_rows`.
    """
    harms, tried, passed = [], 0, 0
    with open_attacker_cursor(stage, "worker") as cursor:
        for statement in first_statements:
            cursor.execute(statement)
        truth = _read_protected_rows(cursor)
        for table, columns in stage.column_types_by_table.items():
            if table.startswith(f"`{make_people_database_name(stage.scene.people.database)}`"):
                continue
            whole = (f"DELETE FROM {table}", f"REPLACE INTO {table} SELECT * FROM {table}")
            for statement in (*_make_row_updates(table, columns), *make_update_statements(table, columns), *whole):
                tried += 1
                cursor.execute("START TRANSACTION")
                if execute_if_allowed(cursor, statement, names):
                    passed += 1
                    if _read_protected_rows(cursor) != truth:
                        harms.append(statement)
                cursor.execute("ROLLBACK")
    return tried, passed, harms


@pytest.mark.parametrize("attacked_team", _ENGINES, indirect=True)
def test_the_worker_alone_stores_no_decision_and_frees_no_claim(attacked_team: AttackedTeam) -> None:
    """The worker's account may write most columns. Still, none of its changes approves a refund, stores a vote or
    frees a claim.
    """
    names = {"me": attacked_team.scene.people.names["worker"], "other": attacked_team.scene.people.names["lead-b"]}
    tried, passed, harms = _try_all_changes(attacked_team, (), names)
    assert harms == []
    assert tried > 3_000
    assert passed > 100
    attacked_team.check_no_harm()
    attacked_team.check_ordinary_work()


@pytest.mark.parametrize(
    "attacked_team",
    [*(engine for engine in _ENGINES if engine != "galera"), *_make_soak_variants(("galera",))],
    indirect=True,
)
@pytest.mark.parametrize(
    ("person", "action", "kind"), [("op-b", "refund approve", "refund"), ("op-a", "resolve", "credit-check")]
)
def test_the_worker_and_one_person_do_not_count_as_two_people(
    attacked_team: AttackedTeam, person: str, action: str, kind: str
) -> None:
    """The worker executes a desk request of one person, who has requested the refund or is an operator. Still, none
    of the worker's statements approves a refund, stores a second vote or frees a claim.
    """
    subject = {"refund": attacked_team.refund.id, "credit-check": attacked_team.unknown_check.id}[kind]
    request = make_request_id()
    with open_attacker_cursor(attacked_team, person) as cursor:
        cursor.execute(
            "INSERT INTO requests (id, action, args, subject_kind, subject_id, proposed, amount_minor)"
            " VALUES (%s, %s, '[]', %s, %s, 'error', 1000)",
            (request, action, kind, str(subject)),
        )
    worker = attacked_team.scene.people.names["worker"]
    names = {"me": attacked_team.scene.people.names[person], "other": attacked_team.scene.people.names["lead-b"]}
    begin = (
        (
            f"UPDATE requests SET state = 'taken', taken_by = '{worker}', worker = 's', lease_clock = 'server',"
            " lease_expires = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + 500000, fence = fence + 1"
            f" WHERE id = '{request}'"
        ),
        f"SET @console_request = '{request}'",
    )
    tried, passed, harms = _try_all_changes(attacked_team, begin, names)
    assert harms == []
    assert tried > 3_000
    assert passed > 100
    attacked_team.scene.sql(f"UPDATE requests SET state = 'ended' WHERE id = '{request}'")
    attacked_team.check_no_harm()
