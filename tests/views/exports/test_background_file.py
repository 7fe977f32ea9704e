"""A file that is written in the background is reported at its end, also if its page or dialog no longer exists."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtWidgets import QWidget

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportRequest, ListName, WrittenExport
from console.services.exports.printouts import PrintedList
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page
from console.views.printing.page_print import PagePrinter
from console.views.runtime.context import Toast, WindowContext
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context

ALERT_LIST = ExportRequest(ListName.ALERTS)


class ExportServices:
    """Services that only export lists and read them for printing. If `is_disk_full` is True, each export fails.
    `notes` are the notes of a written export.
    """

    def __init__(self, *, is_disk_full: bool, notes: tuple[str, ...]) -> None:
        self._is_disk_full, self._notes = is_disk_full, notes

    @property
    def exports(self) -> "ExportServices":
        return self

    @property
    def printouts(self) -> "ExportServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def write(self, _request: ExportRequest, path: Path, _language: str, report_progress: Any) -> WrittenExport:
        report_progress(1)
        if self._is_disk_full:
            raise ConsoleError(ErrorCode.STORAGE_FULL)
        return WrittenExport(str(path), 1, 9, self._notes)

    def read_list(self, _request: ExportRequest, _language: str) -> PrintedList:
        return PrintedList("Alerts", ("What",), (("queue age",),), is_cut=False)


def make_context(
    *, is_disk_full: bool = False, notes: tuple[str, ...] = ()
) -> tuple[WindowContext, InlineRunner, list[Toast]]:
    """Return a context whose tasks wait, its runner, and the list that gets its toasts."""
    context, toasts, runner = make_window_context(), list[Toast](), InlineRunner(paused=True)
    context.runner = runner
    context.store_services(ExportServices(is_disk_full=is_disk_full, notes=notes))  # type: ignore[arg-type]  # exports alone
    context.toast_requested.connect(toasts.append)
    return context, runner, toasts


@pytest.mark.parametrize("is_disk_full", [False, True])
@pytest.mark.parametrize("kind", [Page, QWidget])
def test_the_end_of_an_export_is_shown_without_its_page_or_dialog(
    appearance: object, tmp_path: Path, kind: type[QWidget], is_disk_full: bool
) -> None:
    """A page is built again in another language, or a dialog closed, while an export of it runs. A toast names the
    written file, or says why no file was written.
    """
    context, runner, toasts = make_context(is_disk_full=is_disk_full)
    parent = Page(context) if kind is Page else QWidget()
    ListExporter(context, parent, lambda: ALERT_LIST).export_list_to(str(tmp_path / "alerts.csv"))
    shiboken6.delete(parent)
    runner.execute_oldest_task()
    (toast,) = toasts
    assert (toast.message == "Not done") is is_disk_full
    assert toast.path == ("" if is_disk_full else str(tmp_path / "alerts.csv"))


def test_the_toast_about_an_export_states_that_there_are_more_records(appearance: object, tmp_path: Path) -> None:
    context, runner, toasts = make_context(notes=("Payments: 1 record shown. There are more.",))
    ListExporter(context, Page(context), lambda: ALERT_LIST).export_list_to(str(tmp_path / "found.csv"))
    runner.execute_oldest_task()
    assert [toast.message for toast in toasts] == [
        "Wrote 1 row to found.csv. Payments: 1 record shown. There are more."
    ]


def test_a_list_is_printed_without_its_page(appearance: object, tmp_path: Path) -> None:
    """A list is printed, and the toast says so, even if the page that began the printing is deleted meanwhile."""
    context, runner, toasts = make_context()
    page, printer = Page(context), QPrinter()
    printer.setOutputFileName(str(tmp_path / "alerts.pdf"))
    PagePrinter(context, page).print_list_to(ALERT_LIST, printer)
    shiboken6.delete(page)
    runner.execute_oldest_task()
    assert [toast.message for toast in toasts] == ["Sent to the printer."]
    assert (tmp_path / "alerts.pdf").stat().st_size > 0
