"""Looks in one round trip: who looks, and the records of a number, or one record, with what became of their calls."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, column, exists, literal, or_, select, table, true

from console.domain.records import CreditCheck, Person
from console.store import credit_checks, journal, people
from console.store.check_rows import COLUMNS, to_record
from console.store.credit_checks import NUMBERED
from console.store.schema import credit_checks as checks
from console.store.schema import operators

_one = select(literal(1).label("one")).subquery()
_asker = select(*people.COLUMNS).select_from(_one.outerjoin(operators, people.NAMED)).subquery()
_found = _asker.outerjoin(NUMBERED, true()).outerjoin(checks, checks.c.id == NUMBERED.c.id)
_LAPSED = journal.is_lapsed(credit_checks.KIND, checks.c.id)
# Named here alone, because whoever has credit checks only does without the tables themselves.
_orders, _payments = table("orders", column("number_key")), table("payments", column("corporation_number"))
HAS_MONEY = or_(
    exists().where(_orders.c.number_key == bindparam("number")),
    exists().where(_payments.c.corporation_number == bindparam("number")),
)
"""SQL: the `number` has orders or payments."""
_LOOK = select(*_asker.c, HAS_MONEY, _LAPSED, *COLUMNS).select_from(_found)
_RECORD = select(_LAPSED, *COLUMNS).where(checks.c.id == bindparam("of"))
_PERSON, _CHECK = slice(0, 3), slice(5, None)


class Look(NamedTuple):
    """Who looks, the credit checks of a number, newest first, and whether it has orders or payments as well."""

    person: Person | None
    credit_checks: tuple[CreditCheck, ...]
    money: bool


def look(conn: Connection, number: str, name: str | None, *, anybody: bool) -> Look:
    """The person of that name, as `people.find` knows them, and what there is of a number."""
    rows = conn.execute(_LOOK, {"number": number, "who": name}).all()
    person = people.to_person(rows[0][_PERSON])
    if person is None and name is not None and anybody:
        person = people.stranger(conn, name)
    found = [row[_CHECK] for row in rows if row.id is not None]
    lapsed = frozenset([row.id for row in rows if row[4]])
    return Look(person, credit_checks.of_number(number, found, lapsed), bool(rows[0][3]))


def record(conn: Connection, record_id: int) -> CreditCheck | None:
    """One record as everybody sees it: with a lapsed call, unknown."""
    row = conn.execute(_RECORD, {"of": record_id}).first()
    return to_record(row[1:], frozenset([record_id] if row[0] else [])) if row else None
