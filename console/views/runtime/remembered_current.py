"""The base class of lists and tables that keep their current item while they don't have the keyboard focus."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QSignalBlocker
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView

if TYPE_CHECKING:
    _ItemView = QAbstractItemView
else:
    _ItemView = object

ModelIndex = QModelIndex | QPersistentModelIndex


class RememberedCurrentItem(_ItemView):
    """Base class of lists and tables that hide their current item from Qt while they don't have the keyboard focus. A
    subclass must list this class before the Qt class among its base classes.

    Qt reports to screen readers that the current item of every list has the focus, even if the list itself doesn't
    have the keyboard focus. So while the list doesn't have the focus, this class stores the current item, and the
    list has no current item for Qt. `currentIndex` returns the current item in both cases.

    If the list becomes shorter or taller while its current item is visible, the item stays visible.
    """

    _remembered_index: QPersistentModelIndex | None = None
    _height_before_resize = 0
    """The height in px that the visible part of the list had after its last change. Qt's resize event doesn't contain
    this height in every case: Qt reports no old size for a list that was hidden meanwhile.
    """

    def currentIndex(self) -> QModelIndex:
        remembered_index = self._remembered_index
        if remembered_index is not None and remembered_index.isValid():
            return self.model().index(remembered_index.row(), remembered_index.column())
        return super().currentIndex()

    def currentChanged(self, current: ModelIndex, previous: ModelIndex) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self._remembered_index = None
            self._remember_index()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._restore_index()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._remember_index()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._restore_index()
        super().keyPressEvent(event)
        self._remember_index()

    def resizeEvent(self, event: QResizeEvent) -> None:
        was_visible = self.is_current_item_visible_in_height(self._height_before_resize)
        super().resizeEvent(event)
        self._height_before_resize = self.viewport().height()
        if was_visible and not self.is_current_item_visible_in_height(self._height_before_resize):
            self.scroll_to_current_item()

    def is_current_item_visible_in_height(self, height_px: int) -> bool:
        """Return True if the whole current item would be visible if the visible part of the list were `height_px` px
        high. If this part is shorter than the item, return True if the top of the item is at the upper end of the
        part.
        """
        rect = self.visualRect(self.currentIndex())
        return self.currentIndex().isValid() and 0 <= rect.top() <= max(0, height_px - rect.height())

    def scroll_to_current_item(self) -> None:
        """Scroll the list as far as needed until its current item is visible."""
        self.scrollTo(self.currentIndex())

    def _remember_index(self) -> None:
        """Store the current item, and let Qt have no current item, because the list has lost the focus."""
        index = super().currentIndex()
        if index.isValid() and not self.hasFocus():
            self._remembered_index = QPersistentModelIndex(index)
            self._set_index_without_signals(QModelIndex())

    def _restore_index(self) -> None:
        """Make the stored item Qt's current item again, because the list has got the focus."""
        remembered_index, self._remembered_index = self._remembered_index, None
        if remembered_index is not None and remembered_index.isValid():
            self._set_index_without_signals(self.model().index(remembered_index.row(), remembered_index.column()))

    def _set_index_without_signals(self, index: QModelIndex) -> None:
        blocker = QSignalBlocker(self.selectionModel())
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        blocker.unblock()
