"""Tests of the texts of a record whose proposed outcome waits for a second person."""

from dataclasses import replace
from typing import Literal

import pytest

from console.domain.payments.records import PaymentRelations, RefundRelations
from console.domain.payments.service_results import PaymentDetails
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CheckRelations, CheckState, EvidenceItem, TimelineEntry
from console.domain.recovery.records import WaitingProposal
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.records.action_bar import format_proposal
from console.views.runtime.context import WindowContext
from console.views.runtime.status_values import WorkCounts
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import (
    MONEY_PARTS,
    ORDER,
    PAYMENT_EXPLANATION,
    make_compared_sides,
    make_payment,
    make_refund,
)

UNKNOWN_REFUND = make_refund(
    state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, relations=RefundRelations(proposed_state="failed")
)
RECORD_AND_PROPOSAL_BY_NAME: dict[str, tuple[ShownRecord, tuple[str, str]]] = {
    "credit check": (
        make_check(
            state=CheckState.PENDING,
            certainty=Certainty.UNKNOWN,
            relations=CheckRelations(proposed_state="error"),
        ),
        ("credit-check", "17"),
    ),
    "payment": (
        make_payment(
            state=PaymentState.INITIALIZING,
            certainty=Certainty.UNKNOWN,
            relations=PaymentRelations(ORDER, proposed_state="payment_failed"),
        ),
        ("payment", "5"),
    ),
    "refund": (UNKNOWN_REFUND, ("refund", "9")),
    "payment of the refund": (
        make_payment(relations=PaymentRelations(ORDER, refunds=(UNKNOWN_REFUND,))),
        ("refund", "9"),
    ),
}


def format_next_step(record: ShownRecord, context: WindowContext) -> str:
    explanation = case_words.explain_record_to_acting_person(record, context)
    return record_words.format_next_step(explanation.next_step, context)


@pytest.mark.parametrize(
    ("language", "other_words", "you_words"),
    [("en", "another approver", "You can confirm"), ("ja", "別の承認者", "ご自身が第二確認者")],
)
@pytest.mark.parametrize("name", RECORD_AND_PROPOSAL_BY_NAME)
def test_the_next_step_addresses_the_person_who_can_confirm_it(
    name: str, language: Literal["ja", "en"], other_words: str, you_words: str
) -> None:
    """While a person can be the second person, the next step addresses them, for a credit check, a payment, a refund
    and the payment of this refund. A person who can't reads of another approver, also if they can confirm the outcome
    of another record."""
    record, (kind, record_id) = RECORD_AND_PROPOSAL_BY_NAME[name]
    context = make_window_context()
    context.language = language
    proposal = WaitingProposal(1, kind, record_id, None, "failed", "op-a", NOW)
    for decisions in ((), (replace(proposal, record_id="404"),)):
        context.store_work_counts(WorkCounts(decisions_to_make=decisions))
        assert other_words in format_next_step(record, context)
    context.store_work_counts(WorkCounts(decisions_to_make=(proposal,)))
    text = format_next_step(record, context)
    assert you_words in text
    assert other_words not in text
    if name == "payment of the refund":
        assert "R-9" in text


@pytest.mark.parametrize(
    ("summary", "part_of_sentence"),
    [
        ("[settlement_report] row 14", "(Settlement report: row 14)"),
        ("row 14 of the settlement", "(row 14 of the settlement)"),
        ("\ufffdPNG", "15:04. The record"),
    ],
)
def test_the_proposed_outcome_is_named_with_its_reason(summary: str, part_of_sentence: str) -> None:
    """The sentence about a proposed outcome has the reason of the first person, but no bytes of a file."""
    payment = make_payment()
    entry = TimelineEntry(NOW, "op-c", "payment.resolve_proposed", {"as": "completed", "evidence": 7})
    proof = (EvidenceItem(7, NOW, "person", "", summary), EvidenceItem(8, NOW, "person", "", "another one"))
    details = PaymentDetails(
        payment, PAYMENT_EXPLANATION, make_compared_sides(), MONEY_PARTS, None, (), (), (entry,), proof, (),
        awaiting="second_person",
    )  # fmt: skip
    context = make_window_context()
    context.language = "en"
    assert part_of_sentence in format_proposal(details, context)
