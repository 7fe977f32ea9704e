"""Build the error for a process that received a provider's late answer. The answer is late because a person or
another process has already decided about the record of the call. The record stays unchanged, and a case describes the
contradiction."""

import logging

from console.domain.error_reasons import AlreadyDecidedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AlreadyDecidedDetail
from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck, WorkReason
from console.services.process.context import ServiceContext
from console.store.alerts import cases

LATE_ANSWER_CASE_RULE = WorkReason.CONTRADICTED
_log = logging.getLogger("console.guard")


def make_already_decided_error(
    context: ServiceContext, kind: str, record: CreditCheck | Payment | Refund
) -> ConsoleError:
    """Return the error already_decided for the process that received the late answer about `record`, with
    detail.record and detail.case (the id of the open case; None if no case is open or if it can't be read)."""
    case: int | None = None
    try:
        with context.database.read() as conn:
            case = cases.find_open_case_id(conn, LATE_ANSWER_CASE_RULE, kind, record.id)
    except Exception:
        _log.warning("the case about %s %s can't be read", kind, record.id, exc_info=True)
    facts: AlreadyDecidedDetail = {
        "record": record,
        "state": record.state.value,
        "case": case,
        "reason": AlreadyDecidedReason.LATE_ANSWER,
    }
    return ConsoleError(ErrorCode.ALREADY_DECIDED, facts)
