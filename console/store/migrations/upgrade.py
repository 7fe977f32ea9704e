"""Checks whether the database has the schema that this program needs, and upgrades the schema. Alembic, and the
module that reads the structure of another application's table, are imported only when they are needed, because most
starts of the program need neither.
"""

import errno
import os
import uuid
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from console.domain.error_reasons import DatabaseUnreachableProblem, SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.settings.private_files import can_this_process_write_to, make_private_folder
from console.store.database.engine import Database, RunAgain
from console.store.migrations import upgrade_lock
from console.store.schema.core import SCHEMA_VERSION

if TYPE_CHECKING:
    from console.domain.errors.details import DatabaseUnreachableDetail, SchemaMismatchDetail
    from console.store.schema.legacy_table import LegacyTable

MIGRATIONS_FOLDER = Path(__file__).parent
BASELINE_VERSION = "0006"
"""Version of the first migration. A database with an older schema can't be upgraded."""
OWN_VERSION_TABLE = "console_alembic_version"
"""Name of the version table in a database that another application has used first: there the table `alembic_version`
may belong to that application.
"""

ADOPTION_KEY = "adoption"
"""Name of the value in `console_meta` about the adoption."""
ADOPTION_WAITING = "waiting"
"""Value of ADOPTION_KEY: the table of credit checks waits for adoption."""
ADOPTION_DONE = "done"
"""Value of ADOPTION_KEY: the adoption is done."""

VERSION_TABLE_META_KEY = "versions"
"""Name of the value in `console_meta` that has the name of the version table."""
_IGNORED_TABLES = {"sqlite_sequence", upgrade_lock.LOCK_TABLE}
MERCHANT_NAME_PREFIX = "merchant."
"""Beginning of the names of the values in `console_meta` that have the merchant of a provider, such as
`merchant.paypay`."""
_VERSION_AND_MERCHANTS_QUERY_BY_TABLE = {
    "alembic_version": text(
        "SELECT name, value FROM console_meta WHERE name LIKE 'merchant.%'"
        " UNION ALL SELECT 'schema', version_num FROM alembic_version"
    ),
    OWN_VERSION_TABLE: text(
        "SELECT name, value FROM console_meta WHERE name LIKE 'merchant.%'"
        " UNION ALL SELECT 'schema', version_num FROM console_alembic_version"
    ),
}
_VERSION_QUERY_BY_TABLE = {
    "alembic_version": text("SELECT version_num FROM alembic_version"),
    OWN_VERSION_TABLE: text("SELECT version_num FROM console_alembic_version"),
}
_META_AND_SCHEMA_QUERY_BY_VERSION_TABLE = {
    "alembic_version": text(
        "SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM alembic_version"
    ),
    OWN_VERSION_TABLE: text(
        "SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM console_alembic_version"
    ),
}


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """Result of an upgrade: the version of the schema before it (None: a new database) and after it.

    `has_recreated_parts` is True if the schema had this program's version already, but parts of it were missing or
    altered and were created again. These parts are the triggers, the procedure that ends blocking sessions, and the
    rights of roles. An earlier upgrade had been interrupted, or a person had changed the parts.
    """

    version_before: str | None
    version_after: str
    has_recreated_parts: bool

    @property
    def versions(self) -> tuple[str | None, str]:
        """The version before and after the upgrade."""
        return self.version_before, self.version_after


def ensure_schema(database: Database) -> dict[str, str]:
    """Check the schema. Return the contents of the table `console_meta` (`database_id`, …) with the version of the
    schema under `schema`. If the SQLite database is missing or empty, create it.

    Raises ConsoleError: `not_our_database` if the tables are those of another program; `schema_mismatch` if the
    schema has another version, or if the table of credit checks waits for adoption; another error if the database
    can't be read or created.
    """
    if database.file is not None and (_is_missing_or_empty(database.file) or _has_no_tables(database)):
        upgrade(database)
    meta = read_meta_and_schema(database)
    _require_newest_version(meta["schema"])
    if meta.get(ADOPTION_KEY, ADOPTION_DONE) != ADOPTION_DONE:
        raise _make_not_adopted_error()
    return meta


def require_current_version(conn: Connection) -> dict[str, str]:
    """Raise ConsoleError `schema_mismatch` if another desk has upgraded the schema since this program started, so
    that this program stops writing. Otherwise return a mapping from name to value with those rows of `console_meta`
    that store the merchant of a provider, and with the version of the schema under `schema`. One statement reads the
    rows and the version.
    """
    query = _VERSION_AND_MERCHANTS_QUERY_BY_TABLE[_read_stored_version_table(conn)]
    stored = {str(row.name): str(row.value) for row in conn.execute(query)}
    _require_newest_version(stored.get("schema", "None"))
    return stored


def _require_newest_version(version: str) -> None:
    """Raise ConsoleError `schema_mismatch` if `version` isn't the schema version of this program."""
    if version != SCHEMA_VERSION:
        raise make_schema_error(version)


def make_schema_error(version: str) -> ConsoleError:
    """Return the error `schema_mismatch` for a database whose schema has the version `version`."""
    return ConsoleError(
        ErrorCode.SCHEMA_MISMATCH, {"found": version, "needed": SCHEMA_VERSION, "newer": version > SCHEMA_VERSION}
    )


def _make_not_adopted_error() -> ConsoleError:
    """Return the error `schema_mismatch` for a table of credit checks that waits for adoption."""
    from console.store.schema import legacy_table

    facts: SchemaMismatchDetail = {
        "found": None,
        "needed": SCHEMA_VERSION,
        "newer": False,
        "table": legacy_table.TABLE_NAME,
    }
    return ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"problem": SchemaProblem.NOT_ADOPTED, **facts})


def _is_missing_or_empty(file: Path) -> bool:
    """True if the file doesn't exist or is empty."""
    return not file.exists() or (file.is_file() and file.stat().st_size == 0)


def _has_no_tables(database: Database) -> bool:
    """True if no tables are visible: the database is empty, or another desk is creating its tables and hasn't
    committed them yet."""
    with database.read() as conn:
        return not _read_table_names(conn)


def read_meta_and_schema(database: Database) -> dict[str, str]:
    """Return the contents of the table `console_meta`, with the version of the schema under `schema`. Raises
    ConsoleError `not_our_database` if the database has only tables of other programs; `schema_mismatch` if it has no
    tables, if its first upgrade is running or was interrupted, or if it has another application's table of credit
    checks and no schema of the console yet. After the upgrade, the value ADOPTION_KEY states whether this table waits
    for adoption.
    """
    with database.read() as conn:
        tables = _read_table_names(conn)
        version_table = _get_version_table_name(tables)
        if "console_meta" not in tables or version_table not in tables:
            from console.store.schema import legacy_table

            if legacy_table.has_credit_check_table(conn, tables):
                raise _make_not_adopted_error()
            is_ours = not tables or upgrade_lock.LOCK_TABLE in tables
            code = ErrorCode.SCHEMA_MISMATCH if is_ours else ErrorCode.NOT_OUR_DATABASE
            raise rebuild_error(code, {"found": None, "needed": SCHEMA_VERSION, "newer": False})
        stored = {
            str(row.name): str(row.value)
            for row in conn.execute(_META_AND_SCHEMA_QUERY_BY_VERSION_TABLE[version_table])
        }
    if "schema" not in stored:  # Alembic has created its table, and writes the version after the first migration
        raise ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"found": None, "needed": SCHEMA_VERSION, "newer": False})
    return stored


def _get_version_table_name(tables: AbstractSet[str]) -> str:
    """Return the name of the version table of a database that has these tables. It is OWN_VERSION_TABLE if this table
    exists, or if there are other tables but no `console_meta`. Then another application used the database before the
    console, or the console's first upgrade was interrupted. Otherwise it is `alembic_version`."""
    is_console_second = "console_meta" not in tables and bool(tables - _IGNORED_TABLES)
    return OWN_VERSION_TABLE if OWN_VERSION_TABLE in tables or is_console_second else "alembic_version"


def _read_stored_version_table(conn: Connection) -> str:
    """Return the name of the table in which Alembic has stored the version of this schema: the name in
    `console_meta`, or `alembic_version` if no name is stored there. The name never changes in an existing schema. So
    only the first call on a connection reads the database; later calls return the name from `conn.info`.
    """
    if VERSION_TABLE_META_KEY not in conn.info:
        conn.info[VERSION_TABLE_META_KEY] = read_meta(conn, VERSION_TABLE_META_KEY) or "alembic_version"
    return str(conn.info[VERSION_TABLE_META_KEY])


def _read_table_names(conn: Connection) -> set[str]:
    if conn.dialect.name == "sqlite":
        return set(conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    return set(conn.scalars(text("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")))


def upgrade(database: Database) -> UpgradeResult:
    """Upgrade the schema to this program's version, create missing and altered constraints again, and return the
    result.

    This function may be run at any time, by two desks at the same time, and again after an interruption. Another
    application's table of credit checks isn't changed before its adoption. Raises ConsoleError `not_our_database` if
    the tables are those of another program; `schema_mismatch` for a database of a newer program, or one older than
    BASELINE_VERSION; `database_unreachable` if the folder of the SQLite file can't be created or written; on a server
    `database_locked` if another process holds the upgrade lock for too long, or if this process lost it, because it
    was suspended; the lock is checked before each step.
    """
    _create_database_folder(database)
    if database.is_server:
        with database.read() as conn:  # refuse an unknown database before anything is created in it
            _read_schema_version(conn)
    with upgrade_lock.hold_upgrade_lock(database) as lock:
        require_lock = _skip_lock_check if lock is None else lock.require_lock
        with database.write_without_retries() as tx:
            former_version = _read_schema_version(tx.conn)
            if former_version is not None and not BASELINE_VERSION <= former_version <= SCHEMA_VERSION:
                raise make_schema_error(former_version)
            if former_version != SCHEMA_VERSION:
                if not database.is_server:
                    _drop_sqlite_constraints(tx.conn)
                _run_alembic(tx.conn, require_lock)
                _store_database_id(tx.conn)
            has_renewed = not database.is_server and renew_sqlite_constraints(tx.conn)
        if database.is_server:
            has_renewed = renew_constraints(database, require_lock)
    return UpgradeResult(former_version, SCHEMA_VERSION, has_renewed and former_version == SCHEMA_VERSION)


def _skip_lock_check() -> None:
    """Do nothing, in place of `UpgradeLock.require_lock`: SQLite has no upgrade lock."""


def renew_constraints(database: Database, require_lock: Callable[[], None]) -> bool:
    """On a server, create missing and altered triggers and the procedure that ends blocking sessions
    (`lock_holders`), and give the existing roles exactly their rights.

    Return True if something had to be changed. A second run changes nothing. The caller must hold the upgrade lock.
    `require_lock` is called before each of these parts; it raises an exception if the lock was lost.
    """
    from console.store.access import grants, lock_holders
    from console.store.constraints import server_triggers
    from console.store.database import online_ddl

    def alter_table_in_use(sql: str) -> None:
        """Run the ALTER TABLE statement `sql` on a table that other processes may be using at the same time."""
        online_ddl.alter_table(database, sql.replace("%", "%%"), lambda: False)

    with database.read() as conn:
        require_lock()
        has_changed = server_triggers.renew_triggers(conn, alter_table_in_use)
        require_lock()
        has_changed |= lock_holders.renew_lock_holder_procedure(conn)
        require_lock()
        has_changed |= grants.renew_role_rights(conn)
    return has_changed


def _drop_sqlite_constraints(conn: Connection) -> None:
    """Drop the triggers of an SQLite database before its tables are changed, in the caller's transaction.
    `renew_sqlite_constraints` creates them again in the same transaction.
    """
    from console.store.constraints import sqlite_money

    sqlite_money.drop_triggers(conn)


def renew_sqlite_constraints(conn: Connection) -> bool:
    """Create missing and altered triggers of an SQLite database, in the caller's transaction. Return True if there
    were any.
    """
    from console.store.constraints import sqlite_money

    if not sqlite_money.list_missing_triggers(conn):
        return False
    sqlite_money.renew_triggers(conn)
    return True


def _create_database_folder(database: Database) -> None:
    """Create the folder of the SQLite file, if it is missing. Raises ConsoleError `database_unreachable`
    (folder_not_writable) if that fails, or if this process may not create the file in it."""
    if database.file is None:
        return
    folder = database.file.parent
    try:
        make_private_folder(folder)
        if not database.file.exists():
            _require_writable_folder(folder)
    except OSError as error:
        facts: DatabaseUnreachableDetail = {"folder": str(folder), "cause": str(error)}
        raise ConsoleError(
            ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.FOLDER_NOT_WRITABLE, **facts}
        ) from error


def _require_writable_folder(folder: Path) -> None:
    """Raise PermissionError if this process may not create files in the folder."""
    if not can_this_process_write_to(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _read_schema_version(conn: Connection) -> str | None:
    """Return the version of the schema; None for an empty database or an interrupted first upgrade. Raises
    ConsoleError `not_our_database` if the tables are those of another program."""
    tables = _read_table_names(conn)
    version_table = _get_version_table_name(tables)
    if version_table in tables and "console_meta" in tables:
        version = conn.scalar(_VERSION_QUERY_BY_TABLE[version_table])
        return None if version is None else str(version)
    _require_upgradable(conn, tables)
    return None


def _require_upgradable(conn: Connection, tables: AbstractSet[str]) -> None:
    """Raise ConsoleError `not_our_database` if the database can't be upgraded. It can be upgraded if it is empty, if
    it has an interrupted upgrade, or if it has an adoptable table of credit checks and none of its other tables has
    the name of a table of this program.
    """
    if upgrade_lock.LOCK_TABLE in tables or not tables - _IGNORED_TABLES:
        return
    from console.store.schema import legacy_table

    if not legacy_table.has_credit_check_table(conn, tables):
        raise ConsoleError(ErrorCode.NOT_OUR_DATABASE, {"tables": sorted(tables)[:10]})
    # The last module of the schema: with it the metadata has all tables.
    from console.store.schema.worker import metadata

    taken_names = sorted(tables & set(metadata.tables) - {legacy_table.TABLE_NAME})
    if taken_names:
        raise ConsoleError(ErrorCode.NOT_OUR_DATABASE, {"problem": "names_taken", "tables": taken_names[:10]})


def _run_alembic(conn: Connection, require_lock: Callable[[], None]) -> None:
    """Execute the missing migrations, and call `require_lock` before the first one and after each: it raises an error
    if this process has lost the upgrade lock.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    config.attributes["connection"] = conn
    config.attributes["versions"] = _get_version_table_name(_read_table_names(conn))
    config.attributes["after_each"] = lambda **_: require_lock()
    require_lock()
    command.upgrade(config, "head")


def _store_database_id(conn: Connection) -> None:
    """Store a random id of the database in `console_meta`, unless it has an id already. If another application used
    the database first, also store the name of the version table. If the table of credit checks waits for adoption,
    also store this fact.

    A restored backup has the same id. A desk's spool stores for each of its rows the id of the database to which the
    row belongs.
    """
    conn.execute(
        text(
            "INSERT INTO console_meta (name, value) SELECT 'database_id', :id "
            "WHERE NOT EXISTS (SELECT 1 FROM console_meta WHERE name = 'database_id')"
        ),
        {"id": str(uuid.uuid4())},
    )
    version_table = _get_version_table_name(_read_table_names(conn))
    if version_table == OWN_VERSION_TABLE:
        store_meta_if_missing(conn, VERSION_TABLE_META_KEY, version_table)
    from console.store.schema import legacy_table

    if legacy_table.waits_for_adoption(conn):
        store_meta_if_missing(conn, ADOPTION_KEY, ADOPTION_WAITING)


_META_VALUE_QUERY = text("SELECT value FROM console_meta WHERE name = :name")
_INSERT_META_VALUE_STATEMENT = text("INSERT INTO console_meta (name, value) VALUES (:name, :value)")


def read_meta(conn: Connection, name: str) -> str | None:
    """Return the value stored in `console_meta` under `name`; None if there is none."""
    value = conn.scalar(_META_VALUE_QUERY, {"name": name})
    return None if value is None else str(value)


def store_meta_if_missing(conn: Connection, name: str, value: str) -> str:
    """Store `value` in `console_meta` under `name`, unless a value is stored already. Return the stored value. Raises
    RunAgain if another process stores a value at the same time.
    """
    stored_value = read_meta(conn, name)
    if stored_value is None:
        try:
            conn.execute(_INSERT_META_VALUE_STATEMENT, {"name": name, "value": value})
        except IntegrityError:  # another process stored it at the same time
            raise RunAgain from None
    return stored_value or value


_REPLACE_META_VALUE_STATEMENT = text("UPDATE console_meta SET value = :value WHERE name = :name AND value = :before")


def replace_meta(conn: Connection, name: str, value_before: str, value: str) -> None:
    """Store `value` in `console_meta` under `name` in place of `value_before`. Raises RunAgain if another process has
    replaced that value."""
    values = {"name": name, "before": value_before, "value": value}
    if conn.execute(_REPLACE_META_VALUE_STATEMENT, values).rowcount != 1:
        raise RunAgain


def read_credit_check_table_structure(conn: Connection) -> "LegacyTable":
    """Return the structure of the table of credit checks, whether the console or another application created it.

    Raises ConsoleError `not_found` if the database has no such table, and either is empty or belongs to the console;
    `not_our_database` if it has no such table but tables of other applications.
    """
    from console.store.schema import legacy_table

    tables = _read_table_names(conn)
    table = legacy_table.find_table_structure(conn) if legacy_table.TABLE_NAME in tables else None
    if table is None and ("console_meta" in tables or not tables - _IGNORED_TABLES):
        raise ConsoleError(ErrorCode.NOT_FOUND, {"problem": "no_table", "table": legacy_table.TABLE_NAME})
    if table is None:
        raise ConsoleError(ErrorCode.NOT_OUR_DATABASE, {"tables": sorted(tables)[:10]})
    return table


_MARK_DATABASE_ADOPTED_STATEMENT = text("UPDATE console_meta SET value = :done WHERE name = :name AND value <> :done")


def mark_adoption_done(conn: Connection) -> bool:
    """Store in `console_meta` that the adoption is done. Return False, without a write, if this was stored already,
    or if the database never waited for an adoption."""
    return conn.execute(_MARK_DATABASE_ADOPTED_STATEMENT, {"name": ADOPTION_KEY, "done": ADOPTION_DONE}).rowcount == 1
