"""Accounts of a server as statements: made, changed, locked; each may be run again after a crash anywhere."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.store.grants import quoted, role_name, run
from console.store.troubles import number_of

MASK = "'***'"
"""Where a password goes when a statement is run."""

_NOT_HELD = frozenset({1141, 1961, 1962, 3523, 3530})  # REVOKE of a role that the account doesn't have (any more)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account as it should be. `password`: None leaves the one it has. `roles` it has besides no other of
    `roles_before`.
    """

    name: str
    roles: AbstractSet[str]
    roles_before: AbstractSet[str]
    password: str | None = field(repr=False)
    is_new: bool
    locked: bool
    needs_tls: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL without secrets; `secret` belongs in place of its mask. `by_account`: run on a connection of the account
    itself, which nobody else may do for it. Errors in `harmless` say that there is nothing left to do.
    """

    sql: str
    secret: str | None = field(default=None, repr=False)
    by_account: bool = False
    harmless: frozenset[int] = frozenset()

    def run(self, conn: Connection) -> None:
        try:
            run(conn, self.sql, self.secret)
        except DBAPIError as trouble:
            if number_of(trouble) not in self.harmless:
                raise


def account_statements(wanted: Wanted, database: str, *, maria: bool) -> Iterator[Statement]:
    """From whatever there is to what is wanted, in an order in which a crash leaves nobody with too much."""
    who = f"'{wanted.name}'@'%'"
    own_role = quoted(f"console:{wanted.name}")
    holder = own_role if maria else who
    held = frozenset[str]() if wanted.locked else wanted.roles
    if wanted.is_new:
        yield Statement(f"CREATE USER IF NOT EXISTS {who} IDENTIFIED BY {MASK}", wanted.password)
    yield _altered(wanted, who)
    if maria:
        yield Statement(f"CREATE ROLE IF NOT EXISTS {own_role}")
    for role in sorted((wanted.roles_before | wanted.roles) - held):
        yield Statement(f"REVOKE {quoted(role_name(database, role))} FROM {holder}", harmless=_NOT_HELD)
    for role in sorted(held):
        yield Statement(f"GRANT {quoted(role_name(database, role))} TO {holder}")
    if maria:
        yield Statement(f"GRANT {own_role} TO {who}")
    if not wanted.locked:
        yield from _default_role(wanted, who, own_role, maria=maria)


def _altered(wanted: Wanted, who: str) -> Statement:
    password = f" IDENTIFIED BY {MASK}" if wanted.password is not None else ""
    tls = "SSL" if wanted.needs_tls else "NONE"
    lock = "LOCK" if wanted.locked else "UNLOCK"
    return Statement(f"ALTER USER {who}{password} REQUIRE {tls} ACCOUNT {lock}", wanted.password)


def _default_role(wanted: Wanted, who: str, own_role: str, *, maria: bool) -> Iterator[Statement]:
    """MariaDB lets nobody but the account itself (and administrators of the server) choose what is in force when it
    signs in; its own role stays the same whatever it holds, so that is done once.
    """
    if not maria:
        yield Statement(f"SET DEFAULT ROLE ALL TO {who}")
    elif wanted.password is not None:
        yield Statement(f"SET DEFAULT ROLE {own_role}", by_account=True)
