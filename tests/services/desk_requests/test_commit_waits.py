"""Tests of a worker's wait for a commit of the cluster, by which it finds a desk request without polling for it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from console.sandbox.server import Sandbox
from console.store.database.cluster_commits import COMMIT_WAIT_SECONDS
from tests.support.places import Place
from tests.support.waiting import wait_until


def test_a_worker_of_a_cluster_is_told_of_a_commit_at_another_node(place: Place, sandbox: Sandbox) -> None:
    """The first call only reads the latest commit. Each later call ends with the next commit, also with one that was
    made between two calls, or after about COMMIT_WAIT_SECONDS. A single server tells no commits, so its worker polls.
    """
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="lead-b", desk=2) as lead,
        ThreadPoolExecutor(1) as pool,
    ):
        wait = partial(worker.desk_requests.wait_for_commit, COMMIT_WAIT_SECONDS)
        switch = lead.read_only_switches.set_switch
        if place.engine != "galera":
            assert [wait(), wait()] == [False, False]
            return
        assert not worker.desk_requests.wait_for_commit(COMMIT_WAIT_SECONDS / 2)
        assert wait()
        switch("atom", True, "they asked us to wait")
        assert wait()
        wait_until(lambda: _takes_its_time(wait), "a wait without a commit")  # another desk's commit may come late
        told = pool.submit(wait)
        with pytest.raises(TimeoutError):
            told.result(COMMIT_WAIT_SECONDS / 5)
        switch("atom", False, "they are back")
        assert told.result()


def _takes_its_time(wait: Callable[[], bool]) -> bool:
    """Return True if a wait has ended only after COMMIT_WAIT_SECONDS."""
    began_at = time.monotonic()
    assert wait()
    return time.monotonic() - began_at >= COMMIT_WAIT_SECONDS
