"""Reads and writes of credit checks. A read returns records with all derived values; a write is a compare-and-swap on
`version`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    Select,
    Subquery,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from console.domain.annotations.person_texts import is_blank
from console.domain.batches import split_into_batches
from console.domain.calendar_days import convert_to_naive_local
from console.domain.corporation_number import DIGIT_COUNT
from console.domain.records import Certainty, CheckState, CreditCheck, WorkReason, WorkState
from console.domain.transitions import tables as states
from console.store.credit_checks.row_mapping import CREDIT_CHECK_COLUMNS, make_record
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import (
    StaleRow as StaleRow,  # name under which users of this table catch it
)
from console.store.database.compare_and_swap import make_work_values as make_work_values
from console.store.database.compare_and_swap import run_again_if_stale as run_again_if_stale
from console.store.database.compiled_statements import execute_compiled
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.instants import convert_to_naive_utc, read_current_time
from console.store.schema.core import alerts, credit_checks

CREDIT_CHECK_KIND = "credit-check"
MAX_NUMBERS_PER_QUERY = 500
"""Largest number of corporation numbers in one query of company names."""
LONGEST_NAME_CHARACTERS = 255
"""Length (characters) of the column of the company's name."""

_CREDIT_CHECKS_QUERY = select(*CREDIT_CHECK_COLUMNS)
_CREDIT_CHECK_BY_ID_QUERY = _CREDIT_CHECKS_QUERY.where(credit_checks.c.id == bindparam("record_id"))
# Few rows of other applications have a number that SQL can't normalise, and no index finds them until a task of the
# worker corrects them. So each search reads all rows that no task has seen yet: a limit would hide some of them, and
# their companies would be bought a second time.
_other_check = credit_checks.alias("other").c
UNNORMALISED_CHECK_IDS_QUERY = select(_other_check.id).where(
    _other_check.work_state.is_(None), func.length(_other_check.number_key) != DIGIT_COUNT
)


def _make_matching_or_unnormalised_ids_subquery(condition: ColumnElement[bool]) -> Subquery:
    """Return a subquery of the ids of two groups of rows: the rows for which `condition` is true, and all rows whose
    number SQL can't normalise. The subquery is a UNION, because servers use only one index for an OR.
    """
    return union_all(select(credit_checks.c.id).where(condition), UNNORMALISED_CHECK_IDS_QUERY).subquery()


IDS_BY_NUMBER_SUBQUERY = _make_matching_or_unnormalised_ids_subquery(
    credit_checks.c.number_key == bindparam("number")
)
"""Subquery: the ids of the rows with the corporation number in the parameter `number`, and of all rows whose number
SQL can't normalise. `make_records_of_number` removes rows with another number.
"""
_CLAIMED_CHECK_IDS_SUBQUERY = _make_matching_or_unnormalised_ids_subquery(
    and_(credit_checks.c.client_id == bindparam("client"), credit_checks.c.claim_number == bindparam("number"))
)
_CREDIT_CHECKS_BY_NUMBER_QUERY = _CREDIT_CHECKS_QUERY.join_from(
    IDS_BY_NUMBER_SUBQUERY, credit_checks, credit_checks.c.id == IDS_BY_NUMBER_SUBQUERY.c.id
)
_CREDIT_CHECK_BY_CLAIM_QUERY = _CREDIT_CHECKS_QUERY.join_from(
    _CLAIMED_CHECK_IDS_SUBQUERY, credit_checks, credit_checks.c.id == _CLAIMED_CHECK_IDS_SUBQUERY.c.id
)
_own_check = credit_checks.alias("own")
_CREDIT_CHECKS_OF_SAME_NUMBER_QUERY = _CREDIT_CHECKS_QUERY.join_from(
    _own_check, credit_checks, credit_checks.c.number_key == _own_check.c.number_key
).where(_own_check.c.id == bindparam("record_id"))
_renewal_check = credit_checks.alias("renewal")
_RENEWED_CREDIT_CHECK_QUERY = _CREDIT_CHECKS_QUERY.join_from(
    _renewal_check, credit_checks, credit_checks.c.id == _renewal_check.c.renews
).where(_renewal_check.c.id == bindparam("record_id"), credit_checks.c.superseded_by == bindparam("record_id"))
_successor_check = credit_checks.alias("successor").c
_LIVE_SUCCESSOR_CONDITION = exists().where(
    _successor_check.id == credit_checks.c.superseded_by, _successor_check.status != CheckState.ERROR.value
)
_HAS_LOST_RENEWAL_CONDITION = and_(credit_checks.c.superseded_at.is_not(None), ~_LIVE_SUCCESSOR_CONDITION)
"""SQL condition: the row gave up its claim for a renewal that doesn't exist or has failed."""
_GIVEN_UP_CLAIM_CONDITION = and_(
    credit_checks.c.number_key == bindparam("number"),
    credit_checks.c.client_id + 0 == bindparam("client"),  # not by an index: SQLite would read all checks of a client
    _HAS_LOST_RENEWAL_CONDITION,
)
_CHECKS_OF_LOST_RENEWALS_QUERY = (
    select(credit_checks.c.id, credit_checks.c.client_id, credit_checks.c.number_key)
    .where(credit_checks.c.number_key.in_(bindparam("numbers", expanding=True)), _HAS_LOST_RENEWAL_CONDITION)
    .order_by(credit_checks.c.id)
)
# The index of claims begins with the client, so rows of any client are found by the number. A claim is this number.
_CLAIM_OF_NUMBERS_CONDITIONS = (
    credit_checks.c.number_key.in_(bindparam("numbers", expanding=True)),
    credit_checks.c.claim_number.is_not(None),
)
_CLAIM_HOLDERS_QUERY = select(credit_checks.c.id, credit_checks.c.client_id, credit_checks.c.claim_number).where(
    *_CLAIM_OF_NUMBERS_CONDITIONS
)
_LIVE_CHECKS_OF_NUMBERS_QUERY = _CREDIT_CHECKS_QUERY.where(*_CLAIM_OF_NUMBERS_CONDITIONS).order_by(credit_checks.c.id)
_numbers_with_checks = (
    select(credit_checks.c.number_key)
    .where(credit_checks.c.number_key.in_(bindparam("numbers", expanding=True)))
    .distinct()
    .subquery()
)
_named_check = credit_checks.alias("named").c
# Of each number, an index gives the newest row first, and the reading ends at the first name.
_COMPANY_NAMES_QUERY = select(
    _numbers_with_checks.c.number_key,
    select(_named_check.company_name)
    .where(
        _named_check.number_key == _numbers_with_checks.c.number_key,
        func.trim(func.replace(_named_check.company_name, "\u3000", "")) != "",
    )
    .order_by(_named_check.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("company_name"),
)
_GIVEN_UP_CLAIM_QUERY = _CREDIT_CHECKS_QUERY.where(_GIVEN_UP_CLAIM_CONDITION).order_by(credit_checks.c.id.desc())
_CONTRADICTION_CONDITIONS = (
    alerts.c.rule_id == WorkReason.CONTRADICTED.value,
    alerts.c.subject_kind == CREDIT_CHECK_KIND,
    alerts.c.subject_id == credit_checks.c.id,
)
_HAS_OPEN_CONTRADICTION_CONDITION = exists().where(
    *_CONTRADICTION_CONDITIONS, alerts.c.resolved_at.is_(None), alerts.c.acknowledged_by.is_(None)
)
_OPEN_DENIAL_CONDITION = and_(
    credit_checks.c.status == CheckState.ERROR.value,
    or_(
        and_(credit_checks.c.work_reason == WorkReason.CONTRADICTED.value, _HAS_OPEN_CONTRADICTION_CONDITION),
        # The application that wrote the row has written AlarmBox's id after the error. No case exists until a probe.
        and_(
            credit_checks.c.work_state.is_not(None),
            credit_checks.c.credit_check_id.is_not(None),
            ~exists().where(*_CONTRADICTION_CONDITIONS) | _HAS_OPEN_CONTRADICTION_CONDITION,
        ),
    ),
)
_DENIED_BUT_BOUGHT_QUERY = _CREDIT_CHECKS_QUERY.where(
    credit_checks.c.number_key.in_(bindparam("numbers", expanding=True)), _OPEN_DENIAL_CONDITION
).order_by(credit_checks.c.id)
_POSSIBLE_PURCHASE_BLOCKER_QUERY = union_all(
    select(_CLAIMED_CHECK_IDS_SUBQUERY.c.id),
    select(credit_checks.c.id).where(_GIVEN_UP_CLAIM_CONDITION),
    select(credit_checks.c.id).where(
        credit_checks.c.number_key == bindparam("number"),
        credit_checks.c.client_id + 0 == bindparam("client"),
        _OPEN_DENIAL_CONDITION,
    ),
).limit(1)
"""Query of one id that `find_purchase_blocker` must read. A number that is bought for the first time has no such row,
so the purchase saves the reads of all columns (0.9 ms on MariaDB).
"""
_NUMBERS_BY_CHECK_ID_QUERY = select(credit_checks.c.id, credit_checks.c.number_key).where(
    credit_checks.c.id.in_(bindparam("ids", expanding=True))
)
_STORED_NUMBER_SPELLING_QUERY = select(credit_checks.c.corporation_number).where(
    credit_checks.c.id == bindparam("record_id")
)
_INSERT_CREDIT_CHECK_STATEMENT = insert(credit_checks)


def find(conn: Connection, record_id: int, lapsed_ids: AbstractSet[int] = frozenset()) -> CreditCheck | None:
    """Return the credit check with this id; None if there is none. `lapsed_ids` are the ids of credit checks whose
    purchase call has lapsed (its process crashed or froze). A credit check with one of these ids that is stored as
    pending is returned with an unknown outcome."""
    row = conn.execute(_CREDIT_CHECK_BY_ID_QUERY, {"record_id": record_id}).first()
    return make_record(row, lapsed_ids) if row else None


def find_if_readable(conn: Connection, record_id: int) -> tuple[CreditCheck, ...]:
    """Return a tuple with the credit check with this id. Return () if there is none, or if this program can't read
    its row, which is then reported (`unreadable_rows`).
    """
    return read_readable_checks(conn.execute(_CREDIT_CHECK_BY_ID_QUERY, {"record_id": record_id}))


def find_by_number(
    conn: Connection,
    corporation_number: str,
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[CreditCheck, ...]:
    """Return all credit checks of a corporation number, newest first. `lapsed_ids` are the ids of credit checks whose
    purchase call has lapsed (its process crashed or froze). A credit check with one of these ids that is stored as
    pending is returned with an unknown outcome. If `skips_unreadable` is True, leave out the rows that this program
    can't read and report them (`unreadable_rows`). If it is False, as for a purchase, such a row raises one of
    READ_ERRORS.
    """
    return make_records_of_number(
        corporation_number,
        conn.execute(_CREDIT_CHECKS_BY_NUMBER_QUERY, {"number": corporation_number}).all(),
        lapsed_ids,
        skips_unreadable=skips_unreadable,
    )


def make_records_of_number(
    corporation_number: str,
    rows: Sequence[Sequence[Any]],
    lapsed_ids: AbstractSet[int],
    *,
    skips_unreadable: bool = False,
) -> tuple[CreditCheck, ...]:
    """Convert rows into credit checks, and return those that have this corporation number, newest first.

    `rows` are the rows of a query over `get_all_rows_query()`. `lapsed_ids` are the ids of credit checks whose
    purchase call has lapsed (its process crashed or froze). A credit check with one of these ids that is stored as
    pending is returned with an unknown outcome. If `skips_unreadable` is True, leave out the rows that this program
    can't read and report them (`unreadable_rows`). If it is False, as for a purchase, such a row raises one of
    READ_ERRORS.
    """
    if skips_unreadable:
        records = unreadable_rows.read_readable_rows(
            credit_checks.name,
            rows,
            lambda row: make_record(row, lapsed_ids),
            lambda row: (CREDIT_CHECK_KIND, row[0]),
        )
    else:
        records = tuple([make_record(row, lapsed_ids) for row in rows])
    records_of_number = [record for record in records if record.corporation_number == corporation_number]
    return tuple(sorted(records_of_number, key=_get_record_id, reverse=True))


def find_live_check(conn: Connection, client_id: str, corporation_number: str) -> CreditCheck | None:
    """Return the live credit check that holds the claim on (client, corporation number). If there is none, return the
    oldest live credit check of this client and number whose stored number SQL can't normalise. Return None if neither
    of them exists.
    """
    client_and_number = (int(client_id), corporation_number)
    rows = conn.execute(
        _CREDIT_CHECK_BY_CLAIM_QUERY, {"client": client_and_number[0], "number": corporation_number}
    ).all()
    records = [
        make_record(row, frozenset())
        for row in sorted(rows, key=lambda row: (row.number_key != corporation_number, row.id))
    ]
    return next(
        (
            record
            for record in records
            if record.is_live and (int(record.client_id), record.corporation_number) == client_and_number
        ),
        None,
    )


def find_claim_holder_ids(
    conn: Connection, clients_and_numbers: Collection[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Return the ids of the credit checks that hold the claims on `clients_and_numbers`, which are pairs (client id,
    corporation number). The result maps each pair to one id. Pairs without a claim, and pairs whose only live row has
    a number that isn't normalised, are left out.
    """
    if not clients_and_numbers:
        return {}
    rows = conn.execute(_CLAIM_HOLDERS_QUERY, {"numbers": sorted({number for _, number in clients_and_numbers})})
    holders = {(str(row.client_id), row.claim_number): row.id for row in rows}
    return {pair: holders[pair] for pair in clients_and_numbers if pair in holders}


def find_live_checks_of_numbers(
    conn: Connection, corporation_numbers: Collection[str]
) -> dict[str, tuple[CreditCheck, ...]]:
    """Return the live credit checks of these corporation numbers, by number, oldest first. A number without a live
    credit check has no key. Rows whose stored number SQL can't normalise are left out."""
    checks_by_number: dict[str, tuple[CreditCheck, ...]] = {}
    rows = (
        conn.execute(_LIVE_CHECKS_OF_NUMBERS_QUERY, {"numbers": sorted(corporation_numbers)})
        if corporation_numbers
        else ()
    )
    for record in (make_record(row, frozenset()) for row in rows):
        if record.is_live:
            number = record.corporation_number
            checks_by_number[number] = (*checks_by_number.get(number, ()), record)
    return checks_by_number


def find_purchase_blocker(conn: Connection, client_id: str, corporation_number: str) -> CreditCheck | None:
    """Return the credit check that blocks a purchase of this corporation number for this client; None if no credit
    check blocks it.

    If several credit checks block the purchase, the first of these is returned: the live credit check; the newest
    that gave up its claim for a renewal which doesn't exist or has failed; the oldest that `find_denied_but_bought`
    returns.
    """
    parameters = {"client": int(client_id), "number": corporation_number}
    if conn.execute(_POSSIBLE_PURCHASE_BLOCKER_QUERY, parameters).first() is None:
        return None
    live_record = find_live_check(conn, client_id, corporation_number)
    if live_record is not None:
        return live_record
    row = conn.execute(_GIVEN_UP_CLAIM_QUERY, parameters).first()
    if row is not None:
        return make_record(row, frozenset())
    denied_checks = find_denied_but_bought(conn, (corporation_number,)).get((client_id, corporation_number))
    return denied_checks[0] if denied_checks else None


def find_checks_of_lost_renewals(
    conn: Connection, corporation_numbers: Collection[str]
) -> dict[tuple[str, str], int]:
    """Return the credit checks of these corporation numbers that gave up their claim for a renewal which doesn't
    exist or has failed. The result maps (client id, corporation number) to the id of the newest such credit check.
    This credit check blocks purchases for this client and number."""
    rows = (
        conn.execute(_CHECKS_OF_LOST_RENEWALS_QUERY, {"numbers": sorted(corporation_numbers)})
        if corporation_numbers
        else ()
    )
    return {(str(row.client_id), row.number_key): row.id for row in rows}


def find_denied_but_bought(
    conn: Connection, corporation_numbers: Collection[str]
) -> dict[tuple[str, str], tuple[CreditCheck, ...]]:
    """Return, by (client id, corporation number), the credit checks of these corporation numbers that are denied but
    bought, oldest first. Two events make a credit check denied but bought. First, people decide that its purchase was
    not made (state error). Later, AlarmBox says that the purchase was made, or another application writes AlarmBox's
    id into the row.

    A credit check is left out if its case (an alert of the rule `contradicted`) is closed, or if a person has
    acknowledged it. A pair without such a credit check has no key.
    """
    denied_checks: dict[tuple[str, str], tuple[CreditCheck, ...]] = {}
    rows = (
        conn.execute(_DENIED_BUT_BOUGHT_QUERY, {"numbers": sorted(corporation_numbers)})
        if corporation_numbers
        else ()
    )
    for record in (make_record(row, frozenset()) for row in rows):
        pair = (record.client_id, record.corporation_number)
        denied_checks[pair] = (*denied_checks.get(pair, ()), record)
    return denied_checks


def supersede(conn: Connection, record: CreditCheck, now: datetime) -> None:
    """End the claim of the credit check, because a renewal, which the caller inserts next, takes the claim over. The
    column `superseded_at` gets the server's time, or `now` on SQLite.

    Also replace another application's spelling of the corporation number by the normalised number. Raises StaleRow if
    the row has changed since it was read.
    """
    at = convert_to_naive_utc(read_current_time(conn, now))
    stored_spelling = conn.scalar(_STORED_NUMBER_SPELLING_QUERY, {"record_id": record.id})
    values = {} if stored_spelling == record.corporation_number else {"corporation_number": record.corporation_number}
    change_record(conn, record, now, superseded_at=at, **values)


def find_by_operation(conn: Connection, corporation_number: str, operation_id: str) -> CreditCheck | None:
    """Return the credit check, in any state, that the purchase with this operation id has inserted; None if there
    is none. `corporation_number` is its corporation number."""
    return next(
        (record for record in find_by_number(conn, corporation_number) if record.operation_id == operation_id), None
    )


def find_checks_of_same_number(conn: Connection, record_id: int) -> tuple[CreditCheck, ...]:
    """Return the credit check with this id and all others with the same corporation number, in any order; () if there
    is no credit check with this id. Other credit checks whose number SQL can't normalise are left out."""
    rows = conn.execute(_CREDIT_CHECKS_OF_SAME_NUMBER_QUERY, {"record_id": record_id})
    return tuple(make_record(row, frozenset()) for row in rows)


def find_company_names(conn: Connection, corporation_numbers: Collection[str]) -> dict[str, str]:
    """Return, by corporation number, the company's name in the newest credit check of each number that has a visible
    name; numbers without one are left out. One statement reads up to MAX_NUMBERS_PER_QUERY numbers; without numbers
    nothing is sent. Credit checks whose number SQL can't normalise are left out."""
    rows = [
        row
        for part in split_into_batches(sorted(corporation_numbers), MAX_NUMBERS_PER_QUERY)
        for row in conn.execute(_COMPANY_NAMES_QUERY, {"numbers": part})
    ]
    return {row.number_key: row.company_name for row in rows if row.company_name and not is_blank(row.company_name)}


def list_numbers_with_checks(conn: Connection, corporation_numbers: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return those of the corporation numbers that have credit checks: at most `limit` numbers, sorted."""
    query = (
        select(credit_checks.c.number_key)
        .where(credit_checks.c.number_key.in_(corporation_numbers))
        .distinct()
        .order_by(credit_checks.c.number_key)
        .limit(limit)
    )
    return tuple(str(number) for number in conn.scalars(query))


def find_newest_corporation_number(conn: Connection) -> str | None:
    """Return the corporation number of the newest credit check in its normalised form (column `number_key`); None if
    there is no credit check. The number may still not have 13 digits.
    """
    query = (
        select(credit_checks.c.number_key)
        .where(credit_checks.c.number_key.is_not(None))
        .order_by(credit_checks.c.id.desc())
        .limit(1)
    )
    number: str | None = conn.scalar(query)
    return number


def list_by_id_at_provider(conn: Connection, id_at_provider: int) -> tuple[CreditCheck, ...]:
    """Return the credit checks to which AlarmBox has given the id `id_at_provider` (column `credit_check_id`). There
    may be several, because credit checks of two clients may have the same id.
    """
    return select_records(conn, _CREDIT_CHECKS_QUERY.where(credit_checks.c.credit_check_id == id_at_provider))


def find_ids_of_unnormalised_numbers(conn: Connection, corporation_numbers: Collection[str]) -> frozenset[int]:
    """Return the ids of the credit checks of these corporation numbers whose stored number SQL can't normalise, so
    that no index finds them. Rows that can't be read are left out and reported."""
    rows = conn.execute(get_all_rows_query().where(credit_checks.c.id.in_(UNNORMALISED_CHECK_IDS_QUERY)))
    return frozenset(
        record.id for record in read_readable_checks(rows) if record.corporation_number in corporation_numbers
    )


def select_records(
    conn: Connection, query: Select[Any], lapsed_ids: AbstractSet[int] = frozenset()
) -> tuple[CreditCheck, ...]:
    """Run a query that the caller has made from `get_all_rows_query()` and return its credit checks. `lapsed_ids` are
    the ids of credit checks whose purchase call has lapsed (its process crashed or froze). A credit check with one of
    these ids that is stored as pending is returned with an unknown outcome.
    """
    return tuple(make_record(row, lapsed_ids) for row in conn.execute(query))


def read_readable_checks(rows: Iterable[Row[Any]]) -> tuple[CreditCheck, ...]:
    """Return the credit checks of these rows of `get_all_rows_query()`. Leave out the rows that this program can't
    read, and report them (`unreadable_rows`)."""
    return unreadable_rows.read_readable_rows(
        credit_checks.name, rows, lambda row: make_record(row, frozenset()), lambda row: (CREDIT_CHECK_KIND, row.id)
    )


def find_by_number_prefix(
    conn: Connection, number_prefix: str, limit: int, lapsed_ids: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """Return at most `limit` credit checks whose corporation number begins with `number_prefix`, sorted by number,
    then by descending id.

    `lapsed_ids` are the ids of credit checks whose purchase call has lapsed (its process crashed or froze). A credit
    check with one of these ids that is stored as pending is returned with an unknown outcome.
    """
    return _read_records_in_ranges(conn, "number_key", [(number_prefix, number_prefix + ":")], limit, lapsed_ids)


def find_by_name_prefixes(
    conn: Connection, names: Collection[str], limit: int, lapsed_ids: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """Return at most `limit` credit checks whose company name begins with one of `names`: first those of the first
    name, sorted by name, then by descending id. An empty name finds nothing. `lapsed_ids` are the ids of credit
    checks whose purchase call has lapsed (its process crashed or froze). A credit check with one of these ids that is
    stored as pending is returned with an unknown outcome."""
    ranges = [(name, name + "\U0010ffff") for name in names if name]
    return _read_records_in_ranges(conn, "company_name", ranges, limit, lapsed_ids) if ranges else ()


def _read_records_in_ranges(
    conn: Connection,
    column_name: str,
    ranges: Sequence[tuple[str, str]],
    limit: int,
    lapsed_ids: AbstractSet[int],
) -> tuple[CreditCheck, ...]:
    """Return at most `limit` credit checks whose value of the column `column_name` is in one of `ranges`, which are
    pairs (first value, end value); the end value is excluded. They are sorted by the first such range, then by the
    value, then by descending id. `lapsed_ids` are the ids of the credit checks whose purchase call has lapsed."""
    parameters: dict[str, object] = {"limit": limit}
    for place, (first_value, end_value) in enumerate(ranges):
        parameters |= {f"first_{place}": first_value, f"end_{place}": end_value}
    rows = conn.execute(_make_ranges_query(column_name, len(ranges)), parameters)
    return tuple(make_record(row, lapsed_ids) for row in rows)


@cache
def _make_ranges_query(column_name: str, range_count: int) -> Select[Any]:
    """Return the query of `_read_records_in_ranges`. It first reads at most `limit` distinct values of each range
    from the index, because a server would otherwise sort all rows of the ranges. The query is stored, because to make
    it takes longer than to execute it.
    """
    column, limit = credit_checks.c[column_name], bindparam("limit", type_=Integer)
    values_of_ranges = (
        select(column.label("value"))
        .where(column >= bindparam(f"first_{place}"), column < bindparam(f"end_{place}"))
        .distinct()
        .order_by(column)
        .limit(limit)
        .subquery()
        for place in range(range_count)
    )
    values = union_all(
        *(select(of_range.c.value, literal(place).label("place")) for place, of_range in enumerate(values_of_ranges))
    ).subquery()
    place = func.min(values.c.place).label("place")
    first_values = (
        select(values.c.value, place).group_by(values.c.value).order_by(place, values.c.value).limit(limit).subquery()
    )
    rows = _CREDIT_CHECKS_QUERY.join_from(first_values, credit_checks, column == first_values.c.value)
    return rows.order_by(first_values.c.place, column, credit_checks.c.id.desc()).limit(limit)


def insert_pending_check(
    conn: Connection,
    client_id: str,
    corporation_number: str,
    operation_id: str,
    now: datetime,
    renewed_id: int | None,
    restored_id: int | None = None,
    sent_at: datetime | None = None,
) -> int:
    """Insert a pending credit check that holds the claim of its client and number, and return its id. Raises
    IntegrityError if another live credit check holds the claim.

    `renewed_id`: id of the credit check that the new one renews, None if it renews none.
    `restored_id`: the id that the credit check had before the database lost its row; None: the database assigns an
    id.
    `sent_at`: the time at which the purchase of a lost credit check was sent, which becomes its time of creation;
    None: `now`.
    """
    at, created_at = convert_to_naive_utc(now), convert_to_naive_utc(sent_at or now)
    row = {
        "client_id": int(client_id),
        "corporation_number": corporation_number,
        "status": CheckState.PENDING.value,
        "certainty": Certainty.KNOWN.value,
        "work_state": WorkState.NONE.value,
        "operation_id": operation_id,
        "renews": renewed_id,
        "dates_zone": None,  # an adopted table has another default
        "asked_at": created_at,
        "created_at": created_at,
        "changed_at": at,
        "state_since": at,
    }
    if restored_id is not None:
        row["id"] = restored_id
    new_id = execute_compiled(conn, _INSERT_CREDIT_CHECK_STATEMENT, row).lastrowid
    record_id = int(new_id) if restored_id is None else restored_id
    announce_change(conn, record_id, now)
    return record_id


def change_record(conn: Connection, record: CreditCheck, now: datetime, **values: object) -> None:
    """Write `values` into the columns of a credit check if its row still has the version of `record`. Raises StaleRow
    if the row has another version, and ForbiddenTransition (a bug of the caller) for a state change that
    CREDIT_CHECK_TRANSITIONS doesn't allow.
    """
    statement, parameters = _make_versioned_update(record, now, values)
    _require_changed_row(record, conn.execute(statement, parameters).rowcount)
    announce_change(conn, record.id, now)


def change_record_with_next_statement(conn: Connection, record: CreditCheck, now: datetime, **values: object) -> None:
    """Write `values` into the columns of a credit check like `change_record`, but by `execute_with_next_statement`: a
    later statement of the transaction may raise StaleRow instead of this function. The caller must execute such a
    later statement, for example that of an audit entry."""
    statement, parameters = _make_versioned_update(record, now, values)
    execute_with_next_statement(
        conn, statement, parameters, lambda row_count: _require_changed_row(record, row_count)
    )
    announce_change(conn, record.id, now)


def _require_changed_row(record: CreditCheck, row_count: int) -> None:
    """Raise StaleRow if the update of `record` has changed no row (`row_count` isn't 1)."""
    if row_count != 1:
        raise StaleRow(record.id)


def _make_versioned_update(
    record: CreditCheck, now: datetime, values: dict[str, object]
) -> tuple[Update, Mapping[str, object]]:
    """Return the compare-and-swap statement that writes `values` into the columns of a credit check, and the
    statement's parameters.

    The state of a row that another application wrote is derived until its `work_state` is written. So a write of
    `work_state` also writes the state.
    """
    new_state = values.get("status", record.state if "work_state" in values else None)
    if new_state is not None:
        states.require_credit_check_transition(record.state, CheckState(str(new_state)))
        values["status"] = CheckState(str(new_state)).value
    values |= _convert_dates_to_zone(record.dates_zone, values)
    if new_state not in (None, record.state) or values.get("certainty", record.certainty) != record.certainty:
        values["state_since"] = convert_to_naive_utc(now)
    values |= {"version": record.version + 1, "changed_at": convert_to_naive_utc(now)}
    parameters = {"record_id": record.id, "version_as_read": record.version}
    return _make_update_statement(tuple(values)), values | parameters


def _convert_dates_to_zone(zone: str | None, values: Mapping[str, object]) -> dict[str, object]:
    """Return those of `values` that are the dates `purchased_at` and `expired_at`, converted from UTC to the time
    zone `zone` of an adopted row, because other applications read them in that zone. Return {} if `zone` is
    None (the row isn't adopted, or its dates are in UTC).
    """
    dates = {name: values[name] for name in ("purchased_at", "expired_at") if zone is not None and name in values}
    return {
        name: convert_to_naive_local(at, zone) if isinstance(at, datetime) and zone else at
        for name, at in dates.items()
    }


def increment_version(conn: Connection, record: CreditCheck, now: datetime) -> None:
    """Increment the version of the credit check and change nothing else. This is called when the first of two people
    has decided about the credit check: a decision that was made from the earlier version is then refused.

    `changed_at` doesn't change, because ages are counted from it. Raises StaleRow if the row has changed since it was
    read.
    """
    values = {"version": record.version + 1, "record_id": record.id, "version_as_read": record.version}
    if conn.execute(_make_update_statement(("version",)), values).rowcount != 1:
        raise StaleRow(record.id)
    announce_change(conn, record.id, now)


@cache
def _make_update_statement(columns: tuple[str, ...]) -> Update:
    """Return the statement that writes these columns if the credit check still has the version that was read;
    otherwise it changes no row. Its parameters are `record_id`, `version_as_read`, and a value for each column.
    `columns` must contain `version`, because the statement doesn't count it up. Cached for each combination of
    columns."""
    update_statement = update(credit_checks).where(
        credit_checks.c.id == bindparam("record_id"), credit_checks.c.version == bindparam("version_as_read")
    )
    return update_statement.values({column: bindparam(column) for column in columns})


def require_unchanged(conn: Connection, record: CreditCheck) -> None:
    """Raise StaleRow if the credit check's row has another version than `record`, or if another application has
    written the row's state or AlarmBox's id (other applications don't increment the version). A decision that writes
    only to other tables calls this function.
    """
    current_record = find(conn, record.id)
    if current_record is None or _get_decision_relevant_values(current_record) != _get_decision_relevant_values(
        record
    ):
        raise StaleRow(record.id)


def _get_decision_relevant_values(record: CreditCheck) -> tuple[object, ...]:
    """Return the values of the credit check that must not change while a person decides: the version, the state and
    AlarmBox's id."""
    return record.version, record.state, record.credit_check_id


def find_claim_holder_id(conn: Connection, client_id: str, corporation_number: str) -> int | None:
    """Return the id of the row that holds the claim on this client and corporation number; None if there is none. The
    function reads one entry of the unique index, so many rows that aren't adopted don't make it slower. Unadopted
    rows whose number SQL can't normalise hold no claim until their adoption.
    """
    query = select(credit_checks.c.id).where(
        credit_checks.c.client_id == int(client_id), credit_checks.c.claim_number == corporation_number
    )
    holder_id = conn.scalar(query)
    return None if holder_id is None else int(holder_id)


def find_other_claim_holder_id(conn: Connection, record: CreditCheck, corporation_number: str) -> int | None:
    """Return the id of the row, other than `record`, that holds the claim on the client of `record` and the
    corporation number `corporation_number`. Return None if no other row holds the claim, or if `record` isn't live
    and so needs no claim.
    """
    holder_id = find_claim_holder_id(conn, record.client_id, corporation_number) if record.is_live else None
    return None if holder_id == record.id else holder_id


def find_superseded_record(conn: Connection, record_id: int) -> CreditCheck | None:
    """Return the earlier credit check that the renewal with the id `record_id` has superseded, so that the renewal
    has its claim now. Return None if there is no such credit check."""
    row = conn.execute(_RENEWED_CREDIT_CHECK_QUERY, {"record_id": record_id}).first()
    return make_record(row, frozenset()) if row else None


def make_later_success_condition() -> ColumnElement[bool]:
    """Return an SQL condition on a row of the table of credit checks: a later purchase of a credit check for the same
    client and number succeeded. If the condition is true for a failed row, no person needs to handle this row."""
    later_check = credit_checks.alias("later")
    return exists().where(
        later_check.c.number_key == credit_checks.c.number_key,
        later_check.c.client_id == credit_checks.c.client_id,
        later_check.c.id > credit_checks.c.id,
        later_check.c.seen_status == CheckState.SUCCESS.value,
    )


def announce_change(conn: Connection, record_id: int, now: datetime) -> None:
    """Insert a row into the change feed (the table `changes`), from which windows learn that this credit check has
    changed."""
    compare_and_swap.announce_change(conn, CREDIT_CHECK_KIND, record_id, now)


def get_all_rows_query() -> Select[Any]:
    """Return the query of all credit checks with the columns that `make_record` needs. The caller adds conditions to
    it.
    """
    return _CREDIT_CHECKS_QUERY


def _get_record_id(record: CreditCheck) -> int:
    """Return the id of the credit check."""
    return record.id


def read_numbers_by_ids(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Return the corporation number of each of these credit checks, by its id."""
    return (
        {row.id: row.number_key for row in conn.execute(_NUMBERS_BY_CHECK_ID_QUERY, {"ids": sorted(ids)})}
        if ids
        else {}
    )
