"""The approvals inbox: who asks for which refund, and the view in which another person decides."""

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QStackedWidget, QWidget

from console import wording
from console.domain.payment_records import RefundState
from console.domain.payment_results import ApprovalInbox, RefundView
from console.domain.permissions import same_person
from console.views import case_words
from console.views.look.theme import look
from console.views.pages.approval_list import ApprovalList
from console.views.pages.approval_view import ApprovalView, badges, title
from console.views.pages.money_acts import MoneyActs
from console.views.pages.page import Page, in_order
from console.views.routes import ApprovalsRoute, QueuesRoute, route_to
from console.views.seat import Seat
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.empty import EmptyState
from console.views.widgets.flow import flowing

_LOOK_MS = 15_000
_BESIDE = 900  # px at text size 1
_UNSENT = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


class ApprovalsPage(Page):
    """Left the requests, right the one being looked at. Approving is off until all of it was shown and is fresh."""

    place = "approvals"
    help_key = "help.approvals"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("P",), "key.probe"),
        (("A",), "key.approve"),
        (("D",), "key.decline"),
        (("W",), "key.withdraw"),
        (("F1",), "key.help"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.acts = MoneyActs(seat, self, in_bar=True)
        self.inbox = ApprovalInbox((), ())
        self.id = 0
        self.list, self.view = ApprovalList(seat), ApprovalView(seat)
        self._make_head()
        self._make_foot()
        self._build()
        self._connect()

    # -- building

    def _make_head(self) -> None:
        self.title = Words("", "title", wrap=True)
        self.whose = Words("", "body", wrap=True)
        self._badges = flowing(gap=8)

    def _make_foot(self) -> None:
        say = self.seat.say
        self.decline = KeyButton(say("action.reject"), "D", "danger", binds=False)
        self.approve = KeyButton(say("action.approve"), "A", "primary", binds=False)
        self.withdraw = KeyButton(say("action.withdraw"), "W", binds=False)
        self.reads = Words("", "small", "muted", wrap=True)
        self.why_not = Words("", "small", "text", wrap=True)
        self.why_not.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _build(self) -> None:
        head = Surface(edge="bottom")
        self._first = row(self.title, gap=12)
        self._first.addWidget(self._badges)
        self._first.setStretch(0, 1)
        head.setLayout(column(self._first, self.whose, gap=2, margins=(24, 12, 24, 10)))
        self.foot = Surface(raised=True, edge="top")
        parts = (self.decline, self.withdraw, self.reads, self.why_not, self.approve)
        foot = row(*parts, gap=12, margins=(24, 8, 24, 8))
        foot.setStretch(2, 2)
        foot.setStretch(3, 3)
        self.foot.setLayout(foot)
        self.whole = QWidget()
        self.whole.setLayout(column(head, self.view, self.foot, gap=0))
        self.content = QStackedWidget()
        self.empty = QWidget()
        self.content.addWidget(self.empty)
        self.content.addWidget(self.whole)
        right = QWidget()
        bars = column(gap=0)
        bars.addLayout(self._bars)
        bars.addWidget(self.content, 1)
        right.setLayout(bars)
        self._middle = row(self.list, right, gap=0)
        self._middle.setStretch(1, 1)
        self.add(self._middle, 1)
        self.add_hints()

    def _connect(self) -> None:
        self.list.wanted.connect(self.show_refund)
        self.view.seen.connect(self._look)
        self.view.probed.connect(self.probe)
        self.view.case_wanted.connect(self._open_case)
        for key, button, act in (("D", self.decline, self.decide_no), ("A", self.approve, self.decide_yes),
                                 ("W", self.withdraw, self.take_back)):  # fmt: skip
            button.clicked.connect(act)
            self.key(key, button.click)
        self.key("P", self.probe)
        self.key("Ctrl+C", self._copy)
        for signal in (self.seat.people_changed, self.seat.person_changed, self.seat.reach_changed):
            signal.connect(self._look)
        self._timer = QTimer(self, interval=_LOOK_MS)  # facts grow old while somebody reads
        self._timer.timeout.connect(self._grow_old)
        self._timer.start()

    # -- reading

    def enter(self, route: object) -> None:
        if isinstance(route, ApprovalsRoute):
            self.id = route.id or self.id
            self.refresh("entered")

    def entered(self) -> None:
        """On the record, not on a button."""
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("refund", "payment", "order") for kind, _ in changes)

    def read(self, reason: str) -> None:
        self.seat.read(
            lambda desk: desk.refunds.inbox(), lambda inbox: self._take_inbox(inbox, still=reason == "changed"),
            self.reading_failed, owner=self, key="inbox",
        )  # fmt: skip
        if self.id:
            self._read_refund(self.id)

    def _take_inbox(self, inbox: ApprovalInbox, *, still: bool = False) -> None:
        self.reading_done()
        self.inbox = inbox
        self.list.show_inbox(inbox, still=still)
        if not self.id and self.list.first:
            self.show_refund(self.list.first)
        elif not self.id:
            self._show_empty()
        mine, others = len(inbox.mine_to_decide), len(inbox.others)
        self.hint_bar.count.say(self.seat.say("approvals.count", n=mine, others=others))

    def _show_empty(self) -> None:
        say, others = self.seat.say, len(self.inbox.others)
        words = say("approvals.empty_others", n=others) if others else say("approvals.empty_hint")
        button = KeyButton(say("action.open_queue"))
        button.clicked.connect(self._open_queue)
        shown = EmptyState(say("approvals.empty"), words, shape="check", button=button)
        self.content.removeWidget(self.empty)
        self.empty.deleteLater()
        self.empty = shown
        self.content.addWidget(shown)
        self.content.setCurrentWidget(shown)

    @Slot(int)
    def show_refund(self, id: int) -> None:
        """Look at that request."""
        self.id = id
        self.list.show_current(id)
        self.hide_bar("act")
        self._read_refund(id)

    def _read_refund(self, id: int) -> None:
        self.seat.read(
            lambda desk: desk.refunds.show(id), lambda view: self._take(id, view), self.reading_failed, owner=self,
            key=("refund", "show", id),
        )  # fmt: skip

    def _take(self, id: int, view: RefundView) -> None:
        if id != self.id:
            return
        self.reading_done()
        if view.record.state not in _UNSENT:
            self._leave(id)
            return
        first = self.content.currentWidget() is not self.whole
        self.view.show_view(view)
        self._show_head(view)
        self.list.show_current(id)
        self.content.setCurrentWidget(self.whole)
        if first:
            self.entered()
        buttons = (self.decline, self.withdraw, self.approve)
        in_order(*self.list.cards, self.view, *self.view.findChildren(KeyButton), *buttons)
        self._look()

    def _leave(self, id: int) -> None:
        """Nothing is left to decide about it here: the next one that waits, or nothing."""
        self.id, self.view.view = 0, None
        waiting = (one.id for one in (*self.inbox.mine_to_decide, *self.inbox.others))
        following = next((one for one in waiting if one != id), 0)
        if following:
            self.show_refund(following)
        else:
            self._show_empty()

    def _show_head(self, view: RefundView) -> None:
        seat, payment = self.seat, view.payment
        self.title.say(title(view, seat))
        self.whose.say(
            seat.say(
                "approvals.whose", number=payment.merchant_payment_id, corporation=payment.corporation_number,
                amount=wording.format_amount(payment.captured_minor, payment.currency),
                provider=case_words.provider_word(payment.provider, seat), maker=view.record.maker,
                at=view.record.created_at, age=seat.age(view.record.created_at) if view.record.created_at else None,
            )
        )  # fmt: skip
        before, self._badges = self._badges, flowing(*badges(view, seat), gap=8)
        self._first.replaceWidget(before, self._badges)
        before.hide()
        before.deleteLater()

    # -- what may be pressed

    @Slot()
    def _grow_old(self) -> None:
        """Time has passed: a fact may be too old by now, and says so at its place."""
        view = self.view.view
        if view is not None and self.isVisible() and self.approve.isEnabled() and self.view.stale_fact(view):
            self.view.show_view(view)
        self._look()

    @Slot()
    def _look(self) -> None:
        view = self.view.view
        if view is None:
            return
        own = self.own(view)
        undecided = view.record.state is RefundState.REQUESTED
        self.decline.setVisible(not own and undecided)
        self.approve.setVisible(not own and view.record.state in _UNSENT)
        self.withdraw.setVisible(own and view.record.state in _UNSENT)
        maker = view.record.maker
        self.reads.say(self.seat.say("approvals.own") if own else self.seat.say("approvals.maker_reads", maker=maker))
        self.reads.setVisible(own or undecided)
        for button, why_not in ((self.decline, self._why_not(view, "reject")),
                                (self.approve, self.why_not_approve(view))):  # fmt: skip
            if why_not:
                button.set_off(why_not)
            else:
                button.set_on()
        self.why_not.say("" if own or self.approve.isHidden() else self.approve.reason)

    def own(self, view: RefundView) -> bool:
        """Whether the reader asked for it: then there is nothing to decide, only to take back."""
        return same_person(view.record.maker, self.seat.operator or "")

    def _why_not(self, view: RefundView, name: str) -> str:
        """The service's reason, or the reader's missing right."""
        lacking = self.seat.why_not("refund_approve")
        if lacking:
            return lacking
        action = next((one for one in view.actions if one.action == name), None)
        if action is None or action.allowed:
            return ""
        return self.seat.say(action.reason or "reason.role", **action.facts)

    def why_not_approve(self, view: RefundView) -> str:
        """Approving needs every fact fresh and all of the view shown."""
        refused = self._why_not(view, "approve")
        if refused:
            return refused
        if self.view.stale_fact(view):
            return self.seat.say("approvals.off_old")
        return "" if self.view.seen_whole else self.seat.say("approvals.off_unread")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room side by side, the badges go below the title, and the view below the list."""
        super().resizeEvent(event)
        beside = self.width() >= _BESIDE * look().scale
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        for box in (self._first, self._middle):
            box.setDirection(across if beside else down)
        for part in (self.list, self.view):
            part.lie(beside=beside)

    # -- acting

    @Slot()
    def probe(self) -> None:
        """The provider's present answer about the payment."""
        if self.view.view is not None:
            self.acts.probe_case(self.view.view.payment)

    @Slot()
    def decide_yes(self) -> None:
        if self.view.view is not None and self.approve.isEnabled():
            self.acts.approve(self.view.view)

    @Slot()
    def decide_no(self) -> None:
        if self.view.view is not None and self.decline.isEnabled():
            self.acts.reject(self.view.view)

    @Slot()
    def take_back(self) -> None:
        if self.view.view is not None and self.withdraw.isEnabled():
            self.acts.withdraw(self.view.view)

    @Slot(str, int)
    def _open_case(self, kind: str, id: int) -> None:
        self.seat.go(route_to(kind, id, (), "approvals"))

    @Slot()
    def _open_queue(self) -> None:
        self.seat.go(QueuesRoute("refunds"))

    @Slot()
    def _copy(self) -> None:
        if self.view.view is not None:
            self.acts.copy(self.view.view.payment.merchant_payment_id)
