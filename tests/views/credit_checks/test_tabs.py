"""Tests of the tabs of a credit check's page."""

from pytestqt.qtbot import QtBot

from console.views.credit_checks.tabs import CreditCheckTabs, DocumentRow
from console.views.tables.columns import StateCell
from tests.views.invented_checks import make_window_context


def test_enter_on_a_missing_pdf_is_passed_to_the_page(qtbot: QtBot, appearance: object) -> None:
    """The table of documents has a row which says that no current PDF is stored. Enter on it isn't ignored, so that
    the page can say why no PDF opens."""
    tabs = CreditCheckTabs(make_window_context())
    qtbot.addWidget(tabs)
    requested: list[str] = []
    tabs.pdf_requested.connect(requested.append)
    tabs.missing_pdf_requested.connect(lambda: requested.append("missing"))
    tabs.request_document(DocumentRow("", "PDF", StateCell("Missing", "cross", "bad")))
    assert requested == ["missing"]
