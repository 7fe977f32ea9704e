"""Copies of SQLite files that are in use, and the replacement of the database file by a copy."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.error_reasons import BackupProblem, LockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.settings.private_files import make_private_file, make_private_folder
from console.store.backup.archive import bad_backup_error
from console.store.spool.sqlite_file import sync_folder

if TYPE_CHECKING:
    from console.domain.errors.details import DatabaseLocked

_SIDE_FILES = ("-wal", "-shm", "-journal")
_STATE_QUERY = "SELECT name, value FROM console_meta"


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy an SQLite file in its state at one moment, while other processes may write to it. The copy is one
    file.
    """
    make_private_file(target)
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def read_state(file: Path) -> dict[str, str]:
    """Return the contents of the table `console_meta` of a copy. Raises bad_backup (database) if the file is damaged
    or is no database of this program.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as conn:
            ((verdict,),) = conn.execute("PRAGMA integrity_check(1)")
            if verdict != "ok":
                raise bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name)
            return {str(name): str(value) for name, value in conn.execute(_STATE_QUERY)}
    except sqlite3.Error:
        raise bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name) from None


def find_database_id(file: Path) -> str | None:
    """Return the id of the database in this file; None if there is no file, or no database of this program in it."""
    if not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as conn:
            return {str(name): str(value) for name, value in conn.execute(_STATE_QUERY)}.get("database_id")
    except sqlite3.Error:
        return None


def exchange_file(copy: Path, database: Path, kept_name: str) -> Path | None:
    """Put a copy in the place of the database file, and keep the file that was there, under `kept_name` in the same
    folder. Return the kept file; None if there was none.

    The place is never empty: a process that is killed in between leaves the earlier file or the new one. Raises
    database_locked (in_use) if another process has the earlier file open.
    """
    make_private_folder(database.parent)
    draft = database.with_name(f"{database.name}.restoring")
    draft.unlink(missing_ok=True)
    make_private_file(draft)
    shutil.copyfile(copy, draft)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    if not database.exists():
        draft.replace(database)
        sync_folder(database.parent)
        return None
    kept = database.with_name(kept_name)
    if find_database_id(database) is not None:
        _require_unused(database)
    for suffix in _SIDE_FILES:  # of a file that can't be read: they belong to it, and would damage the new one
        side = database.with_name(database.name + suffix)
        with suppress(FileNotFoundError):
            side.rename(kept.with_name(kept.name + suffix))
    kept.unlink(missing_ok=True)
    kept.hardlink_to(database)
    draft.replace(database)
    sync_folder(database.parent)
    return kept


def _require_unused(database: Path) -> None:
    """Refuse a file that another process has open: only the last connection to a file can leave the WAL mode, which
    also moves the content of the write-ahead log into the file. Must not be called for a damaged file, because SQLite
    deletes its log.
    """
    try:
        with closing(sqlite3.connect(database, timeout=2.0, isolation_level=None)) as conn:
            conn.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            facts: DatabaseLocked = {"problem": LockedProblem.DATABASE_IN_USE, "file": str(database)}
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, facts) from None
    except sqlite3.DatabaseError:
        pass
