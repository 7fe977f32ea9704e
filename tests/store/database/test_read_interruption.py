"""A read that the person has cancelled: the database ends its statement, and the connection stays usable."""

from threading import Event, Thread

import pytest
from sqlalchemy import text

from console.domain.process.read_interruption import ReadInterrupted, ReadInterruption
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n",
    "mysql": "SELECT BENCHMARK(1000000000000000, SHA2('x', 512))",
}


@pytest.mark.engines("sqlite", "mariadb")
def test_the_statement_is_ended(place: Place) -> None:
    """Whenever the cancellation comes: while the statement runs, before it, and before the call reads at all."""
    with place.desk(LedgerVendor()) as desk:
        database = desk._context.database
        has_begun, endings = Event(), []

        def read_endlessly() -> None:
            with database.read() as conn:
                has_begun.set()
                conn.execute(text(ENDLESS[database.dialect]))

        def call(interruption: ReadInterruption) -> None:
            try:
                interruption.run(read_endlessly)
            except BaseException as error:
                endings.append(type(error))

        running = ReadInterruption()
        thread = Thread(target=call, args=(running,))
        thread.start()
        has_begun.wait()
        running.interrupt()
        thread.join()
        assert endings == [ReadInterrupted]
        has_begun.clear()
        call(running)
        assert (endings, has_begun.is_set()) == ([ReadInterrupted] * 2, False)
        with database.read() as conn:
            assert conn.scalar(text("SELECT 1")) == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_an_ended_call_is_left_alone(place: Place) -> None:
    """An interruption that comes after the read has ended reaches no other read of the same connection."""
    with place.desk(LedgerVendor()) as desk:
        database, late = desk._context.database, ReadInterruption()

        def read() -> object:
            with database.read() as conn:
                return conn.scalar(text("SELECT 2"))

        assert late.run(read) == 2
        late.interrupt()
        assert read() == 2
        assert ReadInterruption().run(read) == 2
