"""Decisions of people about the outcome of a payment. One person is enough if the provider's answer confirms the
decision; otherwise two people must agree.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.error_reasons import EvidenceMismatchReason, ExceedsCapturedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import ExceedsCapturedDetail
from console.domain.money import make_stored_money
from console.domain.payments.outside_refunds import (
    OutsideRefund,
    is_possible_day,
    parse_statement,
    read_recorded_refund,
)
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import (
    OTHER_AMOUNT_REASON,
    ReportSource,
    does_report_name_payment,
    find_other_paid_amount,
    stays_unknown_because_of_other_amount,
)
from console.domain.payments.states import (
    DONE_OUTSIDE,
    ENDED_UNPAID_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
)
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reason import ForeignText
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, OperationState, WorkReason
from console.domain.recovery.decision_reasons import PersonEvidence, StatedReason
from console.domain.recovery.decision_rules import (
    find_decision_state_path,
    find_done_outside_refusal,
    find_payment_decision_refusal,
    make_stale_view_error,
    make_undecidable_error,
)
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import ResolveResult
from console.services.audit import refusals
from console.services.credit_checks.resolve import read_proof
from console.services.guarded.desk_answers import refuse_denial_of_unclear_answer
from console.services.guarded.second_person import PersonDecision, propose_or_settle
from console.services.payments import account_limits as account_money
from console.services.payments import apply_report as reports
from console.services.payments import next_work as payment_work
from console.services.payments import order_status, timeout_start
from console.services.payments.apply_report import (
    OTHER_PAYMENT_REASON,
    ReportEffectName,
    ReportWithSource,
    apply_report,
)
from console.services.payments.probe import PaymentProber, find_report, may_answer_say_paid, read_question_time
from console.services.process.context import ServiceContext
from console.store.alerts import cases
from console.store.audit import trail as audit
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.payments import payments
from console.store.records import evidence
from console.store.refunds import approvals

PAYMENT_KIND = payments.PAYMENT_KIND
RESOLVE_ACTION = AuditAction.PAYMENT_RESOLVE
EVIDENCE_CALL_NAME = "resolve"
DECIDABLE_PAYMENT_STATES = ("completed", "payment_failed", "reversed", DONE_OUTSIDE)
LONGEST_PROVIDER_ID_CHARACTERS = 64


class PaymentResolver:
    """Records decisions of people about payments whose outcome is unknown, or whose state differs from the
    provider's state.
    """

    def __init__(self, context: ServiceContext, payment_prober: PaymentProber) -> None:
        self._context = context
        self._payment_prober = payment_prober

    def resolve(
        self,
        payment_id: int,
        target_state: str,
        proof: str | Path,
        id_at_provider: str | None = None,
        expected_version: int | None = None,
        reason: StatedReason | None = None,
    ) -> ResolveResult:
        """Decide the outcome of a payment. Return the payment after the decision; the result's `awaiting` is
        "second_person" while a second person must still confirm the decision, otherwise None.

        `target_state` is one of DECIDABLE_PAYMENT_STATES; `proof` is the path of a file, or the text of a written
        statement; `id_at_provider` is the id that the provider gave to the payment, None if the person doesn't have
        it; `expected_version` is the payment's version on the person's screen, None to skip the comparison; `reason`
        is the person's reason, None for a script without one. DONE_OUTSIDE isn't a state: the payer got an amount
        back other than through the provider. `id_at_provider` is then the amount with the day
        (`OutsideRefund.format_statement`); the provider isn't asked, and two people must agree.

        Raises usage if `target_state`, `id_at_provider` or `reason` has an invalid form, or if the day of a refund
        done outside is in the future or before the payment; no_evidence if the proof is empty, unreadable or too
        large; not_allowed if the acting person has no right to resolve, or may not be the second person; same_person
        if the proposer decides again; stale_view if the payment's version is not `expected_version`, or changes
        during the decision; nothing_to_resolve if people can't decide that the payment has this state;
        exceeds_captured if the amount given back outside is more than the largest amount that a new refund could
        have (`Payment.requestable_minor`); evidence_mismatch if the provider's answer contradicts the decision, if
        the first person gave another `id_at_provider`, if another payment has this id, or if the same refund done
        outside was recorded before; not_found if there is no such payment; in_progress while the start of the
        payment runs or another process holds the payment's lease.
        """
        person_proof = read_proof(proof, reason)
        if target_state not in DECIDABLE_PAYMENT_STATES:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTCOME, "allowed": list(DECIDABLE_PAYMENT_STATES)}
            )
        outside_refund = self._parse_outside_refund(id_at_provider) if target_state == DONE_OUTSIDE else None
        if outside_refund is None and id_at_provider is not None and not _is_possible_id_at_provider(id_at_provider):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.GATEWAY_ID_MISSING})
        with refusals.audit_refusals(
            self._context, RESOLVE_ACTION, payment_id, {"as": target_state}, kind=PAYMENT_KIND
        ):
            person = self._context.require_right("resolve").name
            with self._payment_prober.hold_payment_lease(payment_id) as payment:
                _require_decidable_payment(payment, target_state, expected_version)
                if outside_refund is not None:
                    self._require_possible_day(payment, outside_refund)
                self._context.failpoints.reach("before_resolve")
                result = (
                    self._write_decision(
                        payment,
                        lambda tx: self._decide_outside_refund(tx, payment, outside_refund, person_proof, person),
                    )
                    if outside_refund is not None
                    else self._resolve_payment(
                        payment, PaymentState(target_state), person_proof, person, id_at_provider
                    )
                )
                self._context.failpoints.reach("after_resolve")
        return result

    def _resolve_payment(
        self, payment: Payment, target: PaymentState, proof: PersonEvidence, person: str, id_at_provider: str | None
    ) -> ResolveResult:
        """Ask the provider, and record the decision of `person` that the payment's state is `target`. Return the
        payment after the decision; the result's `awaiting` is "second_person" while a second person must still
        confirm the decision, otherwise None.

        One person is enough if the answer contains the payment's state and no unexpected amount, and can't be about
        another payment. The answer must then confirm the decision; an answer that the payment is still open refuses
        every decision. Otherwise two people must agree. `proof` is the person's evidence; `id_at_provider` is the
        provider's payment id, None if the person doesn't have it.
        """
        asked_at, answer = read_question_time(self._context), self._payment_prober.ask_provider(payment)
        report = find_report(answer) if answer is not None else None
        if (
            answer is not None
            and report is not None
            and answer.reason != OTHER_AMOUNT_REASON
            and _is_one_person_enough(payment, report)
        ):
            sourced_report = ReportWithSource(report, asked_at, ReportSource.READ, EVIDENCE_CALL_NAME, answer)
            return self._settle_by_provider_answer(payment, target, proof, person, sourced_report)
        if answer is not None:
            self._store_answer(payment, answer)
            if target is not PaymentState.COMPLETED:
                refuse_denial_of_unclear_answer(answer.reason, payment)
                _refuse_unpaid_decision_against_answer(answer, payment)
        return self._write_decision(
            payment, lambda tx: self._decide_by_people(tx, payment, target, proof, person, answer, id_at_provider)
        )

    def _write_decision(self, payment: Payment, decide: Callable[[Transaction], bool]) -> ResolveResult:
        """Call `decide`, which writes a decision about the payment and returns True if a second person must still
        agree. Return the payment afterwards; the result's `awaiting` is "second_person" in this case. Raises
        stale_view if the payment changes meanwhile."""
        try:
            is_proposed, decided_payment = self._context.write_and_read(
                decide, lambda conn: payment_work.require_payment_after_lapse(conn, payment.id)
            )
        except payments.StaleRow:
            raise make_stale_view_error(self._payment_prober.read_payment(payment.id), payment.version) from None
        return ResolveResult(self._read_again(decided_payment), awaiting="second_person" if is_proposed else None)

    def _parse_outside_refund(self, statement: str | None) -> OutsideRefund:
        """Return the refund done outside that a person has stated. Raises usage without a statement, or for one of
        another form."""
        outside_refund = parse_statement((statement or "").strip())
        if outside_refund is None:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTSIDE_REFUND})
        return outside_refund

    def _require_possible_day(self, payment: Payment, outside_refund: OutsideRefund) -> None:
        """Raise usage if the stated day is in the future, or before the payment."""
        if not is_possible_day(outside_refund.day, payment, self._context.now().astimezone(JST).date()):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTSIDE_REFUND})

    def _decide_outside_refund(
        self, tx: Transaction, payment: Payment, outside_refund: OutsideRefund, proof: PersonEvidence, person: str
    ) -> bool:
        """Write the proposal or the record of a refund done outside. Return True if a second person must still agree.
        Raises StaleRow if the payment has changed since it was read, evidence_mismatch if two people have recorded
        the same amount and day before, and exceeds_captured if the amount is more than the requestable amount."""
        context, now, amount_minor = self._context, self._context.now(), outside_refund.amount_minor
        current_payment = payment_work.require_payment(tx, payment.id)
        if current_payment.version != payment.version:
            raise payments.StaleRow(payment.id)
        facts = {
            "as": DONE_OUTSIDE,
            "minor": amount_minor,
            "currency": payment.currency,
            "day": outside_refund.day.isoformat(),
        }
        if _is_recorded_already(tx, payment.id, outside_refund):
            raise ConsoleError(
                ErrorCode.EVIDENCE_MISMATCH, {"record": payment, "reason": EvidenceMismatchReason.RECORDED_BEFORE}
            )
        if amount_minor > current_payment.requestable_minor:
            raise _make_more_than_refundable_error(current_payment)

        def record_amount(proposer: str) -> None:
            if not payments.record_amount_done_outside(tx.conn, payment.id, amount_minor, now):
                raise _make_more_than_refundable_error(current_payment)
            account_money.subtract_refunded_amount(tx, payment.id, amount_minor)
            order_status.set_order_refunded(context, tx, payment.id)
            approvals.close_proposals(tx.conn, PAYMENT_KIND, str(payment.id), now)
            context.record_audit(
                tx, RESOLVE_ACTION, payment.id, {**facts, "by": "people", "first": proposer}, kind=PAYMENT_KIND
            )

        def write_proposal(proof_id: int) -> dict[str, object]:
            payments.change_payment(tx.conn, current_payment, now)
            return {**facts, "evidence": proof_id}

        decision = PersonDecision(
            (PAYMENT_KIND, payment.id),
            DONE_OUTSIDE,
            person,
            payment,
            payment.operation_id,
            proof,
            refusal_facts={"record": payment},
            sets_id_at_provider=True,
            id_at_provider=outside_refund.format_statement(),
            other_id_reason=EvidenceMismatchReason.OTHER_OUTSIDE_REFUND,
        )
        return propose_or_settle(context, tx, decision, settle=record_amount, propose=write_proposal)

    def _read_again(self, stored_payment: Payment) -> Payment:
        """Return the payment as it is stored now: after COMMIT, the work of the payment may have changed with the
        state of its order. If the database can't be read, return `stored_payment`, the payment at COMMIT."""
        with suppress(ConsoleError):
            return self._payment_prober.read_payment(stored_payment.id)
        return stored_payment

    def _store_answer(self, payment: Payment, answer: Outcome[PaymentReport]) -> None:
        """Store the provider's answer in a transaction of its own, because the decision may still be refused."""
        context = self._context
        context.write(lambda tx: reports.store_answer(context, tx, payment, EVIDENCE_CALL_NAME, answer))

    # Confirmed by a read

    def _settle_by_provider_answer(
        self,
        payment: Payment,
        target: PaymentState,
        proof: PersonEvidence,
        person: str,
        sourced_report: ReportWithSource,
    ) -> ResolveResult:
        """Settle the payment with the provider's answer (`sourced_report`) and return the payment, if the answer
        confirms the decision of `person` that its state is `target`. Otherwise only store the answer, and raise
        evidence_mismatch. Raises evidence_mismatch also if the answer can't be booked (see `_write_provider_answer`).
        """
        if not _confirms_decision(sourced_report.report, target):
            self._store_answer(payment, sourced_report.answer)
            raise ConsoleError(
                ErrorCode.EVIDENCE_MISMATCH,
                {"record": payment, "reason": ForeignText(sourced_report.report.provider_state)},
            )
        effect, settled_payment = self._context.write_and_read(
            lambda tx: self._write_provider_answer(tx, payment, target, proof, person, sourced_report),
            lambda conn: payment_work.require_payment_after_lapse(conn, payment.id),
        )
        current_payment = self._read_again(settled_payment)
        if effect == "unknown":
            is_id_of_other_payment = current_payment.error_code == OTHER_PAYMENT_REASON
            reason = (
                EvidenceMismatchReason.USED_BY_OTHER_RECORD
                if is_id_of_other_payment
                else EvidenceMismatchReason.PROVIDER_SAYS_OTHERWISE
            )
            raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": current_payment, "reason": reason})
        return ResolveResult(current_payment)

    @payments.run_again_if_stale()
    def _write_provider_answer(
        self,
        tx: Transaction,
        payment: Payment,
        target: PaymentState,
        proof: PersonEvidence,
        person: str,
        sourced_report: ReportWithSource,
    ) -> ReportEffectName:
        """Apply the provider's answer, which confirms the decision of `person`, and return its effect. The effect is
        `unknown`, and the cases stay open, if the answer can't be booked. An answer can't be booked if the provider's
        payment id in the answer already belongs to another payment of ours, or if the answer may be about another
        attempt to pay.
        """
        context = self._context
        evidence.add_person_evidence(
            tx.conn, (PAYMENT_KIND, payment.id), payment.operation_id, person, proof, context.now()
        )
        earlier_case_ids = cases.list_open_case_ids(tx.conn, PAYMENT_KIND, payment.id)
        effect = apply_report(context, tx, payment, sourced_report).effect
        if not _has_decided_outcome(payment_work.require_payment(tx, payment.id).state, target):
            return "unknown"
        if effect != "unknown":
            self._close_decided_cases(tx, payment.id, earlier_case_ids, target)
            context.record_audit(
                tx, RESOLVE_ACTION, payment.id, {"as": target.value, "by": "read"}, kind=PAYMENT_KIND
            )
        return effect

    def _close_decided_cases(
        self, tx: Transaction, payment_id: int, earlier_case_ids: Collection[int], target: PaymentState
    ) -> None:
        """Close the cases that people knew when they decided (`earlier_case_ids`) and the proposals, and set the
        payment's next work. A case that the same transaction has opened stays open, such as one about a second
        payment in the provider's answer. Exception: a case about the reversal that was decided (`target`). A case
        about a further capture also stays open, because its money is no part of the decided payment. So does the
        case about money set aside, as long as this money waits for its refund. So does the proposal that an amount of
        a paid payment was given back outside: without it, a refund could give the money back again. Work that sets
        the payment's order to paid is not replaced.
        """
        context, now = self._context, self._context.now()
        left_open_ids = {case.id for case in order_status.list_further_capture_cases(tx.conn, payment_id)}
        set_aside_case_id = cases.find_open_case_id(tx.conn, WorkReason.SET_ASIDE, PAYMENT_KIND, payment_id)
        if set_aside_case_id is not None and account_money.has_waiting_set_aside(tx, payment_id):
            left_open_ids.add(set_aside_case_id)
        cases.close_cases_by_id(tx.conn, set(earlier_case_ids) - left_open_ids, now)
        if target is PaymentState.REVERSED:
            cases.close_case(tx.conn, WorkReason.REVERSED, PAYMENT_KIND, payment_id, now)
        current_payment = payment_work.require_payment(tx, payment_id)
        is_paid = current_payment.state in PAID_STATES
        approvals.close_proposals(tx.conn, PAYMENT_KIND, str(payment_id), now, leaves_done_outside=is_paid)
        if current_payment.work.reason != payment_work.MOVE_ORDER_REASON:
            work = payment_work.choose_work(context, tx, current_payment, current_payment.state)
            payments.change_payment(tx.conn, current_payment, now, **payments.make_work_values(work))

    # Decided by two people

    def _decide_by_people(
        self,
        tx: Transaction,
        payment: Payment,
        target: PaymentState,
        proof: PersonEvidence,
        person: str,
        answer: Outcome[PaymentReport] | None,
        id_at_provider: str | None,
    ) -> bool:
        """Write the first person's proposal that the payment's state is `target`, or settle the payment with the
        second person's decision. Return True if a second person must still agree. `proof` is the person's evidence;
        `answer` is the provider's answer, None if this desk can't ask the provider; `id_at_provider` is the payment
        id that the person gave. Raises StaleRow if the payment has changed since it was read.
        """
        context, now = self._context, self._context.now()
        current_payment = payment_work.require_payment(tx, payment.id)
        if current_payment.version != payment.version:
            raise payments.StaleRow(payment.id)
        agreed_id_at_provider = id_at_provider or _find_provider_payment_id(payment, answer)
        is_completion = target is PaymentState.COMPLETED
        if is_completion and agreed_id_at_provider is not None:
            _refuse_id_of_other_payment(tx, current_payment, agreed_id_at_provider)

        def settle_payment(proposer: str) -> None:
            self._settle_payment(tx, current_payment, target, answer, agreed_id_at_provider, proposer)

        def write_proposal(proof_id: int) -> dict[str, object]:
            payments.change_payment(tx.conn, current_payment, now)
            return {"as": target.value, "evidence": proof_id}

        decision = PersonDecision(
            (PAYMENT_KIND, payment.id),
            target.value,
            person,
            payment,
            payment.operation_id,
            proof,
            refusal_facts={"record": payment},
            sets_id_at_provider=is_completion,
            id_at_provider=id_at_provider if is_completion else None,
        )
        return propose_or_settle(context, tx, decision, settle=settle_payment, propose=write_proposal)

    def _settle_payment(
        self,
        tx: Transaction,
        payment: Payment,
        target: PaymentState,
        answer: Outcome[PaymentReport] | None,
        id_at_provider: str | None,
        proposer: str,
    ) -> None:
        """Set the payment to the state `target` about which two people have agreed, book or correct its money, close
        its cases, and settle its operation. `answer` is the provider's answer, None if this desk can't ask the
        provider. `id_at_provider` is the provider's payment id, None if it isn't known. `proposer` is the name of the
        first person."""
        context, now = self._context, self._context.now()
        earlier_case_ids = cases.list_open_case_ids(tx.conn, PAYMENT_KIND, payment.id)
        if target is PaymentState.COMPLETED and payment.state not in PAID_STATES:
            self._book_amount(tx, payment, answer, id_at_provider, now)
        else:
            self._end_payment(tx, payment, target, now)
            if target is PaymentState.COMPLETED and payment.order_id is not None:
                tx.call_after_commit(lambda: order_status.set_order_paid_after_payment(context, payment.id))
        self._close_decided_cases(tx, payment.id, earlier_case_ids, target)
        if payment.operation_id is not None:
            state = OperationState.DONE if target is PaymentState.COMPLETED else OperationState.FAILED
            journal.settle_operation(tx.conn, payment.operation_id, state, _make_outcome_of_decision(), now)
        context.record_audit(
            tx, RESOLVE_ACTION, payment.id, {"as": target.value, "by": "people", "first": proposer}, kind=PAYMENT_KIND
        )

    def _book_amount(
        self,
        tx: Transaction,
        payment: Payment,
        answer: Outcome[PaymentReport] | None,
        id_at_provider: str | None,
        now: datetime,
    ) -> None:
        """Book a payment that people have decided to be completed. The booked amount is the amount that the provider
        states as paid in `answer` (None: this desk can't ask the provider), or has stated before, or the requested
        amount if it has stated none. If `id_at_provider` is None, the payment can't be refunded until a later read at
        the provider has given it the provider's payment id."""
        read_report = find_report(answer) if answer is not None else None
        if read_report is not None and not (
            read_report.state in PAID_STATES and does_report_name_payment(payment, read_report)
        ):
            read_report = None
        amount = read_report.amount if read_report is not None else find_other_paid_amount(payment)
        report = PaymentReport(
            payment.merchant_payment_id,
            id_at_provider,
            payment.provider_state or "people",
            PaymentState.PAYMENT_SUCCESS,
            True,
            amount or make_stored_money(payment.asked_minor, payment.currency),
            refunds=None,
            paid_at=read_report.paid_at if read_report else None,
        )
        sourced_report = ReportWithSource(
            report,
            max(now, payment.told_at or now),
            ReportSource.PEOPLE,
            EVIDENCE_CALL_NAME,
            _make_outcome_of_decision(report),
        )
        apply_report(self._context, tx, payment, sourced_report)

    def _end_payment(self, tx: Transaction, payment: Payment, target: PaymentState, now: datetime) -> None:
        """Set a payment that people have decided about to the state `target`, if no paid amount must be booked.
        There are three cases. Failed: release the amount that the payment reserves on its account, and begin the saga
        that cancels its order. Reversed: subtract the reversed amount from the account. Completed, of a payment that
        is stored as paid: its amount is booked already."""
        path = find_decision_state_path(payment.state, target)
        if payment.account_minor and target in ENDED_UNPAID_STATES:
            account_money.release_amount(tx, payment)
        values = {"certainty": Certainty.KNOWN, "error_code": RESOLVED_BY_PEOPLE_CAUSE, "account_minor": 0}
        payments.move_payment_along_path(tx.conn, payment, path, now, **values)
        if target in ENDED_UNPAID_STATES and path:
            timeout_start.begin_timeout_saga_at_cancellation(self._context, tx, payment)
        if target is PaymentState.REVERSED and path:
            account_money.subtract_reversed_amount(self._context, tx, payment.id)


def _make_outcome_of_decision(report: PaymentReport | None = None) -> Outcome[PaymentReport]:
    """Return the outcome to store for a decision of people: a success with `report`, or a failure if `report` is
    None.
    """
    kind = OutcomeClass.SUCCEEDED if report is not None else OutcomeClass.FAILED_DEFINITE
    return Outcome(kind, RESOLVED_BY_PEOPLE_CAUSE, SendingCertainty.MAYBE, report)


def _require_decidable_payment(payment: Payment, target_state: str, expected_version: int | None) -> None:
    """Raise stale_view if the payment no longer has the version `expected_version`, nothing_to_resolve if people
    can't decide that this payment's state is `target_state`, and exceeds_captured if `target_state` is DONE_OUTSIDE
    but no amount of the payment can be given back outside."""
    if expected_version is not None and expected_version != payment.version:
        raise make_stale_view_error(payment, expected_version)
    if target_state == DONE_OUTSIDE:
        if find_done_outside_refusal(payment) is not None:
            raise _make_more_than_refundable_error(payment)
    elif find_payment_decision_refusal(payment, PaymentState(target_state)) is not None:
        raise make_undecidable_error(payment)


def _is_recorded_already(tx: Transaction, payment_id: int, outside_refund: OutsideRefund) -> bool:
    """True if two people have already recorded a refund of this payment with the same amount and day. A person who
    didn't see the answer repeats the decision; as a new statement it could be confirmed, and the same money would
    count twice."""
    return any(
        entry.what == RESOLVE_ACTION and read_recorded_refund(entry.detail) == outside_refund
        for entry in audit.list_entries_of_subject(tx.conn, PAYMENT_KIND, str(payment_id))
    )


def _make_more_than_refundable_error(payment: Payment) -> ConsoleError:
    """Return the error `exceeds_captured` for an amount given back outside that is more than the largest amount of a
    refund request, or for a payment that isn't confirmed as paid."""
    is_paid = payment.state in PAID_STATES and payment.certainty is Certainty.KNOWN
    reason = ExceedsCapturedReason.MORE_THAN_REFUNDABLE if is_paid else ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID
    if is_paid and payment.is_only_set_aside_money_left:
        reason = ExceedsCapturedReason.ONLY_SET_ASIDE
    facts: ExceedsCapturedDetail = {
        "record": payment,
        "reason": reason,
        "left": payment.requestable_minor if is_paid else 0,
        "currency": payment.currency,
    }
    return ConsoleError(ErrorCode.EXCEEDS_CAPTURED, facts)


def _is_one_person_enough(payment: Payment, report: PaymentReport) -> bool:
    """True if the provider's report is enough to accept or refuse the decision of one person. A report that the
    payment was paid must have all facts of a booking, because otherwise no decision could ever agree with it."""
    if report.state in PAID_STATES:
        return report.is_bookable and does_report_name_payment(payment, report)
    is_about_payment = does_report_name_payment(payment, report) or report.state in WAITING_STATES
    return is_about_payment and not stays_unknown_because_of_other_amount(payment, report)


def _refuse_unpaid_decision_against_answer(answer: Outcome[PaymentReport], payment: Payment) -> None:
    """Raise evidence_mismatch if people decide that the payment is not paid although the provider's present answer
    may say the opposite. Such an answer reports the payment as paid with an unexpected amount, or can't be used and
    may report it as paid.

    Without this refusal, the order could get another payment as soon as the provider doesn't answer, and the payer
    would pay twice.
    """
    report = find_report(answer)
    if report is not None and report.state in PAID_STATES:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": payment, "reason": ForeignText(report.provider_state)}
        )
    if answer.kind is OutcomeClass.UNKNOWN and may_answer_say_paid(answer.reason, answer.status):
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": payment, "reason": EvidenceMismatchReason.UNUSABLE_ANSWER}
        )


def _confirms_decision(report: PaymentReport, target: PaymentState) -> bool:
    """True if the provider's report confirms the decision that the payment's state is `target`. The provider's state
    expired also confirms the decision `payment_failed`."""
    if target is PaymentState.COMPLETED:
        return report.state in PAID_STATES and report.is_bookable
    return report.state is PaymentState.PAYMENT_FAILED or (
        target is PaymentState.PAYMENT_FAILED and report.state is PaymentState.EXPIRED
    )


def _has_decided_outcome(state: PaymentState, target: PaymentState) -> bool:
    """True if a payment in the state `state` already has the outcome `target` of a decision. For `completed` that is
    every paid state; for `payment_failed` also the state expired; otherwise `target` itself."""
    if target is PaymentState.COMPLETED:
        return state in PAID_STATES
    return state is target or (target is PaymentState.PAYMENT_FAILED and state is PaymentState.EXPIRED)


def _find_provider_payment_id(payment: Payment, answer: Outcome[PaymentReport] | None) -> str | None:
    """Return the payment id that the provider's answer contains; None without an answer, if it contains no id, or if
    it may be about another payment."""
    report = answer.content if answer is not None else None
    return report.provider_payment_id if report is not None and does_report_name_payment(payment, report) else None


def _refuse_id_of_other_payment(tx: Transaction, payment: Payment, provider_payment_id: str) -> None:
    """Raise evidence_mismatch if another payment of ours has the provider's payment id `provider_payment_id`."""
    owner = payments.find_by_id_at_provider(tx.conn, payment.provider, provider_payment_id)
    if owner is not None and owner.id != payment.id:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": payment, "reason": EvidenceMismatchReason.USED_BY_OTHER_RECORD}
        )


def _is_possible_id_at_provider(text: str) -> bool:
    """True if a payment id of a provider can have this form: ASCII letters, digits, hyphens and underscores, at most
    LONGEST_PROVIDER_ID_CHARACTERS."""
    letters_and_digits = text.replace("-", "").replace("_", "")
    return (
        0 < len(text) <= LONGEST_PROVIDER_ID_CHARACTERS
        and letters_and_digits.isascii()
        and letters_and_digits.isalnum()
    )
