"""Reads the rows of another application's table of credit checks during its adoption, and gives each row its work
state. The adoption works in short ranges of ids, so that other writers of the table don't wait.

A row whose `work_state` is NULL has not been processed by the adoption yet. If several rows have the same client and
corporation number, only one of them gets the claim: a bought row comes first, then the later purchase, then the later
expiry, then the higher id.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, Update, and_, case, cast, func, insert, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from console.domain.records import CheckState, WorkReason
from console.store.adoption.adopt_table import UNDECIDED_CLAIM
from console.store.credit_checks.credit_checks import CREDIT_CHECK_KIND
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.core import alerts, credit_checks

_THIRTEEN_DIGITS_PATTERNS = {"sqlite": "[0-9]" * 13, "mysql": "^[0-9]{13}$"}
"""Pattern of thirteen digits, by dialect: GLOB on SQLite, a regular expression on servers."""
_HAS_PROVIDER_ID_CONDITION = credit_checks.c.credit_check_id.is_not(None)
_PURCHASE_HAS_ENDED_CONDITION = or_(_HAS_PROVIDER_ID_CONDITION, credit_checks.c.status == CheckState.ERROR.value)
_UNADOPTED_ROW_CONDITION = credit_checks.c.work_state.is_(None)
_INCOMPLETE_FOREIGN_ROW_CONDITION = and_(credit_checks.c.operation_id.is_(None), credit_checks.c.missing == 1)

_HOLDS_CLAIM_CONDITION = and_(
    credit_checks.c.seen_status.in_(("pending", "success")),
    credit_checks.c.superseded_at.is_(None),
    or_(credit_checks.c.duplicate_of.is_(None), credit_checks.c.duplicate_of == UNDECIDED_CLAIM),
)
"""SQL condition: a row of the table of credit checks holds a claim, or will compete for one as soon as its number has
thirteen digits."""
_CLAIM_SORT_ORDER = (
    credit_checks.c.credit_check_id.is_(None),
    credit_checks.c.purchased_at.desc(),
    credit_checks.c.expired_at.desc(),
    credit_checks.c.id.desc(),
)
"""SQL order of rows with one claim: the first row keeps the claim."""

OriginalRow = tuple[int, str, object, int | None, str]
"""A row of the other application's table of credit checks: id, client id, corporation number as written,
credit_check_id, and state (`pending` if the table has no column `status`).
"""


def make_thirteen_digits_condition(conn: Connection, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return an SQL condition: the column has thirteen ASCII digits and nothing else. The length is compared, too,
    because the `$` of a regular expression also matches before a line break at the end.
    """
    if conn.dialect.name == "sqlite":
        return column.op("GLOB", is_comparison=True)(_THIRTEEN_DIGITS_PATTERNS["sqlite"])
    pattern = column.op("REGEXP", is_comparison=True)(_THIRTEEN_DIGITS_PATTERNS["mysql"])
    return and_(pattern, func.char_length(column) == 13)


def list_id_ranges(conn: Connection, after_id: int, up_to_id: int, row_count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids of the table of credit checks, each with about `row_count` rows, as (after, up to).
    Together the ranges cover all ids with `after_id` < id <= `up_to_id`.
    """
    while after_id < up_to_id:
        ids = (
            select(credit_checks.c.id)
            .where(credit_checks.c.id > after_id, credit_checks.c.id <= up_to_id)
            .order_by(credit_checks.c.id)
            .limit(row_count)
            .subquery()
        )
        end = conn.scalar(select(func.max(ids.c.id)))
        if end is None:
            return
        yield after_id, int(end)
        after_id = int(end)


def find_highest_row_id(conn: Connection) -> int:
    """Return the highest id of the table of credit checks; 0 if it is empty."""
    return int(conn.scalar(select(func.max(credit_checks.c.id))) or 0)


def count_credit_check_rows(conn: Connection) -> int:
    """Return the number of rows of the table of credit checks."""
    return int(conn.scalar(select(func.count()).select_from(credit_checks)) or 0)


def read_original_rows(conn: Connection, after_id: int, up_to_id: int, *, has_status: bool) -> Iterator[OriginalRow]:
    """Yield each credit check with `after_id` < id <= `up_to_id`, sorted by id. `has_status` is True if the table has
    a column `status`. The check that runs before the first change of the table calls this function."""
    status = credit_checks.c.status if has_status else literal(CheckState.PENDING.value)
    query = select(
        credit_checks.c.id,
        credit_checks.c.client_id,
        credit_checks.c.corporation_number,
        credit_checks.c.credit_check_id,
        status,
    )
    in_range = query.where(credit_checks.c.id > after_id, credit_checks.c.id <= up_to_id).order_by(credit_checks.c.id)
    for record_id, client, stored_number, purchased_at, status_text in conn.execute(in_range):
        yield int(record_id), str(client or 0), stored_number, purchased_at, str(status_text)


def list_distinct_statuses(conn: Connection) -> tuple[str, ...]:
    """Return the distinct values of the column `status` of the table of credit checks, without NULL. They are
    compared byte by byte, independently of the column's collation. The function reads the whole table once."""
    exact_status = cast(credit_checks.c.status, LargeBinary)
    statuses_query = select(exact_status).where(credit_checks.c.status.is_not(None)).distinct()
    return tuple(bytes(status_bytes).decode(errors="replace") for status_bytes in conn.scalars(statuses_query))


def list_unnormalised_rows(conn: Connection, after_id: int, up_to_id: int) -> tuple[tuple[int, object], ...]:
    """Return (id, corporation number as written) of each row with `after_id` < id <= `up_to_id` whose number isn't
    written as exactly thirteen digits. Only rows that the adoption has not processed yet (their `work_state` is NULL)
    are returned."""
    is_normalised = and_(
        credit_checks.c.corporation_number.is_not(None),
        make_thirteen_digits_condition(conn, credit_checks.c.corporation_number),
    )
    query = select(credit_checks.c.id, credit_checks.c.corporation_number).where(
        credit_checks.c.id > after_id, credit_checks.c.id <= up_to_id, _UNADOPTED_ROW_CONDITION, ~is_normalised
    )
    return tuple(
        (int(record_id), stored_number)
        for record_id, stored_number in conn.execute(query.order_by(credit_checks.c.id))
    )


def write_normalised_number(
    conn: Connection, record_id: int, stored_number: object, normalised_number: str, now: datetime
) -> bool:
    """Replace the corporation number `stored_number` of the row `record_id` by the normalised `normalised_number`.
    Return False, without a write, if the row's work state was set or its number has changed since the caller read it.
    Raises IntegrityError if a unique index refuses a second row with this number."""
    query = update(credit_checks).where(
        credit_checks.c.id == record_id, credit_checks.c.corporation_number == stored_number, _UNADOPTED_ROW_CONDITION
    )
    return _update_row(conn, query.values(corporation_number=normalised_number), now)


def find_row_that_keeps_claim(conn: Connection, record_id: int, corporation_number: str) -> int | None:
    """Return the id of the row that keeps the claim on this corporation number (compared exactly as it is stored), if
    that isn't the row `record_id`. Return None if it is the row `record_id`, which is then not a duplicate.

    The candidates are the row `record_id` and the other rows of its client with this number that hold a claim. The
    first one keeps the claim: a row that this program has bought comes before the others, then a row that holds a
    claim, then a bought row, the later purchase, the later expiry, and the higher id.
    """
    client = select(credit_checks.c.client_id).where(credit_checks.c.id == record_id).scalar_subquery()
    query = select(credit_checks.c.id).where(
        or_(
            and_(
                credit_checks.c.corporation_number == corporation_number,
                credit_checks.c.client_id == client,
                _HOLDS_CLAIM_CONDITION,
            ),
            credit_checks.c.id == record_id,
        )
    )
    # The row itself comes after every other row if it holds no claim.
    holds_no_claim = case((_HOLDS_CLAIM_CONDITION, 0), else_=1)
    order = (credit_checks.c.operation_id.is_(None), holds_no_claim, *_CLAIM_SORT_ORDER)
    first_id = conn.scalar(query.order_by(*order).limit(1))
    return None if first_id is None or first_id == record_id else int(first_id)


def mark_number_unreadable(conn: Connection, record_id: int, now: datetime) -> bool:
    """Give a row that the adoption has not processed yet the work state needs_review, because its corporation
    number can't be read; the number stays. Return False if another process has set the row's work state
    meanwhile.
    """
    values = {
        "status": _make_status_sql(),
        "duplicate_of": None,
        "work_state": "needs_review",
        "work_reason": WorkReason.NUMBER_UNREADABLE,
    }
    return _update_row(
        conn,
        update(credit_checks).where(credit_checks.c.id == record_id, _UNADOPTED_ROW_CONDITION).values(**values),
        now,
    )


def find_duplicates(conn: Connection) -> list[tuple[int, int, str]]:
    """Return the rows that must lose their claim, because another row has the same client and corporation number.
    Each result is (id, id of the row that gets the claim, number). The function reads the whole table once."""
    claim_holder_id = func.first_value(credit_checks.c.id).over(
        partition_by=(credit_checks.c.client_id, credit_checks.c.number_key), order_by=_CLAIM_SORT_ORDER
    )
    ranked_rows = (
        select(credit_checks.c.id, credit_checks.c.number_key, claim_holder_id.label("stays"))
        .where(make_thirteen_digits_condition(conn, credit_checks.c.number_key), _HOLDS_CLAIM_CONDITION)
        .subquery()
    )
    rows = conn.execute(select(ranked_rows).where(ranked_rows.c.id != ranked_rows.c.stays))
    return [(int(record_id), int(stays_id), str(number)) for record_id, number, stays_id in rows]


def mark_duplicate(conn: Connection, record_id: int, remaining_id: int, now: datetime) -> bool:
    """Mark the row `record_id` as a duplicate of the row `remaining_id`, and give it the work state needs_review.
    Return False if it is already marked as a duplicate."""
    is_unmarked = or_(credit_checks.c.duplicate_of.is_(None), credit_checks.c.duplicate_of == UNDECIDED_CLAIM)
    values = {
        "status": _make_status_sql(),
        "duplicate_of": remaining_id,
        "work_state": "needs_review",
        "work_reason": WorkReason.DUPLICATE,
    }
    return _update_row(
        conn, update(credit_checks).where(credit_checks.c.id == record_id, is_unmarked).values(**values), now
    )


def open_duplicate_cases(conn: Connection, duplicates: Sequence[tuple[int, int, str]], now: datetime) -> None:
    """Open a case for each of `duplicates` that has no open case yet. Each duplicate is (id, id of the row that has
    the claim, number).
    """
    has_open_case = (
        alerts.c.rule_id == WorkReason.DUPLICATE,
        alerts.c.subject_kind == CREDIT_CHECK_KIND,
        alerts.c.subject_id.in_([record_id for record_id, _, _ in duplicates]),
        alerts.c.resolved_at.is_(None),
    )
    open_ids = set(conn.scalars(select(alerts.c.subject_id).where(*has_open_case))) if duplicates else frozenset()
    rows = [
        {
            "rule_id": WorkReason.DUPLICATE,
            "subject_kind": CREDIT_CHECK_KIND,
            "subject_id": record_id,
            "observed": f"{number}: {record_id}, {remaining_id}",
            "expected": f"{number}: {remaining_id}",
            "detected_at": convert_to_naive_utc(now),
        }
        for record_id, remaining_id, number in duplicates
        if record_id not in open_ids
    ]
    if rows:
        conn.execute(insert(alerts), rows)


def set_remaining_work_states(conn: Connection, after_id: int, up_to_id: int, now: datetime) -> int:
    """Set the work state of each row with `after_id` < id <= `up_to_id` whose work state is still NULL and whose
    number has thirteen digits. A bought or failed row gets the state `none`; every other row gets needs_review.
    Return the number of changed rows. Raises IntegrityError if the unique index of the claim exists and one of the
    rows would get the claim of another row.
    """
    in_range = and_(
        credit_checks.c.id > after_id,
        credit_checks.c.id <= up_to_id,
        _UNADOPTED_ROW_CONDITION,
        make_thirteen_digits_condition(conn, credit_checks.c.number_key),
    )
    values = {
        "status": _make_status_sql(),
        "work_state": case((_PURCHASE_HAS_ENDED_CONDITION, "none"), else_="needs_review"),
        "work_reason": case((_PURCHASE_HAS_ENDED_CONDITION, None), else_=WorkReason.WRITTEN_BY_OTHER.value),
        "duplicate_of": None,
        "version": credit_checks.c.version + 1,
        "changed_at": convert_to_naive_utc(now),
    }
    return conn.execute(update(credit_checks).where(in_range).values(**values)).rowcount


def list_incomplete_row_ids(conn: Connection, limit: int) -> tuple[int, ...]:
    """Return at most `limit` ids of rows in the queue of incomplete credit checks that another application wrote:
    bought rows with missing values.
    """
    return tuple(
        int(record_id)
        for record_id in conn.scalars(
            select(credit_checks.c.id).where(_INCOMPLETE_FOREIGN_ROW_CONDITION).limit(limit)
        )
    )


def count_incomplete_rows(conn: Connection) -> int:
    """Return the number of rows in the queue of incomplete credit checks that another application wrote."""
    return int(
        conn.scalar(select(func.count()).select_from(credit_checks).where(_INCOMPLETE_FOREIGN_ROW_CONDITION)) or 0
    )


def accept_incomplete_rows(conn: Connection, ids: Sequence[int], now: datetime) -> int:
    """Remove the rows with these ids from the queue of incomplete credit checks that another application wrote,
    and return the number of removed rows. Their missing values stay missing; a re-fetch may still fill them."""
    query = (
        update(credit_checks)
        .where(credit_checks.c.id.in_(ids), _INCOMPLETE_FOREIGN_ROW_CONDITION)
        .values(incomplete_accepted=True)
    )
    return conn.execute(
        query.values(version=credit_checks.c.version + 1, changed_at=convert_to_naive_utc(now))
    ).rowcount


def list_unadopted_rows(conn: Connection, after_id: int, up_to_id: int, limit: int) -> tuple[tuple[int, object], ...]:
    """Return at most `limit` rows with `after_id` < id <= `up_to_id` that the adoption has not processed yet (their
    `work_state` is NULL), each as (id, corporation number as written), sorted by id."""
    query = (
        select(credit_checks.c.id, credit_checks.c.corporation_number)
        .where(_UNADOPTED_ROW_CONDITION, credit_checks.c.id > after_id, credit_checks.c.id <= up_to_id)
        .order_by(credit_checks.c.id)
        .limit(limit)
    )
    return tuple((int(record_id), stored_number) for record_id, stored_number in conn.execute(query))


def _make_status_sql() -> ColumnElement[str]:
    """Return SQL of the state of a row: success if the row has the id that AlarmBox has given to the bought
    credit check, otherwise the stored state.
    """
    return case((_HAS_PROVIDER_ID_CONDITION, "success"), else_=credit_checks.c.status)


def _update_row(conn: Connection, query: Update, now: datetime) -> bool:
    """Run an update of one credit check that also increments the row's version. Return False if no row matched the
    conditions of the update."""
    values = {"version": credit_checks.c.version + 1, "changed_at": convert_to_naive_utc(now)}
    return conn.execute(query.values(**values)).rowcount == 1
