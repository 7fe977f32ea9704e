"""Tests of the copy of an SQLite file for a backup and of the operations that are read from a replaced file. The
error of a failed copy names the file that can't be used.
"""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.store.backup.sqlite_copy import copy_sqlite_file, find_newest_audit_head, list_operations_with_claim
from console.store.schema.legacy_table import TABLE_NAME
from tests.support.file_size_limit import limit_file_sizes
from tests.support.refusals import call_for_refusal


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_full_disk_of_the_source_is_named(tmp_path: Path) -> None:
    """If the disk of the source is full, SQLite can't open it, because it creates a file beside it. The error names
    the source: the copy may be on a disk with much space.
    """
    source = tmp_path / "database.db"
    with closing(sqlite3.connect(source)) as conn:
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("CREATE TABLE t (n INTEGER)")
    with limit_file_sizes(100):
        refused = call_for_refusal(copy_sqlite_file, source, tmp_path / "copy.db")
    assert (refused.code, refused.detail.get("file")) == ("storage_full", str(source))
    copy_sqlite_file(source, tmp_path / "second.db")


NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OPERATION_COLUMNS = "id, action, client_id, corporation_number, subject_id, operator, desk, started_at, fingerprint"


@pytest.fixture
def replaced_file(tmp_path: Path) -> Path:
    """Return a database file with a purchase and the start of a payment, and without a table of lost operations, as
    a schema before 0010 has none.
    """
    file = tmp_path / "database.db"
    with closing(sqlite3.connect(file)) as conn, conn:
        conn.execute(f"CREATE TABLE operations ({OPERATION_COLUMNS}, state)")
        conn.execute(f"CREATE TABLE {TABLE_NAME} (id, credit_check_id, status, certainty)")
        conn.execute(
            "CREATE TABLE payments (id, operation_id, provider, merchant_payment_id, asked_minor, status, certainty)"
        )
        conn.execute(
            "INSERT INTO payments VALUES (7, 'start', 'paypay', 'ORD-1', 3300, 'token_generated', 'unknown')"
        )
        conn.execute("CREATE TABLE audit_log (session, seq, id, hash)")
        values = "?, ?, ?, ?, ?, 'op-a', 'd', ?, 'f', 'calling'"
        insert = f"INSERT INTO operations ({OPERATION_COLUMNS}, state) VALUES ({values})"
        started_at = "2026-11-19 03:00:00.000000"
        conn.execute(insert, ("purchase", "credit-check.purchase", 1, "1180301018771", 5, started_at))
        conn.execute(insert, ("start", "payment.start", None, None, 7, started_at))
    return file


def list_operation_times(file: Path) -> dict[str, datetime]:
    """Return the time of each operation that is read from the file, by its id."""
    return {entry.intent.operation_id: entry.intent.at for entry in list_operations_with_claim(file, "db", NOW)}


def test_operations_of_an_old_schema_are_read(replaced_file: Path) -> None:
    """If a table is missing in the replaced file, the operations in the other tables are still read: a payment that
    was started would otherwise be started again.
    """
    assert list_operation_times(replaced_file) == dict.fromkeys(
        ("purchase", "start"), datetime(2026, 11, 19, 3, tzinfo=UTC)
    )
    with closing(sqlite3.connect(replaced_file)) as conn, conn:
        conn.execute(f"DROP TABLE {TABLE_NAME}")
    assert list(list_operation_times(replaced_file)) == ["start"]


@pytest.mark.parametrize("stored_time", ["yesterday", None, b"\xff", 5])
def test_an_operation_with_an_unreadable_time_is_read(replaced_file: Path, stored_time: object) -> None:
    """An operation whose time can't be read still blocks its repetition. It gets the time of the restore."""
    with closing(sqlite3.connect(replaced_file)) as conn, conn:
        conn.execute("UPDATE operations SET started_at = ? WHERE id = 'purchase'", (stored_time,))
    assert list_operation_times(replaced_file) == {"purchase": NOW, "start": datetime(2026, 11, 19, 3, tzinfo=UTC)}


@pytest.mark.expects_log("the row that can't be read")
@pytest.mark.parametrize(("column", "text"), [("client_id", "one"), ("subject_id", "five")])
def test_an_operation_that_cannot_be_read_hides_no_other(replaced_file: Path, column: str, text: str) -> None:
    """An operation with a text in place of a number is left out, and the other operations are read."""
    with closing(sqlite3.connect(replaced_file)) as conn, conn:
        conn.execute(f"UPDATE operations SET {column} = ? WHERE id = 'purchase'", (text,))
    assert list(list_operation_times(replaced_file)) == ["start"]


def test_text_that_is_no_utf8_hides_no_operation(replaced_file: Path) -> None:
    """A text of another encoding in one row doesn't end the reading of the table."""
    with closing(sqlite3.connect(replaced_file)) as conn, conn:
        conn.execute("UPDATE operations SET operator = CAST(x'ff' AS TEXT)")
    assert list(list_operation_times(replaced_file)) == ["purchase", "start"]


def test_an_audit_row_that_cannot_be_read_is_no_head(replaced_file: Path) -> None:
    """If the newest audit row has a text in place of a number, no head is returned, and the restore isn't stopped."""
    with closing(sqlite3.connect(replaced_file)) as conn, conn:
        conn.execute("INSERT INTO audit_log VALUES ('s', 'first', 1, 'h')")
    assert find_newest_audit_head(replaced_file) is None
