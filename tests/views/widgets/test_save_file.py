"""Tests of the folder in which the dialogs for files open."""

from pathlib import Path

import pytest
from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QDialog, QFileDialog, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.window.save_file import ask_for_save_path, open_in_last_folder


def ask_and_read_folder(parent: QWidget, chosen: Path | None = None) -> Path:
    """Open the dialog for saving a file, choose the path `chosen` if there is one, close the dialog, and return the
    folder in which it opened."""
    written: list[str] = []
    ask_for_save_path(parent, "Save", "csv", written.append, "queue.csv")
    dialog = parent.findChildren(QFileDialog)[-1]
    folder = Path(dialog.directory().absolutePath())
    if chosen is not None:
        dialog.fileSelected.emit(str(chosen))
    dialog.close()
    assert written == ([] if chosen is None else [str(chosen)])
    return folder


def test_a_file_is_saved_beside_the_one_before(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first dialog opens in the folder of documents. Later ones open in the folder of the last file of this
    window, also if a dialog of the window asks; files to read have a folder of their own."""
    documents, exports, proofs = (tmp_path / name for name in ("documents", "exports", "proofs"))
    for folder in (documents, exports, proofs):
        folder.mkdir()
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _location: str(documents))
    window = QMainWindow()
    qtbot.addWidget(window)
    page = QWidget(window)
    assert ask_and_read_folder(page, exports / "queue.csv") == documents
    assert ask_and_read_folder(page) == exports
    assert ask_and_read_folder(QDialog(page)) == exports
    reader = QFileDialog(page)
    reader.setFileMode(QFileDialog.FileMode.ExistingFile)
    open_in_last_folder(reader)
    assert Path(reader.directory().absolutePath()) == documents
    reader.fileSelected.emit(str(proofs / "screen.png"))
    assert ask_and_read_folder(page) == exports
    exports_elsewhere = exports.rename(tmp_path / "elsewhere")
    assert ask_and_read_folder(page, exports_elsewhere / "queue.csv") != exports
    assert ask_and_read_folder(page) == exports_elsewhere
