"""A worker finds out from the requests of a desk that the desk's clock is ahead."""

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
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode, use_team_mode


@pytest.fixture
def worker(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    """Yield the console of a worker, which executes no request by itself. The person op-a is in team mode."""
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as console:
        yield console


def test_a_desk_clock_that_is_ahead_raises_an_alert(
    place: Place, sandbox: Sandbox, worker: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of a request contains the desk's time, and the request's row contains the server's time. The desk's
    clock is 5 s ahead: the worker raises an alert about it.
    """
    made = request_records.make_request_id

    def make_request_id_of_fast_clock() -> str:
        """Return a request id of a desk whose clock is 5 s ahead."""
        return str(UUID(int=UUID(made()).int + (5_000 << 80)))

    monkeypatch.setattr("console.services.desk_requests.desk_calls.make_request_id", make_request_id_of_fast_clock)
    with place.open_desk(sandbox, person="op-a", desk=2) as desk, keep_executing_desk_requests(worker):
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
    """All people at a desk use its clock, so the worker compares the requests of all of them. The desk's clock is
    right in the first person's requests, and 5 s ahead in the second person's: the worker raises an alert that names
    the second person."""
    with (
        use_team_mode(place, "op-b"),
        place.open_desk(sandbox, person="op-b", desk=2) as desk,
        keep_executing_desk_requests(worker),
    ):
        desk.recovery.give_up_take("credit-check", 1)
        desk_id = desk._context.spool.desk_id
    made = request_records.make_request_id
    monkeypatch.setattr(
        "console.services.desk_requests.desk_calls.make_request_id",
        lambda: str(UUID(int=UUID(made()).int + (5_000 << 80))),
    )
    with place.open_desk(sandbox, person="op-a", desk=2) as desk, keep_executing_desk_requests(worker):
        desk.recovery.give_up_take("credit-check", 1)
        assert desk._context.spool.desk_id == desk_id
    ClockDriftAlerts(worker._context, lambda: datetime.now(UTC)).update_alerts()
    ((observed,),) = place.sql("SELECT observed FROM alerts WHERE rule_id = 'clock_drift'")
    assert str(observed).startswith(f"clock of {place.get_account_name('op-a')}: ")
    assert str(observed).endswith("ahead")
