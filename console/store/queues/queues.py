"""The queues over all kinds of records as index reads: pages by key, counts capped at 1,000; and what is due."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Row, and_, or_, select, union_all

from console.domain.records import CreditCheck, WorkState
from console.store import credit_checks
from console.store.leases import aware
from console.store.queue_parts import Key, Part, Queued
from console.store.queue_tables import PARTS, PENDING_CHECK
from console.store.schema import credit_checks as table

COUNT_CAP = 1_000
NAMES = ("pending", "unknown", "error", "incomplete", "review", "refunds")
KINDS = tuple(part.kind for part in PARTS)
Lapsed = Mapping[str, AbstractSet[int]]
"""By kind: ids of records whose process went away."""

_LARGEST_ID = 2**63 - 1
_t = table.c


class Place(NamedTuple):
    """Where a record stands in a queue: work state as the database sorts it, the kind's rank, id."""

    work: str
    rank: int
    id: int

    @property
    def kind(self) -> str:
        return KINDS[self.rank]


def place_of(work: str, kind: str, record_id: int) -> Place:
    """A place by its kind's name."""
    return Place(work, KINDS.index(kind), record_id)


def page(
    conn: Connection, name: str, after: Place | None, limit: int, lapsed: Lapsed
) -> tuple[tuple[Place, Queued], ...]:
    """One page, what needs a person first, then by kind, then oldest first; `after`: the last place seen."""
    first = after.work if after else WorkState.NEEDS_REVIEW
    found: list[tuple[Place, Row[Any]]] = []
    for rank, part in enumerate(PARTS):
        if name in part.queues:
            rows = part.page(conn, name, _behind(after, rank), limit, _of(part, lapsed))
            found += [(Place(work, rank, row_id), row) for (work, row_id), row in rows]
            found.sort(key=_place_of)
            if found[limit - 1 : limit] and found[limit - 1][0].work == first:
                break  # whatever the other kinds have comes later
    return tuple(_read(conn, found[:limit], lapsed))


def _place_of(found: tuple[Place, Row[Any]]) -> Place:
    return found[0]


def _read(
    conn: Connection, found: Sequence[tuple[Place, Row[Any]]], lapsed: Lapsed
) -> Iterator[tuple[Place, Queued]]:
    """Records of the rows, those of each kind made together."""
    made: dict[Place, Queued] = {}
    for rank, part in enumerate(PARTS):
        places = [place for place, _ in found if place.rank == rank]
        rows = [row for place, row in found if place.rank == rank]
        if rows:
            made |= zip(places, part.read(conn, rows, _of(part, lapsed)), strict=True)
    return ((place, made[place]) for place, _ in found)


def _of(part: Part, lapsed: Lapsed) -> AbstractSet[int]:
    return lapsed.get(part.kind, frozenset())


def _behind(after: Place | None, rank: int) -> Key | None:
    """Where a kind goes on: those of lower rank have nothing left of that work state, those of higher rank all."""
    if after is None:
        return None
    last = after.id if rank == after.rank else (_LARGEST_ID if rank < after.rank else 0)
    return after.work, last


def count(conn: Connection, name: str, lapsed: Lapsed) -> tuple[int, datetime | None]:
    """How many rows, at most the cap + 1, and since when the oldest of these has been so."""
    told: dict[str, object] = {"most": COUNT_CAP + 1}
    for part in PARTS:
        told |= part.told(_of(part, lapsed))
    asked = _counted(name, frozenset(kind for kind, ids in lapsed.items() if ids))
    rows = conn.execute(asked, told).all()
    oldest = min((row.oldest for row in rows if row.oldest is not None), default=None)
    return min(sum(row.total for row in rows), COUNT_CAP + 1), aware(oldest) if oldest else None


@cache
def _counted(name: str, lapsed_kinds: AbstractSet[str]) -> CompoundSelect[Any]:
    """All kinds in one statement, a row for each stretch."""
    parts = [part for part in PARTS if name in part.queues]
    return union_all(*(one for part in parts for one in part.counts(name, beside_lapsed=part.kind in lapsed_kinds)))


def due(conn: Connection, work_reason: str, now: datetime, limit: int) -> tuple[CreditCheck, ...]:
    """Scheduled credit checks whose time has come, oldest first."""
    query = (
        credit_checks.all_records()
        .where(_t.work_state == "scheduled", _t.work_at <= now, _t.work_reason == work_reason)
        .order_by(_t.work_at)
        .limit(limit)
    )
    return credit_checks.select_records(conn, query)


_TAKEN_IN = _t.work_state.is_not(None)
_BOUGHT_SINCE = and_(PENDING_CHECK, _TAKEN_IN, _t.credit_check_id.is_not(None))


def written_by_others(conn: Connection, limit: int) -> tuple[tuple[int, str, str], ...]:
    """Rows with the original columns only, not yet put right, or given their purchase by their writer since:
    id, number as written, number_key.
    """
    rows = select(_t.id, _t.corporation_number, _t.number_key).limit(limit)
    new = rows.where(~_TAKEN_IN).order_by(_t.work_at, _t.id)  # as the index has them
    found = (*conn.execute(new), *conn.execute(rows.where(_BOUGHT_SINCE)))
    return tuple((int(i), _text(raw), _text(key)) for i, raw, key in found)


def _text(value: object) -> str:
    """An adopted column may hold integers, or nothing."""
    return "" if value is None else str(value)


def still_by_others(conn: Connection, record_id: int) -> bool:
    """Whether a row is (still) one of these."""
    row = select(_t.id).where(_t.id == record_id, or_(~_TAKEN_IN, _BOUGHT_SINCE))
    return conn.execute(row).first() is not None
