"""Tests of the labels below the bars of a chart, and of strips of bars, which are placed next to each other if they
fit.
"""

import pytest
from pytestqt.qtbot import QtBot

from console.views.reports.chart import Chart, compute_label_interval
from console.views.reports.chart_content import Bar, BarStrip, ChartContent


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
def test_no_label_that_fits_is_left_out(widths: tuple[int, ...], place: int, interval: int) -> None:
    """A label is left out only if it would touch another label, and not because a distant label is wide."""
    assert compute_label_interval(widths, place) == interval


def test_strips_stand_side_by_side_only_if_their_texts_fit(qtbot: QtBot, appearance: object) -> None:
    """Two strips of bars are next to each other if the figures above their bars fit. Otherwise each strip has a line
    of its own, so that its figures are shown completely.
    """
    chart = Chart("Time to truth")
    qtbot.addWidget(chart)
    bars = (Bar("Median", "7 h", ()), Bar("Oldest", "2 d", ()))
    for detail, places in (
        ("21 unknown", 2),
        ("0 known, 21 unknown, the oldest since 2 d, auto-checked", 1),
    ):
        strips = tuple(BarStrip(title, detail, bars, 1.0) for title in ("Credit checks", "Payments"))
        chart.show_content(ChartContent(strips, (), ""))
        chart.resize(700, chart.minimumHeight())
        tops = {box.top() for box in chart.compute_strip_boxes()}
        assert len(tops) == 3 - places, detail
