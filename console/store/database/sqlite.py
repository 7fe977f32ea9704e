"""Opens connections to SQLite, with durable commits, foreign keys, and the SQL functions of the clock of leases."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from console.settings.private_files import make_private_file
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
    def _set_pragmas_and_functions(dbapi: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = dbapi.cursor()
        for pragma in _CONNECTION_PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        cursor.close()
        lease_clock.register_functions(dbapi)

    return engine
