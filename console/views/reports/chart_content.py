"""The values that a chart paints: strips of bars, marked ranges, and a legend."""

from dataclasses import dataclass
from typing import Literal

from console.views.theme.design_tokens import Tone

FillPattern = Literal["solid", "hatch", "back_hatch", "cross", "dots", "empty"]
"""Pattern that fills the area of a part of a bar. Parts of one chart differ in their fill, because colour is never
the only sign.
"""


@dataclass(frozen=True, slots=True)
class BarPartStyle:
    """The fill pattern and the colour tone of a part of a bar. Parts with the same meaning have the same style."""

    fill: FillPattern
    tone: Tone


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar. `value` is its height in the unit of the strip's axis; `style` is its fill pattern and
    colour tone."""

    value: float
    style: BarPartStyle


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a strip: the text below the bar (`label`), the text above the bar (`figure`), and the parts of the
    bar. The parts are painted one above the other; in a strip with `has_parts_side_by_side`, side by side.
    `figure_lines` are the lines that replace the figure where it is too wide; () if the figure has only one line in
    any case.
    """

    label: str
    figure: str
    parts: tuple[BarPart, ...]
    figure_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkedRange:
    """A marked range of a strip's horizontal axis, such as an outage. `start_position` and `end_position` are
    positions on the axis, measured in bars: 1.5 is the middle of the second bar."""

    start_position: float
    end_position: float


@dataclass(frozen=True, slots=True)
class BarStrip:
    """A row of bars with a title. `detail` is a text after the title. `full_height_value` is the value that a bar of
    full height has. `marked_ranges` are the ranges to mark behind the bars. `dashed_line_value` is the value at which
    a dashed line crosses the bars; None for no line. If `has_parts_side_by_side` is True, the parts of a bar are
    painted side by side, otherwise one above the other."""

    title: str
    detail: str
    bars: tuple[Bar, ...]
    full_height_value: float
    marked_ranges: tuple[MarkedRange, ...] = ()
    dashed_line_value: float | None = None
    has_parts_side_by_side: bool = False


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One entry of a chart's legend: a style (`style`), and the word for the parts of bars that have this style."""

    word: str
    style: BarPartStyle


@dataclass(frozen=True, slots=True)
class ChartContent:
    """The contents of a whole chart. `description` is a text with all figures, for screen readers.
    `min_bar_place_width_px` is the minimum width for one bar, in px at text scale 1.0."""

    strips: tuple[BarStrip, ...]
    legend: tuple[LegendEntry, ...]
    description: str
    min_bar_place_width_px: int = 44


MARKED_RANGE_STYLE = BarPartStyle("cross", "care")
