"""The frame around the pages: bars, where one is, and the way back. It fills a window that is painted already."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from console import wording
from console.views.entry.curtain import Curtain
from console.views.first_window import FirstWindow
from console.views.look.tokens import tokens
from console.views.pages.no_right import NoRightPage, right_for
from console.views.pages.page import Page
from console.views.pages.sheet import PageSheet
from console.views.routes import (
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    HomeRoute,
    LookupRoute,
    QueuesRoute,
    ReconcileRoute,
    Route,
)
from console.views.seat import Note, Seat
from console.views.status import StatusCells
from console.views.widgets.bars import Bar, Toast, Toasts
from console.views.widgets.base import Words
from console.views.widgets.chrome import EnvironmentFrame, StatusBar, TopBar
from console.views.widgets.empty import SkeletonRows
from console.views.widgets.sidebar import Place, SideBar

_PLACES: dict[str, Route] = {
    "home": HomeRoute(),
    "queues": QueuesRoute(),
    "lookup": LookupRoute(),
    "approvals": ApprovalsRoute(),
    "reconcile": ReconcileRoute(),
    "alerts": AlertsRoute(),
    "audit": AuditRoute(),
}
_LONGEST_WAY = 50
_LEAST = (960, 600)


class Frame(QObject):
    """Fills a window; wires bars and pages, which `make_page` makes when they are first needed.

    Signals:
        leaving: the window closes for good.
    """

    leaving = Signal()

    def __init__(self, window: FirstWindow, seat: Seat) -> None:
        super().__init__(window)
        self.window, self.seat = window, seat
        self.may_close: Callable[[], bool] = lambda: True
        self.make_page: Callable[[Route], Page] | None = None
        self._pages: dict[type, Page] = {}
        self._sheets: dict[Page, PageSheet] = {}
        self._way: list[Route] = []
        self.toasts = Toasts(window)
        self.curtain = Curtain(window)
        self.curtain.raised.connect(self._tell_held)
        self._held: list[Note] = []
        window.setMinimumSize(*_LEAST)
        self._build()
        window.installEventFilter(self)
        seat.wanted.connect(self.go)
        seat.replaced.connect(self.replace)
        seat.left.connect(self.back)
        seat.told.connect(self._tell)
        seat.standing_changed.connect(self._count)
        seat.people_changed.connect(self._look_at_rights)
        seat.person_changed.connect(self._look_at_rights)
        self._clock = QTimer(self, interval=1_000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

    # -- building

    def _build(self) -> None:
        seat = self.seat
        word = seat.settings.environment_word
        frame = EnvironmentFrame(word)
        self.top = TopBar(
            seat.say("app.name"),
            seat.say(f"environment.{word}"),
            word,
            seat.say("search.placeholder"),
            seat.operator or seat.say("person.nobody"),
        )
        self.side = SideBar(self._places(), seat.say("screen.places"))
        self.side.chosen.connect(self._go_to_place)
        self.stack = QStackedWidget()
        self.bars = QVBoxLayout()
        self.status = StatusBar()
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.side)
        content = QVBoxLayout()
        content.addLayout(self.bars)
        content.addWidget(self.stack, 1)
        middle.addLayout(content, 1)
        frame.inside.addWidget(self.top)
        frame.inside.addLayout(middle, 1)
        frame.inside.addWidget(self.status)
        self.window.setCentralWidget(frame)
        self.window.setWindowTitle(seat.say("app.name"))
        self._show_waiting()
        StatusCells(seat, self.status)
        self._tick()
        self._count()

    def _places(self) -> list[Place]:
        say = self.seat.say
        return [
            Place("home", "home", say("screen.home"), "Alt+1"),
            Place("queues", "list", say("screen.queues"), "Alt+2"),
            Place("lookup", "search", say("screen.lookup"), "Alt+3"),
            Place("approvals", "approval", say("screen.approvals"), "Alt+4"),
            Place("reconcile", "swap", say("screen.reconcile"), "Alt+5"),
            Place("alerts", "warning", say("screen.alerts"), "Alt+6"),
            Place("audit", "audit", say("screen.audit"), "Alt+7"),
        ]

    def _show_waiting(self) -> None:
        """What stands in the content's place until there are services."""
        waiting = QWidget()
        box = QVBoxLayout(waiting)
        margin = tokens().px("spacing", "page_margin")
        box.setContentsMargins(margin, 12, margin, 12)
        box.addWidget(Words(self.seat.say("screen.home"), "title"))
        box.addWidget(SkeletonRows(6))
        box.addStretch(1)
        self.stack.addWidget(waiting)
        self.side.show_current("home")

    @Slot()
    def rebuild(self) -> None:
        """Say everything anew: other language. The place and the way back stay."""
        self._pages.clear()
        self._sheets.clear()
        self._build()
        if self._way:
            self._show(self._way[-1])

    # -- going

    @Slot(object)
    def go(self, route: Route) -> None:
        """Go somewhere; where one was is kept as the way back."""
        if not self._way or self._way[-1] != route:
            self._way = [*self._way[-_LONGEST_WAY:], route]
        self._show(route)

    @Slot()
    def back(self) -> None:
        """Where one came from; a list keeps its place."""
        if len(self._way) > 1:
            self._way.pop()
            self._show(self._way[-1])

    @Slot(object)
    def replace(self, route: Route) -> None:
        """Go on within the place without a step to go back."""
        if self._way:
            self._way[-1] = route
        self._show(route)

    @property
    def route(self) -> Route | None:
        return self._way[-1] if self._way else None

    @property
    def page(self) -> Page | None:
        """The page in sight; None before there are services."""
        shown = self.stack.currentWidget()
        page = shown.widget() if isinstance(shown, PageSheet) else None
        return page if isinstance(page, Page) else None

    def _show(self, route: Route) -> None:
        page = self._page_for(route)
        if page is None:
            return
        self.stack.setCurrentWidget(self._sheets[page])
        page.enter(route)
        self.side.show_current(page.place)
        page.entered()

    def _page_for(self, route: Route) -> Page | None:
        barred = bool(self.seat.lacks(right_for(route)))
        kind = NoRightPage if barred else type(route)
        if kind not in self._pages and self.make_page is not None:
            page = self._pages[kind] = NoRightPage(self.seat) if barred else self.make_page(route)
            self._sheets[page] = PageSheet(page)
            self.stack.addWidget(self._sheets[page])
        return self._pages.get(kind)

    @Slot()
    def _look_at_rights(self) -> None:
        """Another person, or who they are is known by now: the same place, seen or barred."""
        if self._way and self.page is not None:
            barred = bool(self.seat.lacks(right_for(self._way[-1])))
            if barred != isinstance(self.page, NoRightPage):
                self._show(self._way[-1])

    @Slot(str)
    def _go_to_place(self, key: str) -> None:
        self.go(_PLACES[key])

    @Slot()
    def re_read(self) -> None:
        """F5: the page in sight reads anew."""
        if self.page is not None:
            self.page.refresh("asked")

    # -- what goes on around the pages

    @Slot()
    def _tick(self) -> None:
        at = self.seat.now()
        clock = self.seat.say("status.clock_minutes", at=wording.format_instant(at, "clock")[:5])
        if self.top.clock.plain != clock:
            self.top.clock.say(clock)

    @Slot()
    def _count(self) -> None:
        """Beside Queues: what needs a person; Approvals: what this person decides; Alerts: what nobody has seen."""
        waiting = self.seat.standing.count("review")
        words = wording.format_count(waiting.count, capped=waiting.capped) if waiting and waiting.count else ""
        self.side.set_count("queues", words)
        decide = self.seat.standing.decisions
        self.side.set_count("approvals", wording.format_count(decide) if decide else "")
        alerts = self.seat.standing.alerts
        self.side.set_count("alerts", wording.format_count(alerts) if alerts else "")

    @Slot(object)
    def _tell(self, note: Note) -> None:
        if self.curtain.down:
            self._held.append(note)
            return
        close = self.seat.say("action.close")
        self.toasts.show_toast(Toast(note.words, note.detail, shape=note.shape, tone=note.tone, close=close))

    @Slot()
    def _tell_held(self) -> None:
        """What came while nobody could see it."""
        held, self._held = self._held, []
        for note in held:
            self._tell(note)

    def show_bar(self, bar: Bar | None) -> None:
        """A fact about the whole window, above the page; None takes it away."""
        while item := self.bars.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        margin = tokens().px("spacing", "page_margin")
        around = (margin, 8, margin, 0) if bar is not None else (0, 0, 0, 0)
        self.bars.setContentsMargins(*around)
        if bar is not None:
            self.bars.addWidget(bar)

    # -- keys and closing

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Keys that nobody below wanted, and closing."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        if event.type() == QEvent.Type.Close:
            return self._close(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        """Enter presses the focused button, Esc goes back."""
        focus = self.window.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focus, QAbstractButton):
            focus.click()
            return True
        if event.key() == Qt.Key.Key_Escape and not self.curtain.down:
            self.back()
            return True
        return False

    def _close(self, event: QEvent) -> bool:
        if self.may_close():
            self.leaving.emit()
            return False
        event.ignore()
        return True

