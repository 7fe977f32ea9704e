"""Probe credit checks: call the provider only to read, and settle a purchase with an unknown outcome if the answer is
unambiguous."""

from collections.abc import Callable

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import (
    RESOLVED_BY_PEOPLE_CAUSE,
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    OperationState,
    Work,
    WorkReason,
    WorkState,
)
from console.domain.recovery.decision_rules import has_expired
from console.domain.tasks.retry_schedules import PURCHASE_PROBE_WAITS, compute_next_attempt_time
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.audit import refusals
from console.services.credit_checks import outcomes
from console.services.credit_checks import records as check_records
from console.services.credit_checks.listed_purchases import find_earliest_purchase_day
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.credit_checks.resolve import PurchaseResolver
from console.services.guarded.leases import refuse_running_operation
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.operations import journal

CREDIT_CHECK_KIND = credit_checks.CREDIT_CHECK_KIND
PROBE_ACTION = AuditAction.CREDIT_CHECK_PROBE


class CreditCheckProber:
    """Probes credit checks. This class can call the provider only to read, never to buy."""

    def __init__(
        self,
        context: ServiceContext,
        purchase_resolver: PurchaseResolver,
        open_reader: Callable[[], CreditCheckReader],
    ) -> None:
        self._context = context
        self._purchase_resolver = purchase_resolver
        self._open_reader = open_reader

    def probe(self, record_id: int, *, is_automatic: bool = False) -> CreditCheck:
        """Ask the provider about the credit check, apply the answer, and return the credit check. `is_automatic` is
        True for a due task, which also schedules the next probe if the purchase stays unknown.

        Raises outcome_unknown (detail.record) if the purchase stays unknown; in_progress while the call of the
        purchase runs; not_found if there is no such credit check; not_allowed if the acting person has no right to
        probe; an error with a code of NO_ANSWER_ERROR_CODES if the provider gave no answer.
        """
        with refusals.audit_refusals(self._context, PROBE_ACTION, record_id):
            self._context.require_right("probe")
            return self._probe_record(record_id, is_automatic)

    def _probe_record(self, record_id: int, is_automatic: bool) -> CreditCheck:
        record = check_records.read_stored_credit_check(self._context, record_id)
        if record.certainty is Certainty.UNKNOWN:
            try:
                return self._probe_purchase_with_unknown_outcome(record_id, is_automatic)
            except ConsoleError as refusal:  # The record was settled meanwhile.
                if refusal.code != ErrorCode.NOTHING_TO_RESOLVE:
                    raise
                return check_records.read_stored_credit_check(self._context, record_id)
        with self._context.database.read() as conn:
            refuse_running_operation(conn, CREDIT_CHECK_KIND, record)
        if record.state is CheckState.ERROR:
            self._open_case_of_denied_purchase(record)
        if record.state is CheckState.SUCCESS and record.credit_check_id is not None:
            self._compare_with_provider(record)
        return check_records.read_stored_credit_check(self._context, record_id)

    def _open_case_of_denied_purchase(self, record: CreditCheck) -> None:
        """Open the case `contradicted` if this desk's spool has AlarmBox's answer that the purchase was made,
        although the credit check has the state error and the database has never had a case about this contradiction.
        This happens if the database was restored to a moment before the answer. Also open the case if another
        application wrote the credit check and added AlarmBox's id to it after the error.
        """
        context = self._context
        if record.credit_check_id is not None:
            observed = outcomes.format_observed_purchase(record.credit_check_id)
            context.write(lambda tx: outcomes.open_contradiction_case(context, tx, record, observed))
            return
        with context.database.read() as conn:
            is_denied = check_records.does_record_contradict_spooled_answer(context, conn, record)
        entry = context.spool.find(record.operation_id or "") if is_denied else None
        if entry is not None:
            observed = outcomes.format_observed_purchase(entry.id_at_provider)
            context.write(lambda tx: outcomes.open_contradiction_case(context, tx, record, observed))

    # Unknown: look for the purchase

    def _probe_purchase_with_unknown_outcome(self, record_id: int, is_automatic: bool) -> CreditCheck:
        """Probe a credit check whose outcome is unknown, under its lease, and return the settled credit check.
        `is_automatic` is True for a due task. If the credit check can't be settled, raises outcome_unknown,
        in_progress, or an error with a code of NO_ANSWER_ERROR_CODES."""
        with self._purchase_resolver.hold_lease_of_undecided_record(record_id, None) as record:
            reader = self._open_reader()
            id_at_provider = self._purchase_resolver.find_id_at_provider_in_spool(record)
            if id_at_provider is not None:
                return self._confirm_answer_in_spool(record, id_at_provider, is_automatic)
            if not reader.capabilities.finds_purchases:
                if is_automatic:  # the provider had a list when the probe was scheduled
                    self._store_work(record, Work(WorkState.NEEDS_REVIEW, reason=WorkReason.NO_LIST_CALL))
                raise ConsoleError(
                    ErrorCode.OUTCOME_UNKNOWN, {"record": record, "reason": OutcomeUnknownReason.NO_LIST_CALL}
                )
            self._context.failpoints.reach("before_probe")
            outcome = reader.find_purchases(record.corporation_number)
            self._context.failpoints.reach("after_probe")
            reason = self._settle_or_plan_next_probe(record, outcome, is_automatic)
        if reason is None:
            return check_records.read_stored_credit_check(self._context, record_id)
        raise self._make_still_unknown_error(record_id, outcome, reason)

    def _confirm_answer_in_spool(self, record: CreditCheck, id_at_provider: int, is_automatic: bool) -> CreditCheck:
        """Use an answer of the provider that this desk's spool has: it states the purchase's id `id_at_provider`.
        Read the purchase with this id at the provider, settle the credit check with the result, and return the credit
        check. Raises the errors of `confirm_purchase`; with `is_automatic`, schedule the next probe before the error
        is raised.
        """
        try:
            return self._purchase_resolver.confirm_purchase(record, id_at_provider, None)
        except ConsoleError:
            if is_automatic:
                with log_and_suppress(f"the next probe of credit check {record.id}"):
                    self._context.write(lambda tx: self._plan_next_probe(tx, record))
            raise

    def _store_work(self, record: CreditCheck, work: Work) -> None:
        """Store `work`, the next step of the credit check, in its row, in a separate transaction."""
        context = self._context
        context.write(
            lambda tx: credit_checks.change_record(
                tx.conn, record, context.now(), **credit_checks.make_work_values(work)
            )
        )

    def _settle_or_plan_next_probe(
        self, record: CreditCheck, outcome: Outcome[tuple[CheckReport, ...]], is_automatic: bool
    ) -> str | None:
        """Settle the credit check with the provider's answer to a probe if the answer is unambiguous. Return None if
        the credit check is settled (also by another process meanwhile), otherwise the code of the reason why the
        credit check isn't settled. If the credit check is not settled and `is_automatic` is True, schedule the next
        probe; after the last probe of the schedule, set the work to needs_review.
        """
        return self._context.write(lambda tx: self._apply_answer_in_transaction(tx, record, outcome, is_automatic))

    @credit_checks.run_again_if_stale()
    def _apply_answer_in_transaction(
        self, tx: Transaction, record: CreditCheck, outcome: Outcome[tuple[CheckReport, ...]], is_automatic: bool
    ) -> str | None:
        """Store the provider's list of purchases (`outcome`) as evidence, and settle the credit check if a purchase
        in the list certainly belongs to it. Return None if the credit check is settled, otherwise the code of the
        reason. With `is_automatic`, also schedule the next probe if the credit check isn't settled."""
        context, reason = self._context, outcome.reason
        outcomes.store_answer_evidence(context, tx, record, outcomes.LIST_CALL_NAME, outcome)
        current = credit_checks.find(tx.conn, record.id) or record
        report = None
        if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content is not None:
            report, reason = self._find_unused_report(tx, current, outcome.content)
        if current.certainty is Certainty.KNOWN:
            # It became known after the question: by a late answer, or by a decision of people.
            if report is not None and current.state is not CheckState.PENDING:
                outcomes.open_contradiction_case(
                    context, tx, current, outcomes.format_observed_purchase(report.credit_check_id)
                )
            return None
        if report is not None:
            self._settle_purchase(tx, current, outcome, report)
            return None
        context.record_audit(tx, AuditAction.CREDIT_CHECK_PROBED, record.id, result="failed", reason=reason[:64])
        if is_automatic:
            self._plan_next_probe(tx, record)
        return reason

    def _find_unused_report(
        self, tx: Transaction, record: CreditCheck, reports: tuple[CheckReport, ...]
    ) -> tuple[CheckReport | None, str]:
        """Return the provider's report that certainly belongs to the purchase of `record`, with the reason code
        `found`. If no report certainly belongs to it, return None and the code of the reason, such as
        `several_found`.

        A report certainly belongs to the purchase if all of these are true:

        - Its purchase date is the day of sending (in Japan) or later.
        - No credit check in our database has its id.
        - No other report without a credit check in our database may be about this purchase: each of them has a
          purchase date, and this is earlier than the day before the sending.
        - Its id can't belong to another purchase (`_may_id_belong_to_other_purchase`).
        - The list lacks no known purchase (`_does_list_lack_known_purchase`).

        The day before the sending counts because the desk's clock may have been ahead. If the time of sending is
        still in the future, every earlier day counts too.
        """
        sent_day = record.created_at.astimezone(JST).date() if record.created_at else None
        first_day = find_earliest_purchase_day(record.created_at, read_current_time(tx.conn, self._context.now()))
        # Other purchases are read before the reports are compared: a purchase that another transaction settles in
        # between then appears among the ids that a record here has.
        is_id_ambiguous = self._may_id_belong_to_other_purchase(tx, record)
        unused_reports = [
            report
            for report in reports
            if not credit_checks.list_by_id_at_provider(tx.conn, report.credit_check_id)
            and (first_day is None or report.purchase_date is None or report.purchase_date >= first_day)
        ]
        if is_id_ambiguous:
            return None, "several_wait"
        if self._does_list_lack_known_purchase(tx, record, reports):
            return None, "list_incomplete"
        if len(unused_reports) > 1:
            return None, "several_found"
        if not unused_reports:
            return None, "none_found"
        if unused_reports[0].purchase_date is None:
            return None, "undated_found"
        if sent_day is not None and unused_reports[0].purchase_date < sent_day:
            return None, "day_before_found"
        if check_records.find_credit_checks_with_id_at_provider(self._context, tx, unused_reports[0].credit_check_id):
            return None, "none_found"  # a person has just given this id to another credit check
        return unused_reports[0], "found"

    def _does_list_lack_known_purchase(
        self, tx: Transaction, record: CreditCheck, reports: tuple[CheckReport, ...]
    ) -> bool:
        """True if the provider's list lacks a purchase of the corporation number that a credit check in our database
        has and that is still valid. Such a list is incomplete, so it may lack the purchase of `record`, too."""
        listed_ids, now = {report.credit_check_id for report in reports}, self._context.now()
        return any(
            check.state is CheckState.SUCCESS
            and check.credit_check_id not in (None, *listed_ids)
            and not check.viewing_over
            and not has_expired(check, now)
            for check in credit_checks.find_by_number(tx.conn, record.corporation_number)
        )

    def _may_id_belong_to_other_purchase(self, tx: Transaction, record: CreditCheck) -> bool:
        """True if an unused id in the provider's list may belong to a purchase other than that of `record`. This is
        so in three cases:

        - Another purchase of the corporation number is open.
        - Another credit check of the number has no id and was not certainly refused: another application may have
          bought it, or AlarmBox has made the purchase after people decided that it wasn't made.
        - The database has lost a purchase of the number.
        """
        number = record.corporation_number
        return (
            len(journal.list_open_purchases(tx.conn, number)) > 1
            or any(
                other_check.id != record.id
                and other_check.credit_check_id is None
                and (other_check.state is not CheckState.ERROR or other_check.error_code == RESOLVED_BY_PEOPLE_CAUSE)
                for other_check in credit_checks.find_by_number(tx.conn, number)
            )
            or bool(check_records.list_lost_purchases(self._context, tx.conn, number))
        )

    def _settle_purchase(
        self,
        tx: Transaction,
        record: CreditCheck,
        outcome: Outcome[tuple[CheckReport, ...]],
        report: CheckReport,
    ) -> None:
        if record.operation_id:
            journal.settle_operation(tx.conn, record.operation_id, OperationState.DONE, outcome, self._context.now())
            operation, id_at_provider = record.operation_id, report.credit_check_id
            tx.call_after_commit(
                lambda: self._context.spool.mark_ended(operation, holds_claim=True, id_at_provider=id_at_provider)
            )
        outcomes.write_successful_purchase(self._context, tx, record, report, {"by": "probe"})

    def plan_next_probe(self, record: CreditCheck) -> None:
        """Schedule the next probe of a purchase with an unknown outcome whose due probe failed because of an error in
        this program; after the last probe of the schedule, set the work of the credit check to needs_review. Do
        nothing if the credit check has changed since `record` was read."""

        def plan_if_unchanged(tx: Transaction) -> None:
            current = credit_checks.find(tx.conn, record.id)
            if current is not None and current.version == record.version:
                self._plan_next_probe(tx, record)

        self._context.write(plan_if_unchanged)

    def _plan_next_probe(self, tx: Transaction, record: CreditCheck) -> None:
        current = credit_checks.find(tx.conn, record.id)
        if current is None:
            return
        now, attempts = self._context.now(), record.work.attempt + 1
        at = compute_next_attempt_time(PURCHASE_PROBE_WAITS, attempts, now, self._context.scale)
        work = Work(WorkState.SCHEDULED, at, WorkReason.UNKNOWN, attempts)
        if at is None:
            work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.PROBES_ENDED, attempts)
        credit_checks.change_record(tx.conn, current, now, **credit_checks.make_work_values(work))

    def _make_still_unknown_error(self, record_id: int, outcome: Outcome[object], reason: str) -> ConsoleError:
        """Return the error of a probe that didn't settle the purchase: an error with a code of NO_ANSWER_ERROR_CODES
        if the provider gave no answer, otherwise outcome_unknown. `reason` is the code of the reason why the purchase
        isn't settled."""
        detail: ProviderAnswerFacts = {
            "record": check_records.read_stored_credit_check(self._context, record_id),
            "reason": reason,
            "status": outcome.status,
        }
        if outcome.kind is OutcomeClass.SUCCEEDED:
            return make_outcome_error(ErrorCode.OUTCOME_UNKNOWN, detail)
        code = find_read_error_code(outcome)
        return make_outcome_error(code if code in NO_ANSWER_ERROR_CODES else ErrorCode.OUTCOME_UNKNOWN, detail)

    # Known outcome: compare; the state is never overwritten

    def _compare_with_provider(self, record: CreditCheck) -> None:
        """Read a bought credit check at the provider and compare the answer with the stored row. A contradiction
        opens a case; the stored state stays unchanged. Raises the error of the read if the provider gave no answer
        (NO_ANSWER_ERROR_CODES).
        """
        outcome = self._open_reader().read_detail(record.credit_check_id or 0)
        context, observed = self._context, _find_contradiction(record, outcome)

        @credit_checks.run_again_if_stale()
        def store_answer(tx: Transaction) -> None:
            outcomes.store_answer_evidence(context, tx, record, "probe", outcome)
            context.record_audit(tx, AuditAction.CREDIT_CHECK_PROBED, record.id, reason=outcome.reason[:64])
            if observed is not None:
                outcomes.open_contradiction_case(context, tx, record, observed)
            elif outcome.kind is OutcomeClass.SUCCEEDED:
                outcomes.close_case_of_read_contradiction(context, tx, record.id, outcome.content)
                outcomes.schedule_refetch_again(context, tx, record.id)

        context.write(store_answer)
        code = find_read_error_code(outcome)
        if outcome.kind is not OutcomeClass.SUCCEEDED and code in NO_ANSWER_ERROR_CODES:
            raise make_outcome_error(
                code,
                {
                    "record": check_records.read_stored_credit_check(self._context, record.id),
                    "reason": outcome.reason,
                },
            )


def _find_contradiction(record: CreditCheck, outcome: Outcome[CheckReport]) -> str | None:
    """Return the text of the case that must be opened because the provider's answer to a read contradicts the bought
    credit check: the provider doesn't have it, or has a credit check of another corporation under its id. Return None
    if the answer doesn't contradict the credit check."""
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return outcomes.UNKNOWN_AT_PROVIDER_OBSERVED
    number = outcome.content.corporation_number if outcome.content else None
    if number is not None and number != record.corporation_number:
        return f"{outcomes.OTHER_CORPORATION_OBSERVED} {number[:20]}"
    return None
