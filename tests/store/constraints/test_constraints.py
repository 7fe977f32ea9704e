"""Tests of the SQL statements that the database itself refuses to a plain database client, and of those that it
accepts."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import Connection, make_url

import console
from console.domain.payments.states import PAYMENT_TRANSITIONS
from console.domain.transitions import tables as states
from console.store.access import grants
from console.store.constraints import credit_checks as guard_checks
from console.store.constraints import orders as guard_orders
from console.store.constraints import server_triggers
from console.store.constraints.fitness import check_fitness
from console.store.database.engine import Database, Transaction
from console.store.migrations import upgrade as migrate
from tests.store import forbidden, forbidden_money, forbidden_worker, money_scene
from tests.store.plain_connections import (
    PersonConnections,
    connect_as_guest,
    execute_forbidden_statements,
    execute_statements,
    fill_own_name,
    open_server_with_movable_time,
)
from tests.support.places import Engine
from tests.support.servers import Cluster
from tests.support.sql_server import SqlServer
from tests.support.teams import PERSON_NAME_BY_ROLE, Team, open_team

ALL_FORBIDDEN_STATEMENTS = (
    *forbidden.FORBIDDEN_AUDIT_STATEMENTS,
    *forbidden_money.FORBIDDEN_MONEY_STATEMENTS,
    *forbidden_worker.FORBIDDEN_WORKER_STATEMENTS,
)


pytestmark = pytest.mark.engines("mariadb")


@pytest.fixture(scope="module")
def team(engine: Engine) -> Iterator[Team]:
    """Yield a team's database with records of every kind, on a server that allows a session to change NOW(). The
    tests of this module must not change it."""
    with open_server_with_movable_time(engine) as server, open_team(server) as made:
        forbidden.insert_records(made)
        money_scene.insert_money_rows(made)
        forbidden_worker.insert_worker_rows(made)
        yield made


@pytest.mark.parametrize("role", PERSON_NAME_BY_ROLE)
def test_forbidden_statements_are_refused_to_each_role(team: Team, connections: PersonConnections, role: str) -> None:
    """The database refuses each forbidden statement to the account of each role in a plain client. Afterwards all
    rows are unchanged. An approver's account has the most rights: it gets the message of the right or the trigger
    rule that is meant to refuse the statement."""
    before, person = forbidden.read_all_rows(team), PERSON_NAME_BY_ROLE[role]
    refusals = [
        (case, execute_forbidden_statements(team, connections, person, case)) for case in ALL_FORBIDDEN_STATEMENTS
    ]
    assert [case.title for case, message in refusals if message is None] == []
    assert forbidden.read_all_rows(team) == before
    if role == "approver":
        assert [
            (case.title, message)
            for case, message in refusals
            if not any(part in (message or "") for part in case.message_part.split("|"))
        ] == []
    print(
        f"demand 19: {role}: {len(ALL_FORBIDDEN_STATEMENTS)} forbidden statements,"
        f" {len(ALL_FORBIDDEN_STATEMENTS)} refused"
    )


STATEMENT_BY_BYPASS = {
    "preset approver": "approve: on somebody else's vote",
    "preset state": "refund: begin approved",
    "forged requester": "refund: ask in another's name",
    "own approval": "approve: in the transaction of the request",
    "other's name": "approve: in another's name",
    "no approver": "approve: without a vote",
    "un-approve": "approve: undo it",
    "changed amount": "asked: another sum once approved",
    "negative amount": "refund: of less than nothing",
    "delete": "decided: delete",
    "own approval, checks off": "approve: one's own request, all checks off",
    "negative amount, checks off": "refund: of less than nothing, all checks off",
    "forged time": "approve: after its time, with a forged NOW()",
    "homoglyph account": "approve: as a letter that looks the same",
}
"""Dictionary from each known way around the approval by two people to the title of the forbidden statement that tries
it.
"""


@pytest.mark.parametrize("person", ["op-a", "lead-b"])
def test_the_database_refuses_each_known_bypass_of_a_second_approver(
    team: Team, connections: PersonConnections, person: str
) -> None:
    """The database refuses to the requester and to the approver each known way around the approval by two people.
    Afterwards all rows are unchanged."""
    before, by_title = forbidden.read_all_rows(team), {case.title: case for case in ALL_FORBIDDEN_STATEMENTS}
    refused = [
        way
        for way, title in STATEMENT_BY_BYPASS.items()
        if execute_forbidden_statements(team, connections, person, by_title[title])
    ]
    print(f"demand 19: {person}: {len(refused)} of {len(STATEMENT_BY_BYPASS)} bypasses refused")
    assert refused == list(STATEMENT_BY_BYPASS)
    assert forbidden.read_all_rows(team) == before


def test_the_docs_list_each_forbidden_statement() -> None:
    """The section of docs/accounts.md about refused changes lists exactly the forbidden statements that these tests
    try, and the section about changes that the database can't refuse has none of them.
    """
    text = (Path(console.__file__).parent.parent / "docs" / "accounts.md").read_text(encoding="utf-8")
    section = text.partition("\n## What is refused\n")[2].partition("\n## ")[0]
    listed_titles = [line[2:].strip() for line in section.splitlines() if line.startswith("* ")]
    assert listed_titles == [case.title for case in ALL_FORBIDDEN_STATEMENTS]
    assert len(listed_titles) >= 20


# ---------------------------------------------------------------- what passes


@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_statements_with_the_persons_own_name_are_accepted(
    team: Team, connections: PersonConnections, person: str
) -> None:
    """The database accepts an insert of an audit entry, of an operation and of evidence, and the acquisition of a
    free lease, if each has the account's own name and the right time. It also accepts a new result of a credit check.
    """
    own = [forbidden.make_audit_insert(), forbidden.make_operation_insert(), forbidden.make_evidence_insert()]
    free = (
        f"UPDATE leases SET operator = '{{me}}', fence = fence + 1, lease_expires = {forbidden.NOW_MS_SQL} + 45000"
        " WHERE name = 'free'"
    )
    assert [execute_statements(connections, person, fill_own_name(one, team, person)) for one in (*own, free)] == [
        "",
        "",
        "",
        "",
    ]
    assert (
        execute_statements(connections, person, forbidden.make_check_update(forbidden.BOUGHT_CHECK_ID, result="'ok'"))
        == ""
    )


@pytest.mark.parametrize("audit_action", ["audit.root", "audit.root "])
def test_only_a_worker_inserts_roots_of_the_trail(
    team: Team, connections: PersonConnections, audit_action: str
) -> None:
    """The database accepts an audit root only from a worker's account. The same holds if the action has an additional
    blank at its end, which servers ignore when they compare texts."""
    for person in ("op-a", "lead-b", "aud-e", "adm-f"):
        assert "a worker's to write" in execute_statements(
            connections, person, fill_own_name(forbidden.make_audit_insert(action=audit_action), team, person)
        )
    assert (
        execute_statements(
            connections, "worker", fill_own_name(forbidden.make_audit_insert(action=audit_action), team, "worker")
        )
        == ""
    )


def make_not_bought_statements(record: int) -> tuple[str, str]:
    """Return the statements that write a purchase as not bought, in the form in which the services write them."""
    ended = f"UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = 'op-{record}'"
    return ended, forbidden.make_check_update(record, **forbidden.NOT_BOUGHT_COLUMNS)


def test_a_denied_purchase_needs_a_second_approver(team: Team, connections: PersonConnections) -> None:
    """op-b has proposed that a purchase was not made. The database accepts this outcome only from another person who
    is an approver and has stored evidence about this credit check. It refuses the outcome while op-b is disabled or
    has a role without the right to decide."""
    proposed = forbidden.CHECK_WITH_PROPOSAL_ID

    def store_second_decision(person: str, *before: str) -> str:
        return execute_statements(
            connections,
            person,
            *(fill_own_name(one, team, person) for one in (*before, *make_not_bought_statements(proposed))),
        )

    evidence = forbidden.make_evidence_insert(subject=proposed)
    assert store_second_decision("lead-b", evidence) == ""
    assert "purchase fails only" in store_second_decision("lead-b")
    assert "purchase fails only" in store_second_decision("op-a", evidence)
    assert "purchase fails only" in store_second_decision("op-b", evidence)
    assert "purchase fails only" in store_second_decision("worker", evidence)
    for statement in make_not_bought_statements(proposed):
        assert "purchase fails only" in store_second_decision(
            "lead-b", forbidden.make_evidence_insert(subject=forbidden.UNKNOWN_CHECK_ID), statement
        )
    for change, back in (
        ("disabled_at = UTC_TIMESTAMP()", "disabled_at = NULL"),
        ("roles = 'auditor'", "roles = 'operator'"),
    ):
        with team.open_connection("owner") as owner, owner.cursor() as cursor:
            cursor.execute(f"UPDATE operators SET {change} WHERE name = %s", [team.names["op-b"]])
            try:
                assert "purchase fails only" in store_second_decision("lead-b", evidence), (
                    "who proposed it may not decide any more"
                )
            finally:
                cursor.execute(f"UPDATE operators SET {back} WHERE name = %s", [team.names["op-b"]])
    assert store_second_decision("lead-b", evidence) == ""


def test_a_failed_purchase_needs_a_definite_provider_answer(team: Team, connections: PersonConnections) -> None:
    """The database accepts a purchase as not bought only with a definite answer of the provider. This answer must be
    stored as evidence of the operation, together with the operation's answer key. A vague answer or another key is
    refused.
    """
    evidence_insert = (
        "INSERT INTO evidence (subject_kind, subject_id, operation_id, at, source, who, sha256, summary, body) VALUES"
        f" ('credit-check', {forbidden.UNKNOWN_CHECK_ID}, 'op-2', {forbidden.NOW_SQL}, 'alarmbox.purchase', '{{me}}',"
        f" '{forbidden.ANY_HASH}', '{{{{summary}}}}', '')"
    )

    def store_answer(summary: str, key: str = forbidden.ANSWER_KEY) -> str:
        row = fill_own_name(evidence_insert, team, "worker").format(summary=summary)
        ended, check = make_not_bought_statements(forbidden.UNKNOWN_CHECK_ID)
        return execute_statements(
            connections, "worker", row, ended.replace("SET ", f"SET answer_key = '{key}', "), check
        )

    assert store_answer("HTTP 422 FAILED_DEFINITE http_422") == ""
    assert store_answer("RATE_LIMITED http_429") == ""
    for other in ("", "x", forbidden.ANSWER_KEY.upper(), forbidden.ANSWER_KEY[:-1]):
        assert "purchase fails only" in store_answer("HTTP 422 FAILED_DEFINITE http_422", other)
    assert "purchase fails only" in store_answer("HTTP 500 UNKNOWN http_500")
    assert "purchase fails only" in store_answer("UNKNOWN FAILED_DEFINITE")


def test_a_failed_renewal_returns_the_claim(team: Team, connections: PersonConnections) -> None:
    """The database lets a superseded credit check become live again, and so have its claim again, only after the
    renewal that has superseded it has failed."""
    back = forbidden.make_check_update(forbidden.SUPERSEDED_CHECK_ID, superseded_at="NULL", superseded_by="NULL")
    assert "only a renewal" in execute_statements(connections, "op-a", back)
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(
            f"UPDATE {forbidden.CHECKS_TABLE} SET status = 'error' WHERE id = {forbidden.RENEWAL_CHECK_ID}"
        )
        results = execute_statements(connections, "op-a", back)
        cursor.execute(
            f"UPDATE {forbidden.CHECKS_TABLE} SET status = 'success' WHERE id = {forbidden.RENEWAL_CHECK_ID}"
        )
    assert results == ""


def test_a_person_without_the_right_inserts_no_purchase(team: Team, connections: PersonConnections) -> None:
    """The database accepts a purchase by the account of a person who may buy. It refuses a purchase by the worker's
    account, which may not buy.
    """
    purchase = forbidden.make_operation_insert().replace("credit-check.refetch", "credit-check.purchase")
    assert execute_statements(connections, "op-a", fill_own_name(purchase, team, "op-a")) == ""
    assert "may not buy" in execute_statements(connections, "worker", fill_own_name(purchase, team, "worker"))


# ---------------------------------------------------------------- other applications


@pytest.fixture(scope="module")
def other_application_cursor(team: Team) -> Iterator[Any]:
    """Yield a cursor of the other application's account, which has only the rights on the table of credit checks."""
    with connect_as_guest(team, forbidden.CHECKS_TABLE) as connection, connection.cursor() as cursor:
        yield cursor


def execute_as_other_application(cursor: Any, statement: str) -> str:
    """Execute the statement with `cursor`, the other application's cursor. Return the message of the refusal; an
    empty text if the database has accepted the statement."""
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as refusal:
        return str(refusal.args[1])
    return ""


def test_another_application_keeps_writing_its_rows(other_application_cursor: Any) -> None:
    """The database lets the other application insert rows with the original columns, change these rows, store their
    purchase and delete them."""
    table = forbidden.CHECKS_TABLE
    assert (
        execute_as_other_application(
            other_application_cursor,
            f"INSERT INTO {table} (id, client_id, corporation_number) VALUES (90, 90, '5010001192707')",
        )
        == ""
    )
    assert (
        execute_as_other_application(
            other_application_cursor,
            f"UPDATE {table} SET corporation_number = '501-0001192707', company_name = 'x' WHERE id = 90",
        )
        == ""
    )
    assert (
        execute_as_other_application(
            other_application_cursor, f"UPDATE {table} SET credit_check_id = 5 WHERE id = 90"
        )
        == ""
    )
    assert (
        execute_as_other_application(
            other_application_cursor, f"UPDATE {table} SET credit_check_id = NULL WHERE id = 90"
        )
        == ""
    )
    assert execute_as_other_application(other_application_cursor, f"DELETE FROM {table} WHERE id = 90") == ""


def test_another_application_writes_states_of_its_own_rows(other_application_cursor: Any) -> None:
    """The other application, which had the table first, may write each of the three states into a new or an existing
    row. The database refuses any other state.
    """
    table = forbidden.CHECKS_TABLE
    for number, state in enumerate(("pending", "success", "error"), 93):
        row = f"({number}, {number}, '5010001192707', '{state}')"
        assert (
            execute_as_other_application(
                other_application_cursor,
                f"INSERT INTO {table} (id, client_id, corporation_number, status) VALUES {row}",
            )
            == ""
        )
        for word in ("error", "success", "pending"):
            assert (
                execute_as_other_application(
                    other_application_cursor, f"UPDATE {table} SET status = '{word}' WHERE id = {number}"
                )
                == ""
            )
        for word in ("Success", "success ", "done", ""):
            assert (
                execute_as_other_application(
                    other_application_cursor, f"UPDATE {table} SET status = '{word}' WHERE id = {number}"
                )
                != ""
            )
        assert (
            execute_as_other_application(other_application_cursor, f"DELETE FROM {table} WHERE id = {number}") == ""
        )
    nonsense = f"INSERT INTO {table} (client_id, corporation_number, status) VALUES (93, '1', 'done')"
    assert "original columns" in execute_as_other_application(other_application_cursor, nonsense)


def test_another_application_cannot_change_our_rows(team: Team, other_application_cursor: Any) -> None:
    """The database refuses to the other application changes of the program's columns, of the program's rows, of a
    bought credit check, and of the corporation number in a row that the program uses."""
    table = forbidden.CHECKS_TABLE
    other_application_cursor.execute(
        f"INSERT INTO {table} (id, client_id, corporation_number) VALUES (91, 91, '5010001192707')"
    )
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET work_state = 'needs_review' WHERE id = 91")
        assert "client of an adopted" in execute_as_other_application(
            other_application_cursor, f"UPDATE {table} SET corporation_number = '7010001065142' WHERE id = 91"
        )
        assert "never deleted" in execute_as_other_application(
            other_application_cursor, f"DELETE FROM {table} WHERE id = 91"
        )
        assert (
            execute_as_other_application(
                other_application_cursor, f"UPDATE {table} SET credit_check_id = 7 WHERE id = 91"
            )
            == ""
        )
        assert "client of an adopted" in execute_as_other_application(
            other_application_cursor, f"UPDATE {table} SET credit_check_id = NULL WHERE id = 91"
        )
        assert "client of an adopted" in execute_as_other_application(
            other_application_cursor, f"UPDATE {table} SET credit_check_id = 8 WHERE id = {forbidden.BOUGHT_CHECK_ID}"
        )
        for ours in (91, forbidden.BOUGHT_CHECK_ID, forbidden.UNKNOWN_CHECK_ID):
            for word in ("pending", "success", "error"):
                cursor.execute(f"SELECT status FROM {table} WHERE id = {ours}")
                if cursor.fetchone() != (word,):
                    results = execute_as_other_application(
                        other_application_cursor, f"UPDATE {table} SET status = '{word}' WHERE id = {ours}"
                    )
                    assert "original columns" in results, (ours, word)
        for column, value in (("certainty", "'unknown'"), ("version", "2"), ("work_state", "'none'")):
            added = f"INSERT INTO {table} (client_id, corporation_number, {column}) VALUES (92, '1', {value})"
            assert "original columns" in execute_as_other_application(other_application_cursor, added), column
        cursor.execute(f"DELETE FROM {table} WHERE id = 91")


# ---------------------------------------------------------------- made, altered, missing


def test_an_upgrade_corrects_faulty_triggers(sql_server: SqlServer) -> None:
    """The check reports missing, altered and unknown triggers, and the next upgrade corrects them."""
    with sql_server.create_temporary_database() as owner:
        database = Database(owner, without_time_limit=True)
        migrate.upgrade(database)
        first, second, *_ = [one.name for one in server_triggers.make_all_triggers()]
        with database.read() as conn:
            assert server_triggers.find_trigger_faults(conn) == ()
            conn.exec_driver_sql(f"DROP TRIGGER {first}")
            conn.exec_driver_sql(f"DROP TRIGGER {second}")
            conn.exec_driver_sql(f"CREATE TRIGGER {second} BEFORE UPDATE ON audit_log FOR EACH ROW SET NEW.who = 'x'")
            conn.exec_driver_sql("CREATE TRIGGER console_old BEFORE DELETE ON changes FOR EACH ROW SET @a = 1")
            fault_codes_and_names = {
                (fault.code, fault.object_name) for fault in server_triggers.find_trigger_faults(conn)
            }
        assert fault_codes_and_names == {
            ("missing_trigger", first),
            ("altered_trigger", second),
            ("unknown_trigger", "console_old"),
        }
        migrate.upgrade(database)
        with database.read() as conn:
            assert server_triggers.find_trigger_faults(conn) == ()
        database.close()


def test_an_account_that_can_only_read_reports_no_missing_trigger(sql_server: SqlServer) -> None:
    """The account for backups of docs/backup.md, which can't see triggers, reports none of them as missing and says
    that its check is partial; the check of the schema account is complete."""
    with sql_server.create_temporary_database() as owner:
        name = make_url(owner).database
        reader, password = f"reader_{name}", "Read-0nly-account"
        sql_server.sql(
            f"CREATE USER `{reader}` IDENTIFIED BY '{password}'", f"GRANT SELECT ON `{name}`.* TO `{reader}`"
        )
        try:
            for url, is_partial in ((owner, False), (sql_server.make_url(reader, password, str(name)), True)):
                with closing(Database(url, without_time_limit=True)) as database:
                    if not is_partial:
                        migrate.upgrade(database)
                    findings = {finding.check_name: finding for finding in check_fitness(database)}
                for check_name in ("guards", "grants"):
                    finding = findings[check_name]
                    assert (finding.has_passed, finding.is_partial) == (True, is_partial), finding
        finally:
            sql_server.sql(f"DROP USER `{reader}`")


def test_an_upgrade_without_a_fault_creates_no_trigger_again(sql_server: SqlServer) -> None:
    """A new database has no fault, and a second upgrade creates no trigger again."""
    with (
        sql_server.create_temporary_database() as owner,
        closing(Database(owner, without_time_limit=True)) as database,
    ):
        migrate.upgrade(database)
        made = _read_trigger_times(sql_server, database)
        with database.read() as conn:
            assert (server_triggers.find_trigger_faults(conn), grants.find_faults_of_rights(conn)) == ((), ())
        migrate.upgrade(database)
        assert _read_trigger_times(sql_server, database) == made
        assert len(made) == len(server_triggers.make_all_triggers())


def test_an_upgrade_changes_rules_in_both_directions(sql_server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two program versions may have different trigger rules for the same schema version. Until `db upgrade`, the
    check of the version with the other rules stops purchases and names the reason. Installing the former version
    again and upgrading restores its rules.
    """
    with (
        sql_server.create_temporary_database() as owner,
        closing(Database(owner, without_time_limit=True)) as database,
    ):
        rules = guard_checks.CREDIT_CHECK_UPDATE_RULES_FOR_PEOPLE
        for former in (rules[:-1], rules, rules[:-1]):
            monkeypatch.setattr(guard_checks, "CREDIT_CHECK_UPDATE_RULES_FOR_PEOPLE", former)
            expected = {one.name for one in server_triggers.make_all_triggers()}
            if _read_trigger_times(sql_server, database):
                with database.read() as conn:
                    faults = server_triggers.find_trigger_faults(conn)
                (guards,) = [finding for finding in check_fitness(database) if finding.check_name == "guards"]
                assert {fault.code for fault in faults} == {"missing_trigger", "unknown_trigger"}
                assert (guards.has_passed, guards.stops_purchases) == (False, True)
            migrate.upgrade(database)
            assert set(_read_trigger_times(sql_server, database)) == expected


def _read_trigger_times(server: SqlServer, database: Database) -> dict[str, object]:
    """Return the creation time of each trigger by name, to a hundredth of a second."""
    about = f"WHERE trigger_schema = '{database.url.database}'"
    return dict(server.sql(f"SELECT trigger_name, created FROM information_schema.triggers {about}"))


def test_an_upgrade_replaces_altered_triggers(sql_server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade replaces a trigger with a changed text and a trigger with another owner. After each statement of the
    upgrade a trigger against changes of the audit trail exists. A second upgrade executes no statement."""
    with (
        sql_server.create_temporary_database() as owner,
        closing(Database(owner, without_time_limit=True)) as database,
    ):
        migrate.upgrade(database)
        audit_trigger = next(
            one for one in server_triggers.make_all_triggers() if (one.table, one.event) == ("audit_log", "UPDATE")
        )
        message_match = re.search("MESSAGE_TEXT = '([^']*)'", audit_trigger.body)
        assert message_match is not None
        other_text = replace(
            audit_trigger, body=audit_trigger.body.replace(message_match[1], message_match[1].replace(" ", " '' ", 1))
        )
        others = (
            other_text.make_sql_with_name(audit_trigger.name),
            audit_trigger.make_sql_with_name(audit_trigger.name).replace("CREATE", "CREATE DEFINER=`x`@`%`"),
        )
        for altered in others:
            sql_server.sql(f"USE `{database.url.database}`", f"DROP TRIGGER {audit_trigger.name}", altered)
            ran = _record_if_audit_trigger_exists(monkeypatch, sql_server, database)
            with database.read() as conn:
                server_triggers.renew_triggers(conn)
                assert server_triggers.find_trigger_faults(conn) == ()
                server_triggers.renew_triggers(conn)
            assert ran == [True] * 5


def _record_if_audit_trigger_exists(
    monkeypatch: pytest.MonkeyPatch, server: SqlServer, database: Database
) -> list[bool]:
    """Record, after each statement of an upgrade, whether a trigger against changes of the audit trail exists. Return
    the list to which the results are added."""
    results: list[bool] = []

    def run_and_record(conn: Connection, sql: str) -> None:
        grants.run_statement(conn, sql)
        about = f"trigger_schema = '{database.url.database}' AND event_object_table = 'audit_log'"
        count_sql = (
            f"SELECT COUNT(*) FROM information_schema.triggers WHERE {about} AND event_manipulation = 'UPDATE'"
        )
        results.append(server.sql(count_sql) >= ((1,),))

    monkeypatch.setattr(server_triggers, "run_statement", run_and_record)
    return results


def test_names_of_triggers_fit_the_length_limit() -> None:
    """Each trigger name has at most 64 characters, including the suffix of the trigger that replaces it during an
    upgrade."""
    assert (
        max(len(one.name) for one in server_triggers.make_all_triggers())
        + len(server_triggers.TEMPORARY_TRIGGER_SUFFIX)
        <= 64
    )


def test_the_owner_too_never_changes_the_trail(team: Team) -> None:
    """The triggers refuse the schema account too: it can't delete audit entries, evidence or votes, or change audit
    entries, so that an administrator doesn't do it by accident."""
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        for table in ("audit_log", "evidence", "approvals"):
            with pytest.raises(pymysql.MySQLError, match="never deleted"):
                cursor.execute(f"DELETE FROM {table}")
        with pytest.raises(pymysql.MySQLError, match="never changed"):
            cursor.execute("UPDATE audit_log SET who = 'x'")


def test_missing_and_unneeded_grants_are_reported(sql_server: SqlServer) -> None:
    """The check reports missing and unnecessary rights. The schema account sees those of each role; a person sees
    only those of their own account.
    """
    with open_team(sql_server, {"op-a": ("operator",)}) as made:
        role = f"`{made.database}/operator`"
        with made.open_connection("owner") as owner, owner.cursor() as cursor:
            cursor.execute(f"GRANT DELETE ON audit_log TO {role}")
            cursor.execute(f"REVOKE SELECT ON evidence FROM {role}")
        made.server.sql(f"GRANT DROP ON `{made.database}`.* TO `{made.names['op-a']}`@`%`")
        with Database(made.owner).read() as conn:
            by_role = {(fault.code, fault.object_name) for fault in grants.find_faults_of_rights(conn)}
            grants.renew_role_rights(conn)
            assert grants.find_faults_of_rights(conn) == ()
        place = f"`{made.database}`"
        assert by_role == {
            ("unexpected_grant", f"operator: DELETE ON {place}.`audit_log`"),
            ("missing_grant", f"operator: SELECT ON {place}.`evidence`"),
        }
        with Database(made.urls["op-a"]).read() as conn:
            own = {(fault.code, fault.object_name) for fault in grants.find_faults_of_rights(conn)}
        assert own == {("unexpected_grant", f"DROP ON {place}.*")}


def test_every_trigger_rule_has_a_short_message() -> None:
    """Each trigger rule has a message that fits into an error message of the database server."""
    rules = [rule for table in server_triggers.ALL_SERVER_RULES.values() for rule in table]
    rules += [
        *guard_checks.CREDIT_CHECK_INSERT_RULES_FOR_PEOPLE,
        *guard_checks.CREDIT_CHECK_UPDATE_RULES_FOR_PEOPLE,
        *guard_checks.CREDIT_CHECK_DELETE_RULES_FOR_PEOPLE,
    ]
    rules += [
        *guard_checks.CREDIT_CHECK_INSERT_RULES_FOR_OTHER_PROGRAMS,
        *guard_checks.CREDIT_CHECK_UPDATE_RULES_FOR_OTHER_PROGRAMS,
        *guard_checks.CREDIT_CHECK_DELETE_RULES_FOR_OTHER_PROGRAMS,
    ]
    rules += [
        *guard_orders.ORDER_INSERT_RULES_FOR_PEOPLE,
        *guard_orders.ORDER_UPDATE_RULES_FOR_PEOPLE,
        *guard_orders.ORDER_DELETE_RULES_FOR_PEOPLE,
    ]
    rules += [
        *guard_orders.ORDER_INSERT_RULES_FOR_OTHER_PROGRAMS,
        *guard_orders.ORDER_UPDATE_RULES_FOR_OTHER_PROGRAMS,
    ]
    assert all(0 < len(f"console: {rule.message}") <= server_triggers.LONGEST_MESSAGE_CHARACTERS for rule in rules)


def test_triggers_allow_the_transitions_of_the_transition_tables() -> None:
    """The triggers allow exactly the transitions of states that the program's transition tables contain."""
    bodies = {(one.table, one.event): one.body for one in server_triggers.make_all_triggers()}
    tables: dict[str, Mapping[Any, Collection[Any]]] = {
        forbidden.CHECKS_TABLE: states.CREDIT_CHECK_TRANSITIONS,
        "operations": states.OPERATION_TRANSITIONS,
        "orders": states.ORDER_TRANSITIONS,
        "payments": PAYMENT_TRANSITIONS,
        "refunds": states.REFUND_TRANSITIONS,
        "set_asides": states.SET_ASIDE_TRANSITIONS,
    }
    for table, transitions in tables.items():
        steps = {f"{before.value}>{after.value}" for before, targets in transitions.items() for after in targets}
        assert set(re.findall(r"'(\w+>\w+)'", bodies[table, "UPDATE"])) == steps


# ---------------------------------------------------------------- programs that are slow


def test_a_process_with_an_old_time_reads_the_time_again(team: Team) -> None:
    """A process stops between reading the server's time and writing it into an audit entry. The trigger refuses the
    old time, and the program runs the transaction again with a new time."""
    times = [f"{forbidden.NOW_SQL} - INTERVAL 1 MINUTE", forbidden.NOW_SQL]
    database = Database(team.urls["op-a"])

    def append_entry_at_time(tx: Transaction) -> str:
        at = times.pop(0)
        tx.conn.exec_driver_sql(forbidden.make_audit_insert(at=at).format(me=team.names["op-a"]))
        raise LookupError("far enough")

    with pytest.raises(LookupError):
        database.write(append_entry_at_time)
    assert times == []
    database.close()


# ---------------------------------------------------------------- a cluster


def test_accounts_and_triggers_apply_on_every_node(galera_cluster: Cluster) -> None:
    """Accounts, rights and triggers that are created on one node of a cluster apply on all of its nodes."""
    first, *_ = galera_cluster.nodes
    with open_team(first) as made:
        forbidden.insert_records(made)
        money_scene.insert_money_rows(made)
        forbidden_worker.insert_worker_rows(made)
        for node in galera_cluster.nodes:
            node_team = replace(made, server=node)
            lines = PersonConnections(node_team)
            lines.wait_for_replication("op-a")
            # These nodes refuse SET timestamp itself, with another error.
            cases = [case for case in ALL_FORBIDDEN_STATEMENTS if "timestamp" not in case.sql[0]]
            assert [
                case.title for case in cases if execute_forbidden_statements(node_team, lines, "op-a", case) is None
            ] == []
            lines.close()
