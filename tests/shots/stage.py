"""The window of a desk with many invented records. The scenes move the window from screen to screen and take pictures
of it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from console.domain.access.permissions import ADMIN
from console.domain.records import Person
from console.views.app.main import WindowOpener
from console.views.frame.main_window import WindowFrame
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Density, ThemeName
from console.views.theme.theme import current_appearance
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.first_use import note_earlier_use
from tests.support.sample_desk import SampleDesk, open_sample_desk
from tests.support.waiting import MAX_WAIT_SECONDS

WidgetType = TypeVar("WidgetType", bound=QWidget)


@dataclass(frozen=True, slots=True)
class WindowLook:
    """The look of the window in a picture: language, theme, size (px), density and text scale."""

    language: str
    theme: ThemeName
    width: int
    height: int
    density: Density = "comfortable"
    scale: float = 1.0

    @property
    def name(self) -> str:
        extra = "-compact" if self.density == "compact" else ""
        extra += f"-{round(self.scale * 100)}" if self.scale != 1 else ""
        return f"{self.language}-{self.theme}-{self.width}x{self.height}{extra}"


class WindowStage:
    """The window of a desk with invented records. The method `take_picture` takes a picture of the window."""

    def __init__(self, desk: SampleDesk, sight: WindowLook, folder: Path) -> None:
        self.desk, self.sight = desk, sight
        self._folder = folder / sight.name
        self._folder.mkdir(parents=True, exist_ok=True)
        note_earlier_use(desk.console.settings.home, desk.console.settings.operator or "")
        self.opening = WindowOpener(desk.console.settings, lambda: desk.console)
        self.window = self.opening.window
        self.window.resize(sight.width, sight.height)
        self.window.show()
        self.wait_until(lambda: self.opening.controller is not None)
        current_appearance().set_density(sight.density)
        current_appearance().set_text_scale(sight.scale)
        current_appearance().choose_theme(sight.theme)
        self.wait_until_idle()

    @property
    def frame(self) -> WindowFrame:
        return self.opening.frame

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Process events until the condition is true. Raises TimeoutError after MAX_WAIT_SECONDS."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                page = self.frame.current_page
                bars = (
                    [bar.accessibleName() for bar in page.findChildren(NotificationBar)] if page is not None else []
                )
                raise TimeoutError(f"the window did not get there; its page says {bars}")
            _process_events()

    def wait_until_idle(self) -> None:
        """Process events until the window has no read in progress and everything is painted."""
        for _ in range(3):
            self.wait_until(self.opening.runner.is_idle)
            for _ in range(10):
                _process_events()

    def show_route(self, route: object) -> None:
        """Show the page of this route, and wait until it is complete."""
        self.frame.show_route(route)  # type: ignore[arg-type]  # a Route
        self.wait_until_idle()

    def find(self, kind: type[WidgetType]) -> WidgetType:
        """Wait until a widget of this class is visible, and return it. Raises TimeoutError after MAX_WAIT_SECONDS."""
        self.wait_until(lambda: any(widget.isVisible() for widget in self.window.findChildren(kind)))
        return next(widget for widget in self.window.findChildren(kind) if widget.isVisible())

    def take_picture(self, name: str) -> Path:
        """Take a picture of the window with the dialogs over it, and return the file's path. The window or dialog in
        which the person would type is active, and the first 600 ms of each dialog, in which its main button is
        disabled, are over."""
        (QApplication.activeModalWidget() or self.window).activateWindow()
        self.wait_until(lambda: all(map(_explains_main_button, self.window.findChildren(DialogFrame))))
        self.wait_until_idle()
        picture = self.window.grab()
        for dialog in QApplication.topLevelWidgets():
            if dialog.isVisible() and dialog is not self.window and dialog.parentWidget() is not None:
                self._paste(picture, dialog)
        target = self._folder / f"{name}.png"
        picture.save(str(target))
        return target

    def take_picture_with_overlay(self, name: str, part: QWidget, left: int, top: int) -> None:
        """Take a picture of the window with the widget `part` painted over it at this position (px). The widget is a
        window of its own."""
        self.wait_until_idle()
        picture = self.window.grab()
        painter = QPainter(picture)
        painter.drawPixmap(left, top, part.grab())
        painter.end()
        picture.save(str(self._folder / f"{name}.png"))

    def _paste(self, picture: QPixmap, dialog: QWidget) -> None:
        """Paint a dialog, which is a window of its own, into the picture, over the middle of the window."""
        if not isinstance(dialog, QMenu):
            painter = QPainter(picture)
            place = dialog.rect()
            place.moveCenter(self.window.rect().center())
            painter.drawPixmap(place.topLeft(), dialog.grab())
            painter.end()

    def remove_toasts(self) -> None:
        """Remove the toasts of the previous scene, which would be seen in the pictures of the next one."""
        for toast in self.frame.toasts.visible_toasts:
            toast.closed.emit()

    def close(self) -> None:
        self.window.close()
        self.opening.close()
        _process_events()


class UnpaintedStage(WindowStage):
    """A WindowStage that takes no pictures, for tests that paint the window themselves."""

    def wait_until_idle(self) -> None:
        """Process events until the window has no read in progress; nothing needs to be painted."""
        for _ in range(2):
            self.wait_until(self.opening.runner.is_idle)
            for _ in range(3):
                QTest.qWait(1)


def _explains_main_button(dialog: DialogFrame) -> bool:
    """Return True if the main button of this dialog is enabled, or if the dialog shows why it is not: the reason, or
    that the action runs. A hidden dialog, or one without a main button, has nothing to explain."""
    button = dialog.main_button
    return not button.isVisible() or button.isEnabled() or bool(button.shown_reason) or dialog.is_busy


def _process_events() -> None:
    """Process some passes of the event loop, in which Qt also deletes the widgets that are scheduled for deletion."""
    QTest.qWait(5)


@contextmanager
def add_administrator(context: WindowContext) -> Iterator[str]:
    """Let the window know two administrators, because one may ask and the other confirms, and yield the name of the
    one who confirms. At the end of the block, the window has its former people, and the former person acts again.
    """
    people, operator = context.people, context.operator
    administrators = (Person(name, frozenset({ADMIN}), may_buy=False) for name in ("adm-f", "adm-g"))
    context.replace_people((*people, *administrators))
    yield "adm-f"
    context.replace_people(people)
    context.change_operator(operator or "op-a")


@contextmanager
def open_stage(home: Path, window_look: WindowLook, folder: Path) -> Iterator[WindowStage]:
    """Yield a stage on a desk of its own with the home folder `home`; the pictures go into `folder`."""
    with open_sample_desk(home, LANGUAGE=window_look.language) as desk:
        stage = WindowStage(desk, window_look, folder)
        try:
            yield stage
        finally:
            stage.close()
