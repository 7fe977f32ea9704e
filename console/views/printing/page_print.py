"""The action "print" of a page: it opens the operating system's print dialog, writes an audit entry, and prints."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject

from console.domain.error_reasons import UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportRequest
from console.services.exports.printouts import PrintedList
from console.views.printing.print_job import (
    PrintedPage,
    PrintedSheet,
    PrintingThread,
    compress_page,
    has_system_printer,
    open_print_dialog,
    print_images,
    print_sheet,
)
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure, ProgressReporter
from console.wording.exports.titles import format_export_filter, format_list_title, format_selection_line

if TYPE_CHECKING:
    from PySide6.QtPrintSupport import QPrintDialog, QPrinter
    from PySide6.QtWidgets import QWidget

    from console.app import Console
    from console.services.credit_checks.pdf import PdfDocument

ContentsT = TypeVar("ContentsT")
_PAGE_IMAGE_WIDTH_PX = 1654  # width of A4 at 200 dots per inch
MAX_PRINTED_PDF_BYTES = 256 * 1024 * 1024
"""Largest size of the compressed images of all pages of a printed PDF. A page of text takes 0.1 MB."""


def make_list_file_stem(request: ExportRequest, day: date) -> str:
    """Return the proposed name, without suffix, of a file with this list; `day` is the present day in Japan."""
    return f"{request.name}-{day:%Y%m%d}"


def make_pdf_file_stem(record_id: int) -> str:
    """Return the proposed name, without suffix, of a file with a PDF of the credit check `record_id`."""
    return f"credit-check-{record_id}"


class PagePrinter(QObject):
    """Prints the list, record or PDF that a page shows, one printout at a time. `dialog` is the operating system's
    print dialog; None before it was opened for the first time."""

    def __init__(self, context: WindowContext, parent: "QWidget") -> None:
        super().__init__(parent)
        self._context, self._parent = context, parent
        self.dialog: QPrintDialog | None = None
        self.is_running = False

    def _open_print_dialog(self, document_name: str, on_chosen: Callable[["QPrinter"], None]) -> None:
        """Open the operating system's print dialog for the printout with this name; the dialog calls `on_chosen` with
        the selected printer. If no printer is set up on this computer, say so and what the dialog can do instead. Do
        nothing while something is being printed."""
        if self.is_running:
            return
        if not has_system_printer():
            self._context.show_toast(
                self._context.translate("print.no_printer"),
                self._context.translate("print.no_printer.advice"),
                "square_bang",
                "care",
                subject_title="",
            )
        title = self._context.translate("action.print")
        self.dialog = open_print_dialog(self._parent.window(), title, document_name, on_chosen)

    def _read_and_print(
        self,
        subject_title: str,
        read_contents_in_service: Callable[["Console"], ContentsT],
        print_contents: Callable[[ContentsT], bool],
    ) -> None:
        """In a background thread, run `read_contents_in_service`, which reads the contents and writes the audit
        entry. Then let `print_contents` print the contents in a thread, because a thousand rows take many seconds,
        and show a toast, in which `subject_title` names the printed list or record. `print_contents` returns False if
        the printer or its file didn't take the pages.
        """
        context, self.is_running = self._context, True
        acting_person = context.operator

        def read_and_print(_: ProgressReporter) -> bool:
            contents = context.bind_services(read_contents_in_service, acting_person)()
            return PrintingThread(lambda: print_contents(contents)).run_to_end()

        def show_toast(is_printed: bool) -> None:
            self.is_running = False
            if is_printed:
                context.show_toast(context.translate("print.sent"), subject_title=subject_title)
            else:
                reason = context.translate("print.failed")
                context.show_toast(
                    context.translate("print.incomplete"), reason, "square_bang", "bad", subject_title=subject_title
                )

        def show_failure(failure: Failure) -> None:
            self.is_running = False
            message = context.format_failure(failure)
            context.show_toast(
                context.translate("act.refused"), message, "square_bang", "bad", subject_title=subject_title
            )

        label = context.translate("action.print")
        context.runner.run_with_progress(
            read_and_print,
            show_toast,
            show_failure,
            lambda _: None,
            caller=context,  # the page may be closed or built again before the contents are read
            label=label,
            pool_name="long",
        )

    def _format_printed_by(self) -> str:
        context = self._context
        return context.translate("print.by", who=context.operator or "", at=context.now())

    # -- a list

    def print_list(self, request: ExportRequest) -> None:
        """Open the print dialog, and print a list to the printer that the person selects."""
        document_name = make_list_file_stem(request, self._context.get_day_in_japan())
        self._open_print_dialog(document_name, lambda printer: self.print_list_to(request, printer))

    def print_list_to(self, request: ExportRequest, printer: "QPrinter") -> None:
        """Print a list to `printer`, with the same columns, texts and rows as its export."""
        language, translate = self._context.language, self._context.translate
        printed_by, filter_text = self._format_printed_by(), format_export_filter(request, self._context)

        def print_read_list(printed_list: PrintedList) -> bool:
            notes = [filter_text] if filter_text else []
            if request.chosen_records is not None:
                selected_count = request.chosen_records.count
                row_count = selected_count if printed_list.is_cut else len(printed_list.rows)
                notes.append(format_selection_line(selected_count, row_count, translate))
            if printed_list.is_cut:
                notes.append(translate("print.cut", n=len(printed_list.rows)))
            notes += printed_list.notes
            sheet = PrintedSheet(printed_list.title, notes, printed_by, printed_list.columns, printed_list.rows)
            return print_sheet(sheet, printer)

        subject_title = format_list_title(request, self._context)
        self._read_and_print(
            subject_title, lambda services: services.printouts.read_list(request, language), print_read_list
        )

    # -- a record

    def print_record(self, kind: str, id: int, title: str, lines: Sequence[str]) -> None:
        """Open the print dialog, and print a record to the printer that the person selects. The arguments are those
        of `print_record_to`."""
        self._open_print_dialog(f"{kind}-{id}", lambda printer: self.print_record_to(kind, id, title, lines, printer))

    def print_record_to(self, kind: str, id: int, title: str, lines: Sequence[str], printer: "QPrinter") -> None:
        """Print the record with this kind and id to `printer`: the title `title`, `lines` (the texts of its page),
        and the record's timeline (its 500 oldest events at most). The names of payers are masked."""
        language, translate = self._context.language, self._context.translate
        printed_by = self._format_printed_by()

        def read_record_text(services: "Console") -> str:
            services.printouts.write_audit_entry_of_record_printout(kind, id)
            return services.recovery.read_timeline(kind, id).as_text(language)

        def print_read_record(timeline_text: str) -> bool:
            events = [line for line in timeline_text.splitlines()[2:] if line]
            paragraphs = [*lines, translate("record.tab.timeline"), *events]
            return print_sheet(PrintedSheet(title, paragraphs, printed_by), printer)

        self._read_and_print(title, read_record_text, print_read_record)

    # -- a PDF

    def print_pdf(self, record_id: int, sha256: str | None) -> None:
        """Open the print dialog, and print a stored PDF to the printer that the person selects. `sha256` None
        means the current PDF of the credit check `record_id`."""
        document_name = make_pdf_file_stem(record_id)
        self._open_print_dialog(document_name, lambda printer: self.print_pdf_to(record_id, sha256, printer))

    def print_pdf_to(self, record_id: int, sha256: str | None, printer: "QPrinter") -> None:
        """Print a stored PDF of the credit check to `printer`: the PDF with this SHA-256, or with None the current
        PDF. A child process renders the pages of the PDF to images.
        """

        def read_page_images(services: "Console") -> list[PrintedPage]:
            pages = services.pdfs.open_pages(record_id, sha256)
            try:
                printed_pages = render_printed_pages(pages)
            finally:
                pages.close()
            # Not before the pages are rendered: a PDF that can't be rendered is not printed.
            services.printouts.write_audit_entry_of_pdf_printout(record_id, sha256)
            return printed_pages

        printed_by = self._format_printed_by()
        subject_title = self._context.translate("record.title", id=record_id)
        self._read_and_print(
            subject_title, read_page_images, lambda images: print_images(images, printed_by, printer)
        )


def render_printed_pages(pages: "PdfDocument") -> list[PrintedPage]:
    """Return the images of all pages of a PDF. Raises ConsoleError `provider_answer_unusable` if a page can't be
    read, or, with the reason `too_large`, if the images together are larger than MAX_PRINTED_PDF_BYTES."""
    printed_pages: list[PrintedPage] = []
    size_bytes = 0
    for page_index in range(pages.count_pages()):
        printed_pages.append(compress_page(pages.render_page(page_index, _PAGE_IMAGE_WIDTH_PX)))
        size_bytes += len(printed_pages[-1].compressed_pixels)
        if size_bytes > MAX_PRINTED_PDF_BYTES:
            raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"reason": UnusableAnswerReason.TOO_LARGE})
    return printed_pages
