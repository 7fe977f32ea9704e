"""Tests of the rows of due tasks: the time at which each task is due, the result of its last run, and the process
that may write the row.
"""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from console.domain.tasks.records import ScheduledTask
from console.store.database.engine import Database
from console.store.tasks import tasks
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW

MINUTE = timedelta(minutes=1)


def find_task(conn: Connection, name: str) -> ScheduledTask:
    return next(task for task in tasks.list_tasks(conn) if task.name == name)


def test_a_task_is_created_once_and_due_immediately(person_connection: Connection) -> None:
    """A new task is due at once. If the task already exists, its row stays; only its interval is replaced by the
    program's interval.
    """
    made = tasks.find_or_insert_task(person_connection, "probes", 60, NOW)
    assert tasks.list_due_tasks(person_connection, NOW) == (made,) == tasks.list_tasks(person_connection)
    assert tasks.find_or_insert_task(person_connection, "probes", 60, NOW + MINUTE) == made
    slower = tasks.find_or_insert_task(person_connection, "probes", 90, NOW + MINUTE)
    assert (slower.interval, slower.next_at) == (timedelta(seconds=90), NOW)
    assert tasks.list_tasks(person_connection) == (slower,)


def test_a_running_task_stays_due(person_connection: Connection) -> None:
    """A task stays due while it runs, so that another process can run it after a crash. The end of the run stores the
    next due time."""
    begun = tasks.begin_run(person_connection, tasks.find_or_insert_task(person_connection, "probes", 60, NOW), NOW)
    assert tasks.list_due_tasks(person_connection, NOW) == (begun,)
    ended = tasks.end_run(person_connection, begun, NOW + MINUTE, 7, None, NOW + 2 * MINUTE, position="id 9")
    assert find_task(person_connection, "probes") == ended
    assert (ended.begun_at, ended.ended_at, ended.handled_record_count, ended.position) == (
        NOW,
        NOW + MINUTE,
        7,
        "id 9",
    )
    assert tasks.list_due_tasks(person_connection, NOW + MINUTE) == ()
    assert tasks.list_due_tasks(person_connection, NOW + 2 * MINUTE) == (ended,)


def test_failures_of_a_task_are_counted_until_a_run_succeeds(person_connection: Connection) -> None:
    """A task's row counts consecutive failed runs and has the error code of the last one. A successful run resets
    both.
    """
    task = tasks.find_or_insert_task(person_connection, "probes", 60, NOW)
    for failures, error in enumerate(("provider_down", "busy"), 1):
        task = tasks.end_run(person_connection, tasks.begin_run(person_connection, task, NOW), NOW, 0, error, NOW)
        assert (task.failures, task.error_code) == (failures, error)
    task = tasks.end_run(person_connection, tasks.begin_run(person_connection, task, NOW), NOW, 3, None, NOW)
    assert find_task(person_connection, "probes") == task
    assert (task.failures, task.error_code) == (0, None)


def test_a_process_with_an_old_version_writes_no_run(person_connection: Connection) -> None:
    """A process that has read an older version of the row can't begin a run, and can't end a run that another process
    has taken over."""
    task = tasks.find_or_insert_task(person_connection, "probes", 60, NOW)
    begun = tasks.begin_run(person_connection, task, NOW)
    with pytest.raises(tasks.StaleRow):
        tasks.begin_run(person_connection, task, NOW)
    again = tasks.begin_run(person_connection, begun, NOW + MINUTE)
    with pytest.raises(tasks.StaleRow):
        tasks.end_run(person_connection, begun, NOW + MINUTE, 7, None, NOW + MINUTE)
    assert find_task(person_connection, "probes") == again


def test_the_longest_due_task_comes_first(person_connection: Connection) -> None:
    """The tasks that are due are returned, and the one that has been due longest comes first. Other tasks are left
    out.
    """
    for name, late in (("b", 2), ("a", 1), ("c", 3), ("later", -1)):
        tasks.find_or_insert_task(person_connection, name, 60, NOW - late * MINUTE)
    assert [task.name for task in tasks.list_due_tasks(person_connection, NOW)] == ["c", "b", "a"]


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_processes_create_one_task(databases: tuple[Database, ...]) -> None:
    """Many workers insert the rows of the tasks when they start. Each task has one row, and no worker fails."""
    made = run_at_once(databases, lambda tx, _: tasks.find_or_insert_task(tx.conn, "probes", 60, NOW))
    assert set(made) == {ScheduledTask("probes", MINUTE, NOW)}
    with databases[0].read() as conn:
        assert len(tasks.list_tasks(conn)) == 1
