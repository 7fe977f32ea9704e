"""Tests of the alert about a machine's clock that differs from the server's clock: there is one alert, which closes
when the clock is right. A slow connection alone raises none.
"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from console.domain.alerts.clock_drift import compute_clock_drift
from console.services.alerts.clock_drift import ClockDriftAlerts
from console.services.process.context import WORKER, ServiceContext, act_as
from console.store.monitoring import clocks
from tests.support.payment_desks import PaymentDesk

_SELECT_DRIFT_ALERTS_SQL = "SELECT observed, resolved_at IS NULL FROM alerts WHERE rule_id = 'clock_drift'"


def update_drift_alerts(scene: PaymentDesk, seconds: float) -> int:
    """Run the check of the clock on a machine whose clock is `seconds` ahead of the server's; return the number of
    changed alerts.
    """
    drift = ClockDriftAlerts(scene.context, lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    with act_as(WORKER):
        return drift.update_alerts()


@pytest.mark.engines("mariadb")
def test_a_clock_drift_raises_one_alert_until_it_ends(scene: PaymentDesk) -> None:
    """A clock that is 5 s behind raises one alert, and a difference of 6 s, measured later, raises no second alert.
    The right clock closes the alert. A difference of one second raises no alert.
    """
    assert (update_drift_alerts(scene, 1.0), scene.place.sql(_SELECT_DRIFT_ALERTS_SQL)) == (0, [])
    assert [update_drift_alerts(scene, seconds) for seconds in (-5.0, -6.0)] == [1, 0]
    ((observed, is_open),) = scene.place.sql(_SELECT_DRIFT_ALERTS_SQL)
    assert is_open
    assert str(observed).startswith(f"clock of {scene.context.host_name}: ")
    assert str(observed).endswith("behind")
    assert update_drift_alerts(scene, 0.0) == 1
    assert [is_open for _, is_open in scene.place.sql(_SELECT_DRIFT_ALERTS_SQL)] == [0]


@pytest.mark.engines("mariadb")
def test_the_alert_of_a_clock_that_stays_wrong_stays_open(scene: PaymentDesk) -> None:
    """An alert that is older than a day stays open as long as the clock is still measured as wrong."""
    assert update_drift_alerts(scene, -5.0) == 1
    scene.place.drop_table_triggers("alerts")
    scene.place.sql("UPDATE alerts SET detected_at = detected_at - INTERVAL 25 HOUR")
    assert update_drift_alerts(scene, -5.0) == 0
    assert [is_open for _, is_open in scene.place.sql(_SELECT_DRIFT_ALERTS_SQL)] == [1]


class ServerContext:
    """The service context of a desk whose SQLite file counts as a database server, which has a clock."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    @property
    def database(self) -> SimpleNamespace:
        return SimpleNamespace(is_server=True, read=self._context.database.read)

    def __getattr__(self, name: str) -> object:
        return getattr(self._context, name)


@pytest.mark.engines("sqlite")
def test_the_alert_of_a_wrong_clock_never_closes_because_of_its_age(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test invents the times of the server: the alert stays open for more than a day of wrong measurements,
    without a second alert, and closes when the clock is right.
    """
    context, now = cast(ServiceContext, ServerContext(scene.context)), scene.context.now()
    monkeypatch.setattr(clocks, "read_desk_request_delays", lambda _conn: {})
    monkeypatch.setattr(clocks, "read_server_time", lambda _conn: now)
    with act_as(WORKER):
        assert ClockDriftAlerts(context, lambda: now + timedelta(seconds=60)).update_alerts() == 1
        scene.place.drop_table_triggers("alerts")
        scene.place.sql("UPDATE alerts SET detected_at = datetime(detected_at, '-25 hours')")
        assert ClockDriftAlerts(context, lambda: now + timedelta(seconds=60)).update_alerts() == 0
        assert [is_open for _, is_open in scene.place.sql(_SELECT_DRIFT_ALERTS_SQL)] == [1]
        assert ClockDriftAlerts(context, lambda: now).update_alerts() == 1


@pytest.mark.engines("sqlite")
def test_an_sqlite_file_raises_no_drift_alert(scene: PaymentDesk) -> None:
    """With an SQLite file, which has no clock of its own, a wrong clock raises no alert."""
    assert update_drift_alerts(scene, 3600.0) == 0


@pytest.mark.parametrize(
    ("delays", "drift"),
    [
        ((0.1,), -0.1), ((0.1, 9.0, 30.0), -0.1),  # one was quick: the others waited
        ((9.0, 30.0), None),  # too few to tell a clock from a connection
        ((9.0, 30.0, 12.0), -9.0), ((-4.0,), 4.0), ((-4.0, 0.2), 4.0),
    ],
)  # fmt: skip
def test_a_clock_drift_is_computed_from_request_delays(delays: tuple[float, ...], drift: float | None) -> None:
    """The drift is computed from the delays (seconds) between a desk's time of its requests and their arrival: the
    shortest delay decides. A few long delays alone may come from a slow connection, so the result is None.
    """
    assert compute_clock_drift(delays) == drift
