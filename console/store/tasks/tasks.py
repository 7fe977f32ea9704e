"""Rows of scheduled tasks: the due time of each task, the result of its last run, and the position at which a task
that works in several parts continues.

These rows don't prevent two workers from running a task at the same time; a lease does.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.tasks.records import ScheduledTask
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import tasks

_TASKS_QUERY = select(
    tasks.c.name, tasks.c.every_seconds, tasks.c.next_at, tasks.c.begun_at, tasks.c.ended_at, tasks.c.taken,
    tasks.c.trouble, tasks.c.failures, tasks.c.position, tasks.c.version,
).order_by(tasks.c.name)  # fmt: skip
_TASK_BY_NAME_QUERY = _TASKS_QUERY.where(tasks.c.name == bindparam("task_name"))
_DUE_TASKS_QUERY = (
    _TASKS_QUERY.where(tasks.c.next_at <= bindparam("now")).order_by(None).order_by(tasks.c.next_at, tasks.c.name)
)
_INSERT_TASK_STATEMENT = into(tasks)
_UPDATE_TASK_POSITION_STATEMENT = (
    update(tasks)
    .where(tasks.c.name == bindparam("task_name"))
    .values(position=bindparam("new_position"), version=tasks.c.version + 1)
)
_UPDATE_UNCHANGED_TASK_STATEMENT = update(tasks).where(
    tasks.c.name == bindparam("task_name"), tasks.c.version == bindparam("version_as_read")
)


def find_or_insert_task(conn: Connection, name: str, every_seconds: int, now: datetime) -> ScheduledTask:
    """Return the row of the task `name`. A missing row is inserted and due at `now`. If the stored interval isn't
    `every_seconds`, it is replaced. Raises RunAgain if another worker wrote the row at the same time."""
    task = next(iter(_select_tasks(conn, _TASK_BY_NAME_QUERY, task_name=name)), None)
    if task is None:
        return _insert_task(conn, name, every_seconds, now)
    if task.interval == timedelta(seconds=every_seconds):
        return task
    with compare_and_swap.run_again_if_stale():  # a worker ran it at the same time: read it again
        _write_task(conn, task, every_seconds=every_seconds)
    return replace(task, interval=timedelta(seconds=every_seconds), version=task.version + 1)


def _insert_task(conn: Connection, task_name: str, every_seconds: int, now: datetime) -> ScheduledTask:
    try:
        conn.execute(
            _INSERT_TASK_STATEMENT,
            {"name": task_name, "every_seconds": every_seconds, "next_at": convert_to_naive_utc(now)},
        )
    except IntegrityError:  # another worker inserted it at the same time
        raise RunAgain from None
    return ScheduledTask(task_name, timedelta(seconds=every_seconds), now)


def list_tasks(conn: Connection) -> tuple[ScheduledTask, ...]:
    """Return all scheduled tasks that have a row, sorted by name."""
    return _select_tasks(conn, _TASKS_QUERY)


def list_due_tasks(conn: Connection, now: datetime) -> tuple[ScheduledTask, ...]:
    """Return the scheduled tasks that are due at `now`, sorted by due time. A task whose run was interrupted is
    still due."""
    return _select_tasks(conn, _DUE_TASKS_QUERY, now=convert_to_naive_utc(now))


def begin_run(conn: Connection, task: ScheduledTask, now: datetime) -> ScheduledTask:
    """Write the start of a task's run, and return the changed task, which `end_run` needs. Raises StaleRow if
    another worker has changed the row since `task` was read."""
    _write_task(conn, task, begun_at=now)
    return replace(task, begun_at=now, version=task.version + 1)


def end_run(
    conn: Connection,
    task: ScheduledTask,
    now: datetime,
    handled_record_count: int,
    error_code: str | None,
    next_at: datetime,
    position: str | None = None,
) -> ScheduledTask:
    """Write the end of a task's run, and return the changed task, which is due again at `next_at`.
    `handled_record_count` is the number of records that the run worked on. `error_code` is the code of the error that
    ended the run; None after success. `position` is the place at which the next run continues; None: it begins from
    the start.

    Raises StaleRow if the row has changed since `task` was read, because another worker has run the task or
    `store_task_position` was called.
    """
    ended_task = replace(
        task,
        next_at=next_at,
        ended_at=now,
        handled_record_count=handled_record_count,
        error_code=error_code,
        failures=task.failures + 1 if error_code else 0,
        position=position,
        version=task.version + 1,
    )
    _write_task(
        conn,
        task,
        next_at=next_at,
        ended_at=now,
        taken=handled_record_count,
        trouble=error_code,
        failures=ended_task.failures,
        position=position,
    )
    return ended_task


def store_task_position(conn: Connection, name: str, position: str) -> None:
    """Store the position at which the next run of the task `name` continues, also if the present run is interrupted.
    `end_run` replaces it by its own argument."""
    conn.execute(_UPDATE_TASK_POSITION_STATEMENT, {"task_name": name, "new_position": position})


def _write_task(conn: Connection, task: ScheduledTask, **values: object) -> None:
    """Write `values` and the next version into the task's row. Raises StaleRow if the row has changed since `task`
    was read."""
    written_values = {column: compare_and_swap.make_storable_value(value) for column, value in values.items()} | {
        "version": task.version + 1
    }
    if (
        conn.execute(
            _make_update_statement(tuple(written_values)),
            {**written_values, "task_name": task.name, "version_as_read": task.version},
        ).rowcount
        != 1
    ):
        raise StaleRow(task.name)


@cache
def _make_update_statement(columns: tuple[str, ...]) -> Update:
    """Return the compare-and-swap statement that writes these columns. The statements are cached: each run of a
    task uses two of them."""
    return _UPDATE_UNCHANGED_TASK_STATEMENT.values({column: bindparam(column) for column in columns})


def _select_tasks(conn: Connection, query: Select[Any], **values: object) -> tuple[ScheduledTask, ...]:
    return unreadable_rows.read_readable_rows("tasks", conn.execute(query, values), lambda row: _make_task(*row))


def _make_task(
    task_name: str, every_seconds: int, next_at: datetime, begun_at: datetime | None, ended_at: datetime | None,
    handled_record_count: int,
    error_code: str | None, failure_count: int, position: str | None, version: int,
) -> ScheduledTask:  # fmt: skip
    return ScheduledTask(
        task_name,
        timedelta(seconds=every_seconds),
        convert_to_aware_utc(next_at),
        read_as_utc(begun_at),
        read_as_utc(ended_at),
        handled_record_count,
        error_code,
        failure_count,
        position,
        version,
    )
