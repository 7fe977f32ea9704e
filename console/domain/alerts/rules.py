"""Rules A, B and C, which an order and its payments must fulfil, and for each rule the action that removes a
violation.

- A: a payment was paid at the provider, but its order is still pending after a grace period. Action: set the order to
  paid; if only a callback says that the payment was paid, probe the payment first.
- B: the order is paid, but none of its payments is known to have succeeded, or a payment was reversed and the others
  were given back completely. Action: probe the payment that may have paid for it: one with an unknown outcome, or
  else one that can still be paid, or else the newest of those that aren't in a paid state.
- C: a payment was paid after it had expired or failed, or is a paid payment of a cancelled order, and the money was
  not given back completely. Action: refund the payment, or decide on another compensation.

At most one broken rule is reported for an order: C before A before B. An order without a payment in this database
breaks no rule: it was paid in another way, or before the console was used. Reconciliation finds missing payments.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.payments.consistency import has_unrefunded_amount, is_order_covered, is_refunded_in_full
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import FINAL_STATES, PAID_BY_CALLBACK_STATES, PAID_STATES, PaymentState
from console.domain.records import Certainty
from console.domain.tasks.records import AlertRule

GRACE_PERIOD_BY_ALERT_RULE: Mapping[AlertRule, timedelta] = {
    AlertRule.PAID_UNNOTICED: timedelta(minutes=5),
    AlertRule.PAID_WITHOUT_PAYMENT: timedelta(minutes=5),
    AlertRule.PAID_TOO_LATE: timedelta(0),  # only people remove this violation
}
"""Time for which an order may break a rule before an alert is raised, by rule."""
LONGEST_GRACE_PERIOD = max(GRACE_PERIOD_BY_ALERT_RULE.values())

ACTION_OF_RULE: Mapping[AlertRule, str] = {
    AlertRule.PAID_UNNOTICED: "move_order",
    AlertRule.PAID_WITHOUT_PAYMENT: "ask_payment",
    AlertRule.PAID_TOO_LATE: "refund",
}
"""The action that removes the cause of an alert, by rule."""

ALERT_RULES = frozenset(rule.value for rule in AlertRule)
PAID_ORDER_STATES = frozenset({OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED})
"""States of an order that the shop or the console has marked as paid."""
_SHIPPED_STATES = frozenset({OrderState.SHIPPED, OrderState.DELIVERED})
_MAX_OBSERVED_CHARACTERS = 255
"""Largest number of characters of an alert's text `observed` and of its text `expected`: the length of their columns.
"""
_EARLIEST_INSTANT = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that an order breaks. `observed` and `expected` are short texts of states and amounts, such as
    `order=pending`. `payment_id` is the payment to which the corrective action is applied.
    """

    rule: AlertRule
    payment_id: int
    observed: str
    expected: str

    @property
    def action(self) -> str:
        """The name of the action that removes the violation: `move_order` (set the order to paid), `ask_payment`
        (probe the payment) or `refund`.
        """
        return ACTION_OF_RULE[self.rule]


def find_broken_rule(
    order: Order, payments: Sequence[Payment], now: datetime, scale: TimeScale, open_rules: Collection[str] = ()
) -> BrokenRule | None:
    """Return the rule that an order and its payments have broken for longer than the rule's grace period; None if
    they break no rule. `payments` are all payments of the order.

    `open_rules` has the ids of the rules for which an alert about this order is open; these rules have no grace
    period. `scale` divides the grace periods in tests.
    """
    grace_periods = _GracePeriods(now, scale, open_rules)
    paid_payments = sorted(filter(has_unrefunded_amount, payments), key=lambda payment: payment.id)
    paid_too_late = _list_payments_paid_too_late(order, paid_payments)
    if paid_too_late:
        return BrokenRule(
            AlertRule.PAID_TOO_LATE,
            paid_too_late[-1].id,
            _format_observed_states(order, paid_too_late),
            "refund|compensation",
        )
    if (
        order.state is OrderState.PENDING
        and paid_payments
        and grace_periods.has_passed(AlertRule.PAID_UNNOTICED, min(map(_get_known_as_paid_since, paid_payments)))
    ):
        return BrokenRule(
            AlertRule.PAID_UNNOTICED,
            _find_payment_for_order_move(order, paid_payments).id,
            _format_observed_states(order, paid_payments),
            f"order={OrderState.PAID}",
        )
    if _has_no_successful_payment(order, payments) and grace_periods.has_passed(
        AlertRule.PAID_WITHOUT_PAYMENT, _get_order_state_start(order)
    ):
        payments_by_id = sorted(payments, key=lambda payment: payment.id)
        return BrokenRule(
            AlertRule.PAID_WITHOUT_PAYMENT,
            max(
                (payment for payment in payments_by_id if payment.state not in PAID_STATES),
                key=_rank_by_likelihood_of_payment,
            ).id,
            _format_observed_states(order, payments_by_id),
            f"payment={PaymentState.COMPLETED}",
        )
    return None


def _find_payment_for_order_move(order: Order, paid_payments: Sequence[Payment]) -> Payment:
    """Return that of `paid_payments` (oldest first) by which a person can have the order marked as paid. If those
    that the provider has confirmed cover the order, this is the newest of them. If they don't, it is the newest
    payment that only a callback reports as paid, which must be probed; if there is none, it is the newest confirmed
    payment."""
    unconfirmed_payments = [payment for payment in paid_payments if payment.state in PAID_BY_CALLBACK_STATES]
    confirmed_payments = [payment for payment in paid_payments if payment.state not in PAID_BY_CALLBACK_STATES]
    if unconfirmed_payments and not (confirmed_payments and is_order_covered(confirmed_payments, order)):
        return unconfirmed_payments[-1]
    return confirmed_payments[-1]


def _has_no_successful_payment(order: Order, payments: Sequence[Payment]) -> bool:
    """True if the order is marked as paid and has payments, but none of these payments is in a paid state. Beside a
    reversed payment, also a paid one that was given back in full doesn't count; without a reversed one, the order
    becomes refunded instead.
    """
    has_reversed_payment = any(payment.state is PaymentState.REVERSED for payment in payments)
    return (
        order.state in PAID_ORDER_STATES
        and bool(payments)
        and not any(
            payment.state in PAID_STATES and not (has_reversed_payment and is_refunded_in_full(payment))
            for payment in payments
        )
    )


def _rank_by_likelihood_of_payment(payment: Payment) -> tuple[bool, bool, int]:
    """Return the sort key by which the program chooses, of an order's payments, the one that most likely has paid for
    the order. A payment with an unknown outcome ranks above one that can still be paid, and this ranks above one that
    has ended. Among equals, the newest ranks highest.
    """
    return payment.certainty is Certainty.UNKNOWN, payment.state not in FINAL_STATES, payment.id


def _get_order_state_start(order: Order) -> datetime:
    """Return the instant since which the order has its state. If this instant isn't stored, return the instant of the
    order's creation; if that isn't stored either, the earliest possible instant.
    """
    return order.state_since or order.created_at or _EARLIEST_INSTANT


def _list_payments_paid_too_late(order: Order, paid_payments: Sequence[Payment]) -> Sequence[Payment]:
    """Return those of the paid payments that were paid too late: after the payment had expired or failed. If the
    order is cancelled, these are all paid payments. If the order is refunded, there are none. If the order was
    shipped and has only one paid payment, this payment pays for the goods and isn't too late.
    """
    if order.state is OrderState.CANCELLED:
        return paid_payments
    if order.state is OrderState.REFUNDED or (order.state in _SHIPPED_STATES and len(paid_payments) < 2):
        return ()
    return [payment for payment in paid_payments if payment.late_after is not None]


def _get_known_as_paid_since(payment: Payment) -> datetime:
    """Return the instant at which the console learned that the payment was paid. If this instant isn't stored, return
    the time of the payment; without that, the time of its last state change; without that, the earliest possible
    instant."""
    return payment.booked_at or payment.paid_at or payment.state_since or _EARLIEST_INSTANT


@dataclass(frozen=True, slots=True)
class _GracePeriods:
    """Decides at the instant `now` if the grace period of a rule is over. `scale` divides the grace periods in tests.
    `open_rules` are the ids of the rules for which an alert about the order is open already."""

    now: datetime
    scale: TimeScale
    open_rules: Collection[str]

    def has_passed(self, rule: AlertRule, since: datetime) -> bool:
        """True if the grace period of `rule`, counted from the instant `since` at which the order broke the rule,
        is over, or if an alert of the rule is open. An instant in the future, from a wrong clock or time zone,
        counts as over.
        """
        return (
            rule in self.open_rules
            or since > self.now
            or self.now - since >= self.scale.scale_duration(GRACE_PERIOD_BY_ALERT_RULE[rule])
        )


def _format_observed_states(order: Order, payments: Sequence[Payment]) -> str:
    """Return the text `observed` of an alert: the states of the order and of these payments, and their amounts."""
    text = "; ".join((f"order={order.state}", *map(_format_payment, payments)))
    return text[:_MAX_OBSERVED_CHARACTERS]


def _format_payment(payment: Payment) -> str:
    """Return a payment as a part of the text `observed`, such as `payment 91=completed 3300 JPY after=expired`. The
    amount is in minor units."""
    minor = payment.captured_minor or payment.asked_minor
    suffix = f" after={payment.late_after}" if payment.late_after else ""
    return f"payment {payment.id}={payment.state} {minor} {payment.currency}{suffix}"
