"""Notes beside records: in one's own name, and never changed."""

from console.domain.errors import ConsoleError
from console.domain.worker_records import Note
from console.services import refusals
from console.services.desk import Desk
from console.services.taking import require_record
from console.store import notes
from console.store.engine import Transaction

ACTION = "record.note"
LONGEST = 2_000
"""Characters of a note."""


class Noting:
    """Notes of records of every kind."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def note(self, kind: str, record_id: int, words: str) -> Note:
        """Write one. Raises usage for none or too many words, not_found, not_allowed."""
        told = readable(words)
        with refusals.audited(self._desk, ACTION, record_id, kind=kind):
            self._desk.require("note")
            return self._desk.write(lambda tx: self.note_in(tx, kind, record_id, told))

    def note_in(self, tx: Transaction, kind: str, record_id: int, words: str) -> Note:
        """The same within the caller's transaction, whoever may do so."""
        desk, now = self._desk, self._desk.now()
        require_record(tx, kind, record_id)
        note_id = notes.add(tx.conn, kind, record_id, desk.holder().operator, words, now)
        desk.note(tx, ACTION, record_id, {"note": note_id}, kind=kind)
        return next(one for one in notes.of(tx.conn, kind, record_id) if one.id == note_id)

    def of(self, kind: str, record_id: int) -> tuple[Note, ...]:
        """A record's notes, oldest first. Raises not_allowed for who may not look."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return notes.of(conn, kind, record_id)


def readable(words: str) -> str:
    """The words of a note without the space around them. Raises usage for none, or too many."""
    told = words.strip()
    if not told or len(told) > LONGEST:
        raise ConsoleError("usage", {"problem": "note", "longest": LONGEST})
    return told
