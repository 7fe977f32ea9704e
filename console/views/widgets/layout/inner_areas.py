"""The areas that scroll inside another area that scrolls, such as a list on a page that is taller than the window.
While the outer area scrolls, each inner area is as high as its contents, so that one scroll bar moves everything."""

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QListView,
    QScrollArea,
    QTableView,
    QTextEdit,
    QWidget,
)

_PAGE_STEP_BY_KEY = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}
_OBSERVED_AREA_PROPERTY = "is_watched_inner_area"
"""Qt property of an inner area whose events this module already receives."""


class InnerScrollAreas(QObject):
    """While the content of the scroll area `outer_area` is taller than the available height, makes each scroll area
    inside it as high as its contents, so that only `outer_area` scrolls. The widget that contains `outer_area` calls
    `fit_inner_areas` whenever it computes the height of the content. This class calls `refit` when that widget must
    compute the height again. An inner area whose attribute `keeps_own_height` is True keeps its height."""

    def __init__(self, outer_area: QScrollArea, refit: Callable[[], object]) -> None:
        super().__init__(outer_area)
        self._outer_area, self._refit = outer_area, refit
        self._own_heights: dict[QWidget, tuple[tuple[int, int], tuple[int, int]]] = {}
        """For each inner area that this object has made as high as its contents, and for each widget around it that
        this object has made taller: a pair (minimum height, maximum height) of the heights that it had before, and a
        pair of the heights that this object has set, in px.
        """
        self._own_bar_policies: dict[QAbstractScrollArea, Qt.ScrollBarPolicy] = {}
        """For each inner area whose vertical scroll bar this object has removed: the scroll bar policy that the area
        had before.
        """
        self._fitted_state: object = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._fit_again)
        outer_area.verticalScrollBar().valueChanged.connect(self._report_visible_rows)

    def fit_inner_areas(self, compute_height: Callable[[], int], available_height_px: int) -> int:
        """Compare the minimum height of the outer area's content, which `compute_height` returns, with
        `available_height_px`. If the content needs more, make the inner areas as high as their contents; otherwise
        restore the earlier heights of the inner areas. Return the new minimum height of the content. All heights are
        in px.
        """
        height = compute_height()
        if self._own_heights:
            if self._make_height_cache_key(height, available_height_px) == self._fitted_state:
                return height
            self._restore_own_heights()
            height = compute_height()
        if height <= available_height_px:
            self._restore_scroll_bars()
            return compute_height()
        for area in self._list_inner_areas():
            self._remove_scroll_bar(area)
            self._raise_heights(area)
        height = compute_height()
        self._fitted_state = self._make_height_cache_key(height, available_height_px)
        return height

    def _make_height_cache_key(self, height_px: int, available_height_px: int) -> object:
        """Return a value that contains everything on which the heights of the inner areas depend; `height_px` is the
        minimum height of the outer area's content. If two calls of `fit_inner_areas` get equal values, the second
        call changes nothing. Without this comparison, `fit_inner_areas` would run endlessly, because its own changes
        cause a further call.
        """
        return (
            height_px,
            available_height_px,
            [(id(area), compute_full_height(area)) for area in self._list_inner_areas()],
        )

    def _list_inner_areas(self) -> list[QAbstractScrollArea]:
        content: QWidget | None = self._outer_area.widget()
        if content is None:
            return []
        all_areas: list[QAbstractScrollArea] = content.findChildren(QAbstractScrollArea)
        areas = [area for area in all_areas if area.window() is content.window()]  # not the open list of a QComboBox
        for area in areas:
            self._fit_after_changes_of(area)
        return [
            area
            for area in areas
            if area.isVisibleTo(content)
            and compute_full_height(area)
            and not any(other.isAncestorOf(area) for other in areas if other is not area)
        ]

    def _fit_after_changes_of(self, area: QAbstractScrollArea) -> None:
        """Call `fit_inner_areas` again after each change of the contents of `area`, and when `area` is shown in place
        of an EmptyState."""
        if not area.property(_OBSERVED_AREA_PROPERTY):
            area.setProperty(_OBSERVED_AREA_PROPERTY, True)
            area.installEventFilter(self)
            for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
                bar.rangeChanged.connect(self._fit_again_later)
            if isinstance(area, QTableView | QListView):
                area.selectionModel().currentChanged.connect(self._show_current_row)
                for signal in (area.model().rowsInserted, area.model().rowsRemoved, area.model().modelReset):
                    signal.connect(self._fit_again_later)

    def _remove_scroll_bar(self, area: QAbstractScrollArea) -> None:
        """Remove the vertical scroll bar of the area, which is as high as its contents, until `_restore_scroll_bars`.
        When the contents become taller, Qt would show the bar for a moment. The bar makes the contents narrower, so
        that their text wraps and needs more height; the bar could then stay."""
        if area not in self._own_bar_policies:
            self._own_bar_policies[area] = area.verticalScrollBarPolicy()
            area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _restore_scroll_bars(self) -> None:
        """Give each inner area back the vertical scroll bar that `_remove_scroll_bar` has removed."""
        own_bar_policies, self._own_bar_policies = self._own_bar_policies, {}
        for area, policy in own_bar_policies.items():
            if shiboken6.isValid(area):
                area.setVerticalScrollBarPolicy(policy)

    def _raise_heights(self, area: QAbstractScrollArea) -> None:
        """Make an inner area as high as its contents, and then make the widgets around this area as high as they
        need."""
        height = max(area.minimumHeight(), compute_full_height(area))
        self._set_heights(area, height, max(height, area.maximumHeight()))
        for parent in self._list_widgets_around(area):
            layout = parent.layout()
            height = 0 if layout is None else layout.totalMinimumSize().height()
            if 0 < parent.minimumHeight() < height:  # Qt takes this height in place of that of the layout
                self._set_heights(parent, height, max(height, parent.maximumHeight()))

    def _set_heights(self, widget: QWidget, min_height_px: int, max_height_px: int) -> None:
        """Set the minimum and the maximum height of a widget in px, and store its earlier minimum and maximum
        height."""
        own_heights, _ = self._own_heights.get(widget, ((widget.minimumHeight(), widget.maximumHeight()), None))
        self._own_heights[widget] = own_heights, (min_height_px, max_height_px)
        self._apply_heights(widget, min_height_px, max_height_px)

    def _restore_own_heights(self) -> None:
        """Set each changed widget back to the minimum and maximum height that it had before `fit_inner_areas`. Leave
        a widget unchanged if its page has set other heights meanwhile."""
        own_heights, self._own_heights = self._own_heights, {}
        for widget, (own, given) in own_heights.items():
            # If its page has set another height meanwhile, that one is right.
            if shiboken6.isValid(widget) and (widget.minimumHeight(), widget.maximumHeight()) == given:
                self._apply_heights(widget, *own)

    def _apply_heights(self, widget: QWidget, min_height_px: int, max_height_px: int) -> None:
        """Set the minimum and the maximum height of a widget, in px, and let all layouts around it compute their
        sizes again immediately. Without this method, Qt would do this in later events, one layout after the other.
        """
        widget.setMinimumHeight(min_height_px)
        widget.setMaximumHeight(max_height_px)
        for parent in self._list_widgets_around(widget):
            layout = parent.layout()
            if layout is not None:
                layout.activate()

    def _list_widgets_around(self, widget: QWidget) -> list[QWidget]:
        """Return the widgets that contain `widget`, from its parent to the content of the outer area."""
        widgets, parent = [], widget.parentWidget()
        while parent is not None and parent is not self._outer_area.viewport():
            widgets.append(parent)
            parent = parent.parentWidget()
        return widgets

    # -- events of the inner areas

    @Slot()
    def _fit_again_later(self) -> None:
        """Let the widget that contains the outer area compute the height of its content again soon. Do this only if
        `fit_inner_areas` has made inner areas taller, or if the outer area scrolls."""
        if self._own_heights or self._outer_area.verticalScrollBar().maximum() > 0:
            self._timer.start()

    @Slot()
    def _fit_again(self) -> None:
        self._refit()

    @Slot()
    def _show_current_row(self) -> None:
        """Scroll the outer area to the current row of the inner view that has the focus."""
        view = next((widget for widget in self._own_heights if shiboken6.isValid(widget) and widget.hasFocus()), None)
        content = self._outer_area.widget()
        if isinstance(view, QAbstractItemView) and content is not None and view.currentIndex().isValid():
            row = view.visualRect(view.currentIndex())
            middle = view.viewport().mapTo(content, row.center())
            self._outer_area.ensureVisible(-content.x(), middle.y(), 0, row.height() // 2 + 1)

    @Slot()
    def _report_visible_rows(self) -> None:
        """After the outer area has scrolled, let each table inside it report its visible rows, so that the table
        reads the pages of these rows."""
        for widget in self._own_heights:
            if shiboken6.isValid(widget) and hasattr(widget, "report_visible_rows"):
                widget.report_visible_rows()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Scroll the outer area when the person presses PageUp or PageDown. Without this, Qt would make the first or
        the last row of the focused inner list current. Return True for such a key press, so that the list doesn't get
        it, and Qt's result for every other event.
        """
        if event.type() == QEvent.Type.Show:
            self._fit_again_later()
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and watched in self._own_heights
            and event.key() in _PAGE_STEP_BY_KEY
        ):
            self._outer_area.verticalScrollBar().triggerAction(_PAGE_STEP_BY_KEY[Qt.Key(event.key())])
            return True
        return super().eventFilter(watched, event)


def compute_full_height(area: QAbstractScrollArea) -> int:
    """Return the height in px at which an area shows its whole contents; 0 for an area that keeps its height, such as
    the field of a text that the person types."""
    frame_px = 2 * area.frameWidth()
    if getattr(area, "keeps_own_height", False):
        return 0
    if isinstance(area, QTableView):
        header, sideways_bar = area.horizontalHeader(), area.horizontalScrollBar()
        header_px = 0 if header.isHidden() else header.height()
        bar_px = sideways_bar.sizeHint().height() if sideways_bar.maximum() > sideways_bar.minimum() else 0
        return area.verticalHeader().length() + header_px + bar_px + frame_px
    if isinstance(area, QListView):
        return area.contentsSize().height() + frame_px
    if isinstance(area, QTextEdit) and area.isReadOnly():
        return round(area.document().size().height()) + frame_px
    if isinstance(area, QScrollArea) and area.widgetResizable():
        return _compute_content_height(area.widget(), area.viewport().width()) + frame_px
    return 0


def _compute_content_height(content: QWidget | None, width_px: int) -> int:
    """Return the minimum height, in px, that the layout of `content` needs at this width; 0 for None, and for a
    widget without a layout."""
    layout = None if content is None else content.layout()
    if layout is None:
        return 0
    if layout.hasHeightForWidth():
        return layout.totalMinimumHeightForWidth(width_px)
    return layout.totalMinimumSize().height()
