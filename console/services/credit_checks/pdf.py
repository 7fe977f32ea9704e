"""Open the PDFs of a credit check, to display one PDF or to compare two versions. A child process with limited memory
and time reads the files."""

from collections.abc import Mapping
from contextlib import closing
from itertools import islice

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Document
from console.domain.usage_problems import UsageProblem
from console.services.credit_checks.details_reader import CreditCheckDetailsReader, make_no_pdf_error
from console.services.credit_checks.pdf_comparison import PdfComparison
from console.store.documents.pdf_renderer import PdfDocument

__all__ = ["PdfComparison", "PdfDocument", "CreditCheckPdfReader"]

_MAX_COUNTED_PDFS = 5  # a child process of its own reads each, for up to REQUEST_TIMEOUT_SECONDS


class CreditCheckPdfReader:
    """Opens PDFs of credit checks, and writes an audit entry about each opened PDF."""

    def __init__(self, details_reader: CreditCheckDetailsReader) -> None:
        self._details_reader = details_reader

    def open_pages(self, record_id: int, sha256: str | None = None) -> PdfDocument:
        """Return the opened PDF of the credit check: the current PDF (`sha256` None), or the PDF with this SHA-256.
        The caller must close the returned document. Raises not_found if the credit check has no such PDF or the PDF's
        file is missing or damaged; documents_unreachable if the storage of the documents can't be reached;
        not_allowed if the acting person has no right to read.
        """
        return PdfDocument(self._details_reader.read_pdf(record_id, sha256))

    def list_versions(self, record_id: int) -> tuple[Document, ...]:
        """Return the stored PDFs of the credit check, newest first. Raises not_found if there is no such credit
        check, and not_allowed if the acting person has no right to read."""
        return self._details_reader.list_documents(record_id)

    def count_pages(self, record_id: int) -> Mapping[str, int]:
        """Return the number of pages of the newest five stored PDFs of the credit check, by SHA-256. A PDF whose
        pages can't be read is left out. Raises not_found if there is no such credit check, documents_unreachable if
        the storage of the documents can't be reached, and not_allowed if the acting person has no right to read.
        """
        counts: dict[str, int] = {}
        for document, content in islice(self._details_reader.iterate_pdf_contents(record_id), _MAX_COUNTED_PDFS):
            count = _find_page_count(content)
            if count is not None:
                counts[document.sha256] = count
        return counts

    def open_comparison(
        self, record_id: int, old_sha256: str | None = None, new_sha256: str | None = None
    ) -> PdfComparison:
        """Return two opened versions of the credit check's PDF, to compare them. `old_sha256` and `new_sha256` are
        SHA-256 hashes; without `new_sha256`, the newest version is used, and without `old_sha256`, the version before
        `new_sha256`. The caller must close the comparison. Raises not_found if there is no such credit check, if no
        PDF has one of the hashes, or if a PDF's file is missing or damaged; documents_unreachable if the storage of
        the documents can't be reached; not_allowed if the acting person has no right to read; usage: one_version if
        the credit check has no version before the newer one, same_version if both hashes name the same version.
        """
        versions = self.list_versions(record_id)
        new_index = _find_version_index(versions, new_sha256, 0, record_id)
        old_index = _find_version_index(versions, old_sha256, new_index + 1, record_id)
        if old_index == new_index:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.SAME_VERSION})
        if old_index >= len(versions):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_OLDER_VERSION})
        documents = [self.open_pages(record_id, versions[index].sha256) for index in (old_index, new_index)]
        return PdfComparison(*documents)


def _find_page_count(content: bytes) -> int | None:
    """Return the number of pages of a PDF; None if its pages can't be read."""
    with closing(PdfDocument(content)) as pages:
        try:
            return pages.count_pages()
        except ConsoleError as error:
            if error.code is not ErrorCode.PROVIDER_ANSWER_UNUSABLE:
                raise
            return None


def _find_version_index(
    versions: tuple[Document, ...], sha256: str | None, default_index: int, record_id: int
) -> int:
    """Return the index in `versions` of the PDF with this SHA-256; `default_index` if `sha256` is None. Raises
    not_found (no_pdf) for the credit check `record_id` if none of the versions has this SHA-256."""
    if sha256 is None:
        return default_index
    for index, version in enumerate(versions):
        if version.sha256 == sha256:
            return index
    raise make_no_pdf_error(record_id)
