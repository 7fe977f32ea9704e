"""Opening a desk whose database is away: told once, tried again by itself, and never taken for a sign-out."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.errors import ConsoleError
from console.views.look.theme import install, look
from console.views.main import Opening
from console.views.pages.home import HomePage
from console.views.widgets.bars import Bar

PATIENCE_MS = 20_000


@pytest.fixture
def dressed(qapp: QApplication) -> Iterator[None]:
    install(qapp, theme="light")
    yield
    look().choose("light")


def bars(opening: Opening) -> list[Bar]:
    return [bar for bar in opening.window.findChildren(Bar) if not bar.isHidden()]


@pytest.mark.usefixtures("dressed")
def test_a_desk_that_is_away_opens_when_it_is_back(qtbot: QtBot, console: Console) -> None:
    """The same bar stays while it is tried again and again; then the first page is there."""
    tries: list[str] = []

    def open_desk() -> Console:
        tries.append("")
        if len(tries) < 4:
            raise ConsoleError("database_unreachable", {"problem": "gone"})
        return console

    opening = Opening(console.settings, open_desk)
    opening._again.setInterval(1)
    opening.window.show()
    qtbot.waitUntil(lambda: hasattr(opening, "frame") and bool(bars(opening)), timeout=PATIENCE_MS)
    (told,) = bars(opening)
    assert told.accessibleName().startswith("Not opened The database can't be reached.")
    qtbot.waitUntil(lambda: len(tries) == 3 or opening.shell is not None, timeout=PATIENCE_MS)
    assert opening.shell is not None or bars(opening) == [told]
    qtbot.waitUntil(lambda: opening.shell is not None and opening.frame.page is not None, timeout=PATIENCE_MS)
    assert isinstance(opening.frame.page, HomePage)
    qtbot.waitUntil(opening.runner.is_idle, timeout=PATIENCE_MS)
    assert len(tries) == 4
    assert bars(opening) == []
    opening.close()


@pytest.mark.usefixtures("dressed")
def test_other_troubles_wait_for_a_person(qtbot: QtBot, console: Console) -> None:
    """What doesn't pass by itself isn't tried by itself; the button does it."""
    tries: list[str] = []

    def open_desk() -> Console:
        tries.append("")
        if len(tries) == 1:
            raise ConsoleError("schema_mismatch", {"found": "0000", "newer": False})
        return console

    opening = Opening(console.settings, open_desk)
    opening.window.show()
    qtbot.waitUntil(lambda: hasattr(opening, "frame") and bool(bars(opening)), timeout=PATIENCE_MS)
    assert not opening._again.isActive()
    (told,) = bars(opening)
    assert told.button is not None
    told.button.click()
    qtbot.waitUntil(lambda: opening.shell is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(opening.runner.is_idle, timeout=PATIENCE_MS)
    opening.close()
