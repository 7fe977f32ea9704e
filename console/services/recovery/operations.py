"""Show, probe and resolve single guarded operations. Some operations exist only in the spool of a desk, because the
database has lost them and their records. This happens, for example, if an old backup was restored.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason, OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import EvidenceMismatchDetail
from console.domain.explained_state import Explanation, NextStep
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import (
    CheckReport,
    CheckState,
    CreditCheck,
    Operation,
    OperationState,
    is_valid_credit_check_id,
)
from console.domain.recovery.decision_reasons import PersonEvidence, StatedReason
from console.domain.recovery.decision_rules import has_expired
from console.domain.service_results import OperationDetails
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import ResolveResult
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.audit import refusals
from console.services.credit_checks import outcomes
from console.services.credit_checks import records as check_records
from console.services.credit_checks.details_reader import read_audit_history
from console.services.credit_checks.listed_purchases import ListOutcome, refuse_denial_of_listed_purchase
from console.services.credit_checks.named_purchases import refuse_denial_of_named_purchase
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES
from console.services.credit_checks.probe import CreditCheckProber
from console.services.credit_checks.resolve import (
    PurchaseResolver,
    find_number_mismatch,
    find_time_mismatch,
    make_unconfirmed_error,
    read_proof,
)
from console.services.guarded.desk_answers import (
    find_own_spool_entry,
    is_claim_ended_elsewhere,
    refuse_decision_against_answer,
    refuse_denial_of_unclear_answer,
)
from console.services.guarded.leases import lock_until_commit
from console.services.guarded.second_person import PersonDecision, propose_or_settle, read_proposed_states
from console.services.payments.probe import may_answer_say_paid
from console.services.payments.spooled_payments import LostPaymentRestorer
from console.services.process.context import ServiceContext
from console.services.refunds.spooled_refunds import LostRefundProber
from console.services.registry.facts import read_facts_of_record
from console.store.credit_checks import credit_checks, joined_reads
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, lost_operations
from console.store.operations.journal import NewOperation
from console.store.payments import payments
from console.store.records import evidence
from console.store.refunds import approvals, refunds
from console.store.spool.spool import Intent, SpoolEntry, SpoolState

OPERATION_KIND = "operation"
_LONGEST_ID_CHARACTERS = 18
_OUTCOME_WITHOUT_EFFECT_BY_KIND: Mapping[str, str] = {
    credit_checks.CREDIT_CHECK_KIND: "error",
    payments.PAYMENT_KIND: "payment_failed",
    refunds.REFUND_KIND: "failed",
}
"""The outcome with which two people decide that a lost operation had no effect, by the kind of its record."""
_ERROR_CODES_WITHOUT_DEFINITE_ANSWER = frozenset({ErrorCode.OUTCOME_UNKNOWN, *NO_ANSWER_ERROR_CODES})
"""Error codes of a probe whose answer, if there is one, doesn't show whether the operation has happened. After such
an error, two people can decide."""


class RecordRecovery(Protocol):
    """Interface of a service that probes and resolves the records of operations: payments in one implementation,
    refunds in another."""

    def probe(self, id: int, /) -> Payment | Refund:
        """Ask the provider about the record with this id, apply the answer, and return the record. Raises the errors
        of `PaymentProber.probe` or `RefundProber.probe`.
        """

    def resolve(
        self, id: int, target_state: str, evidence: str | Path, id_at_provider: str | None = None,
        expected_version: int | None = None, reason: StatedReason | None = None, /,
    ) -> ResolveResult:  # fmt: skip
        """Store a person's decision that the record with this id has the outcome `target_state`, and return the
        result. `evidence` is the path of a file or a written statement; `id_at_provider` is the id that the provider
        gave to the payment or refund, None if the person has none; `expected_version` is the version on the person's
        screen (None: any version); `reason` is the person's reason, None for a script without one. Raises the errors
        of `PaymentResolver.resolve` or `RefundResolver.resolve`.
        """


class OperationRecovery:
    """Shows, probes and resolves single operations. `recoveries` maps the record kinds payment and refund to the
    services that probe and resolve such records."""

    def __init__(
        self,
        context: ServiceContext,
        purchase_resolver: PurchaseResolver,
        credit_check_prober: CreditCheckProber,
        get_credit_check_reader: Callable[[], CreditCheckReader],
        recoveries: Mapping[str, RecordRecovery],
        lost_refund_prober: LostRefundProber,
        lost_payment_restorer: LostPaymentRestorer,
    ) -> None:
        self._context = context
        self._purchase_resolver = purchase_resolver
        self._credit_check_prober = credit_check_prober
        self._get_check_reader = get_credit_check_reader
        self._recoveries = recoveries
        self._lost_refund_prober = lost_refund_prober
        self._lost_payment_restorer = lost_payment_restorer

    def read_details(self, operation_id: str) -> OperationDetails:
        """Return an operation with its timeline and evidence, for its screen. Raises not_found if neither the
        database nor a spool has the operation, and not_allowed if the acting person has no right to read."""
        with refusals.audit_refusals(
            self._context, AuditAction.OPERATION_SHOW, operation_id[:64], kind=OPERATION_KIND
        ):
            operation = self.read_operation(operation_id)
        with self._context.database.read() as conn:
            answers = evidence.find_by_operation(conn, operation_id)
            record = joined_reads.find_record(conn, operation.subject_id or 0) if _is_purchase(operation) else None
            history = read_audit_history(conn, OPERATION_KIND, operation_id)
            if operation.subject_id is not None:
                history = (*read_audit_history(conn, operation.subject_kind, str(operation.subject_id)), *history)
            is_proposed = operation_id in read_proposed_states(self._context, conn, OPERATION_KIND, (operation_id,))
            facts = read_facts_of_record(self._context, conn, operation)
        explanation = self._explain_operation(operation, record)
        if is_proposed and operation.source == "desk" and operation.state is OperationState.UNKNOWN:
            explanation = replace(explanation, next_step=_make_second_person_step(operation))
        awaiting, can_resolve = "second_person" if is_proposed else None, self._can_resolve(operation)
        return OperationDetails(operation, explanation, history, answers, awaiting, facts, can_resolve)

    def _can_resolve(self, operation: Operation) -> bool:
        """False for a lost operation that certainly had no effect, except a purchase that two people have denied."""
        if not operation.is_lost_without_effect:
            return True
        entry = self._find_spool_entry(operation.id)
        return entry is not None and _is_purchase(operation) and self._is_decided_as_not_made(entry)

    def probe(self, operation_id: str) -> Operation | CreditCheck | Payment | Refund:
        """Ask the provider about the outcome of the operation. If the database has lost the operation's record, and
        the provider confirms the purchase or the started payment, insert that record again. Return the record, or the
        operation if it has no record.

        Raises not_found if neither the database nor a spool has the operation; not_allowed if the acting person has
        no right to probe; outcome_unknown if the provider gives no definite answer or can't be asked; in_progress
        while the operation runs or another process has the lease of its record. Also raises provider_auth if the
        provider refuses the credentials, rate_limited if it refuses the call because of too many calls, and
        provider_unreachable if it doesn't answer. For a lost purchase, also raises evidence_mismatch if the answer is
        about another corporation or another record has its id, and already_purchased if the corporation has another
        live credit check of the same client.
        """
        with refusals.audit_refusals(
            self._context, AuditAction.OPERATION_PROBE, operation_id[:64], kind=OPERATION_KIND
        ):
            self._context.require_right("probe")
            return self._probe_operation(self.read_operation(operation_id))

    def _probe_operation(self, operation: Operation) -> Operation | CreditCheck | Payment | Refund:
        if operation.source == "database":
            recovery = self._recoveries.get(operation.subject_kind)
            return (recovery or self._credit_check_prober).probe(operation.subject_id or 0)
        entry = self._find_spool_entry(operation.id)
        if operation.state is OperationState.FAILED:
            return operation
        if entry is not None and _is_payment_start(operation):
            return self._lost_payment_restorer.probe(entry, operation)
        if entry is not None and entry.intent.payment_id is not None:
            self._lost_refund_prober.probe(entry, operation)
            return self.read_operation(operation.id)
        if entry is not None and entry.id_at_provider is not None:
            return self._restore_credit_check(entry, entry.id_at_provider, None)
        raise ConsoleError(
            ErrorCode.OUTCOME_UNKNOWN, {"record": operation, "reason": OutcomeUnknownReason.ONLY_DESK_KNOWS}
        )

    def resolve(
        self, operation_id: str, target_state: str, evidence: str | Path, id_at_provider: int | str | None = None,
        reason: StatedReason | None = None,
    ) -> ResolveResult:  # fmt: skip
        """Store a person's decision about the outcome of an operation, and return the result. If the database has the
        operation's record, the decision is about that record; otherwise it is about the operation's entry in the
        spool of a desk.

        For an entry in a spool, two people can decide that a refund is `failed`, or that the start of a payment is
        `payment_failed`; `completed` needs the provider's confirmation. `evidence` is a file or a written statement;
        `id_at_provider` is the id that the provider gave to the purchase or refund; `reason` is the person's reason,
        None for a script without one.

        Raises not_found if neither the database nor a spool has the operation; not_allowed if the acting person has
        no right to resolve. For an entry in a spool, also raises usage if `target_state` is not possible for the
        operation, or if `id_at_provider` is missing for a successful purchase; no_evidence if the evidence is empty,
        unreadable or too large; nothing_to_resolve if the operation certainly had no effect; evidence_mismatch if the
        provider's answer contradicts the decision; same_person if the proposer decides again; not_allowed if the
        acting person can't be the second person. For any other operation, the service of the record
        (`PurchaseResolver`, `PaymentResolver` or `RefundResolver`) stores the decision, and its method `resolve`
        raises the errors.
        """
        facts = {"as": target_state[:40]}
        with refusals.audit_refusals(
            self._context, AuditAction.OPERATION_RESOLVE, operation_id[:64], facts, kind=OPERATION_KIND
        ):
            self._context.require_right("resolve")
            operation = self.read_operation(operation_id)
            recovery = self._recoveries.get(operation.subject_kind)
            if operation.source == "database" and recovery is not None:
                identifier = None if id_at_provider is None else str(id_at_provider)
                return recovery.resolve(operation.subject_id or 0, target_state, evidence, identifier, None, reason)
            if recovery is not None:
                return self._resolve_lost_money_operation(operation, target_state, read_proof(evidence, reason))
            return self._resolve_purchase_operation(
                operation, target_state, evidence, _parse_credit_check_id(id_at_provider), reason
            )

    def _resolve_lost_money_operation(
        self, operation: Operation, target_state: str, person_evidence: PersonEvidence
    ) -> ResolveResult:
        person = self._context.require_right("resolve")
        entry = self._find_spool_entry(operation.id)
        if entry is None or not entry.holds_claim:
            raise ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": operation})
        is_start = _is_payment_start(operation)
        if target_state == "completed":
            if is_start:
                payment = self._lost_payment_restorer.probe(entry, operation)
                if payment.state not in PAID_STATES:
                    raise _make_contradiction_error(payment)
            elif not self._lost_refund_prober.probe(entry, operation):
                raise _make_contradiction_error(operation)
            return ResolveResult(self.read_operation(operation.id))
        end_states = ["completed", _OUTCOME_WITHOUT_EFFECT_BY_KIND[operation.subject_kind]]
        if target_state not in end_states:
            raise ConsoleError(
                ErrorCode.USAGE,
                {
                    "problem": UsageProblem.INVALID_OUTCOME_OF_BEGUN_PAYMENT
                    if is_start
                    else UsageProblem.INVALID_OUTCOME_OF_REFUND,
                    "allowed": end_states,
                },
            )
        return (
            self._deny_lost_payment_start(entry, operation, person_evidence, person.name)
            if is_start
            else self._deny_lost_refund(entry, operation, person_evidence, person.name)
        )

    def _deny_lost_payment_start(
        self, entry: SpoolEntry, operation: Operation, person_evidence: PersonEvidence, person: str
    ) -> ResolveResult:
        """Record the decision that a lost payment was not paid. The program asks the provider first. If the provider
        reports the payment's state, the payment is inserted again, and one person is enough. Return the lost
        operation after the decision. Raises evidence_mismatch if the reported state is not one of the states that end
        a payment unpaid.
        """
        try:
            payment = self._lost_payment_restorer.probe(entry, operation)
        except ConsoleError as error:
            if error.code not in _ERROR_CODES_WITHOUT_DEFINITE_ANSWER:
                raise
            refuse_denial_of_unclear_answer(str(error.detail.get("reason")), operation)
            _refuse_unpaid_decision_on_unusable_answer(error, operation)
            return self._record_no_effect_decision(entry, operation, person_evidence, person)
        if payment.state not in ENDED_UNPAID_STATES:
            raise _make_contradiction_error(payment)
        return ResolveResult(self.read_operation(operation.id))

    def _deny_lost_refund(
        self, entry: SpoolEntry, operation: Operation, person_evidence: PersonEvidence, person: str
    ) -> ResolveResult:
        """Record the decision that a lost refund was not made. The program asks the provider first. If the provider
        has refused the refund, one person is enough. Return the lost operation after the decision. Raises
        evidence_mismatch if the provider's answer says that it has accepted or made the refund, or may say so."""
        try:
            has_happened = self._lost_refund_prober.probe(entry, operation, is_denied=True)
        except ConsoleError as error:
            if error.code not in _ERROR_CODES_WITHOUT_DEFINITE_ANSWER:
                raise
            refuse_decision_against_answer(self._context, entry, operation.id, operation)
            return self._record_no_effect_decision(entry, operation, person_evidence, person)
        if has_happened:
            raise _make_contradiction_error(operation)
        return ResolveResult(self.read_operation(operation.id))

    def _resolve_purchase_operation(
        self,
        operation: Operation,
        target_state: str,
        evidence: str | Path,
        id_at_provider: int | None,
        reason: StatedReason | None,
    ) -> ResolveResult:
        operation_id = operation.id
        if operation.source == "database":
            return self._purchase_resolver.resolve(
                operation.subject_id or 0, target_state, evidence, id_at_provider, None, reason
            )
        person = self._context.require_right("resolve")
        person_evidence = read_proof(evidence, reason)
        entry = self._find_spool_entry(operation_id)
        if entry is None or not (
            entry.holds_claim or (target_state == "success" and self._is_decided_as_not_made(entry))
        ):
            raise ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": operation})
        if target_state == "success":
            if id_at_provider is None:
                raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.ALARMBOX_ID_MISSING})
            return ResolveResult(self._restore_credit_check(entry, id_at_provider, person_evidence))
        if target_state != "error":
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTCOME, "allowed": ["success", "error"]}
            )
        refuse_decision_against_answer(self._context, entry, operation.id, operation)
        is_absent_in_list = self._refuse_denial_of_listed_purchase(entry, operation)
        self._refuse_denial_of_named_purchase(entry, operation, is_absent_in_list=is_absent_in_list)
        return self._record_no_effect_decision(entry, operation, person_evidence, person.name)

    def _is_decided_as_not_made(self, entry: SpoolEntry) -> bool:
        """True if two people have decided that the lost operation was not made. AlarmBox may have made the purchase
        after that decision. A person can then state AlarmBox's id of the purchase, although its claim has ended."""
        with self._context.database.read() as conn:
            return lost_operations.has_no_effect(conn, entry.intent.operation_id)

    def _refuse_denial_of_listed_purchase(self, entry: SpoolEntry, operation: Operation) -> bool:
        """Raise evidence_mismatch if AlarmBox lists a purchase that may be the lost one: people then can't decide
        that the lost purchase was not made. AlarmBox's answer is stored as evidence of the operation. Return True if
        AlarmBox has answered with a list without such a purchase, False if AlarmBox can't be asked or gives no
        answer."""
        context, intent = self._context, entry.intent
        source = f"{CREDIT_CHECK_PROVIDER}.{outcomes.LIST_CALL_NAME}"
        operator = context.make_holder().operator

        def store_answer(tx: Transaction, outcome: ListOutcome) -> object:
            subject = (OPERATION_KIND, None)
            return evidence.add_answer(
                tx.conn, subject, intent.operation_id, source, operator, outcome, context.now()
            )

        number = intent.corporation_number or ""
        return refuse_denial_of_listed_purchase(
            context, self._get_check_reader, number, intent.at, operation, store_answer
        )

    def _refuse_denial_of_named_purchase(
        self, entry: SpoolEntry, operation: Operation, *, is_absent_in_list: bool
    ) -> None:
        """Refuse the decision that a lost purchase was not made, if AlarmBox's stored contradictory answer about the
        purchase contains the id of a credit check that may be this purchase, or shows the credit check without its
        id. `is_absent_in_list` is True if AlarmBox's list of purchases doesn't have the purchase."""
        context, intent = self._context, entry.intent
        source, subject = f"{CREDIT_CHECK_PROVIDER}.{outcomes.RESTORE_CALL_NAME}", (OPERATION_KIND, None)
        operator, number = context.make_holder().operator, intent.corporation_number or ""

        def store_answer(tx: Transaction, outcome: Outcome[CheckReport]) -> object:
            return evidence.add_answer(
                tx.conn, subject, intent.operation_id, source, operator, outcome, context.now()
            )

        refuse_denial_of_named_purchase(
            context,
            self._get_check_reader,
            intent.operation_id,
            entry,
            number,
            intent.at,
            operation,
            store_answer,
            is_absent_in_list=is_absent_in_list,
        )

    def _restore_credit_check(
        self, entry: SpoolEntry, id_at_provider: int, person_evidence: PersonEvidence | None
    ) -> CreditCheck:
        """Read the purchase with AlarmBox's id `id_at_provider`. If the answer confirms the purchase, insert the lost
        credit check of the spool entry again, unless another process has done so since the entry was read. Store
        `person_evidence` (None: a probe, which has none) with it. Return the credit check.

        Raises evidence_mismatch if the answer is about another corporation, or if another record has this id. If the
        id is not the one in the spool entry (AlarmBox's answer to the purchase), but a person has given it, also
        raises evidence_mismatch if the answer names no corporation, or if the purchase in it was made before the lost
        purchase was sent. Raises already_purchased if the corporation has another live credit check of the same
        client that had not expired when the lost purchase was sent. Raises the error of `make_unconfirmed_error` if
        the answer has no report.
        """
        context, intent = self._context, entry.intent
        outcome = self._get_check_reader().read_detail(id_at_provider)
        report = outcome.content
        lost_operation = _make_operation(entry)
        if report is None or outcome.kind is not OutcomeClass.SUCCEEDED:
            context.write(lambda tx: self._store_answer_of_refused_restore(tx, intent, outcome, has_report=False))
            raise make_unconfirmed_error(lost_operation, outcome, is_decision=person_evidence is not None)
        is_id_of_person = id_at_provider != entry.id_at_provider
        mismatch = find_number_mismatch(report, intent.corporation_number, is_id_of_person=is_id_of_person)
        if mismatch is None and is_id_of_person:
            with context.database.read() as conn:
                mismatch = find_time_mismatch(report, intent.at, read_current_time(conn, context.now()))
        if mismatch is not None:
            context.write(lambda tx: self._store_answer_of_refused_restore(tx, intent, outcome))
            raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": lost_operation, "reason": mismatch})

        def insert_credit_check_and_evidence(tx: Transaction) -> int:
            owners = check_records.find_credit_checks_with_id_at_provider(context, tx, id_at_provider)
            # Another process may have restored the purchase while this one asked AlarmBox.
            restored_id = next((owner.id for owner in owners if owner.operation_id == intent.operation_id), None)
            if owners and restored_id is None:
                raise ConsoleError(
                    ErrorCode.EVIDENCE_MISMATCH,
                    {"record": lost_operation, "reason": EvidenceMismatchReason.USED_BY_OTHER_RECORD},
                )
            record_id = restored_id or self._insert_lost_credit_check(tx, entry, outcome, report)
            if person_evidence is not None:
                subject, operator = (credit_checks.CREDIT_CHECK_KIND, record_id), context.make_holder().operator
                evidence.add_person_evidence(
                    tx.conn, subject, intent.operation_id, operator, person_evidence, context.now()
                )
            return record_id

        try:
            record_id = context.write(insert_credit_check_and_evidence)
        except ConsoleError:
            context.write(lambda tx: self._store_answer_of_refused_restore(tx, intent, outcome))
            raise
        context.spool.mark_ended(intent.operation_id, holds_claim=True, id_at_provider=id_at_provider)
        context.spool.mark_delivered(intent.operation_id)
        with context.database.read() as conn:
            record = credit_checks.find(conn, record_id)
        if record is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": credit_checks.CREDIT_CHECK_KIND, "id": str(record_id)})
        return record

    def _store_answer_of_refused_restore(
        self, tx: Transaction, intent: Intent, outcome: Outcome[CheckReport], *, has_report: bool = True
    ) -> None:
        """Store the provider's answer `outcome` as evidence of the lost operation. The restore of the credit check is
        refused, so no credit check can have the answer as its evidence. `intent` is the operation's entry in the
        spool. `has_report` is False if the answer has no report; then also write an audit entry about the failed
        probe."""
        context, evidence_subject = self._context, (OPERATION_KIND, None)
        source = f"{CREDIT_CHECK_PROVIDER}.{outcomes.RESTORE_CALL_NAME}"
        operator = context.make_holder().operator
        evidence.add_answer(tx.conn, evidence_subject, intent.operation_id, source, operator, outcome, context.now())
        if not has_report:
            context.record_audit(
                tx,
                AuditAction.OPERATION_PROBED,
                intent.operation_id,
                kind=OPERATION_KIND,
                result="failed",
                reason=outcome.reason[:64],
            )

    def _insert_lost_credit_check(
        self, tx: Transaction, entry: SpoolEntry, outcome: Outcome[CheckReport], report: CheckReport
    ) -> int:
        """Insert the credit check of the spool entry again, with the provider's `report`, and return its id. Raises
        already_purchased if the corporation has another live credit check of the same client that had not expired
        when the lost purchase was sent."""
        context, intent = self._context, entry.intent
        client_id, number = intent.client_id or "", intent.corporation_number or ""
        live_check = credit_checks.find_live_check(tx.conn, client_id, number)
        if live_check is not None:
            # A lost renewal takes the claim over again from the credit check that had expired when it was sent.
            if live_check.state is not CheckState.SUCCESS or not has_expired(live_check, intent.at):
                raise ConsoleError(ErrorCode.ALREADY_PURCHASED, {"record": live_check})
            credit_checks.supersede(tx.conn, live_check, context.now())
        is_id_used = intent.record_id is None or credit_checks.find(tx.conn, intent.record_id) is not None
        record_id = credit_checks.insert_pending_check(
            tx.conn,
            client_id,
            number,
            intent.operation_id,
            context.now(),
            live_check.id if live_check else None,
            None if is_id_used else intent.record_id,
            intent.at,
        )
        superseded_check = credit_checks.find(tx.conn, live_check.id) if live_check else None
        if superseded_check is not None:
            credit_checks.change_record(tx.conn, superseded_check, context.now(), superseded_by=record_id)
            context.record_audit(tx, AuditAction.CREDIT_CHECK_SUPERSEDED, superseded_check.id, {"by": record_id})
        if journal.find(tx.conn, intent.operation_id) is None:
            journal.begin_operation(tx, _make_journal_row(intent, record_id), context.make_holder(), intent.at, 0)
        record = credit_checks.find(tx.conn, record_id)
        # the new journal row names the operator of this restore; the audit entry names the first operator and desk
        if record is not None:
            outcomes.store_answer_evidence(context, tx, record, outcomes.RESTORE_CALL_NAME, outcome)
            journal.settle_operation(tx.conn, intent.operation_id, OperationState.DONE, outcome, context.now())
            context.record_audit(
                tx, AuditAction.OPERATION_PROBED, intent.operation_id, kind=OPERATION_KIND, reason=outcome.reason[:64]
            )
            start_facts = {"began_by": intent.operator, "began_at_desk": intent.desk_id}
            outcomes.write_successful_purchase(context, tx, record, report, {"by": "desk", **start_facts})
        return record_id

    def _record_no_effect_decision(
        self, entry: SpoolEntry, operation: Operation, person_evidence: PersonEvidence, person: str
    ) -> ResolveResult:
        """Record a person's decision, with `person_evidence`, that the operation had no effect at the provider.

        The first person's decision is stored as a proposal; then return the unchanged operation with `awaiting`
        "second_person". The second person's decision settles the operation; then return the settled operation. The
        operation's entry in this desk's spool is also marked as ended, so that the entry no longer stops other
        operations. But if an answer has come since `entry` was read, the entry continues to stop other operations.
        Raises same_person if the proposer decides again, not_allowed if the second person lacks the right
        resolve_second or has not typed the password again.
        """
        context = self._context
        if context.write(lambda tx: self._write_no_effect_decision(tx, operation, person_evidence, person)):
            return ResolveResult(operation, awaiting="second_person")
        context.spool.give_up_claim(entry)
        return ResolveResult(self.read_operation(operation.id))

    def _write_no_effect_decision(
        self, tx: Transaction, operation: Operation, person_evidence: PersonEvidence, person: str
    ) -> bool:
        """Write the first person's proposal that the operation had no effect, or settle the operation with the
        second person's decision. `person_evidence` is the evidence of this person. Return True if a second
        person must still decide. Raises nothing_to_resolve if two other decisions have settled the operation since
        the caller has read it: this decision would become a proposal that nobody can confirm.
        """
        context, now = self._context, self._context.now()
        lock_until_commit(context, tx, f"operation_{operation.id}")
        if lost_operations.is_decided_without_effect(tx.conn, operation.id):
            raise ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": operation})

        def close_proposals_and_audit(_proposer: str) -> None:
            approvals.close_proposals(tx.conn, OPERATION_KIND, operation.id, now)
            context.record_audit(
                tx, AuditAction.OPERATION_RESOLVED, operation.id, {"as": "error"}, kind=OPERATION_KIND
            )

        decision = PersonDecision(
            (OPERATION_KIND, None), "error", person, operation, operation.id, person_evidence, refusal_facts={}
        )
        return propose_or_settle(
            context,
            tx,
            decision,
            settle=close_proposals_and_audit,
            propose=lambda proof_id: {"as": "error", "evidence": proof_id},
        )

    def read_operation(self, operation_id: str) -> Operation:
        """Return an operation: from the database, or from a spool if the database has lost it or its record. Raises
        not_found if neither has the operation, and not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            operation = journal.find_with_state_after_lapse(conn, operation_id)
            is_record_lost = operation is not None and _is_record_lost(conn, operation)
        if operation is not None and not is_record_lost:
            return operation
        entry = self._find_spool_entry(operation_id)
        if entry is not None:
            lost_operation = _make_operation(entry)
            with self._context.database.read() as conn:
                return (
                    replace(lost_operation, subject_id=None)
                    if _is_record_id_reused(conn, lost_operation, entry.intent)
                    else lost_operation
                )
        if operation is not None:
            return operation
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": OPERATION_KIND, "id": operation_id[:64]})

    def _find_spool_entry(self, operation_id: str) -> SpoolEntry | None:
        """Return the spool entry of the operation: from this desk's spool, or the copy that a desk has reported to
        the database. None if there is neither. The copy replaces an entry of this desk whose claim has ended
        elsewhere (`is_claim_ended_elsewhere`)."""
        entry = find_own_spool_entry(self._context, operation_id)
        with self._context.database.read() as conn:
            if entry is not None and not is_claim_ended_elsewhere(self._context, conn, operation_id):
                return entry
            return lost_operations.find_lost_operation(conn, operation_id)

    def _is_acknowledged_refund(self, operation: Operation) -> bool:
        """True if the lost operation has sent a refund that the provider has made, and a person has acknowledged the
        case about it."""
        entry = self._find_spool_entry(operation.id) if operation.subject_kind == refunds.REFUND_KIND else None
        if entry is None:
            return False
        with self._context.database.read() as conn:
            return self._lost_refund_prober.is_reported_refund_acknowledged(conn, entry.intent)

    def _explain_operation(self, operation: Operation, record: CreditCheck | None) -> Explanation:
        if operation.is_lost_without_effect:
            step = NextStep("next.nothing", {}, None)
            facts = _make_operation_facts(operation)
            return Explanation("verdict.operation_failed_money", "why.operation_failed", step, facts)
        if operation.source == "desk" and self._is_acknowledged_refund(operation):
            step = NextStep("next.nothing", {}, None)
            return Explanation("verdict.lost_refund_made", "why.lost_refund_made", step)
        if operation.source == "desk" and _is_payment_start(operation):
            command = f"support-console probe operation {operation.id}"
            step = NextStep("next.probe_operation", {"id": operation.id}, command)
            verdict = f"verdict.only_desk_knows_payment_{operation.state.value}"
            return Explanation(verdict, "why.row_vanished_payment", step, roles_that_may_act=("approver", "operator"))
        if operation.source == "desk":
            is_check = operation.subject_kind == credit_checks.CREDIT_CHECK_KIND
            options, money_suffix = ("success --provider-id ID", "") if is_check else ("failed", "_money")
            command = f"support-console resolve operation {operation.id} --as {options} --evidence FILE"
            step_code = f"next.resolve_operation{money_suffix}"
            if operation.state is OperationState.DONE:  # Nobody can decide that the refund was not made.
                command, step_code = f"support-console probe operation {operation.id}", "next.probe_lost_refund"
            step = NextStep(step_code, {"id": operation.id}, command)
            verdict, reason = f"verdict.only_desk_knows{money_suffix}", f"why.row_vanished{money_suffix}"
            return Explanation(verdict, reason, step, roles_that_may_act=("approver", "operator"))
        has_ended = operation.state in (OperationState.DONE, OperationState.FAILED)
        kind = operation.subject_kind
        number = operation.subject_id if kind in self._recoveries else record.id if record else None
        show_command = f"support-console show {kind} {number}" if number else None
        step = NextStep("next.nothing" if has_ended else "next.open_record", {"id": number}, show_command)
        state = f"{operation.state.value}_money" if kind in self._recoveries else operation.state.value
        reason = f"why.operation_{operation.state.value}"
        return Explanation(f"verdict.operation_{state}", reason, step, _make_operation_facts(operation))


def _make_second_person_step(operation: Operation) -> NextStep:
    """Return the next step of a lost operation of which a first person has proposed that it had no effect: a second
    person confirms this."""
    outcome = _OUTCOME_WITHOUT_EFFECT_BY_KIND[operation.subject_kind]
    command = f"support-console resolve operation {operation.id} --as {outcome} --evidence FILE"
    return NextStep("next.second_person", {"id": operation.id}, command)


def _make_operation_facts(operation: Operation) -> Mapping[str, object]:
    """Return the facts for the sentence that says why an operation has its state: `since` and `ended_at`, the times
    of its beginning and its end, and `cause`, the code of its reason."""
    return {"since": operation.started_at, "ended_at": operation.ended_at, "cause": operation.reason}


def _make_contradiction_error(record: Operation | Payment) -> ConsoleError:
    """Return the error for a decision that the provider's answer about the lost operation contradicts."""
    detail: EvidenceMismatchDetail = {"record": record, "reason": EvidenceMismatchReason.PROVIDER_SAYS_OTHERWISE}
    return ConsoleError(ErrorCode.EVIDENCE_MISMATCH, detail)


def _refuse_unpaid_decision_on_unusable_answer(error: ConsoleError, operation: Operation) -> None:
    """Raise evidence_mismatch if the provider's answer about the lost payment can't be used and may report the
    payment as paid. `error` is the error of the probe that got this answer."""
    reason, status = error.detail.get("reason"), error.detail.get("status")
    if may_answer_say_paid(str(reason), status if isinstance(status, int) else None):
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": operation, "reason": EvidenceMismatchReason.UNUSABLE_ANSWER}
        ) from error


def _is_purchase(operation: Operation) -> bool:
    return operation.action == journal.MONEY_ACTION_BY_KIND[credit_checks.CREDIT_CHECK_KIND]


def _is_payment_start(operation: Operation) -> bool:
    return operation.action == journal.MONEY_ACTION_BY_KIND[payments.PAYMENT_KIND]


def _is_record_lost(conn: Connection, operation: Operation) -> bool:
    """True if the database still has the operation but no longer has the record that the operation changed."""
    if operation.subject_kind == refunds.REFUND_KIND:
        return refunds.find(conn, operation.subject_id or 0) is None
    if operation.subject_kind == payments.PAYMENT_KIND:
        return payments.find(conn, operation.subject_id or 0) is None
    return _is_purchase(operation) and _find_credit_check(conn, operation) is None


def _is_record_id_reused(conn: Connection, lost_operation: Operation, intent: Intent) -> bool:
    """True if the id of the lost operation's record now belongs to another record. `intent`, the operation's entry in
    the spool, describes the lost record. A restored database gives the ids of lost records to new records."""
    number = lost_operation.subject_id or 0
    if lost_operation.subject_kind == refunds.REFUND_KIND:
        refund = refunds.find(conn, number)
        return refund is not None and (
            refund.payment_id != intent.payment_id
            or refund.amount_minor != intent.amount_minor
            or (refund.created_at is not None and refund.created_at > intent.at)
        )
    find = payments.find if lost_operation.subject_kind == payments.PAYMENT_KIND else credit_checks.find
    record = find(conn, number)
    return record is not None and record.operation_id != lost_operation.id


def _parse_credit_check_id(id_at_provider: int | str | None) -> int | None:
    """Return AlarmBox's id of a credit check as a number; None if `id_at_provider` is None. Raises usage for a text
    that is not a number, and for a number that AlarmBox can't have given."""
    if id_at_provider is None:
        return None
    number = 0
    if isinstance(id_at_provider, int):
        number = id_at_provider
    elif id_at_provider.isascii() and id_at_provider.isdecimal() and len(id_at_provider) <= _LONGEST_ID_CHARACTERS:
        number = int(id_at_provider)
    if not is_valid_credit_check_id(number):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ALARMBOX_ID})
    return number


def _find_credit_check(conn: Connection, operation: Operation) -> CreditCheck | None:
    return credit_checks.find_by_operation(conn, operation.corporation_number or "", operation.id)


def _make_journal_row(intent: Intent, record_id: int) -> NewOperation:
    return NewOperation(
        intent.operation_id,
        intent.action,
        credit_checks.CREDIT_CHECK_KIND,
        record_id,
        intent.client_id,
        intent.corporation_number,
        idempotency_key=f"restored:{intent.operation_id}",
        fingerprint=intent.fingerprint,
    )


def _make_operation(entry: SpoolEntry) -> Operation:
    intent = entry.intent
    # Older program versions stored neither the payment's number nor the end of its start, so such a start can't be
    # shown as failed.
    is_end_unknown = (
        intent.action == journal.MONEY_ACTION_BY_KIND[payments.PAYMENT_KIND] and intent.provider_key is None
    )
    has_failed = not entry.holds_claim and not is_end_unknown
    has_happened = entry.holds_claim and entry.state is SpoolState.ENDED and intent.provider_key is not None
    return Operation(
        id=intent.operation_id,
        action=intent.action,
        subject_kind=journal.find_kind_of_money_action(intent.action) or credit_checks.CREDIT_CHECK_KIND,
        subject_id=intent.record_id,
        state=OperationState.FAILED
        if has_failed
        else OperationState.DONE
        if has_happened
        else OperationState.UNKNOWN,
        operator=intent.operator,
        desk=intent.desk_id,
        started_at=intent.at,
        ended_at=None,
        corporation_number=intent.corporation_number,
        client_id=intent.client_id,
        source="desk",
    )
