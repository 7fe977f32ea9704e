"""The icon of the program's windows."""

from PySide6.QtGui import QIcon

from console.resource_paths import resources_dir


def window_icon() -> QIcon:
    """Return the icon in every size of `resources/desktop/icons`. Qt reads a file when it needs that size."""
    icon = QIcon()
    for file in sorted((resources_dir() / "desktop" / "icons").glob("*.png")):
        icon.addFile(str(file))
    return icon
