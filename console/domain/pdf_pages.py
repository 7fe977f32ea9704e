"""Pages of a document as people see them: pictures, and places on them."""

from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions (0 to 1) of the page as it is shown."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as a picture; `pixels`: height × width × 3 bytes (red, green, blue), rows without padding."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class PageHit:
    """One place where the words stand: page index from 0, one box per line that they cover."""

    page: int
    boxes: tuple[Box, ...]
