"""Each control that is visible at a text size of 100 % can also be used at 200 %: it is visible, or an entry of a
menu with a name.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QMenu, QTabBar, QWidget

from console.views.pages.base import PageHead
from console.views.queues.new_arrivals import QueueArrivals
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    PaymentRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    ReportsRoute,
    Route,
    SetAsidesRoute,
    UnmatchedNoticesRoute,
)
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.window.notification_bars import ToastFrame
from console.views.widgets.window.window_bars import StatusBar
from tests.legible.tour import LegibleStage, open_stage
from tests.shots.stage import WindowLook

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)

ROUTE_PART_COUNT = 3
CONTROL_CLASSES = (QAbstractButton, QComboBox, QLineEdit, QTabBar)


def list_routes(stage: LegibleStage) -> tuple[Route, ...]:
    """Return the routes of the screens to which the sidebar and the lists lead."""
    check, payment = stage.desk.list_checks("several_clients")[0], stage.desk.list_payments("refund_unknown")[-1]
    return (
        HomeRoute(), QueuesRoute("review"), ChangedCompaniesRoute(), UnmatchedNoticesRoute(),
        LookupRoute(check.corporation_number), CreditCheckRoute(check.id), PaymentRoute(payment.id), ApprovalsRoute(),
        SetAsidesRoute(), ReconcileRoute(), ReconcileRunsRoute(), AlertsRoute(), AuditRoute(), ReportsRoute(),
        AdminRoute(),
    )  # fmt: skip


def find_menus_of_hidden_controls(stage: LegibleStage) -> Iterator[QMenu]:
    """Yield the menus of the visible buttons that contain controls for which there is no room."""
    for part in stage.window.findChildren(QWidget):
        if isinstance(part, ActionRow | PageHead) and part.menu_button.isVisible():
            menu = part.build_menu()
            assert menu.accessibleName()
            yield menu
    if stage.frame.top_bar.page_menu.isVisible():
        yield stage.frame.sidebar.build_menu()


def list_menu_entries(menu: QMenu) -> Iterator[str]:
    """Yield the names of the menu's entries."""
    for action in menu.actions():
        yield action.text()
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from list_menu_entries(inner)


def find_visible_controls(window: QWidget) -> Iterator[QWidget]:
    """Yield the controls of a window that a person can press or type into. Left out are the links of the status bar,
    whose targets the pages also name, and messages that disappear.
    """
    news = [arrivals.button for arrivals in window.findChildren(QueueArrivals)]
    for kind in CONTROL_CLASSES:
        for control in window.findChildren(kind):
            is_of_a_screen = not any(isinstance(one, StatusBar | ToastFrame) for one in iterate_ancestors(control))
            is_news = any(control is button for button in news)
            if (
                control.isVisible()
                and control.isEnabled()
                and get_control_name(control)
                and is_of_a_screen
                and not is_news
            ):
                yield control


def find_visible_labels(window: QWidget) -> Iterator[TextLabel]:
    return (label for label in window.findChildren(TextLabel) if label.isVisible() and label.plain)


def iterate_ancestors(widget: QWidget) -> Iterator[QWidget]:
    """Yield the parent of the widget, the parent's parent, and so on."""
    parent = widget.parentWidget()
    while parent is not None:
        yield parent
        parent = parent.parentWidget()


def get_control_name(control: QWidget) -> str:
    """Return the text of a button, or the accessible name of another control. By this name the test finds the control
    at both text sizes.
    """
    text = control.text() if isinstance(control, QAbstractButton) else ""
    return text or control.accessibleName()


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("part", range(ROUTE_PART_COUNT))
def test_every_control_can_be_used_at_the_largest_text(
    qapp: QApplication, tmp_path: Path, part: int, language: str
) -> None:
    """At the largest text size in the smallest usual window, a person can use every control of a page that is usable
    at 100 %. Each visible label has the new text size. The text size is changed only once, because a change takes as
    long as many pages. Whether visible texts are cut off isn't checked here.
    """
    with open_stage(tmp_path / "desk", WindowLook(language, "light", 1280, 800)) as stage:
        current_appearance().set_text_scale(1.0)
        names_by_route: dict[Route, set[str]] = {}
        for route in list_routes(stage)[part::ROUTE_PART_COUNT]:
            stage.show_route(route)
            names_by_route[route] = {get_control_name(control) for control in find_visible_controls(stage.window)}
        current_appearance().set_text_scale(2.0)
        stage.wait_until_idle()
        missing = []
        for route, names in reversed(names_by_route.items()):  # the first one is open while the text grows
            stage.show_route(route)
            assert [one.plain for one in find_visible_labels(stage.window) if not one.has_current_text_size] == [], (
                route
            )
            reached = {get_control_name(control) for control in find_visible_controls(stage.window)}
            entries = [entry for menu in find_menus_of_hidden_controls(stage) for entry in list_menu_entries(menu)]
            missing += [
                f"{route}: {one}"
                for one in sorted(names - reached)
                if not any(entry.startswith(one) for entry in entries)
            ]
        assert "\n".join(missing) == ""
        assert sum(len(names) for names in names_by_route.values()) > 30
