"""Counts the records of a queue by age, through the index ranges of this queue."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import ColumnElement, Connection, case, func, select, union_all

from console.domain.reports.queue_ages import AGE_CLASSES, AGE_LIMITS, QueueAges
from console.store.database.instants import convert_to_naive_utc
from console.store.queues.definitions import QUEUE_TABLES
from console.store.queues.queues import LapsedIds
from console.store.schema.column_types import EPOCH_START

MAX_RECORDS = 10_000
"""Largest number of records that are counted in one index range of a queue."""


def count_records_by_age(conn: Connection, queue_name: str, lapsed_ids: LapsedIds, now: datetime) -> QueueAges:
    """Return the counts of the records of the queue `queue_name` by their age at `now`. At most MAX_RECORDS records
    of each index range are counted. `lapsed_ids`: for each kind, the ids of the records whose process crashed or
    froze during a call."""
    values: dict[str, object] = {"limit": MAX_RECORDS}
    queries = []
    for kind_queries in QUEUE_TABLES:
        ids = lapsed_ids.get(kind_queries.kind, frozenset())
        values |= kind_queries.make_lapsed_ids_parameter(ids)
        if queue_name in kind_queries.conditions_by_queue:
            queries += kind_queries.make_state_since_queries(queue_name, has_lapsed=bool(ids))
    counts = [
        select(*_make_age_columns(rows.c.since, now)).select_from(rows) for rows in (q.subquery() for q in queries)
    ]
    rows = conn.execute(union_all(*counts), values).all()
    sums = [sum(int(row[column_index] or 0) for row in rows) for column_index in range(len(AGE_CLASSES) + 1)]
    return QueueAges(queue_name, tuple(sums[1:]), sums[0], all(sum(row) < MAX_RECORDS for row in rows))


def _make_age_columns(since: ColumnElement[datetime], now: datetime) -> Sequence[ColumnElement[int]]:
    """Return SQL columns that count rows by the age of `since` at `now`. The first column counts the rows without a
    known age, each further column the rows of one class of age."""
    starts = [convert_to_naive_utc(now - limit) for limit in AGE_LIMITS]
    conditions = [since <= EPOCH_START, since > starts[0]]
    for later_start, earlier_start in pairwise(starts):
        conditions.append((since <= later_start) & (since > earlier_start))
    conditions.append((since <= starts[-1]) & (since > EPOCH_START))
    return [func.coalesce(func.sum(case((condition, 1), else_=0)), 0) for condition in conditions]
