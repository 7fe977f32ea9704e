"""Tests of the presentation of a credit check as sides, documents, badges and differences."""

from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import (
    Certainty,
    CheckRelations,
    CheckState,
    CreditCheck,
    Document,
    EvidenceItem,
    TimelineEntry,
    Work,
    WorkState,
)
from console.domain.views.any_record import CreditCheckDetails
from console.views.presenters import credit_check_view as facts
from console.views.presenters import records as case_words
from console.views.presenters.credit_check_view import list_offered_actions
from console.views.presenters.credit_checks import format_explanation
from tests.views.invented_checks import NOW, make_check, make_window_context

PDF_DOCUMENT = Document("ab/cd.pdf", "f" * 64, 186_000, NOW, is_current=True)


def make_check_details(
    record: CreditCheck, *documents: Document, answer: str = "", awaiting: str | None = None
) -> CreditCheckDetails:
    evidence = (EvidenceItem(1, NOW - timedelta(minutes=1), "alarmbox.purchase", "a" * 64, answer),) if answer else ()
    line = TimelineEntry(NOW, "op-a", "credit-check.bought")
    record = replace(record, relations=CheckRelations(proposed_state=None if awaiting is None else "error"))
    return CreditCheckDetails(
        record, explain_credit_check(record, NOW), (line,), evidence, documents, (), awaiting=awaiting
    )


UNKNOWN_CHECK = make_check(
    state=CheckState.PENDING,
    certainty=Certainty.UNKNOWN,
    credit_check_id=None,
    pdf_file_path=None,
    result=None,
    work=Work(WorkState.NEEDS_REVIEW, reason="no_list_call"),
    error_code="read_timeout",
)
CHECK_WITHOUT_PDF = make_check(
    pdf_file_path=None,
    incomplete=("pdf",),
    error_code="pdf_no_end",
    work=Work(WorkState.SCHEDULED, NOW + timedelta(minutes=54), "incomplete", 1),
)


@pytest.mark.parametrize(
    ("maker", "why"),
    [
        ("op-a", "The payment is confirmed. op-a requested its refund, which is waiting for an approver's decision."),
        ("worker", "The payment is confirmed. Its refund is waiting for an approver's decision."),
    ],
)
def test_the_worker_is_not_shown_as_a_requesting_person(maker: str, why: str) -> None:
    """If the program itself has requested the refund of a set-aside, the sentence about it leaves out the requester's
    internal name.
    """
    explanation = replace(
        explain_credit_check(make_check(), NOW), why="why.payment_refund_requested", facts={"maker": maker}
    )
    assert format_explanation(explanation, make_window_context())[1] == why


def test_a_renewed_check_is_shown_with_its_renewal_time() -> None:
    """A renewed credit check is shown as renewed since the time of its renewal, and not since its purchase."""
    renewed_at = NOW - timedelta(hours=3)
    details = make_check_details(make_check(superseded_by=18, state_since=NOW - timedelta(days=400)))
    line = TimelineEntry(renewed_at, "op-a", "credit-check.superseded")
    ours, _, _ = facts.make_compared_sides(
        replace(details, timeline=(*details.timeline, line)), make_window_context()
    )
    assert ours.state_word == "Renewed"
    assert ours.age_text.endswith("3 h")
    live, _, _ = facts.make_compared_sides(
        make_check_details(make_check(state_since=renewed_at)), make_window_context()
    )
    assert live.age_text == ours.age_text


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("", "Not asked yet"),
        ("UNKNOWN read_timeout", "No valid answer"),
        ("HTTP 404 NOT_FOUND not_found", "Not found"),
        ("HTTP 422 FAILED_DEFINITE http_422", "Refused"),
    ],
)
def test_the_provider_side_shows_its_last_answer(answer: str, word: str) -> None:
    """The provider's side shows the provider's last answer in words. The words for never asked, no answer, not found
    and refused differ, and none of them looks like a success.
    """
    ours, provider, order = facts.make_compared_sides(
        make_check_details(UNKNOWN_CHECK, answer=answer), make_window_context()
    )
    assert (ours.state_word, provider.state_word, order.state_word) == ("In progress", word, "None")


def test_the_provider_side_of_a_running_purchase_shows_waiting() -> None:
    """While a purchase is on its way to the provider, the provider's side says "Waiting for the answer", because "not
    asked yet" would contradict the verdict.
    """
    _, provider, _ = facts.make_compared_sides(
        make_check_details(make_check(state=CheckState.PENDING, credit_check_id=None)), make_window_context()
    )
    assert provider.state_word == "Waiting for the answer"


def test_a_check_with_a_provider_id_is_shown_as_on_record() -> None:
    """If the provider's id of the check is stored, the provider's side says "On record", even after a later read that
    failed.
    """
    _, provider, _ = facts.make_compared_sides(
        make_check_details(CHECK_WITHOUT_PDF, answer="HTTP 503 PENDING http_503"), make_window_context()
    )
    assert (provider.state_word, provider.tone) == ("On record", "good")


def test_a_provider_that_contradicts_is_framed_and_read_out() -> None:
    """A contradiction of the provider is shown with a frame, a sign and words, and its spoken text says that the side
    differs.
    """
    record = make_check(work=Work(WorkState.NEEDS_REVIEW, reason="contradicted"))
    ours, provider, _ = facts.make_compared_sides(make_check_details(record), make_window_context())
    assert provider.is_different
    assert "differs" in provider.format_spoken_text()
    assert ours.word_of_side
    assert (provider.state_word, provider.word_of_side) == ("A different answer", "")
    _, provider, _ = facts.make_compared_sides(
        make_check_details(record, answer="HTTP 404 NOT_FOUND not_found"), make_window_context()
    )
    assert (provider.state_word, provider.word_of_side) == ("Not found", "")


def test_a_missing_document_shows_its_reason_and_next_fetch() -> None:
    """A document that a bought credit check lacks is marked as missing, with the reason and the time of the next
    attempt to fetch it. Documents of a record that isn't bought are not marked.
    """
    parts = facts.make_document_summaries(make_check_details(CHECK_WITHOUT_PDF), make_window_context())
    assert [part.is_missing for part in parts] == [False, False, False, True]
    assert (parts[3].text, parts[3].detail) == ("PDF incomplete", "next attempt 15:58:05")
    assert not any(
        part.is_missing
        for part in facts.make_document_summaries(make_check_details(UNKNOWN_CHECK), make_window_context())
    )
    assert not any(
        part.is_missing
        for part in facts.make_document_summaries(
            make_check_details(make_check(), PDF_DOCUMENT), make_window_context()
        )
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (UNKNOWN_CHECK, ("resolve", "probe")),
        (CHECK_WITHOUT_PDF, ("refetch", "probe")),
        (make_check(state=CheckState.ERROR, pdf_file_path=None), ("purchase",)),
        (make_check(state=CheckState.PENDING, credit_check_id=None), ("probe",)),
        (make_check(superseded_by=18), ("successor",)),
        (replace(CHECK_WITHOUT_PDF, viewing_over=True, expired_at=NOW + timedelta(days=1)), ("open_pdf", "probe")),
        (replace(CHECK_WITHOUT_PDF, viewing_over=True, expired_at=NOW), ("renew", "probe")),
    ],
)
def test_the_most_useful_action_is_offered_first(record: CreditCheck, expected: tuple[str, ...]) -> None:
    """The most useful action of a credit check is offered first. For a credit check with an unknown outcome this is
    never a purchase.
    """
    assert list_offered_actions(make_check_details(record)) == expected


def test_a_proposal_waits_for_the_second_person() -> None:
    """If a proposed outcome waits for a second person, the work badge says that it waits for approval, instead of
    "needs a person".
    """
    assert (
        case_words.get_page_badge_keys(make_check_details(UNKNOWN_CHECK, awaiting="second_person"))[2]
        == "work.waiting_for_approval"
    )


def test_a_changed_field_is_described_in_words() -> None:
    """A change of a record is described field by field, with the old and the new value in words and without codes."""
    sentence = facts.format_differences(CHECK_WITHOUT_PDF, make_check(result="ng"), make_window_context())
    assert "Result: Medium risk → High risk" in sentence
    assert "PDF: – → copy cd.pdf" in sentence
    assert facts.format_differences(CHECK_WITHOUT_PDF, CHECK_WITHOUT_PDF, make_window_context()) == ""


def test_a_changed_next_step_is_named_among_the_changed_values() -> None:
    """If only the next step of a credit check has changed, it is the one changed value."""
    settled = replace(CHECK_WITHOUT_PDF, work=Work(WorkState.NEEDS_REVIEW, reason="contradicted"))
    values = facts.format_changed_values(CHECK_WITHOUT_PDF, settled, make_window_context())
    assert list(values) == ["work"]
    assert values["work"][0] != values["work"][1]
