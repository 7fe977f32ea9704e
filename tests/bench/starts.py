"""Goals 1, 2 and 8: the time from the start of a process to the first frame of the window, or to the answer of a
command."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.big_table import OPERATOR, compute_corporation_number, make_big_table
from tests.bench.figures import ReportRow, compute_median, format_duration, format_ratio, measure_alternately
from tests.bench.reads import SMALL_ROW_COUNT
from tests.support.desks import make_environment

ROOT = Path(__file__).resolve().parents[2]
_WARM_START_COUNT = 15
_COLD_START_COUNT = 5
_COMMAND_RUN_COUNT = 15
_MEGABYTE = 1_000_000
_MAX_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ScreenMoment:
    """An event on the screen: the seconds since the start of the process, and its resident memory (bytes)."""

    seconds: float
    resident_bytes: int


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if not goal_numbers:
        return
    with TemporaryDirectory(prefix="console-bench-") as home:
        url = f"sqlite:///{make_big_table(SMALL_ROW_COUNT)}"
        desk_environment = make_environment(Path(home), "http://127.0.0.1:9", DATABASE_URL=url, OPERATOR=OPERATOR)
        env = {**os.environ, **desk_environment, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
        if goal_numbers & {1, 2}:
            yield from _measure_windows(env, goal_numbers)
        if 8 in goal_numbers:
            yield _measure_command(env)


# The window


def start_and_read_events(program: str, env: Mapping[str, str]) -> dict[str, ScreenMoment]:
    """Run `first_frame.py` with the argument `program` and these environment variables. Return its events by name,
    with the seconds since the start of its process.
    """
    command = [sys.executable, str(Path(__file__).with_name("first_frame.py")), program]
    began = time.monotonic()
    done = subprocess.run(
        command,
        env={**env, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=_MAX_SECONDS,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return {what: ScreenMoment(float(at) - began, int(resident_bytes)) for what, at, resident_bytes in lines}


def evict_files() -> None:
    """Ask the operating system to remove the files that a start of the program reads from the system's file cache.
    Files that other processes use stay in the cache.
    """
    for folder in {ROOT / "console", ROOT / "resources", Path(sys.prefix), Path(os.__file__).parent}:
        for file in folder.rglob("*"):
            if file.is_file():
                handle = os.open(file, os.O_RDONLY)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(handle)


def _measure_windows(env: Mapping[str, str], goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Measure goal 1 (the first frame of the window) and goal 2 (its memory), those of them that `goal_numbers`
    contains, and yield the rows of the report."""
    bare, ours = _start_alternately(env, _WARM_START_COUNT, has_cold_cache=False)
    if 1 in goal_numbers:
        yield _make_first_frame_row("warm", bare, ours, 1.25)
        yield _make_first_frame_row("cold", *_start_alternately(env, _COLD_START_COUNT, has_cold_cache=True), 1.3)
        later = compute_median([one["rows"].seconds - one["frame"].seconds for one in ours])
        shown = "first rows after the first frame, 1 M records"
        yield ReportRow("1", shown, format_duration(later), "–", "–", "–", "≤ 300 ms", later <= 0.3)
    if 2 in goal_numbers:
        empty = compute_median([one["frame"].resident_bytes for one in bare])
        frame, full = (compute_median([one[what].resident_bytes for one in ours]) for what in ("frame", "rows"))
        comparison = f"bare window {empty / _MEGABYTE:.0f} MB"
        yield ReportRow(
            "2",
            "memory at the first frame",
            f"{frame / _MEGABYTE:.0f} MB",
            "–",
            comparison,
            format_ratio(frame / empty),
            "≤ 1.25×",
            frame <= 1.25 * empty,
        )
        more = (full - empty) / _MEGABYTE
        yield ReportRow(
            "2",
            "memory with the first rows",
            f"{full / _MEGABYTE:.0f} MB",
            "–",
            comparison,
            f"+ {more:.0f} MB",
            "≤ + 45 MB",
            more <= 45,
        )


def _start_alternately(
    env: Mapping[str, str], round_count: int, *, has_cold_cache: bool
) -> tuple[list[dict[str, ScreenMoment]], list[dict[str, ScreenMoment]]]:
    """Start the empty window and the console alternately, and return the events of both programs. With
    `has_cold_cache`, the program's files are removed from the system's file cache before each start."""
    events_by_program: dict[str, list[dict[str, ScreenMoment]]] = {"bare": [], "console": []}
    for number in range(-1, round_count):
        for program in ("bare", "console"):
            if has_cold_cache:
                evict_files()
            saw = start_and_read_events(program, env)
            if number >= 0:
                events_by_program[program].append(saw)
    return events_by_program["bare"], events_by_program["console"]


def _make_first_frame_row(
    cache: str, bare: list[dict[str, ScreenMoment]], ours: list[dict[str, ScreenMoment]], goal: float
) -> ReportRow:
    """Return the report row that compares the first frame of the console (`ours`) with that of the empty window
    (`bare`). `cache` says in the report whether the file cache was warm or cold; `goal` is the largest allowed ratio
    of the medians.
    """
    floor, figure = (compute_median([one["frame"].seconds for one in each]) for each in (bare, ours))
    return ReportRow(
        "1",
        f"first painted frame, {cache} cache",
        format_duration(figure),
        "–",
        f"bare window {format_duration(floor)}",
        format_ratio(figure / floor),
        f"≤ {goal}×",
        figure <= goal * floor,
    )


# The terminal


def _measure_command(env: Mapping[str, str]) -> ReportRow:
    """Measure goal 8, the command `lookup`, and return the row of the report."""

    def run_python(*words: str) -> None:
        subprocess.run([sys.executable, *words], env=dict(env), stdout=subprocess.DEVNULL, check=True, cwd=ROOT)

    took = measure_alternately(
        {
            "lookup": lambda: run_python("-m", "console", "lookup", compute_corporation_number(77)),
            "import": lambda: run_python("-c", "import sqlalchemy"),
            "python": lambda: run_python("-c", "pass"),
        },
        _COMMAND_RUN_COUNT,
    )
    lookup, comparison = compute_median(took["lookup"]), compute_median(took["import"])
    return ReportRow(
        "8",
        "`lookup` as a whole process",
        format_duration(lookup),
        f"python {format_duration(compute_median(took['python']))}",
        f"`import sqlalchemy` {format_duration(comparison)}",
        format_ratio(lookup / comparison),
        "≤ 1.5×",
        lookup <= 1.5 * comparison,
    )
