"""Differences between two versions of a PDF, page by page."""

from dataclasses import dataclass
from enum import StrEnum

from console.domain.documents.pdf_pages import PageBox


class DifferenceKind(StrEnum):
    """Kinds of differences between an old and a new version of a PDF: words that were added, removed or changed;
    another image of a page with the same words; a page that only one version has; a page that can't be read. Page n
    of the old version is compared with page n of the new one.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Words of the old version are replaced by other words in the new version."""
    IMAGE = "image"
    """The words are the same, and the images of the pages differ."""
    PAGE_ADDED = "page_added"
    PAGE_REMOVED = "page_removed"
    UNREADABLE = "unreadable"
    """The page can't be read in one of the versions, so it isn't compared."""


DIFFERENCE_SIGNS = {
    DifferenceKind.ADDED: "+",
    DifferenceKind.REMOVED: "−",
    DifferenceKind.CHANGED: "≠",
    DifferenceKind.IMAGE: "▨",
    DifferenceKind.PAGE_ADDED: "+",
    DifferenceKind.PAGE_REMOVED: "−",
    DifferenceKind.UNREADABLE: "?",
}
"""The sign that a screen shows for each kind of difference, because a colour alone is not enough."""


@dataclass(frozen=True, slots=True)
class PageDifference:
    """One difference between two versions of a PDF, on the page with the index `page_index` (from 0): the words of
    the old and of the new version, and the boxes around them. `reason` is the code of the reason for which the page
    can't be read; empty if it can be read.
    """

    page_index: int
    kind: DifferenceKind
    old_text: str = ""
    new_text: str = ""
    old_boxes: tuple[PageBox, ...] = ()
    new_boxes: tuple[PageBox, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PageComparison:
    """The differences between two versions of the page with the index `page_index` (from 0) of a PDF. `has_text` is
    False if neither version has words on the page: then only the images were compared. `has_uncompared_words` is True
    if one version has more words on the page than are compared.
    """

    page_index: int
    differences: tuple[PageDifference, ...] = ()
    has_text: bool = True
    has_uncompared_words: bool = False


@dataclass(frozen=True, slots=True)
class DocumentComparison:
    """The comparison of all pages of two versions of a PDF. `old_page_count` and `new_page_count` are numbers of
    pages; `textless_page_count` is the number of pages that were compared as images alone. `is_incomplete` is True if
    the comparison stopped early, or left out a part of a page, because there are too many words or differences.
    """

    old_page_count: int
    new_page_count: int
    differences: tuple[PageDifference, ...] = ()
    textless_page_count: int = 0
    is_incomplete: bool = False
