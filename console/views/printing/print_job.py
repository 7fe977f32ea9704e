"""Prints text, tables and page images to a printer that the person selects in the operating system's print dialog.
Text is black on white in every theme of the window."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from html import escape
from io import SEEK_END
from itertools import compress
from pathlib import Path
from secrets import token_hex

from PySide6.QtCore import QMarginsF, QRectF, QSizeF, Qt, QThread
from PySide6.QtGui import QFont, QGuiApplication, QImage, QPageLayout, QPainter, QTextDocument
from PySide6.QtPrintSupport import QPrintDialog, QPrinter, QPrinterInfo
from PySide6.QtWidgets import QDialog, QWidget

from console.domain.documents.pdf_pages import PageImage
from console.settings.disk_sync import sync_file
from console.views.theme.fonts import list_font_families
from console.wording.sentences.catalogue import NO_VALUE

PRINT_SHORTCUT = "Ctrl+P"
PRINT_KEY_HINT = ((PRINT_SHORTCUT,), "key.print")
_TEXT_FONT_POINTS = 9.0
_CELL_FONT_POINTS = 7.5
_MAX_COLUMNS_IN_PORTRAIT = 5
_MAX_COLUMNS_IN_FULL_SIZE = 9
_PAPER_MARGINS_MM = QMarginsF(12.0, 12.0, 12.0, 12.0)
_FOOTER_HEIGHT_RATIO = 0.03  # share of the height of a page for the line at its foot
_PDF_END_MARK = b"%%EOF"
_LONGEST_PDF_END_BYTES = 16
_BYTES_PER_PIXEL = 3
"""Bytes per pixel of a rendered PDF page: red, green and blue."""


@dataclass(frozen=True, slots=True)
class PrintedSheet:
    """The text of a printout: a title, paragraphs, a table (`columns` are its titles), and a line with the person
    and the time (`printed_by`)."""

    title: str
    paragraphs: Sequence[str]
    printed_by: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """A page of a PDF that is printed as an image of this width and height in pixels. Its pixels are compressed,
    because those of a whole PDF take gigabytes: 12 MB for each page."""

    width_px: int
    height_px: int
    compressed_pixels: bytes


def compress_page(image: PageImage) -> PrintedPage:
    """Return the image of a PDF page with its pixels compressed. A page of text becomes a hundred times smaller."""
    return PrintedPage(image.width_px, image.height_px, zlib.compress(image.pixels, 1))


class PrintingThread(QThread):
    """Prints in a thread of its own. It must be a thread of Qt, because the layout of a text begins timers, for which
    another thread has no event dispatcher."""

    def __init__(self, print_pages: Callable[[], bool]) -> None:
        """`print_pages` prints, and returns True if the printer or its file has taken the pages."""
        super().__init__()
        self._print_pages, self._is_printed = print_pages, False
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._is_printed = self._print_pages()
        except Exception as error:
            self._error = error

    def run_to_end(self) -> bool:
        """Run `print_pages` and wait for its end. Return its value, True if everything was printed, or raise its
        error."""
        self.start()
        self.wait()
        if self._error is not None:
            raise self._error
        return self._is_printed


def has_system_printer() -> bool:
    """Return True if a printer is set up on this computer. Without one, the print dialog offers only a PDF file."""
    return bool(QPrinterInfo.availablePrinterNames())


def open_print_dialog(
    parent: QWidget, title: str, document_name: str, on_chosen: Callable[[QPrinter], None]
) -> QPrintDialog:
    """Open the operating system's print dialog and return it. If the person confirms it, call `on_chosen` with the
    selected printer. `document_name` is the name of the printout in the printer's queue; the dialog proposes a file
    with this name and the suffix .pdf to a person who prints to a file."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setDocName(document_name)
    dialog = QPrintDialog(printer, parent)
    dialog.setWindowTitle(title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.accepted.connect(lambda: on_chosen(printer))
    QDialog.open(dialog)  # QPrintDialog has an open() of its own that needs a slot by name
    return dialog


def print_sheet(sheet: PrintedSheet, printer: QPrinter) -> bool:
    """Print a text to `printer`, and return True; return False if the printer or its file didn't take the pages. A
    table with more than five columns is printed in landscape format, and one with more than nine columns also in a
    smaller size. Columns without any value are left out."""
    sheet = _remove_empty_columns(sheet)
    printer.setPageMargins(_PAPER_MARGINS_MM, QPageLayout.Unit.Millimeter)
    if len(sheet.columns) > _MAX_COLUMNS_IN_PORTRAIT:
        printer.setPageOrientation(QPageLayout.Orientation.Landscape)
    document = QTextDocument()
    font = QFont(list_font_families("text"))
    font.setPointSizeF(_CELL_FONT_POINTS if sheet.columns else _TEXT_FONT_POINTS)
    document.setDefaultFont(font)
    document.setHtml(make_html(sheet))
    paint_rect_inches = printer.pageLayout().paintRect(QPageLayout.Unit.Inch)
    widening = max(
        1.0, len(sheet.columns) / _MAX_COLUMNS_IN_FULL_SIZE
    )  # more columns are laid out wider and printed smaller
    dots_per_inch = QGuiApplication.primaryScreen().logicalDotsPerInch() * widening
    document.setDocumentMargin(0)
    document.setPageSize(
        QSizeF(paint_rect_inches.width() * dots_per_inch, paint_rect_inches.height() * dots_per_inch)
    )
    with _print_into_temporary_file(printer) as publish:
        document.print_(printer)
        return publish()


def _remove_empty_columns(sheet: PrintedSheet) -> PrintedSheet:
    has_value = [
        any(row[column_index] not in ("", NO_VALUE) for row in sheet.rows)
        for column_index in range(len(sheet.columns))
    ]
    rows = [tuple(compress(row, has_value)) for row in sheet.rows]
    return replace(sheet, columns=tuple(compress(sheet.columns, has_value)), rows=rows) if sheet.rows else sheet


def make_html(sheet: PrintedSheet) -> str:
    """Return the sheet as HTML. All texts are escaped, because some come from providers and people."""
    html_parts = [f"<h2>{escape(sheet.title)}</h2>", f"<p>{escape(sheet.printed_by)}</p>"]
    html_parts += [f"<p>{escape(text)}</p>" for text in sheet.paragraphs]
    if sheet.columns:
        head = "".join(f'<th align="left">{escape(title)}</th>' for title in sheet.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in sheet.rows)
        table = '<table border="1" cellspacing="0" cellpadding="2" width="100%"'
        html_parts.append(f'{table} style="border-collapse:collapse"><thead><tr>{head}</tr></thead>{body}</table>')
    return "".join(html_parts)


def print_images(images: Sequence[PrintedPage], footer_text: str, printer: QPrinter) -> bool:
    """Print each image on a page of its own, as large as possible, with the text `footer_text` below it. Return False
    if the printer or its file didn't take the pages, otherwise True."""
    printer.setPageMargins(_PAPER_MARGINS_MM, QPageLayout.Unit.Millimeter)
    with _print_into_temporary_file(printer) as publish:
        return _draw_pages(images, footer_text, printer) and publish()


def _draw_pages(images: Sequence[PrintedPage], footer_text: str, printer: QPrinter) -> bool:
    """Draw each image on a page of its own. Return False if the printer or its file can't be opened or takes
    no further page."""
    painter: QPainter | None = None
    for image in images:
        is_wide = image.width_px > image.height_px
        orientation = QPageLayout.Orientation.Landscape if is_wide else QPageLayout.Orientation.Portrait
        printer.setPageOrientation(orientation)
        if painter is None:
            painter = QPainter(printer)
            if not painter.isActive():
                return False
        elif not printer.newPage():
            painter.end()
            return False
        _draw_page(painter, image, footer_text, QRectF(painter.viewport()))
    if painter is not None:
        painter.end()
    return True


@contextmanager
def _print_into_temporary_file(printer: QPrinter) -> Iterator[Callable[[], bool]]:
    """Context manager: if the person has selected a PDF file, let `printer` write a temporary file in the same
    folder. Yield a function that returns True if the printer has taken the pages. The function gives a complete
    temporary file the name that the person has selected, and replaces an earlier file of this name; the print dialog
    has asked the person about that. An incomplete temporary file is deleted: Qt writes page by page, so a full disk
    or the end of the process would leave a part of the document under the name of the whole.

    A device or a pipe is written directly, because a temporary file would replace it.
    """
    chosen_name = printer.outputFileName()
    final_path = Path(os.path.realpath(chosen_name))  # unlike Path.resolve, it raises nothing for a circle of links
    is_pdf_file = bool(chosen_name) and printer.outputFormat() is QPrinter.OutputFormat.PdfFormat
    if not is_pdf_file or (final_path.exists() and not final_path.is_file()):
        yield lambda: _has_printer_written_pages(printer)
        return
    temporary_file = final_path.with_name(f".{token_hex(8)}.part.pdf")

    def publish() -> bool:
        if not _has_printer_written_pages(printer):
            return False
        try:
            sync_file(temporary_file)
            temporary_file.replace(final_path)
        except OSError:
            return False
        return True

    printer.setOutputFileName(str(temporary_file))
    try:
        yield publish
    finally:
        printer.setOutputFileName(chosen_name)
        with suppress(OSError):
            temporary_file.unlink(missing_ok=True)


def _has_printer_written_pages(printer: QPrinter) -> bool:
    """Return True if the printer has taken the pages. Qt reports no error if the disk becomes full while it writes a
    PDF file, so read whether the file is complete."""
    if printer.printerState() in (QPrinter.PrinterState.Error, QPrinter.PrinterState.Aborted):
        return False
    if not printer.outputFileName() or printer.outputFormat() is not QPrinter.OutputFormat.PdfFormat:
        return True
    try:
        with Path(printer.outputFileName()).open("rb") as file:
            file.seek(0, SEEK_END)
            file.seek(max(0, file.tell() - _LONGEST_PDF_END_BYTES))
            return _PDF_END_MARK in file.read(_LONGEST_PDF_END_BYTES)
    except OSError:
        return False


def _draw_page(painter: QPainter, page: PrintedPage, footer_text: str, paper: QRectF) -> None:
    pixels, pixel_format = zlib.decompress(page.compressed_pixels), QImage.Format.Format_RGB888
    image = QImage(pixels, page.width_px, page.height_px, page.width_px * _BYTES_PER_PIXEL, pixel_format)
    footer_height = paper.height() * _FOOTER_HEIGHT_RATIO
    available_rect = paper.adjusted(0, 0, 0, -footer_height)
    scale = min(available_rect.width() / page.width_px, available_rect.height() / page.height_px)
    width, height = page.width_px * scale, page.height_px * scale
    painter.drawImage(QRectF(available_rect.center().x() - width / 2, available_rect.top(), width, height), image)
    font = QFont(list_font_families("text"))
    font.setPointSizeF(_CELL_FONT_POINTS)
    painter.setFont(font)
    line = QRectF(paper.left(), paper.bottom() - footer_height, paper.width(), footer_height)
    painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, footer_text)
