"""Annotations of a record for its screen: its take (who works on it now) and its notes."""

from typing import TypedDict

from console.domain.tasks.records import Note, Take
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.records import assignments as takes
from console.store.records import notes


class Annotations(TypedDict):
    """The fields that the view of each record has; `taken` is None if nobody has taken the record."""

    taken: Take | None
    notes: tuple[Note, ...]


def read_annotations(context: ServiceContext, conn: Connection, kind: str, record_id: int) -> Annotations:
    """Return the annotations of a record, read in the caller's transaction."""
    assignments = takes.takes_of(conn, kind, (record_id,), context.now())
    return {"taken": assignments.get(record_id), "notes": notes.notes_of(conn, kind, record_id)}
