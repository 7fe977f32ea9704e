"""Dumps of a server database by the server's own programs (`mariadb-dump`, `mysqldump`), and the restore of a dump.

A dump contains no triggers, stored procedures and rights: `db upgrade` creates them. The table with the schema
version has a separate dump file, which is restored last. Until then every program refuses the database, so no program
uses a database whose restore was interrupted.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import BackupProblem
from console.domain.reason import ForeignText
from console.domain.setting_problems import SettingProblem
from console.store.backup.archive import make_bad_backup_error
from console.store.database.engine import Database
from console.store.migrations.upgrade import OWN_VERSION_TABLE

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail, DatabaseLockedDetail, StorageFullDetail

SCHEMA_VERSION_TABLES = frozenset({"alembic_version", OWN_VERSION_TABLE})
"""Names of the two tables that may have the version of the schema (see `upgrade`); a database has one of them. A
backup stores it in a separate file.
"""
RESTORE_MARK_TABLE = "restore_in_progress"
"""Name of the table that a restore creates first and drops last. Its only row is the SHA-256 of the dump: of the
first one, if an interrupted restore was followed by a restore of another dump.
"""
RESTORE_CLAIM_TABLE = "restore_claim"
"""Name of the table with the claim of a running restore (`restore_claim`)."""
_CERTIFICATION_ERROR = 1213
_OTHER_RESTORE_ERRORS = (1205, 3572, 1146, _CERTIFICATION_ERROR)
"""Numbers of the errors by which the lock of the mark shows another restore: another session has locked the row
(MariaDB's number, MySQL's), another restore was completed and has dropped the table, or a restore on another node of
a cluster has changed it."""
_DUMP_OPTIONS = (
    "--single-transaction",
    "--skip-lock-tables",
    "--skip-triggers",
    "--no-tablespaces",
    "--hex-blob",
    "--default-character-set=utf8mb4",
)
_MYSQL_DUMP_OPTIONS = ("--set-gtid-purged=OFF",)
"""Further options for a MySQL server. With its default, `AUTO`, mysqldump asks for RELOAD on a server with
gtid_mode=ON, which a worker's account lacks, and writes a statement that only an administrator of a server may load.
"""
_ROW_LIMIT_QUERY = "SELECT @@GLOBAL.sql_select_limit"
_NO_ROW_LIMIT = 2**64 - 1
_CREATE_TABLE_PATTERN = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`([^`]+)`")
_INSERT_PATTERN = re.compile(rb"INSERT INTO `([^`]+)` VALUES")
_DATABASE_ID_ROW_PATTERN = re.compile(rb"\('database_id','([^'\\]+)'\)")
_VERSION_ROW_PATTERN = re.compile(rb"\('([^'\\]+)'\)")
_TABLES_QUERY = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
)


def read_table_names(conn: Connection) -> frozenset[str]:
    """Return the names of the tables of the connected database."""
    return frozenset(map(str, conn.scalars(text(_TABLES_QUERY))))


def require_no_row_limit(conn: Connection) -> None:
    """Raise ConsoleError `bad_backup` (rows_limited) if the server limits the number of rows that a query returns.
    The program for dumps reads the tables by queries: with such a limit it would leave rows and columns out of the
    dump, and end without an error.
    """
    if int(conn.scalar(text(_ROW_LIMIT_QUERY)) or 0) < _NO_ROW_LIMIT:
        raise make_bad_backup_error(BackupProblem.ROWS_LIMITED, "")


def dump_tables(database: Database, tables: Sequence[str], target: Path) -> None:
    """Write these tables, as they are at one moment, to the file `target` as SQL statements. Raises ConsoleError
    `bad_profile` (dump_program) if this machine lacks the server's program for dumps; `storage_full` if that program
    can't write the file; `database_unreachable` if it fails for another reason.
    """
    client = make_client_command(database, "mariadb-dump", "mysqldump")
    options = (*_DUMP_OPTIONS, *(() if _is_mariadb_server(database) else _MYSQL_DUMP_OPTIONS))
    command = [*client, *options, _get_database_name(database), *tables]
    with target.open("wb") as file:
        completed_process = subprocess.run(
            command, env=_make_dump_environment(database), stdout=file, stderr=subprocess.PIPE, check=False
        )
    _require_success(completed_process)


@dataclass(frozen=True, slots=True)
class DumpedDatabase:
    """Facts of a database that its SQL files contain: the names of its tables, its id and the version of its schema.
    The id and the version are None if the files contain none, or several."""

    tables: frozenset[str]
    database_id: str | None
    schema: str | None


def read_dumped_database(dumps: Iterable[Path]) -> DumpedDatabase:
    """Return the facts of the database that the SQL files of `dump_tables` contain. The function finds them in the
    lines of the statements CREATE TABLE and INSERT. A stored value can't begin a line and can't look like a row,
    because the programs for dumps escape the line breaks and quotes in it.
    """
    tables = set[str]()
    ids, versions = set[str](), dict[str, set[str]]()
    for dump in dumps:
        filled_table = None
        with dump.open("rb") as file:
            for line in file:
                if match := _CREATE_TABLE_PATTERN.match(line):
                    tables.add(match[1].decode())
                elif match := _INSERT_PATTERN.match(line):
                    filled_table = match[1].decode()
                if filled_table == "console_meta":
                    ids.update(found.decode() for found in _DATABASE_ID_ROW_PATTERN.findall(line))
                elif filled_table in SCHEMA_VERSION_TABLES:
                    found_versions = _VERSION_ROW_PATTERN.findall(line)
                    versions.setdefault(filled_table, set()).update(map(bytes.decode, found_versions))
                if line.rstrip().endswith(b";"):
                    filled_table = None
    version_table = OWN_VERSION_TABLE if OWN_VERSION_TABLE in tables else "alembic_version"
    return DumpedDatabase(
        frozenset(tables), _get_only_value(ids), _get_only_value(versions.get(version_table, set()))
    )


def _get_only_value(values: Collection[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


def load_dump(database: Database, dump: Path) -> None:
    """Execute the SQL file that `dump_tables` wrote. Raises ConsoleError `bad_profile` (dump_program) if this machine
    lacks the server's client program; `database_unreachable` if the server refuses a statement.

    The client doesn't interpret its own commands in the file, such as `\\!`, which runs a program on this machine:
    another person may have written the file.
    """
    client = make_client_command(database, "mariadb", "mysql")
    options = ("--default-character-set=utf8mb4", "--binary-mode")
    command = [*client, *options, _get_database_name(database)]
    with dump.open("rb") as file:
        completed_process = subprocess.run(
            command, env=_make_dump_environment(database), stdin=file, capture_output=True, check=False
        )
    _require_success(completed_process)


def mark_restore_target(conn: Connection, dump_hash: str) -> None:
    """Mark the connected database as the target of a restore of the dump with this SHA-256: create the table
    RESTORE_MARK_TABLE, unless an interrupted restore has left it.

    Raises ConsoleError `bad_backup` (target_not_empty) if the database has tables but no RESTORE_MARK_TABLE. If the
    database has RESTORE_MARK_TABLE and its schema version, it is complete: the function drops the mark and raises the
    same error.
    """
    tables = read_table_names(conn)
    if RESTORE_MARK_TABLE in tables and has_schema_version(conn, tables):
        drop_restore_mark(conn)  # the process of a complete restore ended before it dropped the mark
        raise make_bad_backup_error(BackupProblem.DATABASE_NOT_EMPTY, "")
    if tables and RESTORE_MARK_TABLE not in tables:
        raise make_bad_backup_error(BackupProblem.DATABASE_NOT_EMPTY, "")
    if RESTORE_MARK_TABLE not in tables:
        # a server may refuse tables without a primary key (sql_require_primary_key)
        columns = "dump_sha256 CHAR(64) NOT NULL PRIMARY KEY"
        conn.execute(text(f"CREATE TABLE IF NOT EXISTS {RESTORE_MARK_TABLE} ({columns}) ENGINE = InnoDB"))
    if conn.scalar(text(f"SELECT COUNT(*) FROM {RESTORE_MARK_TABLE}")) == 0:  # noqa: S608  # a constant
        # IGNORE: another restore of the same dump may insert the row at the same time.
        insert_sql = f"INSERT IGNORE INTO {RESTORE_MARK_TABLE} VALUES (:hash)"  # noqa: S608  # a constant
        conn.execute(text(insert_sql), {"hash": dump_hash})


def mark_restore_target_despite_conflicts(database: Database, dump_hash: str) -> None:
    """Mark the database in a transaction of its own, as `mark_restore_target` does. The transaction is repeated, at
    most twice, if a restore on another node of a cluster marks the database at the same moment."""
    for attempts_left in (2, 1, 0):
        try:
            with database.engine.begin() as conn:
                mark_restore_target(conn, dump_hash)
            return
        except DBAPIError as error:
            if not attempts_left or error.orig is None or error.orig.args[0] != _CERTIFICATION_ERROR:
                raise


def has_schema_version(conn: Connection, tables: Collection[str]) -> bool:
    """Return True if the database, whose tables have the names `tables`, has its schema version. A restore loads the
    version last, so the database is then complete and may be in use.
    """
    return any(
        conn.scalar(text(f"SELECT COUNT(*) FROM {name}"))  # noqa: S608  # a constant
        for name in SCHEMA_VERSION_TABLES
        if name in tables
    )


def lock_restore_mark(conn: Connection) -> None:
    """Lock the row of the table RESTORE_MARK_TABLE until the transaction of this connection ends. So a second restore
    can't delete the tables that the first restore loads. Raises ConsoleError `database_locked` (another_restore) if
    another restore has locked the row, or was completed after `mark_restore_target`: then the database may already be
    in use. On a cluster, this detects only another running restore on the same node; `restore_claim` detects one on
    another node.
    """
    try:
        conn.execute(text(f"SELECT dump_sha256 FROM {RESTORE_MARK_TABLE} FOR UPDATE NOWAIT")).all()  # noqa: S608  # a constant
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in _OTHER_RESTORE_ERRORS:
            raise
        raise make_other_restore_error() from None
    if has_schema_version(conn, read_table_names(conn)):
        raise make_other_restore_error()


@contextmanager
def hold_restore_mark(database: Database) -> Iterator[Connection]:
    """Context manager: lock the mark during the block, and yield the connection that has the lock. Raises the errors
    of `lock_restore_mark`. The transaction is not committed, because it only has the lock: a cluster refuses the
    COMMIT if another node has created the table of the mark meanwhile."""
    with database.engine.connect() as holder:
        lock_restore_mark(holder)
        yield holder


def make_other_restore_error() -> ConsoleError:
    """Return the error `database_locked` of a restore that another restore prevents."""
    facts: DatabaseLockedDetail = {"problem": DatabaseLockedProblem.ANOTHER_RESTORE}
    return ConsoleError(ErrorCode.DATABASE_LOCKED, facts)


def drop_leftover_tables(conn: Connection) -> None:
    """Drop the tables that an interrupted restore has loaded into the connected database. The tables
    RESTORE_MARK_TABLE and RESTORE_CLAIM_TABLE stay.
    """
    conn.execute(text("SET SESSION foreign_key_checks = 0"))
    for table in sorted(read_table_names(conn) - {RESTORE_MARK_TABLE, RESTORE_CLAIM_TABLE}):
        conn.execute(text(f"DROP TABLE `{table}`"))
    conn.execute(text("SET SESSION foreign_key_checks = 1"))


def drop_restore_mark(conn: Connection) -> None:
    """Drop the tables RESTORE_CLAIM_TABLE and RESTORE_MARK_TABLE, because the restore is complete."""
    drop_restore_claim(conn)
    conn.execute(text(f"DROP TABLE IF EXISTS {RESTORE_MARK_TABLE}"))


def drop_restore_claim(conn: Connection) -> None:
    """Drop the table RESTORE_CLAIM_TABLE, because the restore is complete."""
    conn.execute(text(f"DROP TABLE IF EXISTS {RESTORE_CLAIM_TABLE}"))


def make_client_command(database: Database, mariadb: str, mysql: str) -> list[str]:
    """Return the command line of a program that matches the server's kind; `mariadb` and `mysql` are the program's
    names for the two kinds. The options contain the account and the server node that answers this process. The
    password is passed in the environment, because other users of the machine can read the arguments of a process.

    The program verifies the connection like the driver: by certificate chain and host name; a server on this machine
    needs no TLS. The program reads no option file, because options there could leave rows out or turn a protection
    off. Raises ConsoleError `bad_profile` (dump_program) if this machine has no such program.
    """
    is_mariadb = _is_mariadb_server(database)
    with database.read() as conn:
        driver: Any = conn.connection.dbapi_connection
        node = [f"--host={driver.host}", f"--port={driver.port}"]
    arguments = database.server.driver_arguments if database.server else {}
    files = {name: arguments.get(name) for name in ("ssl_ca", "ssl_cert", "ssl_key")}
    if arguments.get("ssl_disabled"):
        tls = ["--skip-ssl"] if is_mariadb else ["--ssl-mode=DISABLED"]
    else:
        tls = ["--ssl", "--ssl-verify-server-cert"] if is_mariadb else ["--ssl-mode=VERIFY_IDENTITY"]
        tls += (f"--{name.replace('_', '-')}={file}" for name, file in files.items() if file)
    program = _require_server_program(mariadb, mysql, is_mariadb=is_mariadb)
    return [program, "--no-defaults", *node, f"--user={database.account_name or ''}", "--protocol=tcp", *tls]


def _is_mariadb_server(database: Database) -> bool:
    """True if the database is on a MariaDB server, False for MySQL."""
    with database.read() as conn:
        return "mariadb" in str(conn.scalar(text("SELECT VERSION()"))).lower()


def _make_dump_environment(database: Database) -> dict[str, str]:
    """Return the environment variables of the dump program: those of this process, and the password."""
    return {**os.environ, "MYSQL_PWD": database.url.password or ""}


def _get_database_name(database: Database) -> str:
    """Return the name of the database in the URL."""
    return database.url.database or ""


def _require_server_program(mariadb: str, mysql: str, *, is_mariadb: bool) -> str:
    """Return the path of the program on this machine that matches the kind of the connected server (`is_mariadb`:
    MariaDB, otherwise MySQL). `mariadb` and `mysql` are the program's names for the two kinds. The kinds can't be
    mixed: MySQL can't load dumps that MariaDB's programs write, because of generated columns. Raises ConsoleError
    `bad_profile` (dump_program) if this machine has no such program.
    """
    for name in (mariadb, mysql) if is_mariadb else (mysql,):
        program = shutil.which(name)
        if program is not None and is_mariadb == is_mariadb_program(program):
            return program
    facts: BadProfileDetail = {
        "variable": "PATH",
        "problem": SettingProblem.DUMP_PROGRAM_MISSING,
        "option": mariadb if is_mariadb else mysql,
    }
    raise ConsoleError(ErrorCode.BAD_PROFILE, facts)


def is_mariadb_program(program: str) -> bool:
    """True if `program` (a name or a path) is a program of MariaDB. The version text that the program prints decides
    this."""
    completed_process = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return "mariadb" in completed_process.stdout.lower()


def _require_success(completed_process: subprocess.CompletedProcess[bytes]) -> None:
    """Raise a ConsoleError with the program's message if the program has failed: `storage_full` if it could not write
    its file, otherwise `database_unreachable`."""
    if completed_process.returncode != 0:
        lines = completed_process.stderr.decode(errors="replace").strip().splitlines() or [
            f"exit status {completed_process.returncode}"
        ]
        problem = ForeignText(lines[-1][:300])
        if "on write" in lines[-1]:  # `Got errno 28 on write`: the dump's file, not the server
            error_detail: StorageFullDetail = {"problem": problem}
            raise ConsoleError(ErrorCode.STORAGE_FULL, error_detail)
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, {"problem": problem})
