"""Collects the announcements that a window sends to screen readers, in the order in which they are sent."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent


@dataclass(frozen=True, slots=True)
class SentAnnouncement:
    """One announcement. `is_urgent` is True if the announcement interrupts the sentence that the screen reader is
    reading. `sent_at_seconds` is the time of the announcement (monotonic seconds). `processor_seconds` is the
    processor time that the event loop's thread had used until then (seconds).
    """

    sentence: str
    is_urgent: bool
    sent_at_seconds: float = field(default=0.0, compare=False)
    processor_seconds: float = field(default=0.0, compare=False)


@contextmanager
def collect_announcements(note: Callable[[], object] = lambda: None) -> Iterator[list[SentAnnouncement]]:
    """Yield a list to which every announcement of this process is added until the end of the block. `note` is called
    after each announcement.
    """
    announcements: list[SentAnnouncement] = []
    send = QAccessible.updateAccessibility

    def record_announcement(event: QAccessibleEvent) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            urgent = QAccessible.AnnouncementPoliteness.Assertive
            announcements.append(
                SentAnnouncement(event.message(), event.politeness() == urgent, time.monotonic(), time.thread_time())
            )
            note()
        send(event)

    with mock.patch.object(QAccessible, "updateAccessibility", record_announcement):
        yield announcements
