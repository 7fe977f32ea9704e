"""The file of a person's windows is unreadable without the key, belongs to one database and one person, and is
deleted after a short time.
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

WORDS = "佐藤さんが二重に注文した"


def make_entry(clock: MovedClock, value: object) -> dict[str, object]:
    """Return a stored entry with this value and the present time."""
    return {"at": clock.now().isoformat(), "value": value}


def test_the_encrypted_file_contains_no_stored_text(tmp_path: Path, sandbox: Sandbox) -> None:
    """The file on the disk contains none of the stored texts."""
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        desk.person_state.change_entries(
            {"draft.refund.7": make_entry(clock, {"words": WORDS}), "screen": make_entry(clock, "x")}
        )
        assert desk.person_state.read_entries().values["draft.refund.7"]["value"] == {"words": WORDS}
    for file in (tmp_path / "desk").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert WORDS.encode() not in content, file
            assert WORDS.encode("unicode_escape") not in content, file
            assert b"draft.refund" not in content, file


def test_a_file_of_another_store_key_is_set_aside(tmp_path: Path, sandbox: Sandbox) -> None:
    """With another store key the file isn't read, but set aside."""
    clock = MovedClock()
    with open_desk(tmp_path / "desk", sandbox, clock) as desk, desk.acting_as("op-a"):
        desk.person_state.change_entries({"screen": make_entry(clock, "x")})
        path = get_person_file_path(desk.settings.home, "op-a", ".state")
        path.write_bytes(path.read_bytes()[:-5] + b"AAAAA")
        stored = desk.person_state.read_entries()
        assert stored.values == {}
        assert stored.set_aside_path is not None


def test_another_person_or_database_reads_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """Another person, or the same person at another database, reads nothing of the file."""
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


def test_drafts_are_kept_for_the_time_of_their_request_ids(tmp_path: Path, sandbox: Sandbox) -> None:
    """Drafts are kept as long as their request ids repeat an answer, and are deleted afterwards."""
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
    """Without a store key, storing an entry raises `bad_profile`, and nothing is written to the disk."""
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
