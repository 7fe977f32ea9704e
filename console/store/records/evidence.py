"""Kept answers and people's proofs, and the documents of a record."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.outcomes import Outcome
from console.domain.records import Document, EvidenceItem
from console.store.leases import aware, naive
from console.store.schema import documents, evidence
from console.store.troubles import RunAgain

_e, _d = evidence.c, documents.c
LONGEST_BODY = 20_000
_PAGE = 100
_INSERT = insert(evidence)


def add_answer(
    conn: Connection,
    subject: tuple[str, int | None],
    operation_id: str | None,
    source: str,
    who: str,
    outcome: Outcome[object],
    now: datetime,
) -> int:
    """Keep a provider's answer (already redacted by its adapter) or the lack of one."""
    status = f"HTTP {outcome.status} " if outcome.status else ""
    summary = f"{status}{outcome.kind.value} {outcome.reason}"
    digest = outcome.sha256 or hashlib.sha256(outcome.evidence.encode()).hexdigest()
    return _add(conn, subject, operation_id, source, who, digest, summary, outcome.evidence, now)


def add_proof(
    conn: Connection,
    subject: tuple[str, int | None],
    operation_id: str | None,
    who: str,
    proof: bytes,
    now: datetime,
) -> int:
    """Keep what a person brought as proof: a statement, or a file's content (its hash and what is readable)."""
    text = proof.decode("utf-8", errors="replace").replace("\x00", "")
    digest = hashlib.sha256(proof).hexdigest()
    return _add(conn, subject, operation_id, "person", who, digest, text[:200], text, now)


def _add(
    conn: Connection, subject: tuple[str, int | None], operation_id: str | None, source: str, who: str,
    digest: str, summary: str, body: str, now: datetime,
) -> int:  # fmt: skip
    kind, subject_id = subject
    row = {
        "subject_kind": kind,
        "subject_id": subject_id,
        "operation_id": operation_id,
        "at": naive(now),
        "source": source,
        "who": who,
        "sha256": digest,
        "summary": summary[:255],
        "body": body[:LONGEST_BODY],
    }
    key = conn.execute(_INSERT, row).inserted_primary_key
    return int(key[0]) if key else 0


def of_subject(conn: Connection, kind: str, subject_id: int) -> tuple[EvidenceItem, ...]:
    """Evidence of a record, oldest first."""
    return _items(conn, (_e.subject_kind == kind) & (_e.subject_id == subject_id))


def of_operation(conn: Connection, operation_id: str) -> tuple[EvidenceItem, ...]:
    """Evidence of one operation, oldest first."""
    return _items(conn, _e.operation_id == operation_id)


def _items(conn: Connection, condition: object, limit: int | None = None) -> tuple[EvidenceItem, ...]:
    query = (
        select(_e.id, _e.at, _e.source, _e.sha256, _e.summary, _e.body, _e.who)
        .where(condition)  # type: ignore[arg-type]  # a column condition
        .order_by(_e.id)
        .limit(limit)
    )
    return tuple(EvidenceItem(i, aware(at), *rest) for i, at, *rest in conn.execute(query))


def walk(conn: Connection, kind: str, subject_id: int) -> Iterator[EvidenceItem]:
    """Evidence of a record with its bodies, oldest first, a page at a time."""
    last = 0
    mine = (_e.subject_kind == kind) & (_e.subject_id == subject_id)
    while page := _items(conn, mine & (_e.id > last), limit=_PAGE):
        yield from page
        last = page[-1].id


def add_document(
    conn: Connection, subject_id: int, kind: str, path: str, sha256: str, size: int, now: datetime
) -> bool:
    """Note a stored PDF of a record; False when the record has had this very content before."""
    known = select(_d.id).where(_d.subject_kind == kind, _d.subject_id == subject_id, _d.sha256 == sha256)
    row_id = conn.scalar(known)
    if row_id is not None:
        conn.execute(update(documents).where(_d.id == row_id).values(fetched_at=naive(now)))
        return False
    new = insert(documents).values(
        subject_kind=kind, subject_id=subject_id, path=path, sha256=sha256, bytes=size, fetched_at=naive(now)
    )
    try:
        conn.execute(new)
    except IntegrityError:  # noted by somebody else at this very moment
        raise RunAgain from None
    return True


def any_document(conn: Connection) -> bool:
    """Whether any PDF was ever stored."""
    return conn.scalar(select(_d.id).limit(1)) is not None


def documents_of(conn: Connection, kind: str, subject_id: int, current: str | None) -> tuple[Document, ...]:
    """Stored PDFs of a record, newest first; `current` is the path that the record points to."""
    query = (
        select(_d.path, _d.sha256, _d.bytes, _d.fetched_at)
        .where(_d.subject_kind == kind, _d.subject_id == subject_id)
        .order_by(_d.fetched_at.desc(), _d.id.desc())
    )
    return tuple(Document(p, sha, size, aware(at), p == current) for p, sha, size, at in conn.execute(query))
