"""Operators and their roles."""

import pytest

from console.store.access import operators as people
from console.store.database.engine import Database
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
def test_roles_as_an_administrator_writes_them(place: Place, written: str, roles: set[str]) -> None:
    """Known roles between commas count; whatever else stands there gives nobody a right."""
    place.sql(f"INSERT INTO operators (name, roles) VALUES ('somebody', '{written}')")
    database = Database(place.url())
    with database.read() as conn:
        person = people.find(conn, "somebody")
        assert people.find(conn, "nobody") is None
    assert person is not None
    assert person.roles == roles
    database.close()
