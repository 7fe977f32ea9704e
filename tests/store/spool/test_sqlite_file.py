"""Tests that problems with the desk's spool file are reported: a full disk, missing permissions, damage, a file of
another program, and a deleted file."""

import gc
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.store.spool.cipher import Cipher
from console.store.spool.spool import NEWEST_SPOOL_VERSION, SPOOL_FILE_NAME, ChainHead, Spool
from console.store.spool.sqlite_file import SQLITE_APPLICATION_ID
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.store import processes
from tests.store.spool_worker import DATABASE_ID, PURCHASE_ANSWER, STORE_KEY, begin_operation, make_intent
from tests.support import guards


def test_a_full_disk_is_reported_and_stores_nothing(tmp_path: Path) -> None:
    """On a full disk storing raises `storage_full`, and all entries that were confirmed before are still in the
    spool.
    """
    (outcome,) = processes.read_outcomes([processes.start_script("spool_worker.py", "full", tmp_path)])
    end = json.loads(outcome)
    assert end["code"] == "storage_full"
    spool = Spool(tmp_path, None)
    assert all(spool.find(operation) for operation in end["promised"])
    spool.close()


def test_a_read_after_the_close_leaves_no_connection_open(tmp_path: Path) -> None:
    """If a thread reads after the desk has closed the spool, the thread's connection is closed at the end of the
    read."""
    spool = Spool(tmp_path, None)
    assert spool.read_value("absent") is None
    spool.close()
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, guards.WatchedConnection) and not one.is_closed}
    assert spool.read_value("absent") is None
    opened = [one for one in gc.get_objects() if isinstance(one, guards.WatchedConnection) and not one.is_closed]
    assert {id(one) for one in opened} <= before


def _read_code_and_problem(home: Path) -> tuple[str, object]:
    """Begin an operation in a spool in this folder, and return the error code and the problem of the refusal."""
    with pytest.raises(ConsoleError) as caught:
        begin_operation(Spool(home, None), make_intent("op"))
    return caught.value.code, caught.value.detail.get("problem")


def test_an_impossible_spool_folder_is_reported(tmp_path: Path) -> None:
    """If a file exists under the name of the data folder, opening the spool is refused with `storage_full`."""
    (tmp_path / "home").write_text("a file")
    assert _read_code_and_problem(tmp_path / "home")[0] == "storage_full"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("unwritable_kind", ["folder", "file"])
def test_an_unwritable_spool_file_raises_storage_full(tmp_path: Path, unwritable_kind: str) -> None:
    """Opening a spool in a folder, or with a file, that can't be written raises `storage_full`, whether the file
    exists or not.
    """
    home = tmp_path / "home"
    home.mkdir()
    if unwritable_kind == "file":
        begin_operation(Spool(home, None), make_intent("first"))
        (home / SPOOL_FILE_NAME).chmod(0o400)
    home.chmod(0o500)
    assert _read_code_and_problem(home)[0] == "storage_full"
    home.chmod(0o700)


def test_a_damaged_spool_file_is_reported_and_kept(tmp_path: Path) -> None:
    """Opening a spool file that isn't a database raises `bad_profile`, and the file is unchanged."""
    file = tmp_path / SPOOL_FILE_NAME
    file.write_bytes(b"not a database, whatever it is" * 100)
    assert _read_code_and_problem(tmp_path) == ("bad_profile", "damaged")
    assert file.read_bytes() == b"not a database, whatever it is" * 100


def test_damage_behind_the_first_page_is_reported(tmp_path: Path) -> None:
    """Damage after the first page of the spool file, which only a later read finds, also raises an error of this
    program.
    """
    spool = Spool(tmp_path, None)
    begin_operation(spool, make_intent("op-1"))
    spool.close()
    file = tmp_path / SPOOL_FILE_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert _read_code_and_problem(tmp_path) == ("bad_profile", "damaged")


@pytest.mark.parametrize("script", ["DROP TABLE intents", "ALTER TABLE intents RENAME COLUMN action TO other"])
def test_a_spool_file_without_a_table_or_column_is_reported_as_damaged(tmp_path: Path, script: str) -> None:
    spool = Spool(tmp_path, None)
    begin_operation(spool, make_intent("op-1"))
    spool.close()
    conn = sqlite3.connect(tmp_path / SPOOL_FILE_NAME)
    conn.executescript(script)
    conn.close()
    assert _read_code_and_problem(tmp_path) == ("bad_profile", "damaged")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("CREATE TABLE theirs(a)", "not_ours"),
        ("PRAGMA application_id=77", "not_ours"),
        (f"PRAGMA application_id={0x44534B31}; PRAGMA user_version=99; CREATE TABLE t(a)", "newer"),
    ],
)
def test_a_file_of_others_or_of_a_newer_program_is_refused(tmp_path: Path, script: str, problem: str) -> None:
    """A spool file of another program, or of a newer version of this program, is refused with the reason."""
    conn = sqlite3.connect(tmp_path / SPOOL_FILE_NAME)
    conn.executescript(script)
    conn.close()
    assert _read_code_and_problem(tmp_path) == ("bad_profile", problem)


def test_a_newer_file_is_refused_with_both_versions(tmp_path: Path) -> None:
    """The refusal of a newer spool file names, in both languages, the file's version and the version that this
    program can read."""
    with closing(sqlite3.connect(tmp_path / SPOOL_FILE_NAME)) as conn:
        conn.executescript(f"PRAGMA application_id={SQLITE_APPLICATION_ID}; PRAGMA user_version=9999")
    with pytest.raises(ConsoleError) as refused:
        begin_operation(Spool(tmp_path, None), make_intent("op"))
    for language in LANGUAGES:
        message = format_error_message(refused.value, language).replace(str(tmp_path), "")
        assert re.findall(r"\d+", message) == ["9999", str(NEWEST_SPOOL_VERSION)]


def test_a_spool_file_deleted_during_use_is_reported(tmp_path: Path, spool: Spool) -> None:
    """After the spool file is deleted during use, each write is refused, because data in a deleted file would be
    lost."""
    begin_operation(spool, make_intent("op-1"))
    for file in tmp_path.iterdir():
        file.unlink()
    for _ in range(2):
        with pytest.raises(ConsoleError) as caught:
            begin_operation(spool, make_intent("op-2"))
        assert caught.value.detail["problem"] == "taken_away"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")
def test_a_spool_whose_log_was_deleted_is_used_no_more(tmp_path: Path, spool: Spool) -> None:
    """After SQLite's write-ahead log is deleted during use, each read and write is refused, because no other process
    would find in the spool the operations that this one has sent. A process that opens the file later works.
    """
    begin_operation(spool, make_intent("op-1"))
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"{SPOOL_FILE_NAME}{suffix}").unlink()
    with pytest.raises(ConsoleError) as refused_write:
        begin_operation(spool, make_intent("op-2"))
    with pytest.raises(ConsoleError) as refused_read:
        spool.find("op-1")
    for refused in (refused_write, refused_read):
        assert (refused.value.code, refused.value.detail["problem"]) == ("bad_profile", "taken_away")
    spool.close()
    with closing(Spool(tmp_path, Cipher(STORE_KEY))) as later:
        assert later.find("op-2") is None
        begin_operation(later, make_intent("op-2"))
        assert later.find("op-2")


def test_only_the_owner_reads_the_spool_file(tmp_path: Path, spool: Spool) -> None:
    """Only the owner may read the spool file and SQLite's files next to it."""
    begin_operation(spool, make_intent("op-1"))
    if os.name != "nt":
        assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_only_durable_writes_are_synced_to_the_disk(tmp_path: Path) -> None:
    """Durable writes are synced to the disk. Writes of ends of operations, deliveries and anchors are not synced."""
    spool = Spool(tmp_path, Cipher(STORE_KEY))
    begin_operation(spool, make_intent("op-1"))

    def read_synchronous_level() -> object:
        return spool._file.read("PRAGMA synchronous")[0][0]

    assert read_synchronous_level() == 2
    spool.mark_ended("op-1", holds_claim=True)
    assert read_synchronous_level() == 1
    spool.store_answer("op-1", PURCHASE_ANSWER)
    assert read_synchronous_level() == 2
    spool.mark_delivered("op-1")
    assert read_synchronous_level() == 1
    begin_operation(spool, make_intent("op-2"))
    assert read_synchronous_level() == 2
    spool.store_anchors(DATABASE_ID, [ChainHead("a", 1, 1, "0" * 64)])
    assert read_synchronous_level() == 1
    spool.close()
