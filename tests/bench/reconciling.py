"""Goal 19: the duration of the reconciliation of a day, of one run of all due tasks, and the memory of both, in a
table that is ten times as large as another one.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any
from unittest import mock

from sqlalchemy import event

from console.app import Console, open_console
from console.domain.calendar_days import JST
from console.sandbox.environment.credentials import PAYPAY_MERCHANT_ID
from console.services.process.context import WORKER, act_as
from console.settings.settings import Settings
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent
from console.store.reconciliation.our_records import ANNOUNCED_EVENT_STATE
from tests.bench import filling
from tests.bench.big_server import SERVER_SETTINGS
from tests.bench.big_table import TABLE_FOLDER
from tests.bench.figures import (
    MeasuredFunction,
    ReportRow,
    compute_median,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.bench.purchases import make_bench_folder
from tests.support.desks import make_environment
from tests.support.payment_desks import make_settings
from tests.support.places import Place, ServerPlace, SqlitePlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.servers import find_missing_reason, start_private_mariadb

GOAL_NUMBER = 19
LARGE_TO_SMALL_TABLE_RATIO = 10
MAX_GROWTH_RATIO = 1.1
MAX_MEMORY_KIB = 16 << 10
"""Largest growth of memory (KiB) that counts as none, because memory allocators keep freed memory."""
_ROUND_COUNT = 9
_UNUSED_URL = "http://127.0.0.1:9"
_FIRST_PAYMENT_TIME = time_of_day(0, 30)
"""Time of day in Japan at which the first payment of a day is paid. The last one is paid less than 80,000 seconds
later.
"""
_DAILY_FILE_HEADER = (
    "決済番号,加盟店ID,屋号,店舗ID,店舗名,端末番号/PosID,取引ステータス,取引日時,取引金額,レシート番号,支払い方法,"
    "マーチャント決済ID,支払い詳細\n"
)
_INSERT_PAYMENTS_SQL = """INSERT INTO payments (id, provider, merchant_payment_id, provider_payment_id, status,
    certainty, work_state, currency, asked_minor, captured_minor, begun_at, paid_at, created_at, changed_at, version)
  {counted} SELECT i, 'paypay', 'ORD-' || i, '0421' || i, 'completed', 'known', 'none', 'JPY', 3300, 3300, {at}, {at},
    {at}, {at}, 3 FROM counted"""
_TIME_OF_PAYMENT_SQL = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', '{first}', '+' || (i / {each}) || ' days',"
    " '+' || (i % {each} * 80000 / {each}) || ' seconds')",
    "mysql": "'{first}' + INTERVAL (i DIV {each}) DAY + INTERVAL (i MOD {each} * 80000 DIV {each}) SECOND",
}


def measure_rows(goal_numbers: frozenset[int], payment_count: int, payments_per_day: int) -> Iterator[ReportRow]:
    """Measure a reconciliation and the due tasks on SQLite and MariaDB, and yield the rows of the report.
    `payment_count` is the number of payments in the large table, `payments_per_day` the number per day.
    """
    if GOAL_NUMBER not in goal_numbers:
        return
    with make_bench_folder() as one, make_bench_folder() as other:
        yield from _measure_engine("SQLite", (SqlitePlace(one), SqlitePlace(other)), payment_count, payments_per_day)
    if find_missing_reason("mariadb") is None:
        with (
            start_private_mariadb(place=TABLE_FOLDER, extra_config=SERVER_SETTINGS) as server,
            make_bench_folder() as one,
            make_bench_folder() as other,
        ):
            small, large = (ServerPlace("mariadb", at, PooledDatabase((server,))) for at in (one, other))
            yield from _measure_engine("MariaDB", (small, large), payment_count, payments_per_day)


def _measure_engine(
    engine: str, places: tuple[Place, Place], payment_count: int, payments_per_day: int
) -> Iterator[ReportRow]:
    """Measure the time and the memory of a reconciliation and of the due tasks in a small and a large table, the
    first and the second of `places`, and yield the rows of the report. `payment_count` is the number of payments in
    the large table.
    """
    with (
        _fill_table(places[0], payment_count // LARGE_TO_SMALL_TABLE_RATIO, payments_per_day) as small,
        _fill_table(places[1], payment_count, payments_per_day) as large,
    ):
        before = _measure_largest_memory(small)
        more = _measure_largest_memory(large) - before
        works: dict[str, MeasuredFunction] = {
            "small": small.reconcile,
            "large": large.reconcile,
            "swept small": small.run_due_tasks,
            "swept large": large.run_due_tasks,
        }
        took = {
            name: compute_median(seconds)
            for name, seconds in measure_alternately(works, _ROUND_COUNT, warm_up_round_count=1).items()
        }
        touched = {
            name: (large if "large" in name else small).measure_database_work(work) for name, work in works.items()
        }
    scope = f"{payment_count // LARGE_TO_SMALL_TABLE_RATIO:,} → {payment_count:,} payments, {engine}"
    scale = 100_000 / payments_per_day
    yield _make_growth_row(
        f"reconcile {payments_per_day:,} rows, {scope}", took["small"] * scale, took["large"] * scale, " per 100,000"
    )
    yield _make_growth_row(f"all due tasks once, {scope}", took["swept small"], took["swept large"], "")
    yield _make_work_row(f"steps of a reconciliation, {scope}", touched["small"], touched["large"])
    yield _make_work_row(f"steps of all due tasks, {scope}", touched["swept small"], touched["swept large"])
    figure, goal = f"+{more / 1024:.1f} MiB at most", f"≤ {MAX_MEMORY_KIB >> 10} MiB"
    yield ReportRow(
        str(GOAL_NUMBER), f"memory meanwhile, {scope}", figure, "–", "–", "–", goal, more <= MAX_MEMORY_KIB
    )


def _make_growth_row(subject: str, small: float, large: float, suffix: str) -> ReportRow:
    """Return the report row about `subject` that compares a duration (seconds) in the large table with the same
    duration in the small table. `suffix` is added to the figure.
    """
    ratio, figure = large / small, f"{format_duration(small)} → {format_duration(large)}{suffix}"
    return ReportRow(
        str(GOAL_NUMBER),
        subject,
        figure,
        "1.0",
        "–",
        format_ratio(ratio),
        f"≤ {MAX_GROWTH_RATIO}×",
        ratio <= MAX_GROWTH_RATIO,
    )


def _make_work_row(subject: str, small: int, large: int) -> ReportRow:
    """Return the report row about `subject` that compares the work of the database in the large table with that in
    the small table (see `measure_database_work`). The work depends less on the load of the machine than the duration
    does.
    """
    ratio = large / small
    return ReportRow(
        str(GOAL_NUMBER),
        subject,
        f"{small:,} → {large:,}",
        "1.0",
        "–",
        format_ratio(ratio),
        f"≤ {MAX_GROWTH_RATIO}×",
        ratio <= MAX_GROWTH_RATIO,
    )


def _measure_largest_memory(table: "PaymentTable") -> int:
    """Run a reconciliation and the due tasks, and return the largest memory that the process has had until now
    (KiB).
    """
    table.reconcile()
    table.run_due_tasks()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _fill_table(place: Place, payment_count: int, payments_per_day: int) -> "Iterator[PaymentTable]":
    """Fill the table with `payment_count` payments, `payments_per_day` per day, and yield a desk on that database."""
    days = PaymentDays(place, payments_per_day, payment_count)
    days.fill(payment_count)
    env = make_environment(
        place.get_home(0), _UNUSED_URL, **place.make_settings("op-a", 0), **make_settings(_UNUSED_URL), TIME_SCALE="1"
    )
    with open_console(Settings.load(env)) as console:
        yield PaymentTable(console, days, place)


class PaymentTable:
    """A desk on a table of payments, and the provider's file of one of their days."""

    def __init__(self, console: Console, days: "PaymentDays", place: Place) -> None:
        self._console, self._days, self._place = console, days, place
        self._file = days.announce(console)

    def reconcile(self) -> object:
        """Reconcile the day, and return the report."""
        with mock.patch.object(
            self._console.reconciliation._daily_file_stores, "download_file", return_value=self._file
        ):
            return self._days.reconcile(self._console)

    def run_due_tasks(self) -> object:
        """Run all due tasks once, and return the finished runs."""
        with act_as(None if self._console.database.is_server else WORKER):
            return self._console.recovery.run_all_tasks()

    def measure_database_work(self, work: MeasuredFunction) -> int:
        """Return the work of the database: on a server the number of reads of rows and indexes, on SQLite the number
        of instructions of its virtual machine.
        """
        if self._place.is_server:
            before = self._count_read_steps()
            work()
            return self._count_read_steps() - before
        return _count_machine_steps(self._console, work)

    def _count_read_steps(self) -> int:
        """Return the number of rows and index entries that the server has read since its start."""
        return sum(int(count) for _, count in self._place.sql("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))


def _count_machine_steps(console: Console, work: MeasuredFunction) -> int:
    """Return the number of instructions of SQLite's virtual machine, rounded down to a multiple of a hundred."""
    hundreds = 0

    def count_hundred_steps() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    def count_steps_of_connection(connection: Any, *_: object) -> None:
        connection.set_progress_handler(count_hundred_steps, 100)

    event.listen(console.database.engine, "checkout", count_steps_of_connection)
    try:
        work()
    finally:
        event.remove(console.database.engine, "checkout", count_steps_of_connection)
    return 100 * hundreds


class PaymentDays:
    """Ended payments in the database, the same number on each day, and the provider's daily file of one of the first
    days.
    """

    def __init__(self, place: Place, payments_per_day: int, max_payments: int) -> None:
        self._place, self._each = place, payments_per_day
        self._dialect = "mysql" if place.is_server else "sqlite"
        self._first: date = datetime.now(UTC).astimezone(JST).date() - timedelta(
            days=max_payments // payments_per_day + 3
        )
        self._nth = 3
        place.drop_table_triggers("payments")

    def fill(self, payment_count: int) -> None:
        begins = datetime.combine(self._first, _FIRST_PAYMENT_TIME, JST).astimezone(UTC)
        at = _TIME_OF_PAYMENT_SQL[self._dialect].format(first=begins.strftime("%Y-%m-%d %H:%M:%S"), each=self._each)
        fresh = _INSERT_PAYMENTS_SQL.format(
            counted=filling.make_number_series_sql(self._dialect, payment_count), at=at
        )
        if not self._place.is_server:
            self._place.sql(fresh, "ANALYZE payments")
            return
        self._place.sql("SET sql_mode = 'PIPES_AS_CONCAT'")
        with filling.drop_indexes_during_fill(self._place.sql, "payments"):
            self._place.sql(fresh)
        self._place.sql("ANALYZE TABLE payments")

    @property
    def day(self) -> date:
        return self._first + timedelta(days=self._nth)

    def _make_file_content(self) -> bytes:
        """Return the provider's daily file of the present day."""
        numbers = range(self._nth * self._each, (self._nth + 1) * self._each)
        return (_DAILY_FILE_HEADER + "".join(map(self._make_file_line, numbers))).encode("cp932")

    def _make_file_line(self, number: int) -> str:
        seconds = number % self._each * 80_000 // self._each
        at = datetime.combine(self.day, _FIRST_PAYMENT_TIME, JST) + timedelta(seconds=seconds)
        person = f"0421{number},{PAYPAY_MERCHANT_ID}"
        return f"{person},x,1,x,,取引完了,{at.isoformat()},3300,,PayPay,ORD-{number},\n"

    def announce(self, console: Console) -> bytes:
        """Store the event of a notice that announces the day's file, and return the file."""
        event = PaymentEvent(
            "paypay", "bench", "ReconFileHint", ANNOUNCED_EVENT_STATE, "", order_no=self.day.isoformat()
        )
        context = console._context
        context.write(
            lambda tx: payment_events.add_event(tx.conn, event, context.make_holder().operator, context.now())
        )
        return self._make_file_content()

    def reconcile(self, console: Console) -> Any:
        """Reconcile the day, and return the report. Raises AssertionError unless all payments match."""
        report = console.reconciliation.run("paypay", self.day, self.day)
        if (report.matched, report.missing_there, report.refused) != (self._each, 0, 0):
            raise AssertionError(report)
        return report
