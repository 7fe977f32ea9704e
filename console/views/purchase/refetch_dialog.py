"""Reading detail and PDF of a bought check again: costs nothing, can't buy, keeps the old copy."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.records import CreditCheck
from console.domain.results import RefetchResult
from console.views import record_words as words
from console.views.dialogs.steps import Patience, StepList, Steps
from console.views.routes import PdfRoute
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column, row
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import CheckBox
from console.views.widgets.record import FactList


class RefetchDialog(DialogFrame):
    """What is missing is chosen already."""

    def __init__(self, seat: Seat, record: CreditCheck, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.refetch.title", id=record.id),
            say("dialog.refetch.subtitle", company=words.name_of(record, seat), client=record.client_id),
            cancel=say("action.cancel"),
            act=say("dialog.refetch.act"),
            hint=say("dialog.enter_cancels"),
            close_name=say("action.close"),
            parent=parent,
        )
        self._seat, self._record = seat, record
        self._steps = Steps(seat)
        self.detail = CheckBox(say("dialog.refetch.detail"))
        self.pdf = CheckBox(say("dialog.refetch.pdf"))
        missing = set(record.incomplete)
        self.detail.setChecked(bool(missing - {"pdf"}) or not missing)
        self.pdf.setChecked("pdf" in missing or not missing)
        for box in (self.detail, self.pdf):
            box.checkStateChanged.connect(self._look)
        self.show_content(self._form())
        self.act_button.clicked.connect(self._fetch)
        self._patience = Patience(self, seat)

    def _form(self) -> QWidget:
        say, record = self._seat.say, self._record
        facts = FactList()
        missing = say("record.missing_parts", missing=record.incomplete) if record.incomplete else say("word.none")
        facts.add(say("word.missing_label"), Words(missing))
        if record.error_code and record.incomplete:
            facts.add(say("column.cause"), Words(words.cause(record, self._seat)))
        facts.add(say("dialog.refetch.kept_label"), Words(say("dialog.refetch.old_copy")))
        form = QWidget()
        free = Bar(say("dialog.refetch.free_lead"), say("dialog.refetch.free"), tone="good", shape="check")
        form.setLayout(column(free, facts, row(self.detail, self.pdf, None, gap=24), None, gap=14))
        return form

    @Slot()
    def _look(self) -> None:
        if self.detail.isChecked() or self.pdf.isChecked():
            self.set_act_on(self._seat.say("dialog.enter_cancels"))
        else:
            self.set_act_off(self._seat.say("dialog.refetch.nothing_chosen"))

    @Slot()
    def _fetch(self) -> None:
        if self.busy:
            return
        seat, record = self._seat, self._record
        detail, pdf, told = self.detail.isChecked(), self.pdf.isChecked(), self._steps.told
        self.set_busy(seat.say("dialog.refetch.busy"))
        self.hint.say("")
        self.say_title(seat.say("dialog.refetch.asking_title"), seat.say("record.title", id=record.id))
        self.show_content(StepList(seat, self._steps))
        self._patience.start()
        seat.act(
            lambda desk: desk.credit_checks.refetch(
                record.id, detail=detail, pdf=pdf, saw=record.version, progress=told
            ),
            self._fetched,
            self._failed,
            owner=self,
            label=seat.say("act.refetch", id=record.id),
            told=lambda _: Note(seat.say("dialog.refetch.done_title"), seat.say("record.title", id=record.id)),
            key=("credit-check", record.id),
        )

    def _fetched(self, result: RefetchResult) -> None:
        seat = self._seat
        has_pdf = any(document.current for document in result.documents)
        self._end(seat.say("dialog.refetch.done_title"), _brought(seat, result, self._record), offer_pdf=has_pdf)

    def _failed(self, failure: Failure) -> None:
        seat = self._seat
        title = (
            seat.say("dialog.stale.title")
            if failure.code == "stale_view"
            else seat.say("dialog.refetch.failed_title")
        )
        self._end(title, _not_brought(seat, failure), offer_pdf=False)

    def _end(self, title: str, content: QWidget, *, offer_pdf: bool) -> None:
        say = self._seat.say
        self._patience.stop()
        act = say("action.open_pdf") if offer_pdf else ""
        self.show_outcome(title, say("record.title", id=self._record.id), content, close=say("action.close"), act=act)
        if offer_pdf:
            self.act_button.clicked.connect(self._open_pdf)

    @Slot()
    def _open_pdf(self) -> None:
        self.accept()
        self._seat.go(PdfRoute(self._record.id))


def _brought(seat: Seat, result: RefetchResult, before: CreditCheck) -> QWidget:
    """What changed, and whether another PDF came beside the old one."""
    lines: list[QWidget] = []
    if result.changed:
        lines.append(_line(seat.say("dialog.refetch.changed", changed=result.changed)))
    else:
        lines.append(_line(seat.say("dialog.refetch.unchanged")))
    current = next((document for document in result.documents if document.current), None)
    if current is not None and "pdf_file_path" in result.changed:
        size = wording.format_bytes(current.bytes)
        lines.append(_line(seat.say("dialog.refetch.pdf_stored", size=size)))
        if before.pdf_file_path:
            lines.append(_line(seat.say("dialog.refetch.other_pdf")))
    told = Bar(seat.say("dialog.refetch.done_title"), seat.say("dialog.refetch.no_cost"), tone="good", shape="check")
    return _stack(told, *lines)


def _not_brought(seat: Seat, failure: Failure) -> QWidget:
    """The message, and each part with its own reason."""
    told = Bar("", seat.message(failure), tone="bad", shape="cross")
    failed = failure.detail.get("failed")
    parts = failed if isinstance(failed, list | tuple) else ()
    lines = [
        _line(seat.say("dialog.refetch.failed_part", part=part.get("part"), reason=part.get("reason")))
        for part in parts
        if isinstance(part, dict)
    ]
    return _stack(told, *lines)


def _line(text: str) -> Words:
    return Words(text, wrap=True)


def _stack(*parts: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(*parts, None, gap=10))
    return holder
