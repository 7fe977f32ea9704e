"""What belongs to the whole window once there are services: pages, global keys, search, menus, closing."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from console.views.dialogs.keys import open_keys
from console.views.dialogs.leaving import open_leaving
from console.views.dialogs.unfinished import open_unfinished
from console.views.finder import Finder
from console.views.frame import Frame
from console.views.pages.audit import AuditPage
from console.views.pages.home import HomePage
from console.views.pages.lookup import LookupPage
from console.views.pages.operation import OperationPage
from console.views.pages.page import Page
from console.views.pages.pdf import PdfPage
from console.views.pages.queues import QueuesPage
from console.views.pages.record import RecordPage
from console.views.person_menu import PersonMenu
from console.views.pulse import Pulse
from console.views.routes import (
    AuditRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    PdfRoute,
    QueuesRoute,
    RecordRoute,
    Route,
)
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.ring import FocusRings

_PAGES: dict[type, Callable[[Seat], Page]] = {
    HomeRoute: HomePage,
    QueuesRoute: QueuesPage,
    LookupRoute: LookupPage,
    AuditRoute: AuditPage,
    RecordRoute: RecordPage,
    OperationRoute: OperationPage,
    PdfRoute: PdfPage,
}


class Shell(QObject):
    """Made when the desk has been opened."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.frame, self.seat = frame, frame.seat
        app = QApplication.instance()
        if isinstance(app, QApplication) and app.findChild(FocusRings) is None:
            FocusRings(app)
        frame.make_page = self._make_page
        frame.may_close = self._may_close
        frame.leaving.connect(self._stop)
        self.pulse = Pulse(self.seat, self)
        self._bind()
        self.seat.arrived.connect(self._begin)
        self.seat.reach_changed.connect(self._show_connection)
        self.seat.language_changed.connect(self._other_language)
        self.seat.person_changed.connect(self._other_person)
        self._furnish()

    def _make_page(self, route: Route) -> Page:
        return _PAGES[type(route)](self.seat)

    def _furnish(self) -> None:
        """What speaks a language and hangs on the window's bars."""
        self.finder = Finder(self.frame)
        self.menu = PersonMenu(self.frame)
        self.frame.top.search_wanted.connect(self.finder.open)
        self.frame.top.operator_wanted.connect(self.menu.open)
        self.frame.status.wanted.connect(self._status_wanted)

    def _bind(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+K": self._search,
            "F5": self.frame.re_read,
            "F1": self._help,
            "Ctrl+/": self._keys,
            "Ctrl+Q": self.frame.window.close,
        }
        for keys_, act in keys.items():
            shortcut = QShortcut(QKeySequence(keys_), self.frame.window)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(act)

    @Slot()
    def _begin(self) -> None:
        self.frame.go(self.frame.route or HomeRoute())

    @Slot()
    def _search(self) -> None:
        self.finder.open()

    @Slot()
    def _keys(self) -> None:
        open_keys(self.frame, self.frame.page)

    @Slot()
    def _help(self) -> None:
        from console.views.dialogs.help import open_help

        open_help(self.frame, self.frame.page)

    @Slot(str)
    def _status_wanted(self, _key: str) -> None:
        open_unfinished(self.frame)

    @Slot()
    def _other_language(self) -> None:
        self.finder.deleteLater()
        self.menu.deleteLater()
        self.frame.rebuild()
        self._furnish()
        self._show_connection()

    @Slot()
    def _other_person(self) -> None:
        self.frame.top.operator.say(self.seat.operator or self.seat.say("person.nobody"))

    @Slot()
    def _show_connection(self) -> None:
        """Above every page while the database does not answer."""
        lost = self.seat.reach.lost_since
        if lost is None:
            self.frame.show_bar(None)
        else:
            words = self.seat.say("screen.state.offline", at=lost)
            self.frame.show_bar(Bar(self.seat.say("screen.offline"), words, shape="offline"))

    def _may_close(self) -> bool:
        """Nothing acts, or the person was told what does."""
        if not self.seat.acts:
            return True
        open_leaving(self.frame)
        return False

    @Slot()
    def _stop(self) -> None:
        self.pulse.stop()
