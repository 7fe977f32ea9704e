"""The type of the function that reads the relations of records. Relations are facts of related rows, such as the
refunds of a payment. Lists, screens and texts use these facts to explain a record."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from console.domain.queues.filters import get_record_kind
from console.store.database import unreadable_rows
from console.store.database.sqlalchemy_names import Connection
from console.store.queues.table_queries import QueuedRecord

RecordT = TypeVar("RecordT", bound=QueuedRecord)


class RecordsCompleter(Protocol):
    """A function that returns the records in the given sequence, each with its relations (facts of related rows)."""

    def __call__(self, conn: Connection, records: Sequence[RecordT], /) -> tuple[RecordT, ...]: ...


def complete_record(complete_records: RecordsCompleter, conn: Connection, record: RecordT) -> RecordT:
    """Return the record with its relations (facts of related rows), which `complete_records` reads."""
    return complete_records(conn, (record,))[0]


def complete_readable_records(
    complete_records: RecordsCompleter, conn: Connection, records: Sequence[RecordT]
) -> tuple[RecordT, ...]:
    """Return the records with their relations, which `complete_records` reads. Leave out a record if a related row,
    such as a payment of an order, can't be read: its explanation would be wrong without this row."""
    try:
        return complete_records(conn, records)
    except unreadable_rows.READ_ERRORS:
        return unreadable_rows.read_readable_rows(
            "related rows",
            records,
            lambda record: complete_record(complete_records, conn, record),
            lambda record: (get_record_kind(record), record.id),
            lambda record: f"{get_record_kind(record)} {record.id}",
        )


def map_readable_records(
    complete_records: RecordsCompleter, conn: Connection, records: Sequence[RecordT]
) -> dict[tuple[type, int], RecordT]:
    """Return the result of `complete_readable_records` by the type and the id of the records."""
    return {
        (type(record), record.id): record for record in complete_readable_records(complete_records, conn, records)
    }
