"""The interface through which pages run service calls in background threads, and the handle, the failure and the
progress report of such a call."""

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import shiboken6
from PySide6.QtCore import QObject

from console.domain.error_reasons import (
    AlreadyDecidedReason,
    DatabaseUnreachableProblem,
    OutcomeUnknownReason,
    PossibleRepeatReason,
)
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import ErrorDetail
from console.domain.process.read_interruption import ReadInterrupted, ReadInterruption
from console.views.theme.design_tokens import Tone

log = logging.getLogger("console.views")
T = TypeVar("T")
PoolName = Literal["quick", "slow", "long", "files", "documents"]
READING_POOL_NAMES: frozenset[PoolName] = frozenset({"quick", "documents"})
"""The thread pools whose calls only read."""
_ERROR_REASONS_AFTER_POSSIBLE_ACTION = (
    PossibleRepeatReason.ANSWER_NOT_STORED,
    PossibleRepeatReason.ANSWER_UNREADABLE,
    AlreadyDecidedReason.LATE_ANSWER,
)
_DATABASE_PROBLEMS_AFTER_POSSIBLE_ACTION = (
    DatabaseUnreachableProblem.COMMIT_UNANSWERED,
    DatabaseUnreachableProblem.CONNECTION_LOST,
)
"""Problems of a database error (its detail `problem`) after which the action may have been executed."""
_PROGRESS_REPORT_INTERVAL_SECONDS = 0.1  # seconds: at most ten reports a second


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a call has returned no value: a stable error code, and its details. If the reason is an error
    in the program, `support_code` is the code under which the log has the error; otherwise None."""

    code: ErrorCode | Literal["cancelled"]
    detail: ErrorDetail = field(default_factory=ErrorDetail)
    support_code: str | None = None

    @property
    def may_have_acted(self) -> bool:
        """True if the action of the call may have been executed, or was executed, although the call has failed: the
        outcome is unknown, the answer didn't reach this desk or can't be read, or the program has an error. Then no
        text may say that nothing was done."""
        return (
            self.code in (ErrorCode.OUTCOME_UNKNOWN, ErrorCode.INTERNAL_ERROR)
            or self.detail.get("reason") in _ERROR_REASONS_AFTER_POSSIBLE_ACTION
            or self.detail.get("problem") in _DATABASE_PROBLEMS_AFTER_POSSIBLE_ACTION
        )

    @property
    def icon_and_tone(self) -> tuple[str, Tone]:
        """The name of the icon and the tone of the message about an action that has failed: those of a refusal or, if
        the action may have been executed, those of an unknown outcome."""
        return ("question", "unknown") if self.may_have_acted else ("square_bang", "bad")

    @property
    def is_answer_missing(self) -> bool:
        """True if a worker was asked to act and its answer didn't reach this desk."""
        return self.detail.get("reason") == OutcomeUnknownReason.WORKER_ANSWER_MISSING


class Cancelled(Exception):
    """Raised by `ProgressReporter.raise_if_cancelled` after the call was cancelled."""


class ProgressReporter:
    """The argument of a call that `Runner.run_with_progress` runs. Through it, the call reports its progress and
    learns that it was cancelled.
    """

    def __init__(self, send_value: Callable[[object], None]) -> None:
        """`send_value` gets each reported progress value, in the background thread."""
        self._send_value = send_value
        self._cancel_event = threading.Event()
        self.interruption = ReadInterruption()
        self._last_report_at = -_PROGRESS_REPORT_INTERVAL_SECONDS

    def __call__(self, value: object) -> None:
        """Report a progress value. A value that is reported less than 0.1 s after the previous one is dropped."""
        now = time.monotonic()
        if now - self._last_report_at >= _PROGRESS_REPORT_INTERVAL_SECONDS:
            self._last_report_at = now
            self._send_value(value)

    @property
    def is_cancelled(self) -> bool:
        """True after the person has cancelled the call, or after the window has begun to close."""
        return self._cancel_event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled if the call was cancelled."""
        if self.is_cancelled:
            raise Cancelled

    def cancel(self) -> None:
        """Cancel the call: `is_cancelled` is True from now on. If the call only reads, also stop its running
        statement in the database, after which the call reads nothing more."""
        self._cancel_event.set()
        self.interruption.interrupt()


class TaskHandle:
    """The handle of a call that a caller has passed to a Runner. `state` is "waiting", "running", "done" or
    "cancelled"."""

    def __init__(self, task: "Task") -> None:
        self._task = task

    @property
    def label(self) -> str:
        return self._task.label

    @property
    def caller(self) -> QObject:
        """The object that has passed the call to the Runner. It may have been destroyed."""
        return self._task.caller

    @property
    def state(self) -> str:
        return self._task.state

    @property
    def elapsed_seconds(self) -> float:
        """The seconds since the caller passed the call to the Runner."""
        return time.monotonic() - self._task.started_at_seconds

    def cancel(self) -> bool:
        """Cancel the call. Return True if the call was still waiting: it never begins, and it sends no request.

        Return False if the call is running or has ended. A running call that can be cancelled may end early, and its
        value is dropped; if the call only reads, its statement in the database is stopped. The value or failure of
        any other running call is still passed to its callbacks.
        """
        return self._task.cancel()

    def interrupt(self) -> None:
        """End a running call that only reads, at the person's request: stop the call's statement in the database. The
        call's caller gets a Failure with the code "cancelled"."""
        self._task.progress_reporter.cancel()


@dataclass(eq=False, slots=True)
class Task:
    """One call that a caller has passed to a Runner, with its callbacks, its state, and its pool: the group of
    threads that may run the call. `state` is "waiting", "running", "cancelled" or "done".
    """

    call: Callable[[ProgressReporter], Any]
    on_done: Callable[[Any], None]
    on_failed: Callable[[Failure], None]
    on_progress: Callable[[Any], None] | None
    caller: QObject
    label: str
    sequence_key: Hashable | None
    pool_name: PoolName
    is_cancellable: bool
    progress_reporter: ProgressReporter = field(default_factory=lambda: ProgressReporter(ignore_progress))
    state: str = "waiting"
    started_at_seconds: float = field(default_factory=time.monotonic)

    def cancel(self) -> bool:
        """Cancel the call, as `TaskHandle.cancel` describes it. Return True if the call was still waiting."""
        if self.state == "waiting":
            self.state = "cancelled"
            return True
        if self.state == "running" and self.is_cancellable:
            self.state = "cancelled"
            self.progress_reporter.cancel()
        return False

    def should_begin(self) -> bool:
        """Return True if the call is still waiting, and its caller still exists or the call can't be cancelled. An
        acting call can't be cancelled, so it begins even if its page was destroyed."""
        return self.state == "waiting" and (not self.is_cancellable or shiboken6.isValid(self.caller))


class Runner:
    """The interface through which pages run calls in background threads. Subclasses implement `_accept_task`. The
    tests use a subclass that runs each call immediately, in the calling thread."""

    def run(
        self,
        call: Callable[[], T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        caller: QObject,
        label: str = "",
        key: Hashable | None = None,
        pool_name: PoolName = "quick",
        is_cancellable: bool = False,
    ) -> TaskHandle:
        """Run `call` in a background thread of the pool `pool_name` (see TaskRunner), and return its handle. When the
        call has ended, pass its value to `on_done`, or its Failure to `on_failed`, in the GUI thread. If `caller` is
        destroyed before that, neither callback is called.

        Calls with the same `key` run one after another; a call without a key waits for no other call. `label` names
        the call in the log.

        If `is_cancellable` is True, the call doesn't begin if `caller` is destroyed first, and `TaskHandle.cancel`
        drops its value; a call that still waits for a thread then doesn't begin either. In READING_POOL_NAMES,
        `TaskHandle.cancel` also stops the call's running statement in the database. The statements of calls in other
        pools are never stopped, because they may belong to an action.
        """

        def run_call(report_progress: ProgressReporter) -> T:
            if is_cancellable:
                report_progress.raise_if_cancelled()
            return (
                report_progress.interruption.run(call)
                if is_cancellable and pool_name in READING_POOL_NAMES
                else call()
            )

        return self._accept_task(
            Task(run_call, on_done, on_failed, None, caller, label, key, pool_name, is_cancellable)
        )

    def run_with_progress(
        self,
        call: Callable[[ProgressReporter], T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        on_progress: Callable[[Any], None],
        *,
        caller: QObject,
        label: str = "",
        key: Hashable | None = None,
        pool_name: PoolName = "slow",
    ) -> TaskHandle:
        """Run a call that reports its progress, in a background thread, and return its handle. The call gets a
        ProgressReporter: each value that the call reports is passed to `on_progress` in the GUI thread, and the call
        can learn from it that the person has cancelled the call. The call can always be cancelled, like a call of
        `run` with `is_cancellable`. The other arguments have the meaning that they have in `run`.
        """
        return self._accept_task(Task(call, on_done, on_failed, on_progress, caller, label, key, pool_name, True))

    @abstractmethod  # without ABC: its metaclass conflicts with Qt's
    def _accept_task(self, task: Task) -> TaskHandle:
        """Run the task in a background thread as soon as possible, then call its callbacks in the GUI thread. Return
        the handle of the task. The subclass implements this method."""


def make_failure(error: BaseException, label: str = "") -> Failure:
    """Return the Failure for an exception. A ConsoleError keeps its error code; Cancelled and ReadInterrupted get the
    code "cancelled". Any other exception is an error in the program, which is logged under a new support code;
    `label` names the call in the log."""
    if isinstance(error, ConsoleError):
        return Failure(error.code, error.detail)
    if isinstance(error, Cancelled | ReadInterrupted):
        return Failure("cancelled")
    support_code = _make_support_code()
    log.error("bug %s while running %r", support_code, label, exc_info=error)
    return Failure(ErrorCode.INTERNAL_ERROR, {}, support_code)


def _make_support_code() -> str:
    import secrets  # imported here because only a bug needs it

    return "E-" + "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(6))


def ignore_progress(_: object) -> None:
    """Do nothing with a progress value. A ProgressReporter uses this function as its receiver before its call has
    begun."""
