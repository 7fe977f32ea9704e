"""A service call as the window sees it: its handle, its failure, its progress, and what runs it."""

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import shiboken6
from PySide6.QtCore import QObject

from console.domain.errors import ConsoleError

log = logging.getLogger("console.views")
T = TypeVar("T")
Lane = Literal["quick", "slow", "long"]
_PROGRESS_EVERY = 0.1  # seconds: at most ten a second


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call brought no value: a stable code and its facts; a bug of ours also has a support code."""

    code: str
    detail: Mapping[str, object] = field(default_factory=dict)
    support_code: str | None = None


class Cancelled(Exception):
    """Raised inside a watched call by `Report.check` once the person has cancelled."""


class Report:
    """What a watched call holds in its own thread: tells progress, learns of a cancellation."""

    def __init__(self, tell: Callable[[object], None]) -> None:
        self._tell = tell
        self._stop = threading.Event()
        self._last = -_PROGRESS_EVERY

    def __call__(self, value: object) -> None:
        """Show this progress; a value that comes within 0.1 s of the last one shown is left out."""
        now = time.monotonic()
        if now - self._last >= _PROGRESS_EVERY:
            self._last = now
            self._tell(value)

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        """Leave the call here, by raising Cancelled, if the person asked for it."""
        if self.cancelled:
            raise Cancelled

    def cancel(self) -> None:
        self._stop.set()


class TaskHandle:
    """One call under way. `state` is waiting, running, done or cancelled."""

    def __init__(self, task: "Task") -> None:
        self._task = task

    @property
    def label(self) -> str:
        return self._task.label

    @property
    def state(self) -> str:
        return self._task.state

    @property
    def seconds(self) -> float:
        """How long since it was handed over."""
        return time.monotonic() - self._task.since

    def cancel(self) -> bool:
        """Stop caring. True: it had not begun and never will, so nothing was sent.

        False: it is running (or over); a watched call is told and may leave early, and what it brings back is
        dropped. A call that isn't cancellable goes on and its answer is delivered.
        """
        return self._task.cancel()


@dataclass(eq=False, slots=True)
class Task:
    call: Callable[[Report], Any]
    on_done: Callable[[Any], None]
    on_failed: Callable[[Failure], None]
    on_progress: Callable[[Any], None] | None
    owner: QObject
    label: str
    key: Hashable | None
    lane: Lane
    cancellable: bool
    report: Report = field(default_factory=lambda: Report(ignore))
    state: str = "waiting"
    since: float = field(default_factory=time.monotonic)

    def cancel(self) -> bool:
        if self.state == "waiting":
            self.state = "cancelled"
            return True
        if self.state == "running" and self.cancellable:
            self.state = "cancelled"
            self.report.cancel()
        return False

    def wanted(self) -> bool:
        """Whether to begin: a page that is gone needs no reading, but what acts was promised and is done."""
        return self.state == "waiting" and (not self.cancellable or shiboken6.isValid(self.owner))


class Runner:
    """What pages need. Whoever is one says in `_take` how a task is done; the tests have one that works in place."""

    def run(
        self,
        call: Callable[[], T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        owner: QObject,
        label: str = "",
        key: Hashable | None = None,
        lane: Lane = "quick",
        cancellable: bool = False,
    ) -> TaskHandle:
        """Call it in a worker thread, then `on_done(value)` or `on_failed(failure)` in the GUI thread."""
        return self._take(Task(lambda _: call(), on_done, on_failed, None, owner, label, key, lane, cancellable))

    def watch(
        self,
        call: Callable[[Report], T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        on_progress: Callable[[Any], None],
        *,
        owner: QObject,
        label: str = "",
        key: Hashable | None = None,
        lane: Lane = "slow",
        cancellable: bool = True,
    ) -> TaskHandle:
        """Like `run`, for a call that tells progress and can leave early through the Report it is given."""
        return self._take(Task(call, on_done, on_failed, on_progress, owner, label, key, lane, cancellable))

    @abstractmethod  # without ABC, whose metaclass isn't Qt's
    def _take(self, task: Task) -> TaskHandle:
        """Do it now or later, and tell its callbacks."""


def failure_of(error: BaseException, label: str = "") -> Failure:
    """The failure to show for an error; one that isn't a ConsoleError is our bug and goes to the log."""
    if isinstance(error, ConsoleError):
        return Failure(error.code, error.detail)
    if isinstance(error, Cancelled):
        return Failure("cancelled")
    code = _support_code()
    log.error("bug %s while running %r", code, label, exc_info=error)
    return Failure("internal_error", {}, code)


def _support_code() -> str:
    import secrets  # only a bug pays for this import

    return "E-" + "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(6))


def ignore(_: object) -> None:
    """Progress of a call that has not begun."""
