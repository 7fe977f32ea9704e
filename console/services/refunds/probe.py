"""Asking the provider what became of a refund, under its own key and before anything is sent again.

Only the rule of its provider makes "not found" a fact; time never makes an outcome.
"""

from dataclasses import replace
from datetime import timedelta

from console.domain.clock import is_ahead
from console.domain.errors import ConsoleError
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import RefundReport, RefundState
from console.domain.records import Certainty, Work, WorkState
from console.domain.schedules import REFUND_PATIENCE, REFUND_PROBES, next_at, next_of_endless
from console.domain.states import ENDED_REFUND
from console.providers.payment_protocol import PaymentCapabilities
from console.services import refund_reading, refund_writing, refusals
from console.services.described import HAPPENED
from console.services.desk import Desk
from console.services.parts import part_code
from console.services.payment_vendors import PaymentVendors
from console.services.refund_holding import RefundHolding
from console.services.refund_reading import Matter
from console.services.refund_writing import MISFITS, POLL, RETENTION, UNKNOWN
from console.store import cases, refunds
from console.store.engine import Transaction

KIND = refunds.KIND
ACTION = "refund.probe"
_R = RefundState
_UNDONE = ENDED_REFUND - {_R.COMPLETED}
_ASKED_IN_VAIN = ("provider_auth", "rate_limited", "provider_unreachable")
Answer = Outcome[RefundReport]


class RefundProbing:
    """Probes of refunds. Gets only the reading half of the providers."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, holding: RefundHolding) -> None:
        self._desk = desk
        self._vendors = vendors
        self._holding = holding

    def probe(self, refund_id: int, *, automatic: bool = False) -> Refund:
        """The refund as known afterwards. Raises outcome_unknown while nobody can tell (detail.record), in_progress
        while it is being sent, provider_auth, rate_limited and provider_unreachable.
        """
        with refusals.audited(self._desk, ACTION, refund_id, kind=KIND):
            self._desk.require("probe")
            return self._probe(refund_id, automatic=automatic)

    def _probe(self, refund_id: int, *, automatic: bool) -> Refund:
        refund = refund_reading.current(self._desk, refund_id)
        if refund.certainty is Certainty.UNKNOWN:
            return self._probe_unknown(refund_id, automatic=automatic)
        with self._desk.database.read() as conn:
            refund_reading.refuse_running(conn, refund)
        if refund.provider_refund_key is not None:
            self._ask_about_known(refund_id, automatic=automatic)
        return refund_reading.current(self._desk, refund_id)

    # Unknown

    def _probe_unknown(self, refund_id: int, *, automatic: bool) -> Refund:
        desk = self._desk
        with self._holding.held(refund_id, None) as matter:
            reader = self._vendors.reader(matter.payment.provider)
            can = reader.capabilities
            if automatic and self._is_too_early(matter.refund, can):
                self._wait(matter.refund, can)
                raise self._still_unknown(refund_id, None, "too_early")
            desk.failpoints.reach("before_probe")
            outcome = reader.refund_status(matter.order)
            desk.failpoints.reach("after_probe")
            reason = desk.write(lambda tx: self._apply(tx, matter.refund, outcome, can, automatic))
        if reason is None:
            return refund_reading.current(desk, refund_id)
        raise self._still_unknown(refund_id, outcome, reason)

    @refunds.runs_again()
    def _apply(
        self, tx: Transaction, asked: Refund, outcome: Answer, can: PaymentCapabilities, automatic: bool
    ) -> str | None:
        """Settle by an answer that is beyond doubt; else say why not. None as well if it was settled meanwhile."""
        desk = self._desk
        refund = refund_writing.required(tx, asked.id)
        if refund.certainty is Certainty.KNOWN or refund.operation_id != asked.operation_id:
            refund_writing.keep_answer(desk, tx, refund, "refund_status", outcome)
            return None
        outcome = _fitting(refund, outcome)
        refund_writing.keep_answer(desk, tx, refund, "refund_status", outcome)
        if outcome.kind in (*HAPPENED, OutcomeClass.FAILED_DEFINITE):
            refund_writing.settle(desk, tx, refund, outcome, can, "probe")
            return None
        counted = self._counted(refund, outcome, can)
        if outcome.kind is OutcomeClass.NOT_FOUND and self._did_not_happen(refund, counted, can):
            refund_writing.end_operation(desk, tx, refund, outcome)
            refund_writing.write_undone(desk, tx, refund, **counted)
            return None
        self._note_and_plan(tx, refund, outcome, counted, automatic=automatic)
        return outcome.reason

    def _counted(self, refund: Refund, outcome: Answer, can: PaymentCapabilities) -> dict[str, object]:
        """Columns that count "not found"; one that comes before the first margin proves nothing."""
        first_after = can.not_found.first_after if can.not_found else 0.0
        if outcome.kind is not OutcomeClass.NOT_FOUND or not self._is_time(refund, first_after):
            return {}
        first = refund.first_not_found_at or self._desk.now()
        return {"not_found": refund.not_found + 1, "first_not_found_at": first}

    def _did_not_happen(self, refund: Refund, counted: dict[str, object], can: PaymentCapabilities) -> bool:
        """Whether enough answers say so, the last of them late enough, of a provider that keeps keys."""
        rule = can.not_found
        if rule is None or not can.keeps_keys or not counted:
            return False
        return refund.not_found + 1 >= rule.answers and self._is_time(refund, rule.last_after)

    def _is_too_early(self, refund: Refund, can: PaymentCapabilities) -> bool:
        """Its call may still be under way. What was sent by a clock that was ahead is asked about, but "not found"
        counts by that clock all the same: it proves nothing before.
        """
        ahead = refund.last_sent_at is not None and is_ahead(refund.last_sent_at, self._desk.now())
        return not ahead and not self._is_time(refund, can.refund_timeout)

    def _is_time(self, refund: Refund, seconds: float) -> bool:
        """Whether so long has passed since it was last sent."""
        margin = self._desk.scale.delta(timedelta(seconds=seconds))
        return refund.last_sent_at is not None and self._desk.now() - refund.last_sent_at >= margin

    def _note_and_plan(
        self, tx: Transaction, refund: Refund, outcome: Answer, counted: dict[str, object], *, automatic: bool
    ) -> None:
        """Nothing learned that settles it: ask again later, or call a person."""
        desk, now, values = self._desk, self._desk.now(), dict(counted)
        work = self._next(refund) if automatic else refund.work
        if outcome.reason in MISFITS:
            cases.open_case(tx.conn, "answer_does_not_fit", KIND, refund.id, outcome.reason, _ours(refund), now)
            work = Work(WorkState.NEEDS_REVIEW, None, "answer_does_not_fit", refund.work.attempt)
        elif outcome.reason == RETENTION:
            work = Work(WorkState.NEEDS_REVIEW, None, RETENTION, refund.work.attempt)
        if work != refund.work:
            values |= refunds.work_values(work)
        if values:
            refunds.change(tx.conn, refund, now, **values)
        desk.note(tx, "refund.probed", refund.id, kind=KIND, result="failed", reason=outcome.reason[:64])

    def _next(self, refund: Refund) -> Work:
        """After the last automatic probe a person is needed; never is it failed by time."""
        attempts = refund.work.attempt + 1
        at = next_at(REFUND_PROBES, attempts, self._desk.now(), self._desk.scale)
        if at is None:
            return Work(WorkState.NEEDS_REVIEW, None, "probes_ended", attempts)
        return Work(WorkState.SCHEDULED, at, UNKNOWN, attempts)

    def _wait(self, refund: Refund, can: PaymentCapabilities) -> None:
        """Nothing can be known before the call's own time has passed."""
        desk, sent = self._desk, refund.last_sent_at or self._desk.now()
        at = sent + desk.scale.delta(timedelta(seconds=can.refund_timeout))
        work = refunds.work_values(replace(refund.work, at=at))
        desk.write(lambda tx: refunds.change(tx.conn, refund, desk.now(), **work))

    def _still_unknown(self, refund_id: int, outcome: Answer | None, reason: str) -> ConsoleError:
        detail = {"record": refund_reading.current(self._desk, refund_id), "reason": reason}
        code = part_code(outcome) if outcome is not None and outcome.kind is not OutcomeClass.NOT_FOUND else ""
        told = {**detail, "status": outcome.status if outcome else None}
        return ConsoleError(code if code in _ASKED_IN_VAIN else "outcome_unknown", told)

    # Known: followed to its end, or compared; never overwritten

    def require_undone(self, matter: Matter) -> None:
        """Ask once more about the payment's earlier refunds that were sent and came to nothing, before the next is
        sent. One that did happen after all, against its provider's rule, is contradicted, which stops this one.

        Raises provider_unreachable, provider_auth or rate_limited while the provider doesn't say.
        """
        if not self._vendors.reader(matter.payment.provider).capabilities.keeps_keys:
            return  # asked by sum and day, the answer could be about another one
        with self._desk.database.read() as conn:
            found = refunds.of_payment(conn, matter.payment.id)
        for earlier in (one for one in found if one.sent_count and one.state in _UNDONE and not one.work.reason):
            outcome = self._ask_and_compare(Matter(earlier, matter.payment), automatic=False)
            if not _is_read(outcome):
                code = part_code(outcome)
                facts = {"record": matter.refund, "reason": outcome.reason, "status": outcome.status}
                raise ConsoleError(code if code in _ASKED_IN_VAIN else "provider_unreachable", facts)

    def _ask_about_known(self, refund_id: int, *, automatic: bool) -> None:
        matter = refund_reading.matter(self._desk, refund_id)
        outcome = self._ask_and_compare(matter, automatic=automatic)
        code = part_code(outcome)
        if not _is_read(outcome) and code in _ASKED_IN_VAIN:
            record = refund_reading.current(self._desk, refund_id)
            raise ConsoleError(code, {"record": record, "reason": outcome.reason, "status": outcome.status})

    def _ask_and_compare(self, matter: Matter, *, automatic: bool) -> Answer:
        desk, reader = self._desk, self._vendors.reader(matter.payment.provider)
        desk.failpoints.reach("before_probe")
        outcome = reader.refund_status(matter.order)
        desk.failpoints.reach("after_probe")
        desk.write(lambda tx: self._follow(tx, matter, outcome, reader.capabilities, automatic))
        return outcome

    @refunds.runs_again()
    def _follow(
        self, tx: Transaction, matter: Matter, outcome: Answer, can: PaymentCapabilities, automatic: bool
    ) -> None:  # fmt: skip
        desk = self._desk
        refund = refund_writing.required(tx, matter.refund.id)
        outcome = _fitting(refund, outcome)
        refund_writing.keep_answer(desk, tx, refund, "refund_status", outcome)
        if outcome.reason in MISFITS:
            refund_writing.contradict(desk, tx, refund, outcome.reason, "answer_does_not_fit")
        elif refund.state is _R.SUBMITTED:
            self._follow_accepted(tx, refund, outcome, can, automatic=automatic)
        elif outcome.kind is OutcomeClass.NOT_FOUND and refund.state is _R.COMPLETED:
            refund_writing.contradict(desk, tx, refund, "not_found")
        else:
            refund_writing.compare(desk, tx, refund, outcome)

    def _follow_accepted(
        self, tx: Transaction, refund: Refund, outcome: Answer, can: PaymentCapabilities, *, automatic: bool
    ) -> None:
        """Acceptance that is known is not undone by "not found": somebody is told instead."""
        desk, now = self._desk, self._desk.now()
        if outcome.kind in (OutcomeClass.SUCCEEDED, OutcomeClass.FAILED_DEFINITE):
            refund_writing.write_settled(desk, tx, refund, outcome, can, {"by": "poll" if automatic else "probe"})
            return
        if outcome.kind is OutcomeClass.NOT_FOUND:
            refund_writing.contradict(desk, tx, refund, "not_found")
            return
        values = refund_writing.told(outcome.found, now)
        if outcome.reason == RETENTION:
            values |= refunds.work_values(Work(WorkState.NEEDS_REVIEW, None, RETENTION, refund.work.attempt))
        elif automatic:
            values |= refunds.work_values(self._next_poll(refund, can))
        if values:
            refunds.change(tx.conn, refund, now, **values)
        self._tell_of_delay(tx, refund)

    def _next_poll(self, refund: Refund, can: PaymentCapabilities) -> Work:
        attempts, desk = refund.work.attempt + 1, self._desk
        at = next_of_endless(refund_writing.polls(can), attempts, desk.now(), desk.scale)
        return Work(WorkState.SCHEDULED, at, POLL, attempts)

    def _tell_of_delay(self, tx: Transaction, refund: Refund) -> None:
        """An accepted refund ends by itself; after a day somebody should know that it has not."""
        desk, now, sent = self._desk, self._desk.now(), refund.last_sent_at
        if sent is None or now - sent < desk.scale.delta(REFUND_PATIENCE):
            return
        if cases.open_case(tx.conn, "refund_slow", KIND, refund.id, refund.provider_state or "", "completed", now):
            desk.note(tx, "refund.slow", refund.id, {"since": sent.isoformat()}, kind=KIND)


def _is_read(outcome: Answer) -> bool:
    return outcome.kind in (*HAPPENED, OutcomeClass.FAILED_DEFINITE, OutcomeClass.NOT_FOUND)


def _fitting(refund: Refund, outcome: Answer) -> Answer:
    """An answer that gives the refund another number than it had is about another refund."""
    report, known = outcome.found, refund.provider_refund_id
    if report is None or known is None or report.provider_refund_id in (None, known):
        return outcome
    return replace(outcome, kind=OutcomeClass.UNKNOWN, reason="other_id")


def _ours(refund: Refund) -> str:
    return f"{refund.provider_refund_key} {refund.amount_minor} {refund.currency}"
