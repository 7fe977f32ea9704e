"""Statements that a server refuses to the account of every person, and rows of a team's database on which each of
these statements would do harm.

In a statement, `{me}` is the account that executes it, `{ME}` the same name in capitals, `{homoglyph}` the same name
with letters that look the same, and `{other}` another person's account. `fill_account_names` in plain_connections.py
fills in these and the other names. `message_part` is a part of the message with which a trigger refuses the statement
if the account has the needed rights. For other accounts the database may refuse the statement earlier because of the
missing right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.store.audit.hash_chain import FIRST_PREVIOUS_HASH
from tests.support.teams import Team

CHECKS_TABLE = "hansha_alarmbox_credit_checks"
NOW_SQL = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
NOW_MS_SQL = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
ANY_HASH = "a" * 64
ANSWER_KEY = "b" * 64
"""The answer key of each operation that `insert_records` inserts."""
(
    BOUGHT_CHECK_ID,
    UNKNOWN_CHECK_ID,
    RUNNING_CHECK_ID,
    SUPERSEDED_CHECK_ID,
    RENEWAL_CHECK_ID,
    CHECK_OF_OTHER_APPLICATION_ID,
    CHECK_WITH_PROPOSAL_ID,
    CHECK_LEFT_OPEN_ID,
) = range(1, 9)
REFUSAL_ERROR_NUMBERS = {1044, 1045, 1062, 1142, 1143, 1227, 1370, 1396, 1410, 1419, 1644, 1959, 3530}
"""Error numbers with which a server refuses a statement because the account lacks a right, because a trigger or a
constraint forbids it, or because such a row exists already.
"""


@dataclass(frozen=True, slots=True)
class ForbiddenStatements:
    """One forbidden action: SQL statements of which the database must refuse the last one. The database's message
    must contain `message_part`; several possible texts are divided by `|`."""

    title: str
    sql: tuple[str, ...]
    message_part: str = "denied"


def _make_forbidden(title: str, *sql: str, message_part: str = "denied") -> ForbiddenStatements:
    return ForbiddenStatements(title, sql, message_part)


def make_audit_insert(
    at: str = NOW_SQL,
    person: str = "{me}",
    session: str = "UUID()",
    seq: int = 1,
    previous_hash: str = FIRST_PREVIOUS_HASH,
    action: str = "try",
    number: str = "NULL",
) -> str:
    """Return the SQL that inserts an audit entry. `at`, `session` and `number` are SQL expressions, the other texts
    are values; "{me}" stands for the name of the account that executes the statement.
    """
    return (
        "INSERT INTO audit_log (id, session, seq, at, who, desk, what, result, detail, prev_hash, hash) VALUES"
        f" ({number}, {session}, {seq}, {at}, '{person}', 'desk', '{action}', 'done', '{{{{}}}}',"
        f" '{previous_hash}', '{ANY_HASH}')"
    )


def make_operation_insert(
    person: str = "{me}", state: str = "calling", key: str = "UUID()", lease: str = "45000"
) -> str:
    return (
        "INSERT INTO operations (id, action, subject_kind, state, idempotency_key, fingerprint, operator, desk, host,"
        " process, session, started_at, lease_clock, lease_expires) VALUES (UUID(), 'credit-check.refetch',"
        f" 'credit-check', '{state}', {key}, 'f', '{person}', 'd', 'h', 1,"
        f" 's', {NOW_SQL}, 'server', {NOW_MS_SQL} + {lease})"
    )


def make_evidence_insert(person: str = "{me}", subject: int = UNKNOWN_CHECK_ID) -> str:
    return (
        "INSERT INTO evidence (subject_kind, subject_id, operation_id, at, source, who, sha256, summary, body)"
        f" VALUES ('credit-check', {subject}, NULL, {NOW_SQL}, 'person', '{person}',"
        f" '{ANY_HASH}', 'a letter', 'a letter')"
    )


def make_approval_insert(person: str = "{me}", closed_at: str = "NULL", evidence_id: str = "LAST_INSERT_ID()") -> str:
    return (
        "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, evidence_id, at, closed_at)"
        f" VALUES ('credit-check', '{UNKNOWN_CHECK_ID}', 'resolve', 'error', '{person}', {evidence_id}, {NOW_SQL},"
        f" {closed_at})"
    )


def make_check_update(record: int, **values: str) -> str:
    """Return an UPDATE of a credit check in the form in which the services write it, with the version raised by one.
    `values` are SQL expressions by column; they may replace `version`."""
    assignments = ", ".join(f"{name} = {value}" for name, value in ({"version": "version + 1"} | values).items())
    return f"UPDATE {CHECKS_TABLE} SET {assignments} WHERE id = {record}"


NOT_BOUGHT_COLUMNS = {"status": "'error'", "certainty": "'known'"}
NOT_BOUGHT_MESSAGE = "purchase fails only"
WRONG_PERSON_MESSAGE = "in the name of somebody else"

FORBIDDEN_AUDIT_STATEMENTS: Sequence[ForbiddenStatements] = (
    _make_forbidden("audit: change a row", "UPDATE audit_log SET what = 'nothing' WHERE seq = 1"),
    _make_forbidden("audit: delete a row", "DELETE FROM audit_log WHERE seq = 1"),
    _make_forbidden("audit: replace a row", "REPLACE INTO audit_log SELECT * FROM audit_log LIMIT 1"),
    _make_forbidden(
        "audit: change a row by INSERT … ON DUPLICATE KEY UPDATE",
        "INSERT INTO audit_log SELECT * FROM audit_log LIMIT 1 ON DUPLICATE KEY UPDATE what = 'nothing'",
    ),
    _make_forbidden("audit: empty the table", "TRUNCATE audit_log"),
    _make_forbidden("audit: change the table", "ALTER TABLE audit_log DROP COLUMN hash"),
    _make_forbidden("audit: drop the table", "DROP TABLE audit_log"),
    _make_forbidden("audit: rename the table", "RENAME TABLE audit_log TO old_audit_log"),
    _make_forbidden("audit: drop its trigger", "DROP TRIGGER {trigger}"),
    _make_forbidden(
        "audit: add a trigger", "CREATE TRIGGER t BEFORE INSERT ON audit_log FOR EACH ROW SET NEW.who = 'x'"
    ),
    _make_forbidden(
        "audit: write as somebody else", make_audit_insert(person="{other}"), message_part=WRONG_PERSON_MESSAGE
    ),
    _make_forbidden(
        "audit: write as oneself with a blank", make_audit_insert(person="{me} "), message_part=WRONG_PERSON_MESSAGE
    ),
    _make_forbidden(
        "audit: write as oneself in capitals", make_audit_insert(person="{ME}"), message_part=WRONG_PERSON_MESSAGE
    ),
    _make_forbidden(
        "audit: write with a letter that looks the same",
        make_audit_insert(person="{homoglyph}"),
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "audit: a time in the past",
        make_audit_insert(at=f"{NOW_SQL} - INTERVAL 1 HOUR"),
        message_part="time of the server",
    ),
    _make_forbidden(
        "audit: a time in the future",
        make_audit_insert(at=f"{NOW_SQL} + INTERVAL 3 SECOND"),
        message_part="time of the server",
    ),
    _make_forbidden(
        "audit: a forged NOW()",
        "SET timestamp = 1",
        make_audit_insert(at="NOW(6)"),
        message_part="time of the server",
    ),
    _make_forbidden(
        "audit: a forged UTC",
        "SET timestamp = 1",
        make_audit_insert(at="UTC_TIMESTAMP(6)"),
        message_part="time of the server",
    ),
    _make_forbidden(
        "audit: another time zone",
        "SET time_zone = '+09:00'",
        make_audit_insert(at="SYSDATE(6)"),
        message_part="time of the server",
    ),
    _make_forbidden(
        "audit: go on with somebody else's chain",
        make_audit_insert(session="'chain-of-other'", seq=2, previous_hash=ANY_HASH),
        message_part="a chain of its own writer",
    ),
    _make_forbidden(
        "audit: begin in the middle of a chain",
        make_audit_insert(seq=7, previous_hash=ANY_HASH),
        message_part="a chain of its own writer",
    ),
    _make_forbidden(
        "audit: choose a row's number",
        make_audit_insert(number="9223372036854775806"),
        message_part="its number from the database",
    ),
    _make_forbidden(
        "journal: begin in another's name", make_operation_insert(person="{other}"), message_part=WRONG_PERSON_MESSAGE
    ),
    _make_forbidden(
        "journal: begin with an end", make_operation_insert(state="done"), message_part="begins as calling"
    ),
    _make_forbidden(
        "journal: a lease without an end",
        make_operation_insert(lease="31536000000"),
        message_part="no lease is longer",
    ),
    _make_forbidden("journal: delete an operation", "DELETE FROM operations WHERE id = 'op-1'"),
    _make_forbidden("journal: change the operator", "UPDATE operations SET operator = '{me}' WHERE id = 'op-1'"),
    _make_forbidden("journal: change the fingerprint", "UPDATE operations SET fingerprint = 'x' WHERE id = 'op-1'"),
    _make_forbidden(
        "journal: a success becomes a failure",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-1'",
        message_part="no such step",
    ),
    _make_forbidden(
        "journal: an end is taken back",
        "UPDATE operations SET state = 'calling', fence = fence + 1 WHERE id = 'op-1'",
        message_part="no such step",
    ),
    _make_forbidden(
        "journal: an invented state",
        "UPDATE operations SET state = 'paid', fence = fence + 1 WHERE id = 'op-2'",
        message_part="no such step",
    ),
    _make_forbidden(
        "journal: unknown becomes failed on one person's word",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-2'",
        message_part=NOT_BOUGHT_MESSAGE,
    ),
    _make_forbidden(
        "journal: end somebody else's running call",
        "UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-3'",
        message_part="somebody else's call is running",
    ),
    _make_forbidden(
        "journal: lapse somebody else's running call",
        "UPDATE operations SET state = 'unknown', fence = fence + 1 WHERE id = 'op-3'",
        message_part="somebody else's call is running",
    ),
    _make_forbidden(
        "journal: keep somebody else's lease",
        f"UPDATE operations SET lease_expires = {NOW_MS_SQL} + 60000 WHERE id = 'op-3'",
        message_part="account that began",
    ),
    _make_forbidden(
        "journal: lower the fence", "UPDATE operations SET fence = 0 WHERE id = 'op-2'", message_part="only rises"
    ),
    _make_forbidden(
        "journal: free a key that counts",
        "UPDATE operations SET idempotency_key = 'free' WHERE id = 'op-1'",
        message_part="never changed",
    ),
    _make_forbidden(
        "journal: take over a key",
        "UPDATE operations SET idempotency_key = 'key-1#op-2' WHERE id = 'op-2'",
        message_part="never changed",
    ),
    _make_forbidden(
        "journal: change a kept result",
        "UPDATE operations SET result = 'other' WHERE id = 'op-1'",
        message_part="stays as it is",
    ),
    _make_forbidden(
        "lease: steal a live one",
        f"UPDATE leases SET operator = '{{me}}', fence = fence + 1, lease_expires = {NOW_MS_SQL} + 45000"
        " WHERE name = 'held'",
        message_part="somebody else holds",
    ),
    _make_forbidden(
        "lease: end somebody else's",
        "UPDATE leases SET lease_expires = 0 WHERE name = 'held'",
        message_part="else holds",
    ),
    _make_forbidden(
        "lease: take one in another's name",
        "INSERT INTO leases (name, slot, operator, lease_clock, lease_expires, fence)"
        f" VALUES ('x', 0, '{{other}}', 'server', {NOW_MS_SQL} + 45000, 1)",
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "lease: take a free one in another's name",
        f"UPDATE leases SET operator = '{{other}}', fence = fence + 1, lease_expires = {NOW_MS_SQL} + 45000"
        " WHERE name = 'free'",
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "lease: lower the fence", "UPDATE leases SET fence = fence - 1 WHERE name = 'free'", message_part="only rises"
    ),
    _make_forbidden(
        "lease: for a year",
        f"UPDATE leases SET operator = '{{me}}', fence = fence + 1, lease_expires = {NOW_MS_SQL} + 31536000000"
        " WHERE name = 'free'",
        message_part="no lease is longer",
    ),
    _make_forbidden("lease: delete one", "DELETE FROM leases WHERE name = 'held'"),
    _make_forbidden(
        "charge: success becomes error",
        make_check_update(BOUGHT_CHECK_ID, **NOT_BOUGHT_COLUMNS),
        message_part="no such step",
    ),
    _make_forbidden(
        "charge: success becomes pending",
        make_check_update(BOUGHT_CHECK_ID, status="'pending'"),
        message_part="no such step",
    ),
    _make_forbidden(
        "charge: an invented status",
        make_check_update(BOUGHT_CHECK_ID, status="'success '"),
        message_part="no such step",
    ),
    _make_forbidden(
        "charge: clear the provider's id",
        make_check_update(BOUGHT_CHECK_ID, credit_check_id="NULL"),
        message_part="only a successful",
    ),
    _make_forbidden(
        "charge: change the provider's id",
        make_check_update(BOUGHT_CHECK_ID, credit_check_id="99"),
        message_part="only a successful",
    ),
    _make_forbidden("charge: delete the record", f"DELETE FROM {CHECKS_TABLE} WHERE id = {BOUGHT_CHECK_ID}"),
    _make_forbidden(
        "charge: replace the record",
        f"REPLACE INTO {CHECKS_TABLE} (id, client_id, corporation_number) VALUES (1, 1, '1')",
    ),
    _make_forbidden("charge: give it to another client", make_check_update(BOUGHT_CHECK_ID, client_id="99")),
    _make_forbidden(
        "charge: give it to another company",
        make_check_update(BOUGHT_CHECK_ID, corporation_number="'7010001065142'"),
        message_part="never change",
    ),
    _make_forbidden(
        "charge: call it a duplicate",
        make_check_update(BOUGHT_CHECK_ID, duplicate_of=str(RENEWAL_CHECK_ID)),
        message_part="a duplicate has",
    ),
    _make_forbidden(
        "charge: supersede it without a renewal",
        make_check_update(BOUGHT_CHECK_ID, superseded_at=NOW_SQL, superseded_by=str(RENEWAL_CHECK_ID)),
        message_part="only a renewal",
    ),
    _make_forbidden(
        "charge: supersede it before it expired",
        make_check_update(BOUGHT_CHECK_ID, superseded_at=NOW_SQL),
        message_part="only a renewal",
    ),
    _make_forbidden(
        "charge: bring a superseded record back",
        make_check_update(SUPERSEDED_CHECK_ID, superseded_at="NULL", superseded_by="NULL"),
        message_part="only a renewal",
    ),
    _make_forbidden(
        "charge: supersede a success without the provider's id",
        make_check_update(CHECK_LEFT_OPEN_ID, superseded_at=NOW_SQL),
        message_part="only a renewal",
    ),
    _make_forbidden(
        "charge: name another application's purchase",
        make_check_update(CHECK_LEFT_OPEN_ID, credit_check_id="99"),
        message_part="only two people set",
    ),
    _make_forbidden(
        "charge: name another application's purchase on one's own reading",
        make_evidence_insert(subject=CHECK_LEFT_OPEN_ID)
        .replace("'person'", "'alarmbox.resolve'")
        .replace("'a letter', 'a letter'", "'HTTP 200 SUCCEEDED answered', ''"),
        make_check_update(CHECK_LEFT_OPEN_ID, credit_check_id="99"),
        message_part="only two people set",
    ),
    _make_forbidden(
        "charge: call it somebody else's row",
        make_check_update(BOUGHT_CHECK_ID, work_state="NULL"),
        message_part="no such state of work",
    ),
    _make_forbidden(
        "charge: without raising the version",
        make_check_update(BOUGHT_CHECK_ID, version="version", result="'ok'"),
        message_part="raises",
    ),
    _make_forbidden(
        "unknown: error on one person's word",
        make_check_update(UNKNOWN_CHECK_ID, **NOT_BOUGHT_COLUMNS),
        message_part=NOT_BOUGHT_MESSAGE,
    ),
    _make_forbidden(
        "unknown: error as the first and the second person at once",
        make_evidence_insert(),
        make_approval_insert(),
        make_evidence_insert(),
        make_check_update(UNKNOWN_CHECK_ID, **NOT_BOUGHT_COLUMNS),
        message_part=NOT_BOUGHT_MESSAGE,
    ),
    _make_forbidden(
        "unknown: error with all checks switched off",
        "SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = ''",
        "SET @off = 1 /*M! , SESSION check_constraint_checks = 0 */",  # of MariaDB alone
        make_check_update(UNKNOWN_CHECK_ID, **NOT_BOUGHT_COLUMNS),
        message_part=NOT_BOUGHT_MESSAGE,
    ),
    _make_forbidden(
        "unknown: success without an answer",
        make_check_update(UNKNOWN_CHECK_ID, status="'success'", certainty="'known'", credit_check_id="5"),
        message_part="only by the provider",
    ),
    _make_forbidden(
        "unknown: simply known again",
        make_check_update(UNKNOWN_CHECK_ID, certainty="'known'"),
        message_part="the state changes",
    ),
    _make_forbidden(
        "unknown: an invented certainty",
        make_check_update(UNKNOWN_CHECK_ID, certainty="'sure'"),
        message_part="no such certainty",
    ),
    _make_forbidden(
        "unknown: a success that nobody knows",
        make_check_update(BOUGHT_CHECK_ID, certainty="'unknown'"),
        message_part="has ended has a known",
    ),
    _make_forbidden(
        "unknown: free the claim of a running call",
        make_check_update(RUNNING_CHECK_ID, **NOT_BOUGHT_COLUMNS),
        message_part=NOT_BOUGHT_MESSAGE,
    ),
    _make_forbidden(
        "claim: a row that is bought already",
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, status, credit_check_id, work_state,"
        " operation_id) VALUES (5, '7010001065142', 'success', 6, 'none', 'op-1')",
        message_part="begins as pending",
    ),
    _make_forbidden(
        "claim: a row without an operation",
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number) VALUES (5, '7010001065142')",
        message_part="begins as pending",
    ),
    _make_forbidden(
        "claim: a renewal of a live row",
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, work_state, operation_id, renews)"
        f" VALUES (5, '7010001065142', 'none', 'op-1', {BOUGHT_CHECK_ID})",
        message_part="a renewal takes over",
    ),
    _make_forbidden(
        "claim: another company's number for a row by others",
        make_check_update(CHECK_OF_OTHER_APPLICATION_ID, corporation_number="'7010001065142'", work_state="'none'"),
        message_part="never change",
    ),
    _make_forbidden(
        "decision: in another's name",
        make_evidence_insert(),
        make_approval_insert(person="{other}"),
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "decision: as a letter that looks the same",
        make_approval_insert(person="{homoglyph}"),
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "decision: without evidence of one's own",
        make_approval_insert(evidence_id="1"),
        message_part="evidence of the same",
    ),
    _make_forbidden(
        "decision: closed from the beginning", make_approval_insert(closed_at=NOW_SQL), message_part="begins open"
    ),
    _make_forbidden("decision: change the proposed outcome", "UPDATE approvals SET proposed = 'success'"),
    _make_forbidden("decision: change the proposer", "UPDATE approvals SET person = '{me}'"),
    _make_forbidden(
        "decision: reopen",
        "UPDATE approvals SET closed_at = NULL WHERE closed_at IS NOT NULL",
        message_part="stays closed",
    ),
    _make_forbidden("decision: delete", "DELETE FROM approvals"),
    _make_forbidden(
        "evidence: in another's name", make_evidence_insert(person="{other}"), message_part=WRONG_PERSON_MESSAGE
    ),
    _make_forbidden("evidence: change", "UPDATE evidence SET body = 'nothing'"),
    _make_forbidden("evidence: delete", "DELETE FROM evidence"),
    _make_forbidden(
        "session: in another's name",
        "INSERT INTO sessions (id, operator, desk, host, process, program, started_at)"
        f" VALUES (UUID(), '{{other}}', 'd', 'h', 1, 'p', {NOW_SQL})",
        message_part=WRONG_PERSON_MESSAGE,
    ),
    _make_forbidden(
        "people: more roles for oneself", "UPDATE operators SET roles = 'approver,operator' WHERE name = '{me}'"
    ),
    _make_forbidden("people: a new one", "INSERT INTO operators (name, roles, may_buy) VALUES ('x', 'approver', 1)"),
    _make_forbidden("people: remove another person", "DELETE FROM operators WHERE name = '{other}'"),
    _make_forbidden("database: another identity", "UPDATE console_meta SET value = 'x' WHERE name = 'database_id'"),
    _make_forbidden(
        "database: a fact of one's own",
        "INSERT INTO console_meta (name, value) VALUES ('adoption', 'done')",
        message_part="only the schema account",
    ),
    _make_forbidden(
        "tokens: in the clear",
        "UPDATE provider_tokens SET sealed = 'refresh-token', version = version + 1",
        message_part="tokens are stored",
    ),
    _make_forbidden(
        "tokens: an older pair",
        "UPDATE provider_tokens SET version = version - 1",
        message_part="one after the other",
    ),
    _make_forbidden(
        "tokens: forget a used one",
        "UPDATE provider_tokens SET used_first = '[]', version = version + 1",
        message_part="stays used",
    ),
    _make_forbidden("case: delete", "DELETE FROM alerts"),
    _make_forbidden(
        "case: acknowledge in another's name",
        "UPDATE alerts SET acknowledged_by = '{other}'",
        message_part="in the name of somebody else",
    ),
    _make_forbidden("server: an account", "CREATE USER friend IDENTIFIED BY 'x'"),
    _make_forbidden("server: a right", "GRANT DELETE ON audit_log TO '{me}'@'%'"),
    _make_forbidden(
        "server: a role that one hasn't",
        "SET ROLE `{database}/{other_role}`",
        message_part="Invalid role|is not granted",
    ),
    _make_forbidden("server: no replication", "SET SESSION sql_log_bin = 0"),
    _make_forbidden("server: a global setting", "SET GLOBAL max_connections = 10"),
    _make_forbidden("server: a table of one's own", "CREATE TABLE mine (a INT)"),
    _make_forbidden("server: hold everybody up", "LOCK TABLES audit_log WRITE"),
)


def insert_records(team: Team) -> None:
    """Insert credit checks in each state with their operations, evidence and proposals, and a row into each of some
    other tables, with the schema account. In all of them op-b is the other person, for example the requester."""
    other, database = team.names["op-b"], team.open_connection("owner")
    bought = f"'success', 'known', {NOW_SQL} + INTERVAL 1 YEAR"
    expired = f"'success', 'known', {NOW_SQL} - INTERVAL 1 DAY"
    pending, unknown = "'pending', 'known', NULL", "'pending', 'unknown', NULL"
    columns = "id, client_id, corporation_number, credit_check_id, status, certainty, expired_at, work_state"
    columns += ", operation_id, superseded_at, superseded_by, renews"
    rows = (
        f"({BOUGHT_CHECK_ID}, 1, '1180301018771', 111, {bought}, 'none', 'op-1', NULL, NULL, NULL)",
        f"({UNKNOWN_CHECK_ID}, 2, '1180301018771', NULL, {unknown}, 'needs_review', 'op-2', NULL, NULL, NULL)",
        f"({RUNNING_CHECK_ID}, 3, '1180301018771', NULL, {pending}, 'none', 'op-3', NULL, NULL, NULL)",
        (
            f"({SUPERSEDED_CHECK_ID}, 4, '1180301018771', 114, {expired}, 'none', 'op-4', {NOW_SQL},"
            f" {RENEWAL_CHECK_ID}, NULL)"
        ),
        f"({RENEWAL_CHECK_ID}, 4, '1180301018771', 115, {bought}, 'none', 'op-5', NULL, NULL, {SUPERSEDED_CHECK_ID})",
        f"({CHECK_WITH_PROPOSAL_ID}, 7, '1180301018771', NULL, {unknown}, 'needs_review', 'op-7', NULL, NULL, NULL)",
        f"({CHECK_LEFT_OPEN_ID}, 8, '1180301018771', NULL, {expired}, 'needs_review', NULL, NULL, NULL, NULL)",
    )
    statements = (
        f"INSERT INTO {CHECKS_TABLE} ({columns}) VALUES {', '.join(rows)}",
        (
            f"INSERT INTO {CHECKS_TABLE} (id, client_id, corporation_number)"
            f" VALUES ({CHECK_OF_OTHER_APPLICATION_ID}, 6, '118-0301018771')"
        ),
        *(_make_operation_insert(number, state, other) for number, state in _STATE_BY_OPERATION.items()),
        make_evidence_insert(person=other, subject=CHECK_WITH_PROPOSAL_ID),
        _make_insert("approvals", **_make_proposal_columns(CHECK_WITH_PROPOSAL_ID, other)),
        _make_insert("approvals", **_make_proposal_columns(RENEWAL_CHECK_ID, other), closed_at=NOW_SQL),
        _make_insert("leases", name="'held'", **_make_lease_columns(other), lease_expires=f"{NOW_MS_SQL} + 600000"),
        _make_insert("leases", name="'free'", **_make_lease_columns(other), lease_expires="0"),
        _make_insert(
            "provider_tokens", provider="'alarmbox'", sealed="'gAAAAx'", version="3",
            used_first=f"'[\"{ANY_HASH}\"]'",
            changed_at=NOW_SQL,
        ),
        _make_insert(
            "alerts", rule_id="'contradicted'", subject_kind="'credit-check'", subject_id=str(BOUGHT_CHECK_ID),
            observed="'a'",
            expected="'b'", detected_at=NOW_SQL,
        ),
        make_audit_insert(person=other, session="'chain-of-other'").replace("{{}}", "{}"),
    )  # fmt: skip
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    database.close()


def _make_insert(table: str, **values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def _make_proposal_columns(record: int, person: str) -> dict[str, str]:
    """Return the SQL expressions of the columns of a proposal by `person` that the credit check was not bought, by
    column.
    """
    return {
        "subject_kind": "'credit-check'",
        "subject_id": f"'{record}'",
        "action": "'resolve'",
        "proposed": "'error'",
        "person": f"'{person}'",
        "evidence_id": "1",
        "at": NOW_SQL,
    }


def _make_lease_columns(person: str) -> dict[str, str]:
    """Return the SQL expressions of the columns of a lease of `person`, by column."""
    return {"slot": "0", "operator": f"'{person}'", "lease_clock": "'server'", "fence": "4"}


_STATE_BY_OPERATION = {1: "done", 2: "unknown", 3: "calling", 4: "done", 5: "done", 7: "unknown"}


def _make_operation_insert(number: int, state: str, person: str) -> str:
    return (
        "INSERT INTO operations (id, action, subject_kind, subject_id, state, idempotency_key, fingerprint, operator,"
        " desk, host, process, session, started_at, lease_clock, lease_expires, answer_lock) VALUES"
        f" ('op-{number}', 'credit-check.purchase', 'credit-check', {number}, '{state}', 'key-{number}', 'f',"
        f" '{person}', 'd', 'h', 1, 's', {NOW_SQL}, 'server', {NOW_MS_SQL} + 600000, SHA2('{ANSWER_KEY}', 256))"
    )


def read_all_rows(team: Team) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, by the name of the table."""
    with team.open_connection("owner") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
        rows_by_table: dict[str, list[tuple[Any, ...]]] = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT * FROM {table}")
            rows_by_table[table] = sorted(cursor.fetchall(), key=repr)
    return rows_by_table
