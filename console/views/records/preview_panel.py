"""The panel at the right of a queue's table, with a summary of the current record and buttons for its main
actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QVBoxLayout, QWidget

from console.domain.evidence.timeline import TimelinePage
from console.domain.explained_state import WorkBadge
from console.domain.explanations.records import SECOND_PERSON_STEPS
from console.domain.payments.consistency import compare_payment_sides
from console.domain.payments.records import Order, Payment, PaymentRelations, Refund
from console.domain.payments.service_results import SideComparison
from console.domain.records import Certainty, CreditCheck, EvidenceItem
from console.domain.recovery.decision_rules import can_probe_ask_provider, has_refetchable_parts, is_decidable_check
from console.domain.views.any_record import QueueItem
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.credit_check_view import make_preview_sides
from console.views.presenters.money_view import make_shown_sides
from console.views.presenters.records import ShownRecord
from console.views.records.action_bar import get_resolve_label_key
from console.views.runtime.context import WindowContext
from console.views.timelines.repeated_lines import group_repeated_lines
from console.views.widgets.base import (
    BorderEdge,
    IconLabel,
    Surface,
    TextLabel,
    clear_layout,
    make_column,
    make_row,
    make_scroll_area,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.record_parts import FactList, RecordSideState
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import records as record_texts
from console.wording import registry as registry_words
from console.wording.mismatches import format_mismatch
from console.wording.sentences import catalogue as wording
from console.wording.sentences.line_breaks import allow_breaks_in_word

if TYPE_CHECKING:
    from console.app import Console

_PANEL_PADDING_PX = 16
_ICON_SIDE_PX = 14  # side of the icons before states and steps
_MAX_SHOWN_EVENT_LINES = 5
_MAX_READ_EVENTS = 40  # more than the shown steps, because repeated events are shown as one step


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """The texts about a group of records, for the preview: the title, pairs of label and value, and the sentence
    about the key that opens or closes the group."""

    title: str
    facts: tuple[tuple[str, str], ...]
    key_sentence: str


class RecordPreview(Surface):
    """The panel at the right of a queue's table, with a summary of one item of the queue, or of a group of records.

    Signals:
    - open_requested: the person wants to open the page of the shown record.
    - open_payment_requested, probe_requested, refetch_requested, resolve_requested: the person has pressed the button
      of the action `open_payment`, `probe`, `refetch` or `resolve`.
    - copied(str): the person has copied this corporation number.
    """

    open_requested = Signal()
    open_payment_requested = Signal()
    probe_requested = Signal()
    refetch_requested = Signal()
    resolve_requested = Signal()
    copied = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="left")
        self._context = context
        self.setAccessibleName(context.translate("queue.preview"))
        self.record: ShownRecord | None = None  # of the built widgets
        self._item: QueueItem | None = None
        self._group_summary: GroupSummary | None = None
        self._action_buttons: tuple[KeyButton, ...] = ()
        self._open_button: KeyButton | None = None
        self._next_step_label: TextLabel | None = None
        self._timeline: TimelinePage | None = None
        self._is_built = True  # False while the widgets are those of an earlier item
        self._build_timer = QTimer(self, singleShot=True, interval=0)
        self._build_timer.timeout.connect(self._build_content)
        context.work_counts_changed.connect(self._mark_recommended_button)
        self._scroll_area = make_scroll_area()
        self.removed_bar = NotificationBar(
            context.translate("queue.preview.removed"),
            context.translate("queue.preview.removed_hint"),
            tone="care",
            icon_name="warning",
            is_narrow=True,
            is_announced=False,  # a screen reader reads it in the row of the record
        )
        self.removed_bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.removed_bar)
        layout.addWidget(self._scroll_area, 1)

    def show_queue_item(self, item: QueueItem | None, group_summary: GroupSummary | None = None) -> None:
        """Show the summary of this item of a queue. If the item is None, show the summary of the group whose heading
        is the current row; without a group, say that no record is selected.

        The panel builds its widgets in a later turn of the event loop, after the table has painted its current row.
        If the person holds a key and passes several rows, the panel builds them only once. Until then the buttons of
        the earlier item do nothing, because they would apply to the new current row. A panel that is not visible
        builds its widgets when it becomes visible. If a widget of the earlier item has the keyboard focus, the panel
        builds the new widgets immediately.
        """
        self._item, self._group_summary, self._is_built = item, group_summary, False
        self._action_buttons, self._open_button, self._next_step_label = (), None, None
        content = self._scroll_area.widget()
        focused_widget = QApplication.focusWidget()
        if content is not None and focused_widget is not None and content.isAncestorOf(focused_widget):
            self._build_content()
            return
        if content is not None:
            for button in content.findChildren(QAbstractButton):
                button.blockSignals(True)
        self._build_timer.start()

    @Slot()
    def _build_content(self) -> None:
        """Build the widgets of the current item, unless they are built already or the panel is not visible."""
        if self._is_built or not self.isVisible():
            return
        self.record, self._timeline, self._is_built = self._item.record if self._item else None, None, True
        # With its parent before its contents, Qt gives each widget of the panel its style once.
        content = QWidget(self._scroll_area.viewport())
        if self._item:
            self._fill_preview(content, self._item)
        else:
            self._fill_preview_without_record(content)
        self._scroll_area.setWidget(content)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._build_content()

    def update_queue_item(self, item: QueueItem | None, group_summary: GroupSummary | None = None) -> None:
        """Show the summary of this item, which the page has read again, or of a group (see `show_queue_item`). If the
        item hasn't changed, keep the widgets and read only the newest events and the sides of its record, because a
        new note or another state of its payment or order doesn't change the item."""
        if self._item is None or item != self._item:
            self.show_queue_item(item, group_summary)
        elif self._is_built:
            self._read_newest_events(self._item.record)
            self._read_sides(self._item.record)

    def _fill_preview(self, content: QWidget, item: QueueItem) -> None:
        layout = make_column(gap_px=0)
        content.setLayout(layout)
        layout.addWidget(self._make_header(item.record, content))
        layout.addWidget(self._make_state_section(item, content))
        self._fact_list = self._make_facts(item.record, content)
        self._side_section = Surface(content, edge="bottom")
        self._side_section.setLayout(make_column(margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14)))
        self._side_section.hide()
        layout.addWidget(self._side_section)
        layout.addWidget(_make_section(self._fact_list, content))
        if isinstance(item.record, Payment):
            self._show_sides(_compare_sides_of_payment(item.record, self._context.now()))
        else:
            self._read_sides(item.record)
        self._event_column = make_column(gap_px=6, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14))
        event_panel = Surface(content, edge="top")
        event_panel.setLayout(self._event_column)
        layout.addWidget(event_panel)
        self._read_newest_events(item.record)
        layout.addStretch(1)

    def _fill_preview_without_record(self, content: QWidget) -> None:
        """Show the summary of the group whose heading is the current row, or that no record is selected."""
        layout, summary = make_column(gap_px=0), self._group_summary
        content.setLayout(layout)
        if summary is None:
            sentence = TextLabel(self._context.translate("act.none_selected"), "body", "muted", wraps_lines=True)
            layout.addWidget(_make_section(sentence, content))
        else:
            title = TextLabel(summary.title, "section", heading_level=2, wraps_lines=True)
            layout.addWidget(_make_section(title, content, edge="bottom"))
            layout.addWidget(_make_section(FactList(summary.facts, parent=content), content, edge="bottom"))
            layout.addWidget(
                _make_section(TextLabel(summary.key_sentence, "small", "muted", wraps_lines=True), content)
            )
        layout.addStretch(1)

    def _make_header(self, record: ShownRecord, parent: QWidget) -> QWidget:
        context, now = self._context, self._context.now()
        open_link = LinkButton(context.translate("action.open"))
        open_link.clicked.connect(self.open_requested)
        header = Surface(parent, edge="bottom")
        title_row = make_row(
            TextLabel(case_words.format_record_title(record, context), "section", heading_level=2),
            None,
            open_link,
            gap_px=8,
        )
        badge_keys = case_words.get_badge_keys(record, now)
        badges = make_flow_widget(
            *(Badge.from_badge_key(key, context.language) for key in badge_keys), gap_px=8, parent=header
        )
        company_labels: list[QWidget] = []
        company_name = case_words.get_record_company_name(record, context)
        if company_name or isinstance(record, CreditCheck):
            name = company_name or context.translate("record.no_name")
            company_labels.append(TextLabel(name, wraps_lines=True))
        company_labels += self._make_registry_labels(record)
        number_row = make_row(*self._make_number_widgets(record), None)
        header.setLayout(
            make_column(
                title_row,
                *company_labels,
                number_row,
                4,
                badges,
                gap_px=2,
                margins=(_PANEL_PADDING_PX, 12, _PANEL_PADDING_PX, 14),
            )
        )
        return header

    def _make_registry_labels(self, record: ShownRecord) -> list[QWidget]:
        """Return labels with the notices about the record's corporation, such as its closure, and a label with the
        source of the notices or of the official name. Return an empty list if the registry has no entry, or if the
        record has its own company name and there are no notices."""
        entry, translate = record.registry_entry, self._context.translate
        if entry is None:
            return []
        our_name = record.company_name if isinstance(record, CreditCheck) else None
        notices = registry_words.list_registry_warnings_of_entry(entry, (our_name,), translate)
        if our_name and not notices:
            return []
        source = TextLabel(
            registry_words.format_registry_source(entry.registry_date, translate), "small", "muted", wraps_lines=True
        )
        return [*(TextLabel(notice, "small", "care", wraps_lines=True) for notice in notices), source]

    def _make_number_widgets(self, record: ShownRecord) -> list[QWidget]:
        """Return the widgets with the corporation number and its copy button, and with the client or the amount."""
        context, number = self._context, case_words.get_corporation_number(record)
        widgets: list[QWidget] = []
        if number:
            number_name, copy_word = context.translate("field.corporation_number"), context.translate("action.copy")
            copyable_number = CopyableId(
                wording.format_corporation_number(number), number, number_name, copy_label=copy_word
            )
            copyable_number.copied.connect(self.copied)
            widgets.append(copyable_number)
        detail = (
            context.translate("record.client", client=record.client_id)
            if isinstance(record, CreditCheck)
            else case_words.format_amount_with_difference_mark(record, context)
        )
        is_different = case_words.has_amount_mismatch(record, context.now())
        return [*widgets, TextLabel(detail, "body", "bad" if is_different else "muted")]

    def _make_state_section(self, item: QueueItem, parent: QWidget) -> QWidget:
        context, record = self._context, item.record
        section = Surface(parent, edge="bottom")
        layout = make_column(gap_px=10, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14))
        bar_keys = _find_bold_text_and_sentence_keys_of_blocking_bar(record)
        if bar_keys:
            bold_text_key, sentence_key = bar_keys
            layout.addWidget(
                NotificationBar(
                    context.translate(bold_text_key),
                    context.translate(sentence_key),
                    tone="unknown",
                    icon_name="lock",
                    is_announced=False,  # a screen reader reads the state in the row of the record
                )
            )
        _, reason, next_step = words.format_explanation(item.explanation, context)
        facts = [(context.translate("record.label.why"), reason)]
        if item.mismatch is not None:
            difference_text = format_mismatch(record, item.mismatch, context.language)
            facts.insert(0, (context.translate("column.difference"), difference_text))
        fact_list = FactList(facts, parent=section)
        self._next_step_label = TextLabel(next_step, wraps_lines=True, is_selectable=True)
        fact_list.add_fact(context.translate("record.label.next"), self._next_step_label)
        layout.addWidget(fact_list)
        layout.addLayout(self._make_action_buttons(item, section))
        section.setLayout(layout)
        return section

    def _read_sides(self, record: ShownRecord) -> None:
        """Read the compared sides of a credit check, an order or a refund in the background, and show them unless the
        panel shows another record when the read ends. Do nothing for a payment."""
        if not self._context.is_ready or isinstance(record, Payment):
            return
        if isinstance(record, CreditCheck):
            self._read_last_call(record)
            return
        self._context.run_read(
            partial(_read_sides_in_service, record),
            lambda comparison: self._show_sides(comparison) if self.record is record else None,
            lambda failure: None,  # the page of the record shows the same sides, and the failure
            caller=self,
            key="preview sides",
        )

    def _read_last_call(self, record: CreditCheck) -> None:
        """Read the last call to AlarmBox for a credit check in the background, and show the state here and at
        AlarmBox unless the panel shows another record when the read ends."""
        check_id = record.id
        self._context.run_read(
            lambda services: services.credit_checks.read_last_call(check_id),
            partial(self._show_sides_of_check, record),
            lambda failure: None,  # the page of the record shows the same sides, and the failure
            caller=self,
            key="preview sides",
        )

    def _show_sides_of_check(self, record: CreditCheck, last_call: EvidenceItem | None) -> None:
        """Show the state of a credit check in this database and at AlarmBox. Do nothing if the panel shows another
        record meanwhile."""
        if self.record is record and self._item is not None:
            sides = make_preview_sides(record, self._item.explanation, last_call, self._context)
            self._show_side_list(self._make_side_list(sides, self._side_section))

    def _show_sides(self, comparison: SideComparison) -> None:
        """Show the record in this database, at the provider and in the order, and for an order or a refund a link to
        its payment. Show nothing for an order without a payment, because there is nothing with which it can be
        compared."""
        if comparison.record is None:
            return
        sides = make_shown_sides(
            comparison.sides, self._context, provider=comparison.provider, record=comparison.record
        )
        side_list = self._make_side_list(sides, self._side_section)
        payment = None if isinstance(self.record, Payment) else _find_payment(comparison.record)
        if payment is not None:
            link = LinkButton(payment.merchant_payment_id, role="data")
            link.clicked.connect(self.open_payment_requested)
            side_list.add_fact(self._context.translate("column.payment"), link)
        self._show_side_list(side_list)

    def _show_side_list(self, side_list: FactList) -> None:
        layout = self._side_section.layout()
        if not isinstance(layout, QVBoxLayout):
            return
        clear_layout(layout)  # the sides of the same record may have been shown, and read, twice
        side_list.align_values_with(self._fact_list)
        layout.addWidget(side_list)
        self._side_section.show()

    def _make_side_list(self, sides: Sequence[RecordSideState], parent: QWidget) -> FactList:
        """Return a list with the state on each of these sides. The list marks a state that contradicts another state.
        It leaves out the provider's own word for the state, because this word is a code."""
        fact_list = FactList(parent=parent)
        for side in sides:
            icon = IconLabel(side.icon_name, side.tone, _ICON_SIDE_PX, line_role="body")
            if side.has_different_state:
                icon.show_icon("not_equal", "bad")
            state_label = TextLabel(
                side.state_word, "body", "bad" if side.has_different_state else "text", wraps_lines=True
            )
            amount_label = TextLabel(side.amount, "data", "bad" if side.has_different_amount else "text")
            state_widget = QWidget(fact_list)
            state_row = make_row(gap_px=6)
            state_row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            state_row.addWidget(state_label, 1)
            state_row.addWidget(amount_label, 0, Qt.AlignmentFlag.AlignTop)
            if side.contradiction:
                contradiction_label = TextLabel(side.marked_contradiction, "small", "bad", wraps_lines=True)
                state_widget.setLayout(make_column(state_row, contradiction_label, gap_px=0))
            else:
                state_widget.setLayout(state_row)
            state_widget.setAccessibleName(side.format_spoken_text())
            fact_list.add_fact(side.name, state_widget)
        return fact_list

    def _read_newest_events(self, record: ShownRecord) -> None:
        """Read the newest events of the record's timeline in the background, and show them unless the panel shows
        another record when the read ends."""
        if not self._context.is_ready:
            return
        kind, record_id = case_words.make_record_ref(record)
        self._context.run_read(
            lambda services: services.recovery.read_last_events(kind, record_id, _MAX_READ_EVENTS),
            lambda timeline: self._show_newest_events(record, timeline),
            lambda failure: None,  # the page of the record shows the same events, and the failure
            caller=self,
            key="preview steps",
        )

    def _show_newest_events(self, record: ShownRecord, timeline: TimelinePage) -> None:
        """Show the newest events of the record as lines. Do nothing if the panel shows another record meanwhile."""
        if self.record is not record or not timeline.events or timeline == self._timeline:
            return
        self._timeline = timeline
        clear_layout(self._event_column)  # the same record may have been shown, and read, twice
        self._event_column.addWidget(
            TextLabel(self._context.translate("queue.preview.steps"), "small", "muted", heading_level=3)
        )
        lines = [
            words.make_event_timeline_line(event, timeline, self._context)
            for event in words.list_shown_events(timeline)
        ]
        repeated_event_texts = words.make_unopenable_repeated_event_texts(self._context)
        for grouped_line in group_repeated_lines(lines, repeated_event_texts, ())[:_MAX_SHOWN_EVENT_LINES]:
            line = grouped_line.line
            label = TextLabel(
                f"{line.time_text}  {line.action_text} {line.detail}".rstrip(), "small", wraps_lines=True
            )
            label.setAccessibleName(line.format_spoken_text())
            event_widget = QWidget(self._event_column.parentWidget())
            event_row = make_row(gap_px=8)
            event_widget.setLayout(event_row)
            event_row.addWidget(
                IconLabel(line.icon_name, line.tone, _ICON_SIDE_PX, line_role="small"), 0, Qt.AlignmentFlag.AlignTop
            )
            event_row.addWidget(label, 1)
            self._event_column.addWidget(event_widget)

    def _make_action_buttons(self, item: QueueItem, parent: QWidget) -> "QVBoxLayout":
        """Return a layout with the buttons of the record's actions. The page binds the keyboard shortcuts to these
        buttons. The button that opens the record is visible only while no other button is the primary one."""
        translate, record = self._context.translate, item.record
        record_kind, _ = case_words.make_record_ref(record)
        self._open_button = KeyButton(translate(f"action.open_{record_kind}"), "Enter", binds_key=False)
        self._open_button.clicked.connect(self.open_requested)
        is_unknown = not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN
        is_decidable = is_unknown or (isinstance(record, CreditCheck) and is_decidable_check(record))
        buttons = []
        if has_refetchable_parts(record):
            buttons.append(self._make_button(translate("action.refetch"), "F", self.refetch_requested, "refetch"))
        if is_decidable:
            buttons.append(self._make_button(translate("action.resolve"), "E", self.resolve_requested, "resolve"))
        if isinstance(record, Order) and record.payment_ids:
            open_button = KeyButton(translate("action.open_payment"), "O", binds_key=False)
            open_button.clicked.connect(self.open_payment_requested)
            buttons.append(open_button)
        if can_probe_ask_provider(record):
            buttons.append(self._make_button(translate("action.probe"), "P", self.probe_requested, "probe"))
        self._action_buttons = tuple(buttons)
        action_row = make_flow_widget(self._open_button, *buttons, gap_px=8, parent=parent)
        for button in buttons:
            button.reason_changed.connect(self._mark_recommended_button)
        self._mark_recommended_button()
        return make_column(action_row, DisabledReasonsLabel(*buttons))

    @Slot()
    def _mark_recommended_button(self) -> None:
        """Make the button of the recommended action the primary one, label the button "resolve", and show the next
        step. If no action is recommended, or the panel has no enabled button for it, the primary button is the one
        that opens the record, whose page offers all actions.

        All three depend on the decisions that wait for the person. The program reads these together with the counts
        of the work, so this method is called again after each change of the counts, and after a button was enabled or
        disabled.
        """
        if self._item is None:
            return
        key_by_action = {"refetch": "F", "resolve": "E", "probe": "P", "open_payment": "O"}
        has_work = self._item.explanation.work is not WorkBadge.NONE
        is_for_person = has_work and self._can_person_do_next_step(self._item)
        recommended_key = key_by_action.get(self._item.explanation.next_step.action or "") if is_for_person else None
        can_decide = self._can_person_do_next_step(self._item)
        label = self._context.translate(get_resolve_label_key(can_decide=can_decide))
        if self._next_step_label is not None:
            step = case_words.reword_step_for_acting_person(
                self._item.explanation.next_step, self._item.record, self._context
            )
            self._next_step_label.show_text(words.format_next_step(step, self._context))
        for button in self._action_buttons:
            if button.key == key_by_action["resolve"]:
                button.show_text(label)
            button.set_kind("primary" if button.key == recommended_key and button.isEnabled() else "default")
        if self._open_button is not None:
            has_primary_button = any(button.kind == "primary" for button in self._action_buttons)
            self._open_button.set_kind("default" if has_primary_button else "primary")
            set_visible_in_parent(self._open_button, not has_primary_button)

    def _can_person_do_next_step(self, item: QueueItem) -> bool:
        """Return True if the acting person may do the next step of the item's record. Return False if this step is
        the decision of a second person, and the acting person has proposed the outcome or lacks the right to be the
        second person."""
        if item.explanation.next_step.code not in SECOND_PERSON_STEPS:
            return True
        return case_words.can_confirm_proposal(*case_words.make_record_ref(item.record), self._context)

    def _make_button(self, text: str, key: str, requested_signal: object, right_name: str) -> KeyButton:
        button = KeyButton(text, key, binds_key=False)
        button.clicked.connect(requested_signal)
        return bind_button_to_right(self._context, button, right_name)

    def _make_facts(self, record: ShownRecord, parent: QWidget) -> FactList:
        fact_list = FactList(parent=parent)
        if isinstance(record, CreditCheck):
            self._add_check_facts(record, fact_list)
        else:
            self._add_money_facts(record, fact_list)
        return fact_list

    def _add_check_facts(self, record: CreditCheck, fact_list: FactList) -> None:
        context = self._context
        fact_list.add_fact(
            context.translate("field.result"),
            TextLabel(words.get_result_word(record, context) or words.get_missing_value_word(record, context)),
        )
        purchase_day = words.format_purchase_day(record, context)
        fact_list.add_fact(context.translate("field.purchased_at"), TextLabel(purchase_day, wraps_lines=True))
        validity_end = (
            wording.format_instant(record.expired_at, "until")
            if record.expired_at
            else words.get_missing_value_word(record, context)
        )
        fact_list.add_fact(context.translate("field.expired_at"), TextLabel(validity_end))
        fact_list.add_fact(
            context.translate("field.provider_id"),
            TextLabel(str(record.credit_check_id), "data") if record.credit_check_id else TextLabel(wording.NO_VALUE),
        )
        if record.incomplete:
            missing_label = TextLabel(
                context.translate("record.missing_parts", missing=record.incomplete), wraps_lines=True
            )
            fact_list.add_fact(context.translate("word.missing_label"), missing_label)

    def _add_money_facts(self, record: Order | Payment | Refund, fact_list: FactList) -> None:
        """Add the main facts of an order, a payment or a refund."""
        context = self._context
        translate = context.translate
        amount_text = case_words.format_amount_with_difference_mark(record, context)
        facts: list[tuple[str, str | None]] = [(translate("column.amount"), amount_text)]
        if isinstance(record, Payment):
            facts += [
                (translate("column.provider"), case_words.get_record_provider_name(record, context)),
                (translate("field.payer"), case_words.mask_payer(record.payer)),
                (translate("field.provider_payment_id"), allow_breaks_in_word(record.provider_payment_id or "")),
            ]
        elif isinstance(record, Refund):
            facts += [
                (translate("field.maker"), words.get_actor_name(record.maker, context)),
                (translate("field.reason"), record_texts.format_refund_reason(record, context)),
                (translate("field.refund_key"), allow_breaks_in_word(record.provider_refund_key or "")),
            ]
        for label, value in facts:
            fact_list.add_fact(label, TextLabel(value or wording.NO_VALUE, wraps_lines=True, is_selectable=True))


def _compare_sides_of_payment(record: Payment, now: datetime) -> SideComparison:
    relations = record.relations or PaymentRelations()
    sides = compare_payment_sides(record, relations.order, relations.known_provider_state, now)
    return SideComparison(sides, record.provider, record)


def _find_payment(record: Payment | Refund) -> Payment | None:
    """Return the payment itself, or the payment of a refund; None if it was not read with the refund."""
    if isinstance(record, Payment):
        return record
    return record.relations.payment if record.relations is not None else None


def _read_sides_in_service(record: Order | Refund, services: "Console") -> SideComparison:
    if isinstance(record, Order):
        return services.payments.read_order_sides(record.id)
    return services.refunds.read_sides(record.id)


def _make_section(content: QWidget, parent: QWidget, *, edge: BorderEdge = "none") -> Surface:
    """Return a section of the panel, with a line at this edge."""
    section = Surface(parent, edge=edge)
    section.setLayout(make_column(content, margins=(_PANEL_PADDING_PX, 14, _PANEL_PADDING_PX, 14)))
    return section


def _find_bold_text_and_sentence_keys_of_blocking_bar(record: ShownRecord) -> tuple[str, str] | None:
    """Return the two wording keys (bold text, sentence) of the bar which says that the record's unknown outcome
    blocks other actions. Return None if the outcome is known, or for an order."""
    if isinstance(record, Order) or record.certainty is not Certainty.UNKNOWN:
        return None
    if isinstance(record, CreditCheck):
        return "record.blocked", "record.blocked_short"
    if isinstance(record, Refund):
        return "money.blocked_refund", "money.blocked_refund_short"
    return "money.blocked_payment", "money.blocked_payment_short"
