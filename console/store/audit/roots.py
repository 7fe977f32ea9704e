"""Roots of the audit trail: rows of it that keep the heads of other chains, so that a tail that somebody cut off is
missed on every desk, not only on the one that wrote it.

A root covers the rows up to an id. The next one begins where the one before the last ended: what was committed late,
under an id that a server had given before, is covered then.

Only roots that a worker's account has written count (on SQLite, which has no accounts, those under the program's own
name): who may write rows of their own could otherwise say that everything is covered. Others are told as forged, and
so is a root that says more than it can know.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, bindparam, func, select

from console.domain.permissions import WORKER
from console.store import people
from console.store.audit import SERVER_TIME
from console.store.schema import audit_log
from console.store.spool import Head

WHAT, KIND, SUBJECT = "audit.root", "audit", "root"
HEADS_PER_ROW = 100
"""A row's detail has room for that many."""
ROWS_AT_ONCE = 5_000
_a = audit_log.c
_OURS = (_a.subject_kind == KIND, _a.subject_id == SUBJECT, _a.what == WHAT)
_BY_KEEPERS = _a.who.in_(bindparam("keepers", expanding=True))
_LAST = select(_a.detail).where(*_OURS, _BY_KEEPERS).order_by(_a.id.desc()).limit(1)
_ROOTS = select(_a.id, _a.who, _a.detail).where(*_OURS, _a.id > bindparam("after")).order_by(_a.id).limit(200)
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


@dataclass(frozen=True, slots=True)
class _Root:
    """What a root's row says."""

    covered: Covered
    heads: tuple[Head, ...]

    def knows(self, reached: int, row_id: int) -> bool:
        """Whether it goes on where others ended (`reached`), and covers nothing that came after itself."""
        return 0 <= self.covered.before <= reached and self.covered.before <= self.covered.upto < row_id


def covered(conn: Connection) -> Covered:
    """What the roots cover so far."""
    told = conn.scalar(_LAST, {"keepers": sorted(_keepers(conn))})
    root = None if told is None else _read(told)
    return root.covered if root else Covered()  # written by nobody of ours: from the beginning once more


def _keepers(conn: Connection) -> frozenset[str]:
    """Who writes roots. An account that is disabled is still the one that wrote."""
    if conn.dialect.name == "sqlite":
        return frozenset({WORKER})
    return frozenset(name for name, kept in people.kept(conn).items() if WORKER in kept.person.roles)


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
        yield {"since": now.before, "upto": now.upto, "root": _digest(part), "heads": part}


def _digest(part: object) -> str:
    return sha256(json.dumps(part, separators=(",", ":")).encode()).hexdigest()


def first_missed(conn: Connection) -> tuple[int, str] | None:
    """The smallest row id that a root tells of and that is not there as it tells, and why (as in VerifyResult); or
    that of a forged root. Flat memory, whatever the number of roots.
    """
    return min(_missed(conn), default=None)


def _missed(conn: Connection) -> Iterator[tuple[int, str]]:
    keepers, reached = _keepers(conn), 0
    for row_id, who, detail in _rows(conn):
        root = _read(detail) if who in keepers else None
        if root is None or not root.knows(reached, row_id):
            yield row_id, "forged"
            continue
        reached = max(reached, root.covered.upto)
        yield from _faults(conn, root.heads)


def _rows(conn: Connection) -> Iterator[tuple[int, str, str]]:
    after = 0
    while rows := conn.execute(_ROOTS, {"after": after}).all():
        for row in rows:
            yield row.id, row.who, row.detail
        after = rows[-1].id


def _read(detail: str) -> _Root | None:
    """None for what no program of ours wrote."""
    try:
        told = json.loads(detail)
        covers, rows = Covered(int(told["since"]), int(told["upto"])), told["heads"]
        heads = tuple(Head(str(chain), int(seq), int(row_id), str(hashed)) for chain, seq, row_id, hashed in rows)
    except (ValueError, KeyError, TypeError):
        return None
    return _Root(covers, heads) if told.get("root") == _digest(rows) else None


def _faults(conn: Connection, kept: Iterable[Head]) -> Iterator[tuple[int, str]]:
    told = {head.row_id: head for head in kept}
    there = {row.id: row for row in conn.execute(_THESE, {"ids": list(told)})} if told else {}
    for row_id, head in told.items():
        row = there.get(row_id)
        if row is None or (row.session, row.seq) != (head.chain, head.seq):
            yield row_id, "missing"
        elif row.hash != head.hash:
            yield row_id, "replaced"
