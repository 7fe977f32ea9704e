"""What every screen has: a head, bars above the content, the content, hints below, and when it reads anew."""

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLayout, QVBoxLayout, QWidget

from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.pages.hints import Hints
from console.views.routes import Route
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, row
from console.views.widgets.buttons import KeyButton

log = logging.getLogger("console.views")
_HEAD_GAPS = 88  # margins and spaces between the parts of a head, in px
Hint = tuple[Sequence[str], str]
"""The keys of one hint and the wording key of what they do."""


def in_order(*stops: QWidget) -> None:
    """Tab goes from one to the next in this order."""
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)


class PageHead(Surface):
    """Title, a sentence on what this is, when it was read, and reading again."""

    def __init__(self, title: str, sentence: str = "", button: KeyButton | None = None) -> None:
        super().__init__()
        self.title = Words(title, "title")
        self.sentence = Words(sentence, "body", "muted", wrap=True)
        self.read_at = Words("", "small", "muted")
        margin = tokens().px("spacing", "page_margin")
        self.stops: tuple[QWidget, ...] = (button,) if button else ()
        beside = self.stops
        self._right = QWidget()
        self._right.setLayout(row(self.read_at, *beside, gap=8))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(margin, 12, margin, 12)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self._grid.addWidget(self._right, 0, 2)
        self._below: bool | None = None
        self._place(below=False)

    def _place(self, *, below: bool) -> None:
        """The sentence beside the title, or in a line of its own where it doesn't fit."""
        if below != self._below:
            self._below = below
            self._grid.removeWidget(self.sentence)
            if below:
                self._grid.addWidget(self.sentence, 1, 0, 1, 3)
            else:
                self._grid.addWidget(self.sentence, 0, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Look again at whether the sentence fits beside the title."""
        words = look().metrics("body").horizontalAdvance(self.sentence.plain)
        others = self.title.sizeHint().width() + self._right.sizeHint().width()
        self._place(below=others + words + _HEAD_GAPS > self.width())


class Page(QWidget):
    """One screen. Hidden, it is only marked as due and reads when it is shown; each reading has its reason.

    Subclasses build themselves from `add`, and implement `read` and, where they take one, `enter`.
    """

    place = ""
    help_key = "screen.help"
    hints: Sequence[Hint] = ()

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.seat = seat
        self._due = ""
        self._named_bars: dict[str, Bar] = {}
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.setSpacing(0)
        self._bars = QVBoxLayout()
        self._bars.setSpacing(8)
        self.hint_bar = Hints([(keys, seat.say(words)) for keys, words in self.hints])
        seat.changed.connect(self._see_changes)
        seat.arrived.connect(self._arrived)
        seat.person_changed.connect(self._other_person)

    # -- building

    def add(self, part: QWidget | QLayout, stretch: int = 0) -> None:
        """The next part from the top."""
        if isinstance(part, QLayout):
            self._whole.addLayout(part, stretch)
        else:
            self._whole.addWidget(part, stretch)

    def add_bars(self) -> None:
        """Here is where bars appear."""
        self._whole.addLayout(self._bars)

    def add_hints(self) -> None:
        self._whole.addWidget(self.hint_bar)

    def key(self, keys: str, act: Callable[[], object]) -> None:
        """These keys act while the focus is on this page, never in a text field."""
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(act)

    def key_button(self, button: KeyButton) -> None:
        """The key on the cap of a button that doesn't listen by itself."""
        self.key(button.key, button.click)

    # -- being shown

    def enter(self, route: Route) -> None:
        """Somebody comes here, perhaps for something else than before."""

    def entered(self) -> None:
        """Put the focus where work begins."""

    def refresh(self, reason: str) -> None:
        """Read anew, now or when it is shown."""
        if not self.seat.ready:
            return
        if self.isVisible():
            log.debug("%s reads anew: %s", type(self).__name__, reason)
            self._due = ""
            self.read(reason)
        else:
            self._due = reason

    def read(self, reason: str) -> None:
        """Ask the services for what is shown."""

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        """Whether these changes alter what is shown."""
        return bool(changes)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._due:
            self.refresh(self._due)

    @Slot(object)
    def _see_changes(self, changes: frozenset[tuple[str, int]]) -> None:
        if self.concerned(changes):
            self.refresh("changed")

    @Slot()
    def _arrived(self) -> None:
        self.refresh("arrived")

    @Slot()
    def _other_person(self) -> None:
        self.refresh("person")

    # -- bars

    def show_bar(self, name: str, bar: Bar) -> None:
        """Show a bar under its name; it takes the place of an older one of that name."""
        self.hide_bar(name)
        margin = tokens().px("spacing", "page_margin")
        self._bars.setContentsMargins(margin, 8, margin, 8)
        self._named_bars[name] = bar
        self._bars.addWidget(bar)

    def hide_bar(self, name: str) -> None:
        bar = self._named_bars.pop(name, None)
        if bar is not None:
            self._bars.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
        if not self._named_bars:
            self._bars.setContentsMargins(0, 0, 0, 0)

    def bar_names(self) -> tuple[str, ...]:
        return tuple(self._named_bars)

    @Slot(object)
    def reading_failed(self, failure: Failure) -> None:
        """What is shown stays; a bar says what happened and offers to try again."""
        again = KeyButton(self.seat.say("action.try_again"), kind="inline")
        again.clicked.connect(self.read_again)
        words = self.seat.message(failure)
        self.show_bar("failed", Bar(self.seat.say("screen.not_read"), words, tone="bad", shape="cross", button=again))

    @Slot()
    def read_again(self) -> None:
        self.refresh("asked")

    def reading_done(self) -> None:
        self.hide_bar("failed")
