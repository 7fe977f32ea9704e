"""Opens the window: first the frame, then, in a worker thread, everything heavy that stands behind it.

What this module imports decides when the first frame is there; see first_window.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication

from console.views.collector import Collector
from console.views.end_watch import EndWatch
from console.views.first_window import FirstWindow

if TYPE_CHECKING:
    from console.domain.clock import Clock
    from console.views.desk_api import Desk, Settings
    from console.views.shell import Shell
    from console.views.tasks import Failure

CLOSING_SECONDS = 3.0
AGAIN_MS = 5_000
"""Between two tries to open a desk whose database is away."""


def run(
    settings: "Settings", open_desk: "Callable[[], Desk]", asked_to_end: Callable[[], bool] = lambda: False
) -> int:
    """Show the window until it is closed, or `asked_to_end` (a signal came) says so; returns the exit status.

    The desk stays open: who opened it closes it.
    """
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    opening = Opening(settings, open_desk)
    watch, collector = EndWatch(app, asked_to_end), Collector(app)
    opening.window.show()
    status = app.exec()
    watch.stop()
    opening.close()
    collector.stop()
    return status


class Opening(QObject):
    """From the first frame to the first page: dresses the window and opens the desk, again if that failed."""

    def __init__(self, settings: "Settings", open_desk: "Callable[[], Desk]", clock: "Clock | None" = None) -> None:
        super().__init__()
        self.settings = settings
        self.shell: Shell | None = None
        self._open_desk, self._clock = open_desk, clock
        self._language = settings.language
        self._asked = self._told = ""
        self._again = QTimer(self, interval=AGAIN_MS, singleShot=True)
        self._again.timeout.connect(self.open_desk)
        self.window = self._first_window()

    def _first_window(self) -> FirstWindow:
        window = FirstWindow(self.settings.environment_word)
        window.painted.connect(self._begin)
        return window

    @Slot()
    def _begin(self) -> None:
        """The frame is on the screen. The desk is opened by a worker while the window is dressed."""
        from console.views.task_runner import TaskRunner

        again = hasattr(self, "runner")
        if not again:
            self.runner = TaskRunner(self)
        self.open_desk()
        self._dress(again=again)

    @Slot()
    def open_desk(self) -> None:
        """Ask for the desk, for the first time or once more; while it is being opened, nothing more."""
        if self._asked != "opening":
            self._asked = "opening"
            self._again.stop()
            self.runner.run(self._open_desk, self._take, self._failed, owner=self)

    def _dress(self, *, again: bool) -> None:
        from console.domain.clock import SystemClock
        from console.views.frame import Frame
        from console.views.look.theme import install
        from console.views.seat import Seat

        app = QApplication.instance()
        if isinstance(app, QApplication) and not again:
            install(app)
        self.seat = Seat(self.settings, self.runner, self._clock or SystemClock(), self)
        self.seat.language = self._language
        self.frame = Frame(self.window, self.seat)
        self.seat.language_changed.connect(self._other_language)
        self.seat.entry_refused.connect(self._enter_again)

    @Slot()
    def _other_language(self) -> None:
        """Before there are services; later the shell says everything anew."""
        if self.shell is None:
            self.frame.rebuild()

    def _take(self, desk: "Desk") -> None:
        from console.views.shell import Shell

        self._asked = self._told = ""
        self.frame.show_bar(None)
        if self.shell is None:
            self.shell = Shell(self.frame)
            self.shell.sign_out_wanted.connect(self.sign_out)
        account = self.settings.sign_in.known_user() if self.settings.sign_in.is_server else None
        if account is not None:
            self.seat.become(account)
        self.seat.take(desk)

    # -- where the desk can't be opened

    def _failed(self, failure: "Failure") -> None:
        """Why it could not be opened, and the way in: an account, or to try again; a database that is away is
        tried again by itself.
        """
        from console.views.entry.entrance import asks_for_account

        self._asked = ""
        if self.settings.sign_in.is_server and asks_for_account(failure):
            self._ask(failure)
            return
        words = self.seat.message(failure)
        if words != self._told:
            self._tell(words)
        if failure.code == "database_unreachable":
            self._again.start()

    def _tell(self, words: str) -> None:
        from console.views.widgets.bars import Bar
        from console.views.widgets.buttons import KeyButton

        self._told = words
        again = KeyButton(self.seat.say("action.try_again"), kind="inline")
        again.clicked.connect(self.open_desk)
        bar = Bar(self.seat.say("screen.not_open"), words, tone="bad", shape="cross", button=again)
        self.frame.show_bar(bar)
        again.setFocus()

    def _ask(self, failure: "Failure", *, fixed: bool = False) -> None:
        """Somebody has to sign in; `fixed`: the account that is here."""
        from console.views.entry.entrance import Entrance

        if self._asked != "person":
            self._asked = "person"
            Entrance(self.frame, self._open_desk, self._take, fixed=fixed).ask(failure)

    @Slot(object)
    def _enter_again(self, failure: "Failure") -> None:
        """The database no longer takes the account that is in use: its person signs in anew and goes on."""
        if not self.frame.curtain.down:
            self._ask(failure, fixed=True)

    # -- signing out

    @Slot()
    def sign_out(self) -> None:
        """Forget the sign-in; the window begins anew with nobody, and without a draft of the last person."""
        if self.seat.acts:
            self.seat.tell(self.seat.say("menu.sign_out.busy"), shape="square_bang", tone="care")
        else:
            leave = self.seat.bound(lambda desk: desk.sessions.sign_out())
            self.runner.run(leave, self._begin_anew, self._not_out, owner=self)

    def _not_out(self, failure: "Failure") -> None:
        self.seat.tell(self.seat.say("sign_in.not_out"), self.seat.message(failure), "square_bang", "bad")

    def _begin_anew(self, _audited: bool) -> None:
        """Another window in the place of this one: whatever hangs on the old one goes with it."""
        old, self._language = self.window, self.seat.language
        self.frame.leaving.emit()
        self.frame.curtain.abandon()
        self.shell, self._asked = None, ""
        self.window = self._first_window()
        self.window.setGeometry(old.geometry())
        if old.isMaximized():
            self.window.showMaximized()
        else:
            self.window.show()
        self.window.activateWindow()
        self.seat.deleteLater()
        old.deleteLater()

    def close(self) -> None:
        """Wait a moment for what still runs, let the threads go, and take the window down in good order."""
        import shiboken6

        if hasattr(self, "runner"):
            self.runner.close(CLOSING_SECONDS)
        if shiboken6.isValid(self.window):
            shiboken6.delete(self.window)
