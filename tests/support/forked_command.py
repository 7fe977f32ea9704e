"""Runs a command of the program in a process that is forked from one that has already imported the program.

This saves the second that `python -m console` takes to start. tests/cli/test_process.py and tests/worker/test_main.py
test the start itself.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from tests.support.children import Pipe, get_context


class ForkedCommand:
    """A running command. The command starts when the object is made, and is killed at the end of the block. `stdout`
    is a pipe. `log` is the file to which the command writes stderr. If the caller hasn't given a file, it is deleted
    at the end.
    """

    def __init__(
        self, *words: str, environment: Mapping[str, str], umask: int = 0o022, log: Path | None = None
    ) -> None:
        self._errors = tempfile.NamedTemporaryFile(prefix="stderr-") if log is None else None  # noqa: SIM115 # close()
        self.log = Path(self._errors.name) if self._errors else log
        assert self.log is not None
        our_end, child_end = get_context().Pipe(duplex=False)
        arguments = (child_end, words, dict(environment), umask, str(self.log))
        self._process = get_context().Process(target=_run_command, args=arguments, daemon=True)
        self._process.start()
        child_end.close()
        self.stdout: IO[bytes] = os.fdopen(os.dup(our_end.fileno()), "rb")
        our_end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status if the command has ended (-9 if it was killed), or None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Wait until the command has ended, and return its exit status.

        Raises AssertionError if the command runs longer than `seconds` (None: no limit).
        """
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"command {self.pid} did not end within {seconds} s"
        return self._process.exitcode

    def read_output(self, seconds: float) -> bytes:
        """Return everything that the command writes to stdout until it ends.

        Raises AssertionError if the command closes stdout but hasn't ended after `seconds`.
        """
        out = self.stdout.read()
        self.wait(seconds)
        return out

    def read_errors(self) -> str:
        """Return the text that the command has written to stderr."""
        assert self.log is not None
        return self.log.read_text(encoding="utf-8", errors="replace")

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def __enter__(self) -> "ForkedCommand":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.kill()
        self.stdout.close()
        if self._errors:
            self._errors.close()


def _run_command(answers: Pipe, words: tuple[str, ...], environment: Mapping[str, str], umask: int, log: str) -> None:
    """Run the command in the child process, after setting the environment, stdout, stderr, umask and the handler of
    SIGHUP as in a new process.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests that run under nohup ignore it
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(answers.fileno(), 1)
    answers.close()
    errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(errors, 2)
    os.close(errors)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # until the process ends
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115  # until the process ends
    os.umask(umask)
    from console.cli.main import main

    status = main(words)
    sys.stdout.flush()
    sys.exit(status)
