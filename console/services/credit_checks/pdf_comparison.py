"""Compare two versions of a PDF page by page: first the words of the page and, if the words are equal, the images
of the page."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from console.domain.documents.comparison import DifferenceKind, DocumentComparison, PageComparison, PageDifference
from console.domain.documents.pdf_pages import PageImage, PageWord, WordChange
from console.domain.errors import ConsoleError, ErrorCode
from console.store.documents.pdf_renderer import PdfDocument

MAX_DOCUMENT_DIFFERENCES = 1_000
"""Largest number of differences of a comparison; it stops after the page that reaches it."""
MAX_DIFFERENCE_CHARACTERS = 300
"""Largest number of characters of the words of one difference."""
_COMPARED_IMAGE_WIDTH = 500  # pixels
_FIRST_CJK_CHARACTER = "\u2e80"

ComparedPagesReporter = Callable[[int, int], None]
"""Function that is called before each page with the number of compared pages and of all pages. It may raise an
exception to cancel the comparison.
"""


class PdfComparison:
    """Compares two versions of a PDF. A child process keeps each version open until `close`."""

    def __init__(self, old_pdf: PdfDocument, new_pdf: PdfDocument) -> None:
        self.old, self.new = old_pdf, new_pdf

    def close(self) -> None:
        for document in (self.old, self.new):
            document.close()

    def __enter__(self) -> "PdfComparison":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compare(self, progress: ComparedPagesReporter = lambda *_: None) -> DocumentComparison:
        """Compare the pages of the two versions and return the differences, at most MAX_DOCUMENT_DIFFERENCES; pages
        after the one that reaches this number are not compared. The method calls `progress` before each page.
        Raises provider_answer_unusable if one of the versions can't be opened."""
        result = DocumentComparison(self.old.count_pages(), self.new.count_pages())
        most_pages = max(result.old_pages, result.new_pages)
        for index in range(most_pages):
            progress(index, most_pages)
            page = self._compare_page(index, result)
            result = replace(
                result,
                differences=result.differences + page.differences,
                pages_without_text=result.pages_without_text + (not page.has_text),
                is_cut=result.is_cut or page.is_cut,
            )
            if len(result.differences) >= MAX_DOCUMENT_DIFFERENCES and index + 1 < most_pages:
                return replace(result, differences=result.differences[:MAX_DOCUMENT_DIFFERENCES], is_cut=True)
        is_cut = result.is_cut or len(result.differences) > MAX_DOCUMENT_DIFFERENCES
        return replace(result, differences=result.differences[:MAX_DOCUMENT_DIFFERENCES], is_cut=is_cut)

    def _compare_page(self, index: int, counts: DocumentComparison) -> PageComparison:
        if index >= counts.old_pages:
            return PageComparison(index, (PageDifference(index, DifferenceKind.PAGE_ADDED),))
        if index >= counts.new_pages:
            return PageComparison(index, (PageDifference(index, DifferenceKind.PAGE_REMOVED),))
        try:
            return self._compare_words(index)
        except ConsoleError as trouble:
            if trouble.code != ErrorCode.PROVIDER_ANSWER_UNUSABLE:
                raise
            reason = str(trouble.detail.get("reason", ""))
            return PageComparison(index, (PageDifference(index, DifferenceKind.UNREADABLE, reason=reason),))

    def _compare_words(self, index: int) -> PageComparison:
        old, new = self.old.read_page_words(index), self.new.read_page_words(index)
        changes = self.new.compare_words([word.text for word in old.words], [word.text for word in new.words])
        differences = tuple(_make_page_difference(index, change, old.words, new.words) for change in changes)
        if not differences and not _is_same_image(
            *(pdf.render_page(index, _COMPARED_IMAGE_WIDTH) for pdf in (self.old, self.new))
        ):
            differences = (PageDifference(index, DifferenceKind.IMAGE),)
        has_text = bool(old.words or new.words)
        return PageComparison(index, differences, has_text, old.is_cut or new.is_cut)


def _is_same_image(old_image: PageImage, new_image: PageImage) -> bool:
    return (old_image.width, old_image.height, old_image.pixels) == (
        new_image.width,
        new_image.height,
        new_image.pixels,
    )


def _make_page_difference(
    index: int, change: WordChange, old_words: Sequence[PageWord], new_words: Sequence[PageWord]
) -> PageDifference:
    old, new = old_words[change.old], new_words[change.new]
    kind = DifferenceKind.CHANGED if old and new else DifferenceKind.REMOVED if old else DifferenceKind.ADDED
    return PageDifference(
        index,
        kind,
        _join_words(old),
        _join_words(new),
        tuple(box for word in old for box in word.boxes),
        tuple(box for word in new for box in word.boxes),
    )


def _join_words(words: Sequence[PageWord]) -> str:
    """Return the words of a PDF page as one text, with spaces between them except next to Chinese and Japanese
    characters. A text longer than MAX_DIFFERENCE_CHARACTERS is cut."""
    text = ""
    for word in words:
        needs_space = text and max(text[-1], word.text[:1]) < _FIRST_CJK_CHARACTER
        text += f" {word.text}" if needs_space else word.text
        if len(text) > MAX_DIFFERENCE_CHARACTERS:
            return f"{text[:MAX_DIFFERENCE_CHARACTERS]}…"
    return text
