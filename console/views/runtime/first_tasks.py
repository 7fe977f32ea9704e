"""The first tasks: actions that a person who uses the window for the first time should try. The module stores which
of the tasks the person has done.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from PySide6.QtCore import QObject, Signal, Slot

from console.views.runtime.preferences import Preferences

MAX_FIRST_TASKS_SECONDS = 10 * 24 * 60 * 60
"""Seconds from a person's first start of the window until Home no longer shows the first tasks, if the person doesn't
hide them earlier.
"""
FIRST_START_PREFERENCE = "first_start_at"
"""Name of the preference with the time of the person's first start, in seconds since 1970."""
FIRST_TASKS_ENDED_PREFERENCE = "first_tasks_ended"
"""Name of the preference that is True if the first tasks must not be shown any more. Each finished task has a
preference of its own, so that two windows of one person don't overwrite each other's changes.
"""
_MAX_VALID_UNIX_TIME = 1e11


class FirstTask(StrEnum):
    """A task that the window proposes to a new person: open a result of the search, open a record, or open the
    help."""

    SEARCH = "search"
    RECORD = "record"
    HELP = "help"

    @property
    def preference_name(self) -> str:
        """The name of the preference that is True if the person has done the task."""
        return f"first_tasks.{self}"


class FirstTaskList(QObject):
    """The first tasks of a new person (see FirstTask) and their states, stored as preferences of the person. The
    tasks end after MAX_FIRST_TASKS_SECONDS, or earlier if the person has done all of them or dismisses them; after
    that the window never shows them again. They begin only in a window that was opened when the person had no
    preferences.

    Signals:
    - changed: `is_running`, or the state of a task, may have a new value.
    """

    changed = Signal()

    def __init__(
        self,
        preferences: Preferences,
        get_now: Callable[[], datetime],
        may_start: Callable[[], bool],
        parent: QObject,
    ) -> None:
        """`may_start` returns False while the services aren't open, and in the window of a training, which has new
        preferences each time."""
        super().__init__(parent)
        self._preferences, self._now, self._may_start = preferences, get_now, may_start
        self.is_announced = False
        """True if a screen reader has announced the tasks in this window."""

    @property
    def first_start_time(self) -> float | None:
        """The time at which the tasks began in the person's first window, in seconds since 1970. This value is still
        stored after the tasks have ended. None if the tasks never began."""
        return self._preferences.get_number(FIRST_START_PREFERENCE, 0, _MAX_VALID_UNIX_TIME)

    @property
    def is_running(self) -> bool:
        """True from the time at which the person's first tasks begin until they end."""
        return (
            self.first_start_time is not None
            and self._preferences.get_value(FIRST_TASKS_ENDED_PREFERENCE) is not True
        )

    @property
    def is_first_window_of_person(self) -> bool:
        """True if this is the first window of the person: no preferences were stored when it was opened."""
        return self._preferences.is_first_use

    def is_task_done(self, task: FirstTask) -> bool:
        return self._preferences.get_value(task.preference_name) is True

    def mark_task_done(self, task: FirstTask) -> None:
        """Store that the person has done a task, and end the tasks if it was the last one. Do nothing if the tasks
        aren't running."""
        if self.is_running and not self.is_task_done(task):
            self._preferences.store(task.preference_name, value=True)
            self.begin_or_end_tasks()

    @Slot()
    def begin_or_end_tasks(self) -> None:
        """Begin the tasks if the person is new. End the tasks if all of them are done, or if MAX_FIRST_TASKS_SECONDS
        have passed. Emit `changed` in any case."""
        if self._preferences.is_first_use and self.first_start_time is None and self._may_start():
            self._preferences.store(FIRST_START_PREFERENCE, int(self._now().timestamp()))
        if self.is_running and (self._is_period_of_tasks_over() or all(map(self.is_task_done, FirstTask))):
            self._preferences.store(FIRST_TASKS_ENDED_PREFERENCE, value=True)
        self.changed.emit()

    @Slot()
    def dismiss_tasks(self) -> None:
        """End the first tasks, so that their list is never shown again, because the person doesn't want to see it."""
        self._preferences.store(FIRST_TASKS_ENDED_PREFERENCE, value=True)
        self.changed.emit()

    def _is_period_of_tasks_over(self) -> bool:
        return self._now().timestamp() - (self.first_start_time or 0) >= MAX_FIRST_TASKS_SECONDS
