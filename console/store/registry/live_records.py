"""Finds the watched corporations: those with a live credit check, an open payment or an open refund in this database.

A credit check is live while it holds its claim, but only until a day after its expiry. The extra day is needed
because the dates of adopted rows may be in another time zone. A payment is open until it is completed, reversed,
failed or expired, and while its outcome is unknown. A refund is open until its state is final, and while its outcome
is unknown.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)

from console.domain.batches import split_into_batches
from console.domain.payments.states import FINAL_STATES
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.registry.our_records import MAX_NUMBERS_PER_QUERY, make_number_condition, normalise_number
from console.store.schema.claim_columns import list_number_keys
from console.store.schema.column_types import EPOCH_START
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments, refunds

CHECK_EXPIRY_MARGIN = timedelta(days=1)
"""Time after its expiry for which a credit check still counts as live."""
LIVE_RECORD_KINDS = ("credit-check", "payment", "refund")
"""Kinds of records. A corporation with a live or open record of one of these kinds is watched."""

_EXPIRY_BOUND_PARAMETER: BindParameter[datetime] = bindparam("expires_after")
# coalesce() prevents a server from using the index of `status`: the range of ids, or the number, is the better one.
_LIVE_CHECK_CONDITION = (
    credit_checks.c.claim_number.is_not(None),
    or_(credit_checks.c.expired_at.is_(None), credit_checks.c.expired_at > _EXPIRY_BOUND_PARAMETER),
)
_open_payment_condition = or_(
    func.coalesce(payments.c.status, "").not_in(sorted(state.value for state in FINAL_STATES)),
    payments.c.certainty == "unknown",
)
_open_refund_condition = or_(
    func.coalesce(refunds.c.status, "").not_in(sorted(state.value for state in ENDED_REFUND_STATES)),
    refunds.c.certainty == "unknown",
)
_begun_at_of_check = func.coalesce(credit_checks.c.asked_at, credit_checks.c.purchased_at, credit_checks.c.created_at)
_number_of_payment = func.coalesce(payments.c.corporation_number, orders.c.number_key)
_payments_with_orders = payments.outerjoin(orders, orders.c.id == payments.c.order_id)
_refunds_with_payments = refunds.join(payments, payments.c.id == refunds.c.payment_id)
_TABLE_BY_RECORD_KIND: Mapping[str, Table] = {"credit-check": credit_checks, "payment": payments, "refund": refunds}


def _make_id_range_conditions(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Return two SQL conditions: the id of a row of `table` is above the parameter `after`, and it isn't above the
    parameter `up_to_id`."""
    return table.c.id > bindparam("after"), table.c.id <= bindparam("up_to_id")


_NUMBERS_QUERY_BY_RECORD_KIND: Mapping[str, Select[Any]] = {
    "credit-check": select(credit_checks.c.claim_number).where(
        *_make_id_range_conditions(credit_checks), *_LIVE_CHECK_CONDITION
    ),
    "payment": select(_number_of_payment)
    .select_from(_payments_with_orders)
    .where(*_make_id_range_conditions(payments), _open_payment_condition, _number_of_payment.is_not(None)),
    "refund": select(_number_of_payment)
    .select_from(_refunds_with_payments.outerjoin(orders, orders.c.id == payments.c.order_id))
    .where(*_make_id_range_conditions(refunds), _open_refund_condition, _number_of_payment.is_not(None)),
}


def _make_beginnings_query(
    number: ColumnElement[str], begun_at: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> Select[Any]:
    """Return the query of (corporation number, instant at which the record began) of the rows that fulfil all
    `conditions` and have one of the searched corporation numbers (`make_number_condition`). `number` and `begun_at`
    are the two columns."""
    return select(number.label("number"), begun_at.label("begun_at")).where(
        make_number_condition(number), *conditions
    )


_orders_with_payments = orders.join(payments, payments.c.order_id == orders.c.id)
_BEGINNINGS_OF_RECORDS_QUERY = union_all(
    _make_beginnings_query(credit_checks.c.number_key, _begun_at_of_check, *_LIVE_CHECK_CONDITION),
    _make_beginnings_query(payments.c.corporation_number, payments.c.created_at, _open_payment_condition),
    _make_beginnings_query(
        orders.c.number_key, payments.c.created_at, payments.c.corporation_number.is_(None), _open_payment_condition
    ).select_from(_orders_with_payments),
    _make_beginnings_query(payments.c.corporation_number, refunds.c.created_at, _open_refund_condition).select_from(
        _refunds_with_payments
    ),
    _make_beginnings_query(
        orders.c.number_key, refunds.c.created_at, payments.c.corporation_number.is_(None), _open_refund_condition
    ).select_from(_orders_with_payments.join(refunds, refunds.c.payment_id == payments.c.id)),
)
_CHECKS_QUERY = select(
    credit_checks.c.number_key,
    credit_checks.c.seen_status,
    credit_checks.c.certainty,
    _begun_at_of_check,
    case((and_(*_LIVE_CHECK_CONDITION), 1), else_=0),
).where(make_number_condition(credit_checks.c.number_key))


def find_highest_record_id(conn: Connection, kind: str) -> int:
    """Return the highest id of all records of this kind (one of LIVE_RECORD_KINDS), live or not; 0 if there is
    none."""
    return int(conn.scalar(select(func.max(_TABLE_BY_RECORD_KIND[kind].c.id))) or 0)


def list_live_numbers_in_id_range(
    conn: Connection, kind: str, after_id: int, up_to_id: int, now: datetime
) -> frozenset[str]:
    """Return the corporation numbers of the records of this kind (one of LIVE_RECORD_KINDS) that are live or open at
    the instant `now`. Only records with an id above `after_id` and not above `up_to_id` are read."""
    values = {
        "after": after_id,
        "up_to_id": up_to_id,
        "expires_after": convert_to_naive_utc(now - CHECK_EXPIRY_MARGIN),
    }
    numbers = map(normalise_number, conn.scalars(_NUMBERS_QUERY_BY_RECORD_KIND[kind], values))
    return frozenset(number for number in numbers if number is not None and _is_corporation_number(number))


def find_record_beginnings(
    conn: Connection, corporation_numbers: Collection[str], now: datetime
) -> dict[str, datetime | None]:
    """Return the watched corporation numbers among those in `corporation_numbers`, as a mapping to the instant at
    which the corporation's oldest live or open record began (None: no such instant is stored)."""
    beginnings: dict[str, datetime | None] = {}
    expires_after = convert_to_naive_utc(now - CHECK_EXPIRY_MARGIN)
    for part in split_into_batches(sorted(corporation_numbers), MAX_NUMBERS_PER_QUERY):
        values = {"numbers": part, "number_keys": list_number_keys(part), "expires_after": expires_after}
        for number_key, stored_at in conn.execute(_BEGINNINGS_OF_RECORDS_QUERY, values):
            number = normalise_number(number_key)
            if number is None:
                continue
            begun_at = convert_to_aware_utc(stored_at) if stored_at is not None and stored_at > EPOCH_START else None
            known_instants = [at for at in (beginnings.get(number), begun_at) if at is not None]
            beginnings[number] = min(known_instants, default=None)
    return beginnings


def find_renewed_numbers(conn: Connection, since: Mapping[str, datetime], now: datetime) -> frozenset[str]:
    """Return the corporation numbers in `since` whose credit checks were renewed. Three conditions are true for such
    a corporation. It has at least one live credit check. Each live credit check was successfully bought, and its
    purchase began after the number's instant in `since`. At least one credit check was bought at this instant or
    earlier, because a first purchase isn't a renewal."""
    is_renewed: dict[str, bool] = {}
    earlier_numbers: set[str] = set()
    values = {"numbers": sorted(since), "expires_after": convert_to_naive_utc(now - CHECK_EXPIRY_MARGIN)}
    for number, status, certainty, stored_at, is_live in conn.execute(_CHECKS_QUERY, values) if since else ():
        is_bought = status == "success" and certainty == "known"
        is_later = is_bought and stored_at is not None and convert_to_aware_utc(stored_at) > since[number]
        if is_live:
            is_renewed[number] = is_renewed.get(number, True) and is_later
        if is_bought and not is_later:
            earlier_numbers.add(number)
    return frozenset(number for number in earlier_numbers if is_renewed.get(number))


def _is_corporation_number(text: str) -> bool:
    return len(text) == 13 and text.isascii() and text.isdigit()
