"""Limits of the age of records in queues, and the texts of the alert about a queue whose oldest record exceeds its
limit. No I/O."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zlib import crc32

from console.domain.calendar_days import format_instant

ALERT_RULE = "queue_age"
QUEUE_KIND = "queue"
AGE_LIMITS: Mapping[str, timedelta] = {
    "pending": timedelta(days=3),
    "unknown": timedelta(days=1),
    "incomplete": timedelta(days=2),
    "review": timedelta(days=1),
    "refunds": timedelta(days=3),
}
"""Age of the oldest record above which an alert is raised, by queue. The queue `error` has no limit: its records stay
until a later success, and nobody has to do anything about them.
"""
QUEUE_BY_SUBJECT_ID: Mapping[int, str] = {crc32(name.encode()): name for name in AGE_LIMITS}
"""The name of each queue, by the number that represents the queue in the column `subject_id` of alerts."""


def compute_queue_subject_id(queue: str) -> int:
    """Return the number by which an alert about an old record in a queue names the queue, in the column `subject_id`
    of alerts: the CRC-32 of the queue's name."""
    return crc32(queue.encode())


def format_observed_age(queue: str, oldest: datetime) -> str:
    """Return the text `observed` of an alert about a queue whose oldest record waits since the instant `oldest`,
    such as `queue unknown since 2026-11-20T03:20:01Z`."""
    return f"queue {queue} since {format_instant(oldest)}"


def format_expected_age(limit: timedelta) -> str:
    """Return the text `expected` of an alert about an old record in a queue: the queue's age limit in seconds,
    such as `within 86400 s`."""
    return f"within {limit.total_seconds():.0f} s"
