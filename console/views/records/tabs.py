"""Tabs that every record has: its audit entries, and the answers that were kept."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QTextEdit, QVBoxLayout, QWidget

from console import wording
from console.domain.records import EvidenceItem, TimelineEntry
from console.views import case_words
from console.views import record_words as words
from console.views.pages.static_table import StaticTable
from console.views.seat import Seat
from console.views.tables.columns import Column
from console.views.widgets.base import Surface, row


def audit_table(seat: Seat) -> StaticTable:
    """Everything that is on record about it, with codes and results; rows are (number, TimelineEntry)."""
    say = seat.say

    def entry(item: tuple[int, TimelineEntry]) -> TimelineEntry:
        return item[1]

    columns = [
        Column("when", say("column.when"), 190, lambda item: wording.format_instant(entry(item).at)[:-4], "data"),
        Column("who", say("column.who"), 104, lambda item: words.who(entry(item).who, seat)),
        Column(
            "what", say("column.what"), 320, lambda item: wording.timeline_line(entry(item), seat.language),
            stretches=True,
        ),
        Column("code", say("column.code"), 260, lambda item: entry(item).what, "data", muted=True),
        Column("result", say("column.result"), 112, lambda item: say(f"audit_screen.result.{entry(item).result}")),
    ]  # fmt: skip
    return StaticTable(
        seat, columns, lambda item: (entry(item).at, entry(item).what, item[0]), say("record.tab.audit")
    )


def source_words(source: str, seat: Seat) -> str:
    """Where a kept answer came from: the provider, and what it was asked."""
    if wording.has(f"evidence.source.{source}"):
        return seat.say(f"evidence.source.{source}")
    provider, _, call = source.partition(".")
    return seat.say("evidence.from", provider=case_words.provider_word(provider, seat), call=call)


class EvidenceView(QWidget):
    """Kept answers at the left, the text of the current one at the right."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        say = seat.say
        columns = [
            Column("when", say("column.when"), 176, lambda item: wording.format_instant(item.at)[:-4], "data"),
            Column("source", say("column.source_of"), 190, lambda item: source_words(item.source, seat)),
            Column("summary", say("column.summary"), 200, lambda item: item.summary, stretches=True),
        ]
        self._table = StaticTable(seat, columns, lambda item: item.id, say("record.tab.evidence"))
        self._text = QTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(say("record.answer_text"))
        self._seat = seat
        self._table.current_changed.connect(self._show)
        self._table.rows.arrived.connect(self._first)
        text = Surface(edge="left")
        box = QVBoxLayout(text)
        box.setContentsMargins(12, 8, 12, 8)
        box.addWidget(self._text)
        halves = row(self._table, text, gap=0)
        halves.setStretch(0, 3)
        halves.setStretch(1, 2)
        self.setLayout(halves)
        self.setFocusProxy(self._table)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @property
    def stops(self) -> tuple[QWidget, ...]:
        return self._table, self._text

    def show_items(self, items: Sequence[EvidenceItem]) -> None:
        self._table.show_rows(items)

    @Slot()
    def _first(self) -> None:
        if self._table.current is None:
            self._table.go_to_first()

    @Slot(object)
    def _show(self, item: object) -> None:
        if isinstance(item, EvidenceItem):
            none = self._seat.say("record.no_answer_text")
            self._text.setPlainText(item.body or none)
