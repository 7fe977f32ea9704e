"""How answers change the rows of a model: with the narrowest signals, so that a view keeps its place."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex

from console.views.tables.book import Change, Page, Slot, differences
from console.views.tables.model import CHANGING, BookModel

_MORE_PLACEHOLDERS = 3


class ChangingModel(BookModel):
    """Takes pages in. Nothing here asks for anything."""

    def _put(self, number: int, page: Page) -> None:
        """Rows come where placeholders stood."""
        slot = self._book.slots[number]
        entries = self._book.with_groups(number, page.rows)
        first, before = self._book.first_row(number), slot.count
        self._resize(slot, first, before, len(entries))
        slot.entries = entries
        self._tell(first, first + min(before, len(entries)) - 1)

    def _put_again(self, first: int, last: int, pages: Sequence[Page]) -> None:
        """Neighbouring pages were read again: compared as one piece, for rows move over from one to the next."""
        slots = self._book.slots
        for number in range(first, last + 1):
            if slots[number].entries is None:  # placeholders can't be compared
                self._resize(slots[number], self._book.first_row(number), slots[number].count, 0)
                slots[number].entries = []
        start, used = slots[first].start, max(slot.used for slot in slots[first : last + 1])
        old = [entry for slot in slots[first : last + 1] for entry in slot.entries or ()]
        slots[first : last + 1] = [Slot(start, len(old), old, used)]
        self._book.count_anew()
        new = self._book.with_groups(first, [row for page in pages for row in page.rows])
        for change in differences(old, new, self._book.entry_key):
            self._step(first, change)
        slots[first : first + 1] = self._parted(slots[first], pages)
        self._book.count_anew()

    def _parted(self, whole: Slot, pages: Sequence[Page]) -> list[Slot]:
        """One piece as the pages it came in; headings stay with the rows below them."""
        parts: list[Slot] = []
        entries, start, group_of = whole.entries or [], whole.start, self._book.group_of
        for page in pages:
            taken = self._book.length_of(entries, len(page.rows))
            last_group = group_of(page.rows[-1]).key if group_of and page.rows else None
            parts.append(Slot(start, taken, entries[:taken], whole.used, last_group))
            entries, start = entries[taken:], page.next
        return parts

    def _resize(self, slot: Slot, first: int, before: int, after: int) -> None:
        """Placeholders come or go at the end of a page that wasn't here."""
        if after > before:
            self.beginInsertRows(QModelIndex(), first + before, first + after - 1)
        elif after < before:
            self.beginRemoveRows(QModelIndex(), first + after, first + before - 1)
        slot.count = after
        self._book.count_anew()
        if after > before:
            self.endInsertRows()
        elif after < before:
            self.endRemoveRows()

    def _step(self, number: int, change: Change) -> None:
        slot = self._book.slots[number]
        entries = slot.entries
        if entries is None:
            return
        first = self._book.first_row(number)
        row, none = first + change.at, QModelIndex()
        if change.kind == "set":
            entries[change.at] = change.entries[0]
            self._tell(row, row)
        elif change.kind == "insert":
            self.beginInsertRows(none, row, row)
            entries.insert(change.at, change.entries[0])
        elif change.kind == "remove":
            self.beginRemoveRows(none, row, row)
            del entries[change.at]
        else:
            self.beginMoveRows(none, row, row, none, first + change.target)
            entries.insert(change.target, entries.pop(change.at))
            self.endMoveRows()
        slot.count = len(entries)
        self._book.count_anew()
        if change.kind == "insert":
            self.endInsertRows()
        elif change.kind == "remove":
            self.endRemoveRows()

    def _expect_more(self, start: object) -> None:
        """Another page follows; how many rows it has is not known."""
        row = len(self._book)
        self.beginInsertRows(QModelIndex(), row, row + _MORE_PLACEHOLDERS - 1)
        self._book.slots.append(Slot(start, _MORE_PLACEHOLDERS))
        self._book.count_anew()
        self.endInsertRows()

    def _cut(self, number: int) -> None:
        """The list ends before that page."""
        first, total = self._book.first_row(number), len(self._book)
        if first >= total:
            del self._book.slots[number:]
            self._book.count_anew()
            return
        self.beginRemoveRows(QModelIndex(), first, total - 1)
        del self._book.slots[number:]
        self._book.count_anew()
        self.endRemoveRows()

    def _tell(self, first: int, last: int) -> None:
        if first <= last:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1), CHANGING)
