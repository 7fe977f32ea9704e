"""Two desks whose processes die in the middle of anything and are opened anew; how random runs of them are done."""

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

T = TypeVar("T")
STEPS = 50
_SPOOL_WRITES = (
    "store_intent", "mark_calling", "mark_void", "forget_unsent_operation", "store_answer", "mark_ended",
    "give_up_claim", "mark_delivered", "store_anchors", "give_up_anchors", "store_own_request",
    "forget_own_request", "store_value",
)  # fmt: skip


class Crash(BaseException):
    """The process is gone: nothing catches it, and nothing is written on the way out."""


class CrashPoints(Failpoints):
    """Ends the process at the nth passing of one step."""

    def __init__(self) -> None:
        super().__init__(None)
        self.die: Callable[[], NoReturn] | None = None
        self.at: str | None = None

    def reach(self, name: str) -> None:
        if self.die is not None and name == self.at:
            self.at = None
            self.die()


@dataclass
class Seat:
    """One desk: its number, and the process that runs at it."""

    number: int
    console: Console
    points: CrashPoints
    dead: bool = False


class Desks(ABC):
    """The desks of a world. `named`: codes that a refusal may have; `tally` counts them, and the crashes."""

    named: frozenset[str]
    tally: Counter[str]
    seats: list[Seat]
    _open: ExitStack

    @abstractmethod
    def _console(self, number: int) -> Console:
        """A new process at that desk."""

    @abstractmethod
    def _forget(self, console: Console) -> None:
        """Nobody watches this process's transactions any more."""

    def close(self) -> None:
        """Everybody leaves, and the database goes."""
        for seat in self.seats:
            self._leave(seat)
        self._open.close()

    def _seat(self, number: int) -> Seat:
        points = CrashPoints()
        seat = Seat(number, self._console(number), points)
        seat.console._context.failpoints = points
        points.die = lambda: self.kill(seat)
        return seat

    def kill(self, seat: Seat) -> NoReturn:
        """End the desk like kill -9: from then on the process writes nothing, whatever its code tries."""

        killed = get_ident()

        def gone(*_: object, **__: object) -> NoReturn:
            if get_ident() != killed:
                raise SystemExit  # the thread of a heartbeat, which ends with its process
            raise Crash

        seat.dead = True
        seat.console.database.write = gone  # type: ignore[method-assign]  # a dead process writes nothing
        for name in _SPOOL_WRITES:
            getattr(seat.console._context.spool, name)  # a renamed one would be written by a dead process
            setattr(seat.console._context.spool, name, gone)
        raise Crash

    def _leave(self, seat: Seat) -> None:
        seat.console._service_builder._heartbeat.close()
        if not seat.dead:
            seat.console._record_readers.opening_log.flush()
        seat.console._context.spool.close()
        seat.console.database.close()
        self._forget(seat.console)

    @contextmanager
    def losing(self, which: int) -> Iterator[Callable[[], None]]:
        """Yield a function that makes that desk's database refuse writes until the end of the block."""
        database = self.seats[which].console.database

        def broken(_work: object) -> None:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)

        def lose() -> None:
            database.write = broken  # type: ignore[method-assign, assignment]  # until the block is over

        yield lose
        database.__dict__.pop("write", None)

    def at(self, which: int, act: Callable[[Console], T], crash_at: str | None = None) -> T | str | None:
        """Do something at a desk: the value, the code of a refusal, or None when the process died.

        A refusal without a stable name, or any other exception, is a failure.
        """
        seat = self.seats[which]
        seat.points.at = crash_at
        try:
            return act(seat.console)
        except ConsoleError as refusal:
            if refusal.code not in self.named:
                raise
            self.tally[refusal.code] += 1
            return refusal.code
        except Crash:
            self.tally["crashes"] += 1
            return None
        finally:
            seat.points.at = None
            if seat.dead:
                self._leave(seat)
                self.seats[which] = self._seat(seat.number)


def run(machine: type[RuleBasedStateMachine], seed: int, examples: int) -> None:
    """So many runs of so many steps; the same seed finds the same failure again."""
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
