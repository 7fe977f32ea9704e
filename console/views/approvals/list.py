"""The list of refund requests and proposed outcomes at the left of the approvals page. The focused card is always the
selected one, and the page shows the request or proposal of this card. The cards are in four groups: requests that the
acting person can decide, proposals that the person can confirm, the person's own requests, and the requests and
proposals that only other people can decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.payments.records import Refund
from console.domain.payments.service_results import ApprovalInbox, RefundRequestSummary
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import PROPOSAL_CARD_KIND, ApprovalCard, make_proposal_card, make_refund_card
from console.views.help.command_keys import EXPORT_SHORTCUT
from console.views.pages.base import compute_side_panel_width
from console.views.runtime.context import WindowContext
from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.runtime.routes import RecordRef
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    measure_font_runs,
    split_amount_font_runs,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, TitleLabel, make_column, make_row, set_style_property
from console.views.widgets.controls.buttons import IconButton
from console.wording.sentences import catalogue as wording

ModelIndex = QModelIndex | QPersistentModelIndex
CardGroup = tuple[str, tuple[ApprovalCard, ...]]
"""Name and cards of a group: `mine`, `proposals`, `own`, `others` or _DECIDED_GROUP."""
WaitingProposals = tuple[WaitingProposal, ...]
_CARD_PADDING_X_PX = 24  # texts begin below the title of the page
_CARD_PADDING_Y_PX = 9
_CARD_ICON_SIZE_PX = 14
_DECIDED_GROUP = "decided"
_UNLIMITED_WIDGET_SIZE_PX = (1 << 24) - 1  # Qt's maximum size: no limit


class _CardModel(QAbstractListModel):
    """The Qt model of the list. Each line is a card, or a text: the heading of a group of cards. A heading can't be
    selected."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: list[ApprovalCard | str] = []

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return line if isinstance(line, str) else line.format_spoken_text()
        return None

    def flags(self, index: ModelIndex) -> Qt.ItemFlag:
        if self.find_card(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def find_card(self, row: int) -> ApprovalCard | None:
        line = self.lines[row] if 0 <= row < len(self.lines) else None
        return line if isinstance(line, ApprovalCard) else None

    def show_lines(self, lines: list[ApprovalCard | str]) -> None:
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def update_lines(self, lines: list[ApprovalCard | str]) -> None:
        """Replace the texts of the lines. `lines` must have the same cards and headings as the shown lines, in the
        same order. The selected card stays selected."""
        self.lines = lines
        self.dataChanged.emit(self.index(0), self.index(len(lines) - 1))


class ApprovalCardList(RememberedCurrentItem, QListView):
    """The list widget with the cards under the headings of their groups. The keys Up, Down, Home and End select
    another card. A card's ref is the kind and id of its request or proposal.

    Signals:
    - current_changed(object): the person has selected the card with this ref.
    - detail_focus_requested: the person has pressed Enter to move into the shown request.
    - scroll_requested: the person has pressed Space to scroll the shown request.
    """

    keeps_own_height = True  # in a narrow window it shows one card; else the request below it would be out of sight
    current_changed = Signal(object)
    detail_focus_requested = Signal()
    scroll_requested = Signal()

    def __init__(self, accessible_name: str) -> None:
        super().__init__()
        self._card_model = _CardModel(self)
        self._is_replacing_lines = False
        self.setModel(self._card_model)
        self.setItemDelegate(_CardDelegate(self))
        self.setAccessibleName(accessible_name)
        self.setMouseTracking(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    # -- cards

    @property
    def cards(self) -> tuple[ApprovalCard, ...]:
        return tuple(line for line in self._card_model.lines if isinstance(line, ApprovalCard))

    def get_line(self, row: int) -> ApprovalCard | str:
        """Return the line at this position of the list: a card, or the text of a heading."""
        return self._card_model.lines[row]

    @property
    def current_ref(self) -> RecordRef | None:
        """The ref of the selected card; None if no card is selected."""
        card = self._card_model.find_card(self.currentIndex().row())
        return card.ref if card is not None else None

    def show_groups(self, groups: Sequence[tuple[str, Sequence[ApprovalCard]]]) -> None:
        """Show these groups; each is a heading and its cards. The selected card stays selected if one of the
        groups contains it."""
        lines: list[ApprovalCard | str] = []
        for heading, cards in groups:
            lines += [heading, *cards]
        if lines and _list_line_keys(lines) == _list_line_keys(self._card_model.lines):
            self._card_model.update_lines(lines)
            return
        current_ref = self.current_ref
        self._is_replacing_lines = True
        self._card_model.show_lines(lines)
        self.select_card(current_ref)
        self._is_replacing_lines = False

    def select_card(self, ref: RecordRef | None) -> None:
        """Select the card with this ref (kind and id); do nothing if `ref` is None or the list doesn't contain it."""
        for row, line in enumerate(self._card_model.lines):
            if isinstance(line, ApprovalCard) and line.ref == ref and self.currentIndex().row() != row:
                self.setCurrentIndex(self._card_model.index(row))

    @property
    def current_position(self) -> int:
        """The position of the selected card among the cards, from 1; 0 if no card is selected."""
        current_ref = self.current_ref
        return next((place for place, card in enumerate(self.cards, 1) if card.ref == current_ref), 0)

    def select_adjacent_card(self, offset: int) -> None:
        """Select the next card (`offset` 1) or the previous one (-1); do nothing if there is none."""
        position = self.current_position + offset
        if 1 <= position <= len(self.cards):
            self.select_card(self.cards[position - 1].ref)

    # -- keys and display

    def currentChanged(self, current: ModelIndex, previous: ModelIndex) -> None:
        super().currentChanged(current, previous)
        card = self._card_model.find_card(current.row())
        if card is not None and not self._is_replacing_lines:
            self.current_changed.emit(card.ref)

    def moveCursor(self, action: QListView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Return the model index of the card to which a key moves: for Home the first card, for End the last card.
        Qt's own implementation would return the heading above the first card, which can't be selected."""
        card_rows = [row for row in range(self._card_model.rowCount()) if self._card_model.find_card(row) is not None]
        rows_by_action = {
            QListView.CursorAction.MoveHome: card_rows[:1],
            QListView.CursorAction.MoveEnd: card_rows[-1:],
        }
        for row in rows_by_action.get(action, ()):
            return self._card_model.index(row)
        return super().moveCursor(action, modifiers)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.detail_focus_requested.emit()
        elif event.key() == Qt.Key.Key_Space:
            self.scroll_requested.emit()
        elif event.text() and event.text().isprintable():
            event.ignore()  # single letters are the page's shortcuts; Qt would search in the cards
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.scheduleDelayedItemsLayout()


def _list_line_keys(lines: Sequence[ApprovalCard | str]) -> list[RecordRef | str]:
    """Return the key of each line of the list: the RecordRef of a card's record, or the text of a heading."""
    return [line if isinstance(line, str) else line.ref for line in lines]


def compute_card_height_px() -> int:
    """Return the height of a card in px: three lines of text and the padding."""
    return 3 * current_appearance().line_height("body") + 2 * _CARD_PADDING_Y_PX


class _CardDelegate(QStyledItemDelegate):
    """Paints the lines of the list: cards, and headings of groups."""

    def __init__(self, list_widget: ApprovalCardList) -> None:
        super().__init__(list_widget)
        self._list_widget = list_widget

    def sizeHint(self, _option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        line = self._list_widget.get_line(index.row())
        return QSize(200, self._compute_heading_height(line) if isinstance(line, str) else compute_card_height_px())

    def _compute_heading_height(self, heading: str) -> int:
        """Return the height of a group's heading in px; its text wraps if it is wider than the list."""
        available_rect = QRectF(
            0, 0, self._list_widget.viewport().width() - 2 * _CARD_PADDING_X_PX, _UNLIMITED_WIDGET_SIZE_PX
        )
        metrics = current_appearance().font_metrics("small", is_bold=True)
        text_height_px = metrics.boundingRect(available_rect, Qt.TextFlag.TextWordWrap, heading).height()
        return max(current_appearance().row_height("group"), round(text_height_px) + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        line, box, colour = self._list_widget.get_line(index.row()), QRectF(option.rect), current_appearance().colour
        if isinstance(line, str):
            painter.fillRect(box, colour("group"))
            painter.setPen(colour("text"))
            painter.setFont(current_appearance().font("small", is_bold=True))
            flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box.adjusted(_CARD_PADDING_X_PX, 0, -_CARD_PADDING_X_PX, 0), flags, line)
        else:
            self._paint_card(painter, option, index, line)
        painter.fillRect(QRectF(box.left(), box.bottom() - 1, box.width(), 1), colour("line"))

    def _paint_card(
        self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex, card: ApprovalCard
    ) -> None:
        box, colour = QRectF(option.rect), current_appearance().colour
        is_current = index.row() == self._list_widget.currentIndex().row()
        is_hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.fillRect(box, colour("selected" if is_current else "hover" if is_hovered else "base"))
        if is_current:
            selection_mark = QRectF(box.left(), box.top(), tokens().px("borders", "selection_mark"), box.height())
            painter.fillRect(selection_mark, colour("accent"))
        line_px = current_appearance().line_height("body")
        lines: tuple[tuple[str, tuple[tuple[str, bool], ...], Tone, str], ...] = (
            (card.title, split_amount_font_runs(card.amount), "text", ""),
            (card.detail, split_font_runs(card.age), "muted", ""),
            (card.remark, (), card.tone, card.icon_name),
        )
        for line_index, (text, runs, tone, icon_name) in enumerate(lines):
            line_box = option.rect.adjusted(
                _CARD_PADDING_X_PX, _CARD_PADDING_Y_PX + line_index * line_px, -_CARD_PADDING_X_PX, 0
            )
            line_box.setHeight(line_px)
            _paint_card_line(painter, line_box, text, runs, tone, icon_name, is_bold=is_current and not line_index)
        if is_current and self._list_widget.hasFocus():
            draw_frame(painter, box, 0, colour("focus"), None, tokens().px("focus", "width"))


def _paint_card_line(
    painter: QPainter,
    box: QRect,
    text: str,
    runs: tuple[tuple[str, bool], ...],
    tone: Tone,
    icon_name: str,
    *,
    is_bold: bool,
) -> None:
    """Paint one line of a card inside `box`: at the left the icon `icon_name` ("" for none) and `text`, at the right
    an amount or an age. `tone` is the tone of the icon and of `text`. `is_bold` selects the bold font for both texts
    of the line. `runs` are the pieces of the right text, each with True if it is drawn in the font for figures."""
    baseline, colour = compute_centred_baseline(box.top(), box.height()), current_appearance().colour
    width_px, x = measure_font_runs(runs, is_bold=is_bold), float(box.left())
    painter.setPen(colour("text" if tone == "text" else "muted"))
    draw_font_runs(painter, box.right() - width_px, baseline, runs, is_bold=is_bold)
    if icon_name:
        icon_size_px = current_appearance().icon_px(_CARD_ICON_SIZE_PX)
        draw_cached_icon(
            painter, icon_name, x, box.top() + (box.height() - icon_size_px) / 2, icon_size_px, colour(tone)
        )
        x += icon_size_px + 5
    painter.setPen(colour(tone))
    available_px = box.right() - x - (width_px + 8 if runs else 0)
    draw_font_runs(
        painter, x, baseline, elide_font_runs(split_font_runs(text), available_px, is_bold=is_bold), is_bold=is_bold
    )


class ApprovalListPanel(Surface):
    """The panel with the title of the page, the number of requests and proposals that the acting person can decide,
    and the ApprovalCardList.

    Signals:
    - card_selected(object): the person has selected the request or proposal with this kind and id.
    """

    card_selected = Signal(object)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="right")
        self._context = context
        self._groups: list[CardGroup] = []
        self._summaries: Mapping[int, RefundRequestSummary] = {}
        self._held_back_inbox: tuple[ApprovalInbox, WaitingProposals] | None = None
        self.card_list = ApprovalCardList(context.translate("screen.approvals"))
        self.card_list.current_changed.connect(self.card_selected)
        self.count_label = TextLabel("", "data", "muted")
        head = Surface(edge="bottom")
        title = TitleLabel(context.translate("screen.approvals"))
        self.position_label = TextLabel("", "small_data", "muted")
        self.previous_button = IconButton("arrow_up", context.translate("action.previous"))
        self.next_button = IconButton("arrow_down", context.translate("action.next"))
        for button, step in ((self.previous_button, -1), (self.next_button, 1)):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard uses the arrow keys of the list
            button.clicked.connect(partial(self.card_list.select_adjacent_card, step))
        self._step_panel = QWidget()
        self._step_panel.setLayout(make_row(self.previous_button, self.position_label, self.next_button, gap_px=4))
        self.card_list.current_changed.connect(self._show_position)
        export_text = context.translate("action.export")
        self.export_button = IconButton("export", export_text)
        self.export_button.show_key(
            context.translate("tooltip.with_key", name=export_text, keys=EXPORT_SHORTCUT), EXPORT_SHORTCUT
        )
        head.setLayout(
            make_row(title, self.count_label, None, self._step_panel, self.export_button, margins=(24, 12, 16, 12))
        )
        self._head = head
        self.setLayout(make_column(head, self.card_list, gap_px=0, margins=(0, 0, 1, 1)))
        self.arrange_panels(is_side_by_side=True)

    @Slot()
    def _show_position(self) -> None:
        """Show the position of the selected card, such as 3 / 7. Disable the button "previous" at the first card, and
        the button "next" at the last one."""
        position, count = self.card_list.current_position, len(self.cards)
        self.position_label.show_text(f"{position or wording.NO_VALUE} / {count}")
        self.previous_button.setEnabled(position > 1)
        self.next_button.setEnabled(0 < position < count)

    def arrange_panels(self, *, is_side_by_side: bool) -> None:
        """Set the size of this panel: beside the request it has a fixed width; above the request, in a narrow
        window, it has the whole width and shows only the selected card, its position, and two buttons that select
        another card. So the whole page has one scroll bar."""
        width_px = compute_side_panel_width("approval_list", self.window())
        width_px = max(width_px, round(tokens().px("layout", "approval_list") * min(current_appearance().scale, 1.3)))
        height_px = self._head.sizeHint().height() + compute_card_height_px() + 1
        self._step_panel.setVisible(not is_side_by_side)
        self.count_label.setVisible(is_side_by_side)  # it counts fewer cards than the position, such as 1 / 9
        policies = Qt.ScrollBarPolicy
        self.card_list.setVerticalScrollBarPolicy(
            policies.ScrollBarAsNeeded if is_side_by_side else policies.ScrollBarAlwaysOff
        )
        set_style_property(self, "edge", "right" if is_side_by_side else "bottom")
        self.setMinimumWidth(width_px if is_side_by_side else 0)
        self.setMaximumWidth(width_px if is_side_by_side else _UNLIMITED_WIDGET_SIZE_PX)
        self.setMinimumHeight(0 if is_side_by_side else height_px)
        self.setMaximumHeight(_UNLIMITED_WIDGET_SIZE_PX if is_side_by_side else height_px)

    @property
    def cards(self) -> tuple[ApprovalCard, ...]:
        return self.card_list.cards

    @property
    def current_ref(self) -> RecordRef | None:
        return self.card_list.current_ref

    def select_card(self, ref: RecordRef) -> None:
        self.card_list.select_card(ref)

    def show_inbox(
        self,
        inbox: ApprovalInbox,
        proposals: WaitingProposals = (),
        *,
        summaries: Mapping[int, RefundRequestSummary] | None = None,
        is_automatic: bool = False,
    ) -> None:
        """Show the requests and proposals as cards in four groups: the requests that the acting person can decide,
        the proposals that the person can confirm, the person's own requests and proposals, and those that only other
        people can decide. A selected refund request stays in its place after its decision, under a heading which says
        that it is decided, until the person selects another card. A decided proposal disappears.

        `summaries` has, by refund id, the summaries that `read_summaries` returned for the refunds in `inbox` (for
        MAX_REFUND_SUMMARIES of them at most); None means those of the last call.
        `is_automatic` is True if the program updates the list and not the person. Then, while the mouse pointer is
        over the list, only the texts of the cards change; cards are added or removed after the pointer has left the
        list.
        """
        self._held_back_inbox = None
        self._summaries = self._summaries if summaries is None else self._add_current_summary(summaries)
        count = len(inbox.refunds_to_decide) + sum(not proposal.refusal for proposal in proposals)
        self.count_label.show_text(wording.format_count(count))
        groups = self._insert_current_card(self._make_groups(inbox, proposals))
        if is_automatic and self.underMouse() and _list_refs_by_group(groups) != _list_refs_by_group(self._groups):
            self._held_back_inbox = inbox, proposals
            newer_cards = {card.ref: card for _, cards in groups for card in cards}
            groups = [
                (name, tuple(newer_cards.get(card.ref, card) for card in cards)) for name, cards in self._groups
            ]
        self._show_groups(groups)

    def _add_current_summary(
        self, summaries: Mapping[int, RefundRequestSummary]
    ) -> Mapping[int, RefundRequestSummary]:
        """Return the newly read summaries. If the summary of the selected request isn't among them, because the
        request has been decided, add its earlier summary. So its card still shows the payment's number and the
        company."""
        kind, refund_id = self.current_ref or ("", 0)
        kept_summary = self._summaries.get(refund_id) if kind == "refund" else None
        return summaries if kept_summary is None else {refund_id: kept_summary, **summaries}

    def show_refund(self, refund: Refund) -> None:
        """Show a newer version of a refund on its card. The card of a decided refund stays in its place, under a
        heading which says that the refund is decided. If the list has no card for the refund, because it was decided
        before the list was read, add a card at the end."""
        card = make_refund_card(refund, self._context, self._summaries.get(refund.id))
        named_cards = _list_named_cards(self._groups)
        if card.ref not in (shown_card.ref for _, shown_card in named_cards):
            named_cards.append((_DECIDED_GROUP, card))
        newer_named_cards = [
            (_DECIDED_GROUP if card.is_decided else name, card) if shown_card.ref == card.ref else (name, shown_card)
            for name, shown_card in named_cards
        ]
        self._show_groups(_group_named_cards(newer_named_cards))

    def _show_groups(self, groups: list[CardGroup]) -> None:
        self._groups = groups
        headed_groups = [(self._context.translate(f"approvals.group.{name}"), cards) for name, cards in groups]
        self.card_list.show_groups(headed_groups)
        self._show_position()

    def _make_groups(self, inbox: ApprovalInbox, proposals: WaitingProposals) -> list[CardGroup]:
        own_name = self._context.operator or ""
        own_refunds = [refund for refund in inbox.other_refunds if is_same_person(refund.maker, own_name)]
        other_refunds = [refund for refund in inbox.other_refunds if refund not in own_refunds]
        own_proposals = [proposal for proposal in proposals if is_same_person(proposal.person, own_name)]
        other_proposals = [proposal for proposal in proposals if proposal.refusal and proposal not in own_proposals]
        groups = (
            ("mine", inbox.refunds_to_decide, ()),
            ("proposals", (), [proposal for proposal in proposals if not proposal.refusal]),
            ("own", own_refunds, own_proposals),
            ("others", other_refunds, other_proposals),
        )
        context = self._context
        return [
            (
                name,
                (
                    *(make_refund_card(refund, context, self._summaries.get(refund.id)) for refund in refunds),
                    *(make_proposal_card(proposal, context) for proposal in waiting_proposals),
                ),
            )
            for name, refunds, waiting_proposals in groups
            if refunds or waiting_proposals
        ]

    def _insert_current_card(self, groups: list[CardGroup]) -> list[CardGroup]:
        """Return `groups`, the groups of cards of a newly read inbox. If they don't contain the selected refund
        request, this request has been decided. Its card is then inserted after the card that precedes it in the shown
        list, under a heading which says that it is decided."""
        current_ref = self.current_ref
        named_cards = _list_named_cards(groups)
        refs = [card.ref for _, card in named_cards]
        if current_ref is None or current_ref[0] == PROPOSAL_CARD_KIND or current_ref in refs:
            return groups
        shown_refs = [card.ref for card in self.cards]
        preceding_refs = shown_refs[: shown_refs.index(current_ref)]
        position = max((refs.index(ref) + 1 for ref in preceding_refs if ref in refs), default=0)
        named_cards.insert(position, (_DECIDED_GROUP, self.cards[len(preceding_refs)]))
        return _group_named_cards(named_cards)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._held_back_inbox is not None:
            current_ref = self.current_ref
            self.show_inbox(*self._held_back_inbox)
            if current_ref is not None and self.current_ref is None and self.first_ref is not None:
                self.select_card(self.first_ref)  # the current proposal has been decided

    @property
    def first_ref(self) -> RecordRef | None:
        """Kind and id of the first card's request or proposal; None if the list is empty."""
        return self.cards[0].ref if self.cards else None


def _list_named_cards(groups: Sequence[CardGroup]) -> list[tuple[str, ApprovalCard]]:
    """Return each card with the name of its group, in the order of the list."""
    return [(name, card) for name, cards in groups for card in cards]


def _group_named_cards(named_cards: Iterable[tuple[str, ApprovalCard]]) -> list[CardGroup]:
    """Return the groups of these cards in the order of the list. If the card of a decided request is between two
    cards of one group, this group is returned as two groups with the same heading."""
    return [
        (name, tuple(card for _, card in neighbours))
        for name, neighbours in groupby(named_cards, key=lambda named_card: named_card[0])
    ]


def _list_refs_by_group(groups: Sequence[CardGroup]) -> list[tuple[str, list[RecordRef]]]:
    """Return each group as its heading and the refs of its cards, without the texts of the cards."""
    return [(name, [card.ref for card in cards]) for name, cards in groups]
