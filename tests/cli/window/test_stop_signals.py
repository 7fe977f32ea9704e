"""The window's handler of signals that request the end of the process."""

import signal

import pytest

from console.cli.window.open_window import record_stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_recorded_and_raises_nothing(number: signal.Signals) -> None:
    """While a window exists, a stop signal is recorded without an exception, also a second one. PySide crashes if an
    exception comes while it converts the arguments of a method that Qt calls.
    """
    with record_stop_signals() as stop_requested:
        assert not stop_requested()
        for _ in range(2):
            try:
                signal.raise_signal(number)
            except KeyboardInterrupt:
                pytest.fail("the handler raised KeyboardInterrupt", pytrace=False)
            assert stop_requested()
