"""Tests of the table `operators`, which has the people and their roles."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.event import listen

from console.domain.records import Person
from console.store.access import operators as people
from console.store.database.engine import Database, Transaction
from tests.support.places import Place


@pytest.mark.parametrize(
    ("written", "roles"),
    [
        ("operator", {"operator"}),
        ("operator,approver", {"operator", "approver"}),
        ("operator, approver", {"operator", "approver"}),
        ('["operator", "approver"]', {"operator", "approver"}),
        ("Operator", set()),
        ("operator approver", set()),
        ("", set()),
    ],
)
def test_the_column_of_roles_accepts_lists_of_known_roles(place: Place, written: str, roles: set[str]) -> None:
    """The column `roles` is a list with commas or a JSON list. Only known role names in it give rights; any other
    text in it gives none. For an unknown person `find` returns None."""
    place.sql(f"INSERT INTO operators (name, roles) VALUES ('somebody', '{written}')")
    database = Database(place.url())
    with database.read() as conn:
        person = people.find(conn, "somebody")
        assert people.find(conn, "nobody") is None
    assert person is not None
    assert person.roles == roles
    database.close()


@pytest.mark.engines("sqlite")
def test_saving_a_person_reads_no_row_of_another_person(place: Place) -> None:
    """Saving a person reads only the row of this person. An account file may have thousands of people, so reading all
    rows for each person would block the database for minutes."""
    database = Database(place.url())
    statements: list[str] = []
    listen(database.engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    somebody = people.StoredPerson(Person("somebody", frozenset({"operator"}), may_buy=False), is_disabled=False)

    def save_twice(tx: Transaction) -> None:
        statements.clear()
        for _ in range(2):
            people.save_person(tx.conn, somebody, datetime(2026, 11, 20, tzinfo=UTC))
        reads = [statement for statement in statements if statement.startswith("SELECT")]
        assert reads
        assert all("WHERE operators.name = " in " ".join(statement.split()) for statement in reads)
        assert people.read_people_by_name(tx.conn)["somebody"] == somebody

    database.write(save_twice)
    database.close()
