"""Runs thousands of order courses in several threads, at most `day.max_running_orders` of them at once. Each course
is a generator. It yields how long it waits: a number of real seconds, or a ProgressCondition.
"""

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Thread
from typing import TypeAlias

from tests.day.plan import DayParameters

THREAD_COUNT = 6
PROGRESS_INTERVAL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class PaymentProgress:
    """The states of a payment and of its order. `alert_events` has the events about the order that the receiver of
    alerts has got, as (event, rule).
    """

    order_state: str
    payment_state: str
    certainty: str
    alert_events: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class ProgressCondition:
    """The condition for which a course waits: `is_met` must return True for the progress of the
    payment `payment_id`. `description`
    describes the condition in an error message.
    """

    payment_id: int
    is_met: Callable[[PaymentProgress], bool]
    description: str


Step: TypeAlias = float | ProgressCondition
RunningCourse: TypeAlias = Generator[Step, None, None]
ProgressFunction: TypeAlias = Callable[[Collection[int]], Mapping[int, PaymentProgress]]
"""Type of a function that returns the progress of payments by payment id. Its argument has the ids of the
payments.
"""


@dataclass(frozen=True, slots=True)
class _WaitingCourse:
    """A course that waits for a condition since `since` (monotonic seconds)."""

    condition: ProgressCondition
    since: float
    name: str
    steps: RunningCourse


class CourseRunner:
    """Runs at most `day.max_running_orders` courses at the same time; when one ends, the next one begins.
    `begun_count` and `ended_count` are the numbers of courses that have begun and ended. `errors` collects the
    exceptions of courses, and the conditions that didn't become true in time.
    """

    def __init__(
        self, courses: Iterator[tuple[str, RunningCourse]], read_progress: ProgressFunction, day: DayParameters
    ) -> None:
        self._courses, self._read_progress, self._max_running, self._max_wait_seconds = (
            courses,
            read_progress,
            day.max_running_orders,
            day.max_wait_seconds,
        )
        self._closes = time.monotonic() + day.last_order_begins_before_seconds
        self._due: list[tuple[float, int, str, RunningCourse]] = []
        self._parked: dict[int, _WaitingCourse] = {}
        self._turns, self._changed = count(), Condition()
        self._under_way = 0
        self._over = False
        self.begun_count = self.ended_count = 0
        self.errors: list[str] = []

    def run(self) -> None:
        """Run until all courses have ended. No course begins after `day.last_order_begins_before_seconds`. Raises
        AssertionError with the first 20 of the collected errors.
        """
        threads = [Thread(target=self._execute_due_steps, name=f"street-{n}") for n in range(THREAD_COUNT)]
        threads.append(Thread(target=self._continue_waiting_courses, name="street-watch"))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.errors, "\n".join(self.errors[:20])

    def _execute_due_steps(self) -> None:
        """Target of several threads: execute the next step of each due course until all courses have ended."""
        while (turn := self._wait_for_due_course()) is not None:
            name, steps = turn
            try:
                step = next(steps)
            except StopIteration:
                self._end_course()
            except Exception as error:
                self.errors.append(f"{name}: {error!r}")
                self._end_course()
            else:
                self._wait_for_step(name, steps, step)

    def _wait_for_due_course(self) -> tuple[str, RunningCourse] | None:
        """Wait until a course is due, and return it; None if all courses have ended."""
        with self._changed:
            while True:
                self._begin_courses()
                if self._over or not self._under_way:
                    self._over = True
                    self._changed.notify_all()
                    return None
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if self._due and wait <= 0:
                    _, _, name, steps = heappop(self._due)
                    return name, steps
                self._changed.wait(wait)

    def _begin_courses(self) -> None:
        """Begin further courses while fewer than `day.max_running_orders` are running."""
        while self._under_way < self._max_running and not self._over and time.monotonic() < self._closes:
            course = next(self._courses, None)
            if course is None:
                return
            self._under_way += 1
            self.begun_count += 1
            self._schedule_step(time.monotonic(), *course)

    def _schedule_step(self, at: float, name: str, steps: RunningCourse) -> None:
        heappush(self._due, (at, next(self._turns), name, steps))

    def _end_course(self) -> None:
        with self._changed:
            self._under_way -= 1
            self.ended_count += 1
            self._changed.notify_all()

    def _wait_for_step(self, name: str, steps: RunningCourse, step: Step) -> None:
        """Let the course `name`, of which `steps` is the generator, continue later: when the condition of `step` is
        true, or after `step` seconds.
        """
        with self._changed:
            if isinstance(step, ProgressCondition):
                self._parked[step.payment_id] = _WaitingCourse(step, time.monotonic(), name, steps)
            else:
                self._schedule_step(time.monotonic() + step, name, steps)
                self._changed.notify()

    def _continue_waiting_courses(self) -> None:
        """Let each waiting course continue whose condition is true."""
        while not self._over:
            with self._changed:
                self._changed.wait(PROGRESS_INTERVAL_SECONDS)
                waiting = dict(self._parked)
            progress_of = self._read_progress(waiting) if waiting else {}
            for payment, parked in waiting.items():
                if payment in progress_of and parked.condition.is_met(progress_of[payment]):
                    self._continue_course(payment, parked)
                elif time.monotonic() - parked.since > self._max_wait_seconds:
                    self.errors.append(
                        f"{parked.name}: waited in vain: {parked.condition.description}; {progress_of.get(payment)}"
                    )
                    with self._changed:
                        del self._parked[payment]
                    self._end_course()

    def _continue_course(self, payment: int, waiting_course: _WaitingCourse) -> None:
        with self._changed:
            del self._parked[payment]
            self._schedule_step(time.monotonic(), waiting_course.name, waiting_course.steps)
            self._changed.notify()
