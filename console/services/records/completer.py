"""The type of the function that reads the relations of records.

Relations are related facts, such as the refunds of a payment; lists, screens and texts explain a record by them.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from console.store.database.sqlalchemy_names import Connection
from console.store.queues.table_queries import QueuedRecord

RecordT = TypeVar("RecordT", bound=QueuedRecord)


class RecordsCompleter(Protocol):
    """A function that returns the records with their relations, in the same sequence."""

    def __call__(self, conn: Connection, records: Sequence[RecordT], /) -> tuple[RecordT, ...]: ...


def complete_record(complete_records: RecordsCompleter, conn: Connection, record: RecordT) -> RecordT:
    """Return the record with its relations, which `complete_records` reads."""
    return complete_records(conn, (record,))[0]
