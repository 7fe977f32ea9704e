"""Queues in pages: whoever walks them sees every row once and in order, lapsed calls where they belong."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import Connection, insert

from console.domain.records import CreditCheck
from console.store import credit_checks, queues
from console.store.engine import Database
from console.store.leases import naive
from console.store.schema import credit_checks as table
from tests.support import server_fixtures
from tests.support.places import Engine, fresh_anywhere

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NAMES = tuple(name for name in queues.NAMES if name != "refunds")
LAPSED = frozenset({2, 7, 8, 30, 31, 55})


def row(number: int, status: str, certainty: str, work: str, *, missing: bool) -> dict[str, object]:
    """A record that is `number` hours younger than the first; every one of a company of its own."""
    bought = status == "success"
    return {
        "id": number,
        "client_id": 1,
        "corporation_number": f"{number:013d}",
        "credit_check_id": number if bought else None,
        "company_name": f"架空{number}" if bought else None,
        "result": "ok" if bought else None,
        "purchased_at": naive(NOW) if bought else None,
        "expired_at": naive(NOW) if bought else None,
        "pdf_file_path": "x.pdf" if bought and not missing else None,
        "status": status,
        "certainty": certainty,
        "work_state": work,
        "changed_at": naive(NOW + timedelta(hours=number)),
    }


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """Records in every mixture of states, mixed by id too."""
    server_fixtures.need_engine(engine)
    with fresh_anywhere(engine) as place, closing(Database(place.url())) as opened:
        place.unguard(table.name)  # they have no history
        _fill(opened)
        yield opened


def _fill(opened: Database) -> None:
    kinds = [
        ("pending", "known", "none"), ("success", "known", "none"), ("error", "known", "none"),
        ("pending", "unknown", "needs_review"), ("success", "known", "scheduled"),
        ("pending", "unknown", "scheduled"), ("success", "known", "needs_review"),
    ]  # fmt: skip
    mixed = enumerate(product((True, False), range(5), kinds), 1)
    rows = [row(number, *kind, missing=missing) for number, (missing, _, kind) in mixed]
    with opened.attempt() as tx:
        tx.conn.execute(insert(table), rows)


def walk(conn: Connection, name: str, limit: int, lapsed: frozenset[int]) -> list[CreditCheck]:
    """Page after page, until one isn't full."""
    found: list[CreditCheck] = []
    after = None
    while True:
        page = queues.page(conn, name, after, limit, lapsed)
        found += page
        if len(page) < limit:
            return found
        after = queues.key_of(page[-1])


def expected(conn: Connection, name: str, lapsed: frozenset[int]) -> list[int]:
    """Ids by the rules in words, worked out record by record."""
    every = credit_checks.select_records(conn, credit_checks.all_records(), lapsed)
    belongs: dict[str, Callable[[CreditCheck], bool]] = {
        "pending": lambda one: one.state.value == "pending" and one.certainty.value == "known",
        "unknown": lambda one: one.certainty.value == "unknown",
        "error": lambda one: one.state.value == "error",
        "incomplete": lambda one: bool(one.incomplete),
        "review": lambda one: one.work.state.value == "needs_review",
    }
    return [one.id for one in sorted(every, key=queues.key_of) if belongs[name](one)]


@pytest.mark.parametrize("lapsed", [frozenset[int](), LAPSED], ids=["", "with lapsed calls"])
@pytest.mark.parametrize("name", NAMES)
def test_pages_of_any_size_make_up_the_queue(database: Database, name: str, lapsed: frozenset[int]) -> None:
    """In pages of 1, 2, 3 or all: the same rows, once each, by work state and then by age."""
    with database.read() as conn:
        wanted = expected(conn, name, lapsed)
        assert wanted, "a queue without rows shows nothing"
        for limit in (1, 2, 3, 1_000):
            assert [one.id for one in walk(conn, name, limit, lapsed)] == wanted, limit


@pytest.mark.parametrize("lapsed", [frozenset[int](), LAPSED], ids=["", "with lapsed calls"])
@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_the_rows(database: Database, name: str, lapsed: frozenset[int]) -> None:
    """As many as the queue has, and the oldest of them."""
    with database.read() as conn:
        rows = walk(conn, name, 1_000, lapsed)
        assert queues.count(conn, name, lapsed) == (len(rows), min(one.changed_at or NOW for one in rows))


def test_counts_stop_at_the_cap(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the cap says that there are more; lapsed calls count with the others."""
    monkeypatch.setattr(queues, "COUNT_CAP", 4)
    with database.read() as conn:
        assert queues.count(conn, "unknown", frozenset())[0] == 5
        assert queues.count(conn, "unknown", LAPSED)[0] == 5


def test_suggestions_are_ordered_by_what_was_typed(database: Database) -> None:
    """Numbers that begin so, in their order and no more than asked for; names likewise."""
    with database.read() as conn:
        numbers = credit_checks.starting_with(conn, "00000000000", "", 3, frozenset())
        names = credit_checks.starting_with(conn, "", "架空1", 3, frozenset())
        assert [one.id for one in numbers] == [1, 2, 3]
        assert [one.company_name for one in names] == ["架空12", "架空14", "架空16"]
        assert credit_checks.starting_with(conn, "", "", 3, frozenset()) == ()
