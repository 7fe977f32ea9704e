"""Goals 3, 5, 6 and 7: lookups, pages and counts on big tables, warm."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, event

from console.app import Console, open_console
from console.settings import Settings
from console.store import credit_checks, journal, leases, people
from tests.bench.big_table import OPERATOR, big_table, number_of
from tests.bench.figures import Row, Work, centile, median, side_by_side, span, times
from tests.support.desks import environment

SMALL = 1_000_000
_ROUNDS = 2_000
_PAGE = 50
_QUEUES = ("pending", "unknown", "error", "incomplete", "review")


@contextmanager
def desk(file: Path) -> Iterator[Console]:
    """A console on a kept database, with a home of its own."""
    with TemporaryDirectory(prefix="console-bench-") as home:
        told = environment(Path(home), "http://127.0.0.1:9", DATABASE_URL=f"sqlite:///{file}", OPERATOR=OPERATOR)
        with open_console(Settings.load(told)) as console:
            yield console


class Subject:
    """One database with the three ways to read it: the service, Core on a held connection, the bare driver."""

    def __init__(self, console: Console, file: Path, rows: int) -> None:
        self.console, self.rows = console, rows
        self._numbers = itertools.cycle([number_of(1 + i * (rows - 1) // 997) for i in range(997)])
        self._held = console.database.engine.connect()
        self._driver = sqlite3.connect(file, isolation_level=None)
        self._lookup_sql = self._spoken(lambda: console.lookup.find(next(self._numbers)))
        self._depth = self.cursor("incomplete", 0.5)
        self._page_sql = self._spoken(lambda: console.recovery.queue("incomplete", _PAGE, self._depth))

    def close(self) -> None:
        self._held.close()
        self._driver.close()

    def _spoken(self, work: Work) -> list[tuple[str, Any]]:
        """The statements, with their parameters, that `work` sends to the driver."""
        said: list[tuple[str, Any]] = []

        def listen(_conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
            said.append((sql, values))

        engine = self.console.database.engine
        event.listen(engine, "before_cursor_execute", listen)
        work()
        event.remove(engine, "before_cursor_execute", listen)
        return [(sql, values) for sql, values in said if not sql.startswith("BEGIN")]

    def lookup(self) -> object:
        return self.console.lookup.find(next(self._numbers))

    def core_lookup(self) -> object:
        """The service's statements through Core, each with all its rows, in one transaction."""
        with self._held.begin():
            self._held.exec_driver_sql("BEGIN DEFERRED")
            self._held.execute(people._ONE, {"of": OPERATOR}).all()
            self._held.execute(journal._LAPSED_SUBJECTS, leases.clock_now()).all()
            return self._held.execute(credit_checks._BY_NUMBER, {"number": next(self._numbers)}).all()

    def driver_lookup(self) -> object:
        *others, (sql, _) = self._lookup_sql
        return self._drive([*others, (sql, (next(self._numbers),))])

    def driver_page(self) -> object:
        return self._drive(self._page_sql)

    def _drive(self, statements: Sequence[tuple[str, Any]]) -> object:
        self._driver.execute("BEGIN")
        rows = [self._driver.execute(sql, values).fetchall() for sql, values in statements]
        self._driver.execute("COMMIT")
        return rows

    def page(self, queue: str, after: str | None) -> object:
        return self.console.recovery.queue(queue, _PAGE, after)

    def half_page(self) -> object:
        return self.page("incomplete", self._depth)

    def cursor(self, queue: str, depth: float) -> str:
        """Where the page at that depth of the queue begins."""
        work = {"unknown": "needs_review", "review": "needs_review"}.get(queue, "none")
        return f"{work}.{int(self.rows * depth)}"


@contextmanager
def subject(rows: int) -> Iterator[Subject]:
    file = big_table(rows)
    with desk(file) as console:
        made = Subject(console, file, rows)
        yield made
        made.close()


def rows(large: int, wanted: frozenset[int]) -> Iterator[Row]:
    """The goals of reading, at `large` rows beside a million."""
    if not wanted:
        return
    with subject(SMALL) as small, subject(large) as big:
        if 3 in wanted:
            yield _lookup(big)
        if 5 in wanted:
            yield from _growth(small, big)
        if 6 in wanted:
            yield _depth(small, big)
        if 7 in wanted:
            yield _counts(big)


def _size(rows: int) -> str:
    return f"{rows // 1_000_000} M rows"


def _lookup(big: Subject) -> Row:
    took = side_by_side(
        {"service": big.lookup, "core": big.core_lookup, "driver": big.driver_lookup}, _ROUNDS, warm=1_000
    )
    service, core, slow = median(took["service"]), median(took["core"]), centile(took["service"], 0.99)
    return Row(
        "3",
        f"lookup, {_size(big.rows)}",
        f"{span(service)}, p99 {span(slow)}",
        f"driver {span(median(took['driver']))}",
        f"Core {span(core)}",
        times(service / core),
        "≤ 1.25×, p99 ≤ 1 ms",
        service / core <= 1.25 and slow <= 1e-3,
    )


def _growth(small: Subject, big: Subject) -> Iterator[Row]:
    works: dict[str, tuple[Work, Work, Work, Work]] = {
        "lookup": (big.lookup, small.lookup, big.driver_lookup, small.driver_lookup),
        "page": (big.half_page, small.half_page, big.driver_page, small.driver_page),
    }
    for name, (large, little, driven, driven_little) in works.items():
        took = side_by_side({"a": large, "b": little, "c": driven, "d": driven_little}, _ROUNDS // 2, warm=1_000)
        mine, floor = median(took["a"]) / median(took["b"]), median(took["c"]) / median(took["d"])
        yield Row(
            "5",
            f"growth of {name}, 1 M → {_size(big.rows)}",
            f"{span(median(took['b']))} → {span(median(took['a']))} = {times(mine)}",
            f"driver {times(floor)}",
            "–",
            times(mine / floor),
            "≤ 1.05×",
            mine / floor <= 1.05,
        )


def _depth(small: Subject, big: Subject) -> Row:
    """The queue that fares worst."""
    ratio, queue, at_depth, first = max(_at_depth(small, big, queue) for queue in _QUEUES)
    return Row(
        "6",
        f"page of {_PAGE} at 90 % of {_size(big.rows)}, worst queue ({queue})",
        span(at_depth),
        "1.0",
        f"page 1 of 1 M {span(first)}",
        times(ratio),
        "≤ 1.15×",
        ratio <= 1.15,
    )


def _at_depth(small: Subject, big: Subject, queue: str) -> tuple[float, str, float, float]:
    deep = big.cursor(queue, 0.9)
    took = side_by_side({"deep": lambda: big.page(queue, deep), "first": lambda: small.page(queue, None)}, 200)
    at_depth, first = median(took["deep"]), median(took["first"])
    return at_depth / first, queue, at_depth, first


def _counts(big: Subject) -> Row:
    took = side_by_side({"counts": big.console.recovery.counts, "page": big.half_page}, 200)
    counts, page = median(took["counts"]), median(took["page"])
    return Row(
        "7",
        f"counts of all queues, {_size(big.rows)}",
        span(counts),
        "–",
        f"page of {_PAGE} {span(page)}",
        times(counts / page),
        "≤ 3×",
        counts <= 3 * page,
    )
