"""Named leases as rows: who holds what, since when, until when. Politeness that orders waiters, never proof.

Expiry is written and judged by the uptime clock of this machine (`boot_clock`); the wall times beside it are for
people. Each taking raises the fencing token, so that a holder who lost a lease can't renew or release it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, not_, select, update

from console.domain.records import LeaseHolder
from console.store.boot_clock import boot_id, uptime_ms
from console.store.schema import leases

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


def is_live(clock: ColumnElement[str], expires: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: not yet expired, by this machine's uptime. Takes the parameters `mark` and `uptime`."""
    return and_(clock == bindparam("mark"), expires > bindparam("uptime"))


def clock_now() -> dict[str, object]:
    """Values for `is_live`."""
    return {"mark": boot_id(), "uptime": uptime_ms()}


_LIVE = is_live(_t.lease_clock, _t.lease_expires)
_TAKE = (
    update(leases)
    .where(_t.name == bindparam("of"), _t.slot == bindparam("at"), not_(_LIVE))
    .values(
        operator=bindparam("who"), desk=bindparam("desk_"), host=bindparam("host_"), process=bindparam("process_"),
        since=bindparam("since_"), until=bindparam("until_"), lease_clock=bindparam("mark_"),
        lease_expires=bindparam("expires_"), fence=_t.fence + 1,
    )
)  # fmt: skip
_FENCE = select(_t.fence).where(_t.name == bindparam("of"), _t.slot == bindparam("at"))
_MINE = and_(_t.name == bindparam("of"), _t.slot == bindparam("at"), _t.fence == bindparam("held"))
_RELEASE = update(leases).where(_MINE).values(lease_expires=0)
_RENEW = update(leases).where(_MINE, _LIVE).values(lease_expires=bindparam("expires_"), until=bindparam("until_"))
_HOLDERS = select(_t.name, _t.operator, _t.desk, _t.host, _t.process, _t.since, _t.until).where(_LIVE)
_HOLDER_OF = _HOLDERS.where(_t.name == bindparam("of")).order_by(_t.slot).limit(1)


def take(conn: Connection, name: str, holder: Holder, now: datetime, seconds: float, slots: int = 1) -> Lease | None:
    """Take a free slot of `name` inside the caller's write transaction; None while all are held."""
    values = _values(holder, now, seconds)
    for slot in range(slots):
        if conn.execute(_TAKE, {"of": name, "at": slot, **clock_now(), **values}).rowcount == 1:
            return Lease(name, slot, conn.execute(_FENCE, {"of": name, "at": slot}).scalar_one())
        if conn.execute(_FENCE, {"of": name, "at": slot}).first() is None:
            _create(conn, name, slot, values)
            return Lease(name, slot, 1)
    return None


def _values(holder: Holder, now: datetime, seconds: float) -> dict[str, object]:
    return {
        "who": holder.operator,
        "desk_": holder.desk,
        "host_": holder.host,
        "process_": holder.process,
        "since_": naive(now),
        "mark_": boot_id(),
        **_until(now, seconds),
    }


def _until(now: datetime, seconds: float) -> dict[str, object]:
    return {"expires_": expires_in(seconds), "until_": naive(now) + timedelta(seconds=seconds)}


def _create(conn: Connection, name: str, slot: int, values: dict[str, object]) -> None:
    row = {key.rstrip("_"): value for key, value in values.items()}
    row |= {"operator": row.pop("who"), "lease_clock": row.pop("mark"), "lease_expires": row.pop("expires")}
    conn.execute(insert(leases).values(name=name, slot=slot, fence=1, **row))


def release(conn: Connection, lease: Lease) -> None:
    """Give a lease up; without effect when it was lost meanwhile."""
    conn.execute(_RELEASE, {"of": lease.name, "at": lease.slot, "held": lease.fence})


def renew(conn: Connection, lease: Lease, now: datetime, seconds: float) -> bool:
    """Heartbeat: move the expiry on. False when the lease was lost."""
    mine = {"of": lease.name, "at": lease.slot, "held": lease.fence}
    return conn.execute(_RENEW, {**mine, **clock_now(), **_until(now, seconds)}).rowcount == 1


def holder_of(conn: Connection, name: str) -> LeaseHolder | None:
    """Who holds `name` now, the first slot if there are several."""
    row = conn.execute(_HOLDER_OF, {"of": name, **clock_now()}).first()
    return _holder(row) if row else None


def holders(conn: Connection) -> tuple[LeaseHolder, ...]:
    """All leases held now, oldest first."""
    return tuple(_holder(row) for row in conn.execute(_HOLDERS.order_by(_t.since), clock_now()))


def _holder(row: Sequence[Any]) -> LeaseHolder:
    name, operator, desk, host, process, since, until = row
    return LeaseHolder(name, operator, desk, host, process, aware(since), aware(until))


def expires_in(seconds: float) -> int:
    """Uptime in milliseconds at which something taken now expires."""
    return uptime_ms() + int(seconds * 1000)


def naive(at: datetime) -> datetime:
    """UTC without a zone, as stored."""
    return at.astimezone(UTC).replace(tzinfo=None)


def aware(at: datetime) -> datetime:
    """A stored instant with its zone."""
    return at.replace(tzinfo=UTC)
