"""Answers that this desk keeps and that the database goes on refusing: a case after a few tries, and never lost."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.guarded.action import GuardedService
from console.services.tasks.due_tasks import MAX_FAILED_DELIVERIES, UNDELIVERED_ANSWER_RULE
from tests.services.credit_checks.test_purchase_breaks import delete_row, lose_writes
from tests.support.desks import NUMBERS
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

pytestmark = pytest.mark.expects_log("what can't be delivered is told")


@pytest.fixture
def console(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> Iterator[Console]:
    with place.desk(vendor, hand_clock) as desk:
        yield desk


def kept(console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch) -> CreditCheck:
    """A purchase whose answer only the desk has."""
    with monkeypatch.context() as lost:
        vendor.during = lambda: lose_writes(lost, console)
        record = refusal(lambda: console.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))).detail["record"]
    vendor.during = lambda: None
    assert isinstance(record, CreditCheck)
    return record


def tries(place: Place) -> int:
    return int(place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'operation.undelivered'")[0][0])


def run(console: Console, times: int) -> None:
    for _ in range(times):
        console.recovery.run_due()


def test_a_refused_answer_becomes_a_case(
    console: Console, vendor: LedgerVendor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried a few times, then a person is asked, with the answer's numbers; who has looked lets it be tried again."""
    record = kept(console, vendor, monkeypatch)

    def refuses(*_: object) -> bool:
        raise ValueError("a constraint")

    with monkeypatch.context() as broken:
        broken.setattr(GuardedService, "deliver", refuses)
        run(console, MAX_FAILED_DELIVERIES + 2)
    assert tries(place) == MAX_FAILED_DELIVERIES
    (alert,) = [one for one in console.alerts.list_alerts() if one.rule_id == UNDELIVERED_ANSWER_RULE]
    assert record.operation_id is not None
    assert record.operation_id in alert.observed
    assert alert.observed.endswith(" 1")
    (entry,) = console._context.spool.list_undelivered_entries(console._context.database_id)
    assert entry.answer is not None
    run(console, 1)
    assert tries(place) == MAX_FAILED_DELIVERIES, "it waits for a person"
    console.alerts.acknowledge(alert.id, "the constraint is gone")
    run(console, 1)
    (found,) = console.lookup.find_records(NUMBERS[0]).credit_checks
    assert (found.state, found.credit_check_id) == ("success", 1)
    assert console._context.spool.list_undelivered_entries(console._context.database_id) == ()


def test_an_answer_without_its_row_becomes_a_case(
    console: Console, vendor: LedgerVendor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is gone: nothing to write the answer to, and somebody has to know."""
    record = kept(console, vendor, monkeypatch)
    delete_row(place, record)
    place.sql(f"DELETE FROM operations WHERE subject_id = {record.id}")
    run(console, MAX_FAILED_DELIVERIES + 1)
    assert [one.rule_id for one in console.alerts.list_alerts()].count(UNDELIVERED_ANSWER_RULE) == 1
    assert tries(place) == MAX_FAILED_DELIVERIES
    assert console._context.spool.find(record.operation_id or "") is not None


def test_the_databases_own_trouble_is_no_try(
    console: Console, vendor: LedgerVendor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it can't be reached nothing is counted: it is delivered as soon as it is back."""
    kept(console, vendor, monkeypatch)
    with monkeypatch.context() as lost:
        lose_writes(lost, console)
        for _ in range(MAX_FAILED_DELIVERIES + 1):
            console._service_builder.scheduler._tasks["spool_delivery"]()
    assert tries(place) == 0
    run(console, 1)
    (found,) = console.lookup.find_records(NUMBERS[0]).credit_checks
    assert found.state == "success"
