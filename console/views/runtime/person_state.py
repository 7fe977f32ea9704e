"""Values that the window keeps for the acting person until the next start: the last screen, visited records,
drafts of dialogs, and unanswered request ids. The service `person_state` stores them encrypted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PySide6.QtCore import QObject, Qt, Slot

from console.domain.person_state.drafts import Draft, list_drafts, parse_draft
from console.domain.person_state.retention import ATTEMPT_PREFIX, DRAFT_PREFIX
from console.settings.named_values_file import JsonValue, NamedValues
from console.views.runtime.stored_values import StoredPersonValues, ValueSource
from console.views.runtime.tasks import Runner

SCREEN_VALUE_NAME = "screen"
VISITS_VALUE_NAME = "visits"


@dataclass(frozen=True, slots=True)
class _ServiceValueSource:
    """Reads and writes the encrypted file of one person through the services. `call_services` runs a service call as
    this person."""

    call_services: Callable[[Callable[[Any], NamedValues]], NamedValues]

    def read(self) -> NamedValues:
        return self.call_services(lambda services: services.person_state.read_entries())

    def change(self, changes: Mapping[str, JsonValue | None]) -> NamedValues:
        return self.call_services(lambda services: services.person_state.change_entries(changes))


class PersonValues(StoredPersonValues):
    """The stored values of the acting person: last screen, visited records, drafts and unanswered request ids.
    `bind_call` is a function that gets a service call and the name of a person, and returns a function that runs the
    call as this person."""

    def __init__(
        self,
        bind_call: Callable[[Callable[[Any], NamedValues], str], Callable[[], NamedValues]],
        get_now: Callable[[], datetime],
        runner: Runner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(runner, parent)
        self._bind_call, self._now = bind_call, get_now

    def _make_value_source(self, person: str) -> ValueSource:
        return _ServiceValueSource(lambda call: self._bind_call(call, person)())

    def _is_shared_value(self, value_name: str) -> bool:
        """True for drafts and unanswered request ids, which all windows of the person share: a draft that the person
        has sent in one window must not stay in another window. Each window has its own last screen and visited
        records.
        """
        return value_name.startswith((DRAFT_PREFIX, ATTEMPT_PREFIX))

    @Slot(Qt.ApplicationState)
    def read_values_of_other_windows_if_active(self, state: Qt.ApplicationState) -> None:
        """When the person comes back to this window, read the drafts and unanswered request ids that the person has
        changed in another window meanwhile.
        """
        if state is Qt.ApplicationState.ApplicationActive:
            self.read_values_of_other_windows()

    def get_value(self, value_name: str) -> JsonValue | None:
        """Return the value that is stored under this name; None if there is none."""
        entry = super().get_value(value_name)
        return entry.get("value") if isinstance(entry, dict) else None

    def store(self, value_name: str, value: JsonValue | None) -> None:
        """Store a value with the present time, and write it to the file after VALUES_WRITE_DELAY_MS milliseconds;
        None deletes the value. Do nothing if the value hasn't changed."""
        if self.get_value(value_name) != value:
            stored_at = self._now().isoformat(timespec="seconds")
            super().store(value_name, None if value is None else {"at": stored_at, "value": value})

    # -- drafts

    def list_drafts(self) -> tuple[Draft, ...]:
        """Return the drafts of the person, the oldest first. A draft that this program can't read, or that is older
        than DRAFT_RETENTION, is left out."""
        entries = {name: StoredPersonValues.get_value(self, name) for name in self.list_value_names(DRAFT_PREFIX)}
        return list_drafts(entries, self._now())

    def find_draft(self, draft_name: str) -> Draft | None:
        """Return the draft that is stored under this name; None if no draft is stored, or if the stored draft is
        older than DRAFT_RETENTION."""
        return parse_draft(StoredPersonValues.get_value(self, draft_name), self._now())
