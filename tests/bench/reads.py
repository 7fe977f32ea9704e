"""Goals 3 to 7: lookups, pages and counts on big tables with warm caches, and the query plans of all queries."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.bench import plans
from tests.bench.big_server import run_big_server
from tests.bench.big_table import make_big_table, make_empty_table
from tests.bench.figures import (
    MeasuredFunction,
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.bench.subjects import PAGE_SIZE, MeasuredTable, open_measured_table
from tests.support.servers import find_missing_reason

SMALL_ROW_COUNT = 1_000_000
_ROUND_COUNT = 1_500
_QUEUE_NAMES = ("pending", "unknown", "error", "incomplete", "review")
_GOAL_NUMBER_BY_ENGINE = {"SQLite": 3, "MariaDB": 4}


def measure_rows(large: int, goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Yield the report rows of the requested goals of reads on each engine. A table with `large` rows is compared
    with one of a million rows.
    """
    if goal_numbers & {3, 5, 6, 7}:
        yield from _measure_engine(
            "SQLite", lambda rows: f"sqlite:///{make_big_table(rows)}", make_empty_table, large, goal_numbers
        )
    if goal_numbers & {4, 5, 6, 7}:
        if (reason := find_missing_reason("mariadb")) is not None:
            yield ReportRow("4", "reads on MariaDB", "–", "–", "–", reason, "≤ 0.9×", None)
            return
        with run_big_server() as server:
            yield from _measure_engine(
                "MariaDB", server.make_database_url, server.create_empty_database, large, goal_numbers
            )


def _measure_engine(
    engine: str,
    url: Callable[[int], str],
    empty: Callable[[], AbstractContextManager[str]],
    large: int,
    goal_numbers: frozenset[int],
) -> Iterator[ReportRow]:
    """Yield the report rows of the requested goals on one engine, for a table with `large` rows and one of a million.
    `url` returns the URL of a database with the given number of rows, `empty` yields the URL of a database without
    rows.
    """
    with _open_measured_tables(url, large) as (small, big):
        scope = f"{large // 1_000_000} M rows, {engine}"
        if _GOAL_NUMBER_BY_ENGINE[engine] in goal_numbers:
            yield from _measure_lookup(engine, scope, big)
        if 5 in goal_numbers:
            yield from _measure_growth(scope, small, big)
            with empty() as address:
                yield plans.check_plans(scope, address, big.console.database)
        if 6 in goal_numbers:
            yield _measure_depth(scope, small, big)
        if 7 in goal_numbers:
            yield _measure_queue_counts(scope, big)


@contextmanager
def _open_measured_tables(url: Callable[[int], str], large: int) -> Iterator[tuple[MeasuredTable, MeasuredTable]]:
    with (
        open_measured_table(url(SMALL_ROW_COUNT), SMALL_ROW_COUNT) as small,
        open_measured_table(url(large), large) as big,
    ):
        yield small, big


def _measure_lookup(engine: str, label: str, big_table: MeasuredTable) -> Iterator[ReportRow]:
    """Measure a lookup in the large table by the service, by SQLAlchemy Core and by the driver alone, and yield the
    rows of the report.
    """
    works: dict[str, MeasuredFunction] = {
        "service": big_table.lookup,
        "core": big_table.lookup_by_core,
        "two": big_table.lookup_by_core_in_two_queries,
    }
    took = measure_alternately(works | {"driver": big_table.lookup_by_driver}, _ROUND_COUNT, warm_up_round_count=500)
    service, core, two, driver = (compute_median(took[name]) for name in (*works, "driver"))
    slow = compute_percentile(took["service"], 0.99)
    figure, floor = f"{format_duration(service)}, p99 {format_duration(slow)}", f"driver {format_duration(driver)}"
    same = f"Core, the same statement {format_duration(core)}"
    if engine == "SQLite":
        is_met = service <= 1.25 * core and slow <= 1e-3
        yield ReportRow(
            "3", f"lookup, {label}", figure, floor, same, format_ratio(service / core), "≤ 1.25×, p99 ≤ 1 ms", is_met
        )
        comparison = f"Core in two statements {format_duration(two)}"
        yield ReportRow("3", "the same", figure, floor, comparison, format_ratio(service / two), "–", None)
    else:
        comparison, is_met = f"Core in two statements {format_duration(two)}", service <= 0.9 * two
        yield ReportRow(
            "4", f"lookup, {label}", figure, floor, comparison, format_ratio(service / two), "≤ 0.9×", is_met
        )
        yield ReportRow("4", "the same", figure, floor, same, format_ratio(service / core), "–", None)


def _measure_growth(label: str, small_table: MeasuredTable, big_table: MeasuredTable) -> Iterator[ReportRow]:
    """Yield a row of the report for a lookup and one for a page: how many times longer it takes in the large table
    than in the small one, by our code and by the driver alone.
    """
    works: dict[str, tuple[MeasuredFunction, MeasuredFunction, MeasuredFunction, MeasuredFunction]] = {
        "lookup": (big_table.lookup, small_table.lookup, big_table.lookup_by_driver, small_table.lookup_by_driver),
        "page": (
            big_table.read_middle_page,
            small_table.read_middle_page,
            big_table.read_page_by_driver,
            small_table.read_page_by_driver,
        ),
    }
    for name, (large, little, driven, driven_little) in works.items():
        took = measure_alternately(
            {"a": large, "b": little, "c": driven, "d": driven_little}, _ROUND_COUNT // 3, warm_up_round_count=300
        )
        mine, floor = (
            compute_median(took["a"]) / compute_median(took["b"]),
            compute_median(took["c"]) / compute_median(took["d"]),
        )
        few, many = compute_median(took["b"]), compute_median(took["a"])
        figure = f"{format_duration(few)} → {format_duration(many)} = {format_ratio(mine)}"
        yield ReportRow(
            "5",
            f"growth of {name}, 1 M → {label}",
            figure,
            f"driver {format_ratio(floor)}",
            "–",
            format_ratio(mine / floor),
            "≤ 1.05×",
            mine / floor <= 1.05,
        )


def _measure_depth(label: str, small_table: MeasuredTable, big_table: MeasuredTable) -> ReportRow:
    """Measure a page deep in each queue, in both tables, and return the report row of the slowest queue. `label`
    describes the big table in the report.
    """
    ratio, queue, at_depth, first = max(_measure_deep_page(small_table, big_table, queue) for queue in _QUEUE_NAMES)
    return ReportRow(
        "6",
        f"page of {PAGE_SIZE} at 90 % of {label}, worst queue ({queue})",
        format_duration(at_depth),
        "1.0",
        f"page 1 of 1 M {format_duration(first)}",
        format_ratio(ratio),
        "≤ 1.15×",
        ratio <= 1.15,
    )


def _measure_deep_page(
    small_table: MeasuredTable, big_table: MeasuredTable, queue: str
) -> tuple[float, str, float, float]:
    """Return (ratio, queue, seconds of a deep page, seconds of the first page)."""
    deep = big_table.find_cursor(queue, 0.9)
    took = measure_alternately(
        {"deep": lambda: big_table.read_page(queue, deep), "first": lambda: small_table.read_page(queue, None)}, 200
    )
    at_depth, first = compute_median(took["deep"]), compute_median(took["first"])
    return at_depth / first, queue, at_depth, first


def _measure_queue_counts(engine_label: str, big_table: MeasuredTable) -> ReportRow:
    took = measure_alternately(
        {"counts": big_table.console.recovery.count_queued_records, "page": big_table.read_middle_page}, 200
    )
    counts, page = compute_median(took["counts"]), compute_median(took["page"])
    return ReportRow(
        "7",
        f"counts of all queues, {engine_label}",
        format_duration(counts),
        "–",
        f"page of {PAGE_SIZE} {format_duration(page)}",
        format_ratio(counts / page),
        "≤ 3×",
        counts <= 3 * page,
    )
