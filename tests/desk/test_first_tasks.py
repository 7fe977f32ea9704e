"""The first tasks on Home: of a person who opens the window for the first time, and of nobody else."""

from datetime import timedelta

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.settings.person_files import make_preferences_file
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.help_dialog import HelpDialog
from console.views.home.first_tasks_panel import FirstTasksPanel
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.queues.page import QueuesPage
from console.views.runtime.first_tasks import FirstTask
from console.views.runtime.routes import CreditCheckRoute
from console.views.training.page import TrainingPage
from tests.desk.conftest import Sit, buy
from tests.desk.hands import Person, name_of
from tests.desk.seats import Seats
from tests.support.desks import NUMBERS, MovedClock


def panel_of(person: Person) -> FirstTasksPanel:
    """The panel of Home, shown or not."""
    person.press("Alt+1")
    return person.page(HomePage).first_tasks_panel


def states(person: Person) -> list[str]:
    """The names of the tasks as a screen reader reads them."""
    return [name_of(button) for button in panel_of(person).buttons.values()]


def announced(person: Person) -> int:
    sentences = [notice.sentence for notice in person.frame.announcer.announcements]
    return sum(sentence.startswith("First tasks") for sentence in sentences)


def reread(person: Person) -> None:
    """The window reads its counts again, as it does every two minutes."""
    person.opening.context.work_counts_outdated.emit()
    person.rest()


def test_the_tasks_tick_and_vanish_by_keyboard(console: Console, seats: Seats, sit: Sit) -> None:
    """Each task is ticked by its own act; a restart keeps the ticks; after the third the panel is gone for ever. The
    panel takes no focus, and is announced once in the first window alone."""
    record = buy(console, NUMBERS[0])
    person = seats.sit_first_time()
    panel = panel_of(person)
    assert panel.isVisible()
    focus = QApplication.focusWidget()
    assert focus is not None
    assert not panel.isAncestorOf(focus)
    assert QAccessible.queryAccessibleInterface(panel).text(QAccessible.Text.Name) == "First tasks"
    assert states(person) == [
        "Find a company, not done, Ctrl+K", "Read why a record waits, not done, Enter", "Open the help, not done, F1",
    ]  # fmt: skip
    assert announced(person) == 1
    person.press("Ctrl+K")
    person.press("Esc")
    person.rest()
    assert "not done" in states(person)[0], "an opened search has found nothing yet"
    person.press("Ctrl+K")
    person.type_in(NUMBERS[1])
    assert person.opening.controller is not None
    palette = person.opening.controller.command_palette
    person.until(lambda: palette._searched_text == NUMBERS[1])
    person.press("Return")
    person.page(LookupPage)
    assert states(person)[0] == "Find a company, done, Ctrl+K"
    person.press("F1")
    person.dialog(HelpDialog)
    person.press("Esc")
    person.no_dialog()
    assert states(person)[2] == "Open the help, done, F1"
    assert announced(person) == 1
    person.close()
    again = sit()
    assert panel_of(again).isVisible()
    assert [", done" in name for name in states(again)] == [True, False, True]
    assert announced(again) == 0
    again.frame.show_route(CreditCheckRoute(record.id))
    page = again.page(CreditCheckPage)
    again.until(lambda: page.view is not None)
    again.rest()
    assert not panel_of(again).isVisible()
    again.close()
    assert not panel_of(sit()).isVisible()


def test_a_press_on_a_task_leads_there(seats: Seats) -> None:
    """By Tab and Enter: the search, the queue of records that wait, the help; and the page about the training."""
    person = seats.sit_first_time()
    panel = panel_of(person)
    person.tab_to("Find a company")
    assert panel.buttons[FirstTask.SEARCH].hasFocus()
    person.press("Return")
    assert person.opening.controller is not None
    assert person.opening.controller.command_palette.search_box.is_open
    person.press("Esc")
    assert panel.buttons[FirstTask.SEARCH].hasFocus()
    person.press("Tab")
    person.press("Return")
    person.page(QueuesPage)
    person.press("Esc")
    person.tab_to("Open the help")
    person.press("Return")
    person.dialog(HelpDialog)
    person.press("Esc")
    person.no_dialog()
    person.tab_to("Training")
    person.press("Return")
    page = person.page(TrainingPage)
    person.rest()
    assert "support-console training" in name_of(page.incident_list.currentWidget() or page)


def test_a_person_can_end_them_by_keyboard(console: Console, seats: Seats, sit: Sit) -> None:
    """The panel is gone at once, the focus is on what is left, and another start changes nothing."""
    person = seats.sit_first_time()
    panel = panel_of(person)
    person.tab_to("Don't show again")
    person.press("Return")
    person.until(lambda: not panel.isVisible())
    person.until(lambda: (focus := QApplication.focusWidget()) is not None and focus.isVisible())
    person.opening.context.change_language("ja")
    person.rest()
    assert not panel_of(person).isVisible()
    person.close()
    assert make_preferences_file(console.settings.home, "op-a").read().values["first_tasks_ended"] is True
    assert not panel_of(sit()).isVisible()


def test_they_end_ten_days_after_the_first_start(seats: Seats, sit: Sit, clock: MovedClock) -> None:
    """By the console's clock, in an open window too; a clock that goes back doesn't bring them back."""
    person = seats.sit_first_time()
    panel = panel_of(person)
    clock.offset += timedelta(days=9, hours=23)
    reread(person)
    assert panel.isVisible()
    clock.offset += timedelta(hours=1)
    reread(person)
    person.until(lambda: not panel.isVisible())
    clock.offset -= timedelta(days=5)
    person.close()
    assert not panel_of(sit()).isVisible()


def test_each_language_has_its_words(seats: Seats) -> None:
    """After a switch the ticks and the remaining days are there, in the other language."""
    person = seats.sit_first_time()
    person.press("F1")
    person.dialog(HelpDialog)
    person.press("Esc")
    person.no_dialog()
    person.opening.context.change_language("ja")
    person.rest()
    panel = panel_of(person)
    assert panel.isVisible()
    assert states(person) == [
        "法人を検索, 未完了, Ctrl+K",
        "記録の理由を確認, 未完了, Enter",
        "ヘルプを表示, 完了, F1",
    ]
    assert panel.end_time_label.plain.endswith("まで")
    assert announced(person) == 1


def test_only_a_new_person_sees_them(console: Console, seats: Seats, sit: Sit) -> None:
    """Preferences of an earlier window are enough not to be new; a damaged file doesn't make anybody new. Another
    person at the same desk is new."""
    file = make_preferences_file(console.settings.home, "op-a")
    file.change({"theme": "light"})
    person = sit()
    assert not panel_of(person).isVisible()
    person.close()
    file.path.write_text("{")
    again = seats.sit_first_time()
    assert not panel_of(again).isVisible()
    again.opening.context.change_operator("lead-b")
    again.until(panel_of(again).isVisible)
