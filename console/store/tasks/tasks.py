"""The scheduled tasks as rows: when each is due, how its last run went, where a sweep goes on. A lease, not this row,
keeps two workers from running one at once.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.worker_records import ScheduledTask
from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.swaps import Stale as Stale
from console.store.troubles import RunAgain
from console.store.worker_schema import tasks

_t = tasks.c
_ALL = select(
    _t.name, _t.every_seconds, _t.next_at, _t.begun_at, _t.ended_at, _t.taken, _t.trouble, _t.failures, _t.position,
    _t.version,
).order_by(_t.name)  # fmt: skip
_GET = _ALL.where(_t.name == bindparam("of"))
_DUE = _ALL.where(_t.next_at <= bindparam("now")).order_by(None).order_by(_t.next_at, _t.name)
_INSERT = into(tasks)
_POSITION = (
    update(tasks).where(_t.name == bindparam("of")).values(position=bindparam("at"), version=_t.version + 1)
)
_AS_READ = update(tasks).where(_t.name == bindparam("of"), _t.version == bindparam("as_read"))


def ensure(conn: Connection, name: str, every_seconds: int, now: datetime) -> ScheduledTask:
    """The task's row, made (and due now) where there is none, with this interval from now on."""
    found = next(iter(_select(conn, _GET, of=name)), None)
    if found is None:
        return _made(conn, name, every_seconds, now)
    if found.every == timedelta(seconds=every_seconds):
        return found
    with swaps.runs_again():  # somebody ran it at this moment: look again
        _write(conn, found, every_seconds=every_seconds)
    return replace(found, every=timedelta(seconds=every_seconds), version=found.version + 1)


def _made(conn: Connection, name: str, every_seconds: int, now: datetime) -> ScheduledTask:
    try:
        conn.execute(_INSERT, {"name": name, "every_seconds": every_seconds, "next_at": naive(now)})
    except IntegrityError:  # another worker made it at this very moment
        raise RunAgain from None
    return ScheduledTask(name, timedelta(seconds=every_seconds), now)


def all_of(conn: Connection) -> tuple[ScheduledTask, ...]:
    """Every task that has a row, by name."""
    return _select(conn, _ALL)


def due(conn: Connection, now: datetime) -> tuple[ScheduledTask, ...]:
    """Those whose time has come, the longest due first. A run that was broken off leaves its task due."""
    return _select(conn, _DUE, now=naive(now))


def begin(conn: Connection, task: ScheduledTask, now: datetime) -> ScheduledTask:
    """A run begins; the task as it is then, to be given to `end`. Raises Stale when somebody else has begun one."""
    _write(conn, task, begun_at=now)
    return replace(task, begun_at=now, version=task.version + 1)


def end(
    conn: Connection, task: ScheduledTask, now: datetime, taken: int, trouble: str | None, next_at: datetime,
    position: str | None = None,
) -> ScheduledTask:  # fmt: skip
    """A run has ended: `taken` records, `trouble` the code of what it failed by, `position` where a sweep in parts
    goes on. Raises Stale when it was taken over meanwhile.
    """
    ended = replace(
        task, next_at=next_at, ended_at=now, taken=taken, trouble=trouble,
        failures=task.failures + 1 if trouble else 0, position=position, version=task.version + 1,
    )  # fmt: skip
    _write(
        conn, task, next_at=next_at, ended_at=now, taken=taken, trouble=trouble, failures=ended.failures,
        position=position,
    )  # fmt: skip
    return ended


def keep_position(conn: Connection, name: str, position: str) -> None:
    """Where a sweep in parts goes on, written by its run; `end` leaves it as it is given."""
    conn.execute(_POSITION, {"of": name, "at": position})


def _write(conn: Connection, task: ScheduledTask, **values: object) -> None:
    written = {column: swaps.stored(value) for column, value in values.items()} | {"version": task.version + 1}
    if conn.execute(_update_of(tuple(written)), {**written, "of": task.name, "as_read": task.version}).rowcount != 1:
        raise Stale(task.name)


@cache
def _update_of(columns: tuple[str, ...]) -> Update:
    """The compare-and-swap that writes these columns, built once: every task's run makes two."""
    return _AS_READ.values({column: bindparam(column) for column in columns})


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[ScheduledTask, ...]:
    return tuple(_task(*row) for row in conn.execute(query, values))


def _task(
    name: str, every: int, next_at: datetime, begun: datetime | None, ended: datetime | None, taken: int,
    trouble: str | None, failures: int, position: str | None, version: int,
) -> ScheduledTask:  # fmt: skip
    return ScheduledTask(
        name, timedelta(seconds=every), aware(next_at), at(begun), at(ended), taken, trouble, failures, position,
        version,
    )  # fmt: skip
