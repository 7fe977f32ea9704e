"""Tests of a stack that is only as high as its current widget. A report's table scrolls by itself, and the page
around it must not scroll because another report has a higher chart.
"""

from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.pages.scroll_container import PageScrollArea
from console.views.records.tabs import RecordTab, RecordTabs
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.layout.current_page_stack import CurrentPageStack
from tests.views.invented_checks import make_window_context


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


def test_an_empty_tab_of_a_record_is_only_as_high_as_its_text(qtbot: QtBot, appearance: object) -> None:
    """The text of an empty tab is visible without scrolling: neither the content that the tab would have nor the
    content of another tab makes the page higher.
    """
    attempts = TimelineList("Attempts")
    attempts.setMinimumHeight(900)
    tabs = RecordTabs(make_window_context(), (RecordTab("attempts", attempts, (attempts,)),), min_row_count=3)
    page = QWidget()
    QVBoxLayout(page).addWidget(tabs)
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(700, 200)
    area.show()
    tabs.show_tab("attempts")
    qtbot.waitUntil(lambda: page.height() > 900)
    attempts_or_empty_state = attempts.parentWidget()
    assert isinstance(attempts_or_empty_state, CurrentPageStack)
    attempts_or_empty_state.setCurrentIndex(1)
    qtbot.waitUntil(lambda: page.height() == area.viewport().height())
    tabs.show_tab("evidence")
    qtbot.waitUntil(lambda: page.height() > area.viewport().height())
    tabs.show_tab("attempts")
    qtbot.waitUntil(lambda: page.height() == area.viewport().height())
