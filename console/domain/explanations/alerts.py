"""Explain an alert about an order: the observed states, the expected states, and the action that removes the
violation.

The explanation depends only on the given records and the present instant. The wording keys are
`verdict.order_alert_*`, `why.order_alert_*` and `next.order_alert_*`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.access.read_only import is_action_stopped
from console.domain.alerts.rules import GRACE_PERIOD_BY_ALERT_RULE, BrokenRule
from console.domain.clock import compute_age
from console.domain.explained_state import Explanation, NextStep
from console.domain.money import make_stored_money
from console.domain.payments.consistency import (
    are_all_in_order_currency,
    compute_unrefunded_minor,
    is_order_covered,
    is_refunded_in_full,
    sum_retained_minor,
)
from console.domain.payments.records import Order, OrderState, Payment, PaymentRelations
from console.domain.payments.states import PAID_BY_CALLBACK_STATES, PAID_STATES, PaymentState
from console.domain.records import Certainty
from console.domain.tasks.records import AlertRule

_DECIDING_ROLES = (APPROVER, OPERATOR)


@dataclass(frozen=True, slots=True)
class AlertAction:
    """The action with which a person can end an alert about an order, on the record `kind` `record_id`: `move_order`
    (set the order to paid), `ask_payment` (probe the payment), `refund`, or `open` if the person must first open the
    record's page. `command` is the terminal command of the action, `sentence_key_suffix` the end of the wording keys
    of the alert's sentences.
    """

    name: str
    kind: str
    record_id: int
    command: str
    sentence_key_suffix: str = ""


def find_alert_action(order: Order, payments: Sequence[Payment], broken_rule: BrokenRule) -> AlertAction:
    """Return the action with which a person can now end the alert about the order. `payments` are all payments of the
    order, `broken_rule` is the rule that the order breaks.

    The function returns no action that a service would refuse. For example, an order can't be set to paid if its
    payments don't cover its total, and no refund can be requested while another one is open. It returns no probe of a
    reversed payment either, because the answer would change nothing. If no other action is left, it returns the
    action to open the payment, or the open refund.
    """
    payment = _find_payment_to_correct(payments, broken_rule)
    relations = payment.relations or PaymentRelations()
    show_command = f"support-console show payment {payment.id}"
    if broken_rule.rule is AlertRule.PAID_UNNOTICED:
        if payment.state in PAID_BY_CALLBACK_STATES:
            command = f"support-console probe payment {payment.id}"
            return AlertAction("ask_payment", "payment", payment.id, command, "_callback")
        if is_order_covered(payments, order):
            command = f"support-console payment move-order {payment.id}"
            return AlertAction("move_order", "payment", payment.id, command)
        suffix = "_short" if are_all_in_order_currency(payments, order) else "_currency"
        return AlertAction("open", "payment", payment.id, show_command, suffix)
    if broken_rule.rule is AlertRule.PAID_WITHOUT_PAYMENT:
        if payment.state is PaymentState.REVERSED and payment.certainty is Certainty.KNOWN:
            return AlertAction("open", "payment", payment.id, show_command, "_reversed")
        if not relations.can_ask_provider:
            return AlertAction("open", "payment", payment.id, show_command, "_open")
        return AlertAction("ask_payment", "payment", payment.id, f"support-console probe payment {payment.id}")
    pending_refund = relations.pending_refund
    if pending_refund is not None:
        command = f"support-console show refund {pending_refund.id}"
        return AlertAction("open", "refund", pending_refund.id, command, "_refund")
    if not _can_request_refund(payment):
        suffix = "_read_only" if is_action_stopped("refund", relations.read_only_switch) else "_off"
        return AlertAction("open", "payment", payment.id, show_command, suffix)
    command = f"support-console refund request {payment.id} --amount N --reason TEXT"
    if payment.is_only_set_aside_money_left:
        command = show_command
    return AlertAction("refund", "payment", payment.id, command)


def explain_alert(
    order: Order, payments: Sequence[Payment], broken_rule: BrokenRule, detected_at: datetime, now: datetime
) -> Explanation:
    """Return the explanation of an alert about an order. `broken_rule` is the rule that the order breaks, `payments`
    are all payments of the order, `detected_at` is the time of the alert.
    """
    payment = _find_payment_to_correct(payments, broken_rule)
    action = find_alert_action(order, payments, broken_rule)
    facts = _make_explanation_facts(order, payments, payment, broken_rule, detected_at, now)
    step_code = f"next.order_alert_{broken_rule.rule}{action.sentence_key_suffix}"
    if action.sentence_key_suffix in ("_short", "_currency") and _can_request_refund(payment):
        step_code = f"{step_code}_or_refund"  # as the page of the payment advises
    step = NextStep(step_code, facts, action.command, "open_payment")
    reason = f"why.order_alert_{broken_rule.rule}{_find_late_payment_suffix(order, payment, broken_rule)}"
    verdict = f"verdict.order_alert_{broken_rule.rule}"
    if action.sentence_key_suffix in ("_short", "_currency", "_callback"):
        verdict, reason = f"{verdict}{action.sentence_key_suffix}", f"{reason}{action.sentence_key_suffix}"
    elif broken_rule.rule is AlertRule.PAID_WITHOUT_PAYMENT and payment.certainty is Certainty.UNKNOWN:
        verdict, reason = f"{verdict}_unknown", f"{reason}_unknown"
    elif broken_rule.rule is AlertRule.PAID_WITHOUT_PAYMENT and _has_other_refunded_payment(payment, payments):
        verdict, reason = f"{verdict}_given_back", f"{reason}_given_back"
    return Explanation(verdict, reason, step, facts, _DECIDING_ROLES)


def _has_other_refunded_payment(payment: Payment, payments: Sequence[Payment]) -> bool:
    """True if another one of `payments` than `payment` succeeded, and its money was given back."""
    return any(
        other.id != payment.id and other.state in PAID_STATES and is_refunded_in_full(other) for other in payments
    )


def _can_request_refund(payment: Payment) -> bool:
    """True if a person can request a refund of the payment now: no other refund is open, the outcome of the payment
    is known, and no rule and no read-only switch refuses the refund."""
    relations = payment.relations or PaymentRelations()
    return (
        relations.pending_refund is None
        and relations.refund_refusal is None
        and payment.certainty is Certainty.KNOWN
        and not is_action_stopped("refund", relations.read_only_switch)
    )


def _find_payment_to_correct(payments: Sequence[Payment], broken_rule: BrokenRule) -> Payment:
    """Return the payment of `payments` to which the corrective action of `broken_rule` is applied."""
    return next(candidate for candidate in payments if candidate.id == broken_rule.payment_id)


def _find_late_payment_suffix(order: Order, payment: Payment, broken_rule: BrokenRule) -> str:
    """Return the suffix of the wording keys of an alert about a payment that was paid too late: `_cancelled` if its
    order is cancelled, otherwise `_after` if the payment had expired or failed before. Return an empty text if
    `broken_rule` is another rule.
    """
    if broken_rule.rule is not AlertRule.PAID_TOO_LATE:
        return ""
    return "_after" if payment.late_after is not None and order.state is not OrderState.CANCELLED else "_cancelled"


def _make_explanation_facts(
    order: Order,
    payments: Sequence[Payment],
    payment: Payment,
    broken_rule: BrokenRule,
    detected_at: datetime,
    now: datetime,
) -> Mapping[str, object]:
    """Return the facts for the sentences that explain an alert about an order. `at` is the time at which `payment`
    was paid or, for a paid order without a paid payment, at which the order's state changed; `age` is the time since
    then. `since` is `detected_at`, `grace` the grace period of the broken rule. `paid` is the part of the confirmed
    `payments` that stays with the shop, `missing` the part of the order's total that `paid` doesn't cover; both are
    None if a confirmed payment isn't in the order's currency. The other facts are values of the order (such as
    `order`, its number), of `payment` and of its pending refund."""
    paid_at = payment.paid_at or payment.booked_at or payment.state_since
    relations = payment.relations or PaymentRelations()
    paid_minor = sum_retained_minor(payments)
    has_one_currency = are_all_in_order_currency(payments, order)
    refund = relations.pending_refund
    rule_broken_at = (
        order.state_since or order.created_at if broken_rule.rule is AlertRule.PAID_WITHOUT_PAYMENT else paid_at
    )
    return {
        "id": order.id,
        "order": order.merch_txn_id,
        "order_state": order.state,
        "payment": payment.id,
        "payment_state": payment.state,
        "number": payment.merchant_payment_id,
        "provider": payment.provider,
        "amount": make_stored_money(payment.captured_minor or payment.asked_minor, payment.currency),
        "left": make_stored_money(compute_unrefunded_minor(payment), payment.currency),
        "total": make_stored_money(order.total_minor, order.currency),
        "paid": make_stored_money(paid_minor, order.currency) if has_one_currency else None,
        "missing": make_stored_money(max(0, order.total_minor - paid_minor), order.currency)
        if has_one_currency
        else None,
        "refund": refund.id if refund else None,
        "refusal": relations.refund_refusal,
        "at": rule_broken_at,
        "age": compute_age(rule_broken_at, now),
        "after": payment.late_after,
        "since": detected_at,
        "grace": GRACE_PERIOD_BY_ALERT_RULE[broken_rule.rule],
    }
