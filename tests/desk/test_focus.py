"""The focus is visible on every page and dialog: exactly one visible widget has it, and its ring is drawn. The focus
stays when the page reads its data again. No part of a window is ever shown as a window of its own, because that would
take the focus. The key that a button shows activates the button.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMenu, QWidget

from console.views.reconciliation.runs_page import ReconcileRunsPage
from console.views.runtime.routes import ReconcileRunsRoute
from console.views.theme.theme import current_appearance
from console.views.widgets.controls.buttons import KeyButton
from tests.desk.conftest import OpenWindow
from tests.desk.focus_rings import find_focus_problem
from tests.shots.bulk_scenes import BULK_SCENES
from tests.shots.further_scenes import FURTHER_SCENES
from tests.shots.money_scenes import MONEY_SCENES
from tests.shots.reconcile_scenes import RECONCILE_SCENES
from tests.shots.registry_scenes import REGISTRY_SCENES
from tests.shots.report_scenes import REPORT_SCENES
from tests.shots.scenes import MAIN_SCENES, OTHER_SCENES
from tests.shots.stage import UnpaintedStage, WindowLook
from tests.shots.state_scenes import STATE_SCENES
from tests.shots.training_scenes import TRAINING_SCENES
from tests.shots.view_scenes import VIEW_SCENES
from tests.support.sample_desk import open_sample_desk

SCENES = {
    **MAIN_SCENES, **MONEY_SCENES, **RECONCILE_SCENES, **OTHER_SCENES, **BULK_SCENES, **VIEW_SCENES,
    **REGISTRY_SCENES, **REPORT_SCENES, **FURTHER_SCENES, **TRAINING_SCENES,
    **STATE_SCENES,
}  # fmt: skip
del SCENES["search"]  # its box is open only as long as its input has the focus: the line below it always stands
del SCENES["menu"]  # a menu marks its entry and has no ring; the platform "offscreen" warns of its popup


class WindowsWithoutParentRecorder(QObject):
    """Reports each widget that is shown as a window of its own because it has no parent yet."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_shown = event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow()
        if is_shown and not isinstance(watched, QDialog | QMenu | QMainWindow):
            self._note(f"{type(watched).__name__} was shown as a window of its own")
        return False


class WatchedStage(UnpaintedStage):
    """A window that shows the screens of the documentation's pictures one after another. It checks the focus instead
    of taking pictures."""

    def __init__(self, *how: object) -> None:
        super().__init__(*how)  # type: ignore[arg-type]  # as its base class
        self.faults: list[str] = []
        self._stray_windows = WindowsWithoutParentRecorder(self.faults.append)
        QApplication.instance().installEventFilter(self._stray_windows)  # type: ignore[union-attr]  # there is one
        self.window.activateWindow()

    def take_picture(self, name: str) -> Path:
        self.wait_until_idle()
        self.wait_until(self._is_active)
        if not self._is_focus_in_search_box() and (problem := find_focus_problem()):
            self.faults.append(f"{name}: {problem}")
        if QApplication.activeModalWidget() is None:
            self.faults += (f"{name}: {cap}" for cap in find_buttons_whose_key_does_nothing(self.window))
            self._check_focus_after_reading_again(name)
        return Path(name)

    def take_picture_with_overlay(self, name: str, part: QWidget, left: int, top: int) -> None:
        """Take no picture and check nothing, because a menu has no focus ring."""

    def _is_focus_in_search_box(self) -> bool:
        """Return True if the focus is in the search box, which a line below its input always marks."""
        controller = self.opening.controller
        return controller is not None and QApplication.focusWidget() is controller.command_palette.search_box.input

    def _check_focus_after_reading_again(self, name: str) -> None:
        """Let the page read its data again, as it does after a change by another desk, and check the focus. The focus
        stays where it is, or moves to the list that replaces the focused one."""
        page = self.frame.current_page
        if page is None or self.frame.window_cover.is_covered:
            return
        before = QApplication.focusWidget()
        role = (type(before), before.accessibleName()) if before is not None else None
        page.refresh("changed")
        self.wait_until_idle()
        after = QApplication.focusWidget()
        if after is None or (type(after), after.accessibleName()) != role:
            self.faults.append(f"{name}: the focus went from {role} to {after} when the page was read again")

    def close(self) -> None:
        QApplication.instance().removeEventFilter(self._stray_windows)  # type: ignore[union-attr]  # there is one
        super().close()

    def _is_active(self) -> bool:
        """Return True if the window, or the dialog over it, is active; otherwise request its activation, as a window
        manager would do.
        """
        if QApplication.activeWindow() is None:
            (QApplication.activeModalWidget() or self.window).activateWindow()
        return QApplication.activeWindow() is not None


def find_buttons_whose_key_does_nothing(window: QWidget) -> Iterator[str]:
    """Yield the text of each enabled button that shows a key which no shortcut of the button or its parents answers.
    Enter and Esc are left out, because the list of the opened row and the window answer them."""
    for button in window.findChildren(KeyButton):
        if button.isVisible() and button.isEnabled() and button.key not in ("", "Enter", "Esc"):
            key, place = QKeySequence(button.key), button.parentWidget()
            is_bound = button.shortcut() == key
            while place is not None and not is_bound:
                shortcuts = place.findChildren(QShortcut, options=Qt.FindChildOption.FindDirectChildrenOnly)
                is_bound = any(shortcut.key() == key for shortcut in shortcuts)
                place = place.parentWidget()
            if not is_bound:
                yield f"{button.text()} [{button.key}] has no key"


@pytest.fixture(scope="module")
def stage(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStage]:
    home = tmp_path_factory.mktemp("focus")
    with open_sample_desk(home / "desk", LANGUAGE="en") as desk:
        watched = WatchedStage(desk, WindowLook("en", "light", 1440, 900), home)
        yield watched
        watched.close()
    current_appearance().choose_theme("light")


@pytest.mark.parametrize("scene", SCENES)
def test_the_focus_is_visible_on_every_screen_and_dialog(stage: WatchedStage, scene: str) -> None:
    """In every scene of the documentation's pictures, the focus is visible and each key that a button shows activates
    this button. This is checked wherever the scene would take a picture, and after the page has read its data again.
    """
    stage.faults.clear()
    SCENES[scene](stage)
    assert stage.faults == []


def test_a_list_that_becomes_empty_loses_the_focus(open_window: OpenWindow) -> None:
    """If a list turns out to be empty while it has the focus, the focus moves to the button of the empty page, which
    shows a ring. Qt would move it to the text of the empty list, which has no ring.
    """
    person = open_window()
    person.opening.context.navigate(ReconcileRunsRoute())
    page = person.wait_for_page(ReconcileRunsPage)
    person.wait_until_read()
    page.table_stack.setCurrentWidget(page.table)
    page.table.setFocus()
    page.rows.page_applied.emit()
    assert page.table_stack.currentWidget() is page.empty_state
    assert QApplication.focusWidget() is page.begin_button
