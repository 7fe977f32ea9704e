"""Writes and reads the audit trail. Rows are only added, each in the transaction of the change that it reports. All
rows of one process run form one chain.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from console.domain.clock import Clock
from console.domain.errors import ConsoleError
from console.domain.records import AuditEntry
from console.store.audit.hash_chain import (
    FIRST_PREVIOUS_HASH,
    HASHED_COLUMNS,
    AuditVerificationResult,
    compute_row_hash,
    format_hashed_instant,
    verify_chains,
)
from console.store.database.instants import SERVER_TIME_EXPRESSION
from console.store.database.transaction import Transaction, make_locking_read
from console.store.database.unreadable_rows import parse_detail
from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead

__all__ = [
    "AuditTrail",
    "ChainHead",
    "NewAuditEntry",
    "AuditVerificationResult",
    "append_entry",
    "walk_entries",
    "list_entries_of_subject",
    "list_newest_entries",
    "verify_chains",
]

LONGEST_DETAIL_CHARACTERS = 16_000
"""Largest length (characters) of a row's detail. A longer detail is shortened and stored under the key `cut`."""
_LONGEST_KEPT_FACT = 128
"""Largest length (characters) of a fact that a shortened detail keeps."""

_log = logging.getLogger("console.store")
_CHAIN_HEAD_QUERY = (
    select(audit_log.c.seq, audit_log.c.hash)
    .where(audit_log.c.session == bindparam("chain"))
    .order_by(audit_log.c.seq.desc())
    .limit(1)
)
# A server's rows have the server's time, read in the same statement. SYSDATE, because a session can forge NOW().
# Two scalar subqueries, because a joined one would be stored in a temporary table (0.1 ms).
_CHAIN_HEAD_AND_TIME_QUERY = select(
    SERVER_TIME_EXPRESSION,
    _CHAIN_HEAD_QUERY.with_only_columns(audit_log.c.seq).scalar_subquery().label("seq"),
    _CHAIN_HEAD_QUERY.with_only_columns(audit_log.c.hash).scalar_subquery().label("hash"),
)
_INSERT_AUDIT_ENTRY_STATEMENT = insert(audit_log)
_AUDIT_ROW_HASH_QUERY = make_locking_read(
    select(audit_log.c.hash).where(audit_log.c.session == bindparam("chain"), audit_log.c.seq == bindparam("at_seq"))
)
_WIDTH_BY_COLUMN = {name: getattr(audit_log.c[name].type, "length", None) for name in HASHED_COLUMNS}
"""Longest value (characters) of each hashed column; None without a limit."""
_ENTRIES_PER_BATCH = 1000
_AUDIT_ENTRIES_QUERY = select(*(audit_log.c[name] for name in ("id", *HASHED_COLUMNS)))


@dataclass(frozen=True, slots=True)
class NewAuditEntry:
    """An audit entry to be written: `person` does the action `action` with the record `subject_kind`, `subject_id`
    (None: no record). `result` is done, refused or failed; `reason` is the error code of a refusal or
    failure, or another reason of the result; `detail` has facts without secrets."""

    person: str
    action: str
    subject_kind: str | None = None
    subject_id: int | str | None = None
    result: str = "done"
    reason: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


def append_entry(tx: Transaction, entry: NewAuditEntry, *, session: str, desk: str, at: datetime) -> ChainHead:
    """Insert an audit row at the end of the chain `session` and return it as a head. After the COMMIT of `tx` the
    caller must store this head as an anchor. On a server the row gets the server's time; on SQLite it gets
    `at`.
    """
    utc_time, seq, previous_hash = _compute_next_position(tx.conn, session, at)
    values: dict[str, object] = {
        "session": session,
        "seq": seq,
        "at": format_hashed_instant(utc_time),
        "who": entry.person,
        "desk": desk,
        "what": entry.action,
        "subject_kind": entry.subject_kind,
        "subject_id": None if entry.subject_id is None else str(entry.subject_id),
        "result": entry.result,
        "reason": entry.reason,
        "detail": _format_canonical_json(entry.detail),
    }
    values = {name: _make_storable_text(value, _WIDTH_BY_COLUMN[name]) for name, value in values.items()}
    row_hash = compute_row_hash(previous_hash, list(values.values()))
    insert_result = tx.conn.execute(
        _INSERT_AUDIT_ENTRY_STATEMENT, {**values, "at": utc_time, "prev_hash": previous_hash, "hash": row_hash}
    )
    key = insert_result.inserted_primary_key
    assert key is not None, "a single row was added"  # noqa: S101  # for the type checker
    own_row = {"chain": session, "at_seq": seq}
    tx.set_commit_proof(lambda conn: conn.scalar(_AUDIT_ROW_HASH_QUERY, own_row) == row_hash)
    return ChainHead(session, seq, int(key[0]), row_hash)


def _compute_next_position(conn: Connection, session: str, at: datetime) -> tuple[datetime, int, str]:
    """Return the time (naive, UTC), the seq and the previous hash of the next row of the chain `session`. `at` is the
    time on SQLite; on a server the time is the server's.
    """
    if conn.dialect.name == "sqlite":
        last_row = conn.execute(_CHAIN_HEAD_QUERY, {"chain": session}).first()
        utc_time = at.astimezone(UTC).replace(tzinfo=None)
        return (utc_time, last_row.seq + 1, last_row.hash) if last_row else (utc_time, 1, FIRST_PREVIOUS_HASH)
    now, seq, previous_hash = conn.execute(_CHAIN_HEAD_AND_TIME_QUERY, {"chain": session}).one()
    return now, (seq or 0) + 1, previous_hash or FIRST_PREVIOUS_HASH


class AuditTrail:
    """Writes the audit entries of this process run, which form one chain (`session`). Thread-safe. Each
    entry is written in the caller's transaction.

    `store_anchors` is called with committed rows, and stores them in the desk's spool. `insert_session` inserts the
    process run into the table `sessions`; it is called in each transaction with entries until one of them is
    committed. It is None if the run is stored already.
    """

    def __init__(
        self,
        session: str,
        desk: str,
        clock: Clock,
        store_anchors: Callable[[Sequence[ChainHead]], None],
        insert_session: Callable[[Connection], None] | None = None,
    ) -> None:
        self._session = session
        self._desk = desk
        self._clock = clock
        self._store_anchors = store_anchors
        self._insert_session = insert_session
        self._unanchored_heads: list[ChainHead] = []
        self._lock = Lock()

    def record_all(self, tx: Transaction, new_entries: Sequence[NewAuditEntry]) -> None:
        """Write the entries to the audit trail in their order. After the COMMIT of `tx` their rows are stored
        together in the spool as anchors."""
        if self._insert_session is not None:
            self._insert_session(tx.conn)
            tx.call_after_commit(self._forget_insert_session)
        now = self._clock.now()
        heads = [append_entry(tx, entry, session=self._session, desk=self._desk, at=now) for entry in new_entries]
        if heads:
            tx.call_after_commit(lambda: self._anchor_committed(heads))

    def _forget_insert_session(self) -> None:
        """Don't call `insert_session` again, because a transaction with it was committed."""
        self._insert_session = None

    def _anchor_committed(self, heads: Sequence[ChainHead]) -> None:
        """Store the committed rows `heads` in the spool as anchors. If the spool fails, log the error and store these
        rows together with the next committed rows."""
        with self._lock:
            self._unanchored_heads.extend(heads)
            try:
                self._store_anchors(tuple(self._unanchored_heads))
            except ConsoleError as error:
                _log.error("%d audit rows could not be anchored yet: %s", len(self._unanchored_heads), error.code)
            else:
                self._unanchored_heads.clear()


def list_newest_entries(
    conn: Connection, *, limit: int, before_id: int | None = None, person: str | None = None
) -> tuple[AuditEntry, ...]:
    """Return at most `limit` audit entries, newest first. With `before_id`, only those with smaller ids; with
    `person`, only those of that person."""
    query = _AUDIT_ENTRIES_QUERY.order_by(audit_log.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit_log.c.id < before_id)
    if person is not None:
        query = query.where(audit_log.c.who == person)
    return tuple(_make_entry(row) for row in conn.execute(query))


def list_entries_of_subject(conn: Connection, kind: str, subject_id: str) -> tuple[AuditEntry, ...]:
    """Return all audit entries about one record, oldest first."""
    query = _AUDIT_ENTRIES_QUERY.where(audit_log.c.subject_kind == kind, audit_log.c.subject_id == subject_id)
    return tuple(_make_entry(row) for row in conn.execute(query.order_by(audit_log.c.id)))


def walk_entries(conn: Connection, *, person: str | None = None) -> Iterator[AuditEntry]:
    """Yield every audit entry, oldest first. With `person`, only entries of that person. The entries are read page by
    page, so memory stays constant."""
    query = _AUDIT_ENTRIES_QUERY.order_by(audit_log.c.id).limit(_ENTRIES_PER_BATCH)
    if person is not None:
        query = query.where(audit_log.c.who == person)
    rows = conn.execute(query).all()
    while rows:
        yield from map(_make_entry, rows)
        rows = conn.execute(query.where(audit_log.c.id > rows[-1].id)).all()


def _make_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at.replace(tzinfo=UTC),
        who=row.who,
        what=row.what,
        subject=" ".join(part for part in (row.subject_kind, row.subject_id) if part),
        result=row.result,
        reason=row.reason,
        detail=parse_detail(row.detail),
    )


def _format_canonical_json(detail: Mapping[str, object]) -> str:
    """Return the detail as JSON text with sorted keys, so that equal details have equal texts. A detail that is too
    long is cut (see LONGEST_DETAIL_CHARACTERS). The desk request and the worker stay: an entry that a worker writes
    always names them, also if its other facts come from a person.
    """
    text = json.dumps(detail, default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LONGEST_DETAIL_CHARACTERS:
        request_and_worker = {
            name: str(detail[name])[:_LONGEST_KEPT_FACT] for name in ("request", "worker") if name in detail
        }
        cut_detail = {"cut": text[: LONGEST_DETAIL_CHARACTERS // 2], **request_and_worker}
        text = json.dumps(cut_detail, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text


def _make_storable_text(value: object, max_characters: int | None) -> object:
    """Return a text in a form that every database returns unchanged: lone surrogates are escaped, and the text is cut
    to `max_characters` characters. A value of another type is returned unchanged.
    """
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()[:max_characters]
