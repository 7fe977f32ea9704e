"""Purchases in which a step raises an exception, and purchases on a database that is locked, full or read-only."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.process.failpoints import FailpointReached
from tests.support import refusals, truth
from tests.support.children import Child, Pipe, start_children
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock, open_quick_desk
from tests.support.waiting import MAX_WAIT_SECONDS

(CORPORATION_NUMBER,) = invent_numbers(1)
STEPS_BEFORE_SENDING = ("after_tx1", "after_intent", "before_send")
STEPS_AFTER_RECORDING = ("after_tx2", "before_detail", "after_detail", "before_pdf", "after_pdf")


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


@pytest.fixture
def console(home: Path, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> Iterator[Console]:
    with open_quick_desk(home, alarmbox, clock) as desk:
        yield desk


def buy_number(console: Console) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))


def read_purchase_refusal(console: Console) -> ConsoleError:
    """Buy the number, and return the error with which the purchase is refused."""
    return refusals.call_for_refusal(lambda: buy_number(console))


def read_single_check(console: Console) -> CreditCheck:
    """Return the only credit check of CORPORATION_NUMBER; the test fails if there are several."""
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    return record


# A step raises


def test_an_exception_before_tx1_leaves_no_row(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> None:
    """If a step before the first transaction (Tx1) raises an exception, no row is written and nothing is sent."""
    with place.desk(alarmbox, clock, FAILPOINT="before_tx1:1:raise") as console:
        with pytest.raises(FailpointReached):
            buy_number(console)
        assert (console.lookup.find_records(CORPORATION_NUMBER).credit_checks, alarmbox.charges) == ((), [])


@pytest.mark.parametrize("step", STEPS_BEFORE_SENDING)
def test_an_exception_before_sending_sends_nothing(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, step: str
) -> None:
    """If a step between the claim and the sending raises an exception, the credit check becomes a known error without
    a charge, and the number can be bought again.
    """
    with place.desk(alarmbox, clock, FAILPOINT=f"{step}:1:raise") as console:
        with pytest.raises(FailpointReached):
            buy_number(console)
        assert (read_single_check(console).state, read_single_check(console).certainty, alarmbox.charges) == (
            "error",
            "known",
            [],
        )
        assert buy_number(console).state == "success"


@pytest.mark.expects_log("the failure is told")
@pytest.mark.parametrize(("step", "settled"), [("after_send", "pending"), ("before_tx2", "success")])
def test_an_exception_after_sending_leaves_an_unknown_outcome(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, step: str, settled: str
) -> None:
    """If a step after the sending raises an exception, the purchase exits with 4 and its record holds its claim. If
    the provider's answer had arrived, the next due tasks write it.
    """
    with place.desk(alarmbox, clock, FAILPOINT=f"{step}:1:raise") as console:
        lost = read_purchase_refusal(console)
        assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
        assert read_purchase_refusal(console).code == "already_purchased"
        console.recovery.run_all_tasks()
        assert (read_single_check(console).state, len(alarmbox.charges)) == (settled, 1)


@pytest.mark.parametrize("step", STEPS_AFTER_RECORDING)
@pytest.mark.expects_log("the failure is told")
def test_an_exception_after_recording_keeps_the_outcome(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, step: str
) -> None:
    """If a step after the write of the outcome raises an exception, the caller still gets the bought credit check,
    and due tasks fetch its missing parts.
    """
    with place.desk(alarmbox, clock, FAILPOINT=f"{step}:1:raise") as console:
        assert buy_number(console).state == "success"
        truth.check_queues(console)
        clock.at += timedelta(minutes=10)
        console.recovery.run_all_tasks()
        assert read_single_check(console).incomplete == ()
        assert len(alarmbox.charges) == 1


# Somebody else holds the database


def hold_lock(pipe: Pipe, file: str) -> None:
    """Target of a child process: lock the database for writing when the parent process sends a message, and unlock it
    at the next message.
    """
    holder = sqlite3.connect(file, timeout=MAX_WAIT_SECONDS, isolation_level=None)
    pipe.send("open")
    pipe.recv()
    holder.execute("BEGIN IMMEDIATE")
    pipe.send("locked")
    pipe.recv()
    holder.close()
    pipe.send("free")


@pytest.fixture
def short_lock_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite connections wait only 50 ms for a lock."""
    monkeypatch.setattr("console.store.database.sqlite._CONNECTION_PRAGMAS", ("journal_mode=WAL", "busy_timeout=50"))


@pytest.fixture
def lock_holder(home: Path, short_lock_wait: None, alarmbox: InMemoryAlarmBox) -> Iterator[Child]:
    """Yield another process that can lock the database of `console` for writing."""
    with open_quick_desk(home, alarmbox):
        pass
    with start_children(hold_lock, [(str(home / "console.db"),)]) as (child,):
        assert child.wait_for_report() == "open"
        yield child


def lock_database(holder: Child) -> None:
    holder.pipe.send("lock")
    assert holder.wait_for_report() == "locked"


def unlock_database(holder: Child) -> None:
    holder.pipe.send("free")
    assert holder.wait_for_report() == "free"


def test_a_database_locked_before_the_claim_refuses_the_purchase(
    lock_holder: Child, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """If the database is locked before a purchase, the purchase is refused with exit status 6, nothing is sent, and
    reads still work.
    """
    lock_database(lock_holder)
    lost = read_purchase_refusal(console)
    assert (lost.code, lost.exit_status) == ("database_locked", 6)
    assert (console.lookup.find_records(CORPORATION_NUMBER).credit_checks, alarmbox.charges) == ((), [])
    unlock_database(lock_holder)
    assert buy_number(console).state == "success"


@pytest.mark.expects_log("the lock is told")
def test_a_database_locked_after_the_call_keeps_the_answer(
    lock_holder: Child, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """If the database is locked during the call to the provider, the purchase exits with 4. The answer stays
    in the spool, and the first due tasks after the lock write it.
    """
    alarmbox.during_call = lambda: lock_database(lock_holder)
    lost = read_purchase_refusal(console)
    assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
    with contextlib.suppress(ConsoleError):
        console.recovery.run_all_tasks()
    assert read_single_check(console).state == "pending"
    unlock_database(lock_holder)
    alarmbox.during_call = lambda: None
    assert {run.task: run.count for run in console.recovery.run_all_tasks()}["spool_delivery"] == 1
    assert (read_single_check(console).state, len(alarmbox.charges)) == ("success", 1)


# No room, no right


@contextlib.contextmanager
def set_connection_pragmas(console: Console, *pragmas: Callable[[], str]) -> Iterator[None]:
    """Within the block, each connection of the console to its SQLite file has these PRAGMAs. The connection pool is
    emptied for this; the database isn't closed, because a closed database opens a connection for each transaction.
    """
    engine = console.database.engine

    def report_pragma(dbapi: sqlite3.Connection, _record: object) -> None:
        for pragma in pragmas:
            dbapi.execute("PRAGMA " + pragma())

    engine.dispose()
    event.listen(engine, "connect", report_pragma)
    try:
        yield
    finally:
        event.remove(engine, "connect", report_pragma)
        engine.dispose()


def count_pages(console: Console) -> int:
    """Return the number of pages of the database."""
    with console.database.read() as conn:
        return int(conn.scalar(text("PRAGMA page_count")) or 0)


@pytest.mark.expects_log("the full disk is told")
def test_a_full_disk_at_any_statement_leaves_a_correct_record(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The disk becomes full during a purchase; each further purchase has room for one more page, so that another
    statement fails. In each case the reported ending agrees with the record and with the provider's ledger.
    """
    room = count_pages(console)
    endings: Counter[str] = Counter()
    bought = iter(invent_numbers(400, seed=1))
    with set_connection_pragmas(console, lambda: f"max_page_count={room}"):
        while endings.total() - endings["success"] < 12:
            number, before = next(bought), len(alarmbox.charges)
            try:
                ending = str(console.credit_checks.purchase(PurchaseRequest(number, "1")).state)
            except ConsoleError as lost:
                ending = lost.code
                room += 1
                console.database.engine.dispose()
            endings[ending] += 1
            assert (len(alarmbox.charges) > before) is (ending in ("success", "outcome_unknown")), ending
    clock.at += timedelta(minutes=5)
    console.recovery.run_all_tasks()
    truth.check_charges(
        truth.read_check_rows(console.database), Counter(charge.number for charge in alarmbox.charges)
    )
    assert truth.count_calling_operations(console.database) == 0
    print(f"full disk: {dict(endings)}, 0 second charges, 0 untrue endings")
    assert endings["storage_full"]


@pytest.mark.expects_log("a refusal that can't be audited is told")
def test_a_purchase_on_a_read_only_database_is_refused(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """If the database can't be written, a purchase is refused with `read_only` before anything is sent, and reads
    still work.
    """
    with set_connection_pragmas(console, lambda: "query_only=ON"):
        lost = read_purchase_refusal(console)
        assert console.lookup.find_records(CORPORATION_NUMBER).credit_checks == ()
    assert (lost.code, lost.exit_status, alarmbox.charges) == ("read_only", 3, [])
