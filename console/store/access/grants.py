"""What each role may do to which table, and the statements that make a server see it so: least privilege.

A console role is a role of the server, one per database (`books/operator`). MariaDB knows a single default role per
account, so there each account also has a role of its own (`console:op-a`) that holds its console roles.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.domain.permissions import ADMIN, ALL_ROLES, APPROVER, AUDITOR, OPERATOR, WORKER
from console.store import schema

LONGEST_ROLE = 32
"""Characters of a role's name on MySQL."""

Right = tuple[str, str, str]
"""Where (`database`.`table`), privilege, column (empty: the whole table)."""

_CHECKS = schema.credit_checks.name
_OF_ALL = ("alembic_version", "console_alembic_version", "console_meta", "limits", "operators", "sessions")
_RECORDS = (
    _CHECKS, "accounts", "alerts", "approvals", "audit_log", "bulk_rows", "bulk_runs", "changes", "documents",
    "evidence", "leases", "notes", "operations", "orders", "outbox", "payment_events", "payments",
    "reconciliation_rows", "reconciliations", "refunds", "sagas", "set_asides", "stock_reservations", "takes",
    "tasks",
)  # fmt: skip
_FOR_CALLS = ("call_rates", "provider_tokens")
_LOGGED = ("audit_log", "sessions")
_ADDED = (
    *_LOGGED, "alerts", "bulk_rows", "bulk_runs", "call_rates", "changes", "console_meta", "documents", "evidence",
    "leases", "operations", "outbox", "payment_events", "payments", "provider_tokens", "reconciliation_rows",
    "reconciliations", "sagas", "set_asides", "takes", "tasks",
)  # fmt: skip
_DECIDED = (_CHECKS, "approvals", "notes", "refunds")
# Columns that our services change in a row that is there; whatever is not named stays as it was first written.
_CHANGED: Mapping[str, tuple[str, ...]] = {
    _CHECKS: (
        "corporation_number", "credit_check_id", "company_name", "purchased_at", "expired_at", "result",
        "pdf_file_path", "status", "certainty", "work_state", "work_at", "work_reason", "work_attempts", "error_code",
        "viewing_over", "superseded_at", "superseded_by", "duplicate_of", "changed_at", "version",
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
    "operations": (
        "state", "idempotency_key", "result", "ended_at", "outcome_class", "outcome_reason", "lease_expires", "fence",
    ),
    "orders": (
        "status", "updated_at", "atom_token_id", "atom_txn_id", "work_state", "work_at", "work_reason",
        "work_attempts", "version",
    ),
    "outbox": ("next_at", "attempts", "trouble", "published_at"),
    "payment_events": ("payment_id", "done"),
    "payments": (
        "order_id", "provider_payment_id", "corporation_number", "payer_ref", "status", "certainty", "work_state",
        "work_at", "work_reason", "work_attempts", "captured_minor", "reserved_minor", "refunded_minor",
        "set_aside_minor", "account_minor", "by_code", "handle", "url", "payment_expires_at", "begun_at", "paid_at",
        "provider_state", "provider_minor", "provider_refunded_minor", "told_at", "payment_last_event_id",
        "error_code", "operation_id", "changed_at", "version", "booked_at", "late_after",
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
        "sent_count", "not_found", "first_not_found_at", "error_code", "operation_id", "changed_at", "version",
    ),
    "sagas": ("state", "step", "facts", "reason", "changed_at", "next_at", "attempts", "ended_at", "version"),
    "set_asides": ("status", "refund_id", "changed_at", "version"),
    "stock_reservations": ("status", "updated_at"),
    "takes": ("person", "taken_at", "until"),
    "tasks": (
        "every_seconds", "next_at", "begun_at", "ended_at", "taken", "trouble", "failures", "position", "version",
    ),
}  # fmt: skip

_Rights = frozenset[tuple[str, str, str]]


def _select(tables: Iterable[str]) -> _Rights:
    return frozenset((table, "SELECT", "") for table in tables)


def _insert(tables: Iterable[str]) -> _Rights:
    return frozenset((table, "INSERT", "") for table in tables)


_UPDATE: _Rights = frozenset((table, "UPDATE", column) for table, columns in _CHANGED.items() for column in columns)
_AT_WORK = _select((*_OF_ALL, *_RECORDS, *_FOR_CALLS)) | _insert(_ADDED) | _UPDATE
# Whoever may not look at records still has refusals in the trail, and needs the head of the own chain for that.
_CHAIN: _Rights = frozenset(("audit_log", "SELECT", column) for column in ("session", "seq", "hash"))

RIGHTS: Mapping[str, _Rights] = {
    OPERATOR: _AT_WORK | _insert(_DECIDED),
    APPROVER: _AT_WORK | _insert(_DECIDED),
    WORKER: _AT_WORK,
    AUDITOR: _select((*_OF_ALL, *_RECORDS)) | _insert(_LOGGED),
    ADMIN: _select(_OF_ALL) | _CHAIN | _insert(_LOGGED),
}
"""Per role: table, privilege, column. Nobody may delete, and nobody may change what was written once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing about accounts or guards that is not as it should be."""

    problem: str
    what: str


def role_name(database: str, role: str) -> str:
    """The server's role for a console role on this database."""
    name = f"{database}/{role}"
    if len(name) <= LONGEST_ROLE:
        return name
    mark = sha256(database.encode()).hexdigest()[:6]
    return f"{database[: LONGEST_ROLE - len(role) - 8]}~{mark}/{role}"


def quoted(name: str) -> str:
    """A name as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def role_statements(conn: Connection, roles: Iterable[str]) -> Iterator[str]:
    """What is missing until each of `roles` exists and may do what it may do, and nothing else."""
    database, there = _database(conn), _columns(conn)
    for role in sorted(roles):
        name = role_name(database, role)
        wanted, found = _wanted(database, role, there), granted(conn, name)
        if found is None:
            yield f"CREATE ROLE IF NOT EXISTS {quoted(name)}"
        yield from _clauses("GRANT", "TO", name, wanted - (found or set()))
        yield from _clauses("REVOKE", "FROM", name, (found or set()) - wanted)


def refresh(conn: Connection) -> None:
    """Bring the roles that this account has made up to this program; after an upgrade, and after an adoption."""
    database = _database(conn)
    made = [role for role in sorted(ALL_ROLES) if granted(conn, role_name(database, role)) is not None]
    for statement in list(role_statements(conn, made)):
        run(conn, statement)


def faults(conn: Connection) -> tuple[Fault, ...]:
    """What is missing or too much: of each role for whoever made them, else of the account that is connected."""
    database, there = _database(conn), _columns(conn)
    found: list[Fault] = []
    for role in sorted(ALL_ROLES):
        rights = granted(conn, role_name(database, role))
        if rights is not None and _is_maker(conn):
            wanted = _wanted(database, role, there)
            found += [Fault("missing_grant", f"{role}: {_told(right)}") for right in sorted(wanted - rights)]
            found += [Fault("unexpected_grant", f"{role}: {_told(right)}") for right in sorted(rights - wanted)]
    return (*found, *_own_faults(conn, database, there))


def writable(conn: Connection) -> frozenset[str] | None:
    """The tables whose triggers a person's account is shown; None for the schema account, which is shown all."""
    held = _roles_of_account(conn)
    if held is None:
        return None
    if not is_mariadb(conn):
        return frozenset()
    return frozenset(table for role in held for table, privilege, _ in RIGHTS[role] if privilege != "SELECT")


def _roles_of_account(conn: Connection) -> AbstractSet[str] | None:
    """The console roles of the account that is connected; None when it is nobody's."""
    row = conn.exec_driver_sql(
        "SELECT roles FROM operators WHERE name = SUBSTRING_INDEX(USER(), '@', 1) AND disabled_at IS NULL"
    ).first()
    return None if row is None or _is_maker(conn) else ALL_ROLES & frozenset(str(row[0]).split(","))


def granted(conn: Connection, role: str) -> frozenset[Right] | None:
    """What a role holds; None when there is no such role, or it isn't this account's to look at."""
    maria = is_mariadb(conn)
    before = conn.exec_driver_sql("SELECT CURRENT_ROLE()").scalar() if maria else None
    try:
        if maria:
            run(conn, f"SET ROLE {quoted(role)}")
        lines = list(conn.exec_driver_sql("SHOW GRANTS FOR " + ("CURRENT_ROLE" if maria else quoted(role))).scalars())
    except DBAPIError:
        return None
    finally:
        if maria:
            run(conn, f"SET ROLE {quoted(before) if before else 'NONE'}")
    return frozenset(right for line in lines for right in _read(line))


def run(conn: Connection, statement: str, secret: str | None = None) -> None:
    """Execute one statement of this module; `secret` takes the place of its `'***'`."""
    escaped = statement.replace("%", "%%")
    if secret is None:
        conn.exec_driver_sql(escaped, ())
    else:
        conn.exec_driver_sql(escaped.replace("'***'", "%s", 1), (secret,))


def is_mariadb(conn: Connection) -> bool:
    return bool(getattr(conn.dialect, "is_mariadb", False))


def _database(conn: Connection) -> str:
    return str(conn.exec_driver_sql("SELECT DATABASE()").scalar_one())


def _columns(conn: Connection) -> frozenset[tuple[str, str]]:
    rows = conn.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    return frozenset((str(table), str(column)) for table, column in rows)


def _wanted(database: str, role: str, there: AbstractSet[tuple[str, str]]) -> frozenset[Right]:
    """A table that waits for its adoption has some columns only."""
    tables = {table for table, _ in there}
    return frozenset(
        (f"{quoted(database)}.{quoted(table)}", privilege, column)
        for table, privilege, column in RIGHTS[role]
        if table in tables and (not column or (table, column) in there)
    )


def _clauses(verb: str, towards: str, role: str, rights: Iterable[Right]) -> Iterator[str]:
    """One statement per table."""
    by_place: dict[str, dict[str, list[str]]] = {}
    for place, privilege, column in sorted(rights):
        by_place.setdefault(place, {}).setdefault(privilege, []).append(column)
    for place, privileges in by_place.items():
        named = ", ".join(privilege + _in_brackets(columns) for privilege, columns in privileges.items())
        yield f"{verb} {named} ON {place} {towards} {quoted(role)}"


def _in_brackets(columns: list[str]) -> str:
    return "" if columns == [""] else f" ({', '.join(quoted(column) for column in columns if column)})"


_GRANT = re.compile(r"GRANT (?P<what>.+?) ON (?:TABLE )?(?P<where>(?:\*|`(?:[^`]|``)*`)\.(?:\*|`(?:[^`]|``)*`)) TO ")
_PRIVILEGE = re.compile(r"(?P<name>[A-Z][A-Z ]*?)\s*(?:\((?P<columns>[^)]*)\))?(?:, |$)")


def _read(line: str) -> Iterator[Right]:
    """The rights in a line of SHOW GRANTS; USAGE is none."""
    found = _GRANT.match(line)
    if found is None:
        return
    for privilege in _PRIVILEGE.finditer(found["what"]):
        for column in (privilege["columns"] or "").split(", "):
            if privilege["name"] != "USAGE":
                yield found["where"], privilege["name"], column.strip("`")
    if "WITH GRANT OPTION" in line:
        yield found["where"], "GRANT OPTION", ""


def _own_faults(conn: Connection, database: str, there: AbstractSet[tuple[str, str]]) -> Iterator[Fault]:
    """A person's account: nothing beyond its roles, on this database or on all of them."""
    roles = _roles_of_account(conn)
    if roles is None:
        return
    held = frozenset(right for line in conn.exec_driver_sql("SHOW GRANTS").scalars() for right in _read(line))
    held = frozenset(right for right in held if right[0].startswith(("*.", f"{quoted(database)}.")))
    wanted: frozenset[Right] = frozenset().union(*(_wanted(database, role, there) for role in roles))
    yield from (Fault("unexpected_grant", _told(right)) for right in sorted(held - wanted))
    if is_mariadb(conn):  # MySQL shows an account its roles by name only
        yield from (Fault("missing_grant", _told(right)) for right in sorted(wanted - held))


def _is_maker(conn: Connection) -> bool:
    """Whether the account that is connected may pass on what it has here."""
    lines = conn.exec_driver_sql("SHOW GRANTS").scalars()
    return any("WITH GRANT OPTION" in line for line in lines)


def _told(right: Right) -> str:
    place, privilege, column = right
    return f"{privilege}{f' ({column})' if column else ''} ON {place}"
