"""The administration page: read-only switches, limits of refunds, people with their roles, checks of the
installation, tasks of the worker, and reason codes of refunds."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.access.disabled_people import PersonAccess
from console.domain.access.permissions import has_right
from console.domain.access.read_only import ReadOnlySwitch
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.limits import Limit
from console.domain.service_results import HealthCheck
from console.views.admin.health_tabs import (
    ALL_REFUND_REASONS,
    DueTaskRow,
    format_row_detail,
    make_due_task_columns,
    make_health_check_columns,
    make_refund_reason_columns,
    read_due_task_rows,
    sort_health_checks,
)
from console.views.admin.limit_dialog import LimitDialog, format_limit_value, translate_limit_name
from console.views.admin.people_tab import find_access_change_refusal, format_disabling, make_people_columns
from console.views.admin.person_dialogs import DisablePersonDialog, EnablePersonDialog
from console.views.admin.switch_dialog import ReadOnlySwitchDialog, translate_scope_name
from console.views.pages.base import Page, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.pages.static_table import StaticTable
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column, StateCell
from console.views.widgets.base import ParagraphLabel, Surface, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.notification_bars import NotificationBar

if TYPE_CHECKING:
    from console.app import Console

_ADMIN_TAB_NAMES = ("switches", "limits", "people", "health", "tasks", "reasons")


@dataclass(frozen=True, slots=True)
class _ReadOnlySwitchRow:
    """A row of the tab "switches": a scope (everything, or the name of one provider), and the newest setting of its
    read-only switch. `switch` is None if the read-only switch of this scope was never set."""

    scope: str
    switch: ReadOnlySwitch | None

    @property
    def is_on(self) -> bool:
        return self.switch is not None and self.switch.is_on


@dataclass(frozen=True, slots=True)
class _AdminPageContents:
    """The data that the page reads from the services and shows. `limits` and `tasks` are None if the acting person
    may not read them."""

    switch_rows: tuple[_ReadOnlySwitchRow, ...]
    limits: tuple[Limit, ...] | None
    people: tuple[PersonAccess, ...]
    tasks: tuple[DueTaskRow, ...] | None


class AdminPage(Page):
    """The administration page, with six tabs. Every person sees the read-only switches; each button needs the right
    for its action. The O key opens the dialog that turns read-only on or off for the selected scope, the C key the
    dialog for the selected limit, the D key the dialog that disables or enables the selected person.

    The page reads its data again each minute, and when the presence of a worker or the time of the last due tasks
    changes. It can't wait for a change in the change feed: a task becomes overdue by time alone, and the feed
    contains neither tasks nor limits.
    """

    sidebar_key = "admin"
    help_key = "help.admin"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("O",), "key.read_only"),
        (("C",), "key.change_limit"),
        (("D",), "key.change_person"),
        (("Ctrl+Tab",), "key.tabs"),
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.head = self.make_page_head(translate("screen.admin"), translate("admin.sentence"))
        self.tabs = TabBar(translate("screen.admin"))
        for name in _ADMIN_TAB_NAMES:
            self.tabs.add_tab(translate(f"admin.tab.{name}"))
        tab_line = Surface(edge="bottom")
        tab_line.setLayout(make_row(self.tabs, None))
        self.switch_table = self._make_table("switches", _make_switch_columns(context), lambda row: row.scope)
        self.limit_table = self._make_table(
            "limits", _make_limit_columns(context), lambda row: (row.currency, row.name)
        )
        self.people_table = self._make_table("people", make_people_columns(context), lambda row: row.person.name)
        self.health_table = self._make_table("health", make_health_check_columns(context), lambda check: check.name)
        self.task_table = self._make_table(
            "tasks", make_due_task_columns(context), lambda row: row.task.name, hideable_columns=("last", "every")
        )
        self.reason_table = self._make_table("reasons", make_refund_reason_columns(context), lambda reason: reason)
        self._table_by_tab_name = {
            "switches": self.switch_table,
            "limits": self.limit_table,
            "people": self.people_table,
            "health": self.health_table,
            "tasks": self.task_table,
            "reasons": self.reason_table,
        }
        self._refusal_by_tab_name = {
            name: EmptyState(translate(f"admin.no_{name}"), icon_name="lock") for name in ("limits", "tasks")
        }
        self.no_tasks_state = EmptyState(
            translate("admin.tasks_none"), translate("admin.tasks_none.detail"), icon_name="clock"
        )
        self.content_stack = QStackedWidget()
        for tab_content in (
            *self._table_by_tab_name.values(),
            *self._refusal_by_tab_name.values(),
            self.no_tasks_state,
        ):
            self.content_stack.addWidget(tab_content)
        self._refused_tab_names: frozenset[str] = frozenset()
        self._known_worker_times = self._get_worker_times()
        context.minute_passed.connect(self._refresh_each_minute)
        context.connection_state_changed.connect(self._refresh_on_worker_change)
        context.person_changed.connect(self._remove_restricted_rows)
        self._is_task_list_empty = False
        self.add_content(self.head)
        self.add_content(tab_line)
        self.add_content(self.content_stack, 1)
        self.add_content(self._make_footer())
        self.add_key_hints(*self._table_by_tab_name.values())
        self.tabs.currentChanged.connect(self._show_selected_tab)
        self.tabs.currentChanged.connect(self.screen_state_changed)
        self.bind_shortcut("O", partial(self.press_button, self.switch_button))
        self.bind_shortcut("C", partial(self.press_button, self.limit_button))
        self.bind_shortcut("D", partial(self.press_button, self.person_button))
        set_tab_order(*self.head.focus_stops, self.tabs, *self._table_by_tab_name.values(), *self._buttons)
        self._show_selected_tab()

    def _make_table(
        self,
        tab_name: str,
        columns: Sequence[Column],
        get_key: Callable[[Any], Hashable],
        *,
        hideable_columns: Sequence[str] = (),
    ) -> StaticTable:
        accessible_name = self.context.translate(f"admin.tab.{tab_name}")
        table = StaticTable(self.context, columns, get_key, accessible_name, hideable_columns=hideable_columns)
        ColumnWidthStorage(self.context, table, f"admin.{tab_name}")
        table.rows.page_applied.connect(partial(_select_first_row, table))
        table.current_changed.connect(self._update_buttons)
        return table

    def _make_footer(self) -> Surface:
        translate = self.context.translate
        self.switch_button = bind_button_to_right(
            self.context,
            KeyButton(translate("admin.set_read_only"), "O", "primary", binds_key=False),
            "set_read_only",
        )
        self.limit_button = bind_button_to_right(
            self.context, KeyButton(translate("admin.change_limit"), "C", "primary", binds_key=False), "limits"
        )
        self.person_button = bind_button_to_right(
            self.context, KeyButton(translate("admin.disable_person"), "D", "primary", binds_key=False), "people"
        )
        self.switch_button.clicked.connect(self._open_switch_dialog)
        self.limit_button.clicked.connect(self._open_limit_dialog)
        self.person_button.clicked.connect(self._open_person_dialog)
        self._buttons = (self.switch_button, self.limit_button, self.person_button)
        self._button_lines = tuple(_make_button_line(button) for button in self._buttons)
        self.footer = Surface(is_raised=True, edge="top")
        self.detail_label = ParagraphLabel(is_selectable=True)
        self.footer.setLayout(
            make_column(self.detail_label.row, make_row(*self._button_lines), gap_px=8, margins=(24, 8, 24, 8))
        )
        return self.footer

    # -- reading

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def get_screen_state(self) -> Mapping[str, Any]:
        return {"tab": _ADMIN_TAB_NAMES[self.tabs.currentIndex()]}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        if state.get("tab") in _ADMIN_TAB_NAMES:
            self.tabs.setCurrentIndex(_ADMIN_TAB_NAMES.index(str(state["tab"])))

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        shown_widget = self.content_stack.currentWidget()
        return (shown_widget if isinstance(shown_widget, StaticTable) else None), self.tabs

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False

    @Slot()
    def _refresh_each_minute(self) -> None:
        """Read the data of the page again, because a task may have become overdue."""
        self.refresh("changed")

    @Slot()
    def _refresh_on_worker_change(self) -> None:
        """Read the data again if a worker has started or stopped, or if this desk has run its due tasks."""
        worker_times = self._get_worker_times()
        if worker_times != self._known_worker_times:
            self._known_worker_times = worker_times
            self.refresh("changed")

    def _get_worker_times(self) -> tuple[datetime | None, datetime | None]:
        """Return two instants. The first is the instant since which no worker is present; None while a worker is
        present. The second is the instant at which this desk last ran its due tasks; None if it has run no due tasks.
        """
        return self.context.connection_state.worker_away_since, self.context.last_due_tasks_at

    def read_data(self, reason: str) -> None:
        may_see_limits, now = not self.context.find_missing_right_reason("limits"), self.context.now()
        person, is_automatic = self.context.operator, reason == "changed"

        def read_contents(services: "Console") -> _AdminPageContents:
            switches = {switch.scope: switch for switch in services.read_only_switches.list_switches()}
            switch_rows = tuple(
                _ReadOnlySwitchRow(name, switches.get(name)) for name in services.read_only_switches.list_scopes()
            )
            limits = _list_limits_if_allowed(services) if may_see_limits else None
            return _AdminPageContents(
                switch_rows, limits, services.disabled_people.list_people(), read_due_task_rows(services, now)
            )

        def show_contents(contents: _AdminPageContents) -> None:
            if person == self.context.operator:  # another person may see other rows
                self._show_contents(contents, is_automatic=is_automatic)

        self.context.run_read(
            read_contents,
            show_contents,
            self.show_reading_failure,
            caller=self,
            key="admin",
        )
        self.context.run_read(  # by itself, because a check may wait for a disk or a server
            lambda services: services.health.run_all_checks(),
            lambda checks: self._show_health_checks(checks, is_automatic=is_automatic),
            self._show_health_failure,
            caller=self,
            key="health",
        )

    @Slot()
    def _remove_restricted_rows(self) -> None:
        """Remove the rows that not everyone may read. If the read for the present acting person fails, the page would
        still show those of the previous person."""
        for name in self._refusal_by_tab_name:
            self._table_by_tab_name[name].show_rows(())
        self._update_buttons()

    def _show_health_checks(self, checks: tuple[HealthCheck, ...], *, is_automatic: bool) -> None:
        self.hide_bar("health")
        self.health_table.show_rows(sort_health_checks(checks), is_automatic=is_automatic)
        self._update_buttons()

    def _show_health_failure(self, failure: Failure) -> None:
        """Show that the checks of the installation could not run. The page isn't marked as outdated, because a
        separate call reads the contents of its other tabs."""
        message = self.context.format_failure(failure)
        lead = self.context.translate("screen.not_read")
        self.show_bar("health", NotificationBar(lead, message, tone="bad", icon_name="cross"))

    def update_outdated_actions(self) -> None:
        self._update_buttons()

    def _name_people_who_see_limits(self, people: Sequence[PersonAccess]) -> None:
        """Name the administrators among `people` in the sentence that replaces the table of limits."""
        names = [
            access.person.name for access in people if access.disabling is None and has_right(access.person, "limits")
        ]
        sentence = self.context.translate("admin.no_limits", people=names)
        shown_state = self._refusal_by_tab_name["limits"]
        if sentence == shown_state.title:
            return
        self._refusal_by_tab_name["limits"] = EmptyState(sentence, icon_name="lock")
        self.content_stack.removeWidget(shown_state)
        shown_state.deleteLater()
        self.content_stack.addWidget(self._refusal_by_tab_name["limits"])

    def _show_contents(self, contents: _AdminPageContents, *, is_automatic: bool) -> None:
        self.mark_data_read()
        self._refused_tab_names = frozenset(
            name for name in self._refusal_by_tab_name if getattr(contents, name) is None
        )
        self._name_people_who_see_limits(contents.people)
        self.switch_table.show_rows(contents.switch_rows, is_automatic=is_automatic)
        self.limit_table.show_rows(contents.limits or (), is_automatic=is_automatic)
        self.people_table.show_rows(contents.people, is_automatic=is_automatic)
        self.task_table.show_rows(contents.tasks or (), is_automatic=is_automatic)
        self._is_task_list_empty = contents.tasks == ()
        self.reason_table.show_rows(ALL_REFUND_REASONS)
        set_switches = tuple(row.switch for row in contents.switch_rows if row.switch is not None)
        self.context.update_connection_state(read_only_switches=set_switches)
        self._show_selected_tab()

    # -- tabs and buttons

    @Slot()
    def _show_selected_tab(self) -> None:
        tab_name = _ADMIN_TAB_NAMES[self.tabs.currentIndex()]
        shown_widget: QWidget = (
            self._refusal_by_tab_name[tab_name]
            if tab_name in self._refused_tab_names
            else self._table_by_tab_name[tab_name]
        )
        if shown_widget is self.task_table and self._is_task_list_empty:
            shown_widget = self.no_tasks_state
        self.content_stack.setCurrentWidget(shown_widget)
        self._update_buttons()
        self.restore_focus()

    @Slot()
    def _update_buttons(self) -> None:
        """Show the buttons and the detail text that belong to the open tab and its current row."""
        tab_name = _ADMIN_TAB_NAMES[self.tabs.currentIndex()]
        switch_row = self.switch_table.current_item
        is_on = isinstance(switch_row, _ReadOnlySwitchRow) and switch_row.is_on
        self.switch_button.show_text(
            self.context.translate("admin.end_read_only" if is_on else "admin.set_read_only")
        )
        outdated_reason = self.find_outdated_reason()
        # Setting read-only only stops actions. It must be possible whatever could not be read.
        self.switch_button.block(outdated_reason if is_on else "")
        self.limit_button.block(outdated_reason)
        access = self.people_table.current_item
        is_disabled = isinstance(access, PersonAccess) and access.disabling is not None
        self.person_button.show_text(
            self.context.translate("admin.enable_person" if is_disabled else "admin.disable_person")
        )
        # Disabling a person only stops actions, too.
        self.person_button.block(
            (outdated_reason if is_disabled else "")
            or (find_access_change_refusal(self.context, access) if isinstance(access, PersonAccess) else "")
        )
        are_shown = (
            tab_name == "switches",
            tab_name == "limits" and tab_name not in self._refused_tab_names,
            tab_name == "people" and isinstance(access, PersonAccess),
        )
        for line, is_shown in zip(self._button_lines, are_shown, strict=True):
            line.setVisible(is_shown)
        item = self._table_by_tab_name[tab_name].current_item
        self.detail_label.show_text(
            format_disabling(self.context, item)
            if isinstance(item, PersonAccess)
            else format_row_detail(item, self.context)
        )
        self.detail_label.setVisible(bool(self.detail_label.plain))
        self.footer.setVisible(any(are_shown) or bool(self.detail_label.plain))
        hints = ("key.read_only", "key.change_limit", "key.change_person")
        self.hide_key_hints({hint for hint, is_shown in zip(hints, are_shown, strict=True) if not is_shown})

    @Slot()
    def _open_switch_dialog(self) -> None:
        switch_row = self.switch_table.current_item
        if isinstance(switch_row, _ReadOnlySwitchRow):
            dialog = ReadOnlySwitchDialog(self.context, switch_row.scope, self.window(), is_on=not switch_row.is_on)
            dialog.answered.connect(self.read_data_again)
            dialog.open()

    @Slot()
    def _open_limit_dialog(self) -> None:
        limit = self.limit_table.current_item
        if isinstance(limit, Limit):
            dialog = LimitDialog(self.context, limit, self.window())
            dialog.answered.connect(self.read_data_again)
            dialog.open()

    @Slot()
    def _open_person_dialog(self) -> None:
        access = self.people_table.current_item
        if isinstance(access, PersonAccess):
            dialog_class = DisablePersonDialog if access.disabling is None else EnablePersonDialog
            dialog = dialog_class(self.context, access, self.window())
            dialog.answered.connect(self.read_data_again)
            dialog.open()


def _make_button_line(button: KeyButton) -> QWidget:
    """Return a widget with the button and, beside it, a label with the reason why the button is disabled."""
    line = QWidget()
    line.setLayout(make_row(button, ReasonLabel(button), None, gap_px=8))
    return line


def _select_first_row(table: StaticTable) -> None:
    if table.current_item is None:
        table.go_to_first_row()


def _make_switch_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def make_state_cell(row: _ReadOnlySwitchRow) -> StateCell:
        if row.is_on:
            return StateCell(translate("status.read_only"), "lock", "care")
        return StateCell(translate("status.writes_on"), "check", "good")

    def format_since(row: _ReadOnlySwitchRow) -> str:
        return translate("admin.at", at=row.switch.at) if row.switch is not None else ""

    return [
        Column("scope", translate("admin.column.scope"), 160,
               lambda row: translate_scope_name(context, row.scope)),
        Column("state", translate("column.state"), 150, make_state_cell, "state"),
        Column("since", translate("admin.column.since"), 180, format_since, "data"),
        Column("person", translate("admin.column.person"), 120,
               lambda row: row.switch.person if row.switch is not None else ""),
        Column("reason", translate("admin.column.reason"), 240,
               lambda row: row.switch.reason if row.switch is not None else "", is_stretched=True),
    ]  # fmt: skip


def _make_limit_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_proposed_value(limit: Limit) -> str:
        if limit.proposed is None:
            return ""
        value = format_limit_value(context, limit, limit.proposed)
        return translate("admin.proposed", value=value, who=limit.proposed_by)

    return [
        Column("currency", translate("admin.column.currency"), 90, lambda limit: limit.currency),
        Column("limit", translate("admin.column.limit"), 280,
               lambda limit: translate_limit_name(context, limit.name)),
        Column("value", translate("admin.column.value"), 160,
               lambda limit: format_limit_value(context, limit, limit.value), "amount"),
        Column("proposed", translate("admin.column.proposed"), 260, format_proposed_value, is_stretched=True),
    ]  # fmt: skip


def _list_limits_if_allowed(services: "Console") -> tuple[Limit, ...] | None:
    """Return the limits; None if the acting person has no right to see them. The window learns the person's rights
    only a moment after its start. So this function asks the service even if the window doesn't have these rights yet.
    """
    try:
        return tuple(services.refund_limits.list_limits())
    except ConsoleError as refusal:
        if refusal.code is not ErrorCode.NOT_ALLOWED:
            raise
        return None
