"""Collects cyclic garbage in the GUI thread only.

Python collects reference cycles in the thread whose allocation reaches a threshold; this may be a background thread.
The widgets of a closed page form such a cycle, and destroying a widget in a background thread crashes the process: Qt
allows widgets in the GUI thread only (https://doc.qt.io/qt-6/threads-qobject.html).
"""

import gc

from PySide6.QtCore import QObject, QTimer, Slot

GARBAGE_COLLECTION_INTERVAL_MS = 1_000
_THRESHOLDS = (700, 10, 10)
"""Thresholds of the window's own collections: Python's defaults. The thresholds of the process are higher, because
they serve its start.
"""


def collect_due_generations() -> None:
    """Collect garbage in the calling thread. Like Python's automatic collection, collect only the generations of the
    garbage collector whose allocation count exceeds the threshold in `_THRESHOLDS`."""
    is_exceeded = [count > threshold for count, threshold in zip(gc.get_count(), _THRESHOLDS, strict=True)]
    if is_exceeded[0]:
        gc.collect(2 if is_exceeded[2] else 1 if is_exceeded[1] else 0)


class GarbageCollectionTimer(QTimer):
    """A timer that collects garbage in the GUI thread once a second, in place of Python's automatic collection, until
    `stop` is called.

    Its first run calls gc.freeze, so that no collection scans the objects that exist then (modules, the built
    window). Even a full collection is therefore short enough not to delay the painting.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._has_frozen = False
        gc.disable()
        self.timeout.connect(self.collect_if_due)
        self.start(GARBAGE_COLLECTION_INTERVAL_MS)

    @Slot()
    def collect_if_due(self) -> None:
        """Collect garbage if Python's allocation counts exceed their thresholds. Before the first collection, freeze
        all existing objects with gc.freeze.
        """
        if not self._has_frozen:  # gc.get_freeze_count would count a million objects each second, for 10 ms and more
            self._has_frozen = True
            gc.freeze()
        collect_due_generations()

    def stop(self) -> None:
        """Stop the timer, unfreeze all objects and enable Python's automatic collection."""
        super().stop()
        gc.unfreeze()
        gc.enable()
