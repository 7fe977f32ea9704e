"""The database always refuses an answer that a desk's spool must deliver: after a few attempts the desk opens a case,
and no answer is lost.
"""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.guarded.action import GuardedService
from console.services.tasks.due_tasks import MAX_FAILED_DELIVERIES, UNDELIVERED_ANSWER_RULE
from tests.services.credit_checks.test_purchase_breaks import break_writes, delete_row
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import CHECKS_TABLE, Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.expects_log("what can't be delivered is told")


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def make_spooled_purchase(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> CreditCheck:
    """Make a purchase whose answer is only in the spool, and return its record."""
    with monkeypatch.context() as lost:
        alarmbox.during_call = lambda: break_writes(lost, console)
        record = call_for_refusal(
            lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        ).detail["record"]
    alarmbox.during_call = lambda: None
    assert isinstance(record, CreditCheck)
    return record


def count_delivery_attempts(place: Place) -> int:
    """Return the number of audit entries about attempts to deliver an answer."""
    return int(place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'operation.undelivered'")[0][0])


def run_due_tasks(console: Console, times: int) -> None:
    """Run the desk's due tasks this many times."""
    for _ in range(times):
        console.recovery.run_all_tasks()


def test_a_refused_answer_becomes_a_case(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses an answer several times: the desk opens a case that contains AlarmBox's id, and stops the
    delivery. After a person has acknowledged the case, the desk delivers the answer.
    """
    record = make_spooled_purchase(console, alarmbox, monkeypatch)

    def raise_constraint_error(*_: object) -> bool:
        raise ValueError("a constraint")

    with monkeypatch.context() as broken:
        broken.setattr(GuardedService, "deliver_outcome", raise_constraint_error)
        run_due_tasks(console, MAX_FAILED_DELIVERIES + 2)
    assert count_delivery_attempts(place) == MAX_FAILED_DELIVERIES
    (alert,) = [one for one in console.alerts.list_alerts() if one.rule_id == UNDELIVERED_ANSWER_RULE]
    assert record.operation_id is not None
    assert record.operation_id in alert.observed
    assert alert.observed.endswith(" 1")
    (entry,) = console._context.spool.list_undelivered_entries(console._context.database_id)
    assert entry.answer is not None
    run_due_tasks(console, 1)
    assert count_delivery_attempts(place) == MAX_FAILED_DELIVERIES, "it waits for a person"
    console.alerts.acknowledge(alert.id, "the constraint is gone")
    run_due_tasks(console, 1)
    (check,) = console.lookup.find_records(CORPORATION_NUMBERS[0]).credit_checks
    assert (check.state, check.credit_check_id) == ("success", 1)
    assert console._context.spool.list_undelivered_entries(console._context.database_id) == ()


def test_an_answer_without_its_row_opens_a_case(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database row for which the spool has an answer is gone, so the answer can't be delivered: the desk opens a
    case.
    """
    record = make_spooled_purchase(console, alarmbox, monkeypatch)
    delete_row(place, record)
    place.sql(f"DELETE FROM operations WHERE subject_id = {record.id}")
    run_due_tasks(console, MAX_FAILED_DELIVERIES + 1)
    assert [one.rule_id for one in console.alerts.list_alerts()].count(UNDELIVERED_ANSWER_RULE) == 1
    assert count_delivery_attempts(place) == MAX_FAILED_DELIVERIES
    assert console._context.spool.find(record.operation_id or "") is not None


def test_a_failed_database_is_no_delivery_attempt(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is unreachable, the desk counts no attempt to deliver an answer. It delivers the answer as
    soon as the database is reachable again.
    """
    make_spooled_purchase(console, alarmbox, monkeypatch)
    with monkeypatch.context() as lost:
        break_writes(lost, console)
        for _ in range(MAX_FAILED_DELIVERIES + 1):
            console._service_builder.scheduler._tasks["spool_delivery"]()
    assert count_delivery_attempts(place) == 0
    run_due_tasks(console, 1)
    (check,) = console.lookup.find_records(CORPORATION_NUMBERS[0]).credit_checks
    assert check.state == "success"


def test_a_case_about_a_lost_operation_is_not_about_a_later_record(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The database has lost a purchase and gives its id to the purchase of another company. The case about the answer
    that can't be delivered is not about this company's record.
    """
    reset_ids = "DELETE FROM sqlite_sequence"
    if place.engine != "sqlite":
        reset_ids = f"ALTER TABLE {CHECKS_TABLE} AUTO_INCREMENT = 1"

    def lose_rows_and_ids() -> None:
        place.sql(f"DELETE FROM {CHECKS_TABLE}", "DELETE FROM operations", reset_ids)

    alarmbox.during_call = lose_rows_and_ids
    lost = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1")))
    alarmbox.during_call = lambda: None
    other = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[1], "1"))
    entry = console._context.spool.find(str(lost.detail["operation_id"]))
    assert entry is not None
    assert entry.intent.record_id == other.id
    run_due_tasks(console, MAX_FAILED_DELIVERIES)
    (alert,) = [one for one in console.alerts.list_alerts() if one.rule_id == UNDELIVERED_ANSWER_RULE]
    assert (alert.subject_kind, alert.subject_id) == ("credit-check", 0)
    assert entry.intent.operation_id in alert.observed
