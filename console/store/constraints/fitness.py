"""Whether a database is fit for what it has to promise: durable commits, one claim per company, an untouched trail.

What is `grave` breaks a promise: nothing is bought for real money on such a database. The rest is advice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, inspect

from console.store import grants, guards_sql, sqlite_guards
from console.store.engine import Database
from console.store.schema import credit_checks

OLDEST_MARIADB, OLDEST_MYSQL = (10, 11), (8, 0, 16)
SMALLEST_CLUSTER = 3
_CLAIM = "uq_credit_checks_claim"
_AUDIT_GUARDS = {"audit_log_no_update", "audit_log_no_delete", "audit_log_no_replace"}
_TOLD_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    facts: Mapping[str, object] = field(default_factory=dict)
    grave: bool = True


Look = Callable[[Connection, Database], Iterator[Finding]]


def findings(database: Database) -> tuple[Finding, ...]:
    """Everything that matters on this engine, for the node that answers. Raises what the database's trouble means."""
    looks: tuple[Look, ...] = (_server_version, _flush, _server_clock, _cluster, _encryption, _claim_index, _guards)
    if not database.is_server:
        looks = (_durability, _audit_guards, _claim_index)
    with database.read() as conn:
        return tuple(finding for look in looks for finding in look(conn, database))


# SQLite


def _durability(conn: Connection, _: Database) -> Iterator[Finding]:
    journal = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    synchronous = conn.exec_driver_sql("PRAGMA synchronous").scalar_one()
    facts = {"journal": journal, "synchronous": synchronous}
    yield Finding("durability", journal == "wal" and synchronous == 2, facts)


def _audit_guards(conn: Connection, _: Database) -> Iterator[Finding]:
    there = set(conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars())
    missing = (*sorted(_AUDIT_GUARDS - there), *sqlite_guards.missing(conn))
    yield Finding("audit_guards", not missing, {"triggers": len(there), "missing": missing})


# Servers


def _server_version(conn: Connection, _: Database) -> Iterator[Finding]:
    maria = bool(getattr(conn.dialect, "is_mariadb", False))
    version = tuple(part for part in conn.dialect.server_version_info or () if isinstance(part, int))
    facts = {"engine": "MariaDB" if maria else "MySQL", "version": ".".join(map(str, version))}
    yield Finding("server_version", version >= (OLDEST_MARIADB if maria else OLDEST_MYSQL), facts, grave=False)


def _flush(conn: Connection, _: Database) -> Iterator[Finding]:
    """A commit that is not on the disk when it is acknowledged may be forgotten after the money has gone."""
    value = _variable(conn, "innodb_flush_log_at_trx_commit")
    yield Finding("flush", value == "1", {"value": value})


def _server_clock(conn: Connection, _: Database) -> Iterator[Finding]:
    """Without `secure_timestamp` any session may forge NOW(). Ours ask SYSDATE, others may not. MySQL has no such."""
    value = _variable(conn, "secure_timestamp")
    if value is not None:
        yield Finding("server_clock", value == "YES", {"value": value}, grave=False)


def _cluster(conn: Connection, database: Database) -> Iterator[Finding]:
    """Where the profile names several nodes, they have to be one Galera cluster, or two desks may both win."""
    nodes = len(database.server.nodes) if database.server else 1
    on = _variable(conn, "wsrep_on") == "ON"
    if not on and nodes == 1:
        return
    size, status = _status(conn, "wsrep_cluster_size") or "0", _status(conn, "wsrep_cluster_status") or "-"
    facts = {"size": int(size), "status": status, "nodes": nodes}
    yield Finding("cluster", on and status == "Primary", facts)
    yield Finding("cluster_size", int(size) >= SMALLEST_CLUSTER, facts, grave=False)


def _encryption(conn: Connection, database: Database) -> Iterator[Finding]:
    """Connections elsewhere are refused without a verified certificate; here it is only said which cipher is used."""
    cipher = _status(conn, "Ssl_cipher") or ""
    on_loopback = database.server is not None and database.server.on_loopback
    yield Finding("encryption", bool(cipher) or on_loopback, {"cipher": cipher or "-"})


def _claim_index(conn: Connection, _: Database) -> Iterator[Finding]:
    """The proof itself: one live row per client and company."""
    unique = {one["name"] for one in inspect(conn).get_indexes(credit_checks.name) if one["unique"]}
    yield Finding("claim_index", _CLAIM in unique, {"index": _CLAIM})


def _guards(conn: Connection, _: Database) -> Iterator[Finding]:
    """Triggers and rights, as far as the account that asks may see them."""
    for name, faults in (("guards", guards_sql.faults(conn)), ("grants", grants.faults(conn))):
        told = [f"{fault.problem} {fault.what}" for fault in faults[:_TOLD_AT_MOST]]
        yield Finding(name, not faults, {"faults": told, "count": len(faults)})


def _variable(conn: Connection, name: str) -> str | None:
    return _value(conn, "SHOW VARIABLES LIKE %s", name)


def _status(conn: Connection, name: str) -> str | None:
    return _value(conn, "SHOW STATUS LIKE %s", name)


def _value(conn: Connection, sql: str, name: str) -> str | None:
    row: Any = conn.exec_driver_sql(sql, (name,)).first()
    return str(row[1]) if row else None
