"""Money as text: the parts of a payment's amount, the states of a payment on the compared sides (our database,
provider, order), and the risk signals of a refund.
"""

from collections.abc import Iterable, Iterator

from console.cli.text_output.records import TableRow, format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.payments.compared_sides import ComparedSide, MoneyParts
from console.domain.payments.consistency import compute_reversed_minor
from console.domain.payments.records import Payment, Refund, SetAside
from console.domain.payments.service_results import RiskSignal
from console.domain.payments.states import RESERVING_REFUND_STATES
from console.domain.recovery.decision_rules import is_refund_certainly_unsent
from console.wording import records as payment_words
from console.wording.mismatches import format_history_contradiction
from console.wording.sentences import catalogue as wording

_MONEY_PART_NAMES = ("refundable", "waiting", "on_its_way", "unknown", "refunded", "set_aside", "outside")


def format_money_table(money: MoneyParts, payment: Payment, translator: Translator) -> Lines:
    """Return the paid amount of a payment and the parts of this amount in `money` (such as refunded and set aside) as
    aligned lines. Parts of 0 are left out. If it isn't known whether the payer has paid, a dash (–) replaces the paid
    amount.
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


def format_set_aside_table(set_asides: Iterable[SetAside], translator: Translator) -> Lines:
    """Return the amounts of a payment that were set aside as aligned lines: the amount, its present state, and the
    refund that gives it back."""
    return format_aligned_lines(
        (
            wording.format_amount(set_aside.amount_minor, set_aside.currency),
            translator(f"state.set_aside.{set_aside.state}"),
            f"R-{set_aside.refund_id}" if set_aside.refund_id is not None else wording.NO_VALUE,
        )
        for set_aside in set_asides
    )


def format_compared_states_table(
    compared_sides: Iterable[ComparedSide], record: Payment | Refund | None, provider: str, translator: Translator
) -> Lines:
    """Return the states of `record` in our database, at its provider and in its order as aligned lines. Each line has
    the time and the age of the state, and a mark if the provider's last answer is old. `record` is the payment or
    refund with these sides; None for an order without a payment. `provider` is the name of the record's provider, ""
    without one.
    """
    return format_aligned_lines(
        _make_compared_side_row(side, record, provider, translator) for side in compared_sides
    )


def _make_compared_side_row(
    side: ComparedSide, record: Payment | Refund | None, provider: str, translator: Translator
) -> TableRow:
    return (
        _get_compared_side_name(side, provider, translator),
        _get_compared_state_word(side, record, translator),
        wording.NO_VALUE if side.minor is None else wording.format_amount(side.minor, side.currency or ""),
        _format_side_time(side, translator),
        wording.join_facts(_list_difference_texts(side, record, translator), translator),
    )


def _list_difference_texts(
    side: ComparedSide, record: Payment | Refund | None, translator: Translator
) -> Iterator[str]:
    """Yield a text with the fields in which one compared side differs from our record and, for the provider, the
    statement of its history that contradicts our record."""
    if side.differs:
        yield translator("money.side.differs", fields=side.differs)
    if side.name == "provider" and isinstance(record, Payment):
        yield format_history_contradiction(record, translator.language)


def _format_side_time(side: ComparedSide, translator: Translator) -> str:
    """Return the time and the age of the state on one compared side, as the window shows them. For the provider this
    is the time of the last query to the provider; for our record and the order, the time since which the record has
    its state. Return a dash (–) if the time isn't known."""
    is_provider = side.name == "provider"
    at = side.asked if is_provider else side.since or side.asked
    if not side.there or at is None:
        return wording.NO_VALUE
    key = "record.side.asked_age" if is_provider else "record.side.since_age"
    text = translator(key, at=translator.format_short_instant(at), age=translator.compute_age(at))
    return translator("money.side.old", fact=text) if side.old else text


def _get_compared_side_name(side: ComparedSide, provider: str, translator: Translator) -> str:
    if side.name in ("ours", "order"):
        return translator(f"record.side.{side.name}")
    if not provider:
        return translator("money.side.gateway_unknown")
    return translator("money.side.gateway", provider=wording.get_provider_name(provider, translator.language))


def _get_compared_state_word(side: ComparedSide, record: Payment | Refund | None, translator: Translator) -> str:
    """Return the word for the state on one compared side. It is this program's word; for the provider, the provider's
    own word follows. For a missing record or answer, return a text that says that it is missing.
    """
    if not side.there or record is None:
        return _get_word_of_incomplete_comparison(side, translator)
    if not side.state:
        return side.word or translator(_find_key_of_silent_provider_side(record))
    kind = "refund" if isinstance(record, Refund) else "payment"
    word = translator(f"state.{'order' if side.name == 'order' else kind}.{side.state}")
    if side.name != "provider" or side.word is None:
        return word
    return side.word if side.word.casefold() == word.casefold() else wording.join_facts((word, side.word), translator)


def _get_word_of_incomplete_comparison(side: ComparedSide, translator: Translator) -> str:
    """Return the word for one side of a comparison in which the payment or the order doesn't exist. For the order's
    side, if there is an order, it is the word for the order's state. For any other side it is a text which says that
    the order or the payment does not exist."""
    if side.there and side.state:
        return translator(f"state.order.{side.state}")
    return translator("money.side.no_order" if side.name == "order" else "money.side.no_payment")


def _find_key_of_silent_provider_side(record: Payment | Refund) -> str:
    """Return the wording key for the provider's side of a record about which the provider has never answered."""
    if isinstance(record, Refund):
        if not is_refund_certainly_unsent(record):
            return "record.side.no_answer"
        return "money.side.not_sent" if record.state in RESERVING_REFUND_STATES else "money.side.never_sent"
    return f"record.side.{payment_words.get_unanswered_side_key_suffix(record)}"


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
