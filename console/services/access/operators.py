"""Find the acting person, list the operators (people with roles), and add an operator."""

from console.domain.access.disabled_people import Disabling
from console.domain.access.people_commands import OPERATOR_KIND
from console.domain.audit.actions import AuditAction
from console.domain.records import Person
from console.services.process.context import ServiceContext
from console.store.access import disabled_people
from console.store.access import operators as people
from console.store.database.engine import Transaction


class OperatorService:
    """Reads and adds operators: people with roles."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def read_acting_person(self) -> Person:
        """Return the person in whose name this process acts. Raises ConsoleError no_operator if no name is
        configured, not_allowed for an unknown name."""
        return self._context.read_person()

    def list_enabled_people(self) -> tuple[Person, ...]:
        """Return every operator who isn't disabled, sorted by name; empty if no operator is stored."""
        with self._context.database.read() as conn:
            return people.list_enabled_people(conn)

    def find_own_disabling(self) -> Disabling | None:
        """Return the disabling of the person in whose name this process acts (its time, reason and administrator);
        None if the person isn't disabled."""
        with self._context.database.read() as conn:
            return disabled_people.find_disabling(conn, self._context.operator or "")

    def add_person(self, person: Person) -> None:
        """Insert `person` (name, roles and the flag `may_buy`) into the table `operators`, and write an audit entry
        about the new operator. Checks no right. Raises IntegrityError if the table has a person of this name.
        """

        def store_person(tx: Transaction) -> None:
            people.insert_person(tx.conn, person)
            self._context.record_audit(
                tx, AuditAction.OPERATOR_ADDED, person.name, {"roles": sorted(person.roles)}, kind=OPERATOR_KIND
            )

        self._context.write(store_person)
