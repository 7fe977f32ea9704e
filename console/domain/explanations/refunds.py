"""Explain the state and next step of a refund, as wording keys with facts. The explanation depends only on the
record, its relations and the present instant.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.explained_state import CertaintyBadge, Explanation, NextStep, WorkBadge
from console.domain.explanations.badges import VERDICTS_OF_MISMATCH, find_work_badge
from console.domain.explanations.read_only import (
    SWITCH_LIST_COMMAND,
    make_prefixed_switch_facts,
    replace_stopped_next_step,
)
from console.domain.money import Money
from console.domain.payments.records import Payment, Refund, RefundRelations
from console.domain.payments.states import PAID_STATES, RefundState
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, WorkReason, WorkState, find_next_attempt_time
from console.domain.recovery.decision_rules import (
    is_contradicted_refund,
    is_decidable_refund,
    is_decision_time_over,
    is_refund_perhaps_made,
)
from console.domain.tasks.retry_schedules import REFUND_PROBE_WAITS, SLOW_REFUND_AGE

Facts = Mapping[str, object]

FINAL_REFUSAL_REASONS = frozenset(
    {
        "refund_window_over",
        "refund_count_exceeded",
        "not_refundable",
        "order_no_longer_kept",  # house: the reason of a refusal by the provider
        "repeated_refunds_not_contracted",
        "payer_left",
        "payment_reversed",
    }
)
"""Reasons with which a provider refuses a refund and probably refuses every later refund of the same payment, too."""


def explain_refund(record: Refund, now: datetime) -> Explanation:
    """Return verdict, reason, next step and badges of a refund at the instant `now`. The explanation also uses the
    related facts in `record.relations`; if these are None, it uses the refund's own fields alone."""
    relations = record.relations or RefundRelations()
    explanation = _explain_without_badges(record, relations, now)
    certainty = CertaintyBadge(record.certainty.value)
    if certainty is CertaintyBadge.KNOWN and explanation.verdict in VERDICTS_OF_MISMATCH:
        certainty = CertaintyBadge.SIDES_DISAGREE
    elif certainty is CertaintyBadge.KNOWN and (
        record.state is RefundState.SUBMITTING or is_refund_perhaps_made(record)
    ):
        certainty = CertaintyBadge.UNCONFIRMED
    explanation_with_badges = replace(
        explanation, certainty=certainty, work=_find_refund_work_badge(record, relations, explanation)
    )
    return replace_stopped_next_step(explanation_with_badges, relations.read_only_switch)


def _find_refund_work_badge(record: Refund, relations: RefundRelations, explanation: Explanation) -> WorkBadge:
    """Return the badge of work of a refund: the actor of the next step that `explanation` advises. A refund that
    waits for an approver or a second person has the badge WAITING_FOR_APPROVAL."""
    is_undecided = explanation.next_step.action == "approve" or explanation.why == "why.refund_approver_missing"
    if relations.awaits_second_person or is_undecided:
        return WorkBadge.WAITING_FOR_APPROVAL
    return find_work_badge(record.work, explanation)


def _explain_without_badges(record: Refund, relations: RefundRelations, now: datetime) -> Explanation:
    """Return the explanation of a refund, without badges. An unknown outcome determines it; with a known outcome, the
    refund's work; without work, its state."""
    facts = _make_explanation_facts(record, now)
    if record.certainty is Certainty.UNKNOWN:
        return _explain_unknown_refund(record, relations, facts)
    if record.work.state is WorkState.NEEDS_REVIEW:
        if relations.awaits_second_person:
            step = _make_second_person_step(record, relations, facts)
        elif is_decidable_refund(record) and record.work.reason != WorkReason.CONTRADICTED:
            step = NextStep(
                "next.refund_resolve", facts, _format_resolve_command(record, "completed --provider-id ID"), "resolve"
            )
        else:
            step = NextStep("next.refund_look", facts, _format_show_command(record))
        is_contradicted = is_contradicted_refund(record)
        verdict = "verdict.refund_contradicted" if is_contradicted else _find_refund_verdict(record)
        if is_contradicted:
            reason, facts = "why.refund_contradicted", {**facts, "observed": relations.contradicting_answer_text}
        elif record.work.reason == WorkReason.NOT_SENT and record.error_code and not is_refund_perhaps_made(record):
            reason = "why.refund_not_sent"
        else:
            reason = "why.refund_person"
        return Explanation(verdict, reason, step, facts, (APPROVER, OPERATOR))
    match record.state:
        case RefundState.REQUESTED:
            return _explain_requested_refund(record, relations, facts, now)
        case RefundState.APPROVED:
            return _explain_approved_refund(record, relations, facts, now)
        case RefundState.SUBMITTING:
            step = NextStep("next.refund_wait", facts, _format_show_command(record))
            return Explanation("verdict.refund_submitting", "why.refund_submitting", step, facts)
        case RefundState.SUBMITTED:
            return _explain_accepted_refund(record, facts, now)
    return _explain_ended_refund(record, relations, facts)


def _find_refund_verdict(record: Refund) -> str:
    """Return the verdict of a refund by its state: a wording key such as `verdict.refund_completed`."""
    return f"verdict.refund_{record.state}{'_perhaps_made' * is_refund_perhaps_made(record)}"


def _count_needed_approvals(record: Refund) -> int:
    """Return the number of approvals that the refund needs, as far as its row shows this. While the refund is
    requested, the number is at least one more than the refund has, because a limit that was lowered since the request
    may need a second approval.
    """
    is_requested = record.state is RefundState.REQUESTED
    return max(record.checkers_needed, len(record.checkers) + 1) if is_requested else record.checkers_needed


def _make_explanation_facts(record: Refund, now: datetime) -> Facts:
    """Return the facts for the sentences that explain a refund: values of the refund, such as its `maker` and
    `checkers`, and the number of approvals that are `given` and `needed`. `at` and `attempt` are the time and the
    number (from 1) of the next scheduled attempt, `of` is the number of all attempts. `words` is the reason of a
    rejection."""
    return {
        "id": record.id,
        "payment": record.payment_id,
        "amount": Money(record.amount_minor, record.currency),
        "maker": record.maker,
        "checkers": record.checkers,
        "given": len(record.checkers),
        "needed": _count_needed_approvals(record),
        "since": record.state_since,
        "asked_at": record.created_at,
        "sent_at": record.last_sent_at,
        "sends_after": record.cooling_off_end,
        "decide_by": record.decide_by,
        "at": find_next_attempt_time(record.work, now),
        "attempt": record.work.attempt + 1,
        "of": len(REFUND_PROBE_WAITS),
        "cause": record.error_code,
        "words": record.declined_because,
        "key": record.provider_refund_key,
        "provider_id": record.provider_refund_id,
        "provider_state": record.provider_state,
        "reason": record.work.reason,
    }


def _explain_unknown_refund(record: Refund, relations: RefundRelations, facts: Facts) -> Explanation:
    """Return the explanation of a refund whose outcome is unknown."""
    reason = "why.refund_not_found" if record.not_found else "why.refund_no_answer"
    if relations.awaits_second_person:
        step = _make_second_person_step(record, relations, facts)
    elif record.work.state is WorkState.SCHEDULED:
        step = NextStep("next.refund_probe_scheduled", facts, _format_probe_command(record), "probe")
    elif record.work.state is WorkState.NONE:
        step = NextStep("next.refund_probe", facts, _format_probe_command(record), "probe")
    else:
        command = _format_resolve_command(record, "completed --provider-id ID")
        have_probes_ended = record.work.reason == WorkReason.PROBES_ENDED
        code = "next.refund_resolve_probes_ended" if have_probes_ended else "next.refund_resolve"
        step = NextStep(code, facts, command, "resolve")
    return Explanation("verdict.refund_unknown", reason, step, facts, (APPROVER, OPERATOR))


def _make_second_person_step(record: Refund, relations: RefundRelations, facts: Facts) -> NextStep:
    """Return the next step of a refund with a proposed outcome: a second person confirms the outcome. If no second
    person has the needed role, the step is that an administrator gives a person this role."""
    if relations.lacks_second_person:
        return NextStep("next.second_person_missing", facts, _format_show_command(record))
    outcome = "completed --provider-id ID" if relations.proposed_state == RefundState.COMPLETED else "failed"
    return NextStep("next.refund_second_person", facts, _format_resolve_command(record, outcome), "resolve")


def _explain_requested_refund(record: Refund, relations: RefundRelations, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of a refund that waits for its approval."""
    if is_decision_time_over(record, now):
        step = NextStep("next.refund_expires", facts)
        return Explanation("verdict.refund_requested", "why.refund_too_old", step, facts)
    reason = "why.refund_half_approved" if record.checkers else "why.refund_requested"
    if relations.approval_refusal is not None:
        facts = {**facts, "refusal": relations.approval_refusal}
        step = NextStep(
            "next.refund_reject", facts, f"support-console refund reject {record.id} --reason TEXT", "reject"
        )
        return Explanation("verdict.refund_requested", "why.refund_not_approvable", step, facts, (APPROVER,))
    if relations.lacks_approver:
        step = NextStep("next.refund_approver_missing", facts, _format_show_command(record))
        return Explanation("verdict.refund_requested", "why.refund_approver_missing", step, facts)
    step = NextStep("next.refund_decide", facts, f"support-console refund approve {record.id}", "approve")
    return Explanation("verdict.refund_requested", reason, step, facts, (APPROVER,))


def _explain_approved_refund(record: Refund, relations: RefundRelations, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of an approved refund: a read-only switch stops it, its cooling-off period has not
    ended, or the program will send it soon."""
    command = f"support-console refund approve {record.id}"
    is_cooling_off = record.cooling_off_end is not None and record.cooling_off_end > now
    if relations.read_only_switch is not None:
        facts = {**facts, **make_prefixed_switch_facts(relations.read_only_switch)}
        next_step_code = (
            "next.refund_after_read_only_cooling_off" if is_cooling_off else "next.refund_after_read_only"
        )
        step = NextStep(next_step_code, facts, SWITCH_LIST_COMMAND)
        return Explanation(_find_refund_verdict(record), "why.refund_read_only", step, facts)
    if is_cooling_off:
        step = NextStep("next.refund_cooling_off", facts, _format_show_command(record))
        return Explanation("verdict.refund_approved", "why.refund_cooling_off", step, facts)
    step = NextStep("next.refund_sent_by_itself", facts, command, "submit")
    if is_refund_perhaps_made(record):
        return Explanation(_find_refund_verdict(record), "why.refund_perhaps_made", step, facts)
    if record.sent_count and record.not_found:
        return Explanation("verdict.refund_approved", "why.refund_did_not_happen", step, facts)
    reason = "why.refund_not_sent" if record.error_code else "why.refund_approved"
    return Explanation("verdict.refund_approved", reason, step, facts)


def _explain_accepted_refund(record: Refund, facts: Facts, now: datetime) -> Explanation:
    """Return the explanation of a refund that the provider has accepted and not completed. After `SLOW_REFUND_AGE`
    the explanation says that the provider is slow.
    """
    accepted_since = record.last_sent_at or record.state_since
    is_slow = accepted_since is not None and now - accepted_since > SLOW_REFUND_AGE
    reason = "why.refund_submitted_long" if is_slow else "why.refund_submitted"
    step = NextStep("next.refund_poll", facts, _format_probe_command(record), "probe")
    return Explanation("verdict.refund_submitted", reason, step, facts)


def _explain_ended_refund(record: Refund, relations: RefundRelations, facts: Facts) -> Explanation:
    """Return the explanation of a refund that has ended. If two people have decided the outcome, the explanation
    names them and not the gateway as the source of the outcome."""
    next_step_code = "next.nothing"
    if is_refused_for_good(record):
        next_step_code = "next.refund_final"
    elif may_be_requested_again(record, relations.payment):
        next_step_code = "next.refund_ask_anew" if relations.request_refusal is None else "next.payment_refund_off"
        facts = {**facts, "refusal": relations.request_refusal}
    is_decided_by_people = record.error_code == RESOLVED_BY_PEOPLE_CAUSE
    verdict, reason = f"verdict.refund_{record.state}", f"why.refund_{record.state}"
    if is_decided_by_people and record.state is RefundState.FAILED:
        verdict = "verdict.refund_not_made"
    if is_decided_by_people:
        reason = "why.refund_decided_by_people"
    elif record.state is RefundState.EXPIRED and len(record.checkers) >= record.checkers_needed:
        reason = "why.refund_expired_unsent"  # it was decided about in time, and could not be sent
    return Explanation(verdict, reason, NextStep(next_step_code, facts), facts)


def is_refused_for_good(record: Refund) -> bool:
    """True if the provider has refused the refund for one of the FINAL_REFUSAL_REASONS, so that it will probably
    refuse another refund of the payment too. A person may still request another refund; then its maker and its
    approvers see a risk signal."""
    return record.state is RefundState.FAILED and record.error_code in FINAL_REFUSAL_REASONS


def may_be_requested_again(record: Refund, payment: Payment | None) -> bool:
    """True if the refund has failed or expired and its amount can be requested again, unless a rule about the payment
    refuses each request (`RefundRelations.request_refusal`). `payment` is the refund's payment, None if it was not
    read."""
    has_failed = record.state in (RefundState.FAILED, RefundState.EXPIRED) and not is_refused_for_good(record)
    return has_failed and _is_amount_requestable(record, payment)


def _is_amount_requestable(record: Refund, payment: Payment | None) -> bool:
    """True if the amount of an ended refund can be requested again: its payment is paid, has no open refund (its
    amount would be reserved) and still has this amount in the part from which the refund was requested (the set-aside
    or the refundable amount). Also True if the payment was not read.
    """
    if payment is None:
        return True
    left_minor = payment.refundable_minor if record.set_aside_id is None else payment.set_aside_minor
    return payment.state in PAID_STATES and payment.reserved_minor == 0 and left_minor >= record.amount_minor


def _format_show_command(record: Refund) -> str:
    return f"support-console show refund {record.id}"


def _format_probe_command(record: Refund) -> str:
    return f"support-console probe refund {record.id}"


def _format_resolve_command(record: Refund, outcome: str) -> str:
    return f"support-console resolve refund {record.id} --as {outcome} --evidence FILE"
