"""A small private JSON file of named values, which several windows of one person may change at the same time.

A change reads the current content under a lock, changes the values, and replaces the whole file atomically: the
last writer of a value wins, other values stay, and a reader never sees a half-written file. If a file is damaged,
comes from a newer program, or can be changed by another account, it is renamed (set aside), and reading returns no
values.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from console.domain.errors import ConsoleError, ErrorCode
from console.settings.private_files import hold_exclusive_file_lock, make_private_folder, open_ordinary_file

FORMAT_VERSION = 1
MAX_ENTRIES_FILE_BYTES = 1 << 20
SET_ASIDE_FILE_SUFFIX = ".set-aside"
JsonValue: TypeAlias = Any
"""A value that JSON can represent: text, number, boolean, None, or a list or a dictionary of such values."""


class UnreadableEntriesFile(Exception):
    """Raised if the content of an EntriesFile can't be used, because it is damaged, comes from a newer program, or
    can be changed by another account. A `decode` function (see EntriesFile) may raise this error too."""


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """The values in an EntriesFile, by name. If the file could not be used, there are no values, and `set_aside_path`
    is the path to which the file was renamed."""

    values: Mapping[str, JsonValue] = field(default_factory=dict)
    set_aside_path: Path | None = None


def _return_unchanged(content: bytes) -> bytes:
    return content


class EntriesFile:
    """Reads and changes one file of named values. Any thread and any process may use the same file. `encode`
    converts the bytes before writing and `decode` after reading, for example to encrypt the file."""

    def __init__(
        self,
        path: Path,
        encode: Callable[[bytes], bytes] = _return_unchanged,
        decode: Callable[[bytes], bytes] = _return_unchanged,
    ) -> None:
        self.path = path
        self._encode, self._decode = encode, decode

    def read(self) -> StoredEntries:
        """Return the values. There are none if the file is missing or can't be used; a file that can't be used is
        renamed. Raises storage_full if it can't be renamed."""
        try:
            return StoredEntries(self._read_values())
        except UnreadableEntriesFile:
            with self._lock_file():
                return self._read_or_set_file_aside()

    def change(self, changes: Mapping[str, JsonValue | None]) -> StoredEntries:
        """Store new values under these names (None deletes a value), and return all values of the file. Raises
        storage_full if the file can't be written."""
        with self._lock_file():
            stored_entries = self._read_or_set_file_aside()
            values = {**stored_entries.values, **changes}
            values = {name: value for name, value in values.items() if value is not None}
            self._write_values(values)
        return StoredEntries(values, stored_entries.set_aside_path)

    def _lock_file(self) -> Any:
        """Return a context manager that holds the lock of this file, so that only one process at a time changes it.
        Raises storage_full if the lock can't be acquired."""
        return hold_exclusive_file_lock(self.path.with_name(self.path.name + ".lock"))

    def _read_or_set_file_aside(self) -> StoredEntries:
        """Return the values. If the file can't be used, rename it and return no values. The caller must hold the
        lock."""
        try:
            return StoredEntries(self._read_values())
        except UnreadableEntriesFile:
            aside_path = self.path.with_name(self.path.name + SET_ASIDE_FILE_SUFFIX)
            try:
                self.path.replace(aside_path)
            except OSError as cause:
                raise self._make_not_writable_error() from cause
            return StoredEntries({}, aside_path)

    def _read_values(self) -> dict[str, JsonValue]:
        """Return the values of the file, none if it is missing. Raises UnreadableEntriesFile if it can't be read
        or decoded, is too large, or can be changed by another account."""
        try:
            with open_ordinary_file(self.path) as file:
                _require_unshared_file(os.fstat(file.fileno()))
                content = file.read(MAX_ENTRIES_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as cause:
            raise UnreadableEntriesFile from cause
        if len(content) > MAX_ENTRIES_FILE_BYTES:
            raise UnreadableEntriesFile
        try:
            table = json.loads(self._decode(content))
        except (ValueError, RecursionError) as cause:
            raise UnreadableEntriesFile from cause
        values = table.get("values") if isinstance(table, dict) else None
        if not isinstance(values, dict) or table.get("version") != FORMAT_VERSION:
            raise UnreadableEntriesFile
        return values

    def _write_values(self, values: Mapping[str, JsonValue]) -> None:
        """Replace the file by a new one with these values and mode 0600. The new content is written to the disk
        (fsync) before the replacement. Raises storage_full if the file can't be written or replaced."""
        import tempfile  # imported here, so that the first frame of a window doesn't wait for it

        table = {"version": FORMAT_VERSION, "values": dict(values)}
        content = self._encode(json.dumps(table, ensure_ascii=True, sort_keys=True).encode())
        try:
            make_private_folder(self.path.parent)
            handle, name = tempfile.mkstemp(prefix=self.path.name, suffix=".new", dir=self.path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as cause:
            raise self._make_not_writable_error() from cause

    def _make_not_writable_error(self) -> ConsoleError:
        return ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(self.path), "reason": "not_writable"})


def _require_unshared_file(status: os.stat_result) -> None:
    """Raise UnreadableEntriesFile if the file with this status can be changed by an account other than the current
    user and the administrator."""
    if os.name == "nt":
        return
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid()):
        raise UnreadableEntriesFile
