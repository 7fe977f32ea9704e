"""Ends the application after a process signal by quitting Qt's event loop, so that running calls can still end."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QTimer, Slot

END_REQUEST_CHECK_INTERVAL_MS = 250


class EndRequestTimer(QTimer):
    """A timer that quits the application when the function `is_end_requested` returns True. Each tick of the timer
    also lets Python run its handlers of process signals, because Python can't run them while only Qt's event
    loop is active.
    """

    def __init__(self, app: QCoreApplication, is_end_requested: Callable[[], bool]) -> None:
        super().__init__(app)
        self._app, self._is_end_requested = app, is_end_requested
        self.timeout.connect(self.quit_if_requested)
        self.start(END_REQUEST_CHECK_INTERVAL_MS)

    @Slot()
    def quit_if_requested(self) -> None:
        """Quit the application if the function `is_end_requested` returns True."""
        if self._is_end_requested():
            self._app.quit()
