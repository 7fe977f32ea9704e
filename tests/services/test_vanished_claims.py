"""Demand 12: a claim that vanished from the database is refused by the desk that remembers it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Operation, PurchaseRequest
from console.domain.results import OperationView
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import HandClock, lease_clock, quick_desk, quick_folder

ROUNDS = 100
ONE, TWO = numbers(2)
ROW = "DELETE FROM hansha_alarmbox_credit_checks WHERE id = :id"
JOURNAL = "DELETE FROM operations WHERE subject_id = :id"


@pytest.fixture
def home() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def clock() -> Iterator[HandClock]:
    made = HandClock()
    with lease_clock(made):
        yield made


@pytest.fixture
def vendor() -> LedgerVendor:
    return LedgerVendor()


@pytest.fixture
def console(home: Path, vendor: LedgerVendor, clock: HandClock) -> Iterator[Console]:
    with quick_desk(home, vendor, clock) as desk:
        yield desk


def buy(console: Console, number: str = ONE) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1"))


def refusal(call: Callable[[], object]) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        call()
    return caught.value


def forget(console: Console, record: CreditCheck, *statements: str) -> None:
    """As a restored backup or a lost commit would leave the database."""
    with console.database.attempt() as tx:
        for statement in statements:
            tx.conn.execute(text(statement), {"id": record.id})


def test_refused_every_time(console: Console, vendor: LedgerVendor) -> None:
    """Row deleted after it was acknowledged, with and without its journal row: the second purchase is refused."""
    refused = 0
    for i, number in enumerate(numbers(ROUNDS, seed=12)):
        forget(console, buy(console, number), ROW, *([JOURNAL] if i % 2 else []))
        error = refusal(lambda n=number: buy(console, n))  # type: ignore[misc]  # bound now
        refused += (error.code, error.detail.get("source")) == ("already_purchased", "desk")
    print(f"demand 12: {refused} of {ROUNDS} second purchases refused from the desk's memory")
    assert refused == ROUNDS
    assert len(vendor.charges) == ROUNDS


def test_an_unknown_one_is_refused_as_well(console: Console, vendor: LedgerVendor) -> None:
    """What nobody knows and what the database forgot is still claimed on the desk."""
    vendor.behaviour = "silent_after_charge"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(console, record, ROW, JOURNAL)
    assert refusal(lambda: buy(console)).detail["source"] == "desk"


def test_a_known_end_frees_it(console: Console, vendor: LedgerVendor) -> None:
    """A refused purchase claims nothing, whether the database remembers it or not."""
    vendor.behaviour = "refuses"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(console, record, ROW, JOURNAL)
    vendor.behaviour = "answers"
    assert buy(console).state == "success"


@pytest.mark.parametrize("forgotten", [(ROW,), (ROW, JOURNAL)])
def test_brought_back_with_the_providers_word(
    console: Console, vendor: LedgerVendor, forgotten: tuple[str, ...]
) -> None:
    """`resolve operation` as success writes the row again, under its old id; the operation is done."""
    lost = buy(console)
    forget(console, lost, *forgotten)
    operation_id = lost.operation_id or ""
    shown = console.recovery.show("operation", operation_id)
    assert isinstance(shown, OperationView)
    assert (shown.record.source, shown.explanation.next_step.code) == ("desk", "next.resolve_operation")
    console.recovery.resolve("operation", operation_id, "success", "seen on their screen", lost.credit_check_id)
    (back,) = console.lookup.find(ONE).credit_checks
    assert (back.id, back.state, back.credit_check_id) == (lost.id, "success", lost.credit_check_id)
    again = console.recovery.show("operation", operation_id)
    assert isinstance(again, OperationView)
    assert (again.record.source, again.record.state, again.record.operator) == ("database", "done", "op-a")
    assert refusal(lambda: buy(console)).detail["record"] == back
    console.audit.verify()


def test_its_old_id_may_be_taken(console: Console, vendor: LedgerVendor, home: Path, clock: HandClock) -> None:
    """Restored from a backup, the database gives the id to another number; both records find a place."""
    console.close()
    backup = home / "backup.db"
    shutil.copy(home / "console.db", backup)
    with quick_desk(home, vendor, clock) as before:
        lost = buy(before)
    for side in ("console.db-wal", "console.db-shm"):
        (home / side).unlink(missing_ok=True)
    shutil.copy(backup, home / "console.db")
    with quick_desk(home, vendor, clock) as after:
        assert buy(after, TWO).id == lost.id
        assert refusal(lambda: buy(after)).detail["source"] == "desk"
        after.recovery.probe("operation", lost.operation_id or "")
        (back,) = after.lookup.find(ONE).credit_checks
        assert back.id != lost.id
        assert (back.state, back.credit_check_id) == ("success", lost.credit_check_id)


def test_given_up_by_two_people(console: Console, vendor: LedgerVendor) -> None:
    """As error it takes two people with evidence; then the number is free."""
    vendor.behaviour = "silent_before_charge"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(console, record, ROW, JOURNAL)
    operation_id = record.operation_id or ""

    def resolve(evidence: str) -> object:
        return console.recovery.resolve("operation", operation_id, "error", evidence).record

    assert refusal(lambda: resolve("  ")).code == "no_evidence"
    resolve("their list is empty")
    assert refusal(lambda: resolve("still empty")).code == "same_person"
    assert refusal(lambda: buy(console)).code == "already_purchased"
    with console.acting("lead-b"):
        freed = resolve("not on the bill")
    assert isinstance(freed, Operation)
    vendor.behaviour = "answers"
    assert buy(console).state == "success"


def test_another_database_is_another_matter(console: Console, vendor: LedgerVendor, home: Path) -> None:
    """What the desk remembers counts for the database that it was written in, by its random id."""
    record = buy(console)
    forget(console, record, ROW, JOURNAL)
    with console.database.attempt() as tx:
        tx.conn.execute(text("UPDATE console_meta SET value = 'another' WHERE name = 'database_id'"))
    console.close()
    with quick_desk(home, vendor) as other:
        assert buy(other).state == "success"
