"""A database server that is read-only, full, out of connections, stopped, silent or locked. A purchase is refused
within a limited time with an error code that names the cause, and nothing is sent to the provider.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import event, text

from console.app import Console
from console.domain.clock import SystemClock
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.services.backup.backup import back_up
from console.settings.settings import Settings
from console.store.backup import server_dump
from console.store.database import server
from console.store.database.engine import Database, Transaction
from console.store.migrations import upgrade_lock
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from tests.faults.scene import (
    CLIENT_ID,
    FaultScene,
    buy_check,
    check_ending,
    connect_to_place,
    execute_as_schema_account,
    get_schema_name,
    open_scene,
)
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import START_TIME, make_quick_folder
from tests.support.refusals import call_for_refusal
from tests.support.servers import Server, start_private_mariadb
from tests.support.sql_proxy import SqlProxy

CORPORATION_NUMBERS = iter(invent_numbers(500, seed=77))
TABLES_WRITTEN_BEFORE_SENDING = ("leases", "operations", "hansha_alarmbox_credit_checks", "audit_log")


def buy_and_get_refusal(console: Console, number: str) -> ConsoleError:
    """Try to buy a credit check of the corporation with this number, and return the error with which the purchase is
    refused."""
    return call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID)))


@pytest.fixture
def stage(own_place: ServerPlace) -> Iterator[FaultScene]:
    """Yield a FaultScene on the private server."""
    with open_scene(own_place) as made:
        yield made


@contextmanager
def set_global_variable(server: Server, name: str, value: str) -> Iterator[None]:
    """Within the block, the global variable `name` of the server has this value."""
    ((before,),) = server.sql(f"SELECT @@GLOBAL.{name}")
    server.sql(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.sql(f"SET GLOBAL {name} = {before!r}")


# It may not, or can't


@pytest.mark.expects_log("a refusal that can't be audited is told")
def test_a_read_only_server_refuses_the_purchase(stage: FaultScene, own_server: Server) -> None:
    """If the server is read-only, a purchase is refused with `read_only` before anything is sent, and reads still
    work.
    """
    number = next(CORPORATION_NUMBERS)
    with stage.open_desk_without_proxy() as console:
        with set_global_variable(own_server, "read_only", "1"):
            lost = buy_and_get_refusal(console, number)
            assert console.lookup.find_records(number).credit_checks == ()
        assert (lost.code, lost.exit_status, stage.alarmbox.count_charges(number)) == ("read_only", 3, 0)
        assert buy_check(console, number) == "done"


@pytest.mark.expects_log("what could not be written is told")
def test_a_server_that_became_read_only_keeps_the_answer_in_the_spool(stage: FaultScene, own_server: Server) -> None:
    """If the server becomes read-only during a purchase, the answer is stored in the desk's spool, and written into
    the database when the server accepts writes again.
    """
    number = next(CORPORATION_NUMBERS)
    with stage.open_desk_without_proxy() as console:
        stage.alarmbox.during_call = lambda: _set_global_value(own_server, "read_only", "1")
        try:
            lost = buy_and_get_refusal(console, number)
        finally:
            own_server.sql("SET GLOBAL read_only = 0")
        assert (lost.code, stage.alarmbox.count_charges(number)) == ("outcome_unknown", 1)
        stage.alarmbox.during_call = lambda: None
        assert {run.task: run.count for run in console.recovery.run_all_tasks()}["spool_delivery"] == 1
        assert console.lookup.find_records(number).credit_checks[0].state == "success"


def _set_global_value(server: Server, name: str, value: str) -> None:
    server.sql(f"SET GLOBAL {name} = {value}")


@pytest.mark.expects_log("what could not be written is told")
def test_a_refusal_by_a_setting_of_the_server_names_its_message(stage: FaultScene, own_server: Server) -> None:
    """If a setting of the server doesn't allow the changes of a purchase, such as the format of its binary log, the
    purchase is refused with the server's message before anything is sent. If only the answer can't be written, it
    stays in the spool.
    """
    before, during = next(CORPORATION_NUMBERS), next(CORPORATION_NUMBERS)
    with stage.open_desk_without_proxy() as console:
        with _refuse_inserts(own_server, stage, "operations", 1665):
            refusal = buy_and_get_refusal(console, before)
        with _refuse_inserts(own_server, stage, "evidence", 1105):
            unknown = buy_and_get_refusal(console, during)
    assert (refusal.code, refusal.detail["problem"]) == ("not_allowed", "(1665, 'no such binary log')")
    assert unknown.code == "outcome_unknown"
    with stage.settle_and_check(before, during) as fresh:
        assert fresh.lookup.find_records(during).credit_checks[0].state == "success"
    assert [stage.alarmbox.count_charges(number) for number in (before, during)] == [0, 1]


@contextmanager
def _refuse_inserts(server: Server, stage: FaultScene, table: str, error_number: int) -> Iterator[None]:
    """Within the block, the server refuses each INSERT into the table with this error number."""
    use = f"USE {get_schema_name(stage.place)}"
    signal = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {error_number}, MESSAGE_TEXT = 'no such binary log'"
    server.sql(use, f"CREATE TRIGGER refuses BEFORE INSERT ON {table} FOR EACH ROW {signal}")
    try:
        yield
    finally:
        server.sql(use, "DROP TRIGGER refuses")


def test_a_desk_writes_again_when_new_sessions_may_write(own_place: ServerPlace, own_server: Server) -> None:
    """If an administrator makes all new sessions read-only for a time, a desk that connected meanwhile writes again
    afterwards, without a restart."""
    database = Database(own_place.url())
    holder = HoldingProcess(own_place.get_account_name("op-a"), "desk", "host", 1, "session")

    def acquire_lease() -> object:
        return database.write(lambda tx: leases.acquire(tx, "read-only-session", holder, START_TIME, 1))

    with set_global_variable(own_server, "tx_read_only", "1"):
        assert call_for_refusal(acquire_lease).code == "read_only"
    assert acquire_lease() is not None
    database.close()


@pytest.mark.parametrize("limit", [32 * 1024, 1024 * 1024])
def test_a_statement_that_is_too_long_for_the_server_is_refused(
    own_place: ServerPlace, own_server: Server, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server closes the connection on which a statement above its limit arrives. The program doesn't send the
    statement, and its error names the limit; a statement within the limit succeeds.
    """
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 600)
    query = text("SELECT LENGTH(:value)")
    with set_global_variable(own_server, "max_allowed_packet", str(limit)):
        database = Database(own_place.url())
        database.write(lambda tx: tx.conn.execute(text("SELECT 1")))  # connects: a lost connection is tried again
        accepted, refused = "x" * (limit - 100), "x" * limit
        assert database.write(lambda tx: tx.conn.scalar(query, {"value": accepted})) == len(accepted)
        refusal = call_for_refusal(lambda: database.write(lambda tx: tx.conn.scalar(query, {"value": refused})))
    database.close()
    assert (refusal.code, f"max_allowed_packet is {limit}" in str(refusal.detail["problem"])) == ("not_allowed", True)


_STRANGE_SETTINGS = {
    "sql_select_limit": "1",
    "sql_safe_updates": "1",
    "completion_type": "2",
    "max_sort_length": "8",
    "default_regex_flags": "'EXTENDED'",
    "check_constraint_checks": "0",
    "sql_quote_show_create": "0",
    "alter_algorithm": "'INSTANT'",
    "default_storage_engine": "'MyISAM'",
    "max_statement_time": "1",
    "idle_transaction_timeout": "1",
    "wait_timeout": "1",
}
_SESSION_VARIABLES_QUERY = text(
    "SELECT @@sql_select_limit, @@sql_safe_updates, @@completion_type, @@max_sort_length, @@default_regex_flags,"
    " @@check_constraint_checks, @@default_storage_engine, @@sql_quote_show_create, @@alter_algorithm,"
    " @@max_statement_time, @@idle_transaction_timeout"
)


def test_settings_of_the_whole_server_do_not_apply_to_the_console(own_place: ServerPlace, own_server: Server) -> None:
    """An administrator has changed the defaults of the whole server, such as a limit of rows: the sessions of a desk
    don't get these values. The sessions of the commands `db …` have no time limits either.
    """
    behaviour = (2**64 - 1, 0, "NO_CHAIN", 1024, "", 1, "InnoDB", 1, "DEFAULT")
    with ExitStack() as changed:
        for name, value in _STRANGE_SETTINGS.items():
            changed.enter_context(set_global_variable(own_server, name, value))
        desk, command = Database(own_place.url()), Database(own_place.url(""), without_time_limit=True)
        with desk.read() as conn:
            assert len(conn.execute(text("SELECT 1 UNION SELECT 2")).all()) == 2
            assert tuple(conn.execute(_SESSION_VARIABLES_QUERY).one()) == (*behaviour, 10, 6)
        with command.read() as conn:
            assert tuple(conn.execute(_SESSION_VARIABLES_QUERY).one()) == (*behaviour, 0, 0)
            assert conn.scalar(text("SELECT @@wait_timeout")) > 3600
        with upgrade_lock.hold_upgrade_lock(command) as lock:  # an UPDATE without a key
            assert lock is not None
        desk.close()
        command.close()


def test_a_server_that_limits_rows_is_not_backed_up(
    own_place: ServerPlace, own_server: Server, tmp_path: Path
) -> None:
    """If a limit of rows applies to the whole server, the program for dumps leaves rows out and reports no error. So
    a backup is refused, and no folder is left.
    """
    settings = Settings.load({"CONSOLE_HOME": str(tmp_path / "home"), "CONSOLE_DATABASE_URL": own_place.url("")})
    with set_global_variable(own_server, "sql_select_limit", "1000"):
        refusal = call_for_refusal(lambda: back_up(settings, tmp_path / "backup", SystemClock()))
    assert (refusal.code, refusal.detail["problem"]) == ("bad_backup", "rows_limited")
    assert list(tmp_path.glob("backup*")) == []


def test_a_restore_begins_on_a_server_that_requires_primary_keys(own_server: Server) -> None:
    """If a server refuses tables without a primary key, a database there can still be marked as the target of a
    restore.
    """
    database = Database(own_server.create_database(), without_time_limit=True)
    with set_global_variable(own_server, "innodb_force_primary_key", "1"), database.engine.begin() as conn:
        server_dump.mark_restore_target(conn, "0" * 64)
        server_dump.lock_restore_mark(conn)
    database.close()


def _free_disk_space(server: Server) -> None:
    settings = server.run.folder / f"{server.name}.cnf"
    settings.write_text(settings.read_text().replace("max:40M", "max:80M"))
    server.restart()


@pytest.mark.expects_log("the full disk is told")
def test_a_full_table_space_at_any_statement_leaves_a_correct_record() -> None:
    """A table space of limited size is full. Whichever statement fails because of that, the reported ending agrees
    with the charges. With more space, purchases work again.
    """
    room = ("innodb-file-per-table=OFF", "innodb-data-file-path=ibdata1:12M:autoextend:max:40M")
    with (
        start_private_mariadb(extra_config=(*room, "innodb-autoextend-increment=1")) as server,
        make_quick_folder() as folder,
    ):
        place = ServerPlace("mariadb", folder, PooledDatabase((server,)))
        endings: Counter[str] = Counter()
        # Without named leases: one that couldn't be given back would be waited for, by a clock that writes too.
        with open_scene(place) as stage, stage.open_desk_without_proxy(LEASES="off") as console:
            execute_as_schema_account(
                place, "CREATE TABLE filler (id INT AUTO_INCREMENT PRIMARY KEY, words MEDIUMTEXT) ENGINE=InnoDB"
            )
            for size in (1_000_000, 100_000, 10_000):  # some pages are left, so that it hits here and there
                with suppress(pymysql.OperationalError):
                    execute_as_schema_account(
                        place, *[f"INSERT INTO filler (words) VALUES (repeat('x', {size}))"] * 400
                    )
            while (endings.total() - endings["done"] < 6 or not endings["storage_full"]) and endings.total() < 60:
                number = next(CORPORATION_NUMBERS)
                ending = buy_check(console, number)
                endings[ending] += 1
                check_ending(ending, stage.alarmbox.count_charges(number), f"a full disk, {endings}")
                if ending == "database_unreachable" and not server.can_log_in():
                    server.start()  # InnoDB gives itself up where its own log finds no room
            _free_disk_space(server)
            assert buy_check(console, next(CORPORATION_NUMBERS)) == "done"
            with stage.settle_and_check(*{charge.number for charge in stage.alarmbox.charges}):
                pass
    print(f"full disk: {dict(endings)}, 0 second charges, 0 untrue endings")
    assert endings["storage_full"]


# Somebody else has it


@pytest.mark.expects_log("a refusal that can't be audited is told")
@pytest.mark.parametrize("table", TABLES_WRITTEN_BEFORE_SENDING)
def test_a_locked_table_before_the_claim_refuses_the_purchase(
    place: ServerPlace, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another session locks a whole table before the claim, the purchase is refused with `database_locked` within
    a limited time, and nothing is sent. After the lock the number can be bought.
    """
    monkeypatch.setattr("console.store.database.retry_policy.MAX_RERUNS", 1)
    number = next(CORPORATION_NUMBERS)
    with open_scene(place) as stage, stage.open_desk_without_proxy() as console, lock_table(stage, console, table):
        lost = buy_and_get_refusal(console, number)
        assert (lost.code, lost.exit_status, stage.alarmbox.count_charges(number)) == ("database_locked", 6, 0)
    with open_scene(place) as stage, stage.open_desk_without_proxy() as console:
        assert buy_check(console, number) == "done"


@pytest.mark.expects_log("what could not be written is told")
def test_a_locked_table_during_the_call_keeps_the_answer(place: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another session locks a table during the call to the provider, the answer stays in the spool, and due tasks
    write it after the lock.
    """
    monkeypatch.setattr("console.store.database.retry_policy.MAX_RERUNS", 0)
    number = next(CORPORATION_NUMBERS)
    with open_scene(place) as stage, stage.open_desk_without_proxy() as console:
        with lock_table(stage, console, "evidence"):
            assert buy_and_get_refusal(console, number).code == "outcome_unknown"
        assert {run.task: run.count for run in console.recovery.run_all_tasks()}["spool_delivery"] == 1
        assert (stage.alarmbox.count_charges(number), console.lookup.find_records(number).credit_checks[0].state) == (
            1,
            "success",
        )


@contextmanager
def lock_table(stage: FaultScene, console: Console, table: str) -> Iterator[None]:
    """Within the block, another session locks the whole table, and the console waits only one second for a lock."""

    def set_short_lock_timeout(dbapi: pymysql.Connection, _record: object) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")

    stage.clock.move_listeners.clear()  # leases can't be aged while they are locked
    console.database.close()
    event.listen(console.database.engine, "connect", set_short_lock_timeout)
    with connect_to_place(stage.place, autocommit=False) as other:
        with other.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            cursor.execute(f"SELECT * FROM {table} FOR UPDATE")
        yield
        other.rollback()


@pytest.mark.parametrize(
    ("has_proof", "code"), [(True, "database_locked"), (False, "database_unreachable")], ids=["proof", "no proof"]
)
def test_a_write_does_not_wait_again_and_again_for_a_backup_of_the_server(
    own_place: ServerPlace, own_server: Server, monkeypatch: pytest.MonkeyPatch, *, has_proof: bool, code: str
) -> None:
    """If a backup of the whole server keeps all sessions from committing, a write is refused once it has taken too
    long. The error names the server's message. If the program can't prove that nothing was committed, the error says
    that the COMMIT was not answered.
    """
    monkeypatch.setattr("console.store.database.retry_policy.MAX_RERUNS", 600)
    monkeypatch.setattr("console.store.database.retry_policy.LOCKED_RETRY_SECONDS", 0.0)
    short = server._SET_TIME_LIMITS_SQL.replace(f"time = {server.STATEMENT_TIMEOUT_SECONDS},", "time = 0.5,")
    monkeypatch.setattr(server, "_SET_TIME_LIMITS_SQL", short)
    database = Database(own_place.url())
    holder = HoldingProcess(own_place.get_account_name("op-a"), "desk", "host", 1, "session")

    def acquire_lease(tx: Transaction) -> None:
        leases.acquire(tx, f"backup-{code}", holder, START_TIME, 1)
        if not has_proof:
            tx.proof = None

    with own_server.connect() as backup, backup.cursor() as cursor:
        cursor.execute("BACKUP STAGE START")
        cursor.execute("BACKUP STAGE BLOCK_COMMIT")
        refusal = call_for_refusal(lambda: database.write(acquire_lease))
    message = refusal.detail["cause" if code == "database_unreachable" else "problem"]
    assert (refusal.code, "1969" in str(message) or "1205" in str(message)) == (code, True)
    database.write(acquire_lease)
    database.close()


@pytest.mark.parametrize("limit", ["max_connections", "max_user_connections"])
def test_a_server_with_too_many_connections_refuses_the_purchase(
    own_place: ServerPlace, own_server: Server, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server has no free connection, the call of a desk that isn't connected is refused with the problem
    `too_many_connections` at once. Unlike after a lost connection, the desk doesn't try again. When a connection is
    free, the next call works.
    """
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 600)
    database = Database(own_place.url())
    account = own_place.get_account_name("op-a")
    if limit == "max_connections":
        crowd = set_global_variable(own_server, limit, "10")
        connection_count = 11
    else:
        crowd, connection_count = _limit_to_one_connection(own_server, account), 1
    with crowd:
        guests = []
        with suppress(pymysql.OperationalError):
            for _ in range(connection_count):
                guests.append(pymysql.connect(**_make_connection_arguments(own_place)))
        with pytest.raises(ConsoleError) as full, database.read() as conn:
            conn.execute(text("SELECT 1"))
        for guest in guests:
            guest.close()
    assert (full.value.code, full.value.detail["problem"]) == ("database_unreachable", "too_many_connections")
    with database.read() as conn:
        assert conn.scalar(text("SELECT 1")) == 1
    database.close()


@contextmanager
def _limit_to_one_connection(server: Server, account: str) -> Iterator[None]:
    """Within the block, the account may have only one connection to the server."""
    server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 1")
    yield
    server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 0")


def _make_connection_arguments(place: ServerPlace) -> dict[str, object]:
    """Return the arguments with which PyMySQL connects as the person."""
    url = Database(place.url()).url
    return {"host": url.host, "port": url.port, "user": url.username, "password": url.password}


# It says nothing


def test_a_silent_server_ends_the_connection_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a server accepts connections but sends nothing, the call is refused with `database_unreachable` after the
    time limit of a connection. This is so also for the commands `db …`.
    """
    monkeypatch.setattr("console.store.database.server.CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", 600)
    with SqlProxy("127.0.0.1", 9, is_mute=True) as mute:
        for without_time_limit in (False, True):
            database = Database(f"mysql+pymysql://a:b@127.0.0.1:{mute.port}/x", without_time_limit=without_time_limit)
            with pytest.raises(ConsoleError) as away, database.read():
                pass
            assert away.value.code == "database_unreachable"
            database.close()


@pytest.mark.expects_log("what the frozen server did not take is told")
def test_a_frozen_server_ends_the_call_in_time(
    stage: FaultScene, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is stopped by SIGSTOP before or after the charge. The desk gets an answer within a limited time.
    When the server continues, the due tasks settle the purchase.
    """
    monkeypatch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr("console.store.database.server.CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("console.store.database.engine.COMMIT_CHECK_SECONDS", 1.0)
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 0.5)
    before, during = next(CORPORATION_NUMBERS), next(CORPORATION_NUMBERS)
    with stage.open_desk_without_proxy() as console:
        console.credit_checks.make_plan(before)
        own_server.pause()
        begun = time.monotonic()
        try:
            assert buy_check(console, before) == "database_unreachable"
            unsent = time.monotonic() - begun
        finally:
            own_server.resume()
        assert stage.alarmbox.count_charges(before) == 0
        stage.alarmbox.during_call = own_server.pause
        try:
            begun = time.monotonic()
            ending = buy_check(console, during)
            unknown = time.monotonic() - begun
        finally:
            own_server.resume()
    stage.alarmbox.during_call = lambda: None
    assert ending == "outcome_unknown"
    print(f"frozen server: told after {unsent:.1f} s before sending, {unknown:.1f} s after (waits of 2 s and 1 s)")
    assert max(unsent, unknown) < 30  # not until the server goes on
    with stage.settle_and_check(before, during) as fresh:
        assert fresh.lookup.find_records(during).credit_checks[0].state == "success"
