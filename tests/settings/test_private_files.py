"""Tests that only the desk's own user can read its files, with every umask. The command `doctor` names an open folder
and the command that closes it.
"""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from console.domain.clock import SystemClock
from console.services.monitoring.doctor import HealthCheckService
from console.settings.private_files import path_exists
from console.settings.settings import Settings
from console.wording.sentences.catalogue import translate
from tests.support.desks import make_environment
from tests.support.forked_command import ForkedCommand
from tests.support.permissions import remove_permissions

UNREACHABLE_URL = "http://127.0.0.1:9"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")


def run_command(home: Path, umask: int, *words: str, **extra: str) -> dict[str, object]:
    """Run a command in a process of its own with this umask, and return its JSON object. `extra` are further settings
    without their prefix.
    """
    environment = make_environment(home, UNREACHABLE_URL, DOCUMENTS_URL="", DATABASE_URL="", **extra)
    environment = {name: text for name, text in environment.items() if text} | {"PATH": os.environ["PATH"]}
    with ForkedCommand("--json", *words, environment=environment, umask=umask) as command:
        out = command.read_output(120)
        assert out, command.read_errors()
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def read_file_modes(home: Path) -> dict[str, str]:
    """Return the file modes of everything in a folder, by path."""
    return {str(one.relative_to(home)): oct(stat.S_IMODE(one.stat().st_mode)) for one in home.rglob("*")}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
@pytest.mark.parametrize("existing_mode", [None, 0o755], ids=str)
def test_only_the_owner_reads_files_of_the_home_folder(tmp_path: Path, umask: int, existing_mode: int | None) -> None:
    """For every umask and an existing or new home folder, only the owner can read the database, the spool, their side
    files and exports.
    """
    home = tmp_path / "home"
    if existing_mode is not None:
        home.mkdir()
        home.chmod(existing_mode)
    assert run_command(home, umask, "lookup", "1180301018771")["ok"]
    assert run_command(home, umask, "audit", "export", str(home / "trail.csv"))["ok"]
    mode_by_path = read_file_modes(home)
    assert {"console.db", "desk.db", "trail.csv"} <= set(mode_by_path)
    assert {name: mode for name, mode in mode_by_path.items() if mode not in ("0o600", "0o700")} == {}
    if existing_mode is None:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o700])
def test_a_home_folder_readable_by_others_is_reported(tmp_path: Path, mode: int) -> None:
    """If other users can open the home folder, `doctor` reports it with the command that closes it, and passes after
    this command.
    """
    home = tmp_path / "a home"
    home.mkdir()
    home.chmod(mode)
    for closed in (mode == 0o700, True):
        data = run_command(home, 0o022, "doctor")["data"]
        assert isinstance(data, dict)
        (line,) = (one for one in data["checks"] if one["name"] == "privacy")
        assert line["ok"] is closed
        if closed:
            return
        command = line["next"].partition(": ")[2]
        assert command == f"chmod -R go-rwx '{home}'"
        subprocess.run(command, shell=True, check=True)  # as a person would


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "is_accepted"), [(0o755, 0o644, False), (0o755, 0o640, True), (0o700, 0o644, True)]
)
def test_a_secret_file_readable_by_everybody_is_reported(
    tmp_path: Path, folder_mode: int, file_mode: int, is_accepted: bool
) -> None:
    """`doctor` reports a file of a secret that every account of the machine can read. A file in a closed folder, and
    one that a group reads, as systemd passes it, are not reported.
    """
    folder = tmp_path / "secrets"
    folder.mkdir()
    file = folder / "live-token"
    file.write_text("a token of some length\n")
    file.chmod(file_mode)
    folder.chmod(folder_mode)
    data = run_command(tmp_path / "home", 0o022, "doctor", SECRET_LIVE_TOKEN_FILE=str(file))["data"]
    assert isinstance(data, dict)
    (line,) = (one for one in data["checks"] if one["name"] == "privacy")
    assert (line["ok"], str(file) in line["message"]) == (is_accepted, not is_accepted)


@pytest.mark.parametrize(
    ("folder", "message", "next_step"),
    [
        ("profile/desk", "Only you can read {path}.", ""),
        (
            "elsewhere",
            "{path} is outside your Windows user folder. Other users of this machine may be able to read it.",
            "Check the permissions of the folder, or set a folder inside your user folder in CONSOLE_HOME.",
        ),
    ],
)
def test_a_folder_outside_of_the_windows_profile_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, message: str, next_step: str
) -> None:
    """Windows closes the folder of a person's profile to others, and modes mean nothing there. For another folder
    `doctor` says that others may read it. The check passes, because somebody may have set the permissions.
    """
    monkeypatch.setenv("HOME", str(tmp_path / "profile"))
    settings = Settings.load({"CONSOLE_HOME": str(tmp_path / folder)})
    service = HealthCheckService(settings, lambda: pytest.fail("the check needs no database"), SystemClock())
    monkeypatch.setattr(sys, "platform", "win32")
    check = service._run_check("privacy", service._check_folder_privacy)
    assert check.ok
    assert translate(check.message, "en", **check.facts) == message.format(path=tmp_path / folder)
    assert (translate(check.next, "en", **check.facts) if check.next else "") == next_step


def test_journal_files_are_private_too(tmp_path: Path) -> None:
    """SQLite's journal and shared memory, which exist while a process writes, can be read by the owner only."""
    from console.store.database.engine import Database

    file = tmp_path / "open" / "console.db"
    file.parent.mkdir()
    file.parent.chmod(0o777)
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{file}")
        database.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (a)"))
        mode_by_path = read_file_modes(file.parent)
        database.close()
    finally:
        os.umask(before)
    assert {"console.db", "console.db-wal", "console.db-shm"} <= set(mode_by_path)
    assert set(mode_by_path.values()) == {"0o600"}


def test_a_link_to_a_missing_file_creates_a_private_file(tmp_path: Path) -> None:
    """If the database or the spool is a symbolic link to a missing file, for example on another disk, only the owner
    can read the file that is created there. A link that leads to itself creates nothing.
    """
    from console.settings.private_files import make_private_file

    home = tmp_path / "home"
    home.mkdir()
    for name in ("console.db", "desk.db"):
        (home / name).symlink_to(tmp_path / name)
    assert run_command(home, 0o000, "audit", "export", str(home / "trail.csv"))["ok"]
    assert {name: mode for name, mode in read_file_modes(tmp_path).items() if name.endswith(".db")} == dict.fromkeys(
        ("console.db", "desk.db", "home/console.db", "home/desk.db"), "0o600"
    )
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert not make_private_file(tmp_path / "loop")


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_a_path_in_an_unreadable_folder_is_not_reported_as_missing(tmp_path: Path) -> None:
    """`path_exists` raises an error if the operating system can't tell whether a file exists, on each Python."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    assert [path_exists(folder / name) for name in ("file", "missing", "file/below")] == [True, False, False]
    with remove_permissions(folder), pytest.raises(PermissionError):
        path_exists(folder / "file")
