"""The list beside the approval view: refunds to decide, then those of others and one's own, as cards."""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from console import wording
from console.domain.order_records import Refund
from console.domain.payment_results import ApprovalInbox
from console.domain.permissions import same_person
from console.views import case_words
from console.views.look.painting import draw_frame
from console.views.look.runs import baseline_in, draw_runs, elided, runs_width, split_runs
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.seat import Seat
from console.views.widgets.base import Surface, Words, column, row, set_property
from console.views.widgets.buttons import PaintedButton

_PAD = 20
_CARDS_ABOVE = 2.5
_ANY = (1 << 24) - 1  # as wide or high as there is room, in Qt's words


class RequestCard(PaintedButton):
    """One request: what it is called and its sum, whose it is and its age, a word on what stands against it."""

    focus_ring = 0

    def __init__(self, refund: Refund, seat: Seat) -> None:
        super().__init__("")
        self.current = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.show_refund(refund, seat)

    def show_refund(self, refund: Refund, seat: Seat) -> None:
        """As it stands now, in the same place."""
        self.refund = refund
        self._name = case_words.title(refund, seat)
        self._amount = case_words.amount(refund)
        self._maker = seat.say("approvals.by", maker=refund.maker)
        self._age = seat.age(refund.created_at) if refund.created_at else ""
        self._note = note(refund, seat, seat.now())
        parts = (self._name, self._amount, self._maker, self._age, self._note)
        self.setAccessibleName(", ".join(part for part in parts if part))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 3 * look().line("body") + 18)

    def show_current(self, *, on: bool) -> None:
        self.current = on
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), look().colour
        painter.fillRect(box, colour("selected" if self.current else "hover" if self.underMouse() else "base"))
        painter.fillRect(QRectF(0, box.bottom() - 1, box.width(), 1), colour("line"))
        if self.current:
            painter.fillRect(QRectF(0, 0, tokens().px("borders", "selection_mark"), box.height()), colour("accent"))
        line = look().line("body")
        lines = ((self._name, self._amount, True), (self._maker, self._age, False), (self._note, "", False))
        for place, (left, right, strong) in enumerate(lines):
            self._line(painter, 8 + place * line, line, left, right, strong=strong)
        if self.hasFocus():
            draw_frame(painter, box, 0, colour("focus"), None, 2)

    def _line(self, painter: QPainter, top: float, high: float, left: str, right: str, *, strong: bool) -> None:
        baseline, colour = top + baseline_in(0, high), look().colour
        runs = split_runs(right)
        wide = runs_width(runs)
        painter.setPen(colour("text" if strong else "muted"))
        draw_runs(painter, self.width() - _PAD - wide, baseline, runs)
        draw_runs(painter, _PAD, baseline, split_runs(elided(left, self.width() - 2 * _PAD - wide - 8)))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.updateGeometry()


class ApprovalList(Surface):
    """Up and down walk along all cards; Enter or a click shows one.

    Signals:
        wanted(int): show that refund.
    """

    wanted = Signal(int)

    def __init__(self, seat: Seat) -> None:
        super().__init__(edge="right")
        self._seat = seat
        self.cards: list[RequestCard] = []
        self._current = 0
        self._shown: list[tuple[str, int]] = []
        self._waiting: ApprovalInbox | None = None
        self.setAccessibleName(seat.say("screen.approvals"))
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.count = Words("", "data", "muted")
        head = Surface(edge="bottom")
        head.setLayout(row(Words(seat.say("screen.approvals"), "title"), self.count, None, margins=(24, 12, 16, 12)))
        self.setLayout(column(head, self._area, gap=0, margins=(0, 0, 1, 1)))

        self.lie(beside=True)

    def lie(self, *, beside: bool) -> None:
        """Beside what is looked at, or above it over the whole width, some cards high."""
        wide = round(tokens().px("layout", "approval_list") * min(look().scale, 1.3))
        high = round(_CARDS_ABOVE * (3 * look().line("body") + 18))
        set_property(self, "edge", "right" if beside else "bottom")
        self.setMinimumWidth(wide if beside else 0)
        self.setMaximumWidth(wide if beside else _ANY)
        self.setMinimumHeight(0 if beside else high)
        self.setMaximumHeight(_ANY if beside else high)

    def show_inbox(self, inbox: ApprovalInbox, *, still: bool = False) -> None:
        """Those to decide, then one's own, then what waits for others. `still`: nobody asked for it; then no card
        comes or goes while the pointer is here.
        """
        self._waiting = None
        groups = self._groups(inbox)
        self.count.say(wording.format_count(len(inbox.mine_to_decide)))
        shown = [(name, refund.id) for name, refunds in groups for refund in refunds]
        if shown == self._shown or (still and self.underMouse()):
            self._renew([refund for _, refunds in groups for refund in refunds])
            self._waiting = None if shown == self._shown else inbox
            return
        self._shown = shown
        self._build(groups)

    def _groups(self, inbox: ApprovalInbox) -> Sequence[tuple[str, Sequence[Refund]]]:
        me = self._seat.operator or ""
        own = [refund for refund in inbox.others if same_person(refund.maker, me)]
        others = [refund for refund in inbox.others if refund not in own]
        return ("mine", inbox.mine_to_decide), ("own", own), ("others", others)

    def _renew(self, refunds: Sequence[Refund]) -> None:
        here = {refund.id: refund for refund in refunds}
        for card in self.cards:
            card.show_refund(here.get(card.refund.id, card.refund), self._seat)

    def _build(self, groups: Sequence[tuple[str, Sequence[Refund]]]) -> None:
        focused = next((card.refund.id for card in self.cards if card.hasFocus()), 0)
        content, box = QWidget(), QVBoxLayout()
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.cards = []
        for name, refunds in groups:
            if refunds:
                self._add_group(box, self._seat.say(f"approvals.group.{name}"), refunds)
        box.addStretch(1)
        content.setLayout(box)
        self._area.setWidget(content)
        self.show_current(self._current)
        again = next((card for card in self.cards if card.refund.id == focused), None)
        if again is not None:
            again.setFocus()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._waiting is not None:
            self.show_inbox(self._waiting)

    def _add_group(self, box: QVBoxLayout, title: str, refunds: Sequence[Refund]) -> None:
        head = Surface(raised=True, edge="bottom")
        head.setLayout(row(Words(title, "small", "muted", wrap=True), margins=(24, 5, 16, 5)))
        box.addWidget(head)
        for refund in refunds:
            card = RequestCard(refund, self._seat)
            card.clicked.connect(self._pressed)
            self.cards.append(card)
            box.addWidget(card)

    def show_current(self, id: int) -> None:
        self._current = id
        for card in self.cards:
            card.show_current(on=card.refund.id == id)

    @property
    def first(self) -> int:
        """The first one to decide, or simply the first; 0 when there is none."""
        return self.cards[0].refund.id if self.cards else 0

    @Slot()
    def _pressed(self) -> None:
        card = self.sender()
        if isinstance(card, RequestCard):
            self.wanted.emit(card.refund.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        here = [place for place, card in enumerate(self.cards) if card.hasFocus()]
        if step and here and 0 <= here[0] + step < len(self.cards):
            card = self.cards[here[0] + step]
            card.setFocus(Qt.FocusReason.TabFocusReason)
            self._area.ensureWidgetVisible(card)
        else:
            super().keyPressEvent(event)


def note(refund: Refund, seat: Seat, now: datetime) -> str:
    """What one should know of a request before opening it."""
    if refund.checkers:
        return seat.say("approvals.half", checkers=refund.checkers)
    if refund.sends_after is not None and refund.sends_after > now:
        return seat.say("approvals.cooling_off", at=refund.sends_after)
    return seat.say("approvals.reason", reason=refund.reason) if refund.reason else ""
