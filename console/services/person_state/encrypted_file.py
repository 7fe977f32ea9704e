"""Values that the windows of a person store encrypted on this desk: the last screen, visited records, drafts of
dialogs, and the request ids of calls without an answer.

Each value belongs to one database, because the same record id means another record in another database. The value's
name in the file begins with the database's id. Each value has the time of its last change. Drafts and request ids are
deleted after 24 hours, other values after 30 days.
"""

import contextlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from console.domain.person_state.drafts import Draft, list_drafts
from console.domain.person_state.retention import (
    ATTEMPT_PREFIX,
    DRAFT_PREFIX,
    DRAFT_RETENTION,
    PERSON_STATE_RETENTION,
)
from console.services.process.context import ServiceContext
from console.settings.named_values_file import JsonValue, NamedValues, NamedValuesFile, UnreadableNamedValuesFile
from console.settings.person_files import get_person_file_path
from console.settings.private_files import path_exists
from console.store.spool.cipher import Cipher, DecryptionFailed

_DATABASE_ID_SEPARATOR = "/"


class PersonStateStore:
    """Reads and changes the encrypted file in which the windows of the acting person store values, such as the last
    screen and drafts. Several threads and processes may use it at the same time.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._cipher: Cipher | None = None

    def read_entries(self) -> NamedValues:
        """Return the entries of this database by name, each as {"at": time, "value": value}, without outdated
        entries. Return an empty dict, without using a key, if the person has stored nothing yet. Raises bad_profile
        if there is a file and this desk has no key and no keyring, and storage_full if an unusable file can't be
        renamed."""
        with contextlib.suppress(PermissionError):
            if not path_exists(self._path):
                return NamedValues()
        return self._select_current_entries_of_database(self._open_file().read())

    def read_drafts(self) -> tuple[Draft, ...]:
        """Return the drafts of the person, oldest first. Raises bad_profile if the person has a file and this desk
        has no key and no keyring, and storage_full if an unusable file can't be renamed.
        """
        return list_drafts(self.read_entries().values, self._context.now())

    def change_entries(self, changes: Mapping[str, JsonValue | None]) -> NamedValues:
        """Write the values in `changes`, delete outdated entries, and return all remaining entries. `changes` has the
        new value for each entry's name; None deletes the entry. Raises bad_profile if this desk has no key and no
        keyring, and storage_full if the file can't be written or an unusable file can't be renamed.
        """
        file, now = self._open_file(), self._context.now()
        entries = {self._make_entry_name(name): entry for name, entry in changes.items()}
        outdated_entries = {
            name: None for name, entry in file.read().values.items() if _is_outdated_entry(name, entry, now)
        }
        return self._select_current_entries_of_database(file.change({**outdated_entries, **entries}))

    def _select_current_entries_of_database(self, stored_entries: NamedValues) -> NamedValues:
        """Return the entries of this database that are not outdated, by their names without the id of the
        database."""
        prefix, now = self._make_entry_name(""), self._context.now()
        values = {
            name.removeprefix(prefix): entry
            for name, entry in stored_entries.values.items()
            if name.startswith(prefix) and not _is_outdated_entry(name, entry, now)
        }
        return NamedValues(values, stored_entries.renamed_path)

    def _make_entry_name(self, value_name: str) -> str:
        """Return the name under which the file has the value `value_name` of this database."""
        return f"{self._context.database_id}{_DATABASE_ID_SEPARATOR}{value_name}"

    @property
    def _path(self) -> Path:
        return get_person_file_path(self._context.settings.home, self._context.operator or "", ".state")

    def _open_file(self) -> NamedValuesFile:
        if self._cipher is None:
            self._cipher = Cipher(self._context.settings.read_draft_key())
        return NamedValuesFile(self._path, self._cipher.encrypt, self._decrypt)

    def _decrypt(self, encrypted_content: bytes) -> bytes:
        if self._cipher is None:
            raise UnreadableNamedValuesFile
        try:
            return self._cipher.decrypt(encrypted_content)
        except DecryptionFailed as cause:
            raise UnreadableNamedValuesFile from cause


def _is_outdated_entry(value_name: str, entry: JsonValue, now: datetime) -> bool:
    """True if the entry is older than the retention time of its kind, or if it has no valid time."""
    try:
        age = now - datetime.fromisoformat(entry["at"])
    except (KeyError, TypeError, ValueError):
        return True
    is_short = value_name.partition(_DATABASE_ID_SEPARATOR)[2].startswith((DRAFT_PREFIX, ATTEMPT_PREFIX))
    return age > (DRAFT_RETENTION if is_short else PERSON_STATE_RETENTION)
