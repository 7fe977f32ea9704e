"""The one pipeline: every call that costs or moves money, and every guarded re-fetch, goes through here.

wait (a lease, politeness) → claim (tx1, committed: the proof) → the desk's spool → call (no transaction open) →
record (tx2, fenced). Nothing is sent before COMMIT has returned. A crash anywhere leaves a journal row from which
the next process knows what to do.
"""

import logging
import uuid
from contextlib import suppress
from dataclasses import replace
from threading import get_ident
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from console.domain import tracing
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, StartedPayment
from console.domain.records import CheckReport, LeaseHolder
from console.services.described import HAPPENED, Claimed, Guarded, Progress, Subject, Unrecorded, ended_state
from console.services.desk import Desk
from console.services.heartbeat import Heartbeat
from console.services.idempotency import refuse_repeat
from console.services.refusals import holding
from console.store import journal, leases
from console.store.answers import Answer, fits
from console.store.engine import Transaction
from console.store.journal import NewOperation
from console.store.leases import Lease
from console.store.spool import Intent

WAIT_SECONDS = 60.0
_FIRST_NAP_SECONDS, _LONGEST_NAP_SECONDS = 0.01, 0.1
_log = logging.getLogger("console.guard")

T = TypeVar("T")


class _Gone(Exception):
    """The rows of this operation are no longer in the database."""


class _Held(Exception):
    """The named lease is somebody else's; tx1 was rolled back."""

    def __init__(self, holder: LeaseHolder | None) -> None:
        self.holder = holder


class Guard:
    """Runs guarded operations on one desk."""

    def __init__(self, desk: Desk, heartbeat: Heartbeat) -> None:
        self._desk = desk
        self._heartbeat = heartbeat

    def run(self, operation: Guarded[T], progress: Progress) -> tuple[Claimed, Outcome[T]]:
        """Run it to its recorded end. Raises the refusals of `check` and `claim`, lease_timeout or in_progress
        before anything is sent, and Unrecorded when the outcome could not be written.
        """
        with tracing.correlated():
            self._desk.failpoints.reach("before_tx1")
            claimed = self._wait_and_claim(operation, progress)
            with tracing.within(operation=claimed.operation_id):
                return claimed, self._carried_out(operation, claimed, progress)

    def _carried_out(self, operation: Guarded[T], claimed: Claimed, progress: Progress) -> Outcome[T]:
        """From tx1's COMMIT to the recorded end, with a beating lease."""
        beat = f"{claimed.operation_id}-{get_ident()}"
        self._heartbeat.add(beat, lambda: self._beat(claimed))
        try:
            self._prepare(operation, claimed, progress)
            outcome = self._ask(operation, claimed)
            if outcome.kind is not OutcomeClass.UNKNOWN:
                _tell(progress, "answered")
            self._record(operation, claimed, outcome)
        finally:
            self._heartbeat.remove(beat)
        _log.info("operation %s: %s", operation.action, outcome.kind.value)
        return outcome

    # Waiting and claiming

    def _wait_and_claim(self, operation: Guarded[T], progress: Progress) -> Claimed:
        began = self._desk.clock.monotonic()
        try:
            return self._wait_until(operation, progress, began + self._desk.scale.seconds(WAIT_SECONDS))
        except ConsoleError as refusal:
            self._desk.tally.refused(refusal.code)
            raise
        finally:
            if operation.lease is not None:
                self._desk.tally.waited(self._desk.clock.monotonic() - began)

    def _wait_until(self, operation: Guarded[T], progress: Progress, deadline: float) -> Claimed:
        while True:
            try:
                return self._claim(operation)
            except _Held as held:
                if not operation.waits:
                    raise ConsoleError("in_progress", holding(held.holder)) from None
            progress("waiting")
            self._await_free(operation, deadline)

    def _claim(self, operation: Guarded[T]) -> Claimed:
        """tx1. The unique index has the last word even where the checks saw nothing."""
        desk, operation_id = self._desk, str(uuid.uuid4())
        subject: Subject | None = None

        def tx1(tx: Transaction) -> Claimed:
            nonlocal subject
            operation.check(tx.conn)
            lease = self._take(tx, operation)
            subject = operation.claim(tx, operation_id)
            fence = self._begin_journal(tx, operation, operation_id, subject)
            desk.note(tx, f"{operation.action}.started", subject.id, {"operation": operation_id}, kind=subject.kind)
            return Claimed(operation_id, fence, subject, lease)

        try:
            return desk.write(tx1)
        except IntegrityError:
            with desk.database.read() as conn:
                operation.check(conn)
                if subject is not None:
                    refuse_repeat(conn, subject.key, subject.fingerprint)
            raise

    def _take(self, tx: Transaction, operation: Guarded[T]) -> Lease | None:
        if operation.lease is None:
            return None
        desk = self._desk
        lease = leases.take(tx, operation.lease, desk.holder(), desk.now(), self._heartbeat.lease_seconds)
        if lease is None:
            raise _Held(leases.holder_of(tx.conn, operation.lease))
        return lease

    def _begin_journal(self, tx: Transaction, operation: Guarded[T], operation_id: str, subject: Subject) -> int:
        new = NewOperation(
            operation_id, operation.action, subject.kind, subject.id, subject.client_id, subject.corporation_number,
            subject.key, subject.fingerprint,
        )  # fmt: skip
        desk = self._desk
        return journal.begin(tx, new, desk.holder(), desk.now(), self._heartbeat.lease_seconds)

    def _await_free(self, operation: Guarded[T], deadline: float) -> None:
        """Look, without writing, until the lease is free; who can't succeed any more is refused meanwhile."""
        desk, nap = self._desk, _FIRST_NAP_SECONDS
        while True:
            with desk.database.read() as conn:
                operation.check(conn)
                holder = leases.holder_of(conn, operation.lease or "")
            if holder is None:
                return
            if desk.clock.monotonic() >= deadline:
                raise ConsoleError("lease_timeout", holding(holder))
            desk.clock.sleep(nap)
            nap = min(nap * 1.5, _LONGEST_NAP_SECONDS)

    # Calling

    def _prepare(self, operation: Guarded[T], claimed: Claimed, progress: Progress) -> None:
        """Between COMMIT and the first byte: whatever fails here, nothing was sent."""
        try:
            self._desk.failpoints.reach("after_tx1")
            if operation.effect:
                self._desk.spool.intent(self._intent(operation, claimed))
                self._desk.failpoints.reach("after_intent")
            progress("asking")
            self._desk.failpoints.reach("before_send")
        except Exception as trouble:
            reason = trouble.code if isinstance(trouble, ConsoleError) else "stopped_before_sending"
            # If that can't be written either, the row lapses; the person is told what really happened.
            with suppress(Exception):
                self._record(operation, claimed, Outcome(OutcomeClass.FAILED_DEFINITE, reason, Sent.NO))
            raise

    def _intent(self, operation: Guarded[T], claimed: Claimed) -> Intent:
        desk, subject = self._desk, claimed.subject
        return Intent(
            operation_id=claimed.operation_id,
            database_id=desk.database_id,
            action=operation.action,
            client_id=subject.client_id,
            corporation_number=subject.corporation_number,
            record_id=subject.id,
            operator=desk.holder().operator,
            desk_id=desk.spool.desk_id,
            at=desk.now(),
            fingerprint=subject.fingerprint,
            payment_id=subject.payment_id,
            provider_key=subject.provider_key,
            amount_minor=subject.amount_minor,
        )

    def _ask(self, operation: Guarded[T], claimed: Claimed) -> Outcome[T]:
        """The call. Whatever goes wrong after it began, it may have happened."""
        try:
            outcome = operation.call(claimed.subject)
            self._desk.failpoints.reach("after_send")
        except KeyboardInterrupt:
            if not operation.effect:
                raise
            return Outcome(OutcomeClass.UNKNOWN, "interrupted", Sent.MAYBE)
        except Exception:
            _log.exception("operation %s: the call broke off", claimed.operation_id)
            return Outcome(OutcomeClass.UNKNOWN, "broke_off", Sent.MAYBE)
        return outcome

    # Recording

    def _record(self, operation: Guarded[T], claimed: Claimed, outcome: Outcome[T]) -> None:
        """tx2, or the desk's spool when the database can't take it."""
        try:
            self._desk.failpoints.reach("before_tx2")
            mine = self._write_outcome(operation, claimed, outcome)
            if not mine and not operation.deliver(claimed.operation_id, outcome):
                raise _Gone(claimed.operation_id)
        except Exception as trouble:
            if not operation.effect:
                raise
            kept = self._keep_answer(claimed, outcome)
            raise Unrecorded(claimed, kept=kept, provider_id=_provider_id(outcome)) from trouble
        if mine and operation.effect:
            self._end_intent(claimed, outcome)
        if outcome.kind in HAPPENED:
            with suppress(RuntimeError):
                self._desk.failpoints.reach("after_tx2")
        else:
            self._desk.failpoints.reach("after_tx2")

    def _write_outcome(self, operation: Guarded[T], claimed: Claimed, outcome: Outcome[T]) -> bool:
        desk, state = self._desk, ended_state(outcome, operation.effect)

        def tx2(tx: Transaction) -> bool:
            mine = journal.end(tx.conn, claimed.operation_id, claimed.fence, state, outcome, desk.now())
            if mine:
                operation.record(tx, claimed.subject, outcome)
            if claimed.lease is not None:
                leases.release(tx.conn, claimed.lease)
            return mine

        return desk.write(tx2)

    def _keep_answer(self, claimed: Claimed, outcome: Outcome[T]) -> bool:
        _log.exception("operation %s: the outcome could not be recorded", claimed.operation_id)
        answer: Answer = replace(outcome, found=fits(outcome.found))  # type: ignore[arg-type, assignment]  # narrowed
        try:
            self._desk.spool.answered(claimed.operation_id, answer)
        except Exception:
            _log.exception("operation %s: the answer could not be kept on the desk either", claimed.operation_id)
            return False
        return True

    def _end_intent(self, claimed: Claimed, outcome: Outcome[T]) -> None:
        """Tell the spool that the database has the end; an unknown one goes on holding the claim there."""
        if outcome.kind is OutcomeClass.UNKNOWN:
            return
        holds, provider_id = outcome.kind in HAPPENED, _provider_id(outcome)
        number = provider_id if isinstance(provider_id, int) else None
        try:
            self._desk.spool.ended(claimed.operation_id, holds_claim=holds, provider_id=number)
        except Exception:
            _log.warning("operation %s: its end could not be noted on the desk", claimed.operation_id, exc_info=True)

    def _beat(self, claimed: Claimed) -> None:
        desk, seconds = self._desk, self._heartbeat.lease_seconds

        def renew(tx: Transaction) -> None:
            journal.renew(tx.conn, claimed.operation_id, claimed.fence, seconds)
            if claimed.lease is not None:
                leases.renew(tx.conn, claimed.lease, desk.now(), seconds)

        desk.write(renew)


def _tell(progress: Progress, step: str) -> None:
    """Tell a listener that can't stop anything any more."""
    try:
        progress(step)
    except Exception:
        _log.warning("a listener failed at %r", step, exc_info=True)


def _provider_id(outcome: Outcome[T]) -> int | str | None:
    found = fits(outcome.found)
    if isinstance(found, CheckReport):
        return found.credit_check_id
    if isinstance(found, RefundReport):
        return found.provider_refund_id
    return found.merchant_payment_id if isinstance(found, StartedPayment) else None
