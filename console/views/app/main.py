"""Starts the window: it paints an empty first frame, then opens the services in a background thread.

The first frame is painted only after this module's imports, so most imports are inside functions; see
splash_window.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from console import __version__
from console.domain.errors import ErrorCode
from console.domain.process import interrupts
from console.settings.named_values_file import NamedValues
from console.settings.person_files import read_preferences
from console.views.app.garbage_collection import GarbageCollectionTimer
from console.views.app.signal_handlers import EndRequestTimer
from console.views.app.window_geometry import WindowGeometry, restore_geometry
from console.views.frame.splash_window import MainWindow

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.clock import Clock
    from console.domain.links.link import Link
    from console.settings.settings import Settings
    from console.views.app.window_controller import WindowController
    from console.views.runtime.tasks import Failure

MAX_WAIT_FOR_CALLS_SECONDS = 3.0
"""Time that a closing window waits for running calls to end, before it interrupts those that are still running."""
MAX_WAIT_AFTER_INTERRUPT_SECONDS = 10.0
"""Time that a closing window waits, after it has interrupted calls, until their results are recorded."""
OPENING_RETRY_INTERVAL_MS = 5_000
"""Milliseconds between two attempts to open the services while the database is unreachable."""


def run_window(
    settings: "Settings",
    open_services: "Callable[[], Console]",
    is_end_requested: Callable[[], bool] = lambda: False,
    link: "Link | None" = None,
) -> int:
    """Show the window until the person closes it or `is_end_requested` returns True (after a process signal).
    Return the exit status of the process.

    `open_services` runs in a background thread. The caller of run_window closes the services. If `link` is given, the
    window first shows the page that it names.
    """
    existing_app = QApplication.instance()
    QGuiApplication.setDesktopFileName("support-console")
    QGuiApplication.setApplicationVersion(__version__)
    app = existing_app if isinstance(existing_app, QApplication) else _make_application()
    window_opening = WindowOpener(settings, open_services, link=link)
    link_opened = getattr(app, "link_opened", None)  # of a LinkApplication
    if link_opened is not None:
        link_opened.connect(window_opening.show_link)
    end_timer, collector = EndRequestTimer(app, is_end_requested), GarbageCollectionTimer(app)
    window_opening.window.show()
    status = app.exec()
    end_timer.stop()
    window_opening.close()
    collector.stop()
    return status


def _make_application() -> QApplication:
    """Return the Qt application of this process. Only macOS sends links to it as events. On other systems it has no
    Python method for events: before the first frame, PySide would make the classes of all events for it.
    """
    if sys.platform == "darwin":
        from console.views.links.application import LinkApplication

        return LinkApplication(sys.argv[:1])
    return QApplication(sys.argv[:1])


class WindowOpener(QObject):
    """Manages the window from its empty first frame until the first page, and again after a sign-out. It builds the
    window and opens the services in a background thread. If the services can't be opened, it shows the sign-in form
    or a button that tries again. `clock` gives the present time to the window; None means the clock of the system. If
    `link` is given, the first page is the page that the link names."""

    def __init__(
        self,
        settings: "Settings",
        open_services: "Callable[[], Console]",
        clock: "Clock | None" = None,
        *,
        link: "Link | None" = None,
    ) -> None:
        super().__init__()
        self._link = link
        self.settings = settings
        self.controller: WindowController | None = None
        self._open_services, self._clock = open_services, clock
        self._language = settings.language
        self._person = None if settings.sign_in.is_server else settings.operator or ""
        """The person of the first page, if it is known before the services are open."""
        self._stored_entries = (
            NamedValues() if self._person is None else read_preferences(settings.home, self._person)
        )
        self._moved_files_by_wording_key: dict[str, Path] = {}
        self._pending_step = self._failure_text = ""
        self._is_signing_out = False
        self._retry_timer = QTimer(self, interval=OPENING_RETRY_INTERVAL_MS, singleShot=True)
        self._retry_timer.timeout.connect(self.open_services)
        self.window = self._make_main_window()

    def _make_main_window(self) -> MainWindow:
        values = self._stored_entries.values
        theme = values.get("theme")
        first_theme = theme if theme in ("light", "dark", "high_contrast") else None
        window = MainWindow(self.settings.environment, first_theme)
        restore_geometry(window, values.get("window"))
        window.painted.connect(self._begin_opening)
        return window

    @Slot(object)
    def show_link(self, link: "Link") -> None:
        """Show the page of this link: at once, or as the first page if the services aren't open yet."""
        if self.controller is None:
            self._link = link
        else:
            self.controller.link_handler.show_link(link)

    @Slot()
    def _begin_opening(self) -> None:
        """Start opening the services in a background thread, and meanwhile build the contents of the window.
        MainWindow calls this after Qt has painted the first frame."""
        from console.views.runtime.task_runner import TaskRunner

        is_rebuilt = hasattr(self, "runner")
        if not is_rebuilt:
            self.runner = TaskRunner(self)
        self.open_services()
        self._build_window(is_rebuilt=is_rebuilt)

    @Slot()
    def open_services(self) -> None:
        """Open the services in a background thread. Do nothing if they are already being opened."""
        if self._pending_step != "opening":
            self._pending_step = "opening"
            self._retry_timer.stop()
            self.runner.run(self._open_services, self._start_with_services, self._show_opening_failure, caller=self)

    def _build_window(self, *, is_rebuilt: bool) -> None:
        """Build the context and the bars of the window, without a page. `is_rebuilt` is False for the first window of
        this process, True for a later one, after a sign-out."""
        from console.domain.clock import SystemClock
        from console.views.app.freed_memory import enable_return_of_large_blocks
        from console.views.app.qt_translation import set_language_of_qt
        from console.views.app.window_icon import make_window_icon
        from console.views.frame.main_window import WindowFrame
        from console.views.runtime.context import WindowContext
        from console.views.theme.plain_clipboard import install_plain_clipboard
        from console.views.theme.theme import install_appearance
        from console.views.widgets.accessibility import install_accessibility, set_window_language

        app = QApplication.instance()
        if isinstance(app, QApplication) and not is_rebuilt:
            enable_return_of_large_blocks()
            install_appearance(app)
            app.setWindowIcon(make_window_icon())
            install_accessibility(app)
            install_plain_clipboard()
        self.context = WindowContext(self.settings, self.runner, self._clock or SystemClock(), self)
        self.context.language = self._language
        set_window_language(self._language)
        set_language_of_qt(self._language)
        self.context.preferences.loaded.connect(self._apply_preferences)
        preferences, person_values = self.context.preferences, self.context.person_values
        preferences.file_renamed.connect(partial(self._show_or_store_moved_file, "preferences.set_aside"))
        person_values.file_renamed.connect(partial(self._show_or_store_moved_file, "person_state.set_aside"))
        preferences.write_failed.connect(partial(self._show_write_failure, "preferences.unwritten"))
        person_values.write_failed.connect(partial(self._show_write_failure, "person_state.unwritten"))
        self.context.person_changed.connect(self._load_preferences)
        if isinstance(app, QApplication):
            app.applicationStateChanged.connect(person_values.read_values_of_other_windows_if_active)
        if self._person is not None and not is_rebuilt:
            self.context.preferences.set_values_of_person(self._person, self._stored_entries)
        self.frame = WindowFrame(self.window, self.context)
        WindowGeometry(self.window, self.context.preferences)
        self.context.language_changed.connect(self._rebuild_frame)
        self.context.sign_in_refused.connect(self._sign_in_again)

    # -- preferences

    @Slot()
    def _apply_preferences(self) -> None:
        """Apply the preferences that the program has just read. For the first person of this window, also restore
        the stored position of the window, unless it was already restored at the start."""
        from console.views.app.appearance_choices import apply_preferences

        apply_preferences(self.context)
        if self._person is None:
            restore_geometry(self.window, self.context.preferences.get_text("window"))
            self._person = self.context.preferences.person

    def _show_or_store_moved_file(self, wording_key: str, path: Path) -> None:
        """Show that the program has moved a file of the person to `path`. Before the first page is open, only store
        the path, so that the message can be shown later. `wording_key` is the wording key of the sentence, which
        names the file."""
        self._moved_files_by_wording_key[wording_key] = path
        if self.controller is not None:
            self._show_moved_file_toasts()

    def _write_preferences_and_state(self) -> None:
        """Write the person's unsaved preferences and state to their files, because the window closes."""
        self.context.preferences.write_changes()
        self.context.person_values.write_changes()

    def _show_moved_file_toasts(self) -> None:
        """Show a toast for each file of the person that could not be read. The toast names the contents of the file
        (the preferences, or the drafts and visits) and the path to which the program has moved it. Do nothing if no
        file was moved."""
        files, self._moved_files_by_wording_key = self._moved_files_by_wording_key, {}
        for wording_key, path in files.items():
            self.context.show_toast(
                self.context.translate(wording_key), str(path), "warning", "care", subject_title=""
            )

    def _show_write_failure(self, wording_key: str) -> None:
        """Show a toast which says that a file of the person couldn't be written. `wording_key` is the wording key of
        its sentence."""
        self.context.show_toast(self.context.translate(wording_key), "", "warning", "care", subject_title="")

    @Slot()
    def _load_preferences(self) -> None:
        """Read the stored preferences and state of the new acting person."""
        self.context.preferences.load(self.context.operator or "")
        if self.context.is_ready:
            self.context.person_values.load(self.context.operator or "")

    @Slot()
    def _rebuild_frame(self) -> None:
        """Set the language of the screen reader's announcements and of Qt's own texts to the new language of the
        window. While the services aren't open yet, also build the bars and the page again; once the services are
        open, WindowController does this instead."""
        from console.views.app.qt_translation import set_language_of_qt
        from console.views.widgets.accessibility import set_window_language

        set_window_language(self.context.language)
        set_language_of_qt(self.context.language)
        if self.controller is None:
            self.frame.rebuild_bars_and_page()

    def _start_with_services(self, services: "Console") -> None:
        """Store the opened services in the context, and create the WindowController, which opens the first page."""
        from console.views.app.window_controller import WindowController

        self._pending_step = self._failure_text = ""
        self.frame.show_bar(None)
        if self.controller is None:
            self.controller = WindowController(self.frame)
            self.controller.sign_out_requested.connect(self.sign_out)
            self.controller.link_handler.open_link_at_start(self._link)
            self._link = None
        account = self.settings.sign_in.find_user_without_error() if self.settings.sign_in.is_server else None
        if account is not None:
            self.context.change_operator(account)
        self._load_preferences()
        self.context.store_services(services)
        self.context.person_values.load(self.context.operator or "")
        self._show_moved_file_toasts()

    # -- services that can't be opened

    def _show_opening_failure(self, failure: "Failure") -> None:
        """Show the reason why the services could not be opened, with the sign-in form or a button that tries again.
        If the database is unreachable, try again automatically after OPENING_RETRY_INTERVAL_MS."""
        from console.views.sign_in.sign_in_flow import needs_sign_in

        self._pending_step = ""
        if self.settings.sign_in.is_server and needs_sign_in(failure):
            self._show_sign_in_form(failure)
            return
        failure_text = self.context.format_failure(failure)
        if failure_text != self._failure_text:
            self._show_opening_failure_bar(failure_text)
        if failure.code == ErrorCode.DATABASE_UNREACHABLE:
            self._retry_timer.start()

    def _show_opening_failure_bar(self, failure_text: str) -> None:
        from console.views.widgets.controls.buttons import KeyButton
        from console.views.widgets.window.notification_bars import NotificationBar

        self._failure_text = failure_text
        retry_button = KeyButton(self.context.translate("action.try_again"), kind="inline")
        retry_button.clicked.connect(self.open_services)
        bar = NotificationBar(
            self.context.translate("screen.not_open"),
            failure_text,
            tone="bad",
            icon_name="cross",
            button=retry_button,
        )
        self.frame.show_bar(bar)
        retry_button.setFocus()

    def _show_sign_in_form(self, failure: "Failure", *, is_account_fixed: bool = False) -> None:
        """Show the sign-in form; its text gives `failure` as the reason why the person must sign in. If
        `is_account_fixed` is True, the person can sign in only with the account that is already in use."""
        from console.views.sign_in.sign_in_flow import SignInFlow

        if self._pending_step != "person":
            self._pending_step = "person"
            SignInFlow(
                self.frame, self._open_services, self._start_with_services, is_account_fixed=is_account_fixed
            ).ask_for_account(failure)

    @Slot(object)
    def _sign_in_again(self, failure: "Failure") -> None:
        """Show the sign-in form after the database has refused the account in use."""
        if not self.frame.window_cover.is_covered:
            self._show_sign_in_form(failure, is_account_fixed=True)

    # -- sign-out

    @Slot()
    def sign_out(self) -> None:
        """Sign the person out and open a new window without an acting person and without typed texts. If acting
        calls (writes, or requests to a provider) are still running, only show a toast which says that a
        sign-out isn't possible now. Do nothing while a sign-out runs: its end would otherwise replace the new
        window, in which the next person may already sign in.
        """
        if self._is_signing_out:
            return
        if self.context.running_acting_calls:
            self.context.show_toast(
                self.context.translate("menu.sign_out.busy"), icon_name="square_bang", tone="care", subject_title=""
            )
        else:
            self._is_signing_out = True
            end_session = self.context.bind_services(lambda services: services.sign_in_service.sign_out())
            self.runner.run(end_session, self._open_window_after_sign_out, self._show_sign_out_failure, caller=self)

    def _show_sign_out_failure(self, failure: "Failure") -> None:
        self._is_signing_out = False
        self.context.show_toast(
            self.context.translate("sign_in.not_out"),
            self.context.format_failure(failure),
            "square_bang",
            "bad",
            subject_title="",
        )

    def _open_window_after_sign_out(self, _audited: bool) -> None:
        """Show a new MainWindow in place of the window, as at the start of the program, and destroy the objects of
        the old window. The task runner calls this after the session has ended. `_audited`, which says whether the
        sign-out has an audit entry, isn't used."""
        self._is_signing_out = False
        old_window, self._language = self.window, self.context.language
        self.frame.closing.emit()
        self._write_preferences_and_state()
        self._person = None  # the next person is known after the sign-in
        self._stored_entries = NamedValues()
        self.frame.window_cover.discard_cover()
        self.controller, self._pending_step = None, ""
        self.window = self._make_main_window()
        self.window.setGeometry(old_window.geometry())
        if old_window.isMaximized():
            self.window.showMaximized()
        else:
            self.window.show()
        self.window.activateWindow()
        self.context.deleteLater()
        old_window.deleteLater()

    def close(self) -> None:
        """Wait for the running calls; after MAX_WAIT_FOR_CALLS_SECONDS interrupt those that are still running. Then
        destroy the window."""
        import shiboken6

        if hasattr(self, "runner"):
            self._write_preferences_and_state()
            unfinished_labels = self.runner.close(MAX_WAIT_FOR_CALLS_SECONDS)
            if unfinished_labels:
                interrupts.end_network_waits(MAX_WAIT_AFTER_INTERRUPT_SECONDS)
        if shiboken6.isValid(self.window):
            shiboken6.delete(self.window)
