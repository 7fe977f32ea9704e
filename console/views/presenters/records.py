"""Texts, icons, badges and routes for records of every kind: credit checks, orders, payments and refunds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from console.domain.explained_state import CertaintyBadge, Explanation, NextStep, WorkBadge
from console.domain.explanations.badges import VERDICTS_OF_MISMATCH
from console.domain.explanations.records import explain_record as explain_record
from console.domain.payments.records import Order, Payment
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, Operation, Work, WorkReason, WorkState, is_attempt_overdue
from console.domain.recovery.records import WaitingProposal
from console.domain.views.any_record import CreditCheckDetails
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, RecordRef, make_route_to_record
from console.views.theme.design_tokens import Tone, tokens
from console.wording.records import ShownRecord as ShownRecord
from console.wording.records import format_amount_with_difference_mark as format_amount_with_difference_mark
from console.wording.records import format_company_name_and_number as format_company_name_and_number
from console.wording.records import format_company_or_title as format_company_or_title
from console.wording.records import format_labelled_corporation_number as format_labelled_corporation_number
from console.wording.records import format_record_amount as format_record_amount
from console.wording.records import format_record_problem as format_record_problem
from console.wording.records import format_record_title as format_record_title
from console.wording.records import format_short_title as format_short_title
from console.wording.records import get_certainty_badge_key as get_certainty_badge_key
from console.wording.records import get_corporation_number as get_corporation_number
from console.wording.records import get_creation_time as get_creation_time
from console.wording.records import get_provider_name as get_provider_name
from console.wording.records import get_record_company_name as get_record_company_name
from console.wording.records import get_record_kind as get_record_kind
from console.wording.records import get_record_provider_name as get_record_provider_name
from console.wording.records import get_state_badge_key as get_state_badge_key
from console.wording.records import get_unanswered_side_key_suffix as get_unanswered_side_key_suffix
from console.wording.records import get_work_badge_key as get_work_badge_key
from console.wording.records import has_amount_mismatch as has_amount_mismatch
from console.wording.records import mask_payer as mask_payer
from console.wording.sentences import catalogue as wording

RecordDetails: TypeAlias = CreditCheckDetails | OrderDetails | PaymentDetails | RefundDetails
"""A record together with the data of its page, as a service returns it; one class per kind of record."""

WAITING_FOR_APPROVAL_BADGE_KEY = WorkBadge.WAITING_FOR_APPROVAL.value
ICON_BY_RECORD_KIND: Mapping[str, str] = {
    "payment": "card",
    "refund": "arrow_back",
    "credit-check": "document",
    "order": "list",
}
"""The icon that stands for each kind of record in lists of several kinds."""
_ICON_AND_TONE_BY_EXPLANATION_VERDICT: Mapping[str, tuple[str, Tone]] = {
    "complete": ("check", "good"),
    "complete_company_changed": ("square_bang", "care"),
    "incomplete": ("open_ring_plus", "care"),
    "superseded": ("two_sheets", "muted"),
    "duplicate": ("not_equal", "care"),
    "unknown": ("question", "unknown"),
    "only_desk_knows": ("question", "unknown"),
    "operation_unknown": ("question", "unknown"),
    "error": ("cross", "bad"),
    "operation_failed": ("cross", "bad"),
    "operation_done": ("check", "good"),
    "payment_complete": ("check", "good"),
    "payment_partly": ("arrow_back_dashed", "text"),
    "payment_refunded": ("arrow_back", "text"),
    "payment_reversible": ("hourglass", "care"),
    "payment_failed": ("cross", "bad"),
    "payment_expired": ("ring_slash", "muted"),
    "payment_reversed": ("arrow_back", "bad"),
    "payment_unknown": ("question", "unknown"),
    "payment_paid_twice": ("square_bang", "care"),
    "payment_set_aside": ("square_bang", "care"),
    "payment_no_order": ("square_bang", "care"),
    "payment_person": ("square_bang", "care"),
    "payment_noticed": ("half_disc", "progress"),
    "payment_overdue": ("hourglass", "care"),
    "refund_unknown": ("question", "unknown"),
    "refund_requested": ("hourglass", "progress"),
    "refund_approved": ("ring_check", "progress"),
    "refund_approved_perhaps_made": ("question", "unknown"),
    "refund_completed": ("check", "good"),
    "refund_failed": ("cross", "bad"),
    "refund_rejected": ("cross", "muted"),
    "refund_withdrawn": ("ring_slash", "muted"),
    "refund_expired": ("ring_slash", "muted"),
    "order_pending": ("ring", "text"),
    "order_cancelled": ("ring_slash", "muted"),
    "order_refunded": ("arrow_back", "text"),
    "payment_refund_unknown": ("question", "unknown"),
    "payment_refund_requested": ("hourglass", "progress"),
    "payment_refund_approved": ("ring_check", "progress"),
    "payment_refund_approved_perhaps_made": ("question", "unknown"),
    "payment_order_moved": ("square_bang", "care"),
    **{verdict.removeprefix("verdict."): ("not_equal", "bad") for verdict in VERDICTS_OF_MISMATCH},
}
"""Icon and colour tone of each verdict of an explanation; the key is the verdict's code without the prefix
`verdict.`.
"""


_SENDING_REASONS = (WorkReason.COOLING_OFF, WorkReason.SUBMISSION)
"""Reasons of scheduled work that sends an approved refund."""
_PROPOSAL_ON_REFUND_STEP = "next.payment_refund_second_person"
_STEP_OF_SECOND_PERSON: Mapping[str, str] = {
    "next.second_person": "next.second_person_you",
    "next.payment_second_person": "next.second_person_you",
    "next.payment_outside_second_person": "next.payment_outside_second_person_you",
    "next.refund_second_person": "next.second_person_you",
    _PROPOSAL_ON_REFUND_STEP: "next.payment_refund_second_person_you",
}
"""For each wording key of the next step that a second person confirms a proposed outcome: the key of the same step
for a person who can be this second person.
"""


def reword_step_for_second_person(step: NextStep, *, can_confirm: bool) -> NextStep:
    """If `can_confirm` is True and the next step is that a second person confirms a proposed outcome, return the step
    with the code of the sentence for this second person, which mentions no other approver. Otherwise return the step
    unchanged."""
    if not can_confirm or step.code not in _STEP_OF_SECOND_PERSON:
        return step
    return replace(step, code=_STEP_OF_SECOND_PERSON[step.code])


def is_about_proposal_on_refund(step: NextStep) -> bool:
    """Return True if the next step of a payment is that a second person confirms the outcome of its refund."""
    return step.code == _PROPOSAL_ON_REFUND_STEP


def reword_step_for_acting_person(
    step: NextStep, record: ShownRecord | Operation | None, context: WindowContext
) -> NextStep:
    """Return the next step `step` of `record`, reworded for the acting person: if a second person must confirm a
    proposed outcome, and the acting person can be this person (see `can_confirm_proposal`), the sentence says "you".
    Otherwise, and for a lost record (`record` is None), return the step unchanged."""
    if record is None or step.code not in _STEP_OF_SECOND_PERSON:
        return step
    kind, id = get_subject_kind_and_id(record)
    if is_about_proposal_on_refund(step):
        kind, id = "refund", str(step.facts.get("refund"))
    return reword_step_for_second_person(step, can_confirm=can_confirm_proposal(kind, id, context))


def explain_record_to_acting_person(record: ShownRecord, context: WindowContext) -> Explanation:
    """Return the explanation of a record, with its next step reworded for the acting person (see
    `reword_step_for_acting_person`)."""
    explanation = explain_record(record, context.now())
    return replace(explanation, next_step=reword_step_for_acting_person(explanation.next_step, record, context))


def can_confirm_proposal(kind: str, id: int | str, context: WindowContext) -> bool:
    """Return True if a proposed outcome of the record or operation with this kind and id waits for a second person,
    and the acting person can be this person: the proposal is among the decisions in the window's work counts."""
    return any(
        isinstance(decision, WaitingProposal) and (decision.kind, decision.record_id) == (kind, str(id))
        for decision in context.work_counts.decisions_to_make
    )


def make_record_ref(record: ShownRecord) -> RecordRef:
    """Return the kind and id of a record."""
    return get_record_kind(record), record.id


def get_subject_kind_and_id(record: ShownRecord | Operation) -> tuple[str, int | str]:
    """Return the kind and id of a record or of an operation; the kind of an operation is "operation"."""
    return ("operation", record.id) if isinstance(record, Operation) else make_record_ref(record)


def format_subject_title(record: ShownRecord | Operation, context: WindowContext) -> str:
    """Return the title of a record or of an operation, which names it in messages."""
    if isinstance(record, Operation):
        return f"{context.translate('operation_screen.title')} {wording.shorten_id(record.id)}"
    return format_record_title(record, context)


def make_record_route(
    record: ShownRecord, trail: tuple[int | RecordRef, ...] = (), sidebar_key: str = "lookup"
) -> RecordPageRoute:
    """Return the route to the page of a record. `trail` are the records of the list from which the page is opened, so
    that the page can step through them: each as (kind, id), or only as the id if it is a credit check. `sidebar_key`
    is the key of the sidebar entry to highlight."""
    return make_route_to_record(get_record_kind(record), record.id, trail, sidebar_key)


def get_verdict_icon_and_tone(explanation: Explanation) -> tuple[str, Tone]:
    """Return the icon and the colour tone with which the window shows the verdict of an explanation."""
    name = explanation.verdict.removeprefix("verdict.").removesuffix("_money")
    return _ICON_AND_TONE_BY_EXPLANATION_VERDICT.get(
        name, ("check", "good") if name.startswith("order_") else ("half_disc", "progress")
    )


# -- the three states


def get_badge_keys(record: ShownRecord, now: datetime) -> tuple[str, str, str]:
    """Return the keys of the three badges that every record has: state, certainty and work; for example
    `payment.completed`, `certainty.known` and `work.none`."""
    explanation = explain_record(record, now)
    return (
        get_state_badge_key(record),
        f"certainty.{explanation.certainty}",
        f"work.{explanation.work}",
    )


def get_page_badge_keys(details: RecordDetails) -> tuple[str, str, str]:
    """Return the keys of the three badges (state, certainty, work) for the page of a record. Unlike `get_badge_keys`,
    this function uses the explanation in `details`, which also takes related records into account."""
    explanation = details.explanation
    return get_state_badge_key(details.record), f"certainty.{explanation.certainty}", f"work.{explanation.work}"


def get_most_specific_badge_key(record: ShownRecord, now: datetime) -> str:
    """Return the key of the badge to show where there is room for only one badge. This is the badge of certainty if
    the outcome is unknown, the sides disagree or the bank may reverse the payment. It is the badge of work if a
    person must still act on a record whose call has succeeded. Otherwise it is the badge of the state.
    """
    explanation, state_key = explain_record(record, now), get_state_badge_key(record)
    if explanation.certainty not in (CertaintyBadge.KNOWN, CertaintyBadge.UNCONFIRMED, CertaintyBadge.OLD):
        return f"certainty.{explanation.certainty}"
    if explanation.work is WorkBadge.NEEDS_REVIEW and tokens().badges[state_key].tone == "good":
        return f"work.{explanation.work}"
    return state_key


def get_record_icon_name(record: ShownRecord) -> str:
    """Return the name of the icon that represents the kind of the record in lists with records of several kinds."""
    return ICON_BY_RECORD_KIND[get_record_kind(record)]


# -- texts for lists


def shorten_identifier(text: str) -> str:
    """Return an identifier, shortened for the screen: of more than 20 characters, only the first 8 and the last 6
    stay, with "…" between them."""
    return text if len(text) <= 20 else f"{text[:8]}…{text[-6:]}"


def format_next_attempt_time(record: ShownRecord, context: WindowContext) -> str:
    """Return the text of the instant at which the worker will run the next scheduled step of the record, or the word
    for an overdue step; "" if no step is scheduled."""
    due_at, now = record.work.at, context.now()
    if record.work.state is not WorkState.SCHEDULED or due_at is None:
        return ""
    if is_attempt_overdue(record.work, now):
        return context.translate("record.next_overdue")
    return wording.format_short_instant(due_at, now)


def format_work_with_reason(work: Work, context: WindowContext) -> str:
    """Return the text of a record's next step (its work) as it is stored: the word for its state, and in parentheses
    the text for its reason, if it has one. The word for a scheduled sending of a refund is that of its badge, because
    nothing is checked until then."""
    is_sending = work.state is WorkState.SCHEDULED and work.reason in _SENDING_REASONS
    badge = WorkBadge.WAITING_FOR_SENDING if is_sending else work.state
    work_word = wording.get_badge_word(f"work.{badge}", context.language)
    if not work.reason:
        return work_word
    reason_text = wording.format_cause(work.reason, context.translate)
    return context.translate("record.work_with_reason", work=work_word, reason=reason_text)


def is_record_open(record: ShownRecord) -> bool:
    """Return True if the record isn't finished: a person, the worker or the provider must still do something about
    it."""
    if isinstance(record, CreditCheck):
        lacks_parts = bool(record.incomplete) and record.state.value == "success"
        is_waiting = record.certainty is Certainty.UNKNOWN or record.work.state is WorkState.NEEDS_REVIEW
        return not record.is_superseded and (lacks_parts or is_waiting or record.state.value == "pending")
    if record.work.state is not WorkState.NONE:
        return True
    if isinstance(record, Order):
        return False
    if isinstance(record, Payment):
        return record.certainty is Certainty.UNKNOWN or record.state in (
            PaymentState.INITIALIZING,
            PaymentState.TOKEN_GENERATED,
            PaymentState.USER_PAYMENT,
        )
    return record.certainty is Certainty.UNKNOWN or record.state in (
        RefundState.REQUESTED,
        RefundState.APPROVED,
        RefundState.SUBMITTING,
        RefundState.SUBMITTED,
    )
