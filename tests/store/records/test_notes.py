"""Tests that the notes of a record are stored and read back as they were written."""

from datetime import timedelta

from sqlalchemy import Connection

from console.domain.tasks.records import Note
from console.store.database import change_feed
from console.store.records import notes
from tests.store.money_rows import NOW


def test_notes_of_a_record_are_listed_oldest_first(person_connection: Connection, acting_person: str) -> None:
    """The notes of a record are listed from the oldest to the newest with all their characters. The change feed has
    an entry for the record."""
    later = NOW + timedelta(hours=1)
    mark, _ = change_feed.list_changes_since(person_connection, None)
    words = "先方に電話 ☎ " * 2_000
    first = notes.add_note(person_connection, "payment", 1, acting_person, words, NOW)
    second = notes.add_note(person_connection, "payment", 1, acting_person, "answered", later)
    notes.add_note(person_connection, "order", 1, acting_person, "another record", NOW)
    assert notes.list_notes(person_connection, "payment", 1) == (
        Note(first, "payment", 1, acting_person, words, NOW),
        Note(second, "payment", 1, acting_person, "answered", later),
    )
    assert notes.list_notes(person_connection, "payment", 2) == ()
    assert set(change_feed.list_changes_since(person_connection, mark)[1]) == {("payment", 1), ("order", 1)}
