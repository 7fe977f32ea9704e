"""Values that a chart shows: strips of bars with fills, bands and a mark, and the legend of the fills."""

from dataclasses import dataclass
from typing import Literal

from console.views.theme.design_tokens import Tone

Fill = Literal["solid", "hatch", "back_hatch", "cross", "dots", "empty"]
"""Pattern that fills the area of a part. Parts of one chart differ in their fill, because colour is never the only
sign.
"""


@dataclass(frozen=True, slots=True)
class PartStyle:
    """The fill pattern and the colour tone of the parts of one kind in a chart."""

    fill: Fill
    tone: Tone


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar: its height as a value of the strip's scale, and its look."""

    value: float
    look: PartStyle


@dataclass(frozen=True, slots=True)
class Bar:
    """One place of a strip: the word below it, the figure above it, and its parts. The parts stand on each other, or
    side by side in a strip with `is_grouped`.
    """

    label: str
    figure: str
    parts: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True)
class MarkedRange:
    """A marked range of the horizontal axis, such as an outage, from `start` to `end`, counted in places (one place
    per bar).
    """

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of bars with a title. `top` is the value at full height; `detail` stands after the title; a dashed line
    crosses the bars at the value `mark`.
    """

    title: str
    detail: str
    bars: tuple[Bar, ...]
    top: float
    bands: tuple[MarkedRange, ...] = ()
    mark: float | None = None
    is_grouped: bool = False


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One entry of a chart's legend: a fill and colour tone (`look`), and the word for the parts that have it."""

    word: str
    look: PartStyle


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole chart. `description` is the text of its figures, for screen readers. `min_place_px` is the least width
    of one place, in px at text size 1.
    """

    strips: tuple[Strip, ...]
    legend: tuple[LegendEntry, ...]
    description: str
    min_place_px: int = 44


BAND_LOOK = PartStyle("cross", "care")
