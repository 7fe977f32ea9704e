"""The model of a long list. When a row becomes visible, the model reads the row's page in a background thread."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.views.runtime.page_fetch import FetchedPage, PageFetcher
from console.views.runtime.tasks import Failure, Runner
from console.views.tables.columns import Column, RowGroup
from console.views.tables.model_updates import PageUpdateModel
from console.views.tables.page_cache import RowChange
from console.views.theme.design_tokens import tokens

ROWS_PER_PAGE = 200
MAX_LOADED_PAGES = 8
_FIRST_PAGE_PLACEHOLDER_ROWS = 8


@dataclass(slots=True)
class _PageRangeRead:
    """The progress of reading the loaded pages `first_page_number` to `last_page_number` again. `fetched_pages` are
    the pages that have been read so far."""

    first_page_number: int
    last_page_number: int
    fetched_pages: list[FetchedPage]

    def add_page_and_check_end(self, fetched_page: FetchedPage) -> bool:
        """Add the page that has just been read. Return True if no further page must be read, because the range is
        complete or the list has no next page."""
        self.fetched_pages.append(fetched_page)
        return (
            fetched_page.next_cursor is None
            or len(self.fetched_pages) > self.last_page_number - self.first_page_number
        )


class PagedModel(PageUpdateModel):
    """The model of a list of any length, which is read page by page. Until the model has read the page of a row, the
    row is a placeholder; `data()` never waits for a page.

    Signals:
    - about_to_change: newly read pages will be applied to the rows, so that a table can store its scroll position.
    - changed: newly read pages have been applied to the rows, so that a table can restore its scroll position.
    - page_applied: the model has read a page and contains its rows.
    - failed(Failure): a page could not be read. The rows stay; `read_rows_again` repeats the read.
    """

    about_to_change = Signal()
    changed = Signal()
    page_applied = Signal()
    failed = Signal(object)

    def __init__(
        self,
        columns: Sequence[Column],
        get_key: Callable[[Any], Hashable],
        runner: Runner,
        *,
        get_group: Callable[[Any], RowGroup] | None = None,
        rows_per_page: int = ROWS_PER_PAGE,
        parent: QObject | None = None,
    ) -> None:
        """`get_key` returns the key by which the model recognizes a row in a later read of the list. `get_group`
        returns the heading above a row, and is None for a list without headings. `rows_per_page` is the number of
        rows per page."""
        super().__init__(columns, get_key, get_group, parent)
        self._runner, self._rows_per_page = runner, rows_per_page
        self._fetch_page: PageFetcher | None = None
        self._query_number = 0
        self._read_page_number: int | None = None
        self._page_range_read: _PageRangeRead | None = None
        self._visible_rows = (0, 0)
        self._requested_row: int | None = None  # a requested row that isn't visible
        self._use_count = 0
        self._has_failed = False
        self._read_timer = QTimer(self, singleShot=True, interval=0)
        self._read_timer.timeout.connect(self._read_next_page)
        self._skeleton_timer = QTimer(self, singleShot=True)
        self._skeleton_timer.setInterval(tokens().px("motion", "skeleton_after_ms"))
        self._skeleton_timer.timeout.connect(self._show_skeleton)

    # -- called by the page

    def read_query(self, fetch_page: PageFetcher) -> None:
        """Remove all rows and read the first page of another query. `fetch_page` reads one page of this query; it
        runs in a background thread."""
        self.beginResetModel()
        self._query_number += 1
        self._fetch_page, self._read_page_number, self._page_range_read, self._has_failed = (
            fetch_page,
            None,
            None,
            False,
        )
        self._visible_rows, self._requested_row = (0, 0), None
        self.selected_keys.clear()
        self.removed_keys = frozenset()
        self._page_cache.reset_pages(_FIRST_PAGE_PLACEHOLDER_ROWS)
        self.endResetModel()
        self._read_next_page()

    def read_rows_again(self) -> None:
        """Read the list again without changing the current row and the selection: the visible pages immediately, each
        other page when it becomes visible."""
        if self._fetch_page is None:
            return
        self._query_number += 1  # a page that is being read may be older than this request
        self._read_page_number, self._has_failed = None, False
        self.mark_removed_rows(())
        first_page_number, last_page_number = self._find_visible_pages()
        for page_number, cached_page in enumerate(self._page_cache.pages):
            if not first_page_number <= page_number <= last_page_number:
                cached_page.entries = None  # read again when it is scrolled into view
        self._page_range_read = None if self.is_loading else _PageRangeRead(first_page_number, last_page_number, [])
        self._read_next_page()

    def replace_row(self, row: Any) -> bool:
        """Replace the loaded row that has the key of `row`. Return False if no loaded row has this key."""
        position = self.find_row(self.get_key(row))
        if position is None:
            return False
        page_number, index = self._page_cache.locate_row(position)
        self._apply_row_change(page_number, RowChange("set", index, entries=(row,)))
        return True

    def set_visible_rows(self, first_row: int, last_row: int) -> None:
        """Store the numbers of the visible rows of the table. The model reads the pages of these rows. If the last
        visible row is in the second half of its page, the model also reads the next page.
        """
        self._visible_rows = (max(0, first_row), max(0, last_row))
        self._read_next_page()

    @property
    def is_loading(self) -> bool:
        """True from a call of `read_query` until the first page is read."""
        return self._fetch_page is not None and all(
            cached_page.entries is None for cached_page in self._page_cache.pages
        )

    @property
    def has_read_last_page(self) -> bool:
        """True if the list's last page is loaded, so that `row_count` is the length of the list."""
        last_page = self._page_cache.pages[-1] if self._page_cache.pages else None
        return last_page is not None and last_page.entries is not None

    @property
    def has_read_all_rows(self) -> bool:
        """True if every page of the list is loaded; `row_count` is then the length that the list has now."""
        return bool(self._page_cache.pages) and all(
            cached_page.entries is not None for cached_page in self._page_cache.pages
        )

    @property
    def row_count(self) -> int:
        """The number of rows that were read so far, without headings. If a page was dropped from memory, its headings
        are counted as rows."""
        row_total = 0
        for cached_page in self._page_cache.pages:
            if cached_page.entries is not None:
                row_total += sum(not isinstance(entry, RowGroup) for entry in cached_page.entries)
            elif cached_page.last_use_number:
                row_total += cached_page.entry_count
        return row_total

    # -- reading pages

    def get_entry(self, row: int) -> Any | None:
        entry = super().get_entry(row)
        if entry is None and 0 <= row < len(self._page_cache):
            self._requested_row = row
            if self._read_page_number is None and not self._has_failed and not self._read_timer.isActive():
                self._read_timer.start()
        return entry

    def _find_visible_pages(self) -> tuple[int, int]:
        """Return the numbers of the first and the last page with a visible row."""
        last_row = max(0, len(self._page_cache) - 1)
        first_row, last_visible_row = (min(row, last_row) for row in self._visible_rows)
        last_page_number = len(self._page_cache.pages) - 1  # an empty list has one page without rows
        return min(self._page_cache.locate_row(first_row)[0], last_page_number), min(
            self._page_cache.locate_row(last_visible_row)[0], last_page_number
        )

    @Slot()
    def _read_next_page(self) -> None:
        """Start to read the most urgent page. The first choice is a page of the range that is being read again. Then,
        of the pages that aren't loaded, the order is: a visible page, the page after the visible ones, the page of
        another row that Qt has requested, for example for a screen reader. Only one page is read at a time, because
        scrolling changes this order."""
        if self._read_page_number is not None or self._fetch_page is None or self._has_failed:
            return
        page_number = (
            self._page_range_read.first_page_number if self._page_range_read else self._find_next_page_to_read()
        )
        if page_number is None:
            return
        self._read_page_number, self.is_skeleton = page_number, False
        self._skeleton_timer.start()
        fetch_page, row_limit, query_number = self._fetch_page, self._rows_per_page, self._query_number
        start_cursor = self._page_cache.pages[page_number].start_cursor
        if self._page_range_read and self._page_range_read.fetched_pages:
            start_cursor = self._page_range_read.fetched_pages[-1].next_cursor
        self._runner.run(
            lambda: fetch_page(start_cursor, row_limit),
            lambda page: self._apply_read_page(query_number, page),
            lambda failure: self._end_reading_with_failure(query_number, failure),
            caller=self,
            is_cancellable=True,
        )

    def _find_next_page_to_read(self) -> int | None:
        """Return the number of the most urgent page (see `_read_next_page`); None if no page must be read."""
        first_page_number, last_page_number = self._find_visible_pages()
        self._use_count += 1
        for page_number in range(first_page_number, last_page_number + 1):
            cached_page = self._page_cache.pages[page_number]
            cached_page.last_use_number = (
                self._use_count if cached_page.entries is not None else cached_page.last_use_number
            )
            if cached_page.entries is None:
                return page_number
        next_page_number = last_page_number + 1
        if (
            next_page_number < len(self._page_cache.pages)
            and self._page_cache.pages[next_page_number].entries is None
        ):
            middle_row = (
                self._page_cache.get_first_row(last_page_number)
                + self._page_cache.pages[last_page_number].entry_count // 2
            )
            if self._visible_rows[1] >= middle_row:
                return next_page_number
        return self._find_page_of_requested_row()

    def _find_page_of_requested_row(self) -> int | None:
        """Return the number of the page with the row that Qt has requested. Return None if Qt has requested no row,
        or if the page of the row is loaded."""
        row, self._requested_row = self._requested_row, None
        if row is None or row >= len(self._page_cache):
            return None
        page_number, _ = self._page_cache.locate_row(row)
        return page_number if self._page_cache.pages[page_number].entries is None else None

    def _apply_read_page(self, query_number: int, fetched_page: FetchedPage) -> None:
        """Apply a page that was just read to the rows, and begin to read the next page. While a range of pages is
        being read again, apply all of its pages together after the last one. `query_number` is the number of the
        query for which the page was read; ignore the page if this isn't the number of the present query."""
        if query_number != self._query_number or self._read_page_number is None:
            return
        page_number, self._read_page_number = self._read_page_number, None
        self._skeleton_timer.stop()
        if self._page_range_read is None:
            self._apply_pages(lambda: self._apply_page(page_number, fetched_page), page_number, fetched_page)
        elif self._page_range_read.add_page_and_check_end(fetched_page):
            first_page_number, last_page_number, fetched_pages = (
                self._page_range_read.first_page_number,
                self._page_range_read.last_page_number,
                self._page_range_read.fetched_pages,
            )
            self._page_range_read = None
            self._apply_pages(
                lambda: self._apply_reread_pages(first_page_number, last_page_number, fetched_pages),
                first_page_number + len(fetched_pages) - 1,
                fetched_page,
            )
        self._read_next_page()

    def _apply_pages(
        self, apply_change: Callable[[], None], last_page_number: int, fetched_page: FetchedPage
    ) -> None:
        """Call `apply_change`, which applies newly read pages to the rows of the model, and emit the signals about
        the change. `fetched_page` is the last of these pages, and `last_page_number` its number."""
        self.about_to_change.emit()
        apply_change()
        self._use_count += 1
        self._page_cache.pages[last_page_number].last_use_number = self._use_count
        self._update_following_pages(last_page_number, fetched_page)
        self._page_cache.limit_loaded_pages(MAX_LOADED_PAGES)
        self.changed.emit()
        self.page_applied.emit()

    def _update_following_pages(self, page_number: int, fetched_page: FetchedPage) -> None:
        """Update the pages after page `page_number`, which was just read as `fetched_page`. Remove them if
        `fetched_page` is the last page of the list; add placeholders if the next page is missing; read the loaded
        pages again if the next page now starts at another cursor."""
        cached_pages = self._page_cache.pages
        next_page = cached_pages[page_number + 1] if page_number + 1 < len(cached_pages) else None
        if fetched_page.next_cursor is None:
            self._remove_pages_from(page_number + 1)
        elif next_page is None:
            self._append_placeholder_page(fetched_page.next_cursor)
        elif next_page.start_cursor != fetched_page.next_cursor:
            next_page.start_cursor = fetched_page.next_cursor
            if next_page.entries is not None:  # the loaded pages overlap or lack rows between them: read them again
                self._page_range_read = _PageRangeRead(page_number, self._find_last_loaded_page(page_number), [])

    def _find_last_loaded_page(self, page_number: int) -> int:
        """Return the number of the last page in the series of loaded pages that begins with page `page_number` and
        has no gap."""
        cached_pages = self._page_cache.pages
        while page_number + 1 < len(cached_pages) and cached_pages[page_number + 1].entries is not None:
            page_number += 1
        return page_number

    def _end_reading_with_failure(self, query_number: int, failure: Failure) -> None:
        """Stop reading after a failure and emit `failed`. If no page was read before, remove the placeholders: blank
        rows would look like rows of the list. `query_number` is the number of the query that failed; ignore the
        failure if this isn't the number of the present query."""
        if query_number != self._query_number:
            return
        if self.is_loading and len(self._page_cache):
            self.beginResetModel()
            self._page_cache.reset_pages(0)
            self.endResetModel()
        self._read_page_number, self._page_range_read, self._has_failed = None, None, True
        self._skeleton_timer.stop()
        self._show_skeleton(is_shown=False)
        self.failed.emit(failure)

    @Slot()
    def _show_skeleton(self, *, is_shown: bool = True) -> None:
        """If `is_shown` is True, draw each placeholder as a grey bar, because reading its page takes long; otherwise
        draw each placeholder as a blank row. An empty list that is read again has no placeholders, so that nothing
        changes on screen."""
        self.is_skeleton = is_shown
        first_row, last_row = self._visible_rows
        self._emit_rows_changed(
            max(0, min(first_row, len(self._page_cache) - 1)),
            min(max(last_row, _FIRST_PAGE_PLACEHOLDER_ROWS), len(self._page_cache)) - 1,
        )
