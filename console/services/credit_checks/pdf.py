"""Opening a record's PDF for looking at it: pages as pictures, from a child process with limits."""

from console.services.views import Views
from console.store.pdf_pages import PdfPages


class Pdfs:
    """Each opening is audited as a reading of the PDF."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def open(self, record_id: int, sha256: str | None = None) -> PdfPages:
        """The current PDF of a record, or the one of that content; close it after use. Raises not_found."""
        return PdfPages(self._views.pdf(record_id, sha256))
