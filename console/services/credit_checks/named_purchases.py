"""Before people decide that a purchase was not made, ask AlarmBox about each credit check that is named in
AlarmBox's answer to the purchase.

An answer that doesn't settle the purchase can contain the id of a credit check: a refusal (`refused_but_made`), or a
success that can't be used, for example because the id is a text, the corporation number differs from that of the
purchase, or the body is cut. That credit check may be the purchase itself, and after the decision it could be bought
a second time. AlarmBox's list of purchases would show the credit check, but AlarmBox may not offer the call for this
list. A credit check can always be read by its id. A success that shows the credit check without its id
(`made_without_id`) says that the purchase was made: only AlarmBox's list can say the opposite.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import AnyRecord, ProviderAnswerFacts
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import CheckReport, EvidenceItem, is_valid_credit_check_id
from console.providers.credit_checks.provider import PURCHASED_WITHOUT_ID_REASON, CreditCheckReader
from console.providers.http.answer_outcomes import REFUSED_BUT_MADE_REASON
from console.services.credit_checks.listed_purchases import may_report_be_of_purchase_sent_at
from console.services.credit_checks.outcomes import LATE_PURCHASE_CALL_NAME, PURCHASE_CALL_NAME
from console.services.credit_checks.part_reader import find_read_error_code
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.records import evidence
from console.store.spool.spool import SpoolEntry

_MAX_NAMED_IDS = 3
_INCOMPLETE_ID = -1
"""Value in place of an id that may be incomplete: the text of the answer ends with this id, because the answer broke
off, so further digits may be missing. AlarmBox can't be asked about such an id.
"""
_NAMED_ID_PATTERN = re.compile(r"credit_check_id\W{1,12}([0-9]{1,40})")
_PURCHASE_ANSWER_SOURCES = frozenset(
    f"{CREDIT_CHECK_PROVIDER}.{call_name}" for call_name in (PURCHASE_CALL_NAME, LATE_PURCHASE_CALL_NAME)
)


def refuse_denial_of_named_purchase(
    context: ServiceContext,
    open_reader: Callable[[], CreditCheckReader],
    operation_id: str | None,
    entry: SpoolEntry | None,
    corporation_number: str,
    sent_at: datetime | None,
    record: AnyRecord,
    store_answer: Callable[[Transaction, Outcome[CheckReport]], object],
    *,
    is_absent_in_list: bool,
) -> None:
    """Refuse the decision that the purchase `operation_id` was not made if AlarmBox's answer to it doesn't settle
    the purchase and names a credit check that may be this purchase, or shows the purchased credit check without its
    id. Do nothing if there is no such answer: people then decide with their evidence. `entry` is the entry of this
    desk's spool about the purchase; None if the spool has no such entry.

    An answer without the id doesn't prevent the decision if `is_absent_in_list` is True: AlarmBox's present list of
    purchases doesn't have the purchase.

    The program asks AlarmBox about each named credit check that our database doesn't have, and `store_answer` stores
    the answer. A named credit check is certainly not this purchase if AlarmBox doesn't have it, or if it is of
    another corporation, has expired, or was made earlier than the day before `sent_at`. If `sent_at` is None, the
    day of the named credit check is not compared. Raises evidence_mismatch (detail.record `record`) if a named
    credit check may be this purchase, if the answer has more than three ids, or if an id is incomplete or larger
    than the largest id about which AlarmBox can be asked; detail.reason is `refused_but_made` if the answer is a
    refusal, `made_without_id` if it shows the credit check without its id, otherwise `named_purchase`. Also raises
    the error of `find_read_error_code` if AlarmBox gives no report; and the errors of `open_reader`.
    """
    with context.database.read() as conn:
        now = read_current_time(conn, context.now())
        answers = _list_answers_with_unknown_outcome(conn, operation_id, entry)
        reason_by_id = _find_named_ids(conn, answers)
    is_made = any(PURCHASED_WITHOUT_ID_REASON in summary_words for _, summary_words in answers)
    if is_made and not is_absent_in_list:
        raise _make_named_purchase_error(record, EvidenceMismatchReason.MADE_WITHOUT_ID)
    for credit_check_id, reason in reason_by_id.items():
        if len(reason_by_id) > _MAX_NAMED_IDS or not is_valid_credit_check_id(credit_check_id):
            raise _make_named_purchase_error(record, reason)
        outcome = open_reader().read_detail(credit_check_id)
        _store_answer(context, outcome, store_answer)
        if outcome.kind is OutcomeClass.NOT_FOUND:
            continue
        report = outcome.content if outcome.kind is OutcomeClass.SUCCEEDED else None
        if report is None:
            facts: ProviderAnswerFacts = {"record": record, "reason": outcome.reason, "status": outcome.status}
            raise make_outcome_error(find_read_error_code(outcome), facts)
        is_of_corporation = report.corporation_number in (None, corporation_number)
        if is_of_corporation and may_report_be_of_purchase_sent_at(report, sent_at, now):
            raise _make_named_purchase_error(record, reason)


def _list_answers_with_unknown_outcome(
    conn: Connection, operation_id: str | None, entry: SpoolEntry | None
) -> list[tuple[str, list[str]]]:
    """Return the answers to a purchase that don't settle it, each as its text and the words of its summary. These
    answers are in the evidence of the operation `operation_id` and in `entry`, the spool's entry about it. Either is
    None if there is none."""
    items = evidence.find_by_operation(conn, operation_id) if operation_id is not None else ()
    answers = [(item.body, item.summary.split()) for item in items if _is_answer_with_unknown_outcome(item)]
    if entry is not None and entry.answer is not None and entry.answer.kind is OutcomeClass.UNKNOWN:
        answers.append((entry.answer.evidence, [entry.answer.reason]))
    return answers


def _find_named_ids(
    conn: Connection, answers: Sequence[tuple[str, Sequence[str]]]
) -> dict[int, EvidenceMismatchReason]:
    """Return the ids of credit checks in `answers`, the answers to a purchase that don't settle it, without 0 and
    without the ids that a record of our database has. Each id has the reason with which a denial is refused. An id
    that may be incomplete is _INCOMPLETE_ID."""
    reason_by_id: dict[int, EvidenceMismatchReason] = {}
    for text, summary_words in answers:
        is_refusal = REFUSED_BUT_MADE_REASON in summary_words
        reason = EvidenceMismatchReason.REFUSED_BUT_MADE if is_refusal else EvidenceMismatchReason.NAMED_PURCHASE
        searched_text = text.replace("\0", "")  # UTF-16 has a NUL beside each letter
        for match in _NAMED_ID_PATTERN.finditer(searched_text):
            is_whole = match.end() < len(searched_text)
            reason_by_id.setdefault(int(match[1]) if is_whole else _INCOMPLETE_ID, reason)
    return {
        id: reason
        for id, reason in reason_by_id.items()
        if id and not (is_valid_credit_check_id(id) and credit_checks.list_by_id_at_provider(conn, id))
    }


def _is_answer_with_unknown_outcome(item: EvidenceItem) -> bool:
    """True if the evidence is an answer that leaves the outcome of the purchase unknown: an unusable answer to the
    purchase itself, or a contradictory answer (REFUSED_BUT_MADE_REASON), which refuses the request and contains the
    requested credit check."""
    words = item.summary.split()
    is_unknown_purchase = item.source in _PURCHASE_ANSWER_SOURCES and OutcomeClass.UNKNOWN.value in words
    return is_unknown_purchase or REFUSED_BUT_MADE_REASON in words


def _make_named_purchase_error(record: AnyRecord, reason: EvidenceMismatchReason) -> ConsoleError:
    return ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": reason})


def _store_answer(
    context: ServiceContext,
    outcome: Outcome[CheckReport],
    store_answer: Callable[[Transaction, Outcome[CheckReport]], object],
) -> None:
    """Store AlarmBox's answer in a separate transaction, because the decision may still be refused."""
    context.write(lambda tx: store_answer(tx, outcome))
