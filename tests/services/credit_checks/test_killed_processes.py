"""Tests of a purchase whose process ends during the call to AlarmBox: by Ctrl+C, or killed so that it can write
nothing more.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.service_results import OperationDetails
from console.wording.sentences.catalogue import format_cause, translate
from console.wording.sentences.formats import format_instant
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.simulated_crash import SimulatedCrash, simulate_crash

(CORPORATION_NUMBER,) = invent_numbers(1)
PURCHASE_REQUEST = PurchaseRequest(CORPORATION_NUMBER, "1")


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, clock) as desk:
        yield desk


def raise_exception(error: BaseException) -> None:
    """Raise this exception. A lambda calls this function because a lambda can't contain `raise`."""
    raise error


def read_operation_state(console: Console, record: CreditCheck) -> tuple[str, str | None]:
    """Return state and reason of the operation that bought the record, after a check that the line *Why* of its page
    gives the time and the cause of this state."""
    details = console.recovery.read_record("operation", record.operation_id or "")
    assert isinstance(details, OperationDetails)
    assert details.explanation.why == f"why.operation_{details.record.state}"
    reason = translate(details.explanation.why, "en", **details.explanation.facts)
    assert format_instant(details.record.started_at, "short") in reason
    assert format_cause(details.record.reason, lambda key: translate(key, "en")) in reason
    return details.record.state, details.record.reason


def test_ctrl_c_in_the_call_is_written_down_at_once(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """After Ctrl+C during the call, the record is stored as unknown at once, before its lease expires. The error
    contains the record.
    """
    alarmbox.during_call = lambda: raise_exception(KeyboardInterrupt())
    with pytest.raises(ConsoleError) as raised:
        console.credit_checks.purchase(PURCHASE_REQUEST)
    record = raised.value.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (raised.value.exit_status, raised.value.detail["reason"]) == (4, "interrupted")
    assert (record.state, record.certainty) == ("pending", "unknown")


def test_an_operation_of_an_ended_process_lapses_with_its_lease(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The operation of a process that ended is shown as unknown once its lease has expired, both before and after a
    worker has stored the lapse.
    """
    with simulate_crash(console._context) as vanish:
        alarmbox.during_call = vanish
        with pytest.raises(SimulatedCrash):
            console.credit_checks.purchase(PURCHASE_REQUEST)
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert read_operation_state(console, record) == ("calling", None)
    clock.at += timedelta(minutes=5)
    assert read_operation_state(console, record) == ("unknown", "lapsed")
    console.recovery.run_all_tasks()
    assert read_operation_state(console, record) == ("unknown", "lapsed")


def test_a_second_person_must_see_the_proposal_made_after_a_lapse(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, place: Place
) -> None:
    """The screens of two people show the version of the record from before the lapse was stored. The first person may
    still propose an outcome, because the lapse changed nothing on the screen. The second person has not seen this
    proposal, so a decision from the earlier version is refused; from the new version it counts.
    """
    with simulate_crash(console._context) as vanish:
        alarmbox.during_call = vanish
        with pytest.raises(SimulatedCrash):
            console.credit_checks.purchase(PURCHASE_REQUEST)
    clock.at += timedelta(minutes=5)
    (viewed_record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    console.recovery.run_all_tasks()  # stores the lapse
    proposed = console.recovery.resolve(
        "credit-check", viewed_record.id, "error", "no charge", None, viewed_record.version
    )
    assert isinstance(proposed.record, CreditCheck)
    assert (proposed.awaiting, proposed.record.version) == ("second_person", viewed_record.version + 2)
    with place.open_console_of_person(console, "lead-b") as lead:
        for version in (viewed_record.version, viewed_record.version + 1):
            with pytest.raises(ConsoleError, match="stale_view"):
                lead.recovery.resolve("credit-check", viewed_record.id, "error", "no charge", None, version)
        decided = lead.recovery.resolve("credit-check", viewed_record.id, "error", "y", None, proposed.record.version)
    assert (decided.awaiting, decided.record.state) == (None, "error")
