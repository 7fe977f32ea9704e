"""Settling a payment or a refund with evidence: by a read of the provider alone, or by two people."""

from typing import TypeAlias

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.order_records import Payment, Refund
from console.domain.permissions import same_person
from console.domain.records import Operation
from console.domain.results import ResolveResult
from console.views import case_words
from console.views.dialogs.evidence_steps import FILE, NUMBER, TEXT, EvidenceSteps, read_choices
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import column, row
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Field, RadioButton

_OUTCOMES = {"payment": ("completed", "payment_failed", "reversed"), "refund": ("completed", "failed")}
Subject: TypeAlias = Payment | Refund | Operation


class ResolveMoneyForm(EvidenceSteps):
    """The gateway's number, which a read confirms, carries *completed* by one person; all else takes two. Whoever
    says that a refund took place says under which number.
    """

    def __init__(self, seat: Seat, record: Subject, proposer: str | None) -> None:
        say, of = seat.say, "payment" if isinstance(record, Payment) else "refund"
        kinds = {name: RadioButton(say(f"dialog.resolve_money.by_{name}")) for name in (NUMBER, FILE, TEXT)}
        outcomes = {name: RadioButton(say(f"dialog.resolve_money.{of}.{name}")) for name in _OUTCOMES[of]}
        super().__init__(seat, proposer, Field(say("dialog.resolve_money.number"), role="data"), kinds, outcomes)
        self._of, self._before = of, "submitting" if isinstance(record, Operation) else record.state.value
        self.done_as.edit.textChanged.connect(self._look)
        self._look()

    def _under_outcome(self, name: str) -> tuple[QWidget, ...]:
        if name != "completed":
            return ()
        self.done_as = Field(self._seat.say("dialog.resolve_money.number"), role="data")
        return (self.done_as,)

    @property
    def _needs_number(self) -> bool:
        """The evidence is another one than the number itself."""
        return self._of == "refund" and self.outcome == "completed" and self.kind != NUMBER

    @property
    def provider_id(self) -> str | None:
        field = self.done_as if self._needs_number else self.number
        typed = field.text().strip()
        return typed if typed and (self._needs_number or self.kind == NUMBER) else None

    def why_not(self) -> str:
        missing = self._needs_number and self.provider_id is None
        return super().why_not() or (self._seat.say("dialog.resolve_money.needs_number") if missing else "")

    def _statement(self) -> str:
        return self._seat.say("dialog.resolve_money.number_statement", number=self.number.text().strip())

    def _why_not_outcome(self, name: str) -> str:
        if self.kind != NUMBER:
            return self._why_not_second()
        return "" if name == "completed" else self._seat.say("dialog.resolve_money.number_proves")

    def _show_effect(self) -> None:
        say, outcome = self._seat.say, self.outcome
        self.done_as.setVisible(self._needs_number)
        if not outcome:
            self.effect.say(say("dialog.resolve.no_effect"))
            self.second.say("")
            return
        before, after = (say(f"state.{self._of}.{one}") for one in (self._before, outcome))
        self.effect.say(say("dialog.resolve_money.effect", before=before, after=after))
        alone = self.kind == NUMBER
        helps = self._proposer is not None and not same_person(self._proposer, self._seat.operator or "")
        if alone:
            self.second.say(say("dialog.resolve_money.one_person"))
        elif helps:
            self.second.say(say("dialog.resolve.you_are_second", person=self._proposer))
        else:
            self.second.say(say("dialog.resolve.second_person", people=self._seat.others_who("resolve_second")))


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
        if not isinstance(record, Operation):
            read_choices(seat, self.form, *_ref(record))

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
