"""Compare a payment with the provider's last statement and with its order, and split the captured amount into parts.
The results depend only on the given records.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.service_results import ComparedSide, MoneyParts
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty

OLD_AGE_BEFORE_FINAL_STATE = timedelta(minutes=15)
OLD_AGE_IN_FINAL_STATE = timedelta(hours=24)
"""Age from which a provider's answer about a payment counts as too old: OLD_AGE_BEFORE_FINAL_STATE for a payment that
can still change, OLD_AGE_IN_FINAL_STATE for a payment in a final state.
"""

_P, _O, _R = PaymentState, OrderState, RefundState
PAID_STATES = frozenset({_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED})
"""Payment states in which the payer has paid and the payment isn't reversed."""
WAITING_STATES = frozenset({_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT})
ENDED_UNPAID_STATES = frozenset({_P.PAYMENT_FAILED, _P.EXPIRED})
FINAL_STATES = frozenset({_P.COMPLETED, _P.REVERSED}) | ENDED_UNPAID_STATES
_PAID_ORDER_STATES = frozenset({_O.PAID, _O.SHIPPED, _O.DELIVERED, _O.REFUNDED})
# A provider reports an expired unpaid code in the same state as one that still waits, and a reversal as a failure.
_AGREEING_STATES: Mapping[PaymentState, frozenset[PaymentState]] = {
    **dict.fromkeys(PAID_STATES, PAID_STATES),
    **dict.fromkeys(WAITING_STATES, WAITING_STATES),
    **dict.fromkeys(ENDED_UNPAID_STATES, WAITING_STATES | ENDED_UNPAID_STATES),
    _P.REVERSED: ENDED_UNPAID_STATES | {_P.REVERSED},
}


def compare_sides(
    payment: Payment,
    order: Order | None,
    provider_meaning: PaymentState | None,
    now: datetime,
    *,
    source: str | None = None,
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return the three sides of a payment for comparison, always in this order: our payment, the provider's last
    statement, the order.

    `provider_meaning` is our payment state for the provider's own word, None if the word is unknown. `source` is the
    name of the last writer of our payment.
    """
    return (
        _own_side(payment, source),
        _provider_side(payment, provider_meaning, now),
        _order_side(payment, order, now),
    )


def _own_side(payment: Payment, source: str | None) -> ComparedSide:
    return ComparedSide(
        name="ours",
        state=payment.state.value,
        word=payment.state.value,
        minor=_own_minor(payment),
        refunded_minor=payment.refunded_minor,
        currency=payment.currency,
        reference=payment.merchant_payment_id,
        since=payment.state_since,
        asked=payment.changed_at,
        source=source,
        version=payment.version,
    )


def _provider_side(payment: Payment, provider_meaning: PaymentState | None, now: datetime) -> ComparedSide:
    answered_at = payment.told_at
    return ComparedSide(
        name="provider",
        state=provider_meaning.value if provider_meaning else None,
        word=payment.provider_state,
        minor=payment.provider_minor,
        refunded_minor=payment.provider_refunded_minor,
        currency=None if payment.provider_minor is None else payment.currency,
        reference=payment.provider_payment_id,
        since=payment.paid_at if provider_meaning in PAID_STATES else answered_at,
        asked=answered_at,
        old=answered_at is not None and is_answer_old(answered_at, payment, now),
        source=payment.provider,
        differs=tuple(_differences_at_provider(payment, provider_meaning)) if answered_at else (),
    )


def _differences_at_provider(payment: Payment, provider_meaning: PaymentState | None) -> Sequence[str]:
    fields = []
    if provider_meaning is not None and provider_meaning not in _AGREEING_STATES[payment.state]:
        fields.append("state")
    if payment.provider_minor not in (None, _own_minor(payment)):
        fields.append("amount")
    if payment.provider_refunded_minor not in (None, payment.refunded_minor):
        fields.append("refunded")
    return fields


def _order_side(payment: Payment, order: Order | None, now: datetime) -> ComparedSide:
    if order is None:
        return ComparedSide(name="order", there=False)
    return ComparedSide(
        name="order",
        state=order.state.value,
        word=order.state.value,
        minor=order.total_minor,
        currency=order.currency,
        reference=order.merch_txn_id,
        since=order.state_since,
        asked=now,
        source="shop",
        version=order.version,
        differs=tuple(_differences_at_order(payment, order)),
    )


def _differences_at_order(payment: Payment, order: Order) -> Sequence[str]:
    fields = []
    is_order_paid = order.state in _PAID_ORDER_STATES
    is_only_payment = len(order.payment_ids) <= 1  # an order with several payments may have been paid by another one
    if (payment.state in PAID_STATES and not is_order_paid) or (
        is_order_paid and is_only_payment and payment.state not in PAID_STATES
    ):
        fields.append("state")
    if order.total_minor != _own_minor(payment):
        fields.append("amount")
    if order.currency != payment.currency:
        fields.append("currency")
    return fields


def _own_minor(payment: Payment) -> int:
    """Return the captured amount of the payment in minor units; before the capture the requested amount."""
    return payment.captured_minor or payment.asked_minor


def is_answer_old(answered_at: datetime, payment: Payment, now: datetime) -> bool:
    """True if a provider's answer about the payment, given at the instant `answered_at`, is too old to be used."""
    return now - answered_at > (OLD_AGE_IN_FINAL_STATE if is_final(payment) else OLD_AGE_BEFORE_FINAL_STATE)


def is_final(payment: Payment) -> bool:
    """True if the payment's state is final and certain."""
    return payment.state in FINAL_STATES and payment.certainty is Certainty.KNOWN


def money_parts(payment: Payment, refunds: Sequence[Refund]) -> MoneyParts:
    """Split the captured amount of a payment into its parts. The reserved amount has three parts: refunds that the
    provider has accepted, refunds with an unknown outcome, and refunds that aren't sent yet.
    """
    on_its_way = _refund_sum(
        refund for refund in refunds if refund.state is _R.SUBMITTED and refund.certainty is Certainty.KNOWN
    )
    unknown = _refund_sum(
        refund for refund in refunds if refund.state in _SENT_STATES and refund.certainty is Certainty.UNKNOWN
    )
    return MoneyParts(
        currency=payment.currency,
        captured=payment.captured_minor,
        refunded=payment.refunded_minor,
        on_its_way=min(on_its_way, payment.reserved_minor),
        unknown=min(unknown, max(0, payment.reserved_minor - on_its_way)),
        waiting=max(0, payment.reserved_minor - on_its_way - unknown),
        set_aside=payment.set_aside_minor,
        refundable=payment.refundable_minor if payment.state in PAID_STATES else 0,
    )


_SENT_STATES = frozenset({_R.SUBMITTING, _R.SUBMITTED})


def _refund_sum(refunds: Iterable[Refund]) -> int:
    return sum(refund.amount_minor for refund in refunds)
