"""The part of a table's model that applies newly read pages to its rows. Qt gets signals about the changed rows
only, so that the table keeps its scroll position."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex

from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.model import ROW_CHANGE_ROLES, PageCacheModel
from console.views.tables.page_cache import CachedPage, RowChange, compute_row_changes

_NEXT_PAGE_PLACEHOLDER_ROWS = 3


class PageUpdateModel(PageCacheModel):
    """A table model that changes its rows according to newly read pages. The subclass PagedModel reads the pages."""

    def _apply_page(self, page_number: int, fetched_page: FetchedPage) -> None:
        """Replace the placeholders of page `page_number` with the page's rows."""
        cached_page = self._page_cache.pages[page_number]
        entries = self._page_cache.add_group_headings(page_number, fetched_page.rows)
        first_row, old_entry_count = self._page_cache.get_first_row(page_number), cached_page.entry_count
        self._resize_page(cached_page, first_row, old_entry_count, len(entries))
        cached_page.entries = entries
        self._emit_rows_changed(first_row, first_row + min(old_entry_count, len(entries)) - 1)

    def _apply_reread_pages(
        self, first_page_number: int, last_page_number: int, fetched_pages: Sequence[FetchedPage]
    ) -> None:
        """Replace the contents of the pages `first_page_number` to `last_page_number` by `fetched_pages`, which were
        read again. The rows of all these pages are compared together, because a row may have moved from one page to
        another."""
        cached_pages = self._page_cache.pages
        for page_number in range(first_page_number, last_page_number + 1):
            if cached_pages[page_number].entries is None:  # placeholders can't be compared
                self._resize_page(
                    cached_pages[page_number],
                    self._page_cache.get_first_row(page_number),
                    cached_pages[page_number].entry_count,
                    0,
                )
                cached_pages[page_number].entries = []
        old_pages = cached_pages[first_page_number : last_page_number + 1]
        start_cursor, last_use = (
            old_pages[0].start_cursor,
            max(cached_page.last_use_number for cached_page in old_pages),
        )
        old_entries = [entry for cached_page in old_pages for entry in cached_page.entries or ()]
        cached_pages[first_page_number : last_page_number + 1] = [
            CachedPage(start_cursor, len(old_entries), old_entries, last_use)
        ]
        self._page_cache.recompute_row_positions()
        new_entries = self._page_cache.add_group_headings(
            first_page_number, [row for fetched_page in fetched_pages for row in fetched_page.rows]
        )
        for change in compute_row_changes(old_entries, new_entries, self._page_cache.get_entry_key):
            self._apply_row_change(first_page_number, change)
        cached_pages[first_page_number : first_page_number + 1] = self._split_page(
            cached_pages[first_page_number], fetched_pages
        )
        self._page_cache.recompute_row_positions()

    def _split_page(self, cached_page: CachedPage, fetched_pages: Sequence[FetchedPage]) -> list[CachedPage]:
        """Split a stored page that contains the rows of all `fetched_pages` into one stored page for each of them,
        and return these pages. A heading belongs to the page of the row below it."""
        split_pages: list[CachedPage] = []
        entries, start_cursor, get_group = (
            cached_page.entries or [],
            cached_page.start_cursor,
            self._page_cache.get_group,
        )
        for fetched_page in fetched_pages:
            entry_count = self._page_cache.count_entries_of_rows(entries, len(fetched_page.rows))
            last_group = get_group(fetched_page.rows[-1]).key if get_group and fetched_page.rows else None
            split_pages.append(
                CachedPage(start_cursor, entry_count, entries[:entry_count], cached_page.last_use_number, last_group)
            )
            entries, start_cursor = entries[entry_count:], fetched_page.next_cursor
        return split_pages

    def _resize_page(self, cached_page: CachedPage, first_row: int, old_count: int, new_count: int) -> None:
        """Change the number of placeholders of a stored page from `old_count` to `new_count`. `first_row` is the
        position of the page's first row in the list."""
        if new_count > old_count:
            self.beginInsertRows(QModelIndex(), first_row + old_count, first_row + new_count - 1)
        elif new_count < old_count:
            self.beginRemoveRows(QModelIndex(), first_row + new_count, first_row + old_count - 1)
        cached_page.entry_count = new_count
        self._page_cache.recompute_row_positions()
        if new_count > old_count:
            self.endInsertRows()
        elif new_count < old_count:
            self.endRemoveRows()

    def _apply_row_change(self, page_number: int, change: RowChange) -> None:
        """Apply one step to the entries of page `page_number`, with the signals by which Qt inserts, removes, moves
        or repaints rows."""
        cached_page = self._page_cache.pages[page_number]
        entries = cached_page.entries
        if entries is None:
            return
        first_row = self._page_cache.get_first_row(page_number)
        row, no_parent = first_row + change.position, QModelIndex()
        if change.kind == "set":
            entries[change.position] = change.entries[0]
            self._emit_rows_changed(row, row)
        elif change.kind == "insert":
            self.beginInsertRows(no_parent, row, row)
            entries.insert(change.position, change.entries[0])
        elif change.kind == "remove":
            self.beginRemoveRows(no_parent, row, row)
            del entries[change.position]
        else:
            self.beginMoveRows(no_parent, row, row, no_parent, first_row + change.target_position)
            entries.insert(change.target_position, entries.pop(change.position))
            self.endMoveRows()
        cached_page.entry_count = len(entries)
        self._page_cache.recompute_row_positions()
        if change.kind == "insert":
            self.endInsertRows()
        elif change.kind == "remove":
            self.endRemoveRows()

    def _append_placeholder_page(self, start_cursor: object) -> None:
        """Add a page of placeholders at the end, because the list continues. That page begins at
        `start_cursor`; its number of rows isn't known yet."""
        first_row = len(self._page_cache)
        self.beginInsertRows(QModelIndex(), first_row, first_row + _NEXT_PAGE_PLACEHOLDER_ROWS - 1)
        self._page_cache.pages.append(CachedPage(start_cursor, _NEXT_PAGE_PLACEHOLDER_ROWS))
        self._page_cache.recompute_row_positions()
        self.endInsertRows()

    def _remove_pages_from(self, page_number: int) -> None:
        """Remove page `page_number` and all pages after it, because the list now ends before page `page_number`."""
        first_row, row_total = self._page_cache.get_first_row(page_number), len(self._page_cache)
        if first_row >= row_total:
            del self._page_cache.pages[page_number:]
            self._page_cache.recompute_row_positions()
            return
        self.beginRemoveRows(QModelIndex(), first_row, row_total - 1)
        del self._page_cache.pages[page_number:]
        self._page_cache.recompute_row_positions()
        self.endRemoveRows()

    def _emit_rows_changed(self, first_row: int, last_row: int) -> None:
        """Emit Qt's signal that the rows from `first_row` to `last_row` have changed."""
        if first_row <= last_row:
            self.dataChanged.emit(
                self.index(first_row, 0), self.index(last_row, len(self.columns) - 1), ROW_CHANGE_ROLES
            )
