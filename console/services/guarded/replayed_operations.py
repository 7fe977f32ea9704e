"""Answer a repeated call (one with the same request id) from the guarded operation that the first call began."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import CreditCheck, EvidenceItem, Operation
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.operation import find_auth_error_code
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.operations.request_ids import ANSWERED_USE_STATE, RequestIdUse
from console.store.records import evidence

if TYPE_CHECKING:
    from console.domain.payments.records import Payment, Refund

ERROR_CODE_BY_OUTCOME_CLASS = {
    OutcomeClass.AUTH.value: ErrorCode.PROVIDER_AUTH,
    OutcomeClass.RATE_LIMITED.value: ErrorCode.RATE_LIMITED,
}
"""Error code of the first call, by the class of its outcome. For other classes it is PROVIDER_REFUSED."""
_UNSENT_EVIDENCE_PREFIX = f"{OutcomeClass.FAILED_DEFINITE.value} "
"""Beginning of the summary of evidence that says: the request was not sent."""


def find_operation(
    conn: Connection, request_id_use: RequestIdUse
) -> tuple[Operation | None, tuple[EvidenceItem, ...]]:
    """Return the guarded operation that the first call with the request id of `request_id_use` began, and the
    operation's evidence; None and an empty tuple if that call began no operation."""
    operation = (
        journal.find_with_state_after_lapse(conn, request_id_use.operation_id)
        if request_id_use.operation_id
        else None
    )
    return operation, evidence.find_by_operation(conn, operation.id) if operation else ()


def was_never_sent(request_id_use: RequestIdUse, answers: Iterable[EvidenceItem]) -> bool:
    """True if the evidence `answers` shows that the first call sent nothing to the provider, and the answer to that
    call is not stored. A new call may then use the request id again."""
    return request_id_use.state != ANSWERED_USE_STATE and any(
        answer.summary.startswith(_UNSENT_EVIDENCE_PREFIX) for answer in answers
    )


def make_unknown_outcome_answer(
    operation: Operation | None, record: "CreditCheck | Payment | Refund | None"
) -> CallAnswer:
    """Return an answer with the error that the outcome of the first call is unknown. `operation` is the guarded
    operation that the first call began, `record` the record that the operation changes; each is None if it was not
    found."""
    operation_id = None if operation is None else operation.id
    return CallAnswer(
        error=ConsoleError(
            ErrorCode.OUTCOME_UNKNOWN,
            {
                "record": record or operation,
                "reason": OutcomeUnknownReason.EARLIER_ATTEMPT,
                "operation_id": operation_id,
            },
        )
    )


def make_refusal_answer(operation: Operation, record: "CreditCheck | Payment | Refund") -> CallAnswer:
    """Return an answer with the error because of which the ended operation failed. It is the error that the first
    call would have raised."""
    code = ERROR_CODE_BY_OUTCOME_CLASS.get(operation.outcome_class or "", ErrorCode.PROVIDER_REFUSED)
    if code is ErrorCode.PROVIDER_AUTH:
        code = find_auth_error_code(operation.reason or "")
    return CallAnswer(error=make_outcome_error(code, {"record": record, "reason": operation.reason, "status": None}))
