"""Close a case about a payment or refund so that a new case of the same alert rule can report a newer fact.

A rule has at most one open case about a record, and a case stays open after its acknowledgement. So if a new fact
appears while an acknowledged case is open, that case is closed and a new case with the new fact is opened. The text
of some cases lists several facts, such as each further capture of the payer's money for one payment. If such a case
is open and its text lacks a new fact, it is closed and a new case is opened whose text has the new fact as well. The
text of a case has room for a limited number of facts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.domain.records import WorkReason
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import RunAgain, Transaction
from console.store.payments import payments

FACT_SEPARATOR = ", "
"""Text between the facts in the text of a case."""


@dataclass(frozen=True, slots=True)
class ListedFacts:
    """Facts about a payment, compared with the payment's cases. `has_unacknowledged`: True if at least one of the
    facts was not acknowledged by a person yet. `case_text`: the text of the new case that the caller must open; None
    if the open case has all facts for which a case has room, or if a person has acknowledged all of them.
    """

    has_unacknowledged: bool
    case_text: str | None


def end_case_that_lacks_a_fact(
    context: ServiceContext,
    tx: Transaction,
    payment_id: int,
    rule: WorkReason,
    facts: Sequence[str],
    is_over: Callable[[str], bool] = lambda _key: False,
) -> ListedFacts:
    """Compare `facts` with the payment's cases of the alert rule `rule`. If the open case lacks a fact that no person
    has acknowledged, and has room for it or is acknowledged, close that case. A full case stays open until a person
    has acknowledged it.

    Each fact begins with a key, which ends at the first space, such as the key of a refund. A fact counts as
    acknowledged if its key is in the text of a case that a person has acknowledged. The text of the new case also has
    those facts of the open case that nobody has acknowledged. A fact of the open case is left out if `is_over`
    returns True for its key, because the fact no longer holds: for example, a refund that this database lacked exists
    here now. Raises RunAgain if another process has just ended the open case.
    """
    cases_of_payment = alerts.find_by_subject(tx.conn, payments.PAYMENT_KIND, payment_id)
    cases = [case for case in cases_of_payment if case.rule_id == rule]
    acknowledged_keys = {
        _parse_key(text) for case in cases if case.acknowledged_by for text in _split_whole_texts(case.observed)
    }
    open_case = next((case for case in cases if case.resolved_at is None), None)
    texts_of_open_case = [
        text
        for text in (_split_whole_texts(open_case.observed) if open_case else ())
        if not is_over(_parse_key(text))
    ]
    text_by_key: dict[str, str] = {}
    for text in (*texts_of_open_case, *facts):  # in this order, so that a full case stays until it is acknowledged
        text_by_key.setdefault(_parse_key(text), text)
    unacknowledged_texts = [text for key, text in text_by_key.items() if key not in acknowledged_keys]
    if not any(_parse_key(text) not in acknowledged_keys for text in facts):
        return ListedFacts(has_unacknowledged=False, case_text=None)
    case_text = _join_whole_texts(unacknowledged_texts)
    if open_case is not None and _contains_all_facts(open_case.observed, case_text):
        return ListedFacts(has_unacknowledged=True, case_text=None)
    if open_case is not None and not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain
    return ListedFacts(has_unacknowledged=True, case_text=case_text)


def end_acknowledged_case(
    context: ServiceContext, tx: Transaction, subject: tuple[str, int], rule: str, observed: str
) -> None:
    """Close the open case of the alert rule `rule` about the record `subject` (kind and id) if a person has
    acknowledged it and `observed`, the text of the case that the caller opens next, is new. A text is not new if a
    person has acknowledged a case with this text. Raises RunAgain if another process has just ended the open case.
    """
    cases_of_record = alerts.find_by_subject(tx.conn, *subject)
    cases = [case for case in cases_of_record if case.rule_id == rule and case.acknowledged_by]
    open_case = next((case for case in cases if case.resolved_at is None), None)
    if open_case is None or observed[: alerts.LONGEST_TEXT_CHARACTERS] in {case.observed for case in cases}:
        return
    if not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain


def _parse_key(text: str) -> str:
    """Return the first word of `text`, a fact of a case: it is the key that identifies the fact."""
    return text.partition(" ")[0]


def _split_whole_texts(observed: str) -> list[str]:
    """Return the texts of the facts that the column `observed` of a case contains. An earlier version of the program
    cut off the column at its largest length; then the last fact isn't whole, and it is left out.
    """
    texts = observed.split(FACT_SEPARATOR)
    return texts[:-1] if len(observed) >= alerts.LONGEST_TEXT_CHARACTERS else texts


def _join_whole_texts(texts: Sequence[str]) -> str:
    """Return the texts joined, as many as the column `observed` of a case has room for, at least one."""
    observed = texts[0]
    for text in texts[1:]:
        longer = observed + FACT_SEPARATOR + text
        if len(longer) >= alerts.LONGEST_TEXT_CHARACTERS:
            break
        observed = longer
    return observed


def _contains_all_facts(case_text: str, observed: str) -> bool:
    """True if the case with the text `case_text` has every fact of the text `observed`."""
    keys_in_case = set(map(_parse_key, _split_whole_texts(case_text)))
    return all(_parse_key(text) in keys_in_case for text in observed.split(FACT_SEPARATOR))
