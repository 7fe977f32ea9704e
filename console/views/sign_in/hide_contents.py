"""Puts everything away while a cover lies over the window, and gives it back as it was."""

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QFocusFrame, QMainWindow, QWidget

_PASSING = (Qt.WindowType.Popup, Qt.WindowType.ToolTip)


class Curtain(QObject):
    """While it is down, nothing of the process but the cover is to be seen, reached by Tab or read out; what would
    appear meanwhile waits behind it. Dialogs keep what was typed into them.

    Signals:
        lowered, raised
    """

    lowered = Signal()
    raised = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._cover: QWidget | None = None
        self._away: list[QWidget] = []
        self._focus: QWidget | None = None

    @property
    def down(self) -> bool:
        return self._cover is not None

    @property
    def cover(self) -> QWidget | None:
        return self._cover

    def lower(self, cover: QWidget) -> None:
        """Show `cover` and nothing else; an older cover makes room for it."""
        first = self._cover is None
        self._drop_cover()
        self._cover = cover
        if first:
            self._focus = QApplication.focusWidget()
            QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # there is a window
        cover.setParent(self._window)
        cover.setGeometry(self._window.rect())
        self._tidy()
        cover.show()
        cover.raise_()
        if first:
            self.lowered.emit()

    def lift(self) -> None:
        """Take the cover away; everything is back where it was, the focus too."""
        if self._cover is None:
            return
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]  # there is a window
        self._drop_cover()
        away, self._away = [widget for widget in self._away if shiboken6.isValid(widget)], []
        for widget in sorted(away, key=QWidget.isWindow):
            widget.show()
        focus, self._focus = self._focus, None
        if focus is not None and shiboken6.isValid(focus):
            focus.window().activateWindow()
            focus.setFocus(Qt.FocusReason.OtherFocusReason)
        self.raised.emit()

    def abandon(self) -> None:
        """The window goes, with all that is behind the curtain: keep nothing else away."""
        if self._cover is not None:
            QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]  # there is a window
            self._cover, self._away = None, []

    def _drop_cover(self) -> None:
        if self._cover is not None:
            self._cover.hide()
            self._cover.deleteLater()
            self._cover = None

    # -- what would appear meanwhile

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and self._is_foreign(watched):
            if self._cover is not None:
                self._cover.raise_()
            QTimer.singleShot(0, self, self._tidy)  # a widget may not be hidden in the middle of being shown
        elif watched is self._window and event.type() == QEvent.Type.Resize and self._cover is not None:
            self._cover.setGeometry(self._window.rect())
        return False

    @Slot()
    def _tidy(self) -> None:
        """Put away whatever is in sight and isn't the cover's."""
        if self._cover is None:
            return
        for widget in [*self._window.findChildren(QWidget, options=_DIRECT), *QApplication.topLevelWidgets()]:
            if widget.isVisible() and self._is_foreign(widget):
                if widget.windowType() in _PASSING:
                    widget.close()
                else:
                    ours = QApplication.activeWindow() is not None
                    widget.hide()
                    self._away.append(widget)
                    if ours:
                        self._window.activateWindow()  # a dialog takes the keyboard with it

    def _is_foreign(self, widget: QWidget) -> bool:
        """A window, or a part that lies directly in ours, which neither is the cover nor hangs on it."""
        if widget is self._window or isinstance(widget, QFocusFrame):
            return False
        over: QWidget | None = widget
        while over is not None and over is not self._cover:
            over = over.parentWidget()
        return over is None and (widget.isWindow() or widget.parentWidget() is self._window)


_DIRECT = Qt.FindChildOption.FindDirectChildrenOnly
