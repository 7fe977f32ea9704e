"""Tests of lists on a page that is taller than its window: one scroll bar scrolls the whole page."""

import pytest
from PySide6.QtCore import QPoint, QPointF, QStringListModel, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QListView,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QTableWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from console.views.pages.scroll_container import PageScrollArea

HEAD_HEIGHT_PX, LIST_HEIGHT_PX = 300, 80


class ListPage(QWidget):
    """A page with a header and two tabs: one has a list of 40 lines, the other a text."""

    def __init__(self) -> None:
        super().__init__()
        self.list, self.text = QListView(), QTextEdit(readOnly=True)
        self.lines = QStringListModel([f"Line {number}" for number in range(40)])
        self.list.setModel(self.lines)
        self.text.setPlainText("A line of an answer\n" * 60)
        self.tabs = QStackedWidget()
        self.tabs.addWidget(self.list)
        self.tabs.addWidget(self.text)
        self.tabs.setMinimumHeight(LIST_HEIGHT_PX)
        self.note = QPlainTextEdit("A note\n" * 30)
        self.note.setFixedHeight(60)
        head = QWidget()
        head.setMinimumHeight(HEAD_HEIGHT_PX)
        layout = QVBoxLayout(self)
        for part in (head, self.note, self.tabs):
            layout.addWidget(part)


@pytest.fixture
def shown_list_page(qtbot: QtBot) -> tuple[PageScrollArea, ListPage]:
    page = ListPage()
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(500, 300)
    area.show()
    area.activateWindow()
    qtbot.waitUntil(area.isActiveWindow)
    process_events()
    return area, page


def process_events() -> None:
    for _ in range(5):
        QApplication.processEvents()


def can_scroll(area: QListView | QTextEdit | PageScrollArea | QPlainTextEdit) -> bool:
    return area.verticalScrollBar().maximum() > 0


def test_a_list_in_a_low_window_does_not_scroll(shown_list_page: tuple[PageScrollArea, ListPage]) -> None:
    """In a low window the list in the open tab is as high as its lines, whichever tab is open and however many lines
    are added. A text field in which a person types keeps its height. In a high window the list scrolls by itself.
    """
    area, page = shown_list_page
    assert can_scroll(area)
    assert not can_scroll(page.list)
    assert can_scroll(page.note)
    before = page.height()
    page.lines.setStringList([f"Line {number}" for number in range(80)])
    process_events()
    assert not can_scroll(page.list)
    assert page.height() > before + 200
    page.lines.setStringList(["Line"])
    process_events()
    assert page.height() < before
    page.tabs.setCurrentWidget(page.text)
    process_events()
    assert can_scroll(area)
    assert not can_scroll(page.text)
    page.tabs.setCurrentWidget(page.list)
    page.lines.setStringList([f"Line {number}" for number in range(80)])
    area.resize(500, 600)
    process_events()
    assert not can_scroll(area)
    assert page.list.height() < 300
    assert can_scroll(page.list)


def test_keys_and_wheel_move_the_page(shown_list_page: tuple[PageScrollArea, ListPage]) -> None:
    """In a low window the arrow keys scroll the current line into view, Page Down moves by the height of the window,
    and the mouse wheel over the list scrolls the page.
    """
    area, page = shown_list_page
    bar = area.verticalScrollBar()
    page.list.setFocus()
    page.list.setCurrentIndex(page.lines.index(0))
    for _ in range(30):
        QTest.keyClick(page.list, Qt.Key.Key_Down)
    line = page.list.visualRect(page.list.currentIndex())
    assert page.list.viewport().visibleRegion().contains(line)
    bar.setValue(0)
    QTest.keyClick(page.list, Qt.Key.Key_PageDown)
    assert bar.value() == bar.pageStep()
    assert page.list.currentIndex().row() == 30
    before = bar.value()
    in_list = page.list.viewport().mapTo(area, page.list.viewport().visibleRegion().boundingRect().center())
    QTest.wheelEvent(area.windowHandle(), QPointF(in_list), QPoint(0, -120))
    assert bar.value() > before


def test_a_wide_table_is_higher_by_its_scroll_bar(qtbot: QtBot) -> None:
    """A table with wide columns is higher by its horizontal scroll bar. Otherwise the bar would cover the last row,
    and the table would need a vertical bar for it.
    """
    page, head, table = QWidget(), QWidget(), QTableWidget(40, 2)
    head.setMinimumHeight(HEAD_HEIGHT_PX)
    layout = QVBoxLayout(page)
    layout.addWidget(head)
    layout.addWidget(table)
    table.setColumnWidth(0, 900)
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(500, 300)
    area.show()
    process_events()
    assert table.horizontalScrollBar().maximum() > 0
    assert table.verticalScrollBar().maximum() == 0


class AreaWithContentHigherWhenNarrow(QScrollArea):
    """A scroll area whose content becomes taller when it becomes narrower, as panels that need two lines then."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.own_height_px = self.narrowed_count = 0

    def show_content(self, height_px: int) -> None:
        self.own_height_px = height_px
        content, part = QWidget(), QWidget()
        QVBoxLayout(content).addWidget(part)
        part.setObjectName("part")
        self.setWidget(content)
        self.fit_part()

    def fit_part(self) -> None:
        part = self.findChild(QWidget, "part")
        if isinstance(part, QWidget):
            has_bar = self.viewport().width() < self.width() - 2 * self.frameWidth()
            self.narrowed_count += has_bar
            part.setMinimumHeight(self.own_height_px + 46 * has_bar)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_part()


def test_no_bar_takes_a_part_of_the_width_even_for_a_moment(qtbot: QtBot) -> None:
    """The contents of an area are replaced by contents that fit without a scroll bar at the whole width, but not next
    to a scroll bar. No scroll bar appears, even for a moment.
    """
    page, head, inner = QWidget(), QWidget(), AreaWithContentHigherWhenNarrow()
    head.setMinimumHeight(HEAD_HEIGHT_PX)
    layout = QVBoxLayout(page)
    layout.addWidget(head)
    layout.addWidget(inner)
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(500, 300)
    area.show()
    inner.show_content(300)
    process_events()
    inner.narrowed_count = 0
    for height_px in (700, 690, 720, 600, 601, 640, 900, 300):
        inner.show_content(height_px)
        process_events()
        assert can_scroll(area)
        assert not inner.narrowed_count
        assert not inner.verticalScrollBar().isVisible(), height_px
        assert inner.verticalScrollBar().maximum() == 0, height_px
    area.resize(500, 900)
    inner.show_content(900)
    process_events()
    assert not can_scroll(area)
    assert inner.verticalScrollBar().isVisible()
