"""Tests a person's file of named values: two windows can change it, a reader gets the complete old or new file, and
an unusable file is renamed.
"""

import json
import multiprocessing
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.settings.named_values_file import (
    MAX_NAMED_VALUES_FILE_BYTES,
    NamedValues,
    NamedValuesFile,
    UnreadableNamedValuesFile,
)
from console.settings.person_files import get_person_file_path, get_preferences_file, read_preferences


@pytest.fixture
def file(tmp_path: Path) -> NamedValuesFile:
    return get_preferences_file(tmp_path, "op-a")


def test_stored_values_are_read_back_and_other_lines_kept(file: NamedValuesFile) -> None:
    assert file.read().values == {}
    file.change({"language": "en", "columns.audit": {"who": 120.5}})
    assert file.change({"theme": "dark", "language": None}).values == {
        "columns.audit": {"who": 120.5},
        "theme": "dark",
    }
    assert file.read().values == {"columns.audit": {"who": 120.5}, "theme": "dark"}
    assert {one.suffix for one in file.path.parent.iterdir()} == {".json", ".lock"}


def test_two_windows_keep_each_others_values(tmp_path: Path) -> None:
    """Two windows change different values of one file: each writes only its own changes, so no value is lost."""
    one, other = get_preferences_file(tmp_path, "op-a"), get_preferences_file(tmp_path, "op-a")
    one.change({"theme": "dark", "density": "compact"})
    other.change({"theme": "light"})
    one.change({"text_size": 150})
    assert other.read().values == {"theme": "light", "density": "compact", "text_size": 150}


def _write_values_repeatedly(home: Path, name: str) -> None:
    file = get_preferences_file(home, "op-a")
    for number in range(40):
        file.change({name: number, "both": name * 1000})


def test_processes_that_write_at_once_corrupt_nothing(tmp_path: Path) -> None:
    processes = [
        multiprocessing.get_context("spawn").Process(target=_write_values_repeatedly, args=(tmp_path, name))
        for name in "ab"
    ]
    for process in processes:
        process.start()
    file = get_preferences_file(tmp_path, "op-a")
    while any(process.is_alive() for process in processes):
        assert file.read().renamed_path is None
    for process in processes:
        process.join()
        assert process.exitcode == 0
    values = file.read().values
    assert (values["a"], values["b"]) == (39, 39)
    assert values["both"] in ("a" * 1000, "b" * 1000)


BROKEN_FILES = {
    "half": b'{"version": 1, "values": {"the',
    "empty": b"",
    "no table": b"[]",
    "no values": b'{"version": 1}',
    "values of another kind": b'{"version": 1, "values": []}',
    "newer": b'{"version": 2, "values": {"theme": "dark"}}',
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "long number": b'{"version": 1, "values": {"x": ' + b"9" * 5_000 + b"}}",
    "large": b" " * (MAX_NAMED_VALUES_FILE_BYTES + 1),
}


@pytest.mark.parametrize("content", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_an_unreadable_values_file_is_renamed(file: NamedValuesFile, content: bytes) -> None:
    file.change({"theme": "dark"})
    file.path.write_bytes(content)
    stored = file.read()
    assert stored.values == {}
    assert stored.renamed_path is not None
    assert stored.renamed_path.read_bytes() == content
    assert not file.path.exists()
    assert file.read().renamed_path is None, "told once"
    file.path.write_bytes(content)
    assert file.change({"theme": "light"}).renamed_path is not None
    assert file.read().values == {"theme": "light"}


def test_a_file_that_could_not_be_read_again_is_not_written(file: NamedValuesFile) -> None:
    """Values that are too large for the file are refused. The values that the file had before stay."""
    file.change({"attempt": "id-1"})
    with pytest.raises(ConsoleError) as refused:
        file.change({"draft": "x" * MAX_NAMED_VALUES_FILE_BYTES})
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert file.read() == NamedValues({"attempt": "id-1"})


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_file_that_cannot_be_opened_now_is_not_renamed(file: NamedValuesFile) -> None:
    """However few file descriptors are free, for example just enough for the lock, the values (such as request ids
    without an answer) stay in the file. A refused change names the system's reason.
    """
    import resource

    file.change({"attempt": "id-1"})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used[0] + 50, limits[1]))
    refusals = []
    try:
        with suppress(OSError):  # too many open files
            while True:
                used.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(5):
            os.close(used.pop())
            try:
                stored = file.change({"draft": "text"})
            except ConsoleError as refusal:
                refusals.append(refusal)
            else:
                assert stored == NamedValues({"attempt": "id-1", "draft": "text"})
    finally:
        for descriptor in used:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert {refusal.code for refusal in refusals} == {ErrorCode.STORAGE_FULL}
    assert "Too many open files" in {refusal.detail.get("problem") for refusal in refusals}
    assert file.read() == NamedValues({"attempt": "id-1", "draft": "text"})


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_named_pipe_in_place_of_the_file_is_renamed(file: NamedValuesFile) -> None:
    """A named pipe in place of the file is renamed, because reading it would wait for ever."""
    file.change({"theme": "dark"})
    file.path.unlink()
    os.mkfifo(file.path, 0o600)
    assert file.read().renamed_path is not None
    assert file.change({"theme": "light"}).values == {"theme": "light"}


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_only_the_owner_reads_or_changes_the_file(file: NamedValuesFile) -> None:
    before = os.umask(0)
    try:
        file.change({"theme": "dark"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.path.chmod(0o666)
    assert file.read().renamed_path is not None, "anybody could have written that"


def test_a_reader_reads_the_old_file_or_the_new_one(file: NamedValuesFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends before it replaces the file leaves the old values complete."""
    file.change({"theme": "dark"})

    def raise_keyboard_interrupt(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", raise_keyboard_interrupt)
        with pytest.raises(KeyboardInterrupt):
            file.change({"theme": "light"})
    assert file.read().values == {"theme": "dark"}
    assert not [one for one in file.path.parent.iterdir() if one.suffix == ".new"]


@pytest.mark.expects_log("the window opens without preferences, and the log says why")
def test_an_unwritable_folder_of_values_is_reported(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("a file where the folder belongs")
    with pytest.raises(ConsoleError) as caught:
        get_preferences_file(tmp_path, "op-a").change({"theme": "dark"})
    assert caught.value.code == ErrorCode.STORAGE_FULL
    assert read_preferences(tmp_path, "op-a").values == {}, "a window opens without preferences"


def test_each_person_has_a_file_of_a_harmless_name(tmp_path: Path) -> None:
    """Each name of a person gives another path in the same folder. The file's name has only letters and digits,
    whatever the person's name contains.
    """
    names = ["op-a", "op-b", "", "../../etc/passwd", "佐藤", "con", "a" * 500]
    paths = {get_person_file_path(tmp_path, name, ".preferences.json") for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "people"}
    assert all(path.name.removesuffix(".preferences.json").isalnum() for path in paths)


def test_a_file_can_encrypt_its_bytes(tmp_path: Path) -> None:
    """Values that are encrypted when they are written are read back. A file that isn't encrypted counts as
    unreadable, and is renamed.
    """

    def decode_sealed(content: bytes) -> bytes:
        if not content.startswith(b"sealed"):
            raise UnreadableNamedValuesFile
        return content.removeprefix(b"sealed")

    file = NamedValuesFile(tmp_path / "x", lambda content: b"sealed" + content, decode_sealed)
    file.change({"a": 1})
    assert file.read().values == {"a": 1}
    file.path.write_text(json.dumps({"version": 1, "values": {"a": 2}}))
    assert file.read().renamed_path is not None
