"""Opens the window from the terminal, or says what works where none can be shown."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from console.cli_writer import Writer

if TYPE_CHECKING:
    from console.app import Console

NO_DISPLAY = 6
"""Exit status: out of reach, and nothing was done."""


def has_display() -> bool:
    """Whether a window can be shown: on Linux somebody has to name a display, or a platform that needs none."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(map(os.environ.get, named))


def open_window(writer: Writer) -> None:
    """The window of this desk, until it is closed. The desk is opened behind the first painted frame."""
    if not has_display():
        writer.aside(writer.voice("cli.no_display"))
        writer.status = NO_DISPLAY
        return
    settings = writer.read_settings()
    with ExitStack() as opened, ended_by_signals() as asked_to_end:
        from console.views.main import run

        def open_desk() -> "Console":
            """Whoever was signed out, or refused, is gone before somebody else comes in."""
            from console.app import open_console

            opened.close()
            return opened.enter_context(open_console(settings, program="window"))

        writer.status = run(settings, open_desk, asked_to_end)


def show_open_desk(console: "Console") -> int:
    """The window of a desk that is open already, until it is closed."""
    with ended_by_signals() as asked_to_end:
        from console.views.main import run

        return run(console.settings, lambda: console, asked_to_end)


@contextmanager
def ended_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C or a request to end has come. Only noted: an exception out of a signal handler would break
    Qt's imports in the middle, and its event loop would swallow it.
    """
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in numbers}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
