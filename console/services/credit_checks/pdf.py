"""Open the PDF of a credit check for display. A child process with limited memory and time draws the pages."""

from console.services.credit_checks.view import CreditCheckViews
from console.store.documents.pdf_renderer import PdfDocument

__all__ = ["PdfDocument", "Pdfs"]


class Pdfs:
    """Opens PDFs of credit checks. Each opening gets an audit entry."""

    def __init__(self, views: CreditCheckViews) -> None:
        self._views = views

    def open_pages(self, record_id: int, sha256: str | None = None) -> PdfDocument:
        """Return the pages of the record's current PDF, or of its PDF with this SHA-256. The caller must close them.
        Raises not_found, and not_allowed if a named person may not read.
        """
        return PdfDocument(self._views.read_pdf(record_id, sha256))
