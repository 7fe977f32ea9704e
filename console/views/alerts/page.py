"""What doesn't fit, grouped by cause: since when, who has seen it, and the one place where each is settled."""

from collections.abc import Callable
from functools import partial
from itertools import groupby

from PySide6.QtCore import Qt, Slot

from console import wording
from console.domain.worker_records import AlertItem
from console.views import alert_words
from console.views import record_words as words
from console.views.dialogs.acknowledge import AcknowledgeDialog
from console.views.pages.columns import wide
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.rights import guarded
from console.views.pages.static_table import StaticTable, TableOrNothing
from console.views.seat import Seat
from console.views.tables.columns import Column, Group, StateCell
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.empty import EmptyState

_MOST = 1_000
_LEAST_ROWS = 4
"""So many can be seen however long the sentences below them are."""


class AlertsPage(Page):
    """One list; Enter goes where the current one is settled, A says that it was seen."""

    place = "alerts"
    help_key = "help.alerts"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("A",), "key.acknowledge"),
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        reread = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        reread.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.alerts"), say("alerts_screen.sentence"), reread)
        self._counts: dict[str, int] = {}
        spare = ("expected", "age")
        self.table = StaticTable(seat, _columns(seat), _id, say("screen.alerts"), spare=spare, group_of=self._group)
        self.list = TableOrNothing(self.table, EmptyState(say("alerts_screen.empty"), shape="check"))
        self.settle = KeyButton("", "Enter", "primary", binds=False)
        self.settle.clicked.connect(self._settle)
        self.seen = guarded(seat, KeyButton(say("alerts_screen.acknowledge"), "A", binds=False), "note")
        self.seen.clicked.connect(self.acknowledge)
        self.list.setMinimumHeight(self.table.height_for(_LEAST_ROWS))
        self._build()
        self.table.opened.connect(self._open)
        self.table.current_changed.connect(self._look)
        self.table.rows.arrived.connect(self._first)
        self.key("A", self.seen.click)
        in_order(*self.head.stops, self.table, self.settle, self.seen)

    def _build(self) -> None:
        self.why = Words("", "body", wrap=True, selectable=True)
        self.what_to_do = Words("", "body", wrap=True)
        self.who = Words("", "small", "muted", wrap=True)
        foot = Surface(raised=True, edge="top")
        buttons = row(self.settle, self.seen, ReasonLabel(self.seen), None, gap=8)
        foot.setLayout(column(self.why, self.what_to_do, self.who, buttons, gap=6, margins=(24, 10, 24, 10)))
        self.foot = foot
        self.add(self.head)
        self.add_bars()
        self.add(self.list, 1)
        self.add(foot)
        self.add_hints()

    def enter(self, route: object) -> None:
        self.refresh("entered")

    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "alert" for kind, _ in changes)

    def read(self, reason: str) -> None:
        self.seat.read(
            lambda desk: desk.alerts.open(_MOST), partial(self._take, still=reason == "changed"),
            self.reading_failed, owner=self, key="alerts",
        )  # fmt: skip

    def _take(self, items: tuple[AlertItem, ...], *, still: bool = False) -> None:
        self.reading_done()
        kept = sorted(items, key=_by_cause)
        self._counts = {rule: len(list(group)) for rule, group in groupby(kept, key=_rule)}
        self.list.show_rows(kept, still=still)
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        self._look(self.table.current)

    def _group(self, item: AlertItem) -> Group:
        count = wording.format_count(self._counts.get(item.alert.rule_id, 0))
        return Group(item.alert.rule_id, alert_words.rule(item.alert, self.seat), "square_bang", "care", count)

    @Slot()
    def _first(self) -> None:
        if self.table.current is None:
            self.table.go_to_first()
        self._look(self.table.current)

    @property
    def current(self) -> AlertItem | None:
        found = self.table.current
        return found if isinstance(found, AlertItem) else None

    @Slot(object)
    def _look(self, item: object) -> None:
        """What settles the current one, and who has seen it."""
        self.foot.setVisible(isinstance(item, AlertItem))
        if not isinstance(item, AlertItem):
            return
        say, alert = self.seat.say, item.alert
        action, why = item.action or "none", alert_words.why(item, self.seat)
        self.why.say(why)
        self.why.setVisible(bool(why))
        self.what_to_do.say(say(f"alerts_screen.to_do.{action}"))
        self.settle.say(say(f"alerts_screen.action.{action}"))
        self.settle.setVisible(item.action is not None)
        self.seen.setVisible(alert.acknowledged_by is None)
        by = alert.acknowledged_by and say(
            "alerts_screen.seen_note", who=alert.acknowledged_by, at=alert.acknowledged_at, note=alert.note or ""
        )
        self.who.say(by or say("alerts_screen.seen_by_nobody"))

    @Slot()
    def _settle(self) -> None:
        if self.current is not None:
            self._open(self.current)

    @Slot(object)
    def _open(self, item: AlertItem) -> None:
        route = alert_words.route(item)
        if route is not None:
            self.seat.go(route)

    @Slot()
    def acknowledge(self) -> None:
        item = self.current
        if item is not None and self.seen.isEnabled() and item.alert.acknowledged_by is None:
            AcknowledgeDialog(self.seat, item.alert, self.window()).open()


def _id(item: AlertItem) -> int:
    return item.alert.id


def _rule(item: AlertItem) -> str:
    return item.alert.rule_id


def _by_cause(item: AlertItem) -> tuple[bool, str, int]:
    """The rules between orders and payments first, each oldest first."""
    return item.alert.order_no is None, item.alert.rule_id, item.alert.id


def _columns(seat: Seat) -> list[Column]:
    say = seat.say
    longest = wide(say("alerts_screen.refund_or_compensation"), 24)

    def text(of: Callable[[AlertItem], str]) -> Callable[[AlertItem], str]:
        return lambda item: alert_words.told(of(item), seat)

    def seen(item: AlertItem) -> StateCell:
        who = item.alert.acknowledged_by
        if who is None:
            return StateCell(say("alerts_screen.open"), "ring", "care")
        return StateCell(say("alerts_screen.seen"), "person", "text", who)

    return [
        Column(
            "age", say("column.age"), 84, lambda item: words.age_cell(item.alert.detected_at, seat), "age",
            spoken=lambda item: words.age_spoken(item.alert.detected_at, seat),
        ),
        Column("about", say("alerts_screen.column.about"), wide("ORD-2026-000001", 24),
               lambda item: alert_words.about(item.alert, seat), "data"),
        Column("observed", say("alerts_screen.column.observed"), 280, text(lambda item: item.alert.observed),
               stretches=True),
        Column("expected", say("alerts_screen.column.expected"), longest, text(lambda item: item.alert.expected)),
        Column("seen", say("alerts_screen.column.seen"), 180, seen, "state"),
    ]  # fmt: skip
