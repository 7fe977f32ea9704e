"""The frame of every dialog: title, content, and a footer with Cancel first and the acting button apart."""

from typing import Literal

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.widgets.base import Surface, Words, column, scroller
from console.views.widgets.buttons import IconButton, KeyButton
from console.views.widgets.veil import Veil

_MARGIN = 20
_LEAST = 96


class DialogFrame(QDialog):
    """A decision, 640 px wide. Cancel is the default and has the first focus, so Enter cancels.

    Shown with `open()`; the outcome is `finished(int)`. The acting button is off for 600 ms after the dialog has
    appeared, so that a double click or a key typed ahead decides nothing. While `busy`, the dialog stays open and
    Esc doesn't close it; the answer replaces the content with `show_content`.
    """

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        cancel: str = "Cancel",
        act: str = "",
        kind: Literal["primary", "danger"] = "primary",
        hint: str = "",
        close_name: str = "Close",
        parent: QWidget | None = None,
    ) -> None:
        """`act` is the verb on the acting button ("" for a dialog that only tells); `hint` stands at its left."""
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.FramelessWindowHint)  # title and close button are ours
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)  # for the round corners alone
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._veil = Veil(parent.window()) if parent is not None else None
        self.finished.connect(self._unveil)
        self._title = Words("", "dialog_title")
        self._subtitle = Words("", "small", "muted", wrap=True)
        self.say_title(title, subtitle)
        self._busy = False
        self._ready = False
        self._off_reason = ""
        self.cancel_button = KeyButton(cancel, "Esc", binds=False)
        self.cancel_button.setDefault(True)
        self.cancel_button.setAutoDefault(True)
        self.cancel_button.clicked.connect(self.reject)
        self.act_button = KeyButton(act, kind=kind)
        self.act_button.setVisible(bool(act))
        self.hint = Words(hint, "small", "muted", wrap=True)
        self._area = scroller()
        self._build(close_name)
        self.setFixedWidth(self._width())

    def _width(self) -> int:
        """640 px; larger text widens it as far as the window below allows."""
        wide = round(tokens().px("layout", "dialog_width") * look().scale)
        below = self.parentWidget()
        return (
            wide
            if below is None
            else max(tokens().px("layout", "dialog_width"), min(wide, below.window().width() - 96))
        )

    def _build(self, close_name: str) -> None:
        close = IconButton("close", close_name)
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Esc and Cancel are the keyboard's way
        close.clicked.connect(self.reject)
        head = QHBoxLayout()
        head.setContentsMargins(_MARGIN, 16, 16, 0)
        head.addLayout(column(self._title, self._subtitle, gap=0), 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        footer = Surface(raised=True, edge="top")
        box = QHBoxLayout(footer)
        box.setContentsMargins(_MARGIN, 12, _MARGIN, 12)
        box.setSpacing(tokens().px("spacing", "before_acting_button"))
        box.addWidget(self.hint, 1)
        box.addWidget(self.cancel_button)
        box.addWidget(self.act_button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(1, 1, 1, 1)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(self._area)
        whole.addWidget(footer)
        QWidget.setTabOrder(self.cancel_button, self.act_button)

    def say_title(self, title: str, subtitle: str = "") -> None:
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self._title.say(title)
        self._subtitle.say(subtitle)
        self._subtitle.setVisible(bool(subtitle))

    def show_content(self, content: QWidget) -> None:
        """Put this in the middle, in place of what was there; the window keeps its place and takes its height."""
        holder = QWidget()
        holder.installEventFilter(self)
        holder.setLayout(column(content, margins=(_MARGIN, 16, _MARGIN, 16)))
        before = self._area.takeWidget()
        if before is not None:
            before.deleteLater()
        self._area.setWidget(holder)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The content asks for another height: words in it changed, or fields came and went."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self._area.widget():
            QTimer.singleShot(0, self, self.fit)
        return super().eventFilter(watched, event)

    @Slot()
    def fit(self) -> None:
        """Take the height that the content needs at this width; what the window below is too low for scrolls."""
        box, holder = self.layout(), self._area.widget()
        inner = holder.layout() if holder is not None else None
        if box is None or inner is None:
            return
        inner.activate()
        wanted = inner.totalSizeHint().height()
        if inner.hasHeightForWidth():
            wanted = inner.totalHeightForWidth(self.width() - 2)
        self._area.setFixedHeight(0)
        box.activate()
        around = box.totalHeightForWidth(self.width())
        below = self.parentWidget()
        room = below.window().height() - 2 * _MARGIN - around if below is not None else wanted
        self._area.setFixedHeight(max(_LEAST, min(wanted, room)))
        box.activate()
        self.resize(self.width(), around + self._area.height())

    def set_act_off(self, reason: str) -> None:
        """The act isn't possible (yet): the reason stands at the left of the footer."""
        self._off_reason = reason
        self.hint.say(reason)
        self.act_button.set_off(reason)

    def set_act_on(self, hint: str = "") -> None:
        self._off_reason = ""
        self.hint.say(hint)
        if self._ready and not self._busy:
            self.act_button.set_on()

    def set_busy(self, words: str) -> None:
        """From the press until the answer: nothing can be pressed twice, the dialog stays."""
        self._busy = True
        self.act_button.set_busy(words)
        self.cancel_button.setEnabled(False)

    def let_go(self, close: str, hint: str) -> None:
        """It takes long: the dialog may be closed now, what was begun goes on and is watched elsewhere."""
        self._busy = False
        self.cancel_button.say(close)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setFocus()
        self.hint.say(hint)

    def show_outcome(self, title: str, subtitle: str, content: QWidget, *, close: str, act: str = "") -> None:
        """The answer is here: other title, other content, a button to close and perhaps one that leads on.

        What the new acting button does is connected by the caller after this; the old connections are cut.
        """
        self._busy = False
        self.say_title(title, subtitle)
        self.show_content(content)
        self.cancel_button.say(close)
        self.cancel_button.setEnabled(True)
        self.act_button.clicked.disconnect()
        self.act_button.say(act)
        self.act_button.set_on()
        self.act_button.setVisible(bool(act))
        self.hint.say("")
        self.cancel_button.setFocus()

    @property
    def busy(self) -> bool:
        return self._busy

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._ready and not event.spontaneous():
            if self._veil is not None:
                self._veil.cover()
            self.act_button.setEnabled(False)
            self.cancel_button.setFocus()
            QTimer.singleShot(tokens().px("motion", "acting_button_off_ms"), self, self._allow)

    @Slot()
    def _unveil(self) -> None:
        if self._veil is not None:
            self._veil.deleteLater()
            self._veil = None

    @Slot()
    def _allow(self) -> None:
        self._ready = True
        if not self._off_reason and not self._busy:
            self.act_button.set_on()

    def paintEvent(self, _event: QPaintEvent) -> None:
        radius = tokens().px("radii", "dialog")
        draw_frame(QPainter(self), QRectF(self.rect()), radius, look().colour("border"), look().colour("base"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The window system has no title bar to move it by, so all of it is one."""
        if event.button() == Qt.MouseButton.LeftButton and self.windowHandle() is not None:
            self.windowHandle().startSystemMove()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        else:
            super().keyPressEvent(event)

    def _enter(self) -> None:
        """Enter presses the focused button, anywhere else it cancels: never the acting button by itself."""
        focus = self.focusWidget()
        button = focus if isinstance(focus, KeyButton) else self.cancel_button
        if button.isEnabled():
            button.click()

    def reject(self) -> None:
        if not self._busy:
            super().reject()
