"""Rows of notes that people write about records. The text of a note is never changed."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy import insert as into

from console.domain.tasks.records import Note
from console.store.database import compare_and_swap
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.worker import notes

_NOTES_OF_SUBJECT_QUERY = (
    select(notes.c.id, notes.c.kind, notes.c.subject_id, notes.c.person, notes.c.words, notes.c.at)
    .where(notes.c.kind == bindparam("record_kind"), notes.c.subject_id == bindparam("record_id"))
    .order_by(notes.c.id)
)
_INSERT_NOTE_STATEMENT = into(notes)


def add_note(conn: Connection, kind: str, subject_id: int, person: str, note_text: str, now: datetime) -> int:
    """Insert a note of `person` with the text `note_text` about the record, and return the id of the note. Also
    announce a change of the record in the change feed."""
    row = {
        "kind": kind,
        "subject_id": subject_id,
        "person": person,
        "words": note_text,
        "at": convert_to_naive_utc(now),
    }
    key = conn.execute(_INSERT_NOTE_STATEMENT, row).inserted_primary_key
    compare_and_swap.announce_change(conn, kind, subject_id, now)
    return int(key[0]) if key else 0


def list_notes(conn: Connection, kind: str, subject_id: int) -> tuple[Note, ...]:
    """Return the notes of a record, oldest first."""
    rows = conn.execute(_NOTES_OF_SUBJECT_QUERY, {"record_kind": kind, "record_id": subject_id})
    return tuple(
        Note(note, subject_kind, subject, author, note_text, convert_to_aware_utc(at))
        for note, subject_kind, subject, author, note_text, at in rows
    )
