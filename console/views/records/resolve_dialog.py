"""Settling an unknown outcome with evidence, by one person or two."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.records import CreditCheck, Operation
from console.domain.results import ResolveResult
from console.views.dialogs.badges import badges
from console.views.dialogs.evidence_steps import read_choices
from console.views.dialogs.resolve_form import ResolveForm
from console.views.pages import record_facts
from console.views.routes import RecordRoute
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame


class ResolveDialog(DialogFrame):
    """Evidence first; without it no result can be chosen. A stale view shows the difference and decides nothing."""

    def __init__(self, seat: Seat, record: CreditCheck | Operation, proposer: str | None, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            _title(seat, record),
            _subtitle(seat, record),
            cancel=say("action.cancel"),
            act=say("dialog.resolve.act"),
            close_name=say("action.close"),
            parent=parent,
        )
        self._seat, self._record, self._proposer = seat, record, proposer
        self.form = ResolveForm(seat, proposer)
        self.form.changed.connect(self._look)
        content = QWidget()
        parts = [badges(seat, record)] if isinstance(record, CreditCheck) else []
        content.setLayout(column(*parts, self.form, gap=12))
        self.show_content(content)
        self.act_button.clicked.connect(self._ask)
        self._look()
        if isinstance(record, CreditCheck):
            read_choices(seat, self.form, "credit-check", record.id)

    @Slot()
    def _look(self) -> None:
        say, outcome = self._seat.say, self.form.outcome
        second = self._proposer is not None and self._proposer != self._seat.operator
        key = "act_now" if outcome != "error" else "act_second" if second else "act"
        self.act_button.say(say(f"dialog.resolve.{key}"))
        why_not = self.form.why_not()
        if why_not:
            self.set_act_off(why_not)
        else:
            self.set_act_on(say("dialog.resolve.nothing_yet") if key == "act" else say("dialog.enter_cancels"))

    @Slot()
    def _ask(self) -> None:
        if self.busy:
            return
        seat, record, form = self._seat, self._record, self.form
        outcome, evidence, provider_id = form.outcome, form.evidence(), form.provider_id
        kind = "credit-check" if isinstance(record, CreditCheck) else "operation"
        saw = record.version if isinstance(record, CreditCheck) else None
        self.set_busy(seat.say("dialog.resolve.busy"))
        self.form.setEnabled(False)
        seat.act(
            lambda desk: desk.recovery.resolve(kind, record.id, outcome, evidence, provider_id, saw),
            self._resolved,
            self._failed,
            owner=self,
            label=seat.say("act.resolve", id=record.id),
            told=lambda result: _note(seat, result),
            key=(kind, record.id),
        )

    def _resolved(self, result: ResolveResult) -> None:
        say = self._seat.say
        title = say("dialog.resolve.awaiting_title" if result.awaiting else "dialog.resolve.done_title")
        self._end(title, _settled(self._seat, result))

    def _failed(self, failure: Failure) -> None:
        """What the person typed stays and may be put right, unless the record has moved on."""
        found = failure.detail.get("record")
        if failure.code == "stale_view":
            self._end(self._seat.say("dialog.stale.title"), self._stale(failure, found))
        elif failure.code in ("nothing_to_resolve", "already_decided", "same_person", "not_allowed", "in_progress"):
            self._end(self._seat.say("act.refused"), _told(self._seat, failure))
        else:
            self._again(failure)

    def _again(self, failure: Failure) -> None:
        self.form.setEnabled(True)
        self.let_go(self._seat.say("action.cancel"), "")
        content = QWidget()
        content.setLayout(column(_told(self._seat, failure), self.form, gap=12))
        self.show_content(content)
        self._look()

    def _stale(self, failure: Failure, found: object) -> QWidget:
        parts: list[QWidget] = [_told(self._seat, failure)]
        if isinstance(found, CreditCheck) and isinstance(self._record, CreditCheck):
            difference = record_facts.difference(self._record, found, self._seat)
            parts += [
                badges(self._seat, found),
                Words(difference or self._seat.say("record.changed_nothing"), wrap=True),
            ]
        holder = QWidget()
        holder.setLayout(column(*parts, gap=12))
        return holder

    def _end(self, title: str, content: QWidget) -> None:
        say = self._seat.say
        self.show_outcome(
            title,
            _subtitle(self._seat, self._record),
            content,
            close=say("action.close"),
            act=say("action.open_record"),
        )
        self.act_button.clicked.connect(self._open_record)

    @Slot()
    def _open_record(self) -> None:
        self.accept()
        record = self._record
        id = record.id if isinstance(record, CreditCheck) else record.subject_id
        if id is not None:
            self._seat.go(RecordRoute(int(id)))


def _title(seat: Seat, record: CreditCheck | Operation) -> str:
    if isinstance(record, CreditCheck):
        return seat.say("dialog.resolve.title", id=record.id)
    return seat.say("dialog.resolve.title_operation", operation=record.id)


def _subtitle(seat: Seat, record: CreditCheck | Operation) -> str:
    number, client = record.corporation_number, record.client_id
    if isinstance(record, CreditCheck):
        company = record.company_name
        return seat.say(
            "dialog.resolve.subtitle", company=company, number=number, client=client, version=record.version
        )
    return seat.say("dialog.purchase.subtitle", number=number, client=seat.say("record.client", client=client))


def _told(seat: Seat, failure: Failure) -> Bar:
    return Bar("", seat.message(failure), tone="bad", shape="square_bang")


def _settled(seat: Seat, result: ResolveResult) -> QWidget:
    holder = QWidget()
    if result.awaiting:
        told = Bar("", seat.say("dialog.resolve.awaiting"), tone="progress", shape="hourglass")
    else:
        told = Bar("", seat.say("dialog.resolve.settled"), tone="good", shape="check")
    parts: list[QWidget] = [told]
    if isinstance(result.record, CreditCheck):
        parts.append(badges(seat, result.record))
    holder.setLayout(column(*parts, gap=12))
    return holder


def _note(seat: Seat, result: ResolveResult) -> Note:
    if result.awaiting:
        return Note(
            seat.say("dialog.resolve.awaiting_title"), seat.say("dialog.resolve.awaiting"), "hourglass", "progress"
        )
    return Note(seat.say("dialog.resolve.done_title"), seat.say("dialog.resolve.settled"))
