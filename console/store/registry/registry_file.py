"""The folder of the registry: finds and opens the registry.db in use, and puts a new one in use.

    registry/
        current             name of the folder of the registry in use
        20261031-1a2b3c4d/  a registry that was or is in use
            registry.db
        building/           a registry that is being built
        import.lock

A registry in use has a write-ahead log, whose path is made of the path of registry.db. So a new registry gets a
folder of its own, and the file `current` is replaced, which is atomic. Readers read `current` before each query. If
it names another registry than before, they open that registry.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias, TypeVar

from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.settings.disk_sync import sync_file, sync_folder
from console.settings.private_files import make_private_file, make_private_folder

REGISTRY_FILE_NAME = "registry.db"
CURRENT_REGISTRY_NAME = "current"
UNFINISHED_BUILD_NAME = "building"
T = TypeVar("T")
FileVersion: TypeAlias = tuple[int, int, int]
"""Inode, time of the last change (nanoseconds) and size (bytes) of a file; see `read_file_version`."""
_REGISTRY_FOLDER_PATTERN = "[0-9]*-*"
_LOCK_FILE_NAME = "import.lock"
_MMAP_BYTES = 2**31 - 2**16
"""Bytes of a registry that readers map into memory: the most that SQLite allows. A registry in use is never
truncated, so a mapped page stays readable.
"""
_BUSY_TIMEOUT_SECONDS = 30.0
_CURRENT_FOLDER_NAME_PATTERN = re.compile(rb"[0-9]{1,8}-[0-9a-f]{8}")
_LONGEST_NAME_BYTES = 64
_DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedRegistry(sqlite3.DatabaseError):
    """Raised if the registry in use has lost its registry.db or its tables, or if the file `current` names no
    registry. Its error code is the code of SQLite for a file that is no database, so that callers recognise all kinds
    of damage by the same code (`is_damage_error`).
    """

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


def is_damage_error(error: sqlite3.Error) -> bool:
    """True if the error says that a registry.db is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE_CODES


def find_registry_file(folder: Path) -> Path | None:
    """Return the path of the registry.db in use; None if the folder has no registry. Raises DamagedRegistry if the
    file `current` doesn't contain the name of a registry's folder."""
    try:
        with (folder / CURRENT_REGISTRY_NAME).open("rb") as file:
            name = file.read(_LONGEST_NAME_BYTES).strip()
    except FileNotFoundError:
        return None
    if not _CURRENT_FOLDER_NAME_PATTERN.fullmatch(name):
        raise DamagedRegistry("no name of a registry's folder")
    return folder / name.decode("ascii") / REGISTRY_FILE_NAME


def open_for_reading(file: Path) -> sqlite3.Connection:
    """Open a registry.db for reading, and return the connection. Raises sqlite3.Error if the file can't be opened;
    DamagedRegistry if it is missing or has no tables."""
    try:
        connection = sqlite3.connect(
            f"{file.as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        if file.exists():
            raise
        raise DamagedRegistry("no registry.db") from error
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA mmap_size={_MMAP_BYTES}")
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'facts'").fetchone():
            raise DamagedRegistry("no tables")
    except sqlite3.Error:
        connection.close()
        raise
    except UnicodeDecodeError as error:  # the message about a damaged schema quotes its bytes
        connection.close()
        raise DamagedRegistry("a damaged schema") from error
    return connection


def open_for_writing(file: Path) -> sqlite3.Connection:
    """Open the registry.db in use for writing, to apply differences, and return the connection. Raises sqlite3.Error
    if the file can't be opened."""
    return sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)


@contextmanager
def hold_import_lock(folder: Path) -> Iterator[None]:
    """Context manager: hold the lock of the imports into the registry's folder `folder` during the block; the system
    releases the lock if the process ends. Raises ConsoleError `in_progress` if another process holds the lock, and
    `storage_full` if the lock file can't be written.
    """
    path = folder / _LOCK_FILE_NAME
    try:
        make_private_folder(folder)
        make_private_file(path)
        lock_file = sqlite3.connect(path, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as cause:
        raise ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(path), "reason": "not_writable"}) from cause
    with closing(lock_file):
        try:
            # BEGIN EXCLUSIVE reads first: of several processes that begin together, each may keep the others from it.
            lock_file.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as cause:
            if cause.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ConsoleError(
                    ErrorCode.IN_PROGRESS, {"reason": InProgressReason.REGISTRY_IMPORT_RUNNING}
                ) from cause
            raise ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(path), "reason": "not_writable"}) from cause
        yield


def make_building_path(folder: Path) -> Path:
    """Return the path of the registry.db of the build in the registry's folder `folder`."""
    return folder / UNFINISHED_BUILD_NAME / REGISTRY_FILE_NAME


def start_building(folder: Path) -> Path:
    """Delete an earlier build in the registry's folder `folder`, create an empty registry.db for a new one, and
    return its path."""
    file = make_building_path(folder)
    shutil.rmtree(file.parent, ignore_errors=True)
    make_private_folder(file.parent)
    make_private_file(file)
    return file


def put_registry_in_use(folder: Path, day: date) -> None:
    """Make the finished build the registry in use; `day` becomes a part of its folder's name. The build is synced to
    the disk before the file `current` is replaced. So after a power cut either the old or the new registry is in use.
    Then the folders of all other registries are deleted. The caller holds the import lock.
    """
    built_folder = make_building_path(folder)
    sync_file(built_folder)
    sync_folder(built_folder.parent)
    name = f"{day:%Y%m%d}-{token_hex(4)}"
    built_folder.parent.rename(folder / name)
    sync_folder(folder)
    _replace_current_file(folder, name)
    _delete_unused_registries(folder)


def recover_complete_build(folder: Path) -> None:
    """If an import was killed before its complete build was put in use, move this build back to the folder
    `building`, so that the next import continues it. Delete the folders of all other registries that aren't in
    use. The caller holds the import lock.
    """
    whole_folders = [
        unused_folder
        for unused_folder in _list_unused_registries(folder)
        if (unused_folder / REGISTRY_FILE_NAME).exists()
    ]
    if whole_folders and not make_building_path(folder).parent.exists():
        with suppress(OSError):  # Windows, while another process has it open
            whole_folders[-1].rename(folder / UNFINISHED_BUILD_NAME)
    _delete_unused_registries(folder)


def _list_unused_registries(folder: Path) -> list[Path]:
    """Return the folders of registries that aren't in use, sorted by name; the folder `building` isn't one of them. A
    folder may lack its registry.db, if its deletion was interrupted. If the file `current` is damaged, return an
    empty list, because each folder may be that of the registry in use.
    """
    try:
        file_in_use = find_registry_file(folder)
    except DamagedRegistry:
        return []
    return [
        unused_folder
        for unused_folder in sorted(folder.glob(_REGISTRY_FOLDER_PATTERN))
        if file_in_use is None or unused_folder != file_in_use.parent
    ]


def _delete_unused_registries(folder: Path) -> None:
    """Delete the folders of registries that aren't in use. On Windows, a folder that another process has open is
    deleted by a later import."""
    for unused_folder in _list_unused_registries(folder):
        shutil.rmtree(unused_folder, ignore_errors=True)


def _replace_current_file(folder: Path, folder_name: str) -> None:
    """Write the folder name `folder_name` into the file `current` in place of the earlier name, and sync the file to
    the disk."""
    draft = folder / f"{CURRENT_REGISTRY_NAME}.tmp"
    draft.unlink(missing_ok=True)
    make_private_file(draft)
    draft.write_text(folder_name, encoding="ascii")
    sync_file(draft)
    draft.replace(folder / CURRENT_REGISTRY_NAME)
    sync_folder(folder)


def read_registry_in_use(folder: Path, read_connection: Callable[[sqlite3.Connection], T]) -> T | None:
    """Return the result of `read_connection` for a connection to the registry in use; None if the folder has no
    registry. Raises DamagedRegistry or another sqlite3.Error if the registry can't be opened.
    """
    file = find_registry_file(folder)
    if file is None:
        return None
    with closing(open_for_reading(file)) as connection:
        return read_connection(connection)


def read_file_version(path: str) -> FileVersion | None:
    """Return the version of the file at `path` (inode, time of the last change in nanoseconds, size in bytes); None
    if there is no file. It is another one after the file was replaced or changed."""
    try:
        status = os.stat(path)  # noqa: PTH116  # asked before each question; a Path takes twice as long
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
