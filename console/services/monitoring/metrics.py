"""Figures for the metrics of the worker: ratios of the last fifteen minutes, sizes of queues, overdue tasks, and
counters.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import NoticeKind
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES
from console.domain.service_results import QueueCount
from console.domain.tasks.intervals import is_task_overdue
from console.services.evidence.answered_operations import list_answered_operations
from console.services.evidence.call_summaries import classify_answer, is_provider_call
from console.services.payment_intake.notices import (
    EVENT_REFUSED,
    EVENT_REFUSED_ANSWERED,
    EVENT_REFUSED_UNANSWERED,
)
from console.services.process.context import ServiceContext
from console.services.process.counters import DUPLICATE_ERROR_CODES, ProcessCounters
from console.services.recovery.queues import QueueReader
from console.store.monitoring import recent_activity
from console.store.tasks import tasks

METRICS_SPAN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two counts: `part` divided by `total`."""

    part: int
    total: int

    @property
    def value(self) -> float | None:
        """The quotient of `part` and `total`; None if the total is 0."""
        return self.part / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """The figures of the fifteen minutes before `read_at`, the time at which the reader read them from the database.

    `paid_payment_ratio`: the paid payments among the payments that have changed and ended. `failed_call_ratio`: the
    calls to providers that got no usable answer, among all calls; `answered_call_ratio`: the calls that got any
    answer, among all calls. `refused_notice_ratio`: the refused notices among the signed notices.
    `mean_response_seconds` is the mean duration, from start to end, of the operations of which every call to a
    provider was answered, None if no such operation has ended. `queues` are the counts of the queues and
    `overdue_task_names` the names of overdue tasks, both at `read_at`.
    """

    paid_payment_ratio: Ratio
    failed_call_ratio: Ratio
    answered_call_ratio: Ratio
    refused_notice_ratio: Ratio
    mean_response_seconds: float | None
    queues: tuple[QueueCount, ...]
    overdue_task_names: tuple[str, ...]
    read_at: datetime

    def get_queue_age_seconds(self, queue: QueueCount) -> float:
        """Return the time in seconds for which the oldest record of the queue has waited; 0 for an empty queue."""
        return max(0.0, (self.read_at - queue.oldest).total_seconds()) if queue.oldest else 0.0


class MetricFigureReader:
    """Reads the figures of the metrics. Each query uses a database index and reads a limited number of rows. Writes
    nothing to the database.
    """

    def __init__(
        self, context: ServiceContext, queues: QueueReader, cache_hit_and_query_counts: Callable[[], tuple[int, int]]
    ) -> None:
        """Store the service context, the reader of the queues and the function `cache_hit_and_query_counts`. It
        returns two numbers: the queries that the Redis cache answered with a stored result, and all queries to the
        cache."""
        self._context, self._queues, self._read_hit_and_query_counts = context, queues, cache_hit_and_query_counts
        self._counters_of_others, self._trail_lock = ProcessCounters(), Lock()
        self._trail_position: int | None = None

    def read_figures(self) -> MetricFigures:
        """Return the present figures. Raises database_unreachable if the database doesn't answer."""
        now = self._context.now()
        since = now - METRICS_SPAN
        self._add_counts_of_other_processes()
        queues = self._queues.read_counts()
        with self._context.database.read() as conn:
            answers = [
                answer for answer in recent_activity.list_recent_evidence(conn, since) if is_provider_call(answer[0])
            ]
            count_by_payment_state = recent_activity.count_changed_payments_by_state(conn, since)
            count_by_source_and_result = recent_activity.count_notices(conn, since)
            answered_ids = list_answered_operations(
                conn, list(dict.fromkeys(operation_id for _, _, operation_id in answers if operation_id))
            )
            durations = recent_activity.read_operation_durations(conn, answered_ids, since).values()
            overdue_names = tuple(
                task.name for task in tasks.list_tasks(conn) if is_task_overdue(task, now, self._context.scale)
            )
        signed_notices = {
            key: count for key, count in count_by_source_and_result.items() if not _is_unsigned_source(key[0])
        }
        answer_flags = [classify_answer(summary) for _, summary, _ in answers]
        return MetricFigures(
            paid_payment_ratio=_make_ratio(count_by_payment_state, PAID_STATES, ENDED_UNPAID_STATES),
            failed_call_ratio=Ratio(sum(not is_usable for _, is_usable in answer_flags), len(answer_flags)),
            answered_call_ratio=Ratio(sum(answers for answers, _ in answer_flags), len(answer_flags)),
            refused_notice_ratio=Ratio(
                sum(count for (_, result), count in signed_notices.items() if result in _REFUSED_EVENT_STATES),
                sum(signed_notices.values()),
            ),
            mean_response_seconds=sum(durations) / len(durations) if durations else None,
            queues=queues,
            overdue_task_names=overdue_names,
            read_at=now,
        )

    def find_overdue_tasks(self) -> tuple[str, ...]:
        """Return the names of overdue tasks. Raises database_unreachable if the database doesn't answer."""
        now = self._context.now()
        with self._context.database.read() as conn:
            return tuple(
                task.name for task in tasks.list_tasks(conn) if is_task_overdue(task, now, self._context.scale)
            )

    def read_lease_wait_counts_and_seconds(self) -> tuple[tuple[int, ...], float]:
        """Return the number of waits for leases in each class of LEASE_WAIT_CLASS_BOUNDS_SECONDS, and the sum of all
        waits in seconds. Waits of other processes are included if they were written to the audit trail between the
        first and the latest call of `read_figures`."""
        (own_counts, seconds), (foreign_counts, foreign_seconds) = (
            self._context.process_counters.lease_wait_counts_and_seconds,
            self._counters_of_others.lease_wait_counts_and_seconds,
        )
        return tuple(map(sum, zip(own_counts, foreign_counts, strict=True))), seconds + foreign_seconds

    def count_refused_duplicates(self) -> int:
        """Return the number of refused duplicate operations. Refusals by other processes are included if they were
        written to the audit trail between the first and the latest call of `read_figures`."""
        return (
            self._context.process_counters.refused_duplicate_count + self._counters_of_others.refused_duplicate_count
        )

    def compute_cache_hit_ratio(self) -> Ratio:
        """Return the number of queries that the Redis cache answered, as a ratio to the number of all queries to the
        cache. Redis counts the queries of all desks.
        """
        return Ratio(*self._read_hit_and_query_counts())

    def _add_counts_of_other_processes(self) -> None:
        """Read the lease waits and refused duplicates that other processes have written to the audit trail since the
        last call of this method, and add them to the counts of other processes. The first call only finds the end of
        the audit trail, and counts nothing."""
        with self._trail_lock, self._context.database.read() as conn:
            if self._trail_position is None:
                self._trail_position = recent_activity.find_newest_audit_id(conn)
            foreign_activity = recent_activity.read_figures_of_other_processes(
                conn, self._trail_position, self._context.session_id, DUPLICATE_ERROR_CODES
            )
            self._trail_position = foreign_activity.last_row_id
            self._counters_of_others.add_counts_of_other_processes(
                foreign_activity.refused_duplicate_count, foreign_activity.wait_seconds
            )


_REFUSED_EVENT_STATES = frozenset((EVENT_REFUSED, EVENT_REFUSED_UNANSWERED, EVENT_REFUSED_ANSWERED))


def _is_unsigned_source(notice_source: str) -> bool:
    """True if `notice_source` is a payment provider that doesn't sign its notices."""
    provider = provider_registry.find_provider(notice_source)
    return provider is not None and provider.notice_source is NoticeKind.HINTS


def _make_ratio(count_by_state: Mapping[str, int], part_states: Iterable[str], other_states: Iterable[str]) -> Ratio:
    """Return the number of rows in `part_states` as a ratio to the number of rows in `part_states` and `other_states`
    together. `count_by_state` has the number of rows in each state; a state that is missing in it has no rows."""
    part_count = sum(count_by_state.get(state, 0) for state in part_states)
    return Ratio(part_count, part_count + sum(count_by_state.get(state, 0) for state in other_states))
