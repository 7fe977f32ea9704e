"""Approval and rejection of a refund by its checkers, withdrawal by its maker, and expiry.

The maker of a refund can't be its checker, even with the role of an approver. The same person counts as one checker
only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from console.domain.access.permissions import is_same_person
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason, NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.process import interrupts
from console.domain.records import Certainty, Work, WorkState
from console.domain.recovery.decision_rules import (
    find_decision_refusal,
    find_withdrawal_refusal,
    is_decision_time_over,
    make_stale_view_error,
)
from console.domain.usage_problems import UsageProblem
from console.providers.payments.provider import PaymentReader
from console.services.audit import refusals
from console.services.guarded import database_rollback
from console.services.guarded.leases import refuse_running_operation
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES, StepReporter
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.process.read_only import refuse_if_read_only
from console.services.refunds import outcomes as refund_outcomes
from console.services.refunds import payment_precheck
from console.services.refunds import records as refund_records
from console.services.refunds import rules as refund_rules
from console.services.refunds.submit import SIMILAR_REFUND_REASON, RefundSubmitter
from console.store.database import boot_clock
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND
LONGEST_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class _Approval:
    """A refund with its stored approval. `cooling_off_end` is the end of its cooling-off period, None if that isn't
    in the future. `payment_asked_at_ms` is the uptime in milliseconds at which the provider was asked about the
    payment; None if it wasn't asked, or if its answer isn't complete.
    """

    refund: Refund
    cooling_off_end: datetime | None
    payment_asked_at_ms: int | None


class RefundDecisionService:
    """Decides about requested refunds: approves, rejects, withdraws and expires them. May be used by several
    threads at the same time."""

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, refund_submitter: RefundSubmitter
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
        self._refund_submitter = refund_submitter

    # Approve

    def approve(
        self, refund_id: int, expected_version: int | None = None, progress: StepReporter | None = None
    ) -> Refund:
        """Approve a refund as the acting person. After the last necessary approval, also send the refund if its
        cooling-off period has ended or if it has none. If this person has already approved the refund, only send it.
        Return the refund.

        `expected_version` is the version of the refund that the person's screen shows; with None, versions are not
        compared. `progress` is called with the name of each step of the sending.

        Before the approval is stored, raises not_found if there is no such refund; not_allowed if the acting person
        has no right to approve refunds, if the maker is disabled or may no longer request refunds, or if the database
        can't enforce two people; bad_profile if the provider is not configured on this desk; same_person if the
        acting person is the maker or has approved the refund before; stale_view if the refund's version is not
        `expected_version`; already_decided if the refund has expired or doesn't wait for a decision; in_progress
        while a process sends the refund; read_only while a read-only switch is on; database_went_back if the database
        has gone back to an earlier state; the error of `require_refundable_payment` if the provider's answer about
        the payment doesn't allow the refund; and the error of `raise_first_broken_rule` if the refund breaks a rule.
        If the approval is stored and the refund can't be sent, or its outcome is unknown, raises the error of
        `submit_refund`. If a signal asks the process to end, raises `InterruptedBeforeAction` before the approval is
        stored; between the approval and the sending, raises the error interrupted with the approved refund.
        """
        with interrupts.defer_signals():
            with refusals.audit_refusals(self._context, AuditAction.REFUND_APPROVE, refund_id, kind=REFUND_KIND):
                person = self._context.require_right("refund_approve").name
                database_rollback.require_no_database_rollback(self._context)
                approval = self._approve_refund(refund_id, person, expected_version)
            refund = approval.refund
            if refund.state is not RefundState.APPROVED or approval.cooling_off_end is not None:
                return refund
            try:
                interrupts.raise_if_interrupt_pending()
                return self._submit_approved_refund(
                    refund_id, progress, payment_asked_at_ms=approval.payment_asked_at_ms
                )
            except interrupts.InterruptedBeforeAction:
                raise ConsoleError(ErrorCode.INTERRUPTED, {"record": refund}) from None
            except ConsoleError as error:
                if error.code in OWN_FAILURE_ERROR_CODES:
                    error.detail.setdefault("record", refund)  # the approval stays: a due task sends the refund later
                raise

    def _submit_approved_refund(
        self, refund_id: int, progress: StepReporter | None, *, payment_asked_at_ms: int | None
    ) -> Refund:
        """Send the approved refund and return it. If a due task has already sent the refund, return it without
        sending. `payment_asked_at_ms` is the uptime in milliseconds at which the provider was asked about the payment
        (None as in `submit_refund`). If the refund can't be sent, or its outcome is unknown, raises the error of
        `submit_refund`."""
        try:
            return self._refund_submitter.submit_refund(refund_id, progress, payment_asked_at_ms=payment_asked_at_ms)
        except ConsoleError as refusal:
            refund = refusal.detail.get("record")
            if (
                refusal.code == ErrorCode.ALREADY_DECIDED
                and "case" not in refusal.detail
                and isinstance(refund, Refund)
                and refund.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
            ):
                return refund
            raise

    def _approve_refund(self, refund_id: int, person: str, expected_version: int | None) -> _Approval:
        """Store the person's approval, except if the refund is approved and this person is already one of its
        checkers. An error of this method means that the approval isn't stored, because nothing is read after it was
        stored. `expected_version` is the version of the refund that the person's screen shows. Return the refund with
        the two times of `_Approval`."""
        context = self._context
        pair = refund_records.read_refund_with_payment(context, refund_id)
        refund = pair.refund
        if refund.state is RefundState.APPROVED and _is_person_among_names(person, refund.checkers):
            if expected_version is not None and expected_version != refund.version:
                raise make_stale_view_error(refund, expected_version)
            with context.database.read() as conn:
                return _Approval(refund, refund_rules.find_remaining_cooling_off_end(context, conn, pair), None)
        self._expire_if_overdue(refund)
        with context.database.read() as conn:
            self._require_approvable_refund(conn, refund, person, expected_version)
            refuse_if_read_only(conn, pair.payment.provider)
        refund_rules.require_two_person_database(context, pair.payment)
        reader = self._payment_providers.get_reader(pair.payment.provider)
        asked_at_ms = boot_clock.read_uptime_ms()
        answers = payment_precheck.require_refundable_payment(context, reader, pair)
        interrupts.raise_if_interrupt_pending()  # a signal may have cut off the question to the provider
        context.failpoints.reach("before_vote")
        approved_refund, cooling_off_end = context.write(
            lambda tx: self._store_approval(tx, refund_id, person, expected_version, reader)
        )
        context.failpoints.reach("after_vote")
        return _Approval(approved_refund, cooling_off_end, asked_at_ms if answers.are_complete else None)

    def _require_approvable_refund(
        self, conn: Connection, refund: Refund, person: str, expected_version: int | None
    ) -> None:
        """Check that this person may approve the refund. Raises same_person if the person is the maker or has
        approved the refund before; already_decided if the refund doesn't wait for a decision; in_progress while a
        process sends it; stale_view if its version is not `expected_version` (None: any version); not_allowed if the
        maker is disabled or may no longer request refunds.
        """
        _require_decidable_refund(conn, refund, person, self._context.now(), is_approval=True)
        if expected_version is not None and expected_version != refund.version:
            raise make_stale_view_error(refund, expected_version)
        if not refund_rules.find_active_makers(self._context, conn, [refund.maker]):
            facts: NotAllowedDetail = {
                "record": refund,
                "reason": NotAllowedReason.MAKER_NOT_ACTIVE,
                "maker": refund.maker,
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)

    @refunds.run_again_if_stale()
    def _store_approval(
        self, tx: Transaction, refund_id: int, person: str, expected_version: int | None, reader: PaymentReader
    ) -> tuple[Refund, datetime | None]:
        """Insert the person's approval. If this approval is the last necessary one, set the refund's state to
        approved; otherwise only raise the refund's version. `reader` is the adapter of the payment's provider; the
        refund must keep the limits of this provider. Return the refund, and the end of its cooling-off period (None
        if that isn't in the future). Raises the errors of `_require_approvable_refund` and of
        `raise_first_broken_rule`, database_went_back if the database has gone back to an earlier state, read_only
        while a read-only switch is on, same_person if the person has approved the refund meanwhile, and stale_view if
        the refund's version isn't `expected_version` (None: any version)."""
        context, now = self._context, self._context.now()
        database_rollback.refuse_after_database_rollback(tx.conn)
        pair = refund_records.require_refund_with_payment(tx.conn, refund_id)
        refund = pair.refund
        self._require_approvable_refund(tx.conn, refund, person, expected_version)
        refuse_if_read_only(tx.conn, pair.payment.provider)
        refund_facts = refund_rules.read_facts(context, tx.conn, pair.payment, refund.maker)
        refund_rules.raise_first_broken_rule(
            refund_rules.check_refund_rules(refund_facts, refund.amount_minor, reader, is_before_request=False),
            refund_facts,
            refund,
        )
        if not refunds.insert_vote(tx.conn, refund_id, person, now):
            raise ConsoleError(ErrorCode.SAME_PERSON, {"record": refund, "first": person})
        approval_count = len(refund.checkers) + 1
        needed_count = refund_rules.count_needed_checkers(refund_facts, refund)
        is_approved = approval_count >= needed_count
        cooling_off_end = refund_rules.find_remaining_cooling_off_end(context, tx.conn, pair)
        work = refunds.make_work_values(_make_submission_work(cooling_off_end, now))
        values = {"status": RefundState.APPROVED, **work} if is_approved else {}
        refunds.change_refund(tx.conn, refund, now, **values)
        facts = {"given": approval_count, "needed": needed_count}
        audit_action = AuditAction.REFUND_APPROVED if is_approved else AuditAction.REFUND_HALF_APPROVED
        context.record_audit(tx, audit_action, refund_id, facts, kind=REFUND_KIND)
        return refund_records.require_refund_after_lapse(tx.conn, refund_id), cooling_off_end

    # Reject, withdraw, expire

    def reject(self, refund_id: int, reason: str, expected_version: int | None = None) -> Refund:
        """Reject a requested refund as the acting person, and release the amount that the refund has reserved on its
        payment. `reason` is the person's text; `expected_version` is the version of the refund that the person's
        screen shows (None: any version). Return the refund.

        Raises usage if the reason is empty or longer than LONGEST_REASON_CHARACTERS; not_found if there is no such
        refund; not_allowed if the acting person has no right to reject refunds; same_person if the acting person is
        the maker; stale_view if the refund's version is not `expected_version`; already_decided if the refund has
        expired or doesn't wait for a decision; in_progress while a process sends the refund.
        """
        reason_text = strip_invisible_characters(reason)
        if not reason_text or len(reason_text) > LONGEST_REASON_CHARACTERS:
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.DECLINE_REASON_MISSING, "longest": LONGEST_REASON_CHARACTERS},
            )
        with refusals.audit_refusals(self._context, AuditAction.REFUND_REJECT, refund_id, kind=REFUND_KIND):
            person = self._context.require_right("refund_approve").name

            self._expire_if_overdue(refund_records.read_refund(self._context, refund_id))

            def refuse_unless_rejectable(refund: Refund, conn: Connection) -> None:
                _require_decidable_refund(conn, refund, person, self._context.now(), is_approval=False)
                if expected_version is not None and expected_version != refund.version:
                    raise make_stale_view_error(refund, expected_version)

            return self._end_refund_request(
                refund_id, RefundState.REJECTED, refuse_unless_rejectable, declined_because=reason_text
            )

    def withdraw(self, refund_id: int) -> Refund:
        """Withdraw the acting person's own refund request before the refund is sent, and release the amount that
        it has reserved. Return the refund. Raises not_found if there is no such refund; not_allowed for another
        person's request, or if the acting person has no right to withdraw; already_decided if the refund has ended;
        in_progress if the refund may have been sent, or if the provider contradicts its state.
        """
        with refusals.audit_refusals(self._context, AuditAction.REFUND_WITHDRAW, refund_id, kind=REFUND_KIND):
            person = self._context.require_right("refund_withdraw").name

            def refuse_unless_withdrawable(refund: Refund, conn: Connection) -> None:
                match find_withdrawal_refusal(refund, person):
                    case "refund_not_maker":
                        facts: NotAllowedDetail = {
                            "record": refund,
                            "reason": NotAllowedReason.NOT_MAKER,
                            "maker": refund.maker,
                        }
                        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
                    case "refund_decided":
                        require_requested_refund(conn, refund)
                    case "refund_perhaps_sent":
                        raise ConsoleError(ErrorCode.IN_PROGRESS, {"record": refund, "reason": SIMILAR_REFUND_REASON})
                    case "refund_contradicted":
                        raise ConsoleError(
                            ErrorCode.IN_PROGRESS,
                            {"record": refund, "reason": InProgressReason.OTHER_REFUND_CONTRADICTED},
                        )

            return self._end_refund_request(refund_id, RefundState.WITHDRAWN, refuse_unless_withdrawable)

    def expire(self, refund_id: int) -> Refund:
        """Set the refund to the state expired if `has_expired` is True for it. Return the refund. Raises not_found if
        there is no such refund, and already_decided if `has_expired` is False.
        """

        def refuse_unless_expired(refund: Refund, conn: Connection) -> None:
            if not self.has_expired(refund, conn):
                raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"record": refund, "state": refund.state.value})

        return self._end_refund_request(refund_id, RefundState.EXPIRED, refuse_unless_expired)

    def _expire_if_overdue(self, refund: Refund) -> None:
        """If `has_expired` is True for the refund, set it to the state expired and raise already_decided. Otherwise
        do nothing."""
        with self._context.database.read() as conn:
            has_expired = self.has_expired(refund, conn)
        if has_expired:
            refund = self.expire(refund.id)
            raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"record": refund, "state": refund.state.value})

    def has_expired(self, refund: Refund, conn: Connection) -> bool:
        """True if the refund's time limit `decide_by` has passed, its outcome is known, and one of these is true:

        - The refund still waits for its approval.
        - The refund is approved and waits for a person, and no process has tried to send it.
        - The refund is approved and waits for a person. A process has tried to send it, but it was certainly not
          made. It can be neither sent nor withdrawn, because its maker is disabled or may no longer request refunds.

        Any other approved refund that a process has tried to send stays open after its time limit, until a person
        tries again or withdraws it. The time is that of the database server, which has also set the limit; the clock
        of this machine may be wrong.
        """
        is_stuck = (
            refund.state is RefundState.APPROVED
            and refund.work.state is WorkState.NEEDS_REVIEW
            and (not refund.sent_count or self._is_blocked_by_inactive_maker(refund, conn))
        )
        may_expire = (refund.state is RefundState.REQUESTED or is_stuck) and refund.certainty is Certainty.KNOWN
        return may_expire and is_decision_time_over(refund, read_current_time(conn, self._context.now()))

    def _is_blocked_by_inactive_maker(self, refund: Refund, conn: Connection) -> bool:
        """True if the approved refund was certainly not made, and can be neither sent nor withdrawn, because its
        maker is disabled or may no longer request refunds.
        """
        is_certainly_not_made = find_withdrawal_refusal(refund, None) is None
        return is_certainly_not_made and not refund_rules.find_active_makers(self._context, conn, [refund.maker])

    def _end_refund_request(
        self,
        refund_id: int,
        state: RefundState,
        refuse_if_not_endable: Callable[[Refund, Connection], None],
        **values: object,
    ) -> Refund:
        """Set the refund to the end state `state`, write the column values `values`, and release the amount that it
        has reserved. Return the refund. `refuse_if_not_endable` is called first in the transaction; it raises an
        error if the refund must not be ended.
        """
        context = self._context

        @refunds.run_again_if_stale()
        def end_request(tx: Transaction) -> Refund:
            refund = refund_records.require_refund_after_lapse(tx.conn, refund_id)
            refuse_if_not_endable(refund, tx.conn)
            work = refunds.make_work_values(Work())
            refunds.change_refund(tx.conn, refund, context.now(), status=state, **values, **work)
            refund_outcomes.release_amount(context, tx, refund)
            context.record_audit(
                tx, AuditAction(f"refund.{state}"), refund_id, {"payment": refund.payment_id}, kind=REFUND_KIND
            )
            return refund_records.require_refund_after_lapse(tx.conn, refund_id)

        context.failpoints.reach("before_vote")
        ended_refund = context.write(end_request)
        context.failpoints.reach("after_vote")
        return ended_refund


def _make_submission_work(cooling_off_end: datetime | None, now: datetime) -> Work:
    """Return the work of an approved refund. A due task sends the refund at the end of its cooling-off period
    (`cooling_off_end`; None: it has ended, or the refund needs none, so that the task sends it now), unless this
    process sends it first."""
    if cooling_off_end is not None:
        return Work(WorkState.SCHEDULED, cooling_off_end, refund_outcomes.COOLING_OFF_REASON)
    return Work(WorkState.SCHEDULED, now, refund_outcomes.SUBMISSION_REASON)


def require_requested_refund(conn: Connection, refund: Refund) -> None:
    """Do nothing if the refund's state is requested. Raise in_progress while a process is sending the refund,
    otherwise already_decided."""
    if refund.state is RefundState.REQUESTED:
        return
    if refund.state is RefundState.SUBMITTING and refund.certainty is Certainty.KNOWN:
        refuse_running_operation(conn, REFUND_KIND, refund)
    raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"record": refund, "state": refund.state.value})


def _require_decidable_refund(
    conn: Connection, refund: Refund, person: str, now: datetime, *, is_approval: bool
) -> None:
    """Check that this person may approve (`is_approval`) or reject the refund. Raises same_person if the person is
    the maker or, for an approval, has approved it before; already_decided if the refund doesn't wait for a decision;
    in_progress while a process sends it. `now` is the present time; this function doesn't check the expiry of the
    refund, because the caller checks it by the clock of the database server."""
    reason = find_decision_refusal(refund, person, now, is_approval=is_approval)
    if reason == "refund_decided":
        require_requested_refund(conn, refund)
    if reason in ("refund_own", "refund_approved_by_you"):
        matching_person = next(
            earlier_person
            for earlier_person in (refund.maker, *refund.checkers)
            if is_same_person(person, earlier_person)
        )
        raise ConsoleError(ErrorCode.SAME_PERSON, {"record": refund, "first": matching_person})


def _is_person_among_names(person: str, people: tuple[str, ...]) -> bool:
    """True if `person` is one of `people`, all given by name. Two spellings of one account name count as the same
    person (`is_same_person`)."""
    return any(is_same_person(person, other_person) for other_person in people)
