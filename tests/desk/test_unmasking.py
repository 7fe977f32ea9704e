"""A person unmasks the payer of a payment for a minute; the payer's name can't be copied meanwhile."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QTextEdit

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.home.page import HomePage
from console.views.money.payment_page import PaymentPage
from console.views.money.unmasking import UnmaskDialog
from console.views.runtime.routes import PaymentRoute
from console.views.widgets.base import TextLabel
from tests.desk.conftest import OpenWindow
from tests.desk.test_printed_payers import PAYER, set_payer_name
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import import_paid_payment

MASKED_PAYER = "****6354"


def find_payer_label(page: PaymentPage) -> TextLabel:
    labels = page.facts_panel.findChildren(TextLabel)
    return next(label for label in labels if label.plain in (PAYER, MASKED_PAYER))


def read_shown_answer(page: PaymentPage) -> QTextEdit:
    answer = page.tabs._evidence_view.focus_stops[1]
    assert isinstance(answer, QTextEdit)
    return answer


def unmask_by_keyboard(person: Person, page: PaymentPage) -> None:
    """Unmask the payer by the keyboard: U, the reason, Ctrl+Enter."""
    page.tabs.tabs.setFocus()
    person.press("U")
    dialog = person.wait_for_dialog(UnmaskDialog)
    assert not dialog.main_button.isEnabled()
    dialog.reason_text_field.edit.setFocus()
    person.type_in("the caller names it")
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    person.wait_until(lambda: page.unmasking.texts is not None)
    person.wait_until_read()


def test_a_shown_payer_cannot_be_unmasked_again(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """While the payer is shown, the button that unmasks it is disabled, and its reason says that the payer is already
    shown; also after the page was read again. The button is enabled again as soon as the payer is masked."""
    payment = import_paid_payment(console, sandbox, "ORD-1")
    set_payer_name(window_desks, payment.id)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until_read()
    button = page.action_bar.find_button("unmask")
    assert button is not None
    unmask_by_keyboard(person, page)
    assert (button.isEnabled(), button.reason) == (False, "Already shown without masks.")
    person.press("F5")
    person.wait_until_read()
    assert not button.isEnabled()
    page.unmasking.mask_texts()
    assert button.isEnabled()


@pytest.mark.both_ways
def test_the_payer_is_masked_again_after_a_minute(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The payer is masked again after a minute, when another page opens, or when the window is locked; until then the
    name can't be selected or copied.
    """
    payment = import_paid_payment(console, sandbox, "ORD-1")
    set_payer_name(window_desks, payment.id)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    page.tabs.show_tab("evidence")
    person.wait_until_read()
    assert page.tabs._evidence_view._table.go_to_item(lambda item: MASKED_PAYER in item.body)
    selectable = read_shown_answer(page).textInteractionFlags()
    assert MASKED_PAYER in read_shown_answer(page).toPlainText()
    assert find_payer_label(page).plain == MASKED_PAYER

    unmask_by_keyboard(person, page)
    assert find_payer_label(page).plain == PAYER
    assert find_payer_label(page).focusPolicy() == Qt.FocusPolicy.StrongFocus
    assert find_payer_label(page).textInteractionFlags() == Qt.TextInteractionFlag.LinksAccessibleByMouse
    assert PAYER in read_shown_answer(page).toPlainText()
    assert read_shown_answer(page).textInteractionFlags() == Qt.TextInteractionFlag.NoTextInteraction
    page.head.title.setFocus()
    person.press("Ctrl+C")
    assert PAYER not in QGuiApplication.clipboard().text()
    person.press("Ctrl+Shift+C")
    assert PAYER not in QGuiApplication.clipboard().text()
    person.press("F5")
    person.wait_until_read()
    assert find_payer_label(page).plain == PAYER, "reading again doesn't end the minute"

    assert 0 < page.unmasking._mask_timer.remainingTime() <= 60_000
    page.unmasking._mask_timer.timeout.emit()
    assert find_payer_label(page).plain == MASKED_PAYER
    assert PAYER not in read_shown_answer(page).toPlainText()
    assert read_shown_answer(page).textInteractionFlags() == selectable
    assert "unmasked" not in page.list_bar_names()

    unmask_by_keyboard(person, page)
    person.press("Alt+1")
    person.wait_for_page(HomePage)
    assert page.unmasking.texts is None
    person.frame.go_back()
    page = person.wait_for_page(PaymentPage)
    person.wait_until_read()
    assert find_payer_label(page).plain == MASKED_PAYER
    assert PAYER not in read_shown_answer(page).toPlainText()

    unmask_by_keyboard(person, page)
    person.press("Ctrl+L")
    assert page.unmasking.texts is None
    assert find_payer_label(page).plain == MASKED_PAYER
