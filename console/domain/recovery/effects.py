"""What a choice would do, worked out on copies of the records: states and money before → after. Writes nothing."""

from collections.abc import Iterable
from dataclasses import replace

from console.domain.choice_records import Effect, Facts, Told
from console.domain.order_records import Order, OrderState, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.records import Certainty, CheckState, CreditCheck
from console.domain.truth import PAID, WAITING, money_strip

_KNOWN = Certainty.KNOWN


def check(facts: Facts, after: CheckState) -> Effect | None:
    """A credit check that people decide about."""
    record = facts.record
    if not isinstance(record, CreditCheck):
        return None
    return Effect((record.state, after), (record.certainty, _KNOWN))


def payment(facts: Facts, after: PaymentState) -> Effect | None:
    """A payment that people decide about. What the provider named counts as taken, or else what was asked for; what
    it says has run out has.
    """
    before = facts.record
    if not isinstance(before, Payment):
        return None
    if facts.told is Told.EXPIRED and before.state in WAITING:
        after = PaymentState.EXPIRED
    booked = _booked(before, facts.told) if after is PaymentState.COMPLETED and before.state not in PAID else 0
    decided = replace(before, state=after, certainty=_KNOWN, captured_minor=before.captured_minor + booked)
    news = facts.told is not Told.PAID or before.state is not PaymentState.COMPLETED
    order = _followed(facts.order, decided, covered=facts.covered) if news else _left(facts.order)
    money = money_strip(before, facts.refunds), money_strip(decided, facts.refunds)
    return Effect((before.state, after), (before.certainty, _KNOWN), order, money)


def _booked(payment: Payment, told: Told) -> int:
    named = payment.provider_minor if told is Told.OTHER_AMOUNT else None
    return payment.asked_minor if named is None else named


def refund(facts: Facts, after: RefundState) -> Effect | None:
    """A refund that people decide about: its sum has gone back, or is free again."""
    record, paid = facts.record, facts.payment
    if not isinstance(record, Refund) or paid is None:
        return None
    ended = replace(record, state=after, certainty=_KNOWN)
    given = replace(paid, reserved_minor=paid.reserved_minor - record.amount_minor)
    if after is RefundState.COMPLETED:
        given = replace(given, refunded_minor=paid.refunded_minor + record.amount_minor)
    elif record.set_aside_id is not None:
        given = replace(given, set_aside_minor=paid.set_aside_minor + record.amount_minor)
    money = money_strip(paid, facts.refunds), money_strip(given, tuple(_instead(facts.refunds, ended)))
    return Effect((record.state, after), (record.certainty, _KNOWN), money=money)


def moved(facts: Facts) -> Effect | None:
    """An order that follows its payment; nothing else changes."""
    if facts.payment is None or facts.order is None:
        return None
    paid, order = facts.payment, facts.order
    if facts.record is order:
        return Effect((order.state, OrderState.PAID), (_KNOWN, _KNOWN))
    strip = money_strip(paid, facts.refunds)
    return Effect(
        (paid.state, paid.state), (paid.certainty, paid.certainty), (order.state, OrderState.PAID), (strip, strip)
    )


def _followed(order: Order | None, paid: Payment, *, covered: bool) -> tuple[str, str] | None:
    """What becomes of the payment's order: it follows a success that covers it, if nobody has dealt with it."""
    if order is None:
        return None
    enough = covered or (paid.currency == order.currency and paid.captured_minor >= order.total_minor)
    follows = order.state is OrderState.PENDING and paid.state in PAID and enough
    return order.state, OrderState.PAID if follows else order.state


def _left(order: Order | None) -> tuple[str, str] | None:
    """A read that says what was known moves nothing."""
    return None if order is None else (order.state, order.state)


def _instead(refunds: Iterable[Refund], ended: Refund) -> Iterable[Refund]:
    return (ended if one.id == ended.id else one for one in refunds)
