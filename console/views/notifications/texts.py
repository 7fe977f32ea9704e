"""The sentences of notifications. A sentence contains the kind and number of a record and the event, but never a
payer or the text of a note."""

from console.domain.notifications.events import PersonalEvent, PersonalEventKind
from console.domain.record_kinds import RECORD_KINDS
from console.views.links.routes import convert_link_to_route
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import RecordPageRoute
from console.views.theme.design_tokens import Tone

_MAX_EVENTS_NAMED_IN_TOAST = 3
_ICON_AND_TONE_BY_EVENT_KIND: dict[PersonalEventKind, tuple[str, Tone]] = {
    PersonalEventKind.APPROVAL_NEEDED: ("half_disc", "progress"),
    PersonalEventKind.DECISION: ("ring_check", "progress"),
    PersonalEventKind.HAND_OVER: ("person", "care"),
    PersonalEventKind.MENTION: ("person", "progress"),
    PersonalEventKind.INCIDENT: ("warning", "care"),
    PersonalEventKind.BULK_RUN: ("list", "progress"),
}
_ICON_AND_TONE_BY_DECISION: dict[str, tuple[str, Tone]] = {
    "rejected": ("cross", "care"),
    "expired": ("ring_slash", "care"),
    "closed": ("ring_slash", "progress"),
    "replaced": ("ring_slash", "care"),
    "settled": ("ring_slash", "progress"),
}
"""Icon and tone of the decisions that are no approval, by the name of the event. A rejected or expired request has
the icon of the refund's badge; the others say how a proposed outcome has ended."""


def format_event(event: PersonalEvent, context: WindowContext) -> str:
    """Return the sentence about one event, in the window's language."""
    record = _format_subject(event, context)
    state_key = f"state.{event.subject_kind.replace('-', '_')}.{event.record_state}"
    state_facts = {} if event.record_state is None else {"state": context.translate(state_key)}
    return context.translate(f"notification.{event.kind}.{event.event_name}", record=record, **state_facts)


def _format_subject(event: PersonalEvent, context: WindowContext) -> str:
    """Return the words for the subject of an event, such as a refund with the number of its payment
    (`event.number`).
    """
    if event.subject_kind != "refund":
        return f"{context.translate(f'kind.{event.subject_kind}')} {event.number or event.subject_id}"
    title = context.translate("case.title.refund", id=event.subject_id)
    if event.number is None:
        return title
    return context.translate("notification.refund_of_payment", refund=title, number=event.number)


def format_events_title_and_detail(events: tuple[PersonalEvent, ...], context: WindowContext) -> tuple[str, str]:
    """Return title and detail of a notification. For one event, the title is its sentence and the detail "". For
    several events, the title is their number, and the detail consists of the sentences of the first three events."""
    if len(events) == 1:
        return format_event(events[0], context), ""
    sentences = [format_event(event, context) for event in events[:_MAX_EVENTS_NAMED_IN_TOAST]]
    return context.translate("notification.several", n=len(events)), "\n".join(sentences)


def make_event_toast(events: tuple[PersonalEvent, ...], context: WindowContext) -> Toast:
    """Return the toast about these events. If there is one event and it concerns a record, a click on the toast
    opens this record."""
    title, detail = format_events_title_and_detail(events, context)
    icon_name, tone = _find_icon_and_tone(events[0])
    return Toast(
        title,
        " ".join(detail.splitlines()),
        icon_name,
        tone,
        _find_event_route(events) if len(events) == 1 else None,
        subject_title="",
    )


def _find_icon_and_tone(event: PersonalEvent) -> tuple[str, Tone]:
    icon_and_tone = _ICON_AND_TONE_BY_EVENT_KIND[event.kind]
    if event.kind is PersonalEventKind.DECISION:
        return _ICON_AND_TONE_BY_DECISION.get(event.event_name, icon_and_tone)
    return icon_and_tone


def _find_event_route(events: tuple[PersonalEvent, ...]) -> RecordPageRoute | None:
    link = events[0].link
    if link is None or link.record_kind not in RECORD_KINDS:
        return None
    route = convert_link_to_route(link)
    return route if isinstance(route, RecordPageRoute) else None
