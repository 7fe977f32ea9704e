"""The measurements of this bench, and the rows of the report that are made of them."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One goal as it stands. `met` is None where it could not be measured here (`ratio` then says why), and where the
    figure has no goal.

    `promised`: more than a goal; the whole run fails where it is not met.
    """

    number: str
    what: str
    figure: str
    floor: str
    peer: str
    ratio: str
    goal: str
    met: bool | None
    promised: bool = False


HEADINGS = Row("#", "what", "figure", "floor", "peer", "ratio", "goal", None)


def side_by_side(works: Mapping[str, Work], rounds: int, warm: int = 3) -> dict[str, list[float]]:
    """Seconds of each, sorted: in every round each runs once, in an order of its own, so that whatever disturbs the
    machine disturbs all alike, and none always finds what another has just warmed.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    chance = random.Random(0)
    for number in range(-warm, rounds):
        for name in chance.sample(list(works), len(works)):
            began = time.perf_counter()
            works[name]()
            if number >= 0:
                took[name].append(time.perf_counter() - began)
    return {name: sorted(seconds) for name, seconds in took.items()}


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def centile(seconds: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie; `seconds` is sorted."""
    return seconds[min(len(seconds) - 1, int(len(seconds) * part))]


def span(seconds: float) -> str:
    """A duration with three figures at most."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds / 1e-6)} µs"


def times(ratio: float) -> str:
    return f"{ratio:.2f}×"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(row: Row) -> list[str]:
    """The row as it is printed."""
    met = {True: "met", False: "NOT MET", None: "not measured" if row.goal != "–" else "–"}[row.met]
    return [row.number, row.what, row.figure, row.floor, row.peer, row.ratio, row.goal, met]
