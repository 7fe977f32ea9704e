"""Writes and reads the audit trail. Rows are only added, each in the transaction of the change that it reports. All
rows of one process run form one chain.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

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
from console.store.database import boot_clock, error_codes
from console.store.database.compiled_statements import execute_compiled
from console.store.database.instants import SERVER_TIME_EXPRESSION
from console.store.database.transaction import Transaction, make_locking_read
from console.store.database.unreadable_rows import parse_audit_detail
from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead

__all__ = [
    "AuditTrail",
    "ChainHead",
    "NewAuditEntry",
    "AuditVerificationResult",
    "append_entry",
    "iterate_entries",
    "list_entries_of_subject",
    "list_newest_entries",
    "verify_chains",
]

LONGEST_DETAIL_CHARACTERS = 16_000
"""Largest length (characters) of a row's detail. A longer detail is shortened and stored under the key `cut`."""
_SERVER_TIME_VALID_US = 60_000_000
"""Longest time (microseconds) after a read of the server's time in which the present server time is computed from
that read and from the machine's uptime, without another read.
"""
_MAX_FACT_CHARACTERS_IN_CUT_DETAIL = 128
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
_INSERTED_COLUMNS = tuple(audit_log.c[name] for name in (*HASHED_COLUMNS, "prev_hash", "hash"))
_previous_row = audit_log.alias("previous_row").c
_INSERT_AFTER_ROW_STATEMENT = insert(audit_log).from_select(
    [column.name for column in _INSERTED_COLUMNS],
    select(*(bindparam(column.name, type_=column.type) for column in _INSERTED_COLUMNS)).where(
        _previous_row.session == bindparam("session"),
        _previous_row.seq == bindparam("previous_seq"),
        _previous_row.hash == bindparam("prev_hash"),
    ),
)
"""Inserts an audit row only if the row before it exists. It costs less than half of a read of the chain's end."""
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


@dataclass(frozen=True, slots=True)
class _ChainEnd:
    """The end of a chain: position and hash of its last row; 0 and FIRST_PREVIOUS_HASH if the chain has no row.
    `read_at` (naive, UTC) is the database's time, on SQLite the desk's, which was read together with this end or with
    an earlier end of the chain. `read_at_uptime_us` is the machine's uptime at that time (microseconds), with an
    error of at most `uncertainty_us`."""

    seq: int
    hash: str
    read_at: datetime
    read_at_uptime_us: int
    uncertainty_us: int

    def find_insertion_time(self, conn: Connection, now: datetime) -> datetime | None:
        """Return the time (naive, UTC) of a row that is inserted now: the server's time, or `now` on SQLite. Return
        None if the server's time was read more than _SERVER_TIME_VALID_US ago.

        `now` is the desk's time. It is also returned if it differs from the server's time by at most
        `uncertainty_us`. This matters for the timeline, which sorts by time: a provider's answer gets the desk's
        time, and less than a millisecond later an audit entry reports the change that the answer caused. With the
        desk's time the entry comes after the answer.
        """
        desk_time = now.astimezone(UTC).replace(tzinfo=None)
        if conn.dialect.name == "sqlite":
            return desk_time
        elapsed_us = boot_clock.read_uptime_us() - self.read_at_uptime_us
        if elapsed_us > _SERVER_TIME_VALID_US:
            return None
        server_time = self.read_at + timedelta(microseconds=elapsed_us)
        is_same = abs(desk_time - server_time) <= timedelta(microseconds=self.uncertainty_us)
        return desk_time if is_same else server_time


def append_entry(tx: Transaction, entry: NewAuditEntry, *, session: str, desk: str, at: datetime) -> ChainHead:
    """Insert `entry`, which was made on the desk `desk`, as an audit row at the end of the chain `session`, and
    return the row as a head. After the COMMIT of `tx` the caller must store this head as an anchor. On a server the
    row gets the server's time; on SQLite it gets `at`.
    """
    return _append_after_read_chain_end(tx, entry, session, desk, _read_chain_end(tx.conn, session, at))


def _append_after_read_chain_end(
    tx: Transaction, entry: NewAuditEntry, session: str, desk: str, chain_end: _ChainEnd
) -> ChainHead:
    """Insert `entry`, which was made on the desk `desk`, as an audit row after the row `chain_end` of the chain
    `session`, and return the new row as a head. This transaction has read `chain_end` from the database."""
    row = _make_audit_row(entry, session, desk, chain_end, chain_end.read_at)
    key = tx.conn.execute(_INSERT_AUDIT_ENTRY_STATEMENT, row).inserted_primary_key
    assert key is not None, "a single row was added"  # noqa: S101  # for the type checker
    return _make_inserted_head(tx, row, int(key[0]))


def _append_after_known_chain_end(
    tx: Transaction, entry: NewAuditEntry, session: str, desk: str, chain_end: _ChainEnd, utc_time: datetime
) -> ChainHead | None:
    """Insert `entry`, which was made on the desk `desk`, as an audit row with the time `utc_time` (naive, UTC) after
    the row `chain_end` of the chain `session`. Return the new row as a head; None if the database has no such row
    `chain_end` or has a row after it, or if the server refuses the time.
    """
    row = _make_audit_row(entry, session, desk, chain_end, utc_time)
    try:
        insert_result = execute_compiled(tx.conn, _INSERT_AFTER_ROW_STATEMENT, {**row, "previous_seq": chain_end.seq})
    except IntegrityError:  # another thread of this process was faster
        return None
    except DBAPIError as error:
        if error_codes.is_wrong_audit_time(error):
            return None
        raise
    return _make_inserted_head(tx, row, insert_result.lastrowid) if insert_result.rowcount == 1 else None


def _make_audit_row(
    entry: NewAuditEntry, session: str, desk: str, chain_end: _ChainEnd, utc_time: datetime
) -> dict[str, object]:
    """Return the columns, by name, of the audit row of `entry` that follows the row `chain_end` in the chain
    `session`. `desk` is the desk on which the entry was made, `utc_time` the row's time (naive, UTC)."""
    values: dict[str, object] = {
        "session": session,
        "seq": chain_end.seq + 1,
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
    row_hash = compute_row_hash(chain_end.hash, list(values.values()))
    return {**values, "at": utc_time, "prev_hash": chain_end.hash, "hash": row_hash}


def _make_inserted_head(tx: Transaction, row: Mapping[str, Any], row_id: int) -> ChainHead:
    """Return the inserted row `row` (its columns by name), which got the id `row_id`, as a head. Also set the commit
    proof of `tx`: if the server doesn't answer the COMMIT, the program searches for this row to find out whether the
    COMMIT was successful.
    """
    session, seq, row_hash = row["session"], row["seq"], row["hash"]
    own_row = {"chain": session, "at_seq": seq}
    tx.set_commit_proof(lambda conn: conn.scalar(_AUDIT_ROW_HASH_QUERY, own_row) == row_hash)
    return ChainHead(session, seq, row_id, row_hash)


def _read_chain_end(conn: Connection, session: str, at: datetime) -> _ChainEnd:
    """Return the last row of the chain `session` with the present time: the server's, or `at` on SQLite. A chain
    without rows ends with the row 0, whose hash is FIRST_PREVIOUS_HASH. The returned uptime is that of the middle of
    the read, because the program can't know when exactly the server read its clock."""
    begun_at_us = boot_clock.read_uptime_us()
    if conn.dialect.name == "sqlite":
        seq, row_hash = conn.execute(_CHAIN_HEAD_QUERY, {"chain": session}).first() or (0, FIRST_PREVIOUS_HASH)
        now = at.astimezone(UTC).replace(tzinfo=None)
    else:
        now, seq, row_hash = conn.execute(_CHAIN_HEAD_AND_TIME_QUERY, {"chain": session}).one()
    uncertainty_us = (boot_clock.read_uptime_us() - begun_at_us + 1) // 2
    return _ChainEnd(
        seq or 0, row_hash or FIRST_PREVIOUS_HASH, now, begun_at_us + uncertainty_us, uncertainty_us=uncertainty_us
    )


class AuditTrail:
    """Writes the audit entries of this process run, which form one chain (`session`). Thread-safe. Each entry is
    written in the caller's transaction.

    `store_anchors` is called with committed rows, and stores them in the desk's spool. `insert_session` inserts the
    process run into the table `sessions`; it is called in each transaction that begins the chain. It is None if the
    run is stored already.

    Only this process writes the chain, so the object remembers the end of the chain instead of reading it for each
    entry. A row is inserted only if the remembered row is in the database. If the database doesn't have it, for
    example because an earlier state was restored, the end is read again.
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
        self._committed_end: _ChainEnd | None = None
        self._uncommitted_end: tuple[Transaction, _ChainEnd] | None = None
        """The newest row that a transaction has inserted, with this transaction."""

    def record_all(self, tx: Transaction, new_entries: Sequence[NewAuditEntry]) -> None:
        """Write the entries to the audit trail in their order. After the COMMIT of `tx` their rows are stored
        together in the spool as anchors."""
        now = self._clock.now()
        heads = [self._append_to_chain(tx, entry, now) for entry in new_entries]
        if heads:
            tx.call_after_commit(lambda: self._store_committed_anchors(heads))

    def _append_to_chain(self, tx: Transaction, entry: NewAuditEntry, now: datetime) -> ChainHead:
        """Insert an entry at the end of the chain and return its row as a head. The end of the chain is read from the
        database in two situations: this process doesn't remember the end, or the database doesn't have the row that
        this process remembers as the end. If the database has no row of the chain, also insert the process run: an
        earlier state of the database, from before the run, lacks both.
        """
        end = self._find_known_chain_end(tx)
        utc_time = None if end is None else end.find_insertion_time(tx.conn, now)
        if end is not None and utc_time is not None:
            head = _append_after_known_chain_end(tx, entry, self._session, self._desk, end, utc_time)
            if head is not None:
                self._remember_chain_end(tx, replace(end, seq=head.seq, hash=head.hash))
                return head
            _log.info("the end of the audit chain is read again")
        end = _read_chain_end(tx.conn, self._session, now)
        if end.seq == 0 and self._insert_session is not None:
            self._insert_session(tx.conn)
        head = _append_after_read_chain_end(tx, entry, self._session, self._desk, end)
        self._remember_chain_end(tx, replace(end, seq=head.seq, hash=head.hash))
        return head

    def _find_known_chain_end(self, tx: Transaction) -> _ChainEnd | None:
        """Return the last row of the chain as `tx` sees it, if this process remembers that row. Return None if the
        process has to read the row from the database."""
        uncommitted_end = self._uncommitted_end
        if uncommitted_end is not None and uncommitted_end[0] is tx:
            return uncommitted_end[1]
        return self._committed_end

    def _remember_chain_end(self, tx: Transaction, chain_end: _ChainEnd) -> None:
        """Remember the end of the chain as `tx` sees it; after the COMMIT of `tx`, also as the committed end."""
        self._uncommitted_end = (tx, chain_end)
        tx.call_after_commit(lambda: self._remember_committed_chain_end(chain_end))

    def _remember_committed_chain_end(self, chain_end: _ChainEnd) -> None:
        self._committed_end, self._uncommitted_end = chain_end, None

    def _store_committed_anchors(self, heads: Sequence[ChainHead]) -> None:
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


def iterate_entries(conn: Connection, *, person: str | None = None) -> Iterator[AuditEntry]:
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
        detail=parse_audit_detail(row.detail),
    )


def _format_canonical_json(detail: Mapping[str, object]) -> str:
    """Return the detail as JSON text with sorted keys, so that equal details have equal texts. A detail that is too
    long is cut (see LONGEST_DETAIL_CHARACTERS). The ids of the desk request and of the worker are never cut off,
    because an entry that a worker writes must name both, even if its other facts come from a person.
    """
    text = json.dumps(detail, default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LONGEST_DETAIL_CHARACTERS:
        request_and_worker = {
            name: str(detail[name])[:_MAX_FACT_CHARACTERS_IN_CUT_DETAIL]
            for name in ("request", "worker")
            if name in detail
        }
        cut_detail = {"cut": text[: LONGEST_DETAIL_CHARACTERS // 2], **request_and_worker}
        text = json.dumps(cut_detail, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text


def _make_storable_text(value: object, max_characters: int | None) -> object:
    """Return a text in a form that every database returns unchanged: lone surrogates are escaped, and the text is cut
    to `max_characters` characters (None: it isn't cut). A value of another type is returned unchanged.
    """
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()[:max_characters]
