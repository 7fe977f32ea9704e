"""Tests of the dialog for a note: it names the record on which the note is written."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.records.note_dialog import HandOverDialog, NoteDialog
from console.views.widgets.base import TextLabel
from tests.views.invented_checks import make_window_context


def find_record_numbers(_subjects: Collection[str]) -> Mapping[str, str]:
    return {"payment 5": "A-10442"}


@pytest.mark.parametrize("dialog_class", [NoteDialog, HandOverDialog])
def test_the_dialog_names_the_record(qtbot: QtBot, dialog_class: type[NoteDialog]) -> None:
    """The subtitle has the number by which people know the record: over a list, the row of the record is hidden, or
    may not be the current one any more."""
    context = make_window_context()
    services = SimpleNamespace(
        lookup=SimpleNamespace(find_record_numbers=find_record_numbers),
        acting_as=lambda _: nullcontext(),
        training=None,
    )
    context.store_services(services)  # type: ignore[arg-type]  # numbers of records are all that the dialog reads
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = dialog_class(context, "payment", 5, parent)
    subtitle = f"Payment A-10442 · {context.translate(f'dialog.{dialog.name}.subtitle')}"
    assert subtitle in [label.plain for label in dialog.findChildren(TextLabel)]
