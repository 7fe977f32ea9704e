"""SQLite files with 1 and 10 million credit checks, which the database itself computes once; they stay in
`.bench/`."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from console.store.database.boot_clock import read_boot_id
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.bench import filling
from tests.bench.filling import CHECKS_TABLE, OPERATOR, compute_corporation_number

__all__ = ["TABLE_FOLDER", "OPERATOR", "make_big_table", "compute_corporation_number"]

TABLE_FOLDER = Path(__file__).resolve().parents[2] / ".bench"


def make_big_table(row_count: int) -> Path:
    """Return the path of an SQLite database with `row_count` credit checks. Make the file first if it doesn't exist.
    Callers may only read it.
    """
    TABLE_FOLDER.mkdir(exist_ok=True)
    file = TABLE_FOLDER / f"{row_count}-rows-{filling.compute_table_form_mark()}.db"
    if not file.exists():
        for old in TABLE_FOLDER.glob(f"{row_count}-rows-*"):
            old.unlink()
        began = time.monotonic()
        print(f"Making {file.name} …", flush=True)
        _make_table_file(file, row_count)
        print(f"… took {time.monotonic() - began:.0f} s, {file.stat().st_size / 1e9:.1f} GB", flush=True)
    _upgrade_database_file(file)
    return file


@contextmanager
def make_empty_table() -> Iterator[str]:
    """Yield the URL of a database that has only the schema."""
    with TemporaryDirectory(prefix="console-bench-") as folder:
        file = Path(folder) / "empty.db"
        _upgrade_database_file(file)
        yield f"sqlite:///{file}"


def _upgrade_database_file(file: Path) -> None:
    """Run the migrations that the file lacks."""
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    database.close()


def _make_table_file(file: Path, row_count: int) -> None:
    """Make the file under another name, and rename it when it is complete."""
    growing = file.with_suffix(".growing")
    for partial_file in growing.parent.glob(growing.name + "*"):
        partial_file.unlink()
    _upgrade_database_file(growing)
    _fill_table(growing, row_count)
    growing.rename(file)


def _fill_table(file: Path, row_count: int) -> None:
    """Insert all rows by one statement, and create the indexes afterwards, which is twenty times as fast."""
    conn = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "synchronous=OFF", "cache_size=-1000000", "threads=2", "temp_store=FILE"):
        conn.execute("PRAGMA " + pragma)
    conn.execute("PRAGMA journal_mode=OFF")
    named = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    indexes = conn.execute(named, (CHECKS_TABLE,)).fetchall()
    conn.execute("BEGIN")
    for name, _ in indexes:
        conn.execute(f"DROP INDEX {name}")
    conn.execute(filling.make_insert_checks_statement("sqlite", row_count))
    for _, sql in indexes:
        conn.execute(sql)
    for (trigger,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {trigger}")  # they would refuse what nobody did
    past, present = (
        filling.make_insert_ended_purchases_statements("sqlite", min(row_count, filling.ENDED_PURCHASE_COUNT)),
        (filling.make_insert_operator_statement(), filling.make_insert_running_purchases_statement(read_boot_id())),
    )
    for statement in (
        *past,
        *filling.make_insert_money_rows_statements("sqlite", row_count // filling.ROWS_PER_PAYMENT),
        *present,
    ):
        conn.execute(statement)
    conn.execute("COMMIT")
    conn.execute("PRAGMA journal_mode=WAL")
    conn.close()
