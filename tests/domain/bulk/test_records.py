"""Tests of the outcome of a row of a bulk run, and of the time of its plan."""

from datetime import UTC, datetime

import pytest

from console.domain.bulk.records import (
    STILL_INCOMPLETE_OUTCOME,
    STILL_UNKNOWN_OUTCOME,
    ForecastKind,
    RowForecast,
    RowResult,
    get_row_outcome,
    make_bulk_plan,
)
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun


@pytest.mark.parametrize(
    ("result", "reason", "outcome"),
    [
        (RowResult.DONE, STILL_UNKNOWN_OUTCOME, STILL_UNKNOWN_OUTCOME),
        (RowResult.DONE, STILL_INCOMPLETE_OUTCOME, STILL_INCOMPLETE_OUTCOME),
        (RowResult.DONE, None, "done"),
        (RowResult.DONE, "other", "done"),
        (RowResult.REFUSED, "reason.role", "refused"),
        (None, None, None),
    ],
)
def test_a_probe_without_a_result_is_counted_separately(
    result: str | None, reason: str | None, outcome: str | None
) -> None:
    """If the probe or re-fetch of a row in a bulk run settles nothing, the row is counted and exported as processed
    without a result, not as done.
    """
    assert get_row_outcome(result, reason) == outcome


def test_the_slowest_provider_determines_the_time_of_a_plan() -> None:
    """Providers are called in parallel, each with its own time per row. The time of the plan is the longest of them;
    rows that would be skipped, and rows without a provider, take no time.
    """
    providers = ["paypay", "paypay", "paypay", "atom", "atom", None]
    rows = [
        RowForecast(BulkRow(position, "payment", position, 1), ForecastKind.WOULD_RUN, provider=provider)
        for position, provider in enumerate(providers, start=1)
    ]
    skipped = RowForecast(BulkRow(7, "payment", 7, 1), ForecastKind.SKIP, provider="atom")
    run = BulkRun(7, BulkAction.PROBE, "running", "op-a", datetime(2026, 11, 20, tzinfo=UTC), 7, 7, 0)
    plan = make_bulk_plan(run, (*rows, skipped), {"paypay": 0.2, "atom": 1.0})
    assert plan.shortest_duration_seconds == 2.0
    assert plan.limit_to_first_rows(3).shortest_duration_seconds == pytest.approx(0.6)
