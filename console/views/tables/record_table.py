"""The table in which a page shows its rows. One row is the current row, and the focus ring surrounds the whole row. A
typed letter is a shortcut of the page; it doesn't start a search in the table."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.tables.delegates import DELEGATE_BY_CELL_KIND
from console.views.tables.paged_model import PagedModel
from console.views.tables.painted_table import PaintedTable
from console.views.tables.row_painter import RowPainter, TableHeader
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance


class RecordTable(RememberedCurrentItem, PaintedTable):
    """A table that shows the rows of a PagedModel. Enter or a double click opens the current row. If the first column
    is one of check boxes, Space selects or deselects the current row, and Shift with Up or Down selects several rows.

    Signals:
    - opened(object): the person opens a row; the argument is the object that the service returned for
      the row.
    - current_changed(object): another row is the current one; the argument is the object that the service
      returned for the row, None if no row is current.
    - widths_changed: the person has changed `preferred_widths`.
    - sort_requested(str): the person has clicked the title of the column with this key, after `enable_sorting`.
    - toggle_all_requested: the person has clicked the check box above the rows, after `enable_sorting`.
    """

    opened = Signal(object)
    current_changed = Signal(object)
    widths_changed = Signal()
    sort_requested = Signal(str)
    toggle_all_requested = Signal()

    def __init__(
        self, rows: PagedModel, accessible_name: str, *, margin_px: int | None = None, parent: QWidget | None = None
    ) -> None:
        """`rows` is the model with the rows of the table. `accessible_name` is the name of the table for screen
        readers. `margin_px` is the space in px before the first column; None means the margin of the page.
        """
        super().__init__(parent)
        self.rows = rows
        self.margin_px = tokens().px("spacing", "page_margin") if margin_px is None else margin_px
        self.current_row = self.hover_row = self.focus_ring_row = -1
        self.preferred_widths: dict[str, float] = {}
        """The widths that the person has given to columns, by the column's key, in px at text size 1."""
        self.pinned_column_count = self.first_column = 0
        self._selection_start = -1  # the row where a selection with Shift and an arrow key began; -1: none
        self._heading_rows: list[int] = []
        self._top_position: tuple[QPersistentModelIndex, int] | None = None
        self._was_current_row_visible = False
        self._sized_at_revision = current_appearance().revision
        self.setAccessibleName(accessible_name)
        self.delegates = [DELEGATE_BY_CELL_KIND[column.kind](self, column) for column in rows.columns]
        self._row_painter = RowPainter(self, self.delegates)
        self._header = TableHeader(self, self.delegates)
        self.setHorizontalHeader(self._header)
        self._header.sectionResized.connect(self._store_column_width)
        self.setModel(rows)
        self._set_up_view()
        self._set_row_and_column_sizes()
        for number, delegate in enumerate(self.delegates):
            self.setItemDelegateForColumn(number, delegate)
        rows.about_to_change.connect(self._store_scroll_position)
        rows.changed.connect(self._restore_scroll_position)
        rows.modelReset.connect(self.report_visible_rows)
        self.verticalScrollBar().valueChanged.connect(self.report_visible_rows)

    def _set_up_view(self) -> None:
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        # The table paints every pixel, so Qt can scroll by moving painted pixels and repaint only the new rows.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def _set_row_and_column_sizes(self) -> None:
        """Set the heights of the rows by density and text scale, and the widths of the columns by text scale."""
        self._sized_at_revision = current_appearance().revision
        self.verticalHeader().setMinimumSectionSize(16)
        self.verticalHeader().setDefaultSectionSize(current_appearance().row_height())
        header = self.horizontalHeader()
        header.setMinimumSectionSize(16)  # Qt's own least width grows with the font, and is wider than a check box
        header.setFixedHeight(current_appearance().row_height("header"))
        for number, column in enumerate(self.rows.columns):
            resize_mode = (
                QHeaderView.ResizeMode.Stretch if column.is_stretched else QHeaderView.ResizeMode.Interactive
            )
            header.setSectionResizeMode(number, resize_mode)
            self.setColumnWidth(number, self.get_column_width(number))

    def get_column_width(self, column_index: int) -> int:
        """Return the width of a column at the current text scale, in px: the width that the person has set, otherwise
        the width in the column's definition. On screen, a stretched column may be wider."""
        column = self.rows.columns[column_index]
        return round(self.preferred_widths.get(column.key, column.width_px) * current_appearance().scale)

    @Slot(int, int, int)
    def _store_column_width(self, column_index: int, _old_width: int, width_px: int) -> None:
        """Store the width that the person has given to a column with the mouse, and emit `widths_changed`. Ignore
        changes of the width that Qt makes."""
        is_resizable = self._header.sectionResizeMode(column_index) == QHeaderView.ResizeMode.Interactive
        if self._header.is_pressed and width_px > 0 and is_resizable:
            self.preferred_widths[self.rows.columns[column_index].key] = round(
                width_px / current_appearance().scale, 1
            )
            self.widths_changed.emit()

    # -- called by the page

    def enable_sorting(self) -> None:
        """Let a click on the title of a column emit `sort_requested`. The column of check boxes gets a check box as
        its title; a click on it emits `toggle_all_requested`."""
        self._header.setSectionsClickable(True)
        self._header.sectionClicked.connect(self._emit_title_click)
        for signal in (self.rows.dataChanged, self.rows.modelReset, self.rows.page_applied):
            signal.connect(self._repaint_header)

    def show_sort_mark(self, sort_mark: tuple[str, bool] | None) -> None:
        """Show an arrow in the title of the column by which the rows are sorted. `sort_mark` is a pair: the key of
        this column, and True for the descending order. If it is None, show no arrow."""
        self.sort_mark = sort_mark
        self._header.viewport().update()

    @Slot(int)
    def _emit_title_click(self, column_index: int) -> None:
        """Emit `toggle_all_requested` after a click on the title of the column of check boxes, and `sort_requested`
        after a click on the title of any other column."""
        column = self.rows.columns[column_index]
        if column.kind == "check":
            self.toggle_all_requested.emit()
        else:
            self.sort_requested.emit(column.key)

    @Slot()
    def _repaint_header(self) -> None:
        self._header.viewport().update()

    def set_preferred_widths(self, widths: Mapping[str, float]) -> None:
        """Use these column widths instead of the widths in the columns' definitions. The widths are in px at text
        scale 1.0, by the key of the column."""
        self.preferred_widths = dict(widths)
        self._set_row_and_column_sizes()

    @property
    def current_item(self) -> object | None:
        """The object that the service returned for the current row; None if no row is current."""
        return self.rows.get_item(self.current_row) if self.current_row >= 0 else None

    def go_to_row(self, row: int) -> None:
        """Make the row at this position current and scroll to it."""
        self.selectionModel().setCurrentIndex(
            self.rows.index(row, 0),
            QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
        )

    def go_to_item(self, matches: Callable[[Any], bool]) -> bool:
        """Make the first loaded row for which `matches` returns True the current row, and return True. Return False
        if there is no such row. `matches` gets the object that the service returned for the row. Headings are
        skipped."""
        for row in range(self.rows.rowCount()):
            item = self.rows.get_item(row)
            if item is not None and matches(item):
                self.go_to_row(row)
                return True
        return False

    def go_to_first_row(self) -> None:
        """Make the first row current; headings are skipped. Do nothing if no row is loaded among the first eight rows
        and headings."""
        for row in range(min(self.rows.rowCount(), 8)):
            if self.rows.get_item(row) is not None:
                self.go_to_row(row)
                return

    def mark_removed_rows(self, keys: Iterable[Hashable], removed_text: str) -> None:
        """Draw a mark at the left edge of the rows with these keys, because they are no longer in the list, and let a
        screen reader read `removed_text` for them. Remove the mark of all other rows. After the list is read again,
        no row has a mark."""
        self.rows.mark_removed_rows(keys, removed_text)
        self.viewport().update()

    def get_row_tone(self, row: int) -> Tone | None:
        """Return the colour tone of a row's mark; None if the row has no mark."""
        return "care" if self.rows.is_row_removed(row) else None

    # -- position, hover, focus

    @Slot()
    def report_visible_rows(self) -> None:
        """Pass the visible rows to the PagedModel, so that the model reads their pages. If the table is as high as
        all its rows and the page around the table scrolls, the visible rows are the rows inside the visible part of
        the page."""
        visible_rect = self.viewport().visibleRegion().boundingRect()
        top, bottom = 0, max(1, self.viewport().height()) - 1
        if not visible_rect.isEmpty():
            top, bottom = visible_rect.top(), visible_rect.bottom()
        first_row = self.rowAt(top)
        last_row = self.rowAt(bottom)
        self.rows.set_visible_rows(first_row, last_row if last_row >= 0 else self.rows.rowCount() - 1)

    def is_current_item_visible_in_height(self, height_px: int) -> bool:
        row = self.currentIndex().row()  # by its row, because the cell of a hidden column has no rectangle
        return row >= 0 and 0 <= self.rowViewportPosition(row) <= max(0, height_px - self.rowHeight(row))

    def _is_current_row_visible(self) -> bool:
        """Return True if the whole current row is visible. In a table that is shorter than a row, return True if the
        top of the current row is visible."""
        return self.is_current_item_visible_in_height(self.viewport().height())

    def scroll_to_current_item(self) -> None:
        if self.currentIndex().isValid() and not self._is_current_row_visible():
            self.updateGeometries()  # the scroll bar doesn't know the new rows and headings yet
            self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.EnsureVisible)

    @Slot()
    def _store_scroll_position(self) -> None:
        """Before the rows change, store the row at the top of the table and the visibility of the current row
        (visible or not).
        """
        self._was_current_row_visible = self._is_current_row_visible()
        top_row = self.rowAt(0)
        if top_row >= 0 and self.verticalScrollBar().value() > 0:
            top_index = self.rows.index(top_row, 0)
            self._top_position = QPersistentModelIndex(top_index), self.rowViewportPosition(top_row)
        else:
            self._top_position = None

    @Slot()
    def _restore_scroll_position(self) -> None:
        """After the rows have changed, scroll so that the stored row is at its earlier position on screen. If the
        current row was visible before the change, scroll until it is visible."""
        self._span_heading_rows()
        if self._top_position is not None and self._top_position[0].isValid():
            shift_px = self.rowViewportPosition(self._top_position[0].row()) - self._top_position[1]
            if shift_px:
                self.updateGeometries()  # the scroll bar doesn't know the new heights of the rows yet
                self.verticalScrollBar().setValue(self.verticalScrollBar().value() + shift_px)
        if self._was_current_row_visible:  # an action may have moved it to another group
            self.scroll_to_current_item()
        self._update_current_row()
        self.report_visible_rows()

    def _span_heading_rows(self) -> None:
        """Let the cell of each heading extend over all columns."""
        self.clearSpans()
        for row in self._heading_rows:
            self.setRowHeight(row, current_appearance().row_height())
        self._heading_rows = self.rows.list_heading_rows()
        for row in self._heading_rows:
            self.setSpan(row, 0, 1, len(self.rows.columns))
            self.setRowHeight(row, current_appearance().row_height("group"))

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        self._update_current_row()
        self.current_changed.emit(self.current_item)

    def _update_current_row(self) -> None:
        """Store the number of the current row, and repaint the previous and the new current row."""
        previous_row = self.current_row
        self.current_row = self.currentIndex().row()
        self.focus_ring_row = self.current_row if self.hasFocus() else -1
        for row in {previous_row, self.current_row}:
            self._repaint_row(row)

    def _repaint_row(self, row: int) -> None:
        if row >= 0:
            top = self.rowViewportPosition(row)
            self.viewport().update(0, top, self.viewport().width(), self.rowHeight(row))

    def _set_hover_row(self, row: int) -> None:
        if row != self.hover_row:
            previous_row, self.hover_row = self.hover_row, row
            self._repaint_row(previous_row)
            self._repaint_row(row)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Return the cell to which a key moves. Home and End go to the first and to the last row, with or without
        Ctrl, because the person selects whole rows: Qt's own Home and End would only go to another column. A heading
        at the top is skipped."""
        actions, row_count = QAbstractItemView.CursorAction, self.rows.rowCount()
        if action not in (actions.MoveHome, actions.MoveEnd) or not row_count:
            return super().moveCursor(action, modifiers)
        if action == actions.MoveEnd:
            return self.rows.index(row_count - 1, 0)
        headings = set(self.rows.list_heading_rows())
        return self.rows.index(next((row for row in range(row_count) if row not in headings), 0), 0)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.current_row < 0:
            self.go_to_first_row()
        self._update_current_row()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_ring_row = -1
        self._repaint_row(self.current_row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._is_selection_extending_key(event):
            self._extend_selection(event)
            return
        if event.key() != Qt.Key.Key_Shift:
            self._selection_start = -1
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() & _SHORTCUT_MODIFIERS:
            self._open_current_row()
        elif event.key() == Qt.Key.Key_Space and self.rows.columns[0].kind == "check":
            self.rows.set_row_selected(self.current_row)
        elif event.text() and event.text().isprintable():
            event.ignore()  # single letters are the page's shortcuts; Qt would search in the rows
        else:
            super().keyPressEvent(event)

    def _is_selection_extending_key(self, event: QKeyEvent) -> bool:
        """True for Shift with Up or Down in a table with check boxes. With these keys the person selects several
        rows."""
        is_arrow = event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return is_arrow and is_shifted and self.rows.columns[0].kind == "check"

    def _extend_selection(self, event: QKeyEvent) -> None:
        """Make the next row in the direction of the key (Up or Down) the current row. Select all rows between this
        row and the row at which the person began to select with Shift, and deselect the rows that are no longer
        between these two rows."""
        if self._selection_start < 0:
            self._selection_start = self.current_row
        old_rows = set(_list_rows_between(self._selection_start, self.current_row))
        super().keyPressEvent(event)
        new_rows = set(_list_rows_between(self._selection_start, self.current_row))
        for row in old_rows - new_rows:
            self.rows.set_row_selected(row, must_select=False)
        for row in new_rows:
            self.rows.set_row_selected(row, must_select=True)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._selection_start = -1
        row = self._find_row_at_check_box(event)
        if row >= 0:
            self.rows.set_row_selected(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        if self.indexAt(event.position().toPoint()).isValid() and self._find_row_at_check_box(event) < 0:
            self._open_current_row()

    def _find_row_at_check_box(self, event: QMouseEvent) -> int:
        """Return the position of the row whose check box is under the mouse pointer; -1 if the pointer isn't on a
        check box."""
        pointer = event.position().toPoint()
        check_box_column = next(
            (number for number, column in enumerate(self.rows.columns) if column.kind == "check"), -1
        )
        if check_box_column < 0 or not 0 <= pointer.x() - self.get_column_x(check_box_column) < self.columnWidth(
            check_box_column
        ):
            return -1
        return self.rowAt(pointer.y()) if self.rows.get_item(self.rowAt(pointer.y())) is not None else -1

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if dx and self.pinned_column_count:  # Qt moves the painted pixels, those of the pinned columns too
            self.viewport().update()
            self.horizontalHeader().viewport().update()

    def _open_current_row(self) -> None:
        if self.current_item is not None:
            self.opened.emit(self.current_item)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._set_hover_row(self.rowAt(event.position().toPoint().y()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._set_hover_row(-1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint whole rows with a RowPainter, because Qt's own painting of a row takes much longer."""
        painter = QPainter(self.viewport())
        for exposed in event.region():  # type: ignore[attr-defined]  # Qt's stubs don't declare its iteration
            self._row_painter.paint(painter, exposed)
        if self.hasFocus() and self.current_row < 0:  # without a current row the frame shows the focus
            ring_px = tokens().px("borders", "focus")
            draw_frame(
                painter, QRectF(self.viewport().rect()), 0, current_appearance().colour("focus"), None, ring_px
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.report_visible_rows()

    def changeEvent(self, event: QEvent) -> None:
        """After a change of the text size or density, give the rows their new heights. The row at the top of the
        table stays there, and a visible current row stays visible."""
        if event.type() != QEvent.Type.StyleChange or not self._has_outdated_sizes():
            super().changeEvent(event)
            return
        self._store_scroll_position()
        super().changeEvent(event)
        self._set_row_and_column_sizes()
        self._restore_scroll_position()

    def _has_outdated_sizes(self) -> bool:
        """Return True if the text scale, the density or the theme has changed since this table last set the heights
        of its rows and the widths of its columns."""
        return hasattr(self, "_sized_at_revision") and self._sized_at_revision != current_appearance().revision


_SHORTCUT_MODIFIERS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


def _list_rows_between(row: int, other_row: int) -> range:
    return range(min(row, other_row), max(row, other_row) + 1)
