"""The queues as index reads: pages by key (work state, id), counts capped at 1,000."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from console.domain.records import CreditCheck
from console.store import credit_checks
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
NAMES = (*_CONDITIONS, "refunds")
# Operations whose process went away are few; they are moved between queues here until a due task writes it down.
_JOINED_BY_LAPSE = ("unknown", "review")
# Where all rows have one work state, a server sorts them all unless it is told where to begin.
_BEGINNING = {"review": ("needs_review", 0)}


def page(
    conn: Connection, name: str, after: tuple[str, int] | None, limit: int, lapsed: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """One page, what needs a person first, then oldest first; `after` is the key of the last row seen."""
    if name not in _CONDITIONS:
        return ()
    found = _walk(conn, _without(name, lapsed), after or _BEGINNING.get(name), limit, lapsed)
    if name in _JOINED_BY_LAPSE and lapsed:
        gone = credit_checks.select_records(conn, credit_checks.all_records().where(_lapsed_rows(lapsed)), lapsed)
        joined = {key_of(record): record for record in (*found, *gone)}
        found = [joined[key] for key in sorted(joined) if after is None or key > after][:limit]
    return tuple(found)


def _walk(
    conn: Connection, rows: ColumnElement[bool], after: tuple[str, int] | None, limit: int, lapsed: AbstractSet[int]
) -> list[CreditCheck]:
    """Rows behind `after`: first the rest of its work state, then the later ones. No engine reads an index from
    its middle when this is asked in one comparison: SQLite walks there from the start, MariaDB through the table.
    """
    query = credit_checks.all_records().where(rows).limit(limit)
    found: list[CreditCheck] = []
    if after is not None:
        work, last = after
        same = query.where(_t.seen_work == work, _t.id > last).order_by(_t.id)
        found.extend(credit_checks.select_records(conn, same, lapsed))
        query = query.where(_t.seen_work > work)
    if len(found) < limit:
        later = query.order_by(_t.seen_work, _t.id).limit(limit - len(found))
        found.extend(credit_checks.select_records(conn, later, lapsed))
    return found


def _without(name: str, lapsed: AbstractSet[int]) -> ColumnElement[bool]:
    condition = _CONDITIONS[name]
    return and_(condition, _t.id.not_in(sorted(lapsed))) if name == "pending" and lapsed else condition


def _lapsed_rows(lapsed: AbstractSet[int]) -> ColumnElement[bool]:
    """A question of its own, because OR would make the database read and sort the whole queue."""
    return and_(_t.id.in_(sorted(lapsed)), _PENDING)


def count(conn: Connection, name: str, lapsed: AbstractSet[int]) -> tuple[int, datetime | None]:
    """How many rows, at most the cap + 1, and since when the oldest of these has been so."""
    if name not in _CONDITIONS:
        return 0, None
    total, oldest = _count(conn, _without(name, lapsed))
    if name in _JOINED_BY_LAPSE and lapsed:
        joined, since = _count(conn, _lapsed_rows(lapsed))
        total, oldest = min(total + joined, COUNT_CAP + 1), min(filter(None, (oldest, since)), default=None)
    return total, oldest


def _count(conn: Connection, condition: ColumnElement[bool]) -> tuple[int, datetime | None]:
    """The oldest is the one that came first: its id is in the index, so that no row but this one is read."""
    ids = select(_t.id).where(condition).limit(bindparam("cap", COUNT_CAP + 1)).subquery()
    counted = select(func.count().label("total"), func.min(ids.c.id).label("first")).select_from(ids).subquery()
    since = select(_t.changed_at).where(_t.id == counted.c.first).scalar_subquery()
    total, oldest = conn.execute(select(counted.c.total, since)).one()
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
