"""A queue grouped by cause: a row for each cause with its number of records and sums, and below it, if the person has
opened the group, its records. The database counts the groups.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent

from console.domain.queues.causes import CauseGroup
from console.domain.queues.filters import NO_CAUSE, RecordFilter
from console.views.pages.fitted_table import FittedTable
from console.views.presenters.credit_checks import age_cell
from console.views.queues.filter_lists import value_words
from console.views.queues.rows import ListQuery, QueueRow, read_rows
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage as Rows
from console.views.tables.columns import Cell, Column
from console.wording import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

CAUSE_KEY = "cause"
"""The first part of the key of a group's row; a record's key begins with its kind, and no kind has this name."""
_NAMING_KEYS = ("company", "corporation", "name")


@dataclass(frozen=True, slots=True)
class CauseRow:
    """The heading row of a group of records with the same cause. `is_open`: the records of the group are shown
    below it. `is_capped`: not all records of the queue were counted.
    """

    group: CauseGroup
    is_open: bool = False
    is_capped: bool = False

    @property
    def cause(self) -> str:
        """The value of the filter's operator `cause:`."""
        return self.group.cause or NO_CAUSE

    @property
    def key(self) -> tuple[str, str]:
        return CAUSE_KEY, self.cause


GroupRow = CauseRow | QueueRow


@dataclass(frozen=True, slots=True)
class _Position:
    """The position at which the next page begins: the rows of the groups, the index of the first group of which
    it has rows, and the cursor within that group's records; None at the group's beginning.
    """

    groups: tuple[CauseRow, ...]
    index: int
    after: object | None = None


def add_cause(query: ListQuery, cause: str) -> ListQuery:
    """Return the list of the records of one group."""
    chosen: RecordFilter = replace(query.chosen, causes=frozenset({cause}))
    return replace(query, chosen=chosen, by_cause=False)


def read_groups(query: ListQuery, opened: Collection[str]) -> Callable[["Console", object, int], Rows]:
    """Return a function that reads a page of the groups and of the records of the opened ones, for a PagedModel."""

    def read(services: "Console", cursor: object, limit: int) -> Rows:
        position = cursor if isinstance(cursor, _Position) else _first_position(services, query, opened)
        groups, index, after = position.groups, position.index, position.after
        rows: list[GroupRow] = []
        while index < len(groups) and len(rows) < limit:
            group = groups[index]
            if after is None:
                rows.append(group)
            if group.is_open:
                page = read_rows(add_cause(query, group.cause))(services, after, max(1, limit - len(rows)))
                rows += [replace(row, group_size=None) for row in page.rows]
                after = page.next
            if after is None:
                index += 1
        return Rows(rows, _Position(groups, index, after) if index < len(groups) else None)

    return read


def _first_position(services: "Console", query: ListQuery, opened: Collection[str]) -> _Position:
    page = services.recovery.read_causes(query.queue, query.chosen)
    rows = (CauseRow(group, is_capped=page.is_capped) for group in page.groups)
    return _Position(tuple(replace(row, is_open=row.cause in opened) for row in rows), 0)


def group_columns(context: WindowContext, columns: Sequence[Column]) -> list[Column]:
    """Return the columns with cells for the rows of groups too: the cause and the number of records where the record
    is named, the sums of each currency as the amount, and the age of the oldest record.
    """
    naming = next((column.key for column in columns if column.key in _NAMING_KEYS), columns[-1].key)
    has_cause = naming != CAUSE_KEY and any(column.key == CAUSE_KEY for column in columns)
    return [_add_groups(context, column, is_naming=column.key == naming, has_cause=has_cause) for column in columns]


def _add_groups(context: WindowContext, column: Column, *, is_naming: bool, has_cause: bool) -> Column:
    """Return the column with cells for groups. The cause stands in its own column if the table has it (`has_cause`):
    where the record is named, a sentence and the number of records would be cut.
    """

    def group_cell(row: CauseRow) -> Cell:
        if is_naming:
            text = _count_text(context, row) if has_cause else _title_of_group(context, row)
            return f"{'▾' if row.is_open else '▸'} {text}"
        if column.key == CAUSE_KEY:
            return value_words("cause", row.cause, context)
        if column.key == "age":
            return age_cell(row.group.oldest, context)
        return sums_text(row.group.sums_minor) if column.kind == "amount" else ""

    def make_cell(row: GroupRow) -> Cell:
        return group_cell(row) if isinstance(row, CauseRow) else column.cell(row)

    def make_spoken_text(row: GroupRow) -> str:
        if not isinstance(row, CauseRow):
            return column.spoken(row) if column.spoken else column.text(row)
        if is_naming:
            return context.translate(
                "queue.group.spoken_open" if row.is_open else "queue.group.spoken_closed",
                title=_title_of_group(context, row),
            )
        return sums_text(row.group.sums_minor) if column.kind == "amount" else ""

    return replace(column, cell=make_cell, spoken=make_spoken_text)


def _count_text(context: WindowContext, row: CauseRow) -> str:
    return context.translate("queue.group.count", n=wording.format_count(row.group.count, is_capped=row.is_capped))


def _title_of_group(context: WindowContext, row: CauseRow) -> str:
    count = wording.format_count(row.group.count, is_capped=row.is_capped)
    return context.translate("queue.group.title", cause=value_words("cause", row.cause, context), n=count)


def sums_text(sums_minor: Mapping[str, int]) -> str:
    """Return the sums of each currency, which are never added to each other."""
    return "  ".join(wording.format_amount(minor, currency) for currency, minor in sorted(sums_minor.items()))


class GroupTable(FittedTable):
    """A table of groups and records. Enter on a group, or a double click, opens and closes it; Right opens it and
    Left closes it, as in a tree.

    Signals:
    - toggled(object): the person opens or closes the group of this CauseRow.
    """

    toggled = Signal(object)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_item
        wanted = {Qt.Key.Key_Right: True, Qt.Key.Key_Left: False}.get(Qt.Key(event.key()))
        if isinstance(row, CauseRow) and wanted is not None:
            if row.is_open is not wanted:
                self.toggled.emit(row)
        elif isinstance(row, QueueRow) and wanted is False:
            self._go_to_group()
        else:
            super().keyPressEvent(event)

    def _go_to_group(self) -> None:
        """Make the group of the current record the current row."""
        for number in range(self.current_row, -1, -1):
            if isinstance(self.rows.row_at(number), CauseRow):
                self.go_to(number)
                return
