"""Unfinished work and who holds which lease: everything begun and not ended."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console import wording
from console.domain.records import LeaseHolder
from console.domain.results import UnfinishedWork
from console.views import case_words
from console.views import record_words as words
from console.views.desk_api import Desk
from console.views.frame import Frame
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.routes import OperationRoute
from console.views.seat import Seat
from console.views.tables.columns import Column, StateCell
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.empty import EmptyState

_WIDE = 1080
Both = tuple[tuple[UnfinishedWork, ...], tuple[LeaseHolder, ...]]


class UnfinishedDialog(DialogFrame):
    """One's own work first. An intent can't be discarded here, only opened and settled."""

    def __init__(self, seat: Seat, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.unfinished.title"), say("dialog.unfinished.hint"), cancel=say("action.close"),
            act=say("action.open"), close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat = seat
        self.setFixedWidth(min(_WIDE, parent.window().width() - 96))
        self.works = StaticTable(
            seat, _work_columns(seat), lambda work: work.operation.id, say("dialog.unfinished.title"), margin=12
        )
        self.holders = StaticTable(
            seat, _holder_columns(seat), lambda holder: holder.name, say("dialog.holders.title"), margin=12
        )
        self.works.opened.connect(self._open)
        self.act_button.clicked.connect(self._open_current)
        self._works = TableOrNothing(self.works, EmptyState(say("dialog.unfinished.empty")))
        self._holders = TableOrNothing(self.holders, EmptyState(say("dialog.holders.empty")))
        self._works.setFixedHeight(self.works.height_for(7))
        self._holders.setFixedHeight(self.holders.height_for(4))
        self._told = QVBoxLayout()
        title = Words(say("dialog.holders.title"), bold=True)
        hint = Words(say("dialog.holders.hint"), "small", "muted")
        content = QWidget()
        content.setLayout(column(self._told, self._works, column(title, hint, gap=0), self._holders, gap=10))
        self.show_content(content)
        self.set_act_off("")
        seat.standing_changed.connect(self.read)
        self.works.rows.arrived.connect(self._focus_first)
        self.read()

    @Slot()
    def read(self) -> None:
        def read(desk: Desk) -> Both:
            return desk.recovery.unfinished(), desk.recovery.holders()

        self._seat.read(read, self._take, self._refused, owner=self, key=self)

    def _take(self, both: Both) -> None:
        works, holders = both
        mine = [work for work in works if work.operation.operator == self._seat.operator]
        others = [work for work in works if work.operation.operator != self._seat.operator]
        self._works.show_rows([*mine, *others])
        self._holders.show_rows(holders)
        if works:
            self.set_act_on()
        else:
            self.set_act_off("")

    @Slot()
    def _focus_first(self) -> None:
        if self.works.current is None:
            self.works.go_to_first()
            self.works.setFocus(Qt.FocusReason.OtherFocusReason)

    def _refused(self, failure: Failure) -> None:
        self._told.addWidget(Bar("", self._seat.message(failure), tone="bad", shape="cross"))

    @Slot()
    def _open_current(self) -> None:
        self._open(self.works.current)

    @Slot(object)
    def _open(self, work: object) -> None:
        if not isinstance(work, UnfinishedWork):
            return
        self.accept()
        if work.record is not None:
            self._seat.go(case_words.route_of(work.record))
        else:
            self._seat.go(OperationRoute(work.operation.id))


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


def _holder_columns(seat: Seat) -> list[Column]:
    say = seat.say

    def desk(holder: LeaseHolder) -> str:
        return say("dialog.holders.at", host=holder.host, process=holder.process)

    return [
        Column("lease", say("column.lease"), 240, lambda holder: holder.name, "data"),
        Column("who", say("column.who"), 104, lambda holder: words.who(holder.operator, seat)),
        Column("desk", say("column.desk"), 160, desk, stretches=True),
        Column(
            "since", say("column.since"), 96, lambda holder: wording.format_instant(holder.since, "clock"), "data"
        ),
        Column(
            "until", say("column.until"), 96, lambda holder: wording.format_instant(holder.until, "clock"), "data"
        ),
    ]
