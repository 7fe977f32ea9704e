"""Tests of the language of the texts that Qt itself shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QFileSystemModel, QLabel
from pytestqt.qtbot import QtBot

from console.views.app.qt_translation import set_language_of_qt


@pytest.fixture
def japanese_texts(qtbot: QtBot) -> Iterator[None]:
    set_language_of_qt("ja")
    yield
    set_language_of_qt("en")


@pytest.mark.usefixtures("japanese_texts")
def test_the_file_dialog_of_qt_is_japanese(qtbot: QtBot, tmp_path: Path) -> None:
    """Each label of Qt's own dialog for files, and the word for a folder in its list, is Japanese."""
    (tmp_path / "folder").mkdir()
    dialog = QFileDialog()
    qtbot.addWidget(dialog)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setNameFilters(["XLSX (*.xlsx)"])
    dialog.setDirectory(str(tmp_path))
    texts = [label.text() for label in dialog.findChildren(QLabel) if label.text()]
    assert len(texts) >= 3
    assert [text for text in texts if text.isascii()] == []
    model = dialog.findChild(QFileSystemModel)
    assert model is not None
    qtbot.waitUntil(lambda: model.rowCount(model.index(str(tmp_path))) == 1)
    assert model.type(model.index(str(tmp_path / "folder"))) == "フォルダー"
