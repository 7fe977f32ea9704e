"""A bot of pytest-qt whose time limits are long enough for a busy machine. The default limit of pytest-qt is five
seconds.
"""

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.support.waiting import MAX_WAIT_SECONDS

MAX_WAIT_MS = round(MAX_WAIT_SECONDS * 1_000)


class LongWaitQtBot(QtBot):
    """A bot whose waits have the time limit MAX_WAIT_MS (milliseconds), unless the test gives another one."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = MAX_WAIT_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = MAX_WAIT_MS, **how: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **how)

    def waitActive(self, widget: QWidget, *, timeout: int = MAX_WAIT_MS) -> Any:
        return super().waitActive(widget, timeout=timeout)

    def waitExposed(self, widget: QWidget, *, timeout: int = MAX_WAIT_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)
