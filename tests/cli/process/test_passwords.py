"""The password for a decision at a terminal: a person types it without echo, or a program gives it once by a file
descriptor.
"""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.process.password import protect_password_descriptor, read_password, read_stdin_line
from console.cli.text_output.translator import Translator
from console.domain.process import interrupts
from console.settings.settings import Settings
from tests.cli.conftest import Terminal
from tests.support.waiting import MAX_WAIT_SECONDS

PASSWORD_FD_VARIABLE = "CONSOLE_OPERATOR_PASSWORD_FD"


def set_environment(monkeypatch: pytest.MonkeyPatch, home: Path, number: int) -> Settings:
    monkeypatch.setenv("CONSOLE_HOME", str(home))
    monkeypatch.setenv(PASSWORD_FD_VARIABLE, str(number))
    return Settings.load()


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"a word\n", "a word"), (b"a word", "a word"), (b"a word\r\nmore", "a word"), ("あ".encode(), "あ"),
     (b"", None), (b"\n", None), (b"\xff\n", None), (b"x" * 5000, "x" * 4096)],
)  # fmt: skip
def test_a_password_descriptor_is_read_once(
    content: bytes, password: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line that the file descriptor delivers is the password, at most 4,096 bytes of it. An empty line and
    a line that isn't UTF-8 give no password. The program then closes the descriptor, child processes don't inherit
    it, and a second read returns no password."""
    ours, theirs = os.pipe()
    os.write(theirs, content)
    os.close(theirs)
    os.set_inheritable(ours, True)
    settings = set_environment(monkeypatch, tmp_path, ours)
    protect_password_descriptor(settings)
    assert not os.get_inheritable(ours)
    assert read_password(settings, Translator()) == password
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ours)
    assert PASSWORD_FD_VARIABLE not in os.environ
    assert read_password(settings, Translator()) is None


def test_a_signal_ends_the_wait_for_a_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a signal has arrived before the password is read from the descriptor, the command ends as interrupted and
    reads nothing. This is so although the running command otherwise defers a first signal.
    """
    ours, theirs = os.pipe()
    settings = set_environment(monkeypatch, tmp_path, ours)
    os.write(theirs, b"a word\n")  # without the signal it would be read
    with interrupts.handle_signals(defers_first_signal=True):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(interrupts.InterruptedBeforeAction):
            read_password(settings, Translator())
    assert os.read(ours, 1) == b"a"
    os.close(ours)
    os.close(theirs)


def test_a_descriptor_that_is_not_open_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the configured file descriptor isn't open, the program reads no password; it also doesn't read another file
    that later gets the same descriptor number.
    """
    ours, theirs = os.pipe()
    os.close(ours)
    settings = set_environment(monkeypatch, tmp_path, ours)
    protect_password_descriptor(settings)
    again = os.dup(theirs)
    try:
        assert read_password(settings, Translator()) is None
        os.fstat(again)
    finally:
        os.close(again)
        os.close(theirs)


def test_a_standard_input_that_cannot_be_read_has_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If standard input was opened only for writing, such as by `0>file`, no line is read from it, and no error of
    the system is raised."""
    with (
        (tmp_path / "written").open("wb") as file,
        open(file.fileno(), encoding="utf-8", closefd=False) as unreadable,
    ):
        monkeypatch.setattr(sys, "stdin", unreadable)
        assert read_stdin_line() is None


def test_a_wrong_descriptor_number_is_reported(terminal: Terminal) -> None:
    ending = terminal.json("whoami", OPERATOR_PASSWORD_FD="three")
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["variable"] == PASSWORD_FD_VARIABLE


ASK_PASSWORD_PROGRAM = """
import sys
from console.cli.process.password import read_password
from console.cli.text_output.translator import Translator
from console.domain.process import interrupts
from console.domain.process import interrupts
from console.settings.settings import Settings
with interrupts.handle_signals(defers_first_signal=True):
    try:
        print('length', len(read_password(Settings.load(), Translator()) or ''), flush=True)
    except interrupts.InterruptedBeforeAction:
        print('length interrupted', flush=True)
"""


@pytest.mark.parametrize(
    ("typed_bytes", "expected_output"),
    [(b"hidden-word\n", b"length 11"), (b"\x03", b"length interrupted"), (b"\x94\xe9\x96\xa7\n", b"length 0")],
)
def test_the_typed_password_is_not_shown(typed_bytes: bytes, expected_output: bytes, tmp_path: Path) -> None:
    """The terminal doesn't show the typed password. Ctrl+C at the question interrupts it, although a running command
    otherwise delays Ctrl+C. A password that isn't UTF-8, such as one typed at a Shift JIS terminal, is treated as no
    password.
    """
    ours, theirs = pty.openpty()
    env = os.environ | {"CONSOLE_LANGUAGE": "en", "CONSOLE_HOME": str(tmp_path)}
    env.pop(PASSWORD_FD_VARIABLE, None)
    child = subprocess.Popen(
        [sys.executable, "-c", ASK_PASSWORD_PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
        start_new_session=True, preexec_fn=_acquire_terminal,
    )  # fmt: skip
    os.close(theirs)
    output = b""
    while b"for this decision: " not in output:
        output += os.read(ours, 1024)
    os.write(ours, typed_bytes)
    while expected_output not in output and b"Error" not in output:
        output += os.read(ours, 1024)
    child.wait(timeout=MAX_WAIT_SECONDS)
    os.close(ours)
    assert expected_output in output
    assert b"hidden-word" not in output


def _acquire_terminal() -> None:
    """In the child process: make the pseudo-terminal at its standard input its controlling terminal, so that Ctrl+C
    sends a signal.
    """
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
