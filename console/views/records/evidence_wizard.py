"""The steps of a decision with evidence: the evidence first, then only what it can carry, then what changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QGridLayout, QLayout, QSizePolicy, QWidget

from console import wording
from console.domain.choice_records import Choice
from console.domain.permissions import same_person
from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.seat import Seat
from console.views.widgets.base import Painted, Surface, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.inputs import Edit, Field, RadioButton

NUMBER, FILE, TEXT = "number", "file", "text"
_INDENT = 24
_BY_PERSON = frozenset({"reason.own_first_half", "reason.other_proposal", "reason.role"})
"""What speaks against a person, not against the result."""


class EvidenceSteps(QWidget):
    """Numbered steps. Forms say which evidence and which results there are, and what each result means.

    Signals:
        changed: another choice, another answer to whether it can be asked.
    """

    changed = Signal()

    def __init__(
        self, seat: Seat, proposer: str | None, number: Field, kinds: Mapping[str, RadioButton],
        outcomes: Mapping[str, RadioButton],
    ) -> None:  # fmt: skip
        super().__init__()
        self._seat, self._proposer = seat, proposer
        self.number, self.kinds, self.outcomes = number, kinds, outcomes
        self.file = Field(seat.say("field.evidence_file"))
        self.choose = KeyButton(seat.say("action.choose_file"), kind="tool")
        self.text = Field(seat.say("field.evidence_text"), area=True)
        self._why = {name: Words("", "small", "muted", wrap=True) for name in outcomes}
        self.effect = Words("", wrap=True)
        self.order_effect, self.money_effect = Words("", wrap=True), Words("", wrap=True)
        self._choices: Mapping[str, Choice] = {}
        self.second = Words("", "body", "muted", wrap=True)
        self.file.label.hide()  # the radio button above says it
        self._kinds, self._results = self._group(kinds), self._group(outcomes)
        self._build()
        self._connect()

    def _group(self, buttons: Mapping[str, RadioButton]) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons.values():
            group.addButton(button)
        return group

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        parts = {"evidence": self._evidence_step(), "outcome": self._result_step(), "effect": self._effect_step()}
        for number, (name, content) in enumerate(parts.items()):
            line, title = Surface(edge="top"), Surface(edge="top")
            line.setLayout(content)
            title.setMinimumWidth(round(124 * look().scale))
            words = Words(self._seat.say(f"dialog.resolve.step_{name}"), bold=True)
            title.setLayout(column(row(StepNumber(number + 1), words, None, gap=8), None, margins=(0, 12, 0, 12)))
            grid.addWidget(title, number, 0)
            grid.addWidget(line, number, 1)
        grid.setColumnStretch(1, 1)

    def _evidence_step(self) -> QLayout:
        chooser = row(self.file, self.choose, gap=8)
        chooser.setAlignment(self.choose, Qt.AlignmentFlag.AlignBottom)
        by_number = _indented(self.number, *self._under_number())
        self._inputs = {NUMBER: by_number, FILE: _indented(chooser), TEXT: _indented(self.text)}
        parts: list[QWidget] = []
        for name, radio in self.kinds.items():
            parts += [radio, self._inputs[name]]
        return column(*parts, gap=4, margins=(0, 10, 0, 12))

    def _under_number(self) -> tuple[QWidget, ...]:
        """What stands below the provider's number."""
        return ()

    def _result_step(self) -> QLayout:
        parts: list[QWidget] = []
        for name, radio in self.outcomes.items():
            parts += [radio, _indented(self._why[name], *self._under_outcome(name))]
        return column(*parts, gap=2, margins=(0, 10, 0, 12))

    def _under_outcome(self, _name: str) -> tuple[QWidget, ...]:
        """What stands below a result."""
        return ()

    def _effect_step(self) -> QLayout:
        return column(self.effect, self.order_effect, self.money_effect, self.second, gap=4, margins=(0, 12, 0, 4))

    def _connect(self) -> None:
        for radio in (*self.kinds.values(), *self.outcomes.values()):
            radio.toggled.connect(self._look)
        for field in (self.number, self.file, self.text):
            field.edit.textChanged.connect(self._look)
        self.choose.clicked.connect(self._choose_file)

    # -- what is chosen

    @property
    def kind(self) -> str:
        return next((name for name, radio in self.kinds.items() if radio.isChecked()), "")

    @property
    def outcome(self) -> str:
        """The result's name, "" while nothing is chosen."""
        return next((name for name, radio in self.outcomes.items() if radio.isChecked()), "")

    def evidence(self) -> str | Path:
        if self.kind == FILE:
            return Path(self.file.text().strip())
        return self._statement() if self.kind == NUMBER else self.text.text().strip()

    def _statement(self) -> str:
        """The provider's number as evidence."""
        return self.number.text().strip()

    def why_not(self) -> str:
        """Why it can't be asked as it stands; "" when it can."""
        if not self._has_evidence():
            return self._seat.say("dialog.resolve.needs_evidence")
        return "" if self.outcome else self._seat.say("dialog.resolve.needs_outcome")

    def _has_evidence(self) -> bool:
        fields = {NUMBER: self.number, FILE: self.file, TEXT: self.text}
        return bool(self.kind and fields[self.kind].text().strip())

    # -- what follows from it

    @Slot()
    def _look(self) -> None:
        """Only what the evidence can carry may be chosen; the rest stays, greyed, with the reason."""
        for name, widget in self._inputs.items():
            widget.setVisible(name == self.kind)
        needs = "" if self._has_evidence() else self._seat.say("dialog.resolve.needs_evidence")
        for name in self.outcomes:
            self._allow(name, self._ruled_out(name) or needs or self._why_not_outcome(name))
        self._show_effect()
        self._show_dry_run()
        self.changed.emit()

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """What the facts rule out, and what each result would do. Until they are read nothing is ruled out here."""
        self._choices = {choice.what.removeprefix("resolve."): choice for choice in choices}
        self._look()

    def _ruled_out(self, name: str) -> str:
        """Why the facts rule a result out, whatever the evidence; the second person is told of by the evidence."""
        choice = self._choices.get(name)
        if choice is None or choice.allowed or choice.reason is None or choice.reason in _BY_PERSON:
            return ""
        return self._seat.say(choice.reason, **choice.facts)

    def _show_dry_run(self) -> None:
        """What becomes of the order and the money, as the service works it out."""
        say, choice = self._seat.say, self._choices.get(self.outcome)
        order, money = (choice.effect.order, choice.effect.money) if choice and choice.effect else (None, None)
        self.order_effect.setVisible(order is not None and order[0] != order[1])
        self.money_effect.setVisible(money is not None)
        if order is not None:
            before, after = (say(f"state.order.{state}") for state in order)
            self.order_effect.say(say("dialog.resolve.effect_order", before=before, after=after))
        if money is not None:
            before, after = (wording.format_amount(strip.refundable, strip.currency) for strip in money)
            self.money_effect.say(say("dialog.resolve.effect_refundable", before=before, after=after))

    def _why_not_outcome(self, _name: str) -> str:
        """Why this evidence, by this person, can't carry that result; "" when it can."""
        return self._why_not_second()

    def _show_effect(self) -> None:
        """Say what the chosen result changes, and who else is needed."""

    def _why_not_second(self) -> str:
        """Half a decision waits for an approver other than the one who began it."""
        if self._proposer is None:
            return ""
        if same_person(self._proposer, self._seat.operator or ""):
            return self._seat.say("dialog.resolve.began_yourself", people=self._seat.others_who("resolve_second"))
        return self._seat.lacks("resolve_second")

    def _allow(self, name: str, why_not: str) -> None:
        radio = self.outcomes[name]
        radio.setEnabled(not why_not)
        radio.setAccessibleDescription(why_not)
        if why_not and radio.isChecked():
            self._results.setExclusive(False)
            radio.setChecked(False)
            self._results.setExclusive(True)
        self._why[name].say(why_not)
        self._why[name].setVisible(bool(why_not))

    @Slot()
    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self._seat.say("field.evidence_file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._file_chosen)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot(str)
    def _file_chosen(self, path: str) -> None:
        if isinstance(self.file.edit, Edit):
            self.file.edit.setText(path)


def read_choices(seat: Seat, form: EvidenceSteps, kind: str, id: int | str) -> None:
    """Ask the service what the facts rule out and what each result would do; without an answer the form stays as it
    is, and the service decides when it is asked.
    """
    seat.read(
        lambda desk: desk.recovery.choices(kind, id), form.show_choices, lambda _failure: None, owner=form,
        key=("choices", kind, id),
    )  # fmt: skip


class StepNumber(Painted):
    """The number of a step in a ring."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(look().icon_px(22), look().icon_px(22))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        draw_frame(painter, box, box.height() / 2, look().colour("border"), None)
        painter.setFont(look().font("small"))
        painter.setPen(look().colour("text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, str(self._number))


def _indented(*parts: QWidget | QLayout) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(*parts, gap=4, margins=(_INDENT, 0, 0, 0)))
    return holder
