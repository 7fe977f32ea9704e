"""The command as a process of its own: streams, signals, encodings, and what it imports."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal

NUMBER = "1180301018771"
COMMAND = (sys.executable, "-m", "console")
PATIENCE = 30.0


def variables(terminal: Terminal, **more: str) -> dict[str, str]:
    return {**os.environ, **terminal.env, **more}


def run(
    terminal: Terminal, *words: str, stdout: Any = subprocess.PIPE, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=variables(terminal, **more), timeout=PATIENCE, check=False,
    )  # fmt: skip


@contextmanager
def started(terminal: Terminal, *words: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that is ended with the block, whatever happens in it."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=variables(terminal, **more),
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_a_reader_that_left_changes_nothing(terminal: Terminal, sandbox: Sandbox) -> None:
    """With a closed pipe the purchase is made and recorded, the status says so, and nobody complains."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = run(terminal, "--json", "purchase", NUMBER, "--client", "1", stdout=writing)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert sandbox.ledger.count(NUMBER) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_behind_stdout_is_told_on_stderr(terminal: Terminal) -> None:
    """The answer can't be written: the log says so, without a traceback, and the status is the command's own."""
    with Path("/dev/full").open("wb") as full:
        ended = run(terminal, "--json", "lookup", "118", stdout=full)
    assert ended.returncode == 2
    assert b"could not be written" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_bytes_that_are_no_utf8_are_refused(terminal: Terminal) -> None:
    """A strange command line gets one UTF-8 object, in any locale."""
    for locale in ("C", "C.UTF-8", "en_US.ISO-8859-1"):
        ended = subprocess.run(
            [*map(os.fsencode, COMMAND), b"--json", b"lookup", b"118\xff\xfe\xf0\x9f\xa6\x8a"],
            capture_output=True, env=variables(terminal, LC_ALL=locale), timeout=PATIENCE, check=False,
        )  # fmt: skip
        answer = json.loads(ended.stdout.decode("utf-8"))
        assert (ended.returncode, answer["error"]["detail"]["reason"]) == (2, "CHARACTER")


def test_japanese_is_printed_in_any_locale(terminal: Terminal) -> None:
    """Where the terminal can't show it, characters are escaped; nothing breaks."""
    ended = run(terminal, "lookup", NUMBER, PYTHONIOENCODING="ascii", CONSOLE_LANGUAGE="ja")
    assert ended.returncode == 0
    assert ended.stdout.isascii()


def test_an_interrupted_purchase_is_unknown(terminal: Terminal, sandbox: Sandbox) -> None:
    """Ctrl+C while the provider is asked: exit 4 with one object; a new process finds the record, unknown."""
    sandbox.control.fault("hang", call="purchase", times=1)
    with started(terminal, "--json", "purchase", NUMBER, "--client", "1", CONSOLE_TIME_SCALE="1") as process:
        reached = sandbox.control.wait(PATIENCE / 2, held=1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert reached, err
    answer = json.loads(out)
    assert (process.returncode, answer["error"]["code"]) == (4, "outcome_unknown")
    assert b"Traceback" not in err
    assert terminal.json("purchase", NUMBER, "--client", "1").refused == (3, "already_purchased")
    assert sandbox.ledger.total == 0


def test_a_bug_is_status_70_with_a_support_code(terminal: Terminal, sandbox: Sandbox) -> None:
    """The code on stdout leads to the traceback in the log; nothing was sent."""
    ended = run(terminal, "--json", "purchase", NUMBER, "--client", "1", CONSOLE_FAILPOINT="before_tx1:1:raise")
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["code"]) == (70, "internal_error")
    assert error["detail"]["support_code"].encode() in ended.stderr
    assert b"Traceback" in ended.stderr
    assert sandbox.ledger.total == 0


def test_the_sandbox_says_where_it_is_and_ends_politely(terminal: Terminal) -> None:
    """One object when ready, an answering provider behind it, and status 0 after SIGTERM."""
    with started(terminal, "sandbox", "--json") as process:
        assert process.stdout is not None
        data = json.loads(process.stdout.readline())["data"]
        assert data["url"].endswith(f":{data['port']}")
        with urlopen(f"{data['url']}/_sandbox/state", timeout=PATIENCE) as answer:
            assert json.load(answer)["charges"] == 0
        taken = run(terminal, "sandbox", "--json", "--port", str(data["port"]))
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == b""
    assert json.loads(taken.stdout)["error"]["code"] == "usage"


def test_without_a_display_the_window_says_what_works(terminal: Terminal) -> None:
    """No words and no display: a sentence on stderr, no traceback, no window."""
    without = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    ended = run(terminal, **without)
    assert ended.returncode != 0
    assert b"QT_QPA_PLATFORM" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_plain_command_imports_nothing_heavy(terminal: Terminal) -> None:
    """A lookup needs neither Qt nor HTTP nor keyring nor migrations nor cryptography; bad words not even SQL."""
    terminal.json("lookup", NUMBER)
    program = "import sys; from console.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    heavy = {"PySide6", "requests", "urllib3", "keyring", "alembic", "cryptography", "pypdfium2", "http.client"}
    for words, more in ((("lookup", NUMBER), set()), (("queue", "nonsense"), {"sqlalchemy", "sqlite3"})):
        ended = subprocess.run(
            [sys.executable, "-c", program, "--json", *words], capture_output=True, env=variables(terminal),
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        loaded = set(ended.stderr.decode().split())
        assert "console.cli_parser" in loaded
        assert not loaded & (heavy | more)


# ---- the demo


WITHOUT_DISPLAY = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "WAYLAND_DISPLAY": "", "CONSOLE_LANGUAGE": "en"}


def test_the_demo_is_a_whole_desk_that_goes_away(terminal: Terminal) -> None:
    """One object when ready: records in every queue, a provider that knows them, no secret on the disk; at the
    end nothing is left.
    """
    with started(terminal, "demo", "--json", **WITHOUT_DISPLAY) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())["data"]
        home = Path(ready["home"])
        desk = Terminal({"CONSOLE_HOME": str(home), "CONSOLE_LANGUAGE": "en"})
        for queue in ("pending", "error", "incomplete", "unknown", "review"):
            assert desk.json("queue", queue).data["items"], queue
        assert desk.json("audit", "verify", OPERATOR="aud-e").data["rows"] > ready["records"]
        assert "demo-" not in (home / "profile.toml").read_text(encoding="utf-8")
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert not home.exists()


def test_the_demos_window_closes_in_good_order(terminal: Terminal) -> None:
    """With a display the window opens; a request to end closes it, and the temporary desk goes away."""
    with started(terminal, "demo", "--json", QT_QPA_PLATFORM="offscreen") as process:
        assert process.stdout is not None
        home = Path(json.loads(process.stdout.readline())["data"]["home"])
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert not home.exists()


def test_the_demo_offers_a_prompt_in_a_terminal(terminal: Terminal) -> None:
    """Without a display, in a terminal: commands of this desk can be typed, people switched, and exit ends it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "demo", "--fast-clock"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=variables(terminal, **WITHOUT_DISPLAY),
    ) as process:  # fmt: skip
        try:
            os.close(theirs)
            os.write(ours, b"--json purchase 9980000000001 --client 1\nas lead-b\n--json audit list\nexit\n")
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            os.close(ours)
    answers = [json.loads(line[line.index("{") :]) for line in out.decode().splitlines() if '{"ok"' in line]
    bought, listed = answers
    assert (bought["data"]["state"], bought["data"]["incomplete"]) == ("success", [])
    assert {entry["who"] for entry in listed["data"]["entries"]} == {"lead-b"}
    assert process.returncode == 0
