"""The list of refund requests as cards, in three groups: the requests that the acting person can decide, the person's
own requests, and those that only others can decide.
"""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from console.domain.payments.records import Refund
from console.domain.payments.service_results import ApprovalInbox
from console.domain.permissions import is_same_person
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import baseline_in, draw_runs, elide_runs, runs_width, split_runs
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row, set_property
from console.views.widgets.buttons import PaintedButton
from console.wording import catalogue as wording

_PAD_PX = 20
_VISIBLE_CARD_COUNT = 2.5
_MAX_WIDGET_PX = (1 << 24) - 1  # Qt's maximum size: no limit


class RequestCard(PaintedButton):
    """A card that shows one refund request: title, amount, maker, age and a remark. Pressing the card opens the
    request.
    """

    focus_ring = 0

    def __init__(self, refund: Refund, context: WindowContext) -> None:
        super().__init__("")
        self.is_current = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.show_refund(refund, context)

    def show_refund(self, refund: Refund, context: WindowContext) -> None:
        """Show a newer version of the refund on this card; the card keeps its position in the list."""
        self.refund = refund
        self._name = case_words.title(refund, context)
        self._amount = case_words.amount_text(refund)
        self._maker = context.translate("approvals.by", maker=refund.maker)
        self._age = context.age_text(refund.created_at) if refund.created_at else ""
        self._remark = card_remark(refund, context, context.now())
        parts = (self._name, self._amount, self._maker, self._age, self._remark)
        self.setAccessibleName(", ".join(part for part in parts if part))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 3 * current_appearance().line_height("body") + 18)

    def mark_current(self, *, is_current: bool) -> None:
        self.is_current = is_current
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), current_appearance().colour
        painter.fillRect(box, colour("selected" if self.is_current else "hover" if self.underMouse() else "base"))
        painter.fillRect(QRectF(0, box.bottom() - 1, box.width(), 1), colour("line"))
        if self.is_current:
            painter.fillRect(QRectF(0, 0, tokens().px("borders", "selection_mark"), box.height()), colour("accent"))
        line = current_appearance().line_height("body")
        lines = ((self._name, self._amount, True), (self._maker, self._age, False), (self._remark, "", False))
        for place, (text, figure, strong) in enumerate(lines):
            self._paint_line(painter, 8 + place * line, line, text, figure, is_bold=strong)
        if self.hasFocus():
            draw_frame(painter, box, 0, colour("focus"), None, 2)

    def _paint_line(
        self, painter: QPainter, top: float, height_px: float, text: str, figure: str, *, is_bold: bool
    ) -> None:
        baseline, colour = top + baseline_in(0, height_px), current_appearance().colour
        runs = split_runs(figure)
        width_px = runs_width(runs)
        painter.setPen(colour("text" if is_bold else "muted"))
        draw_runs(painter, self.width() - _PAD_PX - width_px, baseline, runs)
        draw_runs(painter, _PAD_PX, baseline, elide_runs(split_runs(text), self.width() - 2 * _PAD_PX - width_px - 8))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.updateGeometry()


class ApprovalList(Surface):
    """The list of refund requests as cards. The arrow keys move the focus; Enter or a click opens a card.

    Signals:
    - refund_chosen(int): the person opens the refund with this id.
    """

    refund_chosen = Signal(int)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="right")
        self._context = context
        self.cards: list[RequestCard] = []
        self._current = 0
        self._groups_and_ids: list[tuple[str, int]] = []
        self._held_back_inbox: ApprovalInbox | None = None
        self.setAccessibleName(context.translate("screen.approvals"))
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.count = TextLabel("", "data", "muted")
        head = Surface(edge="bottom")
        head.setLayout(
            make_row(
                TextLabel(context.translate("screen.approvals"), "title"), self.count, None, margins=(24, 12, 16, 12)
            )
        )
        self.setLayout(make_column(head, self._area, gap=0, margins=(0, 0, 1, 1)))

        self.set_layout(side_by_side=True)

    def set_layout(self, *, side_by_side: bool) -> None:
        """Arrange the list for its place beside the request, or for its place above the request: there it has the
        whole width and the height of `_VISIBLE_CARD_COUNT` cards.
        """
        width_px = round(tokens().px("layout", "approval_list") * min(current_appearance().scale, 1.3))
        height_px = round(_VISIBLE_CARD_COUNT * (3 * current_appearance().line_height("body") + 18))
        set_property(self, "edge", "right" if side_by_side else "bottom")
        self.setMinimumWidth(width_px if side_by_side else 0)
        self.setMaximumWidth(width_px if side_by_side else _MAX_WIDGET_PX)
        self.setMinimumHeight(0 if side_by_side else height_px)
        self.setMaximumHeight(_MAX_WIDGET_PX if side_by_side else height_px)

    def show_inbox(self, inbox: ApprovalInbox, *, is_automatic: bool = False) -> None:
        """Show the requests as cards: first those that the acting person can decide, then the person's own, then
        those that only others can decide.

        `is_automatic` is True if the person did not ask for the update. Then, while the mouse pointer is over the
        list, the texts of the cards are updated, but cards are added or removed only after the pointer has left the
        list.
        """
        self._held_back_inbox = None
        groups = self._groups(inbox)
        self.count.show_text(wording.format_count(len(inbox.to_decide)))
        groups_and_ids = [(name, refund.id) for name, refunds in groups for refund in refunds]
        if groups_and_ids == self._groups_and_ids or (is_automatic and self.underMouse()):
            self._update_cards([refund for _, refunds in groups for refund in refunds])
            self._held_back_inbox = None if groups_and_ids == self._groups_and_ids else inbox
            return
        self._groups_and_ids = groups_and_ids
        self._build_cards(groups)

    def _groups(self, inbox: ApprovalInbox) -> Sequence[tuple[str, Sequence[Refund]]]:
        me = self._context.operator or ""
        own_refunds = [refund for refund in inbox.others if is_same_person(refund.maker, me)]
        other_refunds = [refund for refund in inbox.others if refund not in own_refunds]
        return ("mine", inbox.to_decide), ("own", own_refunds), ("others", other_refunds)

    def _update_cards(self, refunds: Sequence[Refund]) -> None:
        by_id = {refund.id: refund for refund in refunds}
        for card in self.cards:
            card.show_refund(by_id.get(card.refund.id, card.refund), self._context)

    def _build_cards(self, groups: Sequence[tuple[str, Sequence[Refund]]]) -> None:
        focused = next((card.refund.id for card in self.cards if card.hasFocus()), 0)
        content, box = QWidget(), QVBoxLayout()
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.cards = []
        for name, refunds in groups:
            if refunds:
                self._add_group(box, self._context.translate(f"approvals.group.{name}"), refunds)
        box.addStretch(1)
        content.setLayout(box)
        self._area.setWidget(content)
        self.mark_current(self._current)
        focused_card = next((card for card in self.cards if card.refund.id == focused), None)
        if focused_card is not None:
            focused_card.setFocus()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._held_back_inbox is not None:
            self.show_inbox(self._held_back_inbox)

    def _add_group(self, box: QVBoxLayout, title: str, refunds: Sequence[Refund]) -> None:
        head = Surface(raised=True, edge="bottom")
        head.setLayout(make_row(TextLabel(title, "small", "muted", wrap=True), margins=(24, 5, 16, 5)))
        box.addWidget(head)
        for refund in refunds:
            card = RequestCard(refund, self._context)
            card.clicked.connect(self._choose_sender)
            self.cards.append(card)
            box.addWidget(card)

    def mark_current(self, id: int) -> None:
        self._current = id
        for card in self.cards:
            card.mark_current(is_current=card.refund.id == id)

    @property
    def first_id(self) -> int:
        """The refund id of the first card; 0 if there are no cards. The first cards are the requests that the acting
        person can decide.
        """
        return self.cards[0].refund.id if self.cards else 0

    @Slot()
    def _choose_sender(self) -> None:
        card = self.sender()
        if isinstance(card, RequestCard):
            self.refund_chosen.emit(card.refund.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        focused = [place for place, card in enumerate(self.cards) if card.hasFocus()]
        if step and focused and 0 <= focused[0] + step < len(self.cards):
            card = self.cards[focused[0] + step]
            card.setFocus(Qt.FocusReason.TabFocusReason)
            self._area.ensureWidgetVisible(card)
        else:
            super().keyPressEvent(event)


def card_remark(refund: Refund, context: WindowContext, now: datetime) -> str:
    """Return the remark on the card of a refund: the checkers who have approved it already, else the end of its
    cooling-off period, else the maker's reason; "" if there is none of these.
    """
    if refund.checkers:
        return context.translate("approvals.half", checkers=refund.checkers)
    if refund.sends_after is not None and refund.sends_after > now:
        return context.translate("approvals.cooling_off", at=refund.sends_after)
    return context.translate("approvals.reason", reason=refund.reason) if refund.reason else ""
