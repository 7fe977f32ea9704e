"""The scroll area around a page. The page fills the window; if the window is smaller than the page's minimum size,
the whole page scrolls."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QLayout, QScrollArea, QWidget

from console.views.theme.theme import current_appearance
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.layout.inner_areas import InnerScrollAreas

_MIN_VISIBLE_TAB_ROWS = 4
"""The page doesn't scroll to an opened tab if so many of its rows are visible in the first view of the page."""


class PageScrollArea(QScrollArea):
    """A scroll area that never makes its page smaller than the page's minimum size, at every text size and window
    size. If the person opens a tab whose contents aren't visible at the top of the page, the area scrolls to these
    contents. If the visible part becomes shorter or taller, for example because a bar appears above the page, its
    first line stays, unless this would hide the focused widget.

    QScrollArea's own resizing uses the preferred height of a page; this class uses the minimum height.
    """

    def __init__(self, page: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)  # given here, because a new parent later sends a StyleChange to every widget
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inner_areas = InnerScrollAreas(self, self.fit_page)
        self._opened_tab_bar: TabBar | None = None  # until the person scrolls or moves on
        self._keeps_opened_tab = False
        self._keeps_focus_visible = False  # from a change of the text size on, until the page scrolls
        self._tab_timer = QTimer(self, singleShot=True, interval=0)  # until the new contents are laid out
        self._tab_timer.timeout.connect(self._show_opened_tab)
        self.verticalScrollBar().valueChanged.connect(self._release_opened_tab_bar)
        self.verticalScrollBar().actionTriggered.connect(self._stop_keeping_focus_visible)
        current_appearance().size_about_to_change.connect(self._store_focus_visibility)
        self.setWidget(page)
        page.installEventFilter(self)
        for tab_bar in page.findChildren(TabBar):
            tab_bar.tab_opened.connect(self._show_opened_tab_later)

    def fit_page(self) -> None:
        """Resize the page to the visible area, but at least to the page's minimum width and height. If the page then
        scrolls, make its lists as high as their contents, so that the lists have no scroll bars. If the contents of a
        tab that was just opened aren't visible at the top of the page, the bar of the tab becomes the first visible
        line, and stays the first visible line while the page reads the contents of the tab."""
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
        must_show_focus = self._keeps_focus_visible or self._is_focus_visible(self.viewport().height())
        self._keeps_opened_tab = True  # Qt scrolls up for a moment if the page becomes shorter
        page.resize(size)
        tab_bar = self._opened_tab_bar
        if tab_bar is not None and tab_bar.isVisible():
            self._scroll_to_tab_bar(tab_bar)
        elif must_show_focus and not self._is_focus_visible(self.viewport().height()):
            self.scroll_to_focused_widget()
        self._keeps_opened_tab = False

    def _scroll_to_tab_bar(self, tab_bar: TabBar) -> None:
        """Make the tab bar the first visible line if the bar and the first rows below it have no room in the first
        view of the page. If they have room there, scroll to the top of the page if the bar is above the visible part
        now; otherwise don't scroll.
        """
        scroll_bar, bar_top = self.verticalScrollBar(), self._compute_distance_from_page_top(tab_bar)
        if not self._is_tab_visible_without_scrolling(tab_bar):
            scroll_bar.setValue(bar_top)
        elif scroll_bar.value() > bar_top:
            scroll_bar.setValue(0)

    def _is_tab_visible_without_scrolling(self, tab_bar: TabBar) -> bool:
        """Return True if the tab bar and the first rows below it are visible while the page isn't scrolled."""
        rows_height = _MIN_VISIBLE_TAB_ROWS * current_appearance().row_height()
        return (
            self._compute_distance_from_page_top(tab_bar) + tab_bar.height() + rows_height <= self.viewport().height()
        )

    def _compute_distance_from_page_top(self, widget: QWidget) -> int:
        """Return the distance of a widget of the page from the top of the page, in px."""
        page = self.widget()
        return 0 if page is None else widget.mapTo(page, QPoint(0, 0)).y()

    def scroll_to_top(self) -> None:
        """Scroll to the top of the page, because the page shows other contents. From now on, no bar of tabs is kept
        at the first visible line (see `fit_page`) until the person opens a tab again."""
        self._opened_tab_bar = None
        self._keeps_focus_visible = False
        self.verticalScrollBar().setValue(0)

    def scroll_to_top_and_focused_widget(self) -> None:
        """Scroll to the top of the page, and from there only as far as the focused widget needs to be visible."""
        self.scroll_to_top()
        self.scroll_to_focused_widget()

    def scroll_to_focused_widget(self) -> None:
        """Scroll up or down so that the focused widget of the page is visible. For a focused list, its current row
        becomes visible; a list with its own scroll bar scrolls to this row, too. For a widget that is higher than a
        row, its upper end becomes visible."""
        page = self.widget()
        focused_widget = page.focusWidget() if page is not None else None
        if isinstance(focused_widget, QAbstractItemView) and focused_widget.currentIndex().isValid():
            focused_widget.scrollTo(focused_widget.currentIndex())
        focus_rect = self._find_focus_rect()
        if page is not None and focus_rect is not None:
            self.ensureVisible(-page.x(), focus_rect.center().y(), 0, focus_rect.height() // 2 + 1)

    def _find_focus_rect(self) -> QRect | None:
        """Return the rectangle of the page's focused widget, in the coordinates of the page. If the widget is a list,
        return the rectangle of its current row; if the widget is higher than a row, the rectangle of its upper end.
        Return None if no widget of the page has the focus."""
        page = self.widget()
        focused_widget = page.focusWidget() if page is not None else None
        if page is None or focused_widget is None:
            return None
        focus_rect = focused_widget.rect()
        focus_rect.setHeight(min(focus_rect.height(), current_appearance().row_height()))
        if isinstance(focused_widget, QAbstractItemView) and focused_widget.currentIndex().isValid():
            focus_rect, focused_widget = (
                focused_widget.visualRect(focused_widget.currentIndex()),
                focused_widget.viewport(),
            )
        return focus_rect.translated(focused_widget.mapTo(page, QPoint(0, 0)))

    @Slot()
    def _show_opened_tab_later(self) -> None:
        """Store the tab bar whose tab the person has opened, and let `fit_page` scroll to it after Qt has laid out
        the contents of the tab."""
        tab_bar = self.sender()
        self._opened_tab_bar = tab_bar if isinstance(tab_bar, TabBar) else None
        self._tab_timer.start()

    @Slot()
    def _show_opened_tab(self) -> None:
        """Scroll to the tab that the person has opened, if its contents aren't visible at the top of the unscrolled
        page. If they are visible there, don't scroll now, and don't scroll to the tab later when the window
        becomes shorter."""
        self.fit_page()
        if self._opened_tab_bar is not None and self._is_tab_visible_without_scrolling(self._opened_tab_bar):
            self._opened_tab_bar = None

    @Slot()
    def _release_opened_tab_bar(self) -> None:
        """Let the bar of the opened tab scroll like the rest of the page again, because the person has scrolled or
        moved to another row. (Before this call, `fit_page` makes the bar the first visible line.) Do nothing while
        `fit_page` itself scrolls."""
        if not self._keeps_opened_tab:
            self._opened_tab_bar = None

    @Slot()
    def _store_focus_visibility(self) -> None:
        """Store whether the focused widget, or the current row of a focused list, is visible just before the text
        size changes. If it is visible, `fit_page` keeps it visible while Qt gives the widgets their new sizes."""
        self._keeps_focus_visible = self.isVisible() and self._is_focus_visible(self.viewport().height())

    @Slot()
    def _stop_keeping_focus_visible(self) -> None:
        """Let the focused widget scroll like the rest of the page again, because the person scrolls."""
        self._keeps_focus_visible = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the page to the new size. The first visible line stays, unless the focused widget was visible before
        and would be hidden."""
        was_focus_visible = self._is_focus_visible(event.oldSize().height())
        super().resizeEvent(event)
        self.fit_page()
        if was_focus_visible and not self._is_focus_visible(self.viewport().height()):
            self.scroll_to_focused_widget()

    def _is_focus_visible(self, visible_height_px: int) -> bool:
        """Return True if the focused widget of the page, or the current row of a focused list, is inside the part of
        the page that is `visible_height_px` px high and begins at the present position of the scroll bar."""
        page, focus_rect, top = self.widget(), self._find_focus_rect(), self.verticalScrollBar().value()
        focused_widget = page.focusWidget() if page is not None else None
        if page is None or focused_widget is None or focus_rect is None or not focused_widget.isVisibleTo(page):
            return False
        widget_rect = focused_widget.rect().translated(focused_widget.mapTo(page, QPoint(0, 0)))
        is_inside = widget_rect.contains(focus_rect)  # a list can have scrolled its current row away itself
        return is_inside and top <= focus_rect.top() and focus_rect.bottom() < top + visible_height_px

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.fit_page()
        return super().eventFilter(watched, event)


def _compute_needed_size(layout: QLayout, available_size: QSize) -> QSize:
    """Return `available_size`, enlarged to the layout's minimum width and height."""
    width = max(available_size.width(), layout.totalMinimumSize().width())
    height = layout.totalMinimumHeightForWidth(width) if layout.hasHeightForWidth() else 0
    return QSize(width, max(available_size.height(), height, layout.totalMinimumSize().height() if not height else 0))
