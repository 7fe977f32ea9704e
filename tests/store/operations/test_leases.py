"""Tests of the leases on every engine: one process at a time holds the lease of a record, the lease expires by the
database's clock, and a fencing token proves an acquisition."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from console.store.database.engine import Database
from console.store.operations import call_rates, leases
from console.store.operations.leases import HoldingProcess, Lease
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.engines("sqlite", "mariadb", "galera")
NOW = datetime(2026, 11, 20, 3, 20, 1, 250_000, tzinfo=UTC)
LEASE_NAME = "alarmbox_credit_check_1"
LEASE_SECONDS = 60.0
JUST_BEFORE_EXPIRY, TWO_SECONDS = timedelta(seconds=59), timedelta(seconds=2)


def make_holder(place: Place, desk: str = "desk-1") -> HoldingProcess:
    return HoldingProcess(place.get_account_name("op-a"), desk, "host", 7, f"session-of-{desk}")


def acquire_lease(
    database: Database, person: HoldingProcess, slot_count: int = 1, name: str = LEASE_NAME
) -> Lease | None:
    return database.write(lambda tx: leases.acquire(tx, name, person, NOW, LEASE_SECONDS, slot_count))


def require_lease(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


def read_fencing_token(database: Database) -> int:
    """Return the fencing token of the lease's row. The token rises with each acquisition."""
    with database.read() as conn:
        return int(conn.exec_driver_sql(f"SELECT fence FROM leases WHERE name = '{LEASE_NAME}'").scalar_one())


def test_a_lease_has_one_holder_until_its_release(databases: tuple[Database, ...], place: Place) -> None:
    """While a desk has the lease, another desk can read the holder and the beginning of the lease, but can't acquire
    the lease. After the release the other desk can acquire it, and the fencing token is higher."""
    first_database, second_database = databases
    first, first_fence = (
        require_lease(acquire_lease(first_database, make_holder(place))),
        read_fencing_token(first_database),
    )
    assert acquire_lease(second_database, make_holder(place, "desk-2")) is None
    with second_database.read() as conn:
        holder = leases.find_holder(conn, LEASE_NAME)
        assert leases.list_holders(conn) == (holder,)
    assert holder is not None
    assert (holder.operator, holder.desk, holder.since) == (place.get_account_name("op-a"), "desk-1", NOW)
    assert holder.until == NOW + timedelta(seconds=LEASE_SECONDS)
    first_database.write(lambda tx: leases.release(tx.conn, first))
    with second_database.read() as conn:
        assert leases.find_holder(conn, LEASE_NAME) is None
    assert require_lease(acquire_lease(second_database, make_holder(place, "desk-2"))).token != first.token
    assert read_fencing_token(second_database) > first_fence


def test_a_lease_expires_by_the_databases_clock(
    databases: tuple[Database, ...], place: Place, hand_clock: ManualClock
) -> None:
    """A lease expires at its time by the database's clock. A process whose lease has expired can't renew it, and
    can't release the lease of the next holder."""
    first_database, second_database = databases
    lost, lost_fence = (
        require_lease(acquire_lease(first_database, make_holder(place))),
        read_fencing_token(first_database),
    )
    hand_clock.at += JUST_BEFORE_EXPIRY
    assert acquire_lease(second_database, make_holder(place, "desk-2")) is None
    hand_clock.at += TWO_SECONDS
    taken = require_lease(acquire_lease(second_database, make_holder(place, "desk-2")))
    assert not first_database.write(lambda tx: leases.renew(tx.conn, lost, NOW, LEASE_SECONDS))
    first_database.write(lambda tx: leases.release(tx.conn, lost))
    with first_database.read() as conn:
        holder = leases.find_holder(conn, LEASE_NAME)
    assert holder is not None
    assert (holder.desk, read_fencing_token(second_database)) == ("desk-2", lost_fence + 1)
    assert taken.token != lost.token


def test_a_heartbeat_moves_the_end_of_its_lease(
    databases: tuple[Database, ...], place: Place, hand_clock: ManualClock
) -> None:
    """Another desk can't acquire a renewed lease. An expired lease can't be renewed, whether another desk has
    acquired it or not.
    """
    first_database, second_database = databases
    mine = require_lease(acquire_lease(first_database, make_holder(place)))
    for _ in range(3):
        hand_clock.at += JUST_BEFORE_EXPIRY
        assert first_database.write(lambda tx: leases.renew(tx.conn, mine, NOW, LEASE_SECONDS))
        assert acquire_lease(second_database, make_holder(place, "desk-2")) is None
    hand_clock.at += JUST_BEFORE_EXPIRY + TWO_SECONDS
    assert not first_database.write(lambda tx: leases.renew(tx.conn, mine, NOW, LEASE_SECONDS))


def test_a_lease_has_as_many_holders_as_slots(databases: tuple[Database, ...], place: Place) -> None:
    """A lease with N slots has at most N holders, each with its own slot. The next process waits until one of them
    releases its slot."""
    first_database, second_database = databases
    taken = [
        require_lease(
            acquire_lease((first_database, second_database)[i % 2], make_holder(place, f"desk-{i}"), slot_count=3)
        )
        for i in range(3)
    ]
    assert [lease.slot for lease in taken] == [0, 1, 2]
    assert acquire_lease(second_database, make_holder(place, "desk-9"), slot_count=3) is None
    with second_database.read() as conn:
        assert len(leases.list_holders(conn)) == 3
    first_database.write(lambda tx: leases.release(tx.conn, taken[1]))
    assert require_lease(acquire_lease(second_database, make_holder(place, "desk-9"), slot_count=3)).slot == 1


@pytest.mark.parametrize("slot_count", [1, 3])
def test_simultaneous_processes_acquire_at_most_the_slots(
    databases: tuple[Database, ...], place: Place, slot_count: int
) -> None:
    """Of eight processes that acquire a new lease at the same moment, as many succeed as there are slots, and none
    gets an error."""
    barrier = Barrier(8)

    def acquire_as_desk(i: int) -> Lease | None:
        barrier.wait(MAX_WAIT_SECONDS)
        return acquire_lease(
            databases[i % 2], make_holder(place, f"desk-{i}"), slot_count, name=f"fresh-{slot_count}"
        )

    with ThreadPoolExecutor(8) as threads:
        taken = [lease for lease in threads.map(acquire_as_desk, range(8)) if lease is not None]
    assert sorted(lease.slot for lease in taken) == list(range(slot_count))


def test_the_fencing_token_identifies_the_lease_holder(databases: tuple[Database, ...], place: Place) -> None:
    """A process that got no answer to COMMIT recognises by its token whether it has acquired the lease. The
    acquisition of another process doesn't have this token.
    """
    first_database, second_database = databases
    proofs = []

    def acquire_and_keep(is_committed: bool) -> Lease | None:
        lease: Lease | None = None

        def acquire_in_transaction(tx: object) -> None:
            nonlocal lease
            lease = leases.acquire(tx, LEASE_NAME, make_holder(place), NOW, LEASE_SECONDS)  # type: ignore[arg-type]  # a Transaction
            proofs.append(tx.proof)  # type: ignore[attr-defined]
            if not is_committed:
                raise RuntimeError("undone")

        try:
            first_database.write(acquire_in_transaction)
        except RuntimeError:
            return None
        return lease

    assert acquire_and_keep(is_committed=False) is None
    assert acquire_and_keep(is_committed=True) is not None
    with second_database.write_without_retries() as tx:
        assert [bool(proof(tx.conn)) for proof in proofs] == [False, True]


def test_a_call_starts_one_spacing_after_the_call_before(
    databases: tuple[Database, ...], hand_clock: ManualClock
) -> None:
    """Calls of all desks to one provider start one spacing (seconds) apart. If the next reserved start is in the
    past, the next call starts now."""
    waits = [
        databases[i % 2].write(
            lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(tx.conn, "alarmbox", 100.0)
        )
        for i in range(3)
    ]
    assert waits[0] == 0
    assert waits[1:] == pytest.approx([100, 200], abs=5)
    hand_clock.at += timedelta(seconds=1_000)
    assert (
        databases[0].write(lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(tx.conn, "alarmbox", 100.0))
        == 0
    )


def test_a_clock_that_was_set_back_delays_no_call(databases: tuple[Database, ...]) -> None:
    """The server's clock is set back by 50 minutes after a call: the next call waits for no reservation that is then
    so far ahead. A short queue keeps its spacing.
    """
    database = databases[0]

    def reserve_call_start() -> float:
        return database.write(lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(tx.conn, "set back", 1.0))

    reserve_call_start()
    ahead = "UPDATE call_rates SET not_before = not_before + {} WHERE name = 'set back'"
    database.write(lambda tx: tx.conn.exec_driver_sql(ahead.format(200_000)))
    assert 190 < reserve_call_start() <= 201
    database.write(lambda tx: tx.conn.exec_driver_sql(ahead.format(3_000_000)))
    assert reserve_call_start() == 0
    assert 0 < reserve_call_start() <= 1


def test_simultaneous_first_calls_get_different_starts(databases: tuple[Database, ...]) -> None:
    """Eight desks reserve their first call at the same moment, while the provider has no row yet. They get eight
    different starting times.
    """
    barrier = Barrier(8)

    def reserve_call_start(i: int) -> float:
        barrier.wait(MAX_WAIT_SECONDS)
        return databases[i % 2].write(
            lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(tx.conn, "fresh", 100.0)
        )

    with ThreadPoolExecutor(8) as threads:
        waits = sorted(threads.map(reserve_call_start, range(8)))
    assert waits == pytest.approx([100 * i for i in range(8)], abs=5)
