"""Before people decide that a purchase was not made, ask AlarmBox about each credit check that is named in AlarmBox's
refusal of the purchase.

AlarmBox can answer a purchase with a refusal that contains the id of a credit check (`refused_but_made`). That credit
check may be the purchase itself, and after the decision the corporation could be bought a second time. AlarmBox's
list of purchases would show the credit check, but AlarmBox may not offer the call for this list. A credit check can
always be read by its id.
"""

import re
from collections.abc import Callable
from datetime import datetime

from console.domain.errors import make_outcome_error
from console.domain.errors.details import AnyRecord, ProviderAnswerFacts
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import CheckReport
from console.providers.credit_checks.provider import CreditCheckReader
from console.providers.http.response_classes import REFUSED_BUT_MADE_REASON
from console.services.credit_checks.listed_purchases import may_report_be_of_purchase_sent_at
from console.services.credit_checks.readings import find_read_error_code
from console.services.guarded.desk_answers import make_contradictory_answer_error
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.records import evidence
from console.store.spool.spool import SpoolEntry

_MAX_NAMED_IDS = 3
_NAMED_ID_PATTERN = re.compile(r"credit_check_id\W{1,12}([0-9]{1,10})(?![0-9])")


def refuse_denial_of_named_purchase(
    context: ServiceContext,
    open_reader: Callable[[], CreditCheckReader],
    operation_id: str | None,
    entry: SpoolEntry | None,
    corporation_number: str,
    sent_at: datetime | None,
    record: AnyRecord,
    store_answer: Callable[[Transaction, Outcome[CheckReport]], object],
) -> None:
    """Refuse the decision that the purchase `operation_id` was not made if AlarmBox's answer to it contradicts itself
    and names a credit check that may be this purchase. Do nothing if there is no such answer, or if the answer has no
    readable id: people then decide with their evidence. `entry` is the entry of this desk's spool about the purchase;
    None if the spool has no such entry.

    The program asks AlarmBox about each named credit check that our database doesn't have, and `store_answer` stores
    the answer. A named credit check is certainly not this purchase if AlarmBox doesn't have it, or if it is of
    another corporation, has expired, or was made earlier than the day before `sent_at` (None: its day doesn't
    decide). Raises evidence_mismatch (detail.reason `refused_but_made`, detail.record `record`) if a named credit
    check may be this purchase, or if the answer has more than three ids; the error of `find_read_error_code` if
    AlarmBox gives no report; and the errors of `open_reader`.
    """
    with context.database.read() as conn:
        ids = _list_named_ids(conn, operation_id, entry)
    if len(ids) > _MAX_NAMED_IDS:
        raise make_contradictory_answer_error(record)
    for credit_check_id in ids:
        outcome = open_reader().read_detail(credit_check_id)
        _store_answer(context, outcome, store_answer)
        if outcome.kind is OutcomeClass.NOT_FOUND:
            continue
        report = outcome.found if outcome.kind is OutcomeClass.SUCCEEDED else None
        if report is None:
            facts: ProviderAnswerFacts = {"record": record, "reason": outcome.reason, "status": outcome.status}
            raise make_outcome_error(find_read_error_code(outcome), facts)
        is_of_corporation = report.corporation_number in (None, corporation_number)
        if is_of_corporation and may_report_be_of_purchase_sent_at(report, sent_at, context.now()):
            raise make_contradictory_answer_error(record)


def _list_named_ids(conn: Connection, operation_id: str | None, entry: SpoolEntry | None) -> list[int]:
    """Return the ids of credit checks in the contradictory answers to a purchase, each once, without the ids that a
    record of our database has. These answers are in the evidence of the operation and in the spool's `entry`."""
    items = evidence.find_by_operation(conn, operation_id) if operation_id is not None else ()
    texts = [item.body for item in items if REFUSED_BUT_MADE_REASON in item.summary.split()]
    if entry is not None and entry.answer is not None and entry.answer.reason == REFUSED_BUT_MADE_REASON:
        texts.append(entry.answer.evidence)
    ids = dict.fromkeys(int(digits) for text in texts for digits in _NAMED_ID_PATTERN.findall(text))
    return [id for id in ids if not credit_checks.list_by_id_at_provider(conn, id)]


def _store_answer(
    context: ServiceContext,
    outcome: Outcome[CheckReport],
    store_answer: Callable[[Transaction, Outcome[CheckReport]], object],
) -> None:
    """Store AlarmBox's answer in a separate transaction, because the decision may still be refused."""
    context.write(lambda tx: store_answer(tx, outcome))
