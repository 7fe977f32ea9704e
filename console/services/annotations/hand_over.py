"""Hand over a record: the acting person ends their own take and leaves a note for the next person."""

from console.domain.annotations.mentions import MentionSource
from console.services.annotations import takes
from console.services.annotations.notes import NoteService, require_valid_note
from console.services.annotations.takes import TakeService
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction


def hand_over(
    context: ServiceContext,
    take_service: TakeService,
    note_service: NoteService,
    kind: str,
    record_id: int,
    note_text: str,
) -> bool:
    """End the acting person's own take of the record and add the note `note_text` of this person, in one transaction.
    Return True; return False, and write nothing, if the person has no take of the record. Raises usage if the note is
    empty or too long, not_allowed if the acting person has no right to take records or no right to write notes,
    read_only while the read-only switch for everything is on."""
    text = require_valid_note(note_text)

    def give_up_take_and_add_note(tx: Transaction) -> bool:
        is_released = take_service.give_up_take_in_transaction(tx, kind, record_id)
        if is_released:
            note_service.add_note_in_transaction(tx, kind, record_id, text, mention_source=MentionSource.HAND_OVER)
        return is_released

    with refusals.audit_refusals(context, takes.TAKE_ACTION, record_id, kind=kind):
        for right in ("take", "note"):
            context.require_right(right)
        return context.write(give_up_take_and_add_note)
