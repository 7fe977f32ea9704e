"""Tests of the verdict, the reason and the next step of refunds, without their wording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.explained_state import WorkBadge
from console.domain.explanations.refunds import FINAL_REFUSAL_REASONS, explain_refund
from console.domain.money import Money
from console.domain.payments.records import Payment, Refund, RefundRelations
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkState

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ONE_DAY = timedelta(hours=24)
REQUESTED_REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1,
    decide_by=NOW + timedelta(hours=72), created_at=NOW - timedelta(days=9), state_since=NOW,
)  # fmt: skip
APPROVED_REFUND = replace(REQUESTED_REFUND, state=RefundState.APPROVED, checkers=("lead-b",))
SENT_REFUND = replace(APPROVED_REFUND, state=RefundState.SUBMITTED, last_sent_at=NOW)
UNKNOWN_REFUND = replace(APPROVED_REFUND, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN)
SCHEDULED_WORK = Work(WorkState.SCHEDULED, NOW, "unknown", 3)
REVIEW_WORK = Work(WorkState.NEEDS_REVIEW, None, "probes_ended")
NO_ROLE_MAY_ACT = ()
APPROVER_ROLES = ("approver",)
DECIDER_ROLES = ("approver", "operator")
SHOW_COMMAND, PROBE_COMMAND, APPROVE_COMMAND = (
    f"support-console {what} 9" for what in ("show refund", "probe refund", "refund approve")
)
RESOLVE_COMMAND = "support-console resolve refund 9 --as"
RESOLVE_AS_COMPLETED_COMMAND = f"{RESOLVE_COMMAND} completed --provider-id ID --evidence FILE"
RESOLVE_AS_FAILED_COMMAND = f"{RESOLVE_COMMAND} failed --evidence FILE"

SITUATIONS = {
    "asked for": (REQUESTED_REFUND, "requested", "requested", "decide", APPROVE_COMMAND, APPROVER_ROLES),
    "asked for, without an end": (
        replace(REQUESTED_REFUND, decide_by=None), "requested", "requested", "decide", APPROVE_COMMAND,
        APPROVER_ROLES,
    ),
    "its last instant": (
        replace(REQUESTED_REFUND, decide_by=NOW + MICROSECOND), "requested", "requested", "decide", APPROVE_COMMAND,
        APPROVER_ROLES,
    ),
    "the last moment": (
        replace(REQUESTED_REFUND, decide_by=NOW), "requested", "requested", "decide", APPROVE_COMMAND, APPROVER_ROLES,
    ),
    "too old": (
        replace(REQUESTED_REFUND, decide_by=NOW - MICROSECOND), "requested", "too_old", "expires", None,
        NO_ROLE_MAY_ACT,
    ),
    "long too old": (replace(REQUESTED_REFUND, decide_by=NOW - ONE_DAY), "requested", "too_old", "expires", None,
        NO_ROLE_MAY_ACT),
    "half approved": (
        replace(REQUESTED_REFUND, checkers=("lead-b",)), "requested", "half_approved", "decide", APPROVE_COMMAND,
        APPROVER_ROLES,
    ),
    "approved": (APPROVED_REFUND, "approved", "approved", "sent_by_itself", APPROVE_COMMAND, NO_ROLE_MAY_ACT),
    "cooling off": (
        replace(APPROVED_REFUND, sends_after=NOW + MICROSECOND), "approved", "cooling_off", "cooling_off",
        SHOW_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "longer cooling off": (
        replace(APPROVED_REFUND, sends_after=NOW, work=Work(WorkState.SCHEDULED, NOW + MICROSECOND, "cooling_off")),
        "approved", "cooling_off", "cooling_off", SHOW_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "cooled off": (replace(APPROVED_REFUND, sends_after=NOW), "approved", "approved", "sent_by_itself",
        APPROVE_COMMAND,
        NO_ROLE_MAY_ACT),
    "cooled off long ago": (
        replace(APPROVED_REFUND, sends_after=NOW - ONE_DAY), "approved", "approved", "sent_by_itself",
        APPROVE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "could not be sent": (
        replace(APPROVED_REFUND, error_code="storage_full"), "approved", "not_sent", "sent_by_itself",
        APPROVE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "perhaps made by an earlier attempt": (
        replace(APPROVED_REFUND, sent_count=1, error_code="similar_refund_running"), "approved_perhaps_made",
        "perhaps_made",
        "sent_by_itself", APPROVE_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "perhaps made, and not sent automatically any more": (
        replace(APPROVED_REFUND, error_code="similar_refund_running", work=replace(REVIEW_WORK, reason="not_sent")),
        "approved_perhaps_made", "person", "look", SHOW_COMMAND, DECIDER_ROLES,
    ),
    "sent, and not found": (
        replace(APPROVED_REFUND, sent_count=1, not_found=1, error_code="x"), "approved", "did_not_happen",
        "sent_by_itself",
        APPROVE_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "sent, and not missed": (
        replace(APPROVED_REFUND, sent_count=1), "approved", "approved", "sent_by_itself", APPROVE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "not found, and never sent": (
        replace(APPROVED_REFUND, not_found=1), "approved", "approved", "sent_by_itself", APPROVE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "being sent": (replace(APPROVED_REFUND, state=RefundState.SUBMITTING), "submitting", "submitting", "wait",
        SHOW_COMMAND,
        NO_ROLE_MAY_ACT),
    "accepted": (SENT_REFUND, "submitted", "submitted", "poll", PROBE_COMMAND, NO_ROLE_MAY_ACT),
    "accepted a day ago": (
        replace(SENT_REFUND, last_sent_at=NOW - ONE_DAY), "submitted", "submitted", "poll", PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "accepted more than a day ago": (
        replace(SENT_REFUND, last_sent_at=NOW - ONE_DAY - MICROSECOND), "submitted", "submitted_long", "poll",
        PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "accepted, as somebody wrote": (
        replace(SENT_REFUND, last_sent_at=None, state_since=NOW - 2 * ONE_DAY), "submitted", "submitted_long", "poll",
        PROBE_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "accepted, nobody knows when": (
        replace(SENT_REFUND, last_sent_at=None, state_since=None), "submitted", "submitted", "poll", PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "unknown": (UNKNOWN_REFUND, "unknown", "no_answer", "probe", PROBE_COMMAND, DECIDER_ROLES),
    "unknown, asked again": (replace(UNKNOWN_REFUND, work=SCHEDULED_WORK), "unknown", "no_answer", "probe_scheduled",
        PROBE_COMMAND,
        DECIDER_ROLES),
    "unknown, not found": (
        replace(UNKNOWN_REFUND, work=SCHEDULED_WORK, not_found=1), "unknown", "not_found", "probe_scheduled",
        PROBE_COMMAND, DECIDER_ROLES,
    ),
    "unknown, for a person": (
        replace(UNKNOWN_REFUND, work=REVIEW_WORK), "unknown", "no_answer", "resolve_probes_ended",
        RESOLVE_AS_COMPLETED_COMMAND, DECIDER_ROLES),
    "made": (replace(SENT_REFUND, state=RefundState.COMPLETED), "completed", "completed", "nothing", None,
        NO_ROLE_MAY_ACT),
    "rejected": (replace(REQUESTED_REFUND, state=RefundState.REJECTED), "rejected", "rejected", "nothing", None,
        NO_ROLE_MAY_ACT),
    "withdrawn": (replace(REQUESTED_REFUND, state=RefundState.WITHDRAWN), "withdrawn", "withdrawn", "nothing", None,
        NO_ROLE_MAY_ACT),
    "expired": (replace(REQUESTED_REFUND, state=RefundState.EXPIRED), "expired", "expired", "ask_anew", None,
        NO_ROLE_MAY_ACT),
    "approved, and expired unsent": (
        replace(APPROVED_REFUND, state=RefundState.EXPIRED), "expired", "expired_unsent", "ask_anew", None,
        NO_ROLE_MAY_ACT,
    ),
    "half approved, and expired": (
        replace(APPROVED_REFUND, state=RefundState.EXPIRED, checkers_needed=2), "expired", "expired", "ask_anew",
        None, NO_ROLE_MAY_ACT,
    ),
    "decided by people: made": (
        replace(SENT_REFUND, state=RefundState.COMPLETED, error_code="resolved_by_people"), "completed",
        "decided_by_people",
        "nothing", None, NO_ROLE_MAY_ACT,
    ),
    "decided by people: not made": (
        replace(SENT_REFUND, state=RefundState.FAILED, error_code="resolved_by_people"), "not_made",
        "decided_by_people",
        "ask_anew", None, NO_ROLE_MAY_ACT,
    ),
    "refused": (replace(SENT_REFUND, state=RefundState.FAILED), "failed", "failed", "ask_anew", None,
        NO_ROLE_MAY_ACT),
    **{
        f"refused for good: {reason}": (
            replace(SENT_REFUND, state=RefundState.FAILED, error_code=reason), "failed", "failed", "final", None,
            NO_ROLE_MAY_ACT,
        )
        for reason in sorted(FINAL_REFUSAL_REASONS)
    },
    "for a person": (replace(SENT_REFUND, work=REVIEW_WORK), "submitted", "person", "resolve",
                     RESOLVE_AS_COMPLETED_COMMAND,
        DECIDER_ROLES),
    "contradicted": (
        replace(SENT_REFUND, work=replace(REVIEW_WORK, reason="contradicted")), "contradicted", "contradicted",
        "look",
        SHOW_COMMAND, DECIDER_ROLES,
    ),
    **{
        f"{state.value}, and the gateway has another one under its key": (
            replace(SENT_REFUND, state=state, work=replace(REVIEW_WORK, reason="answer_does_not_fit")),
            "contradicted",
            "contradicted", "look", SHOW_COMMAND, DECIDER_ROLES,
        )
        for state in (RefundState.APPROVED, RefundState.WITHDRAWN, RefundState.COMPLETED, RefundState.FAILED)
    },
    "accepted, and an answer is about another one": (
        replace(SENT_REFUND, work=replace(REVIEW_WORK, reason="answer_does_not_fit")), "submitted", "person",
        "resolve",
        RESOLVE_AS_COMPLETED_COMMAND, DECIDER_ROLES,
    ),
    "contradicted once": (
        replace(SENT_REFUND, work=replace(SCHEDULED_WORK, reason="contradicted")), "submitted", "submitted", "poll",
        PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_verdict_reason_and_next_step(name: str) -> None:
    """Each example of a refund has the expected verdict, reason and next step, with the command for the step and the
    roles that may execute it."""
    record, verdict, why, following, command, roles = SITUATIONS[name]
    explanation = explain_refund(record, NOW)
    assert (explanation.verdict, explanation.why) == (f"verdict.refund_{verdict}", f"why.refund_{why}")
    step = "next.nothing" if following == "nothing" else f"next.refund_{following}"
    assert (explanation.next_step.code, explanation.next_step.command, explanation.roles_that_may_act) == (
        step,
        command,
        roles,
    )


@pytest.mark.parametrize(
    ("cause", "next_step"), [("refund_window_over", "refund_final"), ("http_400", "refund_ask_anew")]
)
def test_a_refused_refund_has_the_badge_possible(cause: str, next_step: str) -> None:
    """A refund that the provider has refused has the badge `possible`: a person can act, because its next step says
    how the money can be returned.
    """
    explanation = explain_refund(replace(SENT_REFUND, state=RefundState.FAILED, error_code=cause), NOW)
    assert (explanation.next_step.code, explanation.work) == (f"next.{next_step}", WorkBadge.POSSIBLE)


def test_a_completed_refund_leaves_nothing_to_do() -> None:
    """A completed refund has the badge "Nothing to do"."""
    assert explain_refund(replace(SENT_REFUND, state=RefundState.COMPLETED), NOW).work is WorkBadge.NONE


PAID_PAYMENT = Payment(
    5, 3, "paypay", "ORD-1", "0421", None, None, PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY", 3300, 3300,
    0, 0, 0, 7,
)  # fmt: skip


@pytest.mark.parametrize("state", [RefundState.FAILED, RefundState.EXPIRED])
@pytest.mark.parametrize(
    ("payment", "refund", "is_refundable"),
    [
        ({}, {}, True),
        ({"refunded_minor": 2800}, {}, True),
        ({"refunded_minor": 2801}, {}, False),
        ({"refunded_minor": 3300}, {}, False),
        ({"reserved_minor": 500}, {}, False),
        ({"reserved_minor": 500, "set_aside_minor": 500}, {"set_aside_id": 1}, False),
        ({"state": PaymentState.REVERSED}, {}, False),
        ({"set_aside_minor": 3300}, {}, False),
        ({"set_aside_minor": 3300}, {"set_aside_id": 1}, True),
        ({}, {"set_aside_id": 1}, False),
    ],
)
def test_a_new_request_is_advised_only_if_the_amount_is_refundable(
    state: RefundState, payment: dict[str, object], refund: dict[str, object], is_refundable: bool
) -> None:
    """After a refund has ended without money being returned, a new request is advised only if its amount is still
    refundable. Another refund may have used the amount or be open, or the payment may be reversed."""
    relations = RefundRelations(replace(PAID_PAYMENT, **payment))  # type: ignore[arg-type]  # the rows above fit
    ended = replace(REQUESTED_REFUND, state=state, relations=relations, **refund)  # type: ignore[arg-type]  # as above
    assert explain_refund(ended, NOW).next_step.code == ("next.refund_ask_anew" if is_refundable else "next.nothing")


@pytest.mark.parametrize("state", [RefundState.FAILED, RefundState.EXPIRED])
def test_no_new_request_is_advised_that_would_be_refused(state: RefundState) -> None:
    """If a rule refuses each refund of the payment, such as a refund period that is over, the next step of an ended
    refund names that rule and advises no new request."""
    relations = RefundRelations(PAID_PAYMENT, request_refusal="refund_window_over")
    explanation = explain_refund(replace(REQUESTED_REFUND, state=state, relations=relations), NOW)
    assert (explanation.next_step.code, explanation.next_step.facts["refusal"]) == (
        "next.payment_refund_off",
        "refund_window_over",
    )
    assert explanation.work is WorkBadge.POSSIBLE


@pytest.mark.parametrize(
    ("proposed_state", "command"),
    [("failed", RESOLVE_AS_FAILED_COMMAND), ("completed", RESOLVE_AS_COMPLETED_COMMAND)],
)
@pytest.mark.parametrize("work", [Work(), SCHEDULED_WORK, REVIEW_WORK])
def test_the_next_step_of_a_proposal_is_the_second_decision(work: Work, proposed_state: str, command: str) -> None:
    """If a proposal waits for a second person, the next step is the same decision by the second person."""
    relations = RefundRelations(proposed_state=proposed_state)
    step = explain_refund(replace(UNKNOWN_REFUND, work=work, relations=relations), NOW).next_step
    assert (step.code, step.command) == ("next.refund_second_person", command)


def test_facts_of_sentences_have_attempts_and_age() -> None:
    """The facts of a sentence count the attempts from one, with their total. The time since which the refund has been
    in its state is None if it isn't known."""
    facts = explain_refund(
        replace(UNKNOWN_REFUND, work=SCHEDULED_WORK, checkers=("lead-b", "lead-c"), checkers_needed=2), NOW
    ).facts
    assert (facts["id"], facts["payment"], facts["amount"], facts["maker"]) == (9, 5, Money(500, "JPY"), "op-a")
    assert (facts["given"], facts["needed"], facts["attempt"], facts["of"]) == (2, 2, 4, 10)
    assert facts["since"] == NOW
    assert explain_refund(replace(REQUESTED_REFUND, state_since=None), NOW).facts["since"] is None


@pytest.mark.parametrize(
    ("record", "relations", "certainty", "work"),
    [
        (REQUESTED_REFUND, {}, "known", "waiting_for_approval"),
        (REQUESTED_REFUND, {"approval_refusal": "refund_window"}, "known", "possible"),
        (replace(REQUESTED_REFUND, decide_by=NOW - MICROSECOND), {}, "known", "automatic"),
        (UNKNOWN_REFUND, {}, "unknown", "possible"),
        (replace(UNKNOWN_REFUND, work=SCHEDULED_WORK), {}, "unknown", "scheduled"),
        (
            replace(UNKNOWN_REFUND, work=SCHEDULED_WORK),
            {"proposed_state": "failed"},
            "unknown",
            "waiting_for_approval",
        ),
        (replace(APPROVED_REFUND, state=RefundState.SUBMITTING), {}, "unconfirmed", "automatic"),
        (replace(APPROVED_REFUND, error_code="similar_refund_running"), {}, "unconfirmed", "waiting_for_sending"),
        (replace(APPROVED_REFUND, work=SCHEDULED_WORK), {}, "known", "waiting_for_sending"),
        (
            replace(APPROVED_REFUND, work=SCHEDULED_WORK, sends_after=NOW + timedelta(minutes=9)),
            {},
            "known",
            "waiting_for_sending",
        ),
        (replace(SENT_REFUND, work=SCHEDULED_WORK), {}, "known", "scheduled"),
        (
            replace(SENT_REFUND, work=replace(REVIEW_WORK, reason="contradicted")),
            {},
            "sides_disagree",
            "needs_review",
        ),
        (replace(SENT_REFUND, state=RefundState.COMPLETED), {}, "known", "none"),
    ],
)
def test_badges_of_a_refund_match_its_state(
    record: Refund, relations: dict[str, object], certainty: str, work: str
) -> None:
    """The badges of a refund show who must act next, and whether the refund's state is known."""
    explanation = explain_refund(replace(record, relations=RefundRelations(**relations)), NOW)  # type: ignore[arg-type]  # as above
    assert (explanation.certainty, explanation.work) == (certainty, work)


def test_no_attempt_is_announced_for_a_past_time() -> None:
    """If an attempt is overdue because no worker runs, the next step states no time for it."""
    record = replace(UNKNOWN_REFUND, work=SCHEDULED_WORK)
    assert explain_refund(record, NOW - MICROSECOND).next_step.facts["at"] == NOW
    step = explain_refund(record, NOW).next_step
    assert (step.code, step.facts["at"]) == ("next.refund_probe_scheduled", None)
