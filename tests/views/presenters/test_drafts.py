"""Tests of the sentence about a draft."""

from datetime import UTC, datetime

import pytest

from console.domain.person_state.drafts import Draft
from console.views.presenters.drafts import format_draft_sentence, format_draft_title
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize(
    ("kind", "title", "shown"),
    [
        ("purchase", "1180301018771", "1 1803 0101 8771"),
        ("note-credit-check", "1180301018771", "1 1803 0101 8771"),
        ("refund", "1763950000123", "1763950000123"),
        ("note-payment", "1763950000123", "1763950000123"),
        ("note-order", "1763950000123", "1763950000123"),
    ],
)
def test_only_a_corporation_number_is_cut_into_groups(kind: str, title: str, shown: str) -> None:
    """Only the 13 digits of a corporation number are shown in groups. An order number may have 13 digits too, for
    example the milliseconds of the shop's clock, and is shown unchanged.
    """
    draft = Draft(kind, "5", title, "form", {}, datetime(2026, 11, 24, tzinfo=UTC))
    assert format_draft_title(draft) == shown
    assert f", {shown}, " in format_draft_sentence(draft, make_window_context())


@pytest.mark.parametrize(
    ("kind", "subject", "title"),
    [("bulk_note-queues", "selection", "Queues"), ("reconcile-reconciliation", "days", "Reconcile")],
)
def test_a_draft_without_a_record_is_not_named_after_its_page(kind: str, subject: str, title: str) -> None:
    draft = Draft(kind, subject, title, "form", {}, datetime(2026, 11, 24, tzinfo=UTC))
    assert title not in format_draft_sentence(draft, make_window_context())
