"""Open matters: each record that is not settled, in one line with what happens next."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.records import CreditCheck
from console.views import case_words
from console.views import record_words as words
from console.views.case_words import Case
from console.views.look.tokens import tokens
from console.views.seat import Seat
from console.views.widgets.base import ElidedWords, Sign, Surface, Words, column, row
from console.views.widgets.buttons import KeyButton

_MOST = 3


class MatterList(QWidget):
    """At most three lines, the rest in the table below.

    Signals:
        opened(object): open that record.
    """

    opened = Signal(object)

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat
        self._shown: list[Case] = []
        self._title = Words(seat.say("lookup.open_matters"), "section")
        self._count = Words("", "data", "muted")
        self._box = Surface(edge="all")
        self._lines = QVBoxLayout(self._box)
        self._lines.setContentsMargins(1, 1, 1, 1)
        self._lines.setSpacing(0)
        margin = tokens().px("spacing", "page_margin")
        holder = Surface(edge="bottom")
        holder.setLayout(
            column(row(self._title, self._count, None), self._box, gap=8, margins=(margin, 12, margin, 16))
        )
        self.setLayout(column(holder))

    def show_matters(self, records: Sequence[Case]) -> None:
        while item := self._lines.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self._shown = []
        for number, record in enumerate(records[:_MOST]):
            self._lines.addWidget(self._line(record, last=number == min(len(records), _MOST) - 1))
        self._count.say(str(len(records)))
        self.setVisible(bool(records))

    @property
    def stops(self) -> list[QWidget]:
        """Where Tab stops, in order."""
        return [*self._box.findChildren(KeyButton)]

    def _line(self, record: Case, *, last: bool) -> QWidget:
        seat = self._seat
        badge = words.cell(case_words.most_telling(record, seat.now()), seat.language)
        explanation = case_words.explained(record, seat.now())
        verdict, _, following = words.explained(explanation, seat)
        button = KeyButton(seat.say("action.open"), kind="inline")
        title = case_words.title(record, seat)
        check = isinstance(record, CreditCheck)
        named = seat.say("lookup.open_matter", id=record.id) if check else seat.say("case.open", title=title)
        button.setAccessibleName(named)
        button.setProperty("place", len(self._shown))
        self._shown.append(record)
        button.clicked.connect(self._pressed)
        line = Surface(edge="none" if last else "bottom")
        word = Words(badge.word, "body", badge.tone if badge.tone != "good" else "text")
        word.setMinimumWidth(72)
        name = Words(case_words.short(record, seat))
        name.setMinimumWidth(64)
        amount = Words(case_words.amount(record))
        text = ElidedWords(seat.say("lookup.matter", verdict=verdict, next=following))
        sign = Sign(badge.shape, badge.tone, 14)
        box = row(sign, word, 8, name, 8, amount, 8, text, 8, button, gap=5, margins=(14, 5, 10, 5))
        box.setStretchFactor(text, 1)
        line.setLayout(box)
        return line

    @Slot()
    def _pressed(self) -> None:
        self.opened.emit(self._shown[int(self.sender().property("place"))])
