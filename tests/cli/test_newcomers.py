"""Commands on a person's first day: a new desk without settings, and names of files that don't exist."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.support.waiting import MAX_WAIT_SECONDS

SETTINGS_WITHOUT_KEYS = {"SECRET_STORE_KEY": "", "SECRET_ALARMBOX_CLIENT_ID": "", "LANGUAGE": "ja"}


@pytest.mark.parametrize("name", ["missing.zip", "/dev/zero"])
@pytest.mark.parametrize("words", [("replay",), ("audit", "verify", "--pack")])
def test_a_pack_that_cannot_be_opened_is_not_called_altered(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    """If an evidence pack can't be opened, for example because its path was mistyped, the input is wrong, and the
    message says that there is no readable file, not that its contents were changed.
    """
    file = str(tmp_path / name)
    ended = terminal.json(*words, file)
    assert ended.exit_status_and_code == (2, "usage")
    assert ended.error["detail"] == {"problem": "no_file", "file": file}
    assert ended.error["message"].startswith(f"There is no readable file {file}.")
    assert terminal(*words, file, LANGUAGE="ja").err.startswith("ファイル ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("replay",), "usage"),
        (("audit", "verify", "--pack"), "usage"),
        (("db", "accounts", "apply"), "usage"),
        (("registry", "import"), "bad_registry_file"),
    ],
)
def test_a_folder_in_place_of_a_file_is_called_a_folder(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    """A command that reads a file says that the path is that of a folder, instead of that no file can be read."""
    ended = terminal.json(*words, str(tmp_path))
    assert ended.exit_status_and_code == (2, code)
    assert ended.error["detail"]["problem"] == "folder_for_file"
    assert "is a folder." in ended.error["message"]


def test_the_command_unfinished_needs_no_store_key_on_a_new_desk(unopened_terminal: Terminal) -> None:
    """On a new desk without encryption keys, `unfinished` ends with 0 and no message, because nothing is encrypted
    yet.
    """
    ended = unopened_terminal("unfinished", **SETTINGS_WITHOUT_KEYS)
    assert (ended.status, ended.err) == (0, "")


def test_doctor_names_no_count_of_tasks_before_one_has_run(terminal: Terminal) -> None:
    """`doctor` says that no task has run, instead of 0 tasks on time."""
    (task_check,) = (check for check in terminal.json("doctor").data["checks"] if check["name"] == "tasks")
    assert (task_check["ok"], task_check["next"]) == (True, "")
    assert "0" not in task_check["message"]
    assert "0 種類" not in terminal("doctor", LANGUAGE="ja").out.decode()


def test_doctor_on_a_full_disk_does_not_call_the_database_rolled_back(unopened_terminal: Terminal) -> None:
    """If no file can grow beyond 4 KB, the database can't be used. `doctor` then says that it has not made the checks
    that need the database, and reports neither late tasks nor a rollback.
    """
    for words in ("alerts list", "--json doctor"):
        ended = subprocess.run(
            ["/bin/sh", "-c", f"ulimit -f 8; exec {sys.executable} -m console {words}"],
            capture_output=True,
            env={**os.environ, **unopened_terminal.env},
            timeout=MAX_WAIT_SECONDS,
            check=False,
        )
    checks = {check["name"]: check["message"] for check in json.loads(ended.stdout)["data"]["checks"]}
    assert "can't be used" in checks["database"]
    for name in ("merchants", "tasks", "went_back"):
        assert checks[name].startswith("Not checked, because the database can't be used"), checks[name]
