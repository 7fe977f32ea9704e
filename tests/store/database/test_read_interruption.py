"""Tests of a database read that the person cancels: the database ends the statement, and the connection remains
usable.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread

import pytest
from sqlalchemy import text

from console.domain.process import read_interruption
from console.domain.process.read_interruption import ReadInterrupted, ReadInterruption
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS

ENDLESS_SQL = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n",
    "mysql": "SELECT BENCHMARK(1000000000000000, SHA2('x', 512))",
}
"""SQL statements that practically never end, by engine."""


def join_interrupting_thread() -> None:
    """Wait until the thread that ends the statements of cancelled reads has ended."""
    for thread in threading.enumerate():
        if thread.name == "read interruption":
            thread.join(MAX_WAIT_SECONDS)
            assert not thread.is_alive()


@pytest.mark.engines("sqlite", "mariadb")
def test_an_interrupted_read_ends_its_statement(place: Place) -> None:
    """A cancellation ends a read while its statement runs, or just before it. A read that was cancelled before its
    beginning is not begun. Both raise ReadInterrupted, and the connection remains usable."""
    with place.desk(InMemoryAlarmBox()) as desk:
        database = desk._context.database
        has_begun, endings = Event(), []

        def read_endlessly() -> None:
            with database.read() as conn:
                unread_rows = conn.execute(text("SELECT 1 UNION ALL SELECT 2"))  # an open cursor
                assert unread_rows.fetchone() is not None
                has_begun.set()
                conn.execute(text(ENDLESS_SQL[database.dialect]))

        def run_endless_read(interruption: ReadInterruption) -> None:
            try:
                interruption.run(read_endlessly)
            except BaseException as error:
                endings.append(type(error))

        running = ReadInterruption()
        thread = Thread(target=run_endless_read, args=(running,), daemon=True)
        thread.start()
        assert has_begun.wait(MAX_WAIT_SECONDS)
        running.interrupt()
        thread.join(MAX_WAIT_SECONDS)
        assert endings == [ReadInterrupted]
        has_begun.clear()
        run_endless_read(running)
        assert (endings, has_begun.is_set()) == ([ReadInterrupted] * 2, False)
        with database.read() as conn:
            assert conn.scalar(text("SELECT 1")) == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_a_late_cancellation_interrupts_no_later_read(place: Place) -> None:
    """A cancellation that comes after the read has ended doesn't end a later read on the same connection."""
    with place.desk(InMemoryAlarmBox()) as desk:
        database, late = desk._context.database, ReadInterruption()

        def read() -> object:
            with database.read() as conn:
                return conn.scalar(text("SELECT 2"))

        assert late.run(read) == 2
        late.interrupt()
        assert read() == 2
        assert ReadInterruption().run(read) == 2


@pytest.mark.parametrize("is_nested", [False, True])
def test_attempts_to_end_a_statement_keep_a_minimum_interval(
    monkeypatch: pytest.MonkeyPatch, *, is_nested: bool
) -> None:
    """Between two attempts to end a statement a minimum time passes, even if an earlier or a nested read of the call
    has ended. When the read ends, this wait ends too."""
    monkeypatch.setattr(read_interruption, "_REPEAT_INTERVAL_SECONDS", 2 * MAX_WAIT_SECONDS)
    interruption, first, second = ReadInterruption(), Event(), Event()

    def end_statement() -> None:
        (second if first.is_set() else first).set()

    def perform_nested_read() -> None:
        with interruption.make_interruptible(lambda: nullcontext(end_statement)):
            pass

    def read() -> None:
        if not is_nested:
            perform_nested_read()
        with interruption.make_interruptible(lambda: nullcontext(end_statement)):
            if is_nested:
                perform_nested_read()
            interruption.interrupt()
            assert first.wait(MAX_WAIT_SECONDS)
            assert not second.wait(0.5)

    with pytest.raises(ReadInterrupted) as ending:
        read()
    assert ending.value.__cause__ is None
    join_interrupting_thread()


def test_a_finished_read_does_not_wait_for_its_interruption() -> None:
    """A cancelled read finishes while the program is still opening the connection for ending its statement. The read
    ends at once with ReadInterrupted, and the program no longer ends the statement."""
    interruption, is_opening, may_open = ReadInterruption(), Event(), Event()
    attempts, endings = [], []

    @contextmanager
    def open_statement_ender() -> Iterator[Callable[[], None]]:
        is_opening.set()
        assert may_open.wait(MAX_WAIT_SECONDS)
        yield lambda: attempts.append("ended")

    def read() -> None:
        try:
            with interruption.make_interruptible(open_statement_ender):
                interruption.interrupt()
                assert is_opening.wait(MAX_WAIT_SECONDS)
        except ReadInterrupted:
            endings.append("interrupted")

    thread = Thread(target=read, daemon=True)
    thread.start()
    thread.join(MAX_WAIT_SECONDS / 2)
    assert endings == ["interrupted"]
    may_open.set()
    join_interrupting_thread()
    assert attempts == []
