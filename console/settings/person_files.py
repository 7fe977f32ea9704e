"""The private files of each person of a desk, in the folder `people` of its home."""

import hashlib
import logging
from pathlib import Path

from console.domain.errors import ConsoleError
from console.settings.entries_file import EntriesFile, StoredEntries

log = logging.getLogger("console.settings")
FOLDER_NAME = "people"
_DIGITS = 24


def person_file(home: Path, person: str, suffix: str) -> Path:
    """Return the path of a file of this person. The file's name is derived from the person's name, which may contain
    characters that file names can't have; "" is the name of a desk without named people.
    """
    return home / FOLDER_NAME / (hashlib.sha256(person.encode()).hexdigest()[:_DIGITS] + suffix)


def preferences_file(home: Path, person: str) -> EntriesFile:
    """Return the file of the person's preferences: language, appearance, and sizes of windows and columns. It has no
    names, no typed texts and no secrets.
    """
    return EntriesFile(person_file(home, person, ".preferences.json"))


def read_preferences(home: Path, person: str) -> StoredEntries:
    """Return the stored preferences of a person; none if the file can't be read, because a window without preferences
    is better than no window.
    """
    try:
        return preferences_file(home, person).read()
    except (ConsoleError, OSError):
        log.warning("the preferences can't be read", exc_info=True)
        return StoredEntries()
