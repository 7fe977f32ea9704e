"""The panel of first tasks on Home: only a person who opens the window for the first time sees it."""

from datetime import timedelta

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.settings.person_files import get_preferences_file
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.help_dialog import HelpDialog
from console.views.home.first_tasks_panel import FirstTasksPanel
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.queues.page import QueuesPage
from console.views.runtime.first_tasks import FirstTask
from console.views.runtime.routes import CreditCheckRoute
from console.views.training.page import TrainingPage
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, get_accessible_name
from tests.support.desks import CORPORATION_NUMBERS, MovedClock


def get_panel(person: Person) -> FirstTasksPanel:
    """Go to Home, and return its panel with the first tasks. The panel may be hidden."""
    person.press("Alt+1")
    return person.wait_for_page(HomePage).first_tasks_panel


def read_spoken_tasks(person: Person) -> list[str]:
    """Return the names of the tasks as a screen reader reads them."""
    return [get_accessible_name(button) for button in get_panel(person).buttons.values()]


def count_announcements(person: Person) -> int:
    sentences = [notice.sentence for notice in person.frame.announcer.announcements]
    return sum(sentence.startswith("First tasks") for sentence in sentences)


def read_counts_again(person: Person) -> None:
    """Let the window read its counts again, as it does every two minutes while a person uses the desk."""
    person.opening.context.work_counts_outdated.emit()
    person.wait_until_read()


def test_first_tasks_are_ticked_by_keyboard_and_then_disappear(
    console: Console, window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """Home lists three first tasks for a new person. Completing a task by keyboard ticks it, and a restart keeps the
    ticks. After the third task the panel is gone. The panel takes no focus and is announced once, in the first
    window.
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = window_desks.open_first_window()
    panel = get_panel(person)
    assert panel.isVisible()
    focus = QApplication.focusWidget()
    assert focus is not None
    assert not panel.isAncestorOf(focus)
    assert QAccessible.queryAccessibleInterface(panel).text(QAccessible.Text.Name) == "First tasks"
    assert read_spoken_tasks(person) == [
        "Find a company, not done, Ctrl+K", "See why a record waits, not done, Enter", "Open the help, not done, F1",
    ]  # fmt: skip
    assert count_announcements(person) == 1
    person.press("Ctrl+K")
    person.press("Esc")
    person.wait_until_read()
    assert "not done" in read_spoken_tasks(person)[0], "an opened search has found nothing yet"
    person.press("Ctrl+K")
    person.type_in(CORPORATION_NUMBERS[1])
    assert person.opening.controller is not None
    palette = person.opening.controller.command_palette
    person.wait_until(lambda: palette._searched_text == CORPORATION_NUMBERS[1])
    person.press("Return")
    person.wait_for_page(LookupPage)
    assert read_spoken_tasks(person)[0] == "Find a company, done, Ctrl+K"
    person.press("F1")
    person.wait_for_dialog(HelpDialog)
    person.press("Esc")
    person.wait_without_dialog()
    assert read_spoken_tasks(person)[2] == "Open the help, done, F1"
    assert count_announcements(person) == 1
    person.close()
    again = open_window()
    assert get_panel(again).isVisible()
    assert [", done" in name for name in read_spoken_tasks(again)] == [True, False, True]
    assert count_announcements(again) == 0
    again.frame.show_route(CreditCheckRoute(record.id))
    page = again.wait_for_page(CreditCheckPage)
    again.wait_until(lambda: page.details is not None)
    again.wait_until_read()
    assert not get_panel(again).isVisible()
    again.close()
    assert not get_panel(open_window()).isVisible()


def test_each_first_task_opens_its_page(window_desks: WindowTestDesks) -> None:
    """Tab and Enter on a task of the panel open the page of the task: the search, the queue of waiting records, or
    the help. Another entry opens the training.
    """
    person = window_desks.open_first_window()
    panel = get_panel(person)
    person.tab_to("Find a company")
    assert panel.buttons[FirstTask.SEARCH].hasFocus()
    person.press("Return")
    assert person.opening.controller is not None
    assert person.opening.controller.command_palette.search_box.is_open
    person.press("Esc")
    assert panel.buttons[FirstTask.SEARCH].hasFocus()
    person.press("Tab")
    person.press("Return")
    person.wait_for_page(QueuesPage)
    person.press("Esc")
    person.tab_to("Open the help")
    person.press("Return")
    person.wait_for_dialog(HelpDialog)
    person.press("Esc")
    person.wait_without_dialog()
    person.tab_to("Training")
    person.press("Return")
    page = person.wait_for_page(TrainingPage)
    person.wait_until_read()
    assert "support-console training" in get_accessible_name(page.exercise_list.currentWidget() or page)


def test_a_person_ends_the_first_tasks_by_keyboard(
    console: Console, window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """After "Don't show again" the panel is gone, the focus is on a visible widget, and the next start shows no
    panel.
    """
    person = window_desks.open_first_window()
    panel = get_panel(person)
    person.tab_to("Don't show again")
    person.press("Return")
    person.wait_until(lambda: not panel.isVisible())
    person.wait_until(lambda: (focus := QApplication.focusWidget()) is not None and focus.isVisible())
    person.opening.context.change_language("ja")
    person.wait_until_read()
    assert not get_panel(person).isVisible()
    person.close()
    assert get_preferences_file(console.settings.home, "op-a").read().values["first_tasks_ended"] is True
    assert not get_panel(open_window()).isVisible()


def test_the_first_tasks_end_ten_days_after_the_first_start(
    window_desks: WindowTestDesks, open_window: OpenWindow, clock: MovedClock
) -> None:
    """The panel disappears ten days after the person's first start by the console's clock, also in an open window. It
    doesn't come back if the clock goes back.
    """
    person = window_desks.open_first_window()
    panel = get_panel(person)
    clock.offset += timedelta(days=9, hours=23)
    read_counts_again(person)
    assert panel.isVisible()
    clock.offset += timedelta(hours=1)
    read_counts_again(person)
    person.wait_until(lambda: not panel.isVisible())
    clock.offset -= timedelta(days=5)
    person.close()
    assert not get_panel(open_window()).isVisible()


def test_the_first_tasks_are_shown_in_each_language(window_desks: WindowTestDesks) -> None:
    """After a change of the language, the panel is in the new language and has the same ticks. It isn't announced
    again.
    """
    person = window_desks.open_first_window()
    person.press("F1")
    person.wait_for_dialog(HelpDialog)
    person.press("Esc")
    person.wait_without_dialog()
    person.opening.context.change_language("ja")
    person.wait_until_read()
    panel = get_panel(person)
    assert panel.isVisible()
    assert read_spoken_tasks(person) == [
        "法人を検索, 未完了, Ctrl+K",
        "記録の理由を確認, 未完了, Enter",
        "ヘルプを表示, 完了, F1",
    ]
    assert panel.end_time_label.plain.endswith("まで")
    assert count_announcements(person) == 1


def test_only_a_new_person_sees_first_tasks(
    console: Console, window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A person who has preferences of an earlier window, or a damaged file of preferences, isn't new and sees no
    first tasks. Another person at the same desk is new and sees them.
    """
    file = get_preferences_file(console.settings.home, "op-a")
    file.change({"theme": "light"})
    person = open_window()
    assert not get_panel(person).isVisible()
    person.close()
    file.path.write_text("{")
    again = window_desks.open_first_window()
    assert not get_panel(again).isVisible()
    again.opening.context.change_operator("lead-b")
    again.wait_until(get_panel(again).isVisible)


def test_the_empty_panel_of_saved_views_makes_room_for_the_first_tasks(window_desks: WindowTestDesks) -> None:
    """While Home shows the first tasks, it hides the panel that only explains how to save a view. Otherwise the
    panels would move the table out of the window. When the tasks have ended, the panel is shown."""
    person = window_desks.open_first_window()
    panel = get_panel(person)
    home = person.wait_for_page(HomePage)
    assert panel.isVisible()
    assert home.views_panel.isHidden()
    panel.end_button.click()
    assert not home.views_panel.isHidden()
