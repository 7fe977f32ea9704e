"""Tests of the properties that a database must have before it stores payments: the check finds each missing property
and says whether it stops purchases.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.store.access.grants import END_LOCK_HOLDER_PROCEDURE
from console.store.constraints import fitness, server_triggers
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.support import server_fixtures, servers
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import open_quick_desk
from tests.support.sql_server import SqlServer
from tests.support.teams import ROLES_BY_PERSON, apply_accounts, make_account_entries, open_team


def find_failed_checks(database: Database) -> dict[str, bool]:
    """Return the checks that the database has failed, by name. The value is True if the failed check stops
    purchases.
    """
    return {
        finding.check_name: finding.stops_purchases
        for finding in fitness.check_fitness(database)
        if not finding.has_passed
    }


def test_a_migrated_database_passes_the_checks_of_the_server(migrated_server_database: Database) -> None:
    """A database that the migrations created on a server with the recommended settings passes every check except the
    check of the largest transaction.
    """
    assert {name for name in find_failed_checks(migrated_server_database) if name != "writeset"} == set()


def test_all_derived_columns_are_stored(migrated_server_database: Database) -> None:
    """On a server all derived columns are stored columns. With an indexed virtual column, the purge of a returning
    Galera node might never end."""
    columns_query = text("SELECT extra, column_name FROM information_schema.columns WHERE table_schema = DATABASE()")
    with migrated_server_database.read() as conn:
        derived = {str(extra) for extra, _ in conn.execute(columns_query) if "GENERATED" in str(extra)}
    assert derived == {"STORED GENERATED"}


def test_an_embedded_database_without_its_triggers_is_unfit(tmp_path: Path) -> None:
    """A new SQLite database passes all checks. It fails without a trigger of the audit trail, and without the unique
    index of the claim."""
    database = Database(f"sqlite:///{tmp_path}/console.db")
    migrate.ensure_schema(database)
    assert find_failed_checks(database) == {}
    with database.write_without_retries() as tx:
        tx.conn.execute(text("DROP TRIGGER audit_log_no_delete"))
        tx.conn.execute(text("DROP INDEX uq_credit_checks_claim"))
    assert find_failed_checks(database) == {"audit_guards": True, "claim_index": True}
    database.close()


def test_a_claim_index_that_is_not_unique_stops_purchases(migrated_server_database: Database) -> None:
    """An index with the name of the claim's index that isn't unique stops purchases."""
    with migrated_server_database.write_without_retries() as tx:
        table = "hansha_alarmbox_credit_checks"
        tx.conn.execute(text(f"ALTER TABLE {table} DROP INDEX uq_credit_checks_claim"))
        tx.conn.execute(text(f"ALTER TABLE {table} ADD INDEX uq_credit_checks_claim (client_id, claim_number)"))
    assert find_failed_checks(migrated_server_database) == {"claim_index": True}


def test_a_missing_trigger_or_an_extra_right_stops_purchases(sql_server: SqlServer) -> None:
    """A missing trigger, and a right that a role must not have, stop purchases. The schema account sees both faults,
    and so does a person's account. On MySQL a person's account sees only the right, because MySQL doesn't show
    triggers to it."""
    with open_team(sql_server, {"op-a": ("operator",)}) as team:
        owner, person = Database(team.owner), Database(team.urls["op-a"])
        advice = {"acting": False}  # op-a acts from their own desk
        assert find_failed_checks(owner) == find_failed_checks(person) == advice
        gone = next(one.name for one in server_triggers.make_all_triggers() if one.table == "evidence")
        with team.open_connection("owner") as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {gone}")
            cursor.execute(f"GRANT DELETE ON changes TO `{team.database}/operator`")
        assert find_failed_checks(owner) == {"guards": True, "grants": True} | advice
        reported_checks = {"guards", "grants"} if isinstance(sql_server, servers.Server) else {"grants"}
        assert set(find_failed_checks(person)) == reported_checks | set(advice)
        owner.close()
        person.close()


def test_missing_rights_for_ending_sessions_are_reported(sql_server: SqlServer) -> None:
    """The check reports missing rights of the schema account that the workers' stored procedure needs to end blocking
    database sessions. They don't stop purchases."""
    with open_team(sql_server, {"op-a": ("operator",)}) as team:
        owner = Database(team.owner)
        assert "lock_holders" not in find_failed_checks(owner)
        rights = ["CONNECTION ADMIN ON *.*"]
        if not sql_server.is_mariadb:
            tables = ("data_lock_waits", "threads")
            rights = ["CONNECTION_ADMIN ON *.*", *(f"SELECT ON performance_schema.{table}" for table in tables)]
        for right in rights:
            sql_server.sql(f"REVOKE {right} FROM `{owner.account_name}`@`%`")
            assert find_failed_checks(owner)["lock_holders"] is False
            sql_server.sql(f"GRANT {right} TO `{owner.account_name}`@`%`")
        owner.close()


@pytest.mark.parametrize("is_dropped", [False, True])
def test_an_older_procedure_for_ending_sessions_is_reported(sql_server: SqlServer, *, is_dropped: bool) -> None:
    """If an upgrade stopped before it had replaced the workers' stored procedure, or the procedure is missing, the
    schema account's check reports it. This doesn't stop purchases. `db upgrade` replaces the procedure."""
    with open_team(sql_server, {"op-a": ("operator",)}) as team:
        owner = Database(team.owner)
        assert "lock_procedure" not in find_failed_checks(owner)
        with team.open_connection("owner") as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP PROCEDURE {END_LOCK_HOLDER_PROCEDURE}")
            if not is_dropped:
                cursor.execute(f"CREATE PROCEDURE {END_LOCK_HOLDER_PROCEDURE}() SELECT 'of an earlier version'")
        assert find_failed_checks(owner)["lock_procedure"] is False
        migrate.upgrade(owner)
        assert "lock_procedure" not in find_failed_checks(owner)
        owner.close()


def test_a_team_database_in_team_mode_passes_its_checks(sql_server: SqlServer) -> None:
    """A team's database in team mode passes the checks, which the schema account, the worker and each person run.
    Applying the same account file again changes nothing."""
    with open_team(sql_server, ROLES_BY_PERSON, has_team_mode=True) as team:
        account = Database(team.owner).account_name
        sql_server.sql(f"GRANT SELECT ON mysql.user TO `{account}`@`%`")  # as docs/team.md advises
        if not sql_server.is_mariadb:
            sql_server.sql(f"GRANT XA_RECOVER_ADMIN ON *.* TO `{team.names['worker']}`@`%`")
        apply_accounts(team.owner, make_account_entries(team.names, ROLES_BY_PERSON, has_team_mode=True), {})
        for url in (team.owner, *team.urls.values()):
            database = Database(url)
            assert find_failed_checks(database) == {}
            database.close()


def test_several_nodes_without_a_cluster_are_unfit(sql_server: SqlServer) -> None:
    """If the profile has a second server that forms no cluster with the first one, the check stops purchases: each
    server would accept the same claim."""
    url = sql_server.create_database()
    migrate.upgrade(Database(url, without_time_limit=True))
    port = Database(url).url.port
    database = Database(f"{url}{'&' if '?' in url else '?'}fallback=127.0.0.1:{port}")
    failed_checks = find_failed_checks(database)
    assert failed_checks["cluster"] is True
    database.close()


def test_a_galera_cluster_passes_the_checks_of_the_server(galera_cluster: servers.Cluster) -> None:
    """A Galera cluster of three nodes with the recommended settings passes every check except the check of the
    largest transaction.
    """
    database = Database(galera_cluster.nodes[0].create_database(), without_time_limit=True)
    migrate.upgrade(database)
    names = {finding.check_name: finding for finding in fitness.check_fitness(database)}
    assert names["cluster"].facts["size"] == 3
    assert find_failed_checks(database) == {"writeset": False}
    database.close()


def test_a_cluster_without_a_transaction_limit_is_unfit(galera_cluster: servers.Cluster) -> None:
    """A Galera node without a useful limit for the size of a transaction fails the check `writeset`; with the limit
    it passes."""
    node = galera_cluster.nodes[0]
    database = Database(node.create_database(), without_time_limit=True)
    migrate.upgrade(database)
    ((before,),) = node.sql("SELECT @@GLOBAL.wsrep_max_ws_size")
    assert find_failed_checks(database) == {"writeset": False}
    node.sql(f"SET GLOBAL wsrep_max_ws_size = {fitness.LARGEST_WRITESET_BYTES}")
    try:
        assert find_failed_checks(database) == {}
    finally:
        node.sql(f"SET GLOBAL wsrep_max_ws_size = {before}")
        database.close()


@pytest.mark.parametrize(
    ("sync_binlog", "flush", "failed"), [("0", "1", {"binary_log": True}), ("1", "1", {}), ("0", "3", {})]
)
def test_a_binary_log_that_is_not_flushed_stops_purchases(
    logging_server: servers.Server, sync_binlog: str, flush: str, failed: dict[str, bool]
) -> None:
    """A server with a binary log recovers a COMMIT from it after a crash. So the binary log must be flushed at each
    COMMIT, unless InnoDB's own record of the COMMIT is flushed, too."""
    logging_server.sql(
        f"SET GLOBAL sync_binlog = {sync_binlog}", f"SET GLOBAL innodb_flush_log_at_trx_commit = {flush}"
    )
    database = Database(f"{logging_server.admin_url}mysql")
    with database.read() as conn:
        findings = list(fitness._check_log_flush(conn, database))
    database.close()
    assert {finding.check_name: finding.stops_purchases for finding in findings if not finding.has_passed} == failed
    assert len(findings) == 1


@pytest.fixture(scope="module")
def logging_server() -> Iterator[servers.Server]:
    """Yield a private server that writes a binary log."""
    server_fixtures.require_server("mariadb")
    with servers.start_private_mariadb(extra_config=("log-bin=changes", "server-id=1")) as server:
        yield server


def test_a_server_without_flushed_commits_stops_purchases(tmp_path: Path) -> None:
    """If the server doesn't flush commits to the disk, purchases are refused and the program sends nothing. If
    database sessions can change the clock, the check reports it."""
    server_fixtures.require_server("mariadb")
    unsafe_settings = ("innodb_flush_log_at_trx_commit = 2", "secure_timestamp = NO")
    with servers.start_private_mariadb(extra_config=unsafe_settings) as server:
        url = server.create_database()
        database = Database(url, without_time_limit=True)
        migrate.upgrade(database)
        assert find_failed_checks(database) == {"flush": True, "server_clock": False}
        with database.write_without_retries() as tx:
            add = text("INSERT INTO operators (name, roles, may_buy) VALUES (:name, 'operator', 1)")
            tx.conn.execute(add, {"name": database.account_name})
        alarmbox = InMemoryAlarmBox()
        remote_url = "https://api.alarmbox.invalid"
        with open_quick_desk(
            tmp_path, alarmbox, None, ALARMBOX_URL=remote_url, DATABASE_URL=url, OPERATOR="", TIME_SCALE="1"
        ) as desk:
            with pytest.raises(ConsoleError) as refused:
                desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
            assert (refused.value.code, refused.value.detail["check"]) == ("bad_profile", "flush")
            assert (
                alarmbox.call_counts["check"],
                desk.lookup.find_records(CORPORATION_NUMBERS[0]).credit_checks,
            ) == (0, ())
        database.close()
