"""Copies of SQLite files that are in use, and the replacement of the database file by a copy."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import BackupProblem
from console.domain.payments.states import ENDED_WITHOUT_MONEY_STATES
from console.domain.records import CheckState, OperationState
from console.domain.setting_problems import SettingProblem
from console.settings.disk_sync import sync_file, sync_folder
from console.settings.private_files import SQLITE_SIDE_FILE_SUFFIXES, make_private_file, make_private_folder
from console.store.backup.archive import make_bad_backup_error, make_newer_format_error
from console.store.database.sqlite_write_queue import WRITER_LOCK_SUFFIX
from console.store.migrations.upgrade import OWN_VERSION_TABLE, VERSION_TABLE_META_KEY
from console.store.schema.legacy_table import TABLE_NAME
from console.store.spool.spool import NEWEST_SPOOL_VERSION, SPOOL_TABLES, ChainHead, Intent, SpoolEntry, SpoolState
from console.store.spool.sqlite_file import SQLITE_APPLICATION_ID, translate_errors

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail, DatabaseLockedDetail

_READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of reading an SQLite file. SQLite's message about a damaged schema quotes bytes of it; if they aren't UTF-8,
Python raises UnicodeDecodeError instead.
"""
_log = logging.getLogger("console.store")
_META_TABLES = ("console_meta", OWN_VERSION_TABLE, "alembic_version")
_META_QUERY = "SELECT name, value FROM console_meta"
_PURCHASE_ACTION = AuditAction.CREDIT_CHECK_PURCHASE.value
_START_ACTION = AuditAction.PAYMENT_START.value
_ENDED_STATES_SQL = ", ".join(f"'{state.value}'" for state in sorted(ENDED_WITHOUT_MONEY_STATES))
# The purchases of the journal but the refused ones, and those that the database had lost already
_JOURNAL_PURCHASES_QUERY = (
    "SELECT o.id, o.action, o.client_id, o.corporation_number, o.subject_id, o.operator, o.desk, o.started_at,"  # noqa: S608  # constants
    " o.fingerprint, NULL, NULL, c.credit_check_id"
    f" FROM operations o LEFT JOIN {TABLE_NAME} c ON c.id = o.subject_id"
    f" WHERE o.action = '{_PURCHASE_ACTION}' AND o.state <> '{OperationState.FAILED.value}'"
    f" AND NOT (COALESCE(c.status, '') = '{CheckState.ERROR.value}' AND COALESCE(c.certainty, '') = 'known')"
)
_LOST_OPERATIONS_QUERY = (
    "SELECT id, action, client_id, corporation_number, record_id, operator, desk, at, fingerprint, provider_key,"  # noqa: S608  # constants
    " amount_minor, provider_id"
    f" FROM lost_operations WHERE action IN ('{_PURCHASE_ACTION}', '{_START_ACTION}') AND holds"
)
# The starts of payments, without those that were refused or whose payment has certainly ended without money
_JOURNAL_STARTS_QUERY = (
    "SELECT o.id, o.action, o.client_id, o.corporation_number, o.subject_id, o.operator, o.desk, o.started_at,"  # noqa: S608  # constants
    " o.fingerprint, p.provider || ':' || p.merchant_payment_id, p.asked_minor, NULL"
    " FROM operations o JOIN payments p ON p.id = o.subject_id AND p.operation_id = o.id"
    f" WHERE o.action = '{_START_ACTION}' AND o.state <> '{OperationState.FAILED.value}'"
    f" AND NOT (p.status IN ({_ENDED_STATES_SQL}) AND p.certainty = 'known')"
)
_NEWEST_AUDIT_ROW_QUERY = "SELECT session, seq, id, hash FROM audit_log ORDER BY id DESC LIMIT 1"


def copy_sqlite_file(source_file: Path, target_file: Path) -> None:
    """Copy an SQLite file in its state at one moment, while other processes may write to it. The copy is one file,
    without a write-ahead log. The function also checks the copy (`PRAGMA integrity_check`), because SQLite copies
    damaged pages without an error.

    Raises ConsoleError `bad_profile` (damaged) if `source_file` is damaged, and `storage_full` or `database_locked`
    if it can't be opened now; each error names `source_file`. Raises sqlite3.Error if SQLite can't read or write one
    of the files later.
    """
    make_private_file(target_file)
    try:
        with (
            closing(sqlite3.connect(f"{source_file.absolute().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(target_file)) as copy,
        ):
            # SQLite opens a file at its first read. If the disk of the source is full, it can't create the file -shm.
            with translate_errors(source_file):
                original.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            original.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            ((verdict,),) = copy.execute("PRAGMA integrity_check(1)")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        verdict = str(error)
    if verdict != "ok":
        facts: BadProfileDetail = {"file": str(source_file), "problem": SettingProblem.DESK_FILE_DAMAGED}
        raise ConsoleError(ErrorCode.BAD_PROFILE, facts)


def read_console_meta(file: Path) -> dict[str, str]:
    """Return the contents of the table `console_meta` of a copy of a database, with the version of its schema under
    the key `schema`. Raises ConsoleError `bad_backup` (database) if the file is damaged or is no database of this
    program.
    """
    with _open_sqlite_copy(file) as conn:
        # A view in the place of a table could compute rows without end.
        _require_tables(conn, file, _META_TABLES)
        meta = {str(name): str(value) for name, value in conn.execute(_META_QUERY)}
        has_own_version_table = meta.get(VERSION_TABLE_META_KEY) == OWN_VERSION_TABLE
        version_table = OWN_VERSION_TABLE if has_own_version_table else "alembic_version"
        ((meta["schema"],),) = conn.execute(f"SELECT version_num FROM {version_table}")  # noqa: S608  # a constant
        return meta


def require_usable_spool(file: Path) -> None:
    """Check a copy of a spool, without changing it. Raises ConsoleError `bad_backup` with the problem
    DATABASE_DAMAGED if the file is damaged or isn't a spool of this program, NEWER_FORMAT if a newer program wrote
    it.
    """
    with _open_sqlite_copy(file) as conn:
        ((application_id,),) = conn.execute("PRAGMA application_id")
        ((version,),) = conn.execute("PRAGMA user_version")
        entries = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if (application_id, version, entries) == (0, 0, 0):
            return  # the desk had just created it
        if application_id != SQLITE_APPLICATION_ID or version < 1:
            raise make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name)
        if version > NEWEST_SPOOL_VERSION:
            raise make_newer_format_error(file.name, version, NEWEST_SPOOL_VERSION)
        _require_tables(conn, file, SPOOL_TABLES)


def _require_tables(conn: sqlite3.Connection, file: Path, names: Sequence[str]) -> None:
    """Raise ConsoleError `bad_backup` (database), with the name of `file`, if an object with one of these names isn't
    a table, or if the first of these tables is missing.
    """
    types = dict(conn.execute("SELECT name, type FROM sqlite_schema").fetchall())
    if names[0] not in types or any(types.get(name, "table") != "table" for name in names):
        raise make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name)


@contextmanager
def _open_sqlite_copy(file: Path) -> Iterator[sqlite3.Connection]:
    """Context manager: open a copy of an SQLite file for reads only, check its integrity, and yield the connection.
    Raises ConsoleError `bad_backup` (database) if the file is damaged or is no SQLite file.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as conn:
            ((verdict,),) = conn.execute("PRAGMA integrity_check(1)")
            if verdict != "ok":
                raise make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name)
            yield conn
    except (sqlite3.Error, ValueError):
        raise make_bad_backup_error(BackupProblem.DATABASE_DAMAGED, file.name) from None


def find_database_id(file: Path) -> str | None:
    """Return the id of the database in this file; None if there is no file, or no database of this program in it.
    Raises ConsoleError `database_locked` (in_use) if another process has locked the file, so that it can't be read.
    """
    return (_find_console_meta(file) or {}).get("database_id")


def find_newest_audit_head(file: Path) -> ChainHead | None:
    """Return the newest row of the audit trail of the database in this file; None if there is no file, no database of
    this program in it, no row, or if it can't be read."""
    if not file.is_file():
        return None
    address, errors = f"{file.absolute().as_uri()}?mode=ro", (*_READ_ERRORS, TypeError, ValueError)
    with suppress(*errors), closing(sqlite3.connect(address, uri=True)) as conn:
        for chain, seq, row_id, digest in conn.execute(_NEWEST_AUDIT_ROW_QUERY):
            return ChainHead(str(chain), int(seq), int(row_id), str(digest))
    return None


def list_operations_with_claim(file: Path, database_id: str, now: datetime) -> tuple[SpoolEntry, ...]:
    """Return the operations in the database file that still hold their claims, as the spool of their desk would store
    them. These are purchases that hold their claims, and starts of payments, except those that ended without money.
    Tables and rows that can't be read are left out, and so are the tables that an old schema lacks; an operation
    whose time can't be read gets the time `now`. `database_id` is the id of that database.
    """
    rows: dict[str, Sequence[Any]] = {}
    with suppress(*_READ_ERRORS), closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as conn:
        conn.text_factory = lambda content: content.decode("utf-8", "replace")
        for query in (_JOURNAL_PURCHASES_QUERY, _LOST_OPERATIONS_QUERY, _JOURNAL_STARTS_QUERY):
            with suppress(*_READ_ERRORS):
                rows.update((row[0], row) for row in conn.execute(query) if row[0] not in rows)
    entries: list[SpoolEntry] = []
    for row in rows.values():
        try:
            entries.append(_make_spool_entry(row, database_id, now))
        except (TypeError, ValueError, OverflowError):
            _log.warning("an operation of the replaced database can't be read: %.36r", row[0])
    return tuple(entries)


def _make_spool_entry(row: Sequence[Any], database_id: str, now: datetime) -> SpoolEntry:
    """Return the entry that a desk's spool would have for this operation while its call is running. `row` is a row of
    the queries of `list_operations_with_claim`; `database_id` is the id of the database from which it was read. The
    entry's time is `now` if the row's time can't be read. Raises TypeError, ValueError or OverflowError if a value of
    the row that must be a number isn't a number.
    """
    operation_id, action, client_id, number, record_id, operator, desk_id, started_at, *facts = row
    fingerprint, provider_key, amount_minor, id_at_provider = facts
    intent = Intent(
        operation_id=operation_id,
        database_id=database_id,
        action=action,
        client_id=None if client_id is None else str(int(client_id)),
        corporation_number=number,
        record_id=None if record_id is None else int(record_id),
        operator=operator,
        desk_id=desk_id,
        at=_parse_stored_time(started_at) or now,
        fingerprint=fingerprint,
        provider_key=provider_key,
        amount_minor=amount_minor,
    )
    return SpoolEntry(intent, SpoolState.CALLING, True, id_at_provider, None, has_answer=False, is_delivered=False)


def _parse_stored_time(value: object) -> datetime | None:
    """Return the time (UTC) that SQLite has stored as text; None if it can't be read."""
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _find_console_meta(file: Path) -> dict[str, str] | None:
    """Return the contents of the table `console_meta` of this SQLite file: {} if the file lacks this table; None if
    the file is missing or damaged. Raises ConsoleError `database_locked` (in_use) if another process has locked the
    file.
    """
    if not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as conn:
            return {str(name): str(value) for name, value in conn.execute(_META_QUERY)}
    except _READ_ERRORS as error:
        if _is_locked(error):
            raise _make_in_use_error(file) from None
        # SQLITE_ERROR: the file was read, and another program's database has no such table
        return {} if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR else None


def replace_database_file(
    source_file: Path, database: Path, former_file_name: str, prepare: Callable[[Path], None] = lambda _draft: None
) -> Path | None:
    """Replace the database file `database` by a copy of the file `source_file`. The former database file stays in the
    same folder under the name `former_file_name` (with a number if that name is used). Return the new path of the
    former file; None if there was no former file. `prepare` may change the new file before it gets its name.

    If the process is killed during the replacement, `database` is either the former file or the new one; on a file
    system without hard links it may be missing. Raises ConsoleError `database_locked` (in_use) if another process has
    the former file open and it isn't damaged; `bad_backup` (unreadable) if `source_file` can't be opened any more;
    `storage_full` if the files can't be written.

    If `database` is a symbolic link, the file to which it points is replaced. Other desks may use that file under its
    own path, and would otherwise continue to use the former database.
    """
    database = database.resolve()
    draft = database.with_name(f"{database.name}.restoring-{uuid4().hex[:12]}")
    try:
        with translate_errors(database):
            make_private_folder(database.parent)
            make_private_file(draft)
            _copy_file(source_file, draft)
            prepare(draft)
            sync_file(draft)
            former_path = _link_former_database(database, former_file_name) if database.exists() else None
            # also if the file is gone, but not its log: SQLite would write that into the new file
            _rename_side_files(database, former_path or database.with_name(f"{former_file_name}-{draft.name[-12:]}"))
            _give_database_name(draft, database, former_path)
            sync_folder(database.parent)
            return former_path
    finally:
        for suffix in ("", WRITER_LOCK_SUFFIX, *SQLITE_SIDE_FILE_SUFFIXES):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _copy_file(source_file: Path, target_file: Path) -> None:
    try:
        shutil.copyfile(source_file, target_file)
    except OSError as error:
        # An error during the copying has both names; the target's disk may be full.
        if error.filename == str(source_file) and error.filename2 is None:
            raise make_bad_backup_error(BackupProblem.FILE_UNREADABLE, str(source_file)) from error
        raise


def _give_database_name(draft: Path, database: Path, former_path: Path | None) -> None:
    """Give the new file `draft` the name `database`. If that fails, and the former file could only be renamed to
    `former_path`, give it its name back."""
    try:
        draft.replace(database)
    except BaseException:
        if former_path is not None and not database.exists():
            former_path.rename(database)
        raise


def _link_former_database(database: Path, former_file_name: str) -> Path:
    """Create a second name for the database file in the same folder: `former_file_name`, with a number if that name
    is used. Return the path with this name. On a file system without hard links (FAT, some shares), the file is
    renamed instead, so that there is no file `database` until the new one gets this name. The file isn't copied,
    because a copy would lack the changes that another desk writes meanwhile.
    """
    require_unused_database(database)
    former_path = database.with_name(former_file_name)
    for number in count(2):
        try:
            former_path.hardlink_to(database)
            break
        except OSError as error:
            if not (isinstance(error, FileExistsError) or former_path.exists()):
                database.rename(former_path)
                break
            former_path = database.with_name(f"{former_file_name}-{number}")
    return former_path


def _rename_side_files(database: Path, former_file: Path) -> None:
    """Rename the files that SQLite keeps beside a database file (SQLITE_SIDE_FILE_SUFFIXES, such as the write-ahead
    log), so that they belong to `former_file`. The file `database` was damaged or has been deleted. Under their
    present names they would damage the new database."""
    for suffix in SQLITE_SIDE_FILE_SUFFIXES:
        with suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(former_file.with_name(former_file.name + suffix))


def require_unused_database(database: Path) -> None:
    """Raise ConsoleError `database_locked` (in_use) if another process has this database file open. A damaged file
    isn't checked, because SQLite would delete its log.
    """
    if _find_console_meta(database) is not None:
        _leave_wal_mode(database)


def _leave_wal_mode(database: Path) -> None:
    """End the WAL mode of an SQLite file, which moves the content of the write-ahead log into the file. Raises
    ConsoleError `database_locked` (in_use) if another process has the file open, because only the last connection can
    end the WAL mode. Other errors of SQLite are ignored. This function must not be called for a damaged file, because
    SQLite deletes its log.
    """
    try:
        with closing(sqlite3.connect(database, timeout=2.0, isolation_level=None)) as conn:
            conn.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if _is_locked(error):
            raise _make_in_use_error(database) from None


def make_single_file(file: Path) -> None:
    """Change a database file into a single file without a write-ahead log. No process may have it open. Raises
    ConsoleError `database_locked` (in_use) if another process has the file open."""
    _leave_wal_mode(file)


def _is_locked(error: Exception) -> bool:
    """True if the error means that another process has locked the SQLite file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _make_in_use_error(file: Path) -> ConsoleError:
    facts: DatabaseLockedDetail = {"problem": DatabaseLockedProblem.DATABASE_IN_USE, "file": str(file)}
    return ConsoleError(ErrorCode.DATABASE_LOCKED, facts)
