"""The bundled fonts: loads each file when a role first needs it, and makes a QFont for a role."""

from functools import cache
from typing import Literal

from PySide6.QtGui import QFont, QFontDatabase

from console.paths import resources_dir
from console.views.look.tokens import Role, tokens

_FILES = {
    ("text", 400): "BIZUDPGothic-Regular.ttf",
    ("text", 700): "BIZUDPGothic-Bold.ttf",
    ("figures", 400): "BIZUDGothic-Regular.ttf",
    ("figures", 700): "BIZUDGothic-Bold.ttf",
}
# Neither bundled font has the rupee sign, and a desk without any Japanese font must still show Latin words.
_FALLBACKS = ["Noto Sans JP", "Yu Gothic UI", "Noto Sans", "DejaVu Sans"]


@cache
def _load(job: Literal["text", "figures"], weight: int) -> None:
    """Make one file known to Qt. A missing file is no reason to stay away: the system's fonts step in."""
    QFontDatabase.addApplicationFont(str(resources_dir() / "fonts" / _FILES[job, weight]))


def font(role: Role, scale: float = 1.0, *, bold: bool = False, figures: bool | None = None) -> QFont:
    """A font for a role at a text size of 1.0 to 2.0; `figures` overrides its family, `bold` its weight."""
    kind = tokens().type[role]
    job: Literal["text", "figures"] = kind.font if figures is None else ("figures" if figures else "text")
    weight = 700 if bold else kind.weight
    _load(job, weight)
    made = QFont([tokens().family(job), *_FALLBACKS])
    made.setPixelSize(max(1, round(kind.px * scale)))
    made.setWeight(QFont.Weight.Bold if weight == 700 else QFont.Weight.Normal)
    return made


def line_height(role: Role, scale: float = 1.0) -> int:
    """The height of one line of a role, in px."""
    return round(tokens().type[role].line * scale)
