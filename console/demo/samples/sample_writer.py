"""Writes all sample records to a database in one transaction, one table after another, with PDFs and audit
entries."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from console.demo.samples import payment_writer as money_writer
from console.demo.samples.credit_check_factory import CheckSample, SampleEvent
from console.demo.samples.payment_factory import PaymentSample
from console.demo.samples.record_rows import (
    ColumnValues,
    find_instant_of_state,
    insert_rows,
    make_case_row,
    make_evidence_row,
    make_operation_row,
)
from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.records import Certainty, CheckReport, Person, WorkReason
from console.services.process.context import ServiceContext
from console.store.access import operators as people
from console.store.audit.hash_chain import (
    FIRST_PREVIOUS_HASH,
    HASHED_COLUMNS,
    compute_row_hash,
    format_hashed_instant,
)
from console.store.credit_checks.credit_checks import CREDIT_CHECK_KIND
from console.store.database import boot_clock
from console.store.database.engine import Transaction
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.documents.documents import StoredDocument
from console.store.records import evidence
from console.store.schema import core as schema
from console.store.spool.spool import ChainHead

AuditTrailEvent = tuple[SampleEvent, str, int]
"""A sample event, with kind and id of its record."""
PdfRenderer = Callable[[CheckReport, int], bytes]
"""A function that returns the PDF which the provider would return for a report and its revision (from 1)."""

_RUNNING_LEASE_DURATION_MS = 3_600_000
"""Duration (milliseconds) of the lease of a sample purchase that is shown as running."""
_DOCUMENT_WRITER_THREAD_COUNT = 8
_PDF_FETCH_DELAY = timedelta(seconds=4)
_DEFAULT_CHECK_COLUMN_VALUES = {
    "certainty": "known", "work_state": "none", "work_at": None, "work_reason": None, "work_attempts": 0,
    "error_code": None, "viewing_over": False, "superseded_at": None, "superseded_by": None, "renews": None,
    "duplicate_of": None,
}  # fmt: skip


def write_samples(
    context: ServiceContext,
    samples: Sequence[CheckSample],
    team: Iterable[Person],
    render_pdf: PdfRenderer,
    payments: Sequence[PaymentSample] = (),
) -> None:
    """Write the people of `team`, the credit checks `samples` and the payments to an empty database. The PDFs are
    stored before the rows, so that no row refers to a missing file. `render_pdf` returns the PDF for a report and its
    version number (from 1).
    """
    documents_by_sample_id, people_of = (
        _store_documents(context, [sample for sample in samples if sample.has_pdf], render_pdf),
        tuple(team),
    )

    def write_samples_and_audit_trail(tx: Transaction) -> None:
        _write_samples_in_transaction(tx, context, samples, people_of, documents_by_sample_id)
        money_writer.write_payment_samples(context, tx, payments)
        checks = ((event, CREDIT_CHECK_KIND, sample.id) for sample in samples for event in sample.events)
        _write_audit_trail(context, tx, [*checks, *money_writer.list_audit_events(payments)])

    context.write(write_samples_and_audit_trail)


def _write_samples_in_transaction(
    tx: Transaction,
    context: ServiceContext,
    samples: Sequence[CheckSample],
    team: Sequence[Person],
    documents_by_sample_id: dict[int, list[StoredDocument]],
) -> None:
    for person in team:
        people.insert_person(tx.conn, person)
    renewed_ids = {sample.newer_sample.id: sample.id for sample in samples if sample.newer_sample}
    own_rows = [
        _make_check_row(sample, documents_by_sample_id, renewed_ids) for sample in samples if sample.journal_state
    ]
    insert_rows(tx, schema.credit_checks, own_rows)
    insert_rows(
        tx,
        schema.credit_checks,
        [_make_row_with_original_columns(sample) for sample in samples if not sample.journal_state],
    )
    insert_rows(
        tx, schema.operations, [_make_operation_row(context, sample) for sample in samples if sample.journal_state]
    )
    insert_rows(tx, schema.evidence, [row for sample in samples for row in _make_evidence_rows(sample)])
    insert_rows(
        tx,
        schema.documents,
        [row for sample in samples for row in _make_document_rows(sample, documents_by_sample_id)],
    )
    insert_rows(tx, schema.approvals, [_make_proposal_row(tx, sample) for sample in samples if sample.proposed_by])
    insert_rows(
        tx, schema.alerts, [_make_case_row(sample) for sample in samples if sample.sample_kind == "contradicted"]
    )


def _store_documents(
    context: ServiceContext, samples: Sequence[CheckSample], render_pdf: PdfRenderer
) -> dict[int, list[StoredDocument]]:
    """Store the PDFs of all samples, which `render_pdf` makes. Several threads store them in parallel, because each
    thread waits for the disk. Return the stored documents of each sample, by the sample's id.
    """
    with ThreadPoolExecutor(_DOCUMENT_WRITER_THREAD_COUNT) as pool:
        documents_of_samples = pool.map(
            lambda sample: _store_documents_of_check(context, sample, render_pdf), samples
        )
        return dict(zip((sample.id for sample in samples), documents_of_samples, strict=True))


def _store_documents_of_check(
    context: ServiceContext, sample: CheckSample, render_pdf: PdfRenderer
) -> list[StoredDocument]:
    """Store the PDFs of one sample, oldest first, and return the stored documents."""
    if sample.report is None:
        return []
    return [
        context.documents.store(render_pdf(sample.report, revision))
        for revision in range(1, sample.pdf_version_count + 1)
    ]


def _make_check_row(
    sample: CheckSample, documents_by_sample_id: dict[int, list[StoredDocument]], renewed_ids: dict[int, int]
) -> ColumnValues:
    """Return the row of a sample credit check in the table of credit checks. `documents_by_sample_id` are the stored
    PDFs; `renewed_ids` has, by the id of a newer sample, the id of the older credit check that it renews.
    """
    stored_documents = documents_by_sample_id.get(sample.id, [])
    changed_at = max((event.at for event in sample.events), default=sample.begun_at)
    is_unknown = sample.column_values.get("certainty") == Certainty.UNKNOWN
    row = (
        _DEFAULT_CHECK_COLUMN_VALUES
        | _make_row_with_original_columns(sample)
        | {
            "status": sample.status,
            "pdf_file_path": stored_documents[-1].path if stored_documents else None,
            "operation_id": sample.operation_id,
            "asked_at": convert_to_naive_utc(sample.begun_at),
            "created_at": convert_to_naive_utc(sample.begun_at),
            "changed_at": convert_to_naive_utc(changed_at),
            "state_since": convert_to_naive_utc(
                find_instant_of_state(
                    "credit-check", sample.status, sample.events, sample.begun_at, is_unknown=is_unknown
                )
            ),
            "version": len(sample.events) + 1,
            "renews": renewed_ids.get(sample.id),
        }
    )
    if sample.newer_sample:
        row |= {
            "superseded_by": sample.newer_sample.id,
            "superseded_at": convert_to_naive_utc(sample.newer_sample.begun_at),
        }
    if sample.original_sample:
        row["duplicate_of"] = sample.original_sample.id
    return row | {name: _convert_to_column_value(value) for name, value in sample.column_values.items()}


def _make_row_with_original_columns(sample: CheckSample) -> ColumnValues:
    """Return the row of a sample as another application writes it: with only those columns that the table had before
    this program added its own."""
    report = sample.report if sample.status == "success" else None
    has_part = {part: report is not None and part not in sample.missing_parts for part in ("name", "result", "dates")}
    report_with_dates = report if has_part["dates"] else None
    return {
        "id": sample.id,
        "client_id": int(sample.client_id),
        "corporation_number": sample.corporation_number,
        "credit_check_id": report.credit_check_id if report else None,
        "company_name": report.company_name if report and has_part["name"] else None,
        "result": report.result if report and has_part["result"] else None,
        "purchased_at": convert_to_naive_utc(get_start_of_japanese_day(report_with_dates.purchase_date))
        if report_with_dates and report_with_dates.purchase_date
        else None,
        "expired_at": convert_to_naive_utc(get_end_of_japanese_day(report_with_dates.expiration_date))
        if report_with_dates and report_with_dates.expiration_date
        else None,
    }


def _convert_to_column_value(value: object) -> object:
    """Return the value in the form in which the database stores it: an instant in UTC without a time zone, any other
    value unchanged."""
    return convert_to_naive_utc(value) if isinstance(value, datetime) else value


def _make_operation_row(context: ServiceContext, sample: CheckSample) -> ColumnValues:
    journal = sample.journal_state or ("", None, None)
    subject = (CREDIT_CHECK_KIND, sample.id)
    row = make_operation_row(
        context,
        subject,
        sample.operation_id,
        sample.corporation_number,
        sample.begun_at,
        journal,
        sample.buyer,
        duration_seconds=3,
    )
    expires = boot_clock.read_uptime_ms() + _RUNNING_LEASE_DURATION_MS if sample.is_running else 0
    return row | {"client_id": int(sample.client_id), "lease_expires": expires}


def _make_evidence_rows(sample: CheckSample) -> Iterator[ColumnValues]:
    for item in sample.evidence_items:
        yield make_evidence_row(item, (CREDIT_CHECK_KIND, sample.id), sample.operation_id)


def _make_document_rows(
    sample: CheckSample, documents_by_sample_id: dict[int, list[StoredDocument]]
) -> Iterator[ColumnValues]:
    for number, stored_document in enumerate(documents_by_sample_id.get(sample.id, [])):
        yield {
            "subject_kind": CREDIT_CHECK_KIND,
            "subject_id": sample.id,
            "path": stored_document.path,
            "sha256": stored_document.sha256,
            "bytes": stored_document.bytes,
            "fetched_at": convert_to_naive_utc(sample.begun_at + _PDF_FETCH_DELAY + number * timedelta(days=9)),
        }


def _make_proposal_row(tx: Transaction, sample: CheckSample) -> ColumnValues:
    """Return the proposal of a decision about the sample, and add the id of the proposer's evidence, which must be
    stored already, to the facts of the sample's last event."""
    stored_items = evidence.find_by_subject(tx.conn, CREDIT_CHECK_KIND, sample.id)
    evidence_id = max(item.id for item in stored_items if item.source == evidence.PERSON_SOURCE)
    sample.events[-1].detail["evidence"] = evidence_id
    return {
        "subject_kind": CREDIT_CHECK_KIND,
        "subject_id": str(sample.id),
        "action": "resolve",
        "proposed": "error",
        "person": sample.proposed_by,
        "evidence_id": evidence_id,
        "at": convert_to_naive_utc(sample.events[-1].at),
    }


def _make_case_row(sample: CheckSample) -> ColumnValues:
    last_event = sample.events[-1]
    return make_case_row(
        (CREDIT_CHECK_KIND, sample.id),
        WorkReason.CONTRADICTED,
        last_event.detail["observed"],
        sample.status,
        last_event.at,
    )


# -- audit trail


def _write_audit_trail(context: ServiceContext, tx: Transaction, trail: Sequence[AuditTrailEvent]) -> None:
    """Write all sample events in `trail` (with kind and id of their records) as audit entries of one session, in the
    sequence of their times, and store the anchors of their hash chain in the spool."""
    events = sorted(trail, key=lambda entry: entry[0].at)
    chain = str(uuid.uuid4())
    rows = list(_make_chain_rows(events, chain, context.spool.desk_id))
    insert_rows(tx, schema.audit_log, rows)
    heads = [ChainHead(chain, row["seq"], row["id"], row["hash"]) for row in rows]
    tx.call_after_commit(lambda: context.spool.store_anchors(context.database_id, heads))
    began_at = events[0][0].at if events else context.now()
    people.begin_session(
        tx.conn,
        chain,
        None,
        context.spool.desk_id,
        context.host_name,
        0,
        "samples",
        convert_to_aware_utc(convert_to_naive_utc(began_at)),
    )


def _make_chain_rows(events: Iterable[AuditTrailEvent], chain: str, desk_id: str) -> Iterator[ColumnValues]:
    """Yield the rows of the audit trail for these events, in their sequence. They form one hash chain: each row has
    the hash of the row before it. `chain` is the id of the session that writes the rows, `desk_id` that of its desk.
    """
    previous_hash = FIRST_PREVIOUS_HASH
    for seq, (event, kind, record_id) in enumerate(events, 1):
        values = _make_hashed_values(event, (kind, record_id), chain, seq, desk_id)
        row_hash = compute_row_hash(previous_hash, [values[name] for name in HASHED_COLUMNS])
        yield values | {"id": seq, "at": convert_to_naive_utc(event.at), "prev_hash": previous_hash, "hash": row_hash}
        previous_hash = row_hash


def _make_hashed_values(
    event: SampleEvent, subject: tuple[str, int], chain: str, seq: int, desk_id: str
) -> ColumnValues:
    """Return the hashed columns of one audit entry. `subject` is kind and id of its record, `chain` the id of the
    session, `seq` the number of the row in the session's chain, from 1; `desk_id` is the id of the session's desk."""
    return {
        "session": chain,
        "seq": seq,
        "at": format_hashed_instant(convert_to_naive_utc(event.at)),
        "who": event.actor,
        "desk": desk_id,
        "what": event.action,
        "subject_kind": subject[0],
        "subject_id": str(subject[1]),
        "result": event.result,
        "reason": event.reason,
        "detail": json.dumps(event.detail, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
    }
