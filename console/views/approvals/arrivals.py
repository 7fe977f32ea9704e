"""The toast about new refund requests and proposed outcomes that the acting person may decide."""

from collections.abc import Sequence

from console.domain.payments.records import Refund
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import format_proposal_title
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.runtime.status_values import Toast

_MAX_TITLES_IN_TOAST = 3
_RequestOrProposal = Refund | WaitingProposal


def make_arrival_toast(new_items: Sequence[_RequestOrProposal], context: WindowContext) -> Toast:
    """Return the toast about newly arrived requests and proposals: their number, and the titles of the first
    three. A click on the toast opens the page of the first record."""
    titles = [
        case_words.format_record_title(waiting_decision, context)
        if isinstance(waiting_decision, Refund)
        else format_proposal_title(waiting_decision, context)
        for waiting_decision in new_items[:_MAX_TITLES_IN_TOAST]
    ]
    words = context.translate("approvals.arrived", n=len(new_items))
    return Toast(words, " · ".join(titles), "half_disc", "progress", _find_record_route(new_items[0]))


def _find_record_route(waiting_request: _RequestOrProposal) -> RecordPageRoute | None:
    if isinstance(waiting_request, Refund):
        return make_route_to_record("refund", waiting_request.id)
    return (
        None
        if waiting_request.kind == "operation"
        else make_route_to_record(waiting_request.kind, int(waiting_request.record_id))
    )
