"""The widget that paints a chart from the values in a ChartContent, and the legend of the chart."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.reports.chart_content import (
    MARKED_RANGE_STYLE,
    Bar,
    BarPart,
    BarPartStyle,
    BarStrip,
    ChartContent,
    LegendEntry,
)
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    measure_font_runs,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, make_row
from console.views.widgets.layout.flow_layout import make_flow_widget

_CHART_PADDING_PX = 8.0
_STRIP_GAP_PX = 24.0
_TITLE_GAP_PX = 12.0  # between the title of a strip and its figures
_MIN_BAR_AREA_HEIGHT_PX = 72.0  # height of the bars of a strip, at text size 1
_MAX_BAR_AREA_HEIGHT_PX = 320.0  # if the strips have several lines
_MAX_BAR_AREA_HEIGHT_OF_ONE_LINE_PX = 520.0
_MAX_BAR_WIDTH_PX = 40.0
_LINE_SPACING_PX = 5.0
_DOT_SPACING_PX = 5.0
_MIN_MARKED_RANGE_WIDTH_PX = 4.0
_MARKED_RANGE_ICON_PX = 14
_LABEL_GAP_PX = 4.0  # least space between the labels of two bars


class Chart(QWidget):
    """Paints the strips of bars of a ChartContent. The widget's accessible description contains all figures as text.
    The widget can have the focus, so that a screen reader reads this description."""

    accessible_role = QAccessible.Role.Graphic

    def __init__(self, accessible_name: str, min_bar_height_px: float = _MIN_BAR_AREA_HEIGHT_PX) -> None:
        """`min_bar_height_px` is the lowest height of the area of the bars, in px at text scale 1.0."""
        super().__init__()
        self.content = ChartContent((), (), "")
        self._min_bar_height_px = min_bar_height_px
        self.setAccessibleName(accessible_name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_content(self, content: ChartContent) -> None:
        self.content = content
        self.setAccessibleDescription(content.description)
        self._fit_height()
        self.update()

    # -- sizes

    def sizeHint(self) -> QSize:
        return QSize(400, self._compute_minimum_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self._compute_minimum_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        """Set the minimum height that the strips of bars need at the present width. In a narrow window, fewer strips
        have room side by side, so the chart becomes taller."""
        if self.minimumHeight() != self._compute_minimum_height():
            self.setMinimumHeight(self._compute_minimum_height())

    def _compute_minimum_height(self) -> int:
        line_count = ceil(len(self.content.strips) / self._count_bar_strips_per_line())
        bar_height = self._min_bar_height_px * current_appearance().scale
        return ceil(
            line_count * (bar_height + self._measure_text_height())
            + max(0, line_count - 1) * _STRIP_GAP_PX
            + 2 * _CHART_PADDING_PX
        )

    def _count_bar_strips_per_line(self) -> int:
        """Return the number of strips of bars that have room side by side at the present width of the chart. A strip
        needs room for its bars and for the text above the bars.
        """
        strips = self.content.strips
        bar_count = max((len(strip.bars) for strip in strips), default=1)
        bars_width = max(1, bar_count) * self.content.min_bar_place_width_px * current_appearance().scale
        strip_width = max((bars_width, *map(_measure_strip_title_width, strips))) + _STRIP_GAP_PX
        available_width = self.width() - 2 * _CHART_PADDING_PX + _STRIP_GAP_PX
        return max(1, min(len(self.content.strips), int(available_width // strip_width)))

    def compute_strip_boxes(self) -> list[QRectF]:
        """Return the rectangle of each strip of bars, in px relative to the widget."""
        strips_per_line = self._count_bar_strips_per_line()
        line_count = max(1, ceil(len(self.content.strips) / strips_per_line))
        chart_box = QRectF(self.rect()).adjusted(
            _CHART_PADDING_PX, _CHART_PADDING_PX, -_CHART_PADDING_PX, -_CHART_PADDING_PX
        )
        strip_width = (chart_box.width() - (strips_per_line - 1) * _STRIP_GAP_PX) / strips_per_line
        available_height = (chart_box.height() - (line_count - 1) * _STRIP_GAP_PX) / line_count
        max_bar_height = _MAX_BAR_AREA_HEIGHT_OF_ONE_LINE_PX if line_count == 1 else _MAX_BAR_AREA_HEIGHT_PX
        strip_height = min(
            available_height, max_bar_height * current_appearance().scale + self._measure_text_height()
        )
        return [
            QRectF(
                chart_box.left() + number % strips_per_line * (strip_width + _STRIP_GAP_PX),
                chart_box.top() + number // strips_per_line * (strip_height + _STRIP_GAP_PX),
                strip_width,
                strip_height,
            )
            for number in range(len(self.content.strips))
        ]

    def _measure_text_height(self) -> float:
        """Return the height in px of the title, icons, figures and labels of a strip: everything except the bars."""
        appearance = current_appearance()
        return (
            appearance.line_height("body")
            + self._measure_range_icon_height()
            + 2 * appearance.line_height("small")
            + 12
        )

    def _measure_range_icon_height(self) -> float:
        """Return the height in px of the line with the icons of the marked ranges; 0 if no strip has a marked
        range."""
        has_bands = any(strip.marked_ranges for strip in self.content.strips)
        return current_appearance().icon_px(_MARKED_RANGE_ICON_PX) + 2.0 if has_bands else 0.0

    # -- painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        for strip, box in zip(self.content.strips, self.compute_strip_boxes(), strict=True):
            _draw_strip(painter, strip, box, self._measure_range_icon_height())
        if self.hasFocus():
            draw_frame(painter, QRectF(self.rect()), 4, current_appearance().colour("focus"), None, 2)


def _draw_strip(painter: QPainter, strip: BarStrip, box: QRectF, icon_line_height_px: float) -> None:
    """Draw a strip of bars into `box`. `icon_line_height_px` is the height in px of the line with the icons of the
    marked ranges."""
    appearance = current_appearance()
    label_height = appearance.line_height("small")
    bar_place_width = box.width() / max(1, len(strip.bars))
    figures = [_list_figure_lines(strip, bar, bar_place_width) for bar in strip.bars]
    line_count = max(map(len, figures), default=1)
    if any(_measure_longest_line(lines) > bar_place_width for lines in figures):
        line_count += 1  # a figure stands above that of the bar beside it
    height_above_bars = appearance.line_height("body") + icon_line_height_px + line_count * label_height + 8
    _draw_strip_title(painter, strip, box)
    bar_area = QRectF(
        box.left(), box.top() + height_above_bars, box.width(), box.height() - height_above_bars - label_height - 4
    )
    _draw_marked_ranges(painter, strip, bar_area, bar_place_width)
    for number, bar in enumerate(strip.bars):
        bar_place = QRectF(
            bar_area.left() + number * bar_place_width, bar_area.top(), bar_place_width, bar_area.height()
        )
        _draw_bar(painter, strip, bar, bar_place)
    _draw_figures(painter, strip, bar_area, line_count)
    painter.setPen(QPen(appearance.colour("border"), 1))
    painter.drawLine(bar_area.bottomLeft(), bar_area.bottomRight())
    _draw_bar_labels(painter, strip.bars, bar_area, bar_place_width)
    _draw_dashed_line(painter, strip, bar_area)


def _measure_strip_title_width(strip: BarStrip) -> float:
    """Return the width in px of the line above the bars of a strip."""
    title_width = measure_font_runs(split_font_runs(strip.title), is_bold=True)
    detail_width = measure_font_runs(split_font_runs(strip.detail), "small") + _TITLE_GAP_PX if strip.detail else 0.0
    return title_width + detail_width + 1


def _draw_strip_title(painter: QPainter, strip: BarStrip, box: QRectF) -> None:
    appearance = current_appearance()
    baseline = compute_centred_baseline(box.top(), appearance.line_height("body"))
    title_runs = elide_font_runs(split_font_runs(strip.title), box.width(), is_bold=True)
    painter.setPen(appearance.colour("text"))
    x = draw_font_runs(painter, box.left(), baseline, title_runs, is_bold=True) + _TITLE_GAP_PX
    if strip.detail and x < box.right():
        painter.setPen(appearance.colour("muted"))
        draw_font_runs(
            painter, x, baseline, elide_font_runs(split_font_runs(strip.detail), box.right() - x, "small"), "small"
        )


def _draw_bar(painter: QPainter, strip: BarStrip, bar: Bar, bar_place: QRectF) -> None:
    for part, area in compute_part_areas(strip, bar, bar_place):
        fill_area(painter, area, part.style)


def compute_part_areas(strip: BarStrip, bar: Bar, bar_place: QRectF) -> list[tuple[BarPart, QRectF]]:
    """Return the parts of a bar that have a value, each with its rectangle in px. `bar_place` is the room for the bar
    above its label. The parts are one above the other or, in a strip with `has_parts_side_by_side`, side by side in
    the middle of the room. Side by side, all parts in the strip have the same width, and a part without a value
    leaves no gap.
    """
    width, bottom = _compute_bar_width(bar_place.width()), bar_place.bottom()
    shown_parts = [part for part in bar.parts if part.value > 0]
    part_width = width / max(1, len(bar.parts)) if strip.has_parts_side_by_side else width
    x = bar_place.center().x() - (part_width * len(shown_parts) if strip.has_parts_side_by_side else width) / 2
    areas = []
    for part in shown_parts:
        share = min(1.0, part.value / strip.full_height_value) if strip.full_height_value else 0.0
        height = max(2.0, bar_place.height() * share)
        areas.append((part, QRectF(x, bottom - height, part_width, height)))
        if strip.has_parts_side_by_side:
            x += part_width
        else:
            bottom -= height
    return areas


def _compute_bar_width(bar_place_width_px: float) -> float:
    """Return the width in px of a bar, or of all its parts together if they are side by side. `bar_place_width_px` is
    the distance from one bar to the next.
    """
    return min(_MAX_BAR_WIDTH_PX * current_appearance().scale, bar_place_width_px * 0.64)


def _draw_figures(painter: QPainter, strip: BarStrip, area: QRectF, line_count: int) -> None:
    """Draw the figures above the bars. `area` is the rectangle of the bars; above it is room for `line_count`
    lines."""
    label_height = current_appearance().line_height("small")
    for lines, box in compute_figure_boxes(strip, area, line_count):
        for number, line in enumerate(lines):
            baseline = compute_centred_baseline(box.top() + number * label_height, label_height, "small")
            _draw_centred_text(painter, line, box, baseline, "text")


def compute_figure_boxes(strip: BarStrip, area: QRectF, line_count: int) -> list[tuple[tuple[str, ...], QRectF]]:
    """Return the lines and the rectangle, in px, of each figure of a strip. `area` is the rectangle of the bars;
    above it is room for `line_count` lines. A figure is directly above its bar. A figure that is wider than the place
    of its bar may extend over the adjacent places, but not over their bars; if it would touch another figure, it is
    one line higher. If a figure has several lines and no room for the longest, only its first line is shown. A figure
    without room is left out, because the table of the report also has it."""
    label_height = current_appearance().line_height("small")
    bar_place_width = area.width() / max(1, len(strip.bars))
    max_width = 2 * bar_place_width - _compute_bar_width(bar_place_width)
    placed_figures: list[tuple[tuple[str, ...], QRectF]] = []
    for number, bar in enumerate(strip.bars):
        lines = _list_figure_lines(strip, bar, bar_place_width)
        if _measure_longest_line(lines) > max_width:
            lines = lines[:1]
        width = _measure_longest_line(lines)
        if not any(lines) or width > max_width:
            continue
        bar_place = QRectF(area.left() + number * bar_place_width, area.top(), bar_place_width, area.height())
        tops = (part_area.top() for _, part_area in compute_part_areas(strip, bar, bar_place))
        left = max(area.left(), min(bar_place.center().x() - width / 2, area.right() - width))
        height = len(lines) * label_height
        box = QRectF(left, min(tops, default=area.bottom()) - 2 - height, width, height)
        for _ in range(2):
            is_free = not any(
                box.adjusted(-_LABEL_GAP_PX, 0, _LABEL_GAP_PX, 0).intersects(b) for _, b in placed_figures
            )
            if is_free and box.top() >= area.top() - line_count * label_height - 4:
                placed_figures.append((lines, box))
                break
            box.translate(0, -label_height)
    return placed_figures


def _measure_longest_line(lines: Sequence[str]) -> float:
    """Return the width in px of the longest line of a bar's figure."""
    return max(measure_font_runs(split_font_runs(line), "small") for line in lines)


def _list_figure_lines(strip: BarStrip, bar: Bar, bar_place_width_px: float) -> tuple[str, ...]:
    """Return the lines of the figure above a bar of a strip. This is one line, such as `9 · ¥468,500`, or the bar's
    `figure_lines` if at least one figure of the strip that has `figure_lines` is wider than `bar_place_width_px`, the
    width in px of a bar's place. So all figures of a strip look alike.
    """
    is_too_wide = any(
        other.figure_lines and _measure_longest_line((other.figure,)) > bar_place_width_px for other in strip.bars
    )
    return bar.figure_lines if bar.figure_lines and is_too_wide else (bar.figure,)


def _draw_bar_labels(painter: QPainter, bars: Sequence[Bar], area: QRectF, bar_place_width_px: float) -> None:
    """Draw the labels of the bars below `area`, the rectangle of the bars. `bar_place_width_px` is the width in px
    that each bar has in `area`. If there is not enough room for all labels, draw only every n-th label, counted from
    the last bar, with the smallest n for which the labels fit."""
    widths = [measure_font_runs(split_font_runs(bar.label), "small") for bar in bars]
    label_interval = compute_label_interval(widths, bar_place_width_px)
    label_height = current_appearance().line_height("small")
    baseline = compute_centred_baseline(area.bottom() + 4, label_height, "small")
    lefts = _compute_label_lefts(widths, bar_place_width_px)
    for number, (bar, width, left) in enumerate(zip(bars, widths, lefts, strict=True)):
        if (len(bars) - 1 - number) % label_interval == 0:
            _draw_centred_text(painter, bar.label, QRectF(area.left() + left, 0, width, 1), baseline, "muted")


def _compute_label_lefts(widths: Sequence[float], bar_place_width_px: float) -> list[float]:
    """Return the left edge of each label, in px from the left edge of the bars. `widths` are the widths of the labels
    in px; `bar_place_width_px` is the distance in px from one bar to the next. A label is centred below its bar, but
    doesn't extend beyond the place of the first or the last bar."""
    room = len(widths) * bar_place_width_px
    centred_lefts = ((number + 0.5) * bar_place_width_px - width / 2 for number, width in enumerate(widths))
    return [max(0.0, min(left, room - width)) for left, width in zip(centred_lefts, widths, strict=True)]


def compute_label_interval(widths: Sequence[float], bar_place_width_px: float) -> int:
    """Return the smallest n for which every n-th label, counted from the last bar, has enough room. `widths` are the
    widths of the labels in px; `bar_place_width_px` is the distance in px from one bar to the next."""
    edges = [
        (left, left + width)
        for left, width in zip(_compute_label_lefts(widths, bar_place_width_px), widths, strict=True)
    ]
    for interval in range(1, len(widths)):
        shown_edges = edges[::-1][::interval]
        if all(left - earlier_right >= _LABEL_GAP_PX for (left, _), (_, earlier_right) in pairwise(shown_edges)):
            return interval
    return max(1, len(widths))


def _draw_centred_text(painter: QPainter, text: str, box: QRectF, baseline: float, colour: str) -> None:
    """Draw a text in the middle of the rectangle `box`, on the baseline with the y coordinate `baseline` (px).
    `colour` is the name of its colour in the theme. If the text is wider than `box`, draw nothing, because the table
    of the report also has the text."""
    runs = split_font_runs(text)
    width = measure_font_runs(runs, "small")
    if text and width <= box.width():
        painter.setPen(current_appearance().colour(colour))
        draw_font_runs(painter, box.center().x() - width / 2, baseline, runs, "small")


def _draw_marked_ranges(painter: QPainter, strip: BarStrip, area: QRectF, bar_place_width_px: float) -> None:
    """Draw the marked ranges of a strip behind its bars. Each range has an icon above it and a thick line below the
    axis, so that the range stays visible behind the bars. `area` is the rectangle of the bars; `bar_place_width_px`
    is the width in px that each bar has in `area`."""
    appearance = current_appearance()
    icon_px, colour = appearance.icon_px(_MARKED_RANGE_ICON_PX), appearance.colour(MARKED_RANGE_STYLE.tone)
    top = area.top() - appearance.line_height("small") - 4 - icon_px
    for marked_range in strip.marked_ranges:
        left = area.left() + marked_range.start_position * bar_place_width_px
        width = max(
            _MIN_MARKED_RANGE_WIDTH_PX, (marked_range.end_position - marked_range.start_position) * bar_place_width_px
        )
        fill_area(painter, QRectF(left, area.top(), width, area.height()), MARKED_RANGE_STYLE)
        painter.fillRect(QRectF(left, area.bottom() + 1, width, 3), colour)
        x = min(max(area.left(), left + width / 2 - icon_px / 2), area.right() - icon_px)
        draw_cached_icon(painter, "warning", x, top, icon_px, colour)


def _draw_dashed_line(painter: QPainter, strip: BarStrip, area: QRectF) -> None:
    """Draw the dashed line of a strip across `area`, the rectangle of the bars, at the height of the strip's
    `dashed_line_value`. Draw nothing if this value is None."""
    if strip.dashed_line_value is not None and strip.full_height_value:
        y = area.bottom() - area.height() * min(1.0, strip.dashed_line_value / strip.full_height_value)
        painter.setPen(QPen(current_appearance().colour("text"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))


def fill_area(painter: QPainter, area: QRectF, style: BarPartStyle) -> None:
    """Fill an area with the pattern and the colour of `style`, and draw its border."""
    colour = current_appearance().colour(style.tone)
    if area.isEmpty():
        return
    painter.save()
    if style.fill == "solid":
        painter.fillRect(area, colour)
    else:
        painter.fillRect(area, current_appearance().colour("base"))
        painter.setClipRect(area)
        _draw_pattern(painter, area, style.fill, colour)
    painter.restore()
    painter.setPen(QPen(colour, 1))
    painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))


def _draw_pattern(painter: QPainter, area: QRectF, pattern: str, colour: QColor) -> None:
    """Draw the pattern over the area: dots, hatch, back_hatch or cross. No other name draws anything."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    scale = current_appearance().scale
    painter.setPen(QPen(colour, 1.25 * scale))
    if pattern == "dots":
        _draw_dots(painter, area, _DOT_SPACING_PX * scale)
    if pattern in ("hatch", "cross"):
        _draw_hatch_lines(painter, area, _LINE_SPACING_PX * scale, 1)
    if pattern in ("back_hatch", "cross"):
        _draw_hatch_lines(painter, area, _LINE_SPACING_PX * scale, -1)


def _draw_hatch_lines(painter: QPainter, area: QRectF, spacing_px: float, slope: int) -> None:
    """Draw diagonal lines over the area: from the upper right to the lower left with a slope of 1, from the upper
    left to the lower right with -1.
    """
    line_length = area.width() + area.height()
    for number in range(ceil(line_length / spacing_px) + 1):
        x = area.left() + number * spacing_px
        start, end = (x, x - area.height()) if slope > 0 else (x - area.height(), x)
        painter.drawLine(QPointF(start, area.top()), QPointF(end, area.bottom()))


def _draw_dots(painter: QPainter, area: QRectF, spacing_px: float) -> None:
    for line in range(ceil(area.height() / spacing_px)):
        for column in range(ceil(area.width() / spacing_px)):
            painter.drawPoint(
                QPointF(area.left() + (column + 0.5) * spacing_px, area.top() + (line + 0.5) * spacing_px)
            )


class LegendSwatch(QWidget):
    """A small square in the legend, filled with the pattern and colour of the bar parts that the legend entry
    explains."""

    is_decoration = True

    def __init__(self, style: BarPartStyle) -> None:
        super().__init__()
        self._style = style
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        side_px = current_appearance().icon_px(14)
        return QSize(side_px, side_px)

    def paintEvent(self, _event: QPaintEvent) -> None:
        fill_area(QPainter(self), QRectF(self.rect()), self._style)


def make_legend(entries: Sequence[LegendEntry]) -> QWidget:
    """Return the widget with the legend: a swatch and a word per entry, on several lines in a narrow window."""
    return make_flow_widget(*(_make_legend_entry(entry) for entry in entries), gap_px=16)


def _make_legend_entry(entry: LegendEntry) -> QWidget:
    widget = QWidget()
    widget.setLayout(make_row(LegendSwatch(entry.style), TextLabel(entry.word, "small", "muted"), gap_px=6))
    return widget
