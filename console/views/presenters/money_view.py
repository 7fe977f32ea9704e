"""Sides and money of a payment as the values that the strips of its screen show."""

from collections.abc import Sequence
from datetime import datetime

from console import wording
from console.domain.payment_results import MoneyStrip, Side
from console.views import case_words
from console.views.look.tokens import tokens
from console.views.pages.record_facts import moment
from console.views.seat import Seat
from console.views.widgets.money import MoneyPart
from console.views.widgets.record import Side as ShownSide

OURS, GATEWAY, ORDER = range(3)


def sides(found: Sequence[Side], seat: Seat, *, provider: str) -> list[ShownSide]:
    """Ours, the gateway's, the order's: always in this order."""
    kinds = ("payment", "payment", "order")
    names = (
        seat.say("record.side.ours"),
        seat.say("money.side.gateway", provider=case_words.provider_word(provider, seat)),
        seat.say("record.side.order"),
    )
    return [
        _side(side, names[place], kinds[place], seat, gateway=place == GATEWAY) for place, side in enumerate(found)
    ]


def _side(side: Side, name: str, kind: str, seat: Seat, *, gateway: bool) -> ShownSide:
    say = seat.say
    if not side.there:
        return ShownSide(name, say("record.side.none"), "dash", "muted", fact=say("money.side.no_order"))
    if gateway and side.asked is None:
        never = say("record.side.never_asked_short")
        return ShownSide(name, never, "dash", "muted", fact=say("record.side.never_asked"))
    badges = tokens().badges
    badge = badges.get(f"{kind}.{side.state}")
    word = badge.word(seat.language) if badge else say("money.side.no_word")
    return ShownSide(
        name, word, badge.shape if badge else "dash", badge.tone if badge else "muted",
        own_word=side.word or "",
        amount=_amount(side),
        fact=_fact(side, seat, asked=gateway),
        source=_source(side, seat),
        differs=bool(side.differs),
        differs_word=say("money.side.differs", fields=list(side.differs)) if side.differs else "",
    )  # fmt: skip


def _amount(side: Side) -> str:
    return "" if side.minor is None or side.currency is None else wording.format_amount(side.minor, side.currency)


def _fact(side: Side, seat: Seat, *, asked: bool) -> str:
    """When the gateway was asked; since when ours and the order's are so."""
    at = side.asked if asked or side.since is None else side.since
    if at is None:
        return ""
    key = "record.side.asked_age" if asked else "record.side.since_age"
    words = seat.say(key, at=moment(at, seat), age=seat.age(at))
    return seat.say("money.side.old", fact=words) if side.old else words


def _source(side: Side, seat: Seat) -> str:
    if side.version is not None:
        by = side.source
        return (
            seat.say("record.side.version_by", version=side.version, who=_who(by, seat))
            if by
            else seat.say("record.side.version", version=side.version)
        )
    return ""


def _who(source: str, seat: Seat) -> str:
    key = f"money.source.{source}"
    return seat.say(key) if wording.has(key) else source


def parts(money: MoneyStrip, seat: Seat) -> tuple[list[MoneyPart], MoneyPart]:
    """All parts in their order, and what can be refunded."""
    say, currency = seat.say, money.currency

    def part(name: str, minor: int, fill: str, tone: str) -> MoneyPart:
        shown = wording.format_amount(-minor, currency) if minor else say("money.minus", amount=_zero(currency))
        return MoneyPart(say(f"money.part.{name}"), shown, minor, fill, tone, not minor)  # type: ignore[arg-type]  # a tone

    paid = MoneyPart(say("money.part.paid"), wording.format_amount(money.captured, currency), money.captured, "empty")
    rows = [
        paid,
        part("refunded", money.refunded, "solid", "muted"),
        part("on_its_way", money.on_its_way, "hatch", "progress"),
        part("unknown", money.unknown, "upright", "unknown"),
        part("waiting", money.waiting, "back_hatch", "care"),
    ]
    if money.set_aside:
        rows.append(part("set_aside", money.set_aside, "back_hatch", "bad"))
    untouched = money.refundable == money.captured and money.captured > 0
    rest = MoneyPart(
        say("money.part.refundable"), wording.format_amount(money.refundable, currency), money.refundable,
        "solid" if untouched else "empty", "good",
    )  # fmt: skip
    return rows, rest


def _zero(currency: str) -> str:
    return wording.format_amount(0, currency)


def stale(side: Side, now: datetime, limit_seconds: float) -> bool:
    """Whether this side's fact is older than the limit, or was never asked for."""
    return side.old or side.asked is None or (now - side.asked).total_seconds() > limit_seconds
