"""Tests that the AlarmBox id with which a person resolves an unknown purchase must be the id that AlarmBox gave to
this purchase.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal, call_for_refusal_code

(CORPORATION_NUMBER,) = invent_numbers(1, seed=84)


def test_the_id_of_a_check_that_expired_before_the_purchase_is_refused(place: Place) -> None:
    """A person resolves an unknown purchase with the id of a credit check that expired before the purchase was sent.
    The decision is refused, because the resolved record could be renewed at once.
    """
    alarmbox = InMemoryAlarmBox(today=lambda: datetime(2024, 4, 1, tzinfo=JST).date())
    alarmbox.buy_check(PurchaseRequest(CORPORATION_NUMBER, "1"))
    alarmbox.today = lambda: datetime.now(JST).date()
    with place.desk(alarmbox) as console:
        alarmbox.behaviour = "silent_after_charge"
        assert (
            call_for_refusal_code(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
            == "outcome_unknown"
        )
        alarmbox.behaviour = "answers"
        (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
        with pytest.raises(ConsoleError, match="evidence_mismatch") as refused:
            console.recovery.resolve("credit-check", record.id, "success", "on their screen", 1)
        assert refused.value.detail["reason"] == "expired_before"
        renewal = PurchaseRequest(CORPORATION_NUMBER, "1", renew=True)
        assert call_for_refusal_code(lambda: console.credit_checks.purchase(renewal)) == "already_purchased"
        settled = console.recovery.resolve("credit-check", record.id, "success", "on their screen", 2).record
        assert (settled.state, alarmbox.count_charges(CORPORATION_NUMBER)) == ("success", 2)
        assert call_for_refusal_code(lambda: console.credit_checks.purchase(renewal)) == "not_expired"


def test_the_id_of_a_check_that_was_bought_before_the_purchase_is_refused(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A person resolves an unknown purchase with the id of a valid credit check that was bought long before the
    purchase was sent. The decision is refused, because the purchase that was sent would be forgotten. Nor does this
    id restore a purchase that the database has lost.
    """
    alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", hand_clock.today() - timedelta(days=200), None))
    with place.desk(alarmbox, hand_clock) as console:
        alarmbox.behaviour = "silent_after_charge"
        error = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
        record = error.detail["record"]
        assert isinstance(record, CreditCheck)
        error = call_for_refusal(lambda: console.recovery.resolve("credit-check", record.id, "success", "seen", 1))
        assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "bought_before")
        place.sql("DELETE FROM hansha_alarmbox_credit_checks", "DELETE FROM operations")
        operation_id = record.operation_id or ""
        error = call_for_refusal(lambda: console.recovery.resolve("operation", operation_id, "success", "seen", 1))
        assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "bought_before")
        restored = console.recovery.resolve("operation", operation_id, "success", "seen", 2).record
        assert isinstance(restored, CreditCheck)
        assert (restored.state, restored.credit_check_id) == ("success", 2)


@dataclass
class RepeatingAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox that answers a further purchase of a number with the id of the first one."""

    def report_charge(self, charge: Charge) -> CheckReport:
        return super().report_charge(next(other for other in self.charges if other.number == charge.number))


def test_a_renewal_answered_with_an_earlier_id_is_unknown(place: Place, hand_clock: ManualClock) -> None:
    """AlarmBox answers a renewal with the id of the expired credit check. The outcome of the renewal is unknown,
    and a person must look. A person can't resolve the renewal with that id. After two people have decided that the
    renewal was not made, a renewal is sent again.
    """
    alarmbox = RepeatingAlarmBox(today=hand_clock.today)
    with place.desk(alarmbox, hand_clock) as console:
        console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        hand_clock.at += timedelta(days=370)
        renewal = PurchaseRequest(CORPORATION_NUMBER, "1", renew=True)
        error = call_for_refusal(lambda: console.credit_checks.purchase(renewal))
        record = error.detail["record"]
        assert isinstance(record, CreditCheck)
        assert (error.code, record.certainty, record.work.reason) == (
            "outcome_unknown",
            "unknown",
            "answer_does_not_fit",
        )
        error = call_for_refusal(lambda: console.recovery.resolve("credit-check", record.id, "success", "seen", 1))
        assert error.detail["reason"] == "used_by_other_record"
        console.recovery.resolve("credit-check", record.id, "error", "no second charge on their screen")
        with place.open_console_of_person(console, "lead-b") as lead:
            lead.recovery.resolve("credit-check", record.id, "error", "the bill has one charge")
        assert call_for_refusal_code(lambda: console.credit_checks.purchase(renewal)) == "outcome_unknown"
