"""Tests that a printed sheet shows markup in texts of other people as plain characters, that a failed print is
reported and leaves no part of a file, and that a printed PDF needs little memory.
"""

import sys
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QThread
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.bulk.records import NOT_DONE_ROWS_FILTER
from console.domain.documents.pdf_pages import PageImage
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportRequest, ListName
from console.services.exports.printouts import PrintedList
from console.store.documents.pdf_renderer import PdfDocument
from console.views.printing import page_print
from console.views.printing.page_print import PagePrinter, render_printed_pages
from console.views.printing.print_job import PrintedSheet, compress_page, make_html, print_images, print_sheet
from console.views.runtime.context import Toast
from console.views.theme.design_tokens import Language
from tests.store import pdf_bombs
from tests.views.invented_checks import make_window_context


def test_foreign_text_is_no_markup() -> None:
    """A text with the characters of HTML tags is printed unchanged, and not interpreted as HTML."""
    html = make_html(PrintedSheet("<b>A</b>", ["<img src=x>"], "me & you", ["<i>"], [["<script>"]]))
    for text in ("<b>", "<img", "<i>", "<script>"):
        assert text not in html
    assert "me &amp; you" in html


class PrintedServices:
    """Services that only return the contents of a list to print."""

    @property
    def printouts(self) -> "PrintedServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def read_list(self, _request: ExportRequest, _language: str) -> PrintedList:
        return PrintedList("Alerts", ("What",), (("queue age",),), is_cut=False, notes=("There are more.",))


def make_pdf_printer(file: Path) -> QPrinter:
    """Return a printer that writes its pages into a PDF file."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFileName(str(file))
    return printer


FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no /dev/full")


@pytest.mark.qt_log_ignore("QPainter::begin", extend=True)
@pytest.mark.parametrize(
    ("file", "is_printed"),
    [
        (Path("list.pdf"), True),
        (Path("missing", "list.pdf"), False),
        pytest.param(FULL_DISK, False, marks=needs_full_disk),
    ],
)
def test_pages_that_were_not_taken_are_reported(
    appearance: object, tmp_path: Path, file: Path, is_printed: bool
) -> None:
    """Printing into a folder that doesn't exist, and to a full disk, is reported as failed. Qt itself reports no
    error if the disk is full.
    """
    sheet, image = PrintedSheet("A", ["B"] * 200, "op-a"), compress_page(PageImage(2, 2, b"\xff" * 12))
    assert print_sheet(sheet, make_pdf_printer(tmp_path / file)) is is_printed
    assert print_images([image], "op-a", make_pdf_printer(tmp_path / file)) is is_printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
def test_a_full_disk_leaves_no_part_of_a_printed_file(appearance: object, tmp_path: Path) -> None:
    """If the disk is full while a PDF file is printed, there is no file with a part of the pages, and an earlier file
    of this name stays as it was. A repeated print then replaces it."""
    import resource

    sheet, image = PrintedSheet("A", ["B" * 50] * 2_000, "op-a"), compress_page(PageImage(2, 2, b"\xff" * 12))
    earlier, new = tmp_path / "earlier.pdf", tmp_path / "new.pdf"
    earlier.write_bytes(b"the earlier file")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        for file in (earlier, new):
            assert not print_sheet(sheet, make_pdf_printer(file))
            assert not print_images([image], "op-a", make_pdf_printer(file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == [earlier]
    assert earlier.read_bytes() == b"the earlier file"
    assert print_sheet(sheet, make_pdf_printer(earlier))
    assert earlier.read_bytes().startswith(b"%PDF")
    assert list(tmp_path.iterdir()) == [earlier]


def test_a_print_that_stops_after_a_page_is_reported(appearance: object, tmp_path: Path) -> None:
    """If the printer takes the first page but no further one, printing is reported as failed, and no file with the
    first page alone is left."""

    class OnePagePrinter(QPrinter):
        def newPage(self) -> bool:
            return False

    printer = OnePagePrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(tmp_path / "pages.pdf"))
    image = compress_page(PageImage(2, 2, b"\xff" * 12))
    assert not print_images([image, image], "op-a", printer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("language", "message", "advice_start"),
    [
        ("en", "No printer is set up on this computer.", "The print dialog can save a PDF file instead."),
        (
            "ja",
            "このコンピューターにはプリンターが設定されていません。",
            "次の「印刷」の画面では、PDF ファイルに保存できます。",
        ),
    ],
)
def test_a_computer_without_a_printer_is_stated(
    appearance: object,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    language: Language,
    message: str,
    advice_start: str,
) -> None:
    """If the computer has no printer, a toast says so and what can be done instead. With one, no toast is shown. The
    print dialog opens either way."""
    context, toasts, window = make_window_context(), list[Toast](), QWidget()
    qtbot.addWidget(window)
    context.language = language
    context.toast_requested.connect(toasts.append)
    opened_names: list[str] = []
    monkeypatch.setattr(page_print, "open_print_dialog", lambda *arguments: opened_names.append(arguments[2]))
    for has_printer in (False, True):
        monkeypatch.setattr(page_print, "has_system_printer", lambda answer=has_printer: answer)
        PagePrinter(context, window).print_pdf(1, None)
    assert opened_names == ["credit-check-1"] * 2
    ((shown_message, shown_advice),) = [(toast.message, toast.detail) for toast in toasts]
    assert shown_message == message
    assert shown_advice.startswith(advice_start)


@pytest.mark.qt_log_ignore("QPainter::begin", extend=True)
@pytest.mark.parametrize(
    ("folder", "language", "message", "advice"),
    [
        ("", "en", "Sent to the printer.", ""),
        ("missing", "en", "Printing was not completed", "Some pages may already be on paper."),
        ("missing", "ja", "印刷が完了していません", "一部のページがすでに印刷されている可能性があります。"),
    ],
)
def test_only_taken_pages_are_announced_as_sent(
    appearance: object,
    qtbot: QtBot,
    tmp_path: Path,
    folder: str,
    language: Language,
    message: str,
    advice: str,
) -> None:
    """The toast says that a list was sent to the printer only if the printer has taken it. Otherwise it says that
    some pages may be on paper, because a printer can fail after any page."""
    context, toasts, window = make_window_context(), list[Toast](), QWidget()
    qtbot.addWidget(window)
    context.language = language
    context.store_services(PrintedServices())  # type: ignore[arg-type]  # printouts alone
    context.toast_requested.connect(toasts.append)
    printer = make_pdf_printer(tmp_path / folder / "list.pdf")
    PagePrinter(context, window).print_list_to(ExportRequest(ListName.ALERTS), printer)
    (toast,) = toasts
    assert toast.message == message
    assert advice in toast.detail


def test_a_printed_list_states_its_filter_and_its_missing_records(
    appearance: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, sheets, window = make_window_context(), list[PrintedSheet](), QWidget()
    qtbot.addWidget(window)
    context.store_services(PrintedServices())  # type: ignore[arg-type]  # printouts alone

    def keep_sheet(sheet: PrintedSheet, _printer: QPrinter) -> bool:
        sheets.append(sheet)
        return True

    monkeypatch.setattr(page_print, "print_sheet", keep_sheet)
    request = ExportRequest(ListName.BULK, "1", NOT_DONE_ROWS_FILTER)
    PagePrinter(context, window).print_list_to(request, QPrinter())
    assert [sheet.paragraphs for sheet in sheets] == [["Not done", "There are more."]]


def test_a_printout_is_made_outside_the_thread_of_the_window(
    appearance: object, qtbot: QtBot, tmp_path: Path
) -> None:
    """The contents are read and printed outside the thread of the window, which the layout of a thousand rows would
    stop for many seconds. An error during the printing is reported like an error during the reading.
    """
    window, threads = QWidget(), list[QThread]()
    qtbot.addWidget(window)
    page_printer = PagePrinter(make_window_context(), window)
    context = page_printer._context
    context.store_services(PrintedServices())  # type: ignore[arg-type]  # printouts alone
    toasts: list[Toast] = []
    context.toast_requested.connect(toasts.append)

    def print_contents(contents: str) -> bool:
        threads.append(QThread.currentThread())
        if contents == "broken":
            raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE)
        return True

    for contents in ("whole", "broken"):
        page_printer._read_and_print("List", lambda _, contents=contents: contents, print_contents)  # type: ignore[misc]
    assert QThread.currentThread() not in threads
    assert [(toast.message, page_printer.is_running) for toast in toasts] == [
        ("Sent to the printer.", False),
        ("Not done", False),
    ]


def test_the_images_of_a_long_pdf_need_little_memory() -> None:
    """The rendered pages of a printed PDF are kept compressed. A PDF whose pages are too large together is refused
    instead of filling the memory.
    """
    with PdfDocument(pdf_bombs.make_report_pdf("株式会社見本", "調査結果 ＯＫ", "カブシキガイシャ")) as report:
        image = report.render_page(0, 1654)
        (page, *_) = render_printed_pages(report)
        assert (page.width_px, page.height_px) == (image.width_px, image.height_px)
        assert zlib.decompress(page.compressed_pixels) == image.pixels
        assert len(page.compressed_pixels) < len(image.pixels) / 50
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(page_print, "MAX_PRINTED_PDF_BYTES", len(page.compressed_pixels) - 1)
            with pytest.raises(ConsoleError) as caught:
                render_printed_pages(report)
    assert (caught.value.code, caught.value.detail) == ("provider_answer_unusable", {"reason": "too_large"})
