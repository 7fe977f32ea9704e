"""Records the SQL statements that a desk sends to its database, and the packets that it sends to a server. Each
packet is one round trip.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread
from typing import Any

from sqlalchemy import Connection, event

from console.app import Console
from console.store.database.pipelining_connection import PipeliningConnection

TABLES_READ_ONCE_A_SECOND = ("console_meta", "alembic_version", "information_schema")


@contextmanager
def record_statements(desk: Console) -> Iterator[list[str]]:
    """Yield a list to which each statement is added that the desk sends to its database within the block. BEGIN is
    left out. Renewals of leases, and statements that name a table in TABLES_READ_ONCE_A_SECOND, are left out because
    their number depends on the duration of the block. COMMIT is recorded on servers only."""
    sent: list[str] = []
    engines = {id(engine): engine for engine in (desk.database.engine, desk.database._read_engine)}.values()

    def record_statement(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if (
            not _is_lease_renewal()
            and not statement.startswith("BEGIN")
            and not any(name in statement for name in TABLES_READ_ONCE_A_SECOND)
        ):
            sent.append(statement)

    def record_commit(_conn: object) -> None:
        if desk.database.is_server and not _is_lease_renewal():
            sent.append("COMMIT")

    for engine in engines:
        event.listen(engine, "before_cursor_execute", record_statement)
        event.listen(engine, "commit", record_commit)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", record_statement)
            event.remove(engine, "commit", record_commit)


@contextmanager
def record_executions(desk: Console) -> Iterator[list[str]]:
    """Yield a list to which each statement is added that SQLAlchemy executes on the desk's database within the block.
    Statements that the driver gets as SQL (`execute_compiled`), and those that `record_statements` leaves out, aren't
    recorded.
    """
    executed: list[str] = []
    engines = {id(engine): engine for engine in (desk.database.engine, desk.database._read_engine)}.values()

    def record_execution(conn: Connection, statement: Any, *_: object) -> None:
        text = str(statement.compile(dialect=conn.dialect))
        if not _is_lease_renewal() and not any(name in text for name in TABLES_READ_ONCE_A_SECOND):
            executed.append(text)

    for engine in engines:
        event.listen(engine, "before_execute", record_execution)
    try:
        yield executed
    finally:
        for engine in engines:
            event.remove(engine, "before_execute", record_execution)


@contextmanager
def record_packets() -> Iterator[list[list[bytes]]]:
    """Yield a list to which each packet is added that this process sends to servers within the block. A packet is the
    list of its statements. Renewals of leases, and statements that are sent at most once a second, are left out.
    """
    packets: list[list[bytes]] = []
    write = PipeliningConnection._write_bytes

    def record_packet(self: Any, data: bytes) -> None:
        statements, start = [], 0
        while start < len(data):
            end = start + 4 + int.from_bytes(data[start : start + 3], "little")
            statements.append(data[start + 5 : end])
            start = end
        text = b" ".join(statements).decode(errors="replace")
        if not _is_lease_renewal() and not any(name in text for name in TABLES_READ_ONCE_A_SECOND):
            packets.append(statements)
        write(self, data)

    PipeliningConnection._write_bytes = record_packet
    try:
        yield packets
    finally:
        PipeliningConnection._write_bytes = write


def _is_lease_renewal() -> bool:
    return current_thread().name == "heartbeat of a lease"
