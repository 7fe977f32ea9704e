"""Reconciliations in the words of the window: how a run stands, both sides of a difference, and what settles it."""

import re
from datetime import date

from console import wording
from console.domain.reconcile_results import DifferenceItem, ReadFile, RunItem, RunState
from console.domain.worker_records import Verdict
from console.views import case_words, record_words
from console.views.look.tokens import Tone
from console.views.seat import Seat
from console.views.tables.columns import StateCell

_SIDE = re.compile(
    r"(?:refund (?P<refund>\d{1,18}) )?(?P<word>\S{1,64}) (?P<minor>\d{1,15})(?: (?P<currency>[A-Z]{3}))?"
    r"(?: (?P<at>\d{4}-\d\d-\d\dT\S{1,40}))?(?: \S.*)?"
)
_RUN_LOOKS: dict[RunState, tuple[str, Tone]] = {
    RunState.RUNNING: ("half_disc", "progress"),
    RunState.RESUMABLE: ("square_bang", "care"),
    RunState.DONE: ("check", "good"),
    RunState.FAILED: ("cross", "bad"),
}
_VERDICT_LOOKS: dict[Verdict, tuple[str, Tone]] = {
    Verdict.IMPORTED: ("arrow_down", "text"),
    Verdict.MISSING_THERE: ("not_equal", "bad"),
    Verdict.DIFFERENT_STATE: ("not_equal", "bad"),
    Verdict.DIFFERENT_AMOUNT: ("not_equal", "bad"),
    Verdict.REFUSED: ("question", "care"),
}


def state(item: RunItem, seat: Seat) -> StateCell:
    """How a run stands."""
    return StateCell(seat.say(f"reconcile.state.{item.state}"), *_RUN_LOOKS[item.state])


def days(item: RunItem) -> str:
    """Its day, or its first and last one."""
    return span(item.from_day, item.to_day)


def span(first: date, last: date) -> str:
    return wording.format_day(first) if first == last else f"{wording.format_day(first)} – {wording.format_day(last)}"


def title(item: RunItem, seat: Seat) -> str:
    """`PayPay 2026-11-19`."""
    return f"{case_words.provider_word(item.provider, seat)} {days(item)}"


def when(item: RunItem, seat: Seat) -> str:
    """Who began it and when, and when it ended or was last at work."""
    facts = {"who": record_words.who(item.asked_by, seat), "begun": item.begun_at}
    if item.ended_at is not None:
        return seat.say("reconcile.when.ended", **facts, ended=item.ended_at)
    return seat.say("reconcile.when.open", **facts, changed=item.changed_at)


# One difference


def verdict(item: DifferenceItem, seat: Seat) -> StateCell:
    """What the comparison says of it; a difference that is settled is quiet."""
    shape, tone = _VERDICT_LOOKS[item.found.verdict]
    quiet = item.action is None and tone == "bad"
    return StateCell(seat.say(f"reconcile.verdict.{item.found.verdict}"), shape, "text" if quiet else tone)


def name(item: DifferenceItem, seat: Seat) -> str:
    """What people call the payment; of a row without one the provider's number, as far as it could be read."""
    if item.payment is not None:
        return case_words.short(item.payment, seat)
    return _rest(item) if item.found.verdict is Verdict.REFUSED else ""


def ours(item: DifferenceItem, seat: Seat) -> str:
    return _side(item.found.ours, item, seat, own=True)


def theirs(item: DifferenceItem, seat: Seat) -> str:
    return "" if item.found.verdict is Verdict.REFUSED else _side(item.found.theirs, item, seat, own=False)


def _side(text: str | None, item: DifferenceItem, seat: Seat, *, own: bool) -> str:
    """State and sum; a provider's own word stays as it is, and so does a text of another form."""
    found = _SIDE.fullmatch(text or "")
    if found is None:
        return text or ""
    kind = "refund" if found["refund"] else "payment"
    word = found["word"]
    if word == "refunded":
        return seat.say("reconcile.side.refunded", amount=_sum(found, item))
    if own and wording.has(f"state.{kind}.{word}"):
        word = wording.state_word(kind, word, seat.language)
    amount = _sum(found, item)
    key = "reconcile.side.refund" if found["refund"] else "reconcile.side.payment"
    return seat.say(key, id=found["refund"], word=word, amount=amount)


def _sum(side: re.Match[str], item: DifferenceItem) -> str:
    return wording.format_amount(int(side["minor"]), side["currency"] or _currency(item))


def difference(item: DifferenceItem) -> str:
    """Their sum less ours, as an amount; what went back counts below zero. "" where the sums are alike."""
    here, there = (_SIDE.fullmatch(text or "") for text in (item.found.ours, item.found.theirs))
    if item.found.verdict is Verdict.REFUSED or (here is None and there is None):
        return ""
    minor = int(there["minor"] if there else 0) - int(here["minor"] if here else 0)
    told = (here and here["currency"]) or (there and there["currency"])
    back = any(side is not None and _is_refund(side) for side in (here, there))
    return wording.format_amount(-minor if back else minor, told or _currency(item)) if minor else ""


def _is_refund(side: re.Match[str]) -> bool:
    """Whether it tells of money that went back: a refund of ours, or a line of theirs, which names its time."""
    return bool(side["refund"] or side["at"]) or side["word"] == "refunded"


def _currency(item: DifferenceItem) -> str:
    return item.payment.currency if item.payment is not None else "JPY"


def cause(item: DifferenceItem, seat: Seat) -> StateCell:
    """Why it waits for a person, or that it doesn't."""
    if item.found.verdict is Verdict.REFUSED:
        return StateCell(seat.say(f"reconcile.row.{_reason(item)}"), "square_bang", "care")
    if item.case is not None:
        key = wording.rule_key(item.case.rule_id)
        return StateCell(seat.say(key) if key else item.case.rule_id, "square_bang", "care")
    settled = "imported" if item.found.verdict is Verdict.IMPORTED else "settled"
    if item.found.verdict is not Verdict.IMPORTED and not item.found.case_opened:
        return StateCell(seat.say("reconcile.cause.no_order"), "hourglass", "muted")
    return StateCell(seat.say(f"reconcile.cause.{settled}"), "check", "muted")


def to_do(item: DifferenceItem, seat: Seat) -> str:
    """What the current one is, and the one thing that settles it."""
    if item.found.verdict is Verdict.REFUSED:
        return seat.say("reconcile.to_do.refused", why=seat.say(f"reconcile.row.{_reason(item)}"))
    if item.found.verdict is Verdict.IMPORTED:
        return seat.say("reconcile.to_do.imported")
    if item.payment is None:
        return seat.say("reconcile.to_do.no_payment")
    if item.case is None:
        return seat.say("reconcile.to_do.settled")
    known = wording.has(f"reconcile.to_do.{item.case.rule_id}")
    return seat.say(f"reconcile.to_do.{item.case.rule_id}" if known else "reconcile.to_do.case", id=item.case.id)


def _reason(item: DifferenceItem) -> str:
    """Why a row of theirs is not believed; the reader's own code stands first in it."""
    code = (item.found.theirs or "").partition(" ")[0]
    return code if wording.has(f"reconcile.row.{code}") else "other"


def _rest(item: DifferenceItem) -> str:
    return (item.found.theirs or "").partition(" ")[2]


# What it rests on


def file(one: ReadFile, seat: Seat) -> str:
    """A file in a line: its day, how many lines and how much money; what was not counted is not named."""
    parts = [seat.say("reconcile.file.day", day=one.day)]
    if one.rows is not None:
        parts.append(seat.say("reconcile.file.rows", n=one.rows))
    if one.paid_minor is not None:
        parts.append(seat.say("reconcile.file.paid", amount=wording.format_amount(one.paid_minor, "JPY")))
    if one.refunded_minor:
        parts.append(seat.say("reconcile.file.refunded", amount=wording.format_amount(-one.refunded_minor, "JPY")))
    if one.bytes is not None:
        parts.append(wording.format_bytes(one.bytes))
    if one.before:
        parts.append(seat.say("reconcile.file.before", run=one.before[-1]))
    return " · ".join(parts)
