"""Texts of drafts (inputs of a dialog that a person hasn't sent yet), and the function that continues a draft."""

from console.domain.person_state.drafts import SELECTION_SUBJECT, Draft
from console.domain.queue_names import QUEUE_NAMES
from console.domain.record_kinds import RECORD_KINDS
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    LookupRoute,
    OperationRoute,
    QueuesRoute,
    ReconcileRoute,
    Route,
    make_route_to_record,
)
from console.wording.sentences import catalogue as wording


def format_draft_kind(draft: Draft, context: WindowContext) -> str:
    """Return the name of the dialog into which the person typed the draft."""
    return context.translate(f"draft.kind.{draft.kind.partition('-')[0]}")


def format_draft_sentence(draft: Draft, context: WindowContext) -> str:
    """Return the sentence about a draft: the dialog, the record, the stage of the dialog, and the time. A draft about
    selected records or a reconciliation has no record: its title only names the page."""
    has_record = draft.subject != SELECTION_SUBJECT and draft.record_kind != "reconciliation"
    return context.translate(
        "draft.line",
        what=format_draft_kind(draft, context),
        title=format_draft_title(draft) if has_record else None,
        stage=draft.stage,
        at=wording.format_short_instant(draft.at, context.now()),
    )


def format_draft_title(draft: Draft) -> str:
    """Return the name of the record that the draft is about. For a draft about a purchase or a credit check this is
    the corporation number in groups of digits; for any other draft it is the title stored with it, such as a payment
    number."""
    is_about_company = draft.kind == "purchase" or draft.record_kind == "credit-check"
    return wording.format_corporation_number(draft.title) if is_about_company else draft.title


def continue_draft(draft: Draft, context: WindowContext) -> None:
    """Open the page of the draft's record, and on this page the dialog, filled with the inputs of the draft. For some
    kinds of draft only the page opens, and the dialog has the inputs when the person opens it: a decision about a
    refund or an incident, the read-only switch, a limit, the disabling of a person, a reconciliation, a saved view,
    and a note on selected records."""
    if draft.record_kind in RECORD_KINDS and draft.kind != "reject" and draft.subject.isdecimal():
        context.request_action(draft.record_kind, int(draft.subject), draft.kind.partition("-")[0])
    context.navigate(_make_draft_route(draft))


def _make_draft_route(draft: Draft) -> Route:
    if draft.kind == "purchase":
        return LookupRoute(draft.subject, opens_purchase=True)
    if draft.kind == "reject":
        return ApprovalsRoute(int(draft.subject))
    if draft.record_kind in RECORD_KINDS:
        return make_route_to_record(draft.record_kind, int(draft.subject), (), "home")
    match draft.record_kind:
        case "incident":
            return AlertsRoute(int(draft.subject))
        case "scope":
            return AdminRoute()
        case "queues":
            return QueuesRoute(draft.subject if draft.subject in QUEUE_NAMES else "")
        case "view":
            return QueuesRoute(view_id=int(draft.subject))
        case "reconciliation":
            return ReconcileRoute()
    return OperationRoute(draft.subject)
