"""Desks of a random test whose processes can crash at any step of an action; after a crash a new process starts at
the same desk. The module also runs the state machines of the random tests.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import NoReturn, TypeVar

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.services.process.failpoints import Failpoints

ResultT = TypeVar("ResultT")
MAX_STEPS_PER_RUN = 50
_SPOOL_WRITE_METHODS = (
    "store_intent", "mark_calling", "mark_void", "forget_unsent_operation", "store_answer", "mark_ended",
    "give_up_claim", "mark_delivered", "store_anchors", "give_up_anchors", "store_own_request",
    "forget_own_request", "store_value",
)  # fmt: skip


class Crash(BaseException):
    """Raised at the simulated crash of a process. The tested code catches no BaseException, so after a Crash the
    process handles and writes nothing more.
    """


class CrashPoints(Failpoints):
    """Failpoints of one desk that simulate a crash of the desk's process. When the process reaches the failpoint with
    the name `at`, `die` is called. `at` is then set to None, which means no crash.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.die: Callable[[], NoReturn] | None = None
        self.at: str | None = None

    def reach(self, name: str) -> None:
        if self.die is not None and name == self.at:
            self.at = None
            self.die()


@dataclass
class DeskProcess:
    """The simulated process of one desk. `number` identifies the desk, `failpoints` are the failpoints of the
    process, and `has_crashed` is True after the simulated crash.
    """

    number: int
    console: Console
    failpoints: CrashPoints
    has_crashed: bool = False


class CrashingDesks(ABC):
    """The desks of one random test, on one database. `allowed_error_codes` are the error codes that a refusal may
    have. `tally` counts the refusals by code, and the crashes under "crashes".
    """

    allowed_error_codes: frozenset[str]
    tally: Counter[str]
    processes: list[DeskProcess]
    _open: ExitStack

    @abstractmethod
    def _open_console(self, number: int) -> Console:
        """Open a console for the desk with this number."""

    @abstractmethod
    def _stop_watching_transactions(self, console: Console) -> None:
        """Stop counting the open transactions of this console, whose process has ended."""

    def close(self) -> None:
        """End the processes of all desks, and release the database."""
        for process in self.processes:
            self._end_process(process)
        self._open.close()

    def _start_process(self, number: int) -> DeskProcess:
        points = CrashPoints()
        process = DeskProcess(number, self._open_console(number), points)
        process.console._context.failpoints = points
        points.die = lambda: self.kill(process)
        return process

    def kill(self, process: DeskProcess) -> NoReturn:
        """Simulate `kill -9` of the process `process` by raising Crash. From now on every write of this process to
        the database or the spool raises Crash too; in the heartbeat's thread it ends the thread instead.
        """

        killed = get_ident()

        def end_thread_or_crash(*_: object, **__: object) -> NoReturn:
            if get_ident() != killed:
                raise SystemExit  # the thread of a heartbeat, which ends with its process
            raise Crash

        process.has_crashed = True
        process.console.database.write = end_thread_or_crash  # type: ignore[method-assign]  # a dead process writes nothing
        for name in _SPOOL_WRITE_METHODS:
            getattr(process.console._context.spool, name)  # a renamed one would be written by a dead process
            setattr(process.console._context.spool, name, end_thread_or_crash)
        raise Crash

    def _end_process(self, process: DeskProcess) -> None:
        process.console._action_builders.stop_heartbeat()
        if not process.has_crashed:
            process.console._record_readers.opening_log.flush()
        process.console._context.spool.close()
        process.console.database.close()
        self._stop_watching_transactions(process.console)

    @contextmanager
    def break_database_writes(self, desk_number: int) -> Iterator[Callable[[], None]]:
        """Yield a function that breaks the database of the desk number `desk_number`. After its call, each write of
        this desk to the database is refused with `database_locked` until the end of the block.
        """
        database = self.processes[desk_number].console.database

        def raise_database_locked(_work: object) -> None:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)

        def break_writes() -> None:
            database.write = raise_database_locked  # type: ignore[method-assign, assignment]  # until the block is over

        yield break_writes
        database.__dict__.pop("write", None)

    def call_at_desk(
        self, desk_number: int, act: Callable[[Console], ResultT], crash_at: str | None = None
    ) -> ResultT | str | None:
        """Call `act` with the console of the desk number `desk_number`, with `crash_at` as the failpoint of a crash.
        Return the result of `act`, the code of the ConsoleError that it raises, or None if the process crashed. After
        a crash a new process starts at the desk.

        Raises a ConsoleError whose code isn't in `allowed_error_codes`, and any other exception, again.
        """
        process = self.processes[desk_number]
        process.failpoints.at = crash_at
        try:
            return act(process.console)
        except ConsoleError as refusal:
            if refusal.code not in self.allowed_error_codes:
                raise
            self.tally[refusal.code] += 1
            return refusal.code
        except Crash:
            self.tally["crashes"] += 1
            return None
        finally:
            process.failpoints.at = None
            if process.has_crashed:
                self._end_process(process)
                self.processes[desk_number] = self._start_process(process.number)


def run_machine(machine: type[RuleBasedStateMachine], seed: int, example_count: int) -> None:
    """Run the Hypothesis state machine `example_count` times, each time with up to MAX_STEPS_PER_RUN random steps.
    The same seed draws the same steps, so that a failure can be repeated.
    """
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=settings(
            max_examples=example_count,
            stateful_step_count=MAX_STEPS_PER_RUN,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
