"""Messages of a window: bars above the content, and toasts at the bottom right."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QAccessible, QDesktopServices, QGuiApplication, QResizeEvent, QShowEvent, QWindow
from PySide6.QtWidgets import QBoxLayout, QFrame, QSizePolicy, QWidget

from console.views.runtime.announcer import announce, spoken_text
from console.views.runtime.routes import RecordPageRoute
from console.views.theme.design_tokens import Tone
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ShapeIcon, TextLabel, make_column, make_row
from console.views.widgets.buttons import IconButton, KeyButton
from console.views.widgets.flow_layout import make_flow_widget

_TOAST_WIDTH_PX = 360
_MAX_TOASTS = 3


class NotificationBar(QFrame):
    """A message about the whole page: icon, bold text (`lead`), text (`words`) and at most two buttons, in the
    colours of a tone.

    The bar stands above the content and never covers it. It is announced once when it appears, and again when its
    text changes. A bar that appears together with its window is a part of that window's text, and isn't announced.
    """

    accessible_role = QAccessible.Role.Notification

    def __init__(
        self,
        lead: str,
        words: str = "",
        *,
        tone: Tone = "text",
        shape: str = "warning",
        button: KeyButton | None = None,
        second: QWidget | None = None,
        narrow: bool = False,
        is_announced: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """`second` is the second button. With `narrow`, the text stands below the bold text, for use in a narrow
        panel. With `is_announced` False, a screen reader reads the bar only where the person goes to it, because the
        same fact is announced elsewhere.
        """
        super().__init__(parent)
        self.setProperty("tone", tone)
        # With a fixed height, Qt would not let the bar be higher than its preferred height, at any width.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.button = button
        self.tone: Tone = tone
        self.shape = shape
        self._is_announced, self._announced_sentence = is_announced, ""
        self._lead = TextLabel(lead, bold=True)
        self._words = TextLabel(words, wrap=True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._texts: QBoxLayout | None = None
        buttons = self._buttons = [item for item in (button, second) if item is not None]
        sign = ShapeIcon(shape, "muted" if tone == "text" else tone)
        if narrow:
            box = make_row(gap=8, margins=(12, 8, 12, 8))
            box.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
            box.addLayout(make_column(self._lead, self._words, *buttons, gap=2), 1)
            self.setLayout(box)
        else:
            self._texts = QBoxLayout(QBoxLayout.Direction.LeftToRight)
            self._texts.setSpacing(8)
            self._texts.addWidget(self._lead)
            self._texts.addWidget(self._words, 1)
            self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
            self._body.setSpacing(8)
            self._body.addLayout(self._texts, 1)
            if buttons:
                self._body.addWidget(make_flow_widget(*buttons), 0, Qt.AlignmentFlag.AlignVCenter)
            box = make_row(gap=8, margins=(12, 5, 12, 5))
            box.addWidget(sign)
            box.addSpacing(4)
            box.addLayout(self._body, 1)
            self.setLayout(box)
        self.setMinimumHeight(36)
        self._set_accessible_name()

    def _fit_texts(self) -> None:
        """Put the text beside the bold text, or below it if the bold text would leave less than half of the bar; and
        the buttons below both if they would take more than half of the bar.
        """
        if self._texts is None:
            return
        beside, under = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        room, buttons = self.width() - 60, sum(item.sizeHint().width() + 8 for item in self._buttons)
        self._body.setDirection(under if buttons > room / 2 else beside)
        room -= 0 if buttons > room / 2 else buttons
        below = bool(self._words.plain) and self._lead.line_width() > room / 2
        self._texts.setDirection(under if below else beside)
        self._texts.setSpacing(0 if below else 8)
        self._lead.set_wrapping(below or self._lead.line_width() > room)
        self._lead.setVisible(bool(self._lead.plain))  # an empty label would leave a gap before the text
        self._words.setVisible(bool(self._words.plain))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_texts()

    def show_text(self, lead: str, words: str) -> None:
        self._lead.show_text(lead)
        self._words.show_text(words)
        self._fit_texts()
        self._set_accessible_name()
        if self.isVisible():
            self._announce_sentence()

    @property
    def sentence(self) -> str:
        """The whole text of the bar (the bold text and the text) as a screen reader reads it."""
        return spoken_text(self._lead.plain, self._words.plain)

    def mark_announced(self) -> None:
        """Don't announce the present text: something else has announced it already."""
        self._announced_sentence = self.sentence

    def _set_accessible_name(self) -> None:
        self.setAccessibleName(self.sentence)

    def _announce_sentence(self) -> None:
        if self._is_announced and self.sentence != self._announced_sentence:
            self.mark_announced()
            announce(self, self.sentence, shape=self.shape, tone=self.tone)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if _is_appearing(self.window()):
            self.mark_announced()
        self._announce_sentence()


class FileButtons(QWidget):
    """Two buttons about a written file: copy its path, and open its folder. Hidden while there is no path."""

    def __init__(self, copy_words: str, open_words: str) -> None:
        super().__init__()
        self._path = ""
        copy, folder = KeyButton(copy_words, kind="inline"), KeyButton(open_words, kind="inline")
        copy.clicked.connect(self._copy_path)
        folder.clicked.connect(self._open_folder)
        self.setLayout(make_column(make_flow_widget(copy, folder, gap=8)))

    def show_path(self, path: str) -> None:
        """Let the buttons act on the file of this path; "" hides them."""
        self._path = path
        self.setVisible(bool(path))

    @Slot()
    def _copy_path(self) -> None:
        QGuiApplication.clipboard().setText(self._path)

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._path).absolute().parent)))


class ToastFrame(QFrame):
    """The widget of one toast: a short message that disappears after some seconds.

    Signals:
    - closed: the time of display has ended, or the person has closed the message.
    """

    closed = Signal()
    accessible_role = QAccessible.Role.Notification

    def __init__(
        self,
        words: str,
        detail: str = "",
        *,
        shape: str = "check",
        tone: Tone = "good",
        close: str = "Close",
        route: RecordPageRoute | None = None,
    ) -> None:
        """`route` is the record that the message is about; None means the record of the visible page, if any."""
        super().__init__()
        self.shape, self.route = shape, route
        self.tone: Tone = tone
        self.fit_width()
        self.setAccessibleName(spoken_text(words, detail))
        self.path = ""
        texts = self._texts = make_column(TextLabel(words, wrap=True), gap=0)
        if detail:
            texts.addWidget(TextLabel(detail, "small", "muted", wrap=True))
        button = IconButton("close", close)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab never stops at what goes by itself
        button.clicked.connect(self.closed)
        self._close_button = button
        box = make_row(gap=8, margins=(12, 8, 8, 8))
        box.addWidget(ShapeIcon(shape, tone), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(texts, 1)
        box.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(box)

    def add_file_buttons(self, path: str, copy_words: str, open_words: str) -> None:
        """Show the path of a written file with two buttons: copy the path, and open the folder of the file. The
        message then stays until the person closes it.
        """
        self.path = path
        self._close_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # this one stays
        buttons = FileButtons(copy_words, open_words)
        buttons.show_path(path)
        self._texts.addWidget(buttons)

    def fit_width(self) -> None:
        """Give the toast its own width, which it has outside of dialogs."""
        self.setFixedWidth(round(_TOAST_WIDTH_PX * current_appearance().scale))

    def fit_height(self) -> None:
        """Set the height that the texts need at the width of the toast."""
        layout = self.layout()
        if layout is not None:
            self.setFixedHeight(layout.totalHeightForWidth(self.width()))


class ToastHost(Protocol):
    """A dialog that shows the toasts itself while it is open, because it covers the window."""

    def show_toast(self, toast: ToastFrame) -> None:
        """Put the toast into the dialog, beside its controls and not over them."""


class Toasts(QObject):
    """The toasts (short messages) at the bottom right of a window. At most three are shown; a fourth replaces the
    oldest. While a dialog is open, the newest toast stands in the dialog instead, because the window is behind it.
    """

    def __init__(
        self,
        window: QWidget,
        *,
        find_lower_bars: Callable[[], list[QWidget]] = list,
        seconds: float = 4.0,
    ) -> None:
        """`find_lower_bars` returns the bars at the bottom of the window that the toasts must not cover; each toast
        is shown for `seconds`.
        """
        super().__init__(window)
        self._window, self._find_lower_bars, self._seconds = window, find_lower_bars, seconds
        self._toasts: list[ToastFrame] = []
        self._dialogs: list[ToastHost] = []
        window.installEventFilter(self)

    def show_toast(self, toast: ToastFrame) -> None:
        """Show a toast for the configured seconds, and announce it to screen readers."""
        if len(self._toasts) == (1 if self._dialogs else _MAX_TOASTS):
            self._remove_toast(self._toasts[0])
        toast.closed.connect(self._remove_sender)
        if not toast.path:
            QTimer.singleShot(round(self._seconds * 1000), toast, toast.closed.emit)
        self._toasts.append(toast)
        self._put_in_place(toast)
        announce(
            toast, toast.accessibleName(), shape=toast.shape, tone=toast.tone, route=toast.route, path=toast.path
        )

    def _put_in_place(self, toast: ToastFrame) -> None:
        if self._dialogs:
            self._dialogs[-1].show_toast(toast)
        else:
            toast.setParent(self._window)
            toast.fit_width()
            self.place_toasts()
        toast.show()

    def add_dialog(self, dialog: "ToastHost") -> None:
        """Show the newest toast in this dialog, and the next ones, until `remove_dialog`; remove the older ones."""
        self._dialogs.append(dialog)
        for toast in self._toasts[:-1]:
            self._remove_toast(toast)
        for toast in self._toasts:
            self._put_in_place(toast)

    def remove_dialog(self, dialog: "ToastHost") -> None:
        """Show the toasts of a dialog that is being closed in the window again, at their usual place."""
        if dialog in self._dialogs:
            self._dialogs.remove(dialog)
            for toast in self._toasts:
                self._put_in_place(toast)

    @property
    def visible_toasts(self) -> tuple[ToastFrame, ...]:
        return tuple(self._toasts)

    @Slot()
    def _remove_sender(self) -> None:
        toast = self.sender()
        if isinstance(toast, ToastFrame) and toast in self._toasts:
            self._remove_toast(toast)
            self.place_toasts()

    def _remove_toast(self, toast: ToastFrame) -> None:
        self._toasts.remove(toast)
        toast.hide()
        toast.deleteLater()

    @Slot()
    def place_toasts(self) -> None:
        """Place the toasts above the bars at the bottom of the window."""
        if self._dialogs:
            return
        tops = [bar.mapTo(self._window, QPoint(0, 0)).y() for bar in self._find_lower_bars() if bar.isVisible()]
        bottom = min([self._window.height(), *tops]) - 16
        for toast in reversed(self._toasts):
            toast.fit_height()
            bottom -= toast.height()
            toast.move(self._window.width() - toast.width() - 16, bottom)
            toast.raise_()
            bottom -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self.place_toasts()
        elif watched is self._window and event.type() == QEvent.Type.StyleChange:
            QTimer.singleShot(0, self, self._fit_toasts)  # after the labels have their new text size
        return False

    @Slot()
    def _fit_toasts(self) -> None:
        for toast in self._toasts:
            self._put_in_place(toast)


def _is_appearing(window: QWidget) -> bool:
    """Return True while Qt shows this window for the first time, or again after it was hidden."""
    handle: QWindow | None = window.windowHandle()
    return handle is None or not handle.isVisible()
