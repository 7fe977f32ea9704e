"""What must hold before a refund is asked for, approved or sent: rule by rule, for plans, screens and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from console.domain.dates import JST, day_begins
from console.domain.errors import ConsoleError
from console.domain.order_records import Limits, Order, Payment, Refund
from console.domain.payment_records import RefundState
from console.domain.payment_results import Check
from console.domain.records import Certainty
from console.domain.truth import PAID
from console.providers.payment_protocol import PaymentReader
from console.services.desk import Desk
from console.services.refund_reading import Matter
from console.store import journal, limits, orders, people, refunds
from console.store.spool import Intent

KIND = refunds.KIND
CONTRADICTED = frozenset({"contradicted", "answer_does_not_fit"})
MOVED = frozenset({RefundState.SUBMITTED, RefundState.COMPLETED})
REFUSED_WITH: Mapping[str, str] = {
    "paid": "exceeds_captured",
    "left": "exceeds_captured",
    "nothing_open": "in_progress",
    "nothing_contradicted": "in_progress",
    "per_refund": "over_limit",
    "per_person_day": "over_limit",
    "window": "outside_window",
    "partial": "outside_window",
    "repeated": "outside_window",
    "count": "outside_window",
    "maker_active": "not_allowed",
}
"""Rule to error code; the rule that doesn't hold is the reason."""


@dataclass(frozen=True, slots=True)
class Ground:
    """All that the rules are about, read in one go. `today_minor`: what the maker has asked for since midnight in
    Japan; `refunds`: all of the payment, newest first.
    """

    payment: Payment
    order: Order | None
    refunds: tuple[Refund, ...]
    limits: Limits
    maker: str
    today_minor: int
    maker_active: bool
    contradicted: Refund | None
    now: datetime

    @property
    def open(self) -> Refund | None:
        """The one refund that stands in the way of another."""
        return next((one for one in self.refunds if one.state in _OPEN), None)

    @property
    def moved(self) -> int:
        """How many refunds of the payment the provider has taken on."""
        return sum(one.state in MOVED for one in self.refunds)


_OPEN = frozenset({RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING})


def ground(desk: Desk, conn: Connection, payment: Payment, maker: str) -> Ground:
    """What is known of a payment and of who asks for its refund."""
    now = desk.now()
    midnight = day_begins(now.astimezone(JST).date())
    found = refunds.of_payment(conn, payment.id, journal.lapsed_subjects(conn, KIND))
    return Ground(
        payment=payment,
        order=orders.find(conn, payment.order_id) if payment.order_id is not None else None,
        refunds=found,
        limits=limits.of(conn, payment.currency),
        maker=maker,
        today_minor=refunds.made_by_since(conn, maker, payment.currency, midnight),
        maker_active=is_active(desk, conn, maker),
        contradicted=next((one for one in found if one.work.reason in CONTRADICTED and one.state not in _OPEN), None),
        now=now,
    )


def is_active(desk: Desk, conn: Connection, name: str) -> bool:
    """Whether that person may still act here."""
    return people.find(conn, name, anybody=desk.anybody) is not None


def checks(
    seen: Ground, minor: int, reader: PaymentReader, *, asking: bool, aside: int | None = None
) -> tuple[Check, ...]:
    """Every rule for a sum, in the order in which they refuse. `asking`: the refund isn't there yet, so it needs what
    is left (or set aside); later it has its own sum reserved, and counts among its maker's.
    """
    payment, limited, can = seen.payment, seen.limits, reader.capabilities
    until = reader.refund_until(payment.paid_at) if payment.paid_at else None
    left = payment.left_minor if aside is None else aside
    found = [Check("paid", payment.state in PAID and payment.certainty is Certainty.KNOWN, {"state": payment.state})]
    opened, odd = seen.open, seen.contradicted
    if asking:
        found.append(Check("nothing_open", opened is None, {"refund": opened.id if opened else None}))
    found.append(Check("nothing_contradicted", odd is None, {"refund": odd.id if odd else None}))
    if asking:
        found += [
            Check("left", 0 < minor <= left, {"left": left, "minor": minor}),
            Check("repeated", can.repeated_refunds or not seen.moved, {"earlier": seen.moved}),
            Check("count", can.most_refunds is None or seen.moved < can.most_refunds, {"most": can.most_refunds}),
            Check("per_person_day", seen.today_minor + minor <= limited.per_person_day,
                  {"limit": limited.per_person_day, "today": seen.today_minor}),
        ]  # fmt: skip
    return (
        *found,
        Check("partial", can.partial_refunds or minor == payment.captured_minor, {"minor": minor}),
        Check("window", until is None or seen.now <= until, {"until": until}),
        Check("per_refund", minor <= limited.per_refund, {"limit": limited.per_refund}),
        Check("maker_active", seen.maker_active, {"maker": seen.maker}),
    )


def refuse(found: tuple[Check, ...], seen: Ground, record: object) -> None:
    """Raise for the first rule that doesn't hold."""
    broken = next((check for check in found if not check.holds), None)
    if broken is None:
        return
    in_the_way = {"nothing_open": seen.open, "nothing_contradicted": seen.contradicted}.get(broken.rule)
    facts = {"record": in_the_way or record, "reason": broken.rule, "currency": seen.payment.currency}
    raise ConsoleError(REFUSED_WITH[broken.rule], {**broken.facts, **facts})


def refuse_unsendable(desk: Desk, conn: Connection, matter: Matter, reader: PaymentReader) -> None:
    """Raise when what an approval rested on is no longer so, or the cooling-off is not over."""
    refund = matter.refund
    seen = ground(desk, conn, matter.payment, refund.maker)
    refuse(checks(seen, refund.amount_minor, reader, asking=False), seen, refund)
    others = [name for name in refund.checkers if name.strip().casefold() != refund.maker.strip().casefold()]
    if len(set(others)) < refund.checkers_needed:
        raise ConsoleError("not_allowed", {"record": refund, "reason": "not_approved"})
    if refund.sends_after is not None and refund.sends_after > seen.now:
        facts = {"record": refund, "reason": "cooling_off", "until": refund.sends_after}
        raise ConsoleError("not_allowed", facts)


def require_place(desk: Desk, payment: Payment) -> None:
    """Raise not_allowed where nothing can enforce two people: on SQLite only loopback providers refund."""
    if not desk.database.is_server and not desk.settings.on_loopback(payment.provider):
        facts = {"record": payment, "reason": "sqlite_refund", "provider": payment.provider}
        raise ConsoleError("not_allowed", facts)


def forgotten(desk: Desk, conn: Connection, payment_id: int) -> tuple[Intent, ...]:
    """Refunds of a payment that this desk has sent and the database no longer has under their key."""
    standing = desk.spool.standing_refunds(desk.database_id, payment_id)
    return tuple(one for one in standing if refunds.by_key(conn, one.provider_key or "") is None)


def only_desk_knows(payment: Payment, intent: Intent) -> ConsoleError:
    """A refund of this payment was sent whose row is gone: people settle it before anything else is sent."""
    facts = {"source": "desk", "operation_id": intent.operation_id, "operator": intent.operator, "since": intent.at}
    return ConsoleError("in_progress", {"record": payment, "reason": "only_desk_knows", **facts})


def stale_payment(payment: Payment, saw: int) -> ConsoleError:
    """The payment is no longer what the maker saw."""
    changed = {"version": {"saw": saw, "now": payment.version}, "state": payment.state.value}
    return ConsoleError("stale_view", {"record": payment, "changed": changed})
