"""The action `export` of a page or dialog: it asks for a file, and writes the list to it in the background."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ExportWritten, FileFormat
from console.views.pages.base import Page, PageHead
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Cancelled, Failure, Report
from console.views.widgets.buttons import KeyButton
from console.views.widgets.notification_bars import Bar
from console.views.widgets.save_file import ask_for_path

if TYPE_CHECKING:
    from console.app import Console

EXPORT_KEY = "Ctrl+E"
EXPORT_KEY_HINT = ((EXPORT_KEY,), "key.export")
_BAR_NAME = "export"
_FILE_FORMATS = [file_format.value for file_format in FileFormat]


class ListExport(QObject):
    """Exports the list of a page or a dialog. One export runs at a time; it goes on when another page is shown, and a
    toast names the written file. While it runs, a bar of the page shows its progress and a button that cancels it.
    """

    def __init__(
        self,
        context: WindowContext,
        parent: QWidget,
        make_request: Callable[[], ExportRequest | None],
        head: PageHead | None = None,
    ) -> None:
        """`make_request` returns the request for the list as it is displayed and selected at the time of the call,
        None if there is no list to export. The button stands in `head`; without one, the caller places it.
        """
        super().__init__(parent)
        self._context, self._parent, self._make_request = context, parent, make_request
        self._request: ExportRequest | None = None
        self._cancelled = threading.Event()
        self._bar: Bar | None = None
        self.is_running = False
        self.button = KeyButton(context.translate("action.export"), EXPORT_KEY, binds=False)
        self.button.clicked.connect(self.choose_file)
        if head is not None:
            head.add_button(self.button)
        if isinstance(parent, Page):
            parent.bind_key(EXPORT_KEY, self.choose_file)

    @property
    def has_list(self) -> bool:
        """True if there is a list to export at present."""
        return not self.is_running and self._make_request() is not None

    @Slot()
    def choose_file(self) -> None:
        """Ask for the path of the new file. Do nothing while an export runs."""
        self._request = None if self.is_running else self._make_request()
        if self._request is None:
            return
        chosen = self._request.chosen
        translate = self._context.translate
        title = translate("action.export") if chosen is None else translate("export.chosen_title", n=len(chosen))
        name = f"{self._request.name}-{self._context.now():%Y%m%d}.{_FILE_FORMATS[0]}"
        ask_for_path(self._parent, title, _FILE_FORMATS, self.export_to, name)

    @Slot(str)
    def export_to(self, path: str) -> None:
        """Write the list to a new file at `path`, whose suffix names the format."""
        context, request = self._context, self._request or self._make_request()
        if request is None or self.is_running:
            return
        language, self.is_running = context.language, True
        self._cancelled.clear()
        cancelled = self._cancelled

        def write(report: Report) -> ExportWritten:
            def report_rows(rows: int) -> None:
                if cancelled.is_set() or report.is_cancelled:
                    raise Cancelled
                report(rows)

            def call(services: "Console") -> ExportWritten:
                return services.exports.write(request, Path(path), language, report_rows)

            return context.bind_services(call)()

        self._show_progress(0)
        context.runner.watch(
            write,
            self._show_written,
            self._show_failure,
            self._show_progress,
            owner=self,
            label=context.translate("action.export"),
            lane="long",
        )

    @Slot()
    def cancel(self) -> None:
        """Cancel the running export after its present page. The answer says whether a file was written."""
        self._cancelled.set()

    def _show_progress(self, rows: int) -> None:
        if not isinstance(self._parent, Page):
            return
        words = self._context.translate("progress.export", rows=rows)
        if self._bar is None:
            cancel = KeyButton(self._context.translate("action.cancel"))
            cancel.clicked.connect(self.cancel)
            self._bar = Bar("", words, tone="progress", shape="circle_arrow", button=cancel, is_announced=False)
            self._parent.show_bar(_BAR_NAME, self._bar)
        self._bar.show_text("", words)

    def _end_export(self) -> None:
        self.is_running, self._bar = False, None
        if isinstance(self._parent, Page):
            self._parent.hide_bar(_BAR_NAME)

    def _show_written(self, written: ExportWritten) -> None:
        self._end_export()
        words = self._context.translate("export.written", rows=written.rows, file=Path(written.file).name)
        self._context.toast_requested.emit(Toast(words, written.file, path=written.file))

    def _show_failure(self, failure: Failure) -> None:
        self._end_export()
        translate = self._context.translate
        if failure.code == "cancelled":
            self._context.show_toast(translate("export.cancelled"), "", "ring_slash", "muted")
        else:
            message = self._context.failure_message(failure)
            self._context.show_toast(translate("act.refused"), message, "square_bang", "bad")
