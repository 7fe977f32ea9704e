"""Tests of the labels below the bars of a chart, and of strips of bars, which are placed next to each other if they
fit.
"""

import pytest
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from console.views.reports.chart import Chart, compute_figure_boxes, compute_label_interval, compute_part_areas
from console.views.reports.chart_content import Bar, BarPart, BarPartStyle, BarStrip, ChartContent
from console.views.theme.theme import Appearance


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
    chart = Chart("Time to outcome")
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


def test_the_bars_of_one_line_may_be_higher(qtbot: QtBot, appearance: object) -> None:
    """In a high window, the strips of one line are higher than those of several lines."""
    chart = Chart("Success")
    qtbot.addWidget(chart)
    strip = BarStrip("Atom", "", (Bar("11-29", "7", ()),), 1.0)
    heights = []
    for strip_count in (1, 2):
        chart.show_content(ChartContent((strip,) * strip_count, (), "", min_bar_place_width_px=500))
        chart.resize(700, 1400)
        heights.append(chart.compute_strip_boxes()[0].height())
    assert heights[0] - heights[1] == 200


PAID_PART_STYLE, REFUNDED_PART_STYLE = BarPartStyle("solid", "good"), BarPartStyle("hatch", "care")


def make_daily_strip(amounts: tuple[tuple[float, float], ...]) -> BarStrip:
    """Return a strip with a bar for each day, whose parts are the amounts paid in and refunded on that day."""
    bars = tuple(
        Bar(
            "11-29",
            "¥1,234,567" if paid or refunded else "",
            (BarPart(paid, PAID_PART_STYLE), BarPart(refunded, REFUNDED_PART_STYLE)),
        )
        for paid, refunded in amounts
    )
    return BarStrip("PayPay", "", bars, 100.0, has_parts_side_by_side=True)


@pytest.mark.parametrize("amounts", [(100.0, 0.0), (0.0, 50.0), (100.0, 50.0)])
def test_the_bars_of_a_day_are_centred_above_its_label(appearance: object, amounts: tuple[float, float]) -> None:
    """A day without a refund has its bar in the middle too, and not beside the room for the missing bar."""
    strip, place = make_daily_strip((amounts,)), QRectF(300, 0, 90, 200)
    areas = [area for _, area in compute_part_areas(strip, strip.bars[0], place)]
    assert (areas[0].left() + areas[-1].right()) / 2 == pytest.approx(place.center().x())
    assert len({area.width() for area in areas}) == 1


@pytest.mark.parametrize("paid", [(100.0, 100.0, 100.0), (100.0, 0.0, 90.0), (5.0, 100.0, 5.0), (99.0, 100.0, 4.0)])
def test_a_figure_wider_than_its_place_is_drawn_without_touching_another(
    appearance: Appearance, paid: tuple[float, ...]
) -> None:
    """At a large text size a figure is wider than the place of its day. It extends over the places beside it, one
    line higher if it would touch another figure, and covers no bar.
    """
    appearance.set_text_scale(2.0)
    strip, area = make_daily_strip(tuple((value, 0.0) for value in paid)), QRectF(0, 200, 330, 300)
    boxes = [box for _, box in compute_figure_boxes(strip, area, 2)]
    assert len(boxes) == sum(value > 0 for value in paid)
    assert boxes[0].width() > area.width() / 3
    bars = [
        part_area
        for number, bar in enumerate(strip.bars)
        for _, part_area in compute_part_areas(strip, bar, QRectF(number * 110, 200, 110, 300))
    ]
    for number, box in enumerate(boxes):
        assert not any(box.intersects(other) for other in (*boxes[:number], *boxes[number + 1 :], *bars))
        assert area.left() <= box.left() < box.right() <= area.right()


def test_a_figure_without_room_for_its_longest_line_shows_only_its_first_line(appearance: object) -> None:
    """A figure whose second line is wider than the room above its bar is shown without this line."""
    lines = ("98 %", "of 1,234,567 payments of this provider on this day")
    bars = tuple(Bar("11-30", " ".join(lines), (BarPart(0.98, PAID_PART_STYLE),), figure_lines=lines) for _ in "12")
    strip = BarStrip("Atom", "", bars, 1.0)
    assert [shown for shown, _ in compute_figure_boxes(strip, QRectF(0, 200, 140, 300), 2)] == [("98 %",)] * 2


def test_all_figures_of_a_strip_have_the_same_lines(appearance: object) -> None:
    """If the figure of one bar needs two lines, the figures of all bars of the strip have two lines."""
    figures = (("16", "¥1,330,900"), ("4", "¥1"))
    bars = tuple(
        Bar("Sent", " · ".join(lines), (BarPart(1.0, PAID_PART_STYLE),), figure_lines=lines) for lines in figures
    )
    strip = BarStrip("JPY", "", bars, 1.0)
    for place_width, shown in ((400, ("16 · ¥1,330,900",)), (70, ("16", "¥1,330,900"))):
        boxes = compute_figure_boxes(strip, QRectF(0, 200, 2 * place_width, 300), 2)
        assert boxes[0][0] == shown
        assert len(boxes[1][0]) == len(shown)
