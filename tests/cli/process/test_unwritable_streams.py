"""Commands whose output streams can't be written: a full device, a closed stream, or a pipe without a reader."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.app import open_console
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.cli.conftest import Terminal
from tests.store.money_rows import insert_paid_payment
from tests.support.waiting import MAX_WAIT_SECONDS

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
@pytest.mark.parametrize("words", ["doctor", "--version", "--help", "--json doctor", "alerts list"])
def test_an_answer_that_cannot_be_written_fails_as_storage_full(terminal: Terminal, words: str) -> None:
    """If a command succeeds but stdout can't be written, it exits with 6, the status of `storage_full`, and stderr
    explains the cause without a traceback.
    """
    ended = run_in_shell(terminal, words, ">/dev/full")
    assert "The answer could not be written (No space left on device)" in ended.stderr
    assert ended.returncode == 6
    assert "Traceback" not in ended.stderr


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


def test_a_closed_pipe_is_quiet(terminal: Terminal) -> None:
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
