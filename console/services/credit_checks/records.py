"""One record as it is now: read with a lapsed call seen as unknown, unaudited, for services among themselves."""

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck
from console.services.desk import Desk
from console.store import credit_checks, looks


def current(desk: Desk, record_id: int) -> CreditCheck:
    """The record in a read of its own. Raises not_found."""
    with desk.database.read() as conn:
        return found(conn, record_id)


def found(conn: Connection, record_id: int) -> CreditCheck:
    """The record within the caller's transaction. Raises not_found."""
    record = looks.record(conn, record_id)
    if record is None:
        raise ConsoleError("not_found", {"kind": credit_checks.KIND, "id": str(record_id)})
    return record
