"""The button that shows the number of new items of a queue. New items get a row only when the person presses the
button, so that the present rows of the table don't move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from console.domain.views.any_record import QueueItem, QueuePage
from console.views.pages.fitted_table import FittedTable
from console.views.presenters.records import make_record_ref
from console.views.queues.rows import QueueListQuery, QueueRow, make_word_matcher
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.runtime.tasks import Failure
from console.views.widgets.controls.buttons import KeyButton

if TYPE_CHECKING:
    from console.app import Console

MAX_COMPARED_QUEUE_ITEMS = 200
"""Number of items that are read from the beginning of the queue and compared with the table."""
_MAX_SEARCHED_ROWS = 1_000
"""Largest number of rows of the table, from its beginning, whose records are searched in the rest of the queue if
they aren't among its first MAX_COMPARED_QUEUE_ITEMS items.
"""
_ITEMS_PER_SEARCHED_PAGE = 1_000
_MAX_SEARCHED_PAGES = 5


@dataclass(frozen=True, slots=True)
class _ComparedQueue:
    """The first items of a queue's list, and `removed_refs`: the records that the table shows but that are no longer
    in the list. `removed_refs` is None if the list is too long to be searched completely. `is_complete` is True if
    the list has no items beside the first ones."""

    first_items: tuple[QueueItem, ...]
    removed_refs: frozenset[RecordRef] | None
    is_complete: bool


class QueueArrivals(QObject):
    """Compares the items of a queue in the database with the rows of the queue's table. It updates rows that have
    changed, and counts the new items on a button. It also marks rows whose records have left the queue, but only if
    the whole queue was searched for these records.

    Signals:
    - rows_updated: rows of the table have been updated.
    - reload_requested: the page must read the list again, because the person wants to see the new items or because
      the table is empty.
    """

    rows_updated = Signal()
    reload_requested = Signal()

    def __init__(self, context: WindowContext, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._new_refs: set[RecordRef] = set()
        self._compared_query: QueueListQuery | None = None
        self.button = KeyButton("", kind="tool", icon="arrow_right")
        self.button.clicked.connect(self.reload_requested)
        self.button.hide()

    def reset_arrivals(self) -> None:
        """Reset the number of new items and hide the button, because the page reads the list again or shows
        another list. The answer of a comparison that is still running is ignored."""
        self._compared_query = None
        self._new_refs.clear()
        self.button.hide()

    def show_queue_changes(self, query: QueueListQuery, table: FittedTable, *, counts_new_items: bool = True) -> None:
        """Read the first MAX_COMPARED_QUEUE_ITEMS items of the list of `query` in the background, then compare them
        with the rows of `table`. Replace each row whose item has changed. If items have no row in the table, show the
        button that loads these items, with their number; if the table is empty, emit `reload_requested` instead. If
        `counts_new_items` is False, because the list doesn't show all items of the queue, neither show the button nor
        emit the signal.

        Also mark the rows whose records have left the list; a marked row stays in the table until the page reads the
        list again. If the record of a row isn't among the first items, this method searches the rest of the list for
        it. In a list that is too long for this search, the marks stay unchanged.

        If the items can't be read, change nothing.
        """

        self._compared_query = query
        # The database evaluates the conditions of the filter, but not the searched words.
        has_words = make_word_matcher(query.words)
        shown_refs = [
            make_record_ref(row.item.record) for row in table.rows.iterate_loaded_rows() if isinstance(row, QueueRow)
        ][:_MAX_SEARCHED_ROWS]

        self._context.run_read(
            lambda services: _read_and_compare(services, query, shown_refs, has_words),
            lambda compared_queue: self._show_changes(
                compared_queue, query, table, counts_new_items=counts_new_items
            ),
            _ignore_failure,
            caller=self,
            key=self,
        )

    def _show_changes(
        self, compared_queue: _ComparedQueue, query: QueueListQuery, table: FittedTable, *, counts_new_items: bool
    ) -> None:
        """Update the rows of `table`, and the button with the number of new items, from the first items of the list
        of `query`; see `show_queue_changes`."""
        if query != self._compared_query:
            return
        if compared_queue.is_complete:
            self._new_refs.clear()  # a new item can have left the list again
        for item in compared_queue.first_items:
            row_index = table.rows.find_row(make_record_ref(item.record))
            if row_index is None and not counts_new_items:
                continue
            if row_index is None:
                self._new_refs.add(make_record_ref(item.record))
            else:
                self._update_row(table, row_index, item)
        if compared_queue.removed_refs is not None:
            table.mark_removed_rows(compared_queue.removed_refs, self._context.translate("table.row_removed"))
        self.rows_updated.emit()
        if table.rows.row_count == 0 and self._new_refs:
            self.reload_requested.emit()  # the table is empty, so no row can move
            return
        button_text = self._context.translate("queue.new_arrivals_show", n=len(self._new_refs))
        has_changed = bool(self._new_refs) and (self.button.isHidden() or button_text != self.button.text())
        self.button.show_text(button_text)
        self.button.setVisible(bool(self._new_refs))
        if has_changed:
            announce(self.button, button_text, tone="progress")

    @staticmethod
    def _update_row(table: FittedTable, row_number: int, queue_item: QueueItem) -> None:
        """Replace the row at this position of the table if its item differs from `queue_item`."""
        row = table.rows.get_item(row_number)
        if isinstance(row, QueueRow) and row.item != queue_item:
            table.rows.replace_row(QueueRow(queue_item, row.group_size))


def _read_and_compare(
    services: "Console",
    query: QueueListQuery,
    shown_refs: Sequence[RecordRef],
    has_words: Callable[[QueueItem], bool] | None,
) -> _ComparedQueue:
    """Read the first items of the list of `query`. If they don't contain all records of `shown_refs`, which the table
    shows, continue reading until each of these records is found or the list ends, at most _MAX_SEARCHED_PAGES pages.
    `has_words` returns True for an item that contains the searched words of the list; None if no words are searched.
    """

    def list_items(page: QueuePage) -> tuple[QueueItem, ...]:
        return page.items if has_words is None else tuple(filter(has_words, page.items))

    page = query.read_page(services, MAX_COMPARED_QUEUE_ITEMS)
    first_items, is_complete = list_items(page), page.next_cursor is None
    missing_refs = frozenset(shown_refs) - {make_record_ref(item.record) for item in first_items}
    for _ in range(_MAX_SEARCHED_PAGES):
        if not missing_refs or page.next_cursor is None:
            return _ComparedQueue(first_items, missing_refs, is_complete)
        page = query.read_page(services, _ITEMS_PER_SEARCHED_PAGE, page.next_cursor)
        missing_refs -= {make_record_ref(item.record) for item in list_items(page)}
    is_known = not missing_refs or page.next_cursor is None
    return _ComparedQueue(first_items, missing_refs if is_known else None, is_complete)


def _ignore_failure(_failure: Failure) -> None:
    """Ignore the failure of the comparison, because a bar above the page already says that the database is
    unreachable."""
