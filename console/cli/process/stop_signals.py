"""Handle the signals that stop a process: Ctrl+C, SIGTERM, and SIGHUP of a closed terminal."""

import contextlib
import signal
import threading
from collections.abc import Iterator

from console.domain.process import interrupts


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
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
