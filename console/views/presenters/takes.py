"""The toasts that the window shows after a person has taken a record or has ended a take."""

from console.domain.tasks.records import Take
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.theme.design_tokens import Tone

_GOOD_TONE: Tone = "good"
_NEUTRAL_TONE: Tone = "text"


def make_take_toast(context: WindowContext, take: Take, record_title: str) -> Toast:
    """Return the toast for a record that the person has just taken; it shows the title of the record and the end of
    the take."""
    route = make_route_to_record(take.kind, take.subject_id)
    return Toast(
        context.translate("act.taken", until=take.until), icon_name="person", route=route, subject_title=record_title
    )


def make_give_back_toast(
    context: WindowContext, record_title: str, route: RecordPageRoute | None, *, was_taken: bool
) -> Toast:
    """Return the toast for a take that the person has just ended. `record_title` names the record or incident;
    `route` is the route to the record, None for an incident. `was_taken` is False if the person had no take, so that
    nothing was ended."""
    key, tone = ("act.given_back", _GOOD_TONE) if was_taken else ("act.nothing_given_back", _NEUTRAL_TONE)
    return Toast(context.translate(key), icon_name="person", tone=tone, route=route, subject_title=record_title)
