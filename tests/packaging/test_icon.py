"""Tests of the program's icon: its PNG files are drawn from the SVG file, its colours are those of the window, and
the windows show it.
"""

import json
import re
from pathlib import Path

from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from console.views.app.window_icon import make_window_icon
from scripts.bundle import icons

RESOURCES_FOLDER = Path(__file__).resolve().parents[2] / "resources"


def test_each_icon_file_equals_its_drawing(tmp_path: Path, qtbot: QtBot) -> None:
    """Each picture file of the icon equals the SVG file drawn in the same size, except for small differences between
    rasterizers.
    """
    assert {int(file.stem) for file in icons.PNG_ICONS_FOLDER.iterdir()} == set(icons.ICON_SIZES_PX)
    for size in icons.ICON_SIZES_PX:
        icons.draw_icon(size, "PNG", tmp_path / "drawn.png")
        drawn, stored = QImage(str(tmp_path / "drawn.png")), QImage(str(icons.PNG_ICONS_FOLDER / f"{size}.png"))
        assert (stored.width(), stored.height()) == (size, size)
        points = [(x * size // 8, y * size // 8) for x in range(8) for y in range(8)]
        pairs = [(drawn.pixelColor(*point), stored.pixelColor(*point)) for point in points]
        assert max(abs(a.rgba64().toArgb32() % 256 - b.rgba64().toArgb32() % 256) for a, b in pairs) < 16
    assert len({drawn.pixel(*point) for point in points}) > 3


def test_the_colours_of_the_icon_are_design_tokens() -> None:
    """The SVG file of the icon contains three colours, and each is a colour of the window's light theme."""
    light = json.loads((RESOURCES_FOLDER / "style" / "tokens.json").read_text("utf-8"))["colours"]["light"]
    used = set(re.findall(r"#[0-9A-F]{6}", icons.SVG_ICON_FILE.read_text("utf-8")))
    assert used <= {value for value in light.values() if isinstance(value, str)}
    assert len(used) == 3


def test_windows_have_the_icon(qtbot: QtBot) -> None:
    assert {size.width() for size in make_window_icon().availableSizes()} == set(icons.ICON_SIZES_PX)
