"""Cards of the list on the approvals page: for one request or proposal a few texts, in the order of reading."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.payments.records import Refund
from console.domain.payments.service_results import RequestSummary
from console.domain.payments.states import RefundState
from console.domain.recovery.records import WaitingProposal
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Ref
from console.views.theme.design_tokens import Tone
from console.wording import catalogue as wording
from console.wording import records as record_texts

PROPOSAL_KIND = "proposal"
MAX_ANSWER_AGE_SECONDS = 900.0
"""Maximum age in seconds of the payment provider's last answer; with an older answer, a refund can't be approved."""
_UNDECIDED_STATES = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


@dataclass(frozen=True, slots=True)
class InboxCard:
    """The texts of one request or proposal in the list. `ref` is the kind and id of the requested record, or
    PROPOSAL and the id of the proposal. `name` is spoken before the texts; `title` is the number by which people know
    the record. `remark` is the line below, with its icon (`shape`, "" for none) and tone.
    """

    ref: Ref
    name: str
    title: str
    amount: str
    detail: str
    age: str
    remark: str
    shape: str = ""
    tone: Tone = "muted"

    def spoken_text(self) -> str:
        parts = (self.name, self.title, self.amount, self.detail, self.age, self.remark)
        return ", ".join(part for part in dict.fromkeys(parts) if part)


def refund_card(refund: Refund, context: WindowContext, summary: RequestSummary | None = None) -> InboxCard:
    """Return the card of a refund that waits for a decision, or that has just been decided. Without the summary,
    which is read for the first requests only, the card names the refund and its maker.
    """
    name = case_words.title(refund, context)
    remark, shape, tone = _remark_of_refund(refund, context, context.now(), summary)
    return InboxCard(
        ("refund", refund.id),
        name,
        summary.payment.merchant_payment_id if summary else name,
        case_words.amount_text(refund),
        case_words.company_name(refund, context) or case_words.name_of(summary.payment, context)
        if summary
        else context.translate("approvals.by", maker=refund.maker),
        context.age_text(refund.created_at) if refund.created_at else "",
        remark,
        shape,
        tone,
    )


def proposal_card(proposal: WaitingProposal, context: WindowContext) -> InboxCard:
    """Return the card of a proposed outcome. Its remark is the proposed state, or the reason for which the acting
    person can't confirm it.
    """
    remark = proposal_refusal(proposal, context)
    number = proposal.corporation_number
    title = proposal_title(proposal, context)
    return InboxCard(
        (PROPOSAL_KIND, proposal.id),
        title,
        title,
        proposal_amount(proposal, context),
        wording.format_number(number)
        if number
        else context.translate("approvals.proposed_by", person=proposal.person),
        context.age_text(proposal.since),
        remark or context.translate("approvals.proposed", state=proposed_state(proposal, context)),
        "person" if remark else "",
    )


def proposal_title(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return the title of the record that the proposal is about."""
    match proposal.kind:
        case "payment":
            return context.translate("case.title.payment", number=proposal.payment_number or proposal.record_id)
        case "refund":
            return context.translate("case.title.refund", id=int(proposal.record_id))
        case "credit-check":
            return context.translate("record.title", id=int(proposal.record_id))
    return f"{context.translate('operation_screen.title')} {wording.shorten_id(proposal.record_id)}"


def proposal_amount(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return the amount of the payment or refund. AlarmBox states no price of a purchase, so a credit check has a
    word instead of an amount. (The proposal decides if it was charged.)
    """
    if proposal.kind == "credit-check":
        return context.translate("approvals.charge_unknown")
    if proposal.amount_minor is None or proposal.currency is None:
        return ""
    sign = -1 if proposal.kind == "refund" else 1
    return wording.format_amount(sign * proposal.amount_minor, proposal.currency)


def proposed_state(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return the word of the proposed state. The only proposal about a credit check is that it was not bought, about
    an operation that it did not take effect.
    """
    match proposal.kind:
        case "credit-check":
            return context.translate("dialog.resolve.as_error")
        case "operation":
            return context.translate("state.operation.failed")
    return record_words.state_cell(f"{proposal.kind}.{proposal.state}", context.language).word


def proposal_refusal(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return why the acting person can't confirm the proposal; "" if the person can."""
    if proposal.refusal == "role":
        return context.missing_right_text("resolve_second") or context.translate("reason.role")
    return context.translate(f"reason.{proposal.refusal}") if proposal.refusal else ""


def count_reasons_against(summary: RequestSummary, now: datetime) -> int:
    """Return the number of reasons against a request, as its view lists them: risk signals, broken rules, and an
    answer of the provider that is missing or too old for a decision.
    """
    asked = summary.payment.told_at
    is_old = asked is None or (now - asked).total_seconds() > MAX_ANSWER_AGE_SECONDS
    return summary.reasons_against + is_old


def _remark_of_refund(
    refund: Refund, context: WindowContext, now: datetime, summary: RequestSummary | None
) -> tuple[str, str, Tone]:
    """Return the remark on the card of a refund, with its icon and tone: the state after the decision, else the
    number of reasons against it, else the checkers who have approved it already, else the end of its cooling-off
    period, else the maker's reason.
    """
    if refund.state not in _UNDECIDED_STATES:
        badge = record_words.state_cell(case_words.state_key(refund), context.language)
        return badge.word, badge.shape, badge.tone
    count = count_reasons_against(summary, now) if summary is not None else 0
    if count:
        return context.translate("approvals.against_count", n=count), "warning", "care"
    if refund.checkers:
        return context.translate("approvals.half", checkers=refund.checkers), "person", "muted"
    if refund.sends_after is not None and refund.sends_after > now:
        return context.translate("approvals.cooling_off", at=refund.sends_after), "hourglass", "muted"
    reason = record_texts.refund_reason(refund, context)
    return (context.translate("approvals.reason", reason=reason) if reason else ""), "", "muted"
