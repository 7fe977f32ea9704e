"""Why an order has an alert: what was found, what was expected, since when, and the one action, for each rule.

Reads nothing but the records. The codes are `verdict.order_alert_*`, `why.order_alert_*` and `next.order_alert_*`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from console.domain.alert_rules import GRACES, Finding
from console.domain.money import Money
from console.domain.order_records import Order, OrderState, Payment
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.results import Explanation, NextStep
from console.domain.worker_records import Rule

_DECIDE = (APPROVER, OPERATOR)
_COMMANDS: Mapping[Rule, str] = {
    Rule.PAID_UNNOTICED: "support-console probe payment {id}",
    Rule.PAID_WITHOUT_PAYMENT: "support-console probe payment {id}",
    Rule.PAID_TOO_LATE: "support-console refund request {id} --amount N --reason TEXT",
}


def explain_alert(
    order: Order, payments: Sequence[Payment], finding: Finding, detected_at: datetime, now: datetime
) -> Explanation:
    """Of an order that breaks a rule; `payments` are all of its own, `detected_at` is when it was told."""
    meant = next(one for one in payments if one.id == finding.payment_id)
    facts = _facts(order, meant, finding, detected_at, now)
    step = NextStep(f"next.order_alert_{finding.rule}", facts, _COMMANDS[finding.rule].format(id=meant.id))
    why = f"why.order_alert_{finding.rule}{_turn(order, meant, finding)}"
    return Explanation(f"verdict.order_alert_{finding.rule}", why, step, facts, _DECIDE)


def _turn(order: Order, meant: Payment, finding: Finding) -> str:
    """Money that came too late came after the payment had ended, or after its order was cancelled."""
    if finding.rule is not Rule.PAID_TOO_LATE:
        return ""
    return "_after" if meant.late_after is not None and order.state is not OrderState.CANCELLED else "_cancelled"


def _facts(
    order: Order, meant: Payment, finding: Finding, detected_at: datetime, now: datetime
) -> Mapping[str, object]:
    """`age` counts from the fact that makes the rule broken: the money, or the word of the order."""
    paid = meant.paid_at or meant.booked_at or meant.changed_at
    begins = order.changed_at or order.created_at if finding.rule is Rule.PAID_WITHOUT_PAYMENT else paid
    return {
        "id": order.id,
        "order": order.merch_txn_id,
        "order_state": order.state,
        "payment": meant.id,
        "payment_state": meant.state,
        "number": meant.merchant_payment_id,
        "provider": meant.provider,
        "amount": Money(meant.captured_minor or meant.asked_minor, meant.currency),
        "left": Money(meant.left_minor, meant.currency),
        "at": begins,
        "age": now - begins if begins is not None and begins <= now else None,
        "after": meant.late_after,
        "since": detected_at,
        "grace": GRACES[finding.rule],
    }
