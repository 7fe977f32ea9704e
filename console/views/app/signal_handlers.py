"""Lets a process's signals close the window in good order."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QTimer, Slot

EVERY_MS = 250


class EndWatch(QTimer):
    """Asks a few times a second whether to quit; each time also lets Python run its signal handlers."""

    def __init__(self, app: QCoreApplication, asked_to_end: Callable[[], bool]) -> None:
        super().__init__(app)
        self._app, self._asked_to_end = app, asked_to_end
        self.timeout.connect(self.look)
        self.start(EVERY_MS)

    @Slot()
    def look(self) -> None:
        if self._asked_to_end():
            self._app.quit()
