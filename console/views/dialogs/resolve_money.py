"""Settling a payment or a refund with evidence: by a read of the provider alone, or by two people."""

from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QGridLayout, QLayout, QWidget

from console.domain.order_records import Payment, Refund
from console.domain.permissions import same_person
from console.domain.records import Operation
from console.domain.results import ResolveResult
from console.views import case_words
from console.views.dialogs.resolve_form import StepNumber
from console.views.look.theme import look
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field, RadioButton

NUMBER, FILE, TEXT = "number", "file", "text"
_OUTCOMES = {"payment": ("completed", "payment_failed", "reversed"), "refund": ("completed", "failed")}
_INDENT = 24
Subject: TypeAlias = Payment | Refund | Operation


class ResolveMoneyForm(QWidget):
    """Evidence, then the result, then what changes.

    Signals:
        changed: another answer to whether it can be asked.
    """

    changed = Signal()

    def __init__(self, seat: Seat, record: Subject, proposer: str | None) -> None:
        super().__init__()
        self._seat, self._proposer = seat, proposer
        say, self._kind = seat.say, "payment" if isinstance(record, Payment) else "refund"
        self._before = "submitting" if isinstance(record, Operation) else record.state.value
        self.kinds = {name: RadioButton(say(f"dialog.resolve_money.by_{name}")) for name in (NUMBER, FILE, TEXT)}
        self.outcomes = {
            name: RadioButton(say(f"dialog.resolve_money.{self._kind}.{name}")) for name in _OUTCOMES[self._kind]
        }
        self.number = Field(say("dialog.resolve_money.number"), role="data")
        self.file = Field(say("field.evidence_file"))
        self.text = Field(say("field.evidence_text"), area=True)
        self.choose = KeyButton(say("action.choose_file"), kind="tool")
        self._why = {name: Words("", "small", "muted", wrap=True) for name in self.outcomes}
        self.effect = Words("", wrap=True)
        self.second = Words("", "body", "muted", wrap=True)
        self.file.label.hide()
        self._groups = [self._group(*self.kinds.values()), self._group(*self.outcomes.values())]
        self._build()
        self._connect()
        self._look()

    def _group(self, *buttons: RadioButton) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons:
            group.addButton(button)
        return group

    def _build(self) -> None:
        say, grid = self._seat.say, QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        parts = (("evidence", self._evidence()), ("outcome", self._results()), ("effect", self._effects()))
        for number, (name, content) in enumerate(parts):
            line, title = Surface(edge="top"), Surface(edge="top")
            line.setLayout(content)
            title.setMinimumWidth(round(124 * look().scale))
            words = Words(say(f"dialog.resolve.step_{name}"), bold=True)
            title.setLayout(column(row(StepNumber(number + 1), words, None, gap=8), None, margins=(0, 12, 0, 12)))
            grid.addWidget(title, number, 0)
            grid.addWidget(line, number, 1)
        grid.setColumnStretch(1, 1)

    def _evidence(self) -> QLayout:
        chosen = QWidget()
        chosen.setLayout(row(self.file, self.choose, gap=8))
        self._inputs = {NUMBER: _indented(self.number), FILE: _indented(chosen), TEXT: _indented(self.text)}
        parts: list[QWidget] = []
        for name, radio in self.kinds.items():
            parts += [radio, self._inputs[name]]
        return column(*parts, gap=4, margins=(0, 10, 0, 12))

    def _results(self) -> QLayout:
        parts: list[QWidget] = []
        for name, radio in self.outcomes.items():
            parts += [radio, _indented(self._why[name])]
        return column(*parts, gap=2, margins=(0, 10, 0, 12))

    def _effects(self) -> QLayout:
        return column(self.effect, self.second, gap=4, margins=(0, 12, 0, 4))

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
        return next((name for name, radio in self.outcomes.items() if radio.isChecked()), "")

    @property
    def provider_id(self) -> str | None:
        typed = self.number.text().strip()
        return typed if self.kind == NUMBER and typed else None

    def evidence(self) -> str | Path:
        if self.kind == FILE:
            return Path(self.file.text().strip())
        if self.kind == NUMBER:
            return self._seat.say("dialog.resolve_money.number_statement", number=self.number.text().strip())
        return self.text.text().strip()

    def why_not(self) -> str:
        """Why it can't be asked as it stands; "" when it can."""
        if not self._has_evidence():
            return self._seat.say("dialog.resolve.needs_evidence")
        return "" if self.outcome else self._seat.say("dialog.resolve.needs_outcome")

    def _has_evidence(self) -> bool:
        fields = {NUMBER: self.number, FILE: self.file, TEXT: self.text}
        return bool(self.kind and fields[self.kind].text().strip())

    # -- what follows

    @Slot()
    def _look(self) -> None:
        """Only what the evidence can carry may be chosen; the rest stays, greyed, with the reason."""
        say, has = self._seat.say, self._has_evidence()
        for name, widget in self._inputs.items():
            widget.setVisible(name == self.kind)
        second = self._why_not_second()
        for name, radio in self.outcomes.items():
            needs = "" if has else say("dialog.resolve.needs_evidence")
            carried = self.kind != NUMBER or name == "completed"
            self._allow(radio, name, needs, "" if carried else say("dialog.resolve_money.number_proves"), second)
        self._show_effect()
        self.changed.emit()

    def _why_not_second(self) -> str:
        if self._proposer is None or self.kind == NUMBER:
            return ""
        if same_person(self._proposer, self._seat.operator or ""):
            return self._seat.say("dialog.resolve.began_yourself", people=self._seat.others_who("resolve_second"))
        return self._seat.lacks("resolve_second")

    def _allow(self, radio: RadioButton, name: str, *reasons: str) -> None:
        why_not = next((reason for reason in reasons if reason), "")
        radio.setEnabled(not why_not)
        radio.setAccessibleDescription(why_not)
        if why_not and radio.isChecked():
            self._groups[1].setExclusive(False)
            radio.setChecked(False)
            self._groups[1].setExclusive(True)
        self._why[name].say(why_not)
        self._why[name].setVisible(bool(why_not))

    def _show_effect(self) -> None:
        say, outcome = self._seat.say, self.outcome
        if not outcome:
            self.effect.say(say("dialog.resolve.no_effect"))
            self.second.say("")
            return
        before, after = (say(f"state.{self._kind}.{one}") for one in (self._before, outcome))
        self.effect.say(say("dialog.resolve_money.effect", before=before, after=after))
        alone = self.kind == NUMBER
        helps = self._proposer is not None and not same_person(self._proposer, self._seat.operator or "")
        if alone:
            self.second.say(say("dialog.resolve_money.one_person"))
        elif helps:
            self.second.say(say("dialog.resolve.you_are_second", person=self._proposer))
        else:
            self.second.say(say("dialog.resolve.second_person", people=self._seat.others_who("resolve_second")))

    @Slot()
    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self._seat.say("field.evidence_file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._file_chosen)
        dialog.open()

    @Slot(str)
    def _file_chosen(self, path: str) -> None:
        if isinstance(self.file.edit, Edit):
            self.file.edit.setText(path)


class ResolveMoneyDialog(DialogFrame):
    """Without evidence no result can be chosen; a stale view decides nothing."""

    def __init__(self, seat: Seat, record: Subject, proposer: str | None, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.resolve_money.title", title=_title(seat, record)),
            _subtitle(seat, record),
            cancel=say("action.cancel"), act=say("dialog.resolve.act"), close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat, self._record, self._proposer = seat, record, proposer
        self.form = ResolveMoneyForm(seat, record, proposer)
        self.form.changed.connect(self._look)
        content = QWidget()
        known = [] if isinstance(record, Operation) else [_badges(seat, record)]
        content.setLayout(column(*known, self.form, gap=12))
        self.show_content(content)
        self.act_button.clicked.connect(self._ask)
        self._look()

    @Slot()
    def _look(self) -> None:
        say, why_not = self._seat.say, self.form.why_not()
        self.act_button.say(say("dialog.resolve.act_now" if self.form.kind == NUMBER else "dialog.resolve.act"))
        if why_not:
            self.set_act_off(why_not)
        else:
            self.set_act_on(say("dialog.resolve.nothing_yet"))

    @Slot()
    def _ask(self) -> None:
        if self.busy:
            return
        seat, record, form = self._seat, self._record, self.form
        kind, id = _ref(record)
        saw = None if isinstance(record, Operation) else record.version
        outcome, evidence, provider_id = form.outcome, form.evidence(), form.provider_id
        self.set_busy(seat.say("dialog.resolve.busy"))
        form.setEnabled(False)
        seat.act(
            lambda desk: desk.recovery.resolve(kind, id, outcome, evidence, provider_id, saw),
            self._resolved,
            self._failed,
            owner=self,
            label=seat.say("act.resolve_case", title=_title(seat, record)),
            told=lambda result: _note(seat, result),
            key=(kind, id),
            asked="",
        )

    def _resolved(self, result: ResolveResult) -> None:
        say = self._seat.say
        title = say("dialog.resolve.awaiting_title" if result.awaiting else "dialog.resolve.done_title")
        told = (
            Bar("", say("dialog.resolve.awaiting"), tone="progress", shape="hourglass")
            if result.awaiting
            else Bar("", say("dialog.resolve.settled"), tone="good", shape="check")
        )
        self._end(title, told, result.record)

    def _failed(self, failure: Failure) -> None:
        stale = failure.code == "stale_view"
        title = self._seat.say("dialog.stale.title" if stale else "act.refused")
        told = Bar("", self._seat.message(failure), tone="bad", shape="square_bang")
        self._end(title, told, failure.detail.get("record"))

    def _end(self, title: str, told: Bar, record: object) -> None:
        parts: list[QWidget] = [told]
        if isinstance(record, Payment | Refund):
            parts.append(_badges(self._seat, record))
        content = QWidget()
        content.setLayout(column(*parts, gap=12))
        self.show_outcome(title, _title(self._seat, self._record), content,
                          close=self._seat.say("action.close"))  # fmt: skip


def _ref(record: Subject) -> tuple[str, int | str]:
    return ("operation", record.id) if isinstance(record, Operation) else case_words.ref_of(record)


def _title(seat: Seat, record: Subject) -> str:
    """What only this desk knows goes by the operation's own id."""
    if isinstance(record, Operation):
        return seat.say("operation_screen.named", operation=record.id)
    return case_words.title(record, seat)


def _subtitle(seat: Seat, record: Subject) -> str:
    if isinstance(record, Operation):
        return seat.say("operation.refund.submit")
    return seat.say("dialog.resolve_money.subtitle", amount=case_words.amount(record), version=record.version)


def _badges(seat: Seat, record: Payment | Refund) -> QWidget:
    now = seat.now()
    keys = case_words.state_key(record), case_words.certainty_key(record, now), case_words.work_key(record)
    holder = QWidget()
    holder.setLayout(row(*(Badge.of(key, seat.language) for key in keys), None))
    return holder


def _note(seat: Seat, result: ResolveResult) -> Note:
    if result.awaiting:
        words = seat.say("dialog.resolve.awaiting_title"), seat.say("dialog.resolve.awaiting")
        return Note(*words, "hourglass", "progress")
    return Note(seat.say("dialog.resolve.done_title"), seat.say("dialog.resolve.settled"))


def _indented(widget: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(widget, margins=(_INDENT, 0, 0, 0)))
    return holder
