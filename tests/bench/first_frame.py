"""A program that prints when its window was painted, and its memory at that moment. Its argument: `bare` (an empty
window), `console` (the product, until its first rows), or `frame` (the product, until its first frame).

It imports as late as possible, because its start is measured.
"""

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent


def print_event(event: str) -> None:
    """Print one line: the event, the monotonic clock (seconds), the resident memory (bytes)."""
    with open("/proc/self/statm") as file:  # noqa: PTH123  # pathlib would be an import of its own
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    os.write(1, f"{event} {time.monotonic()} {resident}\n".encode())


def show_empty_window() -> None:
    """Show an empty PySide6 window."""
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QApplication, QMainWindow

    class Window(QMainWindow):
        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            print_event("frame")
            os._exit(0)

    app = QApplication(sys.argv[:1])
    window = Window()
    window.resize(1440, 900)
    window.show()
    app.exec()


def start_console(*, exits_at_first_frame: bool = False) -> None:
    """Start the product as a desktop does, until the first rows of a list are painted, or with `exits_at_first_frame`
    until the first frame.
    """
    from console.cli.main import main
    from console.views.frame.splash_window import MainWindow

    paint = MainWindow.paintEvent
    timers: list[object] = []

    def report_painted(window: MainWindow, event: "QPaintEvent") -> None:
        from PySide6.QtCore import QTimer  # not before `console.views`, which imports Qt first in the product

        paint(window, event)
        if not timers:
            print_event("frame")
            if exits_at_first_frame:
                os._exit(0)
            timer = QTimer(window, interval=5)
            timer.timeout.connect(_report_if_rows_are_visible)
            timer.start()
            timers.append(timer)

    MainWindow.paintEvent = report_painted  # type: ignore[assignment, method-assign]  # so that the product itself stays as it is
    main([])


def _report_if_rows_are_visible() -> None:
    """Print the event of the painted rows and end the process, as soon as a visible table has rows."""
    tables = sys.modules.get("console.views.tables.record_table")
    if tables is None:
        return
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    shown = [one for one in QApplication.allWidgets() if isinstance(one, tables.RecordTable) and one.isVisible()]
    if any(table.rows.row_count for table in shown):
        # The paint that their arrival asked for comes before a timer.
        QTimer.singleShot(0, _print_rows_event_and_exit)


def _print_rows_event_and_exit() -> None:
    print_event("rows")
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        show_empty_window()
    else:
        start_console(exits_at_first_frame=sys.argv[1] == "frame")
