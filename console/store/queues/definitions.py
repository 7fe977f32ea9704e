"""Definitions of the queues: for each table and queue a list of SQL conditions. The rows that fulfil one condition
are a continuous part (a range) of one index."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Column, and_, case, exists, func, literal, not_, null, or_, select
from sqlalchemy.sql.elements import ColumnElement

from console.domain.explanations.badges import (
    INCOMPLETE_BADGE_STATE,
    PARTLY_REFUNDED_BADGE_STATE,
    REFUNDED_BADGE_STATE,
    SUPERSEDED_BADGE_STATE,
)
from console.domain.payments import provider_registry
from console.domain.payments.consistency import (
    MAX_ANSWER_AGE_BEFORE_FINAL_STATE,
    MAX_ANSWER_AGE_IN_FINAL_STATE,
    find_first_reversible_instant,
)
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import FINAL_STATES, PAID_STATES, PaymentState, RefundState
from console.domain.records import Certainty, CheckState, WorkReason, WorkState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.store.credit_checks import credit_checks
from console.store.credit_checks.row_mapping import make_record
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.payments import row_mapping as payment_rows
from console.store.queues.record_columns import RecordColumns, make_is_one_of_condition
from console.store.queues.table_queries import RecordTableQueries
from console.store.refunds import refunds
from console.store.schema.column_types import Instant
from console.store.schema.core import credit_checks as check_table
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from console.store.schema.payments import refunds as refund_table

PENDING_CHECK_CONDITION = and_(check_table.c.seen_status == "pending", check_table.c.certainty == "known")
_WAITING_PAYMENT_STATES = (PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT)
_PAID_PAYMENT_STATES = (
    PaymentState.PAYMENT_SUCCESS,
    PaymentState.CALLBACK_RECEIVED,
    PaymentState.SIGNATURE_VERIFIED,
    PaymentState.COMPLETED,
)


def _make_state_conditions(
    status: Column[Any], certainty: Column[Any], states: Iterable[str], *certainties: Certainty
) -> list[ColumnElement[bool]]:
    """Return one SQL condition for each pair of one of `states` (in the column `status`) and one of `certainties` (in
    the column `certainty`)."""
    return [and_(status == str(state), certainty == value.value) for state, value in product(states, certainties)]


def _is_order_paid_later_sql() -> ColumnElement[bool]:
    """Return SQL for a failed payment: true if another payment of the same order is in a paid state, and that other
    payment was stored or paid after the failed payment was stored."""
    other_payment = payment_table.alias("other")
    return exists().where(
        other_payment.c.order_id == payment_table.c.order_id,
        other_payment.c.id != payment_table.c.id,
        or_(*(other_payment.c.status == state.value for state in _PAID_PAYMENT_STATES)),
        or_(other_payment.c.id > payment_table.c.id, other_payment.c.paid_at > payment_table.c.created_at),
    )


def _is_payment_refunded_later_sql() -> ColumnElement[bool]:
    """Return SQL for a failed refund: true if a later refund of the same payment was completed."""
    later_refund = refund_table.alias("later")
    return exists().where(
        later_refund.c.payment_id == refund_table.c.payment_id,
        later_refund.c.id > refund_table.c.id,
        later_refund.c.status == RefundState.COMPLETED.value,
    )


def _make_payment_column_sql(column: Column[Any]) -> ColumnElement[Any]:
    """Return SQL for a refund: the value of `column` in the row of its payment."""
    return select(column).where(payment_table.c.id == refund_table.c.payment_id).scalar_subquery()


def _has_payment_of_provider_sql(providers: Collection[str]) -> ColumnElement[bool]:
    """Return SQL for an order: true if one of its payments is of one of these providers. The SQL doesn't use
    EXISTS, which MariaDB would turn into a join that reads all payments."""
    of_order = (
        select(payment_table.c.id)
        .where(
            payment_table.c.order_id == order_table.c.id,
            make_is_one_of_condition(payment_table.c.provider, providers),
        )
        .limit(1)
    )
    return of_order.scalar_subquery().is_not(None)


_PAYMENTS_WITH_UNKNOWN_REFUND = select(refund_table.c.payment_id).where(
    refund_table.c.certainty == Certainty.UNKNOWN.value
)
_PAYMENTS_WITH_LAPSED_REFUND = select(refund_table.c.payment_id).where(
    journal.make_lapsed_record_condition(refunds.REFUND_KIND, refund_table.c.id, refund_table.c.status)
)
_LAPSED_PAYMENT_CONDITION = journal.make_lapsed_record_condition(
    payments.PAYMENT_KIND, payment_table.c.id, payment_table.c.status
)
_ORDERS_WITH_UNKNOWN_OUTCOME = (
    *(
        select(order_table.c.id)
        .join(payment_table, payment_table.c.order_id == order_table.c.id)
        .where(is_unknown, order_table.c.status == OrderState.PENDING.value)
        for is_unknown in (payment_table.c.certainty == Certainty.UNKNOWN.value, _LAPSED_PAYMENT_CONDITION)
    ),
    *(
        select(payment_table.c.order_id).where(
            payment_table.c.order_id.is_not(None), payment_table.c.id.in_(payments_with_refund)
        )
        for payments_with_refund in (_PAYMENTS_WITH_UNKNOWN_REFUND, _PAYMENTS_WITH_LAPSED_REFUND)
    ),
)
UNKNOWN_ROWS_BY_KIND: Mapping[str, Sequence[ColumnElement[bool]]] = {
    credit_checks.CREDIT_CHECK_KIND: (check_table.c.certainty == Certainty.UNKNOWN.value,),
    orders.ORDER_KIND: tuple(order_table.c.id.in_(ids) for ids in _ORDERS_WITH_UNKNOWN_OUTCOME),
    payments.PAYMENT_KIND: (
        payment_table.c.certainty == Certainty.UNKNOWN.value,
        payment_table.c.id.in_(_PAYMENTS_WITH_UNKNOWN_REFUND),
        payment_table.c.id.in_(_PAYMENTS_WITH_LAPSED_REFUND),
    ),
    refunds.REFUND_KIND: (refund_table.c.certainty == Certainty.UNKNOWN.value,),
}
"""SQL conditions, one per index range, of the rows whose own outcome, or the outcome of a related row, is stored as
unknown, and of the rows with a lapsed related row (the same rule as `get_certainty` of the domain). Rows that have
lapsed themselves aren't included. There are few such rows.
"""


def _make_certainty_sql(kind: str, stored_certainty: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return SQL of the certainty that lists show for records of this kind: UNKNOWN if the outcome of the record or
    of a related record is unknown (UNKNOWN_ROWS_BY_KIND), otherwise the stored certainty."""
    return case((or_(*UNKNOWN_ROWS_BY_KIND[kind]), literal(Certainty.UNKNOWN.value)), else_=stored_certainty)


def _is_provider_answer_before_sql(answer_time: Column[Any], time_bound: datetime) -> ColumnElement[bool]:
    """Return an SQL condition: the provider's last answer came before `time_bound` (aware). The column is inside
    coalesce(), so that the database uses the index of the queue and no index of this column."""
    return func.coalesce(answer_time, None, type_=Instant) < literal(convert_to_naive_utc(time_bound), Instant)


def _has_old_answer_sql(now: datetime) -> ColumnElement[bool]:
    """Return SQL for a payment: the provider's last answer is too old at `now` (the same rule as `is_answer_old` of
    the domain)."""
    is_final = and_(
        make_is_one_of_condition(payment_table.c.status, FINAL_STATES),
        make_is_one_of_condition(payment_table.c.certainty, {Certainty.KNOWN.value}),
    )
    return or_(
        _is_provider_answer_before_sql(payment_table.c.told_at, now - MAX_ANSWER_AGE_IN_FINAL_STATE),
        and_(
            not_(is_final),
            _is_provider_answer_before_sql(payment_table.c.told_at, now - MAX_ANSWER_AGE_BEFORE_FINAL_STATE),
        ),
    )


def _has_old_refund_answer_sql(now: datetime) -> ColumnElement[bool]:
    """Return SQL for a refund: the provider has accepted it, and its last answer is too old at `now`."""
    return and_(
        make_is_one_of_condition(refund_table.c.status, {RefundState.SUBMITTED.value}),
        _is_provider_answer_before_sql(refund_table.c.told_at, now - MAX_ANSWER_AGE_IN_FINAL_STATE),
    )


def list_reversible_payment_conditions(now: datetime) -> list[ColumnElement[bool]]:
    """Return SQL conditions, one for each provider whose payments can be reversed. Together they select all payments
    that the payers' banks can still reverse at `now`. Each condition is a range of the index of the provider and
    `paid_at`. So it also selects payments of this range that are no longer in a paid state."""
    first_instants = {
        provider: find_first_reversible_instant(provider, now) for provider in provider_registry.list_provider_names()
    }
    return [
        and_(
            payment_table.c.provider == provider,
            payment_table.c.paid_at >= literal(convert_to_naive_utc(first_instant), Instant),
        )
        for provider, first_instant in first_instants.items()
        if first_instant is not None
    ]


def _is_reversible_sql(now: datetime) -> ColumnElement[bool]:
    """Return SQL for a payment: the payer's bank can still reverse it at `now` (the same rule as
    `find_reversal_deadline` of the domain)."""
    conditions = [
        and_(
            make_is_one_of_condition(payment_table.c.provider, {provider}),
            func.coalesce(payment_table.c.paid_at, None, type_=Instant)
            >= literal(convert_to_naive_utc(first_instant), Instant),
        )
        for provider in provider_registry.list_provider_names()
        if (first_instant := find_first_reversible_instant(provider, now)) is not None
    ]
    is_paid = make_is_one_of_condition(payment_table.c.status, PAID_STATES)
    return and_(is_paid, or_(*conditions)) if conditions else literal(1) == literal(0)


def _make_shown_payment_state_sql() -> ColumnElement[Any]:
    """Return SQL of the state that the badge of a payment shows: a paid payment of which an amount was given back is
    refunded or partly refunded."""
    columns = payment_table.c
    given_back_minor = columns.refunded_minor + columns.outside_minor
    has_refunds = and_(make_is_one_of_condition(columns.status, PAID_STATES), given_back_minor != 0)
    return case(
        (not_(has_refunds), columns.status),
        (given_back_minor >= columns.captured_minor, REFUNDED_BADGE_STATE),
        else_=PARTLY_REFUNDED_BADGE_STATE,
    )


def _make_shown_check_state_sql() -> ColumnElement[Any]:
    """Return SQL of the state that the badge of a credit check shows: one that a renewal has replaced is superseded,
    and a bought one with missing parts is incomplete."""
    columns = check_table.c
    values = (columns.company_name, columns.result, columns.pdf_file_path)
    has_missing_parts = or_(
        columns.purchased_at.is_(None),
        columns.expired_at.is_(None),
        *(func.coalesce(value, "") == "" for value in values),
    )
    return case(
        (columns.superseded_by.is_not(None), SUPERSEDED_BADGE_STATE),
        (
            and_(make_is_one_of_condition(columns.seen_status, {CheckState.SUCCESS}), has_missing_parts),
            INCOMPLETE_BADGE_STATE,
        ),
        else_=columns.seen_status,
    )


REFUND_COLUMNS = RecordColumns(
    status=refund_table.c.status,
    certainty=refund_table.c.certainty,
    work_state=refund_table.c.work_state,
    work_at=refund_table.c.work_at,
    work_reason=refund_table.c.work_reason,
    error_code=refund_table.c.error_code,
    order_or_payment_number=null(),
    corporation_number=_make_payment_column_sql(payment_table.c.corporation_number),
    provider=_make_payment_column_sql(payment_table.c.provider),
    make_has_provider_sql=lambda names: make_is_one_of_condition(
        _make_payment_column_sql(payment_table.c.provider), names
    ),
    amount_minor=refund_table.c.refund_amount,
    currency=refund_table.c.currency,
    make_has_old_answer_sql=_has_old_refund_answer_sql,
    maker=refund_table.c.maker,
)
PAYMENT_COLUMNS = RecordColumns(
    status=payment_table.c.status,
    shown_state=_make_shown_payment_state_sql(),
    certainty=_make_certainty_sql(payments.PAYMENT_KIND, payment_table.c.certainty),
    work_state=payment_table.c.work_state,
    work_at=payment_table.c.work_at,
    work_reason=payment_table.c.work_reason,
    error_code=payment_table.c.error_code,
    order_or_payment_number=payment_table.c.merchant_payment_id,
    corporation_number=payment_table.c.corporation_number,
    provider=payment_table.c.provider,
    make_has_provider_sql=lambda names: make_is_one_of_condition(payment_table.c.provider, names),
    amount_minor=case(
        (payment_table.c.captured_minor != 0, payment_table.c.captured_minor), else_=payment_table.c.asked_minor
    ),
    currency=payment_table.c.currency,
    make_has_old_answer_sql=_has_old_answer_sql,
    make_is_reversible_sql=_is_reversible_sql,
)
_KNOWN_ORDER_STATE_CONDITION = make_is_one_of_condition(order_table.c.status, [state.value for state in OrderState])
HAS_UNKNOWN_ORDER_STATE = not_(_KNOWN_ORDER_STATE_CONDITION)
"""SQL condition of the orders whose status this program doesn't know. The status is compared byte by byte, because
the collation of a server would count `PAID` as the known state `paid`. `ORDER_COLUMNS` shows these orders as pending
orders that a person must review."""
ORDER_COLUMNS = RecordColumns(
    status=case((_KNOWN_ORDER_STATE_CONDITION, order_table.c.status), else_=OrderState.PENDING.value),
    certainty=_make_certainty_sql(orders.ORDER_KIND, literal(Certainty.KNOWN.value)),
    work_state=case((_KNOWN_ORDER_STATE_CONDITION, order_table.c.work_state), else_=WorkState.NEEDS_REVIEW.value),
    work_at=order_table.c.work_at,
    work_reason=case(
        (_KNOWN_ORDER_STATE_CONDITION, order_table.c.work_reason), else_=orders.UNREADABLE_STATE_REASON.value
    ),
    order_or_payment_number=order_table.c.merch_txn_id,
    corporation_number=order_table.c.number_key,
    provider=select(func.min(payment_table.c.provider))
    .where(payment_table.c.order_id == order_table.c.id)
    .scalar_subquery(),
    make_has_provider_sql=_has_payment_of_provider_sql,
    amount_minor=order_table.c.total_amount,
    currency=order_table.c.currency,
)
_UNADOPTED_CHECK_CONDITION = and_(check_table.c.work_state.is_(None), check_table.c.seen_work == "needs_review")
CREDIT_CHECK_COLUMNS = RecordColumns(
    status=check_table.c.seen_status,
    shown_state=_make_shown_check_state_sql(),
    certainty=check_table.c.certainty,
    work_state=check_table.c.seen_work,
    work_at=check_table.c.work_at,
    work_reason=case(
        (_UNADOPTED_CHECK_CONDITION, literal(WorkReason.WRITTEN_BY_OTHER.value)), else_=check_table.c.work_reason
    ),
    error_code=check_table.c.error_code,
    order_or_payment_number=null(),
    corporation_number=check_table.c.number_key,
    provider=literal(CREDIT_CHECK_PROVIDER),
    make_has_provider_sql=lambda names: make_is_one_of_condition(literal(CREDIT_CHECK_PROVIDER), names),
    client_id=check_table.c.client_id,
)
REFUND_QUERIES = RecordTableQueries(
    kind=refunds.REFUND_KIND,
    id=refund_table.c.id,
    work_state=refund_table.c.work_state,
    state_since=refund_table.c.state_since,
    rows_query=refunds.get_all_rows_query(),
    read_records=refunds.read_refunds,
    columns=REFUND_COLUMNS,
    conditions_by_queue={
        "unknown": [refund_table.c.certainty == "unknown"],
        "error": [
            and_(
                refund_table.c.status == RefundState.FAILED.value,
                refund_table.c.certainty == "known",
                ~_is_payment_refunded_later_sql(),
            )
        ],
        "review": [refund_table.c.work_state == "needs_review"],
        "disagree": [refund_table.c.disagrees == 1],
        "refunds": _make_state_conditions(
            refund_table.c.status,
            refund_table.c.certainty,
            [state for state in RefundState if state not in ENDED_REFUND_STATES],
            *Certainty,
        ),
    },
    may_be_lapsed=and_(refund_table.c.status == RefundState.SUBMITTING.value, refund_table.c.certainty == "known"),
)
PAYMENT_QUERIES = RecordTableQueries(
    kind=payments.PAYMENT_KIND,
    id=payment_table.c.id,
    work_state=payment_table.c.work_state,
    state_since=payment_table.c.state_since,
    rows_query=payments.get_all_rows_query(),
    read_records=lambda _, rows, lapsed: [payment_rows.make_record(row, lapsed) for row in rows],
    columns=PAYMENT_COLUMNS,
    conditions_by_queue={
        "pending": _make_state_conditions(
            payment_table.c.status, payment_table.c.certainty, _WAITING_PAYMENT_STATES, Certainty.KNOWN
        ),
        "unknown": [payment_table.c.certainty == "unknown"],
        "error": [
            and_(
                payment_table.c.status == PaymentState.PAYMENT_FAILED.value,
                payment_table.c.certainty == "known",
                ~_is_order_paid_later_sql(),
            )
        ],
        "review": [payment_table.c.work_state == "needs_review"],
        "disagree": [payment_table.c.disagrees == 1],
    },
    may_be_lapsed=and_(
        payment_table.c.status == PaymentState.INITIALIZING.value, payment_table.c.certainty == "known"
    ),
)
ORDER_QUERIES = RecordTableQueries(
    kind=orders.ORDER_KIND,
    id=order_table.c.id,
    work_state=order_table.c.work_state,
    state_since=order_table.c.state_since,
    rows_query=orders.get_all_rows_query(),
    read_records=lambda conn, rows, _: orders.read_orders(conn, rows),
    columns=ORDER_COLUMNS,
    conditions_by_queue={
        "pending": [order_table.c.status == OrderState.PENDING.value],
        "review": [order_table.c.work_state == "needs_review"],
        "disagree": [order_table.c.disagrees == 1],
    },
)
CREDIT_CHECK_QUERIES = RecordTableQueries(
    kind=credit_checks.CREDIT_CHECK_KIND,
    id=check_table.c.id,
    work_state=check_table.c.seen_work,
    state_since=check_table.c.state_since,
    rows_query=credit_checks.get_all_rows_query(),
    read_records=lambda _, rows, lapsed: [make_record(row, lapsed) for row in rows],
    columns=CREDIT_CHECK_COLUMNS,
    conditions_by_queue={
        "pending": [PENDING_CHECK_CONDITION],
        "unknown": [check_table.c.certainty == "unknown"],
        "error": [
            and_(
                check_table.c.seen_status == "error",
                check_table.c.certainty == "known",
                ~credit_checks.make_later_success_condition(),
            )
        ],
        "incomplete": [check_table.c.missing == 1],
        "review": [check_table.c.seen_work == "needs_review"],
        "disagree": [check_table.c.disagrees == 1],
    },
    may_be_lapsed=PENDING_CHECK_CONDITION,
)
QUEUE_TABLES = (REFUND_QUERIES, PAYMENT_QUERIES, ORDER_QUERIES, CREDIT_CHECK_QUERIES)
"""Queries of all tables with queues. A page shows the records of one work state by age, whatever their kind. Records
of the same instant are sorted by their kind: refunds, payments, orders, credit checks.
"""
