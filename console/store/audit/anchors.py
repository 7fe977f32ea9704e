"""Detects that a database was set back to an earlier state, by comparing it with anchors.

An anchor (`ChainHead`) is a row of the audit trail whose hash this desk has stored in its spool. Audit rows are never
deleted, so a missing or different row proves that the database has lost commits.

A row that this desk has written becomes an anchor after its COMMIT. A row that this desk has only read becomes one
when the row is on the server's disk: a server can show rows before it writes them to its disk, and loses them if it
crashes.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, bindparam, func, select, union_all
from sqlalchemy.exc import DBAPIError

from console.domain.errors import ErrorCode
from console.store.database.instants import SERVER_TIME_EXPRESSION
from console.store.schema.core import alerts, audit_log
from console.store.spool.spool import ChainHead

DATABASE_WENT_BACK_RULE = ErrorCode.DATABASE_WENT_BACK
"""Rule of the alert that the database was set back to an earlier state."""
MIN_AGE_OF_DURABLE_ROWS = timedelta(seconds=5)
"""Age from which on an audit row counts as written to the server's disk, because a COMMIT waits for the disk."""
_MAX_STATUS_READS = 5
"""Largest number of reads of the redo log's status before the rows count as not on the disk."""
_AUDIT_ROW_COLUMNS = (audit_log.c.id, audit_log.c.session, audit_log.c.seq, audit_log.c.hash)
_AUDIT_TIME_COLUMNS = (audit_log.c.at, SERVER_TIME_EXPRESSION)
_LISTED_AUDIT_ROW_CONDITION = audit_log.c.id.in_(bindparam("ids", expanding=True))
_NEWEST_AUDIT_ROW_CONDITION = audit_log.c.id == select(func.max(audit_log.c.id)).scalar_subquery()
_AUDIT_ROWS_BY_ID_QUERY = select(*_AUDIT_ROW_COLUMNS).where(_LISTED_AUDIT_ROW_CONDITION)
_ANCHOR_COMPARISON_QUERY = union_all(
    _AUDIT_ROWS_BY_ID_QUERY, select(*_AUDIT_ROW_COLUMNS).where(_NEWEST_AUDIT_ROW_CONDITION)
)
_ANCHOR_COMPARISON_WITH_TIMES_QUERY = union_all(
    select(*_AUDIT_ROW_COLUMNS, *_AUDIT_TIME_COLUMNS).where(_LISTED_AUDIT_ROW_CONDITION),
    select(*_AUDIT_ROW_COLUMNS, *_AUDIT_TIME_COLUMNS).where(_NEWEST_AUDIT_ROW_CONDITION),
)
_ROLLBACK_ALERT_CONDITION = alerts.c.rule_id == DATABASE_WENT_BACK_RULE
_OPEN_ROLLBACK_ALERT_QUERY = (
    select(alerts.c.id).where(_ROLLBACK_ALERT_CONDITION, alerts.c.resolved_at.is_(None)).limit(1)
)
_RESOLVED_ROLLBACK_ALERTS_QUERY = select(alerts.c.id, alerts.c.detected_at).where(
    _ROLLBACK_ALERT_CONDITION, alerts.c.resolved_at.is_not(None)
)
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
        _find_heads_without_row(heads, conn.execute(_AUDIT_ROWS_BY_ID_QUERY, _make_ids_parameter(heads)).all())
        if heads
        else ()
    )


def compare_with_anchors(conn: Connection, heads: Sequence[ChainHead]) -> tuple[bool, ChainHead | None]:
    """Compare the anchors `heads` with the audit trail. Return (True, None) if the row of an anchor is missing or
    different (see `list_missing_heads`); otherwise (False, newest row of the trail).

    None replaces the newest row if the trail is empty, if the newest row is one of the anchors, or if it may not be
    on the server's disk yet.
    """
    is_sqlite = conn.dialect.name == "sqlite"
    rows = conn.execute(
        _ANCHOR_COMPARISON_QUERY if is_sqlite else _ANCHOR_COMPARISON_WITH_TIMES_QUERY, _make_ids_parameter(heads)
    ).all()
    if _find_heads_without_row(heads, rows):
        return True, None
    newest_row = max(rows, key=lambda row: int(row[0]), default=None)
    if newest_row is None or _make_head(newest_row) in heads:
        return False, None
    is_on_disk = (
        is_sqlite or newest_row[5] - newest_row[4] >= MIN_AGE_OF_DURABLE_ROWS or _are_server_rows_on_disk(conn)
    )
    return False, _make_head(newest_row) if is_on_disk else None


def _make_ids_parameter(heads: Sequence[ChainHead]) -> dict[str, list[int]]:
    return {"ids": sorted({head.row_id for head in heads})}


def _find_heads_without_row(heads: Sequence[ChainHead], rows: Sequence[Sequence[object]]) -> tuple[ChainHead, ...]:
    """Return those of `heads` that don't occur in `rows` with the same chain, position and hash."""
    present_heads = set(map(_make_head, rows))
    return tuple(head for head in heads if head not in present_heads)


def _make_head(row: Sequence[object]) -> ChainHead:
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
    """Return the id of the open alert that the database was set back (DATABASE_WENT_BACK_RULE); None if there is
    none. While this alert is open, no call that costs or moves money is made.
    """
    alert_id = conn.scalar(_OPEN_ROLLBACK_ALERT_QUERY)
    return None if alert_id is None else int(alert_id)


def list_resolved_rollback_alerts(conn: Connection) -> frozenset[str]:
    """Return the resolved alerts that the database was set back (DATABASE_WENT_BACK_RULE), each as "alert id:time of
    detection" (UTC).
    """
    return frozenset(
        f"{row.id}:{row.detected_at.isoformat()}" for row in conn.execute(_RESOLVED_ROLLBACK_ALERTS_QUERY)
    )
