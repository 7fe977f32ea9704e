"""Detail and PDF of a bought check: after the purchase, by hand, and by themselves. Can't reach the buying call."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import CheckState, CreditCheck, Document
from console.domain.results import RefetchResult
from console.services import reading, refusals, settling
from console.services.described import Guarded, Progress, Subject
from console.services.desk import Desk
from console.services.guarded import Guard
from console.services.heartbeat import Heartbeat
from console.services.parts import DETAIL, PDF, Part, Parts, broken_off, part_code
from console.store import credit_checks, evidence, leases
from console.store.engine import Transaction
from console.store.leases import Lease

ACTION = "credit-check.refetch"
_log = logging.getLogger("console.guard")
_FIELDS = ("company_name", "result", "purchased_at", "expired_at", "pdf_file_path")
_WORST_FIRST = (
    "viewing_period_over", "provider_auth", "rate_limited", "provider_answer_unusable", "provider_refused",
    "provider_unreachable", "documents_unreachable", "storage_full",
)  # fmt: skip


def lease_name(record_id: int) -> str:
    """The record's own lease: re-fetch, probe, resolve and follow-ups exclude one another."""
    return f"credit_check_{record_id}"


class Completion:
    """Reads what a record lacks, under its lease; its parts hold only the reading half of the vendor."""

    def __init__(self, desk: Desk, guard: Guard, heartbeat: Heartbeat, parts: Parts) -> None:
        self._desk = desk
        self._guard = guard
        self._heartbeat = heartbeat
        self._parts = parts

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
            self._desk.write(lambda tx: self._parts.plan_next(tx, record_id, attempts=0))

    def _follow_up_part(self, record_id: int, name: str) -> None:
        record = reading.current(self._desk, record_id)
        if record.state is not CheckState.SUCCESS:  # people decided otherwise while the answer was on its way
            return
        part = self._parts.fetch(record, name)
        self._desk.write(lambda tx: self._parts.apply(tx, record_id, part))
        self._desk.failpoints.reach(f"after_{name}")

    @contextmanager
    def _leased(self, record_id: int) -> Iterator[Lease | None]:
        desk, seconds = self._desk, self._heartbeat.lease_seconds
        name = lease_name(record_id)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        beat = f"follow-up-{uuid.uuid4()}"
        self._heartbeat.add(beat, lambda: self._beat(lease))
        try:
            yield lease
        finally:
            self._heartbeat.remove(beat)
            if lease is not None:
                desk.write(lambda tx: leases.release(tx.conn, lease))

    def _beat(self, lease: Lease | None) -> None:
        if lease is not None:
            desk, seconds = self._desk, self._heartbeat.lease_seconds
            desk.write(lambda tx: leases.renew(tx.conn, lease, desk.now(), seconds))

    # By hand, and by the worker

    def refetch(
        self, record_id: int, *, detail: bool, pdf: bool, saw: int | None, progress: Progress
    ) -> RefetchResult:
        """Read the asked parts again. Raises not_refetchable, in_progress, viewing_period_over, stale_view; and
        with detail.record and detail.failed what the provider answered instead.
        """
        names = tuple(name for name, asked in ((DETAIL, detail), (PDF, pdf)) if asked)
        parts: list[Part] = []
        with refusals.audited(self._desk, ACTION, record_id):
            self._desk.require("refetch")
            before = reading.current(self._desk, record_id)
            with self._desk.database.read() as conn:
                self._refuse_hopeless(conn, record_id, saw)
            self._parts.require_provider()
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
            deliver=lambda _operation_id, _outcome: True,
        )

    def _refuse_hopeless(self, conn: Connection, record_id: int, saw: int | None) -> None:
        record = reading.found(conn, record_id)
        if saw is not None and saw != record.version:
            raise stale_view(record, saw)
        if record.state is not CheckState.SUCCESS or record.credit_check_id is None:
            raise ConsoleError("not_refetchable", {"record": record, "state": record.state.value})
        if record.viewing_over:
            raise ConsoleError("viewing_period_over", {"record": record}, exit_status=3)

    def _subject(self, record_id: int, names: tuple[str, ...], operation_id: str) -> Subject:
        record = reading.current(self._desk, record_id)
        return Subject(
            credit_checks.KIND, record_id, record.client_id, record.corporation_number,
            key=f"refetch:{operation_id}", fingerprint=",".join(names),
        )  # fmt: skip

    def _fetch_all(
        self, record_id: int, names: tuple[str, ...], parts: list[Part], progress: Progress
    ) -> Outcome[None]:
        record = reading.current(self._desk, record_id)
        for name in names:
            try:
                progress(name)
                parts.append(self._parts.fetch(record, name))
                self._desk.failpoints.reach(f"after_{name}")
            except Exception as trouble:
                _log.warning("%s of credit check %s broke off", name, record_id, exc_info=True)
                if all(part.name != name for part in parts):
                    parts.append(broken_off(name, trouble))
        failed = next((part.outcome for part in parts if not part.got), None)
        if failed is None:
            return Outcome(OutcomeClass.SUCCEEDED, "fetched", Sent.YES)
        return Outcome(failed.kind, failed.reason, failed.sent, status=failed.status)

    def _apply_all(self, tx: Transaction, record_id: int, parts: list[Part]) -> None:
        for part in parts:
            self._parts.apply(tx, record_id, part)
        record = credit_checks.find(tx.conn, record_id)
        self._parts.plan_next(tx, record_id, attempts=record.work.attempt + 1 if record else 1)

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


def stale_view(record: CreditCheck, saw: int) -> ConsoleError:
    """The record is no longer what the person saw."""
    changed = {"version": {"saw": saw, "now": record.version}, "state": record.state.value}
    return ConsoleError("stale_view", {"record": record, "changed": changed})


def _changed(before: CreditCheck, after: CreditCheck) -> tuple[str, ...]:
    return tuple(name for name in _FIELDS if getattr(before, name) != getattr(after, name))


def _fetched_first(kept: tuple[Document, ...], parts: list[Part]) -> tuple[Document, ...]:
    return kept if any(part.stored for part in parts) else tuple(doc for doc in kept if doc.current)
