"""A person's preferences are restored in the next window and are in their file after a crash. Each person has a
file of their own.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHeaderView

from console.app import Console
from console.settings.person_files import get_person_file_path, get_preferences_file
from console.views.app.appearance_choices import (
    apply_and_store_density,
    apply_and_store_text_size,
    apply_and_store_theme,
)
from console.views.queues.page import QueuesPage
from console.views.runtime.preferences import Preferences
from console.views.runtime.routes import QueuesRoute
from console.views.theme.theme import current_appearance, install_appearance
from tests.desk.conftest import OpenWindow
from tests.desk.window_person import Person

pytestmark = pytest.mark.usefixtures("default_appearance")


@pytest.fixture
def default_appearance(qapp: QApplication) -> Iterator[None]:
    yield
    install_appearance(qapp, theme="light")


def choose_all_preferences(person: Person) -> None:
    context = person.opening.context
    apply_and_store_theme(context, "dark")
    apply_and_store_density(context, "compact")
    apply_and_store_text_size(context, 125)
    context.change_language("ja" if context.language == "en" else "en")
    person.window.resize(1180, 790)


def wait_until_written(person: Person) -> None:
    """Wait until every change of the preferences is written to their file."""
    preferences: Preferences = person.opening.context.preferences
    person.wait_until(lambda: not preferences._unwritten_changes and person.opening.runner.is_idle())


def reset_appearance(qapp: QApplication) -> None:
    """Reset the appearance to the one that a new process starts with."""
    install_appearance(qapp, theme="light")


def test_the_next_window_has_the_preferences_of_the_last(open_window: OpenWindow, qapp: QApplication) -> None:
    person = open_window()
    choose_all_preferences(person)
    language = person.opening.context.language
    person.close()
    reset_appearance(qapp)
    again = open_window()
    appearance = current_appearance()
    assert (appearance.theme, appearance.density, appearance.scale) == ("dark", "compact", 1.25)
    assert again.opening.context.language == language
    assert again.opening.context.theme == "dark"


def test_the_window_opens_with_its_last_height(console: Console, open_window: OpenWindow) -> None:
    from console.views.app.main import WindowOpener

    person = open_window()
    person.window.resize(1180, 690)
    person.close()
    opening = WindowOpener(console.settings, lambda: console)
    opening.window.show()
    # On a server the person is known as soon as the services are open. Qt fits the width to the screen of the tests.
    person.wait_until(lambda: opening.window.height() == 690)
    opening.close()


def test_a_change_is_written_while_the_window_is_open(console: Console, open_window: OpenWindow) -> None:
    """A change of the preferences is in the file while the window is still open, so that a killed process loses
    nothing.
    """
    person = open_window()
    choose_all_preferences(person)
    wait_until_written(person)
    values = get_preferences_file(console.settings.home, "op-a").read().values
    assert (values["theme"], values["density"], values["text_size"]) == ("dark", "compact", 125)
    assert values["language"] == person.opening.context.language


def drag_column(page: QueuesPage, number: int, distance_px: int) -> int:
    """Drag the right edge of the column with the index `number` by `distance_px` px; return its new width."""
    header = page.table.horizontalHeader()
    edge = QPoint(header.sectionViewportPosition(number) + header.sectionSize(number) - 1, header.height() // 2)
    QTest.mousePress(header.viewport(), Qt.MouseButton.LeftButton, pos=edge)
    for step in (edge + QPoint(distance_px // 2, 0), edge + QPoint(distance_px, 0)):
        QTest.mouseMove(header.viewport(), step)
    QTest.mouseRelease(header.viewport(), Qt.MouseButton.LeftButton, pos=edge + QPoint(distance_px, 0))
    return header.sectionSize(number)


def find_fixed_column(page: QueuesPage) -> int:
    """Return the index of a visible column of fixed width, which Qt doesn't stretch."""
    header, fixed = page.table.horizontalHeader(), QHeaderView.ResizeMode.Interactive
    places = range(1, len(page.row_model.columns))
    return next(place for place in places if header.sectionSize(place) and header.sectionResizeMode(place) == fixed)


def test_a_column_keeps_the_width_set_by_dragging(open_window: OpenWindow) -> None:
    person = open_window()
    person.opening.context.navigate(QueuesRoute("review"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until_read()
    number = find_fixed_column(page)
    before, key = page.table.columnWidth(number), page.row_model.columns[number].key
    width = drag_column(page, number, 21)
    assert width == before + 21
    person.close()
    again = open_window()
    again.opening.context.navigate(QueuesRoute("review"))
    page = again.wait_for_page(QueuesPage)
    again.wait_until_read()
    assert page._table_by_key["review"].preferred_widths == {key: width}
    assert page.table.columnWidth(number) in (width, 0), "a narrow window may hide the column"


@pytest.mark.embedded("each person of the test's server has their own desk, and so their own folder")
def test_each_person_has_own_preferences(console: Console, open_window: OpenWindow, qapp: QApplication) -> None:
    """Only a person's own choices are stored for this person. A preference that another person at the same desk has
    never chosen stays as the last window had it. When the first person returns, the first person's choices are back.
    """
    person = open_window()
    choose_all_preferences(person)
    person.close()
    reset_appearance(qapp)
    other = open_window("lead-b")
    assert current_appearance().density == "compact", "what lead-b never chose stays as op-a's window had it"
    apply_and_store_density(other.opening.context, "comfortable")
    wait_until_written(other)
    home = console.settings.home
    assert get_preferences_file(home, "lead-b").read().values["density"] == "comfortable"
    assert "theme" not in get_preferences_file(home, "lead-b").read().values
    assert get_preferences_file(home, "op-a").read().values["density"] == "compact"
    other.opening.context.change_operator("op-a")
    other.wait_until(lambda: current_appearance().density == "compact")


def test_two_windows_of_one_person_keep_both_changes(console: Console, open_window: OpenWindow) -> None:
    one, other = open_window(), open_window()
    apply_and_store_theme(one.opening.context, "high_contrast")
    apply_and_store_density(other.opening.context, "compact")
    wait_until_written(one)
    wait_until_written(other)
    values = get_preferences_file(console.settings.home, "op-a").read().values
    assert (values["theme"], values["density"]) == ("high_contrast", "compact")


def test_an_unreadable_preferences_file_is_reported_and_set_aside(console: Console, open_window: OpenWindow) -> None:
    """If a newer program has written the preferences, the window opens with the defaults, and says under which name
    the old file is stored.
    """
    file = get_preferences_file(console.settings.home, "op-a")
    file.change({"theme": "dark"})
    file.path.write_text(json.dumps({"version": 99, "values": {"theme": "dark"}}))
    person = open_window()
    assert current_appearance().theme == "light"
    assert any(file.path.name in toast.accessibleName() for toast in person.frame.toasts.visible_toasts)
    assert file.path.with_name(file.path.name + ".set-aside").exists()


def test_an_unreadable_drafts_file_has_its_own_message(console: Console, open_window: OpenWindow) -> None:
    """If both the file of drafts and visits and the file of preferences are unreadable, each has its own message, and
    both messages are shown.
    """
    preferences = get_preferences_file(console.settings.home, "op-a")
    preferences.change({"theme": "dark"})
    console.person_state.change_entries({"visits": {"at": "2026-10-31T09:00:00+00:00", "value": []}})
    state = get_person_file_path(console.settings.home, "op-a", ".state")
    for path in (preferences.path, state):
        assert path.exists()
        path.write_text("broken")
    person = open_window()

    def list_toasts() -> list[str]:
        return [toast.accessibleName() for toast in person.frame.toasts.visible_toasts]

    person.wait_until(lambda: sum(".set-aside" in message for message in list_toasts()) == 2)
    for message in list_toasts():
        is_state = state.name in message
        assert ("Your drafts" in message, "Your display settings" in message) == (is_state, not is_state)
    person.opening.context.person_values.write_failed.emit()
    person.wait_until(lambda: any("Your drafts" in message and "be saved" in message for message in list_toasts()))


INVALID_PREFERENCES = {
    "language": "xx",
    "theme": 7,
    "density": "tiny",
    "text_size": 1e9,
    "window": "@@@",
    "columns.queues.review": {"age": -5, "company": "wide", "name": 1e300},
    "columns.home": "none",
}


def test_invalid_preferences_are_replaced_by_defaults(console: Console, open_window: OpenWindow) -> None:
    get_preferences_file(console.settings.home, "op-a").change(INVALID_PREFERENCES)
    person = open_window()
    appearance = current_appearance()
    assert (appearance.theme, appearance.density, appearance.scale) == ("light", "comfortable", 1.0)
    person.opening.context.navigate(QueuesRoute("review"))
    assert person.wait_for_page(QueuesPage).table.preferred_widths == {}


WINDOW_PROGRAM = """
import os, sys
from pathlib import Path
from PySide6.QtWidgets import QApplication, QHeaderView
from console.settings.settings import Settings
from console.views.app.appearance_choices import apply_and_store_theme, apply_and_store_text_size
from console.views.app.main import WindowOpener
from console.app import open_console
app = QApplication([])
settings = Settings.load()
opening = WindowOpener(settings, lambda: open_console(settings))
opening.window.show()
def choose():
    apply_and_store_theme(opening.context, "dark")
    apply_and_store_text_size(opening.context, 150)
    print("chosen", flush=True)
from PySide6.QtCore import QTimer
timer = QTimer()
def look():
    if opening.controller is not None:
        timer.stop()
        choose()
timer.timeout.connect(look)
timer.start(20)
app.exec()
"""


@pytest.mark.skipif(os.name == "nt", reason="no such signal there")
def test_preferences_are_in_their_file_after_a_kill(tmp_path: Path) -> None:
    """The preferences are in their file although the process was killed by SIGKILL directly after they were written,
    without closing the window.
    """
    from tests.support.desks import make_environment

    environment = make_environment(tmp_path / "desk", "http://127.0.0.1:9") | {
        "PATH": os.environ["PATH"],
        "QT_QPA_PLATFORM": "offscreen",
        "CONSOLE_OPERATOR": "op-a",
    }
    home = Path(environment["CONSOLE_HOME"])
    with subprocess.Popen(
        [sys.executable, "-c", WINDOW_PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "chosen\n"
        file = get_preferences_file(home, "op-a")
        while file.read().values.get("text_size") != 150:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    values = file.read().values
    assert (values["theme"], values["text_size"]) == ("dark", 150)
