"""The preferences of the acting person: language, appearance, and sizes of windows and columns."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject

from console.settings.person_files import get_preferences_file
from console.views.runtime.stored_values import StoredPersonValues, ValueSource
from console.views.runtime.tasks import Runner


class Preferences(StoredPersonValues):
    """The preferences of the acting person, stored in a file below the folder `home`. A stored value that isn't valid
    counts as not set."""

    def __init__(self, home: Path, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(runner, parent)
        self._home = home

    def _make_value_source(self, person: str) -> ValueSource:
        return get_preferences_file(self._home, person)

    def get_text(self, preference_name: str, choices: tuple[str, ...] = ()) -> str | None:
        """Return the stored text of this name; None if no text is stored, or if the text isn't one of `choices`. If
        `choices` is empty, every text is valid."""
        value = self.get_value(preference_name)
        return value if isinstance(value, str) and (not choices or value in choices) else None

    def get_number(self, preference_name: str, lowest: float, highest: float) -> float | None:
        """Return the stored number of this name; None if no number is stored, or if the number isn't between `lowest`
        and `highest`."""
        return _parse_number(self.get_value(preference_name), lowest, highest)

    def get_numbers(self, preference_name: str, lowest: float, highest: float) -> Mapping[str, float]:
        """Return the stored numbers of a preference that consists of several named numbers, such as the widths of
        columns. Values that aren't numbers between `lowest` and `highest` are left out."""
        value = self.get_value(preference_name)
        stored_items = value.items() if isinstance(value, dict) else ()
        number_by_key = {str(key): _parse_number(item, lowest, highest) for key, item in stored_items}
        return {key: number for key, number in number_by_key.items() if number is not None}


def _parse_number(value: object, lowest: float, highest: float) -> float | None:
    """Return the value if it is a number between `lowest` and `highest`; otherwise return None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if lowest <= value <= highest else None
