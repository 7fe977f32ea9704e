"""The service `console.mentions`: list the notes that mention the acting person, and mark a mention as done."""

from console.domain.access.permissions import has_right
from console.domain.annotations.mentions import (
    MAX_LISTED_MENTIONS,
    MENTION_KIND,
    Mention,
    MentionSource,
    find_mentioned_names,
)
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import Note
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.store.access import operators as people
from console.store.database.engine import Transaction
from console.store.records import mentions

MENTION_RIGHT = "note"
"""Name of the right that people need to be mentioned in notes, and to mark their mentions as done."""


class MentionService:
    """Lists the open mentions of the acting person, and marks them as done."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def list_open_mentions(self) -> tuple[Mention, ...]:
        """Return the newest MAX_LISTED_MENTIONS open mentions of the acting person, the newest first; empty if no
        name of a person is configured. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            person = self._context.find_reading_person(conn)
            return () if person is None else mentions.list_open_mentions(conn, person.name, MAX_LISTED_MENTIONS)

    def mark_done(self, id: int, *, request_id: str | None = None) -> Mention:
        """Mark a mention of the acting person as done, and return the mention; nothing changes if the mention is done
        already. Raises not_allowed if the acting person has no right to write notes, read_only while the read-only
        switch for everything is on, and not_found if no mention has this id or if the mention is of another
        person."""
        return self._request_ids.act_once(
            "mention done", request_id, (id,), lambda: self._mark_done(id), lambda _: self._find_done_mention(id)
        )

    def _find_done_mention(self, id: int) -> CallAnswer | None:
        """Return the acting person's mention `id`: an earlier call with the same request id has marked it as done,
        and was killed before it could store its answer. Return None if the person has no such mention."""
        with self._context.database.read() as conn:
            mention = mentions.find_mention_of_person(conn, id, self._context.make_holder().operator)
        return None if mention is None else CallAnswer(mention)

    def _mark_done(self, id: int) -> Mention:
        context = self._context
        with refusals.audit_refusals(context, AuditAction.MENTION_DONE, id, kind=MENTION_KIND):
            person = context.require_right(MENTION_RIGHT).name

            def mark_and_read_mention(tx: Transaction) -> Mention:
                if mentions.find_mention_of_person(tx.conn, id, person) is not None and mentions.mark_done(
                    tx.conn, id, context.now()
                ):
                    context.record_audit(tx, AuditAction.MENTION_DONE, id, kind=MENTION_KIND)
                mention = mentions.find_mention_of_person(tx.conn, id, person)
                if mention is None:
                    raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": MENTION_KIND, "id": str(id)})
                return mention

            return context.write(mark_and_read_mention)


def find_mentioned_people(tx: Transaction, note_text: str, author: str) -> tuple[str, ...]:
    """Return the names of the people whom the text of a note mentions by `@` and the name. The author is left out,
    and so are people without the right to write notes (MENTION_RIGHT), because they couldn't mark a mention as done.
    """
    if not any(sign in note_text for sign in "@＠﹫"):
        return ()
    names = [person.name for person in people.list_enabled_people(tx.conn) if has_right(person, MENTION_RIGHT)]
    return find_mentioned_names(note_text, names, author).people


def add_mentions(tx: Transaction, note: Note, names: tuple[str, ...], mention_source: MentionSource) -> None:
    """Store one mention for each person of `names`, the people whom the note mentions. `mention_source` says whether
    the note belongs to a hand-over."""
    for name in names:
        mentions.add_mention(tx.conn, note.id, name, note.at, mention_source)
