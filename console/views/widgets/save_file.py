"""Ask the person for the path of a file to write."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_for_path(parent: QWidget, title: str, suffix: str, on_chosen: Callable[[str], Any], name: str = "") -> None:
    """Open the system's dialog for saving a file, and call `on_chosen` with the chosen path. `on_chosen` must be a
    slot of an object that exists as long as `parent`; `name` is the proposed file name.
    """
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # The dialog doesn't ask about overwriting, because the code that writes the file refuses an existing one.
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.setDefaultSuffix(suffix)
    dialog.setNameFilter(f"{suffix.upper()} (*.{suffix})")
    if name:
        dialog.selectFile(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(on_chosen)
    dialog.open()
