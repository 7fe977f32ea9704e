"""An order follows its payments: it is refunded when all that was paid for it has gone back."""

from console.domain.order_records import OrderState
from console.domain.records import WorkState
from console.domain.states import ORDER
from console.services import order_moving, payment_work
from console.services.desk import Desk
from console.store import orders, payments
from console.store.engine import Transaction


@payments.runs_again()
def follow(desk: Desk, tx: Transaction, payment_id: int) -> None:
    """After a refund has gone through: move the order on, if it may go that way and nothing of it is left."""
    payment = payments.find(tx.conn, payment_id)
    order = orders.find(tx.conn, payment.order_id) if payment and payment.order_id is not None else None
    if payment and payment.work.state is WorkState.NEEDS_REVIEW and payment.refunded_minor == payment.captured_minor:
        payment_work.close_case(desk, tx, payment, order_moving.LATE)  # nothing of it is left to decide about
    if order is None or OrderState.REFUNDED not in ORDER[order.state]:
        return
    paid = [one for one in payments.of_order(tx.conn, order.id) if one.captured_minor]
    if paid and all(one.refunded_minor == one.captured_minor for one in paid):
        orders.change(tx.conn, order, desk.now(), status=OrderState.REFUNDED)
        desk.note(tx, "order.refunded", order.id, {"payment": payment_id}, kind=orders.KIND)
