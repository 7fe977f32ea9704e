"""Commands whose output streams can't be written: a full device, a closed stream, or a pipe without a reader."""

import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from console.app import open_console
from console.cli.command_table import has_effects
from console.cli.process.parser import parse_arguments
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.cli.conftest import Terminal
from tests.store.money_rows import insert_paid_payment
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

CORPORATION_NUMBER = "1180301018771"
FULL_DEVICE = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL_DEVICE.exists(), reason="only Linux has a file that is always full")


def run_in_shell(terminal: Terminal, words: str, redirections: str) -> "subprocess.CompletedProcess[str]":
    """Run one command with the redirections of a shell, such as `2>&-`."""
    return subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m console {words} {redirections}"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **terminal.env, "CONSOLE_LANGUAGE": "en"},
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )


@needs_full_device
@pytest.mark.parametrize(
    "words", ["doctor", "--version", "--help", "--json doctor", "alerts list", "db adopt --dry-run"]
)
def test_an_answer_that_cannot_be_written_fails_as_storage_full(terminal: Terminal, words: str) -> None:
    """If a command succeeds but stdout can't be written, it exits with 6, the status of `storage_full`, and stderr
    explains the cause without a traceback.
    """
    ended = run_in_shell(terminal, words, ">/dev/full")
    assert "The answer could not be written (No space left on device)" in ended.stderr
    assert ended.returncode == 6
    assert "Traceback" not in ended.stderr


DRY_RUNS = ["db adopt", "db accounts apply people.toml", "reconcile paypay --from 2026-11-19 --to 2026-11-20"]


@pytest.mark.parametrize("words", DRY_RUNS)
def test_a_dry_run_has_no_effects(words: str) -> None:
    """A dry run counts as a command without effects. By this the program chooses the exit status if it can't write
    the answer."""
    for options, expected in (((), True), (("--dry-run",), False)):
        arguments = parse_arguments([*words.split(), *options], lambda key: key)
        assert has_effects(arguments) is expected


@needs_full_device
def test_a_purchase_with_an_unwritable_answer_exits_as_unknown(terminal: Terminal, sandbox: Sandbox) -> None:
    """If the disk behind stdout is full, a purchase is still made and recorded, but exits with 4 (outcome unknown),
    because the caller doesn't get the result. A second purchase of the same number is refused.
    """
    ended = run_in_shell(terminal, f"--json purchase {CORPORATION_NUMBER} --client 1", ">/dev/full")
    assert ended.returncode == 4
    assert "The command was carried out" in ended.stderr
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == 1
    refused = run_in_shell(terminal, f"--json purchase {CORPORATION_NUMBER} --client 1", ">/dev/full")
    assert refused.returncode == 3
    assert "carried out" not in refused.stderr
    assert "The command failed, and its answer could not be written" in refused.stderr
    assert (
        terminal("purchase", CORPORATION_NUMBER, "--client", "1", LANGUAGE="en").err.splitlines()[0] in refused.stderr
    )
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").exit_status_and_code == (
        3,
        "already_purchased",
    )


@needs_full_device
@pytest.mark.parametrize(
    "words", ["export alerts --to", "--json reports close --provider paypay --day 2026-11-20 --out"]
)
def test_a_written_file_whose_answer_is_unwritable_counts_as_done(
    terminal: Terminal, tmp_path: Path, words: str
) -> None:
    """If a command has written a file but stdout can't be written, it exits with 4 and doesn't advise to run it
    again: the second run would be refused, because the file exists.
    """
    settings = Settings.load(terminal.env)
    with open_console(settings) as console:
        console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-1"))
    file = tmp_path / "written.xlsx"
    ended = run_in_shell(terminal, f"{words} {file}", ">/dev/full")
    assert "The command was carried out" in ended.stderr
    assert (ended.returncode, file.exists()) == (4, True)


@needs_full_device
@pytest.mark.parametrize("words", ["nonsense", "lookup 118", "--json nonsense", "doctor"])
@pytest.mark.parametrize("redirections", ["2>/dev/full", "2>&-"])
def test_stderr_that_cannot_be_written_changes_no_status(terminal: Terminal, words: str, redirections: str) -> None:
    """If stderr can't be written, the command exits with its ordinary status."""
    ended = run_in_shell(terminal, words, redirections)
    assert ended.returncode == (0 if words == "doctor" else 2)


@pytest.mark.parametrize("words", ["--json lookup 1180301018771", "--version"])
def test_an_answer_to_a_closed_stdout_counts_as_unwritten(terminal: Terminal, words: str) -> None:
    """If the caller has closed stdout, a command that only reads exits with 6 and says on stderr why: its answer went
    nowhere."""
    ended = run_in_shell(terminal, words, ">&-")
    assert "The answer could not be written (Bad file descriptor)" in ended.stderr
    assert (ended.returncode, "Traceback" in ended.stderr) == (6, False)


def test_a_purchase_with_a_closed_stdout_exits_as_unknown(terminal: Terminal, sandbox: Sandbox) -> None:
    """If the caller has closed stdout, a purchase is made and recorded once, but exits with 4 (outcome unknown). The
    same request id then returns the stored answer."""
    words = f"purchase {CORPORATION_NUMBER} --client 1 --request-id once"
    ended = run_in_shell(terminal, f"--json {words}", ">&-")
    assert (ended.returncode, "The command was carried out" in ended.stderr) == (4, True)
    assert terminal.json(*words.split()).data["duplicate"] is True
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == 1


def test_a_question_without_stderr_ends_the_command_properly(terminal: Terminal) -> None:
    """A command asks for a secret at a terminal that isn't its controlling terminal, while stderr is closed. The
    question can't be shown, but the typed line is read: the command ends with the error code and the exit status that
    belong to the provider's answer, and not with an internal error."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m console --json provider authorise alarmbox 2>&-'],
        stdin=theirs,
        stdout=subprocess.PIPE,
        env={**os.environ, **terminal.env},
        start_new_session=True,
    ) as process:
        try:
            wait_until(
                lambda: process.poll() is not None or not termios.tcgetattr(theirs)[3] & termios.ECHO,
                "the question hides the input",
            )
            os.write(ours, b"no-such-code\n")
            out, _ = process.communicate(timeout=MAX_WAIT_SECONDS)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
    assert (process.returncode, json.loads(out)["error"]["code"]) == (5, "provider_auth")


def test_a_command_with_a_closed_pipe_ends_without_an_error(terminal: Terminal) -> None:
    """If `| head` closes the pipe, the command ends without an error message."""
    ended = run_in_shell(terminal, "--help", "| head -n 1")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_no_file_gets_the_number_of_a_closed_stream(terminal: Terminal) -> None:
    """If a process starts with all standard streams closed, the descriptors 0 to 2 refer to the null device, so that
    no opened file gets one of these numbers.
    """
    code = (
        "import os, sys\n"
        "from console.cli import main\n"
        "sys.argv = ['support-console', '--version']\n"
        "main.main()\n"
        "os._exit(0 if all(os.path.samestat(os.fstat(n), os.stat(os.devnull)) for n in range(3)) else 9)\n"
    )
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code],
        env={**os.environ, **terminal.env},
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0
