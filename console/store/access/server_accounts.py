"""Statements that create, change and lock a server's database accounts. Each statement may be run again after a
crash.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.store.access.grants import make_own_role_name, make_role_name, quote_identifier, run_statement
from console.store.database.error_codes import find_error_number

CREDENTIAL_PLACEHOLDER_SQL = "'***'"
"""Placeholder of a password in a statement's text. `AccountStatement.run` replaces it with the password."""

MAX_CONNECTIONS = 50
"""Largest number of connections of the account of a person for whom a worker acts. A server's default for all
accounts together is 151.
"""
MAX_STATEMENT_SECONDS = 60
"""Time limit (seconds) of one statement of the account of a person for whom a worker acts. MariaDB only. A session
can raise its own limit.
"""

_ROLE_NOT_GRANTED_ERRORS = frozenset({1141, 1961, 1962, 3523, 3530})  # REVOKE of a role that the account doesn't have


@dataclass(frozen=True, slots=True)
class DesiredAccount:
    """The desired state of a database account.

    - `name`: the name of the account, without its host
    - `roles`: the roles of the server that the account must have, without the name of the database
    - `is_locked`: no program can log in with the account, and it has no roles; `is_suspended`: no program can log in
      with the account, but it keeps its roles, because two administrators may enable the person
    - `needs_tls`: the account may only be used over encrypted connections
    - `password`: if the account is missing, it is created with this password, unless it is locked. None leaves the
      present password unchanged, and creates no account
    - `roles_before`: the roles that the account may have at present; those that aren't in `roles` are revoked
    - `has_limits`: the server limits the account's connections (MAX_CONNECTIONS) and statements
      (MAX_STATEMENT_SECONDS)
    """

    name: str
    roles: AbstractSet[str]
    roles_before: AbstractSet[str]
    password: str | None = field(repr=False)
    is_locked: bool
    needs_tls: bool
    has_limits: bool = False
    is_suspended: bool = False


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """One SQL statement that changes a database account. If the statement sets a password, its SQL has
    CREDENTIAL_PLACEHOLDER_SQL in place of the password, and `secret` is the password that replaces it when the
    statement runs.

    `runs_as_account`: the statement must run on a connection of the changed account itself, because only this account
    and an administrator of the server may run it. `harmless_errors`: numbers of server errors which mean that the
    desired state was reached already.
    """

    sql: str
    secret: str | None = field(default=None, repr=False)
    runs_as_account: bool = False
    harmless_errors: frozenset[int] = frozenset()

    def run(self, conn: Connection) -> None:
        """Run the statement. Errors with a number in `harmless_errors` are ignored; other errors of the database
        raise DBAPIError.
        """
        try:
            run_statement(conn, self.sql, self.secret)
        except DBAPIError as error:
            if find_error_number(error) not in self.harmless_errors:
                raise


def make_account_statements(
    account: DesiredAccount, database: str, *, is_mariadb: bool
) -> Iterator[AccountStatement]:
    """Yield the statements that change the account from any state to the desired one. `database` is the name of
    the console's database, which the names of the server's roles contain. The statements are in an order in which
    a crash between two of them leaves no account with excess rights.
    """
    quoted_account = f"'{account.name}'@'%'"
    own_role = quote_identifier(make_own_role_name(account.name))
    role_holder = own_role if is_mariadb else quoted_account
    roles = frozenset[str]() if account.is_locked else account.roles
    if account.password is not None and not account.is_locked:
        # also for a known person: the account is missing if the database was restored on another server
        yield AccountStatement(
            f"CREATE USER IF NOT EXISTS {quoted_account} IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL}", account.password
        )
    yield _make_alter_user_statement(account, quoted_account, is_mariadb=is_mariadb)
    if is_mariadb:
        yield AccountStatement(f"CREATE ROLE IF NOT EXISTS {own_role}")
    for role in sorted((account.roles_before | account.roles) - roles):
        yield AccountStatement(
            f"REVOKE {quote_identifier(make_role_name(database, role))} FROM {role_holder}",
            harmless_errors=_ROLE_NOT_GRANTED_ERRORS,
        )
    for role in sorted(roles):
        yield AccountStatement(f"GRANT {quote_identifier(make_role_name(database, role))} TO {role_holder}")
    if is_mariadb:
        yield AccountStatement(f"GRANT {own_role} TO {quoted_account}")
    if not account.is_locked and not (is_mariadb and account.is_suspended):
        yield from _make_default_role_statements(account, quoted_account, own_role, is_mariadb=is_mariadb)


def _make_alter_user_statement(account: DesiredAccount, quoted_account: str, *, is_mariadb: bool) -> AccountStatement:
    """Return the ALTER USER statement that sets the account's password, lock, encryption and limits. `quoted_account`
    is the account in SQL, such as `'op-a'@'%'`."""
    password_clause = f" IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL}" if account.password is not None else ""
    tls_clause = "SSL" if account.needs_tls else "NONE"
    lock_clause = "LOCK" if account.is_locked or account.is_suspended else "UNLOCK"
    limit_clause = f"MAX_USER_CONNECTIONS {MAX_CONNECTIONS if account.has_limits else 0}"
    if is_mariadb:
        limit_clause += f" MAX_STATEMENT_TIME {MAX_STATEMENT_SECONDS if account.has_limits else 0}"
    return AccountStatement(
        f"ALTER USER {quoted_account}{password_clause} REQUIRE {tls_clause}"
        f" WITH {limit_clause} ACCOUNT {lock_clause}",
        account.password,
    )


def _make_default_role_statements(
    account: DesiredAccount, quoted_account: str, own_role: str, *, is_mariadb: bool
) -> Iterator[AccountStatement]:
    """Yield the statement that sets the account's default role.

    On MariaDB, only the account itself or an administrator of the server may run this statement. There the statement
    is yielded only if the account gets a password now, because the console can then sign in as the account. Later
    runs don't need the statement, because the default role, the account's own role, never changes its name.
    """
    if not is_mariadb:
        yield AccountStatement(f"SET DEFAULT ROLE ALL TO {quoted_account}")
    elif account.password is not None:
        yield AccountStatement(f"SET DEFAULT ROLE {own_role}", runs_as_account=True)
