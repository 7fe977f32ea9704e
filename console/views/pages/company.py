"""Everything we have for one corporation: open matters first, its credit checks, the live one beside them."""

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console import wording
from console.domain.records import Certainty, CheckState, CreditCheck, WorkState
from console.domain.results import LookupResult
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.pages.acts import Acts
from console.views.pages.columns import check_columns
from console.views.pages.live_panel import LivePanel
from console.views.pages.matters import MatterList
from console.views.pages.page import in_order
from console.views.pages.rights import guarded
from console.views.pages.static_table import StaticTable
from console.views.seat import Seat
from console.views.tables.columns import Column
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.copyable import CopyableId
from console.views.widgets.empty import EmptyState
from console.views.widgets.flow import flowing

_ROOM_FOR_PANEL = 900  # px at text size 1
_COLUMNS = ("day", "record", "client", "state", "certainty", "result", "work", "next", "age")


class CompanyView(QWidget):
    """What was found for a number.

    Signals:
        opened(int): open that record.
        counted(str): which of how many is current.
    """

    opened = Signal(int)
    counted = Signal(str)

    def __init__(self, seat: Seat, acts: Acts) -> None:
        super().__init__()
        self._seat, self._acts = seat, acts
        self.number = ""
        self._has_room = True
        self.records: tuple[CreditCheck, ...] = ()
        self.matters = MatterList(seat)
        self.table = StaticTable(seat, _columns(seat), _id, seat.say("lookup.checks"), spare=("age", "next"))
        self.panel = LivePanel(seat)
        self._empty = QStackedWidget()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._head())
        whole.addWidget(self.matters)
        middle = row(self._list(), self.panel, gap=0)
        middle.setStretch(0, 1)
        whole.addLayout(middle, 1)
        self._connect()

    def _head(self) -> QWidget:
        say = self._seat.say
        self.name = Words("", "title")
        self.copyable = CopyableId("", "", say("field.corporation_number"), copy_word=say("action.copy"))
        self.copyable.copied.connect(self._acts.tell_copied)
        self.facts = Words("", "body", "muted")
        self.read_at = Words("", "small", "muted")
        buy = KeyButton(say("action.purchase"), "B", "primary", binds=False)
        self.buy_button = guarded(self._seat, buy, "purchase")
        self.buy_button.clicked.connect(self.buy)
        label = Words(say("field.corporation_number"), "small", "muted")
        head = Surface(edge="bottom")
        numbers = flowing(label, self.copyable, self.facts, self.read_at, gap=12)
        both = row(margins=(24, 12, 24, 14))
        both.addLayout(column(self.name, numbers, gap=2), 1)
        both.addWidget(ReasonLabel(self.buy_button))
        both.addWidget(self.buy_button)
        head.setLayout(both)
        return head

    def _list(self) -> QWidget:
        self.lists = QStackedWidget()
        say = self._seat.say
        self.none = EmptyState(say("lookup.none_title"), say("lookup.none"), shape="search")
        self.lists.addWidget(self.table)
        self.lists.addWidget(self.none)
        return self.lists

    def _connect(self) -> None:
        self.table.opened.connect(self._open_row)
        self.table.current_changed.connect(self._show_current)
        self.table.rows.arrived.connect(self._first)
        self.matters.opened.connect(self.opened)
        self.panel.opened.connect(self.opened)
        self.panel.refetched.connect(self.refetch)
        self.panel.pdf_wanted.connect(self._open_pdf)

    # -- showing

    def show_found(self, found: LookupResult) -> None:
        """Another number, or the same read anew."""
        seat = self._seat
        self.number, self.records = found.corporation_number, found.credit_checks
        name = next((record.company_name for record in self.records if record.company_name), None)
        self.name.say(name or seat.say("record.no_name" if self.records else "lookup.unknown_company"))
        self.copyable.show_id(wording.format_number(self.number), self.number)
        clients = sorted({record.client_id for record in self.records}, key=int)
        self.facts.say(seat.say("lookup.facts", n=len(self.records), clients=clients) if clients else "")
        self.read_at.say(seat.say("screen.last_read", at=seat.now()))
        self.matters.show_matters([record for record in self.records if is_open(record)])
        self.table.show_rows(self.records)
        self.lists.setCurrentWidget(self.table if self.records else self.none)
        self.panel.setVisible(self._has_room and bool(self.records))
        self._show_current(self.table.current)
        in_order(self.copyable, self.buy_button, *self.matters.stops, self.table, *self.panel.stops)

    @Slot()
    def _first(self) -> None:
        if self.table.current is None:
            self.table.go_to_first()
        self._show_current(self.table.current)

    @Slot(object)
    def _show_current(self, record: object) -> None:
        current = record if isinstance(record, CreditCheck) else None
        self.panel.show_records(current, self.records)
        at = self.table.current_row + 1
        total = wording.format_count(len(self.records))
        self.counted.emit(self._seat.say("queue.position", position=at, total=total) if current else "")

    def focus_rows(self) -> None:
        (self.table if self.records else self.buy_button).setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        """Its own records, or a new one that may be of this number."""
        known = {record.id for record in self.records}
        newest = max(known, default=0)
        return any(kind == "credit-check" and (id in known or id > newest) for kind, id in changes)

    def trail(self) -> tuple[int, ...]:
        return tuple(record.id for record in self.records)

    # -- acting

    @property
    def current(self) -> CreditCheck | None:
        found = self.table.current
        return found if isinstance(found, CreditCheck) else None

    @Slot()
    def buy(self) -> None:
        if self.number and self.buy_button.isEnabled():
            self._acts.purchase(self.number)

    @Slot()
    def refetch(self) -> None:
        record = self.panel.record or self.current
        if record is not None and record.state is CheckState.SUCCESS:
            self._acts.refetch(record)

    @Slot()
    def probe(self) -> None:
        if self.current is not None:
            self._acts.probe(self.current)

    @Slot()
    def copy(self) -> None:
        if self.number:
            self._acts.copy(self.number)

    @Slot(object)
    def _open_row(self, record: CreditCheck) -> None:
        self.opened.emit(record.id)

    @Slot(int)
    def _open_pdf(self, id: int) -> None:
        from console.views.routes import PdfRoute

        self._seat.go(PdfRoute(id))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._has_room = self.width() >= _ROOM_FOR_PANEL * look().scale
        self.panel.setVisible(self._has_room and bool(self.records))
        wide = self.window().width() >= tokens().px("layout", "preview_hidden_below_width")
        self.panel.setFixedWidth(tokens().px("layout", "company_side_panel" if wide else "approval_list"))


def is_open(record: CreditCheck) -> bool:
    """Whether something of it is still to be settled."""
    if record.superseded:
        return False
    lacking = bool(record.incomplete) and record.state is CheckState.SUCCESS
    waiting = record.certainty is Certainty.UNKNOWN or record.work.state is WorkState.NEEDS_REVIEW
    return lacking or waiting or record.state is CheckState.PENDING


def _columns(seat: Seat) -> list[Column]:
    """The last axis takes the room that is left."""
    columns = check_columns(seat, _COLUMNS, _same)
    return [replace(column, stretches=column.key == "work") for column in columns]


def _same(record: CreditCheck) -> CreditCheck:
    return record


def _id(record: CreditCheck) -> int:
    return record.id
