"""The results of the search box: a list of results under headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.runtime.announcer import announce
from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.tables.columns import StateCell
from console.views.tables.delegates import draw_state
from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    measure_font_runs,
    split_amount_font_runs,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_frame, draw_key_cap, measure_key_cap
from console.views.theme.theme import current_appearance

ModelIndex = QModelIndex | QPersistentModelIndex
# Left or right edges of an entry's parts, in px at text size 1.
_TITLE_X_PX = 43
_DETAIL_X_PX = 232
_AMOUNT_RIGHT_X_PX = 294
_PROVIDER_X_PX = 309
_STATE_X_PX = 396
_MARGIN_PX = 16


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """One result of the search box, from left to right: the icon named `icon`, the title, a secondary text
    (`detail`), an amount, the name of a provider, a state, and at the right end a text such as an age
    (`right_side_text`) and a key cap (`key_cap` is the name of the key). A part that is "" or None isn't shown.

    ResultList emits `key` when the person picks the result. A result with a `disabled_reason` has the muted colour
    and shows this reason in place of `detail`. The person can go to it, but not pick it: ResultList then emits the
    result itself, so that the reason is shown. If `right_side_spoken_text` isn't "", screen readers read this text in
    place of `right_side_text`, for example a spoken form of an age.
    """

    key: object
    icon: str
    title: str
    detail: str = ""
    amount: str = ""
    provider: str = ""
    state: StateCell | None = None
    right_side_text: str = ""
    right_side_spoken_text: str = ""
    key_cap: str = ""
    disabled_reason: str = ""

    def format_spoken_text(self) -> str:
        state = self.state.word if self.state else ""
        right = self.right_side_spoken_text or self.right_side_text
        parts = (self.title, self.detail, self.amount, self.provider, state, right, self.disabled_reason)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """A group of results of the search box: a heading and the results below it."""

    title: str
    entries: tuple[ResultEntry, ...]


class _ResultModel(QAbstractListModel):
    """The Qt model of the list: one row per heading and per result."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: list[ResultEntry | str] = []

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return line if isinstance(line, str) else line.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return line if isinstance(line, str) else line.format_spoken_text()
        return None

    def flags(self, index: ModelIndex) -> Qt.ItemFlag:
        if self.find_entry(index.row()) is not None:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags

    def find_entry(self, row: int) -> ResultEntry | None:
        """Return the result in this row; None for a heading, and for a row that doesn't exist."""
        line = self.lines[row] if 0 <= row < len(self.lines) else ""
        return line if isinstance(line, ResultEntry) else None

    def show_lines(self, lines: list[ResultEntry | str]) -> None:
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()


class ResultList(RememberedCurrentItem, QListView):
    """The list of results of the search box, under headings. The arrow keys skip headings.

    Signals:
    - picked(object): the key of the result that the person has picked.
    - refused(object): the person has tried to pick this ResultEntry, which has a `disabled_reason`.
    """

    picked = Signal(object)
    refused = Signal(object)

    def __init__(self, accessible_name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results = _ResultModel(self)
        self.setModel(self._results)
        self.setItemDelegate(_EntryDelegate(self))
        self.setAccessibleName(accessible_name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._pick_row)
        self._announced_key: object | None = None

    def show_groups(self, groups: Sequence[ResultGroup], *, keeps_current: bool = True) -> None:
        current_key = self.get_current_key() if keeps_current else None
        lines: list[ResultEntry | str] = []
        for group in groups:
            lines += [group.title, *group.entries]
        self._results.show_lines(lines)
        self._go_to_key(current_key)

    def get_current_key(self) -> object | None:
        entry = self._results.find_entry(self.currentIndex().row())
        return None if entry is None else entry.key

    def _go_to_key(self, key: object | None) -> None:
        """Make the result with this key the current one. If `key` is None, or if there is no such result, make the
        first result the current one.
        """
        rows = [row for row in range(len(self._results.lines)) if self._results.find_entry(row) is not None]
        same_key_rows = [row for row in rows if key is not None and self._get_key_at(row) == key]
        for row in (same_key_rows or rows)[:1]:
            self.setCurrentIndex(self._results.index(row))

    def currentChanged(self, current: ModelIndex, previous: ModelIndex) -> None:
        """Announce the current result to screen readers; Qt doesn't announce it, because the input has the focus. If
        the person types a letter and the same result stays current, don't announce the result again."""
        super().currentChanged(current, previous)
        self._scroll_to_current_result()
        key = self._get_key_at(current.row()) if current.isValid() else None
        if key is not None and key != self._announced_key and self.isVisible():
            self._announced_key = key
            announce(self, str(current.data(Qt.ItemDataRole.AccessibleTextRole) or ""), is_stored=False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Scroll to the current result and its heading again, because the list gets its height only after it has its
        results."""
        super().resizeEvent(event)
        self._scroll_to_current_result()

    def _scroll_to_current_result(self) -> None:
        """Scroll so that the current result is visible. If its heading is directly above it, the heading is visible,
        too."""
        row = self.currentIndex().row()
        if isinstance(self._find_line(row - 1), str):
            self.scrollTo(self._results.index(row - 1))
        self.scrollTo(self.currentIndex())

    def hideEvent(self, event: QHideEvent) -> None:
        self._announced_key = None  # a result is announced again when the list is opened again
        super().hideEvent(event)

    def _find_line(self, row: int) -> ResultEntry | str | None:
        """Return the result or heading at this position; None if there is none."""
        return self._results.lines[row] if 0 <= row < len(self._results.lines) else None

    def _get_key_at(self, row: int) -> object:
        line = self._results.lines[row]
        return line.key if isinstance(line, ResultEntry) else None

    def go_to_first_result(self) -> None:
        """Make the first result the current one."""
        self._go_to_key(None)

    def find_key_of_type(self, key_type: type) -> object | None:
        """Return the key of the first result whose key is an object of the type `key_type`; None if there is no such
        result."""
        lines = (line.key for line in self._results.lines if isinstance(line, ResultEntry))
        return next((key for key in lines if isinstance(key, key_type)), None)

    def get_line_at(self, row: int) -> ResultEntry | str:
        return self._results.lines[row]

    def pick_current_result(self) -> None:
        self._pick_row(self.currentIndex())

    def compute_full_height(self) -> int:
        """Return the height of all headings and results together, in px."""
        return sum(self.sizeHintForRow(row) for row in range(len(self._results.lines))) + 16

    def _pick_row(self, index: ModelIndex) -> None:
        entry = self._results.find_entry(index.row())
        if entry is not None and entry.disabled_reason:
            self.refused.emit(entry)
        elif entry is not None:
            self.picked.emit(entry.key)


class _EntryDelegate(QStyledItemDelegate):
    """Paints the lines of the list: headings and results."""

    def __init__(self, view: ResultList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        growth_px = current_appearance().line_height("body") - tokens().type["body"].line_height_px
        is_heading = isinstance(self._view.get_line_at(index.row()), str)
        return QSize(200, (28 if is_heading else tokens().px("layout", "omnibox.row")) + growth_px)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        line, rect = self._view.get_line_at(index.row()), option.rect
        if isinstance(line, str):
            painter.setFont(current_appearance().font("small"))
            painter.setPen(current_appearance().colour("muted"))
            bottom = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft
            painter.drawText(rect.adjusted(_MARGIN_PX, 0, -_MARGIN_PX, -4), bottom, line)
            return
        is_current = index.row() == self._view.currentIndex().row()
        if is_current:
            box = QRectF(rect).adjusted(8, 0, -8, 0)
            draw_frame(painter, box, 4, None, current_appearance().colour("selected"))
            mark_rect = QRectF(box.left(), box.top(), tokens().px("borders", "selection_mark"), box.height())
            painter.fillRect(mark_rect, current_appearance().colour("accent"))
        self._draw_entry(painter, rect, line, is_current_entry=is_current)

    def _draw_entry(self, painter: QPainter, rect: QRect, entry: ResultEntry, *, is_current_entry: bool) -> None:
        colour, scale = current_appearance().colour, current_appearance().scale
        is_disabled = bool(entry.disabled_reason)
        baseline, icon_px = compute_centred_baseline(rect.top(), rect.height()), current_appearance().icon_px(16)
        icon = colour("accent" if is_current_entry else "muted")
        draw_cached_icon(
            painter, entry.icon, rect.left() + _MARGIN_PX, rect.top() + (rect.height() - icon_px) / 2, icon_px, icon
        )
        painter.setPen(colour("muted" if is_disabled else "text"))
        x, detail = rect.left() + _TITLE_X_PX * scale, rect.left() + _DETAIL_X_PX * scale
        if entry.detail or is_disabled:
            title_width = detail - x - 8
        elif entry.amount:
            amount_width = measure_font_runs(split_amount_font_runs(entry.amount))
            title_width = (_AMOUNT_RIGHT_X_PX - _TITLE_X_PX) * scale - amount_width - 12
        elif entry.provider or entry.state:
            title_width = rect.width() * 0.6
        else:
            title_width = self._find_right_side_text_x(rect, entry) - x - 12
        title = elide_font_runs(split_font_runs(entry.title), title_width, is_bold=is_current_entry)
        draw_font_runs(painter, x, baseline, title, is_bold=is_current_entry)
        painter.setPen(colour("muted"))
        detail_end = self._find_right_side_text_x(rect, entry)
        if entry.state is not None and not is_disabled:
            detail_end = rect.left() + _STATE_X_PX * scale
        detail_runs = elide_font_runs(
            split_font_runs(entry.disabled_reason or entry.detail), detail_end - detail - 12
        )
        draw_font_runs(painter, detail, baseline, detail_runs)
        self._draw_amount_and_state(painter, rect, entry, baseline)
        self._draw_right_side_text(painter, rect, entry, baseline)

    @staticmethod
    def _draw_amount_and_state(painter: QPainter, rect: QRect, entry: ResultEntry, baseline: float) -> None:
        scale = current_appearance().scale
        if entry.amount:
            runs = split_amount_font_runs(entry.amount)
            painter.setPen(current_appearance().colour("text"))
            draw_font_runs(
                painter, rect.left() + _AMOUNT_RIGHT_X_PX * scale - measure_font_runs(runs), baseline, runs
            )
        if entry.provider:
            painter.setPen(current_appearance().colour("muted"))
            draw_font_runs(painter, rect.left() + _PROVIDER_X_PX * scale, baseline, ((entry.provider, False),))
        if entry.state:
            state_x = round(_STATE_X_PX * scale)
            draw_state(painter, rect.adjusted(state_x, 0, -120, 0), entry.state)

    @staticmethod
    def _find_right_side_text_x(rect: QRect, entry: ResultEntry) -> float:
        """Return the x coordinate at which the texts at the right edge of the entry begin."""
        widths = [measure_font_runs(split_font_runs(entry.right_side_text))] if entry.right_side_text else []
        widths += [measure_key_cap(entry.key_cap)[0] + 12] if entry.key_cap else []
        return rect.right() - _MARGIN_PX - sum(widths)

    @staticmethod
    def _draw_right_side_text(painter: QPainter, rect: QRect, entry: ResultEntry, baseline: float) -> None:
        right_x: float = rect.right() - _MARGIN_PX
        if entry.key_cap:
            width, height = measure_key_cap(entry.key_cap)
            right_x -= width
            key_cap_rect = QRectF(right_x, round(rect.top() + (rect.height() - height) / 2), width, height)
            draw_key_cap(
                painter,
                key_cap_rect,
                entry.key_cap,
                current_appearance().colour("muted"),
                current_appearance().colour("border"),
            )
            right_x -= 12
        if entry.right_side_text:
            runs = split_font_runs(entry.right_side_text)
            painter.setPen(current_appearance().colour("muted"))
            draw_font_runs(painter, right_x - measure_font_runs(runs), baseline, runs)
