"""The receiver's metrics in Prometheus' text format: counters of this process, and figures that are read from the
database every few seconds.

Labels contain only the names of senders, results and queues, never a payer or a company.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from console.app import Console
from console.domain.errors import ConsoleError
from console.services.monitoring.metrics import MetricFigureReader, MetricFigures
from console.services.process.counters import LEASE_WAIT_CLASS_BOUNDS_SECONDS
from console.worker.connection_limits import NoCapacity, OpenConnections, ReceiverOptions, ServiceCallThreads

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER_SOURCE_LABEL = "other"
_DUPLICATES_HELP_TEXT = "By the guards: this process, and all desks since it began."
_LEASE_WAITS_HELP_TEXT = "Waits for a lease: this process, and all desks since it began."
_RATIO_WITHOUT_OBSERVATIONS = float("nan")  # Prometheus' value for a ratio without any observation


class WorkerMetrics:
    """The metrics of one receiver. It is used on the thread of the event loop, but reads figures from the database
    in the thread pool `threads`."""

    def __init__(
        self,
        console: Console,
        options: ReceiverOptions,
        open_connections: OpenConnections,
        threads: ServiceCallThreads,
    ) -> None:
        self._console, self._interval_seconds, self._threads = console, options.metrics_interval_seconds, threads
        self._read_at = float("-inf")
        self._read_lock = asyncio.Lock()
        self._figures: MetricFigures | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self._notice_counter = Counter(
            "notices", "Notices by source and result, this process.", ("source", "result"), registry=self.registry
        )
        self._answer_histogram = Histogram(
            "notice_seconds",
            "From the head of a notice to its answer, this process.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        )
        self._notice_gauge = Gauge("receiver_in_flight", "Notices under way, this process.", registry=self.registry)
        self.live_client_gauge = Gauge("live_clients", "Listeners of /live, this process.", registry=self.registry)
        self.dropped_client_counter = Counter("live_dropped", "Listeners that were too slow.", registry=self.registry)
        connection_gauge = Gauge("receiver_connections", "Open connections, this process.", registry=self.registry)
        connection_gauge.set_function(lambda: open_connections.connection_count)
        self.registry.register(
            _FigureCollector(lambda: self._figures, lambda: console.metric_figures, open_connections)
        )

    def count_arrived_notice(self) -> None:
        """Count a notice that has arrived and that the receiver has not answered yet."""
        self._notice_gauge.inc()

    def count_notice_result(self, notice_source: str, result: str, duration_seconds: float) -> None:
        """Record the result of a notice, and the seconds from its arrival to its answer. `notice_source` is the name
        of a provider or of another sender whose notices were stored before, or `other`."""
        self._notice_gauge.dec()
        self._notice_counter.labels(notice_source, result).inc()
        self._answer_histogram.observe(duration_seconds)

    async def make_metrics_page(self) -> bytes:
        """Return the text of the metrics page. The database is read at most once in `metrics_interval_seconds`,
        even if Prometheus requests the page more often."""
        loop = asyncio.get_running_loop()
        async with self._read_lock:
            if loop.time() - self._read_at >= self._interval_seconds:
                self._figures = await self._read_figures()
                self._read_at = loop.time()
        return generate_latest(self.registry)

    async def _read_figures(self) -> MetricFigures | None:
        """Return the figures from the database. Return None if the database does not answer within
        `metrics_interval_seconds` or if the thread pool is full, so that the page contains no outdated figures."""
        try:
            async with asyncio.timeout(self._interval_seconds):
                return await self._threads.run(lambda: _read_figures_as_worker(self._console))
        except (ConsoleError, NoCapacity, TimeoutError):
            return None


def _read_figures_as_worker(console: Console) -> MetricFigures:
    with console.acting_as("worker"):
        return console.metric_figures.read_figures()


class _FigureCollector:
    """Prometheus collector of the metrics that are read from the database or computed when the page is made. All
    other metrics are counted when their events happen."""

    def __init__(
        self,
        get_figures: Callable[[], MetricFigures | None],
        get_reader: Callable[[], MetricFigureReader],
        open_connections: OpenConnections,
    ) -> None:
        self._get_figures, self._get_reader, self._open_connections = get_figures, get_reader, open_connections

    def collect(self) -> Iterator[Metric]:
        figures, reader = self._get_figures(), self._get_reader()
        yield _make_gauge_metric("database_up", "Whether the database answers.", float(figures is not None))
        yield _make_counter_metric(
            "connections_turned_away", "Beyond the limits, this process.", self._open_connections.rejected_count
        )
        yield _make_counter_metric("duplicates_refused", _DUPLICATES_HELP_TEXT, reader.count_refused_duplicates())
        yield _make_gauge_metric(
            "cache_hit_rate", "Of what the cache was asked, by all desks.", reader.compute_cache_hit_ratio().value
        )
        yield _make_lease_wait_histogram(*reader.read_lease_wait_counts_and_seconds())
        if figures is not None:
            yield from _make_rate_metrics(figures)
            yield from _make_queue_metrics(figures)
            yield _make_gauge_metric(
                "tasks_late", "Tasks that should have ended long ago.", float(len(figures.overdue_task_names))
            )


def _make_rate_metrics(figures: MetricFigures) -> Iterable[Metric]:
    yield _make_gauge_metric(
        "payment_success_rate",
        "Paid, of payments that changed in 15 minutes and have ended.",
        figures.paid_payment_ratio.value,
    )
    yield _make_gauge_metric(
        "avg_response_time", "Seconds of journalled calls, mean of 15 minutes.", figures.mean_response_seconds
    )
    yield _make_gauge_metric(
        "error_rate", "Calls without an answer to go on with, 15 minutes.", figures.failed_call_ratio.value
    )
    yield _make_gauge_metric(
        "api_availability", "Calls that were answered at all, 15 minutes.", figures.answered_call_ratio.value
    )
    yield _make_gauge_metric(
        "signature_failure_rate",
        "Refused, of notices that are signed, 15 minutes.",
        figures.refused_notice_ratio.value,
    )


def _make_queue_metrics(figures: MetricFigures) -> Iterable[Metric]:
    depth_gauge = GaugeMetricFamily("queue_depth", "How many wait, counted up to 1,000.", labels=("queue",))
    age_gauge = GaugeMetricFamily("queue_oldest_seconds", "Since when the oldest waits.", labels=("queue",))
    for queue in figures.queues:
        depth_gauge.add_metric((queue.queue,), queue.count)
        age_gauge.add_metric((queue.queue,), figures.get_queue_age_seconds(queue))
    yield from (depth_gauge, age_gauge)
    unknown_count = sum(queue.count for queue in figures.queues if queue.queue == "unknown")
    yield _make_gauge_metric(
        "unknown_outcomes", "Calls of which nobody knows how they ended, up to 1,000.", unknown_count
    )


def _make_gauge_metric(metric_name: str, help_text: str, metric_value: float | None) -> Metric:
    return GaugeMetricFamily(
        metric_name, help_text, value=_RATIO_WITHOUT_OBSERVATIONS if metric_value is None else metric_value
    )


def _make_counter_metric(metric_name: str, help_text: str, metric_value: float) -> Metric:
    return CounterMetricFamily(metric_name, help_text, value=metric_value)


def _make_lease_wait_histogram(bucket_counts: tuple[int, ...], total_seconds: float) -> Metric:
    buckets, cumulated_count = [], 0
    for bound, count in zip((*map(str, LEASE_WAIT_CLASS_BOUNDS_SECONDS), "+Inf"), bucket_counts, strict=True):
        cumulated_count += count
        buckets.append((bound, cumulated_count))
    return HistogramMetricFamily("lease_wait_seconds", _LEASE_WAITS_HELP_TEXT, buckets, sum_value=total_seconds)
