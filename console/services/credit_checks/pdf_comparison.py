"""Compare two versions of a PDF page by page: words first, and images where the words are the same."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from console.domain.documents.comparison import Comparison, DifferenceKind, PageComparison, PageDifference
from console.domain.documents.pdf_pages import PageImage, PageWord, WordChange
from console.domain.errors import ConsoleError, ErrorCode
from console.store.documents.pdf_renderer import PdfDocument

MOST_DIFFERENCES = 1_000
"""Largest number of differences of a comparison; it stops after the page that reaches it."""
LONGEST_TEXT = 300
"""Largest number of characters of the words of one difference."""
_IMAGE_WIDTH = 500  # pixels
_FIRST_UNSPACED = "\u2e80"

Progress = Callable[[int, int], None]
"""Function that is called before each page with the number of compared pages and of all pages. It may raise an
exception to cancel the comparison.
"""


class PdfComparison:
    """Two versions of a PDF, each open in a child process until `close`."""

    def __init__(self, old: PdfDocument, new: PdfDocument) -> None:
        self.old, self.new = old, new

    def close(self) -> None:
        for document in (self.old, self.new):
            document.close()

    def __enter__(self) -> "PdfComparison":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compare(self, progress: Progress = lambda *_: None) -> Comparison:
        """Compare all pages. Raises provider_answer_unusable if one of the versions can't be opened."""
        result = Comparison(self.old.page_count(), self.new.page_count())
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
            if len(result.differences) >= MOST_DIFFERENCES and index + 1 < most_pages:
                return replace(result, differences=result.differences[:MOST_DIFFERENCES], is_cut=True)
        return replace(result, differences=result.differences[:MOST_DIFFERENCES])

    def _compare_page(self, index: int, counts: Comparison) -> PageComparison:
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
        old, new = self.old.page_words(index), self.new.page_words(index)
        changes = self.new.compare_words([word.text for word in old.words], [word.text for word in new.words])
        differences = tuple(_make_difference(index, change, old.words, new.words) for change in changes)
        if not differences and not _is_same(*(pdf.page_image(index, _IMAGE_WIDTH) for pdf in (self.old, self.new))):
            differences = (PageDifference(index, DifferenceKind.IMAGE),)
        has_text = bool(old.words or new.words)
        return PageComparison(index, differences, has_text, old.is_cut or new.is_cut)


def _is_same(old: PageImage, new: PageImage) -> bool:
    return (old.width, old.height, old.pixels) == (new.width, new.height, new.pixels)


def _make_difference(
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
    """Return the words as text, with spaces between words, but not beside Chinese and Japanese characters."""
    text = ""
    for word in words:
        needs_space = text and max(text[-1], word.text[:1]) < _FIRST_UNSPACED
        text += f" {word.text}" if needs_space else word.text
        if len(text) > LONGEST_TEXT:
            return f"{text[:LONGEST_TEXT]}…"
    return text
