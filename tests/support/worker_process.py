"""Runs the worker as a process of its own, with the database of a Place and a sandbox."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.forked_command import ForkedCommand
from tests.support.payment_desks import make_settings
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
_WORKER_COMMAND_WORDS = ("--json", "worker")


@dataclass(frozen=True)
class WorkerProcess:
    """A running worker that has reported that it is ready. `url` and `port` are the address of its receiver of
    notices, and `log` is the file of its stderr.
    """

    process: "subprocess.Popen[bytes] | ForkedCommand"
    url: str
    port: int
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Return True while the process runs."""
        return self.process.poll() is None


@contextmanager
def start_worker(
    place: Place,
    provider: str,
    *,
    desk: int,
    person: str | None = None,
    program: Sequence[str] = ("console",),
    **extra: str,
) -> Iterator[WorkerProcess]:
    """Start a worker, yield it when it is ready, and end it at the end of the block. Its log is a file in the folder
    of `place`. `provider` is the sandbox's URL. `person` runs the worker (None: the person whose account stores
    notices). `extra` are further settings without their prefix `CONSOLE_`. `program` is the module that runs the
    console, with its arguments.
    """
    command, log = [sys.executable, "-m", *program, *_WORKER_COMMAND_WORDS], _get_log_file(place, desk)
    env = _make_environment(place, provider, person, desk, extra)
    with (
        log.open("wb") as log_file,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log_file, env=env
        ) as process,
    ):
        yield from _wait_until_ready(process, log)


@contextmanager
def fork_worker(
    place: Place, provider: str, *, desk: int, person: str | None = None, **extra: str
) -> Iterator[WorkerProcess]:
    """Start a worker like `start_worker`, but forked from a process that has already imported the program. The
    function is for tests that don't measure the start or the memory.
    """
    env, log = _make_environment(place, provider, person, desk, extra), _get_log_file(place, desk)
    with ForkedCommand(*_WORKER_COMMAND_WORDS, environment=env, log=log) as process:
        yield from _wait_until_ready(process, log)


def _get_log_file(place: Place, desk: int) -> Path:
    return place.folder / f"worker-{desk}.log"


def _make_environment(
    place: Place, provider: str, person: str | None, desk: int, extra: Mapping[str, str]
) -> dict[str, str]:
    facts = {"RECEIVER_PORT": "0", **make_settings(provider), **extra}
    return {**os.environ, **place.make_environment(provider, person or place.notice_account_name, desk, **facts)}


def _wait_until_ready(process: "subprocess.Popen[bytes] | ForkedCommand", log: Path) -> Iterator[WorkerProcess]:
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the worker ended: {log.read_text()[-2_000:]}"
        answer = json.loads(line)
        assert "data" in answer, answer
        yield WorkerProcess(process, answer["data"]["url"], answer["data"]["port"], log)
    finally:
        process.terminate()
        try:
            process.wait(MAX_WAIT_SECONDS)
        except (subprocess.TimeoutExpired, AssertionError):
            process.kill()
