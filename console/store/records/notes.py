"""What people write beside records. A note is never changed."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy import insert as into

from console.domain.worker_records import Note
from console.store import swaps
from console.store.leases import aware, naive
from console.store.worker_schema import notes

_t = notes.c
_OF = (
    select(_t.id, _t.kind, _t.subject_id, _t.person, _t.words, _t.at)
    .where(_t.kind == bindparam("whose"), _t.subject_id == bindparam("of"))
    .order_by(_t.id)
)
_INSERT = into(notes)


def add(conn: Connection, kind: str, subject_id: int, person: str, words: str, now: datetime) -> int:
    """Keep a note; its id. The feed tells of the record that it is beside."""
    row = {"kind": kind, "subject_id": subject_id, "person": person, "words": words, "at": naive(now)}
    key = conn.execute(_INSERT, row).inserted_primary_key
    swaps.announce(conn, kind, subject_id, now)
    return int(key[0]) if key else 0


def of(conn: Connection, kind: str, subject_id: int) -> tuple[Note, ...]:
    """The notes of a record, oldest first."""
    found = conn.execute(_OF, {"whose": kind, "of": subject_id})
    return tuple(Note(note, whose, subject, who, words, aware(at)) for note, whose, subject, who, words, at in found)
