"""Goals 15, 16 and 17: long lists, painting, and the event loop, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from console.sandbox.control.client import SandboxControl
from tests.bench.big_table import OPERATOR, make_big_table
from tests.bench.disk_databases import start_provider_process
from tests.bench.figures import ReportRow, compute_median, format_duration, format_ratio
from tests.bench.reads import SMALL_ROW_COUNT
from tests.support.desks import make_environment

ROOT = Path(__file__).resolve().parents[2]
_UNUSED_URL = "http://127.0.0.1:9"
_HANG_SECONDS = 10
_PDF_SIZE_BYTES = 16_500_000
"""Size (bytes) of the PDF. In the provider's JSON it takes 22 MB, as Base64."""

ChildFigures = dict[str, Any]


def measure_rows(large: int, goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if 15 in goal_numbers:
        figures = _run_child(
            SMALL_ROW_COUNT, "table", str(SMALL_ROW_COUNT), str(large), f"sqlite:///{make_big_table(large)}"
        )
        yield from _make_list_rows(figures, large)
    if 16 in goal_numbers:
        yield from _make_frame_rows(_run_child(SMALL_ROW_COUNT, "frames"))
    if 17 in goal_numbers:
        yield _measure_gaps()


def _run_child(row_count: int, *words: str) -> ChildFigures:
    """Run window_child.py with the arguments `words`, on the database with `row_count` credit checks. Return the
    figures that it prints.
    """
    with TemporaryDirectory(prefix="console-bench-") as home:
        url = f"sqlite:///{make_big_table(row_count)}"
        return _run_process(make_environment(Path(home), _UNUSED_URL, DATABASE_URL=url, OPERATOR=OPERATOR), *words)


def _run_process(extra_environment: Mapping[str, str], *words: str) -> ChildFigures:
    env = {**os.environ, **extra_environment, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    command = [sys.executable, "-m", "tests.bench.window_child", *words]
    done = subprocess.run(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures: ChildFigures = json.loads(done.stdout)
    return figures


def _make_list_rows(figures: ChildFigures, large: int) -> Iterator[ReportRow]:
    empty, small, big, grown = figures["empty"], figures["small"], figures["large"], figures["grown"] / 1e6
    size = f"{large // 1_000_000} M"
    yield ReportRow(
        "15",
        "list of 1 M rows: time to show",
        format_duration(small),
        "–",
        f"empty list {format_duration(empty)}",
        format_ratio(small / empty),
        "≤ 2× + 5 ms",
        small <= 2 * empty + 5e-3,
    )
    yield ReportRow(
        "15",
        f"memory after 600 pages of {size} (row {figures['reached']:,})",
        f"+ {grown:.1f} MB",
        "–",
        "–",
        "–",
        "≤ + 16 MB",
        grown <= 16,
    )
    yield ReportRow(
        "15",
        f"list of {size} rows: time to show",
        format_duration(big),
        "–",
        f"1 M {format_duration(small)}",
        format_ratio(big / small),
        "≤ 1.1×",
        big <= 1.1 * small,
    )


def _make_frame_rows(figures: ChildFigures) -> Iterator[ReportRow]:
    ours, items = figures["ours"], figures["items"]
    ratio = ours["p50"] / items["p50"]
    comparison = f"C++ items {format_duration(items['p50'])}, p99 {format_duration(items['p99'])}"
    yield ReportRow(
        "16",
        "scroll frame, p50",
        format_duration(ours["p50"]),
        "–",
        comparison,
        format_ratio(ratio),
        "≤ 1.2×",
        ratio <= 1.2,
    )
    longest = f"{format_duration(ours['p99'])}, max {format_duration(ours['max'])}"
    yield ReportRow("16", "scroll frame, p99", longest, "–", comparison, "–", "≤ 10 ms", ours["p99"] <= 10e-3)


def _measure_gaps() -> ReportRow:
    with TemporaryDirectory(prefix="console-bench-") as home, _start_slow_provider() as url:
        # As fast as the provider: what is measured is a busy line, not the pauses between calls.
        figures = _run_process(
            make_environment(Path(home), url, OPERATOR=OPERATOR, TIME_SCALE="1", LEASES="off"), "gaps"
        )
    ended = ", ".join(f"{count} {how}" for how, count in Counter[str](figures["ended"]).items())
    idle, busy = compute_median(figures["idle"]), compute_median(figures["busy"])
    return ReportRow(
        "17",
        f"largest event-loop gap of 10 s, 4 workers, calls: {ended}",
        _format_median_and_largest(figures["busy"]),
        f"idle {_format_median_and_largest(figures['idle'])}",
        "–",
        format_ratio(busy / idle),
        "≤ 33 ms",
        busy <= 33e-3,
    )


def _format_median_and_largest(gaps: Sequence[float]) -> str:
    """Return the median and the largest of the rounds as text. The median counts, because a single long time may come
    from another program of the machine."""
    return f"{format_duration(compute_median(gaps))}, max {format_duration(max(gaps))}"


@contextmanager
def _start_slow_provider() -> Iterator[str]:
    """Yield the URL of a sandbox in which every purchase but the first hangs, and every PDF but the first is
    large."""
    with start_provider_process() as url:
        slow = {"action": "hang", "call": "purchase", "nth": 2, "times": "always", "seconds": _HANG_SECONDS}
        big = {"action": "pdf_huge", "call": "pdf", "nth": 2, "times": "always", "size": _PDF_SIZE_BYTES}
        SandboxControl(url).add_faults(slow, big)
        yield url
