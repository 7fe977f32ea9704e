"""The table on a page: one row is current, the whole row has the focus, single keys belong to the page."""

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
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.look.tokens import Tone, tokens
from console.views.tables.delegates import DELEGATES
from console.views.tables.paging import PagedModel
from console.views.tables.rows import RowPainter, TableHeader


class RecordTable(QTableView):
    """Shows a PagedModel. Enter or a double click opens, Space chooses, Shift and an arrow chooses on from where it
    began, the arrows walk past headings.

    Signals:
        opened(object): the row to open, as the service gave it.
        current_changed(object): another row is current (None: none).
    """

    opened = Signal(object)
    current_changed = Signal(object)

    def __init__(
        self, rows: PagedModel, name: str, *, margin: int | None = None, parent: QWidget | None = None
    ) -> None:
        """`name` is read out before the table; `margin` is where the first column begins, in px."""
        super().__init__(parent)
        self.rows = rows
        self.margin = tokens().px("spacing", "page_margin") if margin is None else margin
        self.current_row = self.hover_row = self.ring_row = -1
        self._began = -1  # the row from which Shift and the arrows choose
        self._headings: list[int] = []
        self._marks: dict[object, Tone] = {}
        self._top: tuple[QPersistentModelIndex, int] | None = None
        self.setAccessibleName(name)
        self.delegates = [DELEGATES[column.kind](self, column) for column in rows.columns]
        self._painter = RowPainter(self)
        self.setHorizontalHeader(TableHeader(self))
        self.setModel(rows)
        self._set_up()
        self._measure()
        for number, delegate in enumerate(self.delegates):
            self.setItemDelegateForColumn(number, delegate)
        rows.about_to_change.connect(self._keep_place)
        rows.changed.connect(self._find_place)
        rows.modelReset.connect(self._see)
        self.verticalScrollBar().valueChanged.connect(self._see)

    def _set_up(self) -> None:
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
        # We paint every pixel: scrolling then moves what is there and paints only what comes in.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def _measure(self) -> None:
        """Heights from the density and text size in force, widths from the columns."""
        self.verticalHeader().setMinimumSectionSize(16)
        self.verticalHeader().setDefaultSectionSize(look().row())
        header = self.horizontalHeader()
        header.setFixedHeight(look().row("header"))
        for number, column in enumerate(self.rows.columns):
            mode = QHeaderView.ResizeMode.Stretch if column.stretches else QHeaderView.ResizeMode.Interactive
            header.setSectionResizeMode(number, mode)
            self.setColumnWidth(number, round(column.width * look().scale))

    # -- what the page does

    @property
    def current(self) -> object | None:
        """The current row as the service gave it."""
        return self.rows.row_at(self.current_row) if self.current_row >= 0 else None

    def go_to(self, row: int) -> None:
        """Make a row the current one and bring it into sight."""
        self.selectionModel().setCurrentIndex(
            self.rows.index(row, 0),
            QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
        )

    def go_to_first(self) -> None:
        """The first row that is no heading."""
        for row in range(min(self.rows.rowCount(), 8)):
            if self.rows.row_at(row) is not None:
                self.go_to(row)
                return

    def mark(self, key: object, tone: Tone | None) -> None:
        """Put a mark of that tone at the left of a row ("changed by somebody else"), or take it away."""
        if tone is None:
            self._marks.pop(key, None)
        else:
            self._marks[key] = tone
        self.viewport().update()

    def mark_of(self, row: int) -> Tone | None:
        item = self.rows.row_at(row) if self._marks else None
        return None if item is None else self._marks.get(self.rows.key_of(item))

    # -- place, hover, focus

    @Slot()
    def _see(self) -> None:
        """Tell the model which rows are in sight."""
        height = max(1, self.viewport().height())
        first = self.rowAt(0)
        last = self.rowAt(height - 1)
        self.rows.see(first, last if last >= 0 else self.rows.rowCount() - 1)

    @Slot()
    def _keep_place(self) -> None:
        top = self.rowAt(0)
        if top >= 0 and self.verticalScrollBar().value() > 0:
            index = self.rows.index(top, 0)
            self._top = QPersistentModelIndex(index), self.rowViewportPosition(top)
        else:
            self._top = None

    @Slot()
    def _find_place(self) -> None:
        self._span_headings()
        if self._top is not None and self._top[0].isValid():
            moved = self.rowViewportPosition(self._top[0].row()) - self._top[1]
            if moved:
                self.verticalScrollBar().setValue(self.verticalScrollBar().value() + moved)
        self._follow_current()
        self._see()

    def _span_headings(self) -> None:
        self.clearSpans()
        for row in self._headings:
            self.setRowHeight(row, look().row())
        self._headings = self.rows.heading_rows()
        for row in self._headings:
            self.setSpan(row, 0, 1, len(self.rows.columns))
            self.setRowHeight(row, look().row("group"))

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        self._follow_current()
        self.current_changed.emit(self.current)

    def _follow_current(self) -> None:
        before = self.current_row
        self.current_row = self.currentIndex().row()
        self.ring_row = self.current_row if self.hasFocus() else -1
        for row in {before, self.current_row}:
            self._repaint_row(row)

    def _repaint_row(self, row: int) -> None:
        if row >= 0:
            top = self.rowViewportPosition(row)
            self.viewport().update(0, top, self.viewport().width(), self.rowHeight(row))

    def _hover(self, row: int) -> None:
        if row != self.hover_row:
            before, self.hover_row = self.hover_row, row
            self._repaint_row(before)
            self._repaint_row(row)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.current_row < 0:
            self.go_to_first()
        self._follow_current()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.ring_row = -1
        self._repaint_row(self.current_row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._extends(event):
            self._extend(event)
            return
        if event.key() != Qt.Key.Key_Shift:
            self._began = -1
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() & _HELD:
            self._open()
        elif event.key() == Qt.Key.Key_Space and self.rows.columns[0].kind == "check":
            self.rows.choose(self.current_row)
        elif event.text() and event.text().isprintable():
            event.ignore()  # single letters are the page's keys, not a search in the rows
        else:
            super().keyPressEvent(event)

    def _extends(self, event: QKeyEvent) -> bool:
        along = event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return along and shifted and self.rows.columns[0].kind == "check"

    def _extend(self, event: QKeyEvent) -> None:
        """Chosen is what lies between the row where it began and the current one."""
        if self._began < 0:
            self._began = self.current_row
        before = set(_between(self._began, self.current_row))
        super().keyPressEvent(event)
        now = set(_between(self._began, self.current_row))
        for row in before - now:
            self.rows.choose(row, chosen=False)
        for row in now:
            self.rows.choose(row, chosen=True)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._began = -1
        at = self.indexAt(event.position().toPoint())
        if at.isValid() and self.rows.columns[at.column()].kind == "check":
            self.rows.choose(at.row())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        at = self.indexAt(event.position().toPoint())
        if at.isValid() and self.rows.columns[at.column()].kind != "check":
            self._open()

    def _open(self) -> None:
        if self.current is not None:
            self.opened.emit(self.current)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.rowAt(event.position().toPoint().y()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Row by row instead of cell by cell: Qt's way asks and fills nine times for each row."""
        painter = QPainter(self.viewport())
        for exposed in event.region():  # type: ignore[attr-defined]  # the stubs forget that it iterates
            self._painter.paint(painter, exposed)
        if self.hasFocus() and self.current_row < 0:  # no row to show that the focus is here
            wide = tokens().px("borders", "focus")
            draw_frame(painter, QRectF(self.viewport().rect()), 0, look().colour("focus"), None, wide)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._see()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "rows"):
            self._measure()


_HELD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


def _between(one: int, other: int) -> range:
    return range(min(one, other), max(one, other) + 1)
