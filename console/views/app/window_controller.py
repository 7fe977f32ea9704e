"""What belongs to the whole window once there are services: pages, global keys, search, menus, closing."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut

from console.views.entry.lock import IdleLock
from console.views.frame import Frame
from console.views.pages.page import Page
from console.views.pulse import Pulse
from console.views.routes import (
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    PdfRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RecordRoute,
    RefundRoute,
    Route,
    SetAsidesRoute,
)
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.ring import have_rings

if TYPE_CHECKING:
    from console.views.finder import Finder
    from console.views.person_menu import PersonMenu

# By name: a page's module is imported when somebody goes there.
_PAGES: dict[type, tuple[str, str]] = {
    HomeRoute: ("home", "HomePage"),
    QueuesRoute: ("queues", "QueuesPage"),
    LookupRoute: ("lookup", "LookupPage"),
    AuditRoute: ("audit", "AuditPage"),
    RecordRoute: ("record", "RecordPage"),
    OperationRoute: ("operation", "OperationPage"),
    PdfRoute: ("pdf", "PdfPage"),
    PaymentRoute: ("payment", "PaymentPage"),
    OrderRoute: ("order", "OrderPage"),
    RefundRoute: ("refund", "RefundPage"),
    ApprovalsRoute: ("approvals", "ApprovalsPage"),
    SetAsidesRoute: ("set_asides", "SetAsidesPage"),
    AlertsRoute: ("alerts", "AlertsPage"),
    ReconcileRoute: ("reconcile", "ReconcilePage"),
    ReconcileRunsRoute: ("reconcile_runs", "ReconcileRunsPage"),
}


def page_of(route: Route) -> Callable[[Seat], Page]:
    """What makes the page for a place."""
    module, name = _PAGES[type(route)]
    made: Callable[[Seat], Page] = getattr(import_module(f"console.views.pages.{module}"), name)
    return made


class Shell(QObject):
    """Made when the desk has been opened.

    Signals:
        sign_out_wanted: the person wants to go, or somebody else wants to come.
    """

    sign_out_wanted = Signal()

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.frame, self.seat = frame, frame.seat
        have_rings()
        frame.make_page = self._make_page
        frame.may_close = self._may_close
        frame.leaving.connect(self._stop)
        self.pulse = Pulse(self.seat, self)
        self.lock = IdleLock(frame)
        self.lock.other_wanted.connect(self.sign_out_wanted)
        self._bind()
        frame.curtain.lowered.connect(self._follow_curtain)
        frame.curtain.raised.connect(self._follow_curtain)
        self.seat.arrived.connect(self._begin)
        self.seat.reach_changed.connect(self._show_connection)
        self.seat.language_changed.connect(self._other_language)
        self.seat.person_changed.connect(self._other_person)
        self._furnish()

    def _make_page(self, route: Route) -> Page:
        return page_of(route)(self.seat)

    def _furnish(self) -> None:
        """What speaks a language and hangs on the window's bars."""
        self._finder: Finder | None = None
        self._menu: PersonMenu | None = None
        self.frame.top.search_wanted.connect(self._search)
        self.frame.top.operator_wanted.connect(self._open_menu)
        self.frame.status.wanted.connect(self._status_wanted)

    @property
    def finder(self) -> "Finder":
        """The search, made when it is first wanted."""
        from console.views.finder import Finder

        if self._finder is None:
            self._finder = Finder(self.frame)
        return self._finder

    @property
    def menu(self) -> "PersonMenu":
        """The menu behind the person's name, likewise."""
        from console.views.person_menu import PersonMenu

        if self._menu is None:
            self._menu = PersonMenu(self.frame)
            self._menu.lock_wanted.connect(self.lock.lock)
            self._menu.sign_out_wanted.connect(self.sign_out_wanted)
        return self._menu

    @Slot()
    def _open_menu(self) -> None:
        self.menu.open()

    def _bind(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+K": self._search,
            "F5": self.frame.re_read,
            "F1": self._help,
            "Ctrl+/": self._keys,
            "Ctrl+L": self.lock.lock,
            "Ctrl+Q": self.frame.window.close,
        }
        self._shortcuts: list[QShortcut] = []
        for keys_, act in keys.items():
            shortcut = QShortcut(QKeySequence(keys_), self.frame.window)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(act)
            self._shortcuts.append(shortcut)

    @Slot()
    def _follow_curtain(self) -> None:
        """Behind the curtain no key opens anything."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(not self.frame.curtain.down)

    @Slot()
    def _begin(self) -> None:
        self.frame.go(self.frame.route or HomeRoute())

    @Slot()
    def _search(self) -> None:
        self.finder.open()

    @Slot()
    def _keys(self) -> None:
        from console.views.dialogs.keys import open_keys

        open_keys(self.frame, self.frame.page)

    @Slot()
    def _help(self) -> None:
        from console.views.dialogs.help import open_help

        open_help(self.frame, self.frame.page)

    @Slot(str)
    def _status_wanted(self, _key: str) -> None:
        from console.views.dialogs.unfinished import open_unfinished

        open_unfinished(self.frame)

    @Slot()
    def _other_language(self) -> None:
        for part in (self._finder, self._menu):
            if part is not None:
                part.deleteLater()
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
        from console.views.dialogs.leaving import open_leaving

        open_leaving(self.frame)
        return False

    @Slot()
    def _stop(self) -> None:
        self.pulse.stop()
        self.lock.stop()
