"""Unfinished work and who holds which lease: everything begun and not ended."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from console import wording
from console.domain.records import LeaseHolder, UnfinishedWork
from console.views import record_words as words
from console.views.desk_api import Desk
from console.views.frame import Frame
from console.views.pages.static_table import StaticTable
from console.views.routes import OperationRoute, RecordRoute
from console.views.seat import Seat
from console.views.tables.columns import Column, StateCell
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.empty import EmptyState

_WIDE = 900
_LINES = 7
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
        self._none = EmptyState(say("dialog.unfinished.empty"))
        self._nobody = EmptyState(say("dialog.holders.empty"))
        self._failed = QWidget()
        content = QWidget()
        content.setLayout(
            column(
                self._failed,
                self._layered(self.works, self._none, _LINES),
                column(Words(say("dialog.holders.title"), bold=True), Words(say("dialog.holders.hint"), "small", "muted"), gap=0),
                self._layered(self.holders, self._nobody, 4),
                gap=10,
            )
        )  # fmt: skip
        self.show_content(content)
        self.set_act_off("")
        seat.standing_changed.connect(self.read)
        self.works.rows.arrived.connect(self._focus_first)
        self.read()

    def _layered(self, table: StaticTable, empty: EmptyState, lines: int) -> QWidget:
        holder = QWidget()
        stack = QStackedLayout(holder)
        stack.addWidget(table)
        stack.addWidget(empty)
        holder.setFixedHeight(28 + lines * 32)
        return holder

    @Slot()
    def read(self) -> None:
        def read(desk: Desk) -> Both:
            return desk.recovery.unfinished(), desk.recovery.holders()

        self._seat.read(read, self._take, self._refused, owner=self, key=self)

    def _take(self, both: Both) -> None:
        works, holders = both
        mine = [work for work in works if work.operation.operator == self._seat.operator]
        others = [work for work in works if work.operation.operator != self._seat.operator]
        self.works.show_rows([*mine, *others])
        self.holders.show_rows(holders)
        _show(self.works if works else self._none)
        _show(self.holders if holders else self._nobody)
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
        self._failed.setLayout(column(Bar("", self._seat.message(failure), tone="bad", shape="cross")))

    @Slot()
    def _open_current(self) -> None:
        self._open(self.works.current)

    @Slot(object)
    def _open(self, work: object) -> None:
        if not isinstance(work, UnfinishedWork):
            return
        self.accept()
        if work.record is not None:
            self._seat.go(RecordRoute(work.record.id))
        else:
            self._seat.go(OperationRoute(work.operation.id))


def open_unfinished(frame: Frame) -> UnfinishedDialog:
    """Show it over the window."""
    dialog = UnfinishedDialog(frame.seat, frame.window)
    dialog.open()
    return dialog


def _show(widget: QWidget) -> None:
    holder = widget.parentWidget()
    stack = holder.layout() if holder else None
    if isinstance(stack, QStackedLayout):
        stack.setCurrentWidget(widget)


def _work_columns(seat: Seat) -> list[Column]:
    say = seat.say

    def state(work: UnfinishedWork) -> StateCell:
        known = {"calling": ("half_disc", "progress"), "unknown": ("question", "unknown")}
        shape, tone = known.get(work.operation.state.value, ("dash", "muted"))
        return StateCell(say(f"state.operation.{work.operation.state.value}"), shape, tone)  # type: ignore[arg-type]  # a tone

    def record(work: UnfinishedWork) -> str:
        return say("record.short", id=work.record.id) if work.record else say("dialog.unfinished.only_desk")

    def number(work: UnfinishedWork) -> str:
        return wording.format_number(work.operation.corporation_number or "")

    return [
        Column("since", say("column.since"), 116, lambda work: wording.format_instant(work.operation.started_at, "short"), "data"),
        Column("what", say("column.what"), 180, lambda work: say(f"operation.{work.operation.action}")),
        Column("record", say("column.record"), 120, record),
        Column("number", say("column.number"), 136, number, "data"),
        Column("state", say("column.state"), 112, state, "state"),
        Column("who", say("column.who"), 80, lambda work: words.who(work.operation.operator, seat)),
        Column("next", say("column.next_step"), 200, lambda work: words.next_words(work.next_step, seat), stretches=True),
    ]  # fmt: skip


def _holder_columns(seat: Seat) -> list[Column]:
    say = seat.say
    return [
        Column("lease", say("column.lease"), 240, lambda holder: holder.name, "data"),
        Column("who", say("column.who"), 104, lambda holder: words.who(holder.operator, seat)),
        Column("desk", say("column.desk"), 160, lambda holder: say("dialog.holders.at", host=holder.host, process=holder.process), stretches=True),
        Column("since", say("column.since"), 104, lambda holder: wording.format_instant(holder.since, "clock"), "data"),
        Column("until", say("column.until"), 104, lambda holder: wording.format_instant(holder.until, "clock"), "data"),
    ]  # fmt: skip
