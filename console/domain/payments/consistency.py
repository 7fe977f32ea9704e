"""Compare a payment with the provider's last report and with its order, and split the captured amount into parts. The
functions of this module use only the given records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from console.domain.payments import provider_registry
from console.domain.payments.compared_sides import ComparedSide, MoneyParts
from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import (
    CONFIRMED_PAID_STATES,
    ENDED_UNPAID_STATES,
    FINAL_STATES,
    PAID_STATES,
    RESERVING_REFUND_STATES,
    WAITING_STATES,
    PaymentState,
    RefundState,
)
from console.domain.records import Certainty

MAX_ANSWER_AGE_BEFORE_FINAL_STATE = timedelta(minutes=15)
MAX_ANSWER_AGE_IN_FINAL_STATE = timedelta(hours=24)
"""Age above which a provider's answer counts as too old: MAX_ANSWER_AGE_BEFORE_FINAL_STATE for an answer about a
payment that can still change; MAX_ANSWER_AGE_IN_FINAL_STATE for an answer about a payment in a final state, or about
a refund that the provider has accepted.
"""

_PAID_ORDER_STATES = frozenset({OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED, OrderState.REFUNDED})
# A provider reports an expired unpaid code in the same state as one that still waits, and a reversal as a failure.
_AGREEING_PAYMENT_STATES: Mapping[PaymentState, frozenset[PaymentState]] = {
    **dict.fromkeys(PAID_STATES, PAID_STATES),
    **dict.fromkeys(WAITING_STATES, WAITING_STATES),
    **dict.fromkeys(ENDED_UNPAID_STATES, WAITING_STATES | ENDED_UNPAID_STATES),
    PaymentState.REVERSED: ENDED_UNPAID_STATES | {PaymentState.REVERSED},
}


def compare_payment_sides(
    payment: Payment,
    order: Order | None,
    known_provider_state: PaymentState | None,
    now: datetime,
    *,
    writer_name: str | None = None,
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return the three compared sides of a payment, always in this order: our payment, the provider's last report,
    the order. `known_provider_state` is our payment state that corresponds to the state in the provider's own
    words; None if these words are unknown. `writer_name` is the name of the person or process that last changed our
    payment.
    """
    return (
        _make_our_side(payment, writer_name),
        _make_provider_side(payment, known_provider_state, now),
        _make_order_side(payment, order, now),
    )


def compare_order_sides(
    order: Order, payment: Payment | None, known_provider_state: PaymentState | None, now: datetime
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return the three compared sides of an order: `payment` (one of its payments), the last report of the payment's
    provider, and the order itself, as `compare_payment_sides` returns them. If `payment` is None, because the order
    has no payment, the first two sides don't exist.
    """
    if payment is not None:
        return compare_payment_sides(payment, order, known_provider_state, now)
    order_side = _describe_order(order, now)
    return ComparedSide(name="ours", there=False), ComparedSide(name="provider", there=False), order_side


def _make_our_side(payment: Payment, writer_name: str | None) -> ComparedSide:
    """Return our side of a payment; `writer_name` is the name of the person or process that last changed our row."""
    return ComparedSide(
        name="ours",
        state=payment.state.value,
        word=payment.state.value,
        minor=_get_our_amount_minor(payment),
        refunded_minor=payment.refunded_minor,
        currency=payment.currency,
        reference=payment.merchant_payment_id,
        since=payment.state_since,
        asked=payment.changed_at,
        source=writer_name,
        version=payment.version,
    )


def _make_provider_side(payment: Payment, known_provider_state: PaymentState | None, now: datetime) -> ComparedSide:
    """Return the provider's side of a payment, from its last stored statement. `known_provider_state` is the state
    that the statement means, None if the provider has stated none or its word is unknown. Without a statement the
    side has no differences.
    """
    answered_at = payment.told_at
    return ComparedSide(
        name="provider",
        state=known_provider_state.value if known_provider_state else None,
        word=payment.provider_state,
        minor=payment.provider_minor,
        refunded_minor=payment.provider_refunded_minor,
        currency=None if payment.provider_minor is None else payment.currency,
        reference=payment.provider_payment_id,
        since=payment.paid_at if known_provider_state in PAID_STATES else answered_at,
        asked=answered_at,
        old=has_old_answer(payment, now),
        source=payment.provider,
        differs=tuple(_list_differences_at_provider(payment, known_provider_state)) if answered_at else (),
    )


def _list_differences_at_provider(payment: Payment, known_provider_state: PaymentState | None) -> Sequence[str]:
    """Return the fields in which the provider's last statement contradicts the payment. `known_provider_state` is the
    state that the statement means, None if the provider has stated none or its word is unknown.
    """
    fields = []
    if known_provider_state is not None and known_provider_state not in _AGREEING_PAYMENT_STATES[payment.state]:
        fields.append("state")
    if payment.provider_minor not in (None, _get_our_amount_minor(payment)):
        fields.append("amount")
    if payment.provider_refunded_minor not in (None, payment.refunded_minor):
        fields.append("refunded")
    return fields


def _make_order_side(payment: Payment, order: Order | None, now: datetime) -> ComparedSide:
    """Return the order's side of a payment; it doesn't exist if `order` is None."""
    if order is None:
        return ComparedSide(name="order", there=False)
    return _describe_order(order, now, differs=tuple(_list_differences_at_order(payment, order)))


def _describe_order(order: Order, now: datetime, *, differs: tuple[str, ...] = ()) -> ComparedSide:
    """Return the side of an order that is read at the instant `now`; `differs` are its fields that contradict our
    payment."""
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
        differs=differs,
    )


def _list_differences_at_order(payment: Payment, order: Order) -> Sequence[str]:
    """Return the fields (state, amount, currency) in which the order contradicts the payment."""
    fields = []
    is_order_paid = order.state in _PAID_ORDER_STATES
    is_only_payment = len(order.payment_ids) <= 1  # an order with several payments may have been paid by another one
    if (has_unrefunded_amount(payment) and not is_order_paid) or (
        is_order_paid and is_only_payment and payment.state not in PAID_STATES
    ):
        fields.append("state")
    if order.currency != payment.currency:
        fields.append("currency")
    elif has_unrefunded_amount(payment) and compute_order_difference_minor(payment, order):
        fields.append("amount")
    return fields


def has_unrefunded_amount(payment: Payment) -> bool:
    """True if the payment is paid and a part of its amount hasn't been refunded or given back outside, or if its
    captured amount isn't known (0). Such a payment still counts as payment of its order.
    """
    return payment.state in PAID_STATES and not is_refunded_in_full(payment)


def is_refunded_in_full(payment: Payment) -> bool:
    """True if the whole captured amount of the payment was refunded, or given back outside."""
    return 0 < payment.captured_minor <= payment.given_back_minor


def compute_order_difference_minor(payment: Payment, order: Order) -> int:
    """Return the amount (minor units) by which the paid payments of the payment's order exceed the order's total. The
    result is negative if they are less than the total, and 0 if the excess was refunded. The other payments of the
    order are read from `payment.relations`; without relations only this payment counts. A payment in another currency
    than the order's doesn't count.
    """
    paid_payments = list_paid_order_payments(payment, order.currency)
    captured_minor = sum(paid_payment.captured_minor for paid_payment in paid_payments)
    remaining_minor = captured_minor - sum(paid_payment.given_back_minor for paid_payment in paid_payments)
    is_excess_refunded = captured_minor > order.total_minor >= remaining_minor
    return 0 if is_excess_refunded else captured_minor - order.total_minor


def list_paid_order_payments(payment: Payment, currency: str | None = None) -> list[Payment]:
    """Return the payments of the payment's order that are in a paid state; with `currency`, only those in this
    currency, whose amounts can be added. `payment` itself is one of them if it is paid. The other payments are read
    from `payment.relations`; without relations there are none.
    """
    order_payments = payment.relations.order_payments if payment.relations is not None else ()
    other_payments = [other_payment for other_payment in order_payments if other_payment.id != payment.id]
    return [
        order_payment
        for order_payment in (payment, *other_payments)
        if order_payment.state in PAID_STATES and currency in (None, order_payment.currency)
    ]


def compute_overpaid_minor(payment: Payment, order: Order | None, order_payments: Iterable[Payment]) -> int:
    """Return the part of a payment's refundable amount (minor units) by which the payments of its order exceed the
    order's total. `order_payments` are all payments of the order, including the payment itself. Money that is
    refunded, reserved for a refund or set aside doesn't count. The result is 0 if the payment has no order, or if the
    order has another currency."""
    if order is None or order.currency != payment.currency:
        return 0
    counted_payments = list_unrefunded_payments(payment, order_payments)
    excess_minor = sum(counted_payment.refundable_minor for counted_payment in counted_payments) - order.total_minor
    return max(0, min(excess_minor, payment.refundable_minor))


def list_unrefunded_payments(payment: Payment, order_payments: Iterable[Payment]) -> list[Payment]:
    """Return `payment`, and of the other payments in `order_payments` those that are confirmed as paid in the same
    currency and not refunded in full."""
    other_payments = (other_payment for other_payment in order_payments if other_payment.id != payment.id)
    return [
        payment,
        *(
            other_payment
            for other_payment in other_payments
            if other_payment.state in CONFIRMED_PAID_STATES
            and other_payment.currency == payment.currency
            and not is_refunded_in_full(other_payment)
        ),
    ]


def compute_retained_minor(payment: Payment) -> int:
    """Return the part of a payment's captured amount (minor units) that stays with the shop: all that is neither
    refunded, nor reserved for a refund, nor given back outside."""
    return payment.captured_minor - payment.given_back_minor - payment.reserved_minor


def is_order_covered(payments: Sequence[Payment], order: Order) -> bool:
    """True if the confirmed payments of `payments` are all in the order's currency, and the sum of their amounts that
    stay with the shop is at least the order's total. A payment that only a callback reports as paid doesn't count,
    and its currency doesn't matter.
    """
    return are_all_in_order_currency(payments, order) and sum_retained_minor(payments) >= order.total_minor


def are_all_in_order_currency(payments: Iterable[Payment], order: Order) -> bool:
    """True if all confirmed payments of `payments` are in the order's currency. Otherwise their amounts can't be
    added and compared with the order's total."""
    return find_payment_in_other_currency(payments, order) is None


def find_payment_in_other_currency(payments: Iterable[Payment], order: Order) -> Payment | None:
    """Return the first confirmed payment of `payments` that isn't in the order's currency; None if there is none."""
    confirmed_payments = (payment for payment in payments if payment.state in CONFIRMED_PAID_STATES)
    return next((payment for payment in confirmed_payments if payment.currency != order.currency), None)


def sum_retained_minor(payments: Iterable[Payment]) -> int:
    """Return the sum of the amounts (minor units) of the confirmed payments of `payments` that stay with the shop. A
    payment that only a callback reports as paid doesn't count. The currencies are not compared."""
    return sum(compute_retained_minor(payment) for payment in payments if payment.state in CONFIRMED_PAID_STATES)


def is_order_refunded(order_payments: Sequence[Payment]) -> bool:
    """True if all captured payments of an order were refunded in full. `order_payments` are all payments of the
    order. False if none was captured."""
    captured_payments = [payment for payment in order_payments if payment.captured_minor]
    return bool(captured_payments) and all(map(is_refunded_in_full, captured_payments))


def compare_refund_sides(
    refund: Refund, payment: Payment, order: Order | None, known_provider_state: RefundState | None, now: datetime
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return the three compared sides of a refund, always in this order: our refund, the provider's last report about
    the refund, the order. The amounts of our refund and of the provider's report are negative; the provider's is None
    if it reports no accepted refund. The order's side has no differences. `known_provider_state` is our refund state
    that corresponds to the state in the provider's own words; None if these words are unknown.
    """
    negative_amount_minor = -refund.amount_minor
    our_side = ComparedSide(
        name="ours",
        state=refund.state.value,
        word=refund.state.value,
        minor=negative_amount_minor,
        currency=refund.currency,
        reference=refund.provider_refund_key,
        since=refund.state_since,
        asked=refund.changed_at,
        source=refund.maker if refund.state is RefundState.REQUESTED else None,
        version=refund.version,
    )
    is_contradicted = known_provider_state in _CONTRADICTING_REFUND_STATES.get(refund.state, frozenset())
    provider_side = ComparedSide(
        name="provider",
        state=known_provider_state.value if known_provider_state else None,
        word=refund.provider_state,
        minor=negative_amount_minor
        if known_provider_state in (RefundState.SUBMITTED, RefundState.COMPLETED)
        else None,
        currency=refund.currency,
        reference=refund.provider_refund_id,
        since=refund.told_at,
        asked=refund.told_at,
        old=has_old_answer(refund, now),
        source=payment.provider,
        differs=("state",) if is_contradicted else (),
    )
    order_side = _make_order_side(payment, order, now)
    return our_side, provider_side, replace(order_side, differs=())


_CONTRADICTING_REFUND_STATES: Mapping[RefundState, frozenset[RefundState]] = {
    RefundState.COMPLETED: frozenset({RefundState.FAILED}),
    **dict.fromkeys(
        (RefundState.FAILED, RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED),
        frozenset({RefundState.SUBMITTED, RefundState.COMPLETED}),
    ),
}
"""The provider's states that contradict a final state of a refund, by this final state."""


def _get_our_amount_minor(payment: Payment) -> int:
    """Return the amount that our record of the payment shows, in minor units: the captured amount; before the capture
    the requested amount."""
    return payment.captured_minor or payment.asked_minor


def has_old_answer(record: Payment | Refund, now: datetime) -> bool:
    """True if the provider's last answer about the record is too old to be used. For a payment, `is_answer_old`
    decides. For a refund, this is True only if the provider has accepted the refund and the answer is older than
    MAX_ANSWER_AGE_IN_FINAL_STATE. False if there is no answer.
    """
    if record.told_at is None:
        return False
    if isinstance(record, Payment):
        return is_answer_old(record.told_at, record, now)
    return record.state is RefundState.SUBMITTED and now - record.told_at > MAX_ANSWER_AGE_IN_FINAL_STATE


def is_answer_old(answered_at: datetime, payment: Payment, now: datetime) -> bool:
    """True if a provider's answer about the payment, given at the instant `answered_at`, is too old to be used. The
    limit is 24 hours for a payment in a final state, and 15 minutes for any other payment.
    """
    return now - answered_at > (
        MAX_ANSWER_AGE_IN_FINAL_STATE if is_final(payment) else MAX_ANSWER_AGE_BEFORE_FINAL_STATE
    )


def is_final(payment: Payment) -> bool:
    """True if the payment's state is final (completed, reversed, failed or expired) and its outcome isn't unknown."""
    return payment.state in FINAL_STATES and payment.certainty is Certainty.KNOWN


def find_money_part_of_refund(refund: Refund) -> str:
    """Return the field of MoneyParts to which the amount of a refund belongs: "refunded", "on_its_way", "unknown" or
    "waiting". Return "" for a refund that has ended and has refunded nothing."""
    if refund.state is RefundState.COMPLETED:
        return "refunded"
    if refund.state in _SENT_REFUND_STATES and refund.certainty is Certainty.UNKNOWN:
        return "unknown"
    if refund.state is RefundState.SUBMITTED and refund.certainty is Certainty.KNOWN:
        return "on_its_way"
    return "waiting" if refund.state in RESERVING_REFUND_STATES else ""


def compute_money_parts(payment: Payment, refunds: Sequence[Refund]) -> MoneyParts:
    """Return the captured amount of a payment, split into its parts. The reserved amount is split into three parts:
    refunds that the provider has accepted, sent refunds with an unknown outcome, and all other open refunds (waiting
    or being sent). `refunds` are all refunds of the payment.
    """
    accepted_minor = _sum_refunds(refund for refund in refunds if find_money_part_of_refund(refund) == "on_its_way")
    unknown_minor = _sum_refunds(refund for refund in refunds if find_money_part_of_refund(refund) == "unknown")
    return MoneyParts(
        currency=payment.currency,
        captured=payment.captured_minor,
        refunded=payment.refunded_minor,
        on_its_way=min(accepted_minor, payment.reserved_minor),
        unknown=min(unknown_minor, max(0, payment.reserved_minor - accepted_minor)),
        waiting=max(0, payment.reserved_minor - accepted_minor - unknown_minor),
        set_aside=0 if payment.state is PaymentState.REVERSED else payment.set_aside_minor,
        outside=0 if payment.state is PaymentState.REVERSED else payment.outside_minor,
        refundable=compute_refundable_minor(payment),
    )


def compute_refundable_minor(payment: Payment) -> int:
    """Return the amount (minor units) of a payment that can still be refunded, without the amount set aside; 0 if the
    payment isn't paid. A reversed payment has nothing left to refund, although it was captured."""
    return payment.refundable_minor if payment.state in PAID_STATES else 0


def compute_unrefunded_minor(payment: Payment) -> int:
    """Return the part of a payment's captured amount (minor units) that hasn't been refunded or given back outside,
    also if it is reserved for a refund or set aside."""
    return max(0, payment.captured_minor - payment.given_back_minor)


def compute_reversed_minor(payment: Payment) -> int:
    """Return the part of a payment's captured amount (minor units) that the payer's bank has taken back by the
    reversal: all that isn't refunded or reserved for a refund, including the amount that was set aside. 0 if the
    payment isn't reversed."""
    if payment.state is not PaymentState.REVERSED:
        return 0
    return max(0, payment.captured_minor - payment.refunded_minor - payment.reserved_minor)


_SENT_REFUND_STATES = frozenset({RefundState.SUBMITTING, RefundState.SUBMITTED})
"""States of a refund that is being sent or that the provider has accepted."""


def _sum_refunds(refunds: Iterable[Refund]) -> int:
    """Return the sum of the amounts of the refunds, in minor units."""
    return sum(refund.amount_minor for refund in refunds)


def find_reversal_deadline(record: Payment) -> datetime | None:
    """Return the instant (aware) until which the payer's bank may reverse a paid payment; None if the payment isn't
    paid or can't be reversed.
    """
    days, zone = (
        provider_registry.get_reversible_days(record.provider),
        provider_registry.get_time_zone(record.provider),
    )
    if days is None or record.paid_at is None or record.state not in PAID_STATES:
        return None
    first_day_after = record.paid_at.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(first_day_after, time(), zone)


def find_first_reversible_instant(provider: str, now: datetime) -> datetime | None:
    """Return the earliest time of payment (aware) for which the payer's bank may still reverse the payment at the
    instant `now`; None if the provider's payments can't be reversed. `find_reversal_deadline` applies the same rule
    to one payment.
    """
    days, zone = provider_registry.get_reversible_days(provider), provider_registry.get_time_zone(provider)
    return (
        None if days is None else datetime.combine(now.astimezone(zone).date() - timedelta(days=days), time(), zone)
    )
