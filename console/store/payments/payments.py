"""Rows of payments: reads by ids, orders and corporation numbers, and writes by compare-and-swap. Only the module
`balances` writes the columns of amounts."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select
from sqlalchemy import insert as into

from console.domain.payments.records import Payment
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, PAYMENT_TRANSITIONS, PaymentState
from console.domain.records import Certainty, Work
from console.domain.transitions import tables as states
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.compare_and_swap import make_work_values as make_work_values
from console.store.database.compare_and_swap import run_again_if_stale as run_again_if_stale
from console.store.database.instants import convert_to_naive_utc
from console.store.payments.balances import MONEY_COLUMNS
from console.store.payments.balances import PAYMENT_KIND as PAYMENT_KIND
from console.store.payments.balances import record_amount_done_outside as record_amount_done_outside
from console.store.payments.balances import release_amount as release_amount
from console.store.payments.balances import reserve_amount as reserve_amount
from console.store.payments.balances import set_amount_aside as set_amount_aside
from console.store.payments.balances import set_captured_amount as set_captured_amount
from console.store.payments.balances import settle_refund as settle_refund
from console.store.payments.row_mapping import PAYMENT_COLUMNS, make_record
from console.store.schema.core import alerts
from console.store.schema.payments import payments, refunds

_PAYMENTS_QUERY = select(*PAYMENT_COLUMNS)
_PAYMENT_BY_ID_QUERY = _PAYMENTS_QUERY.where(payments.c.id == bindparam("payment_id"))
_PAYMENTS_BY_ID_QUERY = _PAYMENTS_QUERY.where(payments.c.id.in_(bindparam("ids", expanding=True)))
_PAYMENTS_OF_PROVIDER_QUERY = _PAYMENTS_QUERY.where(payments.c.provider == bindparam("provider"))
_PAYMENT_BY_MERCHANT_ID_QUERY = _PAYMENTS_OF_PROVIDER_QUERY.where(
    payments.c.merchant_payment_id == bindparam("merchant_payment_id")
)
_PAYMENT_BY_PROVIDER_ID_QUERY = _PAYMENTS_OF_PROVIDER_QUERY.where(
    payments.c.provider_payment_id == bindparam("provider_payment_id")
)
_PAYMENTS_OF_ORDER_QUERY = _PAYMENTS_QUERY.where(payments.c.order_id == bindparam("order_id")).order_by(
    payments.c.id.desc()
)
_PAYMENTS_OF_ORDERS_QUERY = _PAYMENTS_QUERY.where(
    payments.c.order_id.in_(bindparam("order_ids", expanding=True))
).order_by(payments.c.id.desc())
_PAYMENTS_OF_CORPORATION_QUERY = _PAYMENTS_QUERY.where(
    payments.c.corporation_number == bindparam("corporation_number")
).order_by(payments.c.id.desc())
_PAYMENTS_OF_CORPORATIONS_QUERY = _PAYMENTS_QUERY.where(
    payments.c.corporation_number.in_(bindparam("numbers", expanding=True)),
    payments.c.captured_minor.in_(bindparam("amounts", expanding=True)),
).order_by(payments.c.id.desc())
_PAYERS_QUERY = select(payments.c.payer_ref).where(payments.c.payer_ref.is_not(None))
_PAYERS_QUERIES = {
    PAYMENT_KIND: _PAYERS_QUERY.where(payments.c.id == bindparam("record_id")),
    "refund": _PAYERS_QUERY.where(payments.c.id == refunds.c.payment_id, refunds.c.id == bindparam("record_id")),
    "order": _PAYERS_QUERY.where(payments.c.order_id == bindparam("record_id")),
}
_SUBJECT_OF_ALERT_QUERY = select(alerts.c.subject_kind, alerts.c.subject_id).where(
    alerts.c.id == bindparam("record_id")
)
_KINDS_OF_ALERTS = ("alert", "incident")
KINDS_WITH_PAYERS = frozenset({*_PAYERS_QUERIES, *_KINDS_OF_ALERTS})
"""Kinds of records that may have payers (see `list_payers_of_record`)."""
_DUE_PAYMENTS_QUERY = compare_and_swap.make_due_query(
    payments, _PAYMENTS_QUERY.where(payments.c.provider.not_in(bindparam("excluded_providers", expanding=True)))
)
_INSERT_PAYMENT_STATEMENT = into(payments)
_COLUMNS_NEVER_CHANGED = MONEY_COLUMNS | {
    "id",
    "version",
    "provider",
    "merchant_payment_id",
    "currency",
    "asked_minor",
    "created_at",
}


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A new payment. Instants are aware; amounts are in minor units of `currency`.

    `merchant_payment_id`: our payment number. `asked_minor`: the requested price. `by_code`: the payer pays with a
    code that the console requested. `expires_at`: the instant after which nobody can pay. `account_minor`: the amount
    that the payment reserves on its account. `restored_id`: the former id of a row that is restored; None: the
    database assigns an id. `begun_at`: the instant at which it began; `operation_id`: the operation that starts it. A
    field is None if the payment has no such value yet.
    """

    provider: str
    merchant_payment_id: str
    currency: str
    asked_minor: int
    order_id: int | None = None
    corporation_number: str | None = None
    provider_payment_id: str | None = None
    payer: str | None = field(default=None, repr=False)
    state: PaymentState = PaymentState.INITIALIZING
    certainty: Certainty = Certainty.KNOWN
    work: Work = field(default_factory=Work)
    account_minor: int = 0
    by_code: bool = True
    begun_at: datetime | None = None
    expires_at: datetime | None = None
    operation_id: str | None = None
    restored_id: int | None = None


def find(conn: Connection, payment_id: int, lapsed_ids: AbstractSet[int] = frozenset()) -> Payment | None:
    """Return one payment; None if there is none. `lapsed_ids` are the ids of payments whose call has lapsed (its
    process crashed or froze); these payments are returned with an unknown outcome.
    """
    return _find_first_payment(conn, _PAYMENT_BY_ID_QUERY, {"payment_id": payment_id}, lapsed_ids)


def list_payers_of_record(conn: Connection, kind: str, record_id: int | str) -> tuple[str, ...]:
    """Return the payers of a record, as their provider names them. `kind` is the kind of the record: payment, refund
    (the payer of its payment), order (the payers of all its payments), alert (the payers of the record that the alert
    is about) or incident (the payers of its first alert, whose id is the incident's id). Records of other kinds have
    no payers."""
    if kind in _KINDS_OF_ALERTS:
        subject = conn.execute(_SUBJECT_OF_ALERT_QUERY, {"record_id": str(record_id)}).first()
        if subject is None:
            return ()
        kind, record_id = subject
    if kind not in _PAYERS_QUERIES:
        return ()
    return tuple(conn.scalars(_PAYERS_QUERIES[kind], {"record_id": str(record_id)}))


def find_newest_corporation_number(conn: Connection) -> str | None:
    """Return the corporation number of the newest payment that has a corporation number; None if no payment has one.
    A training shows this number as an example to look up.
    """
    query = select(payments.c.corporation_number).where(payments.c.corporation_number.is_not(None))
    number: str | None = conn.scalar(query.order_by(payments.c.id.desc()).limit(1))
    return number


def find_by_payment_number(conn: Connection, provider: str, merchant_payment_id: str) -> Payment | None:
    """Return the payment of this provider with this payment number, which the console assigned; None if there is
    none.
    """
    return _find_first_payment(
        conn, _PAYMENT_BY_MERCHANT_ID_QUERY, {"provider": provider, "merchant_payment_id": merchant_payment_id}
    )


def find_by_id_at_provider(conn: Connection, provider: str, provider_payment_id: str) -> Payment | None:
    """Return the payment to which this provider gave this id; None if there is none."""
    return _find_first_payment(
        conn, _PAYMENT_BY_PROVIDER_ID_QUERY, {"provider": provider, "provider_payment_id": provider_payment_id}
    )


def find_by_order(conn: Connection, order_id: int, lapsed_ids: AbstractSet[int] = frozenset()) -> tuple[Payment, ...]:
    """Return all payments of an order, newest first. `lapsed_ids` are the ids of payments whose call has lapsed (its
    process crashed or froze); these payments are returned with an unknown outcome.
    """
    return select_records(conn, _PAYMENTS_OF_ORDER_QUERY, {"order_id": order_id}, lapsed_ids)


def find_by_orders(
    conn: Connection,
    order_ids: Collection[int],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Payment, ...]:
    """Return all payments of these orders, newest first. `lapsed_ids` are the ids of payments whose call has lapsed
    (its process crashed or froze); these payments are returned with an unknown outcome. If `skips_unreadable` is
    True, leave out the rows that this program can't read and report them (`unreadable_rows`); otherwise such a row
    raises one of READ_ERRORS.
    """
    if not order_ids:
        return ()
    values = {"order_ids": sorted(order_ids)}
    return select_records(conn, _PAYMENTS_OF_ORDERS_QUERY, values, lapsed_ids, skips_unreadable=skips_unreadable)


def find_by_corporation(
    conn: Connection, corporation_number: str, lapsed_ids: AbstractSet[int] = frozenset()
) -> tuple[Payment, ...]:
    """Return the payments whose own row has this corporation number, newest first; the corporation number of a
    payment's order isn't compared. Rows that can't be read are left out. `lapsed_ids` are the ids of payments whose
    call has lapsed (its process crashed or froze); these payments are returned with an unknown outcome.
    """
    values = {"corporation_number": corporation_number}
    return select_records(conn, _PAYMENTS_OF_CORPORATION_QUERY, values, lapsed_ids, skips_unreadable=True)


def find_by_corporations_and_amounts(
    conn: Connection, corporation_numbers: Collection[str], captured_amounts: Collection[int]
) -> tuple[Payment, ...]:
    """Return the payments whose own row has one of these corporation numbers and one of these captured amounts
    (minor units), newest first. Rows that can't be read are left out."""
    if not corporation_numbers or not captured_amounts:
        return ()
    values = {"numbers": sorted(corporation_numbers), "amounts": sorted(captured_amounts)}
    return select_records(conn, _PAYMENTS_OF_CORPORATIONS_QUERY, values, skips_unreadable=True)


def list_due_payments(
    conn: Connection, reasons: Collection[str], now: datetime, limit: int, excluded_providers: Collection[str] = ()
) -> tuple[Payment, ...]:
    """Return at most `limit` payments whose scheduled work has one of these reasons and whose due time has come,
    sorted by due time, without those at `excluded_providers`. Rows that can't be read are left out, so that one of
    them doesn't stop the work on the others."""
    parameters = {"reasons": sorted(reasons), "now": convert_to_naive_utc(now), "limit": limit}
    values = {**parameters, "excluded_providers": sorted(excluded_providers)}
    return select_records(conn, _DUE_PAYMENTS_QUERY, values, skips_unreadable=True)


def get_all_rows_query() -> Select[Any]:
    """Return the query of all payments with the columns that `make_record` needs. The caller adds conditions."""
    return _PAYMENTS_QUERY


def find_by_ids(
    conn: Connection,
    ids: Collection[int],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Payment, ...]:
    """Return the payments with these ids, in any order. `lapsed_ids` are the ids of records whose call has lapsed
    (its process crashed or froze); these records are returned with an unknown outcome. If `skips_unreadable` is True,
    leave out the rows that this program can't read and report them (`unreadable_rows`); otherwise such a row raises
    one of READ_ERRORS.
    """
    if not ids:
        return ()
    values = {"ids": sorted(ids)}
    return select_records(conn, _PAYMENTS_BY_ID_QUERY, values, lapsed_ids, skips_unreadable=skips_unreadable)


def select_records(
    conn: Connection,
    query: Select[Any],
    values: Mapping[str, object],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Payment, ...]:
    """Run a query that the caller has made from `get_all_rows_query()`, with the parameters `values`, and return its
    payments. `lapsed_ids` are the ids of records whose call has lapsed (its process crashed or froze); these records
    are returned with an unknown outcome. If `skips_unreadable` is True, leave out the rows that this program can't
    read and report them (`unreadable_rows`). If it is False, such a row raises one of READ_ERRORS. A caller that
    computes a sum passes False, because the sum would be wrong without the row.
    """
    if not skips_unreadable:
        return tuple(make_record(row, lapsed_ids) for row in conn.execute(query, values))
    return unreadable_rows.select_readable_records(
        conn, query, values, lambda rows: read_readable_payments(rows, lapsed_ids)
    )


def read_readable_payments(
    rows: Sequence[Row[Any]], lapsed_ids: AbstractSet[int] = frozenset()
) -> tuple[Payment, ...]:
    """Convert rows of `get_all_rows_query()` into payments. Leave out the rows that this program can't read and
    report them (`unreadable_rows`). `lapsed_ids` are the ids of payments whose call has lapsed (its process crashed
    or froze); these payments are returned with an unknown outcome.
    """
    return unreadable_rows.read_readable_rows(
        payments.name, rows, lambda row: make_record(row, lapsed_ids), lambda row: (PAYMENT_KIND, row.id)
    )


def _find_first_payment(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed_ids: AbstractSet[int] = frozenset()
) -> Payment | None:
    row = conn.execute(query, values).first()
    return make_record(row, lapsed_ids) if row else None


def insert_payment(conn: Connection, payment: NewPayment, now: datetime) -> int:
    """Insert a payment and return its id. Raises IntegrityError if another payment of this provider has the same
    payment number, or the same `provider_payment_id` (the id that the provider gave to it).
    """
    row = {
        "order_id": payment.order_id,
        "provider": payment.provider,
        "merchant_payment_id": payment.merchant_payment_id,
        "provider_payment_id": payment.provider_payment_id,
        "corporation_number": payment.corporation_number,
        "payer_ref": payment.payer,
        "status": payment.state.value,
        "certainty": payment.certainty.value,
        **make_work_values(payment.work),
        "currency": payment.currency,
        "asked_minor": payment.asked_minor,
        "account_minor": payment.account_minor,
        "by_code": payment.by_code,
        "begun_at": compare_and_swap.make_storable_value(payment.begun_at),
        "payment_expires_at": compare_and_swap.make_storable_value(payment.expires_at),
        "operation_id": payment.operation_id,
        "created_at": convert_to_naive_utc(now),
        "changed_at": convert_to_naive_utc(now),
        "state_since": convert_to_naive_utc(now),
        "booked_at": convert_to_naive_utc(now) if payment.state in PAID_STATES else None,
    } | compare_and_swap.make_id_values(payment.restored_id)
    return compare_and_swap.insert_and_announce(conn, PAYMENT_KIND, _INSERT_PAYMENT_STATEMENT, row, now)


def change_payment(conn: Connection, payment: Payment, now: datetime, **values: object) -> None:
    """Write `values`, by column name, into the payment's row. They may be aware instants and enum members.

    Raises StaleRow if the row has changed since `payment` was read; IntegrityError if the provider gave the new
    `provider_payment_id` to another payment, too; ForbiddenTransition (a bug of the caller) for a state change that
    PAYMENT_TRANSITIONS doesn't allow, for a column of `MONEY_COLUMNS`, and for a column that never changes.
    """
    path = (PaymentState(str(values.pop("status"))),) if "status" in values else ()
    move_payment_along_path(conn, payment, path, now, **values)


def move_payment_along_path(
    conn: Connection, payment: Payment, path: Sequence[PaymentState], now: datetime, **values: object
) -> None:
    """Change the payment's state through the states of `path` (see `find_payment_state_path`) one after another, with
    one write for each. The other columns `values` are written with the last state.

    Raises StaleRow if the row has changed since `payment` was read; IntegrityError and ForbiddenTransition in the
    same cases as `change_payment`.
    """
    compare_and_swap.refuse_fixed_columns(_COLUMNS_NEVER_CHANGED, values)
    for former_state, next_state in pairwise((payment.state, *path)):
        states.require_transition(PAYMENT_TRANSITIONS, former_state, next_state)
    version = payment.version
    for step in path[:-1]:
        compare_and_swap.update_if_unchanged(conn, payments, (payment.id, version), {"status": step})
        version += 1
    last_values = {"status": path[-1], **_make_columns_when_paid(payment, path, now)} if path else {}
    if path or values.get("certainty", payment.certainty) != payment.certainty:
        last_values["state_since"] = now
    compare_and_swap.update_if_unchanged(
        conn, payments, (payment.id, version), {**values, **last_values, "changed_at": now}
    )
    compare_and_swap.announce_change(conn, PAYMENT_KIND, payment.id, now)


def _make_columns_when_paid(payment: Payment, path: Sequence[PaymentState], now: datetime) -> dict[str, object]:
    """Return the values of the columns `booked_at` and `late_after` if `path` contains the state payment_success;
    otherwise an empty dict.
    """
    if PaymentState.PAYMENT_SUCCESS not in path:
        return {}
    return {"booked_at": now, "late_after": payment.state if payment.state in ENDED_UNPAID_STATES else None}
