"""Read the detail or the PDF of a bought credit check at the provider, and write the result into the credit check."""

from collections.abc import Callable
from dataclasses import dataclass

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CreditCheck, Work, WorkReason, WorkState
from console.domain.tasks.retry_schedules import INCOMPLETE_REFETCH_WAITS, compute_next_attempt_time
from console.providers.credit_checks.provider import CreditCheckReader, PdfAnswer
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.services.credit_checks import outcomes
from console.services.guarded.operation import (
    OWN_FAILURE_ERROR_CODES,
    find_auth_error_code,
    find_own_failure_error_code,
)
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.documents.documents import StoredDocument
from console.store.records import evidence

DETAIL_PART = "detail"
PDF_PART = "pdf"
NO_ANSWER_ERROR_CODES = frozenset(
    {
        ErrorCode.PROVIDER_AUTH,
        ErrorCode.RATE_LIMITED,
        ErrorCode.PROVIDER_UNREACHABLE,
        ErrorCode.INTERNAL_ERROR,
        *OWN_FAILURE_ERROR_CODES,
    }
)
"""Error codes of a read to which the provider gave no answer. The caller of a probe gets these codes; other failed
reads become outcome_unknown.
"""
_BROKEN_OFF_BY_US_REASON = "broke_off"
"""Reason of the outcome of a read that this program has broken off."""
_BUG_REASON = ErrorCode.INTERNAL_ERROR
"""Reason of the outcome of a read that a bug of this program has ended."""


@dataclass(frozen=True, slots=True)
class FetchedPart:
    """The result of one read at the provider. `name` is DETAIL_PART or PDF_PART; `outcome` is the provider's answer;
    `report` is the report in the answer, and `stored_document` the stored PDF; each of them is None if the answer
    doesn't contain it. `own_error` is the error of this program that ended the read, such as a full disk; None if
    there was none.
    """

    name: str
    outcome: Outcome[object]
    report: CheckReport | None = None
    stored_document: StoredDocument | None = None
    own_error: ConsoleError | None = None

    @property
    def is_fetched(self) -> bool:
        """True if the provider answered the read with the detail or the PDF."""
        return self.outcome.kind is OutcomeClass.SUCCEEDED


class CreditCheckPartReader:
    """Reads the detail and the PDF of credit checks at the provider, and writes the results into the credit checks
    in the caller's transaction."""

    def __init__(self, context: ServiceContext, open_reader: Callable[[], CreditCheckReader]) -> None:
        self._context = context
        self._open_reader = open_reader

    def require_provider(self) -> None:
        """Raise bad_profile if the credit-check provider is not configured."""
        self._open_reader()

    def fetch_part(self, record: CreditCheck, name: str) -> FetchedPart:
        """Read the detail (`name` is DETAIL_PART) or the PDF (PDF_PART) of a credit check at the provider, and return
        the result. The caller has no open transaction. A PDF is stored as a document under the hash of its content
        before any row contains its path.
        """
        self._context.failpoints.reach(f"before_{name}")
        id_at_provider = record.credit_check_id or 0
        if name == DETAIL_PART:
            detail_outcome = self._open_reader().read_detail(id_at_provider)
            return _drop_report_of_other_number(record, FetchedPart(name, detail_outcome, detail_outcome.content))
        pdf_outcome = self._open_reader().read_pdf(id_at_provider)
        if pdf_outcome.kind is not OutcomeClass.SUCCEEDED or not isinstance(pdf_outcome.content, PdfAnswer):
            return FetchedPart(name, pdf_outcome)
        part = _drop_report_of_other_number(record, FetchedPart(name, pdf_outcome, pdf_outcome.content.report))
        if not part.is_fetched:
            return part
        return FetchedPart(
            name, pdf_outcome, pdf_outcome.content.report, self._context.documents.store(pdf_outcome.content.content)
        )

    @credit_checks.run_again_if_stale()
    def write_fetched_part(self, tx: Transaction, record_id: int, part: FetchedPart) -> None:
        """Write `part`, the result of one read at the provider, into the credit check: the changed values and the
        path of the current PDF, or the reason of the failure. Nothing is written if the database has no such credit
        check.
        """
        context = self._context
        record = credit_checks.find(tx.conn, record_id)
        if record is None:
            return
        outcomes.store_answer_evidence(context, tx, record, part.name, part.outcome)
        if not part.is_fetched:
            self._write_failed_part(tx, record, part)
            return
        now = context.now()
        column_values = outcomes.make_report_values(part.report, record, now) if part.report else {}
        changed_values = {
            name: value for name, value in column_values.items() if not _is_column_unchanged(record, name, value)
        }
        if part.stored_document is not None:
            stored_document = part.stored_document
            evidence.add_document(
                tx.conn,
                record_id,
                credit_checks.CREDIT_CHECK_KIND,
                stored_document.path,
                stored_document.sha256,
                stored_document.bytes,
                now,
            )
            if record.pdf_file_path != stored_document.path:
                changed_values["pdf_file_path"] = stored_document.path
        if changed_values:
            credit_checks.change_record(tx.conn, record, now, **changed_values)
        audit_action = AuditAction(f"credit-check.{part.name}_stored")
        context.record_audit(
            tx, audit_action, record_id, {"changes": _make_changed_column_facts(record, changed_values)}
        )

    def _write_failed_part(self, tx: Transaction, record: CreditCheck, part: FetchedPart) -> None:
        context, code = self._context, find_read_error_code(part.outcome)
        if code == ErrorCode.VIEWING_PERIOD_OVER:
            credit_checks.change_record(tx.conn, record, context.now(), viewing_over=True, error_code=code)
        else:
            credit_checks.change_record(tx.conn, record, context.now(), error_code=part.outcome.reason[:64])
        if part.outcome.reason in outcomes.READING_REASONS_THAT_OPEN_CASE:
            outcomes.open_contradiction_case(context, tx, record, part.outcome.reason)
        reason = part.outcome.reason[:64]
        action = AuditAction(f"credit-check.{part.name}_failed")
        context.record_audit(tx, action, record.id, {"code": code}, result="failed", reason=reason)

    @credit_checks.run_again_if_stale()
    def plan_next_read(
        self, tx: Transaction, record_id: int, attempt_count: int, *, has_fetched_all: bool = False
    ) -> None:
        """Schedule the next attempt to read the missing detail or PDF of a credit check; set its work to needs_review
        if the schedule has no further attempt. If nothing is missing or the viewing period is over, clear the work. A
        contradicted credit check stays unchanged. `attempt_count` is the number of attempts so far. If
        `has_fetched_all` is True, the last attempt has fetched detail and PDF. A part that is still missing is then
        missing at AlarmBox, so the cause of an earlier failure is cleared."""
        record = credit_checks.find(tx.conn, record_id)
        if record is None or record.work.reason == WorkReason.CONTRADICTED:
            return
        now = self._context.now()
        work = Work()
        if record.incomplete and not record.viewing_over:
            at = compute_next_attempt_time(INCOMPLETE_REFETCH_WAITS, attempt_count, now, self._context.scale)
            work = Work(WorkState.SCHEDULED, at, WorkReason.INCOMPLETE, attempt_count)
            if at is None:
                work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.REFETCHES_ENDED, attempt_count)
        cleared_columns = {} if record.incomplete and not has_fetched_all else {"error_code": None}
        credit_checks.change_record(tx.conn, record, now, **credit_checks.make_work_values(work), **cleared_columns)


def find_read_error_code(outcome: Outcome[object]) -> ErrorCode:
    """Return the error code for the outcome of a failed read at a provider: of the detail or PDF of a credit check,
    or of a payment, a refund or a list."""
    own_failure_code = find_own_failure_error_code(outcome)
    if own_failure_code is not None:
        return own_failure_code
    if outcome.reason == _BUG_REASON and (outcome.sent is SendingCertainty.NO or outcome.kind is OutcomeClass.AUTH):
        return ErrorCode.INTERNAL_ERROR
    if outcome.kind is OutcomeClass.AUTH:
        return find_auth_error_code(outcome.reason)
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return ErrorCode.RATE_LIMITED
    if outcome.status == 403 and outcome.kind is OutcomeClass.FAILED_DEFINITE:
        return ErrorCode.VIEWING_PERIOD_OVER
    if outcome.reason == OLD_ANSWER_REASON:
        return ErrorCode.PROVIDER_UNREACHABLE  # a cache has answered, not the provider
    if outcome.status is None and outcome.reason not in (_BROKEN_OFF_BY_US_REASON, _BUG_REASON):
        return ErrorCode.PROVIDER_UNREACHABLE
    return ErrorCode.PROVIDER_ANSWER_UNUSABLE


def make_failed_part(name: str, error: Exception) -> FetchedPart:
    """Return the result of a read of the detail or PDF (`name` is DETAIL_PART or PDF_PART) that has failed because of
    an exception of this program, for example a full disk."""
    own_error = error if isinstance(error, ConsoleError) else None
    reason = _BROKEN_OFF_BY_US_REASON if own_error is None else own_error.code
    return FetchedPart(name, Outcome(OutcomeClass.UNKNOWN, reason, SendingCertainty.MAYBE), own_error=own_error)


def _drop_report_of_other_number(record: CreditCheck, part: FetchedPart) -> FetchedPart:
    """Return `part`, the result of one read at the provider. If the corporation number in its report differs from
    that of the credit check, return a copy of `part` without the report, with an unknown outcome whose reason is
    `other_number`.
    """
    number = part.report.corporation_number if part.report else None
    if number is None or number == record.corporation_number:
        return part
    mismatched_outcome = part.outcome
    outcome: Outcome[object] = Outcome(
        OutcomeClass.UNKNOWN,
        "other_number",
        mismatched_outcome.sent,
        None,
        mismatched_outcome.status,
        mismatched_outcome.evidence,
        mismatched_outcome.sha256,
    )
    return FetchedPart(part.name, outcome)


def _is_column_unchanged(record: CreditCheck, name: str, value: object) -> bool:
    """True if the column `name` of the credit check already has this value."""
    row_value = getattr(record, name)
    return bool(value == (outcomes.convert_to_column_value(row_value) if row_value is not None else None))


def _make_changed_column_facts(record: CreditCheck, changes: dict[str, object]) -> dict[str, list[str | None]]:
    """Return the changed columns of a credit check, for the audit entry that the timeline shows. The result has, by
    column name, the old and the new value as text; None is the value of an empty (NULL) column."""

    def format_value(value: object) -> str | None:
        return None if value is None else str(value)

    return {name: [format_value(getattr(record, name)), format_value(value)] for name, value in changes.items()}
