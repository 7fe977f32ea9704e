"""Tests of many processes that request refunds at the same moment: never more is reserved of a payment than was
captured.
"""

import pytest

from tests.races import requesters
from tests.support.places import Place

pytestmark = pytest.mark.xdist_group("races")
PROCESS_COUNT = 5
PAYMENT_COUNT = 6


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_requests_store_one_open_refund(place: Place) -> None:
    """Five processes request a refund of the same payment. The program stores one request and refuses the others with
    a reason."""
    endings = requesters.run_refund_request_race(place, PROCESS_COUNT, PAYMENT_COUNT, reserves_only=False)
    print(
        f"demand 5: {place.engine}: {PROCESS_COUNT} processes × {PAYMENT_COUNT} payments: {dict(endings)}: 0 beyond"
    )


@pytest.mark.engines("mariadb", "galera")
def test_simultaneous_reservations_never_exceed_the_captured_amount(place: Place) -> None:
    """Five processes reserve a part of the same payment at the same moment, without the rule of one open refund. Two
    parts fit into the captured amount, and the other reservations are refused."""
    endings = requesters.run_refund_request_race(place, PROCESS_COUNT, PAYMENT_COUNT, reserves_only=True)
    print(
        f"demand 5: {place.engine}: {PROCESS_COUNT} processes × {PAYMENT_COUNT} sums: {dict(endings)},"
        " 0 beyond captured"
    )


@pytest.mark.engines("mariadb", "galera")
def test_simultaneous_requests_of_one_person_respect_the_daily_limit(place: Place) -> None:
    """One person requests refunds of different payments in five processes at the same moment. The program stores only
    the two requests that fit into the person's daily limit."""
    endings = requesters.run_with_one_requester(place, PROCESS_COUNT, fit=2)
    print(f"demand 5: {place.engine}: one maker at {PROCESS_COUNT} desks, 2 fit: {dict(endings)}")
    assert endings["done"] == 2, endings
