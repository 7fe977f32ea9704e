"""Tests of the administration page in a window of invented services."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.views.admin.page import AdminPage
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import AdminRoute
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.inline_runner import InlineRunner
from tests.support.quick_desks import open_quick_desk


@pytest.mark.usefixtures("appearance")
def test_another_person_sees_no_limits_of_an_administrator(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another person becomes the acting person while the page shows the limits and the tasks, and the page can't be
    read for this person: it shows neither. The read-only switches, which everyone may read, stay.
    """
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox()) as desk:
        desk.scheduler.run_all_tasks()
        context = WindowContext(desk.settings, InlineRunner(), desk._context.clock)
        context.operator = "adm-f"
        context.store_services(desk)
        page = AdminPage(context)
        qtbot.addWidget(page)
        page.show()
        page.show_route(AdminRoute())
        restricted_tables = (page.limit_table, page.task_table)
        assert all(table.all_rows for table in (*restricted_tables, page.switch_table))

        def fail() -> None:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, {})

        monkeypatch.setattr(desk.disabled_people, "list_people", fail)
        context.change_operator("op-a")
        assert "failed" in page.list_bar_names()
        assert [len(table.all_rows) for table in restricted_tables] == [0, 0]
        assert page.switch_table.all_rows


@pytest.mark.usefixtures("appearance")
def test_a_late_read_for_an_administrator_shows_no_limits_to_another_person(tmp_path: Path, qtbot: QtBot) -> None:
    """Another person becomes the acting person while the page is being read for an administrator. The page doesn't
    show the data that the administrator may see, but waits for the data that it reads for the other person."""
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox()) as desk:
        desk.scheduler.run_all_tasks()
        runner = InlineRunner(paused=True)
        context = WindowContext(desk.settings, runner, desk._context.clock)
        context.operator = "adm-f"
        context.store_services(desk)
        page = AdminPage(context)
        qtbot.addWidget(page)
        page.show()
        page.show_route(AdminRoute())
        restricted_tables = (page.limit_table, page.task_table)
        context.change_operator("op-a")
        runner.execute_oldest_task()
        assert [len(table.all_rows) for table in restricted_tables] == [0, 0]
        while runner.waiting_task_count:
            runner.execute_oldest_task()
        assert page.switch_table.all_rows
