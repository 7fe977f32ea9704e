"""A table that hides less important columns in a narrow window, so that the others stay readable."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from math import ceil
from typing import Any

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView

from console.views.tables.columns import Column
from console.views.tables.delegates import CELL_PADDING_PX
from console.views.tables.paged_model import PagedModel
from console.views.tables.record_table import RecordTable
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.wording.sentences.formats import NO_VALUE, format_corporation_number

_MAX_MEASURED_ROWS = 200  # rows whose cells are measured
_MIN_SENTENCE_COLUMN_WIDTH_PX = 90  # width of a column of sentences in a table that is too narrow, at text size 1
_TEXT_CELL_KINDS = ("text", "data")
_LONGEST_CORPORATION_NUMBER_TEXT = format_corporation_number("0" * 13)

MAX_TRAIL_ROWS_PER_DIRECTION = 200
"""If a record is opened from a list, the person can step on its page to other records of the list: at most to this
number of rows before it, and to as many rows after it.
"""


class FittedTable(RecordTable):
    """A table of records that fits its columns to its width. `hideable_columns` are the keys of the columns that the
    table hides first, in this order, if it is too narrow. `naming_columns` are the keys of the columns by which a
    person recognizes the record of a row, such as the company. The table hides these columns only if it is still too
    narrow after it has hidden the hideable columns and has made other columns narrower. Columns in `hidden_keys` are
    always hidden. `margin_px` is the space in px before the first column; None means the margin of the page.

    Signals:
    - columns_fitted: the columns have got their widths, so `is_cell_cut` may return another value.
    """

    columns_fitted = Signal()
    repeated_keys: Collection[str] = ()
    """Keys of those columns of `hideable_columns` whose contents a panel beside or below the table repeats."""
    keys_hidden_if_empty: Collection[str] = ()
    """Keys of the columns that are hidden while the table has rows and no loaded row has a text in the column."""

    def __init__(
        self,
        rows: PagedModel,
        accessible_name: str,
        *,
        hideable_columns: Sequence[str] = (),
        naming_columns: Sequence[str] = (),
        margin_px: int | None = None,
    ) -> None:
        self._hideable_keys, self._naming_keys = tuple(hideable_columns), tuple(naming_columns)
        self.hidden_keys: frozenset[str] = frozenset()
        self._is_empty_by_key: dict[str, bool] = {}  # for columns of `hideable_columns`
        self._measured_px: dict[int, tuple[int, ...]] = {}  # of each column's title and cells, until a cell changes
        super().__init__(rows, accessible_name, margin_px=margin_px)
        for signal in (rows.dataChanged, rows.rowsInserted, rows.rowsRemoved, rows.changed, rows.modelReset):
            signal.connect(self._discard_contents_widths)
        rows.changed.connect(self.fit_columns)
        rows.modelReset.connect(self.fit_columns)

    def list_rows_around_current(self, max_rows: int) -> list[Any]:
        """Return the loaded rows around the selected one: at most `max_rows` before it, the row, and at most
        `max_rows` after it. If no row is selected, return the first rows, at most `max_rows`."""
        first_row, last_row = (
            max(0, self.current_row - max_rows),
            min(self.rows.rowCount(), self.current_row + max_rows + 1),
        )
        return [row for row in map(self.rows.get_item, range(first_row, last_row)) if row is not None]

    def compute_dialog_list_height(self, row_count: int) -> int:
        """Return the height in px for a list in a dialog that shows the header and `row_count` rows at text scale
        1.0. At a larger text scale, the list shows fewer rows, but at least 3, so that the text below the list stays
        visible."""
        unscaled_row_px = tokens().px("row_heights", current_appearance().density)
        fitting_rows = row_count * unscaled_row_px // current_appearance().row_height()
        return self.compute_height_for_rows(max(3, fitting_rows))

    def compute_height_for_rows(self, row_count: int) -> int:
        """Return the height of the header and `row_count` rows, in px."""
        return current_appearance().row_height("header") + row_count * current_appearance().row_height() + 2

    def repaint_ages(self) -> None:
        """Repaint the visible rows, so that the ages in their cells are up to date."""
        self.viewport().update()

    def fit_columns(self) -> None:
        """Set the widths of the columns. If a text would be cut off, make the columns of figures and of states as
        narrow as their contents. If the table is still too narrow, take these steps until the columns fit: hide the
        columns of `hideable_columns`, one after the other; make columns of sentences narrow, except those whose width
        the person has set; hide the columns of `naming_columns`; make columns of states narrower, which cuts off long
        states. If the columns still don't fit, the table scrolls sideways, and the columns up to the one that names
        the record stay visible.

        If a sentence and a corporation number would both be cut off, and a column of identifiers names the record,
        hide the column of the number: a part of a number names no corporation. If a sentence would be cut off, hide
        the columns of `hideable_columns` that are empty, and those of `repeated_keys` if the sentences of a stretched
        column then have enough room.
        """
        self.first_column = 0  # not that of the last fitting, by which the contents would be measured
        room, hidden_keys = self.viewport().width(), {*self.hidden_keys, *self._find_hidden_empty_columns()}
        preferred_widths = {
            column.key: self._compute_preferred_width(column_index)
            for column_index, column in enumerate(self.rows.columns)
        }
        compact = {
            column.key: self._compute_compact_width(column_index)
            for column_index, column in enumerate(self.rows.columns)
        }
        self._hide_least_important_columns(compact, hidden_keys, room)
        whole_text_widths = {
            key: max(width, self._measure_whole_text_width(key)) for key, width in preferred_widths.items()
        }
        widths = preferred_widths if _sum_visible_widths(whole_text_widths, hidden_keys) <= room else compact
        self._widen_first_column(hidden_keys, widths)
        for narrow_width in (self._compute_defined_width, self._compute_min_width):
            if _sum_visible_widths(widths, hidden_keys) > room:
                for column_index, column in enumerate(self.rows.columns):
                    if column.key not in self.preferred_widths:
                        widths[column.key] = min(widths[column.key], narrow_width(column_index))
        if _hide_columns_until_fit(self._naming_keys, widths, hidden_keys, room):
            self._widen_first_column(hidden_keys, widths)
        self._narrow_state_columns(widths, hidden_keys, room)
        excess = _sum_visible_widths(widths, hidden_keys) - room
        self._pin_columns(hidden_keys if excess > 0 else None)
        if excess <= 0:
            self._share_free_width(widths, hidden_keys, -excess)
            if keys_to_hide := (
                self._find_record_naming_columns_to_hide(widths, hidden_keys)
                | self._find_columns_beside_cut_text(widths, hidden_keys)
            ):
                hidden_keys |= keys_to_hide
                self._widen_first_column(hidden_keys, widths)
                self._share_free_width(widths, hidden_keys, room - _sum_visible_widths(widths, hidden_keys))
            self._grow_left_aligned_columns(widths, hidden_keys, room - _sum_visible_widths(widths, hidden_keys))
        last_key = next((column.key for column in reversed(self.rows.columns) if column.key not in hidden_keys), "")
        for column_index, column in enumerate(self.rows.columns):
            takes_remaining_width = column.is_stretched and excess <= 0 and column.key == last_key
            if column.is_stretched:
                self._set_column_stretch(column_index, takes_remaining_width=takes_remaining_width)
            if not takes_remaining_width:
                self.setColumnWidth(column_index, widths[column.key])
        # Hide columns last: Qt loses the width that is set for a hidden column.
        for column_index, column in enumerate(self.rows.columns):
            self.setColumnHidden(column_index, column.key in hidden_keys)
        self.columns_fitted.emit()

    def _hide_least_important_columns(
        self, compact_widths: Mapping[str, int], hidden_columns: set[str], available_px: int
    ) -> None:
        """Add the keys of columns of `hideable_columns` to `hidden_columns`, the empty ones first and otherwise in
        their order, until the other columns fit into `available_px` px. If the last hidden column was wide, so that
        some of the added columns fit after all, remove their keys from `hidden_columns`. `compact_widths` are the
        widths of all columns in px, by key.
        """
        always_hidden_columns = frozenset(hidden_columns)
        if _sum_visible_widths(compact_widths, hidden_columns) <= available_px:
            return
        empty_keys = {column.key for column in self.rows.columns if self._is_hideable_and_empty(column)}
        keys = sorted(self._hideable_keys, key=lambda key: key not in empty_keys)  # keeps the order otherwise
        _hide_columns_until_fit(keys, compact_widths, hidden_columns, available_px)
        for key in reversed(keys):
            if (
                key in hidden_columns - always_hidden_columns
                and _sum_visible_widths(compact_widths, hidden_columns - {key}) <= available_px
            ):
                hidden_columns.discard(key)

    def _narrow_state_columns(
        self, widths: dict[str, int], hidden_columns: Collection[str], available_px: int
    ) -> None:
        """Make the columns of states narrower, until the visible columns fit into `available_px` px, and write their
        new widths into `widths`. First a stretched column, whose long states are sentences, becomes as narrow as a
        column of sentences; then a stretched column of identifiers up to a quarter narrower, because few of them are
        long; then each other column of states, the widest first, up to a quarter narrower. Each column keeps room for
        its title; a column whose width the person has set keeps its width. The end of a long state is then elided;
        its tooltip has the whole text.
        """
        fixed_keys = {*hidden_columns, *self.preferred_widths}
        narrowed = [
            (
                _has_long_identifiers(column) + 2 * (not column.is_stretched),
                -widths[column.key],
                column_index,
                column.key,
            )
            for column_index, column in enumerate(self.rows.columns)
            if (column.kind == "state" or _has_long_identifiers(column)) and column.key not in fixed_keys
        ]
        for rank, _, column_index, key in sorted(narrowed):
            smallest = widths[key] * 3 // 4 if rank else _compute_min_sentence_width()
            smallest = max(self._measure_title_width(column_index), smallest)
            excess = _sum_visible_widths(widths, hidden_columns) - available_px
            widths[key] -= max(0, min(excess, widths[key] - smallest))

    def _widen_first_column(self, hidden_columns: set[str], widths: dict[str, int]) -> None:
        """Find the first visible column, and raise its width in `widths` (px, by key) so that its contents begin at
        the table's margin. `hidden_columns` are the keys of the hidden columns."""
        keys = [column.key for column in self.rows.columns]
        self.first_column = next(
            (column_index for column_index, key in enumerate(keys) if key not in hidden_columns), 0
        )
        if self.first_column:
            widths[keys[self.first_column]] += max(0, self.margin_px - CELL_PADDING_PX)

    def _pin_columns(self, hidden_columns: set[str] | None) -> None:
        """Pin the columns up to the first visible text column, which names the record, so that they don't scroll
        sideways. The keys in `hidden_columns` are those of the hidden columns. If `hidden_columns` is None, all
        columns fit into the table, and no column is pinned."""
        pinned_count = 0
        if hidden_columns is not None:
            columns = enumerate(self.rows.columns, 1)
            pinned_count = next(
                (
                    end
                    for end, column in columns
                    if column.kind in _TEXT_CELL_KINDS and column.key not in hidden_columns
                ),
                0,
            )
        if pinned_count != self.pinned_column_count:
            self.pinned_column_count = pinned_count
            self.viewport().update()

    def _share_free_width(self, widths: dict[str, int], hidden_columns: Collection[str], free_px: int) -> None:
        """Widen the columns whose texts would be cut off, and write their new widths into `widths`. `free_px` is the
        part of the table's width that no column uses yet. Columns of texts, identifiers and states that are wider
        than their contents first give up their unused width, and get back the part that no other column needs.
        Columns of texts also give up the width that they have beyond their defined width. The width is given in this
        order:

        1. to each naming column (`naming_columns`) until it shows a corporation number completely;
        2. to the columns whose longest text then fits (`_widen_to_longest_text`);
        3. to the columns whose longest text doesn't fit, in proportion to the width that they lack
          (`_widen_in_proportion`).
        """
        needed_widths = {
            column.key: self._measure_needed_width(column_index)
            for column_index, column in enumerate(self.rows.columns)
            if column.key not in {*hidden_columns, *self.preferred_widths}
            and (column.kind in (*_TEXT_CELL_KINDS, "state") or column.is_stretched)
        }
        unused_widths = {key: max(0, widths[key] - needed_width) for key, needed_width in needed_widths.items()}
        free_px += self._remove_unused_width(widths, needed_widths)
        for column_index, column in enumerate(self.rows.columns):
            if column.key in self._naming_keys and column.key in needed_widths:
                needed_width = min(self._measure_number_width(column_index), needed_widths[column.key])
                free_px -= _widen_column(widths, column.key, min(free_px, needed_width - widths[column.key]))
        free_px -= self._widen_to_longest_text(widths, needed_widths, free_px)
        free_px -= self._widen_in_proportion(widths, needed_widths, free_px)
        for key, unused_width in unused_widths.items():
            free_px -= _widen_column(widths, key, min(free_px, unused_width))

    def _widen_to_longest_text(self, widths: dict[str, int], needed_widths: Mapping[str, int], free_px: int) -> int:
        """Widen, in `widths`, each column whose longest text then fits, and return the used width in px, at most
        `free_px`. `needed_widths` are the widths of the longest texts. The columns that aren't stretched come before
        the stretched ones, and among them the one that needs the least, so that one long text doesn't cut off the
        texts of several columns. A stretched column of identifiers gets its width only if no text of another column
        is cut off.
        """
        columns = [column for column in self.rows.columns if column.key in needed_widths]
        used_px = 0
        for column in sorted(
            columns,
            key=lambda column: (
                column.is_stretched,
                _has_long_identifiers(column),
                needed_widths[column.key] - widths[column.key],
            ),
        ):
            is_other_cut = any(widths[other.key] < needed_widths[other.key] for other in columns if other != column)
            lacking_px = needed_widths[column.key] - widths[column.key]
            if lacking_px <= free_px - used_px and not (_has_long_identifiers(column) and is_other_cut):
                used_px += _widen_column(widths, column.key, lacking_px)
        return used_px

    def _widen_in_proportion(self, widths: dict[str, int], needed_widths: Mapping[str, int], free_px: int) -> int:
        """Share `free_px` among the columns whose longest text doesn't fit, in proportion to the width that their
        rows lack on average, so that one long text doesn't take the width that many other rows need. Write the new
        widths into `widths`, and return the used width in px. `needed_widths` are the widths of the longest texts.
        """
        lacking_px_by_key = {
            column.key: self._sum_lacking_width(column_index, widths[column.key])
            for column_index, column in enumerate(self.rows.columns)
            if widths[column.key] < needed_widths.get(column.key, 0)
        }
        sum_of_lacking_px, used_px = sum(lacking_px_by_key.values()), 0
        # First the columns that need the least of their share, because the others get the rest of it.
        for key in sorted(
            lacking_px_by_key, key=lambda key: (needed_widths[key] - widths[key]) / lacking_px_by_key[key]
        ):
            share_px = (free_px - used_px) * lacking_px_by_key[key] // sum_of_lacking_px
            sum_of_lacking_px -= lacking_px_by_key[key]
            used_px += _widen_column(widths, key, min(share_px, needed_widths[key] - widths[key]))
        return used_px

    def _remove_unused_width(self, widths: dict[str, int], needed_widths: Mapping[str, int]) -> int:
        """Make the columns of `needed_widths` as narrow as their contents, and columns of texts not wider than their
        defined width. Write their new widths into `widths`, and return the width in px that they have given up."""
        freed_px = 0
        for column_index, column in enumerate(self.rows.columns):
            if column.key in needed_widths:
                least_width = min(widths[column.key], needed_widths[column.key])
                if column.kind == "text":
                    least_width = min(least_width, self.get_column_width(column_index))
                freed_px += widths[column.key] - least_width
                widths[column.key] = least_width
        return freed_px

    def _grow_left_aligned_columns(
        self, widths: dict[str, int], hidden_columns: Collection[str], free_px: int
    ) -> None:
        """Distribute the `free_px` px that remain when every text is shown completely, and write the new widths of
        the columns into `widths`. Columns of texts, identifiers and states grow in proportion to their widths.
        Columns of amounts, ages and check boxes, and columns whose width the person has set, keep their widths. If
        the last column is one of the growing columns, each other column grows by at most half of its width, so that a
        row stays easy to read, and the last column takes the width that remains."""
        shown_columns = [column for column in self.rows.columns if column.key not in hidden_columns]
        growing_keys = [
            column.key
            for column in shown_columns
            if not column.is_right_aligned and column.kind != "check" and column.key not in self.preferred_widths
        ]
        if not growing_keys or free_px <= 0:
            return
        sum_of_widths = sum(widths[key] for key in growing_keys)
        max_growth = 0.5 if growing_keys[-1] == shown_columns[-1].key else free_px / sum_of_widths
        for key in growing_keys[:-1]:
            added_width = int(widths[key] * min(max_growth, free_px / sum_of_widths))
            sum_of_widths -= widths[key]
            widths[key] += added_width
            free_px -= added_width
        widths[growing_keys[-1]] += free_px

    def _find_record_naming_columns_to_hide(
        self, widths: Mapping[str, int], hidden_columns: Collection[str]
    ) -> set[str]:
        """Return the keys of the visible columns of `naming_columns` that cut off a corporation number, if a column
        of sentences is cut off as well. Return an empty set if the table has no column of identifiers that could name
        the record instead.
        """
        shown_columns = {
            column.key: column_index
            for column_index, column in enumerate(self.rows.columns)
            if column.key not in hidden_columns
        }
        naming_keys = {key for key in self._naming_keys if key in shown_columns and key not in self.preferred_widths}
        has_identifier = any(self.rows.columns[index].kind == "data" for index in shown_columns.values())
        is_sentence_cut = any(
            self.rows.columns[index].kind == "text" and widths[key] < self._measure_contents_width(index)
            for key, index in shown_columns.items()
            if key not in naming_keys
        )
        if not has_identifier or not is_sentence_cut:
            return set()
        return {
            key
            for key in naming_keys
            if widths[key]
            < min(self._measure_number_width(shown_columns[key]), self._measure_contents_width(shown_columns[key]))
        }

    def _find_columns_beside_cut_text(self, widths: Mapping[str, int], hidden_columns: Collection[str]) -> set[str]:
        """Return the keys of the visible columns of `hideable_columns` that give their width to a column of texts
        which would be cut off: the columns without any text, and, if the texts of the stretched columns are then
        complete, columns of `repeated_keys` in the order of `hideable_columns`. Return an empty set if no text is cut
        off."""
        missing_widths = {
            column: self._measure_needed_width(column_index) - widths[column.key]
            for column_index, column in enumerate(self.rows.columns)
            if column.kind == "text" and column.key not in {*hidden_columns, *self.preferred_widths}
        }
        if max(missing_widths.values(), default=0) <= 0:
            return set()
        candidates = [key for key in self._hideable_keys if key in widths and key not in hidden_columns]
        empty_keys = {
            column.key
            for column in self.rows.columns
            if column.key in candidates and self._is_hideable_and_empty(column)
        }
        missing_px = sum(max(0, width) for column, width in missing_widths.items() if column.is_stretched)
        keys_to_hide = set(empty_keys)
        for key in (*empty_keys, *(key for key in candidates if key in self.repeated_keys)):
            if missing_px > 0:
                keys_to_hide.add(key)
                missing_px -= widths[key]
        return keys_to_hide if missing_px <= 0 else empty_keys

    def _find_hidden_empty_columns(self) -> set[str]:
        """Return the keys of `keys_hidden_if_empty` whose columns have no text in any loaded row. Return an empty set
        if no row is loaded."""
        rows = list(self.rows.iterate_loaded_rows()) if self.keys_hidden_if_empty else []
        return {
            column.key
            for column in self.rows.columns
            if rows
            and column.key in self.keys_hidden_if_empty
            and all(column.format_text(row) in ("", NO_VALUE) for row in rows)
        }

    def _is_hideable_and_empty(self, column: Column) -> bool:
        """Return True for a column of `hideable_columns` without a text in the first 200 loaded rows. The text of a
        heading isn't one, because it is drawn across the columns."""
        if column.key not in self._hideable_keys:
            return False
        if column.key not in self._is_empty_by_key:
            rows = islice(self.rows.iterate_loaded_rows(), _MAX_MEASURED_ROWS)
            self._is_empty_by_key[column.key] = all(
                self.has_heading_text(row) or column.format_text(row) in ("", NO_VALUE) for row in rows
            )
        return self._is_empty_by_key[column.key]

    def _measure_needed_width(self, column_index: int) -> int:
        """Return the width in px that a column needs for its title and for its cells in the first 200 loaded rows.
        The width of the first visible column includes the table's left margin."""
        is_moved = 0 < column_index == self.first_column
        margin_px = max(0, self.margin_px - CELL_PADDING_PX) if is_moved else 0
        return self._measure_contents_width(column_index) + margin_px

    def _measure_number_width(self, column_index: int) -> int:
        """Return the width in px that a column needs to show a corporation number completely."""
        delegate = self.delegates[column_index]
        return (
            ceil(delegate.measure_cell_width(_LONGEST_CORPORATION_NUMBER_TEXT))
            + sum(delegate.get_paddings(column_index))
            + 1
        )

    def is_cell_cut(self, key: str, row: Any) -> bool:
        """Return True if the column with this key doesn't show the whole text of the row's cell: the column is too
        narrow, hidden, or missing."""
        index = next((place for place, column in enumerate(self.rows.columns) if column.key == key), None)
        if index is None or self.isColumnHidden(index):
            return True
        delegate, column = self.delegates[index], self.rows.columns[index]
        needed_width = ceil(delegate.measure_cell_width(column.make_cell(row))) + sum(delegate.get_paddings(index))
        return needed_width > self.columnWidth(index)

    def _set_column_stretch(self, column_index: int, *, takes_remaining_width: bool) -> None:
        """If `takes_remaining_width` is True, let the column with the index `column_index` take the width of the
        table that the other columns leave unused. Otherwise let the column keep the width that is set for it."""
        mode = QHeaderView.ResizeMode.Stretch if takes_remaining_width else QHeaderView.ResizeMode.Interactive
        if self.horizontalHeader().sectionResizeMode(column_index) != mode:
            self.horizontalHeader().setSectionResizeMode(column_index, mode)

    def _compute_preferred_width(self, column_index: int) -> int:
        """Return the preferred width of a column in px: the defined width, or the width that the person has set. A
        column of sentences that is never hidden, or of identifiers, may have up to twice its defined width if its
        contents need it. An amount always has at least the width of its contents, even if the person has set a
        smaller one.
        """
        column, width = self.rows.columns[column_index], self.get_column_width(column_index)
        if column.kind == "amount":
            return max(width, self._measure_contents_width(column_index))
        has_own_width = column.key in {*self.preferred_widths, *self._hideable_keys, *self._naming_keys}
        if column.kind == "data" and column.key not in self.preferred_widths and not column.is_stretched:
            return max(
                width, min(2 * width, self._measure_contents_width(column_index))
            )  # an identifier is elided last
        if column.kind != "text" or column.is_stretched or has_own_width:
            return width
        return max(width, min(2 * width, self._measure_contents_width(column_index)))

    def _measure_whole_text_width(self, key: str) -> int:
        """Return the width in px that the column with the key `key`, if it is a column of sentences, needs to show
        every text completely; 0 for any other column."""
        column_index = next(
            column_index for column_index, column in enumerate(self.rows.columns) if column.key == key
        )
        return self._measure_contents_width(column_index) if self.rows.columns[column_index].kind == "text" else 0

    def _compute_compact_width(self, column_index: int) -> int:
        """Return the width in px that the contents of a column need, but at most its preferred width. A column of
        sentences, a stretched one, or one whose width the person has set keeps the preferred width."""
        column, preferred_width = self.rows.columns[column_index], self._compute_preferred_width(column_index)
        keeps_width = column.kind == "text" or column.is_stretched or column.key in self.preferred_widths
        return preferred_width if keeps_width else min(preferred_width, self._measure_contents_width(column_index))

    def get_column_width(self, column_index: int) -> int:
        """Return the width of a column at the current text scale, in px; at least the width of its title."""
        return max(super().get_column_width(column_index), self._measure_title_width(column_index))

    def set_preferred_widths(self, widths: Mapping[str, float]) -> None:
        """Use these widths, which the person has chosen, in px at text scale 1.0 by the key of the column; then fit
        the columns."""
        super().set_preferred_widths(widths)
        self.fit_columns()

    def _measure_title_width(self, column_index: int) -> int:
        """Return the width in px that a column needs for its title; the title of a column of check boxes is a check
        box, also while the table has no rows."""
        column = self.rows.columns[column_index]
        width: float = current_appearance().font_metrics("small").horizontalAdvance(self.format_title(column))
        if column.kind == "check":
            width = self.delegates[column_index].measure_cell_width("")
        return ceil(width) + sum(self.delegates[column_index].get_paddings(column_index)) + 1

    def _measure_contents_width(self, column_index: int) -> int:
        """Return the width in px that a column needs for its title and for its cells in the first 200 loaded rows."""
        return max(self._measure_title_and_cell_widths(column_index))

    def _sum_lacking_width(self, column_index: int, width: int) -> int:
        """Return how many px the title and the cells in the first 200 loaded rows lack together, if the column has
        the width `width` in px; at least 1, because the longest text of the column doesn't fit."""
        return max(
            1, sum(max(0, needed_px - width) for needed_px in self._measure_title_and_cell_widths(column_index))
        )

    def _measure_title_and_cell_widths(self, column_index: int) -> tuple[int, ...]:
        """Return the widths in px that the title and each cell in the first 200 loaded rows need in a column."""
        if column_index not in self._measured_px:
            column, delegate = self.rows.columns[column_index], self.delegates[column_index]
            rows = islice(self.rows.iterate_loaded_rows(), _MAX_MEASURED_ROWS)
            paddings_px = sum(delegate.get_paddings(column_index))
            self._measured_px[column_index] = (
                self._measure_title_width(column_index),
                *(ceil(delegate.measure_cell_width(column.make_cell(row))) + paddings_px + 1 for row in rows),
            )
        return self._measured_px[column_index]

    @Slot()
    def _discard_contents_widths(self) -> None:
        """Discard the measured widths of the contents, so that they are measured again when the columns are next
        fitted. The passing of time alone needs no new measurement, because the columns of ages and badges are wide
        enough for any age and any badge."""
        self._measured_px.clear()
        self._is_empty_by_key.clear()

    def _compute_defined_width(self, column_index: int) -> int:
        """Return the width in px that the column's title and contents need; for a column of sentences at most the
        width that `get_column_width` returns."""
        needed_width = self._measure_contents_width(column_index)
        return (
            min(needed_width, self.get_column_width(column_index))
            if self.rows.columns[column_index].kind == "text"
            else needed_width
        )

    def _compute_min_width(self, column_index: int) -> int:
        """Return the smallest width of a column in px. A column of sentences may cut off its texts; any other column
        needs the width of its contents."""
        needed_width = self._measure_contents_width(column_index)
        is_sentence = self.rows.columns[column_index].kind == "text"
        return min(needed_width, _compute_min_sentence_width()) if is_sentence else needed_width

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange and self._has_outdated_sizes():
            self._measured_px = {}
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()


def _widen_column(widths: dict[str, int], key: str, added_px: int) -> int:
    """Add `added_px` to the width of the column `key` in `widths`, nothing if it is negative. Return the increase."""
    widths[key] += max(0, added_px)
    return max(0, added_px)


def _has_long_identifiers(column: Column) -> bool:
    """Return True for a stretched column of identifiers, in which a few texts may be much longer than the others: for
    example, most rows have the number of a payment, but one row has the long name of a company.
    """
    return column.kind == "data" and column.is_stretched


def _compute_min_sentence_width() -> int:
    """Return the width in px of a column of sentences in a table that is too narrow."""
    return round(_MIN_SENTENCE_COLUMN_WIDTH_PX * current_appearance().scale)


def _hide_columns_until_fit(
    keys: Sequence[str], widths: Mapping[str, int], hidden_columns: set[str], available_px: int
) -> bool:
    """Add keys to `hidden_columns`, in their order, until the widths of the other columns fit into `available_px` px.
    Return True if at least one key was added."""
    count = len(hidden_columns)
    for key in keys:
        if _sum_visible_widths(widths, hidden_columns) <= available_px:
            break
        hidden_columns.add(key)
    return len(hidden_columns) > count


def _sum_visible_widths(widths: Mapping[str, int], hidden_columns: Collection[str]) -> int:
    return sum(width for key, width in widths.items() if key not in hidden_columns)
