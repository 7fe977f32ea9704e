"""Goals 3, 5, 6 and 7: lookups, pages and counts on big tables, warm."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from sqlalchemy import Connection, event

from console.app import Console, open_console
from console.settings import Settings
from console.store import lease_time
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
    """One database with the three ways to read it: the service, Core on a held connection, the bare driver.

    Core and the driver repeat what the service was heard to ask, so that all three ask the same.
    """

    def __init__(self, console: Console, file: Path, rows: int) -> None:
        self.console, self.rows = console, rows
        self._numbers = itertools.cycle([number_of(1 + i * (rows - 1) // 997) for i in range(997)])
        self._held = console.database.engine.connect()
        self._driver = sqlite3.connect(file, isolation_level=None)
        lease_time.lend(self._driver)  # type: ignore[arg-type]  # the driver's own, as SQLAlchemy has it
        self._number = next(self._numbers)
        self._lookup_core = self._heard("before_execute", lambda: console.lookup.find(self._number))
        self._lookup_sql = self._heard("before_cursor_execute", lambda: console.lookup.find(self._number))
        self._depth = self.cursor("incomplete", 0.5)
        self._page_sql = self._heard("before_cursor_execute", self.half_page)

    def close(self) -> None:
        self._held.close()
        self._driver.close()

    def _heard(self, when: Literal["before_execute", "before_cursor_execute"], work: Work) -> list[tuple[Any, Any]]:
        """The statements, with their parameters, that `work` asks: of Core, or of the driver."""
        heard: list[tuple[Any, Any]] = []

        def listen(_conn: Connection, *said: Any) -> None:
            statement, values = (said[0], said[2]) if when == "before_execute" else (said[1], said[2])
            if when == "before_execute" or not statement.startswith("BEGIN"):
                heard.append((statement, values))

        engine = self.console.database.engine
        event.listen(engine, when, listen)
        work()
        event.remove(engine, when, listen)
        return heard

    def lookup(self) -> object:
        return self.console.lookup.find(next(self._numbers))

    def core_lookup(self) -> object:
        """Each with all its rows, in one transaction."""
        number = next(self._numbers)
        with self._held.begin():
            self._held.exec_driver_sql("BEGIN DEFERRED")
            return [
                self._held.execute(
                    asked, {name: self._asked_for(number, value) for name, value in values.items()}
                ).all()
                for asked, values in self._lookup_core
            ]

    def driver_lookup(self) -> object:
        number = next(self._numbers)
        return self._drive(
            [(sql, [self._asked_for(number, one) for one in values]) for sql, values in self._lookup_sql]
        )

    def driver_page(self) -> object:
        return self._drive(self._page_sql)

    def _asked_for(self, number: str, value: object) -> object:
        return number if value == self._number else value

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
