"""Measures how many notices per second the program verifies, stores and books, if eight threads deliver them at the
same time. The peer is the same number of threads that insert the same rows by plain INSERT statements."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import local
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from console.sandbox.server import Sandbox
from tests.bench.disk_databases import open_empty_databases_on_disk
from tests.bench.figures import ReportRow, compute_median, compute_percentile, format_duration, format_ratio
from tests.support import notice_deliveries
from tests.support.notice_deliveries import SENDER_COUNT
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place, SqlitePlace

GOAL_NUMBER = 22
_ROUND_COUNT = 5
_NOTICES_PER_ROUND = 200
_WRITTEN_TABLES = ("payment_events", "payments", "evidence", "audit_log", "changes", "alerts")
"""The tables whose new rows the peer copies. A notice writes a row of `alerts` only if the notice or its payment
contradicts our records. It also changes a row of `orders`, which the peer doesn't copy.
"""

ResultT = TypeVar("ResultT")


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if GOAL_NUMBER not in goal_numbers:
        return
    for engine, place in open_empty_databases_on_disk(GOAL_NUMBER):
        with Sandbox() as sandbox, open_payment_desk(place, sandbox) as scene:
            yield from _measure_engine(engine, scene)


def _measure_engine(engine: str, scene: PaymentDesk) -> Iterator[ReportRow]:
    """Yield the report rows of new and of repeated notices on one engine, each compared with plain INSERTs of the
    same rows.
    """
    posts = notice_deliveries.prepare_notices(scene, _ROUND_COUNT * _NOTICES_PER_ROUND, 0, 0)
    booked, again, bare = SendingTimes(), SendingTimes(), SendingTimes()
    with PlainInserts(scene.place) as inserts:
        for begin in range(0, len(posts), _NOTICES_PER_ROUND):
            some = posts[begin : begin + _NOTICES_PER_ROUND]
            booked.send(scene.payments.receive_notice, some)
            again.send(scene.payments.receive_notice, some)
            bare.send(inserts.write, inserts.read_new_rows(_NOTICES_PER_ROUND))
    number, comparison = (
        str(GOAL_NUMBER),
        f"bare INSERTs of {inserts.rows_per_notice} rows {bare.format_figures()}",
    )
    ratio = booked.compute_median_seconds_per_item() / bare.compute_median_seconds_per_item()
    yield ReportRow(
        number,
        f"signed notice, 8 senders, {engine}",
        booked.format_figures(),
        "–",
        comparison,
        format_ratio(ratio),
        "–",
        None,
    )
    ratio = again.compute_median_seconds_per_item() / bare.compute_median_seconds_per_item()
    yield ReportRow(
        number,
        f"the same notice again, {engine}",
        again.format_figures(),
        "–",
        comparison,
        format_ratio(ratio),
        "–",
        None,
    )


class SendingTimes:
    """Durations (seconds) of the sent notices over several rounds: of each notice, and of each round divided by the
    number of its notices.
    """

    def __init__(self) -> None:
        self._took: list[float] = []
        self._seconds: list[float] = []

    def send(self, work: Callable[[ResultT], object], items: Sequence[ResultT]) -> None:
        """Call `work` with each item, in eight threads."""

        def send_timed(item: ResultT) -> float:
            began = time.perf_counter()
            work(item)
            return time.perf_counter() - began

        with ThreadPoolExecutor(SENDER_COUNT) as pool:
            began = time.perf_counter()
            self._took += pool.map(send_timed, items)
            self._seconds.append((time.perf_counter() - began) / len(items))

    def compute_median_seconds_per_item(self) -> float:
        """Return the median, over the rounds, of the round's duration divided by its items (seconds)."""
        return compute_median(self._seconds)

    def format_figures(self) -> str:
        """Return the notices per second, and the median and the 99th percentile of their durations, as one text."""
        took = sorted(self._took)
        p50, p99 = format_duration(compute_median(took)), format_duration(compute_percentile(took, 0.99))
        return f"{1 / self.compute_median_seconds_per_item():.0f}/s, p50 {p50}, p99 {p99}"


class PlainInserts:
    """The peer: inserts copies of the rows that the notices have made into tables without indexes and triggers. It
    uses the database driver alone, with one transaction per notice. `rows_per_notice` is the number of rows of the
    first notice.
    """

    def __init__(self, place: Place) -> None:
        self._place, self._threads, self._opened = place, local(), ExitStack()
        self._last_read_id_by_table = dict.fromkeys(_WRITTEN_TABLES, 0)
        self.rows_per_notice = 0
        for table in _WRITTEN_TABLES:
            place.sql(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 1 = 0")
            self._last_read_id_by_table[table] = self._read_last_id(table)

    def __enter__(self) -> "PlainInserts":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _read_last_id(self, table: str) -> int:
        return int(self._place.sql(f"SELECT COALESCE(MAX(id), 0) FROM {table}")[0][0])

    def read_new_rows(self, notice_count: int) -> list[list[tuple[str, Sequence[Any]]]]:
        """Return the rows that were inserted since the last call, as one list of (table, row) for each notice. The
        rows are distributed evenly over the notices; `notice_count` is their number."""
        shares: list[list[tuple[str, Sequence[Any]]]] = [[] for _ in range(notice_count)]
        for table in _WRITTEN_TABLES:
            new_rows = self._place.sql(
                f"SELECT * FROM {table} WHERE id > {self._last_read_id_by_table[table]} ORDER BY id"
            )
            self._last_read_id_by_table[table] = self._read_last_id(table)
            for place, row in enumerate(new_rows):
                shares[place % notice_count].append((table, row))
        self.rows_per_notice = len(shares[0])
        return shares

    def write(self, share: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Insert the rows of one notice, `share`, in one transaction."""
        connection = self._get_connection()
        cursor = connection.cursor()
        mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
        cursor.execute("BEGIN IMMEDIATE" if mark == "?" else "BEGIN")
        for table, row in share:
            cursor.execute(f"INSERT INTO bare_{table} VALUES ({', '.join([mark] * len(row))})", row)
        cursor.execute("COMMIT")

    def _get_connection(self) -> Any:
        """Return the connection of this thread."""
        if not hasattr(self._threads, "line"):
            self._threads.line = _open_connection(self._place)
            self._opened.callback(self._threads.line.close)
        return self._threads.line


def _open_connection(place: Place) -> Any:
    if isinstance(place, SqlitePlace):
        line = sqlite3.connect(place.file, isolation_level=None, timeout=60, check_same_thread=False)
        line.execute("PRAGMA synchronous=FULL")
        return line
    import pymysql

    at = urlsplit(place.url(""))
    return pymysql.connect(
        host=at.hostname,
        port=at.port or 3306,
        user=unquote(at.username or ""),
        password=unquote(at.password or ""),
        database=at.path[1:],
        autocommit=True,
    )
