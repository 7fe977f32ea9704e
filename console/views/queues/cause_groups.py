"""The table of a queue whose records are grouped by cause: one heading row per cause, with the number of records
and their sums. The records of a group have rows below the heading row while the group is open. The database
counts the groups.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent

from console.domain.queues.causes import CauseGroup
from console.domain.queues.filters import NO_CAUSE, RecordFilter
from console.views.pages.fitted_table import FittedTable
from console.views.presenters.credit_checks import make_age_cell
from console.views.queues.filter_lists import format_filter_operator_value
from console.views.queues.rows import QueueListQuery, QueueRow, make_row_reader
from console.views.records.preview_panel import GroupSummary
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage as Rows
from console.views.tables.columns import Cell, Column, HeadingText
from console.views.tables.delegates import measure_heading_width
from console.views.tables.paged_model import PagedModel
from console.wording import records as record_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

CAUSE_ROW_KEY_PREFIX = "cause"
"""The first part of the key of a group's row; a record's key begins with its kind, and no kind has this name."""
_UNTITLED_COLUMN_KEYS = ("check", "age")
"""The keys of the columns in which a heading row has a check box or an age, and no text."""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """The heading row of a group of records with the same cause. If `is_open` is True, the table shows the records
    of the group below this row. If `is_count_capped` is True, `group.count` is a lower limit, because the database
    didn't count all records of the queue.
    """

    group: CauseGroup
    is_open: bool = False
    is_count_capped: bool = False

    @property
    def cause(self) -> str:
        """The cause of the group, as a value of the filter operator `cause:`."""
        return self.group.cause or NO_CAUSE

    @property
    def key(self) -> tuple[str, str]:
        """The key of this row in the table, by which a later read of the list finds the row again: a fixed prefix and
        the cause."""
        return CAUSE_ROW_KEY_PREFIX, self.cause


GroupTableRow = CauseRow | QueueRow


@dataclass(frozen=True, slots=True)
class _GroupedTableCursor:
    """The cursor of the next page of a grouped table. `groups` are all heading rows; `group_index` is the index of
    the group with which the page begins; `cursor_in_group` is the cursor in the records of that group, None if the
    page begins with the heading row.
    """

    groups: tuple[CauseRow, ...]
    group_index: int
    cursor_in_group: object | None = None


def restrict_to_cause(query: QueueListQuery, cause: str) -> QueueListQuery:
    """Return a copy of the query that selects only the records with this cause and doesn't group them."""
    record_filter: RecordFilter = replace(query.record_filter, causes=frozenset({cause}))
    return replace(query, record_filter=record_filter, is_grouped_by_cause=False)


def make_group_reader(
    query: QueueListQuery, opened_causes: Collection[str]
) -> Callable[["Console", object, int], Rows]:
    """Return a function that reads one page of the heading rows and of the records of the open groups, for a
    PagedModel. `opened_causes` are the causes of the open groups."""

    def read_group_rows(services: "Console", cursor: object, limit: int) -> Rows:
        position = (
            cursor if isinstance(cursor, _GroupedTableCursor) else _make_first_cursor(services, query, opened_causes)
        )
        groups, index, after = position.groups, position.group_index, position.cursor_in_group
        rows: list[GroupTableRow] = []
        while index < len(groups) and len(rows) < limit:
            group = groups[index]
            if after is None:
                rows.append(group)
            if group.is_open:
                page = make_row_reader(restrict_to_cause(query, group.cause))(
                    services, after, max(1, limit - len(rows))
                )
                rows += [replace(row, group_size=None) for row in page.rows]
                after = page.next_cursor
            if after is None:
                index += 1
        return Rows(rows, _GroupedTableCursor(groups, index, after) if index < len(groups) else None)

    return read_group_rows


def _make_first_cursor(
    services: "Console", query: QueueListQuery, opened_causes: Collection[str]
) -> _GroupedTableCursor:
    """Read the causes of the query's records, and return the cursor of the table's first page: it contains the
    heading row of each cause, and begins with the first of them. The groups of `opened_causes` are open."""
    page = services.recovery.read_cause_groups(query.queue, query.record_filter)
    rows = (CauseRow(group, is_count_capped=page.is_capped) for group in page.groups)
    return _GroupedTableCursor(tuple(replace(row, is_open=row.cause in opened_causes) for row in rows), 0)


def make_grouped_table_columns(context: WindowContext, columns: Sequence[Column]) -> list[Column]:
    """Return `columns`, extended by cells for heading rows; the cells of records stay the same. In a heading row, the
    column of ages has the age of the oldest record of the group. Every other column, except those without a title,
    has the text of the heading. The table paints this text only once: from the first visible of these columns to the
    right edge. So the text is shown also if a narrow table hides some of the columns."""
    spoken_key = next((column.key for column in columns if column.key not in _UNTITLED_COLUMN_KEYS), "")
    return [_make_group_column(context, column, is_spoken=column.key == spoken_key) for column in columns]


def _make_group_column(context: WindowContext, column: Column, *, is_spoken: bool) -> Column:
    """Return the column, extended by cells for heading rows. If `is_spoken` is True, a screen reader reads the text
    of the heading as the text of this column."""

    def make_cell(row: GroupTableRow) -> Cell:
        if not isinstance(row, CauseRow):
            return column.make_cell(row)
        if column.key == "age":
            return make_age_cell(row.group.oldest, context)
        if column.key in _UNTITLED_COLUMN_KEYS:
            return ""
        return HeadingText(f"{'▾' if row.is_open else '▸'} {format_group_heading(context, row)}")

    def make_spoken_text(row: GroupTableRow) -> str:
        if not isinstance(row, CauseRow):
            return column.make_spoken_text(row) if column.make_spoken_text else column.format_text(row)
        if is_spoken:
            return context.translate(
                "queue.group.spoken_open" if row.is_open else "queue.group.spoken_closed",
                title=format_group_heading(context, row),
            )
        return ""

    return replace(column, make_cell=make_cell, make_spoken_text=make_spoken_text)


def format_group_heading(context: WindowContext, row: CauseRow) -> str:
    """Return the text of a heading row: the cause, the number of records, and the sums of each kind of record and
    currency."""
    title = context.translate(
        "queue.group.title",
        cause=wording.capitalize_first_letter(format_filter_operator_value("cause", row.cause, context)),
        n=wording.format_count(row.group.count, is_capped=row.is_count_capped),
    )
    sums = record_words.format_sums_by_kind(row.group.sums_minor_by_kind, context.translate)
    return wording.join_facts((title, sums), context.translate)


def make_group_summary(context: WindowContext, row: CauseRow) -> GroupSummary:
    """Return the texts about the group of this heading row for the preview: the cause, the number of records, their
    sums, the age of the oldest record, and the key that opens or closes the group."""
    translate, group = context.translate, row.group
    sums = record_words.format_sums_by_kind(group.sums_minor_by_kind, translate)
    oldest = wording.NO_VALUE
    if group.oldest is not None:
        oldest = translate("queue.group.oldest", age=context.format_age(group.oldest), at=group.oldest)
    facts = (
        (translate("queue.group.records"), wording.format_count(group.count, is_capped=row.is_count_capped)),
        (translate("column.amount"), sums or wording.NO_VALUE),
        (translate("queue.group.oldest_label"), oldest),
    )
    title = wording.capitalize_first_letter(format_filter_operator_value("cause", row.cause, context))
    return GroupSummary(title, facts, translate("queue.group.close" if row.is_open else "queue.group.open"))


class GroupTable(FittedTable):
    """A table of heading rows and records. Enter or a double click on a heading row opens or closes its group; the
    Right key opens the group, and the Left key closes it. On the row of a record, the Left key moves to the heading
    row of its group.

    Signals:
    - group_toggle_requested(object): the person opens or closes the group of this CauseRow.
    """

    group_toggle_requested = Signal(object)

    def __init__(self, rows: PagedModel, *args: Any, **options: Any) -> None:
        self._has_records = False
        super().__init__(rows, *args, **options)
        for signal in (rows.dataChanged, rows.rowsInserted, rows.rowsRemoved, rows.changed, rows.modelReset):
            signal.connect(self._repaint_headings_if_records_changed)

    @Slot()
    def _repaint_headings_if_records_changed(self) -> None:
        """Repaint the headings if the table shows a record of an open group and showed none before, or if it shows
        none any more."""
        has_records = any(isinstance(row, QueueRow) for row in self.rows.iterate_loaded_rows())
        if has_records != self._has_records:
            self._has_records = has_records
            self.viewport().update()

    def is_heading_row(self, row: int) -> bool:
        """Return True if this row is the heading of a group. While no group is open, return False for every row,
        because the table is then a plain list of causes."""
        return self._has_records and isinstance(self.rows.get_item(row), CauseRow)

    def has_heading_text(self, entry: object) -> bool:
        return isinstance(entry, CauseRow)

    def is_heading_cut(self, row: CauseRow) -> bool:
        """Return True if the table is too narrow for the text of this heading row."""
        cells = ((number, column.make_cell(row)) for number, column in enumerate(self.rows.columns))
        for number, cell in cells:
            if isinstance(cell, HeadingText) and not self.isColumnHidden(number):
                left_padding, right_padding = self.delegates[number].get_paddings(number)
                needed_px = left_padding + measure_heading_width(cell) + right_padding
                return self.get_column_x(number) + needed_px > self.viewport().width()
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_item
        must_open = {Qt.Key.Key_Right: True, Qt.Key.Key_Left: False}.get(Qt.Key(event.key()))
        if isinstance(row, CauseRow) and must_open is not None:
            if row.is_open is not must_open:
                self.group_toggle_requested.emit(row)
        elif isinstance(row, QueueRow) and must_open is False:
            self._go_to_heading_row()
        else:
            super().keyPressEvent(event)

    def _go_to_heading_row(self) -> None:
        """Make the heading row of the current record's group the current row."""
        for row_index in range(self.current_row, -1, -1):
            if isinstance(self.rows.get_item(row_index), CauseRow):
                self.go_to_row(row_index)
                return
