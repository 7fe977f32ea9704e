"""Tests of the outcome of a row of a bulk run."""

import pytest

from console.domain.bulk.records import STILL_UNKNOWN_OUTCOME, RowResult, get_row_outcome


@pytest.mark.parametrize(
    ("result", "reason", "outcome"),
    [
        (RowResult.DONE, STILL_UNKNOWN_OUTCOME, STILL_UNKNOWN_OUTCOME),
        (RowResult.DONE, None, "done"),
        (RowResult.DONE, "other", "done"),
        (RowResult.REFUSED, "reason.role", "refused"),
        (None, None, None),
    ],
)
def test_a_probe_without_a_result_is_counted_separately(
    result: str | None, reason: str | None, outcome: str | None
) -> None:
    """If the probe of a row in a bulk run settles nothing, the row is counted and exported as processed without a
    result, not as done.
    """
    assert get_row_outcome(result, reason) == outcome
