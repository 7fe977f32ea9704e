"""One page of a list that is read page by page, and the type of the functions that read such pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page of a list that is read page by page: its rows in order, and the cursor of the next page (None after
    the last page)."""

    rows: Sequence[Any]
    next_cursor: object | None = None


PageFetcher = Callable[[object | None, int], FetchedPage]
"""A function of (cursor, limit). It returns the page that begins at `cursor` (None for the first page) with at most
`limit` rows.
"""
