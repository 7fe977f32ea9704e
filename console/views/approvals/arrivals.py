"""The toast that names new requests and proposals about which the acting person may decide."""

from collections.abc import Sequence

from console.domain.payments.records import Refund
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import proposal_title
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, route_to
from console.views.runtime.status_values import Toast

_MAX_TITLES = 3
_Waiting = Refund | WaitingProposal


def describe_arrived(arrived: Sequence[_Waiting], context: WindowContext) -> Toast:
    """Return the toast with the number of new requests and proposals, and the titles of the first of them."""
    titles = [
        case_words.title(waiting, context) if isinstance(waiting, Refund) else proposal_title(waiting, context)
        for waiting in arrived[:_MAX_TITLES]
    ]
    words = context.translate("approvals.arrived", n=len(arrived))
    return Toast(words, " · ".join(titles), "half_disc", "progress", _route_to(arrived[0]))


def _route_to(waiting: _Waiting) -> RecordPageRoute | None:
    if isinstance(waiting, Refund):
        return route_to("refund", waiting.id)
    return None if waiting.kind == "operation" else route_to(waiting.kind, int(waiting.record_id))
