"""The part of a table's model that applies newly read pages to its rows. Qt gets signals about the changed rows
only, so that the table keeps its scroll position."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex

from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.model import ROW_CHANGE_ROLES, PageCacheModel
from console.views.tables.page_cache import CachedPage, RowChange, compute_row_changes

_NEXT_PAGE_PLACEHOLDER_ROWS = 3


class PageUpdateModel(PageCacheModel):
    """A table model whose rows are changed by newly read pages. The subclass PagedModel reads the pages."""

    def _apply_page(self, number: int, page: FetchedPage) -> None:
        """Replace the placeholders of page `number` with the page's rows."""
        slot = self._page_cache.slots[number]
        entries = self._page_cache.add_group_headings(number, page.rows)
        first_row, old_count = self._page_cache.get_first_row(number), slot.count
        self._resize_slot(slot, first_row, old_count, len(entries))
        slot.entries = entries
        self._emit_changed(first_row, first_row + min(old_count, len(entries)) - 1)

    def _apply_reread_pages(self, first_number: int, last_number: int, pages: Sequence[FetchedPage]) -> None:
        """Replace the contents of the pages `first_number` to `last_number` by `pages`, which were read again. The
        rows of all these pages are compared together, because a row may have moved from one page to another."""
        slots = self._page_cache.slots
        for number in range(first_number, last_number + 1):
            if slots[number].entries is None:  # placeholders can't be compared
                self._resize_slot(slots[number], self._page_cache.get_first_row(number), slots[number].count, 0)
                slots[number].entries = []
        old_slots = slots[first_number : last_number + 1]
        start, last_use = old_slots[0].start, max(slot.last_use for slot in old_slots)
        old_entries = [entry for slot in old_slots for entry in slot.entries or ()]
        slots[first_number : last_number + 1] = [CachedPage(start, len(old_entries), old_entries, last_use)]
        self._page_cache.recompute_row_positions()
        new_entries = self._page_cache.add_group_headings(first_number, [row for page in pages for row in page.rows])
        for change in compute_row_changes(old_entries, new_entries, self._page_cache.get_entry_key):
            self._apply_change(first_number, change)
        slots[first_number : first_number + 1] = self._split_slot(slots[first_number], pages)
        self._page_cache.recompute_row_positions()

    def _split_slot(self, slot: CachedPage, pages: Sequence[FetchedPage]) -> list[CachedPage]:
        """Split a stored page (slot) that contains the rows of all `pages` into one slot for each of them, and return
        these slots. A heading goes to the page of the row below it."""
        parts: list[CachedPage] = []
        entries, start, group_of = slot.entries or [], slot.start, self._page_cache.group_of
        for page in pages:
            entry_count = self._page_cache.count_entries_of_rows(entries, len(page.rows))
            last_group = group_of(page.rows[-1]).key if group_of and page.rows else None
            parts.append(CachedPage(start, entry_count, entries[:entry_count], slot.last_use, last_group))
            entries, start = entries[entry_count:], page.next
        return parts

    def _resize_slot(self, slot: CachedPage, first_row: int, old_count: int, new_count: int) -> None:
        """Change the number of placeholders of a stored page (slot) from `old_count` to `new_count`. `first_row`
        is the position of the page's first row in the list."""
        if new_count > old_count:
            self.beginInsertRows(QModelIndex(), first_row + old_count, first_row + new_count - 1)
        elif new_count < old_count:
            self.beginRemoveRows(QModelIndex(), first_row + new_count, first_row + old_count - 1)
        slot.count = new_count
        self._page_cache.recompute_row_positions()
        if new_count > old_count:
            self.endInsertRows()
        elif new_count < old_count:
            self.endRemoveRows()

    def _apply_change(self, number: int, change: RowChange) -> None:
        slot = self._page_cache.slots[number]
        entries = slot.entries
        if entries is None:
            return
        first_row = self._page_cache.get_first_row(number)
        row, no_parent = first_row + change.position, QModelIndex()
        if change.kind == "set":
            entries[change.position] = change.entries[0]
            self._emit_changed(row, row)
        elif change.kind == "insert":
            self.beginInsertRows(no_parent, row, row)
            entries.insert(change.position, change.entries[0])
        elif change.kind == "remove":
            self.beginRemoveRows(no_parent, row, row)
            del entries[change.position]
        else:
            self.beginMoveRows(no_parent, row, row, no_parent, first_row + change.target)
            entries.insert(change.target, entries.pop(change.position))
            self.endMoveRows()
        slot.count = len(entries)
        self._page_cache.recompute_row_positions()
        if change.kind == "insert":
            self.endInsertRows()
        elif change.kind == "remove":
            self.endRemoveRows()

    def _append_placeholder_page(self, cursor: object) -> None:
        """Add a page of placeholders at the end, because the list continues. That page begins at
        `cursor`; its number of rows isn't known yet."""
        row = len(self._page_cache)
        self.beginInsertRows(QModelIndex(), row, row + _NEXT_PAGE_PLACEHOLDER_ROWS - 1)
        self._page_cache.slots.append(CachedPage(cursor, _NEXT_PAGE_PLACEHOLDER_ROWS))
        self._page_cache.recompute_row_positions()
        self.endInsertRows()

    def _remove_pages_from(self, number: int) -> None:
        """Remove page `number` and all pages after it, because the list now ends before page `number`."""
        first_row, total = self._page_cache.get_first_row(number), len(self._page_cache)
        if first_row >= total:
            del self._page_cache.slots[number:]
            self._page_cache.recompute_row_positions()
            return
        self.beginRemoveRows(QModelIndex(), first_row, total - 1)
        del self._page_cache.slots[number:]
        self._page_cache.recompute_row_positions()
        self.endRemoveRows()

    def _emit_changed(self, first_row: int, last_row: int) -> None:
        if first_row <= last_row:
            self.dataChanged.emit(
                self.index(first_row, 0), self.index(last_row, len(self.columns) - 1), ROW_CHANGE_ROLES
            )
