"""Tests of the turns in which the worker processes of a test run use a shared server: several together, or one
alone.
"""

import fcntl
from concurrent.futures import ThreadPoolExecutor

from tests.support.servers import start_own_run, use_shared_server
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until


def test_a_process_waiting_for_exclusive_use_is_not_overtaken() -> None:
    """While two processes use the server together, a third process waits to use it alone. A process that comes later
    gets its turn after the third one."""
    order: list[str] = []

    def use_server(name: str, *, is_exclusive: bool) -> None:
        with use_shared_server("some", is_exclusive=is_exclusive):
            order.append(name)

    with start_own_run() as run, ThreadPoolExecutor(2) as pool:

        def is_process_waiting() -> bool:
            with (run.folder / "some.gate.lock").open("a") as gate:
                try:
                    fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                return False

        with use_shared_server("some", is_exclusive=False):
            use_server("together", is_exclusive=False)
            first = pool.submit(use_server, "alone", is_exclusive=True)
            wait_until(is_process_waiting, "the one who wants to be alone")
            second = pool.submit(use_server, "later", is_exclusive=False)
        first.result(MAX_WAIT_SECONDS)
        second.result(MAX_WAIT_SECONDS)
    assert order == ["together", "alone", "later"]
