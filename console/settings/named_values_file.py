"""A small private JSON file of named values, which several windows of one person may change at the same time.

A change holds a lock, reads the current content, changes the values, and replaces the whole file atomically. If two
writers change the same value, the value of the last writer counts; the other values stay. A reader never sees a file
that is only partly written. If a file is damaged, comes from a newer program, or can be changed by another account,
it is renamed, and reading returns no values. If a file can't be read for a reason that may soon be gone, for example
because the process has too many open files or a network disk doesn't answer, the file stays as it is, and reading
raises an error.
"""

import errno
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reason import ForeignText
from console.settings.private_files import hold_exclusive_file_lock, make_private_folder, open_ordinary_file

if TYPE_CHECKING:
    from console.domain.errors.details import StorageFullDetail

FORMAT_VERSION = 1
MAX_NAMED_VALUES_FILE_BYTES = 1 << 24
"""Largest size (bytes) of a file of named values. It has room for the longest drafts of 20 dialogs: 100,000
characters each, which take up to 8 bytes after encryption."""
RENAMED_FILE_SUFFIX = ".set-aside"
_LASTING_READ_ERRORS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENXIO}
"""Numbers of errors by which a file can't be read later either: its permissions, or it isn't an ordinary file."""
JsonValue: TypeAlias = Any
"""A value that JSON can represent: text, number, boolean, None, or a list or a dictionary of such values."""


class UnreadableNamedValuesFile(Exception):
    """Raised if the content of a NamedValuesFile can't be used, because it is damaged, comes from a newer program, or
    can be changed by another account. A `decode` function (see NamedValuesFile) may raise this error too."""


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The values in a NamedValuesFile, by name. There are no values if the file is missing or can't be used. A file
    that can't be used is renamed, and `renamed_path` is its new path; otherwise `renamed_path` is None."""

    values: Mapping[str, JsonValue] = field(default_factory=dict)
    renamed_path: Path | None = None


def _return_unchanged(content: bytes) -> bytes:
    return content


class NamedValuesFile:
    """Reads and changes the file `path`, which contains values by name, such as "ja" with the name `language`.
    Several threads and processes may use this file at the same time. `encode` converts the bytes before they are
    written to the file, `decode` converts them after they are read. This can be used to encrypt the file."""

    def __init__(
        self,
        path: Path,
        encode: Callable[[bytes], bytes] = _return_unchanged,
        decode: Callable[[bytes], bytes] = _return_unchanged,
    ) -> None:
        self.path = path
        self._encode, self._decode = encode, decode

    def read(self) -> NamedValues:
        """Return the values of the file. There are no values if the file is missing or can't be used; a file that
        can't be used is renamed. Raises ConsoleError `storage_full` if it can't be renamed, or if the file can't be
        read now."""
        try:
            return NamedValues(self._read_values())
        except UnreadableNamedValuesFile:
            with self._lock_file():
                return self._read_or_rename_file()

    def change(self, changes: Mapping[str, JsonValue | None]) -> NamedValues:
        """Store new values under these names (None deletes a value), and return all values of the file. Raises
        ConsoleError `storage_full` if the file can't be read or written now."""
        return self.change_stored(lambda _: changes)

    def change_stored(
        self, make_changes: Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue | None]]
    ) -> NamedValues:
        """Store the new values that `make_changes` returns for the stored values (None deletes a value), and return
        all values of the file. No other process changes the file meanwhile. Raises ConsoleError `storage_full` if the
        file can't be read or written now."""
        with self._lock_file():
            named_values = self._read_or_rename_file()
            values = {**named_values.values, **make_changes(named_values.values)}
            values = {name: value for name, value in values.items() if value is not None}
            self._write_values(values)
        return NamedValues(values, named_values.renamed_path)

    def _lock_file(self) -> Any:
        """Return a context manager that holds the lock of this file, so that only one process at a time changes it.
        Raises ConsoleError `storage_full` if the lock can't be acquired."""
        return hold_exclusive_file_lock(self.path.with_name(self.path.name + ".lock"))

    def _read_or_rename_file(self) -> NamedValues:
        """Return the values of the file. If the file can't be used, rename it and return no values. The caller must
        hold the lock."""
        try:
            return NamedValues(self._read_values())
        except UnreadableNamedValuesFile:
            renamed_path = self.path.with_name(self.path.name + RENAMED_FILE_SUFFIX)
            try:
                self.path.replace(renamed_path)
            except OSError as cause:
                raise self._make_not_writable_error() from cause
            return NamedValues({}, renamed_path)

    def _read_values(self) -> dict[str, JsonValue]:
        """Return the values of the file, none if it is missing. Raises UnreadableNamedValuesFile if it can't be read
        or decoded, is too large, or can be changed by another account; storage_full if it can't be read now."""
        try:
            with open_ordinary_file(self.path) as file:
                _require_unshared_file(os.fstat(file.fileno()))
                content = file.read(MAX_NAMED_VALUES_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as cause:
            if cause.errno in _LASTING_READ_ERRORS:
                raise UnreadableNamedValuesFile from cause
            facts: StorageFullDetail = {"file": str(self.path), "problem": ForeignText(os.strerror(cause.errno or 0))}
            raise ConsoleError(ErrorCode.STORAGE_FULL, facts) from cause
        if len(content) > MAX_NAMED_VALUES_FILE_BYTES:
            raise UnreadableNamedValuesFile
        try:
            table = json.loads(self._decode(content))
        except (ValueError, RecursionError) as cause:
            raise UnreadableNamedValuesFile from cause
        values = table.get("values") if isinstance(table, dict) else None
        if not isinstance(values, dict) or table.get("version") != FORMAT_VERSION:
            raise UnreadableNamedValuesFile
        return values

    def _write_values(self, values: Mapping[str, JsonValue]) -> None:
        """Replace the file by a new one with these values and mode 0600. The new content is written to the disk
        (fsync) before the replacement. Raises ConsoleError `storage_full` if the file can't be written or replaced,
        or if it would be larger than a file that `_read_values` accepts."""
        # Imported here, so that the first frame of a window doesn't wait for them.
        import tempfile

        from console.settings.disk_sync import sync_descriptor

        table = {"version": FORMAT_VERSION, "values": dict(values)}
        content = self._encode(json.dumps(table, ensure_ascii=True, sort_keys=True).encode())
        if len(content) > MAX_NAMED_VALUES_FILE_BYTES:
            raise self._make_not_writable_error()
        try:
            make_private_folder(self.path.parent)
            handle, name = tempfile.mkstemp(prefix=self.path.name, suffix=".new", dir=self.path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    sync_descriptor(file.fileno())
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as cause:
            raise self._make_not_writable_error() from cause

    def _make_not_writable_error(self) -> ConsoleError:
        return ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(self.path), "reason": "not_writable"})


def _require_unshared_file(status: os.stat_result) -> None:
    """Raise UnreadableNamedValuesFile if another account can change the file with this status. The current user and
    the administrator don't count as other accounts."""
    if os.name == "nt":
        return
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid()):
        raise UnreadableNamedValuesFile
