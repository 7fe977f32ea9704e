"""Exports of lists. The tests read each list back cell by cell from a workbook and a CSV file, export hostile texts,
and check that a cancelled export leaves no file.
"""

import csv
import errno
import gc
import os
import signal
import stat
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from console.domain.bulk.records import ChosenRecord
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import CellKind, ChosenRecords, ExportColumn, ExportRequest, ExportTable, ListName
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.process import interrupts
from console.domain.queues.filters import NO_CAUSE, find_cause, get_record_kind
from console.domain.records import Certainty, CreditCheck, Work
from console.services.exports import cells
from console.services.exports.csv_table import write_csv_table
from console.services.exports.workbook import write_workbook
from console.services.process.context import act_as
from console.settings.unfinished_files import UnfinishedFile
from console.store.audit import trail
from console.wiring.exports import make_export_table
from console.wording import audit_words
from console.wording import reports as report_words
from console.wording.exports.columns import convert_amount_to_major_units
from console.wording.exports.records import make_record_columns
from console.wording.exports.reports import REPORT_TABLES
from console.wording.sentences.text_context import FileTextContext, Language
from tests.support.file_size_limit import limit_file_sizes
from tests.support.payment_desks import PaymentDesk
from tests.support.reconciled_day import ReconciledDay
from tests.support.refusals import call_for_refusal, call_for_refusal_code
from tests.support.sample_desk import SampleDesk, open_sample_desk

HOSTILE_TEXTS = (
    "=cmd|'/c calc'!A0", "＝SUM(A1)", "+1", "-1", "@SUM(1)", "\t=1+1", "\r=1+1", " =1+1", '"quoted", "more"',
    "line\nline", "株式会社　さくら", "あ" * 150, "\u202egpj.exe", "\x00\x07", "\ud800", "https://example.com/",
    "{=1+1}", "ORD,1;2\t3",
)  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    """The demo's desk. The acting person is the auditor, who can see the whole audit trail."""
    with open_sample_desk(tmp_path_factory.mktemp("home"), OPERATOR="aud-e") as made:
        with act_as("op-a"):
            made.console.bulk_runs.create_run("probe", "unknown")
        yield made


def make_requests(desk: SampleDesk) -> list[ExportRequest]:
    """Return an export request for each list except the differences of a reconciliation, which have a test of their
    own, and one for each part of a list that can be exported by itself.
    """
    queues = ("review", "unknown", "refunds", "incomplete", "pending", "error", "disagree", "notices", "companies")
    number, order = desk.samples[0].corporation_number, "ORD"
    return [
        *(ExportRequest(ListName.QUEUE, queue) for queue in queues),
        ExportRequest(ListName.LOOKUP, number),
        ExportRequest(ListName.LOOKUP, number, "checks"),
        ExportRequest(ListName.SEARCH, order),
        ExportRequest(ListName.COMPANIES, "株式会社"),
        ExportRequest(ListName.APPROVALS),
        ExportRequest(ListName.ALERTS),
        ExportRequest(ListName.AUDIT),
        ExportRequest(ListName.BULK, "1"),
        ExportRequest(ListName.BULK, "1", "not_done"),
        ExportRequest(ListName.RUNS),
        ExportRequest(ListName.SET_ASIDES),
        *(ExportRequest(ListName.REPORT, name) for name in REPORT_TABLES),
    ]


def make_expected_sheet_value(value: Any) -> object:
    """Return the value that openpyxl must read from a workbook cell into which this value was written."""
    match value:
        case datetime():
            return value.astimezone(JST).replace(tzinfo=None, microsecond=0)
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a sheet has no zones
        case Decimal():
            return float(value) if value % 1 else int(value)
    return value or None if isinstance(value, str) else value


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_exported_list_has_the_values_of_its_service(
    desk: SampleDesk, tmp_path: Path, language: Language
) -> None:
    """As a workbook and as CSV, each list of `make_requests` has its column titles and the values of its service:
    amounts are numbers, days are days, corporation numbers are texts.
    """
    filled = set()
    for place, request in enumerate(make_requests(desk)):
        table = make_export_table(
            desk.console, request, "aud-e", FileTextContext(language, desk.console._context.now)
        )
        rows = [[column.read_cell(row) for column in table.columns] for page in table.read_pages() for row in page]
        sheet_file, csv_file = tmp_path / f"{language}{place}.xlsx", tmp_path / f"{language}{place}.csv"
        written = desk.console.exports.write(request, sheet_file, language)
        assert (written.file, written.bytes) == (str(sheet_file), sheet_file.stat().st_size)
        desk.console.exports.write(request, csv_file, language)
        # The trail grows by the exports themselves, and what is unknown grows older while they are written.
        if request.name is not ListName.AUDIT and request.subject != "time_to_truth":
            assert written.row_count == len(rows)
            require_sheet_with_rows(sheet_file, table, rows)
            require_csv_with_rows(csv_file, table, rows)
        assert csv_file.read_bytes().startswith(b"\xef\xbb\xbf")
        assert b"\n" not in csv_file.read_bytes().replace(b"\r\n", b"")
        filled |= {request.name} if written.row_count else set()
    assert filled == set(ListName) - {ListName.RUNS, ListName.DIFFERENCES, ListName.COMPANIES}


def require_sheet_with_rows(file: Path, table: ExportTable, rows: list[list[Any]], person: str = "aud-e") -> None:
    """Assert that the workbook has these rows, with the cell types of the table's columns, and names `person`, who
    has exported it.
    """
    book = openpyxl.load_workbook(file)
    sheet, about = book.worksheets
    titles, *read_rows = sheet.values
    assert list(titles) == [column.title for column in table.columns]
    assert [list(row) for row in read_rows] == [[make_expected_sheet_value(cell) for cell in row] for row in rows]
    for place, column in enumerate(table.columns, 1):
        kinds = {cell.data_type for (cell,) in sheet.iter_rows(2, None, place, place) if cell.value is not None}
        number = column.kind in (CellKind.AMOUNT, CellKind.NUMBER)
        day = column.kind in (CellKind.DAY, CellKind.INSTANT)
        assert kinds <= ({"n"} if number else {"d"} if day else {"s"}), column.title
    assert person in str(list(about.values))


def require_csv_with_rows(file: Path, table: ExportTable, rows: list[list[Any]]) -> None:
    """Assert that the CSV file has the table's column titles and these rows as texts."""
    titles, *read_rows = csv.reader(file.read_text("utf-8-sig").splitlines())
    assert titles == [column.title for column in table.columns]
    assert read_rows == [
        [cells.make_csv_cell(column.kind, cell) for column, cell in zip(table.columns, row, strict=True)]
        for row in rows
    ]


@pytest.mark.engines("sqlite")
@pytest.mark.time_scale("1")
def test_the_differences_of_a_run_are_exported(scene: PaymentDesk, tmp_path: Path) -> None:
    """The export of a reconciliation run has each difference with both sides, the verdict and the difference of the
    amounts, in the words of the screen. The part `differ` leaves out the payment that only the provider had.
    """
    reconciled_day = ReconciledDay(scene)
    reconciled_day.add_payment_on_both_sides("ORD-same")
    reconciled_day.add_provider_payment("ORD-theirs", 500)
    reconciled_day.insert_our_payment("ORD-sum", 1_000, reconciled_day.add_provider_payment("ORD-sum", 1_100))
    reconciled_day.announce_file()
    run_id = str(reconciled_day.reconcile_day().run_id)
    rows_by_part: dict[str, list[dict[str, str]]] = {}
    for part in ("", "differ"):
        request = ExportRequest(ListName.DIFFERENCES, run_id, part)
        table = make_export_table(scene.console, request, "op-a", FileTextContext("en", scene.console._context.now))
        rows = [[column.read_cell(row) for column in table.columns] for page in table.read_pages() for row in page]
        sheet_file, csv_file = tmp_path / f"list{part}.xlsx", tmp_path / f"list{part}.csv"
        for file in (sheet_file, csv_file):
            assert scene.console.exports.write(request, file, "en").row_count == len(rows)
        require_sheet_with_rows(sheet_file, table, rows, "op-a")
        require_csv_with_rows(csv_file, table, rows)
        rows_by_part[part] = list(csv.DictReader(csv_file.read_text("utf-8-sig").splitlines()))
    provider_only, different = rows_by_part[""]
    assert [provider_only[title] for title in ("Payment", "Ours", "Provider", "Verdict", "Cause")] == [
        "ORD-theirs", "", "Paid ¥500", "Provider only", "Imported",
    ]  # fmt: skip
    assert [different[title] for title in ("Payment", "Ours", "Provider", "Verdict", "Difference", "Currency")] == [
        "ORD-sum", "Completed ¥1,000", "Paid ¥1,100", "Different amount", "100", "JPY",
    ]  # fmt: skip
    assert rows_by_part["differ"] == [different]


def test_an_export_has_the_words_of_the_screens(desk: SampleDesk, tmp_path: Path) -> None:
    """An exported list has the words of the screens for states, kinds and column titles. The expected words are
    written out in this test, so that the test doesn't repeat an error of the program.
    """
    file = tmp_path / "refunds.csv"
    desk.console.exports.write(ExportRequest(ListName.QUEUE, "refunds"), file, "ja")
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    of_unknown = next(row for row in rows if row["確度"] == "結果不明")
    assert (of_unknown["種類"], of_unknown["状態"], of_unknown["作業"]) == ("返金", "送信中", "要対応")
    assert (of_unknown["金額"], of_unknown["通貨"]) == ("-2499.00", "INR")
    began = datetime.strptime(of_unknown["登録日時（JST）"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=JST)
    records = [item.record for item in desk.console.recovery.read_queue("refunds").items]
    assert began in [at.replace(microsecond=0) for record in records if (at := record.created_at)]


def get_payment(record: object) -> Payment:
    assert isinstance(record, Payment)
    return record


def test_an_exported_approval_has_the_corporation_number_of_its_payment(desk: SampleDesk, tmp_path: Path) -> None:
    with act_as("lead-b"):
        inbox = desk.console.refunds.read_inbox()
        file = tmp_path / "approvals.csv"
        desk.console.exports.write(ExportRequest(ListName.APPROVALS), file, "en")
        waiting = (*inbox.refunds_to_decide, *inbox.other_refunds)
        payments = desk.console.lookup.read_records({("payment", refund.payment_id) for refund in waiting})
    expected = {
        f"R-{refund.id}": cells.make_csv_cell(
            CellKind.CORPORATION_NUMBER, get_payment(payments["payment", refund.payment_id]).corporation_number
        )
        for refund in waiting
    }
    with file.open(encoding="utf-8-sig", newline="") as opened_file:
        rows = {row["Record"]: row["Corporation number"] for row in csv.DictReader(opened_file)}
    assert any(expected.values())
    assert {title: rows[title] for title in expected} == expected


def test_a_report_is_exported_as_its_table(desk: SampleDesk, tmp_path: Path) -> None:
    """The tables of the screen Reports are exported with numbers that a spreadsheet can add: percentages and seconds
    have no unit, and amounts have their currency in a separate cell. The last sheet explains how the figures are
    counted.
    """
    shown = desk.console.reports.read_figures()
    days = {(series.provider, day.day): day for series in shown.success.providers for day in series.days}
    money = {(series.provider, series.currency): series for series in shown.settlement.series}
    success = export_and_read_report(desk, tmp_path, "success")
    assert len(success) == len(days)
    for row in success:
        day = days[row["Provider"].lower(), row["Day"].date()]
        assert [row[title] for title in ("Paid", "Failed or expired", "Unknown", "All")] == [
            day.paid, day.unpaid, day.unknown, day.total,
        ]  # fmt: skip
        assert row["Success (%)"] == (
            None if day.paid_percent is None else report_words.round_percent(day.paid_percent)
        )
    settled = export_and_read_report(desk, tmp_path, "settlement")
    for (provider, currency), series in money.items():
        rows = [row for row in settled if (row["Provider"].lower(), row["Currency"]) == (provider, currency)]
        scale = 1 if currency == "JPY" else 100
        assert sum(round(row["Paid in"] * scale) for row in rows) == sum(day.paid_minor for day in series.days) > 0
        assert sum(round(row["Net"] * scale) for row in rows) == sum(day.net_minor for day in series.days)
    truth = {row["Kind"]: row for row in export_and_read_report(desk, tmp_path, "time_to_truth")}
    for kind in shown.time_to_truth.kinds:
        row = truth[report_words.get_record_kind_name(kind.kind, "en")]
        assert (row["Known"], row["Unknown"]) == (kind.settled_count, kind.open_count)
        assert row["Schedule (seconds)"] == int(kind.schedule.total_seconds())
    about = str(list(openpyxl.load_workbook(tmp_path / "settlement.xlsx").worksheets[1].values))
    assert "Payments with an unknown outcome are left out" in about
    nothing = tmp_path / "nothing.csv"
    with pytest.raises(ConsoleError) as refused:
        desk.console.exports.write(ExportRequest(ListName.REPORT, "nonsense"), nothing, "en")
    assert (refused.value.code, nothing.exists()) == (ErrorCode.USAGE, False)


def export_and_read_report(desk: SampleDesk, folder: Path, name: str) -> list[dict[str, Any]]:
    """Export the report `name` in English. Return its rows, each as a dictionary from column title to value."""
    file = folder / f"{name}.xlsx"
    desk.console.exports.write(ExportRequest(ListName.REPORT, name), file, "en")
    titles, *rows = openpyxl.load_workbook(file).worksheets[0].values
    return [dict(zip(map(str, titles), row, strict=True)) for row in rows]


def test_an_exported_search_names_unused_words_and_missing_matches(
    desk: SampleDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last sheet of an exported workbook, and the notes in the result of the export, name the words of the search
    that weren't used as conditions, and the kinds of records of which more records match than were exported. The
    result has these notes because a CSV file has no such sheet. A desk without a registry notes that it can't find
    companies.
    """
    monkeypatch.setattr("console.wiring.exports._MAX_SEARCH_RESULTS", 1)
    text = "provider:paypay amount:abc"
    cut = (
        "“amount:abc” has no known value. This condition is not used.",
        "Payments: 1 record shown. There are more.",
    )
    sheet, csv_file = tmp_path / "found.xlsx", tmp_path / "found.csv"
    for file in (sheet, csv_file):
        notes = desk.console.exports.write(ExportRequest(ListName.SEARCH, text), file, "en").notes
        assert notes[:2] == cut
    about = [line for (line,) in openpyxl.load_workbook(sheet).worksheets[-1].values]
    assert set(cut) <= set(about)
    whole = desk.console.exports.write(ExportRequest(ListName.SEARCH, "client:99999"), tmp_path / "none.csv", "en")
    assert (whole.row_count, whole.notes) == (0, ())
    companies = desk.console.exports.write(ExportRequest(ListName.COMPANIES, "Sora"), tmp_path / "c.csv", "en")
    assert [note.partition(".")[0] for note in companies.notes] == ["There is no corporation registry on this desk"]


def test_a_printed_search_states_that_there_are_more_matches(
    desk: SampleDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.wiring.exports._MAX_SEARCH_RESULTS", 1)
    printed_list = desk.console.printouts.read_list(ExportRequest(ListName.SEARCH, "provider:paypay"), "en")
    assert printed_list.notes[0] == "Payments: 1 record shown. There are more."


def test_the_results_of_a_bulk_run_are_in_words(desk: SampleDesk, tmp_path: Path) -> None:
    """The export of a bulk run names each record with its corporation and amount. Refused rows have the reason in
    words; the part `not_done` leaves out the executed rows.
    """
    bulk, taken = desk.console.bulk_runs, desk.console.recovery.read_queue("refunds").items[0].record
    with act_as("op-a"):
        check = desk.console.recovery.read_queue("incomplete").items[0].record
        chosen = [
            ChosenRecord("refund", taken.id, taken.version),
            ChosenRecord("credit-check", check.id, check.version),
        ]
        run = bulk.create_run("take", [*chosen, ChosenRecord("credit-check", 9_999, 1)])
        bulk.run(run.id)
    rows_by_part: dict[str, list[dict[str, str]]] = {}
    for part in ("", "not_done"):
        file = tmp_path / f"results{part}.csv"
        desk.console.exports.write(ExportRequest(ListName.BULK, str(run.id), part), file, "en")
        rows_by_part[part] = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    of_refund, of_check, gone = rows_by_part[""]
    assert isinstance(taken, Refund)
    assert (of_refund["Kind"], of_refund["Record"], of_refund["Result"]) == ("Refund", f"R-{taken.id}", "taken")
    assert of_refund["Amount"] == str(convert_amount_to_major_units(-taken.amount_minor, taken.currency))
    assert of_refund["Currency"] == taken.currency
    assert isinstance(check, CreditCheck)
    assert (of_check["Corporation number"].replace(" ", ""), of_check["Provider"]) == (
        check.corporation_number,
        "AlarmBox",
    )
    assert of_check["Corporation"] == check.company_name
    assert (gone["Kind"], gone["Result"], gone["Amount"]) == ("Credit check", "not allowed", "")
    assert gone["Reason"].endswith(".")
    assert "9999" in gone["Record"]
    assert rows_by_part["not_done"] == [gone]


def test_only_the_selected_records_are_exported(desk: SampleDesk, tmp_path: Path) -> None:
    """A person exports selected records of a queue: the file contains only these records, and the audit entry has
    their number.
    """
    items = desk.console.recovery.read_queue("unknown").items[1:3]
    refs = frozenset(("credit-check", item.record.id) for item in items)
    chosen = ChosenRecords(refs, len(refs))
    file = tmp_path / "chosen.csv"
    written = desk.console.exports.write(ExportRequest(ListName.QUEUE, "unknown", "", chosen), file, "en")
    assert written.row_count == len(refs) == 2
    newest = desk.console.audit.list_entries(1)[0]
    assert (newest.who, newest.what, newest.result) == ("aud-e", "list.exported", "done")
    facts = {name: newest.detail[name] for name in ("list", "subject", "chosen", "format", "n")}
    assert facts == {"list": "queue", "subject": "unknown", "chosen": 2, "format": "csv", "n": 2}


def test_a_file_states_the_real_number_of_selected_records(desk: SampleDesk, tmp_path: Path) -> None:
    """A selected record has left the queue before the export: the sheet about the file states the number of its rows
    beside the number of selected records.
    """
    ids = {("credit-check", item.record.id) for item in desk.console.recovery.read_queue("unknown").items[1:3]}
    for chosen, expected in (
        (ids, "Selected records only: 2"),
        (ids | {("credit-check", 9_999)}, "Selected records only: 2 of 3; the others had left the list"),
    ):
        file = tmp_path / f"{len(chosen)}.xlsx"
        request = ExportRequest(ListName.QUEUE, "unknown", "", ChosenRecords(frozenset(chosen), len(chosen)))
        assert desk.console.exports.write(request, file, "en").row_count == 2
        about = [line for (line,) in openpyxl.load_workbook(file).worksheets[-1].values]
        assert expected in about


def test_the_records_of_selected_groups_are_exported(desk: SampleDesk, tmp_path: Path) -> None:
    """A person exports a selected group of records with the same cause, and one single record: the file contains the
    group and the record. The file states the number of its rows, also if the group had fewer records before.
    """
    items = desk.console.recovery.read_queue("unknown").items
    cause = find_cause(items[0].record) or NO_CAUSE
    group = [item for item in items if (find_cause(item.record) or NO_CAUSE) == cause]
    (single, *_) = [item for item in items if item not in group]
    refs = frozenset({(get_record_kind(single.record), single.record.id)})
    for count in (len(group) + 1, len(group)):
        file = tmp_path / f"{count}.xlsx"
        chosen = ChosenRecords(refs, count, frozenset({cause}))
        desk.console.exports.write(ExportRequest(ListName.QUEUE, "unknown", "", chosen), file, "en")
        rows, *_, about = openpyxl.load_workbook(file).worksheets
        assert rows.max_row == len(group) + 2, "the titles, the group and the single record"
        assert f"Selected records only: {len(group) + 1}" in [line for (line,) in about.values]


def test_a_cancelled_export_leaves_no_file(desk: SampleDesk, tmp_path: Path) -> None:
    """If the progress function raises an error during an export, no file, no temporary file and no audit entry
    remain. The next export succeeds.
    """
    entries = desk.console.audit.list_entries(1)[0].id
    folder = tmp_path / "exports"
    folder.mkdir()

    def cancel_after_first_row(row_count: int) -> None:
        if row_count:
            raise KeyboardInterrupt

    for name in ("list.xlsx", "list.csv"):
        with pytest.raises(KeyboardInterrupt):
            desk.console.exports.write(ExportRequest(ListName.AUDIT), folder / name, "en", cancel_after_first_row)
    assert list(folder.iterdir()) == []
    assert desk.console.audit.list_entries(1)[0].id == entries
    written = desk.console.exports.write(ExportRequest(ListName.ALERTS), folder / "list.xlsx", "en")
    assert stat.S_IMODE(Path(written.file).stat().st_mode) == 0o600


def write_alerts(desk: SampleDesk, file: Path) -> object:
    return desk.console.exports.write(ExportRequest(ListName.ALERTS), file, "en")


def find_check_with_pdf(desk: SampleDesk) -> int:
    """Return the id of a credit check that has a PDF."""
    with desk.console._context.database.read() as conn:
        query = "SELECT MIN(id) FROM hansha_alarmbox_credit_checks WHERE pdf_file_path IS NOT NULL"
        return int(conn.exec_driver_sql(query).scalar_one())


def write_audit_trail(desk: SampleDesk, file: Path) -> object:
    return desk.console.audit.export_csv(file)


def save_pdf(desk: SampleDesk, file: Path) -> object:
    return desk.console.pdf_copy_writer.save(find_check_with_pdf(desk), file)


def write_pack(desk: SampleDesk, file: Path) -> object:
    return desk.console.recovery.write_evidence_pack("credit-check", find_check_with_pdf(desk), file)


def write_bundle(desk: SampleDesk, file: Path) -> object:
    return desk.console.recovery.write_evidence_bundle([("credit-check", str(find_check_with_pdf(desk)))], file)


FILE_WRITERS: dict[str, tuple[str, Callable[[SampleDesk, Path], object]]] = {
    "list.exported": ("a.csv", write_alerts),
    "audit.exported": ("a.csv", write_audit_trail),
    "credit-check.pdf_saved": ("a.pdf", save_pdf),
    "evidence_pack.exported": ("a.zip", write_pack),
    "evidence_bundle.exported": ("a.zip", write_bundle),
}
"""By audit action: the name of a file, and the function that writes it."""


@pytest.mark.parametrize("action", FILE_WRITERS)
def test_a_file_that_gets_no_name_has_an_audit_entry_about_the_failure(
    desk: SampleDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """If another program creates the file while the export writes, the export is refused. The audit entry about the
    export is followed by one with the result `failed`, and the sentence of that entry says that there is no file.
    """
    name, write_file = FILE_WRITERS[action]
    write_to_disk = UnfinishedFile.write_to_disk

    def take_name_and_write(draft: UnfinishedFile) -> None:
        draft.final_path.touch()
        write_to_disk(draft)

    monkeypatch.setattr(UnfinishedFile, "write_to_disk", take_name_and_write)
    assert call_for_refusal_code(lambda: write_file(desk, tmp_path / name)) == "usage"
    assert (tmp_path / name).stat().st_size == 0
    failed, written = [entry for entry in desk.console.audit.list_entries(10) if entry.what == action][:2]
    assert (written.result, failed.result, failed.reason) == ("done", "failed", "usage")
    assert written.detail["sha256"] == failed.detail["sha256"]
    assert "could not be made" in audit_words.format_audit_action(failed, "en")


@pytest.mark.parametrize("action", FILE_WRITERS)
def test_a_signal_after_the_audit_entry_waits_until_the_file_has_its_name(
    desk: SampleDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """The audit entry about a file is stored before the file has its name. A signal that arrives between them waits
    until the file has its name. Otherwise the entry would be about a file that doesn't exist.
    """
    name, write = FILE_WRITERS[action]
    publish = UnfinishedFile.publish
    newest = desk.console.audit.list_entries(1)[0].id

    def publish_after_signal(draft: UnfinishedFile) -> None:
        new_entries = [entry for entry in desk.console.audit.list_entries(2) if entry.id > newest]
        assert [entry.result for entry in new_entries if entry.what == action] == ["done"]
        assert not draft.final_path.exists()
        signal.raise_signal(signal.SIGINT)
        publish(draft)

    monkeypatch.setattr(UnfinishedFile, "publish", publish_after_signal)
    with interrupts.handle_signals(defers_first_signal=False):
        write(desk, tmp_path / name)
    assert (tmp_path / name).exists()
    assert (action, "done") in [(entry.what, entry.result) for entry in desk.console.audit.list_entries(2)]


def test_each_export_of_the_audit_trail_has_its_entry(desk: SampleDesk, tmp_path: Path) -> None:
    """Each of two exports of the audit trail has an entry with the number of rows and the SHA-256 of its file."""
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    counts = [desk.console.audit.export_csv(file) for file in files]
    with desk.console._context.database.read() as conn:
        entries = [one for one in trail.list_newest_entries(conn, limit=10) if one.what == "audit.exported"][1::-1]
    assert [entry.detail["n"] for entry in entries] == counts
    assert [entry.detail["sha256"] for entry in entries] == [sha256(file.read_bytes()).hexdigest() for file in files]


def test_a_refused_export_writes_no_file(desk: SampleDesk, tmp_path: Path) -> None:
    """An export is refused if the file has another suffix, the file exists, the folder is missing, the list or its
    part is unknown, or the person lacks the right. No file is written.
    """
    exports, alerts = desk.console.exports, ExportRequest(ListName.ALERTS)
    there = tmp_path / "there.csv"
    there.write_bytes(b"mine")
    assert call_for_refusal_code(lambda: exports.write(alerts, tmp_path / "list.pdf", "en")) == "usage"
    assert call_for_refusal_code(lambda: exports.write(alerts, there, "en")) == "usage"
    assert there.read_bytes() == b"mine"
    for folder in (tmp_path / "none", there):
        refusal = call_for_refusal(exports.write, alerts, folder / "list.csv", "en")
        assert refusal.code == "usage"
        assert refusal.detail == {"problem": "no_folder", "file": str(folder / "list.csv"), "folder": str(folder)}
    file = tmp_path / "list.csv"
    for request, code in (
        (ExportRequest(ListName.QUEUE, "nonsense"), "usage"),
        (ExportRequest(ListName.LOOKUP, "123"), "invalid_corporation_number"),
        (ExportRequest(ListName.LOOKUP, desk.samples[0].corporation_number, "nonsense"), "usage"),
        (ExportRequest(ListName.BULK, "99"), "not_found"),
        (ExportRequest(ListName.BULK, "no id"), "not_found"),
        (ExportRequest(ListName.BULK, "1", "nonsense"), "usage"),
        (ExportRequest(ListName.DIFFERENCES, "99"), "not_found"),
        (ExportRequest(ListName.DIFFERENCES, "99", "nonsense"), "usage"),
    ):
        assert call_for_refusal_code(partial(exports.write, request, file, "en")) == code, request
    with act_as("adm-f"):
        assert call_for_refusal_code(lambda: exports.write(alerts, file, "en")) == "not_allowed"
    assert not file.exists()


def make_hostile_table() -> ExportTable:
    """Return a table with one row for each text of HOSTILE_TEXTS, and a row with a number of 22 digits."""
    columns = [
        ExportColumn("=TITLE", CellKind.TEXT, lambda row: row[0]),
        ExportColumn("Amount", CellKind.AMOUNT, lambda row: row[1]),
        ExportColumn("Day", CellKind.DAY, lambda row: row[2]),
        ExportColumn("At (JST)", CellKind.INSTANT, lambda row: row[3]),
        ExportColumn("Number", CellKind.CORPORATION_NUMBER, lambda row: row[4]),
    ]
    at = datetime(2026, 11, 19, 15, 30, 5, 123, UTC)
    rows = [(text, Decimal("-0.10"), date(2026, 11, 20), at, "1180301018771") for text in HOSTILE_TEXTS]
    rows.append(("0421000000000000000034", Decimal(10**13) + Decimal("0.25"), date(2026, 1, 1), at, "not 13 digits"))
    return ExportTable("a/b[c]: *?'" + "x" * 60, columns, lambda: iter([rows]), lambda _: ("=about",))


def test_hostile_texts_are_not_interpreted(tmp_path: Path) -> None:
    """Hostile texts are exported as a workbook and as CSV: no cell becomes a formula or a link, breaks its line or
    changes the reading direction. A number of 22 digits keeps all its digits.
    """
    table = make_hostile_table()
    (rows,) = table.read_pages()
    with (tmp_path / "a.xlsx").open("w+b") as file:
        write_workbook(file, table, rows)
    with (tmp_path / "a.csv").open("w+b") as file:
        write_csv_table(file, table, rows)
    titles, *sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows()
    assert {cell.data_type for row in sheet for cell in (row[0], row[4])} == {"s"}
    assert [cell.hyperlink for row in sheet for cell in row if cell.hyperlink] == []
    in_csv = list(csv.reader((tmp_path / "a.csv").read_text("utf-8-sig").splitlines()))
    assert titles[0].value == in_csv[0][0] == "'=TITLE"
    for text, (first, *others) in zip(HOSTILE_TEXTS, in_csv[1:-1], strict=True):
        assert not first.lstrip().startswith(("=", "+", "-", "@", "＝"))
        assert first.isprintable() or "\u3000" in first
        if text.isprintable() and not text.lstrip().startswith(tuple("=+-@＝")):
            assert first == text
        assert others == ["-0.10", "2026-11-20", "2026-11-20 00:30:05", "1 1803 0101 8771"]
    assert [row[0].value for row in sheet][:-1] == [row[0] for row in in_csv[1:-1]]
    assert {row[4].value for row in sheet[:-1]} == {"1180301018771"}
    assert [cell.value for cell in sheet[-1]][:2] == ["0421000000000000000034", 10**13 + 0.25]
    assert in_csv[-1][:2] == ["'0421000000000000000034", "10000000000000.25"]


_DATE_LIKE_TEXTS = [
    "MAR-2026",
    "sep12",
    "12-SEP",
    "7 dec 26",
    "March 3",
    "1/2",
    "11月20日",
    "2026年11月",
    "2026年11月20日",
    "令和8年11月20日",
    "2026年11月20日 10:15",
    "10時15分",
    "R8.11.20",
    "Nov 20, 2026",
    "Friday, November 20, 2026",
    "20 Nov 2026 10:15",
    "2026-11-20 10:15",
    "2026/11/20 10:15:30",
    "2026-11-20T10:15:00",
    "2026-11-20T10:15:00Z",
    "11/20/26 3:05 pm",
    "12:30:15.25",
    "1:30 PM",
]


_NUMBERS_WITH_SIGNS = ["50%", "5 %", "１２％", "¥500", "￥1,500", "$5", "5 €", "₹1,500.00", "1+"]


@pytest.mark.parametrize(
    "text", ["1E5", "1e-5", "12.5E+3", "007", "1 1/2", "1.", "1,234", *_NUMBERS_WITH_SIGNS, *_DATE_LIKE_TEXTS]
)
def test_numbers_of_orders_stay_texts_in_a_csv_file(text: str) -> None:
    """An order number that a spreadsheet would read as a number, a month or a day gets an apostrophe in a CSV cell. A
    longer text that only contains such a part gets no apostrophe.
    """
    assert cells.make_csv_cell(CellKind.TEXT, text) == f"'{text}"
    for longer in (f"ORD-{text}", f"{text}-A"):
        assert cells.make_csv_cell(CellKind.TEXT, longer) == longer


@pytest.mark.parametrize(
    "title", ["\U0001f98a" * 100, "a" + "\U00020bb7" * 40, "\U00020bb7" * 16], ids=["emoji", "odd", "even"]
)
def test_a_sheet_has_a_name_that_excel_accepts(title: str, tmp_path: Path) -> None:
    """A sheet's name has at most 31 UTF-16 units; an emoji or a rare kanji counts as two. The further sheets on which
    a long table continues have different names.
    """
    columns = [ExportColumn("Name", CellKind.TEXT, lambda row: row[0])]
    rows = [(str(number),) for number in range(3)]
    file = tmp_path / "list.xlsx"
    with file.open("wb") as stream:
        write_workbook(stream, ExportTable(title, columns, lambda: iter([rows])), rows, max_rows_per_sheet=2)
    names = openpyxl.load_workbook(file, read_only=True).sheetnames
    assert all(0 < len(name.encode("utf-16-le")) <= 62 for name in names)
    assert len(set(names)) == len(names) >= 2


def test_the_sheets_of_a_workbook_have_different_names() -> None:
    """Each sheet is named by its title without the characters that Excel refuses, at most 31 characters long. A
    second sheet of the same name, in any width or case, gets a number; `History` is a name that Excel reserves."""
    names = cells.SheetNames()
    titles = [
        "Payments",
        "About this export",
        "payments",
        "ＰＡＹＭＥＮＴＳ",
        "a/b[c]: *?'",
        "History",
        "",
        "x" * 40,
        "x" * 41,
    ]
    made = [names.make_name(title) for title in titles]
    assert made[:2] == ["Payments", "About this export"]
    assert made[2:4] == ["payments 2", "ＰＡＹＭＥＮＴＳ 3"]
    assert made[5:] == ["History 2", "1", "x" * 31, "x" * 29 + " 2"]
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\'") for name in made)
    assert len({name.casefold() for name in made}) == len(made)


@pytest.mark.parametrize(("language", "about_title"), [("en", "About this export"), ("ja", "この出力について")])
def test_the_sheet_about_an_export_is_named_in_the_language_of_the_file(
    language: str, about_title: str, desk: SampleDesk, tmp_path: Path
) -> None:
    """The last sheet, which says who exported the list and when, has its own name, not that of a second page of the
    list."""
    file = tmp_path / "queue.xlsx"
    desk.console.exports.write(ExportRequest(ListName.QUEUE, "error"), file, language)
    first_name, last_name = openpyxl.load_workbook(file).sheetnames
    assert last_name == about_title
    assert first_name not in ("", about_title)


def test_a_corporation_number_of_non_ascii_digits_stays_a_text() -> None:
    """A corporation number with full-width or Arabic digits is exported without grouping, and gets an apostrophe like
    other texts that a spreadsheet would change.
    """
    for digits in ("１１８０３０１０１８７７１", "١١٨٠٣٠١٠١٨٧٧١"):
        assert cells.make_csv_cell(CellKind.CORPORATION_NUMBER, digits) == f"'{digits}"
    assert cells.make_csv_cell(CellKind.CORPORATION_NUMBER, "1180301018771") == "1 1803 0101 8771"


@pytest.mark.parametrize("text", ["００７", "１２３", "7 p", "(5)", "5-", "true"])
def test_other_texts_that_a_spreadsheet_changes_stay_texts(text: str) -> None:
    """A text that a spreadsheet would change in another way gets an apostrophe in a CSV cell. Examples are full-width
    digits, which become ASCII digits, and a number in brackets, which becomes negative.
    """
    assert cells.make_csv_cell(CellKind.TEXT, text) == f"'{text}"


@pytest.mark.parametrize("text", ["1 1803 0101 8771", "12345", "7 parts", "R8", "Sat", "May", "A.", "R8-1"])
def test_a_harmless_text_gets_no_apostrophe(text: str) -> None:
    """A text of digits in groups, a whole number of up to eleven digits, and a word get no apostrophe in a CSV
    cell.
    """
    assert cells.make_csv_cell(CellKind.TEXT, text) == text


def test_a_long_cell_text_is_checked_without_delay() -> None:
    """The regular expression that finds texts which a spreadsheet would change doesn't backtrack: it decides quickly
    about the longest cell that almost matches.
    """
    for part in ("1", "1 ", "may", "sept", "1:", "t1", "tue1"):
        text = part * (cells.LONGEST_CELL_CHARACTERS // len(part) - 1)
        assert cells.make_csv_cell(CellKind.TEXT, f"{text}x") == f"{text}x"


@pytest.mark.parametrize("text", ["DECO-0012", "MARKET-123", "Marketing 24", "12 Mayer", "20日", "11月"])
def test_a_text_that_begins_like_a_month_gets_no_apostrophe(text: str) -> None:
    """An order number that begins with the letters of a month isn't a date, and gets no apostrophe in a CSV cell."""
    assert cells.make_csv_cell(CellKind.TEXT, text) == text


@pytest.mark.parametrize("text", ["\U0001f600" * 16_001, "a" + "\U0001f600" * 16_000, "a" * 32_001])
def test_a_cell_is_no_longer_than_a_spreadsheet_allows(text: str) -> None:
    """An exported text is cut to 32,767 UTF-16 units, because Excel reports a workbook with a longer cell as
    damaged.
    """
    cell = cells.make_printable_text(text)
    assert len(cell.encode("utf-16-le")) <= 2 * 32_767
    assert cell.endswith("…")
    assert cells.make_printable_text("a\ud83d\ude00b") == "a\U0001f600b"
    assert cells.make_printable_text("\U0001f600" * 16_000) == "\U0001f600" * 16_000


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1899, 12, 31), date(1900, 3, 1), date(9999, 12, 31)])
def test_a_day_before_1900_is_a_text_in_a_workbook(tmp_path: Path, day: date) -> None:
    """A spreadsheet can't store a day or time before 1900-03-01: the workbook contains it as a text that shows the
    same day.
    """
    columns = [
        ExportColumn("Day", CellKind.DAY, lambda row: row),
        ExportColumn("At", CellKind.INSTANT, lambda row: datetime(row.year, row.month, row.day, 3, tzinfo=UTC)),
    ]
    with (tmp_path / "a.xlsx").open("w+b") as file:
        write_workbook(file, ExportTable("Days", columns, lambda: iter(())), [day])
    _, (on, at) = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows(values_only=True)
    assert (str(on)[:10], str(at)) == (day.isoformat(), f"{day.isoformat()} 12:00:00")


def test_a_long_table_continues_on_another_sheet(tmp_path: Path) -> None:
    """A table with more rows than a sheet may have continues on further sheets, each with the column titles."""
    column = ExportColumn("n", CellKind.NUMBER, lambda row: row)
    table = ExportTable("Long", [column], lambda: iter(()), lambda _: ("about",), about_title="About")
    with (tmp_path / "a.xlsx").open("w+b") as file:
        write_workbook(file, table, range(25), max_rows_per_sheet=11)
    *sheets, about = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert [sheet.title for sheet in (*sheets, about)] == ["Long", "Long 2", "Long 3", "About"]
    assert [cell for sheet in sheets for (cell,) in list(sheet.values)[1:]] == list(range(25))
    assert {next(iter(sheet.values)) for sheet in sheets} == {("n",)}


def make_table_of_equal_rows() -> ExportTable:
    """Return a table with a column of texts. All rows are equal, so they are compressed to a small part of their
    length.
    """
    return ExportTable("Long", [ExportColumn("n", CellKind.TEXT, lambda _: "equal")], lambda: iter(()))


@pytest.mark.skipif(os.name == "nt", reason="there is no /dev/full")
def test_a_workbook_on_a_full_disk_prints_no_traceback() -> None:
    """If the file of a workbook can't be written, the error is the one of the operating system. The ZIP writer of the
    failed workbook, which Python deletes later, raises no error that would be printed as a traceback.
    """
    with pytest.raises(OSError, match="No space left") as refused, Path("/dev/full").open("r+b") as file:
        write_workbook(file, make_table_of_equal_rows(), range(1_000))
    assert refused.value.errno == errno.ENOSPC
    del refused
    gc.collect()  # an error while an object is deleted fails this test (filterwarnings)


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_workbook_names_the_full_disk_of_its_temporary_files(tmp_path: Path) -> None:
    """If a temporary file of a workbook can't be written, the error is `storage_full` with the folder of temporary
    files, not with the file that the person has asked for.
    """
    with pytest.raises(ConsoleError) as refused, (tmp_path / "a.xlsx").open("w+b") as file, limit_file_sizes(100_000):
        write_workbook(file, make_table_of_equal_rows(), range(5_000))
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert refused.value.detail["file"] == tempfile.gettempdir()  # type: ignore[typeddict-item]  # of this error
    del refused
    gc.collect()


def test_an_export_needs_the_memory_of_a_page(tmp_path: Path) -> None:
    """Writing rows with 12 MB of text needs less than 3 MB of memory, as a workbook and as CSV."""
    columns = [ExportColumn(str(place), CellKind.TEXT, lambda row: f"x{row:03000}") for place in range(4)]
    for name, write in (("a.csv", write_csv_table), ("a.xlsx", write_workbook)):
        table = ExportTable("Many", columns, lambda: iter(()))
        with (tmp_path / name).open("w+b") as file:
            write(BytesIO(), table, range(1))  # imports the library
            tracemalloc.start()
            write(file, table, range(1_000))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 3_000_000, (name, peak)


def test_the_program_is_named_in_a_list_as_on_the_screen() -> None:
    """If the program itself requested a refund, the exported column of requesters has the same word for the program
    as the screen.
    """
    refund = Refund(9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "worker", (), None, None, 1)
    context = FileTextContext("ja", lambda: datetime(2026, 11, 20, tzinfo=UTC))
    columns = {column.title: column.read_cell for column in make_record_columns(context, lambda row: row)}
    assert columns["申請者"](refund) == "自動"
