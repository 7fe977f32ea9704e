"""The page that replaces a page which the person has no right to see. It shows the reason, the people who have the
right, and the next step."""

from functools import partial

from PySide6.QtCore import Slot

from console.domain.access.permissions import ADMIN
from console.views.pages.base import Page, PageHead
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    HomeRoute,
    LookupRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    ReportsRoute,
    Route,
    TrainingRoute,
)
from console.views.widgets.base import IconLabel, Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton


def find_needed_right(route: Route) -> str:
    """Return the name of the right that a person needs to see the page of this route; "" if no right is needed."""
    if isinstance(route, AdminRoute):
        return ""
    return "audit_any" if isinstance(route, AuditRoute) else "read"


def get_sidebar_key(route: Route) -> str:
    """Return the key of the sidebar entry to which the page of this route belongs."""
    places = {
        AuditRoute: "audit",
        ReportsRoute: "reports",
        AdminRoute: "admin",
        HomeRoute: "home",
        LookupRoute: "lookup",
        ApprovalsRoute: "approvals",
        AlertsRoute: "alerts",
        ReconcileRoute: "reconcile",
        ReconcileRunsRoute: "reconcile",
        TrainingRoute: "training",
    }
    return places.get(type(route), "queues")


class NoRightPage(Page):
    """The page that the window shows if the person lacks the right to see the requested page. It names the people
    who have the right. An administrator gets a button that opens the administration page. The page reads no data from
    the services."""

    help_key = "help.no_right"
    key_hints = ((("F1",), "key.help"), (("Ctrl+L",), "key.lock"))

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.sidebar_key = "home"
        self.route: Route = HomeRoute()
        self.head = PageHead(translate("screen.home"))
        self.reason_label = TextLabel("", is_bold=True, wraps_lines=True, is_selectable=True)
        self.advice_label = TextLabel("", wraps_lines=True, is_selectable=True)
        self.admin_button = KeyButton(translate("screen.admin"), "Alt+9", "primary", binds_key=False)
        self.admin_button.clicked.connect(partial(context.navigate, AdminRoute()))
        self.add_content(self.head)
        self.add_content(self._make_content(), 1)
        self.add_key_hints()
        for signal in (context.people_changed, context.person_changed):
            signal.connect(self.show_reason)

    def _make_content(self) -> Surface:
        content = Surface(edge="top")
        title = make_row(
            IconLabel("lock", "muted", 16),
            TextLabel(self.context.translate("screen.no_right"), "section", heading_level=2),
            None,
        )
        content.setLayout(
            make_column(
                title,
                self.reason_label,
                self.advice_label,
                make_row(self.admin_button, None),
                None,
                gap_px=12,
                margins=(24, 24, 24, 24),
            )
        )
        return content

    def show_route(self, route: object) -> None:
        if isinstance(route, Route):
            self.route, self.sidebar_key = route, get_sidebar_key(route)
            self.head.title.show_text(self.context.translate(f"screen.{self.sidebar_key}"))
            self.show_reason()

    @Slot()
    def show_reason(self) -> None:
        self.reason_label.show_text(self.context.find_missing_right_reason(find_needed_right(self.route)))
        self.advice_label.show_text(self._format_advice())
        acting_person = self.context.current_person
        self.admin_button.setVisible(acting_person is not None and ADMIN in acting_person.roles)

    def _format_advice(self) -> str:
        """Return the text about the person's next step. For an administrator it says that accounts and the
        database schema are managed in a terminal."""
        acting_person = self.context.current_person
        if acting_person is None:
            disabling = self.context.own_disabling
            is_disabled = disabling is not None and disabling.by is not None
            return self.context.translate("screen.no_right.disabled" if is_disabled else "screen.no_right.unknown")
        return self.context.translate(
            "screen.no_right.admin" if ADMIN in acting_person.roles else "screen.no_right.other"
        )
