"""The toast about new refund requests and proposed outcomes that the acting person may decide."""

from collections.abc import Sequence

from console.domain.payments.records import Refund
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import format_proposal_title
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.runtime.status_values import Toast
from console.wording.sentences.formats import join_facts

_MAX_TITLES_IN_TOAST = 3
_RequestOrProposal = Refund | WaitingProposal


def make_arrival_toast(new_items: Sequence[_RequestOrProposal], context: WindowContext) -> Toast:
    """Return the toast about newly arrived requests and proposals (at least one): their number, and the titles of the
    first three. A click on the toast opens the page of the first request's or proposal's record. If the first one is
    a proposal about an operation, a click does nothing.
    """
    titles = [
        case_words.format_record_title(item, context)
        if isinstance(item, Refund)
        else format_proposal_title(item, context)
        for item in new_items[:_MAX_TITLES_IN_TOAST]
    ]
    sentence = context.translate("approvals.arrived", n=len(new_items))
    detail, route = join_facts(titles, context.translate), _find_record_route(new_items[0])
    return Toast(sentence, detail, "half_disc", "progress", route, subject_title="")


def _find_record_route(item: _RequestOrProposal) -> RecordPageRoute | None:
    if isinstance(item, Refund):
        return make_route_to_record("refund", item.id)
    return None if item.kind == "operation" else make_route_to_record(item.kind, int(item.record_id))
