"""Rows of evidence (providers' answers, and texts and files that people handed in) and of stored PDFs. A row of a PDF
is about one record; a row of evidence is about one record or, without a record id, about none."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Insert, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.records import Document, EvidenceItem
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.error_codes import RunAgain
from console.store.database.instants import (
    SERVER_TIME_EXPRESSION,
    convert_to_aware_utc,
    convert_to_naive_utc,
    make_present_time_value,
)
from console.store.schema.core import UNCOUNTED_EVIDENCE_KIND_SUFFIX, documents, evidence

if TYPE_CHECKING:
    from console.domain.provider_outcome import Outcome, OutcomeClass
    from console.domain.recovery.decision_reasons import PersonEvidence

LONGEST_BODY_CHARACTERS = 20_000
"""Longest stored text (characters) of evidence."""
PERSON_SOURCE = "person"
"""Source of evidence that a person handed in."""
_ROWS_PER_PAGE = 100
_MAX_NEWEST_ROWS = 200
_FIRST_SERVER_ERROR_STATUS = 500
_ANSWER_STATUS_PATTERN = re.compile(r"HTTP (\d{3}) ")
"""Regular expression for the beginning of the column `summary` of an answer with an HTTP status."""
_INSERT_EVIDENCE_STATEMENT = insert(evidence)
_INSERT_EVIDENCE_WITH_SERVER_TIME_STATEMENT = insert(evidence).values(at=SERVER_TIME_EXPRESSION)


def add_answer(
    conn: Connection,
    subject: tuple[str, int | None],
    operation_id: str | None,
    evidence_source: str,
    actor: str,
    outcome: "Outcome[object]",
    now: datetime,
) -> int:
    """Store a provider's answer as evidence, in the form without secrets that the adapter made, and return the id of
    the evidence. `outcome` is the outcome of the call, with this form of the answer.

    If no answer came, store this fact. `subject` is the kind and id of the record; the id is None if the answer is
    about no single record. `operation_id` is the operation of the call; None if the call belongs to no operation.
    `evidence_source` is the name of the call, such as `paypay.refund`; `actor` is the person or program that made the
    call.
    """
    row = _make_answer_row(subject, operation_id, evidence_source, actor, outcome)
    return _insert_evidence(conn, row, now)


def add_answer_with_next_statement(
    conn: Connection,
    subject: tuple[str, int | None],
    operation_id: str | None,
    evidence_source: str,
    actor: str,
    outcome: "Outcome[object]",
    now: datetime,
) -> None:
    """Store a provider's answer like `add_answer`, with the same arguments, at the latest together with the next
    statement of the transaction (`execute_with_next_statement`)."""
    row = _make_answer_row(subject, operation_id, evidence_source, actor, outcome)
    execute_with_next_statement(conn, *_add_insertion_time(conn, row, now))


def _make_answer_row(
    subject: tuple[str, int | None],
    operation_id: str | None,
    evidence_source: str,
    actor: str,
    outcome: "Outcome[object]",
) -> dict[str, object]:
    status = f"HTTP {outcome.status} " if outcome.status else ""
    summary = f"{status}{outcome.kind.value} {outcome.reason}"
    digest = _compute_digest(outcome)
    return _make_evidence_row(subject, operation_id, evidence_source, actor, digest, summary, outcome.evidence)


def read_newest_answer_times(conn: Connection) -> dict[str, datetime]:
    """Return, for each provider with an answer among the newest rows of evidence, the time of its newest answer
    (aware UTC), whichever call of whichever desk or worker it came from. An error of the provider's server (HTTP
    status 500 and above) is no answer."""
    query = select(evidence.c.source, evidence.c.summary, evidence.c.at)
    newest_at_by_provider: dict[str, datetime] = {}
    for row in conn.execute(query.order_by(evidence.c.id.desc()).limit(_MAX_NEWEST_ROWS)):
        match, at = _ANSWER_STATUS_PATTERN.match(row.summary or ""), convert_to_aware_utc(row.at)
        provider, dot, _ = row.source.partition(".")
        if dot and match is not None and int(match[1]) < _FIRST_SERVER_ERROR_STATUS:
            newest_at_by_provider[provider] = max(at, newest_at_by_provider.get(provider, at))
    return newest_at_by_provider


def has_answer(conn: Connection, operation_id: str, evidence_source: str, outcome: "Outcome[object]") -> bool:
    """True if an answer with the same content as `outcome`, from the call `evidence_source` (such as
    `paypay.refund`), is stored as evidence of the operation."""
    return (
        conn.scalar(
            select(evidence.c.id)
            .where(
                evidence.c.operation_id == operation_id,
                evidence.c.source == evidence_source,
                evidence.c.sha256 == _compute_digest(outcome),
            )
            .limit(1)
        )
        is not None
    )


def has_equal_newest_answer(
    conn: Connection, subject: tuple[str, int], evidence_source: str, outcome: "Outcome[object]"
) -> bool:
    """True if the newest answer of the call `evidence_source` (such as `atom.payment`) that is stored as evidence of
    the record has the same content, HTTP status, class and reason as `outcome`. `subject` is the kind and id of the
    record."""
    query = select(evidence.c.sha256, evidence.c.summary).where(
        evidence.c.subject_kind == subject[0],
        evidence.c.subject_id == subject[1],
        evidence.c.source == evidence_source,
    )
    newest_row = conn.execute(query.order_by(evidence.c.id.desc()).limit(1)).first()
    row = _make_answer_row(subject, None, evidence_source, "", outcome)
    return newest_row is not None and tuple(newest_row) == (row["sha256"], row["summary"])


def has_person_evidence(conn: Connection, operation_id: str) -> bool:
    """True if a text or file that a person handed in is stored as evidence of the operation."""
    query = select(evidence.c.id).where(evidence.c.operation_id == operation_id, evidence.c.source == PERSON_SOURCE)
    return conn.execute(query.limit(1)).first() is not None


def has_answer_of_class(
    conn: Connection, operation_id: str, sources: Collection[str], outcome_class: "OutcomeClass"
) -> bool:
    """True if an answer of this outcome class from one of these sources is stored as evidence of the operation."""
    summaries = conn.scalars(
        select(evidence.c.summary).where(
            evidence.c.operation_id == operation_id, evidence.c.source.in_(sorted(sources))
        )
    )
    return any(outcome_class.value in summary.split() for summary in summaries)


def _compute_digest(outcome: "Outcome[object]") -> str:
    """Return the SHA-256 (hex) of an answer: the SHA-256 that the outcome contains or, if it contains none, the
    SHA-256 of its evidence text."""
    return outcome.sha256 or hashlib.sha256(outcome.evidence.encode()).hexdigest()


def add_person_evidence(
    conn: Connection,
    subject: tuple[str, int | None],
    operation_id: str | None,
    actor: str,
    proof: "PersonEvidence",
    now: datetime,
) -> int:
    """Store `proof`, a text or file that a person handed in, as evidence, and return the id of the evidence.
    `subject` is the kind and id of the record, `operation_id` the operation whose outcome the evidence shows (None:
    no operation), `actor` the person.

    The row has the SHA-256 of the content, the content as text, and a summary. The summary is the person's decision
    reason in the form `[code] …` or, without a reason, the beginning of the text. A beginning that looks like `[code]
    …` gets a space before it, so that nobody reads it as a decision reason.
    """
    from console.domain.recovery.decision_reasons import parse_stated_reason  # only for the evidence of people

    text = proof.content.decode("utf-8", errors="replace").replace("\x00", "")
    digest = hashlib.sha256(proof.content).hexdigest()
    if proof.reason is None:
        # A text such as "[not_listed] …" states no reason: the person was not asked for a code.
        summary = f" {text[:200]}" if parse_stated_reason(text[:200]) else text[:200]
    else:
        summary = proof.reason.format_summary()
    row = _make_evidence_row(subject, operation_id, PERSON_SOURCE, actor, digest, summary, text)
    return _insert_evidence(conn, row, now)


def _make_evidence_row(
    subject: tuple[str, int | None], operation_id: str | None, evidence_source: str, actor: str, digest: str,
    summary: str, body: str,
) -> dict[str, object]:  # fmt: skip
    """Return the values of a row of evidence, by column name. `subject` is the kind and id of the record,
    `evidence_source` the provider's call or PERSON_SOURCE, `actor` the person or program that stores the row,
    `digest` the SHA-256 (hex) of the answer, text or file. `operation_id` is the operation from which the evidence
    comes, None if it comes from no operation. A summary of more than 255 characters, and a body of more than
    LONGEST_BODY_CHARACTERS, are cut.
    """
    kind, subject_id = subject
    return {
        "subject_kind": kind,
        "subject_id": subject_id,
        "operation_id": operation_id,
        "source": evidence_source,
        "who": actor,
        "sha256": digest,
        "summary": summary[:255],
        "body": body[:LONGEST_BODY_CHARACTERS],
    }


def _insert_evidence(conn: Connection, row: dict[str, object], now: datetime) -> int:
    """Insert a row of evidence and return its id."""
    key = conn.execute(*_add_insertion_time(conn, row, now)).inserted_primary_key
    return int(key[0]) if key else 0


def _add_insertion_time(
    conn: Connection, row: dict[str, object], now: datetime
) -> tuple[Insert, Mapping[str, object]]:
    """Return the statement that inserts a row of evidence with the present time, and the statement's parameters. The
    present time is a parameter on SQLite; on a server the statement reads the server's clock."""
    at = make_present_time_value(conn, now)
    if at is SERVER_TIME_EXPRESSION:
        return _INSERT_EVIDENCE_WITH_SERVER_TIME_STATEMENT, row
    return _INSERT_EVIDENCE_STATEMENT, row | {"at": at}


def find_evidence_text(conn: Connection, evidence_id: int | None) -> str | None:
    """Return the text of the evidence with this id; None if there is none, or if `evidence_id` is None."""
    return conn.scalar(select(evidence.c.body).where(evidence.c.id == evidence_id))


def find_by_subject(conn: Connection, kind: str, subject_id: int) -> tuple[EvidenceItem, ...]:
    """Return the evidence of a record, oldest first."""
    return _select_evidence(conn, _make_subject_condition(kind, subject_id))


def _make_subject_condition(kind: str, subject_id: int) -> ColumnElement[bool]:
    return evidence.c.subject_kind.in_((kind, kind + UNCOUNTED_EVIDENCE_KIND_SUFFIX)) & (
        evidence.c.subject_id == subject_id
    )


def find_by_operation(conn: Connection, operation_id: str) -> tuple[EvidenceItem, ...]:
    """Return the evidence of one operation, oldest first."""
    return _select_evidence(conn, evidence.c.operation_id == operation_id)


def _select_evidence(conn: Connection, condition: object, limit: int | None = None) -> tuple[EvidenceItem, ...]:
    query = (
        select(
            evidence.c.id,
            evidence.c.at,
            evidence.c.source,
            evidence.c.sha256,
            evidence.c.summary,
            evidence.c.body,
            evidence.c.who,
        )
        .where(condition)  # type: ignore[arg-type]  # a column condition
        .order_by(evidence.c.id)
        .limit(limit)
    )
    return tuple(
        EvidenceItem(i, convert_to_aware_utc(at), *further_values) for i, at, *further_values in conn.execute(query)
    )


def iterate_evidence(conn: Connection, kind: str, subject_id: int) -> Iterator[EvidenceItem]:
    """Yield the evidence of a record with its bodies, oldest first. The rows are read 100 at a time, so that the
    used memory doesn't grow with their number."""
    last_id = 0
    is_of_subject = _make_subject_condition(kind, subject_id)
    while page := _select_evidence(conn, is_of_subject & (evidence.c.id > last_id), limit=_ROWS_PER_PAGE):
        yield from page
        last_id = page[-1].id


def add_document(
    conn: Connection, subject_id: int, kind: str, path: str, sha256: str, size_bytes: int, now: datetime
) -> bool:
    """Insert the row of a stored PDF of the record with this kind and id, and return True. If the record already has
    a PDF with this SHA-256, write only the new time of its fetch and return False. `path` is the PDF's path in the
    documents, `size_bytes` its length in bytes.

    Raises RunAgain if another process inserted the same PDF at the same time.
    """
    query = select(documents.c.id).where(
        documents.c.subject_kind == kind, documents.c.subject_id == subject_id, documents.c.sha256 == sha256
    )
    row_id = conn.scalar(query)
    if row_id is not None:
        conn.execute(update(documents).where(documents.c.id == row_id).values(fetched_at=convert_to_naive_utc(now)))
        return False
    insert_statement = insert(documents).values(
        subject_kind=kind,
        subject_id=subject_id,
        path=path,
        sha256=sha256,
        bytes=size_bytes,
        fetched_at=convert_to_naive_utc(now),
    )
    try:
        conn.execute(insert_statement)
    except IntegrityError:  # another process stored it at the same time
        raise RunAgain from None
    return True


def has_documents(conn: Connection) -> bool:
    """True if the table of stored PDFs has a row of any record."""
    return conn.scalar(select(documents.c.id).limit(1)) is not None


def list_document_paths(conn: Connection) -> frozenset[str]:
    """Return the paths of the stored PDFs of all records."""
    return frozenset(conn.scalars(select(documents.c.path)))


def list_documents(conn: Connection, kind: str, subject_id: int, current_path: str | None) -> tuple[Document, ...]:
    """Return the stored PDFs of a record, newest first. `current_path` is the path that the record's row has; the PDF
    with this path is marked as current."""
    query = (
        select(documents.c.path, documents.c.sha256, documents.c.bytes, documents.c.fetched_at)
        .where(documents.c.subject_kind == kind, documents.c.subject_id == subject_id)
        .order_by(documents.c.fetched_at.desc(), documents.c.id.desc())
    )
    return tuple(
        Document(p, sha, size, convert_to_aware_utc(at), p == current_path)
        for p, sha, size, at in conn.execute(query)
    )
