"""Tests of the part of `db check` that examines the database accounts. It reports several accounts with one name, and
missing passwords, encryption and password rules."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from console.store.access import account_properties as account_looks
from console.store.access import grants
from console.store.constraints import fitness
from console.store.database.engine import Database
from tests.support import servers
from tests.support.teams import Team, open_team


@pytest.fixture
def team(sql_server: servers.SqlServer) -> Iterator[Team]:
    with open_team(sql_server, {"lead-b": ("approver",)}) as made:
        yield made


@pytest.fixture
def owner_database(team: Team) -> Iterator[Database]:
    database = Database(team.owner)
    yield database
    database.close()


def read_check_result(database: Database) -> tuple[bool, list[str]]:
    """Return True if the check of the accounts has passed, and the wrong properties that it has found."""
    accounts_finding = {finding.check_name: finding for finding in fitness.check_fitness(database)}["accounts"]
    return accounts_finding.has_passed, list(accounts_finding.facts["faults"])  # type: ignore[call-overload]  # of texts


def grant_account_reads(team: Team, owner: Database) -> None:
    team.server.sql(f"GRANT SELECT ON mysql.user TO `{owner.account_name}`@`%`")


def test_an_account_without_read_rights_passes_the_check(team: Team, owner_database: Database) -> None:
    """An account that may not read `mysql.user` reports no fault if its server accepts connections only from this
    machine.
    """
    assert read_check_result(owner_database) == (True, [])
    person = Database(team.urls["lead-b"])
    assert read_check_result(person) == (True, [])
    person.close()


def test_a_second_account_of_a_name_is_reported(team: Team, owner_database: Database) -> None:
    """A second database account with a person's name, for another host, is reported: the triggers see only the name
    and would take the second account for the person."""
    grant_account_reads(team, owner_database)
    name = team.names["lead-b"]
    assert read_check_result(owner_database) == (True, [])
    team.server.sql(f"CREATE USER `{name}`@`127.0.0.1` IDENTIFIED BY 'other'")
    try:
        assert read_check_result(owner_database) == (False, [f"several_accounts {name}"])
    finally:
        team.server.sql(f"DROP USER `{name}`@`127.0.0.1`")
    assert read_check_result(owner_database) == (True, [])


def test_an_account_without_a_password_is_reported(team: Team, owner_database: Database) -> None:
    """An account whose person has set an empty password is reported as `no_password`."""
    grant_account_reads(team, owner_database)
    with team.open_connection("lead-b") as connection, connection.cursor() as cursor:
        cursor.execute("SET PASSWORD = ''")
    assert read_check_result(owner_database) == (False, [f"no_password {team.names['lead-b']}@%"])


def test_an_unencrypted_remote_account_is_reported(
    team: Team, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server accepts connections from other machines, an account that may connect without encryption is
    reported, and purchases stop. Missing password rules are reported too, but don't stop purchases."""
    grant_account_reads(team, owner_database)
    monkeypatch.setattr(account_looks, "accepts_remote_connections", lambda _conn: True)
    assert read_check_result(owner_database) == (False, [f"not_encrypted {team.names['lead-b']}@%"])
    passwords_finding = {finding.check_name: finding for finding in fitness.check_fitness(owner_database)}[
        "passwords"
    ]
    assert (passwords_finding.has_passed, passwords_finding.stops_purchases) == (False, False)


@pytest.mark.parametrize(
    ("address", "accepts_remote"),
    [("127.0.0.1", False), ("::1", False), ("*", True), ("", True), ("127.0.0.1,10.0.0.5", True), ("0.0.0.0", True)],
)
def test_the_check_reads_the_addresses_at_which_a_server_listens(
    owner_database: Database, monkeypatch: pytest.MonkeyPatch, address: str, accepts_remote: bool
) -> None:
    """The check reads the server's variable `bind_address`. It then reports whether the server accepts connections
    from other machines or only on loopback.
    """
    told_by_server = {"bind_address": address, "skip_networking": "OFF"}
    monkeypatch.setattr(account_looks, "_read_variable", lambda _conn, name: told_by_server.get(name))
    with owner_database.read() as conn:
        assert account_looks.accepts_remote_connections(conn) is accepts_remote


@pytest.mark.parametrize(
    ("variable", "limit", "is_missing"),
    [
        ("max_password_errors", "20", False), ("max_password_errors", "4294967295", True),
        ("connection_control_failed_connections_threshold", "3", False),
        ("connection_control_failed_connections_threshold", "0", True),
        ("component_connection_control.failed_connections_threshold", "3", False),
        ("component_connection_control.failed_connections_threshold", "0", True),
    ],
)  # fmt: skip
def test_a_missing_limit_of_wrong_passwords_is_reported(
    owner_database: Database, monkeypatch: pytest.MonkeyPatch, variable: str, limit: str, is_missing: bool
) -> None:
    """The check reports the server's limit of wrong passwords if it is switched off, or so high that it never takes
    effect."""
    told_by_server = {variable: limit, "validate_password.policy": "MEDIUM"}
    monkeypatch.setattr(account_looks, "_read_variable", lambda _conn, name: told_by_server.get(name))
    with owner_database.read() as conn:
        assert list(account_looks.find_missing_password_rules(conn)) == ["max_password_errors"] * is_missing


def test_an_unknown_role_is_reported(team: Team, owner_database: Database) -> None:
    """`db check` reports a person's role that doesn't exist at the server, and a role that has lost one of its
    rights."""
    with owner_database.read() as conn:
        assert grants.find_faults_of_rights(conn) == ()
    with owner_database.write_without_retries() as tx:
        tx.conn.execute(text("UPDATE operators SET roles = 'approver,auditor'"))
    with owner_database.read() as conn:
        assert [(fault.code, fault.object_name) for fault in grants.find_faults_of_rights(conn)] == [
            ("missing_role", "auditor")
        ]
    team.server.sql(f"REVOKE ALL PRIVILEGES ON `{team.database}`.refunds FROM `{team.database}/approver`")
    with owner_database.read() as conn:
        assert "missing_grant" in {fault.code for fault in grants.find_faults_of_rights(conn)}
