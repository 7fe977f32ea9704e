"""Definitions of the queues. For each table and queue, they list SQL conditions; the rows that fulfil one condition
are one range of an index.
"""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Any

from sqlalchemy import Column, and_, case, exists, func, literal, null, or_, select
from sqlalchemy.sql.elements import ColumnElement

from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, WorkReason, WorkState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.store.credit_checks import credit_checks
from console.store.credit_checks.row_mapping import to_record
from console.store.payments import orders, payments
from console.store.payments import row_mapping as payment_rows
from console.store.queues.record_columns import RecordColumns, is_one_of
from console.store.queues.table_queries import TableQueries
from console.store.refunds import refunds
from console.store.schema.core import credit_checks as check_table
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from console.store.schema.payments import refunds as refund_table

_c, _o, _p, _r = check_table.c, order_table.c, payment_table.c, refund_table.c
_P, _R = PaymentState, RefundState
PENDING_CHECK = and_(_c.seen_status == "pending", _c.certainty == "known")
_WAITING_PAYMENT_STATES = (_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT)
_PAID_PAYMENT_STATES = (_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED)


def _state_conditions(
    status: Column[Any], certainty: Column[Any], states: Iterable[str], *certainties: Certainty
) -> list[ColumnElement[bool]]:
    """Return one SQL condition for each pair of one of these states and one of these certainties."""
    return [and_(status == str(state), certainty == value.value) for state, value in product(states, certainties)]


def _was_paid_since_sql() -> ColumnElement[bool]:
    """Return SQL that is true if another payment of the same order was paid, and that payment was begun or paid after
    this failed one.
    """
    other = payment_table.alias("other")
    return exists().where(
        other.c.order_id == _p.order_id,
        other.c.id != _p.id,
        or_(*(other.c.status == state.value for state in _PAID_PAYMENT_STATES)),
        or_(other.c.id > _p.id, other.c.paid_at > _p.created_at),
    )


def _was_refunded_since_sql() -> ColumnElement[bool]:
    """Return SQL that is true if the payment of this failed refund has a later refund that was completed."""
    later = refund_table.alias("later")
    return exists().where(
        later.c.payment_id == _r.payment_id, later.c.id > _r.id, later.c.status == _R.COMPLETED.value
    )


def _of_refunded_payment(column: Column[Any]) -> ColumnElement[Any]:
    """Return SQL of a column of a refund's payment."""
    return select(column).where(_p.id == _r.payment_id).scalar_subquery()


def _has_payment_of(providers: Collection[str]) -> ColumnElement[bool]:
    """Return SQL that is true if an order has a payment of one of these providers. It is no EXISTS, which MariaDB
    turns into a join that reads all payments.
    """
    of_order = select(_p.id).where(_p.order_id == _o.id, is_one_of(_p.provider, providers)).limit(1)
    return of_order.scalar_subquery().is_not(None)


REFUND_COLUMNS = RecordColumns(
    status=_r.status,
    certainty=_r.certainty,
    work_state=_r.work_state,
    work_at=_r.work_at,
    work_reason=_r.work_reason,
    error_code=_r.error_code,
    name=null(),
    number=_of_refunded_payment(_p.corporation_number),
    provider=_of_refunded_payment(_p.provider),
    has_provider=lambda names: is_one_of(_of_refunded_payment(_p.provider), names),
    minor=_r.refund_amount,
    currency=_r.currency,
    maker=_r.maker,
)
PAYMENT_COLUMNS = RecordColumns(
    status=_p.status,
    certainty=_p.certainty,
    work_state=_p.work_state,
    work_at=_p.work_at,
    work_reason=_p.work_reason,
    error_code=_p.error_code,
    name=_p.merchant_payment_id,
    number=_p.corporation_number,
    provider=_p.provider,
    has_provider=lambda names: is_one_of(_p.provider, names),
    minor=case((_p.captured_minor != 0, _p.captured_minor), else_=_p.asked_minor),
    currency=_p.currency,
)
_HAS_KNOWN_STATE = is_one_of(_o.status, [state.value for state in OrderState])
ORDER_COLUMNS = RecordColumns(
    status=case((_HAS_KNOWN_STATE, _o.status), else_=OrderState.PENDING.value),
    work_state=case((_HAS_KNOWN_STATE, _o.work_state), else_=WorkState.NEEDS_REVIEW.value),
    work_at=_o.work_at,
    work_reason=case((_HAS_KNOWN_STATE, _o.work_reason), else_=orders.UNREADABLE_STATE_REASON.value),
    name=_o.merch_txn_id,
    number=_o.number_key,
    provider=select(func.min(_p.provider)).where(_p.order_id == _o.id).scalar_subquery(),
    has_provider=_has_payment_of,
    minor=_o.total_amount,
    currency=_o.currency,
)
_IS_UNADOPTED = and_(_c.work_state.is_(None), _c.seen_work == "needs_review")
CREDIT_CHECK_COLUMNS = RecordColumns(
    status=_c.seen_status,
    certainty=_c.certainty,
    work_state=_c.seen_work,
    work_at=_c.work_at,
    work_reason=case((_IS_UNADOPTED, literal(WorkReason.WRITTEN_BY_OTHER.value)), else_=_c.work_reason),
    error_code=_c.error_code,
    name=null(),
    number=_c.number_key,
    provider=literal(CREDIT_CHECK_PROVIDER),
    has_provider=lambda names: is_one_of(literal(CREDIT_CHECK_PROVIDER), names),
    client=_c.client_id,
)
REFUND_QUERIES = TableQueries(
    kind=refunds.KIND,
    id=_r.id,
    work_state=_r.work_state,
    state_since=_r.state_since,
    rows=refunds.all_records(),
    read=refunds.read_refunds,
    columns=REFUND_COLUMNS,
    queues={
        "unknown": [_r.certainty == "unknown"],
        "error": [and_(_r.status == _R.FAILED.value, _r.certainty == "known", ~_was_refunded_since_sql())],
        "review": [_r.work_state == "needs_review"],
        "disagree": [_r.disagrees == 1],
        "refunds": _state_conditions(
            _r.status, _r.certainty, [state for state in _R if state not in ENDED_REFUND_STATES], *Certainty
        ),
    },
    may_be_lapsed=and_(_r.status == _R.SUBMITTING.value, _r.certainty == "known"),
)
PAYMENT_QUERIES = TableQueries(
    kind=payments.KIND,
    id=_p.id,
    work_state=_p.work_state,
    state_since=_p.state_since,
    rows=payments.all_records(),
    read=lambda _, rows, lapsed: [payment_rows.to_record(row, lapsed) for row in rows],
    columns=PAYMENT_COLUMNS,
    queues={
        "pending": _state_conditions(_p.status, _p.certainty, _WAITING_PAYMENT_STATES, Certainty.KNOWN),
        "unknown": [_p.certainty == "unknown"],
        "error": [and_(_p.status == _P.PAYMENT_FAILED.value, _p.certainty == "known", ~_was_paid_since_sql())],
        "review": [_p.work_state == "needs_review"],
        "disagree": [_p.disagrees == 1],
    },
    may_be_lapsed=and_(_p.status == _P.INITIALIZING.value, _p.certainty == "known"),
)
ORDER_QUERIES = TableQueries(
    kind=orders.KIND,
    id=_o.id,
    work_state=_o.work_state,
    state_since=_o.state_since,
    rows=orders.all_records(),
    read=lambda conn, rows, _: orders.read_orders(conn, rows),
    columns=ORDER_COLUMNS,
    queues={
        "pending": [_o.status == OrderState.PENDING.value],
        "review": [_o.work_state == "needs_review"],
        "disagree": [_o.disagrees == 1],
    },
)
CREDIT_CHECK_QUERIES = TableQueries(
    kind=credit_checks.KIND,
    id=_c.id,
    work_state=_c.seen_work,
    state_since=_c.state_since,
    rows=credit_checks.all_records(),
    read=lambda _, rows, lapsed: [to_record(row, lapsed) for row in rows],
    columns=CREDIT_CHECK_COLUMNS,
    queues={
        "pending": [PENDING_CHECK],
        "unknown": [_c.certainty == "unknown"],
        "error": [and_(_c.seen_status == "error", _c.certainty == "known", ~credit_checks.has_later_success_sql())],
        "incomplete": [_c.missing == 1],
        "review": [_c.seen_work == "needs_review"],
        "disagree": [_c.disagrees == 1],
    },
    may_be_lapsed=PENDING_CHECK,
)
TABLES = (REFUND_QUERIES, PAYMENT_QUERIES, ORDER_QUERIES, CREDIT_CHECK_QUERIES)
"""Queries of all tables with queues. A page shows the records of one work state by age, whatever their kind; records
of
the same instant stand in this order: refunds, payments, orders, credit checks.
"""
