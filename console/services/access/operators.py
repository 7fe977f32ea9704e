"""Who acts here, and who else may."""

from console.domain.records import Person
from console.services.desk import Desk
from console.store import people
from console.store.engine import Transaction


class People:
    """Operators and their roles."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def me(self) -> Person:
        """Who acts. Raises no_operator, or not_allowed for a name that is unknown here."""
        return self._desk.person()

    def all(self) -> tuple[Person, ...]:
        """Everybody who may act, by name; empty where no operators are kept."""
        with self._desk.database.read() as conn:
            return people.everybody(conn)

    def add(self, person: Person) -> None:
        """Keep a new operator; audited."""

        def keep(tx: Transaction) -> None:
            people.add(tx.conn, person)
            self._desk.note(tx, "operator.added", person.name, {"roles": sorted(person.roles)}, kind="operator")

        self._desk.write(keep)
