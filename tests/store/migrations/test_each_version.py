"""Tests that an upgrade of a server's database from each earlier version, beginning with the first version with desk
requests, creates the newest schema and keeps the rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from console.domain.errors import ConsoleError
from console.store.constraints import server_triggers, sqlite_money
from console.store.database.engine import Database
from console.store.migrations import ddl_helpers, upgrade_lock
from console.store.migrations import upgrade as migrate
from console.store.schema.core import SCHEMA_VERSION
from tests.store.migrations.test_old_chain import open_empty_database, read_schema
from tests.store.test_state_since import (
    AUDIT_ENTRIES,
    EXPECTED_STATE_SINCE,
    INSERT_AUDIT_ENTRY_SQL,
    INSERT_OLD_ROWS_SQL,
    ROWS_BEGUN_AT,
    ROWS_WRITTEN_AT,
    convert_to_instant,
)
from tests.support.places import CHECKS_TABLE, Engine

STATEMENTS_BACK_TO_VERSION: dict[str, tuple[str, ...]] = {
    "0027": tuple(
        f"ALTER TABLE operators DROP COLUMN {name}" for name in ("disabled_by", "disabled_reason", "account_lock")
    ),
    "0026": ("ALTER TABLE payments DROP COLUMN outside_minor",),
    "0025": (),
    "0024": (),
    "0023": (
        "ALTER TABLE requests DROP INDEX ix_requests_waiting, DROP COLUMN waiting, DROP COLUMN asked_hour",
        "ALTER TABLE requests DROP INDEX ix_requests_who, ADD INDEX ix_requests_who (who, at)",
        "ALTER TABLE requests DROP INDEX ix_requests_state, ADD INDEX ix_requests_state (state, at)",
    ),
    "0022": ("ALTER TABLE refunds DROP INDEX ix_refunds_txn",),
    "0021": ("ALTER TABLE mentions DROP COLUMN how",),
    "0020": tuple(
        f"ALTER TABLE {table} DROP INDEX ix_{name}_disagrees, DROP COLUMN disagrees"
        for table, name in (
            (CHECKS_TABLE, "credit_checks"),
            *((one, one) for one in ("orders", "payments", "refunds")),
        )
    ),
    "0019": ("DROP TABLE saved_views",),
    "0018": ("ALTER TABLE refunds DROP COLUMN reason_code",),
    "0017": ("DROP TABLE incident_steps", "DROP TABLE mentions"),
    "0016": ("DROP TABLE read_only_switches",),
    "0015": ("DROP TABLE watched_corporations",),
    "0014": tuple(f"ALTER TABLE {table} DROP COLUMN state_since" for table in (*EXPECTED_STATE_SINCE, "refunds")),
    "0013": ("ALTER TABLE requests DROP INDEX uq_requests_claim, DROP COLUMN claimed_id",),
    "0012": ("ALTER TABLE requests DROP COLUMN confirmed",),
    "0011": ("DROP TABLE request_files", "DROP TABLE requests", "ALTER TABLE operators DROP COLUMN asks"),
}
"""Statements that turn a database of the next version back into one of this version, newest first. A new migration
adds its entry.
"""
INSERT_REQUESTS_SQL = (
    "INSERT INTO requests (id, who, at, expires_at, action, args, state) VALUES"
    " ('a', 'op', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'probe', '[]', 'ended'),"
    " ('b', 'op', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'probe', '[]', 'lapsed')"
)
INSERT_EXPIRED_PAYMENT_SQL = """INSERT INTO payments (id, provider, merchant_payment_id, status, certainty, currency,
    asked_minor, created_at, changed_at)
    VALUES ({number}, 'paypay', 'P-{number}', 'expired', 'known', 'JPY', 100, '{written}', '{written}')"""
INSERT_PERSON_SQL = "INSERT INTO operators (name, roles) VALUES ('op', 'operator')"


def insert_rows(conn: Connection) -> None:
    """Insert records with their audit entries, a person, and desk requests, of which a worker has taken one. The
    triggers are dropped first, because they would refuse rows without earlier states. The upgrade creates the
    triggers again."""
    triggers = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    if conn.dialect.name == "sqlite":
        # Those that a migration has made refuse no INSERT, and no upgrade makes them again.
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE '%!_no!_%' ESCAPE '!'"
    for name in conn.exec_driver_sql(triggers).scalars().all():
        conn.exec_driver_sql(f"DROP TRIGGER {name}")
    for statement in (
        *INSERT_OLD_ROWS_SQL.format(begun=ROWS_BEGUN_AT, written=ROWS_WRITTEN_AT).split(";"),
        INSERT_PERSON_SQL,
        INSERT_REQUESTS_SQL,
    ):
        conn.exec_driver_sql(statement)
    for seq, (kind, subject, what) in enumerate(AUDIT_ENTRIES):
        values = {"seq": seq, "day": seq + 2, "what": what, "kind": kind, "subject": subject}
        conn.exec_driver_sql(INSERT_AUDIT_ENTRY_SQL.format(**values))


def read_unchanged_rows(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return, by table, those columns of each row whose stored form is the same in every version."""
    query_by_table = {
        "requests": "SELECT id, who, state, claimed_id, confirmed FROM requests ORDER BY id",
        "operators": "SELECT name, roles, asks FROM operators ORDER BY name",
        "payments": "SELECT id, status, certainty, asked_minor, created_at, changed_at FROM payments ORDER BY id",
        "orders": "SELECT id, status, total_amount, created_at, updated_at FROM orders ORDER BY id",
        CHECKS_TABLE: (
            f"SELECT id, corporation_number, status, operation_id, claim_number FROM {CHECKS_TABLE} ORDER BY id"
        ),
        "audit_log": "SELECT id, at, what, subject_id FROM audit_log ORDER BY id",
    }
    return {name: [tuple(row) for row in conn.exec_driver_sql(sql)] for name, sql in query_by_table.items()}


def read_state_dates(conn: Connection, table: str) -> dict[int, str | None]:
    """Return the day on which each row of the table got its present state, by row id; None if no instant is
    stored.
    """
    rows = conn.exec_driver_sql(f"SELECT id, state_since FROM {table} ORDER BY id").all()
    instants = {number: convert_to_instant(stored) for number, stored in rows}
    return {number: str(at.date()) if at else None for number, at in instants.items()}


@pytest.mark.engines("mariadb", "galera")
def test_a_database_of_each_version_gets_the_newest_schema(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of each earlier version gets the newest schema and keeps its rows. A second upgrade changes
    nothing. No statement changes more rows than a migration may change at once."""
    monkeypatch.setattr(ddl_helpers, "ROWS_PER_TRANSACTION", 2)
    changed_row_counts: list[int] = []

    def count_changed_rows(
        _conn: Connection, cursor: Any, statement: str, _values: object, _context: object, _many: object
    ) -> None:
        if statement.startswith("UPDATE") and "state_since=" in statement:
            changed_row_counts.append(cursor.rowcount)

    assert list(STATEMENTS_BACK_TO_VERSION) == sorted(
        (f"{number:04}" for number in range(11, int(SCHEMA_VERSION))), reverse=True
    )
    with open_empty_database(engine, tmp_path / "db") as database:
        migrate.upgrade(database)
        schema = read_schema(database)
        event.listen(database.engine, "after_cursor_execute", count_changed_rows)
        with database.write_without_retries() as tx:
            insert_rows(tx.conn)
            for number in (11, 12, 13):
                tx.conn.exec_driver_sql(INSERT_EXPIRED_PAYMENT_SQL.format(number=number, written=ROWS_WRITTEN_AT))
            rows = read_unchanged_rows(tx.conn)
        assert rows["requests"] == [("a", "op", "ended", "a", 0), ("b", "op", "lapsed", None, 0)]
        undone: list[str] = []
        for version, statements in STATEMENTS_BACK_TO_VERSION.items():
            undone += statements
            with database.write_without_retries() as tx:
                for statement in undone:
                    tx.conn.exec_driver_sql(statement)
                tx.conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
            assert migrate.upgrade(database).versions == (version, SCHEMA_VERSION)
            assert migrate.upgrade(database).versions == (SCHEMA_VERSION, SCHEMA_VERSION)
            upgraded = read_schema(database)
            for part, expected in schema.items():
                assert upgraded[part] == expected, (version, part)
            with database.read() as conn:
                if version == "0011":  # had no requests
                    rows["requests"] = []
                assert read_unchanged_rows(conn) == rows, version
                if version < "0015":
                    dates = {table: read_state_dates(conn, table) for table in EXPECTED_STATE_SINCE}
                    assert [dates["payments"].pop(number) for number in (11, 12, 13)] == ["2026-10-09"] * 3
                    assert dates == EXPECTED_STATE_SINCE, version
    assert sum(changed_row_counts) > 2 == max(changed_row_counts)


STORED_MERCHANT_BY_NAME = {
    "merchant.alarmbox": "production ****-one 0123456789abcdef0123456789abcdef op-a",
    "merchant.paypay": "loopback **************0001 fedcba9876543210fedcba9876543210 worker",
}
"""The merchants that schema 0025 stores in `console_meta`, by the name of their row. Earlier versions of the program
don't read these rows.
"""


@contextmanager
def behave_as_version(version: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the program behave as the version `version` inside the block, with other triggers on `console_meta`."""
    own = server_triggers.make_all_triggers()
    triggers = tuple(
        replace(one, body=one.body.replace("merchant.", "earlier.")) if one.table == "console_meta" else one
        for one in own
    )
    assert triggers != own
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "SCHEMA_VERSION", version)
        patched.setattr(server_triggers, "make_all_triggers", lambda: triggers)
        yield


def check_refusal_and_read_versions(database: Database) -> tuple[object, object, object]:
    """Check that the program refuses to use this database and refuses to upgrade it. Return the version of the
    database, the version that the program needs, and whether the database's version is newer.
    """
    facts = []
    for act in (migrate.ensure_schema, migrate.upgrade):
        with pytest.raises(ConsoleError) as refused:
            act(database)
        assert refused.value.code == "schema_mismatch"
        detail: Mapping[str, object] = refused.value.detail
        facts.append((detail["found"], detail["needed"], detail["newer"]))
    assert facts[0] == facts[1]
    return facts[0]


def find_trigger_faults(database: Database) -> tuple[object, ...]:
    """Return the faults that the program finds in the triggers of a server's database, or an empty tuple on
    SQLite.
    """
    if not database.is_server:
        return ()
    with database.read() as conn:
        return server_triggers.find_trigger_faults(conn)


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_the_version_before_is_installed_again_and_replaced(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of the version before refuses a newer database with records, requests and merchants. After the
    documented UPDATE it uses the database and creates its own triggers. The next upgrade creates the newest schema
    again."""
    before = next(iter(STATEMENTS_BACK_TO_VERSION))
    stored = text("SELECT name, value FROM console_meta WHERE name LIKE 'merchant.%'")
    with open_empty_database(engine, tmp_path / "db") as database:
        migrate.upgrade(database)
        schema = read_schema(database)
        with database.write_without_retries() as tx:
            insert_rows(tx.conn)
            for name, value in STORED_MERCHANT_BY_NAME.items():
                migrate.store_meta_if_missing(tx.conn, name, value)
            rows = read_unchanged_rows(tx.conn)
        migrate.upgrade(database)  # creates the triggers that `insert_rows` has dropped
        with behave_as_version(before, monkeypatch):
            assert check_refusal_and_read_versions(database) == (SCHEMA_VERSION, before, True)
        with database.write_without_retries() as tx:
            if not database.is_server:  # SQLite keeps no column's name in a trigger without the column
                sqlite_money.drop_triggers(tx.conn)
            for statement in (
                *STATEMENTS_BACK_TO_VERSION[before],
                f"UPDATE alembic_version SET version_num = '{before}'",
            ):
                tx.conn.exec_driver_sql(statement)
        with behave_as_version(before, monkeypatch):
            assert engine == "sqlite" or find_trigger_faults(database)
            assert migrate.upgrade(database).versions == (before, before)
            assert migrate.ensure_schema(database)["schema"] == before
            assert find_trigger_faults(database) == ()
        with pytest.raises(ConsoleError) as refused:
            migrate.ensure_schema(database)
        assert (refused.value.code, refused.value.detail["newer"]) == ("schema_mismatch", False)
        assert engine == "sqlite" or find_trigger_faults(database)
        assert migrate.upgrade(database).versions == (before, SCHEMA_VERSION)
        assert migrate.upgrade(database).versions == (SCHEMA_VERSION, SCHEMA_VERSION)
        assert find_trigger_faults(database) == ()
        upgraded = read_schema(database)
        for part, expected in schema.items():
            assert upgraded[part] == expected, part
        with database.read() as conn:
            assert read_unchanged_rows(conn) == rows
            assert dict(tuple(row) for row in conn.execute(stored)) == STORED_MERCHANT_BY_NAME


@pytest.mark.engines("mariadb", "galera")
@pytest.mark.parametrize(("step", "missing"), [("UPDATE alembic_version", "how"), ("SELECT version_num", "trigger")])
def test_an_upgrade_without_its_lock_stops(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, missing: str
) -> None:
    """If another desk acquires the upgrade's lock during a step of an upgrade, the upgrade changes nothing more and
    is refused. The next upgrade finishes the remaining steps."""
    acquired_locks: list[upgrade_lock.UpgradeLock] = []
    real = upgrade_lock.UpgradeLock.acquire

    def acquire_and_record_lock(lock: upgrade_lock.UpgradeLock) -> None:
        real(lock)
        acquired_locks.append(lock)

    def lose_lock(_conn: Any, _cursor: Any, sql: str, *_: Any) -> None:
        """After the first statement that begins with `step`, give the upgrade's lock to another desk."""
        if acquired_locks and sql.startswith(step):
            acquired_locks.pop()
            with database.write_without_retries() as tx:
                tx.conn.execute(text("UPDATE console_upgrade SET token = 'another desk'"))

    def read_schema() -> set[str]:
        with database.read() as conn:
            columns = conn.scalars(
                text(
                    "SELECT column_name FROM information_schema.columns WHERE column_name = 'how'"
                    " AND table_schema = DATABASE()"
                )
            )
            triggers = conn.scalars(
                text(
                    "SELECT 'trigger' FROM information_schema.triggers WHERE trigger_name ="
                    " :name AND trigger_schema = DATABASE()"
                ),
                {"name": trigger},
            )
            return {*columns, *triggers}

    with open_empty_database(engine, tmp_path / "db") as database:
        migrate.upgrade(database)
        with database.write_without_retries() as tx:
            trigger = tx.conn.scalar(
                text("SELECT MIN(trigger_name) FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
            )
            tx.conn.exec_driver_sql(f"DROP TRIGGER {trigger}")
            if missing == "how":
                undone = [
                    statement
                    for version in ("0023", "0022", "0021", "0020")
                    for statement in STATEMENTS_BACK_TO_VERSION[version]
                ]
                for statement in undone:
                    tx.conn.exec_driver_sql(statement)
                tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0020'")
        with monkeypatch.context() as patch:
            patch.setattr(upgrade_lock.UpgradeLock, "acquire", acquire_and_record_lock)
            event.listen(database.engine, "after_cursor_execute", lose_lock)
            with pytest.raises(ConsoleError) as refused:
                migrate.upgrade(database)
            event.remove(database.engine, "after_cursor_execute", lose_lock)
        assert (refused.value.code, refused.value.detail["problem"]) == ("database_locked", "another_upgrade")
        assert missing not in read_schema()
        with database.write_without_retries() as tx:
            tx.conn.execute(text("UPDATE console_upgrade SET until_ms = 0"))  # the other desk is done
        migrate.upgrade(database)
        assert read_schema() == {"how", "trigger"}


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("step", ["ALTER TABLE requests", "CREATE TRIGGER"])
def test_an_upgrade_that_lost_its_lock_sends_no_further_change(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Another process acquires the upgrade's lock after the first statement of a migration, or after the first
    trigger, as it may if this process was suspended. The upgrade sends no further changing statement, also none of
    the same migration, and is refused."""
    monkeypatch.setattr(upgrade_lock, "MAX_SECONDS_WITHOUT_CHECK", -1.0)  # no renewal is recent
    later_statements: list[str] = []
    has_lost_lock = False

    def lose_lock(_conn: Any, _cursor: Any, sql: str, *_: Any) -> None:
        """After the first statement that begins with `step`, give the upgrade's lock to another process. Record all
        later statements that write.
        """
        nonlocal has_lost_lock
        if upgrade_lock.LOCK_TABLE in sql or sql.startswith(("SELECT", "SHOW", "SET")):
            return
        if has_lost_lock:
            later_statements.append(sql)
        elif sql.startswith(step):
            has_lost_lock = True
            with database.write_without_retries() as tx:
                tx.conn.execute(text("UPDATE console_upgrade SET token = 'another process'"))

    with open_empty_database(engine, tmp_path / "db") as database:
        migrate.upgrade(database)
        with database.write_without_retries() as tx:
            for trigger in tx.conn.scalars(
                text("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
            ).all():
                tx.conn.exec_driver_sql(f"DROP TRIGGER {trigger}")
            for version in ("0025", "0024", "0023"):
                for statement in STATEMENTS_BACK_TO_VERSION[version]:
                    tx.conn.exec_driver_sql(statement)
            tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0023'")
        for sql_engine in (database.engine, database._read_engine):
            event.listen(sql_engine, "after_cursor_execute", lose_lock)
        with pytest.raises(ConsoleError) as refused:
            migrate.upgrade(database)
        for sql_engine in (database.engine, database._read_engine):
            event.remove(sql_engine, "after_cursor_execute", lose_lock)
        assert (has_lost_lock, later_statements) == (True, [])
        assert (refused.value.code, refused.value.detail["problem"]) == ("database_locked", "another_upgrade")
        with database.write_without_retries() as tx:
            tx.conn.execute(text("UPDATE console_upgrade SET until_ms = 0"))  # the other process is done
        migrate.upgrade(database)
        assert find_trigger_faults(database) == ()


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize(("max_seconds", "is_checked"), [(600.0, False), (-1.0, True)])
def test_a_change_soon_after_a_renewal_needs_no_check_of_the_lock(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_seconds: float, is_checked: bool
) -> None:
    """Before a changing statement the lock is checked by a transaction of its own only if the last renewal is longer
    ago than the allowed time: an adoption holds row locks meanwhile, for which other applications wait."""
    monkeypatch.setattr(upgrade_lock, "MAX_SECONDS_WITHOUT_CHECK", max_seconds)
    monkeypatch.setattr(upgrade_lock, "_HEARTBEAT_INTERVAL_SECONDS", 600.0)
    checks: list[str] = []

    def record_check(_conn: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.startswith(f"UPDATE {upgrade_lock.LOCK_TABLE}"):
            checks.append(sql)

    with open_empty_database(engine, tmp_path / "db") as database, upgrade_lock.hold_upgrade_lock(database) as lock:
        assert lock is not None
        lock.require_lock()
        event.listen(database.engine, "after_cursor_execute", record_check)
        with database.write_without_retries() as tx:
            tx.conn.exec_driver_sql("CREATE TABLE changed_here (id INTEGER PRIMARY KEY)")
        event.remove(database.engine, "after_cursor_execute", record_check)
        assert bool(checks) == is_checked
