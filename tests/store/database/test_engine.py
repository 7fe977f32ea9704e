"""Tests of transactions on SQLite: their waits for one another, the protection against lost updates, and the error
codes of failed transactions.
"""

import gc
import multiprocessing
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database, Transaction
from console.store.migrations import upgrade as migrate
from console.store.schema.core import SCHEMA_VERSION
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support import guards
from tests.support.permissions import remove_permissions
from tests.support.waiting import MAX_WAIT_SECONDS

PROCESS_COUNT, INCREMENT_COUNT = 8, 25


def call_in_processes(count: int, call: Callable[..., str], *arguments: object) -> list[str]:
    """Call `call` in `count` new processes at the same time, and return the results of the calls."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as processes:
        return [
            future.result(MAX_WAIT_SECONDS) for future in [processes.submit(call, *arguments) for _ in range(count)]
        ]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/console.db")
    migrate.ensure_schema(made)
    return made


def increment_stored_number(file: str, increment_count: int) -> str:
    """Read a number and write the number plus one, `increment_count` times. An update would be lost if the
    transaction acquired its lock only after the read. Return "done"."""
    database = Database(f"sqlite:///{file}")
    for _ in range(increment_count):
        with database.write_without_retries() as tx:
            value = int(tx.conn.scalar(text("SELECT value FROM console_meta WHERE name = 'sum'")) or 0)
            tx.conn.execute(text("UPDATE console_meta SET value = :v WHERE name = 'sum'"), {"v": str(value + 1)})
    database.close()
    return "done"


def test_no_update_is_lost(database: Database) -> None:
    """Many processes read, increase and write one row at the same time, and the final number counts every change."""
    with database.write_without_retries() as tx:
        migrate.store_meta_if_missing(tx.conn, "sum", "0")
    call_in_processes(PROCESS_COUNT, increment_stored_number, str(database.file), INCREMENT_COUNT)
    with database.read() as conn:
        total = int(migrate.read_meta(conn, "sum") or 0)
    print(f"demand 18: {total} of {PROCESS_COUNT * INCREMENT_COUNT} read-modify-writes kept")
    assert total == PROCESS_COUNT * INCREMENT_COUNT


def test_a_write_transaction_acquires_its_lock_first(database: Database) -> None:
    """A write transaction begins with BEGIN IMMEDIATE, which acquires the lock, so no other process can write between
    its read and its write.
    """
    assert database.file is not None
    other = sqlite3.connect(database.file, timeout=0, isolation_level=None)
    with database.write_without_retries() as tx:
        migrate.read_meta(tx.conn, "database_id")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_functions_after_commit_do_not_run_after_a_rollback(database: Database) -> None:
    """A function that is registered to run after COMMIT doesn't run after a rollback."""
    executed_functions: list[str] = []
    with database.write_without_retries() as tx:
        tx.call_after_commit(lambda: executed_functions.append("kept"))
        assert executed_functions == []
    with suppress(RuntimeError), database.write_without_retries() as tx:
        tx.call_after_commit(lambda: executed_functions.append("lost"))
        raise RuntimeError
    assert executed_functions == ["kept"]


def test_an_open_reader_blocks_no_writer(database: Database) -> None:
    """A read transaction that is open doesn't make a write transaction wait."""
    with database.read() as conn:
        conn.scalar(text("SELECT count(*) FROM console_meta"))
        with database.write_without_retries() as tx:
            migrate.store_meta_if_missing(tx.conn, "written", "meanwhile")


def test_sqlite_settings_make_a_commit_durable(database: Database) -> None:
    """The settings of SQLite let a commit that has returned survive a power failure."""
    with database.read() as conn:
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert conn.exec_driver_sql("PRAGMA fullfsync").scalar_one() == 1  # macOS: past the cache of the disk
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_reads_during_the_close_leave_no_connection_open(database: Database) -> None:
    """A thread that is reading while the database is closed, and a thread that uses the database afterwards, leave no
    connection open."""
    gc.collect()
    guards.unclosed_connections.clear()
    before = list_ids_of_open_connections()
    with database.read() as conn:
        database.close()
        conn.scalar(text("SELECT count(*) FROM console_meta"))
    with database.write_without_retries() as tx:
        migrate.store_meta_if_missing(tx.conn, "written", "afterwards")
    del conn, tx
    gc.collect()
    assert guards.unclosed_connections == []
    assert list_ids_of_open_connections() <= before


def list_ids_of_open_connections() -> set[int]:
    objects = gc.get_objects()
    return {id(one) for one in objects if isinstance(one, guards.WatchedConnection) and not one.is_closed}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"this is no database, only a long enough line of text" * 40, "not_our_database"), (b"", None)],
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes, code: str | None) -> None:
    """A file that isn't a database is refused and not changed. An empty file becomes a new database."""
    file = tmp_path / "console.db"
    file.write_bytes(content)
    database = Database(f"sqlite:///{file}")
    if code is None:
        assert migrate.ensure_schema(database)["schema"]
        return
    with pytest.raises(ConsoleError) as refused:
        migrate.ensure_schema(database)
    assert refused.value.code == code
    assert file.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A database with tables of another program is refused, at the start of the program and by an upgrade."""
    file = tmp_path / "console.db"
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE invoices (id INTEGER)")
    database = Database(f"sqlite:///{file}")
    for attempt in (migrate.ensure_schema, migrate.upgrade):
        with pytest.raises(ConsoleError) as refused:
            attempt(database)
        assert refused.value.code == "not_our_database"


@pytest.mark.parametrize(("version", "is_newer"), [("0000", False), ("9999", True)])
def test_a_database_of_another_version_is_refused(database: Database, version: str, is_newer: bool) -> None:
    """A program and a database whose schema versions differ refuse to work together. The error names both versions
    and says which one is older."""
    with database.write_without_retries() as tx:
        tx.conn.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    with pytest.raises(ConsoleError) as refused:
        migrate.ensure_schema(database)
    assert (refused.value.code, refused.value.detail["newer"]) == ("schema_mismatch", is_newer)
    for language in LANGUAGES:
        message = format_error_message(refused.value, language)
        assert version in message, language
        assert SCHEMA_VERSION in message, language


def create_schema(file: str) -> str:
    return migrate.ensure_schema(Database(f"sqlite:///{file}"))["database_id"]


def test_simultaneous_creation_makes_one_database(tmp_path: Path) -> None:
    """Several processes create the database at the same time; the result is one database with one id."""
    assert len(set(call_in_processes(4, create_schema, str(tmp_path / "console.db")))) == 1


def test_a_locked_database_is_reported(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that gets no write lock within the time limit gets the error `database_locked`, and nothing is
    written.
    """
    monkeypatch.setattr("console.store.database.sqlite._CONNECTION_PRAGMAS", ("busy_timeout=50",))
    impatient = Database(f"sqlite:///{database.file}")
    with database.write_without_retries() as tx:
        migrate.store_meta_if_missing(tx.conn, "held", "yes")
        with pytest.raises(ConsoleError) as refused, impatient.write_without_retries():
            pass
    assert (refused.value.code, refused.value.exit_status) == ("database_locked", 6)


def fill_limited_database(database: Database, page_count: int) -> None:
    """Limit the database to this number of pages, and write rows until SQLite reports a full disk."""
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {page_count}")
        tx.conn.execute(text("UPDATE console_meta SET value = 'before' WHERE name = 'database_id'"))
        for i in range(2_000):
            migrate.store_meta_if_missing(tx.conn, f"row-{i}", "x" * 200)


def test_a_full_disk_rolls_back_the_whole_transaction(database: Database) -> None:
    """On a full disk the whole transaction is rolled back, and the error code is `storage_full`."""
    with database.read() as conn:
        pages = int(conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    with pytest.raises(ConsoleError) as refused:
        fill_limited_database(database, pages)
    assert (refused.value.code, refused.value.exit_status) == ("storage_full", 6)
    assert migrate.read_meta_and_schema(database)["database_id"] != "before"
    database.close()


def test_migrations_build_the_declared_schema(database: Database) -> None:
    """The migrations build the schema that the program declares, and the constant SCHEMA_VERSION is the newest
    migration."""
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from console.store.schema.core import SCHEMA_VERSION
    from console.store.schema.worker import metadata

    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS_FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION
    with database.read() as conn:
        differences = compare_metadata(MigrationContext.configure(conn), metadata)
    assert differences == []


def test_an_unknown_engine_is_refused() -> None:
    """The URL of an engine that the program doesn't support is refused."""
    with pytest.raises(ConsoleError) as refused:
        Database("postgresql://op-a:pw@127.0.0.1/console")
    assert (refused.value.code, refused.value.detail["problem"]) == ("bad_profile", "no_such_engine")


def test_an_older_program_that_is_still_open_writes_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After another desk has upgraded the database, a program of the earlier version that is still open may not write
    any more."""
    monkeypatch.setattr("console.store.database.engine.DATABASE_CHECK_INTERVAL_SECONDS", 0.0)
    database.database_check = migrate.require_current_version
    database.write(lambda tx: migrate.store_meta_if_missing(tx.conn, "before", "yes"))
    with Database(str(database.url)).write_without_retries() as tx:
        tx.conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConsoleError) as refused:
        database.write(lambda tx: migrate.store_meta_if_missing(tx.conn, "after", "no"))
    assert (refused.value.code, refused.value.detail["newer"]) == ("schema_mismatch", True)
    with database.read() as conn:
        assert (migrate.read_meta(conn, "before"), migrate.read_meta(conn, "after")) == ("yes", None)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, *, is_there: bool) -> None:
    """If the program can't write or create the folder of the database, the error names the folder, so that people can
    correct its permissions."""
    home = tmp_path / "home"
    home.mkdir()
    folder = home if is_there else home / "console"
    database = Database(f"sqlite:///{folder / 'console.db'}")
    with remove_permissions(home, 0o555), pytest.raises(ConsoleError) as refused:
        migrate.ensure_schema(database)
    database.close()
    assert (refused.value.code, refused.value.detail["problem"]) == ("database_unreachable", "folder_not_writable")
    for language in LANGUAGES:
        assert str(folder) in format_error_message(refused.value, language)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["", "console.db"])
def test_a_database_that_may_only_be_read_is_named(tmp_path: Path, name: str) -> None:
    """If the folder or the database file can't be written, the error names it. SQLite's own message contains no path,
    and people could mistake it for the console's read-only switch."""
    home = tmp_path / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    database = Database(f"sqlite:///{home / 'console.db'}")
    migrate.ensure_schema(database)
    database.close()
    for file in home.iterdir():
        file.chmod(0o666)

    def write_nothing(tx: Transaction) -> None:
        migrate.store_meta_if_missing(tx.conn, "any", "value")

    with remove_permissions(home / name, 0o444 if name else 0o555), pytest.raises(ConsoleError) as refused:
        database.write(write_nothing)
    database.close()
    assert (refused.value.code, refused.value.detail["problem"]) == ("database_unreachable", "file_not_writable")
    assert refused.value.detail.get("file") == str(home / name)
    for language in LANGUAGES:
        assert str(home / name) in format_error_message(refused.value, language)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
def test_a_desk_whose_log_was_deleted_writes_no_more(database: Database) -> None:
    """If another program deletes SQLite's write-ahead log while a desk has the database open, the desk reads and
    writes no more, also on a new connection: nobody else would see its rows. A desk that opens the file later works.
    """
    with database.write_without_retries() as tx:
        migrate.store_meta_if_missing(tx.conn, "before", "1")
    log = Path(f"{database.file}-wal")

    def write_in_open_transaction() -> None:
        with database.write_without_retries() as tx:
            log.unlink()
            migrate.store_meta_if_missing(tx.conn, "lost", "1")

    for call in (write_in_open_transaction, lambda: migrate.read_meta_and_schema(database)):
        with pytest.raises(ConsoleError) as refused:
            call()
        assert (refused.value.code, refused.value.detail["problem"]) == ("database_unreachable", "taken_away")
        database.engine.dispose()
    with closing(Database(f"sqlite:///{database.file}")) as later:
        assert "lost" not in migrate.read_meta_and_schema(later)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows renames no folder with an open file")
def test_a_folder_that_is_replaced_during_use_is_reported(tmp_path: Path) -> None:
    """If the folder of the database becomes a file or a link to itself, as after the loss of a network disk, reads
    and writes are refused with the path and without an internal error. They work again when the folder is back.
    """
    home, away = tmp_path / "home", tmp_path / "away"
    database = Database(f"sqlite:///{home / 'console.db'}")
    migrate.ensure_schema(database)
    home.rename(away)
    calls: tuple[Callable[[], object], ...] = (
        lambda: migrate.read_meta_and_schema(database),
        lambda: database.write(lambda tx: migrate.store_meta_if_missing(tx.conn, "any", "value")),
    )
    for is_link in (False, True):
        if is_link:
            home.symlink_to(home)
        else:
            home.touch()
        for call in calls:
            with pytest.raises(ConsoleError) as refused:
                call()
            assert (refused.value.code, refused.value.detail["problem"]) == (
                "database_unreachable",
                "file_not_writable",
            )
            for language in LANGUAGES:
                assert str(home / "console.db") in format_error_message(refused.value, language)
        home.unlink()
    away.rename(home)
    assert "any" not in migrate.read_meta_and_schema(database)
    database.close()


def test_a_full_disk_is_named_with_the_file(database: Database) -> None:
    """The error about a full disk contains the path of the database file, so that people with several disks see on
    which one they must free space.
    """
    with database.read() as conn:
        conn.execute(text(f"PRAGMA max_page_count = {conn.scalar(text('PRAGMA page_count'))}"))
    with pytest.raises(ConsoleError) as caught, database.write_without_retries() as tx:
        tx.conn.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000) AS value"))
    assert (caught.value.code, caught.value.detail.get("file")) == ("storage_full", str(database.file))
    for language in LANGUAGES:
        assert str(database.file) in format_error_message(caught.value, language)
