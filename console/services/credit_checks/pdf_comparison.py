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
_COMPARED_IMAGE_WIDTH_PIXELS = 500
_FIRST_CJK_CHARACTER = "\u2e80"

ComparedPagesReporter = Callable[[int, int], None]
"""Function that is called before each page with the number of compared pages and of all pages. It may raise an
exception to cancel the comparison.
"""


class PdfComparison:
    """Compares two versions of a PDF. A child process keeps each version open until `close`."""

    def __init__(self, old_pdf: PdfDocument, new_pdf: PdfDocument) -> None:
        self.old_pdf, self.new_pdf = old_pdf, new_pdf

    def close(self) -> None:
        """End the child processes that keep the two versions open."""
        for document in (self.old_pdf, self.new_pdf):
            document.close()

    def __enter__(self) -> "PdfComparison":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compare(self, progress: ComparedPagesReporter = lambda *_: None) -> DocumentComparison:
        """Compare the pages of the two versions and return the differences, at most MAX_DOCUMENT_DIFFERENCES; after
        the page at which this number is reached, no further page is compared. The method calls `progress` before each
        page with the number of compared pages and the number of all pages. Raises provider_answer_unusable if one of
        the versions can't be opened.
        """
        comparison = DocumentComparison(self.old_pdf.count_pages(), self.new_pdf.count_pages())
        page_count = max(comparison.old_page_count, comparison.new_page_count)
        for index in range(page_count):
            progress(index, page_count)
            page_comparison = self._compare_page(index, comparison)
            comparison = replace(
                comparison,
                differences=comparison.differences + page_comparison.differences,
                textless_page_count=comparison.textless_page_count + (not page_comparison.has_text),
                is_incomplete=comparison.is_incomplete or page_comparison.has_uncompared_words,
            )
            if len(comparison.differences) >= MAX_DOCUMENT_DIFFERENCES and index + 1 < page_count:
                return replace(
                    comparison, differences=comparison.differences[:MAX_DOCUMENT_DIFFERENCES], is_incomplete=True
                )
        is_cut = comparison.is_incomplete or len(comparison.differences) > MAX_DOCUMENT_DIFFERENCES
        return replace(
            comparison, differences=comparison.differences[:MAX_DOCUMENT_DIFFERENCES], is_incomplete=is_cut
        )

    def _compare_page(self, index: int, comparison: DocumentComparison) -> PageComparison:
        """Return the comparison of the page with this index (from 0). A page that only one version has counts as one
        difference, and so does a page that can't be read."""
        if index >= comparison.old_page_count:
            return PageComparison(index, (PageDifference(index, DifferenceKind.PAGE_ADDED),))
        if index >= comparison.new_page_count:
            return PageComparison(index, (PageDifference(index, DifferenceKind.PAGE_REMOVED),))
        try:
            return self._compare_words(index)
        except ConsoleError as error:
            if error.code != ErrorCode.PROVIDER_ANSWER_UNUSABLE:
                raise
            reason = str(error.detail.get("reason", ""))
            return PageComparison(index, (PageDifference(index, DifferenceKind.UNREADABLE, reason=reason),))

    def _compare_words(self, index: int) -> PageComparison:
        """Return the differences between the words of the page in both versions; if the words are equal, one
        difference if the images of the page differ."""
        old_page, new_page = self.old_pdf.read_page_words(index), self.new_pdf.read_page_words(index)
        changes = self.new_pdf.compare_words(
            [word.text for word in old_page.words], [word.text for word in new_page.words]
        )
        differences = tuple(
            _make_page_difference(index, change, old_page.words, new_page.words) for change in changes
        )
        if not differences and not _is_same_image(
            *(pdf.render_page(index, _COMPARED_IMAGE_WIDTH_PIXELS) for pdf in (self.old_pdf, self.new_pdf))
        ):
            differences = (PageDifference(index, DifferenceKind.IMAGE),)
        has_text = bool(old_page.words or new_page.words)
        return PageComparison(index, differences, has_text, old_page.has_unread_words or new_page.has_unread_words)


def _is_same_image(old_image: PageImage, new_image: PageImage) -> bool:
    return (old_image.width_px, old_image.height_px, old_image.pixels) == (
        new_image.width_px,
        new_image.height_px,
        new_image.pixels,
    )


def _make_page_difference(
    index: int, change: WordChange, old_words: Sequence[PageWord], new_words: Sequence[PageWord]
) -> PageDifference:
    """Return one difference on the page with this index. `change` has the ranges of the changed words in `old_words`
    and `new_words`, the words of the page in both versions."""
    old_changed_words, new_changed_words = old_words[change.old_range], new_words[change.new_range]
    kind = (
        DifferenceKind.CHANGED
        if old_changed_words and new_changed_words
        else DifferenceKind.REMOVED
        if old_changed_words
        else DifferenceKind.ADDED
    )
    return PageDifference(
        index,
        kind,
        _join_words(old_changed_words),
        _join_words(new_changed_words),
        tuple(box for word in old_changed_words for box in word.boxes),
        tuple(box for word in new_changed_words for box in word.boxes),
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
