"""A person takes a record and adds a note to it, by keyboard, on the page of a credit check, payment or refund."""

from console.app import Console
from console.domain.service_results import OperationDetails
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.pages.base import Page
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.routes import CreditCheckRoute, PaymentRoute, RefundRoute, Route
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.test_evidence import read_visible_words, show_page
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund


def list_routes(console: Console, sandbox: Sandbox) -> list[tuple[str, int, Route, type[Page]]]:
    """Return a credit check, a payment and a refund, each with its route and the class of its page."""
    payment = import_paid_payment(console, sandbox, "ORD-1")
    refund, check = request_refund(console, payment.id), buy_check(console, CORPORATION_NUMBERS[0])
    return [
        ("credit-check", check.id, CreditCheckRoute(check.id), CreditCheckPage),
        ("payment", payment.id, PaymentRoute(payment.id), PaymentPage),
        ("refund", refund.id, RefundRoute(refund.id), RefundPage),
    ]


def write_note(person: Person, words: str) -> None:
    """Press N, write the note and store it."""
    person.press("N")
    person.wait_until(lambda: bool(find_note_dialogs(person)))
    (dialog,) = find_note_dialogs(person)
    assert not dialog.main_button.isEnabled()
    dialog.note_field.edit.insertPlainText(words)  # type: ignore[union-attr]  # an area
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: not find_note_dialogs(person))


def find_note_dialogs(person: Person) -> list[NoteDialog]:
    return [one for one in person.window.findChildren(NoteDialog) if one.isVisible()]


def test_a_record_is_taken_and_noted_by_keyboard(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """On the pages of a credit check, a payment and a refund, T takes the record and a bar says until when. N stores
    a note under the person's name.
    """
    person = open_window()
    for kind, id, route, page_type in list_routes(console, sandbox):
        page = show_page(person, route, page_type)
        person.press("T")
        person.wait_until(lambda page=page: "Taken by you until" in read_visible_words(page, NotificationBar))  # type: ignore[misc]  # a bound default
        write_note(person, f"asked about {kind}")
        person.wait_until(lambda page=page: len(page.details.notes) == 1)  # type: ignore[misc]  # a bound default
        view = console.recovery.read_record(kind, id)
        assert not isinstance(view, OperationDetails)
        assert [(one.person, one.words) for one in view.notes] == [("op-a", f"asked about {kind}")]
        assert view.taken is not None


def test_a_record_taken_by_another_person_shows_the_person(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A bar shows the person who has taken the record, and until when; a second person can't take it on this page
    either.
    """
    check = buy_check(console, CORPORATION_NUMBERS[0])
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.take("credit-check", check.id)
    person = open_window()
    page = show_page(person, CreditCheckRoute(check.id), CreditCheckPage)
    person.wait_until(lambda: "Taken by lead-b until" in read_visible_words(page, NotificationBar))
    assert isinstance(page, CreditCheckPage)
    button = page.find_button("take")
    assert button is not None
    assert not button.isEnabled()
    assert "lead-b has taken it until" in button.shown_reason
    person.press("T")
    person.wait_until(lambda: "lead-b has taken it until" in read_visible_words(page, NotificationBar))
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.give_up_take("credit-check", check.id)
    page.read_data_again()
    person.wait_until(button.isEnabled)
