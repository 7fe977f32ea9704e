"""The page of one operation of the journal: it shows the start and the end of the operation. If only this desk's
spool has the operation, the page also offers the actions with which a person resolves the operation."""

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.service_results import OperationDetails
from console.views.pages.base import Page
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters import credit_checks as words
from console.views.presenters.credit_check_view import format_time_in_sentence
from console.views.records.action_bar import (
    explain_details_to_acting_person,
    find_proposer,
    find_second_decision_refusal,
    format_proposal,
    get_resolve_label_key,
)
from console.views.records.actions import RecordActionHandlers
from console.views.records.header import make_explanation_form, show_explanation
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import OperationRoute, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import tokens
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import (
    Surface,
    TextLabel,
    TitleLabel,
    clear_layout,
    discard_widget,
    make_column,
    make_row,
)
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

_ICON_AND_TONE_BY_OPERATION_STATE = {
    "calling": ("half_disc", "progress"),
    "unknown": ("question", "unknown"),
    "done": ("disc", "good"),
    "failed": ("cross", "bad"),
}
_BLOCKING_BAR_KEYS_BY_KIND = {
    "payment": ("money.blocked_payment", "money.blocked_payment_short"),
    "refund": ("money.blocked_refund", "money.blocked_refund_until"),
}
"""By kind of record, the wording keys (bold text, sentence) of the bar about a lost operation; the kinds without an
entry are purchases."""


class OperationPage(Page):
    """The page of one operation of the journal: header, explanation, facts and timeline, in the same order as on the
    page of a record."""

    sidebar_key = "queues"
    help_key = "help.operation"
    key_hints = ((("P",), "key.probe"), (("E",), "key.resolve"), (("Esc",), "key.back"))

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.action_handlers = RecordActionHandlers(context, self, get_shown_ref=lambda: ("operation", self.route.id))
        self.route = OperationRoute("")
        self.details: OperationDetails | None = None
        self.title = TitleLabel(translate("operation_screen.title"))
        self.copyable_id = CopyableId("", "", translate("operation_screen.id"), copy_label=translate("action.copy"))
        self.copyable_id.copied.connect(self.action_handlers.show_copied_toast)
        self.badge_row = make_row(gap_px=8)
        self.explanation_form = make_explanation_form(context)
        self.fact_panel = Surface(edge="bottom")
        self.timeline = TimelineList(
            translate("record.tab.timeline"), repeated_event_texts=words.make_repeated_event_texts(context)
        )
        self._build_layout()
        self.bind_shortcut("P", self._probe_operation)
        self.bind_shortcut("E", self._open_resolve_dialog)

    def _build_layout(self) -> None:
        translate, margin = self.context.translate, tokens().px("spacing", "page_margin")
        header = Surface(edge="bottom")
        header_row = make_row(self.title, self.copyable_id, None, gap_px=8, margins=(margin, 10, margin, 10))
        header_row.addLayout(self.badge_row)
        header.setLayout(header_row)
        timeline_title = make_row(
            TextLabel(translate("record.tab.timeline"), "panel_title", "muted"), margins=(margin, 12, margin, 4)
        )
        self.add_content(header)
        self.add_bar_container()
        self.add_content(self.explanation_form)
        self.add_content(self.fact_panel)
        self.add_content(timeline_title)
        self.add_content(self.timeline, 1)
        self.add_key_hints()

    def show_route(self, route: object) -> None:
        if isinstance(route, OperationRoute):
            if route.id != self.route.id:
                self._clear_contents(route.id)
            self.route = route
            self.refresh("entered")

    def _clear_contents(self, operation_id: str) -> None:
        """Remove the contents of the operation that was shown before, because the operation `operation_id` is going
        to be read. The read may fail, and the person must not take the one operation's state for the other's."""
        self.details = None
        self.reset_read_state()
        self.hide_bars_of_contents()
        self._show_name(operation_id)
        clear_layout(self.badge_row)
        self.explanation_form.show_action_widgets()
        self.explanation_form.hide()
        self.fact_panel.hide()
        self.timeline.show_lines(())

    def _show_name(self, operation_id: str) -> None:
        self.copyable_id.show_id(wording.shorten_id(operation_id), operation_id)
        self.set_page_name(f"{self.title.plain} {self.copyable_id.short_form}")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.title,)

    def read_data(self, reason: str) -> None:
        operation_id = self.route.id
        self.context.run_read(
            lambda services: services.recovery.read_record("operation", operation_id),
            lambda details: self._show_details(operation_id, details),
            lambda failure: self._show_refusal(operation_id, failure),
            caller=self,
            key=("operation", "show", operation_id),
        )

    def _show_refusal(self, operation_id: str, failure: Failure) -> None:
        if operation_id == self.route.id:  # another operation isn't outdated because this one couldn't be read
            self.show_reading_failure(failure)

    def _show_details(self, operation_id: str, details: object) -> None:
        if operation_id != self.route.id or not isinstance(details, OperationDetails):
            return
        self.details = details
        self.mark_data_read()
        context = self.context
        self._show_name(operation_id)
        self._show_badges(details)
        show_explanation(self.explanation_form, explain_details_to_acting_person(details, context), context)
        self.explanation_form.show_action_widgets(*self._make_buttons(details))
        self.explanation_form.show()
        self.hide_key_hints(_list_hidden_hints(details))
        self._show_facts(details)
        self.timeline.show_lines(
            [words.make_entry_timeline_line(entry, context) for entry in reversed(details.timeline)]
        )
        self._show_blocking(details)

    def _show_blocking(self, details: OperationDetails) -> None:
        """Show the bar which names the action that a lost operation blocks. Remove the bar if it blocks nothing,
        because there is nothing to do about it, or if the journal has the operation by now."""
        operation, bar = details.record, None
        if operation.source == "desk" and details.explanation.next_step.code != "next.nothing":
            bold_key, sentence_key = _BLOCKING_BAR_KEYS_BY_KIND.get(
                operation.subject_kind, ("record.blocked", "record.blocked_until")
            )
            bold_text, text = self.context.translate(bold_key), self.context.translate(sentence_key)
            bar = NotificationBar(bold_text, text, tone="unknown", icon_name="lock")
        self.show_state_bar("blocked", bar, is_above_contents=True)

    def _show_badges(self, details: OperationDetails) -> None:
        clear_layout(self.badge_row)
        state = details.record.state.value
        icon_name, tone = _ICON_AND_TONE_BY_OPERATION_STATE[state]
        self.badge_row.addWidget(Badge(self.context.translate(f"state.operation.{state}"), icon_name, tone))  # type: ignore[arg-type]  # a tone

    def _show_facts(self, details: OperationDetails) -> None:
        operation, translate = details.record, self.context.translate
        facts = FactList(
            [
                (translate("column.what"), translate(f"operation.{operation.action}")),
                (
                    translate("field.corporation_number"),
                    wording.format_corporation_number(operation.corporation_number or ""),
                ),
                (translate("field.client"), operation.client_id or wording.NO_VALUE),
                (translate("column.who"), words.get_actor_name(operation.operator, self.context)),
                (translate("column.since"), format_time_in_sentence(operation.started_at, self.context)),
            ],
        )
        proposal = format_proposal(details, self.context)
        if proposal:
            facts.add_fact(translate("approvals.proposed_outcome"), TextLabel(proposal, wraps_lines=True))
        facts.align_values_below(self.explanation_form)
        fact_panel = Surface(edge="bottom")
        fact_panel.setLayout(make_column(facts, margins=(24, 12, 24, 12)))
        self._layout.replaceWidget(self.fact_panel, fact_panel)
        discard_widget(self.fact_panel)
        self.fact_panel = fact_panel

    def _make_buttons(self, details: OperationDetails) -> list[QWidget]:
        translate = self.context.translate
        if details.record.source != "desk":
            open_button = KeyButton(translate("action.open_record"), kind="primary")
            open_button.clicked.connect(self._open_record)
            return [open_button]
        has_ended, action_buttons = details.record.is_lost_without_effect, list[KeyButton]()
        if details.can_resolve:
            can_decide = not find_second_decision_refusal(details, self.context)
            resolve_button = KeyButton(
                translate(get_resolve_label_key(can_decide=can_decide)),
                "E",
                "primary" if can_decide and not has_ended else "default",
                binds_key=False,
            )
            resolve_button.clicked.connect(self._open_resolve_dialog)
            action_buttons.append(bind_button_to_right(self.context, resolve_button, "resolve"))
        if not has_ended:
            probe_button = KeyButton(translate("action.probe"), "P", binds_key=False)
            probe_button.clicked.connect(self._probe_operation)
            action_buttons.append(bind_button_to_right(self.context, probe_button, "probe"))
        return [*action_buttons, DisabledReasonsLabel(*action_buttons)]

    @Slot()
    def _open_record(self) -> None:
        if self.details is not None and self.details.record.subject_id is not None:
            self.context.navigate(
                make_route_to_record(self.details.record.subject_kind, self.details.record.subject_id, (), "queues")
            )

    @Slot()
    def _probe_operation(self) -> None:
        if self.details is not None and self.details.record.is_lost_without_effect:
            self.show_key_refusal(self.context.translate("verdict.operation_failed_money"))
        elif self.details is not None:
            self.action_handlers.probe_record(self.details.record)

    @Slot()
    def _open_resolve_dialog(self) -> None:
        if self.details is not None and not self.details.can_resolve:
            self.show_key_refusal(self.context.translate("verdict.operation_failed_money"))
        elif self.details is not None and self.details.record.source == "desk":
            self.action_handlers.open_resolve_dialog(self.details.record, find_proposer(self.details))
        elif self.details is not None:
            self.show_key_refusal(self.context.translate("act.operation_has_record"))


def _list_hidden_hints(details: OperationDetails) -> tuple[str, ...]:
    """Return the wording keys of the shortcuts that the page doesn't offer for this operation."""
    if details.record.source != "desk":
        return "key.probe", "key.resolve"
    offers_key = {"key.probe": not details.record.is_lost_without_effect, "key.resolve": details.can_resolve}
    return tuple(key for key, is_offered in offers_key.items() if not is_offered)
