"""Effects of a choice: states and amounts before and after the choice, computed on copies of the records. The module
writes nothing to the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from console.domain.payments.consistency import compute_money_parts, is_order_covered, is_order_refunded
from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import (
    CONFIRMED_PAID_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
    RefundState,
)
from console.domain.records import Certainty, CheckState, CreditCheck
from console.domain.recovery.records import ChoiceFacts, DecisionEffect, ProviderStatement
from console.domain.transitions.tables import ORDER_TRANSITIONS

_CERTAINTY_AFTER_DECISION = Certainty.KNOWN


def compute_check_effect(facts: ChoiceFacts, target: CheckState) -> DecisionEffect | None:
    """Return the effect of a decision that a credit check has the state `target`; None if the record isn't a credit
    check.
    """
    record = facts.record
    if not isinstance(record, CreditCheck):
        return None
    return DecisionEffect((record.state, target), (record.certainty, _CERTAINTY_AFTER_DECISION))


def compute_payment_effect(facts: ChoiceFacts, target: PaymentState) -> DecisionEffect | None:
    """Return the effect of a decision that a payment has the state `target`; None if the record isn't a payment. If
    the payment becomes completed, its captured amount is the requested one or, if the provider reported another one,
    the reported one. If the provider reports a payment that waits for its payer as expired, the payment becomes
    expired, also if `target` is another state.
    """
    record = facts.record
    if not isinstance(record, Payment):
        return None
    if facts.statement is ProviderStatement.EXPIRED and record.state in WAITING_STATES:
        target = PaymentState.EXPIRED
    newly_booked_minor = (
        _compute_booked_minor(record, facts.statement)
        if target is PaymentState.COMPLETED and record.state not in PAID_STATES
        else 0
    )
    payment_after = replace(
        record,
        state=target,
        certainty=_CERTAINTY_AFTER_DECISION,
        captured_minor=record.captured_minor + newly_booked_minor,
    )
    changes_payment = facts.statement is not ProviderStatement.PAID or record.state is not PaymentState.COMPLETED
    order = (
        _find_order_states(facts.order, payment_after, facts.other_order_payments)
        if changes_payment
        else _get_unchanged_order_states(facts.order)
    )
    money_parts = compute_money_parts(record, facts.refunds), compute_money_parts(payment_after, facts.refunds)
    return DecisionEffect((record.state, target), (record.certainty, _CERTAINTY_AFTER_DECISION), order, money_parts)


def compute_done_outside_effect(facts: ChoiceFacts) -> DecisionEffect | None:
    """Return the effect of the decision that the whole requestable amount of a payment was given back outside (other
    than through its provider): only the payment's amounts change. None if the record isn't a payment."""
    record = facts.record
    if not isinstance(record, Payment):
        return None
    payment_after = replace(record, outside_minor=record.outside_minor + record.requestable_minor)
    return DecisionEffect(
        (record.state, record.state),
        (record.certainty, record.certainty),
        _find_order_states_after_refund(facts, payment_after),
        (compute_money_parts(record, facts.refunds), compute_money_parts(payment_after, facts.refunds)),
    )


def _compute_booked_minor(payment: Payment, statement: ProviderStatement) -> int:
    """Return the amount (minor units) that a decision books: the amount that the provider has reported if `statement`
    is OTHER_AMOUNT and the report is stored, otherwise the requested amount."""
    provider_minor = payment.provider_minor if statement is ProviderStatement.OTHER_AMOUNT else None
    return payment.asked_minor if provider_minor is None else provider_minor


def compute_refund_effect(facts: ChoiceFacts, target: RefundState) -> DecisionEffect | None:
    """Return the effect of a decision that a refund has the state `target`: for COMPLETED, its amount is refunded,
    and the order becomes refunded if all its money was given back; for any other state, only the reservation of the
    amount ends. None if the record isn't a refund, or if its payment isn't among the facts.
    """
    record, payment = facts.record, facts.payment
    if not isinstance(record, Refund) or payment is None:
        return None
    refund_after = replace(record, state=target, certainty=_CERTAINTY_AFTER_DECISION)
    payment_after = replace(payment, reserved_minor=payment.reserved_minor - record.amount_minor)
    if target is RefundState.COMPLETED:
        payment_after = replace(payment_after, refunded_minor=payment.refunded_minor + record.amount_minor)
    elif record.set_aside_id is not None:
        payment_after = replace(payment_after, set_aside_minor=payment.set_aside_minor + record.amount_minor)
    money_parts = (
        compute_money_parts(payment, facts.refunds),
        compute_money_parts(payment_after, tuple(_replace_refund(facts.refunds, refund_after))),
    )
    order_states = (
        _find_order_states_after_refund(facts, payment_after)
        if target is RefundState.COMPLETED
        else _get_unchanged_order_states(facts.order)
    )
    return DecisionEffect(
        (record.state, target), (record.certainty, _CERTAINTY_AFTER_DECISION), order_states, money_parts
    )


def compute_set_order_paid_effect(facts: ChoiceFacts) -> DecisionEffect | None:
    """Return the effect of setting an order to paid: only the order's state changes, and no amount. None if there is
    no order or no payment.
    """
    if facts.payment is None or facts.order is None:
        return None
    payment, order = facts.payment, facts.order
    if facts.record is order:
        return DecisionEffect((order.state, OrderState.PAID), (_CERTAINTY_AFTER_DECISION, _CERTAINTY_AFTER_DECISION))
    unchanged_money_parts = compute_money_parts(payment, facts.refunds)
    return DecisionEffect(
        (payment.state, payment.state),
        (payment.certainty, payment.certainty),
        (order.state, OrderState.PAID),
        (unchanged_money_parts, unchanged_money_parts),
    )


def _find_order_states(
    order: Order | None, payment_after: Payment, other_order_payments: Sequence[Payment]
) -> tuple[str, str] | None:
    """Return the order's states before and after a decision by which its payment becomes `payment_after`; None
    without an order. A pending order becomes paid if the decision confirms the payment, and if the payment and the
    confirmed payments of `other_order_payments`, the other payments of the order, together cover its total. Otherwise
    the state doesn't change.
    """
    if order is None:
        return None
    becomes_paid = (
        order.state is OrderState.PENDING
        and payment_after.state in CONFIRMED_PAID_STATES
        and is_order_covered((payment_after, *other_order_payments), order)
    )
    return order.state, OrderState.PAID if becomes_paid else order.state


def _find_order_states_after_refund(facts: ChoiceFacts, payment_after: Payment) -> tuple[str, str] | None:
    """Return the order's states before and after an amount of its payment was given back, by which the payment became
    `payment_after`; None without an order. The order becomes refunded if all its money was given back."""
    if (
        facts.order is not None
        and OrderState.REFUNDED in ORDER_TRANSITIONS[facts.order.state]
        and is_order_refunded((payment_after, *facts.other_order_payments))
    ):
        return facts.order.state, OrderState.REFUNDED
    return _get_unchanged_order_states(facts.order)


def _get_unchanged_order_states(order: Order | None) -> tuple[str, str] | None:
    """Return the order's present state twice, as its states before and after a decision that leaves the order
    unchanged; None without an order."""
    return None if order is None else (order.state, order.state)


def _replace_refund(refunds: Iterable[Refund], changed_refund: Refund) -> Iterable[Refund]:
    return (changed_refund if refund.id == changed_refund.id else refund for refund in refunds)
