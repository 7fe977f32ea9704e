"""The claim of a restore on a server's database: while one restore has it, every other restore is refused, also one
that is connected to another node of a cluster.

The row lock of `server_dump.lock_restore_mark` is known only to the node of its connection. The claim is a committed
row, so of two restores that insert or change it at the same moment on different nodes only one can commit. The
holder of the claim counts up the column `beat` every few seconds. If that number stands still, the process of the
restore has ended, and another restore takes the claim over. On the node of the holder nobody needs to wait for that,
because there the row lock shows whether the restore runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event
from time import monotonic
from uuid import uuid4

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.domain.process.daemon_threads import DaemonThread
from console.store.backup.server_dump import (
    RESTORE_CLAIM_TABLE,
    drop_restore_claim,
    has_schema_version,
    make_other_restore_error,
    read_table_names,
)
from console.store.database.engine import Database

BEAT_SECONDS = 2.0
"""Time (seconds) between two changes of the number `beat` by the holder."""
SECONDS_WITHOUT_BEAT = 30.0
"""Time (seconds) without a change of `beat` after which the restore has certainly ended. While a table is created, a
cluster accepts no writes, so the holder may be late."""
_CREATE_TABLE_STATEMENT = text(
    f"CREATE TABLE IF NOT EXISTS {RESTORE_CLAIM_TABLE} (id TINYINT NOT NULL PRIMARY KEY, token CHAR(36) NOT NULL,"
    " node VARCHAR(255) NOT NULL, beat BIGINT NOT NULL) ENGINE = InnoDB"
)
_LOST_RACE_ERRORS = (1020, 1062, 1146, 1205, 1213)
"""Numbers of the errors by which another restore has changed the claim first: a changed or duplicate row, a dropped
table, a lock, or a refused certification."""


@dataclass(frozen=True, slots=True)
class _StoredClaim:
    """The stored claim. `token` is that of the restore that holds it; `node` is the name of the node of the database
    server to which that restore is connected; `beat` is the number that the restore counts up."""

    token: str
    node: str
    beat: int


class RestoreClaim:
    """The claim of the present restore on a server's database."""

    def __init__(self, database: Database, token: str) -> None:
        self._database, self._token = database, token

    def require_claim(self) -> None:
        """Raise ConsoleError `database_locked` (another_restore) if another restore has taken the claim over, because
        this process was suspended."""
        with self._database.engine.begin() as conn:
            stored_claim = _read_claim(conn)
        if stored_claim is None or stored_claim.token != self._token:
            raise make_other_restore_error()


@contextmanager
def hold_restore_claim(database: Database, lock_holder: Connection) -> Iterator[RestoreClaim]:
    """Context manager: hold the claim on the database during the block. `lock_holder` is the connection that has
    locked the row of the table RESTORE_MARK_TABLE (`server_dump.lock_restore_mark`).

    A stored claim of an ended restore is taken over. A restore on the same node has ended, because this process has
    the lock of the row. A restore on another node has ended if its beat stands still for SECONDS_WITHOUT_BEAT; this
    function waits so long. Raises ConsoleError `database_locked` (another_restore) if another restore runs, or was
    completed meanwhile. After an error in the block, the claim is released; otherwise it stays until
    `drop_restore_mark` removes it.
    """
    token = str(uuid4())
    _take_claim(database, token, str(lock_holder.scalar(text("SELECT CONCAT(@@hostname, ':', @@port)"))))
    stop_event = Event()
    thread = DaemonThread(lambda: _count_up(database, token, stop_event), "restore claim")
    thread.start()
    try:
        _require_no_complete_database(database)
        yield RestoreClaim(database, token)
    except BaseException:
        with suppress(DBAPIError), database.engine.begin() as conn:
            conn.execute(text(f"DELETE FROM {RESTORE_CLAIM_TABLE} WHERE token = :token"), {"token": token})  # noqa: S608  # a constant
        raise
    finally:
        stop_event.set()
        thread.join()


def _take_claim(database: Database, token: str, node: str) -> None:
    """Store the claim of this restore. Raises ConsoleError `database_locked` if another restore holds the claim."""
    try:
        with database.engine.begin() as conn:
            conn.execute(_CREATE_TABLE_STATEMENT)
        ended_claim = _find_ended_claim(database, node)
        facts = {"token": token, "node": node}
        with database.engine.begin() as conn:
            if ended_claim is None:
                sql = f"INSERT INTO {RESTORE_CLAIM_TABLE} VALUES (1, :token, :node, 0)"  # noqa: S608  # a constant
            else:
                sql = (
                    f"UPDATE {RESTORE_CLAIM_TABLE} SET token = :token, node = :node, beat = beat + 1"  # noqa: S608  # a constant
                    " WHERE token = :ended_token AND beat = :ended_beat"
                )
                facts |= {"ended_token": ended_claim.token, "ended_beat": str(ended_claim.beat)}
            if conn.execute(text(sql), facts).rowcount != 1:
                raise make_other_restore_error()
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in _LOST_RACE_ERRORS:
            raise
        raise make_other_restore_error() from None


def _find_ended_claim(database: Database, node: str) -> _StoredClaim | None:
    """Return the stored claim of a restore that has ended, None if no claim is stored. The claim of a restore on this
    node (`node`) has ended, because the caller has the lock of the mark there. For any other claim, wait until it has
    stood still for SECONDS_WITHOUT_BEAT. Raises ConsoleError `database_locked` if it changes."""
    first_claim = claim = _read_claim_of_database(database)
    deadline = monotonic() + SECONDS_WITHOUT_BEAT
    while claim is not None and claim.node != node and monotonic() < deadline:
        Event().wait(BEAT_SECONDS / 2)
        claim = _read_claim_of_database(database)
        if claim != first_claim:
            raise make_other_restore_error()
    return claim


def _read_claim_of_database(database: Database) -> _StoredClaim | None:
    with database.engine.begin() as conn:
        return _read_claim(conn)


def _read_claim(conn: Connection) -> _StoredClaim | None:
    row = conn.execute(text(f"SELECT token, node, beat FROM {RESTORE_CLAIM_TABLE}")).first()  # noqa: S608  # a constant
    return None if row is None else _StoredClaim(*row)


def _require_no_complete_database(database: Database) -> None:
    """Raise ConsoleError `database_locked` if another restore was completed before this one took the claim: then the
    database may already be in use. The claim's table, which this restore has created again, is dropped."""
    with database.engine.begin() as conn:
        if has_schema_version(conn, read_table_names(conn)):
            drop_restore_claim(conn)
            raise make_other_restore_error()


def _count_up(database: Database, token: str, stop_event: Event) -> None:
    """Count up the number `beat` of this restore's claim every BEAT_SECONDS until `stop_event` is set."""
    sql = text(f"UPDATE {RESTORE_CLAIM_TABLE} SET beat = beat + 1 WHERE token = :token")  # noqa: S608  # a constant
    while not stop_event.wait(BEAT_SECONDS):
        with suppress(DBAPIError), database.engine.begin() as conn:
            conn.execute(sql, {"token": token})
