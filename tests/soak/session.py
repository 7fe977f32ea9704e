"""Ten minutes of work at one window, by a script of key presses, with slow providers and another person who changes
records.

    python -m tests.soak.session [--minutes 10]

The report states how late the passes of the event loop began, how long each pass worked, the time from a key press to
the end of its painting, and the window's memory. `work` is the processor time of the main thread, which other
programs of a busy machine don't increase.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from tests.bench.figures import compute_percentile, format_duration
from tests.soak.shards import Demand
from tests.support.environment import isolate_environment
from tests.support.quick_desks import make_quick_folder
from tests.support.sample_desk import SampleDesk, open_sample_desk

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_MINUTES = 10.0
RECORD_COUNT = 1_000
HANG_SECONDS, PDF_BYTES = 10, 16_500_000
"""The seconds of a slow provider's call, and the bytes of its large PDF: 22 MB as Base64 in JSON."""
WORK_SECONDS_GOAL = 0.033
"""Goal for the work (seconds) in one pass of the event loop. It isn't asserted, because other programs of a busy
machine also lengthen the processor time.
"""
MAX_GROWTH_MB = 16.0
WARM_UP_SHARE = 0.3
"""Part (0 to 1) of the session, from its beginning, in which each kind of page is opened for the first time and
caches are filled."""
_CHANGE_INTERVAL_SECONDS = 0.5


def measure_session(folder: Path, minutes: float = DEFAULT_MINUTES) -> dict[str, Any]:
    """Run the window's session for `minutes` minutes and return its figures by name (see `Session.collect_figures` in
    session_window.py). The key "changes" has the changes of the other person.
    """
    with open_sample_desk(folder / "desk", count=RECORD_COUNT, TIME_SCALE="1") as desk:
        _make_providers_slow(desk)
        over = Event()
        changes: Counter[str] = Counter()
        others = Thread(target=_change_records, args=(desk, over, changes), name="another person")
        others.start()
        try:
            figures = _run_window(desk, minutes * 60)
        finally:
            over.set()
            others.join()
    figures["changes"] = changes
    return figures


def _make_providers_slow(desk: SampleDesk) -> None:
    """Let one of three calls to the providers take ten seconds, and make one of two PDFs large."""
    desk.sandbox.control.add_random_faults("pdf_huge", seed=1, rate=0.5, call="pdf", size=PDF_BYTES)
    desk.sandbox.control.add_random_faults("hang", seed=2, rate=0.33, seconds=HANG_SECONDS)


def _run_window(desk: SampleDesk, seconds: float) -> dict[str, Any]:
    """Run the window in a process of its own, and return its figures."""
    facts = {
        "seconds": seconds,
        "seed": 1,
        "checks": [one.id for one in desk.samples if one.has_pdf][:200],
        "fetched": [one.id for one in desk.list_checks("incomplete") if one.missing_parts == ("pdf",)],
        "payments": [one.id for one in desk.payments][:200],
        "numbers": [one.corporation_number for one in desk.samples][:50],
    }
    command = [sys.executable, "-m", "tests.soak.session_window", json.dumps(facts)]
    environ = {**os.environ, **desk.environment}
    done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _change_records(desk: SampleDesk, stop_event: Event, changes: Counter[str]) -> None:
    """Change random records as another person until `stop_event` is set: add notes, take payments and give them back,
    and request refunds.
    """
    chance, console = random.Random(3), desk.console
    payments = [one.id for one in desk.payments]
    checks = [one.id for one in desk.samples]
    acts: dict[str, Callable[[], object]] = {
        "note": lambda: console.recovery.add_note("credit-check", chance.choice(checks), "called them"),
        "take": lambda: console.recovery.take("payment", chance.choice(payments)),
        "give up": lambda: console.recovery.give_up_take("payment", chance.choice(payments)),
        "refund": lambda: console.refunds.request(RefundRequest(chance.choice(payments), "10", "sent back")),
    }
    with console.acting_as("op-c"):
        while not stop_event.wait(_CHANGE_INTERVAL_SECONDS):
            name = chance.choice(list(acts))
            with suppress(ConsoleError):
                acts[name]()
                changes[name] += 1


def format_report(figures: dict[str, Any]) -> str:
    """Return the report as text."""
    late, work = figures["late"], figures["work"]
    lines = [
        f"{len(late)} turns; late: {_format_percentiles(late)}; work of a turn: {_format_percentiles(work)}",
        (
            f"turns with more than {format_duration(WORK_SECONDS_GOAL)} of work:"
            f" {sum(one > WORK_SECONDS_GOAL for one in work)}"
        ),
        *(
            f"key to {end}, {name}: {_format_percentiles([one for one, _ in took])};"
            f" work {_format_percentiles([cpu for _, cpu in took])}"
            for end in ("painted", "settled")
            for name, took in figures[end].items()
        ),
        f"keys that painted nothing {figures['without painting']}",
        f"memory: {', '.join(f'{at:.0f} s {mb:.0f} MB' for at, mb in _pick_ten_samples(figures['memory']))}",
        f"growth of the memory, once settled: {compute_growth_mb(figures['memory']):+.1f} MB",
        f"acts {figures['done']}, changes of another person {dict(figures['changes'])}",
    ]
    return "\n".join(lines)


def _format_percentiles(seconds: Sequence[float]) -> str:
    """Return the median, the 99th percentile and the maximum of durations (seconds) as text."""
    some = sorted(seconds)
    p50, p99 = (format_duration(compute_percentile(some, part)) for part in (0.5, 0.99))
    return f"p50 {p50}, p99 {p99}, longest {format_duration(some[-1])} ({len(some)})"


def _pick_ten_samples(samples: Sequence[Sequence[float]]) -> Sequence[Sequence[float]]:
    """Return ten to nineteen of the samples of the process's memory (all if there are fewer), evenly distributed over
    the time. Each sample is (seconds since the beginning, MB).
    """
    return samples[:: max(1, len(samples) // 10)]


def compute_growth_mb(memory: Sequence[Sequence[float]]) -> float:
    """Return the growth of the memory (MB) without the beginning of the session: the median of the last quarter of
    the remaining samples less the median of their first quarter. `memory` has the samples, each as (seconds since the
    beginning, MB).
    """
    after_warm_up = [mb for at, mb in memory if at >= memory[-1][0] * WARM_UP_SHARE]
    quarter = max(1, len(after_warm_up) // 4)
    return sorted(after_warm_up[-quarter:])[quarter // 2] - sorted(after_warm_up[:quarter])[quarter // 2]


def measure_session_and_check(_shard: int, folder: Path, minutes: float = DEFAULT_MINUTES) -> Counter[str]:
    """Run the session, and print the report. Return four counts: `minutes`, `acts` (actions), `turns` (measured
    delays of the event loop) and `late_ms` (their 99th percentile).

    Raises AssertionError if the memory grew by more than MAX_GROWTH_MB, or if the session or the other person
    executed no action.
    """
    figures = measure_session(folder, minutes)
    print(f"demand session: {format_report(figures)}", flush=True)
    for seconds, what in figures["longest"]:
        print(f"  {format_duration(seconds)} of work while: {what}")
    for stack, times in figures["stacks"]:
        print(f"  {times} × {stack}")
    assert figures["done"]
    assert figures["changes"]
    assert compute_growth_mb(figures["memory"]) <= MAX_GROWTH_MB, figures["memory"]
    late = round(1_000 * compute_percentile(figures["late"], 0.99))
    return Counter(
        minutes=round(minutes), acts=sum(figures["done"].values()), turns=len(figures["late"]), late_ms=late
    )


_FIGURES_FORMAT = (
    "{minutes} minutes at a window, {acts} acts, {turns} turns of its loop: 99 of 100 at most {late_ms} ms late"
)
DEMANDS = (Demand("session", 1, measure_session_and_check, _FIGURES_FORMAT),)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.session", description=__doc__)
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES)
    minutes = parser.parse_args().minutes
    with isolate_environment(), make_quick_folder() as folder:
        print(dict(measure_session_and_check(0, folder, minutes)))


if __name__ == "__main__":
    main()
