"""Values of the acting person that are restored at the next start: read once in a worker thread, changed in
memory, and written by a worker thread a moment after each change.
"""

from abc import abstractmethod
from collections.abc import Mapping
from threading import Event
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from console.settings.entries_file import JsonValue, StoredEntries
from console.views.runtime.tasks import Failure, Runner

WRITE_DELAY_MS = 200
"""Milliseconds between the first unwritten change and its writing, so that the many changes during one drag of
the mouse are written once.
"""


class ValueSource(Protocol):
    """Interface of the file that stores one person's values. `read` and `change` are called in a worker thread."""

    def read(self) -> StoredEntries: ...

    def change(self, changes: Mapping[str, JsonValue | None]) -> StoredEntries: ...


class StoredValues(QObject):
    """The values of one person at a time, by name. Use it from the GUI thread only. A subclass says where the values
    of a person are.

    Before a person is known, changes stay in memory; they become the changes of the first person.

    Signals:
    - loaded: the values of another person are here.
    - set_aside(object): the person's file could not be used; carries the Path to which it was renamed.
    - write_failed: a change could not be written; it is tried again with the next change.
    """

    loaded = Signal()
    set_aside = Signal(object)
    write_failed = Signal()

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.person: str | None = None
        self._source: ValueSource | None = None
        self._values: dict[str, JsonValue | None] = {}
        self._changes: dict[str, JsonValue | None] = {}
        self._timer = QTimer(self, singleShot=True, interval=WRITE_DELAY_MS)
        self._timer.timeout.connect(self.write_changes)

    @abstractmethod  # without ABC: its metaclass conflicts with Qt's
    def _source_of(self, person: str) -> ValueSource:
        """Return the place of this person's values. Implemented by the subclass."""

    # -- person

    def use(self, person: str, stored: StoredEntries) -> None:
        """Use these values of the person, which were read before; then emit `loaded`."""
        self._use_values(person, self._source_of(person), stored)

    def _use_values(self, person: str, source: ValueSource | None, stored: StoredEntries) -> None:
        self.person, self._source = person, source
        self._values = {**stored.values, **self._changes}
        if self._changes:
            self._timer.start()
        self.loaded.emit()
        if stored.set_aside is not None:
            self.set_aside.emit(stored.set_aside)

    def load(self, person: str) -> None:
        """Read this person's values in a background thread, and emit `loaded` when they have been read. Do nothing if
        this person's values are in use already. If they can't be read, the person has no values, and changes stay in
        memory.
        """
        if person == self.person:
            return
        self.write_changes()
        if self.person is not None:
            self._changes = {}  # those of the previous person
        source = self._source_of(person)
        self.person, self._source, self._values = person, None, {}

        def use(used_source: ValueSource | None, stored: StoredEntries) -> None:
            if self.person == person:
                self._use_values(person, used_source, stored)

        self._runner.run(
            source.read,
            lambda stored: use(source, stored),
            lambda _: use(None, StoredEntries()),
            owner=self,
            lane="files",
        )

    # -- values

    def value(self, name: str) -> JsonValue | None:
        """Return the value of this name; None if there is none."""
        return self._values.get(name)

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the values that begin with the prefix."""
        return tuple(name for name, value in self._values.items() if name.startswith(prefix) and value is not None)

    def store(self, name: str, value: JsonValue | None) -> None:
        """Change a value and write it a moment later; None deletes it. A value that is the same is no change."""
        if self._values.get(name) == value:
            return
        self._values[name] = self._changes[name] = value
        if not self._timer.isActive():
            self._timer.start()

    def write_changes(self) -> Event | None:
        """Write the changes in a worker thread, and return an event that is set when the writing has ended,
        successfully or not. Return None if there are no changes, or if no place for them is known.
        """
        self._timer.stop()
        source, changes = self._source, self._changes
        if source is None or not changes:
            return None
        self._changes, has_ended = {}, Event()

        def keep_changes(_failure: Failure) -> None:
            if self._source is source:
                self._changes = {**changes, **self._changes}
            self.write_failed.emit()

        def show_set_aside(stored: StoredEntries) -> None:
            if stored.set_aside is not None:
                self.set_aside.emit(stored.set_aside)

        def write() -> StoredEntries:
            try:
                return source.change(changes)
            finally:
                has_ended.set()

        self._runner.run(write, show_set_aside, keep_changes, owner=self, lane="files")
        return has_ended
