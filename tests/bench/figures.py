"""The measurements of the benchmarks, and the rows of their report."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MeasuredFunction = Callable[[], object]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of the report, as text: the number of the goal, the measured thing (`subject`), its figure, the figures
    of the floor and of the peer (`comparison_figure`), the ratio, and the goal. `is_met` is None if the figure has no
    goal, or couldn't be measured on this machine (`ratio` then states the reason).

    `is_required_for_success` is True for a promise of the program: the whole run fails if the row doesn't meet its
    goal.
    """

    number: str
    subject: str
    figure: str
    floor_figure: str
    comparison_figure: str
    ratio: str
    goal: str
    is_met: bool | None
    is_required_for_success: bool = False


COLUMN_HEADINGS = ReportRow("#", "what", "figure", "floor", "peer", "ratio", "goal", None)


def measure_alternately(
    function_by_name: Mapping[str, MeasuredFunction], round_count: int, warm_up_round_count: int = 3
) -> dict[str, list[float]]:
    """Measure each work `round_count` times, after `warm_up_round_count` rounds that don't count. In each round every
    work runs once, in a random order, so that disturbances of the machine and warm caches affect all alike. Return
    the sorted durations (seconds) by name.
    """
    took: dict[str, list[float]] = {name: [] for name in function_by_name}
    chance = random.Random(0)
    for number in range(-warm_up_round_count, round_count):
        for name in chance.sample(list(function_by_name), len(function_by_name)):
            began = time.perf_counter()
            function_by_name[name]()
            if number >= 0:
                took[name].append(time.perf_counter() - began)
    return {name: sorted(seconds) for name, seconds in took.items()}


def compute_median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def compute_percentile(seconds: Sequence[float], part: float) -> float:
    """Return the duration below which the fraction `part` (0 to 1) of the sorted durations lies."""
    return seconds[min(len(seconds) - 1, int(len(seconds) * part))]


def format_duration(seconds: float) -> str:
    """Return a duration as text with at most three digits, and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_format_three_digits(seconds / size)} {unit}"
    return f"{_format_three_digits(seconds / 1e-6)} µs"


def format_ratio(ratio: float) -> str:
    """Return a ratio as text."""
    return f"{ratio:.2f}×"


def _format_three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def format_cells(row: ReportRow) -> list[str]:
    """Return the cells of the row as they are printed."""
    goal_result = {True: "met", False: "NOT MET", None: "not measured" if row.goal != "–" else "–"}[row.is_met]
    return [
        row.number,
        row.subject,
        row.figure,
        row.floor_figure,
        row.comparison_figure,
        row.ratio,
        row.goal,
        goal_result,
    ]
