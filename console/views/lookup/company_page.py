"""Everything we have for one corporation: open matters first, its credit checks, the live one beside them."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console import wording
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CheckState, CreditCheck
from console.domain.results import LookupResult
from console.views import case_words
from console.views.case_words import Case
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.pages.columns import check_columns
from console.views.pages.live_panel import LivePanel
from console.views.pages.matters import MatterList
from console.views.pages.money_acts import MoneyActs
from console.views.pages.money_lists import MONEY_LISTS, money_table
from console.views.pages.page import in_order
from console.views.pages.rights import guarded
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.routes import Ref
from console.views.seat import Seat
from console.views.tables.columns import Column
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.copyable import CopyableId
from console.views.widgets.empty import EmptyState
from console.views.widgets.flow import flowing
from console.views.widgets.tabs import Tabs

_ROOM_FOR_PANEL = 900  # px at text size 1
_KINDS = ("credit-check", "payment", "order", "refund")
_COLUMNS = ("day", "record", "client", "state", "certainty", "result", "work", "next", "age")


class CompanyView(QWidget):
    """What was found for a number.

    Signals:
        opened(object): open that record.
        counted(str): which of how many is current.
    """

    opened = Signal(object)
    counted = Signal(str)

    def __init__(self, seat: Seat, acts: MoneyActs) -> None:
        super().__init__()
        self._seat, self._acts = seat, acts
        self.number = ""
        self._has_room = True
        self.records: tuple[CreditCheck, ...] = ()
        self.found: tuple[Case, ...] = ()
        self.matters = MatterList(seat)
        self.table = StaticTable(seat, _columns(seat), _id, seat.say("lookup.checks"), spare=("age", "next"))
        self.money = {name: self._money_table(name) for name in MONEY_LISTS}
        self.tabs = Tabs(seat.say("record.tabs"))
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
        """A tab for each kind of record; credit checks have the live one beside them."""
        say = self._seat.say
        self.lists = QStackedWidget()
        for name in ("payments", "refunds", "orders"):
            self.tabs.add(say(f"record.tab.{name}"), data=name)
            self.lists.addWidget(self.money[name])
        self.tabs.add(say("lookup.checks"), data="checks")
        self.none = EmptyState(say("lookup.none_title"), say("lookup.none"), shape="search")
        self.checks = QStackedWidget()
        self.checks.addWidget(self.table)
        self.checks.addWidget(self.none)
        self.lists.addWidget(self.checks)
        self.tabs.currentChanged.connect(self._tab)
        head = Surface(edge="bottom")
        head.setLayout(row(self.tabs, None))
        holder = QWidget()
        holder.setLayout(column(head, self.lists, gap=0))
        return holder

    def _money_table(self, name: str) -> TableOrNothing:
        table = money_table(self._seat, name)
        table.opened.connect(self.opened)
        table.current_changed.connect(self._show_position)
        table.rows.arrived.connect(partial(self._first_of, table))
        return TableOrNothing(table, EmptyState(self._seat.say(f"lookup.no_{name}"), shape="dash"))

    def _connect(self) -> None:
        self.table.opened.connect(self._open_row)
        self.table.current_changed.connect(self._show_current)
        self.table.rows.arrived.connect(self._first)
        self.matters.opened.connect(self.opened)
        self.panel.opened.connect(self._open_id)
        self.panel.refetched.connect(self.refetch)
        self.panel.pdf_wanted.connect(self._open_pdf)

    # -- showing

    def show_found(self, found: LookupResult, *, still: bool = False) -> None:
        """Another number, or the same read anew; `still`: nobody asked for that."""
        seat, other = self._seat, found.corporation_number != self.number
        self.number, self.records = found.corporation_number, found.credit_checks
        self.found = (*found.payments, *found.refunds, *found.orders, *found.credit_checks)
        name = next((record.company_name for record in self.records if record.company_name), None)
        self.name.say(name or seat.say("record.no_name" if self.records else "lookup.unknown_company"))
        self.copyable.show_id(wording.format_number(self.number), self.number)
        clients = sorted({record.client_id for record in self.records}, key=int)
        self.facts.say(seat.say("lookup.facts", n=len(self.records), clients=clients) if clients else "")
        lists = {"payments": found.payments, "refunds": found.refunds, "orders": found.orders}
        for place, (name, records) in enumerate(lists.items()):
            self.money[name].show_rows(records, still=still)
            self.tabs.set_count(place, wording.format_count(len(records)))
        self.tabs.set_count(len(lists), wording.format_count(len(self.records)))
        self.read_at.say(seat.say("screen.last_read", at=seat.now()))
        self.matters.show_matters([record for record in self.found if case_words.is_open(record)])
        self.table.show_rows(self.records, still=still)
        self.checks.setCurrentWidget(self.table if self.records else self.none)
        if other:
            self.tabs.setCurrentIndex(0 if found.payments else len(lists))
        self._tab(self.tabs.currentIndex())
        self._show_current(self.table.current)
        tables = [both.table for both in self.money.values()]
        stops = (self.copyable, self.buy_button, *self.matters.stops, self.tabs, *tables, self.table)
        in_order(*stops, *self.panel.stops)

    @Slot(int)
    def _tab(self, place: int) -> None:
        """The live credit check stands beside credit checks alone."""
        self.lists.setCurrentIndex(place)
        self.panel.setVisible(self._has_room and bool(self.records) and self.in_checks)
        self._show_position()

    @property
    def in_checks(self) -> bool:
        return self.lists.currentWidget() is self.checks

    def _shown_table(self) -> StaticTable:
        shown = self.lists.currentWidget()
        return shown.table if isinstance(shown, TableOrNothing) else self.table

    @Slot()
    def _show_position(self) -> None:
        """Which of how many is current, in the list in sight."""
        table = self._shown_table()
        at, total = table.current_row + 1, wording.format_count(len(table.held))
        words = self._seat.say("queue.position", position=at, total=total) if at else ""
        self.counted.emit(words)

    def _first_of(self, table: StaticTable) -> None:
        if table.current is None:
            table.go_to_first()
        self._show_position()

    @Slot()
    def _first(self) -> None:
        if self.table.current is None:
            self.table.go_to_first()
        self._show_current(self.table.current)

    @Slot(object)
    def _show_current(self, record: object) -> None:
        current = record if isinstance(record, CreditCheck) else None
        self.panel.show_records(current, self.records)
        self._show_position()

    def focus_rows(self) -> None:
        table = self._shown_table()
        (table if table.held else self.buy_button).setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        """Its own records, or a new one that may be of this number."""
        known = {case_words.ref_of(record) for record in self.found}
        newest = {kind: max((id for own, id in known if own == kind), default=0) for kind, _ in changes}
        return any((kind, id) in known or id > newest[kind] for kind, id in changes if kind in _KINDS)

    def trail(self) -> tuple[Ref, ...]:
        """The list in sight."""
        return tuple(case_words.ref_of(record) for record in self._shown_table().held)

    # -- acting

    @property
    def current(self) -> Case | None:
        """The current record of the list in sight."""
        found = self._shown_table().current
        return found if isinstance(found, CreditCheck | Payment | Refund | Order) else None

    @Slot()
    def buy(self) -> None:
        if self.number and self.buy_button.isEnabled():
            self._acts.purchase(self.number)

    @Slot()
    def refetch(self) -> None:
        record = self.panel.record or self.current
        if self.in_checks and isinstance(record, CreditCheck) and record.state is CheckState.SUCCESS:
            self._acts.refetch(record)

    @Slot()
    def probe(self) -> None:
        record = self.current
        if isinstance(record, CreditCheck):
            self._acts.probe(record)
        elif record is not None:
            self._acts.probe_case(record)

    @Slot()
    def refund(self) -> None:
        """Of the current payment."""
        record = self.current
        if isinstance(record, Payment):
            self._acts.refund(record.id)

    @Slot()
    def copy(self) -> None:
        if self.number:
            self._acts.copy(self.number)

    @Slot(object)
    def _open_row(self, record: CreditCheck) -> None:
        self.opened.emit(record)

    @Slot(int)
    def _open_id(self, id: int) -> None:
        record = next((one for one in self.records if one.id == id), None)
        if record is not None:
            self.opened.emit(record)

    @Slot(int)
    def _open_pdf(self, id: int) -> None:
        from console.views.routes import PdfRoute

        self._seat.go(PdfRoute(id))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._has_room = self.width() >= _ROOM_FOR_PANEL * look().scale
        self.panel.setVisible(self._has_room and bool(self.records) and self.in_checks)
        wide = self.window().width() >= tokens().px("layout", "preview_hidden_below_width")
        self.panel.setFixedWidth(tokens().px("layout", "company_side_panel" if wide else "approval_list"))


def _columns(seat: Seat) -> list[Column]:
    """The last axis takes the room that is left."""
    columns = check_columns(seat, _COLUMNS, _same)
    return [replace(column, stretches=column.key == "work") for column in columns]


def _same(record: CreditCheck) -> CreditCheck:
    return record


def _id(record: CreditCheck) -> int:
    return record.id
