"""Connections of plain database clients to a database with triggers, and functions that return the database's refusal
of a statement.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pymysql

from console.store.constraints import server_triggers
from tests.store.forbidden import REFUSAL_ERROR_NUMBERS, ForbiddenStatements
from tests.support import server_fixtures, servers
from tests.support.places import Engine, get_nodes
from tests.support.sql_server import SqlServer
from tests.support.teams import ROLES_BY_PERSON, Team


@contextmanager
def open_server_with_movable_time(engine: Engine) -> Iterator[SqlServer]:
    """Yield a server that allows a session to change NOW(), as every MySQL server does."""
    server_fixtures.require_engine(engine)
    if engine == "mysql":
        yield get_nodes(engine)[0]
        return
    with servers.start_private_mariadb(extra_config=["secure-timestamp=NO"]) as server:
        yield server


@contextmanager
def connect_as_guest(team: Team, table: str, **options: Any) -> Iterator[Any]:
    """Yield a connection of a database account that the account file doesn't contain. The account has the rights
    to read and write `table` ("*": every table). `how` are options of the connection.
    """
    name, place = f"guest.{secrets.token_hex(3)}", table if table == "*" else f"`{table}`"
    team.server.sql(
        f"CREATE USER `{name}`@`%` IDENTIFIED BY 'pw'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{team.database}`.{place} TO `{name}`@`%`",
    )
    try:
        with team.server.connect(name, "pw", team.database, **options) as connection:
            yield connection
    finally:
        team.server.sql(f"DROP USER `{name}`@`%`")


class PersonConnections:
    """One open database connection for each person, which `get_connection` returns. `open_new_connection` opens
    another one and closes it at the end of its block, for statements that change the settings of their session."""

    def __init__(self, team: Team) -> None:
        self._people = team
        self._kept: dict[str, Any] = {}

    @contextmanager
    def open_new_connection(self, person: str) -> Iterator[Any]:
        with self._people.open_connection(person) as line:
            yield line

    def get_connection(self, person: str) -> Any:
        if person not in self._kept:
            self._kept[person] = self._people.open_connection(person)
        return self._kept[person]

    def wait_for_replication(self, person: str) -> None:
        """Wait until the cluster node of this person's connection has the changes that other nodes have committed."""
        with self.get_connection(person).cursor() as cursor:
            cursor.execute("SET SESSION wsrep_sync_wait = 7")
            cursor.execute("SELECT 1 FROM audit_log LIMIT 1")

    def close(self) -> None:
        for line in self._kept.values():
            line.close()


AUDIT_TRIGGER_NAME = next(one.name for one in server_triggers.make_all_triggers() if one.table == "audit_log")


def fill_account_names(team: Team, person: str, case: ForbiddenStatements) -> tuple[str, ...]:
    """Return the statements of `case` with the account names filled in, as if the person `person` executes them."""
    me, role = team.names[person], ROLES_BY_PERSON[person][0]
    names = {
        "me": me,
        "other": team.names["op-b"],
        "ME": me.upper(),
        "homoglyph": me.replace("o", "\N{CYRILLIC SMALL LETTER O}").replace("a", "\N{CYRILLIC SMALL LETTER A}"),
        "trigger": AUDIT_TRIGGER_NAME,
        "database": team.database,
        "other_role": "approver" if role != "approver" else "operator",
    }
    return tuple(statement.format(**names) for statement in case.sql)


def execute_forbidden_statements(
    team: Team, connections: PersonConnections, person: str, case: ForbiddenStatements
) -> str | None:
    """Execute the statements of `case` as the person `person`, and roll them back. Return the message with which the
    database refused one of them. Return None if all succeeded, or if one failed with an error that isn't in
    REFUSAL_ERROR_NUMBERS."""
    *before, last = fill_account_names(team, person, case)
    own = connections.open_new_connection(person) if before else nullcontext(connections.get_connection(person))
    with own as connection, connection.cursor() as cursor:
        connection.begin()
        try:
            for statement in before:
                cursor.execute(statement)
            cursor.execute(last)
        except pymysql.MySQLError as refusal:
            number, words = refusal.args
            return str(words) if number in REFUSAL_ERROR_NUMBERS else None
        finally:
            connection.rollback()
    return None


def execute_statements(connections: PersonConnections, person: str, *statements: str) -> str:
    """Execute these statements in one transaction that is rolled back. Return the message with which the database
    refused one of them, or "" if all succeeded.
    """
    connection = connections.get_connection(person)
    with connection.cursor() as cursor:
        connection.begin()
        try:
            for statement in statements:
                cursor.execute(statement)
        except pymysql.MySQLError as refusal:
            return str(refusal.args[1])
        finally:
            connection.rollback()
    return ""


def fill_own_name(statement: str, team: Team, person: str) -> str:
    return statement.format(me=team.names[person])


def execute_for_refusal(cursor: Any, statement: str) -> str:
    """Execute one statement, and return the message with which the database refused it, or "" if it succeeded."""
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as refusal:
        return str(refusal.args[1])
    return ""
