"""Tests of the scheduler: the process that runs a task, the time at which the task is due again, and the reports
about late and failed tasks.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import correlation as tracing
from console.domain.service_results import TaskRun
from console.domain.tasks.intervals import (
    INTERVAL_OF_TASK,
    LONGEST_RUN_TIME,
    RIGHT_OF_TASK,
    TASK_LEASE_PREFIX,
    get_interval,
)
from console.domain.tasks.records import Alert, ScheduledTask
from console.services.process.failpoints import FailpointReached, Failpoints
from console.services.process.heartbeat import Heartbeat
from console.services.recovery.queues import QueueReader
from console.services.tasks import overdue_alerts as late_tasks
from console.services.tasks import scheduler as scheduler_module
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.scheduler import Scheduler
from console.store.alerts import alerts, cases
from console.store.audit import anchors
from console.store.database import unreadable_rows
from console.store.operations import leases
from console.store.tasks import tasks as rows
from console.wording.sentences.catalogue import translate
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.waiting import MAX_WAIT_SECONDS

expects_task_failures = pytest.mark.expects_log("tasks fail here on purpose")
PROBE_INTERVAL = timedelta(seconds=get_interval("probes").seconds)


class CountedTasks:
    """Two tasks on a desk, `probes` and `refetches`, that count their runs. The task `probes` also calls `act`."""

    def __init__(self, console: Console) -> None:
        self.context = console._context
        self.runs: list[str] = []
        self.act: Callable[[], int] = lambda: 0
        self.heartbeat = Heartbeat(self.context.scale)
        self.heartbeat._beat_seconds = MAX_WAIT_SECONDS  # `beat` calls them: no thread does so on a slow machine
        self.scheduler = self.make_scheduler()

    def make_scheduler(self) -> Scheduler:
        """Return a scheduler for the same tasks, as another process would create it."""
        return Scheduler(
            self.context, self.heartbeat, (("probes", self._run_probes), ("refetches", self._run_refetches))
        )

    def _run_probes(self) -> int:
        """Count a run of the task `probes`, call `act` and return its result."""
        self.runs.append("probes")
        return self.act()

    def _run_refetches(self) -> int:
        """Count a run of the task `refetches`. Return 2, as if two records were read again."""
        self.runs.append("refetches")
        return 2

    @property
    def read_probes_row(self) -> ScheduledTask:
        """Return the stored row of the task `probes`."""
        return next(task for task in self.scheduler.read_task_states() if task.name == "probes")

    def let_probes_fail(self, error: Exception) -> None:
        """Let the task `probes` raise this error."""

        def raise_error() -> int:
            raise error

        self.act = raise_error

    def renew_leases_once(self) -> None:
        """Renew all leases once, as the heartbeat's thread does every 15 seconds."""
        for beat in list(self.heartbeat._beat_functions.values()):
            beat()

    def acquire_probes_lease(self) -> None:
        """Acquire the lease of the task `probes`, as another process would before it runs this task."""
        context, seconds = self.context, self.heartbeat.scale_lease_seconds
        name = TASK_LEASE_PREFIX + "probes"
        context.write(lambda tx: leases.acquire(tx, name, context.make_holder(), context.now(), seconds))

    def list_acquired_lease_names(self) -> set[str]:
        """Return the names of all held leases."""
        with self.context.database.read() as conn:
            return {holder.name for holder in leases.list_holders(conn)}

    def list_task_alerts(self) -> tuple[Alert, ...]:
        """Return the alerts about tasks."""
        with self.context.database.read() as conn:
            return alerts.list_open_alerts_of_rule(conn, late_tasks.OVERDUE_TASK_ALERT_RULE, 10)


@pytest.fixture
def tasks(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[CountedTasks]:
    """Yield the counted tasks on a desk with unscaled waits."""
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as console:
        made = CountedTasks(console)
        yield made
        made.heartbeat.close()


def test_a_due_task_runs_and_waits_for_its_interval(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """A new task runs at once, and then after its own interval; its row has the result of the run."""
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 0), TaskRun("refetches", 2))
    assert tasks.scheduler.run_due_tasks() == ()
    hand_clock.at += PROBE_INTERVAL
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 0),)
    probes = tasks.read_probes_row
    assert (probes.begun_at, probes.ended_at, probes.next_at) == (
        hand_clock.at,
        hand_clock.at,
        hand_clock.at + PROBE_INTERVAL,
    )
    assert (probes.handled_record_count, probes.error_code, probes.failures) == (0, None, 0)
    assert tasks.list_acquired_lease_names() == set()


def test_worker_once_runs_every_task(tasks: CountedTasks) -> None:
    """The command that runs all tasks once runs each task in order, whether it is due or not."""
    for _ in range(2):
        assert tasks.scheduler.run_all_tasks() == (TaskRun("probes", 0), TaskRun("refetches", 2))
    assert tasks.runs == ["probes", "refetches"] * 2


def test_tasks_due_within_the_margin_are_run_early(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """A scheduler that is called rarely also runs the tasks that become due within a margin after the call, and no
    later tasks.
    """
    tasks.scheduler.run_due_tasks()
    hand_clock.at += PROBE_INTERVAL - timedelta(seconds=10)
    assert tasks.scheduler.run_due_tasks(early_margin=timedelta(seconds=9)) == ()
    assert tasks.scheduler.run_due_tasks(early_margin=timedelta(seconds=10)) == (TaskRun("probes", 0),)


def test_a_task_that_is_due_soon_runs_with_a_due_one(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """In the last fifth of its interval a task runs only if another one is due, in the same pass."""
    tasks.scheduler.run_due_tasks()
    hand_clock.at += timedelta(seconds=35)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 0),)
    hand_clock.at += timedelta(seconds=24)  # "probes" is due in 6 s and "refetches" in 1 s
    assert tasks.scheduler.run_due_tasks() == ()
    hand_clock.at += timedelta(seconds=1)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 0), TaskRun("refetches", 2))


def test_a_due_task_of_another_process_runs_no_task_early(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """If another process runs the only due task, a task in the last fifth of its interval doesn't run early."""
    tasks.scheduler.run_due_tasks()
    hand_clock.at += timedelta(seconds=50)  # "probes" is due, "refetches" in 10 s
    tasks.acquire_probes_lease()
    assert tasks.scheduler.run_due_tasks() == ()
    hand_clock.at += timedelta(seconds=10)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("refetches", 2),)


@pytest.mark.parametrize("reason", ["right", "rollback"])
def test_a_due_task_that_is_left_out_runs_no_task_early(
    tasks: CountedTasks, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """The only due task may not run on this desk, because its person lacks the right or because the database has gone
    back to an earlier state. A task in the last fifth of its interval doesn't run early with it.
    """
    if reason == "right":
        monkeypatch.setattr(scheduler_module, "has_right", lambda person, right: False)
        monkeypatch.setitem(RIGHT_OF_TASK, "probes", "audit_root")
    else:
        monkeypatch.setattr(scheduler_module, "MONEY_TASK_NAMES", frozenset({"probes"}))
        monkeypatch.setattr(anchors, "find_open_rollback_alert_id", lambda conn: 1)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("refetches", 2),)
    hand_clock.at += timedelta(seconds=50)
    assert tasks.scheduler.run_due_tasks() == ()
    hand_clock.at += timedelta(seconds=10)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("refetches", 2),)


def test_a_task_with_a_full_batch_runs_again_soon(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """If a run processed a full batch, records may remain, so the task's next run comes soon instead of after its
    interval.
    """
    tasks.act = lambda: INTERVAL_OF_TASK["probes"].batch_size
    tasks.scheduler.run_due_tasks()
    hand_clock.at += timedelta(seconds=2)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 200),)


def test_a_running_task_is_not_started_again(tasks: CountedTasks) -> None:
    """If another process is running a task, the scheduler does not start that task and runs the other tasks."""
    inner: list[tuple[TaskRun, ...]] = []

    def run_inner_scheduler() -> int:
        if not inner:
            inner.append(tasks.make_scheduler().run_due_tasks())
        return 1

    tasks.act = run_inner_scheduler
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 1),)
    assert inner == [(TaskRun("refetches", 2),)]
    assert tasks.runs == ["probes", "refetches"]


def test_a_single_run_waits_for_a_running_task_with_a_limit(
    tasks: CountedTasks, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that runs all tasks once waits a limited time for a task that another process runs. It reports no
    processed record for that task and runs the other tasks.
    """
    before, inner, go_on = hand_clock.at, list[tuple[TaskRun, ...]](), hand_clock.sleep

    def sleep_and_beat(seconds: float) -> None:
        go_on(seconds)
        tasks.renew_leases_once()

    def run_in_second_thread() -> int:
        inner.append(tasks.make_scheduler().run_all_tasks())
        return 1

    monkeypatch.setattr(hand_clock, "sleep", sleep_and_beat)
    tasks.act = run_in_second_thread
    tasks.scheduler.run_due_tasks()
    assert inner == [(TaskRun("probes", 0), TaskRun("refetches", 2))]
    assert hand_clock.at - before >= timedelta(seconds=60)
    assert tasks.runs.count("probes") == 1


@expects_task_failures
def test_a_failed_task_is_postponed(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """A failing task waits longer after each failure, up to a limit, and its row has the error. The other tasks run,
    and a successful run resets the wait.
    """
    tasks.let_probes_fail(ConsoleError(ErrorCode.PROVIDER_UNREACHABLE))
    waits = []
    for _ in range(12):
        tasks.scheduler.run_due_tasks()
        waits.append(tasks.read_probes_row.next_at - hand_clock.at)
        hand_clock.at = tasks.read_probes_row.next_at
    assert waits[:3] == [PROBE_INTERVAL * 2, PROBE_INTERVAL * 4, PROBE_INTERVAL * 8]
    assert waits[-1] == timedelta(minutes=15)
    assert (tasks.read_probes_row.error_code, tasks.read_probes_row.failures) == ("provider_unreachable", 12)
    tasks.act = lambda: 3
    assert TaskRun("probes", 3) in tasks.scheduler.run_due_tasks()
    assert (tasks.read_probes_row.error_code, tasks.read_probes_row.failures) == (None, 0)
    assert "refetches" in tasks.runs


@expects_task_failures
def test_a_single_run_reports_a_failed_task_after_the_others(tasks: CountedTasks) -> None:
    """If one task fails in the command that runs all tasks once, the other tasks run, and then the command ends with
    that task's error.
    """
    tasks.let_probes_fail(ConsoleError(ErrorCode.PROVIDER_UNREACHABLE))
    with pytest.raises(ConsoleError) as refused:
        tasks.scheduler.run_all_tasks()
    assert refused.value.code == "provider_unreachable"
    assert tasks.runs == ["probes", "refetches"]
    tasks.let_probes_fail(ValueError("a bug of ours"))
    with pytest.raises(ValueError, match="bug"):
        tasks.scheduler.run_all_tasks()
    assert tasks.read_probes_row.error_code == "internal_error"
    assert tasks.list_acquired_lease_names() == set()


def test_a_run_that_broke_off_is_taken_over(tasks: CountedTasks) -> None:
    """An interrupted run releases its lease, and the task is due for the next process."""
    tasks.context.failpoints = Failpoints(("before_task_end", 1, "raise"))
    with pytest.raises(FailpointReached):
        tasks.scheduler.run_due_tasks()
    assert tasks.list_acquired_lease_names() == set()
    assert tasks.make_scheduler().run_due_tasks()[0] == TaskRun("probes", 0)
    assert tasks.runs == ["probes", "probes", "refetches"]


def test_the_task_of_a_dead_process_waits_for_its_lease(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """If a process dies while running a task, the task runs again as soon as the lease has expired, and not
    before.
    """
    tasks.acquire_probes_lease()
    assert tasks.scheduler.run_due_tasks() == (TaskRun("refetches", 2),)
    hand_clock.at += timedelta(seconds=46)
    assert tasks.scheduler.run_due_tasks() == (TaskRun("probes", 0),)


def test_a_run_that_lost_its_lease_stops_before_the_next_record(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """If another process has taken over the lease of a run, the run stops before its next record and does not
    overwrite the other run's row.
    """
    done: list[int] = []

    def iterate_and_stop() -> int:
        for record in iterate_until_stopped(range(5)):
            done.append(record)
            if record == 1:
                hand_clock.at += timedelta(seconds=60)
                tasks.act = lambda: 7
                tasks.make_scheduler().run_due_tasks()
                tasks.renew_leases_once()
        return len(done)

    tasks.act = iterate_and_stop
    tasks.scheduler.run_due_tasks()
    assert done == [0, 1]
    assert tasks.read_probes_row.handled_record_count == 7


def test_a_task_stores_its_position_during_a_run(tasks: CountedTasks) -> None:
    """A task that works in parts stores its position in its row during the run, and the end of the run does not
    change it.
    """

    def store_position_and_return_count() -> int:
        tasks.context.write(lambda tx: rows.store_task_position(tx.conn, "probes", "page 7"))
        return 5

    tasks.act = store_position_and_return_count
    tasks.scheduler.run_due_tasks()
    assert (
        tasks.read_probes_row.position,
        tasks.read_probes_row.handled_record_count,
        tasks.read_probes_row.failures,
    ) == ("page 7", 5, 0)
    assert tasks.read_probes_row.next_at == tasks.context.now() + PROBE_INTERVAL
    assert tasks.list_acquired_lease_names() == set()


def test_a_stopped_run_ends_between_two_records(tasks: CountedTasks) -> None:
    """A stopped run processes no further record and no further task. The remaining work is due at once for another
    worker.
    """
    stopped: list[bool] = []

    def count_records_and_stop() -> int:
        done = 0
        for record in iterate_until_stopped(range(5)):
            done += 1
            if record == 2:
                stopped.append(True)
        return done

    tasks.act = count_records_and_stop
    assert tasks.scheduler.run_due_tasks(should_stop=lambda: bool(stopped)) == (TaskRun("probes", 3),)
    assert tasks.list_acquired_lease_names() == set()
    tasks.act = lambda: 1
    assert tasks.make_scheduler().run_due_tasks() == (TaskRun("probes", 1), TaskRun("refetches", 2))


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_a_jump_of_the_clock_postpones_no_task(
    tasks: CountedTasks, hand_clock: ManualClock, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a jump of the clock by a day, each task runs once at once and is due again after its interval."""
    clock_error = [timedelta()]
    monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at + clock_error[0])
    tasks.scheduler.run_due_tasks()
    for wrong in (jump, timedelta()):
        clock_error[0] = wrong
        assert [run.task for run in tasks.scheduler.run_due_tasks()] == ["probes", "refetches"]
        assert tasks.scheduler.run_due_tasks() == ()
        assert tasks.read_probes_row.next_at == hand_clock.now() + PROBE_INTERVAL
    assert tasks.list_task_alerts() == ()


@expects_task_failures
def test_a_task_that_keeps_failing_has_one_alert(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """A task that keeps failing has one alert, which closes when the task has run successfully again."""
    tasks.let_probes_fail(ConsoleError(ErrorCode.PROVIDER_UNREACHABLE))
    for _ in range(6):
        tasks.scheduler.run_due_tasks()
        hand_clock.at += timedelta(minutes=20)
    (alert,) = tasks.list_task_alerts()
    assert (alert.rule_id, alert.subject_kind) == ("task_late", "task")
    assert "probes: failed 3 times, provider_unreachable" in alert.observed
    tasks.act = lambda: 0
    tasks.scheduler.run_due_tasks()
    assert tasks.list_task_alerts() == ()


@expects_task_failures
def test_a_process_without_the_task_leaves_its_alert(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """A process of another version, which doesn't have the failing task, doesn't resolve the alert about it. The
    alert would otherwise be raised and resolved in turn as long as both processes run.
    """
    tasks.let_probes_fail(ConsoleError(ErrorCode.PROVIDER_UNREACHABLE))
    other_version = Scheduler(tasks.context, tasks.heartbeat, (("refetches", lambda: 0),))
    ids: set[int] = set()
    for _ in range(8):
        tasks.scheduler.run_due_tasks()
        other_version.run_due_tasks()
        ids.update(alert.id for alert in tasks.list_task_alerts())
        hand_clock.at += timedelta(minutes=20)
    assert len(ids) == len(tasks.list_task_alerts()) == 1
    tasks.act = lambda: 0
    other_version.run_due_tasks()
    assert len(tasks.list_task_alerts()) == 1
    tasks.scheduler.run_due_tasks()
    assert tasks.list_task_alerts() == ()


def test_a_hanging_task_raises_an_alert(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """Another process raises an alert about a run that does not end; the end of the run closes the alert."""
    alert_counts: list[int] = []

    def run_too_long() -> int:
        if not alert_counts:
            for _ in range(LONGEST_RUN_TIME // timedelta(seconds=30) + 4):
                hand_clock.at += timedelta(seconds=30)
                tasks.renew_leases_once()
            tasks.make_scheduler().run_due_tasks()
            alert_counts.append(len(tasks.list_task_alerts()))
        return 0

    tasks.act = run_too_long
    tasks.scheduler.run_due_tasks()
    assert alert_counts == [1]
    hand_clock.at += timedelta(minutes=2)
    tasks.scheduler.run_due_tasks()
    assert tasks.list_task_alerts() == ()


def test_overdue_tasks_after_a_day_run_without_an_alert(tasks: CountedTasks, hand_clock: ManualClock) -> None:
    """After a day without a worker, every task is overdue; the scheduler runs all tasks and raises no alert."""
    tasks.scheduler.run_due_tasks()
    hand_clock.at += timedelta(days=1)
    tasks.scheduler.run_due_tasks()
    assert tasks.list_task_alerts() == ()


def test_each_run_of_a_task_has_a_correlation_id(tasks: CountedTasks) -> None:
    """Each run of a task has its own correlation id, which all its log lines contain; after the run none is set."""
    log_facts_of_runs: list[dict[str, str]] = []

    def record_log_facts() -> int:
        log_facts_of_runs.append(dict(tracing.get_current_log_facts()))
        return 0

    tasks.act = record_log_facts
    tasks.scheduler.run_all_tasks()
    tasks.scheduler.run_all_tasks()
    assert [facts["task"] for facts in log_facts_of_runs] == ["probes", "probes"]
    assert len({facts["correlation"] for facts in log_facts_of_runs}) == 2
    assert tracing.find_correlation_id() is None


def test_the_doctor_reports_late_tasks(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> None:
    """The command `doctor` reports tasks that have not run for long. It reports no task while the tasks run, or
    before any task has ever run.
    """
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as console:

        def read_tasks_check() -> tuple[bool, object]:
            """Return if the health check of the tasks succeeds, and the names of the late tasks ("-" for none)."""
            (check,) = (check for check in console.health.run_all_checks() if check.name == "tasks")
            assert "probes" not in translate(check.message, "ja", **check.facts), (
                "the sentence has the words of tasks"
            )
            return check.ok, check.facts["late"]

        assert read_tasks_check() == (True, "-")
        console.recovery.run_all_tasks()
        assert read_tasks_check() == (True, "-")
        hand_clock.at += timedelta(minutes=10)
        ok, late = read_tasks_check()
        assert not ok
        assert "probes" in str(late)
        console.recovery.run_due_tasks()
        assert read_tasks_check() == (True, "-")


def test_leases_of_tasks_are_not_listed_for_people(tasks: CountedTasks) -> None:
    """The short leases of tasks are not in the list of leases for which people wait."""
    context = tasks.context
    context.write(
        lambda tx: leases.acquire(tx, TASK_LEASE_PREFIX + "probes", context.make_holder(), context.now(), 45)
    )
    context.write(lambda tx: leases.acquire(tx, "credit_check_1", context.make_holder(), context.now(), 45))
    assert [holder.name for holder in QueueReader(context, lambda _, records: records).list_lease_holders()] == [
        "credit_check_1"
    ]


@expects_task_failures
def test_a_case_of_an_unreadable_row_that_cannot_be_opened_is_opened_later(
    tasks: CountedTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database cannot be reached when the worker opens the case about an unreadable row, the next run opens
    the case once.
    """
    unreadable_rows.read_readable_rows("sagas", [(str(uuid4()),)], lambda row: int(row[0]), lambda _: ("order", 7))

    def raise_unreachable(*_: object) -> bool:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    with monkeypatch.context() as patch:
        patch.setattr(cases, "open_case", raise_unreachable)
        tasks.scheduler.run_all_tasks()
    for _ in range(2):
        tasks.scheduler.run_all_tasks()
        with tasks.context.database.read() as conn:
            assert cases.list_rules_of_open_cases(conn, "order", 7) == ("row_unreadable",)
    assert unreadable_rows.pop_unreported_rows() == ()
