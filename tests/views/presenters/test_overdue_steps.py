"""Tests that the window never announces a scheduled step for a time that has already passed."""

from datetime import datetime, timedelta
from typing import Literal

import pytest

from console.domain.lookup.lookup_result import LookupResult
from console.domain.records import Work, WorkReason, WorkState
from console.views.lookup.company_page import CompanyPanel
from console.views.pages.base import Page
from console.views.presenters import records as case_words
from console.views.presenters.credit_check_view import make_document_summaries
from console.views.records.actions import RecordActionHandlers
from console.views.records.tabs import make_planned_lines
from console.views.widgets.base import TextLabel
from console.wording.sentences import catalogue as wording
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.presenters.test_credit_check_view import make_check_details

OVERDUE_INSTANT = NOW - timedelta(hours=5)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    ("at", "is_overdue"), [(OVERDUE_INSTANT, True), (NOW - timedelta(minutes=1), False), (NOW, False)]
)
def test_an_overdue_step_is_marked_everywhere(
    appearance: object, language: Literal["ja", "en"], at: datetime, is_overdue: bool
) -> None:
    """A scheduled step that the due tasks should have executed already is shown as overdue in the column "next", in
    the documents, in the timeline and in the list of a company.
    """
    context = make_window_context()
    context.change_language(language)
    record = make_check(
        incomplete=("pdf",), pdf_file_path=None, work=Work(WorkState.SCHEDULED, at, WorkReason.INCOMPLETE, 2)
    )
    page = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    page.show_result(LookupResult(record.corporation_number, (record,)))
    (line,) = make_planned_lines(record, context)
    documents = make_document_summaries(make_check_details(record), context)
    places = [
        case_words.format_next_attempt_time(record, context),
        line.action_text,
        *(label.plain for label in page.live_check_panel.findChildren(TextLabel)),
        *(summary.detail for summary in documents),
    ]
    late_texts = [
        wording.format_short_instant(OVERDUE_INSTANT, NOW),
        wording.format_instant(OVERDUE_INSTANT, "clock"),
    ]
    words = context.translate("record.next_overdue")
    assert sum(words in place for place in places) == (4 if is_overdue else 0), places
    assert not any(text in place for text in late_texts for place in places)
