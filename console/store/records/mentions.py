"""Rows of mentions: a note names a person, and this person marks the mention as done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy import insert as into

from console.domain.annotations.mentions import MENTION_KIND, Mention, MentionSource
from console.domain.tasks.records import Note
from console.store.database import compare_and_swap
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.worker import mentions, notes

_INSERT_MENTION_STATEMENT = into(mentions)
_MENTIONS_WITH_NOTE_QUERY = select(
    mentions.c.id, mentions.c.person, mentions.c.at, mentions.c.done_at, mentions.c.how, notes.c.id, notes.c.kind,
    notes.c.subject_id, notes.c.person, notes.c.words, notes.c.at,
).join(notes, notes.c.id == mentions.c.note_id)  # fmt: skip
_OPEN_MENTIONS_OF_PERSON_QUERY = (
    _MENTIONS_WITH_NOTE_QUERY.where(mentions.c.person == bindparam("person_name"), mentions.c.done_at.is_(None))
    .order_by(mentions.c.id.desc())
    .limit(bindparam("limit"))
)
_MENTION_OF_PERSON_QUERY = _MENTIONS_WITH_NOTE_QUERY.where(
    mentions.c.id == bindparam("mention_id"), mentions.c.person == bindparam("person_name")
)
_MARK_MENTION_DONE_STATEMENT = (
    update(mentions).where(mentions.c.id == bindparam("mention_id"), mentions.c.done_at.is_(None)).values(
        done_at=bindparam("now")
    )
)  # fmt: skip


def add_mention(conn: Connection, note_id: int, person: str, now: datetime, mention_source: MentionSource) -> None:
    """Insert an open mention: the note `note_id` names the person. `mention_source` is the source of the mention: an
    ordinary note, or the note of a hand-over.
    """
    conn.execute(
        _INSERT_MENTION_STATEMENT,
        {"note_id": note_id, "person": person, "at": convert_to_naive_utc(now), "how": mention_source.value},
    )


def list_open_mentions(conn: Connection, person: str, limit: int) -> tuple[Mention, ...]:
    """Return the newest open mentions of the person with their notes, newest first, at most `limit`."""
    return tuple(
        map(_make_mention, conn.execute(_OPEN_MENTIONS_OF_PERSON_QUERY, {"person_name": person, "limit": limit}))
    )


def find_mention_of_person(conn: Connection, mention_id: int, person: str) -> Mention | None:
    """Return the mention with this id, open or done; None if it doesn't exist or names another person."""
    row = conn.execute(_MENTION_OF_PERSON_QUERY, {"mention_id": mention_id, "person_name": person}).first()
    return None if row is None else _make_mention(row)


def mark_done(conn: Connection, mention_id: int, now: datetime) -> bool:
    """Mark an open mention as done, and announce it in the change feed. Return False, without a write, if there
    is no open mention with this id."""
    is_changed = (
        conn.execute(
            _MARK_MENTION_DONE_STATEMENT, {"mention_id": mention_id, "now": convert_to_naive_utc(now)}
        ).rowcount
        == 1
    )
    if is_changed:
        compare_and_swap.announce_change(conn, MENTION_KIND, mention_id, now)
    return is_changed


def _make_mention(row: Sequence[Any]) -> Mention:
    id, person, at, done_at, mention_source, note_id, kind, subject_id, author, note_text, written_at = row
    note = Note(note_id, kind, subject_id, author, note_text, convert_to_aware_utc(written_at))
    ended_at = None if done_at is None else convert_to_aware_utc(done_at)
    return Mention(id, person, convert_to_aware_utc(at), note, ended_at, MentionSource(mention_source))
