"""Money that was booked beyond an account's limit, and the refund that is proposed for each."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Slot

from console import wording
from console.domain.order_records import SetAsideState
from console.domain.payment_results import SetAsideItem
from console.views import case_words
from console.views import record_words as words
from console.views.look.tokens import Tone
from console.views.pages.columns import wide
from console.views.pages.money_acts import MoneyActs
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.rights import guarded
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.routes import PaymentRoute, RefundRoute
from console.views.seat import Seat
from console.views.tables.columns import Column, StateCell
from console.views.widgets.base import Surface, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.empty import EmptyState

_MOST = 200
_LOOKS: dict[SetAsideState, tuple[str, Tone]] = {
    SetAsideState.OPEN: ("square_bang", "care"),
    SetAsideState.REFUNDING: ("hourglass", "progress"),
    SetAsideState.REFUNDED: ("arrow_back", "text"),
}


class SetAsidesPage(Page):
    """One list; R asks for the refund of the current one."""

    place = "approvals"
    help_key = "help.set_asides"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("R",), "key.refund"),
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        self.acts = MoneyActs(seat, self)
        reread = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        reread.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.set_asides"), say("set_asides.sentence"), reread)
        self.table = StaticTable(seat, _columns(seat), _id, say("screen.set_asides"), spare=("limit",))
        self.list = TableOrNothing(self.table, EmptyState(say("set_asides.empty"), shape="check"))
        self.ask = guarded(seat, KeyButton(say("set_asides.ask"), "R", "primary", binds=False), "refund_request")
        self.ask.clicked.connect(self.ask_for_refund)
        self.open_refund = KeyButton(say("action.open_refund"))
        self.open_refund.clicked.connect(self._open_refund)
        foot = Surface(raised=True, edge="top")
        foot.setLayout(row(self.ask, ReasonLabel(self.ask), self.open_refund, None, margins=(24, 8, 24, 8)))
        self.add(self.head)
        self.add_bars()
        self.add(self.list, 1)
        self.add(foot)
        self.add_hints()
        self.table.opened.connect(self._open)
        self.table.current_changed.connect(self._look)
        self.table.rows.arrived.connect(self._first)
        self.key("R", self.ask.click)
        in_order(*self.head.stops, self.table, self.ask, self.open_refund)

    def enter(self, route: object) -> None:
        self.refresh("entered")

    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("payment", "refund") for kind, _ in changes)

    def read(self, reason: str) -> None:
        self.seat.read(
            lambda desk: desk.payments.set_asides(_MOST), partial(self._take, still=reason == "changed"),
            self.reading_failed, owner=self, key="set-asides",
        )  # fmt: skip

    def _take(self, items: tuple[SetAsideItem, ...], *, still: bool = False) -> None:
        self.reading_done()
        self.list.show_rows(items, still=still)
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        self._look(self.table.current)

    @Slot()
    def _first(self) -> None:
        if self.table.current is None:
            self.table.go_to_first()
        self._look(self.table.current)

    @property
    def current(self) -> SetAsideItem | None:
        found = self.table.current
        return found if isinstance(found, SetAsideItem) else None

    @Slot(object)
    def _look(self, item: object) -> None:
        asked = isinstance(item, SetAsideItem) and item.record.refund_id is not None
        self.ask.setVisible(isinstance(item, SetAsideItem) and item.record.state is SetAsideState.OPEN)
        self.open_refund.setVisible(asked)

    @Slot()
    def ask_for_refund(self) -> None:
        item = self.current
        if item is not None and self.ask.isEnabled() and item.record.state is SetAsideState.OPEN:
            self.acts.refund(item.payment.id, item.record)

    @Slot(object)
    def _open(self, item: SetAsideItem) -> None:
        self.seat.go(PaymentRoute(item.payment.id, (), "approvals"))

    @Slot()
    def _open_refund(self) -> None:
        item = self.current
        if item is not None and item.record.refund_id is not None:
            self.seat.go(RefundRoute(item.record.refund_id, (), "approvals"))


def _id(item: SetAsideItem) -> int:
    return item.record.id


def _columns(seat: Seat) -> list[Column]:
    say = seat.say

    def state(item: SetAsideItem) -> StateCell:
        return StateCell(say(f"state.set_aside.{item.record.state}"), *_LOOKS[item.record.state])

    def money(name: str, title: str, minor: Callable[[SetAsideItem], int]) -> Column:
        def shown(item: SetAsideItem) -> str:
            return wording.format_amount(minor(item), item.record.currency)

        return Column(name, title, wide("¥12,345,678", 16), shown, "amount")

    return [
        Column(
            "age", say("column.age"), 84, lambda item: words.age_cell(item.record.created_at, seat), "age",
            spoken=lambda item: words.age_spoken(item.record.created_at, seat),
        ),
        Column("number", say("field.corporation_number"), wide("8 8888 8888 8888", 16),
               lambda item: wording.format_number(item.account.corporation_number), "data"),
        Column("payment", say("kind.payment"), 140, lambda item: case_words.short(item.payment, seat)),
        Column("provider", say("column.provider"), 96, lambda item: case_words.provider(item.payment, seat)),
        money("paid", say("money.part.paid"), lambda item: item.payment.captured_minor),
        money("aside", say("money.part.set_aside"), lambda item: item.record.amount_minor),
        money("limit", say("set_asides.limit"), lambda item: item.account.limit_minor),
        Column("state", say("column.state"), 160, state, "state", stretches=True),
    ]  # fmt: skip
