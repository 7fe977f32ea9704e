"""The rows of a table that is being adopted: read and decided in short pieces, so that nobody waits for us.

Which of several rows for one client and number stays: one that was bought before one that wasn't, then the later
purchase, then the later expiry, then the higher id.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, and_, case, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from console.store.adopting import UNDECIDED
from console.store.credit_checks import KIND
from console.store.leases import naive
from console.store.schema import alerts, credit_checks

_t = credit_checks.c
_THIRTEEN = {"sqlite": "[0-9]" * 13, "mysql": "^[0-9]{13}$"}
_BOUGHT = _t.credit_check_id.is_not(None)
_UNDECIDED = _t.work_state.is_(None)

Row = tuple[int, int, object, int | None]
"""id, client id, number as written, credit_check_id."""


def thirteen(conn: Connection, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Thirteen ASCII digits and nothing else (a pattern's `$` passes a line end too)."""
    if conn.dialect.name == "sqlite":
        return column.op("GLOB", is_comparison=True)(_THIRTEEN["sqlite"])
    pattern = column.op("REGEXP", is_comparison=True)(_THIRTEEN["mysql"])
    return and_(pattern, func.char_length(column) == 13)


def ranges(conn: Connection, after: int, upto: int, size: int) -> Iterator[tuple[int, int]]:
    """Stretches of about `size` rows from behind `after` to `upto`, both ids, each as (behind, up to)."""
    while after < upto:
        ids = select(_t.id).where(_t.id > after, _t.id <= upto).order_by(_t.id).limit(size).subquery()
        end = conn.scalar(select(func.max(ids.c.id)))
        if end is None:
            return
        yield after, int(end)
        after = int(end)


def highest(conn: Connection) -> int:
    """The highest id; 0 for an empty table."""
    return int(conn.scalar(select(func.max(_t.id))) or 0)


def count(conn: Connection) -> int:
    """All rows there are."""
    return int(conn.scalar(select(func.count()).select_from(credit_checks)) or 0)


def originals(conn: Connection, after: int, upto: int) -> Iterator[Row]:
    """Rows as they are, by the original columns alone: for a look before anything is changed."""
    query = select(_t.id, _t.client_id, _t.corporation_number, _t.credit_check_id)
    for record_id, client, raw, bought in conn.execute(query.where(_t.id > after, _t.id <= upto).order_by(_t.id)):
        yield int(record_id), int(client or 0), raw, bought


def odd(conn: Connection, after: int, upto: int) -> tuple[tuple[int, object], ...]:
    """Undecided rows whose number isn't written as thirteen digits: id, number as written."""
    clean = and_(_t.corporation_number.is_not(None), thirteen(conn, _t.corporation_number))
    query = select(_t.id, _t.corporation_number).where(_t.id > after, _t.id <= upto, _UNDECIDED, ~clean)
    return tuple((int(record_id), raw) for record_id, raw in conn.execute(query.order_by(_t.id)))


def respell(conn: Connection, record_id: int, raw: object, number: str, now: datetime) -> bool:
    """Write the number as everybody writes it, if it is still as it was read."""
    query = update(credit_checks).where(_t.id == record_id, _t.corporation_number == raw, _UNDECIDED)
    return _changed(conn, query.values(corporation_number=number), now)


def written_as(conn: Connection, record_id: int, number: str) -> int | None:
    """The other row of the same client whose number is written exactly so."""
    mine = select(_t.client_id).where(_t.id == record_id).scalar_subquery()
    query = select(_t.id).where(_t.corporation_number == number, _t.client_id == mine, _t.id != record_id)
    found = conn.scalar(query.order_by(_t.id.desc()).limit(1))
    return None if found is None else int(found)


def set_aside(conn: Connection, record_id: int, now: datetime) -> bool:
    """A row whose number nobody can read: kept as it is, for a person."""
    values = {
        "status": _status(),
        "duplicate_of": None,
        "work_state": "needs_review",
        "work_reason": "number_unreadable",
    }
    return _changed(conn, update(credit_checks).where(_t.id == record_id, _UNDECIDED).values(**values), now)


def doubled(conn: Connection) -> list[tuple[int, int, str]]:
    """Rows that would claim what another one claims: id, the id that stays, the number. One reading of the table."""
    order = (_t.credit_check_id.is_(None), _t.purchased_at.desc(), _t.expired_at.desc(), _t.id.desc())
    stays = func.first_value(_t.id).over(partition_by=(_t.client_id, _t.number_key), order_by=order)
    ranked = (
        select(_t.id, _t.number_key, stays.label("stays"))
        .where(
            thirteen(conn, _t.number_key),
            _t.seen_status.in_(("pending", "success")),
            _t.superseded_at.is_(None),
            or_(_t.duplicate_of.is_(None), _t.duplicate_of == UNDECIDED),
        )
        .subquery()
    )
    found = conn.execute(select(ranked).where(ranked.c.id != ranked.c.stays))
    return [(int(record_id), int(kept), str(number)) for record_id, number, kept in found]


def mark(conn: Connection, record_id: int, stays: int, now: datetime) -> bool:
    """The row becomes a duplicate of another one, kept for a person to look at. False when it is one already."""
    free = or_(_t.duplicate_of.is_(None), _t.duplicate_of == UNDECIDED)
    values = {"status": _status(), "duplicate_of": stays, "work_state": "needs_review", "work_reason": "duplicate"}
    return _changed(conn, update(credit_checks).where(_t.id == record_id, free).values(**values), now)


def open_cases(conn: Connection, marked: Sequence[tuple[int, int, str]], now: datetime) -> None:
    """A case for each row that has just become a duplicate: id, the id that stays, the number."""
    same = alerts.c.rule_id == "duplicate", alerts.c.subject_kind == KIND, alerts.c.resolved_at.is_(None)
    there = set(conn.scalars(select(alerts.c.subject_id).where(*same))) if marked else frozenset()
    rows = [
        {
            "rule_id": "duplicate",
            "subject_kind": KIND,
            "subject_id": record_id,
            "observed": f"{number}: {record_id}, {stays}",
            "expected": f"{number}: {stays}",
            "detected_at": naive(now),
        }
        for record_id, stays, number in marked
        if record_id not in there
    ]
    if rows:
        conn.execute(insert(alerts), rows)


def take_in(conn: Connection, after: int, upto: int, now: datetime) -> int:
    """All other undecided rows of a stretch: what was bought is done, what wasn't waits for a person."""
    stretch = and_(_t.id > after, _t.id <= upto, _UNDECIDED, thirteen(conn, _t.number_key))
    values = {
        "status": _status(),
        "work_state": case((_BOUGHT, "none"), else_="needs_review"),
        "work_reason": case((_BOUGHT, None), else_="written_by_other"),
        "duplicate_of": None,
        "version": _t.version + 1,
        "changed_at": naive(now),
    }
    return conn.execute(update(credit_checks).where(stretch).values(**values)).rowcount


def undecided(conn: Connection, limit: int) -> tuple[tuple[int, object], ...]:
    """Rows that came in meanwhile, by the index: id, number as written."""
    query = select(_t.id, _t.corporation_number).where(_UNDECIDED).order_by(_t.work_at, _t.id).limit(limit)
    return tuple((int(record_id), raw) for record_id, raw in conn.execute(query))


def _status() -> ColumnElement[str]:
    return case((_BOUGHT, "success"), else_=_t.status)


def _changed(conn: Connection, query: Update, now: datetime) -> bool:
    values = {"version": _t.version + 1, "changed_at": naive(now)}
    return conn.execute(query.values(**values)).rowcount == 1
