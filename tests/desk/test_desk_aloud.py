"""The tasks that `test_day_aloud` leaves out, by the accessibility tree and the keyboard alone: a company, a
reconciliation, the audit trail, one's settings, the lock.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.demo import reconciliation as demo_reconciliation
from console.domain.calendar_days import JST
from console.sandbox.server import Sandbox
from console.views.records.note_dialog import NoteDialog
from console.views.theme.theme import current_appearance
from tests.desk.blind import Blind
from tests.desk.conftest import Sit, buy
from tests.desk.seats import Seats
from tests.desk.test_day_aloud import LONGEST_DELAY, TRANSCRIPTS, compare
from tests.support.accessible_tree import Role
from tests.support.desks import NUMBERS
from tests.support.hearing import Heard, listening
from tests.support.money_desks import paid

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)  # a menu grabs the keyboard

ORDER, FOREIGN_ORDER = "ORD-20261120-000123", "ORD-20261119-000007"


@pytest.fixture
def heard() -> Iterator[list[Heard]]:
    with listening() as sentences:
        yield sentences


@pytest.mark.embedded("the transcript is that of a desk without passwords, where one window is everybody's")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_desk_is_heard(
    seats: Seats,
    sit: Sit,
    console: Console,
    sandbox: Sandbox,
    heard: list[Heard],
    record_property: Callable[[str, object], None],
    language: str,
) -> None:
    """On every screen each control is named, no word is a filler, and one node has the focus."""
    paid(console, sandbox, ORDER, 12_000)
    check = buy(console, NUMBERS[0])
    _reconcile_yesterday(console, sandbox)
    person = sit()
    person.opening.context.change_language("ja" if language == "ja" else "en")
    person.rest()
    QApplication.processEvents()
    heard.clear()
    blind = Blind(person, heard)
    word = blind.word

    blind.act("A company")
    del blind.transcript[:-3]  # the page before the first act is another test's
    blind.press("Alt+3")
    blind.title_is(word("screen.lookup"))
    blind.types(NUMBERS[0])
    blind.press("Return")
    blind.find(Role.Heading, word("lookup.live"))
    blind.is_at(Role.Cell, "")
    blind.check_tree()
    blind.press("Return")
    blind.title_is(word("record.short", id=check.id))
    blind.check_tree()
    blind.press("Esc")
    blind.is_at(Role.Cell, "")
    blind.check_tree()

    blind.act("A reconciliation")
    blind.press("Alt+5")
    blind.is_at(Role.Cell, "")
    blind.check_tree()
    blind.press("S")
    blind.find(Role.Button, word("dialog.reconcile.act"))
    blind.check_tree()
    blind.activate(Role.Button, word("dialog.reconcile.act"))
    blind.hears(word("dialog.reconcile.done"))
    blind.check_tree()
    blind.activate(Role.Button, word("dialog.reconcile.show"))
    person.no_dialog()
    blind.is_at(Role.Button, word("reconcile.all_runs"))
    blind.check_tree()
    blind.press("[")
    person.rest()
    blind.goes_to(Role.Table, word("screen.reconcile"))
    blind.check_tree()
    blind.press("N")
    blind.types("asked the shop")
    person.until(person.dialog(NoteDialog).main_button.isEnabled)
    blind.press("Ctrl+Return")
    person.no_dialog()
    blind.check_tree()

    blind.act("The audit trail")
    seats.become(person, "aud-e")
    blind.press("Alt+7")
    blind.title_is(word("screen.audit"))
    blind.is_at(Role.Cell, "")
    blind.check_tree()
    blind.press("Down")
    blind.is_at(Role.Cell, "")
    blind.press("V")
    blind.hears(word("audit_screen.unbroken"))
    blind.check_tree()

    blind.act("One's settings")
    other_language = "language.ja" if language == "en" else "language.en"
    for menu, key in (
        ("menu.theme", "theme.dark"),
        ("menu.text_size", "menu.percent"),
        ("field.language", other_language),
    ):
        choice = word(key, percent=150)
        blind.activate(Role.Button, "aud-e")
        blind.find(Role.PopupMenu, word("menu.name"))
        blind.opens_submenu(word(menu))
        blind.chooses(choice)
        blind.title_is(word("screen.audit"))
        blind.check_tree()
    assert (current_appearance().theme, current_appearance().scale) == ("dark", 1.5)
    blind.write_heard()

    blind.act("The lock")
    blind.press("Ctrl+L")
    blind.is_at(Role.Button, word("lock.act"))
    blind.check_tree()
    blind.press("Return")
    blind.title_is(word("screen.audit"))
    blind.is_at(Role.Cell, "")
    blind.check_tree()
    blind.write_heard()

    record_property(LONGEST_DELAY, blind.longest_delay)
    compare(TRANSCRIPTS / f"desk.{language}.md", blind.transcript)


def _reconcile_yesterday(console: Console, sandbox: Sandbox) -> None:
    """Yesterday's history has a payment that isn't here; it is compared by op-a."""
    day = datetime.now(JST).date() - timedelta(days=1)
    at = datetime.combine(day, time(16), JST).astimezone(UTC)
    sandbox.control.payments_control.register_payment("paypay", FOREIGN_ORDER, 4_400, at=at.isoformat())
    demo_reconciliation._announce_daily_file(console, sandbox, day)
    with console.acting_as("op-a"):
        console.reconciliation.run("paypay", day, day)
