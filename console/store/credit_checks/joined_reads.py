"""Reads that join several tables, so that one round trip to the database is enough. One read returns a person
together with the credit checks of a corporation number. Another read returns one credit check; its outcome is shown
as unknown if its purchase call has lapsed.
"""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, column, exists, literal, or_, select, table, true

from console.domain.records import CreditCheck, Person
from console.store.access import operators as people
from console.store.credit_checks import credit_checks
from console.store.credit_checks.credit_checks import IDS_BY_NUMBER_SUBQUERY
from console.store.credit_checks.row_mapping import CREDIT_CHECK_COLUMNS, make_record
from console.store.operations import journal
from console.store.schema.claim_columns import make_has_number_condition
from console.store.schema.core import credit_checks as checks
from console.store.schema.core import operators

_single_row = select(literal(1).label("one")).subquery()
_person_row = (
    select(*people.PERSON_COLUMNS)
    .select_from(_single_row.outerjoin(operators, people.ENABLED_PERSON_CONDITION))
    .subquery()
)
_joined_tables = _person_row.outerjoin(IDS_BY_NUMBER_SUBQUERY, true()).outerjoin(
    checks, checks.c.id == IDS_BY_NUMBER_SUBQUERY.c.id
)
_LAPSED_CHECK_CONDITION = journal.make_lapsed_subject_condition(credit_checks.CREDIT_CHECK_KIND, checks.c.id)
# Declared by name only, so that a program without payments doesn't import the tables of payments.
_orders = table("orders", column("number_key"))
_payments = table("payments", column("corporation_number"))
ORDERS_OR_PAYMENTS_EXIST_EXPRESSION = or_(
    exists().where(make_has_number_condition(_orders.c.number_key)),
    exists().where(_payments.c.corporation_number == bindparam("number")),
)
"""SQL condition: orders or payments with the corporation number in the parameter `number` exist."""
_NUMBER_SEARCH_QUERY = select(
    *_person_row.c, ORDERS_OR_PAYMENTS_EXIST_EXPRESSION, _LAPSED_CHECK_CONDITION, *CREDIT_CHECK_COLUMNS
).select_from(_joined_tables)
_CREDIT_CHECK_BY_ID_QUERY = select(_LAPSED_CHECK_CONDITION, *CREDIT_CHECK_COLUMNS).where(
    checks.c.id == bindparam("record_id")
)
_PERSON_COLUMNS = slice(0, 3)
_CHECK_COLUMNS = slice(5, None)


class NumberSearchResult(NamedTuple):
    """Result of a search for a corporation number: the person who searches (None: unknown or disabled), and the
    credit checks of the number (newest first). `has_orders_or_payments` is True if orders or payments with this
    number exist.
    """

    person: Person | None
    credit_checks: tuple[CreditCheck, ...]
    has_orders_or_payments: bool


def search_corporation_number(
    conn: Connection, corporation_number: str, person_name: str | None, *, includes_unlisted_names: bool
) -> NumberSearchResult:
    """Return the person of the name `person_name` and the credit checks of a corporation number; the result also says
    if orders or payments with this number exist. With `includes_unlisted_names` every name is a person with all roles
    while the table `operators` is empty. Credit checks that can't be read are left out and reported
    (`unreadable_rows`).
    """
    rows = conn.execute(_NUMBER_SEARCH_QUERY, {"number": corporation_number, "person_name": person_name}).all()
    person = people.make_person(rows[0][_PERSON_COLUMNS])
    if person is None and person_name is not None and includes_unlisted_names:
        person = people.make_person_if_no_operators_exist(conn, person_name)
    check_rows = [row[_CHECK_COLUMNS] for row in rows if row.id is not None]
    lapsed_ids = frozenset([row.id for row in rows if row[4]])
    checks_of_number = credit_checks.make_records_of_number(
        corporation_number, check_rows, lapsed_ids, skips_unreadable=True
    )
    return NumberSearchResult(person, checks_of_number, bool(rows[0][3]))


def find_record(conn: Connection, record_id: int) -> CreditCheck | None:
    """Return the credit check with this id; None if there is none. If it is stored as pending and the lease of its
    purchase call has expired, it is returned with an unknown outcome.
    """
    row = conn.execute(_CREDIT_CHECK_BY_ID_QUERY, {"record_id": record_id}).first()
    return make_record(row[1:], frozenset([record_id] if row[0] else [])) if row else None
