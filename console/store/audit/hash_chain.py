"""The form in which audit rows are hashed, and the verifier that walks every chain in flat memory.

A row's hash covers the hash before it in its chain and its own content. That shows edits, swaps, rows put in
and rows taken out; a tail that was cut off, or a whole chain, is missed only by what the desk anchored.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain as joined
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, bindparam, cast, select
from sqlalchemy.exc import DBAPIError

from console.store.schema import audit_log
from console.store.spool import Head

START = "0" * 64
"""What stands before the first row of a chain."""

CONTENT = (
    "session",
    "seq",
    "at",
    "who",
    "desk",
    "what",
    "subject_kind",
    "subject_id",
    "result",
    "reason",
    "detail",
)
"""The hashed columns, in order. The id is not among them: the database gives it while the row is written."""

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
# The instant comes as the text that is hashed: a bad one is a finding, not a crash, and none is taken apart and put
# together again.
_COLUMNS: list[ColumnElement[Any]] = [
    cast(audit_log.c.at, String(26)) if name == "at" else audit_log.c[name] for name in CONTENT
]
_ROWS: Select[Any] = select(*_COLUMNS, audit_log.c.id, audit_log.c.prev_hash, audit_log.c.hash)
# In batches: a server ends a statement that runs for long, and a trail is long.
_BATCH = 2000
_WALK = _ROWS.order_by(audit_log.c.session, audit_log.c.seq).limit(_BATCH)
_REST_OF_CHAIN = _WALK.where(audit_log.c.session == bindparam("chain"), audit_log.c.seq > bindparam("after"))
_LATER_CHAINS = _WALK.where(audit_log.c.session > bindparam("chain"))
_IDS = select(audit_log.c.id).order_by(audit_log.c.id)


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """`rows` that are there; `first_bad` the smallest row id that does not fit or is missing, and `why`:

    edited (the content is not what was hashed) · unlinked (what came before it in its chain is not there) ·
    replaced (it fits, but the desk saw another) · missing (the desk saw it committed).
    """

    rows: int
    first_bad: int | None = None
    why: str | None = None


def instant_form(at: datetime) -> str:
    """The hashed and stored text of a naive UTC instant."""
    return at.isoformat(" ", "microseconds")


def digest(before: str, content: Sequence[object]) -> str:
    """The hash of a row with this content (see CONTENT), after a row with the hash `before`."""
    return sha256((before + _encode(content)).encode()).hexdigest()


def _digest_of_any(before: object, content: Sequence[object]) -> str | None:
    """The hash, or None for values of kinds that are never hashed."""
    try:
        return digest(str(before), content)
    except TypeError:
        return None


def verify(conn: Connection, anchors: Iterable[Head]) -> VerifyResult:
    """Walk all chains, and the anchors beside them (ordered by chain, then seq).

    `conn` must not have read yet in its transaction: rows and anchors are taken at two moments, and only rows
    committed before the anchors were read may be missed.
    """
    seen = iter(anchors)
    first = next(seen, None)
    walk = _Walk(joined([first], seen) if first else ())
    try:
        for row in _in_order(conn):
            walk.row(row)
    except DBAPIError:
        spoiled = _unreadable_row(conn)
        if spoiled is None:
            raise
        walk.bad(spoiled, "edited")
    else:
        walk.end()
    return VerifyResult(walk.rows, walk.first_bad, walk.why)


def _in_order(conn: Connection) -> Iterator[Sequence[Any]]:
    """Every row, by chain and seq."""
    rows = conn.execute(_WALK).all()
    while rows:
        yield from rows
        last = {"chain": rows[-1][0], "after": rows[-1][1]}
        rows = conn.execute(_REST_OF_CHAIN, last).all() or conn.execute(_LATER_CHAINS, last).all()


def _unreadable_row(conn: Connection) -> int | None:
    """The first row that the driver can't turn into text: bytes that no program of ours wrote."""
    for row_id in conn.scalars(_IDS).all():
        try:
            conn.execute(_ROWS.where(audit_log.c.id == row_id)).one()
        except DBAPIError:
            return int(row_id)
    return None


class _Walk:
    """One pass over rows and anchors, both ordered by chain and seq; remembers the smallest bad row."""

    def __init__(self, anchors: Iterable[Head]) -> None:
        self.rows = 0
        self.first_bad: int | None = None
        self.why: str | None = None
        self._anchors = iter(anchors)
        self._anchor = next(self._anchors, None)
        self._last: tuple[str, int, int, str] = ("", 0, 0, START)

    def row(self, row: Sequence[Any]) -> None:
        self.rows += 1
        *content, row_id, prev_hash, stored = row
        session, seq = content[0], content[1]
        if not isinstance(session, str) or not isinstance(seq, int):
            self.bad(row_id, "edited")
            return
        last_session, last_seq, last_id, last_hash = self._last
        if session != last_session:
            last_seq, last_id, last_hash = 0, 0, START
        if stored != _digest_of_any(prev_hash, content):
            self.bad(row_id, "edited")
        elif seq != last_seq + 1 or prev_hash != last_hash or row_id <= last_id:
            self.bad(row_id, "unlinked")
        for anchor in self._anchors_up_to(session, seq):
            if (anchor.chain, anchor.seq, anchor.row_id) != (session, seq, row_id):
                self.bad(anchor.row_id, "missing")
            elif anchor.hash != stored:
                self.bad(row_id, "replaced")
        self._last = (session, seq, row_id, stored)

    def end(self) -> None:
        while self._anchor is not None:
            self.bad(self._anchor.row_id, "missing")
            self._anchor = next(self._anchors, None)

    def _anchors_up_to(self, session: str, seq: int) -> Iterator[Head]:
        while self._anchor is not None and (self._anchor.chain, self._anchor.seq) <= (session, seq):
            yield self._anchor
            self._anchor = next(self._anchors, None)

    def bad(self, row_id: int, why: str) -> None:
        if self.first_bad is None or row_id < self.first_bad:
            self.first_bad, self.why = row_id, why
