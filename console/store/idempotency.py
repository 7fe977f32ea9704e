"""The journal read by idempotency key: each operation's row is also the record that keeps it from being repeated."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from console.domain.records import OperationState
from console.store.lease_time import is_live
from console.store.leases import aware, naive
from console.store.schema import operations

_t = operations.c
_BY_KEY = select(
    _t.id, _t.state, _t.fingerprint, _t.result, _t.operator, _t.desk, _t.started_at,
    is_live(_t.lease_clock, _t.lease_expires).label("live"),
).where(_t.idempotency_key == bindparam("key"))  # fmt: skip
_STORE = (
    update(operations)
    .where(_t.id == bindparam("of"), _t.fence == bindparam("held"), _t.state == OperationState.CALLING.value)
    .values(state=bindparam("to"), result=bindparam("kept"), ended_at=bindparam("at"))
)
_SET_ASIDE = update(operations).where(_t.id == bindparam("of")).values(idempotency_key=bindparam("key"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a key was used for: by whom, since when, how far it came. `live`: its holder is alive."""

    operation_id: str
    state: OperationState
    fingerprint: str
    result: str | None
    operator: str
    desk: str
    since: datetime
    live: bool


def seen(conn: Connection, key: str) -> Seen | None:
    """The operation of a key; one index read."""
    row = conn.execute(_BY_KEY, {"key": key}).first()
    if row is None:
        return None
    operation_id, state, fingerprint, result, operator, desk, since, live = row
    return Seen(
        operation_id, OperationState(state), fingerprint, result, operator, desk, aware(since), bool(live)
    )  # fmt: skip


def end(
    conn: Connection, operation_id: str, fence: int, state: OperationState, result: str | None, now: datetime
) -> bool:
    """Write the end of an operation that is calling, fenced; False when it was lost meanwhile."""
    values = {"of": operation_id, "held": fence, "to": state.value, "kept": result, "at": naive(now)}
    return conn.execute(_STORE, values).rowcount == 1


def set_aside(conn: Connection, operation_id: str, key: str) -> None:
    """Let the key be used anew; the row stays in the journal under a key of its own."""
    conn.execute(_SET_ASIDE, {"of": operation_id, "key": f"{key[:200]}#{operation_id}"})
