"""Detail and PDF of a bought check: after the purchase, by hand, and by themselves. Can't reach the buying call."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import (
    CheckReport,
    CheckState,
    CreditCheck,
    Document,
    RefetchResult,
    Work,
    WorkState,
)
from console.domain.schedules import INCOMPLETE_REFETCHES, next_at
from console.providers.protocol import CreditReader, PdfAnswer
from console.services import refusals, settling
from console.services.desk import Desk
from console.services.guarded import Guard, Guarded, Subject
from console.services.heartbeat import Heartbeat
from console.store import credit_checks, evidence, journal, leases
from console.store.documents import Stored
from console.store.engine import Transaction
from console.store.leases import Lease

ACTION = "credit-check.refetch"
DETAIL, PDF = "detail", "pdf"
_FIELDS = ("company_name", "result", "purchased_at", "expired_at")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """What one reading call brought: its outcome, the report if any, the stored file if any."""

    name: str
    outcome: Outcome[object]
    report: CheckReport | None = None
    stored: Stored | None = None

    @property
    def got(self) -> bool:
        return self.outcome.kind is OutcomeClass.SUCCEEDED


def lease_name(record_id: int) -> str:
    """The record's own lease: re-fetch, probe, resolve and follow-ups exclude one another."""
    return f"credit_check_{record_id}"


class Completion:
    """Reads what a record lacks and writes what it got. Holds only the reading half of the vendor."""

    def __init__(self, desk: Desk, guard: Guard, heartbeat: Heartbeat, reader: Callable[[], CreditReader]) -> None:
        self._desk = desk
        self._guard = guard
        self._heartbeat = heartbeat
        self._reader = reader

    # After a purchase: tolerated, each part its own small transaction

    def follow_up(self, record_id: int, progress: Progress) -> None:
        """Fetch detail and PDF right after a purchase. Nothing raised here reaches the buyer."""
        with settling.tolerated(f"follow-ups of credit check {record_id}"), self._leased(record_id) as lease:
            if lease is None:
                return
            for name in (DETAIL, PDF):
                progress(name)
                with settling.tolerated(f"{name} of credit check {record_id}"):
                    self._follow_up_part(record_id, name)
            with self._desk.database.write() as tx:
                self._plan_next(tx, record_id, attempts=0)

    def _follow_up_part(self, record_id: int, name: str) -> None:
        part = self._fetch(self._record(record_id), name)
        with self._desk.database.write() as tx:
            self._apply(tx, record_id, part)
        self._desk.failpoints.reach(f"after_{name}")

    @contextmanager
    def _leased(self, record_id: int) -> Iterator[Lease | None]:
        desk, seconds = self._desk, self._heartbeat.lease_seconds
        with desk.database.write() as tx:
            lease = leases.take(tx.conn, lease_name(record_id), desk.holder(), desk.now(), seconds)
        beat = f"follow-up-{uuid.uuid4()}"
        self._heartbeat.add(beat, lambda: self._beat(lease))
        try:
            yield lease
        finally:
            self._heartbeat.remove(beat)
            if lease is not None:
                with desk.database.write() as tx:
                    leases.release(tx.conn, lease)

    def _beat(self, lease: Lease | None) -> None:
        if lease is not None:
            with self._desk.database.write() as tx:
                leases.renew(tx.conn, lease, self._desk.now(), self._heartbeat.lease_seconds)

    # By hand, and by the worker

    def refetch(
        self, record_id: int, *, detail: bool, pdf: bool, saw: int | None, progress: Progress
    ) -> RefetchResult:
        """Read the asked parts again. Raises not_refetchable, in_progress, viewing_period_over, stale_view; and
        with detail.record and detail.failed what the provider answered instead.
        """
        names = tuple(name for name, asked in ((DETAIL, detail), (PDF, pdf)) if asked)
        parts: list[Part] = []
        before = self._record(record_id)
        with refusals.audited(self._desk, ACTION, record_id):
            self._desk.require("refetch")
            self._guard.run(self._guarded(record_id, names, saw, parts, progress), progress)
        return self._result(before, parts)

    def _guarded(
        self, record_id: int, names: tuple[str, ...], saw: int | None, parts: list[Part], progress: Progress
    ) -> Guarded[None]:
        return Guarded(
            action=ACTION,
            lease=lease_name(record_id),
            waits=False,
            effect=False,
            check=lambda conn: self._refuse_hopeless(conn, record_id, saw),
            claim=lambda _tx, operation_id: self._subject(record_id, names, operation_id),
            call=lambda _subject: self._fetch_all(record_id, names, parts, progress),
            record=lambda tx, _subject, _outcome: self._apply_all(tx, record_id, parts),
            deliver=lambda _operation_id, _outcome: None,
        )

    def _refuse_hopeless(self, conn: Connection, record_id: int, saw: int | None) -> None:
        record = credit_checks.find(conn, record_id, journal.lapsed_subjects(conn))
        if record is None:
            raise ConsoleError("not_found", {"kind": credit_checks.KIND, "id": str(record_id)})
        if saw is not None and saw != record.version:
            raise stale_view(record, saw)
        if record.state is not CheckState.SUCCESS or record.credit_check_id is None:
            raise ConsoleError("not_refetchable", {"record": record, "state": record.state.value})
        if record.viewing_over:
            raise ConsoleError("viewing_period_over", {"record": record}, exit_status=3)

    def _subject(self, record_id: int, names: tuple[str, ...], operation_id: str) -> Subject:
        record = self._record(record_id)
        return Subject(
            credit_checks.KIND, record_id, record.client_id, record.corporation_number,
            key=f"refetch:{operation_id}", fingerprint=",".join(names),
        )  # fmt: skip

    def _fetch_all(
        self, record_id: int, names: tuple[str, ...], parts: list[Part], progress: Progress
    ) -> Outcome[None]:
        record = self._record(record_id)
        for name in names:
            progress(name)
            parts.append(self._fetch(record, name))
            self._desk.failpoints.reach(f"after_{name}")
        failed = next((part.outcome for part in parts if not part.got), None)
        if failed is None:
            return Outcome(OutcomeClass.SUCCEEDED, "fetched", Sent.YES)
        return Outcome(failed.kind, failed.reason, failed.sent, status=failed.status)

    def _apply_all(self, tx: Transaction, record_id: int, parts: list[Part]) -> None:
        for part in parts:
            self._apply(tx, record_id, part)
        record = credit_checks.find(tx.conn, record_id)
        self._plan_next(tx, record_id, attempts=record.work.attempt + 1 if record else 1)

    def _result(self, before: CreditCheck, parts: list[Part]) -> RefetchResult:
        with self._desk.database.read() as conn:
            record = credit_checks.find(conn, before.id) or before
            kept = evidence.documents_of(conn, credit_checks.KIND, record.id, record.pdf_file_path)
        failed = [part for part in parts if not part.got]
        if failed:
            raise self._failure(record, failed)
        return RefetchResult(record, _changed(before, record), _fetched_first(kept, parts))

    def _failure(self, record: CreditCheck, failed: list[Part]) -> ConsoleError:
        codes = [{"part": p.name, "code": part_code(p.outcome), "reason": p.outcome.reason} for p in failed]
        worst = min(codes, key=lambda code: _WORST_FIRST.index(code["code"]))
        return ConsoleError(
            worst["code"],
            {"record": record, "failed": codes, "reason": worst["reason"]},
            exit_status=5 if worst["code"] == "viewing_period_over" else None,
        )

    # One part: asking, and writing what it brought

    def _fetch(self, record: CreditCheck, name: str) -> Part:
        """Ask the provider, no transaction open; a PDF is stored by its content before any row points to it."""
        self._desk.failpoints.reach(f"before_{name}")
        provider_id = record.credit_check_id or 0
        if name == DETAIL:
            detail = self._reader().detail(provider_id)
            return _fitting(record, Part(name, detail, detail.found))
        answer = self._reader().pdf(provider_id)
        if answer.kind is not OutcomeClass.SUCCEEDED or not isinstance(answer.found, PdfAnswer):
            return Part(name, answer)
        part = _fitting(record, Part(name, answer, answer.found.report))
        if not part.got:
            return part
        return Part(name, answer, answer.found.report, self._desk.documents.put(answer.found.content))

    def _apply(self, tx: Transaction, record_id: int, part: Part) -> None:
        """Write one part: values that changed, the current PDF, or why there is none."""
        desk = self._desk
        record = credit_checks.find(tx.conn, record_id)
        if record is None:
            return
        settling.keep_answer(desk, tx, record, part.name, part.outcome)
        if not part.got:
            self._apply_failure(tx, record, part)
            return
        now = desk.now()
        values = settling.report_values(part.report, record, now) if part.report else {}
        changes = {name: value for name, value in values.items() if not _same(record, name, value)}
        if part.stored is not None:
            stored = part.stored
            evidence.add_document(
                tx.conn, record_id, credit_checks.KIND, stored.path, stored.sha256, stored.bytes, now
            )
            if record.pdf_file_path != stored.path:
                changes["pdf_file_path"] = stored.path
        if changes:
            credit_checks.change(tx.conn, record, now, **changes)
        desk.note(tx, f"credit-check.{part.name}_stored", record_id, {"changes": _before_after(record, changes)})

    def _apply_failure(self, tx: Transaction, record: CreditCheck, part: Part) -> None:
        desk, code = self._desk, part_code(part.outcome)
        if code == "viewing_period_over":
            credit_checks.change(tx.conn, record, desk.now(), viewing_over=True, error_code=code)
        else:
            credit_checks.change(tx.conn, record, desk.now(), error_code=part.outcome.reason[:64])
        if part.outcome.reason in _CONTRADICTIONS:
            settling.contradict(desk, tx, record, part.outcome.reason)
        reason = part.outcome.reason[:64]
        what = f"credit-check.{part.name}_failed"
        desk.note(tx, what, record.id, {"code": code}, result="failed", reason=reason)

    def _plan_next(self, tx: Transaction, record_id: int, attempts: int) -> None:
        """Schedule the next attempt, or call a person when the schedule has ended."""
        record = credit_checks.find(tx.conn, record_id)
        if record is None or record.work.reason == "contradicted":
            return
        now = self._desk.now()
        work = Work()
        if record.incomplete and not record.viewing_over:
            at = next_at(INCOMPLETE_REFETCHES, attempts, now, self._desk.scale)
            work = Work(WorkState.SCHEDULED, at, "incomplete", attempts)
            if at is None:
                work = Work(WorkState.NEEDS_REVIEW, None, "refetches_ended", attempts)
        cleared = {} if record.incomplete else {"error_code": None}
        credit_checks.change(tx.conn, record, now, **credit_checks.work_values(work), **cleared)

    def _record(self, record_id: int) -> CreditCheck:
        with self._desk.database.read() as conn:
            record = credit_checks.find(conn, record_id, journal.lapsed_subjects(conn))
        if record is None:
            raise ConsoleError("not_found", {"kind": credit_checks.KIND, "id": str(record_id)})
        return record


_CONTRADICTIONS = ("other_number", "http_404")
_WORST_FIRST = (
    "viewing_period_over", "provider_auth", "rate_limited", "provider_answer_unusable", "provider_refused",
    "provider_unreachable",
)  # fmt: skip


def part_code(outcome: Outcome[object]) -> str:
    """The error code of a reading that did not bring what was asked for."""
    if outcome.kind is OutcomeClass.AUTH:
        return "provider_auth"
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return "rate_limited"
    if outcome.status == 403:
        return "viewing_period_over"
    if outcome.status is None:
        return "provider_unreachable"
    return "provider_answer_unusable"


def stale_view(record: CreditCheck, saw: int) -> ConsoleError:
    """The record is no longer what the person saw."""
    changed = {"version": {"saw": saw, "now": record.version}, "state": record.state.value}
    return ConsoleError("stale_view", {"record": record, "changed": changed})


def _fitting(record: CreditCheck, part: Part) -> Part:
    """A report about another corporation is no report about this record."""
    number = part.report.corporation_number if part.report else None
    if number is None or number == record.corporation_number:
        return part
    wrong = part.outcome
    outcome: Outcome[object] = Outcome(
        OutcomeClass.UNKNOWN, "other_number", wrong.sent, None, wrong.status, wrong.evidence, wrong.sha256
    )
    return Part(part.name, outcome)


def _same(record: CreditCheck, name: str, value: object) -> bool:
    mine = getattr(record, name)
    return bool(value == (settling.stored(mine) if mine is not None else None))


def _before_after(record: CreditCheck, changes: dict[str, object]) -> dict[str, list[str | None]]:
    """For the timeline: field → [before, after] as text."""

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return {name: [text(getattr(record, name)), text(value)] for name, value in changes.items()}


def _changed(before: CreditCheck, after: CreditCheck) -> tuple[str, ...]:
    names = (*_FIELDS, "pdf_file_path")
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _fetched_first(kept: tuple[Document, ...], parts: list[Part]) -> tuple[Document, ...]:
    return kept if any(part.stored for part in parts) else tuple(doc for doc in kept if doc.current)
