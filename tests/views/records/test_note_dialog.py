"""Tests of the dialog for a note: it names the record on which the note is written."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import OPERATOR
from console.domain.records import Person
from console.views.records.note_dialog import HandOverDialog, NoteDialog
from console.views.runtime.context import WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import MultiLineEdit
from tests.views.invented_checks import make_window_context


def find_record_numbers(_subjects: Collection[str]) -> Mapping[str, str]:
    return {"payment 5": "A-10442"}


def make_context_with_numbers() -> WindowContext:
    """Return a window context with services that know the numbers of records, which are all that the dialog reads."""
    context = make_window_context()
    services = SimpleNamespace(
        lookup=SimpleNamespace(find_record_numbers=find_record_numbers),
        acting_as=lambda _: nullcontext(),
        training=None,
    )
    context.store_services(services)  # type: ignore[arg-type]  # a part of them
    return context


@pytest.mark.parametrize("dialog_class", [NoteDialog, HandOverDialog])
def test_the_dialog_names_the_record(qtbot: QtBot, dialog_class: type[NoteDialog]) -> None:
    """The subtitle has the number by which people know the record: over a list, the row of the record is hidden, or
    may not be the current one any more."""
    context = make_context_with_numbers()
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = dialog_class(context, "payment", 5, parent)
    subtitle = f"Payment A-10442 · {context.translate(f'dialog.{dialog.name}.subtitle')}"
    assert subtitle in [label.plain for label in dialog.findChildren(TextLabel)]


@pytest.mark.parametrize("dialog_class", [NoteDialog, HandOverDialog])
def test_the_dialog_says_how_to_mention_a_colleague(qtbot: QtBot, dialog_class: type[NoteDialog]) -> None:
    """The line below the note says how to mention a colleague, until the note mentions somebody."""
    context = make_context_with_numbers()
    context.people = (*(Person(name, frozenset({OPERATOR}), may_buy=False) for name in ("op-a", "op-b")),)
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = dialog_class(context, "payment", 5, parent)

    def list_texts() -> list[str]:
        return [label.plain for label in dialog.note_field.findChildren(TextLabel)]

    assert context.translate("mention.how_to") in list_texts()
    assert isinstance(dialog.note_field.edit, MultiLineEdit)
    dialog.note_field.edit.setPlainText("Call the shop, @op-b")
    assert "Mentions: op-b." in list_texts()
    dialog.note_field.edit.clear()
    assert context.translate("mention.how_to") in list_texts()
