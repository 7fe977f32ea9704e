"""What the sides of a payment say, where they disagree, and where its money is. Reads nothing but the records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from console.domain.order_records import Order, OrderState, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.payment_results import MoneyStrip, Side
from console.domain.records import Certainty

OLD_WHILE_MOVING = timedelta(minutes=15)
OLD_WHEN_FINAL = timedelta(hours=24)
"""An answer is old after so long."""

_P, _O, _R = PaymentState, OrderState, RefundState
PAID = frozenset({_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED})
"""States in which the payer has paid and still has."""
WAITING = frozenset({_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT})
ENDED_UNPAID = frozenset({_P.PAYMENT_FAILED, _P.EXPIRED})
FINAL = frozenset({_P.COMPLETED, _P.REVERSED}) | ENDED_UNPAID
_ORDER_PAID = frozenset({_O.PAID, _O.SHIPPED, _O.DELIVERED, _O.REFUNDED})
# An unpaid code says the same before and after its end, and what was taken back is told as a failure.
_AGREES: Mapping[PaymentState, frozenset[PaymentState]] = {
    **dict.fromkeys(PAID, PAID),
    **dict.fromkeys(WAITING, WAITING),
    **dict.fromkeys(ENDED_UNPAID, WAITING | ENDED_UNPAID),
    _P.REVERSED: ENDED_UNPAID | {_P.REVERSED},
}


def sides(
    payment: Payment, order: Order | None, told: PaymentState | None, now: datetime, *, by: str | None = None
) -> tuple[Side, Side, Side]:
    """Ours, the provider's and the order's, always in this order. `told`: what the provider's word means, as far as
    that is known; `by`: who wrote our side last.
    """
    return _ours(payment, by), _provider(payment, told, now), _order(payment, order, now)


def _ours(payment: Payment, by: str | None) -> Side:
    return Side(
        name="ours",
        state=payment.state.value,
        word=payment.state.value,
        minor=_ours_minor(payment),
        refunded_minor=payment.refunded_minor,
        currency=payment.currency,
        reference=payment.merchant_payment_id,
        since=payment.changed_at,
        asked=payment.changed_at,
        source=by,
        version=payment.version,
    )


def _provider(payment: Payment, told: PaymentState | None, now: datetime) -> Side:
    asked = payment.told_at
    return Side(
        name="provider",
        state=told.value if told else None,
        word=payment.provider_state,
        minor=payment.provider_minor,
        refunded_minor=payment.provider_refunded_minor,
        currency=None if payment.provider_minor is None else payment.currency,
        reference=payment.provider_payment_id,
        since=payment.paid_at if told in PAID else asked,
        asked=asked,
        old=asked is not None and is_old(asked, payment, now),
        source=payment.provider,
        differs=tuple(_differs_at_provider(payment, told)) if asked else (),
    )


def _differs_at_provider(payment: Payment, told: PaymentState | None) -> Sequence[str]:
    found = []
    if told is not None and told not in _AGREES[payment.state]:
        found.append("state")
    if payment.provider_minor not in (None, _ours_minor(payment)):
        found.append("amount")
    if payment.provider_refunded_minor not in (None, payment.refunded_minor):
        found.append("refunded")
    return found


def _order(payment: Payment, order: Order | None, now: datetime) -> Side:
    if order is None:
        return Side(name="order", there=False)
    return Side(
        name="order",
        state=order.state.value,
        word=order.state.value,
        minor=order.total_minor,
        currency=order.currency,
        reference=order.merch_txn_id,
        since=order.changed_at,
        asked=now,
        source="shop",
        version=order.version,
        differs=tuple(_differs_at_order(payment, order)),
    )


def _differs_at_order(payment: Payment, order: Order) -> Sequence[str]:
    found = []
    moved = order.state in _ORDER_PAID
    alone = len(order.payment_ids) <= 1  # an order of several may have been paid by another one
    if (payment.state in PAID and not moved) or (moved and alone and payment.state not in PAID):
        found.append("state")
    if order.total_minor != _ours_minor(payment):
        found.append("amount")
    if order.currency != payment.currency:
        found.append("currency")
    return found


def _ours_minor(payment: Payment) -> int:
    """What was taken, and until then what was asked for."""
    return payment.captured_minor or payment.asked_minor


def is_old(asked: datetime, payment: Payment, now: datetime) -> bool:
    """Whether an answer of that time says little by now."""
    return now - asked > (OLD_WHEN_FINAL if is_final(payment) else OLD_WHILE_MOVING)


def is_final(payment: Payment) -> bool:
    """Nothing more is waited for."""
    return payment.state in FINAL and payment.certainty is Certainty.KNOWN


def money_strip(payment: Payment, refunds: Sequence[Refund]) -> MoneyStrip:
    """The parts of what was captured. What is reserved is on its way, unknown, or waits for people."""
    on_its_way = _sum(one for one in refunds if one.state is _R.SUBMITTED and one.certainty is Certainty.KNOWN)
    unknown = _sum(one for one in refunds if one.state in _SENT and one.certainty is Certainty.UNKNOWN)
    return MoneyStrip(
        currency=payment.currency,
        captured=payment.captured_minor,
        refunded=payment.refunded_minor,
        on_its_way=min(on_its_way, payment.reserved_minor),
        unknown=min(unknown, max(0, payment.reserved_minor - on_its_way)),
        waiting=max(0, payment.reserved_minor - on_its_way - unknown),
        set_aside=payment.set_aside_minor,
        refundable=payment.left_minor if payment.state in PAID else 0,
    )


_SENT = frozenset({_R.SUBMITTING, _R.SUBMITTED})


def _sum(refunds: Iterable[Refund]) -> int:
    return sum(one.amount_minor for one in refunds)
