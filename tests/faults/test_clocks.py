"""Leases and audit entries are dated by the server's clock alone, whatever the clock of a desk or the time settings
of a session."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text

from console.store.database.engine import Database, Transaction
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess, Lease
from tests.faults.scene import buy_check, execute_as_schema_account, open_scene
from tests.support import server_fixtures
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import make_quick_folder
from tests.support.servers import start_private_mariadb

CLOCK_DIFFERENCES = tuple(timedelta(minutes=minutes) for minutes in (-10, 10, -60 * 24 * 400, 60 * 24 * 400, 0))
CORPORATION_NUMBERS = iter(invent_numbers(50, seed=25))
_LARGEST_CLOCK_DIFFERENCE_SQL = (
    "SELECT max(abs(timestampdiff(MICROSECOND, at, utc_timestamp(6)))) FROM audit_log WHERE id > {}"
)


@pytest.fixture(scope="module")
def open_database_in_japan_time() -> Iterator[ServerPlace]:
    """Yield a database on a server whose time zone is Japan's and whose sessions may change the result of NOW()."""
    server_fixtures.require_server("mariadb")
    settings = ("default-time-zone=+09:00", "secure-timestamp=NO")
    with start_private_mariadb(extra_config=settings) as server, make_quick_folder() as folder:
        yield ServerPlace("mariadb", folder, PooledDatabase((server,)))


def set_wrong_session_times(database: Database) -> None:
    """Let all sessions of this database set a wrong time and time zone."""

    def set_wrong_time(dbapi: Any, _record: object) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute("SET SESSION timestamp = 1, time_zone = '-11:00'")

    database.close()
    for engine in (database.engine, database._read_engine):
        event.listen(engine, "connect", set_wrong_time)


def read_newest_audit_id(place: ServerPlace) -> int:
    """Return the id of the newest audit entry; 0 if there is none."""
    return int(execute_as_schema_account(place, "SELECT coalesce(max(id), 0) FROM audit_log")[0][0])


def _acquire_lease(name: str, holder: HoldingProcess, at: datetime, tx: Transaction) -> Lease | None:
    return leases.acquire(tx, name, holder, at, 30)


@pytest.mark.parametrize("is_forged", [False, True])
def test_a_lease_lasts_as_long_as_the_server_decides(
    open_database_in_japan_time: ServerPlace, is_forged: bool
) -> None:
    """A lease lasts as long as the server's clock decides. Desks with wrong clocks, and sessions with a wrong time,
    can't acquire it earlier."""
    with_truth, liar = Database(open_database_in_japan_time.url()), Database(open_database_in_japan_time.url("op-b"))
    if is_forged:
        set_wrong_session_times(liar)
        with liar.read() as conn:
            assert conn.scalar(text("SELECT year(now())")) < 1971
    me, other = (
        HoldingProcess(open_database_in_japan_time.get_account_name(person), person, "host", 1, person)
        for person in ("op-a", "op-b")
    )
    early, now = 0, datetime.now(UTC)
    for turn in range(40):
        name = f"clock-{is_forged}-{turn}"
        skew, more = (
            CLOCK_DIFFERENCES[turn % len(CLOCK_DIFFERENCES)],
            CLOCK_DIFFERENCES[(turn + 2) % len(CLOCK_DIFFERENCES)],
        )
        taken = with_truth.write(partial(_acquire_lease, name, me, now + skew))
        assert taken is not None
        again = liar.write(partial(_acquire_lease, name, other, now + more))
        early += again is not None
    execute_as_schema_account(
        open_database_in_japan_time,
        f"UPDATE leases SET lease_expires = lease_expires - 31000 WHERE name LIKE 'clock-{is_forged}-%'",
    )
    late = liar.write(lambda tx: leases.acquire(tx, f"clock-{is_forged}-0", other, now - CLOCK_DIFFERENCES[1], 30))
    print(f"demand 25: {early} early take-overs of 40, sessions {'is_forged' if is_forged else 'honest'}")
    assert (early, late is not None) == (0, True)
    with_truth.close()
    liar.close()


@pytest.mark.parametrize("skew", CLOCK_DIFFERENCES[:2])
def test_audit_rows_carry_the_servers_time(open_database_in_japan_time: ServerPlace, skew: timedelta) -> None:
    """A desk with a wrong clock makes a purchase in sessions with a wrong time. The times of its audit entries still
    differ from the server's clock by less than two seconds."""
    before = read_newest_audit_id(open_database_in_japan_time)
    with open_scene(open_database_in_japan_time) as stage, stage.open_desk_without_proxy() as console:
        stage.clock.move_listeners.clear()
        stage.clock.at = datetime.now(UTC) + skew
        set_wrong_session_times(console.database)
        assert buy_check(console, next(CORPORATION_NUMBERS)) == "done"
        ((slip,),) = execute_as_schema_account(
            open_database_in_japan_time, _LARGEST_CLOCK_DIFFERENCE_SQL.format(before)
        )
        console.audit.verify_chains()
    print(f"demand 25: audit time within {slip / 1_000_000:.2f} s of the server's, desk {skew} off")
    assert slip < 2_000_000


def test_a_desk_with_a_clock_a_day_ahead_lapses_no_other_operation(open_database_in_japan_time: ServerPlace) -> None:
    """A desk whose clock is a day fast runs its due tasks. It doesn't record the running operation of another desk as
    lapsed."""
    number = next(CORPORATION_NUMBERS)
    with (
        open_scene(open_database_in_japan_time) as stage,
        stage.open_desk_without_proxy() as buyer,
        open_scene(open_database_in_japan_time) as ahead,
        ahead.open_desk_without_proxy() as other,
    ):
        ahead.clock.move_listeners.clear()
        ahead.clock.at += timedelta(days=1)
        stage.alarmbox.during_call = lambda: task_runs.append(other.recovery.run_all_tasks())
        task_runs: list[Any] = []
        assert buy_check(buyer, number) == "done"
        assert {run.task: run.count for run in task_runs[0]}["lapsed_operations"] == 0
        assert buyer.lookup.find_records(number).credit_checks[0].certainty == "known"
