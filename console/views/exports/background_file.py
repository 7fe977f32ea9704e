"""Writes a file in a background thread while the page shows the progress in a bar with a cancel button. A toast names
the written file."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.base import Page
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Cancelled, Failure, ProgressReporter
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

if TYPE_CHECKING:
    from console.app import Console

WrittenFile = TypeVar("WrittenFile")
ProgressCallback = Callable[..., None]
"""Function that the writing service calls with its progress. It raises Cancelled when the person has cancelled."""


class BackgroundFileWriter(QObject):
    """Writes files for a page or a dialog in a background thread, one file at a time. The writing continues while
    another page is shown, and after the page or dialog was closed or built again; a toast about its end is shown in
    each case. `name` identifies the progress bar on the page; `label` names the task on screen."""

    def __init__(self, context: WindowContext, parent: QWidget, name: str, label: str) -> None:
        super().__init__(parent)
        self._context, self._parent, self._name, self._label = context, parent, name, label
        self._cancelled = threading.Event()
        self._bar: NotificationBar | None = None
        self._format_progress: Callable[..., str] = str
        self.is_running = False

    def write_file(
        self,
        call: Callable[["Console", ProgressCallback], WrittenFile],
        make_toast: Callable[[WrittenFile], Toast],
        format_progress: Callable[..., str],
    ) -> None:
        """Write a file by calling `call(services, progress)` in a background thread. The caller must not call this
        method while `is_running` is True. `format_progress` returns the text of the progress bar for the arguments
        with which the service calls `progress`; `make_toast` returns the toast about the written file.
        """
        context, self.is_running, self._format_progress = self._context, True, format_progress
        self._cancelled.clear()
        cancelled, acting_person = self._cancelled, context.operator

        def write_in_thread(report_progress: ProgressReporter) -> WrittenFile:
            def report_progress_values(*progress_values: object) -> None:
                if cancelled.is_set() or report_progress.is_cancelled:
                    raise Cancelled
                report_progress(progress_values)

            return context.bind_services(lambda services: call(services, report_progress_values), acting_person)()

        def show_written(written_file: WrittenFile) -> None:
            self._end_writing()
            context.toast_requested.emit(make_toast(written_file))

        context.runner.run_with_progress(
            write_in_thread,
            show_written,
            self._show_failure,
            self._show_progress,
            caller=context,  # this object is deleted together with its page or dialog
            label=self._label,
            pool_name="long",
        )

    @Slot()
    def cancel(self) -> None:
        """Cancel the writing at its next progress report. A toast then says that the person has cancelled it, or
        names the file if it was already complete."""
        self._cancelled.set()

    def show_progress_text(self, progress_text: str) -> None:
        """Show the text of the progress in a bar of the page; do nothing in a dialog, which has no bar."""
        if not isinstance(self._parent, Page):
            return
        if self._bar is None:
            cancel_button = KeyButton(self._context.translate("action.cancel"))
            cancel_button.clicked.connect(self.cancel)
            self._bar = NotificationBar(
                "", progress_text, tone="progress", icon_name="circle_arrow", button=cancel_button, is_announced=False
            )
            self._parent.show_bar(self._name, self._bar)
        self._bar.show_text("", progress_text)

    def _show_progress(self, progress_values: tuple[object, ...]) -> None:
        if shiboken6.isValid(self._parent):
            self.show_progress_text(self._format_progress(*progress_values))

    def _end_writing(self) -> None:
        self.is_running, self._bar = False, None
        if isinstance(self._parent, Page) and shiboken6.isValid(self._parent):
            self._parent.hide_bar(self._name)

    def _show_failure(self, failure: Failure) -> None:
        self._end_writing()
        translate = self._context.translate
        if failure.code == "cancelled":
            self._context.show_toast(
                translate("export.cancelled"), "", "ring_slash", "muted", subject_title=self._label
            )
        else:
            message = self._context.format_failure(failure)
            self._context.show_toast(
                translate("act.refused"), message, "square_bang", "bad", subject_title=self._label
            )
