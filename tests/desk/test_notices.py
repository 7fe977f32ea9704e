"""The list of messages: a person can read earlier messages of the window again, and open the record of each
message.
"""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.views.app.announcements_dialog import AnnouncementsDialog
from console.views.credit_checks.page import CreditCheckPage
from console.views.runtime.routes import CreditCheckRoute
from tests.desk.conftest import OpenWindow, buy_check
from tests.support.announcements import SentAnnouncement, collect_announcements
from tests.support.desks import CORPORATION_NUMBERS


@pytest.fixture
def announced_sentences() -> Iterator[list[SentAnnouncement]]:
    with collect_announcements() as sentences:
        yield sentences


def test_a_closed_message_is_read_again_in_the_list(open_window: OpenWindow, console: Console) -> None:
    """A person opens the list of messages by its key or from the status bar. Enter on a closed message opens its
    record, whichever page is shown.
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    person.press("Ctrl+C")
    for toast in person.frame.toasts.visible_toasts:
        toast.closed.emit()
    assert person.frame.toasts.visible_toasts == ()
    person.press("Alt+1")
    person.wait_for_control("Messages").press()
    person.wait_for_dialog(AnnouncementsDialog).reject()
    person.wait_without_dialog()
    person.press("Ctrl+Shift+N")
    dialog = person.wait_for_dialog(AnnouncementsDialog)
    person.wait_until(lambda: dialog.table.current_item is not None and dialog.table.hasFocus())
    assert dialog.sentence_label.plain == f"Copied {record.id}."  # the title had the focus
    record_cell = dialog.table.model().index(0, 2).data()
    assert record_cell == f"Credit check {record.id}"
    person.press("Return")
    assert person.wait_for_page(CreditCheckPage).id == record.id


def test_a_lost_and_regained_connection_is_announced(
    open_window: OpenWindow, announced_sentences: list[SentAnnouncement]
) -> None:
    person = open_window()
    context = person.opening.context
    context.update_connection_state(lost_since=context.now())
    person.wait_until(
        lambda: any(
            one.sentence.startswith("Not connected. The database has not answered since")
            for one in announced_sentences
        )
    )
    context.update_connection_state(lost_since=None)
    person.wait_until(lambda: any(one.sentence.startswith("Connected again at") for one in announced_sentences))
    assert person.frame.toasts.visible_toasts
    context.update_connection_state(lost_since=context.now())
    assert not person.frame.toasts.visible_toasts  # it would contradict the bar


def test_another_person_does_not_read_the_announcements_of_the_first(open_window: OpenWindow) -> None:
    person = open_window()
    person.opening.context.show_toast("Copied 42", subject_title="")
    assert [announcement.sentence for announcement in person.frame.announcer.announcements] == ["Copied 42"]
    person.opening.context.change_operator("lead-b")
    assert person.frame.announcer.announcements == ()
