"""Tabs with counts: a 2 px accent line under the current one."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QTabBar, QWidget

from console.views.look.painting import draw_frame
from console.views.look.runs import baseline_in
from console.views.look.theme import look
from console.views.look.tokens import tokens

_GAP = 22  # between two tabs, half of it on each side
_COUNT_GAP = 6


class Tabs(QTabBar):
    """A bar of tabs; `currentChanged(int)` tells. Arrow keys walk along it."""

    def __init__(self, name: str, *, margin: int | None = None, parent: QWidget | None = None) -> None:
        """The first word begins `margin` px from the left, the page's margin unless told otherwise."""
        super().__init__(parent)
        self._margin = tokens().px("spacing", "page_margin") if margin is None else margin
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def add(self, word: str, count: str = "", *, data: object = None) -> int:
        """A tab with its count ("1,000+" as it comes from the service)."""
        number = self.addTab(word)
        self.setTabData(number, (word, count, data))
        self._name(number)
        return number

    def set_count(self, number: int, count: str) -> None:
        word, _, data = self.tabData(number)
        self.setTabData(number, (word, count, data))
        self._name(number)

    def data(self, number: int) -> object:
        """What `add` was given for the page's own use."""
        return self.tabData(number)[2]

    def _name(self, number: int) -> None:
        word, count, _ = self.tabData(number)
        self.setAccessibleTabName(number, f"{word} {count}".strip())
        self.setTabText(number, f"{word} {count}".strip())  # makes Qt measure the tab anew

    def tabSizeHint(self, index: int) -> QSize:
        word, count, _ = self.tabData(index) or (self.tabText(index), "", None)
        width = look().metrics("body", bold=True).horizontalAdvance(word) + _GAP
        if count:
            width += _COUNT_GAP + look().metrics("small_data").horizontalAdvance(count)
        if index == 0:
            width += self._margin - _GAP / 2
        return QSize(round(width), look().control("tab"))

    def minimumTabSizeHint(self, index: int) -> QSize:
        return self.tabSizeHint(index)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        for number in range(self.count()):
            self._draw(painter, number, QRectF(self.tabRect(number)))

    def _draw(self, painter: QPainter, number: int, rect: QRectF) -> None:
        colour, current = look().colour, number == self.currentIndex()
        word, count, _ = self.tabData(number)
        inner = rect.adjusted(_GAP / 2 if number else self._margin, 0, -_GAP / 2, 0)
        baseline = baseline_in(rect.top(), rect.height())
        painter.setFont(look().font("body", bold=current))
        painter.setPen(colour("text" if current else "muted"))
        painter.drawText(int(inner.left()), int(baseline), word)
        if count:
            left = inner.left() + look().metrics("body", bold=current).horizontalAdvance(word) + _COUNT_GAP
            painter.setFont(look().font("small_data"))
            painter.setPen(colour("muted"))
            painter.drawText(int(left), int(baseline), count)
        if current:
            painter.fillRect(QRectF(inner.left(), rect.bottom() - 2, inner.width(), 2), colour("accent"))
            if self.hasFocus():
                around = inner.adjusted(-6, 6, 6, -6)
                draw_frame(painter, around, 4, colour("focus"), None, 2)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            for number in range(self.count()):
                self.setTabText(number, self.tabText(number))
            self.updateGeometry()
