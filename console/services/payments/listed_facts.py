"""Close a case about a payment or refund so that a new case of the same alert rule can report a newer fact.

A rule has at most one open case about a record, and a case stays open after a person has acknowledged it. So if a new
fact appears while an acknowledged case is open, that case is closed and a new case with the new fact is opened.

The text of some cases is a list of facts, such as each further capture of the payer's money for one payment. If the
list of the open case lacks a new fact, that case is closed, and a new case is opened whose list also has the new
fact. The text of a case has room for a limited number of facts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.domain.records import WorkReason
from console.domain.tasks.records import Alert
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import RunAgain, Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments

FACT_SEPARATOR = ", "
"""Text between the facts in the text of a case."""


@dataclass(frozen=True, slots=True)
class CaseFactComparison:
    """The result of comparing facts about a payment with the payment's cases of one alert rule.
    `has_unacknowledged_facts` is True if no person has acknowledged at least one of the facts yet. `case_text` is the
    text of the new case that the caller must open. It is None if the open case contains all facts for which a case
    has room, or if people have acknowledged all of the facts."""

    has_unacknowledged_facts: bool
    case_text: str | None


def close_case_that_lacks_a_fact(
    context: ServiceContext,
    tx: Transaction,
    payment_id: int,
    rule: WorkReason,
    facts: Sequence[str],
    is_over: Callable[[str], bool] = lambda _key: False,
) -> CaseFactComparison:
    """Compare `facts` with the payment's cases of the alert rule `rule`, and return the result. Close the open case
    if it lacks a fact that no person has acknowledged, and if it either has room for this fact or is acknowledged. A
    full case stays open until a person has acknowledged it.

    Each fact begins with a key, such as the key of a refund; the key ends at the first space. A fact counts as
    acknowledged if its key is in the text of a case that a person has acknowledged. The text of the new case also
    contains the unacknowledged facts of the open case. Facts of the open case for whose key `is_over` returns True
    are left out, because they are no longer true. An example is a refund that this database lacked and has now.
    Raises RunAgain if another process has just ended the open case.
    """
    cases_of_payment = alerts.find_by_subject(tx.conn, payments.PAYMENT_KIND, payment_id)
    cases = [case for case in cases_of_payment if case.rule_id == rule]
    acknowledged_keys = _list_acknowledged_keys(cases)
    open_case = next((case for case in cases if case.resolved_at is None), None)
    texts_of_open_case = [
        text for text in (_split_facts(open_case.observed) if open_case else ()) if not is_over(_parse_fact_key(text))
    ]
    text_by_key: dict[str, str] = {}
    for text in (*texts_of_open_case, *facts):  # in this order, so that a full case stays until it is acknowledged
        text_by_key.setdefault(_parse_fact_key(text), text)
    unacknowledged_texts = [text for key, text in text_by_key.items() if key not in acknowledged_keys]
    if not any(_parse_fact_key(text) not in acknowledged_keys for text in facts):
        return CaseFactComparison(has_unacknowledged_facts=False, case_text=None)
    case_text = _join_facts(unacknowledged_texts)
    if open_case is not None and _contains_all_facts(open_case.observed, case_text):
        return CaseFactComparison(has_unacknowledged_facts=True, case_text=None)
    if open_case is not None and not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain
    return CaseFactComparison(has_unacknowledged_facts=True, case_text=case_text)


def list_facts_with_open_case(conn: Connection, payment_id: int, rule: str, fact: str) -> str:
    """Return a case text with `fact` and, before it, the facts of the payment's open case of the alert rule `rule`,
    as far as the column has room. If the open case already contains `fact`, alone or followed by further words,
    return the text of that case. Return `fact` alone if no case of this rule is open, or if a person has acknowledged
    an open case without `fact`."""
    open_case = _find_open_case(conn, payment_id, rule)
    if open_case is None:
        return fact
    facts = _split_facts(open_case.observed)
    if any(known_fact == fact or known_fact.startswith(f"{fact} ") for known_fact in facts):
        return open_case.observed
    return fact if open_case.acknowledged_by is not None else _join_facts([*facts, fact])


def end_case_with_other_text(
    context: ServiceContext, tx: Transaction, payment_id: int, rule: str, observed: str
) -> None:
    """Close the payment's open case of the alert rule `rule` if its text isn't `observed`, the text of the case that
    the caller opens next. Raises RunAgain if another process has just ended the open case."""
    open_case = _find_open_case(tx.conn, payment_id, rule)
    if open_case is None or open_case.observed == observed[: alerts.LONGEST_TEXT_CHARACTERS]:
        return
    if not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain


def _find_open_case(conn: Connection, payment_id: int, rule: str) -> Alert | None:
    """Return the payment's open case of the alert rule `rule`; None if there is none."""
    cases_of_payment = alerts.find_by_subject(conn, payments.PAYMENT_KIND, payment_id)
    return next((case for case in cases_of_payment if case.rule_id == rule and case.resolved_at is None), None)


def find_acknowledged_fact_keys(conn: Connection, payment_id: int, rule: WorkReason) -> frozenset[str]:
    """Return the keys of the facts in those cases of the alert rule `rule` about the payment that a person has
    acknowledged."""
    cases_of_payment = alerts.find_by_subject(conn, payments.PAYMENT_KIND, payment_id)
    return _list_acknowledged_keys([case for case in cases_of_payment if case.rule_id == rule])


def end_acknowledged_case(
    context: ServiceContext, tx: Transaction, subject: tuple[str, int], rule: str, observed: str
) -> None:
    """Close the open case of the alert rule `rule` about the record `subject` (kind and id), if a person has
    acknowledged it and `observed` is a new text. `observed` is the text of the case that the caller opens next; it is
    new if no acknowledged case of this rule has the same text. Raises RunAgain if another process has just ended the
    open case.
    """
    cases_of_record = alerts.find_by_subject(tx.conn, *subject)
    cases = [case for case in cases_of_record if case.rule_id == rule and case.acknowledged_by]
    open_case = next((case for case in cases if case.resolved_at is None), None)
    if open_case is None or observed[: alerts.LONGEST_TEXT_CHARACTERS] in {case.observed for case in cases}:
        return
    if not alerts.resolve(tx.conn, open_case.id, context.now()):
        raise RunAgain


def _list_acknowledged_keys(cases: Sequence[Alert]) -> frozenset[str]:
    return frozenset(
        _parse_fact_key(text) for case in cases if case.acknowledged_by for text in _split_facts(case.observed)
    )


def _parse_fact_key(text: str) -> str:
    """Return the first word of `text`, a fact of a case: it is the key that identifies the fact."""
    return text.partition(" ")[0]


def _split_facts(observed: str) -> list[str]:
    """Return the texts of the facts that the column `observed` of a case contains. An earlier version of the program
    cut off long texts at the column's limit. The last fact is left out if it was cut off in this way.
    """
    texts = observed.split(FACT_SEPARATOR)
    return texts[:-1] if len(observed) >= alerts.LONGEST_TEXT_CHARACTERS else texts


def _join_facts(texts: Sequence[str]) -> str:
    """Join the texts of facts into one text for the column `observed` of a case, and return it. Texts for which the
    column has no room are left out; the first text is always included."""
    observed = texts[0]
    for text in texts[1:]:
        longer = observed + FACT_SEPARATOR + text
        if len(longer) >= alerts.LONGEST_TEXT_CHARACTERS:
            break
        observed = longer
    return observed


def _contains_all_facts(case_text: str, observed: str) -> bool:
    """True if the case with the text `case_text` has every fact of the text `observed`."""
    keys_in_case = set(map(_parse_fact_key, _split_facts(case_text)))
    return all(_parse_fact_key(text) in keys_in_case for text in observed.split(FACT_SEPARATOR))
