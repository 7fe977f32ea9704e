"""Write lists to files for a spreadsheet, page by page, and write an audit entry about each file."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportRequest, ExportTable, FileFormat, WrittenExport
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.exports.csv_table import write_csv_table
from console.services.exports.workbook import write_workbook
from console.services.process.context import ServiceContext
from console.services.process.new_file import open_new_file, publish_with_audit_entry
from console.settings.unfinished_files import UnfinishedFile

RowCountReporter = Callable[[int], None]
"""Function that is called with 0 before the first row, and with the number of rows written so far after each page. It
may raise an exception to cancel the export; then no file remains.
"""
_LIST_EXPORT_AUDIT_ACTION = AuditAction.LIST_EXPORTED
_EXPORT_AUDIT_SUBJECT_KIND = "export"
_LONGEST_AUDIT_SUBJECT_CHARACTERS = 100


class ExportService:
    """Writes exports (lists for a spreadsheet), for people who have the right to read. A file has only the rows
    that the acting person may see."""

    def __init__(self, context: ServiceContext, make_table: Callable[[ExportRequest, str, str], ExportTable]) -> None:
        """Store the service context and the function `make_table`. `make_table(request, language, person)` returns
        the table of the requested list, in a language (`ja` or `en`), for the person with this name."""
        self._context, self._make_table = context, make_table

    def write(
        self, request: ExportRequest, path: Path, language: str, progress: RowCountReporter = lambda _: None
    ) -> WrittenExport:
        """Write the requested list, in the language `language` (`ja` or `en`), to the new file `path` (suffix `.csv`
        or `.xlsx`), and an audit entry with the number of rows, the list's subject and its filter. The file gets its
        name when it is complete; only the present user of the machine can read it. Return a description of the file.
        The method calls `progress` with the number of written rows (see RowCountReporter).

        Raises no_operator if no name of a person is configured; not_allowed if the acting person has no right to
        read; usage (file_exists) if the file exists, (no_folder) if its folder doesn't exist, (export_format) for
        another suffix; storage_full if it can't be written; and usage or not_found if the request names an unknown
        list or record.
        """
        file_format = _parse_export_format(path)
        with refusals.audit_refusals(
            self._context, _LIST_EXPORT_AUDIT_ACTION, request.name.value, kind=_EXPORT_AUDIT_SUBJECT_KIND
        ):
            person = self._context.require_right("read")
            table = self._make_table(request, language, person.name)
            rows = _CountedRows(table.read_pages(), progress)
        with open_new_file(path) as draft:
            return self._write_list_file(draft, file_format, table, rows, request)

    def _write_list_file(
        self,
        draft: UnfinishedFile,
        file_format: FileFormat,
        table: ExportTable,
        rows: "_CountedRows",
        request: ExportRequest,
    ) -> WrittenExport:
        write_table = write_workbook if file_format is FileFormat.XLSX else write_csv_table
        write_table(draft.file, table, rows)
        size, sha256 = draft.compute_length_and_sha256()
        facts = {
            "list": request.name.value,
            "subject": request.subject[:_LONGEST_AUDIT_SUBJECT_CHARACTERS],
            "part": request.part[:_LONGEST_AUDIT_SUBJECT_CHARACTERS],
            "chosen": None if request.chosen_records is None else request.chosen_records.count,
            "format": file_format.value,
            "n": rows.count,
            "sha256": sha256,
        }
        record_entry = partial(
            self._context.record_audit,
            action=_LIST_EXPORT_AUDIT_ACTION,
            subject_id=request.name.value,
            detail=facts,
            kind=_EXPORT_AUDIT_SUBJECT_KIND,
        )
        publish_with_audit_entry(self._context, draft, record_entry)
        return WrittenExport(str(draft.final_path), rows.count, size, table.notes)


class _CountedRows:
    """Iterates over the rows of an exported table, which are read page by page, and counts them in `count`. The
    constructor reads the first page, so that a refusal is raised before a file exists."""

    def __init__(self, pages: Iterator[Sequence[Any]], progress: RowCountReporter) -> None:
        self._first_page, self._pages = next(pages, ()), pages
        self._progress, self.count = progress, 0

    def __iter__(self) -> Iterator[Any]:
        for page in chain((self._first_page,), self._pages):
            self._progress(self.count)
            for row in page:
                yield row
                self.count += 1
        self._progress(self.count)


def _parse_export_format(path: Path) -> FileFormat:
    """Return the format of an export's file that the suffix of `path` names. Raises usage (export_format) for
    another suffix."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in list(FileFormat):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_EXPORT_FORMAT, "file": str(path)})
    return FileFormat(suffix)
