"""Home: what waits and since when, unfinished work, the oldest needs, and what was opened last."""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QStackedWidget, QWidget

from console import wording
from console.domain.dates import JST
from console.domain.records import CreditCheck
from console.domain.results import QueueItem, UnfinishedWork
from console.views import case_words
from console.views.case_words import Case
from console.views.desk_api import Desk
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.pages.case_columns import case_columns
from console.views.pages.counts import CountPanel, Line
from console.views.pages.fitted_table import TRAIL, FittedTable
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.recent import RecentPanel
from console.views.routes import QueuesRoute, Ref
from console.views.seat import Seat
from console.views.status import gateway_cell, provider_cell, service_cell
from console.views.tables.book import Page as Rows
from console.views.tables.paging import PagedModel
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.empty import EmptyState

_QUEUES = (
    ("review", "square_bang", "care"),
    ("unknown", "question", "unknown"),
    ("refunds", "arrow_back", "progress"),
    ("incomplete", "open_ring_plus", "care"),
    ("pending", "half_disc", "progress"),
    ("error", "cross", "bad"),
)
_PANEL = 280  # least width of a panel in px at text size 1
_COLUMNS = ("age", "company", "name", "amount", "state", "certainty", "why")


class HomePage(Page):
    """Counts with the oldest age, never charts; each leads to its list."""

    place = "home"
    help_key = "help.home"
    hints = (
        (("Tab",), "key.next_panel"),
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("Ctrl+K",), "key.search"),
        (("Ctrl+L",), "key.lock"),
        (("F1",), "key.help"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._unfinished: UnfinishedWork | None = None
        self._unfinished_shown = ""
        say = seat.say
        button = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        button.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.home"), button=button)
        self.mine = CountPanel(say("home.my_work"))
        self.team = CountPanel(say("home.team"))
        self.providers = CountPanel(say("home.providers"))
        self.mine.chosen.connect(self._open_line)
        self.team.chosen.connect(self._open_line)
        self.add(self.head)
        self.add_bars()
        self.add(self._panels())
        self.add(self._lower(), 1)
        self.add_hints()
        for signal in (seat.standing_changed, seat.reach_changed):
            signal.connect(self._show_standing)
        self._show_standing()
        in_order(*self.head.stops, *self.mine.stops, *self.team.stops, self.link, self.table)

    def _panels(self) -> QHBoxLayout:
        margin = tokens().px("spacing", "page_margin")
        box = self._panel_box = row(self.mine, self.team, self.providers, gap=16, margins=(margin, 0, margin, 20))
        for place in range(3):
            box.setStretch(place, 1)
        return box

    def _lower(self) -> QWidget:
        seat = self.seat
        self.rows = PagedModel(case_columns(seat, _COLUMNS, _record_of, _since), _key, seat.runner, parent=self)
        self.table = FittedTable(self.rows, seat.say("home.oldest"), spare=("amount", "name"))
        self.table.opened.connect(self._open)
        self.rows.failed.connect(self.reading_failed)
        self.rows.arrived.connect(self._rows_arrived)
        self.list = QStackedWidget()
        self.list.addWidget(self.table)
        self.list.addWidget(self._nothing())
        self._waiting = Words("", "small_data", "muted")
        link = self.link = LinkButton(seat.say("home.open_queue"))
        link.clicked.connect(self._open_review)
        margin = tokens().px("spacing", "page_margin")
        title = row(
            Words(seat.say("home.oldest"), "panel_title"), self._waiting, None, link, margins=(margin, 8, margin, 8)
        )
        left = Surface(edge="top")
        left.setLayout(column(title, self.list, gap=0))
        self.recent = RecentPanel(seat)
        lower = QWidget()
        box = row(left, self.recent, gap=0)
        box.setStretch(0, 1)
        lower.setLayout(box)
        return lower

    def _nothing(self) -> QWidget:
        """What stands where no record waits, and one way on."""
        say = self.seat.say
        button = KeyButton(say("home.open_queue"))
        button.clicked.connect(self._open_review)
        self.nothing = EmptyState(say("home.empty"), say("home.hint"), button=button)
        return self.nothing

    @Slot()
    def _rows_arrived(self) -> None:
        self.reading_done()
        empty = self.rows.complete and self.rows.row_count == 0
        self.list.setCurrentWidget(self.nothing if empty else self.table)

    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def enter(self, route: object) -> None:
        if self.rows.rowCount() == 0:
            self.refresh("entered")

    # -- reading

    def read(self, reason: str) -> None:
        if reason in ("arrived", "entered", "person"):
            self.rows.read(self.seat.fetch(_oldest))
        else:
            self.rows.re_read()

    # -- showing

    @Slot()
    def _show_standing(self) -> None:
        seat, standing = self.seat, self.seat.standing
        self.head.sentence.say(_today(seat))
        self.head.read_at.say(seat.say("screen.last_read", at=standing.read_at) if standing.read_at else "")
        self.team.show_lines([_queue_line(seat, *queue) for queue in _QUEUES], seat.say("home.team_foot"))
        self.mine.show_lines(_my_lines(seat), seat.say("home.my_work_foot"))
        due = seat.say("home.providers_foot", at=seat.due_at) if seat.due_at else seat.say("home.providers_foot_none")
        self.providers.show_lines(_provider_lines(seat), due)
        review = standing.count("review")
        self._waiting.say(wording.format_count(review.count, capped=review.capped) if review else "")
        self._show_unfinished()
        self.table.age()

    def _show_unfinished(self) -> None:
        """What one's own work stopped at, first; it is not lost and can't be discarded."""
        stopped = [work for work in _of(self.seat, self.seat.standing.unfinished) if work.record is not None]
        if not stopped:
            self.hide_bar("unfinished")
            return
        work = min(stopped, key=lambda one: one.operation.started_at)
        words = _unfinished_words(self.seat, work)
        if "unfinished" in self.bar_names() and words == self._unfinished_shown:
            return
        self._unfinished_shown, self._unfinished = words, work
        button = KeyButton(self.seat.say("action.open"), kind="inline")
        button.clicked.connect(self._open_unfinished)
        bar = Bar(self.seat.say("home.unfinished"), words, tone="progress", shape="clock", button=button)
        self.show_bar("unfinished", bar)

    # -- going

    @Slot(object)
    def _open(self, item: QueueItem) -> None:
        trail = tuple(_key(row_) for row_ in self.table.around(TRAIL))
        self.seat.go(case_words.route_of(item.record, trail, "queues"))

    @Slot()
    def _open_unfinished(self) -> None:
        record = self._unfinished.record if self._unfinished else None
        if record is not None:
            self.seat.go(case_words.route_of(record, (), "home"))

    @Slot()
    def _open_review(self) -> None:
        self.seat.go(QueuesRoute("review"))

    @Slot(str)
    def _open_line(self, queue: str) -> None:
        self.seat.go(QueuesRoute(queue))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= _PANEL * 3 * look().scale
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._panel_box.setDirection(across if beside else down)
        self.recent.setVisible(self.width() >= _PANEL * 3 * look().scale)
        wide = self.window().width() >= tokens().px("layout", "preview_hidden_below_width")
        self.recent.setFixedWidth(tokens().px("layout", "preview_width" if wide else "approval_list"))


def _oldest(desk: Desk, cursor: object, limit: int) -> Rows:
    page = desk.recovery.queue("review", limit, str(cursor) if cursor else None)
    return Rows(page.items, page.next_cursor)


def _key(item: QueueItem) -> Ref:
    return case_words.ref_of(item.record)


def _record_of(item: QueueItem) -> Case:
    return item.record


def _since(item: QueueItem) -> datetime | None:
    return item.since


def _today(seat: Seat) -> str:
    now = seat.now()
    weekday = seat.say(f"weekday.{now.astimezone(JST).weekday()}")
    return seat.say("home.today", at=now, weekday=weekday)


def _queue_line(seat: Seat, queue: str, shape: str, tone: str) -> Line:
    found = seat.standing.count(queue)
    word = seat.say(f"queue.{queue}.title")
    if found is None or not found.count:
        return Line(queue, shape, "muted", word, "", "0" if found else "")
    oldest = seat.say("queue.oldest", age=seat.age(found.oldest)) if found.oldest else ""
    return Line(queue, shape, tone, word, oldest, wording.format_count(found.count, capped=found.capped))  # type: ignore[arg-type]  # one of the tones in _QUEUES


def _my_lines(seat: Seat) -> list[Line]:
    mine = _of(seat, seat.standing.unfinished)
    calling = [work for work in mine if work.operation.state == "calling"]
    unknown = [work for work in mine if work.operation.state != "calling"]
    itself = [work for work in unknown if work.record is not None and work.record.work.at is not None]
    person = [work for work in unknown if work not in itself]
    return [
        _work_line(seat, "pending", "half_disc", "progress", "home.running", calling),
        _work_line(seat, "unknown", "question", "unknown", "home.to_settle", person),
        _work_line(seat, "unknown", "circle_arrow", "progress", "home.by_itself", itself),
    ]


def _work_line(seat: Seat, queue: str, shape: str, tone: str, key: str, works: Sequence[UnfinishedWork]) -> Line:
    word = seat.say(key)
    if not works:
        return Line(queue, shape, "muted", word, "", "0")
    oldest = min(work.operation.started_at for work in works)
    return Line(queue, shape, tone, word, seat.say("queue.oldest", age=seat.age(oldest)), str(len(works)))  # type: ignore[arg-type]  # a tone


def _provider_lines(seat: Seat) -> list[Line]:
    gateways = (gateway_cell(seat, one) for one in seat.reach.gateways)
    cells = (service_cell(seat), *gateways, provider_cell(seat))
    return [Line("", "", "text", cell.name, "", cell.words, cell.shape, cell.tone) for cell in cells]


def _of(seat: Seat, works: Sequence[UnfinishedWork]) -> list[UnfinishedWork]:
    return [work for work in works if work.operation.operator == seat.operator]


def _unfinished_words(seat: Seat, work: UnfinishedWork) -> str:
    record = work.record
    if record is not None and not isinstance(record, CreditCheck):
        title, since = case_words.title(record, seat), work.operation.started_at
        return seat.say("home.unfinished_case", title=title, since=since, state=work.operation.state.value)
    return seat.say(
        "home.unfinished_line",
        number=work.operation.corporation_number,
        id=record.id if record else None,
        since=work.operation.started_at,
        state=work.operation.state.value,
    )
