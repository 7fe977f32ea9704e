"""A list that shows timeline lines in the given order: the events of a record, or the steps of a call. Repeated
events can be shown as one line.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from math import ceil
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.theme.design_tokens import Tone
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    format_tooltip,
    measure_font_runs,
    split_font_runs,
    wrap_text,
)
from console.views.theme.painting import draw_cached_icon, draw_frame
from console.views.theme.theme import current_appearance
from console.views.timelines.repeated_lines import GroupedLine, GroupKey, RepeatedEventTexts, group_repeated_lines
from console.views.timelines.timeline_line import TimelineLine
from console.wording.sentences.line_breaks import POSSIBLE_BREAK

ModelIndex = QModelIndex | QPersistentModelIndex
_TIME_COLUMN_WIDTH_PX = 76  # least widths of the times and of the names, in px at text size 1
_PERSON_COLUMN_WIDTH_PX = 84
_MAX_PERSON_WIDTH_RATIO = 0.3  # largest width of the names, as a part of the width of the list
_PERSON_GAP_PX = 8
_MARK_INSIDE_NAME_PATTERN = re.compile(r"(?<=[-._@])(?=[^-._@])")
"""The positions in a name after which a line may end."""
_ICON_SIDE_PX = 14
_MIN_TEXT_WIDTH_PX = 120  # narrower than in any window; while Qt lays a list out, its width may be 0
_DETAIL_GAP_PX = 8


class _TimelineModel(QAbstractListModel):
    """The Qt model of the list: one row per line of the timeline."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: tuple[GroupedLine, ...] = ()

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self.lines[index.row()].line
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.action_text} {item.detail}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return item.format_spoken_text()
        if role == Qt.ItemDataRole.ToolTipRole:
            return format_tooltip(item.format_spoken_text())
        return None

    def show_lines(self, lines: Sequence[GroupedLine]) -> None:
        self.beginResetModel()
        self.lines = tuple(lines)
        self.endResetModel()


class TimelineList(RememberedCurrentItem, QListView):
    """A list that shows the events of a record. The keys Up and Down change the current line, and a screen reader
    reads the new current line. A text that is too long for one line continues on the lines below, because its end may
    contain the amounts of an alert.

    If `repeated_event_texts` is given, the list shows repeated events once, with the number of repetitions. The Enter
    key or a double-click on such a line shows each of these events; a further Enter or double-click hides them again.
    """

    def __init__(
        self,
        accessible_name: str,
        *,
        margin_px: int = 24,
        repeated_event_texts: RepeatedEventTexts | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.margin = margin_px
        self._repeated_event_texts, self._opened_groups = repeated_event_texts, set[GroupKey]()
        self._lines: Sequence[TimelineLine] = ()
        self._model = _TimelineModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_TimelineDelegate(self))
        self.setAccessibleName(accessible_name)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._is_height_fitted, self._longest_time, self._laid_out_width = False, "", 0
        self._actor_texts = frozenset[str]()
        self.doubleClicked.connect(self._toggle_group)

    def show_lines(self, lines: Sequence[TimelineLine]) -> None:
        """Show these lines in place of the present ones. The scroll position stays, and the current line stays
        current, as `_restore_current_line` describes."""
        old_lines, old_row = self._model.lines, self.currentIndex().row()
        scroll_position = self.verticalScrollBar().value()
        self._lines = lines
        self._longest_time = max((item.time_text for item in lines), key=len, default="")
        self._actor_texts = frozenset(item.actor_text for item in lines)
        if self._repeated_event_texts is None:
            self._model.show_lines([GroupedLine(item) for item in lines])
        else:
            self._model.show_lines(group_repeated_lines(lines, self._repeated_event_texts, self._opened_groups))
        self._fit_height()
        if old_row >= 0:
            self._restore_current_line(old_lines, old_row)
        if scroll_position > 0:
            self.executeDelayedItemsLayout()
            self.verticalScrollBar().setValue(scroll_position)

    def _restore_current_line(self, old_lines: Sequence[GroupedLine], old_row: int) -> None:
        """Make a line current after the model has got new lines, because Qt then has no current line. `old_lines` are
        the lines before, and `old_row` is the row of the line that was current. The same event stays current. If it
        isn't shown any more, the line in the same row becomes current, or the last line if there are fewer.

        If the two versions have no event in common, the list shows another record by now. In this case, a list
        without the keyboard focus gets no current line.
        """
        old_keys, new_keys = _list_line_keys(old_lines), _list_line_keys(self._model.lines)
        group = old_lines[old_row].group
        same_rows = [row for row, key in enumerate(new_keys) if key == old_keys[old_row]]
        same_rows += [row for row, item in enumerate(self._model.lines) if group is not None and item.group == group]
        if not new_keys or not (self.hasFocus() or same_rows or set(old_keys) & set(new_keys)):
            return
        index = self._model.index(same_rows[0] if same_rows else min(old_row, len(new_keys) - 1))
        if not self.hasFocus():
            self._remembered_index = QPersistentModelIndex(index)
        elif same_rows:
            self._set_index_without_signals(index)  # a screen reader doesn't read the same line again
        else:
            self.setCurrentIndex(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._toggle_group(self.currentIndex()):
            return
        super().keyPressEvent(event)

    def _toggle_group(self, index: ModelIndex) -> bool:
        """Show every event of the group to which the line belongs. If the list already shows every event of the
        group, show only the newest repetition. Return False if the line belongs to no group."""
        group = self._model.lines[index.row()].group if index.isValid() else None
        if group is None:
            return False
        self._opened_groups ^= {group}
        self.show_lines(self._lines)
        row = next(number for number, item in enumerate(self._model.lines) if item.group == group)
        self.setCurrentIndex(self._model.index(row))
        return True

    def fit_height_to_lines(self) -> None:
        """Make the list as high as its lines from now on, so that it never scrolls."""
        self._is_height_fitted = True
        self._fit_height()

    def _fit_height(self) -> None:
        if self._is_height_fitted:
            heights = (self.sizeHintForRow(row) for row in range(self._model.rowCount()))
            self.setFixedHeight(max(sum(heights), current_appearance().row_height()) + 4)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.width() != self._laid_out_width:
            # Not by Qt's ResizeMode.Adjust: it lays out in every event, also of its own scroll bar, and never ends.
            self._laid_out_width = self.width()
            self.scheduleDelayedItemsLayout()
            self._fit_height()

    def compute_width_without_scroll_bar(self) -> int:
        """Return the width of the lines in px: the width of the list without the width of a scroll bar, even while no
        scroll bar is shown. If the lines used the width of the viewport instead, Qt could show and hide the scroll
        bar endlessly: beside a scroll bar the lines need more height, and without a scroll bar they fit.
        """
        return self.width() - self.verticalScrollBar().sizeHint().width()

    def measure_time_width(self) -> int:
        """Return the width of the column of times in px. The column is wider if an event happened on an earlier day,
        because its time includes the day."""
        return max(
            round(_TIME_COLUMN_WIDTH_PX * current_appearance().scale),
            round(current_appearance().font_metrics("data").horizontalAdvance(self._longest_time)) + 16,
        )

    def measure_person_width(self) -> int:
        """Return the width of the column of persons in px. The column is wider for a longer name, because two names
        may begin alike, but leaves 70 % of the list to the times and texts. A longer name has several
        lines."""
        min_width = round(_PERSON_COLUMN_WIDTH_PX * current_appearance().scale)
        longest_width = max((measure_font_runs(split_font_runs(name)) for name in self._actor_texts), default=0)
        return max(min_width, min(ceil(longest_width) + _PERSON_GAP_PX, int(self.width() * _MAX_PERSON_WIDTH_RATIO)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._model.index(0))

    def get_line_at(self, row: int) -> TimelineLine:
        return self._model.lines[row].line


class _TimelineDelegate(QStyledItemDelegate):
    """Paints the lines of the timeline: time, icon, person and text."""

    def __init__(self, view: TimelineList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        item = self._view.get_line_at(index.row())
        line_count = max(len(self._split_text_into_lines(item)), len(self._split_name_into_lines(item)))
        return QSize(200, _get_line_height() + (line_count - 1) * current_appearance().line_height("body"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        item, rect, colour = self._view.get_line_at(index.row()), option.rect, current_appearance().colour
        baseline = compute_centred_baseline(rect.top(), _get_line_height())
        scale, x = current_appearance().scale, rect.left() + self._view.margin
        painter.setPen(colour("muted"))
        draw_font_runs(painter, x, baseline, ((item.time_text, True),))
        x += self._view.measure_time_width()
        self._draw_icon(painter, rect, x, item, is_last_line=index.row() == self._view.model().rowCount() - 1)
        x += round((_ICON_SIDE_PX + 4) * scale)
        painter.setPen(colour("muted"))
        for number, name_line in enumerate(self._split_name_into_lines(item)):
            name_baseline = baseline + number * current_appearance().line_height("body")
            draw_font_runs(painter, x, name_baseline, split_font_runs(name_line))
        left = rect.left() + self._compute_text_left_px(item)
        for number, line_pieces in enumerate(self._split_text_into_lines(item)):
            line_x, line_baseline = float(left), baseline + number * current_appearance().line_height("body")
            for text, tone in line_pieces:
                painter.setPen(colour(tone))
                line_x = draw_font_runs(painter, line_x, line_baseline, split_font_runs(text)) + _DETAIL_GAP_PX
        if index.row() == self._view.currentIndex().row() and self._view.hasFocus():
            draw_frame(painter, rect.toRectF(), 0, colour("focus"), None, 2)

    @staticmethod
    def _draw_icon(painter: QPainter, rect: QRect, x: int, item: TimelineLine, *, is_last_line: bool) -> None:
        icon_px, line_colour = current_appearance().icon_px(_ICON_SIDE_PX), current_appearance().colour("line")
        middle = x + icon_px // 2
        top = rect.top() + (_get_line_height() - icon_px) // 2
        painter.fillRect(middle, rect.top(), 1, top - rect.top() - 1, line_colour)
        painter.fillRect(
            middle, top + icon_px + 1, 1, 8 if is_last_line else rect.bottom() - top - icon_px, line_colour
        )
        draw_cached_icon(painter, item.icon_name, x, top, icon_px, current_appearance().colour(item.tone))

    def _compute_text_left_px(self, item: TimelineLine) -> int:
        """Return the x coordinate at which the text of an event begins, in px from the left edge of the list."""
        scale = current_appearance().scale
        words_left = self._view.margin + self._view.measure_time_width() + round((_ICON_SIDE_PX + 4) * scale)
        return words_left + (self._view.measure_person_width() if item.actor_text else 4)

    def _split_name_into_lines(self, item: TimelineLine) -> tuple[str, ...]:
        """Split the name of the person into lines that fit into its column. A line of a long name ends after a mark
        such as "." or "-" if possible, not inside a word."""
        width = max(1, self._view.measure_person_width() - _PERSON_GAP_PX)
        lines = wrap_text(item.actor_text, width)
        if len(lines) == 1:
            return lines
        return wrap_text(_MARK_INSIDE_NAME_PATTERN.sub(POSSIBLE_BREAK, item.actor_text), width)

    def _split_text_into_lines(self, item: TimelineLine) -> list[list[tuple[str, Tone]]]:
        """Split the text of an event into lines that fit into the list. Return the lines, each as a list of pieces of
        text with their tones. The secondary text (`detail`) is on the last line of the text if there is room for it,
        otherwise on lines below.
        """
        width = max(
            _MIN_TEXT_WIDTH_PX, self._view.compute_width_without_scroll_bar() - 12 - self._compute_text_left_px(item)
        )
        lines: list[list[tuple[str, Tone]]] = [[(line, "text")] for line in wrap_text(item.action_text, width)]
        if item.detail:
            used = measure_font_runs(split_font_runs(lines[-1][0][0])) + _DETAIL_GAP_PX
            if used + measure_font_runs(split_font_runs(item.detail)) <= width:
                lines[-1].append((item.detail, "muted"))
            else:
                lines += [[(line, "muted")] for line in wrap_text(item.detail, width)]
        return lines


def _list_line_keys(lines: Sequence[GroupedLine]) -> list[tuple[Hashable, ...]]:
    """Return a key for each line by which its event is found again among later lines: its time, person and text, and
    the number of equal events below it, because new events are added above. The secondary text isn't part of the key:
    it contains the number of repetitions of a group."""
    count_by_event = Counter[tuple[Hashable, ...]]()
    keys: list[tuple[Hashable, ...]] = []
    for item in reversed(lines):
        event = (item.line.full_time_text or item.line.time_text, item.line.actor_text, item.line.action_text)
        keys.append((*event, count_by_event[event]))
        count_by_event[event] += 1
    return keys[::-1]


def _get_line_height() -> int:
    """Return the height, in px, of an event whose text needs only one line: that of a row of a table."""
    return current_appearance().row_height()
