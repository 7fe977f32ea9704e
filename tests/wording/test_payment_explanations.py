"""Tests that the verdict, the reason and the next step are complete and true sentences in both languages, in every
situation of a payment, an order and a refund.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.errors import ErrorCode, rebuild_error
from console.domain.explained_state import CertaintyBadge, Explanation, WorkBadge
from console.domain.explanations.payments import (
    PAID_STATES,
    explain_order,
    explain_payment,
    explain_refund,
    find_reversal_deadline,
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
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.explanation_sentences import check_sentences_complete, make_sentences

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)
REVIEW_WORK_STATE, SCHEDULED_WORK_STATE = WorkState.NEEDS_REVIEW, WorkState.SCHEDULED
PAYMENT = Payment(
    5, 3, "paypay", "A-10442", "0473888821", "2010401907731", "****1234", PaymentState.COMPLETED, Certainty.KNOWN,
    Work(), "JPY", 12_000, 12_000, 0, 0, 0, 7, paid_at=NOW, created_at=NOW, changed_at=NOW, state_since=NOW,
    expires_at=FIVE_MINUTES_LATER, provider_minor=11_500,
)  # fmt: skip
ORDER = Order(
    3,
    "A-10442",
    "2010401907731",
    OrderState.PAID,
    "JPY",
    12_000,
    (5,),
    2,
    created_at=NOW,
    changed_at=NOW,
    state_since=NOW,
)
REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1,
    decide_by=NOW + timedelta(hours=72), created_at=NOW, changed_at=NOW, state_since=NOW, last_sent_at=NOW,
)  # fmt: skip
UNKNOWN_PAYMENT = replace(
    PAYMENT,
    state=PaymentState.USER_PAYMENT,
    certainty=Certainty.UNKNOWN,
    captured_minor=0,
    error_code="read_timeout",
    work=Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "unknown", 2),
)
UNKNOWN_REFUND = replace(
    REFUND,
    state=RefundState.SUBMITTING,
    certainty=Certainty.UNKNOWN,
    error_code="read_timeout",
    work=Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "unknown", 3),
    provider_refund_key="RFD-A",
    sent_count=1,
)
APPROVED_REFUND = replace(REFUND, state=RefundState.APPROVED, checkers=("lead-b",))
ORDER_BEHIND_ITS_PAYMENT = replace(ORDER, state=OrderState.PENDING)

RELATIONS_AWAITING_SECOND_PERSON = PaymentRelations(proposed_state="payment_failed")
RELATIONS_WITHOUT_SECOND_PERSON = RefundRelations(proposed_state="failed", lacks_second_person=True)

REVIEW_REASONS = (
    "paid_after_cancel", "paid_twice", "set_aside", "no_order", "amount_differs", "contradicted", "reversed",
    "not_moved", "other_payment", "unknown_refund", "probes_ended",
)  # fmt: skip


def explain_with_relations(**relations: Any) -> Explanation:
    return explain_payment(replace(PAYMENT, relations=PaymentRelations(**relations)), NOW)


SITUATIONS: dict[str, Explanation] = {
    **{
        f"payment {one}": explain_payment(replace(PAYMENT, state=one, relations=PaymentRelations(ORDER)), NOW)
        for one in PaymentState
    },
    **{
        f"payment for a person: {reason}": explain_payment(
            replace(PAYMENT, work=Work(REVIEW_WORK_STATE, None, reason)), NOW
        )
        for reason in REVIEW_REASONS
    },
    **{f"order {state}": explain_order(replace(ORDER, state=state), NOW) for state in OrderState},
    **{f"refund {state}": explain_refund(replace(REFUND, state=state), NOW) for state in RefundState},
    **{
        f"refund {state} for a person": explain_refund(
            replace(REFUND, state=state, work=Work(REVIEW_WORK_STATE, None, "contradicted")), NOW
        )
        for state in RefundState
    },
    "payment unknown": explain_payment(UNKNOWN_PAYMENT, NOW),
    "payment unknown, asked by hand": explain_payment(replace(UNKNOWN_PAYMENT, work=Work()), NOW),
    "payment unknown, ended": explain_payment(
        replace(UNKNOWN_PAYMENT, work=Work(REVIEW_WORK_STATE, None, "probes_ended", 8)), NOW
    ),
    "payment unknown, not found": explain_payment(replace(UNKNOWN_PAYMENT, error_code="not_found"), NOW),
    "payment unknown, other amount": explain_payment(replace(UNKNOWN_PAYMENT, error_code="other_amount"), NOW),
    "payment unknown, second person": explain_payment(
        replace(UNKNOWN_PAYMENT, relations=RELATIONS_AWAITING_SECOND_PERSON), NOW
    ),
    "payment unknown, nobody to confirm": explain_payment(
        replace(UNKNOWN_PAYMENT, relations=replace(RELATIONS_AWAITING_SECOND_PERSON, lacks_second_person=True)), NOW
    ),
    "payment whose refund nobody can approve": explain_with_relations(
        refunds=(replace(REFUND, relations=RefundRelations(lacks_approver=True)),)
    ),
    "payment whose unknown refund nobody can confirm": explain_with_relations(
        refunds=(replace(UNKNOWN_REFUND, relations=RELATIONS_WITHOUT_SECOND_PERSON),)
    ),
    "refund without an approver": explain_refund(
        replace(REFUND, relations=RefundRelations(lacks_approver=True)), NOW
    ),
    "refund unknown, nobody to confirm": explain_refund(
        replace(UNKNOWN_REFUND, relations=RELATIONS_WITHOUT_SECOND_PERSON), NOW
    ),
    "payment reversal asked": explain_payment(
        replace(PAYMENT, relations=PaymentRelations(proposed_state="reversed")), NOW
    ),
    "payment refund outside asked": explain_with_relations(order=ORDER, proposed_state="done_outside"),
    "payment refund outside asked, order behind": explain_with_relations(
        order=ORDER_BEHIND_ITS_PAYMENT, proposed_state="done_outside"
    ),
    "payment order behind": explain_payment(
        replace(PAYMENT, relations=PaymentRelations(ORDER_BEHIND_ITS_PAYMENT)), NOW
    ),
    "payment order behind, by itself": explain_payment(
        replace(
            PAYMENT,
            work=Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "not_moved", 1),
            relations=PaymentRelations(ORDER_BEHIND_ITS_PAYMENT),
        ),
        NOW,
    ),
    "payment noticed": explain_payment(
        replace(
            PAYMENT, work=Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "notice"), relations=PaymentRelations(ORDER)
        ),
        NOW,
    ),
    "payment reversible": explain_payment(replace(PAYMENT, provider="atom", relations=PaymentRelations(ORDER)), NOW),
    "payment partly refunded": explain_payment(
        replace(PAYMENT, refunded_minor=2_000, relations=PaymentRelations(ORDER)), NOW
    ),
    "payment refunded": explain_payment(
        replace(PAYMENT, refunded_minor=12_000, relations=PaymentRelations(ORDER)), NOW
    ),
    "payment without order": explain_payment(replace(PAYMENT, order_id=None), NOW),
    "payment short": explain_with_relations(order=replace(ORDER_BEHIND_ITS_PAYMENT, total_minor=13_100)),
    "payment short, refund off": explain_with_relations(
        order=replace(ORDER_BEHIND_ITS_PAYMENT, total_minor=13_100), refund_refusal="refund_count"
    ),
    "payment too much": explain_with_relations(order=replace(ORDER, total_minor=11_000)),
    "payment of another currency": explain_with_relations(order=replace(ORDER_BEHIND_ITS_PAYMENT, currency="INR")),
    "payment of a cancelled order": explain_with_relations(order=replace(ORDER, state=OrderState.CANCELLED)),
    "payment whose order was paid otherwise": explain_payment(
        replace(PAYMENT, work=Work(REVIEW_WORK_STATE, None, "not_moved"), relations=PaymentRelations(ORDER)), NOW
    ),
    **{
        f"payment with a refund {state}": explain_with_relations(refunds=(replace(REFUND, state=state),))
        for state in (RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING, RefundState.SUBMITTED)
    },
    **{
        f"payment with a refund {state}": explain_with_relations(order=ORDER, refunds=(replace(REFUND, state=state),))
        for state in (RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED)
    },
    "payment with a failed refund": explain_with_relations(
        refunds=(replace(REFUND, state=RefundState.FAILED, error_code="refund_window_over"),)
    ),
    "payment with an unknown refund": explain_with_relations(refunds=(UNKNOWN_REFUND,)),
    "payment with an unknown refund, by hand": explain_with_relations(
        refunds=(replace(UNKNOWN_REFUND, work=Work(REVIEW_WORK_STATE)),)
    ),
    "refund that nobody can approve": explain_refund(
        replace(REFUND, relations=RefundRelations(approval_refusal="refund_window_over")), NOW
    ),
    "order paid late": explain_order(
        replace(ORDER, state=OrderState.CANCELLED, work=Work(REVIEW_WORK_STATE, None, "paid_after_cancel")), NOW
    ),
    "order expiring": explain_order(
        replace(ORDER, state=OrderState.PENDING, relations=OrderRelations(is_expiring=True)), NOW
    ),
    "refund unknown": explain_refund(UNKNOWN_REFUND, NOW),
    "refund unknown, not found": explain_refund(replace(UNKNOWN_REFUND, not_found=1), NOW),
    "refund unknown, ended": explain_refund(
        replace(UNKNOWN_REFUND, work=Work(REVIEW_WORK_STATE, None, "probes_ended", 10)), NOW
    ),
    "refund unknown, second person": explain_refund(
        replace(UNKNOWN_REFUND, relations=RefundRelations(proposed_state="failed")), NOW
    ),
    "refund half approved": explain_refund(replace(REFUND, checkers=("lead-b",), checkers_needed=2), NOW),
    "refund too old": explain_refund(replace(REFUND, decide_by=NOW - timedelta(seconds=1)), NOW),
    "refund cooling off": explain_refund(replace(APPROVED_REFUND, sends_after=FIVE_MINUTES_LATER), NOW),
    "refund to be sent": explain_refund(
        replace(APPROVED_REFUND, work=Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "submission")), NOW
    ),
    "refund not sent": explain_refund(replace(APPROVED_REFUND, error_code="not_connected"), NOW),
    "refund did not happen": explain_refund(replace(APPROVED_REFUND, sent_count=1, not_found=2), NOW),
    "refund long accepted": explain_refund(
        replace(REFUND, state=RefundState.SUBMITTED, last_sent_at=NOW - timedelta(days=2)), NOW
    ),
    "refund refused for good": explain_refund(
        replace(REFUND, state=RefundState.FAILED, error_code="refund_window_over"), NOW
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation_has_three_whole_sentences(situation: str, language: str) -> None:
    """Each situation of a payment, order or refund has a verdict, a reason and a next step, and every fact that these
    sentences name is present.
    """
    check_sentences_complete(SITUATIONS[situation], language)


@pytest.mark.parametrize("state", RefundState)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_payment_names_its_newest_refund_in_each_state(state: RefundState, language: str) -> None:
    """The explanation of a payment with a refund says something of this refund, whatever its state. A completed one
    is named by its amount."""
    is_made = state is RefundState.COMPLETED
    payment = replace(
        PAYMENT,
        refunded_minor=REFUND.amount_minor if is_made else 0,
        relations=PaymentRelations(ORDER, refunds=(replace(REFUND, state=state),)),
    )
    sentences = " ".join(make_sentences(explain_payment(payment, NOW), language))
    assert ("¥500" if is_made else "R-9") in sentences


@pytest.mark.parametrize("work", [Work(), Work(SCHEDULED_WORK_STATE, FIVE_MINUTES_LATER, "unknown", 3)])
@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", RefundState)
def test_a_payment_has_the_work_badge_of_the_refund_that_the_program_handles(
    state: RefundState, certainty: Certainty, work: Work
) -> None:
    """If the program does the next step of a refund, the page of the payment doesn't call this by another badge."""
    refund = replace(REFUND, state=state, certainty=certainty, work=work)
    explained = explain_payment(replace(PAYMENT, relations=PaymentRelations(ORDER, refunds=(refund,))), NOW)
    badges = explained.work, explain_refund(refund, NOW).work
    is_of_program = {WorkBadge.AUTOMATIC, WorkBadge.SCHEDULED, WorkBadge.WAITING_FOR_SENDING} & set(badges)
    is_possible = certainty is Certainty.KNOWN or state not in ENDED_REFUND_STATES
    if explained.next_step.action == "open_refund" and is_of_program and is_possible:
        assert badges[0] is badges[1]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_badge_says_confirmed_if_a_sentence_denies_it(situation: str) -> None:
    """If a sentence says that the record isn't confirmed yet, the badge of certainty doesn't say "Confirmed"."""
    explained = SITUATIONS[situation]
    for language, denials in (
        ("en", ("ot confirmed",)),
        ("ja", ("確認できていません", "確認していません", "未確認")),
    ):
        verdict, why, _ = make_sentences(explained, language)
        is_denied = any(denial in verdict + why for denial in denials)
        assert not (is_denied and explained.certainty is CertaintyBadge.KNOWN), (verdict, why)


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if "unknown" in name])
def test_an_unknown_outcome_is_never_called_failed(situation: str) -> None:
    """The sentences about a payment or refund with an unknown outcome never say that it failed, and the next step has
    a command.
    """
    explained = SITUATIONS[situation]
    for language in LANGUAGES:
        verdict, why, _ = make_sentences(explained, language)
        assert not any(word in verdict + why for word in ("失敗", "返金不可", "failed", "No money"))
    assert explained.next_step.command is not None
    assert explained.next_step.command.startswith("support-console ")


@pytest.mark.parametrize(
    ("situation", "part", "japanese", "english"),
    [
        ("refund unknown", 0, "再返金禁止", "Don't refund again"),
        ("refund unknown", 2, "10 回中 4 回目", "automatic check 4 of 10"),
        ("payment unknown", 2, "8 回中 3 回目", "automatic check 3 of 8"),
        ("payment order behind", 0, "注文は未入金のまま", "the order is still unpaid"),
        ("payment refund outside asked, order behind", 0, "注文は未入金のまま", "the order is still unpaid"),
        ("payment refund outside asked, order behind", 1, "外部返金の記録も", "a refund done outside also waits"),
        ("payment for a person: amount_differs", 0, "決済会社 ¥11,500", "the gateway's is ¥11,500"),
        ("payment reversible", 0, "11-23 03:30", "11-23 03:30"),
        ("payment partly refunded", 1, "¥10,000", "¥10,000"),
        ("payment with a failed refund", 1, "返金 R-", "was not made"),
        ("refund requested", 1, "op-a", "op-a"),
        ("refund to be sent", 2, "二重には返金されません", "nothing is refunded twice"),
        ("payment for a person: probes_ended", 1, "自動確認の予定終了", "Automatic probes ended"),
    ],
)
def test_a_sentence_of_a_payment_contains_its_facts(situation: str, part: int, japanese: str, english: str) -> None:
    """The sentences of each situation contain its amounts, attempts, days and people."""
    assert japanese in make_sentences(SITUATIONS[situation], "ja")[part]
    assert english in make_sentences(SITUATIONS[situation], "en")[part]


def test_a_reversal_states_the_amount_and_that_its_order_is_still_paid() -> None:
    """The verdict of a reversed payment states the amount that was taken back, and that its order still counts as
    paid. If the provider's amount differs from ours, or the order no longer counts as paid, the verdict only states
    the mismatch.
    """
    gone = replace(PAYMENT, state=PaymentState.REVERSED, provider="atom", provider_minor=12_000)
    for refunded_minor, taken in ((0, "¥12,000"), (2_000, "¥10,000")):
        record = replace(gone, refunded_minor=refunded_minor, relations=PaymentRelations(ORDER))
        verdict, why, following = make_sentences(explain_payment(record, NOW), "en")
        assert verdict == f"Mismatch: {taken} was reversed, but the order is still Paid."
        assert "The customer paid ¥12,000" in why
        assert f"Atom reversed {taken}" in why
        assert f"The {taken} can't be refunded" in following
        assert "A-10442" in following
    other = explain_payment(replace(gone, provider_minor=11_500, told_at=NOW, relations=PaymentRelations(ORDER)), NOW)
    assert make_sentences(other, "en")[0] == "Mismatch: the gateway or the order doesn't match our record."
    cancelled = replace(ORDER, state=OrderState.CANCELLED, currency="INR")
    no_longer_paid = explain_payment(replace(gone, relations=PaymentRelations(cancelled)), NOW)
    assert make_sentences(no_longer_paid, "en")[0] == "Mismatch: the gateway or the order doesn't match our record."


def test_only_a_recently_paid_atom_payment_is_reversible() -> None:
    """A bank can reverse a paid payment of Atom until the end of the second day in India after the payment. Other
    payments and states have no such deadline.
    """
    atom = replace(PAYMENT, provider="atom", paid_at=datetime(2026, 11, 20, 18, 29, 59, tzinfo=UTC))
    until = find_reversal_deadline(atom)
    assert until == datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    assert find_reversal_deadline(PAYMENT) is None
    assert [find_reversal_deadline(replace(atom, state=state)) for state in set(PaymentState) - PAID_STATES] == [
        None
    ] * 6
    assert (
        explain_payment(replace(atom, relations=PaymentRelations(ORDER)), until).verdict == "verdict.payment_complete"
    )
    verdict = make_sentences(explain_payment(replace(atom, relations=PaymentRelations(ORDER)), NOW), "en")[0]
    assert verdict.endswith("The bank can reverse it until 11-23 03:30.")


def test_a_next_step_for_a_person_has_command_and_roles() -> None:
    """The next step for a person has a command and the roles that may execute it."""
    for name, explained in SITUATIONS.items():
        if "for a person" in name or "unknown" in name:
            assert explained.roles_that_may_act, name
            assert explained.next_step.command, name


def test_a_next_step_that_opens_a_record_has_an_action() -> None:
    """If the sentence of the next step says that a person opens another record, the page offers an action."""
    opening = {name: one.next_step for name, one in SITUATIONS.items() if "Open " in make_sentences(one, "en")[2]}
    assert "payment with a failed refund" in opening
    assert [name for name, step in opening.items() if step.action is None] == []


@pytest.mark.parametrize("reason", [None, "interrupted", "not_recorded", "not_kept", "earlier_attempt"])
@pytest.mark.parametrize("record", [PAYMENT, REFUND], ids=["payment", "refund"])
def test_the_message_about_an_unknown_outcome_names_the_kind_of_record(
    record: Payment | Refund, reason: str | None
) -> None:
    """The message about an unknown payment or refund contains the word "payment" or "refund", and not "purchase"."""
    error = rebuild_error(ErrorCode.OUTCOME_UNKNOWN, {"record": record, "reason": reason, "operation_id": "op-1"})
    for language in ("en", "ja"):
        message = format_error_message(error, language)
        assert not any(word in message for word in ("buy", "bought", "購入")), message
        own = {"en": ("paid", "refunded"), "ja": ("支払われた", "返金された")}[language]
        assert own[isinstance(record, Refund)] in message, message


@pytest.mark.parametrize(
    "situation", [name for name in SITUATIONS if "nobody" in name or "without an approver" in name]
)
def test_a_next_step_without_an_approver_names_an_administrator(situation: str) -> None:
    """If no other approver exists, the next step is for an administrator, and the page offers no action to people who
    can't execute it.
    """
    explained = SITUATIONS[situation]
    if situation == "refund that nobody can approve":  # by a rule, not for want of people
        return
    japanese, english = (make_sentences(explained, language) for language in ("ja", "en"))
    assert "administrator" in english[2]
    assert "管理者に依頼" in japanese[2]
    assert "another approver" not in " ".join(english)
    assert explained.next_step.action in (None, "open_refund")
    assert explained.work is WorkBadge.WAITING_FOR_APPROVAL


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_difference_of_a_reconciliation_is_explained_with_both_amounts(language: str) -> None:
    """If a reconciliation found another amount in the provider's history than in our record, the reason names both
    amounts. The compared sides on the page don't show this difference, because the provider's side comes from its
    answer to our own call."""
    payment = replace(PAYMENT, work=Work(WorkState.NEEDS_REVIEW, None, "reconcile_amount"))
    relations = PaymentRelations(ORDER, contradicting_answer_text=f"completed {payment.captured_minor + 1_100} JPY")
    _, why, _ = make_sentences(explain_payment(replace(payment, relations=relations), NOW), language)
    amounts = (f"{payment.captured_minor:,}", f"{payment.captured_minor + 1_100:,}")
    assert all(amount in why for amount in amounts), why
