"""Statements that a server refuses to the account of every person, and the rows of a team's database on which each of
these statements would do harm.

In a statement, `{me}` stands for the account that tries it and `{other}` for another person's account. `words` is a
part of the message with which the database refuses the statement if the account's rights would allow it; for other
accounts the missing right may refuse it earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.store.audit.hash_chain import FIRST_PREVIOUS_HASH
from tests.support.teams import Team

CHECKS = "hansha_alarmbox_credit_checks"
UTC = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
NOW_MS = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
HASH = "a" * 64
ANSWER_KEY = "b" * 64
"""A fact that only the process which began an operation knows."""
BOUGHT, UNKNOWN, RUNNING, SUPERSEDED, RENEWAL, BY_OTHERS, PROPOSED, LEFT_OPEN = range(1, 9)
DENIED = {1044, 1045, 1062, 1142, 1143, 1227, 1370, 1396, 1410, 1419, 1644, 1959, 3530}
"""Error numbers by which a server says that an account may not, or not twice."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """One forbidden act: statements of which the last must be refused. The message must contain `words`; several
    possible texts are divided by `|`."""

    title: str
    sql: tuple[str, ...]
    words: str = "denied"


def _f(title: str, *sql: str, words: str = "denied") -> Forbidden:
    return Forbidden(title, sql, words)


def audit_row(
    at: str = UTC,
    who: str = "{me}",
    session: str = "UUID()",
    seq: int = 1,
    before: str = FIRST_PREVIOUS_HASH,
    what: str = "try",
    number: str = "NULL",
) -> str:
    return (
        "INSERT INTO audit_log (id, session, seq, at, who, desk, what, result, detail, prev_hash, hash) VALUES"
        f" ({number}, {session}, {seq}, {at}, '{who}', 'desk', '{what}', 'done', '{{{{}}}}', '{before}', '{HASH}')"
    )


def operation_row(who: str = "{me}", state: str = "calling", key: str = "UUID()", lease: str = "45000") -> str:
    return (
        "INSERT INTO operations (id, action, subject_kind, state, idempotency_key, fingerprint, operator, desk, host,"
        " process, session, started_at, lease_clock, lease_expires) VALUES (UUID(), 'credit-check.refetch',"
        f" 'credit-check', '{state}', {key}, 'f', '{who}', 'd', 'h', 1, 's', {UTC}, 'server', {NOW_MS} + {lease})"
    )


def evidence_row(who: str = "{me}", subject: int = UNKNOWN) -> str:
    return (
        "INSERT INTO evidence (subject_kind, subject_id, operation_id, at, source, who, sha256, summary, body)"
        f" VALUES ('credit-check', {subject}, NULL, {UTC}, 'person', '{who}', '{HASH}', 'a letter', 'a letter')"
    )


def approval_row(who: str = "{me}", closed: str = "NULL", evidence: str = "LAST_INSERT_ID()") -> str:
    return (
        "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, evidence_id, at, closed_at)"
        f" VALUES ('credit-check', '{UNKNOWN}', 'resolve', 'error', '{who}', {evidence}, {UTC}, {closed})"
    )


def check(record: int, **values: str) -> str:
    """Return an UPDATE of a credit check as the services write it, with the version raised by one."""
    told = ", ".join(f"{name} = {value}" for name, value in ({"version": "version + 1"} | values).items())
    return f"UPDATE {CHECKS} SET {told} WHERE id = {record}"


NOT_BOUGHT = {"status": "'error'", "certainty": "'known'"}
SECOND = "not bought: only"
IN_NAME = "in the name of somebody else"

FORBIDDEN: Sequence[Forbidden] = (
    _f("audit: change a row", "UPDATE audit_log SET what = 'nothing' WHERE seq = 1"),
    _f("audit: delete a row", "DELETE FROM audit_log WHERE seq = 1"),
    _f("audit: replace a row", "REPLACE INTO audit_log SELECT * FROM audit_log LIMIT 1"),
    _f(
        "audit: change a row by INSERT … ON DUPLICATE KEY UPDATE",
        "INSERT INTO audit_log SELECT * FROM audit_log LIMIT 1 ON DUPLICATE KEY UPDATE what = 'nothing'",
    ),
    _f("audit: empty the table", "TRUNCATE audit_log"),
    _f("audit: change the table", "ALTER TABLE audit_log DROP COLUMN hash"),
    _f("audit: drop the table", "DROP TABLE audit_log"),
    _f("audit: rename the table", "RENAME TABLE audit_log TO old_audit_log"),
    _f("audit: drop its trigger", "DROP TRIGGER {trigger}"),
    _f("audit: add a trigger", "CREATE TRIGGER t BEFORE INSERT ON audit_log FOR EACH ROW SET NEW.who = 'x'"),
    _f("audit: write as somebody else", audit_row(who="{other}"), words=IN_NAME),
    _f("audit: write as oneself with a blank", audit_row(who="{me} "), words=IN_NAME),
    _f("audit: write as oneself in capitals", audit_row(who="{ME}"), words=IN_NAME),
    _f("audit: write with a letter that looks the same", audit_row(who="{homoglyph}"), words=IN_NAME),
    _f("audit: a time in the past", audit_row(at=f"{UTC} - INTERVAL 1 HOUR"), words="time of the server"),
    _f("audit: a time in the future", audit_row(at=f"{UTC} + INTERVAL 3 SECOND"), words="time of the server"),
    _f("audit: a forged NOW()", "SET timestamp = 1", audit_row(at="NOW(6)"), words="time of the server"),
    _f("audit: a forged UTC", "SET timestamp = 1", audit_row(at="UTC_TIMESTAMP(6)"), words="time of the server"),
    _f(
        "audit: another time zone", "SET time_zone = '+09:00'", audit_row(at="SYSDATE(6)"), words="time of the server"
    ),
    _f(
        "audit: go on with somebody else's chain",
        audit_row(session="'chain-of-other'", seq=2, before=HASH),
        words="a chain of its own writer",
    ),
    _f("audit: begin in the middle of a chain", audit_row(seq=7, before=HASH), words="a chain of its own writer"),
    _f("audit: choose a row's number", audit_row(number="9223372036854775806"), words="its number from the database"),
    _f("journal: begin in another's name", operation_row(who="{other}"), words=IN_NAME),
    _f("journal: begin with an end", operation_row(state="done"), words="begins as calling"),
    _f("journal: a lease without an end", operation_row(lease="31536000000"), words="no lease is longer"),
    _f("journal: delete an operation", "DELETE FROM operations WHERE id = 'op-1'"),
    _f("journal: change who it was", "UPDATE operations SET operator = '{me}' WHERE id = 'op-1'"),
    _f("journal: change what was asked", "UPDATE operations SET fingerprint = 'x' WHERE id = 'op-1'"),
    _f(
        "journal: a success becomes a failure",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-1'",
        words="no such step",
    ),
    _f(
        "journal: an end is taken back",
        "UPDATE operations SET state = 'calling', fence = fence + 1 WHERE id = 'op-1'",
        words="no such step",
    ),
    _f(
        "journal: an invented state",
        "UPDATE operations SET state = 'paid', fence = fence + 1 WHERE id = 'op-2'",
        words="no such step",
    ),
    _f(
        "journal: unknown becomes failed on one person's word",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-2'",
        words=SECOND,
    ),
    _f(
        "journal: end somebody else's running call",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-3'",
        words="somebody else's call is running",
    ),
    _f(
        "journal: lapse somebody else's running call",
        "UPDATE operations SET state = 'unknown', fence = fence + 1 WHERE id = 'op-3'",
        words="somebody else's call is running",
    ),
    _f(
        "journal: keep somebody else's lease",
        f"UPDATE operations SET lease_expires = {NOW_MS} + 60000 WHERE id = 'op-3'",
        words="only who began an operation",
    ),
    _f("journal: lower the fence", "UPDATE operations SET fence = 0 WHERE id = 'op-2'", words="only rises"),
    _f(
        "journal: free a key that counts",
        "UPDATE operations SET idempotency_key = 'free' WHERE id = 'op-1'",
        words="never changed",
    ),
    _f(
        "journal: take over a key",
        "UPDATE operations SET idempotency_key = 'key-1#op-2' WHERE id = 'op-2'",
        words="never changed",
    ),
    _f(
        "journal: change a kept result",
        "UPDATE operations SET result = 'other' WHERE id = 'op-1'",
        words="stays as it is",
    ),
    _f(
        "lease: steal a live one",
        f"UPDATE leases SET operator = '{{me}}', fence = fence + 1, lease_expires = {NOW_MS} + 45000"
        " WHERE name = 'held'",
        words="somebody else holds",
    ),
    _f("lease: end somebody else's", "UPDATE leases SET lease_expires = 0 WHERE name = 'held'", words="else holds"),
    _f(
        "lease: take one in another's name",
        "INSERT INTO leases (name, slot, operator, lease_clock, lease_expires, fence)"
        f" VALUES ('x', 0, '{{other}}', 'server', {NOW_MS} + 45000, 1)",
        words=IN_NAME,
    ),
    _f(
        "lease: take a free one in another's name",
        f"UPDATE leases SET operator = '{{other}}', fence = fence + 1, lease_expires = {NOW_MS} + 45000"
        " WHERE name = 'free'",
        words=IN_NAME,
    ),
    _f("lease: lower the fence", "UPDATE leases SET fence = fence - 1 WHERE name = 'free'", words="only rises"),
    _f(
        "lease: for a year",
        f"UPDATE leases SET operator = '{{me}}', fence = fence + 1, lease_expires = {NOW_MS} + 31536000000"
        " WHERE name = 'free'",
        words="no lease is longer",
    ),
    _f("lease: delete one", "DELETE FROM leases WHERE name = 'held'"),
    _f("charge: success becomes error", check(BOUGHT, **NOT_BOUGHT), words="no such step"),
    _f("charge: success becomes pending", check(BOUGHT, status="'pending'"), words="no such step"),
    _f("charge: an invented status", check(BOUGHT, status="'success '"), words="no such step"),
    _f("charge: clear the provider's id", check(BOUGHT, credit_check_id="NULL"), words="stays bought"),
    _f("charge: change the provider's id", check(BOUGHT, credit_check_id="99"), words="stays bought"),
    _f("charge: delete the record", f"DELETE FROM {CHECKS} WHERE id = {BOUGHT}"),
    _f("charge: replace the record", f"REPLACE INTO {CHECKS} (id, client_id, corporation_number) VALUES (1, 1, '1')"),
    _f("charge: give it to another client", check(BOUGHT, client_id="99")),
    _f(
        "charge: give it to another company",
        check(BOUGHT, corporation_number="'7010001065142'"),
        words="never changes",
    ),
    _f("charge: call it a duplicate", check(BOUGHT, duplicate_of=str(RENEWAL)), words="a duplicate has"),
    _f(
        "charge: supersede it without a renewal",
        check(BOUGHT, superseded_at=UTC, superseded_by=str(RENEWAL)),
        words="only a renewal",
    ),
    _f("charge: supersede it before it expired", check(BOUGHT, superseded_at=UTC), words="only a renewal"),
    _f(
        "charge: bring a superseded record back",
        check(SUPERSEDED, superseded_at="NULL", superseded_by="NULL"),
        words="only a renewal",
    ),
    _f(
        "charge: supersede a success without the provider's id",
        check(LEFT_OPEN, superseded_at=UTC),
        words="only a renewal",
    ),
    _f(
        "charge: name another application's purchase",
        check(LEFT_OPEN, credit_check_id="99"),
        words="only two people say",
    ),
    _f(
        "charge: name another application's purchase on one's own reading",
        evidence_row(subject=LEFT_OPEN)
        .replace("'person'", "'alarmbox.resolve'")
        .replace("'a letter', 'a letter'", "'HTTP 200 SUCCEEDED answered', ''"),
        check(LEFT_OPEN, credit_check_id="99"),
        words="only two people say",
    ),
    _f("charge: call it somebody else's row", check(BOUGHT, work_state="NULL"), words="no such state of work"),
    _f("charge: without raising the version", check(BOUGHT, version="version", result="'ok'"), words="raises"),
    _f("unknown: error on one person's word", check(UNKNOWN, **NOT_BOUGHT), words=SECOND),
    _f(
        "unknown: error as the first and the second person at once",
        evidence_row(),
        approval_row(),
        evidence_row(),
        check(UNKNOWN, **NOT_BOUGHT),
        words=SECOND,
    ),
    _f(
        "unknown: error with all checks switched off",
        "SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = ''",
        "SET @off = 1 /*M! , SESSION check_constraint_checks = 0 */",  # of MariaDB alone
        check(UNKNOWN, **NOT_BOUGHT),
        words=SECOND,
    ),
    _f(
        "unknown: success without an answer",
        check(UNKNOWN, status="'success'", certainty="'known'", credit_check_id="5"),
        words="only the provider's answer",
    ),
    _f("unknown: simply known again", check(UNKNOWN, certainty="'known'"), words="with an outcome alone"),
    _f("unknown: an invented certainty", check(UNKNOWN, certainty="'sure'"), words="no such certainty"),
    _f("unknown: a success that nobody knows", check(BOUGHT, certainty="'unknown'"), words="has ended is known"),
    _f("unknown: free the claim of a running call", check(RUNNING, **NOT_BOUGHT), words=SECOND),
    _f(
        "claim: a row that is bought already",
        f"INSERT INTO {CHECKS} (client_id, corporation_number, status, credit_check_id, work_state, operation_id)"
        " VALUES (5, '7010001065142', 'success', 6, 'none', 'op-1')",
        words="begins as pending",
    ),
    _f(
        "claim: a row without an operation",
        f"INSERT INTO {CHECKS} (client_id, corporation_number) VALUES (5, '7010001065142')",
        words="begins as pending",
    ),
    _f(
        "claim: a renewal of a live row",
        f"INSERT INTO {CHECKS} (client_id, corporation_number, work_state, operation_id, renews)"
        f" VALUES (5, '7010001065142', 'none', 'op-1', {BOUGHT})",
        words="a renewal takes over",
    ),
    _f(
        "claim: another company's number for a row by others",
        check(BY_OTHERS, corporation_number="'7010001065142'", work_state="'none'"),
        words="never changes",
    ),
    _f("decision: in another's name", evidence_row(), approval_row(who="{other}"), words=IN_NAME),
    _f("decision: as a letter that looks the same", approval_row(who="{homoglyph}"), words=IN_NAME),
    _f("decision: without evidence of one's own", approval_row(evidence="1"), words="evidence of their own"),
    _f("decision: closed from the beginning", approval_row(closed=UTC), words="begins open"),
    _f("decision: change what was proposed", "UPDATE approvals SET proposed = 'success'"),
    _f("decision: change who proposed", "UPDATE approvals SET person = '{me}'"),
    _f("decision: reopen", "UPDATE approvals SET closed_at = NULL WHERE closed_at IS NOT NULL", words="stays closed"),
    _f("decision: delete", "DELETE FROM approvals"),
    _f("evidence: in another's name", evidence_row(who="{other}"), words=IN_NAME),
    _f("evidence: change", "UPDATE evidence SET body = 'nothing'"),
    _f("evidence: delete", "DELETE FROM evidence"),
    _f(
        "session: in another's name",
        "INSERT INTO sessions (id, operator, desk, host, process, program, started_at)"
        f" VALUES (UUID(), '{{other}}', 'd', 'h', 1, 'p', {UTC})",
        words=IN_NAME,
    ),
    _f("people: more roles for oneself", "UPDATE operators SET roles = 'approver,operator' WHERE name = '{me}'"),
    _f("people: a new one", "INSERT INTO operators (name, roles, may_buy) VALUES ('x', 'approver', 1)"),
    _f("people: remove another person", "DELETE FROM operators WHERE name = '{other}'"),
    _f("database: another identity", "UPDATE console_meta SET value = 'x' WHERE name = 'database_id'"),
    _f(
        "database: a fact of one's own",
        "INSERT INTO console_meta (name, value) VALUES ('adoption', 'done')",
        words="only the schema account",
    ),
    _f(
        "tokens: in the clear",
        "UPDATE provider_tokens SET sealed = 'refresh-token', version = version + 1",
        words="kept sealed",
    ),
    _f("tokens: an older pair", "UPDATE provider_tokens SET version = version - 1", words="one after the other"),
    _f(
        "tokens: forget a used one",
        "UPDATE provider_tokens SET used_first = '[]', version = version + 1",
        words="stays used",
    ),
    _f("case: delete", "DELETE FROM alerts"),
    _f(
        "case: acknowledge in another's name",
        "UPDATE alerts SET acknowledged_by = '{other}'",
        words="in the name of somebody else",
    ),
    _f("server: an account", "CREATE USER friend IDENTIFIED BY 'x'"),
    _f("server: a right", "GRANT DELETE ON audit_log TO '{me}'@'%'"),
    _f("server: a role that one hasn't", "SET ROLE `{database}/{other_role}`", words="Invalid role|is not granted"),
    _f("server: no replication", "SET SESSION sql_log_bin = 0"),
    _f("server: a global setting", "SET GLOBAL max_connections = 10"),
    _f("server: a table of one's own", "CREATE TABLE mine (a INT)"),
    _f("server: hold everybody up", "LOCK TABLES audit_log WRITE"),
)


def seed(team: Team) -> None:
    """Insert records of every kind with the schema account. In all of them op-b is the other person."""
    other, database = team.names["op-b"], team.connect("owner")
    bought = f"'success', 'known', {UTC} + INTERVAL 1 YEAR"
    expired = f"'success', 'known', {UTC} - INTERVAL 1 DAY"
    pending, unknown = "'pending', 'known', NULL", "'pending', 'unknown', NULL"
    columns = "id, client_id, corporation_number, credit_check_id, status, certainty, expired_at, work_state"
    columns += ", operation_id, superseded_at, superseded_by, renews"
    rows = (
        f"({BOUGHT}, 1, '1180301018771', 111, {bought}, 'none', 'op-1', NULL, NULL, NULL)",
        f"({UNKNOWN}, 2, '1180301018771', NULL, {unknown}, 'needs_review', 'op-2', NULL, NULL, NULL)",
        f"({RUNNING}, 3, '1180301018771', NULL, {pending}, 'none', 'op-3', NULL, NULL, NULL)",
        f"({SUPERSEDED}, 4, '1180301018771', 114, {expired}, 'none', 'op-4', {UTC}, {RENEWAL}, NULL)",
        f"({RENEWAL}, 4, '1180301018771', 115, {bought}, 'none', 'op-5', NULL, NULL, {SUPERSEDED})",
        f"({PROPOSED}, 7, '1180301018771', NULL, {unknown}, 'needs_review', 'op-7', NULL, NULL, NULL)",
        f"({LEFT_OPEN}, 8, '1180301018771', NULL, {expired}, 'needs_review', NULL, NULL, NULL, NULL)",
    )
    statements = (
        f"INSERT INTO {CHECKS} ({columns}) VALUES {', '.join(rows)}",
        f"INSERT INTO {CHECKS} (id, client_id, corporation_number) VALUES ({BY_OTHERS}, 6, '118-0301018771')",
        *(_operation(number, state, other) for number, state in _STATES.items()),
        evidence_row(who=other, subject=PROPOSED),
        _row("approvals", **_proposed(PROPOSED, other)),
        _row("approvals", **_proposed(RENEWAL, other), closed_at=UTC),
        _row("leases", name="'held'", **_lease(other), lease_expires=f"{NOW_MS} + 600000"),
        _row("leases", name="'free'", **_lease(other), lease_expires="0"),
        _row(
            "provider_tokens", provider="'alarmbox'", sealed="'gAAAAx'", version="3", used_first=f"'[\"{HASH}\"]'",
            changed_at=UTC,
        ),
        _row(
            "alerts", rule_id="'contradicted'", subject_kind="'credit-check'", subject_id=str(BOUGHT), observed="'a'",
            expected="'b'", detected_at=UTC,
        ),
        audit_row(who=other, session="'chain-of-other'").replace("{{}}", "{}"),
    )  # fmt: skip
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    database.close()


def _row(table: str, **values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def _proposed(record: int, who: str) -> dict[str, str]:
    return {
        "subject_kind": "'credit-check'",
        "subject_id": f"'{record}'",
        "action": "'resolve'",
        "proposed": "'error'",
        "person": f"'{who}'",
        "evidence_id": "1",
        "at": UTC,
    }


def _lease(who: str) -> dict[str, str]:
    return {"slot": "0", "operator": f"'{who}'", "lease_clock": "'server'", "fence": "4"}


_STATES = {1: "done", 2: "unknown", 3: "calling", 4: "done", 5: "done", 7: "unknown"}


def _operation(number: int, state: str, who: str) -> str:
    return (
        "INSERT INTO operations (id, action, subject_kind, subject_id, state, idempotency_key, fingerprint, operator,"
        " desk, host, process, session, started_at, lease_clock, lease_expires, answer_lock) VALUES"
        f" ('op-{number}', 'credit-check.purchase', 'credit-check', {number}, '{state}', 'key-{number}', 'f',"
        f" '{who}', 'd', 'h', 1, 's', {UTC}, 'server', {NOW_MS} + 600000, SHA2('{ANSWER_KEY}', 256))"
    )


def contents(team: Team) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, by the name of the table."""
    with team.connect("owner") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
        found: dict[str, list[tuple[Any, ...]]] = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = sorted(cursor.fetchall(), key=repr)
    return found
