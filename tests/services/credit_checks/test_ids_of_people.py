"""Tests that the AlarmBox id with which a person settles an unknown purchase must be the id that AlarmBox gave to
this purchase.
"""

from datetime import datetime

import pytest

from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from tests.support.invented import invent_numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.refusals import call_for_refusal_code

(NUMBER,) = invent_numbers(1, seed=84)


def test_a_check_that_had_expired_before_is_another_purchase(place: Place) -> None:
    """A person settles an unknown purchase with the id of a credit check that expired before the purchase was sent.
    The decision is refused, because the settled record could be renewed at once.
    """
    vendor = LedgerVendor(today=lambda: datetime(2024, 4, 1, tzinfo=JST).date())
    vendor.buy_check(PurchaseRequest(NUMBER, "1"))
    vendor.today = lambda: datetime.now(JST).date()
    with place.desk(vendor) as console:
        vendor.behaviour = "silent_after_charge"
        assert (
            call_for_refusal_code(lambda: console.credit_checks.purchase(PurchaseRequest(NUMBER, "1")))
            == "outcome_unknown"
        )
        vendor.behaviour = "answers"
        (record,) = console.lookup.find_records(NUMBER).credit_checks
        with pytest.raises(ConsoleError, match="evidence_mismatch") as refused:
            console.recovery.resolve("credit-check", record.id, "success", "on their screen", 1)
        assert refused.value.detail["reason"] == "expired_before"
        renewal = PurchaseRequest(NUMBER, "1", renew=True)
        assert call_for_refusal_code(lambda: console.credit_checks.purchase(renewal)) == "already_purchased"
        settled = console.recovery.resolve("credit-check", record.id, "success", "on their screen", 2).record
        assert (settled.state, vendor.count_charges(NUMBER)) == ("success", 2)
        assert call_for_refusal_code(lambda: console.credit_checks.purchase(renewal)) == "not_expired"
