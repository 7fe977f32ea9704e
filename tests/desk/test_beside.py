"""Taking a record and noting beside it, from the pages of every kind, by keyboard."""

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
from tests.desk.conftest import Sit, buy
from tests.desk.hands import Person
from tests.desk.seats import Seats
from tests.desk.test_evidence import shown, told
from tests.support.desks import NUMBERS
from tests.support.money_desks import ask, paid


def routes(console: Console, sandbox: Sandbox) -> list[tuple[str, int, Route, type[Page]]]:
    """A record of every kind, with its page."""
    payment = paid(console, sandbox, "ORD-1")
    refund, check = ask(console, payment.id), buy(console, NUMBERS[0])
    return [
        ("credit-check", check.id, CreditCheckRoute(check.id), CreditCheckPage),
        ("payment", payment.id, PaymentRoute(payment.id), PaymentPage),
        ("refund", refund.id, RefundRoute(refund.id), RefundPage),
    ]


def note(person: Person, words: str) -> None:
    """N, the words, and the button that keeps them."""
    person.press("N")
    person.until(lambda: bool(dialogs(person)))
    (dialog,) = dialogs(person)
    assert not dialog.main_button.isEnabled()
    dialog.note_field.edit.insertPlainText(words)  # type: ignore[union-attr]  # an area
    person.until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.until(lambda: not dialogs(person))


def dialogs(person: Person) -> list[NoteDialog]:
    return [one for one in person.window.findChildren(NoteDialog) if one.isVisible()]


def test_taken_and_noted_by_keyboard(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """T says until when in a bar; N keeps a note, which stands in its tab under the person's name."""
    person = sit()
    for kind, id, route, page_type in routes(console, sandbox):
        page = shown(person, route, page_type)
        person.press("T")
        person.until(lambda page=page: "Taken by you until" in told(page, NotificationBar))  # type: ignore[misc]  # a bound default
        note(person, f"asked about {kind}")
        person.until(lambda page=page: len(page.view.notes) == 1)  # type: ignore[misc]  # a bound default
        view = console.recovery.read_record(kind, id)
        assert not isinstance(view, OperationDetails)
        assert [(one.person, one.words) for one in view.notes] == [("op-a", f"asked about {kind}")]
        assert view.taken is not None


def test_what_somebody_else_took(seats: Seats, sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """A bar shows the person who has taken the record, and until when; a second person can't take it on this page
    either.
    """
    check = buy(console, NUMBERS[0])
    with seats.acting("lead-b") as lead:
        lead.recovery.take("credit-check", check.id)
    person = sit()
    page = shown(person, CreditCheckRoute(check.id), CreditCheckPage)
    person.until(lambda: "Taken by lead-b until" in told(page, NotificationBar))
    person.press("T")
    person.until(lambda: "Nothing changed" in told(page, NotificationBar))
