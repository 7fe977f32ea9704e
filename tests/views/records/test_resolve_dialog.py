"""Tests of the end of the dialog that resolves a credit check."""

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.records.resolve_dialog import ResolveDialog
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_check, make_window_context


@pytest.mark.parametrize("is_record_shown", [True, False])
def test_the_end_opens_only_a_record_that_is_not_shown(qtbot: QtBot, is_record_shown: bool) -> None:
    """After the decision, the dialog offers to open the record only over another page, and its subtitle no longer has
    the version that the person decided about.
    """
    parent = QWidget()
    qtbot.addWidget(parent)
    check, context = make_check(), make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = ResolveDialog(context, check, None, parent, is_record_shown=is_record_shown)
    assert dialog._subtitle.plain.endswith(f" · v{check.version}")
    subtitle = dialog._subtitle.plain.removesuffix(f" · v{check.version}")
    dialog._show_final_content("Decided", QWidget())
    assert dialog._subtitle.plain == subtitle
    assert dialog.main_button.isHidden() is is_record_shown
