"""Cases about refunds that a payment has at its provider and that this database doesn't have: the database may have
lost them, or a person has requested them at the provider's own page."""

from collections.abc import Sequence

from console.domain.records import WorkReason
from console.services.payments import next_work as payment_work
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import RunAgain, Transaction
from console.store.payments import payments
from console.store.refunds import refunds

_REFUND_TEXT_SEPARATOR = ", "


def open_case_of_unknown_refunds(
    context: ServiceContext, tx: Transaction, payment_id: int, refunds: Sequence[str]
) -> bool:
    """Open a case about those `refunds` of the payment that no person has acknowledged yet. Return False if there are
    none. Each text in `refunds` begins with the refund's key.

    A refund counts as acknowledged if its key is in the text of a case that a person has acknowledged. The text of a
    case has room for some refunds only, and a rule has at most one open case about a record, so several cases can be
    necessary one after another. If the open case lacks a refund, and has room for it or is acknowledged, that case is
    closed, and a new case contains the refund and all other refunds that nobody has acknowledged and that this
    database still lacks. A full case stays open until a person has acknowledged it. Raises RunAgain if another
    process has just ended the case.
    """
    rule, kind = WorkReason.UNKNOWN_REFUND, payments.PAYMENT_KIND
    cases = [case for case in alerts.find_by_subject(tx.conn, kind, payment_id) if case.rule_id == rule]
    acknowledged_keys = {
        _parse_refund_key(refund_text)
        for case in cases
        if case.acknowledged_by
        for refund_text in _split_whole_texts(case.observed)
    }
    open_case = next((case for case in cases if case.resolved_at is None), None)
    texts_of_open_case = [
        text
        for text in (_split_whole_texts(open_case.observed) if open_case else ())
        if not is_refund_of_this_console(tx, payment_id, _parse_refund_key(text))
    ]
    text_by_key: dict[str, str] = {}
    for text in (*texts_of_open_case, *refunds):  # in this order, so that a full case stays until it is acknowledged
        text_by_key.setdefault(_parse_refund_key(text), text)
    unacknowledged_texts = [text for key, text in text_by_key.items() if key not in acknowledged_keys]
    if not any(_parse_refund_key(text) not in acknowledged_keys for text in refunds):
        return False
    observed = _join_whole_texts(unacknowledged_texts)
    if open_case is not None and _contains_all_refunds(open_case.observed, observed):
        return True
    if open_case is not None and not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain
    payment_work.open_case(context, tx, payment_id, rule, observed, "no refund of ours")
    return True


def is_refund_of_this_console(tx: Transaction, payment_id: int, key: str) -> bool:
    """True if this database has a refund of the payment with the idempotency key `key`. A refund that this database
    had lost is found as well if a person has requested it again, because the new request gets the same key."""
    refund = refunds.find_by_key(tx.conn, key)
    return refund is not None and refund.payment_id == payment_id


def _parse_refund_key(refund_text: str) -> str:
    """Return the idempotency key at the beginning of the text that a case has about one refund."""
    return refund_text.partition(" ")[0]


def _split_whole_texts(observed: str) -> list[str]:
    """Return the texts in the column `observed` of a case. An earlier version of the program cut off the texts at the
    largest length of the column; the last text of such a column, which isn't whole, is left out.
    """
    texts = observed.split(_REFUND_TEXT_SEPARATOR)
    return texts[:-1] if len(observed) >= alerts.LONGEST_TEXT_CHARACTERS else texts


def _join_whole_texts(texts: Sequence[str]) -> str:
    """Return as many of the texts as the column `observed` of a case has room for, at least one."""
    observed = texts[0]
    for text in texts[1:]:
        longer = observed + _REFUND_TEXT_SEPARATOR + text
        if len(longer) >= alerts.LONGEST_TEXT_CHARACTERS:
            break
        observed = longer
    return observed


def _contains_all_refunds(case_text: str, observed: str) -> bool:
    """True if the case with the text `case_text` has every refund of the text `observed`."""
    keys_in_case = set(map(_parse_refund_key, _split_whole_texts(case_text)))
    return all(_parse_refund_key(text) in keys_in_case for text in observed.split(_REFUND_TEXT_SEPARATOR))
