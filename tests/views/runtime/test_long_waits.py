"""Tests that a wait in a test may be longer than the default of five seconds of pytest-qt, because the machine may be
busy.
"""

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from pytestqt.wait_signal import SignalBlocker

from tests.support.long_wait_bot import MAX_WAIT_MS


def test_signals_and_windows_are_waited_for_longer(qtbot: QtBot) -> None:
    """Without a time limit of its own, a test waits MAX_WAIT_MS for a signal or a window."""
    timer, widget = QTimer(), QWidget()
    qtbot.addWidget(widget)
    signal = qtbot.waitSignal(timer.timeout)
    assert isinstance(signal, SignalBlocker)
    assert signal.timeout == MAX_WAIT_MS
    with signal:
        timer.start(0)
    timer.stop()
    assert qtbot.waitActive(widget)._timeout == MAX_WAIT_MS
    assert qtbot.waitExposed(widget)._timeout == MAX_WAIT_MS


def test_a_test_can_set_a_shorter_time_limit(qtbot: QtBot) -> None:
    """A time limit that a test gives is used instead of MAX_WAIT_MS."""
    with pytest.raises(qtbot.TimeoutError):
        qtbot.waitUntil(lambda: False, timeout=1)
