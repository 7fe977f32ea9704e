"""Opens the window from the terminal, or says what works where none can be shown."""

import os
import signal
import sys
from collections.abc import Iterator
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
    from console.views.main import run

    with ExitStack() as opened:

        def open_desk() -> "Console":
            from console.app import open_console

            return opened.enter_context(open_console(settings))

        with _closed_by_signals():
            writer.status = run(settings, open_desk)


def show_open_desk(console: "Console") -> int:
    """The window of a desk that is open already, until it is closed."""
    from console.views.main import run

    with _closed_by_signals():
        return run(console.settings, lambda: console)


@contextmanager
def _closed_by_signals() -> Iterator[None]:
    """Ctrl+C and a request to end close the window in good order; Qt's loop would swallow the exception."""
    from console.views.main import close

    before = {number: signal.signal(number, lambda *_: close()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
