"""Reads and writes of rows that a desk wrote while its clock was ahead. The time of their last change
(`changed_at`) and the due time of their next step are in the future, so the step would run too late."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, Table, bindparam, or_, select

from console.domain.records import WorkReason, WorkState
from console.domain.tasks.states import SagaState
from console.store.credit_checks import credit_checks
from console.store.database import compare_and_swap
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import payments
from console.store.refunds import refunds
from console.store.schema.core import credit_checks as checks_table
from console.store.schema.payments import payments as payments_table
from console.store.schema.payments import refunds as refunds_table
from console.store.schema.worker import sagas as sagas_table
from console.store.tasks import sagas

_REASON_WITH_FIXED_DUE_TIME = WorkReason.COOLING_OFF
"""Work reason of a refund in its cooling-off period. The due time of such a refund is never moved."""


@dataclass(frozen=True, slots=True)
class FutureDatedRow:
    """A row that was written while a clock was ahead: the kind and id of its record, and the version in which the
    row was read."""

    kind: str
    id: int
    version: int


@dataclass(frozen=True, slots=True)
class _WorkColumns:
    """A table whose rows have scheduled work. `state_column`, `due_at_column` and `reason_column` are names of its
    columns; `scheduled_state` is the value of the column `state_column` in rows with scheduled work.
    """

    table: Table
    state_column: str
    scheduled_state: str
    due_at_column: str
    reason_column: str

    def make_query(self) -> Select[Any]:
        """Return the query of the ids and versions of the rows with scheduled work whose due time and `changed_at`
        are later than the parameter `latest_credible_time`, without those with the reason
        _REASON_WITH_FIXED_DUE_TIME; the parameter `limit` limits their number. It uses the index of state and due
        time."""
        columns = self.table.c
        latest_credible_time: BindParameter[datetime] = bindparam("latest_credible_time")
        is_too_late_conditions = (
            columns[self.state_column] == self.scheduled_state,
            columns[self.due_at_column] > latest_credible_time,
            columns.changed_at > latest_credible_time,
        )
        is_movable = or_(
            columns[self.reason_column].is_(None), columns[self.reason_column] != _REASON_WITH_FIXED_DUE_TIME
        )
        return (
            select(columns.id, columns.version)
            .where(*is_too_late_conditions, is_movable)
            .limit(bindparam("limit", type_=Integer))
        )


def _make_work_columns(table: Table) -> _WorkColumns:
    """Return the columns of a table whose rows have the usual columns of scheduled work (`work_state`, `work_at` and
    `work_reason`)."""
    return _WorkColumns(table, "work_state", WorkState.SCHEDULED.value, "work_at", "work_reason")


_WORK_COLUMNS: Mapping[str, _WorkColumns] = {
    credit_checks.CREDIT_CHECK_KIND: _make_work_columns(checks_table),
    payments.PAYMENT_KIND: _make_work_columns(payments_table),
    refunds.REFUND_KIND: _make_work_columns(refunds_table),
    sagas.SAGA_KIND: _WorkColumns(sagas_table, "state", SagaState.RUNNING.value, "next_at", "reason"),
}
_QUERY_BY_KIND = {kind: work_columns.make_query() for kind, work_columns in _WORK_COLUMNS.items()}


def find_future_dated_rows(
    conn: Connection, latest_credible_time: datetime, limit: int
) -> tuple[FutureDatedRow, ...]:
    """Return the rows with scheduled work whose `changed_at` and due time are later than `latest_credible_time`, an
    instant in the future; at most `limit` rows of each kind. Refunds in their cooling-off period are left out."""
    values = {"latest_credible_time": convert_to_naive_utc(latest_credible_time), "limit": limit}
    return tuple(
        FutureDatedRow(kind, *row) for kind, query in _QUERY_BY_KIND.items() for row in conn.execute(query, values)
    )


def set_due_now(conn: Connection, row: FutureDatedRow, now: datetime) -> None:
    """Set the due time of the row's next step to `now`. Raises StaleRow if the row has changed since it was read."""
    work_columns = _WORK_COLUMNS[row.kind]
    compare_and_swap.update_if_unchanged(
        conn, work_columns.table, (row.id, row.version), {work_columns.due_at_column: now, "changed_at": now}
    )
    compare_and_swap.announce_change(conn, row.kind, row.id, now)
