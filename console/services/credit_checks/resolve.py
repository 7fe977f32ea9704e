"""Store the decisions of people, with evidence, about purchases of credit checks whose outcome is unknown. Before
a success is stored, a read at the provider must confirm it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from console.domain.annotations.person_texts import is_blank, strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.process.lease_names import make_credit_check_lease_name
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reason import ForeignText
from console.domain.records import (
    RESOLVED_BY_PEOPLE_CAUSE,
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    Operation,
    OperationState,
    WorkReason,
    is_valid_credit_check_id,
)
from console.domain.recovery.decision_reasons import LONGEST_DECISION_REASON_CHARACTERS, PersonEvidence, StatedReason
from console.domain.recovery.decision_rules import is_decidable_check, make_stale_view_error, make_undecidable_error
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import ResolveResult
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.audit import refusals
from console.services.credit_checks import outcomes
from console.services.credit_checks import records as check_records
from console.services.credit_checks.listed_purchases import (
    ListOutcome,
    find_earliest_purchase_day,
    refuse_denial_of_listed_purchase,
)
from console.services.credit_checks.named_purchases import refuse_denial_of_named_purchase
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.guarded.desk_answers import find_own_spool_entry, refuse_decision_against_answer
from console.services.guarded.leases import hold_lease, refuse_running_operation
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES, OperationSettler
from console.services.guarded.second_person import PersonDecision, is_version_decidable, propose_or_settle
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.settings.private_files import open_ordinary_file
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.operations import journal
from console.store.queues import queues
from console.store.records import evidence
from console.store.spool.spool import SpoolEntry

CREDIT_CHECK_KIND = credit_checks.CREDIT_CHECK_KIND
RESOLVE_ACTION = AuditAction.CREDIT_CHECK_RESOLVE
LARGEST_EVIDENCE_BYTES = 10 * 1024 * 1024


class PurchaseResolver:
    """Stores the decisions of people about credit checks whose outcome is unknown. This class can call the
    provider only to read, never to buy."""

    def __init__(
        self,
        context: ServiceContext,
        open_reader: Callable[[], CreditCheckReader],
        purchase_settler: OperationSettler,
    ) -> None:
        self._context = context
        self._open_reader = open_reader
        self._purchase_settler = purchase_settler

    def resolve(
        self,
        record_id: int,
        target_state: str,
        proof: str | Path,
        id_at_provider: int | None = None,
        expected_version: int | None = None,
        reason: StatedReason | None = None,
    ) -> ResolveResult:
        """Decide the unknown outcome of a purchase in the acting person's name. Return the credit check after the
        decision; the result's `awaiting` is "second_person" while a second person must still confirm the decision,
        otherwise None.

        `target_state` is "success" or "error"; `proof` is the path of a file or the text of a statement;
        `expected_version` is the version of the credit check on the caller's screen (None: any version); `reason` is
        the person's reason, None for a script that gives no reason. Each of these states needs evidence. "success"
        needs one person and `id_at_provider`, the id that the provider gave to the credit check; a read at the
        provider must confirm it. "error" needs two people, the second one an approver. If another application wrote
        the credit check without AlarmBox's id (`is_undecided_check_of_other_application`), both states need two
        people, who must name the same id for "success".

        Raises usage for another target state, or for "success" without `id_at_provider` or with one that AlarmBox
        can't have given; no_evidence if the evidence is empty, unreadable or larger than LARGEST_EVIDENCE_BYTES;
        not_found if there is no such credit check; not_allowed if the acting person has no right to decide, or can't
        be the second person; same_person if the proposer decides again; nothing_to_resolve if the outcome is known;
        in_progress while the purchase runs or another process has the lease; stale_view if the version is not
        `expected_version`, or changes during the decision; evidence_mismatch if the provider's report does not fit
        the credit check; evidence_mismatch also for the target state "error" if this desk has AlarmBox's answer that
        the purchase was made, if AlarmBox lists a purchase that may be the denied purchase, or if AlarmBox's answer
        to the purchase names such a purchase or shows it without its id; bad_profile if this desk's store key can't
        decrypt AlarmBox's answer in the spool; and, if the read at the provider fails, the error of
        `make_unconfirmed_error`.
        """
        person_proof = read_proof(proof, reason)
        if target_state not in ("success", "error"):
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTCOME, "allowed": ["success", "error"]}
            )
        if target_state == "success" and id_at_provider is None:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.ALARMBOX_ID_MISSING})
        if target_state == "success" and not is_valid_credit_check_id(id_at_provider):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ALARMBOX_ID})
        with refusals.audit_refusals(self._context, RESOLVE_ACTION, record_id, {"as": target_state}):
            return self._resolve_record(record_id, target_state, person_proof, id_at_provider, expected_version)

    def _resolve_record(
        self,
        record_id: int,
        target_state: str,
        person_proof: PersonEvidence,
        id_at_provider: int | None,
        expected_version: int | None,
    ) -> ResolveResult:
        person = self._context.require_right("resolve")
        with self.hold_lease_of_undecided_record(record_id, expected_version) as record:
            self._context.failpoints.reach("before_resolve")
            if id_at_provider is not None and target_state == "success":
                if record.certainty is Certainty.UNKNOWN:
                    result = ResolveResult(self.confirm_purchase(record, id_at_provider, person_proof))
                else:
                    result = self._decide_purchase_of_other_application(
                        record, id_at_provider, person_proof, person.name
                    )
            else:
                if record.state is CheckState.SUCCESS:
                    raise make_undecidable_error(record)
                entry = find_own_spool_entry(self._context, record.operation_id)
                self._refuse_decision_against_answer(entry, record)
                is_absent_in_list = self._refuse_denial_of_listed_purchase(record)
                self._refuse_denial_of_named_purchase(record, entry, is_absent_in_list=is_absent_in_list)
                result = self._decide_not_bought(record, person_proof, person.name, entry)
            self._context.failpoints.reach("after_resolve")
        return result

    @contextmanager
    def hold_lease_of_undecided_record(self, record_id: int, expected_version: int | None) -> Iterator[CreditCheck]:
        """Context manager: acquire the lease of a credit check about which people may decide, and yield the credit
        check. If its operation has lapsed (its process ended during the call to the provider), the unknown outcome is
        recorded first. `expected_version` is the version on the caller's screen (None: any version). Raises not_found
        if there is no such credit check; nothing_to_resolve if people have nothing to decide; in_progress while its
        purchase runs or another process has the lease; stale_view if its version is not `expected_version` or if it
        changes during the block.
        """
        record = self._require_decidable_record(record_id, expected_version)
        with hold_lease(self._context, make_credit_check_lease_name(record_id), record=record):
            try:
                record = self._require_decidable_record(record_id, expected_version)
                yield record
            except credit_checks.StaleRow:
                raise make_stale_view_error(
                    check_records.read_stored_credit_check(self._context, record_id), record.version
                ) from None

    def _require_decidable_record(self, record_id: int, expected_version: int | None) -> CreditCheck:
        """Return the credit check if people can decide about it; if its purchase has lapsed, first record the lapse.
        Raises not_found if there is no such credit check, stale_view if its version is not `expected_version` (None:
        any version), in_progress while its purchase runs, or nothing_to_resolve if people have nothing to decide."""
        record = check_records.read_stored_credit_check(self._context, record_id)
        if expected_version is not None and not is_version_decidable(
            self._context, CREDIT_CHECK_KIND, record, expected_version
        ):
            raise make_stale_view_error(record, expected_version)
        with self._context.database.read() as conn:
            refuse_running_operation(conn, CREDIT_CHECK_KIND, record)
            # A due task takes the row over first: it corrects the corporation number and looks for duplicates.
            is_decidable = is_decidable_check(record) and not queues.is_foreign_row_to_adopt(conn, record_id)
        if record.operation_id and record.work.reason == WorkReason.LAPSED:
            self._purchase_settler.record_lapse(record.operation_id)
            record = check_records.read_stored_credit_check(self._context, record_id)
        elif not is_decidable:
            raise make_undecidable_error(record)
        if not is_decidable_check(record):
            raise make_undecidable_error(record)
        return record

    def _refuse_decision_against_answer(self, entry: SpoolEntry | None, record: CreditCheck) -> None:
        """Refuse the decision that the credit check, whose outcome is unknown, was not bought if a desk has
        AlarmBox's answer that it was bought. `entry` is the entry of this desk's spool about the purchase. Raises
        stale_view if that answer has settled the credit check since `record` was read, otherwise evidence_mismatch.
        """
        try:
            refuse_decision_against_answer(self._context, entry, record.operation_id, record)
        except ConsoleError:
            current_record = check_records.read_stored_credit_check(self._context, record.id)
            if current_record.version != record.version:
                raise make_stale_view_error(current_record, record.version) from None
            raise

    def _refuse_denial_of_listed_purchase(self, record: CreditCheck) -> bool:
        """Refuse the decision that the credit check was not bought if AlarmBox's list of purchases contains a
        purchase that may be that of this credit check. Return True if AlarmBox has answered with a list without such
        a purchase."""
        context = self._context

        def store_answer(tx: Transaction, outcome: ListOutcome) -> object:
            return outcomes.store_answer_evidence(context, tx, record, outcomes.LIST_CALL_NAME, outcome)

        # Nobody knows when another application sent its purchase: `created_at` is None then.
        number, sent_at = record.corporation_number, record.created_at
        return refuse_denial_of_listed_purchase(context, self._open_reader, number, sent_at, record, store_answer)

    def _refuse_denial_of_named_purchase(
        self, record: CreditCheck, entry: SpoolEntry | None, *, is_absent_in_list: bool
    ) -> None:
        """Refuse the decision that the credit check was not bought if AlarmBox's contradictory answer to the purchase
        names a credit check that may be the result of this purchase, or shows the credit check without its id.
        `entry` is the entry of this desk's spool about the purchase. `is_absent_in_list` is True if AlarmBox's list
        of purchases doesn't have the purchase."""
        context = self._context

        def store_answer(tx: Transaction, outcome: Outcome[CheckReport]) -> object:
            return outcomes.store_answer_evidence(context, tx, record, outcomes.RESTORE_CALL_NAME, outcome)

        refuse_denial_of_named_purchase(
            context,
            self._open_reader,
            record.operation_id,
            entry,
            record.corporation_number,
            record.created_at,
            record,
            store_answer,
            is_absent_in_list=is_absent_in_list,
        )

    # Bought, confirmed by a read

    def find_id_at_provider_in_spool(self, record: CreditCheck) -> int | None:
        """Return AlarmBox's id of the credit check if this desk's spool has the answer to the purchase with this id;
        otherwise None. The spool can have an answer that the database lacks: the database may have gone back to an
        earlier state, or may not have stored the answer yet. Raises bad_profile if this desk's store key can't
        decrypt the answer."""
        entry = find_own_spool_entry(self._context, record.operation_id)
        return entry.id_at_provider if entry is not None and entry.proves_effect else None

    def confirm_purchase(self, record: CreditCheck, id_at_provider: int, proof: PersonEvidence | None) -> CreditCheck:
        """Read the purchase with AlarmBox's id `id_at_provider`, settle the credit check, whose outcome is unknown,
        as bought if the answer fits it, and return the credit check. `proof` is a person's evidence, None for an id
        that this desk has from AlarmBox. The caller holds the lease of the credit check. Raises evidence_mismatch if
        the report does not fit the credit check, and the error of `make_unconfirmed_error` if the provider's answer
        has no report."""
        context = self._context
        outcome, report = self._read_purchase(record, id_at_provider, is_decision=proof is not None)
        mismatch, current_record = context.write_and_read(
            lambda tx: self._settle_by_report(tx, record, proof, outcome, report),
            lambda conn: check_records.require_record(conn, record.id),
        )
        if mismatch is not None:
            raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": mismatch})
        self._end_spooled_operation(record, is_bought=True, id_at_provider=id_at_provider)
        return current_record

    def _read_purchase(
        self, record: CreditCheck, id_at_provider: int, *, is_decision: bool
    ) -> tuple[Outcome[CheckReport], CheckReport]:
        """Read the purchase with AlarmBox's id `id_at_provider`, store the answer as evidence, and return the answer
        and its report. Raises the error of `make_unconfirmed_error` if the answer has no report. `is_decision` is
        False if no person has named the id."""
        outcome = self._open_reader().read_detail(id_at_provider)
        report = outcome.content if outcome.kind is OutcomeClass.SUCCEEDED else None
        call = "resolve" if is_decision else outcomes.RESTORE_CALL_NAME
        self._context.write(lambda tx: self._store_answer(tx, record, outcome, call, is_answered=report is not None))
        if report is None:
            raise make_unconfirmed_error(record, outcome, is_decision=is_decision)
        return outcome, report

    def _settle_by_report(
        self,
        tx: Transaction,
        record: CreditCheck,
        proof: PersonEvidence | None,
        outcome: Outcome[CheckReport],
        report: CheckReport,
    ) -> EvidenceMismatchReason | None:
        """Settle the credit check as bought with `report`, the report in the provider's stored answer `outcome`,
        store the person's evidence `proof` (None: no person has given any), and return None. If the report doesn't
        fit the credit check, leave the credit check unchanged and return the reason.
        """
        context = self._context
        mismatch = self._find_report_mismatch(tx, record, report, is_id_of_person=proof is not None)
        if mismatch is None and proof is not None:
            mismatch = find_time_mismatch(report, record.created_at, read_current_time(tx.conn, context.now()))
        if mismatch is None and proof is not None:
            evidence.add_person_evidence(
                tx.conn,
                (CREDIT_CHECK_KIND, record.id),
                record.operation_id,
                context.make_holder().operator,
                proof,
                context.now(),
            )
        if mismatch is None:
            self._settle_as_bought(tx, record, outcome, report, "desk" if proof is None else "resolve")
        return mismatch

    def _store_answer(
        self,
        tx: Transaction,
        record: CreditCheck,
        outcome: Outcome[CheckReport],
        call_name: str,
        *,
        is_answered: bool,
    ) -> None:
        """Store the provider's answer as evidence of the credit check; `call_name` is the name of the call in the
        evidence. The caller uses a separate transaction for this, because the decision may still be refused.
        `is_answered` is False if the answer has no report; then also write an audit entry that the decision was
        refused."""
        outcomes.store_answer_evidence(self._context, tx, record, call_name, outcome)
        if not is_answered:
            self._context.record_audit(
                tx, AuditAction.CREDIT_CHECK_RESOLVE, record.id, result="refused", reason=outcome.reason[:64]
            )

    def _find_report_mismatch(
        self, tx: Transaction, record: CreditCheck, report: CheckReport, *, is_id_of_person: bool = True
    ) -> EvidenceMismatchReason | None:
        """Return the reason why the provider's report doesn't fit the credit check: it is about another corporation,
        or another credit check in our database has the report's id. Return None if the report fits. `is_id_of_person`
        is False if the id is from AlarmBox's own answer to the purchase."""
        mismatch = find_number_mismatch(report, record.corporation_number, is_id_of_person=is_id_of_person)
        if mismatch is not None:
            return mismatch
        owners = check_records.find_credit_checks_with_id_at_provider(self._context, tx, report.credit_check_id)
        is_used = any(owner.id != record.id for owner in owners)
        return EvidenceMismatchReason.USED_BY_OTHER_RECORD if is_used else None

    def _settle_as_bought(
        self,
        tx: Transaction,
        record: CreditCheck,
        outcome: Outcome[CheckReport],
        report: CheckReport,
        answer_origin: str,
    ) -> None:
        """Write the bought credit check and end its operation. `answer_origin` is stored with the purchase as the
        source of the report.
        """
        if record.operation_id:
            journal.settle_operation(tx.conn, record.operation_id, OperationState.DONE, outcome, self._context.now())
        outcomes.write_successful_purchase(self._context, tx, record, report, {"by": answer_origin})

    # Left open by another application, decided by two people

    def _decide_purchase_of_other_application(
        self, record: CreditCheck, id_at_provider: int, proof: PersonEvidence, person: str
    ) -> ResolveResult:
        """Propose, or confirm as the second person, that the credit check of another application is the purchase with
        AlarmBox's id `id_at_provider`. Each person's decision reads the purchase at AlarmBox. Return the credit check
        after the decision; the result's `awaiting` is "second_person" if only the first person has decided.

        The read shows that a purchase for this corporation exists. It doesn't show if the credit check is this
        purchase or a later one. So one person is not enough: with the id of an earlier, expired purchase, the credit
        check could be renewed, which costs money again. Raises evidence_mismatch if the report doesn't fit the credit
        check, and the error of `make_unconfirmed_error` if AlarmBox's answer has no report.
        """
        context = self._context
        outcome, report = self._read_purchase(record, id_at_provider, is_decision=True)
        decision = PersonDecision(
            (CREDIT_CHECK_KIND, record.id),
            "success",
            person,
            record,
            record.operation_id,
            proof,
            refusal_facts={"record": record},
            sets_id_at_provider=True,
            id_at_provider=str(id_at_provider),
        )

        def write_decision(tx: Transaction) -> bool:
            mismatch = self._find_report_mismatch(tx, record, report)
            if mismatch is not None:
                raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": mismatch})
            return self._write_decision(
                tx, record, decision, lambda _proposer: self._settle_as_bought(tx, record, outcome, report, "resolve")
            )

        is_proposed, current_record = context.write_and_read(
            write_decision, lambda conn: check_records.require_record(conn, record.id)
        )
        return ResolveResult(current_record, awaiting="second_person" if is_proposed else None)

    # Not bought, decided by two people

    def _decide_not_bought(
        self, record: CreditCheck, proof: PersonEvidence, person: str, entry: SpoolEntry | None
    ) -> ResolveResult:
        """Propose, or confirm as the second person, that the credit check was not bought. Return the credit check
        after the decision; the result's `awaiting` is "second_person" while a second person must still confirm the
        decision, otherwise None. `entry` is the spool entry of this desk about the purchase (None: the spool has no
        such entry); the claim of this entry ends after the second decision."""
        decision = PersonDecision(
            (CREDIT_CHECK_KIND, record.id),
            "error",
            person,
            record,
            record.operation_id,
            proof,
            refusal_facts={"record": record},
        )
        is_proposed, current_record = self._context.write_and_read(
            lambda tx: self._write_decision(
                tx, record, decision, lambda proposer: self._settle_as_not_bought(tx, record, proposer)
            ),
            lambda conn: check_records.require_record(conn, record.id),
        )
        if is_proposed:
            return ResolveResult(current_record, awaiting="second_person")
        if entry is None:
            self._end_spooled_operation(record, is_bought=False)
        else:  # an answer that has come meanwhile keeps the claim
            with log_and_suppress("end of a resolved operation"):
                self._context.spool.give_up_claim(entry)
        return ResolveResult(current_record)

    def _write_decision(
        self, tx: Transaction, record: CreditCheck, decision: PersonDecision, settle: Callable[[str], None]
    ) -> bool:
        """Write a person's decision about the credit check, which needs two people: the first person proposes the
        decision; the second person confirms it, and then `settle` is called with the first person's name. Return True
        if a second person must still decide. Raises StaleRow if the credit check has changed since this process read
        it."""
        context, now = self._context, self._context.now()
        credit_checks.require_unchanged(tx.conn, record)

        def write_proposal(proof_id: int) -> dict[str, object]:
            credit_checks.increment_version(tx.conn, record, now)
            return {"as": decision.decided_state, "evidence": proof_id}

        return propose_or_settle(context, tx, decision, settle=settle, propose=write_proposal)

    def _settle_as_not_bought(self, tx: Transaction, record: CreditCheck, proposer: str) -> None:
        outcome: Outcome[CheckReport] = Outcome(
            OutcomeClass.FAILED_DEFINITE, RESOLVED_BY_PEOPLE_CAUSE, SendingCertainty.MAYBE
        )
        if record.operation_id:
            journal.settle_operation(
                tx.conn, record.operation_id, OperationState.FAILED, outcome, self._context.now()
            )
        outcomes.write_failed_purchase(self._context, tx, record, RESOLVED_BY_PEOPLE_CAUSE, {"first": proposer})

    def _end_spooled_operation(
        self, record: CreditCheck, *, is_bought: bool, id_at_provider: int | None = None
    ) -> None:
        """Mark the intent of the credit check's purchase in this desk's spool as ended, because a decision has
        settled the purchase. `is_bought` is True if people decided that it was bought; the intent then keeps its
        claim. `id_at_provider` is the id that the provider gave to the bought credit check; None if the credit check
        was not bought.
        """
        if record.operation_id:
            with log_and_suppress("end of a resolved operation"):
                self._context.spool.mark_ended(
                    record.operation_id, holds_claim=is_bought, id_at_provider=id_at_provider
                )


def find_number_mismatch(
    report: CheckReport, corporation_number: str | None, *, is_id_of_person: bool
) -> EvidenceMismatchReason | None:
    """Return the reason why AlarmBox's report can't be about a purchase of `corporation_number` (None: the number of
    the purchase isn't known, so that no number fits): the report names another number, or none. Return None if the
    report names this number. A report without a number also fits if `is_id_of_person` is False: AlarmBox itself has
    then given the report's id to the purchase."""
    if report.corporation_number is None:
        return EvidenceMismatchReason.NO_NUMBER if is_id_of_person else None
    return None if report.corporation_number == corporation_number else EvidenceMismatchReason.OTHER_NUMBER


def find_time_mismatch(report: CheckReport, sent_at: datetime | None, now: datetime) -> EvidenceMismatchReason | None:
    """Return the reason why the credit check in AlarmBox's report, whose id a person has stated, can't be the
    purchase that was sent at `sent_at`: it had expired before that time, or was bought earlier. Return None if it can
    be the purchase, or if the time of sending isn't known: `sent_at` is None, or later than `now`, which is the time
    of the database server, or of this machine if there is no server.

    If an earlier purchase were accepted instead, the program would no longer know of the sent purchase, and could buy
    the credit check again while the sent purchase is valid.
    """
    first_day = find_earliest_purchase_day(sent_at, now)
    if first_day is not None and outcomes.had_reported_check_expired_before(report, sent_at):
        return EvidenceMismatchReason.EXPIRED_BEFORE
    if first_day is not None and report.purchase_date is not None and report.purchase_date < first_day:
        return EvidenceMismatchReason.BOUGHT_BEFORE
    return None


def make_unconfirmed_error(
    record: CreditCheck | Operation, outcome: Outcome[CheckReport], *, is_decision: bool = True
) -> ConsoleError:
    """Return the error to raise after a read at the provider that did not show the outcome of a purchase.
    `is_decision` is True if the read should have confirmed a person's decision, False for a probe.

    The error has the code of `find_read_error_code` if this code is provider_unreachable or one of
    OWN_FAILURE_ERROR_CODES or, for a probe, one of NO_ANSWER_ERROR_CODES; for any other code it is outcome_unknown.
    The answer "not found" always becomes evidence_mismatch.
    """
    detail: ProviderAnswerFacts = {"record": record, "reason": outcome.reason, "status": outcome.status}
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return make_outcome_error(ErrorCode.EVIDENCE_MISMATCH, detail)
    code = find_read_error_code(outcome)
    unchanged_codes = (
        {ErrorCode.PROVIDER_UNREACHABLE, *OWN_FAILURE_ERROR_CODES} if is_decision else NO_ANSWER_ERROR_CODES
    )
    return make_outcome_error(code if code in unchanged_codes else ErrorCode.OUTCOME_UNKNOWN, detail)


def read_proof(proof: str | Path, reason: StatedReason | None = None) -> PersonEvidence:
    """Return a person's evidence with the person's `reason` (None: no reason is stated): the content of the file if
    `proof` is a path, otherwise the text `proof` in UTF-8. Raises no_evidence if the evidence has no visible
    character, is unreadable or larger than LARGEST_EVIDENCE_BYTES, and usage if the text of the reason is blank or
    too long."""
    if (
        reason is not None
        and not 0 < len(strip_invisible_characters(reason.words)) <= LONGEST_DECISION_REASON_CHARACTERS
    ):
        raise ConsoleError(
            ErrorCode.USAGE,
            {"problem": UsageProblem.INVALID_DECISION_REASON, "longest": LONGEST_DECISION_REASON_CHARACTERS},
        )
    if isinstance(proof, Path):
        try:
            with open_ordinary_file(proof) as file:
                content = file.read(LARGEST_EVIDENCE_BYTES + 1)
        except OSError as error:
            raise ConsoleError(
                ErrorCode.NO_EVIDENCE, {"file": str(proof), "problem": ForeignText(str(error))}
            ) from error
    else:
        content = proof.encode("utf-8", errors="replace")
    if len(content) > LARGEST_EVIDENCE_BYTES:
        raise ConsoleError(ErrorCode.NO_EVIDENCE, {"problem": "too_large", "largest": LARGEST_EVIDENCE_BYTES})
    if is_blank(content.decode("utf-8", errors="replace")):
        raise ConsoleError(ErrorCode.NO_EVIDENCE, {"problem": "empty"})
    return PersonEvidence(
        content, None if reason is None else replace(reason, words=strip_invisible_characters(reason.words))
    )
