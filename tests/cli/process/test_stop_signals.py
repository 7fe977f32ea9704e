"""Tests that a process on Windows is stopped as by Ctrl+C if its console window is closed."""

import os
import subprocess
import sys

import pytest

from tests.support.waiting import MAX_WAIT_SECONDS

# SIGUSR1 takes the place of SIGBREAK, which exists on Windows only. The thread that Windows starts for the handler
# raises the signal, so the signal doesn't end the wait of the main thread, as on Windows.
WINDOWS_PROGRAM = """
import ctypes, signal, sys, threading, time, traceback
from types import SimpleNamespace

signal.SIGBREAK = signal.SIGUSR1
from console.cli.process import stop_signals

event, handlers = int(sys.argv[1]), []
ctypes.WINFUNCTYPE = ctypes.CFUNCTYPE
kernel32 = SimpleNamespace(SetConsoleCtrlHandler=lambda handler, is_added: handlers.append((handler, is_added)) or 1)
ctypes.windll = SimpleNamespace(kernel32=kernel32)
sys.platform = "win32"
with stop_signals.handle_stop_signals_as_interrupt():
    stop_signals.handle_windows_end_events_as_break()
    ((handler, is_added),) = handlers
    assert is_added
    if event in (0, 1):
        assert handler(event) == 0
        print("left to the next handler")
    else:
        def end_console_while_main_thread_waits():
            main_thread = threading.main_thread().ident
            stack = ""
            while not ("in wait_for_stop_signal" in stack and "in wait\\n" in stack):
                time.sleep(0.001)
                stack = "".join(traceback.format_stack(sys._current_frames()[main_thread]))
            handler(event)

        thread = threading.Thread(target=end_console_while_main_thread_waits, daemon=True)
        thread.start()
        stop_signals.wait_for_stop_signal()
        assert thread.is_alive()
        print("ended in good order")
"""


@pytest.mark.skipif(os.name == "nt", reason="replays Windows by the signals of other systems")
@pytest.mark.parametrize(
    ("event", "expected"),
    [(1, "left to the next handler"), (2, "ended in good order"), (6, "ended in good order")],
)
def test_the_end_of_the_console_on_windows_stops_the_process(event: int, expected: str) -> None:
    """Closing the console window, logging off and a shutdown end a wait as Ctrl+C does, and Windows' handler doesn't
    return before the process has ended. Ctrl+C and Ctrl+Break are left to the handlers of the signals.
    """
    ended = subprocess.run(
        [sys.executable, "-c", WINDOWS_PROGRAM, str(event)],
        capture_output=True,
        text=True,
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )
    assert (ended.stdout.strip(), ended.stderr, ended.returncode) == (expected, "", 0)
