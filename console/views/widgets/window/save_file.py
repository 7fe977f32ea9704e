"""The system's dialog in which the person chooses the path of a file to write, and the folder in which such a dialog
opens."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_for_save_path(
    parent: QWidget, title: str, suffixes: str | Sequence[str], on_chosen: Callable[[str], Any], name: str = ""
) -> None:
    """Open the system's dialog for saving a file. When the person has chosen a path, call `on_chosen` with this path;
    if the person cancels, don't call it. `on_chosen` must not need an object that is destroyed before `parent`. It
    must refuse the path of an existing file, because the dialog doesn't ask the person whether to overwrite a file.
    `name` is the proposed file name, "" for none. The dialog offers `suffixes`, such as "csv", and proposes the first
    suffix; a path without a suffix gets the selected suffix.
    """
    offered_suffixes = [suffixes] if isinstance(suffixes, str) else list(suffixes)
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # The dialog doesn't ask about overwriting, because the code that writes the file refuses an existing one.
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.setDefaultSuffix(offered_suffixes[0])
    suffix_of_filter = {f"{suffix.upper()} (*.{suffix})": suffix for suffix in offered_suffixes}
    dialog.setNameFilters(list(suffix_of_filter))
    dialog.filterSelected.connect(
        lambda chosen: dialog.setDefaultSuffix(suffix_of_filter.get(chosen, offered_suffixes[0]))
    )
    open_in_last_folder(dialog)
    if name:
        dialog.selectFile(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(on_chosen)
    dialog.open()


def open_in_last_folder(dialog: QFileDialog) -> None:
    """Let the dialog open in the folder of the file that the person has chosen last in this window; files to write
    and files to read have a folder of their own. Before the first choice this is the person's folder of documents, or
    if it doesn't exist, the current folder of the process. The main window stores the folder until it is closed."""
    window = _find_main_window(dialog)
    name = f"last_folder_{dialog.acceptMode().name}"
    folder = window.property(name) or QStandardPaths.writableLocation(
        QStandardPaths.StandardLocation.DocumentsLocation
    )
    if folder and Path(folder).is_dir():
        dialog.setDirectory(folder)
    dialog.fileSelected.connect(lambda path: window.setProperty(name, str(Path(path).parent)))


def _find_main_window(widget: QWidget) -> QWidget:
    """Return the window at the beginning of the chain of windows of which each is the parent of the next."""
    window = widget.window()
    while (parent := window.parentWidget()) is not None:
        window = parent.window()
    return window
