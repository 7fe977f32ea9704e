"""The cards in the list of the approvals page. A card contains the short texts about one refund request or one
proposed outcome."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.payments.records import Refund
from console.domain.payments.service_results import RefundRequestSummary
from console.domain.payments.states import RefundState
from console.domain.recovery.records import WaitingProposal
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.theme.design_tokens import Tone
from console.wording import records as record_texts
from console.wording.sentences import catalogue as wording

PROPOSAL_CARD_KIND = "proposal"
MAX_PROVIDER_ANSWER_AGE_SECONDS = 900.0
"""Maximum age in seconds of the payment provider's last answer; with an older answer, a refund can't be approved."""


@dataclass(frozen=True, slots=True)
class ApprovalCard:
    """A card in the list: the texts about one refund request or one proposed outcome. `ref` is ("refund", its id) or
    (PROPOSAL_CARD_KIND, the proposal's id). `title` is the bold text of the card: the payment's number, or the title
    of the record if the payment's number isn't known. A screen reader speaks `spoken_record_title`, the title of the
    record, before the other texts. `amount` is the amount as text. `detail` names the company or, if it isn't known,
    the person who has made the request or proposal; `age` is the time since it was made. `remark` is the last line of
    the card, with an icon (`icon_name`, "" for none) and a tone. `is_decided` is True if the request no longer waits
    for a decision."""

    ref: RecordRef
    spoken_record_title: str
    title: str
    amount: str
    detail: str
    age: str
    remark: str
    icon_name: str = ""
    tone: Tone = "muted"
    is_decided: bool = False

    def format_spoken_text(self) -> str:
        """Return the text that a screen reader speaks for the card: all its texts, each once."""
        texts = (self.spoken_record_title, self.title, self.amount, self.detail, self.age, self.remark)
        return ", ".join(text for text in dict.fromkeys(texts) if text)


def make_refund_card(
    refund: Refund, context: WindowContext, summary: RefundRequestSummary | None = None
) -> ApprovalCard:
    """Return the card of a refund that waits for a decision or has just been decided. `summary` is None for
    requests far down in the list, because the service reads at most MAX_REFUND_SUMMARIES summaries. The card then
    shows the refund's title in place of the payment's number, and the maker in place of the company."""
    name = case_words.format_record_title(refund, context)
    remark, icon_name, tone = _make_refund_remark(refund, context, context.now(), summary)
    return ApprovalCard(
        ("refund", refund.id),
        name,
        summary.payment.merchant_payment_id if summary else name,
        case_words.format_record_amount(refund),
        case_words.get_record_company_name(refund, context)
        or case_words.format_labelled_corporation_number(
            case_words.get_corporation_number(summary.payment) if summary else "", context
        )
        or context.translate("approvals.by", maker=refund.maker),
        context.format_age(refund.created_at) if refund.created_at else "",
        remark,
        icon_name,
        tone,
        refund.state is not RefundState.REQUESTED,
    )


def make_proposal_card(proposal: WaitingProposal, context: WindowContext) -> ApprovalCard:
    """Return the card of a proposed outcome. Its last line shows the proposed state, with the icon of a person if the
    acting person can't confirm the proposal. The reason is too long for a card: the heading of the group and the
    panel beside the cards state it."""
    title = format_proposal_title(proposal, context)
    return ApprovalCard(
        (PROPOSAL_CARD_KIND, proposal.id),
        title,
        title,
        format_proposal_amount(proposal, context),
        case_words.get_record_company_name(proposal, context)
        or case_words.format_labelled_corporation_number(proposal.corporation_number or "", context)
        or context.translate("approvals.proposed_by", person=proposal.person),
        context.format_age(proposal.since),
        context.translate(
            "approvals.proposed", state=record_texts.get_proposed_state_word(proposal.kind, proposal.state, context)
        ),
        "person" if proposal.refusal else "",
    )


def format_proposal_title(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return the title of the record whose outcome is proposed: a payment, a refund, a credit check or an
    operation."""
    match proposal.kind:
        case "payment":
            return context.translate("case.title.payment", number=proposal.payment_number or proposal.record_id)
        case "refund":
            return context.translate("case.title.refund", id=int(proposal.record_id))
        case "credit-check":
            return context.translate("record.title", id=int(proposal.record_id))
    return f"{context.translate('operation_screen.title')} {wording.shorten_id(proposal.record_id)}"


def format_proposal_amount(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return the amount of the payment or refund; "" if the amount is unknown. AlarmBox states no price of a
    purchase, so the text for a credit check says that the charge is unknown."""
    if proposal.kind == "credit-check":
        return context.translate("approvals.charge_unknown")
    if proposal.amount_minor is None or proposal.currency is None:
        return ""
    sign = -1 if proposal.kind == "refund" else 1
    return wording.format_amount(sign * proposal.amount_minor, proposal.currency)


def format_proposal_refusal(proposal: WaitingProposal, context: WindowContext) -> str:
    """Return a sentence with the reason why the acting person can't confirm the proposal; "" if the person can."""
    if proposal.refusal == "role":
        reason = context.find_missing_right_reason("resolve_second", proposal.person)
        return reason or context.translate("reason.role")
    return context.translate(f"reason.{proposal.refusal}") if proposal.refusal else ""


def count_reasons_against_refund(summary: RefundRequestSummary, now: datetime) -> int:
    """Return the number of reasons against a refund request: risk signals, broken rules, and one more if the
    provider's last answer about the payment is missing or too old for a decision."""
    answer_time = summary.payment.told_at
    is_old = answer_time is None or (now - answer_time).total_seconds() > MAX_PROVIDER_ANSWER_AGE_SECONDS
    return summary.reasons_against_count + is_old


def _make_refund_remark(
    refund: Refund, context: WindowContext, now: datetime, summary: RefundRequestSummary | None
) -> tuple[str, str, Tone]:
    """Return the last line of a refund's card as a tuple: its text, the name of its icon ("" for none), and its tone.
    The text is the first of these that exists: after the decision, the end of the refund's cooling-off period or its
    state; before the decision, the number of reasons against the refund, the checkers who have already approved it,
    the end of its cooling-off period, the maker's reason. It is "" if none exists.
    """
    is_cooling_off = refund.cooling_off_end is not None and refund.cooling_off_end > now
    if refund.state is RefundState.APPROVED and is_cooling_off:
        return context.translate("approvals.cooling_off", at=refund.cooling_off_end), "hourglass", "muted"
    if refund.state is not RefundState.REQUESTED:
        badge = record_words.make_state_cell(case_words.get_state_badge_key(refund), context.language)
        return badge.word, badge.icon_name, badge.tone
    count = count_reasons_against_refund(summary, now) if summary is not None else 0
    if count:
        return context.translate("approvals.against_count", n=count), "warning", "care"
    if refund.checkers:
        return context.translate("approvals.half", checkers=refund.checkers), "person", "muted"
    if is_cooling_off:
        return context.translate("approvals.cooling_off", at=refund.cooling_off_end), "hourglass", "muted"
    reason = record_texts.format_refund_reason(refund, context)
    return (context.translate("approvals.reason", reason=reason) if reason else ""), "", "muted"
