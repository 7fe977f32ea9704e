"""Checks whether a database is safe for real money: durable commits, only one claim per client and company, an
unchanged audit trail.

If a check with `stops_purchases` fails, the console buys nothing for real money on this database. Other failed
checks are only reported.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, inspect

from console.store.access import account_properties, disabled_people, grants, lock_holders, operators
from console.store.constraints import sqlite_money
from console.store.database import row_counters
from console.store.database.engine import Database
from console.store.database.server import reads_views
from console.store.schema.core import credit_checks

OLDEST_MARIADB = (10, 11)
"""The oldest supported version of MariaDB."""
OLDEST_MYSQL = (8, 0, 16)
"""The oldest supported version of MySQL."""
MIN_CLUSTER_NODES = 3
"""Smallest sufficient number of nodes of a Galera cluster; a smaller cluster is reported. With two nodes, the loss of
one loses the quorum."""
LARGEST_WRITESET_BYTES = 32 * 1024 * 1024
"""Largest value (bytes) of `wsrep_max_ws_size` that isn't reported. While a Galera cluster replicates one transaction
of hundreds of MiB, every other COMMIT waits at all nodes, for up to a minute. The largest transaction of this program
is a desk request with a file of 10 MiB.
"""

_CLAIM_INDEX = "uq_credit_checks_claim"
_AUDIT_TRIGGERS = {"audit_log_no_update", "audit_log_no_delete", "audit_log_no_replace"}
_MAX_LISTED_FAULTS = 5
"""Largest number of faults that one finding names."""
_COUNTER_FAULT_PERCENT = 90
"""Share (percent) of used numbers of an AUTO_INCREMENT counter. From this share on the counter is reported as a
fault.
"""


@dataclass(frozen=True, slots=True)
class FitnessFinding:
    """Result of one check of the database: `check_name` is the name of the check, `has_passed` is True if the
    database passed it, and `facts` has the values that were read. `stops_purchases`: if the check failed, the console
    buys nothing for real money. `is_partial`: the connected account can't see everything that the check is about.
    """

    check_name: str
    has_passed: bool
    facts: Mapping[str, object] = field(default_factory=dict)
    stops_purchases: bool = True
    is_partial: bool = False


FitnessCheck = Callable[[Connection, Database], Iterator[FitnessFinding]]
"""Function that runs one check on a connection and yields its findings."""


def check_fitness(database: Database) -> tuple[FitnessFinding, ...]:
    """Run all checks for this kind of database on the connected node, and return their results. The account of a
    person for whom a worker acts can read only views. On a connection of such an account, the checks that need the
    tables are left out. Raises ConsoleError if the database can't be read.
    """
    checks: tuple[FitnessCheck, ...] = (
        _check_server_version, _check_log_flush, _check_server_clock, _check_cluster, _check_encryption,
        _check_accounts, _check_default_roles, _check_people_without_worker, _check_disabled_people,
        _check_lock_holders, _check_claim_index, _check_row_counters, _check_triggers_and_rights,
    )  # fmt: skip
    if not database.is_server:
        checks = (
            _check_durability, _check_audit_triggers, _check_disabled_people, _check_claim_index, _check_row_counters,
        )  # fmt: skip
    with database.read() as conn:
        if reads_views(conn):  # the worker and the schema account see the tables
            checks = (
                _check_server_version, _check_server_clock, _check_cluster, _check_encryption, _check_accounts,
                _check_disabled_people, _check_triggers_and_rights,
            )  # fmt: skip
        return tuple(finding for check in checks for finding in check(conn, database))


# SQLite


def _check_durability(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that SQLite uses WAL and `synchronous=FULL`, so that a COMMIT waits for the disk. Yield one finding, also
    if the check passes."""
    journal_mode = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    synchronous_mode = conn.exec_driver_sql("PRAGMA synchronous").scalar_one()
    facts = {"journal": journal_mode, "synchronous": synchronous_mode}
    yield FitnessFinding("durability", journal_mode == "wal" and synchronous_mode == 2, facts)


def _check_audit_triggers(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that an SQLite database has all triggers of the audit trail, and that the triggers which protect money
    exist and are unaltered. Yield one finding, also if nothing is missing; its facts list the missing and the altered
    triggers."""
    present_triggers = set(conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars())
    missing_triggers = (*sorted(_AUDIT_TRIGGERS - present_triggers), *sqlite_money.list_missing_triggers(conn))
    yield FitnessFinding(
        "audit_guards", not missing_triggers, {"triggers": len(present_triggers), "missing": missing_triggers}
    )


# Servers


def _check_server_version(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that the server is at least OLDEST_MARIADB or OLDEST_MYSQL. A failure is only reported. Yield one finding
    with the engine and the version."""
    is_mariadb = bool(getattr(conn.dialect, "is_mariadb", False))
    # after the first three numbers SQLAlchemy gives those of a distribution's package: 9.7.4-2 is (9, 7, 4, 2)
    version = tuple(part for part in conn.dialect.server_version_info or () if isinstance(part, int))[:3]
    facts = {"engine": "MariaDB" if is_mariadb else "MySQL", "version": ".".join(map(str, version))}
    yield FitnessFinding(
        "server_version", version >= (OLDEST_MARIADB if is_mariadb else OLDEST_MYSQL), facts, stops_purchases=False
    )


def _check_log_flush(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that each COMMIT is flushed to the disk. Otherwise a server that crashes can lose a COMMIT although the
    program has already spent money because of it. Yield one finding: `binary_log` if only the binary log isn't
    flushed, otherwise `flush`.

    A server with a binary log doesn't flush InnoDB's own record of the COMMIT, because it recovers the COMMIT from
    the binary log. So the binary log must be flushed (`sync_binlog`), unless `innodb_flush_log_at_trx_commit` is 3,
    with which MariaDB flushes both.
    """
    value = _read_server_variable(conn, "innodb_flush_log_at_trx_commit")
    flushed_commits = _read_server_variable(conn, "sync_binlog")
    if value == "1" and _read_server_variable(conn, "log_bin") == "ON" and flushed_commits != "1":
        yield FitnessFinding("binary_log", False, {"value": flushed_commits})
    else:
        yield FitnessFinding("flush", value in ("1", "3"), {"value": value})


def _check_server_clock(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that the server has `secure_timestamp` (MariaDB only). Without it a session can forge NOW(). The console
    reads SYSDATE, but other applications may read NOW(). A failure is only reported. Yield one finding; none on a
    server without this variable."""
    value = _read_server_variable(conn, "secure_timestamp")
    if value is not None:
        yield FitnessFinding("server_clock", value == "YES", {"value": value}, stops_purchases=False)


def _check_cluster(conn: Connection, database: Database) -> Iterator[FitnessFinding]:
    """Check that the connected node belongs to the primary component of a Galera cluster, because two desks at
    separate servers could get the same claim. Also report a cluster of fewer than MIN_CLUSTER_NODES nodes, and a
    cluster that accepts transactions of more than LARGEST_WRITESET_BYTES. Yield a finding for each of these checks,
    for the last one only if Galera is on; none for a single server without Galera, which isn't checked.
    """
    configured_node_count = len(database.server.nodes) if database.server else 1
    is_cluster_on = _read_server_variable(conn, "wsrep_on") == "ON"
    if not is_cluster_on and configured_node_count == 1:
        return
    cluster_size, status = (
        _read_status_variable(conn, "wsrep_cluster_size") or "0",
        _read_status_variable(conn, "wsrep_cluster_status") or "-",
    )
    facts = {"size": int(cluster_size), "status": status, "nodes": configured_node_count}
    yield FitnessFinding("cluster", is_cluster_on and status == "Primary", facts)
    yield FitnessFinding("cluster_size", int(cluster_size) >= MIN_CLUSTER_NODES, facts, stops_purchases=False)
    if is_cluster_on:
        writeset_bytes = int(_read_server_variable(conn, "wsrep_max_ws_size") or 0)
        yield FitnessFinding(
            "writeset",
            0 < writeset_bytes <= LARGEST_WRITESET_BYTES,
            {"mib": writeset_bytes // 1024**2, "largest_mib": LARGEST_WRITESET_BYTES // 1024**2},
            stops_purchases=False,
        )


def _check_encryption(conn: Connection, database: Database) -> Iterator[FitnessFinding]:
    """Check that the connection is encrypted, or that the server runs on this machine. A server on another machine
    whose certificate can't be verified is refused earlier, when the connection is opened. Yield one finding with the
    name of the cipher ("-" without encryption)."""
    cipher = _read_status_variable(conn, "Ssl_cipher") or ""
    on_loopback = database.server is not None and database.server.is_on_loopback
    yield FitnessFinding("encryption", bool(cipher) or on_loopback, {"cipher": cipher or "-"})


def _check_accounts(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that each database account belongs to one person, has a password, and must use an encrypted connection
    from other machines. Also check the server's password rules. Accounts that the connected account may not read are
    not checked. Yield two findings: `accounts`, and `passwords` for the rules.
    """
    accepts_remote, faults = (
        account_properties.accepts_remote_connections(conn),
        account_properties.find_account_faults(conn),
    )
    if faults is None:
        is_unreadable = accepts_remote and grants.may_grant_rights(conn)
        facts = {"faults": ["SELECT ON mysql.user"] if is_unreadable else [], "count": int(is_unreadable)}
        yield FitnessFinding("accounts", not is_unreadable, facts, stops_purchases=False)
    else:
        yield FitnessFinding("accounts", not faults, {"faults": faults[:_MAX_LISTED_FAULTS], "count": len(faults)})
    missing_rules = account_properties.find_missing_password_rules(conn) if accepts_remote else ()
    yield FitnessFinding("passwords", not missing_rules, {"missing": list(missing_rules)}, stops_purchases=False)


def _check_default_roles(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """If operators' accounts have no default role, yield one finding with their names: these people can sign in and
    have no rights. It is only reported."""
    names = account_properties.find_accounts_without_default_role(conn)
    if names:
        facts = {"people": names[:_MAX_LISTED_FAULTS], "count": len(names)}
        yield FitnessFinding("default_roles", has_passed=False, facts=facts, stops_purchases=False)


def _check_people_without_worker(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that a worker acts for every person. A person for whom no worker acts has the providers' credentials on
    their desk, and an account with many rights. A failure is only reported. Yield one finding with the names of such
    people."""
    person_names = operators.list_names_outside_team_mode(conn)
    facts = {"people": person_names[:_MAX_LISTED_FAULTS], "count": len(person_names)}
    yield FitnessFinding("acting", not person_names, facts, stops_purchases=False)


def _check_disabled_people(conn: Connection, database: Database) -> Iterator[FitnessFinding]:
    """If administrators have disabled people, yield one finding with their names. On a server, the check fails while
    the database account of a disabled person isn't locked, or that of an enabled one isn't unlocked, which a worker
    does within seconds. A failure is only reported."""
    names = disabled_people.list_disabled_names(conn)
    wrong_names = disabled_people.list_names_with_wrong_account_lock(conn) if database.is_server else ()
    if names or wrong_names:
        facts = {"people": names[:_MAX_LISTED_FAULTS], "wrong": wrong_names[:_MAX_LISTED_FAULTS]}
        yield FitnessFinding("disabled_people", not wrong_names, facts, stops_purchases=False)


def _check_lock_holders(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Make at most three checks and yield a finding for each, also if it passes. A failure is only reported. On a
    connection of the schema account, check that the stored procedure that ends blocking sessions is the one of this
    program version, and that it has its rights; only this account can see both. On a connection of a worker to MySQL,
    check that the worker can roll prepared transactions back.
    """
    if grants.may_grant_rights(conn):
        yield FitnessFinding(
            "lock_procedure",
            lock_holders.is_lock_holder_procedure_current(conn),
            {"procedure": grants.END_LOCK_HOLDER_PROCEDURE},
            stops_purchases=False,
        )
        missing_procedure_rights = lock_holders.list_missing_procedure_rights(conn)
        yield FitnessFinding(
            "lock_holders",
            not missing_procedure_rights,
            {"missing": list(missing_procedure_rights)},
            stops_purchases=False,
        )
    missing_worker_rights = lock_holders.list_missing_worker_rights(conn)
    if missing_worker_rights is not None:
        facts = {"missing": list(missing_worker_rights)}
        yield FitnessFinding("prepared_transactions", not missing_worker_rights, facts, stops_purchases=False)


def _check_claim_index(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that the unique index of the claim exists, which allows only one live credit check per client and
    company. Yield one finding, also if the index exists."""
    unique_indexes = {index["name"] for index in inspect(conn).get_indexes(credit_checks.name) if index["unique"]}
    yield FitnessFinding("claim_index", _CLAIM_INDEX in unique_indexes, {"index": _CLAIM_INDEX})


def _check_row_counters(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check the AUTO_INCREMENT counter with the largest share of used ids. Yield one finding about this counter. It
    fails if at least _COUNTER_FAULT_PERCENT of the ids are used, or if fewer than MIN_REMAINING_IDS ids are left; in
    the second case it also stops purchases."""
    most_used, *_rest = row_counters.read_row_counters(conn) or (row_counters.RowCounter("-", 1, 2**63 - 1),)
    used_percent = round(100 * (1 - most_used.remaining_ids / most_used.largest_id), 1)
    facts = {"table": most_used.table, "left": most_used.remaining_ids, "used_percent": used_percent}
    has_few_ids_left = most_used.remaining_ids < row_counters.MIN_REMAINING_IDS
    yield FitnessFinding(
        "counters",
        not has_few_ids_left and used_percent < _COUNTER_FAULT_PERCENT,
        facts,
        stops_purchases=has_few_ids_left,
    )


def _check_triggers_and_rights(conn: Connection, _: Database) -> Iterator[FitnessFinding]:
    """Check that the triggers, roles and rights on the server are as this program creates them. Those that the
    connected account may not see are not checked; the findings are then partial. Yield two findings: `guards` for the
    triggers, and `grants` for roles and rights."""
    from console.store.constraints import server_triggers  # imports the dialect of MySQL, which a file doesn't need

    is_partial = grants.list_tables_with_visible_triggers(conn) is not None
    for name, faults in (
        ("guards", server_triggers.find_trigger_faults(conn)),
        ("grants", grants.find_faults_of_rights(conn)),
    ):
        fault_texts = [f"{fault.code} {fault.object_name}" for fault in faults[:_MAX_LISTED_FAULTS]]
        facts = {"faults": fault_texts, "count": len(faults)}
        yield FitnessFinding(name, not faults, facts, is_partial=is_partial)


def _read_server_variable(conn: Connection, variable_name: str) -> str | None:
    return _read_second_column(conn, "SHOW VARIABLES LIKE %s", variable_name)


def _read_status_variable(conn: Connection, variable_name: str) -> str | None:
    return _read_second_column(conn, "SHOW STATUS LIKE %s", variable_name)


def _read_second_column(conn: Connection, sql: str, variable_name: str) -> str | None:
    """Return the second column of the first row of the query `sql` with the parameter `variable_name`, as text; None
    without a row."""
    row: Any = conn.exec_driver_sql(sql, (variable_name,)).first()
    return str(row[1]) if row else None
