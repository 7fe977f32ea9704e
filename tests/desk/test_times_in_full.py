"""Times in full: the exact time of each shown age, and the provider's local time beside the time in Japan."""

from datetime import timedelta
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from console.app import Console
from console.domain.calendar_days import IST
from console.sandbox.server import Sandbox
from console.views.money.payment_page import PaymentPage
from console.views.money.tabs import MoneyTabs
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import PaymentRoute, QueuesRoute
from console.views.widgets.base import TextLabel
from console.wording.sentences.catalogue import format_instant
from console.wording.sentences.formats import format_instant_in_zones
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.window_person import list_open_windows
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.money_desks import import_paid_payment

Role = Qt.ItemDataRole


def test_the_full_time_of_an_age_is_shown_for_the_current_row(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The full time of the current row's age is shown below the list, as the tooltip of the age and as its
    description for a screen reader.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    assert page.current_row is not None
    full_time = format_instant(page.current_row.since)
    assert full_time.endswith("JST")
    assert page.hint_bar.status_label.plain.endswith(f"since {full_time}")
    column = next(number for number, shown in enumerate(page.row_model.columns) if shown.key == "age")
    cell = page.row_model.index(page.table.current_row, column)
    assert full_time in page.row_model.data(cell, Role.ToolTipRole)
    assert page.row_model.data(cell, Role.AccessibleDescriptionRole) == full_time
    assert page.row_model.data(cell, Role.AccessibleTextRole) != full_time


def test_a_payment_of_atom_shows_indian_and_japanese_time(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The page of a payment at Atom shows each time in India and in Japan, so that it can be compared with Atom's own
    screens. The page of a payment at PayPay shows only the time in Japan.
    """
    person = open_window()
    for provider, zones in (("atom", ("JST", "IST")), ("paypay", ("JST",))):
        payment = import_paid_payment(console, sandbox, f"ORD-20261120-{provider}", 12_000, provider)
        person.frame.show_route(PaymentRoute(payment.id))
        page = person.wait_for_page(PaymentPage)
        person.wait_until(lambda page=page, id=payment.id: page.details is not None and page.details.record.id == id)  # type: ignore[misc]
        assert payment.paid_at is not None
        shown = [label.plain for label in page.facts_panel.findChildren(TextLabel)]
        (paid_at,) = (text for text in shown if text.startswith(format_instant(payment.paid_at)))
        assert paid_at.endswith(zones[-1])
        assert isinstance(page.tabs, MoneyTabs)
        spoken = page.tabs._timeline_list.model().index(0, 0).data(Role.AccessibleTextRole)
        assert ("IST" in spoken) == (provider == "atom")
        if provider == "atom":
            assert paid_at == format_instant_in_zones(payment.paid_at, IST, separator="\n")


def test_the_proposed_name_of_a_file_has_the_day_in_japan(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, clock: MovedClock
) -> None:
    """Before nine in the morning in Japan, the proposed names of an export and of an evidence bundle have the day in
    Japan, which is the next day after the day in UTC.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    night = clock.now().replace(hour=16, minute=0)
    clock.offset += night - clock.now() + timedelta(days=night < clock.now())
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    page.take_focus()
    person.press("Space")
    names = []
    for keys in ("Ctrl+E", "Ctrl+Shift+E"):
        person.press(keys)
        person.wait_until(lambda: bool(list_open_windows(person.window, QFileDialog)))
        (dialog,) = list_open_windows(person.window, QFileDialog)
        names += [Path(file).stem for file in dialog.selectedFiles()]
        dialog.reject()
    day = format_instant(clock.now(), "day").replace("-", "")
    assert names == [f"queue-{day}", f"evidence-{day}"]
    assert day != f"{clock.now():%Y%m%d}"
