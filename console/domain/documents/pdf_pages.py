"""Pages of a PDF for display: images of pages, positions on a page, and words."""

from dataclasses import dataclass
from typing import TypeAlias

PageBox: TypeAlias = tuple[float, float, float, float]
"""A rectangle on a page: left, top, right, bottom as fractions (0 to 1) of the displayed page."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page of a PDF as an image. Width and height are in pixels; `pixels` has height × width × 3 bytes (red, green,
    blue), rows without padding.
    """

    width_px: int
    height_px: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class PageSearchMatch:
    """One match of a text search in a PDF: the page's index from 0, and one box for each line that the match covers.
    A box is left, top, right, bottom as fractions (0 to 1) of the page.
    """

    page_index: int
    boxes: tuple[PageBox, ...]


@dataclass(frozen=True, slots=True)
class PageSearch:
    """The result of a text search in a PDF. `unreadable_page_count` is the number of pages that can't be read, so
    that the text may be on them, too."""

    matches: tuple[PageSearchMatch, ...]
    unreadable_page_count: int = 0


@dataclass(frozen=True, slots=True)
class PageWord:
    """A word of a page with the boxes around it, as in `PageSearchMatch`. A Chinese or Japanese character is a word
    of its own.
    """

    text: str
    boxes: tuple[PageBox, ...]


@dataclass(frozen=True, slots=True)
class PageWords:
    """The first words of a page. `has_unread_words` is True if the page has more words or characters than the limits
    of the reader of PDF files."""

    words: tuple[PageWord, ...]
    has_unread_words: bool = False


@dataclass(frozen=True, slots=True)
class WordChange:
    """One difference between two lists of words: the words with the indexes `old_range` of the old list are replaced
    by the words with the indexes `new_range` of the new list. An empty range `old_range` means that words were added,
    an empty range `new_range` that words were removed.
    """

    old_range: slice
    new_range: slice
