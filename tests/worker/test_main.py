"""Tests of the worker as a process of its own: its message when it is ready, its due tasks, and its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import pytest

from console.app import Console
from console.domain.tasks.intervals import TASK_LEASE_PREFIX
from console.sandbox.server import Sandbox
from console.store.operations import leases
from tests.support.payment_desks import make_settings as providers
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until


class RunningWorker:
    """A worker process that has printed its first line. `answer` is this line, and `data` the data in it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        assert process.stdout is not None
        self.answer: dict[str, Any] = json.loads(process.stdout.readline() or b'"nothing"')
        self.data = self.answer.get("data", {})

    def stop_by_signals(self, *numbers: int) -> tuple[int, list[dict[str, Any]]]:
        """Send these signals to the worker. Return its exit status, and the lines of its log."""
        for number in numbers:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=MAX_WAIT_SECONDS)
        assert out == b""
        return self.process.returncode, [json.loads(line) for line in err.splitlines()]


@contextmanager
def start_ready_worker(place: Place, sandbox: Sandbox, **extra: str) -> Iterator[RunningWorker]:
    """Yield a worker process that is ready, and kill it at the end of the block. `extra` are further settings without
    their prefix `CONSOLE_`.
    """
    settings = {"RECEIVER_PORT": "0", **providers(sandbox.url), **extra}
    env = {
        **os.environ,
        **place.make_environment(sandbox.url),
        **{f"CONSOLE_{name}": value for name, value in settings.items()},
    }
    with subprocess.Popen(
        # Tests that run under nohup ignore SIGHUP, and a child inherits that.
        ["env", "--default-signal=HUP", sys.executable, "-m", "console", "--json", "worker"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=env,
    ) as process:
        try:
            yield RunningWorker(process)
        finally:
            process.kill()


def list_acquired_lease_names(console: Console) -> set[str]:
    with console.database.read() as conn:
        return {one.name for one in leases.list_holders(conn) if one.name.startswith(TASK_LEASE_PREFIX)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.engines("sqlite")
def test_a_worker_runs_all_tasks_until_a_signal(place: Place, sandbox: Sandbox, number: int) -> None:
    """The worker prints one JSON object when it is ready, its receiver answers, and it runs every due task. After the
    signal it exits with 0 and holds no lease of a task; each line of its log is a JSON object.
    """
    with start_ready_worker(place, sandbox) as worker, place.open_desk(sandbox) as console:
        with urlopen(f"{worker.data['url']}/healthz", timeout=MAX_WAIT_SECONDS) as answer:
            assert answer.status == 200
        names = worker.data["tasks"]
        wait_until(
            lambda: {task.name for task in console.scheduler.read_task_states() if task.ended_at} == set(names),
            "all have run",
            MAX_WAIT_SECONDS,
        )
        status, log = worker.stop_by_signals(number)
        assert (status, list_acquired_lease_names(console)) == (0, set())
        assert {task.error_code for task in console.scheduler.read_task_states()} == {None}
    assert log[-1]["message"] == "ended"
    assert all(line["correlation"] for line in log)


@pytest.mark.engines("mariadb")
def test_two_workers_share_the_tasks_of_a_team(place: Place, sandbox: Sandbox) -> None:
    """Two workers on one database server run the due tasks together. After SIGTERM both exit with 0."""
    with (
        start_ready_worker(place, sandbox) as one,
        start_ready_worker(place, sandbox) as two,
        place.open_desk(sandbox) as console,
    ):
        wait_until(
            lambda: len([task for task in console.scheduler.read_task_states() if task.ended_at]) >= 15,
            "the tasks have run",
            MAX_WAIT_SECONDS,
        )
        assert [worker.stop_by_signals(signal.SIGTERM)[0] for worker in (one, two)] == [0, 0]
        assert list_acquired_lease_names(console) == set()


@pytest.mark.engines("sqlite")
def test_a_task_that_does_not_end_is_cut_off(place: Place, sandbox: Sandbox) -> None:
    """While one due task hangs, the others still run. After SIGTERM the worker waits for the task only for a limited
    time, logs that it stopped waiting, and exits with 0.
    """
    with (
        start_ready_worker(place, sandbox, FAILPOINT="after_task_begin:4:hang") as worker,
        place.open_desk(sandbox) as console,
    ):
        wait_until(
            lambda: len([task for task in console.scheduler.read_task_states() if task.ended_at]) >= 14,
            "the others have run",
            MAX_WAIT_SECONDS,
        )
        status, log = worker.stop_by_signals(signal.SIGTERM)
    assert status == 0
    assert "broken off" in log[-1]["message"]


@pytest.mark.engines("sqlite")
def test_a_second_signal_ends_a_worker_with_a_hanging_task(place: Place, sandbox: Sandbox) -> None:
    """After a second signal the worker ends without waiting for a hanging task, and still exits with 0."""
    with start_ready_worker(place, sandbox, FAILPOINT="after_task_begin:1:hang", TIME_SCALE="1") as worker:
        with place.open_desk(sandbox) as console:
            wait_until(lambda: bool(list_acquired_lease_names(console)), "a task hangs", MAX_WAIT_SECONDS)
        status, log = worker.stop_by_signals(signal.SIGTERM, signal.SIGINT)
    assert status == 0
    assert "broken off" in log[-1]["message"]


@pytest.mark.engines("sqlite")
def test_a_port_that_is_taken_is_refused_before_anything_runs(place: Place, sandbox: Sandbox) -> None:
    """A worker whose port is already used exits with 2 and `bad_profile`, and runs no due task."""
    with (
        start_ready_worker(place, sandbox, RECEIVER_PORT=str(sandbox.port)) as worker,
        place.open_desk(sandbox) as console,
    ):
        assert worker.answer["error"]["code"] == "bad_profile"
        assert worker.process.wait(MAX_WAIT_SECONDS) == 2
        assert console.scheduler.read_task_states() == ()
