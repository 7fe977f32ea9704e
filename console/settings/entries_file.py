"""A small private file with named values, which several windows of one person change at the same time.

The content is JSON. A change reads the present content under a lock, replaces the changed values and replaces the
whole file atomically: the last writer of a value wins, other values stay, and a reader never sees half a file. A
file that is damaged, that another account may change, or that a newer program has written, is renamed (set aside),
and reading returns no values.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from console.domain.errors import ConsoleError, ErrorCode
from console.settings.private_files import exclusive_lock, make_private_folder

FORMAT_VERSION = 1
MAX_FILE_BYTES = 1 << 20
SET_ASIDE_SUFFIX = ".set-aside"
JsonValue: TypeAlias = Any
"""A value that JSON can represent: text, number, boolean, None, or a list or a dictionary of such values."""


class UnreadableFile(Exception):
    """The content of the file can't be used: it is damaged, from a newer program, or another account may change it.
    A `decode` function raises it too.
    """


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """The values of the file by name. `set_aside` is the new path of the previous file if it could not be used."""

    values: Mapping[str, JsonValue] = field(default_factory=dict)
    set_aside: Path | None = None


def _keep_content(content: bytes) -> bytes:
    return content


class EntriesFile:
    """Reads and changes one file of named values. Safe from any thread and any process. `encode` and `decode`
    convert the bytes in the file, for instance to encrypt them.
    """

    def __init__(
        self,
        path: Path,
        encode: Callable[[bytes], bytes] = _keep_content,
        decode: Callable[[bytes], bytes] = _keep_content,
    ) -> None:
        self.path = path
        self._encode, self._decode = encode, decode

    def read(self) -> StoredEntries:
        """Return the values; none if the file is missing or could not be used. Raises storage_full if an unusable
        file can't be renamed.
        """
        try:
            return StoredEntries(self._read_values())
        except UnreadableFile:
            with self._lock_file():
                return self._read_or_set_aside()

    def change(self, changes: Mapping[str, JsonValue | None]) -> StoredEntries:
        """Replace the values of these names (None deletes a value) and return all values. Raises storage_full if the
        file can't be written.
        """
        with self._lock_file():
            stored = self._read_or_set_aside()
            values = {**stored.values, **changes}
            values = {name: value for name, value in values.items() if value is not None}
            self._write_values(values)
        return StoredEntries(values, stored.set_aside)

    def _lock_file(self) -> Any:
        return exclusive_lock(self.path.with_name(self.path.name + ".lock"))

    def _read_or_set_aside(self) -> StoredEntries:
        """Return the values, or rename the file if it can't be used. The caller holds the lock."""
        try:
            return StoredEntries(self._read_values())
        except UnreadableFile:
            aside = self.path.with_name(self.path.name + SET_ASIDE_SUFFIX)
            try:
                self.path.replace(aside)
            except OSError as cause:
                raise self._not_writable() from cause
            return StoredEntries({}, aside)

    def _read_values(self) -> dict[str, JsonValue]:
        try:
            with self.path.open("rb") as file:
                _require_own(os.fstat(file.fileno()))
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as cause:
            raise UnreadableFile from cause
        if len(content) > MAX_FILE_BYTES:
            raise UnreadableFile
        try:
            table = json.loads(self._decode(content))
        except (ValueError, RecursionError) as cause:
            raise UnreadableFile from cause
        values = table.get("values") if isinstance(table, dict) else None
        if not isinstance(values, dict) or table.get("version") != FORMAT_VERSION:
            raise UnreadableFile
        return values

    def _write_values(self, values: Mapping[str, JsonValue]) -> None:
        """Replace the file by one with these values, mode 0600. The bytes are on the disk before the replacement."""
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
            raise self._not_writable() from cause

    def _not_writable(self) -> ConsoleError:
        return ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(self.path), "reason": "not_writable"})


def _require_own(status: os.stat_result) -> None:
    """Raise Unreadable if an account other than the present user's or the administrator's can change the file."""
    if os.name == "nt":
        return
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid()):
        raise UnreadableFile
