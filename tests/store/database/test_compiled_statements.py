"""Tests of `execute_compiled`: it writes the same rows as SQLAlchemy's own execution, compiles each statement once,
and refuses statements that it can't execute correctly.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, insert, select, update

from console.store.database import compiled_statements
from console.store.database.compiled_statements import execute_compiled
from console.store.database.engine import Database
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.schema.core import changes, leases
from tests.support.places import Place

pytestmark = pytest.mark.engines("sqlite", "mariadb")

AT = datetime(2026, 11, 20, 3, 0, 0, 123456)  # noqa: DTZ001  # as columns store it
_INSERT_CHANGE = insert(changes)
_INSERT_LEASE = insert(leases)
_END_LEASES_STATEMENT = (
    update(leases)
    .where(leases.c.name == bindparam("lease_name"), leases.c.slot == 0)
    .values(lease_expires=0, until=bindparam("end"))
)


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Yield a database connection with an operator's account."""
    opened = Database(place.url("op-a"))
    yield opened
    opened.close()


def make_change_row(record_id: int, at: datetime = AT) -> dict[str, object]:
    return {"kind": "credit-check", "subject_id": record_id, "at": at}


def make_lease_row(place: Place, slot: int) -> dict[str, object]:
    clock = "server" if place.is_server else "boot"
    facts = {"operator": place.get_account_name("op-a"), "lease_clock": clock, "lease_expires": 5, "until": AT}
    return {"name": "taken", "slot": slot, "desk": None, "fence": 1, **facts}


def test_a_row_is_the_same_as_by_sqlalchemy(database: Database) -> None:
    """A row that `execute_compiled` inserts has the same values as a row that SQLAlchemy inserts, its id is in
    `lastrowid`, and the order of the parameters doesn't matter."""
    with database.write_without_retries() as tx:
        own_key = tx.conn.execute(_INSERT_CHANGE, make_change_row(1)).inserted_primary_key
        compiled_id = execute_compiled(tx.conn, _INSERT_CHANGE, make_change_row(1)).lastrowid
        reversed_row = dict(reversed(make_change_row(1).items()))
        reversed_id = execute_compiled(tx.conn, _INSERT_CHANGE, reversed_row).lastrowid
        rows = tx.conn.execute(select(changes).where(changes.c.subject_id == 1).order_by(changes.c.id)).all()
    assert own_key is not None
    assert [row.id for row in rows] == [own_key[0], compiled_id, reversed_id]
    assert rows[0][1:] == rows[1][1:] == rows[2][1:]
    assert rows[1].at == AT


def test_constants_of_the_statement_and_null_are_written(place: Place, database: Database) -> None:
    """A value that the statement itself contains, and a parameter that is None, have their effect. `rowcount` is the
    number of matched rows."""
    with database.write_without_retries() as tx:
        for slot in (0, 1):
            execute_compiled(tx.conn, _INSERT_LEASE, make_lease_row(place, slot))
        assert execute_compiled(tx.conn, _END_LEASES_STATEMENT, {"lease_name": "taken", "end": None}).rowcount == 1
        assert execute_compiled(tx.conn, _END_LEASES_STATEMENT, {"lease_name": "free", "end": None}).rowcount == 0
        columns = leases.c.desk, leases.c.lease_expires, leases.c.until
        rows = tx.conn.execute(select(*columns).order_by(leases.c.slot)).all()
    assert rows == [(None, 0, None), (None, 5, AT)]


def test_a_statement_is_compiled_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second execution of a statement doesn't compile it again. With other parameter names it is compiled
    separately."""
    with database.write_without_retries() as tx:
        execute_compiled(tx.conn, _INSERT_CHANGE, make_change_row(1))
        with monkeypatch.context() as patch:
            patch.setattr(type(_INSERT_CHANGE), "compile", None)
            execute_compiled(tx.conn, _INSERT_CHANGE, make_change_row(2))
        compiled_names = compiled_statements._compile_statement(_INSERT_CHANGE, tx.conn.dialect, ("kind",)).names
    assert compiled_names == ("kind",), "other parameters are another statement"


def test_database_errors_are_raised_as_errors_of_sqlalchemy(place: Place, database: Database) -> None:
    """An error of the database is SQLAlchemy's error, whose message contains no values. A parameter that is missing
    is an error too, and is not written as NULL."""
    lease = make_lease_row(place, 0)
    with database.write_without_retries() as tx:
        execute_compiled(tx.conn, _INSERT_LEASE, lease)
        with pytest.raises(UniqueViolation) as refused:
            execute_compiled(tx.conn, _INSERT_LEASE, lease)
    assert "INSERT INTO leases" in str(refused.value.statement)
    assert "hide_parameters=True" in str(refused.value)
    with pytest.raises(KeyError), database.write_without_retries() as tx:
        execute_compiled(tx.conn, _END_LEASES_STATEMENT, {"lease_name": "taken"})


def test_statements_that_cannot_be_compiled_once_are_refused(database: Database) -> None:
    """`execute_compiled` refuses a statement with a list of values, and one with a default value that Python makes
    for each row: their SQL must be made anew for each execution.
    """
    by_ids = update(changes).where(changes.c.id.in_(bindparam("ids", expanding=True))).values(kind="refund")
    with_default = Table("changes", MetaData(), Column("id", Integer, primary_key=True), Column("at", default=AT))
    for statement, parameters in ((by_ids, {"ids": [1]}), (insert(with_default), {"id": 1})):
        with pytest.raises(ValueError, match="each execution"), database.write_without_retries() as tx:
            execute_compiled(tx.conn, statement, parameters)


def test_a_time_with_a_zone_is_stored_as_sqlalchemy_stores_it(database: Database) -> None:
    """`execute_compiled` stores a time with a time zone as SQLAlchemy does: without the zone on SQLite. Each value
    is converted by the type of its own column.
    """
    with database.write_without_retries() as tx:
        for execute in (tx.conn.execute, lambda *given: execute_compiled(tx.conn, *given)):
            execute(_INSERT_CHANGE, make_change_row(1, AT.replace(tzinfo=UTC)))
        times = tx.conn.execute(select(changes.c.at).where(changes.c.subject_id == 1)).scalars().all()
    assert times == [AT, AT]
