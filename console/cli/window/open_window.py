"""Functions that open the window from the terminal, or report that there is no display."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from console.cli.process.garbage_collection import pause_garbage_collection
from console.cli.process.output import AnswerWriter
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.links.link import Link

NO_DISPLAY_EXIT_STATUS = 6
"""Exit status if there is no display for the window. The command has done nothing in this case."""


def has_display() -> bool:
    """Return True if a window can be shown. On Linux an environment variable must name a display or a Qt platform."""
    variable_names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(map(os.environ.get, variable_names))


def open_window(writer: AnswerWriter, link: "Link | None" = None) -> None:
    """Show the window until it is closed, and store the exit status in `writer`. The window paints its first frame
    before the services are opened. `link` is the link of the page that the window shows first. Without a display,
    write to stderr that there is none, store NO_DISPLAY_EXIT_STATUS and return.
    """
    if not has_display():
        writer.write_to_stderr(writer.translator("cli.no_display"))
        writer.exit_status = NO_DISPLAY_EXIT_STATUS
        return
    with pause_garbage_collection():
        settings = writer.read_settings()
        with ExitStack() as opened_console, record_stop_signals() as stop_requested:
            from console.views.app.main import run_window

            def reopen_services() -> "Console":
                """Close the services if they are open (after a sign-out, for example), then open and return them."""
                from console.app import open_console

                opened_console.close()
                return opened_console.enter_context(open_console(settings, program="window"))

            writer.exit_status = run_window(settings, reopen_services, stop_requested, link)


def show_window(console: "Console") -> int:
    """Show the window for services that are already open, until it is closed. Return the exit status."""
    with record_stop_signals() as stop_requested:
        from console.views.app.main import run_window

        return run_window(console.settings, lambda: console, stop_requested)


@contextmanager
def record_stop_signals() -> Iterator[Callable[[], bool]]:
    """Context manager: yield a function that returns True after SIGINT, SIGTERM or SIGHUP has arrived. The signal
    handler only records the signal and raises no exception. An exception could interrupt an import of Qt; Qt's event
    loop would ignore it; and PySide crashes (SIGSEGV) if an exception arrives while PySide converts the arguments of
    a method that Qt calls, such as `headerData` of a model."""
    received_signals: list[int] = []
    numbers = interrupts.list_stop_signals()
    earlier_handlers = {
        number: signal.signal(number, lambda received, _: received_signals.append(received)) for number in numbers
    }
    try:
        yield lambda: bool(received_signals)
    finally:
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)
