"""Handle the signals that stop a process: Ctrl+C, SIGTERM, and SIGHUP of a closed terminal (SIGBREAK on Windows)."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from console.domain.process import interrupts

_WINDOWS_END_EVENTS = (2, 5, 6)
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT of Windows. When the handler of such an event returns,
Windows ends the process."""
_END_OF_PROCESS_WAIT_SECONDS = 60.0
"""Longest time (seconds) that the handler waits for the process to end by itself. Windows waits five seconds, then
ends the process.
"""
_SIGNAL_CHECK_SECONDS = 0.5
"""Pause (seconds) after which a wait on Windows looks for signals, because a signal doesn't end the wait there."""
_event_handlers: list[Callable[[int], object]] = []
"""The handlers that Windows may call until this process ends. Python would free them otherwise."""


def handle_windows_end_events_as_break() -> None:
    """On Windows, handle three events like Ctrl+Break (SIGBREAK): the person closes the terminal's window, the person
    signs out of Windows, or Windows shuts down. A command or the worker then has some seconds to store the answer of
    a provider. Must be called after the first handler of a signal was set. On other systems, do nothing, because
    there the process gets SIGHUP or SIGTERM."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        @ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
        def handle_event(event: int) -> bool:
            if event not in _WINDOWS_END_EVENTS:
                return False  # Windows calls the next handler, that of the signals
            signal.raise_signal(signal.SIGBREAK)
            time.sleep(_END_OF_PROCESS_WAIT_SECONDS)
            return True

        _event_handlers.append(handle_event)
        ctypes.windll.kernel32.SetConsoleCtrlHandler(handle_event, True)


@contextlib.contextmanager
def handle_stop_signals_as_interrupt() -> Iterator[None]:
    """Within the block, handle SIGTERM and SIGHUP like Ctrl+C (they raise KeyboardInterrupt), so that servers are
    stopped and temporary folders are deleted.
    """
    earlier_handlers = {
        number: signal.signal(number, signal.default_int_handler) for number in interrupts.list_stop_signals()
    }
    try:
        yield
    finally:
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)


def wait_for_stop_signal() -> None:
    """Wait until Ctrl+C is pressed or, within `handle_stop_signals_as_interrupt`, SIGTERM or SIGHUP arrives."""
    pause_seconds = _SIGNAL_CHECK_SECONDS if sys.platform == "win32" else None
    with contextlib.suppress(KeyboardInterrupt):
        while not threading.Event().wait(pause_seconds):
            pass
