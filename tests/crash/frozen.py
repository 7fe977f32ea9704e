"""Targets of child processes that stop themselves with SIGSTOP at a failpoint, as a suspended machine does. They
continue when the test sends SIGCONT.
"""

import os
import signal
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.services.process.failpoints import Failpoints
from console.settings.settings import Settings
from tests.support.bulk_stage import make_alarmbox
from tests.support.children import Child, Pipe
from tests.support.quick_desks import open_quick_desk
from tests.support.waiting import wait_until


class FailpointsThatStopProcess(Failpoints):
    """Failpoints that stop this process when the code reaches `name` for the n-th time (`nth`)."""

    def __init__(self, name: str, nth: int) -> None:
        super().__init__(None)
        self._name, self._left = name, nth

    def reach(self, name: str) -> None:
        self._left -= name == self._name
        if name == self._name and self._left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)


def reconcile_and_freeze(pipe: Pipe, environment: Mapping[str, str], day: date, name: str, nth: int) -> None:
    """Target of a child process: reconcile the day at PayPay, and stop when it reaches the failpoint `name` for the
    n-th time. Then send how it ended."""
    with open_console(Settings.load(environment)) as console:
        _act_and_freeze(pipe, console, name, nth, lambda: console.reconciliation.run("paypay", day, day))


def run_bulk_and_freeze(
    pipe: Pipe, folder: Path, environment: dict[str, str], count: int, run_id: int, name: str, nth: int
) -> None:
    """Target of a child process: execute the bulk run of `count` records, and stop when it reaches the failpoint
    `name` for the n-th time. Then send how it ended."""
    with open_quick_desk(folder, make_alarmbox(count), None, **environment) as console:
        _act_and_freeze(pipe, console, name, nth, lambda: console.bulk_runs.run(run_id))


def _act_and_freeze(pipe: Pipe, console: Console, name: str, nth: int, act: Callable[[], object]) -> None:
    """Call `act`, and stop this process when it reaches the failpoint `name` for the n-th time. Afterwards send
    "done" or the error code.
    """
    console._context.failpoints = FailpointsThatStopProcess(name, nth)
    try:
        act()
    except ConsoleError as refusal:
        pipe.send(refusal.code)
    else:
        pipe.send("done")


def wait_until_stopped(child: Child) -> None:
    """Wait until the child process has stopped itself."""
    status = Path(f"/proc/{child.pid}/stat")
    wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", "the child to stop itself")


def continue_child(child: Child) -> str:
    """Let the stopped child continue, and return how its action ended."""
    os.kill(child.pid, signal.SIGCONT)
    ended: str = child.wait_for_report()
    assert child.wait_for_end() == 0
    return ended
