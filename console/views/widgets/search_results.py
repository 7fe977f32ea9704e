"""The answers of the search box: entries under headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.look.painting import draw_frame, draw_key_cap, key_cap_size, put_shape
from console.views.look.runs import amount_runs, baseline_in, draw_runs, elided, runs_width, split_runs
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.tables.columns import StateCell
from console.views.tables.delegates import draw_state

Index = QModelIndex | QPersistentModelIndex
# Where the parts of an entry begin or end, in px at text size 1, as in a table without lines.
_TITLE, _DETAIL, _AMOUNT_END, _PROVIDER, _STATE, _EDGE = 43, 232, 294, 309, 396, 16


@dataclass(frozen=True, slots=True)
class OmniEntry:
    """One answer. `key` is what `picked` brings; `off_reason` shows it muted with the reason, not to be picked."""

    key: object
    icon: str
    title: str
    detail: str = ""
    amount: str = ""
    provider: str = ""
    state: StateCell | None = None
    right: str = ""
    cap: str = ""
    off_reason: str = ""

    def spoken(self) -> str:
        state = self.state.word if self.state else ""
        parts = (self.title, self.detail, self.amount, self.provider, state, self.right, self.off_reason)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class OmniGroup:
    """A heading and its entries."""

    title: str
    entries: tuple[OmniEntry, ...]


class _Answers(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: list[OmniEntry | str] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return line if isinstance(line, str) else line.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return line if isinstance(line, str) else line.spoken()
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.can_pick(index.row()):
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags

    def can_pick(self, row: int) -> bool:
        line = self.lines[row] if 0 <= row < len(self.lines) else ""
        return isinstance(line, OmniEntry) and not line.off_reason

    def show_lines(self, lines: list[OmniEntry | str]) -> None:
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()


class OmniList(QListView):
    """Entries under headings; the arrows walk past headings and what can't be picked.

    Signals:
        picked(object): the key of an entry.
    """

    picked = Signal(object)

    def __init__(self, name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answers = _Answers(self)
        self.setModel(self._answers)
        self.setItemDelegate(_EntryDelegate(self))
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._pick)

    def show_groups(self, groups: Sequence[OmniGroup]) -> None:
        current = self.current_key()
        lines: list[OmniEntry | str] = []
        for group in groups:
            lines += [group.title, *group.entries]
        self._answers.show_lines(lines)
        self._go_to(current)

    def current_key(self) -> object | None:
        row = self.currentIndex().row()
        line = self._answers.lines[row] if self._answers.can_pick(row) else None
        return line.key if isinstance(line, OmniEntry) else None

    def _go_to(self, key: object | None) -> None:
        """The entry with that key, else the first that can be picked."""
        rows = [row for row in range(len(self._answers.lines)) if self._answers.can_pick(row)]
        same = [row for row in rows if key is not None and self._key_of(row) == key]
        for row in (same or rows)[:1]:
            self.setCurrentIndex(self._answers.index(row))

    def _key_of(self, row: int) -> object:
        line = self._answers.lines[row]
        return line.key if isinstance(line, OmniEntry) else None

    def line(self, row: int) -> OmniEntry | str:
        return self._answers.lines[row]

    def pick_current(self) -> None:
        self._pick(self.currentIndex())

    def wanted_height(self) -> int:
        """What all entries need, in px."""
        return sum(self.sizeHintForRow(row) for row in range(len(self._answers.lines))) + 16

    def _pick(self, index: Index) -> None:
        if self._answers.can_pick(index.row()):
            self.picked.emit(self._key_of(index.row()))


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, view: OmniList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        grown = look().line("body") - tokens().type["body"].line
        heading = isinstance(self._view.line(index.row()), str)
        return QSize(200, (28 if heading else tokens().px("layout", "omnibox.row")) + grown)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line, rect = self._view.line(index.row()), option.rect
        if isinstance(line, str):
            painter.setFont(look().font("small"))
            painter.setPen(look().colour("muted"))
            bottom = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft
            painter.drawText(rect.adjusted(_EDGE, 0, -_EDGE, -4), bottom, line)
            return
        current = index.row() == self._view.currentIndex().row()
        if current:
            box = QRectF(rect).adjusted(8, 0, -8, 0)
            draw_frame(painter, box, 4, None, look().colour("selected"))
            mark = QRectF(box.left(), box.top(), tokens().px("borders", "selection_mark"), box.height())
            painter.fillRect(mark, look().colour("accent"))
        self._entry(painter, rect, line, current=current)

    def _entry(self, painter: QPainter, rect: QRect, entry: OmniEntry, *, current: bool) -> None:
        colour, scale = look().colour, look().scale
        off = bool(entry.off_reason)
        baseline, side = baseline_in(rect.top(), rect.height()), look().icon_px(16)
        icon = colour("accent" if current else "muted")
        put_shape(painter, entry.icon, rect.left() + _EDGE, rect.top() + (rect.height() - side) / 2, side, icon)
        painter.setPen(colour("muted" if off else "text"))
        left, detail = rect.left() + _TITLE * scale, rect.left() + _DETAIL * scale
        wide = (detail - left - 8) if entry.detail or off or entry.amount else rect.width() * 0.6
        title = elided(entry.title, wide, bold=current)
        draw_runs(painter, left, baseline, split_runs(title), bold=current)
        painter.setPen(colour("muted"))
        draw_runs(painter, detail, baseline, split_runs(entry.off_reason or entry.detail))
        self._figures(painter, rect, entry, baseline)
        self._right(painter, rect, entry, baseline)

    @staticmethod
    def _figures(painter: QPainter, rect: QRect, entry: OmniEntry, baseline: float) -> None:
        scale = look().scale
        if entry.amount:
            runs = amount_runs(entry.amount)
            painter.setPen(look().colour("text"))
            draw_runs(painter, rect.left() + _AMOUNT_END * scale - runs_width(runs), baseline, runs)
        if entry.provider:
            painter.setPen(look().colour("muted"))
            draw_runs(painter, rect.left() + _PROVIDER * scale, baseline, ((entry.provider, False),))
        if entry.state:
            left = round(_STATE * scale)
            draw_state(painter, rect.adjusted(left, 0, -120, 0), entry.state)

    @staticmethod
    def _right(painter: QPainter, rect: QRect, entry: OmniEntry, baseline: float) -> None:
        right: float = rect.right() - _EDGE
        if entry.cap:
            width, height = key_cap_size(entry.cap)
            right -= width
            place = QRectF(right, round(rect.top() + (rect.height() - height) / 2), width, height)
            draw_key_cap(painter, place, entry.cap, look().colour("muted"), look().colour("border"))
            right -= 12
        if entry.right:
            runs = split_runs(entry.right)
            painter.setPen(look().colour("muted"))
            draw_runs(painter, right - runs_width(runs), baseline, runs)
