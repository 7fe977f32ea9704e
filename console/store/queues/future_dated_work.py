"""Rows whose next step was put off by a clock that was ahead: they were written at a time that is still to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, Table, bindparam, or_, select

from console.domain.records import WorkState
from console.domain.worker_records import SagaState
from console.store import credit_checks, payments, refunds, sagas, swaps
from console.store.leases import naive
from console.store.payment_schema import payments as payments_table
from console.store.payment_schema import refunds as refunds_table
from console.store.schema import credit_checks as checks_table
from console.store.worker_schema import sagas as sagas_table

_PROMISED = "cooling_off"
"""A refund's time to think it over: that is never made shorter."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """A row as it was read."""

    kind: str
    id: int
    version: int


@dataclass(frozen=True, slots=True)
class _Axis:
    """A table, and the columns that say what is scheduled there and for when."""

    table: Table
    state: str
    scheduled: str
    at: str
    reason: str

    def query(self) -> Select[Any]:
        """A stretch of the index over state and time, of which nearly every row was written by a right clock."""
        found = self.table.c
        latest: BindParameter[datetime] = bindparam("latest")
        waits = found[self.state] == self.scheduled, found[self.at] > latest, found.changed_at > latest
        movable = or_(found[self.reason].is_(None), found[self.reason] != _PROMISED)
        return select(found.id, found.version).where(*waits, movable).limit(bindparam("most", type_=Integer))


def _work_of(table: Table) -> _Axis:
    return _Axis(table, "work_state", WorkState.SCHEDULED.value, "work_at", "work_reason")


_AXES: Mapping[str, _Axis] = {
    credit_checks.KIND: _work_of(checks_table),
    payments.KIND: _work_of(payments_table),
    refunds.KIND: _work_of(refunds_table),
    sagas.KIND: _Axis(sagas_table, "state", SagaState.RUNNING.value, "next_at", "reason"),
}
_QUERIES = {kind: axis.query() for kind, axis in _AXES.items()}


def find(conn: Connection, latest: datetime, limit: int) -> tuple[PutOff, ...]:
    """Rows that were written after `latest`, a time still to come, and wait for a later one: `limit` of each kind."""
    values = {"latest": naive(latest), "most": limit}
    return tuple(PutOff(kind, *row) for kind, query in _QUERIES.items() for row in conn.execute(query, values))


def make_due(conn: Connection, row: PutOff, now: datetime) -> None:
    """Its next step is due. Raises Stale when somebody has changed it since it was read."""
    axis = _AXES[row.kind]
    swaps.swap(conn, axis.table, (row.id, row.version), {axis.at: now, "changed_at": now})
    swaps.announce(conn, row.kind, row.id, now)
