"""Tests of the durations that the status bar shows: they are durations of calls, without the time in which a call
waits for a thread or for the person's password.
"""

from contextlib import nullcontext
from typing import Any

import pytest
from PySide6.QtCore import QObject

from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.views.app.background_refresh import BackgroundRefresh
from console.views.runtime.context import WindowContext
from console.views.runtime.status_values import PasswordRequest
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import StillClock, make_window_context

CALL_SECONDS, WAITING_SECONDS = 2.0, 30.0


class HandMovedClock(StillClock):
    """A clock whose monotonic time moves only when a test adds seconds to it."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class ServicesWithoutFeed:
    """Services whose reading of the change feed takes CALL_SECONDS and is refused for lack of a right."""

    def __init__(self, clock: HandMovedClock) -> None:
        self._clock = clock

    @property
    def desk_status(self) -> "ServicesWithoutFeed":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def read_desk_update(self, *_mark: object, **_options: object) -> object:
        self._clock.seconds += CALL_SECONDS
        raise ConsoleError(ErrorCode.NOT_ALLOWED)


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock()


@pytest.fixture
def context(appearance: object, clock: HandMovedClock) -> WindowContext:
    """Return a context whose calls wait until the test executes them."""
    context = make_window_context()
    context._clock, context.runner = clock, InlineRunner(paused=True)
    context.store_services(ServicesWithoutFeed(clock))  # type: ignore[arg-type]  # the feed alone
    return context


def execute_oldest_task_later(context: WindowContext, clock: HandMovedClock) -> None:
    """Let the oldest call wait for a thread, then execute it."""
    assert isinstance(context.runner, InlineRunner)
    clock.seconds += WAITING_SECONDS
    context.runner.execute_oldest_task()


def test_an_answer_time_is_the_duration_of_the_call(context: WindowContext, clock: HandMovedClock) -> None:
    """A call waits for a thread, is refused because it needs the person's password, and runs again after the person
    has typed it. The answer time is the duration of the second run alone.
    """
    passwords: list[PasswordRequest] = []
    context.ask_password = passwords.append

    def call(_services: object, _request_id: str) -> str:
        clock.seconds += CALL_SECONDS
        if not passwords:
            raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.PASSWORD_NEEDED})
        return "answer"

    context.run_acting_call(
        call,
        lambda _value: None,
        lambda _failure: None,
        caller=QObject(context),
        label="probe",
        make_toast=lambda _value: pytest.fail("the caller exists"),
        attempt="probe",
    )
    execute_oldest_task_later(context, clock)
    clock.seconds += WAITING_SECONDS  # the person types
    passwords[0].submit("secret")
    execute_oldest_task_later(context, clock)
    assert context.connection_state.alarmbox_answered_at is not None
    assert context.connection_state.alarmbox_answer_seconds == CALL_SECONDS


def test_the_answer_time_of_a_refused_feed_reading_is_the_duration_of_the_call(
    context: WindowContext, clock: HandMovedClock
) -> None:
    """The database refuses the reading of the change feed for lack of a right, after the reading has waited for a
    thread. The answer time of the database is the duration of the reading alone.
    """
    refresh = BackgroundRefresh(context, context)
    refresh.stop_timers()
    refresh.read_change_feed()
    execute_oldest_task_later(context, clock)
    assert context.connection_state.database_answer_seconds == CALL_SECONDS
