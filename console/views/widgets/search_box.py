"""The search box over the veiled window: one input, grouped answers, keys at the foot."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from console.views.look.theme import look
from console.views.look.tokens import Tone, tokens
from console.views.widgets.base import Painted, Sign, Surface, Words, row
from console.views.widgets.chrome import HintBar
from console.views.widgets.omnilist import OmniGroup, OmniList
from console.views.widgets.veil import Veil

_MOST_HEIGHT = 520


class OmniboxFrame(QFrame):
    """The box itself; its border is the style sheet's."""


class _Input(QLineEdit):
    """Up, Down, Page keys and Enter belong to the list while the text is typed."""

    def __init__(self, name: str, answers: OmniList) -> None:
        super().__init__()
        self._answers = answers
        self.setAccessibleName(name)
        self.setProperty("bare", True)
        self.setFont(look().font("search_input"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self._answers.keyPressEvent(event)
        else:
            super().keyPressEvent(event)


class Omnibox(QObject):
    """Search or command, 752 px wide, 80 px from the top of its window.

    Signals:
        typed(str): the text as it stands after each key, uncleaned.
        picked(object): the `key` of the entry to open. Ctrl+Enter picks `""`: show all.
        closed: it went away without a pick.
    """

    typed = Signal(str)
    picked = Signal(object)
    closed = Signal()

    def __init__(
        self,
        window: QWidget,
        name: str,
        hints: Sequence[tuple[Sequence[str], str]] = (),
    ) -> None:
        super().__init__(window)
        self._window = window
        self._back_to: QWidget | None = None
        self.veil = Veil(window)
        self.veil.clicked.connect(self.close)
        self.frame = OmniboxFrame(window)
        self.frame.setAccessibleName(name)
        self.frame.hide()
        self.list = OmniList(name)
        self.input = _Input(name, self.list)
        self.input.textEdited.connect(self.typed)
        self.input.returnPressed.connect(self._pick)
        self.input.installEventFilter(self)
        self.list.picked.connect(self._take)
        self._read_as = Words("", "small_data", "muted")
        self._sign = Sign("check", "good", 14)
        self._finding = Words("", "small", "good")
        self.foot = HintBar(hints)
        self._build()
        self.show_finding("", "")
        window.installEventFilter(self)

    def _build(self) -> None:
        head = Surface()
        head.setFixedHeight(tokens().px("layout", "omnibox.input"))
        inner = row(Sign("search", "text", 16), self.input, self._read_as, self._sign, self._finding, gap=8)
        inner.setContentsMargins(16, 0, 16, 0)
        inner.setStretch(1, 1)
        head.setLayout(inner)
        whole = QVBoxLayout(self.frame)
        whole.setContentsMargins(1, 1, 1, 1)
        whole.setSpacing(0)
        whole.addWidget(head)
        whole.addWidget(_AccentLine())
        whole.addWidget(self.list)
        whole.addWidget(self.foot)

    def open(self) -> None:
        """Show it empty, with the focus in it; the focus goes back to where it was."""
        self._back_to = self._window.focusWidget()
        self.veil.cover()
        self.input.clear()
        self._place()
        self.frame.raise_()
        self.frame.show()
        self.input.setFocus()
        self.typed.emit("")

    @Slot()
    def close(self) -> None:
        if self.frame.isVisible():
            self._leave()
            self.closed.emit()

    @property
    def visible(self) -> bool:
        return self.frame.isVisible()

    def show_groups(self, groups: Sequence[OmniGroup]) -> None:
        """The answers; the first entry that can be opened is current."""
        self.list.show_groups(groups)
        self._place()

    def show_finding(self, read_as: str, words: str, shape: str = "check", tone: Tone = "good") -> None:
        """At the right of the input: how the text was read, and what is to say about it."""
        self._read_as.say(read_as)
        self._finding.say(words, tone)
        self._sign.show_shape(shape, tone)
        self._sign.setVisible(bool(words))

    def _pick(self) -> None:
        self.list.pick_current()

    def _take(self, key: object) -> None:
        self._leave()
        self.picked.emit(key)

    def _leave(self) -> None:
        self.frame.hide()
        self.veil.hide()
        if self._back_to is not None and self._back_to.isVisible():
            self._back_to.setFocus()

    def _place(self) -> None:
        box = tokens()
        width = min(round(box.px("layout", "omnibox.width") * look().scale), self._window.width() - 48)
        top = box.px("layout", "omnibox.top")
        room = min(_MOST_HEIGHT, self._window.height() - top - 24)
        fixed = box.px("layout", "omnibox.input") + 4 + self.foot.height()
        self.list.setFixedHeight(min(self.list.wanted_height(), max(64, room - fixed)))
        height = fixed + self.list.height()
        self.frame.setGeometry((self._window.width() - width) // 2, top, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self.frame.isVisible():
            self._place()
        if watched is self.input and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return True
        if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            return True  # the box keeps the focus
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._take("")
            return True
        return False


class _AccentLine(Painted):
    """2 px under the input: it has the focus as long as the box is there."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(2)

    def paintEvent(self, _event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), look().colour("accent"))
