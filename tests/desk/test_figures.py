"""The summary of a company and the charts of the reports, operated by the keyboard alone."""

from pathlib import Path

from PySide6.QtGui import QGuiApplication

from console.app import Console
from console.views.lookup.page import LookupPage
from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.routes import LookupRoute
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_person import save_as
from tests.support.invented import invent_numbers

(CORPORATION_NUMBER,) = invent_numbers(1, 72)


def test_company_tabs_are_copied_and_charts_have_tables(
    open_window: OpenWindow, console: Console, tmp_path: Path
) -> None:
    """The tabs with the history and the PDF of a purchase are read when a person opens them, and the company's
    summary can be copied. A chart of the reports has a spoken description, and its table can be exported.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    page = person.wait_for_page(LookupPage)
    company = page.company_panel
    person.wait_until(lambda: company.number == CORPORATION_NUMBER and bool(company.table.all_rows))
    documents, _, history = company.company_tabs
    person.press("Ctrl+Tab")
    person.wait_until(lambda: bool(documents.table.all_rows))
    assert documents.table.all_rows[0].record == ("credit-check", record.id)
    person.press("Ctrl+Tab", 2)
    person.wait_until(lambda: bool(history.table.all_rows))
    person.press("Ctrl+Shift+C")
    person.wait_until(lambda: CORPORATION_NUMBER[-4:] in QGuiApplication.clipboard().text())
    assert "op-a" not in QGuiApplication.clipboard().text()
    person.press("Alt+8")
    reports = person.wait_for_page(ReportsPage)
    person.press("Ctrl+Tab")
    section = reports.section
    assert isinstance(section, ChartSection)
    assert section.name == "queue_ages"
    person.wait_until_read()
    assert section.chart.accessibleDescription()
    save_as(person, tmp_path / "ages.csv")
    person.wait_until(lambda: (tmp_path / "ages.csv").exists() and not reports.exporter.is_running)
    assert len((tmp_path / "ages.csv").read_text("utf-8-sig").splitlines()) == 1 + len(section.table.all_rows)
