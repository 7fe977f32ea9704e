"""The action "export" of a page or dialog: it opens the dialog for the file's path, and writes the list to this file
in a background thread."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, FileFormat, WrittenExport
from console.views.exports.background_file import BackgroundFileWriter, ProgressCallback
from console.views.help.command_keys import EXPORT_SHORTCUT
from console.views.pages.base import Page, PageHead
from console.views.printing.page_print import PagePrinter, make_list_file_stem
from console.views.printing.print_job import PRINT_KEY_HINT, PRINT_SHORTCUT
from console.views.runtime.context import Toast, WindowContext
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.save_file import ask_for_save_path
from console.wording.sentences.formats import join_sentences

if TYPE_CHECKING:
    from console.app import Console

EXPORT_KEY_HINTS = (((EXPORT_SHORTCUT,), "key.export"), PRINT_KEY_HINT)
_EXPORT_FILE_FORMATS = [file_format.value for file_format in FileFormat]


class ListExporter(QObject):
    """Exports the list of a page or a dialog to a file, one file at a time. The export continues while another
    page is shown, and a toast names the written file. During the export a bar of the page shows the progress
    and a button that cancels it.
    """

    def __init__(
        self,
        context: WindowContext,
        parent: QWidget,
        make_request: Callable[[], ExportRequest | None],
        head: PageHead | None = None,
        find_other_export: Callable[[], Callable[[], None] | None] = lambda: None,
    ) -> None:
        """`make_request` returns the export request for the list with its present filter and selection, or None if
        there is no list to export. `find_other_export` returns the function that asks for the path of another file
        and writes it, if the parent shows contents that are no list and can be exported; otherwise None. Both are
        also called only to find out whether an export is possible, so they must have no effect. The constructor adds
        the export button to `head`; without `head`, the caller adds `button` to a layout.
        """
        super().__init__(parent)
        self._context, self._parent, self._make_request = context, parent, make_request
        self._find_other_export = find_other_export
        self._request: ExportRequest | None = None
        self._file_writer = BackgroundFileWriter(context, parent, "export", context.translate("action.export"))
        self.button = KeyButton(context.translate("action.export"), EXPORT_SHORTCUT, binds_key=False)
        self.button.clicked.connect(self.ask_path_and_export_list)
        if head is not None:
            head.add_button(self.button)
        self.page_printer = PagePrinter(context, parent)
        if isinstance(parent, Page):
            parent.bind_shortcut(PRINT_SHORTCUT, self.print_list)
            parent.bind_shortcut(EXPORT_SHORTCUT, self.ask_path_and_export_list)

    @property
    def is_running(self) -> bool:
        """True while an export is being written."""
        return self._file_writer.is_running

    @property
    def can_export(self) -> bool:
        """True if there is a list or another content to export, and no list is being written."""
        return self._find_other_export() is not None or (not self.is_running and self._make_request() is not None)

    def update_button(self) -> None:
        """Enable the button if there is something to export; otherwise disable it with the reason. A page that can be
        without a list calls this method after each change of its contents."""
        if self._find_other_export() is None and self._make_request() is None:
            self.button.disable_with_reason(self._context.translate("reason.no_list"))
        else:
            self.button.enable_button()

    @Slot()
    def print_list(self) -> None:
        """Open the dialog in which the person selects a printer, and print the list with its present filter and
        selection. If there is no list, a page shows that it can't be printed."""
        request = self._make_request()
        if request is not None:
            self.page_printer.print_list(request)
        else:
            self._show_refusal("reason.no_print")

    @Slot()
    def ask_path_and_export_list(self) -> None:
        """Open the dialog in which the person selects the path of the new file, then write the list to this file. Do
        nothing if an export is running. If there is nothing to export, a page shows this."""
        export_other = self._find_other_export()
        if export_other is not None:
            export_other()
            return
        self._request = None if self.is_running else self._make_request()
        if self._request is None:
            if not self.is_running:
                self._show_refusal("reason.no_list")
            return
        chosen_records = self._request.chosen_records
        translate = self._context.translate
        title = (
            translate("action.export")
            if chosen_records is None
            else translate("export.chosen_title", n=chosen_records.count)
        )
        stem = make_list_file_stem(self._request, self._context.get_day_in_japan())
        name = f"{stem}.{_EXPORT_FILE_FORMATS[0]}"
        ask_for_save_path(self._parent, title, _EXPORT_FILE_FORMATS, self.export_list_to, name)

    def _show_refusal(self, wording_key: str) -> None:
        if isinstance(self._parent, Page):
            self._parent.show_key_refusal(self._context.translate(wording_key))

    @Slot(str)
    def export_list_to(self, path: str) -> None:
        """Write the list to a new file at `path`, whose suffix names the file format, in the background. Do nothing
        if there is no list, or if an export is running."""
        context, request = self._context, self._request or self._make_request()
        if request is None or self.is_running:
            return
        language, translate = context.language, context.translate

        def write_list(services: "Console", report_progress: ProgressCallback) -> WrittenExport:
            return services.exports.write(request, Path(path), language, report_progress)

        def make_toast(written_export: WrittenExport) -> Toast:
            sentence = translate("export.written", rows=written_export.row_count, file=Path(written_export.file).name)
            # A CSV file has no room for the notes, and a list that looks complete may lack records.
            message = join_sentences((sentence, *written_export.notes), translate)
            return Toast(message, written_export.file, path=written_export.file, subject_title="")

        def format_progress(row_count: int) -> str:
            return translate("progress.export", rows=row_count)

        self._file_writer.show_progress_text(format_progress(0))
        self._file_writer.write_file(write_list, make_toast, format_progress)
