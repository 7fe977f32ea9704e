"""The pages of a long list that are stored in memory: which pages are loaded, which were dropped, and the position of
each row in the list. This module doesn't use Qt.

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

    `start` is the cursor at which the page starts; `count` the number of its entries (rows and headings), or of
    its placeholders; `entries` its entries, None while the page isn't loaded. `last_use` is the value of a counter
    at the last use of the page (0: never used); `last_group` is the key of the group of its last row.
    """

    start: object | None
    count: int
    entries: list[RowOrHeading] | None = None
    last_use: int = 0
    last_group: object | None = None


@dataclass(frozen=True, slots=True)
class RowChange:
    """One step that changes the entries (rows and headings) of a stored page.

    The step "set" replaces the entry at `position` by the one in `entries`; "insert" inserts the one in `entries`
    at `position`; "remove" removes the entry at `position`; "move" moves that entry to `target`. Positions count
    from the first entry of the page.
    """

    kind: Literal["set", "insert", "remove", "move"]
    position: int
    target: int = 0
    entries: tuple[RowOrHeading, ...] = ()


@dataclass(slots=True)
class PageCache:
    """The stored pages of one list. `key_of` returns the key of a row; `group_of` returns the heading of a row,
    and is None if the list has no headings."""

    key_of: Callable[[Any], Hashable]
    group_of: Callable[[Any], RowGroup] | None
    slots: list[CachedPage] = field(default_factory=list)
    _end_rows: list[int] = field(default_factory=list)

    def reset_slots(self, placeholders: int) -> None:
        """Forget all pages and start with one page of `placeholders` placeholder rows."""
        self.slots = [CachedPage(None, placeholders)]
        self.recompute_row_positions()

    def __len__(self) -> int:
        return self._end_rows[-1] if self._end_rows else 0

    def locate_row(self, row: int) -> tuple[int, int]:
        """Return the number of the page that contains the row at this position of the list, and the index of the row
        in this page.
        """
        page = bisect_right(self._end_rows, row)
        return page, row - (self._end_rows[page - 1] if page else 0)

    def get_first_row(self, page: int) -> int:
        """Return the position of the first row of page `page` in the list."""
        return self._end_rows[page - 1] if page else 0

    def entry(self, row: int) -> RowOrHeading | None:
        """Return the row or heading at this position of the list; None while its page isn't loaded."""
        page, place = self.locate_row(row)
        entries = self.slots[page].entries
        return None if entries is None else entries[place]

    def recompute_row_positions(self) -> None:
        """Compute again the position at which each page ends in the list. Call this after the number of entries of
        a page has changed."""
        total, ends = 0, []
        for slot in self.slots:
            total += slot.count
            ends.append(total)
        self._end_rows = ends

    def add_group_headings(self, page: int, rows: Sequence[Any]) -> list[RowOrHeading]:
        """Return the rows of page `page`, with a heading before each row that begins a new group. The first row
        begins a new group unless the last row of the previous page belongs to the same group."""
        if self.group_of is None:
            return list(rows)
        previous_key = self.slots[page - 1].last_group if page else None
        entries: list[RowOrHeading] = []
        for item in rows:
            group = self.group_of(item)
            if previous_key is None or group.key != previous_key:
                entries.append(group)
            previous_key = group.key
            entries.append(item)
        self.slots[page].last_group = previous_key
        return entries

    def count_entries_of_rows(self, entries: Sequence[RowOrHeading], rows: int) -> int:
        """Return the number of entries that the first `rows` rows take in `entries`, including the headings among
        them."""
        for number, entry in enumerate(entries):
            if rows == 0:
                return number
            rows -= not isinstance(entry, RowGroup)
        return len(entries)

    def get_entry_key(self, entry: RowOrHeading) -> Hashable:
        """Return the key of an entry (row or heading). It is the same in every version of the list, so that versions
        can be compared."""
        return ("group", entry.key) if isinstance(entry, RowGroup) else ("row", self.key_of(entry))

    def limit_loaded_pages(self, max_pages: int) -> None:
        """Drop the entries of the least recently used pages, so that at most `max_pages` pages stay loaded."""
        loaded_slots = sorted(
            (slot for slot in self.slots if slot.entries is not None), key=lambda slot: slot.last_use
        )
        for slot in loaded_slots[: max(0, len(loaded_slots) - max_pages)]:
            slot.entries = None


def compute_row_changes(
    old: list[RowOrHeading], new: list[RowOrHeading], key: Callable[[RowOrHeading], Hashable]
) -> list[RowChange]:
    """Return the steps (remove, move, insert, set) that turn the entries `old` into `new`. `key` returns the key of
    an entry.
    """
    steps: list[RowChange] = []
    new_keys = {key(entry) for entry in new}
    entries_now = list(old)
    for place in range(len(entries_now) - 1, -1, -1):
        entry_key = key(entries_now[place])
        if entry_key in new_keys:
            new_keys.discard(entry_key)  # overlapping pages may contain a row twice: the later one stays
        else:
            steps.append(RowChange("remove", place))
            del entries_now[place]
    keys = [key(entry) for entry in entries_now]
    for place, entry in enumerate(new):
        entry_key = key(entry)
        if place < len(keys) and keys[place] == entry_key:
            if entries_now[place] != entry:
                steps.append(RowChange("set", place, entries=(entry,)))
            continue
        if entry_key in keys[place:]:
            origin = keys.index(entry_key, place)
            steps.append(RowChange("move", origin, target=place))
            keys.insert(place, keys.pop(origin))
            moved_entry = entries_now.pop(origin)
            entries_now.insert(place, moved_entry)
            if moved_entry != entry:
                steps.append(RowChange("set", place, entries=(entry,)))
        else:
            steps.append(RowChange("insert", place, entries=(entry,)))
            keys.insert(place, entry_key)
            entries_now.insert(place, entry)
    return steps
