"""Tests of the times at which a window reads the counts of waiting work again, and of the people for whom it shows
them.
"""

from collections.abc import Iterator
from datetime import datetime

import pytest
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.domain.bulk.records import ChosenRecord
from console.domain.clock import SystemClock
from console.domain.errors import ConsoleError
from console.domain.queues.saved_views import ViewContent
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.views.app.background_refresh import BackgroundRefresh
from console.views.frame.status_bar import make_alarmbox_cell
from console.views.presenters.credit_checks import format_clock_time
from console.views.runtime.context import Toast, WindowContext
from tests.support.inline_runner import InlineRunner
from tests.support.places import Place
from tests.support.sent_statements import record_statements


@pytest.fixture
def console(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    with place.open_desk(sandbox) as console:
        yield console


class WindowCounts:
    """The parts of a window that read the counts of waiting work, without the window itself. A test executes their
    calls one by one.
    """

    def __init__(self, console: Console) -> None:
        self.runner = InlineRunner(paused=True)
        self.context = WindowContext(console.settings, self.runner, SystemClock())
        self.refresh = BackgroundRefresh(self.context, self.context)
        self.context.store_services(console)
        self.refresh.stop_timers()
        self.execute_all_tasks()

    def execute_all_tasks(self) -> None:
        while self.runner.waiting_task_count:
            self.runner.execute_oldest_task()


def test_a_change_during_a_read_of_counts_causes_another_read(qapp: QApplication, console: Console) -> None:
    """If a change arrives while the window reads the counts, the window reads them once more, because the running
    read may have begun before the change. A tick of the timer during a read causes no second read.
    """
    desk = WindowCounts(console)
    desk.refresh.read_work_counts()
    desk.refresh._counts_timer.timeout.emit()
    assert desk.runner.waiting_task_count == 1
    desk.runner.execute_oldest_task()
    assert desk.runner.waiting_task_count == 0
    desk.refresh.read_work_counts()
    for _ in range(3):
        desk.context.work_counts_outdated.emit()
    assert desk.runner.waiting_task_count == 1
    desk.runner.execute_oldest_task()
    assert desk.runner.waiting_task_count == 1
    desk.runner.execute_oldest_task()
    assert desk.runner.waiting_task_count == 0


def test_a_reading_of_the_counts_looks_the_person_up_once(qapp: QApplication, console: Console) -> None:
    """One reading of the counts has ten reads that need the person's right to read, and looks the person up once."""
    desk = WindowCounts(console)
    desk.refresh.read_work_counts()
    with record_statements(console) as sent:
        desk.execute_all_tasks()
    lookups = [statement for statement in sent if "FROM operators" in statement]
    assert lookups
    assert len(lookups) == len(set(lookups))  # on SQLite, a second statement asks if the table is empty


@pytest.mark.engines("sqlite")  # a server knows one person per account
def test_the_counts_of_another_person_are_not_shown(qapp: QApplication, console: Console) -> None:
    """If another person signs in while the window reads the counts, the window doesn't show the result, and reads the
    counts of the new person.
    """
    desk = WindowCounts(console)
    desk.refresh.read_work_counts()
    desk.context.change_operator("lead-b")
    stored: list[str | None] = []
    desk.context.work_counts_changed.connect(lambda: stored.append(desk.context.work_counts.person))
    desk.execute_all_tasks()
    assert stored == ["lead-b"]


@pytest.mark.engines("sqlite")  # a server knows one person per account
def test_the_saved_views_of_another_person_are_read_after_a_running_read(
    qapp: QApplication, console: Console
) -> None:
    """If another person signs in while the window reads the saved views, the window reads those of the new person
    directly after that, although it doesn't begin a second read at the same time.
    """
    with console.acting_as("lead-b"):
        view = console.saved_views.save_view("unknown checks", False, ViewContent("unknown", "", "", "-age"))
    desk = WindowCounts(console)
    desk.refresh.read_saved_views()
    desk.context.change_operator("lead-b")
    desk.execute_all_tasks()
    assert [count.view.id for count in desk.context.saved_views] == [view.id]


def test_a_change_of_a_record_is_counted_in_the_saved_views(
    qapp: QApplication, console: Console, sandbox: Sandbox
) -> None:
    """After a change of a record, the window reads the saved views together with the counts, so that a view and its
    queue show the same number."""
    view = console.saved_views.save_view("unknown checks", False, ViewContent("unknown", "", "", "-age"))
    desk = WindowCounts(console)
    for read in (desk.refresh.read_saved_views, desk.refresh.read_change_feed):
        read()
        desk.execute_all_tasks()
    assert [(count.view.id, count.count) for count in desk.context.saved_views] == [(view.id, 0)]
    sandbox.control.add_fault("status_after_charge:500", call="purchase")
    with pytest.raises(ConsoleError):
        console.credit_checks.purchase(PurchaseRequest("1180301018771", "1"))
    desk.refresh.read_change_feed()
    desk.execute_all_tasks()
    assert [count.count for count in desk.context.saved_views] == [1]


def test_the_end_of_an_act_reports_the_changed_records(qapp: QApplication, console: Console) -> None:
    """After an acting call, the window reads at once which records the call has changed, so that the page behind a
    dialog shows their new state before the person closes the dialog."""
    desk = WindowCounts(console)
    desk.refresh.read_change_feed()
    desk.execute_all_tasks()
    changed: list[frozenset[tuple[str, int]]] = []
    desk.context.records_changed.connect(changed.append)
    checks: list[CreditCheck] = []
    desk.context.run_acting_call(
        lambda services, request_id: services.credit_checks.purchase(
            PurchaseRequest("1180301018771", "1"), request_id=request_id
        ),
        checks.append,
        lambda failure: pytest.fail(failure.code),
        caller=desk.context,
        label="",
        make_toast=lambda _: Toast("", subject_title=""),
        attempt="purchase",
    )
    desk.execute_all_tasks()
    assert [changes for changes in changed if ("credit-check", checks[0].id) in changes]


def read_answer_time(desk: WindowCounts) -> datetime | None:
    """Let the window read the counts, and return the time of AlarmBox's newest answer that the window has then."""
    desk.refresh.read_work_counts()
    desk.execute_all_tasks()
    return desk.context.connection_state.alarmbox_answered_at


def test_the_answers_to_a_bulk_run_count_for_the_status_bar(qapp: QApplication, console: Console) -> None:
    """The status bar shows the time of a provider's newest answer, also if it came to a bulk run. It shows no answer
    from before the window was opened, and keeps the measured duration of a newer answer.
    """
    check = console.credit_checks.purchase(PurchaseRequest("1180301018771", "1"))
    desk = WindowCounts(console)
    context = desk.context
    assert read_answer_time(desk) is None, "answered before the window was opened"
    assert make_alarmbox_cell(context).text == context.translate("status.not_asked")
    run = console.bulk_runs.create_run("refetch", [ChosenRecord("credit-check", check.id, check.version)])
    begun_at = context.now()
    assert console.bulk_runs.run(run.id).state == "done"
    answered_at = read_answer_time(desk)
    assert answered_at is not None
    assert begun_at <= answered_at <= context.now()
    cell = make_alarmbox_cell(context)
    assert (cell.icon_name, cell.text) == (
        "check",
        context.translate("status.answered_at", at=format_clock_time(answered_at, context.now())),
    )
    context.update_connection_state(alarmbox_answer_seconds=0.4, alarmbox_answered_at=context.now())
    assert read_answer_time(desk) != answered_at
    assert context.connection_state.alarmbox_answer_seconds == 0.4
