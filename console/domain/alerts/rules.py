"""The rules between an order and its payments: what doesn't fit, what was expected, and the one action for it.

A  paid at the provider, and the order still pending after a grace: move the order.
B  the order is paid, and no payment of it succeeded: ask about the payment.
C  paid after it had expired or failed, or after the order was cancelled, and the money is still here: refund it, or
   decide how else it is made good.

An order breaks one rule at a time. One without any payment here was paid in another way, or before there was a
console: reconciliation finds what is missing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.order_records import Order, OrderState, Payment
from console.domain.payment_states import PaymentState
from console.domain.truth import PAID
from console.domain.worker_records import Rule

GRACES: Mapping[Rule, timedelta] = {
    Rule.PAID_UNNOTICED: timedelta(minutes=5),
    Rule.PAID_WITHOUT_PAYMENT: timedelta(minutes=5),
    Rule.PAID_TOO_LATE: timedelta(0),  # nothing puts that right by itself
}
"""How long it may be so before it is told: orders follow their payments by themselves within this time."""
LONGEST_GRACE = max(GRACES.values())

ACTIONS: Mapping[Rule, str] = {
    Rule.PAID_UNNOTICED: "move_order",
    Rule.PAID_WITHOUT_PAYMENT: "ask_payment",
    Rule.PAID_TOO_LATE: "refund",
}
"""The one action that settles it."""

RULES = frozenset(rule.value for rule in Rule)
_O, _P = OrderState, PaymentState
PAID_FOR = frozenset({_O.PAID, _O.SHIPPED, _O.DELIVERED})
"""Orders that say that they were paid."""
_SENT = frozenset({_O.SHIPPED, _O.DELIVERED})
_LONGEST = 255
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an order breaks. `observed` and `expected` are made of codes; `payment_id`: where it is settled."""

    rule: Rule
    payment_id: int
    observed: str
    expected: str

    @property
    def action(self) -> str:
        return ACTIONS[self.rule]


def judge(
    order: Order, payments: Sequence[Payment], now: datetime, scale: TimeScale, told: Collection[str] = ()
) -> Finding | None:
    """The rule that this order breaks with all its payments, if it has done so for longer than the rule's grace.

    `told`: rules of which there is an open alert; these wait for no grace again.
    """
    waited = _Waited(now, scale, told)
    here = sorted((one for one in payments if one.state in PAID and _is_kept(one)), key=lambda one: one.id)
    late = _too_late(order, here)
    if late:
        return Finding(Rule.PAID_TOO_LATE, late[-1].id, _observed(order, late), "refund|compensation")
    if order.state is _O.PENDING and here and waited.enough(Rule.PAID_UNNOTICED, min(map(_known, here))):
        return Finding(Rule.PAID_UNNOTICED, here[-1].id, _observed(order, here), f"order={_O.PAID}")
    if _is_unpaid(order, payments) and waited.enough(Rule.PAID_WITHOUT_PAYMENT, _told_at(order)):
        all_of_it = sorted(payments, key=lambda one: one.id)
        return Finding(
            Rule.PAID_WITHOUT_PAYMENT, all_of_it[-1].id, _observed(order, all_of_it), f"payment={_P.COMPLETED}"
        )
    return None


def _is_unpaid(order: Order, payments: Sequence[Payment]) -> bool:
    """The order says that it was paid, and none of its payments was."""
    return order.state in PAID_FOR and bool(payments) and not any(one.state in PAID for one in payments)


def _told_at(order: Order) -> datetime:
    return order.changed_at or order.created_at or _LONG_AGO


def _too_late(order: Order, here: Sequence[Payment]) -> Sequence[Payment]:
    """Payments whose money came when nobody waited for it any more. Goods that have left were paid by one of them."""
    if order.state is _O.CANCELLED:
        return here
    if order.state is _O.REFUNDED or (order.state in _SENT and len(here) == 1):
        return ()
    return [one for one in here if one.late_after is not None]


def _is_kept(payment: Payment) -> bool:
    """Not all of it has gone back."""
    return payment.refunded_minor < max(payment.captured_minor, 1)


def _known(payment: Payment) -> datetime:
    """Since when we know that it was paid; of rows that somebody else wrote, since when it was."""
    return payment.booked_at or payment.paid_at or payment.changed_at or _LONG_AGO


@dataclass(frozen=True, slots=True)
class _Waited:
    """Whether a grace is over."""

    now: datetime
    scale: TimeScale
    told: Collection[str]

    def enough(self, rule: Rule, since: datetime) -> bool:
        """An instant that is still to come was written by a wrong clock or in another zone, and says nothing."""
        return rule in self.told or since > self.now or self.now - since >= self.scale.delta(GRACES[rule])


def _observed(order: Order, payments: Sequence[Payment]) -> str:
    told = "; ".join((f"order={order.state}", *map(_told, payments)))
    return told[:_LONGEST]


def _told(payment: Payment) -> str:
    minor = payment.captured_minor or payment.asked_minor
    after = f" after={payment.late_after}" if payment.late_after else ""
    return f"payment {payment.id}={payment.state} {minor} {payment.currency}{after}"
