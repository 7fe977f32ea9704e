"""Operators and their roles."""

from pathlib import Path

import pytest
from sqlalchemy import text

from console.store import migrate, people
from console.store.engine import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/console.db")
    migrate.ensure(made)
    return made


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
def test_roles_as_an_administrator_writes_them(database: Database, written: str, roles: set[str]) -> None:
    """Known roles between commas count; whatever else stands there gives nobody a right."""
    with database.attempt() as tx:
        tx.conn.execute(text("INSERT INTO operators (name, roles) VALUES ('op-a', :roles)"), {"roles": written})
    with database.read() as conn:
        person = people.find(conn, "op-a")
        assert people.find(conn, "op-b") is None
    assert person is not None
    assert person.roles == roles
    database.close()
