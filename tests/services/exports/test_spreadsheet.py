"""Tests in which LibreOffice opens and saves exported files, and the saved cells are compared. Without the program
`soffice` (package libreoffice-calc), these tests are skipped.
"""

import csv
import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from console.demo import reconciliation as demo_reconciliation
from console.domain.calendar_days import JST, convert_to_local
from console.domain.exports.tables import (
    CellKind,
    ChosenRecords,
    ExportColumn,
    ExportDocument,
    ExportRequest,
    ExportTable,
    ListName,
)
from console.domain.queues.filter_text import parse_filter
from console.sandbox.registry.files import write_whole_file
from console.sandbox.registry.rows import make_company_row
from console.services.exports import cells
from console.services.exports.csv_table import write_csv_table
from console.services.exports.workbook import write_workbook
from console.services.process.context import act_as
from console.store.schema.core import credit_checks
from console.wiring.exports import make_export_table
from console.wording.exports.daily_close import make_daily_close_document
from console.wording.sentences.text_context import FileTextContext, Language
from tests.services.exports.test_exports import make_expected_sheet_value, make_hostile_table, make_requests
from tests.support.sample_desk import SampleDesk, open_sample_desk

SOFFICE = shutil.which("soffice")
CSV_LANGUAGE_IDS = {"ja": 1041, "en": 1033}
"""Windows' numbers of the languages by whose rules LibreOffice decides if a text is a number or a day."""
MAX_RELATIVE_DIFFERENCE, MAX_INSTANT_DIFFERENCE = 1e-14, timedelta(milliseconds=1)
"""Largest difference between a written and a saved value: for a number, relative to the number; for an instant, as a
duration. A spreadsheet stores 15 digits of a number, and an instant as a number of days.
"""
TEXTS_CHANGED_BY_SPREADSHEETS = (
    "007", "1180301018771", "1-2", "1/2", "1 1/2", "1..2", "1,5", "1,2,3", "1,234", "0.50", "1.", "1.10", "(5)", "5-",
    "1E5", "1e-5", "true", "FALSE", "００７", "１２３", "１-２", "1 2", "1 000", "1 1803 0101 8771", "12:30",
    "12:30:15", "12:30:15.25", "1:30 PM", "7 p",
    "MAR-2026", "12-SEP", "7 dec 26", "Nov 20, 2026", "20 Nov 2026 10:15", "Sat 5",
    "Friday, November 20, 2026", "11/20/26 3:05 pm", "2026-11-20 10:15", "2026/11/20 10:15:30", "2026-11-20T10:15:00",
    "2026-11-20T10:15:00Z", "11月20日", "2026年11月20日", "2026年11月20日 10:15",
    "令和8年11月20日", "R8.11.20", "10時15分",
    "50%", "5 %", "１２％", "5.5%", "￥500", "¥1,500", "$5", "$1,234.50", "€5", "5 €", "₹1,500.00", "1+", " 0", "12 ",
    "٣",
)  # fmt: skip
"""Texts of people and providers that look like numbers or days, but are neither."""
HOSTILE_COMPANY_NAMES = (
    '=HYPERLINK("https://example.com/","株式会社")',
    "＝１＋１株式会社",
    "@SUM(1+1)*cmd|'/c calc'!A0",
)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(SOFFICE is None, reason="soffice is missing (package libreoffice-calc)"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    """Yield the demo's desk, with the auditor as the acting person."""
    with open_sample_desk(tmp_path_factory.mktemp("home"), count=60, OPERATOR="aud-e") as made:
        with act_as("op-a"):
            made.console.bulk_runs.create_run("probe", "unknown")
        yield made


def open_and_save(files: Sequence[Path], folder: Path, csv_language: str = "") -> dict[Path, Path]:
    """Let LibreOffice open all files and save them as workbooks in `folder`; return the saved file for each file.
    LibreOffice reads CSV files as after a double click on a system with the language `csv_language`: as UTF-8 with
    commas, and with recognition of numbers and days.
    """
    folder.mkdir()
    language = CSV_LANGUAGE_IDS.get(csv_language)
    reading = [f"--infilter=CSV:44,34,76,1,,{language},false,true"] if language else []
    # One profile for both calls of a test: to make one takes LibreOffice a second of processor time.
    profile = f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}"
    command = [str(SOFFICE), profile, "--headless", *reading, "--convert-to", "xlsx", "--outdir", str(folder)]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    saved = {file: folder / f"{file.stem}.xlsx" for file in files}
    assert all(file.is_file() for file in saved.values()), done.stdout + done.stderr
    return saved


def read_cells(file: Path, sheet: int = 0) -> list[list[tuple[str, Any]]]:
    """Return the cells of each row of the sheet with the index `sheet` (from 0), each as a kind (`n` number, `d`
    day or instant, `s` text, `f` formula) and a value.
    """
    rows = openpyxl.load_workbook(file).worksheets[sheet].iter_rows()
    return [[("s" if cell.value is None else cell.data_type, cell.value) for cell in row] for row in rows]


def is_same_value(read_value: object, written: object) -> bool:
    """Return True if the two values are equal within the precision of a spreadsheet."""
    if isinstance(read_value, datetime) and isinstance(written, datetime):
        return abs(read_value - written) < MAX_INSTANT_DIFFERENCE
    if isinstance(read_value, float) and isinstance(written, float | int):
        return math.isclose(read_value, written, rel_tol=MAX_RELATIVE_DIFFERENCE)
    return read_value == written and isinstance(read_value, str) == isinstance(written, str)


def find_differences(cells: list[list[tuple[str, Any]]], expected: list[list[object]]) -> list[object]:
    """Return the cells that differ from the expected values or are formulas, each as row, column, kind, value and
    expected value.
    """
    width = max(map(len, expected))
    rows = [row + [("s", None)] * (width - len(row)) for row in cells]
    assert len(rows) == len(expected)
    return [
        (place, column, kind, value, written)
        for place, (row, expected_row) in enumerate(zip(rows, expected, strict=True))
        for column, ((kind, value), written) in enumerate(zip(row, expected_row, strict=True))
        if kind == "f" or not is_same_value(value, written)
    ]


def make_expected_book_cell(value: object) -> object:
    """Return the value that LibreOffice must read for this value in a workbook."""
    return (
        cells.make_spreadsheet_safe_text(value) or None
        if isinstance(value, str)
        else make_expected_sheet_value(value)
    )


def make_expected_csv_cell(value: object, cell: str) -> object:
    """Return the value that LibreOffice must read for the text `cell` of a CSV file. Numbers, days, instants, and
    whole numbers of up to eleven digits become values of their kind; any other text stays unchanged.
    """
    match value:
        case datetime():
            return convert_to_local(value, JST).replace(tzinfo=None, microsecond=0)
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a sheet has no zones
        case Decimal():
            return float(value)
        case int():
            return value
    return int(cell) if re.fullmatch(r"0|[1-9][0-9]{0,10}", cell) else cell or None


def copy_table_with_fixed_rows(table: ExportTable) -> ExportTable:
    """Return a copy of the table that always gives the rows which it has now, so that the workbook and the CSV file
    have the same rows.
    """
    rows = [row for page in table.read_pages() for row in page]
    return replace(table, read_pages=lambda: iter([rows]))


def write_and_compare(tables: dict[str, ExportTable], folder: Path, language: str) -> dict[str, list[object]]:
    """Write each table as a workbook and as CSV, and open the files in a spreadsheet of that language. Return the
    differing cells by the name of the file.
    """
    folder.mkdir()
    wrong: dict[str, list[object]] = {}
    for name, table in tables.items():
        with (folder / f"{name}.xlsx").open("w+b") as book, (folder / f"{name}.csv").open("w+b") as text:
            (rows,) = table.read_pages()
            write_workbook(book, table, rows)
            write_csv_table(text, table, rows)
    books = open_and_save([folder / f"{name}.xlsx" for name in tables], folder / "books")
    sheets = open_and_save([folder / f"{name}.csv" for name in tables], folder / "sheets", language)
    for name, table in tables.items():
        values = [[column.read_cell(row) for column in table.columns] for page in table.read_pages() for row in page]
        titles: list[object] = [cells.make_spreadsheet_safe_text(column.title) for column in table.columns]
        expected = [titles, *([make_expected_book_cell(cell) for cell in row] for row in values)]
        wrong[f"{name}.xlsx"] = find_differences(read_cells(books[folder / f"{name}.xlsx"]), expected)
        texts = csv.reader((folder / f"{name}.csv").read_text("utf-8-sig").splitlines())
        expected = [list[object](next(texts))]
        expected += [
            list(map(make_expected_csv_cell, row, row_texts)) for row, row_texts in zip(values, texts, strict=True)
        ]
        wrong[f"{name}.csv"] = find_differences(read_cells(sheets[folder / f"{name}.csv"]), expected)
    return {name: cells_of_file for name, cells_of_file in wrong.items() if cells_of_file}


@pytest.mark.nightly("test_exports.py reads every list back; here LibreOffice reads it, in 10 s for each language")
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_list_opens_in_a_spreadsheet(desk: SampleDesk, tmp_path: Path, language: str) -> None:
    """LibreOffice opens each exported list as a workbook and as CSV: each cell has the value and kind that the
    service returned, and no cell is a formula.
    """
    now = desk.console._context.now()  # a state in words depends on the time since its last change
    context = FileTextContext(language, lambda: now)
    tables = {
        f"{place}-{request.name}": copy_table_with_fixed_rows(
            make_export_table(desk.console, request, "aud-e", context)
        )
        for place, request in enumerate(make_requests(desk))
    }
    assert write_and_compare(tables, tmp_path / "files", language) == {}


@pytest.fixture(scope="module")
def filled_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    """Yield a desk with the lists that the demo's desk doesn't have: reconciliation runs and a corporation registry.
    Companies of the queue of unknown outcomes and of the registry have names that begin like formulas.
    """
    folder = tmp_path_factory.mktemp("filled")
    with open_sample_desk(folder / "home", count=60, OPERATOR="aud-e") as made:
        now = made.console._context.now()
        demo_reconciliation.prepare_reconciliation_days(made.console, made.sandbox, 1, now, "op-a")
        unknown = made.list_checks("unknown")[: len(HOSTILE_COMPANY_NAMES)]
        rows = [
            make_company_row(check.corporation_number, name)
            for check, name in zip(unknown, HOSTILE_COMPANY_NAMES, strict=True)
        ]
        made.console.registry.import_files([write_whole_file(folder, date(2026, 11, 18), 60, 5, first_rows=rows)])
        for check, name in zip(unknown, HOSTILE_COMPANY_NAMES, strict=True):
            rename = credit_checks.update().where(credit_checks.c.id == check.id).values(company_name=name)
            with made.console._context.database.write_without_retries() as tx:
                tx.conn.execute(rename)
        yield made


@pytest.mark.nightly("test_exports.py reads these lists back; here LibreOffice reads them, in 10 s for each language")
@pytest.mark.parametrize("language", ["ja", "en"])
def test_runs_companies_and_selections_open_in_a_spreadsheet(
    filled_desk: SampleDesk, tmp_path: Path, language: str
) -> None:
    """LibreOffice opens the reconciliation runs, the differences of a run, the companies of a search, and selected
    and filtered records of a queue, also with names that begin like formulas: each cell has the value that the
    service returned, and no cell is a formula.
    """
    console = filled_desk.console
    context = FileTextContext(language, console._context.now)
    (item, *_) = console.reconciliation.views.list_runs().items
    ids = {("credit-check", check.id) for check in filled_desk.list_checks("unknown")}
    selected = frozenset(sorted(ids)[: len(HOSTILE_COMPANY_NAMES)])
    requests = {
        "runs": ExportRequest(ListName.RUNS),
        "differences": ExportRequest(ListName.DIFFERENCES, str(item.id)),
        "companies": ExportRequest(ListName.COMPANIES, "株式会社"),
        "selected": ExportRequest(ListName.QUEUE, "unknown", "", ChosenRecords(selected, len(selected))),
        "filtered": ExportRequest(
            ListName.QUEUE, "unknown", record_filter=parse_filter("provider:alarmbox age:>1m").record_filter
        ),
    }
    tables = {
        name: copy_table_with_fixed_rows(make_export_table(console, request, "aud-e", context))
        for name, request in requests.items()
    }
    assert all(next(iter(table.read_pages())) for table in tables.values()), "no list is empty"
    hostile = [
        str(column.read_cell(row))
        for row in next(tables["selected"].read_pages())
        for column in tables["selected"].columns
    ]
    assert set(HOSTILE_COMPANY_NAMES) <= set(hostile)
    assert write_and_compare(tables, tmp_path / "files", language) == {}


@pytest.mark.nightly(
    "test_daily_close.py reads the workbook back; here LibreOffice reads it, in 5 s for each language"
)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_sheet_of_a_daily_close_opens_in_a_spreadsheet(
    filled_desk: SampleDesk, tmp_path: Path, language: Language
) -> None:
    """LibreOffice opens the daily close of each provider: the lines of the first sheet and each cell of the other
    sheets have the values of the document, and no cell is a formula.
    """
    console = filled_desk.console
    context = FileTextContext(language, console._context.now)
    day = (console._context.now().astimezone(JST) - timedelta(days=1)).date()
    documents: dict[Path, ExportDocument] = {}
    for provider in ("paypay", "atom"):
        file = tmp_path / f"{provider}.xlsx"
        close = console.daily_closes.write(provider, day, file, language).close
        documents[file] = make_daily_close_document(close, context)
    for file, saved in open_and_save(list(documents), tmp_path / "saved").items():
        document = documents[file]
        lines: list[list[object]] = [
            [cells.make_spreadsheet_safe_text(line)] for line in (document.title, *document.lines)
        ]
        assert find_differences(read_cells(saved), lines) == [], file
        for place, table in enumerate(document.tables, 1):
            titles = [cells.make_spreadsheet_safe_text(column.title) for column in table.columns]
            values = [
                [make_expected_book_cell(column.read_cell(row)) for column in table.columns] for row in table.rows
            ]
            assert find_differences(read_cells(saved, place), [list[object](titles), *values]) == [], (file, place)
    assert any(len(table.rows) for document in documents.values() for table in document.tables[1:])


@pytest.mark.parametrize("language", ["ja", "en"])
def test_hostile_texts_are_not_interpreted_by_a_spreadsheet(tmp_path: Path, language: str) -> None:
    """LibreOffice turns no hostile text into a formula, link, number or day, and keeps each digit of a number of 22
    digits.
    """
    kinds = {kind: ExportColumn(kind, kind, lambda row: row) for kind in (CellKind.TEXT, CellKind.CORPORATION_NUMBER)}
    changed = ExportTable("Changed", list(kinds.values()), lambda: iter([TEXTS_CHANGED_BY_SPREADSHEETS]))
    tables = {"hostile": make_hostile_table(), "changed": changed}
    assert write_and_compare(tables, tmp_path / "files", language) == {}
