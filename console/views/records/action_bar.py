"""The action buttons of a record's page. All actions have a button or a menu entry in the bar at the bottom, where a
disabled button shows its reason. The recommended actions also have a button in the line "you can" of the
explanation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal, Slot

from console.domain.access.permissions import ROLES_BY_RIGHT, does_right_change_records, is_same_person
from console.domain.allowed_action import AllowedAction
from console.domain.explained_state import Explanation, WorkBadge
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.records import TimelineEntry
from console.domain.recovery.decision_rules import find_purpose_of_known_outcome_decision
from console.domain.service_results import OperationDetails
from console.domain.views.any_record import CreditCheckDetails
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters.credit_checks import get_actor_name
from console.views.presenters.records import (
    RecordDetails,
    is_about_proposal_on_refund,
    reword_step_for_acting_person,
    reword_step_for_second_person,
)
from console.views.printing.print_job import PRINT_SHORTCUT
from console.views.records import collaboration_actions, evidence_actions
from console.views.runtime.context import WindowContext
from console.views.widgets.base import FlowLabel, Surface, make_column
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.record_parts import ExplanationForm
from console.wording.records import format_proposal_reason, get_proposed_state_word, get_record_kind
from console.wording.sentences.formats import join_sentences

DecidableDetails: TypeAlias = CreditCheckDetails | PaymentDetails | RefundDetails | OperationDetails
"""Details of a record or operation with an outcome that people can decide: one person proposes it, and a second
person may have to confirm it."""

SHORTCUT_BY_RECORD_ACTION = {
    "probe": "P", "refetch": "F", "resolve": "E", "renew": "B", "open_pdf": "O", "purchase": "B", "refund": "R",
    "move_order": "M", "approve": "A", "reject": "D", "withdraw": "W", "open_payment": "O", "open_refund": "O",
    "open_order": "O", "unmask": "U",
    "import": "I", "take": "T", "note": "N", "copy_story": "Ctrl+Shift+T", "evidence_pack": "Ctrl+Shift+E",
    "print": PRINT_SHORTCUT,
}  # fmt: skip
_RIGHT_BY_RECORD_ACTION = {
    "renew": "purchase", "open_pdf": "read", "refund": "refund_request", "approve": "refund_approve",
    "reject": "refund_approve", "withdraw": "refund_withdraw", "move_order": "resolve", "record_outside": "resolve",
    "submit": "refund_submit",
    "copy_story": "read", "copy_enquiry": "read", "evidence_pack": "audit_any", "print": "read",
}  # fmt: skip

_OPENING_ACTION_BY_ADVISED_ACTION = {"approve": "open_approval", "reject": "open_approval"}
"""For an action of a next step that the page of a record doesn't offer itself: the action of this page that opens the
page with the advised action.
"""
_BAR_ACTION_BY_ADVISED_ACTION = {"purchase": "renew"}
"""For a recommended action that has no button in the bar: the action of the bar with the same shortcut. While the
first action is recommended, the second is impossible: the bar hides its button, and the shortcut runs the recommended
action."""
COPY_ENQUIRY_ACTION = "copy_enquiry"
"""Name of the action that copies a letter to the provider, which asks for the outcome of the record."""
_RECORD_ACTIONS_IN_MENU = (*evidence_actions.EVIDENCE_EXPORT_ACTIONS, "print")


class ActionButtons(QObject):
    """The action buttons of a record's page. The service returns the list of allowed actions with the record. A
    button is enabled if this list allows its action, and if this desk can run the action at present. For an action
    that isn't in the list, the person's right decides.

    Signals:
    - action_requested(str): the person wants to run the action of this name.
    """

    action_requested = Signal(str)

    def __init__(
        self, context: WindowContext, action_names: Sequence[str], menu_action_names: Sequence[str] = ()
    ) -> None:
        """`menu_action_names` are further actions of this kind of record, which only the menu has."""
        super().__init__()
        self._context = context
        self.outdated_reason = ""
        """Sentence with the reason why no action that changes something is possible: the program could not read the
        shown data again. "" if the last read has succeeded.
        """
        self.taken_reason = ""
        """Sentence with the reason why the person can't take the record: another person has taken it. "" if no other
        person has taken the record.
        """
        self.is_own_take = False
        """True if the person has taken the record. The person can't take it again, only extend their own take."""
        self.obstacle = ""
        """Sentence that says why no recommended action is possible at this desk at present, such as a lost
        connection. "" if one is possible, if `purchase` is recommended (its own button shows the reason), or if none
        would be possible at another time either.
        """
        self.missing_record_reasons: Mapping[str, str] = {}
        """For each action that is impossible because the record that it opens, or the payer that it shows, doesn't
        exist, or because the payer is shown already: a sentence with this reason, by the name of the action.
        """
        self._buttons = {
            name: self._make_button(name)
            for name in (
                *action_names,
                *collaboration_actions.COLLABORATION_ACTIONS,
                *menu_action_names,
                *_RECORD_ACTIONS_IN_MENU,
            )
        }
        self.bar = Surface(is_raised=True, edge="top")
        left_buttons, right_buttons, menu_buttons = (
            [self._buttons[name] for name in group]
            for group in (
                action_names,
                collaboration_actions.COLLABORATION_ACTIONS,
                (*menu_action_names, *_RECORD_ACTIONS_IN_MENU),
            )
        )
        self.button_row = ActionRow(
            left_buttons,
            right_buttons,
            menu_buttons,
            menu_button_text=context.translate("action.more"),
            format_menu_text=lambda action, reason: context.translate("act.about", title=action, message=reason),
        )
        self.bar.setLayout(make_column(self.button_row, margins=(24, 8, 24, 8)))
        self.setParent(self.bar)
        self._shown_actions: tuple[object, ...] = ()
        self._replacing_buttons: Mapping[str, KeyButton] = {}

    def find_explanation_button(self, name: str) -> KeyButton | None:
        """Return the button of the action `name` in the explanation form, to which the shortcut of the action belongs
        while this button exists. Return None if the explanation form has no such button: the shortcut then belongs
        to the button of the bar."""
        return self._replacing_buttons.get(name)

    def find_button(self, name: str) -> KeyButton | None:
        """Return the button of the action `name`; None if the bar has no button of this name."""
        return self._buttons.get(name)

    def _make_button(self, action_name: str, kind: str = "default") -> KeyButton:
        label = self._context.translate(f"action.{action_name}")
        button = KeyButton(label, SHORTCUT_BY_RECORD_ACTION.get(action_name, ""), kind, binds_key=False)  # type: ignore[arg-type]  # a kind
        button.setProperty("act", action_name)
        button.clicked.connect(self._request_action)
        return button

    @Slot()
    def _request_action(self) -> None:
        self.action_requested.emit(str(self.sender().property("act")))

    def disable_all_buttons(self, reason: str) -> None:
        """Disable all buttons of the bar with this reason, because the page has no record, so that the allowed
        actions aren't known."""
        for button in self._buttons.values():
            button.disable_with_reason(reason)
        self._shown_actions = ()
        self._replace_buttons({})

    def _replace_buttons(self, replacing_buttons: Mapping[str, KeyButton]) -> None:
        """Hide the buttons of the bar whose actions are the keys of `replacing_buttons`, and show the others. The
        values are the buttons of the explanation form that have their shortcuts."""
        self._replacing_buttons = replacing_buttons
        self.button_row.offer_buttons(
            [button for name, button in self._buttons.items() if name not in replacing_buttons]
        )

    def show_actions(
        self, details: RecordDetails, explanation_form: ExplanationForm, helpful_actions: Sequence[str]
    ) -> None:
        """Enable or disable the buttons for the record of `details`. The actions in `helpful_actions` that are
        possible also get a button in the explanation form, in this order. `purchase` always gets a button there; this
        button is disabled while the person can't use the right (see `bind_button_to_right`)."""
        allowed_actions = {action.action: action for action in details.actions}
        undecidable_reason = _find_resolve_refusal(details, self._context)
        if "resolve" in self._buttons:
            label = self._context.translate(get_resolve_label_key(can_decide=not undecidable_reason))
            self._buttons["resolve"].show_text(label)
        for name, button in self._buttons.items():
            disabled_reason = self._find_disabled_reason(name, allowed_actions)
            if disabled_reason:
                button.disable_with_reason(disabled_reason)
            else:
                button.enable_button()
        self._buttons["take"].show_text(
            self._context.translate("action.extend_take" if self.is_own_take else "action.take")
        )
        reasons = {name: self._find_disabled_reason(name, allowed_actions) for name in helpful_actions}
        if undecidable_reason and not reasons.get("resolve", "missing"):
            # Setting another outcome, or the same again, is possible, but it is not the person's next step.
            reasons["resolve"] = undecidable_reason
        possible_actions = [name for name, reason in reasons.items() if name == "purchase" or not reason]
        obstacles = (
            (self._find_reason_against_any_run(name) for name in helpful_actions) if not possible_actions else ()
        )
        self.obstacle = next(filter(None, obstacles), "")
        note = self._format_resolve_purpose(details, allowed_actions)
        self._show_helpful_actions(
            details, possible_actions, explanation_form, next(iter(reasons.values()), ""), note
        )

    def _format_resolve_purpose(self, details: RecordDetails, allowed_actions: Mapping[str, AllowedAction]) -> str:
        """Return the sentence which says why the outcome of a payment can be resolved although it is known. "" for
        another record, for an unknown outcome, and if the button "resolve" is disabled. `allowed_actions` are the
        service's answers about the actions of the record, by the name of the action.
        """
        if "resolve" not in self._buttons or not isinstance(details, PaymentDetails):
            return ""
        purpose = find_purpose_of_known_outcome_decision(details.record)
        if purpose is None or self._find_disabled_reason("resolve", allowed_actions):
            return ""
        return self._context.translate(f"record.resolve_purpose.{purpose}")

    def _find_disabled_reason(self, name: str, allowed_actions: Mapping[str, AllowedAction]) -> str:
        """Return the reason why the button of the action `name` is disabled; "" if the button is enabled.
        `allowed_actions` are the service's answers about the actions of the record, by the name of the action. The
        possible reasons are:

        - the record that the action opens, or the payer that it shows, doesn't exist, or the payer is shown already
        - the service doesn't allow the action
        - the database is unreachable, a read-only switch is on, or no worker is present
        - the person lacks the right
        - another person has taken the record
        - the program could not read the shown data again
        """
        if name in self.missing_record_reasons:
            return self.missing_record_reasons[name]
        allowed_action = allowed_actions.get(name)
        if allowed_action is not None and not allowed_action.allowed:
            return self._format_disabled_reason(allowed_action)
        right = _RIGHT_BY_RECORD_ACTION.get(name, name)
        is_checked_here = allowed_action is None and right in ROLES_BY_RIGHT
        unavailable_reason = (
            self._context.find_disabled_reason(right) if is_checked_here else self._find_unavailable_reason(name)
        )
        if name == "take":
            return unavailable_reason or self.taken_reason
        return unavailable_reason or (self.outdated_reason if does_right_change_records(right) else "")

    def _find_reason_against_any_run(self, name: str) -> str:
        """Return the reason why nobody can run the action `name` on this page at present, whatever the record's
        state: the reason of `_find_unavailable_reason` or, for an action that changes records, that the shown data
        could not be read again. Return "" if there is none.
        """
        right = _RIGHT_BY_RECORD_ACTION.get(name, name)
        return self._find_unavailable_reason(name) or (
            self.outdated_reason if does_right_change_records(right) else ""
        )

    def _find_unavailable_reason(self, name: str) -> str:
        """Return the reason why no person at this desk can run the action `name` at present; "" if the action is
        possible. The possible reasons are: the database is unreachable, a read-only switch is on, or the desk is in
        team mode and no worker is present. This method doesn't check the rights of the person."""
        right = _RIGHT_BY_RECORD_ACTION.get(name, name)
        is_known_right = right in ROLES_BY_RIGHT
        context = self._context
        return context.find_lost_connection_reason() or (
            context.find_read_only_reason(right) or context.find_worker_away_reason(right) if is_known_right else ""
        )

    def _format_disabled_reason(self, action: AllowedAction) -> str:
        """Return the text of the reason why the service doesn't allow an action. If the person lacks a role, the text
        names the people who have this role."""
        needed_roles = action.facts.get("needs")
        right = _RIGHT_BY_RECORD_ACTION.get(action.action, action.action)
        if action.reason == "reason.role" and isinstance(needed_roles, tuple):
            return self._context.find_missing_right_reason(right) or self._context.format_needed_role(
                needed_roles, self._context.list_other_people_with_right(right)
            )
        reason = action.reason or "reason.role"
        holder = str(action.facts.get("holder") or "")
        if reason == "reason.in_progress" and holder and is_same_person(holder, self._context.operator or ""):
            reason = "reason.in_progress_own"
        return self._context.translate(reason, **action.facts)

    def _show_helpful_actions(
        self,
        details: RecordDetails,
        action_names: Sequence[str],
        explanation_form: ExplanationForm,
        disabled_reason: str,
        note: str,
    ) -> None:
        """Show a button for each of the possible actions `action_names`, and below them `note` ("" for none). Without
        a possible action, show a text which says that no action is possible, and why: `self.obstacle`, or
        `disabled_reason`, the reason why the first recommended action is disabled ("" if none is recommended)."""
        primary_action = self._find_primary_action(details, action_names)
        reason = None if action_names else self.obstacle or disabled_reason or None
        needs_nothing = details.explanation.work is WorkBadge.NONE
        shown_actions = (
            *action_names, details.explanation.next_step.code, primary_action, reason, needs_nothing, note,
        )  # fmt: skip
        if shown_actions == self._shown_actions:
            return  # the same buttons stay, so that the focused one keeps the focus
        is_same_record, self._shown_actions = bool(self._shown_actions), shown_actions
        replacing_buttons: dict[str, KeyButton] = {}
        if action_names:
            buttons = [
                self._make_button(name, "primary" if name == primary_action else "default") for name in action_names
            ]
            for button in buttons:
                action_name = button.property("act")
                if action_name == "purchase":
                    bind_button_to_right(self._context, button, "purchase")
                if _BAR_ACTION_BY_ADVISED_ACTION.get(action_name) in self._buttons:
                    replacing_buttons[_BAR_ACTION_BY_ADVISED_ACTION[action_name]] = button
                if is_same_record:  # a quick second click was meant for the button that was here before
                    button.ignore_mouse_briefly()
            explanation_form.show_action_widgets(*buttons, DisabledReasonsLabel(*buttons), *_make_note_labels(note))
        else:
            key = "record.no_action_now" if reason and needs_nothing else "record.nothing_to_press"
            text = self._context.translate(key, reason=reason)
            if self._context.is_acting_person_only_reader:
                text = join_sentences((text, self._context.translate("record.reader_can")), self._context.translate)
            explanation_form.show_action_widgets(
                FlowLabel(text, "body", "muted", wraps_lines=True), *_make_note_labels(note)
            )
        self._replace_buttons(replacing_buttons)

    def _find_primary_action(self, details: RecordDetails, action_names: Sequence[str]) -> str | None:
        """Return the name of the offered action whose button is the primary one: the action that does the explained
        next step, if this person may do the step now. Return None if the record needs no step, if the person must
        first ask the shop, or if none of the offered actions does the next step, because a primary button for another
        action would contradict the advice."""
        explanation = details.explanation
        advised = explanation.next_step.action
        if advised is None or explanation.work is WorkBadge.NONE:
            return None
        if explanation.next_step.asks_others_first:
            return None
        name = _OPENING_ACTION_BY_ADVISED_ACTION.get(advised, advised)
        is_decision_disabled = name != advised and bool(
            self._find_disabled_reason(advised, {action.action: action for action in details.actions})
        )
        return name if name in action_names and not is_decision_disabled else None


def get_resolve_label_key(*, can_decide: bool) -> str:
    """Return the wording key of the label of the button "resolve". `can_decide` is False if a proposed outcome waits
    for a second person and the acting person can't be this person: the acting person can only set another outcome."""
    return "action.resolve" if can_decide else "action.resolve_otherwise"


def _find_resolve_refusal(details: RecordDetails, context: WindowContext) -> str:
    """Return the reason why the acting person can only set another outcome than the proposed one; "" if they can
    confirm it, or if none is proposed. That an amount was given back outside is no outcome of the payment."""
    if isinstance(details, OrderDetails):
        return ""
    if isinstance(details, PaymentDetails):
        relations = details.record.relations
        if relations is not None and relations.is_outside_refund_proposed:
            return ""
    return find_second_decision_refusal(details, context)


def _make_note_labels(note: str) -> tuple[FlowLabel, ...]:
    return (FlowLabel(note, "small", "muted", wraps_lines=True),) if note else ()


def find_second_decision_refusal(details: DecidableDetails, context: WindowContext) -> str:
    """Return the reason why the acting person can't confirm the proposed outcome that waits for a second person: the
    person has proposed it, or lacks the right. "" if the person can, or if no proposal waits."""
    if not details.awaiting:
        return ""
    proposer = find_proposer(details) or ""
    if is_same_person(proposer, context.operator or ""):
        return context.translate("reason.own_first_half")
    return context.find_missing_right_reason("resolve_second", proposer)


def explain_details_to_acting_person(
    details: RecordDetails | OperationDetails, context: WindowContext
) -> Explanation:
    """Return the explanation of the record or operation in `details`. If a proposed outcome of it, or of a payment's
    refund, waits for a second person and the acting person can be this person, the sentence about the next step says
    "you"."""
    explanation = details.explanation
    step = explanation.next_step
    if isinstance(details, OrderDetails) or is_about_proposal_on_refund(step):
        step = reword_step_for_acting_person(step, details.record, context)
    elif details.awaiting:
        refusal = find_second_decision_refusal(details, context) or context.find_missing_right_reason("resolve")
        step = reword_step_for_second_person(step, can_confirm=not refusal)
    return replace(explanation, next_step=step)


def find_proposer(details: DecidableDetails) -> str | None:
    """Return the name of the person who has proposed a decision about the record or operation, if the proposal waits
    for a second person; None if no proposal waits, or if the timeline lacks its entry."""
    entry = _find_proposal_entry(details)
    return entry.actor if entry is not None else None


def _find_proposal_entry(details: DecidableDetails) -> TimelineEntry | None:
    """Return the audit entry of the proposed decision that waits for a second person; None if none waits, or if the
    timeline lacks the entry."""
    if not details.awaiting:
        return None
    return next((entry for entry in reversed(details.timeline) if entry.what.endswith("resolve_proposed")), None)


def format_proposal(details: DecidableDetails, context: WindowContext) -> str:
    """Return the sentence that names the proposed outcome which waits for a second person, its proposer, the time and
    the proposer's reason; "" if none waits, or if the timeline lacks its audit entry."""
    entry = _find_proposal_entry(details)
    if entry is None:
        return ""
    kind = "operation" if isinstance(details, OperationDetails) else get_record_kind(details.record)
    word = get_proposed_state_word(kind, str(entry.detail.get("as")), context)
    evidence_id = entry.detail.get("evidence")
    summary = next((item.summary for item in details.evidence if item.id == evidence_id), "")
    reason = format_proposal_reason(summary, context) or None
    who = get_actor_name(entry.actor, context)
    return context.translate("record.proposed", who=who, state=word, at=entry.at, reason=reason)
