"""Tests of workers and windows that share the due tasks: only one process at a time runs a task."""

from collections import Counter

import pytest

from tests.races import task_runners
from tests.support.places import Place

pytestmark = pytest.mark.xdist_group("races")


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_no_task_runs_in_two_processes_at_once(place: Place) -> None:
    """Processes at two desks run due tasks without a pause. Several processes share the runs, but no task is ever run
    by two of them at the same moment.
    """
    processes, runs = (4, 60) if place.engine != "galera" else (3, 30)
    run_log = task_runners.run_task_race(place, processes, runs)
    run_lines = [line.partition(":") for line in run_log.read_lines("runs")]
    shares = Counter(pid for _, _, pid in run_lines)
    print(f"{place.engine}: {len(run_lines)} runs of {len(task_runners.TASK_NAMES)} tasks in {len(shares)} processes")
    assert run_log.read_lines("twice at once") == []
    assert {name for name, _, _ in run_lines} == set(task_runners.TASK_NAMES)
    assert len(shares) > 1
