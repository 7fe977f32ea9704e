"""Tests of the search in a PDF while its answers are slow: each match is one of the text that was searched last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from console.domain.documents.pdf_pages import PageSearch, PageSearchMatch
from console.domain.error_reasons import UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.views.documents.pdf_page import PdfPage
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context

PAGE_COUNT = 3


@dataclass(frozen=True)
class SearchedPdf:
    """A PDF of three pages. Each page contains the text "every", and only the last one "last"."""

    texts: Sequence[str] = ("every", "every", "every last")

    def search(self, text: str) -> PageSearch:
        matches = (PageSearchMatch(index, ()) for index, page_text in enumerate(self.texts) if text in page_text)
        return PageSearch(tuple(matches), 0)

    def read_page_text(self, index: int) -> str:
        return self.texts[index]

    def render_page(self, index: int, _width: int) -> Any:
        raise NotImplementedError(index)

    def close(self) -> None:
        pass


class UnreadablePdf(SearchedPdf):
    """A PDF whose text can't be read, because its child process has ended."""

    def read_page_text(self, _index: int) -> str:
        reason = UnusableAnswerReason.PDF_READER_CRASHED
        raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"reason": reason})


@pytest.fixture
def page(qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch) -> PdfPage:
    monkeypatch.setattr(PdfPage, "_render_page", lambda _page: None)
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    page = PdfPage(context)
    qtbot.addWidget(page)
    page._pdf_document, page.page_count = SearchedPdf(), PAGE_COUNT  # type: ignore[assignment]  # read by its calls
    return page


def search(page: PdfPage, text: str) -> None:
    page.search_field.setText(text)
    page.search_field.returnPressed.emit()


def execute_tasks(page: PdfPage, *, newest_first: bool = False) -> None:
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    while runner.waiting_task_count:
        (runner.execute_newest_task if newest_first else runner.execute_oldest_task)()


def test_enter_before_the_answer_shows_no_match_of_an_earlier_text(page: PdfPage) -> None:
    search(page, "every")
    execute_tasks(page)
    assert page.match_position_label.plain == "1 of 3"
    search(page, "last")
    search(page, "last")
    assert page.match_position_label.plain == ""
    execute_tasks(page)
    assert (page.match_position_label.plain, page.page_index) == ("1 of 1", 2)


def test_the_late_answer_of_an_earlier_search_is_not_shown(page: PdfPage) -> None:
    search(page, "every")
    search(page, "last")
    execute_tasks(page, newest_first=True)
    assert (page.match_position_label.plain, page.page_index) == ("1 of 1", 2)


def test_matches_on_images_are_not_shown_over_the_text(page: PdfPage) -> None:
    search(page, "every")
    page.toggle_text_view()
    execute_tasks(page)
    assert page.match_position_label.plain == ""


def test_a_search_after_a_failed_read_of_the_text_is_answered(page: PdfPage) -> None:
    """If the text can't be read, a message is in its place. A search finds the words of the message only."""
    page._pdf_document = UnreadablePdf()  # type: ignore[assignment]  # read by its calls
    page.toggle_text_view()
    execute_tasks(page)
    assert page.text_field.toPlainText() == page.page_view.message_text != ""
    search(page, "last")
    assert page.match_position_label.plain == page.context.translate("pdf.none_found")
    search(page, page.page_view.message_text)
    assert page.match_position_label.plain == "1 of 1"


def test_a_search_before_the_text_is_read_shows_its_matches_afterwards(page: PdfPage) -> None:
    page.toggle_text_view()
    search(page, "last")
    assert page.match_position_label.plain == ""
    execute_tasks(page)
    assert page.match_position_label.plain == "1 of 1"
