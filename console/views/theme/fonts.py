"""The bundled fonts: this module registers a font file when a text role first needs it, and creates the QFont of a
text role."""

import sys
from functools import cache
from math import ceil
from typing import get_args

from PySide6.QtGui import QFont, QFontDatabase, QFontMetricsF

from console.resource_paths import resources_dir
from console.views.theme.design_tokens import FontPurpose, TextRoleName, tokens

# A machine on which a bundled file is missing must still show text.
_FALLBACK_FAMILIES = ["Noto Sans JP", "Yu Gothic UI", "DejaVu Sans"]
_MACOS_SYMBOLS_FAMILY = "Lucida Grande"
"""A font of macOS with the symbols of its keys. In the bundled BIZ UDPGothic, ⇧ is half as wide and unreadable in
small text."""


@cache
def _register_font(family: str, weight: int) -> None:
    """Register with Qt the bundled font file of a family and a weight (400 or 700), once. If the file is missing, Qt
    uses a font of the system."""
    name = f"{family.replace(' ', '')}-{'Bold' if weight == 700 else 'Regular'}.ttf"
    QFontDatabase.addApplicationFont(str(resources_dir() / "fonts" / name))


def list_font_families(purpose: FontPurpose) -> list[str]:
    """Return the names of the font families for texts or for figures. Qt takes each letter from the first family
    that has it."""
    families = tokens().get_font_families(purpose)
    if purpose == "text" and sys.platform == "darwin":
        families.insert(1, _MACOS_SYMBOLS_FAMILY)
    return [*families, *_FALLBACK_FAMILIES]


def font(
    role: TextRoleName, text_scale: float = 1.0, *, is_bold: bool = False, uses_figures_font: bool | None = None
) -> QFont:
    """Return the font of a text role at a text scale from 1.0 to 2.0. `uses_figures_font` selects the font: True the
    figures font, False the text font, None the font that the text role has. `is_bold` True selects the bold weight.
    """
    type_role = tokens().type[role]
    purpose: FontPurpose = (
        type_role.font if uses_figures_font is None else ("figures" if uses_figures_font else "text")
    )
    weight = 700 if is_bold else type_role.weight
    for any_purpose in get_args(FontPurpose):  # markup uses both fonts, in the weight of the font of its label
        for family in tokens().get_font_families(any_purpose):
            _register_font(family, weight)
    qt_font = QFont(list_font_families(purpose))
    qt_font.setPixelSize(max(1, round(type_role.font_size_px * text_scale)))
    qt_font.setWeight(QFont.Weight.Bold if weight == 700 else QFont.Weight.Normal)
    return qt_font


@cache
def line_height(role: TextRoleName, text_scale: float = 1.0) -> int:
    """Return the line height of a text role at a text scale, in px: the line height in the design tokens, or the
    height of the role's font if that is larger."""
    return max(
        round(tokens().type[role].line_height_px * text_scale), ceil(QFontMetricsF(font(role, text_scale)).height())
    )
