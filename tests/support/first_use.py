"""Marks people as having used the window before, so that the page Home shows them no first tasks."""

from pathlib import Path

from console.settings.person_files import make_preferences_file
from console.views.runtime.first_tasks import FIRST_TASKS_ENDED_PREFERENCE


def note_earlier_use(home: Path, person: str) -> None:
    """Write the preferences of a person who has ended the first tasks. A person who already has preferences keeps
    them."""
    file = make_preferences_file(home, person)
    if not file.path.exists():
        file.change({FIRST_TASKS_ENDED_PREFERENCE: True})
