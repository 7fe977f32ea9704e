"""The checker's half of a refund: approve, reject, withdraw, and what nobody decided in time.

Nobody is maker and checker of one refund, whatever roles they hold; nobody counts as two.
"""

import logging
from collections.abc import Callable

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import PaymentQuestion, PaymentReport, RefundState
from console.domain.permissions import same_person
from console.domain.records import Certainty, Work, WorkState
from console.domain.truth import PAID
from console.providers.payment_protocol import PaymentReader
from console.services import refund_limits, refund_reading, refund_writing, refusals
from console.services.described import HAPPENED, Progress
from console.services.desk import Desk
from console.services.payment_vendors import PaymentVendors
from console.services.refund_reading import Matter
from console.services.refund_settling import refund_seen
from console.services.submitting import THROTTLED, Submitting
from console.store import evidence, payments, refunds
from console.store.engine import Transaction

KIND = refunds.KIND
LONGEST_WORDS = 500
_R = RefundState
_log = logging.getLogger("console.guard")


class Voting:
    """Decisions about requested refunds. Safe from any thread."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, submitting: Submitting) -> None:
        self._desk = desk
        self._vendors = vendors
        self._submitting = submitting

    # Approving

    def approve(self, refund_id: int, saw: int | None = None, progress: Progress | None = None) -> Refund:
        """Approve, and send when nothing more is needed; by its checker, send an approved one now.

        Returns the refund as it is then. Raises ConsoleError: same_person, not_allowed, stale_view, already_decided,
        in_progress, outside_window, over_limit, and how its sending ended as `submit` does.
        """
        with refusals.audited(self._desk, "refund.approve", refund_id, kind=KIND):
            person = self._desk.require("refund_approve").name
            refund = self._approve(refund_id, person, saw)
        if refund.state is _R.APPROVED and not self._cooling(refund):
            return self._submitting.submit(refund_id, progress)
        return refund

    def _approve(self, refund_id: int, person: str, saw: int | None) -> Refund:
        desk = self._desk
        matter = refund_reading.matter(desk, refund_id)
        refund = matter.refund
        if refund.state is _R.APPROVED and _is_among(person, refund.checkers):
            if saw is not None and saw != refund.version:
                raise refund_reading.stale_view(refund, saw)
            return refund
        self._expire_late(refund)
        with desk.database.read() as conn:
            self._refuse(conn, refund, person, saw)
        refund_limits.require_place(desk, matter.payment)
        reader = self._vendors.reader(matter.payment.provider)
        self._ask_provider(matter, reader)
        desk.failpoints.reach("before_vote")
        desk.write(lambda tx: self._vote(tx, refund_id, person, saw, reader))
        desk.failpoints.reach("after_vote")
        return refund_reading.current(desk, refund_id)

    def _refuse(self, conn: Connection, refund: Refund, person: str, saw: int | None) -> None:
        """Who may not approve this, and why; the state first, for it tells the most."""
        require_requested(conn, refund)
        for other in (refund.maker, *refund.checkers):
            if same_person(person, other):
                raise ConsoleError("same_person", {"record": refund, "first": other})
        if saw is not None and saw != refund.version:
            raise refund_reading.stale_view(refund, saw)
        if not refund_limits.is_active(self._desk, conn, refund.maker):
            facts = {"record": refund, "reason": "maker_active", "maker": refund.maker}
            raise ConsoleError("not_allowed", facts)

    @refunds.runs_again()
    def _vote(self, tx: Transaction, refund_id: int, person: str, saw: int | None, reader: PaymentReader) -> None:
        """The vote, then the refund; approved with the last one that is needed."""
        desk, now = self._desk, self._desk.now()
        matter = refund_reading.matter_in(tx.conn, refund_id)
        refund = matter.refund
        self._refuse(tx.conn, refund, person, saw)
        seen = refund_limits.ground(desk, tx.conn, matter.payment, refund.maker)
        refund_limits.refuse(
            refund_limits.checks(seen, refund.amount_minor, reader, asking=False), seen, refund
        )  # fmt: skip
        if not refunds.vote(tx.conn, refund_id, person, now):
            raise ConsoleError("same_person", {"record": refund, "first": person})
        enough = len(refund.checkers) + 1 >= refund.checkers_needed
        work = refunds.work_values(self._work(refund))
        values = {"status": _R.APPROVED, **work} if enough else {}
        refunds.change(tx.conn, refund, now, **values)
        told = {"given": len(refund.checkers) + 1, "needed": refund.checkers_needed}
        desk.note(tx, "refund.approved" if enough else "refund.half_approved", refund_id, told, kind=KIND)

    def _work(self, refund: Refund) -> Work:
        """Sent by itself, should this process not come to it."""
        now = self._desk.now()
        if self._cooling(refund):
            return Work(WorkState.SCHEDULED, refund.sends_after, refund_writing.COOLING_OFF)
        return Work(WorkState.SCHEDULED, now, refund_writing.SUBMISSION)

    def _cooling(self, refund: Refund) -> bool:
        return refund.sends_after is not None and refund.sends_after > self._desk.now()

    # What the provider says of the payment at this moment

    def _ask_provider(self, matter: Matter, reader: PaymentReader) -> None:
        """Refuse what the provider's present word rules out; where it says nothing, what it said last counts."""
        payment, refund = matter.payment, matter.refund
        question = PaymentQuestion(
            merchant_payment_id=payment.merchant_payment_id,
            provider_payment_id=payment.provider_payment_id,
            amount=Money(payment.captured_minor, payment.currency),
            begun_at=payment.begun_at or payment.paid_at or payment.created_at,
            by_code=payment.by_code,
        )
        outcome = reader.payment(question)
        who, now = self._desk.holder().operator, self._desk.now()
        subject, source = (payments.KIND, payment.id), f"{payment.provider}.payment"

        def keep(tx: Transaction) -> None:
            evidence.add_answer(tx.conn, subject, payment.operation_id, source, who, outcome, now)
            told = outcome.found.refunds if outcome.found and outcome.kind in HAPPENED else None
            for report in told or ():  # an earlier one may have happened after all: then this one has to wait
                refund_seen(self._desk, tx, report)

        self._desk.write(keep)
        against = _contrary(matter, outcome)
        if against is not None:
            code, reason = against
            word = outcome.found.provider_state if outcome.found else outcome.reason
            raise ConsoleError(code, {"record": refund, "reason": reason, "provider_state": word})

    # Saying no

    def reject(self, refund_id: int, reason: str, saw: int | None = None) -> Refund:
        """Decline a request with words; its sum is free again. Raises as `approve` does, and usage without words."""
        words = reason.strip()
        if not words or len(words) > LONGEST_WORDS:
            raise ConsoleError("usage", {"problem": "decline_words", "longest": LONGEST_WORDS})
        with refusals.audited(self._desk, "refund.reject", refund_id, kind=KIND):
            person = self._desk.require("refund_approve").name

            def refuse(refund: Refund, conn: Connection) -> None:
                require_requested(conn, refund)
                if same_person(person, refund.maker):
                    raise ConsoleError("same_person", {"record": refund, "first": refund.maker})
                if saw is not None and saw != refund.version:
                    raise refund_reading.stale_view(refund, saw)

            return self._end(refund_id, _R.REJECTED, refuse, declined_because=words)

    def withdraw(self, refund_id: int) -> Refund:
        """Take one's own request back, until it is being sent. Raises not_allowed for anybody else's."""
        with refusals.audited(self._desk, "refund.withdraw", refund_id, kind=KIND):
            person = self._desk.require("refund_withdraw").name

            def refuse(refund: Refund, conn: Connection) -> None:
                if not same_person(person, refund.maker):
                    facts = {"record": refund, "reason": "not_maker", "maker": refund.maker}
                    raise ConsoleError("not_allowed", facts)
                if refund.state not in (_R.REQUESTED, _R.APPROVED):
                    require_requested(conn, refund)
                if refund.error_code == THROTTLED:  # what the provider says is running may be this very refund
                    raise ConsoleError("in_progress", {"record": refund, "reason": THROTTLED})
                if refund.work.reason in refund_limits.CONTRADICTED:  # it was sent, and is there after all
                    raise ConsoleError("in_progress", {"record": refund, "reason": "nothing_contradicted"})

            return self._end(refund_id, _R.WITHDRAWN, refuse)

    def expire(self, refund_id: int) -> Refund:
        """What nobody decided in time, or could not be sent, and was certainly never sent."""

        def refuse(refund: Refund, conn: Connection) -> None:
            if not self._is_late(refund):
                raise ConsoleError("already_decided", {"record": refund, "state": refund.state.value})

        return self._end(refund_id, _R.EXPIRED, refuse)

    def _expire_late(self, refund: Refund) -> None:
        if self._is_late(refund):
            refund = self.expire(refund.id)
            raise ConsoleError("already_decided", {"record": refund, "state": refund.state.value})

    def _is_late(self, refund: Refund) -> bool:
        over = refund.decide_by is not None and refund.decide_by < self._desk.now()
        stuck = refund.state is _R.APPROVED and refund.work.state is WorkState.NEEDS_REVIEW and not refund.sent_count
        return over and (refund.state is _R.REQUESTED or stuck) and refund.certainty is Certainty.KNOWN

    def _end(
        self, refund_id: int, state: RefundState, refuse: Callable[[Refund, Connection], None], **values: object
    ) -> Refund:
        """The refund first, then its sum is free again."""
        desk = self._desk

        @refunds.runs_again()
        def end(tx: Transaction) -> None:
            refund = refund_reading.found(tx.conn, refund_id)
            refuse(refund, tx.conn)
            work = refunds.work_values(Work())
            refunds.change(tx.conn, refund, desk.now(), status=state, **values, **work)
            refund_writing.release(desk, tx, refund)
            desk.note(tx, f"refund.{state}", refund_id, {"payment": refund.payment_id}, kind=KIND)

        desk.failpoints.reach("before_vote")
        desk.write(end)
        desk.failpoints.reach("after_vote")
        return refund_reading.current(desk, refund_id)


def require_requested(conn: Connection, refund: Refund) -> None:
    """Raise already_decided unless it waits for a decision, in_progress while it is being sent."""
    if refund.state is _R.REQUESTED:
        return
    if refund.state is _R.SUBMITTING and refund.certainty is Certainty.KNOWN:
        refund_reading.refuse_running(conn, refund)
    raise ConsoleError("already_decided", {"record": refund, "state": refund.state.value})


def _is_among(person: str, others: tuple[str, ...]) -> bool:
    return any(same_person(person, other) for other in others)


def _contrary(matter: Matter, outcome: Outcome[PaymentReport]) -> tuple[str, str] | None:
    """Error code and reason where the provider's own word leaves nothing to refund; None where it doesn't."""
    report, refund, payment = outcome.found, matter.refund, matter.payment
    if outcome.kind is OutcomeClass.FAILED_DEFINITE or (report is not None and _is_over(outcome, report)):
        return "not_allowed", "provider_state"
    if report is None or outcome.kind not in HAPPENED or report.refunds is None:
        return None
    theirs = sum(one.amount.minor for one in report.refunds if one.amount and one.state is not _R.FAILED)
    gone = max(theirs, payment.refunded_minor)
    return ("exceeds_captured", "provider") if gone + refund.amount_minor > payment.captured_minor else None


def _is_over(outcome: Outcome[PaymentReport], report: PaymentReport) -> bool:
    return outcome.kind in (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING) and report.state not in PAID
