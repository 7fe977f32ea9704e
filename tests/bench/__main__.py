"""`python -m tests.bench`: measures all goals and prints them as a table. A missed goal is only printed. The run
fails only if a query reads a whole table, because the program promises that for tables of any size."""

import argparse
import os
import platform
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence

from tests.bench import (
    atom_seal,
    crowds,
    desk_requests,
    feed,
    idempotency,
    notices,
    purchases,
    queue_views,
    reads,
    receiver,
    reconciling,
    refunds,
    registry,
    signing,
    spoken,
    starts,
    windows,
)
from tests.bench.figures import COLUMN_HEADINGS, ReportRow, format_cells
from tests.support.environment import isolate_environment

GOAL_NUMBERS = tuple(range(1, 30))
"""Numbers of the goals. Those from 20 on are goals that this project has added: PayPay's signature, the refund
pipeline, notices, the receiver, the change feed, desk requests, the corporation registry, filters and views of
queues, and the time from a key press to its announcement by a screen reader.
"""
LARGE_ROW_COUNT = 10_000_000
BOUGHT_NUMBER_COUNT = 10_000
BOUGHT_NUMBER_COUNT_ON_SERVERS = 500
PAYMENT_COUNT = 1_000_000
PAYMENTS_PER_DAY = 10_000


def main(arguments: Sequence[str]) -> int:
    """Measure the goals that the arguments choose, and print the table. Return the exit status: 1 if a promise is
    broken."""
    parsed = parse_arguments(arguments)
    home = isolate_environment()
    began = time.monotonic()
    rows = []
    for row in measure_goals(parsed):
        print(" · ".join(format_cells(row)), flush=True)
        rows.append(row)
    home.cleanup()
    print(f"\n{_format_table(sorted(rows, key=lambda row: int(row.number)))}\n")
    print(f"{time.monotonic() - began:.0f} s on {os.cpu_count()} cores, Python {platform.python_version()},", end=" ")
    print(f"load {os.getloadavg()[0]:.1f} at the end; medians of interleaved runs")
    return int(any(row.is_required_for_success and row.is_met is False for row in rows))


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", help="goals, separated by commas: 3,5", default=",".join(map(str, GOAL_NUMBERS)))
    parser.add_argument(
        "--rows",
        type=int,
        help=f"of the large table ({LARGE_ROW_COUNT}), of the registry ({registry.ROW_COUNT}; in full 5700000)",
    )
    parser.add_argument(
        "--payments", type=int, default=PAYMENT_COUNT, help="of goal 19 (%(default)s; in full 10000000)"
    )
    parser.add_argument(
        "--day", type=int, default=PAYMENTS_PER_DAY, help="of them in the day that is reconciled (%(default)s)"
    )
    parser.add_argument("--keys", type=int, default=BOUGHT_NUMBER_COUNT, help="of goal 11 on SQLite (%(default)s)")
    parser.add_argument(
        "--server-keys", type=int, default=BOUGHT_NUMBER_COUNT_ON_SERVERS, help="of goal 11 on servers (%(default)s)"
    )
    parsed = parser.parse_args(words)
    parsed.goal_numbers = frozenset(int(number) for number in parsed.only.split(","))
    if not parsed.goal_numbers <= set(GOAL_NUMBERS):
        parser.error(f"goals are {', '.join(map(str, GOAL_NUMBERS))}")
    return parsed


def measure_goals(arguments: argparse.Namespace) -> Iterator[ReportRow]:
    """Measure the requested goals, and yield the rows of the report."""
    goal_numbers: frozenset[int] = arguments.goal_numbers
    yield from starts.measure_rows(goal_numbers & {1, 2, 8})
    yield from reads.measure_rows(arguments.rows or LARGE_ROW_COUNT, goal_numbers & {3, 4, 5, 6, 7})
    yield from purchases.measure_rows(goal_numbers & {9, 10, 13})
    yield from idempotency.measure_rows(goal_numbers & {13, 14})
    yield from queue_views.measure_rows(goal_numbers, arguments.rows)
    yield from spoken.measure_rows(goal_numbers & {29})
    yield from windows.measure_rows(arguments.rows or LARGE_ROW_COUNT, goal_numbers & {15, 16, 17})
    yield from atom_seal.measure_rows(goal_numbers & {18})
    yield from reconciling.measure_rows(goal_numbers, arguments.payments, arguments.day)
    yield from signing.measure_rows(goal_numbers)
    yield from refunds.measure_rows(goal_numbers)
    yield from notices.measure_rows(goal_numbers)
    yield from receiver.measure_rows(goal_numbers)
    yield from feed.measure_rows(goal_numbers)
    yield from desk_requests.measure_rows(goal_numbers)
    yield from registry.measure_rows(goal_numbers, arguments.rows or registry.ROW_COUNT)
    yield from crowds.measure_rows(goal_numbers & {11, 12}, arguments.keys, arguments.server_keys)


def _format_table(rows: Sequence[ReportRow]) -> str:
    """Return the rows as a text table."""
    lines = [[*format_cells(COLUMN_HEADINGS)[:-1], "met"], *map(format_cells, rows)]
    widths = [max(map(_count_terminal_columns, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(_format_line(line, widths) for line in ruled)


def _format_line(line: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell + " " * (width - _count_terminal_columns(cell)) for cell, width in zip(line, widths, strict=True)
    ).rstrip()


def _count_terminal_columns(text: str) -> int:
    """Return the number of columns that the text takes in a terminal; a Japanese character takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
