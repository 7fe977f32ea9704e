"""Reads and writes the table `operators` (people, their roles and rights), and inserts one row into the table
`sessions` for each run of a process."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, insert, select, update

from console.domain.access.permissions import ALL_ROLES, WORKER
from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.records import Person
from console.store.database.compare_and_swap import StaleRow
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.core import ACCOUNT_LOCK_TO_RENEW, operators, sessions


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A row of the table `operators`. A disabled person has no rights, but the row stays. `asks_worker`: the person's
    desk only sends desk requests, and a worker acts for the person. `disabled_by`: the administrator who has disabled
    the person; None for an enabled person, and for one whom the file of accounts has disabled.
    """

    person: Person
    is_disabled: bool
    asks_worker: bool = False
    disabled_by: str | None = None


PERSON_COLUMNS = (operators.c.name, operators.c.roles, operators.c.may_buy)
ENABLED_PERSON_CONDITION = and_(operators.c.name == bindparam("person_name"), operators.c.disabled_at.is_(None))
_ENABLED_PERSON_BY_NAME_QUERY = select(*PERSON_COLUMNS).where(ENABLED_PERSON_CONDITION)
_ACTS_THROUGH_WORKER_QUERY = select(operators.c.asks).where(ENABLED_PERSON_CONDITION)
_LISTED_ENABLED_PEOPLE_QUERY = select(*PERSON_COLUMNS).where(
    operators.c.name.in_(bindparam("names", expanding=True)), operators.c.disabled_at.is_(None)
)
_DISABLED_NAMES_QUERY = select(operators.c.name).where(
    operators.c.name.in_(bindparam("names", expanding=True)), operators.c.disabled_at.is_not(None)
)
_ANY_OPERATOR_NAME_QUERY = select(operators.c.name).limit(1)


def find(conn: Connection, person_name: str, *, includes_unlisted_names: bool = True) -> Person | None:
    """Return the person of that name; None if there is no such person or the person is disabled.

    While the table `operators` is empty and `includes_unlisted_names` is True, every name is a person with all roles.
    """
    return make_person(conn.execute(_ENABLED_PERSON_BY_NAME_QUERY, {"person_name": person_name}).first()) or (
        make_person_if_no_operators_exist(conn, person_name) if includes_unlisted_names else None
    )


def find_with_read_only_switch(
    conn: Connection, person_name: str, *, includes_unlisted_names: bool = True
) -> tuple[Person | None, bool]:
    """Return two values: the person that `find` returns for the same arguments (None if there is no such person), and
    True if the read-only switch for everything is on. For a person in the table `operators`, the function executes
    only one statement. If no person is returned, the second value has no meaning: it may be True although the switch
    is off."""
    person_query, any_operator_query = _make_person_and_switch_queries()
    row = conn.execute(person_query, {"person_name": person_name}).first()
    if row is not None:
        return make_person(row[:-1]), bool(row[-1])
    if not includes_unlisted_names:
        return None, True
    any_name, is_stopped = conn.execute(any_operator_query).one()
    return (_make_unlisted_person(person_name) if any_name is None else None), bool(is_stopped)


@cache
def _make_person_and_switch_queries() -> tuple[Select[Any], Select[Any]]:
    """Return two queries. The first query reads an enabled person by the parameter `person_name`. The second query
    reads any one name in the table `operators` (NULL if the table is empty). In each query, the last column is the
    present setting of the read-only switch for everything.
    """
    # A lookup writes nothing, so it doesn't load the tables of the worker.
    from console.store.access.read_only_switches import make_newest_setting_expression

    setting = make_newest_setting_expression(EVERYTHING_SCOPE)
    return (
        _ENABLED_PERSON_BY_NAME_QUERY.add_columns(setting),
        select(_ANY_OPERATOR_NAME_QUERY.scalar_subquery(), setting),
    )


def find_names_with_role(
    conn: Connection, names: Collection[str], roles: Collection[str], *, includes_unlisted_names: bool = True
) -> frozenset[str]:
    """Return those of `names` that belong to people who aren't disabled and have at least one of `roles`. While the
    table `operators` is empty and `includes_unlisted_names` is True, return all of `names`."""
    if not names:
        return frozenset()
    # The server decides which spellings of a name are equal; it returns the stored one.
    rows = conn.execute(_LISTED_ENABLED_PEOPLE_QUERY, {"names": sorted(names)}).all()
    if not rows and includes_unlisted_names and conn.execute(_ANY_OPERATOR_NAME_QUERY).first() is None:
        return frozenset(names)
    stored_names = {row.name.casefold() for row in rows if not _parse_roles(row.roles).isdisjoint(roles)}
    return frozenset(name for name in names if name.casefold() in stored_names)


def find_disabled_names(conn: Connection, names: Collection[str]) -> frozenset[str]:
    """Return the names of the disabled people among `names`, as they are stored."""
    return frozenset(conn.scalars(_DISABLED_NAMES_QUERY, {"names": sorted(names)})) if names else frozenset()


def acts_through_worker(conn: Connection, person_name: str) -> bool:
    """Return True if a worker acts for the person of that name. The database account of such a person may only read
    views and insert desk requests.
    """
    return bool(conn.execute(_ACTS_THROUGH_WORKER_QUERY, {"person_name": person_name}).scalar())


def list_names_outside_team_mode(conn: Connection) -> list[str]:
    """Return the names, sorted, of the people who aren't in team mode: no worker acts for them. Disabled people, and
    accounts with the role of a worker alone, are left out.
    """
    entries = read_people_by_name(conn).values()
    return sorted(
        entry.person.name
        for entry in entries
        if not (entry.is_disabled or entry.asks_worker) and entry.person.roles - {WORKER}
    )


def make_person(row: Sequence[Any] | None) -> Person | None:
    """Convert a row with `PERSON_COLUMNS`, or None for no row, into a person. Return None for no row, and for a row
    whose columns are NULL after an outer join.
    """
    if row is None or row[0] is None:
        return None
    return make_person_of_row(row)


def make_person_of_row(row: Sequence[Any]) -> Person:
    """Convert a row with `PERSON_COLUMNS`, whose columns aren't NULL, into a person."""
    name, roles, may_buy = row
    return Person(name, _parse_roles(roles), bool(may_buy))


def make_person_if_no_operators_exist(conn: Connection, person_name: str) -> Person | None:
    """If the table `operators` is empty, return a person of this name with every role and the right to buy; otherwise
    return None."""
    return _make_unlisted_person(person_name) if conn.execute(_ANY_OPERATOR_NAME_QUERY).first() is None else None


def _make_unlisted_person(person_name: str) -> Person:
    return Person(person_name, ALL_ROLES, may_buy=True)


def list_enabled_people(conn: Connection) -> tuple[Person, ...]:
    """Return all people who aren't disabled, sorted by name."""
    query = select(*PERSON_COLUMNS).where(operators.c.disabled_at.is_(None)).order_by(operators.c.name)
    return tuple(Person(name, _parse_roles(roles), bool(buy)) for name, roles, buy in conn.execute(query))


def _parse_roles(text: str) -> frozenset[str]:
    """Return the known roles in a text of roles separated by commas. Spaces, brackets and quotes around a role, from
    a manual edit of the row, are removed.
    """
    return frozenset(role.strip(" []\"'") for role in text.split(",")) & ALL_ROLES


def insert_person(conn: Connection, person: Person) -> None:
    """Insert an enabled person into the table `operators`. Raises IntegrityError if the table has a person of this
    name.
    """
    conn.execute(
        insert(operators).values(name=person.name, roles=",".join(sorted(person.roles)), may_buy=person.may_buy)
    )


def read_people_by_name(conn: Connection) -> Mapping[str, StoredPerson]:
    """Return all rows of the table `operators`, including disabled people, by name."""
    query = select(*PERSON_COLUMNS, operators.c.disabled_at, operators.c.asks, operators.c.disabled_by)
    return {
        name: StoredPerson(
            Person(name, _parse_roles(roles), bool(buy)),
            is_disabled=disabled_at is not None,
            asks_worker=bool(is_asking_worker),
            disabled_by=disabled_by,
        )
        for name, roles, buy, disabled_at, is_asking_worker, disabled_by in conn.execute(query)
    }


def save_person(conn: Connection, stored_person: StoredPerson, now: datetime) -> None:
    """Insert or update the row of a person in the table `operators`. If the stored row is disabled and
    `stored_person` is, too, the stored time of disabling doesn't change. If both name the same administrator
    (`disabled_by`), the stored reason doesn't change either. Raises StaleRow if an administrator disables or enables
    the person at the same moment.
    """
    person, name = stored_person.person, stored_person.person.name
    if name not in conn.scalars(select(operators.c.name).where(operators.c.name == name)).all():
        insert_person(conn, person)
    since, disabled_by = conn.execute(
        select(operators.c.disabled_at, operators.c.disabled_by).where(operators.c.name == name)
    ).one()
    values: dict[str, object] = {
        "roles": ",".join(sorted(person.roles)),
        "may_buy": person.may_buy,
        "disabled_at": (since or convert_to_naive_utc(now)) if stored_person.is_disabled else None,
        "asks": stored_person.asks_worker,
    }
    if stored_person.disabled_by is None or stored_person.disabled_by != disabled_by:
        values |= {"disabled_by": None, "disabled_reason": None, "account_lock": 0}
    is_unchanged = (operators.c.name == name, operators.c.disabled_at.is_not_distinct_from(since))
    if conn.execute(update(operators).where(*is_unchanged).values(**values)).rowcount != 1:
        raise StaleRow


def request_account_lock_renewal(conn: Connection, person_name: str) -> None:
    """Store that a worker must lock or unlock the person's database account once more. The caller has just changed
    the account, and may have undone the lock or unlock by which a worker carried out a decision of administrators.
    """
    conn.execute(update(operators).where(operators.c.name == person_name).values(account_lock=ACCOUNT_LOCK_TO_RENEW))


def begin_session(
    conn: Connection,
    session: str,
    operator: str | None,
    desk: str,
    host: str,
    process_id: int,
    program: str,
    now: datetime,
) -> None:
    """Insert a row for this run of a process into `sessions`, if the row is missing. `session` is the id of the run
    and also the name of its chain in the audit trail. `operator` is the acting person, None if no name is set. `desk`
    is the id of the desk, `host` the name of its machine. `program` is the name of the program, such as `terminal`;
    `process_id` is the process id of the operating system.
    """
    statement = insert(sessions).prefix_with("OR IGNORE", dialect="sqlite")
    for server in ("mysql", "mariadb"):
        statement = statement.prefix_with("IGNORE", dialect=server)
    conn.execute(
        statement.values(
            id=session,
            operator=operator,
            desk=desk,
            host=host,
            process=process_id,
            program=program,
            started_at=convert_to_naive_utc(now),
        )
    )
