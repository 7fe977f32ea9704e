"""Tests of a due credit check that cannot be settled: it gets its next attempt, or waits for a person."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.records import Certainty, CheckState, CreditCheck, PurchaseRequest, WorkState
from console.domain.tasks.retry_schedules import PURCHASE_PROBE_WAITS
from console.services.tasks import due_tasks
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, LedgerReader
from tests.support.invented import invent_numbers
from tests.support.places import CHECKS_TABLE, Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.engines("sqlite")
(CORPORATION_NUMBER,) = invent_numbers(1)
ROUND_COUNT = len(PURCHASE_PROBE_WAITS) + 2


@pytest.fixture
def alarmbox(hand_clock: ManualClock) -> InMemoryAlarmBox:
    return InMemoryAlarmBox(today=hand_clock.today, lists_purchases=True)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def read_record(console: Console) -> CreditCheck:
    """Return the newest record of CORPORATION_NUMBER."""
    return console.lookup.find_records(CORPORATION_NUMBER).credit_checks[0]


def run_for_days(console: Console, clock: ManualClock) -> None:
    """Run the worker's tasks about credit checks often enough for each attempt of a schedule."""
    for _ in range(ROUND_COUNT):
        clock.at += timedelta(days=1, hours=1)
        for name in ("probes", "refetches"):
            console.scheduler._tasks[name]()


def reset_rows_to_before_answer(place: Place) -> None:
    """Set the rows of all credit checks and purchases to the values before the provider's answer, as a restored
    backup would. The spool of the desk still has the id of the answer.
    """
    place.sql(
        f"UPDATE {CHECKS_TABLE} SET status='pending', certainty='unknown', credit_check_id=NULL,"
        " work_state='scheduled', work_reason='unknown', work_at=created_at, work_attempts=0, error_code='lapsed'",
        "UPDATE operations SET state='unknown', ended_at=NULL WHERE action='credit-check.purchase'",
    )


def test_a_purchase_without_the_list_call_needs_a_person(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """If the setting for AlarmBox's list was on when the purchase became unknown and is off now, the purchase waits
    for a person.
    """
    alarmbox.behaviour = "silent_after_charge"
    call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert read_record(console).work.state is WorkState.SCHEDULED
    alarmbox.lists_purchases = False
    run_for_days(console, hand_clock)
    record = read_record(console)
    assert (record.certainty, record.work.state, record.work.reason) == (
        Certainty.UNKNOWN,
        WorkState.NEEDS_REVIEW,
        "no_list_call",
    )


def test_an_unconfirmed_purchase_is_probed_a_limited_number_of_times(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, place: Place
) -> None:
    """If the spool has the id from the answer but AlarmBox does not show that credit check, the purchase waits for a
    person after its schedule of probes.
    """
    console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    reset_rows_to_before_answer(place)
    alarmbox.is_readable, before = False, alarmbox.call_counts["detail"]
    run_for_days(console, hand_clock)
    record = read_record(console)
    assert (record.certainty, record.work.state, record.work.reason) == (
        Certainty.UNKNOWN,
        WorkState.NEEDS_REVIEW,
        "probes_ended",
    )
    assert alarmbox.call_counts["detail"] - before == len(PURCHASE_PROBE_WAITS)


def test_a_check_after_its_viewing_period_does_not_stay_due(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, place: Place
) -> None:
    """If a process dies between AlarmBox's first 403 and the end of the record's schedule, the next re-fetch is
    refused at most once, and afterwards the record has no scheduled step any more.
    """
    alarmbox.is_readable = False
    console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    place.sql(f"UPDATE {CHECKS_TABLE} SET viewing_over=1")
    assert read_record(console).work.state is WorkState.SCHEDULED
    run_for_days(console, hand_clock)
    record = read_record(console)
    assert (record.state, record.viewing_over, record.work.state) == (CheckState.SUCCESS, True, WorkState.NONE)
    entries = place.sql("SELECT COUNT(*) FROM audit_log WHERE what='credit-check.refetch' AND result='refused'")
    assert entries[0][0] <= 1


@pytest.mark.expects_log("the fault at one credit check")
def test_a_check_that_fails_here_delays_no_other_check(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a bug makes the probe of one purchase always fail, that purchase goes through its schedule and then waits
    for a person. The next purchase is still probed, although each run processes only one.
    """
    broken, other = invent_numbers(2)
    alarmbox.behaviour = "silent_after_charge"
    for number in (broken, other):
        call_for_refusal(lambda number=number: console.credit_checks.purchase(PurchaseRequest(number, "1")))
    find = LedgerReader.find_purchases

    def fail_for_one(reader: LedgerReader, number: str) -> object:
        if number == broken:
            raise RuntimeError("a bug")
        return find(reader, number)

    monkeypatch.setattr(LedgerReader, "find_purchases", fail_for_one)
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    hand_clock.at += timedelta(days=1)
    for _ in range(2):
        console.scheduler._tasks["probes"]()
    assert console.lookup.find_records(other).credit_checks[0].state is CheckState.SUCCESS
    run_for_days(console, hand_clock)
    (record,) = console.lookup.find_records(broken).credit_checks
    assert (record.certainty, record.work.state, record.work.reason) == (
        Certainty.UNKNOWN,
        WorkState.NEEDS_REVIEW,
        "probes_ended",
    )


@pytest.mark.expects_log("a row that can't be read is told")
def test_an_unreadable_check_stops_no_other_check(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, place: Place
) -> None:
    """A due purchase with a certainty that only a newer program knows is left out, and the next one is probed."""
    unreadable, other = invent_numbers(2)
    alarmbox.behaviour = "silent_after_charge"
    for number in (unreadable, other):
        call_for_refusal(lambda number=number: console.credit_checks.purchase(PurchaseRequest(number, "1")))
    place.drop_table_triggers(CHECKS_TABLE)
    place.sql(f"UPDATE {CHECKS_TABLE} SET certainty = 'newer' WHERE corporation_number = '{unreadable}'")
    hand_clock.at += timedelta(days=1)
    console.scheduler._tasks["probes"]()
    assert console.lookup.find_records(other).credit_checks[0].state is CheckState.SUCCESS
