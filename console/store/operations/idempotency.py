"""The journal read by idempotency key: each operation's row is also the record that keeps it from being repeated."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, select, update

from console.domain.records import OperationState
from console.store import leases
from console.store.lease_time import is_live
from console.store.leases import Holder, aware, naive
from console.store.schema import leases as named_leases
from console.store.schema import operations
from console.store.transaction import Transaction, settled

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
_ENDED = select(_t.result).where(_t.id == bindparam("of"), _t.fence == bindparam("held"), _t.state == bindparam("to"))
_SET_ASIDE = update(operations).where(_t.id == bindparam("of")).values(idempotency_key=bindparam("key"))
LONGEST_EPOCH = timedelta(hours=1)
_l = named_leases.c
_EPOCH_ROW = {"of": "idempotency_cache"}
_IS_EPOCH = and_(_l.name == bindparam("of"), _l.slot == 0)
_EPOCH = select(_l.token, _l.since).where(_IS_EPOCH)
_NEW_EPOCH = (
    update(named_leases)
    .where(_IS_EPOCH)
    .values(token=bindparam("token_"), since=bindparam("since_"), fence=_l.fence + 1)
)


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
    """Write the end of an operation that is calling, fenced; False when it was lost meanwhile.

    Twice is as good as once: who holds the token and says the same again is told the same.
    """
    mine = {"of": operation_id, "held": fence, "to": state.value}
    if conn.execute(_STORE, mine | {"kept": result, "at": naive(now)}).rowcount == 1:
        return True
    ended = conn.execute(_ENDED, mine).first()
    return ended is not None and ended.result == result


def set_aside(conn: Connection, operation_id: str, key: str) -> None:
    """Let the key be used anew; the row stays in the journal under a key of its own."""
    conn.execute(_SET_ASIDE, {"of": operation_id, "key": f"{key[:200]}#{operation_id}"})


def forget(tx: Transaction, operation_id: str, key: str, holder: Holder, now: datetime) -> None:
    """Set a result aside and begin a new epoch: wherever else it was kept, it counts no more."""
    set_aside(tx.conn, operation_id, key)
    begun = new_epoch(tx, holder, now)
    tx.prove_by(lambda conn: conn.scalar(settled(_EPOCH), _EPOCH_ROW) == begun)


def epoch(conn: Connection, now: datetime) -> str:
    """A random text that changes whenever a result is forgotten, and every hour, so that a backup has an old one.

    Empty where there is none, or one that is too old. It is the token of a lease that nobody holds.
    """
    row = conn.execute(_EPOCH, _EPOCH_ROW).first()
    return row.token if row and abs(now - aware(row.since)) < LONGEST_EPOCH else ""


def new_epoch(tx: Transaction, holder: Holder, now: datetime) -> str:
    """Begin another one."""
    token = {"token_": str(uuid.uuid4()), "since_": naive(now)}
    if tx.conn.execute(_NEW_EPOCH, _EPOCH_ROW | token).rowcount == 0:
        leases.take(tx, _EPOCH_ROW["of"], holder, now, 0.0)
    return epoch(tx.conn, now)
