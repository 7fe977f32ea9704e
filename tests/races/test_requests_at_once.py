"""Demand 5: however many ask at once, never more than was captured is given away."""

import pytest

from tests.races import requesters
from tests.support.places import Place

pytestmark = pytest.mark.xdist_group("races")
PROCESSES, PAYMENTS = 5, 6


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_open_request_of_a_payment(place: Place) -> None:
    """Five processes at each payment: one request is taken, every other one is refused and says why."""
    endings = requesters.run(place, PROCESSES, PAYMENTS, sums_alone=False)
    print(f"demand 5: {place.engine}: {PROCESSES} processes × {PAYMENTS} payments: {dict(endings)}: 0 beyond")


@pytest.mark.engines("mariadb", "galera")
def test_sums_alone(place: Place) -> None:
    """Past that rule, by the payment's sum alone: as many as fit."""
    endings = requesters.run(place, PROCESSES, PAYMENTS, sums_alone=True)
    print(f"demand 5: {place.engine}: {PROCESSES} processes × {PAYMENTS} sums: {dict(endings)}, 0 beyond captured")


@pytest.mark.engines("mariadb", "galera")
def test_one_person_at_many_windows(place: Place) -> None:
    """A maker's sum of the day holds although each request is for another payment, and they come all at once."""
    endings = requesters.run_of_one_maker(place, PROCESSES, fit=2)
    print(f"demand 5: {place.engine}: one maker at {PROCESSES} desks, 2 fit: {dict(endings)}")
    assert endings["done"] == 2, endings
