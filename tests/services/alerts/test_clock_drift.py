"""A clock that differs from the server is told once, and no more when it is right; a slow line is no clock."""

from datetime import UTC, datetime, timedelta

import pytest

from console.domain.alerts.clock_drift import compute_clock_drift
from console.services.alerts.clock_drift import ClockDriftAlerts
from console.services.process.context import WORKER, act_as
from tests.support.payment_desks import Scene

_OPEN = "SELECT observed, resolved_at IS NULL FROM alerts WHERE rule_id = 'clock_drift'"


def look(scene: Scene, seconds: float) -> int:
    """Measure with a machine whose clock is so many seconds ahead."""
    drift = ClockDriftAlerts(scene.context, lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    with act_as(WORKER):
        return drift.update_alerts()


@pytest.mark.engines("mariadb")
def test_told_once_and_closed(scene: Scene) -> None:
    assert (look(scene, 1.0), scene.place.sql(_OPEN)) == (0, [])
    assert [look(scene, seconds) for seconds in (-5.0, -6.0)] == [1, 0]
    ((observed, is_open),) = scene.place.sql(_OPEN)
    assert is_open
    assert str(observed).startswith(f"clock of {scene.context.host}: ")
    assert str(observed).endswith("behind")
    assert look(scene, 0.0) == 1
    assert [is_open for _, is_open in scene.place.sql(_OPEN)] == [0]


@pytest.mark.engines("sqlite")
def test_a_file_has_no_clock(scene: Scene) -> None:
    assert look(scene, 3600.0) == 0


@pytest.mark.parametrize(
    ("delays", "drift"),
    [
        ((0.1,), -0.1), ((0.1, 9.0, 30.0), -0.1),  # one was quick: the others waited
        ((9.0, 30.0), None),  # too few to tell a clock from a connection
        ((9.0, 30.0, 12.0), -9.0), ((-4.0,), 4.0), ((-4.0, 0.2), 4.0),
    ],
)  # fmt: skip
def test_what_requests_tell_of_a_clock(delays: tuple[float, ...], drift: float | None) -> None:
    assert compute_clock_drift(delays) == drift
