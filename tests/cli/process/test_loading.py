"""Starts of the program that are interrupted while modules are loaded, or that find damaged program files. Each ends
with exactly one answer, which names the problem.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import console
from console.resource_paths import resources_dir
from console.wording.sentences.catalogue import LANGUAGES
from tests.cli.conftest import Terminal
from tests.support.waiting import MAX_WAIT_SECONDS

PROGRAM_WITH_ACTION_AT_IMPORT = """
import runpy, signal, sys

class Finder:
    is_done = False
    def find_spec(self, name, path=None, target=None):
        if name == {name!r} and not self.is_done:
            self.is_done = True
            {action}

sys.meta_path.insert(0, Finder())
"""
"""Python code that executes `{action}` when the program begins to load the module `{name}`, and then continues."""
RUN_PROGRAM = 'runpy.run_module("console", run_name="__main__", alter_sys=True)\n'
FIRST_MODULE = "console.cli.main"
MIDDLE_MODULE = "console.settings.settings"
LAST_MODULE = "console.cli.command_table"
MODULE_OF_LOOKUP = "console.cli.lookup.commands"


def run_with_action_at_import(
    terminal: Terminal, name: str, action: str, *words: str
) -> "subprocess.CompletedProcess[bytes]":
    script = PROGRAM_WITH_ACTION_AT_IMPORT.format(name=name, action=action) + RUN_PROGRAM
    return _run_python(terminal, "-c", script, *words)


def _run_python(
    terminal: Terminal, *words: str, folder: Path | None = None, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **terminal.env, **more},
        timeout=MAX_WAIT_SECONDS,
        cwd=folder,
        check=False,
    )


@pytest.mark.parametrize("module", [FIRST_MODULE, MIDDLE_MODULE, LAST_MODULE])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_during_the_loading_ends_the_program(terminal: Terminal, name: str, module: str) -> None:
    """A signal while a module is being loaded leads to exactly one answer without a traceback, whichever module it
    is.
    """
    action = f"signal.raise_signal(signal.{name})"
    ended = run_with_action_at_import(terminal, module, action, "--json", "lookup", "1180301018771")
    assert (ended.returncode, ended.stderr) == (6, b"")
    assert json.loads(ended.stdout)["error"]["code"] == "interrupted"
    ended = run_with_action_at_import(terminal, module, action, "demo")
    assert (ended.returncode, ended.stdout) == (6, b"")
    assert b"Traceback" not in ended.stderr
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_during_the_making_of_a_dataclass_ends_the_program(
    terminal: Terminal, tmp_path: Path, name: str
) -> None:
    """A signal while Python creates a dataclass ends `python -m console` with the exit status of its own answer.
    Without this rule Python would exit with 130 or by the signal, because it creates the methods of a dataclass by
    executing a text."""
    action = f"""exec("signal.raise_signal(signal.{name})")"""
    (tmp_path / "sitecustomize.py").write_text(
        PROGRAM_WITH_ACTION_AT_IMPORT.format(name="console.app", action=action)
    )
    search_path = os.pathsep.join((str(tmp_path), *sys.path))
    ended = _run_python(terminal, "-m", "console", "lookup", "1180301018771", PYTHONPATH=search_path)
    assert (ended.returncode, ended.stdout) == (6, b"")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("word", ["open", "demo", "refund"])
def test_an_argument_that_equals_a_command_changes_no_answer(terminal: Terminal, word: str) -> None:
    """SIGTERM while the modules of `find` are being loaded leads to one answer, `interrupted`, and nothing on stderr.
    This is so also if the searched word equals the name of another command, such as one that opens a window.
    """
    action = "signal.raise_signal(signal.SIGTERM)"
    ended = run_with_action_at_import(terminal, MIDDLE_MODULE, action, "--json", "find", word)
    assert (ended.returncode, ended.stderr) == (6, b"")
    assert json.loads(ended.stdout)["error"]["code"] == "interrupted"


def test_sigterm_during_the_loading_ends_the_window(terminal: Terminal) -> None:
    """SIGTERM while the window's modules are being loaded ends the process, either by the signal or with exit status
    0. A window prints no answer.
    """
    ended = run_with_action_at_import(terminal, MIDDLE_MODULE, "signal.raise_signal(signal.SIGTERM)")
    assert ended.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize("module", [FIRST_MODULE, MIDDLE_MODULE, LAST_MODULE, MODULE_OF_LOOKUP])
def test_a_module_that_fails_to_load_is_reported(terminal: Terminal, module: str) -> None:
    """If a module can't be loaded, the command prints the answer of a bug and exits with its status, and the
    traceback names the module.
    """
    ended = run_with_action_at_import(
        terminal, module, "raise ImportError('no library')", "--json", "lookup", "1180301018771"
    )
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["code"]) == (70, "internal_error")
    assert b"no library" in ended.stderr
    assert error["detail"]["support_code"].encode() in ended.stderr
    ended = run_with_action_at_import(terminal, module, "raise ImportError('no library')", "lookup", "1180301018771")
    assert (ended.returncode, ended.stdout) == (70, b"")
    assert b"no library" in ended.stderr


@pytest.fixture
def folder_of_damaged_program(tmp_path: Path) -> Path:
    """Return the folder of a copy of the program. A test can damage the word catalogues in this folder."""
    folder = tmp_path / "program"
    package = Path(console.__file__).parent
    shutil.copytree(package, folder / "console", ignore=shutil.ignore_patterns("__pycache__", "resources"))
    (folder / "resources").mkdir()
    for entry in resources_dir().iterdir():
        if entry.name != "words":
            (folder / "resources" / entry.name).symlink_to(entry)
    shutil.copytree(resources_dir() / "words", folder / "resources" / "words")
    return folder


@pytest.mark.parametrize(("language", "damage"), [("ja", "missing"), ("en", "cut off")])
def test_unreadable_wording_files_are_reported(
    terminal: Terminal, folder_of_damaged_program: Path, language: str, damage: str
) -> None:
    """If the word catalogue of one language can't be read, commands in the other language work. In the damaged
    language only `--version` and `doctor` work, and any other command names the damaged file.
    """
    file = folder_of_damaged_program / "resources" / "words" / f"{language}.json"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:1000])

    def run_damaged_program(used_language: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
        variables = {"PYTHONPATH": str(folder_of_damaged_program), "CONSOLE_LANGUAGE": used_language}
        return _run_python(terminal, "-m", "console", *words, folder=folder_of_damaged_program, **variables)

    for used_language in LANGUAGES:
        assert (
            run_damaged_program(used_language, "--version").stdout.decode()
            == f"support-console {console.__version__}\n"
        )
        checks = json.loads(run_damaged_program(used_language, "doctor", "--json").stdout)["data"]["checks"]
        messages = [check["message"] for check in checks if check["name"] == "version"]
        assert [console.__version__ in message for message in messages] == [True]
    (other,) = set(LANGUAGES) - {language}
    refused = run_damaged_program(other, "lookup", "1")
    assert (refused.returncode, refused.stderr.count(b"\n")) == (2, 1)
    ended = run_damaged_program(language, "lookup", "1180301018771")
    assert (ended.returncode, ended.stdout) == (70, b"")
    assert str(file).encode() in ended.stderr
