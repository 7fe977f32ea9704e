"""The model of a long list. When a row becomes visible, the model reads the row's page in a worker thread."""

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
    """The progress of reading the loaded pages `first` to `last` again. `pages` are the pages that have been read so
    far."""

    first: int
    last: int
    pages: list[FetchedPage]

    def add_page_and_check_end(self, page: FetchedPage) -> bool:
        """Add the page that has just been read. Return True if no more page must be read: the range is complete, or
        the list has no next page."""
        self.pages.append(page)
        return page.next is None or len(self.pages) > self.last - self.first


class PagedModel(PageUpdateModel):
    """The model of a list of any length, which is read page by page. Until a row's page is read, the row is a
    placeholder; `data()` never waits for a page.

    Signals:
    - about_to_change, changed: emitted before and after pages that were read are applied to the rows, so that a table
      can keep its scroll position.
    - page_applied: a page was read and its rows are in the model.
    - failed(Failure): a page could not be read. The rows stay; `read_again` tries again.
    """

    about_to_change = Signal()
    changed = Signal()
    page_applied = Signal()
    failed = Signal(object)

    def __init__(
        self,
        columns: Sequence[Column],
        key_of: Callable[[Any], Hashable],
        runner: Runner,
        *,
        group_of: Callable[[Any], RowGroup] | None = None,
        label: str = "",
        page: int = ROWS_PER_PAGE,
        parent: QObject | None = None,
    ) -> None:
        """`key_of` returns the key by which a row is recognized when it is read again; `group_of` returns the
        heading of a row. `page` is the number of rows per page; `label` is the name under which the task runner
        lists the reading of a page.
        """
        super().__init__(columns, key_of, group_of, parent)
        self._runner, self._label, self._page_size = runner, label, page
        self._fetch: PageFetcher | None = None
        self._query_number = 0
        self._pending_page: int | None = None
        self._reread: _PageRangeRead | None = None
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

    def read_query(self, fetch: PageFetcher) -> None:
        """Remove all rows and read the first page of another query. `fetch` reads one page of this query; it runs
        in a worker thread."""
        self.beginResetModel()
        self._query_number += 1
        self._fetch, self._pending_page, self._reread, self._has_failed = fetch, None, None, False
        self._visible_rows, self._requested_row = (0, 0), None
        self.selected_keys.clear()
        self._page_cache.reset_slots(_FIRST_PAGE_PLACEHOLDER_ROWS)
        self.endResetModel()
        self._read_next_page()

    def read_again(self) -> None:
        """Read the list again without changing the current row and the selection: the visible pages immediately, each
        other page when it becomes visible."""
        if self._fetch is None:
            return
        self._query_number += 1  # a page that is being read may be older than this request
        self._pending_page, self._has_failed = None, False
        first_page, last_page = self._find_visible_pages()
        for number, page in enumerate(self._page_cache.slots):
            if not first_page <= number <= last_page:
                page.entries = None  # read again when it is scrolled into view
        self._reread = None if self.is_loading else _PageRangeRead(first_page, last_page, [])
        self._read_next_page()

    def replace_row(self, row: Any) -> bool:
        """Replace the loaded row that has the key of `row`. Return False if no loaded row has this key."""
        position = self.find_row(self.key_of(row))
        if position is None:
            return False
        number, index = self._page_cache.locate_row(position)
        self._apply_change(number, RowChange("set", index, entries=(row,)))
        return True

    def set_visible_rows(self, first_row: int, last_row: int) -> None:
        """Tell the model which rows of the table are visible. The model reads the pages of these rows. If the last
        visible row is in the second half of its page, the model also reads the next page."""
        self._visible_rows = (max(0, first_row), max(0, last_row))
        self._read_next_page()

    @property
    def is_loading(self) -> bool:
        """True from a call of `read_query` until the first page is read."""
        return self._fetch is not None and all(page.entries is None for page in self._page_cache.slots)

    @property
    def is_complete(self) -> bool:
        """True if the list's last page is loaded, so that `row_count` is the length of the list."""
        last_slot = self._page_cache.slots[-1] if self._page_cache.slots else None
        return last_slot is not None and last_slot.entries is not None

    @property
    def has_read_all_rows(self) -> bool:
        """True if every page of the list is loaded; `row_count` is then the length that the list has now."""
        return bool(self._page_cache.slots) and all(page.entries is not None for page in self._page_cache.slots)

    @property
    def row_count(self) -> int:
        """The number of rows that were read so far, without headings. If a page was dropped from memory, its headings
        are counted as rows."""
        row_total = 0
        for page in self._page_cache.slots:
            if page.entries is not None:
                row_total += sum(not isinstance(entry, RowGroup) for entry in page.entries)
            elif page.last_use:
                row_total += page.count
        return row_total

    # -- reading pages

    def entry(self, row: int) -> Any | None:
        entry = super().entry(row)
        if entry is None and 0 <= row < len(self._page_cache):
            self._requested_row = row
            if self._pending_page is None and not self._has_failed and not self._read_timer.isActive():
                self._read_timer.start()
        return entry

    def _find_visible_pages(self) -> tuple[int, int]:
        last_row = max(0, len(self._page_cache) - 1)
        first, last = (min(row, last_row) for row in self._visible_rows)
        last_page = len(self._page_cache.slots) - 1  # an empty list has one page without rows
        return min(self._page_cache.locate_row(first)[0], last_page), min(
            self._page_cache.locate_row(last)[0], last_page
        )

    @Slot()
    def _read_next_page(self) -> None:
        """Start to read the most urgent page: a page of the range that is being read again; then, of the pages that
        aren't loaded, a visible page, the page after the visible ones, the page of another row that Qt has requested,
        for a screen reader for example. Only one page is read at a time, because scrolling changes this order."""
        if self._pending_page is not None or self._fetch is None or self._has_failed:
            return
        number = self._reread.first if self._reread else self._find_next_page_to_read()
        if number is None:
            return
        self._pending_page, self.is_skeleton = number, False
        self._skeleton_timer.start()
        fetch, size, query_number = self._fetch, self._page_size, self._query_number
        start = self._page_cache.slots[number].start
        if self._reread and self._reread.pages:
            start = self._reread.pages[-1].next
        self._runner.run(
            lambda: fetch(start, size),
            lambda page: self._handle_read_page(query_number, page),
            lambda failure: self._handle_failure(query_number, failure),
            owner=self,
            label=self._label,
            cancellable=True,
        )

    def _find_next_page_to_read(self) -> int | None:
        first_page, last_visible_page = self._find_visible_pages()
        self._use_count += 1
        for number in range(first_page, last_visible_page + 1):
            page = self._page_cache.slots[number]
            page.last_use = self._use_count if page.entries is not None else page.last_use
            if page.entries is None:
                return number
        next_number = last_visible_page + 1
        if next_number < len(self._page_cache.slots) and self._page_cache.slots[next_number].entries is None:
            middle = (
                self._page_cache.get_first_row(last_visible_page)
                + self._page_cache.slots[last_visible_page].count // 2
            )
            if self._visible_rows[1] >= middle:
                return next_number
        return self._find_page_of_requested_row()

    def _find_page_of_requested_row(self) -> int | None:
        row, self._requested_row = self._requested_row, None
        if row is None or row >= len(self._page_cache):
            return None
        number, _ = self._page_cache.locate_row(row)
        return number if self._page_cache.slots[number].entries is None else None

    def _handle_read_page(self, query_number: int, page: FetchedPage) -> None:
        if query_number != self._query_number or self._pending_page is None:
            return
        number, self._pending_page = self._pending_page, None
        self._skeleton_timer.stop()
        if self._reread is None:
            self._apply_pages(lambda: self._apply_page(number, page), number, page)
        elif self._reread.add_page_and_check_end(page):
            first, last, pages = self._reread.first, self._reread.last, self._reread.pages
            self._reread = None
            self._apply_pages(lambda: self._apply_reread_pages(first, last, pages), first + len(pages) - 1, page)
        self._read_next_page()

    def _apply_pages(self, change: Callable[[], None], last_number: int, page: FetchedPage) -> None:
        """Call `change`, which applies newly read pages to the rows of the model, and emit the signals about the
        change. `page` is the last of these pages, and `last_number` its number."""
        self.about_to_change.emit()
        change()
        self._use_count += 1
        self._page_cache.slots[last_number].last_use = self._use_count
        self._update_following_pages(last_number, page)
        self._page_cache.limit_loaded_pages(MAX_LOADED_PAGES)
        self.changed.emit()
        self.page_applied.emit()

    def _update_following_pages(self, number: int, page: FetchedPage) -> None:
        """Update the pages after page `number`, which was just read as `page`. Remove them if `page` is the last page
        of the list; add placeholders if the next page is missing; read the loaded pages again if the next page now
        starts at another cursor."""
        slots = self._page_cache.slots
        next_slot = slots[number + 1] if number + 1 < len(slots) else None
        if page.next is None:
            self._remove_pages_from(number + 1)
        elif next_slot is None:
            self._append_placeholder_page(page.next)
        elif next_slot.start != page.next:
            next_slot.start = page.next
            if next_slot.entries is not None:  # the loaded pages overlap or lack rows between them: read them again
                self._reread = _PageRangeRead(number, self._find_last_loaded_page(number), [])

    def _find_last_loaded_page(self, number: int) -> int:
        """Return the number of the last page in the series of loaded pages that begins with page `number` and has no
        gap."""
        slots = self._page_cache.slots
        while number + 1 < len(slots) and slots[number + 1].entries is not None:
            number += 1
        return number

    def _handle_failure(self, query_number: int, failure: Failure) -> None:
        if query_number != self._query_number:
            return
        self._pending_page, self._reread, self._has_failed = None, None, True
        self._skeleton_timer.stop()
        self.failed.emit(failure)

    @Slot()
    def _show_skeleton(self) -> None:
        self.is_skeleton = True
        first_row, last_row = self._visible_rows
        self._emit_changed(
            min(first_row, len(self._page_cache) - 1),
            min(max(last_row, _FIRST_PAGE_PLACEHOLDER_ROWS), len(self._page_cache)) - 1,
        )
