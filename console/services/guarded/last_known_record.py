"""Records as this process knows them, for the moment when the database can't be asked any more."""

from dataclasses import replace

from console.domain.dates import day_begins, day_ended
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState
from console.domain.records import Certainty, CheckReport, CheckState, CreditCheck, Work, WorkState
from console.services.described import Claimed

_KNOWN = {
    OutcomeClass.SUCCEEDED: CheckState.SUCCESS,
    OutcomeClass.FAILED_DEFINITE: CheckState.ERROR,
    OutcomeClass.AUTH: CheckState.ERROR,
    OutcomeClass.RATE_LIMITED: CheckState.ERROR,
}


def record(claimed: Claimed, outcome: Outcome[CheckReport] | None) -> CreditCheck:
    """What a purchase left behind; without an outcome nobody knows what became of it.

    `version` is what the row had when this process last wrote it.
    """
    subject, report = claimed.subject, outcome.found if outcome else None
    state = _KNOWN.get(outcome.kind) if outcome else None
    name, result = (report.company_name, report.result) if report else (None, None)
    bought_on, ends_on = (report.purchase_date, report.expiration_date) if report else (None, None)
    parts = {"name": name, "result": result, "dates": bought_on and ends_on, "pdf": None}
    return CreditCheck(
        id=subject.id,
        corporation_number=subject.corporation_number or "",
        client_id=subject.client_id or "",
        state=state or CheckState.PENDING,
        certainty=Certainty.KNOWN if state else Certainty.UNKNOWN,
        work=Work() if state else Work(WorkState.NEEDS_REVIEW, reason="lapsed"),
        credit_check_id=report.credit_check_id if report else None,
        company_name=name,
        result=result,
        purchased_at=day_begins(bought_on) if bought_on else None,
        expired_at=day_ended(ends_on) if ends_on else None,
        pdf_file_path=None,
        incomplete=tuple(part for part, value in parts.items() if not value) if state is CheckState.SUCCESS else (),
        superseded_by=None,
        operation_id=claimed.operation_id,
        version=2 if outcome else 1,
        error_code=outcome.reason if outcome and state is not CheckState.SUCCESS else None,
    )


def refund(before: Refund, claimed: Claimed, outcome: Outcome[RefundReport] | None) -> Refund:
    """What a sending left behind; without an outcome nobody knows what became of it."""
    sent = replace(
        before,
        provider_refund_key=claimed.subject.provider_key,
        operation_id=claimed.operation_id,
        sent_count=before.sent_count + 1,
        version=before.version + (2 if outcome else 1),
    )
    state = _refund_state(outcome) if outcome else None
    if outcome is None or state is None:
        work = Work(WorkState.SCHEDULED, reason="unknown")
        return replace(sent, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, work=work)
    found = outcome.found
    number = found.provider_refund_id if found else before.provider_refund_id
    cause = None if state in (RefundState.SUBMITTED, RefundState.COMPLETED) else outcome.reason
    return replace(sent, state=state, work=Work(), provider_refund_id=number, error_code=cause)


def _refund_state(outcome: Outcome[RefundReport]) -> RefundState | None:
    if outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is not Sent.NO:
        return RefundState.FAILED
    return {
        OutcomeClass.SUCCEEDED: RefundState.COMPLETED,
        OutcomeClass.PENDING: RefundState.SUBMITTED,
        OutcomeClass.FAILED_DEFINITE: RefundState.APPROVED,
        OutcomeClass.AUTH: RefundState.APPROVED,
        OutcomeClass.RATE_LIMITED: RefundState.APPROVED,
    }.get(outcome.kind)
