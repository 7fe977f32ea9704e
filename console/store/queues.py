"""The queues as index reads: pages by key (work state, id), counts capped at 1,000."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, and_, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from console.domain.records import CreditCheck
from console.store import credit_checks
from console.store.check_rows import to_record
from console.store.leases import aware
from console.store.schema import credit_checks as table

COUNT_CAP = 1_000
_t = table.c
_PENDING = and_(_t.seen_status == "pending", _t.certainty == "known")
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "pending": _PENDING,
    "unknown": _t.certainty == "unknown",
    "error": and_(_t.seen_status == "error", _t.certainty == "known", ~credit_checks.later_success()),
    "incomplete": _t.missing == 1,
    "review": _t.seen_work == "needs_review",
}
_THESE: BindParameter[int] = bindparam("lapsed", expanding=True)
NAMES = (*_CONDITIONS, "refunds")
# Operations whose process went away are few; they are moved between queues here until a due task writes it down.
_JOINED_BY_LAPSE = ("unknown", "review")
# Where all rows have one work state, a server sorts them all unless it is told where to begin.
_BEGINNING = {"review": ("needs_review", 0)}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One queue's statements, built once: its first rows, the rest of one work state, the later ones, how many."""

    first: Select[Any]
    rest: Select[Any]
    later: Select[Any]
    count: Select[Any]


@cache
def _asked(name: str, *, beside_lapsed: bool) -> _Asked:
    """No engine reads an index from its middle when rest and later ones are asked for in one comparison: SQLite walks
    there from the start, MariaDB through the table.
    """
    rows = _CONDITIONS[name]
    if name == "pending" and beside_lapsed:
        rows = and_(rows, _t.id.not_in(_THESE))
    some = credit_checks.all_records().where(rows).limit(bindparam("most", type_=Integer))
    rest = some.where(_t.seen_work == bindparam("work"), _t.id > bindparam("last")).order_by(_t.id)
    ordered = some.order_by(_t.seen_work, _t.id)
    return _Asked(ordered, rest, ordered.where(_t.seen_work > bindparam("work")), _counted(rows))


def _counted(rows: ColumnElement[bool]) -> Select[Any]:
    """The oldest is the one that came first: its id is in the index, so that no row but this one is read."""
    ids = select(_t.id).where(rows).limit(bindparam("most", type_=Integer)).subquery()
    counted = select(func.count().label("total"), func.min(ids.c.id).label("first")).select_from(ids).subquery()
    return select(counted.c.total, select(_t.changed_at).where(_t.id == counted.c.first).scalar_subquery())


# A question of its own, because OR would make the database read and sort the whole queue.
_LAPSED = and_(_t.id.in_(_THESE), _PENDING)
_LAPSED_ROWS, _LAPSED_COUNT = credit_checks.all_records().where(_LAPSED), _counted(_LAPSED)


def page(
    conn: Connection, name: str, after: tuple[str, int] | None, limit: int, lapsed: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """One page, what needs a person first, then oldest first; `after` is the key of the last row seen."""
    if name not in _CONDITIONS:
        return ()
    found = _walk(conn, name, after or _BEGINNING.get(name), limit, lapsed)
    if name in _JOINED_BY_LAPSE and lapsed:
        gone = _records(conn, _LAPSED_ROWS, lapsed)
        joined = {key_of(record): record for record in (*found, *gone)}
        found = [joined[key] for key in sorted(joined) if after is None or key > after][:limit]
    return tuple(found)


def _walk(
    conn: Connection, name: str, after: tuple[str, int] | None, limit: int, lapsed: AbstractSet[int]
) -> list[CreditCheck]:
    """Rows behind `after`: first the rest of its work state, then the later ones."""
    asked = _asked(name, beside_lapsed=bool(lapsed))
    if after is None:
        return _records(conn, asked.first, lapsed, most=limit)
    work, last = after
    found = _records(conn, asked.rest, lapsed, most=limit, work=work, last=last)
    if len(found) < limit:
        found += _records(conn, asked.later, lapsed, most=limit - len(found), work=work)
    return found


def _records(conn: Connection, asked: Select[Any], lapsed: AbstractSet[int], **values: object) -> list[CreditCheck]:
    rows = conn.execute(asked, {"lapsed": sorted(lapsed), **values})
    return [to_record(row, lapsed) for row in rows]


def count(conn: Connection, name: str, lapsed: AbstractSet[int]) -> tuple[int, datetime | None]:
    """How many rows, at most the cap + 1, and since when the oldest of these has been so."""
    if name not in _CONDITIONS:
        return 0, None
    total, oldest = _count(conn, _asked(name, beside_lapsed=bool(lapsed)).count, lapsed)
    if name in _JOINED_BY_LAPSE and lapsed:
        joined, since = _count(conn, _LAPSED_COUNT, lapsed)
        total, oldest = min(total + joined, COUNT_CAP + 1), min(filter(None, (oldest, since)), default=None)
    return total, oldest


def _count(conn: Connection, asked: Select[Any], lapsed: AbstractSet[int]) -> tuple[int, datetime | None]:
    total, oldest = conn.execute(asked, {"lapsed": sorted(lapsed), "most": COUNT_CAP + 1}).one()
    return int(total), aware(oldest) if oldest else None


def due(conn: Connection, work_reason: str, now: datetime, limit: int) -> tuple[CreditCheck, ...]:
    """Scheduled records whose time has come, oldest first."""
    query = (
        credit_checks.all_records()
        .where(_t.work_state == "scheduled", _t.work_at <= now, _t.work_reason == work_reason)
        .order_by(_t.work_at)
        .limit(limit)
    )
    return credit_checks.select_records(conn, query)


_TAKEN_IN = _t.work_state.is_not(None)
_BOUGHT_SINCE = and_(_PENDING, _TAKEN_IN, _t.credit_check_id.is_not(None))


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


def key_of(record: CreditCheck) -> tuple[str, int]:
    """The row's place in the page order, as the database sorts it: there a lapsed call has no work yet."""
    return ("none" if record.work.reason == "lapsed" else record.work.state.value, record.id)
