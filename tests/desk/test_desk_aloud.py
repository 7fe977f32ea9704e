"""Further tasks of a day, operated by the accessibility tree and the keyboard alone: the search for a company, a
reconciliation, the audit trail, the person's settings, and the lock.
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
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.screen_reader_user import ScreenReaderUser
from tests.desk.test_day_aloud import LONGEST_DELAY_PROPERTY, TRANSCRIPTS_FOLDER, compare_transcript
from tests.desk.window_desks import WindowTestDesks
from tests.support.accessible_tree import Role
from tests.support.announcements import SentAnnouncement, collect_announcements
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)  # a menu grabs the keyboard

ORDER_NUMBER = "ORD-20261120-000123"
FOREIGN_ORDER_NUMBER = "ORD-20261119-000007"


@pytest.fixture
def announced_sentences() -> Iterator[list[SentAnnouncement]]:
    with collect_announcements() as sentences:
        yield sentences


@pytest.mark.embedded("the transcript is that of a desk without passwords, where one window is everybody's")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_announcements_of_a_desk_match_the_transcript(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    announced_sentences: list[SentAnnouncement],
    record_property: Callable[[str, object], None],
    language: str,
) -> None:
    """The spoken sentences of these tasks equal the stored transcript. On every screen each control has a name, no
    text is a placeholder, and exactly one node has the focus.
    """
    import_paid_payment(console, sandbox, ORDER_NUMBER, 12_000)
    check = buy_check(console, CORPORATION_NUMBERS[0])
    _reconcile_yesterday(console, sandbox)
    person = open_window()
    person.opening.context.change_language("ja" if language == "ja" else "en")
    person.wait_until_read()
    QApplication.processEvents()
    announced_sentences.clear()
    blind = ScreenReaderUser(person, announced_sentences)
    word = blind.get_text

    blind.begin_action("A company")
    del blind.transcript[:-3]  # the page before the first act is another test's
    blind.press("Alt+3")
    blind.wait_for_title(word("screen.lookup"))
    blind.type_text(CORPORATION_NUMBERS[0])
    blind.press("Return")
    blind.find_node(Role.Heading, word("lookup.live"))
    blind.wait_for_focus(Role.Cell, "")
    blind.check_tree()
    blind.press("Return")
    blind.wait_for_title(word("record.short", id=check.id))
    blind.check_tree()
    blind.press("Esc")
    blind.wait_for_focus(Role.Cell, "")
    blind.check_tree()

    blind.begin_action("A reconciliation")
    blind.press("Alt+5")
    blind.wait_for_focus(Role.Cell, "")
    blind.check_tree()
    blind.press("S")
    blind.find_node(Role.Button, word("dialog.reconcile.act"))
    blind.check_tree()
    blind.activate_node(Role.Button, word("dialog.reconcile.act"))
    blind.wait_for_sentence(word("dialog.reconcile.done"))
    blind.check_tree()
    blind.activate_node(Role.Button, word("dialog.reconcile.show"))
    person.wait_without_dialog()
    blind.wait_for_focus(Role.Button, word("reconcile.all_runs"))
    blind.check_tree()
    blind.press("[")
    person.wait_until_read()
    blind.tab_to_node(Role.Table, word("screen.reconcile"))
    blind.check_tree()
    blind.press("N")
    blind.type_text("asked the shop")
    person.wait_until(person.wait_for_dialog(NoteDialog).main_button.isEnabled)
    blind.press("Ctrl+Return")
    person.wait_without_dialog()
    blind.check_tree()

    blind.begin_action("The audit trail")
    window_desks.switch_person(person, "aud-e")
    blind.press("Alt+7")
    blind.wait_for_title(word("screen.audit"))
    blind.wait_for_focus(Role.Cell, "")
    blind.check_tree()
    blind.press("Down")
    blind.wait_for_focus(Role.Cell, "")
    blind.press("V")
    blind.wait_for_sentence(word("audit_screen.unbroken"))
    blind.check_tree()

    blind.begin_action("One's settings")
    other_language = "language.ja" if language == "en" else "language.en"
    for menu, key in (
        ("menu.theme", "theme.dark"),
        ("menu.text_size", "menu.percent"),
        ("field.language", other_language),
    ):
        choice = word(key, percent=150)
        blind.activate_node(Role.Button, "aud-e")
        blind.find_node(Role.PopupMenu, word("menu.name"))
        blind.open_submenu(word(menu))
        blind.choose_entry(choice)
        blind.wait_for_title(word("screen.audit"))
        blind.check_tree()
    assert (current_appearance().theme, current_appearance().scale) == ("dark", 1.5)
    blind.write_spoken_sentences()

    blind.begin_action("The lock")
    blind.press("Ctrl+L")
    blind.wait_for_focus(Role.Button, word("lock.act"))
    blind.check_tree()
    blind.press("Return")
    blind.wait_for_title(word("screen.audit"))
    blind.wait_for_focus(Role.Cell, "")
    blind.check_tree()
    blind.write_spoken_sentences()

    record_property(LONGEST_DELAY_PROPERTY, blind.longest_delay)
    compare_transcript(TRANSCRIPTS_FOLDER / f"desk.{language}.md", blind.transcript)


def _reconcile_yesterday(console: Console, sandbox: Sandbox) -> None:
    """Register a payment at the provider that is missing here, and let op-a reconcile yesterday."""
    day = datetime.now(JST).date() - timedelta(days=1)
    at = datetime.combine(day, time(16), JST).astimezone(UTC)
    sandbox.control.payments_control.register_payment("paypay", FOREIGN_ORDER_NUMBER, 4_400, at=at.isoformat())
    demo_reconciliation._announce_daily_file(console, sandbox, day)
    with console.acting_as("op-a"):
        console.reconciliation.run("paypay", day, day)
