"""A plain client's connections to a guarded database, and what it says to each statement."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pymysql

from console.store import guards_sql
from tests.store.forbidden import DENIED, Forbidden
from tests.support.teams import EVERYBODY, Team


class Lines:
    """Connections, one per person; those whose session is changed are closed after it."""

    def __init__(self, people: Team) -> None:
        self._people = people
        self._kept: dict[str, Any] = {}

    @contextmanager
    def fresh(self, who: str) -> Iterator[Any]:
        with self._people.connect(who) as line:
            yield line

    def kept(self, who: str) -> Any:
        if who not in self._kept:
            self._kept[who] = self._people.connect(who)
        return self._kept[who]

    def wait(self, who: str) -> None:
        """Until this node has what the others have acknowledged."""
        with self.kept(who).cursor() as cursor:
            cursor.execute("SET SESSION wsrep_sync_wait = 7")
            cursor.execute("SELECT 1 FROM audit_log LIMIT 1")

    def close(self) -> None:
        for line in self._kept.values():
            line.close()


TRIGGER = next(one.name for one in guards_sql.triggers() if one.table == "audit_log")


def attempt(people: Team, lines: Lines, who: str, case: Forbidden) -> str | None:
    """What the database said to the last statement of `case`; None when it did as it was told."""
    me, role = people.names[who], EVERYBODY[who][0]
    names = {
        "me": me, "other": people.names["op-b"], "ME": me.upper(),
        "homoglyph": me.replace("o", "\N{CYRILLIC SMALL LETTER O}").replace("a", "\N{CYRILLIC SMALL LETTER A}"),
        "trigger": TRIGGER, "database": people.database,
        "other_role": "approver" if role != "approver" else "operator",
    }  # fmt: skip
    *before, last = (statement.format(**names) for statement in case.sql)
    own = lines.fresh(who) if before else nullcontext(lines.kept(who))
    with own as connection, connection.cursor() as cursor:
        connection.begin()
        try:
            for statement in before:
                cursor.execute(statement)
            cursor.execute(last)
        except pymysql.MySQLError as refusal:
            number, words = refusal.args
            return str(words) if number in DENIED else None
        finally:
            connection.rollback()
    return None


def does(lines: Lines, who: str, *statements: str) -> str:
    """What the database says to these, all in one transaction that is undone; empty when it does them all."""
    connection = lines.kept(who)
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


def honest(statement: str, people: Team, who: str) -> str:
    return statement.format(me=people.names[who])


def said(cursor: Any, statement: str) -> str:
    """What the database says to one statement; empty when it does it."""
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as refusal:
        return str(refusal.args[1])
    return ""
