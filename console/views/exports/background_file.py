"""Write one file in the background: a bar of the page shows the progress and cancels it; a toast names the file."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.base import Page
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Cancelled, Failure, ProgressReporter
from console.views.widgets.buttons import KeyButton
from console.views.widgets.notification_bars import NotificationBar

if TYPE_CHECKING:
    from console.app import Console

T = TypeVar("T")
Progress = Callable[..., None]
"""Function that the writing service calls with its progress. It raises Cancelled when the person has cancelled."""


class BackgroundFile(QObject):
    """Writes one file of a page or a dialog at a time. The writing goes on when another page is shown; `name` is the
    name of the bar and `label` that of the work.
    """

    def __init__(self, context: WindowContext, parent: QWidget, name: str, label: str) -> None:
        super().__init__(parent)
        self._context, self._parent, self._name, self._label = context, parent, name, label
        self._cancelled = threading.Event()
        self._bar: NotificationBar | None = None
        self._words: Callable[..., str] = str
        self.is_running = False

    def write(
        self,
        call: Callable[["Console", Progress], T],
        make_toast: Callable[[T], Toast],
        progress_words: Callable[..., str],
    ) -> None:
        """Write a file by `call(services, progress)`. `progress_words` returns the words of the bar for the arguments
        with which the service calls `progress`; `make_toast` returns the toast about the written file.
        """
        context, self.is_running, self._words = self._context, True, progress_words
        self._cancelled.clear()
        cancelled = self._cancelled

        def write(report: ProgressReporter) -> T:
            def show(*facts: object) -> None:
                if cancelled.is_set() or report.is_cancelled:
                    raise Cancelled
                report(facts)

            return context.bind_services(lambda services: call(services, show))()

        def show_written(written: T) -> None:
            self._end()
            context.toast_requested.emit(make_toast(written))

        context.runner.watch(
            write, show_written, self._show_failure, self._show_progress, owner=self, label=self._label, lane="long"
        )

    @Slot()
    def cancel(self) -> None:
        """Cancel the writing after its present part. The answer says whether a file was written."""
        self._cancelled.set()

    def show_words(self, words: str) -> None:
        """Show the progress in a bar of the page; a dialog has none."""
        if not isinstance(self._parent, Page):
            return
        if self._bar is None:
            cancel = KeyButton(self._context.translate("action.cancel"))
            cancel.clicked.connect(self.cancel)
            self._bar = NotificationBar(
                "", words, tone="progress", shape="circle_arrow", button=cancel, is_announced=False
            )
            self._parent.show_bar(self._name, self._bar)
        self._bar.show_text("", words)

    def _show_progress(self, facts: tuple[object, ...]) -> None:
        self.show_words(self._words(*facts))

    def _end(self) -> None:
        self.is_running, self._bar = False, None
        if isinstance(self._parent, Page):
            self._parent.hide_bar(self._name)

    def _show_failure(self, failure: Failure) -> None:
        self._end()
        translate = self._context.translate
        if failure.code == "cancelled":
            self._context.show_toast(translate("export.cancelled"), "", "ring_slash", "muted")
        else:
            message = self._context.failure_message(failure)
            self._context.show_toast(translate("act.refused"), message, "square_bang", "bad")
