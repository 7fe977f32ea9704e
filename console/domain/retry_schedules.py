"""When the console asks again by itself, and when it stops and calls a person. Starting values."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from console.domain.clock import TimeScale

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

PURCHASE_PROBES: Sequence[timedelta] = (
    _MINUTE, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY,
)  # fmt: skip
PAYMENT_PROBES: Sequence[timedelta] = PURCHASE_PROBES
PAYMENT_POLLS: Sequence[timedelta] = (
    10 * _SECOND, 20 * _SECOND, 30 * _SECOND, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR,
    6 * _HOUR, _DAY, _DAY, _DAY,
)  # fmt: skip
REFUND_PROBES: Sequence[timedelta] = (
    _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY, _DAY, _DAY,
)  # fmt: skip
PAYMENT_TIMEOUTS: Sequence[timedelta] = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR)
"""When the end of a payment whose time has passed is tried again, while nobody can tell; the last goes on."""
INCOMPLETE_REFETCHES: Sequence[timedelta] = (5 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY)

REFUND_POLLS: Sequence[timedelta] = (30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, *(24 * (_HOUR,)), _DAY)
SLOW_REFUND_POLLS: Sequence[timedelta] = (*(24 * (_HOUR,)), _DAY)
"""When accepted refunds are asked about, where the provider is quick and where it takes hours; the last goes on."""
REFUND_SENDINGS: Sequence[timedelta] = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, _DAY, _DAY)
"""When an approved refund that could not be sent is sent, with its one key."""
REFUND_DECISION = 72 * _HOUR
"""How long a request waits for its decision."""
REFUND_PATIENCE = 24 * _HOUR
"""How long an accepted refund takes before somebody is told."""


def next_at(schedule: Sequence[timedelta], attempts: int, now: datetime, scale: TimeScale) -> datetime | None:
    """When attempt number `attempts` + 1 is due, counted from the last one; None when the schedule has ended."""
    if attempts >= len(schedule):
        return None
    return now + scale.delta(schedule[attempts])


def next_of_endless(schedule: Sequence[timedelta], attempts: int, now: datetime, scale: TimeScale) -> datetime:
    """As `next_at`, for a schedule that never ends."""
    return now + scale.delta(schedule[min(attempts, len(schedule) - 1)])
