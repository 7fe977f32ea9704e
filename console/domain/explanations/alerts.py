"""Explain an alert about an order: the observed states, the expected states, and the action that removes the
violation.

The explanation depends only on the given records. The wording codes are `verdict.order_alert_*`, `why.order_alert_*`
and `next.order_alert_*`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from console.domain.alerts.rules import GRACE_PERIODS, BrokenRule
from console.domain.money import Money
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.service_results import Explanation, NextStep
from console.domain.tasks.records import Rule

_DECIDING_ROLES = (APPROVER, OPERATOR)
_COMMANDS: Mapping[Rule, str] = {
    Rule.PAID_UNNOTICED: "support-console probe payment {id}",
    Rule.PAID_WITHOUT_PAYMENT: "support-console probe payment {id}",
    Rule.PAID_TOO_LATE: "support-console refund request {id} --amount N --reason TEXT",
}


def explain_alert(
    order: Order, payments: Sequence[Payment], finding: BrokenRule, detected_at: datetime, now: datetime
) -> Explanation:
    """Return the explanation of an alert about an order. `finding` is the rule that the order breaks, `payments` are
    all payments of the order, `detected_at` is the time of the alert.
    """
    payment = next(candidate for candidate in payments if candidate.id == finding.payment_id)
    facts = _facts(order, payment, finding, detected_at, now)
    step = NextStep(f"next.order_alert_{finding.rule}", facts, _COMMANDS[finding.rule].format(id=payment.id))
    reason = f"why.order_alert_{finding.rule}{_late_suffix(order, payment, finding)}"
    return Explanation(f"verdict.order_alert_{finding.rule}", reason, step, facts, _DECIDING_ROLES)


def _late_suffix(order: Order, payment: Payment, finding: BrokenRule) -> str:
    """Return the suffix of the wording code for a payment that was paid too late: `_after` if the payment had expired
    or failed before, `_cancelled` if its order was cancelled before. Empty for another rule.
    """
    if finding.rule is not Rule.PAID_TOO_LATE:
        return ""
    return "_after" if payment.late_after is not None and order.state is not OrderState.CANCELLED else "_cancelled"


def _facts(
    order: Order, payment: Payment, finding: BrokenRule, detected_at: datetime, now: datetime
) -> Mapping[str, object]:
    """Return the facts of the explanation. `age` is the time since the payment was paid or, for a paid order without
    a paid payment, since the order's state changed.
    """
    paid = payment.paid_at or payment.booked_at or payment.state_since
    since = order.state_since or order.created_at if finding.rule is Rule.PAID_WITHOUT_PAYMENT else paid
    return {
        "id": order.id,
        "order": order.merch_txn_id,
        "order_state": order.state,
        "payment": payment.id,
        "payment_state": payment.state,
        "number": payment.merchant_payment_id,
        "provider": payment.provider,
        "amount": Money(payment.captured_minor or payment.asked_minor, payment.currency),
        "left": Money(payment.refundable_minor, payment.currency),
        "at": since,
        "age": now - since if since is not None and since <= now else None,
        "after": payment.late_after,
        "since": detected_at,
        "grace": GRACE_PERIODS[finding.rule],
    }
