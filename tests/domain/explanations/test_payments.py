"""Tests of the verdict, the reason and the next step of payments and orders, without their wording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from console.domain.explained_state import CertaintyBadge, WorkBadge
from console.domain.explanations.payments import explain_order, explain_payment, find_reversal_deadline
from console.domain.money import Money
from console.domain.payments.records import (
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    RefundRelations,
)
from console.domain.payments.states import DONE_OUTSIDE, PAID_STATES, RECORD_OUTSIDE_ACTION, PaymentState, RefundState
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, Work, WorkReason, WorkState
from console.wording.sentences.catalogue import translate

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
PAID_PAYMENT = Payment(
    5, 3, "paypay", "ORD-1", "0421", None, None, PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY", 3300, 3300,
    0, 0, 0, 7,
    paid_at=NOW, created_at=NOW - DAY, state_since=NOW,
)  # fmt: skip
RUPEE_PAYMENT = replace(
    PAID_PAYMENT, id=6, provider="atom", currency="INR", asked_minor=50_000, captured_minor=50_000
)
UNKNOWN_PAYMENT = replace(
    PAID_PAYMENT, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0
)
ORDER = Order(
    3, "ORD-1", None, OrderState.PAID, "JPY", 3300, (4, 5), 2, created_at=NOW - DAY, state_since=NOW - 2 * DAY
)
PENDING_ORDER = replace(ORDER, state=OrderState.PENDING)
RELATIONS_WITH_PROPOSAL = PaymentRelations(proposed_state="payment_failed")
RELATIONS_WITH_REVERSAL_PROPOSAL = PaymentRelations(proposed_state="reversed")
NO_ROLE_MAY_ACT = ()
DECIDER_ROLES = ("approver", "operator")
SCHEDULED_WORK = Work(WorkState.SCHEDULED, NOW, "unknown", 2)
SCHEDULED_WORK_WITHOUT_REASON = Work(WorkState.SCHEDULED, None, "not_moved")
SHOW_COMMAND = "support-console show payment 5"
PROBE_COMMAND = "support-console probe payment 5"
MOVE_ORDER_COMMAND = "support-console payment move-order 5"
REFUND_COMMAND = "support-console refund request 5 --amount N --reason TEXT"


def make_resolve_command(outcome: str) -> str:
    return f"support-console resolve payment 5 --as {outcome} --evidence FILE"


def make_review_work(reason: str | None) -> Work:
    return Work(WorkState.NEEDS_REVIEW, None, reason)


SITUATIONS = {
    "unknown": (UNKNOWN_PAYMENT, None, "unknown", "no_answer", "probe", PROBE_COMMAND, DECIDER_ROLES),
    "unknown, asked again": (
        replace(UNKNOWN_PAYMENT, work=SCHEDULED_WORK), None, "unknown", "no_answer", "probe_scheduled", PROBE_COMMAND,
        DECIDER_ROLES,
    ),
    "unknown, for a person": (
        replace(UNKNOWN_PAYMENT, work=make_review_work("ended")), None, "unknown", "no_answer", "resolve",
        make_resolve_command("completed"), DECIDER_ROLES,
    ),
    "unknown, nobody asks any more": (
        replace(UNKNOWN_PAYMENT, work=make_review_work("probes_ended")), None, "unknown", "no_answer",
        "resolve_checks_ended", make_resolve_command("completed"), DECIDER_ROLES,
    ),
    **{
        f"unknown, {cause}": (replace(UNKNOWN_PAYMENT, error_code=cause), None, "unknown", why, "probe",
            PROBE_COMMAND,
        DECIDER_ROLES)
        for cause, why in {
            "not_found": "not_found", "no_such_payment": "not_found", "no_such_code": "not_found",
            "other_amount": "other_amount", "other_currency": "answer_does_not_fit",
            "other_payment": "answer_does_not_fit", "read_timeout": "no_answer",
        }.items()
    },
    **{
        f"for a person: {reason}": (
            replace(PAID_PAYMENT, work=make_review_work(reason)), PENDING_ORDER, code, code, following, command,
            DECIDER_ROLES,
        )
        for reason, code, following, command in (
            ("paid_after_cancel", "paid_after_cancel", "refund_or_ship", REFUND_COMMAND),
            ("paid_twice", "paid_twice", "refund_second", REFUND_COMMAND),
            ("set_aside", "set_aside", "refund_set_aside", REFUND_COMMAND),
            ("no_order", "no_order", "find_order", SHOW_COMMAND),
            ("amount_differs", "amount_differs", "compare_amounts", PROBE_COMMAND),
            ("other_payment", "other_payment", "compare", PROBE_COMMAND),
            ("unknown_refund", "unknown_refund", "compare", PROBE_COMMAND),
            ("contradicted", "contradicted", "compare", PROBE_COMMAND),
            ("reconcile_state", "reconcile_state", "reconcile", PROBE_COMMAND),
            ("reversed", "reversed_there", "tell_order", make_resolve_command("reversed")),
            ("not_moved", "not_moved", "move_order", MOVE_ORDER_COMMAND),
            ("timeout_stuck", "timeout_stuck", "go_on", PROBE_COMMAND),
            ("probes_ended", "person", "look", SHOW_COMMAND),
            (None, "person", "look", SHOW_COMMAND),
        )
    },
    "reversed, for a person": (
        replace(PAID_PAYMENT, state=PaymentState.REVERSED, work=make_review_work("reversed")), None, "reversed",
        "reversed",
        "tell_order", make_resolve_command("reversed"), DECIDER_ROLES,
    ),
    "order behind": (PAID_PAYMENT, PENDING_ORDER, "not_moved", "not_moved", "move_order", MOVE_ORDER_COMMAND,
        DECIDER_ROLES),
    "order behind, by itself": (
        replace(PAID_PAYMENT, work=SCHEDULED_WORK), PENDING_ORDER, "not_moved", "not_moved", "moved_by_itself",
        MOVE_ORDER_COMMAND, DECIDER_ROLES,
    ),
    "order behind, nobody knows when": (
        replace(PAID_PAYMENT, work=SCHEDULED_WORK_WITHOUT_REASON), PENDING_ORDER, "not_moved", "not_moved",
        "move_order",
        MOVE_ORDER_COMMAND, DECIDER_ROLES,
    ),
    "order to be moved, and not read": (
        replace(PAID_PAYMENT, work=replace(SCHEDULED_WORK, reason="move_order")), None, "not_moved", "not_moved",
        "moved_by_itself",
        MOVE_ORDER_COMMAND, DECIDER_ROLES,
    ),
    "order moved meanwhile": (
        replace(PAID_PAYMENT, work=replace(SCHEDULED_WORK, reason="move_order")), ORDER, "noticed", "noticed",
        "confirmed_later",
        PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "noticed": (replace(PAID_PAYMENT, work=SCHEDULED_WORK), ORDER, "noticed", "noticed", "confirmed_later",
        PROBE_COMMAND, NO_ROLE_MAY_ACT),
    "complete": (PAID_PAYMENT, ORDER, "complete", "complete", None, None, NO_ROLE_MAY_ACT),
    **{
        f"noticed, and nobody asks: {state}": (
            replace(PAID_PAYMENT, state=state), ORDER, "noticed", "noticed", "probe", PROBE_COMMAND, DECIDER_ROLES,
        )
        for state in (PaymentState.CALLBACK_RECEIVED, PaymentState.SIGNATURE_VERIFIED)
    },
    "complete, of no order": (replace(PAID_PAYMENT, order_id=None), None, "complete", "complete_alone", None, None,
        NO_ROLE_MAY_ACT),
    "a yen went back": (replace(PAID_PAYMENT, refunded_minor=1), ORDER, "partly", "partly", None, None,
        NO_ROLE_MAY_ACT),
    "all but a yen went back": (replace(PAID_PAYMENT, refunded_minor=3299), ORDER, "partly", "partly", None, None,
        NO_ROLE_MAY_ACT),
    "all of it went back": (replace(PAID_PAYMENT, refunded_minor=3300), ORDER, "refunded", "refunded", None, None,
        NO_ROLE_MAY_ACT),
    "more than that": (replace(PAID_PAYMENT, refunded_minor=3301), ORDER, "refunded", "refunded", None, None,
        NO_ROLE_MAY_ACT),
    "the bank may take it back": (
        replace(PAID_PAYMENT, provider="atom"), ORDER, "reversible", "reversible", "reversible", None,
        NO_ROLE_MAY_ACT,
    ),
    **{
        str(state): (replace(PAID_PAYMENT, state=state), PENDING_ORDER, verdict, verdict, following, command,
            NO_ROLE_MAY_ACT)
        for state, verdict, following, command in (
            (PaymentState.INITIALIZING, "starting", "wait", PROBE_COMMAND), (PaymentState.TOKEN_GENERATED, "waiting",
                "wait",
                PROBE_COMMAND),
            (PaymentState.USER_PAYMENT, "waiting", "wait", PROBE_COMMAND), (PaymentState.PAYMENT_FAILED, "failed",
                "may_begin_again", None),
            (PaymentState.EXPIRED, "expired", "may_begin_again", None), (PaymentState.REVERSED, "reversed", None,
                None),
        )
    },
    "decided by people: not paid": (
        replace(PAID_PAYMENT, state=PaymentState.PAYMENT_FAILED, error_code="resolved_by_people"), PENDING_ORDER,
        "failed",
        "decided_by_people", "may_begin_again", None, NO_ROLE_MAY_ACT,
    ),
    "decided by people: paid": (
        replace(PAID_PAYMENT, error_code="resolved_by_people"), ORDER, "complete", "decided_by_people", None, None,
        NO_ROLE_MAY_ACT,
    ),
    "waits for the customer, until later": (
        replace(PAID_PAYMENT, state=PaymentState.USER_PAYMENT, expires_at=NOW + MICROSECOND), PENDING_ORDER,
        "waiting",
        "waiting",
        "wait", PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "nobody knows whether it was paid in time": (
        replace(PAID_PAYMENT, state=PaymentState.USER_PAYMENT, expires_at=NOW), PENDING_ORDER, "overdue", "overdue",
        "probe",
        PROBE_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "nobody knows whether it was paid in time, asked again": (
        replace(PAID_PAYMENT, state=PaymentState.TOKEN_GENERATED, expires_at=NOW - DAY, work=SCHEDULED_WORK),
        PENDING_ORDER,
        "overdue",
        "overdue",
        "confirmed_later", PROBE_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "not begun": (
        replace(PAID_PAYMENT, state=PaymentState.EXPIRED, error_code="not_connected"), PENDING_ORDER, "failed",
        "not_begun",
        "may_begin_again",
        None, NO_ROLE_MAY_ACT,
    ),
    "expired, and its order cancelled": (
        replace(PAID_PAYMENT, state=PaymentState.EXPIRED), replace(ORDER, state=OrderState.CANCELLED), "expired",
        "expired", None, None,
        NO_ROLE_MAY_ACT,
    ),
    "failed, and its order paid": (
        replace(PAID_PAYMENT, state=PaymentState.PAYMENT_FAILED), ORDER, "failed", "failed", None, None,
        NO_ROLE_MAY_ACT,
    ),
    "waits, and is asked about": (
        replace(PAID_PAYMENT, state=PaymentState.USER_PAYMENT, work=SCHEDULED_WORK), None, "waiting", "waiting",
        "probe_waiting",
        PROBE_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_verdict_reason_and_next_step(name: str) -> None:
    """Each example of a payment has the expected verdict, reason and next step, with the command for the step and the
    roles that may execute it."""
    record, order, verdict, why, following, command, roles = SITUATIONS[name]
    explanation = explain_payment(replace(record, relations=PaymentRelations(order)), NOW)
    assert (explanation.verdict, explanation.why) == (f"verdict.payment_{verdict}", f"why.payment_{why}")
    step = "next.nothing" if following is None else f"next.payment_{following}"
    assert (explanation.next_step.code, explanation.next_step.command, explanation.roles_that_may_act) == (
        step,
        command,
        roles,
    )


@pytest.mark.parametrize(
    ("other", "next_step"),
    [
        ({"state": PaymentState.COMPLETED}, "other_live"),
        ({"state": PaymentState.USER_PAYMENT}, "other_live"),
        ({"state": PaymentState.EXPIRED, "certainty": Certainty.UNKNOWN}, "other_live"),
        ({"state": PaymentState.PAYMENT_FAILED, "work": make_review_work("contradicted")}, "other_live"),
        ({"state": PaymentState.PAYMENT_FAILED}, "may_begin_again"),
        ({"state": PaymentState.EXPIRED}, "may_begin_again"),
        ({"state": PaymentState.REVERSED}, "may_begin_again"),
    ],
)
def test_a_new_payment_is_advised_only_where_no_other_may_be_paid(other: dict[str, object], next_step: str) -> None:
    """No new payment of an order is advised while another payment of the order can still be paid. Otherwise the
    service would refuse the new payment, or the customer would pay twice."""
    failed = replace(PAID_PAYMENT, state=PaymentState.PAYMENT_FAILED, captured_minor=0)
    sibling = replace(PAID_PAYMENT, id=4, **other)  # type: ignore[arg-type]  # the rows above fit
    explanation = explain_payment(replace(failed, relations=PaymentRelations(PENDING_ORDER, (failed, sibling))), NOW)
    assert (explanation.verdict, explanation.next_step.code) == (
        "verdict.payment_failed",
        f"next.payment_{next_step}",
    )
    assert explanation.next_step.action == ("open_order" if next_step == "other_live" else None)


@pytest.mark.parametrize("expires_at", [None, NOW])
def test_no_probe_is_advised_if_the_provider_cannot_be_called(expires_at: datetime | None) -> None:
    """No probe is advised if the provider only sends notices, as a bank does, because the service refuses a probe of
    such a payment.
    """
    waiting = replace(PAID_PAYMENT, state=PaymentState.USER_PAYMENT, provider="bank", expires_at=expires_at)
    step = explain_payment(
        replace(waiting, relations=PaymentRelations(PENDING_ORDER, can_ask_provider=False)), NOW
    ).next_step
    assert (step.action, step.command) == (None, SHOW_COMMAND)


@pytest.mark.parametrize("state", PaymentState)
def test_an_explanation_offers_no_probe_without_a_reachable_provider(state: PaymentState) -> None:
    """The explanation of a payment whose provider can't be called never has the command, the button or the sentence
    of a probe, in any state and for any reason.
    """
    meanings = (None, PaymentState.COMPLETED, PaymentState.PAYMENT_FAILED)
    for work, reason, certainty, meaning in product(WorkState, (None, *WorkReason), Certainty, meanings):
        at = NOW if work is WorkState.SCHEDULED else None
        record = replace(
            PAID_PAYMENT, state=state, work=Work(work, at, reason, 1), provider="bank", certainty=certainty
        )
        relations = PaymentRelations(PENDING_ORDER, can_ask_provider=False, known_provider_state=meaning)
        step = explain_payment(replace(record, relations=relations), NOW).next_step
        case = (work, reason, certainty, meaning)
        assert step.action != "probe", case
        assert "probe" not in f"{step.code} {step.command}", case
        assert step.code not in ("next.payment_confirmed_later", "next.payment_reconcile", "next.payment_go_on"), case


def test_an_overdue_payment_is_not_confirmed() -> None:
    """A payment that is still open after its time limit isn't shown as confirmed."""
    overdue = replace(
        PAID_PAYMENT, state=PaymentState.USER_PAYMENT, expires_at=NOW, relations=PaymentRelations(PENDING_ORDER)
    )
    assert explain_payment(overdue, NOW).certainty is CertaintyBadge.UNCONFIRMED


def test_a_reversed_payment_of_a_paid_order_states_the_reversed_amount() -> None:
    """For a reversed payment of a paid order, the reversed amount excludes earlier refunds and contains amounts set
    aside. The next step is to settle the order. A probe is advised only if the gateway still calls the payment paid.
    """
    order = replace(ORDER, payment_ids=(5,))
    reversed_payment = replace(PAID_PAYMENT, state=PaymentState.REVERSED, relations=PaymentRelations(order))
    for refunded, set_aside, reversed_minor in ((0, 0, 3300), (1300, 0, 2000), (1300, 500, 2000)):
        explanation = explain_payment(
            replace(reversed_payment, refunded_minor=refunded, set_aside_minor=set_aside), NOW
        )
        assert explanation.verdict == "verdict.payment_sides_differ"
        assert explanation.facts["reversed"] == Money(reversed_minor, "JPY")
        assert (explanation.next_step.code, explanation.next_step.action) == ("next.payment_compare", "open_order")
        assert (explanation.next_step.command, explanation.work) == ("support-console show order 3", "possible")
    explanation = explain_payment(replace(reversed_payment, refunded_minor=3300), NOW)
    assert "reversed" not in explanation.facts, "all of it was refunded before, so the bank took nothing"
    paid_there = replace(
        reversed_payment, told_at=NOW, relations=PaymentRelations(order, known_provider_state=PaymentState.COMPLETED)
    )
    assert explain_payment(paid_there, NOW).next_step.action == "probe", "the gateway may have changed its answer"


def test_the_next_step_of_a_proposal_is_the_second_decision() -> None:
    """If a proposal waits for a second person, the next step is the decision of that person. For an unknown payment
    it is about the outcome. For a known payment it is about the proposed reversal, which only an approver can decide.
    """
    for work in (Work(), SCHEDULED_WORK, make_review_work("probes_ended")):
        step = explain_payment(replace(UNKNOWN_PAYMENT, work=work, relations=RELATIONS_WITH_PROPOSAL), NOW).next_step
        assert (step.code, step.command) == ("next.payment_second_person", make_resolve_command("payment_failed"))
        explanation = explain_payment(
            replace(PAID_PAYMENT, work=work, relations=RELATIONS_WITH_REVERSAL_PROPOSAL), NOW
        )
        assert (explanation.verdict, explanation.roles_that_may_act) == (
            "verdict.payment_reversal_asked",
            ("approver",),
        )
        assert (explanation.next_step.code, explanation.next_step.command) == (
            "next.payment_second_person",
            make_resolve_command("reversed"),
        )


@pytest.mark.parametrize(
    ("work", "order", "verdict", "further"),
    [
        (Work(), ORDER, "outside_asked", None),
        (Work(), PENDING_ORDER, "not_moved", "why.payment_outside_waits"),
        (Work(), replace(ORDER, state=OrderState.CANCELLED), "sides_differ", "why.payment_outside_waits"),
        *(
            (make_review_work(reason), ORDER, reason, "why.payment_outside_waits")
            for reason in ("contradicted", "set_aside", "paid_twice", "amount_differs", "reconcile_state")
        ),
        (make_review_work("probes_ended"), ORDER, "person", "why.payment_outside_waits"),
    ],
)
def test_a_proposed_refund_outside_hides_nothing_that_a_person_must_look_at(
    work: Work, order: Order, verdict: str, further: str | None
) -> None:
    """A first person has recorded a refund done outside. If the payment has no problem, the verdict is that the
    record waits for a second person. Otherwise verdict, next step and badge are those of the problem, and a further
    sentence says that the record waits."""
    relations = PaymentRelations(order, proposed_state=DONE_OUTSIDE)
    payment = replace(PAID_PAYMENT, work=work, relations=relations)
    explanation = explain_payment(payment, NOW)
    assert (explanation.verdict, explanation.further_reason) == (f"verdict.payment_{verdict}", further)
    if further is None:
        assert explanation.next_step.action == RECORD_OUTSIDE_ACTION
        assert (explanation.roles_that_may_act, explanation.work) == (("approver",), WorkBadge.WAITING_FOR_APPROVAL)
    else:
        alone = explain_payment(replace(payment, relations=replace(relations, proposed_state=None)), NOW)
        assert replace(explanation, further_reason=None) == alone


def test_a_proposed_refund_outside_is_not_the_outcome_of_an_unknown_payment() -> None:
    """The outcome of the payment has become unknown since a first person recorded a refund done outside. The record
    can't be confirmed now; the next step is the probe, as without it."""
    relations = PaymentRelations(ORDER, proposed_state=DONE_OUTSIDE)
    explanation = explain_payment(replace(UNKNOWN_PAYMENT, relations=relations), NOW)
    assert (explanation.verdict, explanation.next_step.code) == ("verdict.payment_unknown", "next.payment_probe")
    assert explanation.further_reason == "why.payment_outside_waits"


def test_a_proposed_refund_outside_is_settled_before_a_refund_of_the_payment() -> None:
    """While a refund waits for its approval, the second person first confirms the refund done outside: both may be
    about the same money. A refund with an unknown outcome comes first."""
    for refund, verdict in (
        (OPEN_REFUND, "outside_asked"),
        (replace(OPEN_REFUND, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN), "refund_unknown"),
    ):
        relations = PaymentRelations(ORDER, refunds=(refund,), proposed_state=DONE_OUTSIDE)
        explanation = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW)
        assert explanation.verdict == f"verdict.payment_{verdict}"


def test_a_proposal_that_a_payment_is_paid_is_no_reversal() -> None:
    """The provider has contradicted a paid payment, and a first person has proposed that it is completed. The verdict
    is the contradiction, and the next step the decision of the second person."""
    relations = PaymentRelations(ORDER, proposed_state="completed")
    payment = replace(PAID_PAYMENT, work=make_review_work("contradicted"), relations=relations)
    explanation = explain_payment(payment, NOW)
    assert (explanation.verdict, explanation.further_reason) == ("verdict.payment_contradicted", None)
    assert (explanation.next_step.code, explanation.next_step.command) == (
        "next.payment_second_person",
        make_resolve_command("completed"),
    )
    assert (explanation.roles_that_may_act, explanation.work) == (("approver",), WorkBadge.WAITING_FOR_APPROVAL)


@pytest.mark.parametrize(
    ("paid_at", "reversal_deadline"),
    [
        (datetime(2026, 11, 20, 18, 29, 59, tzinfo=UTC), datetime(2026, 11, 22, 18, 30, tzinfo=UTC)),
        (datetime(2026, 11, 20, 18, 30, tzinfo=UTC), datetime(2026, 11, 23, 18, 30, tzinfo=UTC)),
    ],
)
def test_a_bank_can_reverse_a_payment_for_two_indian_days(paid_at: datetime, reversal_deadline: datetime) -> None:
    """A bank can reverse a payment until the end of the second day in India after the payment. Only a captured
    payment at Atom has this deadline."""
    paid = replace(PAID_PAYMENT, provider="atom", paid_at=paid_at)
    assert find_reversal_deadline(paid) == reversal_deadline
    assert find_reversal_deadline(replace(paid, paid_at=None)) is None
    assert find_reversal_deadline(replace(paid, provider="paypay")) is None
    for state in PaymentState:
        assert (find_reversal_deadline(replace(paid, state=state)) is not None) is (state in PAID_STATES)
    last = explain_payment(paid, reversal_deadline - MICROSECOND)
    assert (last.verdict, last.facts["until"]) == ("verdict.payment_reversible", reversal_deadline)
    assert explain_payment(paid, reversal_deadline).verdict == "verdict.payment_complete"


def test_a_paid_payment_names_its_failed_refund_while_money_is_refundable() -> None:
    """If the newest refund of a paid payment has failed, the payment's explanation names this refund and leads to it,
    as long as the refund itself advises a next step. After a later refund was made, or while one is running, the
    failed refund isn't named.
    """
    failed = replace(OPEN_REFUND, id=30, amount_minor=3300, state=RefundState.FAILED, error_code="refund_window_over")
    later = replace(failed, id=31, amount_minor=300, state=RefundState.COMPLETED, error_code=None)

    def explain(refunded_minor: int, *refunds: Refund) -> tuple[str, str, str]:
        """Return the codes of the verdict, the reason and the next step for a payment of which `refunded_minor` is
        refunded.
        """
        payment = replace(
            PAID_PAYMENT, refunded_minor=refunded_minor, relations=PaymentRelations(ORDER, refunds=refunds)
        )
        explained = explain_payment(payment, NOW)
        return explained.verdict, explained.why, explained.next_step.code

    named = ("why.payment_refund_failed", "next.payment_refund_final")
    assert explain(0, failed) == ("verdict.payment_complete", *named)
    assert explain(300, failed, later) == ("verdict.payment_partly", *named)
    assert explain(300, later, failed) == ("verdict.payment_partly", "why.payment_partly", "next.nothing")
    assert explain(3300, failed, later)[2] == "next.nothing"
    assert explain(0, replace(failed, id=31, state=RefundState.REJECTED), failed)[2] == "next.nothing"
    explained = explain_payment(replace(PAID_PAYMENT, relations=PaymentRelations(ORDER, refunds=(failed,))), NOW)
    assert explained.next_step.command == "support-console show refund 30"
    assert explained.next_step.action == "open_refund"
    assert explained.work is WorkBadge.POSSIBLE
    assert (explained.facts["refund"], explained.facts["refund_amount"]) == (30, Money(3300, "JPY"))


def test_a_paid_payment_states_the_cause_of_its_refused_refund() -> None:
    """The payment states the gateway's reason and advises what its refused refund advises: after a final refusal to
    ask the lead. If people have decided that the refund was not made, no reason of the gateway is stated."""
    for error_code, code in (
        ("payer_left", "next.payment_refund_final"),
        ("poll", "next.payment_refund_failed"),
        (RESOLVED_BY_PEOPLE_CAUSE, "next.payment_refund_failed"),
    ):
        refund = replace(OPEN_REFUND, id=30, amount_minor=3300, state=RefundState.FAILED, error_code=error_code)
        explained = explain_payment(replace(PAID_PAYMENT, relations=PaymentRelations(ORDER, refunds=(refund,))), NOW)
        assert (explained.next_step.code, explained.next_step.action) == (code, "open_refund")
        for language, words in (("en", "Reason from the gateway: "), ("ja", "決済会社の理由: ")):
            sentence = translate(explained.why, language, **explained.facts)
            assert (words in sentence) == (error_code != RESOLVED_BY_PEOPLE_CAUSE), sentence


@pytest.mark.parametrize("reason", [WorkReason.CONTRADICTED, WorkReason.ANSWER_DOES_NOT_FIT])
def test_a_contradicted_refund_is_a_mismatch_of_its_payment_and_order(reason: WorkReason) -> None:
    """If the provider contradicts an ended refund, neither its payment nor its order is confirmed. The payment leads
    to the refund, and the order to this payment. Both keep the badge of a mismatch if another work comes first,
    unless the outcome of another refund is unknown. After a person has dealt with the refund, the payment is
    confirmed again."""
    refund = replace(OPEN_REFUND, id=30, payment_id=4, state=RefundState.FAILED, work=make_review_work(reason))
    payment = replace(PAID_PAYMENT, id=4, relations=PaymentRelations(ORDER, refunds=(refund,)))
    explained = explain_payment(payment, NOW)
    assert (explained.certainty, explained.verdict, explained.why) == (
        CertaintyBadge.SIDES_DISAGREE,
        "verdict.refund_contradicted",
        "why.refund_contradicted",
    )
    assert (explained.next_step.code, explained.next_step.action) == ("next.payment_refund_person", "open_refund")
    assert (explained.facts["refund"], explained.work) == (30, WorkBadge.POSSIBLE)
    second_payment = replace(payment, work=make_review_work(WorkReason.PAID_TWICE))
    assert explain_payment(second_payment, NOW).certainty is CertaintyBadge.SIDES_DISAGREE
    order = replace(ORDER, relations=OrderRelations(contradicted_refund=refund))
    explained = explain_order(order, NOW)
    assert (explained.certainty, explained.verdict, explained.why, explained.next_step.command) == (
        CertaintyBadge.SIDES_DISAGREE,
        "verdict.refund_contradicted",
        "why.refund_contradicted",
        "support-console show payment 4",
    )
    order_with_other_refund = replace(
        ORDER, relations=OrderRelations(pending_refund=OPEN_REFUND, contradicted_refund=refund)
    )
    assert explain_order(order_with_other_refund, NOW).certainty is CertaintyBadge.SIDES_DISAGREE
    unknown_refund = replace(OPEN_REFUND, certainty=Certainty.UNKNOWN)
    order_with_unknown_refund = replace(
        ORDER, relations=OrderRelations(pending_refund=unknown_refund, contradicted_refund=refund)
    )
    assert explain_order(order_with_unknown_refund, NOW).certainty is CertaintyBadge.UNKNOWN
    relations_after_review = PaymentRelations(ORDER, refunds=(replace(refund, work=Work()),))
    assert explain_payment(replace(payment, relations=relations_after_review), NOW).certainty is CertaintyBadge.KNOWN


@pytest.mark.parametrize(
    ("refusal", "step", "action"),
    [
        (None, "next.refund_ask_anew", "refund"),
        ("refund_window_over", "next.payment_refund_off", None),
    ],
)
def test_a_payment_whose_refund_request_expired_advises_another_request(
    refusal: str | None, step: str, action: str | None
) -> None:
    """If nobody decided about the newest refund in time, the payment advises to request it again, as the page of the
    refund does. If each request would be refused, it names the reason."""
    expired = replace(OPEN_REFUND, state=RefundState.EXPIRED)
    relations = PaymentRelations(ORDER, refunds=(expired,), refund_refusal=refusal)
    explained = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW)
    assert (explained.why, explained.next_step.code) == ("why.payment_refund_expired", step)
    assert (explained.next_step.action, explained.next_step.facts["refusal"]) == (action, refusal)


@pytest.mark.parametrize(
    ("state", "refunded_minor"),
    [(RefundState.EXPIRED, 3300 - 1), (RefundState.REJECTED, 0), (RefundState.WITHDRAWN, 0)],
)
def test_a_payment_advises_no_request_that_is_not_needed(state: RefundState, refunded_minor: int) -> None:
    """A payment doesn't advise another request of its newest refund if the amount is no longer refundable, or if a
    person has rejected or withdrawn the refund."""
    ended = replace(OPEN_REFUND, state=state)
    relations = PaymentRelations(ORDER, refunds=(ended,))
    explained = explain_payment(replace(PAID_PAYMENT, refunded_minor=refunded_minor, relations=relations), NOW)
    assert explained.next_step.code == "next.nothing"


def test_only_confirmed_payments_count_for_a_pending_order() -> None:
    """A callback alone reports the second payment of the order as paid, so the order still lacks its amount."""
    payment = replace(PAID_PAYMENT, captured_minor=2000)
    other_payment = replace(PAID_PAYMENT, id=6, state=PaymentState.SIGNATURE_VERIFIED)
    relations = PaymentRelations(PENDING_ORDER, order_payments=(other_payment,))
    explanation = explain_payment(replace(payment, relations=relations), NOW)
    assert explanation.verdict == "verdict.payment_short"
    assert (explanation.facts["paid"], explanation.facts["missing"]) == (Money(2000, "JPY"), Money(1300, "JPY"))


def test_a_pending_order_with_payments_of_two_currencies_states_no_sum() -> None:
    """Amounts of two currencies can't be added. Each payment's page names the payment in the other currency."""
    for payment, other_payment in ((PAID_PAYMENT, RUPEE_PAYMENT), (RUPEE_PAYMENT, PAID_PAYMENT)):
        relations = PaymentRelations(PENDING_ORDER, order_payments=(payment, other_payment))
        explanation = explain_payment(replace(payment, relations=relations), NOW)
        assert explanation.verdict == "verdict.payment_other_currency"
        assert explanation.facts["amount"] == Money(50_000, "INR")
        assert (explanation.facts["paid"], explanation.facts["missing"]) == (Money(3300, "JPY"), Money(0, "JPY"))


def test_a_payment_in_another_currency_is_no_excess_of_the_order() -> None:
    """A payment in another currency than the order's makes no excess, neither of itself nor of the order's other
    payments."""
    second_payment = replace(PAID_PAYMENT, id=7)
    for payment, order_payments, excess in (
        (PAID_PAYMENT, (PAID_PAYMENT, RUPEE_PAYMENT), 0),
        (RUPEE_PAYMENT, (PAID_PAYMENT, RUPEE_PAYMENT), 0),
        (RUPEE_PAYMENT, (PAID_PAYMENT, RUPEE_PAYMENT, second_payment), 3300),
        (PAID_PAYMENT, (PAID_PAYMENT, RUPEE_PAYMENT, second_payment), 3300),
    ):
        relations = PaymentRelations(ORDER, order_payments=order_payments)
        explanation = explain_payment(replace(payment, relations=relations), NOW)
        is_in_excess = bool(excess) and payment is PAID_PAYMENT
        assert (explanation.verdict == "verdict.payment_excess") is is_in_excess
        assert explanation.facts["excess"] == Money(excess, "JPY")


def test_the_advised_refund_of_an_excess_leaves_out_earlier_refunds() -> None:
    relations = PaymentRelations(replace(ORDER, total_minor=2000))
    step = explain_payment(replace(PAID_PAYMENT, refunded_minor=300, relations=relations), NOW).next_step
    assert (step.code, step.facts["excess"]) == ("next.payment_refund_excess", Money(1000, "JPY"))


def test_no_refund_is_advised_beside_an_unconfirmed_payment_of_the_order() -> None:
    """Only a callback reports the order's other payment as paid: no refund is advised, because the excess may not
    exist."""
    other_payment = replace(PAID_PAYMENT, id=6, state=PaymentState.SIGNATURE_VERIFIED)
    relations = PaymentRelations(ORDER, order_payments=(other_payment,))
    step = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW).next_step
    assert (step.code, step.command) == ("next.payment_other_live", f"support-console show order {ORDER.id}")


def test_no_second_refund_of_an_excess_is_advised() -> None:
    """The order was paid twice, and the other payment has an open refund of its whole amount."""
    other_payment = replace(PAID_PAYMENT, id=6, reserved_minor=3300)
    relations = PaymentRelations(ORDER, order_payments=(other_payment,))
    step = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW).next_step
    assert (step.code, step.command) == ("next.payment_other_refund", f"support-console show order {ORDER.id}")


@pytest.mark.parametrize("changed", [{"reserved_minor": 3300 - 400}, {"state": PaymentState.SIGNATURE_VERIFIED}])
def test_an_excess_without_an_advised_refund_leaves_out_earlier_refunds(changed: dict[str, object]) -> None:
    """The order was paid twice, and 400 yen of the other payment were refunded. No refund is advised now, and the
    stated excess is the part that isn't refunded yet, also while it is reserved for a refund."""
    other_payment = replace(PAID_PAYMENT, id=6, refunded_minor=400, **changed)  # type: ignore[arg-type]  # of each case
    relations = PaymentRelations(ORDER, order_payments=(other_payment,))
    explained = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW)
    assert explained.verdict == "verdict.payment_excess"
    assert explained.facts["excess"] == Money(3300 - 400, "JPY")


def test_facts_of_sentences_have_attempts_and_amount() -> None:
    """The facts of a sentence count the attempts from one, with their total. The amount is the captured one, or the
    requested one if none was captured."""
    aside = replace(
        PAID_PAYMENT, asked_minor=3500, refunded_minor=200, set_aside_minor=100, work=SCHEDULED_WORK, provider_minor=0
    )
    facts = explain_payment(replace(aside, relations=PaymentRelations(ORDER)), NOW - timedelta(seconds=1)).facts
    assert (facts["amount"], facts["asked"], facts["told"]) == (
        Money(3300, "JPY"),
        Money(3500, "JPY"),
        Money(0, "JPY"),
    )
    assert (facts["refunded"], facts["left"], facts["aside"]) == (
        Money(200, "JPY"),
        Money(3100, "JPY"),
        Money(100, "JPY"),
    )
    assert (facts["attempt"], facts["of"], facts["order"], facts["order_state"]) == (3, 8, "ORD-1", "paid")
    assert (facts["id"], facts["since"], facts["at"]) == (5, NOW, NOW)
    bare = explain_payment(replace(PAID_PAYMENT, captured_minor=0, refunded_minor=300, state_since=None), NOW).facts
    assert (bare["amount"], bare["left"]) == (Money(3300, "JPY"), Money(0, "JPY"))
    assert (bare["order"], bare["order_state"], bare["told"], bare["since"]) == (None, None, None, None)


COMMAND_TO_SHOW_THE_ORDER = "support-console show order 3"
LATE_PAYMENT_REVIEW = make_review_work("paid_after_cancel")


@pytest.mark.parametrize(
    ("changed_fields", "relations", "verdict", "reason", "next_step", "command"),
    [
        ({}, {}, "paid", "paid", "nothing", None),
        ({"state": OrderState.PENDING}, {}, "pending", "pending", "order_wait", None),
        ({"state": OrderState.PENDING}, {"is_cancelled_unpaid": True}, "pending", "pending", "order_wait", None),
        ({"state": OrderState.PENDING, "payment_ids": ()}, {}, "pending", "not_begun", "order_shop_decides", None),
        ({"payment_ids": ()}, {}, "paid", "no_payment", "nothing", None),
        ({"state": OrderState.SHIPPED, "payment_ids": ()}, {}, "shipped", "no_payment", "nothing", None),
        ({"state": OrderState.REFUNDED, "payment_ids": ()}, {}, "refunded", "no_payment", "nothing", None),
        ({"state": OrderState.CANCELLED, "payment_ids": ()}, {}, "cancelled", "cancelled", "nothing", None),
        ({"state": OrderState.CANCELLED}, {}, "cancelled", "cancelled", "nothing", None),
        (
            {"state": OrderState.CANCELLED},
            {"is_cancelled_unpaid": True},
            "cancelled",
            "cancelled_unpaid",
            "nothing",
            None,
        ),
        ({}, {"stuck_payment_id": 5}, "paid", "stuck", "order_open_payment", SHOW_COMMAND),
        ({"state": OrderState.PENDING}, {"is_expiring": True}, "pending", "expiring", "order_expires", None),
        (
            {"state": OrderState.PENDING},
            {"ended_payment": replace(PAID_PAYMENT, state=PaymentState.PAYMENT_FAILED)},
            "pending",
            "payment_ended",
            "payment_may_begin_again",
            None,
        ),
        (
            {"work": make_review_work("x")},
            {"stuck_payment_id": 5},
            "paid",
            "person",
            "order_open_payment",
            SHOW_COMMAND,
        ),
        ({"work": make_review_work("x")}, {}, "paid", "person", "order_open_payment", SHOW_COMMAND),
        (
            {"work": make_review_work("x"), "payment_ids": ()},
            {},
            "paid",
            "person",
            "order_open_payment",
            COMMAND_TO_SHOW_THE_ORDER,
        ),
        ({"work": LATE_PAYMENT_REVIEW}, {}, "paid_late", "paid_late", "order_open_payment", SHOW_COMMAND),
    ],
)
def test_each_situation_of_an_order_has_verdict_reason_and_next_step(
    changed_fields: dict[str, object],
    relations: dict[str, Any],
    verdict: str,
    reason: str,
    next_step: str,
    command: str | None,
) -> None:
    """Each example of an order has the expected verdict, reason and next step. The command of the step is about the
    order's newest payment."""
    order = replace(ORDER, **changed_fields, relations=OrderRelations(**relations))  # type: ignore[arg-type]  # the rows above fit
    explained = explain_order(order, NOW)
    assert (explained.verdict, explained.why) == (f"verdict.order_{verdict}", f"why.order_{reason}")
    assert (explained.next_step.code, explained.next_step.command) == (f"next.{next_step}", command)
    assert explained.roles_that_may_act == (DECIDER_ROLES if command else NO_ROLE_MAY_ACT)


UNKNOWN_REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.SUBMITTING, Certainty.UNKNOWN, Work(), "op-a", (), None, None, 1
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "relations", "codes", "badges"),
    [
        (
            OrderState.PAID,
            {"pending_refund": UNKNOWN_REFUND},
            ("verdict.payment_refund_unknown", "why.payment_refund_unknown"),
            (CertaintyBadge.UNKNOWN, WorkBadge.POSSIBLE),
        ),
        (
            OrderState.PAID,
            {"pending_refund": replace(UNKNOWN_REFUND, state=RefundState.REQUESTED, certainty=Certainty.KNOWN)},
            ("verdict.order_paid", "why.order_refund_open"),
            (CertaintyBadge.KNOWN, WorkBadge.POSSIBLE),
        ),
        (
            OrderState.PENDING,
            {"unknown_payment": replace(PAID_PAYMENT, certainty=Certainty.UNKNOWN)},
            ("verdict.order_pending", "why.order_payment_unknown"),
            (CertaintyBadge.UNKNOWN, WorkBadge.POSSIBLE),
        ),
        (
            OrderState.PAID,
            {
                "reviewed_payment": replace(
                    PAID_PAYMENT, work=Work(WorkState.NEEDS_REVIEW, None, WorkReason.PAID_TWICE)
                )
            },
            ("verdict.order_paid", "why.order_payment_review"),
            (CertaintyBadge.KNOWN, WorkBadge.POSSIBLE),
        ),
    ],
)
def test_an_order_has_the_verdict_of_its_open_payments(
    state: OrderState,
    relations: dict[str, object],
    codes: tuple[str, str],
    badges: tuple[CertaintyBadge, WorkBadge],
) -> None:
    """The verdict, badges and next step of an order whose payment or refund is open or unknown are those of that
    payment or refund.
    """
    order = replace(ORDER, state=state, relations=OrderRelations(**relations))  # type: ignore[arg-type]  # the rows above fit
    explained = explain_order(order, NOW)
    assert (explained.verdict, explained.why) == codes
    assert (explained.certainty, explained.work) == badges
    assert (explained.next_step.code, explained.next_step.action) == ("next.order_open_payment", "open_payment")
    assert explained.next_step.command == "support-console show payment 5"


@pytest.mark.parametrize("is_refund_open", [False, True])
@pytest.mark.parametrize("reason", [WorkReason.RECONCILE_AMOUNT, WorkReason.RECONCILE_STATE, WorkReason.CONTRADICTED])
def test_an_order_is_not_called_paid_while_its_payment_is_contradicted(
    reason: WorkReason, *, is_refund_open: bool
) -> None:
    """If a person must look at a payment of the order because the provider contradicts it, the order has the verdict
    of this payment and the badge of a mismatch, also while a refund is open. While the outcome of the refund is
    unknown, verdict and badge say this instead.
    """
    relations = OrderRelations(
        pending_refund=replace(UNKNOWN_REFUND, certainty=Certainty.KNOWN) if is_refund_open else None,
        reviewed_payment=replace(PAID_PAYMENT, work=Work(WorkState.NEEDS_REVIEW, None, reason)),
    )
    order = replace(ORDER, state=OrderState.PAID, relations=relations)
    explained = explain_order(order, NOW)
    assert (explained.verdict, explained.certainty) == (f"verdict.payment_{reason}", CertaintyBadge.SIDES_DISAGREE)
    unknown_refund = replace(order, relations=replace(relations, pending_refund=UNKNOWN_REFUND))
    explained = explain_order(unknown_refund, NOW)
    assert (explained.verdict, explained.certainty) == ("verdict.payment_refund_unknown", CertaintyBadge.UNKNOWN)


def test_facts_of_an_order_have_payments_total_and_age() -> None:
    """The facts of an order have the number of its payments, its total (0 if the stored one is negative), the time of
    its last change of state, and the age of the state. Without that time, both are None.
    """
    facts = explain_order(ORDER, NOW).facts
    assert (facts["n"], facts["total"], facts["since"], facts["age"]) == (
        2,
        Money(3300, "JPY"),
        NOW - 2 * DAY,
        2 * DAY,
    )
    young = explain_order(replace(ORDER, state_since=None, total_minor=-1), NOW).facts
    assert (young["since"], young["age"], young["total"]) == (None, None, Money(0, "JPY"))


# Advice about refunds

PAYMENT_IN_REVIEW = replace(PAID_PAYMENT, work=make_review_work("paid_twice"))
OPEN_REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1
)  # fmt: skip


def test_a_refund_is_advised_only_where_one_can_be_requested() -> None:
    """If a refund is open, the next step is that refund. If the rules refuse a refund, the next step has no
    button."""
    free = explain_payment(replace(PAYMENT_IN_REVIEW, relations=PaymentRelations(ORDER)), NOW).next_step
    assert (free.code, free.action) == ("next.payment_refund_second", "refund")
    waiting = PaymentRelations(ORDER, refunds=(OPEN_REFUND,), refund_refusal="refund_count")
    followed = explain_payment(replace(PAYMENT_IN_REVIEW, relations=waiting), NOW).next_step
    assert (followed.code, followed.command) == ("next.payment_refund_requested", "support-console show refund 9")
    refused = PaymentRelations(ORDER, refund_refusal="refund_window")
    next_step = explain_payment(replace(PAYMENT_IN_REVIEW, relations=refused), NOW).next_step
    assert (next_step.code, next_step.action) == ("next.payment_refund_off", None)


@pytest.mark.parametrize("minor", [10**15 + 1, 2**63 - 1, -1])
def test_an_invalid_amount_of_the_provider_is_missing_in_the_facts(minor: int) -> None:
    """In the facts, an impossible amount from the provider and an amount in an unknown currency are None. No other
    amount replaces such a value."""
    payment = replace(PAID_PAYMENT, provider_minor=minor, told_at=NOW)
    explained = explain_payment(replace(payment, relations=PaymentRelations(ORDER)), NOW)
    assert (explained.facts["told"], explained.facts["amount"]) == (None, Money(3300, "JPY"))
    assert explained.certainty is CertaintyBadge.SIDES_DISAGREE
    foreign = replace(ORDER, currency="USD", total_minor=minor)
    assert explain_order(foreign, NOW).facts["total"] is None
    assert explain_payment(replace(PAID_PAYMENT, relations=PaymentRelations(foreign)), NOW).facts["total"] is None


UNKNOWN_OPEN_REFUND = replace(OPEN_REFUND, state=RefundState.SUBMITTED, certainty=Certainty.UNKNOWN)


def test_no_attempt_is_announced_for_a_past_time() -> None:
    """If an attempt is overdue because no worker runs, the next step states no time for it."""
    with_refund = PaymentRelations(ORDER, refunds=(replace(UNKNOWN_OPEN_REFUND, work=SCHEDULED_WORK),))
    record = replace(PAID_PAYMENT, work=SCHEDULED_WORK, relations=with_refund)
    before = explain_payment(record, NOW - timedelta(seconds=1)).next_step
    assert (before.facts["at"], before.facts["refund_at"]) == (NOW, NOW)
    due = explain_payment(record, NOW).next_step
    assert (due.code, due.facts["at"], due.facts["refund_at"]) == ("next.payment_refund_probe_scheduled", None, None)


@pytest.mark.parametrize(
    ("refund", "verdict", "next_step", "certainty", "work"),
    [
        (OPEN_REFUND, "refund_requested", "refund_requested", "known", "waiting_for_approval"),
        (
            replace(OPEN_REFUND, relations=RefundRelations(approval_refusal="refund_window")),
            "refund_requested",
            "refund_not_approvable",
            "known",
            "possible",
        ),
        (
            replace(
                UNKNOWN_OPEN_REFUND,
                work=make_review_work("probes_ended"),
                relations=RefundRelations(proposed_state="failed"),
            ),
            "refund_unknown",
            "refund_second_person",
            "unknown",
            "waiting_for_approval",
        ),
        (UNKNOWN_OPEN_REFUND, "refund_unknown", "refund_unknown", "unknown", "possible"),
        (
            replace(UNKNOWN_OPEN_REFUND, work=SCHEDULED_WORK),
            "refund_unknown",
            "refund_probe_scheduled",
            "unknown",
            "scheduled",
        ),
        (
            replace(UNKNOWN_OPEN_REFUND, work=SCHEDULED_WORK_WITHOUT_REASON),
            "refund_unknown",
            "refund_unknown",
            "unknown",
            "possible",
        ),
        (
            replace(OPEN_REFUND, state=RefundState.SUBMITTED),
            "refund_submitted",
            "refund_submitted",
            "known",
            "automatic",
        ),
        (
            replace(OPEN_REFUND, state=RefundState.SUBMITTED, work=SCHEDULED_WORK),
            "refund_submitted",
            "refund_submitted",
            "known",
            "scheduled",
        ),
        (
            replace(OPEN_REFUND, state=RefundState.APPROVED, work=make_review_work("not_sent")),
            "refund_approved",
            "refund_person",
            "known",
            "possible",
        ),
        (
            replace(OPEN_REFUND, state=RefundState.SUBMITTED, work=make_review_work("answer_does_not_fit")),
            "refund_submitted",
            "refund_person",
            "known",
            "possible",
        ),
        (
            replace(
                OPEN_REFUND, state=RefundState.APPROVED, work=SCHEDULED_WORK, error_code="similar_refund_running"
            ),
            "refund_approved_perhaps_made",
            "refund_approved",
            "known",
            "waiting_for_sending",
        ),
    ],
)
def test_a_payment_has_the_verdict_of_its_open_refund(
    refund: Refund, verdict: str, next_step: str, certainty: str, work: str
) -> None:
    """A payment with an open refund has the verdict, the next step and the badges of the refund. If its order isn't
    set to paid, an unknown refund still decides the verdict, and a known one doesn't.
    """
    relations = PaymentRelations(ORDER, refunds=(refund,))
    explanation = explain_payment(replace(PAID_PAYMENT, relations=relations), NOW)
    assert (explanation.verdict, explanation.next_step.code) == (
        f"verdict.payment_{verdict}",
        f"next.payment_{next_step}",
    )
    assert (explanation.certainty, explanation.work) == (certainty, work)
    behind = explain_payment(replace(PAID_PAYMENT, relations=replace(relations, order=PENDING_ORDER)), NOW).verdict
    unknown = refund.certainty is Certainty.UNKNOWN
    assert behind == ("verdict.payment_refund_unknown" if unknown else "verdict.payment_not_moved")


@pytest.mark.parametrize("record", [PAID_PAYMENT, PAYMENT_IN_REVIEW])
@pytest.mark.parametrize("checkers", [(), ("lead-b",)])
def test_an_overdue_refund_expires_without_a_decision(record: Payment, checkers: tuple[str, ...]) -> None:
    """Before the deadline of a refund request, the next step is the decision of an approver. After the deadline it is
    the expiry, also if one of two approvers has already voted."""
    refund = replace(OPEN_REFUND, decide_by=NOW - timedelta(microseconds=1), checkers=checkers, checkers_needed=2)
    relations = PaymentRelations(ORDER, refunds=(refund,), refund_refusal="refund_count")
    before, after = (explain_payment(replace(record, relations=relations), at) for at in (NOW - DAY, NOW))
    assert (before.next_step.code, after.next_step.code) == (
        "next.payment_refund_requested",
        "next.payment_refund_expires",
    )
    assert after.next_step.action == "open_refund"
    assert after.why == ("why.refund_too_old" if record is PAID_PAYMENT else before.why)
    assert (bool(before.roles_that_may_act), after.roles_that_may_act) == (record is PAYMENT_IN_REVIEW, ())


@pytest.mark.parametrize(
    ("aside", "captured", "command"),
    [(1, 1, SHOW_COMMAND), (300, 300, SHOW_COMMAND), (1, 2, REFUND_COMMAND), (0, 300, REFUND_COMMAND)],
)
def test_a_payment_with_only_a_set_aside_amount_has_the_command_to_show_it(
    aside: int, captured: int, command: str
) -> None:
    """The command that requests a refund can't name the set-aside amount. If no other amount is refundable, the next
    step has the command that shows the record."""
    record = replace(PAID_PAYMENT, work=make_review_work("set_aside"), captured_minor=captured, set_aside_minor=aside)
    order = replace(ORDER, total_minor=captured)
    step = explain_payment(replace(record, relations=PaymentRelations(order)), NOW).next_step
    assert (step.code, step.command) == ("next.payment_refund_set_aside", command)


def test_a_set_aside_with_an_open_refund_has_the_refunds_verdict() -> None:
    """While the refund of a set-aside amount is open, the payment has the verdict of this refund, because the
    set-aside amount is 0 then."""
    record = replace(PAID_PAYMENT, work=make_review_work("set_aside"), set_aside_minor=0)
    explanation = explain_payment(replace(record, relations=PaymentRelations(ORDER, refunds=(OPEN_REFUND,))), NOW)
    assert explanation.verdict == "verdict.payment_refund_requested"
    assert explanation.work == "waiting_for_approval"


@pytest.mark.parametrize(("total_minor", "asks_others_first"), [(3299, True), (3301, True), (3300, False)])
def test_a_person_asks_the_shop_before_a_refund_of_a_payment_with_another_amount(
    total_minor: int, asks_others_first: bool
) -> None:
    """If the paid amount isn't the order's total, the person asks the shop before a refund. If the order's total is
    paid, no next step asks the shop."""
    is_short = total_minor > PAID_PAYMENT.captured_minor
    work = make_review_work("not_moved") if is_short else PAID_PAYMENT.work
    order = replace(PENDING_ORDER if is_short else ORDER, total_minor=total_minor)
    payment = replace(PAID_PAYMENT, work=work)
    explanation = explain_payment(replace(payment, relations=PaymentRelations(order, (payment,))), NOW)
    assert explanation.next_step.asks_others_first == asks_others_first
    assert (explanation.next_step.action == "refund") == asks_others_first
