"""A simulated person at the window. It presses keys, which reach the widget with the focus, or uses controls that it
finds by their accessible name, as a screen reader does.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleActionInterface, QAccessibleInterface, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.clock import Clock
from console.settings.settings import Settings
from console.views.app.main import WindowOpener
from console.views.frame.main_window import WindowFrame
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog
from console.views.pages.base import Page
from console.views.widgets.window.dialog import DialogFrame
from tests.support.first_use import note_earlier_use
from tests.support.waiting import MAX_WAIT_SECONDS

PageT = TypeVar("PageT", bound=Page)
DialogT = TypeVar("DialogT", bound=DialogFrame)
WidgetT = TypeVar("WidgetT", bound=QWidget)
MAX_WAIT_MS = round(MAX_WAIT_SECONDS * 1_000)
_MAX_TAB_PRESSES = 40


class Person:
    """A simulated person who works at one open window."""

    def __init__(
        self, bot: QtBot, services: Console, settings: Settings, clock: Clock | None = None, *, is_new: bool = False
    ) -> None:
        """Open the window of this person. If `is_new` is True, the person opens a window for the first time."""
        self._bot = bot
        if not is_new:
            account = settings.sign_in.find_user_without_error() if settings.sign_in.is_server else settings.operator
            note_earlier_use(settings.home, account or "")
        self.opening = WindowOpener(settings, lambda: services, clock)
        self.window = self.opening.window
        self.window.resize(1440, 900)
        self.window.show()
        self.window.activateWindow()
        bot.waitActive(self.window, timeout=MAX_WAIT_MS)
        self.wait_until(lambda: self.opening.controller is not None and self.frame.current_page is not None)
        self.wait_until(self._has_loaded)
        self.wait_until_read()

    def _has_loaded(self) -> bool:
        """True if the window has read the people. It must also have read the counts, if this person's role may read
        them.
        """
        context = self.opening.context
        is_counted = context.work_counts.read_at is not None or bool(context.find_missing_right_reason("read"))
        return bool(context.people) and is_counted

    @property
    def frame(self) -> WindowFrame:
        return self.opening.frame

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self._bot.waitUntil(condition, timeout=MAX_WAIT_MS)

    def wait_until_read(self) -> None:
        """Wait until no read is running."""
        self.wait_until(self.opening.runner.is_idle)

    # -- by keyboard

    def press(self, keys: str, times: int = 1) -> None:
        """Press the keys `times` times. They are written as on a keyboard, such as "Ctrl+K", and sent to the active
        window; Qt decides which widget gets them.
        """
        pressed = QKeySequence(keys)[0]  # type: ignore[index]  # a sequence is; the stubs don't say so
        for _ in range(times):
            handle = self.wait_for_active_window().windowHandle()
            QTest.keyClick(handle, pressed.key(), pressed.keyboardModifiers())

    def double_click(self, button: QWidget) -> None:
        """Double-click the button through its window, so that Qt decides which widget gets the second click."""
        window = button.window()
        at = button.mapTo(window, button.rect().center())
        QTest.mouseDClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)

    def type_in(self, text: str) -> None:
        for character in text:
            handle = self.wait_for_active_window().windowHandle()
            QTest.keyClick(handle, character)  # type: ignore[call-overload]  # a character will do; the stubs lack it

    def tab_to(self, name: str) -> None:
        """Press Tab until a control whose name begins with `name` has the focus."""
        for _ in range(_MAX_TAB_PRESSES):
            focus = QApplication.focusWidget()
            if focus is not None and get_accessible_name(focus).startswith(name):
                return
            self.press("Tab")
        raise AssertionError(f"no way by Tab to {name!r}")

    def wait_for_active_window(self) -> QWidget:
        """Wait until the window or its open dialog has the keyboard, and return it. Without a window manager nothing
        gives the keyboard to an opened dialog, or back to the window after it, so this method requests it repeatedly.
        """

        def open_dialog() -> DialogFrame | None:
            return next(iter(list_open_windows(self.window, DialogFrame)), None)

        def is_activated() -> bool:
            active = QApplication.activeWindow()
            return active is not None and (active is not self.window or open_dialog() is None)

        def request_and_check_activation() -> bool:
            if not is_activated():
                (open_dialog() or self.window).activateWindow()
            return is_activated()

        self.wait_until(request_and_check_activation)
        active = QApplication.activeWindow()
        assert active is not None
        return active

    # -- what is in sight

    def wait_for_page(self, kind: type[PageT]) -> PageT:
        """Wait until the visible page is of this class, and return it."""
        self.wait_until(lambda: isinstance(self.frame.current_page, kind))
        assert isinstance(self.frame.current_page, kind)
        return self.frame.current_page

    def wait_for_dialog(self, kind: type[DialogT]) -> DialogT:
        """Wait until a dialog of this class is open and active, and return it."""

        def find_dialog() -> DialogT | None:
            return next(iter(list_open_windows(self.window, kind)), None)

        self.wait_until(lambda: find_dialog() is not None)
        dialog = find_dialog()
        assert dialog is not None
        self._bot.waitActive(dialog, timeout=MAX_WAIT_MS)
        return dialog

    def wait_without_dialog(self) -> None:
        self.wait_until(lambda: not list_windows(self.window, DialogFrame))

    # -- through the accessibility tree

    def wait_for_control(
        self, name: str, root: QWidget | None = None, role: QAccessible.Role | None = None
    ) -> "Control":
        """Wait until a visible, enabled control whose name begins with `name` exists below `root` (None: the window),
        with this role (None: any), and return it.
        """

        def find_control() -> QAccessibleInterface | None:
            return next(_find_controls(root or self.window, name, role), None)

        self.wait_until(lambda: find_control() is not None)
        interface = find_control()
        assert interface is not None
        return Control(interface)

    def close(self) -> None:
        """Close the window, also if it asks about the work that the person leaves open."""
        self.window.close()
        self.wait_until(lambda: not self.window.isVisible() or self.leave_window())
        self.opening.close()

    def leave_window(self) -> bool:
        """If the window shows the dialog about work that is left open, press its button to leave. Return True if the
        window has closed.
        """
        asking = next((one for one in list_windows(self.window, UnfinishedWorkDialog) if one.leave_button), None)
        if asking is not None and asking.leave_button is not None:
            asking.leave_button.click()
        return not self.window.isVisible()


def list_windows(window: QWidget, kind: type[WidgetT]) -> list[WidgetT]:
    """Return the dialogs or menus of this class that belong to the window. The widgets of the window are searched
    only if any widget of this class exists, because PySide makes a Python object for each of them.
    """
    is_there = any(isinstance(one, kind) for one in QApplication.topLevelWidgets())
    return window.findChildren(kind) if is_there else []


def list_open_windows(window: QWidget, kind: type[WidgetT]) -> list[WidgetT]:
    """Return the visible dialogs or menus of this class that belong to the window."""
    is_open = any(isinstance(one, kind) and one.isVisible() for one in QApplication.topLevelWidgets())
    return [one for one in window.findChildren(kind) if one.isVisible()] if is_open else []


class Control:
    """A control of the window, as a screen reader sees it."""

    def __init__(self, interface: QAccessibleInterface) -> None:
        self._interface = interface

    def press(self) -> None:
        """Execute the press action of the control, as a screen reader does for its user."""
        actions = self._interface.actionInterface()
        assert actions is not None, "nothing to press"
        actions.doAction(QAccessibleActionInterface.pressAction())

    def toggle(self) -> None:
        actions = self._interface.actionInterface()
        assert actions is not None, "nothing to toggle"
        actions.doAction(QAccessibleActionInterface.toggleAction())

    def write(self, text: str) -> None:
        """Insert the text before the present text of the control, as dictation software does."""
        editing = self._interface.editableTextInterface()
        assert editing is not None, "nothing to write into"
        editing.insertText(0, text)

    @property
    def text(self) -> str:
        return self._interface.text(QAccessible.Text.Name)


def _find_controls(root: QWidget, name: str, role: QAccessible.Role | None) -> Iterator[QAccessibleInterface]:
    """Yield the visible and enabled controls below `root` whose accessible name begins with `name`, with this role
    (None: with any role).
    """
    for interface in walk_accessible_tree(QAccessible.queryAccessibleInterface(root)):
        state = interface.state()
        if state.invisible or state.disabled or (role is not None and interface.role() != role):
            continue
        if interface.text(QAccessible.Text.Name).startswith(name):
            yield interface


def get_accessible_name(widget: QWidget) -> str:
    """Return the accessible name of the object, which a screen reader speaks."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name)


def walk_accessible_tree(interface: QAccessibleInterface | None) -> Iterator[QAccessibleInterface]:
    """Yield an accessible object and all objects below it, but not the rows of tables and lists."""
    if interface is None or not interface.isValid():
        return
    yield interface
    if interface.role() in (QAccessible.Role.Table, QAccessible.Role.List):
        return
    for place in range(interface.childCount()):
        yield from walk_accessible_tree(interface.child(place))


def save_as(person: Person, path: Path, keys: str = "Ctrl+E") -> None:
    """Press the key of the export, or another key that asks for a file name, and enter the file name."""
    person.press(keys)
    enter_export_path(person, path)


def enter_export_path(person: Person, path: Path) -> None:
    """Wait for the dialog that asks for a file, enter the path there, and accept the dialog."""

    def list_file_dialogs() -> list[QFileDialog]:
        return list_open_windows(person.window, QFileDialog)

    person.wait_until(lambda: bool(list_file_dialogs()))
    (dialog,) = list_file_dialogs()
    name = dialog.findChild(QLineEdit)
    assert name is not None
    name.setText(str(path))
    dialog.accept()
