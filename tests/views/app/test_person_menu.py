"""Tests of the menu of the acting person."""

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.app.person_menu import PersonMenu
from tests.views.invented_checks import make_window_context


class Frame(QObject):
    """The attributes of the window's frame that the menu uses."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.window, self.context = window, make_window_context()


def test_the_shortcuts_of_the_menu_are_at_its_right_edge(qtbot: QtBot, appearance: object) -> None:
    """As in all menus, the text after the tab is the shortcut, and the text before it names none in brackets."""
    window = QWidget()
    qtbot.addWidget(window)
    menu = PersonMenu(Frame(window)).build_menu()  # type: ignore[arg-type]  # has what the menu reads
    entries = [action.text().split("\t") for action in menu.actions() if action.menu() is None]
    assert [entry for entry in entries if len(entry) == 2] == [
        ["Copy link to this page", "Ctrl+Shift+L"],
        ["Show work left open", "Ctrl+Shift+O"],
        ["Lock", "Ctrl+L"],
    ]
    assert not [text for text, *_ in entries if "(" in text]
