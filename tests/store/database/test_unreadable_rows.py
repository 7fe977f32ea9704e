"""Tests that the program reports each database row that it can't read exactly once."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine

from console.store.alerts import incident_steps
from console.store.schema import worker


@pytest.mark.expects_log("rows that can't be read are told")
def test_each_unreadable_incident_step_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The program reports each unreadable step of an incident once, including a second unreadable step of the same
    incident.
    """
    engine = create_engine("sqlite://")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    step = {"incident_id": 870_001, "person": "op-a", "at": at}
    with engine.begin() as conn:
        worker.incident_steps.create(conn)
        for position, action in enumerate(("nonsense", "take", "nothing"), start=1):
            conn.execute(worker.incident_steps.insert(), {**step, "position": position, "action": action})
        for _ in range(2):
            assert list(incident_steps.find_by_incidents(conn, [870_001])) == [870_001]
    warnings = [record.getMessage() for record in caplog.records if "can't be read" in record.getMessage()]
    assert [name for line in warnings for name in ("870001/1", "870001/3") if name in line] == [
        "870001/1",
        "870001/3",
    ]
    engine.dispose()
