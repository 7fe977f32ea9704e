"""The labels below the bars: as many as fit side by side."""

import pytest

from console.views.reports.chart import compute_label_interval


@pytest.mark.parametrize(
    ("widths", "place", "interval"),
    [
        ((58, 47, 54, 36, 46), 58, 1),  # one is as wide as its place, but its neighbour leaves room
        ((58, 57, 54, 36, 46), 58, 2),
        ((40, 30, 30, 30, 77), 58, 2),  # the last one would reach beyond the chart, so it stands further left
        ((77, 30, 30, 30, 40), 58, 2),  # and the first one further right
        ((100, 10, 100, 10, 100), 40, 3),
        ((40,) * 14, 20, 3),
        ((500,), 40, 1),
        ((), 0, 1),
    ],
)
def test_as_many_labels_as_fit(widths: tuple[int, ...], place: int, interval: int) -> None:
    """No label is left out because another one is wide, as long as no two of them meet."""
    assert compute_label_interval(widths, place) == interval
