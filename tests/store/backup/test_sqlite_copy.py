"""Tests of the copy of an SQLite file for a backup: an error names the file that can't be used."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.store.backup.sqlite_copy import copy_sqlite_file
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
