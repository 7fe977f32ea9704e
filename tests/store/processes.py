"""Starts several processes that begin their work at the same time: each waits until all are ready."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PASSED_VARIABLES = ("STORAGE_EMULATOR_HOST",)
REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
MAX_PROCESS_SECONDS = 900
"""Longest time (seconds) to wait for the output of a process. A process that works ends long before that, even on a
busy machine; a process that hangs fails the test.
"""


def start_script(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script of the folder tests/store as a process of its own, with pipes, and return the process."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY_ROOT,
        env={
            "PYTHONPATH": str(REPOSITORY_ROOT),
            **{name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
        },
    )


@contextmanager
def begin_together(workers: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    """Wait until all processes have printed `ready`, and then let them begin. At the end of the block, kill the
    processes that still run."""
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n", worker.communicate()[1]
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def read_outcomes(workers: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Return the output of each process after the line `ready`. If a process fails, raise AssertionError with its
    output.
    """
    outcomes = []
    with begin_together(workers):
        for worker in workers:
            out, err = worker.communicate(timeout=MAX_PROCESS_SECONDS)
            assert worker.returncode == 0, err
            outcomes.append(out)
    return outcomes
