"""Opens connections to SQLite, with durable commits, foreign keys, and the SQL functions of the clock of leases."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from console.settings.private_files import make_private_file, read_file_identity
from console.store.database import lease_clock

BUSY_TIMEOUT_SECONDS = 10.0
"""Longest time (seconds) for which a statement waits for the lock of the SQLite file."""
_CONNECTION_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=ON",  # on macOS alone fsync leaves the data in the cache of the disk
    "foreign_keys=ON",
    f"busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}",
)
_WAL_SUFFIX = "-wal"
_WAL_IDENTITY_KEY = "wal_identity"
"""Key in `Connection.info`: the identity of the write-ahead log that the connection uses."""


def store_wal_identity(conn: Connection, path: str) -> None:
    """Store in `conn.info` the identity of the file of the write-ahead log that this connection to the SQLite file
    `path` uses, unless an identity is stored already. The connection must have opened the log: in a new, empty file
    only a write transaction does so.
    """
    _store_wal_identity(conn.info, path)


def _store_wal_identity(info: dict[Any, Any], path: str) -> None:
    if info.get(_WAL_IDENTITY_KEY) is None:
        info[_WAL_IDENTITY_KEY] = read_file_identity(path + _WAL_SUFFIX)


def has_lost_wal(conn: Connection, path: str) -> bool:
    """True if the write-ahead log that this connection uses is no longer next to the SQLite file `path`, because
    another program has deleted or replaced it. SQLite itself deletes it only after the last connection of all
    processes was closed. False if `store_wal_identity` has stored nothing.
    """
    identity = conn.info.get(_WAL_IDENTITY_KEY)
    return identity is not None and identity != read_file_identity(path + _WAL_SUFFIX)


def _decode_text(content: bytes) -> str:
    """Return a stored text. Another program may have stored bytes that aren't UTF-8, such as Shift_JIS from a CSV
    file; each of them becomes U+FFFD. By default the driver would raise an error for the whole query."""
    return content.decode("utf-8", "replace")


def open_engine(url: URL) -> Engine:
    """Return a new engine for this SQLite file. The driver's own BEGIN is switched off, because the driver would send
    it only before the first write; `Database` sends BEGIN itself.
    """
    # Values hold texts of people and answers of providers: no log line and no error message may contain them.
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}, hide_parameters=True
    )

    @event.listens_for(engine, "do_connect")
    def _create_private_file(_dialect: object, _record: object, _args: object, _options: object) -> None:
        """Create a missing file with mode 0600; SQLite gives its side files the same mode."""
        if url.database and url.database != ":memory:":
            with suppress(OSError):  # SQLite itself reports the error in more detail
                make_private_file(Path(url.database))

    @event.listens_for(engine, "connect")
    def _set_pragmas_and_functions(dbapi: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        dbapi.text_factory = _decode_text
        cursor = dbapi.cursor()
        try:
            for pragma in _CONNECTION_PRAGMAS:
                cursor.execute("PRAGMA " + pragma)
        except UnicodeDecodeError as error:  # the message about a damaged schema quotes its bytes
            raise sqlite3.DatabaseError("malformed database schema") from error
        cursor.close()
        if url.database and url.database != ":memory:":
            with suppress(OSError):  # the transaction reports it
                if Path(url.database).stat().st_size:
                    _store_wal_identity(record.info, url.database)
        lease_clock.register_functions(dbapi)

    return engine
