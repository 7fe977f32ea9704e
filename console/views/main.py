"""Opens the window: first the frame, then, in a worker thread, everything heavy that stands behind it."""

import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication

from console.domain.clock import Clock, SystemClock
from console.views.desk_api import Desk, Settings
from console.views.look.theme import install
from console.views.seat import Seat
from console.views.task_runner import TaskRunner
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.buttons import KeyButton
from console.views.window import MainWindow

CLOSING_SECONDS = 3.0
ENDING_MS = 250


def run(
    settings: Settings, open_desk: Callable[[], Desk], asked_to_end: Callable[[], bool] = lambda: False
) -> int:
    """Show the window until it is closed, or `asked_to_end` says so; returns the exit status.

    The desk stays open: who opened it closes it.
    """
    app = application()
    opening = Opening(settings, open_desk)
    watch = EndWatch(app, asked_to_end)
    opening.window.show()
    status = app.exec()
    watch.stop()
    opening.runner.close(CLOSING_SECONDS)
    return status


class EndWatch(QTimer):
    """Asks a few times a second whether to quit; each time also lets Python run its signal handlers."""

    def __init__(self, app: QApplication, asked_to_end: Callable[[], bool]) -> None:
        super().__init__(app)
        self._app, self._asked_to_end = app, asked_to_end
        self.timeout.connect(self.look)
        self.start(ENDING_MS)

    @Slot()
    def look(self) -> None:
        if self._asked_to_end():
            self._app.quit()


def application() -> QApplication:
    """The one application object, dressed."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    install(app)
    return app


class Opening(QObject):
    """From the first frame to the first page: opens the desk once the frame is painted, again if it failed."""

    def __init__(self, settings: Settings, open_desk: Callable[[], Desk], clock: Clock | None = None) -> None:
        super().__init__()
        self.runner = TaskRunner(self)
        self.seat = Seat(settings, self.runner, clock or SystemClock(), self)
        self.window = MainWindow(self.seat)
        self._open_desk = open_desk
        self.window.painted.connect(self.begin)

    @Slot()
    def begin(self) -> None:
        """Ask for the desk, and import the pages meanwhile."""
        self.window.show_bar(None)
        self.runner.run(self._open_desk, self._take, self._failed, owner=self)

    def _take(self, desk: Desk) -> None:
        from console.views.shell import Shell

        self.shell = Shell(self.window, self.runner)
        self.seat.take(desk)

    def _failed(self, failure: Failure) -> None:
        again = KeyButton(self.seat.say("action.try_again"), kind="inline")
        again.clicked.connect(self.begin)
        lead = self.seat.say("screen.not_open")
        self.window.show_bar(Bar(lead, self.seat.message(failure), tone="bad", shape="cross", button=again))
        again.setFocus()
