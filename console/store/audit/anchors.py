"""Detects that a database was set back to an earlier state, by comparing it with anchors.

An anchor (`ChainHead`) is a row of the audit trail whose hash this desk has stored in its spool. Audit rows are never
deleted, so a missing or different row proves that the database has lost commits.

A row that this desk has written becomes an anchor after its COMMIT. A row that this desk has only read becomes an
anchor when the row is on the server's disk. The reason is that a server can show rows before it writes them to its
disk, and loses these rows if it crashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, cast, func, select
from sqlalchemy.exc import DBAPIError

from console.store.database.compiled_statements import execute_compiled
from console.store.database.instants import SERVER_TIME_EXPRESSION
from console.store.operations.rollback_alert import (
    DATABASE_WENT_BACK_RULE as DATABASE_WENT_BACK_RULE,  # name under which users of anchors read it
)
from console.store.operations.rollback_alert import OPEN_ROLLBACK_ALERT_QUERY, ROLLBACK_ALERT_CONDITION
from console.store.schema.core import alerts, audit_log
from console.store.spool.spool import ChainHead

MIN_AGE_OF_DURABLE_ROWS = timedelta(seconds=5)
"""Age from which on an audit row counts as written to the server's disk, because a COMMIT waits for the disk."""
_MIN_ANCHORS_OF_QUERY = 4
"""Smallest number of anchors for which a query is made; the next larger numbers are 8, 16 …"""
_MAX_STATUS_READS = 5
"""Largest number of reads of the redo log's status before the rows count as not on the disk."""
_AUDIT_ROW_COLUMNS = (audit_log.c.id, audit_log.c.session, audit_log.c.seq, audit_log.c.hash)
_AUDIT_ROWS_BY_ID_QUERY = select(*_AUDIT_ROW_COLUMNS).where(audit_log.c.id.in_(bindparam("ids", expanding=True)))
_RESOLVED_ROLLBACK_ALERTS_QUERY = select(alerts.c.id, alerts.c.detected_at).where(
    ROLLBACK_ALERT_CONDITION, alerts.c.resolved_at.is_not(None)
)
_newest_row = audit_log.alias("newest_row").c
_ROW_TEXT_ON_SQLITE = (
    cast(audit_log.c.id, String)
    + " "
    + audit_log.c.session
    + " "
    + cast(audit_log.c.seq, String)
    + " "
    + audit_log.c.hash
)
_ROW_TEXT_ON_SERVER = func.concat(
    audit_log.c.id, " ", audit_log.c.session, " ", audit_log.c.seq, " ", audit_log.c.hash
)


@cache
def _make_comparison_query(*, is_sqlite: bool, anchor_count: int) -> Select[Any]:
    """Return the query of `compare_with_anchors`. Its result is one row with the number of anchors whose row is in
    the audit trail, the id of a resolved alert that the database was set back, and the newest row of the trail; on a
    server also the time of the newest row and the present time.

    Its parameters are `id_0`, `id_1` … (the row ids of `anchor_count` anchors), and `text_0`, `text_1` … (the texts
    that `_make_comparison_text` makes of them). The query has a separate parameter for each value, and is cached by
    the number of anchors; with a list as one parameter, SQLAlchemy would make the SQL again for each execution. The
    server counts the rows, because this is faster than fetching them.
    """
    row_text = _ROW_TEXT_ON_SQLITE if is_sqlite else _ROW_TEXT_ON_SERVER
    present_count = select(func.count()).where(
        audit_log.c.id.in_([bindparam(f"id_{place}") for place in range(anchor_count)]),
        row_text.in_([bindparam(f"text_{place}") for place in range(anchor_count)]),
    )
    resolved_alert_id = _RESOLVED_ROLLBACK_ALERTS_QUERY.with_only_columns(alerts.c.id).limit(1)
    time_columns = () if is_sqlite else (_newest_row.at, SERVER_TIME_EXPRESSION)
    return select(
        present_count.scalar_subquery(),
        resolved_alert_id.scalar_subquery(),
        *(_newest_row.id, _newest_row.session, _newest_row.seq, _newest_row.hash, *time_columns),
    ).where(_newest_row.id == select(func.max(audit_log.c.id)).scalar_subquery())


_REDO_LOG_VARIABLES = {
    "Innodb_lsn_current": "Innodb_lsn_flushed",
    "Innodb_redo_log_current_lsn": "Innodb_redo_log_flushed_to_disk_lsn",
}
"""Pairs of status variables of the server: the present end of the redo log, and the end of its part on the disk.
MariaDB has the first pair, MySQL the second.
"""


def list_missing_heads(conn: Connection, heads: Sequence[ChainHead]) -> tuple[ChainHead, ...]:
    """Return those of the anchors `heads` whose row is absent from the audit trail or has another chain, position
    or hash.

    The transaction of `conn` must not have read anything before. Otherwise rows that were committed before the
    anchors were read may be invisible.
    """
    return (
        _find_heads_without_row(heads, conn.execute(_AUDIT_ROWS_BY_ID_QUERY, _make_row_ids_parameter(heads)).all())
        if heads
        else ()
    )


@dataclass(frozen=True, slots=True)
class AnchorComparison:
    """The result of a comparison of anchors with the audit trail.

    - `lacks_anchor_rows`: the row of an anchor is missing or different.
    - `newest_head`: the newest row of the trail; None if the trail is empty, if the row is one of the anchors, if it
      may not be on the server's disk yet, or if `lacks_anchor_rows` is True.
    - `has_resolved_alert`: the database has a resolved alert which says that it was set back.
    """

    lacks_anchor_rows: bool
    newest_head: ChainHead | None
    has_resolved_alert: bool


def compare_with_anchors(conn: Connection, heads: Sequence[ChainHead]) -> AnchorComparison:
    """Compare the anchors `heads` with the audit trail (see `list_missing_heads`), by one statement, and return the
    result."""
    is_sqlite = conn.dialect.name == "sqlite"
    distinct_heads = set(heads)
    anchors = [(head.row_id, _make_comparison_text(head)) for head in distinct_heads]
    # Filled up with an id that no row has, so that desks with different numbers of anchors use the same few queries.
    anchor_count = max(_MIN_ANCHORS_OF_QUERY, 1 << max(0, len(anchors) - 1).bit_length())
    anchors += [(0, "")] * (anchor_count - len(anchors))
    query = _make_comparison_query(is_sqlite=is_sqlite, anchor_count=anchor_count)
    parameters: dict[str, object] = {f"id_{place}": row_id for place, (row_id, _) in enumerate(anchors)}
    parameters |= {f"text_{place}": row_text for place, (_, row_text) in enumerate(anchors)}
    # The times of a server's row need SQLAlchemy's conversion.
    result = execute_compiled(conn, query, parameters) if is_sqlite else conn.execute(query, parameters)
    row: Sequence[Any] | None = result.first()
    if row is None:  # the trail is empty
        return AnchorComparison(bool(heads), None, bool(list_resolved_rollback_alert_keys(conn)))
    present_count, resolved_alert_id, *newest_row = row
    newest_head = _make_chain_head(newest_row)
    lacks_anchor_rows, has_resolved_alert = present_count < len(distinct_heads), resolved_alert_id is not None
    if lacks_anchor_rows or newest_head in distinct_heads:
        return AnchorComparison(lacks_anchor_rows, None, has_resolved_alert)
    is_on_disk = (
        is_sqlite or newest_row[5] - newest_row[4] >= MIN_AGE_OF_DURABLE_ROWS or _are_server_rows_on_disk(conn)
    )
    return AnchorComparison(False, newest_head if is_on_disk else None, has_resolved_alert)


def _make_comparison_text(head: ChainHead) -> str:
    """Return the row id, chain, position and hash of a row as one text. The texts of two rows are equal only if all
    four values are equal.
    """
    return f"{head.row_id} {head.chain} {head.seq} {head.hash}"


def _make_row_ids_parameter(heads: Sequence[ChainHead]) -> dict[str, list[int]]:
    """Return the parameters of a query that reads the rows of these anchors: `ids`, their row ids, sorted."""
    return {"ids": sorted({head.row_id for head in heads})}


def _find_heads_without_row(heads: Sequence[ChainHead], rows: Sequence[Sequence[object]]) -> tuple[ChainHead, ...]:
    """Return those of `heads` that don't occur in `rows` with the same chain, position and hash."""
    present_heads = set(map(_make_chain_head, rows))
    return tuple(head for head in heads if head not in present_heads)


def _make_chain_head(row: Sequence[object]) -> ChainHead:
    row_id, session, seq, digest = row[:4]
    return ChainHead(str(session), int(str(seq)), int(str(row_id)), str(digest))


def _are_server_rows_on_disk(conn: Connection) -> bool:
    """True if all rows that the server has shown so far are on its disk. False if the connected account may not read
    the status variables, or if the rows weren't on the disk after _MAX_STATUS_READS reads.
    """
    target_position: int | None = None
    for _ in range(_MAX_STATUS_READS):
        try:
            rows = conn.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Innodb%%lsn%%'").all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return False
        positions = {str(name): int(value) for name, value in rows}
        for current, flushed in _REDO_LOG_VARIABLES.items():
            if current in positions and flushed in positions:
                target_position = positions[current] if target_position is None else target_position
                if positions[flushed] >= target_position:
                    return True
    return False


def find_open_rollback_alert_id(conn: Connection) -> int | None:
    """Return the id of the open alert which says that the database was set back (DATABASE_WENT_BACK_RULE); None if
    there is none. While this alert is open, the program makes no call that costs or moves money.
    """
    alert_id = conn.scalar(OPEN_ROLLBACK_ALERT_QUERY)
    return None if alert_id is None else int(alert_id)


def list_resolved_rollback_alert_keys(conn: Connection) -> frozenset[str]:
    """Return the resolved alerts which say that the database was set back (DATABASE_WENT_BACK_RULE), each as "alert
    id:time of detection" (UTC).
    """
    return frozenset(
        f"{row.id}:{row.detected_at.isoformat()}" for row in conn.execute(_RESOLVED_ROLLBACK_ALERTS_QUERY)
    )
