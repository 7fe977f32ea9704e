"""What speaks against a refund: facts for the maker to answer and for the checker to read. None of them blocks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from console.domain.order_records import Payment, Refund
from console.domain.payment_results import RadarHit
from console.domain.truth import PAID
from console.services.refund_limits import Ground
from console.store import cases, payments, refunds

LOOK_BACK = timedelta(days=30)
OFTEN = 3
SIMILAR_PERCENT = 1
DOUBLE_CHARGE = timedelta(hours=1)
LOOKALIKE = timedelta(hours=24)
REVERSIBLE = timedelta(days=2)
"""A success of a provider that settles on T+2 may still be taken back."""


def hits(conn: Connection, seen: Ground, minor: int, *, own: int | None = None) -> tuple[RadarHit, ...]:
    """What there is against refunding this sum, the worst first. `own`: the refund itself, where it is there."""
    found = (
        *_lookalike(conn, seen, minor, own),
        *_double_charges(conn, seen.payment),
        *_open_cases(conn, seen.payment),
        *_same_order(conn, seen, minor, own),
        *_of_payer(conn, seen, minor, own),
        *_others_request(seen, own),
        *_reversible(seen),
    )
    return tuple(found)


def lookalike(conn: Connection, payment_id: int, minor: int, now: datetime) -> Refund | None:
    """The exact look-alike: same payment, same sum, 24 hours; what came to nothing doesn't count."""
    return refunds.lookalike(conn, payment_id, minor, now - LOOKALIKE)


def _lookalike(conn: Connection, seen: Ground, minor: int, own: int | None) -> Iterator[RadarHit]:
    same = lookalike(conn, seen.payment.id, minor, seen.now)
    if same is not None and same.id != own:
        yield _of_refund("exact_lookalike", same)


def _double_charges(conn: Connection, payment: Payment) -> Iterator[RadarHit]:
    """Another payment of the same sum for the same order, or by the same company within the hour."""
    nearby = payments.of_order(conn, payment.order_id) if payment.order_id is not None else ()
    if payment.corporation_number:
        nearby += payments.of_corporation(conn, payment.corporation_number)
    for other in {one.id: one for one in nearby}.values():
        same = other.captured_minor == payment.captured_minor and other.currency == payment.currency
        if other.id != payment.id and other.state in PAID and same and _together(payment, other):
            facts = {"minor": other.captured_minor, "currency": other.currency, "at": other.paid_at}
            yield RadarHit("double_charge", facts, payments.KIND, other.id)


def _together(one: Payment, other: Payment) -> bool:
    if one.order_id is not None and one.order_id == other.order_id:
        return True
    return one.paid_at is not None and other.paid_at is not None and abs(one.paid_at - other.paid_at) <= DOUBLE_CHARGE


def _open_cases(conn: Connection, payment: Payment) -> Iterator[RadarHit]:
    for rule in cases.open_rules(conn, payments.KIND, payment.id):
        yield RadarHit("open_case", {"case": rule}, payments.KIND, payment.id)


def _same_order(conn: Connection, seen: Ground, minor: int, own: int | None) -> Iterator[RadarHit]:
    """Other refunds of this payment or of its order in 30 days, those that came to nothing left out."""
    order_id, since = seen.payment.order_id, seen.now - LOOK_BACK
    of_order = refunds.of_order(conn, order_id) if order_id is not None else ()
    for one in {each.id: each for each in (*seen.refunds, *of_order)}.values():
        recent = one.created_at is not None and one.created_at >= since
        if one.id != own and recent and one.state not in refunds.WITHOUT_MONEY:
            yield _of_refund("similar_amount" if _similar(one, minor) else "same_order", one)


def _of_payer(conn: Connection, seen: Ground, minor: int, own: int | None) -> Iterator[RadarHit]:
    """The payer's refunds of about this sum in 30 days, and whether there are many."""
    if not seen.payment.payer:
        return
    found = refunds.by_payer_since(conn, seen.payment.payer, seen.now - LOOK_BACK)
    others = [one for one in found if one.id != own]
    if len(others) >= OFTEN:
        yield RadarHit("payer_often", {"n": len(others), "days": LOOK_BACK.days}, refunds.KIND, others[0].id)
    for one in others:
        if one.payment_id != seen.payment.id and one.currency == seen.payment.currency and _similar(one, minor):
            yield _of_refund("payer_similar_amount", one)


def _others_request(seen: Ground, own: int | None) -> Iterator[RadarHit]:
    """Somebody else asks for a refund of this payment at this moment."""
    if seen.open is not None and seen.open.id != own:
        yield _of_refund("open_request", seen.open)


def _reversible(seen: Ground) -> Iterator[RadarHit]:
    """The bank may still take the payment back: then it would be given back twice."""
    paid_at = seen.payment.paid_at
    settles_late = seen.payment.provider == "atom"
    if settles_late and paid_at is not None and seen.now < paid_at + REVERSIBLE:
        yield RadarHit("may_be_reversed", {"until": paid_at + REVERSIBLE}, payments.KIND, seen.payment.id)


def _similar(one: Refund, minor: int) -> bool:
    return abs(one.amount_minor - minor) * 100 <= minor * SIMILAR_PERCENT


def _of_refund(rule: str, one: Refund) -> RadarHit:
    facts: dict[str, object] = {
        "minor": one.amount_minor, "currency": one.currency, "maker": one.maker, "at": one.created_at,
        "state": one.state.value,
    }  # fmt: skip
    return RadarHit(rule, facts, refunds.KIND, one.id)


