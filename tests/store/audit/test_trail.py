"""Tests of the audit trail: its rows form chains, the desk stores anchors, and reading and verifying the trail are
correct, fast and need little memory."""

import json
import time
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from console.domain.clock import SystemClock
from console.domain.errors import ConsoleError, ErrorCode
from console.store.audit import trail
from console.store.audit.trail import (
    AuditTrail,
    NewAuditEntry,
    append_entry,
    iterate_entries,
    list_newest_entries,
    verify_chains,
)
from console.store.database import boot_clock, retry_policy
from console.store.spool.spool import ChainHead
from tests.store.audit_desk import DESK_NAME, ENTRY_INSTANT, DatabaseWithThreeChains, fill_chains, write_rows
from tests.support.desks import MovedClock
from tests.support.waiting import MAX_WAIT_SECONDS


def count_verified_rows(trail_database: DatabaseWithThreeChains) -> int:
    """Verify the trail, and return the number of verified rows. Fails if the verification finds a wrong row."""
    result = trail_database.verify_trail()
    assert (result.first_bad_row_id, result.reason) == (None, None)
    return result.row_count


def test_an_unchanged_trail_passes_the_verification(trail_database: DatabaseWithThreeChains) -> None:
    """The verification of an unchanged audit trail counts every row and finds no wrong row. The verification of an
    empty trail counts no row."""
    assert count_verified_rows(trail_database) == 0
    fill_chains(trail_database, 1)
    assert count_verified_rows(trail_database) == len(trail_database.list_rows())


def test_an_audit_row_returns_the_written_values(trail_database: DatabaseWithThreeChains) -> None:
    """An audit row returns the instant, the texts and the facts that were written, with any characters; on a server
    the instant is the server's."""
    facts = {"名": "\udcff\0'%(x)s:y 🏢 ", "n": 1}
    with trail_database.database.write_without_retries() as tx:
        entry = NewAuditEntry(trail_database.me, "x", "operation", "abc", "refused", "stale", facts)
        append_entry(tx, entry, session="s", desk=DESK_NAME, at=ENTRY_INSTANT)
    with trail_database.database.read() as conn:
        (read,) = list_newest_entries(conn, limit=5)
        assert (read.who, read.subject, read.result, read.reason) == (
            trail_database.me,
            "operation abc",
            "refused",
            "stale",
        )
        assert abs(read.at - (datetime.now(UTC) if trail_database.place.is_server else ENTRY_INSTANT)) < timedelta(
            seconds=10
        )
        assert read.detail == facts
        assert verify_chains(conn, ()).first_bad_row_id is None


def test_a_too_long_text_is_cut_before_its_hash(trail_database: DatabaseWithThreeChains) -> None:
    """The program cuts a text that is too long, for example a pasted megabyte, before it computes the row's hash. So
    the verification of the chain still succeeds."""
    trail_database.place.drop_table_triggers("audit_log")  # they refuse a name that isn't the account's
    with trail_database.database.write_without_retries() as tx:
        entry = NewAuditEntry("o" * 99, "x" * 99, "k" * 99, "9" * 99, "done", "r" * 99, {"text": "あ" * 10**6})
        append_entry(tx, entry, session="s", desk=DESK_NAME, at=ENTRY_INSTANT)
    with trail_database.database.read() as conn:
        (read,) = list_newest_entries(conn, limit=5)
        assert len(read.who) == 64
        assert list(read.detail) == ["cut"]
        assert len(json.dumps(dict(read.detail), ensure_ascii=False)) < 16_000
        assert verify_chains(conn, ()).first_bad_row_id is None


def test_pages_list_the_newest_entries_first(trail_database: DatabaseWithThreeChains) -> None:
    """A page of the audit trail has the newest entries first, and the next page begins below the last id. A page may
    be restricted to one person. A separate query returns all entries, the oldest first.
    """
    trail_database.place.drop_table_triggers("audit_log")  # several people by one account
    with trail_database.database.write_without_retries() as tx:
        for index in range(7):
            append_entry(tx, NewAuditEntry(f"op-{index % 2}", "x"), session="s", desk=DESK_NAME, at=ENTRY_INSTANT)
    with trail_database.database.read() as conn:
        assert [entry.id for entry in list_newest_entries(conn, limit=3)] == [7, 6, 5]
        assert [entry.id for entry in list_newest_entries(conn, limit=3, before_id=5)] == [4, 3, 2]
        assert [entry.id for entry in list_newest_entries(conn, limit=3, person="op-1")] == [6, 4, 2]
        assert [entry.id for entry in iterate_entries(conn)] == [1, 2, 3, 4, 5, 6, 7]
        assert [entry.id for entry in iterate_entries(conn, person="op-0")] == [1, 3, 5, 7]


def test_only_committed_rows_are_anchored(trail_database: DatabaseWithThreeChains) -> None:
    """A failed transaction leaves no row and no anchor, and the chain continues without a gap."""
    trail_database.append_entries("chain-a")
    with suppress(RuntimeError), trail_database.database.write_without_retries() as tx:
        trail_database.trails["chain-a"].record_all(tx, (NewAuditEntry(trail_database.me, "x"),))
        raise RuntimeError
    trail_database.append_entries("chain-a")
    assert [head.seq for head in trail_database.anchors] == [1, 2]
    assert count_verified_rows(trail_database) == 2


@pytest.mark.expects_log("the desk can't anchor at first")
def test_an_unstored_anchor_undoes_no_commit(trail_database: DatabaseWithThreeChains) -> None:
    """If the desk can't store an anchor after the commit, no error is raised. The desk stores the anchor together
    with the next one."""
    broken = True

    def store_anchors_or_raise(heads: Sequence[ChainHead]) -> None:
        if broken:
            raise ConsoleError(ErrorCode.STORAGE_FULL)
        trail_database.anchors(heads)

    trail = AuditTrail("chain-a", DESK_NAME, SystemClock(), store_anchors_or_raise)
    for turn in (True, False):
        broken = turn
        with trail_database.database.write_without_retries() as tx:
            trail.record_all(tx, (NewAuditEntry(trail_database.me, "x"),))
    assert [head.seq for head in trail_database.anchors] == [1, 2]


def test_threads_of_one_process_share_a_chain(
    trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty rows that six threads write at the same time form one chain without a gap, and no thread is refused."""
    monkeypatch.setattr(retry_policy, "OWN_CHAIN_RETRY_SECONDS", MAX_WAIT_SECONDS)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: trail_database.append_entries("chain-a"), range(60)))
    assert count_verified_rows(trail_database) == 60


def test_rows_written_during_a_verification_are_not_reported(trail_database: DatabaseWithThreeChains) -> None:
    """A verification reads the rows and the anchors at two moments. It reports no row as wrong that another thread
    writes between these reads."""
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(trail_database.append_many_entries, "chain-a", 100)
        while not writing.done():
            assert trail_database.verify_trail().first_bad_row_id is None
        writing.result()
    assert count_verified_rows(trail_database) == 100


@pytest.mark.parametrize(
    "count", [8_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_verifying_needs_no_memory_per_row(trail_database: DatabaseWithThreeChains, count: int) -> None:
    """A verification needs less than 8 MB of memory, however many rows and chains the trail has. The test prints the
    verified rows per second; `make soak` verifies a million rows.
    """
    write_rows(trail_database, count)
    began = time.perf_counter()
    assert count_verified_rows(trail_database) == count
    seconds = time.perf_counter() - began
    tracemalloc.start()
    trail_database.verify_trail()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"demand 20: {trail_database.place.engine}: verified {count / seconds:,.0f} rows/s, peak {peak / 1e6:.1f} MB"
    )
    assert peak < 8e6


def test_a_desk_does_not_read_the_last_row_that_it_has_written(
    trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk that has written the last row of its audit chain doesn't read it before it writes the next one. If that
    row is gone from the database, the desk reads the chain's present last row and continues the chain from there."""
    trail_database.append_entries("chain-a", 2)
    reads: list[str] = []
    read_end = trail._read_chain_end

    def record_and_read_chain_end(conn: Connection, session: str, at: datetime) -> object:
        reads.append(session)
        return read_end(conn, session, at)

    monkeypatch.setattr(trail, "_read_chain_end", record_and_read_chain_end)
    trail_database.append_entries("chain-a", 2)
    assert reads == []
    trail_database.execute_without_triggers("DELETE FROM audit_log WHERE session = 'chain-a' AND seq = 4")
    trail_database.append_entries("chain-a")
    assert reads == ["chain-a"]
    assert [row[2] for row in trail_database.list_rows() if row[1] == "chain-a"] == [1, 2, 3, 4]


def test_a_lost_chain_begins_again_with_its_process_run(trail_database: DatabaseWithThreeChains) -> None:
    """A process inserts its run with the first row of its audit chain. If the database is set back to a state from
    before that row, the process inserts the run again with its next row: a server accepts no entry in the name of a
    person whose request a worker executes, unless the worker's run is stored.
    """
    insertions: list[Connection] = []
    trail_database.trails["chain-a"] = AuditTrail(
        "chain-a", DESK_NAME, SystemClock(), trail_database.anchors, insertions.append
    )
    trail_database.append_entries("chain-a", 2)
    trail_database.append_entries("chain-a")
    assert len(insertions) == 1
    trail_database.execute_without_triggers("DELETE FROM audit_log WHERE session = 'chain-a'")
    trail_database.append_entries("chain-a", 2)
    trail_database.append_entries("chain-a")
    assert len(insertions) == 2
    assert [row[2] for row in trail_database.list_rows() if row[1] == "chain-a"] == [1, 2, 3]


@pytest.mark.engines("mariadb")
def test_a_wrong_time_is_read_again(trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server refuses an audit row whose time differs from the server's time. The program then reads the server's
    time again and writes the row; the caller gets no error."""
    trail_database.append_entries("chain-a")
    uptime_us = boot_clock.read_uptime_us
    monkeypatch.setattr(boot_clock, "read_uptime_us", lambda: uptime_us() + 30_000_000)
    trail_database.append_entries("chain-a")
    assert [row[2] for row in trail_database.list_rows() if row[1] == "chain-a"] == [1, 2]


class RecordingClock(MovedClock):
    """A clock that records the instants that its `now` has returned in `returned_instants`."""

    def __init__(self) -> None:
        super().__init__()
        self.returned_instants: list[datetime] = []

    def now(self) -> datetime:
        self.returned_instants.append(super().now())
        return self.returned_instants[-1]


def append_entries_at_uptimes(
    trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch, clock: RecordingClock, *uptimes_us: int
) -> list[datetime]:
    """Append three audit entries in one transaction at a desk with this clock. The desk reads the uptimes
    `uptimes_us` (microseconds) one after the other. Return the times of the entries."""
    uptimes = iter(uptimes_us)
    monkeypatch.setattr(boot_clock, "read_uptime_us", lambda: next(uptimes))
    trail_database.trails["chain-a"] = AuditTrail("chain-a", DESK_NAME, clock, trail_database.anchors)
    trail_database.append_entries("chain-a", 3)
    rows = trail_database.place.sql("SELECT at FROM audit_log ORDER BY seq")
    return [datetime.fromisoformat(str(at)).replace(tzinfo=UTC) for (at,) in rows]


@pytest.mark.engines("mariadb")
def test_times_of_entries_are_computed_in_microseconds(
    trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The times of audit entries are computed in microseconds from one read of the server's clock, whose moment is
    the middle of the read. With whole milliseconds an entry could be earlier than the answer after which it was
    written, and the timeline would show them in the wrong order.
    """
    clock = RecordingClock()
    clock.offset = timedelta(hours=1)
    first, second, third = append_entries_at_uptimes(
        trail_database, monkeypatch, clock, 1_000_000, 1_000_600, 1_000_700, 1_001_250
    )
    assert (second - first, third - second) == (timedelta(microseconds=400), timedelta(microseconds=550))


@pytest.mark.engines("mariadb")
def test_entries_have_the_time_of_a_desk_with_the_same_clock(
    trail_database: DatabaseWithThreeChains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the desk's clock differs from the server's clock by less than the duration of the read, audit entries get
    the desk's time, as the provider's answers do. So the timeline shows an answer before the change that follows it,
    even after a slow read."""
    clock, hour_us = RecordingClock(), 3_600_000_000
    _, second, third = append_entries_at_uptimes(
        trail_database, monkeypatch, clock, 0, hour_us, hour_us // 2, hour_us // 2
    )
    assert [second, third] == clock.returned_instants[1:]
