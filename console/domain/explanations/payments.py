"""Explain the state and next step of payments, orders and refunds, as wording codes with facts.

The explanation depends only on the given records. A work reason in `_NEXT_STEP_CODES` has sentences of its own. For
any other work reason a general sentence asks a person to look at the record and names the reason (`work.reason.*`).
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from console.domain.explanations.refunds import explain_refund
from console.domain.money import Money
from console.domain.payments import provider_registry
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import PaymentState
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.reconciliation.row_comparison import RULES as RECONCILED
from console.domain.records import Certainty, WorkReason, WorkState
from console.domain.retry_schedules import PAYMENT_PROBES
from console.domain.service_results import Explanation, NextStep

__all__ = ["PAID_STATES", "explain_order", "explain_payment", "explain_refund", "may_be_reversed_until"]

Facts = Mapping[str, object]

_P = PaymentState
PAID_STATES = frozenset({_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED})
"""Payment states in which the payer has paid and the payment isn't reversed."""
WAITING_STATES = frozenset({_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT})
DECIDING_ROLES = (APPROVER, OPERATOR)

_NEXT_STEP_CODES: Mapping[str, str] = {
    WorkReason.PAID_AFTER_CANCEL: "next.payment_refund_or_ship",
    WorkReason.PAID_TWICE: "next.payment_refund_second",
    WorkReason.SET_ASIDE: "next.payment_refund_set_aside",
    WorkReason.NO_ORDER: "next.payment_find_order",
    WorkReason.AMOUNT_DIFFERS: "next.payment_compare_amounts",
    WorkReason.OTHER_PAYMENT: "next.payment_compare",
    WorkReason.UNKNOWN_REFUND: "next.payment_compare",
    WorkReason.CONTRADICTED: "next.payment_compare",
    **dict.fromkeys(RECONCILED, "next.payment_reconcile"),
    WorkReason.REVERSED: "next.payment_tell_order",
    WorkReason.NOT_MOVED: "next.payment_move_order",
    WorkReason.TIMEOUT_STUCK: "next.payment_go_on",
}
"""Wording code of the next step, by the work reason for which a person must look at a payment. The wording codes
`verdict.payment_*` and `why.payment_*` end with the same reason.
"""
_PROBE_REASONS = frozenset(
    (
        WorkReason.AMOUNT_DIFFERS,
        WorkReason.CONTRADICTED,
        WorkReason.NOT_MOVED,
        WorkReason.OTHER_PAYMENT,
        WorkReason.TIMEOUT_STUCK,
        WorkReason.UNKNOWN_REFUND,
        *RECONCILED,
    )
)
_FINAL_EXPLANATIONS: Mapping[PaymentState, tuple[str, str, str]] = {
    _P.PAYMENT_FAILED: ("verdict.payment_failed", "why.payment_failed", "next.payment_may_begin_again"),
    _P.EXPIRED: ("verdict.payment_expired", "why.payment_expired", "next.payment_may_begin_again"),
    _P.REVERSED: ("verdict.payment_reversed", "why.payment_reversed", "next.nothing"),
}


def may_be_reversed_until(record: Payment) -> datetime | None:
    """Return the instant (aware) until which the payer's bank may reverse a paid payment; None if the payment isn't
    paid or can't be reversed.
    """
    days, zone = provider_registry.reversible_days(record.provider), provider_registry.time_zone(record.provider)
    if days is None or record.paid_at is None or record.state not in PAID_STATES:
        return None
    first_day_after = record.paid_at.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(first_day_after, time(), zone)


def explain_payment(
    record: Payment, now: datetime, *, order: Order | None = None, awaiting: str | None = None
) -> Explanation:
    """Return verdict, reason and next step of a payment at the instant `now`. `order` is the payment's order, if
    there is one. `awaiting` is "second_person" while a decision waits for its second person.
    """
    facts = _payment_facts(record, order)
    if record.certainty is Certainty.UNKNOWN:
        return _explain_unknown(record, facts, awaiting)
    if awaiting is not None:
        step = NextStep("next.payment_second_person", facts, _resolve_command(record, "reversed"))
        return Explanation("verdict.payment_reversal_asked", "why.payment_reversal_asked", step, facts, (APPROVER,))
    if record.work.state is WorkState.NEEDS_REVIEW:
        return _explain_review(record, facts)
    is_order_open = (
        order.state is OrderState.PENDING if order is not None else record.work.reason == WorkReason.MOVE_ORDER
    )
    if record.state in PAID_STATES and is_order_open:
        return _explain_unmoved_order(record, facts)
    if record.state in WAITING_STATES:
        return _explain_waiting(record, facts)
    if record.state in _FINAL_EXPLANATIONS:
        verdict, reason, following = _FINAL_EXPLANATIONS[record.state]
        return Explanation(verdict, reason, NextStep(following, facts), facts)
    return _explain_paid(record, facts, now)


def explain_order(record: Order, now: datetime, *, unpaid: bool = False, is_saga_stuck: bool = False) -> Explanation:
    """Return verdict, reason and next step of an order at the instant `now`.

    `unpaid` is True if the console cancelled the order because its payment expired. `is_saga_stuck` is True if the
    saga that cancels the order can't continue.
    """
    facts: Facts = {
        "order": record.merch_txn_id,
        "id": record.id,
        "total": _money(record.total_minor, record.currency),
        "n": len(record.payment_ids),
        "since": record.state_since,
        "age": now - record.state_since if record.state_since else None,
        "reason": record.work.reason,
    }
    if record.work.state is WorkState.NONE and is_saga_stuck:
        step = NextStep("next.order_open_payment", facts, f"support-console show payment {record.payment_ids[-1]}")
        return Explanation(f"verdict.order_{record.state}", "why.order_stuck", step, facts, DECIDING_ROLES)
    if record.work.state is WorkState.NONE:
        return _explain_idle_order(record, facts, unpaid=unpaid)
    command = f"support-console show payment {record.payment_ids[-1]}" if record.payment_ids else None
    is_paid_late = record.work.reason == WorkReason.PAID_AFTER_CANCEL
    verdict, reason = ("verdict.order_paid_late", "why.order_paid_late") if is_paid_late else _order_review(record)
    step = NextStep("next.order_open_payment", facts, command or f"support-console show order {record.id}")
    return Explanation(verdict, reason, step, facts, DECIDING_ROLES)


def _explain_idle_order(record: Order, facts: Facts, *, unpaid: bool) -> Explanation:
    """Explain an order that has no work. The console sets no time limit for an order without a payment: the shop
    decides how long such an order waits.
    """
    reason, following = f"why.order_{record.state}", "next.nothing"
    if record.state is OrderState.PENDING:
        has_payment = bool(record.payment_ids)
        reason, following = (
            (reason, "next.order_wait") if has_payment else ("why.order_not_begun", "next.order_shop_decides")
        )
    elif unpaid:
        reason = "why.order_cancelled_unpaid"
    return Explanation(f"verdict.order_{record.state}", reason, NextStep(following, facts), facts)


def _order_review(record: Order) -> tuple[str, str]:
    return f"verdict.order_{record.state}", "why.order_person"


# Payments by situation


def _payment_facts(record: Payment, order: Order | None) -> Facts:
    captured = _money(record.captured_minor, record.currency)
    return {
        "id": record.id,
        "provider": record.provider,
        "number": record.merchant_payment_id,
        "order": order.merch_txn_id if order else None,
        "order_state": order.state.value if order else None,
        "amount": captured if record.captured_minor else _money(record.asked_minor, record.currency),
        "asked": _money(record.asked_minor, record.currency),
        "told": None if record.provider_minor is None else _money(record.provider_minor, record.currency),
        "refunded": _money(record.refunded_minor, record.currency),
        "left": _money(record.refundable_minor, record.currency),
        "aside": _money(record.set_aside_minor, record.currency),
        "since": record.state_since,
        "paid_at": record.paid_at,
        "expires_at": record.expires_at,
        "at": record.work.at,
        "attempt": record.work.attempt + 1,
        "of": len(PAYMENT_PROBES),
        "cause": record.error_code,
        "provider_state": record.provider_state,
        "reason": record.work.reason,
    }


def _explain_unknown(record: Payment, facts: Facts, awaiting: str | None) -> Explanation:
    reason = {
        "not_found": "why.payment_not_found",
        "no_such_payment": "why.payment_not_found",
        "no_such_code": "why.payment_not_found",
        "other_amount": "why.payment_other_amount",
        "other_currency": "why.payment_answer_does_not_fit",
        "other_payment": "why.payment_answer_does_not_fit",
        None: "why.payment_no_answer",
    }.get(record.error_code, "why.payment_no_answer")
    step = _next_of_unknown_payment(record, facts, awaiting)
    return Explanation("verdict.payment_unknown", reason, step, facts, DECIDING_ROLES)


def _next_of_unknown_payment(record: Payment, facts: Facts, awaiting: str | None) -> NextStep:
    if awaiting is not None:
        return NextStep("next.payment_second_person", facts, _resolve_command(record, "payment_failed"))
    if record.work.state is WorkState.SCHEDULED:
        return NextStep("next.payment_probe_scheduled", facts, _probe_command(record))
    if record.work.state is WorkState.NONE:
        return NextStep("next.payment_probe", facts, _probe_command(record))
    return NextStep("next.payment_resolve", facts, _resolve_command(record, "completed"))


def _explain_review(record: Payment, facts: Facts) -> Explanation:
    reason = record.work.reason or ""
    if reason in _NEXT_STEP_CODES:
        step = NextStep(_NEXT_STEP_CODES[reason], facts, _command_for(record, reason))
        suffix = "reversed_there" if reason == WorkReason.REVERSED and record.state in PAID_STATES else reason
        return Explanation(f"verdict.payment_{suffix}", f"why.payment_{suffix}", step, facts, DECIDING_ROLES)
    step = NextStep("next.payment_look", facts, f"support-console show payment {record.id}")
    return Explanation("verdict.payment_person", "why.payment_person", step, facts, DECIDING_ROLES)


def _command_for(record: Payment, reason: str) -> str:
    if reason in (WorkReason.PAID_AFTER_CANCEL, WorkReason.PAID_TWICE, WorkReason.SET_ASIDE):
        return f"support-console refund request {record.id} --amount N --reason TEXT"
    if reason == WorkReason.REVERSED:
        return _resolve_command(record, "reversed")
    return _probe_command(record) if reason in _PROBE_REASONS else _show_command(record)


def _explain_unmoved_order(record: Payment, facts: Facts) -> Explanation:
    """Explain a paid payment whose order is still pending. The order can be moved to paid without a call to the
    provider.
    """
    scheduled = record.work.state is WorkState.SCHEDULED and record.work.at is not None
    following = "next.payment_moved_by_itself" if scheduled else "next.payment_move_order"
    step = NextStep(following, facts, _probe_command(record))
    return Explanation("verdict.payment_not_moved", "why.payment_not_moved", step, facts, DECIDING_ROLES)


def _explain_waiting(record: Payment, facts: Facts) -> Explanation:
    has_code = record.state in (_P.TOKEN_GENERATED, _P.USER_PAYMENT)
    reason = "why.payment_waiting" if has_code else "why.payment_starting"
    verdict = "verdict.payment_waiting" if has_code else "verdict.payment_starting"
    scheduled = record.work.state is WorkState.SCHEDULED
    step = NextStep("next.payment_probe_waiting" if scheduled else "next.payment_wait", facts, _probe_command(record))
    return Explanation(verdict, reason, step, facts)


def _explain_paid(record: Payment, facts: Facts, now: datetime) -> Explanation:
    if record.work.state is WorkState.SCHEDULED:
        step = NextStep("next.payment_confirmed_later", facts, _probe_command(record))
        return Explanation("verdict.payment_noticed", "why.payment_noticed", step, facts)
    until = may_be_reversed_until(record)
    if until is not None and now < until:
        facts = {**facts, "until": (until - timedelta(microseconds=1)).date()}
        step = NextStep("next.payment_reversible", facts)
        return Explanation("verdict.payment_reversible", "why.payment_reversible", step, facts)
    if record.refunded_minor and record.refunded_minor >= record.captured_minor:
        return Explanation("verdict.payment_refunded", "why.payment_refunded", NextStep("next.nothing", facts), facts)
    if record.refunded_minor:
        return Explanation("verdict.payment_partly", "why.payment_partly", NextStep("next.nothing", facts), facts)
    reason = "why.payment_complete" if record.order_id is not None else "why.payment_complete_alone"
    return Explanation("verdict.payment_complete", reason, NextStep("next.nothing", facts), facts)


def _money(minor: int, currency: str) -> Money:
    return Money(max(0, minor), currency)


def _show_command(record: Payment) -> str:
    return f"support-console show payment {record.id}"


def _probe_command(record: Payment) -> str:
    return f"support-console probe payment {record.id}"


def _resolve_command(record: Payment, outcome: str) -> str:
    return f"support-console resolve payment {record.id} --as {outcome} --evidence FILE"
