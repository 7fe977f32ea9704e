"""Texts, icons and table cells of credit checks: state, age, explanation, and the lines of a timeline. Pages of
other records use some of them too."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from console.domain.audit.actions import does_failure_leave_outcome_unknown
from console.domain.calendar_days import JST
from console.domain.clock import compute_age
from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, TimelinePage
from console.domain.explained_state import Explanation, NextStep
from console.domain.records import Certainty, CheckState, CreditCheck, TimelineEntry
from console.views.runtime.context import WindowContext
from console.views.tables.columns import AgeCell, Cell, StateCell
from console.views.theme.design_tokens import Language, Tone, tokens
from console.views.timelines.repeated_lines import RepeatedEventTexts
from console.views.timelines.timeline_line import TimelineLine
from console.wording import timelines as story_words
from console.wording.credit_checks import get_actor_name as get_actor_name
from console.wording.credit_checks import get_company_name_of_credit_check as get_company_name_of_credit_check
from console.wording.credit_checks import get_result_word as get_result_word
from console.wording.credit_checks import get_state_badge_key as get_state_badge_key
from console.wording.sentences import catalogue as wording
from console.wording.sentences.explanations import format_reason
from console.wording.timelines import is_record_opened_entry as is_record_opened_entry

CREDIT_CHECK_PROVIDER_NAME = "AlarmBox"
_LONGEST_TIME_BETWEEN_ROWS_OF_DECISION = timedelta(seconds=2)
_ICON_AND_TONE_BY_EVENT_KIND: Mapping[TimelineEventKind, tuple[str, Tone]] = {
    TimelineEventKind.BEGUN: ("arrow_right", "text"),
    TimelineEventKind.ANSWER: ("circle_arrow", "text"),
    TimelineEventKind.NOTICE: ("arrow_down", "text"),
    TimelineEventKind.PROOF: ("document", "text"),
    TimelineEventKind.RECONCILIATION: ("swap", "text"),
    TimelineEventKind.DECISION: ("person", "text"),
    TimelineEventKind.SAGA: ("clock", "text"),
    TimelineEventKind.ALERT: ("warning", "care"),
}
"""Icon and colour tone of those events of a timeline that aren't audit entries."""
_ICON_AND_TONE_BY_OPERATION_STATE: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"),
    "failed": ("cross", "bad"),
    "unknown": ("question", "unknown"),
}
_ICON_AND_TONE_BY_AUDIT_ACTION: Mapping[str, tuple[str, Tone]] = {
    "started": ("arrow_right", "text"),
    "bought": ("check", "good"),
    "stored": ("check", "good"),
    "restored": ("arrow_back", "text"),
    "failed": ("cross", "bad"),
    "not_bought": ("cross", "bad"),
    "unknown": ("question", "unknown"),
    "lapsed": ("question", "unknown"),
    "contradicted": ("not_equal", "bad"),
    "opened": ("eye", "muted"),
    "read": ("eye", "muted"),
    "proposed": ("person", "text"),
    "superseded": ("two_sheets", "text"),
    "booked": ("check", "good"),
    "completed": ("check", "good"),
    "paid": ("check", "good"),
    "accepted": ("half_disc", "progress"),
    "begun": ("card", "text"),
    "requested": ("person", "text"),
    "approved": ("ring_check", "good"),
    "rejected": ("cross", "bad"),
    "withdrawn": ("ring_slash", "muted"),
    "expired": ("ring_slash", "muted"),
    "reversed": ("arrow_back", "bad"),
    "refunded": ("arrow_back", "text"),
    "not_moved": ("not_equal", "bad"),
    "amount_differs": ("not_equal", "bad"),
    "paid_after_cancel": ("not_equal", "bad"),
    "other_payment": ("not_equal", "bad"),
    "paid_twice": ("square_bang", "care"),
    "set_aside": ("square_bang", "care"),
    "unknown_refund": ("square_bang", "care"),
    "slow": ("clock", "care"),
    "not_sent": ("cross", "muted"),
    "did_not_happen": ("cross", "muted"),
    "probe": ("circle_arrow", "text"),
    "probed": ("circle_arrow", "text"),
    "refetch": ("reload", "text"),
}


def format_purchase_day(record: CreditCheck, context: WindowContext) -> str:
    """Return the day on which a credit check was bought, or a text that says why the day isn't known."""
    if record.purchased_at is not None:
        return wording.format_instant(record.purchased_at, "day")
    if record.certainty is Certainty.UNKNOWN:
        reason = "unknown"
    elif record.state is CheckState.SUCCESS:
        if not record.viewing_over:
            return get_missing_value_word(record, context)
        reason = "viewing_over"
    else:
        reason = "running" if record.state is CheckState.PENDING else "error"
    return context.translate(f"record.purchase_day.{reason}")


def get_missing_value_word(record: CreditCheck, context: WindowContext) -> str:
    """Return the text for a value that a credit check lacks: the words "not fetched" if the credit check was bought,
    so that AlarmBox has the value, otherwise the sign for no value."""
    is_bought = record.state is CheckState.SUCCESS
    return context.translate("record.document.not_yet") if is_bought else wording.NO_VALUE


def make_state_cell(key: str, language: Language, extra_text: str = "") -> StateCell:
    """Return the table cell for the badge with this key, such as `payment.completed`: its word, icon and tone.
    `extra_text` is a text that the cell shows after the word."""
    return StateCell.from_badge_key(key, language, extra_text)


def find_longest_badge_word(family: str, language: Language, *names: str) -> str:
    """Return the longest word of the badges with the keys `family.name`, for each of `names`. The width of a
    column of badges is computed from this word."""
    return max((tokens().badges[f"{family}.{name}"].get_word(language) for name in names), key=len)


def make_age_cell(at: datetime | None, context: WindowContext) -> Cell:
    """Return the table cell with the time that has passed since the instant `at`, as a number and a unit. Return ""
    for None. If `at` is in the future because the clock of a machine is wrong, the age is unknown and the cell shows
    –."""
    if at is None:
        return ""
    age = compute_age(at, context.now())
    if age is None:
        return wording.NO_VALUE
    number, unit = wording.split_age_into_number_and_unit(age)
    return AgeCell(str(number), context.translate(unit))


def format_spoken_age(at: datetime | None, context: WindowContext) -> str:
    """Return the time that has passed since the instant `at`, as text for a screen reader. Return "" for None, or if
    `at` is in the future, so that the age is unknown."""
    age = None if at is None else compute_age(at, context.now())
    if age is None:
        return ""
    number, unit = wording.split_age_into_number_and_unit(age)
    return context.translate(f"unit.spoken.{unit.removeprefix('unit.')}", n=number)


def format_clock_time(at: datetime | None, now: datetime) -> str:
    """Return the time of an instant in Japan (JST) as hours and minutes, such as `15:58`. If the instant isn't on the
    day of `now`, the text has its day, too, such as `11-20 15:58`. Return "" for None."""
    return wording.format_minute_instant(at, now) if at else ""


def format_company_name(record: CreditCheck, context: WindowContext) -> str:
    """Return the name of the credit check's company: the name that the provider has sent, otherwise the name in the
    corporation registry, marked as a name from the registry. If neither name is known, return the corporation number
    in groups of digits.
    """
    return get_company_name_of_credit_check(record, context) or wording.format_corporation_number(
        record.corporation_number
    )


def format_explanation(explanation: Explanation, context: WindowContext) -> tuple[str, str, str]:
    """Return the three sentences of a record's explanation: the verdict, the reason for the verdict, and the next
    step. A sentence about a refund that the worker requested names no requester, because the worker is no person."""
    facts = dict(explanation.facts)
    if facts.get("maker") == "worker":
        del facts["maker"]
    return (
        context.translate(explanation.verdict, **facts),
        format_reason(replace(explanation, facts=facts), context.translate),
        format_next_step(explanation.next_step, context),
    )


def format_next_step(step: NextStep, context: WindowContext) -> str:
    """Return the sentence about the next step of a record, in the window's language. For a person who only reads,
    such as an auditor, a step that somebody must do names the roles that do it."""
    sentence = context.translate(step.code, **step.facts)
    is_for_others = (step.action is not None or step.asks_others_first) and context.is_acting_person_only_reader
    return context.translate("next.by_others", step=sentence) if is_for_others else sentence


def make_entry_timeline_line(entry: TimelineEntry, context: WindowContext, zone: timezone = JST) -> TimelineLine:
    """Return the line that the timeline on screen shows for an audit entry. `zone` is the time zone of the provider;
    the full time of the line, for the tooltip and screen readers, also has the provider's time."""
    icon_name, tone = get_entry_icon_and_tone(entry)
    time = wording.format_short_instant(entry.at, context.now())
    sentence = wording.format_audit_entry(entry, context.language)
    full_time = wording.format_instant_in_zones(entry.at, zone, context.translate("list.fact_separator"))
    return TimelineLine(time, full_time, icon_name, tone, get_actor_name(entry.actor, context), sentence)


def make_event_timeline_line(
    event: TimelineEvent, timeline: TimelinePage, context: WindowContext, zone: timezone = JST
) -> TimelineLine:
    """Return the line that the timeline on screen shows for an event of a record's history. `timeline` is the page
    of events that contains this event. A person who copies the timeline as text gets the same sentence. `zone` is the
    time zone of the provider, in which the full time of the line is shown, too."""
    is_audited = event.source == "audit_log"
    icon_name, tone = (
        get_entry_icon_and_tone(convert_event_to_timeline_entry(event))
        if is_audited
        else _ICON_AND_TONE_BY_EVENT_KIND.get(event.event_kind, ("ring_dot", "text"))
    )
    if event.event_kind is TimelineEventKind.ENDED:
        icon_name, tone = _ICON_AND_TONE_BY_OPERATION_STATE.get(str(event.facts.get("state")), ("ring_dot", "text"))
    time = wording.format_short_instant(event.at, context.now())
    sentence = story_words.format_event_sentence_with_record(event, timeline, context.language)
    full_time = wording.format_instant_in_zones(event.at, zone, context.translate("list.fact_separator"))
    return TimelineLine(time, full_time, icon_name, tone, get_actor_name(event.who, context), sentence)


def list_shown_events(timeline: TimelinePage) -> list[TimelineEvent]:
    """Return the events that a timeline on screen shows, the newest first: all but the stored approvals for which the
    audit trail has the same decision, because two lines about one decision look like two decisions."""
    audited_decisions = [
        event
        for event in timeline.events
        if event.source == "audit_log" and event.event_kind is TimelineEventKind.DECISION and event.result == "done"
    ]
    return [
        event
        for event in reversed(timeline.events)
        if event.source != "approvals" or not any(_is_same_decision(event, entry) for entry in audited_decisions)
    ]


def _is_same_decision(approval: TimelineEvent, entry: TimelineEvent) -> bool:
    """Return True if the audit entry is about the stored approval: the same person, record and moment."""
    return (approval.who, approval.kind, approval.id) == (entry.who, entry.kind, entry.id) and abs(
        approval.at - entry.at
    ) <= _LONGEST_TIME_BETWEEN_ROWS_OF_DECISION


def make_earlier_events_lines(timeline: TimelinePage, context: WindowContext) -> list[TimelineLine]:
    """Return the last line of a timeline on screen, which says that older events exist; no line if the timeline has
    all events."""
    note = story_words.format_note_about_earlier_events(timeline, context.language)
    return [TimelineLine("", "", "ring_dot", "muted", "", note)] if note else []


def make_repeated_event_texts(context: WindowContext) -> RepeatedEventTexts:
    """Return the texts for groups of repeated events in a timeline in which the person can open and close such a
    group. The texts have, for example, the number of repetitions and the time of the oldest event."""
    return RepeatedEventTexts(
        lambda count, oldest: context.translate("timeline_group.closed", n=count, at=oldest),
        lambda count: context.translate("timeline_group.opened", n=count),
    )


def make_unopenable_repeated_event_texts(context: WindowContext) -> RepeatedEventTexts:
    """Return the texts for groups of repeated events in a list in which the person can't open a group. Each text has
    the number of repetitions and the time of the oldest event."""
    return RepeatedEventTexts(
        lambda count, oldest: context.translate("timeline_group.since", n=count, at=oldest), lambda _count: ""
    )


def convert_event_to_timeline_entry(event: TimelineEvent) -> TimelineEntry:
    """Return the values of an event that comes from the audit trail as a TimelineEntry."""
    return TimelineEntry(event.at, event.who, event.what, event.facts, event.result)


def get_entry_icon_and_tone(entry: TimelineEntry) -> tuple[str, Tone]:
    """Return the icon and the colour tone with which a timeline shows the audit entry."""
    if entry.result == "refused":
        return "square_bang", "care"
    if does_failure_leave_outcome_unknown(entry.what, entry.result):
        return "question", "unknown"
    if entry.result == "failed":
        return "cross", "bad"
    code = entry.what.rsplit(".", 1)[-1]
    last_word = code.rsplit("_", 1)[-1]
    return (
        _ICON_AND_TONE_BY_AUDIT_ACTION.get(code)
        or _ICON_AND_TONE_BY_AUDIT_ACTION.get(last_word)
        or ("ring_dot", "text")
    )
