"""What the list of the approvals page shows about one request: a few texts, in the order in which they are read."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Ref
from console.views.theme.design_tokens import Tone

_UNDECIDED = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


@dataclass(frozen=True, slots=True)
class InboxCard:
    """The texts of one request in the list. `ref` is the kind and id of the requested record; `remark` is the line
    below, with its icon (`shape`, "" for none) and tone.
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
