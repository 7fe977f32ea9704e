"""The preferences of the acting person: read once from the person's file, changed in memory, and written by a worker
thread a moment after each change.
"""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.settings.entries_file import EntriesFile, JsonValue, StoredEntries
from console.settings.person_files import preferences_file, read_preferences
from console.views.runtime.tasks import Failure, Runner

WRITE_DELAY_MS = 200
"""Milliseconds between the first unwritten change and its writing. A drag of the mouse is a hundred changes."""


class Preferences(QObject):
    """The preferences of one person at a time. Use it from the GUI thread only.

    Before a person is known, changes stay in memory; they become the changes of the first person.

    Signals:
    - loaded: the values of another person are here.
    - set_aside(object): the person's file could not be used; carries the Path to which it was renamed.
    - write_failed: a change could not be written; it is tried again with the next change.
    """

    loaded = Signal()
    set_aside = Signal(object)
    write_failed = Signal()

    def __init__(self, home: Path, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home, self._runner = home, runner
        self.person: str | None = None
        self._file: EntriesFile | None = None
        self._values: dict[str, JsonValue] = {}
        self._changes: dict[str, JsonValue | None] = {}
        self._timer = QTimer(self, singleShot=True, interval=WRITE_DELAY_MS)
        self._timer.timeout.connect(self.write_changes)

    # -- person

    def use(self, person: str, stored: StoredEntries) -> None:
        """Use these values, which were read from the person's file; then emit `loaded`."""
        self.person, self._file = person, preferences_file(self._home, person)
        self._values = {**stored.values, **self._changes}
        if self._changes:
            self._timer.start()
        self.loaded.emit()
        if stored.set_aside is not None:
            self.set_aside.emit(stored.set_aside)

    def load(self, person: str) -> None:
        """Read this person's preferences in a worker thread, unless they are the present ones; then emit `loaded`."""
        if person == self.person:
            return
        self.write_changes()
        if self.person is not None:
            self._changes = {}  # those of the previous person
        self.person, self._file = person, None

        def use(stored: StoredEntries) -> None:
            if self.person == person:
                self.use(person, stored)

        self._runner.run(
            lambda: read_preferences(self._home, person),
            use,
            lambda _: use(StoredEntries()),
            owner=self,
            lane="files",
        )

    # -- values

    def text(self, name: str, choices: tuple[str, ...] = ()) -> str | None:
        """Return a stored text; None if there is none, or if it isn't one of the choices."""
        value = self._values.get(name)
        return value if isinstance(value, str) and (not choices or value in choices) else None

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """Return a stored number; None if there is none or it is outside of the range."""
        return _number_of(self._values.get(name), lowest, highest)

    def numbers(self, name: str, lowest: float, highest: float) -> Mapping[str, float]:
        """Return a stored table of numbers by name, without the entries that aren't numbers of this range."""
        value = self._values.get(name)
        items = value.items() if isinstance(value, dict) else ()
        numbers = {str(key): _number_of(item, lowest, highest) for key, item in items}
        return {key: number for key, number in numbers.items() if number is not None}

    def store(self, name: str, value: JsonValue | None) -> None:
        """Change a value and write it a moment later; None deletes it. A value that is the same is no change."""
        if self._values.get(name) == value:
            return
        self._values[name] = self._changes[name] = value
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def write_changes(self) -> None:
        """Write the changes in a worker thread. Nothing happens if there are none or no person is known."""
        self._timer.stop()
        file, changes = self._file, self._changes
        if file is None or not changes:
            return
        self._changes = {}

        def keep_changes(_failure: Failure) -> None:
            if self._file is file:
                self._changes = {**changes, **self._changes}
            self.write_failed.emit()

        def show_set_aside(stored: StoredEntries) -> None:
            if stored.set_aside is not None:
                self.set_aside.emit(stored.set_aside)

        self._runner.run(lambda: file.change(changes), show_set_aside, keep_changes, owner=self, lane="files")


def _number_of(value: object, lowest: float, highest: float) -> float | None:
    """Return the value if it is a number of this range, otherwise None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if lowest <= value <= highest else None
