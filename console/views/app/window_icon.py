"""The icon of all windows of the program."""

from PySide6.QtGui import QIcon

from console.resource_paths import resources_dir


def make_window_icon() -> QIcon:
    """Return the icon with all sizes in `resources/desktop/icons`. Qt reads the file of a size when it needs that
    size."""
    icon = QIcon()
    for file in sorted((resources_dir() / "desktop" / "icons").glob("*.png")):
        icon.addFile(str(file))
    return icon
