"""Rows of set-asides: amounts that were paid above an account's limit, each with the refund that gives it back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, and_, bindparam, case, exists, select
from sqlalchemy import insert as into

from console.domain.payments.records import Payment, SetAside, SetAsideState
from console.domain.payments.states import PaymentState
from console.domain.transitions import tables as states
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.balances import PAYMENT_KIND
from console.store.schema.payments import payments, refunds, set_asides

SET_ASIDE_KIND = "set-aside"
_IS_OPEN_CONDITION = set_asides.c.status == SetAsideState.OPEN.value
_IS_PAYMENT_REVERSED_CONDITION = payments.c.status == PaymentState.REVERSED.value
_STATE_EXPRESSION = case(
    (and_(_IS_OPEN_CONDITION, _IS_PAYMENT_REVERSED_CONDITION), SetAsideState.REVERSED.value),
    else_=set_asides.c.status,
)
_SET_ASIDES_QUERY = select(
    set_asides.c.id, set_asides.c.payment_id, set_asides.c.account_id, set_asides.c.amount_minor,
    set_asides.c.currency, _STATE_EXPRESSION, set_asides.c.refund_id, set_asides.c.version, set_asides.c.created_at,
).join(payments, payments.c.id == set_asides.c.payment_id)  # fmt: skip
_SET_ASIDE_BY_ID_QUERY = _SET_ASIDES_QUERY.where(set_asides.c.id == bindparam("set_aside_id"))
_SET_ASIDES_OF_PAYMENT_QUERY = _SET_ASIDES_QUERY.where(set_asides.c.payment_id == bindparam("payment_id")).order_by(
    set_asides.c.id
)
_OPEN_SET_ASIDES_QUERY = (
    _SET_ASIDES_QUERY.where(_IS_OPEN_CONDITION, ~_IS_PAYMENT_REVERSED_CONDITION, set_asides.c.id > bindparam("after"))
    .order_by(set_asides.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_SET_ASIDES_WITHOUT_REFUND_QUERY = _OPEN_SET_ASIDES_QUERY.where(
    ~exists().where(refunds.c.set_aside_id == set_asides.c.id, refunds.c.payment_id == set_asides.c.payment_id)
)
_INSERT_SET_ASIDE_STATEMENT = into(set_asides)


def insert_set_aside(conn: Connection, payment: Payment, account_id: int, amount_minor: int, now: datetime) -> int:
    """Insert an open set-aside of `amount_minor` (minor units) and return its id. The caller also changes the
    amounts of the payment by `balances.set_amount_aside`."""
    row = {
        "payment_id": payment.id,
        "account_id": account_id,
        "amount_minor": amount_minor,
        "currency": payment.currency,
        "status": SetAsideState.OPEN.value,
        "created_at": convert_to_naive_utc(now),
        "changed_at": convert_to_naive_utc(now),
    }
    return compare_and_swap.insert_and_announce(conn, SET_ASIDE_KIND, _INSERT_SET_ASIDE_STATEMENT, row, now)


def find(conn: Connection, set_aside_id: int) -> SetAside | None:
    """Return a set-aside by its id; None if there is none."""
    return next(iter(_select_set_asides(conn, _SET_ASIDE_BY_ID_QUERY, {"set_aside_id": set_aside_id})), None)


def find_by_payment(conn: Connection, payment_id: int) -> tuple[SetAside, ...]:
    """Return the set-asides of a payment, oldest first."""
    return _select_set_asides(conn, _SET_ASIDES_OF_PAYMENT_QUERY, {"payment_id": payment_id})


def list_open_set_asides(conn: Connection, limit: int, after_id: int = 0) -> tuple[SetAside, ...]:
    """Return at most `limit` open set-asides of payments that weren't reversed, oldest first; `after_id` is the last
    id of the previous page. Rows that can't be read are left out."""
    values = {"after": after_id, "limit": limit}
    return unreadable_rows.select_readable_records(conn, _OPEN_SET_ASIDES_QUERY, values, _read_readable_rows)


def list_open_set_asides_without_refund(conn: Connection, limit: int, after_id: int = 0) -> tuple[SetAside, ...]:
    """Return at most `limit` open set-asides, of payments that weren't reversed, for which no refund was ever
    requested, oldest first; `after_id` is the last id of the previous page. Rows that can't be read are left out.
    """
    values = {"after": after_id, "limit": limit}
    return unreadable_rows.select_readable_records(
        conn, _SET_ASIDES_WITHOUT_REFUND_QUERY, values, _read_readable_rows
    )


def change_set_aside(
    conn: Connection, set_aside: SetAside, now: datetime, state: SetAsideState, refund_id: int | None
) -> None:
    """Write the new state of a set-aside, and the id of the refund that gives it back (None: no refund). Raises
    StaleRow if the row has changed since `set_aside` was read; ForbiddenTransition (a bug of the caller) for a state
    change that SET_ASIDE_TRANSITIONS doesn't allow.
    """
    states.require_transition(states.SET_ASIDE_TRANSITIONS, set_aside.state, state)
    values = {"status": state, "refund_id": refund_id, "changed_at": now}
    compare_and_swap.update_if_unchanged(conn, set_asides, (set_aside.id, set_aside.version), values)
    compare_and_swap.announce_change(conn, SET_ASIDE_KIND, set_aside.id, now)


def _select_set_asides(conn: Connection, query: Select[Any], values: Mapping[str, object]) -> tuple[SetAside, ...]:
    return tuple(_make_set_aside(*row) for row in conn.execute(query, values))


def _read_readable_rows(rows: Sequence[Row[Any]]) -> tuple[SetAside, ...]:
    return unreadable_rows.read_readable_rows(
        set_asides.name, rows, lambda row: _make_set_aside(*row), lambda row: (PAYMENT_KIND, row.payment_id)
    )


def _make_set_aside(
    set_aside_id: int, payment_id: int, account_id: int, amount_minor: int, currency: str, status: str,
    refund_id: int | None, version: int, created_at: datetime,
) -> SetAside:  # fmt: skip
    state = SetAsideState(status)
    return SetAside(
        set_aside_id,
        payment_id,
        account_id,
        amount_minor,
        currency,
        state,
        refund_id,
        version,
        convert_to_aware_utc(created_at),
    )
