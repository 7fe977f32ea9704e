"""One big table with three ways to read it: the service, SQLAlchemy Core on an open connection, and the database
driver alone.

Core and the driver repeat the recorded statements of the service, so that all three read the same rows. For a lookup,
Core also uses two plain statements, as an engineer would write them.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from sqlalchemy import Engine, event, func, select

from console.app import Console, open_console
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, format_sort_order
from console.services.process import list_cursors
from console.services.recovery import queue_cursors
from console.settings.settings import Settings
from console.store.access import operators as people
from console.store.credit_checks import joined_reads
from console.store.credit_checks import row_mapping as check_rows
from console.store.credit_checks.credit_checks import CREDIT_CHECK_KIND, IDS_BY_NUMBER_SUBQUERY
from console.store.database import server as server_engine
from console.store.database import sqlite as sqlite_engine
from console.store.operations import journal
from console.store.queues.queues import make_queue_position
from console.store.schema.core import credit_checks as checks
from tests.bench.figures import MeasuredFunction
from tests.bench.filling import OPERATOR, compute_corporation_number
from tests.support.desks import make_environment

PAGE_SIZE = 50
_SELECT_PERSON_SQL = select(*people.PERSON_COLUMNS, joined_reads.ORDERS_OR_PAYMENTS_EXIST_EXPRESSION).where(
    people.ENABLED_PERSON_CONDITION
)
_SELECT_RECORDS_SQL = select(
    journal.make_lapsed_subject_condition(CREDIT_CHECK_KIND, checks.c.id), *check_rows.CREDIT_CHECK_COLUMNS
).join_from(IDS_BY_NUMBER_SUBQUERY, checks, checks.c.id == IDS_BY_NUMBER_SUBQUERY.c.id)


@contextmanager
def open_desk(url: str) -> Iterator[Console]:
    """Yield a console on the existing database at `url`, with a temporary home folder. On a server, the database
    account in the URL identifies the person.
    """
    person = OPERATOR if url.startswith("sqlite") else ""
    with TemporaryDirectory(prefix="console-bench-") as home:
        environment = make_environment(Path(home), "http://127.0.0.1:9", DATABASE_URL=url, OPERATOR=person)
        with open_console(Settings.load(environment)) as console:
            yield console


class MeasuredTable:
    """A table with `rows` credit checks, and an open connection to its database. Lookups use corporation numbers that
    are distributed over the whole table, so that a cache of a part of the table doesn't help.
    """

    def __init__(self, console: Console, row_count: int) -> None:
        self.console, self.rows = console, row_count
        self._numbers = itertools.cycle(
            [compute_corporation_number(1 + i * (row_count - 1) // 997) for i in range(997)]
        )
        self._number = next(self._numbers)
        self._embedded = not console.database.is_server
        self._engine = _make_engine(console)
        self._connection = self._engine.connect()
        self._driver = self._engine.raw_connection()
        self._cursor = self._driver.cursor()
        self._lookup_core = self._record_statements(
            "before_execute", lambda: console.lookup.find_records(self._number)
        )
        self._lookup_sql = self._record_statements(
            "before_cursor_execute", lambda: console.lookup.find_records(self._number)
        )
        self._depth = self.find_cursor("incomplete", 0.5)
        self._page_sql = self._record_statements("before_cursor_execute", self.read_middle_page)

    def close(self) -> None:
        self._connection.close()
        self._driver.close()
        self._engine.dispose()

    def _record_statements(
        self, event_name: Literal["before_execute", "before_cursor_execute"], work: MeasuredFunction
    ) -> list[tuple[Any, Any]]:
        """Return the statements that `work` executes, with their parameters, as Core or as the driver gets them."""
        statements: list[tuple[Any, Any]] = []
        work()  # the first time, it also executes what a process executes once, among it statements without rows

        def record_statement(_conn: object, *event_arguments: Any) -> None:
            statement, values = (
                (event_arguments[0], event_arguments[2])
                if event_name == "before_execute"
                else (event_arguments[1], event_arguments[2])
            )
            if event_name == "before_execute" or not statement.startswith("BEGIN"):
                statements.append((statement, values))

        event.listen(Engine, event_name, record_statement)
        work()
        event.remove(Engine, event_name, record_statement)
        return statements

    # Lookups

    def lookup(self) -> object:
        return self.console.lookup.find_records(next(self._numbers))

    def lookup_by_core(self) -> object:
        """Send the statements of the service's lookup by SQLAlchemy Core, in a transaction where the service has one.
        Return the rows of each statement.
        """
        number = next(self._numbers)
        with self._connection.begin():
            if self._embedded:
                self._connection.exec_driver_sql("BEGIN DEFERRED")
            return [
                self._connection.execute(statement, self._replace_number(number, values)).all()
                for statement, values in self._lookup_core
            ]

    def lookup_by_core_in_two_queries(self) -> object:
        """Read by two queries what the service reads: the person and whether the number has orders or payments, and
        the records with whether their operations have lapsed. Return the row of the person, and the rows of the
        records.
        """
        number = next(self._numbers)
        with self._connection.begin():
            if self._embedded:
                self._connection.exec_driver_sql("BEGIN DEFERRED")
            person = self._connection.execute(_SELECT_PERSON_SQL, {"person_name": OPERATOR, "number": number}).first()
            return person, self._connection.execute(_SELECT_RECORDS_SQL, {"number": number}).all()

    def lookup_by_driver(self) -> object:
        """Run the lookup's statements by the driver alone, and return the rows of each statement."""
        number = next(self._numbers)
        return self._run_with_driver(
            [(sql, self._replace_number(number, values)) for sql, values in self._lookup_sql]
        )

    def _replace_number(self, number: str, values: Any) -> Any:
        """Return the parameters with another corporation number in place of the recorded one."""
        if isinstance(values, Mapping):
            return {name: number if value == self._number else value for name, value in values.items()}
        return tuple(number if value == self._number else value for value in values)

    def _run_with_driver(self, statements: Sequence[tuple[str, Any]]) -> object:
        """Run the statements by the driver alone, and return their rows."""
        if self._embedded:
            self._cursor.execute("BEGIN")
        rows = [self._cursor.execute(sql, values) and self._cursor.fetchall() for sql, values in statements]
        if self._embedded:
            self._cursor.execute("COMMIT")
        return rows

    # Pages

    def read_page(self, queue: str, after: str | None) -> object:
        return self.console.recovery.read_queue(queue, PAGE_SIZE, after)

    def read_middle_page(self) -> object:
        """Read and return the page in the middle of the queue `incomplete`."""
        return self.read_page("incomplete", self._depth)

    def read_page_by_driver(self) -> object:
        return self._run_with_driver(self._page_sql)

    def find_cursor(self, queue: str, depth: float) -> str:
        """Return the cursor of the page of `queue` that begins at `depth` (0 to 1, a fraction of the records that
        have the queue's work state).
        """
        work = {"unknown": "needs_review", "review": "needs_review"}.get(queue, "none")
        of_work = checks.c.seen_work == work
        in_order = (
            select(checks.c.state_since, checks.c.id).where(of_work).order_by(checks.c.state_since, checks.c.id)
        )
        with self.console.database.read() as conn:
            count = conn.execute(select(func.count()).select_from(checks).where(of_work)).scalar_one()
            since, id = conn.execute(in_order.limit(1).offset(int(count * depth))).one()
        position = queue_cursors.format_queue_position(make_queue_position(work, since, "credit-check", id))
        return list_cursors.format_list_cursor(position, queue, "", format_sort_order(DEFAULT_SORT_ORDER))


def _make_engine(console: Console) -> Engine:
    """Return an SQLAlchemy engine whose connections have the same settings as the connections of the console."""
    url = console.database.url
    if console.database.is_server:
        return server_engine.open_engine(server_engine.parse_server_url(url), "read")
    return sqlite_engine.open_engine(url)


@contextmanager
def open_measured_table(url: str, row_count: int) -> Iterator[MeasuredTable]:
    with open_desk(url) as console:
        made = MeasuredTable(console, row_count)
        yield made
        made.close()
