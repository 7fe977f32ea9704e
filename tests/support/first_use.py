"""Marks people as having used the window before, so that the page Home shows them no first tasks."""

from pathlib import Path

from console.settings.person_files import get_preferences_file
from console.views.runtime.first_tasks import FIRST_TASKS_ENDED_PREFERENCE


def note_earlier_use(home: Path, person: str) -> None:
    """Store in a person's preferences that the person has ended the first tasks. If the person already has
    preferences, change nothing."""
    file = get_preferences_file(home, person)
    if not file.path.exists():
        file.change({FIRST_TASKS_ENDED_PREFERENCE: True})
