"""The form of a decision with evidence: the evidence first, then only what it can carry, then what changes."""

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QGridLayout, QLayout, QSizePolicy, QWidget

from console.domain.permissions import same_person
from console.domain.records import CheckState, CreditCheck, Operation
from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.seat import Seat
from console.views.widgets.base import Painted, Surface, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.inputs import Edit, Field, RadioButton

NUMBER, FILE, TEXT = "number", "file", "text"
_INDENT = 24


class ResolveForm(QWidget):
    """Four numbered steps.

    Signals:
        changed: another choice, another answer to whether it can be asked.
    """

    changed = Signal()

    def __init__(self, seat: Seat, record: CreditCheck | Operation, proposer: str | None) -> None:
        super().__init__()
        self._seat, self._record, self._proposer = seat, record, proposer
        say = seat.say
        self.kinds = {
            NUMBER: RadioButton(say("dialog.resolve.by_number")),
            FILE: RadioButton(say("dialog.resolve.by_file")),
            TEXT: RadioButton(say("dialog.resolve.by_text")),
        }
        self.number = Field(say("field.provider_id"), role="data")
        self.file = Field(say("field.evidence_file"))
        self.choose = KeyButton(say("action.choose_file"), kind="tool")
        self.text = Field(say("field.evidence_text"), area=True)
        self.bought = RadioButton(say("dialog.resolve.as_success"))
        self.unbought = RadioButton(say("dialog.resolve.as_error"))
        self._why = {name: Words("", "small", "muted", wrap=True) for name in ("bought", "unbought")}
        self.effect = Words("", wrap=True)
        self.second = Words("", wrap=True)
        self.file.label.hide()  # the radio button above says it
        self._groups = [self._group(*self.kinds.values()), self._group(self.bought, self.unbought)]
        self._build()
        self._connect()
        self._look()

    def _group(self, *buttons: RadioButton) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons:
            group.addButton(button)
        return group

    def _build(self) -> None:
        say = self._seat.say
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(0)
        grid.setVerticalSpacing(0)
        steps = (
            ("evidence", self._evidence()),
            ("outcome", self._outcomes()),
            ("effect", self._effects()),
        )
        for number, (name, content) in enumerate(steps):
            line = Surface(edge="top")
            line.setLayout(content)
            title = Surface(edge="top")
            title.setMinimumWidth(round(124 * look().scale))
            words = Words(say(f"dialog.resolve.step_{name}"), bold=True)
            title.setLayout(column(row(StepNumber(number + 1), words, None, gap=8), None, margins=(0, 12, 0, 12)))
            grid.addWidget(title, number, 0)
            grid.addWidget(line, number, 1)
        grid.setColumnStretch(1, 1)

    def _evidence(self) -> QLayout:
        chooser = row(self.file, self.choose, gap=8)
        chooser.setAlignment(self.choose, Qt.AlignmentFlag.AlignBottom)
        self._inputs = {NUMBER: _indented(self.number), FILE: _holder(chooser), TEXT: _indented(self.text)}
        hint = Words(self._seat.say("dialog.resolve.by_number_hint"), "small", "muted", wrap=True)
        self._hint = _indented(hint)
        parts: list[QWidget] = []
        for name, radio in self.kinds.items():
            parts += [radio, self._inputs[name], *([self._hint] if name == NUMBER else [])]
        return column(*parts, gap=4, margins=(0, 10, 0, 12))

    def _outcomes(self) -> QLayout:
        return column(
            self.bought, _indented(self._why["bought"]), self.unbought, _indented(self._why["unbought"]),
            gap=2, margins=(0, 10, 0, 12),
        )  # fmt: skip

    def _effects(self) -> QLayout:
        return column(self.effect, self.second, gap=4, margins=(0, 12, 0, 4))

    def _connect(self) -> None:
        for radio in (*self.kinds.values(), self.bought, self.unbought):
            radio.toggled.connect(self._look)
        for field in (self.number, self.file):
            if isinstance(field.edit, Edit):
                field.edit.textChanged.connect(self._look)
        if not isinstance(self.text.edit, Edit):
            self.text.edit.textChanged.connect(self._look)
        self.choose.clicked.connect(self._choose_file)

    # -- what is chosen

    @property
    def kind(self) -> str:
        return next((name for name, radio in self.kinds.items() if radio.isChecked()), "")

    @property
    def outcome(self) -> str:
        """success, error or "" while nothing is chosen."""
        return "success" if self.bought.isChecked() else "error" if self.unbought.isChecked() else ""

    @property
    def provider_id(self) -> int | None:
        digits = self.number.text().strip()
        return int(digits) if self.kind == NUMBER and digits.isascii() and digits.isdecimal() else None

    def evidence(self) -> str | Path:
        if self.kind == FILE:
            return Path(self.file.text().strip())
        if self.kind == NUMBER:
            return self._seat.say("dialog.resolve.number_statement", number=self.number.text().strip())
        return self.text.text().strip()

    def why_not(self) -> str:
        """Why it can't be asked as it stands; "" when it can."""
        say = self._seat.say
        if not self._has_evidence():
            return say("dialog.resolve.needs_evidence")
        return "" if self.outcome else say("dialog.resolve.needs_outcome")

    def _has_evidence(self) -> bool:
        filled = {FILE: self.file.text().strip(), TEXT: self.text.text().strip(), NUMBER: self.provider_id}
        return bool(filled.get(self.kind))

    # -- what follows from it

    @Slot()
    def _look(self) -> None:
        """Only what the evidence can carry may be chosen; the rest stays, greyed, with the reason."""
        say, kind, has = self._seat.say, self.kind, self._has_evidence()
        for name, widget in self._inputs.items():
            widget.setVisible(name == kind)
        self._hint.setVisible(kind == NUMBER)
        needs = "" if has else say("dialog.resolve.needs_evidence")
        by_number = kind == NUMBER
        self._allow(self.bought, "bought", needs or ("" if by_number else say("dialog.resolve.needs_number")))
        unproven = say("dialog.resolve.number_proves") if by_number else self._why_not_second()
        self._allow(self.unbought, "unbought", needs or unproven)
        self._show_effect()
        self.changed.emit()

    def _why_not_second(self) -> str:
        """Half a decision waits for an approver other than the one who began it."""
        if self._proposer is None:
            return ""
        if same_person(self._proposer, self._seat.operator or ""):
            return self._seat.say("dialog.resolve.began_yourself", people=self._seat.others_who("resolve_second"))
        return self._seat.lacks("resolve_second")

    def _allow(self, radio: RadioButton, name: str, why_not: str) -> None:
        radio.setEnabled(not why_not)
        radio.setAccessibleDescription(why_not)
        if why_not and radio.isChecked():
            group = self._groups[1]
            group.setExclusive(False)
            radio.setChecked(False)
            group.setExclusive(True)
        self._why[name].say(why_not)
        self._why[name].setVisible(bool(why_not))

    def _show_effect(self) -> None:
        say, outcome = self._seat.say, self.outcome
        before = say("state.credit_check.pending")
        after = say(f"state.credit_check.{outcome or CheckState.PENDING}")
        effects = {"success": "dialog.resolve.effect_success", "error": "dialog.resolve.effect_error"}
        key = effects.get(outcome)
        self.effect.say(say(key, before=before, after=after) if key else say("dialog.resolve.no_effect"))
        self.second.say(self._people(), "muted")

    def _people(self) -> str:
        """Who else is needed, by name."""
        say, seat = self._seat.say, self._seat
        if self.outcome != "error":
            return say("dialog.resolve.one_person") if self.outcome else ""
        if self._proposer is not None and self._proposer != seat.operator:
            return say("dialog.resolve.you_are_second", person=self._proposer)
        return say("dialog.resolve.second_person", people=seat.others_who("resolve_second"))

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


def _indented(widget: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(widget, margins=(_INDENT, 0, 0, 0)))
    return holder


def _holder(layout: QLayout) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(layout, margins=(_INDENT, 0, 0, 0)))
    return holder
