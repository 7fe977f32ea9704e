"""The scheduler of due tasks. Each task has a row in the database; all workers and open windows that use the database
share these rows.

A task is due at the time in its row. The process that runs the task holds the lease `task_{name}`, so that no other
process runs the task at the same time. If that process is killed, the task stays due, and another process runs it
after the lease has expired.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.domain.access.permissions import has_right
from console.domain.audit.actions import AuditAction
from console.domain.clock import Clock, TimeScale
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.process import correlation as tracing
from console.domain.process import interrupts
from console.domain.records import Person
from console.domain.service_results import TaskRun
from console.domain.tasks.intervals import (
    FULL_BATCH_INTERVAL,
    RIGHT_OF_TASK,
    TASK_LEASE_PREFIX,
    TaskInterval,
    compute_early_margin,
    compute_longest_wait,
    compute_wait_after_failures,
    get_interval,
)
from console.domain.tasks.records import ScheduledTask
from console.services.audit import refusals
from console.services.guarded import database_rollback
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.process.heartbeat import Heartbeat
from console.services.tasks.cancellation import stop_when_false
from console.services.tasks.due_tasks import DueTask, open_cases_of_unreadable_rows
from console.services.tasks.overdue_alerts import OverdueTaskAlerts
from console.store.audit import anchors
from console.store.database import compare_and_swap
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import leases
from console.store.operations.leases import Lease
from console.store.tasks import tasks

MONEY_TASK_NAMES = frozenset({"refund_submissions", "payment_timeouts", "bulk_runs", "set_aside_refunds"})
"""Names of the tasks that send money, request refunds, decide about orders or act in the name of people. None of them
runs while an open alert says that the database has gone back to an earlier state.
"""
MAX_WAIT_FOR_TASK_RUN_SECONDS = 60.0
"""Longest time in seconds for which `run_all_tasks` waits for a task that another process runs."""
_FIRST_LEASE_POLL_PAUSE_SECONDS = 0.01
_LONGEST_LEASE_POLL_PAUSE_SECONDS = 0.25
_log = logging.getLogger("console.worker")


TaskDuePredicate = Callable[[ScheduledTask], bool]
"""A function that is called under the task's lease. It returns True if the task is to run now."""


def _never_stop() -> bool:
    return False


def _treat_every_task_as_due(_: ScheduledTask) -> bool:
    """Return True for every task. A caller passes this function to the scheduler's methods if a task must run even if
    it is not due."""
    return True


@dataclass
class _TaskRun:
    """One run of one due task in this process. `name` and `interval` are those of the task; `task` is the task's row
    as it was read at the beginning of the run. If `should_stop` returns True, the run ends after its present record.
    `is_lease_lost` becomes True if another process has acquired the task's lease. `handled_record_count` is the
    number of handled records, `error` the exception that ended the run (None: the run did not fail)."""

    name: str
    interval: TaskInterval
    lease: Lease
    task: ScheduledTask
    should_stop: Callable[[], bool]
    is_lease_lost: bool = False
    handled_record_count: int = 0
    error: Exception | None = field(default=None, repr=False)

    def may_continue(self) -> bool:
        """True while the run may continue: this process still holds the task's lease, and `should_stop` returns
        False."""
        return not (self.is_lease_lost or self.should_stop())

    @property
    def error_code(self) -> str | None:
        """The error code of the exception that ended the run; None if the run did not fail."""
        if self.error is None:
            return None
        return self.error.code if isinstance(self.error, ConsoleError) else ErrorCode.INTERNAL_ERROR

    def find_next_time(self, now: datetime, context: ServiceContext) -> datetime:
        """Return the time of the task's next run, counted from `now` and not from the time in the row, which a
        wrong clock may have stored."""
        if self.error is not None:
            return now + context.scale.scale_duration(
                compute_wait_after_failures(self.interval.duration, self.task.failures + 1)
            )
        if self.should_stop():
            return now  # due immediately, so that another worker continues
        is_batch_full = 0 < self.interval.batch_size <= self.handled_record_count
        return now + context.scale.scale_duration(
            min(FULL_BATCH_INTERVAL, self.interval.duration) if is_batch_full else self.interval.duration
        )


class Scheduler:
    """Runs the due tasks in the sequence of `all_tasks`, because a task can create work for the tasks after it. Two
    kinds of tasks are left out: those for which this desk's person lacks the right (RIGHT_OF_TASK), and those in
    MONEY_TASK_NAMES while an open alert says that the database has gone back to an earlier state. May be used by
    several threads at the same time."""

    def __init__(self, context: ServiceContext, heartbeat: Heartbeat, all_tasks: Sequence[DueTask]) -> None:
        self._context = context
        self._heartbeat = heartbeat
        self._tasks = dict(all_tasks)
        self._overdue_alerts = OverdueTaskAlerts(context, self._tasks)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The names of the tasks, in the sequence in which they run."""
        return tuple(self._tasks)

    @property
    def clock(self) -> Clock:
        """The clock of the service context, by which the scheduler reads the present time."""
        return self._context.clock

    @property
    def scale(self) -> TimeScale:
        """The time scale of the service context: it divides every duration for which the scheduler waits."""
        return self._context.scale

    def require_right_to_run_tasks(self) -> None:
        """Check that the connected database account may run due tasks in this process. If it may not, write an audit
        entry and raise not_allowed. The account of a person for whom a worker acts may not run due tasks.
        """
        with (
            refusals.audit_refusals(self._context, AuditAction.TASKS_RUN, None, kind="task"),
            self._act_as_worker(),
        ):
            if self._context.acts_through_worker:
                detail: NotAllowedDetail = {
                    "operator": self._context.operator or "",
                    "reason": NotAllowedReason.RIGHT_MISSING,
                    "needs": [WORKER],
                }
                raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)

    def read_task_states(self) -> tuple[ScheduledTask, ...]:
        """Return the stored state of each task that has ever run on this database: its times, its last result and
        its failures."""
        with self._context.database.read() as conn:
            return tasks.list_tasks(conn)

    def run_due_tasks(
        self, should_stop: Callable[[], bool] = _never_stop, early_margin: timedelta = timedelta()
    ) -> tuple[TaskRun, ...]:
        """Run the due tasks that no other process runs, and return their runs. After `should_stop` returns True, the
        running task ends after its present record, and no other task begins.

        A task that becomes due within `early_margin` also runs now; this is for callers that call this method only at
        long intervals. If any task runs, tasks that are due a little later run with it (`compute_early_margin`). If a
        task fails, the failure is logged and stored in the task's row, and the next task runs.
        Raises not_allowed for a database account that may not run tasks, and database_unreachable if the database
        doesn't answer.
        """
        pass_began_at = self._context.now()
        due_names = self._list_due_task_names(self._tasks, early_margin)
        if not due_names:
            return ()
        runs: list[_TaskRun] = []
        with self._act_as_worker() as person:
            run: _TaskRun | None = None
            names = self._exclude_money_tasks_after_rollback(_select_permitted_task_names(self._tasks, person))
            if len(names) < len(self._tasks):  # a due task that is left out lets no other task run early
                due_names = self._list_due_task_names(names, early_margin)
            for name in due_names:
                if should_stop() or interrupts.is_interrupt_pending():
                    break
                run = self._end_and_begin_run(
                    run, name, should_stop, lambda task: self._is_due_with_others(task, early_margin)
                )
                runs += [self._run_task(run)] if run else []
            self._end_and_begin_run(run)
            open_cases_of_unreadable_rows(self._context)
            if not should_stop():
                self._overdue_alerts.update_alerts(pass_began_at)
        return tuple(TaskRun(run.name, run.handled_record_count) for run in runs)

    def run_all_tasks(self) -> tuple[TaskRun, ...]:
        """Run every task once, whether it is due or not, except the tasks that are left out (see the class), and
        return the runs. If another process runs a task, wait for it at most MAX_WAIT_FOR_TASK_RUN_SECONDS; if it
        still runs the task then, this process doesn't run it, and the count of its records is 0.

        If tasks fail, the exception of the first of them is raised after all tasks have run. Raises not_allowed for a
        database account that may not run tasks.
        """
        self.require_right_to_run_tasks()
        pass_began_at = self._context.now()
        runs: dict[str, _TaskRun | None] = {}
        with self._act_as_worker() as person:
            run: _TaskRun | None = None
            for name in self._exclude_money_tasks_after_rollback(_select_permitted_task_names(self._tasks, person)):
                if interrupts.is_interrupt_pending():
                    break
                run = runs[name] = self._end_and_begin_run(run, name) or self._wait_and_begin_run(name)
                if run:
                    self._run_task(run)
            self._end_and_begin_run(run)
            open_cases_of_unreadable_rows(self._context)
            self._overdue_alerts.update_alerts(pass_began_at)
        for task_run in runs.values():
            if task_run and task_run.error:
                raise task_run.error
        return tuple(
            TaskRun(name, task_run.handled_record_count if task_run else 0) for name, task_run in runs.items()
        )

    @contextmanager
    def _act_as_worker(self) -> Iterator[Person]:
        with act_as(WORKER):
            yield self._context.require_right("due_tasks")

    # Due tasks

    def _exclude_money_tasks_after_rollback(self, names: Sequence[str]) -> Sequence[str]:
        """Return the task names. If an open alert says that the database has gone back to an earlier state, leave out
        the names in MONEY_TASK_NAMES."""
        database_rollback.find_database_rollback(self._context)
        with self._context.database.read() as conn:
            is_stopped = anchors.find_open_rollback_alert_id(conn) is not None
        return [name for name in names if name not in MONEY_TASK_NAMES] if is_stopped else names

    def _list_due_task_names(self, names: Collection[str], early_margin: timedelta) -> list[str]:
        """Return those of `names` whose tasks must run now and whose lease no process holds: tasks that are due now
        or within `early_margin`, and tasks that run together with them (`_is_due_with_others`). If other processes
        hold the leases of all due tasks, the result is empty. Another process may still acquire the lease of a task
        before this process."""
        with self._context.database.read() as conn:
            stored_tasks = {task.name: task for task in tasks.list_tasks(conn)}
            rows = [(name, stored_tasks.get(name)) for name in names]
            due_names = {name for name, task in rows if task is None or self._is_due(task, early_margin)}
            held_lease_names = _list_acquired_lease_names(conn) if due_names else ()
        free_rows = [(name, task) for name, task in rows if TASK_LEASE_PREFIX + name not in held_lease_names]
        if due_names.isdisjoint(name for name, _ in free_rows):
            return []
        return [name for name, task in free_rows if task is None or self._is_due_with_others(task, early_margin)]

    def _is_due(self, task: ScheduledTask, early_margin: timedelta = timedelta()) -> bool:
        """True if the task is due now or within `early_margin`. Also True if the time of its next run is further in
        the future than this task ever waits: a process whose clock was ahead must have stored that time."""
        wait = task.next_at - self._context.now()
        scale = self._context.scale
        return wait <= scale.scale_duration(early_margin) or wait > scale.scale_duration(
            compute_longest_wait(get_interval(task.name).duration)
        )

    def _is_due_with_others(self, task: ScheduledTask, early_margin: timedelta) -> bool:
        """True if the task must run now, while another task runs: it is due (`_is_due`) or will be due soon
        (`compute_early_margin`)."""
        return self._is_due(task, max(early_margin, compute_early_margin(get_interval(task.name).duration)))

    # Begin and end a run

    def _end_and_begin_run(
        self,
        ended_run: _TaskRun | None,
        task_name: str | None = None,
        should_stop: Callable[[], bool] = _never_stop,
        is_due: TaskDuePredicate = _treat_every_task_as_due,
    ) -> _TaskRun | None:
        """End the run `ended_run` and begin a run of the task `task_name`, in one transaction. With `ended_run` None,
        no run is ended; with `task_name` None, no run begins. The new run stops early if `should_stop` returns True.
        Return the new run; None if no run begins. No run begins if another process holds the task's lease, or if
        `is_due` returns False for the task.
        """
        if ended_run is None and task_name is None:
            return None

        @compare_and_swap.run_again_if_stale()
        def end_and_begin(tx: Transaction) -> _TaskRun | None:
            if ended_run is not None:
                self._end_run(tx, ended_run)
            return None if task_name is None else self._begin_run(tx, task_name, should_stop, is_due)

        return self._context.write(end_and_begin)

    def _wait_and_begin_run(self, task_name: str) -> _TaskRun | None:
        """Wait until another process has ended its run of the task, then begin a run and return it. Return None if
        the other process still runs the task after MAX_WAIT_FOR_TASK_RUN_SECONDS, or if a signal asks this process
        to end."""
        context, pause_seconds = self._context, _FIRST_LEASE_POLL_PAUSE_SECONDS
        deadline = context.clock.monotonic() + context.scale.scale_seconds(MAX_WAIT_FOR_TASK_RUN_SECONDS)
        while context.clock.monotonic() < deadline and not interrupts.is_interrupt_pending():
            context.clock.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, _LONGEST_LEASE_POLL_PAUSE_SECONDS)
            if not self._is_task_leased(task_name) and (run := self._end_and_begin_run(None, task_name)):
                return run
        _log.info("task %s: another process is running it", task_name)
        return None

    def _is_task_leased(self, task_name: str) -> bool:
        with self._context.database.read() as conn:
            return leases.find_holder(conn, TASK_LEASE_PREFIX + task_name) is not None

    def _begin_run(
        self, tx: Transaction, task_name: str, should_stop: Callable[[], bool], is_due: TaskDuePredicate
    ) -> _TaskRun | None:
        context, interval = self._context, get_interval(task_name)
        now = context.now()
        lease = leases.acquire(
            tx, TASK_LEASE_PREFIX + task_name, context.make_holder(), now, self._heartbeat.scale_lease_seconds
        )
        if lease is None:
            return None
        task = tasks.find_or_insert_task(tx.conn, task_name, interval.seconds, now)
        if is_due(task):
            return _TaskRun(task_name, interval, lease, tasks.begin_run(tx.conn, task, now), should_stop)
        leases.release(tx.conn, lease)
        return None

    def _end_run(self, tx: Transaction, run: _TaskRun) -> None:
        """Store the result and the end of the run in the task's row, and release the lease. If another process has
        begun the task again meanwhile, leave the row unchanged, because that process stores its own end."""
        now = self._context.now()

        def write_end(task: ScheduledTask) -> None:
            tasks.end_run(
                tx.conn,
                task,
                now,
                run.handled_record_count,
                run.error_code,
                run.find_next_time(now, self._context),
                task.position,
            )

        try:
            write_end(run.task)
        except (
            compare_and_swap.StaleRow
        ):  # another process has taken the task over, or the task has stored its position
            task = tasks.find_or_insert_task(tx.conn, run.name, run.interval.seconds, now)
            if task.begun_at == run.task.begun_at:
                write_end(task)
        leases.release(tx.conn, run.lease)

    # Execute a run

    def _run_task(self, run: _TaskRun) -> _TaskRun:
        """Run the task while the heartbeat renews its lease. Return the run, which `_end_and_begin_run` must end.
        If an exception such as a signal ends this thread, release the lease immediately."""
        started_at = self._context.clock.monotonic()
        with tracing.start_new_correlation(task=run.name):
            try:
                with self._keep_lease_renewed(run), stop_when_false(run.may_continue):
                    self._execute_due_task(run)
            except BaseException:
                self._release_lease_early(run)
                raise
            level = logging.INFO if run.handled_record_count else logging.DEBUG  # most runs handle no record
            duration_ms = round((self._context.clock.monotonic() - started_at) * 1000)
            _log.log(level, "task %s: took %d in %d ms", run.name, run.handled_record_count, duration_ms)
        return run

    @contextmanager
    def _keep_lease_renewed(self, run: _TaskRun) -> Iterator[None]:
        beat = f"{run.lease.name}-{run.lease.token}"
        self._heartbeat.add_beat(beat, lambda: self._renew_lease(run))
        try:
            yield
        finally:
            self._heartbeat.remove_beat(beat)

    def _renew_lease(self, run: _TaskRun) -> None:
        context, seconds = self._context, self._heartbeat.scale_lease_seconds
        run.is_lease_lost = not context.write(lambda tx: leases.renew(tx.conn, run.lease, context.now(), seconds))

    def _execute_due_task(self, run: _TaskRun) -> None:
        self._context.failpoints.reach("after_task_begin")
        try:
            run.handled_record_count = self._tasks[run.name]()
        except ConsoleError as refusal:
            run.error = refusal
            _log.warning("task %s failed: %s", run.name, refusal.code)
        except Exception as bug:
            run.error = bug
            _log.exception("task %s failed", run.name)
        self._context.failpoints.reach("before_task_end")

    def _release_lease_early(self, run: _TaskRun) -> None:
        """Release the lease of a run that has not ended. The task stays due, and another process can run it without
        waiting until the lease expires."""
        try:
            self._context.write(lambda tx: leases.release(tx.conn, run.lease))
        except Exception:
            _log.warning("task %s: its lease could not be released", run.name, exc_info=True)


def _select_permitted_task_names(names: Collection[str], person: Person) -> list[str]:
    """Return the names of the tasks that a desk of this person may run."""
    return [name for name in names if name not in RIGHT_OF_TASK or has_right(person, RIGHT_OF_TASK[name])]


def _list_acquired_lease_names(conn: Connection) -> Collection[str]:
    return {holder.name for holder in leases.list_holders(conn)}
