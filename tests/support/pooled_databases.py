"""Migrated databases on servers, kept for the next test: emptying one takes 10 ms, making one 400."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from console.domain.permissions import APPROVER, AUDITOR, OPERATOR
from console.store import migrate
from console.store.engine import Database
from tests.support import teams
from tests.support.sql_server import SqlServer

PEOPLE = ("op-a", "op-b", "lead-b", "lead-c")
_ROLES = (OPERATOR, APPROVER, AUDITOR)
_free: dict[str, list["PooledDatabase"]] = {}


class PooledDatabase:
    """One database with its people. `nodes`: the servers that it can be reached by, one or a cluster's."""

    def __init__(self, nodes: Sequence[SqlServer]) -> None:
        self.nodes = tuple(nodes)
        self.spoilt = False
        self._line: Any = None
        self.mark, self._password = secrets.token_hex(3), secrets.token_hex(12)
        self.owner_url = nodes[0].fresh_database()
        self.name = self.owner_url.rpartition("/")[2]
        database = Database(self.owner_url, unhurried=True)
        migrate.upgrade(database)
        database.close()
        self._admit()
        self.sql("TRUNCATE audit_log")  # its rows can't be deleted, and tests begin with none
        self._kept = {table: self.sql(f"SELECT * FROM {table}") for table in self._filled()}

    def account_of(self, person: str) -> str:
        """Accounts belong to the whole server: each database has its own ones."""
        return f"{person}.{self.mark}" if person else ""

    def url(self, person: str, *, first: int = 0) -> str:
        """The address of a person; `first`: the node that is asked first, the others are told as well."""
        turn = first % len(self.nodes)
        node, *others = self.nodes[turn:] + self.nodes[:turn]
        url = node.url(self.account_of(person), self._password, self.name)
        fallbacks = "&".join(f"fallback={other.host}:{other.port}" for other in others)
        return f"{url}?{fallbacks}" if fallbacks else url

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """As the owner, by the first node that answers, with all that other nodes have acknowledged."""
        rows: list[tuple[Any, ...]] = []
        if len(self.nodes) > 1:
            node = next(node for node in self.nodes if node.answers())
            with self._connected(node) as connection, connection.cursor() as cursor:
                for statement in ("SET wsrep_sync_wait = 7", *statements):
                    cursor.execute(statement)
                return list(cursor.fetchall())
        for statement in statements:
            rows = self._ask(statement)
        return rows

    def _connected(self, node: SqlServer) -> Any:
        owner = urlsplit(self.owner_url)
        return node.connect(owner.username or "", owner.password or "", self.name)

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        """On the connection that is kept for this."""
        if self._line is None:
            self._line = self._connected(self.nodes[0])
        with self._line.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def empty(self) -> None:
        """As it was when it was made, ids beginning at 1 included."""
        changed = [table for table in self._filled() if table not in self._kept]
        kept = [f"DELETE FROM {table}" for table in self._kept]
        self.sql("SET foreign_key_checks = 0", *(f"TRUNCATE {table}" for table in changed), *kept)
        with self._connected(self.nodes[0]) as connection, connection.cursor() as cursor:
            for table, rows in self._kept.items():
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def drop(self) -> None:
        names = {person: self.account_of(person) for person in PEOPLE}
        teams.Team(self.nodes[0], self.owner_url, {}, names).drop()

    def _admit(self) -> None:
        """People who hold every role of people, with the rights that these have and no more."""
        names = {person: self.account_of(person) for person in PEOPLE}
        entries = teams.people_of(names, dict.fromkeys(PEOPLE, _ROLES))
        teams.apply(
            self.owner_url, entries, dict.fromkeys((str(one["password_env"]) for one in entries), self._password)
        )

    def _filled(self) -> list[str]:
        """Tables that have rows, or had some: their next id says so."""
        seen = self.sql(
            "SELECT table_name, auto_increment FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
        )
        each = (f"SELECT '{table}' FROM DUAL WHERE EXISTS (SELECT 1 FROM {table})" for table, _ in seen)
        filled = {str(table) for (table,) in self.sql(" UNION ALL ".join(each))}
        return [str(table) for table, next_id in seen if table in filled or (next_id or 1) > 1]


@contextmanager
def lend(engine: str, nodes: Sequence[SqlServer]) -> Iterator[PooledDatabase]:
    """An empty one: from the pool, or made."""
    free = _free.setdefault(engine, [])
    database = free.pop() if free else PooledDatabase(nodes)
    try:
        database.empty()
        yield database
    finally:
        if not database.spoilt:
            free.append(database)


def drop_all() -> None:
    """For servers that outlive the run."""
    for free in _free.values():
        while free:
            free.pop().drop()
