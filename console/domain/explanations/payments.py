"""Explain the state and next step of payments, orders and refunds, as wording keys with facts.

Lists, screens, alerts and the terminal show the same explanation, with its badges. The explanation depends only on
the given record and its relations. It advises no step that a service would refuse. Most work reasons of a payment
have sentences of their own. For any other work reason, a general sentence asks a person to look at the record and
names the reason (`work.reason.*`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.access.read_only import ReadOnlySwitch
from console.domain.alerts.rules import ALERT_RULES, BrokenRule, find_broken_rule
from console.domain.clock import TimeScale, compute_age
from console.domain.explained_state import CertaintyBadge, Explanation, NextStep, WorkBadge
from console.domain.explanations.alerts import explain_alert
from console.domain.explanations.badges import VERDICTS_OF_MISMATCH, find_work_badge
from console.domain.explanations.read_only import make_prefixed_switch_facts, replace_stopped_next_step
from console.domain.explanations.refunds import explain_refund, is_refused_for_good, may_be_requested_again
from console.domain.money import Money, make_stored_money
from console.domain.payments.compared_sides import ComparedSide
from console.domain.payments.consistency import (
    compare_payment_sides,
    compute_order_difference_minor,
    compute_reversed_minor,
    compute_unrefunded_minor,
    find_payment_in_other_currency,
    find_reversal_deadline,
    has_unrefunded_amount,
    is_order_covered,
    is_refunded_in_full,
    list_paid_order_payments,
    sum_retained_minor,
)
from console.domain.payments.records import (
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    RefundRelations,
)
from console.domain.payments.states import (
    CONFIRMED_PAID_STATES,
    DONE_OUTSIDE,
    ENDED_WITHOUT_MONEY_STATES,
    PAID_BY_CALLBACK_STATES,
    PAID_STATES,
    RECORD_OUTSIDE_ACTION,
    WAITING_STATES,
    PaymentState,
    RefundState,
)
from console.domain.queues.filters import get_certainty
from console.domain.records import (
    RECONCILIATION_CASE_RULES,
    RESOLVED_BY_PEOPLE_CAUSE,
    Certainty,
    WorkReason,
    WorkState,
    find_next_attempt_time,
)
from console.domain.recovery.decision_rules import (
    WORK_REASONS_OF_CONTRADICTION,
    find_contradicted_refund,
    is_decision_time_over,
    is_perhaps_paid_after_end,
    is_refund_perhaps_made,
)
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS

__all__ = ["PAID_STATES", "explain_order", "explain_payment", "explain_refund", "find_reversal_deadline"]

Facts = Mapping[str, object]

DECIDING_ROLES = (APPROVER, OPERATOR)

_NEXT_STEP_CODE_BY_WORK_REASON: Mapping[str, str] = {
    WorkReason.PAID_AFTER_CANCEL: "next.payment_refund_or_ship",
    WorkReason.PAID_TWICE: "next.payment_refund_second",
    WorkReason.SET_ASIDE: "next.payment_refund_set_aside",
    WorkReason.NO_ORDER: "next.payment_find_order",
    WorkReason.AMOUNT_DIFFERS: "next.payment_compare_amounts",
    WorkReason.OTHER_PAYMENT: "next.payment_compare",
    WorkReason.UNRECORDED_REFUND: "next.payment_compare",
    WorkReason.CONTRADICTED: "next.payment_compare",
    **dict.fromkeys(RECONCILIATION_CASE_RULES, "next.payment_reconcile"),
    WorkReason.REVERSED: "next.payment_tell_order",
    WorkReason.NOT_MOVED: "next.payment_move_order",
    WorkReason.TIMEOUT_STUCK: "next.payment_go_on",
}
"""Wording key of the next step, by the work reason for which a person must look at a payment. The wording keys
`verdict.payment_*` and `why.payment_*` end with the same reason.
"""
_WORK_REASONS_FOR_PROBE = frozenset(
    (
        WorkReason.AMOUNT_DIFFERS,
        WorkReason.CONTRADICTED,
        WorkReason.NOT_MOVED,
        WorkReason.OTHER_PAYMENT,
        WorkReason.TIMEOUT_STUCK,
        WorkReason.UNRECORDED_REFUND,
        *RECONCILIATION_CASE_RULES,
    )
)
"""Work reasons for which the next step of a person is a probe of the payment."""
_CODE_WITHOUT_PROBE_BY_CODE: Mapping[str, str] = {
    "next.payment_compare": "next.payment_look",
    "next.payment_compare_amounts": "next.payment_look",
    "next.payment_confirmed_later": "next.payment_look",
    "next.payment_go_on": "next.payment_look",
    "next.payment_probe": "next.payment_look",
    "next.payment_reconcile": "next.payment_look",
    "next.payment_probe_waiting": "next.payment_wait",
}
"""Wording keys of next steps whose sentences say that the provider will be asked. Each is mapped to the key that
replaces it if the provider can't be asked.
"""
_WORK_REASONS_THAT_CALL_FOR_REFUND = frozenset(
    (WorkReason.PAID_AFTER_CANCEL, WorkReason.PAID_TWICE, WorkReason.SET_ASIDE)
)
"""Work reasons for which the next step of a person is to request a refund of the payment."""
OPEN_REFUND_ACTION = "open_refund"
"""Name of the action that opens the page of the refund that the payment's next step names."""
OPEN_ORDER_ACTION = "open_order"
"""Name of the action that opens the page of the payment's order."""
_VERDICTS_WITHOUT_PROBLEM = frozenset(
    {
        "verdict.payment_complete",
        "verdict.payment_partly",
        "verdict.payment_refunded",
        "verdict.payment_reversible",
        "verdict.payment_noticed",
        "verdict.payment_waiting",
        "verdict.payment_overdue",
        "verdict.payment_starting",
        "verdict.payment_failed",
        "verdict.payment_expired",
        "verdict.payment_reversed",
    }
)
"""Verdicts which say that the payment is in order or has ended. They are not used if the sides of the payment differ.
"""
_REASONS_WITHOUT_CONFIRMED_PAYMENT = frozenset(
    {"why.order_pending", "why.order_expiring", "why.order_alert_A_callback"}
)
"""Wording keys of reasons which say that no payment of an order is confirmed yet."""
_EXPLANATION_BY_FINAL_STATE: Mapping[PaymentState, tuple[str, str, str]] = {
    PaymentState.PAYMENT_FAILED: ("verdict.payment_failed", "why.payment_failed", "next.payment_may_begin_again"),
    PaymentState.EXPIRED: ("verdict.payment_expired", "why.payment_expired", "next.payment_may_begin_again"),
    PaymentState.REVERSED: ("verdict.payment_reversed", "why.payment_reversed", "next.nothing"),
}
"""For each final state of a payment without money (failed, expired, reversed): the wording keys of verdict, reason
and next step."""
_SUFFIX_BY_PROPOSED_STATE: Mapping[str, str] = {
    DONE_OUTSIDE: "outside_asked",
    PaymentState.REVERSED.value: "reversal_asked",
}
"""End of the wording keys of verdict and reason, by the proposed decision about a payment with a known outcome. Any
other proposal leaves verdict and reason."""


def explain_payment(record: Payment, now: datetime) -> Explanation:
    """Return verdict, reason, next step and badges of a payment at the instant `now`. The explanation also uses
    the related records in `record.relations`; if these are None, it uses the payment's own fields alone."""
    relations = record.relations or PaymentRelations()
    explanation = _explain_without_badges(record, relations, now)
    sides = compare_payment_sides(record, relations.order, relations.known_provider_state, now)
    _, provider_side, order_side = sides
    if (provider_side.differs or order_side.differs) and explanation.verdict in _VERDICTS_WITHOUT_PROBLEM:
        is_order_still_paid = "state" in order_side.differs and not provider_side.differs
        explanation = _explain_differing_sides(record, explanation.facts, is_order_still_paid=is_order_still_paid)
    explanation = _add_proposal(record, relations, explanation)
    if not relations.can_ask_provider:
        explanation = replace(explanation, next_step=_replace_impossible_probe(record, explanation.next_step))
    certainty = _find_certainty_badge(record, relations, explanation.verdict, sides, now)
    explanation_with_badges = replace(
        explanation, certainty=certainty, work=_find_payment_work_badge(record, relations, explanation, now)
    )
    return replace_stopped_next_step(explanation_with_badges, relations.read_only_switch)


def _replace_impossible_probe(record: Payment, step: NextStep) -> NextStep:
    """Return the next step of a payment whose provider can't be queried. Instead of a probe, the step is to look at
    the stored answers or to wait."""
    if step.action == OPEN_ORDER_ACTION:
        return step
    code = _CODE_WITHOUT_PROBE_BY_CODE.get(step.code, step.code)
    if code == step.code and step.command != _format_probe_command(record):
        return step
    return replace(step, code=code, command=_format_show_command(record), action=None)


def _explain_differing_sides(record: Payment, facts: Facts, *, is_order_still_paid: bool) -> Explanation:
    """Explain a payment that by itself has no problem, but whose provider or order states other facts. Normally the
    next step is a probe.

    There is one exception: the payment was reversed and its order is still paid (`is_order_still_paid`). Then no
    answer of the provider brings the money back; the next step is to open the order and ask the shop about it.
    """
    step = NextStep("next.payment_compare", facts, _format_probe_command(record), "probe")
    reversed_minor = compute_reversed_minor(record)
    if reversed_minor and is_order_still_paid:
        # With the fact "reversed", the sentences say that the money is gone, and that the order is still paid.
        facts = {**facts, "reversed": _make_money(reversed_minor, record.currency)}
        command = f"support-console show order {record.order_id}"
        step = NextStep("next.payment_compare", facts, command, OPEN_ORDER_ACTION)
    return Explanation("verdict.payment_sides_differ", "why.payment_sides_differ", step, facts, DECIDING_ROLES)


def _explain_without_badges(record: Payment, relations: PaymentRelations, now: datetime) -> Explanation:
    """Return the explanation of a payment, without badges, by the first circumstance that needs attention: for
    example an unknown outcome, a refund with an unknown outcome, or the reason of a review."""
    order, facts = relations.order, _make_payment_facts(record, relations, now)
    pending_refund = relations.pending_refund
    if record.certainty is Certainty.UNKNOWN:
        return _explain_unknown_payment(record, relations, facts)
    if pending_refund is not None and pending_refund.certainty is Certainty.UNKNOWN:
        step = _choose_next_step_of_refund(pending_refund, facts, relations.read_only_switch, now)
        reason = "why.payment_refund_unknown"
        return Explanation("verdict.payment_refund_unknown", reason, step, facts, DECIDING_ROLES)
    is_set_aside_being_refunded = (
        record.work.reason == WorkReason.SET_ASIDE and record.set_aside_minor == 0 and pending_refund is not None
    )
    if record.work.state is WorkState.NEEDS_REVIEW and not is_set_aside_being_refunded:
        return _explain_payment_review(record, relations, facts, now)
    is_order_open = (
        order.state is OrderState.PENDING if order is not None else record.work.reason == WorkReason.MOVE_ORDER
    )
    if has_unrefunded_amount(record) and is_order_open and record.state not in PAID_BY_CALLBACK_STATES:
        return _explain_payment_of_pending_order(record, relations, facts, now)
    if (refund_explanation := _explain_refund_of_payment(relations, facts, now)) is not None:
        return refund_explanation
    if record.state in WAITING_STATES:
        return _explain_waiting_payment(record, relations, facts, now)
    if record.state in _EXPLANATION_BY_FINAL_STATE:
        verdict, reason, next_step_code = _EXPLANATION_BY_FINAL_STATE[record.state]
        if record.error_code == RESOLVED_BY_PEOPLE_CAUSE:
            reason = "why.payment_decided_by_people"
        elif record.state is PaymentState.EXPIRED and record.error_code is not None and record.expires_at is None:
            # The start was refused: there never was a time limit in which the customer could pay.
            verdict, reason = "verdict.payment_failed", "why.payment_not_begun"
        if next_step_code == "next.payment_may_begin_again":
            return Explanation(verdict, reason, _make_new_payment_step(record, relations, facts), facts)
        return Explanation(verdict, reason, NextStep(next_step_code, facts), facts)
    return _explain_paid_payment(record, relations, facts, now)


def _make_new_payment_step(record: Payment, relations: PaymentRelations, facts: Facts) -> NextStep:
    """Return the next step of a payment that ended unpaid: the customer can pay with a new payment, except if the
    order no longer waits for one, or if another payment of the order is paid, may be paid, or can still be paid.
    """
    order = relations.order
    if order is not None and order.state is not OrderState.PENDING:
        return NextStep("next.nothing", facts)
    if any(_may_be_paid(other) for other in relations.order_payments if other.id != record.id):
        command = f"support-console show order {record.order_id}"
        return NextStep("next.payment_other_live", facts, command, OPEN_ORDER_ACTION)
    return NextStep("next.payment_may_begin_again", facts)


def _may_be_paid(record: Payment) -> bool:
    """True if the payment is paid, can still be paid, has an unknown outcome, or ended unpaid in this database while
    its provider reports it as paid. In these cases a service would refuse to start another payment of the order, or
    the customer could pay twice.
    """
    return record.state not in ENDED_WITHOUT_MONEY_STATES or is_perhaps_paid_after_end(record)


def _add_proposal(record: Payment, relations: PaymentRelations, explanation: Explanation) -> Explanation:
    """Return the explanation with the proposed decision that waits for a second person, if the outcomes of the
    payment and of its refunds are known.

    That an amount was given back outside doesn't concern the payment's state. So this proposal is the verdict only if
    there is no other reason for which a person must look at the payment; with one, a further sentence states the
    proposal, also beside an unknown outcome. Any other proposal answers that reason, and the second person's decision
    is the next step.
    """
    is_unknown = record.certainty is Certainty.UNKNOWN or explanation.verdict == "verdict.payment_refund_unknown"
    is_problem = record.work.state is WorkState.NEEDS_REVIEW or explanation.verdict in VERDICTS_OF_MISMATCH
    if relations.is_outside_refund_proposed and (is_unknown or is_problem):
        return replace(explanation, further_reason="why.payment_outside_waits")
    if is_unknown or not relations.awaits_second_person:
        return explanation
    suffix = _SUFFIX_BY_PROPOSED_STATE.get(str(relations.proposed_state))
    if suffix is not None:
        explanation = replace(explanation, verdict=f"verdict.payment_{suffix}", why=f"why.payment_{suffix}")
    step = _make_second_person_step(record, relations, explanation.facts)
    return replace(explanation, next_step=step, roles_that_may_act=(APPROVER,))


def _find_certainty_badge(
    record: Payment, relations: PaymentRelations, verdict: str, sides: Iterable[ComparedSide], now: datetime
) -> CertaintyBadge:
    """Return the first badge of certainty that applies to the payment: UNKNOWN (its outcome, or that of one of its
    refunds), SIDES_DISAGREE, UNCONFIRMED by the provider, MAY_BE_REVERSED by the payer's bank, OLD (the provider's
    last answer), otherwise KNOWN. `verdict` is the verdict of the payment's explanation, `sides` are the compared
    sides of the payment.
    """
    if record.certainty is Certainty.UNKNOWN or verdict == "verdict.payment_refund_unknown":
        return CertaintyBadge.UNKNOWN
    is_refund_contradicted = find_contradicted_refund(relations.refunds) is not None
    if verdict in VERDICTS_OF_MISMATCH or is_refund_contradicted or any(side.differs for side in sides):
        return CertaintyBadge.SIDES_DISAGREE
    is_only_noticed = record.state in PAID_BY_CALLBACK_STATES and relations.known_provider_state not in PAID_STATES
    is_unconfirmed = verdict in ("verdict.payment_overdue", "verdict.payment_noticed")
    if record.state is PaymentState.INITIALIZING or is_only_noticed or is_unconfirmed:
        return CertaintyBadge.UNCONFIRMED
    until = find_reversal_deadline(record)
    if until is not None and now < until:
        return CertaintyBadge.MAY_BE_REVERSED
    return CertaintyBadge.OLD if any(side.old for side in sides) else CertaintyBadge.KNOWN


def _find_payment_work_badge(
    record: Payment, relations: PaymentRelations, explanation: Explanation, now: datetime
) -> WorkBadge:
    """Return the badge of work of a payment: the first of these that applies.

    - WAITING_FOR_APPROVAL: `explanation` advises a step of a refund that waits for approval; or it advises no step of
      a refund, and a proposed decision waits for a second person, except one that only its further sentence states
    - SCHEDULED: no work of the payment is stored, and the explanation advises a step of its refund, whose own badge
      is SCHEDULED
    - the badge of the payment's own work state and next step (`find_work_badge`)
    """
    own_badge, pending_refund = find_work_badge(record.work, explanation), relations.pending_refund
    if pending_refund is None or explanation.next_step.action != OPEN_REFUND_ACTION:
        is_proposal_next = relations.awaits_second_person and explanation.further_reason is None
        return WorkBadge.WAITING_FOR_APPROVAL if is_proposal_next else own_badge
    refund_badge = explain_refund(pending_refund, now).work
    if refund_badge is WorkBadge.WAITING_FOR_APPROVAL:
        return refund_badge
    is_scheduled = (own_badge, refund_badge) == (WorkBadge.AUTOMATIC, WorkBadge.SCHEDULED)
    return WorkBadge.SCHEDULED if is_scheduled else own_badge


def explain_order(record: Order, now: datetime) -> Explanation:
    """Return verdict, reason, next step and badges of an order at the instant `now`. The first of these that exists
    determines the explanation: an open alert about the order, the order's own work, a stuck saga, a payment or refund
    that needs work, the order's state. In the last of these cases, the verdict states a mismatch instead of the
    order's state if a person must look at a payment of the order because of this mismatch. The explanation also uses
    the related records in `record.relations`; if these are None, it uses the order's own fields alone.
    """
    relations = record.relations or OrderRelations()
    explanation = _explain_alert_of_order(record, relations, now) or _explain_order_state(record, relations, now)
    if explanation.verdict == f"verdict.order_{record.state}" and get_certainty(record) is not Certainty.UNKNOWN:
        payment = relations.reviewed_payment
        mismatch_verdict = find_mismatch_verdict(payment, record, now) if payment is not None else None
        explanation = replace(explanation, verdict=mismatch_verdict or explanation.verdict)
    if explanation.verdict in VERDICTS_OF_MISMATCH:
        certainty = CertaintyBadge.SIDES_DISAGREE
    elif record.work.reason == WorkReason.STATE_UNREADABLE:
        certainty = CertaintyBadge.UNCONFIRMED
    elif get_certainty(record) is Certainty.UNKNOWN:
        certainty = CertaintyBadge.UNKNOWN
    elif relations.contradicted_refund is not None:
        certainty = CertaintyBadge.SIDES_DISAGREE
    elif explanation.why in _REASONS_WITHOUT_CONFIRMED_PAYMENT:
        certainty = CertaintyBadge.UNCONFIRMED
    else:
        certainty = CertaintyBadge.KNOWN
    return replace(explanation, certainty=certainty, work=find_work_badge(record.work, explanation))


def find_mismatch_verdict(payment: Payment, order: Order, now: datetime) -> str | None:
    """Return the verdict of a payment of the order, if this verdict states a mismatch between this database, the
    provider and the order; None otherwise. `payment.relations` must have the other payments of the order."""
    relations = replace(payment.relations or PaymentRelations(), order=order)
    verdict = explain_payment(replace(payment, relations=relations), now).verdict
    return verdict if verdict in VERDICTS_OF_MISMATCH else None


def _explain_alert_of_order(record: Order, relations: OrderRelations, now: datetime) -> Explanation | None:
    """Return the explanation of the open alert about the order; None if there is none, or if the order's facts no
    longer break the alert's rule.
    """
    finding = _find_rule_of_alert(record, relations, now)
    if finding is None or relations.alert_detected_at is None:
        return None
    return explain_alert(record, relations.payments, finding, relations.alert_detected_at, now)


def _find_rule_of_alert(record: Order, relations: OrderRelations, now: datetime) -> BrokenRule | None:
    """Return the rule of the open alert about the order, with the payment that breaks it; None if there is no alert,
    or if the order's facts no longer break its rule.
    """
    if relations.alert_rule is None or relations.alert_detected_at is None:
        return None
    finding = find_broken_rule(record, relations.payments, now, TimeScale(), ALERT_RULES)
    return finding if finding is not None and finding.rule == relations.alert_rule else None


def _explain_order_state(record: Order, relations: OrderRelations, now: datetime) -> Explanation:
    """Return the explanation of an order without an alert, by the first of these that exists: its work, a stuck saga,
    a payment or refund that needs work, its business state.
    """
    facts: Facts = {
        "order": record.merch_txn_id,
        "id": record.id,
        "total": _make_money(record.total_minor, record.currency),
        "n": len(record.payment_ids),
        "since": record.state_since,
        "age": compute_age(record.state_since, now),
        "reason": record.work.reason,
    }
    payment_id = find_explained_payment_id(record, now)
    shown_record = f"order {record.id}" if payment_id is None else f"payment {payment_id}"
    action = None if payment_id is None else "open_payment"
    step = NextStep("next.order_open_payment", facts, f"support-console show {shown_record}", action)
    if record.work.state is WorkState.NONE and relations.stuck_payment_id is not None:
        return Explanation(f"verdict.order_{record.state}", "why.order_stuck", step, facts, DECIDING_ROLES)
    if record.work.state is WorkState.NONE:
        unfinished = _explain_unfinished_payment_of_order(record, relations, step, facts)
        return unfinished or _explain_idle_order(record, relations, facts)
    is_paid_late = record.work.reason == WorkReason.PAID_AFTER_CANCEL
    verdict, reason = (
        ("verdict.order_paid_late", "why.order_paid_late") if is_paid_late else _make_order_review_codes(record)
    )
    return Explanation(verdict, reason, step, facts, DECIDING_ROLES)


def _explain_unfinished_payment_of_order(
    record: Order, relations: OrderRelations, step: NextStep, facts: Facts
) -> Explanation | None:
    """Return the explanation of an order whose own work state is NONE, but whose payments or refunds need work: a
    refund has not ended, a payment has an unknown outcome, the provider contradicts a refund, or a person must look
    at a payment, such as the second of two paid ones. Return None if no payment needs work. `step` is the next step
    of the order: it opens the page of that payment.
    """
    refund, payment, reviewed_payment = (
        relations.pending_refund,
        relations.unknown_payment,
        relations.reviewed_payment,
    )
    verdict = f"verdict.order_{record.state}"
    if refund is not None:
        refund_amount = _make_money(refund.amount_minor, refund.currency)
        facts = {**facts, "refund": refund.id, "refund_amount": refund_amount}
        reason = "why.order_refund_open"
        if refund.certainty is Certainty.UNKNOWN:
            verdict, reason = "verdict.payment_refund_unknown", "why.payment_refund_unknown"
    elif payment is not None:
        facts = {**facts, "number": payment.merchant_payment_id}
        reason = "why.order_payment_unknown"
    elif relations.contradicted_refund is not None:
        verdict, reason = "verdict.refund_contradicted", "why.refund_contradicted"
    elif reviewed_payment is not None:
        facts = {**facts, "number": reviewed_payment.merchant_payment_id}
        reason = "why.order_payment_review"
    else:
        return None
    return Explanation(verdict, reason, replace(step, facts=facts), facts, DECIDING_ROLES)


def _explain_idle_order(record: Order, relations: OrderRelations, facts: Facts) -> Explanation:
    """Return the explanation of an order whose work state is NONE, by its business state. The console sets no time
    limit for an order without a payment: only the shop limits the time for which such an order waits. If all payments
    of a pending order have ended unpaid, no confirmation can follow: the customer may pay with a new payment.
    """
    has_payment = bool(record.payment_ids)
    is_paid_elsewhere = not has_payment and record.state not in (OrderState.PENDING, OrderState.CANCELLED)
    reason = "why.order_no_payment" if is_paid_elsewhere else f"why.order_{record.state}"
    next_step_code = "next.nothing"
    if record.state is OrderState.PENDING and relations.is_expiring:
        reason, next_step_code = "why.order_expiring", "next.order_expires"
    elif record.state is OrderState.PENDING and relations.ended_payment is not None:
        reason, next_step_code = "why.order_payment_ended", "next.payment_may_begin_again"
        ended_payment = relations.ended_payment
        facts = {**facts, "number": ended_payment.merchant_payment_id, "payment_state": ended_payment.state}
    elif record.state is OrderState.PENDING:
        reason, next_step_code = (
            (reason, "next.order_wait") if has_payment else ("why.order_not_begun", "next.order_shop_decides")
        )
    elif relations.is_cancelled_unpaid:
        reason = "why.order_cancelled_unpaid"
    return Explanation(f"verdict.order_{record.state}", reason, NextStep(next_step_code, facts), facts)


def _make_order_review_codes(record: Order) -> tuple[str, str]:
    """Return the wording keys of verdict and reason of an order that a person must look at."""
    return f"verdict.order_{record.state}", "why.order_person"


# Payments by their state


def _make_payment_facts(record: Payment, relations: PaymentRelations, now: datetime) -> Facts:
    """Return the facts for the sentences that explain a payment: values of the payment, of its order and of its
    pending refund (names that begin with `refund`). `at` and `attempt` are the time and the number (from 1) of the
    next scheduled attempt, `of` is the number of all attempts. `paid` is the sum of the order's paid payments in its
    currency; `missing` and `excess` are the amounts by which `paid` is below or above the order's total, 0 otherwise.
    A fact is None if its value isn't known.
    """
    captured_amount = _make_money(record.captured_minor, record.currency)
    order, refund = relations.order, relations.pending_refund
    currency = record.currency if order is None else order.currency
    difference = 0 if order is None else compute_order_difference_minor(record, order)
    paid_minor = sum(payment.captured_minor for payment in list_paid_order_payments(record, currency))
    return {
        "id": record.id,
        "provider": record.provider,
        "number": record.merchant_payment_id,
        "order": order.merch_txn_id if order else None,
        "order_state": order.state.value if order else None,
        "amount": captured_amount if record.captured_minor else _make_money(record.asked_minor, record.currency),
        "asked": _make_money(record.asked_minor, record.currency),
        "told": None if record.provider_minor is None else make_stored_money(record.provider_minor, record.currency),
        "refunded": _make_money(record.given_back_minor, record.currency),
        "outside": _make_money(record.outside_minor, record.currency),
        "left": _make_money(compute_unrefunded_minor(record), record.currency),
        "aside": _make_money(record.set_aside_minor, record.currency),
        "since": record.state_since,
        "paid_at": record.paid_at,
        "expires_at": record.expires_at,
        "at": find_next_attempt_time(record.work, now),
        "attempt": record.work.attempt + 1,
        "of": len(PAYMENT_PROBE_WAITS),
        "cause": record.error_code,
        "provider_state": record.provider_state,
        "reason": record.work.reason,
        "total": _make_money(order.total_minor, order.currency) if order else None,
        "paid": _make_money(paid_minor, currency),
        "missing": _make_money(-difference, currency),
        "excess": _make_money(difference, currency),
        "refund": refund.id if refund else None,
        "refund_amount": _make_money(refund.amount_minor, refund.currency) if refund else None,
        "refund_at": find_next_attempt_time(refund.work, now) if refund else None,
        "decide_by": refund.decide_by if refund else None,
        "maker": refund.maker if refund else None,
        "refusal": relations.refund_refusal,
        "observed": relations.contradicting_answer_text,
        **_make_outside_proposal_facts(record, relations),
    }


def _make_outside_proposal_facts(record: Payment, relations: PaymentRelations) -> Facts:
    """Return the facts of the proposal that an amount of the payment was given back outside; no facts without one."""
    proposal = relations.outside_proposal
    if proposal is None:
        return {}
    return {
        "proposed": _make_money(proposal.amount_minor, record.currency),
        "proposed_day": proposal.day.isoformat(),
        "proposer": proposal.person,
        "proposed_at": proposal.at,
    }


def _explain_unknown_payment(record: Payment, relations: PaymentRelations, facts: Facts) -> Explanation:
    """Return the explanation of a payment whose outcome is unknown."""
    reason = {
        "not_found": "why.payment_not_found",
        "no_such_payment": "why.payment_not_found",
        "no_such_code": "why.payment_not_found",
        "other_amount": "why.payment_other_amount",
        "other_currency": "why.payment_answer_does_not_fit",
        "other_payment": "why.payment_answer_does_not_fit",
        None: "why.payment_no_answer",
    }.get(record.error_code, "why.payment_no_answer")
    step = _make_unknown_payment_step(record, relations, facts)
    return Explanation("verdict.payment_unknown", reason, step, facts, DECIDING_ROLES)


def _make_second_person_step(record: Payment, relations: PaymentRelations, facts: Facts) -> NextStep:
    """Return the next step of a payment for which a first person has proposed an outcome: a second person confirms
    it. If a later answer of the provider contradicts the proposal and the provider can be queried, the step is a
    probe, because a service would refuse the decision.
    """
    if relations.is_proposal_contradicted and relations.can_ask_provider:
        return NextStep("next.payment_proposal_denied", facts, _format_probe_command(record), "probe")
    if relations.lacks_second_person:
        return NextStep("next.second_person_missing", facts, _format_show_command(record))
    command = _format_resolve_command(record, str(relations.proposed_state))
    if relations.is_outside_refund_proposed:
        command = f"{command} --amount N --day D"
        return NextStep("next.payment_outside_second_person", facts, command, RECORD_OUTSIDE_ACTION)
    return NextStep("next.payment_second_person", facts, command, "resolve")


def _make_unknown_payment_step(record: Payment, relations: PaymentRelations, facts: Facts) -> NextStep:
    if relations.awaits_second_person and not relations.is_outside_refund_proposed:
        return _make_second_person_step(record, relations, facts)
    if record.work.state is WorkState.SCHEDULED and relations.can_ask_provider:
        return NextStep("next.payment_probe_scheduled", facts, _format_probe_command(record), "probe")
    if record.work.state is WorkState.NONE and relations.can_ask_provider:
        return NextStep("next.payment_probe", facts, _format_probe_command(record), "probe")
    have_probes_ended = record.work.reason == WorkReason.PROBES_ENDED
    code = "next.payment_resolve_checks_ended" if have_probes_ended else "next.payment_resolve"
    return NextStep(code, facts, _format_resolve_command(record, "completed"), "resolve")


def _explain_payment_review(record: Payment, relations: PaymentRelations, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of a payment that a person must look at, by the reason of its work."""
    reason = record.work.reason or ""
    if reason == WorkReason.NOT_MOVED and relations.order is not None:
        return _explain_payment_of_unpaid_order(record, relations, relations.order, facts, now)
    if reason in _NEXT_STEP_CODE_BY_WORK_REASON:
        step = _choose_next_step_of_review(record, relations, reason, facts, now)
        roles = (
            _list_roles_for_refund(relations, now) if reason in _WORK_REASONS_THAT_CALL_FOR_REFUND else DECIDING_ROLES
        )
        suffix = "reversed_there" if reason == WorkReason.REVERSED and record.state in PAID_STATES else reason
        return Explanation(f"verdict.payment_{suffix}", f"why.payment_{suffix}", step, facts, roles)
    step = NextStep("next.payment_look", facts, f"support-console show payment {record.id}")
    return Explanation("verdict.payment_person", "why.payment_person", step, facts, DECIDING_ROLES)


def _choose_next_step_of_review(
    record: Payment, relations: PaymentRelations, reason: str, facts: Facts, now: datetime
) -> NextStep:
    """Return the next step of a payment that a person must look at because of the work reason `reason`. The step is a
    refund only if a refund can be requested now, and a probe only if the provider can be queried."""
    next_step_code = _NEXT_STEP_CODE_BY_WORK_REASON[reason]
    if reason in _WORK_REASONS_THAT_CALL_FOR_REFUND:
        return _make_refund_request_step(record, relations, next_step_code, facts, now)
    if reason == WorkReason.REVERSED:
        return NextStep(next_step_code, facts, _format_resolve_command(record, "reversed"), "resolve")
    if reason in _WORK_REASONS_FOR_PROBE:
        return NextStep(
            next_step_code, facts, _format_probe_command(record), "probe" if relations.can_ask_provider else None
        )
    return NextStep(next_step_code, facts, _format_show_command(record))


def _make_refund_request_step(
    record: Payment,
    relations: PaymentRelations,
    code: str,
    facts: Facts,
    now: datetime,
    *,
    asks_others_first: bool = False,
) -> NextStep:
    """Return the next step "request a refund" with the wording key `code`. `asks_others_first` is True if the person
    must first ask the shop, or find out whether the refund is still needed. If a refund of the payment is pending,
    return the next step of that refund; if no refund can be requested now, return a step whose sentence names the
    reason.
    """
    pending_refund = relations.pending_refund
    if pending_refund is not None:
        return _choose_next_step_of_refund(pending_refund, facts, relations.read_only_switch, now)
    if relations.refund_refusal is not None:
        return NextStep("next.payment_refund_off", facts, _format_show_command(record))
    command = f"support-console refund request {record.id} --amount N --reason TEXT"
    if record.is_only_set_aside_money_left:
        command = _format_show_command(record)
    return NextStep(code, facts, command, "refund", asks_others_first)


def _explain_payment_of_unpaid_order(
    record: Payment, relations: PaymentRelations, order: Order, facts: Facts, now: datetime
) -> Explanation:
    """Return the explanation of a payment that a person must look at because its order was not moved to paid. The
    order's present state determines the explanation.
    """
    if order.state is OrderState.PENDING and record.state in CONFIRMED_PAID_STATES:
        return _explain_payment_of_pending_order(record, relations, facts, now)
    step = NextStep("next.payment_order_knows", facts, _format_resolve_command(record, "completed"), "resolve")
    return Explanation("verdict.payment_order_moved", "why.payment_order_moved", step, facts, DECIDING_ROLES)


def _explain_payment_of_pending_order(
    record: Payment, relations: PaymentRelations, facts: Facts, now: datetime
) -> Explanation:
    """Return the explanation of a paid payment whose order is still pending. If the order's paid payments cover its
    total, the order can be moved to paid without a call to the provider; otherwise the shop must decide. If a
    payment isn't in the order's currency, the fact `amount` is that of such a payment.
    """
    order, paid_payments = relations.order, list_paid_order_payments(record)
    if order is not None and not is_order_covered(paid_payments, order):
        other_payment = find_payment_in_other_currency(paid_payments, order)
        if other_payment is not None:
            code_suffix = "payment_other_currency"
            facts = {**facts, "amount": _make_money(other_payment.captured_minor, other_payment.currency)}
        else:
            code_suffix = "payment_short"
            retained_minor = sum_retained_minor(paid_payments)
            facts = {
                **facts,
                "paid": _make_money(retained_minor, order.currency),
                "missing": _make_money(order.total_minor - retained_minor, order.currency),
            }
        step = _make_refund_request_step(
            record, relations, "next.payment_ask_shop", facts, now, asks_others_first=True
        )
        roles = _list_roles_for_refund(relations, now)
        return Explanation(f"verdict.{code_suffix}", f"why.{code_suffix}", step, facts, roles)
    is_scheduled = record.work.state is WorkState.SCHEDULED and record.work.at is not None
    next_step_code = "next.payment_moved_by_itself" if is_scheduled else "next.payment_move_order"
    step = NextStep(next_step_code, facts, f"support-console payment move-order {record.id}", "move_order")
    return Explanation("verdict.payment_not_moved", "why.payment_not_moved", step, facts, DECIDING_ROLES)


def _explain_refund_of_payment(relations: PaymentRelations, facts: Facts, now: datetime) -> Explanation | None:
    """Return the explanation of a payment by its pending refund or, without one, by a refund that the provider
    contradicts; None if it has neither."""
    if relations.pending_refund is not None:
        return _explain_pending_refund(relations.pending_refund, relations, facts, now)
    refund = find_contradicted_refund(relations.refunds)
    if refund is None:
        return None
    facts = {**facts, "refund": refund.id, "observed": None}  # the provider's answer about the payment isn't meant
    command = f"support-console show refund {refund.id}"
    step = NextStep("next.payment_refund_person", facts, command, OPEN_REFUND_ACTION)
    return Explanation("verdict.refund_contradicted", "why.refund_contradicted", step, facts, DECIDING_ROLES)


def _explain_pending_refund(refund: Refund, relations: PaymentRelations, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of a payment by its pending refund, which has no unknown outcome: it is requested,
    approved, being sent, or accepted by the provider."""
    code_suffix = f"payment_refund_{refund.state}"
    step = _choose_next_step_of_refund(refund, facts, relations.read_only_switch, now)
    if _is_decision_overdue(refund, now):
        return Explanation(f"verdict.{code_suffix}", "why.refund_too_old", step, facts)
    if is_refund_perhaps_made(refund):
        return Explanation(f"verdict.{code_suffix}_perhaps_made", "why.refund_perhaps_made", step, facts)
    refusal = refund.relations.approval_refusal if refund.relations is not None else None
    if refusal is not None:
        return Explanation(f"verdict.{code_suffix}", "why.refund_not_approvable", step, {**facts, "refusal": refusal})
    if refund.relations is not None and refund.relations.lacks_approver:
        return Explanation(f"verdict.{code_suffix}", "why.refund_approver_missing", step, facts)
    return Explanation(f"verdict.{code_suffix}", f"why.{code_suffix}", step, facts)


def _is_decision_overdue(refund: Refund, now: datetime) -> bool:
    """True if the time to decide about the requested refund is over. From then on, no person can approve or reject
    the refund."""
    is_requested = refund.state is RefundState.REQUESTED and refund.certainty is Certainty.KNOWN
    return is_requested and is_decision_time_over(refund, now)


def _list_roles_for_refund(relations: PaymentRelations, now: datetime) -> tuple[str, ...]:
    """Return the roles that may do the next step of the payment's pending refund or, if there is none, request a
    refund. Return () if the next step is that the refund expires, because no person does this.
    """
    pending_refund = relations.pending_refund
    return () if pending_refund is not None and _is_decision_overdue(pending_refund, now) else DECIDING_ROLES


def _choose_next_step_of_refund(
    refund: Refund, facts: Facts, switch: ReadOnlySwitch | None, now: datetime
) -> NextStep:
    """Return the next step of a payment that has the pending refund `refund`: a probe of the refund, a second
    person's decision, its approval, its expiry, its sending, or a wait for the provider. `switch` is the
    read-only switch that stops the approval and the sending; None if none does.
    """
    refund_relations = refund.relations or RefundRelations()
    if _is_decision_overdue(refund, now):
        command = f"support-console show refund {refund.id}"
        return NextStep("next.payment_refund_expires", facts, command, OPEN_REFUND_ACTION)
    if refund_relations.awaits_second_person:
        command = f"support-console show refund {refund.id}"
        next_step_code = "next.payment_refund_second_person" + "_missing" * refund_relations.lacks_second_person
        return NextStep(next_step_code, facts, command, OPEN_REFUND_ACTION)
    if refund.certainty is Certainty.UNKNOWN:
        is_scheduled = refund.work.state is WorkState.SCHEDULED and refund.work.at is not None
        next_step_code = "next.payment_refund_probe_scheduled" if is_scheduled else "next.payment_refund_unknown"
        return NextStep(next_step_code, facts, f"support-console probe refund {refund.id}", OPEN_REFUND_ACTION)
    if refund.work.state is WorkState.NEEDS_REVIEW:  # nothing is sent or asked automatically any more
        command = f"support-console show refund {refund.id}"
        return NextStep("next.payment_refund_person", facts, command, OPEN_REFUND_ACTION)
    next_step_code = f"next.payment_refund_{refund.state}"
    if switch is not None and refund.state in (RefundState.REQUESTED, RefundState.APPROVED):
        next_step_code, facts = f"{next_step_code}_read_only", {**facts, **make_prefixed_switch_facts(switch)}
    elif refund_relations.approval_refusal is not None:
        next_step_code = "next.payment_refund_not_approvable"
    elif refund_relations.lacks_approver:
        next_step_code = "next.payment_refund_approver_missing"
    return NextStep(next_step_code, facts, f"support-console show refund {refund.id}", OPEN_REFUND_ACTION)


def _explain_waiting_payment(
    record: Payment, relations: PaymentRelations, facts: Facts, now: datetime
) -> Explanation:
    """Return the explanation of a payment that is being started, that waits for the customer, or whose time limit has
    passed while it isn't known if the customer has paid.
    """
    action = "probe" if relations.can_ask_provider else None
    command = _format_probe_command(record) if relations.can_ask_provider else _format_show_command(record)
    if record.expires_at is not None and record.expires_at <= now:
        if record.work.state is WorkState.SCHEDULED:
            next_step_code = "next.payment_confirmed_later"
        else:
            next_step_code = "next.payment_probe" if relations.can_ask_provider else "next.payment_look"
        step = NextStep(next_step_code, facts, command, action)
        return Explanation("verdict.payment_overdue", "why.payment_overdue", step, facts)
    has_payment_code = record.state in (PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT)
    reason = "why.payment_waiting" if has_payment_code else "why.payment_starting"
    verdict = "verdict.payment_waiting" if has_payment_code else "verdict.payment_starting"
    is_scheduled = record.work.state is WorkState.SCHEDULED
    next_step_code = "next.payment_probe_waiting" if is_scheduled else "next.payment_wait"
    return Explanation(verdict, reason, NextStep(next_step_code, facts, command, action), facts)


def _explain_paid_payment(record: Payment, relations: PaymentRelations, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of a paid payment that no person must look at: it isn't confirmed yet, exceeds the
    order's total, can still be reversed, was refunded, or is complete.
    """
    order = relations.order
    if record.work.state is WorkState.SCHEDULED:
        step = NextStep("next.payment_confirmed_later", facts, _format_probe_command(record), "probe")
        return Explanation("verdict.payment_noticed", "why.payment_noticed", step, facts)
    if record.state in PAID_BY_CALLBACK_STATES:
        return _explain_unconfirmed_notice(record, relations, facts)
    if order is not None and has_unrefunded_amount(record) and _is_part_of_excess(record, order):
        return _explain_excess(record, relations, order, facts, now)
    reversal_deadline = find_reversal_deadline(record)
    if reversal_deadline is not None and now < reversal_deadline:
        facts = {**facts, "until": reversal_deadline}
        step = NextStep("next.payment_reversible", facts)
        return Explanation("verdict.payment_reversible", "why.payment_reversible", step, facts)
    if is_refunded_in_full(record):
        reason = "why.payment_outside" if record.outside_minor else "why.payment_refunded"
        return Explanation("verdict.payment_refunded", reason, NextStep("next.nothing", facts), facts)
    verdict = "verdict.payment_partly" if record.given_back_minor else "verdict.payment_complete"
    failed_refund = _find_failed_refund(record, relations, now)
    if failed_refund is not None:
        amount = _make_money(failed_refund.amount_minor, failed_refund.currency)
        is_decided_by_people = failed_refund.error_code == RESOLVED_BY_PEOPLE_CAUSE
        facts = {
            **facts,
            "refund": failed_refund.id,
            "refund_amount": amount,
            "refund_cause": None if is_decided_by_people else failed_refund.error_code,
        }
        command = f"support-console show refund {failed_refund.id}"
        is_final = is_refused_for_good(failed_refund)
        code = "next.payment_refund_final" if is_final else "next.payment_refund_failed"
        step = NextStep(code, facts, command, OPEN_REFUND_ACTION)
        return Explanation(verdict, "why.payment_refund_failed", step, facts)
    unmade_refund = relations.refunds[0] if relations.refunds else None
    if unmade_refund is not None and _is_certainly_not_made(unmade_refund):
        amount = _make_money(unmade_refund.amount_minor, unmade_refund.currency)
        facts = {**facts, "refund": unmade_refund.id, "refund_amount": amount}
        step = NextStep("next.nothing", facts)
        if may_be_requested_again(unmade_refund, record):
            code = "next.refund_ask_anew"
            step = _make_refund_request_step(record, relations, code, facts, now, asks_others_first=True)
        return Explanation(verdict, f"why.payment_refund_{unmade_refund.state}", step, facts)
    if record.outside_minor:
        return Explanation(verdict, "why.payment_outside", NextStep("next.nothing", facts), facts)
    if record.refunded_minor:
        return Explanation(verdict, "why.payment_partly", NextStep("next.nothing", facts), facts)
    reason = "why.payment_complete" if record.order_id is not None else "why.payment_complete_alone"
    if record.error_code == RESOLVED_BY_PEOPLE_CAUSE and relations.known_provider_state not in PAID_STATES:
        reason = "why.payment_decided_by_people"  # until a later read, the gateway has confirmed nothing
    return Explanation(verdict, reason, NextStep("next.nothing", facts), facts)


def _is_part_of_excess(record: Payment, order: Order) -> bool:
    """True if the order is paid in excess, and the payment, in the order's currency, is a part of the sum."""
    return record.currency == order.currency and compute_order_difference_minor(record, order) > 0


def _explain_excess(
    record: Payment, relations: PaymentRelations, order: Order, facts: Facts, now: datetime
) -> Explanation:
    """Return the explanation of a payment whose order is paid in excess. The next step is a refund of the excess that
    is neither refunded nor reserved for a refund. In two cases the next step is to open the order: only a callback
    reports one of the order's payments as paid, or the open refunds of the order already give back the whole excess.
    The fact `excess` is then the whole excess that isn't refunded yet.
    """
    verdict, reason = "verdict.payment_excess", "why.payment_excess"
    paid_payments = list_paid_order_payments(record, order.currency)
    retained_minor = sum_retained_minor(paid_payments)
    is_unconfirmed = any(payment.state in PAID_BY_CALLBACK_STATES for payment in paid_payments)
    if is_unconfirmed or retained_minor <= order.total_minor:
        unrefunded_minor = sum(map(compute_unrefunded_minor, paid_payments))
        facts = {**facts, "excess": _make_money(unrefunded_minor - order.total_minor, record.currency)}
        code = "next.payment_other_live" if is_unconfirmed else "next.payment_other_refund"
        step = NextStep(code, facts, f"support-console show order {order.id}", OPEN_ORDER_ACTION)
        return Explanation(verdict, reason, step, facts, DECIDING_ROLES)
    facts = {**facts, "excess": _make_money(retained_minor - order.total_minor, record.currency)}
    step = _make_refund_request_step(
        record, relations, "next.payment_refund_excess", facts, now, asks_others_first=True
    )
    return Explanation(verdict, reason, step, facts, _list_roles_for_refund(relations, now))


def _is_certainly_not_made(refund: Refund) -> bool:
    """True if the refund was rejected or withdrawn by a person, or has expired, so that no money was given back, and
    its provider doesn't contradict this."""
    is_contradicted = refund.work.reason in WORK_REASONS_OF_CONTRADICTION
    return (
        refund.state in (RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED)
        and refund.certainty is Certainty.KNOWN
        and not is_contradicted
    )


def _find_failed_refund(record: Payment, relations: PaymentRelations, now: datetime) -> Refund | None:
    """Return the newest refund of the payment if it has failed and its own explanation advises a next step; otherwise
    None."""
    newest_refund = relations.refunds[0] if relations.refunds else None
    if newest_refund is None or newest_refund.state is not RefundState.FAILED:
        return None
    explanation = explain_refund(replace(newest_refund, relations=RefundRelations(record)), now)
    return None if explanation.next_step.code == "next.nothing" else newest_refund


def _explain_unconfirmed_notice(record: Payment, relations: PaymentRelations, facts: Facts) -> Explanation:
    """Return the explanation of a payment that only a callback reports as paid, and for which no probe is scheduled
    to confirm this. Such payments are written by another application."""
    if relations.can_ask_provider:
        step = NextStep("next.payment_probe", facts, _format_probe_command(record), "probe")
    else:
        step = NextStep("next.payment_look", facts, _format_show_command(record))
    return Explanation("verdict.payment_noticed", "why.payment_noticed", step, facts, DECIDING_ROLES)


def _make_money(amount_minor: int, currency: str) -> Money | None:
    """Return `amount_minor` as Money, 0 for a negative amount; None if the currency is unknown to the console or
    the amount is too large."""
    return make_stored_money(max(0, amount_minor), currency)


def _format_show_command(record: Payment) -> str:
    return f"support-console show payment {record.id}"


def _format_probe_command(record: Payment) -> str:
    return f"support-console probe payment {record.id}"


def _format_resolve_command(record: Payment, outcome: str) -> str:
    return f"support-console resolve payment {record.id} --as {outcome} --evidence FILE"


def find_explained_payment_id(order: Order, now: datetime) -> int | None:
    """Return the id of the payment that the explanation of the order is about at the instant `now`; None if the order
    has no payment. The next step of the order opens the page of this payment, and the page of the order compares this
    payment with the provider and the order. It is the first of these that exists: the payment that breaks the rule of
    an open alert about the order, the payment whose saga is stuck (only if the order has no work of its own), the
    payment of a refund that has not ended, a payment with an unknown outcome, the payment of a refund that the
    provider contradicts, a payment that a person must look at, the newest payment.
    """
    relations = order.relations or OrderRelations()
    finding = _find_rule_of_alert(order, relations, now)
    if finding is not None:
        return finding.payment_id
    if relations.stuck_payment_id is not None and order.work.state is WorkState.NONE:
        return relations.stuck_payment_id
    if relations.pending_refund is not None:
        return relations.pending_refund.payment_id
    if relations.contradicted_refund is not None and relations.unknown_payment is None:
        return relations.contradicted_refund.payment_id
    unfinished_payment = relations.unknown_payment or relations.reviewed_payment
    return unfinished_payment.id if unfinished_payment is not None else max(order.payment_ids, default=None)
