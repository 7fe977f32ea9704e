"""The two faces of the bulk dialog: what would be done row by row, and what became of each row."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk_records import NOT_DONE, BulkItem, BulkLine, BulkPlan, BulkProgress, Forecast
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.views import bulk_words
from console.views.desk_api import Desk
from console.views.look.theme import look
from console.views.pages.columns import wide
from console.views.pages.fitted_table import FittedTable
from console.views.seat import Note, Seat
from console.views.tables.book import Page
from console.views.tables.columns import Column, StateCell
from console.views.tables.paging import PagedModel
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.flow import flowing
from console.views.widgets.inputs import Choice
from console.views.widgets.save_file import ask_where

SIZES = (1, 5, 20, 100)
_LEAST_ROWS, _MOST_ROWS = 3, 8
_SPARE = ("company", "place")
_FILTERS = (None, NOT_DONE)


class PlanView(QWidget):
    """A dry run. `most`: the position up to which rows are to be done.

    Signals:
        resized: another number of rows is to be done.
    """

    resized = Signal()

    def __init__(self, seat: Seat, plan: BulkPlan) -> None:
        super().__init__()
        self._seat, self._plan = seat, plan
        say, run = seat.say, plan.run
        self.shown = plan
        self.how_many = Choice(say("bulk.size"))
        for most in (len(plan.rows), *(size for size in SIZES if size < len(plan.rows))):
            key = "bulk.size.first" if self.how_many.count() else "bulk.size.all"
            self.how_many.addItem(say(key, n=most), most)
        self.how_many.currentIndexChanged.connect(self._look)
        self.totals = Words("", bold=True, wrap=True)
        self.time = Words("", "small", "muted", wrap=True)
        label = Words(say("bulk.size"), "body", "muted")
        label.setBuddy(self.how_many)
        what = Words(say(f"bulk.what.{run.action.value}"), wrap=True)
        note = Words(say("bulk.note_words", words=run.words or ""), "body", "muted", wrap=True)
        note.setVisible(run.words is not None)
        self.table = _table(
            seat, _plan_columns(seat, run.action), lambda one: one.row.position, say("bulk.plan"), len(plan.rows)
        )
        self.table.rows.read(self._page)
        sizes = row(label, self.how_many, None, gap=8)
        self.setLayout(column(what, note, sizes, self.totals, self.time, self.table, gap=8))
        self._look()

    @property
    def most(self) -> int:
        return self.shown.rows[-1].row.position if self.shown.rows else 0

    def _page(self, cursor: object, limit: int) -> Page:
        begin = cursor if isinstance(cursor, int) else 0
        end = begin + limit
        return Page(self._plan.rows[begin:end], end if end < len(self._plan.rows) else None)

    @Slot()
    def _look(self) -> None:
        seat = self._seat
        self.shown = self._plan.first(int(self.how_many.currentData() or 0))
        self.totals.say(bulk_words.totals(self.shown, seat))
        again = seat.say("bulk.checked_again")
        self.time.say(f"{bulk_words.time(self.shown, seat)} {again}")
        self.resized.emit()


class OutcomeView(QWidget):
    """How far a run is, and every row with its result.

    Signals:
        discard_wanted: give up what is left.
    """

    discard_wanted = Signal()

    def __init__(self, seat: Seat, run: BulkRun) -> None:
        super().__init__()
        self._seat, self._run = seat, run
        say = seat.say
        self.bar = Bar("", say("bulk.told.begins"), tone="progress", shape="circle_arrow")
        self._standing: bulk_words.Told | None = None
        self.progress = Words("", "panel_title")
        self.tally = Words("", "body", "muted", wrap=True)
        self.filter = Choice(say("bulk.filter"))
        for only in _FILTERS:
            self.filter.addItem(say(f"bulk.filter.{only or 'all'}"), only)
        self.filter.currentIndexChanged.connect(self._filtered)
        self.export = KeyButton(say("bulk.export"))
        self.export.clicked.connect(self._choose_file)
        self.discard = KeyButton(say("bulk.discard"))
        self.discard.clicked.connect(self.discard_wanted)
        self.discard.hide()
        self.table = _table(seat, _result_columns(seat), lambda line: line.row.position, say("bulk.rows"), run.size)
        self._box = column(self.bar, gap=0)
        label = Words(say("bulk.filter"), "body", "muted")
        label.setBuddy(self.filter)
        line = flowing(label, self.filter, self.export, self.discard, ReasonLabel(self.discard), gap=8)
        self.setLayout(column(self._box, self.progress, self.tally, line, self.table, gap=8))
        self._filtered()

    def show_item(self, item: BulkItem, done: BulkProgress, *, here: bool) -> None:
        """As it stands now."""
        seat = self._seat
        told = bulk_words.told(item, seat, here=here)
        if told != self._standing:
            self._standing = told
            before, self.bar = self.bar, Bar("", told.words, tone=told.tone, shape=told.shape)
            self._box.replaceWidget(before, self.bar)
            before.deleteLater()
        words = seat.say("bulk.progress", done=done.done, of=done.of)
        if words != self.progress.plain:
            self.progress.say(words)
            self.tally.say(bulk_words.tally(done.results, seat))
            self.table.rows.re_read()

    @property
    def only(self) -> str | None:
        found: str | None = self.filter.currentData()
        return found

    @Slot()
    def _filtered(self) -> None:
        read = partial(_lines, run_id=self._run.id, only=self.only)
        self.table.rows.read(self._seat.fetch(read))

    # -- taking it along

    @Slot()
    def _choose_file(self) -> None:
        ask_where(self, self._seat.say("bulk.export"), "csv", self.export_to)

    @Slot(str)
    def export_to(self, path: str) -> None:
        """Write the rows shown to a new file."""
        seat, file, run_id, only = self._seat, Path(path), self._run.id, self.only

        def told(rows: int) -> Note:
            return Note(seat.say("bulk.exported", rows=rows, file=file.name))

        def refused(failure: Failure) -> None:
            seat.tell(seat.say("act.refused"), seat.message(failure), "square_bang", "bad")

        seat.act(
            lambda desk: desk.bulk.export(run_id, file, only), lambda rows: seat.told.emit(told(rows)), refused,
            owner=self, label=seat.say("bulk.export"), told=told, asked="",
        )  # fmt: skip


def _lines(desk: Desk, cursor: object, limit: int, *, run_id: int, only: str | None) -> Page:
    after = cursor if isinstance(cursor, int) else 0
    lines = desk.bulk.lines(run_id, only, after, limit)
    return Page(lines, lines[-1].row.position if len(lines) == limit else None)


def _table(seat: Seat, columns: list[Column], key_of: Callable[[Any], int], name: str, rows: int) -> FittedTable:
    table = FittedTable(PagedModel(columns, key_of, seat.runner), name, spare=_SPARE, margin=12)
    table.rows.setParent(table)
    shown = max(_LEAST_ROWS, min(rows, _MOST_ROWS))
    table.setFixedHeight(look().row("header") + shown * look().row() + 2)
    return table


def _columns(
    seat: Seat, of: Callable[[Any], tuple[BulkRow, Any]], state: Column, why: Callable[[Any], str]
) -> list[Column]:
    say = seat.say

    def place(item: Any) -> str:
        return str(of(item)[0].position)

    def record(item: Any) -> str:
        row_, found = of(item)
        return bulk_words.name(found, row_, seat)

    def company(item: Any) -> str:
        return bulk_words.company(of(item)[1], seat)

    return [
        Column("place", say("bulk.column.place"), max(wide(say("bulk.column.place"), 24), 72), place, "amount"),
        Column("record", say("column.record"), _longest() + 20, record, "data"),
        Column("company", say("column.corporation"), 150, company),
        state,
        Column("why", say("column.reason"), 220, why, stretches=True),
    ]


def _longest() -> int:
    """What the longest usual name of a record needs."""
    return round(look().metrics("data").horizontalAdvance("ORD-20261120-000123") / look().scale)


def _plan_columns(seat: Seat, action: BulkAction) -> list[Column]:
    def verdict(one: Forecast) -> StateCell:
        return bulk_words.verdict(one, action, seat)

    def why(one: Forecast) -> str:
        return bulk_words.reason(one.reason, one.who, seat)

    longest = max(
        (seat.say(f"bulk.verdict.{name}") for name in (f"would.{action.value}", "skip", "refused")), key=len
    )
    state = Column("verdict", seat.say("bulk.column.verdict"), wide(longest, 44), verdict, "state")
    return _columns(seat, lambda one: (one.row, one.record), state, why)


def _result_columns(seat: Seat) -> list[Column]:
    def result(line: BulkLine) -> StateCell:
        return bulk_words.result(line.row, seat)

    def why(line: BulkLine) -> str:
        return bulk_words.kept_reason(line.row, seat)

    longest = max(
        (seat.say(f"bulk.result.{name}") for name in (*bulk_words.RESULTS, "none", "still_unknown")), key=len
    )
    state = Column("result", seat.say("column.result"), wide(longest, 44), result, "state")
    return _columns(seat, lambda line: (line.row, line.record), state, why)
