"""Simulates the other application that has created the table of credit checks. It reads rows, and inserts rows with
values for the original columns only.

    python -m tests.support.other_application URL SEED

runs until its standard input ends, and then prints its results.
"""

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pymysql
from sqlalchemy import make_url

from tests.support.invented import invent_numbers
from tests.support.legacy import TABLE_NAME
from tests.support.waiting import MAX_WAIT_SECONDS

MAX_WAIT_MS = 1_000
PAUSE_SECONDS, PAUSE_SECONDS_ON_SQLITE = 0.005, 0.03
_COLUMN_LIST = "client_id, corporation_number, credit_check_id, company_name, purchased_at, result"
_REPEATED_SHARE = 0.1


@dataclass
class ApplicationResults:
    """The results of the simulated application: the longest duration (ms) of a read and of a write, the number of
    reads, the inserted rows as (id, client, number), the number of refused inserts, and the messages of other errors.
    `longest_elsewhere_ms` is the longest write to another table, which takes long only if the machine is busy.
    """

    longest_read_ms: float = 0.0
    longest_write_ms: float = 0.0
    longest_elsewhere_ms: float = 0.0
    read_count: int = 0
    refused_count: int = 0
    error_messages: list[str] = field(default_factory=list)
    inserted_rows: list[tuple[int, int, str]] = field(default_factory=list)

    def has_waited(self) -> bool:
        """Return True if a statement on the table of credit checks waited a second or longer, and the machine was not
        generally busy.
        """
        longest = max(self.longest_read_ms, self.longest_write_ms)
        return longest >= max(MAX_WAIT_MS, 2 * self.longest_elsewhere_ms)


class OtherApplication:
    """The simulated application. It has three threads with a connection each: one reads the table of credit checks,
    one writes it, and one writes another table.
    """

    def __init__(self, url: str, seed: int) -> None:
        self._url, self._over, self._met = make_url(url), threading.Event(), ApplicationResults()
        self._chance = random.Random(seed)
        self._fresh = iter(invent_numbers(200_000, seed + 1_000))
        self._mark = "?" if self._is_file else "%s"
        self._pause = PAUSE_SECONDS_ON_SQLITE if self._is_file else PAUSE_SECONDS

    @property
    def _is_file(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def run(self) -> ApplicationResults:
        threads = [
            threading.Thread(target=work)
            for work in (self._read_until_stopped, self._write_until_stopped, self._write_to_other_table)
        ]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self._over.set()
        for thread in threads:
            thread.join()
        return self._met

    def _open_connection(self) -> Any:
        if self._is_file:
            return sqlite3.connect(str(self._url.database), timeout=MAX_WAIT_SECONDS, isolation_level=None)
        url = self._url
        return pymysql.connect(
            host=url.host,
            port=url.port or 3306,
            user=url.username,
            password=url.password or "",
            database=url.database,
            autocommit=True,
            charset="utf8mb4",
            ssl_disabled=True,
        )

    def _read_until_stopped(self) -> None:
        """Read the newest rows, and one row by its id, again and again until the application ends."""
        with contextlib.closing(self._open_connection()) as connection:
            cursor = connection.cursor()
            while not self._over.wait(self._pause):
                begun = time.perf_counter()
                cursor.execute(f"SELECT id, {_COLUMN_LIST} FROM {TABLE_NAME} ORDER BY id DESC LIMIT 20")
                newest = cursor.fetchall()
                cursor.execute(f"SELECT * FROM {TABLE_NAME} WHERE id = {self._mark}", (newest[0][0] // 2,))
                cursor.fetchall()
                self._met.longest_read_ms = max(self._met.longest_read_ms, (time.perf_counter() - begun) * 1000)
                self._met.read_count += 1

    def _write_to_other_table(self) -> None:
        """Insert rows into another table again and again until the application ends. The durations show the load of
        the machine.
        """
        with contextlib.closing(self._open_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE IF NOT EXISTS notes_elsewhere (words VARCHAR(20))")
            while not self._over.wait(self._pause):
                begun = time.perf_counter()
                cursor.execute("INSERT INTO notes_elsewhere VALUES ('nobody waits')")
                took = (time.perf_counter() - begun) * 1000
                self._met.longest_elsewhere_ms = max(self._met.longest_elsewhere_ms, took)

    def _write_until_stopped(self) -> None:
        with contextlib.closing(self._open_connection()) as connection:
            cursor = connection.cursor()
            while not self._over.wait(self._pause):
                client, number = self._choose_next_row()
                begun = time.perf_counter()
                self._insert_row(cursor, client, number)
                self._met.longest_write_ms = max(self._met.longest_write_ms, (time.perf_counter() - begun) * 1000)

    def _choose_next_row(self) -> tuple[int, str]:
        """Return (client, corporation number) of the next row. Most are new; some repeat an earlier row, sometimes in
        another spelling of the number.
        """
        if self._met.inserted_rows and self._chance.random() < _REPEATED_SHARE:
            _, client, number = self._chance.choice(self._met.inserted_rows)
            return client, self._chance.choice((number, f"T{number}" if len(number) == 13 else number))
        return 1 + self._chance.randrange(3), next(self._fresh)

    def _insert_row(self, cursor: Any, client: int, number: str) -> None:
        marks = ", ".join([self._mark] * 6)
        values = (client, number, self._chance.randrange(1, 10**9), "架空商店", "2026-01-02 03:04:05", "ok")
        try:
            cursor.execute(f"INSERT INTO {TABLE_NAME} ({_COLUMN_LIST}) VALUES ({marks})", values)
        except (pymysql.IntegrityError, sqlite3.IntegrityError):
            self._met.refused_count += 1
        except (pymysql.MySQLError, sqlite3.Error) as error:
            self._met.error_messages.append(str(error))
        else:
            self._met.inserted_rows.append((int(cursor.lastrowid), client, number))


@contextlib.contextmanager
def run_application(url: str, seed: int = 1) -> Iterator[list[ApplicationResults]]:
    """Run the application in a process of its own until the end of the block. After the block, the yielded list
    contains the application's results.
    """
    command = [sys.executable, "-m", "tests.support.other_application", url, str(seed)]
    results: list[ApplicationResults] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        try:
            yield results
        finally:
            answer, _ = process.communicate()
            results.append(ApplicationResults(**json.loads(answer)))


if __name__ == "__main__":
    application = OtherApplication(sys.argv[1], int(sys.argv[2]))
    print("at work", flush=True)
    print(json.dumps(asdict(application.run())), flush=True)
