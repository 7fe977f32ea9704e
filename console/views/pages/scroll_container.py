"""The scroll area around a page. The page fills the window; if the window is smaller than the page's minimum size,
the whole page scrolls."""

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QLayout, QScrollArea, QWidget

from console.views.theme.theme import current_appearance
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.layout.inner_areas import InnerScrollAreas

_MIN_VISIBLE_TAB_ROWS = 4
"""The page doesn't scroll to an opened tab if so many of its rows are visible in the first view of the page."""


class PageScrollArea(QScrollArea):
    """A scroll area that never makes its page smaller than the page's minimum size, at every text size and window
    size. If the person opens a tab whose contents are below the first view of the page, the area scrolls to them.

    QScrollArea's own resizing uses the preferred height of a page; this class uses the minimum height.
    """

    def __init__(self, page: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)  # given here, because a new parent later sends a StyleChange to every widget
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inner_areas = InnerScrollAreas(self, self.fit_page)
        self._opened_tab_bar: TabBar | None = None  # until the person scrolls or moves on
        self._keeps_opened_tab = False
        self._tab_timer = QTimer(self, singleShot=True, interval=0)  # until the new contents are laid out
        self._tab_timer.timeout.connect(self.fit_page)
        self.verticalScrollBar().valueChanged.connect(self._release_opened_tab_bar)
        self.setWidget(page)
        page.installEventFilter(self)
        for tab_bar in page.findChildren(TabBar):
            tab_bar.tab_opened.connect(self._show_opened_tab_later)

    def fit_page(self) -> None:
        """Resize the page to the visible area, but at least to the page's minimum width and height. If the page then
        scrolls, its lists are as high as their contents, so that they have no scroll bars of their own. If the
        contents of a tab that was just opened are below the first view of the page, the bar of the tab becomes the
        first visible line, and stays it while the contents of the tab are being read."""
        page = self.widget()
        layout = page.layout() if page is not None else None
        if page is None or layout is None:
            return
        available_size = self.maximumViewportSize()
        self._inner_areas.fit_inner_areas(
            lambda: _compute_needed_size(layout, QSize(available_size.width(), 0)).height(), available_size.height()
        )
        size = _compute_needed_size(layout, available_size)
        if size.height() > available_size.height():  # the vertical scroll bar takes part of the width
            bar_width = self.verticalScrollBar().sizeHint().width()
            size = _compute_needed_size(layout, QSize(available_size.width() - bar_width, available_size.height()))
        self._keeps_opened_tab = True  # Qt scrolls up for a moment if the page becomes lower
        page.resize(size)
        tab_bar = self._opened_tab_bar
        if tab_bar is not None and tab_bar.isVisible():
            self._scroll_to_tab_bar(tab_bar, tab_bar.mapTo(page, QPoint(0, 0)).y())
        self._keeps_opened_tab = False

    def _scroll_to_tab_bar(self, tab_bar: TabBar, bar_top_px: int) -> None:
        """Make the tab bar, which begins at `bar_top_px` from the top of the page, the first visible line. But if the
        bar and the first rows below it are visible while the page isn't scrolled, keep the top of the page: scroll
        up to it if they aren't visible now, and otherwise don't scroll."""
        rows_bottom = bar_top_px + tab_bar.height() + _MIN_VISIBLE_TAB_ROWS * current_appearance().row_height()
        scroll_bar, visible_height = self.verticalScrollBar(), self.viewport().height()
        if rows_bottom > visible_height:
            scroll_bar.setValue(bar_top_px)
        elif scroll_bar.value() > bar_top_px:
            scroll_bar.setValue(0)

    def show_top_and_focus(self) -> None:
        """Scroll to the top of the page, and from there only as far as the focused widget needs to be visible."""
        self.verticalScrollBar().setValue(0)
        self.scroll_to_focused_widget()

    def scroll_to_focused_widget(self) -> None:
        """Scroll up or down so that the focused widget of the page is visible; if it is a list, its current row; if
        it is higher than a row, its upper end."""
        page = self.widget()
        focused_widget = page.focusWidget() if page is not None else None
        if page is None or focused_widget is None:
            return
        focus_rect = focused_widget.rect()
        focus_rect.setHeight(min(focus_rect.height(), current_appearance().row_height()))
        if isinstance(focused_widget, QAbstractItemView) and focused_widget.currentIndex().isValid():
            focus_rect, focused_widget = (
                focused_widget.visualRect(focused_widget.currentIndex()),
                focused_widget.viewport(),
            )
        self.ensureVisible(-page.x(), focused_widget.mapTo(page, focus_rect.center()).y(), 0, focus_rect.height())

    @Slot()
    def _show_opened_tab_later(self) -> None:
        """Store the tab bar whose tab the person has opened, and let `fit_page` scroll to it after Qt has laid out
        the contents of the tab."""
        tab_bar = self.sender()
        self._opened_tab_bar = tab_bar if isinstance(tab_bar, TabBar) else None
        self._tab_timer.start()

    @Slot()
    def _release_opened_tab_bar(self) -> None:
        """Let the bar of the opened tab scroll like the rest of the page again, because the person has scrolled or
        moved to another row. (Until then, `fit_page` keeps it as the first visible line.) Do nothing while `fit_page`
        itself scrolls."""
        if not self._keeps_opened_tab:
            self._opened_tab_bar = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_page()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.fit_page()
        return super().eventFilter(watched, event)


def _compute_needed_size(layout: QLayout, available_size: QSize) -> QSize:
    """Return `available_size`, enlarged to the layout's minimum width and height."""
    width = max(available_size.width(), layout.totalMinimumSize().width())
    height = layout.totalMinimumHeightForWidth(width) if layout.hasHeightForWidth() else 0
    return QSize(width, max(available_size.height(), height, layout.totalMinimumSize().height() if not height else 0))
