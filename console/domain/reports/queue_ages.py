"""Waiting times of the records of each queue, by classes of age."""

from dataclasses import dataclass
from datetime import datetime, timedelta

AGE_LIMITS = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1), timedelta(days=3))
"""The upper limits of the classes of age, in order; the last class has no upper limit."""
AGE_CLASSES = ("hour", "four_hours", "day", "three_days", "older")
"""Names of the classes of age, in order; the last class has no upper limit."""


@dataclass(frozen=True, slots=True)
class QueueAges:
    """The counts of records of one queue: `counts` has one number for each class of age, in the order of AGE_CLASSES.
    `undated_count` is the number of records without a known age. `is_complete` is False if the queue may have more
    records than are counted."""

    queue: str
    counts: tuple[int, ...]
    undated_count: int = 0
    is_complete: bool = True

    @property
    def total(self) -> int:
        """The number of all counted records of the queue, with and without a known age."""
        return sum(self.counts) + self.undated_count


@dataclass(frozen=True, slots=True)
class QueueAgeReport:
    """Report of the waiting times in the queues at the instant `read_at`. For each queue it counts the records by
    their age: the time since they got their present state."""

    queues: tuple[QueueAges, ...]
    read_at: datetime
