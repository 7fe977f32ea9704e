"""Opens the window: first the frame, then, in a worker thread, everything heavy that stands behind it.

What this module imports decides when the first frame is there; see first_window.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication

from console.views.end_watch import EndWatch
from console.views.first_window import FirstWindow

if TYPE_CHECKING:
    from console.domain.clock import Clock
    from console.views.desk_api import Desk, Settings
    from console.views.shell import Shell
    from console.views.tasks import Failure

CLOSING_SECONDS = 3.0


def run(
    settings: "Settings", open_desk: "Callable[[], Desk]", asked_to_end: Callable[[], bool] = lambda: False
) -> int:
    """Show the window until it is closed, or `asked_to_end` (a signal came) says so; returns the exit status.

    The desk stays open: who opened it closes it.
    """
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    opening = Opening(settings, open_desk)
    watch = EndWatch(app, asked_to_end)
    opening.window.show()
    status = app.exec()
    watch.stop()
    opening.close()
    return status


class Opening(QObject):
    """From the first frame to the first page: dresses the window and opens the desk, again if that failed."""

    def __init__(self, settings: "Settings", open_desk: "Callable[[], Desk]", clock: "Clock | None" = None) -> None:
        super().__init__()
        self.settings = settings
        self.window = FirstWindow(settings.environment_word)
        self.shell: Shell | None = None
        self._open_desk, self._clock = open_desk, clock
        self.window.painted.connect(self._begin)

    @Slot()
    def _begin(self) -> None:
        """The frame is on the screen. The desk is opened by a worker while the window is dressed."""
        from console.views.task_runner import TaskRunner

        self.runner = TaskRunner(self)
        self.open_desk()
        self._dress()

    @Slot()
    def open_desk(self) -> None:
        """Ask for the desk, for the first time or once more."""
        self.runner.run(self._open_desk, self._take, self._failed, owner=self)

    def _dress(self) -> None:
        from console.domain.clock import SystemClock
        from console.views.frame import Frame
        from console.views.look.theme import install
        from console.views.seat import Seat

        app = QApplication.instance()
        if isinstance(app, QApplication):
            install(app)
        self.seat = Seat(self.settings, self.runner, self._clock or SystemClock(), self)
        self.frame = Frame(self.window, self.seat)

    def _take(self, desk: "Desk") -> None:
        from console.views.shell import Shell

        self.frame.show_bar(None)
        self.shell = Shell(self.frame)
        self.seat.take(desk)

    def _failed(self, failure: "Failure") -> None:
        """Why it could not be opened, and the way to try again."""
        from console.views.widgets.bars import Bar
        from console.views.widgets.buttons import KeyButton

        again = KeyButton(self.seat.say("action.try_again"), kind="inline")
        again.clicked.connect(self.open_desk)
        lead = self.seat.say("screen.not_open")
        self.frame.show_bar(Bar(lead, self.seat.message(failure), tone="bad", shape="cross", button=again))
        again.setFocus()

    def close(self) -> None:
        """Wait a moment for what still runs, let the threads go, and take the window down in good order."""
        import shiboken6

        if hasattr(self, "runner"):
            self.runner.close(CLOSING_SECONDS)
        if shiboken6.isValid(self.window):
            shiboken6.delete(self.window)
