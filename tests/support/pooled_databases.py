"""A pool of migrated databases on servers, each with the accounts of a team. After a test the pool reuses the
database: emptying a database takes 20 ms, making one takes a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

from pymysql.err import OperationalError

from console.store.constraints import server_triggers
from console.store.database.engine import Database
from tests.support.galera_cluster import wait_until_applied
from tests.support.sql_server import SqlServer
from tests.support.teams import ROLES_BY_PERSON, Team, create_team
from tests.support.waiting import wait_until

PEOPLE = ("op-a", "op-b", "lead-b", "lead-c")
_ROLES_BY_MEMBER = {name: ROLES_BY_PERSON[name] for name in (*PEOPLE, "worker")}
_SHOP_ACCOUNT = "shop"
# Without this, MySQL reads statistics of a table that may be a day old. MariaDB ignores the part in /*! */.
_READ_LIVE_STATISTICS_SQL = "SET @as_it_is = 1 /*!80000 , SESSION information_schema_stats_expiry = 0 */"
_SELECT_NUMBERED_TABLES_SQL = (
    "SELECT table_name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'"
)
_REFUSED_BY_TRIGGER_ERROR_NUMBER = 1644
_free_databases: dict[str, list["PooledDatabase"]] = {}


class PooledDatabase:
    """One database of the pool, and the accounts of its people with the rights of their roles. `nodes` are the
    server, or the nodes of the cluster.
    """

    def __init__(
        self,
        nodes: Sequence[SqlServer],
        people: Mapping[str, tuple[str, ...]] = _ROLES_BY_MEMBER,
        *,
        has_exact_names: bool = False,
        has_team_mode: bool = False,
    ) -> None:
        """Create the database and its accounts. `people` has the roles of each person by name. With `has_exact_names`
        the accounts have exactly these names, for a server with only one database. With `has_team_mode` operators and
        approvers are in team mode.
        """
        self.nodes = tuple(nodes)
        self._unguarded = False
        self._team = create_team(nodes[0], people, has_exact_names=has_exact_names, has_team_mode=has_team_mode)
        self._accounts = {short: _split_account(url) for short, url in self._team.urls.items()}
        self._accounts |= {"": _split_account(self._team.owner), _SHOP_ACCOUNT: self._create_shop_account()}
        wait_until_applied(self.nodes)
        self._lines: dict[str, Any] = {}
        with self._connect_as("").cursor() as cursor:
            self._numbered = {str(table) for (table,) in _execute_and_fetch(cursor, _SELECT_NUMBERED_TABLES_SQL)}
        self._truncated = set(self._numbered)
        self.store_initial_content()

    def get_account_name(self, person: str) -> str:
        """Return the name of the person's account. Accounts belong to the whole server, so the account names of each
        database differ.
        """
        return self._accounts[person][0]

    @property
    def owner(self) -> str:
        """Return the database URL of the schema account."""
        return self._team.owner

    @property
    def team(self) -> Team:
        """Return the team: its server and the accounts of its people."""
        return self._team

    def get_password_of(self, person: str) -> str:
        return self._accounts[person][1]

    def url(self, person: str, *, first: int = 0) -> str:
        """Return the database URL of a person. `first` is the index of the node to which the person's desk connects
        first; the other nodes are fallbacks.
        """
        turn = first % len(self.nodes)
        node, *others = self.nodes[turn:] + self.nodes[:turn]
        url = node.make_url(*self._accounts[person], self._team.database)
        fallbacks = "&".join(f"fallback={other.host}:{other.port}" for other in others)
        return f"{url}?{fallbacks}" if fallbacks else url

    def sql(self, *statements: str, person: str = "") -> list[tuple[Any, ...]]:
        """Run the statements with the schema account or the account of `person`, and return the rows of the
        last one. On a cluster the statements see all changes that other nodes have acknowledged.
        """
        rows: list[tuple[Any, ...]] = []
        connection = self._connect_as(person)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def restore_content(self) -> None:
        """Restore the initial content, as `store_initial_content` or `execute_as_initial_content` has last stored it,
        and the triggers that a test has dropped. New ids begin at 1 again.
        """
        if self._unguarded:
            self._create_triggers()
        with self._connect_as("").cursor() as cursor:
            unchanged = self._find_unchanged_tables(cursor)
            self._delete_all_rows(cursor, _list_filled_tables(cursor) - unchanged)
            for table, rows in self._kept.items():
                if table in unchanged:
                    continue
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def store_initial_content(self) -> None:
        """Delete the rows that the creation of accounts has left. `restore_content` restores the remaining rows."""
        with self._connect_as("").cursor() as cursor:
            self._delete_all_rows(
                cursor, _list_filled_tables(cursor) - {"alembic_version", "console_meta", "limits", "operators"}
            )
            self._kept = _read_tables(cursor, _list_filled_tables(cursor))

    def execute_as_initial_content(self, statement: str) -> None:
        """Run the statement, and include its effect in the content that `restore_content` restores."""
        with self._connect_as("").cursor() as cursor:
            cursor.execute(statement)
            self._kept = _read_tables(cursor, _list_filled_tables(cursor))

    def drop_table_triggers(self, table: str) -> None:
        """Drop the triggers of a table. They are created again when the content is restored."""
        self._unguarded = True
        of_this = f"event_object_schema = DATABASE() AND event_object_table = '{table}'"
        for (trigger,) in self.sql(f"SELECT trigger_name FROM information_schema.triggers WHERE {of_this}"):
            self.sql(f"DROP TRIGGER {trigger}")

    def _create_triggers(self) -> None:
        """Create the triggers again that a test has dropped."""
        schema = Database(self._team.owner, without_time_limit=True)
        with schema.read() as conn:
            server_triggers.renew_triggers(conn)
        schema.close()
        self._unguarded = False

    def drop_database(self) -> None:
        """Drop the database and its accounts. At the end of a run this is needed only on a server that continues."""
        self.nodes[0].sql(f"DROP USER IF EXISTS `{self.get_account_name(_SHOP_ACCOUNT)}`@`%`")
        self._team.drop()

    def _connect_as(self, person: str) -> Any:
        """Return the open connection of this account. On a cluster, return a new connection to the first node that
        answers.
        """
        alone = len(self.nodes) == 1
        if not alone or person not in self._lines:
            self._lines[person] = self._find_node().connect(*self._accounts[person], self._team.database)
            self._lines[person].query(_READ_LIVE_STATISTICS_SQL if alone else "SET wsrep_sync_wait = 7")
        return self._lines[person]

    def _find_node(self) -> SqlServer:
        """Return the only node, or wait for the first node that answers. On a busy machine it can take some time
        until a node answers.
        """
        if len(self.nodes) == 1:
            return self.nodes[0]
        answering: list[SqlServer] = []

        def is_found() -> bool:
            answering.extend(islice((node for node in self.nodes if node.can_log_in()), 1))
            return bool(answering)

        wait_until(is_found, "a node that answers")
        return answering[0]

    def _create_shop_account(self) -> tuple[str, str]:
        """Create the account of the other application, which has rights on the table of credit checks only. Return
        the account's name and password.
        """
        name, password = f"{_SHOP_ACCOUNT}.{self._team.database[-6:]}", self._accounts["op-a"][1]
        table = f"`{self._team.database}`.hansha_alarmbox_credit_checks"
        self.nodes[0].sql(f"CREATE USER `{name}`@`%` IDENTIFIED BY '{password}'")
        self.nodes[0].sql(f"GRANT SELECT, INSERT, UPDATE ON {table} TO `{name}`@`%`")
        return name, password

    def _delete_all_rows(self, cursor: Any, tables: set[str]) -> None:
        """Delete all rows of these tables. TRUNCATE ignores triggers and lets ids begin at 1 again, but takes ten
        times as long as deleting the few rows of a test, because it creates the table again. So it is used only for
        tables with numbered ids, and for tables whose triggers refuse the deletion.
        """
        cursor.execute("SET foreign_key_checks = 0")
        for table in sorted(tables):
            if table not in self._truncated and not _delete_rows(cursor, table):
                self._truncated.add(table)
            if table in self._truncated:
                cursor.execute(f"TRUNCATE {table}")

    def _find_unchanged_tables(self, cursor: Any) -> set[str]:
        """Return the tables that still have exactly the rows to restore. Most tests don't change these tables, and
        truncating a table takes twenty times as long as reading it. Tables with numbered ids are left out, because
        their next id may have changed.
        """
        there = _read_tables(cursor, self._kept.keys() - self._numbered)
        return {table for table, rows in there.items() if rows == self._kept[table]}


def _execute_and_fetch(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return list(cursor.fetchall())


def _read_tables(cursor: Any, tables: set[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of each of these tables by the table's name."""
    return {table: _execute_and_fetch(cursor, f"SELECT * FROM {table}") for table in sorted(tables)}


def _delete_rows(cursor: Any, table: str) -> bool:
    """Delete all rows of a table. Return False if a trigger refuses the deletion."""
    try:
        cursor.execute(f"DELETE FROM {table}")
    except OperationalError as error:
        if error.args[0] != _REFUSED_BY_TRIGGER_ERROR_NUMBER:
            raise
        return False
    return True


def _list_filled_tables(cursor: Any) -> set[str]:
    """Return the tables that have rows, or had rows before (their next id is above 1)."""
    table_rows = _execute_and_fetch(
        cursor,
        "SELECT table_name, auto_increment FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    )
    each = (f"SELECT '{table}' FROM DUAL WHERE EXISTS (SELECT 1 FROM {table})" for table, _ in table_rows)
    filled = {str(table) for (table,) in _execute_and_fetch(cursor, " UNION ALL ".join(each))}
    return filled | {str(table) for table, next_id in table_rows if (next_id or 1) > 1}


def _split_account(url: str) -> tuple[str, str]:
    """Return the name and the password of the account in a database URL."""
    parts = urlsplit(url)
    return unquote(parts.username or ""), unquote(parts.password or "")


@contextmanager
def lend_database(engine: str, nodes: Sequence[SqlServer]) -> Iterator[PooledDatabase]:
    """Yield an empty database: a free one from the pool, or a new one. After the block the database is free again."""
    free = _free_databases.setdefault(engine, [])
    database = free.pop() if free else PooledDatabase(nodes)
    try:
        database.restore_content()
        yield database
    finally:
        free.append(database)


def forget_all_databases() -> None:
    """Remove all databases from the pool without dropping them, because their servers have ended."""
    _free_databases.clear()


def drop_all_databases() -> None:
    """Drop all free databases of the pool. This is needed only on a server that continues after the run."""
    for free in _free_databases.values():
        while free:
            free.pop().drop_database()
