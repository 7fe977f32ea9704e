"""The panel beside the table of a queue, with a summary of the current record and buttons for its main actions."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.evidence.timeline import TimelinePage
from console.domain.explanations.records import SECOND_PERSON_STEPS
from console.domain.payments.consistency import compare_sides
from console.domain.payments.records import Order, Payment, PaymentRelations, Refund
from console.domain.records import Certainty, CreditCheck
from console.domain.recovery.decidable import find_refetch_refusal
from console.domain.recovery.records import WaitingProposal
from console.domain.views.any_record import QueueItem
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.money_view import make_shown_sides
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.widgets.badge import Badge
from console.views.widgets.base import (
    ElidedLabel,
    ShapeIcon,
    Surface,
    TextLabel,
    make_column,
    make_row,
    make_scroll_area,
)
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.copyable_id import CopyableId
from console.views.widgets.flow_layout import make_flow_widget
from console.views.widgets.notification_bars import NotificationBar
from console.views.widgets.record_parts import FactList
from console.wording import records as record_texts
from console.wording.disagreements import format_disagreement
from console.wording.sentences import catalogue as wording

_PANEL_PADDING_PX = 16
_ICON_SIDE_PX = 14  # side of the icons before states and steps
_NEWEST_EVENT_COUNT = 5


class RecordPreview(Surface):
    """The panel beside the table of a queue, with a summary of one item of the queue.

    Signals:
    - opened: the person wants to open the page of the shown record.
    - probed, refetched, resolved: the person has pressed the button of the action `probe`, `refetch` or `resolve`.
    - copied(str): the person has copied this corporation number.
    """

    opened = Signal()
    probed = Signal()
    refetched = Signal()
    resolved = Signal()
    copied = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="left")
        self._context = context
        self.setAccessibleName(context.translate("queue.preview"))
        self.setFixedWidth(tokens().px("layout", "preview_width"))
        self.record: ShownRecord | None = None
        self._item: QueueItem | None = None
        self._step_buttons: tuple[KeyButton, ...] = ()
        context.work_counts_changed.connect(self._mark_recommended_button)
        self._area = make_scroll_area()
        box = QVBoxLayout(self)
        box.setContentsMargins(1, 0, 0, 0)
        box.addWidget(self._area)

    def show_queue_item(self, item: QueueItem | None) -> None:
        """Show the summary of this item of a queue. With None, the panel is empty."""
        self._item, self._step_buttons = item, ()
        self.record = item.record if item else None
        self._area.setWidget(self._make_preview(item) if item else QWidget())

    def _make_preview(self, item: QueueItem) -> QWidget:
        content = QWidget()
        box = make_column(gap=0)
        box.addWidget(self._make_header(item.record))
        box.addWidget(self._make_state_section(item))
        if isinstance(item.record, Payment):
            box.addWidget(self._make_sides_section(item.record))
        box.addWidget(self._make_facts_section(item.record))
        self._steps = make_column(gap=6, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14))
        steps = Surface(edge="top")
        steps.setLayout(self._steps)
        box.addWidget(steps)
        self._read_newest_events(item.record)
        box.addStretch(1)
        content.setLayout(box)
        return content

    def _make_header(self, record: ShownRecord) -> QWidget:
        context, now = self._context, self._context.now()
        link = LinkButton(context.translate("action.open"))
        link.clicked.connect(self.opened)
        head = Surface(edge="bottom")
        title = make_row(
            TextLabel(case_words.format_record_title(record, context), "section", heading=2), None, link, gap=8
        )
        keys = case_words.get_badge_keys(record, now)
        badges = make_flow_widget(*(Badge.from_badge_key(key, context.language) for key in keys), gap=8)
        parts: list[QWidget] = []
        name = case_words.get_record_company_name(record, context)
        if name or isinstance(record, CreditCheck):
            parts.append(ElidedLabel(name or context.translate("record.no_name")))
        line = make_row(*self._make_number_widgets(record), None)
        head.setLayout(
            make_column(title, *parts, line, 4, badges, gap=2, margins=(_PANEL_PADDING_PX, 12, _PANEL_PADDING_PX, 14))
        )
        return head

    def _make_number_widgets(self, record: ShownRecord) -> list[QWidget]:
        """Return the widgets with the corporation number and its copy button, and with the client or the amount."""
        context, number = self._context, case_words.get_corporation_number(record)
        widgets: list[QWidget] = []
        if number:
            name, copy_word = context.translate("field.corporation_number"), context.translate("action.copy")
            copyable = CopyableId(wording.format_corporation_number(number), number, name, copy_word=copy_word)
            copyable.copied.connect(self.copied)
            widgets.append(copyable)
        detail = (
            context.translate("record.client", client=record.client_id)
            if isinstance(record, CreditCheck)
            else case_words.format_amount_with_difference_mark(record, context)
        )
        is_different = case_words.differs_in_amount(record, context.now())
        return [*widgets, TextLabel(detail, "body", "bad" if is_different else "muted")]

    def _make_state_section(self, item: QueueItem) -> QWidget:
        context, record = self._context, item.record
        part = Surface(edge="bottom")
        box = make_column(gap=10, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14))
        block_keys = _find_blocking_bar_wording_keys(record)
        if block_keys:
            lead, text_key = block_keys
            box.addWidget(
                NotificationBar(
                    context.translate(lead),
                    context.translate(text_key),
                    tone="unknown",
                    shape="lock",
                    is_announced=False,  # a screen reader reads the state in the row of the record
                )
            )
        _, reason, next_step = words.format_explanation(item.explanation, context)
        lines = [(context.translate("record.label.why"), reason), (context.translate("record.label.next"), next_step)]
        if item.disagreement is not None:
            difference = format_disagreement(record, item.disagreement, context.language)
            lines.insert(0, (context.translate("column.difference"), difference))
        box.addWidget(FactList(lines))
        box.addLayout(self._make_action_buttons(item))
        part.setLayout(box)
        return part

    def _make_sides_section(self, record: Payment) -> QWidget:
        """Return a widget with the state of a payment in this database, at the provider and in the order. A state
        that contradicts another one is marked. The provider's own word for the state is left out, because it is a
        code."""
        relations = record.relations or PaymentRelations()
        sides = compare_sides(record, relations.order, relations.provider_meaning, self._context.now())
        facts = FactList()
        for side in make_shown_sides(sides, self._context, provider=record.provider, record=record):
            sign = ShapeIcon(side.shape, side.tone, _ICON_SIDE_PX, line="body")
            if side.is_different:
                sign.show_shape("not_equal", "bad")
            word = TextLabel(side.word, "body", "bad" if side.is_different else "text", wrap=True)
            amount = TextLabel(side.amount, "data", "bad" if side.has_different_amount else "text")
            state = QWidget()
            row = make_row(gap=6)
            row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(word, 1)
            row.addWidget(amount, 0, Qt.AlignmentFlag.AlignTop)
            state.setLayout(row)
            state.setAccessibleName(side.format_spoken_text())
            facts.add_fact(side.name, state)
        part = Surface(edge="bottom")
        part.setLayout(make_column(facts, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14)))
        return part

    def _read_newest_events(self, record: ShownRecord) -> None:
        """Read the newest events of the record's timeline in the background, and show them unless the panel shows
        another record by then."""
        if not self._context.is_ready:
            return
        kind, record_id = case_words.make_record_ref(record)
        self._context.run_read(
            lambda services: services.recovery.read_last_events(kind, record_id, _NEWEST_EVENT_COUNT),
            lambda story: self._show_newest_events(record, story),
            lambda failure: None,  # the page of the record shows the same events, and the failure
            owner=self,
            key="preview steps",
        )

    def _show_newest_events(self, record: ShownRecord, story: TimelinePage) -> None:
        if self.record is not record or not story.events:
            return
        while item := self._steps.takeAt(0):  # the same record may have been shown, and read, twice
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self._steps.addWidget(TextLabel(self._context.translate("queue.preview.steps"), "small", "muted", heading=3))
        for event in reversed(story.events):
            line = words.make_event_timeline_line(event, story, self._context)
            label = TextLabel(f"{line.time_text}  {line.action_text}", "small", wrap=True)
            label.setAccessibleName(line.format_spoken_text())
            step = QWidget()
            row = make_row(gap=8)
            row.addWidget(ShapeIcon(line.shape, line.tone, _ICON_SIDE_PX, line="small"), 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(label, 1)
            step.setLayout(row)
            self._steps.addWidget(step)

    def _make_action_buttons(self, item: QueueItem) -> "QVBoxLayout":
        """Return a layout with the buttons of the record's actions. The page connects the shortcuts."""
        translate, record = self._context.translate, item.record
        is_unknown = not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN
        buttons = []
        if isinstance(record, CreditCheck) and record.incomplete and find_refetch_refusal(record) is None:
            buttons.append(self._make_button(translate("action.refetch"), "F", self.refetched, "refetch"))
        if is_unknown:
            buttons.append(self._make_button(translate("action.resolve"), "E", self.resolved, "resolve"))
        if not isinstance(record, Order) or record.payment_ids:
            buttons.append(self._make_button(translate("action.probe"), "P", self.probed, "probe"))
        self._step_buttons = tuple(buttons)
        self._mark_recommended_button()
        return make_column(make_flow_widget(*buttons, gap=8), DisabledReasonsLabel(*buttons))

    @Slot()
    def _mark_recommended_button(self) -> None:
        """Make the button of the recommended action the primary one. Which decisions wait for the person is read
        apart from the records, so this is decided anew when the counts of the work change."""
        if self._item is None:
            return
        key_by_action = {"refetch": "F", "resolve": "E", "probe": "P"}
        is_for_person = self._is_step_for_person(self._item)
        advised = key_by_action.get(self._item.explanation.next_step.action or "") if is_for_person else None
        for button in self._step_buttons:
            button.set_kind("primary" if button.key == advised and button.isEnabled() else "default")

    def _is_step_for_person(self, item: QueueItem) -> bool:
        """Return False if the record's next step is the decision of a second person, and the acting person can't be
        this person: the person has proposed the outcome, or lacks the right."""
        if item.explanation.next_step.code not in SECOND_PERSON_STEPS:
            return True
        kind, record_id = case_words.make_record_ref(item.record)
        return any(
            isinstance(proposal, WaitingProposal) and (proposal.kind, proposal.record_id) == (kind, str(record_id))
            for proposal in self._context.work_counts.to_decide
        )

    def _make_button(self, text: str, key: str, signal: object, right: str) -> KeyButton:
        button = KeyButton(text, key, binds=False)
        button.clicked.connect(signal)
        return bind_button_to_right(self._context, button, right)

    def _make_facts_section(self, record: ShownRecord) -> QWidget:
        if not isinstance(record, CreditCheck):
            return self._make_money_facts_section(record)
        context = self._context
        facts = FactList()
        facts.add_fact(context.translate("field.result"), TextLabel(words.get_result_word(record, context) or "–"))
        purchase_day = wording.format_instant(record.purchased_at, "day")
        facts.add_fact(context.translate("field.purchased_at"), TextLabel(purchase_day))
        until = wording.format_instant(record.expired_at, "until") if record.expired_at else "–"
        facts.add_fact(context.translate("field.expired_at"), TextLabel(until))
        facts.add_fact(context.translate("field.provider_id"), TextLabel(str(record.credit_check_id or "–"), "data"))
        if record.incomplete:
            missing_label = TextLabel(context.translate("record.missing_parts", missing=record.incomplete), wrap=True)
            facts.add_fact(context.translate("word.missing_label"), missing_label)
        holder = QWidget()
        holder.setLayout(make_column(facts, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14)))
        return holder

    def _make_money_facts_section(self, record: Order | Payment | Refund) -> QWidget:
        """Return a widget with the main facts of an order, a payment or a refund."""
        context = self._context
        translate, facts = context.translate, FactList()
        amount = case_words.format_amount_with_difference_mark(record, context)
        lines: list[tuple[str, str | None]] = [(translate("column.amount"), amount)]
        if isinstance(record, Payment):
            lines += [
                (translate("column.provider"), case_words.get_record_provider_name(record, context)),
                (translate("field.payer"), case_words.mask_payer(record.payer)),
                (translate("field.provider_payment_id"), record.provider_payment_id),
            ]
        elif isinstance(record, Refund):
            lines += [
                (translate("field.maker"), words.get_actor_name(record.maker, context)),
                (translate("field.reason"), record_texts.format_refund_reason(record, context)),
                (translate("field.refund_key"), record.provider_refund_key),
            ]
        for label, value in lines:
            facts.add_fact(label, TextLabel(value or wording.NO_VALUE, wrap=True, selectable=True))
        holder = QWidget()
        holder.setLayout(make_column(facts, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14)))
        return holder


def _find_blocking_bar_wording_keys(record: ShownRecord) -> tuple[str, str] | None:
    """Return the two wording keys (bold text, sentence) of the bar which says that the record's unknown outcome
    blocks other actions. Return None if the outcome is known, or for an order."""
    if isinstance(record, Order) or record.certainty is not Certainty.UNKNOWN:
        return None
    if isinstance(record, CreditCheck):
        return "record.blocked", "record.blocked_short"
    if isinstance(record, Refund):
        return "money.blocked_refund", "money.blocked_refund_short"
    return "money.blocked_payment", "money.blocked_payment_short"
