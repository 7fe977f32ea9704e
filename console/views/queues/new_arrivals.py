"""The button that shows the number of new items of a queue. New items get a row only when the person presses the
button, so that the present rows of the table don't move."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from console.domain.views.any_record import QueueItem
from console.views.pages.fitted_table import FittedTable
from console.views.presenters.records import make_record_ref
from console.views.queues.rows import QueueListQuery, QueueRow
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.runtime.tasks import Failure
from console.views.widgets.controls.buttons import KeyButton

if TYPE_CHECKING:
    from console.app import Console

MAX_COMPARED_QUEUE_ITEMS = 200
"""Number of items that are read from the beginning of the queue and compared with the table."""


class QueueArrivals(QObject):
    """Compares the items that the database has in a queue with the rows of the queue's table: updates rows that have
    changed, marks rows whose records have left the queue (only if all items of the queue were read), and counts the
    new items on a button.

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

    def compare_queue_with_table(self, query: QueueListQuery, table: FittedTable) -> None:
        """Read the first MAX_COMPARED_QUEUE_ITEMS items of the list of `query` in the background, then compare them
        with the rows of `table`. Replace each row whose item has changed. If items have no row in the table, show
        the button that loads them, with their number; but if the table is empty, emit `reload_requested` and show no
        button. If the list has no more items than were read, also mark the rows whose records have left the list; a
        marked row stays in the table until the page reads the list again. If
        the items can't be read, change nothing.
        """

        self._compared_query = query

        def read_first_items(services: "Console") -> tuple[QueueItem, ...]:
            return query.read_page(services, MAX_COMPARED_QUEUE_ITEMS).items

        self._context.run_read(
            read_first_items,
            lambda items: self._show_changes(items, query, table),
            _ignore_failure,
            caller=self,
            key=self,
        )

    def _show_changes(self, items: Iterable[QueueItem], query: QueueListQuery, table: FittedTable) -> None:
        """Update `table` and the button by the first items of the list of `query`, as `compare_queue_with_table`
        describes it."""
        if query != self._compared_query:
            return
        items = list(items)
        for item in items:
            row_index = table.rows.find_row(make_record_ref(item.record))
            if row_index is None:
                self._new_refs.add(make_record_ref(item.record))
            else:
                self._update_row(table, row_index, item)
        if len(items) < MAX_COMPARED_QUEUE_ITEMS:
            present_refs = {make_record_ref(item.record) for item in items}
            shown_refs = {
                make_record_ref(row.item.record)
                for row in table.rows.iterate_loaded_rows()
                if isinstance(row, QueueRow)
            }
            table.mark_removed_rows(shown_refs - present_refs, self._context.translate("table.row_removed"))
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
        row = table.rows.row_at(row_number)
        if isinstance(row, QueueRow) and row.item != queue_item:
            table.rows.replace_row(QueueRow(queue_item, row.group_size))


def _ignore_failure(_failure: Failure) -> None:
    """Ignore the failure of the comparison, because a bar above the page already says that the database is
    unreachable."""
