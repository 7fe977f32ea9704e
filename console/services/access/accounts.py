"""Who may act: rows of `operators` from a file, and on a server accounts with least privilege. For `db …` alone."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.domain.errors import ConsoleError
from console.domain.permissions import WORKER
from console.domain.results import AccountDone, AccountsApplied
from console.services.account_file import Entry, flawed, read_entries
from console.services.desk import Desk
from console.store import grants, people, server_accounts, troubles
from console.store.engine import Database, Transaction
from console.store.people import Kept
from console.store.server_accounts import Statement, Wanted

KIND = "operator"
NEEDED = ("CREATE USER", "GRANT OPTION")
Passwords = Callable[[str], str | None]
"""The value of an environment variable, None where it is unset."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One person of the file beside what is kept of them."""

    entry: Entry
    before: Kept | None
    password: str | None = field(repr=False)

    @property
    def changed(self) -> bool:
        return self.before != Kept(self.entry.person, self.entry.disabled)

    def done(self, *, has_passwords: bool) -> AccountDone:
        done = "disabled" if self.entry.disabled else "updated" if self.before else "created"
        kept = "none" if not has_passwords else "set" if self.password else "kept"
        return AccountDone(self.entry.person, done if self.changed or self.password else "unchanged", kept)

    def wanted(self, *, needs_tls: bool) -> Wanted:
        return Wanted(
            name=self.entry.person.name,
            roles=self.entry.person.roles,
            roles_before=self.before.person.roles if self.before else frozenset(),
            password=self.password,
            is_new=self.before is None,
            locked=self.entry.disabled,
            needs_tls=needs_tls,
        )


class Accounts:
    """Makes the database know people as a file names them. Whoever isn't named stays as they are."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def apply(self, content: str, passwords: Passwords, *, dry_run: bool = False) -> AccountsApplied:
        """Create and change accounts, roles and rows of `operators`. Run again, it ends where it would have ended.

        Raises `usage` for the file, `bad_profile` for a password that is missing and `not_allowed` where the account
        that is connected may make no accounts: all before anything is written.
        """
        desk, server = self._desk, self._desk.database.is_server
        entries = read_entries(content)
        with desk.database.read() as conn:
            before = people.kept(conn)
        tasks = [self._task(entry, before.get(entry.person.name), passwords) for entry in entries]
        statements = self._apply_on_server(tasks, dry_run=dry_run) if server else ()
        if not dry_run:
            desk.write(lambda tx: self._keep(tx, tasks))
        return AccountsApplied(tuple(task.done(has_passwords=server) for task in tasks), statements, dry_run)

    def _task(self, entry: Entry, before: Kept | None, passwords: Passwords) -> _Task:
        name, server = entry.person.name, self._desk.database.is_server
        if name == self._desk.database.account:
            raise flawed("accounts_schema_account", entry.line, name)
        if before and WORKER in before.person.roles - entry.person.roles:  # its roots of the trail count by its role
            raise flawed("accounts_was_worker", entry.line, name)
        password = passwords(entry.password_env) if server and entry.password_env else None
        if server and before is None and not password and not entry.disabled:
            variable = entry.password_env or "password_env"
            raise ConsoleError("bad_profile", {"variable": variable, "problem": "password_missing", "name": name})
        if password and not (password.isascii() and password.isprintable()):  # clients differ in how they send others
            raise ConsoleError(
                "bad_profile", {"variable": entry.password_env, "problem": "password_ascii", "name": name}
            )
        return _Task(entry, before, password or None)

    def _keep(self, tx: Transaction, tasks: Sequence[_Task]) -> None:
        """The rows; last, so that a run that was broken off finds those it has not finished."""
        desk, now = self._desk, self._desk.now()
        for task in tasks:
            if not task.changed and not task.password:
                continue
            people.keep(tx.conn, Kept(task.entry.person, task.entry.disabled), now)
            done = task.done(has_passwords=desk.database.is_server)
            facts = {"roles": sorted(done.person.roles), "may_buy": done.person.may_buy, "password": done.password}
            desk.note(tx, f"operator.{_WORDS[done.done]}", done.person.name, facts, kind=KIND)

    # On a server

    def _apply_on_server(self, tasks: Sequence[_Task], *, dry_run: bool) -> tuple[str, ...]:
        database = Database(self._desk.settings.database_url, unhurried=True)
        try:
            with database.read() as conn:
                _require_rights(conn)
                return tuple(_Run(database, conn, dry_run=dry_run).all(tasks))
        finally:
            database.close()


_WORDS = {"created": "added", "updated": "changed", "disabled": "disabled"}


class _Run:
    """One pass over a server's roles and accounts; each statement commits by itself."""

    def __init__(self, database: Database, conn: Connection, *, dry_run: bool) -> None:
        self._database = database
        self._conn = conn
        self._dry_run = dry_run
        self._ran: list[str] = []

    def all(self, tasks: Sequence[_Task]) -> list[str]:
        self._roles({role for task in tasks for role in task.entry.person.roles})
        for task in tasks:
            if task.before is not None or not task.entry.disabled:
                self._account(task)
        return self._ran

    def _roles(self, roles: AbstractSet[str]) -> None:
        for sql in list(grants.role_statements(self._conn, roles)):
            self._one(Statement(sql))

    def _account(self, task: _Task) -> None:
        server = self._database.server
        wanted = task.wanted(needs_tls=not (server and server.on_loopback))
        maria, name = grants.is_mariadb(self._conn), str(self._database.url.database)
        for statement in server_accounts.account_statements(wanted, name, maria=maria):
            self._one(statement, wanted)

    def _one(self, statement: Statement, account: Wanted | None = None) -> None:
        by_whom = f"/* as {account.name} */ " if account and statement.by_account else ""
        self._ran.append(by_whom + statement.sql)
        if self._dry_run:
            return
        if account and statement.by_account:
            self._as(account, statement)
        else:
            _with_words(lambda: statement.run(self._conn))

    def _as(self, account: Wanted, statement: Statement) -> None:
        """On a connection of the account's own; that it can be opened is seen by the way."""
        url = self._database.url.set(username=account.name, password=account.password, database="")
        own = Database(url.render_as_string(hide_password=False), unhurried=True)
        try:
            with own.read() as conn:
                statement.run(conn)
        finally:
            own.close()


def _require_rights(conn: Connection) -> None:
    """Said before anything is written. A right that is hidden in a role is not seen here, and told by the server."""
    lines = list(conn.exec_driver_sql("SHOW GRANTS").scalars())
    everywhere = [line for line in lines if " ON *.* " in line]
    makes = any("CREATE USER" in line or "ALL PRIVILEGES" in line for line in everywhere)
    passes_on = any("WITH GRANT OPTION" in line for line in lines)
    missing = [right for right, there in zip(NEEDED, (makes, passes_on), strict=True) if not there]
    if missing:
        raise ConsoleError("not_allowed", {"reason": "schema_rights", "needs_rights": missing})


def _with_words(act: Callable[[], None]) -> None:
    """A server that refuses half-way: what is missing is named, and running it again goes on from there."""
    try:
        act()
    except DBAPIError as trouble:
        if troubles.code_of(trouble) != "not_allowed" and troubles.number_of(trouble) != _ENTRY_REFUSED:
            raise
        facts = {"reason": "schema_rights", "needs_rights": list(NEEDED), "problem": str(trouble.orig)}
        raise ConsoleError("not_allowed", facts) from trouble


_ENTRY_REFUSED = 1044
