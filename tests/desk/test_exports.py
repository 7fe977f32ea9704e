"""A person writes lists to files by the keyboard: the whole list, the selected or the filtered records. A cancelled
export writes no file.
"""

import csv
from pathlib import Path

import openpyxl
import pytest

from console.app import Console
from console.domain.payments.records import RefundRequest
from console.domain.records import CreditCheck
from console.sandbox.server import Sandbox
from console.views.approvals.page import ApprovalsPage
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import QueuesRoute
from tests.desk.conftest import OpenWindow, buy_without_pdf
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import enter_export_path, save_as
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

pytestmark = pytest.mark.both_ways


@pytest.fixture
def checks_without_pdf(console: Console, sandbox: Sandbox) -> list[CreditCheck]:
    """Buy three credit checks whose PDF is missing until a re-fetch reads it."""
    return [buy_without_pdf(console, sandbox, number) for number in CORPORATION_NUMBERS[:3]]


def test_a_queue_is_exported_whole_selected_or_filtered(
    open_window: OpenWindow, checks_without_pdf: list[CreditCheck], tmp_path: Path
) -> None:
    """A person exports a whole queue as a workbook, the selected record as CSV, and the one record that matches a
    filter. A toast has the path of the workbook. If a cancelled export has written no file, a toast says so; no
    temporary file is left.
    """
    person = open_window()
    person.frame.show_route(QueuesRoute("incomplete"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(
        lambda: page.row_model.has_read_last_page and page.row_model.row_count == len(checks_without_pdf)
    )
    save_as(person, tmp_path / "all.xlsx")
    person.wait_until(lambda: (tmp_path / "all.xlsx").exists() and not page.exporter.is_running)
    titles, *rows = openpyxl.load_workbook(tmp_path / "all.xlsx").worksheets[0].values
    place = titles.index("Corporation number")
    assert {row[place] for row in rows} == {check.corporation_number for check in checks_without_pdf}
    assert str(tmp_path / "all.xlsx") in [toast.path for toast in person.frame.toasts.visible_toasts]

    page.take_focus()
    person.press("Space")
    save_as(person, tmp_path / "chosen.csv")
    person.wait_until(lambda: (tmp_path / "chosen.csv").exists() and not page.exporter.is_running)
    current = page.current_row
    assert current is not None
    assert [row["Record"] for row in read_csv_rows(tmp_path / "chosen.csv")] == [f"Credit check {current.record.id}"]

    person.press("Ctrl+D")
    page.filter.edit.setText(checks_without_pdf[1].corporation_number)
    page.filter.changed.emit()
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    page.take_focus()
    save_as(person, tmp_path / "filtered.csv")
    person.wait_until(lambda: (tmp_path / "filtered.csv").exists() and not page.exporter.is_running)
    assert [row["Record"] for row in read_csv_rows(tmp_path / "filtered.csv")] == [
        f"Credit check {checks_without_pdf[1].id}"
    ]

    page.exporter.export_list_to(str(tmp_path / "cancelled.csv"))
    page.exporter._file_writer.cancel()
    person.wait_until(lambda: not page.exporter.is_running)
    person.wait_until_read()
    is_there = (tmp_path / "cancelled.csv").exists()
    says_nothing_written = "No file was written" in person.frame.toasts.visible_toasts[-1].accessibleName()
    assert says_nothing_written is not is_there
    assert not list(tmp_path.glob(".*"))


def test_the_button_beside_the_title_exports_the_approvals(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The button beside the title of the approvals page asks for a path and writes the waiting refund requests to
    this file. Its tooltip names the key Ctrl+E.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    with window_desks.open_acting_desk("op-a") as maker:
        maker.refunds.request(RefundRequest(payment.id, "500", "ordered twice"))
    person = window_desks.switch_person(open_window(), "lead-b")
    person.press("Alt+4")
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: bool(page.list_panel.cards))
    button = page.list_panel.export_button
    assert button.toolTip() == "Export... (Ctrl+E)"
    button.click()
    enter_export_path(person, tmp_path / "approvals.csv")
    person.wait_until(lambda: (tmp_path / "approvals.csv").exists() and not page.exporter.is_running)
    assert len(read_csv_rows(tmp_path / "approvals.csv")) == 1


def read_csv_rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
