"""A worker computes from a desk's requests that the desk's clock is ahead."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from console.app import Console
from console.domain.desk_requests import records as request_records
from console.sandbox.server import Sandbox
from console.services.alerts.clock_drift import ClockDriftAlerts
from console.store.monitoring import clocks
from tests.support.places import Place
from tests.support.team_mode import execute_desk_requests, start_team_mode, use_team_mode


@pytest.fixture
def worker(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    """A worker for op-a, who is in team mode."""
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as console:
        yield console


def test_a_desk_clock_that_is_ahead_raises_an_alert(
    place: Place, sandbox: Sandbox, worker: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of a request contains the desk's time, and its row the server's: the worker raises an alert about a
    clock that is 5 s ahead.
    """
    made = request_records.make_request_id

    def make_id_ahead() -> str:
        """Return a request id of a desk whose clock is 5 s ahead."""
        return str(UUID(int=UUID(made()).int + (5_000 << 80)))

    monkeypatch.setattr("console.services.desk_requests.asking.make_request_id", make_id_ahead)
    with place.open_desk(sandbox, person="op-a", desk=2) as desk, execute_desk_requests(worker):
        desk.recovery.give_up_take("credit-check", 1)
        desk_id = desk._context.spool.desk_id
    with worker._context.database.read() as conn:
        ((desk_found, _), delays), *_ = clocks.read_desk_request_delays(conn).items()
    assert desk_found == desk_id
    assert -5.1 < min(delays) < -2.0
    ClockDriftAlerts(worker._context, lambda: datetime.now(UTC)).update_alerts()
    ((observed,),) = place.sql("SELECT observed FROM alerts WHERE rule_id = 'clock_drift'")
    assert str(observed).startswith(f"clock of {place.get_account_name('op-a')}: ")
    assert str(observed).endswith("ahead")


def test_a_clock_alert_counts_requests_of_each_person(
    place: Place, sandbox: Sandbox, worker: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of a desk was right while the first person worked there, and is 5 s ahead in the second person's
    requests: the alert is raised.
    """
    with (
        use_team_mode(place, "op-b"),
        place.open_desk(sandbox, person="op-b", desk=2) as desk,
        execute_desk_requests(worker),
    ):
        desk.recovery.give_up_take("credit-check", 1)
        desk_id = desk._context.spool.desk_id
    made = request_records.make_request_id
    monkeypatch.setattr(
        "console.services.desk_requests.asking.make_request_id",
        lambda: str(UUID(int=UUID(made()).int + (5_000 << 80))),
    )
    with place.open_desk(sandbox, person="op-a", desk=2) as desk, execute_desk_requests(worker):
        desk.recovery.give_up_take("credit-check", 1)
        assert desk._context.spool.desk_id == desk_id
    ClockDriftAlerts(worker._context, lambda: datetime.now(UTC)).update_alerts()
    ((observed,),) = place.sql("SELECT observed FROM alerts WHERE rule_id = 'clock_drift'")
    assert str(observed).startswith(f"clock of {place.get_account_name('op-a')}: ")
    assert str(observed).endswith("ahead")
