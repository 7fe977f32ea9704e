"""Tests of the dialog that resolves a credit check: the key Enter in its last field, and its end."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from console.domain.records import CheckState
from console.domain.recovery.decision_reasons import DecisionReason
from console.views.records.evidence_wizard import NUMBER_EVIDENCE
from console.views.records.resolve_dialog import ResolveDialog
from tests.support.announcements import collect_announcements
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


@pytest.mark.parametrize("missing", ["evidence", "reason", "words", ""])
def test_enter_in_the_last_field_goes_to_what_is_missing(qtbot: QtBot, appearance: object, missing: str) -> None:
    """Enter in the field of the reason's words, the last one on screen, moves the focus to the first input that is
    still needed, and says so. If nothing is missing, it moves the focus to the main button.
    """
    parent = QWidget()
    parent.resize(900, 800)
    qtbot.addWidget(parent)
    parent.show()
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = ResolveDialog(context, make_check(state=CheckState.PENDING), None, parent)
    form = dialog.form
    form.end_reading_choices()
    dialog.open()
    dialog.activateWindow()
    form.kind_buttons[NUMBER_EVIDENCE].setChecked(True)
    form.number_field.edit.setText("" if missing == "evidence" else "12345")  # type: ignore[union-attr]  # a line
    code = None if missing == "reason" else DecisionReason.PROVIDER_SCREEN
    form.reason_list.setCurrentIndex(-1 if code is None else form.reason_list.findData(code))
    words = form.reason_text_field.edit
    words.setText("" if missing == "words" else "seen there")  # type: ignore[union-attr]  # a line
    dialog._enable_main_button()
    words.setFocus()
    qtbot.waitUntil(words.hasFocus)
    with collect_announcements() as announcements:
        QTest.keyClick(words, Qt.Key.Key_Return)
    target = {
        "evidence": form.number_field.edit, "reason": form.reason_list, "words": words, "": dialog.main_button
    }[missing]  # fmt: skip
    assert QApplication.focusWidget() is target
    sentence = context.translate(f"dialog.resolve.needs_{missing}") if missing else ""
    assert (sentence in [announcement.sentence for announcement in announcements]) is bool(missing)
