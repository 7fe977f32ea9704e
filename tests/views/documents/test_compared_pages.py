"""Tests of the page that compares two versions of a PDF, while the person opens another comparison."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from pytestqt.qtbot import QtBot

from console.domain.documents.comparison import DocumentComparison
from console.domain.errors import ConsoleError, ErrorCode
from console.views.documents.compare_page import PdfComparisonPage
from console.views.runtime.routes import PdfComparisonRoute
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context


class ClosedPdf:
    """A PDF whose child process has ended."""

    def render_page(self, index: int, width_dots: int) -> Any:
        raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE)


def test_an_earlier_comparison_writes_nothing_on_the_next_one(qtbot: QtBot, appearance: object) -> None:
    """Pages of a comparison are being rendered, and its progress is reported, when the person opens another one. The
    page then doesn't say about the next PDFs that they can't be read, or how much of them was compared."""
    context = make_window_context()
    context.store_services(SimpleNamespace(training=None, acting_as=lambda _name: nullcontext()))  # type: ignore[arg-type]
    context.runner = runner = InlineRunner(paused=True)
    page = PdfComparisonPage(context)
    qtbot.addWidget(page)
    page.show()
    pdf_pair: Any = SimpleNamespace(old_pdf=ClosedPdf(), new_pdf=ClosedPdf(), close=lambda: None)
    page._pdf_pair, page._comparison = pdf_pair, DocumentComparison(1, 1, ())
    page._render_pages()
    page.show_route(PdfComparisonRoute(2))
    page._show_progress(pdf_pair, (0, 3))
    for _ in range(2):
        runner.execute_oldest_task()
    reading_text = context.translate("pdf.reading")
    assert [view.message_text for view in (page.old_view, page.new_view)] == [reading_text, reading_text]
    assert page.summary_label.plain == ""
