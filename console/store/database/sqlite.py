"""The embedded database's connections: durable, strict, and with the functions that our SQL counts on."""

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from console.store import lease_time

BUSY_SECONDS = 10.0
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={int(BUSY_SECONDS * 1000)}")


def open_engine(url: URL) -> Engine:
    """An engine whose transactions we begin ourselves: the driver's own BEGIN comes too late."""
    # What people wrote and what providers answered stands in the values: no log and no error may repeat them.
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}, hide_parameters=True
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _prepare(dbapi: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = dbapi.cursor()
        for pragma in _PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        cursor.close()
        lease_time.lend(dbapi)

    return engine
