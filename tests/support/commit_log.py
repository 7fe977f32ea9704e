"""Logs the moment at which each row of the change feed was committed.

A process writes one line `id moment` per row into a file. The moment is the time at which COMMIT has returned
(seconds of CLOCK_MONOTONIC, which all processes of a machine share). Rows of a transaction that is rolled back are
not logged.
"""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from console.store.database.engine import Database
from console.store.database.transaction import Transaction

_INSERTED_IDS_KEY = "rows of the feed"


def log_commits(file: Path) -> None:
    """From now on, log the commits of every database of this process in `file`."""
    committed, commit = file.open("a", buffering=1), Database._commit_transaction

    def commit_and_log(self: Database, tx: Transaction) -> None:
        ids = [] if tx.conn.invalidated else tx.conn.info.pop(_INSERTED_IDS_KEY, [])
        commit(self, tx)
        moment = time.monotonic()
        committed.writelines(f"{one} {moment}\n" for one in ids)

    Database._commit_transaction = commit_and_log  # type: ignore[method-assign]  # in this process alone
    event.listen(Engine, "after_cursor_execute", _record_inserted_row)
    event.listen(Engine, "rollback", _forget_rolled_back_rows)


def read_commit_log(file: Path) -> dict[int, float]:
    """Return the moments in the log (monotonic seconds) by the row id of the change feed. Return {} if the file
    doesn't exist.
    """
    lines = file.read_text().splitlines() if file.exists() else ()
    return {int(one): float(moment) for one, moment in map(str.split, lines)}


def _record_inserted_row(conn: Connection, cursor: Any, statement: str, *_: object) -> None:
    if statement.startswith("INSERT INTO changes "):
        conn.info.setdefault(_INSERTED_IDS_KEY, []).append(cursor.lastrowid)


def _forget_rolled_back_rows(conn: Connection) -> None:
    if not conn.invalidated:  # what is gone has no list any more
        conn.info.pop(_INSERTED_IDS_KEY, None)
