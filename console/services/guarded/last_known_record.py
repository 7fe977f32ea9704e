"""Build records from the claim and the outcome in this process's memory. The caller gets such a record as its
answer while the database can't be read."""

from dataclasses import replace

from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, CheckReport, CheckState, CreditCheck, Work, WorkReason, WorkState
from console.services.guarded.operation import ClaimedOperation

_CHECK_STATE_BY_OUTCOME_CLASS = {
    OutcomeClass.SUCCEEDED: CheckState.SUCCESS,
    OutcomeClass.FAILED_DEFINITE: CheckState.ERROR,
    OutcomeClass.AUTH: CheckState.ERROR,
    OutcomeClass.RATE_LIMITED: CheckState.ERROR,
}


def build_credit_check(claimed_operation: ClaimedOperation, outcome: Outcome[CheckReport] | None) -> CreditCheck:
    """Return the credit check of a purchase, built from its claim and its outcome (None: the outcome could not be
    written to the database). If `outcome` is None or unknown, the certainty is unknown.

    The column `version` is 1 if `outcome` is None, otherwise 2, as in the row before and after the outcome is
    written.
    """
    subject, report = claimed_operation.subject, outcome.content if outcome else None
    state = _CHECK_STATE_BY_OUTCOME_CLASS.get(outcome.kind) if outcome else None
    name, result = (report.company_name, report.result) if report else (None, None)
    purchase_day, expiration_day = (report.purchase_date, report.expiration_date) if report else (None, None)
    value_by_part = {"name": name, "result": result, "dates": purchase_day and expiration_day, "pdf": None}
    return CreditCheck(
        id=subject.id,
        corporation_number=subject.corporation_number or "",
        client_id=subject.client_id or "",
        state=state or CheckState.PENDING,
        certainty=Certainty.KNOWN if state else Certainty.UNKNOWN,
        work=Work() if state else Work(WorkState.NEEDS_REVIEW, reason=WorkReason.LAPSED),
        credit_check_id=report.credit_check_id if report else None,
        company_name=name,
        result=result,
        purchased_at=get_start_of_japanese_day(purchase_day) if purchase_day else None,
        expired_at=get_end_of_japanese_day(expiration_day) if expiration_day else None,
        pdf_file_path=None,
        incomplete=tuple(part for part, value in value_by_part.items() if not value)
        if state is CheckState.SUCCESS
        else (),
        superseded_by=None,
        operation_id=claimed_operation.operation_id,
        version=2 if outcome else 1,
        error_code=outcome.reason if outcome and state is not CheckState.SUCCESS else None,
    )


def build_refund(
    refund_row: Refund, claimed_operation: ClaimedOperation, outcome: Outcome[RefundReport] | None
) -> Refund:
    """Return the refund in its state after the request was sent, built from its row before the call, its claim and
    its outcome (None: the outcome could not be written to the database). If `outcome` is None or unknown, the
    certainty is unknown."""
    submitted_refund = replace(
        refund_row,
        provider_refund_key=claimed_operation.subject.provider_key,
        operation_id=claimed_operation.operation_id,
        sent_count=refund_row.sent_count + 1,
        version=refund_row.version + (2 if outcome else 1),
    )
    state = _find_refund_state(outcome) if outcome else None
    if outcome is None or state is None:
        work = Work(WorkState.SCHEDULED, reason=WorkReason.UNKNOWN)
        return replace(submitted_refund, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, work=work)
    report = outcome.content
    provider_refund_id = report.provider_refund_id if report else refund_row.provider_refund_id
    error_code = None if state in (RefundState.SUBMITTED, RefundState.COMPLETED) else outcome.reason
    return replace(
        submitted_refund, state=state, work=Work(), provider_refund_id=provider_refund_id, error_code=error_code
    )


def _find_refund_state(outcome: Outcome[RefundReport]) -> RefundState | None:
    """Return the refund's state after a call with this outcome; None for an outcome that doesn't change the state,
    such as an unknown outcome."""
    if outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is not SendingCertainty.NO:
        return RefundState.FAILED
    return {
        OutcomeClass.SUCCEEDED: RefundState.COMPLETED,
        OutcomeClass.PENDING: RefundState.SUBMITTED,
        OutcomeClass.FAILED_DEFINITE: RefundState.APPROVED,
        OutcomeClass.AUTH: RefundState.APPROVED,
        OutcomeClass.RATE_LIMITED: RefundState.APPROVED,
    }.get(outcome.kind)
