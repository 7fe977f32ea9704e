"""Rights of each console role, by table and column, and the statements that grant exactly these rights.

For each database, each console role is a role of the server: `books/operator` is the role `operator` of the database
`books`. MariaDB allows only one default role per database account. So on MariaDB each account has one role of its own
(`console:op-a`), and the console roles are granted to this role.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.domain.access.permissions import ADMIN, ALL_ROLES, APPROVER, AUDITOR, OPERATOR, WORKER
from console.store.access import people_views
from console.store.database.server import make_people_database_name, reads_views
from console.store.schema import core as schema

MAX_ROLE_NAME_CHARACTERS = 32
"""Longest name of a role that MySQL accepts, in characters."""

END_LOCK_HOLDER_PROCEDURE = "console_end_lock_holder"
"""Name of the stored procedure by which a worker ends a person's session that blocks other sessions; see
`lock_holders`.
"""
XA_RIGHT = "XA_RECOVER_ADMIN"
"""MySQL's right to see the prepared transactions of other accounts. A server administrator grants it to a worker."""
Right = tuple[str, str, str]
"""A right as (object, privilege, column). The object is `database`.`table`, as in a GRANT statement; an empty column
means the whole table.
"""

_CREDIT_CHECKS_TABLE = schema.credit_checks.name
_TABLES_OF_ALL_ROLES = (
    "alembic_version",
    "console_alembic_version",
    "console_meta",
    "limits",
    "operators",
    "read_only_switches",
    "sessions",
)
_RECORD_TABLES = (
    _CREDIT_CHECKS_TABLE, "accounts", "alerts", "approvals", "audit_log", "bulk_rows", "bulk_runs", "changes",
    "documents", "evidence", "incident_steps", "leases", "lost_operations", "mentions", "notes", "operations",
    "orders", "outbox", "payment_events", "payments", "reconciliation_rows", "reconciliations", "refunds", "sagas",
    "saved_views", "set_asides", "stock_reservations", "takes", "tasks", "watched_corporations",
)  # fmt: skip
_PROVIDER_CALL_TABLES = ("call_rates", "provider_tokens", "request_ids")
_LOG_TABLES = ("audit_log", "sessions")
_TABLES_WITH_INSERT_RIGHT = (
    *_LOG_TABLES, "alerts", "bulk_rows", "bulk_runs", "call_rates", "changes", "console_meta", "documents",
    "evidence",
    "leases", "lost_operations", "operations", "outbox", "payments", "provider_tokens", "reconciliation_rows",
    "reconciliations", "request_ids", "sagas", "set_asides", "takes", "tasks", "watched_corporations",
)  # fmt: skip
_PROVIDER_NOTICE_TABLES = ("payment_events",)
_PERSON_DECISION_TABLES = (
    _CREDIT_CHECKS_TABLE,
    "approvals",
    "incident_steps",
    "mentions",
    "notes",
    "refunds",
    "saved_views",
)
# Columns that the services change in existing rows. All other columns keep their first value.
_UPDATABLE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    _CREDIT_CHECKS_TABLE: (
        "corporation_number", "credit_check_id", "company_name", "purchased_at", "expired_at", "result",
        "pdf_file_path", "status", "certainty", "work_state", "work_at", "work_reason", "work_attempts", "error_code",
        "viewing_over", "superseded_at", "superseded_by", "duplicate_of", "changed_at", "state_since",
        "version",
    ),
    "accounts": ("balance_minor", "reserved_minor", "version"),
    "alerts": ("resolved_at", "acknowledged_by", "acknowledged_at", "note"),
    "approvals": ("closed_at",),
    "bulk_rows": ("result", "reason", "done_at"),
    "bulk_runs": ("state", "most", "changed_at", "ended_at", "reason", "version"),
    "call_rates": ("lease_clock", "not_before"),
    "documents": ("fetched_at",),
    "leases": (
        "operator", "desk", "host", "process", "since", "until", "lease_clock", "lease_expires", "fence", "token",
    ),
    "mentions": ("done_at",),
    "operations": (
        "state", "idempotency_key", "result", "ended_at", "outcome_class", "outcome_reason", "lease_expires", "fence",
        "answer_key",
    ),
    "orders": (
        "status", "updated_at", "atom_token_id", "atom_txn_id", "payment_method", "work_state", "work_at",
        "work_reason", "work_attempts", "state_since", "version",
    ),
    "outbox": ("next_at", "attempts", "trouble", "published_at"),
    "payment_events": ("payment_id", "done"),
    "payments": (
        "order_id", "provider_payment_id", "corporation_number", "payer_ref", "status", "certainty", "work_state",
        "work_at", "work_reason", "work_attempts", "captured_minor", "reserved_minor", "refunded_minor",
        "set_aside_minor", "outside_minor", "account_minor", "by_code", "handle", "url", "payment_expires_at",
        "begun_at", "paid_at",
        "provider_state", "provider_minor", "provider_refunded_minor", "told_at", "payment_last_event_id",
        "error_code", "operation_id", "changed_at", "state_since", "version", "booked_at", "late_after",
    ),
    "provider_tokens": ("sealed", "expires_at", "version", "used_first", "changed_at"),
    "reconciliation_rows": ("case_opened",),
    "reconciliations": (
        "state", "phase", "position", "matched", "imported", "missing_there", "different_state", "different_amount",
        "evidence_id", "reason", "changed_at", "ended_at", "version",
    ),
    "refunds": (
        "refund_txn_id", "status", "certainty", "work_state", "work_at", "work_reason", "work_attempts",
        "declined_because", "provider_refund_key", "provider_state", "told_at", "first_sent_at", "last_sent_at",
        "sent_count", "not_found", "first_not_found_at", "error_code", "operation_id", "changed_at",
        "state_since", "version",
    ),
    "request_ids": (
        "command", "fingerprint", "state", "begun_ms", "subject_kind", "subject_id", "operation_id", "answer", "desk",
        "host", "process", "since", "token", "lease_clock", "lease_expires", "fence",
    ),
    "sagas": ("state", "step", "facts", "reason", "changed_at", "next_at", "attempts", "ended_at", "version"),
    "saved_views": ("name", "claim", "content", "changed_by", "changed_at", "deleted_at", "version"),
    "set_asides": ("status", "refund_id", "changed_at", "version"),
    "stock_reservations": ("status", "updated_at"),
    "takes": ("person", "taken_at", "until"),
    "tasks": (
        "every_seconds", "next_at", "begun_at", "ended_at", "taken", "trouble", "failures", "position", "version",
    ),
    "watched_corporations": ("facts", "facts_before", "registry_date", "changed_at", "version"),
}  # fmt: skip

RightSet = frozenset[tuple[str, str, str]]
"""A set of rights, each as (table, privilege, column); an empty column means the whole table."""


_TEAM_MODE_ROLE_SUFFIX = ".asks"
"""Suffix of the name of the server's role for a person whose desk only sends desk requests."""


def get_team_mode_role(role: str) -> str:
    """Return the name of the server's role, without the name of the database, that a person with the console role
    `role` has in team mode: the person's desk only sends desk requests to a worker.
    """
    return f"{role}{_TEAM_MODE_ROLE_SUFFIX}"


def _make_select_rights(tables: Iterable[str]) -> RightSet:
    return frozenset((table, "SELECT", "") for table in tables)


def _make_insert_rights(tables: Iterable[str]) -> RightSet:
    return frozenset((table, "INSERT", "") for table in tables)


_UPDATE_RIGHTS: RightSet = frozenset(
    (table, "UPDATE", column) for table, columns in _UPDATABLE_COLUMNS.items() for column in columns
)
_RECORD_WRITER_RIGHTS = (
    _make_select_rights((*_TABLES_OF_ALL_ROLES, *_RECORD_TABLES, *_PROVIDER_CALL_TABLES))
    | _make_insert_rights(_TABLES_WITH_INSERT_RIGHT)
    | _UPDATE_RIGHTS
)
# An account that may not read records still writes refusals to the audit trail. For that it reads the last row of its
# chain.
_HASH_CHAIN_RIGHTS: RightSet = frozenset(("audit_log", "SELECT", column) for column in ("session", "seq", "hash"))

_RIGHTS_OF_BACKUP_ACCOUNTS = frozenset(("SELECT", "LOCK TABLES", "PROCESS", "RELOAD"))
"""Rights of accounts that read a database for a backup (docs/backup.md). An account with these rights alone can't see
triggers."""
_PROCEDURE_PREFIX = "PROCEDURE "
_DESK_REQUEST_TABLES = ("requests", "request_files")
# Rights of people for whom a worker acts, all of them on views.
_VIEW_RIGHTS = _make_select_rights((*people_views.COMMON_VIEWS, *people_views.RECORD_VIEWS))
_DESK_REQUEST_RIGHTS = _VIEW_RIGHTS | _make_insert_rights(_DESK_REQUEST_TABLES)
_ADMIN_DESK_REQUEST_RIGHTS = _make_select_rights((*people_views.COMMON_VIEWS, "accounts")) | _make_insert_rights(
    ("requests",)
)
_REQUEST_EXECUTOR_RIGHTS: RightSet = _make_select_rights(_DESK_REQUEST_TABLES) | frozenset(
    ("requests", "UPDATE", column)
    for column in ("state", "progress", "result", "taken_by", "worker", "lease_clock", "lease_expires", "fence",
                   "ended_at")
)  # fmt: skip

RIGHTS_OF_ROLE: Mapping[str, RightSet] = {
    OPERATOR: _RECORD_WRITER_RIGHTS | _make_insert_rights(_PERSON_DECISION_TABLES),
    APPROVER: _RECORD_WRITER_RIGHTS | _make_insert_rights((*_PERSON_DECISION_TABLES, "read_only_switches")),
    WORKER: _RECORD_WRITER_RIGHTS
    | _REQUEST_EXECUTOR_RIGHTS
    | _make_insert_rights((*_PROVIDER_NOTICE_TABLES, *_PERSON_DECISION_TABLES, "limits", "read_only_switches"))
    | {(END_LOCK_HOLDER_PROCEDURE, "EXECUTE", ""), ("limits", "UPDATE", "value")}
    | {("operators", "UPDATE", column) for column in ("disabled_at", "disabled_by", "disabled_reason")},
    AUDITOR: _make_select_rights((*_TABLES_OF_ALL_ROLES, *_RECORD_TABLES)) | _make_insert_rights(_LOG_TABLES),
    ADMIN: _make_select_rights(_TABLES_OF_ALL_ROLES) | _HASH_CHAIN_RIGHTS | _make_insert_rights(_LOG_TABLES),
    get_team_mode_role(OPERATOR): _DESK_REQUEST_RIGHTS,
    get_team_mode_role(APPROVER): _DESK_REQUEST_RIGHTS,
    get_team_mode_role(AUDITOR): _VIEW_RIGHTS | _make_insert_rights(("requests",)),
    get_team_mode_role(ADMIN): _ADMIN_DESK_REQUEST_RIGHTS,
}
"""Rights of each role, each as (table, privilege, column); an empty column means the whole table. No role may delete
rows, or change a column that is written only once.

A person for whom a worker acts has the role `get_team_mode_role(role)` instead of the role itself. It has rights on
the views of these tables, and none on the tables.
"""
TEAM_MODE_ROLES = frozenset(role for role in RIGHTS_OF_ROLE if role.endswith(_TEAM_MODE_ROLE_SUFFIX))
"""The server's roles for people whose desks only send desk requests to a worker."""


@dataclass(frozen=True, slots=True)
class AccessFault:
    """A fault of a database account, right, view or trigger: its code (`code`), and the name of the faulty object
    (`object_name`).
    """

    code: str
    object_name: str


def list_server_roles(roles: AbstractSet[str], *, asks_worker: bool) -> frozenset[str]:
    """Return the names of the server's roles, without the name of the database (see `make_role_name`), for a person
    with the console roles `roles`. With `asks_worker`, the person is in team mode: each role that has a team mode
    role (`get_team_mode_role`) in RIGHTS_OF_ROLE is replaced by it.
    """
    return frozenset(
        get_team_mode_role(role) if asks_worker and get_team_mode_role(role) in RIGHTS_OF_ROLE else role
        for role in roles
    )


def make_role_name(database: str, role: str) -> str:
    """Return the full name of the server's role `role` of this database, such as `books/operator`. A name longer than
    MAX_ROLE_NAME_CHARACTERS is shortened and gets a digest of the database's name.
    """
    name = f"{database}/{role}"
    if len(name) <= MAX_ROLE_NAME_CHARACTERS:
        return name
    digest = sha256(database.encode()).hexdigest()[:6]
    return f"{database[: MAX_ROLE_NAME_CHARACTERS - len(role) - 8]}~{digest}/{role}"


def make_own_role_name(person_name: str) -> str:
    """Return the name of the role that the account of a person has for itself on MariaDB."""
    return f"console:{person_name}"


def find_names_used_by_other_databases(conn: Connection, people_names: Iterable[str]) -> frozenset[str]:
    """Return those of `people_names` whose own role on MariaDB was created by another schema account, for another
    database: the role exists, but the connected account may not grant it. Return no name if the connected account may
    not read `mysql.user`, and on MySQL."""
    if not is_mariadb(conn):
        return frozenset()
    try:
        roles = set(conn.exec_driver_sql("SELECT User FROM mysql.user WHERE is_role = 'Y'").scalars())
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return frozenset()
    grantable = "SELECT role_name FROM information_schema.applicable_roles WHERE is_grantable = 'YES'"
    foreign_roles = {str(role) for role in roles - set(conn.exec_driver_sql(grantable).scalars())}
    return frozenset(name for name in people_names if make_own_role_name(name) in foreign_roles)


def read_granted_roles(conn: Connection, people_names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the roles that the server has granted to each person's account, as a mapping from the person's name to
    roles of this database. They can differ from those in the table `operators`, if a run of `db accounts apply` was
    broken off.

    On MariaDB, these are the roles granted to the account's own role; none if the connected account may not read
    them. On MySQL, the schema account can't read the roles of another account, so all existing roles are returned.
    """
    database = read_database_name(conn)
    name_by_role = {role: make_role_name(database, role) for role in RIGHTS_OF_ROLE}
    if not is_mariadb(conn):
        existing_roles = frozenset(
            role for role, name in name_by_role.items() if _read_rights_on_mysql(conn, name) is not None
        )
        return dict.fromkeys(people_names, existing_roles)
    granted_roles = {}
    for person_name in people_names:
        own_role = make_own_role_name(person_name)
        lines = frozenset(_read_grant_lines_on_mariadb(conn, own_role) or ())
        granted_roles[person_name] = frozenset(
            role
            for role, name in name_by_role.items()
            if f"GRANT {quote_identifier(name)} TO {quote_identifier(own_role)}" in lines
        )
    return granted_roles


def quote_identifier(name: str) -> str:
    """Return the name in backticks, with each backtick in it doubled, for use as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def make_role_statements(conn: Connection, roles: Iterable[str]) -> Iterator[str]:
    """Yield the statements that create each of `roles` on the server and give it exactly its rights. If one of
    `roles` is for people for whom a worker acts, also yield the statements that create the SQL views for these
    people, as far as the views are missing in the database.
    """
    database, columns = read_database_name(conn), _read_columns_and_procedures(conn)
    if TEAM_MODE_ROLES & set(roles):
        yield from people_views.make_view_statements(conn, database, replaces_existing=False)
    for role in sorted(roles):
        name = make_role_name(database, role)
        required_rights, present_rights = (
            _list_required_rights(database, role, columns),
            read_rights_of_role(conn, name),
        )
        if present_rights is None:
            yield f"CREATE ROLE IF NOT EXISTS {quote_identifier(name)}"
            # On MySQL the creator can read a role's rights only if the role is granted to it, active or not.
            if not is_mariadb(conn):
                yield f"GRANT {quote_identifier(name)} TO CURRENT_USER()"
        yield from _make_grant_statements("GRANT", "TO", name, required_rights - (present_rights or set()))
        yield from _make_grant_statements("REVOKE", "FROM", name, (present_rights or set()) - required_rights)


def renew_role_rights(conn: Connection) -> bool:
    """Give each existing console role exactly the rights of this program version. Return True if a role had missing
    or excess rights. Roles that the connected account may not read are skipped.

    If one of the existing roles is in TEAM_MODE_ROLES (for people for whom a worker acts), also replace the SQL views
    that these people read. The program calls this function after an upgrade or an adoption.
    """
    database = read_database_name(conn)
    existing_roles = [
        role
        for role in sorted(RIGHTS_OF_ROLE)
        if read_rights_of_role(conn, make_role_name(database, role)) is not None
    ]
    if TEAM_MODE_ROLES & set(existing_roles):
        for statement in list(people_views.make_view_statements(conn, database, replaces_existing=True)):
            run_statement(conn, statement)
    statements = list(make_role_statements(conn, existing_roles))
    for statement in statements:
        run_statement(conn, statement)
    return bool(statements)


def find_faults_of_rights(conn: Connection) -> tuple[AccessFault, ...]:
    """Return a fault for each missing or excess right, and for each missing role or view. An account that may grant
    rights (`may_grant_rights`) checks all roles; any other account checks only its own rights.
    """
    database, columns = read_database_name(conn), _read_columns_and_procedures(conn)
    faults: list[AccessFault] = []
    roles_by_person = _read_roles_by_person(conn) if may_grant_rights(conn) else {}
    used_roles = frozenset().union(*roles_by_person.values())
    for role in sorted(RIGHTS_OF_ROLE):
        rights = read_rights_of_role(conn, make_role_name(database, role))
        if rights is None and role in used_roles:
            faults.append(AccessFault("missing_role", role))
        if rights is not None and may_grant_rights(conn):
            required_rights = _list_required_rights(database, role, columns)
            faults += [
                AccessFault("missing_grant", f"{role}: {_format_right(right)}")
                for right in sorted(required_rights - rights)
            ]
            faults += [
                AccessFault("unexpected_grant", f"{role}: {_format_right(right)}")
                for right in sorted(rights - required_rights)
            ]
    if TEAM_MODE_ROLES & used_roles:
        faults += [AccessFault("missing_view", name) for name in people_views.list_missing_views(conn, database)]
    if is_mariadb(conn):
        faults += [
            AccessFault("unexpected_grant", f"{person}: {role}")
            for person, granted_roles in sorted(read_granted_roles(conn, roles_by_person).items())
            for role in sorted(granted_roles - roles_by_person[person])
        ]
    return (*faults, *_find_own_right_faults(conn, database, columns))


def _read_roles_by_person(conn: Connection) -> dict[str, frozenset[str]]:
    """Return the names of the server's roles that each operator needs, by the operator's name. An operator whom the
    file of accounts has disabled needs none. One whom an administrator has disabled keeps them, in a locked account.
    """
    rows = conn.exec_driver_sql(
        "SELECT name, roles, asks, disabled_at IS NOT NULL AND disabled_by IS NULL FROM operators"
    ).all()
    return {
        str(name): frozenset()
        if is_disabled
        else list_server_roles(_parse_roles(roles), asks_worker=bool(is_asking_worker))
        for name, roles, is_asking_worker, is_disabled in rows
    }


def _parse_roles(roles: str) -> frozenset[str]:
    """Return the known console roles in a text of roles that are separated by commas, such as "operator,
    approver".
    """
    return ALL_ROLES & frozenset(role.strip() for role in str(roles).split(","))


def list_tables_with_visible_triggers(conn: Connection) -> frozenset[str] | None:
    """Return the tables whose triggers the connected account can see. An operator's account sees the triggers of the
    tables to which it may write; on MySQL it sees none. An account that belongs to no operator sees none if it has
    only the rights for backups. Return None if the account can see all triggers: the schema account, and any other
    account that belongs to no operator.
    """
    roles = _read_roles_of_account(conn)
    if roles is None:
        grant_lines = conn.exec_driver_sql("SHOW GRANTS").scalars()
        privileges = {privilege for line in grant_lines for _, privilege, _ in _parse_grant(line)}
        return frozenset() if privileges <= _RIGHTS_OF_BACKUP_ACCOUNTS else None
    if not is_mariadb(conn):
        return frozenset()
    rights = (right for role in roles - TEAM_MODE_ROLES for right in RIGHTS_OF_ROLE[role])
    return frozenset(table for table, privilege, _ in rights if privilege != "SELECT")


def _read_roles_of_account(conn: Connection) -> AbstractSet[str] | None:
    """Return the server's roles of the connected account. Return None if the account may grant rights, or if it
    belongs to no operator or to a disabled one.
    """
    row = conn.exec_driver_sql(
        "SELECT roles, asks FROM operators WHERE name = SUBSTRING_INDEX(USER(), '@', 1) AND disabled_at IS NULL"
    ).first()
    return (
        None
        if row is None or may_grant_rights(conn)
        else list_server_roles(_parse_roles(row[0]), asks_worker=bool(row[1]))
    )


def read_rights_of_role(conn: Connection, role: str) -> frozenset[Right] | None:
    """Return the rights of a role on the server. Return None if the role doesn't exist or the connected account may
    not read its rights.
    """
    if not is_mariadb(conn):
        return _read_rights_on_mysql(conn, role)
    grant_lines = _read_grant_lines_on_mariadb(conn, role)
    return None if grant_lines is None else frozenset(right for line in grant_lines for right in _parse_grant(line))


def _read_grant_lines_on_mariadb(conn: Connection, role: str) -> list[str] | None:
    """Return the lines of SHOW GRANTS for a role. Return None if the role doesn't exist or the connected account may
    not read its rights.
    """
    active_roles = conn.exec_driver_sql("SELECT CURRENT_ROLE()").scalar()
    try:
        run_statement(conn, f"SET ROLE {quote_identifier(role)}")
        return list(conn.exec_driver_sql("SHOW GRANTS FOR CURRENT_ROLE").scalars())
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
    finally:
        if not conn.invalidated:
            run_statement(conn, f"SET ROLE {quote_identifier(active_roles) if active_roles else 'NONE'}")


def _read_rights_on_mysql(conn: Connection, role: str) -> frozenset[Right] | None:
    """Return the rights of a role on MySQL; None if the connected account may not read them.

    An administrator can read any role. For an ordinary account MySQL lists the role's rights together with the
    account's own rights. Of this list, rights on whole databases are removed, because a role of the console has none.
    The account's own rights on single tables are removed, too, such as those of the schema account on tables of the
    server.
    """
    try:
        grant_lines = list(conn.exec_driver_sql(f"SHOW GRANTS FOR {quote_identifier(role)}").scalars())
        return frozenset(right for line in grant_lines for right in _parse_grant(line))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
    try:
        grant_lines = list(
            conn.exec_driver_sql(f"SHOW GRANTS FOR CURRENT_USER() USING {quote_identifier(role)}").scalars()
        )
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
    parsed_rights = (right for line in grant_lines for right in _parse_grant(line) if not right[0].endswith(".*"))
    return frozenset(parsed_rights) - _read_own_rights_on_mysql(conn)


def _read_own_rights_on_mysql(conn: Connection) -> frozenset[Right]:
    """Return the rights that the connected account has without any role."""
    active_roles = conn.exec_driver_sql("SELECT CURRENT_ROLE()").scalar()  # NONE, or a list of quoted names
    run_statement(conn, "SET ROLE NONE")
    try:
        grant_lines = list(conn.exec_driver_sql("SHOW GRANTS").scalars())
    finally:
        if not conn.invalidated:
            run_statement(conn, f"SET ROLE {active_roles}")
    return frozenset(right for line in grant_lines for right in _parse_grant(line))


def run_statement(conn: Connection, statement: str, secret: str | None = None) -> None:
    """Execute one statement. If `secret` is given, it is bound as a parameter in place of the first `'***'` in the
    statement.
    """
    escaped_statement = statement.replace("%", "%%")
    if secret is None:
        conn.exec_driver_sql(escaped_statement, ())
    else:
        conn.exec_driver_sql(escaped_statement.replace("'***'", "%s", 1), (secret,))


def is_mariadb(conn: Connection) -> bool:
    """True if the connected server is MariaDB."""
    return bool(getattr(conn.dialect, "is_mariadb", False))


def read_database_name(conn: Connection) -> str:
    """Return the name of the console's database as the server has it, also on a connection to the second database,
    which has the views for people (`people_views`). The name in the URL may have capital letters that the server
    ignores (`lower_case_table_names`).
    """
    name = str(conn.exec_driver_sql("SELECT DATABASE()").scalar())
    return name.removesuffix(make_people_database_name("")) if reads_views(conn) else name


def _read_columns_and_procedures(conn: Connection) -> frozenset[tuple[str, str]]:
    """Return (table, column) for each column of the connected database, and (name, "") for each stored procedure."""
    rows = conn.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        " UNION ALL SELECT routine_name, '' FROM information_schema.routines WHERE routine_schema = DATABASE()"
    )
    return frozenset((str(table), str(column)) for table, column in rows)


def _list_required_rights(database: str, role: str, columns: AbstractSet[tuple[str, str]]) -> frozenset[Right]:
    """Return the rights that the server's role for the console role `role` must have on this database. They are
    limited to the existing tables and columns (`columns`), because a table has only some of its columns before its
    adoption."""
    tables = {table for table, _ in columns} | people_views.VIEWS_WITHOUT_TABLE
    quoted_database = quote_identifier(make_people_database_name(database) if role in TEAM_MODE_ROLES else database)
    return frozenset(
        (
            f"{_PROCEDURE_PREFIX if privilege == 'EXECUTE' else ''}{quoted_database}.{quote_identifier(table)}",
            privilege,
            column,
        )
        for table, privilege, column in RIGHTS_OF_ROLE[role]
        if table in tables and (not column or (table, column) in columns)
    )


def _make_grant_statements(command: str, preposition: str, role: str, rights: Iterable[Right]) -> Iterator[str]:
    """Yield the statements that give `rights` to the role or take them from it, one statement for each table or
    procedure. `command` is GRANT or REVOKE, `preposition` is TO or FROM."""
    by_object: dict[str, dict[str, list[str]]] = {}
    for granted_object, privilege, column in sorted(rights):
        by_object.setdefault(granted_object, {}).setdefault(privilege, []).append(column)
    for granted_object, privileges in by_object.items():
        privilege_text = ", ".join(
            privilege + _format_column_list(columns) for privilege, columns in privileges.items()
        )
        yield f"{command} {privilege_text} ON {granted_object} {preposition} {quote_identifier(role)}"


def _format_column_list(columns: list[str]) -> str:
    return "" if columns == [""] else f" ({', '.join(quote_identifier(column) for column in columns if column)})"


_GRANT_PATTERN = re.compile(
    r"GRANT (?P<what>.+?) ON (?:TABLE )?(?P<where>(?:PROCEDURE )?(?:\*|`(?:[^`]|``)*`)\.(?:\*|`(?:[^`]|``)*`)) TO "
)
_PRIVILEGE_PATTERN = re.compile(r"(?P<name>[A-Z][A-Z_ ]*?)\s*(?:\((?P<columns>[^)]*)\))?(?:, ?|$)")


def _parse_grant(line: str) -> Iterator[Right]:
    """Yield the rights in one line of SHOW GRANTS. USAGE, which means no right, is left out."""
    grant = _GRANT_PATTERN.match(line)
    if grant is None:
        return
    for privilege in _PRIVILEGE_PATTERN.finditer(grant["what"]):
        for column in (privilege["columns"] or "").split(", "):
            if privilege["name"] != "USAGE":
                yield grant["where"], privilege["name"], column.strip("`")
    if "WITH GRANT OPTION" in line:
        yield grant["where"], "GRANT OPTION", ""


def _find_own_right_faults(
    conn: Connection, database: str, columns: AbstractSet[tuple[str, str]]
) -> Iterator[AccessFault]:
    """Yield a fault for each excess and each missing right of the connected account of an operator. The function
    checks its rights on all databases, on the console's database `database`, and on the database with the views for
    people for whom a worker acts (`make_people_database_name`). `columns` has (table, column) for each column of the
    console's database.

    Yield nothing for an account that may grant rights, and for an account that belongs to no operator or to a
    disabled operator.
    """
    roles = _read_roles_of_account(conn)
    if roles is None:
        return
    present_rights = frozenset(
        right for line in conn.exec_driver_sql("SHOW GRANTS").scalars() for right in _parse_grant(line)
    )
    database_prefixes = [f"{quote_identifier(name)}." for name in (database, make_people_database_name(database))]
    own_prefixes = ("*.", *database_prefixes, *(f"{_PROCEDURE_PREFIX}{prefix}" for prefix in database_prefixes))
    present_rights = frozenset(right for right in present_rights if right[0].startswith(own_prefixes))
    columns |= {
        (END_LOCK_HOLDER_PROCEDURE, "")
    }  # MySQL doesn't list a procedure to an account that may run it by a role
    required_rights: frozenset[Right] = frozenset().union(
        *(_list_required_rights(database, role, columns) for role in roles)
    )
    allowed_rights = required_rights | ({("*.*", XA_RIGHT, "")} if WORKER in roles else set())
    yield from (
        AccessFault("unexpected_grant", _format_right(right)) for right in sorted(present_rights - allowed_rights)
    )
    yield from (
        AccessFault("missing_grant", _format_right(right)) for right in sorted(required_rights - present_rights)
    )


def may_grant_rights(conn: Connection) -> bool:
    """True if the connected account may grant its rights to others (WITH GRANT OPTION)."""
    grant_lines = conn.exec_driver_sql("SHOW GRANTS").scalars()
    return any("WITH GRANT OPTION" in line for line in grant_lines)


def _format_right(right: Right) -> str:
    """Return a right as text, for a fault that is shown to people."""
    granted_object, privilege, column = right
    return f"{privilege}{f' ({column})' if column else ''} ON {granted_object}"
