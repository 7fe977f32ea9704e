"""The type of the function that reads the relations of records, by which lists, screens and texts explain them."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from console.store.database.sqlalchemy_names import Connection
from console.store.queues.table_queries import QueuedRecord

R = TypeVar("R", bound=QueuedRecord)


class RecordsCompleter(Protocol):
    """Function that returns records with their relations, in the same sequence."""

    def __call__(self, conn: Connection, records: Sequence[R], /) -> tuple[R, ...]: ...


def complete_record(complete_records: RecordsCompleter, conn: Connection, record: R) -> R:
    """Return one record with its relations."""
    return complete_records(conn, (record,))[0]
