"""Accounts from a file: who gets in with which rights, after every kind of change, and after a crash anywhere."""

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
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema import core as schema
from tests.support.sql_server import SqlServer

PASSWORD = r"""it's "100%" \ %s :x @ / # `"""


@dataclass
class Books:
    """A database whose people come from files; `mark` keeps its accounts apart from those of other tests."""

    server: SqlServer
    owner: str
    console: Console
    mark: str

    def person(self, short: str, *roles: str, **more: Any) -> dict[str, Any]:
        acts = {} if "worker" in roles else {"acts": True}
        return {"name": f"{short}.{self.mark}", "roles": list(roles), "password_env": f"PW_{short}"} | acts | more

    def show(self, *people: Mapping[str, Any], **passwords: str) -> AppliedAccounts:
        return self._run(people, passwords, dry_run=True)

    def apply(self, *people: Mapping[str, Any], **passwords: str) -> AppliedAccounts:
        return self._run(people, passwords, dry_run=False)

    def _run(
        self, people: Sequence[Mapping[str, Any]], passwords: Mapping[str, str], *, dry_run: bool
    ) -> AppliedAccounts:
        env = {f"PW_{short}": word for short, word in passwords.items()}
        content = json.dumps({"operators": people})
        return self.console.accounts.apply(content, env.get, dry_run=dry_run)

    def connect(self, short: str, password: str) -> Any:
        return self.server.connect(f"{short}.{self.mark}", password, self.owner.rpartition("/")[2])

    def may(self, short: str, password: str, statement: str) -> bool:
        """Return True if the account may execute the statement; the transaction is rolled back."""
        with self.connect(short, password) as connection, connection.cursor() as cursor:
            connection.begin()
            number = _number(lambda: cursor.execute(statement))
            connection.rollback()
        assert number in (0, 1142, 1143, 1644)
        return number == 0

    def gets_in(self, short: str, password: str) -> bool:
        number = _number(lambda: self.connect(short, password).close())
        assert number in (0, 1045, 3118, 4151)
        return number == 0

    def kept(self) -> list[tuple[Any, ...]]:
        """Name and whether disabled, of the people of this test."""
        return self.rows("SELECT name, disabled_at IS NOT NULL FROM operators WHERE RIGHT(name, 6) = %s")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.console.database.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql, (self.mark,))]


def _number(act: Callable[[], object]) -> int:
    """The server's number for refusing this; 0 when it did it."""
    try:
        act()
    except pymysql.MySQLError as refusal:
        return int(refusal.args[0])
    return 0


@contextmanager
def opened(url: str, home: Path) -> Iterator[Console]:
    told = {"CONSOLE_HOME": str(home), "CONSOLE_DATABASE_URL": url, "CONSOLE_LANGUAGE": "en"}
    with open_console(Settings.load(told)) as console:
        yield console


@pytest.fixture(scope="module")
def database(sql_server: SqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with sql_server.database() as owner:
        schema_account = Database(owner, without_time_limit=True)
        migrate.upgrade(schema_account)
        schema_account.close()
        with opened(owner, tmp_path_factory.mktemp("owner")) as console:
            yield Books(sql_server, owner, console, "")


@pytest.fixture
def books(database: Books) -> Books:
    return replace(database, mark=secrets.token_hex(3))


SEE = "SELECT * FROM operations"


def test_each_role_gets_its_rights_and_no_more(books: Books) -> None:
    """The rights of a role on each table are those of the table of rights; no role may delete, alter or grant."""
    people = [books.person(role, role) for role in sorted(ALL_ROLES)]
    done = books.apply(*people, **dict.fromkeys(ALL_ROLES, "pw"))
    assert {one.done for one in done.operators} == {"created"}
    for role in ALL_ROLES:
        with Database(_url(books, role, "pw")).read() as conn:
            assert grants.find_right_faults(conn) == ()
        assert books.may(role, "pw", SEE) is (role != "admin")
        assert not books.may(role, "pw", "DELETE FROM changes")
        assert not books.may(role, "pw", "ALTER TABLE changes ADD COLUMN x INT")
    with books.console.database.read() as conn:
        assert grants.find_right_faults(conn) == ()


def _url(books: Books, short: str, password: str) -> str:
    return books.server.url(f"{short}.{books.mark}", password, books.owner.rpartition("/")[2])


def test_every_table_has_been_thought_of() -> None:
    """A table that no role may read is one that the console can't use."""
    known = {table for rights in grants.RIGHTS_OF_ROLE.values() for table, _, _ in rights}
    assert set(schema.metadata.tables) <= known
    columns = {(table.name, column.name) for table in schema.metadata.tables.values() for column in table.columns}
    named = {(table, column) for rights in grants.RIGHTS_OF_ROLE.values() for table, _, column in rights if column}
    assert named <= columns


def test_a_dry_run_shows_everything_and_does_nothing(books: Books) -> None:
    """The SQL is complete but for the passwords; nobody gets in, no row is written."""
    shown = books.show(books.person("op", "operator"), op=PASSWORD)
    assert shown.dry_run
    assert any(sql.startswith("CREATE USER") for sql in shown.statements)
    assert "100%" not in repr(shown)
    assert "'***'" in " ".join(shown.statements)
    assert books.kept() == []
    assert not books.gets_in("op", PASSWORD)
    assert books.apply(books.person("op", "operator"), op=PASSWORD).statements == shown.statements
    assert books.gets_in("op", PASSWORD)


def test_passwords_are_set_rotated_and_kept(books: Books) -> None:
    """A password with any characters is taken literally; without one an account keeps what it has."""
    op = books.person("op", "operator")
    books.apply(op, op=PASSWORD)
    assert books.gets_in("op", PASSWORD)
    assert [one.done for one in books.apply(op).operators] == ["unchanged"]
    assert books.gets_in("op", PASSWORD)
    assert [one.password for one in books.apply(op, op="next").operators] == ["set"]
    assert books.gets_in("op", "next")
    assert not books.gets_in("op", PASSWORD)


def test_a_new_account_needs_a_password_before_anything_is_written(books: Books) -> None:
    """The one who has a password isn't made either."""
    with pytest.raises(ConsoleError, match="bad_profile") as refused:
        books.apply(books.person("a", "operator"), books.person("b", "operator"), a="pw")
    assert refused.value.detail["problem"] == "password_missing"
    assert not books.gets_in("a", "pw")
    assert books.kept() == []


@pytest.mark.parametrize("password", ["秘密", "é", "two\nlines"])
def test_a_password_that_no_client_could_send_is_refused(books: Books, password: str) -> None:
    """The driver sends ASCII the same everywhere, and nothing else."""
    with pytest.raises(ConsoleError, match="bad_profile") as refused:
        books.apply(books.person("a", "operator"), a=password)
    assert refused.value.detail["problem"] == "password_ascii"
    assert books.kept() == []


def test_roles_change_while_somebody_is_connected(books: Books) -> None:
    """A right that is taken away is gone at once, without a new sign-in and without a password. One that is given
    is there at once on MariaDB, on MySQL with the next sign-in.
    """
    books.apply(books.person("x", "operator"), x="pw")
    with books.connect("x", "pw") as connection, connection.cursor() as cursor:
        cursor.execute(SEE)
        done = books.apply(books.person("x", "admin"))
        assert [one.done for one in done.operators] == ["updated"]
        with pytest.raises(pymysql.MySQLError, match="SELECT command denied"):
            cursor.execute(SEE)
        books.apply(books.person("x", "auditor", "approver"))
        if books.server.is_mariadb:
            cursor.execute(SEE)
    assert books.may("x", "pw", SEE)


def test_the_disabled_do_nothing_any_more(books: Books) -> None:
    """Neither sign in nor write on a connection that is open; what they did stays, and they may come back."""
    op = books.person("op", "operator")
    books.apply(op, op="pw")
    with books.connect("op", "pw") as connection, connection.cursor() as cursor:
        done = books.apply(op | {"disabled": True})
        assert [one.done for one in done.operators] == ["disabled"]
        with pytest.raises(pymysql.MySQLError, match="denied"):
            cursor.execute("INSERT INTO changes (kind, subject_id, at) VALUES ('x', 1, '2026-01-01')")
    assert not books.gets_in("op", "pw")
    assert [disabled for _, disabled in books.kept()] == [1]
    books.apply(op)
    assert books.gets_in("op", "pw")
    assert books.may("op", "pw", SEE)


BUY = "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, status) VALUES (1, '', 'pending')"


def test_people_ask_unless_the_file_says_that_they_act(books: Books) -> None:
    """A new person's account may read and ask; `"acts": true` gives it the rights of its role."""
    op = {key: value for key, value in books.person("op", "operator").items() if key != "acts"}
    (made,) = books.apply(op, op="pw").operators
    assert (made.asks_worker, made.has_changed_actor) == (True, False)
    assert (books.may("op", "pw", SEE), _refused(books, BUY)) == (True, 1142)
    (moved,) = books.apply(op | {"acts": True}).operators
    assert (moved.asks_worker, moved.has_changed_actor, _refused(books, BUY) == 1142) == (False, True, False)
    (back,) = books.apply(op | {"asks": True}).operators
    assert (back.asks_worker, back.has_changed_actor, _refused(books, BUY)) == (True, True, 1142)
    assert [one.done for one in books.apply(op).operators] == ["unchanged"]


def _refused(books: Books, statement: str) -> int:
    """The server's number for refusing this to op; 0 when it did it."""
    with books.connect("op", "pw") as connection, connection.cursor() as cursor:
        return _number(lambda: cursor.execute(statement))


def test_a_file_from_before_moves_nobody(books: Books) -> None:
    """A person who acts today goes on acting until the file changes that; a dry run shows the people whom it would
    move.
    """
    people = [books.person("op", "operator"), books.person("lead", "approver"), books.person("aud", "auditor")]
    books.apply(*people, op="pw", lead="pw", aud="pw")
    before = [{key: value for key, value in person.items() if key != "acts"} for person in people]
    shown = books.show(*before).operators
    assert [(one.asks_worker, one.has_changed_actor, one.is_default) for one in shown] == [
        (True, True, True), (True, True, True), (True, True, True),
    ]  # fmt: skip
    with pytest.raises(ConsoleError) as refused:
        books.apply(*before)
    assert (refused.value.code, refused.value.detail["problem"]) == ("usage", "accounts_acting")
    assert refused.value.detail["names"] == [person["name"] for person in people]
    assert _refused(books, BUY) != 1142
    books.apply(before[0] | {"acts": False}, *people[1:])
    assert _refused(books, BUY) == 1142


def test_who_has_several_roles_asks_too(books: Books) -> None:
    """The account has the rights of each, on views."""
    both = {key: value for key, value in books.person("op", "operator", "auditor").items() if key != "acts"}
    assert books.apply(both, op="pw").operators[0].asks_worker is True
    assert (books.may("op", "pw", SEE), _refused(books, BUY)) == (True, 1142)
    assert books.apply(both | {"acts": True}).operators[0].asks_worker is False


def test_everything_is_in_the_trail(books: Books) -> None:
    """The entries name the accounts that were made, changed and disabled, by the schema account, and contain no
    passwords.
    """
    op = books.person("op", "operator")
    books.apply(op, op="geheim")
    books.apply(op | {"may_buy": True})
    books.apply(op | {"disabled": True})
    books.apply(op | {"disabled": True})
    told = books.rows("SELECT what, who, detail FROM audit_log WHERE RIGHT(subject_id, 6) = %s ORDER BY id")
    assert [what for what, *_ in told] == ["operator.added", "operator.changed", "operator.disabled"]
    assert {who for _, who, _ in told} == {books.console.database.account}
    assert "geheim" not in repr(told)


def test_a_crash_anywhere_is_healed_by_another_run(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off at each statement in turn; run again, the person is there with just their rights."""
    books.apply(books.person("first", "approver"), first="pw")
    crashes, done = 0, False
    while not done:
        person = f"p{crashes}"
        with monkeypatch.context() as patch:
            patch.setattr(
                "console.store.access.server_accounts.run_statement", _breaks_at(crashes, grants.run_statement)
            )
            try:
                books.apply(books.person(person, "approver"), **{person: "pw"})
                done = True
            except ConnectionError:
                crashes += 1
        books.apply(books.person(person, "approver"), **{person: "pw"})
        assert books.may(person, "pw", SEE)
        with Database(_url(books, person, "pw")).read() as conn:
            assert grants.find_right_faults(conn) == ()
    assert crashes >= (6 if books.server.is_mariadb else 4)


def _breaks_at(nth: int, real: Callable[..., None]) -> Callable[..., None]:
    calls = 0

    def run(*args: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > nth:
            raise ConnectionError("the plug was pulled")
        real(*args, **more)

    return run


def test_an_account_without_the_rights_is_told_which(books: Books, tmp_path: Path) -> None:
    """Nothing was tried, nothing was written."""
    books.apply(books.person("op", "operator"), op="pw")
    file = json.dumps({"operators": [books.person("x", "operator")]})
    with opened(_url(books, "op", "pw"), tmp_path) as console, pytest.raises(ConsoleError) as refused:
        console.accounts.apply(file, lambda _: "pw")
    assert refused.value.code == "not_allowed"
    on_mysql = [] if books.server.is_mariadb else ["ROLE_ADMIN"]
    assert refused.value.detail["needs_rights"] == ["CREATE USER", "GRANT OPTION", *on_mysql]


def test_the_schema_account_of_a_mysql_needs_a_right_more(mysql_server: SqlServer, tmp_path: Path) -> None:
    """Named before anything is made, and then all of the recipe goes through to the roles' rights."""
    with mysql_server.database() as owner:
        account, place = make_url(owner).username, make_url(owner).database
        mysql_server.sql(f"REVOKE ROLE_ADMIN ON *.* FROM `{account}`@`%`")
        schema_account = Database(owner, without_time_limit=True)
        migrate.upgrade(schema_account)
        file = json.dumps({"operators": [{"name": f"{place}-x", "roles": ["operator"], "password_env": "X"}]})
        with opened(owner, tmp_path) as console, pytest.raises(ConsoleError) as refused:
            console.accounts.apply(file, lambda _: "pw")
        assert refused.value.detail["needs_rights"] == ["ROLE_ADMIN"]
        assert mysql_server.sql(f"SELECT COUNT(*) FROM mysql.user WHERE user LIKE '{place}%'") == ((0,),)
        schema_account.close()


def test_a_schema_account_is_nobody(books: Books) -> None:
    """It can't be made a person."""
    owner = {"name": books.console.database.account, "roles": ["approver"], "password_env": "X"}
    with pytest.raises(ConsoleError) as refused:
        books.apply(owner)
    assert refused.value.detail["problem"] == "accounts_schema_account"


def test_a_worker_becomes_nobody_else(books: Books) -> None:
    """Roots of the trail count by who wrote them: the name of one who did stays a worker's, locked or not."""
    night = books.person("night", "worker")
    books.apply(night, night="pw")
    books.apply(night | {"disabled": True})
    with pytest.raises(ConsoleError) as refused:
        books.apply(books.person("night", "operator"))
    assert refused.value.detail["problem"] == "accounts_was_worker"
    assert not books.gets_in("night", "pw")


def test_on_sqlite_there_are_rows_and_nothing_else(tmp_path: Path) -> None:
    """No passwords are asked for; people come, change and go."""
    with opened(f"sqlite:///{tmp_path}/console.db", tmp_path) as console:
        op = {"name": "op-a", "roles": ["operator"], "may_buy": True, "password_env": "UNSET"}
        assert console.accounts.apply(json.dumps({"operators": [op]}), lambda _: None, dry_run=True).statements == ()
        assert console.people.list_people() == ()
        done = console.accounts.apply(json.dumps({"operators": [op]}), lambda _: None)
        assert [(one.done, one.password, one.asks_worker) for one in done.operators] == [("created", "none", False)]
        assert [person.name for person in console.people.list_people()] == ["op-a"]
        console.accounts.apply(json.dumps({"operators": [op | {"disabled": True}]}), lambda _: None)
        assert console.people.list_people() == ()


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
def test_a_file_that_is_not_exactly_right_is_refused(content: str, problem: str, line: int) -> None:
    """With the problem, the line and the name: nothing is guessed about who may do what."""
    with pytest.raises(ConsoleError, match="usage") as refused:
        read_account_entries(content)
    assert (refused.value.detail["problem"], refused.value.detail["line"]) == (problem, line)
