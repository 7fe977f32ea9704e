"""Checks in the pixels of the window that a person can see which widget has the focus."""

from array import array

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from console.views.theme.theme import current_appearance
from tests.desk.window_person import get_accessible_name

_RING_AREA_MARGIN_PX = 6  # a ring stands up to 4 px outside its widget
_MIN_CHANGED_PIXEL_COUNT = 40  # two short edges of the smallest control


def find_focus_problem() -> str:
    """Return the reason for which a person could not see the focus; "" if the focus is visible. The focus is
    visible if one visible widget has it and a ring in the focus colour is drawn there: the pixels of this colour
    disappear when the widget loses the focus. The check takes the focus away from the widget and gives it back."""
    widget = QApplication.focusWidget()
    if widget is None:
        return "no widget has the focus"
    words = f"{type(widget).__name__} {get_accessible_name(widget)!r}"
    if not widget.isVisible() or widget.visibleRegion().isEmpty():
        return f"{words} has the focus and can't be seen"
    with_focus = _count_focus_pixels(widget)
    widget.clearFocus()
    without_focus = _count_focus_pixels(widget)
    widget.setFocus()
    if with_focus - without_focus < _MIN_CHANGED_PIXEL_COUNT:
        return f"{words} has the focus without a ring: {with_focus} pixels, {without_focus} without the focus"
    return ""


def _count_focus_pixels(widget: QWidget) -> int:
    window = widget.window()
    place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
    place = place.adjusted(
        -_RING_AREA_MARGIN_PX, -_RING_AREA_MARGIN_PX, _RING_AREA_MARGIN_PX, _RING_AREA_MARGIN_PX
    ).intersected(window.rect())
    image = window.grab(place).toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = array("I", bytes(image.constBits()))
    return pixels.count(current_appearance().colour("focus").rgb())
