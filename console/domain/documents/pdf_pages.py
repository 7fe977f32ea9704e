"""Pages of a PDF for display: images of pages, and positions on a page."""

from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""A rectangle on a page: left, top, right, bottom as fractions (0 to 1) of the displayed page."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page of a PDF as an image. Width and height are in pixels; `pixels` has height × width × 3 bytes (red, green,
    blue), rows without padding.
    """

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class PageHit:
    """One match of a text search in a PDF: the page's index from 0, and one box for each line that the match
    covers.
    """

    page: int
    boxes: tuple[Box, ...]
