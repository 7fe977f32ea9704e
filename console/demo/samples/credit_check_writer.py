"""Puts samples into a desk's database: whole tables at a time, in one transaction, with PDFs and audit trail."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from console.domain.dates import day_begins, day_ended
from console.domain.records import CheckReport, Person
from console.services.desk import Desk
from console.services.samples import money_writer
from console.services.samples.maker import Event, Sample
from console.services.samples.money_maker import PaymentSample
from console.store import boot_clock, people, schema
from console.store.audit_chain import CONTENT, START, digest, instant_form
from console.store.credit_checks import KIND
from console.store.documents import Stored
from console.store.engine import Transaction
from console.store.leases import aware, naive
from console.store.spool import Head

Row = dict[str, Any]
Told = tuple[Event, str, int]
"""An event with the kind and id of its record."""
Render = Callable[[CheckReport, int], bytes]
"""A report and its revision (from 1) → the PDF that the provider would hand out."""

_RUNNING_MS = 3_600_000
_WRITERS = 8
_PDF_DELAY = timedelta(seconds=4)
_OWN = {
    "certainty": "known", "work_state": "none", "work_at": None, "work_reason": None, "work_attempts": 0,
    "error_code": None, "viewing_over": False, "superseded_at": None, "superseded_by": None, "renews": None,
    "duplicate_of": None,
}  # fmt: skip


def fill(
    desk: Desk, samples: Sequence[Sample], team: Iterable[Person], render: Render,
    payments: Sequence[PaymentSample] = (),
) -> None:  # fmt: skip
    """Write `team` and all samples into an empty database; documents first, so that no row points to nothing."""
    reports, people_of = _store_all(desk, [sample for sample in samples if sample.has_pdf], render), tuple(team)

    def write(tx: Transaction) -> None:
        _fill(tx, desk, samples, people_of, reports)
        money_writer.add(desk, tx, payments)
        checks = ((event, KIND, sample.id) for sample in samples for event in sample.events)
        _add_trail(desk, tx, [*checks, *money_writer.trail(payments)])

    desk.write(write)


def _fill(
    tx: Transaction, desk: Desk, samples: Sequence[Sample], team: Sequence[Person], reports: dict[int, list[Stored]]
) -> None:
    for person in team:
        people.add(tx.conn, person)
    renews = {sample.successor.id: sample.id for sample in samples if sample.successor}
    own = [_own_row(sample, reports, renews) for sample in samples if sample.journal]
    _add(tx, schema.credit_checks, own)
    _add(tx, schema.credit_checks, [_foreign_row(sample) for sample in samples if not sample.journal])
    _add(tx, schema.operations, [_operation(desk, sample) for sample in samples if sample.journal])
    _add(tx, schema.evidence, [row for sample in samples for row in _evidence(sample)])
    _add(tx, schema.documents, [row for sample in samples for row in _documents(sample, reports)])
    _add(tx, schema.approvals, [_proposal(sample) for sample in samples if sample.proposed_by])
    _add(tx, schema.alerts, [_case(sample) for sample in samples if sample.kind == "contradicted"])


def _add(tx: Transaction, table: Table, rows: list[Row]) -> None:
    if rows:
        tx.conn.execute(insert(table), rows)


def _store_all(desk: Desk, samples: Sequence[Sample], render: Render) -> dict[int, list[Stored]]:
    """The PDFs by record; in several threads, because each waits until the disk has its file."""
    with ThreadPoolExecutor(_WRITERS) as pool:
        stored = pool.map(lambda sample: _store(desk, sample, render), samples)
        return dict(zip((sample.id for sample in samples), stored, strict=True))


def _store(desk: Desk, sample: Sample, render: Render) -> list[Stored]:
    """The sample's PDFs, oldest first."""
    if sample.report is None:
        return []
    return [desk.documents.put(render(sample.report, revision)) for revision in range(1, sample.revisions + 1)]


def _own_row(sample: Sample, reports: dict[int, list[Stored]], renews: dict[int, int]) -> Row:
    kept = reports.get(sample.id, [])
    changed = max((event.at for event in sample.events), default=sample.at)
    row = _OWN | _foreign_row(sample) | {
        "status": sample.status,
        "pdf_file_path": kept[-1].path if kept else None,
        "operation_id": sample.operation_id,
        "asked_at": naive(sample.at),
        "created_at": naive(sample.at),
        "changed_at": naive(changed),
        "version": len(sample.events) + 1,
        "renews": renews.get(sample.id),
    }  # fmt: skip
    if sample.successor:
        row |= {"superseded_by": sample.successor.id, "superseded_at": naive(sample.successor.at)}
    if sample.original:
        row["duplicate_of"] = sample.original.id
    return row | {name: _stored(value) for name, value in sample.values.items()}


def _foreign_row(sample: Sample) -> Row:
    """The original columns alone: what another application writes."""
    report = sample.report if sample.status == "success" else None
    has = {part: report is not None and part not in sample.missing for part in ("name", "result", "dates")}
    days = report if has["dates"] else None
    return {
        "id": sample.id,
        "client_id": int(sample.client),
        "corporation_number": sample.number,
        "credit_check_id": report.credit_check_id if report else None,
        "company_name": report.company_name if report and has["name"] else None,
        "result": report.result if report and has["result"] else None,
        "purchased_at": naive(day_begins(days.purchase_date)) if days and days.purchase_date else None,
        "expired_at": naive(day_ended(days.expiration_date)) if days and days.expiration_date else None,
    }


def _stored(value: object) -> object:
    return naive(value) if isinstance(value, datetime) else value


def _operation(desk: Desk, sample: Sample) -> Row:
    state, outcome, reason = sample.journal or ("", None, None)
    ended = sample.at + timedelta(seconds=3) if state in ("done", "failed") else None
    return {
        "id": sample.operation_id,
        "action": "credit-check.purchase",
        "subject_kind": KIND,
        "subject_id": sample.id,
        "client_id": int(sample.client),
        "corporation_number": sample.number,
        "state": state,
        "idempotency_key": f"sample:{sample.operation_id}",
        "fingerprint": sample.operation_id.replace("-", ""),
        "operator": sample.who,
        "desk": desk.spool.desk_id,
        "host": desk.host,
        "process": 0,
        "session": desk.session,
        "started_at": naive(sample.at),
        "ended_at": naive(ended) if ended else None,
        "outcome_class": outcome,
        "outcome_reason": reason,
        "lease_clock": boot_clock.boot_id(),
        "lease_expires": boot_clock.uptime_ms() + _RUNNING_MS if sample.running else 0,
    }


def _evidence(sample: Sample) -> Iterator[Row]:
    for answer in sample.answers:
        yield money_writer.answer_row(answer, KIND, sample.id, sample.operation_id)


def _documents(sample: Sample, reports: dict[int, list[Stored]]) -> Iterator[Row]:
    for number, stored in enumerate(reports.get(sample.id, [])):
        yield {
            "subject_kind": KIND,
            "subject_id": sample.id,
            "path": stored.path,
            "sha256": stored.sha256,
            "bytes": stored.bytes,
            "fetched_at": naive(sample.at + _PDF_DELAY + number * timedelta(days=9)),
        }


def _proposal(sample: Sample) -> Row:
    return {
        "subject_kind": KIND,
        "subject_id": str(sample.id),
        "action": "resolve",
        "proposed": "error",
        "person": sample.proposed_by,
        "at": naive(sample.events[-1].at),
    }


def _case(sample: Sample) -> Row:
    last = sample.events[-1]
    return {
        "rule_id": "contradicted",
        "subject_kind": KIND,
        "subject_id": sample.id,
        "observed": last.detail["observed"],
        "expected": sample.status,
        "detected_at": naive(last.at),
    }


# ---- the audit trail


def _add_trail(desk: Desk, tx: Transaction, told: Sequence[Told]) -> None:
    """All events in the order in which they happened, as one chain, anchored like every other."""
    events = sorted(told, key=lambda one: one[0].at)
    chain = str(uuid.uuid4())
    rows = list(_chained(events, chain, desk.spool.desk_id))
    _add(tx, schema.audit_log, rows)
    heads = [Head(chain, row["seq"], row["id"], row["hash"]) for row in rows]
    tx.after_commit(lambda: desk.spool.anchor(desk.database_id, heads))
    began = events[0][0].at if events else desk.now()
    people.begin_session(tx.conn, chain, None, desk.spool.desk_id, desk.host, 0, "samples", aware(naive(began)))


def _chained(events: Iterable[Told], chain: str, desk_id: str) -> Iterator[Row]:
    before = START
    for seq, (event, kind, record_id) in enumerate(events, 1):
        row = _trail_row(event, (kind, record_id), chain, seq, desk_id)
        hashed = digest(before, [row[name] for name in CONTENT])
        yield row | {"id": seq, "at": naive(event.at), "prev_hash": before, "hash": hashed}
        before = hashed


def _trail_row(event: Event, subject: tuple[str, int], chain: str, seq: int, desk_id: str) -> Row:
    return {
        "session": chain,
        "seq": seq,
        "at": instant_form(naive(event.at)),
        "who": event.who,
        "desk": desk_id,
        "what": event.what,
        "subject_kind": subject[0],
        "subject_id": str(subject[1]),
        "result": event.result,
        "reason": event.reason,
        "detail": json.dumps(event.detail, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
    }
