"""The bundled fonts: load a font file when a text role first needs it, and create the QFont of a role."""

from functools import cache
from typing import Literal

from PySide6.QtGui import QFont, QFontDatabase

from console.resource_paths import resources_dir
from console.views.theme.design_tokens import TypeRoleName, tokens

_FILE_BY_FONT = {
    ("text", 400): "BIZUDPGothic-Regular.ttf",
    ("text", 700): "BIZUDPGothic-Bold.ttf",
    ("figures", 400): "BIZUDGothic-Regular.ttf",
    ("figures", 700): "BIZUDGothic-Bold.ttf",
}
# The bundled fonts have no rupee sign, and a machine without a Japanese font must still show Latin text.
_FALLBACK_FAMILIES = ["Noto Sans JP", "Yu Gothic UI", "Noto Sans", "DejaVu Sans"]


@cache
def _register_font(purpose: Literal["text", "figures"], weight: int) -> None:
    """Register one font file with Qt. If it is missing, Qt uses the system's fonts."""
    QFontDatabase.addApplicationFont(str(resources_dir() / "fonts" / _FILE_BY_FONT[purpose, weight]))


def font(role: TypeRoleName, scale: float = 1.0, *, bold: bool = False, figures: bool | None = None) -> QFont:
    """Return the font of a text role at a text scale from 1.0 to 2.0. `figures` selects the figures font or the text
    font in place of the role's family; `bold` selects the bold weight.
    """
    type_role = tokens().type[role]
    purpose: Literal["text", "figures"] = type_role.font if figures is None else ("figures" if figures else "text")
    weight = 700 if bold else type_role.weight
    _register_font(purpose, weight)
    qt_font = QFont([tokens().family(purpose), *_FALLBACK_FAMILIES])
    qt_font.setPixelSize(max(1, round(type_role.px * scale)))
    qt_font.setWeight(QFont.Weight.Bold if weight == 700 else QFont.Weight.Normal)
    return qt_font


def line_height(role: TypeRoleName, scale: float = 1.0) -> int:
    """Return the line height of a text role at a text scale, in px."""
    return round(tokens().type[role].line * scale)
