"""Tests of the pause of a worker between two polls of the database for desk requests."""

import pytest

from console.worker.request_threads import (
    QUICK_REQUEST_POLL_PAUSE_SECONDS,
    QUICK_REQUEST_POLL_PERIOD_SECONDS,
    REQUEST_POLL_PAUSE_SECONDS,
    compute_request_poll_pause_seconds,
)

_RENEWAL_SECONDS = 1.0
_NO_REQUEST_AGE_SECONDS = float("inf")


@pytest.mark.parametrize(
    ("idle_seconds", "is_standby", "pause"),
    [
        (0.0, False, REQUEST_POLL_PAUSE_SECONDS),  # one is open: the threads that execute are not to be held up
        (0.0, True, REQUEST_POLL_PAUSE_SECONDS),
        (0.001, False, QUICK_REQUEST_POLL_PAUSE_SECONDS),
        (QUICK_REQUEST_POLL_PERIOD_SECONDS, False, REQUEST_POLL_PAUSE_SECONDS),
        (_NO_REQUEST_AGE_SECONDS, False, REQUEST_POLL_PAUSE_SECONDS),
        (0.001, True, _RENEWAL_SECONDS),
        (_NO_REQUEST_AGE_SECONDS, True, _RENEWAL_SECONDS),
    ],
)
def test_polls_are_quick_only_shortly_after_a_request(idle_seconds: float, is_standby: bool, pause: float) -> None:
    assert compute_request_poll_pause_seconds(idle_seconds, _RENEWAL_SECONDS, is_standby=is_standby) == pause
