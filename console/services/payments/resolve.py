"""Deciding what became of a payment: by one person where a provider's read confirms it, otherwise by two."""

from datetime import datetime
from pathlib import Path

from console.domain.deciding import way_of_decision, why_not_decide
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentReport, PaymentState
from console.domain.permissions import may, same_person
from console.domain.records import Certainty, OperationState
from console.domain.results import ResolveResult
from console.domain.truth import ENDED_UNPAID, PAID
from console.services import account_money, happened, order_moving, payment_work, refusals, timed_out
from console.services.desk import Desk
from console.services.happened import PaymentFact, what_happened
from console.services.payment_probing import PaymentProbing, told
from console.services.recovery import read_proof
from console.store import approvals, cases, evidence, journal, payments
from console.store.engine import Transaction

KIND = payments.KIND
ACTION = "payment.resolve"
CALL = "resolve"
ENDS = ("completed", "payment_failed", "reversed")
LONGEST_ID = 64
_P = PaymentState


class PaymentDeciding:
    """Decisions about payments whose outcome is unknown, or of which the provider says otherwise."""

    def __init__(self, desk: Desk, probing: PaymentProbing) -> None:
        self._desk = desk
        self._probing = probing

    def resolve(
        self,
        payment_id: int,
        as_state: str,
        proof: str | Path,
        provider_id: str | None = None,
        saw: int | None = None,
    ) -> ResolveResult:
        """Decide. Raises nothing_to_resolve, in_progress, same_person, not_allowed, evidence_mismatch, stale_view,
        no_evidence and usage.
        """
        kept = read_proof(proof)
        if as_state not in ENDS:
            raise ConsoleError("usage", {"problem": "as", "allowed": list(ENDS)})
        if provider_id is not None and not _is_id(provider_id):
            raise ConsoleError("usage", {"problem": "provider_id"})
        with refusals.audited(self._desk, ACTION, payment_id, {"as": as_state}, kind=KIND):
            person = self._desk.require("resolve").name
            with self._probing.held(payment_id) as payment:
                _require_open(payment, as_state, saw)
                self._desk.failpoints.reach("before_resolve")
                resolved = self._resolve(payment, _P(as_state), kept, person, provider_id)
                self._desk.failpoints.reach("after_resolve")
        return resolved

    def _resolve(
        self, payment: Payment, target: PaymentState, proof: bytes, person: str, provider_id: str | None
    ) -> ResolveResult:
        """First the provider is asked: what it confirms, one person may say."""
        asked_at, answer = self._desk.now(), self._probing.ask(payment)
        report = told(answer) if answer is not None else None
        if answer is not None and report is not None and answer.reason != "other_amount":
            fact = PaymentFact(report, asked_at, Way.READ, CALL, answer)
            return self._by_read(payment, target, proof, person, fact)
        try:
            awaits = self._desk.write(
                lambda tx: self._by_people(tx, payment, target, proof, person, answer, provider_id)
            )
        except payments.Stale:
            raise stale_view(self._probing.current(payment.id), payment.version) from None
        return ResolveResult(self._probing.current(payment.id), awaiting="second_person" if awaits else None)

    # Confirmed by a read

    def _by_read(
        self, payment: Payment, target: PaymentState, proof: bytes, person: str, fact: PaymentFact
    ) -> ResolveResult:
        if not _confirms(fact.report, target):
            self._desk.write(
                lambda tx: happened.keep_answer(self._desk, tx, payment, CALL, fact.answer)
            )
            raise ConsoleError("evidence_mismatch", {"record": payment, "reason": fact.report.provider_state})
        self._desk.write(lambda tx: self._write_read(tx, payment, target, proof, person, fact))
        return ResolveResult(self._probing.current(payment.id))

    @payments.runs_again()
    def _write_read(
        self, tx: Transaction, payment: Payment, target: PaymentState, proof: bytes, person: str, fact: PaymentFact
    ) -> None:
        desk = self._desk
        evidence.add_proof(tx.conn, (KIND, payment.id), payment.operation_id, person, proof, desk.now())
        what_happened(desk, tx, payment, fact)
        self._close(tx, payment.id)
        desk.note(tx, ACTION, payment.id, {"as": target.value, "by": "read"}, kind=KIND)

    def _close(self, tx: Transaction, payment_id: int) -> None:
        """What people have decided waits for nobody; an order that still has to follow goes on doing so."""
        desk, now = self._desk, self._desk.now()
        cases.close_cases(tx.conn, KIND, payment_id, now)
        approvals.close(tx.conn, KIND, str(payment_id), now)
        fresh = payment_work.required(tx, payment_id)
        if fresh.work.reason != payment_work.MOVE_ORDER:
            work = payment_work.resting(desk, tx, fresh, fresh.state)
            payments.change(tx.conn, fresh, now, **payments.work_values(work))

    # On two people's word

    def _by_people(
        self, tx: Transaction, payment: Payment, target: PaymentState, proof: bytes, person: str,
        answer: Outcome[PaymentReport] | None, provider_id: str | None,
    ) -> bool:  # fmt: skip
        """Propose, or settle on the second person's word. True while a second one is needed. Raises Stale."""
        desk, now = self._desk, self._desk.now()
        fresh = payment_work.required(tx, payment.id)
        if fresh.version != payment.version:
            raise payments.Stale(payment.id)
        if answer is not None:
            happened.keep_answer(desk, tx, payment, CALL, answer)
        first = approvals.open_proposal(tx.conn, KIND, str(payment.id))
        if first is not None and first.proposed == target.value:
            self._require_second(person, first.person, payment)
        elif first is not None:
            raise ConsoleError("evidence_mismatch", {"record": payment, "reason": "other_proposal"})
        proof_id = evidence.add_proof(tx.conn, (KIND, payment.id), payment.operation_id, person, proof, now)
        if first is None:
            approvals.propose(tx.conn, KIND, str(payment.id), target.value, person, proof_id, now)
            payments.change(tx.conn, fresh, now)
            facts = {"as": target.value, "evidence": proof_id}
            desk.note(tx, "payment.resolve_proposed", payment.id, facts, kind=KIND)
            return True
        self._settle(tx, fresh, target, answer, provider_id or _number_of(answer), first.person)
        return False

    def _require_second(self, person: str, first: str, payment: Payment) -> None:
        if same_person(person, first):
            raise ConsoleError("same_person", {"record": payment, "first": first})
        if not may(self._desk.person(), "resolve_second"):
            detail = {"operator": person, "reason": "role", "needs": ["approver"], "record": payment}
            raise ConsoleError("not_allowed", detail)

    def _settle(
        self, tx: Transaction, payment: Payment, target: PaymentState, answer: Outcome[PaymentReport] | None,
        provider_id: str | None, first: str,
    ) -> None:  # fmt: skip
        desk, now = self._desk, self._desk.now()
        if target is _P.COMPLETED and payment.state not in PAID:
            self._book(tx, payment, answer, provider_id, now)
        else:
            self._end(tx, payment, target, now)
            if target is _P.COMPLETED and payment.order_id is not None:
                tx.after_commit(lambda: order_moving.follow(desk, payment.id))
        self._close(tx, payment.id)
        if payment.operation_id is not None:
            state = OperationState.DONE if target is _P.COMPLETED else OperationState.FAILED
            journal.settle(tx.conn, payment.operation_id, state, _decided(), now)
        desk.note(tx, ACTION, payment.id, {"as": target.value, "by": "people", "first": first}, kind=KIND)

    def _book(
        self, tx: Transaction, payment: Payment, answer: Outcome[PaymentReport] | None, provider_id: str | None,
        now: datetime,
    ) -> None:  # fmt: skip
        """What the provider names, if it names a sum, and else what was asked for."""
        named = answer.found if answer is not None and told(answer) is not None else None
        amount = named.amount if named is not None else None
        report = PaymentReport(
            payment.merchant_payment_id, provider_id or f"people-{payment.id}", payment.provider_state or "people",
            _P.PAYMENT_SUCCESS, True, amount or Money(payment.asked_minor, payment.currency), refunds=None,
            paid_at=named.paid_at if named else None,
        )  # fmt: skip
        fact = PaymentFact(report, max(now, payment.told_at or now), Way.PEOPLE, CALL, _decided(report))
        what_happened(self._desk, tx, payment, fact)

    def _end(self, tx: Transaction, payment: Payment, target: PaymentState, now: datetime) -> None:
        path = way_of_decision(payment.state, target)
        if payment.account_minor and target in ENDED_UNPAID:
            account_money.release(tx, payment)
        values = {"certainty": Certainty.KNOWN, "error_code": "resolved_by_people", "account_minor": 0}
        payments.follow(tx.conn, payment, path, now, **values)
        if target in ENDED_UNPAID and path:
            timed_out.begin_behind(self._desk, tx, payment)
        if target is _P.REVERSED and path:
            account_money.take_back(tx, payment_work.required(tx, payment.id))


def _decided(report: PaymentReport | None = None) -> Outcome[PaymentReport]:
    """People's word as an outcome."""
    kind = OutcomeClass.SUCCEEDED if report is not None else OutcomeClass.FAILED_DEFINITE
    return Outcome(kind, "resolved_by_people", Sent.MAYBE, report)


def _require_open(payment: Payment, as_state: str, saw: int | None) -> None:
    """There is something to decide, and it is as the person saw it."""
    if saw is not None and saw != payment.version:
        raise stale_view(payment, saw)
    if why_not_decide(payment, _P(as_state)) is not None:
        raise ConsoleError("nothing_to_resolve", {"record": payment})


def _confirms(report: PaymentReport, target: PaymentState) -> bool:
    if target is _P.COMPLETED:
        return report.state in PAID and report.bookable
    return report.state is _P.PAYMENT_FAILED or (target is _P.PAYMENT_FAILED and report.state is _P.EXPIRED)


def _number_of(answer: Outcome[PaymentReport] | None) -> str | None:
    return answer.found.provider_payment_id if answer is not None and answer.found is not None else None


def _is_id(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return 0 < len(text) <= LONGEST_ID and plain.isascii() and plain.isalnum()


def stale_view(payment: Payment, saw: int) -> ConsoleError:
    """The payment is no longer what the person saw."""
    changed = {"version": {"saw": saw, "now": payment.version}, "state": payment.state.value}
    return ConsoleError("stale_view", {"record": payment, "changed": changed})
