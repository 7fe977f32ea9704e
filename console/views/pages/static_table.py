"""A table that gets all of its rows in one call. It looks and behaves like a table that reads its rows page by
page."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.fitted_table import FittedTable
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage
from console.views.runtime.tasks import Runner, Task, TaskHandle
from console.views.tables.columns import Column, RowGroup
from console.views.tables.paged_model import PagedModel
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.current_page_stack import CurrentPageStack


class _CallingThreadRunner(Runner):
    """Runs each call immediately, in the calling thread. In a background thread, the rows of a StaticTable, which are
    in memory, would wait while slow reads of the database occupy all threads. The table would then show rows that the
    page around it no longer shows, and a key would act on one of them."""

    def _accept_task(self, task: Task) -> TaskHandle:
        task.state = "running"
        rows = task.call(task.progress_reporter)
        task.state = "done"
        task.on_done(rows)
        return TaskHandle(task)


class StaticTable(FittedTable):
    """A table that gets all of its rows in one call, and shows them at once. `get_key` returns the key by which the
    table recognizes the same row in a later call of `show_rows`. `get_group` returns the heading above a row; it is
    None for a table without headings. For the other arguments see FittedTable.

    If an automatic update removes the current row, the row stays, with the mark of removed rows, until the person
    makes another row the current one. Otherwise a key or a button that the person presses at this moment would act on
    the next row.

    Signals:
    - held_back_rows_shown: the table now shows the new rows that it held back while the mouse pointer was over it.
    """

    held_back_rows_shown = Signal()

    def __init__(
        self, context: WindowContext, columns: Sequence[Column], get_key: Callable[[Any], Hashable],
        accessible_name: str, *, margin_px: int | None = None, hideable_columns: Sequence[str] = (),
        naming_columns: Sequence[str] = (), get_group: Callable[[Any], RowGroup] | None = None,
    ) -> None:  # fmt: skip
        self._model = PagedModel(columns, get_key, _CallingThreadRunner(), get_group=get_group)
        super().__init__(
            self._model,
            accessible_name,
            margin_px=margin_px,
            hideable_columns=hideable_columns,
            naming_columns=naming_columns,
        )
        self._model.setParent(self)
        context.minute_passed.connect(self.repaint_ages)
        self._model.page_applied.connect(self._mark_removed_current_row)
        self.current_changed.connect(self._drop_removed_row_later)
        self._rows: Sequence[Any] = ()
        self._removed_current_key: Hashable | None = None
        self._has_shown_rows = False
        self._held_back_rows: Sequence[Any] | None = None
        self._removed_text = context.translate("table.row_removed")

    def show_rows(self, rows: Sequence[Any], *, is_automatic: bool = False, after_action: bool = False) -> None:
        """Replace the rows of the table with `rows`.

        `after_action` is True if the person has just acted on the current row. If the action has moved this row to
        another place, or removed it, its neighbour becomes the current row, so that the person can continue there.

        `is_automatic` is True if the person has not requested the update, for example after a change in the database.
        If such an update would move a row at or above the mouse pointer, the rows on screen keep their places: the
        table updates their texts and marks the rows that are missing in `rows`. The table shows `rows` after the
        pointer has left the table. A current row that is missing in `rows` stays in the table after an automatic
        update, as described at the class.
        """
        if is_automatic and self._would_move_rows(rows):
            self._held_back_rows = rows
            self._update_shown_rows(rows)
            return
        self._held_back_rows, self._removed_current_key = None, None
        neighbour_key = self._find_neighbour_of_moved_row(rows) if after_action else None
        self._rows = self._keep_removed_current_row(rows) if is_automatic else rows
        if self._has_shown_rows:
            self._model.read_rows_again()
        else:
            self._has_shown_rows = True
            self._model.read_query(lambda _cursor, _limit: FetchedPage(self._rows))
        if neighbour_key is not None:
            self.go_to_item(lambda row: self.rows.get_key(row) == neighbour_key)

    def _find_neighbour_of_moved_row(self, rows: Sequence[Any]) -> Hashable | None:
        """Return the key of the row that becomes current if `rows` lacks the current row, or has it below another
        heading or after other rows than before. This is the next row with the heading that the current row had,
        without such a row the previous one, and otherwise the nearest row under another heading. Return None if the
        current row keeps its place, or if no other row of the table remains.
        """
        get_key, current = self.rows.get_key, self.current_item
        if current is None:
            return None
        current_key = get_key(current)
        new_groups = {get_key(row): self._find_group_key(row) for row in rows}
        remaining_keys = [key for key in map(get_key, self._rows) if key in new_groups or key == current_key]
        place = remaining_keys.index(current_key)
        keys_above, keys_below = remaining_keys[:place], remaining_keys[place + 1 :]
        group_key = self._find_group_key(current)
        if current_key in new_groups:
            old_keys = set(remaining_keys)
            new_keys = [key for key in new_groups if key in old_keys]
            is_group_kept = new_groups[current_key] == group_key
            if is_group_kept and set(new_keys[: new_keys.index(current_key)]) == set(keys_above):
                return None
        neighbour_keys = [*keys_below, *reversed(keys_above)]
        return next((key for key in neighbour_keys if new_groups[key] == group_key), next(iter(neighbour_keys), None))

    def _keep_removed_current_row(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return `rows`. If they don't contain the current row, insert it: beside the nearest of its neighbours that
        is in `rows` and has the same heading; without such a neighbour, at the top of the rows with this heading, or
        of all rows. Store its key, so that the row gets the mark of removed rows."""
        get_key, current = self.rows.get_key, self.current_item
        keys, shown_keys = ([get_key(row) for row in some_rows] for some_rows in (rows, self._rows))
        if current is None or get_key(current) in keys:
            return rows
        self._removed_current_key = get_key(current)
        place = shown_keys.index(self._removed_current_key)
        position_by_key = {
            key: position
            for position, key in enumerate(keys)
            if self._find_group_key(rows[position]) == self._find_group_key(current)
        }
        positions_after = (position_by_key[key] + 1 for key in reversed(shown_keys[:place]) if key in position_by_key)
        positions_before = (position_by_key[key] for key in shown_keys[place + 1 :] if key in position_by_key)
        top = min(position_by_key.values(), default=0)
        position = next(positions_after, next(positions_before, top))
        return [*rows[:position], current, *rows[position:]]

    def _find_group_key(self, row: Any) -> Hashable:
        """Return the key of the heading above `row`; None for a table without headings."""
        get_group = self._model.get_heading_function()
        return None if get_group is None else get_group(row).key

    @Slot()
    def _mark_removed_current_row(self) -> None:
        if self._removed_current_key is not None:
            self.mark_removed_rows((self._removed_current_key,), self._removed_text)

    @property
    def is_current_row_removed(self) -> bool:
        """True if the current row is no longer in the list, and stays in the table only because it is the current
        row or because the mouse pointer is over the table."""
        return self.rows.is_row_removed(self.current_row)

    @Slot()
    def _drop_removed_row_later(self) -> None:
        if self._removed_current_key is not None:
            QTimer.singleShot(0, self, self._drop_removed_row)  # rows must not change inside Qt's own signal

    @Slot()
    def _drop_removed_row(self) -> None:
        """Remove the row that an automatic update has removed from the list, because the person has made another row
        the current one."""
        get_key, removed_key, current = self.rows.get_key, self._removed_current_key, self.current_item
        is_due = removed_key is not None and self._held_back_rows is None
        if is_due and (current is None or get_key(current) != removed_key):
            self.show_rows([row for row in self._rows if get_key(row) != removed_key], is_automatic=True)

    def _would_move_rows(self, rows: Sequence[Any]) -> bool:
        """Return True if the new rows would move a row at or above the mouse pointer."""
        if self.hover_row < 0:
            return False
        row_count = sum(self.rows.get_item(row_index) is not None for row_index in range(self.hover_row + 1))
        # If the pointer is on a heading, the row below it counts too.
        compared_count = row_count + (self.rows.get_item(self.hover_row) is None)
        get_key = self.rows.get_key
        return [get_key(row) for row in self._rows[:compared_count]] != [
            get_key(row) for row in rows[:compared_count]
        ]

    def _update_shown_rows(self, rows: Sequence[Any]) -> None:
        """Update the texts of the shown rows, and mark the shown rows that are missing in the new rows. Don't add a
        row."""
        get_key = self.rows.get_key
        row_by_key = {get_key(row): row for row in rows}
        for row in self._rows:
            key = get_key(row)
            if key in row_by_key and row_by_key[key] != row:
                self.rows.replace_row(row_by_key[key])
        self.mark_removed_rows({get_key(row) for row in self._rows} - row_by_key.keys(), self._removed_text)
        self._rows = [row_by_key.get(get_key(row), row) for row in self._rows]

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._held_back_rows is not None:
            self.show_rows(self._held_back_rows, is_automatic=True)
            self.held_back_rows_shown.emit()

    def group_rows_by(self, get_group: Callable[[Any], RowGroup] | None) -> None:
        """Group the rows under the headings that `get_group` returns; None removes the headings."""
        self._model.set_heading_function(get_group)
        if self._has_shown_rows:
            self._model.read_rows_again()

    @property
    def all_rows(self) -> Sequence[Any]:
        """All rows of the table in their order. The rows of an update that the table still holds back aren't
        included."""
        return self._rows


class TableOrEmptyState(CurrentPageStack):
    """Shows a table, or an EmptyState with a message if the table has no rows."""

    def __init__(self, table: StaticTable, empty_state: EmptyState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table, self.empty_state = table, empty_state
        self.addWidget(table)
        self.addWidget(empty_state)
        self.setFocusProxy(table)
        table.held_back_rows_shown.connect(self._show_table_or_empty_state)

    def show_rows(self, rows: Sequence[Any], *, is_automatic: bool = False, after_action: bool = False) -> None:
        """Replace the rows of the table with `rows`, then show the table, or the EmptyState if `rows` is empty.
        `is_automatic` is True if the person has not requested the update, and `after_action` if the person has just
        acted on the current row; see StaticTable.show_rows."""
        self.table.show_rows(rows, is_automatic=is_automatic, after_action=after_action)
        self._show_table_or_empty_state()

    @Slot()
    def _show_table_or_empty_state(self) -> None:
        self.setCurrentWidget(self.table if self.table.all_rows else self.empty_state)
