"""The base class of stores for values of the acting person. The values are read from a file in a background thread,
changed in memory, and written to the file in a background thread soon after each change."""

from abc import abstractmethod
from collections.abc import Mapping
from threading import Event
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from console.settings.named_values_file import JsonValue, NamedValues
from console.views.runtime.tasks import Failure, Runner

VALUES_WRITE_DELAY_MS = 200
"""Milliseconds between the first unwritten change and its writing, so that the many changes during one drag of
the mouse are written once.
"""


class ValueSource(Protocol):
    """The interface of the file that stores the values of one person. `read` and `change` are called in a background
    thread. `change` writes the values of `changes`, by name; the value None deletes the stored value. Each of these
    two methods returns the values that the file contains when the method ends."""

    def read(self) -> NamedValues: ...

    def change(self, changes: Mapping[str, JsonValue | None]) -> NamedValues: ...


class StoredPersonValues(QObject):
    """The stored values of the acting person, by name. Use this object from the GUI thread only. The subclass
    determines the file of the values.

    While the acting person isn't known, changes exist only in memory; when the first person becomes known, the
    changes are applied to this person's values.

    Signals:
    - loaded: the values of another person have been read, or the read has failed.
    - file_renamed(object): the program couldn't use the file of the person and has renamed it to this Path.
    - write_failed: the program couldn't write a change; it will write this change together with the next one.
    - changed_elsewhere: another window of the person has changed shared values (see `_is_shared_value`).
    """

    loaded = Signal()
    changed_elsewhere = Signal()
    file_renamed = Signal(object)
    write_failed = Signal()

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.person: str | None = None
        self.is_first_use = False
        """True if the file of the person was empty or missing when this window read it."""
        self._value_source: ValueSource | None = None
        self._values: dict[str, JsonValue | None] = {}
        self._unwritten_changes: dict[str, JsonValue | None] = {}
        self._write_count = 0
        """Number of the writes that have been given to the background thread and have not ended."""
        self._timer = QTimer(self, singleShot=True, interval=VALUES_WRITE_DELAY_MS)
        self._timer.timeout.connect(self.write_changes)

    @abstractmethod  # without ABC: its metaclass conflicts with Qt's
    def _make_value_source(self, person: str) -> ValueSource:
        """Return the object that reads and writes the file of this person. The subclass implements this method."""

    def _is_shared_value(self, value_name: str) -> bool:
        """Return True if a value that another window of the person has changed applies in this window as well. The
        subclass may override this method; by default, no value is shared."""
        return False

    # -- person

    def set_values_of_person(self, person: str, stored_entries: NamedValues) -> None:
        """Use `stored_entries`, which the caller has already read from the person's file, as the values of this
        person, and emit `loaded`."""
        self._set_values_and_source(person, self._make_value_source(person), stored_entries)

    def _set_values_and_source(
        self, person: str, value_source: ValueSource | None, stored_entries: NamedValues
    ) -> None:
        """Use `stored_entries` as the values of this person, and emit `loaded`. Later changes are written to
        `value_source`. If `value_source` is None, because the file couldn't be read, changes exist only in memory."""
        self.person, self._value_source = person, value_source
        self.is_first_use = (
            value_source is not None and not stored_entries.values and stored_entries.renamed_path is None
        )
        self._values = {**stored_entries.values, **self._unwritten_changes}
        if self._unwritten_changes:
            self._timer.start()
        self.loaded.emit()
        if stored_entries.renamed_path is not None:
            self.file_renamed.emit(stored_entries.renamed_path)

    def load(self, person: str) -> None:
        """Read the values of this person in a background thread, then emit `loaded`. Do nothing if this person's
        values are already in use or being read. If the file can't be read, the person has no values, changes exist
        only in memory, and the signal `loaded` is emitted as well."""
        if person == self.person:
            return
        self.write_changes()
        if self.person is not None:
            self._unwritten_changes = {}  # those of the previous person
        value_source = self._make_value_source(person)
        self.person, self._value_source, self._values = person, None, {}
        self.is_first_use = False

        def apply_if_same_person(used_source: ValueSource | None, stored_entries: NamedValues) -> None:
            if self.person == person:
                self._set_values_and_source(person, used_source, stored_entries)

        self._runner.run(
            value_source.read,
            lambda stored: apply_if_same_person(value_source, stored),
            lambda _: apply_if_same_person(None, NamedValues()),
            caller=self,
            pool_name="files",
        )

    # -- values

    def get_value(self, value_name: str) -> JsonValue | None:
        """Return the value that is stored under this name; None if there is none."""
        return self._values.get(value_name)

    def list_value_names(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the stored values that begin with `prefix`."""
        return tuple(name for name, value in self._values.items() if name.startswith(prefix) and value is not None)

    def store(self, value_name: str, value: JsonValue | None) -> None:
        """Change a value, and write the change to the file after VALUES_WRITE_DELAY_MS milliseconds; None deletes the
        value. Do nothing if the value hasn't changed."""
        if self._values.get(value_name) == value:
            return
        self._values[value_name] = self._unwritten_changes[value_name] = value
        if not self._timer.isActive():
            self._timer.start()

    def read_values_of_other_windows(self) -> None:
        """Read the file in a background thread, and use those shared values that other windows of the person have
        changed. If the file can't be read, the values stay.
        """
        person, value_source = self.person, self._value_source
        if value_source is None:
            return

        def adopt_if_same_person(stored_entries: NamedValues) -> None:
            if self.person == person and self._value_source is value_source:
                self._adopt_shared_values(stored_entries)

        self._runner.run(value_source.read, adopt_if_same_person, lambda _: None, caller=self, pool_name="files")

    def _adopt_shared_values(self, stored_entries: NamedValues) -> None:
        """Replace the shared values by those of the file, and emit `changed_elsewhere` if one differs. A change of
        this window that isn't written yet stays. Do nothing while this window writes to the file, because the file
        may have been read before this write.
        """
        if self._write_count or stored_entries.renamed_path is not None:
            return
        own = {name: value for name, value in self._values.items() if not self._is_shared_value(name)}
        shared = {name: value for name, value in stored_entries.values.items() if self._is_shared_value(name)}
        earlier_values = {name: value for name, value in self._values.items() if value is not None}
        self._values = {**own, **shared, **self._unwritten_changes}
        if earlier_values != {name: value for name, value in self._values.items() if value is not None}:
            self.changed_elsewhere.emit()

    def write_changes(self) -> Event | None:
        """Write the changes that the file doesn't contain yet, in a background thread. Return an event that is set
        when the writing has succeeded or failed; None if there are no changes, or if the person's file isn't known.
        """
        self._timer.stop()
        value_source, changes = self._value_source, self._unwritten_changes
        if value_source is None or not changes:
            return None
        self._unwritten_changes, end_event = {}, Event()
        self._write_count += 1

        def restore_unwritten_changes(_failure: Failure) -> None:
            self._write_count -= 1
            if self._value_source is value_source:
                self._unwritten_changes = {**changes, **self._unwritten_changes}
            self.write_failed.emit()

        def report_renamed_file(stored_entries: NamedValues) -> None:
            self._write_count -= 1
            if stored_entries.renamed_path is not None:
                self.file_renamed.emit(stored_entries.renamed_path)

        def write_to_source() -> NamedValues:
            try:
                return value_source.change(changes)
            finally:
                end_event.set()

        self._runner.run(
            write_to_source, report_renamed_file, restore_unwritten_changes, caller=self, pool_name="files"
        )
        return end_event
