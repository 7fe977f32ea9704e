"""Why a refund is as it is and what happens next, as wording codes with facts. Reads nothing but the record."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from console.domain.money import Money
from console.domain.order_records import Refund
from console.domain.payment_records import RefundState
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.records import Certainty, WorkState
from console.domain.results import Explanation, NextStep
from console.domain.schedules import REFUND_PROBES

Facts = Mapping[str, object]
_R = RefundState

FINAL_REASONS = frozenset(
    {
        "refund_window_over", "refund_count_exceeded", "not_refundable", "order_no_longer_kept",
        "repeated_refunds_not_contracted", "payer_left", "payment_reversed",
    }
)  # fmt: skip
"""Refusals after which asking again would be refused again."""
_LONG = timedelta(hours=24)


def explain_refund(record: Refund, now: datetime, *, awaiting: str | None = None) -> Explanation:
    """Verdict, why and next step of a refund at the instant `now`."""
    facts = _facts(record)
    if record.certainty is Certainty.UNKNOWN:
        return _unknown(record, facts, awaiting)
    if record.work.state is WorkState.NEEDS_REVIEW:
        step = NextStep("next.refund_look", facts, _show(record))
        contradicted = record.work.reason == "contradicted"
        verdict = "verdict.refund_contradicted" if contradicted else f"verdict.refund_{record.state}"
        why = "why.refund_contradicted" if contradicted else "why.refund_person"
        return Explanation(verdict, why, step, facts, (APPROVER, OPERATOR))
    match record.state:
        case _R.REQUESTED:
            return _requested(record, facts, now)
        case _R.APPROVED:
            return _approved(record, facts, now)
        case _R.SUBMITTING:
            step = NextStep("next.refund_wait", facts, _show(record))
            return Explanation("verdict.refund_submitting", "why.refund_submitting", step, facts)
        case _R.SUBMITTED:
            return _accepted(record, facts, now)
    return _ended(record, facts)


def _facts(record: Refund) -> Facts:
    return {
        "id": record.id,
        "payment": record.payment_id,
        "amount": Money(record.amount_minor, record.currency),
        "maker": record.maker,
        "checkers": record.checkers,
        "given": len(record.checkers),
        "needed": record.checkers_needed,
        "since": record.changed_at or record.created_at,
        "asked_at": record.created_at,
        "sent_at": record.last_sent_at,
        "sends_after": record.sends_after,
        "decide_by": record.decide_by,
        "at": record.work.at,
        "attempt": record.work.attempt + 1,
        "of": len(REFUND_PROBES),
        "cause": record.error_code,
        "words": record.declined_because,
        "key": record.provider_refund_key,
        "provider_id": record.provider_refund_id,
        "provider_state": record.provider_state,
        "reason": record.work.reason,
    }


def _unknown(record: Refund, facts: Facts, awaiting: str | None) -> Explanation:
    why = "why.refund_not_found" if record.not_found else "why.refund_no_answer"
    if awaiting is not None:
        step = NextStep("next.refund_second_person", facts, _resolve(record, "failed"))
    elif record.work.state is WorkState.SCHEDULED:
        step = NextStep("next.refund_probe_scheduled", facts, _probe(record))
    elif record.work.state is WorkState.NONE:
        step = NextStep("next.refund_probe", facts, _probe(record))
    else:
        step = NextStep("next.refund_resolve", facts, _resolve(record, "completed --provider-id ID"))
    return Explanation("verdict.refund_unknown", why, step, facts, (APPROVER, OPERATOR))


def _requested(record: Refund, facts: Facts, now: datetime) -> Explanation:
    if record.decide_by is not None and record.decide_by <= now:
        step = NextStep("next.refund_expires", facts)
        return Explanation("verdict.refund_requested", "why.refund_too_old", step, facts)
    why = "why.refund_half_approved" if record.checkers else "why.refund_requested"
    step = NextStep("next.refund_decide", facts, f"support-console refund approve {record.id}")
    return Explanation("verdict.refund_requested", why, step, facts, (APPROVER,))


def _approved(record: Refund, facts: Facts, now: datetime) -> Explanation:
    command = f"support-console refund approve {record.id}"
    if record.sends_after is not None and record.sends_after > now:
        step = NextStep("next.refund_cooling_off", facts, command)
        return Explanation("verdict.refund_approved", "why.refund_cooling_off", step, facts)
    step = NextStep("next.refund_sent_by_itself", facts, command)
    if record.sent_count and record.not_found:
        return Explanation("verdict.refund_approved", "why.refund_did_not_happen", step, facts)
    why = "why.refund_not_sent" if record.error_code else "why.refund_approved"
    return Explanation("verdict.refund_approved", why, step, facts)


def _accepted(record: Refund, facts: Facts, now: datetime) -> Explanation:
    since = record.last_sent_at or record.changed_at
    long = since is not None and now - since > _LONG
    why = "why.refund_submitted_long" if long else "why.refund_submitted"
    step = NextStep("next.refund_poll", facts, _probe(record))
    return Explanation("verdict.refund_submitted", why, step, facts)


def _ended(record: Refund, facts: Facts) -> Explanation:
    following = "next.nothing"
    if record.state is _R.FAILED:
        following = "next.refund_final" if record.error_code in FINAL_REASONS else "next.refund_ask_anew"
    elif record.state is _R.EXPIRED:
        following = "next.refund_ask_anew"
    return Explanation(
        f"verdict.refund_{record.state}", f"why.refund_{record.state}", NextStep(following, facts), facts
    )


def _show(record: Refund) -> str:
    return f"support-console show refund {record.id}"


def _probe(record: Refund) -> str:
    return f"support-console probe refund {record.id}"


def _resolve(record: Refund, outcome: str) -> str:
    return f"support-console resolve refund {record.id} --as {outcome} --evidence FILE"
