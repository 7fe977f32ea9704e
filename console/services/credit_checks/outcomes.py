"""Write the outcome of a purchase into its credit check. No other module writes the states success and error or the
certainty unknown of a credit check.

The second transaction of a purchase (tx2), probes, decisions of people and late answers use this module, so that a
credit check is always settled in the same way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.corporation_number import FIRST_ASSIGNMENT_DAY
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import (
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    Operation,
    OperationState,
    Work,
    WorkReason,
    WorkState,
)
from console.domain.tasks.records import Alert
from console.domain.tasks.retry_schedules import (
    INCOMPLETE_REFETCH_WAITS,
    PURCHASE_PROBE_WAITS,
    compute_next_attempt_time,
)
from console.providers.credit_checks.provider import CreditCheckCapabilities
from console.services.credit_checks import records as check_records
from console.services.guarded.action import audit_lapse
from console.services.guarded.operation import find_journal_state
from console.services.process.context import ServiceContext
from console.store.alerts import alerts, cases
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import journal
from console.store.records import evidence
from console.store.refunds import approvals
from console.store.schema.core import UNCOUNTED_EVIDENCE_KIND_SUFFIX

CREDIT_CHECK_KIND = credit_checks.CREDIT_CHECK_KIND
PURCHASE_CALL_NAME = "purchase"
"""Name of the call in the evidence of an answer to the purchase that settled the credit check."""
LATE_PURCHASE_CALL_NAME = "purchase.late"
"""Name of the call in the evidence of an answer to the purchase that came after the credit check was decided."""
RESTORE_CALL_NAME = "restore"
"""Name of the call in the evidence of a detail that the program read to restore a credit check that the database had
lost.
"""
LIST_CALL_NAME = "probe"
"""Name, in the evidence of its answer, of the call for AlarmBox's list of a corporation's purchases."""
RENEWAL_CALL_NAME = "renewal"
"""Name, in the evidence of its answer, of the read call to the provider before a renewal."""
READING_REASONS_THAT_OPEN_CASE = ("other_number", "http_404")
"""Reasons of a failed read of the detail or PDF that contradict the state of a bought credit check, so that a case is
opened: the report names another corporation, or the provider has no such credit check."""
UNKNOWN_AT_PROVIDER_OBSERVED = "provider does not know the check"
"""First words of the description of a case that a probe of a bought credit check has opened: the provider has no
credit check with the id that ours has at the provider."""
OTHER_CORPORATION_OBSERVED = "provider names corporation"
"""First words of the description of a case that a probe of a bought credit check has opened: the provider names
another corporation. Its number follows."""

_READING_CONTRADICTIONS = (UNKNOWN_AT_PROVIDER_OBSERVED, OTHER_CORPORATION_OBSERVED, *READING_REASONS_THAT_OPEN_CASE)
"""First words of the description of each case that a read of the detail or PDF has opened. A later read whose report
names the right corporation closes such a case."""
EARLIER_ID_REASON = "earlier_id"
"""Reason of the unknown outcome of a renewal that AlarmBox has answered with the id of an earlier credit check."""
_ANSWER_MISMATCH_REASONS = ("other_number", "bad_id", EARLIER_ID_REASON)
"""Reasons of an unknown outcome whose answer does not fit the purchase: another corporation number, an unusable id,
or the id of an earlier credit check."""

_NOT_BOUGHT_OUTCOME_CLASSES = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)
"""Classes of answers which prove that the provider has not sold the credit check."""


def record_outcome(
    context: ServiceContext,
    tx: Transaction,
    record_id: int,
    outcome: Outcome[CheckReport],
    capabilities: CreditCheckCapabilities,
) -> None:
    """Write the outcome of a purchase into its credit check, in the purchase's second transaction (tx2), which
    also ends the row in the journal. `capabilities` are the capabilities of the provider."""
    checks_by_id = {check.id: check for check in credit_checks.find_checks_of_same_number(tx.conn, record_id)}
    record = checks_by_id.pop(record_id, None)
    if record is None:
        raise _make_not_found_error(record_id)
    operator, source = context.make_holder().operator, _make_evidence_source(PURCHASE_CALL_NAME)
    evidence.add_answer_with_next_statement(
        tx.conn, (CREDIT_CHECK_KIND, record.id), record.operation_id, source, operator, outcome, context.now()
    )
    _write_outcome(context, tx, record, outcome, capabilities)
    _open_cases_about_shared_id(context, tx, record, outcome, checks_by_id.values())


def _write_outcome(
    context: ServiceContext,
    tx: Transaction,
    record: CreditCheck,
    outcome: Outcome[CheckReport],
    capabilities: CreditCheckCapabilities,
) -> None:
    """Set the credit check to success, error or unknown, as the outcome of its purchase says."""
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content is not None:
        write_successful_purchase(context, tx, record, outcome.content)
    elif outcome.kind in _NOT_BOUGHT_OUTCOME_CLASSES:
        write_failed_purchase(context, tx, record, outcome.reason)
    else:
        write_purchase_with_unknown_outcome(context, tx, record, outcome.reason, capabilities)


def store_answer_evidence(
    context: ServiceContext, tx: Transaction, record: CreditCheck, call_name: str, outcome: Outcome[object]
) -> int:
    """Store a provider's answer as evidence of the credit check. `call_name` is the name of the call to the provider,
    such as `purchase`. Return the id of the evidence."""
    operator, source = context.make_holder().operator, _make_evidence_source(call_name)
    return evidence.add_answer(
        tx.conn, (CREDIT_CHECK_KIND, record.id), record.operation_id, source, operator, outcome, context.now()
    )


def store_answer_before_renewal(
    context: ServiceContext, tx: Transaction, record: CreditCheck, outcome: Outcome[object]
) -> None:
    """Before a renewal, store the provider's answer to the question whether the earlier credit check (`record`) has
    expired. The answer is stored as evidence that is shown with that credit check and with its purchase. The kind of
    the evidence has the suffix UNCOUNTED_EVIDENCE_KIND_SUFFIX, so that this answer doesn't count as a report about
    the credit check: a report that an account has stored allows this account to change the dates of the credit check
    (triggers of the server)."""
    operator, source = context.make_holder().operator, _make_evidence_source(RENEWAL_CALL_NAME)
    subject = (CREDIT_CHECK_KIND + UNCOUNTED_EVIDENCE_KIND_SUFFIX, record.id)
    evidence.add_answer(tx.conn, subject, record.operation_id, source, operator, outcome, context.now())


def _make_evidence_source(call_name: str) -> str:
    return f"{CREDIT_CHECK_PROVIDER}.{call_name}"


def write_successful_purchase(
    context: ServiceContext,
    tx: Transaction,
    record: CreditCheck,
    report: CheckReport,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Set the credit check to the final state success, and schedule the re-fetch of its detail and PDF. `facts`
    are added to the audit entry."""
    now = context.now()
    at = compute_next_attempt_time(INCOMPLETE_REFETCH_WAITS, 0, now, context.scale)
    credit_checks.change_record_with_next_statement(
        tx.conn,
        record,
        now,
        status=CheckState.SUCCESS,
        certainty=Certainty.KNOWN.value,
        error_code=None,
        credit_check_id=report.credit_check_id,
        **make_report_values(report, record, now),
        **credit_checks.make_work_values(Work(WorkState.SCHEDULED, at, WorkReason.INCOMPLETE)),
    )
    if record.certainty is Certainty.UNKNOWN or record.operation_id is None:
        approvals.close_proposals(tx.conn, CREDIT_CHECK_KIND, str(record.id), now)
    context.record_audit(
        tx, AuditAction.CREDIT_CHECK_BOUGHT, record.id, {"provider_id": report.credit_check_id, **(facts or {})}
    )


def make_report_values(report: CheckReport, record: CreditCheck, now: datetime) -> dict[str, object]:
    """Return the column values that a provider's report gives to the credit check `record`, by column name; a field
    that the report lacks is left out. A date becomes a UTC instant: the purchase date the start of that Japanese day,
    the expiration date the end of that day. If the report says that the viewing period is over, the expiration is not
    later than `now`: it is the expiration in `record` if that is in the past, otherwise `now`."""
    valid_until = compute_valid_until(report, record)
    if report.expired and (valid_until is None or valid_until > now):
        # The provider's statement that the viewing period is over takes precedence over its dates.
        valid_until = record.expired_at if record.expired_at and record.expired_at <= now else now
    column_values: dict[str, object] = {
        "company_name": report.company_name[: credit_checks.LONGEST_NAME_CHARACTERS] if report.company_name else None,
        "result": report.result,
        "purchased_at": get_start_of_japanese_day(report.purchase_date) if report.purchase_date else None,
        "expired_at": valid_until,
    }
    return {name: convert_to_column_value(value) for name, value in column_values.items() if value is not None}


def compute_valid_until(report: CheckReport, record: CreditCheck) -> datetime | None:
    """Return the instant (UTC) at which the credit check expires by the date in the provider's report; None if the
    report has no such date. A date before the introduction of corporation numbers counts as missing: such a date
    belongs to another calendar (0009-11-26 is in the ninth year of Reiwa), or is a placeholder. An expiry date before
    the time at which this program bought the credit check counts as missing, too, because the credit check would
    count as expired and be bought again at once; such a date is accepted only if the report's own purchase date is
    before it.
    """
    last_valid_day = report.expiration_date
    if last_valid_day is None or last_valid_day < FIRST_ASSIGNMENT_DAY:
        return None
    valid_until = get_end_of_japanese_day(last_valid_day)
    has_validity = report.purchase_date is not None and last_valid_day > report.purchase_date
    is_over_before_purchase = record.created_at is not None and valid_until <= record.created_at
    return None if is_over_before_purchase and not has_validity else valid_until


def had_reported_check_expired_before(report: CheckReport, sent_at: datetime | None) -> bool:
    """True if the credit check in the provider's report had expired when a purchase was sent at `sent_at` (None: not
    known), so that the report is about another purchase. False if the report's expiration date is not after its
    purchase date, because such a date is wrong.
    """
    purchase_date, last_valid_day = report.purchase_date, report.expiration_date
    if sent_at is None or purchase_date is None or last_valid_day is None or last_valid_day <= purchase_date:
        return False
    return get_end_of_japanese_day(last_valid_day) <= sent_at


def convert_to_column_value(value: object) -> object:
    """Return the value as its column stores it: a datetime becomes a naive UTC time, any other value is returned
    unchanged."""
    return convert_to_naive_utc(value) if isinstance(value, datetime) else value


def write_failed_purchase(
    context: ServiceContext,
    tx: Transaction,
    record: CreditCheck,
    cause: str,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Set the credit check to the state error: it was certainly not bought. The claim of the credit check ends. If it
    was a renewal, the credit check that the renewal had superseded becomes live again. `cause` is stored as the error
    code, and `facts` are added to the audit entry.
    """
    now = context.now()
    credit_checks.change_record(
        tx.conn,
        record,
        now,
        status=CheckState.ERROR,
        certainty=Certainty.KNOWN.value,
        error_code=cause[:64],
        **credit_checks.make_work_values(Work()),
    )
    approvals.close_proposals(tx.conn, CREDIT_CHECK_KIND, str(record.id), now)
    context.record_audit(tx, AuditAction.CREDIT_CHECK_NOT_BOUGHT, record.id, facts, reason=cause[:64])
    superseded_check = credit_checks.find_superseded_record(tx.conn, record.id)
    if superseded_check is not None:
        credit_checks.change_record(tx.conn, superseded_check, now, superseded_at=None, superseded_by=None)
        context.record_audit(tx, AuditAction.CREDIT_CHECK_RESTORED, superseded_check.id, {"instead_of": record.id})


def write_purchase_with_unknown_outcome(
    context: ServiceContext, tx: Transaction, record: CreditCheck, cause: str, capabilities: CreditCheckCapabilities
) -> None:
    """Set the certainty of the credit check to unknown, because the provider may have charged the purchase. The claim
    stays. A probe is scheduled if the provider can list purchases; otherwise, or if `cause` is one of
    _ANSWER_MISMATCH_REASONS (the answer doesn't fit the purchase), the work is set to needs_review. `cause` is stored
    as the error code.
    """
    now = context.now()
    work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.NO_LIST_CALL)
    if cause in _ANSWER_MISMATCH_REASONS:
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.ANSWER_DOES_NOT_FIT)
    elif capabilities.finds_purchases:
        work = Work(
            WorkState.SCHEDULED,
            compute_next_attempt_time(PURCHASE_PROBE_WAITS, 0, now, context.scale),
            WorkReason.UNKNOWN,
        )
    credit_checks.change_record(
        tx.conn,
        record,
        now,
        certainty=Certainty.UNKNOWN.value,
        error_code=cause[:64],
        **credit_checks.make_work_values(work),
    )
    context.record_audit(tx, AuditAction.CREDIT_CHECK_UNKNOWN, record.id, reason=cause[:64])


@dataclass(frozen=True, slots=True)
class PurchaseSettler:
    """Settles purchases of credit checks whose outcome was not recorded by the process that sent the purchase.
    `capabilities` are the capabilities of the provider."""

    context: ServiceContext
    capabilities: CreditCheckCapabilities

    def settle(self, tx: Transaction, operation_id: str, outcome: Outcome[CheckReport], key: str | None) -> bool:
        """Settle a purchase with a provider's answer that the purchase's second transaction (tx2) did not record.
        `key` is the answer key of the operation; the database accepts the answer only with this key.

        Only a pending credit check is settled. A credit check that was decided meanwhile keeps its state: the answer
        is stored as evidence (again by each repeated call), and an answer that contradicts the state opens a case. If
        the same answer has already settled the operation, nothing is written. Return False if the operation or its
        credit check is missing, otherwise True.
        """
        operation = journal.find(tx.conn, operation_id)
        record = credit_checks.find(tx.conn, operation.subject_id or 0) if operation else None
        if operation is None or record is None:
            return False
        if record.state is CheckState.PENDING:
            _settle_by_answer(self.context, tx, record, operation_id, outcome, self.capabilities, key)
        elif _has_answer_settled_operation(tx, operation, outcome):
            return True
        else:
            _store_late_answer(self.context, tx, record, outcome)
        credit_checks_of_number = credit_checks.find_checks_of_same_number(tx.conn, record.id)
        _open_cases_about_shared_id(self.context, tx, record, outcome, credit_checks_of_number)
        return True

    def record_lapse(self, tx: Transaction, operation: Operation) -> None:
        """Record that the process of the operation ended during the call to the provider: the outcome of a pending
        credit check becomes unknown."""
        context, record = self.context, credit_checks.find(tx.conn, operation.subject_id or 0)
        if record is not None and record.state is CheckState.PENDING:
            write_purchase_with_unknown_outcome(context, tx, record, "lapsed", self.capabilities)
        else:
            audit_lapse(context, tx, operation)


def _has_answer_settled_operation(tx: Transaction, operation: Operation, outcome: Outcome[CheckReport]) -> bool:
    """True if the operation has already ended with this answer, because the transaction that ended the operation
    stored this answer as evidence. This happens if an earlier process settled the operation, but ended before it
    marked the operation as ended in the desk's spool.
    """
    is_same_ending = (operation.outcome_class, operation.reason) == (outcome.kind.value, outcome.reason[:64])
    return (
        operation.state in (OperationState.DONE, OperationState.FAILED)
        and is_same_ending
        and evidence.has_answer(tx.conn, operation.id, _make_evidence_source(PURCHASE_CALL_NAME), outcome)
    )


def _settle_by_answer(
    context: ServiceContext,
    tx: Transaction,
    record: CreditCheck,
    operation_id: str,
    outcome: Outcome[CheckReport],
    capabilities: CreditCheckCapabilities,
    key: str | None,
) -> None:
    """Store the provider's answer, end the operation's row in the journal and settle the credit check, in this order,
    which the triggers of a database server require. `key` is the answer key of the call, None if the call has no
    answer key.
    """
    store_answer_evidence(context, tx, record, PURCHASE_CALL_NAME, outcome)
    journal.settle_operation(
        tx.conn, operation_id, find_journal_state(outcome, has_effect=True), outcome, context.now(), key
    )
    context.record_audit(
        tx,
        AuditAction.CREDIT_CHECK_LATE_ANSWER,
        record.id,
        {"operation": operation_id, "outcome": outcome.kind.value},
    )
    _write_outcome(context, tx, record, outcome, capabilities)


def _store_late_answer(
    context: ServiceContext, tx: Transaction, record: CreditCheck, outcome: Outcome[CheckReport]
) -> None:
    """Store the answer to the purchase as evidence of a credit check that is already decided, and write an audit
    entry. The state of the credit check stays unchanged; an answer that contradicts the state opens a case."""
    store_answer_evidence(context, tx, record, LATE_PURCHASE_CALL_NAME, outcome)
    facts: dict[str, object] = {"outcome": outcome.kind.value, "kept_state": record.state.value}
    id_at_provider_fact = {"provider_id": outcome.content.credit_check_id} if outcome.content else {}
    context.record_audit(tx, AuditAction.CREDIT_CHECK_LATE_ANSWER, record.id, facts | id_at_provider_fact)
    if is_contradicting_answer(record, outcome):
        observed_purchase = format_observed_purchase(outcome.content.credit_check_id if outcome.content else None)
        observed = observed_purchase if outcome.kind is OutcomeClass.SUCCEEDED else f"not bought: {outcome.reason}"
        open_contradiction_case(context, tx, record, observed)


def _open_cases_about_shared_id(
    context: ServiceContext,
    tx: Transaction,
    record: CreditCheck,
    outcome: Outcome[CheckReport],
    credit_checks_of_number: Iterable[CreditCheck],
) -> None:
    """Open a case about each other credit check to which a probe or a person gave the id that is in `outcome`, the
    provider's answer to the purchase of `record`. The id belongs to `record`, because the provider answered the
    purchase of `record` with it. `credit_checks_of_number` are the credit checks of the corporation number, read in
    this transaction.

    At the same time, a person's decision may give this id to one of these credit checks. In this case, either this
    transaction waits for the transaction of the decision; or the transaction of the decision comes later, finds the
    id in `record`, and refuses the decision.
    """
    if outcome.kind is not OutcomeClass.SUCCEEDED or outcome.content is None:
        return
    id_at_provider = outcome.content.credit_check_id
    other_checks = [other_check for other_check in credit_checks_of_number if other_check.id != record.id]
    if any(other_check.state is CheckState.PENDING for other_check in other_checks):
        other_checks = list(check_records.find_credit_checks_with_id_at_provider(context, tx, id_at_provider))
    for other_check in other_checks:
        if (
            other_check.id != record.id
            and other_check.credit_check_id == id_at_provider
            and _is_id_from_decision(tx, other_check)
        ):
            observed = f"{id_at_provider} was bought for credit check {record.id}"
            open_contradiction_case(context, tx, other_check, observed)


def _is_id_from_decision(tx: Transaction, record: CreditCheck) -> bool:
    """True if the credit check got its id at the provider from a probe or a person, and not from an answer to its own
    purchase.

    False for a credit check that this program has not bought. Also False for a credit check that the database had
    lost, if it was restored with the id in a purchase answer that a desk has stored.
    """
    if record.operation_id is None:
        return False
    call_names = [PURCHASE_CALL_NAME, LATE_PURCHASE_CALL_NAME]
    if not evidence.has_person_evidence(tx.conn, record.operation_id):  # a person who restores it names the id
        call_names.append(RESTORE_CALL_NAME)
    sources = tuple(map(_make_evidence_source, call_names))
    return not evidence.has_answer_of_class(tx.conn, record.operation_id, sources, OutcomeClass.SUCCEEDED)


def is_contradicting_answer(record: CreditCheck, outcome: Outcome[CheckReport]) -> bool:
    """True if the provider's answer to a purchase contradicts the stored state of the credit check, for example if
    the answer is "bought" and the state is error."""
    if outcome.kind is OutcomeClass.SUCCEEDED:
        is_same_check = outcome.content is not None and outcome.content.credit_check_id == record.credit_check_id
        return record.state is CheckState.ERROR or (record.state is CheckState.SUCCESS and not is_same_check)
    return record.state is CheckState.SUCCESS and outcome.kind in _NOT_BOUGHT_OUTCOME_CLASSES


@credit_checks.run_again_if_stale()
def open_contradiction_case(context: ServiceContext, tx: Transaction, record: CreditCheck, observed: str) -> None:
    """Open a case for a credit check whose state the provider contradicts; `observed` describes the provider's
    answer. The state stays unchanged, and the work is set to needs_review. A credit check has at most one open case
    about a contradiction.

    If a case about another contradiction is open, the case is first closed in two situations: a person has
    acknowledged the case, or the case is about a read of the detail or PDF and the new contradiction is not.
    Otherwise the earlier case stays the only one, and the new contradiction opens no case.
    """
    now = context.now()
    earlier_case = _find_contradiction_case(tx, record)
    if (
        earlier_case is not None
        and earlier_case.observed != observed
        and (
            earlier_case.acknowledged_by is not None
            or (_is_case_about_reading(earlier_case.observed) and not _is_case_about_reading(observed))
        )
    ):
        cases.close_case(tx.conn, WorkReason.CONTRADICTED, CREDIT_CHECK_KIND, record.id, now)
    if cases.open_case(
        tx.conn, WorkReason.CONTRADICTED, CREDIT_CHECK_KIND, record.id, observed, record.state.value, now
    ):
        current_record = _require_record(tx, record.id)
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.CONTRADICTED)
        credit_checks.change_record(tx.conn, current_record, now, **credit_checks.make_work_values(work))
        context.record_audit(tx, AuditAction.CREDIT_CHECK_CONTRADICTED, record.id, {"observed": observed})


def format_observed_purchase(id_at_provider: int | None) -> str:
    """Return the text that a case stores about a purchase that AlarmBox has made, with AlarmBox's id
    `id_at_provider`, which is None if it isn't known."""
    return "bought" if id_at_provider is None else f"bought {id_at_provider}"


def list_acknowledged_contradictions(tx: Transaction, record: CreditCheck) -> tuple[str, ...]:
    """Return the text in the column `observed` of each case `contradicted` about the credit check, if a person has
    acknowledged the case. The cases that were closed after the acknowledgement are included."""
    return tuple(
        alert.observed
        for alert in alerts.find_by_subject(tx.conn, CREDIT_CHECK_KIND, record.id)
        if alert.rule_id == WorkReason.CONTRADICTED and alert.acknowledged_by is not None and alert.observed
    )


def close_case_of_read_contradiction(
    context: ServiceContext, tx: Transaction, record_id: int, report: CheckReport | None
) -> None:
    """Close the case that was opened because an earlier answer with the detail or PDF named another corporation than
    that of the bought credit check; schedule the re-fetch of the missing parts. Do this only if `report`, from the
    provider's newest answer, names the credit check's own corporation; with another report, or None, do nothing. A
    case about the purchase itself stays open. Raises StaleRow if the credit check changes meanwhile."""
    record, now = credit_checks.find(tx.conn, record_id), context.now()
    if (
        record is None
        or report is None
        or report.corporation_number != record.corporation_number
        or record.state is not CheckState.SUCCESS
        or record.work.reason != WorkReason.CONTRADICTED
    ):
        return
    case = _find_contradiction_case(tx, record)
    if case is None or not _is_case_about_reading(case.observed):
        return
    cases.close_case(tx.conn, WorkReason.CONTRADICTED, CREDIT_CHECK_KIND, record_id, now)
    work = Work(WorkState.SCHEDULED, now, WorkReason.INCOMPLETE)
    if not record.incomplete or record.viewing_over:
        work = Work()
    credit_checks.change_record(tx.conn, record, now, **credit_checks.make_work_values(work))


def schedule_refetch_again(context: ServiceContext, tx: Transaction, record_id: int) -> None:
    """Schedule the re-fetch of a bought credit check again, because the provider shows the credit check now. Its
    earlier answer was 403 (viewing period over), which can also mean that a permission was missing. Raises StaleRow
    if the credit check changes meanwhile."""
    record, now = credit_checks.find(tx.conn, record_id), context.now()
    if record is None or not record.viewing_over:
        return
    work = record.work
    if record.incomplete and work.state is WorkState.NONE:
        work = Work(WorkState.SCHEDULED, now, WorkReason.INCOMPLETE)
    work_values = credit_checks.make_work_values(work)
    credit_checks.change_record(tx.conn, record, now, viewing_over=False, error_code=None, **work_values)


def _find_contradiction_case(tx: Transaction, record: CreditCheck) -> Alert | None:
    """Return the newest open case about a contradiction of the credit check; None if no such case is open."""
    open_cases = [
        alert
        for alert in alerts.find_by_subject(tx.conn, CREDIT_CHECK_KIND, record.id)
        if alert.rule_id == WorkReason.CONTRADICTED and alert.resolved_at is None
    ]
    return max(open_cases, key=lambda alert: alert.id, default=None)


def _is_case_about_reading(observed: str) -> bool:
    """True if the case with the description `observed` is about a read of the detail or PDF, not about the
    purchase."""
    return observed.startswith(_READING_CONTRADICTIONS)


def _require_record(tx: Transaction, record_id: int) -> CreditCheck:
    record = credit_checks.find(tx.conn, record_id)
    if record is None:
        raise _make_not_found_error(record_id)
    return record


def _make_not_found_error(record_id: int) -> ConsoleError:
    return ConsoleError(ErrorCode.NOT_FOUND, {"kind": CREDIT_CHECK_KIND, "id": str(record_id)})
