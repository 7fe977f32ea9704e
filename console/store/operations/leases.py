"""Named leases as rows: who holds what, since when, until when. Politeness that orders waiters, never proof.

Expiry is written and judged by the database's clock (`lease_time`); the wall times beside it are for people. Each
taking raises the fencing token, so that a holder who lost a lease can't renew or release it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.records import LeaseHolder
from console.store.engine import RunAgain, Transaction
from console.store.lease_time import expiry, is_live, lease_mark
from console.store.schema import leases
from console.store.transaction import settled

_t = leases.c


@dataclass(frozen=True, slots=True)
class Holder:
    """Who takes leases and begins operations: a person at a desk, in one process."""

    operator: str
    desk: str
    host: str
    process: int
    session: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken; `fence` proves it."""

    name: str
    slot: int
    fence: int


_LIVE = is_live(_t.lease_clock, _t.lease_expires)
_TAKE = (
    update(leases)
    .where(_t.name == bindparam("of"), _t.slot == bindparam("at"), not_(_LIVE))
    .values(
        operator=bindparam("who"), desk=bindparam("desk_"), host=bindparam("host_"), process=bindparam("process_"),
        since=bindparam("since_"), until=bindparam("until_"), token=bindparam("token_"), lease_clock=lease_mark(),
        lease_expires=expiry(), fence=_t.fence + 1,
    )
)  # fmt: skip
_CREATE = insert(leases).values(
    name=bindparam("of"), slot=bindparam("at"), operator=bindparam("who"), desk=bindparam("desk_"),
    host=bindparam("host_"), process=bindparam("process_"), since=bindparam("since_"), until=bindparam("until_"),
    token=bindparam("token_"), lease_clock=lease_mark(), lease_expires=expiry(), fence=1,
)  # fmt: skip
_FENCE = select(_t.fence).where(_t.name == bindparam("of"), _t.slot == bindparam("at"))
_MINE = and_(_t.name == bindparam("of"), _t.slot == bindparam("at"), _t.fence == bindparam("held"))
_RELEASE = update(leases).where(_MINE).values(lease_expires=0)
_RENEW = update(leases).where(_MINE, _LIVE).values(lease_expires=expiry(), until=bindparam("until_"))
_TAKEN_BY = settled(select(_t.token).where(_t.name == bindparam("of"), _t.slot == bindparam("at")))
_HELD = and_(_LIVE, _t.lease_expires > 0)  # nothing new, but no server looks into an index for what its clock says
_HOLDERS = select(_t.name, _t.operator, _t.desk, _t.host, _t.process, _t.since, _t.until).where(_HELD)
_HOLDER_OF = _HOLDERS.where(_t.name == bindparam("of")).order_by(_t.slot).limit(1)


def take(tx: Transaction, name: str, holder: Holder, now: datetime, seconds: float, slots: int = 1) -> Lease | None:
    """Take a free slot of `name`; None while all are held."""
    token = str(uuid.uuid4())
    values = _values(holder, now, seconds) | {"token_": token}
    for slot in range(slots):
        which = {"of": name, "at": slot}
        taken = tx.conn.execute(_TAKE, which | values).rowcount == 1
        if not taken and tx.conn.execute(_FENCE, which).first() is None:
            _create(tx.conn, which | values)
            taken = True
        if taken:
            tx.prove_by(lambda conn, which=which: conn.scalar(_TAKEN_BY, which) == token)  # type: ignore[misc]
            return Lease(name, slot, tx.conn.execute(_FENCE, which).scalar_one())
    return None


def _values(holder: Holder, now: datetime, seconds: float) -> dict[str, object]:
    return {
        "who": holder.operator,
        "desk_": holder.desk,
        "host_": holder.host,
        "process_": holder.process,
        "since_": naive(now),
        **_until(now, seconds),
    }


def _until(now: datetime, seconds: float) -> dict[str, object]:
    return {"lease_ms": int(seconds * 1000), "until_": naive(now) + timedelta(seconds=seconds)}


def _create(conn: Connection, values: dict[str, object]) -> None:
    try:
        conn.execute(_CREATE, values)
    except IntegrityError:  # somebody else made the row at this very moment: look again
        raise RunAgain from None


def release(conn: Connection, lease: Lease) -> None:
    """Give a lease up; without effect when it was lost meanwhile."""
    conn.execute(_RELEASE, {"of": lease.name, "at": lease.slot, "held": lease.fence})


def renew(conn: Connection, lease: Lease, now: datetime, seconds: float) -> bool:
    """Heartbeat: move the expiry on. False when the lease was lost."""
    mine = {"of": lease.name, "at": lease.slot, "held": lease.fence}
    return conn.execute(_RENEW, mine | _until(now, seconds)).rowcount == 1


def holder_of(conn: Connection, name: str) -> LeaseHolder | None:
    """Who holds `name` now, the first slot if there are several."""
    row = conn.execute(_HOLDER_OF, {"of": name}).first()
    return _holder(row) if row else None


def holders(conn: Connection) -> tuple[LeaseHolder, ...]:
    """All leases held now, oldest first."""
    return tuple(_holder(row) for row in conn.execute(_HOLDERS.order_by(_t.since)))


def _holder(row: Sequence[Any]) -> LeaseHolder:
    name, operator, desk, host, process, since, until = row
    return LeaseHolder(name, operator, desk, host, process, aware(since), aware(until))


def naive(at: datetime) -> datetime:
    """UTC without a zone, as stored."""
    return at.astimezone(UTC).replace(tzinfo=None)


def aware(at: datetime) -> datetime:
    """A stored instant with its zone."""
    return at.replace(tzinfo=UTC)
