"""Roots of the audit trail: audit rows that store the head (newest row) of each other chain. With a root, every desk
detects that rows were removed from the end of a chain. Without a root, only the desk that wrote the chain detects
this.

A root covers the range of row ids from the end of the previous root up to an id. It stores the heads of all chains
with rows in its own range or in the range of the previous root. So it also covers a row whose id is in the previous
range but which was committed later.

Only a root that a worker's database account wrote counts. On SQLite, which has no accounts, the name of the worker
counts. If other roots counted, each account that may write audit rows could claim that all rows are covered. Every
other root is reported as forged. A root of a worker is also reported as forged if it covers rows after itself, leaves
a gap after the previous root, or lacks the newest row of a chain. A row that was committed late may be missing in one
root, but not in the next one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby

from sqlalchemy import Connection, bindparam, func, or_, select

from console.domain.access.permissions import WORKER
from console.domain.audit.actions import AuditAction
from console.domain.batches import split_into_batches
from console.store.access import operators as people
from console.store.database.instants import convert_to_naive_utc, read_current_time
from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead

ROOT_ACTION = AuditAction.AUDIT_ROOT
"""Action in the audit entries of roots."""
AUDIT_KIND = "audit"
"""Kind of the subject in the audit entries of roots."""
ROOT_SUBJECT_ID = "root"
"""Id of the subject in the audit entries of roots."""
HEADS_PER_ROW = 100
"""Largest number of chain heads (the last row of each session) that one audit entry of a root stores in its
column `detail`. A root that covers more heads is written as several audit entries.
"""
ROWS_PER_ROOT = 5_000
"""Approximate largest number of new row ids that one root covers."""
_AUDIT_ROOT_CONDITIONS = (
    audit_log.c.subject_kind == AUDIT_KIND,
    audit_log.c.subject_id == ROOT_SUBJECT_ID,
    audit_log.c.what == ROOT_ACTION,
)
_WRITTEN_BY_WORKER_CONDITION = audit_log.c.who.in_(bindparam("root_writers", expanding=True))
_NEWEST_ROOT_DETAIL_QUERY = (
    select(audit_log.c.detail)
    .where(*_AUDIT_ROOT_CONDITIONS, _WRITTEN_BY_WORKER_CONDITION)
    .order_by(audit_log.c.id.desc())
    .limit(1)
)
_AUDIT_ROOTS_QUERY = (
    select(audit_log.c.id, audit_log.c.session, audit_log.c.who, audit_log.c.detail)
    .where(*_AUDIT_ROOT_CONDITIONS, audit_log.c.id > bindparam("after"))
    .order_by(audit_log.c.id)
    .limit(200)
)
_OLDEST_UNCOVERED_ROW_QUERY = (
    select(audit_log.c.at)
    .where(audit_log.c.id > bindparam("after"), audit_log.c.what != ROOT_ACTION)
    .order_by(audit_log.c.id)
    .limit(1)
)
_FIRST_AUDIT_ID_AFTER_QUERY = select(func.min(audit_log.c.id)).where(audit_log.c.id > bindparam("after"))
_LAST_AUDIT_ID_QUERY = select(func.max(audit_log.c.id)).where(audit_log.c.id <= bindparam("up_to_id"))
_NEWEST_COVERABLE_AUDIT_ID_QUERY = (
    select(audit_log.c.id)
    .where(or_(audit_log.c.at <= bindparam("old_before"), audit_log.c.at > bindparam("now")))
    .order_by(audit_log.c.id.desc())
    .limit(1)
)
_newest_row_ids = (
    select(func.max(audit_log.c.id).label("id"))
    .where(audit_log.c.id > bindparam("after"), audit_log.c.id <= bindparam("up_to_id"))
    .group_by(audit_log.c.session)
    .subquery()
)
_NEWEST_CHAIN_HEADS_QUERY = (
    select(audit_log.c.session, audit_log.c.seq, audit_log.c.id, audit_log.c.hash)
    .join(_newest_row_ids, _newest_row_ids.c.id == audit_log.c.id)
    .order_by(audit_log.c.id)
)
_AUDIT_ROWS_BY_ID_QUERY = select(audit_log.c.id, audit_log.c.session, audit_log.c.seq, audit_log.c.hash).where(
    audit_log.c.id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class RowsCoveredByRoots:
    """Ends of two ranges of row ids: the last id that the newest root covers (`last_id_of_newest_root`), and the last
    id that the previous root covers (`last_id_of_previous_root`).
    """

    last_id_of_previous_root: int = 0
    last_id_of_newest_root: int = 0


@dataclass(frozen=True, slots=True)
class _AuditRoot:
    """A root: the heads of other chains as one worker has stored them. `covered_rows` has the last row id that this
    root covers and the last one that the previous root covers. A root is one audit row, or several rows of one
    transaction if one row has no room for all heads; `row_id` is the id of the first row.
    """

    row_id: int
    covered_rows: RowsCoveredByRoots
    heads: tuple[ChainHead, ...]

    def has_valid_range(self, end_id: int) -> bool:
        """True if the range of this root begins at or before `end_id`, the last id that earlier roots cover, and
        ends before the root's own row."""
        return (
            0 <= self.covered_rows.last_id_of_previous_root <= end_id
            and self.covered_rows.last_id_of_previous_root <= self.covered_rows.last_id_of_newest_root < self.row_id
        )

    def has_newest_heads(self, conn: Connection, after_id: int, up_to_id: int) -> bool:
        """True if, for each chain with rows in the range `after_id` < id <= `up_to_id`, the root stores the newest of
        these rows or a newer row of the chain."""
        row_id_by_chain = {head.chain: head.row_id for head in self.heads}
        rows = conn.execute(_NEWEST_CHAIN_HEADS_QUERY, {"after": after_id, "up_to_id": up_to_id})
        return all(row_id_by_chain.get(str(row.session), 0) >= row.id for row in rows)


def read_covered_rows(conn: Connection) -> RowsCoveredByRoots:
    """Return the ends of the ranges that the last root written by a worker covers; zeros if there is no such root
    or its detail is unreadable."""
    detail = conn.scalar(_NEWEST_ROOT_DETAIL_QUERY, {"root_writers": sorted(_read_root_writers(conn))})
    root = None if detail is None else _parse_root(0, detail)
    # An unreadable root wasn't written by this program: then the next root covers all rows.
    return root.covered_rows if root else RowsCoveredByRoots()


def _read_root_writers(conn: Connection) -> frozenset[str]:
    """Return the names of the database accounts whose roots count: all workers. Disabled workers are among them,
    because they wrote earlier roots.
    """
    if conn.dialect.name == "sqlite":
        return frozenset({WORKER})
    return frozenset(
        name
        for name, stored_person in people.read_people_by_name(conn).items()
        if WORKER in stored_person.person.roles
    )


def find_newest_row_older_than(conn: Connection, now: datetime, min_age_seconds: float) -> int:
    """Return the id of the newest audit row whose age is at least `min_age_seconds`; 0 if there is none. The caller
    chooses the age so that all rows with smaller ids have certainly been committed.

    A row with a time in the future counts as old, because the clock was ahead when the row was written.
    """
    at = convert_to_naive_utc(read_current_time(conn, now))
    values = {"old_before": at - timedelta(seconds=min_age_seconds), "now": at}
    return int(conn.scalar(_NEWEST_COVERABLE_AUDIT_ID_QUERY, values) or 0)


def compute_oldest_uncovered_age_seconds(
    conn: Connection, covered_rows: RowsCoveredByRoots, now: datetime
) -> float | None:
    """Return the age (seconds) of the oldest audit row that no root covers; None if roots cover all rows. The rows of
    the roots themselves aren't counted. `covered_rows`: the ends of the ranges that the last root covers. The present
    time is the server's, or `now` on SQLite.
    """
    at = conn.scalar(_OLDEST_UNCOVERED_ROW_QUERY, {"after": covered_rows.last_id_of_newest_root})
    return None if at is None else (convert_to_naive_utc(read_current_time(conn, now)) - at).total_seconds()


def list_heads_to_store(
    conn: Connection, covered_rows: RowsCoveredByRoots, last_id: int
) -> tuple[RowsCoveredByRoots, tuple[ChainHead, ...]]:
    """Return the ends of the ranges that the next root covers, and the heads that it stores. The heads are the newest
    rows of all chains that have rows in the new range or in the range of the last root. `covered_rows`: the ends of
    the ranges that the last root covers.

    The new range ends at the row `last_id` or earlier, because one root covers about ROWS_PER_ROOT new ids at most.
    If there is no row to cover, the result is (`covered_rows`, ()).
    """
    first_id = conn.scalar(
        _FIRST_AUDIT_ID_AFTER_QUERY, {"after": covered_rows.last_id_of_newest_root}
    )  # ids have gaps
    if first_id is None or first_id > last_id:
        return covered_rows, ()
    up_to_id = conn.scalar(_LAST_AUDIT_ID_QUERY, {"up_to_id": min(first_id + ROWS_PER_ROOT, last_id)})
    rows = conn.execute(
        _NEWEST_CHAIN_HEADS_QUERY, {"after": covered_rows.last_id_of_previous_root, "up_to_id": up_to_id}
    )
    newest_heads = tuple(ChainHead(str(row.session), int(row.seq), int(row.id), str(row.hash)) for row in rows)
    return RowsCoveredByRoots(covered_rows.last_id_of_newest_root, int(up_to_id)), newest_heads


def make_root_details(covered_rows: RowsCoveredByRoots, heads: Sequence[ChainHead]) -> Iterator[Mapping[str, object]]:
    """Yield the `detail` of each audit row of a root that stores these heads. Each row has a part of the heads,
    and the ends of the ranges that the whole root covers (`covered_rows`).
    """
    for part in split_into_batches(heads, HEADS_PER_ROW):
        stored_heads = [[head.chain, head.seq, head.row_id, head.hash] for head in part]
        yield {
            "since": covered_rows.last_id_of_previous_root,
            "upto": covered_rows.last_id_of_newest_root,
            "root": _compute_json_digest(stored_heads),
            "heads": stored_heads,
        }


def _compute_json_digest(value: object) -> str:
    """Return the SHA-256 (hex) of the value as JSON."""
    return sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def find_first_root_error(conn: Connection) -> tuple[int, str] | None:
    """Check all stored roots of the audit trail. A root is an audit row that stores the ids and hashes of other
    rows, the heads (newest rows) of the chains. Return the smallest id of a wrong audit row, with the reason; None
    if there is no error. For the reasons `missing` and `replaced` (see `AuditVerificationResult`) this is the row
    of a head; for `forged` it is the row of the root.

    The function uses constant memory for any number of roots.
    """
    return min(_find_root_errors(conn), default=None)


def _find_root_errors(conn: Connection) -> Iterator[tuple[int, str]]:
    """Yield the errors of all stored roots, each as (id of the audit row, reason).

    Each root must contain the head (newest row) of every chain that had new rows in the range of the previous
    root. It may lack rows that were committed late; the next root has them. The last root must also contain the
    heads of its own range.
    """
    writers, end_id, checked_end_id = _read_root_writers(conn), 0, 0
    previous_root: _AuditRoot | None = None
    for row_id, root in _read_roots(conn, writers):
        if (
            root is None
            or not root.has_valid_range(end_id)
            or not root.has_newest_heads(conn, checked_end_id, root.covered_rows.last_id_of_previous_root)
        ):
            yield row_id, "forged"
            continue
        end_id, checked_end_id, previous_root = (
            max(end_id, root.covered_rows.last_id_of_newest_root),
            root.covered_rows.last_id_of_previous_root,
            root,
        )
        yield from _find_head_errors(conn, root.heads)
    if previous_root is not None and not previous_root.has_newest_heads(
        conn, previous_root.covered_rows.last_id_of_previous_root, previous_root.covered_rows.last_id_of_newest_root
    ):
        yield previous_root.row_id, "forged"


def _read_roots(conn: Connection, writers: frozenset[str]) -> Iterator[tuple[int, _AuditRoot | None]]:
    """Yield every root of the audit trail with the id of its first row, sorted by id. None replaces a root that
    doesn't have this program's form or wasn't written under the name of one of `writers`."""

    def make_root_key(row: tuple[int, str, str, _AuditRoot | None]) -> tuple[object, ...]:
        """Return a key that is the same for all rows of one root: rows of one root have the same chain, database
        account and ranges of row ids. A row without a readable root gets a separate key.
        """
        row_id, session, person, root = row
        return (
            (session, person, root.covered_rows.last_id_of_previous_root, root.covered_rows.last_id_of_newest_root)
            if root
            else (row_id,)
        )

    for _, rows in groupby(_read_root_rows(conn, writers), make_root_key):
        rows_of_root = list(rows)
        roots = [root for *_, root in rows_of_root if root is not None]
        heads = tuple(head for root in roots for head in root.heads)
        first_row_id = rows_of_root[0][0]
        yield first_row_id, _AuditRoot(first_row_id, roots[0].covered_rows, heads) if roots else None


def _read_root_rows(conn: Connection, writers: frozenset[str]) -> Iterator[tuple[int, str, str, _AuditRoot | None]]:
    """Yield each audit row that claims to belong to a root, as (row id, chain, database account, root). The root is
    None if the account isn't one of `writers`, or if the text isn't in this program's form."""
    after = 0
    while rows := conn.execute(_AUDIT_ROOTS_QUERY, {"after": after}).all():
        for row in rows:
            yield row.id, row.session, row.who, _parse_root(row.id, row.detail) if row.who in writers else None
        after = rows[-1].id


def _parse_root(row_id: int, detail: str) -> _AuditRoot | None:
    """Return the part of a root that is in the `detail` of the audit row with the id `row_id`. Return None if the
    text doesn't have this program's form, or if its digest isn't that of its heads."""
    try:
        root = json.loads(detail)
        covered_rows, rows = RowsCoveredByRoots(int(root["since"]), int(root["upto"])), root["heads"]
        heads = tuple(
            ChainHead(str(chain), int(seq), int(number), str(row_hash)) for chain, seq, number, row_hash in rows
        )
        is_intact = root.get("root") == _compute_json_digest(rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    return _AuditRoot(row_id, covered_rows, heads) if is_intact else None


def _find_head_errors(conn: Connection, heads: Iterable[ChainHead]) -> Iterator[tuple[int, str]]:
    """Yield (row id, reason) for each of the heads whose row is absent from the audit trail (missing) or has another
    hash (replaced)."""
    by_id = {head.row_id: head for head in heads}
    rows = {row.id: row for row in conn.execute(_AUDIT_ROWS_BY_ID_QUERY, {"ids": list(by_id)})} if by_id else {}
    for row_id, head in by_id.items():
        row = rows.get(row_id)
        if row is None or (row.session, row.seq) != (head.chain, head.seq):
            yield row_id, "missing"
        elif row.hash != head.hash:
            yield row_id, "replaced"
