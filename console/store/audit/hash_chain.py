"""Computes the hashes of audit rows, and verifies all chains of the audit trail with constant memory.

The hash of a row covers its content and the hash of the previous row in its chain. So the verification detects
changed, exchanged, inserted and removed rows. The hashes alone don't show that rows are missing at the end of a
chain, or that a whole chain is missing. Anchors and roots show that.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain as chained
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, bindparam, cast, select
from sqlalchemy.exc import DBAPIError

from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead

FIRST_PREVIOUS_HASH = "0" * 64
"""Previous hash of the first row of each chain."""

HASHED_COLUMNS = (
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
"""Columns that the hash of a row covers, in the order in which they are hashed. The id isn't hashed, because the
database assigns it when the row is inserted.
"""

_TIME_INDEX = HASHED_COLUMNS.index("at")
_json_encoder = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
# The instant is read as the text that was hashed. So an invalid instant is reported as a bad row and raises no
# exception.
_AUDIT_COLUMNS: list[ColumnElement[Any]] = [
    cast(audit_log.c.at, String(26)) if name == "at" else audit_log.c[name] for name in HASHED_COLUMNS
]
_AUDIT_ROWS_QUERY: Select[Any] = select(*_AUDIT_COLUMNS, audit_log.c.id, audit_log.c.prev_hash, audit_log.c.hash)
# In batches, because a server stops a long statement and the trail is long.
_ROWS_PER_BATCH = 2000
_FIRST_AUDIT_ROWS_QUERY = _AUDIT_ROWS_QUERY.order_by(audit_log.c.session, audit_log.c.seq).limit(_ROWS_PER_BATCH)
_LATER_ROWS_OF_CHAIN_QUERY = _FIRST_AUDIT_ROWS_QUERY.where(
    audit_log.c.session == bindparam("chain"), audit_log.c.seq > bindparam("after")
)
_ROWS_OF_LATER_CHAINS_QUERY = _FIRST_AUDIT_ROWS_QUERY.where(audit_log.c.session > bindparam("chain"))
_AUDIT_ROW_IDS_QUERY = select(audit_log.c.id).order_by(audit_log.c.id)


@dataclass(frozen=True, slots=True)
class AuditVerificationResult:
    """Result of a verification of the audit trail: the number of checked rows (`row_count`), the smallest id of a bad
    or missing row (`first_bad_row_id`; None: all are correct), and the reason.

    - edited: the content differs from the hashed content
    - unlinked: the row doesn't follow the previous row of its chain
    - replaced: the row fits its chain, but its hash isn't that of the anchor
    - missing: the row of an anchor is absent

    `first_row` and `last_row` are the rows with the smallest and the largest id, each as its id and its stored time
    (the text that was hashed, UTC); None if there are no rows.
    """

    row_count: int
    first_bad_row_id: int | None = None
    reason: str | None = None
    first_row: tuple[int, str] | None = None
    last_row: tuple[int, str] | None = None


def format_hashed_instant(at: datetime) -> str:
    """Return an instant (naive, UTC) in the text form in which it is hashed and stored."""
    return at.isoformat(" ", "microseconds")


def compute_row_hash(previous_hash: str, content: Sequence[object]) -> str:
    """Return the hash (SHA-256, hex) of an audit row. `content` has the values of HASHED_COLUMNS, in this order;
    `previous_hash` is the hash of the previous row in the chain."""
    return sha256((previous_hash + _json_encoder(content)).encode()).hexdigest()


def _compute_row_hash_if_hashable(previous_hash: object, content: Sequence[object]) -> str | None:
    """Return the hash of an audit row with the given content; `previous_hash` is the hash of the previous row in the
    chain. Return None if a value has a type that this program never hashes.
    """
    try:
        return compute_row_hash(str(previous_hash), content)
    except TypeError:
        return None


def verify_chains(conn: Connection, anchors: Iterable[ChainHead]) -> AuditVerificationResult:
    """Verify all chains of the audit trail, compare them with the anchors, and return the result. A broken chain
    raises no error: the result names its first bad row. `anchors` must be sorted by chain, then seq.

    The transaction of `conn` must not have read anything before. Otherwise rows that were committed before the
    anchors were read may be invisible. Raises DBAPIError if the connection is lost.
    """
    remaining_anchors = iter(anchors)
    first_anchor = next(remaining_anchors, None)
    verification = _ChainVerification(chained([first_anchor], remaining_anchors) if first_anchor else ())
    try:
        for row in _read_rows_by_chain(conn):
            verification.check_row(row)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        unreadable_id = _find_undecodable_row_id(conn)
        if unreadable_id is None:
            raise
        verification.report_bad_row(unreadable_id, "edited")
    else:
        verification.report_missing_anchors()
    return AuditVerificationResult(
        verification.row_count,
        verification.first_bad_row_id,
        verification.reason,
        verification.first_row,
        verification.last_row,
    )


def _read_rows_by_chain(conn: Connection) -> Iterator[Sequence[Any]]:
    """Yield every audit row, sorted by chain, then seq."""
    rows = conn.execute(_FIRST_AUDIT_ROWS_QUERY).all()
    while rows:
        yield from rows
        last_position = {"chain": rows[-1][0], "after": rows[-1][1]}
        rows = (
            conn.execute(_LATER_ROWS_OF_CHAIN_QUERY, last_position).all()
            or conn.execute(_ROWS_OF_LATER_CHAINS_QUERY, last_position).all()
        )


def _find_undecodable_row_id(conn: Connection) -> int | None:
    """Return the id of the first audit row with bytes that the database driver can't decode; None if there is
    none. This program never writes such bytes."""
    for row_id in conn.scalars(_AUDIT_ROW_IDS_QUERY).all():
        try:
            conn.execute(_AUDIT_ROWS_QUERY.where(audit_log.c.id == row_id)).one()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return int(row_id)
    return None


class _ChainVerification:
    """One pass over all audit rows and anchors, both sorted by chain, then seq. It counts the checked rows, stores
    the smallest id of a bad row and the reason, and the first and the last row by id."""

    def __init__(self, anchors: Iterable[ChainHead]) -> None:
        self.row_count = 0
        self.first_bad_row_id: int | None = None
        self.reason: str | None = None
        self.first_row: tuple[int, str] | None = None
        self.last_row: tuple[int, str] | None = None
        self._anchors = iter(anchors)
        self._anchor = next(self._anchors, None)
        self._last_row: tuple[str, int, int, str] = ("", 0, 0, FIRST_PREVIOUS_HASH)

    def check_row(self, row: Sequence[Any]) -> None:
        """Check the next audit row against its hash, the row before it and the anchors up to its position, and report
        each bad or missing row."""
        self.row_count += 1
        *content, row_id, prev_hash, stored_hash = row
        session, seq = content[0], content[1]
        position = row_id, str(content[_TIME_INDEX])
        self.first_row = position if self.first_row is None else min(self.first_row, position)
        self.last_row = position if self.last_row is None else max(self.last_row, position)
        if not isinstance(session, str) or not isinstance(seq, int):
            self.report_bad_row(row_id, "edited")
            return
        last_session, last_seq, last_id, last_hash = self._last_row
        if session != last_session:
            last_seq, last_id, last_hash = 0, 0, FIRST_PREVIOUS_HASH
        if stored_hash != _compute_row_hash_if_hashable(prev_hash, content):
            self.report_bad_row(row_id, "edited")
        elif seq != last_seq + 1 or prev_hash != last_hash or row_id <= last_id:
            self.report_bad_row(row_id, "unlinked")
        for anchor in self._iterate_anchors_up_to(session, seq):
            if (anchor.chain, anchor.seq, anchor.row_id) != (session, seq, row_id):
                self.report_bad_row(anchor.row_id, "missing")
            elif anchor.hash != stored_hash:
                self.report_bad_row(row_id, "replaced")
        self._last_row = (session, seq, row_id, stored_hash)

    def report_missing_anchors(self) -> None:
        """Report the rows of all remaining anchors as missing. Call this method after the last audit row."""
        while self._anchor is not None:
            self.report_bad_row(self._anchor.row_id, "missing")
            self._anchor = next(self._anchors, None)

    def _iterate_anchors_up_to(self, session: str, seq: int) -> Iterator[ChainHead]:
        """Yield the remaining anchors up to the position `seq` of the chain `session`."""
        while self._anchor is not None and (self._anchor.chain, self._anchor.seq) <= (session, seq):
            yield self._anchor
            self._anchor = next(self._anchors, None)

    def report_bad_row(self, row_id: int, reason: str) -> None:
        """Store the row's id and the reason, unless a bad row with a smaller id is stored already."""
        if self.first_bad_row_id is None or row_id < self.first_bad_row_id:
            self.first_bad_row_id, self.reason = row_id, reason
