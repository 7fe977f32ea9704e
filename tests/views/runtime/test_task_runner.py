"""Tests of the task runner with real threads: which results it delivers, in which thread and order, and which results
it drops.
"""

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread, QTimer
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.views.runtime.task_runner import TaskRunner
from console.views.runtime.tasks import Failure, ProgressReporter

acting_operator: ContextVar[str] = ContextVar("operator", default="nobody")


class ReceivedAnswers(QObject):
    """Collects the delivered values and failures, and records whether all of them arrived in the GUI thread."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Any] = []
        self.failures: list[Failure] = []
        self.in_gui_thread = True

    def receive_answer(self, value: object) -> None:
        self.in_gui_thread &= QThread.currentThread() is self.thread()
        self.values.append(value)

    def receive_failure(self, failure: Failure) -> None:
        self.in_gui_thread &= QThread.currentThread() is self.thread()
        self.failures.append(failure)


@pytest.fixture
def runner(qapp: object) -> Iterator[TaskRunner]:
    made = TaskRunner()
    yield made
    assert made.close(10) == ()


@pytest.fixture
def answers(qapp: object) -> ReceivedAnswers:
    return ReceivedAnswers()


def test_the_event_loop_runs_while_a_provider_hangs(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """While a provider doesn't answer a call, the window reacts and the program can read the database."""
    gate, beats = threading.Event(), []
    for number in range(6):
        runner.run(
            gate.wait,
            answers.receive_answer,
            answers.receive_failure,
            caller=answers,
            pool_name="slow",
            label=f"provider {number}",
        )
    timer = QTimer(interval=1)
    timer.timeout.connect(lambda: beats.append(1))
    timer.start()
    runner.run(lambda: "row", answers.receive_answer, answers.receive_failure, caller=answers)
    qtbot.waitUntil(lambda: answers.values == ["row"] and len(beats) > 20)
    assert len(runner.running_call_labels) == 6
    timer.stop()
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == ["row", *[True] * 6]
    assert answers.in_gui_thread


def test_hanging_calls_stop_no_other_acting_call(runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot) -> None:
    """While eight calls wait for their provider, a call of the same thread pool is executed."""
    gate = threading.Event()
    for _ in range(8):
        runner.run(gate.wait, answers.receive_answer, answers.receive_failure, caller=answers, pool_name="slow")
    runner.run(lambda: "rejected", answers.receive_answer, answers.receive_failure, caller=answers, pool_name="slow")
    try:
        qtbot.waitUntil(lambda: answers.values == ["rejected"])
    finally:
        gate.set()
    qtbot.waitUntil(runner.is_idle)


def test_refusals_are_delivered_as_failures(runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot) -> None:
    """A ConsoleError of a call is delivered as a Failure with the same code and facts."""

    def raise_already_purchased() -> None:
        raise ConsoleError(ErrorCode.ALREADY_PURCHASED, {"operation_id": "17"})

    runner.run(raise_already_purchased, answers.receive_answer, answers.receive_failure, caller=answers)
    qtbot.waitUntil(runner.is_idle)
    assert answers.failures == [Failure(ErrorCode.ALREADY_PURCHASED, {"operation_id": "17"})]


@pytest.mark.expects_log("a bug goes to the log with its support code")
def test_a_bug_has_a_support_code_that_is_in_the_log(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    """Each exception that isn't a refusal is a bug of the program. The person gets a support code, and the log gets
    this code and the traceback.
    """
    runner.run(lambda: 1 / 0, answers.receive_answer, answers.receive_failure, caller=answers, label="lookup")
    qtbot.waitUntil(runner.is_idle)
    (failure,) = answers.failures
    assert failure.code == "internal_error"
    assert failure.support_code
    assert failure.support_code in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_calls_on_one_record_run_one_after_another(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """Two calls for one record never run at the same time, and keep their order. A call for another record doesn't
    wait for them.
    """
    gate, running, overlapped = threading.Event(), threading.Lock(), []

    def hold_lock_and_return(number: int) -> int:
        overlapped.append(not running.acquire(blocking=False))
        gate.wait()
        running.release()
        return number

    for number in range(3):
        runner.run(
            partial(hold_lock_and_return, number),
            answers.receive_answer,
            answers.receive_failure,
            caller=answers,
            key=("record", 1),
        )
    runner.run(lambda: "other", answers.receive_answer, answers.receive_failure, caller=answers, key=("record", 2))
    qtbot.waitUntil(lambda: answers.values == ["other"])
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == ["other", 0, 1, 2]
    assert not any(overlapped)


def test_the_answer_for_a_destroyed_page_is_dropped(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """The answer to a destroyed caller is dropped. A read that has not begun when the caller is destroyed is never
    executed; an acting call is executed.
    """
    gate, begun, page = threading.Event(), [], QObject()
    calls: dict[str, Callable[[], object]] = {
        "first": gate.wait,
        "read": lambda: begun.append("read"),
        "act": lambda: begun.append("act"),
    }
    for name, call in calls.items():
        runner.run(
            call,
            answers.receive_answer,
            answers.receive_failure,
            caller=page,
            key="record",
            is_cancellable=name == "read",
        )
    with qtbot.waitSignal(page.destroyed):
        page.deleteLater()
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == []
    assert begun == ["act"]


def test_cancel_returns_whether_the_call_will_not_run(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """`cancel` returns True for a call that hasn't begun, and the call is never executed. For a running call it
    returns False, and the answer of the call is dropped.
    """
    gate, begun = threading.Event(), threading.Event()

    def wait_and_return() -> str:
        begun.set()
        gate.wait()
        return "late"

    running = runner.run(
        wait_and_return, answers.receive_answer, answers.receive_failure, caller=answers, key=1, is_cancellable=True
    )
    waiting = runner.run(lambda: "never", answers.receive_answer, answers.receive_failure, caller=answers, key=1)
    begun.wait()
    assert waiting.cancel() is True
    assert running.cancel() is False
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == []
    assert (running.state, waiting.state) == ("cancelled", "cancelled")


def test_a_cancelled_call_that_waits_for_a_thread_does_not_begin(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """All threads of a pool are busy. A call that is cancelled before a thread is free doesn't begin."""
    gate, begun = threading.Event(), list[int]()
    for _ in range(2):
        runner.run(gate.wait, answers.receive_answer, answers.receive_failure, caller=answers, pool_name="documents")
    for number in range(2):
        handle = runner.run(
            partial(begun.append, number),
            answers.receive_answer,
            answers.receive_failure,
            caller=answers,
            pool_name="documents",
            is_cancellable=True,
        )
        if number == 0:
            handle.cancel()
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert begun == [1]
    assert not answers.failures


def test_a_running_acting_call_cannot_be_cancelled(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """An acting call that may have been sent can't be cancelled: its answer is awaited and delivered."""
    gate, begun = threading.Event(), threading.Event()

    def wait_and_buy() -> str:
        begun.set()
        gate.wait()
        return "bought"

    handle = runner.run(
        wait_and_buy, answers.receive_answer, answers.receive_failure, caller=answers, pool_name="slow"
    )
    begun.wait()
    assert handle.cancel() is False
    gate.set()
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == ["bought"]
    assert handle.state == "done"


def test_progress_is_reported_at_most_ten_times_a_second(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """Frequent progress reports are reduced to ten per second before they reach the GUI thread. They arrive before
    the result.
    """
    progress: list[object] = []

    def report_often(report: ProgressReporter) -> str:
        for number in range(10_000):
            report(number)
        return "done"

    runner.run_with_progress(
        report_often, answers.receive_answer, answers.receive_failure, progress.append, caller=answers
    )
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == ["done"]
    assert progress[0] == 0
    assert len(progress) <= 10


def test_a_cancelled_call_ends_at_its_next_check(runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot) -> None:
    """After `cancel` of a call that reports progress, the call ends at its next check, and no result is delivered."""
    begun, cancelled, ended = threading.Event(), threading.Event(), threading.Event()

    def wait_for_cancel(report: ProgressReporter) -> None:
        begun.set()
        cancelled.wait()
        try:
            report.raise_if_cancelled()
        finally:
            ended.set()
        raise AssertionError("the call went on")

    handle = runner.run_with_progress(
        wait_for_cancel, answers.receive_answer, answers.receive_failure, answers.receive_answer, caller=answers
    )
    begun.wait()
    handle.cancel()
    cancelled.set()
    qtbot.waitUntil(runner.is_idle)
    assert ended.is_set()
    assert answers.values == []
    assert answers.failures == []


def test_a_call_has_the_context_variables_of_its_caller(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """The context variables of the caller, such as the operator, have the same values in the thread that executes the
    call.
    """
    token = acting_operator.set("op-a")
    runner.run(acting_operator.get, answers.receive_answer, answers.receive_failure, caller=answers)
    acting_operator.reset(token)
    qtbot.waitUntil(runner.is_idle)
    assert answers.values == ["op-a"]


def test_closing_names_calls_that_do_not_end(qapp: object, answers: ReceivedAnswers) -> None:
    """When the runner is closed, it drops waiting calls. It returns the names of the calls that don't end in time, so
    that they don't delay the end of the window.
    """
    runner, gate = TaskRunner(), threading.Event()
    runner.run(gate.wait, answers.receive_answer, answers.receive_failure, caller=answers, key=1, label="purchase 17")
    runner.run(lambda: "second", answers.receive_answer, answers.receive_failure, caller=answers, key=1)
    assert runner.close(0.01) == ("purchase 17",)
    late = runner.run(lambda: "after", answers.receive_answer, answers.receive_failure, caller=answers)
    gate.set()
    assert runner.close(10) == ()
    assert answers.values == [True]
    assert late.state == "cancelled"


def test_no_answer_between_threads_is_lost(runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot) -> None:
    """If hundreds of results are delivered to the GUI thread, each arrives exactly once."""
    for number in range(500):
        runner.run(
            partial(dict, {number: 2**40 + number}), answers.receive_answer, answers.receive_failure, caller=answers
        )
    qtbot.waitUntil(runner.is_idle)
    assert sorted(next(iter(value)) for value in answers.values) == list(range(500))
    assert all(value[key] == 2**40 + key for value in answers.values for key in value)


def test_a_failing_receiver_does_not_hold_up_the_others(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot
) -> None:
    """An error in the callback of one result is passed to the exception hook, and the next results still arrive."""

    def raise_bug(_: object) -> None:
        raise ValueError("a bug in a page")

    with qtbot.captureExceptions() as errors:
        runner.run(lambda: 1, raise_bug, answers.receive_failure, caller=answers, key=1)
        runner.run(lambda: 2, answers.receive_answer, answers.receive_failure, caller=answers, key=1)
        qtbot.waitUntil(lambda: answers.values == [2])
    assert [type(error[1]) for error in errors] == [ValueError]


def test_a_call_without_a_thread_fails_and_the_next_one_runs(
    runner: TaskRunner, answers: ReceivedAnswers, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the operating system starts no thread for a call, the call is not begun: it ends with `storage_full`, and
    nothing waits for it. The next call runs as soon as threads start again.
    """

    def refuse_start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse_start)
        runner.run(lambda: "lost", answers.receive_answer, answers.receive_failure, caller=answers, key=1)
        qtbot.waitUntil(runner.is_idle)
    runner.run(lambda: "next", answers.receive_answer, answers.receive_failure, caller=answers, key=1)
    qtbot.waitUntil(lambda: answers.values == ["next"])
    assert [failure.code for failure in answers.failures] == ["storage_full"]
    assert answers.in_gui_thread
