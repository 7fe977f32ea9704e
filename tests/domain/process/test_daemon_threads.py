"""Tests that the start of a daemon thread always ends, also if the operating system has no memory for its first
call.
"""

import sys
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from console.domain.process import daemon_threads
from console.domain.process.daemon_threads import DaemonThread, DaemonTimer
from tests.support.waiting import MAX_WAIT_SECONDS


@pytest.fixture(autouse=True)
def thread_start_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Record the exceptions of new threads that failed before they called their target, so that Python doesn't print
    them. In these tests, a caller that starts a thread waits at most 0.05 s until the thread runs."""
    start_errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", start_errors.append)
    monkeypatch.setattr(daemon_threads, "LONGEST_START_SECONDS", 0.05)
    yield start_errors
    start_errors.clear()


def _raise_memory_error() -> None:
    raise MemoryError


@pytest.mark.parametrize("kind", ["thread", "timer"])
def test_the_start_of_a_thread_without_memory_raises_an_error(kind: str) -> None:
    """If a thread ends before it reports that it runs, `start` raises the same error as for a thread that the
    operating system refuses, and doesn't wait for ever."""
    called = Event()
    thread: Any = DaemonThread(called.set, "x") if kind == "thread" else DaemonTimer(0, called.set)
    thread._set_ident = _raise_memory_error  # the first call of a new thread
    with pytest.raises(RuntimeError, match="can't start new thread"):
        thread.start()
    assert not called.is_set()


@pytest.mark.parametrize("kind", ["thread", "timer"])
def test_a_thread_whose_start_has_failed_does_nothing(kind: str) -> None:
    """A thread that begins to run after `start` has raised its error doesn't call its target, because the caller
    already treats the thread as not started."""
    called, may_run, has_ended = Event(), Event(), Event()
    thread: Any = DaemonThread(called.set, "x") if kind == "thread" else DaemonTimer(0, called.set)
    set_ident, run = thread._set_ident, thread.run

    def wait_and_set_ident() -> None:
        may_run.wait(MAX_WAIT_SECONDS)
        set_ident()

    def run_to_end() -> None:
        run()
        has_ended.set()

    thread._set_ident, thread.run = wait_and_set_ident, run_to_end
    with pytest.raises(RuntimeError, match="can't start new thread"):
        thread.start()
    may_run.set()
    assert has_ended.wait(MAX_WAIT_SECONDS)
    assert not called.is_set()


def test_a_started_thread_and_timer_call_their_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A started thread and a started timer call their functions. A cancelled timer doesn't."""
    monkeypatch.setattr(daemon_threads, "LONGEST_START_SECONDS", MAX_WAIT_SECONDS)
    called, fired, cancelled = Event(), Event(), Event()
    DaemonThread(called.set, "x").start()
    DaemonTimer(0, fired.set).start()
    timer = DaemonTimer(MAX_WAIT_SECONDS, cancelled.set)
    timer.start()
    timer.cancel()
    timer.join(MAX_WAIT_SECONDS)
    assert called.wait(MAX_WAIT_SECONDS)
    assert fired.wait(MAX_WAIT_SECONDS)
    assert not cancelled.is_set()
