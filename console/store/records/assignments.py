"""Who works on which record: for a while, so that others leave it to them. On a server it is the server's clock that
says when that is over, whatever a desk's clock shows.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, DateTime, and_, bindparam, func, literal_column, select, true, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.clock import AHEAD
from console.domain.worker_records import Take
from console.store import swaps
from console.store.leases import aware, naive
from console.store.troubles import RunAgain
from console.store.worker_schema import takes

_t = takes.c
_ALL = select(_t.subject_id, _t.person, _t.taken_at, _t.until).where(
    _t.kind == bindparam("whose"), _t.subject_id.in_(bindparam("ids", expanding=True))
)


_EVERY = select(_t.kind, _t.subject_id, _t.person, _t.taken_at, _t.until)
_MOST = 500


class _Words:
    """The statements by one clock: `now` and `until` as SQL; `possible` is what no clock that was ahead has taken."""

    def __init__(self, now: Any, until: Any, possible: Any) -> None:
        this = update(takes).where(_t.kind == bindparam("whose"), _t.subject_id == bindparam("of"))
        mine, runs = _t.person == bindparam("who"), and_(_t.until > now, possible)
        taken = {"person": bindparam("who"), "taken_at": now, "until": until}
        self.renew = this.where(mine, runs).values(until=until)
        self.take = this.where(~runs).values(taken)
        self.make = into(takes).values(kind=bindparam("whose"), subject_id=bindparam("of"), **taken)
        self.release = this.where(mine, runs).values(until=now)
        self.running = _ALL.where(runs)
        self.all_running = _EVERY.where(runs).order_by(_t.taken_at).limit(_MOST)


_server_now = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')", DateTime())
_lasts = bindparam("lasts", type_=BigInteger())
_ON_SERVER = _Words(
    _server_now, func.timestampadd(literal_column("MICROSECOND"), _lasts, _server_now, type_=DateTime()),
    true(),
)  # fmt: skip
_ON_SQLITE = _Words(
    bindparam("now", type_=DateTime()), bindparam("ends", type_=DateTime()),
    _t.taken_at <= bindparam("latest", type_=DateTime()),
)  # fmt: skip


def take(conn: Connection, kind: str, subject_id: int, person: str, now: datetime, until: datetime) -> bool:
    """Take a record that is nobody's, or keep on with one's own; False while somebody else has it."""
    words, values = _by_its_clock(conn, now, until)
    values |= {"whose": kind, "of": subject_id, "who": person}
    taken = any(conn.execute(statement, values).rowcount == 1 for statement in (words.renew, words.take))
    if not taken and not of(conn, kind, (subject_id,)):
        try:
            conn.execute(words.make, values)
        except IntegrityError:  # somebody else took it at this very moment: look again
            raise RunAgain from None
        taken = True
    if taken:
        swaps.announce(conn, kind, subject_id, now)
    return taken


def release(conn: Connection, kind: str, subject_id: int, person: str, now: datetime) -> bool:
    """Give up what one has; False when it isn't one's own any more."""
    words, values = _by_its_clock(conn, now, now)
    given_up = conn.execute(words.release, values | {"whose": kind, "of": subject_id, "who": person}).rowcount == 1
    if given_up:
        swaps.announce(conn, kind, subject_id, now)
    return given_up


def of(conn: Connection, kind: str, subject_ids: Collection[int], now: datetime | None = None) -> Mapping[int, Take]:
    """Who took these records last, by id; with `now`, only where that isn't over."""
    if not subject_ids:
        return {}
    values: dict[str, object] = {"whose": kind, "ids": list(subject_ids)}
    query = _ALL
    if now is not None:
        words, clock = _by_its_clock(conn, now, now)
        query, values = words.running, values | clock
    found = conn.execute(query, values)
    return {of: Take(kind, of, person, aware(taken), aware(until)) for of, person, taken, until in found}


def running(conn: Connection, now: datetime) -> tuple[Take, ...]:
    """Who has which record now, oldest first; some hundred at most."""
    words, clock = _by_its_clock(conn, now, now)
    found = conn.execute(words.all_running, clock)
    return tuple(Take(kind, of, person, aware(at), aware(until)) for kind, of, person, at, until in found)


def _by_its_clock(conn: Connection, now: datetime, until: datetime) -> tuple[_Words, dict[str, object]]:
    if conn.dialect.name == "sqlite":
        return _ON_SQLITE, {"now": naive(now), "ends": naive(until), "latest": naive(now + AHEAD)}
    return _ON_SERVER, {"lasts": round((until - now).total_seconds() * 1_000_000)}
