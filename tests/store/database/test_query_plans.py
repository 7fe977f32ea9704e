"""Tests that each query reads its table through an index, whatever the size of the table.

SQLite makes its plans on an empty database without ANALYZE, as in most desks, so that a plan depends on the schema
alone. A server makes its plans from the statistics of the rows, so its tables have a few thousand rows in these
tests, as a desk's tables would have.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from console.store.access.people_views import make_view_statements
from console.store.constraints import server_triggers
from console.store.database.engine import Database
from console.store.database.server import make_people_database_name
from console.store.queues.chosen_records import SortPosition
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.store.records import history
from tests.bench import filling, plans
from tests.bench.plans import (
    COUNT_QUERIES,
    FILTER_BY_NAME,
    FILTERED_PAGE_QUERIES,
    KEY_LOOKUP_QUERIES,
    MERGED_PAGE_QUERIES,
    NEWEST_ROW_SEARCH_QUERIES,
    PREFIX_SEARCH_QUERIES,
    QUERIES_SORTED_IN_MEMORY,
    QUERY_BY_PAGE,
    QUERY_BY_SEARCH,
    QUEUE_PART_BY_NAME,
    VIEW_COUNT_QUERIES,
    Query,
)
from tests.support import server_schema
from tests.support.servers import Server

_ROW_COUNT, _PAYMENT_COUNT = 5_000, 10_000


@pytest.fixture(scope="module")
def sqlite_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("plans") / "console.db"
    shutil.copy(empty_database, file)
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def mariadb_database(mariadb_server: Server) -> Iterator[Database]:
    with mariadb_server.create_temporary_database() as url:
        opened = Database(url, without_time_limit=True)
        server_schema.create_schema(mariadb_server, url)
        with mariadb_server.connect(database=urlsplit(url).path[1:]) as connection, connection.cursor() as cursor:
            filling.fill_server(cursor, _ROW_COUNT, _PAYMENT_COUNT)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def database_of_views(mariadb_server: Server, mariadb_database: Database) -> Iterator[Database]:
    """Yield the database of the views that accounts in team mode read. The test connects as administrator, because
    those accounts may not read the plan of a statement."""
    with mariadb_database.read() as conn:
        name = str(conn.engine.url.database)
        mariadb_server.sql(*make_view_statements(conn, name, replaces_existing=True))
    views = make_people_database_name(name)
    with closing(Database(f"{mariadb_server.admin_url}{views}", without_time_limit=True)) as opened:
        yield opened
    mariadb_server.sql(f"DROP DATABASE {views}")


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened


@pytest.mark.parametrize(
    "query_function",
    [*QUERY_BY_PAGE.values(), *COUNT_QUERIES.values(), *KEY_LOOKUP_QUERIES.values()],
    ids=[*QUERY_BY_PAGE, *COUNT_QUERIES, *KEY_LOOKUP_QUERIES],
)
def test_every_query_follows_an_index(database: Database, query_function: Query) -> None:
    """No query reads a whole table or sorts rows, because an index has the rows in the requested order."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps
    assert not plans.find_sort_steps(steps), steps


@pytest.mark.parametrize("query_function", QUERIES_SORTED_IN_MEMORY.values(), ids=QUERIES_SORTED_IN_MEMORY)
def test_few_rows_are_found_through_an_index(database: Database, query_function: Query) -> None:
    """Queries that sort their rows in memory first find these few rows through an index."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps


@pytest.mark.parametrize("query_function", PREFIX_SEARCH_QUERIES.values(), ids=PREFIX_SEARCH_QUERIES)
def test_suggestions_are_read_from_the_index(database: Database, query_function: Query) -> None:
    """A search for a typed prefix that half of the rows have in common costs no more than the first few matches. The
    database reads these matches from the index alone, and then reads and sorts only their rows."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps
    assert not [step for step in steps if "FOR DISTINCT" in step], steps
    assert [step for step in steps if step.startswith(("SEARCH", "range ")) and "ix_" in step], steps


@pytest.mark.parametrize("query_function", MERGED_PAGE_QUERIES.values(), ids=MERGED_PAGE_QUERIES)
def test_several_states_are_merged_from_the_first_of_each(database: Database, query_function: Query) -> None:
    """For a page with several states, the database reads each state in the order of its index, up to the size of a
    page, and sorts only these rows."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps
    read = [step for step in steps if step.startswith(("SEARCH", "range ", "ref "))]
    assert not [step for step in plans.find_sort_steps(steps) if step in read], steps
    assert len(plans.find_sort_steps(steps)) <= len(read), steps


@pytest.mark.parametrize("query_name", [*FILTER_BY_NAME, "first"])
def test_a_filtered_page_follows_the_index_of_the_queue(database: Database, query_name: str) -> None:
    """With any filter, the database reads a page of a queue along an index of the queue until the page is full. It
    reads no table as a whole and sorts no rows."""
    asks = {name: ask for name, ask in FILTERED_PAGE_QUERIES.items() if name.endswith(query_name)}
    assert asks
    for name, ask in asks.items():
        plan_steps = plans.read_plan_steps(database, ask)
        assert not plans.find_whole_table_steps(plan_steps), (name, plan_steps)
        read = [step for step in plan_steps if step.startswith(("SEARCH", "range ", "ref "))]
        sorted_steps = [
            step for step in plans.find_sort_steps(plan_steps) if not step.startswith("ALL <")
        ]  # a page that was read
        assert not [step for step in sorted_steps if step in read], (name, plan_steps)
        assert len(sorted_steps) <= len(read), (name, plan_steps)


def test_a_search_reads_an_index_or_the_newest_rows(database: Database) -> None:
    """A search by a selective condition reads the condition's index. Another search reads the primary key from the
    newest row on, without sorting, until it has enough rows."""
    for name, ask in QUERY_BY_SEARCH.items():
        plan_steps = plans.read_plan_steps(database, ask)
        assert not plans.find_whole_table_steps(plan_steps), (name, plan_steps)
    for name, ask in NEWEST_ROW_SEARCH_QUERIES.items():
        plan_steps = plans.read_plan_steps(database, ask)
        read = [step for step in plan_steps if not step.startswith(("ALL <", "SCAN CONSTANT"))]
        assert not [step for step in read if step.startswith("ALL ")], (name, plan_steps)
        assert not [step for step in plans.find_sort_steps(plan_steps) if not step.startswith("ALL <")], (
            name,
            plan_steps,
        )


@pytest.mark.parametrize("name", RECORD_QUEUE_NAMES)
def test_views_are_counted_along_the_index_of_the_queue(database: Database, name: str) -> None:
    """To count the records of saved views, the database reads the index of the queue up to a limit, and the
    records by their keys. It sorts no rows, whatever filters the views have.
    """
    steps = plans.read_plan_steps(database, VIEW_COUNT_QUERIES[name])
    assert not plans.find_whole_table_steps(steps), steps
    assert not plans.find_sort_steps(steps), steps


@pytest.mark.parametrize("name", RECORD_QUEUE_NAMES)
def test_counts_are_read_from_the_index_alone(mariadb_database: Database, name: str) -> None:
    """The count of a queue reads only an index, and of the rows only the oldest one. The count of the queue `error`
    also reads each row, because it must look for a later success. Only MariaDB's plan shows this."""
    steps = plans.read_plan_steps(mariadb_database, COUNT_QUERIES[f"count of {name}"])
    reads = [step for step in steps if step.startswith(("ref ", "range "))]
    assert reads
    alone = [step for step in reads if re.search("Using index(?! condition)", step)]
    assert (alone == reads) == (name != "error"), steps


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_later_page_by_age_enters_the_index_at_its_row(sqlite_database: Database, order: str) -> None:
    """The read of a later page of a queue sorted by age begins in the index at the last row of the page before."""
    last = SortPosition(datetime(2026, 4, 15, 3), 0, 0, 7)  # noqa: DTZ001  # without a zone, as columns store it
    bound = "state_since>?" if order == "oldest" else "state_since<?"
    for name in RECORD_QUEUE_NAMES:
        steps = plans.read_plan_steps(
            sqlite_database, plans.make_sorted_page_query(name, plans.INDEXED_SORT_ORDERS[order], last)
        )
        read = [step for step in steps if re.search(r"(seen_work|work_state)=\?", step)]
        assert read, (name, steps)
        assert all(bound in step for step in read), (name, steps)


@pytest.mark.parametrize("queue", QUEUE_PART_BY_NAME)
def test_a_later_page_enters_the_index_at_its_row(sqlite_database: Database, queue: str) -> None:
    """The read of a later page of a queue begins in the index at the last row of the page before (by work state, age
    and id), and not at the beginning of the queue."""
    steps = plans.read_plan_steps(sqlite_database, _get_later_page_query(queue))
    part, name = QUEUE_PART_BY_NAME[queue]
    for rest in ("state_since=? AND id>?", "state_since>?"):
        entered = [step for step in steps if f"{part.work_state.name}=? AND {rest}" in step]
        assert len(entered) == len(part.conditions_by_queue[name]), steps


@pytest.mark.parametrize("queue", QUEUE_PART_BY_NAME)
def test_a_later_page_on_a_server_is_a_range(mariadb_database: Database, queue: str) -> None:
    """A server also reads a later page of a queue as a range of an index. A plan of the kind `ref` would begin at the
    start of the queue.
    """
    steps = plans.read_plan_steps(mariadb_database, _get_later_page_query(queue))
    part, name = QUEUE_PART_BY_NAME[queue]
    stretches = len(part.conditions_by_queue[name])
    ranges = [step for step in steps if step.startswith("range ")]
    assert len(ranges) >= stretches if stretches > 1 else steps[0].startswith("range "), steps


def _get_later_page_query(queue: str) -> Query:
    return (QUERY_BY_PAGE | MERGED_PAGE_QUERIES)[f"{queue} later page"]


def test_the_form_of_benchmark_tables_contains_a_hash() -> None:
    """The name of the form of the benchmark's stored tables contains a hash of their rows, the declared schema and
    the first migration. If one of these changes, the benchmark creates the tables again."""
    assert re.fullmatch(rf"{filling.TABLE_FORM_VERSION}-[0-9a-f]{{8}}", filling.compute_table_form_mark())


def test_views_of_people_use_the_indexes_of_their_tables(
    database_of_views: Database, mariadb_database: Database
) -> None:
    """A query on the views for people, which mask the payer's name, reads no more whole tables and sorts no more
    often than the same query on the tables."""
    events = {
        f"{source.name} of a {kind}": lambda conn, kind=kind, source=source: list(
            source.iterate_events(conn, kind, "5")
        )
        for kind in ("payment", "refund")
        for source in history.list_history_sources(kind)
    }
    asks: dict[str, Query] = {**QUERY_BY_PAGE, **COUNT_QUERIES, **events}
    for name, ask in asks.items():
        steps, of_tables = plans.read_plan_steps(database_of_views, ask), plans.read_plan_steps(mariadb_database, ask)
        assert len(plans.find_whole_table_steps(steps)) <= len(plans.find_whole_table_steps(of_tables)), (
            name,
            steps,
            of_tables,
        )
        assert len(plans.find_sort_steps(steps)) <= len(plans.find_sort_steps(of_tables)), (name, steps, of_tables)


def test_the_check_of_triggers_reads_only_this_database(mariadb_database: Database) -> None:
    """The check of the triggers reads the triggers of its own database only, because other databases of the server
    may have many triggers, each of which the server would parse.
    """
    sent: list[str] = []
    with mariadb_database.read() as conn:
        event.listen(conn, "before_cursor_execute", lambda _conn, _cursor, statement, *_: sent.append(statement))
        server_triggers.find_trigger_faults(conn)
        (statement,) = [one for one in sent if "information_schema.triggers" in one]
        (plan,) = conn.exec_driver_sql(f"EXPLAIN {statement}").all()
    assert "Scanned 1 database" in plan[-1]
