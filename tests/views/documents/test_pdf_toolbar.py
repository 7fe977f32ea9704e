"""Tests of the toolbar of the PDF page: the tools are on one line, and tools without room are in a menu."""

import pytest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from console.views.documents.pdf_page import PdfPage
from console.views.theme.design_tokens import Language
from console.views.theme.theme import Appearance
from tests.views.invented_checks import make_window_context

WIDTH_BESIDE_THE_SIDEBAR = 1076
"""Width in px of a page in a window of 1280 px."""


def make_shown_page(qtbot: QtBot, language: Language, width: int) -> PdfPage:
    context = make_window_context()
    context.language = language
    page = PdfPage(context)
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.page_position_label.show_text(context.translate("pdf.page", page=10, count=12))
    page.zoom_label.show_text(context.translate("menu.percent", percent=100))
    page.match_position_label.show_text(context.translate("queue.position", position=10, total=12))
    page.show()
    qtbot.waitExposed(page)
    return page


def list_menu_texts(page: PdfPage) -> list[str]:
    menu = page.tool_row.build_menu()
    assert isinstance(menu, QMenu)
    return [action.text() for action in menu.actions()]


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [WIDTH_BESIDE_THE_SIDEBAR, 860, 1500])
def test_the_tools_are_on_one_line(appearance: object, qtbot: QtBot, language: Language, width: int) -> None:
    """Every tool is either on the line or, with its key, in the menu, and exactly once."""
    page = make_shown_page(qtbot, language, width)
    tools = page.tools
    on_line = [tool for tool in tools if tool.isVisible()]
    assert page.toolbar.height() <= page.search_field.height() + 20
    assert all(tool.isVisible() and tool.toolTip() and tool.accessibleName() for tool in page.image_tools)
    in_menu = [tool for tool in tools if tool not in on_line]
    assert list_menu_texts(page) == [f"{tool.text()}\t{tool.key}" for tool in in_menu]
    assert page.tool_row.menu_button.isVisible() is bool(in_menu)
    assert page.tool_row.menu_button.accessibleName() == page.context.translate("action.more")
    widgets = (*page.image_tools, *on_line, page.search_field, page.match_position_label)
    ends = [widget.mapTo(page, widget.rect().topRight()).x() for widget in widgets]
    assert max(ends) < width
    if width > 1_400:
        assert in_menu == []


@pytest.mark.parametrize("sentence_key", ["queue.position", "pdf.none_found"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_result_of_a_search_has_room_with_large_text(
    appearance: Appearance, qtbot: QtBot, language: Language, sentence_key: str
) -> None:
    """With a text size of 150 %, the page is not wider than its place while it shows the result of a search, and the
    result is shown and read whole."""
    appearance.set_text_scale(1.5)
    page = make_shown_page(qtbot, language, WIDTH_BESIDE_THE_SIDEBAR)
    sentence = page.context.translate(sentence_key, position=10, total=12)
    label = page.match_position_label
    label.show_text(sentence)
    QApplication.processEvents()  # Qt lays the line out in a later turn
    assert page.minimumSizeHint().width() <= WIDTH_BESIDE_THE_SIDEBAR
    assert label.width() >= label.sizeHint().width()
    assert label.mapTo(page, label.rect().bottomRight()).x() < WIDTH_BESIDE_THE_SIDEBAR
    assert page.toolbar.rect().contains(label.mapTo(page.toolbar, label.rect().bottomRight()))
    assert label.accessibleName() == sentence


def test_a_tool_in_the_menu_acts_as_its_button(appearance: object, qtbot: QtBot) -> None:
    """A tool in the menu executes the same action as its button. In the text view the tools for images are hidden."""
    page = make_shown_page(qtbot, "en", 860)
    pressed: list[bool] = []
    page.compare_button.clicked.disconnect()
    page.compare_button.clicked.connect(lambda: pressed.append(True))
    menu = page.tool_row.build_menu()
    (action,) = [action for action in menu.actions() if action.text().startswith(page.compare_button.text())]
    action.trigger()
    assert pressed == [True]
    page.toggle_text_view()
    assert not any(tool.isVisible() for tool in page.image_tools)
    page.toggle_text_view()
    assert all(tool.isVisible() for tool in page.image_tools)
