"""Answer a repeated purchase or re-fetch (a call with the same request id) if the answer to the first call was lost
or was "outcome unknown". The answer is built from the records that the first call wrote, as in
`services/recovery/replayed_answers.py` for other actions.
"""

from console.domain.error_reasons import AlreadyPurchasedReason, PossibleRepeatReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AlreadyPurchasedDetail
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import Certainty, CheckState
from console.domain.recovery.decision_rules import is_denied_but_bought
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.replayed_operations import (
    find_operation,
    make_refusal_answer,
    make_unknown_outcome_answer,
    was_never_sent,
)
from console.services.guarded.request_ids import AnswerFinder
from console.services.process.context import ServiceContext
from console.store.credit_checks import joined_reads
from console.store.operations.request_ids import RequestIdUse


def make_purchase_answer_finder(context: ServiceContext) -> AnswerFinder:
    """Return the function that answers a repeated purchase. It returns the credit check that the first call bought,
    or the error with which the first purchase ended (outcome_unknown while its outcome is unknown); None if the
    first call had no effect."""

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            operation, answers = find_operation(conn, request_id_use)
            record = joined_reads.find_record(conn, operation.subject_id or 0) if operation else None
        if operation is None:
            return None
        if record is None or record.certainty is Certainty.UNKNOWN or record.state is CheckState.PENDING:
            return make_unknown_outcome_answer(operation, record)
        if record.state is CheckState.SUCCESS:
            return CallAnswer(record)
        if is_denied_but_bought(record):  # as a new purchase is refused: AlarmBox may have charged this one
            detail: AlreadyPurchasedDetail = {"record": record, "reason": AlreadyPurchasedReason.DENIED_BUT_BOUGHT}
            return CallAnswer(error=ConsoleError(ErrorCode.ALREADY_PURCHASED, detail))
        return None if was_never_sent(request_id_use, answers) else make_refusal_answer(operation, record)

    return find_answer


def make_refetch_answer_finder(context: ServiceContext) -> AnswerFinder:
    """Return the function that answers a repeated re-fetch of a credit check. If the first call has stored the
    fetched parts, the function raises possible_repeat, with the credit check, because the names of the changed fields
    are no longer known. Otherwise it returns None, because the parts can be read again at no cost."""

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            operation, _ = find_operation(conn, request_id_use)
            record = joined_reads.find_record(conn, operation.subject_id or 0) if operation else None
        if operation is None or operation.outcome_class != OutcomeClass.SUCCEEDED.value:
            return None
        raise ConsoleError(
            ErrorCode.POSSIBLE_REPEAT,
            {
                "reason": PossibleRepeatReason.ANSWER_NOT_STORED,
                "command": request_id_use.command,
                "since": request_id_use.holder.since,
                "record": record,
            },
        )

    return find_answer
