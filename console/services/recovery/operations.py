"""Journal entries as records of their own, those that only the desk's spool knows included."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.order_records import Payment, Refund
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.permissions import may, same_person
from console.domain.records import CheckReport, CreditCheck, Operation, OperationState
from console.domain.results import Explanation, NextStep, OperationView, ResolveResult
from console.providers.protocol import CreditReader
from console.services import settling
from console.services.desk import Desk
from console.services.forgotten_refunds import ForgottenRefunds
from console.services.probing import Probing
from console.services.recovery import Recovery, read_proof, unconfirmed
from console.services.views import timeline
from console.store import approvals, credit_checks, evidence, journal, looks, refunds
from console.store.engine import Transaction
from console.store.journal import NewOperation
from console.store.spool import Intent, SpoolEntry, SpoolState

KIND = "operation"
_KIND_OF = {action: kind for kind, action in journal.EFFECT_OF.items()}


class Matters(Protocol):
    """What can be done about another kind of record whose operation is looked at."""

    def probe(self, id: int, /) -> Payment | Refund: ...

    def resolve(
        self, id: int, as_state: str, evidence: str | Path, provider_id: str | None = None, /
    ) -> ResolveResult: ...


class Operations:
    """Looks at, probes and resolves single operations; `others` by kind of record, credit checks left out."""

    def __init__(
        self,
        desk: Desk,
        recovery: Recovery,
        probing: Probing,
        reader: Callable[[], CreditReader],
        others: Mapping[str, Matters],
        forgotten: ForgottenRefunds,
    ) -> None:
        self._desk = desk
        self._recovery = recovery
        self._probing = probing
        self._reader = reader
        self._others = others
        self._forgotten = forgotten

    def show(self, operation_id: str) -> OperationView:
        """An operation with its history. Raises not_found, and not_allowed for who may not look."""
        operation = self._find(operation_id)
        with self._desk.database.read() as conn:
            kept = evidence.of_operation(conn, operation_id)
            record = looks.record(conn, operation.subject_id or 0) if _is_purchase(operation) else None
            history = timeline(conn, KIND, operation_id)
            history = (*timeline(conn, operation.subject_kind, str(operation.subject_id)), *history)
            waiting = approvals.open_proposal(conn, KIND, operation_id)
        explanation = self._explain(operation, record)
        return OperationView(operation, explanation, history, kept, "second_person" if waiting else None)

    def probe(self, operation_id: str) -> Operation | CreditCheck | Payment | Refund:
        """Ask about the operation's record, or about a refund that only the desk knows."""
        operation = self._find(operation_id)
        if operation.source == "database":
            other = self._others.get(operation.subject_kind)
            return (other or self._probing).probe(operation.subject_id or 0)
        entry = self._desk.spool.find(operation_id)
        if entry is not None and entry.intent.payment_id is not None:
            self._forgotten.probe(entry, operation)
            return self._find(operation_id)
        if entry is not None and entry.provider_id is not None:
            return self._restore(entry, entry.provider_id, b"")
        raise ConsoleError("outcome_unknown", {"record": operation, "reason": "only_desk_knows"})

    def resolve(
        self, operation_id: str, as_state: str, proof: str | Path, provider_id: int | str | None = None
    ) -> ResolveResult:
        """Decide about an operation: through its record where there is one, else about what the desk holds.

        What only the desk knows of a refund is `failed` on two people's word; `completed` is for the provider to say.
        """
        operation = self._find(operation_id)
        other = self._others.get(operation.subject_kind)
        if operation.source == "database" and other is not None:
            theirs = None if provider_id is None else str(provider_id)
            return other.resolve(operation.subject_id or 0, as_state, proof, theirs)
        if other is not None:
            return self._resolve_forgotten(operation, as_state, read_proof(proof))
        return self._resolve_purchase(operation, as_state, proof, _number(provider_id))

    def _resolve_forgotten(self, operation: Operation, as_state: str, proof: bytes) -> ResolveResult:
        person = self._desk.require("resolve")
        entry = self._desk.spool.find(operation.id)
        if entry is None or not entry.holds_claim:
            raise ConsoleError("nothing_to_resolve", {"record": operation})
        if as_state == "completed":
            if not self._forgotten.probe(entry, operation):
                raise ConsoleError("evidence_mismatch", {"record": operation, "reason": "provider_says_otherwise"})
            return ResolveResult(self._find(operation.id))
        if as_state != "failed":
            raise ConsoleError("usage", {"problem": "as_refund", "allowed": ["completed", "failed"]})
        return self._free(operation, proof, person.name)

    def _resolve_purchase(
        self, operation: Operation, as_state: str, proof: str | Path, provider_id: int | None
    ) -> ResolveResult:
        operation_id = operation.id
        if operation.source == "database":
            return self._recovery.resolve(operation.subject_id or 0, as_state, proof, provider_id)
        person = self._desk.require("resolve")
        kept = read_proof(proof)
        entry = self._desk.spool.find(operation_id)
        if entry is None or not entry.holds_claim:
            raise ConsoleError("nothing_to_resolve", {"record": operation})
        if as_state == "success":
            if provider_id is None:
                raise ConsoleError("usage", {"problem": "provider_id_missing"})
            return ResolveResult(self._restore(entry, provider_id, kept))
        if as_state != "error":
            raise ConsoleError("usage", {"problem": "as", "allowed": ["success", "error"]})
        return self._free(operation, kept, person.name)

    def _restore(self, entry: SpoolEntry, provider_id: int, proof: bytes) -> CreditCheck:
        """Write the vanished record again, once the provider has confirmed that it was bought."""
        desk, intent = self._desk, entry.intent
        outcome = self._reader().detail(provider_id)
        report = outcome.found
        placeholder = _operation(entry)
        if outcome.kind is not OutcomeClass.SUCCEEDED or report is None:
            raise unconfirmed(placeholder, outcome, deciding=bool(proof))
        if report.corporation_number != intent.corporation_number:
            raise ConsoleError("evidence_mismatch", {"record": placeholder, "reason": "other_number"})

        def settle(tx: Transaction) -> int:
            if credit_checks.with_provider_id(tx.conn, provider_id):
                raise ConsoleError("evidence_mismatch", {"record": placeholder, "reason": "used_by_other_record"})
            record_id = self._insert_again(tx, entry, outcome, report)
            if proof:
                subject, who = (credit_checks.KIND, record_id), desk.holder().operator
                evidence.add_proof(tx.conn, subject, intent.operation_id, who, proof, desk.now())
            return record_id

        record_id = desk.write(settle)
        desk.spool.ended(intent.operation_id, holds_claim=True, provider_id=provider_id)
        desk.spool.delivered(intent.operation_id)
        with desk.database.read() as conn:
            record = credit_checks.find(conn, record_id)
        if record is None:
            raise ConsoleError("not_found", {"kind": credit_checks.KIND, "id": str(record_id)})
        return record

    def _insert_again(
        self, tx: Transaction, entry: SpoolEntry, outcome: Outcome[CheckReport], report: CheckReport
    ) -> int:
        desk, intent = self._desk, entry.intent
        client, number = intent.client_id or "", intent.corporation_number or ""
        live = credit_checks.live(tx.conn, client, number)
        if live is not None:
            raise ConsoleError("already_purchased", {"record": live})
        taken = intent.record_id is None or credit_checks.find(tx.conn, intent.record_id) is not None
        record_id = credit_checks.insert_pending(
            tx.conn, client, number, intent.operation_id, desk.now(), None, None if taken else intent.record_id
        )
        if journal.find(tx.conn, intent.operation_id) is None:
            journal.begin(tx, _journal_row(intent, record_id), desk.holder(), intent.at, 0)
        record = credit_checks.find(tx.conn, record_id)
        if record is not None:  # the row is written by whoever restores it; who began it once is said beside
            settling.keep_answer(desk, tx, record, "restore", outcome)
            journal.settle(tx.conn, intent.operation_id, OperationState.DONE, outcome, desk.now())
            began = {"began_by": intent.operator, "began_at_desk": intent.desk_id}
            settling.write_success(desk, tx, record, report, {"by": "desk", **began})
        return record_id

    def _free(self, operation: Operation, proof: bytes, person: str) -> ResolveResult:
        """Not bought, on two people's word: the desk stops holding the claim."""
        desk = self._desk
        if desk.write(lambda tx: self._write_half(tx, operation, proof, person)):
            return ResolveResult(operation, awaiting="second_person")
        desk.spool.ended(operation.id, holds_claim=False)
        return ResolveResult(self._find(operation.id))

    def _write_half(self, tx: Transaction, operation: Operation, proof: bytes, person: str) -> bool:
        """Propose, or settle on the second person's word. True while a second one is needed."""
        desk, now = self._desk, self._desk.now()
        first = approvals.open_proposal(tx.conn, KIND, operation.id)
        if first is not None and same_person(person, first.person):
            raise ConsoleError("same_person", {"record": operation, "first": first.person})
        if first is not None and not may(desk.person(), "resolve_second"):
            raise ConsoleError("not_allowed", {"operator": person, "reason": "role", "needs": ["approver"]})
        proof_id = evidence.add_proof(tx.conn, (KIND, None), operation.id, person, proof, now)
        if first is None:
            approvals.propose(tx.conn, KIND, operation.id, "error", person, proof_id, now)
        else:
            approvals.close(tx.conn, KIND, operation.id, now)
        what = "operation.resolve_proposed" if first is None else "operation.resolved"
        desk.note(tx, what, operation.id, {"as": "error"}, kind=KIND)
        return first is None

    def _find(self, operation_id: str) -> Operation:
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            found = journal.seen(conn, operation_id)
            gone = found is not None and _is_gone(conn, found)
        if found is not None and not gone:
            return found
        entry = self._desk.spool.find(operation_id)
        if entry is not None and entry.intent.database_id == self._desk.database_id:
            return _operation(entry)
        if found is not None:
            return found
        raise ConsoleError("not_found", {"kind": KIND, "id": operation_id[:64]})

    def _explain(self, operation: Operation, record: CreditCheck | None) -> Explanation:
        if operation.source == "desk":
            ending = "success --provider-id ID" if operation.subject_kind == credit_checks.KIND else "failed"
            command = f"support-console resolve operation {operation.id} --as {ending} --evidence FILE"
            money = "" if operation.subject_kind == credit_checks.KIND else "_money"
            step = NextStep(f"next.resolve_operation{money}", {"id": operation.id}, command)
            verdict, why = f"verdict.only_desk_knows{money}", f"why.row_vanished{money}"
            return Explanation(verdict, why, step, may_act=("approver", "operator"))
        ended = operation.state in (OperationState.DONE, OperationState.FAILED)
        kind = operation.subject_kind
        number = operation.subject_id if kind in self._others else record.id if record else None
        shown = f"support-console show {kind} {number}" if number else None
        step = NextStep("next.nothing" if ended else "next.open_record", {"id": number}, shown)
        state = f"{operation.state.value}_money" if kind in self._others else operation.state.value
        return Explanation(f"verdict.operation_{state}", "why.operation", step)


def _is_purchase(operation: Operation) -> bool:
    return operation.action == journal.EFFECT_OF[credit_checks.KIND]


def _is_gone(conn: Connection, operation: Operation) -> bool:
    """Whether the journal has an operation whose record the database has lost."""
    if operation.subject_kind == refunds.KIND:
        return refunds.find(conn, operation.subject_id or 0) is None
    return _is_purchase(operation) and _row_of(conn, operation) is None


def _number(provider_id: int | str | None) -> int | None:
    """AlarmBox numbers its credit checks. Raises usage for what is no number."""
    if provider_id is None or isinstance(provider_id, int):
        return provider_id
    if not (provider_id.isascii() and provider_id.isdecimal() and len(provider_id) <= 18):
        raise ConsoleError("usage", {"problem": "provider_id"})
    return int(provider_id)


def _row_of(conn: Connection, operation: Operation) -> CreditCheck | None:
    return credit_checks.of_operation(conn, operation.corporation_number or "", operation.id)


def _journal_row(intent: Intent, record_id: int) -> NewOperation:
    return NewOperation(
        intent.operation_id, intent.action, credit_checks.KIND, record_id, intent.client_id,
        intent.corporation_number, key=f"restored:{intent.operation_id}", fingerprint=intent.fingerprint,
    )  # fmt: skip


def _operation(entry: SpoolEntry) -> Operation:
    intent = entry.intent
    ended = not entry.holds_claim
    happened = entry.state is SpoolState.ENDED and intent.payment_id is not None
    return Operation(
        id=intent.operation_id,
        action=intent.action,
        subject_kind=_KIND_OF.get(intent.action, credit_checks.KIND),
        subject_id=intent.record_id,
        state=OperationState.FAILED if ended else OperationState.DONE if happened else OperationState.UNKNOWN,
        operator=intent.operator,
        desk=intent.desk_id,
        started_at=intent.at,
        ended_at=None,
        corporation_number=intent.corporation_number,
        client_id=intent.client_id,
        source="desk",
    )
