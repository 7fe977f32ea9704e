"""Handle the signals that stop a process: Ctrl+C and SIGTERM."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def handle_sigterm_as_interrupt() -> Iterator[None]:
    """Within the block, handle SIGTERM like Ctrl+C (it raises KeyboardInterrupt), so that servers are stopped and
    temporary folders are deleted.
    """
    earlier_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier_handler)


def wait_for_stop_signal() -> None:
    """Wait until Ctrl+C is pressed or, within `handle_sigterm_as_interrupt`, SIGTERM arrives."""
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
