"""The keys of a page at its foot: as many as there is room for, none of them cut; the list of keys has them all."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.look.theme import look
from console.views.widgets.badge import KeyCap
from console.views.widgets.base import Surface, Words, row
from console.views.widgets.flow import flowing


class Hints(Surface):
    """One line of keys with their words, and a count at the right."""

    def __init__(self, hints: Sequence[tuple[Sequence[str], str]]) -> None:
        super().__init__(edge="top")
        self.count = Words("", "small", "muted")
        # In a line of fixed height, what goes on in the next line is simply not seen.
        flow = flowing(*(_hint(keys, words) for keys, words in hints), gap=16, line_gap=40)
        flow.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        box = row(flow, self.count, gap=16, margins=(24, 6, 24, 4))
        box.setStretch(0, 1)
        self.setLayout(box)
        self.setFixedHeight(look().layout("hint_bar"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(look().layout("hint_bar"))


def _hint(keys: Sequence[str], words: str) -> QWidget:
    one = QWidget()
    one.setLayout(row(*(KeyCap(key) for key in keys), Words(words, "small", "muted"), gap=6))
    return one
