"""What lies behind the tabs of a record: timeline, documents, earlier records, kept answers, audit."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console import wording
from console.domain.records import CreditCheck, Document, WorkState
from console.domain.results import CreditCheckView
from console.views import record_words as words
from console.views.look.theme import look
from console.views.pages.beside_acts import noted
from console.views.pages.columns import check_columns
from console.views.pages.record_facts import moment
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.pages.tab_parts import EvidenceView, audit_table
from console.views.seat import Seat
from console.views.tables.columns import Column, StateCell
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.empty import EmptyState
from console.views.widgets.tabs import Tabs
from console.views.widgets.timeline import Happening, TimelineList

_LEAST_ROWS = 4
_NAMES = ("timeline", "documents", "history", "notes", "evidence", "audit")
_HISTORY = ("day", "record", "client", "state", "certainty", "result", "until", "work")
_READING = ("pdf_stored", "pdf_failed", "detail_stored", "detail_failed", "refetch.started")


@dataclass(frozen=True, slots=True)
class Paper:
    """One line of the documents: a stored copy, or that there is none."""

    key: str
    name: str
    state: StateCell
    document: Document | None = None


class RecordTabs(QWidget):
    """The tabs and their contents.

    Signals:
        pdf_wanted(str): show the stored copy with that content hash.
        record_wanted(int): open another record.
    """

    pdf_wanted = Signal(str)
    record_wanted = Signal(int)

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat
        self.tabs = Tabs(seat.say("record.tabs"))
        self._stack = QStackedWidget()
        self._timeline = TimelineList(seat.say("record.tab.timeline"))
        self._papers = _papers_table(seat)
        self._attempts = TimelineList(seat.say("record.attempts"))
        self._history = StaticTable(
            seat, check_columns(seat, _HISTORY, lambda record: record), lambda record: record.id,
            seat.say("record.tab.history"),
        )  # fmt: skip
        self._past = TableOrNothing(self._history, EmptyState(seat.say("record.no_history"), shape="dash"))
        self._notes = TimelineList(seat.say("record.tab.notes"))
        self._evidence = EvidenceView(seat)
        self._audit = audit_table(seat)
        for name, content in zip(_NAMES, self._contents(), strict=True):
            self.tabs.add(seat.say(f"record.tab.{name}"), data=name)
            self._stack.addWidget(content)
        self.tabs.currentChanged.connect(self._stack.setCurrentIndex)
        self._papers.opened.connect(self._open_paper)
        self._history.opened.connect(self._open_record)
        head = Surface(edge="bottom")
        head.setLayout(row(self.tabs, None))
        self.setLayout(column(head, self._stack, gap=0))
        self._stack.setMinimumHeight(_LEAST_ROWS * look().row())

    def _contents(self) -> tuple[QWidget, ...]:
        return self._timeline, self._documents(), self._past, self._notes, self._evidence, self._audit

    def _documents(self) -> QWidget:
        holder = QWidget()
        title = row(Words(self._seat.say("record.attempts"), "panel_title", "muted"), margins=(24, 12, 24, 0))
        holder.setLayout(column(self._papers, title, self._attempts, gap=0))
        return holder

    def show_view(self, view: CreditCheckView) -> None:
        """Everything anew; the tab in sight stays."""
        told = [entry for entry in view.timeline if not words.is_opening(entry)]
        planned = _planned(view.record, self._seat)
        lines = [*planned, *(words.happening(entry, self._seat) for entry in reversed(told))]
        self._timeline.show_happenings(lines)
        papers = _papers(view, self._seat)
        self._papers.show_rows(papers)
        self._papers.setFixedHeight(self._papers.height_for(min(len(papers), 4)))
        attempts = [entry for entry in reversed(told) if entry.what.removeprefix("credit-check.") in _READING]
        self._attempts.show_happenings([*planned, *(words.happening(entry, self._seat) for entry in attempts)])
        history = [record for record in view.history if record.id != view.record.id]
        self._past.show_rows(history)
        self._notes.show_happenings(noted(view.notes, self._seat))
        self._evidence.show_items(list(reversed(view.evidence)))
        self._audit.show_rows(list(enumerate(reversed(view.timeline))))
        counted = (lines, view.documents, history, view.notes, view.evidence, view.timeline)
        for number, shown in enumerate(counted):
            self.tabs.set_count(number, wording.format_count(len(shown)))

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """Where Tab stops, in order."""
        return (
            self.tabs,
            self._timeline,
            self._papers,
            self._attempts,
            self._history,
            self._notes,
            *self._evidence.stops,
            self._audit,
        )

    def show_tab(self, name: str) -> None:
        self.tabs.setCurrentIndex(_NAMES.index(name))

    @Slot(object)
    def _open_paper(self, paper: Paper) -> None:
        if paper.document is not None:
            self.pdf_wanted.emit(paper.document.sha256)

    @Slot(object)
    def _open_record(self, record: CreditCheck) -> None:
        self.record_wanted.emit(record.id)

    def focus_content(self) -> None:
        """The content in sight takes the focus: there single keys act."""
        targets = (self._timeline, self._papers, self._history, self._notes, self._evidence, self._audit)
        targets[self._stack.currentIndex()].setFocus(Qt.FocusReason.OtherFocusReason)


def _planned(record: CreditCheck, seat: Seat) -> list[Happening]:
    """What happens next by itself stands above what has happened."""
    at = record.work.at
    if at is None:
        return []
    what = seat.say(f"record.planned.{record.work.reason}", attempt=record.work.attempt + 1)
    return [Happening(moment(at, seat), wording.format_instant(at), "clock", "muted", seat.say("who.worker"), what)]


def _papers(view: CreditCheckView, seat: Seat) -> list[Paper]:
    record, language = view.record, seat.language
    name = seat.say("record.paper.pdf")
    good = StateCell(seat.say("record.document.current"), "check", "good")
    older = StateCell(seat.say("record.document.older"), "two_sheets", "muted")
    rows = [
        Paper(document.sha256, name, good if document.current else older, document) for document in view.documents
    ]
    if not any(document.current for document in view.documents):
        gone = StateCell(seat.say("record.document.missing_word"), "cross", "bad")
        later = words.cell(f"work.{WorkState.NONE.value}", language) if record.state != "success" else gone
        rows.insert(0, Paper("", name, gone if record.state == "success" else later))
    return rows


def _papers_table(seat: Seat) -> StaticTable:
    say = seat.say

    def of(paper: Paper, form: str) -> str:
        document = paper.document
        if document is None:
            return ""
        forms = {
            "fetched": lambda: wording.format_instant(document.fetched_at)[:-4],
            "size": lambda: wording.format_bytes(document.bytes),
            "sha256": lambda: wording.short_id(document.sha256),
        }
        return forms[form]()

    columns = [
        Column("document", say("column.document"), 260, lambda paper: paper.name),
        Column("state", say("column.state"), 140, lambda paper: paper.state, "state"),
        Column("fetched", say("column.fetched"), 176, lambda paper: of(paper, "fetched"), "data"),
        Column("size", say("column.size"), 96, lambda paper: of(paper, "size"), "amount"),
        Column("sha256", say("column.sha256"), 140, lambda paper: of(paper, "sha256"), "data"),
        Column("source", say("column.source"), 140, lambda _: words.PROVIDER, stretches=True),
    ]
    return StaticTable(seat, columns, lambda paper: paper.key, say("record.tab.documents"))
