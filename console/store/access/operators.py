"""Operators and their roles, as the database holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from console.domain.permissions import ALL_ROLES
from console.domain.records import Person
from console.store.leases import naive
from console.store.schema import operators, sessions

_t = operators.c


@dataclass(frozen=True, slots=True)
class Kept:
    """A person as the table has them; `disabled`: may do nothing any more, and stays in the table."""

    person: Person
    disabled: bool


COLUMNS = (_t.name, _t.roles, _t.may_buy)
NAMED = and_(_t.name == bindparam("who"), _t.disabled_at.is_(None))
_ONE = select(*COLUMNS).where(NAMED)
_ANY = select(_t.name).limit(1)


def find(conn: Connection, name: str, *, anybody: bool = True) -> Person | None:
    """The person of that name. While no operators are kept, and `anybody` may come, everybody holds every role."""
    return to_person(conn.execute(_ONE, {"who": name}).first()) or (stranger(conn, name) if anybody else None)


def to_person(row: Sequence[Any] | None) -> Person | None:
    """A row of `COLUMNS`, which an outer join may have left empty."""
    if row is None or row[0] is None:
        return None
    name, roles, may_buy = row
    return Person(name, _roles(roles), bool(may_buy))


def stranger(conn: Connection, name: str) -> Person | None:
    """Whoever comes, as long as no operators are kept."""
    return Person(name, ALL_ROLES, may_buy=True) if conn.execute(_ANY).first() is None else None


def everybody(conn: Connection) -> tuple[Person, ...]:
    """All who may act, by name."""
    query = select(*COLUMNS).where(_t.disabled_at.is_(None)).order_by(_t.name)
    return tuple(Person(name, _roles(roles), bool(buy)) for name, roles, buy in conn.execute(query))


def _roles(written: str) -> frozenset[str]:
    """Roles between commas, as we write them, or with the spaces, brackets and quotes of an administrator's hand."""
    return frozenset(role.strip(" []\"'") for role in written.split(",")) & ALL_ROLES


def add(conn: Connection, person: Person) -> None:
    """Keep a new operator."""
    conn.execute(
        insert(operators).values(name=person.name, roles=",".join(sorted(person.roles)), may_buy=person.may_buy)
    )


def kept(conn: Connection) -> Mapping[str, Kept]:
    """Everybody in the table by name, the disabled too."""
    query = select(_t.name, _t.roles, _t.may_buy, _t.disabled_at)
    return {
        name: Kept(Person(name, _roles(roles), bool(buy)), disabled is not None)
        for name, roles, buy, disabled in conn.execute(query)
    }


def keep(conn: Connection, wanted: Kept, now: datetime) -> None:
    """Make the table say this of a person."""
    person, name = wanted.person, wanted.person.name
    if name not in kept(conn):
        add(conn, person)
    since = conn.scalar(select(_t.disabled_at).where(_t.name == name))
    disabled_at = (since or naive(now)) if wanted.disabled else None
    values = {"roles": ",".join(sorted(person.roles)), "may_buy": person.may_buy, "disabled_at": disabled_at}
    conn.execute(update(operators).where(_t.name == name).values(**values))


def begin_session(
    conn: Connection,
    session: str,
    operator: str | None,
    desk: str,
    host: str,
    process: int,
    program: str,
    now: datetime,
) -> None:
    """Note a process run; its id names the process's audit chain. What is noted already stays as it is."""
    noted = insert(sessions).prefix_with("OR IGNORE", dialect="sqlite")
    for server in ("mysql", "mariadb"):
        noted = noted.prefix_with("IGNORE", dialect=server)
    conn.execute(
        noted.values(
            id=session,
            operator=operator,
            desk=desk,
            host=host,
            process=process,
            program=program,
            started_at=naive(now),
        )
    )
