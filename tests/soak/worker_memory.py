"""The memory of a worker during an hour of steady work on MariaDB: notices, polls, reconciliations, alerts, refunds,
a client of /live that reconnects, and reads of its metrics.

    python -m tests.soak.worker_memory [--minutes 60]

The memory counts as constant if two figures are at most 2 MiB: the slope per hour of the regression line through the
second half of the samples, and the median of the last third of the samples less that of the middle third. Both are
computed for the resident memory and for its part that belongs to no file. Python's heap needs half an hour of such
work to reach its size; a leak would continue to grow.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from tests.soak.shards import Demand
from tests.soak.steady_work import SteadyWork, keep_live_client
from tests.support import alert_receiver, servers
from tests.support.environment import isolate_environment
from tests.support.places import Place, open_empty_place
from tests.support.quick_desks import make_quick_folder
from tests.support.worker_process import WorkerProcess, start_worker

DEFAULT_MINUTES = 60.0
WARM_UP_SHARE = 1 / 2
"""Part (0 to 1) of the run, from its beginning, in which every thread does its largest piece of work for the first
time and caches are filled.
"""
BYTES_PER_MIB = 1 << 20
MAX_GROWTH_BYTES_PER_HOUR = 2 * BYTES_PER_MIB
TIME_SCALE = "4"
"""Time scale of the worker. Due tasks run four times as often as usual, so an hour has as many runs as four hours of
ordinary work."""
LIVE_FEED_TOKEN = "a-live-feed-token-of-the-soak"
_TURN_INTERVAL_SECONDS, _SAMPLE_INTERVAL_SECONDS = 2.0, 10.0


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """The memory and resources of a process `at_seconds` after the beginning of the measurement. `rss_bytes` is the
    resident memory. `own_bytes` is the part of it that belongs to no file: heaps and stacks. `thread_count` and
    `open_file_count` are the numbers of threads and open files. PSS isn't used, because it changes with other Python
    processes.
    """

    at_seconds: float
    rss_bytes: int
    own_bytes: int
    thread_count: int
    open_file_count: int


@dataclass
class ResourceSamples:
    """All samples of one process, and the figures that are computed from them."""

    pid: int
    samples: list[ResourceSample] = field(default_factory=list)
    _begun_at: float = field(default_factory=time.monotonic)

    def take_sample(self) -> None:
        """Take a sample now, from /proc."""
        folder = Path("/proc", str(self.pid))
        status = _read_numbers_by_name(folder / "status")
        rollup = _read_numbers_by_name(folder / "smaps_rollup")
        files = sum(1 for _ in (folder / "fd").iterdir())
        at = time.monotonic() - self._begun_at
        self.samples.append(
            ResourceSample(at, status["VmRSS"] << 10, rollup["Anonymous"] << 10, status["Threads"], files)
        )

    def list_samples_after_warm_up(self) -> Sequence[ResourceSample]:
        """Return the samples after the warm-up (WARM_UP_SHARE of the run)."""
        return [one for one in self.samples if one.at_seconds >= self.samples[-1].at_seconds * WARM_UP_SHARE]

    def compute_growth_bytes_per_hour(self, figure_name: str) -> float:
        """Return the slope (bytes per hour) of the regression line through the figure `figure_name` ("rss" or "own")
        of the samples in the second half of the run.
        """
        some = self.list_samples_after_warm_up()
        line = statistics.linear_regression(
            [one.at_seconds for one in some], [_get_figure(one, figure_name) for one in some]
        )
        return line.slope * 3_600

    def compute_growth_bytes(self, figure_name: str) -> float:
        """Return the median of the figure `figure_name` ("rss" or "own") in the last third of the samples, less the
        median in the middle third (bytes).
        """
        third = len(self.samples) // 3
        before, last = (
            statistics.median(_get_figure(one, figure_name) for one in some)
            for some in (self.samples[third : 2 * third], self.samples[2 * third :])
        )
        return last - before

    def format_figures(self) -> str:
        """Return the figures as one line of text."""
        slopes = ", ".join(
            f"{what} {_get_figure(self.samples[0], what) / BYTES_PER_MIB:.1f} →"
            f" {_get_figure(self.samples[-1], what) / BYTES_PER_MIB:.1f} MiB,"
            f" {self.compute_growth_bytes_per_hour(what) / BYTES_PER_MIB:+.2f} MiB/h,"
            f" last third {self.compute_growth_bytes(what) / BYTES_PER_MIB:+.2f} MiB"
            for what in ("rss", "own")
        )
        first, last = self.list_samples_after_warm_up()[0], self.samples[-1]
        sixth = max(1, len(self.samples) // 6)
        parts = (self.samples[start : start + sixth] for start in range(0, len(self.samples), sixth))
        sixths = " ".join(
            f"{statistics.median(_get_figure(one, 'rss') for one in part) / BYTES_PER_MIB:.1f}" for part in parts
        )
        resources = f"threads {first.thread_count} → {last.thread_count}"
        resources += f", files {first.open_file_count} → {last.open_file_count}"
        return f"{slopes}; rss by sixths {sixths}; {resources}"


def _get_figure(sample: ResourceSample, figure_name: str) -> float:
    """Return the figure `figure_name` ("rss" or "own") of a sample, in bytes."""
    return float(getattr(sample, f"{figure_name}_bytes"))


def _read_numbers_by_name(file: Path) -> dict[str, int]:
    """Return the numbers in a file of /proc by their names there, in the units of that file."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def measure_memory_and_check(_shard: int, folder: Path, minutes: float = DEFAULT_MINUTES) -> Counter[str]:
    """Let the worker execute steady work for `minutes` minutes. Return `minutes`, `kib_an_hour` (growth of the
    memory), and the counts of the work by its name.

    Raises AssertionError if the worker's memory grows, or if one kind of work had no effect.
    """
    with _run_steady_work(folder) as (work, worker):
        samples = ResourceSamples(worker.pid)
        _run_turns(work, samples, minutes * 60)
        assert worker.is_alive, worker.log.read_text()[-2_000:]
        done = work.check_and_count()
    measured_minutes = samples.samples[-1].at_seconds / 60
    print(f"demand worker memory: {measured_minutes:.0f} min, {samples.format_figures()}; {dict(done)}", flush=True)
    for what in ("rss", "own"):
        assert samples.compute_growth_bytes_per_hour(what) <= MAX_GROWTH_BYTES_PER_HOUR, (
            f"{what} grows: {samples.format_figures()}"
        )
        assert samples.compute_growth_bytes(what) <= MAX_GROWTH_BYTES_PER_HOUR, (
            f"{what} grows: {samples.format_figures()}"
        )
    return (
        Counter(
            minutes=round(measured_minutes),
            kib_an_hour=round(samples.compute_growth_bytes_per_hour("rss") / 1024),
        )
        + done
    )


@contextmanager
def _run_steady_work(folder: Path) -> Iterator[tuple[SteadyWork, WorkerProcess]]:
    """Yield the steady work and a running worker, with a receiver of the worker's alerts and a client of the live
    feed.
    """
    with (
        servers.start_own_run(),
        open_empty_place("mariadb", folder) as place,
        SteadyWork.open_for_database(place) as work,
        alert_receiver.receive_alerts() as alerted,
        _start_worker(place, work, alerted.url) as worker,
        keep_live_client(worker, LIVE_FEED_TOKEN, work),
    ):
        work.set_receivers(worker, alerted)
        yield work, worker


def _start_worker(place: Place, work: SteadyWork, alerts: str) -> AbstractContextManager[WorkerProcess]:
    return start_worker(
        place,
        work.provider,
        desk=1,
        person="worker",
        TIME_SCALE=TIME_SCALE,
        SECRET_LIVE_TOKEN=LIVE_FEED_TOKEN,
        ALERTS_WEBHOOK_URL=alerts,
        SECRET_ALERTS_WEBHOOK_KEY=alert_receiver.SIGNATURE_KEY,
    )


def _run_turns(work: SteadyWork, samples: ResourceSamples, seconds: float) -> None:
    """Execute a turn of the work every two seconds for `seconds` seconds, while a thread takes samples."""
    over = Event()
    watching = Thread(target=_take_samples, args=(samples, over), name="samples")
    watching.start()
    until, turn = time.monotonic() + seconds, 0
    try:
        while (begun := time.monotonic()) < until:
            work.execute_turn(turn)
            turn += 1
            over.wait(max(0.0, begun + _TURN_INTERVAL_SECONDS - time.monotonic()))
    finally:
        over.set()
        watching.join()


def _take_samples(samples: ResourceSamples, stop_event: Event) -> None:
    """Take a sample every ten seconds until `stop_event` is set."""
    samples.take_sample()
    while not stop_event.wait(_SAMPLE_INTERVAL_SECONDS):
        samples.take_sample()
        if len(samples.samples) % 30 == 0:
            print(f"{samples.samples[-1].at_seconds / 60:.0f} min: {samples.format_figures()}", flush=True)


DEMANDS = (
    Demand(
        "worker memory",
        1,
        measure_memory_and_check,
        "{minutes} minutes, {notices} notices: {kib_an_hour} KiB an hour (≤ 2,048)",
        limit_seconds=round(DEFAULT_MINUTES * 60) + 900,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.worker_memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES)
    minutes = parser.parse_args().minutes
    with isolate_environment(), make_quick_folder() as folder:
        print(dict(measure_memory_and_check(0, folder, minutes)))


if __name__ == "__main__":
    main()
