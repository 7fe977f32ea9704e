"""Tests of the encrypted file with the state of a person's windows: it is unreadable without the key, belongs to one
database and one person, and its entries are deleted after a limited time.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.person_state.retention import DRAFT_RETENTION, PERSON_STATE_RETENTION
from console.sandbox.server import Sandbox
from console.settings.person_files import get_person_file_path
from console.store.operations.request_ids import ANSWER_RETENTION
from tests.support.desks import MovedClock, open_desk

MAX_TYPED_CHARACTER_COUNT = 100_000  # of a multi-line input
DRAFT_WORDS = "佐藤さんが二重に注文した"


def make_entry(clock: MovedClock, value: object) -> dict[str, object]:
    """Return a stored entry with this value and the present time."""
    return {"at": clock.now().isoformat(), "value": value}


def test_the_encrypted_file_contains_no_stored_text(tmp_path: Path, sandbox: Sandbox) -> None:
    """The file on the disk contains none of the stored texts in readable form."""
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        desk.person_state.change_entries(
            {"draft.refund.7": make_entry(clock, {"words": DRAFT_WORDS}), "screen": make_entry(clock, "x")}
        )
        assert desk.person_state.read_entries().values["draft.refund.7"]["value"] == {"words": DRAFT_WORDS}
    for file in (tmp_path / "desk").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert DRAFT_WORDS.encode() not in content, file
            assert DRAFT_WORDS.encode("unicode_escape") not in content, file
            assert b"draft.refund" not in content, file


def test_long_drafts_are_read_again(tmp_path: Path, sandbox: Sandbox) -> None:
    """A person has pasted the longest possible texts into two forms. Both drafts, and the request id of a call
    without an answer, are read again at the next start.
    """
    clock = MovedClock()
    drafts = {f"draft.note-payment.{id}": make_entry(clock, "状" * MAX_TYPED_CHARACTER_COUNT) for id in (1, 2)}
    attempt = {"attempt.1": make_entry(clock, "id-1")}
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        for entries in (attempt, drafts):
            desk.person_state.change_entries(entries)
        stored = desk.person_state.read_entries()
        assert stored.renamed_path is None
        assert stored.values == {**attempt, **drafts}


def test_an_undecryptable_file_is_moved_away(tmp_path: Path, sandbox: Sandbox) -> None:
    """If the file cannot be decrypted with the store key, its entries are not read, and the file is moved to another
    path.
    """
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        desk.person_state.change_entries({"screen": make_entry(clock, "x")})
        path = get_person_file_path(desk.settings.home, "op-a", ".state")
        path.write_bytes(path.read_bytes()[:-5] + b"AAAAA")
        stored = desk.person_state.read_entries()
        assert stored.values == {}
        assert stored.renamed_path is not None


def test_another_person_or_database_reads_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """Another person, or the same person with another database, reads no entry of the file."""
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk:
        with desk.acting_as("op-a"):
            desk.person_state.change_entries({"draft.note-payment.1": make_entry(clock, "mine")})
        with desk.acting_as("lead-b"):
            assert desk.person_state.read_entries().values == {}
        with desk.acting_as("op-a"):
            desk._context.database_id = "another"
            assert desk.person_state.read_entries().values == {}
            desk.person_state.change_entries({"screen": make_entry(clock, "there")})
            assert set(desk.person_state.read_entries().values) == {"screen"}


def test_drafts_are_stored_as_long_as_the_answers_of_their_request_ids(tmp_path: Path, sandbox: Sandbox) -> None:
    """Drafts are stored as long as a repeated request id returns its stored answer, and are deleted afterwards."""
    assert DRAFT_RETENTION == ANSWER_RETENTION
    clock = MovedClock()
    clock.stop()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        names = ("draft.refund.7", "attempt.abc", "screen")
        desk.person_state.change_entries({name: make_entry(clock, 1) for name in names})
        clock.offset += DRAFT_RETENTION
        assert set(desk.person_state.read_entries().values) == set(names)
        clock.offset += timedelta(seconds=2)
        assert set(desk.person_state.read_entries().values) == {"screen"}
        desk.person_state.change_entries({"visits": make_entry(clock, [])})
        stored = desk.person_state._open_file().read().values
        assert {name.partition("/")[2] for name in stored} == {"screen", "visits"}, "deleted, not only hidden"
        clock.offset += PERSON_STATE_RETENTION
        assert set(desk.person_state.read_entries().values) <= {"visits"}


def test_a_desk_without_a_store_key_reports_it(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a desk without a store key, storing an entry raises `bad_profile`, and nothing is written to the disk."""
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        monkeypatch.setattr(
            type(desk.settings.secrets), "read_secret", lambda _self, _name, **_options: None, raising=True
        )
        monkeypatch.setattr(type(desk.settings.secrets), "_find_or_create_key", lambda _self, _name: None)
        with pytest.raises(ConsoleError) as caught:
            desk.person_state.change_entries({"screen": make_entry(clock, "x")})
        assert caught.value.code == ErrorCode.BAD_PROFILE
        assert not (desk.settings.home / "people").exists()
