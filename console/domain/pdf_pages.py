"""Pages of a PDF for display: their images, and positions on them."""

from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions (0 to 1) of the displayed page."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as an image. Width and height are in pixels; `pixels` has height × width × 3 bytes (red, green, blue),
    rows without padding.
    """

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class PageHit:
    """One match of a search: page index from 0, and one box per line that it covers."""

    page: int
    boxes: tuple[Box, ...]
