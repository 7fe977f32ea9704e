"""Prepare printouts (a list, the page of a record, or a PDF), and write an audit entry about each printout before
it is printed. The entry says that printing started: a printer may print pages and then fail, so an entry that is
written afterwards could be missing while paper exists."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.domain.audit.actions import AuditAction
from console.domain.exports.tables import ExportRequest, ExportTable
from console.domain.records import Document
from console.services.audit import refusals
from console.services.exports.pdf_document import make_cell_text
from console.services.process.context import ServiceContext

MAX_PRINTED_ROWS = 1_000
"""Largest number of rows of a printed list. If the list has more rows, the printout has a line which says that it is
not complete."""
_EXPORT_AUDIT_SUBJECT_KIND = "export"


@dataclass(frozen=True, slots=True)
class PrintedList:
    """A list to print, as text: its title, the titles of its columns, and the cells of its rows. `is_cut` is True if
    the list has more rows than MAX_PRINTED_ROWS. `notes` are the sentences about the rows and figures, such as that
    more records match."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_cut: bool
    notes: tuple[str, ...] = ()


class PrintoutService:
    """Prepares printouts. Each method raises no_operator if no name of a person is configured, and not_allowed if the
    acting person has no right to read. A printed list has at most MAX_PRINTED_ROWS rows; values are masked as on the
    screen."""

    def __init__(
        self,
        context: ServiceContext,
        make_table: Callable[[ExportRequest, str, str], ExportTable],
        list_documents: Callable[[int], Sequence[Document]],
    ) -> None:
        """Store the service context and two functions. `make_table(request, language, person)` returns the table of
        the requested list, in a language (`ja` or `en`), for the person with this name. `list_documents` returns the
        PDFs of a credit check, the newest first.
        """
        self._context, self._make_table, self._list_documents = context, make_table, list_documents

    def read_list(self, request: ExportRequest, language: str) -> PrintedList:
        """Return at most MAX_PRINTED_ROWS rows of a list for printing, in the language `language` (`ja` or `en`), and
        write the audit entry about the printout. Raises usage or not_found if the request names an unknown list or
        record."""
        with refusals.audit_refusals(
            self._context, AuditAction.LIST_PRINTED, request.name.value, kind=_EXPORT_AUDIT_SUBJECT_KIND
        ):
            person = self._context.require_right("read")
            table = self._make_table(request, language, person.name)
            rows: list[object] = []
            for page in table.read_pages():
                rows += page
                if len(rows) > MAX_PRINTED_ROWS:
                    break
        printed_rows, is_cut = rows[:MAX_PRINTED_ROWS], len(rows) > MAX_PRINTED_ROWS
        cells = (
            tuple(make_cell_text(column.kind, column.read_cell(row)) for column in table.columns)
            for row in printed_rows
        )
        titles = tuple(column.title for column in table.columns)
        printed_list = PrintedList(table.title, titles, tuple(cells), is_cut, table.notes)
        facts: dict[str, object] = {
            "list": request.name.value,
            "subject": request.subject[:100],
            "n": len(printed_rows),
        }
        self._write_audit_entry(AuditAction.LIST_PRINTED, request.name.value, _EXPORT_AUDIT_SUBJECT_KIND, facts)
        return printed_list

    def write_audit_entry_of_record_printout(self, kind: str, id: int) -> None:
        """Write the audit entry about a printout of a record's page. `kind` and `id` name the record."""
        with refusals.audit_refusals(self._context, AuditAction.RECORD_PRINTED, id, kind=kind):
            self._context.require_right("read")
        self._write_audit_entry(AuditAction.RECORD_PRINTED, id, kind, {})

    def write_audit_entry_of_pdf_printout(self, record_id: int, sha256: str | None = None) -> None:
        """Write the audit entry about a printout of a credit check's newest PDF, or of its PDF with this SHA-256,
        which is not checked. Without `sha256`, raises not_found if there is no such credit check; if it has no PDF,
        the entry has no SHA-256."""
        with refusals.audit_refusals(self._context, AuditAction.CREDIT_CHECK_PDF_PRINTED, record_id):
            self._context.require_right("read")
            printed_sha256 = sha256 or next((document.sha256 for document in self._list_documents(record_id)), None)
        self._write_audit_entry(
            AuditAction.CREDIT_CHECK_PDF_PRINTED, record_id, "credit-check", {"sha256": printed_sha256}
        )

    def _write_audit_entry(
        self, action: AuditAction, subject: int | str, kind: str, facts: dict[str, object]
    ) -> None:
        context = self._context
        context.write(lambda tx: context.record_audit(tx, action, subject, facts, kind=kind))
