"""Which rows of which table wait in which queue, as stretches of an index."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from sqlalchemy import Column, and_, exists, or_
from sqlalchemy.sql.elements import ColumnElement

from console.domain.order_records import OrderState
from console.domain.payment_records import PaymentState, RefundState
from console.domain.records import Certainty
from console.domain.states import ENDED_REFUND
from console.store import credit_checks, orders, payment_rows, payments, refunds
from console.store.check_rows import to_record
from console.store.payment_schema import orders as order_table
from console.store.payment_schema import payments as payment_table
from console.store.payment_schema import refunds as refund_table
from console.store.queue_parts import Part
from console.store.schema import credit_checks as check_table

_c, _o, _p, _r = check_table.c, order_table.c, payment_table.c, refund_table.c
_P, _R = PaymentState, RefundState
PENDING_CHECK = and_(_c.seen_status == "pending", _c.certainty == "known")
_WAITING = (_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT)
_PAID = (_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED)


def _each(
    status: Column[Any], certainty: Column[Any], states: Iterable[str], *certain: Certainty
) -> list[ColumnElement[bool]]:
    """One stretch for each state and certainty."""
    return [and_(status == str(state), certainty == known.value) for state, known in product(states, certain)]


def _paid_since() -> ColumnElement[bool]:
    """SQL: the order of a failed payment was paid by another one, begun or paid after it."""
    other = payment_table.alias("other")
    return exists().where(
        other.c.order_id == _p.order_id,
        other.c.id != _p.id,
        or_(*(other.c.status == state.value for state in _PAID)),
        or_(other.c.id > _p.id, other.c.paid_at > _p.created_at),
    )


def _refunded_since() -> ColumnElement[bool]:
    """SQL: the payment of a failed refund had a later one that was completed."""
    later = refund_table.alias("later")
    return exists().where(
        later.c.payment_id == _r.payment_id, later.c.id > _r.id, later.c.status == _R.COMPLETED.value
    )


REFUNDS = Part(
    kind=refunds.KIND,
    id=_r.id,
    work=_r.work_state,
    changed=_r.changed_at,
    rows=refunds.all_records(),
    read=refunds.read,
    queues={
        "unknown": [_r.certainty == "unknown"],
        "error": [and_(_r.status == _R.FAILED.value, _r.certainty == "known", ~_refunded_since())],
        "review": [_r.work_state == "needs_review"],
        "refunds": _each(_r.status, _r.certainty, [state for state in _R if state not in ENDED_REFUND], *Certainty),
    },
    lapses=and_(_r.status == _R.SUBMITTING.value, _r.certainty == "known"),
)
PAYMENTS = Part(
    kind=payments.KIND,
    id=_p.id,
    work=_p.work_state,
    changed=_p.changed_at,
    rows=payments.all_records(),
    read=lambda _, rows, lapsed: [payment_rows.to_record(row, lapsed) for row in rows],
    queues={
        "pending": _each(_p.status, _p.certainty, _WAITING, Certainty.KNOWN),
        "unknown": [_p.certainty == "unknown"],
        "error": [and_(_p.status == _P.PAYMENT_FAILED.value, _p.certainty == "known", ~_paid_since())],
        "review": [_p.work_state == "needs_review"],
    },
    lapses=and_(_p.status == _P.INITIALIZING.value, _p.certainty == "known"),
)
ORDERS = Part(
    kind=orders.KIND,
    id=_o.id,
    work=_o.work_state,
    changed=_o.updated_at,
    rows=orders.all_records(),
    read=lambda conn, rows, _: orders.read(conn, rows),
    queues={
        "pending": [_o.status == OrderState.PENDING.value],
        "review": [_o.work_state == "needs_review"],
    },
)
CREDIT_CHECKS = Part(
    kind=credit_checks.KIND,
    id=_c.id,
    work=_c.seen_work,
    changed=_c.changed_at,
    rows=credit_checks.all_records(),
    read=lambda _, rows, lapsed: [to_record(row, lapsed) for row in rows],
    queues={
        "pending": [PENDING_CHECK],
        "unknown": [_c.certainty == "unknown"],
        "error": [and_(_c.seen_status == "error", _c.certainty == "known", ~credit_checks.later_success())],
        "incomplete": [_c.missing == 1],
        "review": [_c.seen_work == "needs_review"],
    },
    lapses=PENDING_CHECK,
)
PARTS = (REFUNDS, PAYMENTS, ORDERS, CREDIT_CHECKS)
"""In the order in which a page shows what has the same work state: money that left, money that came, the rest."""
