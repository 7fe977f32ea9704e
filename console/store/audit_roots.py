"""Roots of the audit trail: rows of it that keep the heads of other chains, so that a tail that somebody cut off is
missed on every desk, not only on the one that wrote it.

A root covers the rows up to an id. The next one begins where the one before the last ended: what was committed late,
under an id that a server had given before, is covered then.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, bindparam, func, select

from console.store.audit import SERVER_TIME
from console.store.schema import audit_log
from console.store.spool import Head

WHAT, KIND, SUBJECT = "audit.root", "audit", "root"
HEADS_PER_ROW = 100
"""A row's detail has room for that many."""
ROWS_AT_ONCE = 5_000
_a = audit_log.c
_OURS = (_a.subject_kind == KIND, _a.subject_id == SUBJECT, _a.what == WHAT)
_LAST = select(_a.detail).where(*_OURS).order_by(_a.id.desc()).limit(1)
_ROOTS = select(_a.id, _a.detail).where(*_OURS, _a.id > bindparam("after")).order_by(_a.id).limit(200)
_OLDEST = select(_a.at).where(_a.id > bindparam("after"), _a.what != WHAT).order_by(_a.id).limit(1)
_NEXT = select(func.min(_a.id)).where(_a.id > bindparam("after"))
_END = select(func.max(_a.id)).where(_a.id <= bindparam("most"))
_NEWEST = select(func.max(_a.id))
_newest = (
    select(func.max(_a.id).label("id"))
    .where(_a.id > bindparam("after"), _a.id <= bindparam("upto"))
    .group_by(_a.session)
    .subquery()
)
_HEADS = select(_a.session, _a.seq, _a.id, _a.hash).join(_newest, _newest.c.id == _a.id).order_by(_a.id)
_NOW = select(SERVER_TIME)
_THESE = select(_a.id, _a.session, _a.seq, _a.hash).where(_a.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Covered:
    """Up to which row id the last root went, and the one before it."""

    before: int = 0
    upto: int = 0


def covered(conn: Connection) -> Covered:
    """What the roots cover so far."""
    told = conn.scalar(_LAST)
    if told is None:
        return Covered()
    try:
        facts = json.loads(told)
        return Covered(int(facts["since"]), int(facts["upto"]))
    except (ValueError, KeyError, TypeError):  # written by nobody of ours: from the beginning once more
        return Covered()


def newest_id(conn: Connection) -> int:
    """The id of the newest row; 0 where there is none."""
    return int(conn.scalar(_NEWEST) or 0)


def oldest_age_seconds(conn: Connection, since: Covered, now: datetime) -> float | None:
    """How old the oldest row is that no root covers, by the clock that stamps the rows; None: there is none."""
    at = conn.scalar(_OLDEST, {"after": since.upto})
    if at is None:
        return None
    present = now.astimezone(UTC).replace(tzinfo=None) if conn.dialect.name == "sqlite" else conn.scalar(_NOW)
    return None if present is None else (present - at).total_seconds()


def heads(conn: Connection, since: Covered) -> tuple[Covered, tuple[Head, ...]]:
    """The newest row of each chain among the next rows, at most ROWS_AT_ONCE new ones, and what is covered then."""
    first = conn.scalar(_NEXT, {"after": since.upto})  # ids have gaps
    if first is None:
        return since, ()
    upto = conn.scalar(_END, {"most": first + ROWS_AT_ONCE})
    rows = conn.execute(_HEADS, {"after": since.before, "upto": upto})
    found = tuple(Head(str(row.session), int(row.seq), int(row.id), str(row.hash)) for row in rows)
    return Covered(since.upto, int(upto)), found


def details(now: Covered, found: Sequence[Head]) -> Iterator[Mapping[str, object]]:
    """The facts of the rows that keep these heads; each says up to where all of them go."""
    for i in range(0, len(found), HEADS_PER_ROW):
        part = [[head.chain, head.seq, head.row_id, head.hash] for head in found[i : i + HEADS_PER_ROW]]
        root = sha256(json.dumps(part, separators=(",", ":")).encode()).hexdigest()
        yield {"since": now.before, "upto": now.upto, "root": root, "heads": part}


def first_missed(conn: Connection) -> tuple[int, str] | None:
    """The smallest row id that a root tells of and that is not there as it tells, and why (as in VerifyResult). Flat
    memory, whatever the number of roots.
    """
    missed = [fault for kept in _kept(conn) for fault in _faults(conn, kept)]
    return min(missed, default=None)


def _kept(conn: Connection) -> Iterator[tuple[Head, ...]]:
    """The heads of each root; a detail that can't be read is the walk's finding."""
    after = 0
    while rows := conn.execute(_ROOTS, {"after": after}).all():
        for row in rows:
            yield tuple(_read(row.detail))
        after = rows[-1].id


def _read(detail: str) -> Iterator[Head]:
    try:
        told = json.loads(detail)["heads"]
        yield from [Head(str(chain), int(seq), int(row_id), str(hashed)) for chain, seq, row_id, hashed in told]
    except (ValueError, KeyError, TypeError):
        return


def _faults(conn: Connection, kept: Iterable[Head]) -> Iterator[tuple[int, str]]:
    told = {head.row_id: head for head in kept}
    there = {row.id: row for row in conn.execute(_THESE, {"ids": list(told)})} if told else {}
    for row_id, head in told.items():
        row = there.get(row_id)
        if row is None or (row.session, row.seq) != (head.chain, head.seq):
            yield row_id, "missing"
        elif row.hash != head.hash:
            yield row_id, "replaced"
