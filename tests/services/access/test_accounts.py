"""Tests of database accounts that are created from an account file: the sign-in and the rights of each person after
every kind of change, and after a crash at any statement.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url

from console.app import Console, open_console
from console.domain.access.permissions import ALL_ROLES
from console.domain.errors import ConsoleError
from console.domain.service_results import AppliedAccounts
from console.services.access.account_file import read_account_entries
from console.settings.settings import Settings
from console.store.access import grants
from console.store.constraints.fitness import check_fitness
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema import core as schema
from tests.support import servers
from tests.support.server_fixtures import require_server
from tests.support.sql_server import SqlServer

STRANGE_PASSWORD = r"""it's "100%" \ %s :x @ / # `"""


@dataclass
class AccountsByFile:
    """A test database and the helpers that apply account files to it. Each account of one test is named
    `SHORT.END`: a short name that the test chooses, and `account_name_end`, which differs in each test, so that
    tests don't share accounts.
    """

    server: SqlServer
    owner: str
    console: Console
    account_name_end: str

    def make_entry(self, short_name: str, *roles: str, **more: Any) -> dict[str, Any]:
        """Return the entry of a person with these roles for the account file; `short_name` is the account name
        without its end. The person isn't in team mode; an entry of a worker has no such setting. `more` adds or
        replaces fields of the entry.
        """
        acts = {} if "worker" in roles else {"acts": True}
        return (
            {
                "name": f"{short_name}.{self.account_name_end}",
                "roles": list(roles),
                "password_env": f"PW_{short_name}",
            }
            | acts
            | more
        )

    def preview_entries(self, *people: Mapping[str, Any], **passwords: str) -> AppliedAccounts:
        """Return the result of a dry run over these entries of an account file; `passwords` has each password by the
        short account name.
        """
        return self._apply_or_show(people, passwords, dry_run=True)

    def apply_entries(self, *people: Mapping[str, Any], **passwords: str) -> AppliedAccounts:
        """Apply these entries of an account file to the server and return the changes that were made; `passwords` has
        each password by the short account name.
        """
        return self._apply_or_show(people, passwords, dry_run=False)

    def _apply_or_show(
        self, people: Sequence[Mapping[str, Any]], passwords: Mapping[str, str], *, dry_run: bool
    ) -> AppliedAccounts:
        """Apply these entries of an account file, or do a dry run with them; return the result."""
        env = {f"PW_{short}": word for short, word in passwords.items()}
        content = json.dumps({"operators": people})
        return self.console.accounts.apply_account_file(content, env.get, dry_run=dry_run)

    def connect(self, short_name: str, password: str) -> Any:
        """Return a plain database connection that is signed in as the account."""
        return self.server.connect(f"{short_name}.{self.account_name_end}", password, self.owner.rpartition("/")[2])

    def may_execute(self, short_name: str, password: str, statement: str) -> bool:
        """Return True if the account may execute the SQL statement; the transaction is rolled back."""
        with self.connect(short_name, password) as connection, connection.cursor() as cursor:
            connection.begin()
            number = _read_error_number(lambda: cursor.execute(statement))
            connection.rollback()
        assert number in (0, 1142, 1143, 1644)
        return number == 0

    def can_sign_in(self, short_name: str, password: str) -> bool:
        """Return True if the database server accepts this account name with this password."""
        number = _read_error_number(lambda: self.connect(short_name, password).close())
        assert number in (0, 1045, 3118, 4151)
        return number == 0

    def read_stored_people(self) -> list[tuple[Any, ...]]:
        """Return the people of this test that the database stores, as pairs: the name, and 1 if the person is
        disabled, else 0.
        """
        return self.read_rows("SELECT name, disabled_at IS NOT NULL FROM operators WHERE RIGHT(name, 6) = %s")

    def read_rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of this query, whose one placeholder gets the end of this test's account names."""
        with self.console.database.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql, (self.account_name_end,))]


def _read_error_number(act: Callable[[], object]) -> int:
    """Call `act`. Return the error number if the database server refuses the call, and 0 if the server accepts it."""
    try:
        act()
    except pymysql.MySQLError as refusal:
        return int(refusal.args[0])
    return 0


@contextmanager
def open_with_url(url: str, home: Path) -> Iterator[Console]:
    """Open a console that uses the account in this database address."""
    environment = {"CONSOLE_HOME": str(home), "CONSOLE_DATABASE_URL": url, "CONSOLE_LANGUAGE": "en"}
    with open_console(Settings.load(environment)) as console:
        yield console


@contextmanager
def create_migrated_database(server: SqlServer, name: str | None = None) -> Iterator[str]:
    """Create a database with the present schema and yield its address with the schema account. The database is
    dropped at the end of the block. `name` is the name of the database (None: any).
    """
    with server.create_temporary_database(name) as owner:
        schema_account = Database(owner, without_time_limit=True)
        migrate.upgrade(schema_account)
        schema_account.close()
        yield owner


@pytest.fixture(scope="module")
def shared_accounts(sql_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsByFile]:
    """A test database and a console of its schema account, which all tests of this file share."""
    with (
        create_migrated_database(sql_server) as owner,
        open_with_url(owner, tmp_path_factory.mktemp("owner")) as console,
    ):
        yield AccountsByFile(sql_server, owner, console, "")


@pytest.fixture
def accounts(shared_accounts: AccountsByFile) -> AccountsByFile:
    """Return the shared test database and its helpers, with a new random ending for the names of the accounts, so
    that this test shares no account with other tests.
    """
    return replace(shared_accounts, account_name_end=secrets.token_hex(3))


READ_OPERATIONS_SQL = "SELECT * FROM operations"


def test_each_role_gets_exactly_its_rights(accounts: AccountsByFile) -> None:
    """The server gives each role exactly its rights in RIGHTS_OF_ROLE. No role may delete rows or alter a table; only
    the role admin can't read `operations`."""
    people = [accounts.make_entry(role, role) for role in sorted(ALL_ROLES)]
    done = accounts.apply_entries(*people, **dict.fromkeys(ALL_ROLES, "pw"))
    assert {one.done for one in done.operators} == {"created"}
    for role in ALL_ROLES:
        with Database(_make_url(accounts, role, "pw")).read() as conn:
            assert grants.find_faults_of_rights(conn) == ()
        assert accounts.may_execute(role, "pw", READ_OPERATIONS_SQL) is (role != "admin")
        assert not accounts.may_execute(role, "pw", "DELETE FROM changes")
        assert not accounts.may_execute(role, "pw", "ALTER TABLE changes ADD COLUMN x INT")
    with accounts.console.database.read() as conn:
        assert grants.find_faults_of_rights(conn) == ()


def _make_url(accounts: AccountsByFile, short_name: str, password: str) -> str:
    """Return the database URL with this account and password."""
    return accounts.server.make_url(
        f"{short_name}.{accounts.account_name_end}", password, accounts.owner.rpartition("/")[2]
    )


def test_rights_of_roles_name_every_table() -> None:
    """The rights of the roles name every table, because the console can't use a table that no role may read. They
    name only columns that exist.
    """
    known = {table for rights in grants.RIGHTS_OF_ROLE.values() for table, _, _ in rights}
    assert set(schema.metadata.tables) <= known
    columns = {(table.name, column.name) for table in schema.metadata.tables.values() for column in table.columns}
    named = {(table, column) for rights in grants.RIGHTS_OF_ROLE.values() for table, _, column in rights if column}
    assert named <= columns


def test_a_dry_run_shows_everything_and_does_nothing(accounts: AccountsByFile) -> None:
    """A dry run returns the SQL of the real run without its passwords. It creates no account and writes no row."""
    shown = accounts.preview_entries(accounts.make_entry("op", "operator"), op=STRANGE_PASSWORD)
    assert shown.dry_run
    assert any(sql.startswith("CREATE USER") for sql in shown.statements)
    assert "100%" not in repr(shown)
    assert "'***'" in " ".join(shown.statements)
    assert accounts.read_stored_people() == []
    assert not accounts.can_sign_in("op", STRANGE_PASSWORD)
    assert (
        accounts.apply_entries(accounts.make_entry("op", "operator"), op=STRANGE_PASSWORD).statements
        == shown.statements
    )
    assert accounts.can_sign_in("op", STRANGE_PASSWORD)


def test_passwords_are_set_rotated_and_kept(accounts: AccountsByFile) -> None:
    """A password with any ASCII characters is used literally. If the file gives an account no password, the account
    keeps its present password.
    """
    op = accounts.make_entry("op", "operator")
    accounts.apply_entries(op, op=STRANGE_PASSWORD)
    assert accounts.can_sign_in("op", STRANGE_PASSWORD)
    assert [one.done for one in accounts.apply_entries(op).operators] == ["unchanged"]
    assert accounts.can_sign_in("op", STRANGE_PASSWORD)
    assert [one.password for one in accounts.apply_entries(op, op="next").operators] == ["set"]
    assert accounts.can_sign_in("op", "next")
    assert not accounts.can_sign_in("op", STRANGE_PASSWORD)


def test_a_new_account_needs_a_password_before_anything_is_written(accounts: AccountsByFile) -> None:
    """An account file has two new people, one of them without a password: the file is refused, neither account is
    created, and no row is written.
    """
    with pytest.raises(ConsoleError, match="bad_profile") as refused:
        accounts.apply_entries(accounts.make_entry("a", "operator"), accounts.make_entry("b", "operator"), a="pw")
    assert refused.value.detail["problem"] == "password_missing"
    assert not accounts.can_sign_in("a", "pw")
    assert accounts.read_stored_people() == []


def test_a_password_refused_by_the_server_is_named_by_its_variable(tmp_path: Path) -> None:
    """A server plugin that refuses weak passwords refuses one person's password: the error names its variable. The
    accounts of the people who come before this person in the file are created, no row is written, and another run
    with a better password completes the file. After too many wrong passwords the server locks the account, which
    isn't reported as a wrong password; a new password unlocks it.
    """
    require_server("mariadb")
    people = [{"name": name, "roles": ["operator"], "password_env": name.upper()} for name in ("a", "b")]
    passwords = {"A": "Good-password-1", "B": "weak"}
    with (
        servers.start_private_mariadb() as server,
        create_migrated_database(server) as owner,
        open_with_url(owner, tmp_path) as console,
    ):
        server.sql("INSTALL SONAME 'simple_password_check'")
        with pytest.raises(ConsoleError, match="bad_profile") as refused:
            console.accounts.apply_account_file(json.dumps({"operators": people}), passwords.get)
        assert refused.value.detail == {"variable": "B", "problem": "password_refused", "name": "b"}
        with console.database.read() as conn:
            assert list(conn.exec_driver_sql("SELECT name FROM operators").scalars()) == []
        console.accounts.apply_account_file(
            json.dumps({"operators": people}), {**passwords, "B": "Good-password-2"}.get
        )
        server.connect("b", "Good-password-2").close()
        server.sql("SET GLOBAL max_password_errors = 2")
        url = server.make_url("b", "Good-password-2", owner.rpartition("/")[2])
        with open_with_url(url, tmp_path / "b") as desk:
            # The entry about the first attempt opens a connection, which sets the server's count to 0.
            assert [desk.sign_in_service.confirm_password("wrong") for _ in range(3)] == [False] * 3
            with pytest.raises(ConsoleError, match="bad_profile") as locked:
                desk.sign_in_service.confirm_password("Good-password-2")
        assert locked.value.detail["problem"] == "account_locked"
        console.accounts.apply_account_file(
            json.dumps({"operators": people}), {**passwords, "B": "Good-password-3"}.get
        )
        server.connect("b", "Good-password-3").close()


def test_a_database_name_in_capital_letters_is_the_same_database(tmp_path: Path) -> None:
    """A server on Windows ignores the case of a database's name. There, a URL with this name in capital letters gives
    the same accounts and rights as a URL with the name in small letters.
    """
    require_server("mariadb")
    with (
        servers.start_private_mariadb(extra_config=("lower-case-table-names=1",)) as server,
        create_migrated_database(server, "ConsoleX") as owner,
        open_with_url(owner, tmp_path / "owner") as console,
    ):
        accounts = AccountsByFile(server, owner, console, "one")
        assert accounts.apply_entries(
            accounts.make_entry("op", "operator", acts=False), op=STRANGE_PASSWORD
        ).operators
        for name in ("ConsoleX", "consolex"):
            url = server.make_url(f"op.{accounts.account_name_end}", STRANGE_PASSWORD, name)
            with open_with_url(url, tmp_path / name) as desk, desk.database.read() as conn:
                assert grants.find_faults_of_rights(conn) == ()


@pytest.mark.parametrize("password", ["秘密", "é", "two\nlines"])
def test_a_password_that_no_client_could_send_is_refused(accounts: AccountsByFile, password: str) -> None:
    """A password with a character outside printable ASCII is refused, because database clients encode such characters
    differently.
    """
    with pytest.raises(ConsoleError, match="bad_profile") as refused:
        accounts.apply_entries(accounts.make_entry("a", "operator"), a=password)
    assert refused.value.detail["problem"] == "password_ascii"
    assert accounts.read_stored_people() == []


def test_a_known_person_without_an_account_gets_one(accounts: AccountsByFile) -> None:
    """A person was first written as disabled, or the database was restored on another server: the server has no
    account for the row in `operators`. The next file with a password creates it. Without a password the file is
    refused with the name of the variable, and a disabled person needs no account.
    """
    op = accounts.make_entry("op", "operator")
    accounts.apply_entries(op | {"disabled": True})
    assert [one.done for one in accounts.apply_entries(op | {"disabled": True}).operators] == ["unchanged"]
    with pytest.raises(ConsoleError, match="bad_profile") as refused:
        accounts.apply_entries(op)
    assert refused.value.detail == {"variable": "PW_op", "problem": "account_missing", "name": op["name"]}
    assert accounts.apply_entries(op, op="pw").operators[0].password == "set"
    assert accounts.may_execute("op", "pw", READ_OPERATIONS_SQL)
    with Database(_make_url(accounts, "op", "pw")).read() as conn:
        assert grants.find_faults_of_rights(conn) == ()


def test_an_account_made_anew_for_a_disabled_person_is_reported(accounts: AccountsByFile) -> None:
    """The database was restored on another server, and the file makes the account of a person whom an administrator
    has disabled: on MariaDB it has no default role, because nobody can sign in with it. If the schema account may
    read the server's accounts, `db check` reports that until the file is applied with a password after the person was
    enabled."""
    op = accounts.make_entry("op", "operator")
    accounts.apply_entries(op, op="pw")

    accounts.server.sql(f"GRANT SELECT ON mysql.user TO `{accounts.console.database.account_name}`@`%`")

    def list_reported() -> list[object]:
        findings = check_fitness(accounts.console.database)
        return [finding.facts["people"] for finding in findings if finding.check_name == "default_roles"]

    assert list_reported() == []
    with accounts.console.database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"DROP USER '{op['name']}'@'%%'")
        set_disabling = (
            "UPDATE operators SET disabled_at = {}, disabled_by = {}, disabled_reason = {} WHERE name = '{}'"
        )
        tx.conn.exec_driver_sql(set_disabling.format("SYSDATE(6)", "'adm-f'", "'stolen'", op["name"]))
    accounts.apply_entries(op, op="pw")
    assert list_reported() == ([(op["name"],)] if accounts.server.is_mariadb else [])
    with accounts.console.database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(set_disabling.format("NULL", "NULL", "NULL", op["name"]))
    accounts.apply_entries(op, op="pw")
    assert list_reported() == []
    assert accounts.may_execute("op", "pw", READ_OPERATIONS_SQL)


def test_a_removed_right_ends_on_an_open_connection(accounts: AccountsByFile) -> None:
    """A right that is removed from an account ends at once on an open connection, without a new sign-in. A right that
    is added holds at once on MariaDB, and from the next sign-in on MySQL.
    """
    accounts.apply_entries(accounts.make_entry("x", "operator"), x="pw")
    with accounts.connect("x", "pw") as connection, connection.cursor() as cursor:
        cursor.execute(READ_OPERATIONS_SQL)
        done = accounts.apply_entries(accounts.make_entry("x", "admin"))
        assert [one.done for one in done.operators] == ["updated"]
        with pytest.raises(pymysql.MySQLError, match="SELECT command denied"):
            cursor.execute(READ_OPERATIONS_SQL)
        accounts.apply_entries(accounts.make_entry("x", "auditor", "approver"))
        if accounts.server.is_mariadb:
            cursor.execute(READ_OPERATIONS_SQL)
    assert accounts.may_execute("x", "pw", READ_OPERATIONS_SQL)


def test_a_disabled_person_cannot_sign_in_or_write(accounts: AccountsByFile) -> None:
    """A disabled account cannot sign in and cannot write on an open connection. Its row in `operators` stays, and a
    later account file can enable it again.
    """
    op = accounts.make_entry("op", "operator")
    accounts.apply_entries(op, op="pw")
    with accounts.connect("op", "pw") as connection, connection.cursor() as cursor:
        done = accounts.apply_entries(op | {"disabled": True})
        assert [one.done for one in done.operators] == ["disabled"]
        with pytest.raises(pymysql.MySQLError, match="denied"):
            cursor.execute("INSERT INTO changes (kind, subject_id, at) VALUES ('x', 1, '2026-01-01')")
    assert not accounts.can_sign_in("op", "pw")
    assert [disabled for _, disabled in accounts.read_stored_people()] == [1]
    accounts.apply_entries(op)
    assert accounts.can_sign_in("op", "pw")
    assert accounts.may_execute("op", "pw", READ_OPERATIONS_SQL)


INSERT_CREDIT_CHECK_SQL = (
    "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, status) VALUES (1, '', 'pending')"
)


def test_new_people_are_in_team_mode_by_default(accounts: AccountsByFile) -> None:
    """The account of a new person is in team mode: it may only read and store desk requests. The entry `"acts": true`
    gives the account the rights of its role.
    """
    op = {key: value for key, value in accounts.make_entry("op", "operator").items() if key != "acts"}
    (made,) = accounts.apply_entries(op, op="pw").operators
    assert (made.asks_worker, made.has_changed_actor) == (True, False)
    assert (
        accounts.may_execute("op", "pw", READ_OPERATIONS_SQL),
        _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL),
    ) == (True, 1142)
    (moved,) = accounts.apply_entries(op | {"acts": True}).operators
    assert (
        moved.asks_worker,
        moved.has_changed_actor,
        _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL) == 1142,
    ) == (False, True, False)
    (back,) = accounts.apply_entries(op | {"asks": True}).operators
    assert (
        back.asks_worker,
        back.has_changed_actor,
        _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL),
    ) == (
        True,
        True,
        1142,
    )
    assert [one.done for one in accounts.apply_entries(op).operators] == ["unchanged"]


def _read_error_of_account_op(accounts: AccountsByFile, statement: str) -> int:
    """Execute the statement with the account `op`. Return the error number if the server refuses it, and 0 if the
    server accepts it.
    """
    with accounts.connect("op", "pw") as connection, connection.cursor() as cursor:
        return _read_error_number(lambda: cursor.execute(statement))


def test_an_account_file_without_acts_does_not_change_an_acting_operator(accounts: AccountsByFile) -> None:
    """An account file without `"acts"` would move acting people into team mode: the file is refused with the names of
    these people. A dry run shows which people would move.
    """
    people = [
        accounts.make_entry("op", "operator"),
        accounts.make_entry("lead", "approver"),
        accounts.make_entry("aud", "auditor"),
    ]
    accounts.apply_entries(*people, op="pw", lead="pw", aud="pw")
    before = [{key: value for key, value in person.items() if key != "acts"} for person in people]
    shown = accounts.preview_entries(*before).operators
    assert [(one.asks_worker, one.has_changed_actor, one.uses_default_actor) for one in shown] == [
        (True, True, True), (True, True, True), (True, True, True),
    ]  # fmt: skip
    with pytest.raises(ConsoleError) as refused:
        accounts.apply_entries(*before)
    assert (refused.value.code, refused.value.detail["problem"]) == ("usage", "accounts_acting")
    assert refused.value.detail["names"] == [person["name"] for person in people]
    assert _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL) != 1142
    accounts.apply_entries(before[0] | {"acts": False}, *people[1:])
    assert _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL) == 1142


def test_a_person_with_two_roles_is_in_team_mode_by_default(accounts: AccountsByFile) -> None:
    """A person with two roles and without `"acts"` in the account file can read everything that one of the two roles
    may read, and otherwise only stores desk requests.
    """
    both = {key: value for key, value in accounts.make_entry("op", "operator", "auditor").items() if key != "acts"}
    assert accounts.apply_entries(both, op="pw").operators[0].asks_worker is True
    assert (
        accounts.may_execute("op", "pw", READ_OPERATIONS_SQL),
        _read_error_of_account_op(accounts, INSERT_CREDIT_CHECK_SQL),
    ) == (True, 1142)
    assert accounts.apply_entries(both | {"acts": True}).operators[0].asks_worker is False


def test_changes_of_accounts_are_audited(accounts: AccountsByFile) -> None:
    """The audit entries of an account file name the created, changed and disabled accounts, with the schema
    account as the actor. The entries contain no passwords.
    """
    op = accounts.make_entry("op", "operator")
    accounts.apply_entries(op, op="geheim")
    accounts.apply_entries(op | {"may_buy": True})
    accounts.apply_entries(op | {"disabled": True})
    accounts.apply_entries(op | {"disabled": True})
    audit_rows = accounts.read_rows(
        "SELECT what, who, detail FROM audit_log WHERE RIGHT(subject_id, 6) = %s ORDER BY id"
    )
    assert [what for what, *_ in audit_rows] == ["operator.added", "operator.changed", "operator.disabled"]
    assert {person for _, person, _ in audit_rows} == {accounts.console.database.account_name}
    assert "geheim" not in repr(audit_rows)


def test_a_second_run_completes_an_account_file_that_a_crash_interrupted(
    accounts: AccountsByFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run over an account file is broken off after each statement in turn. After a second run over the same
    file the account has exactly the rights of its role.
    """
    accounts.apply_entries(accounts.make_entry("first", "approver"), first="pw")
    crashes, done = 0, False
    while not done:
        person = f"p{crashes}"
        with monkeypatch.context() as patch:
            patch.setattr(
                "console.store.access.server_accounts.run_statement",
                _make_function_that_fails_after(crashes, grants.run_statement),
            )
            try:
                accounts.apply_entries(accounts.make_entry(person, "approver"), **{person: "pw"})
                done = True
            except ConnectionError:
                crashes += 1
        accounts.apply_entries(accounts.make_entry(person, "approver"), **{person: "pw"})
        assert accounts.may_execute(person, "pw", READ_OPERATIONS_SQL)
        with Database(_make_url(accounts, person, "pw")).read() as conn:
            assert grants.find_faults_of_rights(conn) == ()
    assert crashes >= (6 if accounts.server.is_mariadb else 4)


def test_a_run_that_was_broken_off_is_taken_back(accounts: AccountsByFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is broken off after it has given an auditor the role of an approver who acts, and the former file is
    applied again: the account has exactly the former rights. Before that, `db check` on MariaDB reports the role.
    """
    lead, aud = accounts.make_entry("lead", "approver"), accounts.make_entry("aud", "auditor") | {"acts": False}
    accounts.apply_entries(lead, aud, lead="pw", aud="pw")

    def fail_after_role(conn: Any, sql: str, *secret: Any) -> None:
        if sql.startswith(("GRANT `console:", "SET DEFAULT ROLE")):
            raise ConnectionError("the plug was pulled")
        grants.run_statement(conn, sql, *secret)

    with monkeypatch.context() as patch:
        patch.setattr("console.store.access.server_accounts.run_statement", fail_after_role)
        with pytest.raises(ConnectionError):
            accounts.apply_entries(accounts.make_entry("aud", "approver"))
    with accounts.console.database.read() as conn:
        reported = [f"{fault.code} {fault.object_name}" for fault in grants.find_faults_of_rights(conn)]
    assert reported == ([f"unexpected_grant {aud['name']}: approver"] if accounts.server.is_mariadb else [])
    accounts.apply_entries(aud)
    for database in (accounts.console.database, Database(_make_url(accounts, "aud", "pw"))):
        with database.read() as conn:
            assert grants.find_faults_of_rights(conn) == ()


def _make_function_that_fails_after(successful_call_count: int, function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls `function` for the first `successful_call_count` calls, and raises ConnectionError
    from the next call on.
    """
    calls = 0

    def count_and_run(*args: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > successful_call_count:
            raise ConnectionError("the plug was pulled")
        function(*args, **more)

    return count_and_run


def test_a_person_is_disabled_after_a_run_that_was_broken_off(
    accounts: AccountsByFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that creates an account is broken off before the row in `operators` is written. A file that disables
    the person locks this account, and takes its roles away from an open connection.
    """
    op = accounts.make_entry("op", "operator")

    def break_off(*_: object) -> None:
        raise ConnectionError("the plug was pulled")

    with monkeypatch.context() as patch:
        patch.setattr("console.store.access.operators.save_person", break_off)
        with pytest.raises(ConnectionError):
            accounts.apply_entries(op, op="pw")
    with accounts.connect("op", "pw") as connection, connection.cursor() as cursor:
        cursor.execute(READ_OPERATIONS_SQL)
        accounts.apply_entries(op | {"disabled": True})
        if accounts.server.is_mariadb:
            with pytest.raises(pymysql.MySQLError, match="denied"):
                cursor.execute(READ_OPERATIONS_SQL)
    assert not accounts.can_sign_in("op", "pw")


def test_an_account_without_the_rights_gets_a_list_of_them(accounts: AccountsByFile, tmp_path: Path) -> None:
    """An operator's account tries to apply an account file: the refusal names the database rights that the account
    lacks.
    """
    accounts.apply_entries(accounts.make_entry("op", "operator"), op="pw")
    file = json.dumps({"operators": [accounts.make_entry("x", "operator")]})
    with open_with_url(_make_url(accounts, "op", "pw"), tmp_path) as console, pytest.raises(ConsoleError) as refused:
        console.accounts.apply_account_file(file, lambda _: "pw")
    assert refused.value.code == "not_allowed"
    on_mysql = [] if accounts.server.is_mariadb else ["ROLE_ADMIN"]
    assert refused.value.detail["needs_rights"] == ["CREATE USER", "GRANT OPTION", *on_mysql]


def test_a_mysql_schema_account_without_role_admin_is_refused(mysql_server: SqlServer, tmp_path: Path) -> None:
    """On MySQL, a schema account without the right ROLE_ADMIN is refused before an account is created, and the
    refusal names this right.
    """
    with mysql_server.create_temporary_database() as owner:
        account, place = make_url(owner).username, make_url(owner).database
        mysql_server.sql(f"REVOKE ROLE_ADMIN ON *.* FROM `{account}`@`%`")
        schema_account = Database(owner, without_time_limit=True)
        migrate.upgrade(schema_account)
        file = json.dumps({"operators": [{"name": f"{place}-x", "roles": ["operator"], "password_env": "X"}]})
        with open_with_url(owner, tmp_path) as console, pytest.raises(ConsoleError) as refused:
            console.accounts.apply_account_file(file, lambda _: "pw")
        assert refused.value.detail["needs_rights"] == ["ROLE_ADMIN"]
        assert mysql_server.sql(f"SELECT COUNT(*) FROM mysql.user WHERE user LIKE '{place}%'") == ((0,),)
        schema_account.close()


def test_an_account_file_cannot_name_the_schema_account(accounts: AccountsByFile) -> None:
    """The program refuses an account file that names the schema account as an operator."""
    owner = {"name": accounts.console.database.account_name, "roles": ["approver"], "password_env": "X"}
    with pytest.raises(ConsoleError) as refused:
        accounts.apply_entries(owner)
    assert refused.value.detail["problem"] == "accounts_schema_account"


def test_an_account_with_rights_on_the_whole_server_is_given_to_nobody(accounts: AccountsByFile) -> None:
    """A new person has the name of an account with rights on the whole server: the file is refused, and the account
    keeps its password. An account without such rights, as a broken off run leaves it, is completed.
    """
    taken, left = f"dba.{accounts.account_name_end}", f"left.{accounts.account_name_end}"
    accounts.server.sql(
        f"GRANT SELECT ON mysql.user TO `{accounts.console.database.account_name}`@`%`",
        f"CREATE USER `{taken}`@`%` IDENTIFIED BY 'own'",
        f"GRANT PROCESS, SELECT ON *.* TO `{taken}`@`%`",
        f"CREATE USER `{left}`@`%` IDENTIFIED BY 'first'",
    )
    people = [accounts.make_entry("left", "operator"), accounts.make_entry("dba", "operator")]
    for run in (accounts.preview_entries, accounts.apply_entries):
        with pytest.raises(ConsoleError, match="usage") as refused:
            run(*people, left="pw", dba="pw")
        assert refused.value.detail["problem"] == "accounts_account_of_server"
        assert refused.value.detail.get("name") == taken
    with pytest.raises(ConsoleError, match="usage"):
        accounts.apply_entries(people[1] | {"disabled": True})
    with accounts.server.connect(taken, "own"):
        assert accounts.read_stored_people() == []
    accounts.apply_entries(people[0], left="pw")
    assert accounts.may_execute("left", "pw", READ_OPERATIONS_SQL)
    accounts.server.sql(f"DROP USER `{taken}`@`%`")


def test_an_account_of_another_database_keeps_its_password(accounts: AccountsByFile) -> None:
    """On MariaDB, a new person has the name of an account that another schema account of the server has created, as
    for another database. The file is refused before the account's password changes. Without the role that the other
    schema account owns, the file is applied.
    """
    if not accounts.server.is_mariadb:
        pytest.skip("only on MariaDB has each account a role of its own")
    name = f"twin.{accounts.account_name_end}"
    accounts.server.sql(
        f"GRANT SELECT ON mysql.user TO `{accounts.console.database.account_name}`@`%`",
        f"CREATE USER `{name}`@`%` IDENTIFIED BY 'own'",
        f"CREATE ROLE `{grants.make_own_role_name(name)}`",
    )
    entry = accounts.make_entry("twin", "operator")
    for run in (accounts.preview_entries, accounts.apply_entries):
        with pytest.raises(ConsoleError, match="usage") as refused:
            run(entry, twin="pw")
        assert refused.value.detail["problem"] == "accounts_other_database"
    with accounts.server.connect(name, "own"):
        assert accounts.read_stored_people() == []
    accounts.server.sql(f"DROP ROLE `{grants.make_own_role_name(name)}`")
    accounts.apply_entries(entry, twin="pw")
    assert accounts.may_execute("twin", "pw", READ_OPERATIONS_SQL)


def test_the_name_of_a_former_worker_is_not_given_to_a_person(accounts: AccountsByFile) -> None:
    """An account name that once belonged to a worker can't be given to a person, even while the worker's account is
    disabled, because the worker's audit roots are recognised by that name.
    """
    night = accounts.make_entry("night", "worker")
    accounts.apply_entries(night, night="pw")
    accounts.apply_entries(night | {"disabled": True})
    with pytest.raises(ConsoleError) as refused:
        accounts.apply_entries(accounts.make_entry("night", "operator"))
    assert refused.value.detail["problem"] == "accounts_was_worker"
    assert not accounts.can_sign_in("night", "pw")


def test_an_account_file_on_sqlite_creates_only_rows(tmp_path: Path) -> None:
    """On SQLite an account file needs no passwords and runs no SQL for accounts: it only adds, changes and disables
    the rows of the people.
    """
    with open_with_url(f"sqlite:///{tmp_path}/console.db", tmp_path) as console:
        op = {"name": "op-a", "roles": ["operator"], "may_buy": True, "password_env": "UNSET"}
        assert (
            console.accounts.apply_account_file(
                json.dumps({"operators": [op]}), lambda _: None, dry_run=True
            ).statements
            == ()
        )
        assert console.people.list_enabled_people() == ()
        done = console.accounts.apply_account_file(json.dumps({"operators": [op]}), lambda _: None)
        assert [(one.done, one.password, one.asks_worker) for one in done.operators] == [("created", "none", False)]
        assert [person.name for person in console.people.list_enabled_people()] == ["op-a"]
        console.accounts.apply_account_file(json.dumps({"operators": [op | {"disabled": True}]}), lambda _: None)
        assert console.people.list_enabled_people() == ()


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        ("", "accounts_json", 1),
        ('{"operators": [\n}', "accounts_json", 2),
        ("[]", "accounts_form", 1),
        ('{"operators": {}}', "accounts_form", 1),
        ('{"operators": [], "operators": []}', "accounts_form", 1),
        ('{"operators": [], "more": 1}', "accounts_unknown_key", 1),
        ('{"operators": ["op-a"]}', "accounts_form", 1),
        ('{"operators": [\n{"name": "Op-A", "roles": ["operator"]}]}', "accounts_name", 2),
        ('{"operators": [\n{"name": "оp-a", "roles": ["operator"]}]}', "accounts_name", 2),
        ('{"operators": [{"name": "op-a\\n", "roles": ["operator"]}]}', "accounts_name", 1),
        ('{"operators": [{"name": "root", "roles": ["operator"]}]}', "accounts_name", 1),
        ('{"operators": [{"name": "", "roles": ["operator"]}]}', "accounts_name", 1),
        ('{"operators": [{"name": "x\'@\'%", "roles": ["operator"]}]}', "accounts_name", 1),
        (f'{{"operators": [{{"name": "{"x" * 33}", "roles": ["operator"]}}]}}', "accounts_name", 1),
        ('{"operators": [{"roles": ["operator"]}]}', "accounts_name", 1),
        ('{"operators": [{"name": "a", "role": "operator"}]}', "accounts_unknown_key", 1),
        ('{"operators": [{"name": "a", "roles": []}]}', "accounts_roles", 1),
        ('{"operators": [{"name": "a", "roles": "operator"}]}', "accounts_roles", 1),
        ('{"operators": [{"name": "a", "roles": ["boss"]}]}', "accounts_unknown_role", 1),
        ('{"operators": [{"name": "a", "roles": ["operator", "operator"]}]}', "accounts_roles", 1),
        ('{"operators": [{"name": "a", "roles": ["worker", "approver"]}]}', "accounts_roles", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "may_buy": 1}]}', "accounts_flag", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "disabled": "no"}]}', "accounts_flag", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "acts": "no"}]}', "accounts_flag", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "asks": false}]}', "accounts_asks", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "asks": true, "acts": false}]}', "accounts_asks", 1),
        ('{"operators": [{"name": "a", "roles": ["worker"], "acts": true}]}', "accounts_roles", 1),
        ('{"operators": [{"name": "a", "roles": ["operator"], "password_env": "a b"}]}', "accounts_variable", 1),
        (
            '{"operators": [{"name": "a", "roles": ["operator"]},\n{"name": "a", "roles": ["admin"]}]}',
            "accounts_twice",
            1,
        ),
    ],
)
def test_a_faulty_account_file_is_refused_with_its_line(content: str, problem: str, line: int) -> None:
    """A faulty account file is refused with the code of the problem and its line, because the program gives no right
    by a guess.
    """
    with pytest.raises(ConsoleError, match="usage") as refused:
        read_account_entries(content)
    assert (refused.value.detail["problem"], refused.value.detail["line"]) == (problem, line)
