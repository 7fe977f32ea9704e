"""The focus ring: 2 px around the control that has the focus."""

from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, QRectF, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFocusFrame, QProxyStyle, QStyle, QStyleOption, QWidget

from console.views.theme.design_tokens import tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleHintReturn


class _FocusRingStyle(QProxyStyle):
    """The Qt style of the focus ring. Qt paints the ring above the focused widget. `ring_distance_px` is the distance
    in px between the outer edge of the ring and the edge of the widget."""

    ring_distance_px = 4

    def pixelMetric(
        self, metric: QStyle.PixelMetric, option: QStyleOption | None = None, widget: QWidget | None = None
    ) -> int:
        if metric in (QStyle.PixelMetric.PM_FocusFrameHMargin, QStyle.PixelMetric.PM_FocusFrameVMargin):
            return self.ring_distance_px
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
    """The ring around the widget that has the focus. The base class QFocusFrame moves the ring when the widget
    moves or scrolls."""

    def __init__(self) -> None:
        super().__init__()
        self._ring_style = _FocusRingStyle()
        self._ring_style.setParent(self)
        self.setStyle(self._ring_style)
        self._radius = 0

    def surround_widget(self, widget: QWidget | None, gap_px: int = 0) -> None:
        """Show the ring around a widget, at a distance of `gap_px` px. If the widget is None, hide the ring."""
        self._ring_style.ring_distance_px = gap_px + tokens().px("focus", "width")
        self._radius = tokens().px("radii", "control") + gap_px
        self.setWidget(widget)  # type: ignore[arg-type]  # Qt takes null: no widget

    def paintEvent(self, _event: QPaintEvent) -> None:
        width = tokens().px("focus", "width")
        draw_frame(
            QPainter(self), QRectF(self.rect()), self._radius, current_appearance().colour("focus"), None, width
        )


class FocusRingMover(QObject):
    """The object that moves the application's only focus ring to the widget that has the focus.

    A widget gets the ring if it has an attribute `focus_ring_gap_px` that isn't None: the gap in px between its edge
    and the ring. Rows, list entries, panels, and text fields without an error don't get the ring, because they show
    their focus inside their own edges.
    """

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._ring: FocusRing | None = None
        app.focusChanged.connect(self._move_ring)

    @Slot("QWidget*", "QWidget*")
    def _move_ring(self, _old: QWidget | None, new_widget: QWidget | None) -> None:
        gap = getattr(new_widget, "focus_ring_gap_px", None)
        if self._ring is not None and shiboken6.isValid(self._ring):
            self._ring.surround_widget(None)
        elif gap is not None:
            self._ring = FocusRing()  # there is no ring yet, or it was destroyed with its window
        if self._ring is not None and gap is not None:
            self._ring.surround_widget(new_widget, gap)

    def refresh_ring(self) -> None:
        """Show the focus ring with its new gap, because the attribute `focus_ring_gap_px` of the focused widget has
        changed."""
        self._move_ring(None, QApplication.focusWidget())


def install_focus_ring() -> None:
    """Install the focus ring in the application; do nothing if it is installed already."""
    app = QApplication.instance()
    if isinstance(app, QApplication) and app.findChild(FocusRingMover) is None:
        FocusRingMover(app)


def refresh_focus_ring() -> None:
    """Show the focus ring with its new gap, because the attribute `focus_ring_gap_px` of the focused widget has
    changed."""
    app = QApplication.instance()
    rings = app.findChild(FocusRingMover) if app else None
    if rings is not None:
        rings.refresh_ring()
