"""The panel over the visible page which says that the page's data is still being read, with a button that cancels the
read."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, QTimer, Slot
from PySide6.QtWidgets import QFrame, QWidget

from console.views.frame.main_window import WindowFrame
from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.pages.base import Page
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.task_runner import TaskRunner
from console.views.runtime.tasks import TaskHandle
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import TextLabel, make_row
from console.views.widgets.controls.buttons import KeyButton

_ELAPSED_SHOWN_AFTER_SECONDS = 3.0
_UPDATE_INTERVAL_MS = 200
_DISTANCE_TO_BOTTOM_BARS_PX = 16  # from the bars below the panel


class RunningReadPanel(QFrame):
    """The panel which says that data is being read, with a button that cancels the read. The panel is over the page,
    at its bottom, so that no row or button of the page moves when the panel appears."""

    def __init__(self, context: WindowContext, on_cancel: Callable[[], object], parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self.label = TextLabel("", "body")
        self.cancel_button = KeyButton(
            context.translate("action.cancel_reading"),
            SHORTCUT_BY_COMMAND["cancel_reading"],
            "inline",
            binds_key=False,
        )
        self.cancel_button.clicked.connect(on_cancel)
        self.setLayout(make_row(self.label, self.cancel_button, gap_px=12, margins=(12, 8, 8, 8)))
        self.hide()

    def show_elapsed_seconds(self, seconds: float) -> None:
        """Show the text which says that data is being read. `seconds` is the time since the read began; if it is at
        least _ELAPSED_SHOWN_AFTER_SECONDS, the text contains it."""
        if seconds < _ELAPSED_SHOWN_AFTER_SECONDS:
            self.label.show_text(self._context.translate("screen.reading"))
        else:
            self.label.show_text(self._context.translate("screen.reading_for", seconds=int(seconds)))
        self.adjustSize()


class RunningReadWatch(QObject):
    """Shows the RunningReadPanel of a window while a read of the visible page takes longer than a second. If the
    person presses the panel's button, the RunningReadWatch cancels the reads of the page."""

    def __init__(self, frame: WindowFrame) -> None:
        super().__init__(frame)
        self._frame, self._window, self._context = frame, frame.window, frame.context
        self.panel: RunningReadPanel | None = None
        self._delay_seconds = tokens().px("motion", "words_after_ms") / 1_000
        self._timer = QTimer(self, interval=_UPDATE_INTERVAL_MS)
        self._timer.timeout.connect(self._update_panel)
        runner = frame.context.runner
        self._runner = runner if isinstance(runner, TaskRunner) else None
        if self._runner is not None:
            self._runner.read_began.connect(self._timer.start)
        self._window.installEventFilter(self)

    def list_page_reads(self) -> tuple[TaskHandle, ...]:
        """Return the running reads of the visible page: their caller is the page, or a widget or model inside it."""
        page = self._frame.current_page
        if page is None or self._runner is None:
            return ()
        return tuple(read for read in self._runner.list_running_reads() if _is_inside(read.caller, page))

    @Slot()
    def cancel_page_reads(self) -> None:
        """Cancel the running reads of the visible page. The page then shows that its data could not be read."""
        for read in self.list_page_reads():
            read.interrupt()

    @Slot()
    def _update_panel(self) -> None:
        """Show, update or hide the panel. Stop the timer if no read is running."""
        if self._runner is None or not self._runner.list_running_reads():
            self._timer.stop()
        seconds = max((read.elapsed_seconds for read in self.list_page_reads()), default=0.0)
        if seconds >= self._delay_seconds:
            self._show_panel(seconds)
        elif self.panel is not None and self.panel.isVisible():
            self.panel.hide()

    def _show_panel(self, seconds: float) -> None:
        is_new = self.panel is None or not self.panel.isVisible()
        if self.panel is None:
            self.panel = RunningReadPanel(self._context, self.cancel_page_reads, self._window)
        self.panel.show_elapsed_seconds(seconds)
        self._place_panel(self.panel)
        if is_new:
            self.panel.show()
            announce(self.panel, self.panel.label.plain, is_stored=False)

    def _place_panel(self, panel: RunningReadPanel) -> None:
        """Move the panel to the middle of the page's width, above the bars at the bottom."""
        page = self._frame.current_page
        if page is None:
            return
        tops = [bar.mapTo(self._window, QPoint(0, 0)).y() for bar in self._frame.find_lower_bars() if bar.isVisible()]
        area = page.parentWidget() or page
        left = area.mapTo(self._window, QPoint(0, 0)).x() + (area.width() - panel.width()) // 2
        panel.move(left, min([self._window.height(), *tops]) - panel.height() - _DISTANCE_TO_BOTTOM_BARS_PX)
        panel.raise_()

    def delete_panel(self) -> None:
        """Delete the panel after a change of the language, because its texts are in the previous language. The next
        slow read creates a new panel."""
        if self.panel is not None:
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = None

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.panel is not None and self.panel.isVisible():
            self._place_panel(self.panel)
        return False


def _is_inside(caller: QObject, page: Page) -> bool:
    """Return True if `caller` is `page`, or an object that `page` owns."""
    ancestor: QObject | None = caller
    while ancestor is not None and ancestor is not page:
        ancestor = ancestor.parent()
    return ancestor is page
