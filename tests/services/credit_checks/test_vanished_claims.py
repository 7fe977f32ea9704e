"""Demand 12: a claim that vanished from the database is refused by the desk that remembers it."""

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.app import Console, open_health
from console.domain.records import CreditCheck, Operation, PurchaseRequest
from console.domain.service_results import OperationDetails
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

ROUNDS = 10
ONE, TWO = numbers(2)
ROW = "DELETE FROM hansha_alarmbox_credit_checks WHERE id = {}"
JOURNAL = "DELETE FROM operations WHERE subject_id = {}"


@pytest.fixture
def clock(hand_clock: HandClock) -> HandClock:
    return hand_clock


@pytest.fixture
def console(place: Place, vendor: LedgerVendor, clock: HandClock) -> Iterator[Console]:
    with place.desk(vendor, clock) as desk:
        yield desk


def buy(console: Console, number: str = ONE, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1", renew=renew))


def forget(place: Place, record: CreditCheck, *statements: str) -> None:
    """As a restored backup or a lost commit would leave the database."""
    place.sql(*(statement.format(record.id) for statement in statements))


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(100, marks=pytest.mark.soak)])
def test_refused_every_time(console: Console, vendor: LedgerVendor, place: Place, rounds: int) -> None:
    """Row deleted after it was acknowledged, with and without its journal row: the second purchase is refused."""
    refused = 0
    for i, number in enumerate(numbers(rounds, seed=12)):
        forget(place, buy(console, number), ROW, *([JOURNAL] if i % 2 else []))
        error = refusal(lambda n=number: buy(console, n))
        refused += (error.code, error.detail.get("source")) == ("already_purchased", "desk")
    print(f"demand 12: {place.engine}: {refused} of {rounds} second purchases refused from the desk's memory")
    assert refused == rounds
    assert len(vendor.charges) == rounds


def test_an_unknown_one_is_refused_as_well(console: Console, vendor: LedgerVendor, place: Place) -> None:
    """What nobody knows and what the database forgot is still claimed on the desk."""
    vendor.behaviour = "silent_after_charge"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(place, record, ROW, JOURNAL)
    assert refusal(lambda: buy(console)).detail["source"] == "desk"


def test_a_known_end_frees_it(console: Console, vendor: LedgerVendor, place: Place) -> None:
    """A refused purchase claims nothing, whether the database remembers it or not."""
    vendor.behaviour = "refuses"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(place, record, ROW, JOURNAL)
    vendor.behaviour = "answers"
    assert buy(console).state == "success"


@pytest.mark.parametrize("forgotten", [(ROW,), (ROW, JOURNAL)])
def test_brought_back_with_the_providers_word(
    console: Console, vendor: LedgerVendor, place: Place, forgotten: tuple[str, ...]
) -> None:
    """`resolve operation` as success writes the row again, under its old id; the operation is done."""
    lost = buy(console)
    forget(place, lost, *forgotten)
    operation_id = lost.operation_id or ""
    shown = console.recovery.read_record("operation", operation_id)
    assert isinstance(shown, OperationDetails)
    assert (shown.record.source, shown.explanation.next_step.code) == ("desk", "next.resolve_operation")
    console.recovery.resolve("operation", operation_id, "success", "seen on their screen", lost.credit_check_id)
    (back,) = console.lookup.find_records(ONE).credit_checks
    assert (back.id, back.state, back.credit_check_id) == (lost.id, "success", lost.credit_check_id)
    again = console.recovery.read_record("operation", operation_id)
    assert isinstance(again, OperationDetails)
    assert (again.record.source, again.record.state) == ("database", "done")
    assert again.record.operator == place.named("op-a")
    assert refusal(lambda: buy(console)).detail["record"] == back
    console.audit.verify_chains()


def test_whatever_the_provider_says_of_a_lost_purchase_is_evidence(
    console: Console, vendor: LedgerVendor, place: Place
) -> None:
    """Not there, about another number, or the check of another record: refused, and the answer is kept."""
    vendor.behaviour = "silent_after_charge"
    lost = refusal(lambda: buy(console)).detail["record"]
    vendor.behaviour = "answers"
    assert isinstance(lost, CreditCheck)
    of_other_number = buy(console, TWO).credit_check_id
    of_other_client = console.credit_checks.purchase(PurchaseRequest(ONE, "2")).credit_check_id
    forget(place, lost, ROW, JOURNAL)
    operation_id = lost.operation_id or ""
    answers = ((77, None), (of_other_number, "other_number"), (of_other_client, "used_by_other_record"))
    for kept, (provider_id, reason) in enumerate(answers, 1):
        refused = refusal(
            lambda of=provider_id: console.recovery.resolve("operation", operation_id, "success", "seen", of)
        )
        assert refused.code == "evidence_mismatch"
        assert reason in (None, refused.detail["reason"])
        where = f"operation_id = '{operation_id}' AND source = 'alarmbox.restore'"
        assert place.sql(f"SELECT COUNT(*) FROM evidence WHERE {where}") == [(kept,)]


@pytest.mark.expects_log("a loss is an error in the log")
@pytest.mark.engines("sqlite")
def test_its_old_id_may_be_taken(console: Console, vendor: LedgerVendor, place: Place, clock: HandClock) -> None:
    """Restored from a backup, the database gives the id to another number; both records find a place."""
    console.close()
    backup, file = place.folder / "backup.db", place.folder / "console.db"
    shutil.copy(file, backup)
    with place.desk(vendor, clock) as before:
        lost = buy(before)
    for side in ("console.db-wal", "console.db-shm"):
        (place.folder / side).unlink(missing_ok=True)
    shutil.copy(backup, file)
    with place.desk(vendor, clock) as after:
        (alert,) = after.alerts.list_alerts()
        after.alerts.acknowledge(alert.id, "the backup is meant to stay")
        assert buy(after, TWO).id == lost.id
        view = after.recovery.read_record("operation", lost.operation_id or "")
        assert isinstance(view, OperationDetails)
        assert (view.record.subject_id, view.record.corporation_number, view.timeline) == (None, ONE, ())
        assert refusal(lambda: buy(after)).detail["source"] == "desk"
        after.recovery.probe("operation", lost.operation_id or "")
        (back,) = after.lookup.find_records(ONE).credit_checks
        assert back.id != lost.id
        assert (back.state, back.credit_check_id) == ("success", lost.credit_check_id)


def test_given_up_by_two_people(console: Console, vendor: LedgerVendor, place: Place) -> None:
    """As error it takes two people with evidence; then the number is free."""
    vendor.behaviour = "silent_before_charge"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    forget(place, record, ROW, JOURNAL)
    operation_id = record.operation_id or ""

    def resolve(evidence: str, by: Console = console) -> object:
        return by.recovery.resolve("operation", operation_id, "error", evidence).record

    assert refusal(lambda: resolve("  ")).code == "no_evidence"
    resolve("their list is empty")
    assert refusal(lambda: resolve("still empty")).code == "same_person"
    assert refusal(lambda: buy(console)).code == "already_purchased"
    with place.acting(console, "lead-b") as other:
        freed = resolve("not on the bill", other)
    assert isinstance(freed, Operation)
    vendor.behaviour = "answers"
    assert buy(console).state == "success"


@pytest.mark.engines("sqlite")
def test_a_vanished_renewal_still_blocks_and_is_named(
    console: Console, vendor: LedgerVendor, place: Place, clock: HandClock
) -> None:
    """An earlier failed purchase of the number advises no new one, which is refused, and the replaced record doesn't
    send people to a record that isn't there."""
    vendor.behaviour = "refuses"
    assert refusal(lambda: buy(console)).code == "provider_refused"
    (failed,) = console.lookup.find_records(ONE).credit_checks
    vendor.behaviour = "answers"
    old = buy(console)
    clock.at += timedelta(days=400)
    renewal = buy(console, renew=True)
    assert advice(console, failed) == "next.bought_since"
    assert advice(console, old) == "next.open_successor"
    forget(place, renewal, ROW, JOURNAL)
    blocker = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(blocker, CreditCheck)
    assert blocker.id == old.id
    assert advice(console, failed) == "next.other_renewal_lost"
    assert advice(console, old) == "next.find_lost_renewal"


def advice(console: Console, record: CreditCheck) -> str:
    return console.credit_checks.read_credit_check(record.id).explanation.next_step.code


def test_another_database_is_another_matter(console: Console, vendor: LedgerVendor, place: Place) -> None:
    """What the desk remembers counts for the database that it was written in, by its random id; but where that one
    should be, another one is used only once somebody has said so.
    """
    record = buy(console)
    forget(place, record, ROW, JOURNAL)
    place.sql("UPDATE console_meta SET value = 'another' WHERE name = 'database_id'")
    console.close()
    open_health(console.settings).upgrade_schema(accepts_new_database=True)
    with place.desk(vendor) as other:
        assert buy(other).state == "success"
