"""Cyclic garbage is freed by the GUI thread alone.

Python frees cycles in whichever thread happens to allocate when it is time. A page that was closed is such a cycle,
and a widget that is destroyed by a worker takes the process with it; Qt allows widgets in one thread only
(https://doc.qt.io/qt-6/threads-qobject.html).
"""

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY_MS = 1_000


def collect_what_is_due() -> None:
    """One collection, as deep as Python itself would have made it by now; in the thread that calls."""
    due = [count > threshold for count, threshold in zip(gc.get_count(), gc.get_threshold(), strict=True)]
    if due[0]:
        gc.collect(2 if due[2] else 1 if due[1] else 0)


class Collector(QTimer):
    """Takes the place of Python's own timing until it is stopped.

    What is there at its first look (modules, the dressed window) stays for good and is not looked through again, so
    that a whole collection fits between two frames.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self.timeout.connect(self.look)
        self.start(EVERY_MS)

    @Slot()
    def look(self) -> None:
        if not gc.get_freeze_count():
            gc.freeze()
        collect_what_is_due()

    def stop(self) -> None:
        super().stop()
        gc.unfreeze()
        gc.enable()
