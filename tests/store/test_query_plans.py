"""How the database goes about each question: through an index, whatever the table's size.

On an empty database without ANALYZE, as most desks have it, so that a plan rests on the schema alone.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from console.domain.results import FeedMark
from console.store import credit_checks, feed, idempotency, journal, leases, queues
from console.store.engine import Database

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NUMBER = "7123456789012"
LAPSED = frozenset({3, 5})
NONE: frozenset[int] = frozenset()

Ask = Callable[[Connection], object]


def page_of(name: str, after: tuple[str, int] | None, lapsed: frozenset[int]) -> Ask:
    return lambda conn: queues.page(conn, name, after, 50, lapsed)


def count_of(name: str, lapsed: frozenset[int]) -> Ask:
    return lambda conn: queues.count(conn, name, lapsed)


QUEUES = [name for name in queues.NAMES if name != "refunds"]
PAGES: dict[str, Ask] = {
    f"{name} {where}{' beside lapsed calls' if lapsed else ''}": page_of(name, after, lapsed)
    for name in QUEUES
    for where, after in (("first page", None), ("later page", ("needs_review", 7)), ("last page", ("scheduled", 7)))
    for lapsed in (NONE, LAPSED)
}
COUNTS: dict[str, Ask] = {
    f"count of {name}{' beside lapsed calls' if lapsed else ''}": count_of(name, lapsed)
    for name in QUEUES
    for lapsed in (NONE, LAPSED)
}
BY_KEY: dict[str, Ask] = {
    "record": lambda conn: credit_checks.find(conn, 1),
    "numbers that we have": lambda conn: credit_checks.known_numbers(conn, [NUMBER, NUMBER[::-1]], 3),
    "provider's id": lambda conn: credit_checks.with_provider_id(conn, 5),
    "what a renewal replaced": lambda conn: credit_checks.renewed_by(conn, 5),
    "due": lambda conn: queues.due(conn, "incomplete", NOW, 10),
    "written by others": lambda conn: queues.written_by_others(conn, 10),
    "records of lapsed calls": journal.lapsed_subjects,
    "call running for a record": lambda conn: journal.running_of(conn, credit_checks.KIND, 1),
    "purchases open for a number": lambda conn: journal.purchases_open_for(conn, NUMBER),
    "idempotency key": lambda conn: idempotency.seen(conn, "key"),
    "holder of a lease": lambda conn: leases.holder_of(conn, "name"),
    "changes": lambda conn: feed.since(conn, FeedMark(0, frozenset())),
}
SORTED_IN_MEMORY: dict[str, Ask] = {
    "lookup": lambda conn: credit_checks.by_number(conn, NUMBER),
    "live claim": lambda conn: credit_checks.live(conn, "1", NUMBER),
    "lapsed calls": journal.lapsed,
    "unfinished work": journal.unfinished,
    "operations of a record": lambda conn: journal.of_subject(conn, credit_checks.KIND, 1),
    "holders": leases.holders,
}
"""Few rows, whatever the table's size (a lookup's are at most 200 in odd spellings): sorting them is cheap."""
BEGINNINGS: dict[str, Ask] = {
    "numbers that begin so": lambda conn: credit_checks.starting_with(conn, "7", "", 20, NONE),
    "names that begin so": lambda conn: credit_checks.starting_with(conn, "", "架", 20, NONE),
}


@pytest.fixture(scope="module")
def database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("plans") / "console.db"
    shutil.copy(empty_database, file)
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


def plans(database: Database, ask: Ask) -> list[str]:
    """The steps of every statement that `ask` makes, as EXPLAIN QUERY PLAN words them."""
    asked: list[tuple[str, Any]] = []

    def listen(_conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
        asked.append((sql, values))

    with database.read() as conn:
        event.listen(database.engine, "before_cursor_execute", listen)
        try:
            ask(conn)
        finally:
            event.remove(database.engine, "before_cursor_execute", listen)
        assert asked, "nothing was asked"
        return [
            str(step[-1])
            for sql, values in asked
            for step in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        ]


def whole_tables(steps: Sequence[str]) -> list[str]:
    """Steps that read a table, or an index, from one end to the other; what a statement made itself is not one."""
    made = ("SCAN anon_", "SCAN CONSTANT ROW")
    return [step for step in steps if step.startswith("SCAN") and not step.startswith(made)]


@pytest.mark.parametrize("ask", [*PAGES.values(), *COUNTS.values(), *BY_KEY.values()], ids=[*PAGES, *COUNTS, *BY_KEY])
def test_read_through_an_index_in_its_order(database: Database, ask: Ask) -> None:
    """No table is read as a whole, and nothing is sorted: the index has the rows in the order that is asked for."""
    steps = plans(database, ask)
    assert not whole_tables(steps), steps
    assert not [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step], steps


@pytest.mark.parametrize("ask", SORTED_IN_MEMORY.values(), ids=SORTED_IN_MEMORY)
def test_few_rows_are_found_through_an_index(database: Database, ask: Ask) -> None:
    """What is sorted afterwards is found through an index first."""
    steps = plans(database, ask)
    assert not whole_tables(steps), steps


@pytest.mark.parametrize("ask", BEGINNINGS.values(), ids=BEGINNINGS)
def test_suggestions_follow_the_index(database: Database, ask: Ask) -> None:
    """A beginning that half the table shares costs no more than the rows shown: only equal ones are sorted."""
    steps = plans(database, ask)
    assert not whole_tables(steps), steps
    assert not [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"], steps


@pytest.mark.parametrize("name", QUEUES)
def test_a_later_page_begins_where_it_begins(database: Database, name: str) -> None:
    """The index is entered at the last row seen, by work state and id, not at the queue's beginning."""
    steps = plans(database, PAGES[f"{name} later page"])
    assert any("seen_work=? AND id>?" in step for step in steps), steps
