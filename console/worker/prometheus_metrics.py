"""The receiver's figures in Prometheus' form: counters of this process, and what the database says every few seconds.

Labels are names of sources, results and queues alone: nothing of any payer or company.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from console.app import Console
from console.domain.errors import ConsoleError
from console.services.figures import FigureReader, Figures
from console.services.tally import BOUNDS
from console.worker.limits import Busy, Crowd, Lane, Options

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"
_NOTHING = float("nan")  # as Prometheus has it where nothing was divided by nothing


class Metrics:
    """One receiver's registry. For the event loop's thread; what is read of the database comes by `lane`."""

    def __init__(self, console: Console, options: Options, crowd: Crowd, lane: Lane) -> None:
        self._console, self._seconds, self._lane = console, options.metrics_seconds, lane
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._figures: Figures | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self._notices = Counter(
            "notices", "Notices by source and result, this process.", ("source", "result"), registry=self.registry
        )
        self._answers = Histogram(
            "notice_seconds", "From the head of a notice to its answer, this process.", registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        )  # fmt: skip
        self._in_flight = Gauge("receiver_in_flight", "Notices under way, this process.", registry=self.registry)
        self.live_clients = Gauge("live_clients", "Listeners of /live, this process.", registry=self.registry)
        self.live_dropped = Counter("live_dropped", "Listeners that were too slow.", registry=self.registry)
        connections = Gauge("receiver_connections", "Open connections, this process.", registry=self.registry)
        connections.set_function(lambda: crowd.size)
        self.registry.register(_Collected(lambda: self._figures, lambda: console.figures, crowd))

    def came(self) -> None:
        """A notice has begun."""
        self._in_flight.inc()

    def went(self, source: str, result: str, seconds: float) -> None:
        """It was answered. `source` is a name that has proved itself, or `other`."""
        self._in_flight.dec()
        self._notices.labels(source, result).inc()
        self._answers.observe(seconds)

    async def page(self) -> bytes:
        """The whole page. The database is asked once in some seconds, whoever asks for the page how often."""
        loop = asyncio.get_running_loop()
        async with self._reading:
            if loop.time() - self._read_at >= self._seconds:
                self._figures = await self._read()
                self._read_at = loop.time()
        return generate_latest(self.registry)

    async def _read(self) -> Figures | None:
        """None while the database doesn't answer: then the page has no figures of it, instead of old ones."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._lane.run(lambda: _read(self._console))
        except (ConsoleError, Busy, TimeoutError):
            return None


def _read(console: Console) -> Figures:
    with console.acting("worker"):
        return console.figures.read()


class _Collected:
    """What is not counted here but looked up when the page is made."""

    def __init__(
        self, figures: Callable[[], Figures | None], reader: Callable[[], FigureReader], crowd: Crowd
    ) -> None:  # fmt: skip
        self._figures, self._reader, self._crowd = figures, reader, crowd

    def collect(self) -> Iterator[Metric]:
        figures, reader = self._figures(), self._reader()
        yield _gauge("database_up", "Whether the database answers.", float(figures is not None))
        yield _count("connections_turned_away", "Beyond the limits, this process.", self._crowd.turned_away)
        yield _count("duplicates_refused", "By the guards, this process.", reader.duplicates())
        yield _gauge("cache_hit_rate", "Of what the cache was asked, this process.", reader.cache_hits().value)
        yield _waits(*reader.lease_waits())
        if figures is not None:
            yield from _rates(figures)
            yield from _queues(figures)
            yield _gauge("tasks_late", "Tasks that should have ended long ago.", float(len(figures.late)))


def _rates(figures: Figures) -> Iterable[Metric]:
    yield _gauge(
        "payment_success_rate", "Paid, of payments that changed in 15 minutes and have ended.",
        figures.payments_paid.value,
    )  # fmt: skip
    yield _gauge("avg_response_time", "Seconds of journalled calls, mean of 15 minutes.", figures.response_seconds)
    yield _gauge("error_rate", "Calls without an answer to go on with, 15 minutes.", figures.calls_failed.value)
    yield _gauge("api_availability", "Calls that were answered at all, 15 minutes.", figures.calls_answered.value)
    yield _gauge(
        "signature_failure_rate", "Refused, of notices that are signed, 15 minutes.", figures.notices_refused.value
    )


def _queues(figures: Figures) -> Iterable[Metric]:
    depths = GaugeMetricFamily("queue_depth", "How many wait, counted up to 1,000.", labels=("queue",))
    ages = GaugeMetricFamily("queue_oldest_seconds", "Since when the oldest waits.", labels=("queue",))
    for queue in figures.queues:
        depths.add_metric((queue.queue,), queue.count)
        ages.add_metric((queue.queue,), figures.age(queue))
    yield from (depths, ages)
    unknown = sum(queue.count for queue in figures.queues if queue.queue == "unknown")
    yield _gauge("unknown_outcomes", "Calls of which nobody knows how they ended, up to 1,000.", unknown)


def _gauge(name: str, says: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, says, value=_NOTHING if value is None else value)


def _count(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)


def _waits(classes: tuple[int, ...], seconds: float) -> Metric:
    buckets, so_far = [], 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), classes, strict=True):
        so_far += count
        buckets.append((bound, so_far))
    return HistogramMetricFamily("lease_wait_seconds", "Waits for a lease, this process.", buckets, sum_value=seconds)
