"""Write tables and documents as XLSX workbooks. Only one row is in memory at a time; finished rows are written to
a temporary file."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from console.domain.exports.tables import CellKind, DocumentTable, ExportDocument, ExportTable
from console.services.exports.cells import SheetNames, make_sheet_cell, make_spreadsheet_safe_text
from console.services.process.temporary_files import get_temporary_folder, open_temporary_folder
from console.store.spool.sqlite_file import translate_errors

MAX_ROWS_PER_SHEET = 1_048_576
"""Largest number of rows of a sheet in Excel, the row of titles included."""
_NUMBER_FORMAT_BY_CELL_KIND = {
    CellKind.TEXT: "@",
    CellKind.CORPORATION_NUMBER: "@",
    CellKind.NUMBER: "0",
    CellKind.AMOUNT: "#,##0",
    CellKind.DAY: "yyyy-mm-dd",
    CellKind.INSTANT: "yyyy-mm-dd hh:mm:ss",
}
_DECIMAL_NUMBER_FORMAT = "#,##0.00"
_COLUMN_WIDTH_BY_CELL_KIND = {CellKind.TEXT: 24, CellKind.CORPORATION_NUMBER: 17, CellKind.INSTANT: 21}
"""Smallest width of a column in a sheet, in characters, by the kind of the column's cells."""
_MIN_COLUMN_WIDTH = 14
"""Smallest width of a column, in characters, for the kinds of cells that _COLUMN_WIDTH_BY_CELL_KIND doesn't have."""
_MAX_COLUMN_WIDTH = 48
"""Largest width of a column, in characters."""
_FIXED_CREATION_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of creation in a document that must not depend on the time of its writing."""


def write_workbook(
    file: BinaryIO, table: ExportTable, rows: Iterable[Any], max_rows_per_sheet: int = MAX_ROWS_PER_SHEET
) -> None:
    """Write the rows of a table to `file` as an XLSX workbook. Its last sheet, which has the title
    `table.about_title`, has the lines of `table.make_lines_about_export`. A table with more than `max_rows_per_sheet`
    rows, including the titles, continues on more sheets. Raises OSError if `file` can't be written, and ConsoleError
    `storage_full` if a temporary file can't be written."""
    with _open_workbook(file) as workbook:
        sheet_names = SheetNames()
        table_writer = _TableSheetWriter(workbook, table, max_rows_per_sheet, sheet_names)
        row_count = 0
        for row in rows:
            table_writer.write_row([column.read_cell(row) for column in table.columns])
            row_count += 1
        about_name = sheet_names.make_name(table.about_title)
        _write_about_sheet(workbook, table.make_lines_about_export(row_count), about_name)


def write_document_workbook(file: BinaryIO, document: ExportDocument) -> None:
    """Write a document to `file` as an XLSX workbook: its title and lines on the first sheet, then one sheet for each
    table. The same content always gives the same bytes. Raises OSError if `file` can't be written, and ConsoleError
    `storage_full` if a temporary file can't be written."""
    with _open_workbook(file) as workbook:
        workbook.set_properties({"created": _FIXED_CREATION_TIME})
        sheet_names = SheetNames()
        _write_about_sheet(workbook, (document.title, *document.lines), sheet_names.make_name(document.title))
        for table in document.tables:
            table_writer = _TableSheetWriter(workbook, table, MAX_ROWS_PER_SHEET, sheet_names)
            for row in table.rows:
                table_writer.write_row([column.read_cell(row) for column in table.columns])


class _WorkbookTarget:
    """The file to which the finished workbook is written, as the ZIP writer of `xlsxwriter` uses it. `error` is the
    error by which a write to the file has failed, None while no write has failed. After `detach`, all calls are
    ignored: the ZIP writer of a failed workbook writes its last bytes when Python deletes it, and the file may be
    closed by then."""

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        self._position = file.tell()
        self.error: OSError | None = None

    def detach(self) -> None:
        """Ignore all later calls."""
        self._file = None

    def write(self, data: bytes) -> int:
        """Write the bytes at the present position, and return their number."""
        if self._file is not None:
            with self._keep_error():
                self._file.write(data)
        self._position += len(data)
        return len(data)

    def seek(self, position: int) -> int:
        """Set the position, which counts from the beginning of the file, and return it."""
        if self._file is not None:
            with self._keep_error():  # a buffered file writes its buffer first
                self._file.seek(position)
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def flush(self) -> None:
        """Write the buffer to the file."""
        if self._file is not None:
            with self._keep_error():
                self._file.flush()

    @contextmanager
    def _keep_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error
            raise


@contextmanager
def _open_workbook(file: BinaryIO) -> Iterator[Any]:
    """Context manager: yield a new XLSX workbook, which is written completely to `file` at the end of the block.
    Its temporary files are always deleted. Raises OSError if `file` can't be written, and ConsoleError `storage_full`
    with the folder of temporary files if a temporary file can't be written."""
    from xlsxwriter import Workbook  # imported here because only an export as a workbook needs it
    from xlsxwriter.exceptions import FileCreateError

    with open_temporary_folder() as folder:
        options = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        target = _WorkbookTarget(file)
        workbook = Workbook(target, {"constant_memory": True, "tmpdir": str(folder), **options})
        try:
            yield workbook
            workbook.close()
        except (OSError, FileCreateError) as error:
            if target.error is not None:
                raise target.error from error
            cause = error.args[0] if isinstance(error, FileCreateError) else error
            with translate_errors(get_temporary_folder()):
                raise cause from None
        finally:
            target.detach()
            for sheet in workbook.worksheets():
                with suppress(OSError):  # the last rows of a workbook that has failed
                    sheet.row_data_fh.close()


class _TableSheetWriter:
    """Writes one table to the sheets of an XLSX workbook. When a sheet is full, the table continues on a new
    sheet."""

    def __init__(
        self, workbook: Any, table: ExportTable | DocumentTable, max_rows_per_sheet: int, sheet_names: SheetNames
    ) -> None:
        """`sheet_names` gives each new sheet of the workbook its name."""
        self._title, self._sheet_names = table.title, sheet_names
        self._workbook, self._columns, self._max_rows_per_sheet = workbook, table.columns, max_rows_per_sheet
        self._title_format = workbook.add_format({"bold": True, "bottom": 1})
        self._format_by_kind = {
            kind: workbook.add_format({"num_format": form}) for kind, form in _NUMBER_FORMAT_BY_CELL_KIND.items()
        }
        self._decimals_format = workbook.add_format({"num_format": _DECIMAL_NUMBER_FORMAT})
        self._add_sheet()

    def _add_sheet(self) -> None:
        self._sheet = self._workbook.add_worksheet(self._sheet_names.make_name(self._title))
        self._sheet.freeze_panes(1, 0)
        for column_index, column in enumerate(self._columns):
            width = max(_COLUMN_WIDTH_BY_CELL_KIND.get(column.kind, _MIN_COLUMN_WIDTH), 2 * len(column.title))
            self._sheet.set_column(
                column_index, column_index, min(width, _MAX_COLUMN_WIDTH), self._format_by_kind[column.kind]
            )
            self._sheet.write_string(0, column_index, make_spreadsheet_safe_text(column.title), self._title_format)
        self._next_row = 1

    def write_row(self, values: Sequence[Any]) -> None:
        """Write the cells of one row of the table."""
        if self._next_row == self._max_rows_per_sheet:
            self._add_sheet()
        for column_index, (column, value) in enumerate(zip(self._columns, values, strict=True)):
            self._write_cell(column_index, column.kind, make_sheet_cell(value))
        self._next_row += 1

    def _write_cell(self, column_index: int, kind: CellKind, value: object) -> None:
        cell_format = self._format_by_kind[kind]
        match value:
            case str() if value:
                self._sheet.write_string(self._next_row, column_index, value, cell_format)
            case date() | datetime():
                self._sheet.write_datetime(self._next_row, column_index, value, cell_format)
            case Decimal() if value.as_tuple().exponent:
                self._sheet.write_number(self._next_row, column_index, value, self._decimals_format)
            case int() | Decimal():
                self._sheet.write_number(self._next_row, column_index, value, cell_format)


def _write_about_sheet(workbook: Any, lines: Sequence[str], sheet_name: str) -> None:
    sheet = workbook.add_worksheet(sheet_name)
    sheet.set_column(0, 0, 100)
    for row_index, line in enumerate(lines):
        sheet.write_string(row_index, 0, make_spreadsheet_safe_text(line))
