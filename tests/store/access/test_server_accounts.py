"""Tests of the SQL statements that create and change database accounts: their differences between MariaDB and MySQL,
and the quoting of names and passwords."""

import pytest

from console.store.access.grants import MAX_ROLE_NAME_CHARACTERS, RIGHTS_OF_ROLE, make_role_name, quote_identifier
from console.store.access.server_accounts import (
    CREDENTIAL_PLACEHOLDER_SQL,
    MAX_CONNECTIONS,
    DesiredAccount,
    make_account_statements,
)


def list_account_statements(*, is_mariadb: bool, **more: object) -> list[str]:
    default_fields: dict[str, object] = {
        "name": "op-a",
        "roles": {"operator"},
        "roles_before": frozenset(),
        "password": "pw",
        "is_locked": False,
        "needs_tls": False,
    }
    account = DesiredAccount(**{**default_fields, **more})  # type: ignore[arg-type]  # one of each kind
    return [statement.sql for statement in make_account_statements(account, "books", is_mariadb=is_mariadb)]


def test_a_new_account_on_mariadb_gets_an_own_role() -> None:
    """On MariaDB the person's roles are granted to a server role that only this account has, and the account gets
    that role as its default role."""
    assert list_account_statements(is_mariadb=True) == [
        f"CREATE USER IF NOT EXISTS 'op-a'@'%' IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL}",
        (
            f"ALTER USER 'op-a'@'%' IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL} REQUIRE NONE"
            " WITH MAX_USER_CONNECTIONS 0 MAX_STATEMENT_TIME 0 ACCOUNT UNLOCK"
        ),
        "CREATE ROLE IF NOT EXISTS `console:op-a`",
        "GRANT `books/operator` TO `console:op-a`",
        "GRANT `console:op-a` TO 'op-a'@'%'",
        "SET DEFAULT ROLE `console:op-a`",
    ]


def test_a_new_account_on_mysql_gets_its_roles_directly() -> None:
    """On MySQL the roles are granted to the account itself, and all of them are active after the login."""
    assert list_account_statements(is_mariadb=False) == [
        f"CREATE USER IF NOT EXISTS 'op-a'@'%' IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL}",
        (
            f"ALTER USER 'op-a'@'%' IDENTIFIED BY {CREDENTIAL_PLACEHOLDER_SQL} REQUIRE NONE"
            " WITH MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK"
        ),
        "GRANT `books/operator` TO 'op-a'@'%'",
        "SET DEFAULT ROLE ALL TO 'op-a'@'%'",
    ]


@pytest.mark.parametrize("is_mariadb", [True, False])
def test_a_remote_account_must_use_tls(is_mariadb: bool) -> None:
    """A database account must use TLS, unless the server runs on the person's machine."""
    assert "REQUIRE SSL" in " ".join(list_account_statements(is_mariadb=is_mariadb, needs_tls=True))
    assert "REQUIRE SSL" not in " ".join(list_account_statements(is_mariadb=is_mariadb))


@pytest.mark.parametrize("is_mariadb", [True, False])
def test_a_locked_account_loses_every_role(is_mariadb: bool) -> None:
    """A locked account loses every role: those that the account file gives, and those that the account had before.
    Its password stays."""
    statements = list_account_statements(
        is_mariadb=is_mariadb, is_locked=True, password=None, roles_before={"approver"}
    )
    holder = "`console:op-a`" if is_mariadb else "'op-a'@'%'"
    limits = "MAX_USER_CONNECTIONS 0 MAX_STATEMENT_TIME 0" if is_mariadb else "MAX_USER_CONNECTIONS 0"
    assert f"ALTER USER 'op-a'@'%' REQUIRE NONE WITH {limits} ACCOUNT LOCK" in statements
    assert {f"REVOKE `books/{role}` FROM {holder}" for role in ("approver", "operator")} <= set(statements)
    assert not any(sql.startswith("GRANT `books") for sql in statements)


@pytest.mark.parametrize("is_mariadb", [True, False])
def test_a_database_account_in_team_mode_has_connection_and_time_limits(is_mariadb: bool) -> None:
    """A database account in team mode has a limit of simultaneous connections and, on MariaDB, a time limit for each
    statement."""
    limits = f" WITH MAX_USER_CONNECTIONS {MAX_CONNECTIONS} "
    assert limits in list_account_statements(is_mariadb=is_mariadb, has_limits=True)[1]
    assert (
        "MAX_STATEMENT_TIME 60" in list_account_statements(is_mariadb=is_mariadb, has_limits=True)[1]
    ) == is_mariadb


def test_role_names_fit_every_server() -> None:
    """Two databases at one server never have the same role name. Each role name has at most the number of characters
    that every server accepts, even with long names of databases."""
    long = "a_database_with_quite_a_long_name_"
    names = {make_role_name(f"{long}{number}", role) for role in RIGHTS_OF_ROLE for number in (1, 2)}
    assert len(names) == 2 * len(RIGHTS_OF_ROLE)
    assert max(map(len, names)) <= MAX_ROLE_NAME_CHARACTERS
    assert make_role_name("books", "operator") == "books/operator"


def test_a_database_name_with_quotes_is_quoted() -> None:
    """A database name with quotes and SQL in it is quoted, so that no part of it is executed."""
    assert quote_identifier("a`; DROP TABLE b; --") == "`a``; DROP TABLE b; --`"
