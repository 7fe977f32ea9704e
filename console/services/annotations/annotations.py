"""What people keep beside a record, for its view: who works on it now, and their notes."""

from typing import TypedDict

from sqlalchemy import Connection

from console.domain.worker_records import Note, Take
from console.services.desk import Desk
from console.store import notes, takes


class Beside(TypedDict):
    """Fields of every record's view."""

    taken: Take | None
    notes: tuple[Note, ...]


def beside(desk: Desk, conn: Connection, kind: str, record_id: int) -> Beside:
    """Within the caller's read."""
    taken = takes.of(conn, kind, (record_id,), desk.now())
    return {"taken": taken.get(record_id), "notes": notes.of(conn, kind, record_id)}
