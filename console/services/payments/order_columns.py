"""Fill columns of a shop's order with values of its payment: the ids that the provider gave to the payment, and the
payment method.

Only empty columns are filled. The write has its own transaction after the booking of the payment, so that a failed
write does not prevent the booking.
"""

from collections.abc import Mapping

from console.domain.audit.actions import AuditAction
from console.domain.payments import provider_registry
from console.domain.payments.records import Order, Payment
from console.domain.payments.states import PAID_STATES, PaymentState
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.database.engine import Transaction
from console.store.payments import orders, payments

ORDER_KIND = orders.ORDER_KIND


def make_order_column_values(payment: Payment) -> Mapping[str, str]:
    """Return the values that the shop's order gets from its payment, by column of the order. For a payment at Atom
    these are `atom_token_id` (the payment's token), `atom_txn_id` (Atom's payment id) and `payment_method`. A value
    that is not known yet, or too long for its column, is left out.

    The token (column `handle` of the payment) is known after the start of the payment; the provider's payment id and
    the payment method are known after the payment was paid.
    """
    provider, values = provider_registry.find_provider(payment.provider), dict[str, str | None]()
    if provider is not None and provider.order_handle_column:
        values[provider.order_handle_column] = payment.handle
    if payment.state in PAID_STATES:
        values["payment_method"] = payment.provider
        if provider is not None and provider.order_payment_column:
            values[provider.order_payment_column] = payment.provider_payment_id
    return {column: value for column, value in values.items() if value and orders.fits_order_column(column, value)}


def write_order_column_values(context: ServiceContext, payment_id: int) -> None:
    """Write the values of `make_order_column_values` into the empty columns of the payment's order, in a separate
    transaction. Do nothing if the payment or its order is missing.

    A failure is only logged. The next report about the payment, or the change of the order to paid, then writes the
    values.
    """
    with log_and_suppress(f"the order's columns of payment {payment_id}"):
        context.write(lambda tx: _write_order_column_values(context, tx, payment_id))


@orders.run_again_if_stale()
def _write_order_column_values(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    payment = payments.find(tx.conn, payment_id)
    order = orders.find(tx.conn, payment.order_id) if payment and payment.order_id else None
    if payment is not None and order is not None:
        fill_empty_order_columns(context, tx, payment, order)


def fill_empty_order_columns(context: ServiceContext, tx: Transaction, payment: Payment, order: Order) -> Order:
    """Write the values of `make_order_column_values` into those columns of the payment's order that are empty. Return
    the order after the write.

    A column that already has another value is not changed. An audit entry reports the difference once, when the
    payment's value becomes known. Raises StaleRow if the order has changed since it was read; the caller then repeats
    its transaction.
    """
    values = make_order_column_values(payment) if order.work.reason != orders.UNREADABLE_STATE_REASON else {}
    present_values = {column: getattr(order, column) for column in values}
    missing_values = {column: value for column, value in values.items() if not present_values[column]}
    if missing_values:
        orders.fill_empty_columns(tx.conn, order, context.now(), missing_values)
        fill_facts = {"payment": payment.id, "columns": sorted(missing_values)}
        context.record_audit(tx, AuditAction.ORDER_FILLED, order.id, fill_facts, kind=ORDER_KIND)
    for column, value in values.items():
        if present_values[column] not in (None, "", value) and _has_value_become_known(payment, column):
            difference_facts = {
                "payment": payment.id,
                "column": column,
                "kept": present_values[column],
                "other": value,
            }
            context.record_audit(
                tx, AuditAction.ORDER_DIFFERS, order.id, difference_facts, kind=ORDER_KIND, reason="other_value"
            )
    return (orders.find(tx.conn, order.id) or order) if missing_values else order


def _has_value_become_known(payment: Payment, column: str) -> bool:
    """True if the payment is in the state in which the value of this order column first becomes known: for the token,
    when the payer can pay; for the other columns, when the payment is paid."""
    provider = provider_registry.find_provider(payment.provider)
    if provider is not None and column == provider.order_handle_column:
        return payment.state is PaymentState.TOKEN_GENERATED
    return payment.state in (PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED)
