"""The private files of each person who uses a desk. They are in the folder `people` of the home folder."""

import hashlib
import logging
from pathlib import Path

from console.domain.errors import ConsoleError
from console.settings.named_values_file import NamedValues, NamedValuesFile

log = logging.getLogger("console.settings")
PEOPLE_FOLDER_NAME = "people"
_PERSON_FILE_NAME_DIGITS = 24


def get_person_file_path(home: Path, person: str, suffix: str) -> Path:
    """Return the path of a private file of this person. The file's name is computed from the person's name, because
    the person's name may contain characters that file names can't have. The name "" is used for a desk without named
    people. `suffix` is the end of the file's name, different for each kind of file, such as `.preferences.json`."""
    return (
        home / PEOPLE_FOLDER_NAME / (hashlib.sha256(person.encode()).hexdigest()[:_PERSON_FILE_NAME_DIGITS] + suffix)
    )


def get_preferences_file(home: Path, person: str) -> NamedValuesFile:
    """Return the object that reads and changes the file of this person's preferences: language, appearance, and sizes
    of windows and columns. The call doesn't touch the file; the first change creates it. The file contains no names,
    no typed texts and no secrets.
    """
    return NamedValuesFile(get_person_file_path(home, person, ".preferences.json"))


def read_preferences(home: Path, person: str) -> NamedValues:
    """Return this person's stored preferences. If the file can't be read, log a warning and return empty preferences,
    so that the window can still open.
    """
    try:
        return get_preferences_file(home, person).read()
    except (ConsoleError, OSError):
        log.warning("the preferences can't be read", exc_info=True)
        return NamedValues()
