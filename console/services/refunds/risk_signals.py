"""Risk signals of a refund: facts on which the maker can comment and which the checker reads. A risk signal never
refuses a refund.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from console.domain.payments import provider_registry
from console.domain.payments.consistency import PAID_STATES
from console.domain.payments.records import Payment, Refund
from console.domain.payments.service_results import RiskSignal
from console.services.refunds.rules import RefundFacts
from console.store.alerts import cases
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.refunds import refunds

LOOK_BACK_PERIOD = timedelta(days=30)
FREQUENT_REFUND_COUNT = 3
SIMILAR_PERCENT = 1
DOUBLE_CHARGE_PERIOD = timedelta(hours=1)
LOOKALIKE_PERIOD = timedelta(hours=24)


def find_signals(
    conn: Connection, refund_facts: RefundFacts, minor: int, *, own: int | None = None
) -> tuple[RiskSignal, ...]:
    """Return the risk signals of a refund of this amount (`minor`, in minor units), the most serious first. `own` is
    the id of the refund itself, None if it is not requested yet.
    """
    signals = (
        *_find_lookalike_signals(conn, refund_facts, minor, own),
        *_find_double_charge_signals(conn, refund_facts.payment),
        *_find_open_case_signals(conn, refund_facts.payment),
        *_find_order_signals(conn, refund_facts, minor, own),
        *_find_payer_signals(conn, refund_facts, minor, own),
        *_find_other_maker_signals(refund_facts, own),
        *_find_reversible_signals(refund_facts),
    )
    return tuple(signals)


def find_lookalike(conn: Connection, payment_id: int, minor: int, now: datetime) -> Refund | None:
    """Return a refund of the same payment and amount that was requested within LOOKALIKE_PERIOD before `now`; None if
    there is none. Refunds that ended without effect don't count.
    """
    return refunds.find_lookalike(conn, payment_id, minor, now - LOOKALIKE_PERIOD)


def _find_lookalike_signals(
    conn: Connection, refund_facts: RefundFacts, minor: int, own: int | None
) -> Iterator[RiskSignal]:
    earlier = find_lookalike(conn, refund_facts.payment.id, minor, refund_facts.now)
    if earlier is not None and earlier.id != own:
        yield _make_refund_signal("exact_lookalike", earlier)


def _find_double_charge_signals(conn: Connection, payment: Payment) -> Iterator[RiskSignal]:
    """Yield a signal for each other paid payment of the same amount that may be a double charge: it is for the same
    order, or it is of the same corporation and was paid within DOUBLE_CHARGE_PERIOD of this payment.
    """
    candidates = payments.of_order(conn, payment.order_id) if payment.order_id is not None else ()
    if payment.corporation_number:
        candidates += payments.of_corporation(conn, payment.corporation_number)
    for other in {payment.id: payment for payment in candidates}.values():
        is_same_amount = other.captured_minor == payment.captured_minor and other.currency == payment.currency
        if (
            other.id != payment.id
            and other.state in PAID_STATES
            and is_same_amount
            and _are_double_charge(payment, other)
        ):
            facts = {"minor": other.captured_minor, "currency": other.currency, "at": other.paid_at}
            yield RiskSignal("double_charge", facts, payments.KIND, other.id)


def _are_double_charge(payment: Payment, other: Payment) -> bool:
    if payment.order_id is not None and payment.order_id == other.order_id:
        return True
    return (
        payment.paid_at is not None
        and other.paid_at is not None
        and abs(payment.paid_at - other.paid_at) <= DOUBLE_CHARGE_PERIOD
    )


def _find_open_case_signals(conn: Connection, payment: Payment) -> Iterator[RiskSignal]:
    for rule in cases.rules_of_open_cases(conn, payments.KIND, payment.id):
        yield RiskSignal("open_case", {"case": rule}, payments.KIND, payment.id)


def _find_order_signals(
    conn: Connection, refund_facts: RefundFacts, minor: int, own: int | None
) -> Iterator[RiskSignal]:
    """Yield a signal for each other refund of this payment or of its order that was requested within
    LOOK_BACK_PERIOD, except those that ended without effect.
    """
    order_id, since = refund_facts.payment.order_id, refund_facts.now - LOOK_BACK_PERIOD
    of_order = refunds.of_order(conn, order_id) if order_id is not None else ()
    for refund in {refund.id: refund for refund in (*refund_facts.refunds, *of_order)}.values():
        is_recent = refund.created_at is not None and refund.created_at >= since
        if refund.id != own and is_recent and refund.state not in refunds.STATES_WITHOUT_MONEY:
            yield _make_refund_signal("similar_amount" if _is_similar_amount(refund, minor) else "same_order", refund)


def _find_payer_signals(
    conn: Connection, refund_facts: RefundFacts, minor: int, own: int | None
) -> Iterator[RiskSignal]:
    """Yield a signal for each refund of a similar amount to the same payer within LOOK_BACK_PERIOD, and one more
    signal if the payer got FREQUENT_REFUND_COUNT or more refunds in this time.
    """
    payment = refund_facts.payment
    if not payment.payer:
        return
    payer_refunds = refunds.by_payer_since(conn, payment.id, payment.payer, refund_facts.now - LOOK_BACK_PERIOD)
    earlier_refunds = [refund for refund in payer_refunds if refund.id != own]
    if len(earlier_refunds) >= FREQUENT_REFUND_COUNT:
        yield RiskSignal(
            "payer_often",
            {"n": len(earlier_refunds), "days": LOOK_BACK_PERIOD.days},
            refunds.KIND,
            earlier_refunds[0].id,
        )
    for refund in earlier_refunds:
        if (
            refund.payment_id != refund_facts.payment.id
            and refund.currency == refund_facts.payment.currency
            and _is_similar_amount(refund, minor)
        ):
            yield _make_refund_signal("payer_similar_amount", refund)


def _find_other_maker_signals(refund_facts: RefundFacts, own: int | None) -> Iterator[RiskSignal]:
    """Yield a signal if the payment has another open refund."""
    if refund_facts.open_refund is not None and refund_facts.open_refund.id != own:
        yield _make_refund_signal("open_request", refund_facts.open_refund)


def _find_reversible_signals(refund_facts: RefundFacts) -> Iterator[RiskSignal]:
    """Yield a signal if the bank can still reverse the payment, because the payer could then get the money twice."""
    paid_at, days = refund_facts.payment.paid_at, provider_registry.reversible_days(refund_facts.payment.provider)
    until = paid_at + timedelta(days=days) if paid_at is not None and days is not None else None
    if until is not None and refund_facts.now < until:
        yield RiskSignal("may_be_reversed", {"until": until}, payments.KIND, refund_facts.payment.id)


def _is_similar_amount(refund: Refund, minor: int) -> bool:
    return abs(refund.amount_minor - minor) * 100 <= minor * SIMILAR_PERCENT


def _make_refund_signal(rule: str, refund: Refund) -> RiskSignal:
    facts: dict[str, object] = {
        "minor": refund.amount_minor,
        "currency": refund.currency,
        "maker": refund.maker,
        "at": refund.created_at,
        "state": refund.state.value,
    }
    return RiskSignal(rule, facts, refunds.KIND, refund.id)
