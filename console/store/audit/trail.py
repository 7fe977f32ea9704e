"""The audit trail: rows are only ever added, in the transaction of what they tell; one chain per process run."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Connection, DateTime, Row, bindparam, insert, literal, literal_column, select, true

from console.domain.clock import Clock
from console.domain.errors import ConsoleError
from console.domain.records import AuditEntry
from console.store.audit_chain import CONTENT, START, VerifyResult, digest, instant_form, verify
from console.store.schema import audit_log
from console.store.spool import Head
from console.store.transaction import settled

__all__ = ["AuditTrail", "Head", "NewAuditEntry", "VerifyResult", "append", "entries", "of_subject", "page", "verify"]

LONGEST_DETAIL = 16_000
"""Characters of a row's detail; a longer one is cut, and says so."""

_log = logging.getLogger("console.store")
_HEAD = (
    select(audit_log.c.seq, audit_log.c.hash)
    .where(audit_log.c.session == bindparam("chain"))
    .order_by(audit_log.c.seq.desc())
    .limit(1)
)
# A server's rows carry the server's time (SYSDATE: no session can forge it), read on the way.
_last = _HEAD.subquery()
_one = select(literal(1).label("one")).subquery()
SERVER_TIME = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')", DateTime)
_HEAD_AND_TIME = select(SERVER_TIME, _last.c.seq, _last.c.hash).select_from(_one.outerjoin(_last, true()))
_ADD = insert(audit_log)
_IS_THERE = settled(
    select(audit_log.c.hash).where(
        audit_log.c.session == bindparam("chain"), audit_log.c.seq == bindparam("at_seq")
    )
)
_WIDTHS = {name: getattr(audit_log.c[name].type, "length", None) for name in CONTENT}
_BATCH = 1000
_READ = select(*(audit_log.c[name] for name in ("id", *CONTENT)))


class Transaction(Protocol):
    """What is needed of a write transaction."""

    @property
    def conn(self) -> Connection: ...

    def after_commit(self, hook: Callable[[], None], /) -> None: ...

    def prove_by(self, proof: Callable[[Connection], bool], /) -> None: ...


@dataclass(frozen=True, slots=True)
class NewAuditEntry:
    """Who did what to which record. `result` is done, refused or failed; `detail` facts without secrets."""

    who: str
    what: str
    subject_kind: str | None = None
    subject_id: int | str | None = None
    result: str = "done"
    reason: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


def append(tx: Transaction, entry: NewAuditEntry, *, session: str, desk: str, at: datetime) -> Head:
    """Add a row to the chain `session` inside `tx`. The caller anchors the head once `tx` is committed."""
    naive, seq, before = _next(tx.conn, session, at)
    values: dict[str, object] = {
        "session": session,
        "seq": seq,
        "at": instant_form(naive),
        "who": entry.who,
        "desk": desk,
        "what": entry.what,
        "subject_kind": entry.subject_kind,
        "subject_id": None if entry.subject_id is None else str(entry.subject_id),
        "result": entry.result,
        "reason": entry.reason,
        "detail": _canonical(entry.detail),
    }
    values = {name: _fitted(value, _WIDTHS[name]) for name, value in values.items()}
    hashed = digest(before, list(values.values()))
    added = tx.conn.execute(_ADD, {**values, "at": naive, "prev_hash": before, "hash": hashed})
    key = added.inserted_primary_key
    assert key is not None, "a single row was added"  # noqa: S101  # tells the type checker
    mine = {"chain": session, "at_seq": seq}
    tx.prove_by(lambda conn: conn.scalar(_IS_THERE, mine) == hashed)
    return Head(session, seq, int(key[0]), hashed)


def _next(conn: Connection, session: str, at: datetime) -> tuple[datetime, int, str]:
    """The instant of a chain's next row (naive UTC), its number, and the hash it stands on."""
    if conn.dialect.name == "sqlite":
        last = conn.execute(_HEAD, {"chain": session}).first()
        naive = at.astimezone(UTC).replace(tzinfo=None)
        return (naive, last.seq + 1, last.hash) if last else (naive, 1, START)
    now, seq, before = conn.execute(_HEAD_AND_TIME, {"chain": session}).one()
    return now, (seq or 0) + 1, before or START


class AuditTrail:
    """The chain of this process run. Safe from any thread; each entry belongs to its transaction.

    `begin` notes the run itself, in the transaction of its first entry.
    """

    def __init__(
        self,
        session: str,
        desk: str,
        clock: Clock,
        anchor: Callable[[Sequence[Head]], None],
        begin: Callable[[Connection], None] | None = None,
    ) -> None:
        self._session = session
        self._desk = desk
        self._clock = clock
        self._anchor = anchor
        self._begin = begin
        self._waiting: list[Head] = []
        self._lock = Lock()

    def record(
        self,
        tx: Transaction,
        who: str,
        what: str,
        subject_kind: str | None = None,
        subject_id: int | str | None = None,
        result: str = "done",
        reason: str | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Add one entry; it is anchored on the desk as soon as `tx` is committed."""
        entry = NewAuditEntry(who, what, subject_kind, subject_id, result, reason, detail or {})
        self.record_all(tx, (entry,))

    def record_all(self, tx: Transaction, new: Sequence[NewAuditEntry]) -> None:
        """Add several entries, in order, anchored together."""
        if self._begin is not None:
            self._begin(tx.conn)
            tx.after_commit(self._begun)
        now = self._clock.now()
        heads = [append(tx, entry, session=self._session, desk=self._desk, at=now) for entry in new]
        if heads:
            tx.after_commit(lambda: self._keep(heads))

    def _begun(self) -> None:
        self._begin = None

    def _keep(self, heads: Sequence[Head]) -> None:
        """Anchor what is committed. What is done is done: a spool that fails is told, and tried again later."""
        with self._lock:
            self._waiting.extend(heads)
            try:
                self._anchor(tuple(self._waiting))
            except ConsoleError as trouble:
                _log.error("%d audit rows could not be anchored yet: %s", len(self._waiting), trouble.code)
            else:
                self._waiting.clear()


def page(
    conn: Connection, *, limit: int, before: int | None = None, who: str | None = None
) -> tuple[AuditEntry, ...]:
    """The newest entries below the id `before`, newest first; only those of `who` where given."""
    query = _READ.order_by(audit_log.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    if who is not None:
        query = query.where(audit_log.c.who == who)
    return tuple(_entry(row) for row in conn.execute(query))


def of_subject(conn: Connection, kind: str, subject_id: str) -> tuple[AuditEntry, ...]:
    """All entries about one record, oldest first."""
    query = _READ.where(audit_log.c.subject_kind == kind, audit_log.c.subject_id == subject_id)
    return tuple(_entry(row) for row in conn.execute(query.order_by(audit_log.c.id)))


def entries(conn: Connection, *, who: str | None = None) -> Iterator[AuditEntry]:
    """Every entry, oldest first, in flat memory; only those of `who` where given."""
    query = _READ.order_by(audit_log.c.id).limit(_BATCH)
    if who is not None:
        query = query.where(audit_log.c.who == who)
    rows = conn.execute(query).all()
    while rows:
        yield from map(_entry, rows)
        rows = conn.execute(query.where(audit_log.c.id > rows[-1].id)).all()


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at.replace(tzinfo=UTC),
        who=row.who,
        what=row.what,
        subject=" ".join(part for part in (row.subject_kind, row.subject_id) if part),
        result=row.result,
        reason=row.reason,
        detail=json.loads(row.detail),
    )


def _canonical(detail: Mapping[str, object]) -> str:
    text = json.dumps(detail, default=str, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LONGEST_DETAIL:
        text = json.dumps({"cut": text[: LONGEST_DETAIL // 2]}, ensure_ascii=False, separators=(",", ":"))
    return text


def _fitted(value: object, width: int | None) -> object:
    """Text as every database will give it back: no lone surrogates, never wider than its column."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()[:width]
