"""What lies behind the tabs of a payment, an order or a refund: timeline, attempts, records, kept answers, audit."""

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console import wording
from console.domain.records import EvidenceItem, TimelineEntry
from console.domain.story import Chain
from console.domain.worker_records import Note
from console.views import record_words as words
from console.views.case_words import Case, ref_of
from console.views.look.theme import look
from console.views.pages.beside_acts import noted
from console.views.pages.case_columns import case_columns, whole
from console.views.pages.record_facts import moment
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.pages.tab_parts import EvidenceView, audit_table
from console.views.seat import Seat
from console.views.widgets.base import Surface, column, row
from console.views.widgets.empty import EmptyState
from console.views.widgets.tabs import Tabs
from console.views.widgets.timeline import Happening, TimelineList

_LEAST_ROWS = 3
_LISTS = {
    "payments": ("day", "name", "provider", "amount", "state", "certainty", "work", "next"),
    "refunds": ("day", "name", "amount", "state", "certainty", "work", "people", "next"),
}


class Kept(Protocol):
    """Any record's view: its history with that of those it belongs to, and the answers that were kept."""

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]: ...
    @property
    def evidence(self) -> tuple[EvidenceItem, ...]: ...
    @property
    def notes(self) -> tuple[Note, ...]: ...
    @property
    def story(self) -> Chain: ...


class MoneyTabs(QWidget):
    """`lists` are the tabs of other records between attempts and kept answers.

    Signals:
        case_wanted(object): open that record.
    """

    case_wanted = Signal(object)

    def __init__(self, seat: Seat, lists: Sequence[str]) -> None:
        super().__init__()
        self._seat = seat
        self.tabs = Tabs(seat.say("record.tabs"))
        self._stack = QStackedWidget()
        self._timeline = TimelineList(seat.say("record.tab.timeline"))
        self._attempts = TimelineList(seat.say("record.tab.attempts"))
        self._lists = {name: self._table(name) for name in lists}
        self._notes = TimelineList(seat.say("record.tab.notes"))
        self._evidence = EvidenceView(seat)
        self._audit = audit_table(seat)
        self._names = ("timeline", "attempts", *lists, "notes", "evidence", "audit")
        tables = self._lists.values()
        contents = (self._timeline, self._attempts, *tables, self._notes, self._evidence, self._audit)
        for name, content in zip(self._names, contents, strict=True):
            self.tabs.add(seat.say(f"record.tab.{name}"), data=name)
            self._stack.addWidget(content)
        self.tabs.currentChanged.connect(self._stack.setCurrentIndex)
        head = Surface(edge="bottom")
        head.setLayout(row(self.tabs, None))
        self.setLayout(column(head, self._stack, gap=0))
        self._stack.setMinimumHeight(_LEAST_ROWS * look().row())

    def _table(self, name: str) -> TableOrNothing:
        table = StaticTable(
            self._seat, case_columns(self._seat, _LISTS[name], whole), ref_of, self._seat.say(f"record.tab.{name}"),
            spare=("next", "people", "day", "provider"),
        )  # fmt: skip
        table.opened.connect(self._open)
        return TableOrNothing(table, EmptyState(self._seat.say(f"record.no_{name}"), shape="dash"))

    def show_view(self, record: Case, view: Kept, **lists: Sequence[Case]) -> None:
        """Everything anew; the tab in sight stays."""
        seat = self._seat
        planned = _planned(record, seat)
        lines = [*planned, *(words.told(event, view.story, seat) for event in reversed(view.story.events))]
        attempts = [words.happening(entry, seat) for entry in reversed(view.timeline) if is_attempt(entry)]
        self._timeline.show_happenings(lines)
        self._attempts.show_happenings(attempts)
        for name, table in self._lists.items():
            table.show_rows(list(lists[name]))
        self._notes.show_happenings(noted(view.notes, seat))
        self._evidence.show_items(list(reversed(view.evidence)))
        self._audit.show_rows(list(enumerate(reversed(view.timeline))))
        records = (lists[name] for name in self._lists)
        counted = (lines, attempts, *records, view.notes, view.evidence, view.timeline)
        for number, shown in enumerate(counted):
            self.tabs.set_count(number, wording.format_count(len(shown)))

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """Where Tab stops, in order."""
        tables = [both.table for both in self._lists.values()]
        return self.tabs, self._timeline, self._attempts, *tables, self._notes, *self._evidence.stops, self._audit

    def show_tab(self, name: str) -> None:
        self.tabs.setCurrentIndex(self._names.index(name))

    def focus_content(self) -> None:
        """The content in sight takes the focus: there single keys act."""
        shown = self._stack.currentWidget()
        if shown is not None:
            shown.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _open(self, record: object) -> None:
        self.case_wanted.emit(record)


def is_attempt(entry: TimelineEntry) -> bool:
    """Whether something was asked of the provider or sent to it."""
    code = entry.what.rsplit(".", 1)[-1]
    return any(part in code for part in ("probe", "submit", "start", "sent", "poll", "unknown", "lapsed"))


def _planned(record: Case, seat: Seat) -> list[Happening]:
    """What happens next by itself stands above what has happened."""
    at, reason = record.work.at, record.work.reason
    if at is None:
        return []
    known = reason and wording.has(f"record.planned.{reason}")
    what = seat.say(f"record.planned.{reason}" if known else "record.planned.other", attempt=record.work.attempt + 1)
    return [Happening(moment(at, seat), wording.format_instant(at), "clock", "muted", seat.say("who.worker"), what)]


