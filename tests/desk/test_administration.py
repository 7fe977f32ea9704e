"""The administration shows how the installation is: checks, the worker's tasks, reason codes. All of it is read."""

import pytest

from console.app import Console
from console.domain.payments.refund_reasons import RefundReason
from console.views.admin.page import AdminPage
from console.views.runtime.routes import AdminRoute
from tests.desk.conftest import Sit

pytestmark = pytest.mark.both_ways


def test_health_schedules_and_reasons(sit: Sit, console: Console) -> None:
    """Each tab has the rows of its service, and none of them has a button."""
    console.recovery.run_scheduled()  # nothing at a desk that asks a worker
    person = sit()
    person.frame.show_route(AdminRoute())
    page = person.page(AdminPage)
    person.until(lambda: bool(page.health_table.all_rows) and bool(page.people_table.all_rows))
    assert page.tabs.count() == 6
    checks = [row.name for row in page.health_table.all_rows]
    assert {"database", "tasks", "alarmbox", "paypay", "atom"} <= set(checks)
    tasks = [row.task.name for row in page.task_table.all_rows]
    assert set(tasks) == {task.name for task in console.scheduler.read_states()}
    assert list(page.reason_table.all_rows) == list(RefundReason)
    for place, table in ((3, page.health_table), (4, page.task_table), (5, page.reason_table)):
        page.tabs.setCurrentIndex(place)
        person.rest()
        assert table.isVisible()
        assert not any(button.isVisible() for button in (page.switch_button, page.limit_button))
