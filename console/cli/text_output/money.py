"""Money as text: the parts of a payment's amount, the states of a payment on the compared sides (here, provider,
order), and the risk signals of a refund.
"""

from collections.abc import Iterable, Iterator

from console.cli.text_output.records import TableRow, format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.payments.consistency import compute_reversed_minor
from console.domain.payments.records import Payment
from console.domain.payments.service_results import ComparedSide, MoneyParts, RiskSignal
from console.wording import records as payment_words
from console.wording.sentences import catalogue as wording

_MONEY_PART_NAMES = ("refundable", "waiting", "on_its_way", "unknown", "refunded", "set_aside")


def format_money_table(money: MoneyParts, payment: Payment, translator: Translator) -> Lines:
    """Return the paid amount of a payment and its parts `money` (such as refunded and set aside) as aligned lines;
    parts of 0 are left out. A dash (–) replaces the paid amount while nobody knows if the payer has paid.
    """
    parts = {"paid": money.captured, "reversed": compute_reversed_minor(payment)}
    parts |= {part: getattr(money, part) for part in _MONEY_PART_NAMES}
    rows = {
        part: wording.format_amount(amount, money.currency)
        for part, amount in parts.items()
        if amount or part == "paid"
    }
    if payment_words.is_paid_amount_unknown(payment):
        rows["paid"] = wording.NO_VALUE
    return format_aligned_lines((translator(f"money.part.{part}"), text) for part, text in rows.items())


def format_compared_states_table(
    compared_sides: Iterable[ComparedSide], payment: Payment, translator: Translator
) -> Lines:
    """Return the states of `payment` here, at its provider and in its order as aligned lines, each with the time
    at which the state was learnt.
    """
    return format_aligned_lines(_make_compared_side_row(side, payment, translator) for side in compared_sides)


def _make_compared_side_row(side: ComparedSide, payment: Payment, translator: Translator) -> TableRow:
    return (
        _get_compared_side_name(side, payment.provider, translator),
        _get_compared_state_word(side, payment, translator),
        wording.NO_VALUE if side.minor is None else wording.format_amount(side.minor, side.currency or ""),
        translator.format_short_instant(side.asked or side.since),
        translator("money.side.differs", fields=side.differs) if side.differs else "",
    )


def _get_compared_side_name(side: ComparedSide, provider: str, translator: Translator) -> str:
    if side.name in ("ours", "order"):
        return translator(f"record.side.{side.name}")
    return translator("money.side.gateway", provider=wording.get_provider_name(provider, translator.language))


def _get_compared_state_word(side: ComparedSide, payment: Payment, translator: Translator) -> str:
    """Return the word for the state on one compared side: this program's word for our payment and the order, the
    provider's own word for the provider. For a missing record or answer, return the text which says that it is
    missing.
    """
    if not side.there:
        return translator("money.side.no_order" if side.name == "order" else "record.side.not_found")
    if side.name == "ours" and side.state:
        return translator(f"state.payment.{side.state}")
    if side.name == "order" and side.state:
        return translator(f"state.order.{side.state}")
    return (
        side.word or side.state or translator(f"record.side.{payment_words.get_unanswered_side_key_suffix(payment)}")
    )


def format_risk_signal_lines(signals: Iterable[RiskSignal], translator: Translator) -> Iterator[str]:
    """Yield the risk signals of a refund, each with the comment of the refund's maker."""
    for signal in signals:
        key = f"radar.{signal.rule}"
        yield (
            translator(key, **signal.facts)
            if wording.has_sentence(key)
            else translator("radar.other", rule=signal.rule)
        )
        if signal.answer:
            yield translator("cli.refund.answer", answer=signal.answer)
