"""The administration page shows the state of the installation: the checks, the worker's tasks, the reason codes. A
person sees only the tabs that their own roles may see; another tab says who may see it.
"""

from datetime import timedelta

import pytest

from console.app import Console
from console.domain.access.permissions import ADMIN
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import Person as Operator
from console.views.admin.page import AdminPage
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import AdminRoute
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.support.desks import MovedClock

pytestmark = pytest.mark.both_ways


def test_each_tab_has_the_rows_of_its_service(open_window: OpenWindow, console: Console) -> None:
    """The tabs of the administration page for checks, tasks and reason codes have the rows that their services
    return, and no button.
    """
    console.recovery.run_due_tasks()  # nothing at a desk that asks a worker
    person = open_window()
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: bool(page.health_table.all_rows) and bool(page.people_table.all_rows))
    assert page.tabs.count() == 6
    checks = [row.name for row in page.health_table.all_rows]
    assert {"database", "tasks", "alarmbox", "paypay", "atom"} <= set(checks)
    tasks = [row.task.name for row in page.task_table.all_rows]
    assert set(tasks) == {task.name for task in console.scheduler.read_task_states()}
    assert list(page.reason_table.all_rows) == list(RefundReason)
    shown_tasks = page.task_table if tasks else page.no_tasks_state  # words instead of a head without rows
    for place, shown in ((3, page.health_table), (4, shown_tasks), (5, page.reason_table)):
        page.tabs.setCurrentIndex(place)
        person.wait_until_read()
        assert shown.isVisible()
        assert not any(button.isVisible() for button in (page.switch_button, page.limit_button))
        assert not {"O", "C"} & list_hinted_keys(page)
    page.tabs.setCurrentIndex(0)
    person.wait_until_read()
    assert not {"O", "C"} & list_hinted_keys(page), "the person may not use the read-only switch"


def list_hinted_keys(page: AdminPage) -> set[str]:
    return {key for keys, _ in page.hint_bar.key_hints for key in keys}


def test_a_page_opened_before_the_rights_are_known_reads_its_tabs(
    open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the administration page is opened before the window knows the person's rights, the tabs that the person may
    see are read as soon as the rights are known. The tab of the limits then has a text in place of the limits.
    """
    person = open_window()
    with monkeypatch.context() as patch:
        patch.setattr(WindowContext, "find_missing_right_reason", lambda *_: "")
        person.frame.show_route(AdminRoute())
        page = person.wait_for_page(AdminPage)
        person.wait_until(lambda: bool(page.switch_table.all_rows))
    assert page.list_bar_names() == ()
    page.tabs.setCurrentIndex(1)
    person.wait_until_read()
    assert isinstance(page.content_stack.currentWidget(), EmptyState)


def test_schedules_say_that_no_task_has_run(open_window: OpenWindow, console: Console) -> None:
    """Before any task has run, the tab of the schedules says so in a sentence, instead of showing an empty table."""
    assert not console.scheduler.read_task_states()
    person = open_window()
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: bool(page.people_table.all_rows))
    page.tabs.setCurrentIndex(4)
    person.wait_until_read()
    assert page.no_tasks_state.isVisible() is not bool(page.task_table.all_rows)
    assert page.task_table.isVisible() is bool(page.task_table.all_rows)


def test_an_administrator_without_another_role_sees_no_schedules(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A person with only the role administrator sees the tabs for switches, limits, people and checks. A database
    server refuses the schedules to this person, and their tab says so; a desk with a SQLite file shows them. The
    button that changes a limit is enabled.
    """
    window_desks.add_person(Operator("adm-f", frozenset({ADMIN}), may_buy=False))
    person = window_desks.switch_person(open_window(), "adm-f")
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: bool(page.limit_table.all_rows) and bool(page.health_table.all_rows))
    assert page.switch_table.all_rows
    assert page.people_table.all_rows
    assert not [bar.accessibleName() for bar in page.findChildren(NotificationBar) if bar.isVisible()]
    page.tabs.setCurrentIndex(4)
    shown = page.content_stack.currentWidget()
    if window_desks.get_password_of("adm-f"):
        assert shown is not None
        assert shown.accessibleName() == "Only operators, approvers and auditors can see the due tasks."
    else:
        assert shown is (page.task_table if page.task_table.all_rows else page.no_tasks_state)
    page.tabs.setCurrentIndex(1)
    assert page.limit_button.isVisible()
    assert page.limit_button.isEnabled()


def test_the_page_updates_late_tasks_without_a_reload(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, clock: MovedClock
) -> None:
    """The open administration page shows that a task is late, and later that the task has run again. The person does
    not need to reload the page.
    """
    clock.stop()
    window_desks.acting_desk.scheduler.run_all_tasks()
    person = open_window()
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    page.tabs.setCurrentIndex(4)
    person.wait_until(lambda: bool(page.task_table.all_rows) and bool(page.health_table.all_rows))
    person.wait_until_read()
    assert not any(row.is_overdue for row in page.task_table.all_rows)
    assert has_passed_task_check(page)
    clock.offset += timedelta(hours=2)
    person.frame._show_clock()
    person.wait_until(lambda: any(row.is_overdue for row in page.task_table.all_rows))
    person.wait_until(lambda: not has_passed_task_check(page))  # both tabs say the same
    clock.offset += timedelta(minutes=1)
    window_desks.acting_desk.scheduler.run_all_tasks()
    person.frame._show_clock()
    person.wait_until(lambda: not any(row.is_overdue for row in page.task_table.all_rows))
    person.wait_until(lambda: has_passed_task_check(page))


def has_passed_task_check(page: AdminPage) -> bool:
    (check,) = (check for check in page.health_table.all_rows if check.name == "tasks")
    return bool(check.ok and not check.next)


def test_the_refused_tab_of_the_limits_names_the_administrators(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A person without the right to see the limits reads who has it."""
    window_desks.add_person(Operator("adm-f", frozenset({ADMIN}), may_buy=False))
    person = window_desks.switch_person(open_window(), "aud-e")
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: bool(page.people_table.all_rows))
    page.tabs.setCurrentIndex(1)
    person.wait_until_read()
    shown = page.content_stack.currentWidget()
    assert isinstance(shown, EmptyState)
    assert "adm-f" in shown.title
