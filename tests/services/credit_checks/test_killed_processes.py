"""Processes that go away in the middle of a call: by Ctrl+C, or for good."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.service_results import OperationDetails
from tests.support.gone import Gone, going_away
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock

(NUMBER,) = numbers(1)
ASK = PurchaseRequest(NUMBER, "1")


@pytest.fixture
def clock(hand_clock: HandClock) -> HandClock:
    return hand_clock


@pytest.fixture
def console(place: Place, vendor: LedgerVendor, clock: HandClock) -> Iterator[Console]:
    with place.desk(vendor, clock) as desk:
        yield desk


def raising(trouble: BaseException) -> None:
    raise trouble


def state_of(console: Console, record: CreditCheck) -> tuple[str, str | None]:
    seen = console.recovery.read_record("operation", record.operation_id or "")
    assert isinstance(seen, OperationDetails)
    return seen.record.state, seen.record.reason


def test_ctrl_c_in_the_call_is_written_down_at_once(console: Console, vendor: LedgerVendor) -> None:
    """The record says unknown without waiting for any lease, and the refusal names it."""
    vendor.during = lambda: raising(KeyboardInterrupt())
    with pytest.raises(ConsoleError) as told:
        console.credit_checks.purchase(ASK)
    record = told.value.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (told.value.exit_status, told.value.detail["reason"]) == (4, "interrupted")
    assert (record.state, record.certainty) == ("pending", "unknown")


def test_an_operation_ends_with_its_lease(console: Console, vendor: LedgerVendor, clock: HandClock) -> None:
    """The operation of a process that has ended is shown with an unknown outcome, with and without a worker."""
    with going_away(console._context) as vanish:
        vendor.during = vanish
        with pytest.raises(Gone):
            console.credit_checks.purchase(ASK)
    (record,) = console.lookup.find_records(NUMBER).credit_checks
    assert state_of(console, record) == ("calling", None)
    clock.at += timedelta(minutes=5)
    assert state_of(console, record) == ("unknown", "lapsed")
    console.recovery.run_due()
    assert state_of(console, record) == ("unknown", "lapsed")
