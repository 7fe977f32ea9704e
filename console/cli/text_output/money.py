"""Money in a terminal: where it is, what each side says of it, and what speaks against a refund."""

from collections.abc import Iterable, Iterator

from console import wording
from console.cli_text_records import Row, table
from console.cli_writer import Lines, Voice
from console.domain.payment_results import MoneyStrip, RadarHit, Side

_PARTS = ("refundable", "waiting", "on_its_way", "unknown", "refunded", "set_aside")


def strip(money: MoneyStrip, voice: Voice) -> Lines:
    """What was paid, and the parts of it that are not nothing."""
    parts = {"paid": money.captured} | {part: getattr(money, part) for part in _PARTS}
    shown = [(part, amount) for part, amount in parts.items() if amount or part == "paid"]
    return table(
        (voice(f"money.part.{part}"), wording.format_amount(amount, money.currency)) for part, amount in shown
    )


def sides(seen: Iterable[Side], provider: str, voice: Voice) -> Lines:
    """Ours, the gateway's and the order's word beside each other, each with its age."""
    return table(_side(side, provider, voice) for side in seen)


def _side(side: Side, provider: str, voice: Voice) -> Row:
    return (
        _named(side, provider, voice),
        _word(side, voice),
        wording.NOTHING if side.minor is None else wording.format_amount(side.minor, side.currency or ""),
        wording.format_instant(side.asked or side.since, "short"),
        voice("money.side.differs", fields=side.differs) if side.differs else "",
    )


def _named(side: Side, provider: str, voice: Voice) -> str:
    if side.name in ("ours", "order"):
        return voice(f"record.side.{side.name}")
    return voice("money.side.gateway", provider=voice(f"provider.{provider}"))


def _word(side: Side, voice: Voice) -> str:
    """What a side calls its state: ours by our word for it, the others in their own."""
    if not side.there:
        return voice("money.side.no_order" if side.name == "order" else "record.side.not_found")
    if side.name == "ours" and side.state:
        return voice(f"state.payment.{side.state}")
    if side.name == "order" and side.state:
        return voice(f"state.order.{side.state}")
    return side.word or side.state or voice("record.side.never_asked_short")


def against(hits: Iterable[RadarHit], voice: Voice) -> Iterator[str]:
    """What speaks against a refund, and what its maker answered."""
    for hit in hits:
        key = f"radar.{hit.rule}"
        yield voice(key, **hit.facts) if wording.has(key) else voice("radar.other", rule=hit.rule)
        if hit.answer:
            yield voice("cli.refund.answer", answer=hit.answer)
