"""Goal 28: the time to read a page of a queue with the filter of a saved view, compared with a page without a filter;
and the time of the counts of many views."""

from collections.abc import Iterator
from datetime import UTC, datetime

from console.app import Console
from console.domain.queues.filter_text import parse_filter
from console.store.operations import journal
from console.store.queues import view_counts
from console.store.queues.filter_sql import QueueChoice
from tests.bench.big_table import make_big_table
from tests.bench.figures import ReportRow, compute_median, format_duration, format_ratio, measure_alternately
from tests.bench.subjects import PAGE_SIZE, open_desk

ROW_COUNT = 200_000
"""Number of credit checks in the table if `--rows` isn't given. A complete measurement has 10,000,000."""
_QUEUE_NAME = "incomplete"
_ROUND_COUNT = 60
_VIEW_COUNT = 20
_FILTER_BY_LABEL = {
    "a filter": "provider:alarmbox kind:credit-check certainty:known age:>1h",
    "20 conditions": (
        "provider:alarmbox,paypay kind:credit-check,payment,refund,order certainty:known,unknown"
        " status:success,error,pending,paid,failed,completed work:needs_review,scheduled,none age:>1h owner:-"
    ),
}
_FILTER_WITHOUT_MATCH = "cause:no_such_cause"


def measure_rows(goal_numbers: frozenset[int], large: int | None) -> Iterator[ReportRow]:
    """Measure pages and counts on an SQLite database with `large` credit checks (None: ROW_COUNT), and yield the rows
    of the report."""
    if 28 in goal_numbers:
        count = large or ROW_COUNT
        with open_desk(f"sqlite:///{make_big_table(count)}") as console:
            scope = f"{count:,} rows, SQLite"
            yield from _measure_pages(console, scope)
            yield _measure_view_counts(console, scope)


def _measure_pages(console: Console, label: str) -> Iterator[ReportRow]:
    """Measure the time to read a page of the queue, and yield a row of the report for each filter. `label` describes
    the table in the report.
    """
    chosen = {
        name: parse_filter(text).record_filter
        for name, text in (_FILTER_BY_LABEL | {"a rare cause": _FILTER_WITHOUT_MATCH}).items()
    }
    works = {
        name: (lambda one=one: console.recovery.read_queue(_QUEUE_NAME, PAGE_SIZE, record_filter=one))
        for name, one in chosen.items()
    }
    took = measure_alternately(
        works | {"plain": lambda: console.recovery.read_queue(_QUEUE_NAME, PAGE_SIZE)},
        _ROUND_COUNT,
        warm_up_round_count=20,
    )
    plain = compute_median(took["plain"])
    for name in chosen:
        figure, ratio = compute_median(took[name]), compute_median(took[name]) / plain
        has_goal = name in _FILTER_BY_LABEL
        yield ReportRow(
            "28",
            f"page of {PAGE_SIZE} with {name}, {label}",
            format_duration(figure),
            "–",
            f"without a filter {format_duration(plain)}",
            format_ratio(ratio),
            "≤ 1.5×" if has_goal else "–",
            ratio <= 1.5 if has_goal else None,
        )


def _measure_view_counts(console: Console, label: str) -> ReportRow:
    """Measure the counts of saved views, and return the row of the report. The figure has no goal, because the window
    reads the counts only every two minutes, and each count covers only a part of the queue."""
    choices = [
        QueueChoice(parse_filter(f"age:>{hours}h").record_filter, now=datetime.now(UTC))
        for hours in range(_VIEW_COUNT)
    ]

    def count_all() -> object:
        with console.database.read() as conn:
            return view_counts.count_records_of_choices(
                conn, _QUEUE_NAME, journal.list_lapsed_record_ids_by_kind(conn), choices
            )

    took = measure_alternately(
        {"views": count_all, "queues": console.recovery.count_queued_records}, _ROUND_COUNT // 4
    )
    views, queues = compute_median(took["views"]), compute_median(took["queues"])
    comparison = f"counts of all queues {format_duration(queues)}"
    return ReportRow(
        "28",
        f"counts of {_VIEW_COUNT} views, {label}",
        format_duration(views),
        "–",
        comparison,
        format_ratio(views / queues),
        "–",
        None,
    )
