"""Bulk runs in the words and looks of the window: what would become of a row, what did, and how a run stands."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from console import wording
from console.domain.bulk_records import DISCARDED, BulkItem, BulkPlan, Forecast, Verdict, split_reason
from console.domain.choice_records import Matter
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.views import case_words, record_words
from console.views.look.tokens import Tone
from console.views.seat import Seat
from console.views.tables.columns import StateCell

_STILL_UNKNOWN, _MOST = "still_unknown", "most"
_VERDICTS: Mapping[Verdict, tuple[str, Tone]] = {
    Verdict.WOULD: ("arrow_right", "progress"),
    Verdict.SKIP: ("dash", "muted"),
    Verdict.REFUSED: ("ring_slash", "care"),
}
_RESULTS: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"),
    "skipped": ("dash", "muted"),
    "refused": ("ring_slash", "care"),
    "failed": ("cross", "bad"),
    "none": ("ring", "muted"),
}
RESULTS = tuple(_RESULTS)[:-1]
_STATES: Mapping[str, tuple[str, Tone]] = {
    "frozen": ("ring", "muted"),
    "running": ("half_disc", "progress"),
    "paused": ("hourglass", "care"),
    "stopped": ("square_bang", "care"),
    "done": ("check", "good"),
}


class Told(NamedTuple):
    """How a run stands, in a sentence."""

    words: str
    shape: str
    tone: Tone


def verdict(one: Forecast, action: BulkAction, seat: Seat) -> StateCell:
    """What would become of a row."""
    shape, tone = _VERDICTS[one.verdict]
    would = one.verdict is Verdict.WOULD
    key = f"bulk.verdict.would.{action.value}" if would else f"bulk.verdict.{one.verdict.value}"
    return StateCell(seat.say(key), shape, tone)


def result(row: BulkRow, seat: Seat) -> StateCell:
    """What became of a row."""
    if row.reason == _STILL_UNKNOWN:
        return StateCell(seat.say("bulk.result.still_unknown"), "question", "unknown")
    name = row.result or "none"
    shape, tone = _RESULTS.get(name, ("dash", "muted"))
    return StateCell(seat.say(f"bulk.result.{name}"), shape, tone)


def key_of(code: str) -> str | None:
    """Where a row's reason has its words, the most particular place first."""
    keys = (f"bulk.reason.{code}", f"reason.{code}", f"refusal.{code}", f"cause.{code}")
    return next(filter(wording.has, keys), None)


def reason(code: str | None, who: str | None, seat: Seat) -> str:
    """Why nothing would be done, or what the result rests on; "" without a reason."""
    if not code:
        return ""
    key = key_of(code)
    return seat.say(key, who=record_words.who(who, seat) if who else None) if key else code


def kept_reason(row: BulkRow, seat: Seat) -> str:
    return reason(*split_reason(row.reason), seat)


def name(record: Matter | None, row: BulkRow, seat: Seat) -> str:
    """What people call the record of a row, also when it is gone."""
    if record is None:
        return seat.say("bulk.gone", kind=row.kind, id=row.subject_id)
    return case_words.short(record, seat)


def company(record: Matter | None, seat: Seat) -> str:
    """Whose record it is; "" where it has no corporation."""
    return case_words.name_of(record, seat) if record is not None and case_words.number_of(record) else ""


def totals(plan: BulkPlan, seat: Seat) -> str:
    return seat.say("bulk.totals", **{one.value: plan.totals.get(one, 0) for one in Verdict})


def time(plan: BulkPlan, seat: Seat) -> str:
    """How long it takes at least."""
    if plan.seconds < 1:
        return seat.say("bulk.time.soon")
    return seat.say("bulk.time", time=timedelta(seconds=round(plan.seconds)))


def state(run: BulkRun, seat: Seat) -> StateCell:
    shape, tone = _STATES.get(run.state, ("dash", "muted"))
    return StateCell(seat.say(f"bulk.state.{run.state}"), shape, tone)


def tally(counts: Mapping[str, int], seat: Seat) -> str:
    """How many rows came to what, without those that none came to."""
    there = ((name, counts[name]) for name in RESULTS if counts.get(name))
    words = [seat.say("bulk.tally", word=seat.say(f"bulk.result.{name}"), n=n) for name, n in there]
    return seat.say("list.separator").join(words)


def told(item: BulkItem, seat: Seat, *, here: bool = False) -> Told:
    """`here`: this window runs it."""
    if here:
        return Told(seat.say("bulk.told.here"), "circle_arrow", "progress")
    shape, tone = _STATES["done"] if is_through(item.run) else _STATES.get(item.run.state, ("dash", "muted"))
    return Told(_told(item, seat), shape, tone)


def is_through(run: BulkRun) -> bool:
    """Whether all was done that somebody asked for."""
    return run.state == "done" or (run.state == "stopped" and run.reason == _MOST)


def _told(item: BulkItem, seat: Seat) -> str:
    run = item.run
    code, who = split_reason(run.reason)
    if run.state == "running" and item.holder is not None:
        holder = record_words.who(item.holder.operator, seat)
        return seat.say("bulk.told.there", who=holder, host=item.holder.host)
    if run.state == "running":
        return seat.say("bulk.told.nobody")
    if run.state == "paused" and code == "maker":
        return seat.say("bulk.told.maker", maker=run.made_by)
    if run.state == "done" and code == DISCARDED:
        return seat.say("bulk.told.discarded")
    standing = _MOST if is_through(run) and run.state == "stopped" else run.state
    return seat.say(f"bulk.told.{standing}", provider=who, reason=code, most=run.most, left=run.size - run.done)
