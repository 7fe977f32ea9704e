"""The read-only switch in the window: everybody sees it, no one can change a record, and it can be ended by the
keyboard.
"""

from collections.abc import Callable

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.admin.page import AdminPage
from console.views.admin.switch_dialog import ReadOnlySwitchDialog
from console.views.credit_checks.page import CreditCheckPage
from console.views.home.page import HomePage
from console.views.runtime.routes import CreditCheckRoute
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import buy_unknown
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import NUMBERS

REASON = "provider incident"


def read_bars(person: Person) -> str:
    return "\n".join(bar.accessibleName() for bar in person.window.findChildren(NotificationBar) if bar.isVisible())


def open_administration(person: Person) -> AdminPage:
    person.press("Alt+9")
    page = person.page(AdminPage)
    person.until(lambda: page.switch_table.current_item is not None)
    return page


def set_read_only(person: Person, words: str) -> None:
    """Press O, enter this reason in the dialog of the read-only switch, and confirm."""
    person.press("O")
    dialog = person.dialog(ReadOnlySwitchDialog)
    person.until(dialog.reason_field.edit.hasFocus)
    person.type_in(words)
    person.until(dialog.main_button.isEnabled)
    person.tab_to(dialog.main_button.accessibleName())
    person.press("Return")
    person.wait_without_dialog()


def test_set_and_ended_by_the_keyboard(
    seats: WindowTestDesks, sit: Callable[..., Person], console: Console, sandbox: Sandbox
) -> None:
    """Alt+9 and O set the read-only switch with a reason: the bar, the status bar and each disabled button show who
    set it and why. An auditor sees the same and can't end it; O ends it.
    """
    record = buy_unknown(console, sandbox, NUMBERS[0])
    person = sit()
    person.page(HomePage)
    person = seats.switch_person(person, "lead-b")
    open_administration(person)
    set_read_only(person, REASON)
    person.until(lambda: REASON in read_bars(person))
    assert "lead-b" in read_bars(person)
    person.frame.show_route(CreditCheckRoute(record.id))
    check = person.page(CreditCheckPage)
    person.until(lambda: check.view is not None)
    stopped = {b.text(): b.reason for b in check.findChildren(KeyButton) if REASON in b.reason}
    assert any("Resolve" in text for text in stopped), stopped
    assert not any("Probe" in text for text in stopped), stopped
    person = seats.switch_person(person, "aud-e")
    page = open_administration(person)
    assert not page.switch_button.isEnabled()
    assert "lead-b" in page.switch_button.reason
    person.until(lambda: REASON in read_bars(person))
    person = seats.switch_person(person, "lead-b")
    open_administration(person)
    set_read_only(person, "over")
    person.until(lambda: REASON not in read_bars(person))
    assert not any(one.is_on for one in console.read_only_switches.list_switches())
