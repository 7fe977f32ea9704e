"""How a database goes about each question that grows with the tables: the questions, and the steps of its plans."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event

from console.store import credit_checks, feed, idempotency, journal, leases, looks, queues
from console.store.engine import Database
from console.store.queues import Place
from tests.bench.figures import Row

NUMBER = "7123456789012"
_NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_NONE = frozenset[int]()
_LAPSED = {kind: frozenset({3, 5}) for kind in ("credit-check", "payment", "refund")}

Ask = Callable[[Connection], object]


def _page_of(name: str, after: Place | None, lapsed: queues.Lapsed) -> Ask:
    return lambda conn: queues.page(conn, name, after, 50, lapsed)


def _count_of(name: str, lapsed: queues.Lapsed) -> Ask:
    return lambda conn: queues.count(conn, name, lapsed)


_KINDS_BEFORE = len(queues.KINDS) - 1
PAGES: dict[str, Ask] = {
    f"{name} {where}{' beside lapsed calls' if lapsed else ''}": _page_of(name, after, lapsed)
    for name in queues.NAMES
    for where, after in (
        ("first page", None),
        ("later page", Place("needs_review", _KINDS_BEFORE, 7)),
        ("last page", Place("scheduled", _KINDS_BEFORE, 7)),
    )
    for lapsed in ({}, _LAPSED)
}
COUNTS: dict[str, Ask] = {
    f"count of {name}{' beside lapsed calls' if lapsed else ''}": _count_of(name, lapsed)
    for name in queues.NAMES
    for lapsed in ({}, _LAPSED)
}
BY_KEY: dict[str, Ask] = {
    "record": lambda conn: credit_checks.find(conn, 1),
    "lookup": lambda conn: looks.look(conn, NUMBER, "op-a", anybody=False),
    "records of a number": lambda conn: credit_checks.by_number(conn, NUMBER),
    "live claim": lambda conn: credit_checks.live(conn, "1", NUMBER),
    "numbers that we have": lambda conn: credit_checks.known_numbers(conn, [NUMBER, NUMBER[::-1]], 3),
    "provider's id": lambda conn: credit_checks.with_provider_id(conn, 5),
    "what a renewal replaced": lambda conn: credit_checks.renewed_by(conn, 5),
    "due": lambda conn: queues.due(conn, "incomplete", _NOW, 10),
    "written by others": lambda conn: queues.written_by_others(conn, 10),
    "records of lapsed calls": journal.lapsed_subjects,
    "records of lapsed calls of all kinds": journal.lapsed_by_kind,
    "call running for a record": lambda conn: journal.running_of(conn, credit_checks.KIND, 1),
    "purchases open for a number": lambda conn: journal.purchases_open_for(conn, NUMBER),
    "idempotency key": lambda conn: idempotency.seen(conn, "key"),
    "holder of a lease": lambda conn: leases.holder_of(conn, "name"),
    "changes": lambda conn: feed.since(conn, None),
}
SORTED_IN_MEMORY: dict[str, Ask] = {
    "lapsed calls": journal.lapsed,
    "unfinished work": journal.unfinished,
    "operations of a record": lambda conn: journal.of_subject(conn, credit_checks.KIND, 1),
    "holders": leases.holders,
}
"""Few rows, whatever the table's size: sorting them is cheap."""
BEGINNINGS: dict[str, Ask] = {
    "numbers that begin so": lambda conn: credit_checks.starting_with(conn, "7", "", 20, _NONE),
    "names that begin so": lambda conn: credit_checks.starting_with(conn, "", "架空商事9", 20, _NONE),
}
ALL: dict[str, Ask] = {**PAGES, **COUNTS, **BY_KEY, **SORTED_IN_MEMORY, **BEGINNINGS}


Asked = list[tuple[str, Any]]


def heard(database: Database, ask: Ask) -> Asked:
    """The statements that `ask` makes, with their parameters."""
    asked: Asked = []

    def listen(_conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
        asked.append((sql, values))

    with database.read() as conn:
        event.listen(conn, "before_cursor_execute", listen)
        ask(conn)
    assert asked, "nothing was asked"
    return asked


def explained(database: Database, asked: Asked) -> list[str]:
    """The steps of their plans: SQLite's own words, or `access table key: extra` of a server."""
    with database.read() as conn:
        return [step for sql, values in asked for step in _explained(conn, sql, values)]


def steps(database: Database, ask: Ask) -> list[str]:
    """How this database goes about it."""
    return explained(database, heard(database, ask))


def _explained(conn: Connection, sql: str, values: Any) -> Iterator[str]:
    if conn.dialect.name == "sqlite":
        yield from (str(step[-1]) for step in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values))
        return
    for row in conn.exec_driver_sql(f"EXPLAIN {sql}", values).mappings():
        yield f"{row['type']} {row['table']} {row['key']}: {row['Extra']}"


def whole_tables(found: Sequence[str]) -> list[str]:
    """Steps that read a table, or an index, from one end to the other; what a statement made itself is not one."""
    made = ("SCAN anon_", "SCAN CONSTANT ROW", "ALL <", "index <")
    return [step for step in found if step.startswith(("SCAN", "ALL ", "index ")) and not step.startswith(made)]


def sorts(found: Sequence[str]) -> list[str]:
    """Steps that sort all that was found."""
    return [step for step in found if step == "USE TEMP B-TREE FOR ORDER BY" or "Using filesort" in step]


def row(where: str, empty_url: str, big: Database) -> Row:
    """What is promised at any size: no question reads a whole table. They are asked of an empty database, because
    who finds nothing asks everything, and explained by the big one.
    """
    with closing(Database(empty_url, unhurried=True)) as empty:
        plans = {name: explained(big, heard(empty, ask)) for name, ask in ALL.items()}
    wrong = {name: whole for name, found in plans.items() if (whole := whole_tables(found))}
    for name, whole in wrong.items():
        print(f"{where}: {name}: {'; '.join(whole)}", flush=True)
    figure = f"{len(ALL) - len(wrong)} of {len(ALL)}"
    return Row("5", f"questions answered by index, {where}", figure, "–", "–", "–", "all", not wrong, promised=True)
