"""Deciding what became of a refund that nobody knows: one person where the provider's read confirms it, else two."""

from pathlib import Path

from console.domain.errors import ConsoleError
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState
from console.domain.permissions import may, same_person
from console.domain.results import ResolveResult
from console.services import refund_reading, refund_writing, refusals
from console.services.described import HAPPENED
from console.services.desk import Desk
from console.services.payment_vendors import PaymentVendors
from console.services.recovery import read_proof
from console.services.refund_holding import RefundHolding
from console.services.refund_reading import Matter
from console.store import approvals, evidence, refunds
from console.store.engine import Transaction

KIND = refunds.KIND
ACTION = "refund.resolve"
LONGEST_NUMBER = 64
_R = RefundState
_STATES = {"completed": _R.COMPLETED, "failed": _R.FAILED}


class RefundRecovery:
    """Decisions about refunds. Gets only the reading half of the providers."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, holding: RefundHolding) -> None:
        self._desk = desk
        self._vendors = vendors
        self._holding = holding

    def resolve(
        self, refund_id: int, as_state: str, proof: str | Path, provider_id: str | None = None,
        saw: int | None = None,
    ) -> ResolveResult:  # fmt: skip
        """Decide what became of an unknown refund: `completed` (with the provider's number) or `failed`.

        The provider is asked first: its word settles it whoever decides. Without it two people decide with evidence,
        the second an approver. Raises nothing_to_resolve, in_progress, same_person, evidence_mismatch (the provider
        says otherwise, or the second person another number), no_evidence, stale_view and its like.
        """
        kept = read_proof(proof)
        state, number = _readable(as_state, provider_id)
        with refusals.audited(self._desk, ACTION, refund_id, {"as": as_state}, kind=KIND):
            person = self._desk.require("resolve").name
            with self._holding.held(refund_id, saw) as matter:
                self._desk.failpoints.reach("before_resolve")
                awaiting = self._decide(matter, state, number, kept, person)
                self._desk.failpoints.reach("after_resolve")
        return ResolveResult(refund_reading.current(self._desk, refund_id), awaiting=awaiting)

    def _decide(
        self, matter: Matter, state: RefundState, number: str | None, proof: bytes, person: str
    ) -> str | None:  # fmt: skip
        desk, refund = self._desk, matter.refund
        reader = self._vendors.reader(matter.payment.provider)
        outcome = reader.refund_status(matter.order)
        if outcome.kind in (*HAPPENED, OutcomeClass.FAILED_DEFINITE):
            settled = desk.write(lambda tx: self._settle_by_read(tx, refund, outcome, state, number, proof))
            if settled is not None:
                found = refund_reading.current(desk, refund.id)
                raise ConsoleError("evidence_mismatch", {"record": found, "reason": settled})
            return None
        waits = desk.write(lambda tx: self._write_half(tx, refund, outcome, state, number, proof, person))
        return "second_person" if waits else None

    # On the provider's word

    @refunds.runs_again()
    def _settle_by_read(
        self, tx: Transaction, asked: Refund, outcome: Outcome[RefundReport], state: RefundState, number: str | None,
        proof: bytes,
    ) -> str | None:  # fmt: skip
        """Write what the provider says; the reason where that is not what the person says."""
        desk = self._desk
        refund = refund_writing.required(tx, asked.id)
        theirs = outcome.found.provider_refund_id if outcome.found else None
        refund_writing.keep_answer(desk, tx, refund, "refund_status", outcome)
        if state is _R.COMPLETED and number not in (None, theirs, refund.provider_refund_key):
            return "other_id"
        evidence.add_proof(tx.conn, (KIND, refund.id), refund.operation_id, desk.holder().operator, proof, desk.now())
        same = {_R.COMPLETED: OutcomeClass.SUCCEEDED, _R.FAILED: OutcomeClass.FAILED_DEFINITE}[state] is outcome.kind
        if refund.state is _R.SUBMITTED and outcome.kind is OutcomeClass.PENDING:
            return "provider_says_otherwise"
        refund_writing.settle(desk, tx, refund, outcome, None, "resolve")
        return None if same else "provider_says_otherwise"

    # On two people's word

    def _write_half(
        self, tx: Transaction, asked: Refund, outcome: Outcome[RefundReport], state: RefundState, number: str | None,
        proof: bytes, person: str,
    ) -> bool:  # fmt: skip
        """Propose, or settle on the second person's word. True while a second one is needed."""
        desk, now = self._desk, self._desk.now()
        refund = refund_writing.required(tx, asked.id)
        if refund.version != asked.version:
            raise refunds.Stale(refund.id)
        refund_writing.keep_answer(desk, tx, refund, "refund_status", outcome)
        first = approvals.open_proposal(tx.conn, KIND, str(refund.id))
        if first is not None and first.proposed == state.value:
            self._require_second(tx, refund, first.person, person, number)
        subject, told = (KIND, refund.id), _with_number(number, proof)
        proof_id = evidence.add_proof(tx.conn, subject, refund.operation_id, person, told, now)
        if first is not None and first.proposed == state.value:
            self._settle_by_people(tx, refund, state, number, first.person)
            return False
        approvals.close(tx.conn, KIND, str(refund.id), now)  # whoever proposed something else is overruled openly
        approvals.propose(tx.conn, KIND, str(refund.id), state.value, person, proof_id, now)
        refunds.change(tx.conn, refund, now)
        facts = {"as": state.value, "evidence": proof_id, "provider_id": number}
        desk.note(tx, "refund.resolve_proposed", refund.id, facts, kind=KIND)
        return True

    def _require_second(self, tx: Transaction, refund: Refund, first: str, person: str, number: str | None) -> None:
        if same_person(person, first):
            raise ConsoleError("same_person", {"record": refund, "first": first})
        if not may(self._desk.person(), "resolve_second"):
            detail = {"operator": person, "reason": "role", "needs": ["approver"], "record": refund}
            raise ConsoleError("not_allowed", detail)
        proposed = [item for item in evidence.of_subject(tx.conn, KIND, refund.id) if item.who == first]
        if number is not None and not any(item.body.startswith(_line(number)) for item in proposed):
            raise ConsoleError("evidence_mismatch", {"record": refund, "reason": "other_id"})

    def _settle_by_people(
        self, tx: Transaction, refund: Refund, state: RefundState, number: str | None, first: str
    ) -> None:
        desk, completed = self._desk, state is _R.COMPLETED
        kind = OutcomeClass.SUCCEEDED if completed else OutcomeClass.FAILED_DEFINITE
        outcome: Outcome[RefundReport] = Outcome(kind, "resolved_by_people", Sent.MAYBE)
        refund_writing.end_operation(desk, tx, refund, outcome)
        if completed:
            refund_writing.write_completed(desk, tx, refund, None, {"by": "people", "first": first}, number)
        else:
            refund_writing.write_failed(desk, tx, refund, "resolved_by_people", None, {"first": first})


def _readable(as_state: str, provider_id: str | None) -> tuple[RefundState, str | None]:
    state, number = _STATES.get(as_state), (provider_id or "").strip() or None
    if state is None:
        raise ConsoleError("usage", {"problem": "as_refund", "allowed": sorted(_STATES)})
    if state is _R.COMPLETED and number is None:
        raise ConsoleError("usage", {"problem": "provider_id"})
    if number is not None and (len(number) > LONGEST_NUMBER or not number.isascii() or not number.isprintable()):
        raise ConsoleError("usage", {"problem": "provider_id", "longest": LONGEST_NUMBER})
    return state, number if state is _R.COMPLETED else None


def _line(number: str) -> str:
    return f"number {number}\n"


def _with_number(number: str | None, proof: bytes) -> bytes:
    """Whoever says that it is done says under which number: part of their evidence."""
    return proof if number is None else _line(number).encode() + proof
