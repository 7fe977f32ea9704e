"""A window whose database can't be reached when it opens: one bar says so, and the window tries again automatically.
After a lasting failure the person tries again with a button.
"""

from collections.abc import Iterator
from threading import Event

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.views.app.main import WindowOpener
from console.views.home.page import HomePage
from console.views.theme.theme import current_appearance, install_appearance
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.waiting import MAX_WAIT_SECONDS

MAX_WAIT_MS = round(MAX_WAIT_SECONDS * 1_000)


@pytest.fixture
def themed_application(qapp: QApplication) -> Iterator[None]:
    install_appearance(qapp, theme="light")
    yield
    current_appearance().choose_theme("light")


def find_visible_bars(opening: WindowOpener) -> list[NotificationBar]:
    return [bar for bar in opening.window.findChildren(NotificationBar) if not bar.isHidden()]


@pytest.mark.usefixtures("themed_application")
def test_a_window_opens_once_its_database_is_reachable(qtbot: QtBot, console: Console) -> None:
    """While the database can't be reached, the window tries again repeatedly and shows one and the same bar. When the
    database is reachable, the window shows Home without the bar.
    """
    tries: list[str] = []
    back = Event()

    def open_services() -> Console:
        tries.append("")
        if not back.is_set():
            raise rebuild_error(ErrorCode.DATABASE_UNREACHABLE, {"problem": "gone"})
        return console

    opening = WindowOpener(console.settings, open_services)
    opening._retry_timer.setInterval(1)
    opening.window.show()
    qtbot.waitUntil(lambda: hasattr(opening, "frame") and bool(find_visible_bars(opening)), timeout=MAX_WAIT_MS)
    (bar,) = find_visible_bars(opening)
    assert bar.accessibleName().startswith("Not opened. The database can't be reached.")
    qtbot.waitUntil(lambda: len(tries) >= 3, timeout=MAX_WAIT_MS)
    assert opening.controller is None
    assert find_visible_bars(opening) == [bar]
    back.set()
    qtbot.waitUntil(
        lambda: opening.controller is not None and opening.frame.current_page is not None, timeout=MAX_WAIT_MS
    )
    assert isinstance(opening.frame.current_page, HomePage)
    qtbot.waitUntil(opening.runner.is_idle, timeout=MAX_WAIT_MS)
    assert len(tries) >= 4
    assert find_visible_bars(opening) == []
    opening.close()


@pytest.mark.usefixtures("themed_application")
def test_a_lasting_failure_is_not_retried_by_the_window(qtbot: QtBot, console: Console) -> None:
    """The window tries again automatically only after a failure that can end without an action of the person. After
    any other failure, the person tries again with a button.
    """
    tries: list[str] = []

    def open_services() -> Console:
        tries.append("")
        if len(tries) == 1:
            raise ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"found": "0000", "newer": False})
        return console

    opening = WindowOpener(console.settings, open_services)
    opening.window.show()
    qtbot.waitUntil(lambda: hasattr(opening, "frame") and bool(find_visible_bars(opening)), timeout=MAX_WAIT_MS)
    assert not opening._retry_timer.isActive()
    (bar,) = find_visible_bars(opening)
    assert bar.button is not None
    bar.button.click()
    qtbot.waitUntil(lambda: opening.controller is not None, timeout=MAX_WAIT_MS)
    qtbot.waitUntil(opening.runner.is_idle, timeout=MAX_WAIT_MS)
    opening.close()
