"""New requests and proposals about which the acting person may decide. They are found by comparing two readings of
the counts, and a toast names them.
"""

from console.domain.payments.records import Refund
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import PROPOSAL_KIND, proposal_title
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, Ref, route_to
from console.views.runtime.status_values import Toast, WorkCounts

_MAX_TITLES = 3
_Waiting = Refund | WaitingProposal


def find_arrived(before: WorkCounts, now: WorkCounts) -> tuple[_Waiting, ...]:
    """Return the requests and proposals that wait for the decision of the person of `now` and didn't in the previous
    reading for the same person; nothing if the previous reading was for another person.
    """
    if before.read_at is None or before.person != now.person:
        return ()
    known = {_ref_of(waiting) for waiting in before.to_decide}
    return tuple(waiting for waiting in now.to_decide if _ref_of(waiting) not in known)


def describe_arrived(arrived: tuple[_Waiting, ...], context: WindowContext) -> Toast:
    """Return the toast with the number of new requests and proposals, and the titles of the first of them."""
    titles = [
        case_words.title(waiting, context) if isinstance(waiting, Refund) else proposal_title(waiting, context)
        for waiting in arrived[:_MAX_TITLES]
    ]
    words = context.translate("approvals.arrived", n=len(arrived))
    return Toast(words, " · ".join(titles), "half_disc", "progress", _route_to(arrived[0]))


def _ref_of(waiting: _Waiting) -> Ref:
    return ("refund" if isinstance(waiting, Refund) else PROPOSAL_KIND), waiting.id


def _route_to(waiting: _Waiting) -> RecordPageRoute | None:
    if isinstance(waiting, Refund):
        return route_to("refund", waiting.id)
    return None if waiting.kind == "operation" else route_to(waiting.kind, int(waiting.record_id))
