"""Open PDFs of a credit check, for display or to compare two versions. A child process with limited memory and time
reads them.
"""

from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Document
from console.services.credit_checks.pdf_comparison import PdfComparison
from console.services.credit_checks.view import CreditCheckViews
from console.store.documents.pdf_renderer import PdfDocument

__all__ = ["PdfComparison", "PdfDocument", "Pdfs"]


class Pdfs:
    """Opens PDFs of credit checks. Each opening gets an audit entry."""

    def __init__(self, views: CreditCheckViews) -> None:
        self._views = views

    def open_pages(self, record_id: int, sha256: str | None = None) -> PdfDocument:
        """Return the pages of the record's current PDF, or of its PDF with this SHA-256. The caller must close them.
        Raises not_found, and not_allowed if a named person may not read.
        """
        return PdfDocument(self._views.read_pdf(record_id, sha256))

    def list_versions(self, record_id: int) -> tuple[Document, ...]:
        """Return the stored PDFs of the record, newest first. Raises not_found, and not_allowed if a named person may
        not read.
        """
        return self._views.list_documents(record_id)

    def open_comparison(self, record_id: int, old: str | None = None, new: str | None = None) -> PdfComparison:
        """Return two versions of the record's PDF to compare, named by their SHA-256. Without `new`, the newest one;
        without `old`, the one before the new one. The caller must close them. Raises not_found, usage (one_version)
        if there is no older version, and not_allowed.
        """
        versions = self.list_versions(record_id)
        new_place = _place_of(versions, new, 0, record_id)
        old_place = _place_of(versions, old, new_place + 1, record_id)
        if old_place >= len(versions) or old_place == new_place:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_OLDER_VERSION})
        documents = [self.open_pages(record_id, versions[place].sha256) for place in (old_place, new_place)]
        return PdfComparison(*documents)


def _place_of(versions: tuple[Document, ...], sha256: str | None, otherwise: int, record_id: int) -> int:
    if sha256 is None:
        return otherwise
    for place, version in enumerate(versions):
        if version.sha256 == sha256:
            return place
    raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "document", "id": str(record_id)})
