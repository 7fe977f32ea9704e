"""Tests of the cases about a contradiction. A case that one wrong answer of AlarmBox has opened closes when the next
answer agrees; every other case waits for a person.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from console.app import Console
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest, WorkState
from console.services.credit_checks import outcomes
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER = invent_numbers(2)


class MisnamingAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox whose reports contain the corporation number `reported_number` instead of the right one.
    If `reported_number` is None, the reports are right.
    """

    reported_number: str | None = None

    def report_charge(self, charge: Charge) -> CheckReport:
        report = super().report_charge(charge)
        return report if self.reported_number is None else replace(report, corporation_number=self.reported_number)


@pytest.fixture
def alarmbox(hand_clock: ManualClock) -> MisnamingAlarmBox:
    return MisnamingAlarmBox(today=hand_clock.today)


@pytest.fixture
def console(place: Place, alarmbox: MisnamingAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def hide_check(alarmbox: MisnamingAlarmBox) -> None:
    """Make the simulated AlarmBox answer that it has no such credit check, until the test restores its charges."""
    alarmbox.charges = []


def name_other_corporation(alarmbox: MisnamingAlarmBox) -> None:
    """Make the simulated AlarmBox answer with the report of another corporation, until the test resets
    `reported_number`.
    """
    alarmbox.reported_number = OTHER_CORPORATION_NUMBER


def refetch_record(console: Console, record: CreditCheck) -> None:
    """Re-fetch the credit check."""
    console.credit_checks.refetch(record.id)


def probe_record(console: Console, record: CreditCheck) -> None:
    """Probe the credit check."""
    console.recovery.probe("credit-check", record.id)


def open_contradiction(console: Console, record: CreditCheck, observed: str) -> None:
    """Open the case about an answer of AlarmBox that contradicts the purchase; `observed` is a text for the answer,
    such as `bought 7`.
    """
    context = console._context
    context.write(lambda tx: outcomes.open_contradiction_case(context, tx, record, observed))


def list_observed_of_open_alerts(console: Console, record: CreditCheck) -> list[str]:
    """Return the text `observed` of each open alert."""
    return [alert.observed for alert in console.alerts.list_alerts() if alert.resolved_at is None]


@pytest.mark.parametrize("spoil_answers", [hide_check, name_other_corporation])
@pytest.mark.parametrize("ask_provider", [refetch_record, probe_record])
def test_an_answer_that_agrees_again_ends_the_case(
    console: Console,
    alarmbox: MisnamingAlarmBox,
    spoil_answers: Callable[[MisnamingAlarmBox], None],
    ask_provider: Callable[[Console, CreditCheck], None],
) -> None:
    """A re-fetch or probe gets one wrong answer, which opens a case. When the next answer agrees with the record, the
    case closes and the record leaves the review queue.
    """
    record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    charges = list(alarmbox.charges)
    spoil_answers(alarmbox)
    if ask_provider is refetch_record:
        assert call_for_refusal(lambda: ask_provider(console, record)).exit_status == 5
    else:
        ask_provider(console, record)
    assert len(list_observed_of_open_alerts(console, record)) == 1
    assert [item.record.id for item in console.recovery.read_queue("review").items] == [record.id]
    alarmbox.charges, alarmbox.reported_number = charges, None
    ask_provider(console, record)
    assert list_observed_of_open_alerts(console, record) == []
    assert console.recovery.read_queue("review").items == ()
    assert console.lookup.find_records(CORPORATION_NUMBER).credit_checks[0].work.state is WorkState.NONE


@pytest.mark.parametrize("ask_provider", [refetch_record, probe_record])
def test_a_contradiction_about_the_purchase_is_not_ended_by_a_reading(
    console: Console, alarmbox: MisnamingAlarmBox, ask_provider: Callable[[Console, CreditCheck], None]
) -> None:
    """A successful re-fetch or probe does not close a case about a second purchase, because it only shows that the
    report can be read.
    """
    record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    open_contradiction(console, record, "bought 7")
    ask_provider(console, record)
    assert list_observed_of_open_alerts(console, record) == ["bought 7"]
    work = console.lookup.find_records(CORPORATION_NUMBER).credit_checks[0].work
    assert (work.state, work.reason) == (WorkState.NEEDS_REVIEW, "contradicted")


def test_a_contradiction_about_the_purchase_replaces_one_about_reading(
    console: Console, alarmbox: MisnamingAlarmBox
) -> None:
    """First AlarmBox doesn't show the check, and then an answer names another purchase. The case is now about the
    other purchase, and a re-fetch that succeeds doesn't close it.
    """
    record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    charges = list(alarmbox.charges)
    hide_check(alarmbox)
    call_for_refusal(lambda: refetch_record(console, record))
    open_contradiction(console, record, "bought 7")
    assert list_observed_of_open_alerts(console, record) == ["bought 7"]
    alarmbox.charges = charges
    refetch_record(console, record)
    assert list_observed_of_open_alerts(console, record) == ["bought 7"]


def test_an_acknowledged_contradiction_hides_no_other_one(console: Console, alarmbox: MisnamingAlarmBox) -> None:
    """A person acknowledges the case about a contradiction. Another contradiction of the same purchase opens an alert
    that isn't acknowledged.
    """
    record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    for observed in ("bought 7", "bought 7", "bought 8"):
        open_contradiction(console, record, observed)
        (case,) = (alert for alert in console.alerts.list_alerts() if alert.resolved_at is None)
        assert case.observed == observed
        if observed == "bought 7":
            console.alerts.acknowledge(case.id, "looked")
    assert case.acknowledged_by is None
