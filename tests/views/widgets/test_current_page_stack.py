"""Tests of a stack that is only as high as its current widget. A report's table scrolls by itself, and the page
around it must not scroll because another report has a higher chart.
"""

from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.pages.scroll_container import PageScrollArea
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.layout.current_page_stack import CurrentPageStack


def test_only_the_visible_widget_makes_the_page_high(qtbot: QtBot) -> None:
    """The page is as high as the stack's current widget requires, even after another widget has become the current
    one.
    """
    chart, table, texts, page, outer = QWidget(), QWidget(), QWidget(), QWidget(), CurrentPageStack()
    chart.setMinimumHeight(900)
    table.setMinimumHeight(100)
    words = TextLabel("words " * 200, wraps_lines=True)
    texts.setLayout(make_column(words))
    for part in (chart, table, texts):
        outer.addWidget(part)
    box = QVBoxLayout(page)
    box.addWidget(outer, 1)
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(500, 400)
    area.show()
    for shown, is_scrolled in ((chart, True), (table, False), (chart, True), (texts, False)):
        outer.setCurrentWidget(shown)
        qtbot.waitUntil(lambda is_scrolled=is_scrolled: (page.height() > 400) == is_scrolled)  # type: ignore[misc]  # a bound default
    assert words.height() >= words.heightForWidth(words.width())
    area.resize(120, 400)
    qtbot.waitUntil(lambda: page.height() > 400 and words.height() >= words.heightForWidth(words.width()))
