"""Texts of reconciliations, for the window and for exports: the days of a run, and our side and the provider's
side of a difference."""

import re
from datetime import date

from console.domain.payments.provider_registry import list_provider_names
from console.domain.reconciliation.service_results import DifferenceItem, ReconciliationRunItem
from console.domain.tasks.records import ReconciliationVerdict
from console.wording import records as record_words
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext

_STATE_AND_AMOUNT_OF_SIDE_PATTERN = re.compile(
    r"(?:refund (?P<refund>\d{1,18}) )?(?P<word>\S{1,64}) (?P<minor>\d{1,15})(?: (?P<currency>[A-Z]{3}))?"
    r"(?: (?P<at>\d{4}-\d\d-\d\dT\S{1,40}))?(?: \S.*)?"
)


def format_run_days(item: ReconciliationRunItem) -> str:
    """Return the days that a reconciliation run compares as text: one day, or the first and the last day."""
    return format_day_range(item.from_day, item.to_day)


def format_day_range(first_day: date, last_day: date) -> str:
    """Return a range of days as text: one day, or the first and the last day."""
    return (
        wording.format_day(first_day)
        if first_day == last_day
        else f"{wording.format_day(first_day)} – {wording.format_day(last_day)}"
    )


def get_difference_name(item: DifferenceItem, context: TextContext) -> str:
    """Return the short name of the payment to which a difference belongs; "" if the payment is unknown. If the
    program could not read the row of the provider's history, return the readable part of this row."""
    if item.payment is not None:
        return record_words.format_short_title(item.payment, context)
    return _get_readable_part_of_history_row(item) if item.difference.verdict is ReconciliationVerdict.REFUSED else ""


def format_our_side(item: DifferenceItem, context: TextContext) -> str:
    """Return the state and amount of the payment in our records as text; "" if we have no such payment."""
    return _format_state_and_amount_of_side(item.difference.ours, item, context, is_ours=True)


def format_provider_side(item: DifferenceItem, context: TextContext) -> str:
    """Return the state and amount of the payment in the provider's history as text; "" if the program could not
    read the provider's row."""
    return (
        ""
        if item.difference.verdict is ReconciliationVerdict.REFUSED
        else _format_state_and_amount_of_side(item.difference.theirs, item, context, is_ours=False)
    )


def _format_state_and_amount_of_side(
    text: str | None, item: DifferenceItem, context: TextContext, *, is_ours: bool
) -> str:
    """Return the state and amount on one side of a difference as text. `text` is the stored form, such as "completed
    12000 JPY". If `is_ours` is True, the state is ours and is translated. Of the provider's states, only words that
    the provider's history is known to use are translated. Any other word, and a stored text in another form, stay
    unchanged.
    """
    match = _STATE_AND_AMOUNT_OF_SIDE_PATTERN.fullmatch(text or "")
    if match is None:
        return text or ""
    kind = "refund" if match["refund"] else "payment"
    word = match["word"]
    if word == "refunded":
        return context.translate("reconcile.side.refunded", amount=_format_side_amount(match, item))
    if is_ours and wording.has_sentence(f"state.{kind}.{word}"):
        word = wording.get_state_word(kind, word, context.language)
    elif not is_ours:
        word = _get_our_word_for_history_state(word, context)
    amount = _format_side_amount(match, item)
    key = "reconcile.side.refund" if match["refund"] else "reconcile.side.payment"
    return context.translate(key, id=match["refund"], word=word, amount=amount)


def _get_our_word_for_history_state(word: str, context: TextContext) -> str:
    """Return our word for `word`, the state that a provider's history gives a payment or refund; `word` itself if we
    have no word for it."""
    keys = (f"history_state.{name}.{word}" for name in list_provider_names())
    return next((context.translate(key) for key in keys if wording.has_sentence(key)), word)


def format_history_state_word(item: DifferenceItem, context: TextContext) -> str:
    """Return the provider's own word for the payment's state in the provider's history, if `format_provider_side`
    shows our word instead; otherwise ""."""
    match = _STATE_AND_AMOUNT_OF_SIDE_PATTERN.fullmatch(item.difference.theirs or "")
    if match is None or item.difference.verdict is ReconciliationVerdict.REFUSED:
        return ""
    word = match["word"]
    return word if _get_our_word_for_history_state(word, context) != word else ""


def format_side_amounts(item: DifferenceItem) -> tuple[str, str]:
    """Return the amounts with which the texts of our side and of the provider's side end; "" for a side whose text
    has no amount."""
    our_side, their_side = (
        _STATE_AND_AMOUNT_OF_SIDE_PATTERN.fullmatch(text or "")
        for text in (item.difference.ours, item.difference.theirs)
    )
    return (
        "" if our_side is None else _format_side_amount(our_side, item),
        "" if their_side is None else _format_side_amount(their_side, item),
    )


def _format_side_amount(side: re.Match[str], item: DifferenceItem) -> str:
    return wording.format_amount(int(side["minor"]), side["currency"] or _get_currency(item))


def format_amount_difference(item: DifferenceItem) -> str:
    """Return the provider's amount minus our amount as text; for a refund, our amount minus the provider's amount.
    Return "" if the difference is 0."""
    minor, currency = compute_amount_difference(item)
    return wording.format_amount(minor, currency) if minor else ""


def compute_amount_difference(item: DifferenceItem) -> tuple[int, str]:
    """Return the provider's amount minus our amount in minor units, and the currency. For a refund, the difference is
    our amount minus the provider's amount. A missing amount counts as 0. The difference is 0 if the program could not
    read the provider's row."""
    our_amount, their_amount = (
        _STATE_AND_AMOUNT_OF_SIDE_PATTERN.fullmatch(text or "")
        for text in (item.difference.ours, item.difference.theirs)
    )
    if item.difference.verdict is ReconciliationVerdict.REFUSED or (our_amount is None and their_amount is None):
        return 0, _get_currency(item)
    minor = int(their_amount["minor"] if their_amount else 0) - int(our_amount["minor"] if our_amount else 0)
    currency = (our_amount and our_amount["currency"]) or (their_amount and their_amount["currency"])
    is_refund = any(side is not None and _is_refund_side(side) for side in (our_amount, their_amount))
    return -minor if is_refund else minor, currency or _get_currency(item)


def get_verdict_word(item: DifferenceItem, context: TextContext) -> str:
    """Return the word for the verdict of a comparison. A refund that only the provider has is stored as a different
    amount, but it has no amount of ours; its word says that it isn't recorded."""
    verdict = item.difference.verdict
    if verdict is ReconciliationVerdict.DIFFERENT_AMOUNT and item.difference.ours is None:
        return context.translate("reconcile.verdict.unrecorded_refund")
    return context.translate(f"reconcile.verdict.{verdict}")


def format_difference_cause(item: DifferenceItem, context: TextContext) -> str:
    """Return a text about a difference: the reason why a person must look at it, or the statement that no person must
    look at it."""
    if item.difference.verdict is ReconciliationVerdict.REFUSED:
        return context.translate(f"reconcile.row.{get_unreadable_reason_code(item)}")
    if item.case is not None:
        key = wording.find_alert_rule_sentence_key(item.case.rule_id)
        return context.translate(key) if key else item.case.rule_id
    if item.difference.verdict is ReconciliationVerdict.IMPORTED:
        return context.translate("reconcile.cause.imported")
    return context.translate("reconcile.cause.settled" if item.difference.case_opened else "reconcile.cause.no_order")


def _is_refund_side(side: re.Match[str]) -> bool:
    """Return True if the stored text of one side of a difference describes a refund. `side` is the regular-expression
    match of this text. The text describes a refund if it contains the id of our refund, a time (only refunds of a
    provider have a time), or the word `refunded`."""
    return bool(side["refund"] or side["at"]) or side["word"] == "refunded"


def _get_currency(item: DifferenceItem) -> str:
    return item.payment.currency if item.payment is not None else "JPY"


def get_unreadable_reason_code(item: DifferenceItem) -> str:
    """Return the code of the reason why a row of the provider's history could not be read: the first word of the
    stored text `theirs`, or "other" if this word has no text."""
    code = (item.difference.theirs or "").partition(" ")[0]
    return code if wording.has_sentence(f"reconcile.row.{code}") else "other"


def _get_readable_part_of_history_row(item: DifferenceItem) -> str:
    return (item.difference.theirs or "").partition(" ")[2]
