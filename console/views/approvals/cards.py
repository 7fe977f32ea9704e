"""What the list of the approvals page shows about one request or proposal: a few texts, in the order of reading."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.recovery.records import WaitingProposal
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Ref
from console.views.theme.design_tokens import Tone
from console.wording import catalogue as wording

PROPOSAL = "proposal"
_UNDECIDED = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


@dataclass(frozen=True, slots=True)
class InboxCard:
    """The texts of one request or proposal in the list. `ref` is the kind and id of the requested record, or
    PROPOSAL and the id of the proposal; `remark` is the line below, with its icon (`shape`, "" for none) and tone.
    """

    ref: Ref
    title: str
    amount: str
    detail: str
    age: str
    remark: str
    shape: str = ""
    tone: Tone = "muted"

    def spoken_text(self) -> str:
        return ", ".join(part for part in (self.title, self.amount, self.detail, self.age, self.remark) if part)


def refund_card(refund: Refund, context: WindowContext) -> InboxCard:
    """Return the card of a refund that waits for a decision, or that has just been decided."""
    remark, shape, tone = _remark(refund, context, context.now())
    return InboxCard(
        ("refund", refund.id),
        case_words.title(refund, context),
        case_words.amount_text(refund),
        context.translate("approvals.by", maker=refund.maker),
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
    return InboxCard(
        (PROPOSAL, proposal.id),
        proposal_title(proposal, context),
        "",
        context.translate("approvals.proposed_by", person=proposal.person),
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


def _remark(refund: Refund, context: WindowContext, now: datetime) -> tuple[str, str, Tone]:
    """Return the remark on the card of a refund, with its icon and tone: the state after the decision, else the
    checkers who have approved it already, else the end of its cooling-off period, else the maker's reason.
    """
    if refund.state not in _UNDECIDED:
        badge = record_words.state_cell(case_words.state_key(refund), context.language)
        return badge.word, badge.shape, badge.tone
    if refund.checkers:
        return context.translate("approvals.half", checkers=refund.checkers), "person", "muted"
    if refund.sends_after is not None and refund.sends_after > now:
        return context.translate("approvals.cooling_off", at=refund.sends_after), "hourglass", "muted"
    return (context.translate("approvals.reason", reason=refund.reason) if refund.reason else ""), "", "muted"
