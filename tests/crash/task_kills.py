"""Kills a worker with SIGKILL during a due task."""

from collections.abc import Mapping

from console.app import open_console
from console.settings.settings import Settings
from tests.support.children import Pipe, start_children
from tests.support.places import Place

KILLED_EXIT_STATUS = -9
FAST_SETTINGS = {"TIME_SCALE": "60", "ALARMBOX_FIND_PURCHASES": "1"}


def run_due_tasks_until_killed(pipe: Pipe, environment: Mapping[str, str]) -> None:
    """Target of a child process: run due tasks until the failpoint kills the process."""
    with open_console(Settings.load(dict(environment)), program="worker") as console:
        pipe.send("open")
        while True:
            console.scheduler.run_due_tasks()


def kill_worker(place: Place, provider: str, failpoint: str) -> None:
    """Start a worker at a desk of its own, and check that it is killed at the failpoint."""
    environment = place.make_environment(provider, desk=1, FAILPOINT=f"{failpoint}:kill", **FAST_SETTINGS)
    with start_children(run_due_tasks_until_killed, [(environment,)]) as (child,):
        assert child.wait_for_report() == "open"
        assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{failpoint} was passed unharmed"
