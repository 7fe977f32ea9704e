"""Settling what nobody knows: probes, decisions with evidence, and what only the desk remembers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.permissions import may, same_person
from console.domain.records import Certainty, CheckReport, CreditCheck, Operation, OperationState
from console.domain.results import ResolveResult
from console.providers.protocol import Capabilities, CreditReader
from console.services import reading, refusals, settling
from console.services.completion import lease_name, stale_view
from console.services.desk import Desk
from console.services.heartbeat import LEASE_SECONDS
from console.services.parts import part_code
from console.store import approvals, credit_checks, evidence, journal, leases
from console.store.engine import Transaction

KIND = credit_checks.KIND
ACTION = "credit-check.resolve"
LARGEST_EVIDENCE_BYTES = 10 * 1024 * 1024


class Recovery:
    """Decisions about credit checks whose outcome is unknown. Holds only the reading half of the vendor."""

    def __init__(
        self, desk: Desk, reader: Callable[[], CreditReader], capabilities: Callable[[], Capabilities]
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._capabilities = capabilities

    def resolve(
        self,
        record_id: int,
        as_state: str,
        proof: str | Path,
        provider_id: int | None = None,
        saw: int | None = None,
    ) -> ResolveResult:
        """Decide what became of an unknown purchase.

        `success` takes the provider's id, and one person where a read confirms it. `error` rests on evidence
        alone and takes two people, the second an approver. Raises nothing_to_resolve, in_progress, same_person,
        evidence_mismatch, no_evidence, stale_view and its like.
        """
        kept = read_proof(proof)
        if as_state not in ("success", "error"):
            raise ConsoleError("usage", {"problem": "as", "allowed": ["success", "error"]})
        if as_state == "success" and provider_id is None:
            raise ConsoleError("usage", {"problem": "provider_id_missing"})
        with refusals.audited(self._desk, ACTION, record_id, {"as": as_state}):
            return self._resolve(record_id, as_state, kept, provider_id, saw)

    def _resolve(
        self, record_id: int, as_state: str, kept: bytes, provider_id: int | None, saw: int | None
    ) -> ResolveResult:
        person = self._desk.require("resolve")
        with self.held(record_id, saw) as record:
            self._desk.failpoints.reach("before_resolve")
            if provider_id is not None and as_state == "success":
                resolved = ResolveResult(self._confirm(record, provider_id, kept))
            else:
                resolved = self._decide_unbought(record, kept, person.name)
            self._desk.failpoints.reach("after_resolve")
        return resolved

    @contextmanager
    def held(self, record_id: int, saw: int | None) -> Iterator[CreditCheck]:
        """The record, unknown and under its lease. A lapsed call is first written down as unknown."""
        desk = self._desk
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        record = self._open_matter(record_id, saw)
        name = lease_name(record_id)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        if lease is None:
            with desk.database.read() as conn:
                held = leases.holder_of(conn, name)
            raise ConsoleError("in_progress", {"record": record, **refusals.holding(held)})
        try:
            record = self._open_matter(record_id, saw)
            yield record
        except credit_checks.Stale:
            raise stale_view(reading.current(self._desk, record_id), record.version) from None
        finally:
            with settling.tolerated("giving a lease up"):
                desk.write(lambda tx: leases.release(tx.conn, lease))

    def _open_matter(self, record_id: int, saw: int | None) -> CreditCheck:
        record = reading.current(self._desk, record_id)
        if saw is not None and saw != record.version and not self._only_lapsed(record_id):
            raise stale_view(record, saw)
        with self._desk.database.read() as conn:
            running = journal.running_of(conn, KIND, record_id)
        if running is not None and running.action in journal.EFFECTS:
            raise ConsoleError(
                "in_progress",
                {"record": record, "holder": {"operator": running.operator, "desk": running.desk},
                 "since": running.started_at},
            )  # fmt: skip
        if record.operation_id and record.work.reason == "lapsed":
            settling.lapse(self._desk, record.operation_id, self._capabilities())
            record = reading.current(self._desk, record_id)
        if record.certainty is not Certainty.UNKNOWN:
            raise ConsoleError("nothing_to_resolve", {"record": record})
        return record

    def _only_lapsed(self, record_id: int) -> bool:
        """Whether the newest change is our own note that the process went away; nobody's decision is overrun."""
        with self._desk.database.read() as conn:
            record = credit_checks.find(conn, record_id)
        return record is not None and record.error_code == "lapsed"

    # Bought, confirmed by a read

    def _confirm(self, record: CreditCheck, provider_id: int, proof: bytes) -> CreditCheck:
        outcome = self._reader().detail(provider_id)
        report = outcome.found
        desk = self._desk
        if outcome.kind is not OutcomeClass.SUCCEEDED or report is None:
            self._keep_failed_reading(record, outcome)
            raise unconfirmed(record, outcome)
        mismatch = desk.write(lambda tx: self._write_read(tx, record, proof, outcome, report))
        if mismatch is not None:
            raise ConsoleError("evidence_mismatch", {"record": record, "reason": mismatch})
        self._end_spooled(record, bought=True, provider_id=provider_id)
        return reading.current(self._desk, record.id)

    def _write_read(
        self, tx: Transaction, record: CreditCheck, proof: bytes, outcome: Outcome[CheckReport], report: CheckReport
    ) -> str | None:
        """Settle by what was read; the reason where it doesn't fit the record, which then stays as it is."""
        desk = self._desk
        settling.keep_answer(desk, tx, record, "resolve", outcome)
        mismatch = self._mismatch(tx, record, report)
        if mismatch is None:
            evidence.add_proof(tx.conn, (KIND, record.id), record.operation_id, _who(desk), proof, desk.now())
            self._settle_success(tx, record, outcome, report)
        return mismatch

    def _keep_failed_reading(self, record: CreditCheck, outcome: Outcome[CheckReport]) -> None:
        def keep(tx: Transaction) -> None:
            settling.keep_answer(self._desk, tx, record, "resolve", outcome)
            self._desk.note(tx, "credit-check.resolve", record.id, result="refused", reason=outcome.reason[:64])

        self._desk.write(keep)

    def _mismatch(self, tx: Transaction, record: CreditCheck, report: CheckReport) -> str | None:
        if report.corporation_number != record.corporation_number:
            return "other_number"
        others = credit_checks.with_provider_id(tx.conn, report.credit_check_id)
        return "used_by_other_record" if any(other.id != record.id for other in others) else None

    def _settle_success(
        self, tx: Transaction, record: CreditCheck, outcome: Outcome[CheckReport], report: CheckReport
    ) -> None:
        if record.operation_id:
            journal.settle(tx.conn, record.operation_id, OperationState.DONE, outcome, self._desk.now())
        settling.write_success(self._desk, tx, record, report, {"by": "resolve"})

    # Not bought, on two people's word

    def _decide_unbought(self, record: CreditCheck, proof: bytes, person: str) -> ResolveResult:
        if self._desk.write(lambda tx: self._write_half(tx, record, proof, person)):
            return ResolveResult(reading.current(self._desk, record.id), awaiting="second_person")
        self._end_spooled(record, bought=False)
        return ResolveResult(reading.current(self._desk, record.id))

    def _write_half(self, tx: Transaction, record: CreditCheck, proof: bytes, person: str) -> bool:
        """Propose, or settle on the second person's word. True while a second one is needed."""
        desk, now = self._desk, self._desk.now()
        credit_checks.require_unchanged(tx.conn, record)
        first = approvals.open_proposal(tx.conn, KIND, str(record.id))
        if first is not None:
            self._require_second(person, first.person, record)
        proof_id = evidence.add_proof(tx.conn, (KIND, record.id), record.operation_id, person, proof, now)
        if first is not None:
            self._settle_error(tx, record, first.person)
            return False
        approvals.propose(tx.conn, KIND, str(record.id), "error", person, proof_id, now)
        credit_checks.raise_version(tx.conn, record, now)
        desk.note(tx, "credit-check.resolve_proposed", record.id, {"as": "error", "evidence": proof_id})
        return True

    def _require_second(self, person: str, first: str, record: CreditCheck) -> None:
        if same_person(person, first):
            raise ConsoleError("same_person", {"record": record, "first": first})
        if not may(self._desk.person(), "resolve_second"):
            detail = {"operator": person, "reason": "role", "needs": ["approver"], "record": record}
            raise ConsoleError("not_allowed", detail)

    def _settle_error(self, tx: Transaction, record: CreditCheck, first: str) -> None:
        outcome: Outcome[CheckReport] = Outcome(OutcomeClass.FAILED_DEFINITE, "resolved_by_people", Sent.MAYBE)
        if record.operation_id:
            journal.settle(tx.conn, record.operation_id, OperationState.FAILED, outcome, self._desk.now())
        settling.write_error(self._desk, tx, record, "resolved_by_people", {"first": first})

    def _end_spooled(self, record: CreditCheck, *, bought: bool, provider_id: int | None = None) -> None:
        if record.operation_id:
            with settling.tolerated("end of a resolved operation"):
                self._desk.spool.ended(record.operation_id, holds_claim=bought, provider_id=provider_id)


def _who(desk: Desk) -> str:
    return desk.holder().operator


def unconfirmed(
    record: CreditCheck | Operation, outcome: Outcome[CheckReport], *, deciding: bool = True
) -> ConsoleError:
    """The provider's read did not confirm what a person says (or, not `deciding`, what a probe asked).

    Whoever decides is told that nothing is known yet, whatever kept the provider from answering.
    """
    detail = {"record": record, "reason": outcome.reason, "status": outcome.status}
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return ConsoleError("evidence_mismatch", detail)
    code = part_code(outcome)
    told = ("provider_unreachable",) if deciding else ("provider_unreachable", "provider_auth", "rate_limited")
    return ConsoleError(code if code in told else "outcome_unknown", detail)


def read_proof(proof: str | Path) -> bytes:
    """The evidence itself: a file's content, or the statement. Raises no_evidence when it says nothing."""
    if isinstance(proof, Path):
        try:
            with proof.open("rb") as file:
                content = file.read(LARGEST_EVIDENCE_BYTES + 1)
        except OSError as trouble:
            raise ConsoleError("no_evidence", {"file": str(proof), "problem": str(trouble)}) from trouble
    else:
        content = proof.encode("utf-8", errors="replace")
    if len(content) > LARGEST_EVIDENCE_BYTES:
        raise ConsoleError("no_evidence", {"problem": "too_large", "largest": LARGEST_EVIDENCE_BYTES})
    if not content.strip():
        raise ConsoleError("no_evidence", {"problem": "empty"})
    return content
