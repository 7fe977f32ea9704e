"""Tests of the scroll area around a page: the part that the person looks at stays visible when the area becomes
shorter or taller, for example when a bar appears above the page.
"""

import pytest
from PySide6.QtCore import QPoint, QStringListModel
from PySide6.QtWidgets import QApplication, QLineEdit, QListView, QScrollBar, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.pages.scroll_container import PageScrollArea
from console.views.theme.theme import Appearance, current_appearance
from console.views.widgets.controls.tabs import TabBar

_HEAD_HEIGHT_PX, _PAGE_WIDTH_PX, _FULL_HEIGHT_PX = 160, 500, 420


class TabbedPage(QWidget):
    """A page with a head, an input field, a bar with two tabs, a list below it, and an input field at its end."""

    def __init__(self) -> None:
        super().__init__()
        head = QWidget()
        head.setFixedHeight(_HEAD_HEIGHT_PX)
        self.first_edit, self.last_edit, self.tab_bar = QLineEdit(), QLineEdit(), TabBar("Tabs")
        for name in ("Timeline", "Notes"):
            self.tab_bar.add_tab(name)
        self.list = QListView()
        self.list.setModel(QStringListModel([f"Line {number}" for number in range(40)], self.list))
        self.list.setMinimumHeight(100)
        layout = QVBoxLayout(self)
        for part in (self.first_edit, head, self.tab_bar, self.list, self.last_edit):
            layout.addWidget(part)


@pytest.fixture
def shown_page(qtbot: QtBot) -> tuple[PageScrollArea, TabbedPage]:
    page = TabbedPage()
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    area.resize(_PAGE_WIDTH_PX, _FULL_HEIGHT_PX)
    area.show()
    process_events()
    return area, page


def process_events() -> None:
    for _ in range(5):
        QApplication.processEvents()


def is_fully_visible(area: PageScrollArea, widget: QWidget) -> bool:
    top = widget.mapTo(area.viewport(), QPoint(0, 0)).y()
    return 0 <= top <= top + widget.height() <= area.viewport().height()


def find_tab_rows_bottom(page: TabbedPage) -> int:
    """Return the lower end (px from the top of the page) of the rows that must be visible so that the contents of a
    tab count as visible."""
    return page.tab_bar.mapTo(page, QPoint(0, 0)).y() + page.tab_bar.height() + 4 * current_appearance().row_height()


def test_an_opened_tab_does_not_scroll_a_page_that_becomes_lower_later(
    shown_page: tuple[PageScrollArea, TabbedPage],
) -> None:
    """The contents of an opened tab are visible without scrolling, so the page doesn't scroll to them. When a bar
    appears above the page, and when the bar disappears, the page stays at its top."""
    area, page = shown_page
    page.tab_bar.setCurrentIndex(1)
    process_events()
    assert area.verticalScrollBar().value() == 0
    for height_px in (find_tab_rows_bottom(page) - 60, _FULL_HEIGHT_PX, 240):
        area.resize(_PAGE_WIDTH_PX, height_px)
        process_events()
        assert area.verticalScrollBar().value() == 0, height_px
    assert area.verticalScrollBar().maximum() > 0


def test_an_opened_tab_below_the_first_view_keeps_its_place_at_other_heights(
    shown_page: tuple[PageScrollArea, TabbedPage],
) -> None:
    area, page = shown_page
    area.resize(_PAGE_WIDTH_PX, 200)
    process_events()
    page.tab_bar.setCurrentIndex(1)
    process_events()
    bar_top = page.tab_bar.mapTo(page, QPoint(0, 0)).y()
    assert area.verticalScrollBar().value() == bar_top
    for height_px in (150, 200):
        area.resize(_PAGE_WIDTH_PX, height_px)
        process_events()
        assert area.verticalScrollBar().value() == bar_top, height_px


def test_the_tab_of_an_earlier_visit_does_not_scroll_the_page(shown_page: tuple[PageScrollArea, TabbedPage]) -> None:
    """A tab that was opened below the visible part remains the first visible line only until the page shows other
    contents. Other contents begin at the top, even if the page couldn't scroll to the tab."""
    area, page = shown_page
    page.list.setModel(QStringListModel(["Line"], page.list))
    area.resize(_PAGE_WIDTH_PX, page.minimumSizeHint().height())
    process_events()
    assert area.verticalScrollBar().maximum() == 0
    page.tab_bar.setCurrentIndex(1)
    process_events()
    area.scroll_to_top()
    area.resize(_PAGE_WIDTH_PX, 200)
    process_events()
    assert area.verticalScrollBar().maximum() > 0
    assert area.verticalScrollBar().value() == 0


def test_a_focused_field_stays_visible_when_the_page_becomes_lower(
    shown_page: tuple[PageScrollArea, TabbedPage],
) -> None:
    """The focused field at the end of a page would be hidden when the page becomes shorter: the page scrolls as far
    as needed. If the focus is at the top, the page stays at its top."""
    area, page = shown_page
    page.last_edit.setFocus()
    assert is_fully_visible(area, page.last_edit)
    area.resize(_PAGE_WIDTH_PX, 240)
    process_events()
    assert is_fully_visible(area, page.last_edit)
    area.scroll_to_top()
    page.first_edit.setFocus()
    area.resize(_PAGE_WIDTH_PX, 200)
    process_events()
    assert area.verticalScrollBar().value() == 0


def test_a_focused_widget_at_the_lower_end_does_not_scroll_the_page(
    shown_page: tuple[PageScrollArea, TabbedPage],
) -> None:
    """The last line of the visible part is fully visible, so that the page stays at its top."""
    area, page = shown_page
    page.tab_bar.setFocus()
    area.resize(_PAGE_WIDTH_PX, page.tab_bar.mapTo(page, QPoint(0, page.tab_bar.height())).y() + 2)
    process_events()
    area.scroll_to_top_and_focused_widget()
    assert (area.verticalScrollBar().value(), is_fully_visible(area, page.tab_bar)) == (0, True)


def test_a_focused_field_out_of_sight_does_not_scroll_the_page(shown_page: tuple[PageScrollArea, TabbedPage]) -> None:
    """If the person has scrolled away from the focused field, a page that becomes shorter keeps its first visible
    line.
    """
    area, page = shown_page
    area.resize(_PAGE_WIDTH_PX, 240)
    page.last_edit.setFocus()
    process_events()
    area.verticalScrollBar().setValue(0)
    area.resize(_PAGE_WIDTH_PX, 200)
    process_events()
    assert area.verticalScrollBar().value() == 0


def test_the_current_line_stays_visible_when_the_page_begins_to_scroll(
    shown_page: tuple[PageScrollArea, TabbedPage],
) -> None:
    """A list scrolls by itself, and its current line is visible. The page becomes so short that it scrolls as a
    whole, with the list as high as its lines. The current line is still visible then, and also when the page is tall
    again.
    """
    area, page = shown_page
    page.list.setFocus()
    page.list.setCurrentIndex(page.list.model().index(30, 0))
    process_events()
    assert area.verticalScrollBar().maximum() == 0
    for height_px in (240, _FULL_HEIGHT_PX):
        area.resize(_PAGE_WIDTH_PX, height_px)
        process_events()
        line = page.list.visualRect(page.list.currentIndex())
        assert page.list.viewport().visibleRegion().contains(line), height_px


@pytest.mark.parametrize("height_px", [_FULL_HEIGHT_PX, 240])
def test_the_current_line_stays_visible_at_another_text_size(
    shown_page: tuple[PageScrollArea, TabbedPage], appearance: Appearance, height_px: int
) -> None:
    """The current line of the focused list is visible, in a list that scrolls itself and in a page that scrolls as a
    whole. It stays visible at every text size. If the person then scrolls away from it, a later change of the layout
    doesn't scroll back."""
    area, page = shown_page
    area.resize(_PAGE_WIDTH_PX, height_px)
    page.list.setFocus()
    page.list.setCurrentIndex(page.list.model().index(30, 0))
    process_events()
    for scale in (2.0, 1.25, 1.0):
        appearance.set_text_scale(scale)
        process_events()
        line = page.list.visualRect(page.list.currentIndex())
        assert page.list.viewport().visibleRegion().contains(line), scale
    appearance.set_text_scale(2.0)
    process_events()
    assert area.verticalScrollBar().value() > 0
    area.verticalScrollBar().triggerAction(QScrollBar.SliderAction.SliderToMinimum)
    area.fit_page()
    assert area.verticalScrollBar().value() == 0
