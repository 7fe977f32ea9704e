"""The focus ring: 2 px around the one control that has the focus."""

from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, QRectF, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFocusFrame, QProxyStyle, QStyle, QStyleOption, QWidget

from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.look.tokens import tokens

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleHintReturn


class _Margins(QProxyStyle):
    """Tells the frame how far it reaches beyond its widget, and that it lies above it."""

    reach = 4

    def pixelMetric(
        self, metric: QStyle.PixelMetric, option: QStyleOption | None = None, widget: QWidget | None = None
    ) -> int:
        if metric in (QStyle.PixelMetric.PM_FocusFrameHMargin, QStyle.PixelMetric.PM_FocusFrameVMargin):
            return self.reach
        return super().pixelMetric(metric, option, widget)

    def styleHint(
        self,
        hint: QStyle.StyleHint,
        option: QStyleOption | None = None,
        widget: QWidget | None = None,
        data: "QStyleHintReturn | None" = None,
    ) -> int:
        if hint == QStyle.StyleHint.SH_FocusFrame_AboveWidget:
            return 1
        if hint == QStyle.StyleHint.SH_FocusFrame_Mask:
            return 0
        return super().styleHint(hint, option, widget, data)


class FocusRing(QFocusFrame):
    """A ring that goes where it is sent; the frame below it follows the widget's moves and scrolling."""

    def __init__(self) -> None:
        super().__init__()
        self._margins = _Margins()
        self._margins.setParent(self)
        self.setStyle(self._margins)
        self._radius = 0

    def surround(self, widget: QWidget | None, gap: int = 0) -> None:
        self._margins.reach = gap + tokens().px("focus", "width")
        self._radius = tokens().px("radii", "control") + gap
        self.setWidget(widget)  # type: ignore[arg-type]  # Qt takes null: no widget

    def paintEvent(self, _event: QPaintEvent) -> None:
        width = tokens().px("focus", "width")
        draw_frame(QPainter(self), QRectF(self.rect()), self._radius, look().colour("focus"), None, width)


class FocusRings(QObject):
    """Puts the one ring of the application around its focus.

    A widget asks for it with an attribute `focus_ring`, the gap between its edge and the ring in px. Rows, list
    entries, panels and text fields have no such attribute: they draw their focus inside themselves.
    """

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._ring: FocusRing | None = None
        app.focusChanged.connect(self._move)

    @Slot("QWidget*", "QWidget*")
    def _move(self, _old: QWidget | None, new: QWidget | None) -> None:
        gap = getattr(new, "focus_ring", None)
        if self._ring is not None and shiboken6.isValid(self._ring):
            self._ring.surround(None)
        elif gap is not None:
            self._ring = FocusRing()  # the first, or the last one went with the window it lay in
        if self._ring is not None and gap is not None:
            self._ring.surround(new, gap)

    def refresh(self) -> None:
        """The focused widget wants its ring now, or no longer."""
        self._move(None, QApplication.focusWidget())


def have_rings() -> None:
    """See to it that the application's focus has its ring."""
    app = QApplication.instance()
    if isinstance(app, QApplication) and app.findChild(FocusRings) is None:
        FocusRings(app)


def refresh_ring() -> None:
    """Look again at whether the focused widget wants a ring."""
    app = QApplication.instance()
    rings = app.findChild(FocusRings) if app else None
    if rings is not None:
        rings.refresh()
