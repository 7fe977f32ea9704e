"""Tests that the sheet of the gallery can be painted in every theme, with normal and larger text."""

from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage

from console.views.theme.design_tokens import ThemeName, tokens
from tests.views.gallery import render_sheet


@pytest.mark.parametrize(("theme", "scale"), [("light", 1.0), ("dark", 1.5), ("high_contrast", 1.0)])
def test_the_gallery_has_every_tone(tmp_path: Path, theme: ThemeName, scale: float) -> None:
    """The picture of the gallery has the theme's background colour, and contains the colour of each tone."""
    image = QImage(str(render_sheet(theme, tmp_path, scale))).convertToFormat(QImage.Format.Format_RGB32)
    values = tokens().get_colours(theme)
    pixels = bytes(image.constBits())
    assert image.pixelColor(1, 1).name().upper() == values["base"]
    for name in ("good", "care", "bad", "unknown", "progress", "border", "line"):
        assert QColor(values[name]).rgb().to_bytes(4, "little") in pixels, name
