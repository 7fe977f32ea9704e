"""The pages of a long list that are stored in memory. This module stores which pages are loaded, which were dropped,
and the position of each row in the list. It doesn't use Qt.

A page is identified by the cursor at which it starts. A page that was dropped to save memory keeps its cursor and its
number of rows, so that the scroll bar stays correct and the page can be read again.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from console.views.tables.columns import RowGroup

RowOrHeading = Any  # a row as the service returned it, or a RowGroup


@dataclass(slots=True)
class CachedPage:
    """One stored page of a list, loaded or not.

    `start_cursor` is the cursor at which the page starts. `entry_count` is the number of its entries (rows and
    headings), or of its placeholders. `entries` are its entries; None while the page isn't loaded. `last_use_number`
    is the value of a counter at the last use of the page; 0 means that the page was never used. `last_group_key` is
    the key of the group of its last row.
    """

    start_cursor: object | None
    entry_count: int
    entries: list[RowOrHeading] | None = None
    last_use_number: int = 0
    last_group_key: object | None = None


@dataclass(frozen=True, slots=True)
class RowChange:
    """One step that changes the entries (rows and headings) of a stored page.

    The step "set" replaces the entry at `position` by the entry in `entries`; "insert" inserts the entry in `entries`
    at `position`; "remove" removes the entry at `position`; "move" moves the entry at `position` to
    `target_position`. Positions count from the first entry of the page.
    """

    kind: Literal["set", "insert", "remove", "move"]
    position: int
    target_position: int = 0
    entries: tuple[RowOrHeading, ...] = ()


@dataclass(slots=True)
class PageCache:
    """The stored pages of one list. `get_key` returns the key of a row; `get_group` returns the heading of a row,
    and is None if the list has no headings."""

    get_key: Callable[[Any], Hashable]
    get_group: Callable[[Any], RowGroup] | None
    pages: list[CachedPage] = field(default_factory=list)
    _end_positions: list[int] = field(default_factory=list)

    def reset_pages(self, placeholder_count: int) -> None:
        """Discard all pages and start with one page of `placeholder_count` placeholder rows."""
        self.pages = [CachedPage(None, placeholder_count)]
        self.recompute_row_positions()

    def __len__(self) -> int:
        return self._end_positions[-1] if self._end_positions else 0

    def locate_row(self, row: int) -> tuple[int, int]:
        """Return the number of the page that contains the row at this position of the list, and the index of the row
        in this page.
        """
        page_number = bisect_right(self._end_positions, row)
        return page_number, row - (self._end_positions[page_number - 1] if page_number else 0)

    def get_first_row(self, page_number: int) -> int:
        """Return the position of the first row of page `page_number` in the list."""
        return self._end_positions[page_number - 1] if page_number else 0

    def get_entry(self, row: int) -> RowOrHeading | None:
        """Return the row or heading at this position of the list; None while the page of this position isn't
        loaded."""
        page_number, index = self.locate_row(row)
        entries = self.pages[page_number].entries
        return None if entries is None else entries[index]

    def recompute_row_positions(self) -> None:
        """Compute again the position at which each page ends in the list. Call this after the number of entries of
        a page has changed."""
        row_total, end_positions = 0, []
        for cached_page in self.pages:
            row_total += cached_page.entry_count
            end_positions.append(row_total)
        self._end_positions = end_positions

    def add_group_headings(self, page_number: int, rows: Sequence[Any]) -> list[RowOrHeading]:
        """Return the rows of page `page_number`, with a heading before each row that begins a new group. The first
        row begins a new group unless the last row of the previous page belongs to the same group."""
        if self.get_group is None:
            return list(rows)
        previous_key = self.pages[page_number - 1].last_group_key if page_number else None
        entries: list[RowOrHeading] = []
        for item in rows:
            group = self.get_group(item)
            if previous_key is None or group.key != previous_key:
                entries.append(group)
            previous_key = group.key
            entries.append(item)
        self.pages[page_number].last_group_key = previous_key
        return entries

    def count_entries_of_rows(self, entries: Sequence[RowOrHeading], row_count: int) -> int:
        """Return the number of entries of `entries` that the first `row_count` rows and the headings among them
        take."""
        for entry_count, entry in enumerate(entries):
            if row_count == 0:
                return entry_count
            row_count -= not isinstance(entry, RowGroup)
        return len(entries)

    def get_entry_key(self, entry: RowOrHeading) -> Hashable:
        """Return the key of an entry (row or heading). The key is the same in every version of the list, so that
        versions can be compared."""
        return ("group", entry.key) if isinstance(entry, RowGroup) else ("row", self.get_key(entry))

    def limit_loaded_pages(self, max_pages: int) -> None:
        """Drop the entries of the least recently used pages, so that at most `max_pages` pages stay loaded."""
        loaded_pages = sorted(
            (cached_page for cached_page in self.pages if cached_page.entries is not None),
            key=lambda cached_page: cached_page.last_use_number,
        )
        for cached_page in loaded_pages[: max(0, len(loaded_pages) - max_pages)]:
            cached_page.entries = None


def compute_row_changes(
    old_entries: list[RowOrHeading], new_entries: list[RowOrHeading], get_key: Callable[[RowOrHeading], Hashable]
) -> list[RowChange]:
    """Return the steps (remove, move, insert, set) that turn the entries `old_entries` into `new_entries`. `get_key`
    returns the key of an entry.
    """
    steps: list[RowChange] = []
    remaining_new_keys = {get_key(entry) for entry in new_entries}
    current_entries = list(old_entries)
    for position in range(len(current_entries) - 1, -1, -1):
        entry_key = get_key(current_entries[position])
        if entry_key in remaining_new_keys:
            remaining_new_keys.discard(entry_key)  # overlapping pages may contain a row twice: the later one stays
        else:
            steps.append(RowChange("remove", position))
            del current_entries[position]
    current_keys = [get_key(entry) for entry in current_entries]
    for position, entry in enumerate(new_entries):
        entry_key = get_key(entry)
        if position < len(current_keys) and current_keys[position] == entry_key:
            if current_entries[position] != entry:
                steps.append(RowChange("set", position, entries=(entry,)))
            continue
        if entry_key in current_keys[position:]:
            origin = current_keys.index(entry_key, position)
            steps.append(RowChange("move", origin, target_position=position))
            current_keys.insert(position, current_keys.pop(origin))
            moved_entry = current_entries.pop(origin)
            current_entries.insert(position, moved_entry)
            if moved_entry != entry:
                steps.append(RowChange("set", position, entries=(entry,)))
        else:
            steps.append(RowChange("insert", position, entries=(entry,)))
            current_keys.insert(position, entry_key)
            current_entries.insert(position, entry)
    return steps
