"""The current item of a list that doesn't have the keyboard focus."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QSignalBlocker
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView

if TYPE_CHECKING:
    _ItemView = QAbstractItemView
else:
    _ItemView = object

Index = QModelIndex | QPersistentModelIndex


class RememberedCurrentItem(_ItemView):
    """Base class, before the view's own, of a view whose current item is remembered while the view doesn't have the
    focus.

    Qt tells screen readers that the current item of every view has the focus, also if the keyboard is elsewhere or
    the view is hidden. So without the focus, the item is stored here and Qt has none; `currentIndex` returns it
    either way.
    """

    _remembered_index: QPersistentModelIndex | None = None

    def currentIndex(self) -> QModelIndex:
        parked = self._remembered_index
        if parked is not None and parked.isValid():
            return self.model().index(parked.row(), parked.column())
        return super().currentIndex()

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self._remembered_index = None
            self._remember_index()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._take_back()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._remember_index()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._take_back()
        super().keyPressEvent(event)
        self._remember_index()

    def _remember_index(self) -> None:
        index = super().currentIndex()
        if index.isValid() and not self.hasFocus():
            self._remembered_index = QPersistentModelIndex(index)
            self._set_silently(QModelIndex())

    def _take_back(self) -> None:
        parked, self._remembered_index = self._remembered_index, None
        if parked is not None and parked.isValid():
            self._set_silently(self.model().index(parked.row(), parked.column()))

    def _set_silently(self, index: QModelIndex) -> None:
        blocker = QSignalBlocker(self.selectionModel())
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        blocker.unblock()
