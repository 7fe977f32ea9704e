"""Hides all widgets and windows of the process except one widget (the cover), and shows them again later."""

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QDialog, QFocusFrame, QMainWindow, QWidget

from console.views.runtime.context import WindowContext
from console.views.widgets.base import discard_widget

_TRANSIENT_WINDOW_TYPES = (Qt.WindowType.Popup, Qt.WindowType.ToolTip)


class WindowCover(QObject):
    """Hides every widget of the main window except one widget, the cover, and hides every other window of the
    process. Then neither the Tab key nor a screen reader reaches the hidden contents. The WindowCover also hides a
    widget that the program shows while the window is covered. Hidden dialogs keep their inputs. Popups (such as an
    open menu) and tooltips are closed, and don't appear again.

    Signals:
    - cover_shown: a cover hides the window from now on, or a new cover has replaced the previous one.
    - cover_removed: no cover hides the window any more.
    """

    cover_shown = Signal()
    cover_removed = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._cover: QWidget | None = None
        self._hidden_widgets: list[QWidget] = []
        self._focus_before_cover: QWidget | None = None

    @property
    def is_covered(self) -> bool:
        """True while a cover hides the window."""
        return self._cover is not None

    @property
    def cover(self) -> QWidget | None:
        """The widget that hides the window's contents at present; None if the window isn't covered."""
        return self._cover

    def show_cover(self, cover: QWidget) -> None:
        """Hide all other widgets and windows, and show `cover`. If the window already has a cover, delete the earlier
        cover."""
        was_uncovered = self._cover is None
        self._delete_cover()
        self._cover = cover
        if was_uncovered:
            self._focus_before_cover = QApplication.focusWidget()
            QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # there is a window
        cover.setParent(self._window)
        cover.setGeometry(self._window.rect())
        self._hide_other_widgets()
        cover.show()
        cover.raise_()
        self.cover_shown.emit()

    def remove_cover(self) -> None:
        """Delete the cover, show the hidden widgets and windows again, and restore the focus. Do nothing if there
        is no cover."""
        if self._cover is None:
            return
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]  # there is a window
        self._delete_cover()
        hidden_widgets, self._hidden_widgets = (
            [widget for widget in self._hidden_widgets if shiboken6.isValid(widget)],
            [],
        )
        for widget in sorted(hidden_widgets, key=QWidget.isWindow):
            widget.show()
        focus_before_cover, self._focus_before_cover = self._focus_before_cover, None
        if focus_before_cover is not None and shiboken6.isValid(focus_before_cover):
            focus_before_cover.window().activateWindow()
            focus_before_cover.setFocus(Qt.FocusReason.OtherFocusReason)
        self.cover_removed.emit()

    def reject_hidden_dialogs(self) -> None:
        """Close the dialogs behind the cover as the Esc key does, the newest first. A dialog whose action is being
        executed stays."""
        for widget in reversed(self._hidden_widgets):
            if shiboken6.isValid(widget) and isinstance(widget, QDialog):
                widget.reject()

    def discard_cover(self) -> None:
        """Stop covering the window without showing the hidden widgets again, because the window is being
        destroyed."""
        if self._cover is not None:
            QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]  # there is a window
            self._cover, self._hidden_widgets = None, []

    def _delete_cover(self) -> None:
        if self._cover is not None:
            discard_widget(self._cover)
            self._cover = None

    # -- widgets that are shown while the cover is on screen

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and self._must_hide_widget(watched):
            if self._cover is not None:
                self._cover.raise_()
            QTimer.singleShot(
                0, self, self._hide_other_widgets
            )  # a widget must not be hidden inside its own show event
        elif watched is self._window and event.type() == QEvent.Type.Resize and self._cover is not None:
            self._cover.setGeometry(self._window.rect())
        return False

    @Slot()
    def _hide_other_widgets(self) -> None:
        """Hide every visible widget and window that isn't a part of the cover; close popups and tooltips."""
        if self._cover is None:
            return
        for widget in [
            *self._window.findChildren(QWidget, options=_DIRECT_CHILDREN_ONLY),
            *QApplication.topLevelWidgets(),
        ]:
            if widget.isVisible() and self._must_hide_widget(widget):
                if widget.windowType() in _TRANSIENT_WINDOW_TYPES:
                    widget.close()
                else:
                    was_process_active = QApplication.activeWindow() is not None
                    widget.hide()
                    self._hidden_widgets.append(widget)
                    if was_process_active:
                        self._window.activateWindow()  # hiding a dialog takes the keyboard focus away

    def _must_hide_widget(self, widget: QWidget) -> bool:
        """Return True if the widget must be hidden: it is a window or a direct child of the main window, and isn't
        a part of the cover."""
        if widget is self._window or isinstance(widget, QFocusFrame):
            return False
        ancestor: QWidget | None = widget
        while ancestor is not None and ancestor is not self._cover:
            ancestor = ancestor.parentWidget()
        return ancestor is None and (widget.isWindow() or widget.parentWidget() is self._window)


_DIRECT_CHILDREN_ONLY = Qt.FindChildOption.FindDirectChildrenOnly


class CoveredWindow(QObject):
    """Base class of an object that owns a main window, the window's WindowContext, and the WindowCover that can
    hide the window's contents."""

    window: QMainWindow
    context: WindowContext
    window_cover: WindowCover
