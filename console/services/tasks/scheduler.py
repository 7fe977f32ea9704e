"""The scheduler: due tasks as rows with leases, shared by all workers and open windows of a database.

A task is due when its row says so, and runs under the lease `task_{name}`: whoever holds it runs it, alone. Who is
killed in the middle leaves the row due, and the lease ends by itself: the next one takes the task over.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from console.domain import tracing
from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.permissions import may
from console.domain.records import Person
from console.domain.results import TaskRun
from console.domain.task_intervals import RIGHTS, SOON, TASK_LEASE, Interval, back_off, interval_of, longest_wait
from console.domain.worker_records import ScheduledTask
from console.services.desk import WORKER, Desk, acting
from console.services.due import Task
from console.services.going_on import while_true
from console.services.heartbeat import Heartbeat
from console.services.late_tasks import LateTasks
from console.store import leases, swaps, tasks
from console.store.engine import Transaction
from console.store.leases import Lease

WAIT_SECONDS = 60.0
"""So long `run_all` waits for somebody else's run of a task."""
_FIRST_NAP_SECONDS, _LONGEST_NAP_SECONDS = 0.01, 0.25
_log = logging.getLogger("console.worker")


Wanted = Callable[[ScheduledTask], bool]
"""Whether a task is to be run, asked once its lease is held."""


def _never() -> bool:
    return False


def _always(_: ScheduledTask) -> bool:
    return True


@dataclass
class _Run:
    """One run of one task in this process."""

    name: str
    interval: Interval
    lease: Lease
    begun: ScheduledTask
    stop: Callable[[], bool]
    lost: bool = False
    taken: int = 0
    trouble: Exception | None = field(default=None, repr=False)

    def goes_on(self) -> bool:
        return not (self.lost or self.stop())

    @property
    def code(self) -> str | None:
        """What its trouble is called."""
        if self.trouble is None:
            return None
        return self.trouble.code if isinstance(self.trouble, ConsoleError) else "internal_error"

    def next_at(self, now: datetime, desk: Desk) -> datetime:
        """Bounded by the longest wait from `now`, whatever the clock said before."""
        if self.trouble is not None:
            return now + desk.scale.delta(back_off(self.interval.every, self.begun.failures + 1))
        if self.stop():
            return now  # what was left is for another worker
        full = 0 < self.interval.batch <= self.taken
        return now + desk.scale.delta(min(SOON, self.interval.every) if full else self.interval.every)


class Scheduler:
    """Runs what is due, in the order given: each task finds what the one before it left. Safe from any thread."""

    def __init__(self, desk: Desk, heartbeat: Heartbeat, all_tasks: Sequence[Task]) -> None:
        self._desk = desk
        self._heartbeat = heartbeat
        self._tasks = dict(all_tasks)
        self._late = LateTasks(desk, self._tasks)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    @property
    def clock(self) -> Clock:
        return self._desk.clock

    @property
    def scale(self) -> TimeScale:
        return self._desk.scale

    def require(self) -> None:
        """Raise not_allowed for an account that may not run due tasks."""
        with self._as_the_program():
            pass

    def states(self) -> tuple[ScheduledTask, ...]:
        """Every task that ever ran on this database, by name."""
        with self._desk.database.read() as conn:
            return tasks.all_of(conn)

    def run_due(self, stop: Callable[[], bool] = _never, ahead: timedelta = timedelta()) -> tuple[TaskRun, ...]:
        """Run what is due and nobody else runs; what was run. No new one is begun once `stop` says so.

        `ahead`: what is due that soon is taken too, by who looks rarely. A task that fails is told, kept in its row
        and put off; the others run. Raises not_allowed for an account that may not, and what the database raises.
        """
        looked_at = self._desk.now()
        due = self._due(ahead)
        if not due:
            return ()
        ran: list[_Run] = []
        with self._as_the_program() as person:
            run: _Run | None = None
            for name in _theirs(due, person):
                if stop():
                    break
                run = self._turn(run, name, stop, lambda task: self._is_due(task, ahead))
                ran += [self._carried_out(run)] if run else []
            self._turn(run)
            if not stop():
                self._late.look(looked_at)
        return tuple(TaskRun(run.name, run.taken) for run in ran)

    def run_all(self) -> tuple[TaskRun, ...]:
        """Run every task once, due or not; one that somebody else runs is waited for, at most a minute.

        Raises not_allowed for an account that may not. What a task raised is raised when the others have run.
        """
        looked_at = self._desk.now()
        ran: dict[str, _Run | None] = {}
        with self._as_the_program() as person:
            run: _Run | None = None
            for name in _theirs(self._tasks, person):
                run = ran[name] = self._turn(run, name) or self._await_turn(name)
                if run:
                    self._carried_out(run)
            self._turn(run)
            self._late.look(looked_at)
        for one in ran.values():
            if one and one.trouble:
                raise one.trouble
        return tuple(TaskRun(name, one.taken if one else 0) for name, one in ran.items())

    @contextmanager
    def _as_the_program(self) -> Iterator[Person]:
        with acting(WORKER):
            yield self._desk.require("due_tasks")

    # What is due

    def _due(self, ahead: timedelta) -> list[str]:
        """Names of tasks that are due and that nobody runs, as far as can be seen."""
        with self._desk.database.read() as conn:
            kept = {task.name: task for task in tasks.all_of(conn)}
            names = [name for name in self._tasks if name not in kept or self._is_due(kept[name], ahead)]
            held = _held(conn) if names else frozenset()
        return [name for name in names if TASK_LEASE + name not in held]

    def _is_due(self, task: ScheduledTask, ahead: timedelta = timedelta()) -> bool:
        """Also where the next run is further away than any wait: the clock has jumped back since it was written."""
        away = task.next_at - self._desk.now()
        scale = self._desk.scale
        return away <= scale.delta(ahead) or away > scale.delta(longest_wait(interval_of(task.name).every))

    # One run

    def _turn(
        self, ended: _Run | None, name: str | None = None, stop: Callable[[], bool] = _never, wanted: Wanted = _always
    ) -> _Run | None:
        """End one run and begin the next, in one transaction. None where another one holds that task's lease, or has
        just done its work.
        """
        if ended is None and name is None:
            return None

        @swaps.runs_again()
        def turn(tx: Transaction) -> _Run | None:
            if ended is not None:
                self._end(tx, ended)
            return None if name is None else self._begin(tx, name, stop, wanted)

        return self._desk.write(turn)

    def _await_turn(self, name: str) -> _Run | None:
        """Somebody else runs it. None when that was so all the time."""
        desk, nap = self._desk, _FIRST_NAP_SECONDS
        deadline = desk.clock.monotonic() + desk.scale.seconds(WAIT_SECONDS)
        while desk.clock.monotonic() < deadline:
            desk.clock.sleep(nap)
            nap = min(nap * 1.5, _LONGEST_NAP_SECONDS)
            if not self._is_held(name) and (run := self._turn(None, name)):
                return run
        _log.info("task %s: somebody else is running it", name)
        return None

    def _is_held(self, name: str) -> bool:
        with self._desk.database.read() as conn:
            return leases.holder_of(conn, TASK_LEASE + name) is not None

    def _begin(self, tx: Transaction, name: str, stop: Callable[[], bool], wanted: Wanted) -> _Run | None:
        desk, interval = self._desk, interval_of(name)
        now = desk.now()
        lease = leases.take(tx, TASK_LEASE + name, desk.holder(), now, self._heartbeat.lease_seconds)
        if lease is None:
            return None
        task = tasks.ensure(tx.conn, name, interval.seconds, now)
        if wanted(task):
            return _Run(name, interval, lease, tasks.begin(tx.conn, task, now), stop)
        leases.release(tx.conn, lease)
        return None

    def _end(self, tx: Transaction, run: _Run) -> None:
        """What was taken over meanwhile is the other one's to end."""
        now = self._desk.now()

        def end(task: ScheduledTask) -> None:
            tasks.end(tx.conn, task, now, run.taken, run.code, run.next_at(now, self._desk), task.position)

        try:
            end(run.begun)
        except swaps.Stale:  # taken over, or the task itself wrote how far it came
            task = tasks.ensure(tx.conn, run.name, run.interval.seconds, now)
            if task.begun_at == run.begun.begun_at:
                end(task)
        leases.release(tx.conn, run.lease)

    # One run

    def _carried_out(self, run: _Run) -> _Run:
        """Its work, with a beating lease. The next turn ends it; a run that breaks off is given up."""
        began = self._desk.clock.monotonic()
        with tracing.apart(task=run.name):
            try:
                with self._beating(run), while_true(run.goes_on):
                    self._work(run)
            except BaseException:
                self._give_up(run)
                raise
            level = logging.INFO if run.taken else logging.DEBUG  # most find nothing
            ms = round((self._desk.clock.monotonic() - began) * 1000)
            _log.log(level, "task %s: took %d in %d ms", run.name, run.taken, ms)
        return run

    @contextmanager
    def _beating(self, run: _Run) -> Iterator[None]:
        beat = f"{run.lease.name}-{run.lease.fence}"
        self._heartbeat.add(beat, lambda: self._beat(run))
        try:
            yield
        finally:
            self._heartbeat.remove(beat)

    def _beat(self, run: _Run) -> None:
        desk, seconds = self._desk, self._heartbeat.lease_seconds
        run.lost = not desk.write(lambda tx: leases.renew(tx.conn, run.lease, desk.now(), seconds))

    def _work(self, run: _Run) -> None:
        self._desk.failpoints.reach("after_task_begin")
        try:
            run.taken = self._tasks[run.name]()
        except ConsoleError as refusal:
            run.trouble = refusal
            _log.warning("task %s failed: %s", run.name, refusal.code)
        except Exception as bug:
            run.trouble = bug
            _log.exception("task %s failed", run.name)
        self._desk.failpoints.reach("before_task_end")

    def _give_up(self, run: _Run) -> None:
        """Its row stays due, and whoever comes next needn't wait for the lease to end."""
        try:
            self._desk.write(lambda tx: leases.release(tx.conn, run.lease))
        except Exception:
            _log.warning("task %s: its lease could not be given up", run.name, exc_info=True)


def _theirs(names: Collection[str], person: Person) -> list[str]:
    return [name for name in names if name not in RIGHTS or may(person, RIGHTS[name])]


def _held(conn: Connection) -> Collection[str]:
    return {holder.name for holder in leases.holders(conn)}
