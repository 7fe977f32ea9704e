"""Tests of the rows of bulk runs: the list of records is fixed, each row gets one result, and a run can be stopped
and continued."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.tasks import bulk_runs as bulk
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW
from tests.support.places import FIRST_PERSON

FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)


def make_chosen_rows(*ids: int, expected_version: int = 3) -> list[BulkRow]:
    return [BulkRow(0, "payment", record, expected_version) for record in ids]


def insert_bulk_run(conn: Connection, person: str, rows: Sequence[BulkRow] = ()) -> BulkRun:
    run = bulk.find(conn, bulk.insert_run(conn, BulkAction.PROBE, rows or make_chosen_rows(7, 5, 9), person, NOW))
    assert run is not None
    return run


def test_a_new_bulk_run_has_its_selected_records(person_connection: Connection, acting_person: str) -> None:
    """A new bulk run has its records in the order of their selection, each once and with the version that the person
    saw. No row has a result."""
    run = insert_bulk_run(
        person_connection, acting_person, [*make_chosen_rows(7, 5), *make_chosen_rows(7, expected_version=4)]
    )
    assert (run.name, run.state, run.size, run.most, run.done) == (f"BS-{run.id}", "frozen", 2, 2, 0)
    assert (run.action, run.made_by, run.made_at, run.words) == (BulkAction.PROBE, acting_person, NOW, None)
    assert bulk.list_rows(person_connection, run.id) == (BulkRow(1, "payment", 7, 4), BulkRow(2, "payment", 5, 3))
    assert bulk.list_running_runs(person_connection) == ()
    assert bulk.list_latest_runs(person_connection, 5) == (run,)
    noted = bulk.find(
        person_connection,
        bulk.insert_run(person_connection, BulkAction.NOTE, make_chosen_rows(1), acting_person, NOW, "電話した"),
    )
    assert noted is not None
    assert noted.words == "電話した"
    assert bulk.list_latest_runs(person_connection, 1) == (noted,)


def test_a_cursor_reads_the_next_page_of_a_bulk_run(person_connection: Connection, acting_person: str) -> None:
    """A bulk run may have more rows than one page; a cursor reads the rows of the next page."""
    run = insert_bulk_run(person_connection, acting_person, make_chosen_rows(*range(1, 2_501)))
    assert run.size == 2_500
    page = bulk.list_rows(person_connection, run.id)
    assert len(page) == 1_000
    assert bulk.list_rows(person_connection, run.id, after_position=page[-1].position, limit=1)[0].position == 1_001


def test_rows_of_a_run_are_executed_one_by_one(person_connection: Connection, acting_person: str) -> None:
    """The result of a row is written once and never changes. The rows are executed in their order, up to the number
    that the person has allowed."""
    run = bulk.write_run_state(
        person_connection,
        insert_bulk_run(person_connection, acting_person),
        NOW,
        bulk.RUNNING_RUN_STATE,
        rows_to_process=2,
    )
    assert [row.subject_id for row in bulk.read_next_unprocessed_rows(person_connection, run.id, 9)] == [7, 5]
    assert bulk.write_row_result(person_connection, run.id, 1, "skipped", "changed", FIVE_MINUTES_LATER)
    assert not bulk.write_row_result(person_connection, run.id, 1, "done", None, FIVE_MINUTES_LATER)
    assert [row.subject_id for row in bulk.read_next_unprocessed_rows(person_connection, run.id, 9)] == [5]
    assert bulk.write_row_result(person_connection, run.id, 2, "done", None, FIVE_MINUTES_LATER)
    assert bulk.read_next_unprocessed_rows(person_connection, run.id, 9) == ()
    skipped = BulkRow(1, "payment", 7, 3, "skipped", "changed", FIVE_MINUTES_LATER)
    assert bulk.list_rows(person_connection, run.id, result="skipped") == (skipped,)
    assert bulk.count_results(person_connection, run.id) == {"skipped": 1, "done": 1, None: 1}
    stored_run = bulk.find(person_connection, run.id)
    assert stored_run is not None
    assert (stored_run.size, stored_run.most, stored_run.done) == (3, 2, 2)


@pytest.mark.parametrize(
    ("reasons", "counts"),
    [
        ((None, None), {"done": 2, None: 1}),
        ((None, "still_unknown"), {"done": 1, "still_unknown": 1, None: 1}),
        (("still_unknown", "still_unknown"), {"still_unknown": 2, None: 1}),
        (("still_incomplete", "still_unknown"), {"still_incomplete": 1, "still_unknown": 1, None: 1}),
        ((), {None: 3}),
    ],
)
def test_unknown_rows_are_not_counted_as_done(
    person_connection: Connection, acting_person: str, reasons: tuple[str | None, ...], counts: dict[str | None, int]
) -> None:
    """The counts by outcome contain each row of the run once, and no outcome without rows. Rows of another run aren't
    counted.
    """
    run = bulk.write_run_state(
        person_connection, insert_bulk_run(person_connection, acting_person), NOW, bulk.RUNNING_RUN_STATE
    )
    other = bulk.write_run_state(
        person_connection, insert_bulk_run(person_connection, acting_person), NOW, bulk.RUNNING_RUN_STATE
    )
    assert bulk.write_row_result(person_connection, other.id, 1, "done", "still_unknown", FIVE_MINUTES_LATER)
    for position, reason in enumerate(reasons, 1):
        assert bulk.write_row_result(person_connection, run.id, position, "done", reason, FIVE_MINUTES_LATER)
    assert bulk.count_results(person_connection, run.id) == counts


def test_a_stopped_bulk_run_continues(person_connection: Connection, acting_person: str) -> None:
    """A running run can be stopped with a reason, and can run again without it. A process that has read an older
    version of the run can't write its state. A run that is done never runs again."""
    run = bulk.write_run_state(
        person_connection, insert_bulk_run(person_connection, acting_person), NOW, bulk.RUNNING_RUN_STATE
    )
    assert bulk.list_running_runs(person_connection) == (run,)
    stopped = bulk.write_run_state(person_connection, run, FIVE_MINUTES_LATER, bulk.STOPPED_RUN_STATE, reason="asked")
    assert bulk.find(person_connection, run.id) == stopped
    assert (stopped.ended_at, stopped.reason) == (FIVE_MINUTES_LATER, "asked")
    assert bulk.list_running_runs(person_connection) == ()
    with pytest.raises(bulk.StaleRow):
        bulk.write_run_state(person_connection, run, FIVE_MINUTES_LATER, bulk.DONE_RUN_STATE)
    again = bulk.write_run_state(person_connection, stopped, FIVE_MINUTES_LATER, bulk.RUNNING_RUN_STATE)
    assert (again.ended_at, again.reason) == (None, None)
    done = bulk.write_run_state(person_connection, again, FIVE_MINUTES_LATER, bulk.DONE_RUN_STATE)
    assert bulk.find(person_connection, run.id) == done
    with pytest.raises(ForbiddenTransition):
        bulk.write_run_state(person_connection, done, FIVE_MINUTES_LATER, bulk.RUNNING_RUN_STATE)


def test_each_processed_row_is_in_the_change_feed(person_connection: Connection, acting_person: str) -> None:
    """Each processed row of a bulk run adds an entry about the run to the change feed."""
    run = insert_bulk_run(person_connection, acting_person)
    mark, _ = change_feed.list_changes_since(person_connection, None)
    bulk.write_row_result(person_connection, run.id, 1, "done", None, NOW)
    mark, changes = change_feed.list_changes_since(person_connection, mark)
    assert changes == (("bulk-run", run.id),)
    bulk.write_row_result(person_connection, run.id, 1, "done", None, NOW)
    assert change_feed.list_changes_since(person_connection, mark)[1] == ()


@pytest.mark.engines("mariadb")
def test_a_person_stores_bulk_runs_only_in_their_own_name(person_connection: Connection) -> None:
    """The database refuses a bulk run in another person's name, because it compares the name with the connected
    account.
    """
    with pytest.raises(DBAPIError, match="in the name of somebody else"):
        bulk.insert_run(person_connection, BulkAction.PROBE, make_chosen_rows(1), "lead-b", NOW)


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_of_many_processes_writes_a_row_result(databases: tuple[Database, ...]) -> None:
    """If many processes write the result of a row, exactly one of them succeeds."""
    person = databases[0].account_name or FIRST_PERSON
    number = databases[0].write(
        lambda tx: bulk.insert_run(tx.conn, BulkAction.PROBE, make_chosen_rows(1, 2), person, NOW)
    )
    results = run_at_once(databases, lambda tx, i: bulk.write_row_result(tx.conn, number, 1, f"r{i}", None, NOW))
    assert sum(results) == 1
    with databases[0].read() as conn:
        assert bulk.list_rows(conn, number)[0].result == f"r{results.index(True)}"
