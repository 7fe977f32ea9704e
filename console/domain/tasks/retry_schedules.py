"""Schedules of automatic attempts: the wait before each attempt. If the last attempt of a schedule fails, a person
must look at the record. Some schedules have no last attempt: they repeat their last wait without end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from console.domain.clock import TimeScale

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

PURCHASE_PROBE_WAITS: Sequence[timedelta] = (
    _MINUTE, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY,
)  # fmt: skip
"""Waits before the automatic probes of a purchase whose outcome is unknown."""
PAYMENT_PROBE_WAITS: Sequence[timedelta] = PURCHASE_PROBE_WAITS
"""Waits before the automatic probes of a payment whose outcome is unknown."""
PAYMENT_POLL_WAITS: Sequence[timedelta] = (
    10 * _SECOND, 20 * _SECOND, 30 * _SECOND, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR,
    6 * _HOUR, _DAY, _DAY, _DAY,
)  # fmt: skip
"""Waits before the reads of a payment at its provider while the payer can still pay."""
REFUND_PROBE_WAITS: Sequence[timedelta] = (
    _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY, _DAY, _DAY,
)  # fmt: skip
"""Waits before the automatic probes of a refund whose outcome is unknown."""
PAYMENT_TIMEOUT_WAITS: Sequence[timedelta] = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR)
"""Waits between the attempts to end an expired payment while its outcome isn't known; the last wait is repeated."""
INCOMPLETE_REFETCH_WAITS: Sequence[timedelta] = (5 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY)
"""Waits before the automatic re-fetches of the missing parts of a credit check."""

REFUND_POLL_WAITS: Sequence[timedelta] = (30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, *(24 * (_HOUR,)), _DAY)
SLOW_REFUND_POLL_WAITS: Sequence[timedelta] = (*(24 * (_HOUR,)), _DAY)
"""Waits between the polls of an accepted refund: SLOW_REFUND_POLL_WAITS for a provider that needs hours to complete
refunds, REFUND_POLL_WAITS for a provider that needs minutes. The last wait is repeated.
"""
REFUND_SENDING_WAITS: Sequence[timedelta] = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY)
"""Waits between the attempts to send an approved refund that could not be sent. Each attempt uses the same
idempotency key.
"""
REFUND_DECISION_TIME_LIMIT = 72 * _HOUR
"""Time that approvers have to decide about a refund request."""
SLOW_REFUND_AGE = 24 * _HOUR
"""Time after which a case is opened for a refund that the provider has accepted and not completed."""


def compute_next_attempt_time(
    schedule: Sequence[timedelta], attempt_count: int, now: datetime, scale: TimeScale
) -> datetime | None:
    """Return the instant at which the next attempt is due after `attempt_count` attempts, counted from the instant
    `now`; None if `schedule` has no more attempts. `schedule` has the wait before each attempt; `scale` divides the
    waits in tests.
    """
    if attempt_count >= len(schedule):
        return None
    return now + scale.scale_duration(schedule[attempt_count])


def compute_next_attempt_time_of_endless_schedule(
    schedule: Sequence[timedelta], attempt_count: int, now: datetime, scale: TimeScale
) -> datetime:
    """Return the instant at which the next attempt is due after `attempt_count` attempts, counted from the instant
    `now`. `schedule` has the wait before each attempt; its last wait is repeated without end. `scale` divides the
    waits in tests."""
    return now + scale.scale_duration(schedule[min(attempt_count, len(schedule) - 1)])
