"""The pages of a long list: which are here, which are not, and where each row lies. No Qt in here.

A page is known by the cursor it starts at. Pages that were read and then dropped to save memory keep their
cursor and their number of rows, so that the scroll bar stays true and they can be read again.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from console.views.tables.columns import Group

Entry = Any  # a row as the service gave it, or a Group


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: rows in order, and the cursor the next page starts at (None: this was the last)."""

    rows: Sequence[Any]
    next: object | None = None


@dataclass(slots=True)
class Slot:
    """One page's place in the list. `entries` is None while it isn't here."""

    start: object | None
    count: int
    entries: list[Entry] | None = None
    used: int = 0
    last_group: object | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step from the old entries of a page to the new ones, at places within the page."""

    kind: Literal["set", "insert", "remove", "move"]
    at: int
    count: int = 1
    target: int = 0
    entries: tuple[Entry, ...] = ()


@dataclass(slots=True)
class Book:
    """All pages of one list."""

    key_of: Callable[[Any], Hashable]
    group_of: Callable[[Any], Group] | None
    slots: list[Slot] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    def begin(self, placeholders: int) -> None:
        """Only the first page is known, and nothing of it."""
        self.slots = [Slot(None, placeholders)]
        self.count_anew()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def locate(self, row: int) -> tuple[int, int]:
        """Which page a row lies on, and where on it."""
        page = bisect_right(self._ends, row)
        return page, row - (self._ends[page - 1] if page else 0)

    def first_row(self, page: int) -> int:
        return self._ends[page - 1] if page else 0

    def entry(self, row: int) -> Entry | None:
        """The entry of a row, None while its page isn't here."""
        page, place = self.locate(row)
        entries = self.slots[page].entries
        return None if entries is None else entries[place]

    def count_anew(self) -> None:
        """After the number of entries of a page changed."""
        total, ends = 0, []
        for slot in self.slots:
            total += slot.count
            ends.append(total)
        self._ends = ends

    def with_groups(self, page: int, rows: Sequence[Any]) -> list[Entry]:
        """The rows of a page with a heading wherever another group begins."""
        if self.group_of is None:
            return list(rows)
        before = self.slots[page - 1].last_group if page else None
        entries: list[Entry] = []
        for item in rows:
            group = self.group_of(item)
            if before is None or group.key != before:
                entries.append(group)
            before = group.key
            entries.append(item)
        self.slots[page].last_group = before
        return entries

    def length_of(self, entries: Sequence[Entry], rows: int) -> int:
        """How many entries it takes to hold that many rows, headings above them included."""
        for number, entry in enumerate(entries):
            if rows == 0:
                return number
            rows -= not isinstance(entry, Group)
        return len(entries)

    def entry_key(self, entry: Entry) -> Hashable:
        return ("group", entry.key) if isinstance(entry, Group) else ("row", self.key_of(entry))

    def keep_only(self, most: int) -> None:
        """Drop the entries of the pages that were used longest ago."""
        here = sorted((slot for slot in self.slots if slot.entries is not None), key=lambda slot: slot.used)
        for slot in here[: max(0, len(here) - most)]:
            slot.entries = None


def differences(old: list[Entry], new: list[Entry], key: Callable[[Entry], Hashable]) -> list[Change]:
    """The steps that turn `old` into `new`: what went, what moved or came, what has other contents."""
    steps: list[Change] = []
    wanted = {key(entry) for entry in new}
    work = list(old)
    for place in range(len(work) - 1, -1, -1):
        here = key(work[place])
        if here in wanted:
            wanted.discard(here)  # a row may be there twice while pages overlap; the later one stays
        else:
            steps.append(Change("remove", place))
            del work[place]
    keys = [key(entry) for entry in work]
    for place, entry in enumerate(new):
        here = key(entry)
        if place < len(keys) and keys[place] == here:
            if work[place] != entry:
                steps.append(Change("set", place, entries=(entry,)))
            continue
        if here in keys[place:]:
            origin = keys.index(here, place)
            steps.append(Change("move", origin, target=place))
            keys.insert(place, keys.pop(origin))
            moved = work.pop(origin)
            work.insert(place, moved)
            if moved != entry:
                steps.append(Change("set", place, entries=(entry,)))
        else:
            steps.append(Change("insert", place, entries=(entry,)))
            keys.insert(place, here)
            work.insert(place, entry)
    return steps
