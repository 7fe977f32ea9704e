"""A credit check in the words and looks of the window: the three axes, ages, days, and lines for lists."""

from collections.abc import Mapping
from datetime import datetime

from console import story_words, wording
from console.domain.records import Certainty, CheckState, CreditCheck, TimelineEntry, WorkState
from console.domain.results import Explanation, NextStep
from console.domain.story import Chain, Event, Step
from console.views.look.tokens import Language, Tone, tokens
from console.views.seat import Seat
from console.views.tables.columns import AgeCell, Cell, StateCell
from console.views.widgets.timeline import Happening

PROVIDER = "AlarmBox"
_OPENINGS = ("credit-check.opened", "credit-check.pdf_read")
_EVENTS: Mapping[Step, tuple[str, Tone]] = {
    Step.BEGUN: ("arrow_right", "text"),
    Step.ANSWER: ("circle_arrow", "text"),
    Step.NOTICE: ("arrow_down", "text"),
    Step.PROOF: ("document", "text"),
    Step.RECONCILIATION: ("swap", "text"),
    Step.DECISION: ("person", "text"),
    Step.SAGA: ("clock", "text"),
    Step.ALERT: ("warning", "care"),
}
"""What stands before an event that isn't of the trail."""
_ENDINGS: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"), "failed": ("cross", "bad"), "unknown": ("question", "unknown"),
}  # fmt: skip
_SIGNS: Mapping[str, tuple[str, Tone]] = {
    "started": ("arrow_right", "text"),
    "bought": ("check", "good"),
    "stored": ("check", "good"),
    "restored": ("arrow_back", "text"),
    "failed": ("cross", "bad"),
    "not_bought": ("cross", "bad"),
    "unusable": ("cross", "bad"),
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
    "noticed": ("arrow_right", "text"),
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
_VERDICTS: Mapping[str, tuple[str, Tone]] = {
    "complete": ("check", "good"),
    "incomplete": ("open_ring_plus", "care"),
    "superseded": ("two_sheets", "muted"),
    "duplicate": ("not_equal", "care"),
    "contradicted": ("not_equal", "bad"),
    "unknown": ("question", "unknown"),
    "only_desk_knows": ("question", "unknown"),
    "operation_unknown": ("question", "unknown"),
    "error": ("cross", "bad"),
    "operation_failed": ("cross", "bad"),
    "operation_done": ("check", "good"),
}


def state_key(record: CreditCheck, *, derived: bool = True) -> str:
    """The badge of the business state; `derived` says incomplete where something is missing."""
    if record.superseded:
        return "credit_check.superseded"
    if derived and record.incomplete and record.state is CheckState.SUCCESS:
        return "credit_check.incomplete"
    return f"credit_check.{record.state.value}"


def certainty_key(record: CreditCheck) -> str:
    return f"certainty.{record.certainty.value}"


def work_key(record: CreditCheck) -> str:
    return f"work.{record.work.state.value}"


def badge_keys(record: CreditCheck, *, derived: bool = True) -> tuple[str, str, str]:
    """State, certainty, work: never merged into one."""
    return state_key(record, derived=derived), certainty_key(record), work_key(record)


def most_telling(record: CreditCheck) -> str:
    """The one badge to show where there is room for one: what departs most."""
    if record.certainty is Certainty.UNKNOWN:
        return certainty_key(record)
    return state_key(record)


def cell(key: str, language: Language, extra: str = "") -> StateCell:
    return StateCell.of(key, language, extra)


def longest_word(family: str, language: Language, *names: str) -> str:
    """The longest badge word of an axis, to size its column by."""
    return max((tokens().badges[f"{family}.{name}"].word(language) for name in names), key=len)


def age_cell(at: datetime | None, seat: Seat) -> Cell:
    """How long ago, for a column; the moment in full for tooltip and screen reader."""
    if at is None:
        return ""
    number, unit = wording.age_parts(wording.age_since(at, seat.now()))
    return AgeCell(str(number), seat.say(unit), wording.format_instant(at))


def age_spoken(at: datetime | None, seat: Seat) -> str:
    if at is None:
        return ""
    number, unit = wording.age_parts(wording.age_since(at, seat.now()))
    return seat.say(f"unit.spoken.{unit.removeprefix('unit.')}", n=number)


def clock(at: datetime | None) -> str:
    """The time alone, minutes: `15:58`."""
    return wording.format_instant(at, "clock")[:5] if at else ""


def next_short(record: CreditCheck, now: datetime) -> str:
    """When something happens by itself: the time today, else the day and time; "" for nothing planned."""
    at = record.work.at
    if record.work.state is not WorkState.SCHEDULED or at is None:
        return ""
    same_day = wording.format_instant(at, "day") == wording.format_instant(now, "day")
    return clock(at) if same_day else wording.format_instant(at, "short")


def cause(record: CreditCheck, seat: Seat) -> str:
    """The short cause for a list: what the provider or the network did, else why it waits."""
    for family, code in (("cause.", record.error_code), ("work.reason.", record.work.reason)):
        if code and wording.has(f"{family}{code}"):
            return seat.say(f"{family}{code}")
    return record.error_code or ""


def name_of(record: CreditCheck, seat: Seat) -> str:
    """The company's name, or its number where the name isn't known."""
    return record.company_name or wording.format_number(record.corporation_number)


def result_word(record: CreditCheck, seat: Seat) -> str:
    return seat.say(f"result.{record.result}") if record.result in ("ok", "hold", "ng") else record.result or ""


def explained(explanation: Explanation, seat: Seat) -> tuple[str, str, str]:
    """Verdict, why and next as sentences."""
    facts = explanation.facts
    return (
        seat.say(explanation.verdict, **facts),
        seat.say(explanation.why, **facts),
        next_words(explanation.next_step, seat),
    )


def next_words(step: NextStep, seat: Seat) -> str:
    return seat.say(step.code, **step.facts)


def verdict_look(explanation: Explanation) -> tuple[str, Tone]:
    """Shape and tone of a verdict."""
    name = explanation.verdict.removeprefix("verdict.").removesuffix("_money")
    return _VERDICTS.get(name, ("half_disc", "progress"))


def is_opening(entry: TimelineEntry) -> bool:
    """Whether it only says that somebody looked."""
    return entry.what in _OPENINGS


def happening(entry: TimelineEntry, seat: Seat) -> Happening:
    """One line of a record's history."""
    shape, tone = entry_look(entry)
    today = wording.format_instant(entry.at, "day") == wording.format_instant(seat.now(), "day")
    time = wording.format_instant(entry.at, "clock" if today else "short")
    words = wording.timeline_line(entry, seat.language)
    return Happening(time, wording.format_instant(entry.at), shape, tone, who(entry.who, seat), words)


def told(event: Event, story: Chain, seat: Seat) -> Happening:
    """One event of a record or of those it belongs to, in the words of the copied story."""
    audited = event.source == "audit_log"
    shape, tone = entry_look(entry_of(event)) if audited else _EVENTS.get(event.step, ("ring_dot", "text"))
    if event.step is Step.ENDED:
        shape, tone = _ENDINGS.get(str(event.facts.get("state")), ("ring_dot", "text"))
    today = wording.format_instant(event.at, "day") == wording.format_instant(seat.now(), "day")
    time = wording.format_instant(event.at, "clock" if today else "short")
    what = story_words.said(event, story, seat.language)
    return Happening(time, wording.format_instant(event.at), shape, tone, who(event.who, seat), what)


def entry_of(event: Event) -> TimelineEntry:
    """An event of the trail as the trail has it."""
    return TimelineEntry(event.at, event.who, event.what, event.facts, event.result)


def entry_look(entry: TimelineEntry) -> tuple[str, Tone]:
    if entry.result == "refused":
        return "square_bang", "care"
    if entry.result == "failed" and not entry.what.endswith("lapsed"):
        return "cross", "bad"
    code = entry.what.rsplit(".", 1)[-1]
    last = code.rsplit("_", 1)[-1]
    return _SIGNS.get(code) or _SIGNS.get(last) or ("ring_dot", "text")


def who(name: str, seat: Seat) -> str:
    return seat.say("who.worker") if name == "worker" else name
