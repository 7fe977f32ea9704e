"""Unfinished work: everything begun and not ended, bulk runs, and who holds or has taken what since when."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console import wording
from console.domain.bulk_records import BulkItem
from console.domain.records import LeaseHolder
from console.domain.results import UnfinishedWork
from console.domain.worker_records import BulkAction, Take
from console.views import bulk_words, case_words
from console.views import record_words as words
from console.views.desk_api import Desk
from console.views.frame import Frame
from console.views.pages.columns import wide
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.routes import OperationRoute, route_to
from console.views.seat import Seat
from console.views.tables.columns import Column, StateCell
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.empty import EmptyState
from console.views.widgets.tabs import Tabs

_WIDE = 1080
_ROWS = 9
Held = LeaseHolder | Take


class Found(NamedTuple):
    """What is begun and not ended, bulk runs, and who holds or has taken what."""

    works: tuple[UnfinishedWork, ...]
    runs: tuple[BulkItem, ...]
    held: tuple[Held, ...]


class UnfinishedDialog(DialogFrame):
    """One's own work first. An intent can't be discarded here, only opened and settled; a bulk run is stopped, gone
    on with or given up in its own dialog.
    """

    NAMES = ("works", "runs", "held")

    def __init__(self, seat: Seat, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.unfinished.title"), say("dialog.unfinished.hint"), cancel=say("action.close"),
            act=say("action.open"), close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat, self._below = seat, parent
        self.setFixedWidth(min(_WIDE, parent.window().width() - 96))
        titles = (say("dialog.unfinished.works"), say("dialog.unfinished.runs"), say("dialog.holders.title"))
        self.tabs = Tabs(say("dialog.unfinished.title"), margin=12)
        for name, title in zip(self.NAMES, titles, strict=True):
            self.tabs.add(title, data=name)
        self.works = _table(seat, _work_columns(seat), lambda work: work.operation.id, titles[0])
        self.runs = _table(seat, _run_columns(seat), lambda item: item.run.id, titles[1])
        self.holders = _table(seat, _holder_columns(seat), _held_key, titles[2])
        self._fill(say)
        for table in self._tables:
            table.opened.connect(self._open)
            table.rows.arrived.connect(partial(self._focus_first, table))
            table.current_changed.connect(self._look)
        self.act_button.clicked.connect(self._open_current)
        self.tabs.currentChanged.connect(self._show_tab)
        seat.standing_changed.connect(self.read)
        seat.changed.connect(self._see_changes)
        self.read()

    @property
    def _tables(self) -> tuple[StaticTable, StaticTable, StaticTable]:
        return self.works, self.runs, self.holders

    def _fill(self, say: Callable[[str], str]) -> None:
        nothing = (say("dialog.unfinished.empty"), say("dialog.unfinished.runs_empty"), say("dialog.holders.empty"))
        self._lists = [
            TableOrNothing(table, EmptyState(words)) for table, words in zip(self._tables, nothing, strict=True)
        ]
        self._stack = QStackedWidget()
        for one in self._lists:
            one.setFixedHeight(self.works.height_for(_ROWS))
            self._stack.addWidget(one)
        self._told = QVBoxLayout()
        content = QWidget()
        content.setLayout(column(self._told, self.tabs, self._stack, gap=8))
        self.show_content(content)
        self.set_act_off(say("dialog.unfinished.open_off"))

    # -- reading

    @Slot(object)
    def _see_changes(self, changes: frozenset[tuple[str, int]]) -> None:
        if any(kind == "bulk-run" for kind, _ in changes):
            self.read()

    @Slot()
    def read(self) -> None:
        def read(desk: Desk) -> Found:
            held: tuple[Held, ...] = (*desk.recovery.holders(), *desk.recovery.takes())
            return Found(desk.recovery.unfinished(), desk.bulk.overview(), held)

        self._seat.read(read, self._take, self._refused, owner=self, key=self)

    def _take(self, found: Found) -> None:
        name = self._seat.operator or ""
        works = sorted(found.works, key=lambda work: work.operation.operator != name)
        runs = sorted(found.runs, key=lambda item: (not item.is_open, item.run.made_by != name))
        for number, rows in enumerate[Sequence[Any]]((works, runs, found.held)):
            self._lists[number].show_rows(rows, still=True)
            self.tabs.set_count(number, str(len(rows)))
        self.tabs.set_count(1, str(sum(item.is_open for item in runs)))
        self._look()

    def _focus_first(self, table: StaticTable) -> None:
        if table.current is None:
            table.go_to_first()
            if table is self._tables[self.tabs.currentIndex()]:
                table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._look()

    def _refused(self, failure: Failure) -> None:
        self._told.addWidget(Bar("", self._seat.message(failure), tone="bad", shape="cross"))

    # -- which list

    def show_tab(self, name: str) -> None:
        """One of NAMES."""
        self.tabs.setCurrentIndex(self.NAMES.index(name))

    @Slot(int)
    def _show_tab(self, number: int) -> None:
        self._stack.setCurrentIndex(number)
        hints = ("dialog.unfinished.hint", "dialog.unfinished.runs_hint", "dialog.holders.hint")
        self.say_title(self._seat.say("dialog.unfinished.title"), self._seat.say(hints[number]))
        self._look()

    @Slot()
    def _look(self) -> None:
        """Whether there is something to open."""
        number = self.tabs.currentIndex()
        self.act_button.setVisible(self._tables[number] is not self.holders)
        if self._lists[number].currentWidget() is self._tables[number] and self._tables[number].current is not None:
            self.set_act_on()
        else:
            self.set_act_off(
                "" if self._tables[number] is self.holders else self._seat.say("dialog.unfinished.open_off")
            )

    # -- opening

    @Slot()
    def _open_current(self) -> None:
        self._open(self._tables[self.tabs.currentIndex()].current)

    @Slot(object)
    def _open(self, found: object) -> None:
        if isinstance(found, UnfinishedWork):
            self.accept()
            record, operation = found.record, OperationRoute(found.operation.id)
            self._seat.go(case_words.route_of(record) if record is not None else operation)
        elif isinstance(found, BulkItem):
            from console.views.dialogs.bulk import BulkDialog

            self.accept()
            BulkDialog(self._seat, self._below, found.run).open()
        elif isinstance(found, Take) and found.kind in ("credit-check", "payment", "order", "refund"):
            self.accept()
            self._seat.go(route_to(found.kind, found.subject_id))


def open_unfinished(frame: Frame) -> UnfinishedDialog:
    """Show it over the window."""
    dialog = UnfinishedDialog(frame.seat, frame.window)
    dialog.open()
    return dialog


def _work_columns(seat: Seat) -> list[Column]:
    say = seat.say

    def since(work: UnfinishedWork) -> str:
        return wording.format_instant(work.operation.started_at, "short")

    def state(work: UnfinishedWork) -> StateCell:
        known = {"calling": ("half_disc", "progress"), "unknown": ("question", "unknown")}
        shape, tone = known.get(work.operation.state.value, ("dash", "muted"))
        return StateCell(say(f"state.operation.{work.operation.state.value}"), shape, tone)  # type: ignore[arg-type]  # a tone

    def record(work: UnfinishedWork) -> str:
        return case_words.short(work.record, seat) if work.record else say("dialog.unfinished.only_desk")

    def number(work: UnfinishedWork) -> str:
        return wording.format_number(work.operation.corporation_number or "")

    def following(work: UnfinishedWork) -> str:
        return words.next_words(work.next_step, seat)

    return [
        Column("since", say("column.since"), 112, since, "data"),
        Column("record", say("column.record"), 150, record),
        Column("number", say("column.number_short"), 128, number, "data"),
        Column("state", say("column.state"), 104, state, "state"),
        Column("who", say("column.who"), 80, lambda work: words.who(work.operation.operator, seat)),
        Column("next", say("column.next_step"), 300, following, stretches=True),
    ]


def _run_columns(seat: Seat) -> list[Column]:
    say = seat.say

    def made(item: BulkItem) -> str:
        return wording.format_instant(item.run.made_at, "short")

    def what(item: BulkItem) -> str:
        return say(f"bulk.action.{item.run.action.value}")

    def progress(item: BulkItem) -> str:
        return say("bulk.progress", done=item.run.done, of=item.run.size)

    def standing(item: BulkItem) -> str:
        return bulk_words.told(item, seat).words

    longest = max(
        (say(f"bulk.state.{state}") for state in ("frozen", "running", "paused", "stopped", "done")), key=len
    )
    actions = max((say(f"bulk.action.{one.value}") for one in BulkAction), key=len)
    return [
        Column("name", say("dialog.unfinished.run"), 84, lambda item: item.run.name, "data"),
        Column("what", say("column.what"), wide(actions, 24), what),
        Column("since", say("bulk.column.frozen"), 112, made, "data"),
        Column(
            "state", say("column.state"), wide(longest, 44), lambda item: bulk_words.state(item.run, seat), "state"
        ),
        Column(
            "done", say("dialog.unfinished.done"), wide(say("bulk.progress", done=10_000, of=10_000), 24), progress
        ),
        Column("who", say("column.who"), 96, lambda item: words.who(item.run.made_by, seat)),
        Column("told", say("bulk.column.standing"), 240, standing, stretches=True),
    ]


def _held_key(one: Held) -> tuple[str, int]:
    return (one.kind, one.subject_id) if isinstance(one, Take) else (one.name, -1)


def _holder_columns(seat: Seat) -> list[Column]:
    say = seat.say

    def lease(one: Held) -> str:
        return say("dialog.holders.take", kind=one.kind, id=one.subject_id) if isinstance(one, Take) else one.name

    def who(one: Held) -> str:
        return words.who(one.person if isinstance(one, Take) else one.operator, seat)

    def desk(one: Held) -> str:
        return "" if isinstance(one, Take) else say("dialog.holders.at", host=one.host, process=one.process)

    def since(one: Held) -> str:
        return wording.format_instant(one.taken_at if isinstance(one, Take) else one.since, "clock")

    return [
        Column("lease", say("column.lease"), 280, lease),
        Column("who", say("column.who"), 104, who),
        Column("desk", say("column.desk"), 160, desk, stretches=True),
        Column("since", say("column.since"), 96, since, "data"),
        Column("until", say("column.until"), 96, lambda one: wording.format_instant(one.until, "clock"), "data"),
    ]


def _table(seat: Seat, columns: list[Column], key_of: Callable[[Any], Hashable], name: str) -> StaticTable:
    return StaticTable(seat, columns, key_of, name, margin=12, spare=("since", "who", "desk"))
