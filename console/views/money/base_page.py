"""What the pages of payments, orders and refunds share: one order of parts, reading, keys, walking along a list."""

from functools import partial
from typing import ClassVar, TypeAlias

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from console import wording
from console.domain.payment_results import OrderView, PaymentView, RefundView
from console.domain.records import LeaseHolder
from console.views import case_words, record_words
from console.views.case_words import Case
from console.views.desk_api import Desk
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.pages import beside_acts, evidence_acts
from console.views.pages.money_acts import MoneyActs
from console.views.pages.money_tabs import MoneyTabs
from console.views.pages.page import Page, in_order
from console.views.pages.record_actions import RecordActions
from console.views.pages.record_head import RecordHead
from console.views.routes import LookupRoute, OrderRoute, PaymentRoute, RefundRoute, stepped
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, PaintedButton
from console.views.widgets.copyable import CopyableId
from console.views.widgets.money import MoneyPanel
from console.views.widgets.record import FactForm, FactList, Strip

View: TypeAlias = PaymentView | OrderView | RefundView
MoneyRoute: TypeAlias = PaymentRoute | OrderRoute | RefundRoute
_SIDE_ROOM = 900  # px at text size 1 below which the facts beside the tabs go


class MoneyPage(Page):
    """The order of its parts never changes, also for a healthy record. Subclasses name their kind, tabs and verbs,
    and fill the parts from their view.
    """

    kind: ClassVar[str] = ""
    lists: ClassVar[tuple[str, ...]] = ()
    verb_names: ClassVar[tuple[str, ...]] = ()
    has_strips: ClassVar[bool] = True
    place = "lookup"
    help_key = "help.payment"

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.route: MoneyRoute | None = None
        self.view: View | None = None
        self.acts = MoneyActs(seat, self)
        self.evidence = evidence_acts.EvidenceActs(seat, self.acts, self._act_by_key)
        self.beside = beside_acts.BesideActs(seat, self.acts, self._act_by_key)
        self.head = RecordHead(seat)
        self.strip = Strip((), seat.say("record.sides"))
        labels = tuple(seat.say(f"record.label.{name}") for name in ("verdict", "why", "next", "you_can"))
        self.form = FactForm(labels)  # type: ignore[arg-type]  # four of them
        self.money = MoneyPanel(seat.say("money.strip"))
        self.tabs = MoneyTabs(seat, self.lists)
        self.verbs = RecordActions(seat, self.verb_names)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.aside = QScrollArea()
        self.aside.setWidgetResizable(True)
        self.aside.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.aside.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.aside.setFixedWidth(tokens().px("layout", "preview_width"))
        middle = row(self.tabs, self.aside, gap=0)
        middle.setStretch(0, 1)
        self.add(self.head)
        self.add(self.strip)
        self.add_bars()
        self.add(self.form)
        self.add(self.money)
        self.add(middle, 1)
        self.add(self.verbs.bar)
        self.strip.setVisible(self.has_strips)
        self.money.setVisible(self.has_strips)

    def _connect(self) -> None:
        self.head.stepped.connect(self._step)
        self.head.copied.connect(self.acts.tell_copied)
        self.head.company_wanted.connect(self._open_company)
        self.tabs.case_wanted.connect(self._open_case)
        self.verbs.wanted.connect(self._act)
        for keys, name in (("P", "probe"), ("R", "refund"), ("E", "resolve"), ("M", "move_order"), ("A", "approve"),
                           ("D", "reject"), ("W", "withdraw"), ("O", "open_payment")):  # fmt: skip
            if name in self.verb_names:
                self.key(keys, partial(self._act_by_key, name))
        self.key("[", partial(self._step, -1))
        self.key("]", partial(self._step, 1))
        self.key("Ctrl+C", self._copy)
        self.key("Ctrl+Shift+C", self._copy_summary)
        for signal in (self.seat.reach_changed, self.seat.people_changed, self.seat.person_changed):
            signal.connect(self._look_at_verbs)

    # -- what a subclass says

    def ask(self, desk: Desk, id: int) -> View:
        """Read the record, in a worker thread."""
        raise AssertionError(self.kind)

    def fill(self, view: View) -> None:
        """Show what is this kind's own."""

    def helpful(self, view: View) -> tuple[str, ...]:
        """What helps most in this state, the best first."""
        return ()

    def act(self, name: str) -> None:
        """Do what a button says."""

    # -- reading

    def enter(self, route: object) -> None:
        if not isinstance(route, PaymentRoute | OrderRoute | RefundRoute):
            return
        other = self.route is None or route.id != self.route.id
        self.route, self.place = route, route.place
        if other:
            self.view = None
            for name in self.bar_names():
                self.hide_bar(name)
            self.head.show_reading(self.seat.say(f"kind.{self.kind}"), str(route.id))
        self.head.show_place(route)
        self.refresh("entered")

    def entered(self) -> None:
        self.tabs.focus_content()

    @property
    def id(self) -> int:
        return self.route.id if self.route is not None else 0

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return (self.kind, self.id) in changes or bool(self.related() & changes)

    def related(self) -> frozenset[tuple[str, int]]:
        """Other records that are shown here."""
        return frozenset()

    def read(self, reason: str) -> None:
        wanted = self.id
        if not wanted:
            return
        self.seat.read(
            lambda desk: self.ask(desk, wanted),
            lambda view: self._take(wanted, view),
            lambda failure: self._refused(wanted, failure),
            owner=self,
            key=(self.kind, "show", wanted),
        )

    def _take(self, wanted: int, view: View) -> None:
        before = self.view
        if wanted != self.id or (before is not None and before.record.version > view.record.version):
            return  # two answers for one record: the newer version wins, whatever order they arrive in
        self.reading_done()
        self._tell_change(before, view)
        self.view = view
        if before is None:
            self.seat.visited(view.record)
        self._show(view)

    def _refused(self, wanted: int, failure: Failure) -> None:
        if wanted == self.id:
            self.reading_failed(failure)

    # -- showing

    def _show(self, view: View) -> None:
        seat, record = self.seat, view.record
        self.head.show_reading(case_words.title(record, seat), self.plain(view))
        self.fill(view)
        shape, tone = case_words.verdict_look(view.explanation)
        self.form.show_facts(*record_words.explained(view.explanation, seat), shape=shape, tone=tone)
        self._look_at_verbs()
        self._show_holder(view.holder if not isinstance(view, OrderView) else None)
        self.beside.show_taken(view.taken)
        self._order()

    def plain(self, view: View) -> str:
        """What is copied of its name."""
        return str(view.record.id)

    def badges(self, view: View) -> tuple[str, ...]:
        """The keys of the three badges; old information counts where nothing worse is known."""
        record, now = view.record, self.seat.now()
        certainty = case_words.certainty_key(record, now)
        if not isinstance(view, OrderView) and certainty == "certainty.known":
            if any(side.differs for side in view.sides):
                certainty = "certainty.sides_disagree"
            elif any(side.old for side in view.sides):
                certainty = "certainty.old"
        awaiting = not isinstance(view, OrderView) and view.awaiting
        work = f"work.{case_words.AWAITING}" if awaiting else case_words.work_key(record)
        return case_words.state_key(record), certainty, work

    def show_aside(self, *blocks: tuple[str, FactList]) -> None:
        """Facts in short beside the tabs, in titled blocks."""
        content = Surface(raised=True, edge="left")
        parts = [column(Words(title, "panel_title", "muted"), facts, gap=8) for title, facts in blocks]
        content.setLayout(column(*parts, None, gap=16, margins=(16, 12, 16, 12)))
        self.aside.setWidget(content)

    @Slot()
    def _look_at_verbs(self) -> None:
        if self.view is not None:
            self.verbs.show_actions(self.view, self.form, self.helpful(self.view))

    def _order(self) -> None:
        """Tab goes from the title over the strips and tabs to the content and the actions."""
        tools = [one for panel in self.strip.panels for one in panel.findChildren(PaintedButton)]
        in_order(
            *self.head.stops, *tools, *self.form.findChildren(KeyButton), *self.tabs.stops,
            *self.verbs.bar.findChildren(KeyButton),
        )  # fmt: skip

    def _show_holder(self, holder: LeaseHolder | None) -> None:
        if holder is None:
            self.hide_bar("holder")
        elif "holder" not in self.bar_names():
            told = self.seat.say("record.working", holder=holder, since=holder.since)
            self.show_bar("holder", Bar(self.seat.say("record.working_lead"), told, tone="progress", shape="person"))

    def _tell_change(self, before: View | None, view: View) -> None:
        """Somebody else changed it: who, and what."""
        if before is None or len(view.timeline) <= len(before.timeline):
            return
        last = next((entry for entry in reversed(view.timeline) if not entry.what.endswith("opened")), None)
        if last is None or last.who == self.seat.operator:
            return
        words = wording.timeline_line(last, self.seat.language)
        text = self.seat.say("case.changed_by", who=record_words.who(last.who, self.seat), at=last.at, what=words)
        close = KeyButton(self.seat.say("action.close"), kind="inline")
        close.clicked.connect(self._hide_changed)
        lead = self.seat.say("record.changed_lead")
        self.show_bar("changed", Bar(lead, text, tone="care", shape="person", button=close))

    @Slot()
    def _hide_changed(self) -> None:
        self.hide_bar("changed")
        self.tabs.focus_content()

    # -- going

    def _step(self, step: int) -> None:
        route = stepped(self.route, step) if self.route is not None else None
        if route is not None:
            self.seat.replaced.emit(route)

    @Slot(object)
    def _open_case(self, record: Case) -> None:
        self.seat.go(case_words.route_of(record, (), self.place))

    @Slot()
    def _open_company(self) -> None:
        number = self.number()
        if number:
            self.seat.go(LookupRoute(wording.format_number(number)))

    def number(self) -> str:
        """The corporation number of what is shown; "" without one."""
        return case_words.number_of(self.view.record) if self.view is not None else ""

    # -- acting

    def _act_by_key(self, name: str) -> None:
        """A key does what its button would: nothing while that is off."""
        button = self.verbs.button(name)
        if button is not None and button.isEnabled():
            self._act(name)

    @Slot(str)
    def _act(self, name: str) -> None:
        if self.view is None or not any(some.act(name, self.kind, self.id) for some in (self.evidence, self.beside)):
            self.act(name)

    @Slot()
    def _copy(self) -> None:
        if self.view is not None:
            self.acts.copy(self.plain(self.view))

    @Slot()
    def _copy_summary(self) -> None:
        if self.view is not None:
            self.acts.copy_line(self.view.record)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.has_strips and (around := self.parentWidget()) is not None:
            self.strip.fit(around.width())
        self.aside.setVisible(self.width() >= _SIDE_ROOM * look().scale)


def copyable(seat: Seat, acts: MoneyActs, name: str, text: str | None) -> QWidget | None:
    """A long identifier by its ends, whole when it is copied."""
    if not text:
        return None
    shown = CopyableId(case_words.shortened(text), text, name, copy_word=seat.say("action.copy"))
    shown.copied.connect(acts.tell_copied)
    return shown


def fact_list(*facts: tuple[str, str | QWidget | None]) -> FactList:
    """Label and value; what isn't known is –."""
    shown = FactList()
    for label, value in facts:
        words = value or wording.NOTHING
        shown.add(label, words if isinstance(words, QWidget) else Words(words, wrap=True, selectable=True))
    return shown
