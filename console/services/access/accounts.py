"""Apply the JSON file of the terminal command `db accounts apply`: write the people of the file to the table
`operators`. On a database server, also create and change the accounts of these people, each with only the
rights that its roles need.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from console.domain.access.people_commands import OPERATOR_KIND
from console.domain.access.permissions import APPROVER, OPERATOR, WORKER
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import BadProfileDetail, NotAllowedDetail
from console.domain.reason import ForeignText
from console.domain.service_results import AccountResult, AppliedAccounts
from console.domain.setting_problems import SettingProblem
from console.domain.usage_problems import UsageProblem
from console.services.access.account_file import (
    ROLES_THAT_MAY_ASK_WORKER,
    AccountEntry,
    make_account_file_error,
    read_account_entries,
)
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.store.access import account_properties, grants, server_accounts
from console.store.access import operators as people
from console.store.access.operators import StoredPerson
from console.store.access.server_accounts import AccountStatement, DesiredAccount
from console.store.database import error_codes
from console.store.database.compare_and_swap import run_again_if_stale
from console.store.database.engine import Database, Transaction
from console.store.database.server import make_people_database_name
from console.store.database.sqlalchemy_names import Connection, DatabaseFailure

_ACTING_ROLES = frozenset({OPERATOR, APPROVER, WORKER})
"""Roles whose people act themselves. An account with none of these roles, such as an auditor's, only reads."""
PasswordReader = Callable[[str], str | None]
"""Type of a function that gets the name of an environment variable and returns the password in it; None if the
variable is unset.
"""


@dataclass(frozen=True, slots=True)
class _AccountChange:
    """The changes that one run of `db accounts apply` must make for one person of the file. `entry` is the person's
    entry in the file, `stored_person` the person's present row in the table `operators` (None: the person has no row
    yet), `password` the new password (None: the password stays unchanged).
    """

    entry: AccountEntry
    stored_person: StoredPerson | None
    password: str | None = field(repr=False)

    @property
    def target_person(self) -> StoredPerson:
        """The person's row in the table `operators` once the file is applied. A person whom an administrator has
        disabled stays disabled, unless the file states `disabled`."""
        disabled_by = (
            self.stored_person.disabled_by if self.stored_person and self.entry.is_disabled is None else None
        )
        return StoredPerson(
            self.entry.person,
            is_disabled=bool(self.entry.is_disabled) or disabled_by is not None,
            asks_worker=self.entry.asks_worker,
            disabled_by=disabled_by,
        )

    def follow_decision(self, present_person: StoredPerson | None) -> "_AccountChange":
        """Return this change if no administrator has disabled or enabled the person since the run began, or if the
        file disables the person. Otherwise return a change that leaves the person disabled or enabled as the
        administrators have decided, because their decision is newer than the file. `present_person` is the person's
        row now."""
        if self.entry.is_disabled or self.stored_person is None or present_person is None:
            return self
        if self.stored_person.disabled_by == present_person.disabled_by:
            return self
        return replace(self, entry=replace(self.entry, is_disabled=None), stored_person=present_person)

    @property
    def has_changed(self) -> bool:
        """True if the person's row in the table `operators` differs from `target_person`."""
        return self.stored_person != self.target_person

    @property
    def has_changed_actor(self) -> bool:
        """True if the file changes the account that acts for the person: a worker's account instead of the person's
        own one, or the reverse. False for a person who is new, whom a file disables or has disabled, or who keeps no
        role except `worker`.
        """
        return (
            self.stored_person is not None
            and not (self.stored_person.is_disabled and self.stored_person.disabled_by is None)
            and not self.entry.is_disabled
            and bool(self.stored_person.person.roles & self.entry.person.roles & ROLES_THAT_MAY_ASK_WORKER)
            and self.stored_person.asks_worker != self.entry.asks_worker
        )

    def make_result(self, *, has_passwords: bool) -> AccountResult:
        """Return the result that the command prints for this person: created, updated, disabled or unchanged, and for
        the password `set`, `kept` or `none`. `has_passwords` is False on an SQLite database, which has no accounts;
        the password is then `none`."""
        change = "disabled" if self.entry.is_disabled else "updated" if self.stored_person else "created"
        password_state = "none" if not has_passwords else "set" if self.password else "kept"
        return AccountResult(
            self.entry.person,
            change if self.has_changed or self.password else "unchanged",
            password_state,
            asks_worker=self.entry.asks_worker,
            has_changed_actor=self.has_changed_actor,
            uses_default_actor=self.entry.has_no_acts_key,
            disabled_by=self.target_person.disabled_by,
        )

    def make_target_account(self, granted_roles: AbstractSet[str], *, needs_tls: bool) -> DesiredAccount:
        """Return the account that the server must have for this person once the accounts file is applied.
        `granted_roles`: the server's roles that the account has now; they can differ from the roles in the person's
        stored row if an earlier run was broken off. `needs_tls`: the account may only connect over TLS."""
        return DesiredAccount(
            name=self.entry.person.name,
            roles=grants.list_server_roles(self.entry.person.roles, asks_worker=self.entry.asks_worker),
            roles_before=granted_roles
            | (
                grants.list_server_roles(self.stored_person.person.roles, asks_worker=self.stored_person.asks_worker)
                if self.stored_person
                else frozenset()
            ),
            password=self.password,
            is_locked=bool(self.entry.is_disabled),
            is_suspended=self.target_person.disabled_by is not None,
            needs_tls=needs_tls,
            has_limits=self.entry.asks_worker or not self.entry.person.roles & _ACTING_ROLES,
        )


class DatabaseAccountService:
    """Writes the people of the file of `db accounts apply` to the table `operators`. On a database server, also
    creates and changes their accounts. People who are not in the file stay unchanged."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def apply_account_file(
        self, content: str, passwords: PasswordReader, *, dry_run: bool = False, request_id: str | None = None
    ) -> AppliedAccounts:
        """Create and change accounts, roles and rows of `operators` for the people of the file whose text is
        `content`. `passwords` gets the name of an environment variable and returns the password in it. Return the
        result for each person, and the SQL statements with masked passwords. If a run was interrupted, a repeated
        run completes it.

        All errors are raised before anything is written, except those that the server raises while it executes the
        SQL statements. Raises `bad_profile` (`account_missing`) if the server has no account for a known person, for
        example after the database was restored on another server, and the environment has no password for it. Raises
        `usage` for a mistake in the file. Also raises `usage` if an entry has neither of the keys `acts` and `asks`,
        and would therefore change the account that acts for the person: a worker's account instead of the person's
        own account, or the reverse. A dry run returns these people in its result instead of raising this error.
        Raises `bad_profile` for a missing or unsuitable password, or for a password that the server's rules refuse,
        and `not_allowed` if the connected account may not create accounts. With `dry_run`, the method writes nothing
        and ignores the request id.
        """
        return self._request_ids.act_once(
            "db accounts apply",
            None if dry_run else request_id,
            (content,),
            lambda: self._apply_file(content, passwords, dry_run=dry_run),
        )

    def _apply_file(self, content: str, passwords: PasswordReader, *, dry_run: bool) -> AppliedAccounts:
        context, server = self._context, self._context.database.is_server
        entries = read_account_entries(content)
        with context.database.read() as conn:
            stored_people = people.read_people_by_name(conn)
        changes = [
            self._make_account_change(entry, stored_people.get(entry.person.name), passwords) for entry in entries
        ]
        if not dry_run:
            _refuse_implicit_changes(changes)
        statements = self._apply_changes_to_server(changes, dry_run=dry_run) if server else ()
        if not dry_run:
            changes = context.write(lambda tx: self._write_operator_rows(tx, changes))
        return AppliedAccounts(
            tuple(change.make_result(has_passwords=server) for change in changes), statements, dry_run
        )

    def _make_account_change(
        self, entry: AccountEntry, stored_person: StoredPerson | None, passwords: PasswordReader
    ) -> _AccountChange:
        """Return the change that the file's entry makes; `stored_person` is the person as stored now, None for a new
        one. The password is read from the variable that the entry names. Raises a ConsoleError if the change isn't
        allowed, or the password is missing or not ASCII.
        """
        name, server = entry.person.name, self._context.database.is_server
        entry = entry if server else replace(entry, asks_worker=False)  # no accounts: each person acts directly
        if name == self._context.database.account_name:
            raise make_account_file_error(UsageProblem.ACCOUNTS_OWNER_OF_SCHEMA, entry.line_number, name)
        # the audit trail trusts its roots by the role of their writer, so this role must stay
        if stored_person and WORKER in stored_person.person.roles - entry.person.roles:
            raise make_account_file_error(UsageProblem.ACCOUNTS_NEW_ROLE_FOR_WORKER, entry.line_number, name)
        password = passwords(entry.password_env) if server and entry.password_env else None
        if server and stored_person is None and not password and not entry.is_disabled:
            variable = entry.password_env or "password_env"
            raise ConsoleError(
                ErrorCode.BAD_PROFILE,
                {"variable": variable, "problem": SettingProblem.PASSWORD_MISSING, "name": name},
            )
        # database clients encode other characters in different ways
        if password and not (password.isascii() and password.isprintable()):
            raise ConsoleError(
                ErrorCode.BAD_PROFILE,
                {"variable": entry.password_env or "", "problem": SettingProblem.PASSWORD_NOT_ASCII, "name": name},
            )
        return _AccountChange(entry, stored_person, password or None)

    @run_again_if_stale()
    def _write_operator_rows(self, tx: Transaction, changes: Sequence[_AccountChange]) -> list[_AccountChange]:
        """Write the rows of `operators` that have changed, and those of people with a new password, with their audit
        entries. The caller has already executed all SQL statements that change database accounts: after an
        interruption of these statements no row is written, so a repeated run finds the same changes again. Return the
        changes with the people as they were stored before these writes.
        """
        stored_people = people.read_people_by_name(tx.conn)
        present_changes = [change.follow_decision(stored_people.get(change.entry.person.name)) for change in changes]
        for change, present_change in zip(changes, present_changes, strict=True):
            self._write_operator_row(tx, present_change)
            if present_change is not change:
                people.request_account_lock_renewal(tx.conn, change.entry.person.name)
        return present_changes

    def _write_operator_row(self, tx: Transaction, change: _AccountChange) -> None:
        """Write the person's row of `operators` and an audit entry, if the row changes or there is a new password."""
        context = self._context
        if change.has_changed or change.password:
            people.save_person(tx.conn, change.target_person, context.now())
            account_result = change.make_result(has_passwords=context.database.is_server)
            facts = {
                "roles": sorted(account_result.person.roles),
                "may_buy": account_result.person.may_buy,
                "password": account_result.password,
                "asks": account_result.asks_worker,
            }
            context.record_audit(
                tx,
                _AUDIT_ACTION_BY_CHANGE[account_result.done],
                account_result.person.name,
                facts,
                kind=OPERATOR_KIND,
            )

    # On a server

    def _apply_changes_to_server(self, changes: Sequence[_AccountChange], *, dry_run: bool) -> tuple[str, ...]:
        """Execute the SQL statements that change the accounts on the server, and return the statements as text; with
        `dry_run`, only return them. Raises an error if the connected account lacks a needed database right, or if a
        change would concern an account of another program.
        """
        database = Database(self._context.settings.database_url, without_time_limit=True)
        try:
            with database.read() as conn:
                _require_database_rights(
                    conn, has_people_with_worker=any(change.entry.asks_worker for change in changes)
                )
                _refuse_accounts_of_others(conn, changes)
                return tuple(
                    _AccountStatementExecutor(database, conn, dry_run=dry_run).run_account_statements(changes)
                )
        finally:
            database.close()


def _refuse_implicit_changes(changes: Sequence[_AccountChange]) -> None:
    """Raise ConsoleError `usage` if an entry without the keys `acts` and `asks` would change the account that acts
    for a person: a worker's account instead of the person's own one, or the reverse. Without this check, one run with
    a file of an earlier version, in which people acted themselves by default, would make a worker act for every
    person of the team.
    """
    unstated_entries = [
        change.entry for change in changes if change.has_changed_actor and change.entry.has_no_acts_key
    ]
    if unstated_entries:
        names = [entry.person.name for entry in unstated_entries]
        raise make_account_file_error(
            UsageProblem.ACCOUNTS_ACTS_NOT_STATED, unstated_entries[0].line_number, names[0], names=names
        )


def _refuse_accounts_of_others(conn: Connection, changes: Sequence[_AccountChange]) -> None:
    """Raise ConsoleError `usage` if a new person of the file has the name of an account with rights on the whole
    server, such as that of a database administrator or of a replica. Otherwise the command would change this
    account's password and limits, and the person would have the account's rights, which no trigger refuses. Raise it
    also for a person whose account belongs to another database of the server: the command would change the password
    with which the person signs in to that database, and end with an error at the first GRANT of the account's own
    role."""
    new_entries = [change.entry for change in changes if change.stored_person is None]
    names = account_properties.find_names_with_server_wide_rights(conn, [entry.person.name for entry in new_entries])
    for entry in new_entries:
        if entry.person.name in names:
            raise make_account_file_error(
                UsageProblem.ACCOUNTS_ACCOUNT_OF_SERVER, entry.line_number, entry.person.name
            )
    entries = [change.entry for change in changes]
    names = grants.find_names_used_by_other_databases(conn, [entry.person.name for entry in entries])
    for entry in entries:
        if entry.person.name in names:
            problem = UsageProblem.ACCOUNTS_ACCOUNT_OF_OTHER_DATABASE
            raise make_account_file_error(problem, entry.line_number, entry.person.name)


_AUDIT_ACTION_BY_CHANGE = {
    "created": AuditAction.OPERATOR_ADDED,
    "updated": AuditAction.OPERATOR_CHANGED,
    "disabled": AuditAction.OPERATOR_DISABLED,
}


class _AccountStatementExecutor:
    """Executes, in one run of `db accounts apply`, the SQL statements that create and change the roles and
    accounts of a database server. The server commits each statement separately."""

    def __init__(self, database: Database, conn: Connection, *, dry_run: bool) -> None:
        self._database = database
        self._conn = conn
        self._dry_run = dry_run
        self._statements: list[str] = []

    def run_account_statements(self, changes: Sequence[_AccountChange]) -> list[str]:
        """Execute all SQL statements for the people of `changes`; in a dry run, only list these statements. Return
        the statements without passwords."""
        # Before this run creates roles, so that a dry run lists the same statements.
        granted_roles = grants.read_granted_roles(self._conn, [change.entry.person.name for change in changes])
        self._create_roles(
            {
                role
                for change in changes
                for role in grants.list_server_roles(change.entry.person.roles, asks_worker=change.entry.asks_worker)
            }
        )
        for change in changes:
            present_roles = granted_roles[change.entry.person.name]
            # A new person who is disabled has an account only if a run was broken off.
            if change.stored_person is not None or not change.entry.is_disabled or present_roles:
                self._apply_account_change(change, present_roles)
        return self._statements

    def _create_roles(self, roles: AbstractSet[str]) -> None:
        for sql in list(grants.make_role_statements(self._conn, roles)):
            self._run_statement(AccountStatement(sql))

    def _apply_account_change(self, change: _AccountChange, granted_roles: AbstractSet[str]) -> None:
        """Execute the SQL statements that create or change the account of one person, which has the server's roles
        `granted_roles`; in a dry run, only list the statements. If the server refuses the password, or if it has no
        account for an enabled person and the environment has no password for this person, raise bad_profile: the
        earlier statements stay executed, and a repeated run of the command completes the file."""
        server = self._database.server
        account = change.make_target_account(
            granted_roles,
            needs_tls=not (server and server.is_on_loopback) or _can_accept_remote_clients(self._conn),
        )
        is_mariadb, database_name = grants.is_mariadb(self._conn), grants.read_database_name(self._conn)
        for statement in server_accounts.make_account_statements(account, database_name, is_mariadb=is_mariadb):
            try:
                self._run_statement(statement, account)
            except DatabaseFailure as error:
                problem = _PROBLEM_OF_ACCOUNT_ERROR.get(error_codes.find_error_number(error))
                if problem is None:
                    raise
                if problem is SettingProblem.ACCOUNT_MISSING and account.is_locked:
                    return  # nobody can sign in with an account that doesn't exist
                detail: BadProfileDetail = {
                    "variable": change.entry.password_env or "password_env",
                    "problem": problem,
                    "name": account.name,
                }
                raise ConsoleError(ErrorCode.BAD_PROFILE, detail) from error

    def _run_statement(self, statement: AccountStatement, account: DesiredAccount | None = None) -> None:
        """Add the statement to the list of executed statements and, unless this is a dry run, execute it. If
        `account` is given, the statement runs in the name of this account, on a connection of this account. `account`
        is None for a statement that concerns no account, such as a statement about a role."""
        comment = f"/* as {account.name} */ " if account and statement.runs_as_account else ""
        self._statements.append(comment + statement.sql)
        if self._dry_run:
            return
        if account and statement.runs_as_account:
            self._run_statement_as_account(account, statement)
        else:
            _run_statement_with_explained_refusal(self._conn, lambda: statement.run(self._conn))

    def _run_statement_as_account(self, account: DesiredAccount, statement: AccountStatement) -> None:
        """Execute the SQL statement on a new connection that signs in as `account`. This also proves that the
        account can sign in."""
        url = self._database.url.set(username=account.name, password=account.password, database="")
        account_database = Database(url.render_as_string(hide_password=False), without_time_limit=True)
        try:
            with account_database.read() as conn:
                statement.run(conn)
        finally:
            account_database.close()


def _list_needed_database_rights(conn: Connection, *, has_people_with_worker: bool = True) -> Mapping[str, str]:
    """Return the database rights that the connected account needs to create accounts, each with the regular
    expression that finds the right in a line of SHOW GRANTS. On MySQL this includes ROLE_ADMIN, without which
    the creator of a role can't grant it. `has_people_with_worker` is True if the accounts file lists a person for
    whom a worker acts. The account of such a person reads through SQL views, which the connected account must create.
    """
    patterns = {"CREATE USER": "(CREATE USER|ALL PRIVILEGES).* ON [*]", "GRANT OPTION": "WITH GRANT OPTION"}
    if not grants.is_mariadb(conn):
        patterns["ROLE_ADMIN"] = "(ROLE_ADMIN|SUPER).* ON [*]"
    if has_people_with_worker:
        people_database_name = make_people_database_name(grants.read_database_name(conn))
        # SHOW GRANTS writes an underscore with a backslash if the statement had one
        database_pattern = re.escape(people_database_name).replace("_", r"\\*_")
        patterns[f"ALL ON `{people_database_name}`.*"] = (
            rf"(ALL PRIVILEGES|CREATE VIEW).* ON ([*]|`{database_pattern}`)[.][*]"
        )
    return patterns


def _can_accept_remote_clients(conn: Connection) -> bool:
    """True if the database server accepts encrypted connections from other machines, even if the connected account
    itself uses a local address."""
    return account_properties.accepts_remote_connections(conn) and account_properties.supports_encryption(conn)


def _require_database_rights(conn: Connection, *, has_people_with_worker: bool) -> None:
    """Raise not_allowed, before anything is written, if SHOW GRANTS of the connected account lacks a right that
    the creation of accounts needs. `has_people_with_worker` is True if the accounts file lists a person for whom a
    worker acts.
    """
    grant_lines = list(conn.exec_driver_sql("SHOW GRANTS").scalars())
    missing_rights = [
        right
        for right, pattern in _list_needed_database_rights(
            conn, has_people_with_worker=has_people_with_worker
        ).items()
        if not any(re.search(pattern, line) for line in grant_lines)
    ]
    if missing_rights:
        raise ConsoleError(
            ErrorCode.NOT_ALLOWED,
            {"reason": NotAllowedReason.MAY_NOT_MANAGE_ACCOUNTS, "needs_rights": missing_rights},
        )


def _run_statement_with_explained_refusal(conn: Connection, run_statement: Callable[[], None]) -> None:
    """Call `run_statement`, which executes one SQL statement of `db accounts apply`. If the server refuses the
    statement for lack of rights, raise ConsoleError not_allowed with the needed rights. The earlier statements stay
    executed, and a repeated run of the command completes the file. Other errors of the database are raised unchanged.
    """
    try:
        run_statement()
    except DatabaseFailure as error:
        if (
            error_codes.find_database_error_code(error) != ErrorCode.NOT_ALLOWED
            and error_codes.find_error_number(error) != _DATABASE_ACCESS_DENIED_ERROR_NUMBER
        ):
            raise
        facts: NotAllowedDetail = {
            "reason": NotAllowedReason.MAY_NOT_MANAGE_ACCOUNTS,
            "needs_rights": list(_list_needed_database_rights(conn)),
            "problem": ForeignText(str(error.orig)),
        }
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts) from error


_DATABASE_ACCESS_DENIED_ERROR_NUMBER = 1044
_PROBLEM_OF_ACCOUNT_ERROR: Mapping[int | None, SettingProblem] = {
    **dict.fromkeys(error_codes.PASSWORD_REFUSED_ERRORS, SettingProblem.PASSWORD_REFUSED_BY_SERVER),
    error_codes.NO_SUCH_ACCOUNT_ERROR: SettingProblem.ACCOUNT_MISSING,
}
