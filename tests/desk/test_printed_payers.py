"""Printouts and evidence packs never show a payer's name, only the last characters of the payer's reference."""

import zipfile
from pathlib import Path

from console.app import Console
from console.domain.exports.tables import ExportRequest, ListName
from console.sandbox.server import Sandbox
from console.views.money.payment_page import PaymentPage
from console.views.runtime.routes import PaymentRoute
from console.views.theme.design_tokens import Language
from tests.desk.conftest import OpenWindow
from tests.desk.test_printing import make_pdf_printer, read_printed_pages
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

PAYER = "Yamada-Hanako-81726354"


def set_payer_name(window_desks: WindowTestDesks, payment_id: int) -> None:
    """Store the payer's name for a payment, and evidence whose summary repeats the name, as an older program could
    have stored them.
    """
    for table in ("payments", "evidence"):
        window_desks.drop_table_triggers(table)
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql(
            f"UPDATE payments SET payer_ref = '{PAYER}', corporation_number = '{CORPORATION_NUMBERS[0]}'"
            f" WHERE id = {payment_id}"
        )
        tx.conn.exec_driver_sql(
            "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body) VALUES"
            f" ('payment', {payment_id}, '2030-01-01 00:00:00', 'person', 'op-a', '', 'paid by {PAYER}', 'x {PAYER}')"
        )


def print_payment(person: Person, payment_id: int, folder: Path) -> None:
    """Print the payment's page, and the list of the records of its corporation."""
    person.frame.show_route(PaymentRoute(payment_id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    assert page.details is not None
    title, lines = page.head.title.short_form, page.list_printed_lines(page.details)
    page.page_printer.print_record_to("payment", payment_id, title, lines, make_pdf_printer(folder / "record.pdf"))
    person.wait_until(lambda: not page.page_printer.is_running)
    page.page_printer.print_list_to(
        ExportRequest(ListName.LOOKUP, CORPORATION_NUMBERS[0]), make_pdf_printer(folder / "list.pdf")
    )
    person.wait_until(lambda: not page.page_printer.is_running)


def test_printed_payers_are_masked(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The payer is masked in a printed list and in a printed record with its timeline, in both languages, and in the
    evidence pack.
    """
    payment = import_paid_payment(console, sandbox, "ORD-1")
    set_payer_name(window_desks, payment.id)
    person = open_window()
    languages: tuple[Language, ...] = ("en", "ja")
    for language in languages:
        person.opening.context.change_language(language)
        print_payment(person, payment.id, tmp_path)
        for name, masked in (("record.pdf", "paidby****6354"), ("list.pdf", "****6354")):
            _, text = read_printed_pages(tmp_path / name)
            assert masked in text, (language, name)
            assert "Yamada" not in text, (language, name)
            assert "8172" not in text, (language, name)

    pack = tmp_path / "pack.zip"
    console.recovery.write_evidence_pack("payment", payment.id, pack)
    with zipfile.ZipFile(pack) as archive:
        contents = b"".join(archive.read(name) for name in archive.namelist())
    assert b"****6354" in contents
    assert b"Yamada" not in contents
