"""The queues: what waits, why, what happens next; worked through by keyboard."""

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from console import wording
from console.domain.results import QueueItem
from console.views import case_words
from console.views.look.tokens import tokens
from console.views.pages import queue_rows
from console.views.pages.filter_line import FilterLine
from console.views.pages.fitted_table import TRAIL, FittedTable
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.preview import Preview
from console.views.pages.queue_acts import QueueActs
from console.views.pages.queue_choice import QueueChoice
from console.views.pages.queue_news import QueueNews
from console.views.pages.queue_rows import QUEUES, QueueRow
from console.views.routes import QueuesRoute
from console.views.seat import Seat
from console.views.tables.paging import PagedModel
from console.views.widgets.base import Surface, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.empty import EmptyState
from console.views.widgets.tabs import Tabs


class QueuesPage(Page):
    """Tabs, one list, a preview where there is room. New arrivals wait behind a button and move no row."""

    place = "queues"
    help_key = "help.queues"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("Space",), "key.choose"),
        (("P",), "key.probe"),
        (("F",), "key.refetch"),
        (("E",), "key.resolve"),
        (("T",), "key.take"),
        (("N",), "key.note"),
        (("Ctrl+F",), "key.filter"),
        (("Shift+↓", "Shift+↑"), "key.extend"),
        (("Ctrl+A",), "key.choose_all"),
        (("Ctrl+D",), "key.choose_none"),
        (("Ctrl+/",), "key.list"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.queue = "review"
        self.choice = QueueChoice(seat, self)
        self.hands = QueueActs(seat, self, self.choice, lambda: self.current)
        self._build_head()
        self.add_bars()
        self.preview = Preview(seat)
        self._lists: dict[str, FittedTable] = {}
        self.list = QStackedWidget()
        self.empty = QWidget()
        self.list.addWidget(self.empty)
        self.news = QueueNews(seat, self)
        left = QWidget()
        left.setLayout(column(self.list, row(self.news.button, None, margins=(12, 0, 0, 0)), gap=0))
        middle = row(left, self.preview, gap=0)
        middle.setStretch(0, 1)
        self.add(middle, 1)
        self.add(self.choice.bar)
        self.add_hints()
        self._connect()
        self._show_counts()

    # -- building

    def _build_head(self) -> None:
        say = self.seat.say
        button = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        button.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.queues"), button=button)
        self.tabs = Tabs(say("screen.queues"))
        for name in QUEUES:
            self.tabs.add(say(f"queue.{name}.title"), data=name)
        self.filter = FilterLine(self.seat)
        tabs = Surface(edge="bottom")
        tabs.setLayout(row(self.tabs, None))
        self.add(self.head)
        self.add(tabs)
        self.add(self.filter)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._tab)
        self.seat.standing_changed.connect(self._show_counts)
        self.filter.changed.connect(self._ask)
        self.filter.left.connect(self.entered)
        self.news.wanted.connect(self.show_new)
        self.news.renewed.connect(self._show_renewed)
        self.preview.opened.connect(self.open_current)
        self.preview.copied.connect(self.hands.acts.tell_copied)
        self.hands.listen()
        for signal, act in ((self.preview.probed, self.hands.probe), (self.preview.refetched, self.hands.refetch),
                            (self.preview.resolved, self.hands.resolve)):  # fmt: skip
            signal.connect(act)
        self.key("Ctrl+F", self.filter.enter)

    # -- which list

    def enter(self, route: object) -> None:
        if isinstance(route, QueuesRoute) and route.name and route.name != self.queue:
            self.tabs.setCurrentIndex(QUEUES.index(route.name))
        elif not self._lists:
            self._show_list()

    @Slot()
    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def table(self) -> FittedTable:
        if self.queue not in self._lists:
            self._lists[self.queue] = self._make_table(self.queue)
        return self._lists[self.queue]

    @property
    def rows(self) -> PagedModel:
        return self.table.rows

    @property
    def current(self) -> QueueItem | None:
        row_ = self.table.current
        return row_.item if isinstance(row_, QueueRow) else None

    def _unwanted(self) -> frozenset[str]:
        """Beside the preview Next is said there."""
        return frozenset({"next"} if self._has_preview() else ())

    def _make_table(self, queue: str) -> FittedTable:
        seat = self.seat
        group = queue_rows.group_maker(seat) if queue in queue_rows.GROUPED else None
        columns = queue_rows.columns(seat, queue)
        model = PagedModel(columns, queue_rows.key_of, seat.runner, group_of=group, parent=self)
        table = FittedTable(model, seat.say(f"queue.{queue}.title"), spare=queue_rows.SPARE)
        table.unwanted = self._unwanted()
        table.opened.connect(self.open_current)
        table.current_changed.connect(self._show_current)
        model.arrived.connect(self._arrived_rows)
        model.arrived.connect(partial(self.choice.arrived, model))
        model.chosen_changed.connect(partial(self.choice.changed, model))
        model.failed.connect(self.reading_failed)
        self.list.addWidget(table)
        in_order(*self.head.stops, self.tabs, self.filter.edit, table, *self.choice.bar.stops, self.news.button)
        return table

    @Slot(int)
    def _tab(self, number: int) -> None:
        self.queue = QUEUES[number]
        self.news.forget()
        self._show_list()

    def _show_list(self) -> None:
        self.head.sentence.say(self.seat.say(f"queue.{self.queue}.hint"))
        self.head.fit()
        self.list.setCurrentWidget(self.table)
        self._ask()

    @Slot()
    def _ask(self) -> None:
        """Another question: the list from its beginning."""
        if self.seat.ready:
            self.choice.show_list(self.queue, self.filter.text, self.rows)
            self.rows.read(self.seat.fetch(queue_rows.read_rows(self.queue, self.filter.text)))

    # -- reading

    def read(self, reason: str) -> None:
        if reason == "changed":
            if not self.filter.text:
                self.news.look(self.queue, self.table)
        elif reason in ("arrived", "person") or self.rows.rowCount() == 0:
            self._show_list()
        else:
            self.news.forget()
            self.rows.re_read()

    @Slot()
    def _arrived_rows(self) -> None:
        self.reading_done()
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        table = self.table
        if table.current is None:
            table.go_to_first()
        self._show_current(table.current)
        if self.rows.complete and self.rows.row_count == 0:
            self._show_empty()
        else:
            self.list.setCurrentWidget(table)
        self.filter.found.say(self._found_words())

    def _found_words(self) -> str:
        if not self.filter.text:
            return ""
        key = "queue.filtered" if self.rows.complete else "queue.filtered_so_far"
        return self.seat.say(key, n=self.rows.row_count)

    def _show_empty(self) -> None:
        say = self.seat.say
        if self.filter.text:
            shown = EmptyState(say("queue.filter_empty"), say("queue.filter_empty_hint"), shape="search")
        else:
            last = say("queue.last_checked", at=self.seat.now())
            shown = EmptyState(say(f"queue.{self.queue}.empty"), last)
        self.list.removeWidget(self.empty)
        self.empty.deleteLater()
        self.empty = shown
        self.list.addWidget(shown)
        self.list.setCurrentWidget(shown)

    @Slot()
    def show_new(self) -> None:
        """Take the new ones in."""
        self.news.forget()
        self.rows.re_read()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _show_renewed(self) -> None:
        self._show_current(self.table.current)

    # -- what is current

    @Slot(object)
    def _show_current(self, row_: object) -> None:
        if self.sender() is not None and isinstance(self.sender(), FittedTable) and self.sender() is not self.table:
            return
        self.preview.show_item(row_.item if isinstance(row_, QueueRow) else None)
        self._say_position()

    def _say_position(self) -> None:
        found = self.seat.standing.count(self.queue)
        known = self.rows.row_count if self.rows.complete else (found.count if found else self.rows.row_count)
        at = self.table.current_row
        before = at + 1 - sum(heading <= at for heading in self.rows.heading_rows())
        capped = not self.rows.complete and found is not None and found.capped
        total = wording.format_count(known, capped=capped)
        words = self.seat.say("queue.position", position=before, total=total) if before else ""
        self.hint_bar.count.say(words)

    @Slot()
    def _show_counts(self) -> None:
        for table in self._lists.values():
            table.age()
        for number, name in enumerate(QUEUES):
            found = self.seat.standing.count(name)
            self.tabs.set_count(number, wording.format_count(found.count, capped=found.capped) if found else "")

    # -- acting

    @Slot()
    def open_current(self) -> None:
        if self.current is not None:
            around = self.table.around(TRAIL)
            trail = tuple(queue_rows.key_of(row_) for row_ in around if isinstance(row_, QueueRow))
            self.seat.go(case_words.route_of(self.current.record, trail, "queues"))

    # -- room

    def _has_preview(self) -> bool:
        return self.window().width() >= tokens().px("layout", "preview_hidden_below_width")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.preview.setVisible(self._has_preview())
        for table in self._lists.values():
            table.unwanted = self._unwanted()
            table.fit()
