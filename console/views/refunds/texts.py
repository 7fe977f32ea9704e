"""What a refund's dialogs and the approval view say alike: hits of the radar, rules, cooling-off, who is asked."""

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget

from console import wording
from console.domain.payment_results import Check, RadarHit, RefundPlan
from console.views.look.theme import look
from console.views.look.tokens import Tone
from console.views.seat import Seat
from console.views.widgets.base import Sign, Words, column, row
from console.views.widgets.buttons import LinkButton

LARGE = 1.4
"""Text size from which fields stand one below the other."""


def hit(hit: RadarHit, seat: Seat) -> str:
    """One reason to say no, as a sentence."""
    key = f"radar.{hit.rule}"
    if not wording.has(key):
        return seat.say("radar.other", rule=hit.rule)
    return seat.say(key, **wording.with_amounts(_with_times(hit.facts)))


def _with_times(facts: Mapping[str, object]) -> dict[str, object]:
    """Kept facts come back as text: instants are read again."""
    return {name: _time(value) if name in ("at", "until") else value for name, value in facts.items()}


def _time(value: object) -> object:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def hit_link(hit: RadarHit, seat: Seat) -> LinkButton | None:
    """The way to the record that a hit is about, if it is about one."""
    if hit.kind is None or hit.id is None:
        return None
    link = LinkButton(seat.say("action.open"), chevron=True, role="small")
    link.setProperty("kind", hit.kind)
    link.setProperty("case", hit.id)
    return link


def check(check: Check, seat: Seat, currency: str) -> str:
    """One rule that was looked at: that it holds, or how it is broken."""
    key = f"check.{check.rule}" if check.holds else f"check.{check.rule}.broken"
    facts = wording.with_amounts({**check.facts, "currency": currency})
    return seat.say(key, **facts) if wording.has(key) else seat.say("check.other", rule=check.rule)


def check_line(found: Check, seat: Seat, currency: str) -> QWidget:
    shape, tone = ("check", "good") if found.holds else ("cross", "bad")
    return sign_line(shape, tone, check(found, seat, currency))  # type: ignore[arg-type]  # a tone


def beside(*parts: QWidget, stretched: QWidget) -> QLayout:
    """Side by side; one below the other where letters are large."""
    if look().scale >= LARGE:
        for part in parts:
            part.setMinimumHeight(part.sizeHint().height())
        return column(*parts, gap=8)
    box = row(gap=14)
    for part in parts:
        box.addWidget(part, int(part is stretched), Qt.AlignmentFlag.AlignTop)
    return box


def sign_line(shape: str, tone: Tone, words: str) -> QWidget:
    """A sign and its words, as short as they are."""
    holder = QWidget()
    holder.setLayout(row(Sign(shape, tone, 14), Words(words, "body", "bad" if tone == "bad" else "text"), gap=6))
    return holder


def cooling_off(plan: RefundPlan, seat: Seat) -> str:
    if plan.cooling_off_until is None:
        return seat.say("dialog.refund.no_cooling_off")
    return seat.say("dialog.refund.cooling_off", at=plan.cooling_off_until)


def who_is_asked(plan: RefundPlan, seat: Seat) -> str:
    """Who decides, by name as far as it is known; two of them where the sum asks for that."""
    if plan.second_checker:
        return seat.say("dialog.refund.asked_two", people=plan.who_is_asked)
    return seat.say("dialog.refund.asked_one", people=plan.who_is_asked)
