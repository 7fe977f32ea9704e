"""A person prints a list, a record and a PDF. The printout has the shown contents, the person and the time, and the
audit trail has an entry.
"""

from pathlib import Path

import pypdfium2
import pytest
from PySide6.QtPrintSupport import QPrintDialog, QPrinter

from console.app import Console
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.records import AuditEntry
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.documents.pdf_page import PdfPage
from console.views.money.payment_page import PaymentPage
from console.views.printing import page_print
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import CreditCheckRoute, PaymentRoute, PdfRoute, QueuesRoute
from console.wording.audit_words import format_audit_action
from tests.desk.conftest import OpenWindow, buy_check, buy_without_pdf
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

pytestmark = pytest.mark.both_ways


def make_pdf_printer(file: Path) -> QPrinter:
    """Return a printer that writes its pages into a PDF file."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(file))
    return printer


def read_printed_pages(file: Path) -> tuple[int, str]:
    """Return the number of printed pages, and their text without blanks, because narrow cells break within words."""
    pdf = pypdfium2.PdfDocument(file)
    try:
        return len(pdf), "".join("".join(page.get_textpage().get_text_bounded().split()) for page in pdf)
    finally:
        pdf.close()


def test_a_list_a_record_and_a_pdf_are_printed(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Ctrl+P opens the system's print dialog on the page of a list, of a record and of a PDF. The dialog proposes a
    file name with the list or record. If the person cancels it, the audit trail has no entry. A list, a record and a
    PDF are printed with their contents and the name of the person, and each has an entry.
    """
    lacking = [buy_without_pdf(console, sandbox, number) for number in CORPORATION_NUMBERS[:2]]
    check = buy_check(console, CORPORATION_NUMBERS[2])
    payment = import_paid_payment(console, sandbox, "ORD-1")
    person = open_window()

    def list_print_entries() -> list[str]:
        return [one.what for one in console.audit.list_entries(200) if one.what.endswith("printed")]

    def reject_dialog(document_name: str) -> None:
        person.press("Ctrl+P")
        person.wait_until(lambda: any(one.isVisible() for one in person.window.findChildren(QPrintDialog)))
        for dialog in person.window.findChildren(QPrintDialog):
            if dialog.isVisible():
                assert dialog.printer().docName() == document_name
            dialog.reject()
        person.wait_until_read()

    person.frame.show_route(QueuesRoute("incomplete"))
    queue = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queue.row_model.has_read_last_page and queue.row_model.row_count == len(lacking))
    queue.take_focus()
    reject_dialog(f"queue-{person.opening.context.get_day_in_japan():%Y%m%d}")
    assert list_print_entries() == []
    queue.exporter.page_printer.print_list_to(queue._make_export_request(), make_pdf_printer(tmp_path / "list.pdf"))
    person.wait_until(lambda: not queue.exporter.page_printer.is_running)
    _, text = read_printed_pages(tmp_path / "list.pdf")
    for words in ("Printed by op-a", "Corporation number", *(f"Credit check {one.id}" for one in lacking)):
        assert "".join(words.split()) in text, words

    person.frame.show_route(CreditCheckRoute(check.id))
    record = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: record.details is not None)
    reject_dialog(f"credit-check-{check.id}")
    assert record.details is not None
    title, lines = record.head.title.short_form, record.list_printed_lines(record.details)
    record.page_printer.print_record_to(
        "credit-check", check.id, title, lines, make_pdf_printer(tmp_path / "record.pdf")
    )
    person.wait_until(lambda: not record.page_printer.is_running)
    _, text = read_printed_pages(tmp_path / "record.pdf")
    for words in (title, "Printed by op-a", record.form.verdict, "Timeline", "Bought"):
        assert "".join(words.split()) in text, words

    person.frame.show_route(PaymentRoute(payment.id))
    money = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: money.details is not None)
    assert money.details is not None
    assert any("3,000" in line or "3,300" in line for line in money.list_printed_lines(money.details))

    person.frame.show_route(PdfRoute(check.id))
    pdf = person.wait_for_page(PdfPage)
    person.wait_until(lambda: pdf.page_count > 0)
    person.wait_until_read()
    reject_dialog(f"credit-check-{check.id}")
    pdf.page_printer.print_pdf_to(check.id, None, make_pdf_printer(tmp_path / "document.pdf"))
    person.wait_until(lambda: not pdf.page_printer.is_running)
    count, text = read_printed_pages(tmp_path / "document.pdf")
    assert count == pdf.page_count
    assert "Printedbyop-a" in text
    expected = ["credit-check.pdf_printed", "list.printed", "record.printed"]
    person.wait_until(lambda: sorted(list_print_entries()) == expected)


def test_a_printout_of_a_long_list_reports_the_missing_rows(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printout of a list has at most MAX_PRINTED_ROWS rows. If the list has more, the result states that the list
    is cut.
    """
    for number in CORPORATION_NUMBERS[:2]:
        buy_check(console, number)
    monkeypatch.setattr("console.services.exports.printouts.MAX_PRINTED_ROWS", 1)
    printout = console.printouts.read_list(ExportRequest(ListName.AUDIT), "en")
    assert (len(printout.rows), printout.is_cut) == (1, True)


@pytest.mark.qt_log_ignore("QPainter::begin", extend=True)
def test_the_audit_trail_says_that_printing_started(
    open_window: OpenWindow, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printout that the printer doesn't take has an audit entry, because pages may be on paper; the entry says only
    that printing has started. A PDF that is not sent to the printer, because its pages together are too large, has no
    entry.
    """
    check = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(PdfRoute(check.id))
    page = person.wait_for_page(PdfPage)
    person.wait_until(lambda: page.page_count > 0)

    def print_into_missing_folder() -> None:
        page.page_printer.print_pdf_to(check.id, None, make_pdf_printer(tmp_path / "missing" / "document.pdf"))
        person.wait_until(lambda: not page.page_printer.is_running)

    def list_print_entries() -> list[AuditEntry]:
        return [entry for entry in console.audit.list_entries(200) if entry.what == "credit-check.pdf_printed"]

    with monkeypatch.context() as patch:
        patch.setattr(page_print, "MAX_PRINTED_PDF_BYTES", 1)
        print_into_missing_folder()
    print_into_missing_folder()
    person.wait_until(lambda: bool(list_print_entries()))  # a worker writes the entries in their order
    (entry,) = list_print_entries()
    assert [format_audit_action(entry, language) for language in ("en", "ja")] == [
        "Started printing the PDF.",
        "PDF の印刷を開始しました。",
    ]
