"""Write the daily close of a provider to a file, and an audit entry about it. The program compares later closes of
the same day with this audit entry."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import DocumentFormat, ExportDocument
from console.domain.record_kinds import DAILY_CLOSE_KIND
from console.domain.reports.daily_close import (
    DailyClose,
    WrittenDailyClose,
    make_close_facts,
    make_close_subject,
)
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.exports.pdf_document import write_pdf_document
from console.services.exports.workbook import write_document_workbook
from console.services.process.context import ServiceContext
from console.services.process.new_file import open_new_file, publish_with_audit_entry
from console.store.database.engine import Transaction

_DAILY_CLOSE_AUDIT_ACTION = AuditAction.DAILY_CLOSE_WRITTEN


class DailyCloseWriter:
    """Writes daily closes to files, for people who have the right to read."""

    def __init__(
        self,
        context: ServiceContext,
        read_close: Callable[[str, date], DailyClose],
        make_document: Callable[[DailyClose, str], ExportDocument],
    ) -> None:
        """Store the service context and two functions: `read_close` returns the daily close of a provider and a day;
        `make_document` returns a daily close as a document in a language (`ja` or `en`)."""
        self._context, self._read_close, self._make_document = context, read_close, make_document

    def write(self, provider: str, day: date, path: Path, language: str) -> WrittenDailyClose:
        """Write the daily close of the provider and the Japanese day `day`, in the language `language` (`ja` or
        `en`), to the new file `path`, whose suffix names the format (PDF or XLSX), and an audit entry with the
        close's sums and open records. The file gets its name when it is complete and the entry is written; only the
        present user of the machine can read it. If it can't get its name, a second audit entry with the result
        `failed` is written, and the first entry counts as no close. Return a description of the file.

        Raises not_found for an unknown provider; no_operator if no name of a person is configured; not_allowed if the
        acting person has no right to read; usage (file_exists) if the file exists, (no_folder) if its folder doesn't
        exist, (document_format) for another suffix, (close_day) for a day in the future; storage_full if it can't be
        written.
        """
        document_format = _parse_document_format(path)
        subject = make_close_subject(provider[:20], day)
        with refusals.audit_refusals(self._context, _DAILY_CLOSE_AUDIT_ACTION, subject, kind=DAILY_CLOSE_KIND):
            self._context.require_right("read")
            daily_close = self._read_close(provider, day)
        document = self._make_document(daily_close, language)
        with open_new_file(path) as draft:
            if document_format is DocumentFormat.PDF:
                write_pdf_document(draft.file, document)
            else:
                write_document_workbook(draft.file, document)
            size, sha256 = draft.compute_length_and_sha256()
            file_facts = {
                "provider": provider,
                "day": day.isoformat(),
                "format": document_format.value,
                "sha256": sha256,
            }

            def record_entry(tx: Transaction, /, *, result: str, reason: ErrorCode | None) -> None:
                close_facts = make_close_facts(daily_close) if result == "done" else {}
                facts, action = {**close_facts, **file_facts}, _DAILY_CLOSE_AUDIT_ACTION
                self._context.record_audit(
                    tx, action, subject, facts, kind=DAILY_CLOSE_KIND, result=result, reason=reason
                )

            publish_with_audit_entry(self._context, draft, record_entry)
            return WrittenDailyClose(str(draft.final_path), size, sha256, daily_close)


def _parse_document_format(path: Path) -> DocumentFormat:
    """Return the format of a daily close's file that the suffix of `path` names. Raises usage (document_format)
    for another suffix."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in list(DocumentFormat):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_DOCUMENT_FORMAT, "file": str(path)})
    return DocumentFormat(suffix)
