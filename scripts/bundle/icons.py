"""Draws the icon's image files from `resources/desktop/support-console.svg`: `python -m scripts.bundle.icons`.

The PNG files are kept in the repository, because the window reads them; `tests/packaging/test_icon.py` compares them
with the SVG. The formats that Windows and macOS need are made by a build.
"""

import os
from pathlib import Path

SVG_ICON_FILE = Path(__file__).resolve().parents[2] / "resources" / "desktop" / "support-console.svg"
PNG_ICONS_FOLDER = SVG_ICON_FILE.parent / "icons"
ICON_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)


def draw_icon(size: int, format_name: str, target: Path) -> None:
    """Draw the icon with `size` pixels a side into `target`; `format_name` is "PNG", "ICO" or "ICNS"."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QByteArray, Qt
    from PySide6.QtGui import QGuiApplication, QImage, QImageWriter, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication.instance() or QGuiApplication([])
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(SVG_ICON_FILE)).render(painter)
    painter.end()
    if not QImageWriter(str(target), QByteArray(format_name.encode())).write(image):
        raise SystemExit(f"Qt could not write {target}.")
    del application


def main() -> int:
    """Draw all PNG files again and overwrite the stored ones. Return 0."""
    for size in ICON_SIZES_PX:
        draw_icon(size, "PNG", PNG_ICONS_FOLDER / f"{size}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
