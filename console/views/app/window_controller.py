"""The controller of the whole window after the services are open. It connects the pages, keyboard shortcuts,
search box, menus and dialogs, and handles closing."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch
from console.services.desk_requests.request_wait import RequestWait
from console.views.app.background_refresh import BackgroundRefresh
from console.views.app.last_screen import LastScreenStorage
from console.views.app.running_read import RunningReadWatch
from console.views.app.window_links import WindowLinkHandler
from console.views.frame.main_window import WindowFrame
from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.left_open.leaving import LeaveConfirmation
from console.views.notifications.watch import NotificationWatcher
from console.views.pages.base import Page
from console.views.presenters.own_work import OwnWorkGroup
from console.views.runtime.context import WindowContext
from console.views.runtime.first_tasks import FirstTask
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    PdfComparisonRoute,
    PdfRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RefundRoute,
    ReportsRoute,
    Route,
    SetAsidesRoute,
    TrainingRoute,
    UnmatchedNoticesRoute,
)
from console.views.runtime.status_values import PasswordRequest, Toast
from console.views.sign_in.idle_lock import IdleLock
from console.views.theme.key_names import find_bound_keys
from console.views.widgets.base import set_visible_in_parent
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.focus_ring import install_focus_ring
from console.views.widgets.controls.tabs import show_adjacent_tab
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar

if TYPE_CHECKING:
    from console.views.app.command_palette import CommandPalette
    from console.views.app.person_menu import PersonMenu

# Modules are named by strings, because a page's module is imported when the page is first opened.
_PAGE_CLASS_BY_ROUTE: dict[type, tuple[str, str]] = {
    HomeRoute: ("console.views.home.page", "HomePage"),
    QueuesRoute: ("console.views.queues.page", "QueuesPage"),
    ChangedCompaniesRoute: ("console.views.queues.companies_page", "ChangedCompaniesPage"),
    UnmatchedNoticesRoute: ("console.views.queues.notices_page", "UnmatchedNoticesPage"),
    LookupRoute: ("console.views.lookup.page", "LookupPage"),
    AuditRoute: ("console.views.audit.page", "AuditPage"),
    ReportsRoute: ("console.views.reports.page", "ReportsPage"),
    AdminRoute: ("console.views.admin.page", "AdminPage"),
    CreditCheckRoute: ("console.views.credit_checks.page", "CreditCheckPage"),
    OperationRoute: ("console.views.records.operation_page", "OperationPage"),
    PdfComparisonRoute: ("console.views.documents.compare_page", "PdfComparisonPage"),
    PdfRoute: ("console.views.documents.pdf_page", "PdfPage"),
    PaymentRoute: ("console.views.money.payment_page", "PaymentPage"),
    OrderRoute: ("console.views.money.order_page", "OrderPage"),
    RefundRoute: ("console.views.money.refund_page", "RefundPage"),
    ApprovalsRoute: ("console.views.approvals.page", "ApprovalsPage"),
    SetAsidesRoute: ("console.views.money.set_asides_page", "SetAsidesPage"),
    AlertsRoute: ("console.views.alerts.page", "AlertsPage"),
    ReconcileRoute: ("console.views.reconciliation.page", "ReconcilePage"),
    ReconcileRunsRoute: ("console.views.reconciliation.runs_page", "ReconcileRunsPage"),
    TrainingRoute: ("console.views.training.page", "TrainingPage"),
}


def import_page_class(route_class: type[Route]) -> Callable[[WindowContext], Page]:
    """Import the module of the page that shows routes of this class, and return the page's class."""
    module, name = _PAGE_CLASS_BY_ROUTE[route_class]
    page_class: Callable[[WindowContext], Page] = getattr(import_module(module), name)
    return page_class


_PREPARATION_INTERVAL_MS = 1_000
"""Milliseconds between the opening of the first page and the first preparation (see `_run_next_preparation`), and
between two preparations.
"""
_ROUTES_OF_PREPARED_PAGES = (QueuesRoute, LookupRoute, CreditCheckRoute, PaymentRoute, ApprovalsRoute, AlertsRoute)
_CONNECTION_TOAST_TOPIC = "connection"  # of the toasts about the database and the worker


class WindowController(QObject):
    """Connects the pages, shortcuts, search box, menus and timers of one window with each other. WindowOpener
    creates it when the services are open.

    Signals:
    - sign_out_requested: the acting person signs out, or another person wants to sign in.
    """

    sign_out_requested = Signal()

    def __init__(self, frame: WindowFrame) -> None:
        super().__init__(frame)
        self.frame, self.context = frame, frame.context
        install_focus_ring()
        frame.make_page = self._make_page
        frame.may_close = self._may_close_window
        frame.closing.connect(self._stop_timers)
        self.background_refresh = BackgroundRefresh(self.context, self)
        self.last_screen = LastScreenStorage(frame)
        self.idle_lock = IdleLock(frame)
        self.idle_lock.other_person_requested.connect(self.sign_out_requested)
        self.idle_lock.attended_changed.connect(self.background_refresh.set_intervals_by_attendance)
        self.link_handler = WindowLinkHandler(frame, self)
        self.leave_confirmation = LeaveConfirmation(frame)
        self.running_read_watch = RunningReadWatch(frame)
        self.notifications = NotificationWatcher(frame)
        self.notifications.link_opened.connect(self.link_handler.show_link)
        self.notifications.message_without_link_clicked.connect(self._raise_window_and_open_messages)
        self.notifications.desktop_tray.icon_clicked.connect(self.link_handler.raise_window)
        self.functions_by_command: dict[str, Callable[[], object]] = {
            "search": self._open_search,
            "reread": frame.reload_page,
            "cancel_reading": self.running_read_watch.cancel_page_reads,
            "notices": self._open_announcements_dialog,
            "lock": self.idle_lock.lock_window,
            "copy_link": self.link_handler.copy_link,
            "help": self._open_help_dialog,
            "keys": self._open_shortcuts_dialog,
            "quit": frame.window.close,
            "about": self._open_about_dialog,
            "notifications": self._open_notifications_dialog,
            "unfinished": self._open_unfinished_work_dialog,
            **{f"own_work.{group}": partial(self._open_own_work, group) for group in OwnWorkGroup},
            "left_open": self._open_left_open_tab,
            "mentions": self._open_mentions_tab,
            "sign_out": self._request_sign_out,
        }
        self._bind_shortcuts()
        frame.mentions_requested.connect(self._open_mentions_tab)
        frame.window_cover.cover_shown.connect(self._update_shortcuts)
        frame.window_cover.cover_removed.connect(self._update_shortcuts)
        self.context.services_opened.connect(self._open_first_page)
        self._rollback_bar: NotificationBar | None = None
        self._administration_button: KeyButton | None = None  # of the bar about a read-only switch
        self.frame.page_shown.connect(self._show_administration_button)
        self._shown_connection_state: object = None
        self._is_leftover_credentials_bar_closed = self._was_connection_lost = self._was_worker_away = False
        self.context.connection_state_changed.connect(self._show_connection_bar)
        self.context.work_counts_changed.connect(self._show_connection_bar)
        self.context.language_changed.connect(self._apply_language)
        self.context.person_changed.connect(self._show_person)
        self.context.command_requested.connect(self._run_command)
        self.context.ask_password = self._open_password_dialog
        self.context.acting_call_began.connect(self._prepare_busy_dialog)
        imports = [partial(import_page_class, route) for route in _ROUTES_OF_PREPARED_PAGES]
        self._preparations: Iterator[Callable[[], object]] = iter((lambda: self.command_palette, *imports))
        self._preparation_timer = QTimer(self, interval=_PREPARATION_INTERVAL_MS)
        self._preparation_timer.timeout.connect(self._run_next_preparation)
        self._connect_bars()

    def _make_page(self, route: Route) -> Page:
        return import_page_class(type(route))(self.context)

    def _connect_bars(self) -> None:
        """Connect the signals of the top bar and the status bar. Discard the search box and the menu of the acting
        person, because their texts are in the previous language; they are built again at their next use."""
        self._command_palette: CommandPalette | None = None
        self._person_menu: PersonMenu | None = None
        self.frame.top_bar.search_requested.connect(self._open_search)
        self.frame.top_bar.person_menu_requested.connect(self._open_person_menu)
        self.frame.status_bar.link_pressed.connect(self._open_status_link)

    @property
    def command_palette(self) -> "CommandPalette":
        """The search box with its results; the first use creates it."""
        from console.views.app.command_palette import CommandPalette

        if self._command_palette is None:
            self._command_palette = CommandPalette(self.frame, self.functions_by_command)
            self._command_palette.result_opened.connect(
                partial(self.context.first_tasks.mark_task_done, FirstTask.SEARCH)
            )
        return self._command_palette

    @property
    def person_menu(self) -> "PersonMenu":
        """The menu of the acting person; the first use creates it."""
        from console.views.app.person_menu import PersonMenu

        if self._person_menu is None:
            self._person_menu = PersonMenu(self.frame)
            self._person_menu.lock_requested.connect(self.idle_lock.lock_window)
            self._person_menu.link_requested.connect(self.link_handler.copy_link)
            self._person_menu.notifications_requested.connect(self._open_notifications_dialog)
            self._person_menu.about_requested.connect(self._open_about_dialog)
            self._person_menu.left_open_requested.connect(self._open_left_open_tab)
            self._person_menu.sign_out_requested.connect(self._request_sign_out)
        return self._person_menu

    @Slot()
    def _open_person_menu(self) -> None:
        self.person_menu.open()

    def _bind_shortcuts(self) -> None:
        tabs = {
            "Ctrl+Tab": partial(self._show_neighbour_tab, 1),
            "Ctrl+Shift+Tab": partial(self._show_neighbour_tab, -1),
        }
        keys: dict[str, Callable[[], object]] = {
            key: self.functions_by_command[name] for name, key in SHORTCUT_BY_COMMAND.items()
        } | tabs
        self._shortcuts: list[QShortcut] = []
        for key_sequence, act in keys.items():
            shortcut = QShortcut(QKeySequence(find_bound_keys(key_sequence)), self.frame.window)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(act)
            self._shortcuts.append(shortcut)

    @Slot()
    def _update_shortcuts(self) -> None:
        """Disable all keyboard shortcuts of the window while the privacy cover hides it, and enable them
        afterwards."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(not self.frame.window_cover.is_covered)

    @Slot()
    def _open_first_page(self) -> None:
        self.frame.show_route(self.frame.current_route or self.frame.start_route)
        self.link_handler.open_received_link()
        self._preparation_timer.start()

    @Slot()
    def _run_next_preparation(self) -> None:
        """Build the search box, or import the next page that people use every day, so that its first opening takes
        little longer than later ones. A preparation takes up to 60 ms, during which the window handles no key."""
        prepare = next(self._preparations, None)
        if prepare is None:
            self._preparation_timer.stop()
        else:
            prepare()

    def _open_password_dialog(self, request: PasswordRequest) -> None:
        from console.views.pages.call_steps import RunningCallTimer
        from console.views.sign_in.password_dialog import open_password_dialog

        for call_timer in request.caller.findChildren(RunningCallTimer):
            call_timer.stop_observing()  # no call runs until the person has typed the password
        open_password_dialog(self.context, request, self.frame.window)

    @Slot(object, object)
    def _prepare_busy_dialog(self, caller: QObject, request_wait: RequestWait) -> None:
        """Prepare `caller`, if it is a dialog, for the time while its call runs. The footer of the dialog gets the
        button that withdraws the desk request, which is visible only while the call waits for a worker;
        `request_wait` is this wait. The dialog shows how long the call has been running, and the person can close it
        after 10 s. The dialog also gets two sentences: the reason why it can't be closed before these 10 s have
        passed, and the reason why a shortcut has no effect just after the dialog has opened.
        """
        if isinstance(caller, DialogFrame):
            from console.views.pages.call_steps import RunningCallTimer
            from console.views.pages.withdrawal import WithdrawButton

            caller.stays_open_text = self.context.translate("dialog.stays_open")
            caller.too_early_text = self.context.translate("dialog.too_early")
            RunningCallTimer(caller, self.context)
            button = WithdrawButton(self.context, request_wait, subject_title="")
            caller.show_footer_button(button, button.wait_label)

    @Slot(str)
    def _run_command(self, command_name: str) -> None:
        self.functions_by_command[command_name]()

    @Slot()
    def _open_search(self) -> None:
        self.command_palette.open()

    def _show_neighbour_tab(self, offset: int) -> None:
        """Show the next (`offset` 1) or previous (−1) tab of the visible page."""
        if self.frame.current_page is not None:
            show_adjacent_tab(self.frame.current_page, offset)

    @Slot()
    def _open_shortcuts_dialog(self) -> None:
        from console.views.help.shortcuts_dialog import open_shortcuts_dialog

        open_shortcuts_dialog(self.frame, self.frame.current_page)

    @Slot()
    def _open_help_dialog(self) -> None:
        from console.views.help.help_dialog import open_help_dialog

        open_help_dialog(self.frame, self.frame.current_page)
        self.context.first_tasks.mark_task_done(FirstTask.HELP)

    @Slot()
    def _open_about_dialog(self) -> None:
        from console.views.help.about_dialog import open_about_dialog

        open_about_dialog(self.frame)

    @Slot()
    def _open_notifications_dialog(self) -> None:
        from console.views.notifications.dialog import NotificationsDialog

        has_desktop = self.notifications.desktop_tray.is_available
        NotificationsDialog(self.context, self.frame.window, has_desktop=has_desktop).open()

    @Slot()
    def _raise_window_and_open_messages(self) -> None:
        """Bring the window to the front and open the list of its messages. Don't open the list while a cover or a
        dialog is shown."""
        self.link_handler.raise_window()
        if not self.frame.window_cover.is_covered and QApplication.activeModalWidget() is None:
            self._open_announcements_dialog()

    @Slot()
    def _open_unfinished_work_dialog(self) -> None:
        from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog

        open_unfinished_work_dialog(self.frame)

    def _open_own_work(self, group: OwnWorkGroup) -> None:
        """Open the dialog of unfinished work with those operations of the acting person that are in the group
        `group`."""
        from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog

        open_unfinished_work_dialog(self.frame).show_own_work(group)

    @Slot()
    def _open_left_open_tab(self) -> None:
        """Open the dialog of unfinished work with its tab of the work that the acting person has left open."""
        from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog

        open_unfinished_work_dialog(self.frame).show_tab("own")

    @Slot()
    def _open_mentions_tab(self) -> None:
        """Open the dialog of unfinished work, with the tab of the open mentions of the acting person."""
        from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog

        open_unfinished_work_dialog(self.frame).show_tab("mentions")

    @Slot()
    def _request_sign_out(self) -> None:
        """Emit `sign_out_requested`. If no acting call is running and the person has unfinished work that the window
        hasn't shown yet, first show this work in a dialog. A button of the dialog then emits the signal."""
        if self.context.running_acting_calls or self.leave_confirmation.ask_before_leaving(
            self.sign_out_requested.emit, "menu.sign_out"
        ):
            self.sign_out_requested.emit()

    @Slot()
    def _open_announcements_dialog(self) -> None:
        from console.views.app.announcements_dialog import open_announcements_dialog

        open_announcements_dialog(self.frame)

    @Slot(str)
    def _open_status_link(self, key: str) -> None:
        """Open the dialog that belongs to a link in the status bar: for the key `notices` the list of messages,
        otherwise the unfinished work."""
        if key == "notices":
            self._open_announcements_dialog()
        else:
            self._open_unfinished_work_dialog()

    @Slot()
    def _apply_language(self) -> None:
        """Build the bars, the page and the menus of the window again in the new language."""
        for part in (self._command_palette, self._person_menu):
            if part is not None:
                part.deleteLater()
        self.running_read_watch.delete_panel()
        self.frame.rebuild_bars_and_page()
        self._connect_bars()
        self._rollback_bar = self._shown_connection_state = None
        self._show_connection_bar()

    @Slot()
    def _show_person(self) -> None:
        """Show the name of the acting person in the top bar, or a text which says that nobody acts."""
        self.frame.top_bar.operator.show_text(self.context.operator or self.context.translate("person.nobody"))

    @Slot()
    def _show_connection_bar(self) -> None:
        """Show one bar above every page, about the first of the states below that applies. Remove the bar if no state
        applies.

        - the database is unreachable
        - the database has gone back to an earlier state, such as a restored backup
        - a read-only switch is on
        - no worker is present for this desk's requests
        - this desk has credentials that it doesn't need
        """
        self._show_recovery_toast()
        state, lost_operation_count = self.context.connection_state, self.context.work_counts.lost_operation_count
        if state.lost_since is not None:
            self._show_connection_state_bar(("screen.offline", "screen.state.offline", state.lost_since))
        elif lost_operation_count is not None:
            self._show_rollback_bar(lost_operation_count)
        elif (switch := state.shown_switch) is not None:
            self._show_read_only_bar(switch)
        elif state.worker_away_since is not None:
            self._show_connection_state_bar(
                ("screen.worker_away", "screen.worker_away.words", state.worker_away_since)
            )
        else:
            self._show_leftover_credentials_bar()

    def _show_read_only_bar(self, switch: ReadOnlySwitch) -> None:
        """Show the bar about a read-only switch that is on. On every page but the administration page itself, it has
        a button that opens this page."""
        if switch == self._shown_connection_state:
            return
        self._rollback_bar, self._shown_connection_state = None, switch
        open_button = KeyButton(self.context.translate("screen.admin"), kind="inline")
        open_button.clicked.connect(partial(self.context.navigate, AdminRoute()))
        self._administration_button = open_button
        self._show_administration_button()
        scope_key = "everything" if switch.scope == EVERYTHING_SCOPE else "provider"
        sentence = self.context.translate(
            f"screen.read_only.words.{scope_key}",
            who=switch.person,
            since=switch.at,
            note=switch.reason,
            scope=switch.scope,
        )
        lead = self.context.translate("cli.read_only.scope", scope=switch.scope)
        self.frame.show_bar(NotificationBar(lead, sentence, tone="care", icon_name="lock", button=open_button))

    @Slot()
    def _show_administration_button(self) -> None:
        """Show the button of the read-only bar that opens the administration page, except on that page."""
        button, page = self._administration_button, self.frame.current_page
        if button is not None and shiboken6.isValid(button):
            set_visible_in_parent(button, page is None or page.sidebar_key != "admin")

    def _show_recovery_toast(self) -> None:
        """Show a toast if the database answers again, or if a worker is present again. Remove this toast when the
        connection or the worker is lost again."""
        connection_state = self.context.connection_state
        was_connection_lost, was_worker_away = self._was_connection_lost, self._was_worker_away
        self._was_connection_lost, self._was_worker_away = (
            connection_state.lost_since is not None,
            connection_state.worker_away_since is not None,
        )
        if was_connection_lost and not self._was_connection_lost:
            self._show_connection_toast("status.connected_again")
        elif was_worker_away and not self._was_worker_away and not self._was_connection_lost:
            self._show_connection_toast("status.worker_again")
        elif self._was_connection_lost or self._was_worker_away:
            self.frame.toasts.remove_toasts_about(_CONNECTION_TOAST_TOPIC)  # they would contradict the bar

    def _show_connection_toast(self, wording_key: str) -> None:
        message = self.context.translate(wording_key, at=self.context.now())
        self.context.toast_requested.emit(Toast(message, topic=_CONNECTION_TOAST_TOPIC, subject_title=""))

    def _show_connection_state_bar(self, state: tuple[str, str, datetime]) -> None:
        """Show a bar about a state of the connection. `state` is the wording key of the bar's bold text, the
        wording key of its sentence, and the instant when the state began. Do nothing if this bar is already
        shown.
        """
        if state != self._shown_connection_state:
            lead, sentence, since = state
            self._rollback_bar, self._shown_connection_state = None, state
            self.frame.show_bar(
                NotificationBar(
                    self.context.translate(lead), self.context.translate(sentence, at=since), icon_name="offline"
                )
            )

    def _show_leftover_credentials_bar(self) -> None:
        """Show the bar about credentials that this desk no longer needs. Remove the bar if there are no such
        credentials, or if the person has closed the bar."""
        leftovers = self.context.connection_state.leftover_credentials
        credential_names = (
            (*leftovers.keyring_entries, *leftovers.environment_variables)
            if leftovers is not None and not self._is_leftover_credentials_bar_closed
            else ()
        )
        if self._shown_connection_state == credential_names:
            return
        self._rollback_bar, self._shown_connection_state = None, credential_names
        if not credential_names:
            self.frame.show_bar(None)
            return
        details_button = KeyButton(self.context.translate("screen.leftovers.act"), kind="inline")
        details_button.clicked.connect(self._open_leftover_credentials_dialog)
        close_button = KeyButton(self.context.translate("action.close"), kind="inline")
        close_button.clicked.connect(self._hide_leftover_credentials_bar)
        sentence = self.context.translate("screen.leftovers.words", count=len(credential_names))
        self.frame.show_bar(
            NotificationBar(
                self.context.translate("screen.leftovers"),
                sentence,
                icon_name="lock",
                button=details_button,
                second_button=close_button,
            )
        )

    @Slot()
    def _open_leftover_credentials_dialog(self) -> None:
        from console.views.app.leftovers_dialog import LeftoverCredentialsDialog

        if self.context.connection_state.leftover_credentials is not None:
            LeftoverCredentialsDialog(
                self.context, self.context.connection_state.leftover_credentials, self.frame.window
            ).open()

    @Slot()
    def _hide_leftover_credentials_bar(self) -> None:
        """Hide the bar about credentials that this desk no longer needs. It appears again in the next window: after a
        sign-out or the next start of the program."""
        self._is_leftover_credentials_bar_closed = True
        self._show_connection_bar()

    def _show_rollback_bar(self, lost_operation_count: int) -> None:
        """Show the bar which says that the database has gone back to an earlier state and therefore refuses
        purchases, refunds and payments. `lost_operation_count` is the number of operations that are in this desk's
        spool and missing in the database."""
        self._shown_connection_state = None
        lead, sentence = (
            self.context.translate("screen.went_back"),
            self.context.translate("screen.went_back.words", count=lost_operation_count),
        )
        if self._rollback_bar is not None:
            self._rollback_bar.show_text(lead, sentence)
            return
        button = KeyButton(self.context.translate("screen.went_back.act"))
        button.clicked.connect(self._open_alerts_page)
        self._rollback_bar = NotificationBar(lead, sentence, tone="bad", button=button)
        self.frame.show_bar(self._rollback_bar)

    @Slot()
    def _open_alerts_page(self) -> None:
        self.frame.show_route(AlertsRoute())

    def _may_close_window(self) -> bool:
        """Return True if the window may close now. Return False and open a dialog if acting calls (writes, or
        requests to a provider) are running, or if the person's unfinished work must be shown first."""
        if not self.context.running_acting_calls:
            return self.leave_confirmation.ask_before_leaving(
                self.frame.window.close, "dialog.unfinished.close_window"
            )
        from console.views.app.close_dialog import open_running_calls_dialog

        self.leave_confirmation.suppress_left_open_list()
        open_running_calls_dialog(self.frame)
        return False

    @Slot()
    def _stop_timers(self) -> None:
        self.background_refresh.stop_timers()
        self._preparation_timer.stop()
        self.idle_lock.stop()
        self.notifications.desktop_tray.remove_icon()
