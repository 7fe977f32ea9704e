"""Words of drafts, and the page on which a person continues one."""

from console.domain.person_state.drafts import Draft
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ApprovalsRoute, LookupRoute, OperationRoute, Route, route_to
from console.wording import catalogue as wording

_RECORD_KINDS = ("credit-check", "payment", "order", "refund")


def draft_kind_text(draft: Draft, context: WindowContext) -> str:
    """Return the name of the dialog in which the draft was typed."""
    return context.translate(f"draft.kind.{draft.kind.partition('-')[0]}")


def draft_text(draft: Draft, context: WindowContext) -> str:
    """Return the sentence about a draft: dialog, record, stage and time."""
    return context.translate(
        "draft.line",
        what=draft_kind_text(draft, context),
        title=draft.title,
        stage=draft.stage,
        at=wording.format_instant(draft.at, "short"),
    )


def continue_draft(draft: Draft, context: WindowContext) -> None:
    """Open the page of the draft's record with the dialog that the draft fills."""
    if draft.record_kind in _RECORD_KINDS and draft.kind != "reject" and draft.subject.isdecimal():
        context.request_action(draft.record_kind, int(draft.subject), draft.kind.partition("-")[0])
    context.navigate(_route_of(draft))


def _route_of(draft: Draft) -> Route:
    if draft.kind == "purchase":
        return LookupRoute(draft.subject, buy=True)
    if draft.kind == "reject":
        return ApprovalsRoute(int(draft.subject))
    if draft.record_kind in _RECORD_KINDS:
        return route_to(draft.record_kind, int(draft.subject), (), "home")
    return OperationRoute(draft.subject)
