"""What stands in a screen's place for whoever may not see it: why, who may, and what there is to do instead."""

from PySide6.QtCore import Slot

from console.domain.permissions import ADMIN
from console.views.pages.page import Page, PageHead
from console.views.routes import (
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    HomeRoute,
    LookupRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    Route,
)
from console.views.seat import Seat
from console.views.widgets.base import Sign, Surface, Words, column, row


def right_for(route: Route) -> str:
    """The right that a place asks for."""
    return "audit_any" if isinstance(route, AuditRoute) else "read"


def place_of(route: Route) -> str:
    """The place in the side bar under which it lies."""
    places = {
        AuditRoute: "audit", HomeRoute: "home", LookupRoute: "lookup", ApprovalsRoute: "approvals",
        AlertsRoute: "alerts", ReconcileRoute: "reconcile", ReconcileRunsRoute: "reconcile",
    }  # fmt: skip
    return places.get(type(route), "queues")


class NoRightPage(Page):
    """Never a page that failed: nothing was asked for, so nothing was refused."""

    help_key = "help.no_right"
    hints = ((("F1",), "key.help"), (("Ctrl+L",), "key.lock"))

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        self.place = "home"
        self.route: Route = HomeRoute()
        self.head = PageHead(say("screen.home"))
        self.why = Words("", bold=True, wrap=True, selectable=True)
        self.instead = Words("", wrap=True, selectable=True)
        self.add(self.head)
        self.add_bars()
        self.add(self._content(), 1)
        self.add_hints()
        for signal in (seat.people_changed, seat.person_changed):
            signal.connect(self.show_why)

    def _content(self) -> Surface:
        content = Surface(edge="top")
        title = row(Sign("lock", "muted", 16), Words(self.seat.say("screen.no_right"), "section"), None)
        content.setLayout(column(title, self.why, self.instead, None, gap=12, margins=(24, 24, 24, 24)))
        return content

    def enter(self, route: object) -> None:
        if isinstance(route, Route):
            self.route, self.place = route, place_of(route)
            self.head.title.say(self.seat.say(f"screen.{self.place}"))
            self.show_why()

    @Slot()
    def show_why(self) -> None:
        self.why.say(self.seat.lacks(right_for(self.route)))
        self.instead.say(self._instead())

    def _instead(self) -> str:
        """What this person can do: an administrator looks after accounts and the schema, at a terminal."""
        me = self.seat.me
        if me is None:
            return self.seat.say("screen.no_right.unknown")
        return self.seat.say("screen.no_right.admin" if ADMIN in me.roles else "screen.no_right.other")
