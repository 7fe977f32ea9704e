"""The dialog that resolves an outcome: it shows each impossible result with the reason, and describes the effect of
each possible result.
"""

from datetime import timedelta
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from sqlalchemy import update

from console.app import Console
from console.domain.records import Work, WorkState
from console.sandbox.server import Sandbox
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import payments
from console.store.schema.payments import payments as payment_table
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.payment_page import PaymentPage
from console.views.records.evidence_wizard import TEXT_EVIDENCE
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.runtime.routes import CreditCheckRoute, PaymentRoute
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_evidence import show_page
from tests.desk.window_desks import WindowTestDesks
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment


def test_each_excluded_result_shows_its_reason(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """For a paid payment the rules allow only the result "reversed", and the provider's answer excludes this one,
    too. The dialog shows the reason at each result.
    """
    payment = import_paid_payment(console, sandbox, "ORD-1")
    person = open_window()
    page = show_page(person, PaymentRoute(payment.id), PaymentPage)
    assert isinstance(page, PaymentPage)
    page.action_handlers.open_resolve_dialog(payment)
    form = person.wait_for_dialog(ResolveMoneyDialog).form
    person.wait_until(lambda: bool(form._choice_by_outcome))
    form.kind_buttons[TEXT_EVIDENCE].setChecked(True)
    form.text_field.edit.insertPlainText("the bank told us")  # type: ignore[union-attr]  # an area
    reasons = {name: words.plain for name, words in form._disabled_reason_labels.items()}
    assert not any(radio.isEnabled() for radio in form.outcome_buttons.values())
    assert "already known" in reasons["completed"]
    assert "isn't possible" in reasons["payment_failed"]
    assert "contradicts" in reasons["reversed"]


def test_the_dry_run_shows_the_refundable_amounts(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person must look at a payment, and the provider's last answer about it is old. The dry run in the dialog
    shows the refundable amount before and after the decision, as the service computes it.
    """
    payment = import_paid_payment(console, sandbox, "ORD-1", minor=3_000)
    with window_desks.write_as_owner() as tx:
        told_at = convert_to_naive_utc(console._context.now() - timedelta(days=2))
        work = payments.make_work_values(Work(WorkState.NEEDS_REVIEW, reason="contradicted"))
        query = update(payment_table).where(payment_table.c.id == payment.id)
        tx.conn.execute(query.values(told_at=told_at, version=payment_table.c.version + 1, **work))
    person = open_window()
    page = show_page(person, PaymentRoute(payment.id), PaymentPage)
    assert isinstance(page, PaymentPage)
    page.action_handlers.open_resolve_dialog(payment)
    form = person.wait_for_dialog(ResolveMoneyDialog).form
    person.wait_until(lambda: bool(form._choice_by_outcome))
    form.kind_buttons[TEXT_EVIDENCE].setChecked(True)
    form.text_field.edit.insertPlainText("the bank told us")  # type: ignore[union-attr]  # an area
    form.outcome_buttons["reversed"].setChecked(True)
    assert form.money_effect_label.plain == "Refundable: ¥3,000 → ¥0"


def test_a_draft_that_is_started_over_leaves_no_choice(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a person presses "Start over" at a restored draft, the selected evidence, result and reason are cleared. If
    the main button is pressed before the dialog accepts a press, the footer says that it is too early, until a press
    is accepted.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    person.press("E")
    dialog = person.wait_for_dialog(ResolveDialog)
    dialog.form.kind_buttons[TEXT_EVIDENCE].setChecked(True)
    dialog.form.text_field.edit.insertPlainText("They have no such purchase.")  # type: ignore[union-attr]  # an area
    dialog.reject()
    person.wait_without_dialog()
    person.press("E")
    dialog = person.wait_for_dialog(ResolveDialog)
    form = dialog.form
    person.wait_until_read()  # while the choices are read, the footer says so
    hint = dialog.hint.plain
    assert hint
    assert form.outcome == "error"
    dialog.press_main_button()
    assert dialog.hint.plain == dialog.too_early_text or dialog._is_acting_delay_over
    person.wait_until(lambda: dialog._is_acting_delay_over)
    assert dialog.hint.plain == hint
    assert dialog._draft.bar is not None
    assert dialog._draft.bar.button is not None
    dialog._draft.bar.button.click()
    assert (form.evidence_kind, form.outcome, form.reason_list.currentIndex(), form.text_field.text()) == (
        "",
        "",
        -1,
        "",
    )
    form.kind_buttons[TEXT_EVIDENCE].setChecked(True)
    assert form.reason_list.currentData() == form.preselected_reason_by_evidence_kind[TEXT_EVIDENCE]


def drop_files(target: QWidget, *urls: str) -> bool:
    """Drop the files with these URLs on the widget, through its window. Return True if the widget accepted them."""
    data, at = QMimeData(), QPointF(target.mapTo(target.window(), target.rect().center()))
    data.setUrls([QUrl(url) for url in urls])
    moved, left_button, none = Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    possible = moved | Qt.DropAction.CopyAction
    entered = QDragEnterEvent(at.toPoint(), possible, data, left_button, none)
    QApplication.sendEvent(target.window().windowHandle(), entered)
    if entered.isAccepted():
        dropped = QDropEvent(at, possible, data, left_button, none)
        QApplication.sendEvent(target.window().windowHandle(), dropped)
        assert dropped.dropAction() == Qt.DropAction.CopyAction, "the file manager would delete the file"
    return entered.isAccepted()


def test_a_file_dropped_on_the_form_is_the_evidence(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A file that is dropped on any input of the form, or pasted as a URL or in quotation marks, is the evidence.
    Several files and files of other machines are refused.
    """
    proof = tmp_path / "証跡 #1.pdf"
    proof.write_bytes(b"seen on their list")
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    person.press("E")
    form = person.wait_for_dialog(ResolveDialog).form
    url = QUrl.fromLocalFile(str(proof)).toString()
    for kind, field in (("number", form.number_field), ("text", form.text_field), ("file", form.file_field)):
        form.file_field.edit.clear()
        form.kind_buttons[kind].setChecked(True)
        assert not drop_files(field.edit, url, url)
        assert not drop_files(field.edit, "https://example.com/a.pdf")
        assert drop_files(field.edit, url)
        assert (form.evidence_kind, form.get_evidence()) == ("file", proof)
    assert (form.number_field.text(), form.text_field.text()) == ("", "")
    for pasted in (
        url,
        QUrl.fromLocalFile(str(proof)).toString(QUrl.ComponentFormattingOption.FullyEncoded),
        f'"{proof}"',
    ):
        form.file_field.edit.setText(pasted)  # type: ignore[union-attr]  # a line
        assert form.get_evidence() == proof
