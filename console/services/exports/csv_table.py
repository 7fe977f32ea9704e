"""Write tables of exports as CSV files: UTF-8 with a byte order mark and CRLF, which Excel reads correctly."""

import csv
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any, BinaryIO

from console.domain.exports.tables import CellKind, ExportTable
from console.services.exports.cells import make_csv_cell


def write_csv_table(file: BinaryIO, table: ExportTable, rows: Iterable[Any]) -> None:
    """Write the titles of the table's columns and then the rows to `file`, one row at a time. The lines of
    `table.make_lines_about_export` are left out, because other programs read a CSV file as one table with the titles
    in the first line.
    """
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="backslashreplace", newline="")
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(make_csv_cell(CellKind.TEXT, column.title) for column in table.columns)
        for row in rows:
            writer.writerow([make_csv_cell(column.kind, column.read_cell(row)) for column in table.columns])
    finally:
        text.detach()  # writes the buffered text; the caller closes the file
