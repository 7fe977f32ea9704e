"""An order follows its payment: pending becomes paid. A transaction of its own, scheduled until it is done."""

from sqlalchemy import Connection

from console.domain.deciding import why_not_move
from console.domain.errors import ConsoleError
from console.domain.order_records import Order, OrderState, Payment
from console.domain.records import Work, WorkState
from console.domain.schedules import PAYMENT_PROBES, next_at
from console.domain.truth import PAID
from console.services import payment_work, refusals
from console.services.desk import Desk
from console.services.settling import tolerated
from console.store import orders, payments
from console.store.engine import Transaction

KIND = orders.KIND
LATE, NOT_MOVED = "paid_after_cancel", "not_moved"
ACTION = "payment.move_order"


def follow(desk: Desk, payment_id: int) -> None:
    """Right after a payment was booked. Whatever goes wrong, a due task tries again."""
    with tolerated(f"the order of payment {payment_id}"):
        _write(desk, payment_id)


def move(desk: Desk, payment_id: int) -> Order:
    """Apply the transition that the payment's order lacks; the order as it is then. No provider is asked.

    Raises not_found where there is no payment or it has no order.
    """
    order_id = _write(desk, payment_id)
    with desk.database.read() as conn:
        moved = orders.find(conn, order_id)
    if moved is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(order_id)})
    return moved


def _write(desk: Desk, payment_id: int) -> int:
    desk.failpoints.reach("before_order_move")
    order_id = desk.write(lambda tx: _move(desk, tx, payment_id))
    desk.failpoints.reach("after_order_move")
    return order_id


def by_hand(desk: Desk, payment_id: int) -> Order:
    """The same for a person who doesn't want to wait. Raises not_allowed as well, and nothing_to_resolve where there
    is nothing that the order could follow.
    """
    with refusals.audited(desk, ACTION, payment_id, kind=payments.KIND):
        desk.require("probe")
        _refuse_idle(desk, payment_id)
        return move(desk, payment_id)


def _refuse_idle(desk: Desk, payment_id: int) -> None:
    with desk.database.read() as conn:
        payment = payments.find(conn, payment_id)
        order = orders.find(conn, payment.order_id) if payment and payment.order_id else None
        covered = order is not None and covers(paid_of(conn, order), order)
    why = why_not_move(payment, order, covered=covered) if payment else None
    if why is not None:
        raise ConsoleError("nothing_to_resolve", {"record": payment, "reason": why})


def paid_of(conn: Connection, order: Order) -> list[Payment]:
    """The payments of an order that were paid."""
    return [one for one in payments.of_order(conn, order.id) if one.state in PAID]


def covers(paid: list[Payment], order: Order) -> bool:
    """Whether what was paid pays for the order, in its own currency."""
    same = all(one.currency == order.currency for one in paid)
    return same and sum(one.captured_minor for one in paid) >= order.total_minor


@orders.runs_again()
def _move(desk: Desk, tx: Transaction, payment_id: int) -> int:
    payment = payments.find(tx.conn, payment_id)
    order = orders.find(tx.conn, payment.order_id) if payment and payment.order_id else None
    if payment is None or order is None:
        raise ConsoleError("not_found", {"kind": KIND, "payment": str(payment_id)})
    opened = payment.state in PAID and _apply(desk, tx, payment, order)
    if payment.work.reason == payment_work.MOVE_ORDER:
        _put_to_rest(desk, tx, payment_work.required(tx, payment.id) if opened else payment)
    return order.id


def _apply(desk: Desk, tx: Transaction, payment: Payment, order: Order) -> bool:
    """Pending becomes paid by all that was paid for it; cancelled stays so. True where a person has to look."""
    paid = paid_of(tx.conn, order)
    if order.state is OrderState.CANCELLED:
        _paid_too_late(desk, tx, payment, order)
        return True
    if order.state is not OrderState.PENDING:
        twice = any(one.id != payment.id for one in paid)
        if twice:
            expected = f"{order.merch_txn_id} is {order.state}"
            payment_work.open_case(desk, tx, payment.id, "paid_twice", f"{len(paid)} payments", expected)
        return twice
    if not covers(paid, order):
        observed = f"{payment.captured_minor} {payment.currency}"
        expected = f"{order.total_minor} {order.currency}"
        payment_work.open_case(desk, tx, payment.id, NOT_MOVED, observed, expected)
        return True
    orders.change(tx.conn, order, desk.now(), status=OrderState.PAID, **orders.work_values(Work()))
    desk.note(tx, "order.paid", order.id, {"payment": payment.id}, kind=KIND)
    for one in paid:
        if one.work.state is WorkState.NEEDS_REVIEW:
            payment_work.close_case(desk, tx, one, NOT_MOVED)
    return False


def _paid_too_late(desk: Desk, tx: Transaction, payment: Payment, order: Order) -> None:
    observed = f"{payment.captured_minor} {payment.currency}"
    payment_work.open_case(desk, tx, payment.id, LATE, observed, f"{order.merch_txn_id} is cancelled")
    if order.work.reason != LATE:
        work = orders.work_values(Work(WorkState.NEEDS_REVIEW, reason=LATE))
        orders.change(tx.conn, order, desk.now(), **work)
        desk.note(tx, f"order.{LATE}", order.id, {"payment": payment.id}, kind=KIND, reason=LATE)


def _put_to_rest(desk: Desk, tx: Transaction, payment: Payment) -> None:
    """The order has been dealt with: what is left to do is what the cases say."""
    work = payment_work.resting(desk, tx, payment, payment.state)
    payments.change(tx.conn, payment, desk.now(), **payments.work_values(work))


def try_again(desk: Desk, payment: Payment) -> bool:
    """A due attempt; where it fails, the next one is planned, and after the last one a person is asked."""
    try:
        move(desk, payment.id)
    except Exception:
        desk.write(lambda tx: _plan_next(desk, tx, payment.id))
        raise
    return True


@payments.runs_again()
def _plan_next(desk: Desk, tx: Transaction, payment_id: int) -> None:
    fresh = payments.find(tx.conn, payment_id)
    if fresh is None or fresh.work.reason != payment_work.MOVE_ORDER:
        return
    attempt = fresh.work.attempt + 1
    at = next_at(PAYMENT_PROBES, attempt, desk.now(), desk.scale)
    work = Work(WorkState.SCHEDULED, at, payment_work.MOVE_ORDER, attempt)
    if at is None:
        work = Work(WorkState.NEEDS_REVIEW, None, NOT_MOVED, attempt)
    payments.change(tx.conn, fresh, desk.now(), **payments.work_values(work))
