"""Tests of the thread of a worker that polls the database for desk requests: its pauses, and its polls after
failures."""

from pathlib import Path

import pytest

from console.domain.desk_requests.records import DeskRequestState, TakenDeskRequest
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.sandbox.server import Sandbox
from console.worker.blocking_sessions_thread import (
    PAUSE_BETWEEN_LOCK_PASSES_OF_STANDBY_SECONDS,
    PAUSE_BETWEEN_LOCK_PASSES_SECONDS,
    BlockingSessionsThread,
)
from console.worker.request_threads import (
    QUICK_REQUEST_POLL_PAUSE_SECONDS,
    QUICK_REQUEST_POLL_PERIOD_SECONDS,
    REQUEST_POLL_PAUSE_SECONDS,
    DeskRequestThreads,
    compute_request_poll_pause_seconds,
)
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.worker.test_task_threads import FAILURES_OF_A_LONG_OUTAGE, CountedStop, ScriptedStop

_COUNT_PRESENT_WORKERS_SQL = f"SELECT count(*) FROM leases WHERE name = '{PRESENCE_LEASE_NAME}' AND lease_expires > 0"

_RENEWAL_SECONDS = 1.0
_NO_REQUEST_AGE_SECONDS = float("inf")


@pytest.mark.parametrize(
    ("idle_seconds", "is_standby", "pause_seconds"),
    [
        (0.0, False, REQUEST_POLL_PAUSE_SECONDS),  # one is open: the threads that execute are not to be held up
        (0.0, True, REQUEST_POLL_PAUSE_SECONDS),
        (0.001, False, QUICK_REQUEST_POLL_PAUSE_SECONDS),
        (QUICK_REQUEST_POLL_PERIOD_SECONDS, False, REQUEST_POLL_PAUSE_SECONDS),
        (_NO_REQUEST_AGE_SECONDS, False, REQUEST_POLL_PAUSE_SECONDS),
        (0.001, True, _RENEWAL_SECONDS),
        (_NO_REQUEST_AGE_SECONDS, True, _RENEWAL_SECONDS),
    ],
)
def test_polls_are_quick_only_shortly_after_a_request(
    idle_seconds: float, is_standby: bool, pause_seconds: float
) -> None:
    """A poll follows quickly only in the first time after the last open request. While a request is open, and later,
    the usual pause is made. A standby without an open request polls as often as it renews its lease.
    """
    assert compute_request_poll_pause_seconds(idle_seconds, _RENEWAL_SECONDS, is_standby=is_standby) == pause_seconds


def test_waiting_is_the_lowest_state_of_a_request() -> None:
    """A worker that waits reads only the lowest state of all requests."""
    assert min(DeskRequestState) == DeskRequestState.WAITING


@pytest.mark.engines("sqlite")
def test_the_first_request_wakes_a_thread_without_a_count(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll that first finds a waiting request wakes one thread; the next poll counts the requests. Requests that
    are taken are counted only when the presence lease is renewed, here at the first poll.
    """
    woken: list[int] = []
    with place.open_desk(sandbox, TIME_SCALE="1") as console:
        executor, is_waiting = console.desk_request_executor, iter((False, True, True, False, True))
        monkeypatch.setattr(executor, "is_any_request_waiting", lambda: next(is_waiting))
        monkeypatch.setattr(executor, "count_waiting_requests", lambda: 3)
        monkeypatch.setattr(executor, "clock", ManualClock())
        threads = DeskRequestThreads(executor, CountedStop(5))
        monkeypatch.setattr(threads, "_wake_threads", woken.append)
        threads._poll_requests_until_stopped()
    assert woken[:5] == [3, 1, 3, 0, 1]


@pytest.mark.engines("sqlite")
def test_a_request_that_was_taken_for_the_next_free_thread_waits(place: Place, sandbox: Sandbox) -> None:
    """A request whose locks this worker has waited for is taken already, so no row of the table waits."""
    with place.open_desk(sandbox) as console:
        executor = console.desk_request_executor
        assert not executor.is_any_request_waiting()
        executor._unexecuted_requests.append(TakenDeskRequest("1", "op-a", "purchase", "[]", "1", None, False, 1))
        assert executor.is_any_request_waiting()
        executor._unexecuted_requests.clear()


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("is_standby", "pause_seconds"),
    [(False, PAUSE_BETWEEN_LOCK_PASSES_SECONDS), (True, PAUSE_BETWEEN_LOCK_PASSES_OF_STANDBY_SECONDS)],
)
def test_a_standby_worker_looks_less_often_for_blocking_sessions(
    place: Place, sandbox: Sandbox, is_standby: bool, pause_seconds: float
) -> None:
    """The other worker looks each second, so the standby is needed only if those looks fail."""
    stop = CountedStop(2)
    with place.open_desk(sandbox) as console:
        BlockingSessionsThread(console.blocking_session_ender, stop, lambda: is_standby)._end_sessions_until_stopped()
    assert stop.pauses == [pause_seconds] * 2


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("the log says that the database fails")
def test_desk_requests_are_polled_again_after_a_long_outage(place: Place, sandbox: Sandbox) -> None:
    """The database is away for hours. When it is back, the worker looks for requests again, until it is stopped."""
    with place.open_desk(sandbox) as console:
        file = Path(str(console.database.file))
        away = file.with_suffix(".away")
        stop = ScriptedStop(
            FAILURES_OF_A_LONG_OUTAGE + 3,
            {1: lambda: file.rename(away), FAILURES_OF_A_LONG_OUTAGE + 1: lambda: away.rename(file)},
        )
        DeskRequestThreads(console.desk_request_executor, stop)._poll_requests_until_stopped()
    assert stop.wait_count == FAILURES_OF_A_LONG_OUTAGE + 3


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("the log says that the database fails")
def test_desk_requests_are_polled_again_after_an_unknown_database_error(place: Place, sandbox: Sandbox) -> None:
    """The database refuses to store the worker's presence lease, with a database error for which the program has no
    error code, as if the account that owns the triggers were missing. After the trigger that fails is dropped, the
    worker polls again and stores its presence lease."""
    present: list[object] = []
    place.sql("CREATE TRIGGER broken BEFORE INSERT ON leases BEGIN SELECT no_such_definer(); END")
    stop = ScriptedStop(
        3,
        {
            1: lambda: place.sql("DROP TRIGGER broken"),
            2: lambda: present.extend(place.sql(_COUNT_PRESENT_WORKERS_SQL)),
        },
    )
    with place.open_desk(sandbox) as console:
        DeskRequestThreads(console.desk_request_executor, stop)._poll_requests_until_stopped()
    assert present == [(1,)]


@pytest.mark.engines("sqlite")
def test_a_locked_request_that_a_restore_has_removed_is_forgotten(place: Place, sandbox: Sandbox) -> None:
    """The database was restored while the worker waited for the lock of a request that the backup doesn't have. The
    worker waits for it no longer."""
    with place.open_desk(sandbox) as console:
        console.desk_request_executor._locked_requests.add("00000000-0000-7000-8000-000000000000", "op-a")
        assert console.desk_request_executor.take_locked_request()
        assert not console.desk_request_executor.has_locked_requests
