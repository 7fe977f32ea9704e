"""Save copies of a credit check's PDFs as files, with an audit entry about each copy."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reason import ForeignText
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.services.process.new_file import open_new_file, publish_with_audit_entry

_PDF_SAVED_AUDIT_ACTION = AuditAction.CREDIT_CHECK_PDF_SAVED


@dataclass(frozen=True, slots=True)
class SavedPdf:
    """A saved copy of a credit check's PDF: the path of its file, its size in bytes and its SHA-256. Size and
    SHA-256 were computed from the file after it was written."""

    file: str
    bytes: int
    sha256: str


class PdfCopyWriter:
    """Saves copies of the PDFs of credit checks, for people who have the right to read."""

    def __init__(self, context: ServiceContext, read_pdf: Callable[[int, str | None], bytes]) -> None:
        """Store the service context and the function `read_pdf`. `read_pdf` gets the id of a credit check and a
        SHA-256, and returns the content of the credit check's PDF with this SHA-256 (None: the current PDF)."""
        self._context, self._read_pdf = context, read_pdf

    def save(self, record_id: int, path: Path, sha256: str | None = None) -> SavedPdf:
        """Save the credit check's PDF with this SHA-256 (None: its current PDF) to the new file `path`. The method
        reads the written file again; the file gets its name only if its content is equal to the stored document. Only
        the present user of the machine can read the file. Return the file's path, size and SHA-256.

        The audit entry has the person and the SHA-256 of the written file, but no path, because the name of a folder
        may contain the name of a person. Raises not_found if the credit check has no such PDF or the stored PDF is
        damaged; no_operator if no name of a person is configured; not_allowed if the acting person has no right to
        read; documents_unreachable if the storage of the documents can't be reached; usage (file_exists) if the file
        exists, (no_folder) if its folder doesn't exist; storage_full if it can't be written or differs from the
        document.
        """
        with refusals.audit_refusals(self._context, _PDF_SAVED_AUDIT_ACTION, record_id):
            self._context.require_right("read")
            content = self._read_pdf(record_id, sha256)
        with open_new_file(path) as draft:
            draft.file.write(content)
            size, written_sha256 = draft.compute_length_and_sha256()
            if written_sha256 != hashlib.sha256(content).hexdigest():
                problem = ForeignText("the written file differs from the document")
                raise ConsoleError(ErrorCode.STORAGE_FULL, {"file": str(path), "problem": problem})
            facts = {"sha256": written_sha256, "bytes": size}
            record_entry = partial(
                self._context.record_audit, action=_PDF_SAVED_AUDIT_ACTION, subject_id=record_id, detail=facts
            )
            publish_with_audit_entry(self._context, draft, record_entry)
            return SavedPdf(str(draft.final_path), size, written_sha256)
