"""Finds the texts and widgets in the visible windows that are cut off or hidden, and the areas that scroll
sideways.
"""

import re
from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QHeaderView,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QTableView,
    QWidget,
)

from console.views.pages.fitted_table import FittedTable
from console.views.tables.columns import HeadingText
from console.views.tables.record_table import RecordTable
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from tests.legible.ink import DrawnText, find_cut_labels, record_drawn_texts, record_elided_texts
from tests.legible.line_ends import find_wrong_line_ends

_STATE_WORDS = {word for badge in tokens().badges.values() for word in (badge.ja, badge.en)}
_COLUMN_KEYS_OF_NAMES = ("company", "corporation", "name", "people")
_MIN_GAP_BELOW_TEXT_PX = 3
_DIRECT_CHILDREN = Qt.FindChildOption.FindDirectChildrenOnly
_AMOUNT_PATTERN = re.compile(r"[−-]?[¥₹][\d,.]+")


def find_faults() -> list[str]:
    """Return one line for each fault of the visible windows."""
    faults: list[str] = []
    for _ in range(3):  # a layout may ask for another one: none of them is left for later
        QApplication.sendPostedEvents()
    for window in QApplication.topLevelWidgets():
        if window.isVisible() and window.width() > 1:
            faults += _find_faults_of_window(window)
    return sorted(set(faults))


def _find_faults_of_window(window: QWidget) -> Iterator[str]:
    """Yield one line for each fault of one window."""
    with record_drawn_texts() as drawn, record_elided_texts() as elided:
        window.grab()
    for one in drawn:
        yield from _find_text_fault(one)
    for text in elided:
        if text in _STATE_WORDS or _AMOUNT_PATTERN.fullmatch(text):
            yield f"elided: {text}"
    for label, sizes in find_cut_labels(window):
        yield f"{_describe_class(label)}: ink {sizes}: {label.text()[:80]!r}"
    for widget in window.findChildren(QWidget):
        if widget.isVisible():
            yield from _find_geometry_faults(widget)
            if isinstance(widget, FittedTable):
                yield from _find_cut_sentences(widget)
            if isinstance(widget, TextLabel) and widget.wordWrap() and widget.plain:
                yield from (
                    f"{_describe_class(widget)}: a line ends inside a phrase: {line!r}"
                    for line in find_wrong_line_ends(widget)
                )


def _find_cut_sentences(table: FittedTable) -> Iterator[str]:
    """Yield a line for each sentence of the current row that its column cuts off and that no visible label of the
    window shows completely. Columns of sentences are the stretched columns of texts and states. Columns of names are
    left out, because the record's page repeats them, and so is a column of states that the table hides in favour of
    more important columns.
    """
    row = table.current_item
    for index, column in enumerate(table.rows.columns if row is not None else ()):
        is_sentence = column.kind == "text" or (column.kind == "state" and not table.isColumnHidden(index))
        if column.is_stretched and is_sentence and table.is_cell_cut(column.key, row):
            text = column.format_text(row)
            labels = (label for label in table.window().findChildren(TextLabel) if label.isVisible())
            if column.key not in _COLUMN_KEYS_OF_NAMES and not any(text in label.plain for label in labels):
                yield f"{_describe_class(table)}: {column.key} is cut and nowhere whole: {text[:80]!r}"


def _find_text_fault(drawn: DrawnText) -> Iterator[str]:
    """Yield a line if a painted text extends beyond the area in which it is visible."""
    room = _find_visible_area(drawn)
    if room is None or drawn.has_room(room):
        return
    over = (
        f"{name} {px:.0f}"
        for name, px in (
            ("left", room.left() - drawn.ink_area.left()),
            ("top", room.top() - drawn.ink_area.top()),
            ("right", drawn.ink_area.right() - room.right()),
            ("bottom", drawn.ink_area.bottom() - room.bottom()),
        )
        if px > 0.5
    )
    yield f"{_describe_class(drawn.widget)}: drawn beyond its room ({', '.join(over)}): {drawn.text[:80]!r}"


def _find_visible_area(drawn: DrawnText) -> QRectF | None:
    """Return the area in which the whole text must be; None if the text is only scrolled out of the visible part."""
    view = drawn.widget.parentWidget()
    if isinstance(view, QHeaderView) and view.viewport() is drawn.widget:
        section = view.logicalIndexAt(round(drawn.ink_area.center().x()))
        at = QRectF(view.sectionViewportPosition(section), 0, view.sectionSize(section), view.height())
        return drawn.available_area.intersected(at) if drawn.widget.rect().contains(at.toRect()) else None
    if isinstance(view, QAbstractItemView) and view.viewport() is drawn.widget:
        index = view.indexAt(QPoint(round(drawn.ink_area.left() + 1), round(drawn.ink_area.center().y())))
        if not index.isValid():
            return None
        item = view.visualRect(index)
        if isinstance(view, RecordTable) and view.has_heading_text(entry := view.rows.get_entry(index.row())):
            # The text of a heading begins in its column and takes the rest of the row. A part of it, such as the
            # point of an amount, may be painted above a later column alone.
            for number, column in enumerate(view.rows.columns[: index.column()]):
                if not view.isColumnHidden(number) and isinstance(column.make_cell(entry), HeadingText):
                    item.setLeft(view.get_column_x(number))
            item.setRight(drawn.widget.rect().right())
        across = QRectF(item.left(), -9999, item.width(), 99999)
        if not drawn.widget.rect().contains(item):  # half scrolled out of sight
            return across if isinstance(view, QTableView) and item.right() <= drawn.widget.width() else None
        return QRectF(item)
    return drawn.available_area


def _find_geometry_faults(widget: QWidget) -> Iterator[str]:
    """Yield one line for each fault in the position and size of a widget."""
    if isinstance(widget, QScrollBar):
        if widget.maximum() > widget.minimum():
            yield from _find_scroll_bar_fault(widget)
        return
    if isinstance(widget, QLineEdit) and widget.contentsRect().height() < widget.fontMetrics().height():
        yield f"{_describe_class(widget)}: too low for its text"
    if isinstance(widget, KeyButton):
        yield from _find_touched_text(widget)
    yield from _find_clipping_fault(widget)


def _find_scroll_bar_fault(bar: QScrollBar) -> Iterator[str]:
    """Yield a line if the bar scrolls sideways, except that of a record table with pinned columns. Yield a line also
    for a vertical bar inside another area that scrolls vertically: two bars would be visible, and the mouse wheel
    would move only the inner area.
    """
    area, *around = _list_scroll_areas_around(bar)
    if bar.orientation() == Qt.Orientation.Vertical:
        if outer := next((one for one in around if one.verticalScrollBar().isVisible()), None):
            yield f"{_describe_class(area)}: a second scroll bar, inside that of {_describe_class(outer)}"
    elif not (isinstance(area, RecordTable) and area.pinned_column_count):
        yield f"{_describe_class(area)}: scrolls sideways"


def _list_scroll_areas_around(bar: QScrollBar) -> Iterator[QAbstractScrollArea]:
    """Yield the area that the bar scrolls, and then each scroll area that contains this area."""
    widget = bar.parentWidget()
    while widget is not None:
        if isinstance(widget, QAbstractScrollArea):
            yield widget
        widget = None if widget.isWindow() else widget.parentWidget()


def _find_clipping_fault(widget: QWidget) -> Iterator[str]:
    """Yield a line if the widget extends beyond its parent sideways, or vertically although the parent doesn't
    scroll.
    """
    parent, at = widget.parentWidget(), widget.geometry()
    if parent is None or widget.isWindow() or isinstance(parent, QAbstractScrollArea | QTabBar) or at.isEmpty():
        return
    sideways = max(-at.left(), at.right() + 1 - parent.width())
    scrolls = isinstance(parent.parentWidget(), QAbstractScrollArea)
    upright = 0 if scrolls else max(-at.top(), at.bottom() + 1 - parent.height())
    if sideways > 0 or upright > 0:
        name, text = _describe_class(widget), _describe_text(widget)
        yield f"{name}: {sideways} × {upright} px outside {_describe_class(parent)}: {text!r}"


def _find_touched_text(button: KeyButton) -> Iterator[str]:
    """Yield a line if the upper edge of the button touches a text above the button in the same panel. The button may
    be in a row widget of its own inside the panel."""
    row = button.parentWidget()
    panel = row.parentWidget() if row is not None and not row.isWindow() else None
    for parent in (row, panel):
        for label in parent.findChildren(TextLabel, options=_DIRECT_CHILDREN) if parent is not None else ():
            if parent is None or not label.isVisible() or not label.plain:
                continue
            place, text_place = QRect(button.mapTo(parent, QPoint(0, 0)), button.size()), label.geometry()
            is_below = place.left() <= text_place.right() and text_place.left() <= place.right()
            if is_below and 0 <= place.top() - text_place.bottom() - 1 < _MIN_GAP_BELOW_TEXT_PX:
                yield f"{_describe_class(button)}: touches the text above it: {label.plain[:80]!r}"


def _describe_text(widget: QWidget) -> str:
    """Return a short text that identifies the widget in an error message."""
    return (widget.accessibleName() or str(getattr(widget, "plain", "")))[:60]


def _describe_class(widget: QWidget) -> str:
    """Return the class name of the widget; for a viewport that of its scroll area."""
    if widget.objectName() == "qt_scrollarea_viewport" and (owner := widget.parentWidget()) is not None:
        return type(owner).__name__
    return type(widget).__name__
