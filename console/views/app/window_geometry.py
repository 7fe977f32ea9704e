"""Stores the position and size of the window as a preference of the person, and restores them."""

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from console.views.runtime.preferences import Preferences

_WINDOW_GEOMETRY_PREFERENCE = "window"
_MAX_GEOMETRY_TEXT_LENGTH = 2_000


class WindowGeometry(QObject):
    """Stores the position, the size and the maximized state of a window in the person's preferences after each
    change.
    """

    def __init__(self, window: QWidget, preferences: "Preferences") -> None:
        super().__init__(window)
        self._window, self._preferences = window, preferences
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        changes = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.WindowStateChange)
        if event.type() in changes and self._window.isVisible():
            geometry = self._window.saveGeometry()
            self._preferences.store(_WINDOW_GEOMETRY_PREFERENCE, b64encode(geometry.data()).decode("ascii"))
        return False


def restore_geometry(window: QWidget, value: object) -> None:
    """Give the window the stored position and size; Qt adapts them to the present screens. Do nothing if `value`
    is no stored geometry."""
    if isinstance(value, str) and len(value) <= _MAX_GEOMETRY_TEXT_LENGTH:
        try:
            geometry = b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return
        window.restoreGeometry(geometry)
