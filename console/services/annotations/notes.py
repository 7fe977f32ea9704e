"""Notes on records. A note has the name of its author and is never changed."""

from console.domain.annotations.mentions import MentionSource
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import Note
from console.domain.usage_problems import UsageProblem
from console.services.annotations.mentions import add_mentions, find_mentioned_people
from console.services.annotations.takes import require_record
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.records import notes

NOTE_ACTION = AuditAction.RECORD_NOTE
LONGEST_NOTE_CHARACTERS = 2_000
"""Length of the longest note, in characters."""


class NoteService:
    """Adds notes to records of every kind, and lists them."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def add_note(self, kind: str, record_id: int, note_text: str) -> Note:
        """Add a note of the acting person to a record, store the mentions in the note, and return the note. Raises
        usage if the text is empty or too long, not_found if the database has no such record, not_allowed if the
        acting person has no right to write notes, read_only while the read-only switch for everything is on."""
        text = require_valid_note(note_text)
        with refusals.audit_refusals(self._context, NOTE_ACTION, record_id, kind=kind):
            self._context.require_right("note")
            return self._context.write(lambda tx: self.add_note_in_transaction(tx, kind, record_id, text))

    def add_note_in_transaction(
        self,
        tx: Transaction,
        kind: str,
        record_id: int,
        note_text: str,
        *,
        mention_source: MentionSource | None = MentionSource.NOTE,
    ) -> Note:
        """Add a note to a record and store the mentions in the note, all in the caller's transaction. Return the
        note. The caller has checked the right. `mention_source` says whether the note belongs to a hand-over; with
        None, no mentions are stored. Raises not_found if the database has no such record.
        """
        context, now = self._context, self._context.now()
        require_record(tx, kind, record_id)
        author = context.make_holder().operator
        mentioned_people = () if mention_source is None else find_mentioned_people(tx, note_text, author)
        note_id = notes.add_note(tx.conn, kind, record_id, author, note_text, now)
        facts = {"note": note_id, **({"mentioned": mentioned_people} if mentioned_people else {})}
        context.record_audit(tx, NOTE_ACTION, record_id, facts, kind=kind)
        note = next(note for note in notes.list_notes(tx.conn, kind, record_id) if note.id == note_id)
        if mention_source is not None:
            add_mentions(tx, note, mentioned_people, mention_source)
        return note

    def list_notes(self, kind: str, record_id: int) -> tuple[Note, ...]:
        """Return a record's notes, oldest first. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return notes.list_notes(conn, kind, record_id)


def require_valid_note(note_text: str) -> str:
    """Return the text of a note without white space and invisible characters at both ends. Raises usage if the
    remaining text is empty or longer than LONGEST_NOTE_CHARACTERS."""
    text = strip_invisible_characters(note_text)
    if not text or len(text) > LONGEST_NOTE_CHARACTERS:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_NOTE, "longest": LONGEST_NOTE_CHARACTERS}
        )
    return text
