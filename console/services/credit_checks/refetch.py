"""Re-fetch detail and PDF of a bought credit check: after the purchase, when a person starts the re-fetch, and by a
due task.

This module can call the provider only to read, never to buy.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import DatabaseLockedProblem, OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.errors.details import FailedPart
from console.domain.process import interrupts
from console.domain.process.lease_names import make_credit_check_lease_name
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckState, CreditCheck, Document
from console.domain.recovery.decision_rules import find_refetch_refusal, make_stale_view_error
from console.services.credit_checks import outcomes
from console.services.credit_checks import records as check_records
from console.services.credit_checks.part_reader import (
    DETAIL_PART,
    PDF_PART,
    CreditCheckPartReader,
    FetchedPart,
    find_read_error_code,
    make_failed_part,
)
from console.services.guarded.action import GuardedAction, GuardedService, audit_lapse
from console.services.guarded.leases import acquire_lease, keep_lease_renewed
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES, ClaimedOperation, ClaimedRecord, StepReporter
from console.services.guarded.pipeline import GuardedPipeline
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.credit_checks import credit_checks
from console.store.database.compare_and_swap import StaleRow
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.records import evidence

if TYPE_CHECKING:
    from console.domain.service_results import RefetchResult

_log = logging.getLogger("console.guard")
_FIELDS_COMPARED_FOR_CHANGES = ("company_name", "result", "purchased_at", "expired_at", "pdf_file_path")
_ERROR_CODES_MOST_SEVERE_FIRST = (
    ErrorCode.VIEWING_PERIOD_OVER,
    ErrorCode.PROVIDER_AUTH,
    ErrorCode.RATE_LIMITED,
    ErrorCode.PROVIDER_ANSWER_UNUSABLE,
    ErrorCode.PROVIDER_REFUSED,
    ErrorCode.PROVIDER_UNREACHABLE,
    ErrorCode.BAD_PROFILE,
    ErrorCode.DOCUMENTS_UNREACHABLE,
    ErrorCode.STORAGE_FULL,
    ErrorCode.DATABASE_UNREACHABLE,
    ErrorCode.DATABASE_LOCKED,
    ErrorCode.READ_ONLY,
    ErrorCode.SCHEMA_MISMATCH,
    ErrorCode.INTERNAL_ERROR,
)
"""Error codes of a failed read of the detail or PDF, the most severe first."""


class RefetchService:
    """Re-fetches detail and PDF of a credit check under the credit check's lease."""

    def __init__(
        self, context: ServiceContext, pipeline: GuardedPipeline, part_reader: CreditCheckPartReader
    ) -> None:
        self._context = context
        self._part_reader = part_reader
        self.refetches = GuardedService(context, pipeline, REFETCH_ACTION, lambda: context)

    # After a purchase: failures are only logged, and each part is written in a transaction of its own

    def fetch_parts_after_purchase(self, record_id: int, progress: StepReporter) -> None:
        """Fetch detail and PDF of a credit check directly after its purchase. The method logs failures and raises no
        exception. It calls `progress` with DETAIL_PART and then with PDF_PART. Nothing is fetched after
        a signal or the window has requested the end of this process, or while another process has the credit check's
        lease; then a due task fetches the parts."""
        if interrupts.is_interrupt_pending():  # A due task fetches the parts later.
            return
        with log_and_suppress(f"follow-ups of credit check {record_id}"):
            lease = acquire_lease(self._context, make_credit_check_lease_name(record_id))
            if lease is not None:
                with keep_lease_renewed(self._context, lease):
                    self._fetch_parts_under_lease(record_id, progress)

    def _fetch_parts_under_lease(self, record_id: int, progress: StepReporter) -> None:
        for name in (DETAIL_PART, PDF_PART):
            if interrupts.is_interrupt_pending():
                break
            progress(name)
            with log_and_suppress(f"{name} of credit check {record_id}"):
                self._fetch_part_after_purchase(record_id, name)
        self._context.write(lambda tx: self._part_reader.plan_next_read(tx, record_id, attempt_count=0))

    def _fetch_part_after_purchase(self, record_id: int, part_name: str) -> None:
        """Fetch the detail or the PDF (`part_name` is DETAIL_PART or PDF_PART), and write the result into the credit
        check. Do nothing if the credit check is not bought, because people may meanwhile have decided that it was not
        bought."""
        record = check_records.read_stored_credit_check(self._context, record_id)
        # People may have decided about the record before the answer arrived.
        if record.state is not CheckState.SUCCESS:
            return
        part = self._part_reader.fetch_part(record, part_name)
        self._context.write(lambda tx: self._part_reader.write_fetched_part(tx, record_id, part))
        self._context.failpoints.reach(f"after_{part_name}")

    # On request, and by the due task

    def refetch(
        self, record_id: int, *, detail: bool, pdf: bool, expected_version: int | None, progress: StepReporter
    ) -> "RefetchResult":
        """Re-fetch the detail and the PDF of a bought credit check, as far as `detail` and `pdf` are True.
        `expected_version` is the version of the credit check on the caller's screen (None: any version). The method
        calls `progress` with the name of each part (DETAIL_PART, PDF_PART).

        Before the first call to the provider, raises not_found if there is no such credit check; not_allowed if the
        acting person has no right to re-fetch; not_refetchable if the credit check isn't bought; viewing_period_over
        if the provider no longer shows the credit check; stale_view if its version is not `expected_version`;
        in_progress while another process has its lease; bad_profile if the provider is not configured. If the read of
        a part fails after that, raises the code of the most severe failure, with detail.record and, except for
        bad_profile, detail.failed (one entry for each failed part).
        """
        part_names = tuple(name for name, is_requested in ((DETAIL_PART, detail), (PDF_PART, pdf)) if is_requested)
        attempt = _RefetchAttempt(self._context, self._part_reader, record_id, part_names, expected_version, progress)
        return self.refetches.perform(attempt, progress, subject_id=record_id)

    def plan_next_read(self, record: CreditCheck) -> None:
        """Schedule the next attempt for a credit check that can't be re-fetched now (`find_refetch_refusal`). If the
        provider no longer shows the credit check, clear its work instead. Nothing is sent."""
        self._context.write(
            lambda tx: self._part_reader.plan_next_read(tx, record.id, attempt_count=record.work.attempt + 1)
        )


class _RefetchAttempt:
    """One attempt to re-fetch detail or PDF of a bought credit check. The guarded pipeline calls its methods as
    the steps of the action REFETCH_ACTION. `_has_begun` is True after the first call to the provider has
    started; `_is_recorded` is True after the results are committed.
    """

    def __init__(
        self,
        context: ServiceContext,
        part_reader: CreditCheckPartReader,
        record_id: int,
        part_names: tuple[str, ...],
        expected_version: int | None,
        progress: StepReporter,
    ) -> None:
        self._context, self._part_reader, self._id = context, part_reader, record_id
        self._part_names, self._expected_version, self._progress = part_names, expected_version, progress
        self._record_before: CreditCheck
        self._fetched_parts: list[FetchedPart] = []
        self._has_begun = False
        self._is_recorded = False

    def prepare(self) -> None:
        """Before the operation begins, read the credit check and raise an error if it may not be re-fetched now, or
        if AlarmBox is not configured. Nothing is written."""
        self._record_before = check_records.read_stored_credit_check(self._context, self._id)
        with self._context.database.read() as conn:
            self.check(conn)
        self._part_reader.require_provider()

    def make_lease_name(self) -> str:
        return make_credit_check_lease_name(self._id)

    def check(self, conn: Connection) -> None:
        record, expected_version = check_records.require_record(conn, self._id), self._expected_version
        if expected_version is not None and expected_version != record.version:
            raise make_stale_view_error(record, expected_version)
        reason = find_refetch_refusal(record)
        if reason is not None and reason != "viewing_over":
            raise ConsoleError(ErrorCode.NOT_REFETCHABLE, {"record": record, "state": record.state.value})
        if reason is not None:
            raise ConsoleError(ErrorCode.VIEWING_PERIOD_OVER, {"record": record}, exit_status=3)

    def claim(self, _tx: Transaction, operation_id: str) -> ClaimedRecord:
        record = check_records.read_stored_credit_check(self._context, self._id)
        return ClaimedRecord(
            credit_checks.CREDIT_CHECK_KIND,
            record.id,
            record.client_id,
            record.corporation_number,
            idempotency_key=f"refetch:{operation_id}",
            fingerprint=",".join(self._part_names),
        )

    def call(self, _subject: ClaimedRecord) -> Outcome[None]:
        """Read each requested part (detail, PDF) at the provider; an exception during a read becomes a failed result
        of that part. Return the outcome of the first failed part, or success."""
        self._has_begun = True
        for name in self._part_names:
            try:
                self._progress(name)
                self._fetched_parts.append(
                    self._part_reader.fetch_part(
                        check_records.read_stored_credit_check(self._context, self._id), name
                    )
                )
                self._context.failpoints.reach(f"after_{name}")
            except Exception as error:
                _log.warning("%s of credit check %s broke off", name, self._id, exc_info=True)
                if all(part.name != name for part in self._fetched_parts):
                    self._fetched_parts.append(make_failed_part(name, error))
        failed_outcome = next((part.outcome for part in self._fetched_parts if not part.is_fetched), None)
        if failed_outcome is None:
            return Outcome(OutcomeClass.SUCCEEDED, "fetched", SendingCertainty.YES)
        return Outcome(failed_outcome.kind, failed_outcome.reason, failed_outcome.sent, status=failed_outcome.status)

    def record(self, tx: Transaction, _subject: ClaimedRecord, _outcome: Outcome[None]) -> None:
        for part in self._fetched_parts:
            self._part_reader.write_fetched_part(tx, self._id, part)
        if all(part.is_fetched for part in self._fetched_parts):
            report = next((part.report for part in self._fetched_parts if part.report is not None), None)
            outcomes.close_case_of_read_contradiction(self._context, tx, self._id, report)
        record = credit_checks.find(tx.conn, self._id)
        fetched_names = {part.name for part in self._fetched_parts if part.is_fetched}
        self._part_reader.plan_next_read(
            tx,
            self._id,
            attempt_count=record.work.attempt + 1 if record else 1,
            has_fetched_all=fetched_names == {DETAIL_PART, PDF_PART},
        )
        record_exists = record is not None
        tx.call_after_commit(lambda: setattr(self, "_is_recorded", record_exists))

    def make_exception_to_raise(self, error: Exception) -> Exception:
        if isinstance(error, StaleRow):
            return self._make_unrecorded_error(ErrorCode.DATABASE_LOCKED, DatabaseLockedProblem.LOST_EVERY_RACE)
        if isinstance(error, ConsoleError) and self._has_begun:
            return self._make_unrecorded_error(error.code, error.detail.get("problem"))
        return error

    def make_result(self, _claimed: ClaimedOperation, _outcome: Outcome[None]) -> "RefetchResult":
        from console.domain.service_results import RefetchResult  # a refused purchase doesn't need the module

        if not self._is_recorded:
            raise self._make_unrecorded_error(ErrorCode.DATABASE_LOCKED, DatabaseLockedProblem.OPERATION_LOST)
        record_before = self._record_before
        failed_parts = [part for part in self._fetched_parts if not part.is_fetched]
        try:
            with self._context.database.read() as conn:
                record = credit_checks.find(conn, record_before.id) or record_before
                documents = evidence.list_documents(
                    conn, credit_checks.CREDIT_CHECK_KIND, record.id, record.pdf_file_path
                )
        except ConsoleError as error:
            facts = {**error.detail, "record": record_before, "failed": _make_failed_part_facts(failed_parts)}
            raise _make_incomplete_error(error.code, facts) from error
        if failed_parts:
            raise self._make_failed_parts_error(record, failed_parts)
        return RefetchResult(
            record,
            _list_changed_fields(record_before, record),
            _select_returned_documents(documents, self._fetched_parts),
        )

    def _make_unrecorded_error(self, code: ErrorCode, problem: str | None) -> ConsoleError:
        """Return the error of a re-fetch whose results are not stored, because the database failed or another process
        has ended the operation. The error has the failure's code `code` if this is one of OWN_FAILURE_ERROR_CODES,
        otherwise database_unreachable. `problem` becomes detail.problem (None: the failure has no such detail).
        """
        record = self._record_before
        with log_and_suppress(f"reading credit check {self._id} again"):
            record = check_records.read_stored_credit_check(self._context, self._id)
        error_code = code if code in OWN_FAILURE_ERROR_CODES else ErrorCode.DATABASE_UNREACHABLE
        reason = OutcomeUnknownReason.ANSWER_NOT_RECORDED
        failed_parts: list[FailedPart] = [
            {"part": name, "code": error_code, "reason": reason} for name in self._part_names
        ]
        facts: dict[str, object] = {"record": record, "failed": failed_parts}
        return _make_incomplete_error(error_code, facts if problem is None else {**facts, "problem": problem})

    def _make_failed_parts_error(self, record: CreditCheck, failed_parts: list[FetchedPart]) -> ConsoleError:
        """Return the error of a re-fetch of which at least one part has failed, with the code and the facts of the
        most severe failure. If this program's environment has failed, the facts are those of the program's own error,
        such as the folder that can't be written."""
        failure_facts = _make_failed_part_facts(failed_parts)
        worst_part, worst_failure = min(
            zip(failed_parts, failure_facts, strict=True),
            key=lambda failure: _ERROR_CODES_MOST_SEVERE_FIRST.index(failure[1]["code"]),
        )
        code, own_error = ErrorCode(worst_failure["code"]), worst_part.own_error
        facts: Mapping[str, object] = {"reason": worst_failure["reason"]}
        if code in OWN_FAILURE_ERROR_CODES:
            facts = {} if own_error is None else own_error.detail
        return _make_incomplete_error(code, {**facts, "record": record, "failed": failure_facts})


REFETCH_ACTION: "GuardedAction[_RefetchAttempt, ServiceContext, None, RefetchResult]" = GuardedAction(
    name=AuditAction.CREDIT_CHECK_REFETCH,
    kind=credit_checks.CREDIT_CHECK_KIND,
    right="refetch",
    has_effect=False,
    waits_for_lease=False,
    report_type=None,
    prepare=_RefetchAttempt.prepare,
    find_lease_name=_RefetchAttempt.make_lease_name,
    check=_RefetchAttempt.check,
    claim=_RefetchAttempt.claim,
    call=_RefetchAttempt.call,
    record_outcome=_RefetchAttempt.record,
    make_exception_to_raise=_RefetchAttempt.make_exception_to_raise,
    make_result=_RefetchAttempt.make_result,
    settle=None,
    record_lapse=audit_lapse,
)


def _make_failed_part_facts(failed_parts: list[FetchedPart]) -> list[FailedPart]:
    return [
        {"part": part.name, "code": _find_failed_part_code(part), "reason": part.outcome.reason}
        for part in failed_parts
    ]


def _find_failed_part_code(part: FetchedPart) -> ErrorCode:
    """Return the error code of a failed part: bad_profile if a wrong setting, such as another store key, prevented
    the call, otherwise the error code for the outcome of the read."""
    if part.outcome.reason == ErrorCode.BAD_PROFILE and part.outcome.status is None:
        return ErrorCode.BAD_PROFILE
    return find_read_error_code(part.outcome)


def _make_incomplete_error(code: ErrorCode, facts: Mapping[str, object]) -> ConsoleError:
    """Return the error of a re-fetch that did not fetch every requested part (detail, PDF). The error's exit status
    is 5 if the viewing period is over, 6 for a code of OWN_FAILURE_ERROR_CODES, otherwise the exit status of `code`.
    The error's detail has `facts`; for bad_profile it has only the record in `facts`, because `BadProfileDetail` has
    no fields for the other facts.
    """
    if code == ErrorCode.BAD_PROFILE:
        return rebuild_error(code, {"record": facts["record"], "about": "refetch"})
    status = 5 if code == ErrorCode.VIEWING_PERIOD_OVER else 6 if code in OWN_FAILURE_ERROR_CODES else None
    return rebuild_error(code, {**facts, "about": "refetch"}, exit_status=status)


def _list_changed_fields(old_credit_check: CreditCheck, new_credit_check: CreditCheck) -> tuple[str, ...]:
    """Return the names of those fields of _FIELDS_COMPARED_FOR_CHANGES that differ between the two versions of a
    credit check."""
    return tuple(
        name
        for name in _FIELDS_COMPARED_FOR_CHANGES
        if getattr(old_credit_check, name) != getattr(new_credit_check, name)
    )


def _select_returned_documents(documents: tuple[Document, ...], parts: list[FetchedPart]) -> tuple[Document, ...]:
    """Return the documents for the result of a re-fetch: all documents if a PDF was stored now, otherwise only the
    current document."""
    return (
        documents
        if any(part.stored_document for part in parts)
        else tuple(doc for doc in documents if doc.is_current)
    )
