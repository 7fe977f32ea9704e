"""The parts of a record's page: its sides, its documents, and verdict / why / next / you can."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QFormLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.views.look.tokens import Tone
from console.views.widgets.base import ElidedWords, Sign, Surface, Words, column, half_air, row, set_property

_LABEL_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Side:
    """What one side says: name, state word with shape and tone, the other party's own word, amount, two lines.

    `differs` frames it; `differs_word` is what a screen reader says for the frame.
    """

    name: str
    word: str
    shape: str
    tone: Tone
    own_word: str = ""
    amount: str = ""
    fact: str = ""
    source: str = ""
    differs: bool = False
    differs_word: str = ""

    def spoken(self) -> str:
        marked = self.differs_word if self.differs else ""
        parts = (self.name, marked, self.word, self.own_word, self.amount, self.fact, self.source)
        return ", ".join(part for part in parts if part)


class SidePanel(Surface):
    """One side of a record. `add_tool` puts copy buttons and links on its last line."""

    def __init__(self, side: Side) -> None:
        super().__init__(raised=True, edge="right")
        self._name = Words("", "small", "muted")
        self._sign = Sign("dash", "muted")
        self._word = Words("", "section")
        self._own = ElidedWords("", "small_data", "muted")
        self._amount = Words("", "figure", bold=True)
        self._fact = Words("", "small", "muted", wrap=True)
        self._source = Words("", "small", "muted")
        first = row(self._sign, self._word, self._own, None, self._amount, gap=6)
        self._last = row(self._source, None, gap=6)
        self._box = column(self._name, first, self._fact, self._last, None, gap=0)
        self.setLayout(self._box)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.show_side(side)

    def add_tool(self, tool: QWidget) -> None:
        self._last.insertWidget(self._last.count() - 1, tool)

    def show_side(self, side: Side) -> None:
        self.setAccessibleName(side.spoken())
        self._name.say(side.name)
        # The sign of the difference stands first: the frame alone would be colour and line only.
        self._sign.show_shape("not_equal" if side.differs else side.shape, "bad" if side.differs else side.tone)
        self._word.say(side.word, "bad" if side.differs else side.tone)
        self._own.say(side.own_word)
        self._amount.say(side.amount)
        self._fact.say(side.fact)
        self._source.say(side.source)
        self._source.setVisible(bool(side.source))
        set_property(self, "differs", side.differs)
        self._pad(framed=side.differs)

    def _pad(self, *, framed: bool) -> None:
        """The frame is 2 px where the line is none or 1: the padding gives way, so that nothing jumps."""
        left = 22 if framed else 24
        self._box.setContentsMargins(left, 8 if framed else 10, 14 if framed else 15, 6 if framed else 8)


class Strip(Surface):
    """The sides of a record, of equal width, always in the same order; it never scrolls away."""

    def __init__(self, sides: Sequence[Side], name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent, raised=True, edge="bottom")
        self.setAccessibleName(name)
        self._box = QHBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        self.panels: list[SidePanel] = []
        self.show_sides(sides)

    def fit(self, room: int) -> None:
        """Side by side in so much room (px), or one above the other where their words don't fit."""
        self._box.setDirection(QBoxLayout.Direction.LeftToRight)
        if self._box.minimumSize().width() > room:
            self._box.setDirection(QBoxLayout.Direction.TopToBottom)

    def show_sides(self, sides: Sequence[Side]) -> None:
        for panel, side in zip(self.panels, sides, strict=False):
            panel.show_side(side)
        for side in sides[len(self.panels) :]:
            panel = SidePanel(side)
            self.panels.append(panel)
            self._box.addWidget(panel, 1)


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """One thing a credit check consists of: name, shape and tone, what is there, when; `missing` frames it."""

    name: str
    shape: str
    tone: Tone
    words: str
    detail: str = ""
    missing: bool = False
    missing_word: str = ""


class DocumentStrip(Surface):
    """What a credit check consists of, part by part, and a place at the right for opening the document."""

    def __init__(
        self, parts: Sequence[DocumentPart], name: str, tail: QWidget | None = None, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, edge="all")
        self.setAccessibleName(name)
        self._box = QHBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        self._tail = tail
        self._parts: list[QWidget] = []
        if tail is not None:
            holder = column(None, tail, None, margins=(16, 8, 16, 8))
            self._box.addLayout(holder)
        self.show_parts(parts)

    def show_parts(self, parts: Sequence[DocumentPart]) -> None:
        for widget in self._parts:
            self._box.removeWidget(widget)
            widget.deleteLater()
        self._parts = [_part(part) for part in parts]
        for place, widget in enumerate(self._parts):
            self._box.insertWidget(place, widget, 1)


def _part(part: DocumentPart) -> Surface:
    panel = Surface(edge="all" if part.missing else "right")
    panel.setProperty("differs", part.missing)
    spoken = (part.name, part.missing_word, part.words, part.detail)
    panel.setAccessibleName(", ".join(words for words in spoken if words))
    tone: Tone = "bad" if part.missing else "text"
    head = row(Sign(part.shape, part.tone), Words(part.name, "body", tone, bold=True), gap=6)
    if part.missing_word:
        head.addWidget(Words(part.missing_word, "body", "bad"))
    head.addStretch(1)
    detail = Words(part.detail, "small", "muted", wrap=True)
    inset = 1 if part.missing else 0
    margins = (16 - inset, 10 - inset, 12 - inset, 10 - inset)
    panel.setLayout(column(head, Words(part.words, wrap=True), detail, gap=0, margins=margins))
    return panel


class FactForm(QWidget):
    """Verdict, why, next, you can: four lines that exist for every record, also for a healthy one."""

    def __init__(self, labels: tuple[str, str, str, str], *, parent: QWidget | None = None) -> None:
        """`labels` are the words for verdict, why, next, you can."""
        super().__init__(parent)
        self._sign = Sign("check", "muted")
        self._verdict = Words("", "section", bold=True, wrap=True, selectable=True)
        self._why = Words("", wrap=True, selectable=True)
        self._next = Words("", wrap=True, selectable=True)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(8)
        form = QFormLayout(self)
        form.setContentsMargins(24, 12, 24, 12)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(6)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        verdict = QHBoxLayout()
        verdict.setSpacing(8)
        verdict.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        verdict.addWidget(self._verdict, 1)
        form.addRow(_form_label(labels[0]), verdict)
        form.addRow(_form_label(labels[1]), self._why)
        form.addRow(_form_label(labels[2]), self._next)
        form.addRow(_form_label(labels[3], beside_buttons=True), self._actions)

    def show_facts(self, verdict: str, why: str, following: str, *, shape: str, tone: Tone = "text") -> None:
        """`tone` colours the verdict: `text` for what is as it should be; shape as in the badges."""
        self._sign.show_shape(shape, "good" if tone == "text" and shape == "check" else tone)
        self._verdict.say(verdict, tone if tone == "bad" else "text")
        self._why.say(why)
        self._next.say(following)

    def set_actions(self, *widgets: QWidget) -> None:
        """The buttons of "you can", each with its reason label where it may be off."""
        while item := self._actions.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        for widget in widgets:
            self._actions.addWidget(widget)
            widget.show()
        self._actions.addStretch(1)
        form = self.layout()
        if form is not None:
            form.invalidate()  # QFormLayout keeps the height of what stood there before


def _form_label(text: str, *, beside_buttons: bool = False) -> Words:
    """A label that stays with the first line of its sentence, however many lines that grows to."""
    label = Words(text, "body", "muted")
    label.setMinimumWidth(_LABEL_WIDTH)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    if not beside_buttons:
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        label.setContentsMargins(0, half_air("body"), 0, 0)
    return label


class FactList(QWidget):
    """Short facts in two columns, muted label and value, for side panels and dialogs."""

    def __init__(self, facts: Sequence[tuple[str, str]] = (), *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._form.setHorizontalSpacing(8)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for label, value in facts:
            self.add(label, Words(value, wrap=True, selectable=True))

    def add(self, label: str, value: QWidget) -> None:
        words = _form_label(label)
        words.setBuddy(value)
        self._form.addRow(words, value)


def panel(title: str, content: QWidget, *, count: str = "") -> QWidget:
    """A titled box with a 1 px line: title above, content in it."""
    box = Surface(edge="all")
    inner = QVBoxLayout(box)
    inner.setContentsMargins(16, 12, 16, 12)
    inner.addWidget(content)
    head = row(Words(title, "panel_title", "muted"), Words(count, "small_data", "muted"), None)
    holder = QWidget()
    holder.setLayout(column(head, box, gap=6))
    holder.setAccessibleName(title)
    return holder
